/*
 * pbx/location.h - who can be reached where: the bindings of addresses of record.
 *
 * RFC 3261 10.3, RFC 3327 (Path), RFC 5626 (flows). One shard of the table: with
 * several workers each holds the addresses whose hash is its own. In memory only; the
 * registrar gives each change to the keeper before it is acknowledged and puts
 * it in here after. One block of memory a binding, its texts behind it: about
 * 130 bytes and the texts (location_test measures it).
 *
 * Memory: what is put in is copied; a contact is valid until the next put, remove or tick. Thread: its owner's.
 */
#ifndef PBX_LOCATION_H
#define PBX_LOCATION_H

#include "base/heap.h"
#include "base/map.h"
#include "base/rng.h"
#include "store/contact.h"

#define PBX_AOR_MAX      400 /* bytes of an address of record */
#define PBX_CONTACTS_MAX 10  /* bindings of one address of record */

struct pbx_location;

/* One binding; its texts by pbx_contact_record. */
struct pbx_contact {
	struct map_node node; /* private, all of it */
	struct heap_item expiry;
	usec registered, updated;
	struct flow flow;
	uint32_t cseq, reg_id;
	uint16_t q;
	uint16_t aor_n, key_n, uri_n, params_n, call_id_n, instance_n, path_n, user_agent_n, machine_n;
	char text[];
};

/* Never more than `max` bindings. NULL: no memory. */
struct pbx_location *pbx_location_new(uint32_t max, struct rng *);
void pbx_location_free(struct pbx_location *);

/* Adds the binding, or replaces the one with the same aor and key. A binding that has expired at `now` is
 * ERR_EXPIRED and not taken. ERR_FULL: the table, or PBX_CONTACTS_MAX; ERR_LIMIT: a text above 64 kB; ERR_MEMORY. */
MUST_CHECK enum err pbx_location_put(struct pbx_location *, const struct contact_record *, usec now);
/* Harmless where it is not there. */
void pbx_location_remove(struct pbx_location *, str aor, str key);
/* The bindings of an address that have not expired, the highest q first, among equals the newest. Returns how many
 * were written to list[PBX_CONTACTS_MAX]. */
size_t pbx_location_find(const struct pbx_location *, str aor, usec now, const struct pbx_contact *list[]);
/* All that is known of a binding, as views into it. */
void pbx_contact_record(const struct pbx_contact *, struct contact_record *out);
/* Forgets what has expired. (The keeper drops it by itself.) */
void pbx_location_tick(struct pbx_location *, usec now);
usec pbx_location_due(const struct pbx_location *);
size_t pbx_location_n(const struct pbx_location *);

/* Which of `worker_n` shards has this address of record. The same in every process. */
uint16_t pbx_location_shard(str aor, uint16_t worker_n);

#endif
