/*
 * io/db/test_desk.h - a clerk with a database, in memory or in a file. Included by x_test.c only.
 */
#ifndef IO_DB_TEST_DESK_H
#define IO_DB_TEST_DESK_H

#include "base/test.h"
#include "io/db/sqlite.h"
#include "store/clerk.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The clerk's answers are tested here, too: store has no database to ask.
 */

#define NOW ((usec)1700000000 * USEC_PER_SEC)

struct desk {
	char folder[32], path[64];
	struct db *db;
	struct store_clerk *clerk;
};

static inline void open_desk(struct desk *d)
{
	char why[200] = "";

	assert_int_equal(db_sqlite_open(&(struct db_sqlite_setup){ .path = d->path }, &d->db, why, sizeof(why)),
			 ERR_NONE);
	d->clerk = store_clerk_new(d->db);
	assert_non_null(d->clerk);
}

static inline void close_desk(struct desk *d)
{
	store_clerk_free(d->clerk);
	d->db->driver->free(d->db);
}

static inline int start_file(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));

	strcpy(d->folder, "/tmp/tandem-test-XXXXXX");
	assert_non_null(mkdtemp(d->folder));
	snprintf(d->path, sizeof(d->path), "%s/tandem.db", d->folder);
	*state = d;
	return 0;
}

static inline int stop_file(void **state)
{
	struct desk *d = *state;
	DIR *dir = opendir(d->folder);
	char path[400];

	for (struct dirent *e; (e = readdir(dir));) {
		snprintf(path, sizeof(path), "%s/%s", d->folder, e->d_name);
		unlink(path);
	}
	closedir(dir);
	rmdir(d->folder);
	free(d);
	return 0;
}

static inline int start_desk(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));

	strcpy(d->path, ":memory:");
	open_desk(d);
	*state = d;
	return 0;
}

static inline int stop_desk(void **state)
{
	close_desk(*state);
	free(*state);
	return 0;
}

static inline struct keeper_answer *ask(struct desk *d, struct keeper_ask model)
{
	if (model.now == 0)
		model.now = NOW;
	struct keeper_ask *question = keeper_ask_new(&model);
	assert_non_null(question);
	struct keeper_answer *answer = store_clerk_answer(d->clerk, question, password_cost_least());
	assert_non_null(answer);
	assert_int_equal(answer->kind, model.kind);
	keeper_ask_free(question);
	return answer;
}

static inline enum err tell(struct desk *d, struct keeper_ask model)
{
	struct keeper_answer *answer = ask(d, model);
	enum err err = answer->err;

	assert_true(err == ERR_NONE || answer->why[0]);
	keeper_answer_free(answer);
	return err;
}

#define ASK(desk, what, ...)  ask((desk), (struct keeper_ask){ .kind = (what), __VA_ARGS__ })
#define TELL(desk, what, ...) tell((desk), (struct keeper_ask){ .kind = (what), __VA_ARGS__ })

static inline enum err add_user(struct desk *d, const char *name, const char *domain, const char *password)
{
	struct user_record u = { .name = str_from(name), .domain = str_from(domain), .password = str_from(password) };

	return TELL(d, KEEPER_USER_ADD, .users = &u, .n = 1);
}

static inline enum err open_as(const struct desk *d, const struct schema *schema, char why[200])
{
	struct db *db;
	enum err err = db_sqlite_open(&(struct db_sqlite_setup){ .path = d->path, .schema = schema }, &db, why, 200);

	if (err == ERR_NONE)
		db->driver->free(db);
	return err;
}

static inline void read_one(const char *path, const char *statement, char out[100])
{
	sqlite3 *handle;
	sqlite3_stmt *s;

	assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(handle, statement, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	snprintf(out, 100, "%s", (const char *)sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
	sqlite3_close(handle);
}

static inline void write_one(const char *path, const char *statement)
{
	sqlite3 *handle;

	assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
	assert_int_equal(sqlite3_exec(handle, statement, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(handle);
}

#define IN_MEMORY(test) cmocka_unit_test_setup_teardown(test, start_desk, stop_desk)
#define ON_DISK(test)   cmocka_unit_test_setup_teardown(test, start_file, stop_file)

#endif
