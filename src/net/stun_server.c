#include "net/stun_server.h"

#include "net/stun.h"

void stun_server_init(struct stun_server *s, uint32_t rate, usec now)
{
	*s = (struct stun_server){ .rate = rate, .tokens = rate, .at = now };
}

static bool take_token(struct stun_server *s, usec now)
{
	double due = now > s->at ? (double)(now - s->at) * s->rate / USEC_PER_SEC : 0;

	s->at = now;
	s->tokens = s->tokens + due < s->rate ? s->tokens + due : s->rate;
	if (s->tokens < 1) {
		s->refused++;
		return false;
	}
	s->tokens -= 1;
	s->answered++;
	return true;
}

bool stun_server_recv(struct stun_server *s, const struct addr *from, str datagram, struct buf *out, usec now)
{
	struct stun_msg m;

	if (stun_parse(datagram, &m) || m.class != STUN_REQUEST || m.method != STUN_BINDING || !take_token(s, now))
		return false;
	if (m.unknown_n) { /* RFC 8489 6.3.1 */
		stun_begin(out, STUN_ERROR, STUN_BINDING, m.id);
		stun_put_error(out, 420, STR("Unknown Attribute"));
		stun_put_unknown(out, &m);
	} else {
		stun_begin(out, STUN_SUCCESS, STUN_BINDING, m.id);
		stun_put_addr(out, STUN_XOR_MAPPED_ADDRESS, from);
	}
	if (m.fingerprint) /* 7.3: whoever shares its port with other protocols wants it back */
		stun_end_fingerprint(out);
	return buf_ok(out);
}
