/* The file of a node: not a stranger's, but disks lie too. */
#include "overlay/node_state.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct overlay_node_state s, again;
	struct buf b;

	if (overlay_node_state_parse(str_of((const char *)data, n), &s) != ERR_NONE)
		return 0;
	buf_init_grow(&b, OVERLAY_NODE_STATE_MAX);
	overlay_node_state_write(&s, &b);
	assert(buf_ok(&b) && overlay_node_state_parse(buf_str(&b), &again) == ERR_NONE);
	buf_free(&b);
	return 0;
}
