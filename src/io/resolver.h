/*
 * io/resolver.h - addresses of a host name, asynchronously, through c-ares.
 *
 * A and AAAA, IPv6 first where the system prefers it (RFC 6724); /etc/hosts counts.
 * Bound: RESOLVER_ASKS questions at a time. Thread: the loop's.
 */
#ifndef IO_RESOLVER_H
#define IO_RESOLVER_H

#include "base/addr.h"
#include "base/err.h"
#include "base/time.h"
#include "io/loop.h"

#define RESOLVER_ASKS  1024
#define RESOLVER_ADDRS 16

struct resolver;

/* `found` is called from within loop_step, resolver_tick or resolver_ask, once for each question, with
 * port 0 addresses or n = 0 and ERR_ABSENT (no such name), ERR_TIMEOUT, ERR_SYNTAX (no name), ERR_FULL,
 * ERR_MEMORY, ERR_IO (name server); ERR_CLOSED when the resolver goes. `dns` unset: the system's servers.
 * NULL: no memory. */
struct resolver *resolver_new(struct loop *, const struct addr *dns,
			      void (*found)(void *self, uint64_t token, enum err, const struct addr *, size_t n),
			      void *self);
void resolver_free(struct resolver *);
void resolver_ask(struct resolver *, uint64_t token, str name);
/* How long until resolver_tick is wanted; USEC_NEVER: nothing is asked. */
usec resolver_span(struct resolver *);
void resolver_tick(struct resolver *);

#endif
