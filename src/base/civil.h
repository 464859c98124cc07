/*
 * base/civil.h - the time as people have it on the wall: dates, weekdays, zones, summer time.
 *
 * Pure arithmetic on microseconds since 1970; nobody is asked what time it is. A zone is its rule as
 * POSIX writes it (base definitions 8.3; the last line of a file of RFC 8536 3.3): "CET-1CEST,M3.5.0,M10.5.0/3".
 * Past and future follow that one rule: what a country did before it, or decides tomorrow, is not in it.
 * The calendar is the Gregorian, years 1 to 9999.
 *
 * Memory: values. Thread: any.
 */
#ifndef BASE_CIVIL_H
#define BASE_CIVIL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/time.h"

/* When summer time begins or ends, by the clock that is valid just before. */
struct civil_change {
	char kind; /* 'M': weekday `day` of week `week` (5: the last) of `month`; 'J': day 1..365, 29 February never
		      counted; 'D': day 0..365 */
	uint16_t month, week, day;
	int32_t at_s; /* seconds after midnight, -167 h .. 167 h */
};

struct civil_zone {
	int32_t offset_s; /* east of Greenwich is positive */
	int32_t summer_s; /* the same in summer; equal: there is none */
	struct civil_change begin, end;
};

#define CIVIL_UTC ((struct civil_zone){ .offset_s = 0 })

struct civil_time {
	int16_t year;
	uint8_t month, day;           /* 1.. */
	uint8_t hour, minute, second; /* 0.. */
	uint8_t weekday;              /* 0: Sunday */
};

/* "CET-1CEST,M3.5.0,M10.5.0/3", "<+0330>-3:30", "UTC0"; a summer name needs its rules. ERR_SYNTAX. */
MUST_CHECK enum err civil_zone_parse(str, struct civil_zone *out);
/* Seconds to add to UTC there and then. */
int32_t civil_zone_offset(const struct civil_zone *, usec);
struct civil_time civil_at(const struct civil_zone *, usec);
/* When it is that time there. Of an hour that comes twice, the first; one that does not come: as if it were winter. */
usec civil_usec(const struct civil_zone *, const struct civil_time *);
/* "2026-11-23 15:04", "2026-11-23" (midnight), with seconds too, and 'T' between; a time that is. ERR_SYNTAX. The
 * weekday is set. */
MUST_CHECK enum err civil_parse(str, struct civil_time *out);
/* "Mon 2026-11-23 15:04:05 +01:00". */
void civil_write(const struct civil_zone *, usec, struct buf *);
unsigned civil_month_days(int year, unsigned month);
/* "Sun" .. "Sat". */
str civil_weekday_name(unsigned weekday);

#endif
