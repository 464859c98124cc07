#include "io/db/sqlite.h"

#include "base/test.h"
#include "store/clerk.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The clerk's answers are tested here, too: store has no database to ask.
 */

#define NOW ((usec)1700000000 * USEC_PER_SEC)

struct desk {
	char folder[32], path[64];
	struct db *db;
	struct store_clerk *clerk;
};

static void open_desk(struct desk *d)
{
	char why[200] = "";

	assert_int_equal(db_sqlite_open(&(struct db_sqlite_setup){ .path = d->path }, &d->db, why, sizeof(why)),
			 ERR_NONE);
	d->clerk = store_clerk_new(d->db);
	assert_non_null(d->clerk);
}

static void close_desk(struct desk *d)
{
	store_clerk_free(d->clerk);
	d->db->driver->free(d->db);
}

static int start_file(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));

	strcpy(d->folder, "/tmp/tandem-test-XXXXXX");
	assert_non_null(mkdtemp(d->folder));
	snprintf(d->path, sizeof(d->path), "%s/tandem.db", d->folder);
	*state = d;
	return 0;
}

static int stop_file(void **state)
{
	struct desk *d = *state;
	DIR *dir = opendir(d->folder);
	char path[400];

	for (struct dirent *e; (e = readdir(dir));) {
		snprintf(path, sizeof(path), "%s/%s", d->folder, e->d_name);
		unlink(path);
	}
	closedir(dir);
	rmdir(d->folder);
	free(d);
	return 0;
}

static int start_desk(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));

	strcpy(d->path, ":memory:");
	open_desk(d);
	*state = d;
	return 0;
}

static int stop_desk(void **state)
{
	close_desk(*state);
	free(*state);
	return 0;
}

static struct keeper_answer *ask(struct desk *d, struct keeper_ask model)
{
	if (model.now == 0)
		model.now = NOW;
	struct keeper_ask *question = keeper_ask_new(&model);
	assert_non_null(question);
	struct keeper_answer *answer = store_clerk_answer(d->clerk, question, password_cost_least());
	assert_non_null(answer);
	assert_int_equal(answer->kind, model.kind);
	keeper_ask_free(question);
	return answer;
}

static enum err tell(struct desk *d, struct keeper_ask model)
{
	struct keeper_answer *answer = ask(d, model);
	enum err err = answer->err;

	assert_true(err == ERR_NONE || answer->why[0]);
	keeper_answer_free(answer);
	return err;
}

#define ASK(desk, what, ...)  ask((desk), (struct keeper_ask){ .kind = (what), __VA_ARGS__ })
#define TELL(desk, what, ...) tell((desk), (struct keeper_ask){ .kind = (what), __VA_ARGS__ })

static enum err add_user(struct desk *d, const char *name, const char *domain, const char *password)
{
	struct user_record u = { .name = str_from(name), .domain = str_from(domain), .password = str_from(password) };

	return TELL(d, KEEPER_USER_ADD, .users = &u, .n = 1);
}

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

/* A change of a registration is one question: what expires at 0 goes. */
static void contacts_are_put_and_removed_in_one_question(void **state)
{
	struct desk *d = *state;
	struct contact_record rows[] = { { .aor = STR("sip:1@a"), .key = STR("x"), .expires = NOW + 9 },
					 { .aor = STR("sip:1@a"), .key = STR("y"), .expires = NOW + 9 } },
			      change[] = { { .aor = STR("sip:1@a"), .key = STR("x") },
					   { .aor = STR("sip:1@a"), .key = STR("z"), .expires = NOW + 9 } };
	struct keeper_answer *list;

	assert_int_equal(TELL(d, KEEPER_CONTACT_PUT, .contacts = rows, .n = 2), ERR_NONE);
	assert_int_equal(TELL(d, KEEPER_CONTACT_PUT, .contacts = change, .n = 2), ERR_NONE);
	list = ASK(d, KEEPER_CONTACT_LIST);
	assert_int_equal(list->n, 2);
	assert_false(str_eq(list->contacts[0].key, STR("x")) || str_eq(list->contacts[1].key, STR("x")));
	keeper_answer_free(list);
	change[0].key = STR_NONE; /* all of them */
	assert_int_equal(TELL(d, KEEPER_CONTACT_PUT, .contacts = change, .n = 2), ERR_NONE);
	list = ASK(d, KEEPER_CONTACT_LIST);
	assert_int_equal(list->n, 1);
	keeper_answer_free(list);
}

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

static void a_contact_comes_back_as_it_was(void **state)
{
	struct desk *d = *state;
	struct contact_record c = { .aor = STR("sip:101@example.com"),
				    .key = STR("<urn:uuid:1>;1"),
				    .uri = STR("sip:101@192.0.2.1:5070;transport=tcp"),
				    .params = STR(";methods=\"INVITE\""),
				    .call_id = STR("x@y"),
				    .cseq = 4294967295u,
				    .instance = STR("<urn:uuid:1>"),
				    .reg_id = 1,
				    .q = 1000,
				    .path = STR("<sip:p;lr>"),
				    .user_agent = STR("Desk \"1\""),
				    .machine = STR("m1"),
				    .registered = NOW,
				    .updated = NOW,
				    .expires = NOW + 60 };
	struct flow flow = {
		.transport = TRANSPORT_TLS, .worker = 3, .id = 0x80000001u, .local = addr_v4(192, 0, 2, 9, 5061)
	};

	assert_int_equal(addr_parse(STR("[2001:db8::7]:1234"), 0, &flow.remote), ERR_NONE);
	contact_set_flow(&c, &flow);
	assert_int_equal(TELL(d, KEEPER_CONTACT_PUT, .contacts = &c, .n = 1), ERR_NONE);
	struct keeper_answer *a = ASK(d, KEEPER_CONTACT_LIST);
	assert_int_equal(a->n, 1);
	const struct contact_record *r = a->contacts;
	assert_true(str_eq(r->aor, c.aor) && str_eq(r->key, c.key) && str_eq(r->uri, c.uri) &&
		    str_eq(r->params, c.params));
	assert_true(str_eq(r->call_id, c.call_id) && str_eq(r->instance, c.instance) && str_eq(r->path, c.path));
	assert_true(str_eq(r->user_agent, c.user_agent) && str_eq(r->machine, c.machine));
	assert_int_equal(r->cseq, c.cseq);
	assert_int_equal(r->reg_id, 1);
	assert_int_equal(r->q, 1000);
	assert_int_equal(r->registered, NOW);
	assert_int_equal(r->updated, NOW);
	assert_int_equal(r->expires, NOW + 60);
	struct flow back = contact_flow(r);
	assert_true(flow_eq(&back, &flow));
	keeper_answer_free(a);

	/* The same binding again: refreshed, not doubled. */
	c.expires = NOW + 90;
	assert_int_equal(TELL(d, KEEPER_CONTACT_PUT, .contacts = &c, .n = 1), ERR_NONE);
	a = ASK(d, KEEPER_CONTACT_LIST);
	assert_int_equal(a->n, 1);
	assert_int_equal(a->contacts[0].registered, NOW);
	assert_int_equal(a->contacts[0].expires, NOW + 90);
	keeper_answer_free(a);
}

static void expired_and_removed_contacts_are_gone(void **state)
{
	struct desk *d = *state;
	struct contact_record rows[] = { { .aor = STR("sip:a@x"), .key = STR("1"), .expires = NOW },
					 { .aor = STR("sip:a@x"), .key = STR("2"), .expires = NOW + 1 },
					 { .aor = STR("sip:b@x"), .key = STR("1"), .expires = NOW + 9 },
					 { .aor = STR("sip:b@x"), .key = STR("2"), .expires = NOW + 9 } };
	struct contact_record gone[] = { { .aor = STR("sip:b@x"), .key = STR("2") },
					 { .aor = STR("sip:c@x"), .key = STR("2") } };

	assert_int_equal(TELL(d, KEEPER_CONTACT_PUT, .contacts = rows, .n = 4), ERR_NONE);
	struct keeper_answer *a = ASK(d, KEEPER_CONTACT_LIST);
	assert_int_equal(a->n, 3);
	keeper_answer_free(a);
	assert_int_equal(TELL(d, KEEPER_CONTACT_REMOVE, .contacts = gone, .n = 2), ERR_NONE);
	gone[0] = (struct contact_record){ .aor = STR("sip:a@x") };
	assert_int_equal(TELL(d, KEEPER_CONTACT_REMOVE, .contacts = gone, .n = 1), ERR_NONE);
	a = ASK(d, KEEPER_CONTACT_LIST);
	assert_int_equal(a->n, 1);
	assert_str(a->contacts[0].aor, "sip:b@x");
	assert_str(a->contacts[0].key, "1");
	keeper_answer_free(a);
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

static void put_call(struct desk *d, const char *session, const char *service, usec start, usec end)
{
	struct call_record c = { .session = str_from(session),
				 .service = str_from(service),
				 .key = STR("call-1"),
				 .caller = STR("sip:alice@net"),
				 .callee = STR("sip:101@acme"),
				 .start = start,
				 .end = end,
				 .status = end ? 200 : 0,
				 .leg_n = 2,
				 .legs = { { .party = STR("alice"), .codec = STR("opus") },
					   { .party = STR("101"), .codec = STR("PCMA"), .answer = start + 3 } } };

	assert_int_equal(TELL(d, KEEPER_CALL_PUT, .calls = &c, .n = 1), ERR_NONE);
}

static void calls_are_listed_by_session_the_newest_last(void **state)
{
	struct desk *d = *state;
	struct call_record of = { .session = STR("s1") };

	put_call(d, "s1", "pbx", NOW, 0);
	put_call(d, "s2", "pbx", NOW + 10, 0);
	put_call(d, "s1", "edge", NOW + 1, NOW + 30);
	put_call(d, "s3", "pbx", NOW + 20, 0);
	put_call(d, "s1", "pbx", NOW, NOW + 31); /* its end */

	struct keeper_answer *a = ASK(d, KEEPER_CALL_LIST);
	assert_int_equal(a->n, 4);
	assert_str(a->calls[0].session, "s1");
	assert_str(a->calls[0].service, "pbx");
	assert_int_equal(a->calls[0].end, NOW + 31);
	assert_int_equal(a->calls[0].status, 200);
	assert_int_equal(a->calls[0].leg_n, 2);
	assert_str(a->calls[0].legs[0].codec, "opus");
	assert_str(a->calls[0].legs[1].party, "101");
	assert_int_equal(a->calls[0].legs[1].answer, NOW + 3);
	assert_str(a->calls[1].service, "edge");
	assert_str(a->calls[3].session, "s3");
	keeper_answer_free(a);

	a = ASK(d, KEEPER_CALL_LIST, .limit = 2);
	assert_int_equal(a->n, 2);
	assert_str(a->calls[0].session, "s2");
	keeper_answer_free(a);
	a = ASK(d, KEEPER_CALL_LIST, .calls = &of, .n = 1);
	assert_int_equal(a->n, 2);
	keeper_answer_free(a);
	of = (struct call_record){ .caller = STR("sip:nobody@net") };
	a = ASK(d, KEEPER_CALL_LIST, .calls = &of, .n = 1);
	assert_int_equal(a->n, 0);
	keeper_answer_free(a);
}

static void calls_of_a_former_life_get_an_end(void **state)
{
	struct desk *d = *state;
	struct call_record of = { .service = STR("pbx") };

	put_call(d, "s1", "pbx", NOW - 100, 0);
	put_call(d, "s2", "edge", NOW - 90, 0);
	put_call(d, "s3", "pbx", NOW - 80, NOW - 70);
	put_call(d, "s4", "pbx", NOW - 40 * 86400 * USEC_PER_SEC, 0);
	assert_int_equal(TELL(d, KEEPER_CALL_CLOSE, .calls = &of, .n = 1, .now = NOW), ERR_NONE);
	struct keeper_answer *a = ASK(d, KEEPER_CALL_LIST);
	assert_int_equal(a->n, 4);
	assert_int_equal(a->calls[0].end, 0); /* older than anybody talks */
	assert_int_equal(a->calls[1].end, NOW - 100);
	assert_str(a->calls[1].cause, "end unseen: the service was down");
	assert_int_equal(a->calls[2].end, 0); /* another's */
	assert_int_equal(a->calls[3].end, NOW - 70);
	assert_str(a->calls[3].cause, "");
	keeper_answer_free(a);
	assert_int_not_equal(TELL(d, KEEPER_CALL_CLOSE, .n = 0), ERR_NONE);
}

static void a_trace_is_found_by_session_and_by_call_id(void **state)
{
	struct desk *d = *state;
	struct trace_record rows[] = {
		{ .session = STR("s1"),
		  .call_id = STR("c1"),
		  .start = STR("INVITE sip:b SIP/2.0"),
		  .message = STR("m"),
		  .way = TRACE_IN,
		  .transport = TRANSPORT_TLS,
		  .remote = addr_v4(192, 0, 2, 1, 5061),
		  .at = NOW },
		{ .session = STR("s1"), .call_id = STR("c2"), .start = STR("INVITE sip:c SIP/2.0"), .at = NOW + 1 },
		{ .call_id = STR("c2"), .start = STR("SIP/2.0 100 Trying"), .at = NOW + 2 },
		{ .call_id = STR("c3"), .start = STR("REGISTER sip:x SIP/2.0"), .at = NOW + 3 },
		{ .call_id = STR("c4"), .start = STR("INVITE sip:d SIP/2.0"), .at = NOW + 4 },
		{ .session = STR("s1"), .call_id = STR("c1"), .start = STR("SIP/2.0 200 OK"), .at = NOW + 5 },
	};
	struct trace_record of = { .session = STR("s1") };

	assert_int_equal(TELL(d, KEEPER_TRACE_APPEND, .traces = rows, .n = 6), ERR_NONE);
	struct keeper_answer *a = ASK(d, KEEPER_TRACE_LIST, .traces = &of, .n = 1);
	assert_int_equal(a->n, 4);
	assert_int_equal(a->traces[0].transport, TRANSPORT_TLS);
	assert_int_equal(a->traces[0].way, TRACE_IN);
	assert_true(addr_eq(&a->traces[0].remote, &rows[0].remote));
	assert_str(a->traces[0].message, "m");
	assert_str(a->traces[2].start, "SIP/2.0 100 Trying");
	assert_str(a->traces[3].start, "SIP/2.0 200 OK");
	int64_t after = a->traces[2].id;
	keeper_answer_free(a);

	of = (struct trace_record){ .call_id = STR("c2") };
	a = ASK(d, KEEPER_TRACE_LIST, .traces = &of, .n = 1);
	assert_int_equal(a->n, 4);
	keeper_answer_free(a);
	a = ASK(d, KEEPER_TRACE_LIST, .traces = &of, .n = 1, .after = after); /* following it */
	assert_int_equal(a->n, 1);
	keeper_answer_free(a);
	of = (struct trace_record){ .call_id = STR("c3") };
	a = ASK(d, KEEPER_TRACE_LIST, .traces = &of, .n = 1);
	assert_int_equal(a->n, 1);
	keeper_answer_free(a);
	a = ASK(d, KEEPER_TRACE_LIST);
	assert_int_equal(a->n, 6);
	keeper_answer_free(a);

	a = ASK(d, KEEPER_TRACE_SESSIONS, .limit = 5);
	assert_int_equal(a->n, 2); /* a registration is no session */
	assert_str(a->traces[0].session, "s1");
	assert_str(a->traces[0].call_id, "c1");
	assert_str(a->traces[1].call_id, "c4");
	keeper_answer_free(a);
}

/* RFC 7989 6.: what the callee sends bears the callee's half first, its re-INVITE too. */
static void the_callees_half_of_a_session_belongs_to_it(void **state)
{
	struct desk *d = *state;
	struct trace_record rows[] = {
		{ .session = STR("caller"), .call_id = STR("c1"), .start = STR("INVITE sip:b SIP/2.0") },
		{ .session = STR("caller"), .call_id = STR("c2"), .start = STR("INVITE sip:c SIP/2.0") },
		{ .session = STR("callee"), .call_id = STR("c2"), .start = STR("SIP/2.0 200 OK") },
		{ .session = STR("callee"), .call_id = STR("c1"), .start = STR("SIP/2.0 200 OK") },
		{ .session = STR("callee"), .call_id = STR("c2"), .start = STR("INVITE sip:a SIP/2.0") },
		{ .session = STR("other"), .call_id = STR("c3"), .start = STR("SIP/2.0 200 OK") },
	};
	struct trace_record of = { .session = STR("callee") };

	assert_int_equal(TELL(d, KEEPER_TRACE_APPEND, .traces = rows, .n = 6), ERR_NONE);
	for (int half = 0; half < 2; half++) {
		struct keeper_answer *a = ASK(d, KEEPER_TRACE_LIST, .traces = &of, .n = 1);
		assert_int_equal(a->n, 5);
		keeper_answer_free(a);
		of.session = STR("caller");
	}
	struct keeper_answer *a = ASK(d, KEEPER_TRACE_SESSIONS);
	assert_int_equal(a->n, 1);
	assert_str(a->traces[0].session, "caller");
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

/* A store of version 1, and the program that knows version 2. */
#define FIRST                                                                                                          \
	"CREATE TABLE phone (id INTEGER PRIMARY KEY, name TEXT NOT NULL);"                                             \
	"INSERT INTO phone (name) VALUES ('101');"
#define SECOND "ALTER TABLE phone ADD COLUMN label TEXT NOT NULL DEFAULT '';"

static const char *const old_migrations[] = { FIRST, SECOND "UPDATE phone SET label = 'desk ' || name;" };
static const char *const broken_migrations[] = { FIRST, SECOND "UPDATE nowhere SET x = 1;" };
static const struct schema version_1 = { old_migrations, 1 }, version_2 = { old_migrations, 2 },
			   broken = { broken_migrations, 2 };

static enum err open_as(const struct desk *d, const struct schema *schema, char why[200])
{
	struct db *db;
	enum err err = db_sqlite_open(&(struct db_sqlite_setup){ .path = d->path, .schema = schema }, &db, why, 200);

	if (err == ERR_NONE)
		db->driver->free(db);
	return err;
}

static void read_one(const char *path, const char *statement, char out[100])
{
	sqlite3 *handle;
	sqlite3_stmt *s;

	assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(handle, statement, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	snprintf(out, 100, "%s", (const char *)sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
	sqlite3_close(handle);
}

static void write_one(const char *path, const char *statement)
{
	sqlite3 *handle;

	assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
	assert_int_equal(sqlite3_exec(handle, statement, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(handle);
}

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

/* `tandem admin user remove` while the daemon runs. */
static void another_process_may_remove_contacts(void **state)
{
	struct desk *d = *state, other = *d;
	struct user_record u = { .name = STR("101"), .password = STR("x") };
	struct contact_record rows[] = { { .aor = STR("sip:101@x"), .key = STR("1"), .expires = NOW + 9 },
					 { .aor = STR("sip:102@x"), .key = STR("1"), .expires = NOW + 9 } };

	open_desk(d);
	open_desk(&other);
	assert_int_equal(add_user(d, "101", "", "x"), ERR_NONE);
	assert_int_equal(TELL(d, KEEPER_CONTACT_PUT, .contacts = rows, .n = 2), ERR_NONE);
	assert_int_equal(TELL(&other, KEEPER_USER_REMOVE, .users = &u, .n = 1), ERR_NONE);
	assert_int_equal(TELL(d, KEEPER_CONTACT_PUT, .contacts = rows + 1, .n = 1), ERR_NONE);
	struct keeper_answer *a = ASK(d, KEEPER_CONTACT_LIST);
	assert_int_equal(a->n, 1);
	assert_str(a->contacts[0].aor, "sip:102@x");
	keeper_answer_free(a);
	close_desk(&other);
	close_desk(d);
}

static void the_file_does_not_grow_with_refreshes(void **state)
{
	struct desk *d = *state;
	struct contact_record rows[500];
	static char names[500][20];
	char text[100];
	struct stat file;
	off_t middle = 0;

	open_desk(d);
	for (int i = 0; i < 500; i++) {
		snprintf(names[i], sizeof(names[i]), "sip:%d@x", i);
		rows[i] = (struct contact_record){ .aor = str_from(names[i]), .key = STR("sip:u@192.0.2.1") };
	}
	for (int round = 0; round < 200; round++) {
		for (int i = 0; i < 500; i++)
			rows[i].expires = NOW + 3600 * USEC_PER_SEC + round;
		assert_int_equal(TELL(d, KEEPER_CONTACT_PUT, .contacts = rows, .n = 500), ERR_NONE);
		if (round == 100 || round == 199) /* what is in the write-ahead file goes into the file itself */
			read_one(d->path, "PRAGMA wal_checkpoint", text);
		assert_int_equal(stat(d->path, &file), 0);
		middle = round == 100 ? file.st_size : middle;
	}
	assert_in_range(file.st_size, 0, middle * 5 / 4);
	close_desk(d);
	open_desk(d);
	struct keeper_answer *a = ASK(d, KEEPER_CONTACT_LIST);
	assert_int_equal(a->n, 500);
	assert_int_equal(a->contacts[0].expires, NOW + 3600 * USEC_PER_SEC + 199);
	keeper_answer_free(a);
	close_desk(d);
}

static struct keeper_answer *tell_batch(struct desk *d, struct contact_batch *batch)
{
	struct contact_batch_record row = { .row = contact_batch_row(batch) };

	return ASK(d, KEEPER_CONTACT_BATCH, .contact_batches = &row, .n = 1);
}

static void a_batch_is_one_row_and_many_contacts(void **state)
{
	struct desk *d = *state;
	struct contact_batch batch;
	char names[300][20], text[100];
	struct keeper_answer *a;
	int64_t after = 0;
	unsigned seen = 0;

	open_desk(d);
	contact_batch_init(&batch);
	for (int i = 0; i < 300; i++) {
		snprintf(names[i], sizeof(names[i]), "sip:%d@x", i);
		struct contact_record c = { .aor = str_from(names[i]),
					    .key = STR("k"),
					    .uri = STR("k"),
					    .cseq = (uint32_t)i,
					    .expires = NOW + 1000 };
		assert_int_equal(contact_batch_put(&batch, &c), ERR_NONE);
		if (i % 3 == 0) /* the last word counts */
			assert_int_equal(contact_batch_gone(&batch, c.aor, c.key), ERR_NONE);
	}
	a = tell_batch(d, &batch);
	assert_int_equal(a->err, ERR_NONE);
	keeper_answer_free(a);
	contact_batch_reset(&batch);
	assert_int_equal(contact_batch_gone(&batch, STR("sip:1@x"), STR("k")), ERR_NONE);
	assert_int_equal(contact_batch_gone(&batch, STR("nobody"), STR("k")), ERR_NONE);
	a = tell_batch(d, &batch);
	assert_int_equal(a->err, ERR_NONE);
	keeper_answer_free(a);
	contact_batch_free(&batch);
	read_one(d->path, "SELECT count(*) FROM contact_log_0", text);
	assert_string_equal(text, "2");
	close_desk(d);
	open_desk(d);
	do { /* pages begin and end within a row */
		a = ASK(d, KEEPER_CONTACT_LIST, .after = after, .limit = 7);
		for (size_t i = 0; i < a->n; i++, seen++) {
			assert_int_not_equal(a->contacts[i].cseq % 3, 0);
			assert_int_not_equal(a->contacts[i].cseq, 1);
			after = a->contacts[i].id;
		}
		bool more = a->more;
		keeper_answer_free(a);
		if (!more)
			break;
	} while (true);
	assert_int_equal(seen, 199);
	close_desk(d);
}

static void a_batch_that_is_not_whole_changes_nothing(void **state)
{
	struct desk *d = *state;
	struct contact_batch_record row;
	struct contact_batch batch;

	open_desk(d);
	contact_batch_init(&batch);
	for (int i = 0; i < 2; i++)
		assert_int_equal(contact_batch_put(&batch, &(struct contact_record){ .aor = STR("sip:1@x"),
										     .key = i ? STR("k") : STR("l"),
										     .expires = NOW + 9 }),
				 ERR_NONE);
	str whole = contact_batch_row(&batch);
	for (size_t n = 0; n < whole.n; n++) {
		row = (struct contact_batch_record){ .row = str_head(whole, n) };
		assert_int_equal(TELL(d, KEEPER_CONTACT_BATCH, .contact_batches = &row, .n = 1), ERR_SYNTAX);
	}
	assert_int_equal(TELL(d, KEEPER_CONTACT_BATCH, .n = 0), ERR_SYNTAX);
	struct keeper_answer *a = ASK(d, KEEPER_CONTACT_LIST);
	assert_int_equal(a->n, 0);
	keeper_answer_free(a);
	contact_batch_free(&batch);
	close_desk(d);
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
	assert_string_equal(text, "5");
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

#define IN_MEMORY(test) cmocka_unit_test_setup_teardown(test, start_desk, stop_desk)
#define ON_DISK(test)   cmocka_unit_test_setup_teardown(test, start_file, stop_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_MEMORY(ha1s_are_made_as_rfc_7616_says),
		IN_MEMORY(the_first_domain_fixes_the_realm),
		IN_MEMORY(without_a_domain_an_account_is_good_in_all),
		IN_MEMORY(bad_accounts_are_refused_with_a_word),
		IN_MEMORY(import_overwrites_and_removal_takes_the_contacts_along),
		IN_MEMORY(removal_in_one_domain_leaves_the_others_contacts),
		IN_MEMORY(numbers_belong_to_one_account_and_go_with_it),
		IN_MEMORY(contacts_are_put_and_removed_in_one_question),
		IN_MEMORY(lists_come_in_pages),
		IN_MEMORY(only_the_right_password_lets_a_person_in),
		IN_MEMORY(a_name_belongs_to_the_first_who_takes_it),
		ON_DISK(no_password_is_in_the_file),
		IN_MEMORY(devices_belong_to_people),
		IN_MEMORY(a_contact_comes_back_as_it_was),
		IN_MEMORY(expired_and_removed_contacts_are_gone),
		IN_MEMORY(state_is_kept_by_owner_and_name),
		IN_MEMORY(settings_are_found_by_how_they_start),
		IN_MEMORY(calls_are_listed_by_session_the_newest_last),
		IN_MEMORY(calls_of_a_former_life_get_an_end),
		IN_MEMORY(a_trace_is_found_by_session_and_by_call_id),
		IN_MEMORY(the_callees_half_of_a_session_belongs_to_it),
		ON_DISK(what_is_kept_is_there_when_opened_again_and_only_for_us),
		ON_DISK(an_older_file_is_brought_up_to_date),
		ON_DISK(an_account_of_the_first_version_lives_on),
		ON_DISK(a_file_without_numbers_gets_them),
		ON_DISK(contacts_of_an_older_version_move_into_the_log),
		ON_DISK(another_process_may_remove_contacts),
		ON_DISK(a_batch_is_one_row_and_many_contacts),
		ON_DISK(a_batch_that_is_not_whole_changes_nothing),
		ON_DISK(contacts_of_the_fourth_version_live_on),
		ON_DISK(the_file_does_not_grow_with_refreshes),
		ON_DISK(a_newer_file_is_refused_with_a_clear_word),
		ON_DISK(a_migration_that_fails_leaves_the_file_as_it_was),
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
