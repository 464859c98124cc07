#include "store/call_report.h"

#include "store/date.h"

size_t store_call_report_session(const struct call_record *records, size_t n)
{
	size_t i = 1;

	while (i < n && str_eq(records[i].session, records[0].session))
		i++;
	return i;
}

/* What all records of a session say together. */
struct session {
	const struct call_record *first; /* nearest to the caller: it saw the call first */
	usec start, ring, answer, end;
	bool open; /* a record has no end */
};

static usec earlier(usec a, usec b)
{
	return a == 0 ? b : b == 0 ? a : usec_min(a, b);
}

static struct session sum_up(const struct call_record *records, size_t n)
{
	struct session s = { .first = records };

	for (size_t i = 0; i < n; i++) {
		const struct call_record *r = &records[i];
		if (r->start < s.first->start)
			s.first = r;
		s.start = earlier(s.start, r->start);
		s.ring = earlier(s.ring, r->ring);
		s.answer = earlier(s.answer, r->answer);
		s.end = r->end > s.end ? r->end : s.end;
		s.open |= r->end == 0;
	}
	return s;
}

static str or_dash(str s)
{
	return s.n ? s : STR("-");
}

static void write_outcome(const struct session *s, struct buf *out)
{
	if (s->answer && s->end && !s->open) {
		buf_put_z(out, "spoke for ");
		store_date_write_span(s->end - s->answer, out);
	} else if (s->open && s->end == 0) {
		buf_put_z(out, s->answer ? "answered, no end yet" : "not answered, no end yet");
	} else {
		buf_put_z(out, s->answer ? "answered" : "not answered");
	}
	if (s->first->status >= 300)
		buf_printf(out, ", %u", s->first->status);
	if (s->first->cause.n)
		buf_printf(out, ", " STR_FMT, STR_ARG(s->first->cause));
}

static void write_moment(const char *what, usec at, usec start, struct buf *out)
{
	if (at == 0)
		return;
	buf_printf(out, "  %-7s ", what);
	store_date_write_clock(at, out);
	buf_put_z(out, "  after ");
	store_date_write_span(at - start, out);
	buf_put_char(out, '\n');
}

static void write_part(str part, struct buf *out)
{
	if (part.n)
		buf_printf(out, " | " STR_FMT, STR_ARG(part));
}

/* "  pbx      <- alice  192.0.2.1:5060 | tls 1.3 | opus/48000/2 | dtls-srtp | host .. - host .." */
static void write_leg(const struct call_record *r, const struct call_leg *leg, bool to_caller, struct buf *out)
{
	buf_printf(out, "  %-14.*s %s " STR_FMT, STR_ARG(or_dash(r->service)), to_caller ? "<-" : "->",
		   STR_ARG(or_dash(leg->party)));
	write_part(leg->remote, out);
	write_part(leg->signalling, out);
	write_part(leg->codec, out);
	write_part(leg->media, out);
	write_part(leg->path, out);
	buf_put_char(out, '\n');
}

void store_call_report_text(const struct call_record *records, size_t n, struct buf *out)
{
	struct session s = sum_up(records, n);

	store_date_write(s.start, out);
	buf_printf(out, "  " STR_FMT " -> " STR_FMT ": ", STR_ARG(or_dash(s.first->caller)),
		   STR_ARG(or_dash(s.first->callee)));
	write_outcome(&s, out);
	buf_put_char(out, '\n');
	buf_printf(out, "  session " STR_FMT "\n", STR_ARG(or_dash(s.first->session)));
	write_moment("ring", s.ring, s.start, out);
	write_moment("answer", s.answer, s.start, out);
	write_moment("end", s.end, s.start, out);
	for (size_t i = 0; i < n; i++)
		for (size_t leg = 0; leg < CALL_RECORD_LEGS && leg < records[i].leg_n; leg++)
			write_leg(&records[i], &records[i].legs[leg], leg == 0, out);
}

static void write_json_time(const char *name, usec at, struct buf *out)
{
	if (at)
		buf_printf(out, ",\"%s\":%lld", name, (long long)at);
}

static void write_json_record(const struct call_record *r, struct buf *out)
{
	buf_put_char(out, '{');
	record_write_json_fields(&call_head_kind, r, out);
	buf_put_z(out, ",\"legs\":[");
	for (size_t leg = 0; leg < CALL_RECORD_LEGS && leg < r->leg_n; leg++) {
		if (leg > 0)
			buf_put_char(out, ',');
		record_write_json(&call_leg_kind, &r->legs[leg], out);
	}
	buf_put_z(out, "]}");
}

void store_call_report_json(const struct call_record *records, size_t n, struct buf *out)
{
	struct session s = sum_up(records, n);

	buf_put_z(out, "{\"session\":");
	record_write_json_text(s.first->session, out);
	buf_put_z(out, ",\"caller\":");
	record_write_json_text(s.first->caller, out);
	buf_put_z(out, ",\"callee\":");
	record_write_json_text(s.first->callee, out);
	write_json_time("start", s.start, out);
	write_json_time("ring", s.ring, out);
	write_json_time("answer", s.answer, out);
	if (!s.open) {
		write_json_time("end", s.end, out);
		if (s.answer)
			buf_printf(out, ",\"duration_ms\":%lld", (long long)((s.end - s.answer) / USEC_PER_MS));
	}
	buf_printf(out, ",\"status\":%u,\"cause\":", s.first->status);
	record_write_json_text(s.first->cause, out);
	buf_put_z(out, ",\"records\":[");
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_put_char(out, ',');
		write_json_record(&records[i], out);
	}
	buf_put_z(out, "]}\n");
}
