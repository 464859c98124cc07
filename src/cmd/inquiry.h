/*
 * cmd/inquiry.h - a command that asks the store and prints: admin, calls, trace.
 *
 * May run while a daemon has the same folder open. The first failure is said on
 * standard error and kept as the exit code.
 */
#ifndef CMD_INQUIRY_H
#define CMD_INQUIRY_H

#include "cmd/command.h"
#include "cmd/home.h"

struct inquiry {
	const struct command *command;
	struct clock clock;
	struct home home;
	int code; /* EXIT_OK until something fails */
};

/* The line of a settings table for the folder; `at` is the offset of a str. */
#define INQUIRY_DATA(at)                                                                                               \
	{                                                                                                              \
		"data", CONF_PATH, (at), .required = true, .value = "DIR",                                             \
					 .meaning = "The folder that everything is kept in."                           \
	}

/* Opens the store in `dir`; with `make`, makes it where it is not there. false: ->code says how to exit. */
MUST_CHECK bool inquiry_open(struct inquiry *, const struct command *, str dir, bool make);
void inquiry_close(struct inquiry *);

/* Asks and waits; the time is filled in. NULL: it failed. */
struct keeper_answer *inquiry_ask(struct inquiry *, struct keeper_ask);
/* The same where only the success counts. */
bool inquiry_tell(struct inquiry *, struct keeper_ask);
/* Says why, keeps the code; returns false. */
bool inquiry_fail(struct inquiry *, int code, const char *format, ...) PRINTF_LIKE(3, 4);
/* Writes the buf to standard output and empties it. false: it could not. */
bool inquiry_print(struct inquiry *, struct buf *);

/* What a failure of the store means to who called us. */
int inquiry_code(enum err);

#endif
