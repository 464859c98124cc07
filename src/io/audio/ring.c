#include "io/audio/ring.h"

#include <string.h>

#define MASK (AUDIO_RING - 1)

void audio_ring_start(struct audio_ring *r)
{
	atomic_init(&r->written, 0);
	atomic_init(&r->read, 0);
}

size_t audio_ring_n(const struct audio_ring *r)
{
	uint32_t read = atomic_load_explicit(&r->read, memory_order_acquire);
	return atomic_load_explicit(&r->written, memory_order_acquire) - read;
}

size_t audio_ring_write(struct audio_ring *r, const int16_t *pcm, size_t n)
{
	uint32_t at = atomic_load_explicit(&r->written, memory_order_relaxed);
	size_t room = AUDIO_RING - (at - atomic_load_explicit(&r->read, memory_order_acquire));
	n = n < room ? n : room;
	size_t first = AUDIO_RING - (at & MASK);
	first = n < first ? n : first;
	memcpy(r->pcm + (at & MASK), pcm, first * sizeof(*pcm));
	memcpy(r->pcm, pcm + first, (n - first) * sizeof(*pcm));
	atomic_store_explicit(&r->written, at + (uint32_t)n, memory_order_release);
	return n;
}

size_t audio_ring_read(struct audio_ring *r, int16_t *pcm, size_t n)
{
	uint32_t at = atomic_load_explicit(&r->read, memory_order_relaxed);
	size_t there = atomic_load_explicit(&r->written, memory_order_acquire) - at;
	n = n < there ? n : there;
	size_t first = AUDIO_RING - (at & MASK);
	first = n < first ? n : first;
	memcpy(pcm, r->pcm + (at & MASK), first * sizeof(*pcm));
	memcpy(pcm + first, r->pcm, (n - first) * sizeof(*pcm));
	atomic_store_explicit(&r->read, at + (uint32_t)n, memory_order_release);
	return n;
}

void audio_ring_skip(struct audio_ring *r, size_t n)
{
	uint32_t at = atomic_load_explicit(&r->read, memory_order_relaxed);
	size_t there = atomic_load_explicit(&r->written, memory_order_acquire) - at;
	atomic_store_explicit(&r->read, at + (uint32_t)(n < there ? n : there), memory_order_release);
}
