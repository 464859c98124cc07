#include "media/file/wav.h"

#define RATE_MIN   4000
#define RATE_MAX   384000
#define PCM        1
#define EXTENSIBLE 0xfffe

static uint32_t little(const char *p, size_t n)
{
	uint32_t value = 0;

	while (n--)
		value = value << 8 | (uint8_t)p[n];
	return value;
}

static enum err parse_format(str chunk, struct wav *out)
{
	if (chunk.n < 16)
		return ERR_SYNTAX;
	uint32_t tag = little(chunk.p, 2);
	if (tag == EXTENSIBLE && chunk.n >= 26)
		tag = little(chunk.p + 24, 2); /* the head of the sub-format's GUID */
	uint32_t channels = little(chunk.p + 2, 2), rate = little(chunk.p + 4, 4), bits = little(chunk.p + 14, 2);
	if (tag != PCM || channels != 1 || bits != 16 || rate < RATE_MIN || rate > RATE_MAX)
		return ERR_UNSUPPORTED;
	out->rate_hz = rate;
	return ERR_NONE;
}

enum err wav_parse(str bytes, struct wav *out)
{
	struct wav wav = { 0 };

	if (bytes.n < 12 || memcmp(bytes.p, "RIFF", 4) != 0 || memcmp(bytes.p + 8, "WAVE", 4) != 0)
		return ERR_SYNTAX;
	for (str rest = str_skip(bytes, 12); rest.n >= 8;) {
		str head = str_head(rest, 4);
		uint32_t size = little(rest.p + 4, 4);

		rest = str_skip(rest, 8);
		if (str_eq(head, STR("data"))) {
			size_t n = !size || size > rest.n ? rest.n : size;

			if (!wav.rate_hz)
				return ERR_SYNTAX;
			wav.frames = n / 2;
			wav.samples = str_head(rest, wav.frames * 2);
			*out = wav;
			return ERR_NONE;
		}
		if (size > rest.n)
			return ERR_SYNTAX;
		if (str_eq(head, STR("fmt "))) {
			enum err err = parse_format(str_head(rest, size), &wav);

			if (err)
				return err;
		}
		rest = str_skip(rest, (size_t)size + (size & 1)); /* chunks begin at even places */
	}
	return ERR_SYNTAX;
}

size_t wav_read(const struct wav *wav, size_t at, int16_t *pcm, size_t frames)
{
	size_t left = at < wav->frames ? wav->frames - at : 0, n = left < frames ? left : frames;

	for (size_t i = 0; i < n; i++)
		pcm[i] = (int16_t)little(wav->samples.p + 2 * (at + i), 2);
	memset(pcm + n, 0, (frames - n) * sizeof(*pcm));
	return n;
}

static void put_little(struct buf *out, uint32_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_put_u8(out, (uint8_t)(value >> 8 * i));
}

void wav_write_header(struct buf *out, uint32_t rate_hz, size_t frames)
{
	uint32_t n = frames > (UINT32_MAX - 36) / 2 ? UINT32_MAX - 36 : (uint32_t)frames * 2;

	buf_put(out, STR("RIFF"));
	put_little(out, n + 36, 4);
	buf_put(out, STR("WAVEfmt "));
	put_little(out, 16, 4);
	put_little(out, PCM, 2);
	put_little(out, 1, 2);
	put_little(out, rate_hz, 4);
	put_little(out, rate_hz * 2, 4);
	put_little(out, 2, 2);
	put_little(out, 16, 2);
	buf_put(out, STR("data"));
	put_little(out, n, 4);
}

void wav_write_samples(struct buf *out, const int16_t *pcm, size_t frames)
{
	uint8_t *room = buf_room(out, frames * 2);

	for (size_t i = 0; room && i < frames; i++) {
		room[2 * i] = (uint8_t)pcm[i];
		room[2 * i + 1] = (uint8_t)((uint16_t)pcm[i] >> 8);
	}
	if (room)
		out->n += frames * 2;
}
