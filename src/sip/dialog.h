/*
 * sip/dialog.h - what two user agents share for as long as they talk.
 *
 * Dialogs of RFC 3261 section 12, both sides: identity (Call-ID, local and remote tag),
 * CSeq numbers, remote target (refreshed by INVITE and UPDATE, RFC 6141 3.), route set,
 * early and confirmed state, and forks: several dialogs may grow from one INVITE,
 * told apart by the remote tag. Usages (call, subscription) sit on top; when the last
 * usage ends, so does the dialog, and who counts them is the owner.
 *
 * A dialog is found by its three names alone, never by Request-URI or Contact: a GRUU or
 * a rewritten contact in a BYE is no reason to miss it.
 *
 * Memory: sip_dialog_new copies what it needs; sip_dialog_free accepts NULL. Thread: its owner's.
 */
#ifndef SIP_DIALOG_H
#define SIP_DIALOG_H

#include "sip/edit.h"

enum sip_dialog_state { SIP_DIALOG_EARLY = 1, SIP_DIALOG_CONFIRMED, SIP_DIALOG_ENDED };

#define SIP_DIALOG_ROUTE_MAX 32

struct sip_dialog {
	enum sip_dialog_state state;
	bool caller; /* we sent the request that made it */
	bool secure; /* made over TLS by a sips: URI (12.1.1) */
	str call_id, local_tag, remote_tag;
	str from, to; /* values for our requests, tags included */
	str target;   /* remote target URI: of the far side's last Contact */
	str routes[SIP_DIALOG_ROUTE_MAX];
	size_t route_n;
	uint32_t local_cseq;                    /* of our last request; 0: none yet */
	uint32_t remote_cseq;                   /* of theirs; 0: none yet */
	char *names, *target_text, *route_text; /* private: where the texts above are */
};

/*
 * The caller's side: from our request and a 101..299 answer with a To tag (12.1.2). State by the answer: early or
 * confirmed. NULL: no memory, or the answer makes no dialog (no tag; more than SIP_DIALOG_ROUTE_MAX routes). A
 * missing Contact leaves the Request-URI of our request as target.
 */
struct sip_dialog *sip_dialog_new_caller(struct sip_msg *request, struct sip_msg *response);
/* The callee's side (12.1.1): from their request and the tag we give. Early; sip_dialog_confirm when our 2xx goes out.
 */
struct sip_dialog *sip_dialog_new_callee(struct sip_msg *request, str local_tag, bool secure);
void sip_dialog_free(struct sip_dialog *);

/* A further answer to the request that made our side of it: 1xx refresh the target, a 2xx confirms and settles the
 * route set anew (13.2.2.4). ERR_MEMORY, ERR_LIMIT: unchanged. */
MUST_CHECK enum err sip_dialog_recv_response(struct sip_dialog *, struct sip_msg *response);
void sip_dialog_confirm(struct sip_dialog *);
void sip_dialog_end(struct sip_dialog *);

/* Is this message of this dialog (12.2.2)? Requests are theirs, responses answers to ours. Looks at Call-ID and tags
 * only. A tag-less RFC 2543 peer has an empty remote tag. */
bool sip_dialog_match(const struct sip_dialog *, struct sip_msg *);
/* A key for a map of dialogs: the same for sip_dialog_hash(d, key) and for the messages that match it. */
uint64_t sip_dialog_hash(const struct sip_dialog *, const uint64_t key[2]);
uint64_t sip_dialog_hash_msg(struct sip_msg *, const uint64_t key[2]);

/*
 * A request of theirs inside the dialog (12.2.2). 0: fine, and its CSeq is taken; INVITE, UPDATE and SUBSCRIBE/NOTIFY
 * with a Contact have refreshed the target. 500: out of order; 481: ended. ACK and CANCEL are never refused for
 * their CSeq. The 2xx of a refreshing request of ours: sip_dialog_refresh.
 */
int sip_dialog_recv_request(struct sip_dialog *, struct sip_msg *request);
/* A 2xx to a re-INVITE, UPDATE or SUBSCRIBE of ours refreshes the target by its Contact. ERR_MEMORY. */
MUST_CHECK enum err sip_dialog_refresh(struct sip_dialog *, struct sip_msg *response);

/*
 * Fills in a new request inside the dialog (12.2.1.1): uri, routes (loose and strict), from, to, call_id and the next
 * CSeq, or `cseq` where that is not 0 (the INVITE's, for its ACK). The rest of *out (contact, lines, body) is empty and
 * the caller's; then sip_request_write(). Texts point into the dialog and `scratch`. ERR_MEMORY: no room in scratch;
 * ERR_STATE: ended (ACK and BYE still go).
 */
MUST_CHECK enum err sip_dialog_request(struct sip_dialog *, str method, uint32_t cseq, struct sip_request *out,
				       struct arena *scratch);
/* Where a request of this dialog goes first: the top route or the target (8.1.2). false: it is no URI that we know. */
bool sip_dialog_next_hop(const struct sip_dialog *, struct sip_uri *out);

#endif
