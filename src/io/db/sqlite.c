#include "io/db/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* "tndm": marks the file as ours (PRAGMA application_id). */
#define APPLICATION_ID 0x746e646d

struct sqlite {
	struct db db; /* first: what the others see */
	sqlite3 *handle;
	sqlite3_stmt *kept[SCHEMA_STATEMENT_N];
	sqlite3_stmt *steps[DB_BACK + 1];
	bool begun;           /* as far as the clerk knows, a transaction is open */
	int64_t seen_version; /* PRAGMA data_version: another number, another writer */
	sqlite3_stmt *data_version;
	char why[240];
};

static struct sqlite *sqlite_of(struct db *db)
{
	return (struct sqlite *)(void *)db;
}

/*
 * Some SQLites (Debian's) write zeros over every page that becomes free. What a cleared half of the contact log held
 * stands in the other half still, or stood there for weeks: its pages are let go as they are, for a sixth of all
 * that registrations write. Everything else that is deleted stays overwritten.
 */
static bool is_let_go(int number)
{
	return number == SCHEMA_CONTACT_CLEAR_0 || number == SCHEMA_CONTACT_CLEAR_1;
}

/* What SQLite's result means to the clerk; remembers the words. */
static enum err judge(struct sqlite *s, int result)
{
	int cause = errno; /* sqlite3_system_errno() knows it only of some calls */
	const char *said = sqlite3_errmsg(s->handle);

	switch (result & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
		return ERR_NONE;
	case SQLITE_DONE:
		return ERR_ABSENT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		snprintf(s->why, sizeof(s->why), "another process holds the database");
		return ERR_BUSY;
	case SQLITE_FULL:
		snprintf(s->why, sizeof(s->why), "no room left on the disk for the database");
		return ERR_FULL;
	case SQLITE_CONSTRAINT:
		snprintf(s->why, sizeof(s->why), "%s", said);
		return ERR_EXISTS;
	case SQLITE_NOMEM:
		snprintf(s->why, sizeof(s->why), "no memory");
		return ERR_MEMORY;
	case SQLITE_NOTADB:
		snprintf(s->why, sizeof(s->why), "it is no database");
		return ERR_UNSUPPORTED;
	case SQLITE_READONLY:
		snprintf(s->why, sizeof(s->why), "the database may not be written to (%s)", said);
		return ERR_IO;
	case SQLITE_IOERR:
		/* A file size limit and a quota are full disks, too. */
		if (cause == ENOSPC || cause == EDQUOT || cause == EFBIG) {
			snprintf(s->why, sizeof(s->why), "no room left for the database (%s)", strerror(cause));
			return ERR_FULL;
		}
		snprintf(s->why, sizeof(s->why), "%s (%s)", said, strerror(cause));
		return ERR_IO;
	default:
		snprintf(s->why, sizeof(s->why), "%s", said);
		return ERR_IO;
	}
}

static enum err execute(struct sqlite *s, const char *text)
{
	return judge(s, sqlite3_exec(s->handle, text, NULL, NULL, NULL));
}

/* One statement, prepared once: parsing it anew would cost more than carrying it out. */
static enum err take_step(struct sqlite *s, enum db_step what, const char *text)
{
	sqlite3_stmt **kept = &s->steps[what];
	int result = SQLITE_OK;

	if (!*kept)
		result = sqlite3_prepare_v3(s->handle, text, -1, SQLITE_PREPARE_PERSISTENT, kept, NULL);
	if (result == SQLITE_OK)
		result = sqlite3_step(*kept);
	enum err err = judge(s, result);
	sqlite3_reset(*kept);
	return err == ERR_ABSENT ? ERR_NONE : err;
}

static enum err step(struct db *db, enum db_step what)
{
	static const char *const words[] = {
		[DB_BEGIN_READ] = "BEGIN",
		[DB_BEGIN] = "BEGIN IMMEDIATE",
		[DB_COMMIT] = "COMMIT",
		[DB_ROLLBACK] = "ROLLBACK",
		[DB_MARK] = "SAVEPOINT ask",
		[DB_KEEP] = "RELEASE ask",
		[DB_BACK] = "ROLLBACK TO ask; RELEASE ask",
	};
	struct sqlite *s = sqlite_of(db);

	/* A full disk rolls the whole transaction back by itself; what follows then has none to act in. */
	if (sqlite3_get_autocommit(s->handle) && what != DB_BEGIN && what != DB_BEGIN_READ) {
		if (what == DB_COMMIT || what == DB_ROLLBACK)
			s->begun = false;
		if (what == DB_ROLLBACK)
			return ERR_NONE;
		return s->why[0] ? ERR_FULL : ERR_IO;
	}
	bool begins = what == DB_BEGIN || what == DB_BEGIN_READ;
	if (begins)
		s->why[0] = 0;
	enum err err = what == DB_BACK ? execute(s, words[what]) : take_step(s, what, words[what]);
	s->begun = begins ? err == ERR_NONE : s->begun && what != DB_COMMIT && what != DB_ROLLBACK;
	if (err != ERR_NONE && what == DB_COMMIT && !sqlite3_get_autocommit(s->handle)) {
		char why[sizeof(s->why)];
		memcpy(why, s->why, sizeof(why));
		(void)!execute(s, "ROLLBACK");
		memcpy(s->why, why, sizeof(why));
	}
	return err;
}

static int bind_value(sqlite3_stmt *statement, int i, const struct db_value *value)
{
	const char *p = value->bytes.p ? value->bytes.p : "";

	switch (value->type) {
	case DB_NUMBER:
		return sqlite3_bind_int64(statement, i, value->number);
	case DB_TEXT:
		return sqlite3_bind_text64(statement, i, p, value->bytes.n, SQLITE_STATIC, SQLITE_UTF8);
	case DB_BYTES:
		return sqlite3_bind_blob64(statement, i, p, value->bytes.n, SQLITE_STATIC);
	case DB_NULL:
		break;
	}
	return sqlite3_bind_null(statement, i);
}

static enum err start(struct db *db, int number, const struct db_value *values, size_t n)
{
	struct sqlite *s = sqlite_of(db);
	int result = SQLITE_OK;

	if (s->begun && sqlite3_get_autocommit(s->handle)) /* rolled back by itself: alone it would be committed */
		return s->why[0] ? ERR_FULL : ERR_IO;
	if (!s->kept[number])
		result = sqlite3_prepare_v3(s->handle, schema_statement(number), -1, SQLITE_PREPARE_PERSISTENT,
					    &s->kept[number], NULL);
	for (size_t i = 0; result == SQLITE_OK && i < n; i++)
		result = bind_value(s->kept[number], (int)i + 1, &values[i]);
	return judge(s, result);
}

static void read_column(sqlite3_stmt *statement, int i, struct db_value *out)
{
	*out = (struct db_value){ .type = DB_NULL };
	switch (sqlite3_column_type(statement, i)) {
	case SQLITE_INTEGER:
		out->type = DB_NUMBER;
		out->number = sqlite3_column_int64(statement, i);
		break;
	case SQLITE_TEXT:
		out->type = DB_TEXT;
		out->bytes.p = (const char *)sqlite3_column_text(statement, i);
		out->bytes.n = (size_t)sqlite3_column_bytes(statement, i);
		break;
	case SQLITE_BLOB:
		out->type = DB_BYTES;
		out->bytes.p = sqlite3_column_blob(statement, i);
		out->bytes.n = (size_t)sqlite3_column_bytes(statement, i);
		break;
	default:
		break;
	}
}

static enum err row(struct db *db, int number, struct db_value *columns, size_t n)
{
	struct sqlite *s = sqlite_of(db);
	sqlite3_stmt *statement = s->kept[number];

	if (is_let_go(number))
		(void)!execute(s, "PRAGMA secure_delete = FAST");
	enum err err = judge(s, sqlite3_step(statement));
	if (is_let_go(number))
		(void)sqlite3_exec(s->handle, "PRAGMA secure_delete = ON", NULL, NULL, NULL);
	if (err != ERR_NONE)
		return err;
	for (int i = 0; i < sqlite3_column_count(statement) && (size_t)i < n; i++)
		read_column(statement, i, &columns[i]);
	return ERR_NONE;
}

static void done(struct db *db, int number)
{
	struct sqlite *s = sqlite_of(db);

	if (!s->kept[number])
		return;
	sqlite3_reset(s->kept[number]);
	sqlite3_clear_bindings(s->kept[number]); /* they point to what is not ours */
}

static int64_t changes(struct db *db)
{
	return sqlite3_changes64(sqlite_of(db)->handle);
}

static int64_t read_data_version(struct sqlite *s)
{
	int64_t version = sqlite3_step(s->data_version) == SQLITE_ROW ? sqlite3_column_int64(s->data_version, 0)
								      : s->seen_version;

	sqlite3_reset(s->data_version);
	return version;
}

static bool foreign(struct db *db)
{
	struct sqlite *s = sqlite_of(db);
	int64_t version = read_data_version(s);
	bool changed = version != s->seen_version;

	s->seen_version = version;
	return changed;
}

static const char *why(struct db *db)
{
	return sqlite_of(db)->why;
}

static void close_sqlite(struct db *db)
{
	struct sqlite *s = sqlite_of(db);

	if (!s)
		return;
	for (int i = 0; i < SCHEMA_STATEMENT_N; i++)
		sqlite3_finalize(s->kept[i]);
	for (int i = 0; i <= DB_BACK; i++)
		sqlite3_finalize(s->steps[i]);
	sqlite3_finalize(s->data_version);
	sqlite3_close(s->handle);
	free(s);
}

static const struct db_driver driver = {
	.step = step,
	.start = start,
	.row = row,
	.done = done,
	.changes = changes,
	.foreign = foreign,
	.why = why,
	.free = close_sqlite,
};

static enum err read_number(struct sqlite *s, const char *pragma, int64_t *out)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(s->handle, pragma, -1, &statement, NULL);

	if (result == SQLITE_OK)
		result = sqlite3_step(statement);
	if (result == SQLITE_ROW)
		*out = sqlite3_column_int64(statement, 0);
	enum err err = judge(s, result);
	sqlite3_finalize(statement);
	return err;
}

/* Only we read this file: it is made before SQLite would make it for everybody; -wal and -shm follow it. */
static enum err make_private(const char *path, char *why_out, size_t why_n)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0) {
		snprintf(why_out, why_n, "%s: %s", path, strerror(errno));
		return errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO;
	}
	close(fd);
	return ERR_NONE;
}

/* Brings the schema to the program's version, within a transaction that is ours alone. */
static enum err migrate(struct sqlite *s, const struct schema *schema)
{
	int64_t version = 0, application = 0, tables = 0;
	char text[100];
	enum err err = read_number(s, "PRAGMA user_version", &version);

	if (err == ERR_NONE)
		err = read_number(s, "PRAGMA application_id", &application);
	if (err == ERR_NONE)
		err = read_number(s, "SELECT count(*) FROM sqlite_master", &tables);
	if (err != ERR_NONE)
		return err;
	if ((version > 0 || tables > 0) && application != APPLICATION_ID) {
		snprintf(s->why, sizeof(s->why), "it is a database of another program");
		return ERR_UNSUPPORTED;
	}
	if (version > schema->version) {
		snprintf(s->why, sizeof(s->why), "it was written by a newer tandem (schema %lld, this one knows %d)",
			 (long long)version, schema->version);
		return ERR_UNSUPPORTED;
	}
	for (int64_t v = version; err == ERR_NONE && v < schema->version; v++)
		err = execute(s, schema->migrations[v]);
	if (err != ERR_NONE || version == schema->version)
		return err;
	snprintf(text, sizeof(text), "PRAGMA user_version = %d; PRAGMA application_id = %d", schema->version,
		 APPLICATION_ID);
	return execute(s, text);
}

static enum err set_up(struct sqlite *s, const struct db_sqlite_setup *setup)
{
	char limit[64];
	int64_t ignored;

	sqlite3_busy_timeout(s->handle, (int)(setup->busy_ms < INT_MAX ? setup->busy_ms : INT_MAX));
	sqlite3_extended_result_codes(s->handle, 1);
	/* FULL: a COMMIT is synced to the disk. Foreign text in the schema gets no functions to call. */
	enum err err = execute(s, "PRAGMA trusted_schema = OFF; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON");
	if (err == ERR_NONE) /* reads the file for the first time: says whether it is a database at all */
		err = execute(s, "PRAGMA journal_mode = WAL");
	if (err == ERR_NONE) /* 16 MB: pages that are written again and again go into the file once */
		err = execute(s, "PRAGMA wal_autocheckpoint = 4000");
	if (err ==
	    ERR_NONE) /* half a megabyte: what is asked for again and again are a few pages; the system keeps more */
		err = execute(s, "PRAGMA cache_size = -512");
	if (err == ERR_NONE && setup->page_max) {
		snprintf(limit, sizeof(limit), "PRAGMA max_page_count = %u", setup->page_max);
		err = read_number(s, limit, &ignored);
	}
	if (err == ERR_NONE)
		err = execute(s, "BEGIN IMMEDIATE");
	if (err != ERR_NONE)
		return err;
	err = migrate(s, setup->schema ? setup->schema : &schema_current);
	if (err == ERR_NONE)
		err = execute(s, "COMMIT");
	if (err == ERR_NONE)
		err = judge(s, sqlite3_prepare_v3(s->handle, "PRAGMA data_version", -1, SQLITE_PREPARE_PERSISTENT,
						  &s->data_version, NULL));
	if (err == ERR_NONE)
		s->seen_version = read_data_version(s);
	return err;
}

enum err db_sqlite_open(const struct db_sqlite_setup *setup, struct db **out, char *why_out, size_t why_n)
{
	struct sqlite *s;
	enum err err = strcmp(setup->path, ":memory:") == 0 ? ERR_NONE : make_private(setup->path, why_out, why_n);

	if (err != ERR_NONE)
		return err;
	s = calloc(1, sizeof(*s));
	if (!s) {
		snprintf(why_out, why_n, "no memory");
		return ERR_MEMORY;
	}
	s->db.driver = &driver;
	err = judge(s, sqlite3_open_v2(setup->path, &s->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
	if (err == ERR_NONE)
		err = set_up(s, setup);
	if (err != ERR_NONE) {
		snprintf(why_out, why_n, "%s: %s", setup->path, s->why);
		close_sqlite(&s->db);
		return err;
	}
	*out = &s->db;
	return ERR_NONE;
}
