/*
 * call/registration.h - keeps one contact bound at a registrar.
 *
 * REGISTER of RFC 3261 10.2 with digest: refreshed when four fifths of what the registrar
 * granted have passed, 423 obeyed (10.2.8), tried again after a failure with growing
 * pauses (RFC 5626 4.5: doubling, half to all of the pause by chance; Retry-After
 * obeyed), the flow kept open and registered anew when it breaks. A device that has a name for itself (`instance`) asks
 * for a GRUU and names its flow (outbound, reg-id 1), unless the first hop cannot keep it (439: then once more
 * without). The registrar's last word and whether it is final (a wrong password is) come out as states.
 *
 * Kept open (RFC 5626 3.5, 4.4): a stream by CRLF, which is answered; datagrams by STUN where the registrar has bound
 * the flow (Require: outbound), so that a NAT's change of mind is noticed, else by a CRLF that nobody answers. As often
 * as the registrar's Flow-Timer says, else as the RFC does.
 *
 * Memory: the owner embeds it; registration_free. Thread: its owner's.
 */
#ifndef CALL_REGISTRATION_H
#define CALL_REGISTRATION_H

#include "base/log.h"
#include "call/account.h"
#include "call/cause.h"
#include "sip/stack.h"

#define REGISTRATION_NAME_N   256
#define REGISTRATION_ROUTES_N 512

enum registration_state {
	REGISTRATION_OFF = 0, /* not started, or removed */
	REGISTRATION_ASKING,  /* the first REGISTER is out */
	REGISTRATION_UP,
	REGISTRATION_DOWN,    /* the last attempt failed; tries again at due() */
	REGISTRATION_REFUSED, /* wrong password, unknown user: tries no more */
	REGISTRATION_LEAVING, /* the removal is out */
};

struct registration_settings {
	struct sip_stack *stack;
	struct account *account;
	struct rng *rng;
	const struct log *log;
	struct sip_target target; /* of the registrar; `name` must live as long as this */
	str aor;                  /* "sip:101@pbx.example"; copied */
	str registrar;            /* Request-URI, "sip:pbx.example"; copied */
	str software;             /* User-Agent; must live as long as this */
	str instance;       /* "urn:uuid:..": this device, over restarts (RFC 5626 4.1): asks for a GRUU, and names
			     * its flow; empty: none; must live as long as this */
	str features;       /* further parameters of its Contact, each with its ';' (RFC 3840); as long as this */
	uint32_t expires_s; /* asked for; 0: 600 */
	uint64_t cookie;    /* for its transactions */
};

struct registration {
	struct registration_settings settings; /* private but for state, status, cause, flow */
	enum registration_state state;
	enum call_cause cause; /* DOWN, REFUSED */
	int status;            /* the registrar's last final status; 0: it said nothing */
	struct flow flow;      /* UP: where its answer came from, and our calls will */
	/* UP, of the last answer; empty: none given. The GRUU (RFC 5627) is the Contact of our calls, the routes
	 * (RFC 3608, values with commas between) are the Route of requests outside of dialogs. */
	char gruu[REGISTRATION_NAME_N], routes[REGISTRATION_ROUTES_N];
	char aor[REGISTRATION_NAME_N], registrar[REGISTRATION_NAME_N], contact[REGISTRATION_NAME_N];
	char call_id[24], tag[12];
	uint32_t cseq, expires_s;
	handle client;
	bool leaving, plain; /* plain: the way to the registrar keeps no flows (439) */
	bool outbound;       /* UP: the registrar has bound our flow, and answers STUN */
	unsigned answered;   /* what of the account the last request carried */
	unsigned tries, failures;
	usec refresh_at, ping_at, give_up_at;
	usec ping_every; /* at most; 4.4: each pause is four fifths to all of it, by chance */
};

/* ERR_LIMIT: names too long. */
MUST_CHECK enum err registration_init(struct registration *, const struct registration_settings *);
void registration_free(struct registration *);
/* Registers `contact` (a URI), now or anew. */
void registration_start(struct registration *, str contact, usec now);
/* Removes the binding (Expires: 0); OFF follows, also where nobody answers. */
void registration_stop(struct registration *, usec now);
/* An event of the stack with our cookie, or FLOW_GONE of any flow. true: state, status or cause is news. */
bool registration_recv(struct registration *, const struct sip_event *, usec now);
/* true: as above. */
bool registration_tick(struct registration *, usec now);
usec registration_due(const struct registration *);

#endif
