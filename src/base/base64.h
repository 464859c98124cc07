/*
 * base/base64.h - bytes as letters (RFC 4648 sections 4 and 5).
 *
 * Written without padding in the URL form, with it in the plain one. Read
 * strictly: no other characters, no line breaks, no bits left over.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

/* Letters for n bytes in the URL form. */
#define BASE64URL_N(n) (((n)*4 + 2) / 3)

void base64_write(str bytes, struct buf *);    /* A-Z a-z 0-9 + / and = */
void base64url_write(str bytes, struct buf *); /* A-Z a-z 0-9 - _ */
/* Appends the bytes. Padding is right or left out in the plain form, absent in the URL form. ERR_SYNTAX: nothing was
 * appended; ERR_FULL, ERR_MEMORY of the buf. */
MUST_CHECK enum err base64_parse(str, struct buf *);
MUST_CHECK enum err base64url_parse(str, struct buf *);
/* Exactly n bytes in the URL form. ERR_SYNTAX. */
MUST_CHECK enum err base64url_parse_n(str, void *out, size_t n);

#endif
