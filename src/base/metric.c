#include "base/metric.h"

#include <math.h>

static const struct {
	usec span;
	const char *text;
} bounds[METRIC_BOUNDS] = {
	{ 100, "0.0001" },        { 250, "0.00025" }, { 500, "0.0005" },  { 1000, "0.001" },    { 2500, "0.0025" },
	{ 5000, "0.005" },        { 10000, "0.01" },  { 25000, "0.025" }, { 50000, "0.05" },    { 100000, "0.1" },
	{ 250000, "0.25" },       { 500000, "0.5" },  { 1000000, "1" },   { 2500000, "2.5" },   { 5000000, "5" },
	{ 10000000, "10" },       { 25000000, "25" }, { 50000000, "50" }, { 100000000, "100" }, { 1000000000, "1000" },
	{ 10000000000, "10000" },
};

size_t metric_bucket(usec span)
{
	size_t low = 0, high = METRIC_BOUNDS;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (span <= bounds[middle].span)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

void metric_observe(struct metric_histogram *h, usec span)
{
	h->bucket[metric_bucket(span)]++;
	h->sum_usec += span > 0 ? (uint64_t)span : 0;
}

uint64_t metric_count(const struct metric_histogram *h)
{
	uint64_t n = 0;

	for (size_t i = 0; i <= METRIC_BOUNDS; i++)
		n += h->bucket[i];
	return n;
}

/* ---- cells ---- */

static const char *kind_name(enum metric_kind kind)
{
	return kind == METRIC_COUNTER ? "counter" : kind == METRIC_HISTOGRAM ? "histogram" : "gauge";
}

static size_t cell_size(const struct metric *m)
{
	return m->kind == METRIC_HISTOGRAM   ? sizeof(struct metric_histogram)
	       : m->kind == METRIC_GAUGE_U32 ? sizeof(uint32_t)
					     : sizeof(uint64_t);
}

static size_t dimension(const struct metric_label *l)
{
	return l->name ? l->n : 1;
}

static uint64_t value_of(const struct metric *m, const void *cell)
{
	uint32_t narrow;
	uint64_t wide;

	if (m->kind == METRIC_GAUGE_U32) {
		memcpy(&narrow, cell, sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, cell, sizeof(wide));
	return wide;
}

/* ---- the text ---- */

/* Exact, and never as 1e+06, which is right but hard to read. */
static void put_value(uint64_t v, bool is_usec, struct buf *out)
{
	if (is_usec)
		buf_printf(out, "%llu.%06llu", (unsigned long long)(v / 1000000), (unsigned long long)(v % 1000000));
	else
		buf_put_u64(out, v);
}

static void put_head(const char *name, enum metric_kind kind, const char *help, struct buf *out)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind_name(kind));
}

/* `method="INVITE",transport="UDP"`; false: this cell is not shown. */
static bool write_labels(const struct metric *m, size_t at, bool zero, struct buf *out)
{
	size_t which[2] = { at / dimension(&m->labels[1]), at % dimension(&m->labels[1]) };

	for (int i = 0; i < 2; i++) {
		const struct metric_label *l = &m->labels[i];

		if (!l->name)
			continue;
		if (l->values ? !l->values[which[i]] : zero)
			return false;
		if (out->n)
			buf_put_char(out, ',');
		buf_printf(out, "%s=\"", l->name);
		if (l->values)
			buf_put_z(out, l->values[which[i]]);
		else
			buf_put_u64(out, l->first + which[i]);
		buf_put_char(out, '"');
	}
	return true;
}

static void put_sample(const char *name, const char *suffix, str labels, struct buf *out)
{
	buf_printf(out, "%s%s", name, suffix);
	if (labels.n)
		buf_printf(out, "{" STR_FMT "}", STR_ARG(labels));
	buf_put_char(out, ' ');
}

static void write_histogram(const struct metric *m, const struct metric_histogram *h, str labels, struct buf *out)
{
	uint64_t n = 0;

	for (size_t i = 0; i <= METRIC_BOUNDS; i++) {
		n += h->bucket[i];
		buf_printf(out, "%s_bucket{" STR_FMT "%sle=\"%s\"} ", m->name, STR_ARG(labels), labels.n ? "," : "",
			   i < METRIC_BOUNDS ? bounds[i].text : "+Inf");
		put_value(n, false, out);
		buf_put_char(out, '\n');
	}
	put_sample(m->name, "_sum", labels, out);
	put_value(h->sum_usec, true, out);
	buf_put_char(out, '\n');
	put_sample(m->name, "_count", labels, out);
	put_value(n, false, out);
	buf_put_char(out, '\n');
}

static void write_cell(const struct metric *m, const char *cell, size_t at, struct buf *out)
{
	bool histogram = m->kind == METRIC_HISTOGRAM;
	uint64_t value = histogram ? metric_count((const void *)cell) : value_of(m, cell);
	char text[200];
	struct buf labels;

	buf_init(&labels, text, sizeof(text));
	if (!write_labels(m, at, value == 0, &labels))
		return;
	if (histogram) {
		write_histogram(m, (const void *)cell, buf_str(&labels), out);
		return;
	}
	put_sample(m->name, "", buf_str(&labels), out);
	put_value(value, m->usec, out);
	buf_put_char(out, '\n');
}

void metric_write(const struct metric *table, size_t n, const void *figures, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		const struct metric *m = &table[i];
		size_t cells = dimension(&m->labels[0]) * dimension(&m->labels[1]);

		put_head(m->name, m->kind, m->help, out);
		for (size_t k = 0; k < cells; k++)
			write_cell(m, (const char *)figures + m->at + k * cell_size(m), k, out);
	}
}

void metric_write_one(const char *name, enum metric_kind kind, const char *help, const char *labels, double value,
		      struct buf *out)
{
	put_head(name, kind, help, out);
	put_sample(name, "", str_from(labels), out);
	if (isnan(value))
		buf_put_z(out, "NaN\n");
	else
		buf_printf(out, "%.15g\n", value);
}

/* ---- several workers ---- */

static void add_words(uint64_t *sum, const uint64_t *more, size_t n, bool most)
{
	for (size_t i = 0; i < n; i++)
		sum[i] = !most ? sum[i] + more[i] : more[i] > sum[i] ? more[i] : sum[i];
}

void metric_add(const struct metric *table, size_t n, void *sum, const void *more)
{
	for (size_t i = 0; i < n; i++) {
		const struct metric *m = &table[i];
		size_t bytes = dimension(&m->labels[0]) * dimension(&m->labels[1]) * cell_size(m);
		void *to = (char *)sum + m->at;
		const void *from = (const char *)more + m->at;

		if (m->kind != METRIC_GAUGE_U32) {
			add_words(to, from, bytes / sizeof(uint64_t), m->most);
			continue;
		}
		for (size_t k = 0; k < bytes / sizeof(uint32_t); k++) {
			uint32_t *a = (uint32_t *)to + k;
			uint32_t b = ((const uint32_t *)from)[k];

			*a = !m->most ? *a + b : b > *a ? b : *a;
		}
	}
}

/* ---- the manual ---- */

void metric_write_manual(const struct metric *table, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		const struct metric *m = &table[i];

		buf_printf(out, "| `%s` | %s | ", m->name, kind_name(m->kind));
		for (int k = 0; k < 2 && m->labels[k].name; k++)
			buf_printf(out, "%s`%s`", k ? ", " : "", m->labels[k].name);
		buf_printf(out, " | %s |\n", m->help);
	}
}
