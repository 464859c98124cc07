#include "io/interface.h"

#include "io/sockaddr.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* Global before private before loopback; -1: not of use to anyone else. */
static int rank(const struct addr *a)
{
	if (addr_is_multicast(a) || addr_is_link_local(a) || addr_is_any(a))
		return -1;
	return addr_is_loopback(a) ? 2 : addr_is_private(a) ? 1 : 0;
}

static bool has(const struct addr *list, size_t n, const struct addr *a)
{
	for (size_t i = 0; i < n; i++) {
		if (addr_eq(&list[i], a))
			return true;
	}
	return false;
}

size_t interface_list(struct addr *out, size_t cap)
{
	struct ifaddrs *all;
	size_t n = 0;
	if (getifaddrs(&all) < 0)
		return 0;
	for (int wanted = 0; wanted <= 2 && (wanted < 2 || n == 0); wanted++) {
		for (struct ifaddrs *i = all; i && n < cap; i = i->ifa_next) {
			struct sockaddr_storage sa = { 0 };
			struct addr a;
			if (!i->ifa_addr || !(i->ifa_flags & IFF_UP))
				continue;
			int family = i->ifa_addr->sa_family;
			if (family != AF_INET && family != AF_INET6)
				continue;
			memcpy(&sa, i->ifa_addr,
			       family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
			if (!sockaddr_read(&sa, &a) || rank(&a) != wanted)
				continue;
			a.port = 0;
			if (!has(out, n, &a))
				out[n++] = a;
		}
	}
	freeifaddrs(all);
	return n;
}

/* Connecting a datagram socket sends nothing; it only looks the route up. */
enum err interface_towards(const struct addr *remote, struct addr *out)
{
	struct sockaddr_storage sa;
	struct addr local, to = *remote;
	socklen_t n;
	int fd = socket(remote->family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool good;

	if (fd < 0)
		return ERR_IO;
	if (!to.port)
		to.port = 9;
	n = sockaddr_write(&to, &sa);
	good = connect(fd, (struct sockaddr *)&sa, n) == 0 && sockaddr_local(fd, &local);
	close(fd);
	if (!good)
		return ERR_UNREACHABLE;
	local.port = 0;
	*out = local;
	return ERR_NONE;
}
