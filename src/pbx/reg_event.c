#include "pbx/reg_event.h"

#include "pbx/numbers.h"

#include <stdlib.h>

#define GONE_MAX 10 /* contacts that went, of which it is still known how */
#define ROWS_MAX (2 * PBX_CONTACTS_MAX + GONE_MAX)

const struct pbx_package pbx_reg_package = {
	.name = STR_INIT("reg"),
	.content_type = STR_INIT("application/reginfo+xml"),
	.expires_min = 60,
	.expires_default = 3761, /* RFC 3680 4.4 */
	.expires_max = 86400,
	.pace = 5 * USEC_PER_SEC, /* 4.10 */
	.free_state = pbx_reg_state_free,
};

struct pbx_reg_state {
	uint64_t seq;
	size_t n;
	struct {
		uint8_t what;
		uint64_t seq;
	} of[ROWS_MAX];
	struct contact_record *rows;
};

static const char *const events[] = {
	[PBX_REG_SAME] = "registered",           [PBX_REG_REGISTERED] = "registered",
	[PBX_REG_CREATED] = "created",           [PBX_REG_REFRESHED] = "refreshed",
	[PBX_REG_SHORTENED] = "shortened",       [PBX_REG_EXPIRED] = "expired",
	[PBX_REG_UNREGISTERED] = "unregistered", [PBX_REG_DEACTIVATED] = "deactivated",
	[PBX_REG_PROBATION] = "probation",       [PBX_REG_REJECTED] = "rejected",
};

/* ---- state ---- */

/* A phone that registers another URI over its flow is another contact (5.1: their ids must differ). */
bool pbx_reg_event_same(const struct contact_record *a, const struct contact_record *b)
{
	return str_eq(a->key, b->key) && str_eq(a->uri, b->uri);
}

static const struct contact_record *find(const struct pbx_reg_state *s, const struct contact_record *row, size_t *at)
{
	for (*at = 0; s && *at < s->n; ++*at)
		if (pbx_reg_event_same(&s->rows[*at], row) && s->of[*at].what < PBX_REG_EXPIRED)
			return &s->rows[*at];
	return NULL;
}

static bool is_back(const struct contact_record *rows, size_t n, const struct contact_record *row)
{
	for (size_t i = 0; i < n; i++)
		if (pbx_reg_event_same(&rows[i], row))
			return true;
	return false;
}

struct pbx_reg_state *pbx_reg_state_new(struct pbx_reg_state *old, const struct contact_record *rows,
					const uint8_t *what, size_t n)
{
	struct contact_record views[ROWS_MAX];
	struct pbx_reg_state *s = calloc(1, sizeof(*s));
	size_t at, gone = 0;

	if (!s)
		return NULL;
	s->seq = old ? old->seq + 1 : 1;
	for (size_t i = 0; i < n && s->n < 2 * PBX_CONTACTS_MAX; i++, s->n++) {
		views[s->n] = rows[i];
		s->of[s->n].what = what[i];
		s->of[s->n].seq = s->seq;
		if (what[i] != PBX_REG_SAME)
			continue;
		s->of[s->n].what = rows[i].updated > rows[i].registered ? PBX_REG_REFRESHED : PBX_REG_REGISTERED;
		if (find(old, &rows[i], &at)) {
			s->of[s->n].what = old->of[at].what;
			s->of[s->n].seq = old->of[at].seq;
		}
	}
	for (size_t i = 0; old && i < old->n && gone < GONE_MAX; i++) {
		if (old->of[i].what < PBX_REG_EXPIRED || is_back(rows, n, &old->rows[i]))
			continue;
		views[s->n] = old->rows[i];
		s->of[s->n].what = old->of[i].what;
		s->of[s->n++].seq = old->of[i].seq;
		gone++;
	}
	s->rows = malloc(record_packed_size(&contact_record_kind, views, s->n) + 1);
	if (!s->rows) {
		free(s);
		return NULL;
	}
	record_pack(&contact_record_kind, views, s->n, s->rows);
	pbx_reg_state_free(old);
	return s;
}

void pbx_reg_state_free(void *state)
{
	struct pbx_reg_state *s = state;

	if (!s)
		return;
	free(s->rows);
	free(s);
}

uint64_t pbx_reg_state_seen(const struct pbx_reg_state *s)
{
	return s->seq;
}

/* ---- documents ---- */

/* XML 1.0 2.2, 2.4. What no URI and no parameter may have becomes '?': controls, which XML cannot have either, and
 * bytes above 127, which might not be UTF-8. */
static void put_xml(str s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '<')
			buf_put(out, STR("&lt;"));
		else if (c == '>')
			buf_put(out, STR("&gt;"));
		else if (c == '&')
			buf_put(out, STR("&amp;"));
		else if (c == '"')
			buf_put(out, STR("&quot;"));
		else if (c == '\'')
			buf_put(out, STR("&apos;"));
		else
			buf_put_char(out, c < ' ' || c >= 0x7f ? '?' : (char)c);
	}
}

static void put_attribute(const char *name, str value, struct buf *out)
{
	buf_printf(out, " %s=\"", name);
	put_xml(value, out);
	buf_put_char(out, '"');
}

/* An id that stays (5.1), made of what stays. */
static void put_id(str what, str more, struct buf *out)
{
	static const uint64_t key[2] = { 0x726567206964206fu, 0x6620636f6e746163u };
	uint64_t hash = str_hash(what, key) + 31 * str_hash(more, key);

	buf_printf(out, " id=\"x%016llx\"", (unsigned long long)hash);
}

static void put_gruu(const char *element, const char *more, str uri, uint32_t cseq, struct buf *out)
{
	buf_printf(out, "      <gr:%s", element);
	put_attribute("uri", uri, out);
	if (more)
		buf_printf(out, " %s=\"%u\"", more, cseq);
	buf_put(out, STR("/>\n"));
}

/* RFC 5628 5. */
static void put_gruus(const struct contact_record *row, struct pbx_gruus *gruus, usec now, struct buf *out)
{
	char text[PBX_GRUU_MAX];
	struct buf uri;

	if (!gruus || !pbx_gruu_may(row) || pbx_numbers_is_bulk(row->uri)) /* RFC 6140 7.2.1 */
		return;
	buf_init(&uri, text, sizeof(text));
	pbx_gruu_write_public(row, &uri);
	if (buf_ok(&uri))
		put_gruu("pub-gruu", NULL, buf_str(&uri), 0, out);
	buf_init(&uri, text, sizeof(text));
	pbx_gruu_write_temporary(gruus, row, now, &uri);
	/* The oldest that is still good was given for the first REGISTER of this Call-ID. Its number is not kept; 0
	 * makes nobody throw away one that is good, and of another Call-ID the phone knows by that (6.1). */
	if (buf_ok(&uri))
		put_gruu("temp-gruu", "first-cseq", buf_str(&uri), row->updated > row->registered ? 0 : row->cseq, out);
}

static void put_params(str params, struct buf *out)
{
	str name, value;

	while (sip_param_next(&params, &name, &value)) {
		buf_put(out, STR("      <unknown-param"));
		put_attribute("name", name, out);
		buf_put_char(out, '>');
		put_xml(value, out);
		buf_put(out, STR("</unknown-param>\n"));
	}
}

/* RFC 6140 7.2.1: `bnc` must not be seen by who does not know what it means. */
static void put_uri(str uri, struct buf *out)
{
	size_t at = pbx_numbers_is_bulk(uri) ? str_find(uri, STR(";bnc")) : uri.n;

	put_xml(str_head(uri, at), out);
	if (at < uri.n)
		put_xml(str_skip(uri, at + 4), out);
}

static void put_contact(const struct contact_record *row, uint8_t what, struct pbx_gruus *gruus, usec now,
			struct buf *out)
{
	bool gone = what >= PBX_REG_EXPIRED;

	buf_put(out, STR("    <contact"));
	put_id(row->key, row->uri, out);
	buf_printf(out, " state=\"%s\" event=\"%s\" duration-registered=\"%lld\"", gone ? "terminated" : "active",
		   events[what], (long long)((now > row->registered ? now - row->registered : 0) / USEC_PER_SEC));
	if (!gone)
		buf_printf(out, " expires=\"%lld\"",
			   (long long)((row->expires > now ? row->expires - now : 0) / USEC_PER_SEC));
	if (what == PBX_REG_PROBATION)
		buf_put(out, STR(" retry-after=\"60\""));
	buf_printf(out, " q=\"%u.%03u\"", row->q / 1000, row->q % 1000);
	put_attribute("callid", row->call_id, out);
	buf_printf(out, " cseq=\"%u\">\n      <uri>", row->cseq);
	put_uri(row->uri, out);
	buf_put(out, STR("</uri>\n"));
	put_params(row->params, out);
	if (!gone)
		put_gruus(row, gruus, now, out);
	buf_put(out, STR("    </contact>\n"));
}

/* 4.7.1: one that ended is told of once, and is as if it had never been for who comes later. */
static const char *state_of(const struct pbx_reg_state *s, bool full)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->of[i].what < PBX_REG_EXPIRED)
			return "active";
	return s->n && !full ? "terminated" : "init";
}

void pbx_reg_event_write(const struct pbx_reg_state *s, str aor, uint64_t seen, uint32_t version,
			 struct pbx_gruus *gruus, usec now, struct buf *out)
{
	buf_printf(out,
		   "<?xml version=\"1.0\"?>\n<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\""
		   " xmlns:gr=\"urn:ietf:params:xml:ns:gruuinfo\" version=\"%u\" state=\"%s\">\n  <registration",
		   version, seen ? "partial" : "full");
	put_attribute("aor", aor, out);
	put_id(aor, STR_NONE, out);
	buf_printf(out, " state=\"%s\">\n", state_of(s, !seen));
	for (size_t i = 0; i < s->n; i++) {
		bool gone = s->of[i].what >= PBX_REG_EXPIRED;

		if (seen ? s->of[i].seq > seen : !gone)
			put_contact(&s->rows[i], s->of[i].what, gruus, now, out);
	}
	buf_put(out, STR("  </registration>\n</reginfo>\n"));
}
