/* A location record of a stranger's. */
#include "overlay/record.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const uint8_t authority[OVERLAY_KEY_N] = { 1 };
	str s = str_of((const char *)data, n);
	struct overlay_record r;
	uint8_t key[OVERLAY_KEY_N];
	char uri[300];
	struct buf b;

	if (overlay_record_parse(s, &r) != ERR_NONE)
		return 0;
	assert(str_eq(overlay_record_str(&r), s));
	(void)!overlay_record_verify(&r, STR("net.example"), authority, 1800000000 * USEC_PER_SEC);
	overlay_record_key(&r, key);
	buf_init(&b, uri, sizeof(uri));
	for (size_t i = 0; i < r.point_n; i++)
		overlay_point_write_uri(&r.point[i], overlay_name_str(&r.certificate.name), &b);
	return 0;
}
