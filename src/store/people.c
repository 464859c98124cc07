#include "store/people.h"

#include "crypt/secret.h"

#include <assert.h>

static enum err fold_person(struct store_desk *desk, str name, char out[PERSON_NAME_MAX], str *folded)
{
	if (!person_name_fold(name, out))
		return keeper_answer_fail(desk->answer, ERR_SYNTAX,
					  "\"" STR_FMT
					  "\" cannot be a name: letters, digits, '.', '_' and '-', at most %d",
					  STR_ARG(str_head(name, 100)), PERSON_NAME_MAX);
	*folded = str_of(out, name.n);
	return ERR_NONE;
}

static enum err find_person(struct store_desk *desk, str name)
{
	return store_desk_query(desk, SCHEMA_PERSON_FIND, DB_VALUES(db_text(name)), 1);
}

/* The hash is the keeper's own. */
static void forget_hash(struct keeper_answer *answer)
{
	struct person_record *row = (struct person_record *)(uintptr_t)answer->rows;

	secret_wipe((char *)(uintptr_t)row->hash.p, row->hash.n);
	row->hash = STR_NONE;
}

enum err store_people_add(struct store_desk *desk)
{
	char name[PERSON_NAME_MAX];
	struct store_binding b;
	enum err err = store_desk_need_one(desk);

	if (err != ERR_NONE)
		return err;
	struct person_record row = desk->ask->persons[0];
	assert(row.hash.n > 0);
	err = fold_person(desk, row.name, name, &row.name);
	if (err != ERR_NONE)
		return err;
	row.created = desk->ask->now;
	store_desk_bind(&person_record_kind, &row, &b);
	err = store_desk_run(desk, SCHEMA_PERSON_ADD, b.values, b.n, NULL);
	if (err == ERR_EXISTS)
		return keeper_answer_fail(desk->answer, err, "the name \"" STR_FMT "\" is taken", STR_ARG(row.name));
	if (err == ERR_NONE)
		err = find_person(desk, row.name);
	if (err == ERR_NONE)
		forget_hash(desk->answer);
	return err;
}

enum err store_people_find(struct store_desk *desk)
{
	char name[PERSON_NAME_MAX];
	enum err err = store_desk_need_one(desk);

	if (err != ERR_NONE)
		return err;
	str given = desk->ask->persons[0].name;
	if (!person_name_fold(given, name))
		return ERR_NONE; /* nobody; said by store_clerk_judge */
	return find_person(desk, str_of(name, given.n));
}

enum err store_people_set_password(struct store_desk *desk)
{
	char name[PERSON_NAME_MAX];
	int64_t touched = 0;
	enum err err = store_desk_need_one(desk);

	if (err != ERR_NONE)
		return err;
	struct person_record row = desk->ask->persons[0];
	assert(row.hash.n > 0);
	err = fold_person(desk, row.name, name, &row.name);
	if (err == ERR_NONE)
		err = store_desk_run(desk, SCHEMA_PERSON_PASSWORD, DB_VALUES(db_text(row.hash), db_text(row.name)),
				     &touched);
	if (err == ERR_NONE && touched == 0)
		err = keeper_answer_fail(desk->answer, ERR_ABSENT, "there is nobody called \"" STR_FMT "\"",
					 STR_ARG(row.name));
	/* Who changes a password wants everybody out who knew the old one: no device renews its certificate. */
	if (err == ERR_NONE)
		err = store_desk_run(desk, SCHEMA_DEVICE_REMOVE_ALL, DB_VALUES(db_text(row.name)), NULL);
	return err;
}

/* One row of the question: the statement, which takes (disabled and) a name, and then the devices. */
static enum err change_person(struct store_desk *desk, const struct person_record *person,
			      enum schema_statement statement)
{
	char name[PERSON_NAME_MAX];
	int64_t touched = 0;
	bool removes = statement == SCHEMA_PERSON_REMOVE;
	str folded = STR_NONE;
	enum err err = fold_person(desk, person->name, name, &folded);
	struct db_value values[] = { db_number(person->disabled), db_text(folded) };

	if (err == ERR_NONE)
		err = store_desk_run(desk, statement, values + removes, 2 - removes, &touched);
	if (err == ERR_NONE && touched == 0)
		err = keeper_answer_fail(desk->answer, ERR_ABSENT, "there is nobody called \"" STR_FMT "\"",
					 STR_ARG(folded));
	if (err == ERR_NONE && (removes || person->disabled))
		err = store_desk_run(desk, SCHEMA_DEVICE_REMOVE_ALL, DB_VALUES(db_text(folded)), NULL);
	return err;
}

enum err store_people_remove(struct store_desk *desk)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++)
		err = change_person(desk, &desk->ask->persons[i], SCHEMA_PERSON_REMOVE);
	return err;
}

enum err store_people_disable(struct store_desk *desk)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++)
		err = change_person(desk, &desk->ask->persons[i], SCHEMA_PERSON_DISABLE);
	return err;
}

enum err store_people_list(struct store_desk *desk)
{
	return store_desk_list(desk, SCHEMA_PERSON_LIST);
}

static enum err person_exists(struct store_desk *desk, str name)
{
	struct db *db = desk->db;
	enum err err = db->driver->start(db, SCHEMA_PERSON_FIND, DB_VALUES(db_text(name)));

	if (err == ERR_NONE)
		err = db->driver->row(db, SCHEMA_PERSON_FIND, NULL, 0);
	if (err == ERR_ABSENT)
		keeper_answer_fail(desk->answer, err, "there is nobody called \"" STR_FMT "\"",
				   STR_ARG(str_head(name, 100)));
	else if (err != ERR_NONE)
		store_desk_fail(desk, err);
	db->driver->done(db, SCHEMA_PERSON_FIND);
	return err;
}

enum err store_people_put_device(struct store_desk *desk)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++)
		err = person_exists(desk, desk->ask->devices[i].person);
	return err == ERR_NONE ? store_desk_put_rows(desk, SCHEMA_DEVICE_PUT) : err;
}

enum err store_people_list_devices(struct store_desk *desk)
{
	str person = desk->ask->n ? desk->ask->devices[0].person : STR_NONE;
	size_t limit = store_desk_limit(desk->ask);

	return store_desk_query(desk, SCHEMA_DEVICE_LIST,
				DB_VALUES(db_number(desk->ask->after), db_text(person), db_number((int64_t)limit + 1)),
				limit);
}

enum err store_people_remove_device(struct store_desk *desk)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++) {
		const struct device_record *device = &desk->ask->devices[i];
		int64_t touched = 0;

		err = store_desk_run(desk, SCHEMA_DEVICE_REMOVE,
				     DB_VALUES(db_text(device->person), db_bytes(device->key)), &touched);
		if (err == ERR_NONE && touched == 0)
			err = keeper_answer_fail(desk->answer, ERR_ABSENT, "there is no such device");
	}
	return err;
}
