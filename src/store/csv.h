/*
 * store/csv.h - accounts as lines of text: `name,password` (RFC 4180).
 *
 * Fields may be quoted ("a,b", a quote doubled); lines end in LF or CRLF; blank lines
 * are passed over, and so is a first line that says `name,password`.
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
/* The next line with something in it into two fields, unquoted in place: the text is written to.
 * ERR_ABSENT: the end; ERR_SYNTAX: not two fields, or a quote that does not end (on ->line). */
MUST_CHECK enum err store_csv_next(struct store_csv *, str *name, str *password);

#endif
