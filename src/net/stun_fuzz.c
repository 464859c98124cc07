#include "net/stun.h"
#include "net/stun_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str datagram = str_of((const char *)data, size);
	struct addr from = addr_v4(192, 0, 2, 1, 1), a;
	struct stun_server server;
	struct stun_msg m;
	char store[STUN_SERVER_ANSWER_MAX];
	struct buf out;
	str value;
	uint64_t number;
	int code;

	stun_server_init(&server, 1, 0);
	buf_init(&out, store, sizeof(store));
	stun_server_recv(&server, &from, datagram, &out, 0);
	if (stun_parse(datagram, &m))
		return 0;
	for (uint32_t attr = 0; attr < 0x10000; attr += 0x8000)
		for (uint16_t i = 0; i < 0x30; i++) {
			stun_find(&m, (uint16_t)(attr + i), &value);
			stun_find_addr(&m, (uint16_t)(attr + i), &a);
			stun_find_u64(&m, (uint16_t)(attr + i), &number);
		}
	stun_find_error(&m, &code, &value);
	return stun_check(&m, STR("secret")) == ERR_NONE ? 0 : 0;
}
