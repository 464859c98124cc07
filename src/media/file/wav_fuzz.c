/* Any bytes as a WAV file: every sample that it claims can be read. */
#include "media/file/wav.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct wav wav;
	int16_t pcm[256];

	if (wav_parse(str_of((const char *)data, n), &wav))
		return 0;
	for (size_t at = 0; at < wav.frames; at += 256)
		if (!wav_read(&wav, at, pcm, 256))
			abort();
	return 0;
}
