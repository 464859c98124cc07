#include "call/account.h"

#include "base/test.h"

#include <stdio.h>

static struct sip_msg *response(int status, const char *method, const char *challenges)
{
	char text[2048];

	snprintf(text, sizeof(text),
		 "SIP/2.0 %d No\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: "
		 "<sip:a@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 %s\r\n%sContent-Length: 0\r\n\r\n",
		 status, method, challenges);
	return sip_msg_new(str_from(text));
}

static enum err challenged(struct account *a, int status, const char *method, const char *challenges, unsigned answered)
{
	struct sip_msg *m = response(status, method, challenges);
	enum err err;

	assert_non_null(m);
	err = account_challenged(a, m, answered);
	sip_msg_free(m);
	return err;
}

/* What a request of this method carries now. */
static str lines_for(struct account *a, const char *method, char *text, size_t cap, unsigned *answered)
{
	struct buf out;

	buf_init(&out, text, cap);
	assert_int_equal(account_answer(a, str_from(method), STR("sip:b"), STR_NONE, &out, answered), ERR_NONE);
	assert_true(buf_ok(&out));
	return buf_str(&out);
}

static bool has(str text, const char *what)
{
	return str_find(text, str_from(what)) < text.n;
}

#define WWW(nonce)   "WWW-Authenticate: Digest realm=\"r\", nonce=\"" nonce "\", algorithm=SHA-256, qop=\"auth\"\r\n"
#define PROXY(nonce) "Proxy-Authenticate: Digest realm=\"r\", nonce=\"" nonce "\", algorithm=SHA-256, qop=\"auth\"\r\n"

static void start(struct account *a, struct rng *rng, const char *password)
{
	rng_seeded(rng, 1);
	assert_int_equal(account_init(a, STR("101"), str_from(password), rng), ERR_NONE);
}

static void the_count_rises_with_each_answer_and_starts_anew_with_a_new_nonce(void **state)
{
	struct account a;
	struct rng rng;
	char text[1024];
	unsigned answered;

	(void)state;
	start(&a, &rng, "secret");
	assert_int_equal(lines_for(&a, "REGISTER", text, sizeof(text), &answered).n, 0);
	assert_int_equal(answered, 0);
	assert_int_equal(challenged(&a, 401, "REGISTER", WWW("one"), 0), ERR_NONE);
	assert_true(has(lines_for(&a, "REGISTER", text, sizeof(text), &answered), "nc=00000001"));
	assert_true(has(lines_for(&a, "REGISTER", text, sizeof(text), &answered), "nc=00000002"));
	assert_int_equal(challenged(&a, 401, "REGISTER", WWW("two"), answered), ERR_NONE);
	assert_true(has(lines_for(&a, "REGISTER", text, sizeof(text), &answered), "nc=00000001"));
	account_wipe(&a);
}

static void the_same_nonce_again_means_a_wrong_password_unless_it_was_not_answered(void **state)
{
	struct account a;
	struct rng rng;
	char text[1024];
	unsigned answered;

	(void)state;
	start(&a, &rng, "secret");
	assert_int_equal(challenged(&a, 407, "INVITE", PROXY("one"), 0), ERR_NONE);
	assert_int_equal(challenged(&a, 407, "INVITE", PROXY("one"), 0), ERR_NONE); /* of a request sent before */
	(void)lines_for(&a, "INVITE", text, sizeof(text), &answered);
	assert_int_equal(challenged(&a, 407, "INVITE", PROXY("one"), answered), ERR_REFUSED);
	account_wipe(&a);
}

static void registrar_and_proxy_have_each_their_own(void **state)
{
	struct account a;
	struct rng rng;
	char text[2048];
	unsigned answered;
	str lines;

	(void)state;
	start(&a, &rng, "secret");
	assert_int_equal(challenged(&a, 401, "REGISTER", WWW("one"), 0), ERR_NONE);
	assert_int_equal(lines_for(&a, "INVITE", text, sizeof(text), &answered).n, 0);
	assert_int_equal(challenged(&a, 407, "INVITE", PROXY("one"), answered), ERR_NONE);
	lines = lines_for(&a, "INVITE", text, sizeof(text), &answered);
	assert_true(str_starts(lines, STR("Proxy-Authorization: Digest ")));
	assert_false(has(lines, "\r\nAuthorization: "));
	account_wipe(&a);
}

static void of_several_challenges_the_first_that_we_know_is_answered(void **state)
{
	struct account a;
	struct rng rng;
	char text[2048];
	unsigned answered;

	(void)state;
	start(&a, &rng, "secret");
	assert_int_equal(
		challenged(
			&a, 401, "INVITE",
			"WWW-Authenticate: Basic realm=\"r\"\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"x\", "
			"algorithm=WHIRLPOOL\r\n" WWW("good") "WWW-Authenticate: Digest realm=\"r\", nonce=\"md\"\r\n",
			0),
		ERR_NONE);
	assert_true(has(lines_for(&a, "BYE", text, sizeof(text), &answered), "nonce=\"good\""));
	assert_int_equal(challenged(&a, 401, "INVITE", "WWW-Authenticate: Basic realm=\"r\"\r\n", 0), ERR_UNSUPPORTED);
	account_wipe(&a);
}

static void without_a_password_nothing_is_answered(void **state)
{
	struct account a;
	struct rng rng;

	(void)state;
	start(&a, &rng, "");
	assert_int_equal(challenged(&a, 401, "REGISTER", WWW("one"), 0), ERR_REFUSED);
	account_wipe(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_count_rises_with_each_answer_and_starts_anew_with_a_new_nonce),
		cmocka_unit_test(the_same_nonce_again_means_a_wrong_password_unless_it_was_not_answered),
		cmocka_unit_test(registrar_and_proxy_have_each_their_own),
		cmocka_unit_test(of_several_challenges_the_first_that_we_know_is_answered),
		cmocka_unit_test(without_a_password_nothing_is_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
