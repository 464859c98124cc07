#include "io/audio/audio.h"

#include <stdio.h>

#ifdef TANDEM_PORTAUDIO

#include "io/audio/ring.h"

#include <portaudio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define GATHERED_MAX (4 * AUDIO_PERIOD)

struct device {
	struct audio is; /* first */
	PaStream *stream;
	struct audio_ring heard, to_say; /* from the microphone; for the loudspeaker */
};

/* On PortAudio's thread, in real time. */
static int turn(const void *in, void *out, unsigned long n, const PaStreamCallbackTimeInfo *when,
		PaStreamCallbackFlags flags, void *self)
{
	struct device *d = self;
	(void)when;
	(void)flags;
	/* A reader that has fallen behind catches up by skipping; here what does not fit is lost. */
	if (in)
		(void)audio_ring_write(&d->heard, in, n);
	size_t got = audio_ring_read(&d->to_say, out, n);
	memset((int16_t *)out + got, 0, (n - got) * sizeof(int16_t));
	if (audio_ring_n(&d->to_say) > GATHERED_MAX)
		audio_ring_skip(&d->to_say, AUDIO_PERIOD);
	return paContinue;
}

static void mouth(struct audio *a, int16_t *pcm)
{
	struct device *d = (struct device *)a;
	if (audio_ring_n(&d->heard) > GATHERED_MAX)
		audio_ring_skip(&d->heard, AUDIO_PERIOD);
	size_t got = audio_ring_read(&d->heard, pcm, AUDIO_PERIOD);
	memset(pcm + got, 0, (AUDIO_PERIOD - got) * sizeof(*pcm));
}

static void ear(struct audio *a, const int16_t *pcm)
{
	(void)audio_ring_write(&((struct device *)a)->to_say, pcm, AUDIO_PERIOD);
}

static void end(struct audio *a)
{
	struct device *d = (struct device *)a;
	if (d->stream) {
		Pa_StopStream(d->stream);
		Pa_CloseStream(d->stream);
	}
	Pa_Terminate();
	free(d);
}

/* paNoDevice where there is none. */
static PaDeviceIndex find(const char *name, bool capture)
{
	if (!name || !*name)
		return capture ? Pa_GetDefaultInputDevice() : Pa_GetDefaultOutputDevice();
	for (PaDeviceIndex i = 0; i < Pa_GetDeviceCount(); i++) {
		const PaDeviceInfo *info = Pa_GetDeviceInfo(i);
		int channels = !info ? 0 : capture ? info->maxInputChannels : info->maxOutputChannels;
		if (channels > 0 && strstr(info->name, name))
			return i;
	}
	return paNoDevice;
}

static PaStreamParameters parameters(PaDeviceIndex device, bool capture)
{
	const PaDeviceInfo *info = Pa_GetDeviceInfo(device);
	PaStreamParameters p = { .device = device, .channelCount = 1, .sampleFormat = paInt16 };
	p.suggestedLatency = capture ? info->defaultLowInputLatency : info->defaultLowOutputLatency;
	return p;
}

static enum err of_pa(PaError error)
{
	switch (error) {
	case paNoError:
		return ERR_NONE;
	case paInvalidSampleRate:
	case paSampleFormatNotSupported:
	case paInvalidChannelCount:
		return ERR_UNSUPPORTED;
	case paDeviceUnavailable:
		return ERR_BUSY;
	case paInsufficientMemory:
		return ERR_MEMORY;
	default:
		return ERR_IO;
	}
}

static enum err open_stream(struct device *d, const char *name, char *why, size_t why_n)
{
	PaDeviceIndex in = find(name, true), out = find(name, false);
	if (out == paNoDevice) {
		snprintf(why, why_n, "no sound device%s%s", name && *name ? " named " : "", name ? name : "");
		return ERR_ABSENT;
	}
	/* A loudspeaker alone is enough to listen. */
	PaStreamParameters capture, playback = parameters(out, false);
	if (in != paNoDevice)
		capture = parameters(in, true);
	PaError error = Pa_OpenStream(&d->stream, in != paNoDevice ? &capture : NULL, &playback, AUDIO_RATE_HZ,
				      AUDIO_PERIOD / 2, paClipOff, turn, d);
	if (error == paNoError)
		error = Pa_StartStream(d->stream);
	if (error != paNoError)
		snprintf(why, why_n, "the sound device does not open: %s", Pa_GetErrorText(error));
	return of_pa(error);
}

enum err audio_portaudio_open(const char *name, struct audio **out, char *why, size_t why_n)
{
	struct device *d = calloc(1, sizeof(*d));
	if (!d) {
		snprintf(why, why_n, "no memory");
		return ERR_MEMORY;
	}
	PaError error = Pa_Initialize();
	if (error != paNoError) {
		snprintf(why, why_n, "no sound system: %s", Pa_GetErrorText(error));
		free(d);
		return ERR_ABSENT;
	}
	d->is = (struct audio){ mouth, ear, end };
	audio_ring_start(&d->heard);
	audio_ring_start(&d->to_say);
	enum err err = open_stream(d, name, why, why_n);
	if (err)
		end(&d->is);
	else
		*out = &d->is;
	return err;
}

#else

enum err audio_portaudio_open(const char *name, struct audio **out, char *why, size_t why_n)
{
	(void)name;
	(void)out;
	snprintf(why, why_n, "this program was built without sound devices");
	return ERR_UNSUPPORTED;
}

#endif
