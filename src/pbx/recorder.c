#include "pbx/recorder.h"

#include "base/heap.h"
#include "base/map.h"
#include "sdp/sdp.h"

#include <stdio.h>
#include <stdlib.h>

#define CALL_TEXT 900                        /* bytes of all texts of a call */
#define CALL_LIFE (24 * 3600 * USEC_PER_SEC) /* without BYE */
#define BATCH     200                        /* records of one question */

struct call {
	struct map_node node; /* by Call-ID */
	struct heap_item end;
	struct call *next_dirty, *older, *newer;
	bool dirty, over;
	str caller_tag;
	struct call_record record; /* its texts lie in `text` */
	struct buf room;
	char text[CALL_TEXT];
};

struct pbx_recorder {
	struct map calls;
	struct heap ends;
	struct call *dirty, **dirty_tail;
	size_t dirty_n;
	struct call *oldest, *newest;
	usec flush_at;
	uint64_t key[2], session_key[4];
	struct pbx_recorder_figures figures;
};

struct pbx_recorder *pbx_recorder_new(struct rng *rng)
{
	struct pbx_recorder *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	map_init(&r->calls, PBX_RECORDER_CALLS);
	heap_init(&r->ends);
	r->dirty_tail = &r->dirty;
	r->flush_at = USEC_NEVER;
	rng_fill(rng, r->key, sizeof(r->key));
	rng_fill(rng, r->session_key, sizeof(r->session_key));
	return r;
}

/* It counts among those that live no more. */
static void finish(struct pbx_recorder *r, struct call *c)
{
	if (c->over)
		return;
	c->over = true;
	if (c->record.answer)
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
	heap_remove(&r->ends, &c->end);
	free(c);
}

void pbx_recorder_free(struct pbx_recorder *r)
{
	if (!r)
		return;
	while (r->oldest)
		forget(r, r->oldest);
	map_free(&r->calls);
	heap_free(&r->ends);
	free(r);
}

void pbx_recorder_session(const struct pbx_recorder *r, str call_id, char out[32])
{
	const uint64_t half[2] = { str_hash(call_id, r->session_key), str_hash(call_id, r->session_key + 2) };
	char text[33];

	snprintf(text, sizeof(text), "%016llx%016llx", (unsigned long long)half[0], (unsigned long long)half[1]);
	memcpy(out, text, 32);
}

/*
 * The call that still lives and was answered, or not. A Call-ID alone does not name it: the same one comes again where
 * a refused INVITE is mended and tried anew, and a caller who would not be recorded could use one for all its calls.
 */
static struct call *find(const struct pbx_recorder *r, struct sip_msg *m, bool answered)
{
	const struct sip_address *from = sip_msg_from(m), *to = sip_msg_to(m);
	str call_id = sip_msg_call_id(m);

	for (struct map_node *n = map_first(&r->calls, str_hash(call_id, r->key)); n; n = map_next(n)) {
		struct call *c = map_of(n, struct call, node);

		if (!c->over && (c->record.answer != 0) == answered && str_eq(c->record.key, call_id) &&
		    ((from && str_eq(c->caller_tag, from->tag)) || (answered && to && str_eq(c->caller_tag, to->tag))))
			return c;
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

/* A copy in the call's own room; what does not fit is left out. */
static str keep(struct call *c, str s)
{
	size_t at = c->room.n;

	if (s.n > c->room.cap - at)
		return STR_NONE;
	buf_put(&c->room, s);
	return str_of(c->room.p + at, s.n);
}

static str keep_address(struct call *c, const struct sip_address *a)
{
	char text[300];
	struct buf b;

	buf_init(&b, text, sizeof(text));
	if (a && (a->uri.scheme == SIP_SCHEME_SIP || a->uri.scheme == SIP_SCHEME_SIPS))
		buf_put(&b, STR("sip:"));
	if (a)
		sip_uri_key(&a->uri, &b);
	return buf_ok(&b) ? keep(c, buf_str(&b)) : STR_NONE;
}

static str keep_addr(struct call *c, const struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	return addr_is_set(a) ? keep(c, str_from(addr_text(a, text))) : STR_NONE;
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

static void fill(struct pbx_recorder *r, struct call *c, struct sip_msg *m, const struct flow *flow, usec now)
{
	const struct sip_address *from = sip_msg_from(m);
	struct call_record *rec = &c->record;
	struct sip_session_id id;
	char session[32];

	buf_init(&c->room, c->text, sizeof(c->text));
	rec->key = keep(c, sip_msg_call_id(m));
	if (sip_session_id_parse(sip_msg_value(m, SIP_SESSION_ID), &id)) {
		pbx_recorder_session(r, sip_msg_call_id(m), session);
		id.local = str_of(session, sizeof(session));
	}
	rec->session = keep(c, id.local);
	rec->service = STR("pbx");
	rec->caller = keep_address(c, from);
	rec->callee = keep_address(c, sip_msg_to(m));
	rec->start = now;
	rec->leg_n = 2;
	c->caller_tag = keep(c, from ? from->tag : STR_NONE);
	for (int i = 0; i < 2; i++) {
		rec->legs[i].call_id = rec->key;
		rec->legs[i].start = now;
	}
	rec->legs[0].party = rec->caller;
	rec->legs[0].remote = keep_addr(c, &flow->remote);
	rec->legs[0].signalling = signalling(flow->transport);
	rec->legs[1].party = rec->callee;
}

void pbx_recorder_start(struct pbx_recorder *r, struct sip_msg *m, const struct flow *flow, usec now)
{
	str call_id = sip_msg_call_id(m);
	struct call *c;

	if (call_id.n > CALL_TEXT / 4 || find(r, m, false))
		return;
	if (r->calls.n >= PBX_RECORDER_CALLS && r->oldest && !r->oldest->dirty)
		forget(r, r->oldest);
	c = calloc(1, sizeof(*c));
	if (!c)
		return;
	fill(r, c, m, flow, now);
	if (heap_set(&r->ends, &c->end, now + CALL_LIFE)) {
		free(c);
		return;
	}
	if (map_add(&r->calls, &c->node, str_hash(call_id, r->key))) {
		heap_remove(&r->ends, &c->end);
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
	char first[4096], text[80];
	struct arena arena;
	struct sdp sdp;
	struct buf b;

	arena_init(&arena, first, sizeof(first), 32768);
	if (!sdp_parse(body, &arena, &sdp)) {
		for (size_t i = 0; i < sdp.media_n && !c->record.legs[0].codec.n; i++) {
			const struct sdp_media *media = &sdp.media[i];

			if (!media->port || !media->format_n || !str_eq_nocase(media->kind, STR("audio")))
				continue;
			buf_init(&b, text, sizeof(text));
			buf_printf(&b, STR_FMT "/%u", STR_ARG(media->formats[0].name), media->formats[0].rate_hz);
			if (media->formats[0].channels > 1)
				buf_printf(&b, "/%u", media->formats[0].channels);
			if (buf_ok(&b) && media->formats[0].name.n)
				c->record.legs[0].codec = c->record.legs[1].codec = keep(c, buf_str(&b));
		}
	}
	arena_free(&arena);
}

static void end_call(struct pbx_recorder *r, struct call *c, int status, str cause, usec now)
{
	struct call_record *rec = &c->record;

	if (c->over)
		return;
	finish(r, c);
	rec->end = rec->legs[0].end = rec->legs[1].end = now;
	rec->status = (uint16_t)status;
	rec->cause = keep(c, str_head(cause, 100));
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

	if (!c) /* an answer to a later INVITE of the same dialog changes nothing */
		return;
	struct call_record *rec = &c->record;
	if (m->status < 200) {
		if (!rec->ring && m->status > 100) {
			rec->ring = rec->legs[0].ring = rec->legs[1].ring = now;
			touch(r, c, now);
		}
		return;
	}
	rec->legs[1].remote = keep_addr(c, &flow->remote);
	rec->legs[1].signalling = signalling(flow->transport);
	if (m->status < 300) {
		r->figures.ringing--;
		r->figures.answered++;
		rec->answer = rec->legs[0].answer = rec->legs[1].answer = now;
		rec->status = m->status;
		if (!sip_msg_addresses(m, SIP_CONTACT, &contact, &n))
			rec->target = keep(c, str_head(contact->uri.text, 200));
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
	const struct sip_address *from = sip_msg_from(m);
	struct call *c = m->method == SIP_BYE && from ? find(r, m, true) : NULL;

	if (!c)
		return;
	r->figures.completed++;
	metric_observe(&r->figures.duration, now - c->record.answer);
	end_call(r, c, c->record.status,
		 str_eq(from->tag, c->caller_tag) ? STR("caller hung up") : STR("callee hung up"), now);
}

static void expire(struct pbx_recorder *r, usec now)
{
	struct heap_item *item;

	while ((item = heap_take(&r->ends, now))) {
		struct call *c = map_of(item, struct call, end);

		r->figures.lost += !c->over;
		finish(r, c); /* it goes once it is clean */
		if (!c->dirty)
			forget(r, c);
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
		rows[n++] = c->record;
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
	return usec_min(r->flush_at, heap_due(&r->ends));
}

const struct pbx_recorder_figures *pbx_recorder_figures(const struct pbx_recorder *r)
{
	return &r->figures;
}
