/*
 * media/file/wav.h - 16-bit mono PCM in RIFF clothes.
 *
 * Reads a file that is already in memory (io maps or reads it) and writes a header for
 * samples that follow. No file is opened here. Memory: a parsed file points into its bytes.
 */
#ifndef MEDIA_FILE_WAV_H
#define MEDIA_FILE_WAV_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define WAV_HEADER_N 44

struct wav {
	uint32_t rate_hz; /* 4000..384000 */
	str samples;      /* little-endian, 2 bytes each, whole samples */
	size_t frames;
};

/* ERR_SYNTAX: no RIFF/WAVE, or chunks that do not fit; ERR_UNSUPPORTED: not PCM, not 16 bit, not mono,
 * or a rate out of range. A data chunk cut short, or of length 0 or 0xffffffff (a recorder that was
 * killed), reaches to the end of the file. */
MUST_CHECK enum err wav_parse(str bytes, struct wav *out);
/* Samples `at`.. into pcm[frames], zeros behind the end; how many there were. */
size_t wav_read(const struct wav *, size_t at, int16_t *pcm, size_t frames);
/* A header for `frames` samples (0xffffffff data bytes at most). Written first with 0 and again at the end. */
void wav_write_header(struct buf *, uint32_t rate_hz, size_t frames);
void wav_write_samples(struct buf *, const int16_t *pcm, size_t frames);

#endif
