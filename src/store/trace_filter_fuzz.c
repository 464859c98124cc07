#include "store/trace_filter.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What was read is written so that it reads the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char text[4000], again[4000], why_text[300];
	struct trace_filter f, g;
	struct buf b, c, why;

	buf_init(&why, why_text, sizeof(why_text));
	if (trace_filter_parse(str_of((const char *)data, n), &f, &why))
		return 0;
	buf_init(&b, text, sizeof(text));
	trace_filter_write(&f, &b);
	assert(buf_ok(&b) && trace_filter_parse(buf_str(&b), &g, &why) == ERR_NONE);
	buf_init(&c, again, sizeof(again));
	trace_filter_write(&g, &c);
	assert(str_eq(buf_str(&b), buf_str(&c)));
	return 0;
}
