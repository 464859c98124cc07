#include "base/civil.h"

#define DAY_S 86400

/* ---- the calendar: days since 1970-01-01 ---- */

/* Years begin in March, so that the day of a leap year is the last of one. */
static int64_t days_of(int year, unsigned month, unsigned day)
{
	int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400, in_era = y - era * 400;
	int64_t in_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static void date_of(int64_t days, struct civil_time *out)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, in_era = z - era * 146097;
	int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	int64_t in_year = in_era - (365 * year + year / 4 - year / 100), month = (5 * in_year + 2) / 153;

	out->day = (uint8_t)(in_year - (153 * month + 2) / 5 + 1);
	out->month = (uint8_t)(month < 10 ? month + 3 : month - 9);
	out->year = (int16_t)(year + era * 400 + (out->month <= 2));
	out->weekday = (uint8_t)(((days % 7) + 11) % 7); /* 1970-01-01 was a Thursday */
}

static bool is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

unsigned civil_month_days(int year, unsigned month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return month == 2 && is_leap(year) ? 29 : days[(month - 1) % 12];
}

str civil_weekday_name(unsigned weekday)
{
	return str_of(&"SunMonTueWedThuFriSat"[weekday % 7 * 3], 3);
}

/* ---- zones ---- */

static bool take_name(str *rest)
{
	bool quoted = str_take_char(rest, '<');
	size_t n = 0;

	for (; n < rest->n; n++) {
		char c = str_lower(rest->p[n]);

		if (!(c >= 'a' && c <= 'z') && !(quoted && ((c >= '0' && c <= '9') || c == '+' || c == '-')))
			break;
	}
	if (n < 3)
		return false;
	*rest = str_skip(*rest, n);
	return !quoted || str_take_char(rest, '>');
}

/* [+-]hh[:mm[:ss]] */
static bool take_clock(str *rest, uint32_t hours_max, int32_t *out)
{
	bool minus = str_take_char(rest, '-');
	uint32_t hour, minute = 0, second = 0;

	if (!minus)
		(void)str_take_char(rest, '+');
	if (!str_take_u32(rest, hours_max, &hour) || (str_take_char(rest, ':') && !str_take_u32(rest, 59, &minute)) ||
	    (str_take_char(rest, ':') && !str_take_u32(rest, 59, &second)))
		return false;
	*out = (int32_t)(hour * 3600 + minute * 60 + second);
	if (minus)
		*out = -*out;
	return true;
}

static bool take_change(str *rest, struct civil_change *c)
{
	uint32_t month = 0, week = 0, day = 0;
	bool good;

	*c = (struct civil_change){ .kind = 'D', .at_s = 2 * 3600 };
	if (!str_take_char(rest, ','))
		return false;
	if (str_take_char(rest, 'M')) {
		c->kind = 'M';
		good = str_take_u32(rest, 12, &month) && month >= 1 && str_take_char(rest, '.') &&
		       str_take_u32(rest, 5, &week) && week >= 1 && str_take_char(rest, '.') &&
		       str_take_u32(rest, 6, &day);
	} else if (str_take_char(rest, 'J')) {
		c->kind = 'J';
		good = str_take_u32(rest, 365, &day) && day >= 1;
	} else {
		good = str_take_u32(rest, 365, &day);
	}
	c->month = (uint16_t)month;
	c->week = (uint16_t)week;
	c->day = (uint16_t)day;
	/* RFC 8536 3.3.1: a week to both sides. */
	return good && (!str_take_char(rest, '/') || take_clock(rest, 167, &c->at_s));
}

enum err civil_zone_parse(str text, struct civil_zone *out)
{
	struct civil_zone z = { .offset_s = 0 };
	int32_t west;

	if (!take_name(&text) || !take_clock(&text, 24, &west))
		return ERR_SYNTAX;
	z.offset_s = z.summer_s = -west;
	if (text.n) {
		if (!take_name(&text))
			return ERR_SYNTAX;
		z.summer_s = z.offset_s + 3600;
		if (text.n && text.p[0] != ',') {
			if (!take_clock(&text, 24, &west))
				return ERR_SYNTAX;
			z.summer_s = -west;
		}
		if (!take_change(&text, &z.begin) || !take_change(&text, &z.end) || text.n)
			return ERR_SYNTAX;
	}
	*out = z;
	return ERR_NONE;
}

/* Seconds since 1970 of the change in that year, by the clock valid before. */
static int64_t change_at(const struct civil_change *c, int year)
{
	int64_t day = days_of(year, 1, 1);

	if (c->kind == 'M') {
		int64_t first = days_of(year, c->month, 1), of_first = ((first % 7) + 11) % 7;

		day = first + (c->day - of_first + 7) % 7 + 7 * (c->week - 1);
		if (day >= first + civil_month_days(year, c->month))
			day -= 7;
	} else if (c->kind == 'J') {
		day += c->day - 1 + (is_leap(year) && c->day >= 60);
	} else {
		day += c->day;
	}
	return day * DAY_S + c->at_s;
}

static int64_t seconds_of(usec t)
{
	return t >= 0 ? t / USEC_PER_SEC : -((-t + USEC_PER_SEC - 1) / USEC_PER_SEC);
}

static int64_t day_of(int64_t s)
{
	return s >= 0 ? s / DAY_S : -((-s + DAY_S - 1) / DAY_S);
}

int32_t civil_zone_offset(const struct civil_zone *z, usec t)
{
	struct civil_time year;
	int64_t now, begin, end;

	if (z->offset_s == z->summer_s)
		return z->offset_s;
	now = seconds_of(t);
	date_of(day_of(now + z->offset_s), &year);
	begin = change_at(&z->begin, year.year) - z->offset_s;
	end = change_at(&z->end, year.year) - z->summer_s;
	if (begin <= end)
		return now >= begin && now < end ? z->summer_s : z->offset_s;
	return now >= begin || now < end ? z->summer_s : z->offset_s; /* south of the equator */
}

struct civil_time civil_at(const struct civil_zone *z, usec t)
{
	int64_t local = seconds_of(t) + civil_zone_offset(z, t), day = day_of(local), in_day = local - day * DAY_S;
	struct civil_time out;

	date_of(day, &out);
	out.hour = (uint8_t)(in_day / 3600);
	out.minute = (uint8_t)(in_day / 60 % 60);
	out.second = (uint8_t)(in_day % 60);
	return out;
}

usec civil_usec(const struct civil_zone *z, const struct civil_time *c)
{
	int64_t local = days_of(c->year, c->month, c->day) * DAY_S + c->hour * 3600 + c->minute * 60 + c->second;
	int32_t more = z->summer_s > z->offset_s ? z->summer_s : z->offset_s;
	usec first = (local - more) * USEC_PER_SEC;

	if (civil_zone_offset(z, first) == more)
		return first;
	return (local - (more == z->summer_s ? z->offset_s : z->summer_s)) * USEC_PER_SEC;
}

/* ---- as text ---- */

static bool take_two(str *rest, uint32_t max, uint8_t *out)
{
	str two = str_head(*rest, 2);
	uint32_t value;

	if (two.n != 2 || !str_u32(two, max, &value))
		return false;
	*out = (uint8_t)value;
	*rest = str_skip(*rest, 2);
	return true;
}

enum err civil_parse(str text, struct civil_time *out)
{
	struct civil_time c = { .year = 0 };
	uint32_t year;

	if (text.n < 10 || !str_u32(str_head(text, 4), 9999, &year) || year == 0)
		return ERR_SYNTAX;
	text = str_skip(text, 4);
	c.year = (int16_t)year;
	if (!str_take_char(&text, '-') || !take_two(&text, 12, &c.month) || c.month == 0 ||
	    !str_take_char(&text, '-') || !take_two(&text, civil_month_days(c.year, c.month), &c.day) || c.day == 0)
		return ERR_SYNTAX;
	if (text.n && !str_take_char(&text, 'T') && !str_take_char(&text, ' '))
		return ERR_SYNTAX;
	if (text.n && (!take_two(&text, 23, &c.hour) || !str_take_char(&text, ':') || !take_two(&text, 59, &c.minute) ||
		       (str_take_char(&text, ':') && !take_two(&text, 59, &c.second))))
		return ERR_SYNTAX;
	if (text.n)
		return ERR_SYNTAX;
	c.weekday = (uint8_t)(((days_of(c.year, c.month, c.day) % 7) + 11) % 7);
	*out = c;
	return ERR_NONE;
}

void civil_write(const struct civil_zone *z, usec t, struct buf *b)
{
	int32_t offset = civil_zone_offset(z, t), far = offset < 0 ? -offset : offset;
	struct civil_time c = civil_at(z, t);

	buf_printf(b, STR_FMT " %04d-%02u-%02u %02u:%02u:%02u %c%02d:%02d", STR_ARG(civil_weekday_name(c.weekday)),
		   c.year, c.month, c.day, c.hour, c.minute, c.second, offset < 0 ? '-' : '+', far / 3600,
		   far / 60 % 60);
}
