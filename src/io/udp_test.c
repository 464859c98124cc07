#include "io/udp.h"
#include "io/udp_outbox.h"

#include "base/test.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOCAL addr_v4(127, 0, 0, 1, 0)

struct side {
	int fd;
	struct addr at;
};

static struct udp_inbox *in;
static struct udp_outbox *out;

static int setup(void **state)
{
	(void)state;
	in = udp_inbox_new();
	out = udp_outbox_new();
	return in && out ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	udp_inbox_free(in);
	udp_outbox_free(out);
	return 0;
}

static struct side open_at(struct addr local, uint8_t dscp)
{
	struct udp_setup s = { .local = local, .dscp = dscp };
	struct side side;
	assert_int_equal(udp_open(&s, &side.fd, &side.at), ERR_NONE);
	assert_int_not_equal(side.at.port, 0);
	return side;
}

static size_t take(const struct side *s, const struct udp_datagram **d)
{
	struct pollfd p = { s->fd, POLLIN, 0 };
	return poll(&p, 1, 2000) == 1 ? udp_recv(in, s->fd, &s->at, d) : 0;
}

static void a_batch_goes_out_and_comes_in_in_order(void **state)
{
	struct side a = open_at(LOCAL, 0), b = open_at(LOCAL, 0);
	const struct udp_datagram *d;
	struct addr none = { 0 };
	char text[UDP_BATCH];
	(void)state;
	for (size_t i = 0; i < UDP_BATCH; i++) {
		text[i] = (char)i;
		assert_true(udp_outbox_put(out, a.fd, str_of(text + i, i ? 1 : 0), &none, &b.at, NULL));
	}
	assert_int_equal(udp_outbox_flush(out), 0);
	assert_int_equal(take(&b, &d), UDP_BATCH);
	assert_int_equal(d[0].bytes.n, 0);
	for (size_t i = 1; i < UDP_BATCH; i++) {
		assert_int_equal(d[i].bytes.n, 1);
		assert_int_equal(d[i].bytes.p[0], i);
		assert_true(addr_eq(&d[i].remote, &a.at));
		assert_true(addr_eq(&d[i].local, &b.at));
	}
	close(a.fd);
	close(b.fd);
}

static size_t arrive(const struct side *from, const struct side *to, const char *first, int n)
{
	const struct udp_datagram *d;
	struct addr none = { 0 };
	size_t sum = 0;

	for (int i = 0; i < n; i++) {
		assert_true(udp_outbox_put(out, from->fd, str_from(first), &none, &to->at, NULL));
		assert_int_equal(udp_outbox_flush(out), 0);
	}
	for (size_t k; (k = udp_recv(in, to->fd, &to->at, &d));) /* over loopback they are there */
		sum += k;
	return sum;
}

static void what_is_sifted_hardly_comes_in_and_nothing_else_is(void **state)
{
	struct side a = open_at(LOCAL, 0), b = open_at(LOCAL, 0);

	(void)state;
	if (udp_sift(b.fd, STR("REGISTER"), 512, 0))
		skip();
	assert_in_range(arrive(&a, &b, "REGISTER sip:example.com SIP/2.0\r\n", 200), 0, 20);
	assert_int_equal(arrive(&a, &b, "REGISTER", 100) > 20, 0);
	assert_int_equal(arrive(&a, &b, "REGISTRY", 20), 20);
	assert_int_equal(arrive(&a, &b, "INVITE sip:example.com SIP/2.0\r\n", 20), 20);
	assert_int_equal(arrive(&a, &b, "\r\n\r\n", 20), 20);
	assert_int_equal(arrive(&a, &b, "", 20), 20);
	assert_int_equal(udp_sift(b.fd, STR("REGISTER"), 32768, 0), ERR_NONE);
	assert_in_range(arrive(&a, &b, "REGISTER sip:example.com SIP/2.0\r\n", 200), 50, 150);
	assert_int_equal(udp_sift(b.fd, STR("REGISTER"), 512, 12), ERR_NONE);
	assert_in_range(arrive(&a, &b, "REGISTER 11", 200), 0, 20);
	assert_int_equal(arrive(&a, &b, "REGISTER  12", 100), 100);
	assert_int_equal(arrive(&a, &b, "REGISTER sip:example.com SIP/2.0\r\n", 100), 100);
	assert_int_equal(udp_sift(b.fd, STR("REGISTER"), 512, 0), ERR_NONE);
	assert_int_equal(udp_sift(b.fd, STR("REG"), 32768, 0), ERR_UNSUPPORTED); /* and all come in again */
	assert_int_equal(arrive(&a, &b, "REGISTER sip:example.com SIP/2.0\r\n", 20), 20);
	assert_int_equal(udp_sift(b.fd, STR("REGISTER"), 512, 0), ERR_NONE);
	assert_int_equal(udp_sift(b.fd, STR_NONE, 0, 0), ERR_NONE);
	assert_int_equal(arrive(&a, &b, "REGISTER sip:example.com SIP/2.0\r\n", 20), 20);
	close(a.fd);
	close(b.fd);
}

static void a_socket_on_all_addresses_says_and_chooses_its_own(void **state)
{
	struct side a = open_at(addr_v4(0, 0, 0, 0, 0), 0), b = open_at(LOCAL, 0);
	struct addr source = addr_v4(127, 0, 0, 9, 0), none = { 0 }, to = addr_v4(127, 0, 0, 5, a.at.port);
	const struct udp_datagram *d;
	(void)state;
	assert_true(udp_outbox_put(out, a.fd, STR("from nine"), &source, &b.at, NULL));
	assert_true(udp_outbox_put(out, b.fd, STR("to five"), &none, &to, NULL));
	assert_int_equal(udp_outbox_flush(out), 0);
	assert_int_equal(take(&b, &d), 1);
	source.port = a.at.port;
	assert_true(addr_eq(&d[0].remote, &source));
	assert_int_equal(take(&a, &d), 1);
	assert_true(addr_eq(&d[0].local, &to));
	close(a.fd);
	close(b.fd);
}

static void datagrams_of_several_sockets_share_an_outbox_and_too_large_ones_are_dropped(void **state)
{
	static char large[UDP_DATAGRAM_MAX + 1];
	struct side a = open_at(LOCAL, 0), b = open_at(LOCAL, 0), c = open_at(LOCAL, 0);
	const struct udp_datagram *d;
	struct addr none = { 0 };
	(void)state;
	assert_true(udp_outbox_put(out, a.fd, STR("1"), &none, &c.at, NULL));
	assert_true(udp_outbox_put(out, b.fd, STR("2"), &none, &c.at, NULL));
	assert_true(udp_outbox_put(out, a.fd, str_of(large, sizeof(large)), &none, &c.at, NULL));
	assert_true(udp_outbox_put(out, a.fd, str_of(large, 60000), &none, &c.at, NULL));
	assert_true(udp_outbox_put(out, a.fd, STR("3"), &none, &c.at, NULL));
	assert_int_equal(udp_outbox_flush(out), 1);
	size_t n = 0;
	while (n < 4)
		n += take(&c, &d);
	assert_int_equal(n, 4);
	close(a.fd);
	close(b.fd);
	close(c.fd);
}

static void a_marking_is_on_the_socket(void **state)
{
	struct side a = open_at(LOCAL, 46);
	int tos = 0;
	socklen_t n = sizeof(tos);
	(void)state;
	assert_int_equal(getsockopt(a.fd, IPPROTO_IP, IP_TOS, &tos, &n), 0);
	assert_int_equal(tos, 46 << 2);
	close(a.fd);
}

static void ipv6_is_ipv6_only(void **state)
{
	struct addr any6 = { .family = 6 }, any4 = addr_v4(0, 0, 0, 0, 0);
	struct udp_setup s = { .local = any6 };
	struct side six;
	(void)state;
	if (udp_open(&s, &six.fd, &six.at) != ERR_NONE) {
		print_message("no IPv6 here\n");
		skip();
	}
	any4.port = six.at.port;
	struct side four = open_at(any4, 0); /* the same port is free for IPv4 */
	close(six.fd);
	close(four.fd);
}

static void who_could_not_be_reached_is_said(void **state)
{
	struct side a = open_at(LOCAL, 0), gone = open_at(LOCAL, 0);
	struct pollfd p = { a.fd, 0, 0 };
	struct addr none = { 0 }, who;
	(void)state;
	close(gone.fd);
	assert_int_equal(udp_recv_error(a.fd, &who), ERR_ABSENT);
	assert_true(udp_outbox_put(out, a.fd, STR("anyone?"), &none, &gone.at, NULL));
	udp_outbox_flush(out);
	assert_int_equal(poll(&p, 1, 2000), 1);
	assert_int_equal(udp_recv_error(a.fd, &who), ERR_NONE);
	assert_true(addr_eq(&who, &gone.at));
	assert_int_equal(udp_recv_error(a.fd, &who), ERR_ABSENT);
	close(a.fd);
}

static void an_address_that_is_taken_or_not_ours_is_refused(void **state)
{
	struct side a = open_at(LOCAL, 0);
	struct udp_setup again = { .local = a.at }, foreign = { .local = addr_v4(192, 0, 2, 1, 0) }, none = { 0 };
	struct addr bound;
	int fd = -1;
	(void)state;
	assert_int_equal(udp_open(&again, &fd, &bound), ERR_EXISTS);
	assert_int_equal(udp_open(&foreign, &fd, &bound), ERR_ABSENT);
	assert_int_equal(udp_open(&none, &fd, &bound), ERR_UNSUPPORTED);
	assert_int_equal(fd, -1);
	close(a.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_goes_out_and_comes_in_in_order),
		cmocka_unit_test(what_is_sifted_hardly_comes_in_and_nothing_else_is),
		cmocka_unit_test(a_socket_on_all_addresses_says_and_chooses_its_own),
		cmocka_unit_test(datagrams_of_several_sockets_share_an_outbox_and_too_large_ones_are_dropped),
		cmocka_unit_test(a_marking_is_on_the_socket),
		cmocka_unit_test(ipv6_is_ipv6_only),
		cmocka_unit_test(who_could_not_be_reached_is_said),
		cmocka_unit_test(an_address_that_is_taken_or_not_ours_is_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
