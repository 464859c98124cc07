/*
 * pbx/reg_event.h - what is told to those who watch a registration: documents of the reg event package.
 *
 * RFC 3680 with the GRUUs of RFC 5628: application/reginfo+xml. The state of one address of record is kept as the shard
 * told it last (pbx/reg_watch.h), each contact with the number of the change that touched it, and those that
 * went lately. So every subscriber gets what has happened since his last document, or all where he has none.
 *
 * Memory: opaque. Thread: its owner's.
 */
#ifndef PBX_REG_EVENT_H
#define PBX_REG_EVENT_H

#include "pbx/gruu.h"
#include "pbx/location.h"
#include "pbx/subscription.h"

extern const struct pbx_package pbx_reg_package;

/* RFC 3680 4.7.1: what became of a contact. From PBX_REG_EXPIRED on it is gone. */
enum pbx_reg_what {
	PBX_REG_SAME = 0,
	PBX_REG_REGISTERED,
	PBX_REG_CREATED, /* by an administrator */
	PBX_REG_REFRESHED,
	PBX_REG_SHORTENED,
	PBX_REG_EXPIRED,
	PBX_REG_UNREGISTERED,
	PBX_REG_DEACTIVATED, /* its flow is gone, or others took its place: let it register anew */
	PBX_REG_PROBATION,
	PBX_REG_REJECTED,
};

struct pbx_reg_state;

/* The state after a change: `rows` are all contacts there are and those that have just gone, each with what became of
 * it. `old` may be NULL; it is freed. NULL: no memory, and `old` is as it was. */
struct pbx_reg_state *pbx_reg_state_new(struct pbx_reg_state *old, const struct contact_record *rows,
					const uint8_t *what, size_t n);
/* Are they states of one contact? */
bool pbx_reg_event_same(const struct contact_record *, const struct contact_record *);
void pbx_reg_state_free(void *state);
/* The number of its last change: what a document made of it has `seen`. */
uint64_t pbx_reg_state_seen(const struct pbx_reg_state *);

/* The document number `version` for who has seen that much; 0: nothing, he gets all. */
void pbx_reg_event_write(const struct pbx_reg_state *, str aor, uint64_t seen, uint32_t version, struct pbx_gruus *,
			 usec now, struct buf *out);

#endif
