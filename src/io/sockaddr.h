/*
 * io/sockaddr.h - struct addr and errno in the system's words, and back.
 */
#ifndef IO_SOCKADDR_H
#define IO_SOCKADDR_H

#include "base/addr.h"
#include "base/err.h"

#include <sys/socket.h>

/* Into room for a struct sockaddr_in6 at least. Returns the length, 0 for an unset address. */
socklen_t sockaddr_write(const struct addr *, void *out);
/* The same room. false: neither IPv4 nor IPv6. IPv4-mapped IPv6 becomes IPv4. */
bool sockaddr_read(const void *, struct addr *out);
/* Where the socket is bound. */
bool sockaddr_local(int fd, struct addr *out);
/* What errno means to us; ERR_IO for the rest. */
enum err sockaddr_err(int number);

#endif
