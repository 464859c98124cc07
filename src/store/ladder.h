/*
 * store/ladder.h - trace records as a ladder: who sent what to whom, top to bottom.
 *
 *                           sip:alice          edge:acme            pbx         192.0.2.9:5060
 *     12:00:00.000   0.000      |                  |                  |                  |
 *     12:00:00.000   0.000      |---INVITE sdp---->|                  |                  |  overlay, sealed [1] ..
 *     12:00:00.012   0.012      |                  |---INVITE sdp---->|                  |  udp [2]
 *
 * A column for each party: the services that recorded, by their name, and whoever
 * they spoke with, by name or address. What one of our services sent to another is
 * recorded by both and drawn once. Records are given in the order of their times;
 * meet() them all first where they are at hand, so that no column appears late.
 *
 * Bounds: LADDER_PARTIES columns, the last one then stands for all others. Memory:
 * the owner embeds the struct; nothing to free; records are not kept. Thread: its owner's.
 */
#ifndef STORE_LADDER_H
#define STORE_LADDER_H

#include "base/buf.h"
#include "store/trace_record.h"

#define LADDER_PARTIES 12
#define LADDER_LABEL   32

struct store_ladder {
	struct {
		char label[LADDER_LABEL + 1];
	} parties[LADDER_PARTIES]; /* private */
	size_t party_n, drawn_n;
	struct {
		struct addr addr;
		char label[LADDER_LABEL + 1];
	} places[64]; /* which of our services is at an address */
	size_t place_n;
	uint64_t calls[16]; /* Call-IDs, digested */
	size_t call_n;
	struct {
		uint64_t what;
		uint16_t way;
	} open[128]; /* drawn, and not yet seen at the other end */
	size_t open_at;
	usec start;
	bool messages;
};

/* `messages`: each message in full under its line. */
void store_ladder_start(struct store_ladder *, bool messages);
/* Learns who is who before anything is drawn. May be left out. */
void store_ladder_meet(struct store_ladder *, const struct trace_record *, size_t n);
/* Appends the lines of one record; the heading, too, when a column has come up. Bytes that a terminal would
 * obey are written as \xNN. */
void store_ladder_draw(struct store_ladder *, const struct trace_record *, struct buf *);

#endif
