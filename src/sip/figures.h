/*
 * sip/figures.h - what a stack counts, and what each number is called.
 *
 * Messages by method, transport and status; how long requests waited for their answers; how calls that were
 * asked for ended, in the words of RFC 6076: an attempt is an INVITE without a To tag that got a final answer.
 *
 * Memory: plain numbers, copied as a whole. Thread: the stack's.
 */
#ifndef SIP_FIGURES_H
#define SIP_FIGURES_H

#include "base/host.h"
#include "base/metric.h"
#include "sip/header.h"

#define SIP_FIGURES_CODES      600 /* 100 .. 699 */
#define SIP_FIGURES_TRANSPORTS (TRANSPORT_WSS + 1)

/* How an attempt ended (RFC 6076 4.6 to 4.9). */
enum sip_outcome {
	SIP_OUTCOME_ESTABLISHED, /* 2xx */
	SIP_OUTCOME_REDIRECTED,  /* 3xx */
	SIP_OUTCOME_CHALLENGED,  /* 401, 402, 407 */
	SIP_OUTCOME_PERSON,      /* 480, 486, 600, 603: it reached somebody, who was away, busy or unwilling */
	SIP_OUTCOME_CANCELLED,   /* 487 */
	SIP_OUTCOME_INEFFECTIVE, /* 408, 500, 503, 504: overload or failure */
	SIP_OUTCOME_OTHER,
	SIP_OUTCOME_N,
};

struct sip_figures {
	uint64_t requests_in[SIP_METHOD_N][SIP_FIGURES_TRANSPORTS], requests_out[SIP_METHOD_N][SIP_FIGURES_TRANSPORTS];
	uint64_t answers_in[SIP_FIGURES_CODES], answers_out[SIP_FIGURES_CODES], register_answers[SIP_FIGURES_CODES];
	uint64_t outcomes[SIP_OUTCOME_N];
	struct metric_histogram session_delay[2];                 /* 4.3: to the first sign of life; to a refusal */
	struct metric_histogram register_delay, disconnect_delay; /* 4.1, 4.4: to the 2xx */
	uint64_t messages[2], repeats[2];                         /* in, out */
	uint64_t malformed, refused_full, evicted, timeouts, unreachable;
	uint64_t gate_dropped, gate_busy;
	uint32_t transactions, streams;
};

extern const struct metric sip_metrics[];
extern const size_t sip_metric_n;

enum sip_outcome sip_outcome_of(int status);

static inline void sip_figures_count(uint64_t codes[SIP_FIGURES_CODES], int status)
{
	if (status >= 100 && status < 100 + SIP_FIGURES_CODES)
		codes[status - 100]++;
}

/* RFC 6076 4.6 to 4.9 and the telephone network's own measures (ITU-T E.411, E.425), as ratios of 0..1 since the start;
 * nothing where there was no attempt. */
void sip_figures_write_ratios(const struct sip_figures *, struct buf *);

#endif
