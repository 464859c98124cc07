#include "io/lane.h"

#include "io/signals.h"
#include "io/sockaddr.h"

#include <ares.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define LANES_MAX 64

struct driver *driver_new(const struct driver_setup *setup)
{
	struct driver *d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->setup = *setup;
	if (d->setup.thread_n < 1)
		d->setup.thread_n = 1;
	if (d->setup.thread_n > LANES_MAX)
		d->setup.thread_n = LANES_MAX;
	pthread_mutex_init(&d->lock, NULL);
	d->lanes = calloc(d->setup.thread_n, sizeof(*d->lanes));
	if (!d->lanes || ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
		free(d->lanes);
		free(d);
		return NULL;
	}
	enum err err = ERR_NONE;
	for (unsigned i = 0; i < d->setup.thread_n; i++)
		err = err | lane_start(&d->lanes[i], d, i);
	if (err) {
		driver_free(d);
		return NULL;
	}
	return d;
}

void driver_free(struct driver *d)
{
	if (!d)
		return;
	for (unsigned i = 0; i < d->setup.thread_n; i++)
		lane_free(&d->lanes[i]);
	for (uint16_t i = 1; i <= d->tls_n; i++)
		tls_credentials_unref(d->tls[i]);
	for (uint32_t i = 0; i < d->service_n; i++)
		free(d->services[i]);
	free(d->services);
	free(d->lanes);
	pthread_mutex_destroy(&d->lock);
	ares_library_cleanup();
	free(d);
}

uint32_t driver_add(struct driver *d, unsigned thread, const struct host_service *service, unsigned flags)
{
	struct lane_service **services = realloc(d->services, (d->service_n + 1) * sizeof(struct lane_service *));
	if (services)
		d->services = services;
	struct lane_service *s = services ? malloc(sizeof(*s)) : NULL;
	if (!s)
		return UINT32_MAX;
	*s = (struct lane_service){
		.is = *service, .lane = &d->lanes[thread % d->setup.thread_n], .number = d->service_n, .flags = flags
	};
	d->services[d->service_n++] = s;
	atomic_fetch_add(&d->running, 1);
	if (flags & DRIVER_LEADS)
		atomic_fetch_add(&d->leading, 1);
	return s->number;
}

uint16_t driver_tls_add(struct driver *d, struct tls_credentials *c)
{
	pthread_mutex_lock(&d->lock);
	uint16_t number = d->tls_n < 255 ? ++d->tls_n : 0;
	if (number)
		d->tls[number] = tls_credentials_ref(c);
	pthread_mutex_unlock(&d->lock);
	return number;
}

void driver_tls_replace(struct driver *d, uint16_t number, struct tls_credentials *c)
{
	struct tls_credentials *goes = tls_credentials_ref(c); /* the new one, where there is no such number */
	pthread_mutex_lock(&d->lock);
	if (number >= 1 && number <= d->tls_n) {
		struct tls_credentials *before = d->tls[number];
		d->tls[number] = goes;
		goes = before;
	}
	pthread_mutex_unlock(&d->lock);
	tls_credentials_unref(goes);
}

struct tls_credentials *driver_tls_ref(struct driver *d, uint16_t number)
{
	struct tls_credentials *c = NULL;
	pthread_mutex_lock(&d->lock);
	if (number >= 1 && number <= d->tls_n)
		c = tls_credentials_ref(d->tls[number]);
	pthread_mutex_unlock(&d->lock);
	return c;
}

/* Binds without SO_REUSEPORT, which fails where any other program has the address. */
static enum err probe(const struct addr *a, bool udp)
{
	struct sockaddr_storage sa;
	socklen_t n = sockaddr_write(a, &sa);
	int one = 1;
	if (n == 0)
		return ERR_UNSUPPORTED;
	int fd = socket(sa.ss_family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return sockaddr_err(errno);
	if (!udp)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (a->family == 6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	enum err err = bind(fd, (struct sockaddr *)&sa, n) < 0 ? sockaddr_err(errno) : ERR_NONE;
	close(fd);
	return err;
}

enum err driver_claim(struct driver *d, const struct addr *a, bool udp)
{
	struct addr *list = udp ? d->shared_udp : d->shared_tcp;
	size_t *n = udp ? &d->shared_udp_n : &d->shared_tcp_n;
	enum err err = ERR_NONE;
	bool ours = false;
	pthread_mutex_lock(&d->lock);
	for (size_t i = 0; i < *n; i++)
		ours = ours || addr_eq(&list[i], a);
	if (!ours)
		err = *n == sizeof(d->shared_udp) / sizeof(d->shared_udp[0]) ? ERR_FULL : probe(a, udp);
	if (!ours && !err)
		list[(*n)++] = *a;
	pthread_mutex_unlock(&d->lock);
	return err;
}

void driver_wake(struct driver *d)
{
	for (unsigned i = 0; i < d->setup.thread_n; i++)
		loop_wake(d->lanes[i].loop);
}

void driver_stop_softly(struct driver *d)
{
	unsigned none = 0;
	atomic_compare_exchange_strong(&d->stop, &none, 1);
	driver_wake(d);
}

void driver_stop(struct driver *d)
{
	unsigned none = 0;
	if (!atomic_compare_exchange_strong(&d->stop, &none, 1))
		atomic_store(&d->stop, 2);
	driver_wake(d);
}

static void signalled(void *self, int signal)
{
	struct driver *d = self;

	if (signal == SIGHUP && d->setup.hangup) {
		d->setup.hangup(d->setup.hangup_self);
		return;
	}
	log_info(d->setup.log, "io.driver stopping", "signal=%d", signal);
	driver_stop(d);
}

/* A server holds many connections; the soft limit is for programs that use select(). */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

enum err driver_run(struct driver *d)
{
	struct signals *signals = NULL;
	enum err err = ERR_NONE;
	raise_descriptor_limit();
	if (d->setup.signals) {
		signals = signals_start(d->lanes[0].loop, signalled, d);
		if (!signals)
			return ERR_FULL;
	}
	for (unsigned i = 1; i < d->setup.thread_n && !err; i++) {
		char name[16] = "lane-";
		struct buf b;
		buf_init(&b, name + 5, sizeof(name) - 6);
		buf_put_u64(&b, i);
		err = thread_start(&d->lanes[i].thread, name, lane_run, &d->lanes[i]);
	}
	if (err)
		atomic_store(&d->stop, 2);
	lane_run(&d->lanes[0]);
	driver_wake(d);
	for (unsigned i = 1; i < d->setup.thread_n; i++)
		thread_join(&d->lanes[i].thread);
	signals_stop(signals);
	return err;
}

static enum err post(struct driver *d, uint32_t service, enum lane_note_kind kind, void *message)
{
	if (service >= d->service_n)
		return ERR_ABSENT;
	struct lane_note *note = malloc(sizeof(*note));
	if (!note)
		return ERR_MEMORY;
	*note = (struct lane_note){ .kind = kind, .to = service, .from = UINT32_MAX, .message = message };
	enum err err = worker_put(&d->services[service]->lane->box, &note->note);
	if (err)
		free(note);
	return err;
}

void driver_answer(struct driver *d, uint32_t service, void *answer)
{
	enum err err = post(d, service, LANE_ANSWER, answer);
	if (!err)
		return;
	if (err != ERR_CLOSED)
		log_error(d->setup.log, "io.driver answer dropped", "service=%u why=\"%s\"", service, err_text(err));
	d->setup.keeper.answer_free(d->setup.keeper.self, answer);
}

enum err driver_tell(struct driver *d, uint32_t service, void *message)
{
	return post(d, service, LANE_TELL, message);
}

void driver_figures(const struct driver *d, struct io_figures *sum)
{
	for (unsigned i = 0; i < d->setup.thread_n; i++)
		io_tally_read(&d->lanes[i].tally, sum);
}
