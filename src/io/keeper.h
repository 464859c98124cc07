/*
 * io/keeper.h - the thread that alone owns the database.
 *
 * Takes questions (store/keeper.h) from any thread, carries out what has gathered in
 * one transaction, and answers after COMMIT: while one fsync runs, the next batch
 * gathers. Where COMMIT fails, every question of the batch that wrote is answered
 * with that error. Passwords are hashed on a few threads of its own, so they hold
 * up nobody.
 *
 * Contacts go ahead where the setup says so (io/journal): a KEEPER_CONTACT_BATCH is answered within keeper_post, as
 * soon as it is in a file that outlives the process, and reaches the database with the next commit, KEEPER_AHEAD_MS
 * later at most. Kill -9 loses nothing; a power cut could lose what was answered in that time. Who asks the same keeper
 * after it finds it; who opens the database beside it waits as long. While a commit fails, nothing goes ahead, and what
 * has is tried again. What an earlier process has left is taken over by whoever opens the database next; until that has
 * succeeded he only reads.
 *
 * Every question gets exactly one answer, also where the queue is full (ERR_FULL, at once)
 * and where the keeper is ending (ERR_STATE).
 *
 * Under io/driver: see io/keeper_line.
 *
 * Thread: all functions but start and stop from any.
 */
#ifndef IO_KEEPER_H
#define IO_KEEPER_H

#include "base/log.h"
#include "crypt/password.h"
#include "io/figures.h"
#include "store/keeper.h"

struct keeper;

#define KEEPER_AHEAD_MS 100

struct keeper_setup {
	const char *path;          /* the database file, e.g. DIR/tandem.db; its folder must be there */
	const struct log *log;     /* may be NULL; outlives the keeper */
	struct password_cost cost; /* of new hashes; {0}: password_cost_today() */
	uint32_t busy_ms;          /* wait for other processes this long; 0: 5000 */
	uint32_t queue_max;        /* questions waiting; 0: 8192 */
	uint32_t hash_threads;     /* 0: 2; at most 16 */
	uint32_t hash_max;         /* password hashes waiting; 0: 64; above: ERR_BUSY */
	uint32_t look_ms;          /* how often to look whether another process wrote; 0: only when asked something */
	uint32_t page_max;         /* as db_sqlite_setup.page_max */
	bool ahead;                /* contacts are answered before they are in the database */
};

/* Opens the database and starts the threads. Errors as db_sqlite_open, with a sentence in `why`. */
MUST_CHECK enum err keeper_start(const struct keeper_setup *, struct keeper **out, char *why, size_t why_n);
/* Carries out and answers what was asked before, closes the database, ends the threads. NULL is fine. */
void keeper_stop(struct keeper *);

/* Who gets the answer. Called on one of the keeper's threads, or within keeper_post; the answer is now its own
 * (keeper_answer_free); NULL: there was no memory for one. It must not block. */
struct keeper_port {
	void *self;
	void (*answer)(void *self, struct keeper_answer *);
};

/* Takes the question over (NULL: nothing happens, nothing is answered). */
void keeper_post(struct keeper *, struct keeper_port, struct keeper_ask *);
/* Asks and waits: for the command line and tests. The model is not kept. NULL: no memory. */
struct keeper_answer *keeper_wait(struct keeper *, const struct keeper_ask *model);

/* Adds what it has counted so far. Any thread. */
void keeper_figures(const struct keeper *, struct io_figures *sum);

#endif
