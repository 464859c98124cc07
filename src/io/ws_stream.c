#include "io/ws_stream.h"

#include "base/buf.h"

static const struct ws_settings sip = { .protocol = STR_INIT("sip"), .message_max = 65535 };

void ws_stream_start(struct ws_stream *s, str host, struct rng *rng)
{
	*s = (struct ws_stream){ .rng = rng, .server = host.n == 0, .due = USEC_NEVER };
	if (!str_copy_z(host, s->host, sizeof(s->host)))
		s->host[0] = '\0';
	buf_init_grow(&s->early, TCP_QUEUE_MAX);
}

void ws_stream_free(struct ws_stream *s)
{
	ws_free(s->ws);
	s->ws = NULL;
	buf_free(&s->early);
}

static void send_message(struct ws_stream *s, struct tls_stream *below, str message)
{
	enum err err = ws_send(s->ws, message, ws_is_text(message));

	if (err && err != ERR_STATE) /* ERR_STATE: it is being closed, and nobody will read this */
		tls_stream_fail(below, err);
}

void ws_stream_write(struct ws_stream *s, struct tls_stream *below, str message)
{
	if (s->closing || s->over)
		return;
	if (s->up) {
		send_message(s, below, message);
		return;
	}
	buf_put_u32be(&s->early, (uint32_t)message.n);
	buf_put(&s->early, message);
	if (!buf_ok(&s->early))
		tls_stream_fail(below, s->early.err);
}

static void say_early(struct ws_stream *s, struct tls_stream *below)
{
	str rest = buf_str(&s->early);

	while (rest.n) {
		const unsigned char *n = (const unsigned char *)rest.p;
		str message =
			str_head(str_skip(rest, 4), (size_t)n[0] << 24 | (size_t)n[1] << 16 | (size_t)n[2] << 8 | n[3]);

		send_message(s, below, message);
		rest = str_skip(rest, 4 + message.n);
	}
	buf_free(&s->early);
}

void ws_stream_close(struct ws_stream *s, struct tls_stream *below, usec now)
{
	if (s->closing)
		return;
	s->closing = true;
	if (s->up)
		ws_close(s->ws, 1000, now);
	else if (s->server)
		tls_stream_close(below, now);
	else /* what was written is still sent, if it comes up soon */
		s->due = usec_add(now, TLS_STREAM_CLOSE_MAX);
}

void ws_stream_tick(struct ws_stream *s, struct tls_stream *below, usec now)
{
	tls_stream_tick(below, now);
	if (s->ws)
		ws_tick(s->ws, now);
	if (now < s->due)
		return;
	if (s->up && !s->pinged && ws_ping(s->ws) == ERR_NONE) {
		s->pinged = true;
		s->due = usec_add(now, WS_STREAM_PONG_MAX);
		return;
	}
	s->due = USEC_NEVER;
	if (!s->over)
		tls_stream_fail(below, ERR_TIMEOUT);
}

usec ws_stream_due(const struct ws_stream *s, const struct tls_stream *below)
{
	usec due = usec_min(tls_stream_due(below), s->due);

	return s->ws ? usec_min(due, ws_due(s->ws)) : due;
}

static void start_shaking(struct ws_stream *s, struct tls_stream *below, usec now)
{
	struct ws_settings settings = sip;

	settings.rng = s->rng;
	s->ws = s->server ? ws_accept(&settings, now) : ws_connect(&settings, str_from(s->host), STR("/"), now);
	if (!s->ws)
		tls_stream_fail(below, ERR_MEMORY);
}

static void heard(struct ws_stream *s, usec now)
{
	s->pinged = false;
	if (s->up && !s->closing && !s->over)
		s->due = usec_add(now, WS_STREAM_QUIET_MAX);
}

/* The handshake is through. true: the owner is to hear of it. */
static bool came_up(struct ws_stream *s, struct tls_stream *below, usec now)
{
	s->up = true;
	s->due = USEC_NEVER;
	say_early(s, below);
	if (s->closing)
		ws_close(s->ws, 1000, now);
	else
		heard(s, now);
	return !s->closing;
}

/* What the WebSocket has for the owner, and for the wire. */
static bool next_ws(struct ws_stream *s, struct tls_stream *below, usec now, struct tls_stream_do *out)
{
	struct ws_do d;

	while (s->ws && ws_next(s->ws, &d)) {
		switch (d.kind) {
		case WS_SEND:
			tls_stream_write(below, d.bytes);
			break;
		case WS_READY:
			*out = (struct tls_stream_do){ .kind = TLS_STREAM_UP };
			if (came_up(s, below, now))
				return true;
			break;
		case WS_MESSAGE:
			*out = (struct tls_stream_do){ .kind = TLS_STREAM_BYTES, .bytes = d.bytes };
			if (!s->closing && d.bytes.n)
				return true;
			break;
		case WS_PONG: /* heard() has seen that it came */
			break;
		case WS_CLOSED:
			s->over = true;
			s->due = USEC_NEVER;
			s->err = d.err;
			tls_stream_close(below, now);
			break;
		}
	}
	return false;
}

static void close_out(const struct ws_stream *s, struct tls_stream_do *out)
{
	if (s->over)
		out->err = s->err;
	else if (!out->err && !s->closing) /* 7.1.5: no close was said */
		out->err = ERR_CLOSED;
	if (s->over && s->err)
		out->why = s->up ? "the WebSocket broke its rules" : "no WebSocket for SIP came about";
}

bool ws_stream_next(struct ws_stream *s, struct tls_stream *below, void *scratch, usec now, struct tls_stream_do *out)
{
	struct tls_stream_do d;

	for (;;) {
		if (next_ws(s, below, now, out))
			return true;
		if (!tls_stream_next(below, scratch, now, &d))
			return false;
		switch (d.kind) {
		case TLS_STREAM_UP:
			start_shaking(s, below, now);
			break;
		case TLS_STREAM_BYTES:
			heard(s, now);
			if (s->ws)
				ws_recv(s->ws, d.bytes);
			break;
		case TLS_STREAM_CLOSED:
			close_out(s, &d);
			*out = d;
			return true;
		}
	}
}
