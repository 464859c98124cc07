/*
 * pbx/session_timer.h - the exchange wants to notice calls whose ends have vanished.
 *
 * Session timers at a proxy that keeps no calls (RFC 4028 8.): it asks for them in INVITE and UPDATE, inside a
 * dialog too, and remembers what it asked for until that request's answer. The timing and the BYE are the
 * user agents' business. A caller who knows timers, of a callee who does not, refreshes alone (8.2).
 *
 * Texts of edits stand in the letter, which must live until they are written. Memory: none. Thread: any.
 */
#ifndef PBX_SESSION_TIMER_H
#define PBX_SESSION_TIMER_H

#include "sip/edit.h"

#define PBX_SESSION_LEAST 90u /* seconds; RFC 4028 4.: nobody may ask for more signalling than that */

/* What is remembered of one request. All zero: nothing was asked for. */
struct pbx_session_timer {
	uint32_t interval; /* seconds, as in the request that goes on; 0: none */
	bool supported;    /* by the caller */
};

struct pbx_session_timer_letter {
	char expires[80], least[16];
};

/*
 * What becomes of this request where sessions of `wanted` seconds (1 .. 86,400) are asked for. 0, or 422: it wants a
 * shorter one than PBX_SESSION_LEAST (answer it with PBX_SESSION_REFUSAL). Other requests than INVITE and UPDATE, and
 * a Session-Expires that nobody can read, are left alone.
 */
int pbx_session_timer_read(struct pbx_session_timer *, struct sip_msg *, uint32_t wanted);
#define PBX_SESSION_REFUSAL "Min-SE: 90"

/* Notes what has to be changed in it. */
void pbx_session_timer_note(const struct pbx_session_timer *, struct sip_msg *, struct pbx_session_timer_letter *,
			    struct sip_edits *);
/* The same for a 2xx that goes back to its caller (8.2). */
void pbx_session_timer_note_answer(const struct pbx_session_timer *, struct sip_msg *,
				   struct pbx_session_timer_letter *, struct sip_edits *);

#endif
