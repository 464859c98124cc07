/*
 * pbx/redirect.h - the answers of a redirect server (RFC 3261 8.3, 21.3).
 *
 * Writes the Contact lines of a 3xx: from the location service, from the servers that DNS names, or from
 * URIs of a rule. One Contact makes a 302, several a 300, unless a rule says otherwise; all bear q, the best first, and
 * no expires: good for this one request (21.3.3). A redirect server never sends 305 (21.3.4: only user agents do).
 *
 * A contact that only this exchange can reach - behind a Path, over a connection that its phone has opened, or at an
 * address that is not where its packets come from - is of no use to others and is left out.
 *
 * No state. Thread: any.
 */
#ifndef PBX_REDIRECT_H
#define PBX_REDIRECT_H

#include "sip/locate.h"
#include "store/contact.h"

/* Lines with CRLF between; each returns how many Contacts were written, those that do not fit in `out` not counted.
 * Each Contact ends with `tag` (";rc=1": RFC 7044 10.4), which may be empty. */
size_t pbx_redirect_contacts(const struct contact_record *rows, size_t n, str tag, struct buf *out);
/* `uri` is who was asked for; each place keeps its domain and names the address by maddr (RFC 3261 19.1.1), so that a
 * certificate is still checked against the domain (RFC 5922). */
size_t pbx_redirect_places(const struct sip_uri *uri, const struct sip_place *, size_t n, str tag, struct buf *out);
size_t pbx_redirect_uris(const str *uris, size_t n, str tag, struct buf *out);
/* 302, or 300 for several. */
int pbx_redirect_status(size_t contacts);

#endif
