#include "net/ws.h"

#include "base/base64.h"
#include "base/buf.h"
#include "crypt/digest.h"

#include <stdlib.h>

#define HANDSHAKE_MAX  8192
#define HANDSHAKE_SPAN (10 * USEC_PER_SEC)
#define CLOSE_SPAN     (5 * USEC_PER_SEC)
#define CONTROL_MAX    125  /* RFC 6455 5.5 */
#define KEEP_MAX       1024 /* of a buffer that is empty */
#define ACCEPT_N       28
#define KEY_N          24

enum opcode { CONTINUATION, TEXT, BINARY, CLOSE = 8, PING, PONG };

enum state { SHAKING, OPEN, CLOSING, SHUT, DEAD }; /* SHUT: CLOSED is to be said; DEAD: it was */

struct ws {
	struct ws_settings settings;
	bool server;
	enum state state;
	bool ready;    /* READY is to be said */
	size_t head_n; /* bytes of the handshake's head, eaten once READY was said */
	usec due;
	enum err err;
	uint16_t code; /* the far side's close code */
	bool said_close;
	char key[KEY_N];    /* client: what it sent */
	struct buf in;      /* not understood yet */
	size_t in_used;     /* of `in`, to be dropped at the next call */
	struct buf message; /* fragments gathered */
	bool in_message, message_text, message_given;
	struct buf out;
	bool out_given;
	str path, host, origin;
};

static struct ws *ws_new(const struct ws_settings *settings, bool server, usec now)
{
	struct ws *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->settings = *settings;
	if (!w->settings.message_max)
		w->settings.message_max = 65535;
	w->server = server;
	w->due = usec_add(now, HANDSHAKE_SPAN);
	buf_init_grow(&w->in, w->settings.message_max + HANDSHAKE_MAX + 65536);
	buf_init_grow(&w->message, w->settings.message_max);
	buf_init_grow(&w->out, WS_OUT_MAX + CONTROL_MAX + 14);
	return w;
}

struct ws *ws_accept(const struct ws_settings *settings, usec now)
{
	return ws_new(settings, true, now);
}

void ws_free(struct ws *w)
{
	if (!w)
		return;
	buf_free(&w->in);
	buf_free(&w->message);
	buf_free(&w->out);
	free(w);
}

static void shut(struct ws *w, enum err err)
{
	if (w->state >= SHUT)
		return;
	w->state = SHUT;
	w->err = err;
	w->due = USEC_NEVER;
}

/* ---- handshake (RFC 6455 4) ---- */

/* Sec-WebSocket-Accept of a key: base64 of SHA-1 over it and a fixed text (4.2.2 step 5.4). */
static bool accept_of(str key, char out[ACCEPT_N])
{
	static const str fixed = STR_INIT("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
	char both[KEY_N + 36];
	uint8_t sum[DIGEST_MAX];
	struct buf b;

	memcpy(both, key.p, KEY_N);
	memcpy(both + KEY_N, fixed.p, fixed.n);
	if (digest_once(DIGEST_SHA1, str_of(both, sizeof(both)), sum))
		return false;
	buf_init(&b, out, ACCEPT_N);
	base64_write(str_of((char *)sum, 20), &b);
	return buf_ok(&b);
}

struct ws *ws_connect(const struct ws_settings *settings, str host, str path, usec now)
{
	struct ws *w = ws_new(settings, false, now);
	uint8_t nonce[16];
	struct buf key;

	if (!w)
		return NULL;
	rng_fill(settings->rng, nonce, sizeof(nonce));
	buf_init(&key, w->key, sizeof(w->key));
	base64_write(str_of((char *)nonce, sizeof(nonce)), &key);
	buf_printf(&w->out,
		   "GET " STR_FMT " HTTP/1.1\r\nHost: " STR_FMT "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		   "Sec-WebSocket-Key: %.24s\r\nSec-WebSocket-Version: 13\r\n",
		   STR_ARG(path), STR_ARG(host), w->key);
	if (settings->protocol.n)
		buf_printf(&w->out, "Sec-WebSocket-Protocol: " STR_FMT "\r\n", STR_ARG(settings->protocol));
	buf_put_z(&w->out, "\r\n");
	if (!buf_ok(&w->out)) {
		ws_free(w);
		return NULL;
	}
	return w;
}

/* Is `word` in this comma-separated list? */
static bool lists(str list, str word)
{
	str one;

	while (list.n) {
		str_split(list, ',', &one, &list);
		if (str_eq_nocase(str_trim(one), word))
			return true;
	}
	return false;
}

struct head {
	str start, upgrade, connection, key, accept, version, protocol, origin, host;
	bool has_protocol;
};

static bool read_head(str text, struct head *out)
{
	str line, name, value;

	*out = (struct head){ 0 };
	str_split(text, '\n', &out->start, &text);
	out->start = str_trim(out->start);
	while (text.n) {
		str_split(text, '\n', &line, &text);
		if (str_trim(line).n == 0)
			break;
		if (!str_split(line, ':', &name, &value) || name.n == 0)
			return false;
		value = str_trim(value);
		const struct {
			str name;
			str *to;
		} known[] = {
			{ STR("Upgrade"), &out->upgrade },
			{ STR("Connection"), &out->connection },
			{ STR("Sec-WebSocket-Key"), &out->key },
			{ STR("Sec-WebSocket-Accept"), &out->accept },
			{ STR("Sec-WebSocket-Version"), &out->version },
			{ STR("Sec-WebSocket-Protocol"), &out->protocol },
			{ STR("Origin"), &out->origin },
			{ STR("Host"), &out->host },
		};
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (str_eq_nocase(name, known[i].name))
				*known[i].to = value;
	}
	return true;
}

static void refuse(struct ws *w, const char *answer, enum err err)
{
	buf_printf(&w->out, "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", answer);
	shut(w, err);
}

static void shake_server(struct ws *w, const struct head *h)
{
	char accept[ACCEPT_N];
	str rest = h->start, method, path, version;

	str_split(rest, ' ', &method, &rest);
	str_split(rest, ' ', &path, &version);
	if (!str_eq(method, STR("GET")) || !str_eq(version, STR("HTTP/1.1")) || path.n == 0 || path.p[0] != '/' ||
	    !lists(h->upgrade, STR("websocket")) || !lists(h->connection, STR("Upgrade")) || h->key.n != KEY_N ||
	    h->host.n == 0) {
		refuse(w, "400 Bad Request", ERR_SYNTAX);
		return;
	}
	if (!str_eq(h->version, STR("13"))) {
		refuse(w, "426 Upgrade Required\r\nSec-WebSocket-Version: 13", ERR_UNSUPPORTED);
		return;
	}
	if (w->settings.protocol.n && !lists(h->protocol, w->settings.protocol)) {
		refuse(w, "400 Bad Request", ERR_UNSUPPORTED); /* RFC 7118 4.1: "sip" must be among them */
		return;
	}
	if (!accept_of(h->key, accept)) {
		refuse(w, "500 Internal Server Error", ERR_UNSUPPORTED);
		return;
	}
	buf_printf(&w->out,
		   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		   "Sec-WebSocket-Accept: %.28s\r\n",
		   accept);
	if (w->settings.protocol.n)
		buf_printf(&w->out, "Sec-WebSocket-Protocol: " STR_FMT "\r\n", STR_ARG(w->settings.protocol));
	buf_put_z(&w->out, "\r\n");
	w->path = path;
	w->host = h->host;
	w->origin = h->origin;
	w->ready = true;
	w->state = OPEN;
}

static void shake_client(struct ws *w, const struct head *h)
{
	char accept[ACCEPT_N];

	if (!str_starts(h->start, STR("HTTP/1.1 101"))) {
		shut(w, str_starts(h->start, STR("HTTP/")) ? ERR_REFUSED : ERR_SYNTAX);
		return;
	}
	if (!lists(h->upgrade, STR("websocket")) || !lists(h->connection, STR("Upgrade")) ||
	    !accept_of(str_of(w->key, KEY_N), accept) || !str_eq(h->accept, str_of(accept, ACCEPT_N))) {
		shut(w, ERR_SYNTAX);
		return;
	}
	if (!str_eq_nocase(h->protocol, w->settings.protocol)) {
		shut(w, ERR_UNSUPPORTED);
		return;
	}
	w->ready = true;
	w->state = OPEN;
}

static bool shake(struct ws *w)
{
	str all = buf_str(&w->in);
	size_t end = str_find(all, STR("\r\n\r\n"));
	struct head head;

	if (end == all.n) {
		if (all.n > HANDSHAKE_MAX) {
			shut(w, ERR_LIMIT);
			return true;
		}
		return false;
	}
	w->head_n = end + 4;
	w->due = USEC_NEVER;
	if (end > HANDSHAKE_MAX)
		shut(w, ERR_LIMIT);
	else if (!read_head(str_head(all, end + 2), &head))
		refuse(w, "400 Bad Request", ERR_SYNTAX);
	else if (w->server)
		shake_server(w, &head);
	else
		shake_client(w, &head);
	return true;
}

/* ---- frames (RFC 6455 5) ---- */

static void put_frame(struct ws *w, enum opcode opcode, str payload)
{
	uint8_t mask[4] = { 0 };
	uint8_t masked = w->server ? 0 : 0x80; /* 5.1: a client masks, a server does not */

	buf_put_u8(&w->out, (uint8_t)(0x80 | opcode));
	if (payload.n < 126) {
		buf_put_u8(&w->out, masked | (uint8_t)payload.n);
	} else if (payload.n < 65536) {
		buf_put_u8(&w->out, masked | 126);
		buf_put_u16(&w->out, (uint16_t)payload.n);
	} else {
		buf_put_u8(&w->out, masked | 127);
		buf_put_u64be(&w->out, payload.n);
	}
	if (masked) {
		rng_fill(w->settings.rng, mask, sizeof(mask));
		buf_put_bytes(&w->out, mask, sizeof(mask));
	}
	char *room = payload.n ? buf_room(&w->out, payload.n) : NULL;
	if (!room)
		return;
	for (size_t i = 0; i < payload.n; i++)
		room[i] = (char)(payload.p[i] ^ mask[i & 3]);
	w->out.n += payload.n;
}

static void put_close(struct ws *w, uint16_t code)
{
	char bytes[2] = { (char)(code >> 8), (char)code };

	if (!w->said_close)
		put_frame(w, CLOSE, code ? str_of(bytes, 2) : STR_NONE);
	w->said_close = true;
}

/* The far side broke the protocol: say so, and that is the end (7.1.7). */
static void fail(struct ws *w, uint16_t code, enum err err)
{
	put_close(w, code);
	shut(w, err);
}

/* Valid UTF-8 (8.1: a text message that is not must fail the connection). */
bool ws_is_text(str s)
{
	for (size_t i = 0; i < s.n;) {
		unsigned char c = (unsigned char)s.p[i];
		size_t more = c < 0x80                ? 0
			      : c >= 0xc2 && c < 0xe0 ? 1
			      : (c & 0xf0) == 0xe0    ? 2
			      : c >= 0xf0 && c < 0xf5 ? 3
						      : 9;

		if (more == 9 || s.n - i <= more)
			return false;
		for (size_t k = 1; k <= more; k++)
			if (((unsigned char)s.p[i + k] & 0xc0) != 0x80)
				return false;
		unsigned char d = more ? (unsigned char)s.p[i + 1] : 0;
		if ((c == 0xe0 && d < 0xa0) || (c == 0xed && d > 0x9f) || (c == 0xf0 && d < 0x90) ||
		    (c == 0xf4 && d > 0x8f))
			return false;
		i += more + 1;
	}
	return true;
}

struct frame {
	bool fin;
	enum opcode opcode;
	size_t head_n, n;
	uint8_t mask[4];
	bool masked;
};

/* ERR_MORE, ERR_SYNTAX, ERR_LIMIT. */
static enum err read_frame(const struct ws *w, str bytes, struct frame *f)
{
	const unsigned char *p = (const unsigned char *)bytes.p;
	uint64_t n;

	if (bytes.n < 2)
		return ERR_MORE;
	*f = (struct frame){ .fin = p[0] >> 7, .opcode = (enum opcode)(p[0] & 15), .masked = p[1] >> 7, .head_n = 2 };
	n = p[1] & 127;
	bool control = f->opcode >= CLOSE;
	if ((p[0] & 0x70) || (f->opcode > BINARY && !control) || f->opcode > PONG || f->masked != w->server ||
	    (control && (!f->fin || n > CONTROL_MAX)))
		return ERR_SYNTAX;
	size_t wide = n == 126 ? 2 : n == 127 ? 8 : 0;
	if (bytes.n < 2 + wide)
		return ERR_MORE;
	if (wide) {
		n = 0;
		for (size_t i = 0; i < wide; i++)
			n = n << 8 | p[2 + i];
		if (n < (wide == 2 ? 126u : 65536u)) /* 5.2: the shortest form */
			return ERR_SYNTAX;
	}
	if (n > w->settings.message_max || w->message.n > w->settings.message_max - n)
		return ERR_LIMIT;
	f->head_n += wide + (f->masked ? 4 : 0);
	f->n = (size_t)n;
	if (bytes.n < f->head_n + f->n)
		return ERR_MORE;
	if (f->masked)
		memcpy(f->mask, p + f->head_n - 4, 4);
	return ERR_NONE;
}

static void on_close(struct ws *w, str payload)
{
	if (payload.n == 1) {
		fail(w, 1002, ERR_SYNTAX);
		return;
	}
	if (payload.n >= 2)
		w->code = (uint16_t)((unsigned char)payload.p[0] << 8 | (unsigned char)payload.p[1]);
	put_close(w, w->code);
	shut(w, ERR_NONE);
}

/* Takes one frame out of `in`; true where something came of it for the owner. */
static bool take_frame(struct ws *w, struct ws_do *out)
{
	struct frame f;
	enum err err = read_frame(w, buf_str(&w->in), &f);

	if (err == ERR_MORE)
		return false;
	if (err) {
		fail(w, err == ERR_LIMIT ? 1009 : 1002, err);
		return false;
	}
	char *payload = w->in.p + f.head_n;
	for (size_t i = 0; f.masked && i < f.n; i++)
		payload[i] = (char)(payload[i] ^ f.mask[i & 3]);
	str bytes = str_of(payload, f.n);
	w->in_used = f.head_n + f.n;
	switch (f.opcode) {
	case CLOSE:
		on_close(w, bytes);
		return false;
	case PING:
		put_frame(w, PONG, bytes);
		return false;
	case PONG:
		*out = (struct ws_do){ .kind = WS_PONG };
		return true;
	case CONTINUATION:
	case TEXT:
	case BINARY:
		break;
	}
	if ((f.opcode == CONTINUATION) != w->in_message) {
		fail(w, 1002, ERR_SYNTAX);
		return false;
	}
	if (f.opcode != CONTINUATION)
		w->message_text = f.opcode == TEXT;
	w->in_message = !f.fin;
	buf_put(&w->message, bytes);
	if (!f.fin)
		return false;
	if (w->message_text && !ws_is_text(buf_str(&w->message))) {
		fail(w, 1007, ERR_SYNTAX);
		return false;
	}
	w->message_given = true;
	*out = (struct ws_do){ .kind = WS_MESSAGE, .bytes = buf_str(&w->message), .text = w->message_text };
	return true;
}

/* ---- the verbs ---- */

void ws_recv(struct ws *w, str bytes)
{
	if (w->state >= SHUT)
		return;
	buf_put(&w->in, bytes);
	if (!buf_ok(&w->in))
		fail(w, 1009, w->in.err == ERR_FULL ? ERR_LIMIT : w->in.err);
}

static enum err send_frame(struct ws *w, enum opcode opcode, str payload)
{
	size_t before = w->out.n;

	if (w->state != OPEN)
		return ERR_STATE;
	if (payload.n > WS_OUT_MAX || w->out.n > WS_OUT_MAX - payload.n)
		return ERR_FULL;
	put_frame(w, opcode, payload);
	if (buf_ok(&w->out))
		return ERR_NONE;
	enum err err = w->out.err;
	w->out.n = before;
	w->out.err = ERR_NONE;
	return err;
}

enum err ws_send(struct ws *w, str message, bool text)
{
	return send_frame(w, text ? TEXT : BINARY, message);
}

enum err ws_ping(struct ws *w)
{
	return send_frame(w, PING, STR_NONE);
}

void ws_close(struct ws *w, uint16_t code, usec now)
{
	if (w->state == SHAKING)
		shut(w, ERR_NONE);
	if (w->state != OPEN)
		return;
	put_close(w, code);
	w->state = CLOSING;
	w->due = usec_add(now, CLOSE_SPAN);
}

void ws_tick(struct ws *w, usec now)
{
	if (now >= w->due)
		shut(w, w->state == CLOSING ? ERR_NONE : ERR_TIMEOUT);
}

usec ws_due(const struct ws *w)
{
	return w->due;
}

/* Empties it; thousands of silent browsers should cost little, so a large buffer goes. */
static void drop(struct buf *b)
{
	if (b->cap > KEEP_MAX)
		buf_free(b);
	else
		buf_reset(b);
}

/* What the last ws_next pointed to has been used. */
static void forget_given(struct ws *w)
{
	if (w->out_given)
		drop(&w->out);
	if (w->message_given)
		drop(&w->message);
	if (w->in_used && w->in_used == w->in.n)
		drop(&w->in);
	else if (w->in_used)
		buf_eat(&w->in, w->in_used);
	w->out_given = w->message_given = false;
	w->in_used = 0;
}

bool ws_next(struct ws *w, struct ws_do *out)
{
	for (;;) {
		forget_given(w);
		if (w->out.n) {
			w->out_given = true;
			*out = (struct ws_do){ .kind = WS_SEND, .bytes = buf_str(&w->out) };
			return true;
		}
		if (w->ready) { /* path, host and origin point into `in` until the next call */
			w->ready = false;
			w->in_used = w->head_n;
			*out = (struct ws_do){
				.kind = WS_READY, .path = w->path, .host = w->host, .origin = w->origin
			};
			return true;
		}
		if (w->state == SHUT) {
			w->state = DEAD;
			*out = (struct ws_do){ .kind = WS_CLOSED, .err = w->err, .code = w->code };
			return true;
		}
		if (w->state == DEAD)
			return false;
		if (w->state == SHAKING) {
			if (!shake(w))
				return false;
			continue;
		}
		size_t before = w->in.n;
		if (take_frame(w, out))
			return true;
		if (!w->in_used && !w->out.n && w->state != SHUT && w->in.n == before)
			return false;
	}
}
