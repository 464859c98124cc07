/*
 * media/jitter.h - packets back into order and time.
 *
 * Packets come with their RTP timestamp; the player asks for what comes next. The
 * play cursor runs in RTP units and never waits: what is not there when its time
 * comes is a gap for the caller to conceal, and a packet behind the cursor is late
 * and dropped. The delay starts at `delay_ms`, grows a step when a packet comes late (which often
 * saves that packet) and shrinks a step after ten seconds in which even the slowest packet had a step
 * more to spare than the delay to start with; so it also follows clocks that drift. (An adaptive
 * buffer takes its place in a later issue, behind the same door.)
 *
 * A change of SSRC, or two packets in a row that are more than two seconds off, start it anew.
 * Memory: opaque, fixed; the slots hold copies. Bound: JITTER_SLOT_N packets; when
 * full the oldest goes. Thread: its owner's.
 */
#ifndef MEDIA_JITTER_H
#define MEDIA_JITTER_H

#include "base/err.h"
#include "base/str.h"

#define JITTER_SLOT_N    32
#define JITTER_PAYLOAD_N 1440 /* bytes of a payload; a larger one is dropped as late */
#define JITTER_DELAY_MAX 400  /* ms; nothing is made to wait longer */

struct jitter;

struct jitter_counts {
	uint32_t kept, duplicate, late, overflow, restarts;
	uint32_t reordered; /* came behind a newer one, in time nevertheless */
};

enum jitter_put { JITTER_KEPT = 0, JITTER_DUPLICATE, JITTER_LATE, JITTER_RESTARTED };
enum jitter_take {
	JITTER_PACKET, /* play this */
	JITTER_GAP,    /* `span` units are missing before the next packet: conceal, at most those */
	JITTER_EMPTY,  /* nothing has come yet, or nothing is left: conceal what you need */
};

struct jitter_packet {
	uint32_t timestamp;
	uint32_t span; /* RTP units */
	uint8_t payload_type;
	str payload; /* valid until the next put */
};

/* Delay to start with, 0..JITTER_DELAY_MAX; step = what it grows by, usually the packet time. NULL: no memory. */
struct jitter *jitter_new(uint32_t clock_hz, uint32_t delay_ms, uint32_t step_ms);
void jitter_free(struct jitter *);
/* `span`: how long the payload plays, in RTP units. */
enum jitter_put jitter_put(struct jitter *, uint32_t ssrc, uint16_t sequence, uint32_t timestamp, uint32_t span,
			   uint8_t payload_type, str payload);
/* What stands at the cursor. A packet is taken out and the cursor moves behind it; a gap moves it by nothing:
 * say what was concealed with jitter_skip. */
enum jitter_take jitter_take(struct jitter *, struct jitter_packet *out);
/* The payload that will follow the gap, for in-band FEC; false: not here. */
bool jitter_peek(const struct jitter *, str *payload);
/* `span` units went by without a packet. Harmless before the first packet. */
void jitter_skip(struct jitter *, uint32_t span);
/* How long a packet arriving now would wait, ms. */
uint32_t jitter_delay_ms(const struct jitter *);
const struct jitter_counts *jitter_counts(const struct jitter *);
/* Forgets what it holds; the next packet starts it anew, with another clock if need be. Counts stay. */
void jitter_reset(struct jitter *, uint32_t clock_hz);

#endif
