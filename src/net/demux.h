/*
 * net/demux.h - what kind of datagram is this, by its first bytes (RFC 7983, RFC 5761 4.).
 */
#ifndef NET_DEMUX_H
#define NET_DEMUX_H

#include "base/str.h"

enum demux { DEMUX_DROP, DEMUX_STUN, DEMUX_DTLS, DEMUX_TURN_CHANNEL, DEMUX_RTP, DEMUX_RTCP };

/* A first look only: the parsers decide. Empty and unknown: DEMUX_DROP. */
enum demux demux_kind(str datagram);

#endif
