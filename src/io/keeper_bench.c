/*
 * io/keeper_bench - accounts imported, contacts, messages and calls kept, a second.
 *
 * In a new folder below the one given (default: the working directory), since /tmp may be memory.
 */
#include "io/keeper.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct counter {
	pthread_mutex_t lock;
	pthread_cond_t come;
	size_t n, bad;
};

static void count(void *self, struct keeper_answer *a)
{
	struct counter *c = self;

	pthread_mutex_lock(&c->lock);
	c->n++;
	c->bad += !a || a->err != ERR_NONE;
	pthread_cond_signal(&c->come);
	pthread_mutex_unlock(&c->lock);
	keeper_answer_free(a);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void import(struct keeper *k, int n)
{
	static char names[KEEPER_ROWS_MAX][16];
	static struct user_record rows[KEEPER_ROWS_MAX];
	double began = seconds();

	for (int i = 0; i < n; i += KEEPER_ROWS_MAX) {
		for (int r = 0; r < KEEPER_ROWS_MAX; r++) {
			snprintf(names[r], sizeof(names[r]), "%d", 100000 + i + r);
			rows[r] = (struct user_record){ .name = str_from(names[r]),
							.domain = STR("example.com"),
							.password = STR("correct horse battery") };
		}
		keeper_answer_free(keeper_wait(
			k, &(struct keeper_ask){ .kind = KEEPER_USER_IMPORT, .users = rows, .n = KEEPER_ROWS_MAX }));
	}
	printf("import: %d accounts in %.2f s\n", n, seconds() - began);
}

/* `ahead` contacts asked at a time, each acknowledged for itself. */
static void contacts(struct keeper *k, size_t n, size_t ahead)
{
	struct counter c = { .lock = PTHREAD_MUTEX_INITIALIZER, .come = PTHREAD_COND_INITIALIZER };
	double began = seconds();
	char aor[40];

	for (size_t i = 0; i < n; i++) {
		pthread_mutex_lock(&c.lock);
		while (i - c.n >= ahead)
			pthread_cond_wait(&c.come, &c.lock);
		pthread_mutex_unlock(&c.lock);
		snprintf(aor, sizeof(aor), "sip:%zu@example.com", 100000 + i);
		struct contact_record row = { .aor = str_from(aor),
					      .key = STR("sip:101@192.0.2.1:5060"),
					      .uri = STR("sip:101@192.0.2.1:5060"),
					      .call_id = STR("843817637684230@998sdasdh09"),
					      .user_agent = STR("bench"),
					      .expires = INT64_MAX };
		keeper_post(
			k, (struct keeper_port){ &c, count },
			keeper_ask_new(&(struct keeper_ask){ .kind = KEEPER_CONTACT_PUT, .contacts = &row, .n = 1 }));
	}
	pthread_mutex_lock(&c.lock);
	while (c.n < n)
		pthread_cond_wait(&c.come, &c.lock);
	pthread_mutex_unlock(&c.lock);
	printf("contacts, %zu ahead: %.0f a second, %zu failed\n", ahead, (double)n / (seconds() - began), c.bad);
}

/* Messages as the tap of a busy server appends them, until the oldest are dropped. */
static void traces(struct keeper *k, int n)
{
	static char message[1100];
	static char call_ids[64][40];
	struct trace_record rows[64];
	double began = seconds();
	clock_t worked = clock();

	memset(message, 'x', sizeof(message));
	for (int i = 0; i < n; i += 64) {
		for (int r = 0; r < 64; r++) {
			snprintf(call_ids[r], sizeof(call_ids[r]), "%032x", (unsigned)((i + r) / 13) * 2654435761u);
			rows[r] = (struct trace_record){ .session = str_from(call_ids[r]),
							 .call_id = str_from(call_ids[r]),
							 .service = STR("pbx"),
							 .start = STR("SIP/2.0 200 OK"),
							 .cseq = STR("1 INVITE"),
							 .message = str_of(message, sizeof(message)) };
		}
		keeper_answer_free(
			keeper_wait(k, &(struct keeper_ask){ .kind = KEEPER_TRACE_APPEND, .traces = rows, .n = 64 }));
	}
	printf("traces: %.0f messages a second, %.1f us of processor each\n", n / (seconds() - began),
	       (double)(clock() - worked) * 1e6 / CLOCKS_PER_SEC / n);
}

/* Calls as a busy server records them, once each. */
static void calls(struct keeper *k, int n)
{
	static char sessions[64][40];
	struct call_record rows[64];
	double began = seconds();
	clock_t worked = clock();

	for (int i = 0; i < n; i += 64) {
		for (int r = 0; r < 64; r++) {
			snprintf(sessions[r], sizeof(sessions[r]), "%032x", (unsigned)(i + r) * 2654435761u);
			rows[r] = (struct call_record){
				.session = str_from(sessions[r]),
				.service = STR("pbx"),
				.key = STR("843817637684230@998sdasdh09"),
				.caller = STR("sip:101@example.com"),
				.callee = STR("sip:102@example.com"),
				.target = STR("sip:102@192.0.2.7:5060"),
				.start = i + r,
				.cause = STR("caller hung up"),
				.leg_n = 2,
				.legs = { { .party = STR("sip:101@example.com"), .remote = STR("192.0.2.1:5060") },
					  { .party = STR("sip:102@example.com"), .remote = STR("192.0.2.7:5060") } },
			};
		}
		keeper_answer_free(
			keeper_wait(k, &(struct keeper_ask){ .kind = KEEPER_CALL_PUT, .calls = rows, .n = 64 }));
	}
	printf("calls: %.0f records a second, %.1f us of processor each\n", n / (seconds() - began),
	       (double)(clock() - worked) * 1e6 / CLOCKS_PER_SEC / n);
}

int main(int argc, char **argv)
{
	char folder[256], path[300], why[200];
	struct keeper *k;

	snprintf(folder, sizeof(folder), "%s/bench-XXXXXX", argc > 1 ? argv[1] : ".");
	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/tandem.db", folder);
	if (keeper_start(&(struct keeper_setup){ .path = path }, &k, why, sizeof(why)) != ERR_NONE) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	import(k, 100000);
	contacts(k, 200, 1);
	contacts(k, 20000, 256);
	traces(k, TRACE_KEEP);
	traces(k, TRACE_KEEP);
	calls(k, 50000);
	keeper_stop(k);
	unlink(path);
	rmdir(folder);
	return 0;
}
