#include "pbx/recorder.h"

#include "base/map.h"
#include "sdp/sdp.h"

#include <stdlib.h>

#define CALL_STEP 96                         /* of an answered call: room for its texts grows by so much */
#define CALL_TEXT 900                        /* bytes of all texts of a call */
#define CALL_LIFE (24 * 3600 * USEC_PER_SEC) /* without BYE */
#define LIVES     1u                         /* of a dialog */
#define NAME_TEXT (CALL_TEXT / 4)            /* of a Call-ID or a tag that is a call's name */
#define BATCH     200                        /* records of one question */

/* What a call says of itself; both legs share most. */
enum text { CALLER_TAG, KEY, SESSION, CALLER, CALLEE, TARGET, REMOTE_0, REMOTE_1, CODEC, CAUSE, TEXT_N };

/* As many as ring or talk: its texts lie one behind the other in one block, and the record is made when it is written.
 */
struct call {
	struct map_node node; /* by Call-ID */
	struct call *next_dirty, *older, *newer;
	usec start, ring, answer, end; /* 0: did not happen (yet) */
	char *texts;
	struct {
		uint16_t at, n;
	} text[TEXT_N];
	uint16_t text_n, text_cap; /* bytes of all texts, and room for them */
	uint16_t status;
	uint8_t transport[2];
	bool dirty, over;
	uint32_t dialogs[2]; /* To tags of its 2xx, hashed; LIVES until its BYE; 0: none */
};

struct pbx_recorder {
	struct map calls;
	struct call *dirty, **dirty_tail;
	size_t dirty_n;
	struct call *oldest, *newest; /* as they began */
	usec flush_at;
	usec unsure; /* of calls that began before then not all are known; 0: of none is anything known */
	uint64_t key[2], session_key[4];
	struct pbx_recorder_figures figures;
};

struct pbx_recorder *pbx_recorder_new(struct rng *rng)
{
	struct pbx_recorder *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	map_init(&r->calls, PBX_RECORDER_CALLS);
	r->dirty_tail = &r->dirty;
	r->flush_at = USEC_NEVER;
	rng_fill(rng, r->key, sizeof(r->key));
	rng_fill(rng, r->session_key, sizeof(r->session_key));
	return r;
}

static str text_of(const struct call *c, enum text which)
{
	return str_of(c->text[which].n ? c->texts + c->text[which].at : NULL, c->text[which].n);
}

/* It counts among those that live no more. */
static void finish(struct pbx_recorder *r, struct call *c)
{
	if (c->over)
		return;
	c->over = true;
	if (c->answer)
		r->figures.answered--;
	else
		r->figures.ringing--;
}

static void forget(struct pbx_recorder *r, struct call *c)
{
	r->figures.lost += !c->over;
	finish(r, c);
	*(c->older ? &c->older->newer : &r->oldest) = c->newer;
	*(c->newer ? &c->newer->older : &r->newest) = c->older;
	map_remove(&r->calls, &c->node);
	free(c->texts);
	free(c);
}

void pbx_recorder_free(struct pbx_recorder *r)
{
	if (!r)
		return;
	while (r->oldest)
		forget(r, r->oldest);
	map_free(&r->calls);
	free(r);
}

void pbx_recorder_session(const struct pbx_recorder *r, str call_id, char out[32])
{
	const uint64_t half[2] = { str_hash(call_id, r->session_key), str_hash(call_id, r->session_key + 2) };
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < 32; i++)
		out[i] = digits[half[i / 16] >> (60 - 4 * (i % 16)) & 15];
}

/*
 * The next call of this Call-ID that still lives and that one of these two tags has begun. A Call-ID alone does not
 * name it: the same one comes again where a refused INVITE is mended and tried anew, and a caller who would not be
 * recorded could use one for all its calls.
 */
static struct call *next_call(const struct pbx_recorder *r, struct map_node *n, str call_id, str tag, str other)
{
	for (n = n ? map_next(n) : map_first(&r->calls, str_hash(call_id, r->key)); n; n = map_next(n)) {
		struct call *c = map_of(n, struct call, node);
		str caller = text_of(c, CALLER_TAG);

		if (!c->over && str_eq(text_of(c, KEY), call_id) && (str_eq(caller, tag) || str_eq(caller, other)))
			return c;
	}
	return NULL;
}

static str tag_of(const struct sip_address *a)
{
	return a ? a->tag : STR_NONE;
}

/* The call that this message's From has begun, answered or not. */
static struct call *find(const struct pbx_recorder *r, struct sip_msg *m, bool answered)
{
	str tag = tag_of(sip_msg_from(m)), call_id = sip_msg_call_id(m);
	struct call *c = next_call(r, NULL, call_id, tag, tag);

	while (c && (c->answer != 0) != answered)
		c = next_call(r, &c->node, call_id, tag, tag);
	return c;
}

/* ---- its dialogs ---- */

static uint32_t name_dialog(const struct pbx_recorder *r, str callee_tag)
{
	return (uint32_t)str_hash(callee_tag, r->key) | LIVES;
}

/* Somebody has answered, perhaps one more, perhaps again. */
static void open_dialog(const struct pbx_recorder *r, struct call *c, struct sip_msg *m)
{
	uint32_t name = name_dialog(r, tag_of(sip_msg_to(m)));

	for (int i = 0; i < 2 && (c->dialogs[i] | LIVES) != name; i++) {
		if (c->dialogs[i])
			continue;
		c->dialogs[i] = name;
		return;
	}
}

/* The call whose dialog this request is of. */
static struct call *close_dialog(struct pbx_recorder *r, struct sip_msg *m)
{
	str from = tag_of(sip_msg_from(m)), to = tag_of(sip_msg_to(m)), call_id = sip_msg_call_id(m);

	for (struct call *c = next_call(r, NULL, call_id, from, to); c; c = next_call(r, &c->node, call_id, from, to)) {
		uint32_t name = name_dialog(r, str_eq(text_of(c, CALLER_TAG), from) ? to : from);

		for (int i = 0; i < 2; i++) {
			if (c->dialogs[i] != name)
				continue;
			c->dialogs[i] &= ~LIVES;
			return c;
		}
	}
	return NULL;
}

static void touch(struct pbx_recorder *r, struct call *c, usec now)
{
	if (c->dirty)
		return;
	c->dirty = true;
	c->next_dirty = NULL;
	*r->dirty_tail = c;
	r->dirty_tail = &c->next_dirty;
	r->dirty_n++;
	r->flush_at = usec_min(r->flush_at, now + PBX_RECORDER_PACE);
}

/* A copy; what does not fit is left out. */
static void keep(struct call *c, enum text which, str text)
{
	size_t n = c->text_n + text.n;

	if (!text.n || n > CALL_TEXT)
		return;
	if (n > c->text_cap) {
		size_t cap = (n + CALL_STEP - 1) / CALL_STEP * CALL_STEP;
		char *texts = realloc(c->texts, cap);

		if (!texts)
			return;
		c->texts = texts;
		c->text_cap = (uint16_t)cap;
	}
	memcpy(c->texts + c->text_n, text.p, text.n);
	c->text[which].at = c->text_n;
	c->text[which].n = (uint16_t)text.n;
	c->text_n = (uint16_t)(c->text_n + text.n);
}

static void write_address(const struct sip_address *a, struct buf *b)
{
	if (a && (a->uri.scheme == SIP_SCHEME_SIP || a->uri.scheme == SIP_SCHEME_SIPS))
		buf_put(b, STR("sip:"));
	if (a)
		sip_uri_key(&a->uri, b);
}

static void keep_address(struct call *c, enum text which, const struct sip_address *a)
{
	char text[300];
	struct buf b;

	buf_init(&b, text, sizeof(text));
	write_address(a, &b);
	if (buf_ok(&b))
		keep(c, which, buf_str(&b));
}

static void keep_addr(struct call *c, enum text which, const struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	if (addr_is_set(a))
		keep(c, which, str_from(addr_text(a, text)));
}

static str signalling(enum transport t)
{
	static const str names[] = { [TRANSPORT_UDP] = STR_INIT("udp"),
				     [TRANSPORT_TCP] = STR_INIT("tcp"),
				     [TRANSPORT_TLS] = STR_INIT("tls"),
				     [TRANSPORT_WS] = STR_INIT("ws"),
				     [TRANSPORT_WSS] = STR_INIT("wss") };

	return t >= TRANSPORT_UDP && t <= TRANSPORT_WSS ? names[t] : STR_NONE;
}

/* What is known at the beginning, gathered and then kept in one block that is no larger: many may ring. */
static bool fill(struct pbx_recorder *r, struct call *c, struct sip_msg *m, const struct flow *flow, usec now)
{
	const struct sip_address *from = sip_msg_from(m);
	struct sip_session_id id;
	char session[32], room[CALL_TEXT];

	c->texts = room;
	c->text_cap = sizeof(room);

	if (sip_session_id_parse(sip_msg_value(m, SIP_SESSION_ID), &id)) {
		pbx_recorder_session(r, sip_msg_call_id(m), session);
		id.local = str_of(session, sizeof(session));
	}
	keep(c, KEY, sip_msg_call_id(m));
	keep(c, CALLER_TAG, from ? from->tag : STR_NONE);
	keep(c, SESSION, id.local);
	keep_address(c, CALLER, from);
	keep_address(c, CALLEE, sip_msg_to(m));
	keep_addr(c, REMOTE_0, &flow->remote);
	c->transport[0] = (uint8_t)flow->transport;
	c->start = now;
	c->texts = malloc(c->text_n);
	c->text_cap = c->text_n;
	if (c->texts)
		memcpy(c->texts, room, c->text_n);
	return c->texts;
}

/* Its texts stay the call's. */
static void make_record(const struct call *c, struct call_record *rec)
{
	*rec = (struct call_record){ .session = text_of(c, SESSION),
				     .service = STR("pbx"),
				     .key = text_of(c, KEY),
				     .caller = text_of(c, CALLER),
				     .callee = text_of(c, CALLEE),
				     .target = text_of(c, TARGET),
				     .start = c->start,
				     .ring = c->ring,
				     .answer = c->answer,
				     .end = c->end,
				     .status = c->status,
				     .cause = text_of(c, CAUSE),
				     .leg_n = 2 };
	for (int i = 0; i < 2; i++)
		rec->legs[i] = (struct call_leg){ .call_id = rec->key,
						  .party = i ? rec->callee : rec->caller,
						  .remote = text_of(c, i ? REMOTE_1 : REMOTE_0),
						  .signalling = signalling(c->transport[i]),
						  .codec = text_of(c, CODEC),
						  .start = c->start,
						  .ring = c->ring,
						  .answer = c->answer,
						  .end = c->end };
}

void pbx_recorder_start(struct pbx_recorder *r, struct sip_msg *m, const struct flow *flow, usec now)
{
	str call_id = sip_msg_call_id(m);
	struct call *c;

	if (!r->unsure)
		r->unsure = now;
	if (call_id.n > NAME_TEXT || find(r, m, false))
		return;
	if (r->calls.n >= PBX_RECORDER_CALLS && r->oldest && !r->oldest->dirty) {
		r->unsure = now + USEC_PER_SEC; /* calls are dated by the second */
		forget(r, r->oldest);
	}
	c = calloc(1, sizeof(*c));
	if (!c || !fill(r, c, m, flow, now) || map_add(&r->calls, &c->node, str_hash(call_id, r->key))) {
		r->unsure = now + USEC_PER_SEC;
		free(c ? c->texts : NULL);
		free(c);
		return;
	}
	c->older = r->newest;
	*(r->newest ? &r->newest->newer : &r->oldest) = c;
	r->newest = c;
	r->figures.started++;
	r->figures.ringing++;
	touch(r, c, now);
}

/* The first format of the first audio that was taken: "opus/48000/2". */
static void take_codec(struct call *c, str body)
{
	struct sdp_format format;
	char text[80];
	struct buf b;

	if (!sdp_first_audio(body, &format) || !format.name.n)
		return;
	buf_init(&b, text, sizeof(text));
	buf_put(&b, format.name);
	buf_put_char(&b, '/');
	buf_put_u64(&b, format.rate_hz);
	if (format.channels > 1) {
		buf_put_char(&b, '/');
		buf_put_u64(&b, format.channels);
	}
	if (buf_ok(&b))
		keep(c, CODEC, buf_str(&b));
}

static void end_call(struct pbx_recorder *r, struct call *c, int status, str cause, usec now)
{
	if (c->over)
		return;
	finish(r, c);
	c->end = now;
	c->status = (uint16_t)status;
	keep(c, CAUSE, str_head(cause, 100));
	touch(r, c, now);
}

void pbx_recorder_answer(struct pbx_recorder *r, struct sip_msg *m, const struct flow *flow, usec now)
{
	const struct sip_cseq *cseq = sip_msg_cseq(m);
	struct call *c = cseq && cseq->method == SIP_INVITE ? find(r, m, false) : NULL;
	const struct sip_address *contact;
	char text[120];
	struct buf b;
	size_t n;

	if (!c && m->status >= 200 && m->status < 300 && cseq && cseq->method == SIP_INVITE) {
		c = find(r, m, true);
		if (c)
			open_dialog(r, c, m);
		return;
	}
	if (!c) /* nor does an answer to a later INVITE of the same dialog change anything */
		return;
	if (m->status < 200) {
		if (!c->ring && m->status > 100) {
			c->ring = now;
			touch(r, c, now);
		}
		return;
	}
	keep_addr(c, REMOTE_1, &flow->remote);
	c->transport[1] = (uint8_t)flow->transport;
	if (m->status < 300) {
		r->figures.ringing--;
		r->figures.answered++;
		c->answer = now;
		c->status = m->status;
		open_dialog(r, c, m);
		if (!sip_msg_addresses(m, SIP_CONTACT, &contact, &n))
			keep(c, TARGET, str_head(contact->uri.text, 200));
		take_codec(c, m->body);
		touch(r, c, now);
		return;
	}
	buf_init(&b, text, sizeof(text));
	buf_printf(&b, "%u " STR_FMT, m->status, STR_ARG(str_head(m->reason, 80)));
	end_call(r, c, m->status, buf_str(&b), now);
}

void pbx_recorder_fail(struct pbx_recorder *r, struct sip_msg *m, int status, str cause, usec now)
{
	struct call *c = find(r, m, false);

	if (c)
		end_call(r, c, status, cause, now);
}

void pbx_recorder_request(struct pbx_recorder *r, struct sip_msg *m, usec now)
{
	struct call *c = m->method == SIP_BYE ? close_dialog(r, m) : NULL;

	if (!c || (c->dialogs[0] & LIVES) || (c->dialogs[1] & LIVES))
		return;
	r->figures.completed++;
	metric_observe(&r->figures.duration, now - c->answer);
	end_call(r, c, c->status,
		 str_eq(tag_of(sip_msg_from(m)), text_of(c, CALLER_TAG)) ? STR("caller hung up")
									 : STR("callee hung up"),
		 now);
}

/* Of an answered call: has it a dialog with this callee's tag, or may it have one of which nothing is known? */
static bool has_dialog(const struct pbx_recorder *r, const struct call *c, str callee_tag)
{
	uint32_t name = name_dialog(r, callee_tag);

	for (int i = 0; i < 2; i++)
		if ((c->dialogs[i] | LIVES) == name)
			return c->dialogs[i] & LIVES;
	return c->dialogs[1] != 0;
}

bool pbx_recorder_is_over(const struct pbx_recorder *r, struct sip_msg *m, usec since)
{
	str from = tag_of(sip_msg_from(m)), to = tag_of(sip_msg_to(m)), call_id = sip_msg_call_id(m);

	if (!r->unsure || since < r->unsure || call_id.n > NAME_TEXT || from.n > NAME_TEXT || to.n > NAME_TEXT)
		return false;
	for (struct call *c = next_call(r, NULL, call_id, from, to); c; c = next_call(r, &c->node, call_id, from, to)) {
		if (c->start >= since + USEC_PER_SEC) /* a later one, which somebody has given the same name */
			continue;
		if (!c->answer || has_dialog(r, c, str_eq(text_of(c, CALLER_TAG), from) ? to : from))
			return false;
	}
	return true;
}

static void expire(struct pbx_recorder *r, usec now)
{
	while (r->oldest && now >= r->oldest->start + CALL_LIFE) {
		if (r->oldest->dirty) { /* it goes once it is clean: that is very soon */
			r->flush_at = usec_min(r->flush_at, now);
			return;
		}
		forget(r, r->oldest);
	}
}

struct keeper_ask *pbx_recorder_next(struct pbx_recorder *r, usec now, bool hurry)
{
	struct call_record rows[BATCH];
	struct keeper_ask *ask;
	struct call *c = r->dirty;
	size_t n = 0;

	expire(r, now);
	if (!c || (!hurry && now < r->flush_at))
		return NULL;
	for (; c && n < BATCH; c = c->next_dirty)
		make_record(c, &rows[n++]);
	ask = keeper_ask_new(&(struct keeper_ask){ .kind = KEEPER_CALL_PUT, .now = now, .calls = rows, .n = n });
	if (!ask) { /* no memory now: try again later */
		r->flush_at = now + PBX_RECORDER_PACE;
		return NULL;
	}
	while (n--) {
		c = r->dirty;
		r->dirty = c->next_dirty;
		c->dirty = false;
		r->dirty_n--;
		if (c->over)
			forget(r, c);
	}
	if (!r->dirty) {
		r->dirty_tail = &r->dirty;
		r->flush_at = USEC_NEVER;
	}
	return ask;
}

usec pbx_recorder_due(const struct pbx_recorder *r)
{
	return usec_min(r->flush_at, r->oldest ? r->oldest->start + CALL_LIFE : USEC_NEVER);
}

const struct pbx_recorder_figures *pbx_recorder_figures(const struct pbx_recorder *r)
{
	return &r->figures;
}
