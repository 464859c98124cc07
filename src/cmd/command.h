/*
 * cmd/command.h - one subcommand of `tandem`, as main, help and the manual see it.
 *
 * Each subcommand is one file that defines one struct command and lists it in main.c.
 */
#ifndef CMD_COMMAND_H
#define CMD_COMMAND_H

#include "base/conf.h"

/* sysexits.h, the ones we use; 0 is success, 1 a plain "no" (a call that was not answered). */
enum exit_code {
	EXIT_OK = 0,
	EXIT_NO = 1,
	EXIT_USAGE = 64,       /* a wrong setting or word */
	EXIT_DATA = 65,        /* a file that we were given is not what it should be */
	EXIT_NO_INPUT = 66,    /* a file that we were given is not there */
	EXIT_NO_USER = 67,     /* unknown user, or wrong password */
	EXIT_NO_HOST = 68,     /* nobody answers there */
	EXIT_UNAVAILABLE = 69, /* something we need is missing or refused */
	EXIT_SOFTWARE = 70,    /* our own mistake */
	EXIT_OS = 71,          /* the system said no */
	EXIT_CANT_CREATE = 73, /* a file could not be written */
	EXIT_IO = 74,          /* reading or writing failed */
	EXIT_TEMPORARY = 75,   /* busy or locked: again later */
	EXIT_NO_PERMISSION = 77,
	EXIT_CONFIG = 78,
};

struct command {
	const char *name;
	const char *words;   /* what follows the settings: "user add|list|remove|import"; NULL: nothing */
	const char *summary; /* one line, no full stop */
	const char *text;    /* more, in whole sentences, for help and manual; NULL: none */
	const struct conf_setting *settings;
	size_t setting_n;
	int (*run)(const struct command *, int argc, char **argv); /* without program and subcommand; an exit_code */
};

/* Reads the settings; on a mistake says so on standard error ("tandem serve: --workers: ...") and
 * answers false: the caller returns EXIT_USAGE. `words` may be NULL where the command takes none
 * (then any is a mistake). */
MUST_CHECK bool command_settings(const struct command *, int argc, char **argv, void *out, struct conf_words *words);

/* "tandem NAME: text" on standard error. */
void command_say(const struct command *, const char *format, ...) PRINTF_LIKE(2, 3);

/* All subcommands in the order of `tandem help`, ended by NULL (main.c). */
extern const struct command *const commands[];

#endif
