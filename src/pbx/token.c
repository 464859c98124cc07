#include "pbx/token.h"

#include "base/base64.h"
#include "crypt/kdf.h"
#include "crypt/secret.h"

#define MAC_N     12
#define BYTES_MAX 100 /* of what is signed */

enum { OUTSIDE = 1, NEIGHBOUR = 2, CALL = 4, PHONE = 8 };

static void put_ip(struct buf *b, const struct addr *a)
{
	buf_put_bytes(b, a->ip, a->family == 6 ? 16 : 4);
}

static void put_flow(struct buf *b, const struct flow *f)
{
	buf_put_u8(b, (uint8_t)f->transport);
	if (!f->transport)
		return;
	buf_put_u16(b, f->worker);
	buf_put_u32be(b, f->id);
	buf_put_u8(b, f->remote.family);
	buf_put_u16(b, f->remote.port);
	put_ip(b, &f->remote);
}

static uint64_t take(const uint8_t **at, const uint8_t *end, size_t n, bool *good)
{
	uint64_t value = 0;

	*good = *good && (size_t)(end - *at) >= n;
	for (size_t i = 0; *good && i < n; i++)
		value = value << 8 | *(*at)++;
	return value;
}

static void take_ip(const uint8_t **at, const uint8_t *end, bool *good, struct addr *a)
{
	for (int i = 0; i < (a->family == 6 ? 16 : 4); i++)
		a->ip[i] = (uint8_t)take(at, end, 1, good);
}

static void take_flow(const uint8_t **at, const uint8_t *end, bool *good, struct flow *f)
{
	*f = (struct flow){ .transport = (enum transport)take(at, end, 1, good) };
	if (!f->transport)
		return;
	f->worker = (uint16_t)take(at, end, 2, good);
	f->id = (uint32_t)take(at, end, 4, good);
	f->remote.family = (uint8_t)take(at, end, 1, good);
	f->remote.port = (uint16_t)take(at, end, 2, good);
	take_ip(at, end, good, &f->remote);
}

enum err pbx_token_keys_init(struct pbx_token_keys *keys, str secret)
{
	return kdf_hkdf(STR_NONE, secret, STR("pbx route 3"), (uint8_t *)keys, sizeof(*keys));
}

/* The same for all tokens and tags of a call. */
static void mark_call(const struct pbx_token_keys *keys, str call_id, uint8_t mark[SHORT_MAC_N])
{
	short_mac(keys->call_id, call_id, mark);
}

/* Of at most BYTES_MAX bytes. */
static void sign(const struct pbx_token_keys *keys, str bytes, const uint8_t call[SHORT_MAC_N], str caller_tag,
		 uint8_t mac[SHORT_MAC_N])
{
	uint64_t tag = str_hash(caller_tag, keys->tag);
	uint8_t text[SHORT_MAC_N + sizeof(tag) + BYTES_MAX];

	memcpy(text, call, SHORT_MAC_N);
	memcpy(text + SHORT_MAC_N, &tag, sizeof(tag));
	memcpy(text + SHORT_MAC_N + sizeof(tag), bytes.p, bytes.n);
	short_mac(keys->token, str_of((const char *)text, SHORT_MAC_N + sizeof(tag) + bytes.n), mac);
}

static void put_neighbour(struct buf *b, const struct pbx_token *t)
{
	buf_put_u32be(b, t->since_s);
	buf_put_u64be(b, t->target);
	buf_put_u32be(b, t->route);
	buf_put_u8(b, t->hop.family);
	put_ip(b, &t->hop);
}

static void take_neighbour(const uint8_t **at, const uint8_t *end, bool *good, struct pbx_token *t)
{
	t->since_s = (uint32_t)take(at, end, 4, good);
	t->target = take(at, end, 8, good);
	t->route = (uint32_t)take(at, end, 4, good);
	t->hop.family = (uint8_t)take(at, end, 1, good);
	take_ip(at, end, good, &t->hop);
}

void pbx_token_write(const struct pbx_token_keys *keys, const struct pbx_token *token, str call_id, str caller_tag,
		     struct buf *out)
{
	uint8_t bytes[BYTES_MAX], call[SHORT_MAC_N], mac[SHORT_MAC_N];
	unsigned marks = token->outside ? OUTSIDE : 0;
	struct buf b;

	if (token->neighbour)
		marks |= NEIGHBOUR | (token->call ? CALL : 0) | (token->phone ? PHONE : 0);
	buf_init(&b, bytes, sizeof(bytes));
	put_flow(&b, &token->caller);
	put_flow(&b, &token->callee);
	buf_put_u8(&b, (uint8_t)marks);
	if (token->neighbour)
		put_neighbour(&b, token);
	mark_call(keys, call_id, call);
	sign(keys, buf_str(&b), call, caller_tag, mac);
	buf_put_bytes(&b, mac, MAC_N);
	base64url_write(buf_str(&b), out);
}

static bool is_signed(const struct pbx_token_keys *keys, str bytes, const uint8_t call[SHORT_MAC_N], str tag, str mac)
{
	uint8_t right[SHORT_MAC_N];

	sign(keys, bytes, call, tag, right);
	return secret_eq(str_of((const char *)right, MAC_N), mac);
}

enum err pbx_token_read(const struct pbx_token_keys *keys, str text, str call_id, str from_tag, str to_tag,
			struct pbx_token *out)
{
	uint8_t bytes[PBX_TOKEN_MAX], call[SHORT_MAC_N];
	const uint8_t *at = bytes, *end;
	struct pbx_token token = { .outside = false };
	unsigned marks;
	bool good = true;
	str said, mac;
	struct buf b;

	buf_init(&b, bytes, sizeof(bytes));
	if (text.n > PBX_TOKEN_MAX || base64url_parse(text, &b) || b.n < MAC_N + 2 || b.n > MAC_N + BYTES_MAX)
		return ERR_FORGED;
	end = bytes + b.n - MAC_N;
	said = str_of((const char *)bytes, b.n - MAC_N);
	mac = str_of((const char *)end, MAC_N);
	mark_call(keys, call_id, call);
	if (!is_signed(keys, said, call, from_tag, mac) && !is_signed(keys, said, call, to_tag, mac))
		return ERR_FORGED;
	take_flow(&at, end, &good, &token.caller);
	take_flow(&at, end, &good, &token.callee);
	marks = (unsigned)take(&at, end, 1, &good);
	token.outside = marks & OUTSIDE;
	token.neighbour = marks & NEIGHBOUR;
	token.call = marks & CALL;
	token.phone = marks & PHONE;
	if (token.neighbour)
		take_neighbour(&at, end, &good, &token);
	if (!good || at != end)
		return ERR_FORGED;
	*out = token;
	return ERR_NONE;
}

/* ---- where a side is ---- */

static uint64_t chain(const struct pbx_token_keys *keys, uint64_t so_far, str s, bool nocase)
{
	const uint64_t key[2] = { keys->place[0] ^ so_far, keys->place[1] };

	return nocase ? str_hash_nocase(s, key) : str_hash(s, key);
}

static uint64_t place(const struct pbx_token_keys *keys, uint64_t so_far, const struct sip_uri *uri)
{
	enum transport transport = 0;
	char text[300];
	struct buf user;
	str maddr = STR_NONE;

	if (uri->scheme != SIP_SCHEME_SIP && uri->scheme != SIP_SCHEME_SIPS)
		return chain(keys, so_far, uri->text, false);
	buf_init(&user, text, sizeof(text));
	sip_uri_unescape(uri->user, &user);
	(void)sip_uri_transport(uri, &transport);
	(void)sip_uri_param(uri, STR("maddr"), &maddr);
	so_far = chain(keys, so_far, buf_ok(&user) ? buf_str(&user) : uri->user, false);
	so_far = chain(keys, so_far, uri->host, true);
	so_far = chain(keys, so_far + sip_uri_port(uri) + ((uint64_t)transport << 16), maddr, true);
	return so_far;
}

uint64_t pbx_token_target(const struct pbx_token_keys *keys, str tag, const struct sip_uri *uri)
{
	uint64_t mark = place(keys, chain(keys, 1, tag, false), uri);

	return mark ? mark : 1;
}

uint32_t pbx_token_route(const struct pbx_token_keys *keys, const struct sip_uri *uri)
{
	uint32_t mark = uri ? (uint32_t)place(keys, 0, uri) : 0;

	return uri && !mark ? 1 : mark;
}
