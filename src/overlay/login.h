/*
 * overlay/login.h - the login service: a name and a password against a certificate.
 *
 * The one central thing of the peer network (docs/wire/overlay.md, LOGIN and RENEW): a
 * host_service with a TLS listener. The keeper checks the password (argon2id, on its own
 * thread) and names unknown users with the same answer after the same work. Guessing is slowed
 * by (source, name), a whole source only when it does nothing but fail.
 *
 * Bounds: flows, 8 checks a source and 256 in all at the keeper, 65536 back-off entries (the
 * one untouched longest goes first). Memory: owns everything; free it after its host.
 * Thread: its host's.
 */
#ifndef OVERLAY_LOGIN_H
#define OVERLAY_LOGIN_H

#include "base/host.h"
#include "base/log.h"
#include "base/rng.h"
#include "overlay/identity.h"

struct overlay_login;

struct overlay_login_setup {
	struct overlay_domain network;
	struct sign_pair authority; /* copied, and wiped at the end */
	usec life;                  /* of a certificate, 24..72 h; 0: 48 h */
	struct addr listen;         /* TLS */
	uint16_t tls;               /* credential set, ALPN OVERLAY_ALPN */
	uint32_t flow_max;          /* 0: 4096 */
	struct rng *rng;            /* a true one; outlives the service */
	const struct log *log;      /* may be NULL */
};

struct overlay_login_stats {
	uint32_t flows, waiting; /* now */
	uint64_t logins, renewals, wrong, slowed, shed;
	struct addr bound;
};

struct overlay_login *overlay_login_new(const struct overlay_login_setup *, usec now); /* NULL: no memory */
void overlay_login_free(struct overlay_login *);
struct host_service overlay_login_service(struct overlay_login *);
void overlay_login_stats(const struct overlay_login *, struct overlay_login_stats *out);

#endif
