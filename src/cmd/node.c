/* cmd/node.c - `tandem node`: a member of the peer network without a phone. */
#include "cmd/identity.h"
#include "cmd/inquiry.h"
#include "cmd/network_file.h"
#include "cmd/watch.h"
#include "crypt/password.h"
#include "crypt/random.h"
#include "crypt/secret.h"
#include "io/file.h"
#include "io/log_sink.h"
#include "overlay/member.h"
#include "store/date.h"

#include <stdlib.h>

#define NAME_SETTING "node.name" /* who was last logged in on this folder */
#define NAME_MAX_N   64

struct node_settings {
	str data, network, name, password_file;
	usec patience;
	bool json;
	int64_t log, log_format;
	struct watch_settings watch;
};

#define AT(field) offsetof(struct node_settings, field)
static const struct conf_setting node_table[] = {
	INQUIRY_DATA(AT(data)),
	{ "network", CONF_PATH, AT(network), .value = "FILE",
	  .meaning = "Descriptor of the peer network (default DIR/network.json)." },
	{ "name", CONF_TEXT, AT(name), .value = "NAME",
	  .meaning = "Who on the peer network (default: who logged in on this folder last)." },
	{ "password-file", CONF_PATH, AT(password_file), .value = "FILE",
	  .meaning = "Its first line is the password; without it, login renews the certificate that is there." },
	{ "patience", CONF_SPAN, AT(patience), .fallback = "30s", .min = USEC_PER_SEC, .max = 3600 * USEC_PER_SEC,
	  .meaning = "How long login waits for servers that do not answer." },
	{ "json", CONF_FLAG, AT(json), .meaning = "status: one JSON object." },
	WATCH_METRICS(AT(watch)),
	WATCH_LOG_FORMAT(AT(log_format)),
	{ "log", CONF_CHOICE, AT(log), .fallback = "warn", .choices = "error|warn|info|debug",
	  .meaning = "How much to log on standard error." },
};
#undef AT

struct node_command {
	struct inquiry q; /* the folder and its keeper, also while the driver runs */
	struct node_settings settings;
	char name[NAME_MAX_N], owner[NAME_MAX_N + 8], password[PASSWORD_MAX];
	struct overlay_network network;
	struct log_sink sink;
	struct rng rng;
	struct keeper_line line;
	struct driver *driver;
	struct buf state;
	struct overlay_member *member;
	struct watch watch;
};

/* The name as given, or as remembered; in lower case. */
static bool choose_name(struct node_command *c)
{
	struct setting_record wanted = { .name = STR(NAME_SETTING) };
	struct keeper_answer *answer = NULL;
	str name = c->settings.name;

	if (!name.n) {
		answer = inquiry_ask(&c->q,
				     (struct keeper_ask){ .kind = KEEPER_SETTING_LIST, .settings = &wanted, .n = 1 });
		if (answer && answer->n)
			name = answer->settings[0].value;
	}
	bool ok = name.n && str_copy_z(name, c->name, sizeof(c->name));
	keeper_answer_free(answer);
	if (!ok)
		return inquiry_fail(&c->q, EXIT_USAGE, "--name: who? Nobody has logged in on this folder yet");
	for (char *p = c->name; *p; p++)
		*p = str_lower(*p);
	(void)!str_copy_z(STR("node:"), c->owner, sizeof(c->owner));
	(void)!str_copy_z(str_from(c->name), c->owner + 5, sizeof(c->owner) - 5);
	return true;
}

static bool read_network(struct node_command *c)
{
	char path[HOME_PATH_MAX + 128], text[400];
	struct buf why;
	enum err err;

	buf_init(&why, text, sizeof(text));
	if (c->settings.network.n)
		err = str_copy_z(c->settings.network, path, sizeof(path)) ? ERR_NONE : ERR_LIMIT;
	else
		err = home_path(&c->q.home, "network.json", path);
	if (!err)
		err = network_read_file(path, &c->network, &why);
	if (!err)
		return true;
	return inquiry_fail(&c->q, err == ERR_ABSENT ? EXIT_NO_INPUT : EXIT_DATA, STR_FMT, STR_ARG(buf_str(&why)));
}

static bool read_state(struct node_command *c)
{
	char text[400];
	struct buf why;

	buf_init(&why, text, sizeof(text));
	enum err err = home_state(&c->q.home, c->owner, PEER_ROAD_STATE, &c->state, &why);
	if (err && err != ERR_ABSENT)
		return inquiry_fail(&c->q, inquiry_code(err), STR_FMT, STR_ARG(buf_str(&why)));
	return true;
}

static bool make_member(struct node_command *c, bool login)
{
	struct overlay_member_setup setup = {
		.node = { .network = &c->network,
			  .name = str_from(c->name),
			  .password = str_from(c->password),
			  .state = buf_str(&c->state),
			  .login_only = login,
			  .rng = &c->rng,
			  .log = &c->sink.log },
		.owner = str_from(c->owner),
		.state_name = STR(PEER_ROAD_STATE),
		.patience = c->settings.patience,
	};

	setup.node.tls = identity_peer_tls(c->q.command, c->driver);
	if (!setup.node.tls)
		return inquiry_fail(&c->q, EXIT_UNAVAILABLE, "no TLS, no network");
	enum err err = overlay_member_new(&setup, clock_now(&c->q.clock), &c->member);
	if (!err)
		return true;
	return inquiry_fail(&c->q, err == ERR_SYNTAX ? EXIT_USAGE : EXIT_CONFIG, "%s: %s", c->name,
			    err == ERR_REFUSED  ? "this folder's device is logged in to another network"
			    : err == ERR_SYNTAX ? "this can be no name on the network"
						: err_text(err));
}

static int code_of(enum overlay_refusal refusal)
{
	switch (refusal) {
	case OVERLAY_REFUSAL_NONE:
		return EXIT_OK;
	case OVERLAY_REFUSAL_PASSWORD:
	case OVERLAY_REFUSAL_LOGGED_OUT:
	case OVERLAY_REFUSAL_EXPIRED:
		return EXIT_NO_USER;
	case OVERLAY_REFUSAL_UNREACHABLE:
		return EXIT_NO_HOST;
	case OVERLAY_REFUSAL_CLOCK:
	case OVERLAY_REFUSAL_NETWORK:
		return EXIT_CONFIG;
	default:
		return overlay_refusal_passes(refusal) ? EXIT_TEMPORARY : EXIT_UNAVAILABLE;
	}
}

static void write_until(const struct overlay_certificate *certificate, struct buf *out)
{
	store_date_write(certificate->not_after, out);
	buf_put(out, STR(" UTC"));
}

/* The descriptor stays with the device, so that no later command need be told. */
static void keep_login(struct node_command *c)
{
	struct setting_record row = { .name = STR(NAME_SETTING), .value = str_from(c->name) };
	char path[HOME_PATH_MAX + 128], text[400];
	struct buf why;

	inquiry_tell(&c->q, (struct keeper_ask){ .kind = KEEPER_SETTING_PUT, .settings = &row, .n = 1 });
	buf_init(&why, text, sizeof(text));
	if (home_path(&c->q.home, "network.json", path) == ERR_NONE && !file_exists(path) &&
	    network_write_file(path, &c->network, &why) != ERR_NONE)
		inquiry_fail(&c->q, EXIT_CANT_CREATE, STR_FMT, STR_ARG(buf_str(&why)));
}

static void conclude(struct node_command *c, bool login)
{
	struct overlay_member_status status;
	char text[200];
	struct buf out;

	overlay_member_status(c->member, &status);
	if (status.failed) {
		str why = overlay_refusal_text(status.problem);

		inquiry_fail(&c->q, code_of(status.problem), "%s: " STR_FMT, c->name, STR_ARG(why));
	} else if (status.keeper_failed || !status.kept) {
		inquiry_fail(&c->q, EXIT_IO, "%s: what must not be lost could not be kept", c->name);
	} else if (login) {
		keep_login(c);
		buf_init(&out, text, sizeof(text));
		buf_printf(&out, "%s is logged in on this device until ", c->name);
		write_until(overlay_node_certificate(overlay_member_node(c->member)), &out);
		buf_put_char(&out, '\n');
		inquiry_print(&c->q, &out);
	}
}

static bool claim(struct node_command *c)
{
	char text[1200];
	struct buf why;
	enum err err;

	buf_init(&why, text, sizeof(text));
	err = home_claim(&c->q.home, str_from(c->name), &why);
	return err == ERR_NONE || inquiry_fail(&c->q, inquiry_code(err), STR_FMT, STR_ARG(buf_str(&why)));
}

static void write_figures(void *self, struct buf *out)
{
	const struct node_command *c = self;
	struct overlay_member_figures figures;

	overlay_member_figures(c->member, &figures);
	metric_write(overlay_member_metrics, overlay_member_metric_n, &figures, out);
}

/* login and run: the loops, until the member or the person has had enough. */
static void drive(struct node_command *c, bool login)
{
	struct host_service service;

	c->driver = driver_new(&(struct driver_setup){ .clock = &c->q.clock,
						       .log = &c->sink.log,
						       .thread_n = 1,
						       .keeper = keeper_line(&c->line),
						       .signals = true });
	c->line.driver = c->driver;
	c->line.keeper = c->q.home.keeper;
	if (!c->driver) {
		inquiry_fail(&c->q, EXIT_OS, "no memory for the loop");
		return;
	}
	if (!make_member(c, login) || (!login && !claim(c)))
		return;
	service = overlay_member_service(c->member);
	(void)driver_add(c->driver, 0, &service, DRIVER_LEADS);
	c->watch.more = write_figures;
	c->watch.more_self = c;
	enum err err = ERR_MEMORY;
	if (login || watch_add(&c->watch, c->driver, c->line.keeper, &c->sink.log, 0, 0, 0, clock_now(&c->q.clock)))
		err = driver_run(c->driver);
	if (err)
		inquiry_fail(&c->q, EXIT_OS, "%s", err_text(err));
	else if (atomic_load(&c->watch.failed))
		c->q.code = EXIT_UNAVAILABLE;
	else
		conclude(c, login);
}

static void live(struct node_command *c, bool login)
{
	int code = identity_password(c->q.command, c->settings.password_file, c->password, sizeof(c->password));

	if (code != EXIT_OK) {
		c->q.code = code;
		return;
	}
	if (login && !c->password[0] && !c->state.n) {
		inquiry_fail(&c->q, EXIT_USAGE, "--password-file: %s has never logged in on this folder", c->name);
		return;
	}
	if (!read_network(c))
		return;
	if (log_sink_start(&c->sink, &c->q.clock, NULL, (enum log_level)c->settings.log, c->settings.log_format == 1,
			   0) != ERR_NONE) {
		inquiry_fail(&c->q, EXIT_OS, "no log");
		return;
	}
	drive(c, login);
}

static void write_status(const struct node_command *c, const struct overlay_node_state *s, bool good, struct buf *out)
{
	const struct overlay_certificate *certificate = &s->certificate;

	if (c->settings.json) {
		buf_printf(out, "{\"name\":\"%s\",\"network\":\"" STR_FMT "\",\"logged_in\":%s,\"not_after\":%lld,",
			   c->name, STR_ARG(overlay_domain_str(&certificate->network)), good ? "true" : "false",
			   (long long)certificate->not_after);
		buf_put(out, STR("\"device\":\""));
		buf_put_hex(out, s->device.key, sizeof(s->device.key));
		buf_put(out, STR("\"}\n"));
		return;
	}
	buf_printf(out, "name      %s@" STR_FMT "\nlogin     ", c->name,
		   STR_ARG(overlay_domain_str(&certificate->network)));
	if (certificate->bytes_n) {
		buf_put(out, good ? STR("good until ") : STR("over since "));
		write_until(certificate, out);
	} else {
		buf_put(out, STR("never"));
	}
	buf_put(out, STR("\ndevice    "));
	buf_put_hex(out, s->device.key, sizeof(s->device.key));
	buf_put_char(out, '\n');
}

static void show(struct node_command *c)
{
	struct overlay_node_state *s = calloc(1, sizeof(*s));
	char text[600];
	struct buf out;

	if (!c->state.n) {
		inquiry_fail(&c->q, EXIT_NO_USER, "%s has never logged in on this folder", c->name);
	} else if (!s || overlay_node_state_parse(buf_str(&c->state), s) != ERR_NONE) {
		inquiry_fail(&c->q, EXIT_DATA, "%s: what is kept of this device cannot be read", c->name);
	} else {
		usec now = clock_now(&c->q.clock);
		bool good = s->certificate.bytes_n && now < s->certificate.not_after && now > s->certificate.not_before;

		buf_init(&out, text, sizeof(text));
		write_status(c, s, good, &out);
		inquiry_print(&c->q, &out);
		if (!good && c->q.code == EXIT_OK)
			c->q.code = EXIT_NO;
	}
	if (s)
		overlay_node_state_wipe(s);
	free(s);
}

static void work(struct node_command *c, str word)
{
	if (!choose_name(c) || !read_state(c))
		return;
	if (str_eq(word, STR("status")))
		show(c);
	else
		live(c, str_eq(word, STR("login")));
}

static void finish(struct node_command *c)
{
	inquiry_close(&c->q); /* the keeper first: it may still answer */
	driver_free(c->driver);
	watch_free(&c->watch);
	overlay_member_free(c->member);
	if (c->sink.log.sink)
		log_sink_stop(&c->sink);
	if (c->state.p)
		secret_wipe(c->state.p, c->state.n);
	buf_free(&c->state);
}

static int node_run(const struct command *self, int argc, char **argv)
{
	struct node_command *c = calloc(1, sizeof(*c));
	struct conf_words words;
	int code = EXIT_USAGE;

	if (!c)
		return EXIT_OS;
	if (command_settings(self, argc, argv, &c->settings, &words))
		code = watch_check(&c->watch, self, &c->settings.watch);
	if (code) {
		free(c);
		return code;
	}
	code = EXIT_USAGE;
	str word = words.n == 1 ? words.word[0] : STR_NONE;
	bool login = str_eq(word, STR("login"));
	if (!login && !str_eq(word, STR("run")) && !str_eq(word, STR("status"))) {
		command_say(self, "one of login, run and status (tandem help node)");
	} else {
		random_os(&c->rng);
		buf_init_grow(&c->state, OVERLAY_NODE_STATE_MAX);
		if (inquiry_open(&c->q, self, c->settings.data, login)) {
			work(c, word);
			finish(c);
		}
		code = c->q.code;
	}
	secret_wipe(c, sizeof(*c));
	free(c);
	return code;
}

extern const struct command cmd_node;
const struct command cmd_node = {
	.name = "node",
	.words = "login|run|status",
	.summary = "this device on the peer network: log in, stay reachable, show",
	.text = "login checks name and password once and keeps a certificate in DIR, which phones and edges then use, "
		"too;\n"
		"it is renewed without the password. run stays reachable until it is stopped, and answers callers "
		"that\n"
		"nobody is there; a phone or an edge of the same name has to wait, or be on a folder of its own (exit "
		"code "
		"75). status tells who this device is; exit code 1 when the login is over.",
	.settings = node_table,
	.setting_n = sizeof(node_table) / sizeof(*node_table),
	.run = node_run,
};
