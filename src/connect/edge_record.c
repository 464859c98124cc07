#include "connect/edge_record.h"

#include "media/codec.h"

/* The texts of one leg, made here, pointed to by the record until it is copied. */
struct texts {
	char codec[48], media[64], path[160];
};

static const char *const kinds[] = { "host", "srflx", "prflx", "relay" };

static void write_media(const struct call_facts *f, struct buf *out)
{
	if (!f->codec)
		return;
	switch (f->path.security) {
	case SDP_DTLS:
		buf_put(out, STR("dtls-srtp"));
		break;
	case SDP_SDES:
		buf_put(out, STR("sdes-srtp"));
		break;
	default:
		buf_put(out, STR("rtp, plaintext"));
	}
}

static void write_path(const struct call_facts *f, struct buf *out)
{
	const struct media_path *p = &f->path;

	if (!addr_is_set(&p->remote))
		return;
	if (p->ice)
		buf_printf(out, "%s ", kinds[p->local_kind & 3]);
	if (addr_is_set(&p->local)) {
		addr_write(&p->local, out);
		buf_put(out, STR(" - "));
	}
	if (p->ice)
		buf_printf(out, "%s ", kinds[p->remote_kind & 3]);
	addr_write(&p->remote, out);
}

static void fill_leg(const struct call_facts *f, str party, str signalling, struct texts *t, struct call_leg *leg)
{
	struct buf codec, media, path;

	buf_init(&codec, t->codec, sizeof(t->codec));
	buf_init(&media, t->media, sizeof(t->media));
	buf_init(&path, t->path, sizeof(t->path));
	codec_write(f->codec, &codec);
	write_media(f, &media);
	write_path(f, &path);
	*leg = (struct call_leg){ .call_id = str_from(f->call_id),
				  .party = party,
				  .signalling = signalling,
				  .codec = buf_str(&codec),
				  .media = buf_str(&media),
				  .path = buf_str(&path),
				  .start = f->start,
				  .ring = f->ringing,
				  .answer = f->answer,
				  .end = f->end };
}

/* Why it ended, from the side that ended it: the far side's word counts more than our passing it on. */
static void write_cause(const struct edge_record *r, struct buf *out)
{
	const struct call_facts *f = r->to && !r->to->by_us && r->to->end ? r->to : r->from;

	if (f->cause == CALL_HUNG_UP)
		buf_put(out, f == r->from ? STR("caller hung up") : STR("callee hung up"));
	else if (f->cause == CALL_CANCELLED)
		buf_put(out, STR("caller gave up"));
	else
		buf_put_z(out, call_cause_word(f->cause));
	if (f->reason[0])
		buf_printf(out, ": %s", f->reason);
}

struct keeper_ask *edge_record_ask(const struct edge_record *r, usec now)
{
	const str overlay = STR("overlay, sealed");
	char service[64], cause[192];
	struct texts texts[2];
	struct call_record record = { 0 };
	struct buf name, why;

	buf_init(&name, service, sizeof(service));
	buf_init(&why, cause, sizeof(cause));
	buf_put(&name, STR("edge:"));
	buf_put(&name, r->business);
	record.session = str_from(r->from->session.remote[0] ? r->from->session.remote : r->from->session.local);
	record.service = buf_str(&name);
	record.key = str_from(r->from->call_id);
	record.caller = str_from(r->from->caller);
	record.callee = str_from(r->from->callee);
	record.target = r->target;
	record.start = r->from->start;
	record.ring = r->from->ringing;
	record.answer = r->from->answer;
	fill_leg(r->from, record.caller, r->from_peer ? overlay : r->signalling, &texts[0], &record.legs[0]);
	record.leg_n = 1;
	if (r->to) {
		fill_leg(r->to, str_from(r->to->callee), r->from_peer ? r->signalling : overlay, &texts[1],
			 &record.legs[1]);
		record.leg_n = 2;
	}
	if (r->over) {
		write_cause(r, &why);
		record.end = r->from->end;
		record.status = (uint16_t)(r->from->answer ? 200 : r->from->status);
		record.cause = buf_str(&why);
	}
	return keeper_ask_new(&(struct keeper_ask){ .kind = KEEPER_CALL_PUT, .now = now, .calls = &record, .n = 1 });
}
