/*
 * io/test_wire.h - what tests over real sockets of this machine share. Included by x_test.c only.
 */
#ifndef IO_TEST_WIRE_H
#define IO_TEST_WIRE_H

#include "base/test.h"
#include "base/test_service.h"
#include "crypt/certificate.h"
#include "net/tls.h"

#define LOCAL addr_v4(127, 0, 0, 1, 0)

static inline void want(struct test_service *s, struct host_want w)
{
	test_service_want(s, w);
}

static inline void stop_now(struct test_service *s, usec now)
{
	(void)now;
	test_service_stop(s);
}

/* A credential set, with a certificate of its own signing for pbx.example.org or with none; `pin` (may be NULL): its
 * key's. */
static inline struct tls_credentials *credentials(bool with_certificate, char pin[TLS_PIN_N + 1])
{
	struct certificate *c;
	struct tls_settings settings = { 0 };
	struct buf pem, key;
	str host = STR("pbx.example.org");
	struct certificate_setup setup = { .name = STR("pbx"),
					   .hosts = &host,
					   .host_n = 1,
					   .not_before = 0,
					   .not_after = (usec)4000000000 * USEC_PER_SEC };
	enum err why;
	buf_init_grow(&pem, 65536);
	buf_init_grow(&key, 65536);
	if (with_certificate) {
		assert_int_equal(certificate_make(&setup, &c), ERR_NONE);
		certificate_write_pem(c, &pem);
		certificate_write_key_pem(c, &key);
		certificate_free(c);
		settings.certificate_pem = buf_str(&pem);
		settings.key_pem = buf_str(&key);
	}
	struct tls_credentials *out = tls_credentials_new(&settings, NULL, &why);
	assert_non_null(out);
	if (pin)
		assert_true(tls_credentials_pin(out, pin));
	buf_free(&pem);
	buf_free(&key);
	return out;
}

#endif
