/*
 * store/csv.h - accounts as lines of text: `name,password` or `name,password,disabled` (RFC 4180).
 *
 * Fields may be quoted ("a,b", a quote doubled); lines end in LF or CRLF; blank lines
 * are passed over, and so is a first line that says what the columns are.
 */
#ifndef STORE_CSV_H
#define STORE_CSV_H

#include "base/err.h"
#include "base/str.h"

struct store_csv {
	str rest;    /* private: what is still to be read */
	size_t line; /* the number of the line last read, from 1 */
};

void store_csv_start(struct store_csv *, str text);
struct store_csv_row {
	str name, password;
	str disabled; /* may be empty: not said */
};

/* The next line with something in it, its fields unquoted in place: the text is written to.
 * ERR_ABSENT: the end; ERR_SYNTAX: not two or three fields, or a quote that does not end (on ->line). */
MUST_CHECK enum err store_csv_next(struct store_csv *, struct store_csv_row *);

#endif
