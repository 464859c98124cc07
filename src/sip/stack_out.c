#include "sip/stack_parts.h"

#include <stdlib.h>

/* ---- writing ---- */

void sip_stack_via(const struct sip_stack *s, const struct flow *flow, str branch, str params, struct buf *out)
{
	buf_put(out, STR("Via: SIP/2.0/"));
	buf_put(out, transport_name(flow->transport));
	buf_put_char(out, ' ');
	sip_flows_sent_by(&s->flows, flow, out);
	buf_put(out, STR(";branch="));
	buf_put(out, branch);
	if (flow->transport == TRANSPORT_UDP)
		buf_put(out, STR(";rport")); /* RFC 3581 3. */
	else if (sip_flows_wants_alias(&s->flows, flow))
		buf_put(out, STR(";alias")); /* RFC 5923 */
	buf_put(out, params);
	buf_put(out, STR("\r\n"));
}

static void put_text(str text, str via, struct buf *out)
{
	size_t line = via.n ? str_find(text, STR("\r\n")) + 2 : 0;

	buf_put(out, str_head(text, line));
	buf_put(out, via);
	buf_put(out, str_skip(text, line));
}

/* The draft, with `via` (a line with CRLF, or empty) on top; no longer than it is, since it may be kept for long. */
static struct sip_blob *write_draft(struct sip_stack *s, const struct sip_draft *d, str via)
{
	struct sip_edits none;
	struct sip_edits *edits = d->edits ? d->edits : &none;
	struct buf out;

	buf_init(&out, s->scratch, sizeof(s->scratch));
	if (d->text.n) {
		put_text(d->text, via, &out);
	} else if (d->msg) {
		sip_edits_init(&none);
		if (via.n)
			sip_edits_note(edits, SIP_EDIT_PREPEND, SIP_VIA, str_head(via, via.n - 2));
		if (sip_edits_write(d->msg, edits, &out))
			out.err = ERR_FULL;
	}
	return buf_ok(&out) && out.n ? sip_blob_copy(buf_str(&out)) : NULL;
}

enum err sip_stack_move_via(struct sip_stack *s, struct sip_tx *tx, const struct flow *from)
{
	char branch[SIP_TX_BRANCH_MAX], line[SIP_FLOWS_SENT_BY + 256];
	str old = sip_blob_str(tx->message), mark = str_of(branch, sip_tx_branch(s, tx->self, branch));
	size_t at = str_find(old, mark), end;
	struct sip_blob *b;
	struct buf out;

	if (at == old.n)
		return ERR_ABSENT;
	end = at + mark.n;
	if (from->transport == TRANSPORT_UDP && str_starts(str_skip(old, end), STR(";rport")))
		end += 6;
	while (at && old.p[at - 1] != '\n')
		at--;
	buf_init(&out, line, sizeof(line));
	sip_stack_via(s, &tx->flow, mark, STR_NONE, &out);
	b = sip_blob_new(old.n + out.n);
	if (!b || !buf_ok(&out)) {
		sip_blob_unref(b);
		return ERR_MEMORY;
	}
	struct buf text = sip_blob_buf(b);
	buf_put(&text, str_head(old, at));
	buf_put(&text, str_head(buf_str(&out), out.n - 2));
	buf_put(&text, str_skip(old, end));
	if (!sip_blob_wrote(b, &text)) {
		sip_blob_unref(b);
		return ERR_FULL;
	}
	sip_blob_set(&tx->message, b);
	return ERR_NONE;
}

/* ---- requests ---- */

static enum sip_method draft_method(const struct sip_draft *d)
{
	str method = d->text;

	if (!d->text.n)
		return d->msg ? d->msg->method : SIP_METHOD_OTHER;
	method.n = str_find_char(method, ' ');
	return sip_method_find(method);
}

/* 18.1.1: longer than fits a datagram for sure: TCP, where nobody demanded UDP. */
static void lengthen(struct sip_stack *s, struct sip_tx *tx, const struct sip_target *to, usec now)
{
	struct flow udp = tx->flow;
	struct sip_target target = { .transport = TRANSPORT_TCP, .addr = tx->flow.remote };

	if (!to->may_tcp || udp.transport != TRANSPORT_UDP || tx->message->n <= SIP_TRANSPORT_DATAGRAM_MAX)
		return;
	tx->flow = sip_flows_find(&s->flows, &target, now);
	if (!tx->flow.transport || sip_stack_move_via(s, tx, &udp))
		tx->flow = udp;
	else
		tx->may_udp = true;
}

handle sip_stack_request(struct sip_stack *s, const struct sip_outgoing *o, usec now)
{
	enum sip_method method = draft_method(&o->draft);
	bool invite = method == SIP_INVITE, reliable;
	struct flow flow = sip_flows_find(&s->flows, &o->target, now);
	struct sip_tx *tx;
	char branch[SIP_TX_BRANCH_MAX], via[SIP_FLOWS_SENT_BY + 512];
	struct buf out;

	if (!flow.transport || method == SIP_ACK || method == SIP_CANCEL)
		return 0;
	tx = sip_tx_new(s, invite ? SIP_TX_INVITE_CLIENT : SIP_TX_CLIENT, method);
	if (!tx)
		return 0;
	tx->flow = flow;
	tx->cookie = o->cookie;
	buf_init(&out, via, sizeof(via));
	sip_stack_via(s, &flow, str_of(branch, sip_tx_branch(s, tx->self, branch)), o->via_params, &out);
	tx->message = buf_ok(&out) ? write_draft(s, &o->draft, buf_str(&out)) : NULL;
	if (!tx->message) {
		sip_tx_free(s, tx);
		return 0;
	}
	lengthen(s, tx, &o->target, now);
	s->figures.requests_out[method][tx->flow.transport]++;
	reliable = transport_is_reliable(tx->flow.transport);
	if (invite)
		sip_invite_client_start(&tx->machine.invite_client, &s->config.timing, reliable, o->ring_for, now);
	else
		sip_client_start(&tx->machine.client, &s->config.timing, reliable, now);
	sip_tx_wait(s, tx);
	handle h = tx->self;
	sip_tx_run(s, tx, now);
	return h;
}

void sip_stack_cancel(struct sip_stack *s, handle client, usec now)
{
	sip_stack_cancel_with(s, client, STR_NONE, now);
}

void sip_stack_cancel_with(struct sip_stack *s, handle client, str lines, usec now)
{
	struct sip_tx *tx = sip_tx_find(s, client);

	if (!tx || tx->kind != SIP_TX_INVITE_CLIENT)
		return;
	if (lines.n)
		sip_blob_set(&tx->cancel_lines, sip_blob_copy(lines));
	sip_invite_client_cancel(&tx->machine.invite_client, now);
	sip_tx_run(s, tx, now);
}

/* ---- without a transaction ---- */

static enum err send_once(struct sip_stack *s, const struct sip_outgoing *o, str branch, struct flow *used,
			  struct sip_blob **sent, usec now)
{
	struct flow flow = sip_flows_find(&s->flows, &o->target, now);
	char via[SIP_FLOWS_SENT_BY + 512];
	struct sip_blob *b;
	struct buf out;
	enum err err;

	if (!flow.transport)
		return ERR_UNREACHABLE;
	buf_init(&out, via, sizeof(via));
	sip_stack_via(s, &flow, branch, o->via_params, &out);
	if (!buf_ok(&out))
		return ERR_LIMIT;
	b = write_draft(s, &o->draft, buf_str(&out));
	if (!b)
		return ERR_MEMORY;
	s->figures.requests_out[draft_method(&o->draft)][flow.transport]++;
	err = sip_stack_send(s, &flow, b, now);
	if (err || !sent) {
		sip_blob_unref(b);
	} else {
		*used = flow;
		*sent = b;
	}
	return err;
}

static void random_branch(struct sip_stack *s, char out[SIP_TX_BRANCH_MAX])
{
	memcpy(out, SIP_VIA_COOKIE, 7);
	rng_text(s->config.rng, out + 7, 24);
}

/* Which 2xx this ACK is for; the tag is in the text that was just sent. */
static uint64_t ack_tag(struct sip_stack *s, const struct sip_blob *sent)
{
	const struct sip_address *to;

	arena_reset(&s->side_arena);
	if (sip_msg_parse(&s->side, &s->side_arena, sip_blob_str(sent)) || !(to = sip_msg_to(&s->side)))
		return 0;
	return sip_stack_hash(s, 4, to->tag);
}

enum err sip_stack_ack(struct sip_stack *s, handle client, const struct sip_outgoing *o, usec now)
{
	struct sip_tx *tx = client ? sip_tx_find(s, client) : NULL;
	char branch[SIP_TX_BRANCH_MAX];
	struct sip_blob *sent = NULL;
	struct sip_tx_ack *ack;
	struct flow flow;
	enum err err;

	random_branch(s, branch);
	err = send_once(s, o, str_of(branch, 31), &flow, tx ? &sent : NULL, now);
	if (err || !tx)
		return err;
	ack = tx->kind == SIP_TX_INVITE_CLIENT && tx->ack_n < SIP_TX_ACKS_MAX ? malloc(sizeof(*ack)) : NULL;
	if (!ack) { /* then the TU hears of repeats and may say it again */
		sip_blob_unref(sent);
		return ERR_NONE;
	}
	*ack = (struct sip_tx_ack){ tx->acks, ack_tag(s, sent), flow, sent };
	tx->acks = ack;
	tx->ack_n++;
	return ERR_NONE;
}

enum err sip_stack_forward(struct sip_stack *s, const struct sip_outgoing *o, usec now)
{
	struct sip_msg *msg = &s->msg;
	const struct sip_via *via = o->draft.msg == msg ? sip_msg_via(msg) : NULL;
	char branch[SIP_TX_BRANCH_MAX];
	uint64_t h;

	if (!via) { /* not the message in hand: nothing to derive from */
		random_branch(s, branch);
		return send_once(s, o, str_of(branch, 31), NULL, NULL, now);
	}
	/* 16.11: CANCEL and the ACK of a refusal bear their INVITE's branch, so they get the same one again. */
	h = sip_stack_hash(s, 5, sip_via_is_unique(via) ? via->branch : via->text);
	h = sip_stack_hash(s, h, sip_msg_call_id(msg));
	memcpy(branch, SIP_VIA_COOKIE, 7);
	sip_tx_tag(s, h, branch + 7);
	return send_once(s, o, str_of(branch, 7 + SIP_TX_TAG_N), NULL, NULL, now);
}

enum err sip_stack_write(struct sip_stack *s, const struct sip_target *to, const struct sip_draft *d, usec now)
{
	struct flow flow = sip_flows_find(&s->flows, to, now);
	struct sip_blob *b;
	enum err err;

	if (!flow.transport)
		return ERR_UNREACHABLE;
	b = write_draft(s, d, STR_NONE);
	if (!b)
		return ERR_MEMORY;
	err = sip_stack_send(s, &flow, b, now);
	sip_blob_unref(b);
	return err;
}

/* ---- answers ---- */

static bool is_server(const struct sip_tx *tx)
{
	return tx && tx->kind >= SIP_TX_SERVER;
}

static int status_of(const struct sip_blob *b)
{
	str text = sip_blob_str(b);
	uint32_t status;

	if (!str_take(&text, STR("SIP/2.0 ")) || !str_u32(str_head(text, 3), 699, &status) || status < 100)
		return 0;
	return (int)status;
}

/* The ACK of a held 2xx comes with a branch of its own: it is known by its dialog. */
static void hold_2xx(struct sip_stack *s, struct sip_tx *tx)
{
	arena_reset(&s->side_arena);
	if (sip_msg_parse(&s->side, &s->side_arena, sip_blob_str(tx->answer)))
		return;
	tx->holding = map_add(&s->held, &tx->held_node, sip_stack_held_key(s, &s->side)) == ERR_NONE;
}

/* Takes the blob. */
static enum err answer(struct sip_stack *s, struct sip_tx *tx, struct sip_blob *b, bool hold, usec now)
{
	int status = status_of(b);
	bool good;

	if (!status) {
		sip_blob_unref(b);
		return ERR_SYNTAX;
	}
	if (tx->kind == SIP_TX_INVITE_SERVER)
		good = sip_invite_server_answer(&tx->machine.invite_server, status, hold, now);
	else
		good = sip_server_answer(&tx->machine.server, status, now);
	if (good) {
		sip_tx_count(s, tx, status, now);
		sip_blob_set(&tx->answer, b);
		if (hold && status >= 200 && status < 300 && tx->kind == SIP_TX_INVITE_SERVER)
			hold_2xx(s, tx);
	} else {
		sip_blob_unref(b);
	}
	sip_tx_run(s, tx, now);
	return good ? ERR_NONE : ERR_STATE;
}

/* The Via that is on top when `skip` are gone. */
static bool find_via(const struct sip_msg *m, size_t skip, struct sip_via *out)
{
	struct sip_values v = sip_msg_values(m, SIP_VIA);
	str value;

	while (sip_values_next(&v, &value))
		if (!skip--)
			return !sip_via_parse(value, out);
	return false;
}

/* RFC 7339 5.2: an answer that is passed back tells its sender our load, in the Via that will be on top. */
static void tell_load(struct sip_stack *s, const struct sip_draft *d, char *room, size_t cap)
{
	struct sip_via via;
	size_t gone = 0;
	struct buf out;

	if (!s->oc_n || !d->msg || d->msg->is_request || !d->edits)
		return;
	for (size_t i = 0; i < d->edits->n; i++)
		gone += d->edits->list[i].kind == SIP_EDIT_REMOVE_TOP && d->edits->list[i].field == SIP_VIA;
	if (!find_via(d->msg, gone, &via))
		return;
	buf_init(&out, room, cap);
	sip_via_tell(&via, str_of(s->oc, s->oc_n), &out);
	if (buf_ok(&out))
		sip_edits_note(d->edits, SIP_EDIT_TOP, SIP_VIA, buf_str(&out));
}

enum err sip_stack_respond(struct sip_stack *s, handle server, const struct sip_draft *d, bool hold, usec now)
{
	struct sip_tx *tx = sip_tx_find(s, server);
	struct sip_blob *b;
	char via[500];

	if (!is_server(tx))
		return ERR_ABSENT;
	if (tx->hears_load)
		tell_load(s, d, via, sizeof(via));
	b = write_draft(s, d, STR_NONE);
	return b ? answer(s, tx, b, hold, now) : ERR_MEMORY;
}

enum err sip_stack_reply(struct sip_stack *s, handle server, struct sip_msg *request, const struct sip_reply *r,
			 bool hold, usec now)
{
	struct sip_tx *tx = sip_tx_find(s, server);
	struct sip_reply reply = *r;
	struct sip_blob *b;
	struct buf out;
	enum err err;

	if (!is_server(tx) || (!request && !sip_stack_reparse(s, tx)))
		return ERR_ABSENT;
	if (reply.status > 100 && reply.to_tag.n == 0)
		reply.to_tag = sip_stack_tag(s, server);
	buf_init(&out, s->scratch, sizeof(s->scratch));
	err = sip_reply_write(request ? request : &s->side, &reply, &out);
	if (err)
		return err;
	b = sip_blob_copy(buf_str(&out));
	return b ? answer(s, tx, b, hold, now) : ERR_MEMORY;
}

enum err sip_stack_head(struct sip_stack *s, struct sip_msg *request, int status, struct buf *out, struct flow *to)
{
	char tag[SIP_TX_TAG_N];

	sip_stack_in_tag(s, request, tag);
	*to = sip_stack_in_back(s, request);
	return sip_reply_write_head(request, status, STR_NONE, str_of(tag, sizeof(tag)), out);
}

enum err sip_stack_say(struct sip_stack *s, const struct flow *to, enum sip_method method, int status, str head,
		       str tail, usec came, usec now)
{
	struct buf text = sip_stack_room(s, to);
	enum err err;

	if (head.n + tail.n > text.cap)
		buf_init(&text, s->scratch, sizeof(s->scratch));
	buf_put(&text, head);
	buf_put(&text, tail);
	err = buf_ok(&text) ? sip_stack_send_text(s, to, &text, now) : ERR_LIMIT;
	sip_stack_count(s, method, status, now - came);
	return err;
}

void sip_stack_repeated(struct sip_stack *s)
{
	s->stats.repeats_in++;
}

str sip_stack_tag(struct sip_stack *s, handle server)
{
	if (!is_server(sip_tx_find(s, server)))
		return STR_NONE;
	sip_tx_tag(s, server, s->tag);
	return str_of(s->tag, sizeof(s->tag));
}

struct sip_msg *sip_stack_kept(struct sip_stack *s, handle server)
{
	struct sip_tx *tx = sip_tx_find(s, server);

	if (!is_server(tx) || !tx->message)
		return NULL;
	arena_reset(&s->kept_arena);
	if (sip_msg_parse(&s->kept, &s->kept_arena, sip_blob_str(tx->message)))
		return NULL;
	sip_msg_stamp(&s->kept, &tx->flow.remote);
	s->kept.oc = str_of(s->oc, s->oc_n);
	return &s->kept;
}

void sip_stack_keep(struct sip_stack *s, handle server)
{
	struct sip_tx *tx = sip_tx_find(s, server);

	if (is_server(tx) && tx == s->current && !tx->message)
		tx->message = sip_blob_copy(s->msg.text);
}

void sip_stack_forget(struct sip_stack *s, handle server)
{
	struct sip_tx *tx = sip_tx_find(s, server);

	if (tx && tx->kind == SIP_TX_SERVER && sip_server_lingers(&tx->machine.server))
		sip_tx_free(s, tx);
}

void sip_stack_set_cookie(struct sip_stack *s, handle h, uint64_t cookie)
{
	struct sip_tx *tx = sip_tx_find(s, h);

	if (tx)
		tx->cookie = cookie;
}

uint64_t sip_stack_cookie(const struct sip_stack *s, handle h)
{
	const struct sip_tx *tx = sip_tx_find(s, h);

	return tx ? tx->cookie : 0;
}
