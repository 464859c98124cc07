#include "store/contact_log.h"

#include "base/arena.h"
#include "base/rng.h"
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NOW      ((usec)1700000000 * USEC_PER_SEC)
#define ROWS     60000
#define CONTACTS 300

/* A database of two tables, whose transactions can fail. */
struct table {
	struct line {
		int64_t id;
		str row;
	} lines[ROWS];
	size_t n;
};

static struct disk {
	struct db db; /* first */
	struct table now[2], begun[2], marked[2];
	struct arena texts;
	struct {
		int64_t after;
		size_t at[2];
	} read[SCHEMA_STATEMENT_N];
	int64_t touched;
	int fail_in; /* the so manieth write from now fails; 0: none */
} disk_;

static void keep(struct table *to, const struct table *from)
{
	for (int i = 0; i < 2; i++) {
		memcpy(to[i].lines, from[i].lines, from[i].n * sizeof(struct line));
		to[i].n = from[i].n;
	}
}

static enum err start(struct db *db, int number, const struct db_value *v, size_t n)
{
	unsigned which = number == SCHEMA_CONTACT_ADD_1;
	struct table *t = &disk_.now[which];

	(void)db;
	disk_.touched = 0;
	switch (number) {
	case SCHEMA_CONTACT_ADD_0:
	case SCHEMA_CONTACT_ADD_1:
		if (disk_.fail_in && !--disk_.fail_in)
			return ERR_FULL;
		assert_int_equal(n, 2);
		if (t->n && t->lines[t->n - 1].id >= v[0].number)
			return ERR_NONE;
		assert_true(t->n < ROWS);
		t->lines[t->n].id = v[0].number;
		assert_true(arena_copy(&disk_.texts, v[1].bytes, &t->lines[t->n].row));
		t->n++;
		disk_.touched = 1;
		return ERR_NONE;
	case SCHEMA_CONTACT_CLEAR_0:
	case SCHEMA_CONTACT_CLEAR_1:
		if (disk_.fail_in && !--disk_.fail_in)
			return ERR_FULL;
		disk_.now[number == SCHEMA_CONTACT_CLEAR_1].n = 0;
		return ERR_NONE;
	case SCHEMA_CONTACT_READ:
	case SCHEMA_CONTACT_READ_0:
	case SCHEMA_CONTACT_READ_1:
	case SCHEMA_CONTACT_FIND:
		assert_int_equal(n, 1);
		memset(&disk_.read[number], 0, sizeof(disk_.read[number]));
		disk_.read[number].after = v[0].number;
		return ERR_NONE;
	default:
		return ERR_NONE; /* nothing of an older file */
	}
}

/* The last row at or before. */
static enum err find_row(struct db_value *columns)
{
	struct line *found = NULL;

	for (int i = 0; i < 2; i++)
		for (size_t at = 0; at < disk_.now[i].n; at++) {
			struct line *l = &disk_.now[i].lines[at];

			if (l->id <= disk_.read[SCHEMA_CONTACT_FIND].after && (!found || l->id > found->id))
				found = l;
		}
	if (!found)
		return ERR_ABSENT;
	columns[0] = db_number(found->id);
	columns[1] = db_bytes(found->row);
	return ERR_NONE;
}

static enum err row(struct db *db, int number, struct db_value *columns, size_t n)
{
	struct line *next = NULL;
	int which = 0;

	(void)db;
	(void)n;
	if (number == SCHEMA_CONTACT_FIND)
		return find_row(columns);
	if (number != SCHEMA_CONTACT_READ && number != SCHEMA_CONTACT_READ_0 && number != SCHEMA_CONTACT_READ_1)
		return ERR_ABSENT;
	for (int i = 0; i < 2; i++) {
		size_t *at = &disk_.read[number].at[i];
		struct table *t = &disk_.now[i];

		if ((number == SCHEMA_CONTACT_READ_0 && i) || (number == SCHEMA_CONTACT_READ_1 && !i))
			continue;
		while (*at < t->n && t->lines[*at].id <= disk_.read[number].after)
			(*at)++;
		if (*at < t->n && (!next || t->lines[*at].id < next->id)) {
			next = &t->lines[*at];
			which = i;
		}
	}
	if (!next)
		return ERR_ABSENT;
	disk_.read[number].at[which]++;
	columns[0] = db_number(next->id);
	columns[1] = db_bytes(next->row);
	if (number == SCHEMA_CONTACT_READ)
		columns[2] = db_number(which);
	return ERR_NONE;
}

static void done(struct db *db, int number)
{
	(void)db;
	(void)number;
}

static int64_t changes(struct db *db)
{
	(void)db;
	return disk_.touched;
}

static const char *why(struct db *db)
{
	(void)db;
	return "the disk is full";
}

static const struct db_driver driver = { .start = start, .row = row, .done = done, .changes = changes, .why = why };

/* ---- what it should know ---- */

struct known {
	bool there;
	uint32_t cseq;
	usec expires;
};

static struct known model_[CONTACTS], begun_[CONTACTS];
static usec now_;

static struct contact_record record(int i, char text[3][64])
{
	snprintf(text[0], 64, "sip:u%d@d%d", i / 6, i / 2 % 3);
	snprintf(text[1], 64, "sip:u%d@192.0.2.%d", i / 6, i % 2);
	return (struct contact_record){ .aor = str_from(text[0]),
					.key = str_from(text[1]),
					.uri = str_from(i % 2 ? text[1] : "sip:other"),
					.cseq = model_[i].cseq,
					.expires = model_[i].expires,
					.registered = 1,
					.updated = 2,
					.remote = addr_v4(192, 0, 2, 1, (uint16_t)i) };
}

static struct keeper_answer *begin(struct store_desk *desk, struct keeper_ask *ask)
{
	ask->now = now_;
	desk->db = &disk_.db;
	desk->ask = ask;
	desk->answer = keeper_answer_new(ask);
	return desk->answer;
}

static void check(struct contact_log *log)
{
	struct keeper_ask ask = { .kind = KEEPER_CONTACT_LIST, .limit = 37 };
	struct known seen[CONTACTS];
	bool more = true;
	char text[3][64];

	memset(seen, 0, sizeof(seen));
	while (more) {
		struct store_desk desk = { 0 };
		struct keeper_answer *a = begin(&desk, &ask);

		assert_int_equal(contact_log_list(log, &desk), ERR_NONE);
		for (size_t k = 0; k < a->n; k++) {
			int i = a->contacts[k].remote.port;
			struct contact_record r = record(i, text);

			assert_true(str_eq(r.aor, a->contacts[k].aor) && str_eq(r.key, a->contacts[k].key) &&
				    str_eq(r.uri, a->contacts[k].uri));
			assert_int_equal(r.cseq, a->contacts[k].cseq);
			assert_false(seen[i].there);
			seen[i].there = true;
			ask.after = a->contacts[k].id;
		}
		more = a->more;
		keeper_answer_free(a);
	}
	for (int i = 0; i < CONTACTS; i++)
		assert_int_equal(seen[i].there, model_[i].there && model_[i].expires > now_);
}

/* Some of a turn: some contacts come, some go, some twice. */
static enum err one_batch(struct contact_log *log, struct store_desk *desk, struct rng *rng)
{
	static uint32_t count = 1u << 30;
	struct contact_batch batch;
	char text[3][64];

	contact_batch_init(&batch);
	for (unsigned n = 1 + (unsigned)rng_below(rng, 60); n > 0; n--) {
		int i = (int)rng_below(rng, CONTACTS) / 10 * 10 + 1 + (int)rng_below(rng, 9);
		struct contact_record r = record(i, text);

		model_[i].there = rng_below(rng, 10) > 0;
		if (!model_[i].there) {
			assert_int_equal(contact_batch_gone(&batch, r.aor, r.key), ERR_NONE);
			continue;
		}
		r.cseq = model_[i].cseq = ++count;
		r.expires = model_[i].expires = now_ + (usec)(60 + rng_below(rng, 4000)) * USEC_PER_SEC;
		assert_int_equal(contact_batch_put(&batch, &r), ERR_NONE);
	}
	enum err err = contact_log_add(log, desk, contact_batch_row(&batch));
	contact_batch_free(&batch);
	return err;
}

/* One question: some changes of one kind, carried out wholly or not at all. */
static void one_question(struct contact_log *log, struct rng *rng)
{
	struct keeper_ask ask = { .kind = KEEPER_CONTACT_PUT };
	struct known before[CONTACTS];
	struct store_desk desk = { 0 };
	struct keeper_answer *a = begin(&desk, &ask);
	unsigned kind = (unsigned)rng_below(rng, 20), n = 1 + (unsigned)rng_below(rng, 3);
	size_t mark = contact_log_mark(log);
	enum err err = ERR_NONE;
	char text[3][64];

	memcpy(before, model_, sizeof(before));
	keep(disk_.marked, disk_.now);
	if (kind >= 8 && kind < 12) {
		err = one_batch(log, &desk, rng);
		n = 0;
	}
	while (n && n-- && err == ERR_NONE) {
		int i = (int)rng_below(rng, CONTACTS);

		if (kind >= 2) {
			static uint32_t count;

			if (kind >= 18) /* most are refreshed again and again, some never */
				i = i / 10 * 10;
			else
				i = i / 10 * 10 + 1 + i % 9;
			model_[i] = (struct known){ true, ++count,
						    now_ + (usec)(60 + rng_below(rng, kind >= 17 ? 90000 : 4000)) *
								    USEC_PER_SEC };
			struct contact_record r = record(i, text);
			err = contact_log_put(log, &desk, &r);
			continue;
		}
		struct contact_record r = record(i, text);
		if (kind) {
			model_[i].there = false;
			err = contact_log_remove(log, &desk, r.aor, r.key);
		} else if (i % 2) {
			model_[i / 2 * 2].there = model_[i / 2 * 2 + 1].there = false;
			err = contact_log_remove_all(log, &desk, r.aor);
		} else {
			for (int k = i / 6 * 6; k < i / 6 * 6 + 6; k++)
				model_[k].there = false;
			snprintf(text[2], sizeof(text[2]), "sip:u%d@", i / 6);
			err = contact_log_remove_all(log, &desk, str_from(text[2]));
		}
	}
	assert_int_equal(err, a->err);
	keeper_answer_free(a);
	if (err == ERR_NONE)
		return;
	memcpy(model_, before, sizeof(before));
	keep(disk_.now, disk_.marked);
	contact_log_back(log, mark);
}

static void one_transaction(struct contact_log *log, struct rng *rng)
{
	bool kept = rng_below(rng, 10) > 0;

	keep(disk_.begun, disk_.now);
	memcpy(begun_, model_, sizeof(model_));
	disk_.fail_in = rng_below(rng, 8) ? 0 : 1 + (int)rng_below(rng, 100);
	for (int q = 1 + (int)rng_below(rng, 60); q > 0; q--)
		one_question(log, rng);
	disk_.fail_in = 0;
	if (!kept) {
		keep(disk_.now, disk_.begun);
		memcpy(model_, begun_, sizeof(model_));
	}
	contact_log_settle(log, kept);
}

static struct contact_log *open_log(void)
{
	struct contact_log *log = contact_log_new();

	assert_non_null(log);
	return log;
}

static int reset(void **state)
{
	(void)state;
	disk_.db.driver = &driver;
	disk_.now[0].n = disk_.now[1].n = 0;
	disk_.fail_in = 0;
	arena_init(&disk_.texts, NULL, 0, 1u << 30);
	memset(model_, 0, sizeof(model_));
	now_ = NOW;
	return 0;
}

static int tidy(void **state)
{
	(void)state;
	arena_free(&disk_.texts);
	return 0;
}

/* Changes in a table. */
static size_t said(int table)
{
	struct contact_row r;
	size_t n = 0;

	for (size_t i = 0; i < disk_.now[table].n; i++)
		n += contact_row_open(disk_.now[table].lines[i].row, &r);
	return n;
}

static void whatever_happens_it_knows_what_was_kept_and_stays_small(void **state)
{
	struct contact_log *log = open_log();
	uint64_t seed = (uint64_t)time(NULL);
	unsigned turns = 0, most = 0;
	size_t last[2] = { 0 };
	struct rng rng;

	(void)state;
	printf("seed %llu\n", (unsigned long long)seed);
	rng_seeded(&rng, seed);
	for (int t = 0; t < 1500; t++) {
		one_transaction(log, &rng);
		now_ += (usec)rng_below(&rng, 60) * USEC_PER_SEC;
		if (rng_below(&rng, 50) == 0)
			check(log);
		if (rng_below(&rng, 200) == 0) { /* a new life */
			contact_log_free(log);
			log = open_log();
			check(log);
		}
		if (rng_below(&rng, 30) == 0) { /* another process removes something */
			struct contact_log *other = open_log();
			struct keeper_ask ask = { .kind = KEEPER_USER_REMOVE };
			struct store_desk desk = { 0 };
			struct keeper_answer *a = begin(&desk, &ask);
			int i = (int)rng_below(&rng, CONTACTS / 2) * 2;
			char text[3][64];

			model_[i].there = model_[i + 1].there = false;
			assert_int_equal(contact_log_remove_all(other, &desk, record(i, text).aor), ERR_NONE);
			contact_log_settle(other, true);
			keeper_answer_free(a);
			contact_log_free(other);
		}
		for (int i = 0; i < 2; i++) {
			turns += said(i) < last[i];
			last[i] = said(i);
		}
		most = last[0] + last[1] > most ? (unsigned)(last[0] + last[1]) : most;
	}
	check(log);
	contact_log_free(log);
	assert_true(turns >= 4);
	assert_true(most < 2 * 8192 + 2000);
}

static void a_contact_that_is_never_refreshed_outlives_the_tables(void **state)
{
	struct contact_log *log = open_log();
	struct keeper_ask ask = { .kind = KEEPER_CONTACT_PUT };
	char text[3][64];

	(void)state;
	for (int n = 0; n < 50000; n++) {
		struct store_desk desk = { 0 };
		struct keeper_answer *a = begin(&desk, &ask);
		int i = n % (n < 300 ? 300 : 7);

		model_[i] = (struct known){ true, (uint32_t)n, now_ + 86400 * USEC_PER_SEC };
		struct contact_record r = record(i, text);
		assert_int_equal(contact_log_put(log, &desk, &r), ERR_NONE);
		contact_log_settle(log, true);
		keeper_answer_free(a);
	}
	check(log);
	contact_log_free(log);
	log = open_log();
	check(log);
	contact_log_free(log);
	assert_true(said(0) + said(1) < 2 * 8192 + 1000);
}

static enum err put_one(struct contact_log *log, int who, uint32_t cseq, struct contact_batch *batch)
{
	struct keeper_ask ask = { .kind = KEEPER_CONTACT_PUT };
	struct store_desk desk = { 0 };
	struct keeper_answer *a = begin(&desk, &ask);
	enum err err;
	char text[64];

	snprintf(text, sizeof(text), "sip:m%d@d", who);
	struct contact_record r = { .aor = str_from(text),
				    .key = str_from(text),
				    .uri = str_from(text),
				    .cseq = cseq,
				    .expires = NOW + 86400 * USEC_PER_SEC };
	if (batch)
		err = contact_batch_put(batch, &r);
	else
		err = contact_log_put(log, &desk, &r);
	contact_log_settle(log, true);
	keeper_answer_free(a);
	return err;
}

static void a_full_row_behind_small_ones_is_moved_too(void **state)
{
	struct contact_log *log = open_log();
	struct keeper_ask ask = { .kind = KEEPER_CONTACT_BATCH };
	struct store_desk desk = { 0 };
	struct keeper_answer *a = begin(&desk, &ask);
	struct contact_batch batch;

	(void)state;
	contact_batch_init(&batch);
	for (int i = 0; i < 200; i++)
		assert_int_equal(put_one(log, i, 1, NULL), ERR_NONE);
	for (int i = 200; i < 200 + CONTACT_BATCH_MAX; i++)
		assert_int_equal(put_one(log, i, 1, &batch), ERR_NONE);
	assert_int_equal(contact_log_add(log, &desk, contact_batch_row(&batch)), ERR_NONE);
	contact_log_settle(log, true);
	for (uint32_t n = 0; n < 40000; n++)
		assert_int_equal(put_one(log, 5000, n, NULL), ERR_NONE);
	assert_true(said(0) + said(1) < 2 * 8192 + 2000);
	contact_log_free(log);
	log = open_log();
	ask.kind = KEEPER_CONTACT_LIST;
	size_t there = 0;
	for (bool more = true; more;) {
		keeper_answer_free(a);
		a = begin(&desk, &ask);
		assert_int_equal(contact_log_list(log, &desk), ERR_NONE);
		there += a->n;
		more = a->more;
		ask.after = a->contacts[a->n - 1].id;
	}
	assert_int_equal(there, 200 + CONTACT_BATCH_MAX + 1);
	keeper_answer_free(a);
	contact_batch_free(&batch);
	contact_log_free(log);
}

static void a_process_that_lists_and_removes_leaves_turning_over_to_the_location_service(void **state)
{
	struct contact_log *log = open_log(), *other = open_log();
	struct keeper_ask ask = { .kind = KEEPER_CONTACT_LIST };
	struct store_desk desk = { 0 };
	struct keeper_answer *a;

	(void)state;
	for (uint32_t n = 0; n < 8192; n++)
		assert_int_equal(put_one(log, (int)n % 10, n, NULL), ERR_NONE);
	a = begin(&desk, &ask);
	assert_int_equal(contact_log_list(other, &desk), ERR_NONE);
	assert_int_equal(a->n, 10);
	assert_int_equal(contact_log_remove(other, &desk, STR("sip:m3@d"), STR("sip:m3@d")), ERR_NONE);
	contact_log_settle(other, true);
	assert_int_equal(said(1), 0);
	keeper_answer_free(a);
	assert_int_equal(put_one(log, 4, 9000, NULL), ERR_NONE);
	a = begin(&desk, &ask);
	assert_int_equal(contact_log_list(log, &desk), ERR_NONE);
	assert_int_equal(a->n, 9);
	keeper_answer_free(a);
	contact_log_free(log);
	contact_log_free(other);
}

static void a_damaged_row_is_passed_over(void **state)
{
	static const str rows[] = { STR_INIT(""),
				    STR_INIT("\1"),
				    STR_INIT("\1\377\377\377\377\377\377\377\377\377\1"),
				    STR_INIT("\7abc"),
				    STR_INIT("\1\3sip\200"),
				    STR_INIT("\3\0\0\0\1\1"),
				    STR_INIT("\3\0\0\0\0"),
				    STR_INIT("\3\377\377\377\377"),
				    STR_INIT("\3\0\0\0\2\1\0\0\11\1a") };
	struct contact_log *log = open_log();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		disk_.now[0].lines[disk_.now[0].n++] = (struct line){ (int64_t)i + 1, rows[i] };
	check(log);
	contact_log_free(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whatever_happens_it_knows_what_was_kept_and_stays_small, reset, tidy),
		cmocka_unit_test_setup_teardown(a_contact_that_is_never_refreshed_outlives_the_tables, reset, tidy),
		cmocka_unit_test_setup_teardown(a_full_row_behind_small_ones_is_moved_too, reset, tidy),
		cmocka_unit_test_setup_teardown(
			a_process_that_lists_and_removes_leaves_turning_over_to_the_location_service, reset, tidy),
		cmocka_unit_test_setup_teardown(a_damaged_row_is_passed_over, reset, tidy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
