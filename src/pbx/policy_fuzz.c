/* Strangers' users, hosts and methods against rules of every kind; and rules made of the same bytes. */
#include "pbx/policy_file.h"

#include <stdlib.h>

static const char rules[] =
	"hours o = Mon-Fri 08:00-18:00\ngroup g = 1, 2??, 20..30, x@y.example, *21*\n"
	"a: from group g to not 0*, *@*.example at not o limit 1 calls each callee\n"
	"b: to 9* strip 3 add +49\nc: to +* become a{user}b{user}@z.example limit 2 requests per 1s each caller\n"
	"d: from strangers to ???????*, @y.example strip 30 add 123456789012345678901234567890\n"
	"e: to anyone redirect sip:{user}@new.example;x={user}, {user}\nf: refuse 403 \"x\"\n";

static str take(str *rest)
{
	str head;

	(void)str_split(*rest, '\n', &head, rest);
	return head;
}

static struct pbx_policy *read_rules(str text)
{
	struct pbx_policy_source source = { .file = STR("f"), .text = text, .domain = STR("example.com") };
	char why_text[600];
	struct buf why;

	buf_init(&why, why_text, sizeof(why_text));
	return pbx_policy_read(&source, &why);
}

static void ask(struct pbx_policy *policy, str rest, unsigned bits)
{
	struct pbx_question q = { .caller = (enum pbx_caller)(1u << (bits & 3)),
				  .callee_ours = bits >> 2 & 1,
				  .method = (uint8_t)((bits >> 3) % SIP_METHOD_N),
				  .domain = STR("example.com"),
				  .now = (usec)bits * INT64_C(3600000000) };
	struct pbx_decision d;
	char text[2000];
	struct buf b;

	q.user = take(&rest);
	q.host = take(&rest);
	q.callee_host = take(&rest);
	q.callee = rest;
	for (unsigned i = 0; pbx_policy_judge(policy, &q, &d) == PBX_POLICY_COUNT; i++) {
		buf_init(&b, text, sizeof(text));
		pbx_limit_key(d.rule, d.limit, &q, &b);
		pbx_policy_counted(policy, &q, &d, bits >> (i & 15) & 1);
	}
	buf_init(&b, text, sizeof(text));
	pbx_decision_lines(&d, &b);
	for (size_t i = 0; d.rule && i < d.rule->target_n; i++) {
		buf_init(&b, text, sizeof(text));
		pbx_policy_fill(d.rule->targets[i], q.callee, true, &b);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pbx_policy *policy;
	str text;

	if (n < 3)
		return 0;
	text = str_of((const char *)data + 3, n - 3);
	policy = read_rules(data[0] & 1 ? text : str_from(rules));
	if (policy)
		ask(policy, text, (unsigned)(data[1] | data[2] << 8));
	pbx_policy_free(policy);
	return 0;
}
