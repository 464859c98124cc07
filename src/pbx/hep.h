/*
 * pbx/hep.h - a copy of every SIP message to a capture server (Homer): HEP version 3.
 *
 * "HEP3", a length, then chunks of vendor, type, length and value, all big-endian: addresses, ports, protocol, time,
 * the password of the capture server, the message, and its Call-ID as correlation id. A datagram a message, from a
 * socket of its own; nobody answers, and nothing waits for it. Messages go as sip/redact leaves them, what came over
 * TLS too: the network between here and the capture server is to be one that may see who calls whom.
 *
 * Bounds: PBX_HEP_BYTES wait to be sent, what is more is counted as lost; a message longer than a datagram is cut.
 * Memory: opaque. Thread: its owner's.
 */
#ifndef PBX_HEP_H
#define PBX_HEP_H

#include "base/host.h"

#define PBX_HEP_BYTES   (1024u * 1024u)
#define PBX_HEP_MESSAGE 60000u
#define PBX_HEP_PORT    9060

struct pbx_hep_config {
	struct addr collector; /* family 0: there is none */
	uint32_t id;           /* of this capture agent */
	str password;          /* empty: none */
};

struct pbx_hep;

/* `socket`: the number of its socket. The config is copied, what it points to is not. NULL: no memory. */
struct pbx_hep *pbx_hep_new(const struct pbx_hep_config *, uint32_t socket);
void pbx_hep_free(struct pbx_hep *);
/* A whole message passed. */
void pbx_hep_message(struct pbx_hep *, bool out, const struct flow *, str bytes, usec now);
/* BIND at first, then SEND. false: nothing. */
bool pbx_hep_want(struct pbx_hep *, struct host_want *out);

/* One packet. */
void pbx_hep_write(const struct pbx_hep_config *, bool out, const struct flow *, str bytes, usec now, struct buf *);

struct pbx_hep_figures {
	uint64_t sent, lost;
};
const struct pbx_hep_figures *pbx_hep_figures(const struct pbx_hep *);

#endif
