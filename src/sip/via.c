#include "sip/via.h"

#include "sip/scan.h"
#include "sip/transport.h"
#include "sip/uri.h"

/* "SIP / 2.0 / UDP" with blanks anywhere around the slashes; behind the transport. NULL. */
static const char *take_protocol(const char *at, const char *end, struct sip_via *via)
{
	static const str parts[] = { STR_INIT("SIP"), STR_INIT("2.0") };
	const char *start;

	if (end - at > 8 && memcmp(at, "SIP/2.0/", 8) == 0) {
		start = at + 8;
	} else {
		for (size_t i = 0; i < 2; i++) {
			at = sip_scan_blank(at, end);
			if ((size_t)(end - at) < parts[i].n || !str_eq_nocase(str_of(at, parts[i].n), parts[i]))
				return NULL;
			at = sip_scan_blank(at + parts[i].n, end);
			if (at == end || *at++ != '/')
				return NULL;
		}
		start = sip_scan_blank(at, end);
	}
	at = sip_scan_run(start, end, SIP_SCAN_TOKEN);
	if (at == start || at == end || !sip_scan_is(*at, SIP_SCAN_BLANK))
		return NULL;
	via->transport_text = sip_scan_span(start, at);
	if (at - start == 3 && memcmp(start, "UDP", 3) == 0) {
		via->transport = TRANSPORT_UDP;
	} else {
		enum transport t;

		via->transport = transport_parse(via->transport_text, &t) ? t : 0;
	}
	return at;
}

/* The IPv6 of `received` may stand bare or in brackets (RFC 5118 4.5); VALUE holds both. */
static bool take_known(struct sip_via *via, str name, str value)
{
	uint32_t number;

	switch (name.n) {
	case 2:
		via->has_oc |= SIP_SCAN_WORD(name, "oc");
		return true;
	case 4:
		via->has_keep |= SIP_SCAN_WORD(name, "keep");
		return true;
	case 3:
		if (!SIP_SCAN_WORD(name, "ttl"))
			return true;
		if (!str_u32(value, 255, &number))
			return false;
		via->ttl = (uint8_t)number;
		return true;
	case 5:
		if (SIP_SCAN_WORD(name, "maddr")) {
			via->maddr = value;
		} else if (SIP_SCAN_WORD(name, "rport")) {
			via->rport_alone = !via->has_rport && !value.n;
			via->has_rport = true;
			via->rport_at = name.p;
			if (value.n && !str_u32(value, 65535, &number))
				return false;
			via->rport = value.n ? (uint16_t)number : 0;
		}
		return true;
	case 6:
		if ((name.p[0] | 32) == 'b' && SIP_SCAN_WORD(name, "branch"))
			via->branch = value;
		return true;
	case 8:
		if (SIP_SCAN_WORD(name, "received")) {
			via->received = value;
			via->has_received = true;
		}
		return true;
	}
	return true;
}

const char *sip_via_take(const char *at, const char *end, struct sip_via *via)
{
	const char *start, *stop, *params = NULL;
	str name, value;

	*via = (struct sip_via){ 0 };
	at = start = sip_scan_blank(at, end);
	at = take_protocol(at, end, via);
	if (!at)
		return NULL;
	const char *host = at = sip_scan_blank(at, end);
	at = at < end && *at == '[' ? sip_scan_ipv6(at, end) : sip_scan_run(at, end, SIP_SCAN_HOST);
	if (!at || at == host)
		return NULL;
	via->host = sip_scan_span(host, at);
	stop = at;
	at = sip_scan_blank(at, end);
	if (at < end && *at == ':') {
		at = sip_scan_port(sip_scan_blank(at + 1, end), end, &via->port);
		if (!at)
			return NULL;
		stop = at;
		at = sip_scan_blank(at, end);
	}
	while (at < end && *at == ';') {
		params = params ? params : at + 1;
		at = sip_scan_param(at, end, &name, &value);
		if (!at || !take_known(via, name, value))
			return NULL;
		stop = value.n ? value.p + value.n : name.p + name.n;
	}
	if (at < end && *at != ',')
		return NULL;
	via->text = sip_scan_span(start, stop);
	if (params)
		via->params = sip_scan_span(params, stop);
	return at;
}

enum err sip_via_parse(str value, struct sip_via *out)
{
	struct sip_via via;

	if (value.n == 0 || sip_via_take(value.p, value.p + value.n, &via) != value.p + value.n)
		return ERR_SYNTAX;
	*out = via;
	return ERR_NONE;
}

bool sip_via_is_unique(const struct sip_via *via)
{
	/* 8.1.1.7: the cookie is compared without case, as tokens are (7.3.1) */
	return via->branch.n > 7 &&
	       (memcmp(via->branch.p, SIP_VIA_COOKIE, 7) == 0 || str_starts_nocase(via->branch, STR(SIP_VIA_COOKIE)));
}

uint16_t sip_via_port(const struct sip_via *via)
{
	if (via->port)
		return via->port;
	return sip_transport_port((enum transport)via->transport);
}

static bool is_oc(str name)
{
	return SIP_SCAN_WORD(name, "oc") || SIP_SCAN_WORD(name, "oc-algo") || SIP_SCAN_WORD(name, "oc-validity") ||
	       SIP_SCAN_WORD(name, "oc-seq");
}

static void put_source(const struct addr *source, struct buf *out)
{
	buf_put(out, STR(";received="));
	addr_write_ip(source, false, out);
	buf_put(out, STR(";rport="));
	buf_put_u64(out, source->port);
}

/* What nearly every phone sends: `rport` alone is taken out, and both are put behind the rest. */
static void stamp_rport(const struct sip_via *via, const struct addr *source, struct buf *out)
{
	const char *from = via->rport_at - 1, *to = via->rport_at + 5, *end = via->text.p + via->text.n;

	while (*from != ';')
		from--;
	buf_put(out, sip_scan_span(via->text.p, from));
	buf_put(out, sip_scan_span(to, end));
	put_source(source, out);
}

/* All parameters but those that are replaced: what says where it came from, what says of overload. */
static void put_kept(const struct sip_via *via, bool placed, bool oc, struct buf *out)
{
	str rest = via->params, name, value;

	buf_put(out, via->params.n ? str_of(via->text.p, (size_t)(via->params.p - 1 - via->text.p)) : via->text);
	while (sip_param_next(&rest, &name, &value)) {
		if ((oc && is_oc(name)) ||
		    (placed && (SIP_SCAN_WORD(name, "received") || SIP_SCAN_WORD(name, "rport"))))
			continue;
		if (placed && via->has_keep && str_eq_nocase(name, STR("keep"))) {
			/* RFC 6223 4.4: we answer keep-alives, so often */
			buf_put(out, via->transport == TRANSPORT_UDP ? STR(";keep=25") : STR(";keep=120"));
			continue;
		}
		buf_put_char(out, ';');
		buf_put(out, name);
		if (value.n) {
			buf_put_char(out, '=');
			buf_put(out, value);
		}
	}
}

static void put_stamped(const struct sip_via *via, const struct addr *source, bool oc, struct buf *out)
{
	struct addr sent_by;
	bool same;

	if (via->rport_alone && !via->has_received && !via->has_keep && !oc) {
		stamp_rport(via, source, out);
		return;
	}
	same = !addr_parse_ip(via->host, &sent_by) && addr_eq_ip(&sent_by, source);
	if (same && !via->has_rport && !via->received.n && !via->has_keep && !oc) {
		buf_put(out, via->text);
		return;
	}
	put_kept(via, true, oc, out);
	if (via->has_rport) {
		put_source(source, out);
	} else if (!same) {
		buf_put(out, STR(";received="));
		addr_write_ip(source, false, out);
	}
}

void sip_via_stamp(const struct sip_via *via, const struct addr *source, str oc, struct buf *out)
{
	bool tells = oc.n && via->has_oc;

	put_stamped(via, source, tells, out);
	if (tells)
		buf_put(out, oc);
}

void sip_via_pass(const struct sip_via *via, const struct addr *source, struct buf *out)
{
	put_stamped(via, source, via->has_oc, out);
}

void sip_via_tell(const struct sip_via *via, str oc, struct buf *out)
{
	put_kept(via, false, true, out);
	buf_put(out, oc);
}

bool sip_via_target(const struct sip_via *via, struct addr *out, str *host, uint16_t *port)
{
	struct addr a;
	str at = via->maddr.n ? via->maddr : via->received.n ? via->received : via->host;
	uint16_t to = !via->maddr.n && via->rport ? via->rport : sip_via_port(via);

	if (addr_parse_ip(at, &a)) {
		*host = at;
		*port = to;
		return false;
	}
	a.port = to;
	*out = a;
	return true;
}
