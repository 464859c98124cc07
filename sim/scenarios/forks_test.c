/*
 * Users with several phones, a lossy link, and everybody doing as they please: phones ring, answer, refuse, redirect,
 * are dead; callers hang up at any moment. What must hold for every call, whatever the seed: its INVITE ends in one
 * class of final answer, every 200 is acknowledged and hung up, no phone rings on, and the exchange forgets all.
 *
 * SIM_SEED sets the first seed, SIM_ROUNDS how many there are.
 */
#include "pbx/figures.h"
#include "sim/scenarios/exchange_test.h"
#include "sip/stack.h"

#define PHONES   9
#define USERS    4
#define CALLS    24
#define RINGS    200
#define DIALOGS  12
#define PATIENCE (900 * USEC_PER_SEC)

static const struct sim_link rough = {
	.delay = 20000, .jitter = 30000, .loss_ppm = 80000, .duplicate_ppm = 30000, .reorder_ppm = 60000
};

/* An INVITE that a phone has got. */
struct ring {
	handle server;
	usec early_at, final_at;
	int early, final; /* final 0: it rings for ever */
	bool over, cancelled;
	unsigned to; /* whom a 302 names */
};

/* A call of the caller's. */
struct dial {
	handle client;
	usec cancel_at;
	unsigned successes, refusals;
	int status;
	char tags[DIALOGS][40];
	unsigned tag_n, byes, bye_answers;
};

struct town;

struct ua {
	struct town *town;
	struct sim_host *host;
	struct sip_stack *stack;
	char user[8];
	unsigned number;
	bool dead, registered, second_flow;
	unsigned q;
	uint32_t cseq;
	usec register_at;
	struct ring rings[RINGS];
	size_t ring_n;
	struct dial dials[CALLS]; /* of the caller */
	size_t dial_n;
	usec dial_at;
};

struct town {
	struct sim *world;
	struct exchange pbx;
	struct ua caller, phones[PHONES];
	uint64_t seed;
};

static struct sip_target exchange_target(const struct town *t)
{
	struct sip_target target = { .transport = TRANSPORT_UDP, .addr = *sim_host_addr(t->pbx.host) };

	target.addr.port = 5060;
	return target;
}

static usec later(struct ua *u, usec now, unsigned most_ms)
{
	return now + (usec)rng_below(sim_host_rng(u->host), most_ms + 1) * USEC_PER_MS;
}

static handle ask(struct ua *u, const struct sip_request *r, uint64_t cookie, usec now)
{
	char text[4000];
	struct buf b;
	struct sip_outgoing o = { .target = exchange_target(u->town), .cookie = cookie };

	buf_init(&b, text, sizeof(text));
	assert_int_equal(sip_request_write(r, &b), ERR_NONE);
	o.draft.text = buf_str(&b);
	return sip_stack_request(u->stack, &o, now);
}

/* ---- a phone ---- */

static void say_hello(struct ua *u, usec now)
{
	char from[60], to[60], contact[160], id[20];
	struct sip_request r = { .method = STR("REGISTER"), .uri = STR("sip:" EXCHANGE_DOMAIN), .cseq = ++u->cseq };

	snprintf(from, sizeof(from), "<sip:%s@" EXCHANGE_DOMAIN ">;tag=r%u", u->user, u->number);
	snprintf(to, sizeof(to), "<sip:%s@" EXCHANGE_DOMAIN ">", u->user);
	snprintf(id, sizeof(id), "reg%u", u->number);
	snprintf(contact, sizeof(contact), "<sip:%s@%u.%u.%u.%u:5060>;expires=3600;q=0.%u%s%u%s", u->user,
		 sim_host_addr(u->host)->ip[0], sim_host_addr(u->host)->ip[1], sim_host_addr(u->host)->ip[2],
		 sim_host_addr(u->host)->ip[3], u->q,
		 ";+sip.instance=\"<urn:uuid:", u->second_flow ? u->number - 1 : u->number,
		 u->second_flow ? ">\";reg-id=2" : ">\";reg-id=1");
	r.from = str_from(from);
	r.to = str_from(to);
	r.call_id = str_from(id);
	r.contact = str_from(contact);
	r.lines = STR("Supported: outbound, path");
	u->register_at = now + 5 * USEC_PER_SEC;
	(void)ask(u, &r, 0, now);
}

static void answer(struct ua *u, struct ring *r, int status, usec now)
{
	char lines[200], tag[20];
	struct sip_reply reply = { .status = status };

	snprintf(tag, sizeof(tag), "t%u-%zu", u->number, (size_t)(r - u->rings));
	reply.to_tag = str_from(tag);
	if (status >= 300 && status < 400)
		snprintf(lines, sizeof(lines), "Contact: <sip:user%u@" EXCHANGE_DOMAIN ">", r->to);
	else
		snprintf(lines, sizeof(lines), "Contact: <sip:%s@%u.%u.%u.%u:5060>", u->user,
			 sim_host_addr(u->host)->ip[0], sim_host_addr(u->host)->ip[1], sim_host_addr(u->host)->ip[2],
			 sim_host_addr(u->host)->ip[3]);
	reply.lines = str_from(lines);
	r->over = r->over || status >= 200;
	assert_int_equal(sip_stack_reply(u->stack, r->server, NULL, &reply, status >= 200 && status < 300, now),
			 ERR_NONE);
}

static void on_invite(struct ua *u, const struct sip_event *e, usec now)
{
	static const int early[] = { 180, 180, 180, 183, 0 };
	static const int final[] = { 200, 200, 200, 200, 486, 486, 480, 603, 302, 302, 503, 430, 404, 0, 0, 0 };
	struct rng *rng = sim_host_rng(u->host);
	struct ring *r = &u->rings[u->ring_n];

	assert_true(u->ring_n++ < RINGS);
	*r = (struct ring){ .server = e->server, .to = 1 + rng_below(rng, USERS + 1) };
	r->early = early[rng_below(rng, 5)];
	r->final = final[rng_below(rng, 16)];
	r->early_at = r->early ? later(u, now, 900) : USEC_NEVER;
	r->final_at = r->final ? later(u, now, rng_below(rng, 3) ? 4000 : 45000) : USEC_NEVER;
	sip_stack_set_cookie(u->stack, e->server, u->ring_n);
}

static void on_cancel(struct ua *u, const struct sip_event *e, usec now)
{
	for (size_t i = 0; i < u->ring_n; i++)
		if (u->rings[i].server == e->server && !u->rings[i].over) {
			u->rings[i].cancelled = true;
			answer(u, &u->rings[i], 487, now);
		}
}

/* ---- the caller ---- */

static void begin_call(struct ua *u, usec now)
{
	struct rng *rng = sim_host_rng(u->host);
	char to[70], uri[60], id[20];
	struct sip_request r = { .method = STR("INVITE"),
				 .from = STR("<sip:boss@" EXCHANGE_DOMAIN ">;tag=c"),
				 .cseq = 1 };
	struct dial *d = &u->dials[u->dial_n++];

	snprintf(uri, sizeof(uri), "sip:user%u@" EXCHANGE_DOMAIN, (unsigned)(1 + rng_below(rng, USERS)));
	snprintf(to, sizeof(to), "<%s>", uri);
	snprintf(id, sizeof(id), "call%zu", u->dial_n);
	r.uri = str_from(uri);
	r.to = str_from(to);
	r.call_id = str_from(id);
	r.contact = STR("<sip:boss@192.0.2.200:5060>");
	r.lines = STR("Supported: histinfo");
	d->cancel_at = rng_below(rng, 2) ? later(u, now, 60000) : USEC_NEVER;
	d->client = ask(u, &r, u->dial_n, now);
	assert_true(d->client != 0);
	u->dial_at = u->dial_n < CALLS ? later(u, now, 4000) : USEC_NEVER;
}

/* ACK and BYE at once: on this link the one may well come before the other. */
static void end_dialog(struct ua *u, struct dial *d, const struct sip_event *e, bool first, usec now)
{
	const struct sip_address *routes = NULL, *contact = NULL;
	str set[4];
	size_t n = 0, contact_n = 0;
	struct sip_outgoing o = { .target = exchange_target(u->town) };
	struct sip_request r = { .method = STR("ACK"), .routes = set, .cseq = 1 };
	char text[3000];
	struct buf b;

	assert_int_equal(sip_msg_addresses(e->msg, SIP_RECORD_ROUTE, &routes, &n), ERR_NONE);
	assert_int_equal(sip_msg_addresses(e->msg, SIP_CONTACT, &contact, &contact_n), ERR_NONE);
	assert_in_range(n, 1, 4);
	for (size_t i = 0; i < n; i++)
		set[i] = routes[n - 1 - i].text;
	r.route_n = n;
	r.uri = contact->uri.text;
	r.from = sip_msg_from(e->msg)->text;
	r.to = sip_msg_to(e->msg)->text;
	r.call_id = sip_msg_call_id(e->msg);
	buf_init(&b, text, sizeof(text));
	assert_int_equal(sip_request_write(&r, &b), ERR_NONE);
	o.draft.text = buf_str(&b);
	assert_int_equal(sip_stack_ack(u->stack, e->client, &o, now), ERR_NONE);
	if (!first)
		return;
	r.method = STR("BYE");
	r.cseq = 2;
	d->byes++;
	(void)ask(u, &r, (uint64_t)(d - u->dials) + 1001, now);
}

static bool note_tag(struct dial *d, str tag)
{
	for (unsigned i = 0; i < d->tag_n; i++)
		if (str_eq(str_from(d->tags[i]), tag))
			return false;
	assert_true(d->tag_n < DIALOGS);
	assert_true(str_copy_z(tag, d->tags[d->tag_n++], 40));
	return true;
}

static void on_response(struct ua *u, const struct sip_event *e, usec now)
{
	struct dial *d;

	if (e->cookie > 1000) {
		u->dials[e->cookie - 1001].bye_answers += e->msg->status >= 200;
		return;
	}
	if (!e->cookie) {
		u->registered = u->registered || e->msg->status == 200;
		return;
	}
	d = &u->dials[e->cookie - 1];
	if (e->msg->status < 200)
		return;
	d->status = e->msg->status;
	if (e->msg->status >= 300) {
		d->refusals++;
		return;
	}
	d->successes++;
	end_dialog(u, d, e, note_tag(d, sip_msg_to(e->msg)->tag), now);
}

/* ---- the service ---- */

static void pump(struct ua *u, usec now)
{
	static const struct sip_reply fine = { .status = 200 };
	struct sip_event e;

	while (sip_stack_next(u->stack, &e, now)) {
		if (e.kind == SIP_EVENT_REQUEST && e.msg->method == SIP_INVITE)
			on_invite(u, &e, now);
		else if (e.kind == SIP_EVENT_REQUEST)
			assert_int_equal(sip_stack_reply(u->stack, e.server, e.msg, &fine, false, now), ERR_NONE);
		else if (e.kind == SIP_EVENT_CANCEL)
			on_cancel(u, &e, now);
		else if (e.kind == SIP_EVENT_RESPONSE)
			on_response(u, &e, now);
		else if (e.kind == SIP_EVENT_TIMEOUT && e.cookie && e.cookie <= 1000)
			u->dials[e.cookie - 1].refusals++;
	}
}

static void ua_recv(void *self, const struct host_event *e, usec now)
{
	struct ua *u = self;

	if (u->dead && u->registered)
		return;
	sip_stack_recv(u->stack, e, now);
	pump(u, now);
}

static void ua_tick(void *self, usec now)
{
	struct ua *u = self;

	sip_stack_tick(u->stack, now);
	pump(u, now);
	if (u->user[0] && !u->registered && now >= u->register_at)
		say_hello(u, now);
	for (size_t i = 0; i < u->ring_n; i++) {
		struct ring *r = &u->rings[i];

		if (r->over)
			continue;
		if (now >= r->early_at) {
			r->early_at = USEC_NEVER;
			answer(u, r, r->early, now);
		}
		if (now >= r->final_at)
			answer(u, r, r->final, now);
	}
	if (now >= u->dial_at)
		begin_call(u, now);
	for (size_t i = 0; i < u->dial_n; i++)
		if (now >= u->dials[i].cancel_at) {
			u->dials[i].cancel_at = USEC_NEVER;
			sip_stack_cancel(u->stack, u->dials[i].client, now);
		}
	pump(u, now);
}

static usec ua_due(const void *self)
{
	const struct ua *u = self;
	usec due = usec_min(sip_stack_due(u->stack), u->dial_at);

	if (u->user[0] && !u->registered)
		due = usec_min(due, u->register_at);
	for (size_t i = 0; i < u->ring_n; i++)
		if (!u->rings[i].over)
			due = usec_min(due, usec_min(u->rings[i].early_at, u->rings[i].final_at));
	for (size_t i = 0; i < u->dial_n; i++)
		due = usec_min(due, u->dials[i].cancel_at);
	return due;
}

static bool ua_next(void *self, struct host_want *out)
{
	return sip_stack_want(((struct ua *)self)->stack, out);
}

static void ua_start(struct town *t, struct ua *u, struct addr at)
{
	struct sip_stack_config c = sip_stack_config_default();
	struct host_service s = { u, ua_recv, ua_tick, ua_due, ua_next, NULL };
	struct addr local = at;

	u->town = t;
	u->host = sim_host_new(t->world, u->user[0] ? u->user : "boss", &at, 1);
	assert_non_null(u->host);
	c.rng = sim_host_rng(u->host);
	c.id_first = 1;
	c.id_n = 1000;
	u->stack = sip_stack_new(&c);
	assert_non_null(u->stack);
	u->dial_at = u->register_at = USEC_NEVER;
	local.port = 5060;
	assert_int_not_equal(sip_stack_listen(u->stack, TRANSPORT_UDP, &local, 0, STR_NONE), 0);
	assert_int_not_equal(sim_host_add(u->host, &s, 0), UINT32_MAX);
}

static void wait_s(struct town *t, usec seconds)
{
	sim_run(t->world, sim_now(t->world) + seconds * USEC_PER_SEC);
}

static void open_town(struct town *t, uint64_t seed, unsigned workers)
{
	struct sim_setup setup = { .seed = seed, .sizes_only = true };

	memset(t, 0, sizeof(*t));
	setup.trace = getenv("SIM_TRACE") ? scenario_print : NULL;
	t->seed = seed;
	t->world = sim_new(&setup);
	assert_non_null(t->world);
	sim_link_default(t->world, &rough);
	t->pbx.open = true;
	exchange_start(&t->pbx, t->world, addr_v4(203, 0, 113, 10, 0), workers);
	wait_s(t, 1);
	ua_start(t, &t->caller, addr_v4(192, 0, 2, 200, 0));
	for (unsigned i = 0; i < PHONES; i++) {
		struct ua *u = &t->phones[i];

		u->number = i + 1;
		snprintf(u->user, sizeof(u->user), "user%u", 1 + i % USERS);
		u->q = 9 - (unsigned)(seed >> i & 3);
		u->dead = (seed * 31 >> i) % 7 == 0;
		if (i == PHONES - 1) { /* another flow of the one before: the same phone, the same user */
			u->second_flow = true;
			snprintf(u->user, sizeof(u->user), "%s", t->phones[i - 1].user);
		}
		ua_start(t, u, addr_v4(192, 0, 2, (uint8_t)(100 + i), 0));
		u->register_at = sim_now(t->world);
		sim_host_drain(u->host);
	}
	wait_s(t, 60);
	for (unsigned i = 0; i < PHONES; i++)
		assert_true(t->phones[i].registered);
}

static void close_town(struct town *t)
{
	sim_free(t->world);
	sip_stack_free(t->caller.stack);
	for (unsigned i = 0; i < PHONES; i++)
		sip_stack_free(t->phones[i].stack);
	exchange_free(&t->pbx);
}

#define must(t, what, n)                                                                                               \
	do {                                                                                                           \
		if (!(what))                                                                                           \
			fail_msg("seed %llu, number %zu: not so: %s", (unsigned long long)(t)->seed, (size_t)(n),      \
				 #what);                                                                               \
	} while (0)

static void check_calls(struct town *t)
{
	for (size_t i = 0; i < CALLS; i++) {
		const struct dial *d = &t->caller.dials[i];

		must(t, d->refusals <= 1, i);
		must(t, (d->successes > 0) != (d->refusals > 0), i); /* one class of final answer */
		must(t, d->byes == d->tag_n && d->bye_answers == d->byes, i);
	}
}

static void check_phones(struct town *t)
{
	struct sip_stack_stats stats;

	for (unsigned k = 0; k < PHONES; k++) {
		for (size_t i = 0; i < t->phones[k].ring_n; i++)
			must(t, t->phones[k].rings[i].over, k);
		sip_stack_stats(t->phones[k].stack, &stats);
		must(t, t->phones[k].dead || stats.transactions == 0, k);
	}
}

static void check_exchange(struct town *t)
{
	for (unsigned i = 0; i < t->pbx.worker_n; i++) {
		static struct pbx_figures figures;

		pbx_server_figures(t->pbx.workers[i], &figures);
		must(t, figures.server.jobs == 0, i);
		must(t, figures.sip.transactions == 0, i);
	}
}

static void a_day(uint64_t seed, unsigned workers, unsigned *answered, unsigned *twice)
{
	struct town *t = malloc(sizeof(*t));

	assert_non_null(t);
	open_town(t, seed, workers);
	t->caller.dial_at = sim_now(t->world);
	sim_host_drain(t->caller.host);
	sim_run(t->world, sim_now(t->world) + PATIENCE);
	check_calls(t);
	check_phones(t);
	check_exchange(t);
	for (size_t i = 0; i < CALLS; i++) {
		*answered += t->caller.dials[i].tag_n > 0;
		*twice += t->caller.dials[i].tag_n > 1;
	}
	close_town(t);
	free(t);
}

static void every_call_ends_and_no_phone_rings_on(void **state)
{
	const char *rounds = getenv("SIM_ROUNDS");
	uint64_t first = scenario_setup(4100).seed;
	unsigned n = rounds ? (unsigned)strtoul(rounds, NULL, 0) : 200, answered = 0, twice = 0;

	(void)state;
	for (unsigned i = 0; i < n; i++)
		a_day(first + i, i % 4 == 3 ? 3 : 1, &answered, &twice);
	printf("%u calls, %u answered, %u by two\n", n * CALLS, answered, twice);
	assert_true(answered > n * CALLS / 4); /* it is worth something */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_call_ends_and_no_phone_rings_on) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
