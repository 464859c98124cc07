#include "overlay/stream.h"

#define KEPT_MAX (1u << 20) /* a frame's rest and one read */

void overlay_stream_init(struct overlay_stream *s)
{
	*s = (struct overlay_stream){ .frame_max = OVERLAY_STRANGER_MAX };
	buf_init_grow(&s->kept, KEPT_MAX);
}

void overlay_stream_free(struct overlay_stream *s)
{
	buf_free(&s->kept);
	s->now = STR_NONE;
}

enum err overlay_stream_recv(struct overlay_stream *s, str bytes)
{
	if (s->kept.n == 0) {
		s->now = bytes;
		return ERR_NONE;
	}
	buf_put(&s->kept, bytes);
	s->now = buf_str(&s->kept);
	return s->kept.err;
}

/* Keeps what is left for the next bytes to complete. */
static enum err keep(struct overlay_stream *s)
{
	if (s->kept.n)
		buf_eat(&s->kept, s->kept.n - s->now.n);
	else
		buf_put(&s->kept, s->now);
	if (s->kept.n == 0)
		buf_free(&s->kept); /* an idle flow holds no buffer */
	s->now = STR_NONE;
	return s->kept.err ? s->kept.err : ERR_MORE;
}

enum err overlay_stream_next(struct overlay_stream *s, struct overlay_frame *out)
{
	const uint8_t *p = (const uint8_t *)s->now.p;

	if (s->now.n >= 2 && ((size_t)p[0] << 8 | p[1]) > s->frame_max)
		return ERR_LIMIT;
	enum err err = overlay_frame_take(&s->now, out);
	return err == ERR_MORE ? keep(s) : err;
}
