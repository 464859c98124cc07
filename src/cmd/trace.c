/* cmd/trace.c - `tandem trace`: the ladder of a call, past or live, from the system's own records. */
#include "cmd/inquiry.h"
#include "pbx/tracer.h"
#include "store/date.h"
#include "store/ladder.h"
#include "store/pcapng.h"
#include "store/trace_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct trace_settings {
	str data;
	bool last, json, messages, follow;
	str call, user, method, status, source, pcapng;
};

static const struct conf_setting trace_table[] = {
	INQUIRY_DATA(offsetof(struct trace_settings, data)),
	{ "last", CONF_FLAG, offsetof(struct trace_settings, last), .meaning = "The newest call." },
	{ "messages", CONF_FLAG, offsetof(struct trace_settings, messages),
	  .meaning = "Each message in full, below its arrow (in JSON: as \"text\")." },
	{ "follow", CONF_FLAG, offsetof(struct trace_settings, follow),
	  .meaning = "Go on with what comes, until Ctrl-C; without a call, everything from now on that the filters let "
		     "through. A server that runs on the folder begins to keep that within a second or two, also where "
		     "it was "
		     "started without --trace." },
	{ "call", CONF_TEXT, offsetof(struct trace_settings, call), .value = "ID",
	  .meaning = "Only messages with this Call-ID or Session-ID." },
	{ "user", CONF_TEXT, offsetof(struct trace_settings, user), .value = "NAME",
	  .meaning = "Only messages with this user in From, To or the Request-URI." },
	{ "method", CONF_TEXT, offsetof(struct trace_settings, method), .value = "METHOD",
	  .meaning = "Only requests of this method, and the answers to them." },
	{ "status", CONF_TEXT, offsetof(struct trace_settings, status), .value = "CODE",
	  .meaning = "Only answers with this status: 486, 4xx, 500-599." },
	{ "source", CONF_TEXT, offsetof(struct trace_settings, source), .value = "ADDR[/LEN]",
	  .meaning = "Only what comes from there and goes there." },
	{ "pcapng", CONF_PATH, offsetof(struct trace_settings, pcapng), .value = "FILE",
	  .meaning = "Write the messages as a capture file for Wireshark instead, each as a UDP datagram; a new file, "
		     "\"-\" is "
		     "standard output." },
	{ "json", CONF_FLAG, offsetof(struct trace_settings, json), .meaning = "One JSON object a line and message." },
};

/* The filters, as trace_filter_set calls them. */
static const char *const filter_names[] = { "call", "user", "method", "status", "source" };
#define FILTER_N (sizeof(filter_names) / sizeof(filter_names[0]))

#define TEXT_MAX  (256 * 1024 * 1024)
#define ROWS_MAX  100000 /* messages of one trace that are drawn */
#define FOLLOW_MS 200
#define WISH_SPAN (10 * 60 * USEC_PER_SEC) /* a server follows for us so long after we last said so */

/* What is being shown. */
struct trace {
	struct inquiry q;
	const struct trace_settings *settings;
	struct trace_filter filter;
	FILE *file;    /* of --pcapng */
	char name[64]; /* of our wish to follow, in the store; empty: none */
	usec renew_at;
	struct arena arena;
	struct trace_record of; /* session, or call_id, or neither: everything */
	int64_t after;
	struct store_ladder ladder;
	struct buf out;
};

static int by_time(const void *a, const void *b)
{
	const struct trace_record *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static void write_json(const struct trace_record *row, bool messages, struct buf *out)
{
	struct trace_record bare = *row;

	bare.message = STR_NONE; /* bytes would come as hexadecimal digits */
	buf_put_char(out, '{');
	record_write_json_fields(&trace_record_kind, &bare, out);
	if (messages) {
		buf_put_z(out, ",\"text\":");
		record_write_json_text(row->message, out);
	}
	buf_put_z(out, "}\n");
}

static bool fits(struct trace *t, const struct trace_record *row)
{
	struct trace_facts facts = { .call_id = row->call_id, .session = row->session, .remote = row->remote };
	struct sip_msg m;

	arena_reset(&t->arena);
	enum err err = sip_msg_parse(&m, &t->arena, row->message);
	if (err == ERR_NONE || err == ERR_SYNTAX)
		pbx_trace_facts(&m, row->session, &row->remote, &facts);
	return trace_filter_fits(&t->filter, &facts);
}

static bool print_file(struct trace *t)
{
	bool whole = buf_ok(&t->out) && fwrite(t->out.p ? t->out.p : "", 1, t->out.n, t->file) == t->out.n &&
		     fflush(t->file) == 0;

	buf_reset(&t->out);
	return whole || inquiry_fail(&t->q, EXIT_IO, "--pcapng: the file cannot be written");
}

static bool show(struct trace *t, struct trace_record *rows, size_t n)
{
	size_t left = 0;

	for (size_t i = 0; i < n; i++)
		if (fits(t, &rows[i]))
			rows[left++] = rows[i];
	n = left;
	qsort(rows, n, sizeof(*rows), by_time); /* batches of several threads arrive out of order */
	store_ladder_meet(&t->ladder, rows, n);
	for (size_t i = 0; i < n; i++) {
		if (t->file)
			store_pcapng_packet(&rows[i], &t->out);
		else if (t->settings->json)
			write_json(&rows[i], t->settings->messages, &t->out);
		else
			store_ladder_draw(&t->ladder, &rows[i], &t->out);
	}
	return t->file ? print_file(t) : inquiry_print(&t->q, &t->out);
}

static struct keeper_answer *next_page(struct trace *t)
{
	struct keeper_answer *page = inquiry_ask(
		&t->q, (struct keeper_ask){ .kind = KEEPER_TRACE_LIST, .traces = &t->of, .n = 1, .after = t->after });

	if (page && page->n > 0)
		t->after = page->traces[page->n - 1].id;
	return page;
}

/* All pages there are now, shown together so that they can be put in order. false: it failed. */
static bool show_all(struct trace *t, size_t *shown)
{
	struct keeper_answer **pages = NULL;
	struct trace_record *rows = NULL;
	size_t page_n = 0, n = 0;
	bool more = true, ok = true;

	while (ok && more && n < ROWS_MAX) {
		struct keeper_answer *page = next_page(t);
		struct keeper_answer **grown = page ? realloc(pages, (page_n + 1) * sizeof(*pages)) : NULL;
		struct trace_record *longer = grown ? realloc(rows, (n + page->n + 1) * sizeof(*rows)) : NULL;
		pages = grown ? grown : pages;
		rows = longer ? longer : rows;
		ok = page && grown && longer;
		if (!ok) {
			keeper_answer_free(page);
			break;
		}
		pages[page_n++] = page;
		if (page->n > 0)
			memcpy(rows + n, page->traces, page->n * sizeof(*rows));
		n += page->n;
		more = page->more;
	}
	if (ok && n > 0)
		ok = show(t, rows, n);
	while (page_n > 0)
		keeper_answer_free(pages[--page_n]);
	free(pages);
	free(rows);
	*shown = n;
	return ok;
}

/* ---- telling a server that runs what to keep ---- */

static volatile sig_atomic_t ended; /* of a signal handler */

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

/* The value "" takes it back. A wish ends by itself: who is killed cannot take it back. */
static bool put_wish(struct trace *t, str value)
{
	struct setting_record wish = { .name = str_from(t->name), .value = value };

	return inquiry_tell(&t->q, (struct keeper_ask){ .kind = KEEPER_SETTING_PUT, .settings = &wish, .n = 1 });
}

static bool renew_wish(struct trace *t)
{
	struct trace_filter f = t->filter;
	char text[TRACE_FILTER_MAX];
	usec now = clock_now(&t->q.clock);
	struct buf words;

	if (now < t->renew_at)
		return true;
	t->renew_at = now + WISH_SPAN / 2;
	f.until = (uint64_t)(now + WISH_SPAN);
	if (t->of.call_id.n || t->of.session.n)
		f.call = t->of.call_id.n ? t->of.call_id : t->of.session;
	buf_init(&words, text, sizeof(text));
	trace_filter_write(&f, &words);
	if (!buf_ok(&words))
		return inquiry_fail(&t->q, EXIT_USAGE, "the filters are too long");
	return put_wish(t, buf_str(&words));
}

static bool make_wish(struct trace *t)
{
	struct sigaction action = { .sa_handler = end };
	uint64_t number;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	rng_fill(&t->q.home.rng, &number, sizeof(number));
	snprintf(t->name, sizeof(t->name), TRACE_FOLLOW "%016llx", (unsigned long long)number);
	return renew_wish(t);
}

static bool follow(struct trace *t)
{
	const struct timespec pause = { .tv_nsec = FOLLOW_MS * 1000000L };
	size_t shown;

	if (!make_wish(t))
		return false;
	while (!ended) { /* or until nobody reads on */
		nanosleep(&pause, NULL);
		if (!renew_wish(t) || !show_all(t, &shown))
			break;
	}
	int code = t->q.code;
	(void)put_wish(t, STR_NONE);
	t->q.code = code;
	return code == EXIT_OK || code == EXIT_IO;
}

static struct keeper_answer *sessions(struct trace *t, uint32_t limit)
{
	return inquiry_ask(&t->q, (struct keeper_ask){ .kind = KEEPER_TRACE_SESSIONS, .limit = limit });
}

static int list_sessions(struct trace *t)
{
	struct keeper_answer *answer = sessions(t, 20);

	for (size_t i = 0; answer && i < answer->n; i++) {
		const struct trace_record *r = &answer->traces[i];
		if (t->settings->json) {
			write_json(r, false, &t->out);
			continue;
		}
		store_date_write(r->at, &t->out);
		str name = r->session.n ? r->session : r->call_id;
		buf_printf(&t->out, "  " STR_FMT "  " STR_FMT "\n", STR_ARG(name), STR_ARG(r->start));
	}
	if (answer)
		inquiry_print(&t->q, &t->out);
	keeper_answer_free(answer);
	return t->q.code;
}

static bool choose_last(struct trace *t, char *text, size_t cap)
{
	struct keeper_answer *answer = sessions(t, 1);
	bool found = answer && answer->n == 1;

	if (found) {
		const struct trace_record *r = &answer->traces[0];
		str name = str_head(r->session.n ? r->session : r->call_id, cap);
		memcpy(text, name.p, name.n);
		*(r->session.n ? &t->of.session : &t->of.call_id) = str_of(text, name.n);
	} else if (answer) {
		inquiry_fail(&t->q, EXIT_NO, "no call was traced yet");
	}
	keeper_answer_free(answer);
	return found;
}

/* A word may be a session or a Call-ID: whichever there is. */
static bool choose_word(struct trace *t, str word)
{
	size_t shown;

	t->of.session = word;
	if (!show_all(t, &shown))
		return false;
	if (shown > 0)
		return true;
	t->of = (struct trace_record){ .call_id = word };
	t->after = 0;
	if (!show_all(t, &shown))
		return false;
	if (shown == 0 && !t->settings->follow) {
		inquiry_fail(&t->q, EXIT_NO, "there is no session and no Call-ID " STR_FMT, STR_ARG(word));
	}
	return shown > 0 || t->settings->follow;
}

/* From now on, everything: what was there before is passed over. */
static bool skip_all(struct trace *t)
{
	for (bool more = true; more;) {
		struct keeper_answer *page = next_page(t);
		if (!page)
			return false;
		more = page->more;
		keeper_answer_free(page);
	}
	return true;
}

static bool is_filtered(const struct trace *t)
{
	const struct trace_filter *f = &t->filter;

	return f->call.n || f->user.n || f->method.n || f->status_first || addr_is_set(&f->source);
}

static bool read_filters(struct trace *t, const struct command *self, const struct trace_settings *s)
{
	const str values[FILTER_N] = { s->call, s->user, s->method, s->status, s->source };
	char text[300];
	struct buf why;

	for (size_t i = 0; i < FILTER_N; i++) {
		buf_init(&why, text, sizeof(text));
		if (!values[i].n || !trace_filter_set(&t->filter, str_from(filter_names[i]), values[i], &why))
			continue;
		command_say(self, "--" STR_FMT, STR_ARG(buf_str(&why)));
		return false;
	}
	return true;
}

static bool open_file(struct trace *t)
{
	char path[1000];
	int fd;

	if (!t->settings->pcapng.n)
		return true;
	if (str_eq(t->settings->pcapng, STR("-"))) {
		t->file = stdout;
	} else {
		fd = str_copy_z(t->settings->pcapng, path, sizeof(path))
			     ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)
			     : -1;
		t->file = fd < 0 ? NULL : fdopen(fd, "w");
	}
	if (!t->file)
		return inquiry_fail(&t->q, EXIT_CANT_CREATE, "--pcapng: " STR_FMT ": %s", STR_ARG(t->settings->pcapng),
				    errno == EEXIST ? "there is one already" : "it cannot be made");
	store_pcapng_start(&t->out);
	return print_file(t);
}

static int trace_calls(struct trace *t, const struct conf_words *words)
{
	char name[256];
	size_t shown;
	bool ok;

	if (words->n == 1)
		ok = choose_word(t, words->word[0]);
	else if (t->settings->last)
		ok = choose_last(t, name, sizeof(name)) && show_all(t, &shown);
	else if (t->settings->follow)
		ok = skip_all(t);
	else if (is_filtered(t) || t->file)
		ok = show_all(t, &shown);
	else
		return list_sessions(t);
	if (ok && t->settings->follow && follow(t))
		return EXIT_OK;
	return t->q.code;
}

static int trace_run(const struct command *self, int argc, char **argv)
{
	struct trace_settings s = { .json = false };
	struct trace t = { .settings = &s };
	struct conf_words words;

	if (!command_settings(self, argc, argv, &s, &words))
		return EXIT_USAGE;
	if (words.n > 1 || (words.n == 1 && s.last)) {
		command_say(self, "one call at a time: a SESSION, a CALL-ID or --last");
		return EXIT_USAGE;
	}
	if (!read_filters(&t, self, &s))
		return EXIT_USAGE;
	if (!inquiry_open(&t.q, self, s.data, false))
		return t.q.code;
	arena_init(&t.arena, NULL, 0, SIP_MSG_HEAP_MAX);
	buf_init_grow(&t.out, TEXT_MAX);
	store_ladder_start(&t.ladder, s.messages);
	int code = open_file(&t) ? trace_calls(&t, &words) : t.q.code;
	if (t.file && t.file != stdout && fclose(t.file) && code == EXIT_OK)
		code = EXIT_IO;
	arena_free(&t.arena);
	buf_free(&t.out);
	inquiry_close(&t.q);
	return code;
}

extern const struct command cmd_trace;
const struct command cmd_trace = {
	.name = "trace",
	.words = "[SESSION|CALL-ID]",
	.summary = "the ladder of a call, from the system's own records",
	.text = "Who sent what to whom, top to bottom, one column a party; what went over TLS or the overlay is there "
		"in clear,\n"
		"as the service saw it, without credentials. Without a call: lists the newest ones.",
	.settings = trace_table,
	.setting_n = sizeof(trace_table) / sizeof(*trace_table),
	.run = trace_run,
};
