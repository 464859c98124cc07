#include "overlay/seal.h"

#include "crypt/digest.h"
#include "crypt/secret.h"

#include <stdlib.h>

#define CONTEXT     STR("tandem/1 sealed")
#define PURPOSE     STR("overlay sip body")
#define VERSION     1
#define HINT_N      8
#define HEAD_N      (1 + HINT_N)
#define PAD_TO      64
#define INSIDE_MORE 2048 /* all that is inside besides the content, padding too */

enum essential {
	ESSENTIAL_DIRECTION = 1,
	ESSENTIAL_METHOD,
	ESSENTIAL_CALL_ID,
	ESSENTIAL_FROM,
	ESSENTIAL_TO,
	ESSENTIAL_CSEQ
};
enum tag {
	TAG_ESSENTIALS = 1,
	TAG_RECIPIENT,
	TAG_CERTIFICATE,
	TAG_SEAL_KEY,
	TAG_TIME,
	TAG_TYPE,
	TAG_CONTENT,
	TAG_PADDING,
};

static str bytes_of(const void *p, size_t n)
{
	return str_of(p, n);
}

static enum err essentials_digest(const struct overlay_essentials *e, uint8_t out[32])
{
	struct buf b;

	buf_init_grow(&b, 8192);
	overlay_put_u8(&b, ESSENTIAL_DIRECTION, e->response ? 2 : 1);
	overlay_put_field(&b, ESSENTIAL_METHOD, e->method);
	overlay_put_field(&b, ESSENTIAL_CALL_ID, e->call_id);
	overlay_put_field(&b, ESSENTIAL_FROM, e->from);
	overlay_put_field(&b, ESSENTIAL_TO, e->to);
	overlay_put_u32(&b, ESSENTIAL_CSEQ, e->cseq);
	enum err err = b.err ? b.err : digest_once(DIGEST_SHA256, buf_str(&b), out);
	buf_free(&b);
	return err;
}

static enum err hint_of(const uint8_t key[OVERLAY_KEY_N], uint8_t out[HINT_N])
{
	uint8_t digest[32];
	enum err err = digest_once(DIGEST_SHA256, bytes_of(key, OVERLAY_KEY_N), digest);

	memcpy(out, digest, HINT_N);
	return err;
}

static void put_padding(struct buf *b)
{
	static const uint8_t zeros[PAD_TO];
	size_t after = b->n + 3 + 3 + OVERLAY_SIGNATURE_N;

	overlay_put_bytes(b, TAG_PADDING, zeros, (PAD_TO - after % PAD_TO) % PAD_TO);
}

static enum err fail(struct buf *out, size_t from, enum err err)
{
	out->n = from;
	out->err = out->err ? out->err : err;
	return out->err;
}

static enum err seal_inside(struct buf *out, struct buf *inside, const uint8_t digest[32],
			    const uint8_t recipient[OVERLAY_KEY_N], struct rng *rng)
{
	uint8_t hint[HINT_N];
	enum err err = inside->err ? inside->err : hint_of(recipient, hint);

	if (err)
		return err;
	buf_put_u8(out, VERSION);
	buf_put_bytes(out, hint, sizeof(hint));
	return box_seal(recipient, PURPOSE, bytes_of(digest, 32), buf_str(inside), rng, out);
}

void overlay_seal(struct buf *out, const struct overlay_essentials *e, const uint8_t recipient[OVERLAY_KEY_N],
		  const struct overlay_certificate *sender, const struct sign_pair *device,
		  const uint8_t sender_seal_key[OVERLAY_KEY_N], str type, str content, struct rng *rng, usec now)
{
	uint8_t digest[32];
	size_t from = out->n;
	struct buf inside;

	if (content.n > OVERLAY_SEAL_CLEAR_MAX || type.n > OVERLAY_SEAL_TYPE_MAX) {
		fail(out, from, ERR_LIMIT);
		return;
	}
	buf_init_grow(&inside, content.n + INSIDE_MORE);
	enum err err = essentials_digest(e, digest);
	if (!err) {
		overlay_put_bytes(&inside, TAG_ESSENTIALS, digest, sizeof(digest));
		overlay_put_bytes(&inside, TAG_RECIPIENT, recipient, OVERLAY_KEY_N);
		overlay_put_field(&inside, TAG_CERTIFICATE, overlay_certificate_str(sender));
		overlay_put_bytes(&inside, TAG_SEAL_KEY, sender_seal_key, OVERLAY_KEY_N);
		overlay_put_time(&inside, TAG_TIME, now);
		overlay_put_field(&inside, TAG_TYPE, type);
		overlay_put_field(&inside, TAG_CONTENT, content);
		put_padding(&inside);
		overlay_put_signature(&inside, 0, CONTEXT, device);
		err = seal_inside(out, &inside, digest, recipient, rng);
	}
	if (err)
		fail(out, from, err);
	if (inside.p)
		secret_wipe(inside.p, inside.n);
	buf_free(&inside);
}

struct inside {
	uint8_t essentials[32], recipient[OVERLAY_KEY_N];
	struct overlay_letter letter;
};

static enum err read_field(struct inside *in, uint8_t tag, str v)
{
	struct overlay_letter *l = &in->letter;
	bool ok = true;

	switch (tag) {
	case TAG_ESSENTIALS:
		ok = overlay_value_bytes(v, in->essentials, sizeof(in->essentials));
		break;
	case TAG_RECIPIENT:
		ok = overlay_value_bytes(v, in->recipient, sizeof(in->recipient));
		break;
	case TAG_CERTIFICATE:
		return overlay_certificate_parse(v, &l->sender);
	case TAG_SEAL_KEY:
		ok = overlay_value_bytes(v, l->sender_seal_key, sizeof(l->sender_seal_key));
		break;
	case TAG_TIME:
		ok = overlay_value_time(v, &l->time);
		break;
	case TAG_TYPE:
		l->type = v;
		ok = v.n <= OVERLAY_SEAL_TYPE_MAX;
		break;
	case TAG_CONTENT:
		l->content = v;
		ok = v.n <= OVERLAY_SEAL_CLEAR_MAX;
		break;
	}
	return ok ? ERR_NONE : ERR_SYNTAX;
}

static enum err read_inside(str list, struct inside *out)
{
	struct overlay_fields f;
	uint8_t tag;
	str v;

	*out = (struct inside){ 0 };
	overlay_fields_start(&f, list);
	while (overlay_fields_next(&f, &tag, &v)) {
		if (tag > TAG_PADDING && tag != OVERLAY_TAG_SIGNED) {
			overlay_fields_unknown(&f, tag);
			continue;
		}
		enum err err = overlay_fields_once(&f, tag) ? read_field(out, tag, v) : ERR_SYNTAX;
		if (err)
			return err;
	}
	for (tag = TAG_ESSENTIALS; !f.err && tag <= TAG_CONTENT; tag++)
		if (!overlay_fields_had(&f, tag))
			return ERR_SYNTAX;
	return f.err;
}

static enum err check_inside(str list, const struct inside *in, const uint8_t digest[32], const struct box_pair *mine,
			     str network, const uint8_t authority[OVERLAY_KEY_N], usec now)
{
	const struct overlay_letter *l = &in->letter;

	if (memcmp(in->essentials, digest, sizeof(in->essentials)) != 0 ||
	    memcmp(in->recipient, mine->key, sizeof(in->recipient)) != 0)
		return ERR_FORGED;
	enum err err = overlay_certificate_verify(&l->sender, network, authority, now);
	if (err)
		return err;
	err = overlay_check_signature(list, CONTEXT, l->sender.device);
	if (err)
		return err == ERR_MEMORY ? err : ERR_FORGED;
	if (l->time > now + OVERLAY_CLOCK_SLACK)
		return ERR_STATE;
	return l->time < now - OVERLAY_CLOCK_SLACK ? ERR_EXPIRED : ERR_NONE;
}

enum err overlay_open(str sealed, const struct overlay_essentials *e, const struct box_pair *mine, str network,
		      const uint8_t authority[OVERLAY_KEY_N], usec now, struct buf *storage, struct overlay_letter *out)
{
	uint8_t digest[32], hint[HINT_N];
	size_t from = storage->n;
	struct inside in;

	if (sealed.n < HEAD_N + BOX_OVERHEAD)
		return ERR_SYNTAX;
	if (sealed.n > OVERLAY_SEAL_CLEAR_MAX + INSIDE_MORE + HEAD_N + BOX_OVERHEAD)
		return ERR_LIMIT;
	if (sealed.p[0] != VERSION)
		return ERR_UNSUPPORTED;
	enum err err = hint_of(mine->key, hint);
	if (!err && memcmp(hint, sealed.p + 1, HINT_N) != 0)
		return ERR_ABSENT;
	if (!err)
		err = essentials_digest(e, digest);
	if (!err)
		err = box_open(mine, PURPOSE, bytes_of(digest, sizeof(digest)), str_skip(sealed, HEAD_N), storage);
	if (err)
		return err;
	str list = str_skip(buf_str(storage), from);
	err = read_inside(list, &in);
	if (!err)
		err = check_inside(list, &in, digest, mine, network, authority, now);
	if (err) {
		storage->n = from;
		return err;
	}
	*out = in.letter;
	return ERR_NONE;
}

bool overlay_replay_start(struct overlay_replay *r)
{
	*r = (struct overlay_replay){ .ring = calloc(OVERLAY_REPLAY_MAX, sizeof(*r->ring)) };
	return r->ring != NULL;
}

void overlay_replay_free(struct overlay_replay *r)
{
	free(r->ring);
	*r = (struct overlay_replay){ 0 };
}

static void forget_first(struct overlay_replay *r)
{
	r->head = (r->head + 1) % OVERLAY_REPLAY_MAX;
	r->n--;
}

bool overlay_replay_new(struct overlay_replay *r, str sealed, usec time, usec now)
{
	struct overlay_replay_entry *e;
	uint8_t id[sizeof(e->id)];

	if (sealed.n < HEAD_N + sizeof(id) || time <= r->floor)
		return false;
	/* The fresh public key: another one is another letter, and it cannot be changed without breaking the rest. */
	memcpy(id, sealed.p + HEAD_N, sizeof(id));
	while (r->n && r->ring[r->head].opened < now - OVERLAY_REPLAY_SPAN)
		forget_first(r);
	for (size_t i = 0; i < r->n; i++)
		if (memcmp(r->ring[(r->head + i) % OVERLAY_REPLAY_MAX].id, id, sizeof(id)) == 0)
			return false;
	if (r->n == OVERLAY_REPLAY_MAX) {
		e = &r->ring[r->head];
		r->floor = e->time > r->floor ? e->time : r->floor;
		forget_first(r);
	}
	e = &r->ring[(r->head + r->n++) % OVERLAY_REPLAY_MAX];
	memcpy(e->id, id, sizeof(id));
	e->time = time;
	e->opened = now;
	return true;
}
