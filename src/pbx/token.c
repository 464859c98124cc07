#include "pbx/token.h"

#include "base/base64.h"
#include "crypt/kdf.h"
#include "crypt/secret.h"

#define MAC_N     12
#define FLOWS_MAX 100 /* bytes of what is signed */

static void put_flow(struct buf *b, const struct flow *f)
{
	buf_put_u8(b, (uint8_t)f->transport);
	if (!f->transport)
		return;
	buf_put_u16(b, f->worker);
	buf_put_u32be(b, f->id);
	buf_put_u8(b, f->remote.family);
	buf_put_u16(b, f->remote.port);
	buf_put_bytes(b, f->remote.ip, f->remote.family == 6 ? 16 : 4);
}

static uint64_t take(const uint8_t **at, const uint8_t *end, size_t n, bool *good)
{
	uint64_t value = 0;

	*good = *good && (size_t)(end - *at) >= n;
	for (size_t i = 0; *good && i < n; i++)
		value = value << 8 | *(*at)++;
	return value;
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
	for (int i = 0; i < (f->remote.family == 6 ? 16 : 4); i++)
		f->remote.ip[i] = (uint8_t)take(at, end, 1, good);
}

enum err pbx_token_keys_init(struct pbx_token_keys *keys, str secret)
{
	return kdf_hkdf(STR_NONE, secret, STR("pbx route 2"), (uint8_t *)keys, sizeof(*keys));
}

/* Of at most FLOWS_MAX bytes. */
static void sign(const struct pbx_token_keys *keys, str bytes, str call_id, uint8_t mac[SHORT_MAC_N])
{
	uint8_t text[SHORT_MAC_N + FLOWS_MAX];

	short_mac(keys->call_id, call_id, text);
	memcpy(text + SHORT_MAC_N, bytes.p, bytes.n);
	short_mac(keys->token, str_of((const char *)text, SHORT_MAC_N + bytes.n), mac);
}

void pbx_token_write(const struct pbx_token_keys *keys, const struct pbx_token *token, str call_id, struct buf *out)
{
	uint8_t bytes[FLOWS_MAX], mac[SHORT_MAC_N];
	struct buf b;

	buf_init(&b, bytes, sizeof(bytes));
	put_flow(&b, &token->caller);
	put_flow(&b, &token->callee);
	buf_put_u8(&b, (uint8_t)(token->outside | token->neighbour << 1));
	sign(keys, buf_str(&b), call_id, mac);
	buf_put_bytes(&b, mac, MAC_N);
	base64url_write(buf_str(&b), out);
}

enum err pbx_token_read(const struct pbx_token_keys *keys, str text, str call_id, struct pbx_token *out)
{
	uint8_t bytes[PBX_TOKEN_MAX], mac[SHORT_MAC_N];
	const uint8_t *at = bytes, *end;
	struct pbx_token token;
	unsigned marks;
	bool good = true;
	struct buf b;

	buf_init(&b, bytes, sizeof(bytes));
	if (text.n > PBX_TOKEN_MAX || base64url_parse(text, &b) || b.n < MAC_N + 2 || b.n > MAC_N + FLOWS_MAX)
		return ERR_FORGED;
	end = bytes + b.n - MAC_N;
	sign(keys, str_of((const char *)bytes, b.n - MAC_N), call_id, mac);
	if (!secret_eq(str_of((const char *)mac, MAC_N), str_of((const char *)end, MAC_N)))
		return ERR_FORGED;
	take_flow(&at, end, &good, &token.caller);
	take_flow(&at, end, &good, &token.callee);
	marks = (unsigned)take(&at, end, 1, &good);
	token.outside = marks & 1;
	token.neighbour = marks & 2;
	if (!good || at != end)
		return ERR_FORGED;
	*out = token;
	return ERR_NONE;
}
