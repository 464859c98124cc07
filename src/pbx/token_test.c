#include "pbx/token.h"

#include "base/test.h"

static struct pbx_token_keys keys;

static void keys_of(const char *secret)
{
	assert_int_equal(pbx_token_keys_init(&keys, str_from(secret)), ERR_NONE);
}

static void written(const struct pbx_token *t, str call_id, char *text, str *out)
{
	struct buf b;

	buf_init(&b, text, PBX_TOKEN_MAX);
	pbx_token_write(&keys, t, call_id, STR("ft"), &b);
	assert_true(buf_ok(&b));
	*out = buf_str(&b);
}

static void flows_come_back(void **state)
{
	struct pbx_token t = { .caller = { .transport = TRANSPORT_TLS, .worker = 7, .id = 0x80000001u },
			       .callee = { 0 } },
			 back;
	char text[PBX_TOKEN_MAX];
	str token;

	(void)state;
	keys_of("key");
	assert_int_equal(addr_parse(STR("[2001:db8::1]:5061"), 0, &t.caller.remote), ERR_NONE);
	written(&t, STR("call"), text, &token);
	assert_int_equal(pbx_token_read(&keys, token, STR("call"), STR("ft"), STR("tt"), &back), ERR_NONE);
	assert_true(flow_eq(&back.caller, &t.caller) && addr_eq(&back.caller.remote, &t.caller.remote));
	assert_int_equal(back.callee.transport, 0);
	assert_false(back.outside);
	assert_false(back.neighbour);
	t.neighbour = true;
	written(&t, STR("call"), text, &token);
	assert_int_equal(pbx_token_read(&keys, token, STR("call"), STR("ft"), STR("tt"), &back), ERR_NONE);
	assert_true(back.neighbour && !back.outside);
	t.outside = true;
	t.neighbour = false;
	/* both as long as they get */
	t.callee = t.caller;
	written(&t, STR("call"), text, &token);
	assert_int_equal(pbx_token_read(&keys, token, STR("call"), STR("ft"), STR("tt"), &back), ERR_NONE);
	assert_true(back.outside && !back.neighbour);
}

static void another_call_or_any_change_is_forgery(void **state)
{
	struct pbx_token t = { .callee = { .transport = TRANSPORT_UDP, .id = 1, .remote = addr_v4(1, 2, 3, 4, 5) } },
			 back;
	char text[PBX_TOKEN_MAX];
	str token;

	(void)state;
	keys_of("key");
	written(&t, STR("call"), text, &token);
	assert_int_equal(pbx_token_read(&keys, token, STR("call2"), STR("ft"), STR("tt"), &back), ERR_FORGED);
	assert_int_equal(pbx_token_read(&keys, str_head(token, token.n - 1), STR("call"), STR("ft"), STR("tt"), &back),
			 ERR_FORGED);
	assert_int_equal(pbx_token_read(&keys, STR(""), STR("call"), STR("ft"), STR("tt"), &back), ERR_FORGED);
	assert_int_equal(pbx_token_read(&keys, STR("alice"), STR("call"), STR("ft"), STR("tt"), &back), ERR_FORGED);
	for (size_t i = 0; i < token.n; i++) {
		char was = text[i];

		text[i] = was == 'A' ? 'B' : 'A';
		assert_int_equal(pbx_token_read(&keys, token, STR("call"), STR("ft"), STR("tt"), &back), ERR_FORGED);
		text[i] = was;
	}
	keys_of("another");
	assert_int_equal(pbx_token_read(&keys, token, STR("call"), STR("ft"), STR("tt"), &back), ERR_FORGED);
}

/* As long as a token may be, all of it a stranger's. */
static void a_long_one_is_forgery(void **state)
{
	char text[PBX_TOKEN_MAX + 1];
	struct pbx_token back;

	(void)state;
	keys_of("key");
	memset(text, 'A', sizeof(text));
	for (size_t n = 0; n <= sizeof(text); n++)
		assert_int_equal(pbx_token_read(&keys, str_of(text, n), STR("call"), STR("ft"), STR("tt"), &back),
				 ERR_FORGED);
}

/* Either side's tag comes first. */
static void who_has_begun_it_is_part_of_it(void **state)
{
	struct pbx_token t = { .neighbour = true }, back;
	char text[PBX_TOKEN_MAX];
	str token;

	(void)state;
	keys_of("key");
	written(&t, STR("call"), text, &token);
	assert_int_equal(pbx_token_read(&keys, token, STR("call"), STR("tt"), STR("ft"), &back), ERR_NONE);
	assert_int_equal(pbx_token_read(&keys, token, STR("call"), STR("tt"), STR("t2"), &back), ERR_FORGED);
}

static void a_neighbours_side_comes_back(void **state)
{
	struct pbx_token t = { .neighbour = true,
			       .call = true,
			       .phone = true,
			       .since_s = 0xfedcba98,
			       .target = 0xfedcba9876543210,
			       .route = 0x89abcdef },
			 back;
	char text[PBX_TOKEN_MAX];
	str token;

	(void)state;
	keys_of("key");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(addr_parse(i ? STR("[2001:db8::1]:0") : STR("192.0.2.7:0"), 0, &t.hop), ERR_NONE);
		if (i) { /* as long as it gets */
			t.caller = (struct flow){ TRANSPORT_TLS, .id = 7, .worker = 3, .remote = t.hop };
			t.callee = t.caller;
		}
		written(&t, STR("call"), text, &token);
		assert_int_equal(pbx_token_read(&keys, token, STR("call"), STR("ft"), STR("tt"), &back), ERR_NONE);
		assert_true(back.call && back.phone && back.since_s == t.since_s && back.target == t.target &&
			    back.route == t.route && addr_eq_ip(&back.hop, &t.hop));
	}
}

static uint64_t at(const char *uri, const char *tag)
{
	struct sip_uri u;

	assert_int_equal(sip_uri_parse(str_from(uri), &u), ERR_NONE);
	return pbx_token_target(&keys, str_from(tag), &u);
}

static void a_place_is_the_same_however_it_is_written(void **state)
{
	static const char *const same[] = { "sip:a@h.example:5060", "sip:%61@H.example",
					    "sip:a@h.example;user=phone;lr", "sip:a@h.example;transport=UDP" };
	static const char *const others[] = { "sip:A@h.example",
					      "sip:a@h2.example",
					      "sip:a@h.example:5061",
					      "sip:a@h.example;transport=tcp",
					      "sip:a@h.example;maddr=192.0.2.1",
					      "sip:h.example",
					      "sips:a@h.example" };
	uint64_t place;

	(void)state;
	keys_of("key");
	place = at("sip:a@h.example", "t");
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		assert_true(at(same[i], "t") == place);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_true(at(others[i], "t") != place);
	assert_true(at("sip:a@h.example", "t2") != place);
	assert_true(at("sips:a@h.example", "t") == at("sips:a@h.example:5061", "t"));
	assert_int_equal(pbx_token_route(&keys, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows_come_back),
		cmocka_unit_test(another_call_or_any_change_is_forgery),
		cmocka_unit_test(a_long_one_is_forgery),
		cmocka_unit_test(who_has_begun_it_is_part_of_it),
		cmocka_unit_test(a_neighbours_side_comes_back),
		cmocka_unit_test(a_place_is_the_same_however_it_is_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
