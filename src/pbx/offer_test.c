#include "pbx/offer.h"

#include "base/test.h"

#include <stdio.h>

static struct pbx_offers offers;
static struct arena arena;
static char block[SIP_MSG_ARENA];
static struct sip_msg m;
static struct addr here, elsewhere;

static int setup(void **state)
{
	struct rng rng;

	(void)state;
	rng_seeded(&rng, 7);
	pbx_offers_init(&offers, &rng);
	here = addr_v4(192, 0, 2, 1, 5060);
	elsewhere = addr_v4(192, 0, 2, 2, 5060);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct sip_msg *from(const char *user, const char *agent)
{
	static char text[400];

	snprintf(text, sizeof(text),
		 "REGISTER sip:x SIP/2.0\r\nFrom: <sip:%s@x>;tag=1\r\nTo: <sip:%s@x>\r\nUser-Agent: %s\r\n\r\n", user,
		 user, agent);
	arena_free(&arena);
	arena_init(&arena, block, sizeof(block), SIP_MSG_HEAP_MAX);
	assert_int_equal(sip_msg_parse(&m, &arena, str_from(text)), ERR_NONE);
	return &m;
}

static bool simple(const char *user, const struct addr *source, usec now)
{
	return pbx_offers_simple(&offers, from(user, "x"), source, now);
}

static void who_is_known_to_give_up_is_offered_md5_at_once(void **state)
{
	(void)state;
	assert_true(pbx_offers_simple(&offers, from("a", "baresip v1.0.0 (x86_64/linux)"), &here, 1));
	assert_true(pbx_offers_simple(&offers, from("b", "baresip v0.6.5"), &here, 1));
	assert_false(pbx_offers_simple(&offers, from("c", "baresip v2.9.0"), &here, 1));
	assert_false(pbx_offers_simple(&offers, from("d", ""), &here, 1));
}

static void who_comes_back_without_an_answer_is_offered_md5(void **state)
{
	(void)state;
	assert_false(simple("a", &here, 1));
	assert_false(simple("a", &here, 1 + PBX_OFFER_SOON - 1)); /* several things at once */
	assert_false(simple("b", &here, 1 + PBX_OFFER_SOON));     /* another */
	assert_false(simple("a", &elsewhere, 1 + PBX_OFFER_SOON));
	here.port = 1000; /* a new connection */
	assert_true(simple("a", &here, 1 + PBX_OFFER_SOON));
	assert_false(simple("b", &here, 2 + PBX_OFFER_SOON + PBX_OFFER_BACK)); /* too late to be coming back */
}

static void who_answers_is_offered_all_again(void **state)
{
	(void)state;
	for (usec now = 1; now < 5 * PBX_OFFER_BACK; now += PBX_OFFER_BACK / 2) {
		assert_false(simple("a", &here, now));
		pbx_offers_answered(&offers, from("a", "x"), &here, now + 1);
	}
	assert_false(simple("b", &here, 1));
	pbx_offers_answered(&offers, from("b", "x"), &elsewhere, 2); /* not b */
	assert_true(simple("b", &here, PBX_OFFER_BACK));
}

/* Otherwise it would give up at every second registration. */
static void who_had_to_be_offered_md5_is_so_while_it_is_heard_of(void **state)
{
	usec now = 1 + PBX_OFFER_BACK;

	(void)state;
	assert_false(simple("a", &here, 1));
	assert_true(simple("a", &here, now));
	for (int i = 0; i < 5; i++) {
		pbx_offers_answered(&offers, from("a", "x"), &here, now + 1);
		now += PBX_OFFER_KEPT;
		assert_true(simple("a", &here, now));
	}
	assert_false(simple("a", &here, now + PBX_OFFER_KEPT + 1));
}

static void strangers_cannot_fill_it(void **state)
{
	char name[20];

	(void)state;
	for (int i = 0; i < 4 * PBX_OFFERS_MAX; i++) {
		snprintf(name, sizeof(name), "%d", i);
		assert_false(simple(name, &here, 1));
	}
	assert_true(simple(name, &here, 1 + PBX_OFFER_SOON)); /* the newest has its place */
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(who_is_known_to_give_up_is_offered_md5_at_once),
		T(who_comes_back_without_an_answer_is_offered_md5),
		T(who_answers_is_offered_all_again),
		T(who_had_to_be_offered_md5_is_so_while_it_is_heard_of),
		T(strangers_cannot_fill_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
