/*
 * store/call_report.h - call records as people and programs read them.
 *
 * Records of one session stand together, the sessions oldest first, as
 * KEEPER_CALL_LIST answers them. Times are UTC, to the millisecond.
 */
#ifndef STORE_CALL_REPORT_H
#define STORE_CALL_REPORT_H

#include "base/buf.h"
#include "store/call_record.h"

/* How many records, from the first, are of its session. n > 0. */
size_t store_call_report_session(const struct call_record *, size_t n);

/*
 * A block of lines for one session: who, to whom, when, how it ended; then a line for
 * each leg with where it went, codec, security and path.
 */
void store_call_report_text(const struct call_record *, size_t n, struct buf *);
/* One line, one JSON object: the session's own fields, and "records", each with its "legs". */
void store_call_report_json(const struct call_record *, size_t n, struct buf *);

#endif
