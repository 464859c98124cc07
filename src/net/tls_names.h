/*
 * net/tls_names.h - whom a certificate speaks for (RFC 5922 7.1, RFC 9525).
 *
 * SAN URI "sip:NAME" without a user part; DNS names if and only if there is none of those; IP addresses for addresses.
 * Never the common name. A part of net/tls, whose tests are these functions' too. Thread: any.
 */
#ifndef NET_TLS_NAMES_H
#define NET_TLS_NAMES_H

#include "base/buf.h"
#include "base/str.h"

struct x509_st; /* OpenSSL's X509 */

/* Does it bear this DNS name or IP address? `wildcards`: "*.example.org" matches one label (RFC 5922 7.2 forbids it).
 */
bool tls_names_bear(struct x509_st *, str name, bool wildcards);
/* The SIP domains in lower case, blanks between, as many as fit; wildcards are none. */
void tls_names_write(struct x509_st *, struct buf *out);

#endif
