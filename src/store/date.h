/*
 * store/date.h - points in time as text, in UTC.
 */
#ifndef STORE_DATE_H
#define STORE_DATE_H

#include "base/buf.h"
#include "base/time.h"

/* "2026-11-23 15:04:05.123" and "15:04:05.123"; cut, not rounded, to the millisecond. */
void store_date_write(usec, struct buf *);
void store_date_write_clock(usec, struct buf *);
/* "12.345 s", "2:05.000", "1:02:05.000"; a negative span begins with '-'. */
void store_date_write_span(usec span, struct buf *);

#endif
