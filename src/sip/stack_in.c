#include "sip/stack_parts.h"

bool sip_stack_reparse(struct sip_stack *s, struct sip_tx *tx)
{
	if (!tx->message)
		return false;
	arena_reset(&s->side_arena);
	if (sip_msg_parse(&s->side, &s->side_arena, sip_blob_str(tx->message)))
		return false;
	if (tx->kind >= SIP_TX_SERVER) {
		sip_msg_stamp(&s->side, &tx->flow.remote);
		s->side.oc = str_of(s->oc, s->oc_n);
	}
	return true;
}

/* ---- answers without a transaction ---- */

/* 8.2.7: the same request gets the same tag. */
void sip_stack_in_tag(struct sip_stack *s, struct sip_msg *msg, char out[SIP_TX_TAG_N])
{
	uint64_t seed = s->in_key;

	if (!seed || msg != &s->msg)
		seed = sip_stack_hash(s, sip_stack_hash(s, 3, sip_msg_call_id(msg)), sip_msg_value(msg, SIP_CSEQ));
	sip_tx_tag(s, seed, out);
}

struct flow sip_stack_in_back(const struct sip_stack *s, struct sip_msg *msg)
{
	const struct sip_via *via = sip_msg_via(msg);
	struct flow flow = s->in_flow;

	if (flow.transport == TRANSPORT_UDP && via) /* a Via that cannot be read: back to where it came from */
		flow.remote = sip_transport_answer_to(via, &s->in_flow.remote);
	return flow;
}

static void refuse_with(struct sip_stack *s, struct sip_msg *msg, const struct sip_reply *what, usec now)
{
	struct sip_reply reply = *what;
	char tag[SIP_TX_TAG_N];
	struct flow flow;
	struct buf out;
	enum err err;

	if (msg->method == SIP_ACK)
		return;
	sip_stack_in_tag(s, msg, tag);
	reply.to_tag = str_of(tag, sizeof(tag));
	flow = sip_stack_in_back(s, msg);
	out = sip_stack_room(s, &flow);
	err = sip_reply_write(msg, &reply, &out);
	if (err && out.p != s->scratch) { /* a long one */
		buf_init(&out, s->scratch, sizeof(s->scratch));
		err = sip_reply_write(msg, &reply, &out);
	}
	if (!err && sip_stack_send_text(s, &flow, &out, now))
		log_debug(s->config.log, "sip.stack mute", "call=" STR_FMT " status=%d", STR_ARG(sip_msg_log_id(msg)),
			  reply.status);
}

static void refuse(struct sip_stack *s, struct sip_msg *msg, int status, const char *why, str lines, usec now)
{
	if (msg->method != SIP_ACK)
		sip_figures_count(s->figures.answers_out, status);
	refuse_with(s, msg, &(struct sip_reply){ .status = status, .reason = str_from(why), .lines = lines }, now);
}

enum err sip_stack_refuse(struct sip_stack *s, handle server, struct sip_msg *request, const struct sip_reply *reply,
			  usec now)
{
	struct sip_tx *tx = server ? sip_tx_find(s, server) : NULL;

	if (!server && s->config.lazy && request == &s->msg) {
		sip_stack_count(s, (enum sip_method)request->method, reply->status, 0);
		refuse_with(s, request, reply, now);
		return ERR_NONE;
	}
	if (!tx || tx->kind < SIP_TX_SERVER)
		return ERR_ABSENT;
	sip_tx_count(s, tx, reply->status, now);
	refuse_with(s, request, reply, now);
	tx->cookie = 0; /* the TU knows */
	sip_tx_free(s, tx);
	return ERR_NONE;
}

static void refuse_busy(struct sip_stack *s, struct sip_msg *msg, uint32_t after, usec now)
{
	char line[32];
	struct buf out;

	buf_init(&out, line, sizeof(line));
	buf_put(&out, STR("Retry-After: "));
	buf_put_u64(&out, after);
	refuse(s, msg, 503, NULL, buf_str(&out), now);
}

/* 21.5.4; spread out, so that they do not all come back at once. */
static void refuse_full(struct sip_stack *s, struct sip_msg *msg, usec now)
{
	s->stats.refused_full++;
	refuse_busy(s, msg, 2 + rng_below(s->config.rng, 9), now);
}

/* true: it may come in; else it was answered, or never came. */
static bool passes_gate(struct sip_stack *s, usec now)
{
	const struct sip_gate *gate = s->config.gate;
	uint32_t after = 0;

	if (!gate)
		return true;
	enum sip_gate_answer answer = gate->request(gate->self, &s->msg, &s->in_flow, &after, now);
	s->msg.oc = str_of(s->oc, s->oc_n); /* it may have said another load */
	switch (answer) {
	case SIP_GATE_OPEN:
		return true;
	case SIP_GATE_BUSY:
		s->stats.gate_busy++;
		refuse_busy(s, &s->msg, after, now);
		return false;
	case SIP_GATE_DROP:
		break;
	}
	s->stats.gate_dropped++;
	return false;
}

/* ---- matching (17.2.3) ---- */

static uint64_t server_key(struct sip_stack *s, struct sip_msg *msg, const struct sip_via *via)
{
	uint64_t h;

	if (sip_via_is_unique(via)) {
		h = str_hash_nocase(via->host, (const uint64_t[2]){ s->key[0], s->key[1] });
		return sip_stack_hash(s, h + via->port, via->branch);
	}
	/* An RFC 2543 client: the request itself is its name. To is left out: its tag differs between INVITE and ACK.
	 */
	const struct sip_address *from = sip_msg_from(msg);
	const struct sip_cseq *cseq = sip_msg_cseq(msg);
	h = sip_stack_hash(s, cseq ? cseq->number : 0, msg->uri_text);
	h = sip_stack_hash(s, h, from ? from->tag : STR_NONE);
	h = sip_stack_hash(s, h, sip_msg_call_id(msg));
	return sip_stack_hash(s, h, via->text);
}

static struct sip_tx *find_server(struct sip_stack *s, uint64_t key, enum sip_method method)
{
	if (method == SIP_ACK)
		method = SIP_INVITE;
	for (struct map_node *n = map_first(&s->servers, key); n; n = map_next(n)) {
		struct sip_tx *tx = map_of(n, struct sip_tx, node);

		if (tx->method == method)
			return tx;
	}
	return NULL;
}

/* Which 2xx an ACK acknowledges: dialog and CSeq number. */
uint64_t sip_stack_held_key(const struct sip_stack *s, struct sip_msg *msg)
{
	const struct sip_address *from = sip_msg_from(msg), *to = sip_msg_to(msg);
	const struct sip_cseq *cseq = sip_msg_cseq(msg);
	uint64_t h = sip_stack_hash(s, cseq ? cseq->number : 0, sip_msg_call_id(msg));

	h = sip_stack_hash(s, h, from ? from->tag : STR_NONE);
	return sip_stack_hash(s, h, to ? to->tag : STR_NONE);
}

/* ---- requests ---- */

static void emit_request(struct sip_stack *s, enum sip_event_kind kind, const struct sip_tx *tx)
{
	sip_stack_emit(s, &(struct sip_event){ .kind = kind,
					       .server = tx ? tx->self : 0,
					       .cookie = tx ? tx->cookie : 0,
					       .msg = &s->msg,
					       .flow = s->in_flow,
					       .key = s->in_key });
}

static struct sip_tx *new_server(struct sip_stack *s, uint64_t key, usec now)
{
	bool invite = s->msg.method == SIP_INVITE;
	bool reliable = transport_is_reliable(s->in_flow.transport);
	const struct sip_via *via = sip_msg_via(&s->msg);
	struct sip_tx *tx = sip_tx_new(s, invite ? SIP_TX_INVITE_SERVER : SIP_TX_SERVER, s->msg.method);

	if (!tx)
		return NULL;
	tx->flow = s->in_flow;
	tx->came = now;
	tx->hears_load = via->has_oc;
	tx->opens = invite && sip_msg_to(&s->msg) && !sip_msg_to(&s->msg)->tag.n;
	tx->answer_port = reliable ? sip_via_port(via) : sip_transport_answer_to(via, &s->in_flow.remote).port;
	tx->mapped = map_add(&s->servers, &tx->node, key) == ERR_NONE;
	if (invite)
		tx->message = sip_blob_copy(s->msg.text);
	if (!tx->mapped || (invite && !tx->message)) {
		sip_tx_free(s, tx);
		return NULL;
	}
	if (invite)
		sip_invite_server_start(&tx->machine.invite_server, &s->config.timing, reliable, now);
	else
		sip_server_start(&tx->machine.server, &s->config.timing, reliable, now);
	sip_tx_run(s, tx, now);
	return tx;
}

static void on_ack(struct sip_stack *s, uint64_t key, usec now)
{
	struct sip_tx *tx = find_server(s, key, SIP_INVITE);

	if (tx && !sip_invite_server_accepted(&tx->machine.invite_server)) {
		if (sip_invite_server_ack(&tx->machine.invite_server, now))
			sip_tx_run(s, tx, now);
		else
			s->stats.repeats_in++;
		return;
	}
	if (sip_msg_check(&s->msg))
		return;
	struct map_node *held = map_first(&s->held, sip_stack_held_key(s, &s->msg));
	if (!held) {
		emit_request(s, SIP_EVENT_ACK, NULL);
		return;
	}
	tx = map_of(held, struct sip_tx, held_node);
	emit_request(s, SIP_EVENT_ACK, tx);
	map_remove(&s->held, &tx->held_node);
	tx->holding = false;
	if (sip_invite_server_ack(&tx->machine.invite_server, now))
		sip_tx_run(s, tx, now);
}

/* 9.2: a transaction of its own, answered here; what it is about the TU hears. */
static void on_cancel(struct sip_stack *s, uint64_t key, usec now)
{
	struct sip_tx *invite = find_server(s, key, SIP_INVITE);
	handle about = invite ? invite->self : 0;
	struct sip_tx *tx = new_server(s, key, now);
	struct sip_reply reply = { .status = about ? 200 : 481 };
	char tag[SIP_TX_TAG_N];

	if (!tx) {
		refuse_full(s, &s->msg, now);
		return;
	}
	sip_tx_tag(s, about ? about : tx->self, tag);
	reply.to_tag = str_of(tag, sizeof(tag));
	if (sip_stack_reply(s, tx->self, &s->msg, &reply, false, now))
		log_debug(s->config.log, "sip.stack mute", "call=" STR_FMT " status=%d",
			  STR_ARG(sip_msg_log_id(&s->msg)), reply.status);
	invite = about ? sip_tx_find(s, about) : NULL; /* making room may have ended it */
	if (invite && sip_invite_server_open(&invite->machine.invite_server))
		emit_request(s, SIP_EVENT_CANCEL, invite);
}

static void on_request(struct sip_stack *s, usec now)
{
	const struct sip_via *via = sip_msg_via(&s->msg);
	struct sip_tx *tx;
	uint64_t key;

	if (!via) {
		s->stats.malformed++;
		if (sip_msg_check(&s->msg) &&
		    (s->config.stateless || passes_gate(s, now))) /* it has no Via that could be read */
			refuse(s, &s->msg, s->msg.fault.status, s->msg.fault.why, STR_NONE, now);
		return;
	}
	if (s->in_flow.transport == TRANSPORT_TLS && sip_param_find(via->params, STR("alias"), NULL))
		sip_flows_alias(&s->flows, &s->in_flow, sip_via_port(via));
	if (s->config.stateless) {
		if (sip_msg_check(&s->msg))
			refuse(s, &s->msg, s->msg.fault.status, s->msg.fault.why, STR_NONE, now);
		else
			emit_request(s, s->msg.method == SIP_ACK ? SIP_EVENT_ACK : SIP_EVENT_REQUEST, NULL);
		return;
	}
	s->in_key = key = server_key(s, &s->msg, via);
	if (s->msg.method == SIP_ACK) {
		on_ack(s, key, now);
		return;
	}
	tx = find_server(s, key, s->msg.method);
	if (tx) {
		s->stats.repeats_in++;
		if (tx->kind == SIP_TX_INVITE_SERVER)
			sip_invite_server_repeat(&tx->machine.invite_server, now);
		else
			sip_server_repeat(&tx->machine.server, now);
		sip_tx_run(s, tx, now);
		return;
	}
	if (sip_msg_check(&s->msg)) {
		s->stats.malformed++;
		if (passes_gate(s, now))
			refuse(s, &s->msg, s->msg.fault.status, s->msg.fault.why, STR_NONE, now);
		return;
	}
	if (!(s->msg.method == SIP_CANCEL && find_server(s, key, SIP_INVITE)) && !passes_gate(s, now))
		return;
	if (s->msg.method == SIP_CANCEL) {
		on_cancel(s, key, now);
		return;
	}
	if (s->config.lazy && s->msg.method != SIP_INVITE)
		emit_request(s, SIP_EVENT_REQUEST, NULL);
	else if (sip_stack_begin(s, now))
		emit_request(s, SIP_EVENT_REQUEST, s->current);
}

handle sip_stack_begin(struct sip_stack *s, usec now)
{
	s->current = new_server(s, s->in_key, now);
	if (s->current)
		return s->current->self;
	refuse_full(s, &s->msg, now);
	return 0;
}

/* ---- responses (17.1.3) ---- */

static bool repeated_2xx(struct sip_stack *s, struct sip_tx *tx, usec now)
{
	const struct sip_address *to = sip_msg_to(&s->msg);
	uint64_t tag = to ? sip_stack_hash(s, 4, to->tag) : 0;

	if (s->msg.status < 200 || s->msg.status > 299)
		return false;
	for (struct sip_tx_ack *a = tx->acks; a; a = a->next) {
		if (a->tag != tag)
			continue;
		s->stats.repeats_in++;
		if (sip_stack_send(s, &a->flow, a->blob, now))
			log_debug(s->config.log, "sip.stack unacknowledged", "call=" STR_FMT " stream=%u",
				  STR_ARG(sip_msg_log_id(&s->msg)), a->flow.id);
		return true;
	}
	return false;
}

static void on_response(struct sip_stack *s, usec now)
{
	const struct sip_via *via = sip_msg_via(&s->msg);
	const struct sip_cseq *cseq = sip_msg_cseq(&s->msg);
	struct sip_tx *tx;

	if (!via || !cseq || sip_msg_check(&s->msg)) {
		s->stats.malformed++;
		return;
	}
	sip_figures_count(s->figures.answers_in, s->msg.status);
	tx = sip_tx_of_branch(s, via->branch);
	if (tx && cseq->method == SIP_CANCEL && tx->cancel)
		tx = sip_tx_find(s, tx->cancel);
	if (!tx || tx->kind >= SIP_TX_SERVER || tx->method != cseq->method) {
		sip_stack_emit(s, &(struct sip_event){ .kind = SIP_EVENT_STRAY, .msg = &s->msg, .flow = s->in_flow });
		return;
	}
	sip_tx_unmap(s, tx);
	tx->failed = false;
	if (tx->kind == SIP_TX_CLIENT) {
		sip_client_answer(&tx->machine.client, s->msg.status, now);
	} else {
		if (repeated_2xx(s, tx, now))
			return;
		sip_invite_client_answer(&tx->machine.invite_client, s->msg.status, now);
	}
	sip_tx_run(s, tx, now);
}

/* ---- both ---- */

static bool parse(struct sip_stack *s, const struct flow *flow, str bytes)
{
	enum err err;

	arena_reset(&s->arena);
	s->in_flow = *flow;
	s->current = NULL;
	s->in_key = 0;
	err = sip_msg_parse(&s->msg, &s->arena, bytes);
	if (err && (err == ERR_ABSENT || err == ERR_MEMORY || !s->msg.is_request)) {
		s->stats.malformed += err != ERR_ABSENT;
		return false;
	}
	if (s->msg.is_request) {
		sip_msg_stamp(&s->msg, &flow->remote);
		s->msg.oc = str_of(s->oc, s->oc_n);
	}
	return true;
}

/* A message for another worker (design: a call lives on one, chosen by its Call-ID). */
static bool foreign(struct sip_stack *s, const struct flow *flow, str bytes)
{
	uint16_t worker;

	if (s->config.worker_n <= 1 || flow->worker != s->config.worker)
		return false;
	worker = sip_transport_worker(sip_transport_call_id(bytes), s->config.worker_n);
	if (worker == s->config.worker)
		return false;
	sip_stack_emit(
		s, &(struct sip_event){ .kind = SIP_EVENT_FOREIGN, .flow = *flow, .bytes = bytes, .worker = worker });
	return true;
}

void sip_stack_in(struct sip_stack *s, const struct flow *flow, str bytes, usec now)
{
	if (foreign(s, flow, bytes) || !parse(s, flow, bytes))
		return;
	s->stats.received++;
	if (s->config.tap)
		s->config.tap->message(s->config.tap->self, false, flow, s->msg.text, now);
	if (s->msg.is_request)
		s->figures.requests_in[s->msg.method][flow->transport]++;
	if (s->msg.is_request)
		on_request(s, now);
	else
		on_response(s, now);
}

void sip_stack_in_broken(struct sip_stack *s, const struct flow *flow, str head, usec now)
{
	s->stats.malformed++;
	if (head.n && parse(s, flow, head) && s->msg.is_request && (s->config.stateless || passes_gate(s, now)))
		refuse(s, &s->msg, s->msg.fault.status ? s->msg.fault.status : 400,
		       s->msg.fault.why ? s->msg.fault.why : "Bad Request - No usable Content-Length", STR_NONE, now);
	sip_flows_deafen(&s->flows, flow, now);
}
