#include "overlay/login.h"

#include "overlay/outbox.h"
#include "overlay/test_host.h"

/* A client that says one thing and keeps what it is told. */
struct client {
	struct overlay_outbox out;
	struct sign_pair device;
	uint8_t binding[OVERLAY_BINDING_N];
	struct overlay_message say;
	bool forge;
	char heard[2048];
	struct overlay_message answer;
	bool closed;
};

struct world {
	struct th h;
	struct rng rng;
	struct overlay_login *login;
	int login_at;
	struct client client;
	int client_at;
	uint32_t stream;
};

static void say(struct client *c)
{
	uint8_t text[OVERLAY_PROOF_MAX];
	size_t n = overlay_proof_text(&c->say, c->binding, text);

	if (!c->say.type)
		return;
	text[0] ^= c->forge;
	sign_make(&c->device, str_of((const char *)text, n), c->say.proof);
	overlay_outbox_message(&c->out, 5, &c->say);
}

static void client_recv(void *self, const struct host_event *e, usec now)
{
	struct client *c = self;
	struct overlay_frame frame;

	(void)now;
	if (e->kind == HOST_OPENED) {
		memcpy(c->binding, e->binding, sizeof(c->binding));
		say(c);
	} else if (e->kind == HOST_BYTES) {
		assert_true(e->bytes.n <= sizeof(c->heard));
		memcpy(c->heard, e->bytes.p, e->bytes.n);
		str rest = str_of(c->heard, e->bytes.n);
		assert_int_equal(overlay_frame_take(&rest, &frame), ERR_NONE);
		assert_int_equal(overlay_message_parse(&frame, &c->answer), ERR_NONE);
	} else if (e->kind == HOST_CLOSED) {
		c->closed = true;
	}
}

static void client_tick(void *self, usec now)
{
	(void)self;
	(void)now;
}

static usec client_due(const void *self)
{
	(void)self;
	return USEC_NEVER;
}

static bool client_next(void *self, struct host_want *out)
{
	return overlay_outbox_next(&((struct client *)self)->out, out);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct overlay_login_setup login = { .listen = addr_v4(192, 0, 2, 1, 5443), .flow_max = 20, .rng = &w->rng };
	const struct host_service client = {
		.self = &w->client, .recv = client_recv, .tick = client_tick, .due = client_due, .next = client_next
	};

	w->h.now = TEST_NOW;
	rng_seeded(&w->rng, 6);
	assert_int_equal(overlay_domain_parse(TEST_NETWORK, &login.network), ERR_NONE);
	test_authority(&login.authority);
	w->login = overlay_login_new(&login, w->h.now);
	w->login_at = th_add(&w->h, overlay_login_service(w->login), 1);
	overlay_outbox_init(&w->client.out);
	sign_new(&w->client.device, &w->rng);
	w->client_at = th_add(&w->h, client, 0);
	th_run(&w->h, USEC_PER_SEC);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	th_free(&w->h);
	overlay_outbox_free(&w->client.out);
	overlay_login_free(w->login);
	free(w);
	return 0;
}

static void open_stream(struct world *w)
{
	char name[72];
	uint8_t pin[OVERLAY_KEY_N];

	memset(pin, 1, sizeof(pin));
	w->client.answer = (struct overlay_message){ 0 };
	w->client.closed = false;
	overlay_outbox_put(&w->client.out, &(struct host_want){ .kind = HOST_OPEN,
								.id = 5,
								.transport = TRANSPORT_TLS,
								.remote = addr_v4(192, 0, 2, 1, 5443),
								.name = overlay_pin_name(pin, name) });
	th_drain(&w->h, w->client_at);
}

/* Logs in and returns what it was told: NONE for a certificate. */
static enum overlay_refusal try(struct world *w, str name, str password)
{
	w->client.say = (struct overlay_message){
		.type = OVERLAY_LOGIN, .id = 9, .network = TEST_NETWORK, .name = name, .password = password
	};
	memcpy(w->client.say.key, w->client.device.key, OVERLAY_KEY_N);
	open_stream(w);
	th_run(&w->h, 100 * USEC_PER_MS);
	assert_true(w->client.answer.type == OVERLAY_LOGIN_OK || w->client.answer.type == OVERLAY_REFUSED);
	assert_int_equal(w->client.answer.id, 9);
	assert_true(w->client.closed);
	return w->client.answer.refusal;
}

static void the_right_password_gives_a_certificate_for_the_key(void **state)
{
	struct world *w = *state;
	struct overlay_certificate c;
	struct sign_pair authority;

	test_authority(&authority);
	assert_int_equal(try(w, STR("alice"), STR("secret-alice")), OVERLAY_REFUSAL_NONE);
	assert_int_equal(overlay_certificate_parse(w->client.answer.certificate, &c), ERR_NONE);
	assert_int_equal(overlay_certificate_verify(&c, TEST_NETWORK, authority.key, w->h.now), ERR_NONE);
	assert_str(overlay_name_str(&c.name), "alice");
	assert_memory_equal(c.device, w->client.device.key, OVERLAY_KEY_N);
	assert_int_equal(c.not_after - c.not_before, 48 * HOUR);
	assert_int_equal(w->h.device_n, 1); /* the keeper knows of it */
}

static void wrong_password_and_unknown_user_get_one_answer(void **state)
{
	struct world *w = *state;
	str text;

	assert_int_equal(try(w, STR("alice"), STR("wrong")), OVERLAY_REFUSAL_PASSWORD);
	text = w->client.answer.text;
	char kept[200];
	memcpy(kept, text.p, text.n);
	assert_int_equal(try(w, STR("nobody"), STR("wrong")), OVERLAY_REFUSAL_PASSWORD);
	assert_true(str_eq(w->client.answer.text, str_of(kept, text.n)));
	assert_int_equal(w->h.asked, 2); /* both went the long way */
	assert_int_equal(w->h.device_n, 0);
}

static void guessing_one_name_waits_and_others_do_not(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 4; i++)
		assert_int_equal(try(w, STR("alice"), STR("wrong")), OVERLAY_REFUSAL_PASSWORD);
	assert_int_equal(try(w, STR("alice"), STR("secret-alice")), OVERLAY_REFUSAL_SLOW_DOWN);
	assert_int_equal(w->client.answer.retry_after_s, 1);
	assert_int_equal(w->h.asked, 4); /* no work was done for it */
	assert_int_equal(try(w, STR("bob"), STR("secret-bob")), OVERLAY_REFUSAL_NONE);
	th_run(&w->h, USEC_PER_SEC);
	assert_int_equal(try(w, STR("alice"), STR("secret-alice")), OVERLAY_REFUSAL_NONE);
}

static void another_network_and_a_stolen_key_are_refused_before_the_password(void **state)
{
	struct world *w = *state;

	w->client.forge = true;
	assert_int_equal(try(w, STR("alice"), STR("secret-alice")), OVERLAY_REFUSAL_PROOF);
	w->client.forge = false;
	w->client.say.network = STR("other.example");
	open_stream(w);
	th_run(&w->h, USEC_PER_SEC);
	assert_int_equal(w->client.answer.refusal, OVERLAY_REFUSAL_NETWORK);
	assert_int_equal(w->h.asked, 0);
}

static enum overlay_refusal renew(struct world *w, str certificate)
{
	w->client.say = (struct overlay_message){ .type = OVERLAY_RENEW, .id = 9, .certificate = certificate };
	open_stream(w);
	th_run(&w->h, USEC_PER_SEC);
	return w->client.answer.refusal;
}

static void a_certificate_renews_itself_while_it_is_good(void **state)
{
	struct world *w = *state;
	struct overlay_certificate c, next;

	assert_int_equal(try(w, STR("alice"), STR("secret-alice")), OVERLAY_REFUSAL_NONE);
	assert_int_equal(overlay_certificate_parse(w->client.answer.certificate, &c), ERR_NONE);
	th_run(&w->h, 24 * HOUR);
	assert_int_equal(renew(w, overlay_certificate_str(&c)), OVERLAY_REFUSAL_NONE);
	assert_int_equal(overlay_certificate_parse(w->client.answer.certificate, &next), ERR_NONE);
	assert_true(next.not_after >= c.not_after + 24 * HOUR);
	th_run(&w->h, 25 * HOUR);
	assert_int_equal(renew(w, overlay_certificate_str(&c)), OVERLAY_REFUSAL_EXPIRED);
}

static void a_revoked_device_must_log_in_again(void **state)
{
	struct world *w = *state;
	struct overlay_certificate c;

	assert_int_equal(try(w, STR("alice"), STR("secret-alice")), OVERLAY_REFUSAL_NONE);
	assert_int_equal(overlay_certificate_parse(w->client.answer.certificate, &c), ERR_NONE);
	w->h.device[0].revoked = true;
	assert_int_equal(renew(w, overlay_certificate_str(&c)), OVERLAY_REFUSAL_PASSWORD);
}

static void a_keeper_in_trouble_is_no_wrong_password(void **state)
{
	struct world *w = *state;

	w->h.keeper_err = ERR_IO;
	assert_int_equal(try(w, STR("alice"), STR("secret-alice")), OVERLAY_REFUSAL_INTERNAL);
	w->h.keeper_err = ERR_BUSY;
	assert_int_equal(try(w, STR("alice"), STR("secret-alice")), OVERLAY_REFUSAL_OVERLOADED);
	assert_true(w->client.answer.retry_after_s >= 2);
	w->h.keeper_err = ERR_NONE;
	assert_int_equal(try(w, STR("alice"), STR("secret-alice")), OVERLAY_REFUSAL_NONE);
}

static void who_says_nothing_or_nonsense_is_cut_off(void **state)
{
	struct world *w = *state;
	struct overlay_login_stats stats;

	w->client.say = (struct overlay_message){ .type = OVERLAY_FIND, .id = 9 };
	open_stream(w);
	th_run(&w->h, USEC_PER_SEC);
	assert_true(w->client.closed);
	assert_int_equal(w->client.answer.refusal, OVERLAY_REFUSAL_UNSUPPORTED);
	w->client.say.type = 0;
	open_stream(w);
	th_run(&w->h, 9 * USEC_PER_SEC);
	assert_false(w->client.closed);
	th_run(&w->h, 2 * USEC_PER_SEC);
	assert_true(w->client.closed);
	overlay_login_stats(w->login, &stats);
	assert_int_equal(stats.flows, 0);
}

static void one_source_may_not_fill_the_keepers_queue(void **state)
{
	struct world *w = *state;
	struct overlay_login_stats stats;

	w->h.keeper_delay = 10 * USEC_PER_SEC;
	w->client.say = (struct overlay_message){
		.type = OVERLAY_LOGIN, .id = 9, .network = TEST_NETWORK, .name = STR("alice"), .password = STR("x")
	};
	memcpy(w->client.say.key, w->client.device.key, OVERLAY_KEY_N);
	for (int i = 0; i < 9; i++) {
		open_stream(w);
		th_run(&w->h, 100 * USEC_PER_MS);
	}
	overlay_login_stats(w->login, &stats);
	assert_int_equal(stats.waiting, 8);
	assert_int_equal(stats.shed, 1);
	assert_int_equal(w->client.answer.refusal, OVERLAY_REFUSAL_OVERLOADED);
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD(the_right_password_gives_a_certificate_for_the_key),
		WORLD(wrong_password_and_unknown_user_get_one_answer),
		WORLD(guessing_one_name_waits_and_others_do_not),
		WORLD(another_network_and_a_stolen_key_are_refused_before_the_password),
		WORLD(a_certificate_renews_itself_while_it_is_good),
		WORLD(a_revoked_device_must_log_in_again),
		WORLD(a_keeper_in_trouble_is_no_wrong_password),
		WORLD(who_says_nothing_or_nonsense_is_cut_off),
		WORLD(one_source_may_not_fill_the_keepers_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
