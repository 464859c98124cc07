#include "media/srtp.h"

#include "base/test.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct packet {
	uint8_t bytes[512];
	size_t n;
};

static bool unhex(const char *text, struct packet *out)
{
	out->n = 0;
	if (!text)
		return false;
	for (; text[0] && text[1]; text += 2) {
		unsigned value;

		if (sscanf(text, "%2x", &value) != 1)
			return false;
		out->bytes[out->n++] = (uint8_t)value;
	}
	return true;
}

static struct packet field(json_t *vector, const char *a, const char *b)
{
	struct packet p = { 0 };

	if (!unhex(json_string_value(json_object_get(vector, a)), &p))
		assert_true(unhex(json_string_value(json_object_get(vector, b)), &p));
	return p;
}

static struct srtp *from_vector(json_t *vector)
{
	const char *profile = json_string_value(json_object_get(vector, "profile"));
	struct packet key = field(vector, "master_key_and_salt", "");

	if (strcmp(profile, "AES_CM_128_HMAC_SHA1_80") == 0)
		return srtp_new(SRTP_AES_CM_128_HMAC_SHA1_80, key.bytes, key.bytes + 16);
	if (strncmp(profile, "AEAD_AES_128_GCM", 16) == 0)
		return srtp_new(SRTP_AEAD_AES_128_GCM, key.bytes, key.bytes + 16);
	return NULL;
}

static json_t *load_vectors(void)
{
	const char *folder = getenv("VECTORS");
	char path[1024];
	json_error_t error;

	snprintf(path, sizeof(path), "%s/srtp/srtp.json", folder ? folder : "../shared/vectors");
	return json_load_file(path, 0, &error);
}

static void every_vector_of_our_profiles_holds_both_ways(void **state)
{
	json_t *root = load_vectors(), *vector;
	size_t i, used = 0;
	(void)state;

	if (!root) {
		print_message("no srtp/srtp.json under VECTORS\n");
		skip();
	}
	json_array_foreach(json_object_get(root, "vectors"), i, vector)
	{
		struct srtp *out = from_vector(vector), *in = from_vector(vector);

		if (!out)
			continue;
		used++;
		struct packet clear = field(vector, "srtp_plaintext_ref", "rtp_plaintext_ref"), p = clear;
		struct packet sealed = field(vector, "srtp_ciphertext", "");
		assert_int_equal(srtp_protect(out, p.bytes, &p.n, sizeof(p.bytes)), ERR_NONE);
		assert_int_equal(p.n, sealed.n);
		assert_memory_equal(p.bytes, sealed.bytes, sealed.n);
		for (size_t bit = 0; bit < sealed.n * 8; bit++) { /* any flipped bit must be noticed */
			struct packet bad = sealed;

			bad.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_not_equal(srtp_unprotect(in, bad.bytes, &bad.n), ERR_NONE);
		}
		assert_int_equal(srtp_unprotect(in, p.bytes, &p.n), ERR_NONE);
		assert_int_equal(p.n, clear.n);
		assert_memory_equal(p.bytes, clear.bytes, clear.n);
		p = sealed;
		assert_int_equal(srtp_unprotect(in, p.bytes, &p.n), ERR_EXISTS);

		clear = p = field(vector, "rtcp_plaintext_ref", "");
		sealed = field(vector, "srtcp_ciphertext", "");
		assert_int_equal(srtp_protect_rtcp(out, p.bytes, &p.n, sizeof(p.bytes)), ERR_NONE);
		assert_int_equal(p.n, sealed.n);
		assert_memory_equal(p.bytes, sealed.bytes, sealed.n);
		for (size_t bit = 0; bit < sealed.n * 8; bit++) {
			struct packet bad = sealed;

			bad.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_not_equal(srtp_unprotect_rtcp(in, bad.bytes, &bad.n), ERR_NONE);
		}
		assert_int_equal(srtp_unprotect_rtcp(in, p.bytes, &p.n), ERR_NONE);
		assert_memory_equal(p.bytes, clear.bytes, clear.n);
		p = sealed;
		assert_int_equal(srtp_unprotect_rtcp(in, p.bytes, &p.n), ERR_EXISTS);
		srtp_free(out);
		srtp_free(in);
	}
	assert_int_equal(used, 2);
	json_decref(root);
}

static const uint8_t key[16] = { 1, 2, 3 }, salt[14] = { 4, 5, 6 };

static struct packet rtp(uint16_t sequence, uint32_t ssrc)
{
	struct packet p = { .n = 12 + 160 };

	p.bytes[0] = 0x80;
	p.bytes[2] = (uint8_t)(sequence >> 8);
	p.bytes[3] = (uint8_t)sequence;
	p.bytes[8] = (uint8_t)(ssrc >> 24);
	p.bytes[11] = (uint8_t)ssrc;
	return p;
}

struct pair {
	struct srtp *out, *in;
};

static struct pair pair_new(enum srtp_profile profile)
{
	struct pair pair = { srtp_new(profile, key, salt), srtp_new(profile, key, salt) };

	assert_non_null(pair.out);
	assert_non_null(pair.in);
	return pair;
}

static void pair_free(struct pair pair)
{
	srtp_free(pair.out);
	srtp_free(pair.in);
}

static struct packet sealed(struct pair pair, uint16_t sequence, uint32_t ssrc)
{
	struct packet p = rtp(sequence, ssrc);

	assert_int_equal(srtp_protect(pair.out, p.bytes, &p.n, sizeof(p.bytes)), ERR_NONE);
	return p;
}

static enum err open_packet(struct pair pair, struct packet p)
{
	return srtp_unprotect(pair.in, p.bytes, &p.n);
}

static void the_roll_over_is_followed_on_both_sides(void **state)
{
	struct pair pair = pair_new(SRTP_AES_CM_128_HMAC_SHA1_80);
	(void)state;

	for (uint32_t i = 65000; i < 65000 + 3 * 65536u; i += 100) /* losses of 99 do not hurt */
		assert_int_equal(open_packet(pair, sealed(pair, (uint16_t)i, 1)), ERR_NONE);
	pair_free(pair);
}

static void reordering_over_the_wrap_is_understood(void **state)
{
	struct pair pair = pair_new(SRTP_AES_CM_128_HMAC_SHA1_32);
	struct packet before = sealed(pair, 65535, 1), behind = sealed(pair, 0, 1), later = sealed(pair, 1, 1);
	(void)state;

	assert_int_equal(before.n, 172 + 4);
	assert_int_equal(open_packet(pair, sealed(pair, 65534, 1)), ERR_NONE); /* sent again out of order */
	assert_int_equal(open_packet(pair, behind), ERR_NONE);
	assert_int_equal(open_packet(pair, before), ERR_NONE);
	assert_int_equal(open_packet(pair, later), ERR_NONE);
	assert_int_equal(open_packet(pair, before), ERR_EXISTS);
	pair_free(pair);
}

static void the_window_takes_late_ones_once_and_old_ones_never(void **state)
{
	struct pair pair = pair_new(SRTP_AES_CM_128_HMAC_SHA1_80);
	struct packet p[300];
	(void)state;

	for (uint16_t i = 0; i < 300; i++)
		p[i] = sealed(pair, i, 1);
	assert_int_equal(open_packet(pair, p[0]), ERR_NONE);
	assert_int_equal(open_packet(pair, p[80]), ERR_NONE);
	assert_int_equal(open_packet(pair, p[0]), ERR_EXISTS);
	assert_int_equal(open_packet(pair, p[6]), ERR_NONE);
	assert_int_equal(open_packet(pair, p[6]), ERR_EXISTS);
	assert_int_equal(open_packet(pair, p[198]), ERR_NONE);
	assert_int_equal(open_packet(pair, p[70]), ERR_EXISTS); /* 128 behind: out */
	assert_int_equal(open_packet(pair, p[71]), ERR_NONE);   /* 127 behind: in */
	assert_int_equal(open_packet(pair, p[299]), ERR_NONE);
	assert_int_equal(open_packet(pair, p[198]), ERR_EXISTS);
	assert_int_equal(open_packet(pair, p[199]), ERR_NONE);
	pair_free(pair);
}

static void each_source_has_its_own_state_and_strangers_none(void **state)
{
	struct pair pair = pair_new(SRTP_AEAD_AES_128_GCM);
	(void)state;

	for (uint32_t ssrc = 0; ssrc < 40; ssrc++)
		assert_int_equal(open_packet(pair, sealed(pair, 7, ssrc)), ERR_NONE);
	/* forged packets of many sources do not push the known ones out */
	struct packet known = sealed(pair, 8, 39);
	for (uint32_t ssrc = 100; ssrc < 200; ssrc++) {
		struct packet bad = rtp(7, ssrc);
		bad.n += 16;
		assert_int_equal(open_packet(pair, bad), ERR_FORGED);
	}
	assert_int_equal(open_packet(pair, known), ERR_NONE);
	assert_int_equal(open_packet(pair, known), ERR_EXISTS);
	pair_free(pair);
}

static void no_room_and_no_rtp_are_said(void **state)
{
	struct pair pair = pair_new(SRTP_AES_CM_128_HMAC_SHA1_80);
	struct packet p = rtp(1, 1);
	size_t n = 5;
	(void)state;

	assert_int_equal(srtp_protect(pair.out, p.bytes, &p.n, p.n + 9), ERR_FULL);
	assert_int_equal(srtp_protect(pair.out, p.bytes, &n, sizeof(p.bytes)), ERR_SYNTAX);
	assert_int_equal(srtp_unprotect(pair.in, p.bytes, &n), ERR_SYNTAX);
	assert_int_equal(srtp_unprotect_rtcp(pair.in, p.bytes, &n), ERR_SYNTAX);
	assert_null(srtp_new((enum srtp_profile)9, key, salt));
	pair_free(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_vector_of_our_profiles_holds_both_ways),
		cmocka_unit_test(the_roll_over_is_followed_on_both_sides),
		cmocka_unit_test(reordering_over_the_wrap_is_understood),
		cmocka_unit_test(the_window_takes_late_ones_once_and_old_ones_never),
		cmocka_unit_test(each_source_has_its_own_state_and_strangers_none),
		cmocka_unit_test(no_room_and_no_rtp_are_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
