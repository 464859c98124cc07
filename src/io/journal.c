#include "io/journal.h"

#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define LENGTH_N 4
#define CHECK_N  8
#define NUMBER_N 8
#define HEAD_N   (LENGTH_N + CHECK_N + NUMBER_N)
#define PAUSE    (20 * USEC_PER_MS)

#define FORM 0x7464636f6e7461ULL /* of the records: the check of another form never holds */

struct file {
	int fd;
	size_t n;      /* bytes that count */
	uint64_t last; /* number of its last record; 0: none */
};

struct journal {
	struct file files[2];
	unsigned now;     /* the one that is written to */
	uint64_t last;    /* number of the last record */
	uint64_t settled; /* all up to here are in the database */
	size_t put_n;     /* bytes of the last record */
	bool read;        /* all that was there is known */
	uint64_t before;  /* what `last` of its file was before */
};

static bool path_of(const char *database, unsigned i, char out[PATH_MAX])
{
	return snprintf(out, PATH_MAX, "%s-contacts-%u", database, i) < PATH_MAX;
}

bool journal_is_there(const char *database)
{
	char path[PATH_MAX];
	struct stat st;

	for (unsigned i = 0; i < 2; i++)
		if (path_of(database, i, path) && stat(path, &st) == 0 && st.st_size > 0)
			return true;
	return false;
}

static enum err lock(const char *path, usec patience, int *fd)
{
	enum err err;

	while ((err = file_lock(path, fd)) == ERR_BUSY && patience > 0) {
		nanosleep(&(struct timespec){ .tv_nsec = PAUSE * 1000 }, NULL);
		patience -= PAUSE;
	}
	return err;
}

enum err journal_open(const char *database, usec patience, struct journal **out)
{
	struct journal *j = calloc(1, sizeof(*j));
	char paths[2][PATH_MAX];

	if (!j)
		return ERR_MEMORY;
	j->files[0].fd = j->files[1].fd = -1;
	enum err err = path_of(database, 0, paths[0]) && path_of(database, 1, paths[1]) ? ERR_NONE : ERR_LIMIT;
	if (err == ERR_NONE)
		err = lock(paths[0], patience, &j->files[0].fd);
	if (err == ERR_NONE)
		err = lock(paths[1], patience, &j->files[1].fd); /* who closes it may have come as far as the first */
	if (err != ERR_NONE) {
		journal_close(j);
		return err;
	}
	*out = j;
	return ERR_NONE;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	for (unsigned i = 0; i < 2; i++) {
		if (j->files[i].fd < 0)
			continue;
		if (j->read && j->last == j->settled && ftruncate(j->files[i].fd, 0) < 0)
			j->read = false; /* the database knows how far it is */
		close(j->files[i].fd);
	}
	free(j);
}

/* ---- records ---- */

static void write_number(char *to, uint64_t n, int bytes)
{
	for (int i = 0; i < bytes; i++, n >>= 8)
		to[i] = (char)(n & 255);
}

static uint64_t read_number(const char *p, int bytes)
{
	uint64_t n = 0;

	while (bytes-- > 0)
		n = n << 8 | (uint8_t)p[bytes];
	return n;
}

static uint64_t check_of(uint64_t number, str row)
{
	return str_hash(row, (const uint64_t[]){ FORM, number });
}

/* The record at the beginning of `rest`. */
static bool take_record(str *rest, uint64_t *number, str *row)
{
	if (rest->n < HEAD_N)
		return false;
	size_t n = read_number(rest->p, LENGTH_N);
	uint64_t given = read_number(rest->p + LENGTH_N + CHECK_N, NUMBER_N);
	str bytes = str_head(str_skip(*rest, HEAD_N), n);
	if (n == 0 || n > JOURNAL_ROW_N || bytes.n < n || !given ||
	    check_of(given, bytes) != read_number(rest->p + LENGTH_N, CHECK_N))
		return false;
	*number = given;
	*row = bytes;
	*rest = str_skip(*rest, HEAD_N + n);
	return true;
}

/* ---- reading ---- */

/* All of a file, from malloc. */
static enum err read_file(const struct file *f, char **text, size_t *text_n)
{
	struct stat st;
	size_t n = 0;
	ssize_t got = 1;

	if (fstat(f->fd, &st) < 0)
		return ERR_IO;
	size_t size = st.st_size < JOURNAL_MAX ? (size_t)st.st_size : JOURNAL_MAX;
	if (!(*text = malloc(size + 1)))
		return ERR_MEMORY;
	while (n < size && (got = pread(f->fd, *text + n, size - n, (off_t)n)) > 0)
		n += (size_t)got;
	*text_n = n;
	return got < 0 ? ERR_IO : ERR_NONE;
}

/* The records of one file. */
static enum err read_records(struct journal *j, struct file *f, str rest, uint64_t after,
			     enum err (*take)(void *, uint64_t, str), void *self)
{
	enum err err = ERR_NONE;
	uint64_t number;
	size_t all = rest.n;
	str row;

	f->last = 0;
	while (err == ERR_NONE && take_record(&rest, &number, &row) && (!f->last || number == f->last + 1)) {
		f->last = number;
		f->n = all - rest.n;
		if (number > after)
			err = take(self, number, row);
	}
	if (f->last > j->last)
		j->last = f->last;
	return err;
}

enum err journal_read(struct journal *j, uint64_t after, enum err (*take)(void *self, uint64_t number, str row),
		      void *self)
{
	char *texts[2] = { NULL, NULL };
	str all[2] = { { 0 }, { 0 } };
	uint64_t first[2] = { 0, 0 };
	enum err err = ERR_NONE;

	j->last = j->settled = after;
	for (unsigned i = 0; i < 2 && err == ERR_NONE; i++) {
		err = read_file(&j->files[i], &texts[i], &all[i].n);
		all[i].p = texts[i];
		(void)take_record(&(str){ all[i].p, all[i].n }, &first[i], &(str){ 0 });
	}
	unsigned older = first[1] < first[0];
	for (unsigned i = 0; i < 2 && err == ERR_NONE; i++)
		err = read_records(j, &j->files[older ^ i], all[older ^ i], after, take, self);
	free(texts[0]);
	free(texts[1]);
	j->now = !older;
	j->read = err == ERR_NONE;
	return err;
}

/* ---- writing ---- */

/* What is not needed any more is written over: in this file, or in the other. */
static void begin_anew(struct journal *j)
{
	struct file *f = &j->files[j->now], *other = &j->files[!j->now];

	if (f->last > j->settled && other->last <= j->settled) {
		j->now = !j->now;
		f = other;
	}
	if (f->last <= j->settled)
		f->n = 0;
}

/* What of it is there already is taken for torn when it is read. */
static enum err write_all(const struct file *f, char *head, str row)
{
	struct iovec parts[] = { { head, HEAD_N }, { (void *)(uintptr_t)row.p, row.n } };
	ssize_t done = pwritev(f->fd, parts, 2, (off_t)f->n);

	if (done == (ssize_t)(HEAD_N + row.n))
		return ERR_NONE;
	return done >= 0 || errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? ERR_FULL : ERR_IO;
}

enum err journal_put(struct journal *j, str row, uint64_t *number)
{
	struct file *f = &j->files[j->now];
	char head[HEAD_N];

	if (!row.n || row.n > JOURNAL_ROW_N)
		return ERR_LIMIT;
	if (f->n + HEAD_N + row.n > JOURNAL_MAX)
		return ERR_FULL;
	write_number(head, row.n, LENGTH_N);
	write_number(head + LENGTH_N, check_of(j->last + 1, row), CHECK_N);
	write_number(head + LENGTH_N + CHECK_N, j->last + 1, NUMBER_N);
	enum err err = write_all(f, head, row);
	if (err != ERR_NONE)
		return err;
	j->put_n = HEAD_N + row.n;
	j->before = f->last;
	f->n += j->put_n;
	f->last = *number = ++j->last;
	return ERR_NONE;
}

void journal_unput(struct journal *j)
{
	struct file *f = &j->files[j->now];

	f->n -= j->put_n;
	f->last = j->before;
	j->last--;
	j->put_n = 0;
}

void journal_settle(struct journal *j, uint64_t number)
{
	j->settled = number;
	begin_anew(j);
}
