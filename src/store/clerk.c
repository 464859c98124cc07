#include "store/clerk.h"

#include "crypt/secret.h"
#include "store/account.h"
#include "store/contact_log.h"
#include "store/history.h"
#include "store/people.h"

#include <stdlib.h>

struct store_clerk {
	struct db *db;
	struct digest *md5, *sha256, *sha512_256;
	struct contact_log *contacts;
};

struct store_clerk *store_clerk_new(struct db *db)
{
	struct store_clerk *clerk = calloc(1, sizeof(*clerk));

	if (!clerk)
		return NULL;
	clerk->db = db;
	clerk->md5 = digest_new(DIGEST_MD5);
	clerk->sha256 = digest_new(DIGEST_SHA256);
	clerk->sha512_256 = digest_new(DIGEST_SHA512_256);
	clerk->contacts = contact_log_new();
	if (!clerk->contacts || !clerk->md5 || !clerk->sha256 || !clerk->sha512_256) {
		store_clerk_free(clerk);
		return NULL;
	}
	return clerk;
}

void store_clerk_free(struct store_clerk *clerk)
{
	if (!clerk)
		return;
	digest_free(clerk->md5);
	digest_free(clerk->sha256);
	digest_free(clerk->sha512_256);
	contact_log_free(clerk->contacts);
	free(clerk);
}

/*
 * Location.
 */

static enum err remove_contact(struct store_desk *desk, const struct contact_record *contact)
{
	if (contact->key.n)
		return contact_log_remove(desk->contacts, desk, contact->aor, contact->key);
	return contact_log_remove_all(desk->contacts, desk, contact->aor);
}

static enum err do_contact_put(struct store_desk *desk)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++) {
		const struct contact_record *contact = &desk->ask->contacts[i];

		err = contact->expires ? contact_log_put(desk->contacts, desk, contact) : remove_contact(desk, contact);
	}
	return err;
}

static enum err do_contact_batch(struct store_desk *desk)
{
	enum err err = store_desk_need_one(desk);

	return err != ERR_NONE ? err : contact_log_add(desk->contacts, desk, desk->ask->contact_batches[0].row);
}

static enum err do_contact_remove(struct store_desk *desk)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++) {
		const struct contact_record *contact = &desk->ask->contacts[i];

		err = remove_contact(desk, contact);
		if (err == ERR_NONE)
			err = store_removal_note(desk, contact->aor, contact->key, false);
	}
	return err;
}

static enum err do_contact_list(struct store_desk *desk)
{
	return contact_log_list(desk->contacts, desk);
}

/*
 * State and settings.
 */

static enum err do_state_put(struct store_desk *desk)
{
	for (size_t i = 0; i < desk->ask->n; i++) {
		const struct state_record *state = &desk->ask->states[i];
		if (state->name.n > STATE_NAME_MAX || state->owner.n > STATE_NAME_MAX ||
		    state->value.n > STATE_VALUE_MAX)
			return keeper_answer_fail(desk->answer, ERR_LIMIT, "state \"" STR_FMT "\" is too large",
						  STR_ARG(str_head(state->name, 100)));
	}
	return store_desk_put_rows(desk, SCHEMA_STATE_PUT);
}

static enum err do_state_get(struct store_desk *desk)
{
	enum err err = store_desk_need_one(desk);

	if (err != ERR_NONE)
		return err;
	err = store_desk_query(desk, SCHEMA_STATE_GET,
			       DB_VALUES(db_text(desk->ask->states[0].owner), db_text(desk->ask->states[0].name)), 1);
	if (err == ERR_NONE && desk->answer->n == 0)
		err = keeper_answer_fail(desk->answer, ERR_ABSENT, "there is no such state");
	return err;
}

static enum err do_state_list(struct store_desk *desk)
{
	str owner = desk->ask->n ? desk->ask->states[0].owner : STR_NONE;
	size_t limit = store_desk_limit(desk->ask);

	return store_desk_query(desk, SCHEMA_STATE_LIST,
				DB_VALUES(db_number(desk->ask->after), db_text(owner), db_number((int64_t)limit + 1)),
				limit);
}

static enum err do_state_remove(struct store_desk *desk)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++)
		err = store_desk_run(desk, SCHEMA_STATE_REMOVE,
				     DB_VALUES(db_text(desk->ask->states[i].owner), db_text(desk->ask->states[i].name)),
				     NULL);
	return err;
}

static enum err do_setting_put(struct store_desk *desk)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++) {
		const struct setting_record *setting = &desk->ask->settings[i];
		if (setting->value.n)
			err = store_desk_run(
				desk, SCHEMA_SETTING_PUT,
				DB_VALUES(db_text(setting->name), db_text(setting->value), db_number(desk->ask->now)),
				NULL);
		else
			err = store_desk_run(desk, SCHEMA_SETTING_REMOVE, DB_VALUES(db_text(setting->name)), NULL);
	}
	return err;
}

static enum err do_setting_list(struct store_desk *desk)
{
	str start = desk->ask->n ? desk->ask->settings[0].name : STR_NONE;
	size_t limit = store_desk_limit(desk->ask);

	return store_desk_query(desk, SCHEMA_SETTING_LIST,
				DB_VALUES(db_number(desk->ask->after), db_text(start), db_number((int64_t)limit + 1)),
				limit);
}

/*
 * The door.
 */

/* SINGLE: one statement a row, which SQL carries out wholly or not at all: one row needs no mark to go back to. */
enum duty { READS = 0, WRITES = 1, CONCERNS = 2, SINGLE = 4 };

static const struct {
	enum err (*carry_out)(struct store_desk *);
	int duty;
} duties[KEEPER_KIND_N] = {
	[KEEPER_REALM] = { store_account_realm, WRITES },
	[KEEPER_USER_ADD] = { store_account_add, WRITES | CONCERNS },
	[KEEPER_USER_IMPORT] = { store_account_import, WRITES | CONCERNS },
	[KEEPER_USER_REMOVE] = { store_account_remove, WRITES | CONCERNS },
	[KEEPER_USER_DISABLE] = { store_account_disable, WRITES | CONCERNS },
	[KEEPER_USER_FIND] = { store_account_find, READS },
	[KEEPER_USER_LIST] = { store_account_list, READS },
	[KEEPER_NUMBER_ADD] = { store_account_add_numbers, WRITES | CONCERNS },
	[KEEPER_NUMBER_REMOVE] = { store_account_remove_numbers, WRITES | CONCERNS },
	[KEEPER_NUMBER_LIST] = { store_account_list_numbers, READS },
	[KEEPER_PERSON_ADD] = { store_people_add, WRITES | CONCERNS },
	[KEEPER_PERSON_CHECK] = { store_people_find, READS },
	[KEEPER_PERSON_REMOVE] = { store_people_remove, WRITES | CONCERNS },
	[KEEPER_PERSON_DISABLE] = { store_people_disable, WRITES | CONCERNS },
	[KEEPER_PERSON_LIST] = { store_people_list, READS },
	[KEEPER_PERSON_PASSWORD] = { store_people_set_password, WRITES | CONCERNS },
	[KEEPER_DEVICE_PUT] = { store_people_put_device, WRITES | CONCERNS },
	[KEEPER_DEVICE_LIST] = { store_people_list_devices, READS },
	[KEEPER_DEVICE_REMOVE] = { store_people_remove_device, WRITES | CONCERNS },
	[KEEPER_CONTACT_PUT] = { do_contact_put, WRITES | SINGLE },
	[KEEPER_CONTACT_BATCH] = { do_contact_batch, WRITES | SINGLE },
	[KEEPER_CONTACT_REMOVE] = { do_contact_remove, WRITES | CONCERNS },
	[KEEPER_CONTACT_LIST] = { do_contact_list, READS }, /* but for a file of the first two versions, once */
	[KEEPER_REMOVAL_LIST] = { store_removal_list, READS },
	[KEEPER_STATE_PUT] = { do_state_put, WRITES },
	[KEEPER_STATE_GET] = { do_state_get, READS },
	[KEEPER_STATE_LIST] = { do_state_list, READS },
	[KEEPER_STATE_REMOVE] = { do_state_remove, WRITES },
	[KEEPER_SETTING_PUT] = { do_setting_put, WRITES | CONCERNS },
	[KEEPER_SETTING_LIST] = { do_setting_list, READS },
	[KEEPER_CALL_PUT] = { store_history_put_call, WRITES },
	[KEEPER_CALL_CLOSE] = { store_history_close_calls, WRITES },
	[KEEPER_CALL_LIST] = { store_history_list_calls, READS },
	[KEEPER_TRACE_APPEND] = { store_history_append_trace, WRITES },
	[KEEPER_TRACE_LIST] = { store_history_list_trace, READS },
	[KEEPER_TRACE_SESSIONS] = { store_history_list_traced, READS },
};

bool store_clerk_writes(enum keeper_kind kind)
{
	return (unsigned)kind < KEEPER_KIND_N && duties[kind].duty & WRITES;
}

bool store_clerk_concerns(enum keeper_kind kind)
{
	return (unsigned)kind < KEEPER_KIND_N && duties[kind].duty & CONCERNS;
}

bool store_clerk_hashes(enum keeper_kind kind)
{
	return kind == KEEPER_PERSON_ADD || kind == KEEPER_PERSON_PASSWORD;
}

struct keeper_answer *store_clerk_do(struct store_clerk *clerk, const struct keeper_ask *ask)
{
	struct keeper_answer *answer = keeper_answer_new(ask);
	struct store_desk desk = {
		clerk->db, clerk->md5, clerk->sha256, clerk->sha512_256, ask, answer, clerk->contacts
	};
	struct db *db = clerk->db;

	if (!answer)
		return NULL;
	if ((unsigned)ask->kind >= KEEPER_KIND_N || !duties[ask->kind].carry_out) {
		keeper_answer_fail(answer, ERR_UNSUPPORTED, "the keeper knows no such question");
		return answer;
	}
	bool single = ask->n == 1 && duties[ask->kind].duty & SINGLE;
	bool marks = store_clerk_writes(ask->kind) && !single;
	size_t mark = contact_log_mark(clerk->contacts);
	enum err err = marks ? db->driver->step(db, DB_MARK) : ERR_NONE;
	if (err != ERR_NONE) {
		store_desk_fail(&desk, err);
		return answer;
	}
	err = duties[ask->kind].carry_out(&desk);
	if (marks && err == ERR_NONE)
		err = db->driver->step(db, DB_KEEP) == ERR_NONE ? ERR_NONE : store_desk_fail(&desk, ERR_IO);
	else if (marks)
		(void)!db->driver->step(db, DB_BACK); /* where that fails too, so will COMMIT */
	if (!single && answer->err != ERR_NONE)
		contact_log_back(clerk->contacts, mark);
	return answer;
}

void store_clerk_settle(struct store_clerk *clerk, bool kept)
{
	contact_log_settle(clerk->contacts, kept);
}

enum err store_clerk_hash(const struct keeper_ask *ask, struct password_cost cost, struct keeper_ask **out)
{
	char hash[PASSWORD_HASH_MAX];

	if (ask->n != 1 || ask->persons[0].password.n < 1)
		return ERR_SYNTAX;
	struct person_record row = ask->persons[0];
	struct keeper_ask model = *ask;
	enum err err = password_hash(row.password, cost, hash);
	if (err != ERR_NONE)
		return err;
	row.password = STR_NONE;
	row.hash = str_from(hash);
	model.persons = &row;
	struct keeper_ask *made = keeper_ask_new(&model);
	secret_wipe(hash, sizeof(hash));
	if (!made)
		return ERR_MEMORY;
	*out = made;
	return ERR_NONE;
}

/* As long as a real check, for nobody to learn from the time which names there are. */
static void take_as_long(const struct keeper_ask *ask, struct password_cost cost)
{
	char hash[PASSWORD_HASH_MAX];

	(void)!password_hash(str_head(ask->persons[0].password, PASSWORD_MAX), cost, hash);
	secret_wipe(hash, sizeof(hash));
}

struct keeper_answer *store_clerk_judge(const struct keeper_ask *ask, const struct keeper_answer *found,
					struct password_cost cost)
{
	struct keeper_answer *answer = keeper_answer_new(ask);
	bool good = false;

	if (!answer)
		return NULL;
	if (found->err != ERR_NONE) {
		keeper_answer_fail(answer, found->err, "%s", found->why);
		return answer;
	}
	if (found->n == 1)
		good = password_check(ask->persons[0].password, found->persons[0].hash) == ERR_NONE &&
		       !found->persons[0].disabled;
	else
		take_as_long(ask, cost);
	if (!good) {
		keeper_answer_fail(answer, ERR_REFUSED, "name or password is wrong");
		return answer;
	}
	struct person_record *row = keeper_answer_add(answer);
	if (!row || !keeper_answer_copy(answer, found->persons[0].name, &row->name)) {
		keeper_answer_fail(answer, ERR_MEMORY, "no memory for the answer");
		return answer;
	}
	row->id = found->persons[0].id;
	row->created = found->persons[0].created;
	return answer;
}

static struct keeper_answer *refuse(const struct keeper_ask *ask, enum err err, const char *why)
{
	struct keeper_answer *answer = keeper_answer_new(ask);

	if (answer)
		keeper_answer_fail(answer, err, "%s", why);
	return answer;
}

static struct keeper_answer *do_in_transaction(struct store_clerk *clerk, const struct keeper_ask *ask)
{
	struct db *db = clerk->db;
	enum err err = db->driver->step(db, store_clerk_writes(ask->kind) ? DB_BEGIN : DB_BEGIN_READ);

	if (err != ERR_NONE)
		return refuse(ask, err, db->driver->why(db));
	struct keeper_answer *answer = store_clerk_do(clerk, ask);
	err = answer ? db->driver->step(db, DB_COMMIT) : db->driver->step(db, DB_ROLLBACK);
	store_clerk_settle(clerk, answer && err == ERR_NONE);
	if (answer && err != ERR_NONE)
		keeper_answer_fail(answer, err, "%s", db->driver->why(db));
	return answer;
}

struct keeper_answer *store_clerk_answer(struct store_clerk *clerk, const struct keeper_ask *ask,
					 struct password_cost cost)
{
	struct keeper_answer *answer;
	struct keeper_ask *hashed;

	if (store_clerk_hashes(ask->kind)) {
		enum err err = store_clerk_hash(ask, cost, &hashed);
		if (err != ERR_NONE)
			return refuse(ask, err, store_clerk_hash_why(err));
		answer = do_in_transaction(clerk, hashed);
		keeper_ask_free(hashed);
		return answer;
	}
	answer = do_in_transaction(clerk, ask);
	if (!answer || ask->kind != KEEPER_PERSON_CHECK)
		return answer;
	struct keeper_answer *judged = store_clerk_judge(ask, answer, cost);
	keeper_answer_free(answer);
	return judged;
}

const char *store_clerk_hash_why(enum err err)
{
	return err == ERR_LIMIT    ? "the password is too long"
	       : err == ERR_SYNTAX ? "the password is empty"
				   : "no memory to hash the password";
}
