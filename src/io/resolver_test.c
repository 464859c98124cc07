/* A name server of our own in the same loop: it answers what its zone says, and to some questions never. */
#include "io/resolver.h"

#include "base/test.h"
#include "io/sockaddr.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TYPE_A = 1, TYPE_NAPTR = 35, TYPE_AAAA = 28, TYPE_SRV = 33 };

/* One record: the name server answers `type` of `name` with this; NULL bytes: never. */
struct record {
	const char *name;
	unsigned type;
	const char *bytes;
	size_t n;
	uint32_t ttl_s;
};

struct server {
	struct loop *loop;
	struct clock clock;
	struct resolver *resolver;
	struct loop_watch *watch;
	int fd;
	struct addr at;
	const struct record *zone;
	unsigned asked;
	/* what came */
	unsigned told;
	enum err err;
	struct addr addrs[RESOLVER_ADDRS];
	size_t addr_n, record_n;
	struct host_record *records;
	uint32_t ttl_s;
};

static void read_name(const unsigned char *p, char *out)
{
	size_t n = 0;

	while (*p && n < 200) {
		memcpy(out + n, p + 1, *p);
		n += *p;
		out[n++] = '.';
		p += 1 + *p;
	}
	out[n ? n - 1 : 0] = 0;
}

static void put_answer(struct buf *b, const struct record *r)
{
	buf_put_u16(b, 0xc00c);
	buf_put_u16(b, (uint16_t)r->type);
	buf_put_u16(b, 1);
	buf_put_u32be(b, r->ttl_s);
	buf_put_u16(b, (uint16_t)r->n);
	buf_put_bytes(b, r->bytes, r->n);
}

static void serve(void *self, unsigned ready)
{
	struct server *s = self;
	unsigned char in[512], out[1500];
	char name[256];
	struct sockaddr_storage from;
	socklen_t from_n = sizeof(from);
	ssize_t n = recvfrom(s->fd, in, sizeof(in), 0, (struct sockaddr *)&from, &from_n);
	struct buf b;
	unsigned found = 0;

	(void)ready;
	if (n < 17)
		return;
	s->asked++;
	read_name(in + 12, name);
	size_t question_n = strlen(name) + 2 + 4;
	unsigned type = (unsigned)in[12 + question_n - 4] << 8 | in[12 + question_n - 3];
	buf_init(&b, out, sizeof(out));
	buf_put_bytes(&b, in, 2);
	buf_put_bytes(&b, "\x81\x80\0\1\0\0\0\0\0\0", 10);
	buf_put_bytes(&b, in + 12, question_n);
	for (const struct record *r = s->zone; r->name; r++) {
		if (strcmp(r->name, name) != 0 || r->type != type)
			continue;
		if (!r->bytes)
			return;
		put_answer(&b, r);
		found++;
	}
	out[7] = (unsigned char)found;
	assert_true(buf_ok(&b));
	assert_true(sendto(s->fd, b.p, b.n, 0, (struct sockaddr *)&from, from_n) > 0);
}

static void told(void *self, uint64_t token, const struct resolver_answer *a)
{
	struct server *s = self;

	assert_int_equal(token, 7);
	s->told++;
	s->err = a->err;
	s->ttl_s = a->ttl_s;
	s->addr_n = a->addr_n;
	for (size_t i = 0; i < a->addr_n; i++)
		s->addrs[i] = a->addrs[i];
	free(s->records);
	s->records = host_records_copy(a->records, a->record_n);
	s->record_n = a->record_n;
}

static void start(struct server *s, const struct record *zone)
{
	struct addr at = addr_v4(127, 0, 0, 1, 0);
	struct sockaddr_storage sa;
	socklen_t n = sockaddr_write(&at, &sa);

	*s = (struct server){ .zone = zone };
	clock_start(&s->clock);
	s->loop = loop_new();
	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&sa, n), 0);
	n = sizeof(sa);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&sa, &n), 0);
	assert_true(sockaddr_read(&sa, &s->at));
	s->watch = loop_watch(s->loop, s->fd, LOOP_READ, serve, s);
	s->resolver = resolver_new(s->loop, &s->clock, &s->at, told, s);
	assert_non_null(s->resolver);
}

/* How long the answer took. */
static usec ask(struct server *s, enum host_question question, const char *name)
{
	usec begun = clock_now(&s->clock), end = begun + 10 * USEC_PER_SEC;
	unsigned before = s->told;

	resolver_ask(s->resolver, 7, question, str_from(name));
	while (s->told == before && clock_now(&s->clock) < end) {
		loop_step(s->loop, usec_min(resolver_span(s->resolver), 100 * USEC_PER_MS));
		resolver_tick(s->resolver);
	}
	assert_int_equal(s->told, before + 1);
	return clock_now(&s->clock) - begun;
}

static void stop(struct server *s)
{
	unsigned before = s->told;

	resolver_free(s->resolver);
	assert_int_equal(s->told, before); /* nobody is told twice */
	loop_forget(s->watch);
	loop_free(s->loop);
	close(s->fd);
	free(s->records);
}

#define V4 "\xc0\x00\x02\x05"
#define V6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\5"
#define END                                                                                                            \
	{                                                                                                              \
		NULL, 0, NULL, 0, 0                                                                                    \
	}

static void both_kinds_are_asked_for_and_told_together(void **state)
{
	static const struct record zone[] = { { "two.test", TYPE_A, V4, 4, 60 },
					      { "two.test", TYPE_AAAA, V6, 16, 30 },
					      { "four.test", TYPE_A, V4, 4, 60 },
					      END };
	struct server s;

	(void)state;
	start(&s, zone);
	(void)ask(&s, HOST_ADDRESSES, "two.test");
	assert_int_equal(s.err, ERR_NONE);
	assert_int_equal(s.addr_n, 2);
	assert_int_equal(s.addrs[0].family + s.addrs[1].family, 10);
	assert_int_equal(s.ttl_s, 30);
	(void)ask(&s, HOST_ADDRESSES, "four.test");
	assert_int_equal(s.addr_n, 1);
	assert_int_equal(s.ttl_s, 60);
	(void)ask(&s, HOST_ADDRESSES, "none.test");
	assert_int_equal(s.err, ERR_ABSENT);
	stop(&s);
}

static void a_name_server_that_is_silent_to_aaaa_holds_nobody_up(void **state)
{
	static const struct record zone[] = { { "half.test", TYPE_A, V4, 4, 3600 },
					      { "half.test", TYPE_AAAA, NULL, 0, 0 },
					      { "six.test", TYPE_A, NULL, 0, 0 },
					      { "six.test", TYPE_AAAA, V6, 16, 3600 },
					      END };
	struct server s;

	(void)state;
	start(&s, zone);
	usec took = ask(&s, HOST_ADDRESSES, "half.test");
	assert_true(took >= RESOLVER_OTHER && took < USEC_PER_SEC);
	assert_int_equal(s.err, ERR_NONE);
	assert_int_equal(s.addr_n, 1);
	assert_int_equal(s.addrs[0].family, 4);
	assert_int_equal(s.ttl_s, RESOLVER_HALF); /* the other half may come next time */
	assert_true(ask(&s, HOST_ADDRESSES, "six.test") < USEC_PER_SEC);
	assert_int_equal(s.addrs[0].family, 6);
	stop(&s); /* while both questions are still out */
}

static void srv_and_naptr_come_as_they_are_with_their_ttl(void **state)
{
	static const struct record zone[] = { { "_sip._udp.test", TYPE_SRV, "\0\1\0\2\x13\xc4\1h\4test\0", 14, 77 },
					      { "test", TYPE_NAPTR, "\0\x0a\0\x14\1s\7SIP+D2U\0\4_sip\4_udp\4test\0",
						31, 88 },
					      END };
	struct server s;

	(void)state;
	start(&s, zone);
	(void)ask(&s, HOST_SRV, "_sip._udp.test");
	assert_int_equal(s.err, ERR_NONE);
	assert_int_equal(s.record_n, 1);
	assert_int_equal(s.records[0].priority, 1);
	assert_int_equal(s.records[0].weight, 2);
	assert_int_equal(s.records[0].port, 5060);
	assert_str(s.records[0].target, "h.test");
	assert_int_equal(s.ttl_s, 77);
	(void)ask(&s, HOST_NAPTR, "test");
	assert_int_equal(s.err, ERR_NONE);
	assert_int_equal(s.records[0].priority, 10);
	assert_int_equal(s.records[0].weight, 20);
	assert_str(s.records[0].flags, "s");
	assert_str(s.records[0].service, "SIP+D2U");
	assert_str(s.records[0].target, "_sip._udp.test");
	assert_int_equal(s.ttl_s, 88);
	(void)ask(&s, HOST_SRV, "_sip._tcp.test");
	assert_int_equal(s.err, ERR_ABSENT);
	stop(&s);
}

static void what_is_no_name_is_told_at_once(void **state)
{
	static const struct record zone[] = { END };
	struct server s;

	(void)state;
	start(&s, zone);
	resolver_ask(s.resolver, 7, HOST_ADDRESSES, STR_NONE);
	assert_int_equal(s.err, ERR_SYNTAX);
	resolver_ask(s.resolver, 7, HOST_SRV, STR("a\0b"));
	assert_int_equal(s.told, 2);
	resolver_ask(s.resolver, 7, HOST_ADDRESSES, STR("192.0.2.5"));
	assert_int_equal(s.told, 3);
	assert_int_equal(s.addr_n, 1);
	assert_int_equal(s.asked, 0);
	stop(&s);
}

static void this_machine_is_known_without_asking(void **state)
{
	static const struct record zone[] = { { "localhost", TYPE_A, V4, 4, 60 }, END };
	static const char *const names[] = { "localhost", "LOCALHOST.", "a.b.localhost" };
	struct server s;

	(void)state;
	start(&s, zone);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		resolver_ask(s.resolver, 7, HOST_ADDRESSES, str_from(names[i]));
		assert_int_equal(s.told, i + 1);
		assert_int_equal(s.addr_n, 2);
		assert_int_equal(s.addrs[0].family + s.addrs[1].family, 10);
		for (int k = 0; k < 2; k++)
			assert_int_equal(s.addrs[k].ip[s.addrs[k].family == 4 ? 3 : 15], 1);
	}
	assert_int_equal(s.asked, 0);
	(void)ask(&s, HOST_ADDRESSES, "notlocalhost");
	assert_int_equal(s.err, ERR_ABSENT);
	stop(&s);
}

static void a_message_that_breaks_off_has_the_ttl_of_what_was_whole(void **state)
{
	static const unsigned char whole[] = "\0\1\x81\x80\0\1\0\2\0\0\0\0\1a\0\0\1\0\1"
					     "\xc0\x0c\0\1\0\1\0\0\0\x50\0\4\1\2\3\4"
					     "\xc0\x0c\0\1\0\1\0\0\0\x20\0\4\1\2\3\4";

	(void)state;
	assert_int_equal(resolver_ttl(whole, sizeof(whole) - 1), 0x20);
	assert_int_equal(resolver_ttl(whole, sizeof(whole) - 1 - 12), 0x50);
	assert_int_equal(resolver_ttl(whole, 20), 0);
	assert_int_equal(resolver_ttl(whole, 11), 0);
	for (size_t n = 0; n < sizeof(whole); n++)
		assert_true(resolver_ttl(whole, n) <= 0x50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_kinds_are_asked_for_and_told_together),
		cmocka_unit_test(a_name_server_that_is_silent_to_aaaa_holds_nobody_up),
		cmocka_unit_test(srv_and_naptr_come_as_they_are_with_their_ttl),
		cmocka_unit_test(what_is_no_name_is_told_at_once),
		cmocka_unit_test(this_machine_is_known_without_asking),
		cmocka_unit_test(a_message_that_breaks_off_has_the_ttl_of_what_was_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
