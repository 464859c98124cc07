/* Registrations in the log of contacts, and what becomes of its file. */
#include "io/db/test_desk.h"

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

/* A list of many pages, read for the first time, takes a while; phones register meanwhile. */
static void who_lists_contacts_holds_up_nobody(void **state)
{
	struct desk *d = *state, other = *d;
	struct contact_record row = { .aor = STR("sip:101@x"), .key = STR("1"), .expires = NOW + 9 };

	open_desk(d);
	open_desk(&other);
	assert_int_equal(TELL(d, KEEPER_CONTACT_PUT, .contacts = &row, .n = 1), ERR_NONE);
	assert_int_equal(d->db->driver->step(d->db, DB_BEGIN), ERR_NONE); /* it is being written to */
	struct keeper_answer *a = ASK(&other, KEEPER_CONTACT_LIST);
	assert_int_equal(a->err, ERR_NONE);
	assert_int_equal(a->n, 1);
	keeper_answer_free(a);
	assert_int_equal(d->db->driver->step(d->db, DB_COMMIT), ERR_NONE);
	/* What is removed and put back in between is seen in the next page. */
	assert_int_equal(TELL(d, KEEPER_CONTACT_REMOVE, .contacts = &row, .n = 1), ERR_NONE);
	a = ASK(&other, KEEPER_CONTACT_LIST);
	assert_int_equal(a->n, 0);
	keeper_answer_free(a);
	assert_int_equal(TELL(&other, KEEPER_CONTACT_PUT, .contacts = &row, .n = 1), ERR_NONE);
	a = ASK(d, KEEPER_CONTACT_LIST);
	assert_int_equal(a->n, 1);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_MEMORY(contacts_are_put_and_removed_in_one_question),
		IN_MEMORY(a_contact_comes_back_as_it_was),
		IN_MEMORY(expired_and_removed_contacts_are_gone),
		ON_DISK(another_process_may_remove_contacts),
		ON_DISK(who_lists_contacts_holds_up_nobody),
		ON_DISK(the_file_does_not_grow_with_refreshes),
		ON_DISK(a_batch_is_one_row_and_many_contacts),
		ON_DISK(a_batch_that_is_not_whole_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
