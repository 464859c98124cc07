#include "store/account.h"

#include "crypt/password.h"
#include "crypt/secret.h"
#include "store/contact_log.h"

#define REALM_MAX USER_NAME_MAX

struct realm {
	char text[REALM_MAX];
	size_t n;
};

static enum err find_realm(struct store_desk *desk, struct realm *out)
{
	struct db *db = desk->db;
	struct db_value columns[4];
	enum err err = db->driver->start(db, SCHEMA_SETTING_GET, DB_VALUES(db_text(STR("realm"))));

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
static enum err get_realm(struct store_desk *desk, str domain, struct realm *out)
{
	str realm = domain.n ? domain : STR("tandem");
	enum err err = find_realm(desk, out);

	if (err == ERR_ABSENT) {
		err = store_desk_run(desk, SCHEMA_SETTING_ADD,
				     DB_VALUES(db_text(STR("realm")), db_text(realm), db_number(desk->ask->now)), NULL);
		if (err != ERR_NONE)
			return err;
		err = find_realm(desk, out);
	}
	return err == ERR_NONE ? ERR_NONE : store_desk_fail(desk, err);
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

static enum err put_user(struct store_desk *desk, const struct user_record *user, enum schema_statement statement)
{
	struct user_record row = *user;
	struct store_binding b;
	struct realm realm;
	char domain[USER_NAME_MAX], md5[32], sha256[64], sha512_256[64];

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
	write_ha1(desk->md5, 16, row.name, row.realm, row.password, md5);
	write_ha1(desk->sha256, 32, row.name, row.realm, row.password, sha256);
	write_ha1(desk->sha512_256, 32, row.name, row.realm, row.password, sha512_256);
	row.ha1_md5 = str_of(md5, sizeof(md5));
	row.ha1_sha256 = str_of(sha256, sizeof(sha256));
	row.ha1_sha512_256 = str_of(sha512_256, sizeof(sha512_256));
	row.created = desk->ask->now;
	store_desk_bind(&user_record_kind, &row, &b);
	err = store_desk_run(desk, statement, b.values, b.n, NULL);
	if (err == ERR_EXISTS)
		keeper_answer_fail(desk->answer, err, "there is an account \"" STR_FMT "\" already",
				   STR_ARG(str_head(user->name, 100)));
	secret_wipe(md5, sizeof(md5));
	secret_wipe(sha256, sizeof(sha256));
	secret_wipe(sha512_256, sizeof(sha512_256));
	secret_wipe(&b, sizeof(b));
	return err;
}

static enum err answer_user(struct store_desk *desk, str name, str domain, str realm)
{
	struct user_record *row = keeper_answer_add(desk->answer);

	if (!row || !keeper_answer_copy(desk->answer, name, &row->name) ||
	    !keeper_answer_copy(desk->answer, domain, &row->domain) ||
	    !keeper_answer_copy(desk->answer, realm, &row->realm))
		return keeper_answer_fail(desk->answer, ERR_MEMORY, "no memory for the answer");
	row->created = desk->ask->now;
	return ERR_NONE;
}

enum err store_account_realm(struct store_desk *desk)
{
	char domain[USER_NAME_MAX];
	struct realm realm;
	enum err err = store_desk_need_one(desk);

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

enum err store_account_add(struct store_desk *desk)
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

enum err store_account_import(struct store_desk *desk)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++)
		err = put_user(desk, &desk->ask->users[i], SCHEMA_USER_PUT);
	return err;
}

/* Contacts of "sip:NAME@DOMAIN", or of the name in all domains. */
static enum err drop_contacts(struct store_desk *desk, str name, str domain)
{
	char storage[2 * USER_NAME_MAX + 8];
	struct buf start;

	buf_init(&start, storage, sizeof(storage));
	buf_printf(&start, "sip:" STR_FMT "@" STR_FMT, STR_ARG(name), STR_ARG(domain));
	if (!buf_ok(&start))
		return ERR_NONE; /* no account has such a name */
	enum err err = contact_log_remove_all(desk->contacts, desk, buf_str(&start));
	return err == ERR_NONE ? store_removal_note(desk, buf_str(&start), STR_NONE, true) : err;
}

/* Does a statement of one row find one? Into columns[n], valid until it is asked again. */
static enum err look(struct store_desk *desk, enum schema_statement statement, const struct db_value *values, size_t n,
		     struct db_value *columns, size_t column_n)
{
	struct db *db = desk->db;
	enum err err = db->driver->start(db, statement, values, n);

	if (err == ERR_NONE)
		err = db->driver->row(db, statement, columns, column_n);
	db->driver->done(db, statement);
	return err;
}

/* Numbers go with the last account of that name. */
static enum err drop_numbers(struct store_desk *desk, str name)
{
	struct db_value id;
	enum err err = look(desk, SCHEMA_USER_ANY, DB_VALUES(db_text(name)), &id, 1);

	if (err == ERR_ABSENT)
		return store_desk_run(desk, SCHEMA_NUMBER_REMOVE_ALL, DB_VALUES(db_text(name)), NULL);
	return err == ERR_NONE ? ERR_NONE : store_desk_fail(desk, err);
}

/* One row of the question: the statement, which takes (disabled,) name and domain, and what follows of it. */
static enum err change_user(struct store_desk *desk, const struct user_record *user, enum schema_statement statement)
{
	char domain[USER_NAME_MAX];
	int64_t touched = 0;
	str folded = user_domain_fold(user->domain, domain) ? str_of(domain, user->domain.n) : user->domain;
	bool removes = statement == SCHEMA_USER_REMOVE;
	struct db_value values[] = { db_number(user->disabled), db_text(user->name), db_text(folded) };
	enum err err = store_desk_run(desk, statement, values + removes, 3 - removes, &touched);

	if (err == ERR_NONE && touched == 0)
		err = keeper_answer_fail(desk->answer, ERR_ABSENT, "there is no account \"" STR_FMT "%s" STR_FMT "\"",
					 STR_ARG(str_head(user->name, 100)), folded.n ? "@" : "",
					 STR_ARG(str_head(folded, 100)));
	if (err == ERR_NONE && (removes || user->disabled))
		err = drop_contacts(desk, user->name, folded);
	if (err == ERR_NONE && removes)
		err = drop_numbers(desk, user->name);
	return err;
}

enum err store_account_remove(struct store_desk *desk)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++)
		err = change_user(desk, &desk->ask->users[i], SCHEMA_USER_REMOVE);
	return err;
}

enum err store_account_disable(struct store_desk *desk)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++)
		err = change_user(desk, &desk->ask->users[i], SCHEMA_USER_DISABLE);
	return err;
}

enum err store_account_find(struct store_desk *desk)
{
	char domain[USER_NAME_MAX];
	enum err err = store_desk_need_one(desk);

	if (err != ERR_NONE)
		return err;
	const struct user_record *user = &desk->ask->users[0];
	str folded = user_domain_fold(user->domain, domain) ? str_of(domain, user->domain.n) : user->domain;
	err = store_desk_query(desk, SCHEMA_USER_FIND, DB_VALUES(db_text(user->name), db_text(folded)), 1);
	if (err == ERR_NONE && desk->answer->n == 0)
		err = keeper_answer_fail(desk->answer, ERR_ABSENT, "there is no account \"" STR_FMT "\"",
					 STR_ARG(str_head(user->name, 100)));
	return err;
}

enum err store_account_list(struct store_desk *desk)
{
	return store_desk_list(desk, SCHEMA_USER_LIST);
}

/* ---- numbers ---- */

static enum err add_range(struct store_desk *desk, const struct number_record *r)
{
	struct db_value columns[4];
	char text[2 * NUMBER_DIGITS_MAX + 8];
	struct buf range;
	enum err err;

	if (r->first <= 0 || r->last < r->first)
		return keeper_answer_fail(desk->answer, ERR_SYNTAX, "this is no range of numbers");
	err = look(desk, SCHEMA_USER_ANY, DB_VALUES(db_text(r->account)), columns, 1);
	if (err == ERR_ABSENT)
		return keeper_answer_fail(desk->answer, ERR_ABSENT, "there is no account \"" STR_FMT "\"",
					  STR_ARG(str_head(r->account, 100)));
	if (err == ERR_NONE)
		err = look(desk, SCHEMA_NUMBER_OVERLAP, DB_VALUES(db_number(r->last), db_number(r->first)), columns, 4);
	if (err == ERR_ABSENT)
		return store_desk_run(desk, SCHEMA_NUMBER_ADD,
				      DB_VALUES(db_number(r->first), db_number(r->last), db_text(r->account)), NULL);
	if (err != ERR_NONE)
		return store_desk_fail(desk, err);
	buf_init(&range, text, sizeof(text));
	number_range_write(columns[1].number, columns[2].number, &range);
	return keeper_answer_fail(desk->answer, ERR_EXISTS, STR_FMT " is assigned already", STR_ARG(buf_str(&range)));
}

enum err store_account_add_numbers(struct store_desk *desk)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++)
		err = add_range(desk, &desk->ask->numbers[i]);
	return err;
}

static enum err remove_range(struct store_desk *desk, const struct number_record *r)
{
	int64_t touched = 0;
	enum err err;

	if (!r->first)
		return store_desk_run(desk, SCHEMA_NUMBER_REMOVE_ALL, DB_VALUES(db_text(r->account)), NULL);
	err = store_desk_run(desk, SCHEMA_NUMBER_REMOVE,
			     DB_VALUES(db_text(r->account), db_number(r->first), db_number(r->last)), &touched);
	if (err == ERR_NONE && !touched)
		err = keeper_answer_fail(desk->answer, ERR_ABSENT, "\"" STR_FMT "\" has no such range",
					 STR_ARG(str_head(r->account, 100)));
	return err;
}

enum err store_account_remove_numbers(struct store_desk *desk)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++)
		err = remove_range(desk, &desk->ask->numbers[i]);
	return err;
}

enum err store_account_list_numbers(struct store_desk *desk)
{
	return store_desk_list(desk, SCHEMA_NUMBER_LIST);
}
