/*
 * io/resolver.h - what the name server says of a name, asynchronously, through c-ares.
 *
 * Addresses: A and AAAA are two questions; whoever has one kind waits RESOLVER_OTHER for the other and no longer, for
 * there are name servers that never answer the question for AAAA (RFC 8305 3.; an answer that lacks one kind for
 * that reason is good for RESOLVER_HALF seconds). IPv6 first where this machine has a way to it, then each kind as the
 * system orders it (RFC 6724); /etc/hosts counts. localhost is this machine, nobody is asked (RFC 6761 6.3).
 * SRV and NAPTR: of the name as it stands, at most RESOLVER_RECORDS of them.
 * Bound: RESOLVER_ASKS questions at a time. Thread: the loop's.
 */
#ifndef IO_RESOLVER_H
#define IO_RESOLVER_H

#include "base/addr.h"
#include "base/err.h"
#include "base/host.h"
#include "base/time.h"
#include "io/clock.h"
#include "io/loop.h"

#define RESOLVER_ASKS    1024
#define RESOLVER_ADDRS   16
#define RESOLVER_RECORDS 64
#define RESOLVER_OTHER   (50 * USEC_PER_MS)
#define RESOLVER_HALF    10

struct resolver;

/* Views, valid within the call. */
struct resolver_answer {
	enum err err; /* ABSENT (no such name, or none of this kind), TIMEOUT, SYNTAX (no name), FULL, MEMORY, IO (name
			 server); CLOSED when the resolver goes. Without it there is something. */
	const struct addr *addrs; /* port 0 */
	size_t addr_n;
	const struct host_record *records;
	size_t record_n;
	uint32_t ttl_s; /* the least of them; 0: nobody said */
};

/* `found` is called from within loop_step, resolver_tick or resolver_ask, once for each question. `dns` unset: the
 * system's servers. NULL: no memory. */
struct resolver *resolver_new(struct loop *, const struct clock *, const struct addr *dns,
			      void (*found)(void *self, uint64_t token, const struct resolver_answer *), void *self);
void resolver_free(struct resolver *);
void resolver_ask(struct resolver *, uint64_t token, enum host_question, str name);
/* How long until resolver_tick is wanted; USEC_NEVER: nothing is asked. */
usec resolver_span(struct resolver *);
void resolver_tick(struct resolver *);
/* The least time to live in the answer section of a message (RFC 1035 4.1), which c-ares keeps to itself for SRV and
 * NAPTR; 0: there is none, or the message breaks off before one. */
uint32_t resolver_ttl(const unsigned char *message, size_t n);

#endif
