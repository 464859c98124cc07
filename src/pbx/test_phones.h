/*
 * pbx/test_phones.h - phones of one user in the jar, for tests of who rings when and what the caller hears.
 *
 * Alice (101) calls 102; who has a phone there is for the test to say. Nobody is asked for a password.
 */
#ifndef PBX_TEST_PHONES_H
#define PBX_TEST_PHONES_H

#include "pbx/test_rig.h"

static inline void run_open(void)
{
	rig_.config.auth = false;
	rig_run();
}

static inline void nothing_for(struct addr a)
{
	assert_string_equal(rig_take(a), "");
}

/* Nothing has come but ACKs of what was refused. */
static inline void only_acks_for(struct addr a)
{
	const char *text;

	do {
		text = rig_take(a);
	} while (strncmp(text, "ACK ", 4) == 0);
	assert_string_equal(text, "");
}

/* `lines`: more header lines of the REGISTER, each with its CRLF. */
static inline void user_binds(struct addr from, const char *user, const char *contact_params, const char *lines)
{
	static unsigned cseq = 5000;
	char text[1000];

	only_acks_for(from);
	snprintf(text, sizeof(text), "Contact: <sip:%.40s@192.0.2.%u:%u>;expires=600%.300s\r\n%.300s", user, from.ip[3],
		 from.port, contact_params, lines);
	rig_register_once(from, user, ++cseq, text);
	rig_assert_start(rig_take(from), "SIP/2.0 200 ");
}

static inline void alice_calls(const char *call_id, const char *lines)
{
	invite_from(alice, "101", "example.com", "sip:102@example.com", call_id, 1, lines);
}

/* The next that is no 1xx (or, for "SIP/2.0 1..", the next at all). */
static inline void hears(struct addr who, const char *start)
{
	bool early = strncmp(start, "SIP/2.0 1", 9) == 0;

	do {
		rig_assert_start(rig_take(who), "SIP/2.0 ");
	} while (!early && strncmp(rig_.text, "SIP/2.0 1", 9) == 0);
	rig_assert_start(rig_.text, start);
}

static inline void alice_hears(const char *start)
{
	hears(alice, start);
}

static inline void takes(struct addr at, char *out, const char *start)
{
	rig_copy(rig_take(at), out, 4000);
	rig_assert_start(out, start);
}

/* The next request that is no ACK. */
static inline void gets(struct addr at, char *out, const char *start)
{
	do {
		rig_copy(rig_take(at), out, 4000);
	} while (strncmp(out, "ACK ", 4) == 0 || strncmp(out, "SIP/2.0", 7) == 0);
	rig_assert_start(out, start);
}

static inline void refuses(struct addr at, const char *invite, int status, const char *tag)
{
	rig_answer_request(at, invite, status, tag, "", "");
}

/* 200, from where the INVITE has gone to. */
static inline void picks_up(struct addr at, const char *invite, const char *tag)
{
	const char *uri = strchr(invite, ' ') + 1;
	char contact[600];

	snprintf(contact, sizeof(contact), "Contact: <%.*s>", (int)strcspn(uri, " "), uri);
	rig_answer_request(at, invite, 200, tag, contact, "");
}

/* Calls to this domain are passed on. Before the run. */
static inline void relays_to(const char *domain)
{
	static str domains[1];

	domains[0] = str_from(domain);
	rig_.config.relay_domains = domains;
	rig_.config.relay_domain_n = 1;
}

static inline void no_jobs(void)
{
	for (unsigned i = 0; i < rig_.config.worker_n; i++) {
		struct pbx_server_stats stats;

		pbx_server_stats(rig_.servers[i], &stats);
		assert_int_equal(stats.jobs, 0);
	}
}

/* The final answer to alice, and nothing is left of the call. */
static inline void all_ends_with(const char *start)
{
	alice_hears(start);
	no_jobs();
}

#endif
