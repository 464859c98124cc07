/*
 * base/buf.h - output that remembers its first failure.
 *
 * Write freely and check buf_ok() once at the end: after the first write that did
 * not fit, nothing more is written. Either over storage of the caller's
 * (buf_init) or growing on the heap up to a limit (buf_init_grow, then buf_free).
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"
#include "base/str.h"

struct buf {
	char *p;
	size_t n;     /* bytes written */
	size_t cap;   /* bytes there is room for now */
	size_t limit; /* growing only: never more than this; 0 = fixed storage */
	enum err err; /* ERR_NONE, ERR_FULL or ERR_MEMORY */
};

void buf_init(struct buf *, void *storage, size_t cap);
/* Allocates nothing yet. */
void buf_init_grow(struct buf *, size_t limit);
/* Frees what a growing buf holds and empties it; harmless on a fixed one and on a zeroed struct. */
void buf_free(struct buf *);
/* Empties it and forgets the failure; keeps the storage. */
void buf_reset(struct buf *);

static inline bool buf_ok(const struct buf *b)
{
	return b->err == ERR_NONE;
}
/* What has been written so far; valid until the next write. */
static inline str buf_str(const struct buf *b)
{
	return (str){ b->p, b->n };
}

/* Where there is room: one compare and a copy, in place. Else: growing, or the failure. */
void buf_put_slowly(struct buf *, const void *p, size_t n);
static inline void buf_put_bytes(struct buf *b, const void *p, size_t n)
{
	if (n && !b->err && b->p && n <= b->cap - b->n) {
		memcpy(b->p + b->n, p, n);
		b->n += n;
	} else if (n) {
		buf_put_slowly(b, p, n);
	}
}
static inline void buf_put(struct buf *b, str s)
{
	buf_put_bytes(b, s.p, s.n);
}
static inline void buf_put_char(struct buf *b, char c)
{
	buf_put_bytes(b, &c, 1);
}
void buf_put_z(struct buf *, const char *z);
void buf_put_u64(struct buf *, uint64_t value);          /* decimal */
void buf_put_i64(struct buf *, int64_t value);           /* decimal */
void buf_put_hex(struct buf *, const void *p, size_t n); /* lower case, two digits a byte */
/* The digits alone, 2 * n of them, into storage of the caller's. */
void buf_hex(const void *p, size_t n, char *out);
/* Big-endian, as on every wire of ours. */
void buf_put_u8(struct buf *, uint8_t);
void buf_put_u16(struct buf *, uint16_t);
void buf_put_u32be(struct buf *, uint32_t);
void buf_put_u64be(struct buf *, uint64_t);
void buf_printf(struct buf *, const char *format, ...) PRINTF_LIKE(2, 3);

/* Makes room for n more bytes and returns where they start, NULL (and the failure is kept) where
 * there is none. The caller fills at most n and then adds what it used to ->n. */
void *buf_room(struct buf *, size_t n);
/* Drops the first n bytes (n <= ->n) and moves the rest down. */
void buf_eat(struct buf *, size_t n);

#endif
