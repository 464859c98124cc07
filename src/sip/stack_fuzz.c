/* Strangers' bytes as datagrams and as stream pieces, into a stack whose user answers now and then. */
#include "sip/stack.h"

static void serve(struct sip_stack *s, usec now, unsigned dice)
{
	struct sip_event e;
	struct host_want w;

	while (sip_stack_next(s, &e, now)) {
		struct sip_reply reply = { .status = dice & 1 ? 200 : 486 };
		struct sip_edits edits;
		struct sip_outgoing o = { .draft = { .msg = e.msg, .edits = &edits }, .cookie = 1 };

		if (e.kind == SIP_EVENT_CANCEL)
			reply.status = 487;
		if (e.kind == SIP_EVENT_REQUEST && dice & 2) {
			sip_edits_init(&edits);
			o.target.transport = dice & 4 ? TRANSPORT_TCP : TRANSPORT_UDP;
			o.target.addr = addr_v4(10, 0, 0, 3, 5060);
			o.target.may_tcp = true;
			handle h = sip_stack_request(s, &o, now);
			if (dice & 8)
				sip_stack_cancel(s, h, now);
		} else if (e.server && e.kind != SIP_EVENT_UNACKED) {
			struct sip_msg *m = e.kind == SIP_EVENT_REQUEST ? e.msg : NULL;
			if (sip_stack_reply(s, e.server, m, &reply, dice & 4, now))
				continue;
		}
	}
	while (sip_stack_want(s, &w))
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct sip_stack_config c = sip_stack_config_default();
	struct addr local = addr_v4(10, 0, 0, 1, 5060);
	struct host_event e = { .local = local, .remote = addr_v4(10, 0, 0, 2, 5060) };
	struct rng rng;
	usec now = 1;

	rng_seeded(&rng, 1);
	c.rng = &rng;
	c.id_first = 1;
	c.transaction_max = 8;
	c.stream_max = 4;
	struct sip_stack *s = sip_stack_new(&c);
	if (!s)
		return 0;
	uint32_t udp = sip_stack_listen(s, TRANSPORT_UDP, &local, 0, STR("h"));
	e.kind = HOST_BOUND;
	e.id = udp;
	sip_stack_recv(s, &e, now);
	e.kind = HOST_ACCEPTED;
	e.transport = TRANSPORT_TCP;
	e.id = HOST_OWN_MAX + 1;
	e.listener = 1;
	sip_stack_recv(s, &e, now);
	/* Records: dice, two bytes of length, the bytes. */
	while (n > 3) {
		unsigned dice = data[0];
		size_t take = data[1] | (size_t)(data[2] & 15) << 8;

		data += 3;
		n -= 3;
		if (take > n || take == 0)
			take = n;
		e.bytes = str_of((const char *)data, take);
		e.kind = dice & 128 ? HOST_BYTES : HOST_DATAGRAM;
		e.id = dice & 128 ? HOST_OWN_MAX + 1 : udp;
		e.transport = dice & 128 ? TRANSPORT_TCP : TRANSPORT_UDP;
		sip_stack_recv(s, &e, now);
		serve(s, now, dice);
		data += take;
		n -= take;
		now += (dice & 64) * 20 * USEC_PER_MS;
		sip_stack_tick(s, now);
		serve(s, now, dice);
	}
	sip_stack_free(s);
	return 0;
}
