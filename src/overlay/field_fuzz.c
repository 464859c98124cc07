/* A stranger's field list: every value as every type, and its end as a signature. */
#include "overlay/field.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const uint8_t key[OVERLAY_KEY_N] = { 1 };
	str list = str_of((const char *)data, n), v;
	struct overlay_fields f;
	uint64_t u64;
	struct addr a;
	usec time;
	uint8_t tag;

	overlay_fields_start(&f, list);
	while (overlay_fields_next(&f, &tag, &v)) {
		(void)overlay_value_u64(v, &u64);
		(void)overlay_value_time(v, &time);
		(void)overlay_take_addr(&v, &a);
		if (overlay_fields_once(&f, tag))
			overlay_fields_unknown(&f, tag);
	}
	(void)!overlay_check_signature(list, STR("fuzz"), key);
	return 0;
}
