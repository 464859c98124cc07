#include "media/srtp.h"

#include "base/str.h"
#include "crypt/aead.h"
#include "crypt/ctr.h"
#include "crypt/hmac.h"
#include "crypt/secret.h"

#include <stdbool.h>
#include <stdlib.h>

#define WINDOW_WORDS (SRTP_WINDOW / 64)
#define HMAC_KEY_N   20
#define HMAC_TAG_N   10 /* of SRTCP whatever the profile (RFC 5764 4.1.2) */
#define INDEX_N      4
#define INDEX_MAX    0x7fffffffu
#define ENCRYPTED    0x80000000u

/* Packet indices seen lately: bit i is `top` - i. */
struct window {
	uint64_t top;
	uint64_t bits[WINDOW_WORDS];
	bool started;
};

struct source {
	uint32_t ssrc;
	bool used;
	uint64_t age;        /* when last heard, in packets: for giving the slot away */
	uint64_t index;      /* sending: highest packet index so far (RFC 3711 3.3.1) */
	uint32_t rtcp_index; /* sending: the last one used */
	struct window rtp, rtcp;
	bool sent;
};

struct cipher {
	struct ctr *ctr;
	struct hmac *hmac;
	struct aead *aead;
	uint8_t salt[14];
};

struct srtp {
	enum srtp_profile profile;
	size_t tag_n;
	struct cipher rtp, rtcp;
	uint64_t clock; /* packets handled */
	struct source sources[SRTP_SOURCE_MAX];
	struct source fresh; /* a stranger's packet is judged on this: only a good tag makes a source of it */
};

size_t srtp_key_n(enum srtp_profile profile)
{
	return profile == SRTP_AES_CM_128_HMAC_SHA1_80 || profile == SRTP_AES_CM_128_HMAC_SHA1_32 ||
			       profile == SRTP_AEAD_AES_128_GCM
		       ? 16
		       : 0;
}

size_t srtp_salt_n(enum srtp_profile profile)
{
	return profile == SRTP_AEAD_AES_128_GCM ? 12 : srtp_key_n(profile) ? 14 : 0;
}

/* RFC 3711 4.3.3: AES-CM with the master key over (master salt XOR label * 2^48), rate 0. RFC 7714 11 keeps that
 * function, its salt of 12 bytes standing in front of two zero bytes. */
static void derive(struct ctr *master, const uint8_t *salt, size_t salt_n, uint8_t label, uint8_t *out, size_t n)
{
	uint8_t iv[CTR_IV_N] = { 0 }, zeros[HMAC_KEY_N] = { 0 };

	memcpy(iv, salt, salt_n);
	iv[7] ^= label;
	ctr_crypt(master, iv, str_of((const char *)zeros, n), out);
}

static bool cipher_start(struct cipher *c, enum srtp_profile profile, struct ctr *master, const uint8_t *salt,
			 uint8_t label)
{
	uint8_t key[16], auth[HMAC_KEY_N];
	size_t salt_n = srtp_salt_n(profile);

	derive(master, salt, salt_n, label, key, sizeof(key));
	derive(master, salt, salt_n, (uint8_t)(label + 1), auth, sizeof(auth));
	derive(master, salt, salt_n, (uint8_t)(label + 2), c->salt, salt_n);
	if (profile == SRTP_AEAD_AES_128_GCM) {
		c->aead = aead_new(AEAD_AES128_GCM, str_of((const char *)key, sizeof(key)));
	} else {
		c->ctr = ctr_new(str_of((const char *)key, sizeof(key)));
		c->hmac = hmac_new(DIGEST_SHA1, str_of((const char *)auth, sizeof(auth)));
	}
	secret_wipe(key, sizeof(key));
	secret_wipe(auth, sizeof(auth));
	return c->aead || (c->ctr && c->hmac);
}

static void cipher_stop(struct cipher *c)
{
	ctr_free(c->ctr);
	hmac_free(c->hmac);
	aead_free(c->aead);
}

struct srtp *srtp_new(enum srtp_profile profile, const uint8_t *key, const uint8_t *salt)
{
	if (!srtp_key_n(profile))
		return NULL;
	struct srtp *s = calloc(1, sizeof(*s));
	struct ctr *master = ctr_new(str_of((const char *)key, srtp_key_n(profile)));
	if (!s || !master || !cipher_start(&s->rtp, profile, master, salt, 0) ||
	    !cipher_start(&s->rtcp, profile, master, salt, 3)) {
		ctr_free(master);
		srtp_free(s);
		return NULL;
	}
	s->profile = profile;
	s->tag_n = profile == SRTP_AEAD_AES_128_GCM ? AEAD_TAG_N : profile == SRTP_AES_CM_128_HMAC_SHA1_32 ? 4 : 10;
	ctr_free(master);
	return s;
}

void srtp_free(struct srtp *s)
{
	if (!s)
		return;
	cipher_stop(&s->rtp);
	cipher_stop(&s->rtcp);
	secret_wipe(s, sizeof(*s));
	free(s);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 24);
	p[1] = (uint8_t)(value >> 16);
	p[2] = (uint8_t)(value >> 8);
	p[3] = (uint8_t)value;
}

static str bytes(const uint8_t *p, size_t n)
{
	return str_of((const char *)p, n);
}

/* Bytes in front of the payload; 0: not RTP, or it does not fit. */
static size_t header_size(const uint8_t *p, size_t n)
{
	if (n < 12 || p[0] >> 6 != 2)
		return 0;
	size_t at = 12 + 4u * (p[0] & 15);
	if (p[0] & 0x10) {
		if (n < at + 4)
			return 0;
		at += 4 + 4u * (size_t)(p[at + 2] << 8 | p[at + 3]);
	}
	return at <= n ? at : 0;
}

static struct source *find(struct srtp *s, uint32_t ssrc)
{
	for (size_t i = 0; i < SRTP_SOURCE_MAX; i++)
		if (s->sources[i].used && s->sources[i].ssrc == ssrc)
			return &s->sources[i];
	return NULL;
}

/* The source, or the fresh one, which is not in the table until `keep`. */
static struct source *find_or_fresh(struct srtp *s, uint32_t ssrc)
{
	struct source *source = find(s, ssrc);

	if (!source) {
		source = &s->fresh;
		*source = (struct source){ .ssrc = ssrc };
	}
	return source;
}

/* The packet was good: the source stays known. */
static void keep(struct srtp *s, struct source *source)
{
	struct source *slot = &s->sources[0];

	source->age = ++s->clock;
	if (source != &s->fresh)
		return;
	for (size_t i = 0; i < SRTP_SOURCE_MAX && slot->used; i++)
		if (!s->sources[i].used || s->sources[i].age < slot->age)
			slot = &s->sources[i];
	*slot = *source;
	slot->used = true;
}

/* RFC 3711 3.3.1: which roll-over is most likely, given the highest index so far. */
static uint64_t estimate(uint64_t highest, bool started, uint16_t sequence)
{
	if (!started)
		return sequence;
	uint64_t roc = highest >> 16;
	int32_t ahead = (int32_t)sequence - (int32_t)(highest & 0xffff);
	if (ahead < -32768)
		roc++;
	else if (ahead > 32768 && roc)
		roc--;
	return roc << 16 | sequence;
}

/* RFC 3711 3.3.2 */
static bool is_replay(const struct window *w, uint64_t index)
{
	if (!w->started || index > w->top)
		return false;
	uint64_t behind = w->top - index;
	return behind >= SRTP_WINDOW || w->bits[behind / 64] >> (behind % 64) & 1;
}

static void note(struct window *w, uint64_t index)
{
	if (!w->started) {
		*w = (struct window){ .top = index, .started = true, .bits = { 1 } };
		return;
	}
	if (index > w->top) {
		uint64_t by = index - w->top;

		for (; by >= 64; by -= 64) { /* at most a few words: what is beyond them is forgotten anyway */
			if (by > SRTP_WINDOW) {
				memset(w->bits, 0, sizeof(w->bits));
				by = 0;
				break;
			}
			for (size_t i = WINDOW_WORDS - 1; i > 0; i--)
				w->bits[i] = w->bits[i - 1];
			w->bits[0] = 0;
		}
		if (by) {
			for (size_t i = WINDOW_WORDS - 1; i > 0; i--)
				w->bits[i] = w->bits[i] << by | w->bits[i - 1] >> (64 - by);
			w->bits[0] <<= by;
		}
		w->top = index;
	}
	uint64_t behind = w->top - index;
	w->bits[behind / 64] |= 1ull << (behind % 64);
}

/* RFC 3711 4.1.1: (salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16). */
static void counter_mode(struct cipher *c, uint32_t ssrc, uint64_t index, uint8_t *p, size_t n)
{
	uint8_t iv[CTR_IV_N] = { 0 };

	memcpy(iv, c->salt, 14);
	for (int i = 0; i < 4; i++)
		iv[4 + i] ^= (uint8_t)(ssrc >> (24 - 8 * i));
	for (int i = 0; i < 6; i++)
		iv[8 + i] ^= (uint8_t)(index >> (40 - 8 * i));
	ctr_crypt(c->ctr, iv, bytes(p, n), p);
}

/* RFC 7714 8.1 and 9.1: two zero bytes, SSRC, the 48-bit index (SRTCP: its 31 bits), XOR salt. */
static void gcm_nonce(const struct cipher *c, uint32_t ssrc, uint64_t index, uint8_t iv[AEAD_NONCE_N])
{
	iv[0] = iv[1] = 0;
	put32(iv + 2, ssrc);
	iv[6] = (uint8_t)(index >> 40);
	iv[7] = (uint8_t)(index >> 32);
	put32(iv + 8, (uint32_t)index);
	for (int i = 0; i < AEAD_NONCE_N; i++)
		iv[i] ^= c->salt[i];
}

static void tag_of(struct cipher *c, const uint8_t *p, size_t n, uint32_t trailer, bool with_trailer, uint8_t tag[20])
{
	uint8_t end[4];

	put32(end, trailer);
	hmac_start(c->hmac);
	hmac_add(c->hmac, bytes(p, n));
	if (with_trailer)
		hmac_add(c->hmac, bytes(end, sizeof(end)));
	hmac_end(c->hmac, tag);
}

enum err srtp_protect(struct srtp *s, uint8_t *p, size_t *n, size_t cap)
{
	size_t head = header_size(p, *n);

	if (!head)
		return ERR_SYNTAX;
	if (cap < *n || cap - *n < s->tag_n)
		return ERR_FULL;
	struct source *source = find_or_fresh(s, get32(p + 8));
	uint64_t index = estimate(source->index, source->sent, (uint16_t)(p[2] << 8 | p[3]));
	if (index >> 48)
		return ERR_EXPIRED;
	if (s->rtp.aead) {
		uint8_t nonce[AEAD_NONCE_N];

		gcm_nonce(&s->rtp, source->ssrc, index, nonce);
		aead_seal(s->rtp.aead, nonce, bytes(p, head), bytes(p + head, *n - head), p + head);
	} else {
		uint8_t tag[20];

		counter_mode(&s->rtp, source->ssrc, index, p + head, *n - head);
		tag_of(&s->rtp, p, *n, (uint32_t)(index >> 16), true, tag);
		memcpy(p + *n, tag, s->tag_n);
	}
	*n += s->tag_n;
	if (!source->sent || index > source->index)
		source->index = index;
	source->sent = true;
	keep(s, source);
	return ERR_NONE;
}

enum err srtp_unprotect(struct srtp *s, uint8_t *p, size_t *n)
{
	size_t head = header_size(p, *n);

	if (!head || *n - head < s->tag_n)
		return ERR_SYNTAX;
	size_t body = *n - s->tag_n;
	struct source *source = find_or_fresh(s, get32(p + 8));
	uint64_t index = estimate(source->rtp.top, source->rtp.started, (uint16_t)(p[2] << 8 | p[3]));
	if (is_replay(&source->rtp, index))
		return ERR_EXISTS;
	if (s->rtp.aead) {
		uint8_t nonce[AEAD_NONCE_N];

		gcm_nonce(&s->rtp, source->ssrc, index, nonce);
		if (aead_open(s->rtp.aead, nonce, bytes(p, head), bytes(p + head, *n - head), p + head))
			return ERR_FORGED;
	} else {
		uint8_t tag[20];

		tag_of(&s->rtp, p, body, (uint32_t)(index >> 16), true, tag);
		if (!secret_eq(bytes(tag, s->tag_n), bytes(p + body, s->tag_n)))
			return ERR_FORGED;
		counter_mode(&s->rtp, source->ssrc, index, p + head, body - head);
	}
	*n = body;
	note(&source->rtp, index);
	keep(s, source);
	return ERR_NONE;
}

static bool is_rtcp(const uint8_t *p, size_t n)
{
	return n >= 8 && p[0] >> 6 == 2;
}

/* The tail of AES-CM is E|index, tag (RFC 3711 3.4); that of GCM tag, E|index (RFC 7714 9.2). */
enum err srtp_protect_rtcp(struct srtp *s, uint8_t *p, size_t *n, size_t cap)
{
	size_t tag_n = s->rtcp.aead ? AEAD_TAG_N : HMAC_TAG_N;

	if (!is_rtcp(p, *n))
		return ERR_SYNTAX;
	if (cap < *n || cap - *n < tag_n + INDEX_N)
		return ERR_FULL;
	struct source *source = find_or_fresh(s, get32(p + 4));
	if (source->rtcp_index == INDEX_MAX)
		return ERR_EXPIRED;
	uint32_t index = ++source->rtcp_index;
	if (s->rtcp.aead) {
		uint8_t nonce[AEAD_NONCE_N], associated[12];

		gcm_nonce(&s->rtcp, source->ssrc, index, nonce);
		memcpy(associated, p, 8);
		put32(associated + 8, ENCRYPTED | index);
		aead_seal(s->rtcp.aead, nonce, bytes(associated, 12), bytes(p + 8, *n - 8), p + 8);
		put32(p + *n + AEAD_TAG_N, ENCRYPTED | index);
	} else {
		uint8_t tag[20];

		counter_mode(&s->rtcp, source->ssrc, index, p + 8, *n - 8);
		put32(p + *n, ENCRYPTED | index);
		tag_of(&s->rtcp, p, *n + INDEX_N, 0, false, tag);
		memcpy(p + *n + INDEX_N, tag, HMAC_TAG_N);
	}
	*n += tag_n + INDEX_N;
	keep(s, source);
	return ERR_NONE;
}

static enum err open_rtcp_gcm(struct srtp *s, uint8_t *p, size_t n, uint32_t ssrc, uint32_t word)
{
	uint8_t nonce[AEAD_NONCE_N], associated[12];

	if (!(word & ENCRYPTED))
		return ERR_FORGED; /* authenticated only: nobody whom we asked does that */
	gcm_nonce(&s->rtcp, ssrc, word & INDEX_MAX, nonce);
	memcpy(associated, p, 8);
	put32(associated + 8, word);
	return aead_open(s->rtcp.aead, nonce, bytes(associated, 12), bytes(p + 8, n - 8 - INDEX_N), p + 8) ? ERR_FORGED
													   : ERR_NONE;
}

enum err srtp_unprotect_rtcp(struct srtp *s, uint8_t *p, size_t *n)
{
	size_t tag_n = s->rtcp.aead ? AEAD_TAG_N : HMAC_TAG_N;

	if (!is_rtcp(p, *n) || *n < 8 + tag_n + INDEX_N)
		return ERR_SYNTAX;
	size_t body = *n - tag_n - INDEX_N;
	uint32_t word = get32(s->rtcp.aead ? p + *n - INDEX_N : p + body);
	struct source *source = find_or_fresh(s, get32(p + 4));
	if (is_replay(&source->rtcp, word & INDEX_MAX))
		return ERR_EXISTS;
	if (s->rtcp.aead) {
		enum err err = open_rtcp_gcm(s, p, *n, source->ssrc, word);

		if (err)
			return err;
	} else {
		uint8_t tag[20];

		tag_of(&s->rtcp, p, body + INDEX_N, 0, false, tag);
		if (!secret_eq(bytes(tag, HMAC_TAG_N), bytes(p + body + INDEX_N, HMAC_TAG_N)))
			return ERR_FORGED;
		if (word & ENCRYPTED)
			counter_mode(&s->rtcp, source->ssrc, word & INDEX_MAX, p + 8, body - 8);
	}
	*n = body;
	note(&source->rtcp, word & INDEX_MAX);
	keep(s, source);
	return ERR_NONE;
}
