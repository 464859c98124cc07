#include "overlay/stream.h"

#include "overlay/test.h"

static str three_frames(char *text, size_t n)
{
	struct buf b;

	buf_init(&b, text, n);
	overlay_frame_write(&b, OVERLAY_PING, 1, STR_NONE);
	overlay_frame_write(&b, OVERLAY_SIP, 0, STR("OPTIONS sip:a SIP/2.0\r\n\r\n"));
	overlay_frame_write(&b, OVERLAY_PONG, 2, STR_NONE);
	assert_true(buf_ok(&b));
	return buf_str(&b);
}

static void frames_come_out_whole_however_the_bytes_fall(void **state)
{
	char text[128];
	str all = three_frames(text, sizeof(text));

	(void)state;
	for (size_t piece = 1; piece <= all.n; piece++) {
		struct overlay_stream s;
		struct overlay_frame f;
		size_t frames = 0;

		overlay_stream_init(&s);
		for (size_t at = 0; at < all.n; at += piece) {
			enum err err = overlay_stream_recv(&s, str_head(str_skip(all, at), piece));

			while (!err && !(err = overlay_stream_next(&s, &f)))
				frames++;
			assert_int_equal(err, ERR_MORE);
		}
		assert_int_equal(frames, 3);
		assert_int_equal(f.id, 2);
		assert_null(s.kept.p); /* idle: nothing is held */
		overlay_stream_free(&s);
	}
}

static void a_stranger_may_not_make_us_keep_much(void **state)
{
	struct overlay_stream s;
	struct overlay_frame f;

	(void)state;
	overlay_stream_init(&s);
	assert_int_equal(overlay_stream_recv(&s, STR("\x20\x00\x0b")), ERR_NONE);
	assert_int_equal(overlay_stream_next(&s, &f), ERR_LIMIT);
	overlay_stream_free(&s);
	overlay_stream_init(&s);
	s.frame_max = OVERLAY_BODY_MAX;
	assert_int_equal(overlay_stream_recv(&s, STR("\x20\x00\x0b")), ERR_NONE);
	assert_int_equal(overlay_stream_next(&s, &f), ERR_MORE);
	overlay_stream_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_come_out_whole_however_the_bytes_fall),
		cmocka_unit_test(a_stranger_may_not_make_us_keep_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
