#include "media/tone.h"

#include <math.h>

#define FULL    32767.0
#define SILENCE (-120.0)

void tone_sweep(struct tone *t, double hz, double hz_end, size_t frames, double level_dbfs, uint32_t rate_hz)
{
	*t = (struct tone){ .step = 2 * M_PI * hz / rate_hz,
			    .step_end = 2 * M_PI * hz_end / rate_hz,
			    .step_factor = frames ? pow(hz_end / hz, 1.0 / (double)frames) : 1,
			    .amplitude = FULL * pow(10, level_dbfs / 20) };
}

void tone_start(struct tone *t, double hz, double level_dbfs, uint32_t rate_hz)
{
	tone_sweep(t, hz, hz, 0, level_dbfs, rate_hz);
}

static void advance(struct tone *t)
{
	t->phase += t->step;
	if (t->phase > 2 * M_PI)
		t->phase -= 2 * M_PI;
	t->step *= t->step_factor;
	if ((t->step_factor > 1 && t->step >= t->step_end) || (t->step_factor < 1 && t->step <= t->step_end)) {
		t->step = t->step_end;
		t->step_factor = 1;
	}
}

void tone_make(struct tone *t, int16_t *pcm, size_t frames, int add)
{
	for (size_t i = 0; i < frames; i++, advance(t)) {
		double value = t->amplitude * sin(t->phase) + (add ? pcm[i] : 0);

		pcm[i] = (int16_t)lrint(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
	}
}

/* Power of the one frequency, as a mean square: the best fitting sine's. */
static double power_at(const int16_t *pcm, size_t frames, double hz, uint32_t rate_hz)
{
	double w = 2 * M_PI * hz / rate_hz, c = 2 * cos(w), s1 = 0, s2 = 0;

	for (size_t i = 0; i < frames; i++) {
		double s0 = pcm[i] + c * s1 - s2;

		s2 = s1;
		s1 = s0;
	}
	double power = s1 * s1 + s2 * s2 - c * s1 * s2, n = (double)frames;
	return frames ? 2 * power / (n * n) : 0;
}

static double to_dbfs(double mean_square)
{
	double db = mean_square > 0 ? 10 * log10(mean_square / (FULL * FULL / 2)) : SILENCE;

	return db < SILENCE ? SILENCE : db;
}

double tone_level(const int16_t *pcm, size_t frames, double hz, uint32_t rate_hz)
{
	return to_dbfs(power_at(pcm, frames, hz, rate_hz));
}

double tone_rest(const int16_t *pcm, size_t frames, double hz, uint32_t rate_hz)
{
	double all = 0;

	for (size_t i = 0; i < frames; i++)
		all += (double)pcm[i] * pcm[i];
	return frames ? to_dbfs(all / (double)frames - power_at(pcm, frames, hz, rate_hz)) : SILENCE;
}
