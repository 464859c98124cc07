/*
 * call/path.h - one media path: takes clear RTP and RTCP down, gives clear RTP and RTCP up.
 *
 * Between them are the sockets (asked of the host), ICE (net/ice), DTLS-SRTP (net/dtls) or SDES keys, and
 * SRTP (media/srtp). What the other side can is known only from its description, so a path is opened with
 * everything that may be agreed on, and path_agree() says what was:
 *
 *     path_new -> wants (HOST_BIND ..), events come to path_recv
 *     PATH_GATHERED     path_local() is complete: make the offer or answer
 *     path_agree        offer and answer are through; again after each later exchange
 *     PATH_CONNECTED    packets pass; again when the way changes
 *     PATH_RTP, PATH_RTCP
 *
 * Whom it listens to: with ICE only to a source that a check has proved (RFC 8445 12.2), before DTLS or
 * SRTP look at a byte. Without ICE to the signalled address; with `latch` to the first other source whose
 * packet is good (with SRTP: proves the key; in clear: is RTP) while none has come from the signalled one,
 * and then to that alone (symmetric RTP of a phone behind a NAT; in clear a stranger could be quicker).
 *
 * Bounds: PATH_SOCKET_MAX sockets; one packet at a time: the owner drains after every verb, wants first,
 * then events. Nothing is allocated per packet. Memory: opaque, path_free wipes keys. Thread: its owner's.
 */
#ifndef CALL_PATH_H
#define CALL_PATH_H

#include "base/host.h"
#include "base/log.h"
#include "base/rng.h"
#include "call/media_ask.h"
#include "net/dtls.h"
#include "sdp/offer.h"

#define PATH_SOCKET_MAX 8 /* also the addresses that ICE offers */
#define PATH_STUN_MAX   2
#define PATH_DSCP       46 /* EF, RFC 4594 4.1 */

struct path;

struct path_settings {
	struct addr locals[PATH_SOCKET_MAX]; /* to bind; ports are ignored unless `port_low` is 0 and they are set */
	size_t local_n;                      /* without ICE only the first is used */
	uint16_t port_low, port_high;        /* ports to choose from, at random; 0: any */
	uint32_t socket;                     /* the path's sockets are socket .. socket + PATH_SOCKET_MAX - 1 */
	uint8_t dscp;                        /* 0: PATH_DSCP */
	bool ice;
	bool offerer;                   /* we are about to make the offer (ICE: controlling) */
	unsigned security;              /* bits of enum sdp_security that may be agreed on */
	struct dtls_identity *identity; /* needed with SDP_DTLS; counted */
	bool rtcp_mux; /* ours; without it (and without ICE) RTCP has a socket of its own, RTP's port + 1
			  where that is free */
	bool latch;
	struct addr stun[PATH_STUN_MAX]; /* servers for reflexive candidates */
	size_t stun_n;
	usec gather_max; /* GATHERED comes by then whatever the servers say; 0: 300 ms */
	struct rng *rng; /* crypt/random: keys come from it; outlives the path */
	const struct log *log;
};

/* NULL: no memory, or no address. */
struct path *path_new(const struct path_settings *, usec now);
void path_free(struct path *); /* NULL is harmless; the sockets are gone only after path_close() */
/* Asks for the end of its sockets (and says so to a DTLS peer): drain path_want() once more, then free. */
void path_close(struct path *, usec now);

/* Our end for the description: addresses, candidates, ufrag, pwd, fingerprint, SDES key. After GATHERED. */
void path_local(const struct path *, struct sdp_offer_end *out);
/* What both sides agreed on. The same again is harmless; a moved remote address, new SDES keys or a new
 * fingerprint take effect. ERR_UNSUPPORTED: a security, hash or suite that the path was not opened for, or
 * an ICE restart without path_restart(): the path stays as it was. ERR_STATE: before GATHERED, after
 * close. ERR_MEMORY. */
MUST_CHECK enum err path_agree(struct path *, const struct sdp_offer_result *, usec now);
/* A candidate that came later (RFC 8838). */
void path_add_remote(struct path *, const struct sdp_offer_candidate *, usec now);
/* New ICE credentials (in path_local()) for the next exchange; media goes on as it is until then. */
void path_restart(struct path *, bool controlling, usec now);

/* BOUND, FAILED, DATAGRAM, UNREACHABLE of its sockets; others are left alone. */
void path_recv(struct path *, const struct host_event *, usec now);
void path_tick(struct path *, usec now);
usec path_due(const struct path *);
bool path_want(struct path *, struct host_want *out);

enum path_do_kind {
	PATH_GATHERED = 1, /* once */
	PATH_CONNECTED,    /* `way` */
	PATH_RTP,          /* `bytes`, clear, changeable in place; valid until the next path_recv */
	PATH_RTCP,         /* likewise, a compound packet */
	PATH_FAILED,       /* `err`, `text`: nothing passes (any more); the path still wants path_close() */
};

struct path_do {
	enum path_do_kind kind;
	enum err err;
	const char *text; /* for the person, static */
	struct media_path way;
	uint8_t *bytes;
	size_t n;
};
bool path_next(struct path *, struct path_do *out);

/* A clear packet in packet[n] of a buffer of `cap` bytes (SRTP_TAIL_MAX more than n) is sealed in place and
 * described in `out`, a HOST_SEND that points to it: pass it on at once. ERR_STATE: not connected (or consent
 * has gone); ERR_SYNTAX, ERR_FULL, ERR_EXPIRED as srtp_protect. */
MUST_CHECK enum err path_send(struct path *, uint8_t *packet, size_t n, size_t cap, struct host_want *out);
MUST_CHECK enum err path_send_rtcp(struct path *, uint8_t *packet, size_t n, size_t cap, struct host_want *out);

/* Figures for people: what was dropped because it came from elsewhere, was forged or was replayed. */
struct path_drops {
	uint64_t strangers, forged, replayed;
};
struct path_drops path_drops(const struct path *);

#endif
