/*
 * store/trace_filter.h - which messages of a trace somebody wants to see.
 *
 * As words, "call=3848@host user=101 method=INVITE status=400-499 source=192.0.2.0/24 until=1795435200000000": what is
 * named must fit, what is not does not matter. `tandem trace` keeps such words as a setting, named TRACE_FOLLOW and
 * something of its own, while somebody follows; a server that finds one traces what fits.
 *
 * Memory: a filter's strs point into the text. Thread: any.
 */
#ifndef STORE_TRACE_FILTER_H
#define STORE_TRACE_FILTER_H

#include "base/addr.h"
#include "base/time.h"

#define TRACE_FOLLOW     "trace.follow."
#define TRACE_FILTER_MAX 600 /* bytes of one in words */

struct trace_filter {
	str call;                           /* Call-ID or Session-ID */
	str user;                           /* in From, To or the Request-URI */
	str method;                         /* of CSeq: INVITE and its answers */
	uint32_t status_first, status_last; /* 0: any; else answers of these */
	struct addr source;                 /* the far end's network; family 0: any */
	uint32_t bits;
	uint64_t until; /* usec; 0: for ever */
};

/* What a message is, for trace_filter_fits; status 0: a request. */
struct trace_facts {
	str call_id, session, from_user, to_user, uri_user, method;
	uint32_t status;
	struct addr remote;
};

/* ERR_SYNTAX, ERR_LIMIT with a sentence in *why. */
MUST_CHECK enum err trace_filter_parse(str text, struct trace_filter *out, struct buf *why);
/* One of its words, "status=4xx" as well as "status=400-499" or "status=486". The same errors. */
MUST_CHECK enum err trace_filter_set(struct trace_filter *, str name, str value, struct buf *why);
void trace_filter_write(const struct trace_filter *, struct buf *);
bool trace_filter_fits(const struct trace_filter *, const struct trace_facts *);

#endif
