/*
 * sip/stack_parts.h - the inside of sip/stack, shared by its files only.
 *
 * stack.c: beginning, end, the round of events. stack_table.c: transactions as objects and the steps of
 * their machines. stack_in.c: what came from the wire. stack_out.c: what the TU says.
 */
#ifndef SIP_STACK_PARTS_H
#define SIP_STACK_PARTS_H

#include "sip/client.h"
#include "sip/flows.h"
#include "sip/invite_client.h"
#include "sip/invite_server.h"
#include "sip/server.h"
#include "sip/stack.h"

#define SIP_TX_BRANCH_MAX 48 /* "z9hG4bK" and 32 hex digits */
#define SIP_TX_TAG_N      16
#define SIP_TX_ACKS_MAX   8  /* forked 2xx whose ACKs we repeat */
#define SIP_STACK_EVENTS  32 /* what one step can say at most */

enum sip_tx_kind { SIP_TX_CLIENT = 1, SIP_TX_INVITE_CLIENT, SIP_TX_SERVER, SIP_TX_INVITE_SERVER };

/* The ACK of one 2xx, to be said again. */
struct sip_tx_ack {
	struct sip_tx_ack *next;
	uint64_t tag; /* hash of the To tag */
	struct flow flow;
	struct sip_blob *blob;
};

struct sip_tx {
	struct heap_item timer;
	struct map_node node;      /* server: in `servers` by key; client: in `waiting` until its first answer */
	struct map_node held_node; /* INVITE server: in `held` until the ACK of its 2xx */
	struct sip_tx *older, *newer;
	handle self;
	uint64_t cookie;
	struct flow flow;
	struct sip_blob *message;      /* client: what is sent; server: what came, where it is kept */
	struct sip_blob *answer;       /* server: the last answer; INVITE client: the ACK of its 3xx..6xx */
	struct sip_blob *cancel_lines; /* INVITE client: what its CANCEL says besides */
	struct sip_tx_ack *acks;       /* INVITE client */
	handle cancel;                 /* INVITE client: its CANCEL's transaction */
	union {
		struct sip_client client;
		struct sip_invite_client invite_client;
		struct sip_server server;
		struct sip_invite_server invite_server;
	} machine;
	usec came;            /* server: when; 0: no more figures of it */
	uint16_t answer_port; /* server: where answers go at the source's address (18.2.2) */
	uint8_t kind;         /* enum sip_tx_kind */
	uint8_t method;       /* enum sip_method */
	uint8_t ack_n;
	bool mapped, holding;
	struct sip_tx_queue *queue; /* where it lingers */
	bool failed;                /* its way is gone; its timer rings at once */
	bool quiet;                 /* a CANCEL: the TU does not hear of it */
	bool sent;                  /* what it repeats has gone out once */
	bool opens, rang;           /* INVITE server: without a To tag; a sign of life was passed on */
	bool hears_load;            /* server: its sender understands RFC 7339 */
	bool short_enough;          /* INVITE client: the message is what is left of it */
	bool may_udp;               /* went to TCP for its length; UDP is still a way (18.1.1) */
};

/* What is said of a server transaction that is no more. */
struct sip_ended {
	uint64_t cookie;
	struct flow flow;
};

/*
 * Transactions that linger all do so for one of two times, so a queue keeps them in order of their end and
 * they burden no heap. The head is also the first to go when the table is full.
 */
struct sip_tx_queue {
	struct sip_tx *oldest, *newest;
};

enum { SIP_LINGER_SHORT, SIP_LINGER_LONG, SIP_LINGER_N };

struct sip_stack {
	struct sip_stack_config config;
	struct sip_flows flows;
	struct slab slab;
	struct map servers, waiting, held;
	struct heap timers;
	struct sip_tx_queue lingering[SIP_LINGER_N]; /* transactions that only soak up repeats: for T4; for 64 T1 */
	uint64_t key[2];
	struct sip_event events[SIP_STACK_EVENTS];
	unsigned event_at, event_n;
	struct sip_ended *ended; /* those for which there is no room above: their owner waits for each */
	size_t ended_n, ended_cap;
	struct arena arena, side_arena, kept_arena; /* of the message in hand; of one of ours; of sip_stack_kept */
	struct sip_msg msg, side, kept;
	struct flow in_flow;    /* of the message in hand */
	struct sip_tx *current; /* whose request is in hand */
	uint64_t in_key;        /* its name (17.2.3); 0: it has none yet */
	bool taken_wait;        /* a message of another worker waits in `taken` */
	struct flow taken_flow;
	str taken;
	struct sip_stack_stats stats;
	struct sip_figures figures;
	char tag[SIP_TX_TAG_N];
	char oc[96]; /* RFC 7339: said in the Via of answers */
	size_t oc_n;
	uint8_t binding[HOST_BINDING_N]; /* of the FLOW_UP in hand */

	char arena_first[SIP_MSG_ARENA], side_first[SIP_MSG_ARENA], kept_first[SIP_MSG_ARENA];
	char scratch[2 * SIP_MSG_MAX];
};

/* ---- stack_table.c ---- */

/* A new transaction in the table; makes room by ending the oldest lingering one. NULL: full. */
struct sip_tx *sip_tx_new(struct sip_stack *, enum sip_tx_kind, enum sip_method);
void sip_tx_free(struct sip_stack *, struct sip_tx *);
struct sip_tx *sip_tx_find(const struct sip_stack *, handle);
/* Does what its machine wants, then sets its timer. `tx` may be gone afterwards. */
void sip_tx_run(struct sip_stack *, struct sip_tx *, usec now);
/* Its time has come. */
void sip_tx_tick(struct sip_stack *, struct sip_tx *, usec now);
/* The next that has lingered long enough by `now`; NULL: none. And when there will be one. */
struct sip_tx *sip_tx_lingered(const struct sip_stack *, usec now);
usec sip_tx_linger_due(const struct sip_stack *);
/* An answer to `tx` goes out for the first time. */
void sip_tx_count(struct sip_stack *, struct sip_tx *, int status, usec now);
/* The same of an answer without a transaction, so long after its request. */
void sip_stack_count(struct sip_stack *, enum sip_method, int status, usec span);
/* Its way is gone: what follows comes out of the next sip_stack_next. */
void sip_tx_fail(struct sip_stack *, struct sip_tx *);
void sip_tx_wait(struct sip_stack *, struct sip_tx *);  /* into `waiting` */
void sip_tx_unmap(struct sip_stack *, struct sip_tx *); /* out of `servers` or `waiting` */
uint64_t sip_tx_where(const struct sip_stack *, const struct flow *);
/* branch text, n bytes; and back: the transaction it names, NULL where it is not one of ours. */
size_t sip_tx_branch(const struct sip_stack *, handle, char out[SIP_TX_BRANCH_MAX]);
struct sip_tx *sip_tx_of_branch(const struct sip_stack *, str branch);
void sip_tx_tag(const struct sip_stack *, uint64_t seed, char out[SIP_TX_TAG_N]);
/* Sends and tells the tap. */
enum err sip_stack_send(struct sip_stack *, const struct flow *, struct sip_blob *, usec now);
/* The same for a text that nobody else keeps: written into this buf, then sent, before anything else is. */
struct buf sip_stack_room(struct sip_stack *, const struct flow *);
enum err sip_stack_send_text(struct sip_stack *, const struct flow *, const struct buf *, usec now);
void sip_stack_emit(struct sip_stack *, const struct sip_event *);
/* A chain of keyed hashes: of `s` after what `so_far` stands for. */
static inline uint64_t sip_stack_hash(const struct sip_stack *stack, uint64_t so_far, str s)
{
	return str_hash(s, (const uint64_t[2]){ stack->key[0] ^ so_far, stack->key[1] });
}

/* ---- stack_in.c ---- */

/* The tag in answers to the request in hand that no transaction gives. */
void sip_stack_in_tag(struct sip_stack *, struct sip_msg *, char out[SIP_TX_TAG_N]);
/* Where they go. */
struct flow sip_stack_in_back(const struct sip_stack *, struct sip_msg *);
void sip_stack_in(struct sip_stack *, const struct flow *, str bytes, usec now);
/* The head of a message that cannot be framed: 400 where that is possible. */
void sip_stack_in_broken(struct sip_stack *, const struct flow *, str head, usec now);
uint64_t sip_stack_held_key(const struct sip_stack *, struct sip_msg *);
/* A kept message into ->side. false: it does not parse (it did once) or no memory. */
bool sip_stack_reparse(struct sip_stack *, struct sip_tx *);

/* ---- stack_out.c ---- */

/* The topmost Via of a request over this flow, a whole line with CRLF. */
void sip_stack_via(const struct sip_stack *, const struct flow *, str branch, str params, struct buf *out);
/* Our Via in the request that `tx` sends becomes one for tx->flow. */
MUST_CHECK enum err sip_stack_move_via(struct sip_stack *, struct sip_tx *, const struct flow *from);

#endif
