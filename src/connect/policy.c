#include "connect/policy.h"

static bool fits(str pattern, str name)
{
	for (size_t i = 0; i < pattern.n; i++) {
		if (pattern.p[i] == '*' && i + 1 == pattern.n)
			return true;
		if (i >= name.n)
			return false;
		if (pattern.p[i] == '?' ? name.p[i] < '0' || name.p[i] > '9'
					: str_lower(pattern.p[i]) != str_lower(name.p[i]))
			return false;
	}
	return pattern.n == name.n;
}

bool policy_match(str patterns, str name)
{
	str head, rest = patterns;

	while (rest.n) {
		(void)str_split(rest, ',', &head, &rest);
		head = str_trim(head);
		if (head.n && fits(head, name))
			return true;
	}
	return false;
}

/* What may stand as a user part in both worlds; escapes, ';' and the like do not cross. */
static bool is_plain(str user)
{
	for (size_t i = 0; i < user.n; i++) {
		char c = str_lower(user.p[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !strchr("._-+*#", c))
			return false;
	}
	return user.n > 0 && user.n <= 64;
}

/* BUSINESS.NETWORK */
static bool is_business_host(const struct policy *p, str host)
{
	return host.n == p->business.n + 1 + p->network.n && host.p[p->business.n] == '.' &&
	       str_eq_nocase(str_head(host, p->business.n), p->business) &&
	       str_eq_nocase(str_skip(host, p->business.n + 1), p->network);
}

int policy_inward(const struct policy *p, str user, str host, str *extension)
{
	if (str_eq_nocase(host, p->network) && str_eq_nocase(user, p->business)) {
		*extension = p->target;
		return 0;
	}
	if (!is_business_host(p, host) || !is_plain(user))
		return 404;
	if (!str_eq_nocase(user, p->target) && !policy_match(p->inward, user))
		return 403;
	*extension = user;
	return 0;
}

int policy_outward(const struct policy *p, str user, str host, str *name, str *name_host)
{
	bool elsewhere = host.n > p->network.n && host.p[host.n - p->network.n - 1] == '.' &&
			 str_eq_nocase(str_skip(host, host.n - p->network.n), p->network);

	if (!is_plain(user))
		return 404;
	if (is_business_host(p, host))
		elsewhere = false;
	if (!elsewhere && str_eq_nocase(user, p->business))
		return 482;
	if (!policy_match(p->outward, user))
		return 403;
	*name = user;
	*name_host = elsewhere ? host : p->network;
	return 0;
}
