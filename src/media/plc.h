/*
 * media/plc.h - sound in place of a packet that did not come, for codecs without a way of their own.
 *
 * Repeats the last pitch period, fading to silence within 60 ms, and blends into
 * the first packet after the gap. In the spirit of G.711 appendix I, smaller.
 * Memory: the owner embeds the struct. Thread: its owner's.
 */
#ifndef MEDIA_PLC_H
#define MEDIA_PLC_H

#include <stddef.h>
#include <stdint.h>

#define PLC_HISTORY_N 960 /* samples remembered: 120 ms at 8 kHz, 60 ms at 16 kHz */

struct plc {
	uint32_t rate_hz; /* private */
	int16_t history[PLC_HISTORY_N];
	size_t heard; /* of history, at its end */
	size_t pitch; /* samples, while a gap lasts */
	size_t made;  /* samples since the gap began; 0: no gap */
};

/* 8000 or 16000. */
void plc_init(struct plc *, uint32_t rate_hz);
/* A packet came: pcm[frames] is remembered, and after a gap its beginning blended. */
void plc_heard(struct plc *, int16_t *pcm, size_t frames);
/* None came: fills pcm[frames]. Silence where nothing was heard yet. */
void plc_conceal(struct plc *, int16_t *pcm, size_t frames);

#endif
