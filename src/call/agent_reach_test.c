/* A telephone and its server: it registers, is challenged, loses it, finds it again. */
#include "call/test_phone.h"
#include "sip/auth.h"
#include "sip/edit.h"
#include "sip/stack.h"

/* ---- a registrar that knows one phone ---- */

struct registrar {
	struct sip_stack *stack;
	struct sip_auth *auth;
	struct rng rng;
	uint8_t ha1[SIP_AUTH_HA1_MAX];
	uint32_t min_expires, expires;
	unsigned challenges, bindings, removals, invites;
	int invite_status; /* 0: no answer */
	char contact[200];
	const char *lines; /* more of its 200 to REGISTER */
	const char *instance;
	char invite[3000], message[2000]; /* the last that came */
};

static void registrar_reply(struct registrar *r, const struct sip_event *e, int status, str lines, usec now)
{
	struct sip_reply reply = { .status = status, .lines = lines };

	assert_int_equal(sip_stack_reply(r->stack, e->server, e->msg, &reply, false, now), ERR_NONE);
}

/* A REGISTER is challenged as by a registrar, a call as by a proxy, both with the same nonce. */
static bool registrar_knows(struct registrar *r, struct sip_msg *msg)
{
	enum sip_kind kind = msg->method == SIP_REGISTER ? SIP_AUTHORIZATION : SIP_PROXY_AUTHORIZATION;
	struct sip_credentials c;

	return sip_msg_has(msg, kind) && sip_credentials_parse(sip_msg_value(msg, kind), &c) == ERR_NONE &&
	       sip_auth_verify(r->auth, &c, r->ha1, msg->method_text, msg->body) == ERR_NONE;
}

static void registrar_request(struct registrar *r, const struct sip_event *e, usec now)
{
	char text[512];
	struct buf lines;
	uint32_t expires = 0;

	buf_init(&lines, text, sizeof(text));
	if (!registrar_knows(r, e->msg)) {
		bool registers = e->msg->method == SIP_REGISTER;

		buf_put(&lines, registers ? STR("WWW-Authenticate: ") : STR("Proxy-Authenticate: "));
		sip_challenge_write(SIP_AUTH_SHA256, STR("pbx.test"), STR("abcdef0123"), false, &lines);
		r->challenges++;
		registrar_reply(r, e, registers ? 401 : 407, buf_str(&lines), now);
		return;
	}
	if (e->msg->method == SIP_INVITE) {
		r->invites++;
		(void)str_copy_z(e->msg->text, r->invite, sizeof(r->invite));
		if (r->invite_status)
			registrar_reply(r, e, r->invite_status, STR_NONE, now);
		return;
	}
	if (e->msg->method == SIP_MESSAGE) {
		(void)str_copy_z(e->msg->text, r->message, sizeof(r->message));
		registrar_reply(r, e, 202, STR_NONE, now);
		return;
	}
	assert_int_equal(e->msg->method, SIP_REGISTER);
	(void)sip_msg_expires(e->msg, &expires);
	if (expires && expires < r->min_expires) {
		buf_printf(&lines, "Min-Expires: %u", (unsigned)r->min_expires);
		registrar_reply(r, e, 423, buf_str(&lines), now);
		return;
	}
	*(expires ? &r->bindings : &r->removals) += 1;
	(void)str_copy_z(sip_msg_value(e->msg, SIP_CONTACT), r->contact, sizeof(r->contact));
	if (r->expires && expires > r->expires)
		expires = r->expires;
	buf_printf(&lines, "Contact: %s;expires=%u%s", r->contact, (unsigned)expires, r->lines ? r->lines : "");
	registrar_reply(r, e, 200, buf_str(&lines), now);
}

static void registrar_pump(struct registrar *r, usec now)
{
	struct sip_event e;

	while (sip_stack_next(r->stack, &e, now))
		if (e.kind == SIP_EVENT_REQUEST)
			registrar_request(r, &e, now);
}

static void registrar_recv(void *self, const struct host_event *e, usec now)
{
	struct registrar *r = self;

	sip_stack_recv(r->stack, e, now);
	registrar_pump(r, now);
}

static void registrar_tick(void *self, usec now)
{
	struct registrar *r = self;

	sip_stack_tick(r->stack, now);
	registrar_pump(r, now);
}

static usec registrar_due(const void *self)
{
	return sip_stack_due(((const struct registrar *)self)->stack);
}

static bool registrar_next(void *self, struct host_want *out)
{
	return sip_stack_want(((struct registrar *)self)->stack, out);
}

struct office {
	struct test_host host;
	struct registrar registrar;
	struct phone phone;
};

static void office_start(struct office *t, enum transport transport, str password, void (*change)(struct office *))
{
	struct host_service service = { &t->registrar, registrar_recv, registrar_tick,
					registrar_due, registrar_next, NULL };
	struct sip_stack_config config = sip_stack_config_default();
	struct addr udp = at(9, transport == TRANSPORT_TLS ? 5061 : 5060);
	struct agent_settings s;

	memset(t, 0, sizeof(*t));
	test_host_init(&t->host);
	s = direct(&t->phone, 1);
	rng_seeded(&t->registrar.rng, 77);
	config.rng = &t->registrar.rng;
	config.id_first = 1;
	t->registrar.stack = sip_stack_new(&config);
	t->registrar.auth = sip_auth_new(NULL);
	assert_int_equal(sip_auth_ha1(t->registrar.auth, SIP_AUTH_SHA256, STR("101"), STR("pbx.test"), STR("secret"),
				      t->registrar.ha1),
			 ERR_NONE);
	assert_true(sip_stack_listen(t->registrar.stack, transport, &udp, 0, STR_NONE) != 0);
	if (change)
		change(t);
	assert_int_equal(test_host_add(&t->host, &service, at(9, 0)), 0);
	test_run(&t->host, 0);
	s.user = STR("101");
	s.domain = STR("pbx.test");
	s.password = password;
	s.transport = transport;
	s.registers = s.features = true;
	s.instance = t->registrar.instance ? str_from(t->registrar.instance) : STR_NONE;
	s.listen.port = 0;
	phone_add(&t->host, &t->phone, &s, 1);
	test_run(&t->host, USEC_PER_SEC);
}

static void office_end(struct office *t)
{
	agent_free(t->phone.agent);
	sip_stack_free(t->registrar.stack);
	sip_auth_free(t->registrar.auth);
	test_host_free(&t->host);
}

static void a_phone_registers_by_digest_over_every_transport(void **state)
{
	static const enum transport all[] = { TRANSPORT_UDP, TRANSPORT_TCP, TRANSPORT_TLS };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct office t;

		office_start(&t, all[i], STR("secret"), NULL);
		assert_int_equal(t.phone.ready, 1);
		assert_int_equal(t.registrar.challenges, 1);
		assert_int_equal(t.registrar.bindings, 1);
		assert_non_null(strstr(t.registrar.contact, "<sip:101@10.0.0.1:"));
		assert_non_null(strstr(t.registrar.contact, ">;audio;methods=\"INVITE,")); /* RFC 3840 6. */
		office_end(&t);
	}
}

static void gives_names(struct office *t)
{
	t->registrar.instance = "urn:uuid:f81d4fae-7dec-41d0-a765-00a0c91e6bf6";
	t->registrar.lines = ";pub-gruu=\"sip:101@pbx.test;gr=f81d\"\r\n"
			     "Service-Route: <sip:p1.test;lr>, <sip:p2.test;lr>\r\nRequire: outbound";
}

static void calls_and_letters_bear_the_gruu_and_take_the_service_route(void **state)
{
	struct office t;

	(void)state;
	office_start(&t, TRANSPORT_UDP, STR("secret"), gives_names);
	assert_non_null(strstr(t.registrar.contact, ";reg-id=1;+sip.instance=\"<urn:uuid:f81d4fae"));
	t.phone.call = agent_dial(t.phone.agent, &(struct agent_dialling){ .target = STR("102") }, t.host.now);
	test_run(&t.host, USEC_PER_SEC);
	assert_non_null(strstr(t.registrar.invite, "\r\nContact: <sip:101@pbx.test;gr=f81d>\r\n"));
	assert_non_null(strstr(t.registrar.invite, "\r\nRoute: <sip:p1.test;lr>, <sip:p2.test;lr>\r\n"));
	assert_true(agent_write(t.phone.agent, STR("102"), STR("hello"), t.host.now) != 0);
	test_run(&t.host, USEC_PER_SEC);
	assert_non_null(strstr(t.registrar.message, "\r\nRoute: <sip:p1.test;lr>, <sip:p2.test;lr>\r\n"));
	assert_int_equal(t.phone.sent_status, 202);
	office_end(&t);
}

static bool lose_stun(void *self, str bytes, usec now)
{
	(void)now;
	return *(bool *)self && bytes.n == 20 && bytes.p[0] == 0;
}

static void a_phone_whose_nat_has_forgotten_it_registers_anew(void **state)
{
	bool lost = false;
	struct office t;

	(void)state;
	office_start(&t, TRANSPORT_UDP, STR("secret"), gives_names);
	t.host.lose = lose_stun;
	t.host.self = &lost;
	test_run(&t.host, 100 * USEC_PER_SEC); /* probed, and answered */
	assert_int_equal(t.registrar.bindings, 1);
	lost = true;
	test_run(&t.host, 80 * USEC_PER_SEC);
	assert_true(t.registrar.bindings > 1);
	assert_int_equal(t.phone.down, 0);
	office_end(&t);
}

static void a_sips_address_is_called_over_tls_or_not_at_all(void **state)
{
	struct office t;

	(void)state;
	office_start(&t, TRANSPORT_TCP, STR("secret"), NULL);
	t.phone.call =
		agent_dial(t.phone.agent, &(struct agent_dialling){ .target = STR("sips:102@pbx.test") }, t.host.now);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.registrar.invites, 0);
	assert_int_equal(t.phone.ended, 1);
	assert_int_equal(t.phone.cause, CALL_NO_ROUTE);
	assert_int_equal(agent_write(t.phone.agent, STR("sips:102@pbx.test"), STR("x"), t.host.now), 0);
	office_end(&t);
	office_start(&t, TRANSPORT_TLS, STR("secret"), NULL);
	t.phone.call =
		agent_dial(t.phone.agent, &(struct agent_dialling){ .target = STR("sips:102@pbx.test") }, t.host.now);
	test_run(&t.host, USEC_PER_SEC);
	assert_memory_equal(t.registrar.invite, "INVITE sips:102@pbx.test SIP/2.0\r\n", 34);
	assert_non_null(strstr(t.registrar.invite, "\r\nContact: <sips:101@10.0.0.1:"));
	assert_null(strstr(t.registrar.invite, "transport=tls"));
	office_end(&t);
}

static void a_wrong_password_is_tried_once_and_is_final(void **state)
{
	struct office t;

	(void)state;
	office_start(&t, TRANSPORT_UDP, STR("wrong"), NULL);
	test_run(&t.host, 3600 * USEC_PER_SEC);
	assert_int_equal(t.phone.ready, 0);
	assert_int_equal(t.phone.down, 1);
	assert_true(t.phone.final);
	assert_int_equal(t.phone.down_cause, CALL_WRONG_PASSWORD);
	assert_int_equal(t.registrar.challenges, 2);
	office_end(&t);
}

/* The first connection to the server is refused, as by a host to which its certificate proved nothing. */
static void distrust(struct office *t)
{
	t->host.refuse = ERR_REFUSED;
	t->host.why = "the certificate does not bear the name pbx.test, but old.test";
}

static void a_server_that_cannot_prove_its_name_is_told_of_in_words(void **state)
{
	struct office t;

	(void)state;
	office_start(&t, TRANSPORT_TLS, STR("secret"), distrust);
	assert_int_equal(t.phone.ready, 0);
	assert_true(t.phone.down >= 1);
	assert_false(t.phone.final); /* somebody may give it the right one */
	assert_int_equal(t.phone.down_cause, CALL_UNTRUSTED);
	assert_string_equal(t.phone.text, "No connection to the server came about: the certificate does not bear the "
					  "name pbx.test, but old.test.");
	t.host.refuse = ERR_NONE;
	test_run(&t.host, 60 * USEC_PER_SEC);
	assert_int_equal(t.phone.ready, 1);
	office_end(&t);
}

static void long_leases_only(struct office *t)
{
	t->registrar.min_expires = 3600;
}

static void a_registrar_that_wants_longer_leases_gets_them(void **state)
{
	struct office t;

	(void)state;
	office_start(&t, TRANSPORT_UDP, STR("secret"), long_leases_only);
	assert_int_equal(t.phone.ready, 1);
	assert_int_equal(t.registrar.bindings, 1);
	office_end(&t);
}

static void short_leases(struct office *t)
{
	t->registrar.expires = 60;
}

static void the_binding_is_refreshed_before_it_expires_and_removed_at_the_end(void **state)
{
	struct office t;

	(void)state;
	office_start(&t, TRANSPORT_TCP, STR("secret"), short_leases);
	test_run(&t.host, 59 * USEC_PER_SEC);
	assert_int_equal(t.registrar.bindings, 2);
	test_run(&t.host, 600 * USEC_PER_SEC);
	assert_in_range(t.registrar.bindings, 11, 15);
	assert_int_equal(t.registrar.challenges, 1);
	assert_int_equal(t.phone.ready, 1);
	agent_stop(t.phone.agent, t.host.now);
	phone_react(&t.phone, t.host.now);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.registrar.removals, 1);
	assert_int_equal(t.phone.stopped, 1);
	office_end(&t);
}

static void a_registrar_that_was_away_is_found_again(void **state)
{
	struct office t;

	(void)state;
	office_start(&t, TRANSPORT_UDP, STR("secret"), short_leases);
	t.host.lose = lose_all;
	test_run(&t.host, 300 * USEC_PER_SEC);
	assert_int_equal(t.phone.down_cause, CALL_SILENCE);
	assert_false(t.phone.final);
	t.host.lose = NULL;
	test_run(&t.host, 200 * USEC_PER_SEC);
	assert_int_equal(t.phone.ready, 2);
	office_end(&t);
}

static void a_call_through_the_server_answers_its_challenge(void **state)
{
	struct office t;

	(void)state;
	office_start(&t, TRANSPORT_UDP, STR("secret"), NULL);
	t.registrar.invite_status = 486;
	t.phone.call = agent_dial(t.phone.agent, &(struct agent_dialling){ .target = STR("102") }, t.host.now);
	test_run(&t.host, USEC_PER_SEC);
	assert_int_equal(t.registrar.invites, 1);
	assert_int_equal(t.phone.ended, 1);
	assert_int_equal(t.phone.cause, CALL_BUSY);
	assert_string_equal(t.phone.facts.callee, "sip:102@pbx.test");
	office_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_phone_registers_by_digest_over_every_transport),
		cmocka_unit_test(calls_and_letters_bear_the_gruu_and_take_the_service_route),
		cmocka_unit_test(a_phone_whose_nat_has_forgotten_it_registers_anew),
		cmocka_unit_test(a_sips_address_is_called_over_tls_or_not_at_all),
		cmocka_unit_test(a_wrong_password_is_tried_once_and_is_final),
		cmocka_unit_test(a_server_that_cannot_prove_its_name_is_told_of_in_words),
		cmocka_unit_test(a_registrar_that_wants_longer_leases_gets_them),
		cmocka_unit_test(the_binding_is_refreshed_before_it_expires_and_removed_at_the_end),
		cmocka_unit_test(a_registrar_that_was_away_is_found_again),
		cmocka_unit_test(a_call_through_the_server_answers_its_challenge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
