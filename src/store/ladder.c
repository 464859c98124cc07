#include "store/ladder.h"

#include "store/date.h"

#define LEFT      24 /* the two times */
#define WIDTH_MIN 18 /* of a column */
#define LINE_MAX  (LEFT + LADDER_PARTIES * (LADDER_LABEL + 4) + 8)

static const uint64_t hash_key[2] = { 0x6c61, 0x6464 }; /* nobody gains by a collision here: two lines drawn as one */

void store_ladder_start(struct store_ladder *l, bool messages)
{
	memset(l, 0, sizeof(*l));
	l->messages = messages;
}

/* What a terminal would obey, and what is not ASCII, becomes '?'. */
static void copy_plain(str s, char *out, size_t cap)
{
	size_t n = s.n < cap - 1 ? s.n : cap - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = s.p[i] >= ' ' && s.p[i] < 0x7f ? s.p[i] : '?';
	out[n] = 0;
}

static size_t party_named(struct store_ladder *l, str name)
{
	char label[LADDER_LABEL + 1];

	copy_plain(name, label, sizeof(label));
	for (size_t i = 0; i < l->party_n; i++)
		if (strcmp(l->parties[i].label, label) == 0)
			return i;
	if (l->party_n == LADDER_PARTIES) {
		strcpy(l->parties[LADDER_PARTIES - 1].label, "others");
		return LADDER_PARTIES - 1;
	}
	strcpy(l->parties[l->party_n].label, label);
	return l->party_n++;
}

static bool is_there(const struct addr *known, const struct addr *seen)
{
	return addr_eq(known, seen) || (addr_is_any(known) && known->port == seen->port && addr_is_loopback(seen));
}

/* The service at an address; NULL: none that we know. */
static const char *service_at(const struct store_ladder *l, const struct addr *addr)
{
	for (size_t i = 0; i < l->place_n; i++)
		if (is_there(&l->places[i].addr, addr))
			return l->places[i].label;
	return NULL;
}

static void learn(struct store_ladder *l, const struct trace_record *r)
{
	if (r->local.port == 0 || service_at(l, &r->local) || l->place_n == sizeof(l->places) / sizeof(l->places[0]))
		return;
	l->places[l->place_n].addr = r->local;
	copy_plain(r->service, l->places[l->place_n++].label, sizeof(l->places[0].label));
}

static size_t far_party(struct store_ladder *l, const struct trace_record *r)
{
	char text[ADDR_TEXT_MAX];
	const char *service;

	if (r->peer.n)
		return party_named(l, r->peer);
	if (!addr_is_set(&r->remote))
		return party_named(l, STR("?"));
	service = service_at(l, &r->remote);
	return party_named(l, str_from(service ? service : addr_text(&r->remote, text)));
}

/* The two ends; who speaks first has the column further left. */
static void find_ends(struct store_ladder *l, const struct trace_record *r, size_t *from, size_t *to)
{
	learn(l, r);
	if (r->way == TRACE_IN) {
		*from = far_party(l, r);
		*to = party_named(l, r->service);
	} else {
		*from = party_named(l, r->service);
		*to = far_party(l, r);
	}
}

void store_ladder_meet(struct store_ladder *l, const struct trace_record *rows, size_t n)
{
	size_t from, to;

	for (size_t i = 0; i < n; i++)
		learn(l, &rows[i]);
	for (size_t i = 0; i < n; i++)
		find_ends(l, &rows[i], &from, &to);
}

static size_t width_of(const struct store_ladder *l)
{
	size_t width = WIDTH_MIN;

	for (size_t i = 0; i < l->party_n; i++)
		if (strlen(l->parties[i].label) + 2 > width)
			width = strlen(l->parties[i].label) + 2;
	return width;
}

static void put_line(char *line, size_t n, struct buf *out)
{
	while (n > 0 && line[n - 1] == ' ')
		n--;
	buf_put_bytes(out, line, n);
}

static void draw_heading(struct store_ladder *l, struct buf *out)
{
	char line[LINE_MAX];
	size_t width = width_of(l);

	if (l->drawn_n > 0)
		buf_put_char(out, '\n');
	memset(line, ' ', sizeof(line));
	for (size_t i = 0; i < l->party_n; i++) {
		size_t n = strlen(l->parties[i].label);
		memcpy(line + LEFT + i * width + (width - n) / 2, l->parties[i].label, n);
	}
	put_line(line, LEFT + l->party_n * width, out);
	buf_put_char(out, '\n');
	l->drawn_n = l->party_n;
}

/* "INVITE sdp", "180 Ringing": what stands on the arrow. */
static void write_what(const struct trace_record *r, struct buf *out)
{
	str rest = r->start, word;

	if (str_take(&rest, STR("SIP/2.0 ")))
		buf_put(out, str_head(str_trim(rest), 60));
	else if (str_ends(rest, STR(" SIP/2.0")) && str_split(rest, ' ', &word, &rest))
		buf_put(out, str_head(word, 60));
	else
		buf_put(out, str_head(str_trim(rest), 60));
	if (str_find(r->message, STR("application/sdp")) < r->message.n)
		buf_put(out, STR(" sdp"));
}

static void draw_arrow(char *line, size_t from, size_t to, str what)
{
	size_t left = from < to ? from : to, right = from < to ? to : from;
	size_t room = right - left - 1;
	char plain[100];

	memset(line + left + 1, '-', room);
	if (from < to)
		line[to - 1] = '>';
	else
		line[to + 1] = '<';
	if (what.n > room - 4)
		what.n = room - 4;
	copy_plain(what, plain, sizeof(plain));
	size_t n = strlen(plain);
	memcpy(line + left + 1 + (room - n) / 2, plain, n);
}

/* A message from a party to itself, and between two that share the last column. */
static void draw_loop(char *line, size_t at, str what)
{
	char plain[WIDTH_MIN - 4];

	copy_plain(what, plain, sizeof(plain));
	line[at] = '@';
	memcpy(line + at + 2, plain, strlen(plain));
}

static size_t call_number(struct store_ladder *l, str call_id, bool *first)
{
	uint64_t hash = str_hash(call_id, hash_key);
	size_t i = 0;

	while (i < l->call_n && l->calls[i] != hash)
		i++;
	*first = i == l->call_n;
	if (i == sizeof(l->calls) / sizeof(l->calls[0])) {
		*first = false;
		return 0;
	}
	l->calls[i] = hash;
	l->call_n += *first;
	return i + 1;
}

/* "  tls 1.3 [1]"; the number stands for the Call-ID, which is written out once. */
static void write_margin(struct store_ladder *l, const struct trace_record *r, struct buf *out)
{
	bool first;

	buf_put_z(out, "  ");
	if (r->secure.n) {
		record_write_plain(r->secure, out);
	} else {
		str name = transport_name(r->transport);
		for (size_t i = 0; i < name.n; i++)
			buf_put_char(out, str_lower(name.p[i]));
	}
	if (r->call_id.n == 0)
		return;
	size_t number = call_number(l, r->call_id, &first);
	if (number)
		buf_printf(out, " [%zu]", number);
	if (first) {
		buf_put_z(out, " Call-ID ");
		record_write_plain(r->call_id, out);
	}
}

static void write_times(struct store_ladder *l, usec at, char *line)
{
	struct buf b;

	buf_init(&b, line, LEFT);
	if (l->start == 0)
		l->start = at;
	store_date_write_clock(at, &b);
	double since = (double)(at - l->start) / (double)USEC_PER_SEC;
	buf_printf(&b, " %8.3f", since < 99999 ? since : 99999.0);
	line[b.n] = ' ';
}

/* Our services record what they say to one another at both ends: the second is passed over. */
static bool is_other_end(struct store_ladder *l, const struct trace_record *r, size_t from, size_t to)
{
	static const size_t open_n = sizeof(l->open) / sizeof(l->open[0]);
	uint64_t what = str_hash(r->start, hash_key) ^ 3 * str_hash(r->cseq, hash_key) ^
			7 * str_hash(r->call_id, hash_key) ^ (from << 8 | to);

	for (size_t i = 0; i < open_n; i++) {
		if (l->open[i].way && l->open[i].what == what && l->open[i].way != r->way) {
			l->open[i].way = 0;
			return true;
		}
	}
	l->open[l->open_at].what = what;
	l->open[l->open_at].way = r->way;
	l->open_at = (l->open_at + 1) % open_n;
	return false;
}

static void write_message(str message, struct buf *out)
{
	str line;

	while (message.n > 0) {
		str_split(message, '\n', &line, &message);
		if (str_ends(line, STR("\r")))
			line.n--;
		buf_put_z(out, "    ");
		record_write_plain(line, out);
		buf_put_char(out, '\n');
	}
	buf_put_char(out, '\n');
}

void store_ladder_draw(struct store_ladder *l, const struct trace_record *r, struct buf *out)
{
	char line[LINE_MAX], storage[100];
	size_t from, to;
	struct buf what;

	find_ends(l, r, &from, &to);
	if (is_other_end(l, r, from, to))
		return;
	if (l->party_n > l->drawn_n)
		draw_heading(l, out);
	size_t width = width_of(l), middle = LEFT + width / 2;
	memset(line, ' ', sizeof(line));
	write_times(l, r->at, line);
	for (size_t i = 0; i < l->party_n; i++)
		line[middle + i * width] = '|';
	buf_init(&what, storage, sizeof(storage));
	write_what(r, &what);
	if (from == to)
		draw_loop(line, middle + from * width, buf_str(&what));
	else
		draw_arrow(line, middle + from * width, middle + to * width, buf_str(&what));
	put_line(line, LEFT + l->party_n * width, out);
	write_margin(l, r, out);
	buf_put_char(out, '\n');
	if (l->messages)
		write_message(r->message, out);
}
