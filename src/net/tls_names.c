#include "net/tls_names.h"

#include "base/addr.h"
#include "crypt/openssl.h"

#include <openssl/x509v3.h>

#define NAME_MAX_N 253

/* RFC 5922 7.1: a SAN URI "sip:NAME" without user part speaks for the domain; its port and parameters say nothing
 * (7.2). Empty: this one does not. */
static str sip_domain(const GENERAL_NAME *g)
{
	if (g->type != GEN_URI)
		return STR_NONE;
	str uri = { (const char *)ASN1_STRING_get0_data(g->d.uniformResourceIdentifier),
		    (size_t)ASN1_STRING_length(g->d.uniformResourceIdentifier) };
	if (!str_starts_nocase(uri, STR("sip:")))
		return STR_NONE;
	uri = str_skip(uri, 4);
	if (str_find_char(uri, '@') < uri.n)
		return STR_NONE;
	for (size_t i = 0; i < uri.n; i++)
		if (uri.p[i] == ':' || uri.p[i] == ';' || uri.p[i] == '?')
			return str_head(uri, i);
	return uri;
}

static str dns_domain(const GENERAL_NAME *g)
{
	if (g->type != GEN_DNS)
		return STR_NONE;
	return str_of((const char *)ASN1_STRING_get0_data(g->d.dNSName), (size_t)ASN1_STRING_length(g->d.dNSName));
}

enum identity { IDENTITY_NONE, IDENTITY_SIP, IDENTITY_DNS };

/* Which kind of name counts in this certificate: DNS names "if and only if" there is no SIP one (7.1). */
static enum identity counts(const GENERAL_NAMES *names)
{
	enum identity kind = IDENTITY_NONE;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);

		if (sip_domain(g).n)
			return IDENTITY_SIP;
		if (dns_domain(g).n)
			kind = IDENTITY_DNS;
	}
	return kind;
}

static bool bears_ip(X509 *certificate, const struct addr *ip)
{
	return X509_check_ip(certificate, ip->ip, ip->family == 4 ? 4 : 16, 0) == 1;
}

bool tls_names_bear(X509 *certificate, str name, bool wildcards)
{
	struct addr ip;
	unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
	GENERAL_NAMES *names;
	enum identity kind;
	bool found = false;

	if (addr_parse_ip(name, &ip) == ERR_NONE)
		return bears_ip(certificate, &ip);
	if (!wildcards)
		flags |= X509_CHECK_FLAG_NO_WILDCARDS;
	names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	kind = counts(names);
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && kind == IDENTITY_SIP && !found; i++)
		found = str_eq_nocase(sip_domain(sk_GENERAL_NAME_value(names, i)), name);
	GENERAL_NAMES_free(names);
	return kind == IDENTITY_DNS ? X509_check_host(certificate, name.p, name.n, flags, NULL) == 1 : found;
}

/* What may stand in a list with blanks between; the rest is no name of a host, or a trap (a NUL inside). */
static bool is_plain(str domain)
{
	for (size_t i = 0; i < domain.n; i++) {
		char c = str_lower(domain.p[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '-' && c != '_')
			return false;
	}
	return domain.n > 0 && domain.n <= NAME_MAX_N;
}

static void put_domain(str domain, struct buf *out)
{
	if (!is_plain(domain) || out->cap - out->n < domain.n + 1)
		return;
	if (out->n)
		buf_put_char(out, ' ');
	for (size_t i = 0; i < domain.n; i++)
		buf_put_char(out, str_lower(domain.p[i]));
}

void tls_names_write(X509 *certificate, struct buf *out)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	enum identity kind = counts(names);

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);

		put_domain(kind == IDENTITY_SIP ? sip_domain(g) : dns_domain(g), out);
	}
	GENERAL_NAMES_free(names);
}
