/*
 * store/keeper.h - questions to the keeper, and its answers.
 *
 * The keeper alone owns the database, passwords and keys at rest. A service wants
 * HOST_ASK with a struct keeper_ask and hears HOST_ANSWER with a struct
 * keeper_answer. Each question gets exactly one answer, `token` and `kind` echoed, in the order
 * asked except where a password is hashed (PERSON_ADD, PERSON_CHECK: later). What an answer says
 * ERR_NONE to is on the disk: it survives a crash right after. A CONTACT_BATCH survives the end of the process; a
 * power cut, only where the keeper was told so (io/keeper.h).
 *
 * A question and an answer carry rows: an array of `n` records of one kind (see the
 * list). A question with several rows is carried out wholly or not at all.
 *
 *     struct contact_record c = { .aor = ..., .key = ..., ... };
 *     want->kind = HOST_ASK;
 *     want->message = keeper_ask_new(&(struct keeper_ask){
 *             .kind = KEEPER_CONTACT_PUT, .token = handle, .now = now, .contacts = &c, .n = 1 });
 *
 * Errors of any question: ERR_FULL the queue, the disk or a table is full; ERR_BUSY another
 * process holds the database; ERR_IO; ERR_MEMORY; ERR_SYNTAX a row is not what it
 * should be; ERR_STATE the keeper has ended. `why` says it in words for a person.
 *
 * Memory: keeper_ask_new makes a deep copy in one block; with HOST_ASK (or keeper_post) it becomes the
 * host's. An answer is the host's and valid until recv() returns. Thread: both are moved, never shared.
 */
#ifndef STORE_KEEPER_H
#define STORE_KEEPER_H

#include "store/call_record.h"
#include "store/contact.h"
#include "store/contact_batch.h"
#include "store/number.h"
#include "store/person.h"
#include "store/removal.h"
#include "store/state.h"
#include "store/trace_record.h"
#include "store/user.h"

/*                             rows of the question -> rows of the answer; errors of its own */
enum keeper_kind {
	/* The digest realm of this store, for a server of `domain` (may be ""). The first who asks fixes it: the domain
	 * where there is one, else "tandem"; from then on it stays. users[1]: domain -> users[1]: domain, realm. */
	KEEPER_REALM = 1,
	/* Accounts of phones. users: name, domain, password -> users: name, domain, realm. ERR_EXISTS, ERR_SYNTAX
	   (name). */
	KEEPER_USER_ADD,
	/* The same for many (at most KEEPER_ROWS_MAX): an account that is there gets the new password, and stays as
	 * disabled as it was. -> none */
	KEEPER_USER_IMPORT,
	/* users: name, domain -> none. ERR_ABSENT. Their contacts go too. */
	KEEPER_USER_REMOVE,
	/* users: name, domain, disabled -> none. ERR_ABSENT. The contacts of who is disabled go; numbers stay. */
	KEEPER_USER_DISABLE,
	/* HA1s. users[1]: name, domain -> users[1], that of the very domain before that of "". ERR_ABSENT. Disabled
	 * ones are found: look at .disabled. */
	KEEPER_USER_FIND,
	KEEPER_USER_LIST, /* page -> users without HA1s */

	/* Telephone numbers of accounts. numbers: first, last, account -> none. ERR_ABSENT: no such account;
	   ERR_EXISTS: some of them are another's, or its own already; ERR_SYNTAX. */
	KEEPER_NUMBER_ADD,
	/* numbers: account, first, last (0: all that it has) -> none. ERR_ABSENT: no such range. */
	KEEPER_NUMBER_REMOVE,
	KEEPER_NUMBER_LIST, /* page -> numbers */

	/* People. persons[1]: name, password -> persons[1]: id, name. ERR_EXISTS, ERR_SYNTAX (name), ERR_LIMIT
	   (password). */
	KEEPER_PERSON_ADD,
	/* persons[1]: name, password -> persons[1]: id, name. ERR_REFUSED: no such person, wrong password, or disabled;
	 * which of them, nobody is told, nor from the time it takes. ERR_BUSY: too many checks at once. */
	KEEPER_PERSON_CHECK,
	KEEPER_PERSON_REMOVE, /* persons: name -> none. ERR_ABSENT. Their devices go too. */
	/* persons: name, disabled -> none. ERR_ABSENT. The devices of who is disabled go. */
	KEEPER_PERSON_DISABLE,
	KEEPER_PERSON_LIST, /* page -> persons */
	/* A new password: persons[1]: name, password -> none. ERR_ABSENT, ERR_LIMIT. Their devices go too: each must
	 * log in again when its certificate ends. */
	KEEPER_PERSON_PASSWORD,

	/* Devices, by person and key. devices -> none. ERR_ABSENT: no such person. */
	KEEPER_DEVICE_PUT,
	KEEPER_DEVICE_LIST,   /* devices[1]: person ("": all); page -> devices */
	KEEPER_DEVICE_REMOVE, /* devices: person, key -> none. ERR_ABSENT. */

	/* Location, by aor and key. contacts -> none. A row that expires at 0 is removed as by CONTACT_REMOVE: so a
	   change is one question, done wholly or not at all. */
	KEEPER_CONTACT_PUT,
	/* The same by the hundred, already as bytes: contact_batches[1] -> none. ERR_SYNTAX. */
	KEEPER_CONTACT_BATCH,
	/* By somebody's hand. contacts: aor, key ("": all of that aor) -> none; those that are not there are not
	 * missed. Who has them in memory reads it in REMOVAL_LIST. */
	KEEPER_CONTACT_REMOVE,
	/* page -> contacts that have not expired at `now`. Nobody who writes waits for who reads. */
	KEEPER_CONTACT_LIST,
	/* What CONTACT_REMOVE, USER_REMOVE and USER_DISABLE have taken away, the last REMOVALS_KEPT. page -> removals
	 */
	KEEPER_REMOVAL_LIST,

	/* Blobs, by owner and name. states -> none. ERR_LIMIT. */
	KEEPER_STATE_PUT,
	KEEPER_STATE_GET,    /* states[1]: owner, name -> states[1]. ERR_ABSENT. */
	KEEPER_STATE_LIST,   /* states[1]: owner; page -> states */
	KEEPER_STATE_REMOVE, /* states: owner, name -> none; those that are not there are not missed. */

	/* Settings, by name; a value of "" removes it. settings -> none. */
	KEEPER_SETTING_PUT,
	KEEPER_SETTING_LIST, /* settings[1]: name, of which all that start with it; page -> settings */

	/* Call records, by session, service and key. calls -> none. */
	KEEPER_CALL_PUT,
	/* calls[1]: service, whose records of an earlier life that have no end get one: the last moment that is known
	 * of them. Asked before it writes any. Those of the last 30 days. -> none. */
	KEEPER_CALL_CLOSE,
	/* The records of the newest `limit` sessions, the oldest session first. calls[1]: session or "", caller or
	 * callee party or "" -> calls. */
	KEEPER_CALL_LIST,

	/* traces -> none. */
	KEEPER_TRACE_APPEND,
	/* traces[1]: session, or call_id (then all of its session), or both "" (all); page -> traces, oldest first. */
	KEEPER_TRACE_LIST,
	/* The newest `limit` sessions (or Call-IDs without one) that were traced. -> traces: session, call_id, at,
	 * start of the first message of each, newest last. */
	KEEPER_TRACE_SESSIONS,

	/* From now on, tell me of changes. -> none. ERR_FULL above KEEPER_WATCH_MAX. */
	KEEPER_WATCH,
	/* Never asked, token that of KEEPER_WATCH: accounts, people, devices or settings were changed, or bindings
	 * removed, by someone (perhaps by another process: `tandem admin`). What was remembered of them may be wrong:
	 * ask again. */
	KEEPER_CHANGED,

	KEEPER_KIND_N,
};

#define KEEPER_ROWS_MAX  1000 /* of a question, and of an answer */
#define KEEPER_WATCH_MAX 64
#define KEEPER_BYTES_MAX (8 * 1024 * 1024) /* that the rows of one question hold */

struct keeper_ask {
	enum keeper_kind kind;
	uint64_t token; /* the asker's; comes back */
	uint32_t from;  /* number of the service: set by the host */
	usec now;
	union {
		const void *rows;
		const struct user_record *users;
		const struct number_record *numbers;
		const struct person_record *persons;
		const struct device_record *devices;
		const struct contact_record *contacts;
		const struct contact_batch_record *contact_batches;
		const struct state_record *states;
		const struct setting_record *settings;
		const struct call_record *calls;
		const struct trace_record *traces;
	};
	size_t n;
	/* Lists come in pages: rows with an id above `after` (0: from the start), at most `limit` (0: KEEPER_ROWS_MAX).
	 */
	int64_t after;
	uint32_t limit;
};

struct keeper_answer {
	enum keeper_kind kind;
	uint64_t token;
	uint32_t from;
	enum err err;
	const char *why; /* "" or one sentence for a person; never NULL */
	union {
		const void *rows;
		const struct user_record *users;
		const struct number_record *numbers;
		const struct person_record *persons;
		const struct device_record *devices;
		const struct contact_record *contacts;
		const struct removal_record *removals;
		const struct state_record *states;
		const struct setting_record *settings;
		const struct call_record *calls;
		const struct trace_record *traces;
	};
	size_t n;
	bool more; /* there are further rows: ask again with .after = the last row's id */
};

/* "user.add"; for logs. */
const char *keeper_kind_name(enum keeper_kind);
/* What the rows are; NULL: it has none. */
const struct record_kind *keeper_ask_rows(enum keeper_kind);
const struct record_kind *keeper_answer_rows(enum keeper_kind);

/* A deep copy of the question, in one block. NULL: no memory, or beyond KEEPER_ROWS_MAX or KEEPER_BYTES_MAX, or
 * no such kind. */
struct keeper_ask *keeper_ask_new(const struct keeper_ask *model);
/* Wipes the secrets in it. NULL is fine. */
void keeper_ask_free(struct keeper_ask *);
/* How much work it is: 1, or how many changes a batch brings. */
size_t keeper_ask_weight(const struct keeper_ask *);

/*
 * For those who answer. An answer begins with ERR_NONE and no rows. NULL: no memory.
 */
struct keeper_answer *keeper_answer_new(const struct keeper_ask *);
void keeper_answer_free(struct keeper_answer *);
/* A cleared row at its end, valid until the next is added; NULL: no memory, or KEEPER_ROWS_MAX are there. */
void *keeper_answer_add(struct keeper_answer *);
/* A copy that lives as long as the answer. */
MUST_CHECK bool keeper_answer_copy(struct keeper_answer *, str, str *out);
/* Takes the rows away and says why; returns err. */
enum err keeper_answer_fail(struct keeper_answer *, enum err, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
