#include "pbx/policy_file.h"

#include "base/conf.h"
#include "pbx/policy_list.h"
#include "sip/uri.h"

#include <stdlib.h>

#define ARENA_MAX (16u << 20)
#define NAMED_MAX 200 /* groups; hours */

struct reader {
	struct pbx_words w;
	const struct pbx_policy_source *source;
	struct pbx_policy *policy;
	struct arena *arena;
	struct pbx_people *groups; /* in the arena, as rules point to them */
	struct pbx_hours *hours;
	size_t group_n, hours_n, said; /* bytes of `why` before us */
	struct pbx_rule rules[PBX_POLICY_RULES_MAX];
	size_t rule_n;
};

static bool wrong_end(struct reader *r)
{
	return pbx_words_wrong(&r->w, "what is \"" STR_FMT "\" for?", STR_ARG(r->w.word));
}

/* ---- zone, longest, hours, group ---- */

static bool read_zone(struct reader *r)
{
	char text[100];
	struct buf rule;

	buf_init(&rule, text, sizeof(text));
	if (civil_zone_parse(r->w.word, &r->policy->zone) &&
	    (!r->source->find_zone || !r->source->find_zone(r->source->find_self, r->w.word, &rule) ||
	     civil_zone_parse(buf_str(&rule), &r->policy->zone)))
		return pbx_words_wrong(&r->w,
				       "zone \"" STR_FMT
				       "\" is not known here; a name such as Europe/Berlin, or the rule "
				       "as POSIX has it: \"CET-1CEST,M3.5.0,M10.5.0/3\"",
				       STR_ARG(r->w.word));
	if (!pbx_list_keep(&r->w, r->arena, r->w.word, &r->policy->zone_name))
		return false;
	pbx_words_next(&r->w);
	return true;
}

static bool read_longest(struct reader *r)
{
	if (conf_span(r->w.word, &r->policy->longest) || r->policy->longest < 60 * USEC_PER_SEC ||
	    r->policy->longest > 7 * 86400 * USEC_PER_SEC)
		return pbx_words_wrong(&r->w, "longest: \"" STR_FMT "\" is no span from 1m to 7d", STR_ARG(r->w.word));
	pbx_words_next(&r->w);
	return true;
}

static bool read_name(struct reader *r, const char *what, bool known, str *out)
{
	if (r->w.quoted || !pbx_list_name_is_good(r->w.word))
		return pbx_words_wrong(&r->w,
				       "%s: \"" STR_FMT "\" cannot be its name: letters, digits, '-', '_' and '.', "
				       "and no word of the rules",
				       what, STR_ARG(r->w.word));
	if (known)
		return pbx_words_wrong(&r->w, "%s: \"" STR_FMT "\" stands above already", what, STR_ARG(r->w.word));
	if (!pbx_list_keep(&r->w, r->arena, r->w.word, out))
		return false;
	pbx_words_next(&r->w);
	return pbx_words_take(&r->w, "=") || pbx_words_wrong(&r->w, "%s NAME = ...: the \"=\" is missing", what);
}

static bool read_hours(struct reader *r)
{
	struct pbx_hours *h = &r->hours[r->hours_n];
	bool known = false;
	str name;

	for (size_t i = 0; i < r->hours_n; i++)
		known |= str_eq_nocase(r->hours[i].name, r->w.word);
	if (r->hours_n == NAMED_MAX)
		return pbx_words_wrong(&r->w, "more than %d lines of hours", NAMED_MAX);
	if (!read_name(r, "hours", known, &name) || !pbx_list_hours(&r->w, r->arena, r->hours, r->hours_n, h))
		return false;
	h->name = name;
	r->hours_n++;
	return true;
}

static bool read_group(struct reader *r)
{
	struct pbx_people *g = &r->groups[r->group_n];
	bool known = false;
	str name;

	for (size_t i = 0; i < r->group_n; i++)
		known |= str_eq_nocase(r->groups[i].name, r->w.word);
	if (r->group_n == NAMED_MAX)
		return pbx_words_wrong(&r->w, "more than %d groups", NAMED_MAX);
	if (!read_name(r, "group", known, &name))
		return false;
	if (pbx_words_is(&r->w, "not"))
		return pbx_words_wrong(&r->w, "a group says who belongs to it; `not` stands in rules");
	if (!pbx_list_people(&r->w, r->arena, false, r->groups, r->group_n, g))
		return false;
	if (g->classes)
		return pbx_words_wrong(&r->w,
				       "a group has names and numbers; local, foreign and anyone stand in rules");
	g->name = name;
	r->group_n++;
	return true;
}

/* ---- conditions ---- */

static bool read_methods(struct reader *r, struct pbx_rule *rule)
{
	do {
		enum sip_method method = sip_method_find(r->w.word);

		if (method == SIP_METHOD_OTHER || method == SIP_ACK || method == SIP_CANCEL || method == SIP_REGISTER ||
		    method == SIP_BYE)
			return pbx_words_wrong(&r->w,
					       "method \"" STR_FMT "\": one that begins something, such as INVITE, "
					       "MESSAGE, SUBSCRIBE, OPTIONS, in capitals",
					       STR_ARG(r->w.word));
		rule->methods |= 1u << method;
		pbx_words_next(&r->w);
	} while (pbx_words_take(&r->w, ","));
	return true;
}

/* ---- the number ---- */

static bool number_is_good(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f || strchr("\"<>@:,;", s.p[i]))
			return false;
	return s.n > 0 && s.n <= 64;
}

static bool read_strip(struct reader *r, struct pbx_rule *rule)
{
	uint32_t n;

	if (!str_u32(r->w.word, 30, &n) || n == 0)
		return pbx_words_wrong(&r->w, "strip \"" STR_FMT "\": how many digits, 1 to 30, go from the front?",
				       STR_ARG(r->w.word));
	rule->strip = (uint8_t)n;
	pbx_words_next(&r->w);
	return true;
}

static bool read_add(struct reader *r, struct pbx_rule *rule)
{
	if (!number_is_good(r->w.word))
		return pbx_words_wrong(&r->w,
				       "add \"" STR_FMT "\": what is put in front of the number, such as +49 or 00",
				       STR_ARG(r->w.word));
	if (!pbx_list_keep(&r->w, r->arena, r->w.word, &rule->add))
		return false;
	pbx_words_next(&r->w);
	return true;
}

static bool uri_is_good(str pattern)
{
	char text[600];
	struct sip_uri uri;
	struct buf b;
	str user, host;

	if (str_split(pattern, '@', &user, &host) && str_find(host, STR("{user}")) < host.n)
		return false;
	buf_init(&b, text, sizeof(text));
	pbx_policy_fill(pattern, STR("0"), true, &b);
	return buf_ok(&b) && !sip_uri_parse(buf_str(&b), &uri);
}

static bool read_become(struct reader *r, struct pbx_rule *rule)
{
	char text[300];
	struct buf uri;
	str user, host;

	buf_init(&uri, text, sizeof(text));
	buf_put_z(&uri, "sip:");
	buf_put(&uri, r->w.word);
	if (!str_split(r->w.word, '@', &user, &host))
		buf_put_z(&uri, "@a");
	if (r->w.quoted || !user.n || !buf_ok(&uri) || !uri_is_good(buf_str(&uri)) ||
	    str_find_char(r->w.word, ';') < r->w.word.n || str_find_char(host, ':') < host.n)
		return pbx_words_wrong(&r->w,
				       "become \"" STR_FMT
				       "\": a user here or USER@DOMAIN, {user} is the number: {user}@carrier.example",
				       STR_ARG(r->w.word));
	if (!pbx_list_keep(&r->w, r->arena, r->w.word, &rule->become))
		return false;
	pbx_words_next(&r->w);
	return true;
}

/* ---- limits ---- */

static bool take_status(struct pbx_words *w, uint16_t *out)
{
	uint32_t status;

	if (w->quoted || w->word.n != 3 || !str_u32(w->word, 699, &status))
		return false;
	*out = (uint16_t)status;
	pbx_words_next(w);
	return true;
}

/* Not those that mean nothing without header fields that a rule does not have. */
static bool refusal_is_good(unsigned status)
{
	return status >= 400 && status != 401 && status != 405 && status != 407 && !(status >= 420 && status <= 425) &&
	       status != 494;
}

/* [STATUS] ["text"] */
static bool read_refusal(struct reader *r, uint16_t *status, str *text)
{
	str said = r->w.word;

	if (take_status(&r->w, status) && !refusal_is_good(*status))
		return pbx_words_wrong(&r->w,
				       "refuse " STR_FMT ": a status from 400 to 699 that says no by itself, such as "
				       "403, 404, 480, 486, 603",
				       STR_ARG(said));
	if (!r->w.quoted)
		return true;
	for (size_t i = 0; i < r->w.word.n; i++)
		if ((unsigned char)r->w.word.p[i] < ' ' || r->w.word.p[i] == 0x7f || r->w.word.p[i] == '\\')
			return pbx_words_wrong(&r->w,
					       "the text of a refusal is plain: no \\ and no control characters");
	if (r->w.word.n > 120)
		return pbx_words_wrong(&r->w, "the text of a refusal has at most 120 bytes");
	if (!pbx_list_keep(&r->w, r->arena, r->w.word, text))
		return false;
	pbx_words_next(&r->w);
	return true;
}

static bool read_each(struct reader *r, struct pbx_limit *l)
{
	if (!pbx_words_take(&r->w, "each"))
		return true;
	if (pbx_words_take(&r->w, "caller"))
		l->each = PBX_EACH_CALLER;
	else if (pbx_words_take(&r->w, "callee"))
		l->each = PBX_EACH_CALLEE;
	else if (pbx_words_take(&r->w, "source"))
		l->each = PBX_EACH_SOURCE;
	else
		return pbx_words_wrong(&r->w, "each \"" STR_FMT "\": each caller, each callee or each source",
				       STR_ARG(r->w.word));
	return true;
}

static bool read_span(struct reader *r, struct pbx_limit *l)
{
	struct pbx_words ahead = r->w;

	if (pbx_words_take(&r->w, "per")) {
		if (conf_span(r->w.word, &l->span) || l->span < USEC_PER_SEC || l->span > 31 * 86400 * USEC_PER_SEC)
			return pbx_words_wrong(&r->w,
					       "per \"" STR_FMT "\": a span from 1s to 31d, such as 10s, 1m, 24h",
					       STR_ARG(r->w.word));
		pbx_words_next(&r->w);
		return true;
	}
	if (pbx_words_take(&ahead, "at") && pbx_words_take(&ahead, "once"))
		r->w = ahead;
	if (l->requests)
		return pbx_words_wrong(&r->w, "limit: requests are counted per span, such as 10 requests per 1m; only "
					      "calls go on and are counted at once");
	return true;
}

static bool read_limit(struct reader *r, struct pbx_rule *rule)
{
	struct pbx_limit l = { .status = 486 };

	if (rule->limit_n == PBX_POLICY_LIMITS_MAX)
		return pbx_words_wrong(&r->w, "more than %d limits in one rule", PBX_POLICY_LIMITS_MAX);
	if (!str_u32(r->w.word, 1000000, &l.most))
		return pbx_words_wrong(
			&r->w, "limit \"" STR_FMT "\": how many, 0 to 1000000, such as limit 2 calls each caller",
			STR_ARG(r->w.word));
	pbx_words_next(&r->w);
	l.requests = pbx_words_take(&r->w, "requests") || pbx_words_take(&r->w, "request");
	if (!l.requests && !pbx_words_take(&r->w, "calls") && !pbx_words_take(&r->w, "call"))
		return pbx_words_wrong(&r->w, "limit %u \"" STR_FMT "\": calls or requests?", l.most,
				       STR_ARG(r->w.word));
	if (!read_span(r, &l) || !read_each(r, &l))
		return false;
	if (l.span)
		l.status = 480;
	if (pbx_words_take(&r->w, "else")) {
		l.next = pbx_words_take(&r->w, "next");
		if (!l.next && !pbx_words_take(&r->w, "refuse"))
			return pbx_words_wrong(&r->w,
					       "else \"" STR_FMT
					       "\": else next (the rules below decide), or else refuse "
					       "486 \"text\"",
					       STR_ARG(r->w.word));
		if (!l.next && !read_refusal(r, &l.status, &l.text))
			return false;
	}
	for (size_t i = 0; i < rule->limit_n; i++)
		if (rule->limits[i].each == l.each && rule->limits[i].span == l.span &&
		    rule->limits[i].requests == l.requests)
			return pbx_words_wrong(&r->w, "the same thing is limited twice; the smaller number is enough");
	rule->limits[rule->limit_n++] = l;
	r->policy->counts = true;
	return true;
}

/* ---- what is done ---- */

static bool act(struct reader *r, struct pbx_rule *rule, enum pbx_policy_action action)
{
	static const char *const names[] = { "", "allow", "refuse", "redirect", "via" };

	if (rule->action)
		return pbx_words_wrong(&r->w, "%s and %s: a rule decides once", names[rule->action], names[action]);
	rule->action = action;
	return true;
}

static bool read_target(struct reader *r, str *out)
{
	char text[600];
	struct buf b;
	str user, host;

	buf_init(&b, text, sizeof(text));
	if (str_starts_nocase(r->w.word, STR("sip:")) || str_starts_nocase(r->w.word, STR("sips:")) ||
	    str_starts_nocase(r->w.word, STR("tel:"))) {
		buf_put(&b, r->w.word);
	} else {
		buf_put_z(&b, "sip:");
		buf_put(&b, r->w.word);
		if (!str_split(r->w.word, '@', &user, &host)) {
			buf_put_char(&b, '@');
			buf_put(&b, r->source->domain);
		}
	}
	if (r->w.quoted || !r->w.word.n || pbx_words_is(&r->w, "contacts") || pbx_words_is(&r->w, "servers") ||
	    !buf_ok(&b) || !uri_is_good(buf_str(&b)))
		return pbx_words_wrong(&r->w,
				       "redirect \"" STR_FMT "\": a URI such as sip:bob@partner.example, a user, "
				       "{user}@DOMAIN, contacts (where the user is registered) or servers (of the "
				       "domain, by DNS)",
				       STR_ARG(r->w.word));
	if (!pbx_list_keep(&r->w, r->arena, buf_str(&b), out))
		return false;
	pbx_words_next(&r->w);
	return true;
}

/* "301 sip:..": "301" alone is a user. */
static bool take_redirect_status(struct reader *r, struct pbx_rule *rule)
{
	struct pbx_words ahead = r->w;
	uint16_t status = 0;

	if (!take_status(&ahead, &status) || status < 300 || status > 399 || !ahead.word.n ||
	    pbx_words_is(&ahead, ",") ||
	    (pbx_list_is_word(ahead.word) && !pbx_words_is(&ahead, "contacts") && !pbx_words_is(&ahead, "servers")))
		return false;
	rule->status = status;
	r->w = ahead;
	return true;
}

static bool read_redirect(struct reader *r, struct pbx_rule *rule)
{
	str said = r->w.word;

	if (take_redirect_status(r, rule) && rule->status != 300 && rule->status != 301 && rule->status != 302 &&
	    rule->status != 380)
		return pbx_words_wrong(&r->w, "redirect " STR_FMT ": 300, 301 (for good), 302 (for now) or 380",
				       STR_ARG(said));
	rule->redirect = PBX_REDIRECT_CONTACTS;
	if (pbx_words_take(&r->w, "contacts"))
		return true;
	rule->redirect = PBX_REDIRECT_SERVERS;
	if (pbx_words_take(&r->w, "servers"))
		return true;
	rule->redirect = PBX_REDIRECT_URIS;
	do {
		if (rule->target_n == PBX_POLICY_TARGETS_MAX)
			return pbx_words_wrong(&r->w, "more than %d targets", PBX_POLICY_TARGETS_MAX);
		if (!read_target(r, &rule->targets[rule->target_n++]))
			return false;
	} while (pbx_words_take(&r->w, ","));
	return true;
}

static bool read_via(struct reader *r, struct pbx_rule *rule)
{
	char text[300];
	struct buf b;
	struct sip_uri uri;

	buf_init(&b, text, sizeof(text));
	if (!pbx_words_is(&r->w, "trunk") && !str_starts_nocase(r->w.word, STR("sip:")) &&
	    !str_starts_nocase(r->w.word, STR("sips:")))
		buf_put_z(&b, "sip:");
	buf_put(&b, r->w.word);
	if (r->w.quoted || !r->w.word.n || !buf_ok(&b) ||
	    (!pbx_words_is(&r->w, "trunk") && (sip_uri_parse(buf_str(&b), &uri) || uri.has_user || uri.headers.n)))
		return pbx_words_wrong(&r->w,
				       "via \"" STR_FMT "\": trunk, or the domain that it is sent to, such as "
				       "carrier.example or carrier.example:5070;transport=tcp",
				       STR_ARG(r->w.word));
	if (!pbx_list_keep(&r->w, r->arena, buf_str(&b), &rule->via))
		return false;
	pbx_words_next(&r->w);
	return true;
}

/* ---- a rule ---- */

static bool twice(struct reader *r, const char *what)
{
	return pbx_words_wrong(&r->w, "%s stands twice in one rule; a list has commas between", what);
}

static bool read_clause(struct reader *r, struct pbx_rule *rule)
{
	struct pbx_words *w = &r->w;

	if (pbx_words_take(w, "from")) {
		if (rule->has_from)
			return twice(r, "from");
		rule->has_from = true;
		return pbx_list_people(w, r->arena, true, r->groups, r->group_n, &rule->from);
	}
	if (pbx_words_take(w, "to")) {
		if (rule->has_to)
			return twice(r, "to");
		rule->has_to = true;
		return pbx_list_people(w, r->arena, false, r->groups, r->group_n, &rule->to);
	}
	if (pbx_words_take(w, "source"))
		return rule->source.n ? twice(r, "source") : pbx_list_nets(w, r->arena, &rule->source);
	if (pbx_words_take(w, "at")) {
		if (rule->has_at)
			return twice(r, "at");
		rule->has_at = true;
		return pbx_list_hours(w, r->arena, r->hours, r->hours_n, &rule->at);
	}
	if (pbx_words_take(w, "method"))
		return rule->methods ? twice(r, "method") : read_methods(r, rule);
	if (pbx_words_take(w, "strip"))
		return rule->strip ? twice(r, "strip") : read_strip(r, rule);
	if (pbx_words_take(w, "add"))
		return rule->add.n ? twice(r, "add") : read_add(r, rule);
	if (pbx_words_take(w, "become"))
		return rule->become.n ? twice(r, "become") : read_become(r, rule);
	if (pbx_words_take(w, "limit"))
		return read_limit(r, rule);
	if (pbx_words_take(w, "allow"))
		return act(r, rule, PBX_POLICY_ALLOW);
	if (pbx_words_take(w, "refuse"))
		return act(r, rule, PBX_POLICY_REFUSE) && read_refusal(r, &rule->status, &rule->text);
	if (pbx_words_take(w, "redirect"))
		return act(r, rule, PBX_POLICY_REDIRECT) && read_redirect(r, rule);
	if (pbx_words_take(w, "via"))
		return act(r, rule, PBX_POLICY_VIA) && read_via(r, rule);
	if (w->quoted)
		return pbx_words_wrong(w, "a quoted text stands behind `refuse` only");
	return pbx_words_wrong(
		w,
		"\"" STR_FMT "\" is no word of a rule: from, to, source, method, at; strip, add, become, limit; "
		"allow, refuse, redirect, via%s",
		STR_ARG(w->word), str_ends(w->word, STR(":")) ? "; a new rule begins at the start of a line" : "");
}

/* It costs money, or is another's business: strangers only where they are named; whom `not` leaves is not named. */
static void keep_strangers_out(struct pbx_rule *rule)
{
	bool out = rule->action == PBX_POLICY_VIA || str_find_char(rule->become, '@') < rule->become.n;

	rule->local_only = out && (!rule->has_from || rule->from.not );
}

static bool name_rule(struct reader *r, struct pbx_rule *rule)
{
	char text[40];
	struct buf b;

	buf_init(&b, text, sizeof(text));
	buf_printf(&b, "line %u", r->w.number);
	rule->line = r->w.number;
	if (r->w.quoted || !str_ends(r->w.word, STR(":")))
		return pbx_list_keep(&r->w, r->arena, buf_str(&b), &rule->name);
	str name = str_head(r->w.word, r->w.word.n - 1);
	if (!pbx_list_name_is_good(name))
		return pbx_words_wrong(&r->w,
				       "\"" STR_FMT "\" cannot name a rule: letters, digits, '-', '_' and '.', and no "
				       "word of the rules",
				       STR_ARG(name));
	for (size_t i = 0; i < r->rule_n; i++)
		if (str_eq_nocase(r->rules[i].name, name))
			return pbx_words_wrong(&r->w, "the rule in line %u is called \"" STR_FMT "\" already",
					       r->rules[i].line, STR_ARG(name));
	if (!pbx_list_keep(&r->w, r->arena, name, &rule->name))
		return false;
	pbx_words_next(&r->w);
	return true;
}

static bool read_rule(struct reader *r)
{
	struct pbx_rule rule = { .line = 0 };

	if (r->rule_n == PBX_POLICY_RULES_MAX)
		return pbx_words_wrong(&r->w, "more than %d rules", PBX_POLICY_RULES_MAX);
	if (!name_rule(r, &rule))
		return false;
	while (r->w.word.n || r->w.quoted)
		if (!read_clause(r, &rule))
			return false;
	if (!rule.action && !rule.limit_n && !rule.strip && !rule.add.n && !rule.become.n)
		return pbx_words_wrong(&r->w,
				       "rule \"" STR_FMT "\" does nothing: allow, refuse, redirect or via decide; "
				       "strip, add, become and limit do their part and the rules below decide",
				       STR_ARG(rule.name));
	if (rule.action == PBX_POLICY_REFUSE && !rule.status)
		rule.status = 403;
	keep_strangers_out(&rule);
	r->rules[r->rule_n++] = rule;
	return true;
}

static bool read_line(struct reader *r)
{
	bool good;

	if (pbx_words_take(&r->w, "zone"))
		good = read_zone(r);
	else if (pbx_words_take(&r->w, "longest"))
		good = read_longest(r);
	else if (pbx_words_take(&r->w, "hours"))
		good = read_hours(r);
	else if (pbx_words_take(&r->w, "group"))
		good = read_group(r);
	else
		good = read_rule(r);
	if (r->w.broken) {
		r->w.why->n = r->said;
		return pbx_words_wrong(&r->w, "a \" without its end in the same line");
	}
	return good && (!(r->w.word.n || r->w.quoted) || wrong_end(r));
}

static bool read_all(struct reader *r)
{
	bool good = true;

	r->groups = arena_alloc(r->arena, NAMED_MAX * sizeof(*r->groups));
	r->hours = arena_alloc(r->arena, NAMED_MAX * sizeof(*r->hours));
	while (good && r->groups && r->hours && pbx_words_line(&r->w))
		good = read_line(r);
	r->policy->rules = arena_alloc(r->arena, (r->rule_n + 1) * sizeof(*r->rules));
	if (!r->groups || !r->hours || !r->policy->rules)
		return pbx_words_wrong(&r->w, "no memory for so many rules");
	memcpy(r->policy->rules, r->rules, r->rule_n * sizeof(*r->rules));
	r->policy->rule_n = r->rule_n;
	return good;
}

struct pbx_policy *pbx_policy_read(const struct pbx_policy_source *source, struct buf *why)
{
	struct pbx_policy *p = calloc(1, sizeof(*p));
	struct reader *r = calloc(1, sizeof(*r));
	bool good = false;

	if (p && r) {
		arena_init(&p->arena, NULL, 0, ARENA_MAX);
		p->zone = source->zone;
		p->longest = 12 * 3600 * USEC_PER_SEC;
		r->source = source;
		r->policy = p;
		r->arena = &p->arena;
		r->said = why->n;
		pbx_words_start(&r->w, source->file, source->text, why);
		good = pbx_list_keep(&r->w, &p->arena, source->zone_name, &p->zone_name) && read_all(r);
	} else {
		buf_put_z(why, "no memory");
	}
	free(r);
	if (good)
		return p;
	pbx_policy_free(p);
	return NULL;
}
