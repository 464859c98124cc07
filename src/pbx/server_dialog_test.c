#include "pbx/test_rig.h"

/* A carrier of two machines, and another that our calls must not be led to; all need no password. */
static const struct pbx_trust trusts[] = { { { .family = 4, .ip = { 192, 0, 2, 76 } }, 30 },
					   { { .family = 4, .ip = { 192, 0, 2, 66 } }, 32 } };
static const str partner[] = { STR_INIT("known.example") };
static struct addr carrier, carrier2, other;

#define CARRIER "sip:+491@192.0.2.77:5060"

/* One side of a call, as it knows it. */
struct side {
	struct addr at;
	const char *contact; /* its own */
	char target[100], tag[20], far_tag[20], route[1600], id[40];
};

static unsigned cseq;

static int begin(void **state)
{
	setup(state);
	carrier = rig_addr(77, 5060);
	carrier2 = rig_addr(78, 5060);
	other = rig_addr(66, 5060);
	rig_.config.auth = false;
	rig_.config.trusts = trusts;
	rig_.config.trust_n = 2;
	rig_.config.relay_domains = partner;
	rig_.config.relay_domain_n = 1;
	cseq = 10;
	return 0;
}

static void run(void)
{
	rig_run();
	rig_register(bob, "102");
	rig_forget_sent();
}

static uint64_t astray(void)
{
	struct pbx_server_stats stats;
	uint64_t n = 0;

	for (unsigned i = 0; i < rig_.config.worker_n; i++) {
		pbx_server_stats(rig_.servers[i], &stats);
		n += stats.astray;
	}
	return n;
}

/* ---- what is said inside a call ---- */

static const char *lines_of(const char *method)
{
	return !strcmp(method, "REFER")       ? "Refer-To: <sip:103@example.com>\r\n"
	       : !strcmp(method, "PRACK")     ? "RAck: 1 1 INVITE\r\n"
	       : !strcmp(method, "SUBSCRIBE") ? "Event: dialog\r\n"
	       : !strcmp(method, "NOTIFY")    ? "Event: dialog\r\nSubscription-State: active\r\n"
					      : "";
}

static void say(const struct side *s, const char *method, const char *uri)
{
	char text[4000];

	cseq++;
	snprintf(text, sizeof(text),
		 "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.%u:%u;branch=z9hG4bKd%u\r\nMax-Forwards: 70\r\n"
		 "From: <sip:a@example.com>;tag=%s\r\nTo: <sip:b@example.com>;tag=%s\r\nCall-ID: %s\r\n"
		 "CSeq: %u %s\r\nContact: <%s>\r\n%s%sContent-Length: 0\r\n\r\n",
		 method, uri, s->at.ip[3], s->at.port, cseq, s->tag, s->far_tag, s->id, cseq, method, s->contact,
		 s->route, lines_of(method));
	rig_datagram_at(cseq % rig_.config.worker_n, s->at, str_from(text));
}

static const char * final(struct addr at)
{
	do
		rig_take(at);
	while (!strncmp(rig_.text, "SIP/2.0 1", 9) && rig_waiting());
	return rig_.text;
}

/* Passed on to where `to` is, which answers 200, saying `contact` of itself. */
static void passes(const struct side *s, const char *method, const char *uri, struct addr to, const char *contact)
{
	char start[200], request[6000], line[200];

	rig_forget_sent();
	say(s, method, uri);
	snprintf(start, sizeof(start), "%s %s SIP/2.0\r\n", method, uri);
	rig_copy(rig_take(to), request, sizeof(request));
	if (!request[0])
		fail_msg("%s %s was not passed on: %s", method, uri, rig_take(s->at));
	rig_assert_start(request, start);
	snprintf(line, sizeof(line), "Contact: <%s>\r\n", contact);
	if (strcmp(method, "ACK") != 0) {
		rig_answer_request(to, request, 200, "", line, "");
		rig_assert_start(final(s->at), "SIP/2.0 200 ");
	}
}

static void refused(const struct side *s, const char *method, const char *uri)
{
	uint64_t n = astray();

	rig_forget_sent();
	say(s, method, uri);
	assert_string_equal(rig_take(carrier), "");
	assert_string_equal(rig_take(carrier2), "");
	assert_string_equal(rig_take(other), "");
	rig_assert_start(final(s->at), "SIP/2.0 403 ");
	assert_int_equal(astray(), n + 1);
}

/* ---- calls ---- */

/* The route set: Record-Routes of a text, for who has called turned round. */
static void take_route(const char *text, bool turned, char *route, size_t cap)
{
	const char *values[8], *at = text;
	size_t n = 0, len[8];
	struct buf b;

	while ((at = strstr(at, "\r\nRecord-Route: "))) {
		at += 16;
		for (const char *end = at + strcspn(at, "\r"); at < end; n++) {
			assert_true(n < 8);
			values[n] = at;
			len[n] = strcspn(at, ",\r");
			at += len[n] + (at[len[n]] == ',' ? 2 : 0);
		}
	}
	buf_init(&b, route, cap);
	for (size_t i = 0; i < n; i++) {
		size_t k = turned ? n - 1 - i : i;

		buf_put(&b, STR("Route: "));
		buf_put(&b, str_of(values[k], len[k]));
		buf_put(&b, STR("\r\n"));
	}
	buf_put_char(&b, '\0');
	assert_true(buf_ok(&b));
}

static void name_call(struct side *ours, struct side *theirs, const char *id)
{
	memset(ours, 0, sizeof(*ours));
	memset(theirs, 0, sizeof(*theirs));
	snprintf(ours->id, sizeof(ours->id), "%s", id);
	snprintf(theirs->id, sizeof(theirs->id), "%s", id);
	theirs->at = carrier;
	theirs->contact = CARRIER;
	snprintf(ours->target, sizeof(ours->target), CARRIER);
}

/* Alice calls the carrier; what it gets is copied to `invite`. */
static void ring_out(const char *method, const char *id, struct side *ours, struct side *theirs, char *invite)
{
	char text[2000];

	name_call(ours, theirs, id);
	ours->at = alice;
	ours->contact = "sip:101@192.0.2.11:5060";
	snprintf(theirs->target, sizeof(theirs->target), "%s", ours->contact);
	snprintf(ours->tag, sizeof(ours->tag), "from");
	snprintf(ours->far_tag, sizeof(ours->far_tag), "ct");
	snprintf(theirs->tag, sizeof(theirs->tag), "ct");
	snprintf(theirs->far_tag, sizeof(theirs->far_tag), "from");
	cseq++;
	snprintf(text, sizeof(text),
		 "%s sip:+491@known.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKo%s%u\r\n"
		 "Max-Forwards: 70\r\nFrom: <sip:101@example.com>;tag=from\r\nTo: <sip:+491@known.example>\r\n"
		 "Call-ID: %s\r\nCSeq: %u %s\r\nContact: <%s>\r\n%sContent-Length: 0\r\n\r\n",
		 method, id, cseq, id, cseq, method, ours->contact, lines_of(method));
	rig_datagram_at(cseq % rig_.config.worker_n, alice, str_from(text));
	rig_copy(rig_take(carrier), invite, 4000);
	rig_assert_start(invite, method);
	take_route(invite, false, theirs->route, sizeof(theirs->route));
	rig_forget_sent();
}

/* The carrier answers, with these lines and in its dialog of this tag; alice's side of it is ours. */
static void answer_out(const char *invite, int status, const char *tag, const char *contact, const char *lines,
		       struct side *ours)
{
	char text[3000];

	snprintf(text, sizeof(text), "Contact: <%s>\r\n%s", contact, lines);
	rig_answer_request(carrier, invite, status, tag, text, "");
	snprintf(text, 20, "SIP/2.0 %d ", status);
	while (strncmp(rig_take(alice), text, 12) != 0)
		assert_string_not_equal(rig_.text, "");
	take_route(rig_.text, true, ours->route, sizeof(ours->route));
	snprintf(ours->far_tag, sizeof(ours->far_tag), "%s", tag);
	snprintf(ours->target, sizeof(ours->target), "%s", contact);
}

static void call_out(const char *id, struct side *ours, struct side *theirs)
{
	char invite[4000];

	ring_out("INVITE", id, ours, theirs, invite);
	answer_out(invite, 200, "ct", CARRIER, "", ours);
}

/* The carrier calls bob; with these lines in its INVITE. */
static void ring_in(const char *id, const char *lines, struct side *ours, struct side *theirs, char *invite)
{
	name_call(ours, theirs, id);
	ours->at = bob;
	ours->contact = "sip:102@192.0.2.12:5060";
	snprintf(theirs->target, sizeof(theirs->target), "%s", ours->contact);
	snprintf(ours->tag, sizeof(ours->tag), "bt");
	snprintf(ours->far_tag, sizeof(ours->far_tag), "from");
	snprintf(theirs->tag, sizeof(theirs->tag), "from");
	snprintf(theirs->far_tag, sizeof(theirs->far_tag), "bt");
	invite_from(carrier, "+491", "known.example", "sip:102@example.com", id, ++cseq, lines);
	rig_copy(rig_take(bob), invite, 4000);
	rig_assert_start(invite, "INVITE ");
	take_route(invite, false, ours->route, sizeof(ours->route));
}

static void call_in(const char *id, struct side *ours, struct side *theirs)
{
	char invite[4000];

	ring_in(id, "", ours, theirs, invite);
	rig_answer_request(bob, invite, 200, "bt", "Contact: <sip:102@192.0.2.12:5060>\r\n", "");
	rig_assert_start(final(carrier), "SIP/2.0 200 ");
	take_route(rig_.text, true, theirs->route, sizeof(theirs->route));
}

static void (*const calls[])(const char *, struct side *, struct side *) = { call_out, call_in };

/* ---- what goes ---- */

static void whoever_has_called_both_sides_say_what_they_will(void **state)
{
	static const char *const methods[] = { "ACK",     "INVITE",  "UPDATE", "PRACK",     "INFO",  "REFER",
					       "MESSAGE", "OPTIONS", "NOTIFY", "SUBSCRIBE", "INVITE" };
	struct side ours, theirs;
	char id[20];

	(void)state;
	for (rig_.config.worker_n = 1; rig_.config.worker_n <= 3; rig_.config.worker_n += 2) {
		run();
		for (int i = 0; i < 8; i++) {
			snprintf(id, sizeof(id), "call%d", i);
			calls[i % 2](id, &ours, &theirs);
			for (size_t k = 0; k < sizeof(methods) / sizeof(methods[0]); k++) {
				passes(&ours, methods[k], ours.target, carrier, theirs.contact);
				passes(&theirs, methods[k], theirs.target, ours.at, ours.contact);
			}
			passes(&ours, "BYE", ours.target, carrier, theirs.contact);
		}
		assert_int_equal(astray(), 0);
		rig_stop_servers();
		rig_forget_contacts();
	}
	rig_.config.worker_n = 1;
}

/* RFC 3261 12.2, RFC 3311 5.: by its own request, or its answer to one; requests cross. */
static void a_neighbour_that_moves_is_followed(void **state)
{
	static const char *const methods[] = { "INVITE", "UPDATE" };
	static const char *const places[] = { "sip:gw2@192.0.2.78:5060", "sip:gw3@192.0.2.78:5060" };
	struct side ours, theirs;
	char id[20];

	(void)state;
	run();
	for (int i = 0; i < 4; i++) {
		snprintf(id, sizeof(id), "move%d", i);
		calls[i % 2](id, &ours, &theirs);
		refused(&ours, "INVITE", places[0]);
		theirs.contact = places[0];
		passes(&theirs, methods[i / 2], theirs.target, ours.at, ours.contact);
		passes(&ours, "UPDATE", CARRIER, carrier, places[0]); /* crossing */
		passes(&ours, "INVITE", places[0], carrier2, places[1]);
		passes(&ours, "UPDATE", places[1], carrier2, places[1]);
		refused(&ours, "INVITE", "sip:gw4@192.0.2.78:5060");
		/* by another machine of its */
		theirs.at = carrier2;
		theirs.contact = "sip:gw5@192.0.2.78:5060";
		passes(&theirs, methods[i / 2], theirs.target, ours.at, ours.contact);
		passes(&ours, "INFO", theirs.contact, carrier2, theirs.contact);
	}
	/* what was said in one call is nothing in another */
	call_out("move9", &ours, &theirs);
	refused(&ours, "INVITE", places[0]);
}

static void a_target_is_the_same_however_it_is_written(void **state)
{
	struct side ours, theirs;

	(void)state;
	run();
	call_out("written", &ours, &theirs);
	passes(&ours, "UPDATE", "sip:+491@192.0.2.77", carrier, CARRIER);
	passes(&ours, "UPDATE", "sip:%2b491@192.0.2.77:5060;transport=udp;user=phone", carrier, CARRIER);
	refused(&ours, "UPDATE", "sip:+491@192.0.2.77:5061");
}

/* RFC 3261 13.2.2.4: each has its own place. */
static void who_answers_is_told_apart(void **state)
{
	struct side ours, theirs, first, second;
	char invite[4000];

	(void)state;
	run();
	ring_out("INVITE", "forked", &ours, &theirs, invite);
	first = second = ours;
	answer_out(invite, 180, "c1", "sip:one@192.0.2.77:5060", "", &first);
	passes(&first, "PRACK", first.target, carrier, first.target);
	answer_out(invite, 183, "c2", "sip:two@192.0.2.78:5060", "", &second);
	passes(&second, "UPDATE", second.target, carrier2, second.target);
	passes(&first, "UPDATE", first.target, carrier, first.target);
	refused(&first, "UPDATE", second.target);
	answer_out(invite, 200, "c1", "sip:one@192.0.2.77:5060", "", &first);
	answer_out(invite, 200, "c2", "sip:three@192.0.2.78:5060", "", &second);
	passes(&first, "INVITE", first.target, carrier, first.target);
	passes(&second, "INVITE", second.target, carrier2, second.target);
	refused(&first, "INVITE", second.target);
	refused(&second, "INVITE", first.target);
	passes(&first, "BYE", first.target, carrier, first.target);
	refused(&first, "INVITE", first.target);
	passes(&second, "INVITE", second.target, carrier2, second.target);
	passes(&second, "BYE", second.target, carrier2, second.target);
	refused(&second, "INVITE", second.target);
}

/* Before anybody has answered; its phone may be another when it does, and the caller may keep the Route it had. */
static void early_dialogs_lead_somewhere_too(void **state)
{
	struct side ours, theirs, early;
	char invite[4000];

	(void)state;
	run();
	ring_out("INVITE", "early", &ours, &theirs, invite);
	answer_out(invite, 183, "ct", "sip:ringing@192.0.2.77:5060", "", &ours);
	passes(&ours, "PRACK", ours.target, carrier, ours.target);
	passes(&ours, "UPDATE", ours.target, carrier, ours.target);
	refused(&ours, "UPDATE", CARRIER);
	early = ours;
	answer_out(invite, 200, "ct", CARRIER, "", &ours);
	passes(&ours, "INVITE", CARRIER, carrier, CARRIER);
	passes(&early, "INVITE", CARRIER, carrier, CARRIER);
	/* the same for who is called */
	ring_in("early-in", "", &ours, &theirs, invite);
	rig_answer_request(bob, invite, 183, "bt", "Contact: <sip:102@192.0.2.12:5060>\r\n", "");
	passes(&ours, "UPDATE", CARRIER, carrier, CARRIER);
	refused(&ours, "UPDATE", "sip:+499@192.0.2.77:5060");
}

/* A 2xx that comes again, when the call's INVITE is long done. */
static void a_repeated_answer_says_the_same(void **state)
{
	struct side ours, theirs;
	char invite[4000];

	(void)state;
	run();
	ring_out("INVITE", "again", &ours, &theirs, invite);
	answer_out(invite, 200, "ct", CARRIER, "", &ours);
	rig_pass(2 * USEC_PER_SEC);
	rig_forget_sent();
	answer_out(invite, 200, "ct", CARRIER, "", &ours);
	rig_forget_sent();
	rig_stop_servers(); /* nothing is remembered */
	rig_run();
	passes(&ours, "INVITE", CARRIER, carrier, CARRIER);
}

static void proxies_of_the_neighbour_stay_on_the_way(void **state)
{
	struct side ours, theirs;
	char invite[4000], all[3000], lines[3000];
	const char *own = "Record-Route: <sip:192.0.2.77;lr;x=1>\r\n";

	(void)state;
	run();
	for (int i = 0; i < 2; i++) {
		if (i) {
			ring_in("proxied-in", own, &ours, &theirs, invite);
			rig_answer_request(bob, invite, 200, "bt", "Contact: <sip:102@192.0.2.12:5060>\r\n", "");
			snprintf(ours.target, sizeof(ours.target), CARRIER);
		} else { /* it puts its own above ours */
			ring_out("INVITE", "proxied-out", &ours, &theirs, invite);
			char *ours_at = strstr(invite, "\r\nRecord-Route: ") + 2;

			snprintf(all, sizeof(all), "%.*s%s%s", (int)(ours_at - invite), invite, own, ours_at);
			answer_out(all, 200, "ct", "sip:gw@198.51.100.7:5060", "", &ours);
		}
		rig_assert_has(ours.route, "\r\nRoute: <sip:192.0.2.77;lr;x=1>\r\n");
		passes(&ours, "INVITE", ours.target, carrier, ours.target);
		refused(&ours, "INVITE", "sip:0900@198.51.100.7:5060");
		/* another Route behind ours; a strict router would take it for the Request-URI */
		snprintf(lines, sizeof(lines), "%s", ours.route);
		char *at = strstr(ours.route, "<sip:192.0.2.77;lr;x=1>");

		memcpy(at, "<sip:0900@192.0.2.77;z>", 23);
		refused(&ours, "INVITE", ours.target);
		memcpy(at, "<sip:192.0.2.66;lr;x=1>", 23);
		refused(&ours, "INVITE", ours.target);
		memcpy(ours.route, lines, sizeof(ours.route));
		passes(&ours, "UPDATE", ours.target, carrier, ours.target);
	}
}

/* What our Record-Route says is signed, and the key is the store's. */
static void a_call_outlives_the_exchange(void **state)
{
	struct side ours, theirs;

	(void)state;
	for (int i = 0; i < 2; i++) {
		run();
		calls[i]("outlives", &ours, &theirs);
		rig_stop_servers();
		rig_run();
		passes(&ours, "INVITE", ours.target, carrier, theirs.contact);
		passes(&theirs, "UPDATE", theirs.target, ours.at, ours.contact);
		refused(&ours, "INVITE", "sip:+499@192.0.2.77:5060");
		rig_stop_servers();
	}
}

/* RFC 5658: alice's stream sees one Record-Route of ours, the carrier another. */
static void sides_of_two_transports_see_two_record_routes(void **state)
{
	struct addr nat = rig_addr(40, 33333);
	char text[3000], invite[4000], route[1600];
	static const char *const targets[] = { CARRIER, "sip:+499@192.0.2.77:5060" };

	(void)state;
	run();
	rig_accept(RIG_STREAM, nat);
	rig_bytes(RIG_STREAM, nat,
		  "INVITE sip:+491@known.example SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.5;branch=z9hG4bKs1\r\n"
		  "Max-Forwards: 70\r\nFrom: <sip:101@example.com>;tag=from\r\nTo: <sip:+491@known.example>\r\n"
		  "Call-ID: two\r\nCSeq: 1 INVITE\r\nContact: <sip:101@10.0.0.5;transport=tcp>\r\n"
		  "Content-Length: 0\r\n\r\n");
	rig_copy(rig_take(carrier), invite, sizeof(invite));
	rig_answer_request(carrier, invite, 200, "ct", "Contact: <" CARRIER ">\r\n", "");
	while (strncmp(rig_take_stream(RIG_STREAM), "SIP/2.0 200", 11) != 0)
		assert_string_not_equal(rig_.text, "");
	take_route(rig_.text, true, route, sizeof(route));
	rig_assert_has(route, "\r\nRoute: "); /* two */
	for (int i = 0; i < 2; i++) {
		snprintf(text, sizeof(text),
			 "UPDATE %s SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.5;branch=z9hG4bKs2%d\r\n%sMax-Forwards: 70\r\n"
			 "From: <sip:101@example.com>;tag=from\r\nTo: <sip:+491@known.example>;tag=ct\r\n"
			 "Call-ID: two\r\nCSeq: %d UPDATE\r\nContact: <sip:101@10.0.0.5;transport=tcp>\r\n"
			 "Content-Length: 0\r\n\r\n",
			 targets[i], i, route, 2 + i);
		rig_bytes(RIG_STREAM, nat, text);
		rig_copy(rig_take(carrier), invite, sizeof(invite));
		if (i)
			assert_string_equal(invite, "");
		else
			rig_assert_start(invite, "UPDATE " CARRIER);
	}
	assert_int_equal(astray(), 1);
}

/* Who subscribes takes the Route of the first NOTIFY (RFC 6665 4.4.1), which may come before the answer. */
static void a_subscription_at_a_neighbour_is_refreshed(void **state)
{
	struct side ours, theirs, notified;
	char subscribe[4000];

	(void)state;
	run();
	ring_out("SUBSCRIBE", "watch", &ours, &theirs, subscribe);
	passes(&theirs, "NOTIFY", theirs.target, alice, ours.contact);
	notified = ours;
	say(&theirs, "NOTIFY", theirs.target);
	rig_copy(rig_take(alice), subscribe, sizeof(subscribe));
	rig_assert_start(subscribe, "NOTIFY ");
	take_route(subscribe, false, notified.route, sizeof(notified.route));
	passes(&notified, "SUBSCRIBE", CARRIER, carrier, CARRIER);
	rig_stop_servers();
	rig_run();
	passes(&notified, "SUBSCRIBE", CARRIER, carrier, CARRIER);
	rig_pass(25 * 3600 * USEC_PER_SEC); /* it may last */
	passes(&notified, "SUBSCRIBE", CARRIER, carrier, CARRIER);
	refused(&notified, "SUBSCRIBE", "sip:+499@192.0.2.77:5060");
	refused(&notified, "INVITE", CARRIER);
}

static void many_record_routes_are_none_too_many(void **state)
{
	struct side ours, theirs;
	char invite[4000], all[6000], many[3000] = "";

	(void)state;
	run();
	ring_out("INVITE", "many", &ours, &theirs, invite);
	for (int i = 0; i < 4; i++) {
		strcat(many, "Record-Route: <sip:192.0.2.77;lr;x=");
		memset(many + strlen(many), 'y', 600);
		many[(i + 1) * 638 - 3] = '\0';
		strcat(many, ">\r\n");
	}
	char *at = strstr(invite, "\r\nRecord-Route: ") + 2;

	snprintf(all, sizeof(all), "%.*s%s%s", (int)(at - invite), invite, many, at);
	rig_answer_request(carrier, all, 200, "ct", "Contact: <" CARRIER ">\r\n", "");
	rig_assert_start(final(alice), "SIP/2.0 200 ");
	take_route(invite, true, ours.route, sizeof(ours.route)); /* ours, as it was */
	passes(&ours, "INVITE", CARRIER, carrier, CARRIER);
	refused(&ours, "INVITE", "sip:+499@192.0.2.77:5060");
}

/* ---- what does not ---- */

/* Whoever has called. */
static void nobody_calls_another_number_by_a_call(void **state)
{
	static const char *const elsewhere[] = { "sip:+499@192.0.2.77:5060", "sip:+491@192.0.2.66:5060",
						 "sip:+491@192.0.2.78:5060", "sip:+491@known.example",
						 "sip:+491@192.0.2.77:5060;maddr=192.0.2.78" };
	static const char *const methods[] = { "INVITE", "UPDATE", "MESSAGE", "REFER", "SUBSCRIBE", "OPTIONS" };
	struct side ours, theirs;

	(void)state;
	run();
	for (int i = 0; i < 2; i++) {
		calls[i](i ? "in" : "out", &ours, &theirs);
		for (size_t k = 0; k < sizeof(elsewhere) / sizeof(elsewhere[0]); k++)
			if (strstr(elsewhere[k], "known"))
				say(&ours, methods[k], elsewhere[k]); /* judged once its address is known */
			else
				refused(&ours, methods[k], elsewhere[k]);
		assert_string_equal(rig_take(carrier), "");
		assert_int_equal(astray(), (unsigned)(i + 1) * 5);
		passes(&ours, "BYE", "sip:+499@192.0.2.77:5060", carrier, CARRIER); /* ends what there is */
	}
}

static void nobody_calls_by_another_dialogs_tags(void **state)
{
	struct side ours, theirs, changed;

	(void)state;
	run();
	for (int i = 0; i < 2; i++) {
		calls[i](i ? "in" : "out", &ours, &theirs);
		changed = ours;
		snprintf(changed.far_tag, sizeof(changed.far_tag), "none");
		rig_forget_sent();
		say(&changed, "INVITE", CARRIER);
		assert_string_equal(rig_take(carrier), "");
		rig_assert_start(final(ours.at), "SIP/2.0 403 ");
		changed = ours;
		snprintf(changed.tag, sizeof(changed.tag), "none");
		rig_forget_sent();
		say(&changed, "INVITE", CARRIER);
		assert_string_equal(rig_take(carrier), "");
		rig_assert_start(final(ours.at), "SIP/2.0 403 ");
		snprintf(changed.tag, sizeof(changed.tag), "%s", ours.far_tag); /* turned round */
		snprintf(changed.far_tag, sizeof(changed.far_tag), "%s", ours.tag);
		refused(&changed, "INVITE", CARRIER);
		passes(&ours, "INVITE", CARRIER, carrier, CARRIER);
	}
}

static void nobody_calls_by_a_call_that_is_over(void **state)
{
	struct side ours, theirs;
	char invite[4000], id[20];

	(void)state;
	run();
	rig_pass(2 * USEC_PER_SEC);
	call_out("first", &ours, &theirs); /* from now on all are known */
	rig_pass(2 * USEC_PER_SEC);
	for (int i = 0; i < 4; i++) {
		snprintf(id, sizeof(id), "over%d", i);
		calls[i % 2](id, &ours, &theirs);
		passes(&ours, "INVITE", CARRIER, carrier, CARRIER);
		if (i / 2)
			passes(&ours, "BYE", CARRIER, carrier, CARRIER);
		else
			passes(&theirs, "BYE", theirs.target, ours.at, ours.contact);
		refused(&ours, "INVITE", CARRIER);
		refused(&ours, "MESSAGE", CARRIER);
		passes(&ours, "NOTIFY", CARRIER, carrier, CARRIER); /* RFC 5057 4.: of a REFER */
		/* nor does another call of this name make it live */
		if (i % 2 == 0) {
			rig_pass(40 * USEC_PER_SEC);
			rig_forget_sent();
			struct side again;

			ring_out("INVITE", id, &again, &theirs, invite);
			refused(&ours, "INVITE", CARRIER);
		}
	}
	/* one that nobody has answered */
	ring_out("INVITE", "refused", &ours, &theirs, invite);
	answer_out(invite, 183, "ct", CARRIER, "", &ours);
	passes(&ours, "UPDATE", CARRIER, carrier, CARRIER);
	rig_answer_request(carrier, invite, 486, "ct", "", "");
	refused(&ours, "INVITE", CARRIER);
}

static void nobody_calls_by_a_call_of_yesterday(void **state)
{
	struct side ours, theirs;

	(void)state;
	run();
	for (int i = 0; i < 2; i++) {
		rig_register(bob, "102");
		calls[i](i ? "in" : "out", &ours, &theirs);
		rig_pass(23 * 3600 * USEC_PER_SEC);
		passes(&ours, "INVITE", CARRIER, carrier, CARRIER);
		rig_forget_sent();
		rig_stop_servers();
		rig_run();
		rig_pass(3600 * USEC_PER_SEC + USEC_PER_SEC);
		refused(&ours, "INVITE", CARRIER);
		passes(&ours, "BYE", CARRIER, carrier, CARRIER);
	}
}

static void a_subscription_is_no_call(void **state)
{
	struct side ours, theirs;
	char subscribe[4000];

	(void)state;
	run();
	ring_out("SUBSCRIBE", "sub", &ours, &theirs, subscribe);
	answer_out(subscribe, 200, "ct", CARRIER, "", &ours);
	passes(&ours, "SUBSCRIBE", CARRIER, carrier, CARRIER);
	passes(&theirs, "NOTIFY", theirs.target, alice, ours.contact);
	refused(&ours, "INVITE", CARRIER);
	refused(&ours, "SUBSCRIBE", "sip:+499@192.0.2.77:5060");
}

/* No phone says where a neighbour is, and a forged Route says nothing at all. */
static void nobody_but_the_neighbour_says_where_it_is(void **state)
{
	struct side ours, theirs;
	char invite[4000];

	(void)state;
	run();
	call_out("says", &ours, &theirs);
	theirs.at = stranger;
	theirs.contact = "sip:+499@192.0.2.77:5060";
	say(&theirs, "UPDATE", theirs.target);
	refused(&ours, "INVITE", theirs.contact);
	ours.contact = "sip:+499@192.0.2.77:5060";
	passes(&ours, "UPDATE", CARRIER, carrier, CARRIER);
	refused(&ours, "INVITE", ours.contact);
	/* a Route of ours that does not say yet where it leads */
	ring_out("INVITE", "unsaid", &ours, &theirs, invite);
	memcpy(ours.route, theirs.route, sizeof(ours.route));
	answer_out(invite, 200, "ct", CARRIER, "", &ours);
	memcpy(ours.route, theirs.route, sizeof(ours.route));
	refused(&ours, "INVITE", CARRIER);
	/* nor one of a call without neighbours */
	invite_from(alice, "101", "example.com", "sip:102@example.com", "plain", ++cseq, "");
	rig_copy(rig_take(bob), invite, sizeof(invite));
	take_route(invite, false, ours.route, sizeof(ours.route));
	rig_answer_request(bob, invite, 200, "ct", "Contact: <" CARRIER ">\r\n", "");
	snprintf(ours.id, sizeof(ours.id), "plain");
	refused(&ours, "INVITE", CARRIER);
}

/* It answers with a carrier's address: that leads to its own proxy, or, where the caller comes from elsewhere so that
 * no side's way is known, nowhere. */
static void a_phone_behind_a_neighbour_leads_to_no_other_neighbour(void **state)
{
	struct side ours, theirs;
	char invite[4000];

	(void)state;
	rig_run();
	rig_register_once(other, "103", ++cseq,
			  "Path: <sip:192.0.2.66:5060;lr>\r\nSupported: path\r\n"
			  "Contact: <sip:103@10.0.0.9:5060>;expires=600\r\n");
	rig_assert_start(rig_take(other), "SIP/2.0 200 ");
	name_call(&ours, &theirs, "phone");
	ours.at = stranger; /* its Contact is not where it is: behind NAT */
	ours.contact = "sip:101@192.0.2.11:5060";
	snprintf(ours.tag, sizeof(ours.tag), "from");
	snprintf(ours.far_tag, sizeof(ours.far_tag), "ct");
	snprintf(invite, sizeof(invite),
		 "INVITE sip:103@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bKb1\r\n"
		 "Max-Forwards: 70\r\nFrom: <sip:x@y.example>;tag=from\r\nTo: <sip:103@example.com>\r\n"
		 "Call-ID: phone\r\nCSeq: 1 INVITE\r\nContact: <sip:x@10.0.0.5>\r\nContent-Length: 0\r\n\r\n");
	rig_say(stranger, invite);
	rig_copy(rig_take(other), invite, sizeof(invite));
	rig_assert_start(invite, "INVITE sip:103@10.0.0.9:5060");
	rig_forget_sent();
	rig_answer_request(other, invite, 200, "ct", "Contact: <" CARRIER ">\r\n", "");
	rig_assert_start(final(stranger), "SIP/2.0 200 ");
	take_route(rig_.text, true, ours.route, sizeof(ours.route));
	passes(&ours, "INVITE", CARRIER, other, CARRIER);
	ours.at = bob2;
	refused(&ours, "INVITE", CARRIER);
}

/* Two accounts, one of them behind another neighbour, that lend each other Call-ID, tags and Routes: what is said by
 * that way, in a request or an answer, is not the carrier's word. */
static void what_one_neighbour_passes_on_does_not_place_another(void **state)
{
	struct side ours, theirs, spy;
	char invite[4000], forged[5000];
	const char *at, *value;

	(void)state;
	run();
	ring_out("INVITE", "lent", &ours, &theirs, invite);
	answer_out(invite, 200, "ct", CARRIER, "", &ours);
	for (int i = 0; i < 2; i++) { /* by alice's Route, and by the carrier's own */
		spy = theirs;
		spy.at = other;
		spy.contact = "sip:0900@192.0.2.77:5060";
		if (!i)
			memcpy(spy.route, ours.route, sizeof(spy.route));
		passes(&spy, "UPDATE", ours.contact, alice, ours.contact);
		refused(&ours, "INVITE", "sip:0900@192.0.2.77:5060");
	}
	/* a call by the other way, of the same name, is answered with the carrier's Record-Route */
	rig_register_once(other, "103", ++cseq,
			  "Path: <sip:192.0.2.66:5060;lr>\r\nSupported: path\r\n"
			  "Contact: <sip:103@192.0.2.66:5080>;expires=600\r\n");
	rig_assert_start(rig_take(other), "SIP/2.0 200 ");
	invite_from(alice, "101", "example.com", "sip:103@example.com", "lent", ++cseq, "");
	rig_copy(rig_take(other), invite, sizeof(invite));
	at = strstr(invite, "Record-Route: ");
	assert_non_null(at);
	value = theirs.route + strlen("Route: ");
	snprintf(forged, sizeof(forged), "%.*sRecord-Route: %.*s%s", (int)(at - invite), invite,
		 (int)strcspn(value, "\r"), value, strstr(at, "\r\n"));
	rig_forget_sent();
	rig_answer_request(other, forged, 200, "ct", "Contact: <sip:0900@192.0.2.77:5060>", "");
	rig_assert_start(final(alice), "SIP/2.0 200 ");
	take_route(rig_.text, true, ours.route, sizeof(ours.route));
	refused(&ours, "INVITE", "sip:0900@192.0.2.77:5060");
}

#define D(name) cmocka_unit_test_setup_teardown(name, begin, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		D(whoever_has_called_both_sides_say_what_they_will),
		D(a_neighbour_that_moves_is_followed),
		D(a_target_is_the_same_however_it_is_written),
		D(who_answers_is_told_apart),
		D(early_dialogs_lead_somewhere_too),
		D(a_repeated_answer_says_the_same),
		D(proxies_of_the_neighbour_stay_on_the_way),
		D(a_call_outlives_the_exchange),
		D(sides_of_two_transports_see_two_record_routes),
		D(a_subscription_at_a_neighbour_is_refreshed),
		D(many_record_routes_are_none_too_many),
		D(nobody_calls_another_number_by_a_call),
		D(nobody_calls_by_another_dialogs_tags),
		D(nobody_calls_by_a_call_that_is_over),
		D(nobody_calls_by_a_call_of_yesterday),
		D(a_subscription_is_no_call),
		D(nobody_but_the_neighbour_says_where_it_is),
		D(a_phone_behind_a_neighbour_leads_to_no_other_neighbour),
		D(what_one_neighbour_passes_on_does_not_place_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
