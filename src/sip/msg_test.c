#include "sip/msg.h"

#include "base/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static struct arena arena;
static char block[SIP_MSG_ARENA];
static struct sip_msg m;

static enum err parse(const char *z)
{
	arena_free(&arena);
	arena_init(&arena, block, sizeof(block), SIP_MSG_HEAP_MAX);
	return sip_msg_parse(&m, &arena, str_from(z));
}

#define HEAD                                                                                                           \
	"INVITE sip:bob@biloxi.com SIP/2.0\r\n"                                                                        \
	"Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds\r\n"                                                \
	"Max-Forwards: 70\r\n"                                                                                         \
	"To: Bob <sip:bob@biloxi.com>\r\n"                                                                             \
	"From: Alice <sip:alice@atlanta.com>;tag=1928301774\r\n"                                                       \
	"Call-ID: a84b4c76e66710@pc33.atlanta.com\r\n"                                                                 \
	"CSeq: 314159 INVITE\r\n"                                                                                      \
	"Contact: <sip:alice@pc33.atlanta.com>\r\n"
#define INVITE HEAD "Content-Length: 4\r\n\r\nv=0\n"

static int check(const char *z)
{
	enum err err = parse(z);

	assert_true(err == ERR_NONE || err == ERR_SYNTAX);
	return sip_msg_check(&m);
}

/* ---- one message ---- */

static void a_request_is_seen_whole(void **state)
{
	uint32_t n;

	(void)state;
	assert_int_equal(parse(INVITE), ERR_NONE);
	assert_int_equal(sip_msg_check(&m), 0);
	assert_true(m.is_request);
	assert_int_equal(m.method, SIP_INVITE);
	assert_str(m.uri_text, "sip:bob@biloxi.com");
	assert_str(m.body, "v=0\n");
	assert_str(sip_msg_uri(&m)->user, "bob");
	assert_str(sip_msg_via(&m)->branch, "z9hG4bK776asdhds");
	assert_str(sip_msg_from(&m)->tag, "1928301774");
	assert_str(sip_msg_from(&m)->display, "Alice");
	assert_int_equal(sip_msg_to(&m)->tag.n, 0);
	assert_str(sip_msg_call_id(&m), "a84b4c76e66710@pc33.atlanta.com");
	assert_int_equal(sip_msg_cseq(&m)->number, 314159);
	assert_true(sip_msg_max_forwards(&m, &n) && n == 70);
	assert_false(sip_msg_expires(&m, &n));
}

static void a_response_is_seen_whole(void **state)
{
	(void)state;
	assert_int_equal(parse("SIP/2.0 180 Ringing now\r\nVia: SIP/2.0/TCP a.example\r\nf: <sip:a@b>;tag=1\r\n"
			       "t: <sip:a@b>;tag=2\r\ni: x\r\nCSeq: 1 INVITE\r\n\r\n"),
			 ERR_NONE);
	assert_int_equal(sip_msg_check(&m), 0);
	assert_false(m.is_request);
	assert_int_equal(m.status, 180);
	assert_str(m.reason, "Ringing now");
	assert_int_equal(m.method, SIP_INVITE);
	assert_str(sip_msg_to(&m)->tag, "2");
}

static void values_are_counted_across_fields_and_commas(void **state)
{
	const struct sip_address *list;
	const struct sip_via *vias;
	str value;
	size_t n;

	(void)state;
	assert_int_equal(parse(HEAD
			       "Route: <sip:a;lr>, \"x, y\" <sip:b,c@d;lr>\r\nSupported: path\r\nRoute: <sip:e>\r\n"
			       "Via: SIP/2.0/TCP a, SIP/2.0/TLS b;received=::1\r\nk: outbound , 100rel\r\n\r\n"),
			 ERR_NONE);
	assert_int_equal(sip_msg_addresses(&m, SIP_ROUTE, &list, &n), ERR_NONE);
	assert_int_equal(n, 3);
	assert_str(list[1].uri.user, "b,c");
	assert_str(list[2].uri.host, "e");
	assert_int_equal(sip_msg_vias(&m, &vias, &n), ERR_NONE);
	assert_int_equal(n, 3);
	assert_str(vias[2].received, "::1");
	assert_true(sip_msg_lists(&m, SIP_SUPPORTED, STR("100REL")));
	assert_false(sip_msg_lists(&m, SIP_SUPPORTED, STR("gruu")));
	struct sip_values v = sip_msg_values(&m, SIP_ROUTE);
	for (n = 0; sip_values_next(&v, &value); n++)
		;
	assert_int_equal(n, 3);
	assert_int_equal(sip_msg_addresses(&m, SIP_PATH, &list, &n), ERR_ABSENT);
}

static void unknown_fields_are_found_by_name(void **state)
{
	str value;

	(void)state;
	assert_int_equal(parse(HEAD "X-One: 1\r\nX-Two:\r\n  2 \r\n\tand more\t\r\n\r\n"), ERR_NONE);
	assert_true(sip_msg_find(&m, STR("x-two"), &value));
	assert_str(value, "2 \r\n\tand more");
	assert_false(sip_msg_find(&m, STR("X-Three"), &value));
}

static void many_headers_are_kept_and_too_many_refused(void **state)
{
	static char text[40000];
	size_t n = (size_t)sprintf(text, HEAD);

	(void)state;
	for (int i = 0; i < 190; i++)
		n += (size_t)sprintf(text + n, "X-%d: %d\r\n", i, i);
	sprintf(text + n, "\r\n");
	assert_int_equal(parse(text), ERR_NONE);
	assert_int_equal(sip_msg_count(&m, SIP_OTHER), 190);
	for (int i = 0; i < 5; i++)
		n += (size_t)sprintf(text + n, "Y-%d: %d\r\n", i, i);
	sprintf(text + n, "\r\n");
	assert_int_equal(parse(text), ERR_LIMIT);
	assert_int_equal(m.fault.status, 400);
}

static void broken_lines_are_400_and_leave_what_could_be_read(void **state)
{
	(void)state;
	assert_int_equal(check("INVITE sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nno colon here\r\n"
			       "CSeq: 1 INVITE\r\n\r\n"),
			 400);
	assert_str(sip_msg_via(&m)->branch, "z9hG4bK1");
	assert_int_equal(sip_msg_cseq(&m)->number, 1);
	assert_int_equal(check(HEAD "a b: c\r\n\r\n"), 400);
	assert_int_equal(check(HEAD ": c\r\n\r\n"), 400);
	assert_int_equal(check(HEAD "A: c\n\r\n"), 400);
	assert_int_equal(check(HEAD "A: c\rd\r\n\r\n"), 400);
	assert_int_equal(check(HEAD "A: c\r\n"), 400); /* no empty line */
	assert_int_equal(check("INVITE  sip:b@c SIP/2.0\r\n\r\n"), 400);
	assert_int_equal(check("INVITE sip:b@c SIP/2.0 \r\n\r\n"), 400);
	assert_int_equal(check("INVITE sip:b@c SIP/3.0\r\n\r\n"), 505);
}

static void nul_in_a_header_is_400(void **state)
{
	static const char text[] = HEAD "A: b\0c\r\n\r\n";

	(void)state;
	arena_init(&arena, block, sizeof(block), 0);
	assert_int_equal(sip_msg_parse(&m, &arena, str_of(text, sizeof(text) - 1)), ERR_SYNTAX);
}

static void what_is_not_sip_is_not_answered(void **state)
{
	(void)state;
	assert_int_equal(parse(""), ERR_ABSENT);
	assert_int_equal(parse("\r\n\r\n"), ERR_ABSENT);
	assert_int_equal(parse("hello"), ERR_ABSENT);
	assert_int_equal(parse("GET / HTTP/1.1\r\n\r\n"), ERR_ABSENT);
	assert_int_equal(parse("\r\n\r\n" INVITE), ERR_NONE); /* 7.5 */
}

static void each_mandatory_field_is_demanded(void **state)
{
	static const char *const lines[] = { "Via: SIP/2.0/UDP a;branch=z9hG4bK1\r\n", "To: <sip:a@b>\r\n",
					     "From: <sip:a@b>;tag=1\r\n", "Call-ID: 1\r\n", "CSeq: 1 INVITE\r\n" };
	char text[400];

	(void)state;
	for (int without = 0; without <= 5; without++) {
		size_t n = (size_t)sprintf(text, "INVITE sip:a@b SIP/2.0\r\n");

		for (int i = 0; i < 5; i++)
			if (i != without)
				n += (size_t)sprintf(text + n, "%s", lines[i]);
		sprintf(text + n, "\r\n");
		assert_int_equal(check(text), without == 5 ? 0 : 400);
	}
	for (int twice = 1; twice < 5; twice++) {
		size_t n = (size_t)sprintf(text, "INVITE sip:a@b SIP/2.0\r\n%s", lines[twice]);

		for (int i = 0; i < 5; i++)
			n += (size_t)sprintf(text + n, "%s", lines[i]);
		sprintf(text + n, "\r\n");
		assert_int_equal(check(text), 400);
	}
}

static void case_does_not_matter_in_version_and_cookie(void **state)
{
	(void)state;
	assert_int_equal(parse("OPTIONS sip:b sIP/2.0\r\nVia: sip/2.0/UDP a;branch=Z9hg4BKx\r\n\r\n"), ERR_NONE);
	assert_true(m.is_request);
	assert_true(sip_via_is_unique(sip_msg_via(&m)));
	assert_int_equal(parse("OPTIONS sip:b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bJx\r\n\r\n"), ERR_NONE);
	assert_false(sip_via_is_unique(sip_msg_via(&m)));
	assert_int_equal(parse("sIp/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\n\r\n"), ERR_NONE);
	assert_false(m.is_request);
	assert_int_equal(m.status, 200);
	assert_int_equal(parse("SUB/2.0 sip:b SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n\r\n"), ERR_SYNTAX);
}

static const char *views_of(const struct sip_uri *u, char *out, size_t cap)
{
	snprintf(out, cap, "%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%u|%d|%d", (int)u->text.n, u->text.p, (int)u->user.n,
		 u->user.p, (int)u->host.n, u->host.p, (int)u->params.n, u->params.p, (int)u->headers.n, u->headers.p,
		 (int)u->password.n, u->password.p, u->port, u->scheme, u->has_user);
	return out;
}

static void to_like_from_is_read_as_if_from_were_not_there(void **state)
{
	static const char *const uris[] = {
		"sip:a@b",        "sips:a:pw@b:5070;x=1;y?h=1", "sip:b", "tel:+1234;ext=5", "other:x",
		"sip:[::1]:5062", "sip:a@b;transport=tcp"
	};
	char text[600], one[300], two[300];
	struct sip_uri alone;

	(void)state;
	for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++)
		for (size_t k = 0; k < sizeof(uris) / sizeof(uris[0]); k++) {
			snprintf(text, sizeof(text),
				 "REGISTER sip:b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n"
				 "From: \"Me\" <%s>;tag=9\r\nTo: You <%s> ;x\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n\r\n",
				 uris[i], uris[k]);
			assert_int_equal(check(text), 0);
			assert_int_equal(sip_uri_parse(str_from(uris[k]), &alone), ERR_NONE);
			assert_string_equal(views_of(&sip_msg_to(&m)->uri, one, sizeof(one)),
					    views_of(&alone, two, sizeof(two)));
			assert_true(sip_msg_to(&m)->uri.text.p > sip_msg_from(&m)->text.p + sip_msg_from(&m)->text.n);
			assert_true(!sip_msg_to(&m)->uri.user.n ||
				    sip_msg_to(&m)->uri.user.p > sip_msg_to(&m)->uri.text.p);
			assert_str(sip_msg_to(&m)->display, "You");
			assert_int_equal(sip_msg_to(&m)->tag.n, 0);
		}
}

static void typed_fields_that_route_must_be_right(void **state)
{
	(void)state;
	assert_int_equal(check(HEAD "Route: sip\r\n\r\n"), 400);
	assert_int_equal(check(HEAD "m: <sip:a@b>;;x\r\n\r\n"), 400);
	assert_int_equal(check(HEAD "Record-Route: <sip:a@b\r\n\r\n"), 400);
	assert_int_equal(check(HEAD "m: *\r\n\r\n"), 400); /* beside another */
	assert_int_equal(check(HEAD "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"), 400);
	assert_int_equal(check(HEAD "Content-Length: -1\r\n\r\nx"), 400);
	assert_int_equal(check(HEAD "Content-Length: 2\r\n\r\nx"), 400);
	assert_int_equal(check(HEAD "Content-Length: 1\r\n\r\nxyz"), 0);
	assert_str(m.body, "x");
	assert_str(str_skip(m.text, m.text.n - 1), "x");
}

static void a_message_of_its_own_outlives_the_datagram(void **state)
{
	char text[] = INVITE;
	struct sip_msg *own = sip_msg_new(str_from(text));

	(void)state;
	assert_non_null(own);
	memset(text, 'x', sizeof(text));
	assert_str(sip_msg_from(own)->uri.user, "alice");
	sip_msg_free(own);
	assert_null(sip_msg_new(STR("\r\n")));
	sip_msg_free(NULL);
}

static void too_large_a_message_is_513(void **state)
{
	char *text = calloc(1, 70001);

	(void)state;
	memset(text, 'x', 70000);
	memcpy(text, HEAD "\r\n", sizeof(HEAD "\r\n") - 1);
	assert_int_equal(parse(text), ERR_LIMIT);
	assert_int_equal(m.fault.status, 513);
	free(text);
}

/* ---- torture ---- */

static str load(const char *folder, const char *name)
{
	static char bytes[70000];
	const char *vectors = getenv("VECTORS");
	char path[600];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/%s", vectors ? vectors : "../shared/vectors", folder, name);
	f = fopen(path, "rb");
	if (!f)
		return STR_NONE;
	n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	return str_of(bytes, n);
}

/* What sip_msg_check says of each: the status, 0 fine; of a response 400 means that it is dropped.
 * The RFC leaves a choice where the manifest says so; these are ours. */
static const struct {
	const char *name;
	int status;
} torture[] = {
	{ "wsinv", 0 },        { "intmeth", 0 },    { "esc01", 0 },      { "escnull", 0 },    { "esc02", 0 },
	{ "lwsdisp", 0 },      { "longreq", 0 },    { "dblreq", 0 },     { "semiuri", 0 },    { "transports", 0 },
	{ "mpart01", 0 },      { "unreason", 0 },   { "noreason", 0 },   { "badinv01", 400 }, { "clerr", 400 },
	{ "ncl", 400 },        { "scalar02", 400 }, { "scalarlg", 400 }, { "quotbal", 400 },  { "ltgtruri", 400 },
	{ "lwsruri", 400 },    { "lwsstart", 400 }, { "trws", 400 },     { "escruri", 400 },  { "baddate", 0 },
	{ "regbadct", 400 },   { "badaspec", 400 }, { "baddn", 400 },    { "badvers", 505 },  { "mismatch01", 400 },
	{ "mismatch02", 400 }, { "bigcode", 400 },  { "badbranch", 0 },  { "insuf", 400 },    { "unkscm", 0 },
	{ "novelsc", 0 },      { "unksm2", 0 },     { "bext01", 0 },     { "invut", 0 },      { "regaut01", 0 },
	{ "multi01", 400 },    { "mcl01", 400 },    { "bcast", 0 },      { "zeromf", 0 },     { "cparam01", 0 },
	{ "cparam02", 0 },     { "regescrt", 0 },   { "sdp01", 0 },      { "inv2543", 0 },
};

static const struct {
	const char *name;
	int status;
} ipv6[] = {
	{ "ipv6-good", 0 },
	{ "ipv6-bad", 400 },
	{ "port-ambiguous", 0 },
	{ "port-unambiguous", 0 },
	{ "via-received-param-with-delim", 0 },
	{ "via-received-param-no-delim", 0 },
	{ "ipv6-in-sdp", 0 },
	{ "mult-ip-in-header", 0 },
	{ "mult-ip-in-sdp", 0 },
	{ "ipv4-mapped-ipv6", 0 },
	{ "ipv6-bug-abnf-3-colons", 400 },
	{ "ipv6-correct-abnf-2-colons", 0 },
};

static void judge(const char *folder, const char *name, int status)
{
	char file[100];
	enum err err;
	str bytes;

	snprintf(file, sizeof(file), "%s.dat", name);
	bytes = load(folder, file);
	if (!bytes.p) {
		print_message("no test vectors: set VECTORS\n");
		skip();
	}
	arena_free(&arena);
	arena_init(&arena, block, sizeof(block), SIP_MSG_HEAP_MAX);
	err = sip_msg_parse(&m, &arena, bytes);
	if ((err != ERR_NONE && err != ERR_SYNTAX) || sip_msg_check(&m) != status)
		fail_msg("%s: %s, %d %s, not %d", name, err_text(err), m.fault.status, m.fault.why, status);
}

static void every_torture_message_gets_its_verdict(void **state)
{
	(void)state;
	assert_int_equal(sizeof(torture) / sizeof(torture[0]), 49);
	for (size_t i = 0; i < 49; i++)
		judge("rfc4475", torture[i].name, torture[i].status);
	for (size_t i = 0; i < sizeof(ipv6) / sizeof(ipv6[0]); i++)
		judge("rfc5118", ipv6[i].name, ipv6[i].status);
}

/* RFC 4475 3.1.1.1 */
static void the_short_tortuous_invite_is_understood(void **state)
{
	const struct sip_address *contact;
	const struct sip_via *vias;
	uint32_t n32;
	str value;
	size_t n;

	(void)state;
	judge("rfc4475", "wsinv", 0);
	assert_str(sip_msg_to(&m)->tag, "1918181833n");
	assert_str(sip_msg_from(&m)->display, "\"J Rosenberg \\\\\\\"\"");
	assert_str(sip_msg_from(&m)->tag, "98asjd8");
	assert_true(sip_msg_max_forwards(&m, &n32) && n32 == 68);
	assert_int_equal(sip_msg_cseq(&m)->number, 9);
	assert_int_equal(sip_msg_vias(&m, &vias, &n), ERR_NONE);
	assert_int_equal(n, 3);
	assert_str(vias[0].branch, "390skdjuw");
	assert_str(vias[1].transport_text, "TCP");
	assert_str(vias[2].branch, "z9hG4bK30239");
	assert_int_equal(sip_msg_addresses(&m, SIP_CONTACT, &contact, &n), ERR_NONE);
	assert_int_equal(sip_address_q(contact), 330);
	assert_true(sip_param_find(contact->params, STR("newparam"), &value));
	assert_str(value, "newvalue");
	assert_str(str_head(m.body, 5), "v=0\r\n");
	assert_int_equal(m.body.n, 150);
	assert_true(sip_msg_find(&m, STR("newfangledheader"), &value));
}

/* RFC 4475 3.1.1.8: the INVITE behind the REGISTER is not looked at. */
static void what_follows_in_the_datagram_is_ignored(void **state)
{
	(void)state;
	judge("rfc4475", "dblreq", 0);
	assert_int_equal(m.method, SIP_REGISTER);
	assert_int_equal(m.body.n, 0);
	judge("rfc4475", "esc02", 0);
	assert_int_equal(m.method, SIP_METHOD_OTHER);
}

static void every_cut_of_a_message_is_survived(void **state)
{
	str bytes = load("rfc4475", "wsinv.dat");

	(void)state;
	if (!bytes.p)
		skip();
	for (size_t n = 0; n <= bytes.n; n++) {
		char *exact = malloc(n + 1); /* so that a read past the end is seen by the sanitizer */

		memcpy(exact, bytes.p, n);
		arena_free(&arena);
		arena_init(&arena, block, sizeof(block), SIP_MSG_HEAP_MAX);
		if (sip_msg_parse(&m, &arena, str_of(exact, n)) != ERR_ABSENT)
			sip_msg_check(&m);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_seen_whole),
		cmocka_unit_test(a_response_is_seen_whole),
		cmocka_unit_test(values_are_counted_across_fields_and_commas),
		cmocka_unit_test(unknown_fields_are_found_by_name),
		cmocka_unit_test(many_headers_are_kept_and_too_many_refused),
		cmocka_unit_test(broken_lines_are_400_and_leave_what_could_be_read),
		cmocka_unit_test(nul_in_a_header_is_400),
		cmocka_unit_test(what_is_not_sip_is_not_answered),
		cmocka_unit_test(each_mandatory_field_is_demanded),
		cmocka_unit_test(case_does_not_matter_in_version_and_cookie),
		cmocka_unit_test(to_like_from_is_read_as_if_from_were_not_there),
		cmocka_unit_test(typed_fields_that_route_must_be_right),
		cmocka_unit_test(a_message_of_its_own_outlives_the_datagram),
		cmocka_unit_test(too_large_a_message_is_513),
		cmocka_unit_test(every_torture_message_gets_its_verdict),
		cmocka_unit_test(the_short_tortuous_invite_is_understood),
		cmocka_unit_test(what_follows_in_the_datagram_is_ignored),
		cmocka_unit_test(every_cut_of_a_message_is_survived),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&arena);
	return failed;
}
