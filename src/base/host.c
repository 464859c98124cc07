#include "base/host.h"

static const str names[] = {
	[TRANSPORT_UDP] = STR_INIT("UDP"), [TRANSPORT_TCP] = STR_INIT("TCP"), [TRANSPORT_TLS] = STR_INIT("TLS"),
	[TRANSPORT_WS] = STR_INIT("WS"),   [TRANSPORT_WSS] = STR_INIT("WSS"),
};

str transport_name(enum transport t)
{
	return t >= TRANSPORT_UDP && t <= TRANSPORT_WSS ? names[t] : STR("NONE");
}

bool transport_parse(str s, enum transport *out)
{
	for (enum transport t = TRANSPORT_UDP; t <= TRANSPORT_WSS; t++) {
		if (str_eq_nocase(s, names[t])) {
			*out = t;
			return true;
		}
	}
	return false;
}

bool flow_eq(const struct flow *a, const struct flow *b)
{
	if (a->transport != b->transport || a->id != b->id || a->worker != b->worker)
		return false;
	return a->transport != TRANSPORT_UDP || addr_eq(&a->remote, &b->remote);
}
