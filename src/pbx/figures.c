#include "pbx/figures.h"

#define ROW(NAME, KIND, FIELD, ...) METRIC("tandem_pbx_" NAME, KIND, struct pbx_figures, FIELD, __VA_ARGS__)

const struct metric pbx_metrics[] = {
	ROW("registrations_total", COUNTER, server.registrations, "REGISTERs that were carried out."),
	ROW("registrations_refused_total", COUNTER, server.refused_registrations,
	    "REGISTERs that were refused, other than by 401, which asks for the password. By status: "
	    "tandem_sip_register_responses_total."),
	ROW("paths_refused_total", COUNTER, server.paths_refused,
	    "Of these, because their Path led to somebody else than who sent them."),
	ROW("contacts", GAUGE_U32, server.contacts, "Contacts that are bound now."),
	ROW("contacts_over_streams", GAUGE_U32, server.flows_bound,
	    "Bindings that end with the connection which they came by, as far as it is open here."),
	ROW("number_ranges", GAUGE_U32, server.numbers, "Ranges of telephone numbers that accounts have.",
	    .most = true),
	ROW("subscriptions", GAUGE_U32, subscriptions.now, "Subscriptions (RFC 6665) to what the exchange knows."),
	ROW("subscriptions_watched", GAUGE_U32, subscriptions.watched, "Addresses that they are for."),
	ROW("subscriptions_total", COUNTER, subscriptions.taken, "Subscriptions that were begun."),
	ROW("subscriptions_refused_total", COUNTER, subscriptions.refused,
	    "SUBSCRIBEs that were refused: malformed, of no subscription, no room."),
	ROW("notifications_total", COUNTER, subscriptions.notified, "NOTIFYs sent."),
	ROW("notifications_failed_total", COUNTER, subscriptions.failed, "NOTIFYs that nobody took."),
	ROW("requests_relayed_total", COUNTER, server.relayed, "Requests passed on."),
	ROW("requests_in_work", GAUGE_U32, server.jobs, "Requests without a final answer yet."),
	ROW("calls_total", COUNTER, calls.started, "Calls that were passed on to somebody."),
	ROW("calls_completed_total", COUNTER, calls.completed, "Answered calls that ended with BYE."),
	ROW("calls_lost_total", COUNTER, calls.lost,
	    "Calls that were given up unfinished: no BYE came, or the table was full."),
	ROW("calls_ringing", GAUGE_U32, calls.ringing, "Calls that are asked for and not answered yet."),
	ROW("calls_answered", GAUGE_U32, calls.answered, "Calls that are answered and not over."),
	ROW("flood_refused_total", COUNTER, server.flood_dropped,
	    "Requests and passwords refused because their source asked too much."),
	ROW("flood_emptied_total", COUNTER, server.flood_emptied,
	    "Times that a source used up what it may ask at once."),
	ROW("policy_refused_total", COUNTER, server.policy_refused, "Requests that a rule has refused."),
	ROW("policy_over_total", COUNTER, server.policy_over, "Of these, because a limit of the rule was reached."),
	ROW("policy_calls", GAUGE_U32, server.policy_calls, "Calls that count against limits of rules now."),
	ROW("redirected_total", COUNTER, server.redirected,
	    "Requests that were answered with where to call instead (3xx)."),
	ROW("requests_astray_total", COUNTER, server.astray,
	    "Requests inside a call that led to a neighbour of --trust, but not to where that is in this call: "
	    "refused."),
	ROW("trace_messages_total", COUNTER, trace.kept, "Messages kept for `tandem trace`."),
	ROW("trace_lost_total", COUNTER, trace.lost,
	    "Messages that were wanted for the trace and left out: too many at once."),
	ROW("trace_follows", GAUGE_U32, trace.follows, "Filters of `tandem trace --follow` in force, of all workers.",
	    .most = true),
	ROW("hep_packets_total", COUNTER, hep.sent, "Messages copied to the capture server."),
	ROW("hep_lost_total", COUNTER, hep.lost, "Messages that were not: too many at once."),
	ROW("passwords_wrong_total", COUNTER, server.wrong_passwords, "Wrong passwords."),
	ROW("passwords_unjudged_total", COUNTER, server.guesses_unjudged,
	    "Passwords that came too soon after wrong ones and were not looked at."),
	ROW("overload_refused_total", COUNTER, server.overload_refused,
	    "Requests answered 503 because there was no time for them."),
	ROW("overload_lined_total", COUNTER, server.overload_lined, "Registrations that waited in line."),
	ROW("overload_crossed_total", COUNTER, server.overload_crossed,
	    "Repeats dropped that lay unread behind what they repeat."),
	ROW("session_duration_seconds", HISTOGRAM, calls.duration, "From the answer to the BYE: SDT, RFC 6076 4.5."),
};
const size_t pbx_metric_n = sizeof(pbx_metrics) / sizeof(pbx_metrics[0]);

void pbx_figures_add_rule(struct pbx_figures *f, str name, uint64_t decided, uint64_t refused, uint64_t over)
{
	struct pbx_rule_figures *r = f->rules;
	char text[PBX_FIGURES_NAME];

	(void)str_copy_z(name, text, sizeof(text));
	while (r < f->rules + f->rule_n && strcmp(r->name, text) != 0)
		r++;
	if (r == f->rules + PBX_FIGURES_RULES)
		return;
	if (r == f->rules + f->rule_n) {
		f->rule_n++;
		memcpy(r->name, text, sizeof(text));
	}
	r->decided += decided;
	r->refused += refused;
	r->over += over;
}

void pbx_figures_add(struct pbx_figures *sum, const struct pbx_figures *more)
{
	for (uint32_t i = 0; i < more->rule_n && i < PBX_FIGURES_RULES; i++)
		pbx_figures_add_rule(sum, str_from(more->rules[i].name), more->rules[i].decided, more->rules[i].refused,
				     more->rules[i].over);
	metric_add(sip_metrics, sip_metric_n, &sum->sip, &more->sip);
	metric_add(pbx_metrics, pbx_metric_n, sum, more);
}

void pbx_figures_write_ratios(const struct pbx_figures *f, struct buf *out)
{
	uint64_t attempts = 0;

	sip_figures_write_ratios(&f->sip, out);
	for (int i = 0; i < SIP_OUTCOME_N; i++)
		attempts += f->sip.outcomes[i];
	if (attempts)
		metric_write_one("tandem_pbx_session_completion_ratio", METRIC_GAUGE,
				 "SCR, RFC 6076 4.9: calls that were answered and ended with BYE, of all INVITEs.", "",
				 (double)f->calls.completed / (double)attempts, out);
}

/* An administrator's own words, as a label's value. */
static void put_label(const char *name, struct buf *out)
{
	for (const char *c = name; *c; c++) {
		if (*c == '"' || *c == '\\')
			buf_put_char(out, '\\');
		buf_put_char(out, (unsigned char)*c < ' ' ? ' ' : *c);
	}
}

void pbx_figures_write_rules(const struct pbx_figures *f, struct buf *out)
{
	static const struct {
		const char *name, *help;
		size_t at;
	} rows[] = {
		{ "tandem_pbx_rule_decided_total", "Requests that this rule of the policy decided: label `rule`.",
		  offsetof(struct pbx_rule_figures, decided) },
		{ "tandem_pbx_rule_refused_total", "Of these, with a no: label `rule`.",
		  offsetof(struct pbx_rule_figures, refused) },
		{ "tandem_pbx_rule_over_total", "Of these, because its limit was reached: label `rule`.",
		  offsetof(struct pbx_rule_figures, over) },
	};

	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		buf_printf(out, "# HELP %s %s\n# TYPE %s counter\n", rows[k].name, rows[k].help, rows[k].name);
		for (uint32_t i = 0; i < f->rule_n; i++) {
			buf_printf(out, "%s{rule=\"", rows[k].name);
			put_label(f->rules[i].name, out);
			buf_put_z(out, "\"} ");
			buf_put_u64(out, *(const uint64_t *)(const void *)((const char *)&f->rules[i] + rows[k].at));
			buf_put_char(out, '\n');
		}
	}
}

void pbx_figures_write(const struct pbx_figures *f, struct buf *out)
{
	metric_write(sip_metrics, sip_metric_n, &f->sip, out);
	metric_write(pbx_metrics, pbx_metric_n, f, out);
	pbx_figures_write_ratios(f, out);
	pbx_figures_write_rules(f, out);
}
