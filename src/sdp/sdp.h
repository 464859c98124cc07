/*
 * sdp/sdp.h - a session description, read and written.
 *
 * RFC 8866, with the attributes that a voice call needs: RFC 3264 (direction), 3605
 * (rtcp), 4568 (crypto), 5761 (rtcp-mux), 5888 (mid, group), 8122 (fingerprint,
 * setup), 8839 (ICE). What is not known is kept by name and value. The reader is
 * liberal where phones are: bare LF, missing s= or t=, attributes at either level;
 * it is strict where guessing would send media to a wrong place.
 *
 * Session-level c=, direction, ICE credentials, fingerprints and setup are copied
 * down into each media that has none of its own, so a reader looks at the media only.
 *
 * Memory: strs point into the text that was parsed, arrays lie in the caller's arena.
 * Limits: see SDP_..._MAX; more is ERR_LIMIT. Thread: its owner's.
 */
#ifndef SDP_SDP_H
#define SDP_SDP_H

#include "base/addr.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define SDP_TEXT_MAX      65535 /* bytes in one description */
#define SDP_MEDIA_MAX     16
#define SDP_FORMAT_MAX    48 /* a media */
#define SDP_CANDIDATE_MAX 48
#define SDP_CRYPTO_MAX    16
#define SDP_PRINT_MAX     8   /* fingerprints of a media */
#define SDP_ATTR_MAX      256 /* other attributes of a level */
#define SDP_DIGEST_MAX    64

enum sdp_direction { SDP_SENDRECV = 0, SDP_SENDONLY, SDP_RECVONLY, SDP_INACTIVE };
enum sdp_setup { SDP_SETUP_NONE = 0, SDP_SETUP_ACTPASS, SDP_SETUP_ACTIVE, SDP_SETUP_PASSIVE, SDP_SETUP_HOLDCONN };

/* The profile of an m-line: how its packets look on the wire. */
enum sdp_proto {
	SDP_PROTO_OTHER = 0, /* not RTP: kept as text */
	SDP_PROTO_AVP,       /* RTP/AVP */
	SDP_PROTO_AVPF,      /* RTP/AVPF */
	SDP_PROTO_SAVP,      /* RTP/SAVP: keys by a=crypto, or by DTLS where a=fingerprint says so */
	SDP_PROTO_SAVPF,     /* RTP/SAVPF */
	SDP_PROTO_DTLS_SAVP, /* UDP/TLS/RTP/SAVP (RFC 5764) */
	SDP_PROTO_DTLS_SAVPF /* UDP/TLS/RTP/SAVPF */
};

struct sdp_attr {
	str name, value; /* value empty where there was no ':' */
};

/* c= or the address of o=. `addr` is set (port 0) only where the host is a number. */
struct sdp_host {
	str host;
	struct addr addr;
};

/* One format of an RTP m-line: payload type with its rtpmap (static types of RFC 3551 6 filled in) and fmtp. */
struct sdp_format {
	uint8_t payload_type;
	str name; /* "opus"; empty: no rtpmap and not static */
	uint32_t rate_hz;
	uint8_t channels; /* 1 where not said */
	str fmtp;         /* parameters as they stand; the last a=fmtp wins */
};

enum sdp_candidate_kind { SDP_HOST = 0, SDP_SRFLX, SDP_PRFLX, SDP_RELAY };

/* RFC 8839 5.1. Candidates of other kinds, transports than UDP, or hosts that are names (mDNS) are left out on reading.
 */
struct sdp_candidate {
	str foundation;
	uint16_t component; /* 1 RTP, 2 RTCP */
	uint32_t priority;
	struct addr addr;
	enum sdp_candidate_kind kind;
	struct addr related; /* family 0: none */
};

/* RFC 8122 5. */
struct sdp_print {
	str hash; /* "sha-256" */
	uint8_t digest[SDP_DIGEST_MAX];
	uint8_t n;
};

/* RFC 4568 9.1: a=crypto:TAG SUITE inline:KEY... [session parameters]. */
struct sdp_crypto {
	uint32_t tag;
	str suite;
	str key;      /* the base64 behind "inline:", without |lifetime|mki */
	str key_rest; /* "|2^20|1:4" or empty */
	str session;  /* session parameters or empty */
};

struct sdp_media {
	str kind;        /* "audio" */
	uint16_t port;   /* 0: refused */
	uint16_t port_n; /* number of ports, 1 where not said */
	str proto_text;
	enum sdp_proto proto;
	str formats_text; /* as on the m-line */
	struct sdp_format *formats;
	size_t format_n; /* RTP only, in the m-line's order */

	struct sdp_host host; /* its c=, or the session's */
	bool direction_set;   /* said at either level */
	enum sdp_direction direction;
	uint16_t ptime_ms, maxptime_ms; /* 0: not said */
	uint16_t rtcp_port;             /* a=rtcp; 0: not said */
	struct addr rtcp;               /* a=rtcp with an address; family 0: none */
	bool rtcp_mux;
	str mid;

	str ice_ufrag, ice_pwd;
	bool ice_lite, ice_trickle, end_of_candidates;
	struct sdp_candidate *candidates;
	size_t candidate_n;

	enum sdp_setup setup;
	struct sdp_print *prints;
	size_t print_n;
	struct sdp_crypto *crypto;
	size_t crypto_n;

	struct sdp_attr *attrs; /* the rest: ssrc, msid, extmap, ... */
	size_t attr_n;
};

struct sdp {
	str user; /* o= */
	uint64_t session_id, session_version;
	struct sdp_host origin;
	str name;               /* s=; "-" where there was none */
	str group;              /* a=group: "BUNDLE 0 1" */
	struct sdp_attr *attrs; /* others at session level */
	size_t attr_n;
	struct sdp_media *media;
	size_t media_n;
};

/* Reads a whole description. ERR_SYNTAX, ERR_LIMIT, ERR_MEMORY (the arena's limit). */
MUST_CHECK enum err sdp_parse(str text, struct arena *, struct sdp *out);
/* The first format of the first audio that is not refused, and only that is looked for: a tenth of sdp_parse. `out`
 * points into the text; its fmtp is empty. false: there is none, or the text is malformed up to there. */
bool sdp_first_audio(str text, struct sdp_format *out);
/* Prints it; lines end in CRLF. What was inherited from the session is printed in each media. */
void sdp_write(const struct sdp *, struct buf *);

/* "RTP/SAVP" and so on; empty for SDP_PROTO_OTHER. */
str sdp_proto_text(enum sdp_proto);
/* a=sendrecv as the other side sees it (sendonly <-> recvonly). */
enum sdp_direction sdp_direction_flip(enum sdp_direction);
/* What is left when both say something, from the first's own view: sendrecv with flipped sendonly is recvonly, ... */
enum sdp_direction sdp_direction_meet(enum sdp_direction ours, enum sdp_direction flipped_theirs);
static inline bool sdp_direction_sends(enum sdp_direction d)
{
	return d == SDP_SENDRECV || d == SDP_SENDONLY;
}
static inline bool sdp_direction_receives(enum sdp_direction d)
{
	return d == SDP_SENDRECV || d == SDP_RECVONLY;
}
/* The value of `key` in "a=1;b=2" or "a=1; b=2", keys without case. false: absent. */
bool sdp_fmtp_find(str fmtp, str key, str *out);

#endif
