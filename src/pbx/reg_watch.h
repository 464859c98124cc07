/*
 * pbx/reg_watch.h - which registrations are watched, at the shard that has them.
 *
 * A subscription lives at the worker of its Call-ID, what it is about at the shard of the address. Here the shard notes
 * which workers want to know of which address, and what it told them last: so a change is found by comparing, whatever
 * brought it about, and contacts that expire are told of though nobody says so.
 *
 * Memory: opaque; rows are copied. Thread: its owner's.
 */
#ifndef PBX_REG_WATCH_H
#define PBX_REG_WATCH_H

#include "base/rng.h"
#include "pbx/reg_event.h"

#define PBX_REG_WATCH_MAX     50000 /* addresses of a shard */
#define PBX_REG_WATCH_WORKERS 64
#define PBX_REG_REPORT_MAX    (2 * PBX_CONTACTS_MAX)

struct pbx_reg_watch;

/* What is to be told: all contacts there are, and those that have gone. Views. */
struct pbx_reg_report {
	struct contact_record rows[PBX_REG_REPORT_MAX];
	uint8_t what[PBX_REG_REPORT_MAX]; /* enum pbx_reg_what */
	size_t n;
	uint64_t workers; /* a bit for each that wants to know */
	bool news;        /* anything has changed */
};

/* NULL: no memory. */
struct pbx_reg_watch *pbx_reg_watch_new(struct rng *);
void pbx_reg_watch_free(struct pbx_reg_watch *);
/* ERR_FULL, ERR_MEMORY, ERR_LIMIT: no such worker. */
MUST_CHECK enum err pbx_reg_watch_add(struct pbx_reg_watch *, str aor, uint16_t worker);
void pbx_reg_watch_drop(struct pbx_reg_watch *, str aor, uint16_t worker);

/* What has become of an address that has these bindings now; contacts that have gone before their time are `gone`.
 * Valid until pbx_reg_watch_note. false: nobody watches it. */
bool pbx_reg_watch_compare(const struct pbx_reg_watch *, str aor, const struct contact_record *rows, size_t n,
			   enum pbx_reg_what gone, usec now, struct pbx_reg_report *out);
/* That has been told: these are the bindings now. ERR_MEMORY: it will be told again. */
MUST_CHECK enum err pbx_reg_watch_note(struct pbx_reg_watch *, str aor, const struct contact_record *rows, size_t n);
/* An address of which a contact has expired, into out[PBX_AOR_MAX]; empty: none. Compare it. */
str pbx_reg_watch_take(struct pbx_reg_watch *, usec now, char *out);
usec pbx_reg_watch_due(const struct pbx_reg_watch *);
size_t pbx_reg_watch_n(const struct pbx_reg_watch *);

#endif
