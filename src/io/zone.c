#include "io/zone.h"

#include "io/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FOLDER   "/usr/share/zoneinfo/"
#define FILE_MAX (1024 * 1024)

/* RFC 8536 3.3: the footer is the last line, between two line feeds. */
static enum err read_footer(const char *path, struct buf *rule)
{
	struct buf file;
	enum err err;
	str text;

	buf_init_grow(&file, FILE_MAX);
	err = file_read(path, &file);
	text = buf_str(&file);
	if (!err && (!str_starts(text, STR("TZif")) || !str_ends(text, STR("\n"))))
		err = ERR_SYNTAX;
	if (!err) {
		text.n--;
		size_t at = text.n;
		while (at && text.p[at - 1] != '\n')
			at--;
		if (at == text.n)
			err = ERR_SYNTAX;
		else
			buf_put(rule, str_skip(text, at));
	}
	buf_free(&file);
	return err;
}

enum err zone_find(str name, struct buf *rule)
{
	char path[300];
	int n;

	/* The name comes from a file of the administrator's, and still leads nowhere else. */
	if (!name.n || name.p[0] == '/' || str_find(name, STR("..")) < name.n || str_find_char(name, '\0') < name.n)
		return ERR_ABSENT;
	n = snprintf(path, sizeof(path), FOLDER STR_FMT, STR_ARG(name));
	return n < (int)sizeof(path) ? read_footer(path, rule) : ERR_ABSENT;
}

void zone_here(struct buf *name, struct buf *rule)
{
	const char *tz = getenv("TZ");
	char link[300];
	ssize_t n;

	if (tz && *tz == ':')
		tz++;
	if (tz && *tz && zone_find(str_from(tz), rule) == ERR_NONE) {
		buf_put_z(name, tz);
		return;
	}
	n = tz ? -1 : readlink("/etc/localtime", link, sizeof(link));
	if (!tz && read_footer("/etc/localtime", rule) == ERR_NONE) {
		str path = str_of(link, n > 0 ? (size_t)n : 0);
		size_t at = str_find(path, STR("zoneinfo/"));

		buf_put(name, at < path.n ? str_skip(path, at + 9) : STR("/etc/localtime"));
		return;
	}
	if (tz && *tz) { /* a rule itself */
		buf_put_z(name, tz);
		buf_put_z(rule, tz);
		return;
	}
	buf_put_z(name, "UTC");
	buf_put_z(rule, "UTC0");
}
