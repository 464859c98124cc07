#include "pbx/server_parts.h"
#include "pbx/test_rig.h"

/* ---- the short road against the long one ---- */

#define STEPS 700

/* What a run was answered, without what is made by chance; and what it left with the keeper. */
struct run {
	char *answers[STEPS * 2];
	size_t n;
	char kept[60000];
};

static struct run runs[2];

/* Takes the value behind each `start` out, up to `end`. */
static void blank(char *text, const char *start, char end)
{
	for (char *at = text; (at = strstr(at, start));) {
		char *stop;

		at += strlen(start);
		for (stop = at; *stop && *stop != end && *stop != '\r';)
			stop++;
		memmove(at, stop, strlen(stop) + 1);
	}
}

static void note_answer(struct run *r, const char *answer)
{
	char text[8000];

	rig_copy(answer, text, sizeof(text));
	blank(text, "\r\nTo: <sip:101@example.com>;tag=", '\r');
	blank(text, "\r\nTo: <sip:102@example.com>;tag=", '\r');
	blank(text, "\r\nTo: <sip:103@example.com>;tag=", '\r');
	blank(text, "nonce=\"", '"');
	blank(text, "temp-gruu=\"", '"');
	assert_true(r->n < sizeof(r->answers) / sizeof(r->answers[0]));
	r->answers[r->n++] = strdup(text);
}

static void note_kept(struct run *r)
{
	struct buf b;

	buf_init(&b, r->kept, sizeof(r->kept) - 1);
	for (size_t i = 0; i < 100; i++)
		if (rig_.contacts[i].used) {
			record_write_json(&contact_record_kind, rig_.contacts[i].row, &b);
			buf_put_char(&b, '\n');
		}
	assert_true(buf_ok(&b));
	r->kept[b.n] = '\0';
}

static const char *one(struct rng *rng, const char *const *list, uint32_t n)
{
	return list[rng_below(rng, n)];
}

#define ONE(rng, list) one(rng, list, sizeof(list) / sizeof((list)[0]))

/* A contact line or two, of a few that come again and again, in many spellings. */
static void write_contacts(struct rng *rng, const char *user, struct buf *b)
{
	static const char *const uris[] = {
		"<sip:%s@192.0.2.12:5060>", "<sip:%s@192.0.2.12>",      "<sip:%s@192.0.2.13;ob>",
		"\"A, B\" <sip:%s@HOST>",   "<sip:%s@host;x=1?h=2>",    "sip:%s@192.0.2.14",
		"<sip:%%41%s@192.0.2.14>",  "<sips:%s@192.0.2.12>",     "<tel:+49%s>",
		"<sip:%s@[2001:db8::1]>",   "<sip:%s@example.com;bnc>", "<sip:%s@example.com;gr=x>"
	};
	static const char *const params[] = { "",
					      "",
					      "",
					      ";q=0.5",
					      ";expires=90",
					      ";expires=600;q=1",
					      ";expires=0",
					      ";expires=x",
					      ";expires=5",
					      ";+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\"",
					      ";+sip.instance=\"<urn:uuid:1>\";reg-id=1",
					      ";reg-id=2;+sip.instance=\"<urn:uuid:1>\";expires=300",
					      ";video ; audio;methods=\"INVITE,BYE\"" };
	uint32_t n = rng_below(rng, 12);
	char uri[100];

	if (n == 0)
		return;
	if (n == 1) {
		buf_put(b, STR("Contact: *\r\n"));
		return;
	}
	for (n = n == 2 ? 2 : 1; n; n--) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(uri, sizeof(uri), rng_below(rng, 3) ? uris[rng_below(rng, 3)] : ONE(rng, uris), user);
#pragma GCC diagnostic pop
		buf_put_z(b, rng_below(rng, 9) ? "Contact: " : "m:");
		buf_put_z(b, uri);
		if (uri[0] != 's')
			buf_put_z(b, ONE(rng, params));
		buf_put(b, STR("\r\n"));
	}
}

static void write_request(struct rng *rng, const char *user, unsigned turn, struct buf *b)
{
	static const char *const vias[] = { "192.0.2.12:5060;rport", "192.0.2.12", "phone.example:5070;rport;keep",
					    "10.0.0.1;rport=1;received=9.9.9.9" };
	static const char *const calls[] = { "a", "b@c", "0123456789012345678901234567890123456789" };
	static const char *const lines[] = { "",
					     "",
					     "",
					     "Expires: 600\r\n",
					     "Expires: 0\r\n",
					     "Expires: 7\r\n",
					     "Supported: gruu\r\n",
					     "Supported: outbound, path\r\n",
					     "k: gruu,outbound\r\n",
					     "Require: path\r\n",
					     "Require: unheard\r\n",
					     "Supported: path\r\nPath: <sip:192.0.2.12;lr>\r\n",
					     "Path: <sip:192.0.2.12;lr>\r\n",
					     "Proxy-Require: x\r\n" };
	static const char *const agents[] = { "", "User-Agent: phone/1\r\n", "User-Agent: phone/2 (x)\r\n" };

	buf_printf(b, "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKb%u\r\n", ONE(rng, vias),
		   turn);
	buf_printf(b, "From: <sip:%s@example.com>;tag=1\r\nTo: <sip:%s@%s>\r\n", user, user,
		   rng_below(rng, 30) ? "example.com" : "elsewhere.example");
	buf_printf(b, "Call-ID: %s\r\nCSeq: %u REGISTER\r\n", ONE(rng, calls),
		   turn - rng_below(rng, 10) / 9 * 20 + 100);
	buf_put_z(b, "Max-Forwards: 70\r\n");
	write_contacts(rng, user, b);
	buf_put_z(b, ONE(rng, lines));
	buf_put_z(b, ONE(rng, agents));
}

/* Says it, twice now and then; the answers to `r`. Those of the long way have a Timestamp, which only a 100 says back.
 */
static void send(struct run *r, struct addr from, const char *text, bool twice, bool is_long, const char *authorization)
{
	char all[8000];

	snprintf(all, sizeof(all), "%s%s%sContent-Length: 0\r\n\r\n", text, authorization,
		 is_long ? "Timestamp: 54\r\n" : "Timestomp: 54\r\n"); /* as long: a challenge is bounded by it */
	for (int i = 0; i <= (int)twice; i++) {
		rig_say(from, all);
		rig_pass(USEC_PER_SEC / 2); /* a 403 comes late */
		for (const char *answer; *(answer = rig_take(from));)
			note_answer(r, answer);
		rig_forget_sent();
	}
}

static void play(struct run *r, uint64_t seed, bool is_long)
{
	static const char *const users[] = { "101", "102", "103" };
	struct rng rng;
	char text[2000], lines[1000], password[10];
	struct buf b;

	rng_seeded(&rng, seed);
	r->n = 0;
	rig_run();
	for (unsigned turn = 100; turn < 100 + STEPS / 4; turn++) {
		const char *user = ONE(&rng, users);
		struct addr from = rng_below(&rng, 8) ? bob : bob2;
		bool twice = rng_below(&rng, 6) == 0;
		size_t before = r->n;

		buf_init(&b, text, sizeof(text) - 1);
		write_request(&rng, user, turn, &b);
		assert_true(buf_ok(&b));
		text[b.n] = '\0';
		from = strstr(text, "192.0.2.12\r\n") || strstr(text, "192.0.2.12;branch") ? rig_addr(12, 5060) : from;
		send(r, from, text, twice, is_long, "");
		if (rig_.config.auth && r->n > before && strstr(r->answers[r->n - 1], "SIP/2.0 401 ") &&
		    rng_below(&rng, 9)) {
			/* rig_.text still is the 401 */
			const char *who = rng_below(&rng, 12) ? user : ONE(&rng, users);

			snprintf(password, sizeof(password), "pw%s", rng_below(&rng, 9) ? who : "wrong");
			rig_authorize(rig_.text, rng_below(&rng, 20) ? who : "edge", password, "REGISTER",
				      "sip:example.com", lines, sizeof(lines));
			char *branch = strstr(text, "z9hG4bKb");
			branch[7] = 'c';
			send(r, from, text, twice, is_long, lines);
		}
		rig_pass(rng_below(&rng, 40) ? USEC_PER_SEC : 90 * USEC_PER_SEC);
	}
	note_kept(r);
}

static void forget(struct run *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->answers[i]);
	r->n = 0;
}

static unsigned compare(uint64_t seed)
{
	unsigned bound = 0;

	assert_int_equal(runs[0].n, runs[1].n);
	for (size_t i = 0; i < runs[0].n; i++) {
		if (strcmp(runs[0].answers[i], runs[1].answers[i]) != 0)
			fail_msg("seed %llu, answer %zu, short:\n%s\nlong:\n%s", (unsigned long long)seed, i,
				 runs[0].answers[i], runs[1].answers[i]);
		bound += strncmp(runs[0].answers[i], "SIP/2.0 200", 11) == 0;
	}
	if (strcmp(runs[0].kept, runs[1].kept) != 0)
		fail_msg("seed %llu, kept, short:\n%s\nlong:\n%s", (unsigned long long)seed, runs[0].kept,
			 runs[1].kept);
	return bound;
}

static void hold_against_each_other(unsigned workers, bool auth, uint64_t first)
{
	unsigned bound = 0, answers = 0;

	for (uint64_t seed = first; seed < first + 12; seed++) {
		for (int i = 0; i < 2; i++) {
			rig_end();
			rig_init();
			rig_.config.auth = auth;
			rig_.config.worker_n = workers;
			play(&runs[i], seed, i == 1);
		}
		bound += compare(seed);
		answers += (unsigned)runs[0].n;
		forget(&runs[0]);
		forget(&runs[1]);
	}
	print_message("seeds %u to %u, workers %u%s: %u answers, %u of them 200\n", (unsigned)first,
		      (unsigned)first + 11, workers, auth ? ", passwords" : "", answers, bound);
	assert_true(bound > 200);
}

static void both_roads_say_and_keep_the_same(void **state)
{
	(void)state;
	hold_against_each_other(1, false, 1);
	hold_against_each_other(3, false, 101);
}

static void both_roads_say_and_keep_the_same_of_users_with_passwords(void **state)
{
	(void)state;
	hold_against_each_other(1, true, 201);
	hold_against_each_other(3, true, 301);
}

/* ---- what is its own ---- */

static struct pbx_server_stats stats(void)
{
	struct pbx_server_stats all = { 0 }, s;

	for (unsigned i = 0; i < rig_.config.worker_n; i++) {
		pbx_server_stats(rig_.servers[i], &s);
		all.jobs += s.jobs;
		all.registrations += s.registrations;
		all.refused_registrations += s.refused_registrations;
	}
	return all;
}

static const char contact[] = "Contact: <sip:102@192.0.2.12>\r\n";

static void a_registration_waits_without_a_job_and_its_repeats_wait_with_it(void **state)
{
	(void)state;
	for (unsigned workers = 1; workers <= 3; workers += 2) {
		rig_end();
		rig_init();
		rig_.config.auth = false;
		rig_.config.worker_n = workers;
		rig_run();
		rig_.hold = true;
		rig_register_once(bob, "102", 1, contact);
		rig_register_once(bob, "102", 1, contact);
		rig_register_once(bob, "102", 1, contact);
		assert_int_equal(stats().jobs, 0);
		assert_string_equal(rig_take(bob), "");
		rig_.hold = false;
		rig_settle();
		rig_assert_start(rig_take(bob), "SIP/2.0 200 ");
		assert_string_equal(rig_take(bob), "");
		assert_int_equal(stats().registrations, 1);
		/* and afterwards it is said again, from the table */
		rig_register_once(bob, "102", 1, contact);
		rig_assert_start(rig_take(bob), "SIP/2.0 200 ");
		rig_assert_has(rig_.text, "<sip:102@192.0.2.12>;expires=3600");
		assert_int_equal(stats().registrations, 1);
	}
}

/* RFC 4320 4.1. */
static void a_slow_keeper_is_told_of_once(void **state)
{
	(void)state;
	rig_.config.auth = false;
	rig_.config.worker_n = 3;
	rig_run();
	rig_.hold = true;
	rig_register_once(bob, "102", 1, contact);
	rig_pass(3 * USEC_PER_SEC);
	assert_string_equal(rig_take(bob), "");
	rig_pass(USEC_PER_SEC);
	rig_assert_start(rig_take(bob), "SIP/2.0 100 Trying\r\nVia: SIP/2.0/UDP 192.0.2.12:5060;branch=z9hG4bKr102");
	rig_assert_has(rig_.text, "\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n");
	rig_pass(4 * USEC_PER_SEC);
	assert_string_equal(rig_take(bob), "");
	rig_.hold = false;
	rig_settle();
	rig_assert_start(rig_take(bob), "SIP/2.0 200 ");
}

/* Of four workers one has read the datagram, another sees to it, a third has the address and waits for the keeper. */
static void a_slow_keeper_is_told_of_in_time_by_whichever_worker_waits(void **state)
{
	char user[8], line[80];

	(void)state;
	rig_.config.auth = false;
	rig_.config.worker_n = 4;
	rig_run();
	rig_.hold = true;
	for (unsigned i = 0; i < 16; i++) {
		snprintf(user, sizeof(user), "2%02u", i);
		snprintf(line, sizeof(line), "Contact: <sip:%s@192.0.2.%u>\r\n", user, 30 + i);
		rig_register_once(rig_addr((uint8_t)(30 + i), 5060), user, 1, line);
	}
	rig_pass(sip_timing_settled(&rig_.config.timing));
	for (unsigned i = 0; i < 16; i++)
		rig_assert_start(rig_take(rig_addr((uint8_t)(30 + i), 5060)), "SIP/2.0 100 ");
	rig_.hold = false;
	rig_settle();
	for (unsigned i = 0; i < 16; i++)
		rig_assert_start(rig_take(rig_addr((uint8_t)(30 + i), 5060)), "SIP/2.0 200 ");
}

static void what_could_not_be_told_another_worker_is_tried_anew_when_it_comes_again(void **state)
{
	char user[8], aor[40], call[40];
	struct host_want w;
	unsigned i = 200;

	(void)state;
	rig_.config.auth = false;
	rig_.config.worker_n = 2;
	rig_run();
	do { /* one that the first worker sees to, and the second has */
		snprintf(user, sizeof(user), "%u", ++i);
		snprintf(aor, sizeof(aor), "sip:%u@example.com", i);
		snprintf(call, sizeof(call), "reg-%u-5060", i);
	} while (sip_transport_worker(str_from(call), 2) != 0 || pbx_location_shard(str_from(aor), 2) != 1);
	while (pbx_server_want(rig_.servers[0]))
		rig_.servers[0]->wants[rig_.servers[0]->want_n - 1].want.kind = HOST_UNBIND;
	rig_.reading = true;
	rig_register_once(bob, user, 1, contact);
	while (rig_.services[0].next(rig_.services[0].self, &w))
		rig_want(0, &w);
	rig_.reading = false;
	rig_settle();
	assert_string_equal(rig_take(bob), "");
	rig_register_once(bob, user, 1, contact);
	rig_assert_start(rig_take(bob), "SIP/2.0 200 ");
}

static void what_could_not_be_kept_is_said_again_until_it_is_tried_anew(void **state)
{
	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_.keeper_err = ERR_IO;
	rig_register_once(bob, "102", 1, contact);
	rig_assert_start(rig_take(bob), "SIP/2.0 503 Service Unavailable\r\nVia: ");
	rig_assert_has(rig_.text, "\r\nRetry-After: 10\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(stats().refused_registrations, 1);
	rig_.keeper_err = ERR_NONE;
	rig_register_once(bob, "102", 1, contact); /* the same datagram */
	rig_assert_start(rig_take(bob), "SIP/2.0 503 Service Unavailable\r\nVia: ");
	rig_assert_has(rig_.text, "\r\nRetry-After: 10\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(stats().refused_registrations, 1);
	rig_register_once(bob, "102", 2, contact);
	rig_assert_start(rig_take(bob), "SIP/2.0 200 ");
	rig_assert_has(rig_.text, "<sip:102@192.0.2.12>;expires=3600");
}

static void an_older_one_is_refused(void **state)
{
	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_register_once(bob, "102", 7, contact);
	rig_assert_start(rig_take(bob), "SIP/2.0 200 ");
	rig_register_once(bob, "102", 6, contact);
	rig_assert_start(rig_take(bob), "SIP/2.0 500 ");
	rig_assert_has(rig_.text, "\r\nCSeq: 6 REGISTER\r\nContent-Length: 0\r\n\r\n");
	rig_register_once(bob, "102", 6, contact);
	rig_assert_start(rig_take(bob), "SIP/2.0 500 ");
	assert_int_equal(stats().refused_registrations, 1);
}

static void a_refresh_is_as_old_as_its_registration(void **state)
{
	(void)state;
	rig_.config.auth = false;
	rig_run();
	for (unsigned cseq = 1; cseq < 5; cseq++) {
		rig_register_once(bob, "102", cseq, contact);
		rig_assert_start(rig_take(bob), "SIP/2.0 200 ");
		rig_pass(5 * USEC_PER_SEC);
	}
	for (size_t i = 0; i < 100; i++)
		if (rig_.contacts[i].used) {
			assert_true(rig_.contacts[i].row->registered == RIG_START);
			assert_true(rig_.contacts[i].row->updated == RIG_START + 15 * USEC_PER_SEC);
			assert_int_equal(rig_.contacts[i].row->cseq, 4);
		}
}

static void nobody_binds_for_another(void **state)
{
	char answer[2000], lines[1000];

	(void)state;
	rig_run();
	rig_register_once(bob, "102", 1, contact);
	rig_copy(rig_take(bob), answer, sizeof(answer));
	rig_authorize(answer, "101", "pw101", "REGISTER", "sip:example.com", lines, sizeof(lines));
	strcat(lines, contact);
	rig_register_once(bob, "102", 2, lines); /* 101 is asked for, and remembered */
	rig_assert_start(rig_take(bob), "SIP/2.0 403 ");
	rig_register_once(bob, "102", 3, contact);
	rig_copy(rig_take(bob), answer, sizeof(answer));
	rig_authorize(answer, "101", "pw101", "REGISTER", "sip:example.com", lines, sizeof(lines));
	strcat(lines, contact);
	rig_register_once(bob, "102", 4, lines);
	rig_assert_start(rig_take(bob), "SIP/2.0 403 ");
	assert_int_equal(stats().registrations, 0);
}

/* Else the one would be held against itself above. */
static void what_is_odd_goes_the_long_way(void **state)
{
	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_.hold = true;
	rig_register_once(bob, "102", 1, "Timestamp: 54\r\nContact: <sip:102@192.0.2.12>\r\n");
	assert_int_equal(stats().jobs, 1);
	rig_register_once(bob2, "103", 1, contact);
	assert_int_equal(stats().jobs, 1);
	rig_pass(4 * USEC_PER_SEC);
	rig_assert_start(rig_take(bob), "SIP/2.0 100 ");
	rig_assert_has(rig_.text, "\r\nTimestamp: 54\r\n");
	rig_.hold = false;
	rig_settle();
	rig_assert_start(rig_take(bob), "SIP/2.0 200 ");
	rig_assert_start(rig_take(bob2), "SIP/2.0 100 ");
	rig_assert_start(rig_take(bob2), "SIP/2.0 200 ");
}

static size_t kept_n(void)
{
	size_t n = 0;

	for (size_t i = 0; i < 100; i++)
		n += rig_.contacts[i].used;
	return n;
}

/* 10.3 step 7: compared as URIs. It is one binding, here and at the keeper, and as old as it is. */
static void another_spelling_is_the_same_binding(void **state)
{
	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_register_once(bob, "102", 1, "Contact: <sip:102@phone.example>\r\n");
	rig_pass(5 * USEC_PER_SEC);
	rig_register_once(bob, "102", 2, "Contact: <sip:102@PHONE.example>\r\n");
	rig_register_once(bob, "102", 3, "Contact: <sip:102@phone.example>\r\n");
	rig_take(bob);
	rig_assert_has(rig_take(bob), "\r\nContact: <sip:102@PHONE.example>;expires=3600\r\nSupported:");
	rig_assert_has(rig_take(bob), "\r\nContact: <sip:102@phone.example>;expires=3600\r\nSupported:");
	assert_int_equal(kept_n(), 1);
	for (size_t i = 0; i < 100; i++)
		assert_true(!rig_.contacts[i].used || rig_.contacts[i].row->registered == RIG_START);
}

static void a_head_that_is_too_long_goes_the_long_way(void **state)
{
	char lines[2600], *at = lines;

	(void)state;
	rig_.config.auth = false;
	rig_run();
	for (int i = 0; i < 30; i++)
		at += sprintf(at,
			      "Via: SIP/2.0/UDP 192.0.2.%d;branch=z9hG4bK0123456789012345678901234567890123456789\r\n",
			      i);
	strcpy(at, contact);
	rig_register_once(bob, "102", 1, lines);
	rig_assert_start(rig_take(bob), "SIP/2.0 200 ");
	rig_assert_has(rig_.text, "192.0.2.29;branch");
	rig_assert_has(rig_.text, "<sip:102@192.0.2.12>;expires=3600");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(both_roads_say_and_keep_the_same),
		T(both_roads_say_and_keep_the_same_of_users_with_passwords),
		T(a_registration_waits_without_a_job_and_its_repeats_wait_with_it),
		T(a_slow_keeper_is_told_of_once),
		T(a_slow_keeper_is_told_of_in_time_by_whichever_worker_waits),
		T(what_could_not_be_told_another_worker_is_tried_anew_when_it_comes_again),
		T(what_could_not_be_kept_is_said_again_until_it_is_tried_anew),
		T(an_older_one_is_refused),
		T(a_refresh_is_as_old_as_its_registration),
		T(nobody_binds_for_another),
		T(what_is_odd_goes_the_long_way),
		T(another_spelling_is_the_same_binding),
		T(a_head_that_is_too_long_goes_the_long_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
