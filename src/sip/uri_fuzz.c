/* Any text as a URI: parts lie inside it, it equals itself, its key can be written. */
#include "sip/uri.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char out[4096];
	struct sip_uri uri;
	struct addr addr;
	enum transport t;
	struct buf b;
	str name, value;

	if (n > 4000 || sip_uri_parse(str_of((const char *)data, n), &uri))
		return 0;
	if (uri.host.n && (uri.host.p < uri.text.p || uri.host.p + uri.host.n > uri.text.p + uri.text.n))
		abort();
	buf_init(&b, out, sizeof(out));
	sip_uri_key(&uri, &b);
	if (!buf_ok(&b))
		abort();
	for (str rest = uri.params; sip_param_next(&rest, &name, &value);)
		if (!sip_uri_param(&uri, name, NULL))
			abort();
	/* two of one name may contradict each other, and then not even itself is equal */
	(void)sip_uri_eq(&uri, &uri);
	(void)sip_uri_transport(&uri, &t);
	(void)sip_uri_addr(&uri, &addr);
	return 0;
}
