/* cmd/route.c - `tandem route FROM TO`: what the exchange would do with a call, and why, without placing it. */
#include "base/civil.h"
#include "cmd/home.h"
#include "cmd/serve.h"
#include "connect/extensions.h"
#include "crypt/random.h"
#include "crypt/secret.h"
#include "io/driver.h"
#include "io/keeper_line.h"
#include "io/zone.h"
#include "pbx/rehearsal.h"
#include "store/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct route_settings {
	str config, method, at, as;
	struct addr source;
	bool json;
};

#define FIELD(name) offsetof(struct route_settings, name)

static const struct conf_setting route_table[] = {
	{ "config", CONF_PATH, FIELD(config), .value = "FILE",
	  .meaning = "The file of settings that `tandem serve` runs with; others of its settings stand behind --." },
	{ "method", CONF_TEXT, FIELD(method), "INVITE", .value = "METHOD",
	  .meaning = "What is asked for: INVITE is a call." },
	{ "source", CONF_ADDR, FIELD(source), "127.0.0.1:5060", .min = 5060, .value = "ADDR[:PORT]",
	  .meaning = "Where the request comes from." },
	{ "as", CONF_TEXT, FIELD(as), .value = "NAME",
	  .meaning = "The account whose password is given, such as the trunk's; without it, FROM's own where it has "
		     "one." },
	{ "at", CONF_TEXT, FIELD(at), .value = "\"2026-11-23 15:04\"",
	  .meaning = "When, in the time of this machine, for rules that look at the time; without it, now." },
	{ "json", CONF_FLAG, FIELD(json), .meaning = "One JSON object a step." },
};

struct route {
	const struct command *command;
	const struct route_settings *settings;
	struct serve *serve;
	struct clock clock;
	struct home home;
	struct keeper_line line;
	struct rng rng;
	const char *topic; /* of the last line */
	struct buf out;
};

static void hear(void *self, const char *topic, str text)
{
	struct route *r = self;

	buf_reset(&r->out);
	if (r->settings->json) {
		buf_printf(&r->out, "{\"topic\":\"%s\",\"text\":", topic);
		record_write_json_text(text, &r->out);
		buf_put_z(&r->out, "}\n");
	} else {
		buf_printf(&r->out, "%-9s " STR_FMT "\n", r->topic && strcmp(r->topic, topic) == 0 ? "" : topic,
			   STR_ARG(text));
	}
	r->topic = topic;
	fwrite(r->out.p, 1, r->out.n, stdout);
}

/* "101", "101@x.example" and whole URIs. */
static void write_uri(str word, str domain, struct buf *out)
{
	if (!str_starts_nocase(word, STR("sip:")) && !str_starts_nocase(word, STR("sips:")) &&
	    !str_starts_nocase(word, STR("tel:")))
		buf_put_z(out, "sip:");
	buf_put(out, word);
	if (str_find_char(word, '@') == word.n && !str_starts_nocase(word, STR("sip")) &&
	    !str_starts_nocase(word, STR("tel:"))) {
		buf_put_char(out, '@');
		buf_put(out, domain);
	}
	buf_put_char(out, '\0');
}

static bool read_time(struct route *r, usec *out)
{
	char name_text[200], rule_text[200];
	struct civil_zone zone = CIVIL_UTC;
	struct buf name, rule;
	struct civil_time t;

	*out = 0;
	if (!r->settings->at.n)
		return true;
	if (civil_parse(r->settings->at, &t)) {
		command_say(r->command, "--at: \"" STR_FMT "\" is no time, such as \"2026-11-23 15:04\"",
			    STR_ARG(r->settings->at));
		return false;
	}
	buf_init(&name, name_text, sizeof(name_text));
	buf_init(&rule, rule_text, sizeof(rule_text));
	zone_here(&name, &rule);
	if (civil_zone_parse(buf_str(&rule), &zone))
		zone = CIVIL_UTC;
	*out = civil_usec(&zone, &t);
	return true;
}

/* As `tandem serve` would have them, but nothing is bound. */
static size_t describe_listeners(const struct listen_list *list, struct pbx_listener *out)
{
	for (size_t i = 0; i < list->n; i++) {
		out[i] = (struct pbx_listener){ .transport = list->at[i].transport,
						.local = list->at[i].addr,
						.tls = 1 };
		if (!out[i].local.port)
			out[i].local.port = 5060;
	}
	return list->n;
}

static int rehearse(struct route *r, const struct pbx_rehearsal_setup *setup)
{
	struct pbx_rehearsal *rehearsal = pbx_rehearsal_new(setup);
	struct host_service service;
	enum err err = ERR_MEMORY;
	int status = 0;

	r->line.keeper = r->home.keeper;
	r->line.driver = driver_new(&(struct driver_setup){ .clock = &r->clock,
							    .thread_n = 1,
							    .keeper = keeper_line(&r->line),
							    .dns = serve_dns(r->serve),
							    .signals = true });
	if (rehearsal && r->line.driver) {
		service = pbx_rehearsal_service(rehearsal);
		driver_add(r->line.driver, 0, &service, DRIVER_LEADS);
		err = driver_run(r->line.driver);
		status = pbx_rehearsal_status(rehearsal);
	}
	home_close(&r->home);
	driver_free(r->line.driver);
	pbx_rehearsal_free(rehearsal);
	if (err) {
		command_say(r->command, "%s", err_text(err));
		return EXIT_OS;
	}
	return status >= 400 ? EXIT_NO : EXIT_OK;
}

static void say_asked(struct route *r, const char *from, const char *to)
{
	char text[1200];

	snprintf(text, sizeof(text), STR_FMT " %s from %s", STR_ARG(r->settings->method), to, from);
	hear(r, "asked", str_from(text));
}

/* GRUUs are read with it. Where there is none yet, none has been given out. */
static void read_key(struct route *r, uint8_t key[PBX_KEY_N])
{
	char text[400];
	struct buf state, why;

	buf_init(&why, text, sizeof(text));
	buf_init_grow(&state, 4096);
	rng_fill(&r->rng, key, PBX_KEY_N);
	if (!home_state(&r->home, "pbx", "key", &state, &why) && state.n == PBX_KEY_N)
		memcpy(key, state.p, PBX_KEY_N);
	if (state.n)
		secret_wipe(state.p, state.n);
	buf_free(&state);
}

/* Whoever only asks makes none. Where one cannot look, opening it says why. */
static bool has_store(str data)
{
	char path[HOME_PATH_MAX + 16];
	struct buf b;

	buf_init(&b, path, sizeof(path));
	buf_printf(&b, STR_FMT "/tandem.db%c", STR_ARG(data), '\0');
	return !buf_ok(&b) || access(path, F_OK) == 0 || errno != ENOENT;
}

/* As pbx_config.extension. Those that run have a port; it does not matter here. */
static bool extension(void *self, str name, struct buf *uri)
{
	(void)self;
	if (!extensions_know(name))
		return false;
	buf_printf(uri, "sip:" STR_FMT "@127.0.0.1;transport=udp", STR_ARG(name));
	return true;
}

static int prepare(struct route *r, const struct conf_words *words)
{
	static const char *const notes[] = {
		"how many calls count against limits now is not known here, nor which connections "
		"phones have opened"
	};
	char from_text[500], to_text[500], request[3000], why_text[900];
	struct pbx_listener listeners[LISTEN_MAX];
	struct pbx_rehearsal_setup setup = {
		.config = pbx_config_default(), .source = r->settings->source, .hear = hear, .self = r
	};
	struct buf from, to, out, why;

	serve_config(r->serve, &setup.config);
	buf_init(&from, from_text, sizeof(from_text));
	buf_init(&to, to_text, sizeof(to_text));
	buf_init(&out, request, sizeof(request));
	buf_init(&why, why_text, sizeof(why_text));
	write_uri(words->word[0], setup.config.domain, &from);
	write_uri(words->word[1], setup.config.domain, &to);
	if (!buf_ok(&from) || !buf_ok(&to) ||
	    pbx_rehearsal_request(r->settings->method, str_from(from_text), str_from(to_text), &setup.source, &out)) {
		command_say(r->command, "FROM and TO are users (101), USER@DOMAIN, or SIP or tel URIs");
		return EXIT_USAGE;
	}
	setup.request = buf_str(&out);
	if (!read_time(r, &setup.at))
		return EXIT_USAGE;
	if (!has_store(serve_data(r->serve))) {
		command_say(r->command, "--data: there is no store in " STR_FMT, STR_ARG(serve_data(r->serve)));
		return EXIT_NO_INPUT;
	}
	enum err err = home_open(&r->home, serve_data(r->serve), 0, &r->clock, NULL, &why);
	if (err) {
		command_say(r->command, "--data: " STR_FMT, STR_ARG(buf_str(&why)));
		return err == ERR_REFUSED ? EXIT_NO_PERMISSION : EXIT_UNAVAILABLE;
	}
	int code = serve_check_accounts(r->serve, r->home.keeper, clock_now(&r->clock));
	if (code) {
		home_close(&r->home);
		return code;
	}
	setup.config.rng = &r->rng;
	setup.config.tls_out = 1;
	setup.config.extension = serve_has_extensions(r->serve) ? extension : NULL;
	setup.config.explain_as = r->settings->as;
	setup.config.listeners = listeners;
	setup.config.listener_n = describe_listeners(serve_listen(r->serve), listeners);
	setup.config.policy = serve_policy(r->serve, &why);
	read_key(r, setup.config.key);
	say_asked(r, from_text, to_text);
	code = rehearse(r, &setup);
	hear(r, "note", str_from(notes[0]));
	return code;
}

static int route_run(const struct command *self, int argc, char **argv)
{
	struct route_settings settings = { .json = false };
	struct route r = { .command = self, .settings = &settings };
	char config[HOME_PATH_MAX + 16] = "--config=";
	char *args[CONF_WORDS_MAX + 2];
	struct conf_words words;
	int code = EXIT_USAGE, own = 0, n = 0;

	while (own < argc && strcmp(argv[own], "--") != 0)
		own++;
	if (!command_settings(self, own, argv, &settings, &words)) {
		command_say(self,
			    "settings of serve stand behind --: tandem route FROM TO -- --data DIR --domain NAME");
		return EXIT_USAGE;
	}
	if (words.n != 2) {
		command_say(self, "FROM and TO: who calls whom? (tandem help route)");
		return EXIT_USAGE;
	}
	if (settings.config.n) {
		if (!str_copy_z(settings.config, config + 9, HOME_PATH_MAX)) {
			command_say(self, "--config: the path is too long");
			return EXIT_USAGE;
		}
		args[n++] = config;
	}
	for (int i = own + 1; i < argc && n < CONF_WORDS_MAX; i++)
		args[n++] = argv[i];
	r.serve = serve_read(self, n, args, &code);
	if (!r.serve)
		return code;
	buf_init_grow(&r.out, 65536);
	random_stream(&r.rng);
	clock_start(&r.clock);
	code = prepare(&r, &words);
	buf_free(&r.out);
	serve_free(r.serve);
	return fflush(stdout) ? EXIT_IO : code;
}

extern const struct command cmd_route;
const struct command cmd_route = {
	.name = "route",
	.words = "FROM TO [-- settings of serve]",
	.summary = "what would become of a call, and why, without placing it",
	.text = "Goes through everything that `tandem serve` would do with it: who calls, where to, the rules one by "
		"one, "
		"contacts in the order in which they ring, what the name servers say, and what would be sent where. "
		"Nothing is sent and nothing is changed.\n"
		"Reads the same settings (--config FILE, or behind --) and the same folder, also while the server "
		"runs. "
		"Exit codes: 0 it would be sent on or redirected, 1 it would be refused, else as of serve.",
	.settings = route_table,
	.setting_n = sizeof(route_table) / sizeof(*route_table),
	.run = route_run,
};
