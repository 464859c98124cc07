/*
 * media/level.h - how loud.
 *
 * RMS of PCM in dBFS against a full-scale sine (0 is the loudest steady sine), and the
 * one-byte form of RFC 6464 (0 loudest .. 127 silent). Pure functions.
 */
#ifndef MEDIA_LEVEL_H
#define MEDIA_LEVEL_H

#include <stddef.h>
#include <stdint.h>

/* -120 for silence and for no samples. */
double level_dbfs(const int16_t *pcm, size_t frames);
/* RFC 6464: -dBov, 0..127. */
uint8_t level_dbov(const int16_t *pcm, size_t frames);
/* Times a factor in dB, clipped. */
void level_gain(int16_t *pcm, size_t frames, double gain_db);

#endif
