/*
 * connect/extensions.h - names to try an exchange with: echo, answer, playback, ring, busy, early, wait.
 *
 * One user agent without an account (call/agent.h, direct mode on a loopback address) that the exchange
 * reaches by `pbx_config.extension`; the user of the Request-URI says what it does:
 *
 *     echo      answers and returns the audio
 *     answer    answers, hangs up at once after the ACK
 *     playback  answers, a second of tone (500 Hz), hangs up
 *     ring      180 for 15 s, then 480
 *     busy      486
 *     early     183 with SDP and tone, answers after 2 s, hangs up a second later
 *     wait      answers after 0.3 s, holds 20 s, hangs up
 *
 * echo, playback and early have a stream each at the media service, which must have the devices of
 * extensions_devices(). The others cost no stream: their offers are answered with one socket of
 * the service for all, and what comes to it is thrown away.
 *
 * Bounds: `call_max` calls, `sound_max` of them with sound, EXTENSIONS_ECHO_MAX of these an echo; more are 486.
 * Memory: opaque; about 20 kB a call, kept by the agent while its last transaction lives. Thread: one for life,
 * but for what says so.
 */
#ifndef CONNECT_EXTENSIONS_H
#define CONNECT_EXTENSIONS_H

#include "base/host.h"
#include "base/log.h"
#include "base/rng.h"
#include "call/media_service.h"

#define EXTENSIONS_ECHO_MAX (MEDIA_SERVICE_DEVICE_MAX - 1)
#define EXTENSIONS_TONE_HZ  500

struct extensions_settings {
	enum transport transport; /* between the exchange and the agent: UDP or TCP */
	struct addr listen;       /* loopback; port 0: any */
	struct addr media;        /* an address that callers can reach, port 0 */
	uint32_t media_service;   /* its number */
	uint32_t call_max;        /* 0: 10,000, which is the most */
	uint32_t sound_max;       /* 0: 200 */
	struct rng *rng;          /* outlives it */
	const struct log *log;
};

struct extensions;

/* NULL: no memory, or settings out of range. */
struct extensions *extensions_new(const struct extensions_settings *);
void extensions_free(struct extensions *);
struct host_service extensions_service(struct extensions *);
/* What the media service is to be built with; they live as long as the extensions. Returns how many. */
size_t extensions_devices(struct extensions *, struct media_device devices[MEDIA_SERVICE_DEVICE_MAX]);

/* As pbx_config.extension: false: no such name; else its contact in *uri, empty while the agent is not up.
 * `self` is the struct extensions. Any thread. */
bool extensions_contact(void *self, str name, struct buf *uri);

/* Is it one of these names? Any thread. */
bool extensions_know(str name);

struct extensions_stats {
	uint32_t calls, sounds, echoes; /* now */
};
void extensions_stats(const struct extensions *, struct extensions_stats *out);

#endif
