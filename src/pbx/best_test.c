#include "base/test.h"
#include "pbx/best.h"

static void parse(struct sip_msg *m, struct arena *arena, const char *text)
{
	arena_init(arena, NULL, 0, SIP_MSG_HEAP_MAX);
	assert_int_equal(sip_msg_parse(m, arena, str_from(text)), ERR_NONE);
}

static void a_6xx_wins_and_then_the_lowest_class(void **state)
{
	static const int order[] = { 603, 302, 486, 500, 503 };

	(void)state;
	for (size_t i = 1; i < sizeof(order) / sizeof(order[0]); i++)
		assert_true(pbx_best_rank(order[i - 1]) < pbx_best_rank(order[i]));
}

static void within_4xx_what_can_be_mended_comes_first_and_silence_last(void **state)
{
	static const int mend[] = { 401, 407, 415, 420, 484 };

	(void)state;
	for (size_t i = 0; i < sizeof(mend) / sizeof(mend[0]); i++) {
		assert_true(pbx_best_rank(mend[i]) < pbx_best_rank(404));
		assert_true(pbx_best_rank(mend[i]) > pbx_best_rank(399));
	}
	assert_true(pbx_best_rank(486) < pbx_best_rank(487));
	assert_true(pbx_best_rank(487) < pbx_best_rank(408));
	assert_true(pbx_best_rank(486) < pbx_best_rank(480));
	assert_true(pbx_best_rank(480) < pbx_best_rank(500));
}

#define HEAD(status)                                                                                                   \
	"SIP/2.0 " status " x\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: "                  \
	"<sip:a@b>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"

static void the_challenges_of_the_others_go_with_the_one_that_is_passed_on(void **state)
{
	struct pbx_best_challenge *list = NULL;
	struct arena arena, own;
	struct sip_msg m;
	char text[500];
	struct buf out;

	(void)state;
	arena_init(&own, NULL, 0, 1 << 16);
	parse(&m, &arena,
	      HEAD("401") "WWW-Authenticate: Digest realm=\"one\", nonce=\"1\"\r\n"
			  "WWW-Authenticate: Digest realm=\"one b\", nonce=\"2\"\r\n\r\n");
	assert_true(pbx_best_collect(&list, &m, 1, &own));
	arena_free(&arena);
	parse(&m, &arena, HEAD("407") "Proxy-Authenticate: Digest realm=\"two\", nonce=\"3\"\r\n\r\n");
	assert_true(pbx_best_collect(&list, &m, 2, &own));
	arena_free(&arena);
	parse(&m, &arena, HEAD("486") "WWW-Authenticate: Digest realm=\"no\", nonce=\"3\"\r\n\r\n");
	assert_true(pbx_best_collect(&list, &m, 3, &own));
	arena_free(&arena);
	buf_init(&out, text, sizeof(text));
	pbx_best_merge(list, 2, &out);
	assert_str(buf_str(&out), "WWW-Authenticate: Digest realm=\"one\", nonce=\"1\"\r\n"
				  "WWW-Authenticate: Digest realm=\"one b\", nonce=\"2\"");
	buf_reset(&out);
	pbx_best_merge(list, 1, &out);
	assert_str(buf_str(&out), "Proxy-Authenticate: Digest realm=\"two\", nonce=\"3\"");
	arena_free(&own);
}

static void a_flood_of_challenges_is_not_kept(void **state)
{
	struct pbx_best_challenge *list = NULL;
	struct arena arena, own;
	struct sip_msg m;
	char text[2000];
	struct buf out;
	size_t n = 0;

	(void)state;
	arena_init(&own, NULL, 0, 1 << 16);
	parse(&m, &arena, HEAD("401") "WWW-Authenticate: Digest realm=\"one\", nonce=\"1\"\r\n\r\n");
	for (uint64_t i = 1; i < 100; i++)
		assert_true(pbx_best_collect(&list, &m, i, &own));
	buf_init(&out, text, sizeof(text));
	pbx_best_merge(list, 0, &out);
	assert_true(buf_ok(&out));
	for (struct pbx_best_challenge *c = list; c; c = c->next)
		n++;
	assert_int_equal(n, PBX_BEST_CHALLENGES);
	arena_free(&arena);
	arena_free(&own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_6xx_wins_and_then_the_lowest_class),
		cmocka_unit_test(within_4xx_what_can_be_mended_comes_first_and_silence_last),
		cmocka_unit_test(the_challenges_of_the_others_go_with_the_one_that_is_passed_on),
		cmocka_unit_test(a_flood_of_challenges_is_not_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
