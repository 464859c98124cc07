#include "media/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TAPS      56    /* at the lower of the two rates */
#define BETA      7.857 /* Kaiser window for 80 dB */
#define PHASE_MAX 512   /* rows of the table; between them the coefficients are interpolated */
#define CHUNK     1024  /* input samples taken at a time */

struct resample {
	uint32_t in_step, out_step; /* both rates without their common divisor */
	uint32_t phase_n;
	size_t taps;
	float *table;  /* phase_n + 1 rows of `taps` */
	float *window; /* the input still needed: taps + CHUNK samples of room */
	size_t have;   /* of it */
	uint32_t at;   /* place of the next output between two inputs, in 1/out_step */
	size_t lack;   /* inputs to be skipped that have not come yet (in_step > out_step * taps) */
};

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* The modified Bessel function of order 0. */
static double bessel(double x)
{
	double sum = 1, term = 1;

	for (int k = 1; k < 64 && term > sum * 1e-12; k++) {
		term *= (x / 2 / k) * (x / 2 / k);
		sum += term;
	}
	return sum;
}

/* Row p: the filter seen from p / phase_n of the way between two inputs, its sum made 1. */
static void fill_row(struct resample *r, uint32_t p, double cutoff)
{
	float *row = r->table + (size_t)p * r->taps;
	double half = (double)r->taps / 2, sum = 0;

	for (size_t k = 0; k < r->taps; k++) {
		double x = (double)k - half + 1 - (double)p / r->phase_n, w = x / half;
		double sinc = fabs(x) < 1e-9 ? cutoff : sin(M_PI * cutoff * x) / (M_PI * x);
		double value = fabs(w) < 1 ? sinc * bessel(BETA * sqrt(1 - w * w)) : 0;

		row[k] = (float)value;
		sum += value;
	}
	for (size_t k = 0; k < r->taps; k++)
		row[k] = (float)(row[k] / sum);
}

struct resample *resample_new(uint32_t in_hz, uint32_t out_hz)
{
	if (in_hz < RESAMPLE_HZ_MIN || in_hz > RESAMPLE_HZ_MAX || out_hz < RESAMPLE_HZ_MIN || out_hz > RESAMPLE_HZ_MAX)
		return NULL;
	struct resample *r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	uint32_t divisor = common_divisor(in_hz, out_hz);
	double cutoff = out_hz < in_hz ? (double)out_hz / in_hz : 1;
	r->in_step = in_hz / divisor;
	r->out_step = out_hz / divisor;
	r->phase_n = r->out_step < PHASE_MAX ? r->out_step : PHASE_MAX;
	r->taps = (size_t)ceil(TAPS / cutoff / 2) * 2;
	r->table = malloc((r->phase_n + 1) * r->taps * sizeof(float));
	r->window = malloc((r->taps + CHUNK) * sizeof(float));
	if (!r->table || !r->window) {
		resample_free(r);
		return NULL;
	}
	for (uint32_t p = 0; p <= r->phase_n; p++)
		fill_row(r, p, cutoff);
	resample_reset(r);
	return r;
}

void resample_free(struct resample *r)
{
	if (r) {
		free(r->table);
		free(r->window);
	}
	free(r);
}

void resample_reset(struct resample *r)
{
	/* one sample less than the filter needs: then n inputs give n * out / in outputs, from the very first */
	r->have = r->taps - 1;
	memset(r->window, 0, r->have * sizeof(float));
	r->at = 0;
	r->lack = 0;
}

size_t resample_delay(const struct resample *r)
{
	return (size_t)lround((double)r->taps / 2 * r->out_step / r->in_step);
}

size_t resample_need(const struct resample *r, size_t out_n)
{
	if (!out_n)
		return 0;
	uint64_t last = (r->at + (uint64_t)(out_n - 1) * r->in_step) / r->out_step; /* where the last output begins */
	uint64_t need = last + r->taps + r->lack;

	return need > r->have ? (size_t)(need - r->have) : 0;
}

static float dot(const float *a, const float *b, size_t n)
{
	float s0 = 0, s1 = 0, s2 = 0, s3 = 0; /* taps are even; four sums let the compiler use the machine's width */
	size_t i = 0;

	for (; i + 4 <= n; i += 4) {
		s0 += a[i] * b[i];
		s1 += a[i + 1] * b[i + 1];
		s2 += a[i + 2] * b[i + 2];
		s3 += a[i + 3] * b[i + 3];
	}
	for (; i < n; i++)
		s0 += a[i] * b[i];
	return s0 + s1 + s2 + s3;
}

static int16_t one_sample(const struct resample *r, const float *window)
{
	uint64_t place = (uint64_t)r->at * r->phase_n;
	uint32_t row = (uint32_t)(place / r->out_step), rest = (uint32_t)(place % r->out_step);
	float value = dot(window, r->table + (size_t)row * r->taps, r->taps);

	if (rest) {
		float next = dot(window, r->table + (size_t)(row + 1) * r->taps, r->taps);
		value += (next - value) * ((float)rest / (float)r->out_step);
	}
	return (int16_t)lrintf(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
}

/* As much output as the window gives; the inputs it has done with are dropped from the front. */
static size_t drain(struct resample *r, int16_t *out, size_t out_n)
{
	size_t made = 0, front = 0;

	while (made < out_n && front + r->taps <= r->have) {
		out[made++] = one_sample(r, r->window + front);
		uint64_t at = (uint64_t)r->at + r->in_step;
		front += (size_t)(at / r->out_step);
		r->at = (uint32_t)(at % r->out_step);
	}
	if (front > r->have) {
		r->lack = front - r->have;
		front = r->have;
	}
	r->have -= front;
	memmove(r->window, r->window + front, r->have * sizeof(float));
	return made;
}

void resample_run(struct resample *r, const int16_t *in, size_t *in_n, int16_t *out, size_t *out_n)
{
	size_t taken = 0, made = drain(r, out, *out_n);

	while (made < *out_n && taken < *in_n) {
		size_t room = r->taps + CHUNK - r->have, n = *in_n - taken < room ? *in_n - taken : room;

		if (r->lack) {
			size_t skip = n < r->lack ? n : r->lack;
			r->lack -= skip;
			taken += skip;
			continue;
		}
		for (size_t i = 0; i < n; i++)
			r->window[r->have++] = in ? in[taken + i] : 0;
		taken += n;
		made += drain(r, out + made, *out_n - made);
	}
	*in_n = taken;
	*out_n = made;
}
