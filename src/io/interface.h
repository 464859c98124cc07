/*
 * io/interface.h - the addresses of this machine.
 *
 * What ICE calls host candidates, for whoever builds a media service. Blocking, quick.
 */
#ifndef IO_INTERFACE_H
#define IO_INTERFACE_H

#include "base/addr.h"
#include "base/err.h"

/* Addresses of interfaces that are up, port 0, at most `cap`, the ones a stranger could reach first
 * (global, then private), no multicast and no link-local ones; loopback only where there is nothing else. */
size_t interface_list(struct addr *out, size_t cap);
/* Our address on the way to `remote`, port 0, as the routing table has it. ERR_UNREACHABLE, ERR_IO. */
MUST_CHECK enum err interface_towards(const struct addr *remote, struct addr *out);

#endif
