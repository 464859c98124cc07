/*
 * pbx/server_parts.h - what the files of the exchange share. Included by pbx/server*.c only.
 *
 * server.c is the service and its start, server_restore.c what it reads before it listens, server_wants.c what it asks
 * of others, server_job.c a request in work; server_gate.c hears or does not hear what comes; server_way.c reads where
 * a request wants to go and whether it may; server_brief.c is nearly every REGISTER, server_register.c the others;
 * server_binding.c carries them out at the shard, server_removal.c what an administrator takes away, server_batch.c has
 * the keeper write it, server_subscribe.c tells who watches; server_relay.c decides about all other requests;
 * server_fork.c to whom first and to whom then, server_early.c says who has stopped ringing; server_recurse.c about
 * those whom a 3xx names; server_story.c keeps its history; server_send.c sends them on, server_dialog.c with our
 * Record-Route, and along it no further than it leads; server_hunt.c to one server
 * after the other where a name has several; server_answer.c passes back what comes of it. server_rules.c asks the
 * administrator's rules about what has been read so far, server_redirect.c tells callers where to go themselves,
 * server_explain.c says why, to who asks.
 */
#ifndef PBX_SERVER_PARTS_H
#define PBX_SERVER_PARTS_H

#include "base/heap.h"
#include "base/map.h"
#include "pbx/backlog.h"
#include "pbx/best.h"
#include "pbx/crossed.h"
#include "pbx/figures.h"
#include "pbx/flood.h"
#include "pbx/gruu.h"
#include "pbx/guard.h"
#include "pbx/history.h"
#include "pbx/identity.h"
#include "pbx/location.h"
#include "pbx/moved.h"
#include "pbx/note.h"
#include "pbx/numbers.h"
#include "pbx/offer.h"
#include "pbx/overload.h"
#include "pbx/policy.h"
#include "pbx/preference.h"
#include "pbx/recorder.h"
#include "pbx/reg_watch.h"
#include "pbx/registrar.h"
#include "pbx/repeat.h"
#include "pbx/seats.h"
#include "pbx/server.h"
#include "pbx/session_timer.h"
#include "pbx/settings.h"
#include "pbx/sieve.h"
#include "pbx/sips.h"
#include "pbx/stream_book.h"
#include "pbx/tally.h"
#include "pbx/target.h"
#include "pbx/tel.h"
#include "pbx/throttle.h"
#include "pbx/token.h"
#include "pbx/tracer.h"
#include "sip/locate.h"
#include "sip/stack.h"
#include "store/keeper.h"

#define PBX_WANTS_MAX       100000
#define PBX_PATIENCE        (5 * USEC_PER_SEC)  /* for the keeper, a name, another worker */
#define PBX_KEEPER_PATIENCE (10 * USEC_PER_SEC) /* then what it has is unknown, and it is told anew */
#define PBX_FLOW_GRACE      (30 * USEC_PER_SEC) /* for a keep-alive that is late (RFC 5626 4.4.1) */
#define PBX_TRIES           24                  /* facts that one request may have to wait for */
#define PBX_HEDGE_INVITE    (500 * USEC_PER_MS) /* T1: a server sends 100 at once, so one that is silent is not there */
#define PBX_HEDGE_OPEN      (250 * USEC_PER_MS) /* RFC 8305 5.: a connection that is not up by then */
#define PBX_HEDGE_OTHER     (2 * USEC_PER_SEC)  /* no answer to three datagrams */
#define PBX_WRONG_AFTER     (150 * USEC_PER_MS) /* the keeper is quicker, and no 100 has been said yet */
#define PBX_SPARE_MAX       128
#define PBX_BRANCHES_MAX    40 /* of one request: contacts, servers of names, redirections */
#define PBX_RETARGETS_MAX   10 /* that one request follows */
#define PBX_RETARGET_DEPTH  5  /* redirections one after the other */
#define PBX_BREADTH         60 /* RFC 5393 5.3.3: where a request says nothing, and the most */
#define PBX_BREADTH_TEXT    "60"
#define PBX_CHALLENGES      4096 /* bytes of the challenges of all branches */
#define PBX_CHALLENGE       1300 /* bytes of our challenge lines */
#define PBX_LINE_WINDOW     1024 /* registrations with the keeper at once, before others wait in line */
#define PBX_LINE_STEP       64   /* that go on between two looks at what has come */
#define PBX_LINE_MORE       16   /* messages between two looks: then more of them wait unread, and */
#define PBX_LINE_TURN       1024 /* so many are read before the line has a turn */
#define PBX_CHALLENGE_REST  60   /* what an answer says besides them and what it repeats */

struct pbx_want {
	struct host_want want;
};

enum pbx_branch_state {
	PBX_BRANCH_NEW,   /* its group's turn has not come */
	PBX_BRANCH_SPARE, /* another flow of an instance that is tried by one (RFC 5626 5.3) */
	PBX_BRANCH_RESOLVING,
	PBX_BRANCH_OPEN,
	PBX_BRANCH_CLOSED
};

/* The servers of a name (RFC 3263), tried in turn. Branches that share it are tries of one and the same. */
struct pbx_hunt {
	handle search;
	struct sip_found found;
	size_t next;
	bool heard;  /* one of them answers */
	bool spared; /* one of them has asked for less (pbx/throttle.h) */
};

/* A target that a 3xx has named (16.7 step 4). It becomes branches at its turn. */
struct pbx_retarget {
	struct pbx_retarget *after;
	const struct pbx_branch *by; /* who redirected, with */
	uint16_t status;
	uint16_t q;
	uint8_t group, depth; /* redirections that led to it */
	bool taken;           /* its turn has come */
	uint8_t told;         /* by its Contact: 1: the user stays the same (RFC 7044 "rc"), 2: another ("mp"); 0 */
	struct pbx_history_entry *history;
	str uri;
};

/* One place that a request is sent to. */
struct pbx_branch {
	struct pbx_branch *after; /* in the job's list */
	struct pbx_branch *spare; /* what is tried when this flow is dead; NULL: nothing */
	uint8_t state;            /* enum pbx_branch_state */
	uint8_t group;            /* those of one ring together, the lowest first */
	bool outside;             /* leads to no user of ours, or a stranger asks */
	bool stopped;             /* CANCEL is out: it is not tried elsewhere */
	bool given_up;            /* because its time is over */
	bool bound;               /* to a binding: a phone of ours answers */
	uint16_t breadth;         /* its share of Max-Breadth (RFC 5393 5.3); 0: all of it */
	handle client;
	const struct pbx_retarget *of;     /* the redirection that led to it; NULL: the request's own target */
	struct pbx_history_entry *history; /* what History-Info says of it */
	str uri;                           /* the Request-URI it gets */
	str next;                          /* URI of the next hop; empty: uri */
	str path;                          /* Path values, to become Route */
	struct flow flow;                  /* transport 0: by address */
	struct pbx_hunt *hunt;             /* of a name; NULL: an address or a flow */
	struct sip_place place;            /* which of the hunt's; transport 0: not known yet */
	usec hedge_at;                     /* when the next one is tried beside it */
	bool opening;                      /* then only where its connection is not up */
};

/* What only some jobs need, in the arena: several groups, several challenges, a redirection. */
struct pbx_fork {
	usec group_until; /* then the next group's turn comes */
	uint16_t breadth; /* Max-Breadth of the request */
	uint8_t group;    /* that rings now */
	bool limited;     /* some of the group wait for breadth */
	bool busy;        /* the next ones are being begun */
	uint8_t retarget_n;
	struct pbx_retarget *retargets, *turn; /* all; the one that is being decided */
	uint16_t before;                       /* branches there were when its turn began */
	str contacts;                          /* of 3xx, for the caller itself */
	handle best_of;                        /* whose answer job->best is, where it is a challenge */
	struct pbx_best_challenge *challenges;
	struct pbx_history *history; /* NULL: none is kept */
	bool tells;                  /* the caller is told it, too */
	str story;                   /* what the last 2xx has told of it */
	struct pbx_early *early;     /* dialogs of those that ring (server_early.c) */
};

struct pbx_ruling;      /* server_rules.c */
struct pbx_redirection; /* server_redirect.c */

enum pbx_job_kind { PBX_JOB_REGISTER = 1, PBX_JOB_RELAY, PBX_JOB_ACK };

/* A request in work, until its final answer. */
struct pbx_job {
	handle self, server;
	enum pbx_job_kind kind;
	struct heap_item timer; /* set while it waits for a fact */
	struct heap_item hedge; /* the earliest hedge_at of its branches, or the end of its group's time */
	struct flow flow;       /* the way it came */
	bool invite, cancelled, answered, forked;
	bool outside;    /* a stranger asks */
	bool early;      /* its caller wants to know of early dialogs that end (RFC 6228) */
	bool told;       /* its caller was told who the callee is, as neighbours are */
	bool wrong;      /* waits only to be told that its password was */
	uint64_t repeat; /* REGISTER over datagrams: its name (pbx/repeat.h) */
	usec since;      /* when it came */
	bool local;      /* a user asks: `proved`, or who From says where he is believed */
	bool sips;       /* its Request-URI is one: TLS all the way */
	bool in_clear;   /* there is a way, but not over TLS, which a sips URI demands */
	uint8_t tries;
	str asked;                  /* the account that the keeper is asked for */
	str proved;                 /* whose password was right: judged once, as a nonce count comes only once */
	struct pbx_note *places[2]; /* what another shard found: target, trunk */
	struct sip_msg *own;        /* ACK: its copy while a name is looked up */
	struct sip_msg *best;       /* the best final answer so far */
	str from;                   /* the From of who is anonymous beyond here; empty: as it is */
	struct pbx_session_timer session;
	struct pbx_ruling *ruling; /* what the rules say of it; NULL: not asked. In the arena, as is: */
	struct pbx_redirection *redirection;
	handle seats;     /* what it holds of limits; 0: nothing */
	int local_status; /* ours, where nobody answered: 408, 480; 0: none */
	struct arena arena;
	struct pbx_branch *branches; /* in the arena, as their next ones */
	struct pbx_fork *fork;       /* in the arena; NULL: nothing out of the ordinary */
	uint16_t branch_n, open;     /* open: also a target that is being decided */
	uint16_t wishes;             /* enum pbx_wish */
	uint64_t target;             /* of the dialog that its caller was told of last (pbx/token.h); 0: of none */
};

/* What a 2xx needs to know that comes when its job is over: again, or of another who was rung (RFC 6026 7.1). As long
 * as the INVITE's transaction, whose cookie says so (pbx_answer_is_after). */
struct pbx_after {
	struct pbx_session_timer session;
	struct addr caller;
	bool local;  /* a user of ours */
	str from;    /* its own; empty: as it is. The owner of its bytes: */
	char *texts; /* those, and */
	str story;   /* what its History-Info was; empty: as it is */
};

/* A change of this shard's table that the keeper is writing; the next of the same address waits behind. */
struct pbx_op {
	handle self;
	struct map_node node; /* the one in work, by aor */
	struct pbx_op *next;  /* waiting */
	struct pbx_op *after; /* in its batch */
	struct pbx_note *note;
	bool brought;       /* its one change is to put note->change.rows[0] as it is */
	bool alone;         /* that was done, and nothing else is bound */
	uint32_t n, before; /* its changes in the batch; those before it that nobody waits for */
};

/* The changes of one turn: being collected, then with the keeper. */
struct pbx_batch {
	handle self;
	struct contact_batch changes;
	struct pbx_op *first, **last; /* whose they are, in order */
	uint32_t unowned;             /* changes behind the last of these */
	struct heap_item timer;       /* the keeper should have answered */
	bool tried;                   /* 100 has been said */
};

struct pbx_server {
	struct pbx_config config;
	struct sip_stack *stack;
	struct sip_tap tap;
	struct sip_gate gate;
	struct pbx_flood *flood;
	struct pbx_overload overload;
	struct pbx_throttle throttle;
	struct pbx_sieve sieve;
	struct pbx_backlog backlog; /* datagrams of registrations that wait their turn, and */
	handle *line;               /* jobs of others that came otherwise, PBX_OVERLOAD_LINE of them */
	size_t line_at, line_n;
	bool serving;          /* the one in hand has waited */
	size_t heard, owed;    /* messages since the last look at the line; since its last turn, before that */
	unsigned load_percent; /* told to neighbours, */
	usec load_told;        /* then; 0: not yet */
	struct pbx_location *location;
	struct pbx_guard *guard;
	struct pbx_backoff *backoff; /* the guard's */
	struct pbx_offers offers;
	struct pbx_repeats repeats; /* of REGISTER */
	struct pbx_crossed crossed;
	struct pbx_policy *policy; /* NULL: there are no rules */
	struct pbx_tally *tally;
	struct pbx_seats *seats;
	uint64_t count_key[2];         /* the same in all workers */
	struct pbx_settings *settings; /* those that came last; NULL: none yet. The config points into it */
	struct pbx_recorder *recorder;
	struct pbx_tracer *tracer;
	struct pbx_hep *hep; /* NULL: no capture server */
	struct pbx_token_keys tokens;
	struct pbx_moved moved;
	struct pbx_gruus *gruus;
	struct pbx_subscriptions *subscriptions;
	struct pbx_numbers *numbers; /* of accounts that stand for many */
	bool reading_contacts, reading_numbers, numbers_stale;
	int64_t removals; /* the store's removals up to this one are known, */
	bool have_removals, reading_removals, removals_stale;
	struct pbx_stream_book *book;  /* of the streams that this worker holds */
	struct pbx_reg_watch *watches; /* of this shard */
	struct slab jobs, ops, batches, afters;
	struct pbx_batch *turn; /* the batch that is being filled; NULL: there is nothing in it */
	struct contact_batch spare_changes;
	struct map busy; /* ops in work, by aor */
	struct heap timers, hedges, batch_timers;
	struct sip_locate *locate;
	struct pbx_note *spare[PBX_SPARE_MAX]; /* notes to be used again */
	size_t spare_n;
	struct pbx_want *wants;
	size_t want_at, want_n, want_cap;
	uint32_t listener_ids[PBX_LISTENERS_MAX];
	bool begun, have_realm, have_contacts, have_numbers, up, stopping, stop_said;
	usec retry_at; /* until it is up */
	uint64_t key[2];
	struct pbx_server_stats stats;
};

struct pbx_way;

/* ---- server_wants.c ---- */

/* Takes the message, also on failure (it is freed then). false: there is no room. */
bool pbx_server_ask(struct pbx_server *, struct keeper_ask *);
/* Takes the note. false: there is no room, and nobody hears of it. */
bool pbx_server_tell(struct pbx_server *, uint16_t worker, struct pbx_note *, usec now);
/* pbx_note_new and pbx_note_free, out of and into a small stock. */
struct pbx_note *pbx_server_note(struct pbx_server *, enum pbx_note_kind);
void pbx_server_drop_note(struct pbx_server *, struct pbx_note *);
/* One more thing wanted of the host, to be filled in. NULL: there is no room. */
struct pbx_want *pbx_server_want(struct pbx_server *);
void pbx_server_drop_wants(struct pbx_server *); /* at the end */

/* ---- server.c ---- */

/* A note has come. Takes it. */
void pbx_server_told(struct pbx_server *, struct pbx_note *, usec now);
/* Hears what the stack has to say. */
void pbx_server_pump(struct pbx_server *, usec now);

/* ---- server_job.c ---- */

struct pbx_job *pbx_job_new(struct pbx_server *, enum pbx_job_kind, const struct sip_event *);
/* The same for a new request, and its transaction. NULL: there is no room, and it has been answered. */
struct pbx_job *pbx_job_begin(struct pbx_server *, enum pbx_job_kind, const struct sip_event *, usec now);
void pbx_job_free(struct pbx_server *, struct pbx_job *);
/* It waits for a fact from now on; the request in hand is kept. false: it has waited too often. */
bool pbx_job_wait(struct pbx_server *, struct pbx_job *, usec now);
/* Asks the keeper for an account and waits; the answer decides the job anew. */
void pbx_job_ask_user(struct pbx_server *, struct pbx_job *, struct sip_msg *, str name, usec now);
/* Answers with a status and ends the job. `reason` empty: the usual; `lines` further header lines. `msg` may be NULL.
 */
void pbx_job_reply(struct pbx_server *, struct pbx_job *, struct sip_msg *msg, int status, str reason, str lines,
		   usec now);
/* pbx_guard_judge for this job, once. */
enum pbx_guard_answer pbx_job_judge(struct pbx_server *, struct pbx_job *, struct sip_msg *, bool proxy, usec now,
				    str *name);
/* pbx_guard_judge, and what follows of it for its source. */
enum pbx_guard_answer pbx_job_judge_source(struct pbx_server *, struct sip_msg *, const struct flow *, bool proxy,
					   usec now, str *name);
/* The lines of a challenge, not too many for who has said so little. */
void pbx_job_write_challenge(struct pbx_server *, const struct sip_msg *, const struct flow *, bool simple, bool proxy,
			     bool stale, usec now, struct buf *out);
/* 401 or 407. */
void pbx_job_challenge(struct pbx_server *, struct pbx_job *, struct sip_msg *, bool proxy, bool stale, usec now);
/* A wrong password, or no such user: 403, PBX_WRONG_AFTER the request came, so that nobody can tell by the time whether
 * the keeper had to be asked, or what for. */
void pbx_job_wrong(struct pbx_server *, struct pbx_job *, struct sip_msg *, str user, usec now);
/* For log lines: the Call-ID, as sip_msg_log_id; `msg` NULL: of the kept request. */
str pbx_job_call(struct pbx_server *, const struct pbx_job *, const struct sip_msg *msg);
/* By its kind. */
void pbx_job_decide(struct pbx_server *, struct pbx_job *, struct sip_msg *, usec now);
/* The fact that it waits for does not come. */
void pbx_job_give_up(struct pbx_server *, struct pbx_job *, usec now);
/* A fact has come: on with it. */
void pbx_job_resume(struct pbx_server *, struct pbx_job *, usec now);
/* The request again, as it came, and where it wants to go. NULL: nobody waits for it any more. */
struct sip_msg *pbx_job_read(struct pbx_server *, struct pbx_job *, struct pbx_way *);

/* ---- server_gate.c ---- */

/* Of struct sip_gate: may this request come in? */
enum sip_gate_answer pbx_gate_request(void *self, struct sip_msg *, const struct flow *, uint32_t *after, usec now);
/* A datagram has come. true: it waits its turn, or is a repeat of one that does or did: it has been seen to. */
bool pbx_gate_datagram(struct pbx_server *, const struct host_event *, usec now);
/* Must this registration wait its turn? true: it does, and is decided later. */
bool pbx_gate_line(struct pbx_server *, struct pbx_job *, usec now);
/* Do any? */
bool pbx_gate_is_waited_at(const struct pbx_server *);
/* Lets in some of them, as far as the keeper has not too much to do. */
void pbx_gate_serve(struct pbx_server *, usec now);
/* When the next of them can go on: at once, or when the keeper has answered. */
usec pbx_gate_due(const struct pbx_server *);
/* Charges the job's source, where it has not proved itself and is not trusted. */
void pbx_gate_charge(struct pbx_server *, const struct pbx_job *, unsigned units, usec now);
void pbx_gate_charge_source(struct pbx_server *, const struct flow *, unsigned units, usec now);
/* Need the REGISTER in hand not wait in line? Whoever does it counts it: */
bool pbx_gate_is_free(struct pbx_server *, usec now);
void pbx_gate_done(struct pbx_server *, usec now);

/* It has proved itself by a password, and speaks for its source. */
void pbx_gate_prove(struct pbx_server *, const struct flow *, usec now);
/* Other workers are told who has guessed a password, and who knew his. */
void pbx_gate_tell(struct pbx_server *, usec now);
/* PBX_NOTE_GUESSES. */
void pbx_gate_hear(struct pbx_server *, str words, usec now);

/* ---- server_way.c ---- */

enum pbx_way_kind {
	PBX_WAY_SELF = 1, /* to the exchange itself */
	PBX_WAY_USER,     /* to an address of record: aor, name */
	PBX_WAY_NETWORK,  /* to a domain behind the trunk */
	PBX_WAY_FOREIGN,  /* to a domain that is none of ours */
	PBX_WAY_DIALOG,   /* inside a dialog that we record-routed */
};

struct pbx_way {
	enum pbx_way_kind kind;
	struct sip_uri uri; /* the Request-URI, repaired where a strict router had moved it */
	bool repaired;      /* the last Route value goes */
	size_t pop;         /* own Route values on top */
	str next;           /* the Route that is next; empty: none */
	bool next_is_loose;
	struct flow flow; /* DIALOG: transport 0: by address */
	bool outside;     /* DIALOG: its caller was a stranger */
	bool has_gruu;    /* USER, DIALOG: it is for one phone of aor's */
	struct pbx_gruu gruu;
	struct pbx_token token; /* DIALOG: the last of ours, which leads on */
	char aor_text[PBX_AOR_MAX], name_text[USER_NAME_MAX], number_text[USER_NAME_MAX];
	str aor, name; /* USER; DIALOG where it has a GRUU */
	str number;    /* of the account `name`, which was asked for by it (RFC 6140); empty: by its name */
	char tel_text[PBX_TEL_MAX];
};

/* Is this host (and port, where it is an address) us? */
bool pbx_way_is_self(const struct pbx_server *, const struct sip_uri *, const struct flow *);
/* A connection is up: is its far side one of `tls_peers`? flow.peer of what comes by it says so then. */
void pbx_way_meet(struct pbx_server *, const struct sip_event *);
/* The From; a tel URI as the sip URI that it means here (pbx/tel.h), which `room` holds then. */
struct pbx_from {
	struct sip_uri uri; /* private */
	char text[PBX_TEL_MAX];
};
const struct sip_uri *pbx_way_from(const struct pbx_server *, struct sip_msg *, struct pbx_from *room);
/* Is who is there said to be one of ours? Of a tel URI: is the number? */
bool pbx_way_from_here(const struct pbx_server *, struct sip_msg *, const struct flow *);
/* Does this source need no password? */
bool pbx_way_is_trusted(const struct pbx_server *, const struct flow *);
/* May a Path from there lead anywhere? A trusted neighbour's, and that of a proxy which is trusted with nothing else.
 */
bool pbx_way_may_say_path(const struct pbx_server *, const struct flow *);
/* "sip:user@domain" of a URI of ours; false: it has no user, or one that is too long. */
bool pbx_way_aor(const struct pbx_server *, const struct sip_uri *, struct buf *aor, struct buf *name);
/* 16.4, 16.5. 0, or what to answer: 416, 414, 403, 404, 484. */
int pbx_way_read(struct pbx_server *, struct sip_msg *, const struct flow *, struct pbx_way *out);
/* The same for a target that a 3xx has named. */
int pbx_way_retarget(struct pbx_server *, struct sip_msg *, const struct flow *, str uri, struct pbx_way *out);
/* Leaves of the bindings of way->aor those that the request is for: a GRUU's (RFC 5627 6.1). Returns how many. */
size_t pbx_way_narrow(const struct pbx_way *, struct contact_record *rows, size_t n);
/* A mark in our Via that is the same when the same request comes round again (16.3 step 4). */
void pbx_way_mark(const struct pbx_server *, struct sip_msg *, char out[16]);
bool pbx_way_loops(const struct pbx_server *, struct sip_msg *);

/* ---- server_register.c ---- */

void pbx_register_decide(struct pbx_server *, struct pbx_job *, struct sip_msg *, usec now);
/* 10.3 steps 3 and 4, for all that is asked of the exchange itself in the name of a user. true: he may; else it was
 * answered, or waits. */
bool pbx_register_may(struct pbx_server *, struct pbx_job *, struct sip_msg *, str name, usec now);
/* At the worker: PBX_NOTE_REGISTERED. */
void pbx_register_done(struct pbx_server *, const struct pbx_note *, usec now);

/* What the settings say. */
struct pbx_registrar_setting pbx_register_setting(const struct pbx_server *);
/* Would a contact of this request lead to ourselves? */
bool pbx_register_leads_back(const struct pbx_server *, struct sip_msg *, const struct flow *);
/* What a 200 says behind its contacts. `bound`: a flow, for who knows Outbound. true: the Flow-Timer is among it. */
bool pbx_register_write_lines(struct pbx_server *, const struct flow *, bool by_proxy, bool bound, struct buf *out);

/* ---- server_brief.c ---- */

/* true: it has been seen to, or will be. false: nothing has been done but that its password was right, where *proved
 * says whose. */
bool pbx_brief_register(struct pbx_server *, const struct sip_event *, uint64_t repeat, str *proved, usec now);
/* At the worker: PBX_NOTE_REGISTERED of a note with a head. */
void pbx_brief_done(struct pbx_server *, const struct pbx_note *, usec now);
/* The same where this worker is the shard, too, and nothing is bound but the row that was brought. */
void pbx_brief_done_alone(struct pbx_server *, const struct pbx_note *, usec now);
/* At the shard: the keeper is slow (RFC 4320 4.1). */
void pbx_brief_trying(struct pbx_server *, const struct pbx_note *, usec now);

/* ---- server_binding.c ---- */

/* At the shard: PBX_NOTE_REGISTER, PBX_NOTE_UNBIND, PBX_NOTE_REMOVE. Takes the note. */
void pbx_register_change(struct pbx_server *, struct pbx_note *, usec now);
/* The keeper has written the changes of a batch: `status` 200, and those of the op are next in the row. Or it has not:
 * an error, or 0: nobody knows. */
void pbx_binding_kept(struct pbx_server *, struct pbx_op *, struct contact_row *, int status, usec now);
/* Why bindings that are not there after this change are not: its own wish, or they made room or their flow is gone, or
 * they were taken away. */
enum pbx_reg_what pbx_binding_gone(const struct pbx_note *);
/* An address is bound to this stream: the worker that holds it notes it in its book. */
void pbx_binding_over(struct pbx_server *, str aor, const struct flow *, usec now);
/* Who registered over this stream has been told the Flow-Timer (RFC 5626 4.4): its worker closes it when it is silent
 * for longer. */
void pbx_binding_promised(struct pbx_server *, const struct flow *, usec now);
/* A stream of this worker has closed: what was bound to it is no more. */
void pbx_binding_closed(struct pbx_server *, const struct flow *, usec now);
/* An edge proxy says that there is no flow to this contact (430, RFC 5626 5.3.1). */
void pbx_binding_failed(struct pbx_server *, str aor, str uri, str path, usec now);

/* Could one open a connection to it? Not to a browser, not by a flow's own wish (RFC 5626), and not where its Contact
 * is another address than it came from. */
bool pbx_binding_is_open(const struct contact_record *);
/* Its stream has not outlived the process, and there is no other way. */
bool pbx_binding_is_lost(const struct contact_record *);

/* ---- server_restore.c ---- */

/* Asks for what is not there yet of all that must be, before the worker listens; which it does when it has come. */
void pbx_restore_ask(struct pbx_server *, usec now);
/* The contacts, where they have not been read: it is known how far the removals go. */
void pbx_restore_contacts(struct pbx_server *, usec now);
/* Numbers may have changed. */
void pbx_restore_numbers(struct pbx_server *, usec now);
/* KEEPER_REALM, _CONTACT_LIST or _NUMBER_LIST was answered. */
void pbx_restore_answered(struct pbx_server *, const struct keeper_answer *, usec now);

/* ---- server_removal.c ---- */

/* Reads what was taken away since it was asked last. The first time nothing follows of it: contacts are read after,
 * once it has been answered. */
void pbx_removal_ask(struct pbx_server *, usec now);
/* KEEPER_REMOVAL_LIST was answered: the shards' own are told, PBX_NOTE_REMOVE. */
void pbx_removal_answered(struct pbx_server *, const struct keeper_answer *, usec now);
/* At the shard, when its turn has come: PBX_NOTE_REMOVE. */
void pbx_removal_carry_out(struct pbx_server *, const struct pbx_note *, usec now);

/* ---- server_batch.c ---- */

/* One more change into the batch of this turn, wholly or not at all: first what goes, then what is put. It is kept when
 * pbx_binding_kept says so; op NULL: nobody waits for it. */
MUST_CHECK enum err pbx_batch_add(struct pbx_server *, const struct pbx_verdict *, struct pbx_op *, usec now);
/* The same for one row that is put. */
MUST_CHECK enum err pbx_batch_add_one(struct pbx_server *, const struct contact_record *, struct pbx_op *, usec now);
/* The turn is over: the keeper is asked. */
void pbx_batch_ask(struct pbx_server *, usec now);
/* KEEPER_CONTACT_BATCH was answered. Returns for how many registrations. */
size_t pbx_batch_answered(struct pbx_server *, const struct keeper_answer *, usec now);
/* Asks; and gives up what the keeper has not answered in time. */
void pbx_batch_tick(struct pbx_server *, usec now);
/* At once, where there is something to ask. */
usec pbx_batch_due(const struct pbx_server *);
void pbx_batch_free(struct pbx_server *);

/* ---- server_subscribe.c ---- */

/* A SUBSCRIBE: is it for the exchange itself? Then it is seen to. */
bool pbx_subscribe_decide(struct pbx_server *, struct pbx_job *, struct sip_msg *, const struct pbx_way *, usec now);
/* At the shard: the bindings of this address have changed; those that are gone before their time went so. */
void pbx_subscribe_touch(struct pbx_server *, str aor, enum pbx_reg_what gone, usec now);
/* At the shard: PBX_NOTE_WATCH. */
void pbx_subscribe_watch(struct pbx_server *, const struct pbx_note *, usec now);
/* At the worker: PBX_NOTE_WATCHED, and PBX_NOTE_FOUND with the token of a subscription. */
void pbx_subscribe_watched(struct pbx_server *, const struct pbx_note *, usec now);
void pbx_subscribe_found(struct pbx_server *, const struct pbx_note *, usec now);
/* What its subscriptions want. */
void pbx_subscribe_pump(struct pbx_server *, usec now);
void pbx_subscribe_tick(struct pbx_server *, usec now);

/* ---- server_relay.c ---- */

void pbx_relay_decide(struct pbx_server *, struct pbx_job *, struct sip_msg *, usec now);
/* The bindings of an address: 0.. of them in rows[PBX_CONTACTS_MAX], or -1: another shard is asked and the job waits.
 * `which` of job->places. */
int pbx_relay_places(struct pbx_server *, struct pbx_job *, int which, str aor, struct contact_record *rows, usec now);
/* The Request-URI that a contact gets: its own, or a PBX's with the number that was asked for (RFC 6140). */
str pbx_relay_request_uri(const struct pbx_server *, const struct pbx_way *, const struct contact_record *, char *room,
			  size_t cap);
/* A stream's flow, or a datagram's where the phone is not where its Contact says (NAT). */
struct flow pbx_relay_contact_way(const struct contact_record *);

/* To the account `trunk`, with the way's URI. */
void pbx_relay_to_trunk(struct pbx_server *, struct pbx_job *, struct sip_msg *, struct pbx_way *, usec now);

/* ---- server_rules.c ---- */

bool pbx_rules_start(struct pbx_server *); /* false: no memory */
void pbx_rules_stop(struct pbx_server *);
/* The rules from now on; takes them; NULL: none. What is being judged goes on by the old ones. */
void pbx_rules_set(struct pbx_server *, struct pbx_policy *);
/* Only where there are rules. true: go on, by `way` as it is now; false: the job waits, has been sent or answered. */
bool pbx_rules_pass(struct pbx_server *, struct pbx_job *, struct sip_msg *, struct pbx_way *, enum pbx_caller,
		    usec now);
void pbx_rules_end(struct pbx_server *, struct pbx_job *); /* job->ruling is not NULL */
void pbx_rules_count(struct pbx_server *, struct pbx_note *, usec now);
void pbx_rules_counted(struct pbx_server *, const struct pbx_note *, usec now);
/* Tells the tallies what calls that have begun or ended mean for them. */
void pbx_rules_pump(struct pbx_server *, usec now);
void pbx_rules_tick(struct pbx_server *, usec now);
usec pbx_rules_due(const struct pbx_server *);

/* ---- server_redirect.c ---- */

/* Is a request to this domain answered with where to go? */
bool pbx_redirect_is_wanted(const struct pbx_server *, const struct pbx_job *, str domain);
/* With these contacts; `status` 0: 302 or 300. false: nobody else can reach them, and nothing was done. */
bool pbx_redirect_rows(struct pbx_server *, struct pbx_job *, struct sip_msg *, const struct pbx_way *,
		       const struct contact_record *rows, int n, int status, usec now);
/* Answers with these `n` Contacts, and the history (RFC 7044 8.). `status` 0: by how many there are. */
void pbx_redirect_reply(struct pbx_server *, struct pbx_job *, struct sip_msg *, int status, size_t n,
			struct buf *lines, usec now);
/* The same for the user of the way, looked up. true as well where the job waits. */
bool pbx_redirect_user(struct pbx_server *, struct pbx_job *, struct sip_msg *, const struct pbx_way *, int status,
		       usec now);
/* With the servers of the way's domain, by RFC 3263. */
void pbx_redirect_domain(struct pbx_server *, struct pbx_job *, struct sip_msg *, const struct pbx_way *, int status,
			 usec now);
/* The servers have been found. false: this was not asked for here. */
bool pbx_redirect_found(struct pbx_server *, struct pbx_job *, const struct sip_found *, usec now);

/* ---- server_explain.c ---- */

void pbx_explain(const struct pbx_server *, const char *topic, const char *format, ...) PRINTF_LIKE(3, 4);
#define PBX_EXPLAIN(s, ...) ((s)->config.explain ? pbx_explain((s), __VA_ARGS__) : (void)0)
/* As pbx_job_judge, without a password. These only where somebody listens: */
enum pbx_guard_answer pbx_explain_judge(struct pbx_server *, struct pbx_job *, struct sip_msg *, bool from_here,
					str *user);
void pbx_explain_way(const struct pbx_server *, const struct pbx_way *);
void pbx_explain_caller(const struct pbx_server *, const struct pbx_job *, enum pbx_caller);
void pbx_explain_contact(const struct pbx_server *, const struct contact_record *, unsigned group, bool spare);
void pbx_explain_rule(void *server, const struct pbx_rule *, const char *misfit);
/* Always. */
void pbx_explain_verdict(const struct pbx_server *, const struct pbx_decision *, const struct pbx_question *);

/* ---- server_send.c ---- */

/* One more place for the job's request; texts are copied. `next` empty: the Request-URI leads there. It is of the first
 * group, and as far outside as the job is now. NULL: no room. */
struct pbx_branch *pbx_send_add(struct pbx_job *, str uri, str next, str path, const struct flow *);
/* To one of them, or asks for the address of its name first. false: it cannot be sent. */
bool pbx_send_branch(struct pbx_server *, struct pbx_job *, struct pbx_branch *, struct sip_msg *,
		     const struct pbx_way *, usec now);

/* "host:port;transport=tcp": where we are reached by who speaks over this flow (flow->id 0: this transport). */
void pbx_send_put_hop(struct pbx_server *, const struct flow *side, struct buf *out);
/* An ACK of a 2xx: on its way, without an answer. */
void pbx_send_ack(struct pbx_server *, const struct sip_event *, usec now);
/* The same once more, for an ACK that has waited. */
void pbx_send_ack_decide(struct pbx_server *, struct pbx_job *, struct sip_msg *, usec now);

/* ---- server_dialog.c ---- */

struct pbx_dialog_letter { /* its texts, until the edits are written */
	char record[2][400];
};

/* Do we want to stay on the way of what such a request begins? */
bool pbx_dialog_is_made(enum sip_method);
/* Our Record-Route, as this branch gets it. */
void pbx_dialog_note(struct pbx_server *, struct pbx_job *, struct sip_msg *, const struct pbx_branch *,
		     const struct sip_target *, usec now, struct pbx_dialog_letter *, struct sip_edits *);
/* The same in a NOTIFY inside a dialog. */
void pbx_dialog_note_again(struct pbx_server *, const struct pbx_job *, struct sip_msg *, const struct pbx_way *,
			   usec now, struct pbx_dialog_letter *, struct sip_edits *);
/* In an answer that came by `flow`: with where the neighbour is that gave it. The text goes to `out` and must stay
 * until the edits are written. Or, where it changes that inside a dialog, it is noted. */
void pbx_dialog_note_answer(struct pbx_server *, struct pbx_job *, struct sip_msg *, const struct flow *, usec now,
			    struct buf *out, struct sip_edits *);
/* A request inside a dialog, perhaps of a neighbour, perhaps with another Contact than before. */
void pbx_dialog_hear(struct pbx_server *, const struct pbx_job *, struct sip_msg *, const struct pbx_way *, usec now);
/* Must it not go there, though it is inside a dialog? Then that has been counted and logged. */
bool pbx_dialog_strays(struct pbx_server *, const struct pbx_job *, struct sip_msg *, const struct pbx_way *,
		       const struct pbx_branch *, const struct sip_target *, usec now);

/* ---- server_fork.c ---- */

/* To its places, group by group. */
void pbx_fork_start(struct pbx_server *, struct pbx_job *, struct sip_msg *, const struct pbx_way *, usec now);
/* This place will say nothing more. `status` why: 430 and 408 lead to the same phone's next flow. The next group may
 * begin with it, or the job end. */
void pbx_fork_close(struct pbx_server *, struct pbx_job *, struct pbx_branch *, int status, usec now);
/* Nobody further is tried. */
void pbx_fork_end(struct pbx_server *, struct pbx_job *);
/* And who rings, stops. */
void pbx_fork_cancel(struct pbx_server *, struct pbx_job *, str reason, usec now);
/* Groups whose time is over, servers that are silent. */
void pbx_fork_tick(struct pbx_server *, usec now);
/* Sets job->hedge anew. */
void pbx_fork_arm(struct pbx_server *, struct pbx_job *);
/* job->fork, made where it is not there. NULL: no room. */
struct pbx_fork *pbx_fork_of(struct pbx_job *);
/* Whoever waits and may begin now; the end where nobody is left. */
void pbx_fork_go_on(struct pbx_server *, struct pbx_job *, usec now);

/* ---- server_early.c ---- */

/* Of an INVITE: does its caller want to be told which early dialogs are over (199)? */
bool pbx_early_wanted(struct sip_msg *);
/* Where it does: a provisional answer of this branch. */
void pbx_early_note(struct pbx_job *, const struct pbx_branch *, struct sip_msg *);
/* The branch has ended so, and others go on. */
void pbx_early_end(struct pbx_server *, struct pbx_job *, const struct pbx_branch *, int status, usec now);

/* ---- server_story.c ---- */

/* Begins a history where the caller, or the settings, want one (RFC 7044). */
void pbx_story_begin(struct pbx_server *, struct pbx_job *, struct sip_msg *, const struct pbx_way *);
/* A redirection's turn has come. */
void pbx_story_retarget(struct pbx_job *, struct pbx_retarget *);
/* The branch was answered so; the message of a refusal, or NULL. */
void pbx_story_answer(struct pbx_job *, struct pbx_branch *, int status, struct sip_msg *);
/* History-Info for the request to this branch; the text goes to `out` and must stay until the edits are written. */
void pbx_story_note(struct pbx_server *, struct pbx_job *, struct pbx_branch *, struct buf *out, struct sip_edits *);
/* Is what is private of the history taken out of what goes to this branch? */
bool pbx_story_hides(const struct pbx_job *, const struct pbx_branch *);
/* History-Info for an answer to the caller, and what is left of its Privacy. */
void pbx_story_note_answer(struct pbx_job *, struct sip_msg *, struct buf *out, struct pbx_identity_letter *,
			   struct sip_edits *);
/* The header line for one that is made here, behind those in `out`; nothing where there is none. */
void pbx_story_line(struct pbx_job *, struct buf *out);
/* For each Contact of a 3xx of our own: ";rc=1" (10.4); empty where no history is told. */
str pbx_story_tag(struct pbx_job *, const char *tag, char *room, size_t cap);

/* ---- server_recurse.c ---- */

/* The contacts of a 3xx of this branch become targets where they may. true: of all of them nothing is left for the
 * caller. Those that are left are in fork->contacts. */
bool pbx_recurse_take(struct pbx_server *, struct pbx_job *, const struct pbx_branch *, struct sip_msg *);
/* The lowest group of targets whose turn has not come. false: none waits. */
bool pbx_recurse_group(const struct pbx_job *, uint8_t *group);
/* Decides about the next one of this group, as about any request. It ends in _added or _refused, now or later
 * (fork->turn is set as long). false: there is none, or one is being decided. */
bool pbx_recurse_turn(struct pbx_server *, struct pbx_job *, uint8_t group, usec now);
void pbx_recurse_added(struct pbx_server *, struct pbx_job *, usec now);
void pbx_recurse_refused(struct pbx_server *, struct pbx_job *, int status, usec now);
/* No more of them; job->open may be 0 after. */
void pbx_recurse_stop(struct pbx_server *, struct pbx_job *);

/* ---- server_hunt.c ---- */

/* Looks for the servers of the URI's host; pbx_hunt_found goes on. false: it cannot be. */
bool pbx_hunt_start(struct pbx_server *, struct pbx_job *, struct pbx_branch *, const struct sip_uri *, usec now);
/* Lists that have come. true: some have. */
bool pbx_hunt_pump(struct pbx_server *, usec now);
/* Branch `b` was answered: those tried beside it are not wanted any more. */
void pbx_hunt_heard(struct pbx_server *, struct pbx_job *, struct pbx_branch *, usec now);
/* It failed (4.3). true: the next server is being tried, here or beside it; the branch has been seen to. */
bool pbx_hunt_failed(struct pbx_server *, struct pbx_job *, struct pbx_branch *, usec rest, usec now);
/* Tries the next server beside those that are silent. */
void pbx_hunt_hedge(struct pbx_server *, struct pbx_job *, usec now);

/* ---- server_answer.c ---- */

void pbx_answer_response(struct pbx_server *, const struct sip_event *, usec now);
/* TIMEOUT or UNREACHABLE. */
void pbx_answer_silence(struct pbx_server *, const struct sip_event *, usec now);
void pbx_answer_cancel(struct pbx_server *, const struct sip_event *, usec now);
/* The cookie of the INVITE of a job that is over: what late answers need; 0: nothing. And when that is over, too. */
uint64_t pbx_answer_leave(struct pbx_server *, const struct pbx_job *);
void pbx_answer_forget(struct pbx_server *, uint64_t cookie);
void pbx_answer_stop(struct pbx_server *); /* at the end */
/* 16.7 step 6: no branch is open any more: the best answer goes back, and the job ends. */
void pbx_answer_conclude(struct pbx_server *, struct pbx_job *, usec now);

#endif
