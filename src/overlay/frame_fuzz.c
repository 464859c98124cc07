/* Bytes of a flow: frames, the messages in them, and what they say when written again. */
#include "overlay/stream.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void one(const struct overlay_frame *frame)
{
	struct overlay_message m, again;
	struct overlay_frame twin;
	struct buf b;
	str rest;

	if (overlay_message_parse(frame, &m) != ERR_NONE)
		return;
	buf_init_grow(&b, 2 * OVERLAY_BODY_MAX);
	overlay_message_write(&b, &m);
	assert(buf_ok(&b));
	rest = buf_str(&b);
	assert(overlay_frame_take(&rest, &twin) == ERR_NONE && rest.n == 0);
	assert(overlay_message_parse(&twin, &again) == ERR_NONE && again.type == m.type && again.id == m.id);
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	size_t piece = n ? data[0] % 40 + 1u : 1;
	struct overlay_stream s;
	struct overlay_frame f;
	enum err err = ERR_NONE;

	overlay_stream_init(&s);
	s.frame_max = OVERLAY_BODY_MAX;
	for (size_t at = 1; at < n && (!err || err == ERR_MORE); at += piece) {
		err = overlay_stream_recv(&s, str_head(str_skip(str_of((const char *)data, n), at), piece));
		while (!err && !(err = overlay_stream_next(&s, &f)))
			one(&f);
	}
	overlay_stream_free(&s);
	return 0;
}
