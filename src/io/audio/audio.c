#include "io/audio/audio.h"

void audio_mouth(void *self, int16_t pcm[AUDIO_PERIOD], usec now)
{
	struct audio *a = self;
	(void)now;
	a->mouth(a, pcm);
}

void audio_ear(void *self, const int16_t pcm[AUDIO_PERIOD], usec now)
{
	struct audio *a = self;
	(void)now;
	a->ear(a, pcm);
}

void audio_close(struct audio *a)
{
	if (a)
		a->close(a);
}
