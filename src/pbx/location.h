/*
 * pbx/location.h - who can be reached where: the bindings of addresses of record.
 *
 * RFC 3261 10.3, RFC 3327 (Path), RFC 5626 (flows). One shard of the table: with
 * several workers each holds the addresses whose hash is its own. In memory only; the
 * registrar gives each change to the keeper before it is acknowledged and puts
 * it in here after. One block of memory a binding, packed: about 50 bytes and its texts, less what many say
 * (pbx/vocabulary); times to 1/64 s. location_test measures it.
 *
 * What has expired is not found from that moment on. It is taken out by sweeps over the table, at once where
 * it is small, and at most 16 s later with a million contacts.
 *
 * Memory: what is put in is copied; a contact is valid until the next put, remove or tick. Thread: its owner's.
 */
#ifndef PBX_LOCATION_H
#define PBX_LOCATION_H

#include "base/rng.h"
#include "store/contact.h"

#define PBX_AOR_MAX      400 /* bytes of an address of record */
#define PBX_CONTACTS_MAX 10  /* bindings of one address of record */

struct pbx_location;

/* One binding; what it says by pbx_contact_record. */
struct pbx_contact;

/* Never more than `max` bindings. NULL: no memory. */
struct pbx_location *pbx_location_new(uint32_t max, struct rng *);
void pbx_location_free(struct pbx_location *);

/* Of an address, for the functions below that take it: worked out once, where one goes to the table several times. */
uint64_t pbx_location_hash(const struct pbx_location *, str aor);

/* An address that will be looked for soon: what stands under it is fetched meanwhile. The first time where its bindings
 * begin, the second time the first of them. */
void pbx_location_expect(const struct pbx_location *, uint64_t hash);
void pbx_location_expect_more(const struct pbx_location *, uint64_t hash);

/* Adds the binding, or replaces the one with the same aor and key. A binding that has expired at `now` is
 * ERR_EXPIRED and not taken. ERR_FULL: the table, or PBX_CONTACTS_MAX; ERR_LIMIT: a text above 64 kB; ERR_MEMORY. */
MUST_CHECK enum err pbx_location_put(struct pbx_location *, const struct contact_record *, usec now);
/* `*others`: how many more are bound to the address. */
MUST_CHECK enum err pbx_location_put_hashed(struct pbx_location *, const struct contact_record *, uint64_t hash,
					    usec now, size_t *others);
/* Harmless where it is not there. */
void pbx_location_remove(struct pbx_location *, str aor, str key);
/* The bindings of an address that have not expired, the highest q first, among equals the newest. Returns how many
 * were written to list[PBX_CONTACTS_MAX]. */
size_t pbx_location_find(const struct pbx_location *, str aor, usec now, const struct pbx_contact *list[]);
size_t pbx_location_find_hashed(const struct pbx_location *, str aor, uint64_t hash, usec now,
				const struct pbx_contact *list[]);
/* All that is known of a binding, as views into it. */
void pbx_contact_record(const struct pbx_contact *, struct contact_record *out);
/* What says whether a REGISTER is its refresh, and a newer one. */
struct pbx_contact_mark {
	str key, call_id;
	uint32_t cseq;
	usec registered;
};
void pbx_contact_mark(const struct pbx_contact *, struct pbx_contact_mark *out);
/* Forgets what has expired. (The keeper drops it by itself.) */
void pbx_location_tick(struct pbx_location *, usec now);
/* When to tick: at or before the first end, or later where many are there; USEC_NEVER: nothing is there. */
usec pbx_location_due(const struct pbx_location *);
size_t pbx_location_n(const struct pbx_location *);
/* Bytes of the block of a binding, for measuring. */
size_t pbx_contact_size(const struct pbx_contact *);

/* Which of `worker_n` shards has this address of record. The same in every process. */
uint16_t pbx_location_shard(str aor, uint16_t worker_n);

#endif
