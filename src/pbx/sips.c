#include "pbx/sips.h"

int pbx_sips_judge_register(struct sip_msg *m, enum transport transport)
{
	const struct sip_address *list, *to = sip_msg_to(m);
	size_t n = 0;

	if (transport_is_secure(transport))
		return 0;
	if (pbx_sips_is(m->uri_text) || (to && to->uri.scheme == SIP_SCHEME_SIPS))
		return 400;
	if (!sip_msg_has(m, SIP_CONTACT) || sip_msg_addresses(m, SIP_CONTACT, &list, &n))
		return 0; /* what cannot be read, the registrar refuses */
	for (size_t i = 0; i < n; i++)
		if (!list[i].star && list[i].uri.scheme == SIP_SCHEME_SIPS)
			return 400;
	return 0;
}

str pbx_sips_request_uri(str contact, bool asked_sips, char *room, size_t cap)
{
	struct buf b;

	if (asked_sips || !pbx_sips_is(contact))
		return contact;
	buf_init(&b, room, cap);
	buf_put(&b, STR("sip:"));
	buf_put(&b, str_skip(contact, 5));
	return buf_ok(&b) ? buf_str(&b) : contact;
}
