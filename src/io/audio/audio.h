/*
 * io/audio/audio.h - a microphone and a loudspeaker, 48 kHz, mono, 16 bit, 20 ms at a time.
 *
 * The media thread calls audio_mouth and audio_ear every 20 ms of its own clock
 * (they fit struct media_device of call/media_service.h); neither waits, locks or allocates. A
 * device has a clock of its own that drifts against that one: where more than
 * 80 ms have gathered, the oldest 20 ms are dropped; where nothing has, there is silence.
 *
 * Memory: made by the *_open functions, ended by audio_close once nobody calls any more.
 */
#ifndef IO_AUDIO_AUDIO_H
#define IO_AUDIO_AUDIO_H

#include "base/err.h"
#include "base/time.h"

#include <stddef.h>
#include <stdint.h>

#define AUDIO_RATE_HZ 48000
#define AUDIO_PERIOD  960 /* samples in 20 ms */

struct audio {
	void (*mouth)(struct audio *, int16_t *pcm); /* private: of the driver */
	void (*ear)(struct audio *, const int16_t *pcm);
	void (*close)(struct audio *);
};

/* What the microphone has heard; `self` is the struct audio. */
void audio_mouth(void *self, int16_t pcm[AUDIO_PERIOD], usec now);
/* To the loudspeaker. */
void audio_ear(void *self, const int16_t pcm[AUDIO_PERIOD], usec now);
void audio_close(struct audio *); /* NULL is fine */

/* The sound device by (part of) its name, NULL or "": the system's usual one, through PortAudio. `why` gets a
 * sentence on failure: ERR_ABSENT (no such device), ERR_UNSUPPORTED (built without, or no 48 kHz), ERR_BUSY, ERR_IO. */
MUST_CHECK enum err audio_portaudio_open(const char *name, struct audio **out, char *why, size_t why_n);
/* No device: silence in, and what goes out is measured. NULL: no memory. */
struct audio *audio_null_open(void);

struct audio_null_figures {
	uint64_t spoken, heard; /* periods */
	int16_t peak;           /* the loudest sample heard */
};
/* Of one made by audio_null_open. */
struct audio_null_figures audio_null_figures(const struct audio *);

#endif
