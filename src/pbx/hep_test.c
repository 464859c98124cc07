#include "pbx/hep.h"

#include "base/test.h"

#include <stdlib.h>

#define TEXT "OPTIONS sip:x SIP/2.0\r\nCall-ID: c1@h\r\nAuthorization: Digest response=\"secret\"\r\n\r\n"

static const struct flow four = { .transport = TRANSPORT_TLS,
				  .local = { 4, 5061, { 192, 0, 2, 1 } },
				  .remote = { 4, 9, { 192, 0, 2, 2 } } };

/* A decoder of its own: the value of one chunk. */
static str chunk(str packet, unsigned type)
{
	assert_true(str_starts(packet, STR("HEP3")));
	assert_int_equal((uint8_t)packet.p[4] << 8 | (uint8_t)packet.p[5], packet.n);
	for (size_t at = 6; at < packet.n;) {
		const uint8_t *p = (const uint8_t *)packet.p + at;
		size_t n = (size_t)(p[4] << 8 | p[5]);

		assert_true(n >= 6 && at + n <= packet.n && !p[0] && !p[1]);
		if ((unsigned)(p[2] << 8 | p[3]) == type)
			return str_of(packet.p + at + 6, n - 6);
		at += n;
	}
	return STR_NONE;
}

static void a_packet_says_who_when_and_what_without_secrets(void **state)
{
	struct pbx_hep_config c = { .collector = addr_v4(127, 0, 0, 1, 9060), .id = 2001, .password = STR("pw") };
	char text[2000];
	struct buf b;
	(void)state;
	buf_init(&b, text, sizeof(text));
	pbx_hep_write(&c, true, &four, STR(TEXT), 1700000000123456, &b);
	str p = buf_str(&b);
	assert_str(chunk(p, 1), "\x02");
	assert_str(chunk(p, 2), "\x06");
	assert_memory_equal(chunk(p, 3).p, ((uint8_t[]){ 192, 0, 2, 1 }), 4);
	assert_memory_equal(chunk(p, 4).p, ((uint8_t[]){ 192, 0, 2, 2 }), 4);
	assert_memory_equal(chunk(p, 7).p, ((uint8_t[]){ 5061 >> 8, 5061 & 255 }), 2);
	assert_memory_equal(chunk(p, 8).p, ((uint8_t[]){ 0, 9 }), 2);
	assert_memory_equal(chunk(p, 9).p, ((uint8_t[]){ 0x65, 0x53, 0xf1, 0x00 }), 4);
	assert_memory_equal(chunk(p, 10).p, ((uint8_t[]){ 0, 1, 0xe2, 0x40 }), 4);
	assert_str(chunk(p, 11), "\x01");
	assert_memory_equal(chunk(p, 12).p, ((uint8_t[]){ 0, 0, 7, 0xd1 }), 4);
	assert_str(chunk(p, 14), "pw");
	assert_str(chunk(p, 17), "c1@h");
	assert_true(str_starts(chunk(p, 15), STR("OPTIONS sip:x SIP/2.0\r\n")));
	assert_int_equal(str_find(p, STR("secret")), p.n);
}

static void the_other_way_and_over_ipv6(void **state)
{
	struct pbx_hep_config c = { .id = 1 };
	struct flow six = { .transport = TRANSPORT_UDP,
			    .remote = { 6, 5060, { 0x20, 1, 0xd, 0xb8, [15] = 1 } },
			    .local = { 4, 5060, { 10, 0, 0, 1 } } };
	char text[2000];
	struct buf b;
	(void)state;
	buf_init(&b, text, sizeof(text));
	pbx_hep_write(&c, false, &six, STR(TEXT), 0, &b);
	str p = buf_str(&b);
	assert_int_equal(chunk(p, 1).p[0], 10);
	assert_int_equal(chunk(p, 2).p[0], 17);
	assert_memory_equal(chunk(p, 5).p, six.remote.ip, 16);
	assert_memory_equal(chunk(p, 6).p, ((uint8_t[]){ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1 }), 16);
	assert_int_equal(chunk(p, 14).n, 0);
	assert_null(chunk(p, 14).p);
}

static void it_binds_then_sends_and_what_is_too_much_is_counted(void **state)
{
	static char big[65536];
	struct pbx_hep_config c = { .collector = addr_v4(127, 0, 0, 1, 9060), .id = 1 };
	struct pbx_hep *h = pbx_hep_new(&c, 77);
	struct host_want w;
	unsigned n = 0;
	(void)state;
	assert_true(pbx_hep_want(h, &w));
	assert_int_equal(w.kind, HOST_BIND);
	assert_int_equal(w.id, 77);
	assert_false(pbx_hep_want(h, &w));
	memset(big, 'a', sizeof(big));
	for (int i = 0; i < 100; i++)
		pbx_hep_message(h, true, &four, str_of(big, sizeof(big)), 1);
	while (pbx_hep_want(h, &w)) {
		assert_int_equal(w.kind, HOST_SEND);
		assert_true(addr_eq(&w.remote, &c.collector));
		assert_int_equal(chunk(w.bytes, 15).n, PBX_HEP_MESSAGE);
		n++;
	}
	assert_true(n >= 10 && n < 20);
	assert_int_equal(pbx_hep_figures(h)->sent, n);
	assert_int_equal(pbx_hep_figures(h)->lost, 100 - n);
	pbx_hep_message(h, true, &four, STR(TEXT), 1);
	assert_true(pbx_hep_want(h, &w));
	assert_str(chunk(w.bytes, 17), "c1@h");
	pbx_hep_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_says_who_when_and_what_without_secrets),
		cmocka_unit_test(the_other_way_and_over_ipv6),
		cmocka_unit_test(it_binds_then_sends_and_what_is_too_much_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
