#include "sip/transport.h"

uint16_t sip_transport_port(enum transport t)
{
	switch (t) {
	case TRANSPORT_TLS:
		return 5061;
	case TRANSPORT_WS:
		return 80;
	case TRANSPORT_WSS:
		return 443;
	default:
		return 5060;
	}
}

struct addr sip_transport_answer_to(const struct sip_via *via, const struct addr *source)
{
	struct addr to = *source;

	if (!via->has_rport) /* 5060, whatever transport the Via claims: it came by datagram */
		to.port = via->port ? via->port : sip_transport_port(TRANSPORT_UDP);
	return to;
}

/* Is this line "Call-ID: ..." or "i: ..."? */
static bool is_call_id(str line, str *value)
{
	str name;

	if (line.n < 3 || (str_lower(line.p[0]) != 'c' && str_lower(line.p[0]) != 'i'))
		return false;
	if (!str_split(line, ':', &name, value))
		return false;
	name = str_trim(name);
	*value = str_trim(*value);
	return str_eq_nocase(name, STR("Call-ID")) || str_eq_nocase(name, STR("i"));
}

str sip_transport_call_id(str message)
{
	while (message.n) {
		const char *end = memchr(message.p, '\n', message.n);
		size_t n = end ? (size_t)(end - message.p) : message.n;
		str value;

		if (is_call_id(str_of(message.p, n), &value))
			return value;
		message = str_skip(message, n + 1);
	}
	return STR_NONE;
}

uint32_t sip_transport_order(str message)
{
	str id = sip_transport_call_id(message);
	uint32_t h = 2166136261u;

	/* Two that meet keep an order that they need not: no secret, no more bytes than tell calls apart. */
	for (size_t i = 0; i < id.n && i < 64; i++)
		h = (h ^ (uint8_t)id.p[i]) * 16777619u;
	return id.n ? h | 1 : 0;
}

uint16_t sip_transport_worker(str call_id, uint16_t worker_n)
{
	/* Fixed, so that every process agrees; who crowds one worker by choosing Call-IDs crowds his own calls. */
	static const uint64_t key[2] = { 0x74616e64656d2077, 0x6f726b657273212e };

	return worker_n <= 1 ? 0 : (uint16_t)(str_hash(call_id, key) % worker_n);
}
