#include "overlay/seal.h"

#include "crypt/digest.h"
#include "overlay/test.h"

static const struct overlay_essentials invite = {
	.method = STR_INIT("INVITE"),
	.cseq = 1,
	.call_id = STR_INIT("c1"),
	.from = STR_INIT("alice@net.example"),
	.to = STR_INIT("bob@net.example"),
};

struct fixture {
	struct sign_pair authority;
	struct test_user alice;
	struct box_pair alice_box, bob_box;
	struct rng rng;
	struct buf sealed, clear;
};

static int setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	rng_seeded(&f.rng, 3);
	test_authority(&f.authority);
	test_user(&f.alice, STR("alice"), TEST_NOW);
	box_new(&f.alice_box, &f.rng);
	box_new(&f.bob_box, &f.rng);
	buf_init_grow(&f.sealed, 100000);
	buf_init_grow(&f.clear, 100000);
	overlay_seal(&f.sealed, &invite, f.bob_box.key, &f.alice.certificate, &f.alice.device, f.alice_box.key,
		     STR("application/sdp"), STR("v=0\r\n"), &f.rng, TEST_NOW);
	assert_true(buf_ok(&f.sealed));
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	buf_free(&f->sealed);
	buf_free(&f->clear);
	return 0;
}

static enum err open_as(struct fixture *f, str sealed, const struct overlay_essentials *e, const struct box_pair *who,
			usec now)
{
	struct overlay_letter letter;

	buf_reset(&f->clear);
	return overlay_open(sealed, e, who, TEST_NETWORK, f->authority.key, now, &f->clear, &letter);
}

static void the_recipient_reads_what_was_sent_and_who_sent_it(void **state)
{
	struct fixture *f = *state;
	struct overlay_letter letter;

	assert_int_equal(overlay_open(buf_str(&f->sealed), &invite, &f->bob_box, TEST_NETWORK, f->authority.key,
				      TEST_NOW, &f->clear, &letter),
			 ERR_NONE);
	assert_str(letter.type, "application/sdp");
	assert_str(letter.content, "v=0\r\n");
	assert_str(overlay_name_str(&letter.sender.name), "alice");
	assert_memory_equal(letter.sender_seal_key, f->alice_box.key, OVERLAY_KEY_N);
	assert_int_equal(letter.time, TEST_NOW);
}

static void nobody_else_can_open_it(void **state)
{
	struct fixture *f = *state;
	struct box_pair other = f->alice_box;

	assert_int_equal(open_as(f, buf_str(&f->sealed), &invite, &other, TEST_NOW), ERR_ABSENT);
	f->sealed.p[1] ^= 1; /* the hint alone decides nothing */
	assert_int_equal(open_as(f, buf_str(&f->sealed), &invite, &f->bob_box, TEST_NOW), ERR_ABSENT);
}

static void any_changed_byte_is_noticed(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < f->sealed.n; i++) {
		f->sealed.p[i] ^= 1;
		assert_int_not_equal(open_as(f, buf_str(&f->sealed), &invite, &f->bob_box, TEST_NOW), ERR_NONE);
		f->sealed.p[i] ^= 1;
	}
	for (size_t n = 0; n < f->sealed.n; n++)
		assert_int_not_equal(open_as(f, str_head(buf_str(&f->sealed), n), &invite, &f->bob_box, TEST_NOW),
				     ERR_NONE);
}

static void it_opens_in_no_other_message(void **state)
{
	struct fixture *f = *state;
	struct overlay_essentials other[6] = { invite, invite, invite, invite, invite, invite };

	other[0].response = true;
	other[1].method = STR("MESSAGE");
	other[2].cseq = 2;
	other[3].call_id = STR("c2");
	other[4].from = STR("carol@net.example");
	other[5].to = STR("carol@net.example");
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(open_as(f, buf_str(&f->sealed), &other[i], &f->bob_box, TEST_NOW), ERR_FORGED);
}

static void a_letter_has_its_time(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(open_as(f, buf_str(&f->sealed), &invite, &f->bob_box, TEST_NOW + HOUR), ERR_EXPIRED);
	assert_int_equal(open_as(f, buf_str(&f->sealed), &invite, &f->bob_box, TEST_NOW + 50 * HOUR), ERR_EXPIRED);
	assert_int_equal(open_as(f, buf_str(&f->sealed), &invite, &f->bob_box, TEST_NOW - HOUR), ERR_STATE);
}

static void the_recipient_cannot_pass_it_on_as_the_senders(void **state)
{
	struct fixture *f = *state;
	struct test_user mallory;
	struct box_pair carol;

	/* Mallory writes a letter that carries Alice's certificate: only Alice's device could sign it. */
	test_user(&mallory, STR("mallory"), TEST_NOW);
	box_new(&carol, &f->rng);
	buf_reset(&f->sealed);
	overlay_seal(&f->sealed, &invite, carol.key, &f->alice.certificate, &mallory.device, f->alice_box.key,
		     STR("application/sdp"), STR("v=0\r\n"), &f->rng, TEST_NOW);
	assert_int_equal(open_as(f, buf_str(&f->sealed), &invite, &carol, TEST_NOW), ERR_FORGED);
}

static void a_letter_is_not_put_into_another_envelope(void **state)
{
	struct fixture *f = *state;
	uint8_t hint[32];
	struct buf again;
	struct box_pair carol;

	/* Bob opens Alice's letter and closes the very same, signed inside to Carol. */
	assert_int_equal(open_as(f, buf_str(&f->sealed), &invite, &f->bob_box, TEST_NOW), ERR_NONE);
	box_new(&carol, &f->rng);
	assert_int_equal(digest_once(DIGEST_SHA256, str_of((const char *)carol.key, 32), hint), ERR_NONE);
	buf_init_grow(&again, 10000);
	buf_put_u8(&again, 1);
	buf_put_bytes(&again, hint, 8);
	str essentials = str_of(f->clear.p + 3, 32); /* the first field */
	assert_int_equal(box_seal(carol.key, STR("overlay sip body"), essentials, buf_str(&f->clear), &f->rng, &again),
			 ERR_NONE);
	struct overlay_letter letter;
	struct buf clear;
	buf_init_grow(&clear, 10000);
	assert_int_equal(overlay_open(buf_str(&again), &invite, &carol, TEST_NETWORK, f->authority.key, TEST_NOW,
				      &clear, &letter),
			 ERR_FORGED);
	buf_free(&clear);
	buf_free(&again);
}

static void lengths_are_bounded_and_padded(void **state)
{
	struct fixture *f = *state;
	static char big[OVERLAY_SEAL_CLEAR_MAX + 1];
	size_t n = f->sealed.n;

	buf_reset(&f->sealed);
	overlay_seal(&f->sealed, &invite, f->bob_box.key, &f->alice.certificate, &f->alice.device, f->alice_box.key,
		     STR("application/sdp"), STR("v=0\r\no"), &f->rng, TEST_NOW);
	assert_int_equal(f->sealed.n, n); /* one byte more shows nothing */
	buf_reset(&f->sealed);
	overlay_seal(&f->sealed, &invite, f->bob_box.key, &f->alice.certificate, &f->alice.device, f->alice_box.key,
		     STR("a"), str_of(big, sizeof(big)), &f->rng, TEST_NOW);
	assert_int_equal(f->sealed.err, ERR_LIMIT);
	assert_int_equal(f->sealed.n, 0);
	buf_reset(&f->sealed);
	overlay_seal(&f->sealed, &invite, f->bob_box.key, &f->alice.certificate, &f->alice.device, f->alice_box.key,
		     STR("a"), str_of(big, sizeof(big) - 1), &f->rng, TEST_NOW);
	assert_int_equal(open_as(f, buf_str(&f->sealed), &invite, &f->bob_box, TEST_NOW), ERR_NONE);
}

static void a_letter_counts_once(void **state)
{
	struct overlay_replay r;
	char sealed[64] = { 0 };
	str s = str_of(sealed, sizeof(sealed));

	(void)state;
	assert_true(overlay_replay_start(&r));
	assert_true(overlay_replay_new(&r, s, TEST_NOW, TEST_NOW));
	assert_false(overlay_replay_new(&r, s, TEST_NOW, TEST_NOW + 1));
	for (uint32_t i = 1; i <= OVERLAY_REPLAY_MAX; i++) {
		memcpy(sealed + 9, &i, sizeof(i));
		assert_true(overlay_replay_new(&r, s, TEST_NOW + i, TEST_NOW + i));
	}
	/* The first was pushed out; so nothing as old as it is taken any more. */
	memset(sealed, 0, sizeof(sealed));
	assert_false(overlay_replay_new(&r, s, TEST_NOW, TEST_NOW + 5000));
	overlay_replay_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_recipient_reads_what_was_sent_and_who_sent_it, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_else_can_open_it, setup, teardown),
		cmocka_unit_test_setup_teardown(any_changed_byte_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(it_opens_in_no_other_message, setup, teardown),
		cmocka_unit_test_setup_teardown(a_letter_has_its_time, setup, teardown),
		cmocka_unit_test_setup_teardown(the_recipient_cannot_pass_it_on_as_the_senders, setup, teardown),
		cmocka_unit_test_setup_teardown(a_letter_is_not_put_into_another_envelope, setup, teardown),
		cmocka_unit_test_setup_teardown(lengths_are_bounded_and_padded, setup, teardown),
		cmocka_unit_test(a_letter_counts_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
