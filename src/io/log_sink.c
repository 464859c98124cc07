#include "io/log_sink.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_N 4096

static const char *const level_names[] = { "error", "warn", "info", "debug" };

static void put_time(struct buf *b, usec now)
{
	time_t seconds = (time_t)(now / USEC_PER_SEC);
	struct tm t;
	gmtime_r(&seconds, &t);
	buf_printf(b, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour,
		   t.tm_min, t.tm_sec, (int)(now % USEC_PER_SEC));
}

static void put_clean(struct buf *b, str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c < 0x20 || c == 0x7f)
			buf_printf(b, "\\x%02x", c);
		else
			buf_put_char(b, (char)c);
	}
}

/* RFC 8259 section 7. Bytes that are not UTF-8 go as U+00XX each: the line stays JSON whatever a stranger sent. */
static void put_json(struct buf *b, str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			buf_printf(b, "\\u%04x", c);
		else
			buf_put_char(b, (char)c);
	}
}

static void put_json_fields(struct buf *b, str fields)
{
	char room[LINE_MAX_N / 2];
	struct buf value;
	str key;

	buf_init(&value, room, sizeof(room));
	while (log_field_next(&fields, &key, &value)) {
		buf_put_z(b, ",\"");
		put_json(b, key);
		buf_put_z(b, "\":\"");
		put_json(b, buf_str(&value));
		buf_put_char(b, '"');
	}
}

static void put_line(struct log_sink *s, usec now, enum log_level level, str event, str fields)
{
	char line[LINE_MAX_N * 6];
	struct buf b;
	buf_init(&b, line, sizeof(line));
	if (s->json) {
		buf_put_z(&b, "{\"time\":\"");
		put_time(&b, now);
		buf_printf(&b, "\",\"level\":\"%s\",\"event\":\"", level_names[level]);
		put_json(&b, str_head(event, LINE_MAX_N / 4));
		buf_put_char(&b, '"');
		put_json_fields(&b, str_head(fields, LINE_MAX_N / 2));
		buf_put_z(&b, "}\n");
	} else {
		put_time(&b, now);
		buf_printf(&b, " %s ", level_names[level]);
		put_clean(&b, str_head(event, LINE_MAX_N / 4));
		if (fields.n)
			buf_put_char(&b, ' ');
		put_clean(&b, str_head(fields, LINE_MAX_N / 2));
		buf_put_char(&b, '\n');
	}
	/* A sink that does not take the line (disk full, reader gone) has nobody to tell. */
	if (write(s->fd, b.p, b.n) < 0)
		return;
}

static void put_dropped(struct log_sink *s, usec now)
{
	char text[48];
	struct buf b;
	buf_init(&b, text, sizeof(text));
	buf_printf(&b, "n=%lu", s->dropped);
	put_line(s, now, LOG_WARN, STR("io.log_sink lines dropped"), buf_str(&b));
	s->dropped = 0;
}

static void sink(void *self, enum log_level level, str event, str fields)
{
	struct log_sink *s = self;
	usec now = clock_now(s->clock);
	pthread_mutex_lock(&s->lock);
	if (now / USEC_PER_SEC != s->second) {
		s->second = now / USEC_PER_SEC;
		s->written = 0;
		if (s->dropped)
			put_dropped(s, now);
	}
	if (level == LOG_ERROR || s->written < s->per_second) {
		s->written++;
		put_line(s, now, level, event, fields);
	} else {
		s->dropped++;
	}
	pthread_mutex_unlock(&s->lock);
}

enum err log_sink_start(struct log_sink *s, const struct clock *clock, const char *path, enum log_level level,
			bool json, unsigned per_second)
{
	int fd = STDERR_FILENO;
	if (path) {
		fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (fd < 0)
			return errno == EACCES || errno == EPERM ? ERR_REFUSED : errno == ENOENT ? ERR_ABSENT : ERR_IO;
	}
	*s = (struct log_sink){ .log = { .level = level, .sink = sink },
				.clock = clock,
				.fd = fd,
				.json = json,
				.owns_fd = path != NULL,
				.per_second = per_second ? per_second : 1000 };
	s->log.self = s;
	pthread_mutex_init(&s->lock, NULL);
	return ERR_NONE;
}

void log_sink_stop(struct log_sink *s)
{
	if (s->dropped)
		put_dropped(s, clock_now(s->clock));
	if (s->owns_fd)
		close(s->fd);
	pthread_mutex_destroy(&s->lock);
	s->fd = -1;
}
