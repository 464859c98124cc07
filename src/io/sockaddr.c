#include "io/sockaddr.h"

#include <errno.h>
#include <netinet/in.h>

socklen_t sockaddr_write(const struct addr *a, void *out)
{
	if (a->family == 4) {
		struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(a->port) };
		memcpy(&in.sin_addr, a->ip, 4);
		memcpy(out, &in, sizeof(in));
		return sizeof(in);
	}
	if (a->family == 6) {
		struct sockaddr_in6 in = { .sin6_family = AF_INET6, .sin6_port = htons(a->port) };
		memcpy(&in.sin6_addr, a->ip, 16);
		memcpy(out, &in, sizeof(in));
		return sizeof(in);
	}
	return 0;
}

bool sockaddr_read(const void *sa, struct addr *out)
{
	struct addr a = { 0 };
	sa_family_t family;
	memcpy(&family, (const char *)sa + offsetof(struct sockaddr, sa_family), sizeof(family));
	if (family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, sa, sizeof(in));
		a.family = 4;
		a.port = ntohs(in.sin_port);
		memcpy(a.ip, &in.sin_addr, 4);
	} else if (family == AF_INET6) {
		struct sockaddr_in6 in;
		memcpy(&in, sa, sizeof(in));
		a.port = ntohs(in.sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&in.sin6_addr)) {
			a.family = 4;
			memcpy(a.ip, in.sin6_addr.s6_addr + 12, 4);
		} else {
			a.family = 6;
			memcpy(a.ip, &in.sin6_addr, 16);
		}
	} else {
		return false;
	}
	*out = a;
	return true;
}

bool sockaddr_local(int fd, struct addr *out)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t n = sizeof(sa);
	return getsockname(fd, (struct sockaddr *)&sa, &n) == 0 && sockaddr_read(&sa, out);
}

enum err sockaddr_err(int number)
{
	switch (number) {
	case EADDRINUSE:
		return ERR_EXISTS;
	case EACCES:
	case EPERM:
		return ERR_REFUSED;
	case EADDRNOTAVAIL:
		return ERR_ABSENT;
	case EMFILE:
	case ENFILE:
		return ERR_FULL;
	case ENOMEM:
	case ENOBUFS:
		return ERR_MEMORY;
	case ECONNREFUSED:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
		return ERR_UNREACHABLE;
	case ETIMEDOUT:
		return ERR_TIMEOUT;
	case ECONNRESET:
	case EPIPE:
	case ECONNABORTED:
		return ERR_CLOSED;
	case EAFNOSUPPORT:
		return ERR_UNSUPPORTED;
	default:
		return ERR_IO;
	}
}
