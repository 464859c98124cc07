/*
 * overlay/supernode_inside.h - what the files of a super node share: its flows, and who does what with them.
 *
 * supernode.c is the service: listeners, flows, HELLO, directory. supernode_sip.c carries SIP
 * and keeps the links to other super nodes; supernode_roll.c learns the names that there are. For these alone.
 */
#ifndef OVERLAY_SUPERNODE_INSIDE_H
#define OVERLAY_SUPERNODE_INSIDE_H

#include "base/heap.h"
#include "base/map.h"
#include "base/slab.h"
#include "net/stun_server.h"
#include "overlay/directory.h"
#include "overlay/forward.h"
#include "overlay/outbox.h"
#include "overlay/stream.h"
#include "overlay/supernode.h"

#define SUPERNODE_LINK_FIRST 16 /* stream numbers of links */
#define SUPERNODE_LINK_IDLE  (600 * USEC_PER_SEC)

enum supernode_stage { STAGE_STRANGER, STAGE_OPENING, STAGE_STANDING, STAGE_CLOSING };

/* So much a second, twice that at once. */
struct supernode_bucket {
	usec at; /* the time up to which its content is used: in the past when there is some left */
};

/* A stream: of a node, of another super node, or one that we opened to another super node. */
struct supernode_flow {
	struct map_node by_id, by_tag, by_user;
	struct heap_item wake;
	handle self;
	uint32_t id;
	enum supernode_stage stage;
	bool opened;   /* a link: we are the opener */
	bool standing; /* in by_tag and by_user */
	enum overlay_role role;
	struct addr remote;
	uint8_t binding[HOST_BINDING_N];
	uint8_t pin[OVERLAY_KEY_N]; /* links */
	struct overlay_stream stream;
	struct overlay_name user;
	uint8_t device[OVERLAY_KEY_N], token[OVERLAY_TOKEN_N];
	usec not_after, heard, used;
	struct supernode_bucket sip, requests;
	uint32_t open;    /* requests that wait for the directory */
	struct buf queue; /* links: messages until it is up, u32 length before each */
};

struct supernode_pending {
	handle flow;
	uint32_t id;
};

struct overlay_supernode {
	struct overlay_supernode_setup setup;
	struct overlay_tokens tokens;
	struct overlay_forward *forward;
	struct overlay_directory *directory;
	struct overlay_outbox out;
	struct stun_server stun;
	struct slab slab, pendings;
	struct map by_id, by_tag, by_user;
	struct heap heap;
	struct supernode_bucket kbit;
	struct buf scratch; /* one SIP message */
	uint32_t link_next;
	uint64_t user_key[2];
	struct overlay_supernode_stats stats;
	int64_t roll_after;          /* the last person that the keeper has listed */
	usec roll_at;                /* when to ask again, after a failure */
	bool roll_asked, roll_stale; /* a list is under way; there may be more than it will say */
	bool stopping, stopped;
};

/* ---- supernode.c ---- */

/* Takes `cost` (of a second's worth) where it is there. */
bool overlay_supernode_take(struct supernode_bucket *, usec cost, usec now);
/* Seconds up to twice as many, so that those who are sent away do not come back together. */
uint32_t overlay_supernode_jitter(struct overlay_supernode *, uint32_t seconds);
struct supernode_flow *overlay_supernode_by_token(const struct overlay_supernode *,
						  const uint8_t token[OVERLAY_TOKEN_N]);
struct supernode_flow *overlay_supernode_by_id(const struct overlay_supernode *, uint32_t id);
/* A new flow with this stream; NULL: no room. */
struct supernode_flow *overlay_supernode_flow_add(struct overlay_supernode *, uint32_t id, usec now);
void overlay_supernode_flow_close(struct overlay_supernode *, struct supernode_flow *);

/* ---- supernode_roll.c ---- */

struct keeper_answer;

/* Which names there are, of the keeper: at the start, and whenever accounts have changed. */
void overlay_supernode_roll_start(struct overlay_supernode *, usec now);
void overlay_supernode_roll_answer(struct overlay_supernode *, const struct keeper_answer *, usec now);
void overlay_supernode_roll_tick(struct overlay_supernode *, usec now);

/* ---- supernode_sip.c ---- */

/* A SIP message that came over the flow. */
void overlay_supernode_sip(struct overlay_supernode *, struct supernode_flow *, str sip, usec now);
/* A link's stream is up; a message came over it; it is gone. */
void overlay_supernode_link_opened(struct overlay_supernode *, struct supernode_flow *, const uint8_t *binding,
				   usec now);
void overlay_supernode_link_message(struct overlay_supernode *, struct supernode_flow *, const struct overlay_message *,
				    usec now);
void overlay_supernode_link_lost(struct overlay_supernode *, struct supernode_flow *);

#endif
