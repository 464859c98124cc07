/* The promises of base/host.h, kept by the simulated host; and that a seed decides everything. */
#include "base/test_service.h"
#include "sim/scenarios/scenario_test.h"
#include "store/keeper.h"

#define ROUNDS 200

struct town {
	struct sim *world;
	struct sim_host *near, *far;
	struct test_service server, client, other;
	/* client */
	struct addr to;
	struct host_want open;
	uint32_t sent, back;
	size_t bytes_back;
	enum err err;
	uint8_t binding[2][HOST_BINDING_N];
	usec began_at, opened_at;
	bool done;
};

static struct addr far_port(uint16_t port)
{
	return addr_v4(198, 51, 100, 1, port);
}

static void build(struct town *t, const struct sim_setup *setup, const struct sim_link *link)
{
	struct addr near = addr_v4(192, 0, 2, 1, 0), far = far_port(0);
	memset(t, 0, sizeof(*t));
	t->world = sim_new(setup);
	assert_non_null(t->world);
	if (link)
		sim_link_default(t->world, link);
	t->near = sim_host_new(t->world, "near", &near, 1);
	t->far = sim_host_new(t->world, "far", &far, 1);
	assert_non_null(t->near);
	assert_non_null(t->far);
	assert_null(sim_host_new(t->world, "again", &far, 1));
	t->server.data = t->client.data = t->other.data = t;
}

static void add(struct sim_host *h, struct test_service *s,
		void (*hear)(struct test_service *, const struct host_event *, usec))
{
	s->hear = hear;
	assert_int_not_equal(sim_host_add(h, &(struct host_service)TEST_SERVICE(s), 0), UINT32_MAX);
}

static void tear_down(struct town *t)
{
	sim_free(t->world);
	test_service_free(&t->server);
	test_service_free(&t->client);
	test_service_free(&t->other);
}

static bool is_done(void *self)
{
	return ((struct town *)self)->done;
}

static void run(struct town *t, usec seconds)
{
	assert_true(sim_run_until(t->world, is_done, t, sim_now(t->world) + seconds * USEC_PER_SEC));
}

/* ---- datagrams: one at a time, sent again every half second until it came back */

static void echo(struct test_service *s, const struct host_event *e, usec now)
{
	struct town *t = s->data;
	(void)now;
	if (e->kind == HOST_DATAGRAM)
		test_service_want(s, (struct host_want){
					     .kind = HOST_SEND, .id = e->id, .remote = e->remote, .bytes = e->bytes });
	if (e->kind == HOST_ACCEPTED)
		memcpy(t->binding[1], e->binding, HOST_BINDING_N);
	if (e->kind == HOST_BYTES)
		test_service_want(s, (struct host_want){ .kind = HOST_WRITE, .id = e->id, .bytes = e->bytes });
}

static void send_number(struct test_service *s, usec now)
{
	struct town *t = s->data;
	test_service_want(s, (struct host_want){ .kind = HOST_SEND,
						 .id = 1,
						 .remote = t->to,
						 .bytes = { (char *)&t->back, sizeof(t->back) } });
	t->sent++;
	s->due = now + 500 * USEC_PER_MS;
}

static void count(struct test_service *s, const struct host_event *e, usec now)
{
	struct town *t = s->data;
	uint32_t number;
	if (e->kind == HOST_BOUND)
		send_number(s, now);
	if (e->kind != HOST_DATAGRAM)
		return;
	memcpy(&number, e->bytes.p, sizeof(number));
	if (number != t->back)
		return; /* a duplicate, or one that was overtaken */
	t->back++;
	t->done = t->back == ROUNDS;
	if (!t->done)
		send_number(s, now);
	else
		s->due = 0;
}

static void ping_pong(struct town *t, const struct sim_setup *setup)
{
	static const struct sim_link rough = {
		.delay = 40000, .jitter = 15000, .loss_ppm = 100000, .duplicate_ppm = 20000, .reorder_ppm = 50000
	};
	build(t, setup, &rough);
	add(t->far, &t->server, echo);
	add(t->near, &t->client, count);
	t->client.ticked = send_number;
	t->to = far_port(7);
	test_service_want(&t->server, (struct host_want){ .kind = HOST_BIND, .id = 1, .local = far_port(7) });
	test_service_want(&t->client,
			  (struct host_want){ .kind = HOST_BIND, .id = 1, .local = addr_v4(0, 0, 0, 0, 0) });
	run(t, 600);
}

static void datagrams_come_back_over_a_rough_link_and_the_seed_decides_how(void **state)
{
	struct sim_setup setup = scenario_setup(7);
	struct town one, two, three;
	(void)state;
	ping_pong(&one, &setup);
	ping_pong(&two, &setup);
	setup.seed++;
	ping_pong(&three, &setup);
	assert_int_equal(one.back, ROUNDS);
	assert_true(one.sent > ROUNDS + 20); /* a fifth was lost there or back */
	assert_true(sim_host_figures(one.near).lost > 5);
	assert_true(sim_digest(one.world) == sim_digest(two.world));
	assert_true(sim_now(one.world) == sim_now(two.world));
	assert_true(sim_digest(one.world) != sim_digest(three.world));
	tear_down(&one);
	tear_down(&two);
	tear_down(&three);
}

/* ---- streams */

#define STREAM_BYTES 200000

static void open_and_write(struct test_service *s, const struct host_event *e, usec now)
{
	static char bytes[STREAM_BYTES];
	struct town *t = s->data;
	(void)now;
	if (e->kind == HOST_TOLD) {
		struct host_want w = t->open;
		w.kind = HOST_OPEN;
		w.id = 3;
		w.remote = t->to;
		test_service_want(s, w);
		test_service_want(s,
				  (struct host_want){ .kind = HOST_WRITE, .id = 3, .bytes = { bytes, sizeof(bytes) } });
		free(e->message);
	}
	if (e->kind == HOST_OPENED)
		memcpy(t->binding[0], e->binding, HOST_BINDING_N);
	if (e->kind == HOST_BYTES)
		t->bytes_back += e->bytes.n;
	if (e->kind == HOST_BYTES && t->bytes_back == STREAM_BYTES)
		test_service_want(s, (struct host_want){ .kind = HOST_CLOSE, .id = 3 });
	if (e->kind == HOST_CLOSED) {
		t->err = e->err;
		t->done = true;
	}
}

static void stream_of(struct town *t, struct host_want listen, struct host_want open, const struct sim_link *link,
		      void (*hear)(struct test_service *, const struct host_event *, usec))
{
	struct sim_setup setup = scenario_setup(11);
	str names[2] = { STR("pbx.example"), STR("sha256:aa") };
	build(t, &setup, link);
	assert_int_equal(sim_host_tls(t->far, 1, names, 2), ERR_NONE);
	assert_int_equal(sim_host_tls(t->near, 2, NULL, 0), ERR_NONE);
	t->to = far_port(5061);
	t->open = open;
	add(t->far, &t->server, echo);
	add(t->near, &t->client, hear);
	listen.kind = HOST_LISTEN;
	listen.id = 1;
	listen.local = far_port(5061);
	test_service_want(&t->server, listen);
	test_service_want(&t->client, (struct host_want){ .kind = HOST_TELL, .to = 0, .message = malloc(1) });
	run(t, 300);
	/* The far side's last word, too. */
	sim_run(t->world, sim_now(t->world) + USEC_PER_SEC);
}

static void stream(struct town *t, struct host_want listen, struct host_want open, const struct sim_link *link)
{
	stream_of(t, listen, open, link, open_and_write);
}

/* Three messages written before it is up, each other in length; they come back as they went. */
static void open_and_write_three(struct test_service *s, const struct host_event *e, usec now)
{
	static const size_t lengths[] = { 1, 10, 1000 };
	static char bytes[1000];
	struct town *t = s->data;
	if (e->kind == HOST_TOLD) {
		struct host_want w = t->open;
		t->began_at = now;
		w.kind = HOST_OPEN;
		w.id = 3;
		w.remote = t->to;
		test_service_want(s, w);
		for (size_t i = 0; i < 3; i++)
			test_service_want(
				s, (struct host_want){ .kind = HOST_WRITE, .id = 3, .bytes = { bytes, lengths[i] } });
		free(e->message);
	}
	if (e->kind == HOST_OPENED)
		t->opened_at = now;
	if (e->kind == HOST_BYTES) {
		assert_int_equal(e->bytes.n, lengths[t->back++]);
		t->done = t->back == 3;
	}
}

static void websocket_keeps_messages_apart_and_takes_a_round_trip_more(void **state)
{
	static const struct {
		enum transport transport;
		uint16_t tls;
		int round_trips;
	} kinds[] = { { TRANSPORT_WS, 0, 2 }, { TRANSPORT_WSS, 2, 3 } };
	struct sim_link link = { .delay = 30000 };
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct town t;
		stream_of(&t, (struct host_want){ .transport = kinds[i].transport, .tls = kinds[i].tls ? 1 : 0 },
			  (struct host_want){
				  .transport = kinds[i].transport, .tls = kinds[i].tls, .name = STR("pbx.example") },
			  &link, open_and_write_three);
		assert_int_equal(t.back, 3);
		assert_int_equal(t.opened_at - t.began_at, kinds[i].round_trips * 60000);
		tear_down(&t);
	}
}

static void a_stream_loses_time_but_no_byte_and_closes_once_at_each_end(void **state)
{
	struct sim_link lossy = { .delay = 30000, .jitter = 5000, .loss_ppm = 200000 };
	struct town t;
	(void)state;
	stream(&t, (struct host_want){ .transport = TRANSPORT_TCP }, (struct host_want){ .transport = TRANSPORT_TCP },
	       &lossy);
	assert_int_equal(t.bytes_back, STREAM_BYTES);
	assert_int_equal(t.err, ERR_NONE);
	assert_int_equal(t.client.heard[HOST_OPENED], 1);
	assert_int_equal(t.client.heard[HOST_CLOSED], 1);
	assert_int_equal(t.server.heard[HOST_ACCEPTED], 1);
	assert_int_equal(t.server.heard[HOST_CLOSED], 1);
	tear_down(&t);
}

static void tls_binds_both_ends_and_takes_a_round_trip_more(void **state)
{
	struct town t, u;
	uint8_t none[HOST_BINDING_N] = { 0 };
	(void)state;
	stream(&t, (struct host_want){ .transport = TRANSPORT_TLS, .tls = 1 },
	       (struct host_want){ .transport = TRANSPORT_TLS, .tls = 2, .name = STR("sha256:aa") }, NULL);
	stream(&u, (struct host_want){ .transport = TRANSPORT_TCP }, (struct host_want){ .transport = TRANSPORT_TCP },
	       NULL);
	assert_int_equal(t.bytes_back, STREAM_BYTES);
	assert_memory_equal(t.binding[0], t.binding[1], HOST_BINDING_N);
	assert_memory_not_equal(t.binding[0], none, HOST_BINDING_N);
	assert_memory_equal(u.binding[0], none, HOST_BINDING_N);
	assert_int_equal(sim_now(t.world) - sim_now(u.world), 2 * sim_link_plain.delay);
	/* There, back, bytes, bytes, FIN, FIN; and the second that stream() waits. */
	assert_true(sim_now(u.world) - 1767225600 * USEC_PER_SEC < 6 * sim_link_plain.delay + USEC_PER_SEC + 1000);
	tear_down(&t);
	tear_down(&u);
}

static void tls_to_another_name_is_refused_and_never_accepted(void **state)
{
	struct town t;
	(void)state;
	stream(&t, (struct host_want){ .transport = TRANSPORT_TLS, .tls = 1 },
	       (struct host_want){ .transport = TRANSPORT_TLS, .tls = 2, .name = STR("sha256:bb") }, NULL);
	assert_int_equal(t.err, ERR_REFUSED);
	assert_int_equal(t.server.heard[HOST_ACCEPTED] + t.server.heard[HOST_CLOSED], 0);
	assert_int_equal(t.client.heard[HOST_CLOSED], 1);
	tear_down(&t);
}

static void nobody_listens_and_nobody_is_there(void **state)
{
	struct town t;
	(void)state;
	stream(&t, (struct host_want){ .transport = TRANSPORT_TLS, .tls = 1 },
	       (struct host_want){ .transport = TRANSPORT_TCP }, NULL);
	assert_int_equal(t.err, ERR_UNREACHABLE);
	t.done = false;
	t.to = addr_v4(203, 0, 113, 9, 1);
	usec begin = sim_now(t.world);
	test_service_want(&t.client, (struct host_want){ .kind = HOST_TELL, .to = 0, .message = malloc(1) });
	sim_host_drain(t.near);
	run(&t, 60);
	assert_int_equal(t.err, ERR_TIMEOUT);
	assert_int_equal(sim_now(t.world) - begin, 10 * USEC_PER_SEC + 50); /* TELL takes 50 us */
	tear_down(&t);
}

static void a_cut_link_breaks_a_stream_in_the_end(void **state)
{
	struct sim_link cut = { .delay = 1000, .loss_ppm = SIM_MILLION };
	struct town t;
	(void)state;
	stream(&t, (struct host_want){ .transport = TRANSPORT_TCP }, (struct host_want){ .transport = TRANSPORT_TCP },
	       &cut);
	assert_int_equal(t.err, ERR_TIMEOUT);
	assert_int_equal(t.client.heard[HOST_CLOSED], 1);
	tear_down(&t);
}

/* ---- kill and restart */

static void keep_open(struct test_service *s, const struct host_event *e, usec now)
{
	struct town *t = s->data;
	(void)now;
	if (e->kind == HOST_OPENED)
		t->done = true;
	if (e->kind == HOST_CLOSED) {
		t->err = e->err;
		t->done = true;
	}
}

static void open_to_far(struct town *t)
{
	add(t->far, &t->server, echo);
	add(t->near, &t->client, keep_open);
	test_service_want(&t->server,
			  (struct host_want){
				  .kind = HOST_LISTEN, .id = 1, .transport = TRANSPORT_TCP, .local = far_port(5060) });
	test_service_want(
		&t->client,
		(struct host_want){ .kind = HOST_OPEN, .id = 1, .transport = TRANSPORT_TCP, .remote = far_port(5060) });
	sim_run(t->world, sim_now(t->world) + USEC_PER_SEC);
	assert_true(t->done);
	t->done = false;
}

static void a_killed_process_is_noticed_at_once(void **state)
{
	struct sim_setup setup = scenario_setup(1);
	struct town t;
	(void)state;
	build(&t, &setup, NULL);
	open_to_far(&t);
	sim_host_kill(t.far, false);
	assert_int_equal(sim_host_figures(t.far).streams, 0);
	run(&t, 1);
	assert_int_equal(t.err, ERR_CLOSED);
	/* It comes back at the same address, as another run of the same service. */
	sim_host_restart(t.far);
	test_service_free(&t.server);
	t.server.heard[HOST_ACCEPTED] = 0;
	add(t.far, &t.server, echo);
	test_service_want(&t.server,
			  (struct host_want){
				  .kind = HOST_LISTEN, .id = 1, .transport = TRANSPORT_TCP, .local = far_port(5060) });
	test_service_want(
		&t.client,
		(struct host_want){ .kind = HOST_OPEN, .id = 1, .transport = TRANSPORT_TCP, .remote = far_port(5060) });
	sim_host_drain(t.near);
	t.done = false;
	run(&t, 1);
	sim_run(t.world, sim_now(t.world) + USEC_PER_SEC);
	assert_int_equal(t.server.heard[HOST_ACCEPTED], 1);
	tear_down(&t);
}

static void a_stream_that_never_came_up_is_not_told_of_at_the_far_side(void **state)
{
	struct sim_setup setup = scenario_setup(1);
	struct town t;
	(void)state;
	build(&t, &setup, NULL);
	add(t.far, &t.server, echo);
	add(t.near, &t.client, keep_open);
	test_service_want(&t.server,
			  (struct host_want){
				  .kind = HOST_LISTEN, .id = 1, .transport = TRANSPORT_TCP, .local = far_port(5060) });
	test_service_want(
		&t.client,
		(struct host_want){ .kind = HOST_OPEN, .id = 1, .transport = TRANSPORT_TCP, .remote = far_port(5060) });
	/* The first packet has arrived, the third has not left. */
	sim_run(t.world, sim_now(t.world) + sim_link_plain.delay + 1000);
	assert_int_equal(sim_host_figures(t.far).streams, 1);
	sim_host_kill(t.near, false);
	sim_run(t.world, sim_now(t.world) + USEC_PER_SEC);
	assert_int_equal(sim_host_figures(t.far).streams, 0);
	assert_int_equal(t.server.heard[HOST_ACCEPTED] + t.server.heard[HOST_CLOSED], 0);
	tear_down(&t);
}

static void a_machine_without_power_is_noticed_only_by_who_speaks_to_it(void **state)
{
	struct sim_setup setup = scenario_setup(1);
	struct town t;
	(void)state;
	build(&t, &setup, NULL);
	open_to_far(&t);
	sim_host_kill(t.far, true);
	sim_run(t.world, sim_now(t.world) + 3600 * USEC_PER_SEC);
	assert_false(t.done);
	test_service_want(&t.client, (struct host_want){ .kind = HOST_WRITE, .id = 1, .bytes = STR("still there?") });
	sim_host_drain(t.near);
	run(&t, 60);
	assert_int_equal(t.err, ERR_TIMEOUT);
	tear_down(&t);
}

/* ---- keeper, names, refusals, the end */

static struct keeper_answer *answer_refused(void *self, struct keeper_ask *ask)
{
	(*(int *)self)++;
	struct keeper_answer *a = keeper_answer_new(ask);
	assert_non_null(a);
	keeper_answer_fail(a, ERR_REFUSED, "no");
	return a;
}

static void hear_all(struct test_service *s, const struct host_event *e, usec now)
{
	struct town *t = s->data;
	(void)now;
	if (e->kind == HOST_ANSWER) {
		const struct keeper_answer *a = e->message;
		assert_int_equal(a->token, 99);
		assert_int_equal(a->err, ERR_REFUSED);
	}
	if (e->kind == HOST_RESOLVED && e->id == 1) {
		struct addr far = far_port(0);
		assert_int_equal(e->addr_n, 1);
		assert_true(addr_eq(&e->addrs[0], &far));
	}
	if (e->kind == HOST_RESOLVED && e->id == 2)
		assert_int_equal(e->err, ERR_ABSENT);
	if (e->kind == HOST_FAILED)
		assert_int_equal(e->err, e->id == 2 ? ERR_EXISTS : ERR_ABSENT);
	if (e->kind == HOST_UNREACHABLE)
		assert_int_equal(e->remote.port, 9);
	if (e->kind == HOST_STOPPING)
		t->done = true;
}

static void want_question(struct test_service *s)
{
	struct keeper_ask model = { .kind = KEEPER_SETTING_LIST, .token = 99 };
	struct setting_record any = { 0 };
	model.settings = &any;
	model.n = 1;
	test_service_want(s, (struct host_want){ .kind = HOST_ASK, .message = keeper_ask_new(&model) });
}

static void questions_names_refusals_and_the_end_are_heard(void **state)
{
	struct sim_setup setup = scenario_setup(1);
	struct addr far = far_port(0), near = addr_v4(192, 0, 2, 1, 5060);
	int asked = 0;
	struct town t;
	(void)state;
	build(&t, &setup, NULL);
	sim_host_keeper(t.near, &(struct sim_keeper){ &asked, answer_refused });
	assert_int_equal(sim_name_add(t.world, STR("far.example"), &far), ERR_NONE);
	add(t.near, &t.client, hear_all);
	want_question(&t.client);
	test_service_want(&t.client, (struct host_want){ .kind = HOST_RESOLVE, .id = 1, .name = STR("FAR.example") });
	test_service_want(&t.client,
			  (struct host_want){ .kind = HOST_RESOLVE, .id = 2, .name = STR("nobody.example") });
	test_service_want(&t.client, (struct host_want){ .kind = HOST_BIND, .id = 1, .local = near });
	test_service_want(&t.client, (struct host_want){ .kind = HOST_BIND, .id = 2, .local = near });
	test_service_want(&t.client, (struct host_want){ .kind = HOST_BIND, .id = 3, .local = far });
	test_service_want(&t.client,
			  (struct host_want){ .kind = HOST_SEND, .id = 1, .remote = far_port(9), .bytes = STR("x") });
	sim_run(t.world, sim_now(t.world) + USEC_PER_SEC);
	assert_int_equal(asked, 1);
	assert_int_equal(t.client.heard[HOST_ANSWER], 1);
	assert_int_equal(t.client.heard[HOST_RESOLVED], 2);
	assert_int_equal(t.client.heard[HOST_FAILED], 2);
	assert_int_equal(t.client.heard[HOST_UNREACHABLE], 1);
	assert_false(sim_host_has_stopped(t.near));
	sim_host_stop(t.near);
	sim_run(t.world, sim_now(t.world) + 1);
	assert_true(t.done);
	assert_true(sim_host_has_stopped(t.near));
	tear_down(&t);
}

static void note_port(struct test_service *s, const struct host_event *e, usec now)
{
	struct town *t = s->data;
	struct addr next = e->local;
	(void)now;
	assert_int_equal(e->kind, HOST_BOUND);
	assert_int_not_equal(e->local.port, t->to.port);
	t->to = e->local;
	next.port++;
	if (e->id == 1)
		test_service_want(s, (struct host_want){ .kind = HOST_BIND, .id = 2, .local = next });
	if (e->id == 2)
		test_service_want(s,
				  (struct host_want){ .kind = HOST_BIND, .id = 3, .local = *sim_host_addr(t->near) });
	t->done = e->id == 3;
}

static void a_port_of_the_hosts_choice_is_a_free_one(void **state)
{
	struct sim_setup setup = scenario_setup(1);
	struct town t;
	(void)state;
	build(&t, &setup, NULL);
	add(t.near, &t.client, note_port);
	test_service_want(&t.client, (struct host_want){ .kind = HOST_BIND, .id = 1, .local = *sim_host_addr(t.near) });
	run(&t, 1);
	tear_down(&t);
}

static void a_question_is_carried_out_or_not_when_its_asker_is_killed(void **state)
{
	struct sim_setup setup = scenario_setup(1);
	int asked = 0;
	(void)state;
	for (int ms = 0; ms <= 1; ms++) {
		struct town t;
		build(&t, &setup, NULL);
		sim_host_keeper(t.near, &(struct sim_keeper){ &asked, answer_refused });
		add(t.near, &t.client, hear_all);
		want_question(&t.client);
		/* Before the keeper has it; and after, but before the answer is back. */
		sim_run(t.world, sim_now(t.world) + 500 + ms * USEC_PER_MS);
		sim_host_kill(t.near, false);
		sim_run(t.world, sim_now(t.world) + USEC_PER_SEC);
		assert_int_equal(asked, ms);
		assert_int_equal(t.client.heard[HOST_ANSWER], 0);
		tear_down(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(datagrams_come_back_over_a_rough_link_and_the_seed_decides_how),
		cmocka_unit_test(a_stream_loses_time_but_no_byte_and_closes_once_at_each_end),
		cmocka_unit_test(websocket_keeps_messages_apart_and_takes_a_round_trip_more),
		cmocka_unit_test(tls_binds_both_ends_and_takes_a_round_trip_more),
		cmocka_unit_test(tls_to_another_name_is_refused_and_never_accepted),
		cmocka_unit_test(nobody_listens_and_nobody_is_there),
		cmocka_unit_test(a_cut_link_breaks_a_stream_in_the_end),
		cmocka_unit_test(a_killed_process_is_noticed_at_once),
		cmocka_unit_test(a_stream_that_never_came_up_is_not_told_of_at_the_far_side),
		cmocka_unit_test(a_machine_without_power_is_noticed_only_by_who_speaks_to_it),
		cmocka_unit_test(questions_names_refusals_and_the_end_are_heard),
		cmocka_unit_test(a_port_of_the_hosts_choice_is_a_free_one),
		cmocka_unit_test(a_question_is_carried_out_or_not_when_its_asker_is_killed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
