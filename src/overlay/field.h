/*
 * overlay/field.h - field lists: the grammar of everything the overlay says.
 *
 * A row of `u8 tag, u16 length, value` (docs/wire/overlay.md, Conventions). Reading
 * is by a cursor over someone else's bytes; writing goes to a struct buf. A signed
 * list ends in a signature by an Ed25519 key over a context and all before it.
 *
 * Memory: nothing is kept. Thread: any.
 */
#ifndef OVERLAY_FIELD_H
#define OVERLAY_FIELD_H

#include "base/addr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/time.h"
#include "crypt/sign.h"

#define OVERLAY_KEY_N        32 /* Ed25519 and X25519 keys, pins, user keys */
#define OVERLAY_SIGNATURE_N  64
#define OVERLAY_TAG_CRITICAL 0x80
#define OVERLAY_TAG_SIGNED   0x7f

/* One pass over a list. `seen` lets each known tag appear once. */
struct overlay_fields {
	str rest;
	enum err err; /* ERR_NONE, ERR_SYNTAX: broken or doubled, ERR_UNSUPPORTED: critical and unknown */
	uint64_t seen[4];
};

void overlay_fields_start(struct overlay_fields *, str list);
/* The next field; false at the end and after an error (look at ->err). Tags may repeat. */
bool overlay_fields_next(struct overlay_fields *, uint8_t *tag, str *value);
/* Takes the tag as seen: false, and ERR_SYNTAX is kept, when it was before. */
bool overlay_fields_once(struct overlay_fields *, uint8_t tag);
/* Whether the tag was taken by overlay_fields_once. */
bool overlay_fields_had(const struct overlay_fields *, uint8_t tag);
/* An unknown tag: skipped, or ERR_UNSUPPORTED kept where it is critical. */
void overlay_fields_unknown(struct overlay_fields *, uint8_t tag);

/* Values of exactly this width; false: it is another. */
bool overlay_value_u8(str, uint8_t *out);
bool overlay_value_u16(str, uint16_t *out);
bool overlay_value_u32(str, uint32_t *out);
bool overlay_value_u64(str, uint64_t *out);
/* Milliseconds on the wire. */
bool overlay_value_time(str, usec *out);
bool overlay_value_bytes(str, void *out, size_t n);
/* An address value off the front of *rest: 7 or 19 bytes. */
bool overlay_take_addr(str *rest, struct addr *out);

void overlay_put_field(struct buf *, uint8_t tag, str value); /* value.n <= 65535, else ERR_FULL is kept in buf */
void overlay_put_u8(struct buf *, uint8_t tag, uint8_t);
void overlay_put_u16(struct buf *, uint8_t tag, uint16_t);
void overlay_put_u32(struct buf *, uint8_t tag, uint32_t);
void overlay_put_u64(struct buf *, uint8_t tag, uint64_t);
/* To the millisecond below. */
void overlay_put_time(struct buf *, uint8_t tag, usec);
void overlay_put_bytes(struct buf *, uint8_t tag, const void *, size_t n);
/* The bare value, without tag: 7 or 19 bytes. */
void overlay_put_addr_value(struct buf *, const struct addr *);

/* Ends a list that starts at `from` in the buf with its signature. */
void overlay_put_signature(struct buf *, size_t from, str context, const struct sign_pair *);
/* Whether `list` ends in a signature by `key` over context and the rest. ERR_SYNTAX: there is none at its
 * end; ERR_FORGED. */
MUST_CHECK enum err overlay_check_signature(str list, str context, const uint8_t key[OVERLAY_KEY_N]);

#endif
