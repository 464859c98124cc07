/*
 * io/audio/ring.h - samples from one thread to another, without a lock.
 *
 * One writer, one reader; neither waits. Bound: AUDIO_RING samples; a full ring takes
 * no more, an empty one gives none, and both say how many. Memory: the owner embeds the struct.
 */
#ifndef IO_AUDIO_RING_H
#define IO_AUDIO_RING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define AUDIO_RING 8192 /* samples, a power of two: 170 ms at 48 kHz */

struct audio_ring {
	_Atomic uint32_t written, read; /* private: ever so many, modulo 2^32 */
	int16_t pcm[AUDIO_RING];
};

void audio_ring_start(struct audio_ring *);
/* Writer: as many of the n as there is room for; returns how many. */
size_t audio_ring_write(struct audio_ring *, const int16_t *pcm, size_t n);
/* Reader: as many as there are, at most n; returns how many. */
size_t audio_ring_read(struct audio_ring *, int16_t *pcm, size_t n);
/* Reader: drops the oldest n (at most what is there). */
void audio_ring_skip(struct audio_ring *, size_t n);
/* Samples inside: at least so many for the reader, at most for the writer. */
size_t audio_ring_n(const struct audio_ring *);

#endif
