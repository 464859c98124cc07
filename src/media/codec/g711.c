#include "media/codec/g711.h"

/*
 * Both laws are a sign, 3 bits of segment and 4 bits within it; each segment is twice as
 * coarse as the one below. A-law works on 13 bits of the 16, mu-law on 14 with a bias of 33.
 */

uint8_t g711_to_alaw(int16_t pcm)
{
	int magnitude = (pcm < 0 ? ~pcm : pcm) >> 4;
	int segment = 0;

	if (magnitude > 15) {
		for (segment = 1; magnitude > 31; segment++)
			magnitude >>= 1;
		magnitude -= 16;
	}
	int code = segment << 4 | magnitude | (pcm < 0 ? 0 : 0x80);
	return (uint8_t)(code ^ 0x55); /* every other bit is turned, G.711 table 1a note 2 */
}

int16_t g711_from_alaw(uint8_t code)
{
	code ^= 0x55;
	int segment = code >> 4 & 7, value = (code & 15) << 4 | 8; /* the middle of its step */

	if (segment)
		value = (value + 0x100) << (segment - 1);
	return (int16_t)(code & 0x80 ? value : -value);
}

#define ULAW_BIAS 33
#define ULAW_CLIP 8158

uint8_t g711_to_ulaw(int16_t pcm)
{
	int magnitude = (pcm < 0 ? ~pcm : pcm) >> 2;
	int segment = 0;

	magnitude = (magnitude > ULAW_CLIP ? ULAW_CLIP : magnitude) + ULAW_BIAS;
	while (magnitude >> (segment + 6))
		segment++;
	int code = segment << 4 | (magnitude >> (segment + 1) & 15);
	return (uint8_t)(~code & (pcm < 0 ? 0x7f : 0xff));
}

int16_t g711_from_ulaw(uint8_t code)
{
	code = (uint8_t)~code;
	int segment = code >> 4 & 7;
	int value = ((((code & 15) << 1 | ULAW_BIAS) << segment) - ULAW_BIAS) * 4;

	return (int16_t)(code & 0x80 ? -value : value);
}
