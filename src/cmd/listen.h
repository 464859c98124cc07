/*
 * cmd/listen.h - `--listen udp:ADDR:PORT,tcp:ADDR:PORT,tls:ADDR:PORT,ws:..,wss:..` as a list.
 */
#ifndef CMD_LISTEN_H
#define CMD_LISTEN_H

#include "base/buf.h"
#include "base/host.h"

#define LISTEN_MAX 32

struct listen {
	enum transport transport;
	struct addr addr; /* the port is the transport's own where none was given; 0: any free one */
};

struct listen_list {
	struct listen at[LISTEN_MAX];
	size_t n;
};

/* ERR_SYNTAX, ERR_LIMIT, with a sentence in *why; `out` is then untouched. */
MUST_CHECK enum err listen_parse(str text, struct listen_list *out, struct buf *why);
bool listen_has(const struct listen_list *, enum transport);
bool listen_has_secure(const struct listen_list *); /* TLS or WSS: a certificate is needed */

/* Why an address could not be had, for a person. */
const char *listen_trouble(enum err);

#endif
