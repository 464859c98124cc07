#include "cmd/listen.h"

#include "sip/transport.h"

static enum err parse_one(str text, struct listen *out, struct buf *why)
{
	str name, where;
	enum transport transport;
	struct addr addr;

	if (!str_split(text, ':', &name, &where) || !transport_parse(name, &transport)) {
		buf_printf(why, "\"" STR_FMT "\" does not begin with udp:, tcp:, tls:, ws: or wss:", STR_ARG(text));
		return ERR_SYNTAX;
	}
	if (addr_parse(where, sip_transport_port(transport), &addr)) {
		buf_printf(why, "\"" STR_FMT "\" is no address and port, such as 192.0.2.1:5060 or [2001:db8::1]:5060",
			   STR_ARG(where));
		return ERR_SYNTAX;
	}
	*out = (struct listen){ transport, addr };
	return ERR_NONE;
}

enum err listen_parse(str text, struct listen_list *out, struct buf *why)
{
	struct listen_list list = { .n = 0 };
	str one, rest = text;

	do {
		str_split(rest, ',', &one, &rest);
		if (list.n == LISTEN_MAX) {
			buf_printf(why, "more than %d addresses", LISTEN_MAX);
			return ERR_LIMIT;
		}
		enum err err = parse_one(str_trim(one), &list.at[list.n++], why);
		if (err)
			return err;
	} while (rest.n);
	*out = list;
	return ERR_NONE;
}

bool listen_has(const struct listen_list *list, enum transport transport)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->at[i].transport == transport)
			return true;
	}
	return false;
}

bool listen_has_secure(const struct listen_list *list)
{
	return listen_has(list, TRANSPORT_TLS) || listen_has(list, TRANSPORT_WSS);
}

const char *listen_trouble(enum err err)
{
	switch (err) {
	case ERR_EXISTS:
	case ERR_BUSY:
		return "the address is taken";
	case ERR_REFUSED:
		return "this user may not; ports below 1024 are the system's";
	case ERR_UNREACHABLE:
		return "this machine has no such address";
	default:
		return err_text(err);
	}
}
