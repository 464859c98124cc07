#include "overlay/envelope.h"

#include "overlay/test.h"

#include <stdio.h>

struct party {
	struct test_user user;
	struct box_pair keys, before;
	struct overlay_envelope *e;
};

struct fixture {
	struct overlay_network network;
	struct rng rng;
	struct party alice, bob, carol;
	struct overlay_record bob_record;
	struct buf sealed, clear;
};

static void party_new(struct fixture *f, struct party *p, str name)
{
	test_user(&p->user, name, TEST_NOW);
	box_new(&p->keys, &f->rng);
	const struct overlay_envelope_setup s = {
		.network = &f->network,
		.certificate = &p->user.certificate,
		.device = &p->user.device,
		.keys = &p->keys,
		.keys_before = &p->before,
		.rng = &f->rng,
	};
	p->e = overlay_envelope_new(&s);
	assert_non_null(p->e);
}

static int setup(void **state)
{
	static struct fixture f;
	struct sign_pair authority;

	memset(&f, 0, sizeof(f));
	rng_seeded(&f.rng, 2);
	test_authority(&authority);
	memcpy(f.network.authority, authority.key, OVERLAY_KEY_N);
	assert_int_equal(overlay_domain_parse(TEST_NETWORK, &f.network.name), ERR_NONE);
	party_new(&f, &f.alice, STR("alice"));
	party_new(&f, &f.bob, STR("bob"));
	party_new(&f, &f.carol, STR("carol"));
	test_record(&f.bob_record, &f.bob.user, 1, TEST_NOW);
	memcpy(f.bob_record.seal_key, f.bob.keys.key, OVERLAY_KEY_N);
	assert_int_equal(overlay_record_sign(&f.bob_record, &f.bob.user.device), ERR_NONE);
	overlay_envelope_know(f.alice.e, &f.bob_record);
	buf_init_grow(&f.sealed, 200000);
	buf_init_grow(&f.clear, 200000);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	overlay_envelope_free(f->alice.e);
	overlay_envelope_free(f->bob.e);
	overlay_envelope_free(f->carol.e);
	buf_free(&f->sealed);
	buf_free(&f->clear);
	return 0;
}

static char message[4096];

static str request(const struct fixture *f, const char *method, int cseq, const char *body)
{
	char uri[300] = "";
	struct buf u;

	buf_init(&u, uri, sizeof(uri) - 1);
	overlay_point_write_uri(&f->bob_record.point[0], STR("bob"), &u);
	int n = snprintf(
		message, sizeof(message),
		"%s %s SIP/2.0\r\nVia: SIP/2.0/TLS x;branch=z9hG4bK%d\r\nFrom: <sip:alice@net.example>;tag=1\r\n"
		"To: \"Bob\" <sip:bob@NET.example>\r\nCall-ID: c1\r\nCSeq: %d %s\r\nMax-Forwards: 70\r\n"
		"%sContent-Length: %zu\r\n\r\n%s",
		method, uri, cseq, cseq, method, *body ? "Content-Type: application/sdp\r\n" : "", strlen(body), body);
	return str_of(message, (size_t)n);
}

static str response(const char *status, int cseq, const char *from, const char *to, const char *body)
{
	int n = snprintf(message, sizeof(message),
			 "SIP/2.0 %s\r\nVia: SIP/2.0/TLS x;branch=z9hG4bK%d\r\nFrom: <sip:%s@net.example>;tag=1\r\n"
			 "To: <sip:%s@net.example>;tag=2\r\nCall-ID: c1\r\nCSeq: %d INVITE\r\n"
			 "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
			 status, cseq, from, to, cseq, strlen(body), body);
	return str_of(message, (size_t)n);
}

static str close_ok(struct fixture *f, struct party *p, str sip)
{
	str out;

	buf_reset(&f->sealed);
	assert_int_equal(overlay_envelope_close(p->e, sip, TEST_NOW, &f->sealed, &out), ERR_NONE);
	return out;
}

static enum err open_as(struct fixture *f, struct party *p, str sip, str *out, struct overlay_peer *peer)
{
	buf_reset(&f->clear);
	return overlay_envelope_open(p->e, sip, TEST_NOW, &f->clear, out, peer);
}

static bool has(str s, const char *needle)
{
	return str_find(s, str_from(needle)) < s.n;
}

static void a_call_is_sealed_both_ways(void **state)
{
	struct fixture *f = *state;
	struct overlay_peer peer;
	str out;
	str sealed = close_ok(f, &f->alice, request(f, "INVITE", 1, "v=0\r\n"));

	assert_false(has(sealed, "v=0"));
	assert_true(has(sealed, "Content-Type: application/tandem-sealed\r\n"));
	assert_int_equal(open_as(f, &f->bob, sealed, &out, &peer), ERR_NONE);
	assert_true(has(out, "Content-Type: application/sdp\r\n"));
	assert_true(str_ends(out, STR("\r\n\r\nv=0\r\n")));
	assert_str(overlay_name_str(&peer.name), "alice");
	/* bob has never looked alice up: her key came with the INVITE */
	sealed = close_ok(f, &f->bob, response("200 OK", 1, "alice", "bob", "v=1\r\n"));
	assert_false(has(sealed, "v=1"));
	assert_int_equal(open_as(f, &f->alice, sealed, &out, &peer), ERR_NONE);
	assert_str(overlay_name_str(&peer.name), "bob");
	/* within the dialog, too */
	sealed = close_ok(f, &f->alice, request(f, "UPDATE", 2, "v=2\r\n"));
	assert_int_equal(open_as(f, &f->bob, sealed, &out, &peer), ERR_NONE);
	assert_true(str_ends(out, STR("\r\n\r\nv=2\r\n")));
}

static void only_the_callee_opens_it_and_once(void **state)
{
	struct fixture *f = *state;
	struct overlay_peer peer;
	str out, sealed = close_ok(f, &f->alice, request(f, "INVITE", 1, "v=0\r\n"));

	assert_int_equal(open_as(f, &f->carol, sealed, &out, &peer), ERR_ABSENT);
	assert_int_equal(open_as(f, &f->bob, sealed, &out, &peer), ERR_NONE);
	assert_int_equal(open_as(f, &f->bob, sealed, &out, &peer), ERR_EXISTS);
}

static void changed_essentials_are_noticed(void **state)
{
	static const char *const changes[][2] = {
		{ "sip:alice@net.example", "sip:carol@net.example" },
		{ "sip:bob@NET.example", "sip:eve@NET.example" },
		{ "Call-ID: c1", "Call-ID: c2" },
		{ "CSeq: 1 ", "CSeq: 3 " },
	};
	struct fixture *f = *state;
	struct overlay_peer peer;
	char text[4096];
	str out;

	for (size_t i = 0; i < 4; i++) {
		str sealed = close_ok(f, &f->alice, request(f, "INVITE", 1, "v=0\r\n"));
		size_t at = str_find(sealed, str_from(changes[i][0])), n = strlen(changes[i][0]);

		memcpy(text, sealed.p, sealed.n);
		memcpy(text + at, changes[i][1], strlen(changes[i][1]));
		memmove(text + at + strlen(changes[i][1]), sealed.p + at + n, sealed.n - at - n);
		sealed.n = sealed.n - n + strlen(changes[i][1]);
		assert_int_equal(open_as(f, &f->bob, str_of(text, sealed.n), &out, &peer), ERR_FORGED);
	}
}

static void an_insider_cannot_ring_under_anothers_name(void **state)
{
	struct fixture *f = *state;
	struct overlay_peer peer;
	str out;

	/* Carol is a good member and knows Bob; but she writes Alice into From. */
	overlay_envelope_know(f->carol.e, &f->bob_record);
	str sealed = close_ok(f, &f->carol, request(f, "INVITE", 1, "v=0\r\n"));
	assert_int_equal(open_as(f, &f->bob, sealed, &out, &peer), ERR_FORGED);
}

static void nothing_that_matters_comes_in_clear(void **state)
{
	struct fixture *f = *state;
	struct overlay_peer peer;
	str out;

	assert_int_equal(open_as(f, &f->bob, request(f, "INVITE", 1, "v=0\r\n"), &out, &peer), ERR_REFUSED);
	assert_int_equal(open_as(f, &f->bob, request(f, "INVITE", 1, ""), &out, &peer), ERR_REFUSED);
	assert_int_equal(open_as(f, &f->bob, request(f, "MESSAGE", 1, ""), &out, &peer), ERR_REFUSED);
	assert_int_equal(open_as(f, &f->bob, request(f, "BYE", 1, ""), &out, &peer), ERR_NONE);
	assert_int_equal(peer.name.n, 0);
	/* and an empty INVITE goes out sealed */
	str sealed = close_ok(f, &f->alice, request(f, "INVITE", 1, ""));
	assert_true(has(sealed, "application/tandem-sealed"));
	assert_int_equal(open_as(f, &f->bob, sealed, &out, &peer), ERR_NONE);
	assert_false(has(out, "Content-Type"));
	assert_true(has(out, "Content-Length: 0\r\n"));
}

static void a_letter_to_the_key_of_yesterday_still_opens(void **state)
{
	struct fixture *f = *state;
	struct overlay_peer peer;
	str out, sealed = close_ok(f, &f->alice, request(f, "INVITE", 1, "v=0\r\n"));

	f->bob.before = f->bob.keys;
	box_new(&f->bob.keys, &f->rng);
	assert_int_equal(open_as(f, &f->bob, sealed, &out, &peer), ERR_NONE);
	f->bob.before = f->bob.keys;
	sealed = close_ok(f, &f->alice, request(f, "INVITE", 2, "v=0\r\n"));
	assert_int_equal(open_as(f, &f->bob, sealed, &out, &peer), ERR_ABSENT);
}

static void an_answer_for_nobody_known_goes_without_its_body(void **state)
{
	struct fixture *f = *state;
	str out = close_ok(f, &f->bob, response("200 OK", 1, "stranger", "bob", "v=0\r\n"));

	assert_false(has(out, "v=0"));
	assert_true(has(out, "Content-Length: 0\r\n"));
}

static void what_was_refused_is_answered_or_stripped(void **state)
{
	struct fixture *f = *state;
	struct overlay_refused refused;

	buf_reset(&f->clear);
	assert_int_equal(
		overlay_envelope_refuse(f->bob.e, request(f, "INVITE", 1, "v=0\r\n"), ERR_REFUSED, &f->clear, &refused),
		ERR_NONE);
	assert_true(str_starts(refused.back, STR("SIP/2.0 493 ")));
	assert_int_equal(refused.up.n, 0);
	buf_reset(&f->clear);
	assert_int_equal(
		overlay_envelope_refuse(f->bob.e, request(f, "INVITE", 1, "v=0\r\n"), ERR_EXPIRED, &f->clear, &refused),
		ERR_NONE);
	assert_true(str_starts(refused.back, STR("SIP/2.0 403 ")));
	buf_reset(&f->clear);
	assert_int_equal(overlay_envelope_refuse(f->alice.e, response("200 OK", 1, "alice", "bob", "v=0\r\n"),
						 ERR_FORGED, &f->clear, &refused),
			 ERR_NONE);
	assert_true(str_starts(refused.up, STR("SIP/2.0 200 ")));
	assert_false(has(refused.up, "v=0"));
	assert_int_equal(refused.back.n, 0);
	buf_reset(&f->clear);
	assert_int_equal(
		overlay_envelope_refuse(f->bob.e, request(f, "ACK", 1, "v=0\r\n"), ERR_REFUSED, &f->clear, &refused),
		ERR_NONE);
	assert_int_equal(refused.back.n, 0);
}

static void a_thousand_later_calls_push_the_oldest_out(void **state)
{
	struct fixture *f = *state;
	char text[4096];
	str out;

	close_ok(f, &f->alice, request(f, "INVITE", 1, "v=0\r\n"));
	for (int i = 0; i < 1024; i++) {
		str sip = request(f, "INVITE", 1, "v=0\r\n");
		size_t at = str_find(sip, STR("Call-ID: c1"));

		int n = snprintf(text, sizeof(text), "%.*sCall-ID: x%d%.*s", (int)at, sip.p, i, (int)(sip.n - at - 11),
				 sip.p + at + 11);
		close_ok(f, &f->alice, str_of(text, (size_t)n));
	}
	/* without the token in the Request-URI only the table could tell */
	str sip = request(f, "INFO", 2, "v=0\r\n");
	size_t at = str_find(sip, STR(";flow="));
	int n = snprintf(text, sizeof(text), "%.*s%.*s", (int)at, sip.p, (int)(sip.n - at - 38), sip.p + at + 38);
	buf_reset(&f->sealed);
	assert_int_equal(overlay_envelope_close(f->alice.e, str_of(text, (size_t)n), TEST_NOW, &f->sealed, &out),
			 ERR_ABSENT);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(a_call_is_sealed_both_ways),
		WITH(only_the_callee_opens_it_and_once),
		WITH(changed_essentials_are_noticed),
		WITH(an_insider_cannot_ring_under_anothers_name),
		WITH(nothing_that_matters_comes_in_clear),
		WITH(a_letter_to_the_key_of_yesterday_still_opens),
		WITH(an_answer_for_nobody_known_goes_without_its_body),
		WITH(what_was_refused_is_answered_or_stripped),
		WITH(a_thousand_later_calls_push_the_oldest_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
