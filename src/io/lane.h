/*
 * io/lane.h - one thread of the driver: its loop, its services, their sockets and streams.
 *
 * Inner room of io/driver; nobody else includes it. lane.c runs the loop and carries
 * out wants, lane_socket.c has UDP sockets and listeners, lane_stream.c streams.
 *
 * One rule keeps services from being re-entered: lane_deliver() hears an event and
 * drains the wants; carrying out a want never delivers. What a want brings about
 * at once (BOUND, FAILED, a name that was cached) waits in `pending`; streams that may have
 * something to say stand in `dirty`. lane_settle() delivers both from the top.
 */
#ifndef IO_LANE_H
#define IO_LANE_H

#include "base/heap.h"
#include "base/map.h"
#include "io/anteroom.h"
#include "io/driver.h"
#include "io/figures.h"
#include "io/gather.h"
#include "io/loop.h"
#include "io/resolver.h"
#include "io/thread.h"
#include "io/tls_stream.h"
#include "io/udp.h"
#include "io/udp_outbox.h"
#include "io/worker.h"
#include "io/ws_stream.h"

#include <stdatomic.h>

#define LANE_BOX_MAX     65536
#define LANE_SOCKET_MAX  65536
#define LANE_STREAM_MAX  65536
#define LANE_STOP_MAX    (5 * USEC_PER_SEC)
#define LANE_FLUSH_MAX   (1 * USEC_PER_SEC) /* for last bytes, once all services have stopped */
#define LANE_ACCEPT_STEP 256                /* connections taken out of the system's hands in one go */
#define LANE_ADMIT_STEP  64 /* of a listener's that wait, those that have their turn in one turn of the loop */
#define LANE_ACCEPT_WAIT (100 * USEC_PER_MS) /* a listener's pause where descriptors have run out */

struct lane;

struct lane_service {
	struct host_service is;
	struct lane *lane;
	uint32_t number;
	unsigned flags;
	bool stopped, told_stopping;
};

/* A UDP socket or a listener. */
struct lane_socket {
	struct map_node node;
	struct heap_item wake; /* listener: end of its pause */
	struct lane *lane;
	struct lane_service *service;
	uint32_t id;
	enum transport transport;
	uint16_t tls;
	struct tcp_setup setup;  /* of accepted streams */
	struct anteroom waiting; /* listener: accepted */
	struct lane_socket *next_crowded;
	bool crowded;
	int fd;
	struct addr bound;
	uint32_t lost; /* datagrams, for want of room */
	usec sifted;   /* until then what is missing was not lost; 0: never */
	bool gathers;  /* the service chose its port */
	struct loop_watch *watch;
	struct lane_socket *next_gone;
	bool gone;
};

struct lane_stream {
	struct map_node node;
	struct heap_item wake;
	struct lane *lane;
	struct lane_service *service;
	uint32_t id, listener;
	enum transport transport;
	struct tls_stream is;
	struct ws_stream *ws; /* WS, WSS: on top of `is`; else NULL */
	struct loop_watch *watch;
	struct lane_stream *next_dirty;
	bool dirty, told, up, dead;
};

enum lane_note_kind { LANE_TELL = 1, LANE_ANSWER };

struct lane_note {
	struct worker_note note;
	enum lane_note_kind kind;
	uint32_t to, from;
	void *message;
};

struct lane_pending {
	struct lane_service *service;
	struct host_event event;
	struct addr *addrs; /* RESOLVED: freed after the event */
	struct host_record *records;
};

struct lane {
	struct driver *driver;
	const struct clock *clock;
	const struct log *log;
	unsigned number;
	struct thread thread;
	struct loop *loop;
	struct worker_box box;
	struct udp_inbox *in;
	struct udp_outbox *out;
	struct gather gather;      /* signalling: sockets with a port of the service's choice */
	struct resolver *resolver; /* made at the first question */
	char *raw, *clear;         /* of TLS_STREAM_SCRATCH bytes */

	struct map sockets, streams;
	struct heap socket_wakes, stream_wakes;
	uint64_t key[2];
	struct rng rng;    /* masks of WebSockets that we open */
	uint32_t accepted; /* of the number last given to an accepted stream */
	struct lane_socket *gone;
	struct lane_socket *crowded; /* listeners with some who wait */
	struct lane_stream *dirty_first, **dirty_last;
	struct lane_pending *pending;
	size_t pending_at, pending_n, pending_cap;

	usec now, stop_at, flush_at;
	struct io_tally tally;
};

struct driver {
	struct driver_setup setup;
	struct lane *lanes;
	struct lane_service **services;
	uint32_t service_n;
	atomic_uint running, leading; /* services that have not stopped; of those, the ones that lead */
	atomic_uint stop;             /* 0 go on, 1 in good order, 2 now */
	pthread_mutex_t lock;         /* of tls and shared */
	struct tls_credentials *tls[256];
	uint16_t tls_n;
	struct addr shared_udp[64], shared_tcp[64]; /* fixed addresses that services of ours share */
	size_t shared_udp_n, shared_tcp_n;
};

/* driver.c */
struct tls_credentials *driver_tls_ref(struct driver *, uint16_t number); /* NULL: no such set */
void driver_stop_softly(struct driver *);
void driver_wake(struct driver *);
/* May a service that shares take the address, as far as other programs go? Ours may share it. */
MUST_CHECK enum err driver_claim(struct driver *, const struct addr *, bool udp);

/* lane.c */
MUST_CHECK enum err lane_start(struct lane *, struct driver *, unsigned number);
void lane_free(struct lane *);
void lane_run(void *lane);
void lane_deliver(struct lane_service *, const struct host_event *);
/* Queues an event for the service; copied, `bytes` may not be set. */
void lane_later(struct lane_service *, const struct host_event *);
uint64_t lane_hash(const struct lane *, const struct lane_service *, uint32_t id);

/* lane_socket.c */
void lane_socket_bind(struct lane_service *, const struct host_want *);
void lane_socket_listen(struct lane_service *, const struct host_want *);
void lane_socket_end(struct lane_service *, uint32_t id);
void lane_socket_sift(struct lane_service *, const struct host_want *);
void lane_socket_send(struct lane_service *, const struct host_want *);
void lane_socket_end_all(struct lane_service *); /* NULL: of all services is lane_socket_free_all */
void lane_socket_free_all(struct lane *);
void lane_socket_tick(struct lane *);
/* Those who wait to be admitted have their turn, some of them. */
void lane_socket_admit(struct lane *);
void lane_socket_sweep(struct lane *); /* frees what ended in this step */
void lane_flush(struct lane *);

/* lane_stream.c */
void lane_stream_open(struct lane_service *, const struct host_want *);
void lane_stream_write(struct lane_service *, const struct host_want *);
void lane_stream_close(struct lane_service *, uint32_t id);
/* An accepted connection becomes a stream; where there is no room for one it is closed. */
void lane_stream_admit(struct lane_socket *, struct tcp *);
void lane_stream_close_all(struct lane_service *);
void lane_stream_free_all(struct lane *);
void lane_stream_tick(struct lane *);
bool lane_stream_settle(struct lane *); /* delivers what dirty streams have; false: none was dirty */

#endif
