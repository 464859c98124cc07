/*
 * io/file.h - whole files: read, written so that a crash leaves the old one or the new one.
 *
 * Blocking; for start-up and for keeper threads, never for a loop under load.
 */
#ifndef IO_FILE_H
#define IO_FILE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

/* Appends the whole file to `out` (bounded by out's limit: ERR_LIMIT where the file is larger).
 * ERR_ABSENT, ERR_REFUSED (no permission), ERR_IO. On failure `out` is as it was. */
MUST_CHECK enum err file_read(const char *path, struct buf *out);
/* Writes beside `path`, fsyncs, renames over it, fsyncs the folder. `private`: mode 0600, else 0644.
 * ERR_REFUSED, ERR_ABSENT (no such folder), ERR_FULL (disk), ERR_IO. */
MUST_CHECK enum err file_write(const char *path, str bytes, bool private);
/* Makes the folder and its parents; new ones get mode 0700. ERR_NONE where it is there already;
 * ERR_EXISTS where `path` is something else than a folder. */
MUST_CHECK enum err file_mkdir(const char *path);
bool file_exists(const char *path);
/* ERR_ABSENT where there is none. */
MUST_CHECK enum err file_remove(const char *path);
/* Takes the file for this process, made empty where there is none: an advisory lock, kept until the descriptor is
 * closed or the process ends, however it ends. ERR_BUSY where another process holds it. */
MUST_CHECK enum err file_lock(const char *path, int *fd);

#endif
