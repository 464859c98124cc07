#include "store/csv.h"

void store_csv_start(struct store_csv *csv, str text)
{
	*csv = (struct store_csv){ .rest = text };
}

/* A quoted field, the opening quote eaten: a doubled quote means one (RFC 4180 2.7). */
static bool take_quoted(str *rest, str *out)
{
	char *to = (char *)(uintptr_t)rest->p;
	str made = { to, 0 };

	for (size_t i = 0; i < rest->n; i++) {
		if (rest->p[i] == '"' && (i + 1 == rest->n || rest->p[i + 1] != '"')) {
			*rest = str_skip(*rest, i + 1);
			*out = made;
			return true;
		}
		i += rest->p[i] == '"';
		to[made.n++] = rest->p[i];
	}
	return false;
}

static bool take_field(str *rest, str *out)
{
	if (str_take_char(rest, '"'))
		return take_quoted(rest, out);
	size_t n = str_find_char(*rest, ',');
	*out = str_head(*rest, n);
	*rest = str_skip(*rest, n);
	return str_find_char(*out, '"') == out->n;
}

static str take_line(struct store_csv *csv)
{
	size_t n = str_find_char(csv->rest, '\n');
	str line = str_head(csv->rest, n);

	csv->rest = str_skip(csv->rest, n + 1);
	csv->line++;
	if (str_ends(line, STR("\r")))
		line.n--;
	return line;
}

static bool is_heading(str line)
{
	return str_eq_nocase(line, STR("name,password")) || str_eq_nocase(line, STR("name,password,disabled"));
}

enum err store_csv_next(struct store_csv *csv, struct store_csv_row *out)
{
	struct store_csv_row row = { 0 };

	while (csv->rest.n > 0) {
		str line = take_line(csv);
		if (line.n == 0 || (csv->line == 1 && is_heading(line)))
			continue;
		if (!take_field(&line, &row.name) || !str_take_char(&line, ',') || !take_field(&line, &row.password) ||
		    (str_take_char(&line, ',') && !take_field(&line, &row.disabled)) || line.n > 0)
			return ERR_SYNTAX;
		*out = row;
		return ERR_NONE;
	}
	return ERR_ABSENT;
}
