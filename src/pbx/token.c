#include "pbx/token.h"

#include "base/base64.h"
#include "crypt/secret.h"

#define MAC_N 12

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

static void sign(struct hmac *h, str bytes, str call_id, uint8_t mac[DIGEST_MAX])
{
	hmac_start(h);
	hmac_add(h, STR("pbx route 1"));
	hmac_add(h, bytes);
	hmac_add(h, call_id);
	hmac_end(h, mac);
}

void pbx_token_write(struct hmac *h, const struct pbx_token *token, str call_id, struct buf *out)
{
	uint8_t bytes[100], mac[DIGEST_MAX];
	struct buf b;

	buf_init(&b, bytes, sizeof(bytes));
	put_flow(&b, &token->caller);
	put_flow(&b, &token->callee);
	buf_put_u8(&b, token->outside);
	sign(h, buf_str(&b), call_id, mac);
	buf_put_bytes(&b, mac, MAC_N);
	base64url_write(buf_str(&b), out);
}

enum err pbx_token_read(struct hmac *h, str text, str call_id, struct pbx_token *out)
{
	uint8_t bytes[PBX_TOKEN_MAX], mac[DIGEST_MAX];
	const uint8_t *at = bytes, *end;
	struct pbx_token token;
	bool good = true;
	struct buf b;

	buf_init(&b, bytes, sizeof(bytes));
	if (text.n > PBX_TOKEN_MAX || base64url_parse(text, &b) || b.n < MAC_N + 2)
		return ERR_FORGED;
	end = bytes + b.n - MAC_N;
	sign(h, str_of((const char *)bytes, b.n - MAC_N), call_id, mac);
	if (!secret_eq(str_of((const char *)mac, MAC_N), str_of((const char *)end, MAC_N)))
		return ERR_FORGED;
	take_flow(&at, end, &good, &token.caller);
	take_flow(&at, end, &good, &token.callee);
	token.outside = take(&at, end, 1, &good);
	if (!good || at != end)
		return ERR_FORGED;
	*out = token;
	return ERR_NONE;
}
