#include "overlay/node_state.h"

#include "crypt/secret.h"

/* The first tag is critical: a later form that this reader must not misread changes it. */
enum tag { TAG_FORM = 0x81, TAG_DEVICE = 1, TAG_KEYS, TAG_KEYS_BEFORE, TAG_CERTIFICATE, TAG_SEQ, TAG_SERVER };

#define SERVER_TAIL_N (2 + OVERLAY_KEY_N) /* port and pin behind the host */

void overlay_node_state_make(struct overlay_node_state *s, struct rng *rng)
{
	*s = (struct overlay_node_state){ 0 };
	sign_new(&s->device, rng);
	box_new(&s->keys, rng);
}

static bool read_server(struct overlay_node_state *s, str v)
{
	struct overlay_server *server = &s->cache[s->cache_n];

	if (s->cache_n == OVERLAY_CACHE_MAX || v.n < SERVER_TAIL_N ||
	    !str_copy_z(str_head(v, v.n - SERVER_TAIL_N), server->host, sizeof(server->host)))
		return false;
	v = str_skip(v, v.n - SERVER_TAIL_N);
	if (!overlay_value_u16(str_head(v, 2), &server->port))
		return false;
	memcpy(server->pin, v.p + 2, OVERLAY_KEY_N);
	s->cache_n++;
	return true;
}

static bool read_box(struct box_pair *pair, str v)
{
	uint8_t secret[BOX_KEY_N];
	bool ok = overlay_value_bytes(v, secret, sizeof(secret));

	if (ok)
		box_restore(pair, secret);
	secret_wipe(secret, sizeof(secret));
	return ok;
}

static bool read_device(struct sign_pair *pair, str v)
{
	uint8_t seed[SIGN_SEED_N];
	bool ok = overlay_value_bytes(v, seed, sizeof(seed));

	if (ok)
		sign_restore(pair, seed);
	secret_wipe(seed, sizeof(seed));
	return ok;
}

static bool read_field(struct overlay_node_state *s, uint8_t tag, str v)
{
	switch (tag) {
	case TAG_DEVICE:
		return read_device(&s->device, v);
	case TAG_KEYS:
		return read_box(&s->keys, v);
	case TAG_KEYS_BEFORE:
		return read_box(&s->keys_before, v);
	case TAG_CERTIFICATE:
		return overlay_certificate_parse(v, &s->certificate) == ERR_NONE;
	case TAG_SEQ:
		return overlay_value_u64(v, &s->seq);
	case TAG_SERVER:
		return read_server(s, v);
	default:
		return true;
	}
}

enum err overlay_node_state_parse(str text, struct overlay_node_state *out)
{
	struct overlay_node_state s = { 0 };
	struct overlay_fields f;
	enum err err = ERR_NONE;
	uint8_t tag;
	str v;

	if (text.n > OVERLAY_NODE_STATE_MAX)
		return ERR_LIMIT;
	overlay_fields_start(&f, text);
	while (!err && overlay_fields_next(&f, &tag, &v)) {
		if (tag > TAG_SERVER && tag != TAG_FORM)
			overlay_fields_unknown(&f, tag);
		else if ((tag == TAG_SERVER || overlay_fields_once(&f, tag)) && !read_field(&s, tag, v))
			err = ERR_SYNTAX;
	}
	err = err ? err : f.err;
	if (!err && !(overlay_fields_had(&f, TAG_FORM) && overlay_fields_had(&f, TAG_DEVICE) &&
		      overlay_fields_had(&f, TAG_KEYS)))
		err = ERR_SYNTAX;
	/* A certificate for another key is of no use, and a sign that files were mixed up. */
	if (!err && s.certificate.bytes_n && memcmp(s.certificate.device, s.device.key, SIGN_KEY_N) != 0)
		err = ERR_SYNTAX;
	if (!err)
		*out = s;
	overlay_node_state_wipe(&s);
	return err;
}

static void put_server(struct buf *b, const struct overlay_server *server)
{
	char text[OVERLAY_NETWORK_MAX + SERVER_TAIL_N];
	struct buf v;

	buf_init(&v, text, sizeof(text));
	buf_put_z(&v, server->host);
	buf_put_u16(&v, server->port);
	buf_put_bytes(&v, server->pin, OVERLAY_KEY_N);
	overlay_put_field(b, TAG_SERVER, buf_str(&v));
}

void overlay_node_state_write(const struct overlay_node_state *s, struct buf *b)
{
	static const uint8_t none[BOX_KEY_N];

	overlay_put_field(b, TAG_FORM, STR_NONE);
	overlay_put_bytes(b, TAG_DEVICE, s->device.seed, SIGN_SEED_N);
	overlay_put_bytes(b, TAG_KEYS, s->keys.secret, BOX_KEY_N);
	if (memcmp(s->keys_before.key, none, sizeof(none)) != 0)
		overlay_put_bytes(b, TAG_KEYS_BEFORE, s->keys_before.secret, BOX_KEY_N);
	if (s->certificate.bytes_n)
		overlay_put_field(b, TAG_CERTIFICATE, overlay_certificate_str(&s->certificate));
	overlay_put_u64(b, TAG_SEQ, s->seq);
	for (size_t i = 0; i < s->cache_n; i++)
		put_server(b, &s->cache[i]);
}

void overlay_node_state_wipe(struct overlay_node_state *s)
{
	secret_wipe(s, sizeof(*s));
}
