#include "overlay/forward.h"

#include "overlay/record.h"
#include "overlay/test.h"

#include <stdio.h>

#define INVITE(uri, more)                                                                                              \
	"INVITE " uri " SIP/2.0\r\nVia: SIP/2.0/TLS x.invalid;branch=z9hG4bKa1\r\n" more                               \
	"From: <sip:alice@net.example>;tag=1\r\nTo: <sip:bob@net.example>\r\nCall-ID: call-1\r\nCSeq: 1 INVITE\r\n"    \
	"Content-Length: 0\r\n\r\n"
#define MF "Max-Forwards: 70\r\n"

struct fixture {
	struct overlay_tokens tokens;
	struct overlay_forward *f;
	struct overlay_name alice;
	struct overlay_forward_source from;
	uint8_t bob[OVERLAY_TOKEN_N];
	char sip[4096]; /* of the last message, which must stay */
	char out[8192];
	struct buf b;
};

static int setup(void **state)
{
	static struct fixture x;
	struct overlay_forward_setup s = { .tokens = &x.tokens, .self = addr_v4(192, 0, 2, 2, 5443) };
	uint8_t key[32] = { 1 }, device[OVERLAY_KEY_N] = { 2 };

	memset(&x, 0, sizeof(x));
	assert_true(overlay_tokens_start(&x.tokens, key, 0));
	assert_int_equal(overlay_domain_parse(TEST_NETWORK, &s.network), ERR_NONE);
	x.f = overlay_forward_new(&s);
	assert_non_null(x.f);
	assert_int_equal(overlay_name_parse(STR("alice"), &x.alice), ERR_NONE);
	x.from = (struct overlay_forward_source){ .answerable = true, .user = &x.alice };
	overlay_token_make(&x.tokens, device, OVERLAY_ROLE_NODE, x.from.token);
	device[0] = 3;
	overlay_token_make(&x.tokens, device, OVERLAY_ROLE_NODE, x.bob);
	buf_init(&x.b, x.out, sizeof(x.out) - 1);
	*state = &x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	overlay_forward_free(x->f);
	overlay_tokens_free(&x->tokens);
	return 0;
}

/* The text with every %s made bob's token. */
static struct overlay_hop read_sip(struct fixture *x, const char *format)
{
	struct overlay_point p = { .addr = addr_v4(192, 0, 2, 2, 5443) };
	struct overlay_hop hop;
	char uri[300] = "";
	struct buf u, b;

	memcpy(p.token, x->bob, sizeof(p.token));
	buf_init(&u, uri, sizeof(uri) - 1);
	overlay_point_write_uri(&p, STR("bob"), &u);
	buf_init(&b, x->sip, sizeof(x->sip));
	for (const char *at = format; *at; at++) {
		if (at[0] == '%' && at[1] == 's') {
			buf_put(&b, buf_str(&u));
			at++;
		} else {
			buf_put_char(&b, *at);
		}
	}
	assert_true(buf_ok(&b));
	overlay_forward_read(x->f, buf_str(&b), &x->from, &hop);
	return hop;
}

static const char *written(struct fixture *x)
{
	buf_reset(&x->b);
	assert_int_equal(overlay_forward_write(x->f, &x->b), ERR_NONE);
	x->out[x->b.n] = '\0';
	return x->out;
}

static void a_request_goes_to_the_token_and_its_answer_back(void **state)
{
	struct fixture *x = *state;
	struct overlay_hop hop = read_sip(x, INVITE("%s", MF));
	char top[400] = "", answer[1024];

	assert_int_equal(hop.kind, OVERLAY_FORWARD_FLOW);
	assert_true(hop.is_request);
	assert_memory_equal(hop.token, x->bob, sizeof(hop.token));
	const char *sip = written(x);
	assert_non_null(strstr(sip, "\r\nVia: SIP/2.0/TLS 192.0.2.2:5443;branch=z9hG4bKt."));
	assert_non_null(strstr(sip, "\r\nVia: SIP/2.0/TLS x.invalid;branch=z9hG4bKa1\r\n"));
	assert_non_null(strstr(sip, "\r\nMax-Forwards: 69\r\n"));
	const char *via = strstr(sip, "Via:");
	memcpy(top, via, (size_t)(strstr(via, "\r\n") - via));
	snprintf(answer, sizeof(answer),
		 "SIP/2.0 180 Ringing\r\n%s\r\nVia: SIP/2.0/TLS x.invalid;branch=z9hG4bKa1\r\n"
		 "From: <sip:alice@net.example>;tag=1\r\nTo: <sip:bob@net.example>;tag=2\r\nCall-ID: call-1\r\n"
		 "CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
		 top);
	overlay_forward_read(x->f, str_from(answer), &x->from, &hop);
	assert_int_equal(hop.kind, OVERLAY_FORWARD_FLOW);
	assert_false(hop.is_request);
	assert_memory_equal(hop.token, x->from.token, sizeof(hop.token));
	sip = written(x);
	assert_true(str_starts(str_from(sip),
			       STR("SIP/2.0 180 Ringing\r\nVia: SIP/2.0/TLS x.invalid;branch=z9hG4bKa1\r\n")));
	/* an answer to another request than went this way is none */
	char *below = strstr(answer, "branch=z9hG4bKa1");
	below[15] = '2';
	overlay_forward_read(x->f, str_from(answer), &x->from, &hop);
	assert_int_equal(hop.kind, OVERLAY_FORWARD_DROP);
	below[15] = '1';
	/* a token changed in flight is worth nothing */
	char *token = strstr(answer, "flow=") + 30;
	*token = *token == 'A' ? 'B' : 'A';
	overlay_forward_read(x->f, str_from(answer), &x->from, &hop);
	assert_int_equal(hop.kind, OVERLAY_FORWARD_DROP);
}

static void repetition_cancel_and_ack_get_the_branch_of_their_request(void **state)
{
	struct fixture *x = *state;
	char branch[64], other[64];

	read_sip(x, INVITE("%s", MF));
	memcpy(branch, strstr(written(x), "branch="), 31);
	read_sip(x, INVITE("%s", MF));
	assert_memory_equal(branch, strstr(written(x), "branch="), 31);
	read_sip(x, "CANCEL %s SIP/2.0\r\nVia: SIP/2.0/TLS x.invalid;branch=z9hG4bKa1\r\n" MF
		    "From: <sip:alice@net.example>;tag=1\r\nTo: <sip:bob@net.example>\r\nCall-ID: call-1\r\nCSeq: 1 "
		    "CANCEL\r\n"
		    "Content-Length: 0\r\n\r\n");
	assert_memory_equal(branch, strstr(written(x), "branch="), 31);
	read_sip(x, "OPTIONS %s SIP/2.0\r\nVia: SIP/2.0/TLS x.invalid;branch=z9hG4bKa2\r\n" MF
		    "From: <sip:alice@net.example>;tag=1\r\nTo: <sip:bob@net.example>\r\nCall-ID: call-1\r\nCSeq: 2 "
		    "OPTIONS\r\n"
		    "Content-Length: 0\r\n\r\n");
	memcpy(other, strstr(written(x), "branch="), 31);
	assert_memory_not_equal(branch, other, 31);
}

static void what_goes_in_circles_is_482(void **state)
{
	struct fixture *x = *state;
	char again[8192];

	read_sip(x, INVITE("%s", MF));
	snprintf(again, sizeof(again), "%s", written(x));
	struct overlay_hop hop;
	overlay_forward_read(x->f, str_from(again), &x->from, &hop);
	assert_int_equal(hop.kind, OVERLAY_FORWARD_REPLY);
	assert_int_equal(hop.status, 482);
}

static int status_of(struct fixture *x, const char *format)
{
	struct overlay_hop hop = read_sip(x, format);

	return hop.kind == OVERLAY_FORWARD_REPLY ? hop.status : 0;
}

static void what_cannot_go_on_is_answered_by_the_book(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(status_of(x, INVITE("%s", "Max-Forwards: 0\r\n")), 483);
	assert_int_equal(status_of(x, INVITE("sip:bob@192.0.2.2:5443", MF)), 404);
	assert_int_equal(status_of(x, INVITE("sip:bob@net.example", MF)), 404);
	assert_int_equal(status_of(x, INVITE("sip:bob@192.0.2.2:5443;flow=AAAA", MF)), 403);
	assert_int_equal(status_of(x, INVITE("%s", MF "Max-Forwards: 70\r\n")), 400);
	buf_reset(&x->b);
	assert_int_equal(overlay_forward_reply(x->f, 400, 7, &x->b), ERR_NONE);
	x->out[x->b.n] = '\0';
	assert_true(str_starts(buf_str(&x->b), STR("SIP/2.0 400 ")));
	assert_non_null(strstr(x->out, "Retry-After: 7\r\n"));
	/* nothing at all for what nobody may answer */
	assert_int_equal(read_sip(x, "ACK sip:bob@net.example SIP/2.0\r\nVia: SIP/2.0/TLS x;branch=z9hG4bKa\r\n" MF
				     "From: <sip:alice@net.example>;tag=1\r\nTo: <sip:b@net.example>\r\nCall-ID: c\r\n"
				     "CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n")
				 .kind,
			 OVERLAY_FORWARD_DROP);
	assert_int_equal(read_sip(x, "\r\n\r\n").kind, OVERLAY_FORWARD_DROP);
	assert_int_equal(read_sip(x, "GET / HTTP/1.1\r\n\r\n").kind, OVERLAY_FORWARD_DROP);
}

static void from_must_be_the_flows_user_unless_a_super_node_brings_it(void **state)
{
	struct fixture *x = *state;
	struct overlay_name carol;

	assert_int_equal(overlay_name_parse(STR("carol"), &carol), ERR_NONE);
	x->from.user = &carol;
	assert_int_equal(status_of(x, INVITE("%s", MF)), 403);
	x->from.user = NULL;
	assert_int_equal(read_sip(x, INVITE("%s", MF)).kind, OVERLAY_FORWARD_FLOW);
}

static void a_route_through_us_is_taken_off(void **state)
{
	struct fixture *x = *state;
	struct overlay_hop hop = read_sip(x, INVITE("%s", MF "Route: <sip:192.0.2.2:5443;transport=tls;lr>\r\n"));

	assert_int_equal(hop.kind, OVERLAY_FORWARD_FLOW);
	assert_null(strstr(written(x), "Route:"));
}

static void another_super_nodes_address_leads_there(void **state)
{
	struct fixture *x = *state;
	struct overlay_hop hop = read_sip(x, INVITE("sip:bob@192.0.2.9:5443;transport=tls;flow=AAAA"
						    ";pin=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
						    MF));
	struct addr there = addr_v4(192, 0, 2, 9, 5443);

	assert_int_equal(hop.kind, OVERLAY_FORWARD_SUPERNODE);
	assert_true(addr_eq(&hop.server, &there));
	assert_non_null(strstr(written(x), "flow=AAAA")); /* theirs to read */
}

static void our_token_is_ours_behind_any_host_name(void **state)
{
	struct fixture *x = *state;

	read_sip(x, INVITE("%s", MF));
	char *host = strstr(x->sip, "192.0.2.2");
	memcpy(host, "192.0.2.7", 9);
	struct overlay_hop hop;
	overlay_forward_read(x->f, str_from(x->sip), &x->from, &hop);
	assert_int_equal(hop.kind, OVERLAY_FORWARD_FLOW);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(a_request_goes_to_the_token_and_its_answer_back),
		WITH(repetition_cancel_and_ack_get_the_branch_of_their_request),
		WITH(what_goes_in_circles_is_482),
		WITH(what_cannot_go_on_is_answered_by_the_book),
		WITH(from_must_be_the_flows_user_unless_a_super_node_brings_it),
		WITH(a_route_through_us_is_taken_off),
		WITH(another_super_nodes_address_leads_there),
		WITH(our_token_is_ours_behind_any_host_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
