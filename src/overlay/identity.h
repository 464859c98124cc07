/*
 * overlay/identity.h - who someone is: names, networks, and the login service's word for it.
 *
 * A certificate says that the authority of a network vouches for a device key as a
 * user's, for one to three days (docs/wire/overlay.md, Certificate). Whoever knows
 * the authority's public key checks it alone.
 *
 * Memory: values; a certificate carries its own bytes, so that it can be passed on
 * unchanged. Thread: any.
 */
#ifndef OVERLAY_IDENTITY_H
#define OVERLAY_IDENTITY_H

#include "base/time.h"
#include "overlay/field.h"

#define OVERLAY_NAME_MIN        3
#define OVERLAY_NAME_MAX        32
#define OVERLAY_NETWORK_MAX     128
#define OVERLAY_CERTIFICATE_MAX 512
#define OVERLAY_LIFE_MIN        (24 * 3600 * USEC_PER_SEC)
#define OVERLAY_LIFE_MAX        (72 * 3600 * USEC_PER_SEC)
#define OVERLAY_CLOCK_SLACK     (300 * USEC_PER_SEC)
#define OVERLAY_SERVERS_MAX     8

/* A text that is part of a value. Not ended with NUL. */
struct overlay_name {
	uint8_t n;
	char text[OVERLAY_NAME_MAX];
};
struct overlay_domain {
	uint8_t n;
	char text[OVERLAY_NETWORK_MAX];
};

static inline str overlay_name_str(const struct overlay_name *n)
{
	return (str){ n->text, n->n };
}
static inline str overlay_domain_str(const struct overlay_domain *d)
{
	return (str){ d->text, d->n };
}

/* 3..32 of a-z 0-9 . _ -, first a letter, last a letter or digit, no two of . _ - in a row. ERR_SYNTAX. */
MUST_CHECK enum err overlay_name_parse(str, struct overlay_name *out);
/* A DNS name in lower case, labels of a-z 0-9 - (RFC 1123 2.1), at most 128 bytes. ERR_SYNTAX. */
MUST_CHECK enum err overlay_domain_parse(str, struct overlay_domain *out);

/*
 * Whose node is asked for user@host in `network`: the user himself at NETWORK, NAME at
 * NAME.NETWORK with any user part. Case folded. ERR_ABSENT: another network's; ERR_SYNTAX: no name.
 */
MUST_CHECK enum err overlay_name_of(str user, str host, str network, struct overlay_name *out);

/* Where a user's records are kept in the directory. */
void overlay_user_key(str network, str name, uint8_t out[OVERLAY_KEY_N]);

/* A server as the descriptor or a record names it. */
struct overlay_server {
	char host[OVERLAY_NETWORK_MAX + 1]; /* IP address or DNS name, ended with NUL; empty: none */
	uint16_t port;
	uint8_t pin[OVERLAY_KEY_N]; /* SHA-256 of the SPKI */
};

/* All that a node must be given (docs/wire/overlay.md, Descriptor). */
struct overlay_network {
	struct overlay_domain name;
	uint8_t authority[OVERLAY_KEY_N]; /* Ed25519 public */
	struct overlay_server login[OVERLAY_SERVERS_MAX];
	size_t login_n;
	struct overlay_server supernode[OVERLAY_SERVERS_MAX];
	size_t supernode_n;
};

/* "host:port" or "[v6]:port" into host and port. ERR_SYNTAX. */
MUST_CHECK enum err overlay_server_parse(str, struct overlay_server *out);
/* "sha256:" and the pin in hex, as HOST_OPEN wants it; text[72]. */
str overlay_pin_name(const uint8_t pin[OVERLAY_KEY_N], char text[72]);

struct overlay_certificate {
	struct overlay_domain network;
	struct overlay_name name;
	uint8_t device[OVERLAY_KEY_N]; /* Ed25519 public */
	uint64_t serial;
	usec not_before, not_after; /* whole milliseconds */
	uint16_t bytes_n;
	uint8_t bytes[OVERLAY_CERTIFICATE_MAX]; /* as signed */
};

static inline str overlay_certificate_str(const struct overlay_certificate *c)
{
	return (str){ (const char *)c->bytes, c->bytes_n };
}

/* Well formed only. ERR_SYNTAX, ERR_LIMIT, ERR_UNSUPPORTED. */
MUST_CHECK enum err overlay_certificate_parse(str, struct overlay_certificate *out);
/* Signs network, name, device, serial and times of *c, and fills ->bytes. ERR_LIMIT: life not in 24..72 h. */
MUST_CHECK enum err overlay_certificate_sign(struct overlay_certificate *c, const struct sign_pair *authority);
/* Good in this network now? ERR_REFUSED: another network; ERR_FORGED; ERR_EXPIRED; ERR_STATE: not yet valid, so one
 * of the clocks is wrong. */
MUST_CHECK enum err overlay_certificate_verify(const struct overlay_certificate *, str network,
					       const uint8_t authority[OVERLAY_KEY_N], usec now);

#endif
