/*
 * pbx/numbers.h - telephone numbers that belong to accounts: whose is +4930123456?
 *
 * RFC 6140: a PBX behind a trunk account registers once (Contact: <sip:192.0.2.9;bnc>) for all numbers that the account
 * has; a call to one of them goes to that contact with the number as user part. The ranges come from the
 * keeper (KEEPER_NUMBER_LIST) at start and whenever accounts change; here they are a sorted
 * array. A range does not overlap another (the keeper sees to it).
 *
 * Memory: opaque. Thread: its owner's.
 */
#ifndef PBX_NUMBERS_H
#define PBX_NUMBERS_H

#include "base/err.h"
#include "sip/uri.h"
#include "store/number.h"

#define PBX_NUMBERS_MAX 1000000 /* ranges */

struct pbx_numbers;

/* NULL: no memory. */
struct pbx_numbers *pbx_numbers_new(void);
void pbx_numbers_free(struct pbx_numbers *);
/* A new set begins, to be filled in by _add and taken by _take; until then the old one counts. */
void pbx_numbers_renew(struct pbx_numbers *);
/* ERR_FULL, ERR_MEMORY. */
MUST_CHECK enum err pbx_numbers_add(struct pbx_numbers *, const struct number_record *);
void pbx_numbers_take(struct pbx_numbers *);

/* The account that has the number "+4930123456"; empty: none (also where it is no such number). */
str pbx_numbers_find(const struct pbx_numbers *, str number);
/* Has it any? */
bool pbx_numbers_has(const struct pbx_numbers *, str account);
size_t pbx_numbers_n(const struct pbx_numbers *);

/* A Contact with `bnc` in its URI (RFC 6140 5.1)? */
bool pbx_numbers_is_bulk(str contact_uri);
/* What a request to `asked` is sent to: the Contact's URI without bnc, with the number that was asked for (5.2), and
 * with the `sg` of a GRUU that the PBX has made for a phone behind it (7.1.1). */
void pbx_numbers_write_uri(str contact_uri, const struct sip_uri *asked, struct buf *out);

#endif
