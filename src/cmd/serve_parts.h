/*
 * cmd/serve_parts.h - what the files of `tandem serve` share. Included by cmd/serve*.c only.
 *
 * serve.c has the table of settings and puts together what runs; serve_settings.c reads arguments and files and checks
 * what they say; serve_reload.c does so again while it runs; serve_tls.c (cmd/serve_tls.h) has the certificates.
 */
#ifndef CMD_SERVE_PARTS_H
#define CMD_SERVE_PARTS_H

#include "cmd/home.h"
#include "cmd/serve.h"
#include "cmd/serve_tls.h"
#include "cmd/watch.h"
#include "connect/extensions.h"
#include "io/driver.h"
#include "io/keeper_line.h"
#include "io/log_sink.h"
#include "io/thread.h"
#include "pbx/policy_file.h"

#include <pthread.h>
#include <stdatomic.h>

#define WORKER_MAX  61 /* of the 64 threads of a driver: two are the demo extensions', one the metrics' */
#define RELAY_MAX   64
#define TRUST_MAX   64
#define SESSION_MIN (90 * USEC_PER_SEC)
#define CONFIG_MAX  (1024 * 1024)
#define POLICY_MAX  (4 * 1024 * 1024)
#define SENT_BY_MAX 262 /* a host name and a port */

struct serve_settings {
	str data, config, policy, domain, listen, redirect, certificate, key, ca, tls_peers, host, trunk, relay, trust,
		path_trust;
	struct addr dns;
	usec session_expires, hunt_after, flow_timer;
	int64_t expires_spread, service_route, durability;
	int64_t workers, auth, flood_rate, log_level, identity, redirects;
	bool strangers, history, extensions, trace, json;
	struct watch_settings watch;
	int64_t log_format;
};

extern const struct conf_setting serve_table[];
extern const size_t serve_table_n;

/* All that runs. */
struct serve {
	const struct command *command;
	struct serve_settings settings;
	int argc;
	char **argv;
	struct conf_source source;
	struct buf config_text, policy_text; /* of the files */
	size_t rule_n;
	str redirect[RELAY_MAX];
	size_t redirect_n;
	int code;             /* of what is wrong with the settings */
	struct serve *latest; /* what the last reload has read: texts in use point into it */
	struct thread reloader;
	atomic_uint reloads; /* asked for and not done */
	atomic_uint settled; /* settings that workers have taken since the start */
	unsigned handed;     /* and that they were told; the reloader's */
	atomic_bool over;    /* the workers have ended */
	struct listen_list listen;
	str relay[RELAY_MAX], tls_peers[RELAY_MAX];
	size_t relay_n, tls_peer_n;
	struct pbx_listener listeners[LISTEN_MAX];
	char sent_by[LISTEN_MAX][SENT_BY_MAX];
	struct pbx_trust trusts[TRUST_MAX], path_trusts[TRUST_MAX];
	size_t trust_n, path_trust_n;
	struct clock clock;
	struct log_sink log;
	struct home home;
	struct keeper_line line;
	struct serve_tls tls;
	struct rng rng[WORKER_MAX];
	struct pbx_server *pbx[WORKER_MAX];
	struct rng extensions_rng, media_rng;
	struct extensions *extensions;
	struct media_service *media;
	struct watch watch;
	pthread_mutex_t printing;
	atomic_uint up[LISTEN_MAX]; /* workers that have their share of a listener */
	atomic_bool failed;
};

/* SIGHUP. Returns at once. */
void serve_hangup(void *serve);
/* A worker has taken what it was told. On its thread. */
void serve_settled(void *serve);

#endif
