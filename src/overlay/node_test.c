#include "overlay/node.h"

#include "overlay/login.h"
#include "overlay/supernode.h"
#include "overlay/test_host.h"

struct world {
	struct th h;
	struct rng rng;
	struct overlay_network network;
	struct overlay_login *login;
	struct overlay_supernode *super;
	int login_at, super_at;
	struct th_node alice, bob;
	int alice_at, bob_at;
};

static int setup_with(void **state, bool keeps)
{
	struct world *w = calloc(1, sizeof(*w));

	w->h.now = TEST_NOW;
	rng_seeded(&w->rng, 42);
	th_network(&w->network);
	struct overlay_login_setup login = { .listen = addr_v4(192, 0, 2, 1, 5443), .rng = &w->rng };
	login.network = w->network.name;
	test_authority(&login.authority);
	w->login = overlay_login_new(&login, w->h.now);
	struct overlay_supernode_setup super = {
		.network = w->network,
		.listen = addr_v4(192, 0, 2, 2, 5443),
		.stun = addr_v4(192, 0, 2, 2, 3478),
		.keeps = keeps,
		.rng = &w->rng,
	};
	memset(super.pin, 2, OVERLAY_KEY_N);
	memset(super.token_key, 9, sizeof(super.token_key));
	w->super = overlay_supernode_new(&super, w->h.now);
	assert_non_null(w->login);
	assert_non_null(w->super);
	w->login_at = th_add(&w->h, overlay_login_service(w->login), 1);
	w->super_at = th_add(&w->h, overlay_supernode_service(w->super), 2);
	th_run(&w->h, USEC_PER_SEC);
	*state = w;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, false);
}

static int setup_beside_the_accounts(void **state)
{
	return setup_with(state, true);
}

static int teardown(void **state)
{
	struct world *w = *state;

	th_free(&w->h);
	overlay_node_free(w->alice.node);
	overlay_node_free(w->bob.node);
	overlay_login_free(w->login);
	overlay_supernode_free(w->super);
	free(w);
	return 0;
}

static int join(struct world *w, struct th_node *t, str name, str password, str state)
{
	struct overlay_node_setup setup = {
		.network = &w->network,
		.name = name,
		.password = password,
		.state = state,
		.capabilities = OVERLAY_AUDIO,
		.stream_first = 100,
		.rng = &w->rng,
	};

	assert_int_equal(overlay_node_new(&setup, w->h.now, &t->node), ERR_NONE);
	return th_add(&w->h, thn_service(t), 0);
}

static void both_online(struct world *w)
{
	w->alice_at = join(w, &w->alice, STR("Alice"), STR("secret-alice"), STR_NONE);
	w->bob_at = join(w, &w->bob, STR("bob"), STR("secret-bob"), STR_NONE);
	th_run(&w->h, 2 * USEC_PER_SEC);
	assert_int_equal(w->alice.online, 1);
	assert_int_equal(w->bob.online, 1);
}

static void find(struct world *w, struct th_node *t, const char *text)
{
	struct overlay_name name;

	assert_int_equal(overlay_name_parse(str_from(text), &name), ERR_NONE);
	assert_int_equal(overlay_node_find(t->node, 77, &name, w->h.now), ERR_NONE);
	thn_events(t);
	th_drain(&w->h, t == &w->alice ? w->alice_at : w->bob_at);
	th_run(&w->h, USEC_PER_SEC);
}

static void send_text(struct world *w, struct th_node *t, str sip)
{
	assert_int_equal(overlay_node_send(t->node, sip, w->h.now), ERR_NONE);
	th_drain(&w->h, t == &w->alice ? w->alice_at : w->bob_at);
	th_run(&w->h, USEC_PER_SEC);
}

/* An INVITE of alice's to the record she found. */
static str invite_to(const struct overlay_record *r, const char *user, const char *domain, struct buf *b)
{
	char uri[300];
	struct buf u;

	buf_init(&u, uri, sizeof(uri));
	overlay_point_write_uri(&r->point[0], overlay_name_str(&r->certificate.name), &u);
	buf_reset(b);
	buf_printf(
		b,
		"INVITE %.*s SIP/2.0\r\nVia: SIP/2.0/TLS x.invalid;branch=z9hG4bKa1\r\nMax-Forwards: 70\r\n"
		"From: <sip:%s@%s>;tag=1\r\nTo: <sip:bob@net.example>\r\nCall-ID: call-1\r\nCSeq: 1 INVITE\r\n"
		"Contact: <sip:alice@x.invalid>\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n",
		STR_ARG(buf_str(&u)), user, domain);
	return buf_str(b);
}

/* ---- logging in ---- */

static void a_password_makes_a_member_that_can_be_called(void **state)
{
	struct world *w = *state;
	struct overlay_supernode_stats stats;
	struct buf b;
	char text[300];

	both_online(w);
	assert_int_equal(w->alice.logins, 1);
	assert_true(w->alice.saves >= 2); /* the keys before, the certificate after */
	overlay_supernode_stats(w->super, &stats);
	assert_int_equal(stats.flows, 2);
	assert_int_equal(stats.records, 2);
	buf_init(&b, text, sizeof(text));
	assert_int_equal(overlay_node_contact(w->alice.node, &b), ERR_NONE);
	assert_true(str_starts(buf_str(&b), STR("sip:alice@192.0.2.2:5443;transport=tls;flow=")));
	assert_int_equal(overlay_node_stun(w->alice.node).port, 3478);
	assert_int_equal(overlay_node_observed(w->alice.node).ip[3], w->alice_at + 1);
	assert_false(addr_is_set(&w->alice.flow.local)); /* it would stand in Via */
	/* Done: the login service holds no flow of theirs. */
	struct overlay_login_stats login;
	overlay_login_stats(w->login, &login);
	assert_int_equal(login.flows, 0);
	assert_int_equal(login.logins, 2);
}

static void wrong_password_and_unknown_user_sound_the_same_and_stop(void **state)
{
	struct world *w = *state;

	w->alice_at = join(w, &w->alice, STR("alice"), STR("guess"), STR_NONE);
	w->bob_at = join(w, &w->bob, STR("nobody"), STR("secret-nobody"), STR_NONE);
	th_run(&w->h, 60 * USEC_PER_SEC);
	assert_int_equal(w->alice.problem, OVERLAY_REFUSAL_PASSWORD);
	assert_int_equal(w->bob.problem, OVERLAY_REFUSAL_PASSWORD);
	assert_true(w->alice.final);
	assert_int_equal(w->h.asked, 2); /* it does not try again by itself */
	overlay_node_password(w->alice.node, STR("secret-alice"), w->h.now);
	th_run(&w->h, 2 * USEC_PER_SEC);
	assert_int_equal(w->alice.online, 1);
}

static void another_networks_login_service_is_named(void **state)
{
	struct world *w = *state;

	assert_int_equal(overlay_domain_parse(STR("other.example"), &w->network.name), ERR_NONE);
	w->alice_at = join(w, &w->alice, STR("alice"), STR("secret-alice"), STR_NONE);
	th_run(&w->h, 2 * USEC_PER_SEC);
	assert_int_equal(w->alice.problem, OVERLAY_REFUSAL_NETWORK);
	assert_true(w->alice.final);
	assert_int_equal(w->h.asked, 0);
}

static void the_saved_certificate_does_without_the_login_service(void **state)
{
	struct world *w = *state;
	struct th_node again = { 0 };

	both_online(w);
	uint64_t asked = w->h.asked;
	w->h.service[w->login_at].down = true;
	int at = join(w, &again, STR("alice"), STR_NONE, str_of(w->alice.state, w->alice.state_n));
	th_run(&w->h, 2 * USEC_PER_SEC);
	assert_int_equal(again.online, 1);
	assert_int_equal(w->h.asked, asked);
	assert_int_equal(w->alice.problem, OVERLAY_REFUSAL_REPLACED); /* the same device, elsewhere */
	w->h.service[at].s = thn_service(&w->alice);                  /* taken out before it goes */
	overlay_node_free(again.node);
}

static void an_expired_certificate_asks_for_the_password(void **state)
{
	struct world *w = *state;
	struct th_node again = { 0 };

	both_online(w);
	w->h.now += 49 * HOUR;
	join(w, &again, STR("alice"), STR_NONE, str_of(w->alice.state, w->alice.state_n));
	assert_int_equal(again.problem, OVERLAY_REFUSAL_EXPIRED);
	assert_true(again.final);
	w->h.service[w->h.n - 1].s = thn_service(&w->alice);
	overlay_node_free(again.node);
}

static void a_state_of_another_user_is_refused(void **state)
{
	struct world *w = *state;
	struct overlay_node *n = NULL;

	both_online(w);
	struct overlay_node_setup setup = {
		.network = &w->network,
		.name = STR("carol"),
		.state = str_of(w->alice.state, w->alice.state_n),
		.rng = &w->rng,
	};
	assert_int_equal(overlay_node_new(&setup, w->h.now, &n), ERR_REFUSED);
	setup.state = STR("rubbish");
	assert_int_equal(overlay_node_new(&setup, w->h.now, &n), ERR_SYNTAX);
	assert_null(n);
}

static void the_certificate_is_renewed_at_half_its_life_without_a_password(void **state)
{
	struct world *w = *state;
	struct overlay_login_stats stats;
	uint8_t key[OVERLAY_KEY_N];

	both_online(w);
	find(w, &w->bob, "alice");
	memcpy(key, w->bob.record.seal_key, OVERLAY_KEY_N);
	th_run(&w->h, 25 * HOUR);
	overlay_login_stats(w->login, &stats);
	assert_int_equal(stats.renewals, 2);
	assert_int_equal(w->alice.logins, 2);
	assert_int_equal(w->alice.offline, 0); /* the flow stood */
	find(w, &w->bob, "alice");
	assert_memory_not_equal(key, w->bob.record.seal_key, OVERLAY_KEY_N);
	assert_true(w->bob.record.certificate.not_after > TEST_NOW + 60 * HOUR);
	th_run(&w->h, 100 * HOUR);
	assert_int_equal(w->alice.offline, 0);
}

static void a_clock_that_is_days_off_is_named(void **state)
{
	struct world *w = *state;
	struct overlay_node *n;

	/* The node lives three days behind the servers: the certificate is not valid yet for it. */
	struct overlay_node_setup setup = { .network = &w->network,
					    .name = STR("alice"),
					    .password = STR("secret-alice"),
					    .stream_first = 100,
					    .rng = &w->rng };
	usec behind = w->h.now - 72 * HOUR;
	assert_int_equal(overlay_node_new(&setup, behind, &n), ERR_NONE);
	w->alice.node = n;
	struct host_want want;
	overlay_node_tick(n, behind);
	assert_true(overlay_node_want(n, &want));
	assert_int_equal(want.kind, HOST_OPEN);
	struct host_event opened = { .kind = HOST_OPENED, .id = want.id };
	overlay_node_recv(n, &opened, behind);
	assert_true(overlay_node_want(n, &want));
	struct test_user alice;
	test_user(&alice, STR("alice"), w->h.now);
	struct overlay_message ok = { .type = OVERLAY_LOGIN_OK, .id = 2, .time = w->h.now };
	ok.certificate = overlay_certificate_str(&alice.certificate);
	char text[1024];
	struct buf b;
	buf_init(&b, text, sizeof(text));
	overlay_message_write(&b, &ok);
	struct host_event bytes = { .kind = HOST_BYTES, .id = want.id, .bytes = buf_str(&b) };
	overlay_node_recv(n, &bytes, behind);
	thn_events(&w->alice);
	assert_int_equal(w->alice.problem, OVERLAY_REFUSAL_CLOCK);
	assert_false(w->alice.final);
}

static void a_server_with_another_key_is_not_spoken_to(void **state)
{
	struct world *w = *state;

	memset(w->h.service[w->login_at].pin, 5, OVERLAY_KEY_N);
	w->alice_at = join(w, &w->alice, STR("alice"), STR("secret-alice"), STR_NONE);
	th_run(&w->h, 10 * USEC_PER_SEC);
	assert_int_equal(w->alice.problem, OVERLAY_REFUSAL_PIN);
	assert_int_equal(w->h.asked, 0);
}

/* ---- finding ---- */

static void who_is_there_is_found_and_whom_nobody_knows_is_404(void **state)
{
	struct world *w = *state;

	both_online(w);
	find(w, &w->alice, "bob");
	assert_int_equal(w->alice.founds, 1);
	assert_int_equal(w->alice.record_n, 1);
	assert_int_equal(w->alice.ask, 77);
	assert_str(overlay_name_str(&w->alice.record.certificate.name), "bob");
	find(w, &w->alice, "carol");
	assert_int_equal(w->alice.missing, 404);
}

/* What a super node that lies would say to alice's first find. */
static int lie(struct world *w, const struct overlay_record *r)
{
	struct overlay_message m = { .type = OVERLAY_FOUND, .id = 16, .record_n = 1 };
	struct overlay_name bob;
	struct host_want want;
	char text[2048];
	struct buf b;

	w->alice.missing = 0;
	w->alice.founds = 0;
	assert_int_equal(overlay_name_parse(STR("bob"), &bob), ERR_NONE);
	assert_int_equal(overlay_node_find(w->alice.node, 5, &bob, w->h.now), ERR_NONE);
	assert_true(overlay_node_want(w->alice.node, &want)); /* the FIND, which goes nowhere */
	m.id = (uint32_t)(uint8_t)want.bytes.p[7];
	m.record[0] = overlay_record_str(r);
	buf_init(&b, text, sizeof(text));
	overlay_message_write(&b, &m);
	struct host_event e = { .kind = HOST_BYTES, .id = w->alice.flow.id, .bytes = buf_str(&b) };
	overlay_node_recv(w->alice.node, &e, w->h.now);
	thn_events(&w->alice);
	return w->alice.founds ? 0 : w->alice.missing;
}

static void a_lying_super_node_is_not_believed(void **state)
{
	struct world *w = *state;
	struct test_user bob, carol;
	struct overlay_record r;

	both_online(w);
	test_user(&bob, STR("bob"), w->h.now);
	test_user(&carol, STR("carol"), w->h.now);
	test_record(&r, &carol, 9, w->h.now); /* good, but not asked for */
	assert_int_equal(lie(w, &r), 404);
	test_record(&r, &bob, 9, w->h.now);
	assert_int_equal(lie(w, &r), 0);
	assert_int_equal(overlay_record_sign(&r, &carol.device), ERR_NONE);
	assert_int_equal(lie(w, &r), 404);
	test_record(&r, &bob, 9, w->h.now - HOUR); /* once good */
	assert_int_equal(lie(w, &r), 404);
}

static void a_device_that_died_does_not_hide_the_one_that_lives(void **state)
{
	struct world *w = *state;
	struct th_node second = { 0 };

	both_online(w);
	th_run(&w->h, 60 * USEC_PER_SEC);
	int at = join(w, &second, STR("bob"), STR("secret-bob"), STR_NONE); /* published later, so the newer record */
	th_run(&w->h, 2 * USEC_PER_SEC);
	assert_int_equal(second.online, 1);
	find(w, &w->alice, "bob");
	assert_int_equal(w->alice.record_n, 2);
	assert_memory_equal(w->alice.record.certificate.device, overlay_node_certificate(second.node)->device,
			    OVERLAY_KEY_N);
	th_cut(&w->h, th_stream_of(&w->h, at, second.flow.id), ERR_IO);
	w->h.service[at].s = thn_service(&w->bob); /* without a word */
	overlay_node_free(second.node);
	th_run(&w->h, USEC_PER_SEC);
	find(w, &w->alice, "bob");
	assert_int_equal(w->alice.record_n, 2);
	assert_memory_equal(w->alice.record.certificate.device, overlay_node_certificate(w->bob.node)->device,
			    OVERLAY_KEY_N);
}

static void without_a_flow_a_find_fails_at_once(void **state)
{
	struct world *w = *state;
	struct overlay_name name;

	both_online(w);
	w->h.service[w->super_at].down = true;
	th_cut(&w->h, th_stream_of(&w->h, w->alice_at, w->alice.flow.id), ERR_IO);
	th_run(&w->h, USEC_PER_SEC);
	assert_int_equal(w->alice.offline, 1);
	assert_int_equal(overlay_name_parse(STR("bob"), &name), ERR_NONE);
	assert_int_equal(overlay_node_find(w->alice.node, 1, &name, w->h.now), ERR_NONE);
	thn_events(&w->alice);
	assert_int_equal(w->alice.missing, 503);
}

static void who_leaves_in_order_is_away_and_still_known(void **state)
{
	struct world *w = *state;

	both_online(w);
	overlay_node_stop(w->bob.node, w->h.now);
	th_drain(&w->h, w->bob_at);
	th_run(&w->h, USEC_PER_SEC);
	find(w, &w->alice, "bob");
	assert_int_equal(w->alice.missing, 480);
	th_run(&w->h, 2 * OVERLAY_RECORD_LIFE); /* also when not even the record that says so is left */
	find(w, &w->alice, "bob");
	assert_int_equal(w->alice.missing, 480);
	assert_true(overlay_node_due(w->bob.node) == USEC_NEVER);
}

/* As the keeper tells whoever watches. */
static void accounts_changed(struct world *w)
{
	struct keeper_ask about = { .kind = KEEPER_CHANGED };

	th_post(&w->h, w->super_at, 0,
		&(struct host_event){ .kind = HOST_ANSWER, .message = keeper_answer_new(&about) });
	th_run(&w->h, USEC_PER_SEC);
}

static void who_has_an_account_is_away_even_if_never_seen(void **state)
{
	static const char *const names[] = { "dave", "erin", "frank" };
	struct world *w = *state;

	both_online(w);
	find(w, &w->alice, "erin");
	assert_int_equal(w->alice.missing, 404);
	memcpy(w->h.person, names, sizeof(names));
	w->h.person_n = 2;
	accounts_changed(w);
	find(w, &w->alice, "dave");
	assert_int_equal(w->alice.missing, 480);
	w->alice.missing = 0;
	find(w, &w->alice, "erin"); /* of the second page */
	assert_int_equal(w->alice.missing, 480);
	w->h.person_n = 3;
	w->h.keeper_err = ERR_BUSY;
	accounts_changed(w);
	find(w, &w->alice, "frank");
	assert_int_equal(w->alice.missing, 404);
	w->h.keeper_err = ERR_NONE;
	th_run(&w->h, 10 * USEC_PER_SEC);
	find(w, &w->alice, "frank");
	assert_int_equal(w->alice.missing, 480);
	w->h.person[2] = "grace"; /* frank was removed; the number of his account is hers */
	accounts_changed(w);
	w->alice.missing = 0;
	find(w, &w->alice, "grace");
	assert_int_equal(w->alice.missing, 480);
}

static void records_are_refreshed_for_as_long_as_one_is_there(void **state)
{
	struct world *w = *state;

	both_online(w);
	th_run(&w->h, 5 * HOUR);
	find(w, &w->alice, "bob");
	assert_int_equal(w->alice.founds, 1);
	assert_true(w->alice.record.expiry > w->h.now + 5 * 60 * USEC_PER_SEC);
	assert_int_equal(w->alice.offline, 0); /* pings kept it up */
}

/* ---- SIP ---- */

static void an_invite_reaches_the_callee_clear_and_proven(void **state)
{
	struct world *w = *state;
	char text[2048];
	struct buf b;

	both_online(w);
	find(w, &w->alice, "bob");
	buf_init(&b, text, sizeof(text));
	send_text(w, &w->alice, invite_to(&w->alice.record, "alice", "net.example", &b));
	assert_int_equal(w->bob.sips, 1);
	assert_str(overlay_name_str(&w->bob.peer), "alice");
	assert_non_null(strstr(w->bob.sip, "Content-Type: application/sdp\r\n"));
	assert_non_null(strstr(w->bob.sip, "\r\n\r\nv=0\r\n"));
	assert_non_null(strstr(w->bob.sip, "Max-Forwards: 69\r\n"));
	/* and the answer goes back the way it came, sealed to alice */
	buf_reset(&b);
	const char *via = strstr(w->bob.sip, "Via:");
	const char *end = strstr(via, "Max-Forwards");
	buf_printf(&b,
		   "SIP/2.0 200 OK\r\n%.*sFrom: <sip:alice@net.example>;tag=1\r\nTo: <sip:bob@net.example>;tag=2\r\n"
		   "Call-ID: call-1\r\nCSeq: 1 INVITE\r\nContact: <sip:bob@x.invalid>\r\n"
		   "Content-Type: application/sdp\r\nContent-Length: 7\r\n\r\nv=0\r\no\n",
		   (int)(end - via), via);
	send_text(w, &w->bob, buf_str(&b));
	assert_int_equal(w->alice.sips, 1);
	assert_str(overlay_name_str(&w->alice.peer), "bob");
	assert_non_null(strstr(w->alice.sip, "\r\n\r\nv=0\r\no\n"));
	assert_null(strstr(w->alice.sip, "192.0.2.2")); /* the super node's Via is gone */
}

static void another_persons_from_is_refused_by_the_super_node(void **state)
{
	struct world *w = *state;
	char text[2048];
	struct buf b;

	both_online(w);
	find(w, &w->alice, "bob");
	buf_init(&b, text, sizeof(text));
	send_text(w, &w->alice, invite_to(&w->alice.record, "carol", "net.example", &b));
	assert_int_equal(w->bob.sips, 0);
	assert_int_equal(w->alice.sips, 1);
	assert_true(str_starts(str_from(w->alice.sip), STR("SIP/2.0 403 ")));
	/* an extension of one's own is fine */
	send_text(w, &w->alice, invite_to(&w->alice.record, "101", "alice.net.example", &b));
	assert_int_equal(w->bob.sips, 1);
}

static void a_callee_who_is_gone_is_480_and_a_forged_token_403(void **state)
{
	struct world *w = *state;
	char text[2048];
	struct buf b;

	both_online(w);
	find(w, &w->alice, "bob");
	struct overlay_record r = w->alice.record;
	w->h.service[w->super_at].down = true;
	th_cut(&w->h, th_stream_of(&w->h, w->bob_at, w->bob.flow.id), ERR_IO);
	th_run(&w->h, USEC_PER_SEC);
	buf_init(&b, text, sizeof(text));
	send_text(w, &w->alice, invite_to(&r, "alice", "net.example", &b));
	assert_true(str_starts(str_from(w->alice.sip), STR("SIP/2.0 480 ")));
	r.point[0].token[20] ^= 1;
	send_text(w, &w->alice, invite_to(&r, "alice", "net.example", &b));
	assert_true(str_starts(str_from(w->alice.sip), STR("SIP/2.0 403 ")));
}

static void a_lost_flow_comes_back_with_the_same_contact(void **state)
{
	struct world *w = *state;
	char before[300], after[300];
	struct buf b, a;

	both_online(w);
	buf_init(&b, before, sizeof(before));
	buf_init(&a, after, sizeof(after));
	assert_int_equal(overlay_node_contact(w->bob.node, &b), ERR_NONE);
	uint32_t id = w->bob.flow.id;
	th_cut(&w->h, th_stream_of(&w->h, w->bob_at, id), ERR_IO);
	th_run(&w->h, 5 * USEC_PER_SEC);
	assert_int_equal(w->bob.offline, 1);
	assert_int_equal(w->bob.online, 2);
	assert_int_not_equal(w->bob.flow.id, id);
	assert_int_equal(overlay_node_contact(w->bob.node, &a), ERR_NONE);
	assert_true(str_eq(buf_str(&b), buf_str(&a)));
}

static void a_super_node_that_is_down_is_tried_with_growing_waits(void **state)
{
	struct world *w = *state;

	both_online(w);
	w->h.service[w->super_at].down = true;
	th_cut(&w->h, th_stream_of(&w->h, w->bob_at, w->bob.flow.id), ERR_IO);
	uint64_t before = w->h.opened;
	th_run(&w->h, HOUR);
	uint64_t tries = w->h.opened - before;
	assert_true(tries > 50 && tries < 90); /* near one a minute */
	assert_int_equal(w->bob.problem, OVERLAY_REFUSAL_UNREACHABLE);
	w->h.service[w->super_at].down = false;
	th_run(&w->h, 100 * USEC_PER_SEC);
	assert_int_equal(w->bob.online, 2);
}

static void a_silent_flow_is_noticed_by_its_ping(void **state)
{
	struct world *w = *state;

	both_online(w);
	/* The far side vanishes without a word: the stream takes bytes and brings none. */
	struct th_stream *s = th_stream_of(&w->h, w->bob_at, w->bob.flow.id);
	s->server_id = 1;
	th_run(&w->h, 45 * USEC_PER_SEC);
	assert_int_equal(w->bob.offline, 1);
	assert_int_equal(w->bob.online, 2);
}

static void what_cannot_be_sealed_is_not_sent(void **state)
{
	struct world *w = *state;
	char text[2048];
	struct buf b;

	both_online(w);
	find(w, &w->alice, "bob");
	struct overlay_record r = w->alice.record;
	memset(r.point[0].token, 7, sizeof(r.point[0].token)); /* a device nobody told us of */
	buf_init(&b, text, sizeof(text));
	str invite = invite_to(&r, "alice", "net.example", &b);
	assert_int_equal(overlay_node_send(w->alice.node, invite, w->h.now), ERR_ABSENT);
	assert_int_equal(overlay_node_send(w->alice.node, STR("\r\n\r\n"), w->h.now), ERR_NONE);
	assert_int_equal(overlay_node_send(w->alice.node, STR("rubbish"), w->h.now), ERR_SYNTAX);
}

static void servers_that_stop_say_so_and_finish(void **state)
{
	struct world *w = *state;
	struct host_event e = { .kind = HOST_STOPPING };

	both_online(w);
	th_post(&w->h, w->super_at, 0, &e);
	th_post(&w->h, w->login_at, 0, &e);
	th_run(&w->h, USEC_PER_SEC);
	assert_true(w->h.service[w->super_at].stopped);
	assert_true(w->h.service[w->login_at].stopped);
	assert_int_equal(w->alice.offline, 1);
	assert_int_equal(w->alice.problem, OVERLAY_REFUSAL_MOVED);
	assert_false(w->alice.final);
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD(a_password_makes_a_member_that_can_be_called),
		WORLD(wrong_password_and_unknown_user_sound_the_same_and_stop),
		WORLD(another_networks_login_service_is_named),
		WORLD(the_saved_certificate_does_without_the_login_service),
		WORLD(an_expired_certificate_asks_for_the_password),
		WORLD(a_state_of_another_user_is_refused),
		WORLD(the_certificate_is_renewed_at_half_its_life_without_a_password),
		WORLD(a_clock_that_is_days_off_is_named),
		WORLD(a_server_with_another_key_is_not_spoken_to),
		WORLD(who_is_there_is_found_and_whom_nobody_knows_is_404),
		WORLD(a_lying_super_node_is_not_believed),
		WORLD(a_device_that_died_does_not_hide_the_one_that_lives),
		WORLD(without_a_flow_a_find_fails_at_once),
		WORLD(who_leaves_in_order_is_away_and_still_known),
		cmocka_unit_test_setup_teardown(who_has_an_account_is_away_even_if_never_seen,
						setup_beside_the_accounts, teardown),
		WORLD(records_are_refreshed_for_as_long_as_one_is_there),
		WORLD(an_invite_reaches_the_callee_clear_and_proven),
		WORLD(another_persons_from_is_refused_by_the_super_node),
		WORLD(a_callee_who_is_gone_is_480_and_a_forged_token_403),
		WORLD(a_lost_flow_comes_back_with_the_same_contact),
		WORLD(a_super_node_that_is_down_is_tried_with_growing_waits),
		WORLD(a_silent_flow_is_noticed_by_its_ping),
		WORLD(what_cannot_be_sealed_is_not_sent),
		WORLD(servers_that_stop_say_so_and_finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
