#include "sip/msg.h"

#include "sip/scan.h"

#include <stdlib.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define HEADERS_AT_FIRST 24u

enum asked {
	ASKED_URI = 1,
	ASKED_VIA = 2,
	ASKED_FROM = 4,
	ASKED_TO = 8,
	ASKED_CSEQ = 16,
	ASKED_MAX_FORWARDS = 32,
	ASKED_CONTENT_LENGTH = 64,
	ASKED_EXPIRES = 128,
};

/* The first byte below SP: the end of a line, or something that has no place in one. `end` where there is none. */
static inline const char *find_control(const char *at, const char *end)
{
#if defined(__SSE2__)
	const __m128i top = _mm_set1_epi8(0x1f);

	for (; end - at >= 16; at += 16) {
		__m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
		int hits = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(block, top), block));

		if (hits)
			return at + __builtin_ctz((unsigned)hits);
	}
#else
	for (; end - at >= 8; at += 8) {
		uint64_t word;

		memcpy(&word, at, 8);
		if ((word - 0x2020202020202020u) & ~word & 0x8080808080808080u)
			break;
	}
#endif
	while (at < end && (unsigned char)*at > 0x1f)
		at++;
	return at;
}

/* The CR of the CRLF that ends this line. NULL: there is none, or the line holds a lone CR, a lone LF or a NUL,
 * with which messages are smuggled past elements that see other line ends. A NUL may stand behind a backslash
 * (quoted-pair of 25.1; RFC 4475 3.1.1.2). */
static inline const char *line_end(const char *at, const char *end)
{
	for (const char *start = at;; at++) {
		at = find_control(at, end);
		if (at == end || *at == '\n' || (*at == '\0' && (at == start || at[-1] != '\\')))
			return NULL;
		if (*at == '\r')
			return end - at >= 2 && at[1] == '\n' ? at : NULL;
	}
}

static inline const char *find_colon(const char *at, const char *stop, const char *end)
{
#if defined(__SSE2__)
	if (end - at >= 16) {
		__m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
		int hits = _mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8(':')));

		if (hits) {
			at += __builtin_ctz((unsigned)hits);
			return at < stop ? at : NULL;
		}
	}
#else
	(void)end;
#endif
	return memchr(at, ':', (size_t)(stop - at));
}

static enum err blame(struct sip_msg *m, int status, const char *why)
{
	if (m->fault.status == 0) {
		m->fault.status = status;
		m->fault.why = why;
	}
	return ERR_SYNTAX;
}

/* As it is written in the first place: no call. */
static inline bool says_sip(const char *at, const char *end)
{
	return end - at >= 4 && (memcmp(at, "SIP/", 4) == 0 ||
				 ((*at | 32) == 's' && str_starts_nocase(sip_scan_span(at, end), STR("SIP/"))));
}

static bool is_version(str s)
{
	return s.n == 7 && (memcmp(s.p, "SIP/2.0", 7) == 0 || str_eq_nocase(s, STR("SIP/2.0")));
}

/* SIP/2.0 200 OK. The reason may be empty, and its space missing (RFC 4475 3.1.1.13). */
static void parse_status_line(struct sip_msg *m, str line)
{
	uint32_t status;

	if (!is_version(str_head(line, 7))) {
		blame(m, 505, "Version Not Supported");
		return;
	}
	line = str_skip(line, 8);
	if (!str_u32(str_head(line, 3), 699, &status) || status < 100 || (line.n > 3 && line.p[3] != ' ')) {
		blame(m, 400, "Bad Status Line");
		return;
	}
	m->status = (uint16_t)status;
	m->reason = str_skip(line, 4);
}

/* INVITE sip:bob@example.com SIP/2.0: exactly one SP between the three (7.1). */
static enum err parse_request_line(struct sip_msg *m, str line)
{
	const char *at = line.p, *end = line.p + line.n, *space;

	m->is_request = true;
	/* The version stands at the end; whoever does not say SIP there does not speak it. */
	while (end > at && end[-1] == ' ')
		end--;
	space = end;
	while (space > at && space[-1] != ' ')
		space--;
	if (end - space < 5 || !says_sip(space, end))
		return ERR_ABSENT;
	str version = sip_scan_span(space, end);

	at = sip_scan_run(at, end, SIP_SCAN_TOKEN);
	m->method_text = sip_scan_span(line.p, at);
	m->method = (uint8_t)sip_method_find(m->method_text);
	if (m->method_text.n == 0)
		return ERR_ABSENT;
	if (!is_version(version))
		return blame(m, 505, "Version Not Supported");
	if (*at != ' ' || end != line.p + line.n || space - at < 3)
		return blame(m, 400, "Bad Request Line");
	m->uri_text = sip_scan_span(at + 1, space - 1);
	if (memchr(m->uri_text.p, ' ', m->uri_text.n) || memchr(m->uri_text.p, '\t', m->uri_text.n))
		return blame(m, 400, "Bad Request Line");
	return ERR_NONE;
}

static enum err grow_headers(struct sip_msg *m)
{
	unsigned cap = m->header_cap ? m->header_cap * 2u : HEADERS_AT_FIRST;
	struct sip_header *headers;

	if (m->header_n >= SIP_MSG_HEADER_MAX) {
		blame(m, 400, "Too Many Header Fields");
		return ERR_LIMIT;
	}
	if (cap > SIP_MSG_HEADER_MAX)
		cap = SIP_MSG_HEADER_MAX;
	headers = arena_alloc(m->arena, cap * sizeof(*headers));
	if (!headers)
		return ERR_MEMORY;
	if (m->header_n)
		memcpy(headers, m->headers, m->header_n * sizeof(*headers));
	m->headers = headers;
	m->header_cap = (uint16_t)cap;
	return ERR_NONE;
}

static void index_header(struct sip_msg *m, struct sip_header *h)
{
	uint8_t number = (uint8_t)++m->header_n;

	h->next = 0;
	if (m->first[h->kind])
		m->headers[m->last[h->kind] - 1].next = number;
	else
		m->first[h->kind] = number;
	m->last[h->kind] = number;
}

/* One field from `at` to the CR at `stop`, its folded lines included. */
static enum err add_header(struct sip_msg *m, const char *at, const char *stop, const char *end)
{
	const char *base = m->text.p, *colon = find_colon(at, stop, end), *name_end, *value, *value_end = stop;
	struct sip_header *h;
	enum err err;

	if (!colon)
		return blame(m, 400, "Header Field Without Colon");
	for (name_end = colon; name_end > at && (name_end[-1] == ' ' || name_end[-1] == '\t');)
		name_end--;
	value = sip_scan_blank(colon + 1, stop);
	while (value_end > value && sip_scan_is(value_end[-1], SIP_SCAN_BLANK))
		value_end--;
	if (m->header_n == m->header_cap && (err = grow_headers(m)) != ERR_NONE)
		return err;
	h = &m->headers[m->header_n];
	h->kind = (uint8_t)sip_kind_find_in(at, (size_t)(name_end - at), end);
	if (h->kind == SIP_OTHER && (name_end == at || sip_scan_run(at, name_end, SIP_SCAN_TOKEN) != name_end))
		return blame(m, 400, "Bad Header Field Name");
	h->at = (uint16_t)(at - base);
	h->name_n = (uint16_t)(name_end - at);
	h->value_at = (uint16_t)(value - base);
	h->value_n = (uint16_t)(value_end - value);
	h->end = (uint16_t)(stop + 2 - base);
	index_header(m, h);
	return ERR_NONE;
}

/* From behind the start line to the empty line. */
static enum err parse_headers(struct sip_msg *m, const char *at, const char *end, const char **body)
{
	for (;;) {
		const char *stop;
		enum err err;

		if (end - at >= 2 && at[0] == '\r' && at[1] == '\n') {
			m->headers_end = (uint16_t)(at - m->text.p);
			*body = at + 2;
			return ERR_NONE;
		}
		stop = line_end(at, end);
		while (stop && end - stop > 2 && (stop[2] == ' ' || stop[2] == '\t'))
			stop = line_end(stop + 2, end);
		if (!stop) {
			m->headers_end = (uint16_t)(at - m->text.p);
			*body = end;
			return blame(m, 400, "Header Not Ended by an Empty Line");
		}
		err = add_header(m, at, stop, end);
		if (err != ERR_NONE && err != ERR_SYNTAX)
			return err;
		at = stop + 2;
	}
}

static void measure_body(struct sip_msg *m, const char *body, const char *end)
{
	size_t n = (size_t)(end - body);
	uint32_t length;

	if (sip_msg_content_length(m, &length)) {
		if (length > n)
			blame(m, 400, "Content-Length Larger Than Message");
		else
			n = length;
	} else if (sip_msg_has(m, SIP_CONTENT_LENGTH)) {
		blame(m, 400, "Bad Content-Length");
	}
	m->body = str_of(body, n);
	m->text.n = (size_t)(body - m->text.p) + n;
}

/* Only what is read before it is set: `last` and the caches are guarded by `first` and `asked`, and clearing all of
 * the struct was an eighth of the time of a parse. */
static void clear(struct sip_msg *m, struct arena *arena, str text)
{
	m->text = text;
	m->body = m->method_text = m->uri_text = m->reason = STR_NONE;
	m->is_request = false;
	m->method = 0;
	m->status = 0;
	m->fault = (struct sip_fault){ 0 };
	m->source.family = 0;
	m->oc = STR_NONE;
	m->arena = arena;
	m->headers = NULL;
	m->header_n = m->header_cap = m->headers_at = m->headers_end = 0;
	memset(m->first, 0, sizeof(m->first));
	m->asked = m->good = 0;
	for (size_t i = 0; i < sizeof(m->lists) / sizeof(m->lists[0]); i++)
		m->lists[i].kind = 0;
}

enum err sip_msg_parse(struct sip_msg *m, struct arena *arena, str bytes)
{
	const char *at, *end, *stop, *body;
	enum err err = ERR_NONE;

	while (bytes.n && (bytes.p[0] == '\r' || bytes.p[0] == '\n'))
		bytes = str_skip(bytes, 1);
	clear(m, arena, str_head(bytes, SIP_MSG_MAX));
	at = m->text.p;
	end = at + m->text.n;
	stop = bytes.n ? line_end(at, end) : NULL;
	if (!stop)
		return ERR_ABSENT;
	if (stop - at >= 8 && says_sip(at, stop))
		parse_status_line(m, sip_scan_span(at, stop));
	else
		err = parse_request_line(m, sip_scan_span(at, stop));
	if (err == ERR_ABSENT)
		return err;
	m->headers_at = (uint16_t)(stop + 2 - at);
	err = parse_headers(m, stop + 2, end, &body);
	if (err != ERR_NONE && err != ERR_SYNTAX)
		return err;
	if (bytes.n > SIP_MSG_MAX) {
		blame(m, 513, "Message Too Large");
		return ERR_LIMIT;
	}
	measure_body(m, body, end);
	return m->fault.status ? ERR_SYNTAX : ERR_NONE;
}

void sip_msg_stamp(struct sip_msg *m, const struct addr *source)
{
	m->source = *source;
}

struct owned {
	struct sip_msg msg; /* first: the message's address is the block's */
	struct arena arena;
	_Alignas(max_align_t) char first[1536];
	char bytes[];
};

struct sip_msg *sip_msg_new(str bytes)
{
	struct owned *o;
	enum err err;

	if (bytes.n > SIP_MSG_MAX || !(o = malloc(sizeof(*o) + bytes.n)))
		return NULL;
	if (bytes.n)
		memcpy(o->bytes, bytes.p, bytes.n);
	arena_init(&o->arena, o->first, sizeof(o->first), SIP_MSG_HEAP_MAX);
	err = sip_msg_parse(&o->msg, &o->arena, str_of(o->bytes, bytes.n));
	if (err != ERR_NONE && err != ERR_SYNTAX) {
		sip_msg_free(&o->msg);
		return NULL;
	}
	return &o->msg;
}

void sip_msg_free(struct sip_msg *m)
{
	struct owned *o = (struct owned *)m;

	if (o) {
		arena_free(&o->arena);
		free(o);
	}
}

/* ---- header fields ---- */

unsigned sip_msg_count(const struct sip_msg *m, enum sip_kind kind)
{
	unsigned n = 0;

	for (uint8_t i = m->first[kind]; i; i = m->headers[i - 1].next)
		n++;
	return n;
}

const struct sip_header *sip_msg_header(const struct sip_msg *m, enum sip_kind kind)
{
	return m->first[kind] ? &m->headers[m->first[kind] - 1] : NULL;
}

const struct sip_header *sip_msg_header_next(const struct sip_msg *m, const struct sip_header *h)
{
	return h->next ? &m->headers[h->next - 1] : NULL;
}

str sip_header_name(const struct sip_msg *m, const struct sip_header *h)
{
	return str_of(m->text.p + h->at, h->name_n);
}

str sip_header_value(const struct sip_msg *m, const struct sip_header *h)
{
	return str_of(m->text.p + h->value_at, h->value_n);
}

str sip_msg_value(const struct sip_msg *m, enum sip_kind kind)
{
	const struct sip_header *h = sip_msg_header(m, kind);

	return h ? sip_header_value(m, h) : STR_NONE;
}

bool sip_msg_find(const struct sip_msg *m, str name, str *value)
{
	const struct sip_header *h;

	for (h = sip_msg_header(m, SIP_OTHER); h; h = sip_msg_header_next(m, h))
		if (str_eq_nocase(sip_header_name(m, h), name)) {
			*value = sip_header_value(m, h);
			return true;
		}
	return false;
}

struct sip_values sip_msg_values(const struct sip_msg *m, enum sip_kind kind)
{
	const struct sip_header *h = sip_msg_header(m, kind);

	return (struct sip_values){ .msg = m, .header = h, .rest = h ? sip_header_value(m, h) : STR_NONE };
}

bool sip_values_next(struct sip_values *v, str *value)
{
	while (v->header) {
		if (sip_list_next(&v->rest, value))
			return true;
		v->header = sip_msg_header_next(v->msg, v->header);
		v->rest = v->header ? sip_header_value(v->msg, v->header) : STR_NONE;
	}
	return false;
}

bool sip_msg_lists(const struct sip_msg *m, enum sip_kind kind, str token)
{
	struct sip_values v = sip_msg_values(m, kind);
	str value;

	while (sip_values_next(&v, &value))
		if (str_eq_nocase(value, token))
			return true;
	return false;
}

/* ---- typed ---- */

/* true: not yet tried; from now on it is. */
static bool first_time(struct sip_msg *m, enum asked what)
{
	if (m->asked & what)
		return false;
	m->asked |= what;
	return true;
}

/* A field that may come once only: NULL where it comes twice or not at all. */
static const struct sip_header *single(const struct sip_msg *m, enum sip_kind kind)
{
	const struct sip_header *h = sip_msg_header(m, kind);

	return h && !h->next ? h : NULL;
}

const struct sip_uri *sip_msg_uri(struct sip_msg *m)
{
	struct sip_uri *uri;

	if (first_time(m, ASKED_URI)) {
		m->uri = NULL;
		if (m->uri_text.n && (uri = arena_alloc(m->arena, sizeof(*uri))) && sip_uri_scan(m->uri_text, uri))
			m->uri = uri;
	}
	return m->uri;
}

const struct sip_via *sip_msg_via(struct sip_msg *m)
{
	const struct sip_header *h = sip_msg_header(m, SIP_VIA);
	struct sip_via *via;

	if (first_time(m, ASKED_VIA)) {
		str value = h ? sip_header_value(m, h) : STR_NONE;

		m->via = NULL;
		if (value.n && (via = arena_alloc(m->arena, sizeof(*via))) &&
		    sip_via_take(value.p, value.p + value.n, via))
			m->via = via;
	}
	return m->via;
}

const struct sip_via *sip_msg_via_seen(const struct sip_msg *m)
{
	return m->asked & ASKED_VIA ? m->via : NULL;
}

static const struct sip_address *type_address(struct sip_msg *m, enum sip_kind kind, const struct sip_address *like)
{
	const struct sip_header *h = single(m, kind);
	struct sip_address *address = h ? arena_alloc(m->arena, sizeof(*address)) : NULL;
	str value;

	if (!address)
		return NULL;
	value = sip_header_value(m, h);
	if (!value.n || sip_address_take_like(value.p, value.p + value.n, like, address) != value.p + value.n)
		return NULL;
	return address->star ? NULL : address;
}

const struct sip_address *sip_msg_from(struct sip_msg *m)
{
	if (first_time(m, ASKED_FROM))
		m->from = type_address(m, SIP_FROM, NULL);
	return m->from;
}

const struct sip_address *sip_msg_to(struct sip_msg *m)
{
	if (first_time(m, ASKED_TO))
		/* a REGISTER's is the same */
		m->to = type_address(m, SIP_TO, m->asked & ASKED_FROM ? m->from : NULL);
	return m->to;
}

const struct sip_cseq *sip_msg_cseq(struct sip_msg *m)
{
	if (first_time(m, ASKED_CSEQ)) {
		const struct sip_header *h = single(m, SIP_CSEQ);

		if (h && !sip_cseq_parse(sip_header_value(m, h), &m->cseq)) {
			m->good |= ASKED_CSEQ;
			if (!m->is_request)
				m->method = (uint8_t)m->cseq.method;
		}
	}
	return m->good & ASKED_CSEQ ? &m->cseq : NULL;
}

str sip_msg_call_id(const struct sip_msg *m)
{
	const struct sip_header *h = single(m, SIP_CALL_ID);

	return h ? sip_header_value(m, h) : STR_NONE;
}

static bool type_number(struct sip_msg *m, enum asked what, enum sip_kind kind, uint32_t max, uint32_t *cache,
			uint32_t *out)
{
	if (first_time(m, what)) {
		const struct sip_header *h = single(m, kind);

		if (h && str_u32(sip_header_value(m, h), max, cache))
			m->good |= what;
	}
	if (!(m->good & what))
		return false;
	*out = *cache;
	return true;
}

bool sip_msg_max_forwards(struct sip_msg *m, uint32_t *out)
{
	return type_number(m, ASKED_MAX_FORWARDS, SIP_MAX_FORWARDS, 255, &m->max_forwards, out);
}

bool sip_msg_content_length(struct sip_msg *m, uint32_t *out)
{
	return type_number(m, ASKED_CONTENT_LENGTH, SIP_CONTENT_LENGTH, UINT32_MAX, &m->content_length, out);
}

bool sip_msg_expires(struct sip_msg *m, uint32_t *seconds)
{
	if (first_time(m, ASKED_EXPIRES)) {
		const struct sip_header *h = single(m, SIP_EXPIRES);
		enum err err = h ? sip_seconds_parse(sip_header_value(m, h), &m->expires, NULL) : ERR_ABSENT;

		if (err == ERR_LIMIT)
			m->expires = UINT32_MAX;
		if (err == ERR_NONE || err == ERR_LIMIT)
			m->good |= ASKED_EXPIRES;
	}
	if (!(m->good & ASKED_EXPIRES))
		return false;
	*seconds = m->expires;
	return true;
}

/* Grows a list in the arena; what it outgrows stays there until the message goes. */
static void *room_for_one(struct arena *arena, void *list, size_t n, size_t *cap, size_t size)
{
	void *bigger;

	if (n < *cap)
		return list;
	*cap = *cap ? *cap * 4 : 1;
	bigger = arena_alloc(arena, *cap * size);
	if (bigger && n)
		memcpy(bigger, list, n * size);
	return bigger;
}

static enum err type_addresses(struct sip_msg *m, enum sip_kind kind, struct sip_list *out)
{
	struct sip_address *list = NULL;
	size_t n = 0, cap = 0;

	for (const struct sip_header *h = sip_msg_header(m, kind); h; h = sip_msg_header_next(m, h)) {
		str value = sip_header_value(m, h);
		const char *at = value.p, *end = at + value.n;

		for (;;) {
			if (n == SIP_MSG_VALUE_MAX)
				return ERR_LIMIT;
			list = room_for_one(m->arena, list, n, &cap, sizeof(*list));
			if (!list)
				return ERR_MEMORY;
			at = sip_address_take(at, end, &list[n]);
			if (!at)
				return ERR_SYNTAX;
			n++;
			if (at == end)
				break;
			at++;
		}
	}
	/* Contact: * stands alone (10.2.2), and only there. */
	for (size_t i = 0; i < n; i++)
		if (list[i].star && (kind != SIP_CONTACT || n > 1))
			return ERR_SYNTAX;
	out->list = list;
	out->n = (uint16_t)n;
	return n ? ERR_NONE : ERR_ABSENT;
}

enum err sip_msg_addresses(struct sip_msg *m, enum sip_kind kind, const struct sip_address **list, size_t *n)
{
	const size_t places = sizeof(m->lists) / sizeof(m->lists[0]);
	struct sip_list *l = m->lists;

	if (!m->first[kind])
		return ERR_ABSENT;
	while (l < m->lists + places && l->kind && l->kind != kind)
		l++;
	if (l == m->lists + places)
		l--;
	if (l->kind != kind) {
		*l = (struct sip_list){ .kind = (uint8_t)kind };
		l->err = (uint8_t)type_addresses(m, kind, l);
	}
	if (l->err)
		return (enum err)l->err;
	*list = l->list;
	*n = l->n;
	return ERR_NONE;
}

enum err sip_msg_vias(struct sip_msg *m, const struct sip_via **out, size_t *out_n)
{
	struct sip_via *list = NULL;
	size_t n = 0, cap = 0;

	for (const struct sip_header *h = sip_msg_header(m, SIP_VIA); h; h = sip_msg_header_next(m, h)) {
		str value = sip_header_value(m, h);
		const char *at = value.p, *end = at + value.n;

		for (;; at++) {
			if (n == SIP_MSG_VALUE_MAX)
				return ERR_LIMIT;
			list = room_for_one(m->arena, list, n, &cap, sizeof(*list));
			if (!list)
				return ERR_MEMORY;
			at = sip_via_take(at, end, &list[n]);
			if (!at)
				return ERR_SYNTAX;
			n++;
			if (at == end)
				break;
		}
	}
	if (n == 0)
		return ERR_ABSENT;
	*out = list;
	*out_n = n;
	return ERR_NONE;
}

/* ---- what must be right ---- */

static int wrong(struct sip_msg *m, const char *why)
{
	blame(m, 400, why);
	return m->fault.status;
}

static bool list_is_bad(struct sip_msg *m, enum sip_kind kind)
{
	const struct sip_address *list;
	size_t n;

	return m->first[kind] && sip_msg_addresses(m, kind, &list, &n) != ERR_NONE;
}

static bool is_repeated(const struct sip_msg *m, enum sip_kind kind)
{
	return m->first[kind] && m->first[kind] != m->last[kind];
}

int sip_msg_check(struct sip_msg *m)
{
	const struct sip_cseq *cseq;
	uint32_t ignored;

	if (m->fault.status)
		return m->fault.status;
	if (!sip_msg_via(m))
		return wrong(m, "Bad or Missing Via");
	if (!sip_msg_from(m))
		return wrong(m, "Bad, Missing or Repeated From");
	if (!sip_msg_to(m))
		return wrong(m, "Bad, Missing or Repeated To");
	if (sip_msg_call_id(m).n == 0)
		return wrong(m, "Missing or Repeated Call-ID");
	if (!(cseq = sip_msg_cseq(m)))
		return wrong(m, "Bad, Missing or Repeated CSeq");
	if (sip_msg_has(m, SIP_CONTENT_LENGTH) && !sip_msg_content_length(m, &ignored))
		return wrong(m, "Bad or Repeated Content-Length");
	if (is_repeated(m, SIP_CONTENT_TYPE) || is_repeated(m, SIP_EXPIRES))
		return wrong(m, "Repeated Header Field");
	if (list_is_bad(m, SIP_CONTACT))
		return wrong(m, "Bad Contact");
	if (list_is_bad(m, SIP_RECORD_ROUTE))
		return wrong(m, "Bad Record-Route");
	if (!m->is_request)
		return 0;
	/* 19.1.1: a Request-URI has no headers */
	if (!sip_msg_uri(m) || m->uri->headers.n)
		return wrong(m, "Bad Request-URI");
	if (!str_eq(cseq->method_text, m->method_text))
		return wrong(m, "CSeq Method Differs From Request Line");
	if (sip_msg_has(m, SIP_MAX_FORWARDS) && !sip_msg_max_forwards(m, &ignored))
		return wrong(m, "Bad or Repeated Max-Forwards");
	if (list_is_bad(m, SIP_ROUTE))
		return wrong(m, "Bad Route");
	return 0;
}
