#include "pbx/gruu.h"

#include "base/base64.h"
#include "crypt/aead.h"
#include "crypt/hmac.h"
#include "crypt/secret.h"

#include <stdlib.h>

#define VERSION  1
#define FIXED_N  (1 + 4 + 8 + 8 + 1)
#define PAD      16 /* lengths of names do not show */
#define PLAIN_N  (FIXED_N + USER_NAME_MAX + PAD)
#define SEALED_N (AEAD_NONCE_N + PLAIN_N + AEAD_TAG_N)

static const str prefix = STR_INIT("tgruu.");

struct pbx_gruus {
	struct aead *aead;
	struct rng *rng;
};

struct pbx_gruus *pbx_gruus_new(const uint8_t *key, size_t n, struct rng *rng)
{
	struct pbx_gruus *g = calloc(1, sizeof(*g));
	uint8_t own[DIGEST_MAX];

	if (!g)
		return NULL;
	g->rng = rng;
	if (!hmac_once(DIGEST_SHA256, str_of((const char *)key, n), STR("pbx gruu 1"), own))
		g->aead = aead_new(AEAD_CHACHA20_POLY1305, str_of((const char *)own, 32));
	secret_wipe(own, sizeof(own));
	if (!g->aead) {
		free(g);
		return NULL;
	}
	return g;
}

void pbx_gruus_free(struct pbx_gruus *g)
{
	if (!g)
		return;
	aead_free(g->aead);
	free(g);
}

/* ---- instances ---- */

str pbx_gruu_instance(str value)
{
	if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
		value = str_of(value.p + 1, value.n - 2);
	if (value.n >= 2 && value.p[0] == '<' && value.p[value.n - 1] == '>')
		value = str_of(value.p + 1, value.n - 2);
	return value;
}

bool pbx_gruu_instance_eq(str a, str b)
{
	return a.n && str_eq_nocase(pbx_gruu_instance(a), pbx_gruu_instance(b));
}

/* The same in every process: it stands in GRUUs that outlive one. Nobody gains by a collision: it is sealed, or his own
 * instance's. */
static uint64_t hash_of(str s)
{
	static const uint64_t key[2] = { 0x6772757520696e73u, 0x74616e6365206f66u };

	return str_hash_nocase(s, key);
}

bool pbx_gruu_may(const struct contact_record *row)
{
	str instance = pbx_gruu_instance(row->instance);

	if (!instance.n || instance.n > PBX_GRUU_INSTANCE_MAX)
		return false;
	for (size_t i = 0; i < instance.n; i++)
		if ((unsigned char)instance.p[i] <= ' ' || instance.p[i] == '"' || instance.p[i] == '\\' ||
		    (unsigned char)instance.p[i] >= 0x7f)
			return false;
	return true;
}

/* ---- writing ---- */

/* "sip:name@domain" has one colon in front of the name, and the domain no '@'. */
static bool split_aor(str aor, str *name, str *domain)
{
	size_t at = aor.n;

	while (at && aor.p[at - 1] != '@')
		at--;
	if (!at || !str_starts(aor, STR("sip:")) || at < 6)
		return false;
	*name = str_of(aor.p + 4, at - 5);
	*domain = str_skip(aor, at);
	return true;
}

/* RFC 3261 25.1: paramchar is unreserved, param-unreserved "[]/:&+$" or an escape. */
static void put_param(str s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i], small = str_lower(c);

		if ((small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') || strchr("-_.!~*'()[]/:&+$", c))
			buf_put_char(out, c);
		else
			buf_printf(out, "%%%02X", (unsigned char)c);
	}
}

void pbx_gruu_write_public(const struct contact_record *row, struct buf *out)
{
	str name, domain;

	if (!split_aor(row->aor, &name, &domain))
		return;
	buf_put(out, STR("sip:"));
	sip_uri_escape_user(name, out);
	buf_put_char(out, '@');
	buf_put(out, domain);
	buf_put(out, STR(";gr="));
	put_param(pbx_gruu_instance(row->instance), out);
}

void pbx_gruu_write_bulk(const struct contact_record *row, struct buf *out)
{
	str name, domain;

	if (!split_aor(row->aor, &name, &domain))
		return;
	buf_put(out, STR("sip:"));
	buf_put(out, domain);
	buf_put(out, STR(";bnc;gr="));
	put_param(pbx_gruu_instance(row->instance), out);
}

void pbx_gruu_write_temporary(struct pbx_gruus *g, const struct contact_record *row, usec now, struct buf *out)
{
	uint8_t sealed[SEALED_N], *text = sealed + AEAD_NONCE_N;
	str name, domain;
	struct buf b;

	if (!split_aor(row->aor, &name, &domain) || name.n > USER_NAME_MAX)
		return;
	rng_fill(g->rng, sealed, AEAD_NONCE_N);
	buf_init(&b, text, PLAIN_N);
	buf_put_u8(&b, VERSION);
	buf_put_u32be(&b, (uint32_t)(now / USEC_PER_SEC));
	buf_put_u64be(&b, hash_of(pbx_gruu_instance(row->instance)));
	buf_put_u64be(&b, hash_of(row->call_id));
	buf_put_u8(&b, (uint8_t)name.n);
	buf_put(&b, name);
	while (b.n % PAD)
		buf_put_u8(&b, 0);
	aead_seal(g->aead, sealed, domain, buf_str(&b), text);
	buf_put(out, STR("sip:"));
	buf_put(out, prefix);
	base64url_write(str_of((const char *)sealed, AEAD_NONCE_N + b.n + AEAD_TAG_N), out);
	buf_put_char(out, '@');
	buf_put(out, domain);
	buf_put(out, STR(";gr"));
}

/* ---- reading ---- */

bool pbx_gruu_is(const struct sip_uri *uri)
{
	return uri->has_user && uri->params.n && sip_uri_param(uri, STR("gr"), NULL);
}

static uint64_t take(const uint8_t *p, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++)
		value = value << 8 | p[i];
	return value;
}

static enum err open_temporary(struct pbx_gruus *g, const struct sip_uri *uri, struct pbx_gruu *out, struct buf *name)
{
	uint8_t sealed[SEALED_N], *text = sealed + AEAD_NONCE_N;
	char host[USER_NAME_MAX];
	struct buf b, domain;
	size_t n;

	buf_init(&b, sealed, sizeof(sealed));
	buf_init(&domain, host, sizeof(host));
	for (size_t i = 0; i < uri->host.n; i++)
		buf_put_char(&domain, str_lower(uri->host.p[i]));
	if (!buf_ok(&domain) || base64url_parse(str_skip(uri->user, prefix.n), &b) ||
	    b.n < AEAD_NONCE_N + FIXED_N + AEAD_TAG_N)
		return ERR_FORGED;
	n = b.n - AEAD_NONCE_N - AEAD_TAG_N;
	if (aead_open(g->aead, sealed, buf_str(&domain), str_of((const char *)text, n + AEAD_TAG_N), text))
		return ERR_FORGED;
	if (text[0] != VERSION || FIXED_N + (size_t)text[FIXED_N - 1] > n)
		return ERR_FORGED;
	*out = (struct pbx_gruu){ .temporary = true,
				  .minted_s = (uint32_t)take(text + 1, 4),
				  .instance = take(text + 5, 8),
				  .call_id = take(text + 13, 8) };
	buf_put_bytes(name, text + FIXED_N, text[FIXED_N - 1]);
	return name->err;
}

enum err pbx_gruu_read(struct pbx_gruus *g, const struct sip_uri *uri, struct pbx_gruu *out, struct buf *name)
{
	char text[PBX_GRUU_INSTANCE_MAX];
	struct buf instance;
	str value;

	if (!sip_uri_param(uri, STR("gr"), &value))
		return ERR_FORGED;
	if (!value.n)
		return str_starts(uri->user, prefix) ? open_temporary(g, uri, out, name) : ERR_FORGED;
	buf_init(&instance, text, sizeof(text));
	sip_uri_unescape(value, &instance);
	if (!buf_ok(&instance))
		return ERR_FORGED;
	*out = (struct pbx_gruu){ .instance = hash_of(pbx_gruu_instance(buf_str(&instance))) };
	sip_uri_unescape(uri->user, name);
	return name->err;
}

/* ---- whom it means ---- */

static bool stands_for(const struct pbx_gruu *g, const struct contact_record *row)
{
	if (!row->instance.n || hash_of(pbx_gruu_instance(row->instance)) != g->instance)
		return false;
	/* What was bound later than it was handed out is another registration. */
	return !g->temporary || (hash_of(row->call_id) == g->call_id && row->registered / USEC_PER_SEC <= g->minted_s);
}

static void sort_newest(struct contact_record *rows, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t at = i; at && rows[at].updated > rows[at - 1].updated; at--) {
			struct contact_record row = rows[at];

			rows[at] = rows[at - 1];
			rows[at - 1] = row;
		}
}

size_t pbx_gruu_pick(const struct pbx_gruu *g, struct contact_record *rows, size_t n)
{
	struct pbx_gruu same = { .instance = g->instance };
	size_t kept = 0, good = 0;
	bool plain = false, plain_good = false;

	for (size_t i = 0; i < n; i++)
		if (stands_for(&same, &rows[i]))
			rows[kept++] = rows[i];
	sort_newest(rows, kept);
	for (size_t i = 0; i < kept; i++) {
		bool counts = stands_for(g, &rows[i]);

		/* Without reg-id the newest binding is where the instance is now: its Call-ID alone decides (5.1), and
		 * those before it are tried after it (6.1). */
		if (!rows[i].reg_id) {
			plain_good = plain ? plain_good : counts;
			plain = true;
			counts = plain_good;
		}
		if (counts)
			rows[good++] = rows[i];
	}
	return good;
}
