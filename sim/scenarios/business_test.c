/*
 * The main road: a peer calls a business on the network, and so the desk phone behind its PBX; the desk phone
 * calls back. Login, super node, edge, PBX, two phones: six machines.
 */
#include "connect/edge.h"
#include "sim/scenarios/exchange_test.h"
#include "sim/scenarios/network_test.h"

static const struct sim_link rough = { .delay = 40000, .jitter = 10000, .loss_ppm = 30000 };

struct town {
	struct sim *world;
	struct network net;
	struct exchange pbx;
	struct phone desk; /* 101 */
	struct peer alice;
	struct sim_host *edge_host;
	struct disk edge_disk;
	struct peer_road *road;
	struct edge *edge;
	struct media_service *media;
};

static void wait_s(struct town *t, usec seconds)
{
	sim_run(t->world, sim_now(t->world) + seconds * USEC_PER_SEC);
}

/* `password`: of the business, for the first login; later the edge lives on its certificate. */
static void run_edge(struct town *t, const char *password, str state)
{
	struct media_service_setup media = { .rng = sim_host_rng(t->edge_host),
					     .addrs[0] = *sim_host_addr(t->edge_host),
					     .addr_n = 1 };
	struct edge_settings s = { .network = STR(NETWORK_NAME),
				   .name = STR("acme"),
				   .pbx_user = STR("trunk"),
				   .pbx_domain = STR(EXCHANGE_DOMAIN),
				   .pbx_password = STR("secret of the trunk"),
				   .pbx_transport = TRANSPORT_TLS,
				   .pbx_tls = NETWORK_OPEN,
				   .media = 1,
				   .keeps = true,
				   .pbx_listen = *sim_host_addr(t->edge_host),
				   .media_pbx = *sim_host_addr(t->edge_host),
				   .rng = sim_host_rng(t->edge_host) };
	t->road = network_road(&t->net, t->edge_host, "acme", password, state, OVERLAY_AUDIO | OVERLAY_EDGE);
	s.road = peer_road_face(t->road);
	assert_int_equal(edge_new(&s, &t->edge), ERR_NONE);
	t->media = media_service_new(&media, sim_now(t->world));
	assert_non_null(t->media);
	struct host_service e = edge_service(t->edge), m = media_service_host(t->media);
	assert_int_equal(sim_host_add(t->edge_host, &e, 0), 0);
	assert_int_equal(sim_host_add(t->edge_host, &m, 0), 1);
}

static void free_edge(struct town *t)
{
	edge_free(t->edge);
	peer_road_free(t->road);
	media_service_free(t->media);
}

static void start(struct town *t, uint64_t seed, const struct sim_link *link)
{
	static const str networks[] = { STR_INIT(NETWORK_NAME) };
	struct addr edge = addr_v4(203, 0, 113, 11, 0), alice = addr_v4(192, 0, 2, 1, 0);
	struct sim_setup setup = scenario_setup(seed);
	setup.sizes_only = true;
	memset(t, 0, sizeof(*t));
	t->world = sim_new(&setup);
	assert_non_null(t->world);
	sim_link_default(t->world, link);
	network_start(&t->net, t->world);
	network_person(&t->net, "alice", "correct horse");
	network_person(&t->net, "acme", "secret of acme");
	t->pbx.trunk = STR("trunk");
	t->pbx.networks = networks;
	t->pbx.network_n = 1;
	exchange_start(&t->pbx, t->world, addr_v4(203, 0, 113, 10, 0), 1);
	exchange_account(&t->pbx, "101", "secret of 101");
	exchange_account(&t->pbx, "trunk", "secret of the trunk");
	exchange_phone(&t->pbx, &t->desk, "101", "secret of 101", addr_v4(192, 0, 2, 101, 0), TRANSPORT_UDP, 1000);
	t->edge_host = sim_host_new(t->world, "edge", &edge, 1);
	struct sim_keeper keeper = disk_start(&t->edge_disk);
	sim_host_keeper(t->edge_host, &keeper);
	run_edge(t, "secret of acme", STR_NONE);
	peer_start(&t->alice, &t->net, sim_host_new(t->world, "alice", &alice, 1), "alice", "correct horse", 440);
	t->alice.is.listens_for_hz = 1000;
	t->desk.listens_for_hz = 440;
	t->desk.answers = t->alice.is.answers = true;
	t->desk.answers_after = t->alice.is.answers_after = USEC_PER_SEC;
	wait_s(t, 30);
	assert_int_equal(t->alice.is.ready, 1);
	assert_int_equal(t->desk.ready, 1);
	assert_true(edge_is_ready(t->edge));
}

static void end(struct town *t)
{
	sim_free(t->world);
	phone_free(&t->desk);
	peer_free(&t->alice);
	free_edge(t);
	disk_free(&t->edge_disk);
	exchange_free(&t->pbx);
	network_free(&t->net);
}

static void talk(struct town *t, struct phone *from, struct phone *to, const char *target)
{
	from->heard = to->heard = from->ended = to->ended = from->answered = 0;
	phone_dial(from, target);
	wait_s(t, 30);
	assert_int_equal(from->answered, 1);
	phone_hang_up(to);
	wait_s(t, 40);
	assert_int_equal(from->ended, 1);
	assert_int_equal(to->ended, 1);
	assert_true(from->heard > 500);
	assert_true(to->heard > 500);
	assert_string_equal(from->facts.session.local, to->facts.session.remote);
}

static size_t records(struct disk *d, usec now)
{
	struct call_record any = { 0 };
	struct keeper_answer *a = disk_ask(
		d, &(struct keeper_ask){ .kind = KEEPER_CALL_LIST, .calls = &any, .n = 1, .limit = 100, .now = now });
	size_t n = a->n;
	assert_int_equal(a->err, ERR_NONE);
	keeper_answer_free(a);
	return n;
}

static void a_peer_calls_a_business_and_its_desk_phone_calls_back(void **state)
{
	struct town t;
	(void)state;
	start(&t, 41, &rough);
	talk(&t, &t.alice.is, &t.desk, "acme");
	assert_int_equal(t.alice.is.facts.codec, CODEC_OPUS);
	assert_int_equal(t.alice.is.facts.path.security, SDP_DTLS);
	talk(&t, &t.alice.is, &t.desk, "101@acme." NETWORK_NAME);
	talk(&t, &t.desk, &t.alice.is, "alice");
	assert_true(records(&t.edge_disk, sim_now(t.world)) >= 3);
	assert_true(records(&t.pbx.disk, sim_now(t.world)) >= 3);
	end(&t);
}

static void an_edge_that_was_killed_comes_back_without_its_password(void **state)
{
	struct state_record which = { .owner = STR("node:acme"), .name = STR(PEER_ROAD_STATE) };
	struct town t;
	(void)state;
	start(&t, 42, &sim_link_plain);
	sim_host_kill(t.edge_host, false);
	wait_s(&t, 3);
	free_edge(&t);
	sim_host_restart(t.edge_host);
	/* What cmd does: the node's state from the keeper, no password. */
	struct keeper_answer *a = disk_ask(
		&t.edge_disk,
		&(struct keeper_ask){ .kind = KEEPER_STATE_GET, .states = &which, .n = 1, .now = sim_now(t.world) });
	assert_int_equal(a->err, ERR_NONE);
	assert_int_equal(a->n, 1);
	run_edge(&t, "", a->states[0].value);
	keeper_answer_free(a);
	wait_s(&t, 60);
	assert_true(edge_is_ready(t.edge));
	talk(&t, &t.alice.is, &t.desk, "acme");
	end(&t);
}

static void everything_is_killed_in_turn_and_the_business_can_be_called_again(void **state)
{
	struct town t;
	(void)state;
	start(&t, 43, &rough);
	exchange_kill_and_restart(&t.pbx, 3 * USEC_PER_SEC);
	sim_host_kill(t.net.login_host, false); /* and not started again: nobody needs it today */
	sim_host_kill(t.net.node_host, false);
	wait_s(&t, 5);
	overlay_supernode_free(t.net.node);
	sim_host_restart(t.net.node_host);
	network_start_node(&t.net);
	wait_s(&t, 200);
	assert_true(edge_is_ready(t.edge));
	talk(&t, &t.alice.is, &t.desk, "acme");
	end(&t);
}

static void what_is_refused_inside_is_said_outside(void **state)
{
	struct town t;
	(void)state;
	start(&t, 44, &sim_link_plain);
	t.desk.rejects = 486;
	phone_dial(&t.alice.is, "acme");
	wait_s(&t, 10);
	assert_int_equal(t.alice.is.facts.status, 486);
	phone_dial(&t.alice.is, "199@acme." NETWORK_NAME);
	wait_s(&t, 10);
	assert_int_equal(t.alice.is.facts.status, 404);
	phone_dial(&t.alice.is, "0041449999999@acme." NETWORK_NAME);
	wait_s(&t, 10);
	assert_int_equal(t.alice.is.facts.status, 403);
	phone_dial(&t.desk, "nobody");
	wait_s(&t, 10);
	assert_int_equal(t.desk.facts.status, 404);
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_calls_a_business_and_its_desk_phone_calls_back),
		cmocka_unit_test(an_edge_that_was_killed_comes_back_without_its_password),
		cmocka_unit_test(everything_is_killed_in_turn_and_the_business_can_be_called_again),
		cmocka_unit_test(what_is_refused_inside_is_said_outside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
