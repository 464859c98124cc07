#include "net/tls_why.h"

#include "crypt/openssl.h"
#include "net/tls_names.h"

#include <openssl/x509v3.h>

#define WHO_MAX 80 /* of who signed: enough to know him by */

/* At most n bytes. */
static void put_printable(struct buf *out, str text, size_t n)
{
	for (size_t i = 0; i < text.n && i < n; i++) {
		char c = text.p[i];

		buf_put_char(out, c < ' ' || c > '~' || c == '"' || c == '\\' ? '?' : c);
	}
}

static void put_day(struct buf *out, const ASN1_TIME *day)
{
	struct tm tm;

	if (day && ASN1_TIME_to_tm(day, &tm) == 1)
		buf_printf(out, " %04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

static void put_issuer(struct buf *out, X509 *certificate)
{
	char name[WHO_MAX + 1];
	int n = X509_NAME_get_text_by_NID(X509_get_issuer_name(certificate), NID_commonName, name, sizeof(name));

	if (n > 0) {
		buf_put(out, STR(", but by "));
		put_printable(out, str_from(name), WHO_MAX);
	}
}

void tls_why_unproved(X509 *certificate, int code, struct buf *out)
{
	switch (code) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		buf_put(out, STR("the certificate has expired on"));
		put_day(out, X509_get0_notAfter(certificate));
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		buf_put(out, STR("the certificate is not good before"));
		put_day(out, X509_get0_notBefore(certificate));
		break;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		buf_put(out, STR("the certificate is signed by itself alone, and it is none of those trusted here"));
		break;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE: /* by somebody of the same name */
		buf_put(out, STR("the certificate is signed by nobody who is trusted here"));
		put_issuer(out, certificate);
		break;
	default:
		buf_put(out, STR("the certificate does not hold: "));
		buf_put_z(out, X509_verify_cert_error_string(code));
	}
}

void tls_why_other(X509 *certificate, str name, struct buf *out)
{
	char text[WHO_MAX];
	struct buf names;

	buf_init(&names, text, sizeof(text));
	tls_names_write(certificate, &names);
	buf_put(out, STR("the certificate does not bear the name "));
	put_printable(out, name, WHO_MAX);
	if (names.n) {
		buf_put(out, STR(", but "));
		buf_put(out, buf_str(&names));
	}
}
