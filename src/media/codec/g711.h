/*
 * media/codec/g711.h - A-law and mu-law (ITU-T G.711), sample by sample. Pure functions.
 */
#ifndef MEDIA_CODEC_G711_H
#define MEDIA_CODEC_G711_H

#include <stddef.h>
#include <stdint.h>

uint8_t g711_to_alaw(int16_t);
int16_t g711_from_alaw(uint8_t);
uint8_t g711_to_ulaw(int16_t);
int16_t g711_from_ulaw(uint8_t);

#endif
