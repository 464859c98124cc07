/*
 * net/tls_why.h - why a certificate is not believed, in words for the person at the telephone.
 *
 * Half a sentence, "the certificate has expired on 2026-03-01". What the certificate itself says goes in only as far as
 * it is printable and could not be taken for the end of a log's field. A part of net/tls. Thread: any.
 */
#ifndef NET_TLS_WHY_H
#define NET_TLS_WHY_H

#include "base/buf.h"
#include "base/str.h"

struct x509_st; /* OpenSSL's X509 */

#define TLS_WHY_MAX 240 /* bytes that either of them writes at the most */

/* `code` as X509_STORE_CTX_get_error() says. */
void tls_why_unproved(struct x509_st *, int code, struct buf *out);
/* It is in order, but for others than `name`. */
void tls_why_other(struct x509_st *, str name, struct buf *out);

#endif
