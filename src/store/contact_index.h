/*
 * store/contact_index.h - which change is the last word about a contact: 16 bytes each.
 *
 * Open addressing in the order of the names; a name is 64 bits of address and key under a key of this process, its
 * upper half of what stands before the '@', so that all of a user lie together. What a value means is the owner's
 * business (store/contact_log); 0: there is none.
 *
 * What is changed can be undone, back to the last contact_index_settle.
 *
 * Memory: contact_index_free. Thread: its owner's.
 */
#ifndef STORE_CONTACT_INDEX_H
#define STORE_CONTACT_INDEX_H

#include "base/err.h"
#include "base/str.h"

struct contact_slot {
	uint64_t name, value;
};

struct contact_index {
	uint64_t key[2];
	struct contact_slot *slots;
	size_t n, cap;                /* contacts, places */
	struct contact_slot *changes; /* private: what was before, in order */
	size_t change_n, change_cap;
};

void contact_index_init(struct contact_index *);
void contact_index_free(struct contact_index *);
/* Empties it; its names stay as they are. */
void contact_index_clear(struct contact_index *);

uint64_t contact_index_name(const struct contact_index *, str aor, str key);
uint64_t contact_index_value(const struct contact_index *, uint64_t name);
/* Room for `n` changes from here on. ERR_MEMORY. */
MUST_CHECK enum err contact_index_reserve(struct contact_index *, size_t n);
/* One of them; value 0 takes it out. Returns what was before. */
uint64_t contact_index_set(struct contact_index *, uint64_t name, uint64_t value);

/* Of those whose names have this upper half: start with *at = contact_index_home(); NULL: no further one. */
size_t contact_index_home(const struct contact_index *, uint64_t name);
const struct contact_slot *contact_index_walk(const struct contact_index *, size_t *at, uint64_t name);

/* Changes so far; all behind the first `n` are undone. */
void contact_index_undo(struct contact_index *, size_t n);
/* What was changed stays. */
void contact_index_settle(struct contact_index *);

#endif
