#include "pbx/redirect.h"

int pbx_redirect_status(size_t contacts)
{
	return contacts > 1 ? 300 : 302;
}

static void begin(size_t n, struct buf *out)
{
	buf_put_z(out, n ? "\r\nContact: <" : "Contact: <");
}

/* One that did not fit is taken back. */
static bool end(unsigned q, str tag, size_t before, struct buf *out)
{
	if (q >= 1000)
		buf_put_z(out, ">;q=1.0");
	else
		buf_printf(out, ">;q=0.%03u", q);
	buf_put(out, tag);
	if (buf_ok(out))
		return true;
	out->n = before;
	out->err = ERR_NONE;
	return false;
}

/* Can others get there? */
static bool is_open(const struct contact_record *row, struct sip_uri *uri)
{
	struct flow flow = contact_flow(row);
	struct addr addr;

	if (row->path.n || sip_uri_parse(row->uri, uri) ||
	    (uri->scheme != SIP_SCHEME_SIP && uri->scheme != SIP_SCHEME_SIPS))
		return false;
	if (!sip_uri_addr(uri, &addr))
		return !flow.transport && !str_ends(uri->host, STR(".invalid")); /* RFC 7118 5.: a browser */
	if (!flow.transport)
		return true;
	if (!addr_eq_ip(&addr, &flow.remote) || transport_is_ws(flow.transport))
		return false;
	/* Where the connection comes from is no port to call; another may be one that the phone listens on. */
	return flow.transport == TRANSPORT_UDP || (!row->reg_id && addr.port != flow.remote.port);
}

size_t pbx_redirect_contacts(const struct contact_record *rows, size_t n, str tag, struct buf *out)
{
	size_t written = 0;
	struct sip_uri uri;

	for (size_t i = 0; i < n; i++) {
		size_t before = out->n;

		if (!is_open(&rows[i], &uri))
			continue;
		begin(written, out);
		/* Header fields that a phone put into its contact are for who calls it, not for us to pass on. */
		buf_put(out, uri.headers.n ? str_head(uri.text, (size_t)(uri.headers.p - 1 - uri.text.p)) : uri.text);
		written += end(rows[i].q, tag, before, out);
	}
	return written;
}

static void put_place(const struct sip_uri *uri, const struct sip_place *p, struct buf *out)
{
	static const char *const names[] = { [TRANSPORT_UDP] = "udp",
					     [TRANSPORT_TCP] = "tcp",
					     [TRANSPORT_TLS] = "tls",
					     [TRANSPORT_WS] = "ws",
					     [TRANSPORT_WSS] = "ws" };

	buf_put_z(out, uri->scheme == SIP_SCHEME_SIPS ? "sips:" : "sip:");
	if (uri->has_user) {
		buf_put(out, uri->user);
		buf_put_char(out, '@');
	}
	buf_put(out, uri->host);
	buf_printf(out, ":%u;transport=%s;maddr=", p->addr.port, names[p->transport]);
	addr_write_ip(&p->addr, true, out);
}

size_t pbx_redirect_places(const struct sip_uri *uri, const struct sip_place *places, size_t n, str tag,
			   struct buf *out)
{
	size_t written = 0;

	for (size_t i = 0; i < n; i++) {
		size_t before = out->n;

		begin(written, out);
		put_place(uri, &places[i], out);
		written += end(1000 - (unsigned)(i < 99 ? i : 99) * 10, tag, before, out);
	}
	return written;
}

size_t pbx_redirect_uris(const str *uris, size_t n, str tag, struct buf *out)
{
	size_t written = 0;

	for (size_t i = 0; i < n; i++) {
		size_t before = out->n;

		begin(written, out);
		buf_put(out, uris[i]);
		written += end(1000 - (unsigned)(i < 99 ? i : 99) * 10, tag, before, out);
	}
	return written;
}
