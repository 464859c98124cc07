#include "overlay/field.h"

#define FIELD_HEAD_N 3

void overlay_fields_start(struct overlay_fields *f, str list)
{
	*f = (struct overlay_fields){ .rest = list };
}

static uint64_t take_be(const char *p, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++)
		value = value << 8 | (uint8_t)p[i];
	return value;
}

bool overlay_fields_next(struct overlay_fields *f, uint8_t *tag, str *value)
{
	if (f->err || f->rest.n == 0)
		return false;
	if (f->rest.n < FIELD_HEAD_N) {
		f->err = ERR_SYNTAX;
		return false;
	}
	size_t n = take_be(f->rest.p + 1, 2);
	if (f->rest.n - FIELD_HEAD_N < n) {
		f->err = ERR_SYNTAX;
		return false;
	}
	*tag = (uint8_t)f->rest.p[0];
	*value = str_of(f->rest.p + FIELD_HEAD_N, n);
	f->rest = str_skip(f->rest, FIELD_HEAD_N + n);
	return true;
}

bool overlay_fields_once(struct overlay_fields *f, uint8_t tag)
{
	uint64_t bit = (uint64_t)1 << tag % 64;

	if (f->seen[tag / 64] & bit) {
		f->err = ERR_SYNTAX;
		return false;
	}
	f->seen[tag / 64] |= bit;
	return true;
}

void overlay_fields_unknown(struct overlay_fields *f, uint8_t tag)
{
	if (tag & OVERLAY_TAG_CRITICAL)
		f->err = ERR_UNSUPPORTED;
}

bool overlay_fields_had(const struct overlay_fields *f, uint8_t tag)
{
	return f->seen[tag / 64] >> tag % 64 & 1;
}

bool overlay_value_u8(str v, uint8_t *out)
{
	if (v.n != 1)
		return false;
	*out = (uint8_t)v.p[0];
	return true;
}

bool overlay_value_u16(str v, uint16_t *out)
{
	if (v.n != 2)
		return false;
	*out = (uint16_t)take_be(v.p, 2);
	return true;
}

bool overlay_value_u32(str v, uint32_t *out)
{
	if (v.n != 4)
		return false;
	*out = (uint32_t)take_be(v.p, 4);
	return true;
}

bool overlay_value_u64(str v, uint64_t *out)
{
	if (v.n != 8)
		return false;
	*out = take_be(v.p, 8);
	return true;
}

bool overlay_value_time(str v, usec *out)
{
	uint64_t ms;

	if (!overlay_value_u64(v, &ms) || ms > (uint64_t)(USEC_NEVER / USEC_PER_MS))
		return false;
	*out = (usec)ms * USEC_PER_MS;
	return true;
}

bool overlay_value_bytes(str v, void *out, size_t n)
{
	if (v.n != n)
		return false;
	memcpy(out, v.p, n);
	return true;
}

bool overlay_take_addr(str *rest, struct addr *out)
{
	size_t ip_n = rest->n && rest->p[0] == 4 ? 4 : 16;
	struct addr a = { 0 };

	if (rest->n < 3 + ip_n || (rest->p[0] != 4 && rest->p[0] != 6))
		return false;
	a.family = (uint8_t)rest->p[0];
	a.port = (uint16_t)take_be(rest->p + 1, 2);
	memcpy(a.ip, rest->p + 3, ip_n);
	*rest = str_skip(*rest, 3 + ip_n);
	*out = a;
	return true;
}

void overlay_put_field(struct buf *b, uint8_t tag, str value)
{
	if (value.n > UINT16_MAX) {
		b->err = b->err ? b->err : ERR_FULL;
		return;
	}
	buf_put_u8(b, tag);
	buf_put_u16(b, (uint16_t)value.n);
	buf_put(b, value);
}

void overlay_put_u8(struct buf *b, uint8_t tag, uint8_t value)
{
	overlay_put_field(b, tag, str_of((const char *)&value, 1));
}

static void put_be(struct buf *b, uint8_t tag, uint64_t value, size_t n)
{
	char bytes[8];

	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)(value >> 8 * (n - 1 - i));
	overlay_put_field(b, tag, str_of(bytes, n));
}

void overlay_put_u16(struct buf *b, uint8_t tag, uint16_t value)
{
	put_be(b, tag, value, 2);
}

void overlay_put_u32(struct buf *b, uint8_t tag, uint32_t value)
{
	put_be(b, tag, value, 4);
}

void overlay_put_u64(struct buf *b, uint8_t tag, uint64_t value)
{
	put_be(b, tag, value, 8);
}

void overlay_put_time(struct buf *b, uint8_t tag, usec value)
{
	put_be(b, tag, (uint64_t)(value / USEC_PER_MS), 8);
}

void overlay_put_bytes(struct buf *b, uint8_t tag, const void *p, size_t n)
{
	overlay_put_field(b, tag, str_of(p, n));
}

void overlay_put_addr_value(struct buf *b, const struct addr *a)
{
	buf_put_u8(b, a->family == 6 ? 6 : 4);
	buf_put_u16(b, a->port);
	buf_put_bytes(b, a->ip, a->family == 6 ? 16 : 4);
}

/* context 0x00 list, in one piece: Ed25519 goes over its input twice, so there is no signing in pieces. */
static bool signed_text(struct buf *b, str context, str list)
{
	buf_init_grow(b, context.n + 1 + list.n);
	buf_put(b, context);
	buf_put_u8(b, 0);
	buf_put(b, list);
	return buf_ok(b);
}

void overlay_put_signature(struct buf *b, size_t from, str context, const struct sign_pair *pair)
{
	uint8_t signature[SIGN_N];
	struct buf text;

	if (!buf_ok(b))
		return;
	if (!signed_text(&text, context, str_of(b->p + from, b->n - from))) {
		b->err = text.err;
	} else {
		sign_make(pair, buf_str(&text), signature);
		overlay_put_bytes(b, OVERLAY_TAG_SIGNED, signature, sizeof(signature));
	}
	buf_free(&text);
}

enum err overlay_check_signature(str list, str context, const uint8_t key[OVERLAY_KEY_N])
{
	static const char head[FIELD_HEAD_N] = { OVERLAY_TAG_SIGNED, 0, SIGN_N };
	struct buf text;

	if (list.n < FIELD_HEAD_N + SIGN_N)
		return ERR_SYNTAX;
	str end = str_skip(list, list.n - FIELD_HEAD_N - SIGN_N);
	if (memcmp(end.p, head, FIELD_HEAD_N) != 0)
		return ERR_SYNTAX;
	enum err err = ERR_MEMORY;
	if (signed_text(&text, context, str_head(list, list.n - end.n)))
		err = sign_check(key, buf_str(&text), (const uint8_t *)end.p + FIELD_HEAD_N);
	buf_free(&text);
	return err;
}
