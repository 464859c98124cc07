#include "pbx/tracer.h"

#include "base/test.h"
#include "pbx/trace_batch.h"

static struct pbx_recorder *r;
static struct pbx_tracer *t;
static const struct flow flow = { .transport = TRANSPORT_TLS,
				  .remote = { .family = 4, .port = 5, .ip = { 1, 2, 3, 4 } } };

#define TEXT                                                                                                           \
	"REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nAuthorization: Digest response=\"secret\"\r\nCall-ID: c\r\nCSeq: 1 " \
	"REGISTER\r\n"                                                                                                 \
	"Proxy-Authorization: Digest response=\"secret\"\r\n\r\n"

static int setup(void **state)
{
	struct rng rng;

	(void)state;
	rng_seeded(&rng, 3);
	r = pbx_recorder_new(&rng);
	t = pbx_tracer_new(r);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(messages_go_in_batches_without_secrets),
		T(a_full_batch_goes_at_once_and_more_are_dropped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
