#include "connect/peer_road.h"

#include "crypt/secret.h"

#include <stdlib.h>

#define FIRST 1u

struct peer_road {
	struct overlay_node *node;
	struct road face;
	const struct log *log;
	char network[OVERLAY_NETWORK_MAX + 1];
	struct buf state; /* to be kept; empty: nothing new */
	bool unsaved;
	/* What the last event points to. */
	char name[ROAD_NAME_N], contact[512], uri[512], peer[ROAD_NAME_N];
	/* Look-ups that ended before they were asked: 0 none. */
	struct {
		uint64_t ask;
		int status;
		const char *text;
	} failed[16];
	size_t failed_n;
};

static void wipe_state(struct peer_road *r) /* secret keys were in it */
{
	if (r->state.p)
		secret_wipe(r->state.p, r->state.n);
	buf_reset(&r->state);
}

/* ---- the five verbs ---- */

static void road_recv(void *self, const struct host_event *event, usec now)
{
	struct peer_road *r = self;

	if (overlay_node_owns(r->node, event->id))
		overlay_node_recv(r->node, event, now);
}

static void road_tick(void *self, usec now)
{
	overlay_node_tick(((struct peer_road *)self)->node, now);
}

static usec road_due(const void *self)
{
	const struct peer_road *r = self;

	return r->failed_n ? 0 : overlay_node_due(r->node);
}

static bool road_next(void *self, struct host_want *out)
{
	return overlay_node_want(((struct peer_road *)self)->node, out);
}

/* ---- what happened ---- */

static void write_peer(struct peer_road *r, const struct overlay_peer *peer)
{
	struct buf out;

	buf_init(&out, r->peer, sizeof(r->peer) - 1);
	if (peer->name.n) {
		buf_put(&out, overlay_name_str(&peer->name));
		buf_put_char(&out, '@');
		buf_put_z(&out, r->network);
	}
	r->peer[out.n] = 0;
}

static void online(struct peer_road *r, const struct overlay_node_event *event, struct road_event *out)
{
	struct buf name, contact;

	buf_init(&name, r->name, sizeof(r->name) - 1);
	buf_init(&contact, r->contact, sizeof(r->contact) - 1);
	overlay_node_aor(r->node, &name);
	if (overlay_node_contact(r->node, &contact) != ERR_NONE)
		log_warn(r->log, "connect.peer_road no contact", "name=%s", r->name);
	*out = (struct road_event){
		.kind = ROAD_UP, .flow = event->flow, .name = buf_str(&name), .contact = buf_str(&contact)
	};
}

static void found(struct peer_road *r, const struct overlay_node_event *event, struct road_event *out)
{
	struct buf uri;

	*out = (struct road_event){ .kind = ROAD_MISSING, .ask = event->ask, .status = 480 };
	out->text = STR("not on the network just now");
	/* The newest device that can be reached; ringing all of them comes with the reach issue. */
	for (size_t i = 0; i < event->record_n; i++) {
		const struct overlay_record *record = &event->record[i];

		if (!record->point_n)
			continue;
		buf_init(&uri, r->uri, sizeof(r->uri));
		overlay_point_write_uri(&record->point[0], overlay_name_str(&record->certificate.name), &uri);
		if (!buf_ok(&uri))
			continue;
		*out = (struct road_event){ .kind = ROAD_FOUND, .ask = event->ask, .uri = buf_str(&uri) };
		return;
	}
}

static bool translate(struct peer_road *r, const struct overlay_node_event *event, struct road_event *out)
{
	switch (event->kind) {
	case OVERLAY_NODE_SAVE:
		wipe_state(r);
		buf_put(&r->state, event->state);
		r->unsaved = buf_ok(&r->state);
		return false;
	case OVERLAY_NODE_LOGGED_IN:
		return false;
	case OVERLAY_NODE_ONLINE:
		online(r, event, out);
		return true;
	case OVERLAY_NODE_OFFLINE:
		*out = (struct road_event){ .kind = ROAD_DOWN, .flow = event->flow, .final = event->final };
		out->err = ERR_CLOSED;
		out->text = event->text;
		return true;
	case OVERLAY_NODE_SIP:
		write_peer(r, &event->peer);
		*out = (struct road_event){ .kind = ROAD_MESSAGE, .flow = event->flow, .bytes = event->sip };
		out->peer = str_from(r->peer);
		return true;
	case OVERLAY_NODE_FOUND:
		found(r, event, out);
		return true;
	case OVERLAY_NODE_MISSING:
		*out = (struct road_event){ .kind = ROAD_MISSING, .ask = event->ask, .status = event->status };
		out->text = event->text;
		return true;
	case OVERLAY_NODE_PROBLEM:
		*out = (struct road_event){ .kind = ROAD_DOWN, .final = event->final, .text = event->text };
		out->status = event->refusal == OVERLAY_REFUSAL_PASSWORD || event->refusal == OVERLAY_REFUSAL_LOGGED_OUT
				      ? 401
				      : 503;
		return true;
	}
	return false;
}

static bool road_event(void *self, struct road_event *out)
{
	struct peer_road *r = self;
	struct overlay_node_event event;

	if (r->failed_n) {
		r->failed_n--;
		*out = (struct road_event){ .kind = ROAD_MISSING, .ask = r->failed[r->failed_n].ask };
		out->status = r->failed[r->failed_n].status;
		out->text = str_from(r->failed[r->failed_n].text);
		return true;
	}
	while (overlay_node_next(r->node, &event))
		if (translate(r, &event, out))
			return true;
	return false;
}

/* ---- the road's own verbs ---- */

static void fail_find(struct peer_road *r, uint64_t ask, int status, const char *text)
{
	size_t n = sizeof(r->failed) / sizeof(*r->failed);

	if (r->failed_n == n) {
		log_warn(r->log, "connect.peer_road look-ups full", "n=%zu", n);
		return;
	}
	r->failed[r->failed_n].ask = ask;
	r->failed[r->failed_n].status = status;
	r->failed[r->failed_n++].text = text;
}

static void road_find(void *self, uint64_t ask, str target, usec now)
{
	struct peer_road *r = self;
	struct overlay_name name;
	str user, host;
	enum err err;

	if (!str_split(target, '@', &user, &host)) {
		fail_find(r, ask, 404, "this is no name on the network");
		return;
	}
	err = overlay_name_of(user, host, str_from(r->network), &name);
	if (err == ERR_NONE)
		err = overlay_node_find(r->node, ask, &name, now);
	if (err == ERR_ABSENT)
		fail_find(r, ask, 404, "this is an address of another network");
	else if (err == ERR_FULL)
		fail_find(r, ask, 503, "too many look-ups at once");
	else if (err != ERR_NONE)
		fail_find(r, ask, 404, "this is no name on the network");
}

static enum err road_send(void *self, const struct flow *flow, str bytes, usec now)
{
	(void)flow; /* a node has one flow at a time */
	return overlay_node_send(((struct peer_road *)self)->node, bytes, now);
}

static struct addr road_stun(const void *self)
{
	return overlay_node_stun(((const struct peer_road *)self)->node);
}

static bool road_save(void *self, str *state)
{
	struct peer_road *r = self;

	if (!r->unsaved)
		return false;
	r->unsaved = false;
	*state = buf_str(&r->state);
	return true;
}

static void road_stop(void *self, usec now)
{
	overlay_node_stop(((struct peer_road *)self)->node, now);
}

/* ---- birth and death ---- */

enum err peer_road_new(const struct overlay_node_setup *setup, usec now, struct peer_road **out)
{
	struct peer_road *r = calloc(1, sizeof(*r));
	struct overlay_node_setup own = *setup;
	enum err err;

	if (!r)
		return ERR_MEMORY;
	own.stream_first = FIRST;
	err = overlay_node_new(&own, now, &r->node);
	if (err != ERR_NONE) {
		free(r);
		return err;
	}
	r->log = setup->log;
	(void)str_copy_z(overlay_domain_str(&setup->network->name), r->network, sizeof(r->network));
	buf_init_grow(&r->state, 65536);
	r->face = (struct road){ .self = r,
				 .recv = road_recv,
				 .tick = road_tick,
				 .due = road_due,
				 .next = road_next,
				 .event = road_event,
				 .find = road_find,
				 .send = road_send,
				 .stun = road_stun,
				 .save = road_save,
				 .stop = road_stop };
	*out = r;
	return ERR_NONE;
}

void peer_road_free(struct peer_road *r)
{
	if (!r)
		return;
	overlay_node_free(r->node);
	wipe_state(r);
	buf_free(&r->state);
	free(r);
}

const struct road *peer_road_face(const struct peer_road *r)
{
	return &r->face;
}
