#include "sip/stack_parts.h"

#include <stdlib.h>

static void put_hex(char *out, uint64_t value)
{
	uint8_t bytes[8];

	for (int i = 7; i >= 0; i--, value >>= 8)
		bytes[i] = (uint8_t)value;
	buf_hex(bytes, sizeof(bytes), out);
}

static bool take_hex(const char *p, uint64_t *out)
{
	uint64_t value = 0;

	for (int i = 0; i < 16; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c >= '0' && c <= '9')
			value = value << 4 | (c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (c - 'a' + 10u);
		else
			return false;
	}
	*out = value;
	return true;
}

static uint64_t seal(const struct sip_stack *s, handle h)
{
	return sip_stack_hash(s, 1, str_of((const char *)&h, sizeof(h)));
}

size_t sip_tx_branch(const struct sip_stack *s, handle h, char out[SIP_TX_BRANCH_MAX])
{
	memcpy(out, SIP_VIA_COOKIE, 7);
	put_hex(out + 7, h);
	put_hex(out + 23, seal(s, h));
	return 39;
}

struct sip_tx *sip_tx_of_branch(const struct sip_stack *s, str branch)
{
	uint64_t h, mac;

	if (branch.n != 39 || memcmp(branch.p, SIP_VIA_COOKIE, 7) != 0 || !take_hex(branch.p + 7, &h) ||
	    !take_hex(branch.p + 23, &mac) || mac != seal(s, h))
		return NULL;
	return sip_tx_find(s, h);
}

void sip_tx_tag(const struct sip_stack *s, uint64_t seed, char out[SIP_TX_TAG_N])
{
	put_hex(out, sip_stack_hash(s, 2, str_of((const char *)&seed, sizeof(seed))));
}

uint64_t sip_tx_where(const struct sip_stack *s, const struct flow *flow)
{
	return flow->transport == TRANSPORT_UDP ? addr_hash(&flow->remote, s->key)
						: (flow->id + 1ull) * 0x9e3779b97f4a7c15u;
}

static void linger(struct sip_stack *s, struct sip_tx *tx, usec left)
{
	struct sip_tx_queue *q = &s->lingering[left > s->config.timing.t4 ? SIP_LINGER_LONG : SIP_LINGER_SHORT];

	heap_remove(&s->timers, &tx->timer);
	tx->queue = q;
	tx->older = q->newest;
	*(q->newest ? &q->newest->newer : &q->oldest) = tx;
	q->newest = tx;
}

static void unlinger(struct sip_tx *tx)
{
	struct sip_tx_queue *q = tx->queue;

	if (!q)
		return;
	*(tx->older ? &tx->older->newer : &q->oldest) = tx->newer;
	*(tx->newer ? &tx->newer->older : &q->newest) = tx->older;
	tx->queue = NULL;
}

/* The long ones first: they have had the most of their time. */
static bool make_room(struct sip_stack *s)
{
	for (int i = SIP_LINGER_N; i-- > 0;) {
		if (s->lingering[i].oldest) {
			s->stats.evicted++;
			sip_tx_free(s, s->lingering[i].oldest);
			return true;
		}
	}
	return false;
}

struct sip_tx *sip_tx_new(struct sip_stack *s, enum sip_tx_kind kind, enum sip_method method)
{
	struct sip_tx *tx;
	handle h;

	if (s->slab.n >= s->config.transaction_max && !make_room(s))
		return NULL;
	tx = slab_add(&s->slab, &h);
	if (!tx)
		return NULL;
	tx->self = h;
	tx->kind = (uint8_t)kind;
	tx->method = (uint8_t)method;
	return tx;
}

struct sip_tx *sip_tx_find(const struct sip_stack *s, handle h)
{
	return slab_find(&s->slab, h);
}

void sip_tx_wait(struct sip_stack *s, struct sip_tx *tx)
{
	/* Unmapped it only learns of a dead peer later, by its timer. */
	tx->mapped = map_add(&s->waiting, &tx->node, sip_tx_where(s, &tx->flow)) == ERR_NONE;
}

void sip_tx_unmap(struct sip_stack *s, struct sip_tx *tx)
{
	if (!tx->mapped)
		return;
	map_remove(tx->kind >= SIP_TX_SERVER ? &s->servers : &s->waiting, &tx->node);
	tx->mapped = false;
}

static void unhold(struct sip_stack *s, struct sip_tx *tx)
{
	if (tx->holding)
		map_remove(&s->held, &tx->held_node);
	tx->holding = false;
}

/* Its owner may end or displace any number of others while one event is in hand, or in a tick of his own. */
static void say_ended(struct sip_stack *s, const struct sip_tx *tx)
{
	struct sip_event e = { .kind = SIP_EVENT_ENDED, .cookie = tx->cookie, .flow = tx->flow };

	if (s->event_n < SIP_STACK_EVENTS / 2) {
		sip_stack_emit(s, &e);
		return;
	}
	if (s->ended_n == s->ended_cap) {
		size_t cap = s->ended_cap ? s->ended_cap * 2 : 64;
		struct sip_ended *ended = realloc(s->ended, cap * sizeof(*ended));

		if (!ended) {
			log_error(s->config.log, "sip.stack no memory", "for=ended");
			return;
		}
		s->ended = ended;
		s->ended_cap = cap;
	}
	s->ended[s->ended_n++] = (struct sip_ended){ tx->cookie, tx->flow };
}

void sip_tx_free(struct sip_stack *s, struct sip_tx *tx)
{
	struct sip_tx_ack *ack;
	struct sip_tx *cancel = tx->cancel ? sip_tx_find(s, tx->cancel) : NULL;

	if (cancel) /* its answers bear our branch and would not be known any more */
		sip_tx_free(s, cancel);
	if (tx->kind >= SIP_TX_SERVER && tx->cookie)
		say_ended(s, tx);
	heap_remove(&s->timers, &tx->timer);
	sip_tx_unmap(s, tx);
	unhold(s, tx);
	unlinger(tx);
	sip_blob_unref(tx->message);
	sip_blob_unref(tx->answer);
	sip_blob_unref(tx->cancel_lines);
	while ((ack = tx->acks)) {
		tx->acks = ack->next;
		sip_blob_unref(ack->blob);
		free(ack);
	}
	if (s->current == tx)
		s->current = NULL;
	slab_remove(&s->slab, tx->self);
}

void sip_stack_emit(struct sip_stack *s, const struct sip_event *e)
{
	if (s->event_n < SIP_STACK_EVENTS)
		s->events[s->event_n++] = *e;
}

enum err sip_stack_send(struct sip_stack *s, const struct flow *flow, struct sip_blob *blob, usec now)
{
	enum err err = sip_flows_send(&s->flows, flow, blob);

	if (err || flow->worker != s->config.worker) /* who holds the flow says so when it leaves there */
		return err;
	s->stats.sent++;
	if (s->config.tap)
		s->config.tap->message(s->config.tap->self, true, flow, sip_blob_str(blob), now);
	return ERR_NONE;
}

#define ROOM_MIN 4096 /* what most messages have room in */

struct buf sip_stack_room(struct sip_stack *s, const struct flow *flow)
{
	struct buf b = sip_flows_room(&s->flows, flow);

	if (b.cap < ROOM_MIN)
		buf_init(&b, s->scratch, sizeof(s->scratch));
	return b;
}

enum err sip_stack_send_text(struct sip_stack *s, const struct flow *flow, const struct buf *text, usec now)
{
	struct sip_blob *blob;
	enum err err;

	if (text->p == s->scratch) {
		blob = sip_blob_copy(buf_str(text));
		err = blob ? sip_stack_send(s, flow, blob, now) : ERR_MEMORY;
		sip_blob_unref(blob);
		return err;
	}
	err = sip_flows_send_text(&s->flows, flow, text);
	if (err)
		return err;
	s->stats.sent++;
	if (s->config.tap)
		s->config.tap->message(s->config.tap->self, true, flow, buf_str(text), now);
	return ERR_NONE;
}

/* ---- timers ---- */

static usec tx_due(const struct sip_tx *tx)
{
	switch (tx->kind) {
	case SIP_TX_CLIENT:
		return sip_client_due(&tx->machine.client);
	case SIP_TX_INVITE_CLIENT:
		return sip_invite_client_due(&tx->machine.invite_client);
	case SIP_TX_SERVER:
		return sip_server_due(&tx->machine.server);
	default:
		return sip_invite_server_due(&tx->machine.invite_server);
	}
}

static bool tx_lingers(const struct sip_tx *tx)
{
	switch (tx->kind) {
	case SIP_TX_CLIENT:
		return sip_client_lingers(&tx->machine.client);
	case SIP_TX_INVITE_CLIENT:
		return sip_invite_client_lingers(&tx->machine.invite_client);
	case SIP_TX_SERVER:
		return sip_server_lingers(&tx->machine.server);
	default:
		return sip_invite_server_lingers(&tx->machine.invite_server);
	}
}

/* An alarm that rings too early costs a look; moving it at every step would cost more. So it only moves forward. */
static void arm(struct sip_stack *s, struct sip_tx *tx)
{
	usec due = tx_due(tx);

	if (heap_has(&tx->timer) && tx->timer.due <= due)
		return;
	if (heap_set(&s->timers, &tx->timer, due)) {
		log_error(s->config.log, "sip.stack untimed", "transactions=%u", s->slab.n);
		sip_tx_free(s, tx); /* without a timer it would stay for ever */
	}
}

struct sip_tx *sip_tx_lingered(const struct sip_stack *s, usec now)
{
	for (int i = 0; i < SIP_LINGER_N; i++) {
		if (s->lingering[i].oldest && tx_due(s->lingering[i].oldest) <= now)
			return s->lingering[i].oldest;
	}
	return NULL;
}

usec sip_tx_linger_due(const struct sip_stack *s)
{
	usec due = USEC_NEVER;

	for (int i = 0; i < SIP_LINGER_N; i++) {
		if (s->lingering[i].oldest)
			due = usec_min(due, tx_due(s->lingering[i].oldest));
	}
	return due;
}

/* ---- what the machines want ---- */

static void tell(struct sip_stack *s, const struct sip_tx *tx, enum sip_event_kind kind)
{
	struct sip_event e = { .kind = kind, .cookie = tx->cookie, .flow = tx->flow };

	if (tx->quiet)
		return;
	s->figures.timeouts += kind == SIP_EVENT_TIMEOUT;
	s->figures.unreachable += kind == SIP_EVENT_UNREACHABLE;
	*(tx->kind >= SIP_TX_SERVER ? &e.server : &e.client) = tx->self;
	if (kind == SIP_EVENT_RESPONSE) {
		e.msg = &s->msg;
		e.flow = s->in_flow;
	}
	sip_stack_emit(s, &e);
}

/* RFC 6076: what a call that was asked for came to. */
static void count_attempt(struct sip_figures *f, struct sip_tx *tx, int status, usec span)
{
	if (status < 300 && !tx->rang)
		metric_observe(&f->session_delay[0], span);
	else if (!tx->rang && sip_outcome_of(status) != SIP_OUTCOME_CHALLENGED)
		metric_observe(&f->session_delay[1], span);
	tx->rang = true;
	if (status < 200)
		return;
	f->outcomes[sip_outcome_of(status)]++;
	tx->opens = false;
}

void sip_stack_count(struct sip_stack *s, enum sip_method method, int status, usec span)
{
	struct sip_figures *f = &s->figures;

	sip_figures_count(f->answers_out, status);
	if (method == SIP_REGISTER)
		sip_figures_count(f->register_answers, status);
	if (status < 200 || status > 299)
		return;
	if (method == SIP_REGISTER)
		metric_observe(&f->register_delay, span);
	else if (method == SIP_BYE)
		metric_observe(&f->disconnect_delay, span);
}

void sip_tx_count(struct sip_stack *s, struct sip_tx *tx, int status, usec now)
{
	tx->sent = false;
	if (tx->opens && status > 100)
		count_attempt(&s->figures, tx, status, now - tx->came);
	sip_stack_count(s, (enum sip_method)tx->method, status, now - tx->came);
}

static void send_request(struct sip_stack *s, struct sip_tx *tx, usec now)
{
	s->stats.repeats_out += tx->sent;
	tx->sent = true;
	if (tx->message && sip_stack_send(s, &tx->flow, tx->message, now))
		sip_tx_fail(s, tx);
}

static void send_answer(struct sip_stack *s, struct sip_tx *tx, usec now)
{
	struct flow flow = tx->flow;

	if (!tx->answer)
		return;
	s->stats.repeats_out += tx->sent;
	tx->sent = true;
	if (flow.transport == TRANSPORT_UDP)
		flow.remote.port = tx->answer_port;
	if (sip_stack_send(s, &flow, tx->answer, now) != ERR_CLOSED)
		return;
	/* 18.2.2: the connection is gone; one to the source address and the port of sent-by may do. */
	struct sip_target target = { .transport = flow.transport, .addr = flow.remote };
	target.addr.port = tx->answer_port;
	if (flow.transport == TRANSPORT_TCP) /* over TLS nobody has proved who is there, over WebSocket nobody is */
		flow = sip_flows_find(&s->flows, &target, now);
	if (!flow.transport || sip_stack_send(s, &flow, tx->answer, now))
		log_info(s->config.log, "sip.stack unanswerable", "call=" STR_FMT " port=%u",
			 STR_ARG(str_head(sip_transport_call_id(sip_blob_str(tx->answer)), 200)), tx->answer_port);
	else
		tx->flow = flow;
}

static void send_trying(struct sip_stack *s, struct sip_tx *tx, usec now)
{
	struct buf out;

	buf_init(&out, s->scratch, sizeof(s->scratch));
	if (!sip_stack_reparse(s, tx) || sip_reply_write(&s->side, &(struct sip_reply){ .status = 100 }, &out))
		return;
	sip_blob_set(&tx->answer, sip_blob_copy(buf_str(&out)));
	sip_tx_count(s, tx, 100, now);
	send_answer(s, tx, now);
}

/* 17.1.1.3; kept, for the final answer may be repeated. */
static void send_ack(struct sip_stack *s, struct sip_tx *tx, usec now)
{
	struct buf out;

	if (!tx->answer) {
		buf_init(&out, s->scratch, sizeof(s->scratch));
		if (!sip_stack_reparse(s, tx) ||
		    sip_request_write_derived(&s->side, SIP_ACK, sip_msg_value(&s->msg, SIP_TO), STR_NONE, &out))
			return;
		tx->answer = sip_blob_copy(buf_str(&out));
		sip_blob_set(&tx->message, NULL);
	}
	if (tx->answer && sip_stack_send(s, &tx->flow, tx->answer, now))
		log_debug(s->config.log, "sip.stack unacknowledged", "call=" STR_FMT " stream=%u",
			  STR_ARG(str_head(sip_transport_call_id(sip_blob_str(tx->answer)), 200)), tx->flow.id);
}

/* 9.1: the same flow, branch and Via, but a transaction of its own. */
static void send_cancel(struct sip_stack *s, struct sip_tx *invite, usec now)
{
	struct buf out;
	struct sip_tx *tx;

	buf_init(&out, s->scratch, sizeof(s->scratch));
	str lines = invite->cancel_lines ? sip_blob_str(invite->cancel_lines) : STR_NONE;
	if (!sip_stack_reparse(s, invite) || sip_request_write_derived(&s->side, SIP_CANCEL, STR_NONE, lines, &out))
		return;
	tx = sip_tx_new(s, SIP_TX_CLIENT, SIP_CANCEL);
	if (!tx)
		return;
	tx->message = sip_blob_copy(buf_str(&out));
	tx->flow = invite->flow;
	tx->quiet = true;
	invite->cancel = tx->self;
	sip_client_start(&tx->machine.client, &s->config.timing, transport_is_reliable(tx->flow.transport), now);
	sip_tx_wait(s, tx);
	sip_tx_run(s, tx, now);
}

/* An INVITE that rings is not said again: what CANCEL and ACK are made of is enough. */
static void shorten(struct sip_stack *s, struct sip_tx *tx)
{
	struct sip_blob *b;
	struct buf out;

	if (tx->short_enough || !tx->message)
		return;
	tx->short_enough = true;
	buf_init(&out, s->scratch, sizeof(s->scratch));
	if (!sip_stack_reparse(s, tx) || sip_request_write_derived(&s->side, SIP_INVITE, STR_NONE, STR_NONE, &out) ||
	    out.n >= tx->message->n || !(b = sip_blob_copy(buf_str(&out))))
		return;
	sip_blob_set(&tx->message, b);
}

/* true: the transaction has ended. */
static bool run_client(struct sip_stack *s, struct sip_tx *tx, usec now)
{
	for (;;) {
		switch (sip_client_next(&tx->machine.client)) {
		case SIP_CLIENT_SEND:
			send_request(s, tx, now);
			break;
		case SIP_CLIENT_GIVE:
			tell(s, tx, SIP_EVENT_RESPONSE);
			break;
		case SIP_CLIENT_TIMEOUT:
			tell(s, tx, SIP_EVENT_TIMEOUT);
			break;
		case SIP_CLIENT_UNREACHABLE:
			tell(s, tx, SIP_EVENT_UNREACHABLE);
			break;
		case SIP_CLIENT_END:
			return true;
		case SIP_CLIENT_QUIET:
			return false;
		}
	}
}

static bool run_invite_client(struct sip_stack *s, struct sip_tx *tx, usec now)
{
	for (;;) {
		switch (sip_invite_client_next(&tx->machine.invite_client)) {
		case SIP_INVITE_CLIENT_SEND:
			send_request(s, tx, now);
			break;
		case SIP_INVITE_CLIENT_GIVE:
			tell(s, tx, SIP_EVENT_RESPONSE);
			break;
		case SIP_INVITE_CLIENT_ACK:
			send_ack(s, tx, now);
			break;
		case SIP_INVITE_CLIENT_CANCEL:
			send_cancel(s, tx, now);
			break;
		case SIP_INVITE_CLIENT_TIMEOUT:
			tell(s, tx, SIP_EVENT_TIMEOUT);
			break;
		case SIP_INVITE_CLIENT_UNREACHABLE:
			tell(s, tx, SIP_EVENT_UNREACHABLE);
			break;
		case SIP_INVITE_CLIENT_END:
			return true;
		case SIP_INVITE_CLIENT_QUIET:
			if (sip_invite_client_accepted(&tx->machine.invite_client))
				sip_blob_set(&tx->message, NULL);
			else if (sip_invite_client_proceeds(&tx->machine.invite_client))
				shorten(s, tx);
			return false;
		}
	}
}

static bool run_server(struct sip_stack *s, struct sip_tx *tx, usec now)
{
	for (;;) {
		switch (sip_server_next(&tx->machine.server)) {
		case SIP_SERVER_ANSWER:
			send_answer(s, tx, now);
			break;
		case SIP_SERVER_TRYING:
			send_trying(s, tx, now);
			break;
		case SIP_SERVER_END:
			return true;
		case SIP_SERVER_QUIET:
			return false;
		}
	}
}

static bool run_invite_server(struct sip_stack *s, struct sip_tx *tx, usec now)
{
	for (;;) {
		switch (sip_invite_server_next(&tx->machine.invite_server)) {
		case SIP_INVITE_SERVER_ANSWER:
			send_answer(s, tx, now);
			break;
		case SIP_INVITE_SERVER_TRYING:
			send_trying(s, tx, now);
			break;
		case SIP_INVITE_SERVER_UNACKED:
			tell(s, tx, SIP_EVENT_UNACKED);
			break;
		case SIP_INVITE_SERVER_END:
			return true;
		case SIP_INVITE_SERVER_QUIET:
			if (!sip_invite_server_open(&tx->machine.invite_server))
				sip_blob_set(&tx->message, NULL);
			return false;
		}
	}
}

void sip_tx_run(struct sip_stack *s, struct sip_tx *tx, usec now)
{
	bool over;

	switch (tx->kind) {
	case SIP_TX_CLIENT:
		over = run_client(s, tx, now);
		break;
	case SIP_TX_INVITE_CLIENT:
		over = run_invite_client(s, tx, now);
		break;
	case SIP_TX_SERVER:
		over = run_server(s, tx, now);
		break;
	default:
		over = run_invite_server(s, tx, now);
		break;
	}
	if (over) {
		sip_tx_free(s, tx);
		return;
	}
	if (tx->queue)
		return;
	if (!tx_lingers(tx)) {
		arm(s, tx);
		return;
	}
	if (tx->kind == SIP_TX_CLIENT)
		sip_blob_set(&tx->message, NULL);
	linger(s, tx, tx_due(tx) - now);
}

/* 18.1.1: too long for UDP, no TCP there: UDP it is, from the beginning. */
static bool fall_back(struct sip_stack *s, struct sip_tx *tx, usec now)
{
	struct flow from = tx->flow;
	struct sip_target target = { .transport = TRANSPORT_UDP, .addr = tx->flow.remote };

	if (!tx->may_udp || !tx->mapped || !tx->message)
		return false;
	sip_tx_unmap(s, tx);
	tx->may_udp = false;
	tx->flow = sip_flows_find(&s->flows, &target, now);
	if (!tx->flow.transport || sip_stack_move_via(s, tx, &from))
		return false;
	sip_tx_wait(s, tx);
	/* The timers go on from where the attempt over TCP began; the next repeat, now, is the first datagram. */
	if (tx->kind == SIP_TX_CLIENT) {
		tx->machine.client.reliable = false;
		tx->machine.client.repeat_at = 0;
	} else {
		tx->machine.invite_client.reliable = false;
		tx->machine.invite_client.repeat_at = 0;
	}
	return true;
}

static void failed(struct sip_stack *s, struct sip_tx *tx, usec now)
{
	tx->failed = false;
	if (fall_back(s, tx, now))
		return;
	sip_tx_unmap(s, tx);
	if (tx->kind == SIP_TX_CLIENT)
		sip_client_fail(&tx->machine.client);
	else if (tx->kind == SIP_TX_INVITE_CLIENT)
		sip_invite_client_fail(&tx->machine.invite_client);
}

void sip_tx_fail(struct sip_stack *s, struct sip_tx *tx)
{
	tx->failed = true;
	if (heap_set(&s->timers, &tx->timer, 0)) /* at once, but not in the middle of a TU's call */
		log_error(s->config.log, "sip.stack untimed", "transactions=%u", s->slab.n);
}

void sip_tx_tick(struct sip_stack *s, struct sip_tx *tx, usec now)
{
	if (tx->failed)
		failed(s, tx, now);
	switch (tx->kind) {
	case SIP_TX_CLIENT:
		sip_client_tick(&tx->machine.client, now);
		break;
	case SIP_TX_INVITE_CLIENT:
		sip_invite_client_tick(&tx->machine.invite_client, now);
		break;
	case SIP_TX_SERVER:
		sip_server_tick(&tx->machine.server, now);
		break;
	default:
		sip_invite_server_tick(&tx->machine.invite_server, now);
		break;
	}
	sip_tx_run(s, tx, now);
}
