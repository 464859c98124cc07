#include "pbx/policy.h"

#include "sip/uri.h"

#include <stdlib.h>

/* ---- patterns ---- */

bool pbx_pattern_fits(str pattern, str text)
{
	for (size_t i = 0; i < pattern.n; i++) {
		if (pattern.p[i] == '*' && i + 1 == pattern.n)
			return true;
		if (i >= text.n)
			return false;
		if (pattern.p[i] == '?' ? text.p[i] < '0' || text.p[i] > '9'
					: str_lower(pattern.p[i]) != str_lower(text.p[i]))
			return false;
	}
	return pattern.n == text.n;
}

static bool fits_host(str pattern, str host)
{
	if (pattern.n >= 2 && pattern.p[0] == '*' && pattern.p[1] == '.')
		return host.n > pattern.n - 1 &&
		       str_eq_nocase(str_skip(host, host.n - (pattern.n - 1)), str_skip(pattern, 1));
	return str_eq(pattern, STR("*")) || str_eq_nocase(pattern, host);
}

static bool fits_range(const struct pbx_pattern *p, str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
	return text.n == p->user.n && str_compare(p->user, text) <= 0 && str_compare(text, p->last) <= 0;
}

/* `ours`: somebody of our domain, and it is certain. */
static bool fits_people(const struct pbx_people *people, uint8_t class, str user, str host, bool ours)
{
	bool fits = (people->classes & class) != 0;

	if (!fits && people->n && !people->any_first) {
		unsigned char first = user.n ? (unsigned char)str_lower(user.p[0]) : 0;

		if (!(people->first[first >> 6] >> (first & 63) & 1))
			return people->not ;
	}
	for (size_t i = 0; i < people->n && !fits; i++) {
		const struct pbx_pattern *p = &people->list[i];

		switch (p->kind) {
		case PBX_PATTERN_USER:
			fits = ours && pbx_pattern_fits(p->user, user);
			break;
		case PBX_PATTERN_RANGE:
			fits = ours && fits_range(p, user);
			break;
		case PBX_PATTERN_AT:
			fits = fits_host(p->host, host) && (!p->user.n || pbx_pattern_fits(p->user, user));
			break;
		case PBX_PATTERN_GROUP:
			fits = fits_people(p->group, class, user, host, ours);
			break;
		}
	}
	return fits != people->not ;
}

static bool fits_nets(const struct pbx_nets *nets, const struct addr *source)
{
	bool fits = false;

	for (size_t i = 0; i < nets->n && !fits; i++)
		fits = addr_in(source, &nets->list[i].net, nets->list[i].bits);
	return fits != nets->not ;
}

/* ---- times ---- */

static void day_before(struct civil_time *t)
{
	t->weekday = (uint8_t)((t->weekday + 6) % 7);
	if (--t->day > 0)
		return;
	t->month = t->month == 1 ? 12 : (uint8_t)(t->month - 1);
	if (t->month == 12)
		t->year--;
	t->day = (uint8_t)civil_month_days(t->year, t->month);
}

static bool fits_date(int32_t first, int32_t last, const struct civil_time *t)
{
	int32_t key = t->month * 100 + t->day;

	if (!first)
		return true;
	if (first >= 10000)
		key += t->year * 10000;
	return first <= last ? first <= key && key <= last : first <= key || key <= last; /* over the new year */
}

static bool fits_day(const struct pbx_span *s, const struct civil_time *t)
{
	return (!s->weekdays || (s->weekdays >> t->weekday & 1)) && fits_date(s->first_date, s->last_date, t);
}

static bool fits_span(const struct pbx_span *s, const struct civil_time *t)
{
	unsigned minute = t->hour * 60u + t->minute;
	struct civil_time before = *t;

	if (s->from <= s->until)
		return minute >= s->from && minute < s->until && fits_day(s, t);
	if (minute >= s->from && fits_day(s, t))
		return true;
	day_before(&before);
	return minute < s->until && fits_day(s, &before);
}

static bool fits_hours(const struct pbx_hours *hours, const struct civil_time *t)
{
	bool fits = false;

	for (size_t i = 0; i < hours->n && !fits; i++)
		fits = hours->list[i].hours ? fits_hours(hours->list[i].hours, t) : fits_span(&hours->list[i], t);
	return fits != hours->not ;
}

/* ---- one rule ---- */

static bool is_number(str user)
{
	bool digit = false;

	for (size_t i = 0; i < user.n; i++) {
		char c = user.p[i];

		digit |= c >= '0' && c <= '9';
		if (!(c >= '0' && c <= '9') && (c == 0 || !strchr("*#-.() ", c)) && !(c == '+' && i == 0))
			return false;
	}
	return digit;
}

/* A number without what only the eye needs (RFC 3966 5.1.1) and without its parameters: "0-900-1" is no way past
 * "0900*". What is too long is cut: an exchange further on may ring by its first digits. */
static str plain(str user, char *text)
{
	str number = str_head(user, str_find_char(user, ';'));
	size_t n = 0;

	if (!is_number(number))
		number = user;
	else
		user = STR_NONE;
	for (size_t i = 0; i < number.n && n < PBX_POLICY_USER_MAX; i++)
		if (user.n || !strchr("-.() ", number.p[i]))
			text[n++] = number.p[i];
	return str_of(text, n);
}

static void make_ready(struct pbx_question *q)
{
	q->plain[0] = plain(q->user, q->plain_text[0]);
	q->plain[1] = plain(q->callee, q->plain_text[1]);
	q->too_long = q->callee.n > PBX_POLICY_USER_MAX;
	q->ready = true;
}

/* NULL: it fits. */
static const char *misfit(const struct pbx_policy *p, const struct pbx_rule *r, struct pbx_question *q)
{
	if (r->methods && !(r->methods >> q->method & 1))
		return "method";
	if (r->local_only && q->caller != PBX_CALLER_LOCAL)
		return "from";
	if (r->has_from &&
	    !fits_people(&r->from, (uint8_t)q->caller, q->plain[0], q->host, q->caller == PBX_CALLER_LOCAL))
		return "from";
	if (r->source.n && !fits_nets(&r->source, &q->source))
		return "source";
	if (r->has_to && !fits_people(&r->to, q->callee_ours ? PBX_CALLER_LOCAL : PBX_CALLER_STRANGER, q->plain[1],
				      q->callee_host, q->callee_ours))
		return "to";
	if (!r->has_at)
		return NULL;
	if (!q->timed)
		q->time = civil_at(&p->zone, q->now);
	q->timed = true;
	return fits_hours(&r->at, &q->time) ? NULL : "at";
}

/* The number that it is from now on. false: it becomes too long. */
static bool change(const struct pbx_rule *r, struct pbx_question *q)
{
	char number_text[PBX_POLICY_USER_MAX];
	struct buf number, out;
	str user = r->become, host = STR_NONE;

	if (!r->strip && !r->add.n && !r->become.n)
		return true;
	buf_init(&number, number_text, sizeof(number_text));
	buf_put(&number, r->add);
	buf_put(&number, str_skip(q->plain[1], r->strip));
	q->callee_at ^= 1;
	buf_init(&out, q->callee_text[q->callee_at], PBX_POLICY_USER_MAX);
	if (r->become.n) {
		(void)str_split(r->become, '@', &user, &host);
		pbx_policy_fill(user, buf_str(&number), false, &out);
		q->opened = host.n > 0;
		q->callee_host = host.n ? host : q->domain;
		q->callee_ours = !host.n || str_eq_nocase(host, q->domain);
	} else {
		buf_put(&out, buf_str(&number));
	}
	if (q->too_long || !buf_ok(&number) || !buf_ok(&out))
		return false;
	q->callee = buf_str(&out);
	q->plain[1] = plain(q->callee, q->plain_text[1]);
	q->changed = true;
	return true;
}

/* ---- all of them ---- */

bool pbx_limit_counts(const struct pbx_limit *l, const struct pbx_question *q)
{
	return l->requests || q->method == SIP_INVITE;
}

static enum pbx_policy_next decide(struct pbx_decision *v, struct pbx_rule *r, enum pbx_policy_action action,
				   int status, str text)
{
	*v = (struct pbx_decision){ .action = action, .rule = r, .status = status, .text = text };
	if (r) {
		r->stats.decided++;
		r->stats.refused += action == PBX_POLICY_REFUSE;
	}
	return PBX_POLICY_DECIDED;
}

static enum pbx_policy_next apply(struct pbx_rule *r, struct pbx_question *q, struct pbx_decision *v)
{
	static const str too_long = STR_INIT("the number is too long");

	if (q->reached) {
		(void)decide(v, r, PBX_POLICY_REFUSE, q->reached->status, q->reached->text);
		v->limit = q->reached;
		return PBX_POLICY_DECIDED;
	}
	if (!change(r, q))
		return decide(v, r, PBX_POLICY_REFUSE, 414, too_long);
	if (r->action)
		return decide(v, r, r->action, r->status, r->text);
	q->at++;
	q->counted = 0;
	return PBX_POLICY_COUNT;
}

static enum pbx_policy_next look(struct pbx_policy *p, struct pbx_question *q, struct pbx_decision *v, bool *on)
{
	struct pbx_rule *r = &p->rules[q->at];
	const char *why = q->counted || q->reached ? NULL : misfit(p, r, q);

	*on = true;
	if (q->watch && !q->counted && !q->reached)
		q->watch(q->watcher, r, why);
	if (why) {
		q->at++;
		return PBX_POLICY_COUNT;
	}
	while (!q->reached && q->counted < r->limit_n && !pbx_limit_counts(&r->limits[q->counted], q))
		q->counted++;
	if (!q->reached && q->counted < r->limit_n) {
		*v = (struct pbx_decision){ .rule = r, .limit = &r->limits[q->counted] };
		*on = false;
		return PBX_POLICY_COUNT;
	}
	return apply(r, q, v);
}

enum pbx_policy_next pbx_policy_judge(struct pbx_policy *p, struct pbx_question *q, struct pbx_decision *v)
{
	if (!q->ready)
		make_ready(q);
	while (q->at < p->rule_n) {
		bool on;

		if (look(p, q, v, &on) == PBX_POLICY_DECIDED)
			return PBX_POLICY_DECIDED;
		if (!on)
			return PBX_POLICY_COUNT;
	}
	return decide(v, NULL, PBX_POLICY_NONE, 0, STR_NONE);
}

void pbx_policy_counted(struct pbx_policy *p, struct pbx_question *q, const struct pbx_decision *v, bool room)
{
	struct pbx_rule *r = &p->rules[q->at];

	if (room) {
		q->counted++;
		return;
	}
	r->stats.over++;
	if (!v->limit->next) {
		q->reached = v->limit;
		return;
	}
	if (q->watch)
		q->watch(q->watcher, r, "limit");
	q->at++;
	q->counted = 0;
}

/* ---- what limits count by ---- */

static void put_source(const struct addr *a, struct buf *b)
{
	buf_put_u8(b, a->family);
	buf_put_bytes(b, a->ip, a->family == 6 ? 8 : 4); /* who has an IPv6 network has all of a /64 */
}

static void put_lower(str s, struct buf *b)
{
	for (size_t i = 0; i < s.n; i++)
		buf_put_char(b, str_lower(s.p[i]));
}

void pbx_limit_key(const struct pbx_rule *r, const struct pbx_limit *l, const struct pbx_question *q, struct buf *b)
{
	buf_put(b, r->name);
	buf_put_char(b, '\0');
	buf_put_u8(b, (uint8_t)l->each);
	buf_put_u8(b, l->requests);
	buf_put_u64be(b, (uint64_t)l->span);
	switch (l->each) {
	case PBX_EACH_RULE:
		break;
	case PBX_EACH_CALLEE:
		put_lower(q->plain[1], b);
		buf_put_char(b, '@');
		put_lower(str_head(q->callee_host, 255), b);
		break;
	case PBX_EACH_CALLER:
		buf_put_u8(b, (uint8_t)q->caller);
		if (q->caller == PBX_CALLER_LOCAL || q->caller == PBX_CALLER_TRUNK) {
			buf_put(b, str_head(q->user, PBX_POLICY_USER_MAX));
			if (q->caller == PBX_CALLER_TRUNK)
				put_lower(str_head(q->host, 255), b);
			break;
		}
		put_source(&q->source, b); /* a stranger calls himself as he likes */
		break;
	case PBX_EACH_SOURCE:
		put_source(&q->source, b);
		break;
	}
}

/* ---- texts ---- */

void pbx_policy_fill(str pattern, str user, bool escape, struct buf *out)
{
	while (pattern.n) {
		size_t at = str_find(pattern, STR("{user}"));

		buf_put(out, str_head(pattern, at));
		if (at == pattern.n)
			return;
		if (escape)
			sip_uri_escape_user(user, out);
		else
			buf_put(out, user);
		pattern = str_skip(pattern, at + 6);
	}
}

static void put_span(usec span, struct buf *b)
{
	static const struct {
		usec span;
		char unit;
	} units[] = { { 86400 * USEC_PER_SEC, 'd' }, { 3600 * USEC_PER_SEC, 'h' }, { 60 * USEC_PER_SEC, 'm' } };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (span % units[i].span == 0) {
			buf_put_i64(b, span / units[i].span);
			buf_put_char(b, units[i].unit);
			return;
		}
	}
	buf_put_i64(b, span / USEC_PER_SEC);
	buf_put_char(b, 's');
}

void pbx_limit_write(const struct pbx_limit *l, struct buf *b)
{
	static const char *const each[] = { "", " each caller", " each callee", " each source" };

	buf_printf(b, "%u %s%s", l->most, l->requests ? "request" : "call", l->most == 1 ? "" : "s");
	if (l->span) {
		buf_put_z(b, " per ");
		put_span(l->span, b);
	} else {
		buf_put_z(b, " at once");
	}
	buf_put_z(b, each[l->each]);
}

static void put_why(const struct pbx_decision *v, struct buf *b)
{
	buf_put_z(b, "rule ");
	buf_put(b, v->rule->name);
	if (v->limit) {
		buf_put_z(b, ": limit ");
		pbx_limit_write(v->limit, b);
	}
	if (v->text.n) {
		buf_put_z(b, ": ");
		buf_put(b, v->text);
	}
}

void pbx_decision_lines(const struct pbx_decision *v, struct buf *b)
{
	if (!v->rule)
		return;
	buf_put_z(b, "Warning: 399 tandem \"");
	put_why(v, b);
	buf_printf(b, "\"\r\nReason: SIP;cause=%d;text=\"", v->status);
	put_why(v, b);
	buf_put_char(b, '"');
	if (v->limit && v->limit->span)
		buf_printf(b, "\r\nRetry-After: %lld",
			   (long long)(usec_min(v->limit->span, 3600 * USEC_PER_SEC) / USEC_PER_SEC));
}

/* ---- the whole ---- */

void pbx_policy_inherit(struct pbx_policy *p, const struct pbx_policy *old)
{
	for (size_t i = 0; old && i < p->rule_n; i++)
		for (size_t k = 0; k < old->rule_n; k++)
			if (str_eq(p->rules[i].name, old->rules[k].name))
				p->rules[i].stats = old->rules[k].stats;
}

void pbx_policy_free(struct pbx_policy *p)
{
	if (!p)
		return;
	arena_free(&p->arena);
	free(p);
}
