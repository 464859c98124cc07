/*
 * sip/transport.h - the rules of RFC 3261 section 18 that need no memory.
 *
 * Where an answer goes, when a request is too long for a datagram, which worker a
 * message belongs to. Plain functions over bytes and addresses; stamping and the
 * reading of Via are in sip/via.h, framing in sip/msg.h, streams in sip/stack.h.
 */
#ifndef SIP_TRANSPORT_H
#define SIP_TRANSPORT_H

#include "base/addr.h"
#include "base/host.h"
#include "base/str.h"
#include "sip/via.h"

/* Where a message goes. */
struct sip_target {
	struct flow flow;         /* transport != 0: by this flow and no other */
	enum transport transport; /* else by this transport ... */
	struct addr addr;         /* ... to this address, over a connection that is there or a new one */
	str name;                 /* TLS: what the certificate must bear (host_want.name) */
	uint16_t tls;             /* credential set */
	bool may_tcp;             /* UDP: nobody demanded UDP, so a long request may go by TCP (18.1.1) */
};

/* 18.1.1: a longer request goes by TCP where that is allowed, as the path's MTU is unknown. */
#define SIP_TRANSPORT_DATAGRAM_MAX 1300

/* 5060, or 5061 over TLS; 80 and 443 over WebSocket (RFC 7118 5.). */
uint16_t sip_transport_port(enum transport);

/*
 * Where the answer to a request that came by datagram from `source` goes: to the source address, at the source port
 * where rport was asked for (RFC 3581 4.), else at the port of sent-by (18.2.2). maddr is not followed: it
 * would let anyone aim our answers at anyone.
 */
struct addr sip_transport_answer_to(const struct sip_via *, const struct addr *source);

/* The Call-ID of a raw message, found without parsing it; empty: none. */
str sip_transport_call_id(str message);
/* For HOST_SEND: messages of one Call-ID keep their order; 0 (what has none, as a keep-alive) keeps it with all. */
uint32_t sip_transport_order(str message);
/* Which of `worker_n` equal workers has the calls with this Call-ID (0 .. worker_n - 1). The same in every process. */
uint16_t sip_transport_worker(str call_id, uint16_t worker_n);

#endif
