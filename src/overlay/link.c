#include "overlay/link.h"

#define WAIT_FIRST USEC_PER_SEC
#define WAIT_MAX   (60 * USEC_PER_SEC)
#define OPEN_WAIT  (10 * USEC_PER_SEC)

void overlay_link_start(struct overlay_link *l, usec when)
{
	if (l->stage > OVERLAY_LINK_WAITING)
		return;
	l->due = l->stage == OVERLAY_LINK_WAITING ? usec_min(l->due, when) : when;
	l->stage = OVERLAY_LINK_WAITING;
}

static void let_go(struct overlay_link *l)
{
	if (l->stage == OVERLAY_LINK_OPENING || l->stage == OVERLAY_LINK_OPEN)
		overlay_outbox_close(l->out, l->id);
	overlay_stream_free(&l->stream);
	l->stage = OVERLAY_LINK_IDLE;
	l->due = USEC_NEVER;
}

/* Half to one and a half of the span. */
static usec jittered(struct rng *rng, usec span)
{
	return span / 2 + (usec)rng_below(rng, (uint32_t)(span / USEC_PER_MS) + 1) * USEC_PER_MS;
}

void overlay_link_again(struct overlay_link *l, usec least, usec now)
{
	usec wait = l->tries < 6 ? WAIT_FIRST << l->tries : WAIT_MAX;

	let_go(l);
	if (l->tries < 16)
		l->tries++;
	l->at++;
	wait = jittered(l->rng, wait);
	overlay_link_start(l, now + (wait > least ? wait : least));
}

void overlay_link_stop(struct overlay_link *l)
{
	let_go(l);
}

void overlay_link_free(struct overlay_link *l)
{
	overlay_stream_free(&l->stream);
}

void overlay_link_worked(struct overlay_link *l)
{
	l->tries = 0;
}

bool overlay_link_owns(const struct overlay_link *l, uint32_t id)
{
	return id >= l->stream_first && id - l->stream_first < OVERLAY_LINK_STREAMS;
}

const struct overlay_server *overlay_link_server(const struct overlay_link *l)
{
	return &l->servers[l->at % l->server_n];
}

static void open_to(struct overlay_link *l, const struct addr *remote, usec now)
{
	const struct overlay_server *server = overlay_link_server(l);
	uint32_t n = l->next;
	char name[72];

	for (int i = 0; i < OVERLAY_LINK_STREAMS && l->busy >> n & 1; i++)
		n = (n + 1) % OVERLAY_LINK_STREAMS;
	if (l->busy >> n & 1) { /* the host owes us the end of eight streams */
		overlay_link_again(l, WAIT_MAX, now);
		return;
	}
	l->next = (n + 1) % OVERLAY_LINK_STREAMS;
	l->busy |= (uint8_t)(1u << n);
	l->id = l->stream_first + n;
	l->remote = *remote;
	l->remote.port = server->port;
	overlay_stream_init(&l->stream);
	l->stream.frame_max = OVERLAY_BODY_MAX;
	overlay_outbox_put(l->out, &(struct host_want){ .kind = HOST_OPEN,
							.id = l->id,
							.transport = TRANSPORT_TLS,
							.tls = l->tls,
							.remote = l->remote,
							.name = overlay_pin_name(server->pin, name) });
	l->stage = OVERLAY_LINK_OPENING;
	l->due = now + OPEN_WAIT;
}

static void try(struct overlay_link *l, usec now)
{
	struct addr remote;

	if (l->server_n == 0) {
		l->err = ERR_ABSENT;
		overlay_link_again(l, WAIT_MAX, now);
	} else if (addr_parse_ip(str_from(overlay_link_server(l)->host), &remote) == ERR_NONE) {
		open_to(l, &remote, now);
	} else {
		l->stage = OVERLAY_LINK_RESOLVING;
		l->due = now + OPEN_WAIT;
		overlay_outbox_put(l->out, &(struct host_want){ .kind = HOST_RESOLVE,
								.id = l->stream_first,
								.name = str_from(overlay_link_server(l)->host) });
	}
}

static enum overlay_link_news lost(struct overlay_link *l, enum err err, usec now)
{
	l->err = err;
	overlay_link_again(l, 0, now);
	return OVERLAY_LINK_LOST;
}

static enum overlay_link_news on_resolved(struct overlay_link *l, const struct host_event *e, usec now)
{
	if (l->stage != OVERLAY_LINK_RESOLVING)
		return OVERLAY_LINK_NOTHING;
	if (e->err || e->addr_n == 0)
		return lost(l, ERR_ABSENT, now);
	open_to(l, &e->addrs[0], now);
	return OVERLAY_LINK_NOTHING;
}

static enum overlay_link_news on_closed(struct overlay_link *l, const struct host_event *e, usec now)
{
	bool current = e->id == l->id && (l->stage == OVERLAY_LINK_OPENING || l->stage == OVERLAY_LINK_OPEN);

	l->busy &= (uint8_t) ~(1u << (e->id - l->stream_first));
	if (!current)
		return OVERLAY_LINK_NOTHING;
	overlay_stream_free(&l->stream);
	l->stage = OVERLAY_LINK_IDLE; /* it is closed: let_go has nothing to close */
	return lost(l, e->err ? e->err : ERR_CLOSED, now);
}

enum overlay_link_news overlay_link_recv(struct overlay_link *l, const struct host_event *e, usec now)
{
	bool current = e->id == l->id && (l->stage == OVERLAY_LINK_OPENING || l->stage == OVERLAY_LINK_OPEN);

	switch (e->kind) {
	case HOST_RESOLVED:
		return on_resolved(l, e, now);
	case HOST_OPENED:
		if (!current || l->stage == OVERLAY_LINK_OPEN)
			return OVERLAY_LINK_NOTHING;
		l->stage = OVERLAY_LINK_OPEN;
		l->due = USEC_NEVER;
		l->heard = l->said = now;
		l->local = e->local;
		memcpy(l->binding, e->binding, sizeof(l->binding));
		return OVERLAY_LINK_OPENED;
	case HOST_BYTES:
		if (!current || l->stage != OVERLAY_LINK_OPEN)
			return OVERLAY_LINK_NOTHING;
		l->heard = now;
		if (overlay_stream_recv(&l->stream, e->bytes) != ERR_NONE)
			return lost(l, ERR_FULL, now);
		return OVERLAY_LINK_BYTES;
	case HOST_CLOSED:
		return on_closed(l, e, now);
	default:
		return OVERLAY_LINK_NOTHING;
	}
}

bool overlay_link_frame(struct overlay_link *l, struct overlay_frame *out)
{
	if (l->stage != OVERLAY_LINK_OPEN)
		return false;
	enum err err = overlay_stream_next(&l->stream, out);
	if (err && err != ERR_MORE)
		l->err = ERR_SYNTAX;
	l->broken = err && err != ERR_MORE;
	return !err;
}

bool overlay_link_send(struct overlay_link *l, const struct overlay_message *m, usec now)
{
	if (l->stage != OVERLAY_LINK_OPEN)
		return false;
	l->said = now;
	return overlay_outbox_message(l->out, l->id, m);
}

enum overlay_link_news overlay_link_tick(struct overlay_link *l, usec now)
{
	if (l->stage == OVERLAY_LINK_IDLE || l->due > now)
		return OVERLAY_LINK_NOTHING;
	if (l->stage == OVERLAY_LINK_WAITING) {
		try(l, now);
		return OVERLAY_LINK_NOTHING;
	}
	return lost(l, ERR_TIMEOUT, now);
}

usec overlay_link_due(const struct overlay_link *l)
{
	return l->stage == OVERLAY_LINK_IDLE ? USEC_NEVER : l->due;
}
