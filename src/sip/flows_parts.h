/*
 * sip/flows_parts.h - the inside of sip/flows, shared by its files only.
 *
 * flows.c: listeners, streams as objects, what comes in, time. flows_out.c: which way a message takes, connections that
 * are opened or used again for it, and what is said over them.
 */
#ifndef SIP_FLOWS_PARTS_H
#define SIP_FLOWS_PARTS_H

#include "sip/flows.h"
#include "sip/frame.h"

#define SIP_STREAM_PIECE (4u * 65536u) /* an unfinished message and one read of the host's behind it */

enum sip_stream_state { SIP_STREAM_OPENING, SIP_STREAM_OPEN, SIP_STREAM_CLOSING };

struct sip_stream {
	struct map_node by_id, by_remote, by_alias;
	struct heap_item deadline;
	struct flow flow;
	enum sip_stream_state state;
	bool ours;      /* we opened it */
	bool deaf;      /* what comes in cannot be read any more; answers may still go out */
	bool adopted;   /* its owner watches it: no times */
	bool gone_said; /* GONE was said ahead of CLOSED */
	uint16_t tls;
	char *name; /* ours: that was asked for */
	size_t name_n;
	struct sip_blob *proved; /* host_event.proved; NULL: nothing */
	struct addr alias;       /* accepted: unset, or where requests would go that may come by this stream instead */
	struct sip_frame frame;
	struct buf kept; /* an unfinished message */
	usec idle_max;   /* it may be silent for so long */
	usec idle_at, partial_at, pong_at;
};

/* What sip_flows_next says next. ERR_FULL. */
MUST_CHECK enum err sip_flows_notice(struct sip_flows *, const struct sip_flows_event *, struct sip_blob *);
struct sip_stream *sip_stream_find(const struct sip_flows *, uint32_t id);
/* `name`: see the struct; copied. NULL: full, no memory. */
struct sip_stream *sip_stream_new(struct sip_flows *, const struct flow *, str name, uint16_t tls);
void sip_stream_remove(struct sip_flows *, struct sip_stream *);
/* The host is asked to end it; once. */
void sip_stream_close(struct sip_flows *, struct sip_stream *);
/* Its times have changed. */
void sip_stream_arm(struct sip_flows *, struct sip_stream *);
/* A ping or pong. */
void sip_stream_crlf(struct sip_flows *, const struct flow *, str text);
/* Where it stands in by_remote and by_alias. */
uint64_t sip_stream_hash(const struct sip_flows *, enum transport, const struct addr *remote);

#endif
