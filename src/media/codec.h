/*
 * media/codec.h - one small door to every speech codec.
 *
 * PCM is 16-bit, mono, at the codec's own rate (codec_info.sample_hz); the session
 * brings it to 48 kHz. A struct codec is one encoder and one decoder with their state.
 * Inside: codec/opus.c (libopus), codec/g711.c, codec/g722.c.
 * Memory: all of it is taken in codec_new; encode and decode allocate nothing.
 * Thread: its owner's.
 */
#ifndef MEDIA_CODEC_H
#define MEDIA_CODEC_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum codec_id { CODEC_NONE = 0, CODEC_OPUS, CODEC_PCMA, CODEC_PCMU };

#define CODEC_PAYLOAD_MAX 1275       /* bytes of one packet */
#define CODEC_FRAMES_MAX  (120 * 48) /* samples one packet may decode to: 120 ms at 48 kHz */

/* What signalling must know. */
struct codec_info {
	enum codec_id id;
	str name;             /* as in rtpmap: "opus", "PCMA", "PCMU" */
	str band;             /* for people: "full band 48 kHz", "narrow band 8 kHz" */
	uint32_t clock_hz;    /* RTP timestamps */
	uint32_t sample_hz;   /* PCM at encode and decode */
	uint8_t channels;     /* as in rtpmap: Opus says 2 whatever is sent (RFC 7587 7) */
	uint8_t payload_type; /* static (RFC 3551 6), or the number we like to offer */
	str fmtp;             /* what we say when we offer it */
};

/* NULL: no such codec. The tables are static. */
const struct codec_info *codec_info(enum codec_id);
/* By rtpmap, name without case, channels 0 or 1 alike. NULL: we do not have it. */
const struct codec_info *codec_find(str name, uint32_t clock_hz, uint8_t channels);
/* "opus", "pcma", "pcmu" (as in --codec), any case. CODEC_NONE: unknown. */
enum codec_id codec_parse(str name);
/* As in rtpmap: "opus/48000/2", "PCMA/8000"; nothing for CODEC_NONE. */
void codec_write(enum codec_id, struct buf *);

struct codec_setup {
	uint32_t bitrate_bps;   /* Opus; 0: 64000 */
	uint32_t max_sample_hz; /* the far decoder's bound (maxplaybackrate); 0: none */
	uint8_t loss_percent;   /* Opus: expected loss, in-band FEC above 0 */
	bool dtx;
	bool decode_only; /* no encoder is made; codec_encode answers ERR_STATE */
};

struct codec;

/* NULL: no memory or no such codec. */
struct codec *codec_new(enum codec_id, const struct codec_setup *);
void codec_free(struct codec *);

/* pcm[frames], 10, 20, 40 or 60 ms of it, into out[cap]. *n is the size; 0: nothing need be sent (DTX).
 * ERR_LIMIT: a length that the codec does not do, or no room; ERR_STATE: decode_only. */
MUST_CHECK enum err codec_encode(struct codec *, const int16_t *pcm, size_t frames, uint8_t *out, size_t cap,
				 size_t *n);
/* pcm[cap]; *frames are the samples made. ERR_SYNTAX: damaged; ERR_FULL: cap is too small. */
MUST_CHECK enum err codec_decode(struct codec *, str payload, int16_t *pcm, size_t cap, size_t *frames);
/* Fills pcm[frames] in place of a packet that did not come, from what was heard before; fades out within 60 ms
 * (Opus: as libopus does). `next` is the payload behind the gap where it is already here (Opus in-band FEC), else
 * empty. */
void codec_conceal(struct codec *, str next, int16_t *pcm, size_t frames);
/* Samples in a payload at sample_hz, without decoding; 0: damaged. */
size_t codec_frames(enum codec_id, str payload);

#endif
