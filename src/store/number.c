#include "store/number.h"

static const struct record_field fields[] = {
	{ "id", offsetof(struct number_record, id), RECORD_I64 },
	{ "first", offsetof(struct number_record, first), RECORD_I64 },
	{ "last", offsetof(struct number_record, last), RECORD_I64 },
	{ "account", offsetof(struct number_record, account), RECORD_TEXT },
};

const struct record_kind number_record_kind = { .name = "number",
						.size = sizeof(struct number_record),
						.fields = fields,
						.field_n = sizeof(fields) / sizeof(*fields) };

static bool take_digits(str s, int64_t *out)
{
	int64_t value = 0;

	if (s.n == 0 || s.n > NUMBER_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		value = value * 10 + (s.p[i] - '0');
	}
	*out = value;
	return true;
}

enum err number_parse(str s, int64_t *out)
{
	return str_take_char(&s, '+') && s.n && s.p[0] != '0' && take_digits(s, out) ? ERR_NONE : ERR_SYNTAX;
}

enum err number_range_parse(str s, int64_t *first, int64_t *last)
{
	int64_t from, to, scale = 1;
	str head, tail;
	bool range = str_split(s, '-', &head, &tail);

	if (number_parse(head, &from))
		return ERR_SYNTAX;
	to = from;
	if (range) {
		(void)str_take_char(&tail, '+');
		if (tail.n > head.n - 1 || !take_digits(tail, &to))
			return ERR_SYNTAX;
		for (size_t i = 0; i < tail.n; i++)
			scale *= 10;
		to += from / scale * scale;
		if (tail.n == head.n - 1)
			to -= from / scale * scale;
	}
	if (to < from)
		return ERR_SYNTAX;
	*first = from;
	*last = to;
	return ERR_NONE;
}

void number_range_write(int64_t first, int64_t last, struct buf *out)
{
	int64_t scale = 1;

	buf_printf(out, "+%lld", (long long)first);
	if (last == first)
		return;
	while (first / scale != last / scale)
		scale *= 10;
	buf_put_char(out, '-');
	for (scale /= 10; scale; scale /= 10) /* as many digits as differ, zeros in front among them */
		buf_put_char(out, (char)('0' + last / scale % 10));
}
