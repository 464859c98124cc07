/* Any datagram as RTP: what is read must lie inside and write back to what it was. */
#include "media/rtp.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct rtp_packet p;
	struct buf out;
	str found;

	if (rtp_parse(str_of((const char *)data, n), &p))
		return 0;
	if (p.header_n + p.payload.n > n)
		abort();
	for (unsigned id = 1; id < 256; id++)
		if (rtp_extension_find(&p, (uint8_t)id, &found) &&
		    (found.p < p.extension.p || found.p + found.n > p.extension.p + p.extension.n))
			abort();
	buf_init_grow(&out, 1 << 20);
	rtp_write(&p, &out);
	if (!buf_ok(&out) || out.n != p.header_n + p.payload.n || memcmp(out.p + 1, data + 1, out.n - 1) != 0)
		abort();
	buf_free(&out);
	return 0;
}
