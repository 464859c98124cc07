/*
 * sip/frame.h - where one message ends and the next begins on a stream.
 *
 * RFC 3261 18.3: on TCP and TLS Content-Length says it. Between messages stand the keep-alives of
 * RFC 5626 3.5.1. Looks at the bytes only; the caller keeps them until they are eaten.
 *
 * Memory: the owner embeds the struct, nothing to free. Thread: its owner's.
 */
#ifndef SIP_FRAME_H
#define SIP_FRAME_H

#include "sip/msg.h"

enum sip_frame_kind {
	SIP_FRAME_MESSAGE = 1, /* `n` bytes are one message */
	SIP_FRAME_PING,        /* `n` bytes: CRLF CRLF, answer CRLF (RFC 5626 3.5.1) */
	SIP_FRAME_PONG,        /* `n` bytes: a single CRLF: the answer to our ping, or idle filler */
};

/* Remembers how far it has looked, so that a trickle of bytes costs no more than a flood. Zero it at
 * the start of a stream; sip_frame_next resets it with every frame it finds. */
struct sip_frame {
	enum sip_frame_kind kind;
	size_t n;
	size_t seen; /* private */
	size_t body; /* private: 1 + Content-Length once known */
};

/*
 * What stands at the front of `bytes` (all that came and was not yet eaten). `accepted`: the far side
 * opened the stream, so that a lone CRLF may be half a ping and is waited on.
 * ERR_NONE: kind and n are set; eat n bytes and ask again.   ERR_MORE: wait.
 * ERR_SYNTAX: the length cannot be told (no, two or a bad Content-Length; not SIP): n bytes are the head,
 *             to be parsed for a 400 if it parses; then close the stream.
 * ERR_LIMIT: the message is or will be longer than SIP_MSG_MAX: close.
 */
MUST_CHECK enum err sip_frame_next(struct sip_frame *, str bytes, bool accepted);

#endif
