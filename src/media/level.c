#include "media/level.h"

#include <math.h>

#define FULL_SINE 23169.77 /* RMS of a sine of amplitude 32767 */
#define SILENCE   (-120.0)

static double rms(const int16_t *pcm, size_t frames)
{
	double sum = 0;

	for (size_t i = 0; i < frames; i++)
		sum += (double)pcm[i] * pcm[i];
	return frames ? sqrt(sum / (double)frames) : 0;
}

double level_dbfs(const int16_t *pcm, size_t frames)
{
	double value = rms(pcm, frames);

	return value > 0 ? fmax(20 * log10(value / FULL_SINE), SILENCE) : SILENCE;
}

uint8_t level_dbov(const int16_t *pcm, size_t frames)
{
	double value = rms(pcm, frames); /* RFC 6464 3: overload is a square wave of full scale */
	double db = value > 0 ? -20 * log10(value / 32767) : 127;

	return (uint8_t)(db < 0 ? 0 : db > 127 ? 127 : lround(db));
}

void level_gain(int16_t *pcm, size_t frames, double gain_db)
{
	double factor = pow(10, gain_db / 20);

	for (size_t i = 0; i < frames; i++) {
		double value = pcm[i] * factor;

		pcm[i] = (int16_t)lrint(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
	}
}
