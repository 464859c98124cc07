/*
 * store/number.h - telephone numbers that an account has (RFC 6140: those of a PBX behind a trunk).
 *
 * Numbers are E.164 (ITU-T): a country code that does not begin with 0, and 15 digits at most; so a number is an
 * integer, and a range two with as many digits. Written "+4930123400" and "+4930123400-499": what stands behind
 * the dash takes the place of the last digits.
 */
#ifndef STORE_NUMBER_H
#define STORE_NUMBER_H

#include "store/record.h"

#define NUMBER_DIGITS_MAX 15

struct number_record {
	int64_t id;
	int64_t first, last; /* 4930123400 .. 4930123499, both among them */
	str account;         /* its name */
};

extern const struct record_kind number_record_kind;

/* "+4930123400". ERR_SYNTAX. */
MUST_CHECK enum err number_parse(str, int64_t *out);
/* A number or a range. ERR_SYNTAX, also where it ends before it begins. */
MUST_CHECK enum err number_range_parse(str, int64_t *first, int64_t *last);
void number_range_write(int64_t first, int64_t last, struct buf *out);

#endif
