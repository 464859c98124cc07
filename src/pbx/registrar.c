#include "pbx/registrar.h"

#include "pbx/numbers.h"

static bool copy(struct pbx_note *note, str s, str *out)
{
	return arena_copy(&note->arena, s, out);
}

/* The Contact's expires, else the Expires field, else ours (10.2.1.1, 10.3 step 7). What is malformed counts as absent.
 */
static uint32_t wanted_expires(struct sip_msg *m, const struct sip_address *contact,
			       const struct pbx_registrar_setting *s)
{
	uint32_t seconds;

	if (sip_address_expires(contact, &seconds) || sip_msg_expires(m, &seconds))
		return seconds;
	return s->expires_default;
}

static bool has_own_field(str name)
{
	return str_eq_nocase(name, STR("q")) || str_eq_nocase(name, STR("expires")) ||
	       str_eq_nocase(name, STR("pub-gruu")) || str_eq_nocase(name, STR("temp-gruu")); /* ours to give */
}

/* All but q and expires; feature tags (RFC 3840) among them, which caller preferences are held against. */
static bool take_params(struct pbx_note *note, const struct sip_address *a, struct contact_record *row)
{
	char text[2048];
	struct buf kept;
	str rest = a->params, name, value;
	uint32_t id;

	buf_init(&kept, text, sizeof(text));
	while (sip_param_next(&rest, &name, &value)) {
		if (has_own_field(name))
			continue;
		if (str_eq_nocase(name, STR("reg-id")) && str_u32(value, INT32_MAX, &id))
			row->reg_id = id;
		else if (str_eq_nocase(name, STR("+sip.instance")) && !copy(note, value, &row->instance))
			return false;
		buf_put_char(&kept, ';');
		buf_put(&kept, name);
		if (value.n) {
			buf_put_char(&kept, '=');
			buf_put(&kept, value);
		}
	}
	return buf_ok(&kept) && copy(note, str_skip(buf_str(&kept), 1), &row->params);
}

static bool join_values(struct sip_msg *m, enum sip_kind kind, struct buf *out)
{
	struct sip_values v = sip_msg_values(m, kind);
	str value;

	while (sip_values_next(&v, &value)) {
		if (out->n)
			buf_put_char(out, ',');
		buf_put(out, value);
	}
	return buf_ok(out);
}

/* RFC 5626 4.2: instance and reg-id name the binding where both are there, else the URI does. */
static bool take_key(struct pbx_note *note, struct contact_record *row)
{
	char text[600];
	struct buf key;

	row->key = row->uri;
	if (!row->reg_id || !row->instance.n)
		return true;
	buf_init(&key, text, sizeof(text));
	buf_put(&key, row->instance);
	buf_printf(&key, ";reg-id=%u", row->reg_id);
	return buf_ok(&key) && copy(note, buf_str(&key), &row->key);
}

/* RFC 5627 5.1: what has an instance must be a SIP URI, and not the address of record itself; bound to a GRUU of its
 * own, an address would lead to itself as well. */
static bool leads_to_us(const struct sip_address *a, str aor)
{
	struct sip_uri own;

	if (sip_param_find(a->params, STR("+sip.instance"), NULL) &&
	    ((a->uri.scheme != SIP_SCHEME_SIP && a->uri.scheme != SIP_SCHEME_SIPS) ||
	     (!sip_uri_parse(aor, &own) && sip_uri_eq(&own, &a->uri))))
		return true;
	return pbx_gruu_is(&a->uri) && aor.n > a->uri.host.n &&
	       str_eq_nocase(str_skip(aor, aor.n - a->uri.host.n), a->uri.host) &&
	       aor.p[aor.n - a->uri.host.n - 1] == '@';
}

/* RFC 5626 6.: does the first hop keep flows: ourselves, or a proxy that says so in its Path? */
static bool first_hop_keeps_flows(struct sip_msg *m)
{
	const struct sip_address *path;
	const struct sip_via *vias;
	size_t n;

	if (!sip_msg_vias(m, &vias, &n) && n == 1)
		return true;
	/* The last value is the phone's own proxy's (RFC 3327 5.2); the RFC says "the first URI". */
	return !sip_msg_addresses(m, SIP_PATH, &path, &n) &&
	       (sip_uri_param(&path[0].uri, STR("ob"), NULL) || sip_uri_param(&path[n - 1].uri, STR("ob"), NULL));
}

/* 0: outbound or not; else 400 or 439. */
static int judge_outbound(struct sip_msg *m, const struct sip_address *list, size_t n, bool *outbound)
{
	size_t named = 0, bound = 0;
	uint32_t seconds;

	for (size_t i = 0; i < n; i++) {
		named += sip_param_find(list[i].params, STR("reg-id"), NULL);
		bound += !(sip_address_expires(&list[i], &seconds) || sip_msg_expires(m, &seconds)) || seconds;
	}
	*outbound = named && first_hop_keeps_flows(m);
	if (named && !*outbound &&
	    (sip_msg_lists(m, SIP_SUPPORTED, STR("outbound")) || sip_msg_lists(m, SIP_REQUIRE, STR("outbound"))))
		return 439;
	return *outbound && bound > 1 ? 400 : 0;
}

static int read_row(struct sip_msg *m, const struct sip_address *a, const struct pbx_registrar_setting *s,
		    bool outbound, usec now, struct pbx_note *note, struct contact_record *row)
{
	uint32_t seconds = wanted_expires(m, a, s);

	if (seconds && leads_to_us(a, row->aor))
		return 403;
	if (a->uri.scheme == SIP_SCHEME_OTHER)
		return 416;
	/* Step 7: too brief is refused only below an hour, which expires_min never exceeds. */
	if (seconds && seconds < s->expires_min)
		return 423;
	if (seconds > s->expires_max)
		seconds = s->expires_max;
	if (s->expires_spread && seconds > s->expires_min) {
		uint32_t most = (uint32_t)((uint64_t)seconds * s->expires_spread / 100);

		most = most < seconds - s->expires_min ? most : seconds - s->expires_min;
		seconds -= rng_below(s->rng, most + 1);
	}
	row->q = (uint16_t)sip_address_q(a);
	row->expires = seconds ? now + seconds * USEC_PER_SEC : 0;
	row->registered = row->updated = now;
	if (!copy(note, a->uri.text, &row->uri) || !take_params(note, a, row))
		return 500;
	if (!outbound || !row->instance.n) /* RFC 5626 6.: then it means nothing */
		row->reg_id = 0;
	return take_key(note, row) ? 0 : 500;
}

int pbx_registrar_read(struct sip_msg *m, str aor, const struct flow *flow, const struct pbx_registrar_setting *s,
		       usec now, struct pbx_note *note)
{
	const struct sip_address *list = NULL;
	const struct sip_cseq *cseq = sip_msg_cseq(m);
	struct pbx_change *c = &note->change;
	struct contact_record all = { 0 };
	enum err err = sip_msg_addresses(m, SIP_CONTACT, &list, &c->n);
	char text[PBX_PATH_MAX];
	struct buf path;
	uint32_t seconds;
	bool outbound;
	int status;

	if ((err && err != ERR_ABSENT) || !cseq)
		return 400;
	c->n = err ? 0 : c->n;
	if (c->n > PBX_CONTACTS_MAX)
		return 503;
	/* RFC 3327 5.3: a Path that the phone has not allowed is not taken. */
	if (sip_msg_has(m, SIP_PATH) && !sip_msg_lists(m, SIP_SUPPORTED, STR("path")) &&
	    !sip_msg_lists(m, SIP_REQUIRE, STR("path")))
		return 420;
	buf_init(&path, text, sizeof(text));
	if (!join_values(m, SIP_PATH, &path))
		return 400;
	c->star = c->n == 1 && list[0].star;
	c->cseq = cseq->number;
	if (!copy(note, aor, &c->aor) || !copy(note, sip_msg_call_id(m), &c->call_id) ||
	    !copy(note, buf_str(&path), &all.path) || !copy(note, sip_msg_value(m, SIP_USER_AGENT), &all.user_agent))
		return 500;
	if (c->star) { /* step 6 */
		c->n = 0;
		return sip_msg_expires(m, &seconds) && seconds == 0 ? 0 : 400;
	}
	status = judge_outbound(m, list, c->n, &outbound);
	if (status)
		return status;
	all.aor = c->aor;
	all.call_id = c->call_id;
	all.cseq = c->cseq;
	contact_set_flow(&all, flow);
	c->rows = arena_alloc(&note->arena, (c->n + 1) * sizeof(*c->rows));
	for (size_t i = 0; c->rows && i < c->n; i++) {
		c->rows[i] = all;
		status = read_row(m, &list[i], s, outbound, now, note, &c->rows[i]);
		if (status)
			return status;
	}
	return c->rows ? 0 : 500;
}

/* ---- judge ---- */

static bool same_binding(const struct contact_record *old, const struct contact_record *row)
{
	struct sip_uri a, b;

	if (str_eq(old->key, row->key))
		return true;
	if (row->reg_id && row->instance.n)
		return false;
	/* 10.3 step 7: compared as URIs (19.1.4), not as texts */
	return !sip_uri_parse(old->uri, &a) && !sip_uri_parse(row->uri, &b) && sip_uri_eq(&a, &b);
}

/* Step 7: within one Call-ID the order is that of CSeq. */
static bool is_stale(const struct contact_record *old, const struct pbx_change *c)
{
	return str_eq(old->call_id, c->call_id) && c->cseq <= old->cseq;
}

/* A further flow of a registration is as old as that is: temporary GRUUs are good by either (pbx/gruu.h). */
static usec first_registered(const struct contact_record *old, size_t n, const struct contact_record *row)
{
	usec first = row->registered;

	for (size_t i = 0; i < n; i++)
		if (row->reg_id && old[i].reg_id && str_eq(old[i].call_id, row->call_id) &&
		    pbx_gruu_instance_eq(old[i].instance, row->instance))
			first = usec_min(first, old[i].registered);
	return first;
}

/* A later row of the same request wins over an earlier one. */
static void put_row(struct pbx_verdict *v, const struct contact_record *row)
{
	size_t at = 0;

	while (at < v->put_n && !str_eq(v->put[at].key, row->key))
		at++;
	v->put[at] = *row;
	v->put_n = at == v->put_n ? at + 1 : v->put_n;
}

static bool is_put(const struct pbx_verdict *v, str key)
{
	for (size_t i = 0; i < v->put_n; i++)
		if (str_eq(v->put[i].key, key))
			return true;
	return false;
}

/* A phone that comes back from another port each time leaves its former contacts behind: who has not been heard of for
 * the longest makes room, or it would be locked out until they expire. */
static bool make_room(const struct contact_record *old, bool *gone, size_t n, struct pbx_verdict *v)
{
	size_t oldest = n;

	for (size_t i = 0; i < n; i++)
		if (!gone[i] && !is_put(v, old[i].key) && (oldest == n || old[i].updated < old[oldest].updated))
			oldest = i;
	if (oldest == n)
		return false;
	gone[oldest] = true;
	v->remove[v->remove_n++] = old[oldest];
	return true;
}

int pbx_registrar_judge(const struct pbx_location *l, const struct pbx_change *c, usec now, struct pbx_verdict *v)
{
	const struct pbx_contact *list[PBX_CONTACTS_MAX];
	size_t n = pbx_location_find_hashed(l, c->aor, c->hash ? c->hash : pbx_location_hash(l, c->aor), now, list);
	size_t added = 0;
	struct contact_record old[PBX_CONTACTS_MAX];
	bool gone[PBX_CONTACTS_MAX] = { 0 };

	v->put_n = v->remove_n = 0;
	for (size_t i = 0; i < n; i++)
		pbx_contact_record(list[i], &old[i]);
	for (size_t i = 0; c->star && i < n; i++) {
		if (is_stale(&old[i], c))
			return 500;
		v->remove[v->remove_n++] = old[i];
	}
	for (size_t r = 0; r < c->n; r++) {
		struct contact_record row = c->rows[r];
		size_t i = 0;

		while (i < n && !same_binding(&old[i], &row))
			i++;
		if (i < n) {
			if (is_stale(&old[i], c))
				return 500;
			if (!str_eq(row.key, old[i].key))
				row.key = old[i].key;
			row.registered = old[i].registered;
		} else {
			row.registered = first_registered(old, n, &row);
		}
		if (row.expires) {
			added += i == n;
			put_row(v, &row);
		} else if (i < n && !gone[i]) {
			gone[i] = true;
			v->remove[v->remove_n++] = old[i];
		}
	}
	while (n + added - v->remove_n > PBX_CONTACTS_MAX)
		if (!make_room(old, gone, n, v))
			return 503;
	return 200;
}

bool pbx_registrar_judge_one(const struct pbx_location *l, struct pbx_change *c, usec now, int *status)
{
	const struct pbx_contact *list[PBX_CONTACTS_MAX];
	struct pbx_contact_mark old;
	size_t n;

	if (c->n != 1 || c->star || !c->rows[0].expires)
		return false;
	n = pbx_location_find_hashed(l, c->aor, c->hash ? c->hash : pbx_location_hash(l, c->aor), now, list);
	*status = 200;
	if (n == 0)
		return true;
	pbx_contact_mark(list[0], &old);
	if (n > 1 || !str_eq(old.key, c->rows[0].key))
		return false;
	if (str_eq(old.call_id, c->call_id) && c->cseq <= old.cseq)
		*status = 500;
	c->rows[0].registered = old.registered;
	return true;
}

static void write_gruus(const struct contact_record *row, struct pbx_gruus *gruus, str call_id, usec now,
			struct buf *out)
{
	if (!pbx_gruu_may(row))
		return;
	if (pbx_numbers_is_bulk(row->uri)) { /* RFC 6140 7.1: the PBX puts the number in, and an sg of its own */
		buf_put(out, STR(";pub-gruu=\""));
		pbx_gruu_write_bulk(row, out);
		buf_put_char(out, '"');
		return;
	}
	buf_put(out, STR(";pub-gruu=\""));
	pbx_gruu_write_public(row, out);
	buf_put_char(out, '"');
	if (!str_eq(row->call_id, call_id))
		return;
	buf_put(out, STR(";temp-gruu=\""));
	pbx_gruu_write_temporary(gruus, row, now, out);
	buf_put_char(out, '"');
}

void pbx_registrar_write(const struct contact_record *rows, size_t n, struct pbx_gruus *gruus, str call_id, usec now,
			 struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		usec left = rows[i].expires > now ? rows[i].expires - now : 0;

		if (out->n)
			buf_put(out, STR("\r\n"));
		buf_put(out, STR("Contact: <"));
		buf_put(out, rows[i].uri);
		buf_put_char(out, '>');
		if (rows[i].params.n) {
			buf_put_char(out, ';');
			buf_put(out, rows[i].params);
		}
		if (rows[i].q != 1000)
			buf_printf(out, ";q=0.%03u", rows[i].q);
		if (gruus)
			write_gruus(&rows[i], gruus, call_id, now, out);
		buf_put(out, STR(";expires="));
		buf_put_u64(out, (uint64_t)((left + USEC_PER_SEC - 1) / USEC_PER_SEC));
	}
}
