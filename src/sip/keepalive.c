#include "sip/keepalive.h"

#define HEADER_N      20
#define COOKIE        0x2112a442u
#define REQUEST       0x0001
#define SUCCESS       0x0101
#define ERROR         0x0111
#define XOR_MAPPED    0x0020
#define ERROR_CODE    0x0009
#define UNKNOWN       0x000a
#define FAMILY_IPV4   1
#define FAMILY_IPV6   2
#define RTO           (500 * USEC_PER_MS) /* RFC 8489 6.2.1; each wait twice the one before */
#define LAST_WAIT     (16 * RTO)
#define UNKNOWN_MAX   8
#define ATTRIBUTE_MAX 32

static unsigned u16(const char *p)
{
	return (unsigned)(uint8_t)p[0] << 8 | (uint8_t)p[1];
}

static uint32_t u32(const char *p)
{
	return (uint32_t)u16(p) << 16 | u16(p + 2);
}

bool sip_keepalive_is(str d)
{
	return d.n >= HEADER_N && !(d.p[0] & 0xc0) && u32(d.p + 4) == COOKIE && u16(d.p + 2) == d.n - HEADER_N &&
	       !(d.n & 3);
}

static bool next_attribute(str *rest, unsigned *type, str *value)
{
	size_t n;

	if (rest->n < 4)
		return false;
	*type = u16(rest->p);
	n = u16(rest->p + 2);
	if (n > rest->n - 4)
		return false;
	*value = str_of(rest->p + 4, n);
	*rest = str_skip(*rest, 4 + ((n + 3) & ~(size_t)3));
	return true;
}

/* RFC 8489 14.: those below 0x8000 must be understood. Of these we read none, but know what they are for: it is no
 * harm to answer whoever shows a name or a check sum (RFC 5626 8. asks for neither). */
static bool is_known(unsigned type)
{
	return type >= 0x8000 || type == 0x0006 || type == 0x0008 || type == 0x001c || type == 0x0024 || type == 0x0025;
}

/* How many are not; -1: malformed. */
static int unknown(str request, uint16_t out[UNKNOWN_MAX])
{
	str rest = str_skip(request, HEADER_N), value;
	unsigned type;
	int n = 0;

	for (int i = 0; rest.n; i++) {
		if (i == ATTRIBUTE_MAX || !next_attribute(&rest, &type, &value))
			return -1;
		if (!is_known(type) && n < UNKNOWN_MAX)
			out[n++] = (uint16_t)type;
	}
	return n;
}

static void put_header(struct buf *out, unsigned type, size_t n, const void *id)
{
	buf_put_u16(out, (uint16_t)type);
	buf_put_u16(out, (uint16_t)n);
	buf_put_u32be(out, COOKIE);
	buf_put_bytes(out, id, SIP_KEEPALIVE_ID);
}

/* XOR-MAPPED-ADDRESS (14.2): the mask is the cookie and, for IPv6, the id behind it. */
static void mask(const char *header, const uint8_t *in, size_t n, uint8_t *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = in[i] ^ (uint8_t)header[4 + i];
}

static void put_mapped(str request, const struct addr *from, struct buf *out)
{
	size_t n = from->family == 6 ? 16 : 4;
	uint8_t ip[16];

	put_header(out, SUCCESS, 8 + n, request.p + 8);
	buf_put_u16(out, XOR_MAPPED);
	buf_put_u16(out, (uint16_t)(4 + n));
	buf_put_u16(out, from->family == 6 ? FAMILY_IPV6 : FAMILY_IPV4);
	buf_put_u16(out, (uint16_t)(from->port ^ COOKIE >> 16));
	mask(request.p, from->ip, n, ip);
	buf_put_bytes(out, ip, n);
}

static void put_refusal(str request, const uint16_t *types, size_t n, struct buf *out)
{
	size_t padded = (2 * n + 3) & ~(size_t)3;

	put_header(out, ERROR, 8 + 4 + padded, request.p + 8);
	buf_put_u16(out, ERROR_CODE);
	buf_put_u16(out, 4);
	buf_put_u32be(out, 4 << 8 | 20);
	buf_put_u16(out, UNKNOWN);
	buf_put_u16(out, (uint16_t)(2 * n));
	for (size_t i = 0; i < n; i++)
		buf_put_u16(out, types[i]);
	if (2 * n < padded)
		buf_put_u16(out, 0);
}

bool sip_keepalive_answer(str request, const struct addr *from, struct buf *out)
{
	uint16_t types[UNKNOWN_MAX];
	int n;

	if (!sip_keepalive_is(request) || u16(request.p) != REQUEST)
		return false;
	n = unknown(request, types);
	if (n < 0)
		return false;
	if (n)
		put_refusal(request, types, (size_t)n, out);
	else
		put_mapped(request, from, out);
	return buf_ok(out);
}

/* ---- our own ---- */

static struct sip_keepalive_way *find(struct sip_keepalive *k, const struct flow *flow)
{
	for (size_t i = 0; i < k->n; i++) {
		struct sip_keepalive_way *w = &k->ways[i];

		if (w->flow.transport && w->flow.id == flow->id && addr_eq(&w->flow.remote, &flow->remote))
			return w;
	}
	return NULL;
}

static struct sip_keepalive_way *oldest(struct sip_keepalive *k)
{
	struct sip_keepalive_way *w = &k->ways[0];

	for (size_t i = 0; i < k->n; i++)
		if (!k->ways[i].flow.transport)
			return &k->ways[i];
		else if (k->ways[i].asked < w->asked)
			w = &k->ways[i];
	return k->n < SIP_KEEPALIVE_MAX ? &k->ways[k->n++] : w;
}

void sip_keepalive_start(struct sip_keepalive *k, const struct flow *flow, struct rng *rng, usec now)
{
	struct sip_keepalive_way *w = find(k, flow);

	if (!w) {
		w = oldest(k);
		*w = (struct sip_keepalive_way){ .flow = *flow, .next = USEC_NEVER };
	}
	if (w->next != USEC_NEVER)
		return;
	rng_fill(rng, w->id, sizeof(w->id));
	w->asked = now;
	w->tries = 1;
	w->next = usec_add(now, RTO);
	w->send = true;
}

/* XOR-MAPPED-ADDRESS of an answer; unset: there is none. */
static struct addr mapped(str answer)
{
	str rest = str_skip(answer, HEADER_N), value;
	struct addr out = { 0 };
	unsigned type;

	while (next_attribute(&rest, &type, &value)) {
		size_t n = value.n >= 8 && value.p[1] == FAMILY_IPV6 ? 16 : 4;

		if (type != XOR_MAPPED || value.n != 4 + n)
			continue;
		out.family = n == 16 ? 6 : 4;
		out.port = (uint16_t)(u16(value.p + 2) ^ COOKIE >> 16);
		mask(answer.p, (const uint8_t *)value.p + 4, n, out.ip);
		break;
	}
	return out;
}

void sip_keepalive_recv(struct sip_keepalive *k, const struct flow *flow, str answer)
{
	struct sip_keepalive_way *w = find(k, flow);
	struct addr now_at;

	if (!w || w->next == USEC_NEVER || !sip_keepalive_is(answer) ||
	    (u16(answer.p) != SUCCESS && u16(answer.p) != ERROR) || memcmp(answer.p + 8, w->id, SIP_KEEPALIVE_ID) != 0)
		return;
	w->next = USEC_NEVER;
	w->send = false;
	now_at = u16(answer.p) == SUCCESS ? mapped(answer) : (struct addr){ 0 };
	if (addr_is_set(&w->mapped) && addr_is_set(&now_at) && !addr_eq(&w->mapped, &now_at)) {
		w->gone = true; /* RFC 5626 4.4.2 */
		w->why = ERR_STATE;
		return;
	}
	if (addr_is_set(&now_at))
		w->mapped = now_at;
	w->pong = true; /* an error, too, says that somebody is there */
}

void sip_keepalive_tick(struct sip_keepalive *k, usec now)
{
	for (size_t i = 0; i < k->n; i++) {
		struct sip_keepalive_way *w = &k->ways[i];

		if (!w->flow.transport || now < w->next)
			continue;
		if (w->tries == SIP_KEEPALIVE_TRIES) {
			w->next = USEC_NEVER;
			w->gone = true;
			w->why = ERR_TIMEOUT;
			continue;
		}
		w->next = usec_add(now, ++w->tries == SIP_KEEPALIVE_TRIES ? LAST_WAIT : RTO << (w->tries - 1));
		w->send = true;
	}
}

usec sip_keepalive_due(const struct sip_keepalive *k)
{
	usec due = USEC_NEVER;

	for (size_t i = 0; i < k->n; i++)
		if (k->ways[i].flow.transport)
			due = usec_min(due, k->ways[i].next);
	return due;
}

static enum sip_keepalive_step next_of(struct sip_keepalive_way *w, struct sip_keepalive_do *out)
{
	struct buf b;

	*out = (struct sip_keepalive_do){ .flow = w->flow };
	if (w->gone) {
		out->err = w->why;
		w->flow.transport = 0;
		return out->step = SIP_KEEPALIVE_GONE;
	}
	if (w->pong) {
		w->pong = false;
		return out->step = SIP_KEEPALIVE_PONG;
	}
	w->send = false;
	buf_init(&b, out->bytes, sizeof(out->bytes));
	put_header(&b, REQUEST, 0, w->id);
	return out->step = SIP_KEEPALIVE_SEND;
}

enum sip_keepalive_step sip_keepalive_next(struct sip_keepalive *k, struct sip_keepalive_do *out)
{
	for (size_t i = 0; i < k->n; i++) {
		struct sip_keepalive_way *w = &k->ways[i];

		if (w->flow.transport && (w->gone || w->pong || w->send))
			return next_of(w, out);
	}
	return SIP_KEEPALIVE_QUIET;
}
