/* What was read and written again must read the same; nothing may crash on the way. */
#include "sdp/offer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What sdp_first_audio sees is what sdp_parse sees. */
static void compare_first(str text, const struct sdp *sdp)
{
	const struct sdp_format *wanted = NULL;
	struct sdp_format found;

	for (size_t i = 0; i < sdp->media_n && !wanted; i++)
		if (sdp->media[i].port && sdp->media[i].format_n && str_eq_nocase(sdp->media[i].kind, STR("audio")))
			wanted = &sdp->media[i].formats[0];
	if (sdp_first_audio(text, &found) != (wanted != NULL))
		abort();
	if (wanted && (!str_eq(found.name, wanted->name) || found.rate_hz != wanted->rate_hz ||
		       found.channels != wanted->channels || found.payload_type != wanted->payload_type))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct sdp_format first;
	struct arena arena, again_arena;
	struct sdp sdp, again;
	struct buf text;

	arena_init(&arena, NULL, 0, 1 << 20);
	arena_init(&again_arena, NULL, 0, 1 << 20);
	buf_init_grow(&text, 1 << 20);
	(void)sdp_first_audio(str_of((const char *)data, n), &first);
	if (!sdp_parse(str_of((const char *)data, n), &arena, &sdp)) {
		compare_first(str_of((const char *)data, n), &sdp);
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
