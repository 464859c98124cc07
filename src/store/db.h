/*
 * store/db.h - what a database driver does for the clerk.
 *
 * A driver (io/db/sqlite, later io/db/postgres) embeds struct db as its first member. It
 * opens the database and brings its schema up to date (store/schema) before it hands itself out.
 * Statements are those of store/schema, spoken of by number: the driver prepares
 * each once and keeps it. One statement may be open at a time per number.
 *
 * Errors of all: ERR_FULL (disk full, or file limit), ERR_BUSY (held by another
 * process longer than we wait), ERR_EXISTS (a key is taken), ERR_MEMORY, ERR_IO; db->driver->why() says more.
 *
 * Thread: one, for life.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "base/err.h"
#include "base/str.h"

enum db_type { DB_NULL, DB_NUMBER, DB_TEXT, DB_BYTES };

struct db_value {
	enum db_type type;
	int64_t number;
	str bytes; /* TEXT, BYTES; of a row: valid until the next db row, done or step */
};

static inline struct db_value db_text(str s)
{
	return (struct db_value){ .type = DB_TEXT, .bytes = s };
}
static inline struct db_value db_bytes(str s)
{
	return (struct db_value){ .type = DB_BYTES, .bytes = s };
}
static inline struct db_value db_number(int64_t n)
{
	return (struct db_value){ .type = DB_NUMBER, .number = n };
}

/* Values and their number, as two arguments: run(.., DB_VALUES(db_text(name), db_number(3)), ..) */
#define DB_VALUES(...)                                                                                                 \
	(struct db_value[]){ __VA_ARGS__ }, sizeof((struct db_value[]){ __VA_ARGS__ }) / sizeof(struct db_value)

enum db_step {
	DB_BEGIN_READ, /* one view of everything, nothing written */
	DB_BEGIN,      /* a transaction that writes: the database is ours */
	DB_COMMIT,     /* on the disk when it returns ERR_NONE; on failure the transaction is rolled back */
	DB_ROLLBACK,
	DB_MARK, /* inside a transaction: from here on .. */
	DB_KEEP, /* .. it stays, */
	DB_BACK, /* .. or is undone */
};

struct db;

struct db_driver {
	enum err (*step)(struct db *, enum db_step);
	/* Starts statement `number` with its parameters $1 .. $n. */
	enum err (*start)(struct db *, int number, const struct db_value *values, size_t n);
	/* Its next row into at most n columns; ERR_ABSENT: no further one. A statement without rows is carried out by
	 * this. */
	enum err (*row)(struct db *, int number, struct db_value *columns, size_t n);
	/* Ends it; must follow start, also after an error. */
	void (*done)(struct db *, int number);
	/* Rows that the last finished INSERT, UPDATE or DELETE touched. */
	int64_t (*changes)(struct db *);
	/* Has another connection written since the last call? */
	bool (*foreign)(struct db *);
	/* The last failure in words. */
	const char *(*why)(struct db *);
	void (*free)(struct db *);
};

struct db {
	const struct db_driver *driver;
};

#endif
