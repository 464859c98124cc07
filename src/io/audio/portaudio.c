#include "io/audio/audio.h"

#include <stdio.h>

#ifdef TANDEM_PORTAUDIO

#include "io/audio/ring.h"

#include <dlfcn.h>
#include <portaudio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define GATHERED_MAX (4 * AUDIO_PERIOD)

#define LIBRARY "libportaudio.so.2"

/*
 * Loaded when a phone asks for sound, not when the program starts: the library brings JACK, ALSA, a C++ runtime
 * and a database along, 2.3 MB resident in every node and server that never makes a sound.
 */
#define FUNCTIONS(F)                                                                                                   \
	F(Initialize)                                                                                                  \
	F(Terminate)                                                                                                   \
	F(GetErrorText)                                                                                                \
	F(GetDeviceCount)                                                                                              \
	F(GetDeviceInfo)                                                                                               \
	F(GetDefaultInputDevice)                                                                                       \
	F(GetDefaultOutputDevice)                                                                                      \
	F(OpenStream)                                                                                                  \
	F(StartStream)                                                                                                 \
	F(StopStream)                                                                                                  \
	F(CloseStream)

struct library {
	void *handle;
#define FIELD(name) __typeof__(&Pa_##name) name;
	FUNCTIONS(FIELD)
#undef FIELD
};

struct device {
	struct audio is; /* first */
	struct library pa;
	PaStream *stream;
	struct audio_ring heard, to_say; /* from the microphone; for the loudspeaker */
};

static bool load(struct library *pa)
{
	bool whole = true;

	/* Once there it stays: ALSA keeps things of its own for the next time. */
	pa->handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!pa->handle)
		return false;
#define LOAD(name)                                                                                                     \
	*(void **)&pa->name = dlsym(pa->handle, "Pa_" #name);                                                          \
	whole = whole && pa->name;
	FUNCTIONS(LOAD)
#undef LOAD
	if (!whole)
		dlclose(pa->handle);
	return whole;
}

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
		d->pa.StopStream(d->stream);
		d->pa.CloseStream(d->stream);
	}
	d->pa.Terminate();
	dlclose(d->pa.handle);
	free(d);
}

/* paNoDevice where there is none. */
static PaDeviceIndex find(const struct library *pa, const char *name, bool capture)
{
	if (!name || !*name)
		return capture ? pa->GetDefaultInputDevice() : pa->GetDefaultOutputDevice();
	for (PaDeviceIndex i = 0; i < pa->GetDeviceCount(); i++) {
		const PaDeviceInfo *info = pa->GetDeviceInfo(i);
		int channels = !info ? 0 : capture ? info->maxInputChannels : info->maxOutputChannels;
		if (channels > 0 && strstr(info->name, name))
			return i;
	}
	return paNoDevice;
}

static PaStreamParameters parameters(const struct library *pa, PaDeviceIndex device, bool capture)
{
	const PaDeviceInfo *info = pa->GetDeviceInfo(device);
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
	PaDeviceIndex in = find(&d->pa, name, true), out = find(&d->pa, name, false);
	if (out == paNoDevice) {
		snprintf(why, why_n, "no sound device%s%s", name && *name ? " named " : "", name ? name : "");
		return ERR_ABSENT;
	}
	/* A loudspeaker alone is enough to listen. */
	PaStreamParameters capture, playback = parameters(&d->pa, out, false);
	if (in != paNoDevice)
		capture = parameters(&d->pa, in, true);
	PaError error = d->pa.OpenStream(&d->stream, in != paNoDevice ? &capture : NULL, &playback, AUDIO_RATE_HZ,
					 AUDIO_PERIOD / 2, paClipOff, turn, d);
	if (error == paNoError)
		error = d->pa.StartStream(d->stream);
	if (error != paNoError)
		snprintf(why, why_n, "the sound device does not open: %s", d->pa.GetErrorText(error));
	return of_pa(error);
}

enum err audio_portaudio_open(const char *name, struct audio **out, char *why, size_t why_n)
{
	struct device *d = calloc(1, sizeof(*d));
	if (!d) {
		snprintf(why, why_n, "no memory");
		return ERR_MEMORY;
	}
	if (!load(&d->pa)) {
		snprintf(why, why_n, "no sound: " LIBRARY " is not installed (Debian: libportaudio2)");
		free(d);
		return ERR_ABSENT;
	}
	PaError error = d->pa.Initialize();
	if (error != paNoError) {
		snprintf(why, why_n, "no sound system: %s", d->pa.GetErrorText(error));
		dlclose(d->pa.handle);
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
