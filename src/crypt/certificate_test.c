#include "crypt/certificate.h"

#include "base/test.h"

#include "crypt/openssl.h"

#include <openssl/ssl.h>
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
	certificate_fingerprint(c, a);
	certificate_fingerprint(again, b);
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

static void tls_takes_it_and_finds_its_names(void **state)
{
	struct rng rng;
	struct sign_pair pair;
	uint8_t key[SIGN_KEY_N];

	(void)state;
	rng_seeded(&rng, 1);
	sign_new(&pair, &rng);
	for (int ed25519 = 0; ed25519 < 2; ed25519++) {
		struct certificate *c = make(ed25519 ? &pair : NULL);
		SSL_CTX *context = SSL_CTX_new(TLS_method());
		assert_int_equal(certificate_use(c, context), ERR_NONE);
		X509 *x509 = SSL_CTX_get0_certificate(context);
		assert_int_equal(X509_check_host(x509, "pbx.example.com", 0, 0, NULL), 1);
		assert_int_equal(X509_check_host(x509, "evil.example.com", 0, 0, NULL), 0);
		assert_int_equal(X509_check_ip_asc(x509, "192.0.2.1", 0), 1);
		assert_int_equal(X509_check_ip_asc(x509, "2001:db8::1", 0), 1);
		assert_int_equal(X509_verify(x509, X509_get0_pubkey(x509)), 1); /* signed by itself */

		uint8_t mine[32], seen[32];
		certificate_pin(c, mine);
		assert_int_equal(certificate_pin_of(x509, seen), ERR_NONE);
		assert_memory_equal(mine, seen, 32);
		certificate_fingerprint(c, mine);
		assert_int_equal(certificate_fingerprint_of(x509, seen), ERR_NONE);
		assert_memory_equal(mine, seen, 32);
		assert_int_equal(certificate_key_of(x509, key), ed25519 ? ERR_NONE : ERR_UNSUPPORTED);
		certificate_free(c); /* the context has its own hold on it */
		SSL_CTX_free(context);
	}
	assert_memory_equal(key, pair.key, SIGN_KEY_N);
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
	certificate_fingerprint(a, x);
	certificate_fingerprint(b, y);
	assert_memory_not_equal(x, y, 32); /* another serial number */
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

static void fingerprints_and_pins_are_written_and_read(void **state)
{
	uint8_t bytes[32], back[32];
	char text[128];
	struct buf b;

	(void)state;
	for (size_t i = 0; i < 32; i++)
		bytes[i] = (uint8_t)(i * 9);
	buf_init(&b, text, sizeof(text));
	certificate_write_fingerprint(bytes, &b);
	assert_str(buf_str(&b),
		   "00:09:12:1B:24:2D:36:3F:48:51:5A:63:6C:75:7E:87:90:99:A2:AB:B4:BD:C6:CF:D8:E1:EA:F3:FC:05:0E:17");
	assert_int_equal(certificate_parse_fingerprint(buf_str(&b), back), ERR_NONE);
	assert_memory_equal(bytes, back, 32);
	text[2] = '-';
	assert_int_equal(certificate_parse_fingerprint(buf_str(&b), back), ERR_SYNTAX);
	assert_int_equal(certificate_parse_fingerprint(str_head(buf_str(&b), 94), back), ERR_SYNTAX);

	buf_reset(&b);
	certificate_write_pin(bytes, &b);
	assert_str(str_head(buf_str(&b), 15), "sha256:0009121b");
	memset(back, 0, 32);
	assert_int_equal(certificate_parse_pin(buf_str(&b), back), ERR_NONE);
	assert_memory_equal(bytes, back, 32);
	text[10] = 'g';
	assert_int_equal(certificate_parse_pin(buf_str(&b), back), ERR_SYNTAX);
	assert_int_equal(certificate_parse_pin(STR("sha256:"), back), ERR_SYNTAX);
	assert_int_equal(certificate_parse_pin(STR("pbx.example.com"), back), ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pem_leads_back_to_the_same),
		cmocka_unit_test(a_key_of_another_certificate_is_refused),
		cmocka_unit_test(tls_takes_it_and_finds_its_names),
		cmocka_unit_test(a_renewed_certificate_with_the_same_key_keeps_its_pin),
		cmocka_unit_test(bad_names_and_times_are_refused),
		cmocka_unit_test(fingerprints_and_pins_are_written_and_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
