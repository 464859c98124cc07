/*
 * store/user.h - accounts: phones that register by digest.
 *
 * The password itself is never kept: HA1 = H(name:realm:password) (RFC 7616 3.4.2) is made
 * when the account is, for MD5, SHA-256 and SHA-512-256. The realm is one for the whole
 * store (KEEPER_REALM): it need not be the domain, and accounts outlive a change of domain.
 */
#ifndef STORE_USER_H
#define STORE_USER_H

#include "store/record.h"

#define USER_NAME_MAX 128 /* bytes of a name, and of a domain */

struct user_record {
	int64_t id;
	str name;           /* "101": the user part of the address and the digest's username */
	str domain;         /* lower case; "": every domain this server serves */
	str password;       /* in questions only */
	str realm;          /* what the HA1s were made for */
	str ha1_md5;        /* 32 lower-case hex digits */
	str ha1_sha256;     /* 64 */
	str ha1_sha512_256; /* 64; empty: the account is older than this column */
	usec created;
	bool disabled;
};

extern const struct record_kind user_record_kind;

/* May it be the name of an account? 1 .. USER_NAME_MAX characters that need no escape in the user part of a SIP
 * URI (RFC 3261 25.1: unreserved and &=+$,?/ without ? ; no colon, which would blur the HA1). */
bool user_name_is_good(str name);
/* A host name or address in lower case (or nothing at all) into out[USER_NAME_MAX], length domain.n. false where it
 * is none. */
bool user_domain_fold(str domain, char *out);

#endif
