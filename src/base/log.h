/*
 * base/log.h - an event with fields, said where the reason is known.
 *
 *     log_info(log, "pbx.registrar bound", "aor=" STR_FMT " contacts=%zu", STR_ARG(aor), n);
 *
 * The event names place and happening; the format is fields, `key=value` with one space between, values of more
 * than one word in double quotes. What concerns a call or a request names it first: `call=` its Call-ID. No
 * secrets, no message bodies.
 *
 * Each value is taken by itself, and written so that it can be read back: bare where it is of plain visible characters,
 * else in double quotes, `\"`, `\\` and \xNN inside. Whatever a stranger sends is one value: it cannot end its
 * field, forge another or begin a line. The sink (io) adds the time and writes lines or JSON.
 * A NULL log is silent. Error: a person must act. Warn: a person should know. Info: state of the service. Debug: one
 * call explained.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log {
	enum log_level level; /* what is more talkative than this is dropped before it is formatted */
	void (*sink)(void *self, enum log_level, str event, str fields);
	void *self;
};

/* Longer field lists are cut at 1000 bytes, a value at 300. Conversions: c d i s u x X f g, with width, precision, l,
 * ll, z. */
void log_event(const struct log *, enum log_level, const char *event, const char *format, ...) PRINTF_LIKE(4, 5);

/* The next field of what a sink was given; the value as it was said. `room` holds it, as much as fits. false: none is
 * left. */
bool log_field_next(str *fields, str *key, struct buf *room);

static inline bool log_wants(const struct log *log, enum log_level level)
{
	return log && level <= log->level;
}

#define LOG_AT(log, level, ...) (log_wants((log), (level)) ? log_event((log), (level), __VA_ARGS__) : (void)0)
#define log_error(log, ...)     LOG_AT(log, LOG_ERROR, __VA_ARGS__)
#define log_warn(log, ...)      LOG_AT(log, LOG_WARN, __VA_ARGS__)
#define log_info(log, ...)      LOG_AT(log, LOG_INFO, __VA_ARGS__)
#define log_debug(log, ...)     LOG_AT(log, LOG_DEBUG, __VA_ARGS__)

#endif
