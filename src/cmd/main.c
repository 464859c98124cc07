/* cmd/main.c - `tandem WORD ...`: finds the subcommand and runs it. */
#include "cmd/command.h"

#include <stdarg.h>
#include <stdio.h>

extern const struct command cmd_admin, cmd_calls, cmd_edge, cmd_help, cmd_node, cmd_phone, cmd_route, cmd_serve,
	cmd_trace, cmd_up, cmd_version;

/* One a line, in the order of help. */
/* clang-format off */
const struct command *const commands[] = {
	&cmd_up,
	&cmd_serve,
	&cmd_route,
	&cmd_edge,
	&cmd_node,
	&cmd_phone,
	&cmd_calls,
	&cmd_trace,
	&cmd_admin,
	&cmd_help,
	&cmd_version,
	NULL,
};
/* clang-format on */

bool command_settings(const struct command *command, int argc, char **argv, void *out, struct conf_words *words)
{
	char text[400];
	struct buf why;
	struct conf_words none;
	struct conf_words *rest = words ? words : &none;

	buf_init(&why, text, sizeof(text));
	conf_defaults(command->settings, command->setting_n, out);
	if (conf_args(command->settings, command->setting_n, argc, argv, out, rest, &why) != ERR_NONE) {
		command_say(command, STR_FMT, STR_ARG(buf_str(&why)));
		return false;
	}
	if (!words && rest->n) {
		command_say(command, "what is \"" STR_FMT "\" for? (tandem help %s)", STR_ARG(rest->word[0]),
			    command->name);
		return false;
	}
	return true;
}

void command_say(const struct command *command, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "tandem %s: ", command->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

int main(int argc, char **argv)
{
	str word = argc > 1 ? str_from(argv[1]) : STR("help");

	if (str_eq(word, STR("--help")) || str_eq(word, STR("-h")))
		word = STR("help");
	if (str_eq(word, STR("--version")))
		word = STR("version");
	for (size_t i = 0; commands[i]; i++)
		if (str_eq(word, str_from(commands[i]->name)))
			return commands[i]->run(commands[i], argc > 2 ? argc - 2 : 0, argv + (argc > 2 ? 2 : argc));
	fprintf(stderr, "tandem: there is no `" STR_FMT "`; `tandem help` lists what there is\n", STR_ARG(word));
	return EXIT_USAGE;
}
