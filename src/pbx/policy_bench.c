/* How long a judgement takes: by the number of rules that are gone through. Alone on one core. */
#include "pbx/policy_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 200000

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Rules as people write them: numbers, groups, times; the last one fits. */
static struct pbx_policy *make(int n)
{
	struct pbx_policy_source source = { .file = STR("bench"), .domain = STR("example.com") };
	struct pbx_policy *policy;
	char why_text[400] = { 0 };
	struct buf text, why;

	buf_init_grow(&text, 1 << 20);
	buf_put_z(&text, "hours office = Mon-Fri 08:00-18:00\ngroup sales = 101, 102, 2??, 900..949\n");
	for (int i = 0; i < n; i++) {
		switch (i % 5) {
		case 0:
			buf_printf(&text, "r%d: to 09%02d*, 01%02d* refuse\n", i, i % 100, i % 100);
			break;
		case 1:
			buf_printf(&text, "r%d: from 1%02d to 2?? allow\n", i, 10 + i % 80);
			break;
		case 2:
			buf_printf(&text, "r%d: from group sales to *@p%d.example allow\n", i, i);
			break;
		case 3:
			buf_printf(&text, "r%d: to 5%02d at not office redirect sip:x@example.com\n", i, i % 100);
			break;
		case 4:
			buf_printf(&text, "r%d: from strangers source 10.%d.0.0/16 refuse\n", i, i % 256);
			break;
		}
	}
	buf_put_z(&text, "last: to 102 allow\n");
	source.text = buf_str(&text);
	buf_init(&why, why_text, sizeof(why_text) - 1);
	policy = pbx_policy_read(&source, &why);
	if (!policy) {
		fprintf(stderr, "%s\n", why_text);
		exit(1);
	}
	buf_free(&text);
	return policy;
}

static void bench(int n)
{
	struct pbx_policy *policy = make(n);
	struct pbx_decision decision = { .status = 0 };
	double start = seconds();

	for (int i = 0; i < ROUNDS; i++) {
		struct pbx_question q;

		memset(&q, 0, offsetof(struct pbx_question, plain_text));
		q.caller = PBX_CALLER_LOCAL;
		q.user = STR("101");
		q.host = q.callee_host = q.domain = STR("example.com");
		q.callee = STR("102");
		q.callee_ours = true;
		q.method = SIP_INVITE;
		q.source = addr_v4(192, 0, 2, 1, 5060);
		q.now = INT64_C(1795428000) * USEC_PER_SEC;
		(void)pbx_policy_judge(policy, &q, &decision);
	}
	printf("%4d rules gone through: %6.0f ns a judgement (%s)\n", n, (seconds() - start) / ROUNDS * 1e9,
	       decision.action == PBX_POLICY_ALLOW ? "allowed by the last" : "?");
	pbx_policy_free(policy);
}

int main(void)
{
	static const int sizes[] = { 0, 10, 50, 200, 1000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		bench(sizes[i]);
	return 0;
}
