/*
 * pbx/note.h - what the workers of one exchange tell one another.
 *
 * A call belongs to the worker of its Call-ID, an address of record to the shard of its
 * name, a connection to the worker that accepted it. Where these differ, a note moves
 * between: HOST_TELL hands it over, and the receiver frees it. With one worker the
 * same notes go round in place.
 *
 * Memory: one note owns all that its strs point to. Thread: moved, never shared.
 */
#ifndef PBX_NOTE_H
#define PBX_NOTE_H

#include "base/arena.h"
#include "base/host.h"
#include "base/slab.h"
#include "pbx/location.h"

#include <stddef.h>

enum pbx_note_kind {
	PBX_NOTE_FOREIGN = 1, /* `bytes`, a message that came by `flow`: sip_stack_take */
	PBX_NOTE_CARRY,       /* `bytes` leave by `flow`: sip_stack_write */
	PBX_NOTE_REGISTER,    /* `change`: carry it out, keep it, answer REGISTERED */
	PBX_NOTE_REGISTERED,  /* `status`, and with 200 `rows` (what is bound now), or where there is a `head`, `bytes`
			       */
	PBX_NOTE_FIND,        /* `aor`: answer FOUND */
	PBX_NOTE_FOUND,       /* `rows` */
	PBX_NOTE_UNBIND,      /* `change.aor`: its bindings over `flow`, or to `bytes` by `path`, are no more */
	PBX_NOTE_REMOVE, /* `change.aor`: its binding `bytes` (empty: all) was taken away; `status` 1: the account, too
			  */
	PBX_NOTE_BOUND,  /* `aor` is bound over your stream `flow` */
	PBX_NOTE_PROMISED, /* who is there has been told the Flow-Timer */
	PBX_NOTE_WATCH,    /* `aor`: its bindings are watched by `from`, or (status 0) not any more */
	PBX_NOTE_WATCHED,  /* `aor`, `rows` and as `bytes` what became of each (enum pbx_reg_what) */
	PBX_NOTE_COUNT,    /* `count`: carry it out; with a token, answer COUNTED */
	PBX_NOTE_COUNTED,  /* `status`: there was room */
	PBX_NOTE_GUESSES,  /* `bytes`: struct pbx_backoff_word, one after the other: who guesses, who does not */
	PBX_NOTE_SETTINGS, /* from who reads the files: `settings` are in force from now on */
	PBX_NOTE_FIGURES,  /* from a service that is no worker: answer it with the same and `figures` */
};

#define PBX_NOTE_LINES 16384 /* bytes of Contact lines */
#define PBX_NOTE_FIRST 2048  /* bytes: a change of one contact and what is bound after, most often */

/* A REGISTER, as the shard must judge it (10.3). */
struct pbx_change {
	str aor; /* "sip:101@example.com" */
	bool star;
	struct contact_record *rows; /* aor, uri, params, instance, reg_id, q, path, flow...; `expires` is a time */
	size_t n;                    /* 0: only asks what is bound */
	str call_id;
	uint32_t cseq;
	uint64_t hash; /* the shard's: pbx_location_hash of aor; 0: not worked out yet */
};

/* For the worker that has a number of a limit (pbx/tally.h). */
struct pbx_count {
	enum { PBX_COUNT_HOLD, PBX_COUNT_DROP, PBX_COUNT_PASS } what;
	uint32_t most;
	uint64_t number, lease;
	usec span;
};

struct pbx_figures;
struct pbx_settings;

struct pbx_note {
	enum pbx_note_kind kind;
	uint16_t from;  /* worker */
	uint64_t token; /* the asker's, echoed */
	struct flow flow;
	str bytes;
	str aor, path;
	struct pbx_change change;
	/* REGISTER without a job (server_brief.c): the head of its answer, which leaves by `flow`; its name as
	 * pbx/repeat knows it; when it came; whether its phone knows GRUUs and Outbound, and (REGISTERED) whether a
	 * flow is bound. Its Contact lines come back as `bytes`. */
	str head;
	uint64_t repeat;
	usec came;
	bool gruu, outbound, bound;
	struct pbx_count count;
	struct pbx_settings *settings; /* the receiver takes it, or it goes with the note */
	int status;
	struct contact_record *rows;
	size_t n;
	struct pbx_figures *figures;                             /* NULL: asked for, or no memory */
	struct arena arena;                                      /* of all the above */
	max_align_t first[PBX_NOTE_FIRST / sizeof(max_align_t)]; /* where it begins; not cleared */
};

/* NULL: no memory. */
struct pbx_note *pbx_note_new(enum pbx_note_kind);
/* One that has been read becomes a new one. */
void pbx_note_renew(struct pbx_note *, enum pbx_note_kind);
/* The drop of a host_service too. */
void pbx_note_free(void *note);
/* Copies of contacts into the note's rows. ERR_MEMORY. */
MUST_CHECK enum err pbx_note_set_rows(struct pbx_note *, const struct pbx_contact *const *list, size_t n);

#endif
