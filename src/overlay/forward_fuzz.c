/* A SIP message of a stranger's, forwarded without state. */
#include "overlay/forward.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const uint8_t key[32] = { 1 };
	struct overlay_forward_source from = { .answerable = true };
	struct overlay_forward_setup setup = { .self = addr_v4(192, 0, 2, 2, 5443) };
	struct overlay_tokens tokens;
	struct overlay_hop hop;
	struct buf b;

	if (!overlay_tokens_start(&tokens, key, 0))
		abort();
	setup.tokens = &tokens;
	(void)!overlay_domain_parse(STR("net.example"), &setup.network);
	overlay_token_make(&tokens, key, OVERLAY_ROLE_NODE, from.token);
	struct overlay_forward *f = overlay_forward_new(&setup);
	if (!f)
		abort();
	overlay_forward_read(f, str_of((const char *)data, n), &from, &hop);
	buf_init_grow(&b, 200000);
	if (hop.kind == OVERLAY_FORWARD_FLOW || hop.kind == OVERLAY_FORWARD_SUPERNODE)
		(void)!overlay_forward_write(f, &b);
	(void)!overlay_forward_reply(f, 480, 1, &b);
	buf_free(&b);
	overlay_forward_free(f);
	overlay_tokens_free(&tokens);
	return 0;
}
