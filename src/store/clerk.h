/*
 * store/clerk.h - carries one question out over a database.
 *
 * Knows what each question means in statements; knows nothing of threads, files or
 * time. io/keeper runs it on its thread, in one transaction for many questions;
 * the simulation runs it in place (store_clerk_answer).
 *
 * Memory: store_clerk_new / _free; the db stays the caller's. Thread: the db's.
 */
#ifndef STORE_CLERK_H
#define STORE_CLERK_H

#include "crypt/password.h"
#include "store/db.h"
#include "store/keeper.h"

struct store_clerk;

struct store_clerk *store_clerk_new(struct db *);
void store_clerk_free(struct store_clerk *);

/* Does it write? (Which transaction it needs.) */
bool store_clerk_writes(enum keeper_kind);
/* Does it change what KEEPER_CHANGED tells of? */
bool store_clerk_concerns(enum keeper_kind);
/* Must it pass store_clerk_hash first? PERSON_ADD, PERSON_PASSWORD. */
bool store_clerk_hashes(enum keeper_kind);

/*
 * Carries the question out within the caller's transaction; what a failed one did is undone
 * by itself. The answer holds once the transaction is committed. NULL: no memory.
 *
 * Questions that store_clerk_hashes names come with the hash in them. To PERSON_CHECK it answers
 * what it found, .hash included, ERR_NONE and no row where there is nobody: store_clerk_judge ends it.
 */
struct keeper_answer *store_clerk_do(struct store_clerk *, const struct keeper_ask *);

/* The caller's transaction is over: committed, or rolled back. */
void store_clerk_settle(struct store_clerk *, bool kept);

/* The slow part of those: a copy of the question with the hash instead of the password. ERR_SYNTAX: none;
 * ERR_LIMIT: too long; ERR_MEMORY. Any thread. */
MUST_CHECK enum err store_clerk_hash(const struct keeper_ask *, struct password_cost, struct keeper_ask **out);
/* Its failure in words. */
const char *store_clerk_hash_why(enum err);
/* The slow part of PERSON_CHECK: what to answer, given what was found. It takes as long where nobody was found.
 * NULL: no memory. Any thread. */
struct keeper_answer *store_clerk_judge(const struct keeper_ask *, const struct keeper_answer *found,
					struct password_cost);

/* All of it in one go, in a transaction of its own: for tests and the simulation. NULL: no memory. */
struct keeper_answer *store_clerk_answer(struct store_clerk *, const struct keeper_ask *, struct password_cost);

#endif
