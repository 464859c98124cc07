#include "cmd/network_file.h"

#include "base/test.h"

static char complaint[300];
static struct buf why;

static enum err parse(const char *json, struct overlay_network *out)
{
	memset(complaint, 0, sizeof(complaint));
	buf_init(&why, complaint, sizeof(complaint) - 1);
	return network_parse(str_from(json), out, &why);
}

static void what_is_written_is_read_again(void **state)
{
	struct overlay_network in = { .login_n = 1, .supernode_n = 2 }, out;
	char text[2000];
	struct buf b;

	(void)state;
	assert_int_equal(overlay_domain_parse(STR("net.example"), &in.name), ERR_NONE);
	memset(in.authority, 7, sizeof(in.authority));
	assert_int_equal(overlay_server_parse(STR("login.net.example:5443"), &in.login[0]), ERR_NONE);
	assert_int_equal(overlay_server_parse(STR("192.0.2.1:5443"), &in.supernode[0]), ERR_NONE);
	assert_int_equal(overlay_server_parse(STR("[2001:db8::1]:443"), &in.supernode[1]), ERR_NONE);
	memset(in.supernode[1].pin, 9, OVERLAY_KEY_N);
	buf_init(&b, text, sizeof(text) - 1);
	network_write(&in, &b);
	assert_true(buf_ok(&b));
	text[b.n] = '\0';
	assert_int_equal(parse(text, &out), ERR_NONE);
	assert_str(overlay_domain_str(&out.name), "net.example");
	assert_int_equal(out.supernode_n, 2);
	assert_string_equal(out.login[0].host, "login.net.example");
	assert_string_equal(out.supernode[1].host, in.supernode[1].host);
	assert_int_equal(out.supernode[1].port, 443);
	assert_memory_equal(out.supernode[1].pin, in.supernode[1].pin, OVERLAY_KEY_N);
	assert_memory_equal(out.authority, in.authority, OVERLAY_KEY_N);
}

static void what_is_wrong_is_said(void **state)
{
	struct overlay_network out = { .login_n = 77 };

	(void)state;
	assert_int_equal(parse("{", &out), ERR_SYNTAX);
	assert_non_null(strstr(complaint, "line 1"));
	assert_int_equal(parse("[]", &out), ERR_SYNTAX);
	assert_int_equal(parse("{\"network\":\"Not A Name\"}", &out), ERR_SYNTAX);
	assert_non_null(strstr(complaint, "\"network\" must be"));
	assert_int_equal(parse("{\"network\":\"a.b\",\"authority\":\"short\"}", &out), ERR_SYNTAX);
	assert_non_null(strstr(complaint, "\"authority\" must be"));
	assert_int_equal(out.login_n, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(what_is_wrong_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
