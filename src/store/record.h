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

static inline bool record_is_str(enum record_type type)
{
	return type <= RECORD_HIDDEN;
}
/* The member itself. */
static inline void *record_at(const struct record_field *field, const void *record)
{
	return (char *)record + field->offset;
}
/* Bytes that n records take together with what they point to. */
size_t record_packed_size(const struct record_kind *, const void *records, size_t n);
/* Copies them there, everything they point to behind them; `storage` is aligned for any type. */
void record_pack(const struct record_kind *, const void *records, size_t n, void *storage);
/* Overwrites what RECORD_SECRET and RECORD_HIDDEN fields point to; only for copies that are ours. */
void record_wipe(const struct record_kind *, void *records, size_t n);
/* {"name":"101", ...}: one JSON object, times as microseconds since 1970, without secret and hidden
 * fields, empty texts and times that are not set. */
void record_write_json(const struct record_kind *, const void *record, struct buf *);
/* The same without the braces, to put more between them. */
void record_write_json_fields(const struct record_kind *, const void *record, struct buf *);
/* s as a JSON string, in its quotes; bytes that are not UTF-8 become U+FFFD. */
void record_write_json_text(str s, struct buf *);
/* s for a terminal: what could steer it, and what is not ASCII, as \xNN. */
void record_write_plain(str s, struct buf *);

#endif
