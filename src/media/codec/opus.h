/*
 * media/codec/opus.h - Opus at 48 kHz mono (RFC 6716, 7587), over libopus.
 *
 * Full band: CELT unless in-band FEC is asked for, which only the voice modes have.
 * Memory: opaque; nothing is allocated after new. Thread: its owner's.
 */
#ifndef MEDIA_CODEC_OPUS_H
#define MEDIA_CODEC_OPUS_H

#include "media/codec.h"

struct codec_opus;

struct codec_opus *codec_opus_new(const struct codec_setup *);
void codec_opus_free(struct codec_opus *);
/* As in codec.h. */
MUST_CHECK enum err codec_opus_encode(struct codec_opus *, const int16_t *pcm, size_t frames, uint8_t *out, size_t cap,
				      size_t *n);
MUST_CHECK enum err codec_opus_decode(struct codec_opus *, str payload, int16_t *pcm, size_t cap, size_t *frames);
void codec_opus_conceal(struct codec_opus *, str next, int16_t *pcm, size_t frames);
size_t codec_opus_frames(str payload);

#endif
