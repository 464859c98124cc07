/*
 * base/err.h - how a function says that it could not.
 *
 * A function that can fail returns enum err and is marked MUST_CHECK. On failure
 * its outputs are untouched and the object is as it was. An answer of the
 * protocol (a SIP status, a refused payment) is a value, never one of these.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define MUST_CHECK               __attribute__((warn_unused_result))
#define PRINTF_LIKE(form, first) __attribute__((format(printf, form, first)))

enum err {
	ERR_NONE = 0,
	ERR_MORE,        /* not a failure: more bytes are needed */
	ERR_SYNTAX,      /* the bytes break the grammar */
	ERR_LIMIT,       /* well formed, but larger than we accept */
	ERR_FULL,        /* a table, queue or disk has no room left */
	ERR_MEMORY,      /* no memory */
	ERR_ABSENT,      /* no such thing */
	ERR_EXISTS,      /* there is one already */
	ERR_REFUSED,     /* wrong secret, or not allowed */
	ERR_EXPIRED,     /* was good once */
	ERR_FORGED,      /* a signature or an integrity check does not hold */
	ERR_UNSUPPORTED, /* a known thing that we do not do */
	ERR_STATE,       /* not now: the object is in another state */
	ERR_BUSY,        /* locked or loaded; again later may work */
	ERR_TIMEOUT,     /* nobody answered in time */
	ERR_CLOSED,      /* the other side hung up */
	ERR_UNREACHABLE, /* no way there (ECONNREFUSED, no route) */
	ERR_IO,          /* the operating system said no */
};

/* A short lower-case text for logs and messages: "more bytes are needed". Never NULL. */
const char *err_text(enum err);

#endif
