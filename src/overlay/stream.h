/*
 * overlay/stream.h - the frames in the bytes of one stream.
 *
 * Whole frames are taken from the bytes as they came; only a broken-off end is
 * kept. `frame_max` bounds what a stranger may make us keep before he has said who he is.
 *
 *     err = overlay_stream_recv(s, bytes);
 *     while (!err && !(err = overlay_stream_next(s, &frame)))
 *             ...                     stop when the stream is closed meanwhile
 *     if (err != ERR_MORE)            a frame beyond frame_max or its type's bound
 *
 * Memory: the owner embeds the struct; frames are valid until the next call. Thread: its owner's.
 */
#ifndef OVERLAY_STREAM_H
#define OVERLAY_STREAM_H

#include "overlay/frame.h"

#define OVERLAY_STRANGER_MAX 1024 /* frame_max before HELLO, LOGIN or RENEW */

struct overlay_stream {
	struct buf kept; /* private */
	str now;
	size_t frame_max;
};

void overlay_stream_init(struct overlay_stream *);
void overlay_stream_free(struct overlay_stream *);
/* ERR_FULL, ERR_MEMORY. */
MUST_CHECK enum err overlay_stream_recv(struct overlay_stream *, str bytes);
/* ERR_MORE: no whole frame is left; ERR_LIMIT; ERR_MEMORY. */
MUST_CHECK enum err overlay_stream_next(struct overlay_stream *, struct overlay_frame *out);

#endif
