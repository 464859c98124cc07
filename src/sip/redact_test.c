#include "sip/redact.h"

#include "base/test.h"

static char room[4000];

static str redacted(const char *text)
{
	struct buf b;

	buf_init(&b, room, sizeof(room));
	sip_redact(str_from(text), 100000, &b);
	assert_true(buf_ok(&b));
	assert_true(b.n <= strlen(text));
	return buf_str(&b);
}

#define HEAD "INVITE sip:b@h SIP/2.0\r\n"

static void credentials_keep_what_helps_a_person(void **state)
{
	(void)state;
	assert_str(redacted(HEAD "Authorization: Digest username=\"a\", response=\"0123456789abcdef\", nc=00000001,"
				 " cnonce=\"abcdefghijkl\"\r\nTo: x\r\n\r\n"),
		   HEAD "Authorization: Digest username=\"a\", response=(left out), nc=00000001,"
			" cnonce=(left out)\r\nTo: x\r\n\r\n");
	assert_str(redacted(HEAD "PROXY-authorization : Digest response=abc,\r\n\trealm=\"r\"\r\n\r\n"),
		   HEAD "PROXY-authorization : Digest response=(le,\r\n\trealm=\"r\"\r\n\r\n");
}

static void other_schemes_are_left_out_wholly(void **state)
{
	(void)state;
	assert_str(redacted(HEAD "Authorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n"),
		   HEAD "Authorization: (left out)\r\n\r\n");
	assert_str(redacted(HEAD "Authorization: Bearer abcdefghijklmno\r\n pqr\r\nTo: x\r\n\r\n"),
		   HEAD "Authorization: (left out)\r\nTo: x\r\n\r\n");
	assert_str(redacted("SIP/2.0 200 OK\r\nAuthentication-Info: rspauth=\"0123456789\"\r\n\r\n"),
		   "SIP/2.0 200 OK\r\nAuthentication-Info: (left out)\r\n\r\n");
}

static void what_is_malformed_is_left_out_from_there_on(void **state)
{
	static const char *const bad[] = {
		HEAD "nonsense without colon\r\nAuthorization: Digest x, response=\"SECRETSECRET\"\r\n\r\n",
		HEAD "Authorization: Digest username=\"a, response=\"SECRETSECRET\"\r\n\r\n",
		HEAD "Authorization: Digest username = \"a\", response=\"SECRETSECRET\"\r\n\r\n",
		HEAD "Authorization:Digest  response=SECRETSECRET",
		HEAD "Authorization:Digest\tresponse=SECRETSECRET\n\n",
		HEAD "Authorization: response=SECRETSECRET\rTo: x\r\r",
		HEAD "\r\nINVITE sip:x SIP/2.0\r\nAuthorization: Digest response=\"SECRETSECRET\"\r\n\r\n",
		"\r\n" HEAD "Authorization: Digest response=\"SECRETSECRET\"\r\n\r\n",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (str_find(redacted(bad[i]), STR("SECRET")) < redacted(bad[i]).n)
			fail_msg("%zu: " STR_FMT, i, STR_ARG(redacted(bad[i])));
}

static void a_uri_loses_its_password_and_nothing_else(void **state)
{
	static const char plain[] =
		"INVITE sip:b@h:5060;transport=tcp SIP/2.0\r\nTo: \"x\" <sips:a@[2001:db8::1]:5061>\r\n"
		"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z@x\r\nCall-ID: sip:a:b c@d\r\n\r\n";
	(void)state;
	assert_str(
		redacted(
			"INVITE sip:b:secretsecret@h SIP/2.0\r\nTo: <SIPS:a:pw@h>, <sip:c:longenoughpw@h;x=y>\r\n\r\n"),
		"INVITE sip:b:(left out)@h SIP/2.0\r\nTo: <SIPS:a:(l@h>, <sip:c:(left out)@h;x=y>\r\n\r\n");
	assert_str(redacted(plain), plain);
}

static void keys_of_media_are_left_out(void **state)
{
	(void)state;
	assert_str(redacted(HEAD "Content-Type: application/sdp\r\n\r\nv=0\r\na=crypto:1 AES "
				 "inline:abcdefghijklmnop|2^20|1:4\r\n"
				 "a=ice-pwd:qrstuvwxyzabc\r\nk=clear:qwertyuiopas\r\na=x\r\n"),
		   HEAD "Content-Type: application/sdp\r\n\r\nv=0\r\na=crypto:1 AES inline:(left out)|2^20|1:4\r\n"
			"a=ice-pwd:(left out)\r\nk=clear:(left out)\r\na=x\r\n");
}

static void a_message_may_be_cut_anywhere(void **state)
{
	static const char text[] = HEAD "Authorization: Digest username=\"a\", response=\"SECRETSECRET\", nc=1\r\n"
					"To: <sip:a:SECRETSECRET@h>\r\n\r\na=crypto:1 A inline:SECRETSECRET|2\r\n";
	struct buf b;
	(void)state;
	for (size_t cap = 0; cap < sizeof(text); cap++) {
		buf_init(&b, room, sizeof(room));
		sip_redact(str_from(text), cap, &b);
		assert_true(b.n <= cap);
		/* A URI that is cut before its '@' cannot be told from a host and port. */
		if (str_find(buf_str(&b), STR("To:")) == b.n || str_find(buf_str(&b), STR("@h>")) < b.n)
			assert_int_equal(str_find(buf_str(&b), STR("SECRET")), b.n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(credentials_keep_what_helps_a_person),
		cmocka_unit_test(other_schemes_are_left_out_wholly),
		cmocka_unit_test(what_is_malformed_is_left_out_from_there_on),
		cmocka_unit_test(a_uri_loses_its_password_and_nothing_else),
		cmocka_unit_test(keys_of_media_are_left_out),
		cmocka_unit_test(a_message_may_be_cut_anywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
