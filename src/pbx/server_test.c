#include "pbx/test_rig.h"

/* ---- torture ---- */

struct verdict {
	char name[60], kind[8], codes[24];
};

static bool code_fits(const char *codes, int status)
{
	char list[24], *save, *code;

	if (!strcmp(codes, "any"))
		return true;
	if (!strcmp(codes, "!400"))
		return status != 400;
	if (!strcmp(codes, "!400&!200"))
		return status != 400 && status != 200;
	snprintf(list, sizeof(list), "%s", codes);
	for (code = strtok_r(list, "|", &save); code; code = strtok_r(NULL, "|", &save))
		if (!strcmp(code, "any") || atoi(code) == status || (!strcmp(code, "4xx") && status / 100 == 4))
			return true;
	return false;
}

static void torture_one(const char *folder, const struct verdict *v)
{
	const char *vectors = getenv("VECTORS");
	char path[600], bytes[8000];
	int status = 0;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/%s", vectors ? vectors : "../shared/vectors", folder, v->name);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	rig_run();
	rig_datagram_at(0, stranger, str_of(bytes, n));
	rig_pass(100 * USEC_PER_MS);
	for (size_t i = 0; i < rig_.sent_n; i++) {
		if (strncmp(rig_.sent[i].text, "SIP/2.0 ", 8) != 0)
			fail_msg("%s was relayed: %s", v->name, rig_.sent[i].text);
		int s = atoi(rig_.sent[i].text + 8);
		status = s > 100 ? s : status;
	}
	if (!strcmp(v->codes, "none") ? rig_.sent_n > 0
				      : (strcmp(v->codes, "any") && !status) || !code_fits(v->codes, status))
		fail_msg("%s: %d is not %s", v->name, status, v->codes);
	/* and the exchange lives */
	rig_forget_sent();
	rig_assert_start(ask("OPTIONS", "sip:example.com", ""), "SIP/2.0 200 OK");
	rig_stop_servers();
	rig_forget_contacts();
}

static void torture(const char *folder)
{
	const char *vectors = getenv("VECTORS");
	char path[600], line[1000];
	unsigned n = 0;

	snprintf(path, sizeof(path), "%s/%s/manifest.tsv", vectors ? vectors : "../shared/vectors", folder);
	FILE *f = fopen(path, "r");
	if (!f) {
		print_message("no test vectors: set VECTORS\n");
		skip();
	}
	while (fgets(line, sizeof(line), f)) {
		char *fields[8], *rest = line;
		struct verdict v;

		for (int i = 0; i < 8; i++)
			fields[i] = strsep(&rest, "\t");
		if (!fields[6] || !strstr(fields[0], ".dat"))
			continue;
		snprintf(v.name, sizeof(v.name), "%s", fields[0]);
		snprintf(v.codes, sizeof(v.codes), "%s", fields[6]);
		torture_one(folder, &v);
		n++;
	}
	fclose(f);
	assert_true(n >= 12);
}

static void what_was_acknowledged_survives_a_restart(void **state)
{
	(void)state;
	rig_run();
	rig_register(bob, "102");
	rig_register(bob2, "102");
	rig_register(alice, "101");
	rig_stop_servers();
	rig_run();
	struct pbx_server_stats stats;
	pbx_server_stats(rig_.servers[0], &stats);
	assert_int_equal(stats.contacts, 3);
}

#define OFFER "v=0\r\no=- 1 1 IN IP4 192.0.2.11\r\ns=-\r\nc=IN IP4 192.0.2.11\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"

static void several_workers_are_one_exchange(void **state)
{
	struct pbx_server_stats stats;
	unsigned spread = 0;
	char id[20];

	(void)state;
	rig_.config.worker_n = 3;
	rig_run();
	rig_register(alice, "101");
	rig_register(bob, "102");
	rig_register(rig_addr(14, 5060), "103");
	for (unsigned i = 0; i < 8; i++) {
		snprintf(id, sizeof(id), "w%u", i);
		call(i % 2 ? "sip:102@example.com" : "sip:103@example.com", id);
		rig_assert_start(rig_take(i % 2 ? bob : rig_addr(14, 5060)), "INVITE ");
	}
	uint64_t calls = 0;
	for (unsigned i = 0; i < 3; i++) {
		pbx_server_stats(rig_.servers[i], &stats);
		calls += stats.calls;
		spread += stats.calls > 0;
	}
	assert_int_equal(calls, 8);
	assert_true(spread > 1);
}

static void stopping_saves_what_is_left(void **state)
{
	struct host_event e = { .kind = HOST_STOPPING };

	(void)state;
	rig_run();
	rig_register(bob, "102");
	call("sip:102@example.com", "last");
	assert_int_equal(rig_.call_n, 0);
	rig_.services[0].recv(rig_.services[0].self, &e, rig_.now);
	rig_settle();
	assert_int_equal(rig_.call_n, 1);
	assert_true(rig_.stopped[0]);
}

static void every_torture_message_gets_a_fitting_answer(void **state)
{
	(void)state;
	for (int auth = 0; auth < 2; auth++) {
		rig_.config.auth = auth;
		torture("rfc4475");
		torture("rfc5118");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_was_acknowledged_survives_a_restart),
		T(several_workers_are_one_exchange),
		T(stopping_saves_what_is_left),
		T(every_torture_message_gets_a_fitting_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
