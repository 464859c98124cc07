/* cmd/inquiry.c - the store, as the command line asks it. */
#include "cmd/inquiry.h"

#include "io/file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int inquiry_code(enum err err)
{
	switch (err) {
	case ERR_NONE:
		return EXIT_OK;
	case ERR_EXISTS:
		return EXIT_NO;
	case ERR_ABSENT:
		return EXIT_NO_USER;
	case ERR_SYNTAX:
	case ERR_LIMIT:
		return EXIT_DATA;
	case ERR_BUSY:
		return EXIT_TEMPORARY;
	case ERR_REFUSED:
		return EXIT_NO_PERMISSION;
	case ERR_UNSUPPORTED:
		return EXIT_CONFIG;
	case ERR_MEMORY:
		return EXIT_OS;
	default:
		return EXIT_IO;
	}
}

bool inquiry_fail(struct inquiry *q, int code, const char *format, ...)
{
	char text[1000];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	command_say(q->command, "%s", text);
	q->code = code;
	return false;
}

bool inquiry_open(struct inquiry *q, const struct command *command, str dir, bool make)
{
	char path[HOME_PATH_MAX + 128], text[1000];
	struct buf why;

	*q = (struct inquiry){ .command = command };
	clock_start(&q->clock);
	int n = snprintf(path, sizeof(path), STR_FMT "/tandem.db", STR_ARG(dir));
	if (n >= (int)sizeof(path))
		return inquiry_fail(q, EXIT_USAGE, "--data: the path is too long");
	if (!make && !file_exists(path))
		return errno == EACCES ? inquiry_fail(q, inquiry_code(ERR_REFUSED),
						      STR_FMT ": you may not look into it", STR_ARG(dir))
				       : inquiry_fail(q, EXIT_NO_INPUT, "there is no store in " STR_FMT, STR_ARG(dir));
	buf_init(&why, text, sizeof(text));
	enum err err = home_open(&q->home, dir, 0, &q->clock, NULL, &why);
	return err == ERR_NONE ? true : inquiry_fail(q, inquiry_code(err), STR_FMT, STR_ARG(buf_str(&why)));
}

void inquiry_close(struct inquiry *q)
{
	home_close(&q->home);
}

struct keeper_answer *inquiry_ask(struct inquiry *q, struct keeper_ask model)
{
	model.now = clock_now(&q->clock);
	struct keeper_answer *answer = keeper_wait(q->home.keeper, &model);

	if (!answer)
		inquiry_fail(q, EXIT_OS, "no memory");
	else if (answer->err != ERR_NONE)
		inquiry_fail(q, inquiry_code(answer->err), "%s", answer->why[0] ? answer->why : err_text(answer->err));
	else
		return answer;
	keeper_answer_free(answer);
	return NULL;
}

bool inquiry_tell(struct inquiry *q, struct keeper_ask model)
{
	struct keeper_answer *answer = inquiry_ask(q, model);

	keeper_answer_free(answer);
	return answer != NULL;
}

bool inquiry_print(struct inquiry *q, struct buf *out)
{
	bool whole = true;

	if (!buf_ok(out)) {
		whole = inquiry_fail(q, EXIT_SOFTWARE, "the answer is too long");
	} else if (fwrite(out->p ? out->p : "", 1, out->n, stdout) != out->n || fflush(stdout) != 0) {
		q->code = EXIT_IO; /* who reads us has gone: nobody is left to be told */
		whole = false;
	}
	buf_reset(out);
	return whole;
}
