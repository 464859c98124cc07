#include "net/http.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Whole or in pieces, a request reads the same; what was read lies inside the bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	str all = str_of((const char *)data, n);
	struct http_request r, early;
	size_t used = 0, part = 0;
	int status = http_request_read(all, &used, &r);

	if (status == 0) {
		assert(used <= n && r.path.n && r.path.p >= all.p && r.path.p + r.path.n <= all.p + n);
		for (size_t i = 0; i < used; i++)
			assert(http_request_read(str_head(all, i), &part, &early) == 100);
		assert(http_request_read(str_head(all, used), &part, &early) == 0 && part == used);
	} else {
		assert(status == 100 || (status >= 400 && status <= 505));
	}
	return 0;
}
