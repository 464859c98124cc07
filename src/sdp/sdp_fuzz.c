/* What was read and written again must read the same; nothing may crash on the way. */
#include "sdp/offer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena arena, again_arena;
	struct sdp sdp, again;
	struct buf text;

	arena_init(&arena, NULL, 0, 1 << 20);
	arena_init(&again_arena, NULL, 0, 1 << 20);
	buf_init_grow(&text, 1 << 20);
	if (!sdp_parse(str_of((const char *)data, n), &arena, &sdp)) {
		sdp_write(&sdp, &text);
		/* what was inherited is written in each media: that may break a limit, but nothing else */
		enum err err = buf_ok(&text) ? sdp_parse(buf_str(&text), &again_arena, &again) : ERR_LIMIT;
		if (err != ERR_LIMIT && (err || again.media_n != sdp.media_n))
			abort();
	}
	buf_free(&text);
	arena_free(&arena);
	arena_free(&again_arena);
	return 0;
}
