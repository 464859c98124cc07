#include "net/demux.h"

enum demux demux_kind(str datagram)
{
	const uint8_t *p = (const uint8_t *)datagram.p;

	if (datagram.n == 0)
		return DEMUX_DROP;
	if (p[0] <= 3)
		return DEMUX_STUN;
	if (p[0] >= 20 && p[0] <= 63)
		return DEMUX_DTLS;
	if (p[0] >= 64 && p[0] <= 79)
		return DEMUX_TURN_CHANNEL;
	if (p[0] < 128 || p[0] > 191 || datagram.n < 2)
		return DEMUX_DROP;
	/* RFC 5761 4.: RTCP's packet types are the RTP payload types 64..95 with the marker set. */
	return p[1] >= 192 && p[1] <= 223 ? DEMUX_RTCP : DEMUX_RTP;
}
