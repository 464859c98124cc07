#include "io/udp_outbox.h"

#include "base/rng.h"
#include "base/test.h"
#include "io/udp.h"

#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENDS 4

struct end {
	int fd;
	struct addr at;
};

/* Each datagram says which it is: order (a call's number, 0: none), then its place in the whole. */
struct label {
	uint32_t order, place;
};

struct rig {
	struct udp_inbox *in;
	struct udp_outbox *out;
	struct end from, to[ENDS];
	uint32_t places;
};

static struct end open_at(struct addr local)
{
	struct udp_setup s = { .local = local };
	struct end e = { .fd = -1 };
	if (udp_open(&s, &e.fd, &e.at) != ERR_NONE)
		return (struct end){ .fd = -1 };
	return e;
}

static bool start(struct rig *r, struct addr local)
{
	*r = (struct rig){ .in = udp_inbox_new(), .out = udp_outbox_new(), .from = open_at(local) };
	bool good = r->in && r->out && r->from.fd >= 0;
	for (int i = 0; i < ENDS; i++) {
		r->to[i] = open_at(local);
		good = good && r->to[i].fd >= 0;
	}
	return good;
}

static void stop(struct rig *r)
{
	udp_inbox_free(r->in);
	udp_outbox_free(r->out);
	close(r->from.fd);
	for (int i = 0; i < ENDS; i++)
		close(r->to[i].fd);
}

static struct addr v4(void)
{
	return addr_v4(127, 0, 0, 1, 0);
}

static struct addr v6(void)
{
	return (struct addr){ .family = 6, .ip = { [15] = 1 } };
}

static uint32_t order_of(str bytes)
{
	struct label l;
	memcpy(&l, bytes.p, sizeof(l));
	return l.order;
}

static void put(struct rig *r, int to, size_t n, uint32_t order)
{
	static char bytes[2000];
	struct label l = { order, r->places++ };
	struct addr none = { 0 };
	memcpy(bytes, &l, sizeof(l));
	assert_true(
		udp_outbox_put(r->out, r->from.fd, str_of(bytes, n), &none, &r->to[to].at, order ? order_of : NULL));
}

/* How many messages the kernel was handed. */
static size_t flush(struct rig *r)
{
	struct udp_outbox_figures before, after;
	udp_outbox_read(r->out, &before);
	assert_int_equal(udp_outbox_flush(r->out), 0);
	udp_outbox_read(r->out, &after);
	return (size_t)(after.messages - before.messages);
}

static size_t refused(const struct rig *r)
{
	struct udp_outbox_figures f;
	udp_outbox_read(r->out, &f);
	return (size_t)f.refused;
}

/* Takes `n` datagrams; their places in the order they came, their sizes where wanted. */
static void take(struct rig *r, int to, size_t n, struct label *labels, size_t *sizes)
{
	for (size_t at = 0; at < n;) {
		struct pollfd p = { r->to[to].fd, POLLIN, 0 };
		const struct udp_datagram *d;
		assert_int_equal(poll(&p, 1, 2000), 1);
		size_t got = udp_recv(r->in, r->to[to].fd, &r->to[to].at, &d);
		assert_in_range(got, 1, n - at);
		for (size_t i = 0; i < got; i++, at++) {
			assert_true(d[i].bytes.n >= sizeof(*labels));
			memcpy(&labels[at], d[i].bytes.p, sizeof(*labels));
			assert_true(addr_eq(&d[i].remote, &r->from.at));
			if (sizes)
				sizes[at] = d[i].bytes.n;
		}
	}
}

static void take_in_order(struct rig *r, int to, uint32_t first, uint32_t step, size_t n)
{
	struct label labels[UDP_OUTBOX_N];
	take(r, to, n, labels, NULL);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(labels[i].place, first + i * step);
}

static bool joins(void)
{
	struct rig r;
	assert_true(start(&r, v4()));
	for (int i = 0; i < 3; i++)
		put(&r, 0, 100, 0);
	bool joined = flush(&r) == 1;
	stop(&r);
	if (!joined)
		print_message("this kernel joins nothing\n");
	return joined;
}

static void a_run(struct addr local)
{
	struct label labels[12];
	size_t sizes[12];
	struct rig r;
	if (!start(&r, local)) {
		print_message("no such address here\n");
		skip();
	}
	for (int i = 0; i < 11; i++)
		put(&r, 0, i < 10 ? 400 : 70, 0);
	put(&r, 0, 400, 0);
	size_t messages = flush(&r);
	take(&r, 0, 12, labels, sizes);
	for (uint32_t i = 0; i < 12; i++) {
		assert_int_equal(labels[i].place, i);
		assert_int_equal(sizes[i], i == 10 ? 70 : 400);
	}
	stop(&r);
	assert_int_equal(messages, joins() ? 2 : 12);
}

static void a_run_leaves_as_one_and_arrives_as_many(void **state)
{
	(void)state;
	a_run(v4());
}

static void also_over_ipv6(void **state)
{
	(void)state;
	a_run(v6());
}

static void runs_end_at_64_datagrams_and_at_64_kilobytes(void **state)
{
	struct rig r;
	(void)state;
	assert_true(start(&r, v4()));
	for (int i = 0; i < 194; i++)
		put(&r, 0, 100, 0);
	assert_int_equal(flush(&r), joins() ? 5 : 194);
	take_in_order(&r, 0, 0, 1, 194);
	for (int i = 0; i < 60; i++)
		put(&r, 0, 1232, 0);
	assert_int_equal(flush(&r), joins() ? 2 : 60);
	take_in_order(&r, 0, 194, 1, 60);
	stop(&r);
}

static void pairs_long_ones_and_empty_ones_go_singly(void **state)
{
	const struct udp_datagram *d;
	struct addr none = { 0 };
	struct rig r;
	(void)state;
	assert_true(start(&r, v4()));
	put(&r, 0, 400, 0);
	put(&r, 0, 400, 0);
	assert_int_equal(flush(&r), 2);
	take_in_order(&r, 0, 0, 1, 2);
	for (int i = 0; i < 4; i++)
		put(&r, 0, 1300, 0);
	assert_int_equal(flush(&r), 4);
	take_in_order(&r, 0, 2, 1, 4);
	for (int i = 0; i < 3; i++)
		assert_true(udp_outbox_put(r.out, r.from.fd, STR_NONE, &none, &r.to[0].at, NULL));
	assert_int_equal(flush(&r), 3);
	for (size_t n = 0; n < 3;)
		n += udp_recv(r.in, r.to[0].fd, &r.to[0].at, &d);
	stop(&r);
}

static void destinations_between_each_other_each_keep_their_order(void **state)
{
	struct rig r;
	(void)state;
	assert_true(start(&r, v4()));
	for (int i = 0; i < 40; i++)
		put(&r, i % ENDS, 200, 0);
	assert_int_equal(flush(&r), joins() ? ENDS : 40);
	for (int i = 0; i < ENDS; i++)
		take_in_order(&r, i, (uint32_t)i, ENDS, 10);
	stop(&r);
}

static void without_an_order_of_their_own_sizes_do_not_overtake(void **state)
{
	struct rig r;
	(void)state;
	assert_true(start(&r, v4()));
	for (int i = 0; i < 40; i++)
		put(&r, 0, i % 2 ? 300 : 100, 0);
	flush(&r);
	take_in_order(&r, 0, 0, 1, 40);
	stop(&r);
}

static void what_may_overtake_is_joined(void **state)
{
	struct label labels[40];
	struct rig r;
	(void)state;
	assert_true(start(&r, v4()));
	for (uint32_t i = 0; i < 40; i++)
		put(&r, 0, i % 2 ? 100 : 300, i / 2 + 1); /* of each call a long one, then a short one */
	assert_in_range(flush(&r), 1, joins() ? 2 : 40);
	take(&r, 0, 40, labels, NULL);
	stop(&r);
}

/* Whatever is sent: each arrives once, those of one order in theirs, and nothing passes what has none. */
static void no_mixture_breaks_an_order(void **state)
{
	static struct label labels[UDP_OUTBOX_N];
	uint64_t seed = 1;
	struct rng rng;
	struct rig r;
	(void)state;
	rng_seeded(&rng, seed);
	print_message("seed %llu\n", (unsigned long long)seed);
	assert_true(start(&r, v4()));
	for (int round = 0; round < 200; round++) {
		size_t n[ENDS] = { 0 }, all = 1 + rng_below(&rng, UDP_OUTBOX_N);
		uint32_t kinds = 1 + rng_below(&rng, 6), orders = 1 + rng_below(&rng, 300);
		for (size_t i = 0; i < all; i++) {
			int to = (int)rng_below(&rng, ENDS);
			uint32_t order = rng_below(&rng, 20) ? 1 + rng_below(&rng, orders) : 0;
			put(&r, to, 50 + 10 * rng_below(&rng, kinds), order);
			n[to]++;
		}
		flush(&r);
		for (int to = 0; to < ENDS; to++) {
			take(&r, to, n[to], labels, NULL);
			for (size_t i = 0; i < n[to]; i++)
				for (size_t j = 0; j < i; j++)
					if (!labels[i].order || !labels[j].order || labels[i].order == labels[j].order)
						assert_true(labels[j].place < labels[i].place);
		}
	}
	stop(&r);
}

static void a_socket_that_refuses_runs_gets_them_singly(void **state)
{
	struct rig r;
	int one = 1;
	(void)state;
	if (!joins())
		skip();
	assert_true(start(&r, v4()));
	/* Without checksums the kernel cuts nothing up. */
	assert_int_equal(setsockopt(r.from.fd, SOL_SOCKET, SO_NO_CHECK, &one, sizeof(one)), 0);
	for (int i = 0; i < 30; i++)
		put(&r, i % 2, 800, 0);
	flush(&r);
	assert_int_equal(refused(&r), 2); /* its two ways; then the address is known */
	take_in_order(&r, 0, 0, 2, 15);
	take_in_order(&r, 1, 1, 2, 15);
	for (int i = 0; i < 10; i++)
		put(&r, 0, 800, 0);
	assert_int_equal(flush(&r), 10);
	assert_int_equal(refused(&r), 2);
	take_in_order(&r, 0, 30, 1, 10);
	stop(&r);
}

static void a_run_to_nobody_is_said_and_costs_no_other(void **state)
{
	struct addr none = { 0 }, who;
	struct rig r;
	(void)state;
	assert_true(start(&r, v4()));
	struct end gone = open_at(v4());
	close(gone.fd);
	for (int i = 0; i < 5; i++)
		assert_true(udp_outbox_put(r.out, r.from.fd, STR("anyone?"), &none, &gone.at, NULL));
	for (int i = 0; i < 5; i++)
		put(&r, 0, 100, 0);
	flush(&r);
	take_in_order(&r, 0, 0, 1, 5);
	struct pollfd p = { r.from.fd, 0, 0 };
	assert_int_equal(poll(&p, 1, 2000), 1);
	for (int i = 0; i < 5; i++) /* while its errors wait in the queue */
		put(&r, 0, 100, 0);
	flush(&r);
	take_in_order(&r, 0, 5, 1, 5);
	assert_int_equal(refused(&r), 0);
	assert_int_equal(udp_recv_error(r.from.fd, &who), ERR_NONE);
	assert_true(addr_eq(&who, &gone.at));
	stop(&r);
}

/* In a network of its own, with a loopback this narrow. */
static bool alone(int mtu)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_mtu = mtu };
	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool good = ioctl(fd, SIOCSIFMTU, &r) == 0;
	r.ifr_flags = IFF_UP | IFF_RUNNING;
	good = good && ioctl(fd, SIOCSIFFLAGS, &r) == 0;
	close(fd);
	return good;
}

static int on_a_narrow_path(void)
{
	struct rig r;
	if (!alone(900) || !start(&r, v4()))
		return 77;
	for (int i = 0; i < 8; i++)
		put(&r, 0, 1200, 0);
	flush(&r);
	if (refused(&r) != 1)
		return 1;
	take_in_order(&r, 0, 0, 1, 8); /* as fragments */
	for (int i = 0; i < 8; i++)
		put(&r, 0, 1200, 0);
	if (flush(&r) != 8 || refused(&r) != 1)
		return 2;
	take_in_order(&r, 0, 8, 1, 8);
	for (int i = 0; i < 8; i++)
		put(&r, 0, 500, 0);
	if (flush(&r) != 1) /* what fits goes as before */
		return 3;
	take_in_order(&r, 0, 16, 1, 8);
	stop(&r);
	return 0;
}

static void what_a_path_is_too_narrow_for_goes_singly_and_shorter_ones_as_before(void **state)
{
	int status = 0;
	(void)state;
	if (!joins())
		skip();
	pid_t pid = fork();
	if (pid == 0)
		_exit(on_a_narrow_path());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("no network of our own can be had here\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static void it_is_full_at_its_bound_and_goes_on_after_the_flush(void **state)
{
	struct addr none = { 0 };
	struct rig r;
	(void)state;
	assert_true(start(&r, v4()));
	for (int i = 0; i < UDP_OUTBOX_N; i++)
		put(&r, i % ENDS, 50 + (size_t)i % 3, 0);
	assert_false(udp_outbox_put(r.out, r.from.fd, STR("full"), &none, &r.to[0].at, NULL));
	flush(&r);
	for (uint32_t i = 0; i < ENDS; i++)
		take_in_order(&r, (int)i, i, ENDS, UDP_OUTBOX_N / ENDS);
	put(&r, 0, 50, 0);
	assert_int_equal(flush(&r), 1);
	assert_int_equal(flush(&r), 0);
	stop(&r);
}

static void from_two_addresses_of_ours_are_two_ways(void **state)
{
	struct addr source[2] = { addr_v4(127, 0, 0, 8, 0), addr_v4(127, 0, 0, 9, 0) };
	const struct udp_datagram *d;
	size_t of[2] = { 0 };
	struct rig r;
	(void)state;
	assert_true(start(&r, v4()));
	close(r.from.fd);
	r.from = open_at(addr_v4(0, 0, 0, 0, 0));
	for (int i = 0; i < 20; i++)
		assert_true(udp_outbox_put(r.out, r.from.fd, STR("twenty"), &source[i % 2], &r.to[0].at, NULL));
	assert_int_equal(flush(&r), joins() ? 2 : 20);
	for (size_t n = 0; n < 20;) {
		size_t got = udp_recv(r.in, r.to[0].fd, &r.to[0].at, &d);
		for (size_t i = 0; i < got; i++)
			of[d[i].remote.ip[3] == 9]++;
		n += got;
	}
	assert_int_equal(of[0], 10);
	assert_int_equal(of[1], 10);
	stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_leaves_as_one_and_arrives_as_many),
		cmocka_unit_test(also_over_ipv6),
		cmocka_unit_test(runs_end_at_64_datagrams_and_at_64_kilobytes),
		cmocka_unit_test(pairs_long_ones_and_empty_ones_go_singly),
		cmocka_unit_test(destinations_between_each_other_each_keep_their_order),
		cmocka_unit_test(without_an_order_of_their_own_sizes_do_not_overtake),
		cmocka_unit_test(what_may_overtake_is_joined),
		cmocka_unit_test(no_mixture_breaks_an_order),
		cmocka_unit_test(a_socket_that_refuses_runs_gets_them_singly),
		cmocka_unit_test(a_run_to_nobody_is_said_and_costs_no_other),
		cmocka_unit_test(what_a_path_is_too_narrow_for_goes_singly_and_shorter_ones_as_before),
		cmocka_unit_test(it_is_full_at_its_bound_and_goes_on_after_the_flush),
		cmocka_unit_test(from_two_addresses_of_ours_are_two_ways),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
