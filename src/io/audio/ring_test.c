#include "io/audio/ring.h"

#include "base/test.h"
#include "io/thread.h"

#define SAMPLES 2000000

static void what_goes_in_comes_out_in_order_around_the_end(void **state)
{
	static struct audio_ring r;
	int16_t in[960], out[960], next_in = 0, next_out = 0;
	(void)state;
	audio_ring_start(&r);
	for (int i = 0; i < 1000; i++) {
		for (size_t j = 0; j < 960; j++)
			in[j] = next_in++;
		assert_int_equal(audio_ring_write(&r, in, 960), 960);
		assert_int_equal(audio_ring_n(&r), 960);
		assert_int_equal(audio_ring_read(&r, out, 960), 960);
		for (size_t j = 0; j < 960; j++)
			assert_int_equal(out[j], next_out++);
	}
}

static void a_full_ring_takes_no_more_and_an_empty_one_gives_none(void **state)
{
	static struct audio_ring r;
	static int16_t pcm[AUDIO_RING];
	(void)state;
	audio_ring_start(&r);
	assert_int_equal(audio_ring_read(&r, pcm, 10), 0);
	assert_int_equal(audio_ring_write(&r, pcm, AUDIO_RING - 5), AUDIO_RING - 5);
	assert_int_equal(audio_ring_write(&r, pcm, 10), 5);
	assert_int_equal(audio_ring_write(&r, pcm, 10), 0);
	audio_ring_skip(&r, 100);
	assert_int_equal(audio_ring_n(&r), AUDIO_RING - 100);
	audio_ring_skip(&r, 1000000);
	assert_int_equal(audio_ring_n(&r), 0);
}

static void write_all(void *arg)
{
	int16_t pcm[480];
	for (uint32_t sent = 0; sent < SAMPLES;) {
		for (size_t i = 0; i < 480; i++)
			pcm[i] = (int16_t)(sent + i);
		sent += (uint32_t)audio_ring_write(arg, pcm, 480);
	}
}

static void two_threads_lose_no_sample(void **state)
{
	static struct audio_ring r;
	struct thread t;
	int16_t pcm[960];
	uint32_t n = 0, wrong = 0;
	(void)state;
	audio_ring_start(&r);
	assert_int_equal(thread_start(&t, "write", write_all, &r), ERR_NONE);
	while (n < SAMPLES) {
		size_t got = audio_ring_read(&r, pcm, 960);
		for (size_t i = 0; i < got; i++)
			wrong += pcm[i] != (int16_t)(n + i);
		n += (uint32_t)got;
	}
	thread_join(&t);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out_in_order_around_the_end),
		cmocka_unit_test(a_full_ring_takes_no_more_and_an_empty_one_gives_none),
		cmocka_unit_test(two_threads_lose_no_sample),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
