/*
 * media/dtmf.h - keys pressed, as RTP events (RFC 4733 2).
 *
 * Sender: one key at a time out of a short queue; a packet per packet time with a growing
 * duration under one timestamp, marker on the first, the end repeated three times.
 * Receiver: one key per event whatever is lost, repeated or reordered.
 * Memory: the owner embeds the structs. Bound: DTMF_QUEUE_N keys wait. Thread: its owner's.
 */
#ifndef MEDIA_DTMF_H
#define MEDIA_DTMF_H

#include "base/err.h"
#include "base/str.h"

#define DTMF_QUEUE_N   32
#define DTMF_PAYLOAD_N 4

/* '0'..'9' '*' '#' 'A'..'D' to 0..15 and back; -1, 0: not a key. */
int dtmf_event(char key);
char dtmf_key(int event);

struct dtmf_sender {
	uint32_t clock_hz;
	char queue[DTMF_QUEUE_N]; /* private */
	uint16_t key_ms[DTMF_QUEUE_N];
	size_t queue_n;
	bool running;
	uint32_t start; /* RTP timestamp of the event */
	uint32_t sent;  /* units so far */
	uint32_t length;
	uint8_t ends;   /* end packets sent */
	uint32_t pause; /* units of silence before the next key */
};

/* One packet to send. */
struct dtmf_packet {
	bool marker;
	uint32_t timestamp;
	uint8_t payload[DTMF_PAYLOAD_N];
};

void dtmf_sender_init(struct dtmf_sender *, uint32_t clock_hz);
/* Queues keys of `key_ms` (40..6000) each, 40 ms apart. ERR_FULL: none is queued; ERR_SYNTAX: not a key. */
MUST_CHECK enum err dtmf_sender_press(struct dtmf_sender *, str keys, uint16_t key_ms);
/* Once a packet time of `span` units at RTP time `timestamp`: true and a packet where one is due.
 * While dtmf_sender_is_busy, no audio is to be sent under that SSRC. */
bool dtmf_sender_tick(struct dtmf_sender *, uint32_t timestamp, uint32_t span, struct dtmf_packet *out);
bool dtmf_sender_is_busy(const struct dtmf_sender *);

struct dtmf_receiver {
	bool heard; /* private */
	uint32_t timestamp;
	uint8_t event;
};

struct dtmf_press {
	char key;
	uint32_t duration; /* RTP units so far: reported with the first packet of an event */
};

/* A packet of telephone-event: true with the key the first time an event is seen (also when only its
 * end arrives). false: a repetition, an older one, or not a key. */
bool dtmf_receive(struct dtmf_receiver *, uint32_t timestamp, str payload, struct dtmf_press *out);

#endif
