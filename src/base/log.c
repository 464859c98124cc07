#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

void log_event(const struct log *log, enum log_level level, const char *event, const char *format, ...)
{
	char fields[1001];
	va_list args;

	if (!log_wants(log, level))
		return;
	va_start(args, format);
	int n = vsnprintf(fields, sizeof(fields), format, args);
	va_end(args);
	size_t kept = n < 0 ? 0 : (size_t)n < sizeof(fields) ? (size_t)n : sizeof(fields) - 1;
	log->sink(log->self, level, str_from(event), str_of(fields, kept));
}
