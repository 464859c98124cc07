#include "base/host.h"

#include <stdlib.h>

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

struct host_record *host_records_copy(const struct host_record *records, size_t n)
{
	struct host_record *copy;
	size_t text_n = 0;
	char *at;

	for (size_t i = 0; i < n; i++)
		text_n += records[i].target.n + records[i].flags.n + records[i].service.n;
	copy = n ? malloc(n * sizeof(*copy) + text_n) : NULL;
	if (!copy)
		return NULL;
	at = (char *)(copy + n);
	for (size_t i = 0; i < n; i++) {
		copy[i] = records[i];
		str *texts[] = { &copy[i].target, &copy[i].flags, &copy[i].service };
		for (size_t k = 0; k < 3; k++) {
			if (texts[k]->n)
				memcpy(at, texts[k]->p, texts[k]->n);
			texts[k]->p = at;
			at += texts[k]->n;
		}
	}
	return copy;
}
