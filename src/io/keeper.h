/*
 * io/keeper.h - the thread that alone owns the database.
 *
 * Takes questions (store/keeper.h) from any number of ports, carries out what has
 * gathered in one transaction, and answers after COMMIT: while one fsync runs,
 * the next batch gathers. Where COMMIT fails, every question of the batch that
 * wrote is answered with that error. Passwords are hashed by a few threads of
 * its own, so they hold up nobody.
 *
 *     loop thread:   keeper_post(port, ask)   ... wake(self) from another thread ...
 *                    while ((answer = keeper_take(port))) { deliver; keeper_answer_free(answer); }
 *
 * Every question gets exactly one answer, also where the queue is full (ERR_FULL, at once)
 * and where the keeper has ended (ERR_STATE). KEEPER_CHANGED comes to every port unasked.
 *
 * Memory: ports end before the keeper. Thread: a port belongs to one thread; keeper_wait may be called
 * by any thread that has no loop to hold up.
 */
#ifndef IO_KEEPER_H
#define IO_KEEPER_H

#include "base/log.h"
#include "crypt/password.h"
#include "store/keeper.h"

struct keeper;
struct keeper_port;

struct keeper_setup {
	const char *path; /* the database file, e.g. DIR/tandem.db; its folder must be there */
	const struct log *log;
	struct password_cost cost; /* of new hashes; {0}: password_cost_today() */
	uint32_t busy_ms;          /* wait for other processes this long; 0: 5000 */
	uint32_t queue_max;        /* questions waiting, of all ports; 0: 8192 */
	uint32_t hash_threads;     /* 0: 2 */
	uint32_t hash_max;         /* password hashes waiting; 0: 64; above: ERR_BUSY */
	uint32_t look_ms;          /* how often to look whether another process wrote; 0: only when asked something */
};

/* Opens the database and starts the thread. Errors as db_sqlite_open, with a sentence in `why`. */
MUST_CHECK enum err keeper_start(const struct keeper_setup *, struct keeper **out, char *why, size_t why_n);
/* Carries out what was asked before, closes the database, ends the threads. NULL is fine. */
void keeper_stop(struct keeper *);

/* `wake` is called on the keeper's thread after answers were put into an empty port; it must not block and
 * not call back (write to an eventfd). NULL: no memory. */
struct keeper_port *keeper_port_new(struct keeper *, void (*wake)(void *self), void *self);
/* Drops answers nobody took, and those that are still to come. */
void keeper_port_free(struct keeper_port *);

/* Takes the question over. NULL is answered by nothing (a question that could not be made). */
void keeper_post(struct keeper_port *, struct keeper_ask *);
/* The next answer, now the caller's (keeper_answer_free); NULL: none for now. */
struct keeper_answer *keeper_take(struct keeper_port *);

/* Asks and waits: for the command line. The model is not kept. NULL: no memory. */
struct keeper_answer *keeper_wait(struct keeper *, const struct keeper_ask *model);

#endif
