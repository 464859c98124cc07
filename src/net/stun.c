#include "net/stun.h"

#include "crypt/digest.h"
#include "crypt/hmac.h"
#include "crypt/secret.h"

#include <assert.h>

#define FINGERPRINT_XOR 0x5354554eu
#define SHA1_N          20
#define SHA256_N        32

static uint16_t u16(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)(b[0] << 8 | b[1]);
}

static uint32_t u32(const void *p)
{
	return (uint32_t)u16(p) << 16 | u16((const uint8_t *)p + 2);
}

static size_t padded(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

/* RFC 8489 5., figure 3: the class bits stand in the middle of the method's. */
static uint16_t type_of(enum stun_class class, uint16_t method)
{
	return (uint16_t)((method & 0x0f80) << 2 | (method & 0x0070) << 1 | (method & 0x000f) | (class & 2) << 7 |
			  (class & 1) << 4);
}

static uint16_t method_of(uint16_t type)
{
	return (uint16_t)((type & 0x3e00) >> 2 | (type & 0x00e0) >> 1 | (type & 0x000f));
}

static bool is_known(uint16_t attr)
{
	switch ((enum stun_attr)attr) {
	case STUN_MAPPED_ADDRESS:
	case STUN_USERNAME:
	case STUN_MESSAGE_INTEGRITY:
	case STUN_ERROR_CODE:
	case STUN_UNKNOWN_ATTRIBUTES:
	case STUN_CHANNEL_NUMBER:
	case STUN_LIFETIME:
	case STUN_XOR_PEER_ADDRESS:
	case STUN_DATA_VALUE:
	case STUN_REALM:
	case STUN_NONCE:
	case STUN_XOR_RELAYED_ADDRESS:
	case STUN_REQUESTED_ADDRESS_FAMILY:
	case STUN_EVEN_PORT:
	case STUN_REQUESTED_TRANSPORT:
	case STUN_DONT_FRAGMENT:
	case STUN_MESSAGE_INTEGRITY_SHA256:
	case STUN_PASSWORD_ALGORITHM:
	case STUN_USERHASH:
	case STUN_XOR_MAPPED_ADDRESS:
	case STUN_RESERVATION_TOKEN:
	case STUN_PRIORITY:
	case STUN_USE_CANDIDATE:
		return true;
	default:
		return attr >= 0x8000; /* comprehension-optional */
	}
}

/* 14.7: CRC-32 of ITU V.42, by half bytes: messages are short and the table stays in two cache lines. */
static uint32_t fingerprint(const char *p, size_t n)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < n; i++) {
		crc ^= (uint8_t)p[i];
		crc = table[crc & 15] ^ crc >> 4;
		crc = table[crc & 15] ^ crc >> 4;
	}
	return ~crc ^ FINGERPRINT_XOR;
}

/* One attribute; `at` is its offset in the message. */
static enum err take_attr(struct stun_msg *m, size_t at, uint16_t attr, str value)
{
	bool sealed = m->integrity_at || m->integrity256_at;

	if (m->fingerprint)
		return ERR_SYNTAX; /* 14.7: it is the last one */
	if (attr == STUN_FINGERPRINT) {
		if (value.n != 4)
			return ERR_SYNTAX;
		if (fingerprint(m->bytes.p, at) != u32(value.p))
			return ERR_FORGED;
		m->fingerprint = true;
	} else if (attr == STUN_MESSAGE_INTEGRITY_SHA256 && !m->integrity256_at) {
		if (value.n != SHA256_N) /* 14.6: shorter only where a usage says so */
			return ERR_SYNTAX;
		m->integrity256_at = at;
	} else if (sealed) {
		return ERR_NONE; /* 14.5: ignored */
	} else if (attr == STUN_MESSAGE_INTEGRITY) {
		if (value.n != SHA1_N)
			return ERR_SYNTAX;
		m->integrity_at = at;
	} else if (!is_known(attr) && m->unknown_n < STUN_UNKNOWN_MAX) {
		m->unknown[m->unknown_n++] = attr;
	}
	return ERR_NONE;
}

enum err stun_parse(str datagram, struct stun_msg *out)
{
	struct stun_msg m = { .bytes = datagram };
	const char *p = datagram.p;
	size_t attr_n = 0;
	uint16_t type;

	if (datagram.n < STUN_HEADER_N || datagram.n > STUN_HEADER_N + 0xffff)
		return ERR_SYNTAX;
	type = u16(p);
	if (type & 0xc000 || u32(p + 4) != STUN_COOKIE || u16(p + 2) % 4 ||
	    (size_t)u16(p + 2) != datagram.n - STUN_HEADER_N)
		return ERR_SYNTAX;
	m.class = (enum stun_class)((type & 0x0100) >> 7 | (type & 0x0010) >> 4);
	m.method = method_of(type);
	m.id = (const uint8_t *)p + 8;
	for (size_t at = STUN_HEADER_N; at < datagram.n;) {
		enum err err;
		size_t n;

		if (datagram.n - at < 4 || (n = u16(p + at + 2), padded(n) > datagram.n - at - 4))
			return ERR_SYNTAX;
		if (++attr_n > STUN_ATTR_MAX)
			return ERR_LIMIT;
		if ((err = take_attr(&m, at, u16(p + at), str_of(p + at + 4, n))))
			return err;
		at += 4 + padded(n);
	}
	*out = m;
	return ERR_NONE;
}

static bool find_from(const struct stun_msg *m, size_t at, size_t end, uint16_t attr, str *value)
{
	const char *p = m->bytes.p;

	for (; at < end; at += 4 + padded(u16(p + at + 2)))
		if (u16(p + at) == attr) {
			*value = str_of(p + at + 4, u16(p + at + 2));
			return true;
		}
	return false;
}

bool stun_find(const struct stun_msg *m, uint16_t attr, str *value)
{
	size_t seal = m->integrity_at ? m->integrity_at : m->integrity256_at;

	if (attr == STUN_MESSAGE_INTEGRITY || attr == STUN_MESSAGE_INTEGRITY_SHA256 || attr == STUN_FINGERPRINT)
		return find_from(m, seal ? seal : STUN_HEADER_N, m->bytes.n, attr, value);
	return find_from(m, STUN_HEADER_N, seal ? seal : m->bytes.n, attr, value);
}

bool stun_find_u32(const struct stun_msg *m, uint16_t attr, uint32_t *out)
{
	str value;

	if (!stun_find(m, attr, &value) || value.n != 4)
		return false;
	*out = u32(value.p);
	return true;
}

bool stun_find_u64(const struct stun_msg *m, uint16_t attr, uint64_t *out)
{
	str value;

	if (!stun_find(m, attr, &value) || value.n != 8)
		return false;
	*out = (uint64_t)u32(value.p) << 32 | u32(value.p + 4);
	return true;
}

static bool is_plain(uint16_t attr)
{
	return attr == STUN_MAPPED_ADDRESS || attr == STUN_ALTERNATE_SERVER;
}

/* 14.2: the port and the address are XORed with the cookie and the transaction id, which follow one
 * another in the header. */
static void mask(struct addr *a, const uint8_t *cookie_and_id)
{
	a->port ^= u16(cookie_and_id);
	for (size_t i = 0; i < (a->family == 4 ? 4 : 16); i++)
		a->ip[i] ^= cookie_and_id[i];
}

bool stun_find_addr(const struct stun_msg *m, uint16_t attr, struct addr *out)
{
	struct addr a = { 0 };
	str value;

	if (!stun_find(m, attr, &value) || value.n < 4)
		return false;
	if (value.p[1] == 1 && value.n == 8)
		a.family = 4;
	else if (value.p[1] == 2 && value.n == 20)
		a.family = 6;
	else
		return false;
	a.port = u16(value.p + 2);
	memcpy(a.ip, value.p + 4, value.n - 4);
	if (!is_plain(attr))
		mask(&a, (const uint8_t *)m->bytes.p + 4);
	*out = a;
	return true;
}

bool stun_find_error(const struct stun_msg *m, int *code, str *reason)
{
	str value;
	unsigned class, number;

	if (!stun_find(m, STUN_ERROR_CODE, &value) || value.n < 4)
		return false;
	class = value.p[2] & 7;
	number = (unsigned char)value.p[3];
	if (class < 3 || class > 6 || number > 99)
		return false;
	*code = (int)(class * 100 + number);
	if (reason)
		*reason = str_skip(value, 4);
	return true;
}

/* 14.5: over what stands in front of `at`, with a header that counts up to the integrity attribute's end. */
static bool mac(enum digest_kind kind, str key, const char *p, size_t at, uint8_t *out)
{
	size_t n = at - STUN_HEADER_N + 4 + digest_size(kind);
	char head[4] = { p[0], p[1], (char)(n >> 8), (char)n };
	struct hmac *h = hmac_new(kind, key);

	if (!h)
		return false;
	hmac_start(h);
	hmac_add(h, str_of(head, 4));
	hmac_add(h, str_of(p + 4, at - 4));
	hmac_end(h, out);
	hmac_free(h);
	return true;
}

enum err stun_check(const struct stun_msg *m, str key)
{
	enum digest_kind kind = m->integrity256_at ? DIGEST_SHA256 : DIGEST_SHA1;
	size_t at = m->integrity256_at ? m->integrity256_at : m->integrity_at;
	uint8_t want[SHA256_N];

	if (!at)
		return ERR_ABSENT;
	if (!mac(kind, key, m->bytes.p, at, want))
		return ERR_MEMORY;
	size_t n = digest_size(kind);
	return secret_eq(str_of((const char *)want, n), str_of(m->bytes.p + at + 4, n)) ? ERR_NONE : ERR_FORGED;
}

static enum err long_term(enum digest_kind kind, str username, str realm, str password, uint8_t *out)
{
	struct digest *d = digest_new(kind);

	if (!d)
		return ERR_UNSUPPORTED;
	digest_start(d);
	digest_add(d, username);
	digest_add(d, STR(":"));
	digest_add(d, realm);
	digest_add(d, STR(":"));
	digest_add(d, password);
	digest_end(d, out);
	digest_free(d);
	return ERR_NONE;
}

enum err stun_key_md5(str username, str realm, str password, uint8_t out[16])
{
	return long_term(DIGEST_MD5, username, realm, password, out);
}

/* --- writing --- */

static void set_length(struct buf *b, size_t n)
{
	if (!buf_ok(b))
		return;
	b->p[2] = (char)(n >> 8);
	b->p[3] = (char)n;
}

void stun_begin(struct buf *b, enum stun_class class, uint16_t method, const uint8_t id[STUN_ID_N])
{
	assert(b->n == 0);
	buf_put_u16(b, type_of(class, method));
	buf_put_u16(b, 0);
	buf_put_u32be(b, STUN_COOKIE);
	buf_put_bytes(b, id, STUN_ID_N);
}

void stun_put(struct buf *b, uint16_t attr, str value)
{
	static const char zero[4];

	assert(value.n <= 0xffff);
	buf_put_u16(b, attr);
	buf_put_u16(b, (uint16_t)value.n);
	buf_put(b, value);
	buf_put_bytes(b, zero, padded(value.n) - value.n);
	set_length(b, b->n - STUN_HEADER_N);
}

void stun_put_u32(struct buf *b, uint16_t attr, uint32_t value)
{
	char bytes[4] = { (char)(value >> 24), (char)(value >> 16), (char)(value >> 8), (char)value };

	stun_put(b, attr, str_of(bytes, 4));
}

void stun_put_u64(struct buf *b, uint16_t attr, uint64_t value)
{
	char bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (char)(value >> (56 - 8 * i));
	stun_put(b, attr, str_of(bytes, 8));
}

void stun_put_addr(struct buf *b, uint16_t attr, const struct addr *addr)
{
	struct addr a = *addr;
	size_t n = a.family == 4 ? 4 : 16;
	char bytes[20] = { 0, a.family == 4 ? 1 : 2 };

	if (!buf_ok(b))
		return;
	if (!is_plain(attr))
		mask(&a, (const uint8_t *)b->p + 4);
	bytes[2] = (char)(a.port >> 8);
	bytes[3] = (char)a.port;
	memcpy(bytes + 4, a.ip, n);
	stun_put(b, attr, str_of(bytes, 4 + n));
}

void stun_put_error(struct buf *b, int code, str reason)
{
	char bytes[4 + 128] = { 0, 0, (char)(code / 100), (char)(code % 100) };

	reason = str_head(reason, 128); /* 14.8: fewer than 128 characters */
	memcpy(bytes + 4, reason.p ? reason.p : "", reason.n);
	stun_put(b, STUN_ERROR_CODE, str_of(bytes, 4 + reason.n));
}

void stun_put_unknown(struct buf *b, const struct stun_msg *request)
{
	char bytes[2 * STUN_UNKNOWN_MAX];

	for (size_t i = 0; i < request->unknown_n; i++) {
		bytes[2 * i] = (char)(request->unknown[i] >> 8);
		bytes[2 * i + 1] = (char)request->unknown[i];
	}
	stun_put(b, STUN_UNKNOWN_ATTRIBUTES, str_of(bytes, 2 * request->unknown_n));
}

static void end_integrity(struct buf *b, enum digest_kind kind, uint16_t attr, str key)
{
	uint8_t value[SHA256_N];

	if (!buf_ok(b))
		return;
	if (mac(kind, key, b->p, b->n, value))
		stun_put(b, attr, str_of((const char *)value, digest_size(kind)));
	else
		b->err = ERR_MEMORY;
}

void stun_end_integrity(struct buf *b, str key)
{
	end_integrity(b, DIGEST_SHA1, STUN_MESSAGE_INTEGRITY, key);
}

void stun_end_integrity_sha256(struct buf *b, str key)
{
	end_integrity(b, DIGEST_SHA256, STUN_MESSAGE_INTEGRITY_SHA256, key);
}

void stun_end_fingerprint(struct buf *b)
{
	if (!buf_ok(b))
		return;
	set_length(b, b->n - STUN_HEADER_N + 8); /* 14.7: counted in what the CRC covers */
	stun_put_u32(b, STUN_FINGERPRINT, fingerprint(b->p, b->n));
}
