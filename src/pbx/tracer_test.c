#include "pbx/tracer.h"

#include "base/test.h"

#include "pbx/trace_batch.h"
#include <stdio.h>

static struct pbx_recorder *r;
static struct pbx_tracer *t;
static const struct flow flow = { .transport = TRANSPORT_TLS,
				  .remote = { .family = 4, .port = 5, .ip = { 1, 2, 3, 4 } } };

#define TEXT                                                                                                           \
	"REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nAuthorization: Digest response=\"secret\"\r\nCall-ID: "       \
	"c\r\nCSeq: 1 "                                                                                                \
	"REGISTER\r\n"                                                                                                 \
	"Proxy-Authorization: Digest response=\"secret\"\r\n\r\n"

static int setup(void **state)
{
	struct rng rng;

	(void)state;
	rng_seeded(&rng, 3);
	r = pbx_recorder_new(&rng);
	t = pbx_tracer_new(r, true);
	return r && t ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	pbx_tracer_free(t);
	pbx_recorder_free(r);
	return 0;
}

static void messages_go_in_batches_without_secrets(void **state)
{
	struct keeper_ask *q;

	(void)state;
	pbx_tracer_message(t, true, &flow, STR(TEXT), 1000);
	assert_null(pbx_tracer_next(t, 1000, false));
	assert_int_equal(pbx_tracer_due(t), 1000 + PBX_TRACE_BATCH_PACE);
	q = pbx_tracer_next(t, 1000 + PBX_TRACE_BATCH_PACE, false);
	assert_non_null(q);
	assert_int_equal(q->n, 1);
	assert_int_equal(q->traces[0].way, TRACE_OUT);
	assert_str(q->traces[0].start, "REGISTER sip:x SIP/2.0");
	assert_str(q->traces[0].call_id, "c");
	assert_str(q->traces[0].cseq, "1 REGISTER");
	assert_str(q->traces[0].secure, "tls");
	assert_int_equal(q->traces[0].session.n, 32);
	assert_true(str_find(q->traces[0].message, STR("secret")) == q->traces[0].message.n);
	assert_true(str_find(q->traces[0].message, STR("Proxy-Authorization: Digest response=(left ou\r\n\r\n")) <
		    q->traces[0].message.n);
	keeper_ask_free(q);
}

static void a_full_batch_goes_at_once_and_more_are_dropped(void **state)
{
	struct keeper_ask *q;

	(void)state;
	for (int i = 0; i < PBX_TRACE_BATCH_ROWS + 5; i++)
		pbx_tracer_message(t, false, &flow, STR(TEXT), 1000);
	assert_int_equal(pbx_tracer_due(t), 1000);
	q = pbx_tracer_next(t, 1000, false);
	assert_int_equal(q->n, PBX_TRACE_BATCH_ROWS);
	keeper_ask_free(q);
	assert_int_equal(pbx_tracer_due(t), USEC_NEVER);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static size_t kept(void)
{
	struct keeper_ask *q = pbx_tracer_next(t, 0, true);
	size_t n = q ? q->n : 0;

	keeper_ask_free(q);
	return n;
}

static void nothing_is_kept_until_somebody_follows(void **state)
{
	static const str filters[] = { STR_INIT("nonsense"), STR_INIT("call=c until=5000000"),
				       STR_INIT("user=nobody") };
	struct pbx_tracer *quiet = pbx_tracer_new(r, false), *all = t;

	(void)state;
	t = quiet;
	pbx_tracer_message(t, true, &flow, STR(TEXT), 1000);
	assert_false(pbx_tracer_wants(t));
	assert_int_equal(kept(), 0);
	pbx_tracer_follow(t, filters, 3, 1000);
	assert_true(pbx_tracer_wants(t));
	pbx_tracer_message(t, true, &flow, STR(TEXT), 1000);
	assert_int_equal(kept(), 1);
	pbx_tracer_follow(t, filters + 2, 1, 1000);
	pbx_tracer_message(t, true, &flow, STR(TEXT), 1000);
	assert_int_equal(kept(), 0);
	pbx_tracer_follow(t, filters, 3, 1000);
	pbx_tracer_message(t, true, &flow, STR(TEXT), 5000000); /* its time is over; the other's is not */
	assert_int_equal(kept(), 0);
	assert_int_equal(pbx_tracer_figures(t)->follows, 1);
	pbx_tracer_follow(t, NULL, 0, 1000);
	assert_false(pbx_tracer_wants(t));
	t = all;
	pbx_tracer_free(quiet);
}

/* 4 times too many for a second, then the same again: now whole calls are left out. */
static void a_flood_costs_whole_calls_and_is_counted(void **state)
{
	char text[300];
	size_t messages[100] = { 0 };
	uint64_t lost = pbx_tracer_figures(t)->lost, before = pbx_tracer_figures(t)->kept;

	(void)state;
	for (int second = 100; second < 103; second++) {
		size_t n = 0;

		for (int i = 0; i < 4 * PBX_TRACER_RATE; i++) {
			snprintf(text, sizeof(text),
				 "OPTIONS sip:x SIP/2.0\r\nCall-ID: call%d\r\nCSeq: 1 OPTIONS\r\n\r\n", i % 100);
			before = pbx_tracer_figures(t)->kept;
			pbx_tracer_message(t, true, &flow, str_from(text), second * USEC_PER_SEC + i);
			if (second == 102 && pbx_tracer_figures(t)->kept > before)
				messages[i % 100]++;
			if (i % 50 == 0)
				n += kept();
		}
		n += kept();
		assert_true(n <= PBX_TRACER_RATE);
	}
	size_t whole = 0;
	for (int i = 0; i < 100; i++)
		whole += messages[i] == 4 * PBX_TRACER_RATE / 100;
	assert_true(whole >= 10 && whole <= 25);
	assert_true(pbx_tracer_figures(t)->lost - lost >= 3 * 3 * PBX_TRACER_RATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(messages_go_in_batches_without_secrets),
		T(nothing_is_kept_until_somebody_follows),
		T(a_flood_costs_whole_calls_and_is_counted),
		T(a_full_batch_goes_at_once_and_more_are_dropped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
