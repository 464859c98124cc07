#include "pbx/guard.h"

#include "base/test.h"
#include "crypt/digest.h"
#include "sip/transport.h"

#include <stdio.h>

#define START (1700000000 * USEC_PER_SEC)

static const struct addr phone = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 11 } };
static const uint8_t key[SIP_AUTH_KEY_N] = "0123456789abcdef0123456789abcde";
static struct pbx_guard *g;
static struct sip_auth *client;
static struct rng rng;
static bool old_accounts; /* of a store that knew no SHA-512-256 */
static struct arena arena;
static char block[SIP_MSG_ARENA];
static struct sip_msg m;

static int setup(void **state)
{
	(void)state;
	rng_seeded(&rng, 5);
	old_accounts = false;
	client = sip_auth_new(NULL);
	g = pbx_guard_new(key, 0, true, true, &rng);
	assert_int_equal(pbx_guard_set_realm(g, STR("realm")), ERR_NONE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pbx_guard_free(g);
	sip_auth_free(client);
	arena_free(&arena);
	return 0;
}

static void know(const char *name, const char *password, bool disabled)
{
	struct user_record user = { .name = str_from(name), .disabled = disabled };
	uint8_t ha1[SIP_AUTH_HA1_MAX];
	char md5[32], sha[64], newest[64];
	struct buf b;

	assert_int_equal(sip_auth_ha1(client, SIP_AUTH_MD5, user.name, STR("realm"), str_from(password), ha1),
			 ERR_NONE);
	buf_init(&b, md5, 32);
	buf_put_hex(&b, ha1, 16);
	assert_int_equal(sip_auth_ha1(client, SIP_AUTH_SHA256, user.name, STR("realm"), str_from(password), ha1),
			 ERR_NONE);
	buf_init(&b, sha, 64);
	buf_put_hex(&b, ha1, 32);
	assert_int_equal(sip_auth_ha1(client, SIP_AUTH_SHA512_256, user.name, STR("realm"), str_from(password), ha1),
			 ERR_NONE);
	buf_init(&b, newest, 64);
	buf_put_hex(&b, ha1, 32);
	if (!old_accounts)
		user.ha1_sha512_256 = str_of(newest, 64);
	user.ha1_md5 = str_of(md5, 32);
	user.ha1_sha256 = str_of(sha, 64);
	assert_int_equal(pbx_guard_put(g, user.name, &user), ERR_NONE);
}

/* A request with an answer to the guard's challenge. */
static void request(enum sip_auth_algorithm algorithm, const char *name, const char *password, uint32_t count,
		    usec made)
{
	static char text[2000], lines[900], value[700];
	struct sip_challenge c;
	struct buf b;
	str line, rest;

	buf_init(&b, lines, sizeof(lines));
	rng_seeded(&rng, 5);
	pbx_guard_write_challenge(g, true, false, false, made + START, &b);
	for (rest = buf_str(&b); rest.n;) {
		size_t at = str_find(rest, STR("\r\n"));

		line = str_head(rest, at);
		rest = str_skip(rest, at + 2);
		assert_true(str_take(&line, STR("Proxy-Authenticate: ")));
		assert_int_equal(sip_challenge_parse(line, &c), ERR_NONE);
		if (c.algorithm == algorithm)
			break;
	}
	buf_init(&b, value, sizeof(value));
	assert_int_equal(sip_auth_answer_password(client, &c, str_from(name), str_from(password), STR("INVITE"),
						  STR("sip:x"), STR("cn"), count, STR_NONE, &b),
			 ERR_NONE);
	snprintf(text, sizeof(text), "INVITE sip:x SIP/2.0\r\nProxy-Authorization: %.*s\r\n\r\n", (int)b.n, value);
	arena_free(&arena);
	arena_init(&arena, block, sizeof(block), SIP_MSG_HEAP_MAX);
	assert_int_equal(sip_msg_parse(&m, &arena, str_from(text)), ERR_NONE);
}

static enum pbx_guard_answer judge(usec now)
{
	str name;

	return pbx_guard_judge(g, &m, true, &phone, now + START, &name);
}

static void the_right_password_is_good_by_each_digest(void **state)
{
	(void)state;
	request(SIP_AUTH_SHA256, "101", "pw", 1, 0);
	assert_int_equal(judge(0), PBX_GUARD_UNKNOWN);
	know("101", "pw", false);
	assert_int_equal(judge(0), PBX_GUARD_GOOD);
	request(SIP_AUTH_MD5, "101", "pw", 1, 1);
	assert_int_equal(judge(1), PBX_GUARD_GOOD);
	request(SIP_AUTH_SHA512_256, "101", "pw", 1, 2);
	assert_int_equal(judge(2), PBX_GUARD_GOOD);
	request(SIP_AUTH_SHA512_256, "101", "pw2", 2, 2);
	assert_int_equal(judge(2), PBX_GUARD_WRONG);
}

static void an_old_account_has_no_answer_by_the_newest_digest(void **state)
{
	(void)state;
	old_accounts = true;
	know("101", "pw", false);
	request(SIP_AUTH_SHA512_256, "101", "pw", 1, 0);
	assert_int_equal(judge(0), PBX_GUARD_WRONG);
	request(SIP_AUTH_SHA256, "101", "pw", 1, 1);
	assert_int_equal(judge(1), PBX_GUARD_GOOD);
}

static void wrong_unknown_and_disabled_are_one(void **state)
{
	(void)state;
	know("101", "pw", false);
	know("off", "pw", true);
	assert_int_equal(pbx_guard_put(g, STR("nobody"), NULL), ERR_NONE);
	request(SIP_AUTH_SHA256, "101", "pw2", 1, 0);
	assert_int_equal(judge(0), PBX_GUARD_WRONG);
	request(SIP_AUTH_SHA256, "off", "pw", 2, 0);
	assert_int_equal(judge(0), PBX_GUARD_WRONG);
	request(SIP_AUTH_SHA256, "nobody", "pw", 3, 0);
	assert_int_equal(judge(0), PBX_GUARD_WRONG);
	request(SIP_AUTH_SHA256, "no:body", "pw", 4, 0);
	assert_int_equal(judge(0), PBX_GUARD_WRONG);
}

static void a_count_comes_once_and_a_nonce_ages(void **state)
{
	(void)state;
	know("101", "pw", false);
	request(SIP_AUTH_SHA256, "101", "pw", 1, 0);
	assert_int_equal(judge(0), PBX_GUARD_GOOD);
	assert_int_equal(judge(0), PBX_GUARD_STALE);
	request(SIP_AUTH_SHA256, "101", "pw", 2, 0);
	assert_int_equal(judge(PBX_NONCE_LIFETIME), PBX_GUARD_GOOD);
	request(SIP_AUTH_SHA256, "101", "pw", 3, 0);
	assert_int_equal(judge(PBX_NONCE_LIFETIME + 1), PBX_GUARD_STALE);
	/* and by it nobody learns whether a password is right */
	request(SIP_AUTH_SHA256, "101", "no", 4, 0);
	assert_int_equal(judge(PBX_NONCE_LIFETIME + 1), PBX_GUARD_STALE);
}

/* Each worker counts for itself, so a request sniffed at one must not do at another (the Call-ID chooses). */
static void a_nonce_is_one_workers(void **state)
{
	struct pbx_guard *first = g;

	(void)state;
	know("101", "pw", false);
	request(SIP_AUTH_SHA256, "101", "pw", 1, 0);
	assert_int_equal(judge(0), PBX_GUARD_GOOD);
	g = pbx_guard_new(key, 1, true, true, &rng);
	assert_int_equal(pbx_guard_set_realm(g, STR("realm")), ERR_NONE);
	know("101", "pw", false);
	assert_int_equal(judge(0), PBX_GUARD_STALE);
	pbx_guard_free(g);
	g = first;
}

static void a_nonce_of_a_former_life_is_not_taken(void **state)
{
	struct pbx_guard *first = g;
	char lines[900];
	struct buf b;

	(void)state;
	know("101", "pw", false);
	request(SIP_AUTH_SHA256, "101", "pw", 1, 1000);
	assert_int_equal(judge(1000), PBX_GUARD_GOOD);
	g = pbx_guard_new(key, 0, true, true, &rng); /* the key is kept, the counts are not */
	assert_int_equal(pbx_guard_set_realm(g, STR("realm")), ERR_NONE);
	know("101", "pw", false);
	assert_int_equal(judge(2000), PBX_GUARD_STALE);
	buf_init(&b, lines, sizeof(lines));
	pbx_guard_write_challenge(g, true, true, false, 2000 + START, &b);
	assert_int_equal(judge(2000), PBX_GUARD_STALE);
	pbx_guard_free(g);
	g = first;
}

/* The lines of a challenge, each of them with this realm and with the same nonce, which is put into `nonce`. */
static unsigned lines_with(const char *realm, bool proxy, bool stale, bool simple, usec now, char nonce[49])
{
	const char *name = proxy ? "Proxy-Authenticate: " : "WWW-Authenticate: ";
	struct sip_challenge c;
	char lines[1300];
	unsigned n = 0;
	struct buf b;
	str line, rest;

	buf_init(&b, lines, sizeof(lines));
	pbx_guard_write_challenge(g, proxy, stale, simple, now, &b);
	assert_true(buf_ok(&b));
	nonce[0] = '\0';
	for (rest = buf_str(&b); rest.n; n++) {
		size_t at = str_find(rest, STR("\r\n"));

		line = str_head(rest, at);
		rest = str_skip(rest, at + 2);
		assert_true(str_take(&line, str_from(name)));
		assert_int_equal(sip_challenge_parse(line, &c), ERR_NONE);
		assert_true(str_eq(c.realm, str_from(realm)));
		assert_int_equal(c.stale, stale);
		assert_int_equal(c.nonce.n, 48);
		if (nonce[0])
			assert_true(str_eq(c.nonce, str_from(nonce)));
		assert_true(str_copy_z(c.nonce, nonce, 49));
	}
	return n;
}

static void each_challenge_has_its_own_nonce_and_the_realm_of_the_day(void **state)
{
	char first[49], next[49];

	(void)state;
	for (int kind = 0; kind < 8; kind++) {
		bool proxy = kind & 4, stale = kind & 2, simple = kind & 1;
		unsigned n = simple ? 1 : 3;

		assert_int_equal(pbx_guard_set_realm(g, STR("realm")), ERR_NONE);
		assert_int_equal(lines_with("realm", proxy, stale, simple, START, first), n);
		assert_int_equal(lines_with("realm", proxy, stale, simple, START + 1, next), n);
		assert_string_not_equal(first, next);
		assert_int_equal(pbx_guard_set_realm(g, STR("other")), ERR_NONE);
		assert_int_equal(lines_with("other", proxy, stale, simple, START + 2, next), n);
	}
	assert_int_equal(pbx_guard_set_realm(g, STR("realm")), ERR_NONE);
}

/* RFC 2617 3.2.2: an old client answers without qop, cnonce and count. */
static void an_answer_without_a_count_is_good_once(void **state)
{
	static char text[2000];
	char nonce[SIP_AUTH_NONCE_MAX + 1] = { 0 }, lines[900], ha1[33] = { 0 }, ha2[33] = { 0 }, answer[33] = { 0 };
	struct digest *md5 = digest_new(DIGEST_MD5);
	uint8_t bytes[DIGEST_MAX];
	struct buf b;

	(void)state;
	know("101", "pw", false);
	buf_init(&b, lines, sizeof(lines));
	pbx_guard_write_challenge(g, true, false, true, START, &b);
	str line = buf_str(&b), rest = str_skip(line, str_find(line, STR("nonce=\"")) + 7);
	assert_true(str_copy_z(str_head(rest, 48), nonce, sizeof(nonce)));
	const char *in[] = { "101:realm:pw", "INVITE:sip:x" };
	char *out[] = { ha1, ha2, answer };
	for (int i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "%s:%s:%s", ha1, nonce, ha2);
		digest_start(md5);
		digest_add(md5, str_from(i < 2 ? in[i] : text));
		digest_end(md5, bytes);
		buf_init(&b, out[i], 32);
		buf_put_hex(&b, bytes, 16);
	}
	digest_free(md5);
	snprintf(text, sizeof(text),
		 "INVITE sip:x SIP/2.0\r\nProxy-Authorization: Digest username=\"101\", realm=\"realm\", nonce=\"%s\", "
		 "uri=\"sip:x\", response=\"%s\"\r\n\r\n",
		 nonce, answer);
	arena_init(&arena, block, sizeof(block), SIP_MSG_HEAP_MAX);
	assert_int_equal(sip_msg_parse(&m, &arena, str_from(text)), ERR_NONE);
	assert_int_equal(judge(0), PBX_GUARD_GOOD);
	assert_int_equal(judge(0), PBX_GUARD_STALE);
}

/* It may be a copy: who sends it is not taken for a place where the user is at home. */
static void a_used_count_makes_nobody_known(void **state)
{
	static const struct addr thief = { .family = 4, .port = 4000, .ip = { 192, 0, 2, 66 } };
	str name;

	(void)state;
	know("101", "pw", false);
	request(SIP_AUTH_SHA256, "101", "pw", 1, 0);
	assert_int_equal(judge(0), PBX_GUARD_GOOD);
	assert_int_equal(pbx_guard_judge(g, &m, true, &thief, START, &name), PBX_GUARD_STALE);
	for (uint32_t i = 2; i < 2 + PBX_BACKOFF_FREE; i++) {
		request(SIP_AUTH_SHA256, "101", "no", i, 0);
		assert_int_equal(pbx_guard_judge(g, &m, true, &thief, START, &name), PBX_GUARD_WRONG);
	}
	request(SIP_AUTH_SHA256, "101", "pw", 20, 0);
	assert_int_equal(pbx_guard_judge(g, &m, true, &thief, START, &name), PBX_GUARD_WRONG); /* not judged */
}

static void an_answer_to_a_made_up_nonce_is_not_looked_at(void **state)
{
	(void)state;
	request(SIP_AUTH_SHA256, "101", "pw", 1, 0);
	char *nonce = strstr((char *)(uintptr_t)m.text.p, "nonce=\"");
	nonce[7] = nonce[7] == '0' ? '1' : '0';
	assert_int_equal(judge(0), PBX_GUARD_STALE); /* and the keeper is not asked */
	know("101", "pw", false);
	assert_int_equal(judge(0), PBX_GUARD_STALE);
	request(SIP_AUTH_SHA256, "101", "no", 1, 0);
	nonce = strstr((char *)(uintptr_t)m.text.p, "nonce=\"");
	nonce[7] = nonce[7] == '0' ? '1' : '0';
	assert_int_equal(judge(0), PBX_GUARD_STALE);
}

static bool heard(const char *call_id, const char *lines, const char *body, unsigned workers, usec later)
{
	char text[2000];

	snprintf(text, sizeof(text), "REGISTER sip:example.com SIP/2.0\r\nCall-ID: %s\r\n%s\r\n%s", call_id, lines,
		 body);
	return pbx_guard_heard(g, str_from(text), (uint16_t)workers, START + later);
}

/* So are those told apart that wait unparsed (pbx/backlog.h). */
static void who_has_heard_a_challenge_is_known_by_the_look_of_it(void **state)
{
	char challenge[1000], line[400], other[800], nonce[49] = "", id[20];
	struct buf b;
	unsigned n = 0;

	(void)state;
	buf_init(&b, challenge, sizeof(challenge));
	pbx_guard_write_challenge(g, false, false, true, START, &b);
	buf_put_char(&b, '\0');
	memcpy(nonce, strstr(challenge, "nonce=\"") + 7, 48);
	snprintf(line, sizeof(line),
		 "Authorization: Digest username=\"101\", cnonce=\"a\",nonce=\"%s\", response=\"0\"\r\n", nonce);
	assert_true(heard("c", line, "", 1, 0));
	assert_true(heard("c", line, "", 1, PBX_NONCE_LIFETIME));
	assert_false(heard("c", line, "", 1, PBX_NONCE_LIFETIME + 1));
	assert_false(heard("c", "", "", 1, 0));
	snprintf(other, sizeof(other), "\r\n%s", line);
	assert_false(heard("c", "", other, 1, 0)); /* in a body */
	snprintf(other, sizeof(other), "Subject: x\r\n %s", line);
	assert_false(heard("c", other, "", 1, 0)); /* or another header */
	snprintf(other, sizeof(other), "Authorization: Digest cnonce=\"%s\"\r\nSubject: nonce=\"%s\"\r\n", nonce,
		 nonce);
	assert_false(heard("c", other, "", 1, 0));
	assert_false(heard("c", "Authorization: Digest nonce=\"\r\n", "", 1, 0));
	strstr(line, nonce)[5] ^= 1; /* made up */
	assert_false(heard("c", line, "", 1, 0));
	snprintf(line, sizeof(line), "Authorization: Digest nonce=\"%s\"\r\n", nonce);
	do /* its worker's, which may not be who has read it */
		snprintf(id, sizeof(id), "c%u", n++);
	while (sip_transport_worker(str_from(id), 2) != 0);
	assert_true(heard(id, line, "", 2, 0));
	do
		snprintf(id, sizeof(id), "c%u", n++);
	while (sip_transport_worker(str_from(id), 2) != 1);
	assert_false(heard(id, line, "", 2, 0));
}

/* Who has an account can have as many nonces as he likes; what he overheard of another's is good no second time. */
static void who_fills_the_table_displaces_nobodys_count_to_use_it_again(void **state)
{
	usec later = USEC_PER_SEC;

	(void)state;
	know("101", "pw", false);
	know("102", "pw2", false);
	request(SIP_AUTH_MD5, "101", "pw", 1, 0);
	assert_int_equal(judge(0), PBX_GUARD_GOOD);
	for (unsigned i = 0; i < 5 * PBX_GUARD_COUNTS; i++, later += 100) {
		request(SIP_AUTH_MD5, "102", "pw2", 1, later);
		assert_int_equal(judge(later), PBX_GUARD_GOOD);
	}
	assert_in_range(later, 0, PBX_NONCE_LIFETIME - USEC_PER_SEC);
	request(SIP_AUTH_MD5, "101", "pw", 1, 0);
	assert_int_equal(judge(later), PBX_GUARD_STALE); /* as it was overheard */
	request(SIP_AUTH_MD5, "101", "pw", 2, 0);
	assert_int_equal(judge(later), PBX_GUARD_STALE); /* nor is the next, whoever says it: he is asked again, */
	request(SIP_AUTH_MD5, "101", "pw", 1, later);
	assert_int_equal(judge(later), PBX_GUARD_GOOD); /* and goes on */
	request(SIP_AUTH_MD5, "101", "pw", 2, later);
	assert_int_equal(judge(later), PBX_GUARD_GOOD);
}

/* So young is it taken again, but by what comes next alone. */
static void a_young_nonce_that_was_displaced_takes_nothing_that_was_before(void **state)
{
	(void)state;
	know("101", "pw", false);
	know("102", "pw2", false);
	request(SIP_AUTH_MD5, "101", "pw", 2, 0);
	assert_int_equal(judge(0), PBX_GUARD_GOOD);
	for (unsigned i = 0; i < 5 * PBX_GUARD_COUNTS; i++) {
		request(SIP_AUTH_MD5, "102", "pw2", 1, USEC_PER_SEC + i);
		assert_int_equal(judge(USEC_PER_SEC + i), PBX_GUARD_GOOD);
	}
	request(SIP_AUTH_MD5, "101", "pw", 3, 0);
	assert_int_equal(judge(2 * USEC_PER_SEC), PBX_GUARD_GOOD);
	request(SIP_AUTH_MD5, "101", "pw", 2, 0); /* overheard */
	assert_int_equal(judge(2 * USEC_PER_SEC), PBX_GUARD_STALE);
	assert_int_equal(judge(60 * USEC_PER_SEC), PBX_GUARD_STALE);
	request(SIP_AUTH_MD5, "101", "pw", 4, 0);
	assert_int_equal(judge(60 * USEC_PER_SEC), PBX_GUARD_GOOD);
}

static void who_guesses_too_fast_is_not_judged_even_when_right(void **state)
{
	struct pbx_backoff_stats stats;

	(void)state;
	know("101", "pw", false);
	for (uint32_t i = 1; i <= PBX_BACKOFF_FREE; i++) {
		request(SIP_AUTH_SHA256, "101", "no", i, 0);
		assert_int_equal(judge(0), PBX_GUARD_WRONG);
	}
	request(SIP_AUTH_SHA256, "101", "pw", 7, 0);
	assert_int_equal(judge(1), PBX_GUARD_WRONG);
	assert_int_equal(judge(USEC_PER_SEC), PBX_GUARD_GOOD);
	pbx_guard_stats(g, &stats);
	assert_int_equal(stats.wrong, PBX_BACKOFF_FREE);
	assert_int_equal(stats.unjudged, 1);
	/* a name that nobody has is counted alike */
	assert_int_equal(pbx_guard_put(g, STR("nobody"), NULL), ERR_NONE);
	for (uint32_t i = 1; i <= PBX_BACKOFF_FREE + 1; i++) {
		request(SIP_AUTH_SHA256, "nobody", "no", i + 10, 0);
		assert_int_equal(judge(0), PBX_GUARD_WRONG);
	}
	pbx_guard_stats(g, &stats);
	assert_int_equal(stats.wrong, 2 * PBX_BACKOFF_FREE);
	assert_int_equal(stats.unjudged, 2);
}

static void what_was_not_offered_is_not_taken(void **state)
{
	(void)state;
	know("101", "pw", false);
	request(SIP_AUTH_MD5, "101", "pw", 1, 0);
	struct pbx_guard *strict = pbx_guard_new(key, 0, false, true, &rng);
	struct pbx_guard *both = g;
	assert_int_equal(pbx_guard_set_realm(strict, STR("realm")), ERR_NONE);
	g = strict;
	know("101", "pw", false);
	assert_int_equal(judge(0), PBX_GUARD_CHALLENGE);
	pbx_guard_free(strict);
	g = both;
}

static void names_are_remembered_up_to_a_bound_and_forgotten_on_demand(void **state)
{
	char name[20];

	(void)state;
	assert_int_equal(pbx_guard_find(g, STR("0")), ERR_MORE);
	for (int i = 0; i < PBX_GUARD_USERS + 1; i++) {
		snprintf(name, sizeof(name), "%d", i);
		if (i % 2)
			know(name, "pw", false);
		else
			assert_int_equal(pbx_guard_put(g, str_from(name), NULL), ERR_NONE);
	}
	assert_int_equal(pbx_guard_find(g, STR("0")), ERR_MORE); /* the oldest has made room */
	assert_int_equal(pbx_guard_find(g, STR("1")), ERR_NONE);
	assert_int_equal(pbx_guard_find(g, STR("2")), ERR_ABSENT);
	assert_int_equal(pbx_guard_find(g, STR("a b")), ERR_ABSENT);
	pbx_guard_forget(g);
	assert_int_equal(pbx_guard_find(g, STR("1")), ERR_MORE);
}

static void without_a_realm_nobody_is_believed(void **state)
{
	(void)state;
	know("101", "pw", false);
	request(SIP_AUTH_SHA256, "101", "pw", 1, 0);
	assert_int_equal(pbx_guard_set_realm(g, STR("other")), ERR_NONE);
	assert_int_equal(judge(0), PBX_GUARD_CHALLENGE);
	assert_int_equal(pbx_guard_set_realm(g, STR("")), ERR_NONE);
	assert_int_equal(judge(0), PBX_GUARD_CHALLENGE);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_right_password_is_good_by_each_digest),
		T(an_old_account_has_no_answer_by_the_newest_digest),
		T(wrong_unknown_and_disabled_are_one),
		T(a_count_comes_once_and_a_nonce_ages),
		T(a_nonce_is_one_workers),
		T(a_nonce_of_a_former_life_is_not_taken),
		T(each_challenge_has_its_own_nonce_and_the_realm_of_the_day),
		T(an_answer_without_a_count_is_good_once),
		T(a_used_count_makes_nobody_known),
		T(an_answer_to_a_made_up_nonce_is_not_looked_at),
		T(who_fills_the_table_displaces_nobodys_count_to_use_it_again),
		T(a_young_nonce_that_was_displaced_takes_nothing_that_was_before),
		T(who_has_heard_a_challenge_is_known_by_the_look_of_it),
		T(who_guesses_too_fast_is_not_judged_even_when_right),
		T(what_was_not_offered_is_not_taken),
		T(names_are_remembered_up_to_a_bound_and_forgotten_on_demand),
		T(without_a_realm_nobody_is_believed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
