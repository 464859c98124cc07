/*
 * io/driver.h - runs services on real threads, sockets and time.
 *
 * The host of base/host.h over the kernel: each service lives on one of the driver's
 * threads, each thread has one loop. After every event a service's wants are
 * drained; all datagrams of one batch are heard before the answers leave in one.
 *
 * TELL goes through the receiver's thread's box (65536 notes; when full the message
 * is dropped through the receiver's `drop` and logged). ASK is handed to the keeper on
 * the asker's thread and answered through driver_answer from any. RESOLVE goes
 * through c-ares. A stream that cannot be opened, or secured, in 10 s is CLOSED{ERR_TIMEOUT};
 * one whose reader lags a MiB behind is CLOSED{ERR_FULL}; one that does not take its last bytes
 * in 5 s after HOST_CLOSE is cut. A thread holds at most 65536 streams and 65536 sockets;
 * connections beyond are refused, OPEN is CLOSED{ERR_FULL}, BIND is FAILED{ERR_FULL}.
 * WS and WSS carry SIP (RFC 7118); their handshake has 10 s more, a silent far side is pinged after a
 * minute and CLOSED{ERR_TIMEOUT} after half a minute more. What listens without credentials that its transport
 * needs is FAILED{ERR_UNSUPPORTED}.
 *
 *     d = driver_new(&setup);
 *     n = driver_add(d, 0, &service, DRIVER_LEADS);
 *     driver_run(d);      until a signal, driver_stop, or until all that lead have stopped
 *     driver_free(d);
 */
#ifndef IO_DRIVER_H
#define IO_DRIVER_H

#include "base/addr.h"
#include "base/err.h"
#include "base/host.h"
#include "base/log.h"
#include "io/clock.h"
#include "io/figures.h"

struct driver;
struct tls_credentials;

/* Who answers HOST_ASK. The driver calls; answers come back by driver_answer. */
struct driver_keeper {
	void *self;
	/* On the asker's thread. `ask` is a struct keeper_ask; ownership moves with it. */
	void (*ask)(void *self, uint32_t service, void *ask);
	/* Frees an answer after its event was heard, or where its asker is gone. Any thread of the driver. */
	void (*answer_free)(void *self, void *answer);
};

struct driver_setup {
	const struct clock *clock;   /* must outlive the driver */
	const struct log *log;       /* may be NULL */
	unsigned thread_n;           /* 1 .. 64 */
	struct driver_keeper keeper; /* ask may be NULL: no service asks */
	bool signals;                /* SIGINT, SIGTERM, SIGHUP stop the driver; a second one at once */
	void (*hangup)(void *self);  /* not NULL: SIGHUP is this call instead, on thread 0, which must not wait in it */
	void *hangup_self;
	struct addr dns; /* name server to use; unset: the system's */
};

enum driver_flag {
	DRIVER_LEADS = 1,   /* once all that lead have stopped, the others hear HOST_STOPPING */
	DRIVER_SHARES = 2,  /* its fixed ports are shared with other services of this flag (SO_REUSEPORT) */
	DRIVER_UNBOUND = 4, /* it looks at no channel binding: none is worked out (host_event.binding stays zero) */
};

struct driver *driver_new(const struct driver_setup *); /* NULL: no memory or descriptors */
/* After driver_run has returned (or was never called) and the keeper posts no more. */
void driver_free(struct driver *);
/* Before driver_run. The service outlives the driver. Returns its number, 0 .. (what `to` of a TELL
 * names), in the order of the calls; UINT32_MAX: no memory. `thread` < thread_n. */
uint32_t driver_add(struct driver *, unsigned thread, const struct host_service *, unsigned flags);
/* A credential set (net/tls.h), shared; returns its number, 1 .., for `tls` in wants; 0 when 255 are there.
 * Any thread, also while running. */
uint16_t driver_tls_add(struct driver *, struct tls_credentials *);
/* New credentials under an old number: streams opened or accepted from now on use them, those that are up keep
 * theirs. Any thread. */
void driver_tls_replace(struct driver *, uint16_t number, struct tls_credentials *);
/* Runs thread 0 on the caller's thread until the end. ERR_FULL (threads, descriptors), ERR_MEMORY. */
MUST_CHECK enum err driver_run(struct driver *);
/* Every service hears HOST_STOPPING; the driver ends when all want HOST_STOP, or after 5 s. A second
 * call ends it at once. Any thread, signal handlers not. */
void driver_stop(struct driver *);
/* Hands an answer over; ownership moves, also where the asker is gone. Any thread. */
void driver_answer(struct driver *, uint32_t service, void *answer);
/* Adds what its threads have counted so far. Any thread. */
void driver_figures(const struct driver *, struct io_figures *sum);
/* A message into a service from outside the driver's threads (from cmd); heard as TOLD from
 * UINT32_MAX. Ownership moves on ERR_NONE; ERR_FULL, ERR_CLOSED: it stays the caller's. */
MUST_CHECK enum err driver_tell(struct driver *, uint32_t service, void *message);

#endif
