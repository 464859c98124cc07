/*
 * media/tone.h - sines made and sines heard.
 *
 * For ringing, test signals and telling whether a call carries sound. Values: level
 * in dBFS of the sine's RMS against a full-scale sine (0 is the loudest).
 * Memory: the owner embeds the structs. Thread: its owner's.
 */
#ifndef MEDIA_TONE_H
#define MEDIA_TONE_H

#include <stddef.h>
#include <stdint.h>

struct tone {
	double phase, step, amplitude; /* private */
	double step_end, step_factor;
};

/* A steady sine, 0 < hz < rate_hz / 2. */
void tone_start(struct tone *, double hz, double level_dbfs, uint32_t rate_hz);
/* From hz to hz_end within `frames` samples, the octaves evenly; then it stays there. */
void tone_sweep(struct tone *, double hz, double hz_end, size_t frames, double level_dbfs, uint32_t rate_hz);
/* The next samples; with `add` on top of what pcm holds, clipped. */
void tone_make(struct tone *, int16_t *pcm, size_t frames, int add);

/* Goertzel: the level of one frequency in pcm[frames], dBFS; -120 where there is none. */
double tone_level(const int16_t *pcm, size_t frames, double hz, uint32_t rate_hz);
/* What is left beside it, dBFS: for signal to noise. */
double tone_rest(const int16_t *pcm, size_t frames, double hz, uint32_t rate_hz);

#endif
