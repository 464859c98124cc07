#include "sip/flows.h"

#include "base/test.h"

#define SECOND USEC_PER_SEC
#define STREAM (HOST_OWN_MAX + 5)

static struct sip_flows flows;
static struct rng rng;
static usec now;

static struct addr browser(void)
{
	return addr_v4(192, 0, 2, 9, 40000);
}

static int setup(void **state)
{
	struct sip_flows_config c = { .rng = &rng,
				      .id_first = 1000,
				      .id_n = 1024,
				      .stream_max = 10,
				      .idle_max = 7200 * SECOND,
				      .partial_max = 20 * SECOND };

	(void)state;
	rng_seeded(&rng, 5);
	now = 1000 * SECOND;
	sip_flows_init(&flows, &c);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sip_flows_free(&flows);
	return 0;
}

static struct flow accept_ws(void)
{
	struct host_event e = {
		.kind = HOST_ACCEPTED, .transport = TRANSPORT_WSS, .id = STREAM, .listener = 1001, .remote = browser()
	};
	struct sip_flows_event out;

	e.local = addr_v4(192, 0, 2, 1, 443);
	sip_flows_recv(&flows, &e, now);
	assert_int_equal(sip_flows_next(&flows, &out, now), SIP_FLOWS_UP);
	return out.flow;
}

/* One message of the far side's; what comes of it. */
static enum sip_flows_step hear(str message, struct sip_flows_event *out)
{
	struct host_event e = { .kind = HOST_BYTES, .transport = TRANSPORT_WSS, .id = STREAM, .bytes = message };

	sip_flows_recv(&flows, &e, now);
	return sip_flows_next(&flows, out, now);
}

static struct host_want wanted(void)
{
	struct host_want w = { 0 };

	(void)sip_outbox_next(&flows.outbox, &w);
	return w;
}

static const str options = STR_INIT("OPTIONS sip:a SIP/2.0\r\nCall-ID: 1\r\n\r\nbody without a length");

static void a_websocket_message_is_a_sip_message_whatever_its_length_says(void **state)
{
	struct sip_flows_event out;
	static char big[SIP_MSG_MAX + 1];

	(void)state;
	accept_ws();
	assert_int_equal(hear(options, &out), SIP_FLOWS_MESSAGE);
	assert_int_equal(out.flow.transport, TRANSPORT_WSS);
	assert_true(str_eq(out.bytes, options));
	assert_int_equal(sip_flows_next(&flows, &out, now), SIP_FLOWS_QUIET);
	/* half a message is a message of its own, and the next one does not continue it */
	assert_int_equal(hear(str_head(options, 9), &out), SIP_FLOWS_MESSAGE);
	assert_int_equal(out.bytes.n, 9);
	assert_int_equal(hear(options, &out), SIP_FLOWS_MESSAGE);
	assert_int_equal(out.bytes.n, options.n);
	/* nothing at all, and too much */
	assert_int_equal(hear(str_of(big, 0), &out), SIP_FLOWS_QUIET);
	assert_int_equal(hear(str_of(memset(big, 'x', sizeof(big)), sizeof(big)), &out), SIP_FLOWS_QUIET);
	assert_int_equal(wanted().kind, HOST_CLOSE);
}

static void a_keep_alive_over_websocket_is_answered_and_ours_is_seen(void **state)
{
	struct sip_flows_event out;
	struct flow flow = accept_ws();
	struct host_want w;

	(void)state;
	assert_int_equal(hear(STR("\r\n\r\n"), &out), SIP_FLOWS_QUIET);
	w = wanted();
	assert_int_equal(w.kind, HOST_WRITE);
	assert_str(w.bytes, "\r\n");
	assert_int_equal(hear(STR("\r\n"), &out), SIP_FLOWS_QUIET); /* nobody had asked */
	sip_flows_ping(&flows, &flow, now);
	assert_str(wanted().bytes, "\r\n\r\n");
	assert_int_equal(hear(STR("\r\n"), &out), SIP_FLOWS_PONG);
	now += 30 * SECOND;
	sip_flows_tick(&flows, now);
	assert_int_equal(sip_flows_next(&flows, &out, now), SIP_FLOWS_QUIET);
}

static void each_message_is_one_write(void **state)
{
	struct flow flow = accept_ws();
	struct sip_blob *one = sip_blob_copy(options), *two = sip_blob_copy(STR("another"));

	(void)state;
	assert_int_equal(sip_flows_send(&flows, &flow, one), ERR_NONE);
	assert_int_equal(sip_flows_send(&flows, &flow, two), ERR_NONE);
	assert_true(str_eq(wanted().bytes, options));
	assert_str(wanted().bytes, "another");
	assert_int_equal(wanted().kind, 0);
	sip_blob_unref(one);
	sip_blob_unref(two);
}

/* Where an accepted connection leads, nobody has proved: it is used by who names it, not by who names its address. */
static void a_browsers_connection_is_found_by_its_flow_only(void **state)
{
	struct flow flow = accept_ws();
	struct sip_target by_flow = { .flow = flow }, by_address = { .transport = TRANSPORT_WSS, .addr = browser() };

	(void)state;
	assert_int_equal(sip_flows_find(&flows, &by_flow, now).id, STREAM);
	assert_int_not_equal(sip_flows_find(&flows, &by_address, now).id, STREAM);
	assert_int_equal(wanted().kind, HOST_OPEN);
}

static void our_via_names_the_listener_of_the_transport(void **state)
{
	const struct addr at = addr_v4(192, 0, 2, 1, 8443);
	struct flow flow;
	char text[100];
	struct buf b;

	(void)state;
	uint32_t id = sip_flows_listen(&flows, TRANSPORT_WSS, &at, 1, STR("pbx.example.org:8443"));
	sip_flows_recv(&flows, &(struct host_event){ .kind = HOST_BOUND, .id = id, .local = at }, now);
	struct sip_flows_event out;
	assert_int_equal(sip_flows_next(&flows, &out, now), SIP_FLOWS_LISTENING);
	flow = accept_ws();
	buf_init(&b, text, sizeof(text));
	sip_flows_sent_by(&flows, &flow, &b);
	assert_str(buf_str(&b), "pbx.example.org:8443");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_websocket_message_is_a_sip_message_whatever_its_length_says),
		T(a_keep_alive_over_websocket_is_answered_and_ours_is_seen),
		T(each_message_is_one_write),
		T(a_browsers_connection_is_found_by_its_flow_only),
		T(our_via_names_the_listener_of_the_transport),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
