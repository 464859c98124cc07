#include "pbx/preference.h"

/* ---- Request-Disposition ---- */

unsigned pbx_preference_wishes(const struct sip_msg *m)
{
	static const struct {
		str word;
		unsigned wish, other;
	} list[] = {
		{ STR_INIT("proxy"), PBX_WISH_PROXY, PBX_WISH_REDIRECT },
		{ STR_INIT("redirect"), PBX_WISH_REDIRECT, PBX_WISH_PROXY },
		{ STR_INIT("cancel"), PBX_WISH_CANCEL, PBX_WISH_NO_CANCEL },
		{ STR_INIT("no-cancel"), PBX_WISH_NO_CANCEL, PBX_WISH_CANCEL },
		{ STR_INIT("fork"), PBX_WISH_FORK, PBX_WISH_NO_FORK },
		{ STR_INIT("no-fork"), PBX_WISH_NO_FORK, PBX_WISH_FORK },
		{ STR_INIT("recurse"), PBX_WISH_RECURSE, PBX_WISH_NO_RECURSE },
		{ STR_INIT("no-recurse"), PBX_WISH_NO_RECURSE, PBX_WISH_RECURSE },
		{ STR_INIT("parallel"), PBX_WISH_PARALLEL, PBX_WISH_SEQUENTIAL },
		{ STR_INIT("sequential"), PBX_WISH_SEQUENTIAL, PBX_WISH_PARALLEL },
		{ STR_INIT("queue"), PBX_WISH_QUEUE, PBX_WISH_NO_QUEUE },
		{ STR_INIT("no-queue"), PBX_WISH_NO_QUEUE, PBX_WISH_QUEUE },
	};
	struct sip_values v;
	unsigned wishes = 0;
	str value;

	if (!sip_msg_has(m, SIP_REQUEST_DISPOSITION))
		return 0;
	v = sip_msg_values(m, SIP_REQUEST_DISPOSITION);
	while (sip_values_next(&v, &value))
		for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
			if (str_eq_nocase(value, list[i].word) && !(wishes & list[i].other))
				wishes |= list[i].wish;
	return wishes;
}

/* ---- values of feature parameters (RFC 3840 9., RFC 3841 8.) ---- */

enum shape { SHAPE_TOKEN, SHAPE_STRING, SHAPE_NUMBER };

struct feature {
	enum shape shape;
	bool negated;
	str text;          /* TOKEN, STRING */
	int64_t low, high; /* NUMBER, in millionths */
};

/* [+-]digits[.digits], as millionths. */
static bool take_number(str *rest, int64_t *out)
{
	bool minus = str_take_char(rest, '-'), any = false;
	int64_t value = 0, scale = 1000000;

	if (!minus)
		str_take_char(rest, '+');
	for (; rest->n && *rest->p >= '0' && *rest->p <= '9'; *rest = str_skip(*rest, 1), any = true)
		if (value < INT64_C(1000000000))
			value = value * 10 + (*rest->p - '0');
	value *= 1000000;
	if (str_take_char(rest, '.'))
		for (; rest->n && *rest->p >= '0' && *rest->p <= '9'; *rest = str_skip(*rest, 1), any = true)
			value += (scale /= 10) * (*rest->p - '0');
	*out = minus ? -value : value;
	return any;
}

/* "#=5", "#>=5", "#<=5", "#1:5"; the '#' is taken already. */
static bool parse_number(str s, struct feature *out)
{
	out->shape = SHAPE_NUMBER;
	out->low = INT64_MIN;
	out->high = INT64_MAX;
	if (str_take(&s, STR(">=")))
		return take_number(&s, &out->low) && !s.n;
	if (str_take(&s, STR("<=")))
		return take_number(&s, &out->high) && !s.n;
	if (str_take_char(&s, '=')) {
		if (!take_number(&s, &out->low) || s.n)
			return false;
		out->high = out->low;
		return true;
	}
	return take_number(&s, &out->low) && str_take_char(&s, ':') && take_number(&s, &out->high) && !s.n;
}

static bool parse_feature(str s, struct feature *out)
{
	*out = (struct feature){ .shape = SHAPE_TOKEN };
	s = str_trim(s);
	out->negated = str_take_char(&s, '!');
	if (str_take_char(&s, '#'))
		return parse_number(s, out);
	if (str_take_char(&s, '<')) {
		out->shape = SHAPE_STRING;
		out->text = str_head(s, s.n ? s.n - 1 : 0);
		return str_ends(s, STR(">"));
	}
	out->text = s;
	return s.n > 0;
}

/* Is there a value that both allow? */
static bool can_both(const struct feature *a, const struct feature *b)
{
	bool same;

	if (a->shape != b->shape)
		return false;
	if (a->shape == SHAPE_NUMBER) {
		if (a->negated && b->negated)
			return true;
		if (!a->negated && !b->negated)
			return a->low <= b->high && b->low <= a->high;
		/* something of the one outside of the other */
		return a->negated ? b->low < a->low || b->high > a->high : a->low < b->low || a->high > b->high;
	}
	same = a->shape == SHAPE_STRING ? str_eq(a->text, b->text) : str_eq_nocase(a->text, b->text);
	return a->negated != b->negated ? !same : a->negated || same;
}

/* The next of a list of values: commas inside of <...> do not count. */
static bool next_value(str *rest, str *value)
{
	size_t n = 0;
	bool inside = false;

	if (!rest->n)
		return false;
	for (; n < rest->n && (inside || rest->p[n] != ','); n++)
		inside = rest->p[n] == '<' || (inside && rest->p[n] != '>');
	*value = str_head(*rest, n);
	*rest = str_skip(*rest, n + 1);
	return true;
}

/* Without its quotes; a tag without a value is TRUE (RFC 3840 9.). */
static str bare(str value)
{
	if (!value.n)
		return STR("TRUE");
	if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
		return str_of(value.p + 1, value.n - 2);
	return value;
}

static bool values_meet(str wanted, str has)
{
	struct feature a, b;
	str one, other, rest;

	wanted = bare(wanted);
	has = bare(has);
	while (next_value(&wanted, &one)) {
		if (!parse_feature(one, &a))
			continue;
		for (rest = has; next_value(&rest, &other);)
			if (parse_feature(other, &b) && can_both(&a, &b))
				return true;
	}
	return false;
}

/* ---- predicates ---- */

static bool is_feature(str name)
{
	static const str base[] = { STR_INIT("audio"),       STR_INIT("automata"), STR_INIT("class"),
				    STR_INIT("duplex"),      STR_INIT("data"),     STR_INIT("control"),
				    STR_INIT("mobility"),    STR_INIT("events"),   STR_INIT("priority"),
				    STR_INIT("description"), STR_INIT("methods"),  STR_INIT("extensions"),
				    STR_INIT("schemes"),     STR_INIT("video"),    STR_INIT("application"),
				    STR_INIT("language"),    STR_INIT("type"),     STR_INIT("isfocus"),
				    STR_INIT("actor"),       STR_INIT("text") };

	if (name.n && name.p[0] == '+')
		return true;
	for (size_t i = 0; i < sizeof(base) / sizeof(base[0]); i++)
		if (str_eq_nocase(name, base[i]))
			return true;
	return false;
}

static bool says_anything(str params)
{
	str name, value;

	while (sip_param_next(&params, &name, &value))
		if (is_feature(name))
			return true;
	return false;
}

/* One value of Accept-Contact or Reject-Contact held against a contact. */
struct fit {
	unsigned terms, named; /* of the wish; of these the contact says something about */
	bool match;            /* nothing that it says is against it */
	bool require, explicitly;
};

static struct fit hold(str value, str params)
{
	struct fit f = { .match = true };
	str rest = str_skip(value, str_find_char(value, ';')), name, wanted, has;

	rest = str_skip(rest, 1);
	while (sip_param_next(&rest, &name, &wanted)) {
		if (str_eq_nocase(name, STR("require"))) {
			f.require = true;
		} else if (str_eq_nocase(name, STR("explicit"))) {
			f.explicitly = true;
		} else if (is_feature(name)) {
			f.terms++;
			if (!sip_param_find(params, name, &has))
				continue;
			f.named++;
			f.match = f.match && values_meet(wanted, has);
		}
	}
	return f;
}

bool pbx_preference_given(const struct sip_msg *m)
{
	return sip_msg_has(m, SIP_ACCEPT_CONTACT) || sip_msg_has(m, SIP_REJECT_CONTACT);
}

bool pbx_preference_too_many(const struct sip_msg *m)
{
	static const enum sip_kind kinds[] = { SIP_ACCEPT_CONTACT, SIP_REJECT_CONTACT };
	size_t n = 0, bytes = 0;
	struct sip_values v;
	str value;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!sip_msg_has(m, kinds[i]))
			continue;
		v = sip_msg_values(m, kinds[i]);
		while (n <= PBX_PREFERENCE_RULES && sip_values_next(&v, &value)) {
			bytes += value.n;
			n++;
		}
	}
	return n > PBX_PREFERENCE_RULES || bytes > PBX_PREFERENCE_BYTES;
}

static bool is_rejected(const struct sip_msg *m, str params)
{
	struct sip_values v = sip_msg_values(m, SIP_REJECT_CONTACT);
	str value;

	while (sip_values_next(&v, &value)) {
		struct fit f = hold(value, params);

		/* only who says that it has all this is meant */
		if (f.terms && f.named == f.terms && f.match)
			return true;
	}
	return false;
}

int pbx_preference_score(const struct sip_msg *m, str params)
{
	struct sip_values v = sip_msg_values(m, SIP_ACCEPT_CONTACT);
	unsigned sum = 0, n = 0;
	str value;

	if (!says_anything(params)) /* 7.2.3: immune */
		return PBX_PREFERENCE_BEST;
	if (is_rejected(m, params))
		return PBX_PREFERENCE_REJECTED;
	while (sip_values_next(&v, &value)) {
		struct fit f = hold(value, params);
		bool whole = f.named == f.terms;

		if (!f.terms)
			continue;
		if (f.require && (!f.match || (f.explicitly && !whole)))
			return PBX_PREFERENCE_REJECTED;
		if (!f.match)
			continue;
		n++;
		if (whole || !f.explicitly)
			sum += PBX_PREFERENCE_BEST * f.named / f.terms;
	}
	if (n)
		return (int)(sum / n);
	return sip_msg_has(m, SIP_ACCEPT_CONTACT) ? 0 : PBX_PREFERENCE_BEST;
}

/* One term of the implied wish, which only what is said contradicts. */
static bool says_no(str params, str tag, str wanted)
{
	str has;

	return sip_param_find(params, tag, &has) && has.n && !values_meet(wanted, has);
}

bool pbx_preference_speaks(const struct sip_msg *m, str params)
{
	struct sip_token event;

	if (!params.n)
		return true;
	if (says_no(params, STR("methods"), m->method_text))
		return false;
	return m->method != SIP_SUBSCRIBE || sip_token_parse(sip_msg_value(m, SIP_EVENT), &event) ||
	       !says_no(params, STR("events"), event.type);
}
