#include "crypt/certificate.h"

#include "base/test.h"

#include "crypt/openssl.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define YEAR (365 * 86400 * USEC_PER_SEC)

static struct certificate *make(const struct sign_pair *pair)
{
	static const str hosts[] = { STR_INIT("pbx.example.com"), STR_INIT("192.0.2.1"), STR_INIT("2001:db8::1") };
	struct certificate *c = NULL;
	struct certificate_setup setup = { .pair = pair,
					   .name = STR("tandem"),
					   .hosts = hosts,
					   .host_n = 3,
					   .not_before = 50 * YEAR,
					   .not_after = 51 * YEAR + 1 };

	assert_int_equal(certificate_make(&setup, &c), ERR_NONE);
	return c;
}

static void pem_leads_back_to_the_same(void **state)
{
	struct certificate *c = make(NULL), *again = NULL;
	struct buf pem, key;
	uint8_t a[32], b[32];

	(void)state;
	buf_init_grow(&pem, CERTIFICATE_PEM_MAX);
	buf_init_grow(&key, CERTIFICATE_PEM_MAX);
	certificate_write_pem(c, &pem);
	certificate_write_key_pem(c, &key);
	assert_true(buf_ok(&pem) && buf_ok(&key));
	assert_int_equal(certificate_parse(buf_str(&pem), buf_str(&key), &again), ERR_NONE);
	certificate_pin(c, a);
	certificate_pin(again, b);
	assert_memory_equal(a, b, 32);
	assert_true(certificate_not_after(again) == 51 * YEAR);
	certificate_free(again);
	again = NULL;

	/* Both in one text, as many servers' files are. */
	buf_put(&key, buf_str(&pem));
	assert_int_equal(certificate_parse(buf_str(&key), buf_str(&key), &again), ERR_NONE);
	certificate_free(again);
	certificate_free(c);
	buf_free(&pem);
	buf_free(&key);
}

static void a_key_of_another_certificate_is_refused(void **state)
{
	struct certificate *c = make(NULL), *other = make(NULL), *none = NULL;
	struct buf pem, key;

	(void)state;
	buf_init_grow(&pem, CERTIFICATE_PEM_MAX);
	buf_init_grow(&key, CERTIFICATE_PEM_MAX);
	certificate_write_pem(c, &pem);
	certificate_write_key_pem(other, &key);
	assert_int_equal(certificate_parse(buf_str(&pem), buf_str(&key), &none), ERR_REFUSED);
	assert_int_equal(certificate_parse(buf_str(&key), buf_str(&key), &none), ERR_SYNTAX);
	assert_int_equal(certificate_parse(STR("nonsense"), buf_str(&key), &none), ERR_SYNTAX);
	assert_int_equal(certificate_parse(STR_NONE, STR_NONE, &none), ERR_SYNTAX);
	assert_null(none);
	certificate_free(c);
	certificate_free(other);
	certificate_free(NULL);
	buf_free(&pem);
	buf_free(&key);
}

static void others_read_it_and_find_its_names(void **state)
{
	struct rng rng;
	struct sign_pair pair;
	struct buf pem;

	(void)state;
	rng_seeded(&rng, 1);
	sign_new(&pair, &rng);
	for (int ed25519 = 0; ed25519 < 2; ed25519++) {
		struct certificate *c = make(ed25519 ? &pair : NULL);
		buf_init_grow(&pem, CERTIFICATE_PEM_MAX);
		certificate_write_pem(c, &pem);
		BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
		X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		BIO_free(bio);
		assert_non_null(x509);
		assert_int_equal(X509_check_host(x509, "pbx.example.com", 0, 0, NULL), 1);
		assert_int_equal(X509_check_host(x509, "evil.example.com", 0, 0, NULL), 0);
		assert_int_equal(X509_check_ip_asc(x509, "192.0.2.1", 0), 1);
		assert_int_equal(X509_check_ip_asc(x509, "2001:db8::1", 0), 1);
		assert_int_equal(X509_verify(x509, X509_get0_pubkey(x509)), 1); /* signed by itself */

		uint8_t mine[32], seen[32];
		certificate_pin(c, mine);
		assert_int_equal(certificate_pin_of(x509, seen), ERR_NONE);
		assert_memory_equal(mine, seen, 32);
		certificate_free(c);
		X509_free(x509);
		buf_free(&pem);
	}
}

static void a_renewed_certificate_with_the_same_key_keeps_its_pin(void **state)
{
	struct rng rng;
	struct sign_pair pair;
	uint8_t x[32], y[32];

	(void)state;
	rng_seeded(&rng, 1);
	sign_new(&pair, &rng);
	struct certificate *a = make(&pair), *b = make(&pair);
	certificate_pin(a, x);
	certificate_pin(b, y);
	assert_memory_equal(x, y, 32);
	certificate_free(a);
	certificate_free(b);
}

static void bad_names_and_times_are_refused(void **state)
{
	str host = STR("a\nb");
	struct certificate *c = NULL;
	struct certificate_setup setup = { .name = STR("x"), .not_before = 1, .not_after = 2 * USEC_PER_SEC };

	(void)state;
	setup.name = STR("");
	assert_int_equal(certificate_make(&setup, &c), ERR_SYNTAX);
	setup.name = STR("12345678901234567890123456789012345678901234567890123456789012345");
	assert_int_equal(certificate_make(&setup, &c), ERR_LIMIT);
	setup.name = STR("x");
	setup.hosts = &host;
	setup.host_n = 1;
	assert_int_equal(certificate_make(&setup, &c), ERR_SYNTAX);
	setup.host_n = 0;
	setup.not_after = 1;
	assert_int_equal(certificate_make(&setup, &c), ERR_SYNTAX);
	assert_null(c);
}

static void a_pin_is_written_as_a_name_to_open(void **state)
{
	uint8_t bytes[CERTIFICATE_PIN_N];
	char text[128];
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 9);
	buf_init(&b, text, sizeof(text));
	certificate_write_pin(bytes, &b);
	assert_str(buf_str(&b), "sha256:0009121b242d363f48515a636c757e879099a2abb4bdc6cfd8e1eaf3fc050e17");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pem_leads_back_to_the_same),
		cmocka_unit_test(a_key_of_another_certificate_is_refused),
		cmocka_unit_test(others_read_it_and_find_its_names),
		cmocka_unit_test(a_renewed_certificate_with_the_same_key_keeps_its_pin),
		cmocka_unit_test(bad_names_and_times_are_refused),
		cmocka_unit_test(a_pin_is_written_as_a_name_to_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
