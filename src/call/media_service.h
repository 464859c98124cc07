/*
 * call/media_service.h - the service on a media thread: many streams, paced, bridged.
 *
 * Owns for each stream a way to the far side (call/path.h: socket, ICE, keys) and its sound
 * (media/session.h), and does what signalling asks (call/media_ask.h, by HOST_TELL). A
 * stream is one of
 *
 *     alone      nobody listens: what comes in is counted; on the way out silence
 *     a device   20 ms to the ear and from the mouth every 20 ms of the play clock,
 *                which begins when the path is up
 *     bridged    with another stream: payloads handed over as they are where both speak
 *                the same codec, else played and spoken at 48 kHz
 *
 * Silence is spoken too (a stream that is up always sends), so that the far side's
 * address translators stay open and its clock goes on.
 *
 * Bounds: `stream_max` streams (OPEN beyond is FAILED{ERR_FULL}). Words to the askers do not
 * queue: they are made as the host drains. Nothing else is allocated once a stream is up. One
 * service is one thread's; a machine has several.
 */
#ifndef CALL_MEDIA_SERVICE_H
#define CALL_MEDIA_SERVICE_H

#include "base/host.h"
#include "base/log.h"
#include "base/rng.h"
#include "call/media_ask.h"
#include "net/dtls.h"

#define MEDIA_SERVICE_ADDR_MAX   8
#define MEDIA_SERVICE_DEVICE_MAX 64

/* Where the sound of a stream comes from and goes to. Called on the service's thread, every 20 ms; must not block. */
struct media_device {
	void *self;
	/* Both may be NULL: silence; thrown away. */
	void (*mouth)(void *self, int16_t pcm[MEDIA_PERIOD], usec now);
	void (*ear)(void *self, const int16_t pcm[MEDIA_PERIOD], usec now);
};

struct media_service_setup {
	struct rng *rng;       /* crypt/random; must outlive the service */
	const struct log *log; /* may be NULL */
	/* Addresses of this machine that a peer could reach, port 0: host candidates of ICE, and what an OPEN without
	 * an address binds (the first of them) */
	struct addr addrs[MEDIA_SERVICE_ADDR_MAX];
	size_t addr_n;
	struct media_device devices[MEDIA_SERVICE_DEVICE_MAX]; /* media_ask.device is an index */
	size_t device_n;
	uint32_t stream_max;            /* 0: 4096 */
	uint8_t dscp;                   /* of what is sent; 0: 46, EF (RFC 4594) */
	uint32_t jitter_ms;             /* delay to start with; 0: as media/session likes */
	uint32_t idle_s;                /* SILENT after so long without a packet; 0: 20 */
	struct dtls_identity *identity; /* NULL: one of its own; the service takes a reference */
};

struct media_service;

/* NULL: no memory. */
struct media_service *media_service_new(const struct media_service_setup *, usec now);
void media_service_free(struct media_service *);
/* The five verbs. Told: struct media_ask; tells: struct media_answer, to who asked. Stops once every stream is
 * closed, at once where there is none. */
struct host_service media_service_host(struct media_service *);
/* Streams now. */
uint32_t media_service_streams(const struct media_service *);

#endif
