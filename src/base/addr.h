/*
 * base/addr.h - an IP address and a port, as a value.
 *
 * Passed and compared like a number; no system types. IPv4-mapped IPv6 addresses
 * are kept as IPv4, so that one peer has one form.
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct addr {
	uint8_t family; /* 4, 6, or 0: none */
	uint16_t port;  /* host order */
	uint8_t ip[16]; /* network order; IPv4 uses the first four, the rest is 0 */
};

#define ADDR_TEXT_MAX 54 /* "[" 45 "]:65535" and NUL */

static inline bool addr_is_set(const struct addr *a)
{
	return a->family != 0;
}
struct addr addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port);
/* "192.0.2.1", "2001:db8::1" or "[2001:db8::1]", with port 0. ERR_SYNTAX. */
MUST_CHECK enum err addr_parse_ip(str, struct addr *out);
/* "192.0.2.1:5060" or "[2001:db8::1]:5060"; without a port, `default_port`. ERR_SYNTAX. */
MUST_CHECK enum err addr_parse(str, uint16_t default_port, struct addr *out);
/* "192.0.2.1:5060", "[2001:db8::1]:5060". */
void addr_write(const struct addr *, struct buf *);
/* "192.0.2.1", "2001:db8::1" (RFC 5952); with `brackets`, IPv6 as in a URI. */
void addr_write_ip(const struct addr *, bool brackets, struct buf *);
/* addr_write into text[ADDR_TEXT_MAX], ended with NUL; returns text. For logs. */
const char *addr_text(const struct addr *, char *text);

bool addr_eq(const struct addr *, const struct addr *);
bool addr_eq_ip(const struct addr *, const struct addr *);
uint64_t addr_hash(const struct addr *, const uint64_t key[2]);
/* 0.0.0.0 or ::. */
bool addr_is_any(const struct addr *);
bool addr_is_loopback(const struct addr *);
bool addr_is_multicast(const struct addr *); /* and 255.255.255.255 */
bool addr_is_link_local(const struct addr *);
/* RFC 1918, RFC 6598 (100.64/10), fc00::/7. */
bool addr_is_private(const struct addr *);
/* Do the first `bits` bits agree, in the same family? */
bool addr_in(const struct addr *, const struct addr *net, unsigned bits);
/* "192.0.2.0/24", "2001:db8::/32"; without a length, the one address. Port 0. ERR_SYNTAX. */
MUST_CHECK enum err addr_parse_net(str, struct addr *net, unsigned *bits);

#endif
