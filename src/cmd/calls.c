/* cmd/calls.c - `tandem calls`: what is left of the newest calls. */
#include "cmd/inquiry.h"
#include "store/call_report.h"

struct calls_settings {
	str data;
	int64_t last;
	bool json;
};

static const struct conf_setting calls_table[] = {
	INQUIRY_DATA(offsetof(struct calls_settings, data)),
	{ "last", CONF_NUMBER, offsetof(struct calls_settings, last), .fallback = "20", .min = 1,
	  .max = KEEPER_ROWS_MAX, .meaning = "So many of the newest calls." },
	{ "json", CONF_FLAG, offsetof(struct calls_settings, json),
	  .meaning = "One JSON object a line and call; times are microseconds since 1970." },
};

#define TEXT_MAX (64 * 1024 * 1024)

static void write_calls(const struct keeper_answer *answer, bool json, struct buf *out)
{
	for (size_t at = 0, n; at < answer->n; at += n) {
		n = store_call_report_session(answer->calls + at, answer->n - at);
		if (json)
			store_call_report_json(answer->calls + at, n, out);
		else
			store_call_report_text(answer->calls + at, n, out);
		if (!json && at + n < answer->n)
			buf_put_char(out, '\n');
	}
}

static void show_calls(struct inquiry *q, const struct calls_settings *s, str session)
{
	struct call_record of = { .session = session };
	struct buf out;

	struct keeper_answer *answer = inquiry_ask(
		q, (struct keeper_ask){ .kind = KEEPER_CALL_LIST, .calls = &of, .n = 1, .limit = (uint32_t)s->last });
	if (!answer)
		return;
	buf_init_grow(&out, TEXT_MAX);
	write_calls(answer, s->json, &out);
	inquiry_print(q, &out);
	if (session.n && answer->n == 0)
		inquiry_fail(q, EXIT_NO, "there is no session " STR_FMT, STR_ARG(session));
	buf_free(&out);
	keeper_answer_free(answer);
}

static int calls_run(const struct command *self, int argc, char **argv)
{
	struct calls_settings s = { .json = false };
	struct conf_words words;
	struct inquiry q;

	if (!command_settings(self, argc, argv, &s, &words))
		return EXIT_USAGE;
	if (words.n > 1) {
		command_say(self, "one SESSION at most");
		return EXIT_USAGE;
	}
	if (inquiry_open(&q, self, s.data, false)) {
		show_calls(&q, &s, words.n ? words.word[0] : STR_NONE);
		inquiry_close(&q);
	}
	return q.code;
}

extern const struct command cmd_calls;
const struct command cmd_calls = {
	.name = "calls",
	.words = "[SESSION]",
	.summary = "who called whom, when, how and why it ended",
	.text = "The newest calls, one block each, the newest last: the parties, the moments (UTC), and each leg as "
		"each part of\n"
		"the system saw it with its codec, security and path. May be asked while the system runs.",
	.settings = calls_table,
	.setting_n = sizeof(calls_table) / sizeof(*calls_table),
	.run = calls_run,
};
