/*
 * sim/inside.h - what the files of the simulation share. Nobody else includes it.
 *
 * Everything that will happen is a struct sim_event in one heap, ordered by time and
 * then by when it was asked for. Nothing is delivered but from sim.c's loop, so no
 * service is ever re-entered.
 */
#ifndef SIM_INSIDE_H
#define SIM_INSIDE_H

#include "base/heap.h"
#include "base/map.h"
#include "sim/host.h"

#define SIM_SERVICES_MAX 64
#define SIM_TLS_SETS     16
#define SIM_TLS_NAMES    4
#define SIM_STREAM_QUEUE (1u << 20) /* bytes on the way that a stream may have; then ERR_FULL */

struct sim_stream;
struct sim_service;

/* What sits in the world's heap: an event, or a service's next tick. */
struct sim_item {
	struct heap_item heap;
	struct sim_service *ticks; /* NULL: an event */
};

/* A service as long as its host's run lasts. */
struct sim_service {
	struct host_service is;
	struct sim_host *host;
	struct sim_item wake;
	uint32_t number;
	unsigned flags;
	bool stopped, dead; /* dead: its host was killed; waits for the last event that names it */
	uint32_t refs;      /* events that name it, and the host's own */
};

struct sim_socket {
	struct sim_socket *next;
	struct sim_service *service;
	uint32_t id;
	enum transport transport; /* UDP, or a listener's */
	uint16_t tls;
	struct addr local;
};

struct sim_end {
	struct map_node node;        /* by service and number, while there is a service */
	struct sim_service *service; /* NULL: nobody (any more) */
	struct sim_host *host;
	uint32_t id, listener;
	struct addr addr;
	usec last;                           /* arrival of the latest segment on its way to this end */
	size_t in_flight;                    /* bytes on their way from this end */
	bool is_second, up, closing, closed; /* closed: CLOSED was told, or the end was never there */
};

struct sim_stream {
	struct sim_stream *next, **link; /* of the world */
	enum transport transport;
	struct sim_end end[2]; /* 0 opened it */
	uint32_t refs;         /* events on their way */
	uint8_t shakes;        /* round trips until it is up: TCP 1, one more for TLS, one more for WebSocket */
	bool broken;           /* nothing more is sent */
	bool refused;          /* the listener's certificate bears another name */
	uint16_t tls;          /* the opener's */
	char name[256];        /* that the opener wants the certificate to bear */
	uint8_t binding[HOST_BINDING_N];
	/* Written before it was up, the length of each write ahead of it. */
	char *early;
	size_t early_n;
};

enum sim_event_kind {
	SIM_DRAIN = 1,  /* a service has begun */
	SIM_TELL_EVENT, /* `event` to `service` */
	SIM_DATAGRAM,   /* from `event.remote` to `event.local` at `host` */
	SIM_REFUSAL,    /* ICMP back to the socket */
	SIM_SEGMENT,    /* of `stream`, for end `side` */
	SIM_GIVE_UP,    /* end `side` of `stream` has waited long enough */
	SIM_ASK,        /* the question `event.message` reaches the keeper */
};

enum sim_segment { SIM_SYN = 1, SIM_SHAKE, SIM_SHAKE_BACK, SIM_HELLO, SIM_BYTES, SIM_FIN, SIM_RESET };

struct sim_event {
	struct sim_item item;
	enum sim_event_kind kind;
	struct sim_service *service;
	struct sim_host *host, *from;
	struct sim_stream *stream;
	uint8_t side;
	enum sim_segment segment;
	uint32_t socket;
	struct host_event event;
	_Alignas(struct host_record) char bytes[];
};

/* One address of a host, as the world finds it. */
struct sim_home {
	struct map_node node;
	struct sim_host *host;
};

struct sim_host {
	struct sim *world;
	struct sim_host *next;
	char name[32];
	uint32_t number;
	struct addr addrs[SIM_ADDRS_MAX];
	struct sim_home homes[SIM_ADDRS_MAX];
	size_t addr_n;
	struct rng rng;
	struct sim_service *services[SIM_SERVICES_MAX];
	uint32_t service_n;
	struct sim_socket *sockets;
	uint16_t next_port;
	uint32_t accepted;
	bool off; /* no power */
	struct sim_keeper keeper;
	str tls[SIM_TLS_SETS][SIM_TLS_NAMES];
	bool has_tls[SIM_TLS_SETS];
	struct sim_figures figures;
};

struct sim_name {
	struct sim_name *next;
	enum host_question question;
	struct addr addr;
	struct host_record *record; /* SRV, NAPTR */
	size_t n;
	char text[];
};

/* Between two hosts: the link, and per direction the latest arrival. */
struct sim_path {
	struct map_node node;
	uint32_t a, b;
	bool own; /* has a link of its own */
	struct sim_link link;
	usec last[2];
};

struct sim {
	struct sim_setup setup;
	usec now;
	uint64_t sequence;
	struct heap events;
	struct rng rng;
	struct map hosts; /* by address */
	struct map ends;  /* of streams, by service and number */
	struct sim_host *first_host, **last_host;
	uint32_t host_n;
	struct map paths;
	struct sim_link link;
	struct sim_stream *streams;
	struct sim_name *names;
	uint64_t key[2], digest;
};

/* sim.c */
/* With room for n bytes; NULL: no memory or too many. sim_event_at puts it in (or frees it, and answers false). */
struct sim_event *sim_event_new(struct sim *, enum sim_event_kind, str bytes);
bool sim_event_at(struct sim *, struct sim_event *, usec at);
void sim_event_free(struct sim *, struct sim_event *);
void sim_wake_at(struct sim *, struct sim_service *, usec at);
struct sim_path *sim_path_get(struct sim_host *, struct sim_host *); /* NULL: no memory */
const struct sim_link *sim_path_link(const struct sim *, const struct sim_path *);
usec *sim_path_last(struct sim_path *, const struct sim_host *from);
struct sim_host *sim_host_find(struct sim *, const struct addr *);
void sim_trace(struct sim *, const struct sim_host *, const char *what, const struct addr *, const struct addr *,
	       str bytes);

/* host.c */
void sim_service_hold(struct sim_service *);
void sim_service_drop(struct sim_service *);
void sim_deliver(struct sim_service *, const struct host_event *);
void sim_drain(struct sim_service *);
void sim_service_tick(struct sim_service *);
/* Queues an event for the service, `span` from now; bytes may not be set. */
void sim_later(struct sim_service *, const struct host_event *, usec span);
void sim_hear_datagram(struct sim_event *);
void sim_hear_refusal(struct sim_event *);
void sim_hear_ask(struct sim_event *);
void sim_discard(struct sim_event *); /* frees the message of an event that nobody will hear */
struct sim_socket *sim_socket_find(struct sim_host *, const struct addr *local, const struct addr *remote, bool udp);
bool sim_tls_bears(const struct sim_host *, uint16_t tls, str name);
/* The domains that a client with this set proves (host_event.proved). */
void sim_tls_proves(const struct sim_host *, uint16_t tls, struct buf *out);
/* Where packets from `from` to `remote` go; NULL: nowhere. */
struct sim_host *sim_route(struct sim_host *from, const struct addr *remote);
void sim_host_free(struct sim_host *);

/* stream.c */
void sim_stream_open(struct sim_service *, const struct host_want *, const struct addr *local);
void sim_stream_write(struct sim_service *, const struct host_want *);
void sim_stream_close(struct sim_service *, uint32_t id);
void sim_hear_segment(struct sim_event *);
void sim_hear_give_up(struct sim_event *);
void sim_stream_end_all(struct sim_service *, bool reset, bool silent);
void sim_stream_unref(struct sim *, struct sim_stream *);
void sim_stream_free_all(struct sim *);

#endif
