/*
 * media/file/player.h - a WAV file as a microphone, a loudspeaker as a WAV file.
 *
 * The player gives 20 ms at 48 kHz a call, whatever the file's rate, and silence behind
 * its end; the recorder takes 20 ms at 48 kHz a call, silence and gaps included, so that
 * sample n was heard n / 48000 s after the first. Both remember the wall clock of
 * their sample 0. Neither opens a file: bytes in, bytes out.
 *
 * Memory: the player's file is the caller's and must outlive it; the recorder grows up to
 * a limit that is taken at once (the sound path allocates nothing) and drops what comes
 * behind it. Thread: its owner's.
 */
#ifndef MEDIA_FILE_PLAYER_H
#define MEDIA_FILE_PLAYER_H

#include "base/time.h"
#include "media/file/wav.h"
#include "media/session.h"

struct player;

/* `bytes`: a WAV file. ERR_SYNTAX, ERR_UNSUPPORTED as wav_parse; ERR_MEMORY. */
MUST_CHECK enum err player_new(str bytes, struct player **out);
void player_free(struct player *);
/* The next 20 ms. */
void player_take(struct player *, int16_t pcm[MEDIA_PERIOD], usec now);
/* When sample 0 was taken; 0: not yet. */
usec player_start(const struct player *);
bool player_is_over(const struct player *);

struct recorder;

/* Room for `most` of sound (up to 12 hours). NULL: no memory. */
struct recorder *recorder_new(usec most);
void recorder_free(struct recorder *);
void recorder_put(struct recorder *, const int16_t pcm[MEDIA_PERIOD], usec now);
usec recorder_start(const struct recorder *);
/* Samples kept, and samples dropped because the room was full. */
size_t recorder_frames(const struct recorder *);
size_t recorder_dropped(const struct recorder *);
/* The whole as a WAV file at 48 kHz; check out->err. */
void recorder_write(const struct recorder *, struct buf *out);

#endif
