#include "media/plc.h"

#include <math.h>
#include <string.h>

#define PITCH_MIN_HZ 66  /* longest period looked for: 15 ms */
#define PITCH_MAX_HZ 200 /* shortest: 5 ms; higher voices repeat several periods at once */
#define MATCH_MS     20
#define HOLD_MS      10 /* full loudness so long, */
#define FADE_END_MS  60 /* silence from here */
#define BLEND_MS     4

void plc_init(struct plc *p, uint32_t rate_hz)
{
	*p = (struct plc){ .rate_hz = rate_hz };
}

static void remember(struct plc *p, const int16_t *pcm, size_t n)
{
	if (n >= PLC_HISTORY_N) {
		memcpy(p->history, pcm + n - PLC_HISTORY_N, sizeof(p->history));
		p->heard = PLC_HISTORY_N;
		return;
	}
	memmove(p->history, p->history + n, (PLC_HISTORY_N - n) * sizeof(p->history[0]));
	memcpy(p->history + PLC_HISTORY_N - n, pcm, n * sizeof(p->history[0]));
	p->heard = p->heard + n > PLC_HISTORY_N ? PLC_HISTORY_N : p->heard + n;
}

/* The lag at which the last MATCH_MS look most like what was before them (normalized cross-correlation). */
static size_t find_pitch(const struct plc *p)
{
	size_t match = p->rate_hz * MATCH_MS / 1000, lag_min = p->rate_hz / PITCH_MAX_HZ,
	       best = p->rate_hz / PITCH_MIN_HZ;
	const int16_t *end = p->history + PLC_HISTORY_N - match;
	double best_score = -1;

	for (size_t lag = lag_min; lag <= p->rate_hz / PITCH_MIN_HZ && lag + match <= p->heard; lag++) {
		double cross = 0, energy = 1;

		for (size_t i = 0; i < match; i++) {
			cross += (double)end[i] * (end - lag)[i];
			energy += (double)(end - lag)[i] * (end - lag)[i];
		}
		double score = cross > 0 ? cross * cross / energy : 0;
		if (score > best_score * 1.02) {
			best_score = score;
			best = lag;
		}
	}
	return best;
}

static double gain_at(const struct plc *p, size_t made)
{
	double ms = (double)made * 1000 / p->rate_hz;

	return ms < HOLD_MS ? 1 : ms > FADE_END_MS ? 0 : (FADE_END_MS - ms) / (FADE_END_MS - HOLD_MS);
}

/* Sample `made` behind the end of what was heard, the last period over and over. */
static int16_t sample_at(const struct plc *p, size_t made)
{
	return p->heard < p->pitch ? 0 : p->history[PLC_HISTORY_N - p->pitch + made % p->pitch];
}

void plc_conceal(struct plc *p, int16_t *pcm, size_t frames)
{
	if (!p->made)
		p->pitch = find_pitch(p);
	for (size_t i = 0; i < frames; i++, p->made++)
		pcm[i] = (int16_t)lrint(sample_at(p, p->made) * gain_at(p, p->made));
}

void plc_heard(struct plc *p, int16_t *pcm, size_t frames)
{
	size_t blend = p->rate_hz * BLEND_MS / 1000;

	if (p->made)
		for (size_t i = 0; i < blend && i < frames; i++) {
			double weight = (double)(i + 1) / (double)(blend + 1);
			double old = sample_at(p, p->made + i) * gain_at(p, p->made + i);

			pcm[i] = (int16_t)lrint(pcm[i] * weight + old * (1 - weight));
		}
	p->made = 0;
	remember(p, pcm, frames);
}
