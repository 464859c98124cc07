/* What the clerk does for phones' accounts, their numbers, people and their devices. */
#include "io/db/test_desk.h"

/* RFC 7616 3.4.2; the figures below are md5sum's, sha256sum's and openssl's. */
static void ha1s_are_made_as_rfc_7616_says(void **state)
{
	struct desk *d = *state;
	struct user_record u = { .domain = STR("HTTP-auth.example.org") };

	struct keeper_answer *a = ASK(d, KEEPER_REALM, .users = &u, .n = 1);
	assert_int_equal(a->err, ERR_NONE);
	assert_str(a->users[0].realm, "http-auth.example.org");
	keeper_answer_free(a);

	assert_int_equal(add_user(d, "Mufasa", "", "Circle of Life"), ERR_NONE);
	u = (struct user_record){ .name = STR("Mufasa"), .domain = STR("http-auth.example.org") };
	a = ASK(d, KEEPER_USER_FIND, .users = &u, .n = 1, .token = 5);
	assert_int_equal(a->err, ERR_NONE);
	assert_int_equal(a->token, 5);
	assert_int_equal(a->n, 1);
	/* printf 'Mufasa:http-auth.example.org:Circle of Life' | md5sum, | sha256sum */
	assert_str(a->users[0].ha1_md5, "c461bb829191a439a1a0a3b758ef88d2");
	assert_str(a->users[0].ha1_sha256, "24e863a11f480cbfe66cd9d46688068565950d62abf3809212715927b8eec102");
	assert_str(a->users[0].ha1_sha512_256, "348b5babfc8d0a57a375860c9eb4f072f268870012f87fe4d37f127bc02485cc");
	assert_str(a->users[0].realm, "http-auth.example.org");
	assert_int_equal(a->users[0].created, NOW);
	assert_int_equal(a->users[0].password.n, 0);
	keeper_answer_free(a);
}

static void the_first_domain_fixes_the_realm(void **state)
{
	struct desk *d = *state;
	struct user_record u = { .name = STR("101"), .domain = STR("b.example") };

	assert_int_equal(add_user(d, "101", "A.example", "x"), ERR_NONE);
	struct keeper_answer *a = ASK(d, KEEPER_REALM, .users = &u, .n = 1);
	assert_str(a->users[0].realm, "a.example");
	assert_str(a->users[0].domain, "b.example");
	keeper_answer_free(a);
	assert_int_equal(add_user(d, "101", "b.example", "y"), ERR_NONE);
	a = ASK(d, KEEPER_USER_FIND, .users = &u, .n = 1);
	assert_str(a->users[0].domain, "b.example");
	assert_str(a->users[0].realm, "a.example");
	keeper_answer_free(a);
}

static void without_a_domain_an_account_is_good_in_all(void **state)
{
	struct desk *d = *state;
	struct user_record u = { .name = STR("101"), .domain = STR("any.example") };

	assert_int_equal(add_user(d, "101", "", "x"), ERR_NONE);
	struct keeper_answer *a = ASK(d, KEEPER_USER_FIND, .users = &u, .n = 1);
	assert_int_equal(a->n, 1);
	assert_str(a->users[0].realm, "tandem");
	assert_int_equal(a->users[0].domain.n, 0);
	keeper_answer_free(a);

	/* .. unless there is one for that very domain. */
	assert_int_equal(add_user(d, "101", "any.example", "x"), ERR_NONE);
	a = ASK(d, KEEPER_USER_FIND, .users = &u, .n = 1);
	assert_str(a->users[0].domain, "any.example");
	keeper_answer_free(a);
}

static void bad_accounts_are_refused_with_a_word(void **state)
{
	struct desk *d = *state;
	struct user_record two[2] = { { .name = STR("102"), .password = STR("x") },
				      { .name = STR("101"), .password = STR("x") } };
	struct user_record u = { .name = STR("102") };

	assert_int_equal(add_user(d, "101", "", "x"), ERR_NONE);
	assert_int_equal(add_user(d, "101", "", "x"), ERR_EXISTS);
	assert_int_equal(add_user(d, "1:1", "", "x"), ERR_SYNTAX);
	assert_int_equal(add_user(d, "103", "exa mple", "x"), ERR_SYNTAX);
	assert_int_equal(add_user(d, "103", "", ""), ERR_SYNTAX);

	/* Wholly or not at all. */
	struct keeper_answer *a = ASK(d, KEEPER_USER_ADD, .users = two, .n = 2);
	assert_int_equal(a->err, ERR_EXISTS);
	assert_string_equal(a->why, "there is an account \"101\" already");
	keeper_answer_free(a);
	assert_int_equal(TELL(d, KEEPER_USER_FIND, .users = &u, .n = 1), ERR_ABSENT);
	assert_int_equal(TELL(d, KEEPER_USER_FIND, .n = 0), ERR_SYNTAX);
}

static void import_overwrites_and_removal_takes_the_contacts_along(void **state)
{
	struct desk *d = *state;
	struct user_record rows[2] = { { .name = STR("101"), .password = STR("new") },
				       { .name = STR("10"), .password = STR("new") } };
	struct contact_record contacts[] = { { .aor = STR("sip:101@a"), .key = STR("1"), .expires = NOW + 9 },
					     { .aor = STR("sip:101@b"), .key = STR("1"), .expires = NOW + 9 },
					     { .aor = STR("sip:10@a"), .key = STR("1"), .expires = NOW + 9 },
					     { .aor = STR("sip:1012@a"), .key = STR("1"), .expires = NOW + 9 } };

	assert_int_equal(add_user(d, "101", "", "old"), ERR_NONE);
	struct keeper_answer *before = ASK(d, KEEPER_USER_FIND, .users = rows, .n = 1);
	assert_int_equal(TELL(d, KEEPER_USER_IMPORT, .users = rows, .n = 2), ERR_NONE);
	struct keeper_answer *after = ASK(d, KEEPER_USER_FIND, .users = rows, .n = 1);
	assert_false(str_eq(before->users[0].ha1_md5, after->users[0].ha1_md5));
	keeper_answer_free(before);
	keeper_answer_free(after);

	assert_int_equal(TELL(d, KEEPER_CONTACT_PUT, .contacts = contacts, .n = 4), ERR_NONE);
	assert_int_equal(TELL(d, KEEPER_USER_REMOVE, .users = rows, .n = 1), ERR_NONE);
	assert_int_equal(TELL(d, KEEPER_USER_REMOVE, .users = rows, .n = 1), ERR_ABSENT);
	after = ASK(d, KEEPER_CONTACT_LIST);
	assert_int_equal(after->n, 2);
	assert_str(after->contacts[0].aor, "sip:10@a");
	assert_str(after->contacts[1].aor, "sip:1012@a");
	keeper_answer_free(after);
}

static void removal_in_one_domain_leaves_the_others_contacts(void **state)
{
	struct desk *d = *state;
	struct user_record u = { .name = STR("101"), .domain = STR("a") };
	struct contact_record contacts[] = { { .aor = STR("sip:101@a"), .key = STR("1"), .expires = NOW + 9 },
					     { .aor = STR("sip:101@b"), .key = STR("1"), .expires = NOW + 9 } };

	assert_int_equal(add_user(d, "101", "a", "x"), ERR_NONE);
	assert_int_equal(add_user(d, "101", "b", "x"), ERR_NONE);
	assert_int_equal(TELL(d, KEEPER_CONTACT_PUT, .contacts = contacts, .n = 2), ERR_NONE);
	assert_int_equal(TELL(d, KEEPER_USER_REMOVE, .users = &u, .n = 1), ERR_NONE);
	struct keeper_answer *a = ASK(d, KEEPER_CONTACT_LIST);
	assert_int_equal(a->n, 1);
	assert_str(a->contacts[0].aor, "sip:101@b");
	keeper_answer_free(a);
}

/* Who has bindings in memory reads what became of them. */
static void what_is_removed_is_told_in_order(void **state)
{
	struct desk *d = *state;
	struct user_record u = { .name = STR("101") }, other = { .name = STR("102"), .domain = STR("A") };
	struct contact_record gone[2] = { { .aor = STR("sip:103@a"), .key = STR("1") }, { .aor = STR("sip:104@a") } };
	struct keeper_answer *a;

	assert_int_equal(TELL(d, KEEPER_USER_REMOVE, .users = &u, .n = 1), ERR_ABSENT); /* nothing is told of it */
	assert_int_equal(add_user(d, "101", "", "x"), ERR_NONE);
	assert_int_equal(add_user(d, "102", "a", "x"), ERR_NONE);
	assert_int_equal(TELL(d, KEEPER_USER_REMOVE, .users = &u, .n = 1), ERR_NONE);
	assert_int_equal(TELL(d, KEEPER_CONTACT_REMOVE, .contacts = gone, .n = 2), ERR_NONE);
	assert_int_equal(TELL(d, KEEPER_USER_REMOVE, .users = &other, .n = 1), ERR_NONE);
	a = ASK(d, KEEPER_REMOVAL_LIST, .limit = 3);
	assert_int_equal(a->n, 3);
	assert_true(a->more);
	assert_str(a->removals[0].aor, "sip:101@");
	assert_str(a->removals[0].key, "");
	assert_true(a->removals[0].barred);
	assert_str(a->removals[1].aor, "sip:103@a");
	assert_str(a->removals[1].key, "1");
	assert_false(a->removals[1].barred);
	assert_str(a->removals[2].aor, "sip:104@a");
	int64_t last = a->removals[2].id;
	keeper_answer_free(a);
	a = ASK(d, KEEPER_REMOVAL_LIST, .after = last);
	assert_int_equal(a->n, 1);
	assert_int_equal(a->removals[0].id, last + 1);
	assert_str(a->removals[0].aor, "sip:102@a");
	keeper_answer_free(a);
}

static bool is_disabled(struct desk *d, const char *name)
{
	struct user_record u = { .name = str_from(name) };
	struct keeper_answer *a = ASK(d, KEEPER_USER_FIND, .users = &u, .n = 1);
	bool disabled = a->users[0].disabled;

	assert_int_equal(a->n, 1);
	keeper_answer_free(a);
	return disabled;
}

static void who_is_disabled_keeps_all_but_his_contacts(void **state)
{
	struct desk *d = *state;
	struct user_record both[2] = { { .name = STR("101"), .disabled = true },
				       { .name = STR("102"), .disabled = true } },
			   again = { .name = STR("101"), .password = STR("new") };
	struct contact_record contact = { .aor = STR("sip:101@a"), .key = STR("1"), .expires = NOW + 9 };
	struct number_record number = { .first = 1, .last = 2, .account = STR("101") };
	struct keeper_answer *a;

	assert_int_equal(add_user(d, "101", "", "x"), ERR_NONE);
	assert_int_equal(TELL(d, KEEPER_NUMBER_ADD, .numbers = &number, .n = 1), ERR_NONE);
	assert_int_equal(TELL(d, KEEPER_CONTACT_PUT, .contacts = &contact, .n = 1), ERR_NONE);
	assert_int_equal(TELL(d, KEEPER_USER_DISABLE, .users = both, .n = 2), ERR_ABSENT); /* neither */
	assert_false(is_disabled(d, "101"));
	assert_int_equal(TELL(d, KEEPER_USER_DISABLE, .users = both, .n = 1), ERR_NONE);
	assert_true(is_disabled(d, "101"));
	a = ASK(d, KEEPER_CONTACT_LIST);
	assert_int_equal(a->n, 0);
	keeper_answer_free(a);
	a = ASK(d, KEEPER_REMOVAL_LIST);
	assert_int_equal(a->n, 1);
	assert_str(a->removals[0].aor, "sip:101@");
	assert_true(a->removals[0].barred);
	keeper_answer_free(a);
	a = ASK(d, KEEPER_NUMBER_LIST);
	assert_int_equal(a->n, 1);
	keeper_answer_free(a);
	assert_int_equal(TELL(d, KEEPER_USER_IMPORT, .users = &again, .n = 1), ERR_NONE);
	assert_true(is_disabled(d, "101"));
	both[0].disabled = false;
	assert_int_equal(TELL(d, KEEPER_USER_DISABLE, .users = both, .n = 1), ERR_NONE);
	assert_false(is_disabled(d, "101"));
	a = ASK(d, KEEPER_REMOVAL_LIST);
	assert_int_equal(a->n, 1); /* to be enabled takes nothing away */
	keeper_answer_free(a);
}

static void removals_of_long_ago_are_forgotten_and_numbers_grow(void **state)
{
	static struct contact_record gone[KEEPER_ROWS_MAX];
	struct desk *d = *state;
	struct keeper_answer *a;

	for (size_t i = 0; i < KEEPER_ROWS_MAX; i++)
		gone[i] = (struct contact_record){ .aor = STR("sip:1@a"), .key = STR("k") };
	for (int i = 0; i < REMOVALS_KEPT / KEEPER_ROWS_MAX; i++)
		assert_int_equal(TELL(d, KEEPER_CONTACT_REMOVE, .contacts = gone, .n = KEEPER_ROWS_MAX), ERR_NONE);
	a = ASK(d, KEEPER_REMOVAL_LIST);
	assert_int_equal(a->removals[0].id, 1);
	assert_true(a->more);
	keeper_answer_free(a);
	assert_int_equal(TELL(d, KEEPER_CONTACT_REMOVE, .contacts = gone, .n = 10), ERR_NONE);
	a = ASK(d, KEEPER_REMOVAL_LIST);
	assert_int_equal(a->removals[0].id, 11);
	keeper_answer_free(a);
	a = ASK(d, KEEPER_REMOVAL_LIST, .after = REMOVALS_KEPT);
	assert_int_equal(a->n, 10);
	assert_false(a->more);
	assert_int_equal(a->removals[a->n - 1].id, REMOVALS_KEPT + 10);
	keeper_answer_free(a);
}

/* RFC 6140. */
static void numbers_belong_to_one_account_and_go_with_it(void **state)
{
	struct desk *d = *state;
	struct user_record pbx = { .name = STR("pbx") };
	struct number_record a = { .first = 4930123400, .last = 4930123499, .account = STR("pbx") },
			     inside = { .first = 4930123450, .last = 4930123450, .account = STR("other") },
			     across = { .first = 4930123499, .last = 4930123600, .account = STR("pbx") },
			     two[2] = { { .first = 1, .last = 2, .account = STR("pbx") }, a };
	struct keeper_answer *list;

	assert_int_equal(TELL(d, KEEPER_NUMBER_ADD, .numbers = &a, .n = 1), ERR_ABSENT);
	assert_int_equal(add_user(d, "pbx", "", "x"), ERR_NONE);
	assert_int_equal(add_user(d, "other", "", "x"), ERR_NONE);
	assert_int_equal(TELL(d, KEEPER_NUMBER_ADD, .numbers = &a, .n = 1), ERR_NONE);
	assert_int_equal(TELL(d, KEEPER_NUMBER_ADD, .numbers = &inside, .n = 1), ERR_EXISTS);
	assert_int_equal(TELL(d, KEEPER_NUMBER_ADD, .numbers = &across, .n = 1), ERR_EXISTS);
	assert_int_equal(TELL(d, KEEPER_NUMBER_ADD, .numbers = two, .n = 2), ERR_EXISTS); /* neither */
	across.first = 0;
	assert_int_equal(TELL(d, KEEPER_NUMBER_ADD, .numbers = &across, .n = 1), ERR_SYNTAX);
	list = ASK(d, KEEPER_NUMBER_LIST);
	assert_int_equal(list->n, 1);
	assert_int_equal(list->numbers[0].last, 4930123499);
	assert_str(list->numbers[0].account, "pbx");
	keeper_answer_free(list);
	assert_int_equal(TELL(d, KEEPER_NUMBER_REMOVE, .numbers = &inside, .n = 1), ERR_ABSENT);
	assert_int_equal(TELL(d, KEEPER_NUMBER_REMOVE, .numbers = &a, .n = 1), ERR_NONE);
	assert_int_equal(TELL(d, KEEPER_NUMBER_ADD, .numbers = two, .n = 2), ERR_NONE);
	assert_int_equal(TELL(d, KEEPER_USER_REMOVE, .users = &pbx, .n = 1), ERR_NONE);
	list = ASK(d, KEEPER_NUMBER_LIST);
	assert_int_equal(list->n, 0);
	keeper_answer_free(list);
}

static enum err check(struct desk *d, const char *name, const char *password)
{
	struct person_record p = { .name = str_from(name), .password = str_from(password) };

	return TELL(d, KEEPER_PERSON_CHECK, .persons = &p, .n = 1);
}

static void only_the_right_password_lets_a_person_in(void **state)
{
	struct desk *d = *state;
	struct person_record p = { .name = STR("Alice"), .password = STR("correct horse") };

	struct keeper_answer *a = ASK(d, KEEPER_PERSON_ADD, .persons = &p, .n = 1);
	assert_int_equal(a->err, ERR_NONE);
	assert_str(a->persons[0].name, "alice");
	assert_int_equal(a->persons[0].hash.n, 0); /* the keeper's own */
	keeper_answer_free(a);

	a = ASK(d, KEEPER_PERSON_CHECK, .persons = &p, .n = 1);
	assert_int_equal(a->err, ERR_NONE);
	assert_str(a->persons[0].name, "alice");
	assert_int_equal(a->persons[0].hash.n, 0);
	keeper_answer_free(a);
	assert_int_equal(check(d, "ALICE", "correct horse"), ERR_NONE);
	assert_int_equal(check(d, "alice", "correct hors"), ERR_REFUSED);
	assert_int_equal(check(d, "alice", ""), ERR_REFUSED);
	assert_int_equal(check(d, "nobody", "correct horse"), ERR_REFUSED);
	assert_int_equal(check(d, "no body", "correct horse"), ERR_REFUSED);

	/* a new password puts out every device that logged in with the old one */
	struct device_record dev = { .person = STR("alice"), .key = STR("k"), .serial = STR("s") };
	assert_int_equal(TELL(d, KEEPER_DEVICE_PUT, .devices = &dev, .n = 1), ERR_NONE);
	p.password = STR("battery staple");
	assert_int_equal(TELL(d, KEEPER_PERSON_PASSWORD, .persons = &p, .n = 1), ERR_NONE);
	a = ASK(d, KEEPER_DEVICE_LIST, .devices = &dev, .n = 1);
	assert_int_equal(a->n, 0);
	keeper_answer_free(a);
	assert_int_equal(check(d, "alice", "correct horse"), ERR_REFUSED);
	assert_int_equal(check(d, "alice", "battery staple"), ERR_NONE);
	p.name = STR("nobody");
	assert_int_equal(TELL(d, KEEPER_PERSON_PASSWORD, .persons = &p, .n = 1), ERR_ABSENT);
}

static void a_disabled_person_cannot_log_in_nor_renew(void **state)
{
	struct desk *d = *state;
	struct person_record p = { .name = STR("alice"), .password = STR("one") };
	struct device_record dev = { .person = STR("alice"), .key = STR("k"), .serial = STR("s") };

	assert_int_equal(TELL(d, KEEPER_PERSON_ADD, .persons = &p, .n = 1), ERR_NONE);
	assert_int_equal(TELL(d, KEEPER_DEVICE_PUT, .devices = &dev, .n = 1), ERR_NONE);
	p = (struct person_record){ .name = STR("Alice"), .disabled = true };
	assert_int_equal(TELL(d, KEEPER_PERSON_DISABLE, .persons = &p, .n = 1), ERR_NONE);
	assert_int_equal(check(d, "alice", "one"), ERR_REFUSED);
	struct keeper_answer *a = ASK(d, KEEPER_DEVICE_LIST, .devices = &dev, .n = 1);
	assert_int_equal(a->n, 0);
	keeper_answer_free(a);
	p.disabled = false;
	assert_int_equal(TELL(d, KEEPER_PERSON_DISABLE, .persons = &p, .n = 1), ERR_NONE);
	assert_int_equal(check(d, "alice", "one"), ERR_NONE);
	p.name = STR("nobody");
	assert_int_equal(TELL(d, KEEPER_PERSON_DISABLE, .persons = &p, .n = 1), ERR_ABSENT);
}

static void a_name_belongs_to_the_first_who_takes_it(void **state)
{
	struct desk *d = *state;
	struct person_record p = { .name = STR("alice"), .password = STR("one") };

	assert_int_equal(TELL(d, KEEPER_PERSON_ADD, .persons = &p, .n = 1), ERR_NONE);
	p = (struct person_record){ .name = STR("ALICE"), .password = STR("two") };
	assert_int_equal(TELL(d, KEEPER_PERSON_ADD, .persons = &p, .n = 1), ERR_EXISTS);
	assert_int_equal(check(d, "alice", "one"), ERR_NONE);
	p = (struct person_record){ .name = STR("al ice"), .password = STR("two") };
	assert_int_equal(TELL(d, KEEPER_PERSON_ADD, .persons = &p, .n = 1), ERR_SYNTAX);
	p = (struct person_record){ .name = STR("bob") };
	assert_int_equal(TELL(d, KEEPER_PERSON_ADD, .persons = &p, .n = 1), ERR_SYNTAX);
}

static void no_password_is_in_the_file(void **state)
{
	struct desk *d = *state;
	struct person_record p = { .name = STR("alice"), .password = STR("Sesame-person") };
	char command[200];

	open_desk(d);
	assert_int_equal(TELL(d, KEEPER_PERSON_ADD, .persons = &p, .n = 1), ERR_NONE);
	assert_int_equal(add_user(d, "101", "", "Sesame-phone"), ERR_NONE);
	snprintf(command, sizeof(command), "grep -q alice %s/* && ! grep -q Sesame %s/*", d->folder, d->folder);
	assert_int_equal(system(command), 0);
	close_desk(d);
	assert_int_equal(system(command), 0);
}

static void devices_belong_to_people(void **state)
{
	struct desk *d = *state;
	struct person_record p = { .name = STR("alice"), .password = STR("one") };
	struct device_record dev = { .person = STR("alice"),
				     .key = str_of("0123456789abcdef0123456789\0bcdef", 32),
				     .serial = STR("\1\2"),
				     .not_after = NOW + 7 };

	assert_int_equal(TELL(d, KEEPER_DEVICE_PUT, .devices = &dev, .n = 1), ERR_ABSENT);
	assert_int_equal(TELL(d, KEEPER_PERSON_ADD, .persons = &p, .n = 1), ERR_NONE);
	assert_int_equal(TELL(d, KEEPER_DEVICE_PUT, .devices = &dev, .n = 1), ERR_NONE);
	dev.not_after = NOW + 8;
	assert_int_equal(TELL(d, KEEPER_DEVICE_PUT, .devices = &dev, .n = 1), ERR_NONE);
	struct keeper_answer *a = ASK(d, KEEPER_DEVICE_LIST, .devices = &dev, .n = 1);
	assert_int_equal(a->n, 1);
	assert_int_equal(a->devices[0].key.n, 32);
	assert_memory_equal(a->devices[0].key.p, dev.key.p, 32);
	assert_int_equal(a->devices[0].not_after, NOW + 8);
	keeper_answer_free(a);
	assert_int_equal(TELL(d, KEEPER_DEVICE_REMOVE, .devices = &dev, .n = 1), ERR_NONE);
	assert_int_equal(TELL(d, KEEPER_DEVICE_REMOVE, .devices = &dev, .n = 1), ERR_ABSENT);

	assert_int_equal(TELL(d, KEEPER_DEVICE_PUT, .devices = &dev, .n = 1), ERR_NONE);
	assert_int_equal(TELL(d, KEEPER_PERSON_REMOVE, .persons = &p, .n = 1), ERR_NONE);
	a = ASK(d, KEEPER_DEVICE_LIST);
	assert_int_equal(a->n, 0);
	keeper_answer_free(a);
	assert_int_equal(check(d, "alice", "one"), ERR_REFUSED);
	a = ASK(d, KEEPER_PERSON_LIST);
	assert_int_equal(a->n, 0);
	keeper_answer_free(a);
}

static bool holds(const char *path, const char *text)
{
	static char bytes[1 << 20];
	FILE *f = fopen(path, "rb");

	assert_non_null(f);
	size_t n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	return memmem(bytes, n, text, strlen(text)) != NULL;
}

/* The contact log's halves are let go as they are; nothing else is, before or after that. */
static void the_digest_of_a_removed_account_is_overwritten(void **state)
{
	struct desk *d = *state;
	struct user_record u = { .name = STR("Mufasa") };
	const char *ha1 = "c461bb829191a439a1a0a3b758ef88d2"; /* as above */

	open_desk(d);
	assert_int_equal(add_user(d, "Mufasa", "http-auth.example.org", "Circle of Life"), ERR_NONE);
	close_desk(d);
	assert_true(holds(d->path, ha1));
	open_desk(d);
	for (int table = SCHEMA_CONTACT_CLEAR_0; table <= SCHEMA_CONTACT_CLEAR_1; table++) {
		assert_int_equal(d->db->driver->start(d->db, table, NULL, 0), ERR_NONE);
		assert_int_equal(d->db->driver->row(d->db, table, NULL, 0), ERR_ABSENT);
		d->db->driver->done(d->db, table);
	}
	u.domain = STR("http-auth.example.org");
	assert_int_equal(TELL(d, KEEPER_USER_REMOVE, .users = &u, .n = 1), ERR_NONE);
	close_desk(d);
	assert_false(holds(d->path, ha1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_MEMORY(ha1s_are_made_as_rfc_7616_says),
		IN_MEMORY(the_first_domain_fixes_the_realm),
		IN_MEMORY(without_a_domain_an_account_is_good_in_all),
		IN_MEMORY(bad_accounts_are_refused_with_a_word),
		IN_MEMORY(import_overwrites_and_removal_takes_the_contacts_along),
		IN_MEMORY(removal_in_one_domain_leaves_the_others_contacts),
		IN_MEMORY(what_is_removed_is_told_in_order),
		IN_MEMORY(who_is_disabled_keeps_all_but_his_contacts),
		IN_MEMORY(removals_of_long_ago_are_forgotten_and_numbers_grow),
		IN_MEMORY(numbers_belong_to_one_account_and_go_with_it),
		IN_MEMORY(only_the_right_password_lets_a_person_in),
		IN_MEMORY(a_disabled_person_cannot_log_in_nor_renew),
		IN_MEMORY(a_name_belongs_to_the_first_who_takes_it),
		ON_DISK(no_password_is_in_the_file),
		ON_DISK(the_digest_of_a_removed_account_is_overwritten),
		IN_MEMORY(devices_belong_to_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
