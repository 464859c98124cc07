#include "pbx/server_parts.h"

static bool is_domain(const struct pbx_server *s, str host)
{
	return str_eq_nocase(host, s->config.domain);
}

static bool is_listener(const struct pbx_listener *l, const struct sip_uri *uri)
{
	str host, port;

	if (!l->sent_by.n)
		return false;
	if (l->sent_by.p[0] == '[') {
		host = str_head(l->sent_by, str_find_char(l->sent_by, ']') + 1);
		port = str_skip(l->sent_by, host.n + 1);
	} else {
		str_split(l->sent_by, ':', &host, &port);
	}
	uint32_t number = 0;
	if (port.n && !str_u32(port, 65535, &number))
		return false;
	return str_eq_nocase(host, uri->host) &&
	       (number ? number : sip_transport_port(l->transport)) == sip_uri_port(uri);
}

bool pbx_way_is_self(const struct pbx_server *s, const struct sip_uri *uri, const struct flow *flow)
{
	struct addr addr, local;

	if (uri->scheme != SIP_SCHEME_SIP && uri->scheme != SIP_SCHEME_SIPS)
		return false;
	if (is_domain(s, uri->host))
		return true;
	for (size_t i = 0; i < s->config.listener_n; i++)
		if (is_listener(&s->config.listeners[i], uri))
			return true;
	if (!sip_uri_addr(uri, &addr))
		return false;
	if (flow && addr_eq(&addr, &flow->local))
		return true;
	/* Who knows us by our address leaves an odd port out of the address of record. A Route never does. */
	if (flow && uri->port == 0 && addr_eq_ip(&addr, &flow->local) && !sip_uri_param(uri, STR("lr"), NULL))
		return true;
	for (enum transport t = TRANSPORT_UDP; t <= TRANSPORT_WSS; t++) {
		if (!sip_stack_local(s->stack, t, addr.family, &local) || addr.port != local.port)
			continue;
		if (addr_eq_ip(&addr, &local))
			return true;
		/* Bound to all addresses: the one that the packet came to, or, where nobody can tell, any. */
		if (addr_is_any(&local) && flow && (addr_eq_ip(&addr, &flow->local) || addr_is_any(&flow->local)))
			return true;
	}
	return false;
}

void pbx_way_meet(struct pbx_server *s, const struct sip_event *e)
{
	str rest = e->bytes, one;

	while (rest.n) {
		(void)str_split(rest, ' ', &one, &rest);
		for (size_t i = 0; i < s->config.tls_peer_n; i++) {
			if (!str_eq_nocase(one, s->config.tls_peers[i]))
				continue;
			sip_stack_know(s->stack, &e->flow, (uint16_t)(i + 1));
			return;
		}
	}
}

const struct sip_uri *pbx_way_from(const struct pbx_server *s, struct sip_msg *m, struct pbx_from *room)
{
	const struct sip_uri *from = &sip_msg_from(m)->uri;
	struct buf b;

	if (from->scheme != SIP_SCHEME_TEL)
		return from;
	buf_init(&b, room->text, sizeof(room->text));
	return pbx_tel_write_sip(from, s->config.domain, &b) && sip_uri_scan(buf_str(&b), &room->uri) ? &room->uri
												      : from;
}

bool pbx_way_from_here(const struct pbx_server *s, struct sip_msg *m, const struct flow *flow)
{
	char aor_text[PBX_AOR_MAX], name_text[USER_NAME_MAX];
	struct pbx_from room;
	struct buf aor, name;
	const struct sip_uri *from = pbx_way_from(s, m, &room);

	if (from != &room.uri)
		return pbx_way_is_self(s, from, flow);
	/* Any number can be said to be anybody's. It is one of ours where it is known here, or within our context. */
	buf_init(&aor, aor_text, sizeof(aor_text));
	buf_init(&name, name_text, sizeof(name_text));
	return pbx_way_aor(s, from, &aor, &name) &&
	       (pbx_numbers_find(s->numbers, buf_str(&name)).n ||
		(buf_str(&name).p[0] != '+' && str_find_char(buf_str(&name), ';') == name.n));
}

static bool is_in(const struct pbx_trust *list, size_t n, const struct addr *source)
{
	for (size_t i = 0; i < n; i++)
		if (addr_in(source, &list[i].net, list[i].bits))
			return true;
	return false;
}

bool pbx_way_is_trusted(const struct pbx_server *s, const struct flow *flow)
{
	return is_in(s->config.trusts, s->config.trust_n, &flow->remote);
}

bool pbx_way_may_say_path(const struct pbx_server *s, const struct flow *flow)
{
	return pbx_way_is_trusted(s, flow) || is_in(s->config.path_trusts, s->config.path_trust_n, &flow->remote);
}

static void put_aor(const struct pbx_server *s, str name, struct buf *aor)
{
	buf_put(aor, STR("sip:"));
	buf_put(aor, name);
	buf_put_char(aor, '@');
	char *domain = buf_room(aor, s->config.domain.n);
	if (!domain)
		return;
	for (size_t i = 0; i < s->config.domain.n; i++)
		domain[i] = str_lower(s->config.domain.p[i]);
	aor->n += s->config.domain.n;
}

bool pbx_way_aor(const struct pbx_server *s, const struct sip_uri *uri, struct buf *aor, struct buf *name)
{
	if (uri->params.n && pbx_tel_is(uri))
		pbx_tel_write_name(uri, s->config.domain, name);
	else
		sip_uri_unescape(uri->user, name);
	put_aor(s, buf_str(name), aor);
	return uri->user.n && buf_ok(aor) && buf_ok(name);
}

/*
 * Our own Route values are taken off; what one of them says of the dialog is remembered. It counts inside the dialog
 * only (12.2): whoever was called once, or called us, must not begin something new by it, unasked for a password.
 */
static bool take_token(struct pbx_server *s, struct sip_msg *m, const struct sip_uri *uri, struct pbx_token *token)
{
	const struct sip_address *to = sip_msg_to(m);

	return uri->has_user && to && to->tag.n &&
	       pbx_token_read(&s->tokens, uri->user, sip_msg_call_id(m), sip_msg_from(m)->tag, to->tag, token) ==
		       ERR_NONE;
}

/* Which of the two a request in the dialog is for: the one that it did not come from. */
static struct flow other_side(const struct pbx_token *token, const struct flow *from)
{
	bool caller = token->caller.transport && flow_eq(&token->caller, from);
	bool callee = token->callee.transport && flow_eq(&token->callee, from);

	if (caller)
		return token->callee;
	if (callee || !token->callee.transport)
		return token->caller;
	if (!token->caller.transport)
		return token->callee;
	return (struct flow){ 0 }; /* neither: one has come back by another way, so its address must do */
}

static int read_routes(struct pbx_server *s, struct sip_msg *m, const struct flow *flow, struct pbx_way *w)
{
	const struct sip_address *routes = NULL;
	bool signed_by_us = false;
	size_t n = 0;

	if (sip_msg_has(m, SIP_ROUTE) && sip_msg_addresses(m, SIP_ROUTE, &routes, &n))
		return 400;
	/* 16.4: a strict router has put our Record-Route into the Request-URI and its own target last. */
	if (pbx_way_is_self(s, &w->uri, flow) && take_token(s, m, &w->uri, &w->token)) {
		if (!n)
			return 404;
		signed_by_us = true;
		w->repaired = true;
		w->uri = routes[--n].uri;
	}
	while (w->pop < n && pbx_way_is_self(s, &routes[w->pop].uri, flow)) {
		signed_by_us |= take_token(s, m, &routes[w->pop].uri, &w->token);
		w->pop++;
	}
	if (w->pop < n) {
		if (!signed_by_us)
			return 403; /* someone wants us to relay along a Route that we never gave */
		w->next = routes[w->pop].uri.text;
		w->next_is_loose = sip_uri_param(&routes[w->pop].uri, STR("lr"), NULL);
	}
	if (signed_by_us) {
		w->kind = PBX_WAY_DIALOG;
		w->flow = other_side(&w->token, flow);
		w->outside = w->token.outside;
	}
	return 0;
}

/* Whose it is: by the user part, or by what a GRUU says. */
static int read_user(struct pbx_server *s, struct pbx_way *w)
{
	struct buf aor, name;
	str account;

	buf_init(&aor, w->aor_text, sizeof(w->aor_text));
	buf_init(&name, w->name_text, sizeof(w->name_text));
	if (pbx_gruu_is(&w->uri)) {
		w->has_gruu = true;
		if (pbx_gruu_read(s->gruus, &w->uri, &w->gruu, &name))
			return 404; /* RFC 5627 6.1: it leads nowhere, and never did */
		put_aor(s, buf_str(&name), &aor);
	} else if (!pbx_way_aor(s, &w->uri, &aor, &name)) {
		return 404; /* longer than any name of ours */
	}
	if (!buf_ok(&aor))
		return 404;
	w->aor = buf_str(&aor);
	w->name = buf_str(&name);
	account = pbx_numbers_find(s->numbers, w->name);
	if (!account.n)
		return 0;
	/* RFC 6140: a number is its account's; as what it was asked for, w->uri and w->number say. */
	memcpy(w->number_text, w->name.p, w->name.n);
	w->number = str_of(w->number_text, w->name.n);
	buf_init(&aor, w->aor_text, sizeof(w->aor_text));
	buf_init(&name, w->name_text, sizeof(w->name_text));
	put_aor(s, account, &aor);
	buf_put(&name, account);
	w->aor = buf_str(&aor);
	w->name = buf_str(&name);
	return buf_ok(&aor) && buf_ok(&name) ? 0 : 404;
}

size_t pbx_way_narrow(const struct pbx_way *w, struct contact_record *rows, size_t n)
{
	return w->has_gruu ? pbx_gruu_pick(&w->gruu, rows, n) : n;
}

/* Whose URI it is (16.4, 16.5). */
static int read_target(struct pbx_server *s, struct sip_msg *m, const struct flow *flow, struct pbx_way *w)
{
	if (pbx_way_is_self(s, &w->uri, flow)) {
		w->kind = w->uri.has_user && m->method != SIP_REGISTER ? PBX_WAY_USER : PBX_WAY_SELF;
		return w->kind == PBX_WAY_SELF ? 0 : read_user(s, w);
	}
	w->kind = PBX_WAY_FOREIGN;
	for (size_t i = 0; i < s->config.network_n; i++)
		if (str_eq_nocase(w->uri.host, s->config.networks[i]))
			w->kind = PBX_WAY_NETWORK;
	return 0;
}

static bool read_tel(const struct pbx_server *s, struct pbx_way *w)
{
	struct buf b;

	buf_init(&b, w->tel_text, sizeof(w->tel_text));
	return pbx_tel_write_sip(&w->uri, s->config.domain, &b) && sip_uri_scan(buf_str(&b), &w->uri);
}

int pbx_way_read(struct pbx_server *s, struct sip_msg *m, const struct flow *flow, struct pbx_way *w)
{
	int status;

	memset(w, 0, offsetof(struct pbx_way, gruu));
	w->aor = w->name = w->number = STR_NONE;
	w->uri = *sip_msg_uri(m);
	if (w->uri.scheme == SIP_SCHEME_TEL && !read_tel(s, w))
		return 414;
	if (w->uri.scheme != SIP_SCHEME_SIP && w->uri.scheme != SIP_SCHEME_SIPS)
		return 416;
	status = read_routes(s, m, flow, w);
	if (status)
		return status;
	if (w->kind) { /* a GRUU of ours is where the dialog leads to: it must become the phone's own address here */
		if (pbx_gruu_is(&w->uri) && pbx_way_is_self(s, &w->uri, flow))
			return read_user(s, w);
		return 0;
	}
	return read_target(s, m, flow, w);
}

int pbx_way_retarget(struct pbx_server *s, struct sip_msg *m, const struct flow *flow, str uri, struct pbx_way *w)
{
	struct sip_uri target;
	int status = pbx_way_read(s, m, flow, w);

	if (status)
		return status;
	if (sip_uri_parse(uri, &target) || w->kind == PBX_WAY_DIALOG)
		return 404;
	w->uri = target;
	w->has_gruu = false;
	w->aor = w->name = w->number = STR_NONE;
	status = read_target(s, m, flow, w);
	return status ? status : w->kind == PBX_WAY_SELF ? 404 : 0;
}

/* ---- loops ---- */

void pbx_way_mark(const struct pbx_server *s, struct sip_msg *m, char out[16])
{
	static const enum sip_kind wishes[] = { SIP_ACCEPT_CONTACT, SIP_REJECT_CONTACT, SIP_REQUEST_DISPOSITION };
	static const char digits[] = "0123456789abcdef";
	const struct sip_cseq *cseq = sip_msg_cseq(m);
	uint64_t h = str_hash(m->uri_text, s->key);

	/* 16.6 item 8: what decides where a request goes; when all of it is the same, so is the way. */
	h = h * 31 + str_hash(sip_msg_call_id(m), s->key);
	h = h * 31 + (cseq ? cseq->number : 0);
	for (const struct sip_header *r = sip_msg_header(m, SIP_ROUTE); r; r = sip_msg_header_next(m, r))
		h = h * 31 + str_hash(sip_header_value(m, r), s->key);
	h = h * 31 + str_hash(sip_msg_value(m, SIP_PROXY_AUTHORIZATION), s->key);
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) /* RFC 5393 4.2.1: what target sets hang on */
		for (const struct sip_header *r = sip_msg_header(m, wishes[i]); r; r = sip_msg_header_next(m, r))
			h = h * 31 + str_hash(sip_header_value(m, r), s->key);
	for (int i = 0; i < 16; i++)
		out[i] = digits[h >> (4 * i) & 15];
}

bool pbx_way_loops(const struct pbx_server *s, struct sip_msg *m)
{
	const struct sip_via *vias, *top = sip_msg_via(m);
	str value = sip_msg_value(m, SIP_VIA);
	char mark[16];
	size_t n;

	/* One Via is the caller's own: nothing has come round. */
	if (top && sip_msg_count(m, SIP_VIA) == 1 && top->text.p + top->text.n == value.p + value.n)
		return false;
	if (sip_msg_vias(m, &vias, &n) || n < 2)
		return false;
	pbx_way_mark(s, m, mark);
	for (size_t i = 0; i < n; i++)
		if (sip_param_find(vias[i].params, STR("mark"), &value) && str_eq(value, str_of(mark, sizeof(mark))))
			return true;
	return false;
}
