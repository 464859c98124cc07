/*
 * pbx/rehearsal.h - what the exchange would do with a request, without a word to anybody.
 *
 * A whole exchange (pbx/server.h) as a service on a host of its own, and around it a wall: it reads the keeper's
 * accounts, contacts and numbers and asks the name server, but binds no socket, opens no connection, sends nothing and
 * changes nothing in the store. It is given one request as if from `source`; what it decides, and what it would send
 * where, is told step by step. So an explanation is the program itself, not a second opinion about it.
 *
 * Not known here: what only the running exchange has in memory - how many calls count against limits, which
 * connections phones have opened, which servers are avoided for a while.
 *
 * It ends (HOST_STOP) once the caller would have its final answer, or the request is out, or after
 * PBX_REHEARSAL_PATIENCE.
 *
 * Memory: opaque. Thread: its owner's.
 */
#ifndef PBX_REHEARSAL_H
#define PBX_REHEARSAL_H

#include "pbx/server.h"

#define PBX_REHEARSAL_PATIENCE (15 * USEC_PER_SEC)
#define PBX_REHEARSAL_QUIET                                                                                            \
	(200 * USEC_PER_MS) /* after what was sent first; then servers that are silent would be passed by */

struct pbx_rehearsal_setup {
	/* As of the exchange that is meant, with its listeners and the policy, which is taken; rng and domain are set.
	 * Its explain is ours. */
	struct pbx_config config;
	str request;        /* a whole SIP request, without Via (pbx_rehearsal_request writes one) */
	struct addr source; /* who it is from */
	usec at;            /* for rules that look at the time; 0: now */
	/* `topic`: "caller", "way", "rule", "limit", "number", "verdict", "contact", "redirect", "dns", "send",
	 * "answer". */
	void (*hear)(void *self, const char *topic, str text);
	void *self;
};

struct pbx_rehearsal;

/* Texts of the setup must stay. NULL: no memory. */
struct pbx_rehearsal *pbx_rehearsal_new(const struct pbx_rehearsal_setup *);
void pbx_rehearsal_free(struct pbx_rehearsal *);
struct host_service pbx_rehearsal_service(struct pbx_rehearsal *);
/* The caller's final answer, 0: none, as the request went out. */
int pbx_rehearsal_status(const struct pbx_rehearsal *);

/* A request of this method for the URI, as a phone of `from` would begin with. ERR_SYNTAX: no URI; ERR_FULL. */
MUST_CHECK enum err pbx_rehearsal_request(str method, str from, str to, const struct addr *source, struct buf *out);

#endif
