/*
 * base/log.h - an event with fields, said where the reason is known.
 *
 *     log_info(log, "pbx.registrar bound", "aor=" STR_FMT " contacts=%zu", STR_ARG(aor), n);
 *
 * The event names place and happening; fields are `key=value`, values with spaces
 * in double quotes. No secrets, no message bodies. The sink (io) adds the time and
 * writes plain lines or JSON. A NULL log is silent. Error: a person must act.
 * Warn: a person should know. Info: state of the service. Debug: one call explained.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"
#include "base/str.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log {
	enum log_level level; /* what is more talkative than this is dropped before it is formatted */
	void (*sink)(void *self, enum log_level, str event, str fields);
	void *self;
};

/* Longer field lists are cut at 1000 bytes. */
void log_event(const struct log *, enum log_level, const char *event, const char *format, ...) PRINTF_LIKE(4, 5);

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
