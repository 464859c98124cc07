/*
 * pbx/identity.h - who the exchange says a caller is, and what it keeps to itself.
 *
 * P-Asserted-Identity and P-Preferred-Identity (RFC 3325) and the privacy service of RFC 3323, as
 * far as a proxy can be one:
 *
 *  - what somebody asserts is taken off unless its source is one of `--trust`; a user who proved
 *    who he is gets his address of record asserted, or the P-Preferred-Identity that names it;
 *  - asserted identities go to trusted neighbours, and to others where the setting says so, but
 *    with `Privacy: id` never to those (RFC 3325 7.); with `Privacy: none` they are passed on to anybody;
 *  - `Privacy: user` of a user: From becomes anonymous@anonymous.invalid with its tag kept, what else
 *    names him goes (RFC 3323 5.3), and the token with it; his own From is put back into the answers;
 *  - `header` and `session` would need a back-to-back user agent: with `critical` they are refused, and so is what we
 * do not know (RFC 3323 5.);
 *  - where nothing is left of Privacy the field goes, and `privacy` out of Proxy-Require with it.
 *
 * Texts of edits stand in the letter, which must live until they are written. Memory: none. Thread: any.
 */
#ifndef PBX_IDENTITY_H
#define PBX_IDENTITY_H

#include "sip/edit.h"

#define PBX_IDENTITY_N 300 /* bytes of an asserted address, without its brackets */

enum pbx_identity_mode {
	PBX_IDENTITY_TRUSTED, /* asserted towards `--trust` neighbours */
	PBX_IDENTITY_ALL,     /* towards phones as well */
	PBX_IDENTITY_OFF,     /* to nobody; what comes from trusted sources is passed on to trusted ones */
};

/* Privacy: bits. */
enum {
	PBX_PRIVACY_NONE = 1,
	PBX_PRIVACY_ID = 2,
	PBX_PRIVACY_USER = 4,
	PBX_PRIVACY_HEADER = 8,
	PBX_PRIVACY_SESSION = 16,
	PBX_PRIVACY_CRITICAL = 32,
	PBX_PRIVACY_HISTORY = 64,  /* RFC 7044 10.1 */
	PBX_PRIVACY_UNKNOWN = 128, /* any other */
};

/* What is known of a request's sender, and of where it goes. */
struct pbx_identity {
	enum pbx_identity_mode mode;
	bool believed;    /* its source is a trusted neighbour */
	bool served;      /* he is a user, or the request is inside a dialog: his Privacy is ours to see to */
	str user, domain; /* whose address of record we vouch for; empty: nobody's */
	bool to_trusted;  /* the next hop is a trusted neighbour */
	bool hidden;      /* its history was made anonymous on the way out: that wish is fulfilled (RFC 7044 10.1.2) */
};

struct pbx_identity_letter {
	char asserted[PBX_IDENTITY_N + 40], from[200], privacy[120], demands[120];
};

/* Bits of its Privacy fields; 0: none. */
unsigned pbx_identity_privacy(const struct sip_msg *);
/* Is something demanded that we cannot do, and nothing less will do (RFC 3323 5.)? Then it is answered with 500. */
bool pbx_identity_refuses(unsigned privacy);
/* May an asserted identity be passed on to the next hop (RFC 3325 5., 7.)? `mode` and `to_trusted` decide. */
bool pbx_identity_may_leave(const struct pbx_identity *, unsigned privacy);
/* Notes what has to be changed in a request. true: its From has become anonymous, and what it was is to be put back
 * into the answers. */
bool pbx_identity_note(const struct pbx_identity *, struct sip_msg *, struct pbx_identity_letter *, struct sip_edits *);
/* `Privacy: history` has been seen to: the token goes, and the field where nothing else is in it. */
void pbx_identity_note_hidden(const struct sip_msg *, struct pbx_identity_letter *, struct sip_edits *);
/* An anonymous From (RFC 3323 4.1.1.3): its owner is known by his password alone. */
bool pbx_identity_is_anonymous(const struct sip_uri *);

#endif
