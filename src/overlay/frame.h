/*
 * overlay/frame.h - what travels on a flow between a node and a server of the overlay.
 *
 * Frames of a TLS stream and the messages in them (docs/wire/overlay.md, Flow). Parsing
 * gives views into the frame's bytes; every bound of the page is checked here, what
 * the message means is not.
 *
 * Memory: messages are values that point into bytes of the caller's. Thread: any.
 */
#ifndef OVERLAY_FRAME_H
#define OVERLAY_FRAME_H

#include "base/time.h"
#include "overlay/field.h"
#include "overlay/refusal.h"

#define OVERLAY_ALPN         "tandem/1"
#define OVERLAY_HEAD_N       8
#define OVERLAY_BODY_MAX     65535
#define OVERLAY_TOKEN_N      24
#define OVERLAY_BINDING_N    32
#define OVERLAY_LOGIN_NAME_N 64  /* longest name as typed */
#define OVERLAY_PASSWORD_N   256 /* longest password */
#define OVERLAY_FOUND_MAX    8   /* records in a FOUND: devices of a user */

enum overlay_frame_type {
	OVERLAY_HELLO = 1,
	OVERLAY_WELCOME,
	OVERLAY_LOGIN,
	OVERLAY_LOGIN_OK,
	OVERLAY_REFUSED,
	OVERLAY_RENEW,
	OVERLAY_STORE,
	OVERLAY_STORED,
	OVERLAY_FIND,
	OVERLAY_FOUND,
	OVERLAY_SIP,
	OVERLAY_PING,
	OVERLAY_PONG,
	OVERLAY_BYE,
};

enum overlay_role { OVERLAY_ROLE_NODE = 1, OVERLAY_ROLE_SUPERNODE };

struct overlay_frame {
	uint8_t type; /* of overlay_frame_type, or one we do not know */
	uint32_t id;
	str body;
};

/* One frame off the front of *rest. ERR_MORE: not all there yet; ERR_LIMIT: longer than its type may be. */
MUST_CHECK enum err overlay_frame_take(str *rest, struct overlay_frame *out);
/* A whole frame; a body beyond the type's bound keeps ERR_FULL in the buf. */
void overlay_frame_write(struct buf *, uint8_t type, uint32_t id, str body);

/* Name of a type for logs: "hello"; "unknown". */
str overlay_frame_name(uint8_t type);

/* One message, by its type; fields of other types are not touched. Texts and lists are views. */
struct overlay_message {
	uint8_t type;
	uint32_t id;
	str certificate;                    /* HELLO, RENEW, LOGIN_OK: signed list */
	uint8_t proof[OVERLAY_SIGNATURE_N]; /* HELLO, LOGIN, RENEW */
	uint8_t role;                       /* HELLO: enum overlay_role */
	str agent;                          /* HELLO; may be empty */
	uint8_t token[OVERLAY_TOKEN_N];     /* WELCOME */
	struct addr observed;               /* WELCOME: the opener's address as the server sees it */
	usec time;              /* WELCOME, LOGIN_OK, REFUSED: the server's clock, to the millisecond; 0: not said */
	uint16_t keepalive_s;   /* WELCOME */
	uint16_t stun_port;     /* WELCOME; 0: none */
	uint16_t sip_per_s;     /* WELCOME; 0: not said */
	struct addr advertised; /* WELCOME: what to put into records and Contact; unset: as connected */
	str network, name, password;   /* LOGIN */
	uint8_t key[OVERLAY_KEY_N];    /* LOGIN: device key; FIND: user key */
	enum overlay_refusal refusal;  /* REFUSED, BYE; codes we do not know: OVERLAY_REFUSAL_INTERNAL */
	str text;                      /* REFUSED, BYE; may be empty */
	uint32_t retry_after_s;        /* REFUSED, BYE; 0: not said */
	str record[OVERLAY_FOUND_MAX]; /* STORE: the first; FOUND */
	size_t record_n;               /* FOUND, STORE */
	uint8_t known;                 /* FOUND: 1: there is such a user, even if no record */
	uint8_t replicas;              /* STORED */
	str sip;                       /* SIP */
};

/* The frame's body as a message. ERR_SYNTAX; ERR_UNSUPPORTED: unknown type or critical field. */
MUST_CHECK enum err overlay_message_parse(const struct overlay_frame *, struct overlay_message *out);
/* The message as a whole frame; its bounds broken: a failure kept in the buf. */
void overlay_message_write(struct buf *, const struct overlay_message *);

/* What a device key signs to prove that this stream is its own: `binding` is the stream's (base/host.h).
 * For HELLO, LOGIN and RENEW; uses ->role and ->name. Returns the bytes' number, at most OVERLAY_PROOF_MAX. */
#define OVERLAY_PROOF_MAX 128
size_t overlay_proof_text(const struct overlay_message *, const uint8_t *binding, uint8_t out[OVERLAY_PROOF_MAX]);

#endif
