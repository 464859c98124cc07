/*
 * store/pcapng.h - trace records as a capture file that Wireshark, tcpdump and sngrep read (pcapng).
 *
 * Each message becomes one IP packet with one UDP datagram, whatever it came by: TLS and WebSocket legs are there in
 * clear, as the service saw them, and every reader shows them as SIP flows. A comment on each packet says the truth:
 * "pbx: in, tls". Messages are as the trace kept them: without secrets, and cut where they were long.
 *
 * Memory: none kept. Thread: any.
 */
#ifndef STORE_PCAPNG_H
#define STORE_PCAPNG_H

#include "base/buf.h"
#include "store/trace_record.h"

/* Section header and the one interface (LINKTYPE_RAW). Once, before the packets. */
void store_pcapng_start(struct buf *);
void store_pcapng_packet(const struct trace_record *, struct buf *);

#endif
