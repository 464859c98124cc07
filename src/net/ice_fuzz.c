#include "net/ice.h"
#include "net/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const str pwd = STR_INIT("peerpeerpeerpeerpeerpeer");

/* Attributes of the fuzzer's in a message that is otherwise as the peer would send it. */
static void speak(struct ice *ice, uint8_t what, str attributes, usec now)
{
	char bytes[1500], name[64];
	uint8_t id[STUN_ID_N] = { what };
	struct addr from = addr_v4(192, 0, 2, what & 3, 5000);
	struct buf b, username;

	buf_init(&username, name, sizeof(name));
	buf_put(&username, ice_ufrag(ice));
	buf_put(&username, what & 4 ? STR(":peer") : STR(":else"));
	buf_init(&b, bytes, sizeof(bytes));
	stun_begin(&b, STUN_REQUEST, STUN_BINDING, id);
	stun_put(&b, STUN_USERNAME, buf_str(&username));
	buf_put(&b, str_head(attributes, attributes.n & ~(size_t)3));
	stun_end_integrity(&b, ice_pwd(ice));
	stun_end_fingerprint(&b);
	if (buf_ok(&b))
		ice_recv(ice, 1, &from, buf_str(&b), now);
}

/* Whatever we ask is answered: what & 8 success, else an error; with the fuzzer's attributes. */
static void answer(struct ice *ice, const struct ice_do *out, uint8_t what, str attributes, usec now)
{
	char bytes[1500];
	struct stun_msg m;
	struct addr from = out->to, mapped = addr_v4(203, 0, 113, what & 3, 9);
	struct buf b;

	if (stun_parse(out->bytes, &m) || m.class != STUN_REQUEST)
		return;
	buf_init(&b, bytes, sizeof(bytes));
	stun_begin(&b, what & 8 ? STUN_SUCCESS : STUN_ERROR, STUN_BINDING, m.id);
	if (what & 16)
		stun_put_addr(&b, STUN_XOR_MAPPED_ADDRESS, &mapped);
	if (what & 32)
		stun_put_error(&b, what & 64 ? 487 : 400, STR("no"));
	buf_put(&b, str_head(attributes, attributes.n & ~(size_t)3));
	stun_end_integrity(&b, pwd);
	stun_end_fingerprint(&b);
	if (buf_ok(&b))
		ice_recv(ice, 1, &from, buf_str(&b), now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rng rng;
	struct addr local = addr_v4(192, 0, 2, 9, 4000);
	usec now = USEC_PER_SEC;
	struct ice *ice;

	rng_seeded(&rng, 1);
	struct ice_settings s = {
		.controlling = size & 1, .rng = &rng, .servers = { addr_v4(192, 0, 2, 200, 3478) }, .server_n = 1
	};
	ice = ice_new(&s, now);
	if (ice_add_local(ice, 1, &local, now))
		return 0;
	ice_end_local(ice, now);
	if (ice_set_remote(ice, STR("peer"), pwd, false, now))
		return 0;
	while (size >= 3) {
		uint8_t op = data[0], what = data[1];
		size_t n = data[2] < size - 3 ? data[2] : size - 3;
		str bytes = { (const char *)data + 3, n };
		struct addr from = addr_v4(192, 0, 2, what & 3, 5000);
		struct ice_do out;

		if (op & 1)
			ice_recv(ice, 1, &from, bytes, now);
		if (op & 2)
			speak(ice, what, bytes, now);
		if (op & 4)
			now += (usec)what * 20 * USEC_PER_MS;
		if (op & 8)
			ice_restart(ice, what & 1, now);
		if (op & 16)
			ice_end_remote(ice, now);
		if (op & 32)
			ice_unreachable(ice, 1, &from, now);
		ice_tick(ice, now);
		for (int i = 0; i < 8 && ice_next(ice, &out); i++)
			if (out.kind == ICE_SEND && op & 64)
				answer(ice, &out, what, bytes, now);
		data += 3 + n;
		size -= 3 + n;
	}
	ice_free(ice);
	return 0;
}
