/*
 * store/desk.h - where one question is carried out: from records to statements and back.
 *
 * For the clerk and its departments (account, people, history). Each function that
 * fails has put the reason into the answer and returns it.
 *
 * Memory, thread: the clerk's.
 */
#ifndef STORE_DESK_H
#define STORE_DESK_H

#include "crypt/digest.h"
#include "store/db.h"
#include "store/keeper.h"
#include "store/schema.h"

struct contact_log;

struct store_desk {
	struct db *db;
	struct digest *md5, *sha256, *sha512_256;
	const struct keeper_ask *ask;
	struct keeper_answer *answer;
	struct contact_log *contacts;
};

/* A record as parameters: all its fields but the id and what is never stored, in order. */
struct store_binding {
	struct db_value values[RECORD_FIELD_MAX];
	char addrs[2][ADDR_TEXT_MAX]; /* private */
	size_t n, addr_n;
};

void store_desk_bind(const struct record_kind *, const void *record, struct store_binding *);

/* The database's last failure into the answer. */
enum err store_desk_fail(struct store_desk *, enum err);
/* Is there exactly one row in the question? ERR_SYNTAX. */
MUST_CHECK enum err store_desk_need_one(struct store_desk *);
/* How many rows the question wants at most. */
size_t store_desk_limit(const struct keeper_ask *);

/* Carries a statement out; *touched (may be NULL) says how many rows it changed. */
MUST_CHECK enum err store_desk_run(struct store_desk *, enum schema_statement, const struct db_value *, size_t n,
				   int64_t *touched);
/* All rows of a statement into the answer, at most `limit`; a further one makes `more`. */
MUST_CHECK enum err store_desk_query(struct store_desk *, enum schema_statement, const struct db_value *, size_t n,
				     size_t limit);
/* The same with ($1: ask.after, $2: the limit and one). */
MUST_CHECK enum err store_desk_list(struct store_desk *, enum schema_statement);
/* One row as a record, which points into the row. */
void store_desk_read(const struct record_kind *, const struct db_value *columns, void *record);
/* Each row of the question by the same statement, all its columns. */
MUST_CHECK enum err store_desk_put_rows(struct store_desk *, enum schema_statement);

#endif
