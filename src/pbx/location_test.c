#include "pbx/location.h"

#include "base/test.h"

#include <malloc.h>
#include <stdio.h>

static struct pbx_location *l;
static const usec t0 = 1700000000 * USEC_PER_SEC;

static int setup(void **state)
{
	struct rng rng;

	(void)state;
	rng_seeded(&rng, 3);
	l = pbx_location_new(100, &rng);
	return l ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	pbx_location_free(l);
	return 0;
}

static struct contact_record row(str aor, str uri, uint16_t q, usec seconds)
{
	return (struct contact_record){ .aor = aor,
					.key = uri,
					.uri = uri,
					.q = q,
					.registered = t0,
					.updated = t0,
					.expires = t0 + seconds * USEC_PER_SEC };
}

static void put(str aor, str uri, uint16_t q, usec seconds)
{
	struct contact_record r = row(aor, uri, q, seconds);

	assert_int_equal(pbx_location_put(l, &r, t0), ERR_NONE);
}

static void everything_of_a_binding_comes_back(void **state)
{
	const struct pbx_contact *list[PBX_CONTACTS_MAX];
	struct contact_record r = row(STR("sip:a@x"), STR("sip:a@1"), 500, 60), back;

	(void)state;
	r.key = STR("<urn:uuid:1>;reg-id=1");
	r.params = STR("a=b");
	r.call_id = STR("cid");
	r.cseq = 7;
	r.instance = STR("<urn:uuid:1>");
	r.reg_id = 1;
	r.path = STR("<sip:p;lr>");
	r.user_agent = STR("ua");
	r.machine = STR("m");
	struct flow flow = { .transport = TRANSPORT_TCP,
			     .worker = 3,
			     .id = 99,
			     .local = addr_v4(1, 2, 3, 4, 5),
			     .remote = addr_v4(6, 7, 8, 9, 10) };
	contact_set_flow(&r, &flow);
	assert_int_equal(pbx_location_put(l, &r, t0), ERR_NONE);
	assert_int_equal(pbx_location_find(l, STR("sip:a@x"), t0, list), 1);
	pbx_contact_record(list[0], &back);
	assert_str(back.aor, "sip:a@x");
	assert_str(back.key, "<urn:uuid:1>;reg-id=1");
	assert_str(back.uri, "sip:a@1");
	assert_str(back.params, "a=b");
	assert_str(back.call_id, "cid");
	assert_str(back.instance, "<urn:uuid:1>");
	assert_str(back.path, "<sip:p;lr>");
	assert_str(back.user_agent, "ua");
	assert_str(back.machine, "m");
	assert_true(back.cseq == 7 && back.reg_id == 1 && back.q == 500 && back.expires == r.expires);
	struct flow f = contact_flow(&back);
	assert_true(flow_eq(&f, &flow) && addr_eq(&f.local, &flow.local));
}

static void contacts_come_by_q_and_then_the_newest(void **state)
{
	const struct pbx_contact *list[PBX_CONTACTS_MAX];
	struct contact_record r;

	(void)state;
	put(STR("sip:a@x"), STR("sip:low"), 100, 60);
	put(STR("sip:a@x"), STR("sip:old"), 900, 60);
	r = row(STR("sip:a@x"), STR("sip:new"), 900, 60);
	r.updated = t0 + 1;
	assert_int_equal(pbx_location_put(l, &r, t0), ERR_NONE);
	put(STR("sip:b@x"), STR("sip:other"), 1000, 60);
	assert_int_equal(pbx_location_find(l, STR("sip:a@x"), t0, list), 3);
	static const char *const order[] = { "sip:new", "sip:old", "sip:low" };
	for (int i = 0; i < 3; i++) {
		pbx_contact_record(list[i], &r);
		assert_true(str_eq(r.uri, str_from(order[i])));
	}
}

static void the_same_key_is_replaced_and_removed(void **state)
{
	const struct pbx_contact *list[PBX_CONTACTS_MAX];

	(void)state;
	put(STR("sip:a@x"), STR("sip:1"), 1000, 60);
	put(STR("sip:a@x"), STR("sip:1"), 500, 90);
	assert_int_equal(pbx_location_n(l), 1);
	pbx_location_tick(l, t0 + 60 * USEC_PER_SEC);
	assert_int_equal(pbx_location_n(l), 1);
	assert_int_equal(pbx_location_due(l), t0 + 90 * USEC_PER_SEC);
	pbx_location_remove(l, STR("sip:a@x"), STR("sip:2"));
	pbx_location_remove(l, STR("sip:b@x"), STR("sip:1"));
	assert_int_equal(pbx_location_find(l, STR("sip:a@x"), t0, list), 1);
	pbx_location_remove(l, STR("sip:a@x"), STR("sip:1"));
	assert_int_equal(pbx_location_n(l), 0);
	assert_int_equal(pbx_location_due(l), USEC_NEVER);
}

static void bindings_end_at_their_second(void **state)
{
	const struct pbx_contact *list[PBX_CONTACTS_MAX];
	struct contact_record r = row(STR("sip:a@x"), STR("sip:1"), 1000, 0);

	(void)state;
	assert_int_equal(pbx_location_put(l, &r, t0), ERR_EXPIRED);
	put(STR("sip:a@x"), STR("sip:1"), 1000, 60);
	assert_int_equal(pbx_location_find(l, STR("sip:a@x"), t0 + 60 * USEC_PER_SEC - 1, list), 1);
	assert_int_equal(pbx_location_find(l, STR("sip:a@x"), t0 + 60 * USEC_PER_SEC, list), 0);
	pbx_location_tick(l, t0 + 60 * USEC_PER_SEC);
	assert_int_equal(pbx_location_n(l), 0);
}

static void both_bounds_are_kept(void **state)
{
	char uri[40];
	struct contact_record r;

	(void)state;
	for (int i = 0; i < 100; i++) {
		char aor[40];

		snprintf(aor, sizeof(aor), "sip:%d@x", i / PBX_CONTACTS_MAX);
		snprintf(uri, sizeof(uri), "sip:%d", i);
		put(str_from(aor), str_from(uri), 1000, 60);
	}
	r = row(STR("sip:0@x"), STR("sip:more"), 1000, 60);
	assert_int_equal(pbx_location_put(l, &r, t0), ERR_FULL); /* of one address */
	r = row(STR("sip:more@x"), STR("sip:more"), 1000, 60);
	assert_int_equal(pbx_location_put(l, &r, t0), ERR_FULL); /* of the table */
	r = row(STR("sip:0@x"), STR("sip:0"), 1000, 90);
	assert_int_equal(pbx_location_put(l, &r, t0), ERR_NONE); /* a refresh is never refused */
	assert_int_equal(pbx_location_n(l), 100);
}

/* A phone of the usual kind; the block that the allocator takes for it. */
static void a_binding_is_small(void **state)
{
	struct contact_record r =
		row(STR("sip:100001@pbx.example.com"), STR("sip:100001@192.168.100.100:50600;ob"), 1000, 3600);
	const struct pbx_contact *list[PBX_CONTACTS_MAX];

	(void)state;
	r.call_id = STR("5f2e8a1c-7b3d-4e9f-a6c0-8d1b2f3e4a5c");
	r.user_agent = STR("Example Phone/2.14.1");
	r.local = addr_v4(192, 168, 100, 1, 5060);
	r.remote = addr_v4(192, 168, 100, 100, 50600);
	assert_int_equal(pbx_location_put(l, &r, t0), ERR_NONE);
	assert_int_equal(pbx_location_find(l, r.aor, t0, list), 1);
	print_message("a contact: %zu bytes, as allocated %zu\n", pbx_contact_size(list[0]),
		      malloc_usable_size((void *)(uintptr_t)list[0]) + 8);
	assert_true(malloc_usable_size((void *)(uintptr_t)list[0]) + 8 <= 176);
}

/* Long texts, IPv6, more words than the vocabulary takes. */
static void whatever_a_phone_says_comes_back(void **state)
{
	static char long_text[3000];
	const struct pbx_contact *list[PBX_CONTACTS_MAX];
	struct contact_record r = row(STR("sip:a@x"), STR("sip:a@1"), 1000, 60), back;
	char agent[40];

	(void)state;
	memset(long_text, 'z', sizeof(long_text));
	assert_int_equal(addr_parse(STR("[2001:db8::1]:5061"), 0, &r.local), ERR_NONE);
	assert_int_equal(addr_parse(STR("[2001:db8::2]:65535"), 0, &r.remote), ERR_NONE);
	r.cseq = r.flow_id = r.reg_id = UINT32_MAX;
	r.flow_worker = UINT16_MAX;
	r.params = r.path = str_of(long_text, sizeof(long_text));
	r.registered = t0 - 86400 * USEC_PER_SEC;
	for (int i = 0; i < 4200; i++) {
		snprintf(agent, sizeof(agent), "phone %d", i);
		r.user_agent = i % 7 ? str_from(agent) : str_of(long_text, 300);
		r.local.port = (uint16_t)i;
		assert_int_equal(pbx_location_put(l, &r, t0), ERR_NONE);
		assert_int_equal(pbx_location_find(l, r.aor, t0, list), 1);
		pbx_contact_record(list[0], &back);
		assert_true(str_eq(back.user_agent, r.user_agent) && str_eq(back.path, r.path) &&
			    str_eq(back.params, r.params) && str_eq(back.key, r.uri) && back.machine.n == 0);
		assert_true(addr_eq(&back.local, &r.local) && addr_eq(&back.remote, &r.remote));
		assert_true(back.cseq == r.cseq && back.flow_id == r.flow_id && back.reg_id == r.reg_id &&
			    back.flow_worker == r.flow_worker && back.q == 1000 && back.registered == r.registered);
	}
}

/* A refresh says the same in other words of the same length, mostly: its block is written over. Whatever it was before,
 * all of it is as it was said last. */
static void a_refresh_is_written_into_the_same_block(void **state)
{
	static char texts[4][300];
	const struct pbx_contact *list[PBX_CONTACTS_MAX], *before = NULL;
	unsigned same = 0, moved = 0;
	struct contact_record back;
	struct rng rng;

	(void)state;
	rng_seeded(&rng, 11);
	for (int turn = 0; turn < 20000; turn++) {
		struct contact_record r = row(STR("sip:a@x"), STR("sip:a@1"), (uint16_t)rng_below(&rng, 1001), 60);
		str *const fields[] = { &r.call_id, &r.params, &r.instance, &r.path, &r.user_agent, &r.machine };

		for (size_t i = 0; i < 6; i++) {
			char *text = texts[i % 4];

			memset(text, 'a' + (int)rng_below(&rng, 26), sizeof(texts[0]));
			*fields[i] = str_of(text, rng_below(&rng, 4) ? 20 + rng_below(&rng, 2) : rng_below(&rng, 290));
		}
		r.cseq = rng_below(&rng, UINT32_MAX);
		r.flow_id = rng_below(&rng, 3) * 100;
		r.remote = rng_below(&rng, 5) ? addr_v4(1, 2, 3, 4, (uint16_t)rng_below(&rng, 65536))
					      : (struct addr){ .family = 6, .ip = { 1 } };
		r.local = addr_v4(9, 9, 9, 9, (uint16_t)(5060 + rng_below(&rng, 2)));
		assert_int_equal(pbx_location_put(l, &r, t0), ERR_NONE);
		assert_int_equal(pbx_location_n(l), 1);
		assert_int_equal(pbx_location_find(l, r.aor, t0, list), 1);
		same += list[0] == before;
		moved += list[0] != before;
		before = list[0];
		pbx_contact_record(list[0], &back);
		assert_true(str_eq(back.call_id, r.call_id) && str_eq(back.params, r.params) &&
			    str_eq(back.instance, r.instance) && str_eq(back.path, r.path) &&
			    str_eq(back.user_agent, r.user_agent) && str_eq(back.machine, r.machine) &&
			    str_eq(back.key, r.uri) && str_eq(back.aor, r.aor) && str_eq(back.uri, r.uri));
		assert_true(back.cseq == r.cseq && back.q == r.q && back.flow_id == r.flow_id &&
			    addr_eq(&back.remote, &r.remote) && addr_eq(&back.local, &r.local));
		assert_true(malloc_usable_size((void *)(uintptr_t)list[0]) >= pbx_contact_size(list[0]));
	}
	assert_true(same > 1000 && moved > 1000);
	/* and one that is put back from its own block, with a little less (copies must not overlap: the sanitizer says)
	 */
	struct contact_record r = row(STR("sip:b@x"), STR("sip:b@1"), 1000, 60);
	r.instance = STR("<i:1>");
	r.path = STR("<sip:path.example;lr>");
	r.call_id = STR("call");
	assert_int_equal(pbx_location_put(l, &r, t0), ERR_NONE);
	assert_int_equal(pbx_location_find(l, r.aor, t0, list), 1);
	pbx_contact_record(list[0], &back);
	back.transport = 0;
	back.instance = STR_NONE;
	assert_int_equal(pbx_location_put(l, &back, t0), ERR_NONE);
	assert_int_equal(pbx_location_find(l, STR("sip:b@x"), t0, list), 1);
	pbx_contact_record(list[0], &back);
	assert_str(back.aor, "sip:b@x");
	assert_str(back.uri, "sip:b@1");
	assert_str(back.path, "<sip:path.example;lr>");
	assert_str(back.call_id, "call");
	assert_int_equal(back.instance.n, 0);
}

static void many_come_and_go_without_a_long_sweep(void **state)
{
	struct pbx_location *big;
	char aor[40], uri[40];
	struct rng rng;
	usec now = t0;
	int ticks = 0;

	(void)state;
	rng_seeded(&rng, 4);
	big = pbx_location_new(100000, &rng);
	for (int i = 0; i < 50000; i++) {
		snprintf(aor, sizeof(aor), "sip:%d@x", i);
		snprintf(uri, sizeof(uri), "sip:%d", i);
		struct contact_record r = row(str_from(aor), str_from(uri), 1000, 60 + i % 100);
		assert_int_equal(pbx_location_put(big, &r, now), ERR_NONE);
	}
	for (size_t n; (n = pbx_location_n(big)) > 0; ticks++) {
		assert_true(pbx_location_due(big) > now || ticks == 0);
		now = pbx_location_due(big);
		pbx_location_tick(big, now);
		assert_true(n - pbx_location_n(big) < 20000);
	}
	assert_in_range(now, t0 + 159 * USEC_PER_SEC, t0 + 162 * USEC_PER_SEC);
	assert_true(ticks < 1000);
	assert_int_equal(pbx_location_due(big), USEC_NEVER);
	pbx_location_free(big);
}

static void shards_are_even_and_everywhere_the_same(void **state)
{
	unsigned counts[4] = { 0 };
	char aor[40];

	(void)state;
	for (int i = 0; i < 4000; i++) {
		snprintf(aor, sizeof(aor), "sip:%d@example.com", i);
		counts[pbx_location_shard(str_from(aor), 4)]++;
	}
	for (int i = 0; i < 4; i++)
		assert_in_range(counts[i], 900, 1100);
	assert_int_equal(pbx_location_shard(STR("sip:101@example.com"), 1), 0);
}

/* The next sweep may be some seconds away. */
static void bindings_that_have_ended_take_nobodys_place(void **state)
{
	struct contact_record r = row(STR("sip:a@x"), STR("sip:a@new"), 0, 600);
	const struct pbx_contact *list[PBX_CONTACTS_MAX];
	char uri[30];

	(void)state;
	for (int i = 0; i < PBX_CONTACTS_MAX; i++) {
		snprintf(uri, sizeof(uri), "sip:a@%d", i);
		put(STR("sip:a@x"), str_from(uri), 0, 60);
	}
	assert_int_equal(pbx_location_put(l, &r, t0), ERR_FULL);
	assert_int_equal(pbx_location_put(l, &r, t0 + 61 * USEC_PER_SEC), ERR_NONE);
	assert_int_equal(pbx_location_find(l, STR("sip:a@x"), t0 + 61 * USEC_PER_SEC, list), 1);
}

/* Nearly full, so that many stand far behind where they begin, and round the end of the table. */
static void whoever_comes_and_goes_nobody_else_is_lost(void **state)
{
	enum { AORS = 60, KEYS = 3 };
	static usec until[AORS][KEYS]; /* what must be there; 0: never put */
	const struct pbx_contact *list[PBX_CONTACTS_MAX];
	struct pbx_contact_mark mark;
	struct contact_record back;
	char aor[40], uri[40];
	usec now = t0;
	struct rng rng;

	(void)state;
	rng_seeded(&rng, 12);
	for (int turn = 0; turn < 200000; turn++) {
		unsigned a = rng_below(&rng, AORS), k = rng_below(&rng, KEYS), what = rng_below(&rng, 10);
		size_t live = 0, n, expected = 0;

		snprintf(aor, sizeof(aor), "sip:%u@x", a);
		snprintf(uri, sizeof(uri), "sip:%u@%u", a, k);
		if (what < 5) {
			struct contact_record r = row(str_from(aor), str_from(uri), (uint16_t)k, 0);

			r.expires = now + (usec)(1 + rng_below(&rng, 40)) * USEC_PER_SEC;
			r.call_id = str_from(uri);
			r.cseq = (uint32_t)turn;
			r.key = k ? r.uri : STR("a key");
			enum err err = pbx_location_put(l, &r, now);
			assert_true(err == ERR_NONE || (err == ERR_FULL && pbx_location_n(l) == 100));
			until[a][k] = err ? until[a][k] : r.expires;
		} else if (what < 8) {
			pbx_location_remove(l, str_from(aor), k ? str_from(uri) : STR("a key"));
			until[a][k] = 0;
		} else if (what == 8) {
			now += (usec)rng_below(&rng, 2) * USEC_PER_SEC;
			while (pbx_location_due(l) <= now)
				pbx_location_tick(l, pbx_location_due(l));
		}
		for (unsigned i = 0; i < AORS; i++)
			for (unsigned j = 0; j < KEYS; j++)
				live += until[i][j] > now;
		assert_int_equal(pbx_location_n(l), live);
		for (unsigned j = 0; j < KEYS; j++)
			expected += until[a][j] > now;
		n = pbx_location_find(l, str_from(aor), now, list);
		assert_int_equal(n, expected);
		for (size_t i = 0; i < n; i++) {
			pbx_contact_record(list[i], &back);
			pbx_contact_mark(list[i], &mark);
			assert_int_equal(back.expires, until[a][back.q]);
			assert_true(str_eq(mark.key, back.key) && str_eq(mark.call_id, back.call_id) &&
				    mark.cseq == back.cseq && mark.registered == back.registered);
		}
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(everything_of_a_binding_comes_back),
		T(contacts_come_by_q_and_then_the_newest),
		T(the_same_key_is_replaced_and_removed),
		T(bindings_end_at_their_second),
		T(both_bounds_are_kept),
		T(bindings_that_have_ended_take_nobodys_place),
		T(whoever_comes_and_goes_nobody_else_is_lost),
		T(a_binding_is_small),
		T(whatever_a_phone_says_comes_back),
		T(a_refresh_is_written_into_the_same_block),
		T(many_come_and_go_without_a_long_sweep),
		T(shards_are_even_and_everywhere_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
