/*
 * pbx/stream_book.h - which addresses were registered over which stream.
 *
 * RFC 5626 4.2, 6: a flow that is gone takes its bindings with it. The worker that holds a stream notes whose
 * bindings came over it; when the stream closes, the shards of these addresses are told. Only streams are in the
 * book: a datagram's flow does not end.
 *
 * Memory: opaque. Thread: its owner's.
 */
#ifndef PBX_STREAM_BOOK_H
#define PBX_STREAM_BOOK_H

#include "base/err.h"
#include "base/rng.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define PBX_STREAM_BOOK_MAX 200000 /* entries; one that finds no room is found out when it is called */
#define PBX_STREAM_AORS_MAX 4096   /* of one stream: an edge proxy's */

struct pbx_stream_book;

/* NULL: no memory. */
struct pbx_stream_book *pbx_stream_book_new(struct rng *);
void pbx_stream_book_free(struct pbx_stream_book *);
/* Noting it twice is once. ERR_FULL, ERR_MEMORY. */
MUST_CHECK enum err pbx_stream_book_add(struct pbx_stream_book *, uint32_t stream, str aor);
/* Takes one address of this stream out, into out[cap]; empty: there is none (any more), or it is longer. */
str pbx_stream_book_take(struct pbx_stream_book *, uint32_t stream, char *out, size_t cap);
size_t pbx_stream_book_n(const struct pbx_stream_book *);

#endif
