#include "store/contact_list.h"

static unsigned seconds_left(const struct contact_record *c, usec now)
{
	return c->expires > now ? (unsigned)((c->expires - now) / USEC_PER_SEC) : 0;
}

static void put_lower(str s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++)
		buf_put_char(out, str_lower(s.p[i]));
}

/* RFC 3261 20.10: up to three decimals. */
static void put_q(const struct contact_record *c, struct buf *out)
{
	unsigned q = c->q, digits = 3;

	for (; digits > 1 && q % 10 == 0; digits--)
		q /= 10;
	if (c->q >= 1000)
		buf_put_z(out, "1.0");
	else
		buf_printf(out, "0.%0*u", (int)digits, q);
}

static void put_more(const char *what, str text, struct buf *out)
{
	if (!text.n)
		return;
	buf_put_z(out, what);
	record_write_plain(text, out);
}

void store_contact_list_text(const struct contact_record *c, usec now, struct buf *out)
{
	char remote[ADDR_TEXT_MAX];

	record_write_plain(c->aor, out);
	put_more("  ", c->uri, out);
	buf_put_z(out, "  q ");
	put_q(c, out);
	buf_printf(out, "  %u s  ", seconds_left(c, now));
	put_lower(transport_name((enum transport)c->transport), out);
	if (addr_is_set(&c->remote))
		buf_printf(out, " %s", addr_text(&c->remote, remote));
	put_more("  ", c->user_agent, out);
	put_more("  instance ", c->instance, out);
	if (c->reg_id)
		buf_printf(out, " reg-id %u", c->reg_id);
	put_more("  path ", c->path, out);
	put_more("  on ", c->machine, out);
}

static void put_field(const char *name, str text, struct buf *out)
{
	if (!text.n)
		return;
	buf_printf(out, ",\"%s\":", name);
	record_write_json_text(text, out);
}

void store_contact_list_json(const struct contact_record *c, usec now, struct buf *out)
{
	char remote[ADDR_TEXT_MAX];

	buf_put_z(out, "{\"aor\":");
	record_write_json_text(c->aor, out);
	put_field("uri", c->uri, out);
	buf_put_z(out, ",\"q\":");
	put_q(c, out);
	buf_printf(out, ",\"expires_s\":%u,\"transport\":\"", seconds_left(c, now));
	put_lower(transport_name((enum transport)c->transport), out);
	buf_put_char(out, '"');
	if (addr_is_set(&c->remote))
		put_field("remote", str_from(addr_text(&c->remote, remote)), out);
	put_field("user_agent", c->user_agent, out);
	put_field("instance", c->instance, out);
	if (c->reg_id)
		buf_printf(out, ",\"reg_id\":%u", c->reg_id);
	put_field("path", c->path, out);
	put_field("machine", c->machine, out);
	buf_put_z(out, ",\"registered\":");
	buf_put_i64(out, c->registered);
	buf_put_z(out, ",\"updated\":");
	buf_put_i64(out, c->updated);
	buf_put_char(out, '}');
}

static str without_scheme(str uri)
{
	return str_starts_nocase(uri, STR("sip:"))    ? str_skip(uri, 4)
	       : str_starts_nocase(uri, STR("sips:")) ? str_skip(uri, 5)
						      : uri;
}

bool store_contact_list_is_of(const struct contact_record *c, str account, str domain)
{
	str has_user, has_domain, user = without_scheme(account), own = STR_NONE;

	if (!str_split(without_scheme(c->aor), '@', &has_user, &has_domain))
		return false;
	if (str_split(user, '@', &user, &own))
		domain = own;
	return (!user.n || str_eq(user, has_user)) && (!domain.n || str_eq_nocase(domain, has_domain));
}
