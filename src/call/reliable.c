#include "call/reliable.h"

#define RSEQ_FIRST_MAX 0x3fffffffu /* of 2^31 - 1: room to count up */

void reliable_init(struct reliable *r)
{
	*r = (struct reliable){ .repeat_at = USEC_NEVER, .until = USEC_NEVER };
	buf_init_grow(&r->body, SIP_MSG_MAX);
}

void reliable_free(struct reliable *r)
{
	buf_free(&r->body);
}

void reliable_read(struct reliable *r, struct sip_msg *invite)
{
	const struct sip_cseq *cseq = sip_msg_cseq(invite);

	r->required = sip_msg_lists(invite, SIP_REQUIRE, STR("100rel"));
	r->supported = r->required || sip_msg_lists(invite, SIP_SUPPORTED, STR("100rel"));
	r->cseq = cseq ? cseq->number : 0;
}

bool reliable_wanted(const struct reliable *r, bool with_sdp)
{
	return r->required || (r->supported && with_sdp);
}

enum err reliable_start(struct reliable *r, int status, str body, struct rng *rng, const struct sip_timing *timing,
			usec now)
{
	if (r->waits)
		return ERR_STATE;
	buf_reset(&r->body);
	buf_put(&r->body, body);
	if (!buf_ok(&r->body))
		return ERR_MEMORY;
	r->rseq = r->rseq ? r->rseq + 1 : 1 + rng_below(rng, RSEQ_FIRST_MAX);
	r->status = status;
	r->waits = true;
	r->has_sdp = body.n > 0;
	r->pace = timing->t1;
	r->repeat_at = usec_add(now, r->pace);
	r->until = usec_add(now, sip_timing_patience(timing));
	return ERR_NONE;
}

void reliable_write(const struct reliable *r, struct buf *lines)
{
	buf_printf(lines, "Require: 100rel\r\nRSeq: %u\r\n", (unsigned)r->rseq);
}

bool reliable_acknowledge(struct reliable *r, struct sip_msg *prack)
{
	struct sip_rack rack;

	if (!r->waits || sip_rack_parse(sip_msg_value(prack, SIP_RACK), &rack) != ERR_NONE ||
	    rack.response != r->rseq || rack.cseq.number != r->cseq || rack.cseq.method != SIP_INVITE)
		return false;
	r->waits = false;
	r->settled = r->settled || r->has_sdp;
	r->has_sdp = false;
	r->repeat_at = r->until = USEC_NEVER;
	return true;
}

void reliable_stop(struct reliable *r)
{
	r->repeat_at = r->until = USEC_NEVER;
}

enum reliable_step reliable_tick(struct reliable *r, usec now)
{
	if (now >= r->until) {
		reliable_stop(r);
		return RELIABLE_LOST;
	}
	if (now < r->repeat_at)
		return RELIABLE_QUIET;
	r->pace *= 2; /* without the cap of a 2xx (3.) */
	r->repeat_at = usec_add(now, r->pace);
	return RELIABLE_REPEAT;
}

usec reliable_due(const struct reliable *r)
{
	return usec_min(r->repeat_at, r->until);
}

uint32_t reliable_rseq(const struct sip_msg *response)
{
	uint32_t rseq = 0;

	if (response->status <= 100 || response->status >= 200 ||
	    !sip_msg_lists(response, SIP_REQUIRE, STR("100rel")) ||
	    !str_u32(sip_msg_value(response, SIP_RSEQ), UINT32_MAX, &rseq))
		return 0;
	return rseq;
}

bool reliable_is_next(uint32_t *last, uint32_t rseq)
{
	if (*last && rseq != *last + 1)
		return false;
	*last = rseq;
	return true;
}
