/*
 * pbx/policy.h - the administrator's rules: who may call whom, when, how many at once, at what rate.
 *
 * Rules stand in the order of their file (pbx/policy_file.h, docs/policy.md). A question - one request outside
 * of a dialog - goes through them until one decides: allow, refuse, redirect, or a way to send it by. Rules that only
 * change the number or count say nothing of that, and the next ones go on. Where none decides, the exchange does what
 * it would without rules. What the settings forbid a rule cannot allow, but for a way that a rule names itself.
 *
 *     struct pbx_question q = { ... };
 *     while (pbx_policy_judge(p, &q, &verdict) == PBX_POLICY_COUNT)
 *             pbx_policy_counted(p, &q, &verdict, is there room within verdict.limit?);
 *     verdict.action ...
 *
 * Limits are kept elsewhere (pbx/tally.h), for calls of all workers count together.
 *
 * Memory: one arena, freed by pbx_policy_free. A question belongs to its asker and must not move while in use.
 * Thread: its owner's (each worker has a copy of its own; stats are counted in it).
 */
#ifndef PBX_POLICY_H
#define PBX_POLICY_H

#include "base/addr.h"
#include "base/arena.h"
#include "base/civil.h"
#include "sip/header.h"

#define PBX_POLICY_RULES_MAX   2000
#define PBX_POLICY_NAME_MAX    64
#define PBX_POLICY_LIMITS_MAX  4   /* of a rule */
#define PBX_POLICY_USER_MAX    200 /* bytes of a user part that rules look at; longer ones fit no pattern but `*` */
#define PBX_POLICY_TARGETS_MAX 8   /* of a redirection */

/* Who asks, as the exchange has found out before. Bits. */
enum pbx_caller {
	PBX_CALLER_LOCAL = 1,    /* a user here: its password was right, or its source is trusted */
	PBX_CALLER_STRANGER = 2, /* what it says of itself is not proved */
	PBX_CALLER_TRUSTED = 4,  /* a stranger from an address that needs no password */
	PBX_CALLER_TRUNK = 8,    /* the trunk's account, speaking for somebody else */
};

/* ---- what a rule is made of ---- */

/* One of a list, by `kind`. */
struct pbx_pattern {
	enum pbx_pattern_kind {
		PBX_PATTERN_USER,  /* of our domain: user */
		PBX_PATTERN_RANGE, /* of our domain, a number: user .. last, of as many digits */
		PBX_PATTERN_AT,    /* user at host; user empty: any */
		PBX_PATTERN_GROUP, /* anyone of `group` */
	} kind;
	str user, last, host; /* '?' is one digit, '*' at the end the rest; a host may begin with "*." or be "*" */
	const struct pbx_people *group;
};

struct pbx_people {
	str name; /* of a group */
	bool not ;
	uint8_t classes;   /* enum pbx_caller; as callee: LOCAL ours, STRANGER another domain */
	bool any_first;    /* else `first` has a bit for each byte that a user part may begin with */
	uint64_t first[4]; /* lets most rules go by at one glance */
	const struct pbx_pattern *list;
	size_t n;
};

struct pbx_nets {
	bool not ;
	const struct pbx_net {
		struct addr net;
		unsigned bits;
	} * list;
	size_t n;
};

/* Minutes of a day, days of the week, days of the year; all must fit. A span over midnight belongs to the day on which
 * it begins. */
struct pbx_span {
	uint8_t weekdays;              /* bit 0: Sunday; 0: any */
	uint16_t from, until;          /* minutes; until 1440: the end; from > until: over midnight */
	int32_t first_date, last_date; /* yyyymmdd, or mmdd: each year; 0: any */
	const struct pbx_hours *hours; /* a named list instead */
};

struct pbx_hours {
	str name;
	bool not ;
	const struct pbx_span *list;
	size_t n;
};

enum pbx_each { PBX_EACH_RULE, PBX_EACH_CALLER, PBX_EACH_CALLEE, PBX_EACH_SOURCE };

struct pbx_limit {
	uint32_t most;
	bool requests; /* any method counts, not only INVITE */
	usec span;     /* 0: at once */
	enum pbx_each each;
	bool next; /* beyond: the rule does not fit; else refused: */
	uint16_t status;
	str text;
};

enum pbx_policy_action {
	PBX_POLICY_NONE = 0, /* goes on to the next rule; as a verdict: no rule has decided */
	PBX_POLICY_ALLOW,
	PBX_POLICY_REFUSE,
	PBX_POLICY_REDIRECT,
	PBX_POLICY_VIA,
};

enum pbx_redirect_kind {
	PBX_REDIRECT_URIS,
	PBX_REDIRECT_CONTACTS /* of the location service */,
	PBX_REDIRECT_SERVERS /* by DNS */
};

struct pbx_rule_stats {
	uint64_t decided, refused, over; /* questions that ended here; of these, with a no; with a limit reached */
};

struct pbx_rule {
	str name; /* as given, or "line 12" */
	uint32_t line;
	uint32_t methods; /* bits of enum sip_method; 0: any */
	struct pbx_people from, to;
	struct pbx_nets source;
	struct pbx_hours at;
	bool has_from, has_to, has_at;
	bool local_only; /* it leads outside, and nobody from there is named in `from` */
	/* number */
	uint8_t strip;
	str add;
	str become; /* "USER", "USER@HOST"; {user} is the number so far; empty: no change */
	struct pbx_limit limits[PBX_POLICY_LIMITS_MAX];
	size_t limit_n;
	enum pbx_policy_action action;
	uint16_t status; /* REFUSE, REDIRECT */
	str text;        /* REFUSE: for people; may be empty */
	enum pbx_redirect_kind redirect;
	str targets[PBX_POLICY_TARGETS_MAX]; /* REDIRECT: URIs with {user} in them */
	size_t target_n;
	str via; /* a URI, or "trunk" */
	struct pbx_rule_stats stats;
};

struct pbx_policy {
	struct arena arena;
	struct civil_zone zone;
	str zone_name;
	usec longest; /* a call whose end is not seen is over after this */
	struct pbx_rule *rules;
	size_t rule_n;
	bool counts;    /* any rule has a limit */
	uint32_t users; /* questions in hand: its owner's count */
};

/* ---- a question ---- */

struct pbx_question {
	enum pbx_caller caller;
	str user, host; /* caller: what From says, escapes undone; proved only where `caller` says so */
	struct addr source;
	str callee, callee_host; /* escapes undone; changed by rules */
	bool callee_ours;        /* of our domain */
	str domain;              /* ours */
	uint8_t method;          /* enum sip_method */
	usec now;
	/* Hears of every rule that is looked at: NULL, or the first condition that does not fit ("from", "to", ..).
	 * NULL: nobody listens. */
	void (*watch)(void *self, const struct pbx_rule *, const char *misfit);
	void *watcher;
	/* private: */
	size_t at;       /* rule */
	uint8_t counted; /* limits of it that have room */
	uint8_t callee_at;
	bool ready, timed, too_long;
	bool opened;                     /* and its domain is one that a rule has named */
	bool changed;                    /* the callee is no longer what was asked for */
	const struct pbx_limit *reached; /* and so it is refused */
	struct civil_time time;
	str plain[2]; /* caller's and callee's user as patterns see it */
	char plain_text[2][PBX_POLICY_USER_MAX];
	char callee_text[2][PBX_POLICY_USER_MAX];
};

enum pbx_policy_next { PBX_POLICY_DECIDED, PBX_POLICY_COUNT };

struct pbx_decision {
	enum pbx_policy_action action;
	struct pbx_rule *rule;         /* NULL: none has decided */
	const struct pbx_limit *limit; /* COUNT: take one of these; REFUSE: the one that was reached, or NULL */
	int status;
	str text;
};

/* DECIDED: that is it. COUNT: see above. */
enum pbx_policy_next pbx_policy_judge(struct pbx_policy *, struct pbx_question *, struct pbx_decision *);
void pbx_policy_counted(struct pbx_policy *, struct pbx_question *, const struct pbx_decision *, bool room);
/* Is it the right thing to count for this limit: INVITE, or any? Others pass without. */
bool pbx_limit_counts(const struct pbx_limit *, const struct pbx_question *);
/* What this limit of the rule counts by: bytes that differ from those of every other limit, and of every other caller,
 * callee or source where it is `each`; the same after a reload while the rule keeps its name. */
void pbx_limit_key(const struct pbx_rule *, const struct pbx_limit *, const struct pbx_question *, struct buf *);
/* A target of a redirection, or a user that `become` gives, with {user} filled in. `escape`: as a URI has it. */
void pbx_policy_fill(str pattern, str user, bool escape, struct buf *);
/* Warning and Reason lines (RFC 3261 20.43, RFC 3326) that name the rule; CRLF between them. */
void pbx_decision_lines(const struct pbx_decision *, struct buf *);

/* "rule NAME", with what is counted, "lunch: 2 calls at once each caller". */
void pbx_limit_write(const struct pbx_limit *, struct buf *);
/* Takes over the counts of rules that are called the same. */
void pbx_policy_inherit(struct pbx_policy *, const struct pbx_policy *old);
void pbx_policy_free(struct pbx_policy *);

/* Does the pattern fit? Any case. '?' one digit, '*' at the end the rest. */
bool pbx_pattern_fits(str pattern, str text);

#endif
