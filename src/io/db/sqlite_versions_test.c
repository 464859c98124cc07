/* Files of older and newer versions. */
#include "io/db/test_desk.h"

/* A store of version 1, and the program that knows version 2. */
#define FIRST                                                                                                          \
	"CREATE TABLE phone (id INTEGER PRIMARY KEY, name TEXT NOT NULL);"                                             \
	"INSERT INTO phone (name) VALUES ('101');"
#define SECOND "ALTER TABLE phone ADD COLUMN label TEXT NOT NULL DEFAULT '';"

static const char *const old_migrations[] = { FIRST, SECOND "UPDATE phone SET label = 'desk ' || name;" };
static const char *const broken_migrations[] = { FIRST, SECOND "UPDATE nowhere SET x = 1;" };
static const struct schema version_1 = { old_migrations, 1 }, version_2 = { old_migrations, 2 },
			   broken = { broken_migrations, 2 };

static void an_older_file_is_brought_up_to_date(void **state)
{
	struct desk *d = *state;
	char why[200], text[100];

	assert_int_equal(open_as(d, &version_1, why), ERR_NONE);
	read_one(d->path, "PRAGMA user_version", text);
	assert_string_equal(text, "1");
	assert_int_equal(open_as(d, &version_2, why), ERR_NONE);
	read_one(d->path, "SELECT label FROM phone", text);
	assert_string_equal(text, "desk 101");
	read_one(d->path, "PRAGMA user_version", text);
	assert_string_equal(text, "2");
	assert_int_equal(open_as(d, &version_2, why), ERR_NONE);
}

/* Accounts of version 1 keep what they have; SHA-512-256 comes with their next password. */
static void an_account_of_the_first_version_lives_on(void **state)
{
	struct desk *d = *state;
	struct schema first = { schema_current.migrations, 1 };
	struct user_record u = { .name = STR("101"), .password = STR("x") };
	char why[200], text[100];

	assert_int_equal(open_as(d, &first, why), ERR_NONE);
	write_one(d->path, "INSERT INTO account (name, domain, realm, ha1_md5, ha1_sha256, created, disabled) "
			   "VALUES ('101', '', 'r', 'm', 's', 5, 0);"
			   "INSERT INTO setting (name, value, updated) VALUES ('realm', 'r', 5)");
	open_desk(d);
	struct keeper_answer *a = ASK(d, KEEPER_USER_FIND, .users = &u, .n = 1);
	assert_int_equal(a->n, 1);
	assert_str(a->users[0].ha1_md5, "m");
	assert_str(a->users[0].ha1_sha256, "s");
	assert_str(a->users[0].ha1_sha512_256, "");
	assert_int_equal(a->users[0].created, 5);
	keeper_answer_free(a);
	assert_int_equal(TELL(d, KEEPER_USER_IMPORT, .users = &u, .n = 1), ERR_NONE);
	a = ASK(d, KEEPER_USER_FIND, .users = &u, .n = 1);
	assert_int_equal(a->users[0].ha1_sha512_256.n, 64);
	keeper_answer_free(a);
	close_desk(d);
	read_one(d->path, "SELECT count(*) FROM sqlite_master WHERE name = 'contact_expires'", text);
	assert_string_equal(text, "0");
}

/* A file of version 3 gets the table when it is opened, and what was in it stays. */
static void a_file_without_numbers_gets_them(void **state)
{
	struct desk *d = *state;
	struct schema third = { schema_current.migrations, 3 };
	struct number_record n = { .first = 4930, .last = 4931, .account = STR("101") };
	char why[200];

	assert_int_equal(open_as(d, &third, why), ERR_NONE);
	write_one(d->path, "INSERT INTO account (name, domain, realm, ha1_md5, ha1_sha256, ha1_sha512_256, created, "
			   "disabled) VALUES ('101', '', 'r', 'm', 's', '', 5, 0)");
	open_desk(d);
	assert_int_equal(TELL(d, KEEPER_NUMBER_ADD, .numbers = &n, .n = 1), ERR_NONE);
	close_desk(d);
}

/* Contacts of version 2 had a table with a column for each field. */
static void contacts_of_an_older_version_move_into_the_log(void **state)
{
	struct desk *d = *state;
	struct schema second = { schema_current.migrations, 2 };
	struct contact_record c = { .aor = STR("sip:102@x"), .key = STR("k"), .uri = STR("u"), .expires = NOW + 9 };
	char why[200], text[100];

	assert_int_equal(open_as(d, &second, why), ERR_NONE);
	write_one(
		d->path,
		"INSERT INTO contact (aor, key, uri, params, call_id, cseq, instance, reg_id, q, path, user_agent, "
		"machine, transport, flow_worker, flow_id, local, remote, registered, updated, expires) VALUES "
		"('sip:101@x', 'k', 'sip:u', 'p', 'c', 7, '', 0, 500, '', 'a', '', 1, 0, 3, '', '192.0.2.1:5060', 1, "
		"2, 1700000009000000), ('sip:103@x', 'k', 'u', '', '', 1, '', 0, 0, '', '', '', 1, 0, 0, '', '', 1, 2, "
		"1700000000000000)");
	for (int life = 0; life < 2; life++) {
		open_desk(d);
		if (!life) { /* a question that fails takes nothing over */
			struct user_record u = { .name = STR("101") };
			assert_int_equal(TELL(d, KEEPER_USER_REMOVE, .users = &u, .n = 1), ERR_ABSENT);
		} else {
			assert_int_equal(TELL(d, KEEPER_CONTACT_PUT, .contacts = &c, .n = 1), ERR_NONE);
		}
		struct keeper_answer *a = ASK(d, KEEPER_CONTACT_LIST);
		assert_int_equal(a->n, 1 + (size_t)life);
		assert_str(a->contacts[0].aor, "sip:101@x");
		assert_str(a->contacts[0].uri, "sip:u");
		assert_int_equal(a->contacts[0].cseq, 7);
		assert_int_equal(a->contacts[0].remote.port, 5060);
		keeper_answer_free(a);
		close_desk(d);
		read_one(d->path, "SELECT count(*) FROM contact", text);
		assert_string_equal(text, "0");
	}
}

/* Of version 4: a row for each change. */
static void contacts_of_the_fourth_version_live_on(void **state)
{
	struct desk *d = *state;
	struct schema fourth = { schema_current.migrations, 4 };
	char why[200], text[400], hex[300];
	struct buf row, b;

	assert_int_equal(open_as(d, &fourth, why), ERR_NONE);
	for (int i = 1; i <= 3; i++) {
		struct contact_record c = { .aor = STR("sip:101@x"),
					    .key = i == 1 ? STR("old") : STR("kept"),
					    .cseq = (uint32_t)i,
					    .expires = NOW + 9 };
		buf_init_grow(&row, 1000);
		buf_put_u8(&row, i == 3 ? 2 : 1); /* a binding; the last: the first is gone */
		if (i == 3)
			c.key = STR("old");
		contact_write(&c, &row);
		buf_init(&b, hex, sizeof(hex) - 1);
		buf_put_hex(&b, row.p, row.n);
		hex[b.n] = 0;
		snprintf(text, sizeof(text), "INSERT INTO contact_log_%d VALUES (%d, x'%s')", i > 2, i, hex);
		write_one(d->path, text);
		buf_free(&row);
	}
	open_desk(d);
	struct keeper_answer *a = ASK(d, KEEPER_CONTACT_LIST);
	assert_int_equal(a->n, 1);
	assert_str(a->contacts[0].key, "kept");
	assert_int_equal(a->contacts[0].cseq, 2);
	keeper_answer_free(a);
	close_desk(d);
	read_one(d->path, "PRAGMA user_version", text);
	assert_string_equal(text, "6");
}

static void a_newer_file_is_refused_with_a_clear_word(void **state)
{
	struct desk *d = *state;
	char why[200];

	assert_int_equal(open_as(d, &version_2, why), ERR_NONE);
	assert_int_equal(open_as(d, &version_1, why), ERR_UNSUPPORTED);
	assert_non_null(strstr(why, "newer tandem (schema 2, this one knows 1)"));
}

static void a_migration_that_fails_leaves_the_file_as_it_was(void **state)
{
	struct desk *d = *state;
	char why[200], text[100];

	assert_int_equal(open_as(d, &version_1, why), ERR_NONE);
	assert_int_equal(open_as(d, &broken, why), ERR_IO);
	assert_non_null(strstr(why, "no such table: nowhere"));
	read_one(d->path, "SELECT count(*) FROM pragma_table_info('phone')", text);
	assert_string_equal(text, "2");
	assert_int_equal(open_as(d, &version_2, why), ERR_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_DISK(an_older_file_is_brought_up_to_date),
		ON_DISK(an_account_of_the_first_version_lives_on),
		ON_DISK(a_file_without_numbers_gets_them),
		ON_DISK(contacts_of_an_older_version_move_into_the_log),
		ON_DISK(contacts_of_the_fourth_version_live_on),
		ON_DISK(a_newer_file_is_refused_with_a_clear_word),
		ON_DISK(a_migration_that_fails_leaves_the_file_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
