/* Any datagram as RTCP: taking packets off it must come to an end. */
#include "media/rtcp.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	str rest = str_of((const char *)data, n);
	struct rtcp_packet p;
	bool valid = rtcp_is_valid(rest);
	enum err err;

	do {
		size_t before = rest.n;

		err = rtcp_take(&rest, &p);
		if (!err && (rest.n >= before || p.block_n > RTCP_BLOCK_MAX))
			abort();
	} while (!err);
	if (valid && err != ERR_ABSENT)
		abort();
	return 0;
}
