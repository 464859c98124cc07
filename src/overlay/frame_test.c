#include "overlay/frame.h"

#include "overlay/test.h"

static void round_trip(const struct overlay_message *m, struct overlay_message *out, char *text, size_t n)
{
	struct overlay_frame frame;
	struct buf b;
	str rest;

	buf_init(&b, text, n);
	overlay_message_write(&b, m);
	assert_true(buf_ok(&b));
	rest = buf_str(&b);
	assert_int_equal(overlay_frame_take(&rest, &frame), ERR_NONE);
	assert_int_equal(rest.n, 0);
	assert_int_equal(overlay_message_parse(&frame, out), ERR_NONE);
	assert_int_equal(out->type, m->type);
	assert_int_equal(out->id, m->id);
}

static void every_message_survives_the_wire(void **state)
{
	struct overlay_message m = {
		.id = 0x01020304,
		.certificate = STR("certificate"),
		.role = OVERLAY_ROLE_SUPERNODE,
		.agent = STR("tandem"),
		.observed = addr_v4(198, 51, 100, 1, 1234),
		.time = TEST_NOW,
		.keepalive_s = 28,
		.stun_port = 3478,
		.sip_per_s = 50,
		.network = TEST_NETWORK,
		.name = STR("alice"),
		.password = STR("secret"),
		.refusal = OVERLAY_REFUSAL_EXPIRED,
		.text = STR("why"),
		.retry_after_s = 7,
		.record = { STR("one"), STR("two") },
		.record_n = 1,
		.replicas = 8,
		.sip = STR("OPTIONS sip:x SIP/2.0\r\n\r\n"),
	};
	struct overlay_message out;
	char text[2048];

	(void)state;
	memset(m.proof, 1, sizeof(m.proof));
	memset(m.key, 2, sizeof(m.key));
	memset(m.token, 3, sizeof(m.token));
	for (uint8_t type = OVERLAY_HELLO; type <= OVERLAY_BYE; type++) {
		m.type = type;
		m.record_n = type == OVERLAY_FOUND ? 2 : 1;
		m.known = 1;
		round_trip(&m, &out, text, sizeof(text));
		switch (type) {
		case OVERLAY_HELLO:
			assert_str(out.certificate, "certificate");
			assert_memory_equal(out.proof, m.proof, sizeof(m.proof));
			assert_int_equal(out.role, OVERLAY_ROLE_SUPERNODE);
			assert_str(out.agent, "tandem");
			break;
		case OVERLAY_WELCOME:
			assert_memory_equal(out.token, m.token, sizeof(m.token));
			assert_true(addr_eq(&out.observed, &m.observed));
			assert_false(addr_is_set(&out.advertised));
			assert_int_equal(out.time, TEST_NOW);
			assert_int_equal(out.keepalive_s, 28);
			assert_int_equal(out.stun_port, 3478);
			assert_int_equal(out.sip_per_s, 50);
			break;
		case OVERLAY_LOGIN:
			assert_str(out.network, "net.example");
			assert_str(out.name, "alice");
			assert_str(out.password, "secret");
			assert_memory_equal(out.key, m.key, sizeof(m.key));
			break;
		case OVERLAY_REFUSED:
		case OVERLAY_BYE:
			assert_int_equal(out.refusal, OVERLAY_REFUSAL_EXPIRED);
			assert_str(out.text, "why");
			assert_int_equal(out.retry_after_s, 7);
			assert_int_equal(out.time, TEST_NOW);
			break;
		case OVERLAY_FOUND:
			assert_int_equal(out.record_n, 2);
			assert_int_equal(out.known, 1);
			assert_str(out.record[1], "two");
			break;
		case OVERLAY_STORED:
			assert_int_equal(out.replicas, 8);
			break;
		case OVERLAY_FIND:
			assert_memory_equal(out.key, m.key, sizeof(m.key));
			break;
		case OVERLAY_SIP:
			assert_true(str_eq(out.sip, m.sip));
			break;
		}
	}
}

static void a_frame_is_as_documented(void **state)
{
	static const char bytes[] = "\x00\x04\x08\x00\x00\x00\x00\x09\x01\x00\x01\x08";
	struct overlay_frame frame;
	struct overlay_message m;
	str rest = str_of(bytes, sizeof(bytes) - 1);

	(void)state;
	assert_int_equal(overlay_frame_take(&rest, &frame), ERR_NONE);
	assert_int_equal(frame.type, OVERLAY_STORED);
	assert_int_equal(frame.id, 9);
	assert_int_equal(overlay_message_parse(&frame, &m), ERR_NONE);
	assert_int_equal(m.replicas, 8);
}

static void half_a_frame_waits_and_one_beyond_its_bound_is_refused(void **state)
{
	struct overlay_frame frame;
	str rest = STR("\x00\x04\x08\x00\x00\x00\x00");

	(void)state;
	assert_int_equal(overlay_frame_take(&rest, &frame), ERR_MORE);
	rest = STR("\x00\x04\x08\x00\x00\x00\x00\x09\x01\x00\x01");
	assert_int_equal(overlay_frame_take(&rest, &frame), ERR_MORE);
	assert_int_equal(rest.n, 11);
	rest = STR("\x00\x41\x08\x00\x00\x00\x00\x09"); /* STORED has at most 64 bytes */
	assert_int_equal(overlay_frame_take(&rest, &frame), ERR_LIMIT);
	rest = STR("\x00\x01\x77\x00\x00\x00\x00\x09x"); /* a type of later */
	assert_int_equal(overlay_frame_take(&rest, &frame), ERR_NONE);
	struct overlay_message m;
	assert_int_equal(overlay_message_parse(&frame, &m), ERR_UNSUPPORTED);
}

static void what_is_missing_or_too_long_or_twice_is_refused(void **state)
{
	struct overlay_message m = { .type = OVERLAY_LOGIN, .network = TEST_NETWORK, .name = STR("alice") };
	struct overlay_frame frame = { .type = OVERLAY_HELLO, .body = STR("\x03\x00\x01\x01") };
	struct overlay_message out;
	static char big[2000];
	char text[2048];
	struct buf b;

	(void)state;
	assert_int_equal(overlay_message_parse(&frame, &out), ERR_SYNTAX); /* no certificate, no proof */
	frame = (struct overlay_frame){ .type = OVERLAY_STORED, .body = STR("\x01\x00\x01\x08\x01\x00\x01\x08") };
	assert_int_equal(overlay_message_parse(&frame, &out), ERR_SYNTAX);
	frame = (struct overlay_frame){ .type = OVERLAY_STORED, .body = STR("\x01\x00\x02\x08\x08") };
	assert_int_equal(overlay_message_parse(&frame, &out), ERR_SYNTAX);
	frame = (struct overlay_frame){ .type = OVERLAY_STORED, .body = STR("\x01\x00\x01\x08\x90\x00\x00") };
	assert_int_equal(overlay_message_parse(&frame, &out), ERR_UNSUPPORTED);
	frame = (struct overlay_frame){ .type = OVERLAY_STORED, .body = STR("\x01\x00\x01\x08\x70\x00\x00") };
	assert_int_equal(overlay_message_parse(&frame, &out), ERR_NONE);
	m.password = str_of(big, sizeof(big));
	buf_init(&b, text, sizeof(text));
	overlay_message_write(&b, &m);
	assert_false(buf_ok(&b));
	assert_int_equal(b.n, 0);
}

static void an_unknown_code_of_refusal_is_a_failure_of_theirs(void **state)
{
	struct overlay_frame frame = { .type = OVERLAY_REFUSED, .body = STR("\x01\x00\x02\x12\x34") };
	struct overlay_message m;

	(void)state;
	assert_int_equal(overlay_message_parse(&frame, &m), ERR_NONE);
	assert_int_equal(m.refusal, OVERLAY_REFUSAL_INTERNAL);
	for (int r = 0; r < 110; r++)
		assert_true(overlay_refusal_text((enum overlay_refusal)r).n > 0);
}

static void a_proof_is_over_stream_kind_and_role(void **state)
{
	struct overlay_message m = { .type = OVERLAY_HELLO, .role = OVERLAY_ROLE_NODE };
	uint8_t binding[OVERLAY_BINDING_N] = { 9 }, text[OVERLAY_PROOF_MAX];

	(void)state;
	assert_int_equal(overlay_proof_text(&m, binding, text), 15 + 32 + 1);
	assert_memory_equal(text, "tandem/1 hello\0\x09", 16);
	assert_int_equal(text[47], OVERLAY_ROLE_NODE);
	m = (struct overlay_message){ .type = OVERLAY_LOGIN, .name = STR("alice") };
	assert_int_equal(overlay_proof_text(&m, binding, text), 15 + 32 + 5);
	m = (struct overlay_message){ .type = OVERLAY_RENEW };
	assert_int_equal(overlay_proof_text(&m, binding, text), 15 + 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_survives_the_wire),
		cmocka_unit_test(a_frame_is_as_documented),
		cmocka_unit_test(half_a_frame_waits_and_one_beyond_its_bound_is_refused),
		cmocka_unit_test(what_is_missing_or_too_long_or_twice_is_refused),
		cmocka_unit_test(an_unknown_code_of_refusal_is_a_failure_of_theirs),
		cmocka_unit_test(a_proof_is_over_stream_kind_and_role),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
