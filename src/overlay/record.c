#include "overlay/record.h"

#include "base/base64.h"

#define CONTEXT STR("tandem/1 record")

enum tag { TAG_CERTIFICATE = 1, TAG_SEQ, TAG_EXPIRY, TAG_POINT, TAG_SEAL_KEY, TAG_CAPABILITIES };

static enum err read_point(struct overlay_record *r, str v)
{
	struct overlay_point *p = &r->point[r->point_n];

	if (r->point_n == OVERLAY_POINTS_MAX)
		return ERR_LIMIT;
	if (!overlay_take_addr(&v, &p->addr) || v.n != OVERLAY_KEY_N + OVERLAY_TOKEN_N)
		return ERR_SYNTAX;
	memcpy(p->pin, v.p, OVERLAY_KEY_N);
	memcpy(p->token, v.p + OVERLAY_KEY_N, OVERLAY_TOKEN_N);
	r->point_n++;
	return ERR_NONE;
}

static enum err read_field(struct overlay_record *r, uint8_t tag, str v)
{
	bool ok = true;

	switch (tag) {
	case TAG_CERTIFICATE:
		return overlay_certificate_parse(v, &r->certificate);
	case TAG_SEQ:
		ok = overlay_value_u64(v, &r->seq);
		break;
	case TAG_EXPIRY:
		ok = overlay_value_time(v, &r->expiry);
		break;
	case TAG_POINT:
		return read_point(r, v);
	case TAG_SEAL_KEY:
		ok = overlay_value_bytes(v, r->seal_key, sizeof(r->seal_key));
		break;
	case TAG_CAPABILITIES:
		ok = overlay_value_u32(v, &r->capabilities);
		break;
	}
	return ok ? ERR_NONE : ERR_SYNTAX;
}

enum err overlay_record_parse(str s, struct overlay_record *out)
{
	struct overlay_record r = { 0 };
	struct overlay_fields f;
	uint8_t tag;
	str v;

	if (s.n > OVERLAY_RECORD_MAX)
		return ERR_LIMIT;
	overlay_fields_start(&f, s);
	while (overlay_fields_next(&f, &tag, &v)) {
		if (tag > TAG_CAPABILITIES && tag != OVERLAY_TAG_SIGNED) {
			overlay_fields_unknown(&f, tag);
			continue;
		}
		if (tag != TAG_POINT && !overlay_fields_once(&f, tag))
			break;
		enum err err = read_field(&r, tag, v);
		if (err)
			return err;
	}
	if (f.err)
		return f.err;
	for (tag = TAG_CERTIFICATE; tag <= TAG_CAPABILITIES; tag++)
		if (tag != TAG_POINT && !overlay_fields_had(&f, tag))
			return ERR_SYNTAX;
	r.bytes_n = (uint16_t)s.n;
	memcpy(r.bytes, s.p, s.n);
	*out = r;
	return ERR_NONE;
}

static void put_point(struct buf *b, const struct overlay_point *p)
{
	char bytes[19 + OVERLAY_KEY_N + OVERLAY_TOKEN_N];
	struct buf value;

	buf_init(&value, bytes, sizeof(bytes));
	overlay_put_addr_value(&value, &p->addr);
	buf_put_bytes(&value, p->pin, sizeof(p->pin));
	buf_put_bytes(&value, p->token, sizeof(p->token));
	overlay_put_field(b, TAG_POINT, buf_str(&value));
}

enum err overlay_record_sign(struct overlay_record *r, const struct sign_pair *device)
{
	struct buf b;

	r->expiry -= r->expiry % USEC_PER_MS;
	if (r->expiry > r->certificate.not_after || r->point_n > OVERLAY_POINTS_MAX)
		return ERR_LIMIT;
	buf_init(&b, r->bytes, sizeof(r->bytes));
	overlay_put_field(&b, TAG_CERTIFICATE, overlay_certificate_str(&r->certificate));
	overlay_put_u64(&b, TAG_SEQ, r->seq);
	overlay_put_time(&b, TAG_EXPIRY, r->expiry);
	for (size_t i = 0; i < r->point_n; i++)
		put_point(&b, &r->point[i]);
	overlay_put_bytes(&b, TAG_SEAL_KEY, r->seal_key, sizeof(r->seal_key));
	overlay_put_u32(&b, TAG_CAPABILITIES, r->capabilities);
	overlay_put_signature(&b, 0, CONTEXT, device);
	r->bytes_n = buf_ok(&b) ? (uint16_t)b.n : 0;
	return b.err;
}

enum err overlay_record_verify(const struct overlay_record *r, str network, const uint8_t authority[OVERLAY_KEY_N],
			       usec now)
{
	enum err err = overlay_certificate_verify(&r->certificate, network, authority, now);

	if (err)
		return err;
	err = overlay_check_signature(overlay_record_str(r), CONTEXT, r->certificate.device);
	if (err)
		return err == ERR_MEMORY ? err : ERR_FORGED;
	if (r->expiry > r->certificate.not_after || r->expiry > now + OVERLAY_RECORD_LIFE + OVERLAY_CLOCK_SLACK)
		return ERR_FORGED;
	return r->expiry <= now ? ERR_EXPIRED : ERR_NONE;
}

void overlay_record_key(const struct overlay_record *r, uint8_t out[OVERLAY_KEY_N])
{
	overlay_user_key(overlay_domain_str(&r->certificate.network), overlay_name_str(&r->certificate.name), out);
}

void overlay_point_write_uri(const struct overlay_point *p, str name, struct buf *b)
{
	buf_put(b, STR("sip:"));
	buf_put(b, name);
	buf_put_char(b, '@');
	addr_write(&p->addr, b);
	buf_put(b, STR(";transport=tls;flow="));
	base64url_write(str_of((const char *)p->token, sizeof(p->token)), b);
	buf_put(b, STR(";pin="));
	base64url_write(str_of((const char *)p->pin, sizeof(p->pin)), b);
}
