/*
 * bench/avalanche/avalanche.h - what the parts of the load share.
 *
 * wire.c: sockets and streams; digest.c: answers to challenges; phones.c: registrations, each with its own timers;
 * calls.c: those who talk meanwhile; slow.c: a slower machine; main.c: the course of events and the report. One
 * process, one thread (and one child that slows the server down). Microseconds of a monotonic clock.
 */
#ifndef AVALANCHE_H
#define AVALANCHE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define T1      500000
#define T2      4000000
#define TIMEOUT (64 * T1)

_Noreturn void die(const char *what);
int64_t now_us(void);

/* ---- wire.c ---- */

/* A stream of one's own, or a datagram socket. */
struct link {
	int fd; /* -1: none */
	bool is_stream, is_up;
	int port;
	char ip[16];
	char *kept; /* the beginning of a message */
	uint32_t kept_n;
};

enum { WIRE_PHONES, WIRE_PHONE, WIRE_CALLER, WIRE_CALLEE }; /* what a descriptor is watched for */

struct heard {
	int what;
	long which;
	const char *text; /* NULL: the stream is up, or ended */
	const struct sockaddr_in *from;
	bool up;
};

void wire_start(const char *host_port);
/* A datagram socket. */
void wire_open(struct link *, int what, long which);
/* A stream from an address of its own; false: refused at once. WIRE... is told when it is up. */
bool wire_connect(struct link *, uint32_t ip, int what, long which);
void wire_close(struct link *);
/* `to` NULL: the server. */
void wire_say(struct link *, const char *text, size_t n, const struct sockaddr_in *to);
/* Waits so long for something and tells of all that is there. */
void wire_step(int wait_ms, void (*heard)(const struct heard *, int64_t now));
/* Datagrams that found no room at the server's socket, of which it never knew (Linux, same machine; -1: not known). */
long wire_dropped(void);

/* ---- digest.c ---- */

enum digest { DIGEST_NONE, DIGEST_MD5, DIGEST_SHA256 };

struct challenge {
	char realm[80], nonce[64];
	bool is_stale;
};

/* The one in a 401 or 407 that is of this algorithm. false: there is none. */
bool digest_challenge(const char *answer, enum digest, struct challenge *out);
/* A whole Authorization line (proxy: Proxy-Authorization). */
void digest_answer(const struct challenge *, enum digest, bool proxy, const char *user, const char *method,
		   const char *uri, char *out, size_t cap);
/* The value of a header from `text` on; returns its end. NULL: none. */
const char *line(const char *text, const char *name, char *out, size_t cap);

/* ---- phones.c ---- */

struct phones {
	const char *domain;
	enum digest digest;
	bool tcp;
	long n, done, at_last, goal; /* at_last: registered in the end, as who was cut off is not */
	long refused, repeats, given_up, stale, unreached, cut;
	int64_t start, nine_tenths;
};
extern struct phones phones;

void phones_start(void);
/* So many of this name, none of which has begun; all of before are gone. */
void phones_reset(long n, char prefix);
void phones_begin(long i, int64_t now);
/* A closed loop: `at_a_time` begin, and for each that is done the next one. */
void phones_loop(long at_a_time);
void phones_hang_up(void);
void phones_heard(const struct heard *, int64_t now);
void phones_due(int64_t now);

/* ---- calls.c ---- */

extern long call_n;

void calls_start(void);
void call_begin(int64_t now);
void calls_heard(const struct heard *, int64_t now);
void calls_due(int64_t now);
/* How long each that was answered waited; `*failed`: how many were not, or came to no end. */
long calls_waits(int64_t *waits, long *failed);

/* ---- slow.c ---- */

void slow_start(const char *pid_percent);
/* Is it as slow as it should be, still? */
bool slow_is(void);
/* Seconds of a core that the server has used; 0: not known. */
double slow_cpu(void);

#endif
