/*
 * io/db/sqlite.h - the embedded store: one SQLite file.
 *
 * Write-ahead log with synchronous=FULL: what was committed survives power cuts.
 * Several processes may have it open (the daemon and `tandem admin`); one writes
 * at a time, the others wait up to `busy_ms`. Prepared statements are kept.
 *
 * Memory: db_sqlite_open / ->driver->free. Thread: one, for life.
 */
#ifndef IO_DB_SQLITE_H
#define IO_DB_SQLITE_H

#include "store/db.h"
#include "store/schema.h"

struct db_sqlite_setup {
	const char *path;            /* ":memory:": gone when closed. A new file is readable by its owner only */
	uint32_t busy_ms;            /* how long to wait for another process; 0: not at all */
	uint32_t page_max;           /* at most that many pages of 4096 bytes; 0: no limit */
	const struct schema *schema; /* NULL: schema_current */
};

/* Opens or makes the file and brings its schema up to date. `why` gets a sentence on failure: ERR_UNSUPPORTED (the file
 * is newer than this program, or no database of ours), ERR_BUSY, ERR_FULL, ERR_IO, ERR_MEMORY. */
MUST_CHECK enum err db_sqlite_open(const struct db_sqlite_setup *, struct db **out, char *why, size_t why_n);

#endif
