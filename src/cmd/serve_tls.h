/*
 * cmd/serve_tls.h - the certificates of `tandem serve`: what it shows, whom it believes, and both anew.
 *
 * Three credential sets in the driver, made from files: `tls` for tls: addresses (clients are asked for a certificate
 * and need not have one; whoever's chain leads to an anchor has proved its domains, RFC 5922), `wss` for wss:
 * addresses (nobody is asked, for browsers would ask their user) and `out` to open connections to other domains with
 * (their certificate must bear the domain; ours is shown where they ask, RFC 5923).
 * serve_tls_reload() reads the files again: connections made from then on use what they say, those that are up go on
 * with what they have.
 *
 * Memory: the owner embeds the struct and ends it with serve_tls_free. Threads: start before the loops run, reload
 * from any one thread.
 */
#ifndef CMD_SERVE_TLS_H
#define CMD_SERVE_TLS_H

#include "cmd/command.h"
#include "cmd/home.h"
#include "io/driver.h"
#include "net/tls.h"

struct serve_tls {
	const struct command *command;
	struct driver *driver;
	struct home *home;               /* where the self-signed certificate is kept */
	str domain;                      /* whom that one is for */
	str certificate, key, ca;        /* paths; empty: self-signed, in `certificate`, the system's anchors */
	bool listens, calls;             /* are there tls: or wss: addresses; other domains that are called */
	uint16_t tls, wss, out;          /* numbers of the sets; 0: not needed */
	char pin[TLS_PIN_N + 1];         /* of the certificate shown; "": none */
	struct tls_credentials *sets[3]; /* private */
};

/* Makes the sets. EXIT_OK, or an exit code and has said why. */
int serve_tls_start(struct serve_tls *);
/* Reads the files again. On failure everything stays as it was, and `why` holds a sentence with the file. The pin is
 * the new one's afterwards. */
MUST_CHECK enum err serve_tls_reload(struct serve_tls *, struct buf *why);
void serve_tls_free(struct serve_tls *); /* after driver_free */

#endif
