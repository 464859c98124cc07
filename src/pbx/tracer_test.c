#include "pbx/tracer.h"

#include "base/test.h"
#include "pbx/trace_batch.h"

static struct pbx_recorder *r;
static struct pbx_tracer *t;
static const struct flow flow = { .transport = TRANSPORT_TLS,
				  .remote = { .family = 4, .port = 5, .ip = { 1, 2, 3, 4 } } };

#define TEXT                                                                                                           \
	"REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nAuthorization: Digest secret=\"1\"\r\nCall-ID: c\r\nCSeq: 1 " \
	"REGISTER\r\n"                                                                                                 \
	"Proxy-Authorization: Digest secret=\"2\"\r\n\r\n"

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
	assert_true(str_find(q->traces[0].message, STR("Proxy-Authorization: (left out)\r\n\r\n")) <
		    q->traces[0].message.n);
	keeper_ask_free(q);
}

static void keys_of_media_are_not_kept(void **state)
{
	static const char text[] =
		"INVITE sip:x SIP/2.0\r\nCall-ID: c\r\nAuthorization: Digest x\r\n\r\nv=0\r\n"
		"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:SECRETSECRET|2^20\r\na=ice-pwd:SECRET\r\na=ice-ufrag:u\r\n"
		"a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:SECRETSECRETSECRET\r\na=sendrecv\r\na=crypto:3 x "
		"inline:SECR";
	char out[700], block[SIP_MSG_ARENA];
	struct arena arena;
	struct sip_msg m;
	struct buf b;

	(void)state;
	arena_init(&arena, block, sizeof(block), SIP_MSG_HEAP_MAX);
	assert_int_equal(sip_msg_parse(&m, &arena, str_from(text)), ERR_NONE);
	buf_init(&b, out, sizeof(out));
	pbx_trace_batch_write_clean(&m, sizeof(out), &b);
	assert_true(buf_ok(&b));
	assert_true(str_find(buf_str(&b), STR("SECR")) == b.n);
	assert_true(
		str_ends(buf_str(&b),
			 STR("inline:(left out)|2^20\r\na=ice-pwd:(left \r\na=ice-ufrag:u\r\na=crypto:2 "
			     "AES_CM_128_HMAC_SHA1_32 inline:(left out)\r\na=sendrecv\r\na=crypto:3 x inline:(lef")));
	arena_free(&arena);
}

static void a_cut_never_shows_half_a_secret(void **state)
{
	char out[400], block[SIP_MSG_ARENA];
	struct arena arena;
	struct sip_msg m;
	struct buf b;

	(void)state;
	arena_init(&arena, block, sizeof(block), 0);
	assert_int_equal(sip_msg_parse(&m, &arena, STR(TEXT)), ERR_NONE);
	for (size_t cap = 0; cap <= m.text.n; cap++) {
		buf_init(&b, out, sizeof(out));
		pbx_trace_batch_write_clean(&m, cap, &b);
		assert_true(buf_ok(&b));
		assert_int_equal(str_find(buf_str(&b), STR("Digest")), b.n);
	}
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
		T(keys_of_media_are_not_kept),
		T(a_cut_never_shows_half_a_secret),
		T(a_full_batch_goes_at_once_and_more_are_dropped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
