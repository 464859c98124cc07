#include "panel/metrics.h"

#include "base/test.h"
#include "pbx/figures.h"
#include "pbx/note.h"

#include <stdio.h>
#include <stdlib.h>

#define START (1700000000 * USEC_PER_SEC)

struct rig {
	struct metrics *m;
	struct host_service s;
	usec now;
	struct pbx_note *asked[8];
	uint32_t asked_n, closed_n;
	uint32_t closed[64];
	bool listens;
	char text[METRICS_TEXT_MAX];
	size_t n;
};

static void machine(void *self, usec now, struct buf *out)
{
	(void)self;
	(void)now;
	buf_put_z(out, "machine_here 1\n");
}

static void drain(struct rig *r)
{
	struct host_want w;

	while (r->s.next(r->s.self, &w)) {
		switch (w.kind) {
		case HOST_LISTEN:
			r->listens = true;
			break;
		case HOST_TELL:
			assert_true(r->asked_n < 8);
			r->asked[r->asked_n++] = w.message;
			break;
		case HOST_WRITE:
			assert_true(r->n + w.bytes.n < sizeof(r->text));
			memcpy(r->text + r->n, w.bytes.p, w.bytes.n);
			r->n += w.bytes.n;
			break;
		case HOST_CLOSE:
			assert_true(r->closed_n < 64);
			r->closed[r->closed_n++] = w.id;
			break;
		default:
			break;
		}
	}
}

static void hear(struct rig *r, struct host_event e)
{
	r->s.recv(r->s.self, &e, r->now);
	drain(r);
}

static void run(struct rig *r, usec span)
{
	usec end = r->now + span;

	while (r->s.due(r->s.self) <= end) {
		r->now = r->s.due(r->s.self) > r->now ? r->s.due(r->s.self) : r->now;
		r->s.tick(r->s.self, r->now);
		drain(r);
	}
	r->now = end;
}

static struct rig *rig_new(uint32_t workers)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct metrics_config c = { .worker_first = 3, .worker_n = workers, .machine = machine };

	assert_non_null(r);
	c.listen = addr_v4(127, 0, 0, 1, 0);
	c.allowed[c.allowed_n++] = (struct metrics_net){ addr_v4(192, 0, 2, 0, 0), 24 };
	r->now = START;
	r->m = metrics_new(&c);
	r->s = metrics_service(r->m);
	run(r, 0);
	assert_true(r->listens);
	return r;
}

static void rig_free(struct rig *r)
{
	for (uint32_t i = 0; i < r->asked_n; i++)
		pbx_note_free(r->asked[i]);
	metrics_free(r->m);
	free(r);
}

static void come(struct rig *r, uint32_t id, struct addr from)
{
	hear(r, (struct host_event){ .kind = HOST_ACCEPTED, .id = id, .remote = from });
}

static void say(struct rig *r, uint32_t id, const char *text)
{
	hear(r, (struct host_event){ .kind = HOST_BYTES, .id = id, .bytes = str_from(text) });
}

/* A worker answers the first question that it was asked. */
static void answer(struct rig *r, uint32_t calls)
{
	struct pbx_note *note = r->asked[0];

	assert_true(r->asked_n > 0);
	memmove(r->asked, r->asked + 1, --r->asked_n * sizeof(r->asked[0]));
	note->figures = arena_zalloc(&note->arena, sizeof(*note->figures));
	note->figures->calls.ringing = calls;
	hear(r, (struct host_event){ .kind = HOST_TOLD, .message = note });
}

static bool said(const struct rig *r, const char *what)
{
	return str_find(str_of(r->text, r->n), str_from(what)) < r->n;
}

#define GET "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
static const struct addr here = { .family = 4, .ip = { 127, 0, 0, 1 }, .port = 9 };

static void all_workers_are_asked_and_added_up(void **state)
{
	struct rig *r = rig_new(2);
	(void)state;
	come(r, 77, here);
	say(r, 77, "GET /metrics HT");
	assert_int_equal(r->asked_n, 0);
	say(r, 77, "TP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(r->asked_n, 2);
	answer(r, 3);
	assert_int_equal(r->n, 0);
	answer(r, 4);
	assert_true(said(r, "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"));
	assert_true(said(r, "\ntandem_pbx_calls_ringing 7\n"));
	assert_true(said(r, "\nmachine_here 1\n"));
	assert_true(said(r, "\ntandem_metrics_workers_silent 0\n"));
	assert_int_equal(r->closed_n, 0);
	rig_free(r);
}

static void a_silent_worker_is_named_and_its_late_figures_thrown_away(void **state)
{
	struct rig *r = rig_new(2);
	(void)state;
	come(r, 77, here);
	say(r, 77, GET);
	answer(r, 3);
	run(r, METRICS_PATIENCE);
	assert_true(said(r, "\ntandem_pbx_calls_ringing 3\n") && said(r, "\ntandem_metrics_workers_silent 1\n"));
	r->n = 0;
	say(r, 77, GET);
	answer(r, 100); /* of the round before */
	answer(r, 1);
	answer(r, 1);
	assert_true(said(r, "\ntandem_pbx_calls_ringing 2\n") && said(r, "\ntandem_metrics_workers_silent 0\n"));
	rig_free(r);
}

static void questions_meanwhile_share_the_answer_and_pipelined_ones_wait(void **state)
{
	struct rig *r = rig_new(1);
	(void)state;
	come(r, 77, here);
	come(r, 78, here);
	say(r, 77, GET GET);
	say(r, 78, GET);
	assert_int_equal(r->asked_n, 1);
	answer(r, 1);
	assert_int_equal(r->asked_n, 1); /* the second of 77 */
	answer(r, 2);
	assert_true(said(r, "calls_ringing 1\n") && said(r, "calls_ringing 2\n"));
	rig_free(r);
}

static void others_are_told_what_there_is(void **state)
{
	struct rig *r = rig_new(1);
	(void)state;
	come(r, 77, here);
	say(r, 77, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(said(r, "HTTP/1.1 404 "));
	assert_int_equal(r->closed_n, 0);
	say(r, 77, "POST /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(said(r, "HTTP/1.1 405 "));
	assert_int_equal(r->closed_n, 1);
	rig_free(r);
}

static void strangers_are_closed_unless_their_network_is_named(void **state)
{
	struct rig *r = rig_new(1);
	(void)state;
	come(r, 77, addr_v4(198, 51, 100, 1, 9));
	assert_int_equal(r->closed_n, 1);
	say(r, 77, GET);
	assert_int_equal(r->asked_n, 0);
	come(r, 78, addr_v4(192, 0, 2, 200, 9));
	say(r, 78, GET);
	assert_int_equal(r->asked_n, 1);
	rig_free(r);
}

static void places_are_few_and_come_free_again(void **state)
{
	struct rig *r = rig_new(1);
	(void)state;
	for (uint32_t i = 0; i <= METRICS_STREAMS; i++)
		come(r, 100 + i, here);
	assert_int_equal(r->closed_n, 1);
	assert_int_equal(r->closed[0], 100 + METRICS_STREAMS);
	run(r, METRICS_IDLE + 1);
	assert_int_equal(r->closed_n, 1 + METRICS_STREAMS); /* nobody said anything */
	hear(r, (struct host_event){ .kind = HOST_CLOSED, .id = 100 });
	come(r, 200, here);
	say(r, 200, GET);
	assert_int_equal(r->asked_n, 1);
	rig_free(r);
}

static void who_says_too_much_is_closed(void **state)
{
	struct rig *r = rig_new(1);
	static char text[9000];
	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	come(r, 77, here);
	say(r, 77, text);
	assert_int_equal(r->closed_n, 1);
	come(r, 78, here);
	text[8192] = 0;
	say(r, 78, text);
	assert_true(said(r, "HTTP/1.1 431 "));
	assert_int_equal(r->closed_n, 2);
	hear(r, (struct host_event){ .kind = HOST_CLOSED, .id = 78 });
	rig_free(r);
}

static void a_head_has_no_body_and_the_old_version_closes(void **state)
{
	struct rig *r = rig_new(0);
	(void)state;
	come(r, 77, here);
	say(r, 77, "HEAD /metrics HTTP/1.0\r\n\r\n");
	assert_true(said(r, "HTTP/1.1 200 OK") && str_ends(str_of(r->text, r->n), STR("\r\n\r\n")));
	assert_int_equal(r->closed_n, 1);
	rig_free(r);
}

/* Two rows of one name make Prometheus refuse the whole page. */
static void no_name_is_given_twice(void **state)
{
	char text[65536];
	struct buf b;
	str rest, line, name, tail;
	(void)state;
	buf_init(&b, text, sizeof(text));
	metrics_write_manual(&b);
	assert_true(buf_ok(&b));
	for (rest = buf_str(&b); str_split(rest, '\n', &line, &rest);) {
		assert_true(str_take(&line, STR("| `")) && str_split(line, '`', &name, &tail));
		char row[120];
		snprintf(row, sizeof(row), "| `%.*s` |", (int)name.n, name.p);
		if (str_find(rest, str_from(row)) < rest.n)
			fail_msg("twice: " STR_FMT, STR_ARG(name));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_name_is_given_twice),
		cmocka_unit_test(all_workers_are_asked_and_added_up),
		cmocka_unit_test(a_silent_worker_is_named_and_its_late_figures_thrown_away),
		cmocka_unit_test(questions_meanwhile_share_the_answer_and_pipelined_ones_wait),
		cmocka_unit_test(others_are_told_what_there_is),
		cmocka_unit_test(strangers_are_closed_unless_their_network_is_named),
		cmocka_unit_test(places_are_few_and_come_free_again),
		cmocka_unit_test(who_says_too_much_is_closed),
		cmocka_unit_test(a_head_has_no_body_and_the_old_version_closes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
