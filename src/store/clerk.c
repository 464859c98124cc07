#include "store/clerk.h"

#include "crypt/digest.h"
#include "crypt/secret.h"
#include "store/schema.h"

#include <assert.h>
#include <stdlib.h>

struct store_clerk {
	struct db *db;
	struct digest *md5, *sha256;
};

/* One question being carried out. */
struct desk {
	struct store_clerk *clerk;
	const struct keeper_ask *ask;
	struct keeper_answer *answer;
};

struct store_clerk *store_clerk_new(struct db *db)
{
	struct store_clerk *clerk = calloc(1, sizeof(*clerk));

	if (!clerk)
		return NULL;
	clerk->db = db;
	clerk->md5 = digest_new(DIGEST_MD5);
	clerk->sha256 = digest_new(DIGEST_SHA256);
	if (!clerk->md5 || !clerk->sha256) {
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
	free(clerk);
}

/*
 * Statements.
 */

static struct db_value text(str s)
{
	return (struct db_value){ .type = DB_TEXT, .bytes = s };
}

static struct db_value bytes(str s)
{
	return (struct db_value){ .type = DB_BYTES, .bytes = s };
}

static struct db_value number(int64_t n)
{
	return (struct db_value){ .type = DB_NUMBER, .number = n };
}

#define VALUES(...)                                                                                                    \
	(struct db_value[]){ __VA_ARGS__ }, sizeof((struct db_value[]){ __VA_ARGS__ }) / sizeof(struct db_value)

static enum err db_failed(struct desk *desk, enum err err)
{
	return keeper_answer_fail(desk->answer, err, "%s", desk->clerk->db->driver->why(desk->clerk->db));
}

/* Carries a statement out; *touched (may be NULL) says how many rows it changed. */
static enum err run(struct desk *desk, enum schema_statement statement, const struct db_value *values, size_t n,
		    int64_t *touched)
{
	struct db *db = desk->clerk->db;
	enum err err = db->driver->start(db, statement, values, n);

	if (err == ERR_NONE)
		err = db->driver->row(db, statement, NULL, 0);
	if (err == ERR_ABSENT || err == ERR_NONE)
		err = ERR_NONE;
	else
		db_failed(desk, err);
	if (err == ERR_NONE && touched)
		*touched = db->driver->changes(db);
	db->driver->done(db, statement);
	return err;
}

/* Columns of a record: all fields but the id (when written) and what is never stored. */
static bool is_column(const struct record_field *field)
{
	return field->type != RECORD_SECRET;
}

struct binding {
	struct db_value values[RECORD_FIELD_MAX];
	char addrs[2][ADDR_TEXT_MAX];
	size_t n, addr_n;
};

static struct db_value bind_field(struct binding *b, const struct record_field *field, const void *at)
{
	switch ((enum record_type)field->type) {
	case RECORD_TEXT:
	case RECORD_HIDDEN:
		return text(*(const str *)at);
	case RECORD_BYTES:
		return bytes(*(const str *)at);
	case RECORD_I64:
	case RECORD_USEC:
		return number(*(const int64_t *)at);
	case RECORD_U32:
		return number(*(const uint32_t *)at);
	case RECORD_U16:
		return number(*(const uint16_t *)at);
	case RECORD_BOOL:
		return number(*(const bool *)at);
	case RECORD_ADDR:
		if (!addr_is_set(at))
			return text(STR_NONE);
		assert(b->addr_n < 2);
		return text(str_from(addr_text(at, b->addrs[b->addr_n++])));
	case RECORD_SECRET:
		break;
	}
	return (struct db_value){ .type = DB_NULL };
}

static void bind_record(const struct record_kind *kind, const void *record, struct binding *b)
{
	b->n = b->addr_n = 0;
	for (size_t i = 1; i < kind->field_n; i++)
		if (is_column(&kind->fields[i]))
			b->values[b->n++] = bind_field(b, &kind->fields[i], record_at(&kind->fields[i], record));
}

static bool read_field(struct keeper_answer *answer, const struct record_field *field, const struct db_value *value,
		       void *at)
{
	switch ((enum record_type)field->type) {
	case RECORD_TEXT:
	case RECORD_HIDDEN:
	case RECORD_BYTES:
		return keeper_answer_copy(answer, value->bytes, at);
	case RECORD_I64:
	case RECORD_USEC:
		*(int64_t *)at = value->number;
		return true;
	case RECORD_U32:
		*(uint32_t *)at = (uint32_t)value->number;
		return true;
	case RECORD_U16:
		*(uint16_t *)at = (uint16_t)value->number;
		return true;
	case RECORD_BOOL:
		*(bool *)at = value->number != 0;
		return true;
	case RECORD_ADDR:
		if (addr_parse(value->bytes, 0, at) != ERR_NONE)
			*(struct addr *)at = (struct addr){ .family = 0 };
		return true;
	case RECORD_SECRET:
		break;
	}
	return true;
}

static bool read_record(struct keeper_answer *answer, const struct db_value *columns)
{
	const struct record_kind *kind = keeper_answer_rows(answer->kind);
	void *row = keeper_answer_add(answer);
	size_t column = 0;

	for (size_t i = 0; row && i < kind->field_n; i++) {
		const struct record_field *field = &kind->fields[i];
		if (is_column(field) && !read_field(answer, field, &columns[column++], record_at(field, row)))
			return false;
	}
	return row != NULL;
}

/* All rows of a statement into the answer, at most `limit`; a further one makes `more`. */
static enum err query(struct desk *desk, enum schema_statement statement, const struct db_value *values, size_t n,
		      size_t limit)
{
	struct db *db = desk->clerk->db;
	struct db_value columns[RECORD_FIELD_MAX];
	enum err err = db->driver->start(db, statement, values, n);

	while (err == ERR_NONE && (err = db->driver->row(db, statement, columns, RECORD_FIELD_MAX)) == ERR_NONE) {
		if (desk->answer->n == limit) {
			desk->answer->more = true;
			break;
		}
		if (!read_record(desk->answer, columns)) {
			db->driver->done(db, statement);
			return keeper_answer_fail(desk->answer, ERR_MEMORY, "no memory for the answer");
		}
	}
	if (err == ERR_ABSENT)
		err = ERR_NONE;
	if (err != ERR_NONE)
		db_failed(desk, err);
	db->driver->done(db, statement);
	return err;
}

static size_t page_limit(const struct keeper_ask *ask)
{
	return ask->limit && ask->limit < KEEPER_ROWS_MAX ? ask->limit : KEEPER_ROWS_MAX;
}

/* Each row of the question by the same statement, all its columns. */
static enum err put_rows(struct desk *desk, enum schema_statement statement)
{
	const struct record_kind *kind = keeper_ask_rows(desk->ask->kind);
	struct binding b;
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++) {
		bind_record(kind, (const char *)desk->ask->rows + i * kind->size, &b);
		err = run(desk, statement, b.values, b.n, NULL);
	}
	return err;
}

static enum err need_one(struct desk *desk)
{
	if (desk->ask->n == 1)
		return ERR_NONE;
	return keeper_answer_fail(desk->answer, ERR_SYNTAX, "the question needs exactly one row");
}

/*
 * Accounts of phones.
 */

#define REALM_MAX USER_NAME_MAX

struct realm {
	char text[REALM_MAX];
	size_t n;
};

static enum err find_realm(struct desk *desk, struct realm *out)
{
	struct db *db = desk->clerk->db;
	struct db_value columns[4];
	enum err err = db->driver->start(db, SCHEMA_SETTING_GET, VALUES(text(STR("realm"))));

	if (err == ERR_NONE)
		err = db->driver->row(db, SCHEMA_SETTING_GET, columns, 4);
	if (err == ERR_NONE) {
		out->n = columns[2].bytes.n < REALM_MAX ? columns[2].bytes.n : REALM_MAX;
		memcpy(out->text, columns[2].bytes.p, out->n);
	}
	db->driver->done(db, SCHEMA_SETTING_GET);
	return err;
}

/* The realm of this store; the first who needs it fixes it. */
static enum err get_realm(struct desk *desk, str domain, struct realm *out)
{
	str realm = domain.n ? domain : STR("tandem");
	enum err err = find_realm(desk, out);

	if (err == ERR_ABSENT) {
		err = run(desk, SCHEMA_SETTING_ADD, VALUES(text(STR("realm")), text(realm), number(desk->ask->now)),
			  NULL);
		if (err != ERR_NONE)
			return err;
		err = find_realm(desk, out);
	}
	return err == ERR_NONE ? ERR_NONE : db_failed(desk, err);
}

static str realm_str(const struct realm *realm)
{
	return str_of(realm->text, realm->n);
}

/* RFC 7616 3.4.2: HA1 = H(unq(username) ":" unq(realm) ":" passwd), in lower-case hex. */
static void write_ha1(struct digest *digest, size_t n, str name, str realm, str password, char *out)
{
	uint8_t ha1[DIGEST_MAX];
	struct buf hex;

	digest_start(digest);
	digest_add(digest, name);
	digest_add(digest, STR(":"));
	digest_add(digest, realm);
	digest_add(digest, STR(":"));
	digest_add(digest, password);
	digest_end(digest, ha1);
	buf_init(&hex, out, 2 * n);
	buf_put_hex(&hex, ha1, n);
	secret_wipe(ha1, sizeof(ha1));
}

static enum err put_user(struct desk *desk, const struct user_record *user, enum schema_statement statement)
{
	struct user_record row = *user;
	struct binding b;
	struct realm realm;
	char domain[USER_NAME_MAX], md5[32], sha256[64];

	if (!user_name_is_good(user->name))
		return keeper_answer_fail(desk->answer, ERR_SYNTAX, "\"" STR_FMT "\" cannot be the name of an account",
					  STR_ARG(str_head(user->name, 100)));
	if (!user_domain_fold(user->domain, domain))
		return keeper_answer_fail(desk->answer, ERR_SYNTAX, "\"" STR_FMT "\" is no domain",
					  STR_ARG(str_head(user->domain, 100)));
	if (user->password.n < 1 || user->password.n > PASSWORD_MAX)
		return keeper_answer_fail(desk->answer, ERR_SYNTAX, "the password of \"" STR_FMT "\" is %s",
					  STR_ARG(str_head(user->name, 100)), user->password.n ? "too long" : "empty");
	row.domain = str_of(domain, user->domain.n);
	enum err err = get_realm(desk, row.domain, &realm);
	if (err != ERR_NONE)
		return err;
	row.realm = realm_str(&realm);
	write_ha1(desk->clerk->md5, 16, row.name, row.realm, row.password, md5);
	write_ha1(desk->clerk->sha256, 32, row.name, row.realm, row.password, sha256);
	row.ha1_md5 = str_of(md5, sizeof(md5));
	row.ha1_sha256 = str_of(sha256, sizeof(sha256));
	row.created = desk->ask->now;
	bind_record(&user_record_kind, &row, &b);
	err = run(desk, statement, b.values, b.n, NULL);
	if (err == ERR_EXISTS)
		keeper_answer_fail(desk->answer, err, "there is an account \"" STR_FMT "\" already",
				   STR_ARG(str_head(user->name, 100)));
	secret_wipe(md5, sizeof(md5));
	secret_wipe(sha256, sizeof(sha256));
	secret_wipe(&b, sizeof(b));
	return err;
}

static enum err answer_user(struct desk *desk, str name, str domain, str realm)
{
	struct user_record *row = keeper_answer_add(desk->answer);

	if (!row || !keeper_answer_copy(desk->answer, name, &row->name) ||
	    !keeper_answer_copy(desk->answer, domain, &row->domain) ||
	    !keeper_answer_copy(desk->answer, realm, &row->realm))
		return keeper_answer_fail(desk->answer, ERR_MEMORY, "no memory for the answer");
	row->created = desk->ask->now;
	return ERR_NONE;
}

static enum err do_realm(struct desk *desk)
{
	char domain[USER_NAME_MAX];
	struct realm realm;
	enum err err = need_one(desk);

	if (err != ERR_NONE)
		return err;
	str given = desk->ask->users[0].domain;
	if (!user_domain_fold(given, domain))
		return keeper_answer_fail(desk->answer, ERR_SYNTAX, "\"" STR_FMT "\" is no domain",
					  STR_ARG(str_head(given, 100)));
	str folded = str_of(domain, given.n);
	err = get_realm(desk, folded, &realm);
	return err == ERR_NONE ? answer_user(desk, STR_NONE, folded, realm_str(&realm)) : err;
}

static enum err do_user_add(struct desk *desk)
{
	struct realm realm = { .n = 0 };
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++)
		err = put_user(desk, &desk->ask->users[i], SCHEMA_USER_ADD);
	if (err == ERR_NONE && desk->ask->n > 0)
		err = find_realm(desk, &realm);
	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++)
		err = answer_user(desk, desk->ask->users[i].name, desk->ask->users[i].domain, realm_str(&realm));
	return err;
}

static enum err do_user_import(struct desk *desk)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++)
		err = put_user(desk, &desk->ask->users[i], SCHEMA_USER_PUT);
	return err;
}

/* Contacts of "sip:NAME@DOMAIN", or of the name in all domains: '@' is followed by 'A'. */
static enum err drop_contacts(struct desk *desk, str name, str domain)
{
	char storage[2][2 * USER_NAME_MAX + 8];
	struct buf from, to;

	buf_init(&from, storage[0], sizeof(storage[0]));
	buf_init(&to, storage[1], sizeof(storage[1]));
	buf_printf(&from, "sip:" STR_FMT "@" STR_FMT, STR_ARG(name), STR_ARG(domain));
	buf_printf(&to, "sip:" STR_FMT "A", STR_ARG(name));
	if (!buf_ok(&from) || !buf_ok(&to))
		return ERR_NONE; /* no account has such a name */
	if (domain.n)
		return run(desk, SCHEMA_CONTACT_REMOVE_ALL, VALUES(text(buf_str(&from))), NULL);
	return run(desk, SCHEMA_CONTACT_REMOVE_RANGE, VALUES(text(buf_str(&from)), text(buf_str(&to))), NULL);
}

static enum err do_user_remove(struct desk *desk)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++) {
		const struct user_record *user = &desk->ask->users[i];
		char domain[USER_NAME_MAX];
		int64_t touched = 0;

		str folded = user_domain_fold(user->domain, domain) ? str_of(domain, user->domain.n) : user->domain;
		err = run(desk, SCHEMA_USER_REMOVE, VALUES(text(user->name), text(folded)), &touched);
		if (err == ERR_NONE && touched == 0)
			err = keeper_answer_fail(desk->answer, ERR_ABSENT, "there is no account \"" STR_FMT "\"",
						 STR_ARG(str_head(user->name, 100)));
		if (err == ERR_NONE)
			err = drop_contacts(desk, user->name, folded);
	}
	return err;
}

static enum err do_user_find(struct desk *desk)
{
	char domain[USER_NAME_MAX];
	enum err err = need_one(desk);

	if (err != ERR_NONE)
		return err;
	const struct user_record *user = &desk->ask->users[0];
	str folded = user_domain_fold(user->domain, domain) ? str_of(domain, user->domain.n) : user->domain;
	err = query(desk, SCHEMA_USER_FIND, VALUES(text(user->name), text(folded)), 1);
	if (err == ERR_NONE && desk->answer->n == 0)
		err = keeper_answer_fail(desk->answer, ERR_ABSENT, "there is no such account");
	return err;
}

static enum err list_after(struct desk *desk, enum schema_statement statement)
{
	size_t limit = page_limit(desk->ask);

	return query(desk, statement, VALUES(number(desk->ask->after), number((int64_t)limit + 1)), limit);
}

static enum err do_user_list(struct desk *desk)
{
	return list_after(desk, SCHEMA_USER_LIST);
}

/*
 * People and their devices.
 */

static enum err fold_person(struct desk *desk, str name, char out[PERSON_NAME_MAX], str *folded)
{
	if (!person_name_fold(name, out))
		return keeper_answer_fail(desk->answer, ERR_SYNTAX,
					  "\"" STR_FMT
					  "\" cannot be a name: letters, digits, '.', '_' and '-', at most %d",
					  STR_ARG(str_head(name, 100)), PERSON_NAME_MAX);
	*folded = str_of(out, name.n);
	return ERR_NONE;
}

static enum err find_person(struct desk *desk, str name)
{
	return query(desk, SCHEMA_PERSON_FIND, VALUES(text(name)), 1);
}

/* The hash is the keeper's own. */
static void forget_hash(struct keeper_answer *answer)
{
	struct person_record *row = (struct person_record *)(uintptr_t)answer->rows;

	secret_wipe((char *)(uintptr_t)row->hash.p, row->hash.n);
	row->hash = STR_NONE;
}

static enum err do_person_add(struct desk *desk)
{
	char name[PERSON_NAME_MAX];
	struct binding b;
	enum err err = need_one(desk);

	if (err != ERR_NONE)
		return err;
	struct person_record row = desk->ask->persons[0];
	assert(row.hash.n > 0);
	err = fold_person(desk, row.name, name, &row.name);
	if (err != ERR_NONE)
		return err;
	row.created = desk->ask->now;
	bind_record(&person_record_kind, &row, &b);
	err = run(desk, SCHEMA_PERSON_ADD, b.values, b.n, NULL);
	if (err == ERR_EXISTS)
		return keeper_answer_fail(desk->answer, err, "the name \"" STR_FMT "\" is taken", STR_ARG(row.name));
	if (err == ERR_NONE)
		err = find_person(desk, row.name);
	if (err == ERR_NONE)
		forget_hash(desk->answer);
	return err;
}

static enum err do_person_check(struct desk *desk)
{
	char name[PERSON_NAME_MAX];
	enum err err = need_one(desk);

	if (err != ERR_NONE)
		return err;
	str given = desk->ask->persons[0].name;
	if (!person_name_fold(given, name))
		return ERR_NONE; /* nobody; said by store_clerk_judge */
	return find_person(desk, str_of(name, given.n));
}

static enum err do_person_password(struct desk *desk)
{
	char name[PERSON_NAME_MAX];
	int64_t touched = 0;
	enum err err = need_one(desk);

	if (err != ERR_NONE)
		return err;
	struct person_record row = desk->ask->persons[0];
	assert(row.hash.n > 0);
	err = fold_person(desk, row.name, name, &row.name);
	if (err == ERR_NONE)
		err = run(desk, SCHEMA_PERSON_PASSWORD, VALUES(text(row.hash), text(row.name)), &touched);
	if (err == ERR_NONE && touched == 0)
		err = keeper_answer_fail(desk->answer, ERR_ABSENT, "there is nobody called \"" STR_FMT "\"",
					 STR_ARG(row.name));
	return err;
}

static enum err do_person_remove(struct desk *desk)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++) {
		char name[PERSON_NAME_MAX];
		int64_t touched = 0;
		str folded = STR_NONE;

		err = fold_person(desk, desk->ask->persons[i].name, name, &folded);
		if (err == ERR_NONE)
			err = run(desk, SCHEMA_PERSON_REMOVE, VALUES(text(folded)), &touched);
		if (err == ERR_NONE && touched == 0)
			err = keeper_answer_fail(desk->answer, ERR_ABSENT, "there is nobody called \"" STR_FMT "\"",
						 STR_ARG(folded));
		if (err == ERR_NONE)
			err = run(desk, SCHEMA_DEVICE_REMOVE_ALL, VALUES(text(folded)), NULL);
	}
	return err;
}

static enum err do_person_list(struct desk *desk)
{
	return list_after(desk, SCHEMA_PERSON_LIST);
}

static enum err person_exists(struct desk *desk, str name)
{
	struct db *db = desk->clerk->db;
	enum err err = db->driver->start(db, SCHEMA_PERSON_FIND, VALUES(text(name)));

	if (err == ERR_NONE)
		err = db->driver->row(db, SCHEMA_PERSON_FIND, NULL, 0);
	if (err == ERR_ABSENT)
		keeper_answer_fail(desk->answer, err, "there is nobody called \"" STR_FMT "\"",
				   STR_ARG(str_head(name, 100)));
	else if (err != ERR_NONE)
		db_failed(desk, err);
	db->driver->done(db, SCHEMA_PERSON_FIND);
	return err;
}

static enum err do_device_put(struct desk *desk)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++)
		err = person_exists(desk, desk->ask->devices[i].person);
	return err == ERR_NONE ? put_rows(desk, SCHEMA_DEVICE_PUT) : err;
}

static enum err do_device_list(struct desk *desk)
{
	str person = desk->ask->n ? desk->ask->devices[0].person : STR_NONE;
	size_t limit = page_limit(desk->ask);

	return query(desk, SCHEMA_DEVICE_LIST,
		     VALUES(number(desk->ask->after), text(person), number((int64_t)limit + 1)), limit);
}

static enum err do_device_remove(struct desk *desk)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++) {
		const struct device_record *device = &desk->ask->devices[i];
		int64_t touched = 0;

		err = run(desk, SCHEMA_DEVICE_REMOVE, VALUES(text(device->person), bytes(device->key)), &touched);
		if (err == ERR_NONE && touched == 0)
			err = keeper_answer_fail(desk->answer, ERR_ABSENT, "there is no such device");
	}
	return err;
}

/*
 * Location.
 */

static enum err do_contact_put(struct desk *desk)
{
	return put_rows(desk, SCHEMA_CONTACT_PUT);
}

static enum err do_contact_remove(struct desk *desk)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++) {
		const struct contact_record *contact = &desk->ask->contacts[i];
		if (contact->key.n)
			err = run(desk, SCHEMA_CONTACT_REMOVE, VALUES(text(contact->aor), text(contact->key)), NULL);
		else
			err = run(desk, SCHEMA_CONTACT_REMOVE_ALL, VALUES(text(contact->aor)), NULL);
	}
	return err;
}

static enum err do_contact_list(struct desk *desk)
{
	if (desk->ask->after == 0) {
		enum err err = run(desk, SCHEMA_CONTACT_EXPIRE, VALUES(number(desk->ask->now)), NULL);
		if (err != ERR_NONE)
			return err;
	}
	return list_after(desk, SCHEMA_CONTACT_LIST);
}

/*
 * State and settings.
 */

static enum err do_state_put(struct desk *desk)
{
	for (size_t i = 0; i < desk->ask->n; i++) {
		const struct state_record *state = &desk->ask->states[i];
		if (state->name.n > STATE_NAME_MAX || state->owner.n > STATE_NAME_MAX ||
		    state->value.n > STATE_VALUE_MAX)
			return keeper_answer_fail(desk->answer, ERR_LIMIT, "state \"" STR_FMT "\" is too large",
						  STR_ARG(str_head(state->name, 100)));
	}
	return put_rows(desk, SCHEMA_STATE_PUT);
}

static enum err do_state_get(struct desk *desk)
{
	enum err err = need_one(desk);

	if (err != ERR_NONE)
		return err;
	err = query(desk, SCHEMA_STATE_GET, VALUES(text(desk->ask->states[0].owner), text(desk->ask->states[0].name)),
		    1);
	if (err == ERR_NONE && desk->answer->n == 0)
		err = keeper_answer_fail(desk->answer, ERR_ABSENT, "there is no such state");
	return err;
}

static enum err do_state_list(struct desk *desk)
{
	str owner = desk->ask->n ? desk->ask->states[0].owner : STR_NONE;
	size_t limit = page_limit(desk->ask);

	return query(desk, SCHEMA_STATE_LIST, VALUES(number(desk->ask->after), text(owner), number((int64_t)limit + 1)),
		     limit);
}

static enum err do_state_remove(struct desk *desk)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++)
		err = run(desk, SCHEMA_STATE_REMOVE,
			  VALUES(text(desk->ask->states[i].owner), text(desk->ask->states[i].name)), NULL);
	return err;
}

static enum err do_setting_put(struct desk *desk)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++) {
		const struct setting_record *setting = &desk->ask->settings[i];
		if (setting->value.n)
			err = run(desk, SCHEMA_SETTING_PUT,
				  VALUES(text(setting->name), text(setting->value), number(desk->ask->now)), NULL);
		else
			err = run(desk, SCHEMA_SETTING_REMOVE, VALUES(text(setting->name)), NULL);
	}
	return err;
}

static enum err do_setting_list(struct desk *desk)
{
	str start = desk->ask->n ? desk->ask->settings[0].name : STR_NONE;
	size_t limit = page_limit(desk->ask);

	return query(desk, SCHEMA_SETTING_LIST,
		     VALUES(number(desk->ask->after), text(start), number((int64_t)limit + 1)), limit);
}

/*
 * Calls and traces.
 */

static enum err do_call_put(struct desk *desk)
{
	return put_rows(desk, SCHEMA_CALL_PUT);
}

/* The statement gives the newest first, so that a full answer lacks the oldest. */
static void turn_round(struct keeper_answer *answer)
{
	struct call_record *rows = (struct call_record *)(uintptr_t)answer->rows;

	for (size_t i = 0, k = answer->n; i + 1 < k; i++) {
		struct call_record row = rows[--k];
		rows[k] = rows[i];
		rows[i] = row;
	}
}

#define RECORDS_PER_SESSION 16 /* looked at, at most, to find the newest sessions */

static enum err do_call_list(struct desk *desk)
{
	static const struct call_record any;
	const struct call_record *wanted = desk->ask->n ? desk->ask->calls : &any;
	int64_t sessions = (int64_t)page_limit(desk->ask);
	str party = wanted->caller.n ? wanted->caller : wanted->callee;
	enum err err = query(desk, SCHEMA_CALL_LIST,
			     VALUES(text(wanted->session), text(party), number(sessions * RECORDS_PER_SESSION),
				    number(sessions), number(KEEPER_ROWS_MAX + 1)),
			     KEEPER_ROWS_MAX);

	if (err == ERR_NONE)
		turn_round(desk->answer);
	return err;
}

static enum err do_trace_append(struct desk *desk)
{
	enum err err = put_rows(desk, SCHEMA_TRACE_ADD);

	return err == ERR_NONE ? run(desk, SCHEMA_TRACE_TRIM, VALUES(number(TRACE_KEEP)), NULL) : err;
}

static enum err do_trace_list(struct desk *desk)
{
	static const struct trace_record any;
	const struct trace_record *wanted = desk->ask->n ? desk->ask->traces : &any;
	struct db *db = desk->clerk->db;
	size_t limit = page_limit(desk->ask);
	struct db_value after = number(desk->ask->after), most = number((int64_t)limit + 1), session;

	if (wanted->session.n)
		return query(desk, SCHEMA_TRACE_SESSION, VALUES(after, text(wanted->session), most), limit);
	if (!wanted->call_id.n)
		return query(desk, SCHEMA_TRACE_LIST, VALUES(after, most), limit);

	/* Of a Call-ID, all of its session, where it has one. */
	enum err err = db->driver->start(db, SCHEMA_TRACE_SESSION_OF, VALUES(text(wanted->call_id)));
	if (err == ERR_NONE)
		err = db->driver->row(db, SCHEMA_TRACE_SESSION_OF, &session, 1);
	if (err == ERR_NONE)
		err = query(desk, SCHEMA_TRACE_SESSION, VALUES(after, session, most), limit);
	else if (err == ERR_ABSENT)
		err = query(desk, SCHEMA_TRACE_CALL, VALUES(after, text(wanted->call_id), most), limit);
	else
		db_failed(desk, err);
	db->driver->done(db, SCHEMA_TRACE_SESSION_OF);
	return err;
}

static enum err do_trace_sessions(struct desk *desk)
{
	size_t limit = page_limit(desk->ask);

	return query(desk, SCHEMA_TRACE_SESSIONS, VALUES(number((int64_t)limit)), limit);
}

/*
 * The door.
 */

enum duty { READS = 0, WRITES = 1, CONCERNS = 2 };

static const struct {
	enum err (*carry_out)(struct desk *);
	int duty;
} duties[KEEPER_KIND_N] = {
	[KEEPER_REALM] = { do_realm, WRITES },
	[KEEPER_USER_ADD] = { do_user_add, WRITES | CONCERNS },
	[KEEPER_USER_IMPORT] = { do_user_import, WRITES | CONCERNS },
	[KEEPER_USER_REMOVE] = { do_user_remove, WRITES | CONCERNS },
	[KEEPER_USER_FIND] = { do_user_find, READS },
	[KEEPER_USER_LIST] = { do_user_list, READS },
	[KEEPER_PERSON_ADD] = { do_person_add, WRITES | CONCERNS },
	[KEEPER_PERSON_CHECK] = { do_person_check, READS },
	[KEEPER_PERSON_REMOVE] = { do_person_remove, WRITES | CONCERNS },
	[KEEPER_PERSON_LIST] = { do_person_list, READS },
	[KEEPER_PERSON_PASSWORD] = { do_person_password, WRITES | CONCERNS },
	[KEEPER_DEVICE_PUT] = { do_device_put, WRITES | CONCERNS },
	[KEEPER_DEVICE_LIST] = { do_device_list, READS },
	[KEEPER_DEVICE_REMOVE] = { do_device_remove, WRITES | CONCERNS },
	[KEEPER_CONTACT_PUT] = { do_contact_put, WRITES },
	[KEEPER_CONTACT_REMOVE] = { do_contact_remove, WRITES },
	[KEEPER_CONTACT_LIST] = { do_contact_list, WRITES },
	[KEEPER_STATE_PUT] = { do_state_put, WRITES },
	[KEEPER_STATE_GET] = { do_state_get, READS },
	[KEEPER_STATE_LIST] = { do_state_list, READS },
	[KEEPER_STATE_REMOVE] = { do_state_remove, WRITES },
	[KEEPER_SETTING_PUT] = { do_setting_put, WRITES | CONCERNS },
	[KEEPER_SETTING_LIST] = { do_setting_list, READS },
	[KEEPER_CALL_PUT] = { do_call_put, WRITES },
	[KEEPER_CALL_LIST] = { do_call_list, READS },
	[KEEPER_TRACE_APPEND] = { do_trace_append, WRITES },
	[KEEPER_TRACE_LIST] = { do_trace_list, READS },
	[KEEPER_TRACE_SESSIONS] = { do_trace_sessions, READS },
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
	struct desk desk = { clerk, ask, answer };
	struct db *db = clerk->db;

	if (!answer)
		return NULL;
	if ((unsigned)ask->kind >= KEEPER_KIND_N || !duties[ask->kind].carry_out) {
		keeper_answer_fail(answer, ERR_UNSUPPORTED, "the keeper knows no such question");
		return answer;
	}
	bool writes = store_clerk_writes(ask->kind);
	enum err err = writes ? db->driver->step(db, DB_MARK) : ERR_NONE;
	if (err != ERR_NONE) {
		db_failed(&desk, err);
		return answer;
	}
	err = duties[ask->kind].carry_out(&desk);
	if (writes && err == ERR_NONE)
		err = db->driver->step(db, DB_KEEP) == ERR_NONE ? ERR_NONE : db_failed(&desk, ERR_IO);
	else if (writes)
		(void)!db->driver->step(db, DB_BACK); /* where that fails too, so will COMMIT */
	return answer;
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
