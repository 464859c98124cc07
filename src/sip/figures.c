#include "sip/figures.h"

static const char *const methods[SIP_METHOD_N] = { "other",    "INVITE",  "ACK",   "BYE",       "CANCEL",
						   "REGISTER", "OPTIONS", "PRACK", "SUBSCRIBE", "NOTIFY",
						   "PUBLISH",  "INFO",    "REFER", "MESSAGE",   "UPDATE" };
static const char *const transports[SIP_FIGURES_TRANSPORTS] = { NULL, "udp", "tcp", "tls", "ws", "wss" };
static const char *const outcomes[SIP_OUTCOME_N] = { "established", "redirected",  "challenged", "person",
						     "cancelled",   "ineffective", "other" };
static const char *const delays[] = { "answered", "refused" }, *const ways[] = { "in", "out" };

#define BY_METHOD                                                                                                      \
	.labels = { { "method", methods, SIP_METHOD_N, 0 }, { "transport", transports, SIP_FIGURES_TRANSPORTS, 0 } }
#define BY_CODE                     .labels = { { "code", NULL, SIP_FIGURES_CODES, 100 } }
#define BY_WAY                      .labels = { { "direction", ways, 2, 0 } }
#define ROW(NAME, KIND, FIELD, ...) METRIC("tandem_sip_" NAME, KIND, struct sip_figures, FIELD, __VA_ARGS__)

const struct metric sip_metrics[] = {
	ROW("requests_total", COUNTER, requests_in, "Requests received, repeats included.", BY_METHOD),
	ROW("requests_sent_total", COUNTER, requests_out, "Requests sent, without their repeats.", BY_METHOD),
	ROW("responses_total", COUNTER, answers_in, "Responses to our requests, by status.", BY_CODE),
	ROW("responses_sent_total", COUNTER, answers_out, "Responses given, by status, without their repeats.",
	    BY_CODE),
	ROW("register_responses_total", COUNTER, register_answers,
	    "Responses given to REGISTER, by status: 401 asked for a password, 403 refused one, 423 too brief.",
	    BY_CODE),
	ROW("messages_total", COUNTER, messages, "Messages that passed, of any kind.", BY_WAY),
	ROW("retransmissions_total", COUNTER, repeats, "Repeats: received ones that were soaked up, and our own.",
	    BY_WAY),
	ROW("malformed_total", COUNTER, malformed,
	    "Messages that broke the grammar; requests among them were answered 400."),
	ROW("refused_full_total", COUNTER, refused_full,
	    "Requests answered 503 because the transaction table was full."),
	ROW("gate_dropped_total", COUNTER, gate_dropped, "Requests dropped unread: their source asked too much."),
	ROW("gate_busy_total", COUNTER, gate_busy, "Requests answered 503 at the door."),
	ROW("evicted_total", COUNTER, evicted, "Finished transactions that were ended early to make room."),
	ROW("timeouts_total", COUNTER, timeouts, "Requests of ours that nobody answered."),
	ROW("unreachable_total", COUNTER, unreachable, "Requests of ours that could not be delivered."),
	ROW("transactions", GAUGE_U32, transactions,
	    "Transactions in the table now, those that only soak up repeats included."),
	ROW("streams", GAUGE_U32, streams, "Connections (TCP, TLS, WebSocket) that carry SIP now."),
	ROW("sessions_total", COUNTER, outcomes,
	    "INVITEs that were to open a call, by how they ended: established 2xx, redirected 3xx, challenged 401 402 "
	    "407, "
	    "person 480 486 600 603, cancelled 487, ineffective 408 500 503 504, other.",
	    .labels = { { "outcome", outcomes, SIP_OUTCOME_N, 0 } }),
	ROW("session_request_delay_seconds", HISTOGRAM, session_delay,
	    "From INVITE to the first 101..299 (answered; post-dial delay) or to the refusal (refused): SRD, RFC 6076 "
	    "4.3.",
	    .labels = { { "outcome", delays, 2, 0 } }),
	ROW("registration_request_delay_seconds", HISTOGRAM, register_delay,
	    "From REGISTER to its 2xx: RRD, RFC 6076 4.1."),
	ROW("session_disconnect_delay_seconds", HISTOGRAM, disconnect_delay, "From BYE to its 2xx: SDD, RFC 6076 4.4."),
};
const size_t sip_metric_n = sizeof(sip_metrics) / sizeof(sip_metrics[0]);

enum sip_outcome sip_outcome_of(int status)
{
	if (status < 300)
		return SIP_OUTCOME_ESTABLISHED;
	if (status < 400)
		return SIP_OUTCOME_REDIRECTED;
	switch (status) {
	case 401:
	case 402:
	case 407:
		return SIP_OUTCOME_CHALLENGED;
	case 480:
	case 486:
	case 600:
	case 603:
		return SIP_OUTCOME_PERSON;
	case 487:
		return SIP_OUTCOME_CANCELLED;
	case 408:
	case 500:
	case 503:
	case 504:
		return SIP_OUTCOME_INEFFECTIVE;
	}
	return SIP_OUTCOME_OTHER;
}

static void write_ratio(const char *name, const char *help, uint64_t part, uint64_t whole, struct buf *out)
{
	if (whole)
		metric_write_one(name, METRIC_GAUGE, help, "", (double)part / (double)whole, out);
}

void sip_figures_write_ratios(const struct sip_figures *f, struct buf *out)
{
	const uint64_t *n = f->outcomes;
	uint64_t all = 0, calls, reached;

	for (int i = 0; i < SIP_OUTCOME_N; i++)
		all += n[i];
	calls = all - n[SIP_OUTCOME_CHALLENGED] - n[SIP_OUTCOME_REDIRECTED]; /* 4.7 */
	reached = n[SIP_OUTCOME_ESTABLISHED] + n[SIP_OUTCOME_PERSON];
	write_ratio("tandem_sip_session_establishment_ratio",
		    "SER, RFC 6076 4.6: INVITEs answered 2xx, of all but those redirected. A challenge counts as an "
		    "INVITE.",
		    n[SIP_OUTCOME_ESTABLISHED], all - n[SIP_OUTCOME_REDIRECTED], out);
	write_ratio("tandem_sip_session_establishment_effectiveness_ratio",
		    "SEER, RFC 6076 4.7: 2xx, 480, 486, 600 and 603, of all but those redirected or challenged.",
		    reached, calls, out);
	write_ratio("tandem_sip_ineffective_session_attempts_ratio",
		    "ISA, RFC 6076 4.8: 408, 500, 503 and 504, of all INVITEs.", n[SIP_OUTCOME_INEFFECTIVE], all, out);
	write_ratio("tandem_sip_answer_seizure_ratio",
		    "ASR, ITU-T E.411: calls that were answered, of all that were not merely challenged or redirected.",
		    n[SIP_OUTCOME_ESTABLISHED], calls, out);
	write_ratio("tandem_sip_network_effectiveness_ratio",
		    "NER, ITU-T E.425: as ASR, with those that reached a person or were given up by the caller counted "
		    "as good.",
		    reached + n[SIP_OUTCOME_CANCELLED], calls, out);
}
