#include "pbx/server_parts.h"

/* A machine's own programs are its owner's business: no other can send from there. */
static bool is_exempt(const struct pbx_server *s, const struct flow *flow)
{
	return addr_is_loopback(&flow->remote) || pbx_way_is_trusted(s, flow);
}

void pbx_gate_charge(struct pbx_server *s, const struct pbx_job *job, unsigned units, usec now)
{
	if (s->config.auth && !job->proved.n && job->kind != PBX_JOB_ACK && !is_exempt(s, &job->flow))
		pbx_flood_charge(s->flood, &job->flow.remote, units, now);
}

/* Is it heard as far as its source goes? A datagram's sender may be another than it says, and must not be answered for
 * it; one on a stream waits for an answer and would wait long. */
enum sip_gate_answer pbx_gate_request(void *self, struct sip_msg *m, const struct flow *flow, uint32_t *after, usec now)
{
	struct pbx_server *s = self;

	if (!pbx_flood_open(s->flood, &flow->remote, now) && !is_exempt(s, flow)) {
		*after = 5 + rng_below(s->config.rng, 26);
		return transport_is_reliable(flow->transport) ? SIP_GATE_BUSY : SIP_GATE_DROP;
	}
	if (m->fault.status && !is_exempt(s, flow))
		pbx_flood_charge(s->flood, &flow->remote, PBX_FLOOD_MALFORMED, now);
	return SIP_GATE_OPEN;
}
