#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err of_errno(int number)
{
	switch (number) {
	case ENOENT:
	case ENOTDIR:
		return ERR_ABSENT;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_REFUSED;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
	case EMFILE:
	case ENFILE:
		return ERR_FULL;
	case EEXIST:
		return ERR_EXISTS;
	case ENOMEM:
		return ERR_MEMORY;
	default:
		return ERR_IO;
	}
}

static enum err read_all(int fd, struct buf *out)
{
	for (;;) {
		/* One byte more than the limit allows tells "fits exactly" from "too large". */
		char piece[16384];
		ssize_t n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return of_errno(errno);
		if (n == 0)
			return ERR_NONE;
		buf_put_bytes(out, piece, (size_t)n);
		if (!buf_ok(out))
			return out->err == ERR_FULL ? ERR_LIMIT : out->err;
	}
}

enum err file_read(const char *path, struct buf *out)
{
	size_t before = out->n;
	if (!buf_ok(out))
		return out->err;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return of_errno(errno);
	enum err err = read_all(fd, out);
	close(fd);
	if (err) {
		out->n = before;
		out->err = ERR_NONE;
	}
	return err;
}

static enum err write_all(int fd, str bytes)
{
	while (bytes.n) {
		ssize_t n = write(fd, bytes.p, bytes.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return of_errno(errno);
		bytes = str_skip(bytes, (size_t)n);
	}
	return fsync(fd) < 0 ? of_errno(errno) : ERR_NONE;
}

/* The folder's own entry must be on the disk too, or the rename may be lost. */
static void sync_folder(const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	if (!slash)
		str_copy_z(STR("."), dir, sizeof(dir));
	else if (!str_copy_z(str_of(path, slash == path ? 1 : (size_t)(slash - path)), dir, sizeof(dir)))
		return;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)fsync(fd);
	close(fd);
}

enum err file_write(const char *path, str bytes, bool private)
{
	char beside[PATH_MAX];
	if (snprintf(beside, sizeof(beside), "%s.new-XXXXXX", path) >= (int)sizeof(beside))
		return ERR_LIMIT;
	int fd = mkostemp(beside, O_CLOEXEC); /* mode 0600 */
	if (fd < 0)
		return of_errno(errno);
	enum err err = !private && fchmod(fd, 0644) < 0 ? of_errno(errno) : write_all(fd, bytes);
	if (close(fd) < 0 && !err)
		err = of_errno(errno);
	if (!err && rename(beside, path) < 0)
		err = of_errno(errno);
	if (err)
		unlink(beside);
	else
		sync_folder(path);
	return err;
}

static enum err make_one(const char *path)
{
	struct stat st;
	if (mkdir(path, 0700) == 0)
		return ERR_NONE;
	int why = errno;
	if (why == EEXIST)
		return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? ERR_NONE : ERR_EXISTS;
	return of_errno(why);
}

enum err file_mkdir(const char *path)
{
	char part[PATH_MAX];
	size_t n = strlen(path);
	if (n == 0 || n >= sizeof(part))
		return ERR_LIMIT;
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != 0)
			continue;
		str_copy_z(str_of(path, i), part, sizeof(part));
		enum err err = make_one(part);
		if (err)
			return err;
	}
	return ERR_NONE;
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

enum err file_remove(const char *path)
{
	return unlink(path) < 0 ? of_errno(errno) : ERR_NONE;
}

enum err file_lock(const char *path, int *out)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return of_errno(errno);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		enum err err = errno == EWOULDBLOCK ? ERR_BUSY : of_errno(errno);
		close(fd);
		return err;
	}
	*out = fd;
	return ERR_NONE;
}
