/* cmd/help.c - `tandem help [NAME]`, `tandem help --man` and `tandem version`, all from the tables. */
#include "cmd/command.h"
#include "cmd/watch.h"

#include <stdio.h>

#define HELP_MAX 65536

struct help_settings {
	bool man, metrics;
};

static const struct conf_setting help_table[] = {
	{ "man", CONF_FLAG, offsetof(struct help_settings, man), .meaning = "Print the manual page (mdoc) instead." },
	{ "metrics", CONF_FLAG, offsetof(struct help_settings, metrics),
	  .meaning = "Print what --metrics shows, as docs/metrics.md." },
};

static int print(struct buf *b)
{
	bool whole = buf_ok(b) && fwrite(b->p, 1, b->n, stdout) == b->n && fflush(stdout) == 0;

	buf_free(b);
	return whole ? EXIT_OK : EXIT_IO;
}

static void write_overview(struct buf *b)
{
	buf_put_z(b, "tandem - a telephone system: SIP PBX, peer network and the bridge between them\n\n");
	for (size_t i = 0; commands[i]; i++)
		buf_printf(b, "  tandem %-9s %s\n", commands[i]->name, commands[i]->summary);
	buf_put_z(b, "\n`tandem help NAME` says more. The first thing to try: tandem up --demo\n");
}

static void write_command(const struct command *c, struct buf *b)
{
	buf_printf(b, "tandem %s%s%s%s - %s\n", c->name, c->setting_n ? " [settings]" : "", c->words ? " " : "",
		   c->words ? c->words : "", c->summary);
	if (c->text)
		buf_printf(b, "\n%s\n", c->text);
	if (c->setting_n)
		buf_put_char(b, '\n');
	conf_help(c->settings, c->setting_n, b);
}

static void write_manual(struct buf *b)
{
	static const struct {
		int code;
		const char *meaning;
	} exits[] = {
		{ EXIT_OK, "Done." },
		{ EXIT_NO, "A plain no: a call that was not answered, a search that found nothing." },
		{ EXIT_USAGE, "A wrong setting or word." },
		{ EXIT_DATA, "A file that was given is not what it should be." },
		{ EXIT_NO_INPUT, "A file that was given is not there." },
		{ EXIT_NO_USER, "Unknown user, or wrong password." },
		{ EXIT_NO_HOST, "Nobody answers there." },
		{ EXIT_UNAVAILABLE, "Something needed is missing or refused." },
		{ EXIT_SOFTWARE, "A mistake of the program's own." },
		{ EXIT_OS, "The system said no." },
		{ EXIT_CANT_CREATE, "A file could not be made." },
		{ EXIT_IO, "Reading or writing failed." },
		{ EXIT_TEMPORARY, "Busy or locked: again later." },
		{ EXIT_NO_PERMISSION, "Not allowed." },
		{ EXIT_CONFIG, "A configuration that cannot work." },
	};

	buf_put_z(b, ".Dd $Mdocdate$\n.Dt TANDEM 1\n.Os\n.Sh NAME\n.Nm tandem\n"
		     ".Nd a telephone system: SIP PBX, peer network and the bridge between them\n"
		     ".Sh SYNOPSIS\n.Nm\n.Ar command\n.Op settings\n.Sh DESCRIPTION\n"
		     "One program with one word for each role.\n"
		     "Settings read\n.Fl \\-name Ar value\nor\n.Fl \\-name Ns = Ns Ar value .\n");
	for (size_t i = 0; commands[i]; i++) {
		const struct command *c = commands[i];

		buf_printf(b, ".Ss tandem %s%s%s\n%s.\n", c->name, c->words ? " " : "", c->words ? c->words : "",
			   c->summary);
		if (c->text) {
			buf_put_z(b, ".Pp\n");
			conf_manual_text(c->text, b);
		}
		if (c->setting_n)
			buf_put_z(b, ".Bl -tag -width Ds\n");
		conf_manual(c->settings, c->setting_n, b);
		if (c->setting_n)
			buf_put_z(b, ".El\n");
	}
	buf_put_z(b, ".Sh EXIT STATUS\n.Bl -tag -width Ds\n");
	for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++)
		buf_printf(b, ".It %d\n%s\n", exits[i].code, exits[i].meaning);
	buf_put_z(b, ".El\n");
}

static int run_help(const struct command *self, int argc, char **argv)
{
	struct help_settings settings = { 0 };
	struct conf_words words;
	struct buf b;

	if (!command_settings(self, argc, argv, &settings, &words))
		return EXIT_USAGE;
	buf_init_grow(&b, HELP_MAX);
	if (settings.man)
		write_manual(&b);
	else if (settings.metrics)
		watch_write_manual(&b);
	else if (words.n == 0)
		write_overview(&b);
	for (size_t w = 0; w < words.n; w++) {
		size_t i = 0;

		while (commands[i] && !str_eq(str_from(commands[i]->name), words.word[w]))
			i++;
		if (!commands[i]) {
			command_say(self, "there is no `" STR_FMT "`", STR_ARG(words.word[w]));
			buf_free(&b);
			return EXIT_USAGE;
		}
		write_command(commands[i], &b);
	}
	return print(&b);
}

const struct command cmd_help = {
	.name = "help",
	.words = "[NAME]",
	.summary = "what there is, and each command's settings",
	.settings = help_table,
	.setting_n = sizeof(help_table) / sizeof(help_table[0]),
	.run = run_help,
};

static int run_version(const struct command *self, int argc, char **argv)
{
	if (!command_settings(self, argc, argv, NULL, NULL))
		return EXIT_USAGE;
	puts("tandem " TANDEM_VERSION);
	return EXIT_OK;
}

const struct command cmd_version = {
	.name = "version",
	.summary = "which version this is",
	.run = run_version,
};
