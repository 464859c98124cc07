#include "overlay/member.h"

#include "overlay/login.h"
#include "overlay/supernode.h"
#include "overlay/test_host.h"

struct world {
	struct th h;
	struct rng rng;
	struct overlay_network network;
	struct overlay_login *login;
	struct overlay_supernode *super;
	int super_at;
	struct overlay_member *member;
	int member_at;
	struct th_node alice;
	int alice_at;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->h.now = TEST_NOW;
	rng_seeded(&w->rng, 42);
	th_network(&w->network);
	struct overlay_login_setup login = { .listen = addr_v4(192, 0, 2, 1, 5443), .rng = &w->rng };
	struct overlay_supernode_setup super = { .listen = addr_v4(192, 0, 2, 2, 5443), .rng = &w->rng };

	login.network = w->network.name;
	test_authority(&login.authority);
	w->login = overlay_login_new(&login, w->h.now);
	super.network = w->network;
	memset(super.pin, 2, OVERLAY_KEY_N);
	w->super = overlay_supernode_new(&super, w->h.now);
	assert_non_null(w->login);
	assert_non_null(w->super);
	(void)th_add(&w->h, overlay_login_service(w->login), 1);
	w->super_at = th_add(&w->h, overlay_supernode_service(w->super), 2);
	th_run(&w->h, USEC_PER_SEC);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	th_free(&w->h);
	overlay_node_free(w->alice.node);
	overlay_member_free(w->member);
	overlay_login_free(w->login);
	overlay_supernode_free(w->super);
	free(w);
	return 0;
}

static struct overlay_member_status run(struct world *w, bool login_only, str password, str state, usec span)
{
	const struct overlay_member_setup s = {
		.node = { .network = &w->network,
			  .name = STR("bob"),
			  .password = password,
			  .state = state,
			  .login_only = login_only,
			  .rng = &w->rng },
		.owner = STR("node:bob"),
		.state_name = STR("node"),
	};
	struct overlay_member_status status;

	assert_int_equal(overlay_member_new(&s, w->h.now, &w->member), ERR_NONE);
	w->member_at = th_add(&w->h, overlay_member_service(w->member), 0);
	th_run(&w->h, span);
	overlay_member_status(w->member, &status);
	return status;
}

static void a_login_ends_when_its_certificate_is_kept(void **state)
{
	struct world *w = *state;
	struct overlay_member_status s = run(w, true, STR("secret-bob"), STR_NONE, 2 * USEC_PER_SEC);

	assert_true(s.logged_in && s.kept && !s.failed);
	assert_true(w->h.service[w->member_at].stopped);
	assert_true(w->h.state_n > 0);
	assert_true(overlay_node_certificate(overlay_member_node(w->member))->bytes_n > 0);
}

static void nothing_ends_before_the_certificate_is_on_the_disk(void **state)
{
	struct world *w = *state;

	w->h.keeper_delay = USEC_PER_SEC; /* check, note the device, keep the state: three questions */
	struct overlay_member_status s = run(w, true, STR("secret-bob"), STR_NONE, 2500 * USEC_PER_MS);
	assert_true(s.logged_in && !s.kept);
	assert_false(w->h.service[w->member_at].stopped);
	th_run(&w->h, USEC_PER_SEC);
	overlay_member_status(w->member, &s);
	assert_true(s.kept);
	assert_true(w->h.service[w->member_at].stopped);
}

static void a_login_that_cannot_work_ends_too(void **state)
{
	struct world *w = *state;
	struct overlay_member_status s = run(w, true, STR("wrong"), STR_NONE, 2 * USEC_PER_SEC);

	assert_true(s.failed && !s.logged_in);
	assert_int_equal(s.problem, OVERLAY_REFUSAL_PASSWORD);
	assert_true(w->h.service[w->member_at].stopped);
}

static void a_login_gives_up_on_silent_servers(void **state)
{
	struct world *w = *state;

	w->h.service[0].down = true;
	struct overlay_member_status s = run(w, true, STR("secret-bob"), STR_NONE, 31 * USEC_PER_SEC);
	assert_true(s.failed);
	assert_int_equal(s.problem, OVERLAY_REFUSAL_UNREACHABLE);
	assert_true(w->h.service[w->member_at].stopped);
}

static void without_password_and_state_it_says_so_at_once(void **state)
{
	struct world *w = *state;
	struct overlay_member_status s = run(w, false, STR_NONE, STR_NONE, USEC_PER_SEC);

	assert_true(s.failed);
	assert_int_equal(s.problem, OVERLAY_REFUSAL_LOGGED_OUT);
	assert_true(w->h.service[w->member_at].stopped);
}

static void what_was_kept_is_enough_for_the_next_start(void **state)
{
	struct world *w = *state;
	struct overlay_member_status s = run(w, true, STR("secret-bob"), STR_NONE, 2 * USEC_PER_SEC);
	struct overlay_member *first = w->member;
	uint64_t asked = w->h.asked;

	s = run(w, false, STR_NONE, str_of(w->h.state, w->h.state_n), 2 * USEC_PER_SEC);
	assert_true(s.online && s.logged_in && !s.failed);
	assert_int_equal(w->h.asked, asked); /* neither password nor anything to keep */
	th_post(&w->h, w->member_at, 0, &(struct host_event){ .kind = HOST_STOPPING });
	th_run(&w->h, USEC_PER_SEC);
	assert_true(w->h.service[w->member_at].stopped);
	overlay_member_status(w->member, &s);
	assert_true(s.kept && !s.online);
	overlay_member_free(w->member);
	w->member = first;
	w->h.service[w->member_at].s = overlay_member_service(first);
}

static void a_caller_hears_that_nobody_is_there(void **state)
{
	struct world *w = *state;
	const struct overlay_node_setup alice = { .network = &w->network,
						  .name = STR("alice"),
						  .password = STR("secret-alice"),
						  .stream_first = 100,
						  .rng = &w->rng };
	struct overlay_member_figures f;
	struct overlay_name bob;
	char text[2048], uri[300] = "";
	struct buf b, u;

	(void)run(w, false, STR("secret-bob"), STR_NONE, USEC_PER_SEC);
	assert_int_equal(overlay_node_new(&alice, w->h.now, &w->alice.node), ERR_NONE);
	w->alice_at = th_add(&w->h, thn_service(&w->alice), 0);
	th_run(&w->h, 2 * USEC_PER_SEC);
	assert_int_equal(overlay_name_parse(STR("bob"), &bob), ERR_NONE);
	assert_int_equal(overlay_node_find(w->alice.node, 1, &bob, w->h.now), ERR_NONE);
	th_drain(&w->h, w->alice_at);
	th_run(&w->h, USEC_PER_SEC);
	assert_int_equal(w->alice.founds, 1);
	buf_init(&u, uri, sizeof(uri) - 1);
	overlay_point_write_uri(&w->alice.record.point[0], STR("bob"), &u);
	buf_init(&b, text, sizeof(text));
	buf_printf(
		&b,
		"INVITE %s SIP/2.0\r\nVia: SIP/2.0/TLS x;branch=z9hG4bKa1\r\nMax-Forwards: 70\r\n"
		"From: <sip:alice@net.example>;tag=1\r\nTo: <sip:bob@net.example>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"
		"Content-Length: 0\r\n\r\n",
		uri);
	assert_int_equal(overlay_node_send(w->alice.node, buf_str(&b), w->h.now), ERR_NONE);
	th_drain(&w->h, w->alice_at);
	th_run(&w->h, USEC_PER_SEC);
	assert_true(str_starts(str_from(w->alice.sip), STR("SIP/2.0 480 ")));
	overlay_member_figures(w->member, &f);
	assert_int_equal(f.requests, 1);
	assert_int_equal(f.answered, 1);
	assert_int_equal(f.online, 1);
	assert_true(f.certificate_end > (uint64_t)w->h.now);
	assert_int_equal(f.offlines, 0);
	w->h.service[w->super_at].down = true;
	for (int i = 0; i < w->h.stream_n; i++)
		if (w->h.stream[i].open && w->h.stream[i].client == w->member_at)
			th_cut(&w->h, &w->h.stream[i], ERR_IO);
	th_run(&w->h, USEC_PER_SEC);
	overlay_member_figures(w->member, &f);
	assert_int_equal(f.online, 0);
	assert_int_equal(f.offlines, 1);
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD(a_login_ends_when_its_certificate_is_kept),
		WORLD(nothing_ends_before_the_certificate_is_on_the_disk),
		WORLD(a_login_that_cannot_work_ends_too),
		WORLD(a_login_gives_up_on_silent_servers),
		WORLD(without_password_and_state_it_says_so_at_once),
		WORLD(what_was_kept_is_enough_for_the_next_start),
		WORLD(a_caller_hears_that_nobody_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
