/*
 * pbx/server.h - the exchange: registrar, location service and proxy of one worker.
 *
 * RFC 3261 section 10 and 16 as a service (base/host.h). At start it asks the keeper for the
 * digest realm and the bindings that have survived; then it listens. What it decides:
 *
 *  - REGISTER: digest by the accounts, rules of 10.3, 200 only after the keeper has committed.
 *  - requests to a local user: to his contacts, by q and what the caller prefers (pbx/target.h, RFC 3841), best
 *    answer back (16.7, pbx/best.h); a 3xx is followed as far as the caller may (docs/decisions/forking.md).
 *  - requests from a local user are authenticated (407); strangers may call local users where
 *    `strangers` says so, and nobody else: the exchange relays for no one it does not know.
 *  - who comes from one of `trusts` in the name of a local user is believed without a password; in
 *    another's, he may call local users.
 *  - names that are no local user, and the domains of `networks`, go to the account `trunk` (the edge registers
 *    as it), for authenticated local callers only; the trunk's account may call any local user.
 *  - other domains: where `relay_any` or `relay_domains` says so, for local callers only, by RFC 3263
 *    (sip/locate.h): from one server of the domain to the next after silence (INVITE: 500 ms without a
 *    100, others: 2 s), a failed connection or a 503.
 *  - requests inside dialogs follow the signed Record-Route (pbx/token.h).
 *
 * Several workers share the load by Call-ID (sip/transport.h) and address of record
 * (pbx/location.h); they are services number service_first .. + worker_n - 1 of one host.
 *
 * Memory: opaque. Thread: one for life.
 */
#ifndef PBX_SERVER_H
#define PBX_SERVER_H

#include "base/host.h"
#include "base/log.h"
#include "base/rng.h"
#include "pbx/hep.h"
#include "pbx/identity.h"
#include "sip/timing.h"

#define PBX_LISTENERS_MAX 32
#define PBX_KEY_N         32
#define PBX_JOBS_MAX      50000 /* requests in work at once; beyond: 503 */

struct pbx_listener {
	enum transport transport;
	struct addr local;
	uint16_t tls; /* credential set of the host */
	str sent_by;  /* host[:port] that phones know us by; empty: `local` */
};

/* Addresses whose users need no password. */
struct pbx_trust {
	struct addr net;
	unsigned bits;
};

/* Whom the registrar tells that its requests go by us: nobody, who came by another proxy, all. */
enum pbx_service_route { PBX_SERVICE_ROUTE_PATH = 0, PBX_SERVICE_ROUTE_NEVER, PBX_SERVICE_ROUTE_ALWAYS };

struct pbx_policy;

struct pbx_config {
	struct rng *rng;
	const struct log *log; /* may be NULL */
	uint16_t worker, worker_n;
	uint32_t service_first;
	str domain;          /* whose users these are */
	const str *networks; /* further domains that are reached through the trunk */
	size_t network_n;
	str trunk;      /* name of an account; empty: there is no trunk */
	bool relay_any; /* local users may call any domain; else these: */
	const str *relay_domains;
	size_t relay_domain_n;
	uint16_t tls_out;     /* credential set for TLS connections that we open; 0: we open none */
	const str *tls_peers; /* domains whose servers may call users here, as strangers do, where they prove */
	size_t tls_peer_n;    /* over TLS who they are (RFC 5922); at most 65535 */
	bool auth;            /* false: everyone is believed (--auth none) */
	const struct pbx_trust *trusts; /* sources that need no password: a From of the domain is believed there */
	size_t trust_n;
	const struct pbx_trust *path_trusts; /* sources whose Path may lead anywhere, and no more than that */
	size_t path_trust_n;
	bool md5, sha256; /* which digests are taken (sha256: both of RFC 8760's); whom which is offered: pbx/offer.h */
	bool redirect_any; /* users and domains that calls are not passed on to, but told where they are (RFC 3261 8.3):
			      any; or of these: ours, or such as relay_domains */
	const str *redirect_domains;
	size_t redirect_domain_n;
	struct pbx_policy *policy; /* the administrator's rules; the server's from pbx_server_new on; NULL: none */
	/* For who only asks what would be (pbx/rehearsal.h): hears how a request is decided, step by step, and who
	 * calls need not prove it: he is `explain_as`, or whom From names. Limits are not counted. NULL: nobody
	 * listens. */
	void (*explain)(void *self, const char *topic, str text);
	void *explain_self;
	str explain_as;
	usec explain_at;                 /* when it would be, for rules that look at the time; 0: now */
	bool strangers;                  /* callers of other domains may call local users */
	enum pbx_identity_mode identity; /* to whom the exchange says who its callers are */
	uint32_t session_expires;        /* seconds: session timers are asked for (RFC 4028 8.); 0: not by us */
	/* Names that are answered inside this process, where no account and no registration has them (for test drives):
	 * false: none of these; else where it is reached, empty: not up yet. On the worker's thread. NULL: there are
	 * none. */
	bool (*extension)(void *self, str name, struct buf *uri);
	void *extension_self;
	bool trace; /* every message to the keeper; without it, those that somebody follows (pbx/tracer.h) */
	struct pbx_hep_config hep;                          /* a copy of each to a capture server */
	uint8_t key[PBX_KEY_N];                             /* secret, of all workers: nonces and route tokens */
	uint32_t flood_rate;                                /* units a second and source (pbx/flood.h); 0: no guard */
	uint32_t contact_max;                               /* of a shard */
	uint32_t expires_min, expires_default, expires_max; /* seconds */
	usec ring_for;                                      /* timer C: above 3 minutes (16.6 item 11) */
	bool history;    /* History-Info is added to all requests; else where the caller knows it, or has some */
	bool recurse;    /* a 3xx of a callee is followed, to whom the caller may reach */
	usec hunt_after; /* how long phones ring before those of a lower q do; 0: q is not looked at, all ring together
			  */
	uint32_t expires_spread; /* percent: what is granted is less by a share of it, by chance (pbx/registrar.h) */
	uint32_t flow_timer; /* seconds between keep-alives that phones with outbound are told (RFC 5626); 0: none */
	enum pbx_service_route service_route; /* who is told to send by us (RFC 3608) */
	struct sip_timing timing;
	uint32_t id_first, id_n; /* numbers for sockets and streams */
	const struct pbx_listener *listeners;
	size_t listener_n;
	/* A listener is up (err ERR_NONE) or could not be had. May be NULL. */
	void (*listening)(void *self, size_t listener, enum err, const struct addr *local);
	void *listening_self;
	/* Settings that were told (PBX_NOTE_SETTINGS) are in force at this worker. On its thread. May be NULL. */
	void (*settled)(void *self);
	void *settled_self;
};

/* Everything that has a sensible default; the caller sets rng, domain, key and listeners. */
struct pbx_config pbx_config_default(void);

struct pbx_server;

/* The config is copied, what it points to is not: rng, log, trusts, and the texts of listeners must stay. NULL: no
 * memory. */
struct pbx_server *pbx_server_new(const struct pbx_config *);
void pbx_server_free(struct pbx_server *);
struct host_service pbx_server_service(struct pbx_server *);

struct pbx_server_stats {
	uint64_t registrations, refused_registrations, calls, relayed;
	uint64_t paths_refused; /* of these registrations, because their Path led elsewhere */
	uint64_t flood_dropped; /* requests of sources that had used up their allowance (pbx/flood.h), also those
				   answered 503 */
	uint64_t overload_refused,
		overload_lined,   /* 503 for want of time; registrations that waited in line (pbx/overload.h) */
		overload_crossed; /* repeats that lay unread behind their twin: dropped (pbx/crossed.h) */
	uint64_t wrong_passwords, guesses_unjudged; /* pbx/backoff.h */
	uint64_t flood_emptied;                     /* times that a source used it up */
	uint64_t policy_refused;                    /* requests that a rule has refused */
	uint64_t policy_over;                       /* of these, because a limit was reached */
	uint64_t redirected;                        /* requests that were answered with where to go (3xx) */
	uint64_t astray;       /* of calls with neighbours that did not lead where these were: refused */
	uint32_t policy_calls; /* calls that count against limits now */
	uint32_t contacts, jobs;
	uint32_t flows_bound; /* bindings over streams that are open here (pbx/stream_book.h) */
	uint32_t numbers;     /* ranges of telephone numbers; the same in all workers */
};
void pbx_server_stats(const struct pbx_server *, struct pbx_server_stats *out);
/* What each rule of the policy has decided here, in their order; it is called once for each. The name is valid within
 * the call. */
struct pbx_rule_stats;
void pbx_server_rules(const struct pbx_server *, void (*hear)(void *self, str name, const struct pbx_rule_stats *),
		      void *self);
/* All that its rooms have counted (pbx/figures.h). A service that is no worker asks by a note PBX_NOTE_FIGURES. */
struct pbx_figures;
void pbx_server_figures(const struct pbx_server *, struct pbx_figures *out);

#endif
