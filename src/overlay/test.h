/*
 * overlay/test.h - a network for tests: an authority, users, devices. Included by x_test.c only.
 */
#ifndef OVERLAY_TEST_H
#define OVERLAY_TEST_H

#include "base/test.h"
#include "overlay/record.h"

#define TEST_NOW     ((usec)1800000000 * USEC_PER_SEC)
#define TEST_NETWORK STR("net.example")
#define HOUR         (3600 * USEC_PER_SEC)

struct test_user {
	struct sign_pair device;
	struct overlay_certificate certificate;
};

static inline void test_authority(struct sign_pair *out)
{
	struct rng rng;

	rng_seeded(&rng, 4711);
	sign_new(out, &rng);
}

/* A user whose certificate runs for 48 h from `from`. */
static inline void test_user(struct test_user *u, str name, usec from)
{
	struct sign_pair authority;
	struct rng rng;

	test_authority(&authority);
	rng_seeded(&rng, (uint64_t)name.p[0] << 8 | (uint64_t)name.n);
	*u = (struct test_user){ 0 };
	sign_new(&u->device, &rng);
	assert_int_equal(overlay_domain_parse(TEST_NETWORK, &u->certificate.network), ERR_NONE);
	assert_int_equal(overlay_name_parse(name, &u->certificate.name), ERR_NONE);
	memcpy(u->certificate.device, u->device.key, OVERLAY_KEY_N);
	u->certificate.serial = 7;
	u->certificate.not_before = from;
	u->certificate.not_after = from + 48 * HOUR;
	assert_int_equal(overlay_certificate_sign(&u->certificate, &authority), ERR_NONE);
}

/* His location record, good for 30 minutes from now. */
static inline void test_record(struct overlay_record *r, const struct test_user *u, uint64_t seq, usec now)
{
	*r = (struct overlay_record){ .certificate = u->certificate, .seq = seq, .expiry = now + OVERLAY_RECORD_LIFE };
	r->point[0].addr = addr_v4(192, 0, 2, 1, 5443);
	memset(r->point[0].pin, 0x11, OVERLAY_KEY_N);
	memset(r->point[0].token, 0x22, OVERLAY_TOKEN_N);
	r->point_n = 1;
	memset(r->seal_key, 0x33, OVERLAY_KEY_N);
	r->capabilities = OVERLAY_AUDIO;
	assert_int_equal(overlay_record_sign(r, &u->device), ERR_NONE);
}

#endif
