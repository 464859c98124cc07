#include "sip/stack_parts.h"

#include <stdlib.h>

struct sip_stack_config sip_stack_config_default(void)
{
	return (struct sip_stack_config){
		.timing = SIP_TIMING_DEFAULT,
		.id_n = 1u << 20,
		.worker_n = 1,
		.transaction_max = 65536,
		.stream_max = 16384,
		.source_max = 4096,
		.idle_max = 2 * 3600 * USEC_PER_SEC,
		.partial_max = 20 * USEC_PER_SEC,
	};
}

static void init_parts(struct sip_stack *s, const struct sip_stack_config *c)
{
	struct sip_flows_config flows = { .log = c->log,
					  .rng = c->rng,
					  .worker = c->worker,
					  .id_first = c->id_first,
					  .id_n = c->id_n,
					  .stream_max = c->stream_max,
					  .source_max = c->source_max,
					  .idle_max = c->idle_max,
					  .partial_max = c->partial_max };

	rng_fill(c->rng, s->key, sizeof(s->key));
	sip_flows_init(&s->flows, &flows);
	slab_init(&s->slab, sizeof(struct sip_tx), c->transaction_max);
	map_init(&s->servers, c->transaction_max);
	map_init(&s->waiting, c->transaction_max);
	map_init(&s->held, c->transaction_max);
	heap_init(&s->timers);
	arena_init(&s->arena, s->arena_first, sizeof(s->arena_first), SIP_MSG_HEAP_MAX);
	arena_init(&s->side_arena, s->side_first, sizeof(s->side_first), SIP_MSG_HEAP_MAX);
	arena_init(&s->kept_arena, s->kept_first, sizeof(s->kept_first), SIP_MSG_HEAP_MAX);
}

struct sip_stack *sip_stack_new(const struct sip_stack_config *config)
{
	const struct sip_stack_config usual = sip_stack_config_default();
	struct sip_stack *s = malloc(sizeof(*s));

	if (!s)
		return NULL;
	memset(s, 0, offsetof(struct sip_stack, arena_first));
	s->config = *config;
	if (!s->config.transaction_max)
		s->config.transaction_max = usual.transaction_max;
	if (!s->config.stream_max)
		s->config.stream_max = usual.stream_max;
	if (!s->config.source_max)
		s->config.source_max = s->config.stream_max / 4 + 1;
	if (!s->config.idle_max)
		s->config.idle_max = usual.idle_max;
	if (!s->config.partial_max)
		s->config.partial_max = usual.partial_max;
	init_parts(s, &s->config);
	return s;
}

void sip_stack_free(struct sip_stack *s)
{
	uint32_t slot = 0;
	struct sip_tx *tx;
	handle h;

	if (!s)
		return;
	while ((tx = slab_walk(&s->slab, &slot, &h)))
		sip_tx_free(s, tx);
	slab_free(&s->slab);
	map_free(&s->servers);
	map_free(&s->waiting);
	map_free(&s->held);
	heap_free(&s->timers);
	arena_free(&s->arena);
	arena_free(&s->side_arena);
	arena_free(&s->kept_arena);
	sip_flows_free(&s->flows);
	free(s->ended);
	free(s);
}

uint32_t sip_stack_listen(struct sip_stack *s, enum transport transport, const struct addr *local, uint16_t tls,
			  str sent_by)
{
	return sip_flows_listen(&s->flows, transport, local, tls, sent_by);
}

bool sip_stack_local(const struct sip_stack *s, enum transport transport, uint8_t family, struct addr *out)
{
	const struct sip_flows_listener *l = sip_flows_listener(&s->flows, transport, family);

	if (l)
		*out = l->local;
	return l != NULL;
}

void sip_stack_sent_by(const struct sip_stack *s, const struct flow *flow, struct buf *out)
{
	sip_flows_sent_by(&s->flows, flow, out);
}

/* ---- the round ---- */

void sip_stack_recv(struct sip_stack *s, const struct host_event *e, usec now)
{
	sip_flows_recv(&s->flows, e, now);
}

void sip_stack_take(struct sip_stack *s, const struct flow *flow, str bytes, usec now)
{
	(void)now;
	s->taken_wait = true;
	s->taken_flow = *flow;
	s->taken = bytes;
}

void sip_stack_tick(struct sip_stack *s, usec now)
{
	sip_flows_tick(&s->flows, now); /* transactions have their turn in sip_stack_next, one event at a time */
}

usec sip_stack_due(const struct sip_stack *s)
{
	return usec_min(usec_min(heap_due(&s->timers), sip_tx_linger_due(s)), sip_flows_due(&s->flows));
}

/* Whoever still waits for a first answer over a dead way waits no longer. */
static void fail_all(struct sip_stack *s, const struct flow *flow)
{
	uint64_t where = sip_tx_where(s, flow);

	for (struct map_node *n = map_first(&s->waiting, where); n; n = map_next(n)) {
		struct sip_tx *tx = map_of(n, struct sip_tx, node);

		if (flow->transport == TRANSPORT_UDP
			    ? tx->flow.transport == TRANSPORT_UDP && addr_eq(&tx->flow.remote, &flow->remote)
			    : tx->flow.transport != TRANSPORT_UDP && tx->flow.id == flow->id)
			sip_tx_fail(s, tx);
	}
}

static void pass(struct sip_stack *s, enum sip_event_kind kind, const struct sip_flows_event *f)
{
	sip_stack_emit(s, &(struct sip_event){ .kind = kind,
					       .flow = f->flow,
					       .bytes = f->bytes,
					       .worker = f->flow.worker,
					       .err = f->err,
					       .binding = s->binding });
}

static void on_flows(struct sip_stack *s, const struct sip_flows_event *f, usec now)
{
	switch (f->step) {
	case SIP_FLOWS_MESSAGE:
		sip_stack_in(s, &f->flow, f->bytes, now);
		break;
	case SIP_FLOWS_BROKEN:
		sip_stack_in_broken(s, &f->flow, f->bytes, now);
		break;
	case SIP_FLOWS_LISTENING:
		pass(s, SIP_EVENT_LISTENING, f);
		break;
	case SIP_FLOWS_UP:
		memcpy(s->binding, f->binding, sizeof(s->binding));
		pass(s, SIP_EVENT_FLOW_UP, f);
		break;
	case SIP_FLOWS_GONE:
		fail_all(s, &f->flow);
		pass(s, SIP_EVENT_FLOW_GONE, f);
		break;
	case SIP_FLOWS_PONG:
		pass(s, SIP_EVENT_PONG, f);
		break;
	case SIP_FLOWS_UNREACHABLE:
		fail_all(s, &f->flow);
		break;
	case SIP_FLOWS_CARRY:
		pass(s, SIP_EVENT_CARRY, f);
		break;
	case SIP_FLOWS_QUIET:
		break;
	}
}

/* One thing that waits to be done; false: nothing. */
static bool step(struct sip_stack *s, usec now)
{
	struct sip_flows_event f;
	struct heap_item *item;

	if (s->taken_wait) {
		s->taken_wait = false;
		sip_stack_in(s, &s->taken_flow, s->taken, now);
		return true;
	}
	if (sip_flows_next(&s->flows, &f, now)) {
		on_flows(s, &f, now);
		return true;
	}
	item = heap_take(&s->timers, now);
	if (item) {
		sip_tx_tick(s, map_of(item, struct sip_tx, timer), now);
		return true;
	}
	struct sip_tx *tx = sip_tx_lingered(s, now);
	if (!tx)
		return false;
	sip_tx_free(s, tx);
	return true;
}

bool sip_stack_next(struct sip_stack *s, struct sip_event *out, usec now)
{
	while (s->event_at == s->event_n) {
		s->event_at = s->event_n = 0;
		if (s->ended_n) {
			const struct sip_ended *ended = &s->ended[--s->ended_n];

			*out = (struct sip_event){ .kind = SIP_EVENT_ENDED,
						   .cookie = ended->cookie,
						   .flow = ended->flow };
			return true;
		}
		if (!step(s, now))
			return false;
	}
	*out = s->events[s->event_at++];
	return true;
}

bool sip_stack_want(struct sip_stack *s, struct host_want *out)
{
	return sip_outbox_next(&s->flows.outbox, out);
}

void sip_stack_set_load(struct sip_stack *s, unsigned percent, unsigned valid_ms, usec now)
{
	struct buf b;

	buf_init(&b, s->oc, sizeof(s->oc));
	/* 4.4: so that an answer that comes late is known to be older */
	buf_printf(&b, ";oc=%u;oc-algo=\"loss\";oc-validity=%u;oc-seq=%llu.%05u", percent, valid_ms,
		   (unsigned long long)(now / USEC_PER_SEC) % 1000000000000u, (unsigned)(now % USEC_PER_SEC / 10));
	s->oc_n = buf_ok(&b) ? b.n : 0;
}

/* ---- flows ---- */

void sip_stack_ping(struct sip_stack *s, const struct flow *flow, usec now)
{
	sip_flows_ping(&s->flows, flow, now);
}

bool sip_stack_alive(const struct sip_stack *s, const struct flow *flow)
{
	return sip_flows_alive(&s->flows, flow);
}

void sip_stack_probe(struct sip_stack *s, const struct flow *flow, usec now)
{
	sip_flows_probe(&s->flows, flow, now);
}

void sip_stack_know(struct sip_stack *s, const struct flow *flow, uint16_t peer)
{
	sip_flows_know(&s->flows, flow, peer);
}

void sip_stack_expect(struct sip_stack *s, const struct flow *flow, usec span, usec now)
{
	sip_flows_expect(&s->flows, flow, span, now);
}

bool sip_stack_is_up(const struct sip_stack *s, handle client)
{
	const struct sip_tx *tx = sip_tx_find(s, client);

	return tx && sip_flows_is_up(&s->flows, &tx->flow);
}

void sip_stack_close(struct sip_stack *s, const struct flow *flow)
{
	sip_flows_close(&s->flows, flow);
}

struct flow sip_stack_connect(struct sip_stack *s, const struct sip_target *to, usec now)
{
	return sip_flows_find(&s->flows, to, now);
}

void sip_stack_stats(const struct sip_stack *s, struct sip_stack_stats *out)
{
	*out = s->stats;
	out->transactions = s->slab.n;
	out->streams = (uint32_t)s->flows.by_id.n;
}

void sip_stack_figures(const struct sip_stack *s, struct sip_figures *out)
{
	*out = s->figures;
	out->messages[0] = s->stats.received;
	out->messages[1] = s->stats.sent;
	out->repeats[0] = s->stats.repeats_in;
	out->repeats[1] = s->stats.repeats_out;
	out->malformed = s->stats.malformed;
	out->refused_full = s->stats.refused_full;
	out->evicted = s->stats.evicted;
	out->gate_dropped = s->stats.gate_dropped;
	out->gate_busy = s->stats.gate_busy;
	out->transactions = s->slab.n;
	out->streams = (uint32_t)s->flows.by_id.n;
}
