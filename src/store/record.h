/*
 * store/record.h - a record as data: which fields a struct has.
 *
 * One table per kind of record drives everything that would otherwise be written
 * out once per field: deep copies, binding to statements, reading rows, JSON.
 *
 * Memory: a record is a plain struct of numbers, addresses and strs; the strs point
 * to bytes that its maker keeps. Thread: any; the tables are constant.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "base/addr.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/time.h"

enum record_type {
	RECORD_TEXT = 1, /* str, UTF-8 */
	RECORD_BYTES,    /* str, any bytes; hexadecimal in JSON */
	RECORD_SECRET,   /* str, travels in questions only: never stored, never shown, wiped when the copy goes */
	RECORD_HIDDEN,   /* str, stored text that JSON leaves out (password hashes) */
	RECORD_I64,      /* int64_t */
	RECORD_USEC,     /* usec; 0: not set */
	RECORD_U32,      /* uint32_t */
	RECORD_U16,      /* uint16_t */
	RECORD_BOOL,     /* bool */
	RECORD_ADDR,     /* struct addr, as text; empty: none */
};

struct record_field {
	const char *name; /* the column's and JSON's */
	uint16_t offset;
	uint16_t type; /* enum record_type */
};

struct record_kind {
	const char *name; /* the table's */
	size_t size;
	const struct record_field *fields; /* the first is always int64_t id */
	size_t field_n;
};

#define RECORD_FIELD_MAX 48

/* Bytes the strs of n records hold together. */
size_t record_weight(const struct record_kind *, const void *records, size_t n);
/* n records with everything they point to, in the arena. NULL: no room there. */
void *record_copy(const struct record_kind *, const void *records, size_t n, struct arena *);
/* Overwrites what RECORD_SECRET fields point to; only for copies that are ours. */
void record_wipe(const struct record_kind *, void *records, size_t n);
/* {"name":"101", ...}: one JSON object, times as microseconds since 1970, without secret, hidden and empty fields. */
void record_write_json(const struct record_kind *, const void *record, struct buf *);
/* s as a JSON string, in its quotes; bytes that are not UTF-8 become U+FFFD. */
void record_write_json_text(str s, struct buf *);

#endif
