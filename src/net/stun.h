/*
 * net/stun.h - STUN messages, read and written in place (RFC 8489).
 *
 * stun_parse() walks a datagram once and keeps views into it; nothing is copied. Writing is a row of
 * calls over a struct buf that holds nothing but the message:
 *
 *     stun_begin(&b, STUN_REQUEST, STUN_BINDING, id);
 *     stun_put_text(&b, STUN_USERNAME, name);
 *     stun_end_integrity(&b, key);
 *     stun_end_fingerprint(&b);
 *     if (!buf_ok(&b)) ...
 *
 * Also the attributes of ICE (RFC 8445 16.1) and the numbers of TURN (RFC 8656). Memory: the caller's.
 */
#ifndef NET_STUN_H
#define NET_STUN_H

#include "base/addr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define STUN_HEADER_N    20
#define STUN_ID_N        12
#define STUN_COOKIE      0x2112a442u
#define STUN_UNKNOWN_MAX 8
#define STUN_ATTR_MAX    64 /* more in one message: ERR_LIMIT */

enum stun_class { STUN_REQUEST, STUN_INDICATION, STUN_SUCCESS, STUN_ERROR };

enum stun_method {
	STUN_BINDING = 1,
	STUN_ALLOCATE = 3,
	STUN_REFRESH = 4,
	STUN_SEND = 6,
	STUN_DATA = 7,
	STUN_CREATE_PERMISSION = 8,
	STUN_CHANNEL_BIND = 9,
};

enum stun_attr {
	STUN_MAPPED_ADDRESS = 0x0001,
	STUN_USERNAME = 0x0006,
	STUN_MESSAGE_INTEGRITY = 0x0008,
	STUN_ERROR_CODE = 0x0009,
	STUN_UNKNOWN_ATTRIBUTES = 0x000a,
	STUN_CHANNEL_NUMBER = 0x000c,
	STUN_LIFETIME = 0x000d,
	STUN_XOR_PEER_ADDRESS = 0x0012,
	STUN_DATA_VALUE = 0x0013,
	STUN_REALM = 0x0014,
	STUN_NONCE = 0x0015,
	STUN_XOR_RELAYED_ADDRESS = 0x0016,
	STUN_REQUESTED_ADDRESS_FAMILY = 0x0017,
	STUN_EVEN_PORT = 0x0018,
	STUN_REQUESTED_TRANSPORT = 0x0019,
	STUN_DONT_FRAGMENT = 0x001a,
	STUN_MESSAGE_INTEGRITY_SHA256 = 0x001c,
	STUN_PASSWORD_ALGORITHM = 0x001d,
	STUN_USERHASH = 0x001e,
	STUN_XOR_MAPPED_ADDRESS = 0x0020,
	STUN_RESERVATION_TOKEN = 0x0022,
	STUN_PRIORITY = 0x0024,
	STUN_USE_CANDIDATE = 0x0025,
	STUN_PASSWORD_ALGORITHMS = 0x8002,
	STUN_ALTERNATE_DOMAIN = 0x8003,
	STUN_SOFTWARE = 0x8022,
	STUN_ALTERNATE_SERVER = 0x8023,
	STUN_FINGERPRINT = 0x8028,
	STUN_ICE_CONTROLLED = 0x8029,
	STUN_ICE_CONTROLLING = 0x802a,
};

struct stun_msg {
	str bytes; /* the whole message */
	enum stun_class class;
	uint16_t method;
	const uint8_t *id;                    /* STUN_ID_N bytes, in the datagram */
	size_t integrity_at, integrity256_at; /* private: where these attributes start; 0: absent */
	bool fingerprint;                     /* there was one, and it was right */
	/* Comprehension-required attributes that we do not know (RFC 8489 6.3.1); at most the first
	 * STUN_UNKNOWN_MAX. Not counted: what stands behind an integrity attribute (RFC 8489 14.5). */
	uint16_t unknown[STUN_UNKNOWN_MAX];
	size_t unknown_n;
};

/* One datagram, which must be exactly one message. ERR_SYNTAX: not STUN; ERR_FORGED: a FINGERPRINT that
 * is wrong; ERR_LIMIT: too many attributes. */
MUST_CHECK enum err stun_parse(str datagram, struct stun_msg *out);
/* The first of its kind in front of the integrity attributes; and those and FINGERPRINT themselves. */
bool stun_find(const struct stun_msg *, uint16_t attr, str *value);
/* The same, read as a number; false also where its length is not 4, or 8. */
bool stun_find_u32(const struct stun_msg *, uint16_t attr, uint32_t *out);
bool stun_find_u64(const struct stun_msg *, uint16_t attr, uint64_t *out);
/* MAPPED-ADDRESS (plain) or any of the XOR kind, by `attr`; false where absent or malformed. */
bool stun_find_addr(const struct stun_msg *, uint16_t attr, struct addr *out);
/* ERROR-CODE: 300..699; `reason` may be NULL. */
bool stun_find_error(const struct stun_msg *, int *code, str *reason);
/* MESSAGE-INTEGRITY-SHA256 where there is one, else MESSAGE-INTEGRITY, with `key` (short-term: the
 * password as it is; long-term: see stun_key). Compared in constant time. ERR_ABSENT: there is neither;
 * ERR_FORGED. */
MUST_CHECK enum err stun_check(const struct stun_msg *, str key);
/* Long-term key of RFC 8489 9.2.2: MD5(username ":" realm ":" password).
 * Names are taken as prepared. ERR_UNSUPPORTED: this machine's library has no such digest. */
MUST_CHECK enum err stun_key_md5(str username, str realm, str password, uint8_t out[16]);

/* `b` must be empty: offsets count from its start. */
void stun_begin(struct buf *b, enum stun_class, uint16_t method, const uint8_t id[STUN_ID_N]);
void stun_put(struct buf *b, uint16_t attr, str value);
void stun_put_u32(struct buf *b, uint16_t attr, uint32_t value);
void stun_put_u64(struct buf *b, uint16_t attr, uint64_t value);
/* XOR, but for MAPPED-ADDRESS and ALTERNATE-SERVER. */
void stun_put_addr(struct buf *b, uint16_t attr, const struct addr *);
void stun_put_error(struct buf *b, int code, str reason);
void stun_put_unknown(struct buf *b, const struct stun_msg *request);
/* These end the message, in this order; SHA-256 and SHA-1 may both be given. */
void stun_end_integrity(struct buf *b, str key);
void stun_end_integrity_sha256(struct buf *b, str key);
void stun_end_fingerprint(struct buf *b);

#endif
