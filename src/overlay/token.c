#include "overlay/token.h"

#include "crypt/kdf.h"
#include "crypt/secret.h"

#define TAG_N 8
#define MAC_N (OVERLAY_TOKEN_N - TAG_N)

bool overlay_tokens_start(struct overlay_tokens *t, const uint8_t key[32], uint32_t epoch)
{
	uint8_t keys[96];
	str secret = str_of((const char *)key, 32);

	*t = (struct overlay_tokens){ .epoch = epoch };
	if (kdf_hkdf(STR_NONE, secret, STR("tandem/1 flow tokens"), keys, sizeof(keys)) != ERR_NONE)
		return false;
	t->tag = hmac_new(DIGEST_SHA256, str_of((const char *)keys, 32));
	t->mac = hmac_new(DIGEST_SHA256, str_of((const char *)keys + 32, 32));
	memcpy(t->via, keys + 64, sizeof(t->via));
	secret_wipe(keys, sizeof(keys));
	if (t->tag && t->mac)
		return true;
	overlay_tokens_free(t);
	return false;
}

void overlay_tokens_free(struct overlay_tokens *t)
{
	hmac_free(t->tag);
	hmac_free(t->mac);
	*t = (struct overlay_tokens){ 0 };
}

/* What the MAC is over: tag and epoch. */
static str mac_text(const struct overlay_tokens *t, const uint8_t *tag, char text[TAG_N + 4])
{
	memcpy(text, tag, TAG_N);
	for (int i = 0; i < 4; i++)
		text[TAG_N + i] = (char)(t->epoch >> 8 * (3 - i));
	return str_of(text, TAG_N + 4);
}

void overlay_token_make(struct overlay_tokens *t, const uint8_t device[OVERLAY_KEY_N], enum overlay_role role,
			uint8_t out[OVERLAY_TOKEN_N])
{
	char who[OVERLAY_KEY_N + 1], text[TAG_N + 4];
	uint8_t digest[32];

	memcpy(who, device, OVERLAY_KEY_N);
	who[OVERLAY_KEY_N] = (char)role;
	hmac_of(t->tag, str_of(who, sizeof(who)), digest);
	memcpy(out, digest, TAG_N);
	hmac_of(t->mac, mac_text(t, out, text), digest);
	memcpy(out + TAG_N, digest, MAC_N);
}

bool overlay_token_check(struct overlay_tokens *t, const uint8_t token[OVERLAY_TOKEN_N])
{
	char text[TAG_N + 4];

	return hmac_check(t->mac, mac_text(t, token, text), str_of((const char *)token + TAG_N, MAC_N));
}

uint64_t overlay_token_tag(const uint8_t token[OVERLAY_TOKEN_N])
{
	uint64_t tag;

	memcpy(&tag, token, sizeof(tag));
	return tag;
}
