#include "io/db/sqlite.h"

#include "io/db/test_desk.h"

static void lists_come_in_pages(void **state)
{
	struct desk *d = *state;
	char name[8];

	for (int i = 0; i < 25; i++) {
		snprintf(name, sizeof(name), "%d", 100 + i);
		assert_int_equal(add_user(d, name, "", "x"), ERR_NONE);
	}
	int64_t after = 0;
	size_t seen = 0;
	bool more;
	do {
		struct keeper_answer *a = ASK(d, KEEPER_USER_LIST, .after = after, .limit = 10);
		for (size_t i = 0; i < a->n; i++, seen++)
			assert_int_equal(a->users[i].ha1_md5.n, 0);
		after = a->users[a->n - 1].id;
		more = a->more;
		assert_int_equal(a->n, more ? 10 : 5);
		keeper_answer_free(a);
	} while (more);
	assert_int_equal(seen, 25);
}

static void state_is_kept_by_owner_and_name(void **state)
{
	struct desk *d = *state;
	static char huge[STATE_VALUE_MAX + 1];
	struct state_record rows[] = { { .owner = STR("node"), .name = STR("key"), .value = str_of("\0\1\2", 3) },
				       { .owner = STR("node"), .name = STR("cache"), .value = STR("") },
				       { .owner = STR("edge"), .name = STR("key"), .value = STR("other") } };

	assert_int_equal(TELL(d, KEEPER_STATE_PUT, .states = rows, .n = 3), ERR_NONE);
	rows[0].value = str_of("\0\1\2\3", 4);
	assert_int_equal(TELL(d, KEEPER_STATE_PUT, .states = rows, .n = 1), ERR_NONE);
	struct keeper_answer *a = ASK(d, KEEPER_STATE_GET, .states = rows, .n = 1);
	assert_int_equal(a->n, 1);
	assert_int_equal(a->states[0].value.n, 4);
	assert_memory_equal(a->states[0].value.p, "\0\1\2\3", 4);
	keeper_answer_free(a);
	a = ASK(d, KEEPER_STATE_LIST, .states = rows, .n = 1);
	assert_int_equal(a->n, 2);
	keeper_answer_free(a);
	assert_int_equal(TELL(d, KEEPER_STATE_REMOVE, .states = rows, .n = 2), ERR_NONE);
	assert_int_equal(TELL(d, KEEPER_STATE_GET, .states = rows, .n = 1), ERR_ABSENT);
	assert_int_equal(TELL(d, KEEPER_STATE_GET, .states = rows + 2, .n = 1), ERR_NONE);
	rows[0].value = str_of(huge, sizeof(huge));
	assert_int_equal(TELL(d, KEEPER_STATE_PUT, .states = rows, .n = 1), ERR_LIMIT);
}

static void settings_are_found_by_how_they_start(void **state)
{
	struct desk *d = *state;
	struct setting_record rows[] = { { .name = STR("serve.domain"), .value = STR("a") },
					 { .name = STR("serve.listen"), .value = STR("b") },
					 { .name = STR("edge.name"), .value = STR("c") } };
	struct setting_record serve = { .name = STR("serve.") };

	assert_int_equal(TELL(d, KEEPER_SETTING_PUT, .settings = rows, .n = 3), ERR_NONE);
	rows[1].value = STR("bb");
	rows[0].value = STR("");
	assert_int_equal(TELL(d, KEEPER_SETTING_PUT, .settings = rows, .n = 2), ERR_NONE);
	struct keeper_answer *a = ASK(d, KEEPER_SETTING_LIST, .settings = &serve, .n = 1);
	assert_int_equal(a->n, 1);
	assert_str(a->settings[0].value, "bb");
	keeper_answer_free(a);
	a = ASK(d, KEEPER_SETTING_LIST);
	assert_int_equal(a->n, 2);
	keeper_answer_free(a);
}

static void what_is_kept_is_there_when_opened_again_and_only_for_us(void **state)
{
	struct desk *d = *state;
	struct user_record u = { .name = STR("101") };
	struct stat about;

	open_desk(d);
	assert_int_equal(add_user(d, "101", "", "x"), ERR_NONE);
	assert_int_equal(stat(d->path, &about), 0);
	assert_int_equal(about.st_mode & 0777, 0600);
	close_desk(d);
	open_desk(d);
	assert_int_equal(TELL(d, KEEPER_USER_FIND, .users = &u, .n = 1), ERR_NONE);
	close_desk(d);
}

static void other_files_are_not_touched(void **state)
{
	struct desk *d = *state;
	char why[200];
	sqlite3 *handle;

	assert_int_equal(sqlite3_open(d->path, &handle), SQLITE_OK);
	assert_int_equal(sqlite3_exec(handle, "CREATE TABLE x (y)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(handle);
	assert_int_equal(open_as(d, NULL, why), ERR_UNSUPPORTED);
	assert_non_null(strstr(why, "another program"));

	FILE *f = fopen(d->path, "w");
	for (int i = 0; i < 1000; i++)
		fputs("no database at all, ", f);
	fclose(f);
	assert_int_equal(open_as(d, NULL, why), ERR_UNSUPPORTED);
	assert_non_null(strstr(why, "no database"));

	snprintf(d->path, sizeof(d->path), "%s/none/tandem.db", d->folder);
	assert_int_equal(open_as(d, NULL, why), ERR_IO);
	assert_non_null(strstr(why, "No such file"));
}

static void a_locked_database_is_said_to_be_busy(void **state)
{
	struct desk *d = *state, other = *d;
	struct user_record u = { .name = STR("101") };

	open_desk(d);
	open_desk(&other);
	assert_int_equal(add_user(d, "101", "", "x"), ERR_NONE);
	assert_int_equal(other.db->driver->step(other.db, DB_BEGIN), ERR_NONE);

	struct user_record more = { .name = STR("102"), .password = STR("x") };
	struct keeper_answer *a = ASK(d, KEEPER_USER_ADD, .users = &more, .n = 1);
	assert_int_equal(a->err, ERR_BUSY);
	assert_string_equal(a->why, "another process holds the database");
	keeper_answer_free(a);
	assert_int_equal(TELL(d, KEEPER_USER_FIND, .users = &u, .n = 1), ERR_NONE); /* reading goes on */

	assert_int_equal(other.db->driver->step(other.db, DB_ROLLBACK), ERR_NONE);
	assert_int_equal(add_user(d, "102", "", "x"), ERR_NONE);
	close_desk(&other);
	close_desk(d);
}

static void another_writer_is_noticed(void **state)
{
	struct desk *d = *state, other = *d;

	open_desk(d);
	open_desk(&other);
	d->db->driver->foreign(d->db);
	assert_false(d->db->driver->foreign(d->db));
	assert_int_equal(add_user(d, "101", "", "x"), ERR_NONE);
	assert_false(d->db->driver->foreign(d->db));
	assert_int_equal(add_user(&other, "102", "", "x"), ERR_NONE);
	assert_true(d->db->driver->foreign(d->db));
	assert_false(d->db->driver->foreign(d->db));
	close_desk(&other);
	close_desk(d);
}

/* Fills it until it is full; returns how many states were acknowledged. */
static int fill(struct desk *d)
{
	static char value[20000];
	char name[20];
	int n = 0;

	for (;; n++) {
		snprintf(name, sizeof(name), "%d", n);
		struct state_record row = { .owner = STR("x"),
					    .name = str_from(name),
					    .value = str_of(value, sizeof(value)) };
		struct keeper_answer *a = ASK(d, KEEPER_STATE_PUT, .states = &row, .n = 1);
		enum err err = a->err;
		if (err != ERR_NONE) {
			assert_non_null(strstr(a->why, "no room left"));
		}
		keeper_answer_free(a);
		if (err == ERR_FULL)
			return n;
		assert_int_equal(err, ERR_NONE);
		assert_true(n < 1000);
	}
}

static size_t count(struct desk *d)
{
	struct state_record of = { .owner = STR("x") };
	struct keeper_answer *a = ASK(d, KEEPER_STATE_LIST, .states = &of, .n = 1);
	size_t n = a->n;

	assert_int_equal(a->err, ERR_NONE);
	keeper_answer_free(a);
	return n;
}

static void a_full_database_is_said_to_be_full_and_keeps_what_it_has(void **state)
{
	struct desk *d = *state;
	struct state_record row = { .owner = STR("x"), .name = STR("0") };
	char why[200];

	assert_int_equal(
		db_sqlite_open(&(struct db_sqlite_setup){ .path = d->path, .page_max = 120 }, &d->db, why, 200),
		ERR_NONE);
	d->clerk = store_clerk_new(d->db);
	int n = fill(d);
	assert_true(n > 5);
	assert_int_equal(count(d), n);
	assert_int_equal(TELL(d, KEEPER_STATE_REMOVE, .states = &row, .n = 1), ERR_NONE); /* room again */
	assert_int_equal(TELL(d, KEEPER_STATE_PUT, .states = &row, .n = 1), ERR_NONE);
	close_desk(d);
	open_desk(d);
	assert_int_equal(count(d), n);
	close_desk(d);
}

/* A full disk rolls a transaction back in its midst: what comes after must not be committed all by itself. */
static void a_batch_that_meets_a_full_disk_is_kept_as_acknowledged(void **state)
{
	static char params[20000];
	struct desk *d = *state;
	struct contact_record c = { .aor = STR("sip:101@x"), .uri = STR("sip:u"), .expires = NOW + 1 };
	struct rlimit before, small = { .rlim_cur = 300000 };
	enum err err = ERR_NONE;
	size_t good = 0;
	char key[20];

	memset(params, 'x', sizeof(params));
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small.rlim_max = before.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	open_desk(d);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(d->db->driver->step(d->db, DB_BEGIN), ERR_NONE);
	for (int i = 0; i < 600; i++) {
		snprintf(key, sizeof(key), "%d", i);
		c.key = str_from(key);
		c.params = str_of(params, sizeof(params));
		struct keeper_ask q = { .kind = KEEPER_CONTACT_PUT, .now = NOW, .contacts = &c, .n = 1 };
		struct keeper_answer *a = store_clerk_do(d->clerk, &q);
		assert_non_null(a);
		good += a->err == ERR_NONE;
		err = a->err;
		keeper_answer_free(a);
		if (err)
			break;
	}
	assert_int_equal(err, ERR_FULL);
	c.key = STR("after");
	c.params = STR_NONE;
	struct keeper_ask q = { .kind = KEEPER_CONTACT_PUT, .now = NOW, .contacts = &c, .n = 1 };
	struct keeper_answer *a = store_clerk_do(d->clerk, &q);
	good += a->err == ERR_NONE;
	keeper_answer_free(a);
	if (d->db->driver->step(d->db, DB_COMMIT) != ERR_NONE)
		good = 0; /* the keeper answers all of them with that */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	close_desk(d);
	open_desk(d);
	a = ASK(d, KEEPER_CONTACT_LIST, .now = NOW);
	assert_int_equal(a->n, good);
	keeper_answer_free(a);
	close_desk(d);
}

static void a_full_disk_is_said_to_be_full_and_keeps_what_it_has(void **state)
{
	struct desk *d = *state;
	struct rlimit before, small = { .rlim_cur = 600000 };

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small.rlim_max = before.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	open_desk(d);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int n = fill(d);
	assert_true(n > 5);
	assert_int_equal(count(d), n);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	struct state_record row = { .owner = STR("x"), .name = STR("after") };
	assert_int_equal(TELL(d, KEEPER_STATE_PUT, .states = &row, .n = 1), ERR_NONE); /* and goes on */
	close_desk(d);
	open_desk(d);
	assert_int_equal(count(d), n + 1);
	close_desk(d);
}

/* The columns of every statement that gives rows stand in the order of the record's fields. */
static void columns_stand_in_the_order_of_the_fields(void **state)
{
	static const struct {
		enum schema_statement statement;
		const struct record_kind *kind;
	} selects[] = {
		{ SCHEMA_USER_FIND, &user_record_kind },       { SCHEMA_USER_LIST, &user_record_kind },
		{ SCHEMA_PERSON_FIND, &person_record_kind },   { SCHEMA_PERSON_LIST, &person_record_kind },
		{ SCHEMA_DEVICE_LIST, &device_record_kind },   { SCHEMA_CONTACT_OLD, &contact_record_kind },
		{ SCHEMA_STATE_GET, &state_record_kind },      { SCHEMA_STATE_LIST, &state_record_kind },
		{ SCHEMA_SETTING_GET, &setting_record_kind },  { SCHEMA_SETTING_LIST, &setting_record_kind },
		{ SCHEMA_CALL_LIST, &call_record_kind },       { SCHEMA_TRACE_LIST, &trace_record_kind },
		{ SCHEMA_TRACE_SESSION, &trace_record_kind },  { SCHEMA_TRACE_CALL, &trace_record_kind },
		{ SCHEMA_TRACE_SESSIONS, &trace_record_kind },
	};
	struct desk *d = *state;
	sqlite3 *handle;
	sqlite3_stmt *s;

	open_desk(d);
	assert_int_equal(sqlite3_open(d->path, &handle), SQLITE_OK);
	for (int i = 0; i < SCHEMA_STATEMENT_N; i++) { /* all are well formed */
		assert_non_null(schema_statement(i));
		assert_int_equal(sqlite3_prepare_v2(handle, schema_statement(i), -1, &s, NULL), SQLITE_OK);
		sqlite3_finalize(s);
	}
	for (size_t i = 0; i < sizeof(selects) / sizeof(*selects); i++) {
		const struct record_kind *kind = selects[i].kind;
		int column = 0;
		assert_int_equal(sqlite3_prepare_v2(handle, schema_statement(selects[i].statement), -1, &s, NULL),
				 SQLITE_OK);
		for (size_t k = 0; k < kind->field_n; k++) {
			if (kind->fields[k].type == RECORD_SECRET)
				continue;
			const char *name = sqlite3_column_name(s, column++);
			if (strcmp(name, "''") != 0) /* left out on purpose */
				assert_string_equal(name, kind->fields[k].name);
		}
		assert_int_equal(sqlite3_column_count(s), column);
		sqlite3_finalize(s);
	}
	sqlite3_close(handle);
	close_desk(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_MEMORY(lists_come_in_pages),
		IN_MEMORY(state_is_kept_by_owner_and_name),
		IN_MEMORY(settings_are_found_by_how_they_start),
		ON_DISK(what_is_kept_is_there_when_opened_again_and_only_for_us),
		ON_DISK(other_files_are_not_touched),
		ON_DISK(a_locked_database_is_said_to_be_busy),
		ON_DISK(another_writer_is_noticed),
		ON_DISK(a_full_database_is_said_to_be_full_and_keeps_what_it_has),
		ON_DISK(a_batch_that_meets_a_full_disk_is_kept_as_acknowledged),
		ON_DISK(a_full_disk_is_said_to_be_full_and_keeps_what_it_has),
		ON_DISK(columns_stand_in_the_order_of_the_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
