#include "overlay/token.h"

#include "overlay/test.h"

static void a_token_is_ours_or_it_is_not(void **state)
{
	struct overlay_tokens here, there, later;
	uint8_t key[32] = { 1 }, other[32] = { 2 }, device[OVERLAY_KEY_N] = { 3 };
	uint8_t token[OVERLAY_TOKEN_N], again[OVERLAY_TOKEN_N], super[OVERLAY_TOKEN_N];

	(void)state;
	assert_true(overlay_tokens_start(&here, key, 5));
	assert_true(overlay_tokens_start(&there, other, 5));
	assert_true(overlay_tokens_start(&later, key, 6));
	overlay_token_make(&here, device, OVERLAY_ROLE_NODE, token);
	overlay_token_make(&here, device, OVERLAY_ROLE_NODE, again);
	overlay_token_make(&here, device, OVERLAY_ROLE_SUPERNODE, super);
	assert_memory_equal(token, again, sizeof(token)); /* so a device that comes back keeps it */
	assert_memory_not_equal(token, super, sizeof(token));
	assert_true(overlay_token_check(&here, token));
	assert_false(overlay_token_check(&there, token));
	assert_false(overlay_token_check(&later, token));
	for (size_t i = 0; i < sizeof(token); i++) {
		token[i] ^= 1;
		assert_false(overlay_token_check(&here, token));
		token[i] ^= 1;
	}
	overlay_tokens_free(&here);
	overlay_tokens_free(&there);
	overlay_tokens_free(&later);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_ours_or_it_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
