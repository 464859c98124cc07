/*
 * media/resample.h - 16-bit mono PCM from one rate to another.
 *
 * A windowed-sinc polyphase filter of our own (docs/decisions/resample.md): pass band
 * flat to 0.9 of the lower half rate, stop band below -80 dB. Streaming: pieces of any
 * size in, what is ready out. Memory: opaque; nothing is allocated after new.
 * Thread: its owner's.
 */
#ifndef MEDIA_RESAMPLE_H
#define MEDIA_RESAMPLE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define RESAMPLE_HZ_MIN 4000
#define RESAMPLE_HZ_MAX 384000

struct resample;

/* Any two rates in the range above. NULL: out of range or no memory. */
struct resample *resample_new(uint32_t in_hz, uint32_t out_hz);
void resample_free(struct resample *);
/* Takes up to *in_n samples, makes up to *out_n; both then say how many were. Call again with the
 * rest where not all was taken. in NULL: silence, to push the filter's tail out. */
void resample_run(struct resample *, const int16_t *in, size_t *in_n, int16_t *out, size_t *out_n);
/* How many input samples it takes until `out_n` more are ready. */
size_t resample_need(const struct resample *, size_t out_n);
/* Samples at the output rate by which the filter delays. */
size_t resample_delay(const struct resample *);
/* Forgets what it heard. */
void resample_reset(struct resample *);

#endif
