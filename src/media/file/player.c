#include "media/file/player.h"

#include "media/resample.h"

#include <stdlib.h>

#define HOURS_MAX 12
#define PIECE     512 /* samples of the file at a time */

struct player {
	struct wav wav;
	struct resample *resample; /* NULL: the file is at 48 kHz */
	size_t at;                 /* next sample of the file */
	usec start;
	bool started;
};

struct recorder {
	size_t frames, dropped, max;
	usec start;
	int16_t pcm[];
};

/* The filter's first outputs lie before sample 0 of the file: they are run off, so that sample 0 is the file's. */
static void run_off_delay(struct player *p)
{
	int16_t in[PIECE], out[PIECE];
	size_t left = resample_delay(p->resample);

	while (left) {
		size_t in_n = PIECE, out_n = left < PIECE ? left : PIECE;

		(void)wav_read(&p->wav, p->at, in, PIECE);
		resample_run(p->resample, in, &in_n, out, &out_n);
		p->at += in_n;
		left -= out_n;
	}
}

enum err player_new(str bytes, struct player **out)
{
	struct wav wav;
	enum err err = wav_parse(bytes, &wav);

	if (err)
		return err;
	struct player *p = calloc(1, sizeof(*p));
	if (!p)
		return ERR_MEMORY;
	p->wav = wav;
	if (wav.rate_hz != MEDIA_RATE_HZ) {
		p->resample = resample_new(wav.rate_hz, MEDIA_RATE_HZ);
		if (!p->resample) {
			free(p);
			return ERR_MEMORY;
		}
		run_off_delay(p);
	}
	*out = p;
	return ERR_NONE;
}

void player_free(struct player *p)
{
	if (p)
		resample_free(p->resample);
	free(p);
}

void player_take(struct player *p, int16_t pcm[MEDIA_PERIOD], usec now)
{
	if (!p->started)
		p->start = now;
	p->started = true;
	if (!p->resample) {
		(void)wav_read(&p->wav, p->at, pcm, MEDIA_PERIOD);
		p->at += MEDIA_PERIOD;
		return;
	}
	for (size_t made = 0; made < MEDIA_PERIOD;) {
		int16_t in[PIECE];
		size_t in_n = PIECE, out_n = MEDIA_PERIOD - made;

		(void)wav_read(&p->wav, p->at, in, PIECE);
		resample_run(p->resample, in, &in_n, pcm + made, &out_n);
		p->at += in_n;
		made += out_n;
	}
}

usec player_start(const struct player *p)
{
	return p->started ? p->start : 0;
}

bool player_is_over(const struct player *p)
{
	return p->at >= p->wav.frames;
}

struct recorder *recorder_new(usec most)
{
	size_t seconds = most <= 0                                ? 0
			 : most / USEC_PER_SEC > HOURS_MAX * 3600 ? HOURS_MAX * 3600
								  : (size_t)(most / USEC_PER_SEC) + 1;
	size_t max = seconds * MEDIA_RATE_HZ;
	/* the system gives pages as they are written to: room for hours costs nothing before they are heard */
	struct recorder *r = malloc(sizeof(*r) + max * sizeof(int16_t));

	if (r) {
		r->frames = r->dropped = 0;
		r->max = max;
		r->start = 0;
	}
	return r;
}

void recorder_free(struct recorder *r)
{
	free(r);
}

void recorder_put(struct recorder *r, const int16_t pcm[MEDIA_PERIOD], usec now)
{
	size_t n = r->max - r->frames < MEDIA_PERIOD ? r->max - r->frames : MEDIA_PERIOD;

	if (!r->frames && !r->dropped)
		r->start = now;
	memcpy(r->pcm + r->frames, pcm, n * sizeof(*pcm));
	r->frames += n;
	r->dropped += MEDIA_PERIOD - n;
}

usec recorder_start(const struct recorder *r)
{
	return r->start;
}

size_t recorder_frames(const struct recorder *r)
{
	return r->frames;
}

size_t recorder_dropped(const struct recorder *r)
{
	return r->dropped;
}

void recorder_write(const struct recorder *r, struct buf *out)
{
	wav_write_header(out, MEDIA_RATE_HZ, r->frames);
	wav_write_samples(out, r->pcm, r->frames);
}
