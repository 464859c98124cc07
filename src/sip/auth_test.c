#include "sip/auth.h"

#include "base/test.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static const uint8_t key[SIP_AUTH_KEY_N] = "a key of thirty-two bytes, yes!";

static str text_of(const json_t *object, const char *name)
{
	return str_from(json_string_value(json_object_get(object, name)));
}

/* The Authorization line that the vector describes. */
static str line_of(const json_t *v, str response, char *out, size_t cap)
{
	struct buf b;

	buf_init(&b, out, cap);
	buf_printf(&b,
		   "Digest username=\"" STR_FMT "\", realm=\"" STR_FMT "\",nonce=\"" STR_FMT "\" , uri=\"" STR_FMT
		   "\", response=\"" STR_FMT "\", algorithm=" STR_FMT,
		   STR_ARG(text_of(v, "username")), STR_ARG(text_of(v, "realm")), STR_ARG(text_of(v, "nonce")),
		   STR_ARG(text_of(v, "uri")), STR_ARG(response), STR_ARG(text_of(v, "algorithm")));
	if (text_of(v, "cnonce").n)
		buf_printf(&b, ", cnonce=\"" STR_FMT "\"", STR_ARG(text_of(v, "cnonce")));
	if (text_of(v, "qop").n)
		buf_printf(&b, ", qop=" STR_FMT ", nc=" STR_FMT, STR_ARG(text_of(v, "qop")), STR_ARG(text_of(v, "nc")));
	assert_true(buf_ok(&b));
	return buf_str(&b);
}

static void try_vector(struct sip_auth *a, const json_t *v)
{
	str right = text_of(v, "response");
	struct sip_credentials c;
	uint8_t ha1[SIP_AUTH_HA1_MAX];
	char line[1500], wrong[100];

	assert_int_equal(sip_credentials_parse(line_of(v, right, line, sizeof(line)), &c), ERR_NONE);
	assert_int_not_equal(c.algorithm, SIP_AUTH_UNKNOWN);
	assert_int_equal(sip_auth_ha1(a, c.algorithm, c.username, c.realm, text_of(v, "password"), ha1), ERR_NONE);
	assert_int_equal(sip_auth_verify(a, &c, ha1, text_of(v, "method"), text_of(v, "body")), ERR_NONE);
	assert_int_equal(sip_auth_verify(a, &c, ha1, STR("OTHER"), text_of(v, "body")), ERR_REFUSED);
	for (size_t i = 0; i < right.n; i++) {
		memcpy(wrong, right.p, right.n);
		wrong[i] = wrong[i] == '0' ? '1' : '0';
		c.response = str_of(wrong, right.n);
		assert_int_equal(sip_auth_verify(a, &c, ha1, text_of(v, "method"), text_of(v, "body")), ERR_REFUSED);
	}
	for (size_t i = 0; i < right.n; i++)
		wrong[i] = (char)toupper(right.p[i]);
	c.response = str_of(wrong, right.n);
	assert_int_equal(sip_auth_verify(a, &c, ha1, text_of(v, "method"), text_of(v, "body")), ERR_NONE);
	c.response = str_head(right, right.n - 1);
	assert_int_equal(sip_auth_verify(a, &c, ha1, text_of(v, "method"), text_of(v, "body")), ERR_REFUSED);
	ha1[0] ^= 1;
	c.response = right;
	assert_int_equal(sip_auth_verify(a, &c, ha1, text_of(v, "method"), text_of(v, "body")), ERR_REFUSED);
}

static void the_published_answers_hold_and_wrong_ones_do_not(void **state)
{
	const char *vectors = getenv("VECTORS");
	struct sip_auth *a = sip_auth_new(NULL);
	char path[600];
	size_t at;
	json_t *v;

	(void)state;
	snprintf(path, sizeof(path), "%s/digest/digest.json", vectors ? vectors : "../shared/vectors");
	json_t *file = json_load_file(path, 0, NULL);
	if (!file) {
		print_message("no test vectors: set VECTORS\n");
		sip_auth_free(a);
		skip();
	}
	const json_t *list = json_object_get(file, "vectors");
	assert_int_equal(json_array_size(list), 36);
	json_array_foreach(list, at, v) try_vector(a, v);
	json_decref(file);
	sip_auth_free(a);
}

static void a_client_answers_what_a_server_accepts(void **state)
{
	struct sip_auth *server = sip_auth_new(key), *client = sip_auth_new(NULL);
	char nonce[SIP_AUTH_NONCE_MAX], line[300], answer[600];
	struct sip_credentials c;
	struct sip_challenge ch;
	uint8_t ha1[SIP_AUTH_HA1_MAX];
	struct rng rng;

	(void)state;
	rng_seeded(&rng, 1);
	for (unsigned alg = SIP_AUTH_MD5; alg <= SIP_AUTH_SHA512_256; alg++) {
		struct buf l, b;

		buf_init(&l, line, sizeof(line));
		buf_init(&b, answer, sizeof(answer));
		sip_challenge_write(alg, STR("a \"b\""), sip_auth_nonce(server, 7, 1000, &rng, nonce), true, &l);
		assert_int_equal(sip_challenge_parse(buf_str(&l), &ch), ERR_NONE);
		assert_int_equal(ch.algorithm, alg);
		assert_true(ch.stale && ch.qop_auth && !ch.qop_auth_int);
		assert_int_equal(sip_auth_answer_password(client, &ch, STR("bob"), STR("pw"), STR("REGISTER"),
							  STR("sip:x"), STR("cn"), 3, STR_NONE, &b),
				 ERR_NONE);
		assert_int_equal(sip_credentials_parse(buf_str(&b), &c), ERR_NONE);
		assert_int_equal(c.count, 3);
		assert_str(c.username, "bob");
		assert_int_equal(sip_auth_nonce_check(server, 7, c.nonce, 1000, 5), ERR_NONE);
		assert_int_equal(sip_auth_ha1(server, alg, STR("bob"), c.realm, STR("pw"), ha1), ERR_NONE);
		assert_int_equal(sip_auth_verify(server, &c, ha1, STR("REGISTER"), STR_NONE), ERR_NONE);
	}
	sip_auth_free(server);
	sip_auth_free(client);
}

static void a_nonce_ages_and_cannot_be_forged(void **state)
{
	struct sip_auth *a = sip_auth_new(key);
	char nonce[SIP_AUTH_NONCE_MAX];
	struct rng rng;
	str n;

	(void)state;
	rng_seeded(&rng, 1);
	n = sip_auth_nonce(a, 1, 5000, &rng, nonce);
	assert_int_equal(n.n, 48);
	assert_int_equal(sip_auth_nonce_check(a, 1, n, 5000 + 60, 60), ERR_NONE);
	assert_int_equal(sip_auth_nonce_made(n), 5000);
	assert_int_equal(sip_auth_nonce_check(a, 1, n, 5000 + 61, 60), ERR_EXPIRED);
	assert_int_equal(sip_auth_nonce_check(a, 2, n, 5000, 60), ERR_FORGED);
	assert_int_equal(sip_auth_nonce_check(a, 1, str_head(n, 47), 5000, 60), ERR_FORGED);
	for (size_t i = 0; i < n.n; i++) {
		nonce[i] ^= 1;
		assert_int_equal(sip_auth_nonce_check(a, 1, n, 5000, 60), ERR_FORGED);
		nonce[i] ^= 1;
		/* whatever is no digit is not read as one either */
		for (const char *other = "zA/:`g\x80"; *other; other++) {
			char digit = nonce[i];

			nonce[i] = *other;
			assert_int_equal(sip_auth_nonce_check(a, 1, n, 5000, 60), ERR_FORGED);
			nonce[i] = digit;
		}
	}
	assert_int_equal(sip_auth_nonce_check(a, 1, n, 5000, 60), ERR_NONE);
	sip_auth_free(a);
}

/* What is remembered of the last request must be of the very same method and URI. */
static void one_request_is_never_taken_for_another(void **state)
{
	static const char *const requests[][2] = { { "REGISTER", "sip:a" },  { "REGISTER", "sip:b" },
						   { "REGISTERs", "ip:a" },  { "INVITE", "sip:a" },
						   { "REGISTER", "sip:aa" }, { "REGISTE", "Rsip:a" } };
	const size_t n = sizeof(requests) / sizeof(requests[0]);
	struct sip_auth *server = sip_auth_new(NULL);
	struct sip_challenge challenge;
	struct sip_credentials c;
	uint8_t ha1[SIP_AUTH_HA1_MAX] = { 1, 2, 3 };
	char text[600], line[200];
	struct rng rng;
	struct buf b;

	(void)state;
	rng_seeded(&rng, 5);
	for (int turn = 0; turn < 2000; turn++) {
		static const char *const algorithms[] = { "MD5", "SHA-256", "SHA-512-256" };
		struct sip_auth *phone = sip_auth_new(NULL);
		uint32_t which = rng_below(&rng, (uint32_t)n), other = rng_below(&rng, (uint32_t)n);

		snprintf(line, sizeof(line), "Digest realm=\"r\",nonce=\"n\",qop=\"auth\",algorithm=%s",
			 algorithms[rng_below(&rng, 3)]);
		assert_int_equal(sip_challenge_parse(str_from(line), &challenge), ERR_NONE);
		buf_init(&b, text, sizeof(text));
		assert_int_equal(sip_auth_answer(phone, &challenge, STR("u"), ha1, str_from(requests[which][0]),
						 str_from(requests[which][1]), STR("c"), 1, STR_NONE, &b),
				 ERR_NONE);
		sip_auth_free(phone);
		assert_int_equal(sip_credentials_parse(buf_str(&b), &c), ERR_NONE);
		c.uri = str_from(requests[other][1]);
		assert_int_equal(sip_auth_verify(server, &c, ha1, str_from(requests[other][0]), STR_NONE),
				 which == other ? ERR_NONE : ERR_REFUSED);
	}
	sip_auth_free(server);
}

static void a_nonce_count_counts_once(void **state)
{
	struct sip_auth_window w = { 0 };

	(void)state;
	assert_true(sip_auth_window_take(&w, 1));
	assert_false(sip_auth_window_take(&w, 1));
	assert_true(sip_auth_window_take(&w, 5));
	assert_true(sip_auth_window_take(&w, 3));
	assert_false(sip_auth_window_take(&w, 3));
	assert_false(sip_auth_window_take(&w, 0));
	assert_true(sip_auth_window_take(&w, 100));
	assert_false(sip_auth_window_take(&w, 5));
	assert_true(sip_auth_window_take(&w, 37));
	assert_false(sip_auth_window_take(&w, 36)); /* more than 63 back: nobody knows any more */
}

static void malformed_lines_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"Digest",
		"Digest username=\"a\"",
		"Digest username=\"a, realm=\"r\"",
		"Digest username=\"a\" realm=\"r\"",
		"Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"u\",response=\"x\",qop=auth",
		"Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"u\",response=\"x\",qop=auth,nc=1,cnonce=\"c\"",
		("Digest "
		 "username=\"a\",realm=\"r\",nonce=\"n\",uri=\"u\",response=\"x\",qop=auth,nc=0000000g,cnonce=\"c\""),
		"=x",
		"Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"u\",response=\"x\",a b=c",
		"Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"u\",response=\"x\",=c",
		"Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"u\",response=\"x\",\"n\"=c",
		"Digest username=\"a\",word,realm=\"r\",nonce=\"n\",uri=\"u\",response=\"x\"",
		"Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"u\",response=\"x\",word",
	};
	struct sip_credentials c;
	struct sip_challenge ch;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(sip_credentials_parse(str_from(bad[i]), &c), ERR_SYNTAX);
	assert_int_equal(sip_challenge_parse(STR("Digest realm=\"r\""), &ch), ERR_SYNTAX);
	assert_int_equal(sip_challenge_parse(STR("Digest realm=\"r\", nonce="), &ch), ERR_SYNTAX);
	assert_int_equal(sip_challenge_parse(STR("Digest realm=r, nonce=n\\"), &ch), ERR_SYNTAX);
}

/* RFC 4475 3.3.7: to be ignored, not to be choked on. */
static void another_scheme_is_no_digest(void **state)
{
	struct sip_auth *a = sip_auth_new(NULL);
	struct sip_credentials c;
	uint8_t ha1[SIP_AUTH_HA1_MAX] = { 0 };

	(void)state;
	assert_int_equal(sip_credentials_parse(STR("NoOneKnowsThisScheme opaque-data=here"), &c), ERR_NONE);
	assert_false(c.is_digest);
	assert_int_equal(sip_auth_verify(a, &c, ha1, STR("X"), STR_NONE), ERR_UNSUPPORTED);
	assert_int_equal(
		sip_credentials_parse(STR("Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"u\",response=\"x\","
					  "algorithm=SHA-1024"),
				      &c),
		ERR_NONE);
	assert_int_equal(c.algorithm, SIP_AUTH_UNKNOWN);
	assert_int_equal(sip_auth_verify(a, &c, ha1, STR("X"), STR_NONE), ERR_UNSUPPORTED);
	sip_auth_free(a);
}

static void nothing_is_neither_challenge_nor_credentials(void **state)
{
	struct sip_challenge challenge;
	struct sip_credentials credentials;

	(void)state;
	assert_int_equal(sip_challenge_parse(STR_NONE, &challenge), ERR_SYNTAX);
	assert_int_equal(sip_credentials_parse(STR_NONE, &credentials), ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_neither_challenge_nor_credentials),
		cmocka_unit_test(the_published_answers_hold_and_wrong_ones_do_not),
		cmocka_unit_test(a_client_answers_what_a_server_accepts),
		cmocka_unit_test(a_nonce_ages_and_cannot_be_forged),
		cmocka_unit_test(one_request_is_never_taken_for_another),
		cmocka_unit_test(a_nonce_count_counts_once),
		cmocka_unit_test(malformed_lines_are_refused),
		cmocka_unit_test(another_scheme_is_no_digest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
