#include "pbx/policy_list.h"

#include <stdlib.h>

static bool no_memory(struct pbx_words *w)
{
	return pbx_words_wrong(w, "no memory for so many rules");
}

bool pbx_list_keep(struct pbx_words *w, struct arena *a, str s, str *out)
{
	return arena_copy(a, s, out) || no_memory(w);
}

bool pbx_list_is_word(str s)
{
	static const char *const words[] = { "from",   "to",      "source",   "method",    "at",       "not",
					     "allow",  "refuse",  "redirect", "via",       "strip",    "add",
					     "become", "limit",   "else",     "next",      "each",     "per",
					     "calls",  "call",    "requests", "request",   "group",    "hours",
					     "zone",   "longest", "local",    "strangers", "trusted",  "trunk",
					     "anyone", "foreign", "caller",   "callee",    "contacts", "servers" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_eq_nocase(s, str_from(words[i])))
			return true;
	return false;
}

bool pbx_list_name_is_good(str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = str_lower(s.p[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.')
			return false;
	}
	return s.n > 0 && s.n <= PBX_POLICY_NAME_MAX && !pbx_list_is_word(s);
}

/* ---- people ---- */

static const struct {
	const char *word;
	uint8_t caller, callee;
} classes[] = {
	{ "local", PBX_CALLER_LOCAL, PBX_CALLER_LOCAL },
	{ "strangers", PBX_CALLER_STRANGER | PBX_CALLER_TRUSTED, 0 },
	{ "trusted", PBX_CALLER_TRUSTED, 0 },
	{ "trunk", PBX_CALLER_TRUNK, 0 },
	{ "foreign", 0, PBX_CALLER_STRANGER },
	{ "anyone", PBX_CALLER_LOCAL | PBX_CALLER_STRANGER | PBX_CALLER_TRUSTED | PBX_CALLER_TRUNK,
	  PBX_CALLER_LOCAL | PBX_CALLER_STRANGER },
};

static bool is_number(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0;
}

/* '*' may end it, or be a key of the telephone in front ("*21*"): only the last is "the rest". */
static bool user_is_good(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f || strchr("\"<>@:,;()", s.p[i]))
			return false;
	return s.n <= PBX_POLICY_USER_MAX;
}

static bool host_is_good(str s)
{
	if (str_eq(s, STR("*")))
		return true;
	if (str_starts(s, STR("*.")))
		s = str_skip(s, 2);
	for (size_t i = 0; i < s.n; i++) {
		char c = str_lower(s.p[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '-' && c != '_' &&
		    c != ':' && c != '[' && c != ']')
			return false;
	}
	return s.n > 0 && s.n <= 255;
}

static bool read_pattern(struct pbx_words *w, struct arena *a, str word, struct pbx_pattern *out)
{
	struct pbx_pattern p = { .kind = PBX_PATTERN_USER };
	size_t range = str_find(word, STR(".."));
	str user = word, host;

	if (pbx_list_is_word(word))
		return pbx_words_wrong(w,
				       "\"" STR_FMT
				       "\" is a word of the rules: is there a comma too many? (a user called so "
				       "is " STR_FMT "@DOMAIN)",
				       STR_ARG(word), STR_ARG(word));
	if (str_split(word, '@', &user, &host)) {
		p.kind = PBX_PATTERN_AT;
		if (!host_is_good(host))
			return pbx_words_wrong(w,
					       "\"" STR_FMT
					       "\": behind the @ stands a domain, such as partner.example, "
					       "*.example or *",
					       STR_ARG(word));
		if (str_eq(user, STR("*")))
			user = STR_NONE;
	} else if (range < word.n) {
		p.kind = PBX_PATTERN_RANGE;
		user = str_head(word, range);
		p.last = str_skip(word, range + 2);
		host = STR_NONE;
		if (!is_number(user) || !is_number(p.last) || user.n != p.last.n || str_compare(user, p.last) > 0)
			return pbx_words_wrong(w,
					       "\"" STR_FMT "\": a range goes up and has as many digits at both "
					       "ends, such as 200..249",
					       STR_ARG(word));
	}
	if (!user_is_good(user) || (!user.n && p.kind != PBX_PATTERN_AT))
		return pbx_words_wrong(w,
				       "\"" STR_FMT
				       "\" is no name, number or pattern, such as 101, 2??, 0900*, 200..249 "
				       "or *@partner.example",
				       STR_ARG(word));
	if (!pbx_list_keep(w, a, user, &p.user) || !pbx_list_keep(w, a, p.last, &p.last) ||
	    !pbx_list_keep(w, a, host, &p.host))
		return false;
	*out = p;
	return true;
}

static const struct pbx_people *find_group(const struct pbx_people *groups, size_t n, str name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq_nocase(groups[i].name, name))
			return &groups[i];
	return NULL;
}

static bool read_person(struct pbx_words *w, struct arena *a, bool callers, const struct pbx_people *groups,
			size_t group_n, struct pbx_people *people, struct pbx_pattern *out, size_t *n)
{
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		uint8_t bits = callers ? classes[i].caller : classes[i].callee;

		if (!bits || !pbx_words_is(w, classes[i].word))
			continue;
		people->classes |= bits;
		return true;
	}
	if (*n == PBX_LIST_MAX)
		return pbx_words_wrong(w, "more than %d in one list", PBX_LIST_MAX);
	if (!pbx_words_take(w, "group"))
		return read_pattern(w, a, w->word, &out[(*n)++]);
	out[*n] = (struct pbx_pattern){ .kind = PBX_PATTERN_GROUP, .group = find_group(groups, group_n, w->word) };
	if (!out[(*n)++].group)
		return pbx_words_wrong(
			w, "there is no group \"" STR_FMT "\" above; a line `group NAME = 101, 2??` makes one",
			STR_ARG(w->word));
	return true;
}

/* Which bytes a user part that fits can begin with. */
static void note_first(struct pbx_people *people)
{
	for (size_t i = 0; i < people->n; i++) {
		const struct pbx_pattern *p = &people->list[i];
		unsigned char c = p->user.n ? (unsigned char)str_lower(p->user.p[0]) : 0;

		if (p->kind == PBX_PATTERN_GROUP || !p->user.n || (c == '*' && p->user.n == 1)) {
			people->any_first = true;
		} else if (c == '?' || p->kind == PBX_PATTERN_RANGE) {
			for (unsigned char d = '0'; d <= '9'; d++)
				people->first[d >> 6] |= UINT64_C(1) << (d & 63);
		} else {
			people->first[c >> 6] |= UINT64_C(1) << (c & 63);
		}
	}
}

bool pbx_list_people(struct pbx_words *w, struct arena *a, bool callers, const struct pbx_people *groups,
		     size_t group_n, struct pbx_people *out)
{
	struct pbx_pattern list[PBX_LIST_MAX], *copy;
	struct pbx_people people = { .not = pbx_words_take(w, "not") };

	do {
		if (w->quoted || !w->word.n || pbx_words_is(w, ","))
			return pbx_words_wrong(w, "a name, a number or %s is missing in the list",
					       callers ? "local, strangers, trusted, trunk, anyone"
						       : "local, foreign, anyone");
		if (!read_person(w, a, callers, groups, group_n, &people, list, &people.n))
			return false;
		pbx_words_next(w);
	} while (pbx_words_take(w, ","));
	copy = arena_alloc(a, (people.n + 1) * sizeof(*copy));
	if (!copy)
		return no_memory(w);
	memcpy(copy, list, people.n * sizeof(*copy));
	people.list = copy;
	note_first(&people);
	*out = people;
	return true;
}

/* ---- networks ---- */

bool pbx_list_nets(struct pbx_words *w, struct arena *a, struct pbx_nets *out)
{
	struct pbx_nets nets = { .not = pbx_words_take(w, "not") };
	struct pbx_net *list = arena_alloc(a, 64 * sizeof(*list));

	if (!list)
		return no_memory(w);
	do {
		if (nets.n == 64)
			return pbx_words_wrong(w, "more than 64 networks in one list");
		if (addr_parse_net(w->word, &list[nets.n].net, &list[nets.n].bits))
			return pbx_words_wrong(
				w, "\"" STR_FMT "\" is no network, such as 192.0.2.0/24, 192.0.2.7 or 2001:db8::/32",
				STR_ARG(w->word));
		nets.n++;
		pbx_words_next(w);
	} while (pbx_words_take(w, ","));
	nets.list = list;
	*out = nets;
	return true;
}

/* ---- times ---- */

static bool find_weekday(str s, unsigned *out)
{
	for (*out = 0; *out < 7; ++*out)
		if (str_eq_nocase(s, civil_weekday_name(*out)))
			return true;
	return false;
}

/* "Mon", "Mon-Fri", "Fri-Mon" */
static bool take_days(str word, struct pbx_span *s)
{
	unsigned first, last;
	str a, b;

	if (!str_split(word, '-', &a, &b))
		b = a;
	if (!find_weekday(a, &first) || !find_weekday(b, &last))
		return false;
	for (unsigned d = first;; d = (d + 1) % 7) {
		s->weekdays |= (uint8_t)(1u << d);
		if (d == last)
			return true;
	}
}

static bool take_clock(str s, uint16_t *out)
{
	uint32_t hour, minute;

	if (!str_take_u32(&s, 24, &hour) || !str_take_char(&s, ':') || s.n != 2 || !str_u32(s, 59, &minute) ||
	    (hour == 24 && minute))
		return false;
	*out = (uint16_t)(hour * 60 + minute);
	return true;
}

static bool take_times(str word, struct pbx_span *s)
{
	str a, b;

	return str_split(word, '-', &a, &b) && take_clock(a, &s->from) && take_clock(b, &s->until) &&
	       s->from != s->until && s->from < 1440;
}

/* "2026-12-24" or "12-24" */
static bool take_date(str s, int32_t *out)
{
	uint32_t year = 0, month, day;
	bool has_year = s.n == 10;

	if (s.n != 10 && s.n != 5)
		return false;
	if (has_year && (!str_take_u32(&s, 9999, &year) || year < 1000 || !str_take_char(&s, '-')))
		return false;
	if (!str_take_u32(&s, 12, &month) || month == 0 || !str_take_char(&s, '-') || s.n != 2 ||
	    !str_u32(s, civil_month_days(has_year ? (int)year : 2024, month), &day) || day == 0)
		return false;
	*out = (int32_t)(year * 10000 + month * 100 + day);
	return true;
}

static bool take_dates(str word, struct pbx_span *s)
{
	size_t range = str_find(word, STR(".."));

	if (!take_date(str_head(word, range), &s->first_date))
		return false;
	s->last_date = s->first_date;
	if (range < word.n && !take_date(str_skip(word, range + 2), &s->last_date))
		return false;
	return (s->first_date >= 10000) == (s->last_date >= 10000) &&
	       (s->first_date < 10000 || s->first_date <= s->last_date);
}

static const struct pbx_hours *find_hours(const struct pbx_hours *named, size_t n, str name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq_nocase(named[i].name, name))
			return &named[i];
	return NULL;
}

/* Dates, days and times in any order, each at most once: "Mon-Fri 08:00-18:00". */
static bool read_span(struct pbx_words *w, const struct pbx_hours *named, size_t n, struct pbx_span *out)
{
	struct pbx_span s = { .until = 1440 };
	bool dates = false, days = false, times = false;

	s.hours = find_hours(named, n, w->word);
	if (s.hours) {
		pbx_words_next(w);
		*out = s;
		return true;
	}
	for (; w->word.n && !w->quoted; pbx_words_next(w)) {
		struct pbx_span one = s;

		if (!days && take_days(w->word, &one))
			days = true;
		else if (!times && take_times(w->word, &one))
			times = true;
		else if (!dates && take_dates(w->word, &one))
			dates = true;
		else
			break;
		s = one;
	}
	if (!dates && !days && !times)
		return pbx_words_wrong(w,
				       "\"" STR_FMT "\" is no time, such as Mon-Fri 08:00-18:00, Sat, 22:00-06:00, "
				       "12-24..12-26, 2026-11-23, nor the name of `hours` above",
				       STR_ARG(w->word));
	*out = s;
	return true;
}

bool pbx_list_hours(struct pbx_words *w, struct arena *a, const struct pbx_hours *named, size_t named_n,
		    struct pbx_hours *out)
{
	struct pbx_hours hours = { .not = pbx_words_take(w, "not") };
	struct pbx_span list[100], *copy;

	do {
		if (hours.n == 100)
			return pbx_words_wrong(w, "more than 100 times in one list");
		if (!read_span(w, named, named_n, &list[hours.n]))
			return false;
		hours.n++;
	} while (pbx_words_take(w, ","));
	copy = arena_alloc(a, hours.n * sizeof(*copy));
	if (!copy)
		return no_memory(w);
	memcpy(copy, list, hours.n * sizeof(*copy));
	hours.list = copy;
	*out = hours;
	return true;
}
