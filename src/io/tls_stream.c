#include "io/tls_stream.h"

#include "io/loop.h"

#include <sys/socket.h>

static void end(struct tls_stream *s, enum err err, const char *why)
{
	if (s->ended)
		return;
	s->ended = true;
	s->err = err;
	s->why = why;
}

static void begin(struct tls_stream *s, usec now)
{
	buf_init_grow(&s->early, TCP_QUEUE_MAX);
	s->due = usec_add(now, TLS_STREAM_UP_MAX);
}

void tls_stream_open(struct tls_stream *s, const struct tcp_setup *setup, const struct addr *remote,
		     struct tls_credentials *credentials, str name, usec now)
{
	*s = (struct tls_stream){ .tcp.fd = -1 };
	begin(s, now);
	enum err err = tcp_open(&s->tcp, setup, remote);
	if (err) {
		end(s, err, NULL);
		return;
	}
	if (!credentials)
		return;
	s->tls = tls_connect(credentials, name, NULL, now);
	if (!s->tls)
		end(s, ERR_MEMORY, NULL);
}

void tls_stream_take(struct tls_stream *s, const struct tcp *tcp, struct tls_credentials *credentials, usec now)
{
	*s = (struct tls_stream){ .tcp = *tcp };
	begin(s, now);
	if (!credentials)
		return;
	s->tls = tls_accept(credentials, now);
	if (!s->tls)
		end(s, ERR_MEMORY, NULL);
}

enum err tls_stream_accept(struct tls_stream *s, int listener, const struct tcp_setup *setup,
			   struct tls_credentials *credentials, usec now)
{
	struct tcp tcp;
	enum err err = tcp_accept(listener, setup, &tcp);
	if (!err)
		tls_stream_take(s, &tcp, credentials, now);
	return err;
}

void tls_stream_free(struct tls_stream *s)
{
	tls_free(s->tls);
	s->tls = NULL;
	tcp_close(&s->tcp);
	buf_free(&s->early);
}

static void send_clear(struct tls_stream *s, str bytes)
{
	enum err err = s->tls ? tls_send(s->tls, bytes) : tcp_write(&s->tcp, bytes);
	if (err)
		end(s, err, err == ERR_FULL ? "the far side reads too slowly" : NULL);
}

void tls_stream_write(struct tls_stream *s, str bytes)
{
	if (s->ended || s->closing)
		return;
	if (s->tls && !s->up) {
		buf_put(&s->early, bytes);
		if (!buf_ok(&s->early))
			end(s, s->early.err, "too much was written before the stream was up");
		return;
	}
	send_clear(s, bytes);
}

void tls_stream_close(struct tls_stream *s, usec now)
{
	if (s->closing)
		return;
	s->closing = true;
	s->due = usec_min(s->up ? USEC_NEVER : s->due, usec_add(now, TLS_STREAM_CLOSE_MAX));
}

void tls_stream_fail(struct tls_stream *s, enum err err)
{
	end(s, err, NULL);
}

static void came_up(struct tls_stream *s)
{
	s->up = true;
	if (!s->closing)
		s->due = USEC_NEVER;
	if (s->early.n)
		send_clear(s, buf_str(&s->early));
	buf_free(&s->early);
}

void tls_stream_ready(struct tls_stream *s, unsigned ready, void *raw, size_t raw_n, usec now)
{
	size_t n;
	(void)now;
	if (s->ended)
		return;
	if (s->tcp.connecting) {
		enum err err = tcp_connected(&s->tcp);
		if (err == ERR_MORE)
			return;
		if (err) {
			end(s, err, NULL);
			return;
		}
		ready |= LOOP_WRITE;
	}
	if (ready & LOOP_WRITE && tcp_flush(&s->tcp) == ERR_CLOSED) {
		end(s, ERR_CLOSED, NULL);
		return;
	}
	if (s->eof || !(ready & (LOOP_READ | LOOP_ERROR)))
		return;
	enum err err = tcp_read(&s->tcp, raw, raw_n, &n);
	if (err == ERR_MORE)
		return;
	if (err)
		end(s, err, NULL);
	else if (n == 0)
		s->eof = true;
	else
		s->in = str_of(raw, n);
}

void tls_stream_tick(struct tls_stream *s, usec now)
{
	if (now < s->due)
		return;
	s->due = USEC_NEVER;
	/* Closing: what could not be sent by now is lost, and that is the far side's doing. */
	end(s, s->closing && s->up ? ERR_NONE : ERR_TIMEOUT, NULL);
}

usec tls_stream_due(const struct tls_stream *s)
{
	return s->due;
}

unsigned tls_stream_wanted(const struct tls_stream *s)
{
	if (s->ended)
		return 0;
	unsigned wanted = tcp_wanted(&s->tcp);
	return s->eof ? wanted & ~(unsigned)LOOP_READ : wanted;
}

/* Moves the TLS machine on; true where it has something for the owner. */
static bool next_tls(struct tls_stream *s, void *scratch, usec now, struct tls_stream_do *out)
{
	struct tls_do what;
	if (s->in.n) {
		tls_recv(s->tls, s->in, now);
		s->in = STR_NONE;
	}
	while (!s->ended && tls_next(s->tls, scratch, TLS_STREAM_SCRATCH, &what)) {
		enum err err;
		switch (what.kind) {
		case TLS_SEND:
			err = tcp_write(&s->tcp, what.bytes);
			if (err)
				end(s, err, err == ERR_FULL ? "the far side reads too slowly" : NULL);
			break;
		case TLS_READY:
			came_up(s);
			if (s->closing)
				break;
			*out = (struct tls_stream_do){ .kind = TLS_STREAM_UP };
			return true;
		case TLS_CLEAR:
			if (s->closing)
				break;
			*out = (struct tls_stream_do){ .kind = TLS_STREAM_BYTES, .bytes = what.bytes };
			return true;
		case TLS_CLOSED:
			if (!s->said_close)
				end(s, what.err, what.why);
			break;
		}
	}
	if (s->eof && !s->ended && !s->said_close) {
		tls_end(s->tls, ERR_NONE);
		while (tls_next(s->tls, scratch, TLS_STREAM_SCRATCH, &what)) {
			if (what.kind == TLS_CLOSED)
				end(s, what.err, what.why);
		}
	}
	return false;
}

static bool next_clear(struct tls_stream *s, struct tls_stream_do *out)
{
	if (!s->up && !s->tcp.connecting) {
		came_up(s);
		if (!s->closing) {
			*out = (struct tls_stream_do){ .kind = TLS_STREAM_UP };
			return true;
		}
	}
	str in = s->in;
	s->in = STR_NONE;
	if (in.n && !s->closing) {
		*out = (struct tls_stream_do){ .kind = TLS_STREAM_BYTES, .bytes = in };
		return true;
	}
	if (s->eof && !s->closing)
		end(s, ERR_NONE, NULL);
	return false;
}

/* The orderly end, step by step: close_notify, what is queued, FIN, the far side's FIN. A close() with bytes
 * of the far side unread would make the kernel send a reset that overtakes our last ones. */
static void go_on_closing(struct tls_stream *s)
{
	if (s->ended || !s->up)
		return;
	if (s->tcp.queue.n == 0 && !s->shut) {
		shutdown(s->tcp.fd, SHUT_WR);
		s->shut = true;
	}
	if (s->shut && s->eof)
		end(s, ERR_NONE, NULL);
}

bool tls_stream_next(struct tls_stream *s, void *scratch, usec now, struct tls_stream_do *out)
{
	if (!s->ended && !s->tcp.connecting) {
		if (s->tls ? next_tls(s, scratch, now, out) : next_clear(s, out))
			return true;
		if (s->closing && s->up && s->tls && !s->said_close) {
			s->said_close = true;
			tls_close(s->tls);
			next_tls(s, scratch, now, out);
		}
		if (s->closing)
			go_on_closing(s);
	}
	if (s->ended && !s->told_end) {
		s->told_end = true;
		*out = (struct tls_stream_do){ .kind = TLS_STREAM_CLOSED, .err = s->err, .why = s->why };
		return true;
	}
	return false;
}

void tls_stream_binding(const struct tls_stream *s, uint8_t out[TLS_BINDING_N])
{
	uint8_t binding[TLS_BINDING_N] = { 0 };
	if (s->tls && tls_binding(s->tls, binding) != ERR_NONE)
		memset(binding, 0, sizeof(binding));
	memcpy(out, binding, sizeof(binding));
}

void tls_stream_proved(const struct tls_stream *s, struct buf *out)
{
	if (s->tls)
		tls_proved(s->tls, out);
}
