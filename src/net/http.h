/*
 * net/http.h - a request that only reads: HTTP/1.1 GET and HEAD (RFC 9110, 9112), and nothing else.
 *
 * For the figures of a running server, and other pages that change nothing. No bodies, no chunks, no
 * upgrade (WebSocket is net/ws): whatever announces a body is refused, so that no byte of a stream is ever read in two
 * ways. Bounds: HTTP_HEAD_MAX bytes, HTTP_FIELDS_MAX lines. Line ends are CRLF; a bare LF is refused
 * (RFC 9112 2.2 lets us), as are folded lines, blanks before a colon, two Hosts.
 *
 * Memory: everything points into the caller's bytes. Thread: any.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "base/buf.h"

#define HTTP_HEAD_MAX   8192
#define HTTP_FIELDS_MAX 64

struct http_request {
	bool head;  /* HEAD: the answer has no body */
	bool close; /* the connection ends with the answer */
	str path;   /* "/metrics", as it stands: not decoded */
	str query;  /* behind the '?'; empty: none */
	str host;
};

/* Reads one request from the front of `bytes`; *used is what it took. 0: it is whole. 100: more bytes are needed.
 * Else what to answer before closing: 400, 405 (not GET or HEAD), 413 (a body), 414, 431, 505; `out` is then empty. */
int http_request_read(str bytes, size_t *used, struct http_request *out);
/* A whole answer; `body` is left out where the request was HEAD. `lines` further header lines, each with CRLF. */
void http_answer_write(int status, str type, str lines, str body, bool head, bool close, struct buf *);

#endif
