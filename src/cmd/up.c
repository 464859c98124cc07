/*
 * cmd/up.c - `tandem up`: everything on one machine, on the embedded store, with no question asked.
 *
 * Puts together the PBX, the login service, a super node, the edge of one business and the media
 * service; makes at the first start what they need (keys, certificates, two phones, a trunk, a business and a
 * peer), finds it again at the next.
 */
#include "call/media_service.h"
#include "cmd/command.h"
#include "cmd/demo.h"
#include "cmd/home.h"
#include "cmd/network_file.h"
#include "cmd/watch.h"
#include "connect/edge.h"
#include "connect/peer_road.h"
#include "crypt/random.h"
#include "crypt/secret.h"
#include "io/driver.h"
#include "io/file.h"
#include "io/interface.h"
#include "io/keeper_line.h"
#include "io/log_sink.h"
#include "io/thread.h"
#include "net/tls.h"
#include "overlay/frame.h"
#include "overlay/login.h"
#include "overlay/supernode.h"
#include "pbx/server.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TRUNK      "network" /* the account by which the edge registers at the PBX */
#define WORKER_MAX 16
#define READY_S    15

struct up_settings {
	str data, domain, network, business, listen;
	int64_t sip_port, sips_port, ws_port, wss_port, login_port, node_port, stun_port, workers;
	bool demo, json;
	int64_t log_level, log_format;
	struct watch_settings watch;
};

#define FIELD(name) offsetof(struct up_settings, name)

static const struct conf_setting up_table[] = {
	{ "data", CONF_PATH, FIELD(data), "tandem-data", .value = "DIR",
	  .meaning = "The folder where all is kept; made at the first start." },
	{ "network", CONF_TEXT, FIELD(network), "tandem.local", .value = "NAME",
	  .meaning = "Name of the peer network that is served here." },
	{ "business", CONF_TEXT, FIELD(business), "acme", .value = "NAME", .meaning = "Name of the business on it." },
	{ "domain", CONF_TEXT, FIELD(domain), .value = "NAME",
	  .meaning = "SIP domain of the PBX (default BUSINESS.NETWORK)." },
	{ "listen", CONF_TEXT, FIELD(listen), .value = "IP",
	  .meaning = "Address to serve on (default: this machine's address in its network)." },
	{ "sip-port", CONF_NUMBER, FIELD(sip_port), "0", 0, 65535,
	  .meaning = "SIP over UDP and TCP; 0: 5060, or a free one where that is taken." },
	{ "sips-port", CONF_NUMBER, FIELD(sips_port), "0", 0, 65535,
	  .meaning = "SIP over TLS; 0: 5061 or a free one." },
	{ "ws-port", CONF_NUMBER, FIELD(ws_port), "0", 0, 65535,
	  .meaning = "SIP over WebSocket; 0: 5066 or a free one." },
	{ "wss-port", CONF_NUMBER, FIELD(wss_port), "0", 0, 65535,
	  .meaning = "SIP over WebSocket and TLS, which is what browsers ask for; 0: 5067 or a free one." },
	{ "login-port", CONF_NUMBER, FIELD(login_port), "0", 0, 65535,
	  .meaning = "Login service; 0: 5443 or a free one." },
	{ "node-port", CONF_NUMBER, FIELD(node_port), "0", 0, 65535, .meaning = "Super node; 0: 5444 or a free one." },
	{ "stun-port", CONF_NUMBER, FIELD(stun_port), "0", 0, 65535, .meaning = "STUN; 0: 3478 or a free one." },
	{ "workers", CONF_NUMBER, FIELD(workers), "1", 1, WORKER_MAX, .meaning = "Threads of the PBX." },
	{ "demo", CONF_FLAG, FIELD(demo),
	  .meaning = "Show three calls by scripted phones, then stay up. Loopback only." },
	{ "json", CONF_FLAG, FIELD(json), .meaning = "One JSON line when all is up, instead of text." },
	WATCH_METRICS(FIELD(watch)),
	WATCH_HEP(FIELD(watch)),
	WATCH_LOG_FORMAT(FIELD(log_format)),
	{ "log", CONF_CHOICE, FIELD(log_level), "info", .choices = "error|warn|info|debug",
	  .meaning = "What goes into DIR/tandem.log." },
};

/* All that runs. */
struct up {
	const struct command *command;
	struct up_settings settings;
	struct watch watch;
	uint32_t pbx_first; /* service */
	struct clock clock;
	struct log_sink log;
	struct home home;
	struct keeper_line line;
	struct rng rng[WORKER_MAX + 4];
	struct addr ip;
	char domain[USER_NAME_MAX + 1];
	struct addr sip, sips, ws, wss, login, node, stun;
	struct sign_pair authority;
	struct certificate *pbx_certificate, *login_certificate, *node_certificate;
	struct overlay_network network;
	char trunk_password[HOME_PASSWORD_MAX], business_password[HOME_PASSWORD_MAX];
	struct pbx_listener listeners[5];
	struct pbx_server *pbx[WORKER_MAX];
	uint32_t service_n;
	struct overlay_login *login_service;
	struct overlay_supernode *supernode;
	struct peer_road *road;
	struct edge *edge;
	struct media_service *media;
	struct demo demo;
	struct thread announcer;
	atomic_bool stopping;
};

/* ---- addresses ---- */

static bool port_is_free(struct addr at)
{
	for (int type = 0; type < 2; type++) {
		int s = socket(at.family == 6 ? AF_INET6 : AF_INET, type ? SOCK_STREAM : SOCK_DGRAM, 0), one = 1;
		struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(at.port) };
		struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(at.port) };

		memcpy(&v4.sin_addr, at.ip, 4);
		memcpy(&v6.sin6_addr, at.ip, 16);
		if (type)
			setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		bool good = s >= 0 && (at.family == 6 ? bind(s, (struct sockaddr *)&v6, sizeof(v6))
						      : bind(s, (struct sockaddr *)&v4, sizeof(v4))) == 0;
		if (s >= 0)
			close(s);
		if (!good)
			return false;
	}
	return true;
}

/* The port asked for, or `usual`, or the next free one behind it. */
static bool choose(struct up *up, const char *what, int64_t asked, uint16_t usual, struct addr *out)
{
	*out = up->ip;
	out->port = (uint16_t)(asked ? asked : usual);
	for (int tries = 0; !asked && tries < 200 && !port_is_free(*out); tries++)
		out->port = (uint16_t)(usual + 10 * (tries + 1));
	if (port_is_free(*out))
		return true;
	char text[ADDR_TEXT_MAX];
	command_say(up->command, "%s: %s is taken or not ours; choose another with --listen and --%s-port", what,
		    addr_text(out, text), what);
	return false;
}

static bool choose_addresses(struct up *up)
{
	struct up_settings *s = &up->settings;
	struct addr found[1];

	if (s->listen.n) {
		if (addr_parse_ip(s->listen, &up->ip) || addr_is_any(&up->ip)) {
			command_say(up->command,
				    "--listen: one address of this machine, such as 192.0.2.1 or 127.0.0.1");
			return false;
		}
	} else if (s->demo || interface_list(found, 1) == 0) {
		up->ip = addr_v4(127, 0, 0, 1, 0);
	} else {
		up->ip = found[0];
	}
	return choose(up, "sip", s->sip_port, 5060, &up->sip) && choose(up, "sips", s->sips_port, 5061, &up->sips) &&
	       choose(up, "ws", s->ws_port, 5066, &up->ws) && choose(up, "wss", s->wss_port, 5067, &up->wss) &&
	       choose(up, "login", s->login_port, 5443, &up->login) &&
	       choose(up, "node", s->node_port, 5444, &up->node) && choose(up, "stun", s->stun_port, 3478, &up->stun);
}

/* ---- what the first start makes ---- */

static enum err note_new(struct up *up, str name, const char *password, bool made, struct buf *why)
{
	return made ? home_note_password(&up->home, name, password, why) : ERR_NONE;
}

static enum err make_accounts(struct up *up, struct buf *why)
{
	static const str phones[] = { STR_INIT("101"), STR_INIT("102") };
	str domain = str_from(up->domain);
	char password[HOME_PASSWORD_MAX];
	bool made;
	enum err err = ERR_NONE;

	for (size_t i = 0; i < 2 && err == ERR_NONE; i++) {
		err = home_account(&up->home, phones[i], domain, false, password, &made, why);
		if (err == ERR_NONE)
			err = note_new(up, phones[i], password, made, why);
	}
	/* The trunk's password is made anew at each start and kept nowhere. */
	if (err == ERR_NONE)
		err = home_account(&up->home, STR(TRUNK), domain, true, up->trunk_password, &made, why);
	if (err == ERR_NONE)
		err = home_person(&up->home, STR("alice"), false, password, &made, why);
	if (err == ERR_NONE)
		err = note_new(up, STR("alice"), password, made, why);
	secret_wipe(password, sizeof(password));
	return err;
}

/* The business logs in once; from then on it lives on its certificate, like any node. A password is made only
 * where its node has nothing yet. */
static enum err make_business(struct up *up, struct buf *state, struct buf *why)
{
	char owner[80];
	bool made;

	snprintf(owner, sizeof(owner), "node:" STR_FMT, STR_ARG(up->settings.business));
	enum err err = home_state(&up->home, owner, PEER_ROAD_STATE, state, why);
	if (err == ERR_NONE && state->n == 0)
		err = home_person(&up->home, up->settings.business, true, up->business_password, &made, why);
	return err;
}

static enum err make_certificates(struct up *up, struct buf *why)
{
	char ip[ADDR_TEXT_MAX];
	struct buf text;

	buf_init(&text, ip, sizeof(ip));
	addr_write_ip(&up->ip, false, &text);
	const str hosts[] = { str_from(up->domain), buf_str(&text) };
	enum err err = home_secret(&up->home, "login", "authority", up->authority.seed, SIGN_SEED_N, why);
	if (err == ERR_NONE) {
		sign_restore(&up->authority, up->authority.seed);
		err = home_certificate(&up->home, "pbx", str_from(up->domain), hosts, 2, &up->pbx_certificate, why);
	}
	if (err == ERR_NONE)
		err = home_certificate(&up->home, "login", up->settings.network, hosts + 1, 1, &up->login_certificate,
				       why);
	if (err == ERR_NONE)
		err = home_certificate(&up->home, "supernode", up->settings.network, hosts + 1, 1,
				       &up->node_certificate, why);
	return err;
}

static void describe_server(const struct addr *at, const struct certificate *certificate, struct overlay_server *out)
{
	struct buf host;

	buf_init(&host, out->host, sizeof(out->host) - 1);
	addr_write_ip(at, false, &host);
	out->host[host.n] = '\0';
	out->port = at->port;
	certificate_pin(certificate, out->pin);
}

static enum err describe_network(struct up *up, struct buf *why)
{
	char path[HOME_PATH_MAX + 128];
	struct overlay_network *n = &up->network;

	if (overlay_domain_parse(up->settings.network, &n->name)) {
		buf_put_z(why, "--network: a domain name in lower case, such as tandem.local");
		return ERR_SYNTAX;
	}
	memcpy(n->authority, up->authority.key, sizeof(n->authority));
	n->login_n = n->supernode_n = 1;
	describe_server(&up->login, up->login_certificate, &n->login[0]);
	describe_server(&up->node, up->node_certificate, &n->supernode[0]);
	enum err err = home_path(&up->home, "network.json", path);
	return err ? err : network_write_file(path, n, why);
}

static bool prepare(struct up *up, struct buf *node_state)
{
	char text[600];
	struct buf why;
	struct overlay_name name;

	buf_init(&why, text, sizeof(text));
	if (overlay_name_parse(up->settings.business, &name)) {
		command_say(up->command, "--business: 3 to 32 of a-z 0-9 . _ -, beginning with a letter");
		return false;
	}
	if (make_certificates(up, &why) || describe_network(up, &why) || make_accounts(up, &why) ||
	    make_business(up, node_state, &why)) {
		command_say(up->command, STR_FMT, STR_ARG(buf_str(&why)));
		return false;
	}
	return true;
}

/* ---- putting it together ---- */

static uint32_t add_service(struct up *up, unsigned thread, const struct host_service *service, unsigned flags)
{
	up->service_n++;
	return driver_add(up->line.driver, thread, service, flags);
}

static uint16_t serve_tls(struct up *up, const struct certificate *certificate, bool overlay)
{
	static const str alpn[] = { STR_INIT(OVERLAY_ALPN) };
	struct tls_settings settings = { .alpn = overlay ? alpn : NULL,
					 .alpn_n = overlay ? 1 : 0,
					 .minimum = overlay ? TLS_1_3 : TLS_1_2 };
	struct buf pem, key;
	enum err err = ERR_NONE;
	uint16_t number = 0;

	buf_init_grow(&pem, CERTIFICATE_PEM_MAX);
	buf_init_grow(&key, CERTIFICATE_PEM_MAX);
	if (certificate) {
		certificate_write_pem(certificate, &pem);
		certificate_write_key_pem(certificate, &key);
		settings.certificate_pem = buf_str(&pem);
		settings.key_pem = buf_str(&key);
	}
	struct tls_credentials *credentials = tls_credentials_new(&settings, NULL, &err);
	if (credentials)
		number = driver_tls_add(up->line.driver, credentials);
	tls_credentials_unref(credentials);
	if (key.n)
		secret_wipe(key.p, key.n);
	buf_free(&pem);
	buf_free(&key);
	return number;
}

static bool add_pbx(struct up *up)
{
	struct pbx_config config = pbx_config_default();
	char text[300];
	struct buf why;

	buf_init(&why, text, sizeof(text));
	if (home_secret(&up->home, "pbx", "key", config.key, sizeof(config.key), &why)) {
		command_say(up->command, STR_FMT, STR_ARG(buf_str(&why)));
		return false;
	}
	up->listeners[0] = (struct pbx_listener){ .transport = TRANSPORT_UDP, .local = up->sip };
	up->listeners[1] = (struct pbx_listener){ .transport = TRANSPORT_TCP, .local = up->sip };
	up->listeners[2] = (struct pbx_listener){ .transport = TRANSPORT_TLS,
						  .local = up->sips,
						  .tls = serve_tls(up, up->pbx_certificate, false) };
	up->listeners[3] = (struct pbx_listener){ .transport = TRANSPORT_WS, .local = up->ws };
	up->listeners[4] =
		(struct pbx_listener){ .transport = TRANSPORT_WSS, .local = up->wss, .tls = up->listeners[2].tls };
	config.log = &up->log.log;
	config.worker_n = (uint16_t)up->settings.workers;
	config.domain = str_from(up->domain);
	config.networks = &up->settings.network;
	config.network_n = 1;
	config.trunk = STR(TRUNK);
	config.trace = true;
	config.listeners = up->listeners;
	config.listener_n = 5;
	config.service_first = up->pbx_first = up->service_n;
	config.hep = up->watch.hep;
	for (uint16_t i = 0; i < config.worker_n; i++) {
		config.worker = i;
		config.rng = &up->rng[2 + i];
		up->pbx[i] = pbx_server_new(&config);
		if (!up->pbx[i])
			return false;
		struct host_service service = pbx_server_service(up->pbx[i]);
		add_service(up, i ? 1u + i : 0, &service, DRIVER_UNBOUND | (config.worker_n > 1 ? DRIVER_SHARES : 0));
	}
	secret_wipe(config.key, sizeof(config.key));
	return true;
}

static bool add_overlay(struct up *up)
{
	usec now = clock_now(&up->clock);
	struct overlay_login_setup login = { .network = up->network.name,
					     .authority = up->authority,
					     .listen = up->login,
					     .tls = serve_tls(up, up->login_certificate, true),
					     .rng = &up->rng[0],
					     .log = &up->log.log };
	struct overlay_supernode_setup node = { .network = up->network,
						.listen = up->node,
						.tls = serve_tls(up, up->node_certificate, true),
						.stun = up->stun,
						.advertised = up->node,
						.keeps = true,
						.rng = &up->rng[0],
						.log = &up->log.log };
	char text[300];
	struct buf why;

	buf_init(&why, text, sizeof(text));
	certificate_pin(up->node_certificate, node.pin);
	if (home_secret(&up->home, "supernode", "token", node.token_key, sizeof(node.token_key), &why)) {
		command_say(up->command, STR_FMT, STR_ARG(buf_str(&why)));
		return false;
	}
	up->login_service = overlay_login_new(&login, now);
	up->supernode = overlay_supernode_new(&node, now);
	secret_wipe(&login.authority, sizeof(login.authority));
	if (!up->login_service || !up->supernode)
		return false;
	struct host_service services[] = { overlay_login_service(up->login_service),
					   overlay_supernode_service(up->supernode) };
	add_service(up, 0, &services[0], 0);
	add_service(up, 0, &services[1], 0);
	return true;
}

static bool add_media(struct up *up, uint32_t *number)
{
	struct media_service_setup setup = { .rng = &up->rng[1], .log = &up->log.log };

	/* ICE pairs what can reach each other: peers on this machine use its address in the network even where we serve
	 * on loopback only. */
	setup.addr_n = interface_list(setup.addrs, MEDIA_SERVICE_ADDR_MAX - 1);
	if (addr_is_loopback(&up->ip) || setup.addr_n == 0)
		setup.addrs[setup.addr_n++] = up->ip;
	up->media = media_service_new(&setup, clock_now(&up->clock));
	if (!up->media)
		return false;
	struct host_service service = media_service_host(up->media);
	*number = add_service(up, 1, &service, 0);
	return true;
}

static bool add_edge(struct up *up, uint32_t media, str node_state)
{
	struct overlay_node_setup node = { .network = &up->network,
					   .name = up->settings.business,
					   .password = str_from(up->business_password),
					   .state = node_state,
					   .capabilities = OVERLAY_AUDIO | OVERLAY_EDGE,
					   .tls = serve_tls(up, NULL, true),
					   .rng = &up->rng[0],
					   .log = &up->log.log };
	char proxy[ADDR_TEXT_MAX], pin_text[80];
	uint8_t pin[CERTIFICATE_PIN_N];
	struct buf pin_name;
	enum err err = peer_road_new(&node, clock_now(&up->clock), &up->road);

	secret_wipe(up->business_password, sizeof(up->business_password));
	if (err) {
		command_say(up->command, "the node of " STR_FMT ": %s", STR_ARG(up->settings.business), err_text(err));
		return false;
	}
	addr_text(&up->sips, proxy);
	buf_init(&pin_name, pin_text, sizeof(pin_text));
	certificate_pin(up->pbx_certificate, pin);
	certificate_write_pin(pin, &pin_name);
	struct edge_settings settings = { .road = peer_road_face(up->road),
					  .network = up->settings.network,
					  .name = up->settings.business,
					  .pbx_user = STR(TRUNK),
					  .pbx_domain = str_from(up->domain),
					  .pbx_password = str_from(up->trunk_password),
					  .pbx_proxy = str_from(proxy),
					  .pbx_transport = TRANSPORT_TLS,
					  .pbx_tls = serve_tls(up, NULL, false),
					  .pbx_tls_name = buf_str(&pin_name),
					  .pbx_listen = up->ip,
					  .media_pbx = up->ip,
					  .media = media,
					  .keeps = true,
					  .traces = true,
					  .rng = &up->rng[0],
					  .log = &up->log.log };
	char instance[HOME_INSTANCE_N], why_text[300];
	struct buf why;

	buf_init(&why, why_text, sizeof(why_text));
	if (home_instance(&up->home, "edge", instance, &why)) {
		command_say(up->command, STR_FMT, STR_ARG(buf_str(&why)));
		return false;
	}
	settings.pbx_instance = str_from(instance);
	err = edge_new(&settings, &up->edge);
	secret_wipe(up->trunk_password, sizeof(up->trunk_password));
	if (err)
		return false;
	struct host_service service = edge_service(up->edge);
	add_service(up, 0, &service, DRIVER_LEADS);
	return true;
}

/* Its stacks' figures have the names of the exchange's, and are left out. */
static void write_edge_figures(void *self, struct buf *out)
{
	const struct up *up = self;
	struct edge_figures figures;

	edge_figures(up->edge, &figures);
	metric_write(edge_metrics, edge_metric_n, &figures, out);
}

/* On the edge's thread, whose figures it reads. */
static bool add_watch(struct up *up)
{
	up->watch.more = write_edge_figures;
	up->watch.more_self = up;
	return watch_add(&up->watch, up->line.driver, up->home.keeper, &up->log.log, 0, up->pbx_first,
			 (uint32_t)up->settings.workers, clock_now(&up->clock));
}

/* ---- running ---- */

/* What a phone is told (--tls-name) to know the PBX by. */
static void write_pbx_pin(const struct up *up, char out[TLS_PIN_N + 1])
{
	uint8_t pin[CERTIFICATE_PIN_N];
	struct buf text;

	certificate_pin(up->pbx_certificate, pin);
	buf_init(&text, out, TLS_PIN_N);
	certificate_write_pin(pin, &text);
	out[TLS_PIN_N] = '\0';
}

static void announce_json(const struct up *up)
{
	char sip[ADDR_TEXT_MAX], sips[ADDR_TEXT_MAX], ws[ADDR_TEXT_MAX], wss[ADDR_TEXT_MAX], login[ADDR_TEXT_MAX],
		node[ADDR_TEXT_MAX], stun[ADDR_TEXT_MAX], pin[TLS_PIN_N + 1];

	write_pbx_pin(up, pin);

	printf("{\"event\":\"ready\",\"sip\":\"%s\",\"sips\":\"%s\",\"sips_pin\":\"%s\",\"ws\":\"%s\",\"wss\":\"%s\","
	       "\"login\":\"%s\","
	       "\"supernode\":\"%s\",\"stun\":\"%"
	       "s\","
	       "\"domain\":\"%s\",\"network\":\"" STR_FMT "\",\"business\":\"" STR_FMT "\"}\n",
	       addr_text(&up->sip, sip), addr_text(&up->sips, sips), pin, addr_text(&up->ws, ws),
	       addr_text(&up->wss, wss), addr_text(&up->login, login), addr_text(&up->node, node),
	       addr_text(&up->stun, stun), up->domain, STR_ARG(up->settings.network), STR_ARG(up->settings.business));
	fflush(stdout);
}

static void announce(const struct up *up)
{
	char text[ADDR_TEXT_MAX], pin[TLS_PIN_N + 1];

	printf("\ntandem is up, in %s\n\n", up->home.dir);
	printf("  SIP, UDP and TCP  %-22s domain %s\n", addr_text(&up->sip, text), up->domain);
	printf("  SIP over TLS      %-22s key ", addr_text(&up->sips, text));
	write_pbx_pin(up, pin);
	printf("%s\n", pin);
	printf("  for browsers      wss://%s/", addr_text(&up->wss, text));
	printf(" or ws://%s/\n", addr_text(&up->ws, text));
	printf("  login service     %s\n", addr_text(&up->login, text));
	printf("  super node        %s\n", addr_text(&up->node, text));
	printf("  STUN              %s\n", addr_text(&up->stun, text));
	printf("  peer network      %-22.*s described by %s/network.json\n", STR_ARG(up->settings.network),
	       up->home.dir);
	printf("  business          sip:" STR_FMT "@" STR_FMT "\n", STR_ARG(up->settings.business),
	       STR_ARG(up->settings.network));
	printf("  desk phones 101 and 102, peer alice: their passwords are in %s/passwords\n\nCtrl-C stops it.\n",
	       up->home.dir);
	fflush(stdout);
}

/* Its own thread: waits until all is up, shows the demonstration where asked, says what runs where. */
static void run_announcer(void *arg)
{
	struct up *up = arg;
	bool ready = false;

	for (int tries = 0; tries < READY_S * 20 && !up->stopping && !ready; tries++) {
		nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000 * 1000 }, NULL);
		ready = edge_is_ready(up->edge);
	}
	if (up->stopping)
		return;
	if (!ready)
		command_say(up->command, "not all is up after %d s; %s/tandem.log says why", READY_S, up->home.dir);
	if (ready && up->settings.demo)
		demo_run(&up->demo);
	if (up->stopping)
		return;
	if (up->settings.json)
		announce_json(up);
	else
		announce(up);
}

static bool start_announcer(struct up *up, const char *network)
{
	up->demo.program = "/proc/self/exe";
	up->demo.dir = up->home.dir;
	up->demo.pbx = up->sip;
	up->demo.domain = up->domain;
	up->demo.network = network;
	return thread_start(&up->announcer, "announcer", run_announcer, up) == ERR_NONE;
}

static int run_all(struct up *up)
{
	char business[OVERLAY_NAME_MAX + 1], network[OVERLAY_NETWORK_MAX + 1];
	struct buf node_state;
	uint32_t media;

	buf_init_grow(&node_state, OVERLAY_NODE_STATE_MAX);
	bool good = prepare(up, &node_state);
	if (good) {
		up->line.keeper = up->home.keeper;
		up->line.driver = driver_new(&(struct driver_setup){ .clock = &up->clock,
								     .log = &up->log.log,
								     .thread_n = 1 + (unsigned)up->settings.workers,
								     .keeper = keeper_line(&up->line),
								     .signals = true });
		good = up->line.driver && add_media(up, &media) && add_pbx(up) && add_overlay(up) &&
		       add_edge(up, media, buf_str(&node_state)) && add_watch(up);
		if (!good)
			command_say(up->command, "could not be put together (out of memory?)");
	}
	if (node_state.n)
		secret_wipe(node_state.p, node_state.n);
	buf_free(&node_state);
	if (!good)
		return EXIT_UNAVAILABLE;
	str_copy_z(up->settings.business, business, sizeof(business));
	str_copy_z(up->settings.network, network, sizeof(network));
	up->demo.business = business;
	if (!start_announcer(up, network))
		return EXIT_OS;
	enum err err = driver_run(up->line.driver);
	up->stopping = up->demo.stop = true;
	thread_join(&up->announcer);
	if (err)
		command_say(up->command, "stopped: %s", err_text(err));
	return err ? EXIT_OS : atomic_load(&up->watch.failed) ? EXIT_UNAVAILABLE : EXIT_OK;
}

static void free_all(struct up *up)
{
	home_close(&up->home); /* the keeper first: it may still answer into the driver */
	driver_free(up->line.driver);
	edge_free(up->edge);
	peer_road_free(up->road);
	overlay_supernode_free(up->supernode);
	overlay_login_free(up->login_service);
	watch_free(&up->watch);
	for (size_t i = 0; i < WORKER_MAX; i++)
		pbx_server_free(up->pbx[i]);
	media_service_free(up->media);
	certificate_free(up->pbx_certificate);
	certificate_free(up->login_certificate);
	certificate_free(up->node_certificate);
	secret_wipe(&up->authority, sizeof(up->authority));
	log_sink_stop(&up->log);
}

static int open_home(struct up *up)
{
	char text[600], path[HOME_PATH_MAX + 128], dir[HOME_PATH_MAX];
	struct buf why;

	buf_init(&why, text, sizeof(text));
	if (!str_copy_z(up->settings.data, dir, sizeof(dir)) || file_mkdir(dir) != ERR_NONE) {
		command_say(up->command, STR_FMT ": no folder can be made there", STR_ARG(up->settings.data));
		return EXIT_CANT_CREATE;
	}
	snprintf(path, sizeof(path), "%s/tandem.log", dir);
	if (log_sink_start(&up->log, &up->clock, path, (enum log_level)up->settings.log_level,
			   up->settings.log_format == 1, 0)) {
		command_say(up->command, "%s cannot be written", path);
		return EXIT_CANT_CREATE;
	}
	enum err err = home_open(&up->home, up->settings.data, HOME_ALONE, &up->clock, &up->log.log, &why);
	if (err == ERR_NONE)
		err = home_claim(&up->home, up->settings.business, &why);
	if (err == ERR_NONE)
		return EXIT_OK;
	command_say(up->command, STR_FMT, STR_ARG(buf_str(&why)));
	home_close(&up->home);
	log_sink_stop(&up->log);
	return err == ERR_BUSY ? EXIT_TEMPORARY : EXIT_CANT_CREATE;
}

static int run_up(const struct command *self, int argc, char **argv)
{
	struct up *up = calloc(1, sizeof(*up));
	int code = EXIT_OS;

	if (!up)
		return code;
	up->command = self;
	code = command_settings(self, argc, argv, &up->settings, NULL)
		       ? watch_check(&up->watch, self, &up->settings.watch)
		       : EXIT_USAGE;
	if (code) {
		free(up);
		return code;
	}
	code = EXIT_OS;
	clock_start(&up->clock);
	for (size_t i = 0; i < sizeof(up->rng) / sizeof(up->rng[0]); i++)
		random_stream(&up->rng[i]);
	int n = up->settings.domain.n ? snprintf(up->domain, sizeof(up->domain), STR_FMT, STR_ARG(up->settings.domain))
				      : snprintf(up->domain, sizeof(up->domain), STR_FMT "." STR_FMT,
						 STR_ARG(up->settings.business), STR_ARG(up->settings.network));
	if (n >= (int)sizeof(up->domain)) {
		command_say(self, "--domain is too long");
		code = EXIT_USAGE;
	} else if (choose_addresses(up)) {
		code = open_home(up);
		if (code == EXIT_OK) {
			code = run_all(up);
			free_all(up);
		}
	} else {
		code = EXIT_UNAVAILABLE;
	}
	free(up);
	return code;
}

const struct command cmd_up = {
	.name = "up",
	.summary = "everything on one machine: PBX, login service, super node, edge",
	.text = "Needs no root, no configuration file and no answer to any question. What it keeps lives in the folder "
		"given "
		"by --data: a second start there finds the same accounts, keys and records.",
	.settings = up_table,
	.setting_n = sizeof(up_table) / sizeof(up_table[0]),
	.run = run_up,
};
