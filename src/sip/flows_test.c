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
				      .source_max = 4,
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

/* ---- connection reuse (RFC 5923) ---- */

static struct flow accept_tls(uint32_t id, uint8_t host, str proved)
{
	struct host_event e = { .kind = HOST_ACCEPTED, .transport = TRANSPORT_TLS, .id = id, .listener = 1001 };
	struct sip_flows_event out;

	e.local = addr_v4(192, 0, 2, 1, 5061);
	e.remote = addr_v4(192, 0, 2, host, 40000);
	e.proved = proved;
	sip_flows_recv(&flows, &e, now);
	assert_int_equal(sip_flows_next(&flows, &out, now), SIP_FLOWS_UP);
	assert_true(str_eq(out.bytes, proved));
	return out.flow;
}

static uint32_t way_to(uint8_t host, uint16_t port, const char *name)
{
	struct sip_target t = { .transport = TRANSPORT_TLS, .addr = addr_v4(192, 0, 2, host, port) };

	t.name = str_from(name);
	return sip_flows_find(&flows, &t, now).id;
}

static void a_connection_that_proved_its_domain_and_asked_for_it_takes_requests_there(void **state)
{
	struct flow flow = accept_tls(STREAM, 9, STR("a.example b.example"));

	(void)state;
	assert_int_not_equal(way_to(9, 5061, "a.example"), STREAM); /* it has not asked */
	sip_flows_alias(&flows, &flow, 5061);
	assert_int_not_equal(way_to(9, 5061, "c.example"), STREAM);
	assert_int_not_equal(way_to(9, 5061, "a.exampl"), STREAM);
	assert_int_not_equal(way_to(9, 5061, ""), STREAM);
	assert_int_not_equal(way_to(9, 5071, "a.example"), STREAM); /* another server of that address */
	assert_int_not_equal(way_to(8, 5061, "a.example"), STREAM);
	assert_int_equal(way_to(9, 5061, "B.Example"), STREAM);
	sip_flows_close(&flows, &flow);
	assert_int_not_equal(way_to(9, 5061, "b.example"), STREAM);
	sip_flows_recv(&flows, &(struct host_event){ .kind = HOST_CLOSED, .id = STREAM }, now);
	assert_int_not_equal(way_to(9, 5061, "b.example"), STREAM);
}

static void one_of_our_own_goes_before_and_one_without_proof_is_never_an_alias(void **state)
{
	struct flow nobody = accept_tls(STREAM, 9, STR_NONE);
	uint32_t own = way_to(9, 5061, "a.example");

	(void)state;
	sip_flows_alias(&flows, &nobody, 5061);
	assert_int_equal(way_to(9, 5061, "a.example"), own);
	assert_int_not_equal(way_to(9, 5061, ""), STREAM);
	struct flow somebody = accept_tls(STREAM + 1, 9, STR("a.example"));
	sip_flows_alias(&flows, &somebody, 5061);
	assert_int_equal(way_to(9, 5061, "a.example"), own);
}

static void a_connection_of_ours_serves_every_domain_that_its_far_side_proved(void **state)
{
	uint32_t own = way_to(9, 5061, "a.example");
	struct host_event e = { .kind = HOST_OPENED, .transport = TRANSPORT_TLS, .id = own };
	struct sip_flows_event out;

	(void)state;
	e.remote = addr_v4(192, 0, 2, 9, 5061);
	assert_int_not_equal(way_to(9, 5061, "b.example"), own); /* nothing is proved yet */
	e.proved = STR("a.example c.example");
	sip_flows_recv(&flows, &e, now);
	assert_int_equal(sip_flows_next(&flows, &out, now), SIP_FLOWS_UP);
	assert_int_equal(way_to(9, 5061, "a.example"), own);
	assert_int_equal(way_to(9, 5061, "c.example"), own);
	assert_int_not_equal(way_to(9, 5061, "d.example"), own);
	assert_int_not_equal(way_to(9, 5061, ""), own);
}

static void we_open_from_the_address_that_we_listen_on(void **state)
{
	const struct addr at = addr_v4(192, 0, 2, 1, 5061);
	uint32_t id = sip_flows_listen(&flows, TRANSPORT_TLS, &at, 1, STR_NONE);
	struct sip_target loop = { .transport = TRANSPORT_TLS, .addr = addr_v4(127, 0, 0, 1, 5061), .name = STR("a") };
	struct host_want w;

	(void)state;
	(void)wanted();
	(void)way_to(9, 5061, "a.example");
	assert_int_equal(wanted().local.family, 0); /* it is not up yet */
	sip_flows_recv(&flows, &(struct host_event){ .kind = HOST_BOUND, .id = id, .local = at }, now);
	(void)way_to(8, 5061, "a.example");
	w = wanted();
	assert_int_equal(w.kind, HOST_OPEN);
	assert_true(addr_eq_ip(&w.local, &at) && w.local.port == 0);
	assert_int_not_equal(sip_flows_find(&flows, &loop, now).id,
			     0); /* where it does not lead: as the machine likes */
	assert_int_equal(wanted().local.family, 0);
}

static void what_the_owner_knows_of_the_far_side_stands_in_every_flow(void **state)
{
	struct flow flow = accept_tls(STREAM, 9, STR("a.example"));
	struct host_event e = {
		.kind = HOST_BYTES, .transport = TRANSPORT_TLS, .id = STREAM, .bytes = STR("\r\n\r\n")
	};
	struct sip_flows_event out;

	(void)state;
	assert_int_equal(flow.peer, 0);
	sip_flows_know(&flows, &flow, 3);
	sip_flows_recv(&flows, &e, now);
	assert_int_equal(sip_flows_next(&flows, &out, now), SIP_FLOWS_QUIET);
	e.bytes = STR("OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n");
	sip_flows_recv(&flows, &e, now);
	assert_int_equal(sip_flows_next(&flows, &out, now), SIP_FLOWS_MESSAGE);
	assert_int_equal(out.flow.peer, 3);
	assert_true(flow_eq(&out.flow, &flow)); /* a note, no part of the way */
}

/* ---- one source and all ---- */

static void a_source_has_its_share_of_the_streams_and_no_more(void **state)
{
	struct host_event e = { .kind = HOST_ACCEPTED, .transport = TRANSPORT_TCP, .listener = 1001 };
	struct sip_flows_event out;

	(void)state;
	for (uint32_t i = 0; i < 6; i++) {
		e.id = STREAM + i;
		e.remote = addr_v4(192, 0, 2, 66, (uint16_t)(1000 + i));
		sip_flows_recv(&flows, &e, now);
		assert_int_equal(sip_flows_next(&flows, &out, now), i < 4 ? SIP_FLOWS_UP : SIP_FLOWS_QUIET);
		assert_int_equal(wanted().kind, i < 4 ? 0 : HOST_CLOSE);
	}
	e.id = STREAM + 10;
	e.remote = addr_v4(192, 0, 2, 67, 1000);
	sip_flows_recv(&flows, &e, now);
	assert_int_equal(sip_flows_next(&flows, &out, now), SIP_FLOWS_UP);
	sip_flows_recv(&flows, &(struct host_event){ .kind = HOST_CLOSED, .id = STREAM }, now);
	assert_int_equal(sip_flows_next(&flows, &out, now), SIP_FLOWS_GONE);
	e.id = STREAM + 11;
	e.remote = addr_v4(192, 0, 2, 66, 2000);
	sip_flows_recv(&flows, &e, now);
	assert_int_equal(sip_flows_next(&flows, &out, now), SIP_FLOWS_UP);
}

/* ---- STUN (RFC 5626 4.4.2, 5.4) ---- */

static uint32_t bind_udp(void)
{
	const struct addr at = addr_v4(192, 0, 2, 1, 5060);
	uint32_t id = sip_flows_listen(&flows, TRANSPORT_UDP, &at, 0, STR_NONE);
	struct sip_flows_event out;

	assert_int_equal(wanted().kind, HOST_BIND);
	sip_flows_recv(&flows, &(struct host_event){ .kind = HOST_BOUND, .id = id, .local = at }, now);
	assert_int_equal(sip_flows_next(&flows, &out, now), SIP_FLOWS_LISTENING);
	return id;
}

static void stun_on_the_socket_of_sip_is_answered_and_never_a_message(void **state)
{
	static const char request[] = "\0\1\0\0\x21\x12\xa4\x42"
				      "123456789012";
	struct host_event e = { .kind = HOST_DATAGRAM, .transport = TRANSPORT_UDP, .id = bind_udp() };
	struct sip_flows_event out;
	struct host_want w;

	(void)state;
	e.remote = browser();
	e.local = addr_v4(192, 0, 2, 1, 5060);
	e.bytes = str_of(request, 20);
	sip_flows_recv(&flows, &e, now);
	assert_int_equal(sip_flows_next(&flows, &out, now), SIP_FLOWS_QUIET);
	w = wanted();
	assert_int_equal(w.kind, HOST_SEND);
	assert_true(addr_eq(&w.remote, &e.remote) && addr_eq(&w.local, &e.local));
	assert_int_equal(w.bytes.n, 32);
	assert_memory_equal(w.bytes.p, "\1\1", 2);
	assert_int_equal(w.order(w.bytes), 0);
}

static void messages_of_one_call_may_not_overtake_each_other_those_of_two_may(void **state)
{
	struct flow flow = { .transport = TRANSPORT_UDP, .id = bind_udp(), .remote = addr_v4(192, 0, 2, 50, 5060) };
	static const char *const texts[] = { "SIP/2.0 180 Ringing\r\nCall-ID: a@b\r\n\r\n",
					     "SIP/2.0 200 OK\r\ni:  a@b\r\nX: y\r\n\r\n",
					     "SIP/2.0 200 OK\r\nCall-ID: b@b\r\n\r\n" };
	uint32_t order[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct sip_blob *blob = sip_blob_copy(str_from(texts[i]));
		struct host_want w;

		assert_int_equal(sip_flows_send(&flows, &flow, blob), ERR_NONE);
		w = wanted();
		order[i] = w.order(w.bytes);
		assert_int_not_equal(order[i], 0);
		sip_blob_unref(blob);
	}
	assert_int_equal(order[0], order[1]);
	assert_int_not_equal(order[0], order[2]);
}

static void a_probe_over_datagrams_is_a_pong_or_the_end(void **state)
{
	struct flow flow = { .transport = TRANSPORT_UDP, .id = bind_udp(), .remote = addr_v4(192, 0, 2, 50, 5060) };
	struct host_event e = {
		.kind = HOST_DATAGRAM, .transport = TRANSPORT_UDP, .id = flow.id, .remote = flow.remote
	};
	struct sip_flows_event out;
	char text[SIP_KEEPALIVE_ANSWER];
	struct addr us = browser();
	struct buf b;

	(void)state;
	sip_flows_probe(&flows, &flow, now);
	assert_int_equal(sip_flows_next(&flows, &out, now), SIP_FLOWS_QUIET);
	buf_init(&b, text, sizeof(text));
	assert_true(sip_keepalive_answer(wanted().bytes, &us, &b));
	e.bytes = buf_str(&b);
	sip_flows_recv(&flows, &e, now);
	assert_int_equal(sip_flows_next(&flows, &out, now), SIP_FLOWS_PONG);
	assert_true(flow_eq(&out.flow, &flow));
	sip_flows_probe(&flows, &flow, now);
	while (sip_flows_next(&flows, &out, now) == SIP_FLOWS_QUIET) {
		now = sip_flows_due(&flows);
		assert_true(now != USEC_NEVER);
		sip_flows_tick(&flows, now);
	}
	assert_int_equal(out.step, SIP_FLOWS_GONE);
	assert_int_equal(out.err, ERR_TIMEOUT);
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
		T(a_connection_that_proved_its_domain_and_asked_for_it_takes_requests_there),
		T(one_of_our_own_goes_before_and_one_without_proof_is_never_an_alias),
		T(a_connection_of_ours_serves_every_domain_that_its_far_side_proved),
		T(we_open_from_the_address_that_we_listen_on),
		T(what_the_owner_knows_of_the_far_side_stands_in_every_flow),
		T(a_source_has_its_share_of_the_streams_and_no_more),
		T(stun_on_the_socket_of_sip_is_answered_and_never_a_message),
		T(messages_of_one_call_may_not_overtake_each_other_those_of_two_may),
		T(a_probe_over_datagrams_is_a_pong_or_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
