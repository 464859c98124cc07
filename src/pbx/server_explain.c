#include "pbx/server_parts.h"

#include <stdarg.h>
#include <stdio.h>

void pbx_explain(const struct pbx_server *s, const char *topic, const char *format, ...)
{
	char text[700];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n > 0)
		s->config.explain(s->config.explain_self, topic,
				  str_of(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1));
}

/* Who only asks what would be has no password to give: an account that is there is taken to have given it. */
enum pbx_guard_answer pbx_explain_judge(struct pbx_server *s, struct pbx_job *job, struct sip_msg *m, bool from_here,
					str *user)
{
	struct pbx_from room;
	const struct sip_uri *from = pbx_way_from(s, m, &room);

	*user = s->config.explain_as;
	if (!user->n && from_here)
		*user = from->user;
	if (!user->n || !arena_copy(&job->arena, *user, user))
		return PBX_GUARD_CHALLENGE;
	switch (pbx_guard_find(s->guard, *user)) {
	case ERR_MORE:
		return PBX_GUARD_UNKNOWN;
	case ERR_NONE:
		pbx_explain(s, "caller", "assumed: the password of " STR_FMT " is right", STR_ARG(*user));
		job->proved = *user;
		return PBX_GUARD_GOOD;
	default:
		pbx_explain(s, "caller", STR_FMT " has no account here, or a disabled one: no password would be right",
			    STR_ARG(*user));
		return PBX_GUARD_CHALLENGE;
	}
}

void pbx_explain_way(const struct pbx_server *s, const struct pbx_way *w)
{
	switch (w->kind) {
	case PBX_WAY_SELF:
		pbx_explain(s, "way", "to the exchange itself");
		break;
	case PBX_WAY_USER:
		if (w->has_gruu)
			pbx_explain(s, "way", "a GRUU: one phone of " STR_FMT, STR_ARG(w->aor));
		else
			pbx_explain(s, "way", "in our domain: " STR_FMT, STR_ARG(w->aor));
		break;
	case PBX_WAY_NETWORK:
		pbx_explain(s, "way", "a domain that is reached by the trunk: " STR_FMT, STR_ARG(w->uri.host));
		break;
	case PBX_WAY_FOREIGN:
		pbx_explain(s, "way", "a domain that is not ours: " STR_FMT, STR_ARG(w->uri.host));
		break;
	case PBX_WAY_DIALOG:
		pbx_explain(s, "way", "inside a call");
		break;
	}
}

void pbx_explain_caller(const struct pbx_server *s, const struct pbx_job *job, enum pbx_caller caller)
{
	char source[ADDR_TEXT_MAX];

	addr_text(&job->flow.remote, source);
	switch (caller) {
	case PBX_CALLER_LOCAL:
		pbx_explain(s, "caller", "local: a user here%s",
			    s->config.auth ? "" : " (everyone is believed: --auth none)");
		break;
	case PBX_CALLER_STRANGER:
		pbx_explain(s, "caller", "a stranger, from %s", source);
		break;
	case PBX_CALLER_TRUSTED:
		pbx_explain(s, "caller", "a stranger, from %s that needs no password (--trust)", source);
		break;
	case PBX_CALLER_TRUNK:
		pbx_explain(s, "caller", "the trunk, for somebody outside");
		break;
	}
}

void pbx_explain_rule(void *self, const struct pbx_rule *rule, const char *misfit)
{
	const struct pbx_server *s = self;

	if (misfit)
		pbx_explain(s, "rule", STR_FMT " (line %u): `%s` does not fit", STR_ARG(rule->name), rule->line,
			    misfit);
	else
		pbx_explain(s, "rule", STR_FMT " (line %u): fits", STR_ARG(rule->name), rule->line);
}

static void explain_limits(const struct pbx_server *s, const struct pbx_rule *rule)
{
	char text[120];
	struct buf b;

	for (size_t i = 0; i < rule->limit_n; i++) {
		buf_init(&b, text, sizeof(text));
		pbx_limit_write(&rule->limits[i], &b);
		pbx_explain(s, "limit", STR_FMT ": " STR_FMT "; how many there are now is not known here",
			    STR_ARG(rule->name), STR_ARG(buf_str(&b)));
	}
}

void pbx_explain_verdict(const struct pbx_server *s, const struct pbx_decision *v, const struct pbx_question *q)
{
	static const char *const actions[] = { "", "allows it", "refuses it", "redirects it", "sends it by" };

	if (!s->config.explain)
		return;
	if (v->rule)
		explain_limits(s, v->rule);
	if (q->changed)
		pbx_explain(s, "number", "becomes " STR_FMT "@" STR_FMT, STR_ARG(q->callee), STR_ARG(q->callee_host));
	if (!v->rule)
		pbx_explain(s, "verdict", "no rule decides: the settings do");
	else if (v->action == PBX_POLICY_REFUSE)
		pbx_explain(s, "verdict", "rule " STR_FMT " refuses it: %d " STR_FMT, STR_ARG(v->rule->name), v->status,
			    STR_ARG(v->text.n ? v->text : sip_status_text(v->status)));
	else
		pbx_explain(s, "verdict", "rule " STR_FMT " %s%s" STR_FMT, STR_ARG(v->rule->name), actions[v->action],
			    v->action == PBX_POLICY_VIA ? " " : "", STR_ARG(v->rule->via));
}

void pbx_explain_contact(const struct pbx_server *s, const struct contact_record *row, unsigned group, bool spare)
{
	char flow_text[ADDR_TEXT_MAX] = "";
	struct flow flow = contact_flow(row);

	if (flow.transport)
		addr_text(&flow.remote, flow_text);
	pbx_explain(s, "contact", "group %u%s: " STR_FMT " q=%u.%03u%s%s%s" STR_FMT, group + 1,
		    spare ? " (another flow of the same phone, for later)" : "", STR_ARG(row->uri), row->q / 1000,
		    row->q % 1000, flow.transport ? " seen at " : "", flow_text, row->path.n ? " by way of " : "",
		    STR_ARG(row->path));
}
