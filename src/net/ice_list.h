/*
 * net/ice_list.h - the candidates of both sides and the pairs to check, for net/ice.
 *
 * Priorities, foundations, pairing, pruning and the choice of the next pair (RFC 8445 5.1.2, 6.1.2,
 * 6.1.4.2). Knows no message and no time but what is noted in its pairs. As pairs are checked from a
 * base, only host candidates are paired; a reflexive one would be pruned at once (6.1.2.4).
 *
 * Memory: the agent embeds it; pairs do not move until ice_list_clear(). Thread: its owner's.
 */
#ifndef NET_ICE_LIST_H
#define NET_ICE_LIST_H

#include "net/ice.h"
#include "net/stun.h"

enum ice_check_state { ICE_CHECK_FRESH, ICE_CHECK_RUNNING, ICE_CHECK_SUCCEEDED, ICE_CHECK_FAILED };

/* A pair and the check on it. Fresh ones are Waiting or Frozen in the words of the RFC. */
struct ice_check {
	uint8_t local, remote; /* indices; local is a host candidate */
	enum ice_check_state state;
	uint64_t priority;
	uint32_t turn; /* place in the triggered-check queue; 0: not in it */
	bool heard;    /* a request of theirs with our password came from there */
	bool valid;    /* a response came: data may flow */
	bool nominated;
	bool nominating;     /* we chose it: the next check carries USE-CANDIDATE */
	bool use_sent;       /* the request that is out does */
	bool peer_nominated; /* theirs did */
	bool controlling;    /* role in the request that is out */
	bool has_old;
	uint8_t id[STUN_ID_N], old_id[STUN_ID_N]; /* the transaction, and the one it took over from (7.3.1.4) */
	unsigned sends;
	usec sent_at, repeat_at, rto;
	usec rtt;
	struct addr mapped;
	enum ice_type mapped_type;
};

struct ice_local {
	struct ice_candidate c;
	uint8_t base;        /* index of the host candidate it is sent from; a host's own */
	uint16_t preference; /* RFC 8445 5.1.2.1 */
	bool told;
};

struct ice_list {
	bool controlling;
	struct ice_local locals[ICE_LOCAL_MAX];
	size_t local_n;
	struct ice_candidate remotes[ICE_REMOTE_MAX];
	size_t remote_n;
	struct ice_check checks[ICE_PAIR_MAX];
	size_t check_n;
	uint32_t turn; /* last one given */
};

/* RFC 8445 5.1.2.1, component 1. */
uint32_t ice_list_priority(enum ice_type, uint16_t preference);

/* Can a candidate have this address at all? */
bool ice_list_usable(const struct addr *);
/* A host candidate. ERR_FULL, ERR_EXISTS. */
MUST_CHECK enum err ice_list_add_host(struct ice_list *, uint32_t socket, const struct addr *);
/* A reflexive one learnt from server number `server`; false where it is redundant (5.1.3) or the list full. */
bool ice_list_add_reflexive(struct ice_list *, size_t base, const struct addr *mapped, size_t server);
/* New, or (7.3.1.3) the true nature of one learnt from a check. ERR_FULL. `*index` is its place. */
MUST_CHECK enum err ice_list_add_remote(struct ice_list *, const struct ice_candidate *, size_t *index);
/* Pairs host candidate and remote where they can speak with each other; NULL: they cannot, or the list
 * is full of better ones (6.1.2.5). */
struct ice_check *ice_list_pair(struct ice_list *, size_t local, size_t remote);
struct ice_check *ice_list_find(struct ice_list *, size_t local, const struct addr *remote);
/* Index of the host candidate with this socket; local_n: none. */
size_t ice_list_base(const struct ice_list *, uint32_t socket);
/* How the address stands among our candidates: host, reflexive, else peer-reflexive. */
enum ice_type ice_list_type_of(const struct ice_list *, const struct addr *);
/* The other role: all priorities anew (6.1.2.3). */
void ice_list_set_role(struct ice_list *, bool controlling);
/* Into the triggered-check queue, once (6.1.4.1). */
void ice_list_trigger(struct ice_list *, struct ice_check *);
/* The next to check: the triggered ones in their order, then the best fresh one that is not frozen
 * (6.1.4.2); with `only_triggered` just the former. NULL: none. */
struct ice_check *ice_list_take(struct ice_list *, bool only_triggered);
/* Would ice_list_take() find one? */
bool ice_list_has(const struct ice_list *, bool only_triggered);
/* The best valid pair, nominated ones before others; NULL: none. */
struct ice_check *ice_list_best(struct ice_list *);
/* Is there a pair better than this one that may still turn out to work? */
bool ice_list_hopes_above(const struct ice_list *, const struct ice_check *);
/* Has every pair failed (none at all counts)? */
bool ice_list_all_failed(const struct ice_list *);
/* Forgets pairs and remote candidates. */
void ice_list_clear(struct ice_list *);

#endif
