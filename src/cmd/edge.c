/*
 * cmd/edge.c - `tandem edge`: ties a PBX to the peer network, beside the PBX or anywhere near it.
 */
#include "connect/edge.h"
#include "call/media_service.h"
#include "cmd/command.h"
#include "cmd/identity.h"
#include "cmd/watch.h"
#include "crypt/password.h"
#include "crypt/random.h"
#include "crypt/secret.h"
#include "io/log_sink.h"

#include <stdlib.h>

#define MEDIA_SERVICE 1u /* its number: the edge is 0 */

struct edge_command {
	str data, network, name, password_file;
	str pbx, pbx_password_file, pbx_tls_ca, pbx_tls_name;
	str target, inward, outward;
	struct addr listen;
	int64_t calls, log, log_format;
	struct watch_settings watch;
};

#define AT(field) offsetof(struct edge_command, field)
static const struct conf_setting edge_table[] = {
	{ "data", CONF_PATH, AT(data), .value = "DIR", .required = true,
	  .meaning = "Folder for the node's keys and the call records." },
	{ "network", CONF_PATH, AT(network), .meaning = "Descriptor of the peer network (default DIR/network.json)." },
	{ "name", CONF_TEXT, AT(name), .value = "NAME", .required = true,
	  .meaning = "Name of the business on the peer network." },
	{ "password-file", CONF_PATH, AT(password_file), .meaning = "File with its password, for the first log in." },
	{ "pbx", CONF_TEXT, AT(pbx), .value = "sip:USER@HOST[:PORT][;transport=udp|tcp|tls]", .required = true,
	  .meaning = "The account to register at the PBX." },
	{ "pbx-password-file", CONF_PATH, AT(pbx_password_file), .required = true,
	  .meaning = "File with the password of that account." },
	{ "pbx-tls-ca", CONF_PATH, AT(pbx_tls_ca), .meaning = "Certificates (PEM) to trust, instead of the system's." },
	{ "pbx-tls-name", CONF_TEXT, AT(pbx_tls_name), .value = "NAME|sha256:HEX",
	  .meaning = "Name that the PBX's certificate must bear, or the pin of its key, instead of the host." },
	{ "target", CONF_TEXT, AT(target), .fallback = "101", .value = "EXTENSION",
	  .meaning = "Who is rung when a peer calls the business itself." },
	{ "inward", CONF_TEXT, AT(inward), .fallback = "??,???,????", .value = "PATTERNS",
	  .meaning = "Extensions that peers may call; ? is a digit, * at the end the rest, commas between patterns." },
	{ "outward", CONF_TEXT, AT(outward), .fallback = "*", .value = "PATTERNS",
	  .meaning = "Names that people inside may call." },
	{ "listen", CONF_ADDR, AT(listen), .min = 0, .meaning = "Signalling address towards the PBX." },
	{ "calls", CONF_NUMBER, AT(calls), .fallback = "64", .min = 1, .max = 4000,
	  .meaning = "How many calls may cross at once." },
	WATCH_METRICS(AT(watch)),
	WATCH_LOG_FORMAT(AT(log_format)),
	{ "log", CONF_CHOICE, AT(log), .fallback = "info", .choices = "error|warn|info|debug",
	  .meaning = "How much to log on standard error." },
};
#undef AT

struct gateway {
	const struct command *command;
	struct edge_command settings;
	struct clock clock;
	struct log_sink sink;
	struct rng rng, media_rng;
	struct driver *driver;
	struct keeper_line line;
	struct identity_node node;
	struct identity_account pbx;
	struct media_service *media;
	struct edge *edge;
	struct watch watch;
	char instance[HOME_INSTANCE_N];
	char password[PASSWORD_MAX], pbx_password[PASSWORD_MAX];
};

static int make_edge(struct gateway *g)
{
	const struct edge_command *s = &g->settings;
	struct addr own = addr_is_set(&s->listen) ? s->listen : identity_own_address(&g->pbx.server);
	struct edge_settings e = { .road = peer_road_face(g->node.road),
				   .network = overlay_domain_str(&g->node.network.name),
				   .name = s->name,
				   .pbx_user = g->pbx.user,
				   .pbx_domain = g->pbx.domain,
				   .pbx_password = str_from(g->pbx_password),
				   .pbx_proxy = str_from(g->pbx.proxy),
				   .pbx_tls_name = s->pbx_tls_name,
				   .pbx_transport = g->pbx.transport,
				   .pbx_listen = own,
				   .media_pbx = own,
				   .target = s->target,
				   .inward = s->inward,
				   .outward = s->outward,
				   .limits = ADMISSION_DEFAULT,
				   .media = MEDIA_SERVICE,
				   .keeps = true,
				   .traces = true,
				   .rng = &g->rng,
				   .log = &g->sink.log };
	char text[200];
	struct buf why;
	enum err err;

	e.media_pbx.port = 0;
	buf_init(&why, text, sizeof(text));
	err = home_instance(&g->node.home, "edge", g->instance, &why);
	if (err != ERR_NONE) {
		command_say(g->command, STR_FMT, STR_ARG(buf_str(&why)));
		return EXIT_IO;
	}
	e.pbx_instance = str_from(g->instance);
	e.limits.calls = (uint32_t)s->calls;
	if (g->pbx.transport == TRANSPORT_TLS) {
		int code = identity_trust(g->command, g->driver, s->pbx_tls_ca, &e.pbx_tls);

		if (code != EXIT_OK)
			return code;
	}
	err = edge_new(&e, &g->edge);
	if (err == ERR_NONE)
		return EXIT_OK;
	command_say(g->command, "%s", err == ERR_LIMIT ? "a name is too long" : err_text(err));
	return err == ERR_LIMIT ? EXIT_USAGE : EXIT_OS;
}

static int make_media(struct gateway *g)
{
	struct media_service_setup setup = { .rng = &g->media_rng,
					     .log = &g->sink.log,
					     .stream_max = 2 * (uint32_t)g->settings.calls + 16 };

	setup.addr_n = identity_media_addrs(&g->node, setup.addrs, MEDIA_SERVICE_ADDR_MAX);
	g->media = media_service_new(&setup, clock_now(&g->clock));
	return g->media ? EXIT_OK : EXIT_OS;
}

static int prepare(struct gateway *g)
{
	const struct edge_command *s = &g->settings;
	int code = identity_password(g->command, s->password_file, g->password, sizeof(g->password));

	if (code == EXIT_OK)
		code = identity_password(g->command, s->pbx_password_file, g->pbx_password, sizeof(g->pbx_password));
	if (code == EXIT_OK)
		code = identity_account(g->command, "--pbx", s->pbx, &g->pbx);
	if (code == EXIT_OK)
		code = identity_node(&g->node,
				     &(struct identity_node_setup){ .command = g->command,
								    .clock = &g->clock,
								    .log = &g->sink.log,
								    .rng = &g->rng,
								    .driver = g->driver,
								    .line = &g->line,
								    .data = s->data,
								    .network = s->network,
								    .name = s->name,
								    .password = str_from(g->password),
								    .capabilities = OVERLAY_AUDIO | OVERLAY_EDGE });
	if (code == EXIT_OK)
		code = make_media(g);
	return code == EXIT_OK ? make_edge(g) : code;
}

/* What kept it from working when it was stopped, for who watches only exit codes. */
static int outcome(const struct gateway *g)
{
	struct edge_status status;

	edge_status(g->edge, &status);
	return status.peer == EDGE_REFUSED || status.pbx == EDGE_REFUSED ? EXIT_NO_USER : EXIT_OK;
}

static void write_figures(void *self, struct buf *out)
{
	const struct gateway *g = self;
	struct edge_figures figures;

	edge_figures(g->edge, &figures);
	edge_figures_write(&figures, out);
}

static int run_edge(struct gateway *g)
{
	struct host_service edge, media;
	int code = prepare(g);
	enum err err;

	if (code != EXIT_OK)
		return code;
	edge = edge_service(g->edge);
	media = media_service_host(g->media);
	(void)driver_add(g->driver, 0, &edge, DRIVER_LEADS);
	(void)driver_add(g->driver, 1, &media, 0);
	g->watch.more = write_figures;
	g->watch.more_self = g;
	err = ERR_MEMORY;
	if (watch_add(&g->watch, g->driver, g->line.keeper, &g->sink.log, 0, 0, 0, clock_now(&g->clock)))
		err = driver_run(g->driver);
	if (err == ERR_NONE)
		return atomic_load(&g->watch.failed) ? EXIT_UNAVAILABLE : outcome(g);
	command_say(g->command, "%s", err_text(err));
	return EXIT_OS;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct gateway *g = calloc(1, sizeof(*g));
	int code = EXIT_OS;

	if (!g)
		return EXIT_OS;
	g->command = self;
	code = command_settings(self, argc, argv, &g->settings, NULL) ? watch_check(&g->watch, self, &g->settings.watch)
								      : EXIT_USAGE;
	if (code) {
		free(g);
		return code;
	}
	code = EXIT_OS;
	clock_start(&g->clock);
	random_os(&g->rng);
	random_stream(&g->media_rng);
	if (log_sink_start(&g->sink, &g->clock, NULL, (enum log_level)g->settings.log, g->settings.log_format == 1,
			   0) == ERR_NONE) {
		g->driver = driver_new(&(struct driver_setup){ .clock = &g->clock,
							       .log = &g->sink.log,
							       .thread_n = 2,
							       .keeper = keeper_line(&g->line),
							       .signals = true });
		g->line.driver = g->driver;
		if (g->driver)
			code = run_edge(g);
		identity_node_stop(&g->node);
		driver_free(g->driver);
		watch_free(&g->watch);
		edge_free(g->edge);
		identity_node_free(&g->node);
		media_service_free(g->media);
		log_sink_stop(&g->sink);
	}
	secret_wipe(g, sizeof(*g));
	free(g);
	return code;
}

const struct command cmd_edge = {
	.name = "edge",
	.summary = "a business' door to the peer network: its name there, an account at its PBX here",
	.text = "Runs until it is stopped. Calls from peers to the business go to --target, to EXTENSION at "
		"NAME.NETWORK to that "
		"extension; calls that the PBX sends to the account go to the name called.",
	.settings = edge_table,
	.setting_n = sizeof(edge_table) / sizeof(edge_table[0]),
	.run = run,
};
