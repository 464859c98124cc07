/*
 * cmd/serve.c - `tandem serve`: the SIP server alone, in the foreground.
 *
 * N workers of pbx/server on N threads, the keeper beside them. Prints where it listens, then works
 * until SIGINT or SIGTERM.
 */
#include "cmd/serve_parts.h"
#include "crypt/random.h"
#include "crypt/secret.h"
#include "io/interface.h"

#include <stdio.h>
#include <stdlib.h>

#define FIELD(name) offsetof(struct serve_settings, name)

const struct conf_setting serve_table[] = {
	{ "data", CONF_PATH, FIELD(data), NULL, 0, 0, NULL, "DIR", true,
	  "The folder where accounts, contacts and records are kept; made at the first start." },
	{ "config", CONF_PATH, FIELD(config), NULL, 0, 0, NULL, "FILE", false,
	  "A file of these settings, `name = value` a line and # for comments; arguments win over it. SIGHUP reads it "
	  "again, "
	  "the rules and the certificates too: what is wrong is refused and all stays as it was; what needs a restart "
	  "is said." },
	{ "policy", CONF_PATH, FIELD(policy), NULL, 0, 0, NULL, "FILE", false,
	  "Rules: who may call whom, when, how many at once and at what rate; numbers, redirections and ways out "
	  "(docs/policy.md)." },
	{ "domain", CONF_TEXT, FIELD(domain), NULL, 0, 0, NULL, "NAME", true,
	  "The SIP domain whose users register here." },
	{ "listen", CONF_TEXT, FIELD(listen), "udp:127.0.0.1:5060,tcp:127.0.0.1:5060", 0, 0, NULL, "LIST", false,
	  "Where to listen: udp:ADDR:PORT, tcp:, tls:, and ws: and wss: for browsers (WebSocket), with commas between; "
	  "port 0 takes a free one." },
	{ "tls-cert", CONF_PATH, FIELD(certificate), NULL, 0, 0, NULL, "FILE", false,
	  "Certificate and chain in PEM for tls: and wss: addresses; without it a self-signed one is made and kept." },
	{ "tls-key", CONF_PATH, FIELD(key), NULL, 0, 0, NULL, "FILE", false,
	  "Private key in PEM; needed with --tls-cert unless both are in one file." },
	{ "tls-ca", CONF_PATH, FIELD(ca), NULL, 0, 0, NULL, "FILE", false,
	  "Certificates in PEM of those whom to believe over TLS, instead of the system's: the servers of other "
	  "domains "
	  "that are called, and those that call here and show a certificate." },
	{ "tls-peers", CONF_TEXT, FIELD(tls_peers), NULL, 0, 0, NULL, "LIST", false,
	  "Domains, with commas between, whose servers may call the users here without a password: those that prove "
	  "their domain by a certificate over TLS (RFC 5922)." },
	{ "hostname", CONF_TEXT, FIELD(host), NULL, 0, 0, NULL, "NAME", false,
	  "The name of this machine that others find it by, for Via and Record-Route; needed where other domains are "
	  "called over TLS, for their servers ask for it in the certificate. Default: the address." },
	{ "workers", CONF_NUMBER, FIELD(workers), "1", 1, WORKER_MAX, NULL, "N", false,
	  "Threads that share the calls; as many as the machine has cores is enough." },
	{ "auth", CONF_CHOICE, FIELD(auth), "digest", 0, 0, "digest|none", NULL, false,
	  "How users prove who they are; with none, everyone is believed: for closed networks and tests only." },
	{ "durability", CONF_CHOICE, FIELD(durability), "crash", 0, 0, "crash|power", NULL, false,
	  "What a registration that was answered survives. crash: the end of this process, kill -9 included; it is on "
	  "the disk a tenth of a second later, and a power cut could lose those of that tenth. power: a power cut, "
	  "too; "
	  "each answer waits for the disk. All else that is kept always waits." },
	{ "trunk", CONF_TEXT, FIELD(trunk), NULL, 0, 0, NULL, "NAME", false,
	  "The account that calls to names which are not users here are handed to; it must be there." },
	{ "relay-domains", CONF_TEXT, FIELD(relay), NULL, 0, 0, NULL, "LIST|any", false,
	  "Other domains that the users here may call, with commas between, found by DNS (RFC 3263); any: all." },
	{ "redirect", CONF_TEXT, FIELD(redirect), NULL, 0, 0, NULL, "LIST|any", false,
	  "Domains, with commas between, whose callers are told where to call (302, 300) instead of being connected: "
	  "to users here by their contacts, to other domains that may be called by what DNS says. Who can be reached "
	  "only "
	  "through this server is connected all the same." },
	{ "dns", CONF_ADDR, FIELD(dns), NULL, 53, 0, NULL, "ADDR[:PORT]", false,
	  "The name server to ask instead of the system's." },
	{ "trust", CONF_TEXT, FIELD(trust), NULL, 0, 0, NULL, "ADDR/LEN,..", false,
	  "Sources that need no password, with commas between: who comes from there in the name of a user here is "
	  "believed, calling or registering; in another's, they may call users here; and a Path of theirs may lead "
	  "anywhere. The source of a datagram can be forged: name what your routers keep out." },
	{ "path-trust", CONF_TEXT, FIELD(path_trust), NULL, 0, 0, NULL, "ADDR/LEN,..", false,
	  "Proxies between phones and here, with commas between: a Path that comes from there may lead anywhere, as "
	  "one "
	  "of --trust may; and no more: phones behind them say their passwords, and their words are nobody's but "
	  "theirs. For a proxy that answers by another address than it sends from." },
	{ "expires-spread", CONF_NUMBER, FIELD(expires_spread), "10", 0, 90, NULL, "PERCENT", false,
	  "How much shorter than asked for a registration is granted at most, by chance, so that phones which came all "
	  "at "
	  "once do not come back all at once; 0: as asked for." },
	{ "flow-timer", CONF_SPAN, FIELD(flow_timer), "2m", 0, 3600 * USEC_PER_SEC, NULL, "SPAN", false,
	  "How often phones that keep their TCP or TLS connection (outbound) are told to show that it lives; one that "
	  "is silent for half a minute longer is closed. 0: they are not told." },
	{ "service-route", CONF_CHOICE, FIELD(service_route), "path", 0, 0, "path|never|always", NULL, false,
	  "Which phones are told at registration to send all requests by this server: those that came by another "
	  "proxy, none, or all." },
	{ "strangers", CONF_FLAG, FIELD(strangers), NULL, 0, 0, NULL, NULL, false,
	  "Let callers of other domains call the users here; with --auth none they may anyway." },
	{ "identity", CONF_CHOICE, FIELD(identity), "trusted", 0, 0, "trusted|all|off", NULL, false,
	  "Whom callers' proven addresses are told to (P-Asserted-Identity): neighbours of --trust, all phones as well "
	  "unless the caller wants privacy, or nobody." },
	{ "session-expires", CONF_SPAN, FIELD(session_expires), "0", 0, 86400 * USEC_PER_SEC, NULL, "SPAN", false,
	  "Ask both ends of a call to show this often that they are still there (session timers); 0: leave that to "
	  "them, otherwise at least 90 s." },
	{ "flood-rate", CONF_NUMBER, FIELD(flood_rate), "100", 0, 1000000, NULL, "N", false,
	  "How many things a second one source address may cause without having proved who it is (challenges, "
	  "refusals, "
	  "strangers' calls; a wrong password counts ten); eight times as many where somebody has within the hour. "
	  "What comes beyond ten seconds' worth is not heard. This machine and --trust are exempt (not browsers by way "
	  "of a web server here); 0: no such guard." },
	{ "hunt-after", CONF_SPAN, FIELD(hunt_after), "20s", 0, 600 * USEC_PER_SEC, NULL, "SPAN", false,
	  "How long phones that registered with a higher q ring before those with a lower one do; phones without a q "
	  "ring together. 0: all ring together." },
	{ "redirects", CONF_CHOICE, FIELD(redirects), "follow", 0, 0, "follow|pass", NULL, false,
	  "What becomes of a phone's answer that the call should go elsewhere (3xx): the exchange calls there, as far "
	  "as the caller may, or the caller is told." },
	{ "history", CONF_FLAG, FIELD(history), NULL, 0, 0, NULL, NULL, false,
	  "Add to every call by which addresses it has come (History-Info); without it, to calls of phones that ask "
	  "for it, or that bring some." },
	{ "demo-extensions", CONF_FLAG, FIELD(extensions), NULL, 0, 0, NULL, NULL, false,
	  "Answer these names, unless they are accounts: echo (returns the audio), answer (answers, hangs up), "
	  "playback "
	  "(answers, a second of tone, hangs up), ring (rings 15 s), busy, early (tone before the answer), wait "
	  "(answers "
	  "after 0.3 s, holds 20 s)." },
	{ "trace", CONF_FLAG, FIELD(trace), NULL, 0, 0, NULL, NULL, false,
	  "Keep every SIP message for `tandem trace`; without it, those that `tandem trace --follow` asks for while it "
	  "runs." },
	WATCH_METRICS(FIELD(watch)),
	WATCH_HEP(FIELD(watch)),
	WATCH_LOG_FORMAT(FIELD(log_format)),
	{ "json", CONF_FLAG, FIELD(json), NULL, 0, 0, NULL, NULL, false,
	  "Print one JSON line an address instead of text." },
	{ "log", CONF_CHOICE, FIELD(log_level), "warn", 0, 0, "error|warn|info|debug", NULL, false,
	  "What is written to standard error." },
};

const size_t serve_table_n = sizeof(serve_table) / sizeof(*serve_table);

/* ---- TLS ---- */

static int start_tls(struct serve *s)
{
	s->tls = (struct serve_tls){ .command = s->command,
				     .driver = s->line.driver,
				     .home = &s->home,
				     .domain = s->settings.domain,
				     .certificate = s->settings.certificate,
				     .key = s->settings.key,
				     .ca = s->settings.ca,
				     .listens = listen_has_secure(&s->listen),
				     .calls = s->settings.relay.n || s->settings.policy.n || s->settings.config.n };
	return serve_tls_start(&s->tls);
}

/* ---- listening ---- */

/* By the name that was given; a socket on any address else by the first that this machine has. */
static void name_listener(struct serve *s, size_t i)
{
	struct addr found[16], at = s->listen.at[i].addr;
	size_t n = interface_list(found, 16);
	struct buf out;

	buf_init(&out, s->sent_by[i], SENT_BY_MAX);
	if (s->settings.host.n && at.port) {
		buf_printf(&out, STR_FMT ":%u", STR_ARG(s->settings.host), (unsigned)at.port);
		s->listeners[i].sent_by = buf_str(&out);
	}
	if (s->settings.host.n || !addr_is_any(&at) || at.port == 0)
		return;
	for (size_t k = 0; k < n; k++) {
		if (found[k].family != at.family)
			continue;
		found[k].port = at.port;
		addr_write(&found[k], &out);
		s->listeners[i].sent_by = buf_str(&out);
		return;
	}
}

static void describe_listeners(struct serve *s)
{
	for (size_t i = 0; i < s->listen.n; i++) {
		enum transport t = s->listen.at[i].transport;

		s->listeners[i] = (struct pbx_listener){
			.transport = t,
			.local = s->listen.at[i].addr,
			.tls = t == TRANSPORT_TLS   ? s->tls.tls
			       : t == TRANSPORT_WSS ? s->tls.wss
						    : 0,
		};
		name_listener(s, i);
	}
}

static void say_listening(struct serve *s, enum transport transport, const struct addr *at)
{
	const char *pin = transport_is_secure(transport) ? s->tls.pin : "";
	char text[ADDR_TEXT_MAX];

	pthread_mutex_lock(&s->printing);
	if (s->settings.json)
		printf("{\"listening\":\"" STR_FMT "\",\"address\":\"%s\"%s%s%s}\n", STR_ARG(transport_name(transport)),
		       addr_text(at, text), *pin ? ",\"pin\":\"" : "", pin, *pin ? "\"" : "");
	else
		printf("listening on " STR_FMT " %s%s%s\n", STR_ARG(transport_name(transport)), addr_text(at, text),
		       *pin ? ", key " : "", pin);
	fflush(stdout);
	pthread_mutex_unlock(&s->printing);
}

/* On a worker's thread. */
static void listening(void *self, size_t i, enum err err, const struct addr *local)
{
	struct serve *s = self;
	enum transport transport = s->listen.at[i].transport;
	char text[ADDR_TEXT_MAX];

	if (err) {
		if (!atomic_exchange(&s->failed, true))
			command_say(s->command, "cannot listen on " STR_FMT " %s: %s",
				    STR_ARG(transport_name(transport)), addr_text(&s->listen.at[i].addr, text),
				    listen_trouble(err));
		driver_stop(s->line.driver);
		return;
	}
	/* The last worker to get its share of the port speaks for all. */
	if (atomic_fetch_add(&s->up[i], 1) + 1 == (unsigned)s->settings.workers)
		say_listening(s, transport, local);
}

/* ---- putting it together ---- */

static bool add_workers(struct serve *s, const uint8_t key[PBX_KEY_N])
{
	char text[900];
	struct buf why;
	unsigned flags = DRIVER_LEADS | DRIVER_UNBOUND | (s->settings.workers > 1 ? DRIVER_SHARES : 0);

	for (uint16_t i = 0; i < s->settings.workers; i++) {
		struct pbx_config c = pbx_config_default();

		buf_init(&why, text, sizeof(text));
		random_stream(&s->rng[i]);
		c.rng = &s->rng[i];
		c.log = &s->log.log;
		c.worker = i;
		c.worker_n = (uint16_t)s->settings.workers;
		serve_config(s, &c);
		c.policy = serve_policy(s, &why);
		c.tls_out = s->tls.out;
		c.extension = s->extensions ? extensions_contact : NULL;
		c.extension_self = s->extensions;
		c.hep = s->watch.hep;
		memcpy(c.key, key, sizeof(c.key));
		c.listeners = s->listeners;
		c.listener_n = s->listen.n;
		c.listening = listening;
		c.listening_self = s;
		c.settled = serve_settled;
		c.settled_self = s;
		s->pbx[i] = pbx_server_new(&c);
		secret_wipe(c.key, sizeof(c.key));
		if (!s->pbx[i])
			return false;
		struct host_service service = pbx_server_service(s->pbx[i]);
		driver_add(s->line.driver, i, &service, flags);
	}
	return true;
}

/* Where the workers talk to the extensions: as one of their own listeners does, for a way back. */
static void place_extensions(const struct serve *s, struct extensions_settings *out)
{
	const struct listen *best = &s->listen.at[0];
	struct addr found[16];
	size_t n = interface_list(found, 16);

	for (size_t i = 0; i < s->listen.n && best->transport != TRANSPORT_UDP; i++)
		if (s->listen.at[i].transport == TRANSPORT_UDP || s->listen.at[i].transport == TRANSPORT_TCP)
			best = &s->listen.at[i];
	out->transport = best->transport == TRANSPORT_UDP ? TRANSPORT_UDP : TRANSPORT_TCP;
	out->media = best->addr;
	for (size_t i = 0; i < n && addr_is_any(&out->media); i++)
		if (found[i].family == out->media.family)
			out->media = found[i];
	out->media.port = 0;
	out->listen =
		best->addr.family == 4 ? addr_v4(127, 0, 0, 1, 0) : (struct addr){ .family = 6, .ip = { [15] = 1 } };
}

/* The services behind the workers': signalling, then sound, each on a thread of its own. */
static bool make_extensions(struct serve *s)
{
	struct extensions_settings x = { .rng = &s->extensions_rng, .log = &s->log.log };
	struct media_service_setup m = { .rng = &s->media_rng, .log = &s->log.log };

	if (!s->settings.extensions)
		return true;
	random_stream(&s->extensions_rng);
	random_stream(&s->media_rng);
	place_extensions(s, &x);
	x.media_service = (uint32_t)s->settings.workers + 1;
	s->extensions = extensions_new(&x);
	if (!s->extensions)
		return false;
	m.addrs[m.addr_n++] = x.media;
	m.device_n = extensions_devices(s->extensions, m.devices);
	s->media = media_service_new(&m, clock_now(&s->clock));
	return s->media != NULL;
}

static void add_extensions(struct serve *s)
{
	if (!s->extensions)
		return;
	unsigned thread = (unsigned)s->settings.workers;
	struct host_service x = extensions_service(s->extensions), m = media_service_host(s->media);

	driver_add(s->line.driver, thread, &x, 0);
	driver_add(s->line.driver, thread + 1, &m, 0);
}

static int run(struct serve *s)
{
	uint8_t key[PBX_KEY_N];
	char text[300];
	struct buf why;
	int code = start_tls(s);

	if (code)
		return code;
	buf_init(&why, text, sizeof(text));
	if (home_secret(&s->home, "pbx", "key", key, sizeof(key), &why)) {
		command_say(s->command, STR_FMT, STR_ARG(buf_str(&why)));
		return EXIT_UNAVAILABLE;
	}
	describe_listeners(s);
	bool good = make_extensions(s) && add_workers(s, key);
	unsigned workers = (unsigned)s->settings.workers;
	if (good)
		add_extensions(s);
	good = good && watch_add(&s->watch, s->line.driver, s->home.keeper, &s->log.log,
				 workers + (s->extensions ? 2 : 0), 0, workers, clock_now(&s->clock));
	secret_wipe(key, sizeof(key));
	enum err err = good ? driver_run(s->line.driver) : ERR_MEMORY;
	atomic_store(&s->over, true);
	thread_join(&s->reloader);
	if (err) {
		command_say(s->command, "%s", err_text(err));
		return EXIT_OS;
	}
	return atomic_load(&s->failed) || atomic_load(&s->watch.failed) ? EXIT_UNAVAILABLE : EXIT_OK;
}

static int open_and_run(struct serve *s)
{
	char text[500];
	struct buf why;
	int code;

	buf_init(&why, text, sizeof(text));
	unsigned use = HOME_ALONE | (s->settings.durability == 0 ? HOME_AHEAD : 0);
	enum err err = home_open(&s->home, s->settings.data, use, &s->clock, &s->log.log, &why);
	if (err) {
		command_say(s->command, "--data: " STR_FMT, STR_ARG(buf_str(&why)));
		return err == ERR_BUSY ? EXIT_TEMPORARY : err == ERR_REFUSED ? EXIT_NO_PERMISSION : EXIT_UNAVAILABLE;
	}
	code = serve_check_accounts(s, s->home.keeper, clock_now(&s->clock));
	if (code) {
		home_close(&s->home);
		return code;
	}
	s->line.keeper = s->home.keeper;
	s->line.driver = driver_new(&(struct driver_setup){
		.clock = &s->clock,
		.log = &s->log.log,
		.thread_n = (unsigned)s->settings.workers + (s->settings.extensions ? 2 : 0) + watch_threads(&s->watch),
		.keeper = keeper_line(&s->line),
		.dns = s->settings.dns,
		.signals = true,
		.hangup = serve_hangup,
		.hangup_self = s });
	code = s->line.driver ? run(s) : EXIT_OS;
	home_close(&s->home); /* the keeper first: it may still answer */
	driver_free(s->line.driver);
	serve_tls_free(&s->tls);
	for (int i = 0; i < s->settings.workers; i++)
		pbx_server_free(s->pbx[i]);
	watch_free(&s->watch);
	extensions_free(s->extensions);
	media_service_free(s->media);
	return code;
}

static int serve_run(const struct command *command, int argc, char **argv)
{
	static const enum log_level levels[] = { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
	int code;
	struct serve *s = serve_read(command, argc, argv, &code);

	if (!s)
		return code;
	pthread_mutex_init(&s->printing, NULL);
	clock_start(&s->clock);
	if (log_sink_start(&s->log, &s->clock, NULL, levels[s->settings.log_level], s->settings.log_format == 1, 0)) {
		command_say(command, "standard error cannot be written");
		code = EXIT_IO;
	} else {
		code = open_and_run(s);
		log_sink_stop(&s->log);
	}
	pthread_mutex_destroy(&s->printing);
	serve_free(s->latest);
	serve_free(s);
	return code;
}

const struct command cmd_serve = {
	.name = "serve",
	.summary = "the SIP server alone: registrar, location, proxy",
	.text = "Runs in the foreground until Ctrl-C. Accounts are made with `tandem admin`. "
		"Exit codes: 64 a wrong setting, 65 a file that is not what it should be, 66 one that is not there, 69 "
		"an "
		"address "
		"that cannot be had, 75 another tandem runs on the folder, 77 what this user may not. SIGHUP: see "
		"--config.",
	.settings = serve_table,
	.setting_n = sizeof(serve_table) / sizeof(*serve_table),
	.run = serve_run,
};
