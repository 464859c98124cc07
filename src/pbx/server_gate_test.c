#include "pbx/test_rig.h"

#include "pbx/server_parts.h"

static const char *options_from(struct addr from, const char *method, const char *uri)
{
	static unsigned n;
	char text[1000];

	snprintf(
		text, sizeof(text),
		"%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.%u:%u;branch=z9hG4bKg%u\r\nFrom: <sip:x@y.example>;tag=1\r\n"
		"To: <%s>\r\nCall-ID: g%u\r\nCSeq: 1 %s\r\n\r\n",
		method, uri, from.ip[3], from.port, n, uri, n, method);
	n++;
	rig_forget_sent();
	rig_say(from, text);
	return rig_take(from);
}

static int heard(struct addr from, int n)
{
	int answers = 0;

	for (int i = 0; i < n; i++)
		answers += *options_from(from, "OPTIONS", "sip:example.com") != '\0';
	return answers;
}

static void a_flood_is_not_answered_and_nobody_else_notices(void **state)
{
	struct pbx_server_stats stats;

	(void)state;
	rig_run();
	rig_register(alice, "101");
	assert_int_equal(heard(stranger, 3000), PBX_FLOOD_RATE * PBX_FLOOD_BURST);
	rig_assert_start(options_from(alice, "OPTIONS", "sip:example.com"), "SIP/2.0 200 ");
	rig_assert_start(options_from(bob, "OPTIONS", "sip:example.com"), "SIP/2.0 200 ");
	pbx_server_stats(rig_.servers[0], &stats);
	assert_int_equal(stats.flood_dropped, 2000);
	assert_int_equal(stats.flood_emptied, 1);
	rig_pass(USEC_PER_SEC);
	assert_int_equal(heard(stranger, 300), PBX_FLOOD_RATE);
}

/* By whichever worker it comes: Call-IDs are the flooder's choice. */
static void several_workers_hear_no_more_of_a_flood_than_one(void **state)
{
	(void)state;
	rig_.config.worker_n = 4;
	rig_run();
	assert_in_range(heard(stranger, 5000), PBX_FLOOD_RATE * PBX_FLOOD_BURST * 9 / 10,
			PBX_FLOOD_RATE * PBX_FLOOD_BURST);
}

static uint64_t guessed(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < rig_.config.worker_n; i++) {
		struct pbx_server_stats stats;

		pbx_server_stats(rig_.servers[i], &stats);
		n += stats.wrong_passwords;
	}
	return n;
}

/* A guess at 102's password in a registration of its own. */
static void guess_once(struct addr from, unsigned n)
{
	char text[3000], challenge[3000], lines[1200] = "";

	for (unsigned step = 0; step < 2; step++) {
		snprintf(text, sizeof(text),
			 "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP "
			 "192.0.2.%u:5060;branch=z9hG4bKgs%u%u\r\n"
			 "From: <sip:102@example.com>;tag=1\r\nTo: <sip:102@example.com>\r\nCall-ID: gs%u\r\n"
			 "CSeq: %u REGISTER\r\n%sContact: <sip:1@192.0.2.99>\r\n\r\n",
			 from.ip[3], n, step, n, step + 1, lines);
		rig_forget_sent();
		rig_say(from, text);
		if (step)
			return;
		rig_copy(rig_take(from), challenge, sizeof(challenge));
		rig_authorize(challenge, "102", "wrong", "REGISTER", "sip:example.com", lines, sizeof(lines));
	}
}

static void several_workers_judge_no_more_guesses_than_one(void **state)
{
	char answer[3000], lines[900];

	(void)state;
	rig_.config.worker_n = 4;
	rig_.config.flood_rate = 0;
	rig_run();
	for (unsigned i = 0; i < 40; i++) {
		guess_once(stranger, i);
		rig_pass(10 * USEC_PER_MS);
	}
	assert_int_equal(guessed(), PBX_BACKOFF_FREE);
	/* and his phone, elsewhere, is let in */
	rig_register_once(bob, "102", 1, "");
	rig_copy(rig_take(bob), answer, sizeof(answer));
	rig_authorize(answer, "102", "pw102", "REGISTER", "sip:example.com", lines, sizeof(lines));
	rig_register_once(bob, "102", 2, lines);
	rig_assert_start(rig_take(bob), "SIP/2.0 200 ");
}

static void malformed_requests_are_charged_too(void **state)
{
	int answers = 0;

	(void)state;
	rig_run();
	for (int i = 0; i < 1000; i++) {
		rig_forget_sent();
		rig_say(stranger,
			"OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKm\r\n\r\n");
		answers += *rig_take(stranger) != '\0';
	}
	assert_int_equal(answers, PBX_FLOOD_RATE * PBX_FLOOD_BURST / PBX_FLOOD_MALFORMED);
}

static void on_a_stream_the_flooder_is_told_when_to_come_back(void **state)
{
	char after[20] = "";

	(void)state;
	rig_run();
	heard(stranger, 1001);
	rig_forget_sent();
	rig_accept(RIG_STREAM, stranger);
	rig_bytes(RIG_STREAM, stranger,
		  "OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.99;branch=z9hG4bKs\r\nFrom: "
		  "<sip:x@y>;tag=1\r\n"
		  "To: <sip:x@y>\r\nCall-ID: s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n");
	rig_assert_start(rig_take_stream(RIG_STREAM), "SIP/2.0 503 ");
	rig_header(rig_.text, "Retry-After", after, sizeof(after));
	assert_in_range(atoi(after), 5, 30);
}

static const struct pbx_listener with_ws[] = {
	{ .transport = TRANSPORT_UDP, .local = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 1 } } },
	{ .transport = TRANSPORT_TCP, .local = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 1 } } },
	{ .transport = TRANSPORT_WS, .local = { .family = 4, .port = 8080, .ip = { 127, 0, 0, 1 } } },
};

/* Over a connection of the web server on this machine; each worker has its own. */
static int heard_by_proxy(enum transport transport, uint32_t stream, uint16_t port, int n)
{
	struct host_event e = { .kind = HOST_ACCEPTED,
				.id = stream,
				.listener = rig_.config.id_first + (transport == TRANSPORT_WS ? 2 : 1),
				.transport = transport,
				.local = with_ws[2].local,
				.remote = addr_v4(127, 0, 0, 1, port) };
	static unsigned k;
	char text[1000];
	int answers = 0;

	rig_.services[0].recv(rig_.services[0].self, &e, rig_.now);
	e.kind = HOST_BYTES;
	for (int i = 0; i < n; i++) {
		snprintf(
			text, sizeof(text),
			"OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/%s 127.0.0.1;branch=z9hG4bKws%u\r\n"
			"From: <sip:x@y.example>;tag=1\r\nTo: <sip:example.com>\r\nCall-ID: ws%u\r\nCSeq: 1 OPTIONS\r\n"
			"Content-Length: 0\r\n\r\n",
			transport == TRANSPORT_WS ? "WS" : "TCP", k, k);
		k++;
		e.bytes = str_from(text);
		rig_forget_sent();
		rig_.services[0].recv(rig_.services[0].self, &e, rig_.now);
		rig_settle();
		answers += strncmp(rig_take_stream(stream), "SIP/2.0 200 ", 12) == 0;
	}
	return answers;
}

/* Its address is not theirs: each connection has an allowance of its own, and all of them one. */
static void browsers_behind_a_web_server_of_this_machine_are_guarded_one_by_one(void **state)
{
	int together = 0;

	(void)state;
	rig_.config.listeners = with_ws;
	rig_.config.listener_n = 3;
	rig_run();
	assert_int_equal(heard_by_proxy(TRANSPORT_WS, RIG_STREAM, 40001, 3000), PBX_FLOOD_RATE * PBX_FLOOD_BURST);
	rig_assert_start(rig_.text, "SIP/2.0 503 ");
	assert_int_equal(heard_by_proxy(TRANSPORT_WS, RIG_STREAM + 1, 40002, 300), 300);
	for (uint16_t i = 3; i < 40; i++)
		together += heard_by_proxy(TRANSPORT_WS, RIG_STREAM + i, (uint16_t)(40000 + i), 1000);
	assert_int_equal(together + 1300, PBX_FLOOD_NET * PBX_FLOOD_RATE * PBX_FLOOD_BURST);
	/* the machine's own programs as before, and the rest of the world */
	assert_int_equal(heard_by_proxy(TRANSPORT_TCP, RIG_STREAM + 100, 40001, 3000), 3000);
	assert_int_equal(heard(bob, 1000), 1000);
}

static void the_allowance_changes_while_it_runs(void **state)
{
	struct pbx_note *note = pbx_note_new(PBX_NOTE_SETTINGS);
	struct host_event e = { .kind = HOST_TOLD, .from = 9, .message = note };

	(void)state;
	rig_run();
	assert_int_equal(heard(stranger, 3000), 1000);
	rig_.config.flood_rate = 20;
	note->settings = pbx_settings_new(&rig_.config, NULL);
	assert_non_null(note->settings);
	rig_.services[0].recv(rig_.services[0].self, &e, rig_.now);
	assert_int_equal(heard(bob, 3000), 200);
	rig_pass(USEC_PER_SEC);
	assert_int_equal(heard(bob, 300), 20);
}

static void trusted_sources_and_open_networks_are_exempt(void **state)
{
	static const struct pbx_trust trust = { { .family = 4, .ip = { 192, 0, 2, 99 } }, 32 };

	(void)state;
	rig_.config.trusts = &trust;
	rig_.config.trust_n = 1;
	rig_run();
	assert_int_equal(heard(stranger, 3000), 3000);
	assert_int_equal(heard(bob, 3000), 1000);
	rig_stop_servers();
	rig_.config.trust_n = 0;
	rig_.config.auth = false;
	rig_run();
	assert_int_equal(heard(bob, 3000), 3000);
	rig_stop_servers();
	rig_.config.auth = true;
	rig_.config.flood_rate = 0;
	rig_run();
	assert_int_equal(heard(bob, 3000), 3000);
}

/* RFC 3261 8.2.7, 26.3.2.4: in somebody else's name a refused INVITE would bring him eleven answers. */
static void a_challenge_comes_once_and_leaves_nothing_behind(void **state)
{
	struct sip_stack_stats stats;

	(void)state;
	rig_.config.strangers = false;
	rig_run();
	rig_assert_start(options_from(stranger, "INVITE", "sip:101@example.com"), "SIP/2.0 407 ");
	rig_assert_start(options_from(stranger, "MESSAGE", "sip:101@example.com"), "SIP/2.0 407 ");
	rig_assert_start(options_from(stranger, "OPTIONS", "sip:example.com"), "SIP/2.0 200 ");
	rig_forget_sent();
	sip_stack_stats(rig_.servers[0]->stack, &stats);
	assert_int_equal(stats.transactions, 0);
	rig_pass(40 * USEC_PER_SEC);
	assert_int_equal(rig_waiting(), 0);
}

/* The bound that QUIC has for whoever has not shown yet that the address is his (RFC 9000 8.1). */
static void no_answer_to_a_datagram_is_more_than_three_times_as_long(void **state)
{
	static const char *const methods[] = { "INVITE", "REGISTER", "MESSAGE", "OPTIONS", "SUBSCRIBE", "BYE", "FOO" };
	static const char *const uris[] = { "sip:example.com", "sip:1@example.com", "sip:x@y.example", "tel:1" };
	char text[400];

	(void)state;
	rig_.config.strangers = false;
	rig_run();
	for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		for (unsigned k = 0; k < sizeof(uris) / sizeof(uris[0]); k++) {
			snprintf(
				text, sizeof(text),
				"%s %s SIP/2.0\r\nv:SIP/2.0/UDP h;branch=z9hG4bK%u%u\r\nf:<sip:1@example.com>;tag=1\r\n"
				"t:<%s>\r\ni:%u%u\r\nCSeq:1 %s\r\n\r\n",
				methods[i], uris[k], i, k, methods[i][0] == 'R' ? "sip:1@example.com" : uris[k], i, k,
				methods[i]);
			rig_forget_sent();
			rig_say(stranger, text);
			const char *answer = rig_take(stranger);
			assert_true(*answer);
			if (strlen(answer) > 3 * strlen(text))
				fail_msg("%zu bytes for %zu: %s%s", strlen(answer), strlen(text), text, answer);
		}
}

/* 102 is registered, 103 has an account, 999 is nobody. */
static const char *const names[] = { "102", "103", "999" };

/* What differs by chance, or because the question does. */
static void blur(char *text)
{
	static const char *const marks[] = { "nonce=\"", ";tag=", "branch=", "Call-ID: " };

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		for (char *at = text; (at = strstr(at, marks[i]));)
			for (at += strlen(marks[i]); *at && !strchr("\";\r>", *at); at++)
				*at = '-';
	for (size_t i = 0; i < 3; i++)
		for (char *at = text; (at = strstr(at, names[i])); at += 3)
			memcpy(at, "NNN", 3);
}

static void nothing_tells_a_stranger_who_has_an_account(void **state)
{
	static const char *const methods[] = { "INVITE", "OPTIONS", "REGISTER", "SUBSCRIBE", "MESSAGE",
					       "NOTIFY", "REFER",   "PUBLISH",  "INFO",      "UPDATE",
					       "PRACK",  "BYE",     "FOO" };
	static const char *const froms[] = { "sip:x@y.example",
					     "sip:NNN@example.com",
					     "sip:102@example.com",
					     "sip:999@example.com",
					     "sip:anonymous@anonymous.invalid",
					     "sip:192.0.2.1",
					     "tel:1" };
	static const char *const totags[] = { "", ";tag=t" };
	char text[1000], from[100], seen[3][4000];
	size_t before;

	(void)state;
	rig_.config.strangers = false;
	rig_.config.flood_rate = 0;
	rig_run();
	rig_register(bob, "102");
	for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]) * 14; i++) {
		const char *method = methods[i / 14],
			   *to = strcmp(method, "REGISTER") ? "NNN@example.com" : "example.com";

		for (unsigned k = 0; k < 3; k++) {
			snprintf(from, sizeof(from), "%s", froms[i % 14 / 2]);
			if (strstr(from, "NNN"))
				memcpy(strstr(from, "NNN"), names[k], 3);
			snprintf(text, sizeof(text),
				 "%s sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bKe%u%u\r\nFrom: "
				 "<%s>;tag=1\r\n"
				 "To: <sip:%s@example.com>%s\r\nCall-ID: e%u%u\r\nCSeq: 1 %s\r\nContact: "
				 "<sip:1@192.0.2.99>\r\n\r\n",
				 method, to, i, k, from, names[k], totags[i % 2], i, k, method);
			if (strstr(text, "NNN@"))
				memcpy(strstr(text, "NNN@"), names[k], 3);
			rig_forget_sent();
			before = rig_.asked_n;
			rig_say(stranger, text);
			assert_int_equal(rig_.asked_n, before);
			rig_copy(rig_take(stranger), seen[k], sizeof(seen[k]));
			assert_int_equal(rig_waiting(), 0); /* nobody's phone rings */
			blur(seen[k]);
			assert_true(*seen[k]);
			assert_string_equal(seen[k], seen[0]);
		}
	}
}

/* Where strangers may call: who is away and who never was are the same to them, and nobody asks the keeper. */
static void a_stranger_who_may_call_learns_who_is_there_and_no_more(void **state)
{
	static const struct pbx_trust neighbour = { { .family = 4, .ip = { 192, 0, 2, 20 } }, 32 };
	static const char *const methods[] = { "INVITE", "OPTIONS" }, *const params[] = { "", ";gr=x",
											  ";transport=tcp" };
	char text[1000], seen[3][4000];

	(void)state;
	rig_.config.trusts = &neighbour;
	rig_.config.trust_n = 1;
	rig_.config.flood_rate = 0;
	for (rig_.config.worker_n = 1; rig_.config.worker_n <= 3; rig_.config.worker_n += 2) {
		rig_run();
		rig_register(bob, "101");
		call("sip:102@example.com", "known"); /* one of them has just been asked for */
		rig_.hold_users = true;
		for (unsigned i = 0; i < 6; i++) {
			for (unsigned k = 0; k < 3; k++) {
				snprintf(text, sizeof(text),
					 "%s sip:%s@example.com%s SIP/2.0\r\nVia: SIP/2.0/UDP "
					 "192.0.2.99:5060;branch=z9hG4bKl%u%u\r\nFrom: <sip:x@y.example>;tag=1\r\n"
					 "To: <sip:%s@example.com>\r\nCall-ID: l%u%u\r\nCSeq: 1 %s\r\n"
					 "Contact: <sip:1@192.0.2.99>\r\n\r\n",
					 methods[i % 2], names[k], params[i / 2], i, k, names[k], i, k, methods[i % 2]);
				rig_forget_sent();
				rig_say(stranger, text);
				assert_int_equal(rig_.asked_n, 0);
				rig_copy(rig_take(stranger), seen[k], sizeof(seen[k]));
				rig_assert_start(seen[k], i % 2 ? "SIP/2.0 200 " : "SIP/2.0 480 ");
				assert_int_equal(rig_waiting(), 0);
				blur(seen[k]);
				assert_string_equal(seen[k], seen[0]);
			}
		}
		rig_.hold_users = false;
		/* whom they may call all the same */
		invite_from(stranger, "x", "y.example", "sip:101@example.com", "l3", 1, "");
		rig_assert_start(rig_take(bob), "INVITE ");
		/* a neighbour needs to know which numbers there are */
		invite_from(edge, "x", "y.example", "sip:999@example.com", "l4", 1, "");
		if (!strncmp(rig_take(edge), "SIP/2.0 100", 11))
			rig_take(edge);
		rig_assert_start(rig_.text, "SIP/2.0 404 ");
		rig_stop_servers();
		rig_forget_contacts();
	}
	rig_.config.worker_n = 1;
	rig_run();
}

/* The same with a wrong password, at the proxy and at the registrar, whether the keeper was asked or not. */
static void nothing_tells_who_guesses_whether_there_is_such_a_name(void **state)
{
	char challenge[3000], lines[1200], text[3000], seen[2][3][4000];

	(void)state;
	rig_.config.strangers = false;
	rig_run();
	for (unsigned i = 0; i < 12; i++) {
		unsigned k = i % 3;
		bool calls = i >= 6;
		const char *method = calls ? "MESSAGE" : "REGISTER";

		rig_forget_sent();
		for (unsigned step = 0; step < 2; step++) {
			snprintf(text, sizeof(text),
				 "%s sip:%sexample.com SIP/2.0\r\nVia: SIP/2.0/UDP "
				 "192.0.2.99:5060;branch=z9hG4bKw%02u%u\r\n"
				 "From: <sip:%s@example.com>;tag=1\r\nTo: <sip:%s@example.com>\r\nCall-ID: w%02u\r\n"
				 "CSeq: %u %s\r\n%sContact: <sip:1@192.0.2.99>\r\n\r\n",
				 method, calls ? "101@" : "", i, step, names[k], names[k], i, step + 1, method,
				 step ? lines : "");
			rig_say(stranger, text);
			if (step)
				break;
			rig_copy(rig_take(stranger), challenge, sizeof(challenge));
			rig_authorize(challenge, names[k], "wrong", method, "sip:example.com", lines, sizeof(lines));
		}
		rig_pass(PBX_WRONG_AFTER - 1);
		assert_string_equal(rig_take(stranger), "");
		rig_pass(1);
		rig_copy(rig_take(stranger), seen[i / 3 % 2][k], sizeof(seen[0][0]));
		rig_assert_start(seen[i / 3 % 2][k], "SIP/2.0 403 Wrong User Name or Password\r\n");
		blur(seen[i / 3 % 2][k]);
		if (k)
			assert_int_equal(strlen(seen[i / 3 % 2][k]), strlen(seen[i / 3 % 2][0]));
	}
}

/* What the host says of a socket that is read too late. */
static void datagram_waited(struct addr from, const char *text, usec waited)
{
	struct host_event e = { .kind = HOST_DATAGRAM,
				.id = rig_.config.id_first,
				.transport = TRANSPORT_UDP,
				.local = rig_.config.listeners[0].local,
				.remote = from,
				.waited = waited,
				.bytes = str_from(text) };

	rig_.services[0].recv(rig_.services[0].self, &e, rig_.now);
	rig_settle();
}

static const char *say_late(struct addr from, const char *method, const char *to_tag, usec waited)
{
	static unsigned n;
	char text[1000];

	n++;
	snprintf(text, sizeof(text),
		 "%s sip:%sexample.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.%u:5060;branch=z9hG4bKl%u\r\n"
		 "From: <sip:101@example.com>;tag=1\r\nTo: <sip:101@example.com>%s\r\nCall-ID: l%u\r\nCSeq: 1 %s\r\n"
		 "Contact: <sip:101@192.0.2.11>\r\n\r\n",
		 method, strcmp(method, "REGISTER") ? "102@" : "", from.ip[3], n, to_tag, n, method);
	rig_forget_sent();
	datagram_waited(from, text, waited);
	return rig_take(from);
}

static int refused(const char *method, const char *to_tag, usec waited)
{
	int n = 0;

	for (int i = 0; i < 100; i++, rig_pass(USEC_PER_MS))
		n += strncmp(say_late(alice, method, to_tag, waited), "SIP/2.0 503 ", 12) == 0;
	return n;
}

static void who_is_late_refuses_the_least_urgent_first(void **state)
{
	char after[20] = "";

	(void)state;
	rig_.config.auth = false;
	rig_run();
	assert_int_equal(refused("OPTIONS", "", 0), 0);
	for (int i = 0; i < 40; i++)
		refused("OPTIONS", "", USEC_PER_SEC);
	assert_int_equal(refused("OPTIONS", "", USEC_PER_SEC), 100);
	assert_in_range(refused("INVITE", "", USEC_PER_SEC), 80, 100);
	assert_int_equal(refused("INFO", ";tag=2", USEC_PER_SEC), 0);
	rig_assert_start(say_late(alice, "OPTIONS", "", USEC_PER_SEC), "SIP/2.0 503 ");
	rig_header(rig_.text, "Retry-After", after, sizeof(after));
	assert_in_range(atoi(after), 5, 30);
	for (int i = 0; i < 50; i++)
		refused("OPTIONS", "", 0);
	assert_int_equal(refused("INVITE", "", 0), 0);
}

/* RFC 7339, as the server: only to who understands it, and never in a request's own words. */
static void neighbours_are_told_to_send_less(void **state)
{
	static const char text[] = "OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP "
				   "192.0.2.11;branch=z9hG4bKo%d;oc%s;oc-algo=\"loss,rate\"\r\n"
				   "From: <sip:x@y>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: o%d\r\nCSeq: 1 OPTIONS\r\n\r\n";
	char via[300], one[600];

	(void)state;
	rig_.config.auth = false;
	rig_run();
	snprintf(one, sizeof(one), text, 1, "=99;oc-seq=1.1", 1);
	rig_say(alice, one);
	rig_take(alice);
	rig_assert_has(rig_header(rig_.text, "Via", via, sizeof(via)),
		       ";oc=0;oc-algo=\"loss\";oc-validity=0;oc-seq=1700000000.");
	assert_null(strstr(via, "99"));
	say_late(alice, "OPTIONS", "", 0);
	assert_null(strstr(rig_header(rig_.text, "Via", via, sizeof(via)), "oc="));
	for (int i = 0; i < 10; i++)
		refused("OPTIONS", "", USEC_PER_SEC);
	snprintf(one, sizeof(one), text, 2, "", 2);
	rig_forget_sent();
	datagram_waited(alice, one, USEC_PER_SEC);
	rig_take(alice);
	rig_header(rig_.text, "Via", via, sizeof(via));
	rig_assert_has(via, ";oc-algo=\"loss\";oc-validity=500;");
	assert_in_range(atoi(strstr(via, ";oc=") + 4), 20, 60);
}

/* RFC 7339 5.10: of those that are refused, only who does not hear of our load is told to stay away for a time. */
static void who_sends_less_is_not_told_to_stay_away(void **state)
{
	static const char text[] = "OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP "
				   "192.0.2.11;branch=z9hG4bKr%d%s\r\n"
				   "From: <sip:x@y>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: r%d\r\nCSeq: 1 OPTIONS\r\n\r\n";
	unsigned refused_n[2] = { 0 };
	char one[600];

	(void)state;
	rig_.config.auth = false;
	rig_run();
	for (int i = 0; i < 15; i++)
		refused("OPTIONS", "", USEC_PER_SEC);
	for (int i = 0; i < 40; i++) {
		snprintf(one, sizeof(one), text, i, i % 2 ? ";oc;oc-algo=\"loss\"" : "", i);
		rig_forget_sent();
		datagram_waited(alice, one, USEC_PER_SEC);
		rig_take(alice);
		if (!strstr(rig_.text, "SIP/2.0 503 "))
			continue;
		refused_n[i % 2]++;
		assert_int_equal(strstr(rig_.text, "\r\nRetry-After: ") != NULL, i % 2 == 0);
		rig_assert_has(rig_.text, "\r\nContent-Length: 0\r\n\r\n");
	}
	assert_true(refused_n[0] && refused_n[1]);
}

/* RFC 7339 5.2, 5.6: a neighbour's calls, too: its wish goes no further, and the answer says what counts now. */
static void who_calls_through_us_is_told_in_the_answers(void **state)
{
	static const char text[] =
		"INVITE sip:101@example.com SIP/2.0\r\nVia: SIP/2.0/UDP "
		"192.0.2.12:5060;branch=z9hG4bKp;oc;oc-algo=\"loss\"\r\nMax-Forwards: 70\r\n"
		"From: <sip:x@y>;tag=1\r\nTo: <sip:101@example.com>\r\nCall-ID: p\r\nCSeq: 1 INVITE\r\n"
		"Contact: <sip:x@192.0.2.12>\r\n\r\n";
	char via[300], invite[4000];

	(void)state;
	rig_.config.auth = false;
	rig_run();
	rig_register_once(alice, "101", 1, "Contact: <sip:101@192.0.2.11:5060>\r\n");
	rig_take(alice);
	rig_say(bob, text);
	rig_copy(rig_take(alice), invite, sizeof(invite));
	rig_assert_start(invite, "INVITE ");
	assert_null(strstr(strstr(invite, "z9hG4bKp"), "oc-")); /* not in the caller's Via */
	rig_take(bob);                                          /* 100 */
	for (int i = 0; i < 10; i++)
		refused("OPTIONS", "", USEC_PER_SEC);
	rig_forget_sent();
	rig_answer_request(alice, invite, 180, "t", "", "");
	rig_take(bob);
	rig_assert_start(rig_.text, "SIP/2.0 180 ");
	rig_header(rig_.text, "Via", via, sizeof(via));
	rig_assert_has(via, ";branch=z9hG4bKp;oc=");
	rig_assert_has(via, ";oc-algo=\"loss\";oc-validity=500;oc-seq=17");
	assert_in_range(atoi(strstr(via, ";oc=") + 4), 20, 60);
}

/* RFC 7339, as the client: what one server should be spared goes to the next of the name, or is refused. */
static void a_neighbour_that_asks_for_less_gets_less(void **state)
{
	char request[4000], swollen[4100], id[10], *mark;

	(void)state;
	rig_.config.auth = false;
	rig_.config.relay_any = true;
	rig_run();
	for (int i = 0; i < 2; i++) {
		snprintf(id, sizeof(id), "oc%d", i);
		invite_from(alice, "101", "example.com", "sip:x@two.example", id, 1, "");
		rig_copy(rig_take(rig_addr(77 + i, 5060)), request, sizeof(request));
		rig_assert_start(request, "INVITE sip:x@two.example SIP/2.0\r\n");
		mark = strstr(request, ";oc;oc-algo=\"loss\"");
		assert_non_null(mark);
		snprintf(swollen, sizeof(swollen), "%.*s;oc=100;oc-validity=5000%s", (int)(mark - request), request,
			 mark + 3);
		rig_answer_request(rig_addr(77 + i, 5060), swollen, 486, "b", "", "");
		rig_assert_start(rig_take(alice), "SIP/2.0 486 ");
	}
	invite_from(alice, "101", "example.com", "sip:x@two.example", "oc2", 1, "");
	rig_assert_start(rig_take(alice), "SIP/2.0 503 ");
	rig_pass(5 * USEC_PER_SEC);
	rig_forget_sent();
	invite_from(alice, "101", "example.com", "sip:x@two.example", "oc3", 1, "");
	rig_assert_start(rig_take(rig_addr(77, 5060)), "INVITE ");
}

/* All phones of a town at once, each from its port; what they say is read late, so each waits until there is time. Said
 * again it is the same words. */
static void storm(unsigned n, const char *name)
{
	char text[600];

	for (unsigned i = 0; i < n; i++) {
		snprintf(text, sizeof(text),
			 "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.30:%u;branch=z9hG4bK%s%u\r\n"
			 "From: <sip:%s%u@example.com>;tag=1\r\nTo: <sip:%s%u@example.com>\r\nCall-ID: %s%u\r\n"
			 "CSeq: 1 REGISTER\r\nContact: <sip:%s%u@192.0.2.30:%u>\r\n\r\n",
			 5000 + i, name, i, name, i, name, i, name, i, name, i, 5000 + i);
		struct host_event e = { .kind = HOST_DATAGRAM,
					.id = rig_.config.id_first,
					.transport = TRANSPORT_UDP,
					.local = rig_.config.listeners[0].local,
					.remote = rig_addr(30, (uint16_t)(5000 + i)),
					.waited = 20 * USEC_PER_MS,
					.bytes = str_from(text) };
		rig_.services[0].recv(rig_.services[0].self, &e, rig_.now);
	}
}

/* The keeper takes its time. */
static void registrations_stand_in_line_and_the_rest_gets_a_turn(void **state)
{
	struct pbx_server_stats stats;
	unsigned done = 0;

	(void)state;
	rig_.config.auth = false;
	rig_.hold = true;
	rig_run();
	storm(320, "t"); /* more than the test's keeper may be asked at once */
	assert_int_equal(rig_.asked_n, 0);
	pbx_server_stats(rig_.servers[0], &stats);
	assert_int_equal(stats.overload_lined, 320);
	/* nobody has heard anything yet, and a call is not behind them */
	rig_assert_start(say_late(alice, "OPTIONS", "", 20 * USEC_PER_MS), "SIP/2.0 4");
	rig_.hold = false;
	rig_forget_sent();
	rig_pass(USEC_PER_SEC);
	for (size_t i = 0; i < rig_.sent_n; i++)
		done += strncmp(rig_.sent[i].text, "SIP/2.0 200 ", 12) == 0;
	assert_int_equal(done, 320);
}

/* A stranger who has only the word for it stays where he came. */
static void who_answers_a_challenge_of_ours_goes_first(void **state)
{
	static const char contact[] = "Contact: <sip:102@192.0.2.12>\r\n";
	char answer[3000], lines[1200];
	size_t bobs = SIZE_MAX, made_up = SIZE_MAX;

	(void)state;
	rig_run();
	rig_register(bob, "102"); /* his account is known here */
	rig_register_once(bob, "102", 9001, contact);
	rig_copy(rig_take(bob), answer, sizeof(answer));
	rig_assert_start(answer, "SIP/2.0 401 ");
	rig_authorize(answer, "102", "pw102", "REGISTER", "sip:example.com", lines, sizeof(lines));
	strcat(lines, contact);
	rig_forget_sent();
	storm(150, "t");
	rig_.reading = true; /* all in one turn */
	rig_register_once(alice, "101", 1,
			  "Authorization: Digest nonce=\"0123456789abcdef\"\r\nContact: <sip:a@b>\r\n");
	rig_register_once(bob, "102", 9002, lines);
	rig_.reading = false;
	rig_settle();
	rig_pass(USEC_PER_SEC);
	for (size_t i = rig_.sent_n; i-- > 0;) {
		bobs = addr_eq(&rig_.sent[i].to, &bob) ? i : bobs;
		made_up = addr_eq(&rig_.sent[i].to, &alice) ? i : made_up;
	}
	assert_int_equal(rig_.sent_n, 152);
	rig_assert_start(rig_.sent[bobs].text, "SIP/2.0 200 ");
	assert_in_range(bobs, 0, 80); /* the store answers behind the first of them */
	assert_in_range(made_up, 100, 152);
}

/* Nobody is answered at once; the same words again are not work again. */
static void who_waits_and_asks_again_is_known_and_then_hardly_heard(void **state)
{
	struct pbx_server_stats stats;
	struct sip_stack_stats stack;
	unsigned done = 0;

	(void)state;
	rig_.config.auth = false;
	rig_.hold = true;
	rig_run();
	for (int k = 0; k < 4; k++) /* as many as are done in more than a second; each asks four times */
		storm(2400, "w");
	pbx_server_stats(rig_.servers[0], &stats);
	assert_int_equal(stats.overload_lined, 2400);
	assert_int_equal(stats.overload_crossed, 3 * 2400);
	assert_int_equal(stats.overload_refused, 0);
	sip_stack_stats(rig_.servers[0]->stack, &stack);
	assert_int_equal(stack.received, 0); /* not even parsed */
	struct host_want w;
	while (rig_.services[0].next(rig_.services[0].self, &w))
		if (w.kind == HOST_SIFT)
			done += str_eq(w.bytes, STR("REGISTER")) && w.share == PBX_SIEVE_SHARE;
	assert_int_equal(done, 1);
	rig_.sifted = PBX_SIEVE_SHARE;
	rig_.now += PBX_BACKLOG_KEPT + USEC_PER_SEC; /* then nobody waits for it any more */
	rig_pass(USEC_PER_MS);
	assert_int_equal(rig_.sifted, 0);
}

/* A registration with these header lines is read late. */
static void register_late(unsigned i, const char *lines)
{
	char text[2000];

	snprintf(text, sizeof(text),
		 "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.31:%u;branch=z9hG4bKh%u\r\n"
		 "From: <sip:h%u@example.com>;tag=1\r\nTo: <sip:h%u@example.com>\r\nCall-ID: h%u\r\n"
		 "CSeq: 2 REGISTER\r\nContact: <sip:h%u@192.0.2.31:%u>\r\n%s\r\n",
		 5000 + i, i, i, i, i, i, 5000 + i, lines);
	struct host_event e = { .kind = HOST_DATAGRAM,
				.id = rig_.config.id_first,
				.transport = TRANSPORT_UDP,
				.local = rig_.config.listeners[0].local,
				.remote = rig_addr(31, (uint16_t)(5000 + i)),
				.waited = 20 * USEC_PER_MS,
				.bytes = str_from(text) };
	rig_.services[0].recv(rig_.services[0].self, &e, rig_.now);
}

/* His second request is longer than every first one: so these alone are sifted, and his does not end it. */
static void who_has_heard_a_challenge_is_let_in_while_the_others_are_sifted(void **state)
{
	char answer[3000], lines[1200];
	unsigned below = 0, ended = 0;
	struct host_want w;

	(void)state;
	rig_.config.flood_rate = 0;
	rig_run();
	rig_register_once(bob, "102", 9001, "");
	rig_copy(rig_take(bob), answer, sizeof(answer));
	rig_authorize(answer, "102", "pw102", "REGISTER", "sip:example.com", lines, sizeof(lines));
	rig_.reading = true;
	storm(2400, "w");
	for (unsigned k = 0; k < 1000; k++) { /* of four that come one is new */
		storm(3, "w");
		register_late(k, lines);
	}
	while (rig_.services[0].next(rig_.services[0].self, &w))
		if (w.kind == HOST_SIFT) {
			below = w.bytes.n ? w.below : below;
			ended += !w.bytes.n;
		}
	assert_in_range(below, 350, 350 + strlen(lines));
	assert_int_equal(ended, 0);
}

/* They would wait for the next power cut. */
static void who_was_sifted_is_let_in_again_also_where_that_could_not_be_asked_at_once(void **state)
{
	struct pbx_server *s;

	(void)state;
	rig_.config.auth = false;
	rig_run();
	s = rig_.servers[0];
	s->sieve.on = true; /* and the avalanche is over */
	rig_.sifted = PBX_SIEVE_SHARE;
	while (pbx_server_want(s))
		s->wants[s->want_n - 1].want.kind = HOST_UNBIND;
	pbx_gate_serve(s, rig_.now);
	rig_settle();
	pbx_gate_serve(s, rig_.now);
	rig_settle();
	assert_int_equal(rig_.sifted, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_flood_is_not_answered_and_nobody_else_notices),
		T(several_workers_hear_no_more_of_a_flood_than_one),
		T(several_workers_judge_no_more_guesses_than_one),
		T(malformed_requests_are_charged_too),
		T(on_a_stream_the_flooder_is_told_when_to_come_back),
		T(browsers_behind_a_web_server_of_this_machine_are_guarded_one_by_one),
		T(the_allowance_changes_while_it_runs),
		T(trusted_sources_and_open_networks_are_exempt),
		T(a_challenge_comes_once_and_leaves_nothing_behind),
		T(no_answer_to_a_datagram_is_more_than_three_times_as_long),
		T(nothing_tells_a_stranger_who_has_an_account),
		T(a_stranger_who_may_call_learns_who_is_there_and_no_more),
		T(who_is_late_refuses_the_least_urgent_first),
		T(neighbours_are_told_to_send_less),
		T(who_sends_less_is_not_told_to_stay_away),
		T(who_calls_through_us_is_told_in_the_answers),
		T(a_neighbour_that_asks_for_less_gets_less),
		T(who_answers_a_challenge_of_ours_goes_first),
		T(registrations_stand_in_line_and_the_rest_gets_a_turn),
		T(who_waits_and_asks_again_is_known_and_then_hardly_heard),
		T(who_has_heard_a_challenge_is_let_in_while_the_others_are_sifted),
		T(who_was_sifted_is_let_in_again_also_where_that_could_not_be_asked_at_once),
		T(nothing_tells_who_guesses_whether_there_is_such_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
