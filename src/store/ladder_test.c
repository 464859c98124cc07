#include "store/ladder.h"

#include "base/test.h"

#define NOON ((usec)1795435200 * USEC_PER_SEC)
#define MS   USEC_PER_MS

static const char sdp[] = "INVITE ...\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n";

static struct trace_record seen(usec at, const char *service, enum trace_way way, uint16_t local_port,
				uint16_t remote_port, const char *start, const char *call_id)
{
	return (struct trace_record){ .at = NOON + at,
				      .service = str_from(service),
				      .way = (uint16_t)way,
				      .transport = TRANSPORT_UDP,
				      .local = addr_v4(192, 0, 2, 1, local_port),
				      .remote = addr_v4(192, 0, 2, 1, remote_port),
				      .start = str_from(start),
				      .call_id = str_from(call_id),
				      .cseq = STR("1 INVITE") };
}

struct drawing {
	struct store_ladder ladder;
	struct buf out;
	char text[8000];
};

static void draw(struct drawing *d, const struct trace_record *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		store_ladder_draw(&d->ladder, &rows[i], &d->out);
	assert_true(buf_ok(&d->out));
	d->text[d->out.n] = 0;
}

static void start(struct drawing *d, bool messages)
{
	store_ladder_start(&d->ladder, messages);
	buf_init(&d->out, d->text, sizeof(d->text) - 1);
}

static void a_call_through_two_services_is_drawn_once(void **state)
{
	static struct drawing d;
	struct trace_record rows[] = {
		seen(0, "edge", TRACE_IN, 5070, 0, "INVITE sip:acme@net SIP/2.0", "a"),
		seen(10 * MS, "edge", TRACE_OUT, 5071, 5060, "INVITE sip:101@acme SIP/2.0", "b"),
		seen(11 * MS, "pbx", TRACE_IN, 5060, 5071, "INVITE sip:101@acme SIP/2.0", "b"),
		seen(12 * MS, "pbx", TRACE_OUT, 5060, 5099, "INVITE sip:101@192.0.2.1 SIP/2.0", "b"),
		seen(1500 * MS, "pbx", TRACE_IN, 5060, 5099, "SIP/2.0 180 Ringing", "b"),
		seen(1501 * MS, "pbx", TRACE_OUT, 5060, 5071, "SIP/2.0 180 Ringing", "b"),
		seen(1502 * MS, "edge", TRACE_IN, 5071, 5060, "SIP/2.0 180 Ringing", "b"),
		seen(1503 * MS, "edge", TRACE_OUT, 5070, 0, "SIP/2.0 180 Ringing", "a"),
	};

	(void)state;
	rows[0].peer = rows[7].peer = STR("alice");
	rows[0].secure = rows[7].secure = STR("overlay, sealed");
	rows[0].message = str_from(sdp);
	start(&d, false);
	store_ladder_meet(&d.ladder, rows, 8);
	draw(&d, rows, 8);
	assert_string_equal(
		d.text,
		"                              alice              edge              pbx          192.0.2.1:5099\n"
		"12:00:00.000    0.000            |---INVITE sdp--->|                 |                 |  overlay, "
		"sealed [1] Call-ID a\n"
		"12:00:00.010    0.010            |                 |-----INVITE----->|                 |  udp [2] "
		"Call-ID b\n"
		"12:00:00.012    0.012            |                 |                 |-----INVITE----->|  udp [2]\n"
		"12:00:01.500    1.500            |                 |                 |<--180 Ringing---|  udp [2]\n"
		"12:00:01.501    1.501            |                 |<--180 Ringing---|                 |  udp [2]\n"
		"12:00:01.503    1.503            |<--180 Ringing---|                 |                 |  overlay, "
		"sealed [1]\n");
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, what)); at++)
		n++;
	return n;
}

static void a_repetition_is_drawn_again(void **state)
{
	static struct drawing d;
	struct trace_record rows[] = {
		seen(0, "pbx", TRACE_OUT, 5060, 5099, "INVITE sip:x SIP/2.0", "b"),
		seen(500 * MS, "pbx", TRACE_OUT, 5060, 5099, "INVITE sip:x SIP/2.0", "b"),
	};

	(void)state;
	start(&d, false);
	draw(&d, rows, 2);
	assert_int_equal(count(d.text, "INVITE--"), 2);
}

static void who_comes_late_gets_a_new_heading(void **state)
{
	static struct drawing d;
	struct trace_record rows[] = {
		seen(0, "pbx", TRACE_IN, 5060, 5098, "INVITE sip:x SIP/2.0", "b"),
		seen(5 * MS, "pbx", TRACE_OUT, 5060, 5099, "INVITE sip:x SIP/2.0", "b"),
	};

	(void)state;
	start(&d, false);
	draw(&d, rows, 2);
	assert_int_equal(count(d.text, "192.0.2.1:5098"), 2);
	assert_int_equal(count(d.text, "192.0.2.1:5099"), 1);
}

static void beyond_the_last_column_are_the_others(void **state)
{
	static struct drawing d;

	(void)state;
	start(&d, false);
	for (uint16_t i = 0; i < 40; i++) {
		struct trace_record row =
			seen(i, "pbx", TRACE_IN, 5060, (uint16_t)(6000 + i), "OPTIONS sip:x SIP/2.0", "b");
		store_ladder_draw(&d.ladder, &row, &d.out);
		d.out.n = i < 39 ? 0 : d.out.n;
	}
	assert_true(buf_ok(&d.out));
	d.text[d.out.n] = 0;
	assert_int_equal(count(d.text, "OPTIONS"), 1);
	assert_string_equal(d.ladder.parties[LADDER_PARTIES - 1].label, "others");
}

static void a_service_bound_to_all_addresses_is_known_on_loopback(void **state)
{
	static struct drawing d;
	struct trace_record rows[2] = {
		seen(0, "edge", TRACE_OUT, 5071, 0, "INVITE sip:x SIP/2.0", "b"),
		seen(1, "pbx", TRACE_IN, 5060, 0, "INVITE sip:x SIP/2.0", "b"),
	};

	(void)state;
	rows[0].local = rows[1].remote = addr_v4(127, 0, 0, 1, 5071);
	rows[0].remote = addr_v4(127, 0, 0, 1, 5060);
	rows[1].local = addr_v4(0, 0, 0, 0, 5060);
	start(&d, false);
	store_ladder_meet(&d.ladder, rows, 2);
	draw(&d, rows, 2);
	assert_int_equal(d.ladder.party_n, 2);
	assert_int_equal(count(d.text, "INVITE--"), 1);
}

static void no_byte_of_a_stranger_reaches_the_terminal(void **state)
{
	static struct drawing d;
	struct trace_record row = seen(0, "pbx", TRACE_IN, 5060, 1, "INV\x1b[2JITE sip:x SIP/2.0", "b\x07\xff");

	(void)state;
	row.peer = STR("a\rb");
	row.secure = STR("t\x9b");
	row.message = STR("INVITE\r\n\x1b]0;x\x07\r\nend");
	start(&d, true);
	draw(&d, &row, 1);
	for (size_t i = 0; i < d.out.n; i++)
		assert_true(d.text[i] == '\n' || (d.text[i] >= ' ' && d.text[i] < 0x7f));
	assert_non_null(strstr(d.text, "    INVITE\n    \\x1b]0;x\\x07\n    end\n"));
}

static void what_is_no_sip_and_what_goes_nowhere_is_drawn_too(void **state)
{
	static struct drawing d;
	struct trace_record rows[2] = {
		seen(0, "supernode", TRACE_IN, 5060, 0, "lookup acme", ""),
		seen(1, "supernode", TRACE_IN, 5060, 5060, "INVITE sip:me SIP/2.0", "x"),
	};

	(void)state;
	rows[0].peer = STR("alice");
	rows[1].peer = STR("supernode");
	start(&d, false);
	store_ladder_meet(&d.ladder, rows, 2);
	draw(&d, rows, 2);
	assert_int_equal(count(d.text, "--lookup acme--"), 1);
	assert_int_equal(count(d.text, "@ INVITE"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_through_two_services_is_drawn_once),
		cmocka_unit_test(a_repetition_is_drawn_again),
		cmocka_unit_test(who_comes_late_gets_a_new_heading),
		cmocka_unit_test(beyond_the_last_column_are_the_others),
		cmocka_unit_test(a_service_bound_to_all_addresses_is_known_on_loopback),
		cmocka_unit_test(no_byte_of_a_stranger_reaches_the_terminal),
		cmocka_unit_test(what_is_no_sip_and_what_goes_nowhere_is_drawn_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
