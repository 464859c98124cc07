#include "store/contact_log.h"

#include "base/arena.h"
#include "store/contact_index.h"

#include <stdlib.h>

#define CHANGES_MIN 8192 /* a table is not worth leaving before */
#define TEXTS_MAX   (1u << 20)
#define STRIDE      64          /* changes written between two turns of cleaning */
#define MOVED_BYTES (32 * 1024) /* of a row of what still holds */
#define ID_BITS     44          /* of a slot's value; above: when it expires */
#define ID_MAX      (((uint64_t)1 << ID_BITS) - 1)
#define TIME_BASE   ((usec)1600000000 * USEC_PER_SEC)
#define TIME_UNIT   (1024 * USEC_PER_SEC) /* 20 bits of it last until 2054 */

/* Where the log stands; a copy of it is enough to go back. */
struct place {
	int64_t next;     /* number of the next change */
	int64_t first;    /* the first that was written to `now` */
	int64_t cleaned;  /* rows of the other table up to here hold no more */
	uint64_t said[2]; /* changes in both tables */
	uint64_t limit;   /* changes after which the other table is next */
	uint64_t old_n;   /* contacts whose last word is in the other table */
	unsigned now;     /* the table that is written to */
	unsigned since;   /* changes since the last turn of cleaning */
};

struct contact_log {
	struct contact_index index; /* values: number of the change, and when the contact expires */
	struct place at, kept, marked;
	bool loaded;
	bool adopted;               /* from an older file, in this transaction */
	bool turns;                 /* the location service writes to it: it alone turns the tables over */
	struct contact_batch one;   /* a change that came alone */
	struct contact_batch moved; /* what goes behind */
};

struct contact_log *contact_log_new(void)
{
	struct contact_log *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	contact_index_init(&l->index);
	contact_batch_init(&l->one);
	contact_batch_init(&l->moved);
	return l;
}

static void forget(struct contact_log *l)
{
	contact_index_clear(&l->index);
	l->at = (struct place){ 0 };
	l->loaded = false;
}

void contact_log_free(struct contact_log *l)
{
	if (!l)
		return;
	contact_index_free(&l->index);
	contact_batch_free(&l->one);
	contact_batch_free(&l->moved);
	free(l);
}

/* ---- what the index says ---- */

static int64_t id_of(uint64_t value)
{
	return (int64_t)(value & ID_MAX);
}

static uint64_t value_for(int64_t id, usec expires)
{
	usec units = expires > TIME_BASE ? (expires - TIME_BASE + TIME_UNIT - 1) / TIME_UNIT : 0;

	return (uint64_t)usec_min(units, 0xfffff) << ID_BITS | (uint64_t)id;
}

static bool has_expired(uint64_t value, usec now)
{
	return (usec)(value >> ID_BITS) * TIME_UNIT + TIME_BASE <= now;
}

static bool is_last(const struct contact_log *l, const struct contact_change *c, int64_t id)
{
	return id_of(contact_index_value(&l->index, contact_index_name(&l->index, c->aor, c->key))) == id;
}

/* The last word about this contact is now change `id`. There is room. */
static void set(struct contact_log *l, const struct contact_change *c, int64_t id)
{
	uint64_t name = contact_index_name(&l->index, c->aor, c->key);
	uint64_t old = contact_index_set(&l->index, name, c->gone ? 0 : value_for(id, c->expires));

	if (old && id_of(old) < l->at.first && l->at.old_n)
		l->at.old_n--;
}

/* So say the changes of this row, the first of which is `id`. */
static void set_all(struct contact_log *l, str bytes, int64_t id)
{
	struct contact_change c;
	struct contact_row r;

	contact_row_open(bytes, &r);
	while (contact_row_next(&r, &c))
		set(l, &c, id++);
}

/* ---- transactions ---- */

/* What was taken over from an older file is there again. */
static bool unadopt(struct contact_log *l)
{
	if (l->adopted)
		forget(l);
	l->adopted = false;
	return l->loaded;
}

size_t contact_log_mark(struct contact_log *l)
{
	l->marked = l->at;
	return l->index.change_n;
}

void contact_log_back(struct contact_log *l, size_t mark)
{
	if (!unadopt(l) || mark > l->index.change_n)
		return;
	contact_index_undo(&l->index, mark);
	l->at = l->marked.next ? l->marked : l->kept; /* it was read within this question */
}

void contact_log_settle(struct contact_log *l, bool kept)
{
	if (!kept && unadopt(l)) {
		contact_index_undo(&l->index, 0);
		l->at = l->kept;
	}
	l->adopted = false;
	contact_index_settle(&l->index);
	l->kept = l->at;
}

/* ---- reading ---- */

static enum err no_memory(struct store_desk *desk)
{
	return keeper_answer_fail(desk->answer, ERR_MEMORY, "no memory for the contacts");
}

static enum err take_row(struct contact_log *l, struct store_desk *desk, const struct db_value *columns)
{
	unsigned table = columns[2].number != 0;
	struct contact_row r;
	uint32_t n = contact_row_open(columns[1].bytes, &r);

	if (contact_index_reserve(&l->index, n))
		return no_memory(desk);
	if (table != l->at.now || !l->at.said[table]) {
		l->at.now = table;
		l->at.first = columns[0].number;
	}
	l->at.said[table] += n;
	l->at.next = columns[0].number + n;
	set_all(l, columns[1].bytes, columns[0].number);
	return ERR_NONE;
}

/* All rows that are not known yet. */
static enum err read_on(struct contact_log *l, struct store_desk *desk)
{
	struct db *db = desk->db;
	struct db_value columns[3];
	enum err err = db->driver->start(db, SCHEMA_CONTACT_READ, DB_VALUES(db_number(l->at.next - 1)));

	while (err == ERR_NONE && (err = db->driver->row(db, SCHEMA_CONTACT_READ, columns, 3)) == ERR_NONE) {
		err = take_row(l, desk, columns);
		if (!l->loaded)
			contact_index_settle(&l->index); /* there is nothing to go back to */
	}
	if (err != ERR_NONE && err != ERR_ABSENT && err != ERR_MEMORY)
		store_desk_fail(desk, err);
	db->driver->done(db, SCHEMA_CONTACT_READ);
	return err == ERR_ABSENT ? ERR_NONE : err;
}

static void set_limit(struct contact_log *l, uint64_t alive)
{
	l->at.limit = alive + alive / 2 > CHANGES_MIN ? alive + alive / 2 : CHANGES_MIN;
}

static enum err adopt(struct contact_log *, struct store_desk *);

static enum err load(struct contact_log *l, struct store_desk *desk)
{
	if (l->loaded)
		return ERR_NONE;
	l->at = (struct place){ .next = 1, .first = 1 };
	enum err err = read_on(l, desk);
	if (err != ERR_NONE) {
		forget(l);
		return err;
	}
	for (size_t i = 0; i < l->index.cap; i++)
		l->at.old_n += l->index.slots[i].value && id_of(l->index.slots[i].value) < l->at.first;
	set_limit(l, l->index.n);
	l->loaded = true;
	l->kept = l->at;
	return adopt(l, desk);
}

/* ---- writing ---- */

/* A row of `n` changes behind all others; *id is the number of the first. */
static enum err append(struct contact_log *l, struct store_desk *desk, str row, uint32_t n, int64_t *id)
{
	for (int turn = 0; turn < 2; turn++) {
		int64_t touched = 0;
		enum err err = store_desk_run(desk, l->at.now ? SCHEMA_CONTACT_ADD_1 : SCHEMA_CONTACT_ADD_0,
					      DB_VALUES(db_number(l->at.next), db_bytes(row)), &touched);
		if (err != ERR_NONE)
			return err;
		if (touched) {
			if (!l->at.said[l->at.now])
				l->at.first = l->at.next;
			l->at.said[l->at.now] += n;
			*id = l->at.next;
			l->at.next += n;
			return ERR_NONE;
		}
		err = read_on(l, desk); /* another process was here */
		if (err != ERR_NONE)
			return err;
	}
	return keeper_answer_fail(desk->answer, ERR_STATE, "the log of the contacts has no number left");
}

static enum err clear_old(struct contact_log *l, struct store_desk *desk)
{
	unsigned old = !l->at.now;
	enum err err = store_desk_run(desk, old ? SCHEMA_CONTACT_CLEAR_1 : SCHEMA_CONTACT_CLEAR_0, NULL, 0, NULL);

	if (err == ERR_NONE)
		l->at.said[old] = l->at.old_n = 0;
	return err;
}

/* What was gathered goes behind; up to this row the other table holds no more. */
static enum err put_behind(struct contact_log *l, struct store_desk *desk, int64_t row)
{
	enum err err = ERR_NONE;
	int64_t id;

	if (l->moved.n && contact_index_reserve(&l->index, l->moved.n))
		return no_memory(desk);
	if (l->moved.n)
		err = append(l, desk, contact_batch_row(&l->moved), l->moved.n, &id);
	if (err != ERR_NONE)
		return err;
	if (l->moved.n)
		set_all(l, contact_batch_row(&l->moved), id);
	contact_batch_reset(&l->moved);
	l->at.cleaned = row;
	return ERR_NONE;
}

/* What does not fit into the row that is gathered goes into the next. Room for `n` changes is kept. */
static enum err take_along(struct contact_log *l, struct store_desk *desk, const struct contact_change *c, uint32_t n)
{
	enum err err = contact_batch_copy(&l->moved, c);

	if (err == ERR_FULL) {
		err = put_behind(l, desk, l->at.cleaned);
		if (err != ERR_NONE)
			return err;
		err = contact_index_reserve(&l->index, n);
		if (err == ERR_NONE)
			err = contact_batch_copy(&l->moved, c);
	}
	return err ? no_memory(desk) : ERR_NONE;
}

/* Of a row of the other table what still holds is taken along; what has expired is forgotten. */
static enum err gather(struct contact_log *l, struct store_desk *desk, int64_t id, str bytes, uint32_t *n)
{
	struct contact_change c;
	struct contact_row r;
	enum err err = ERR_NONE;

	*n = contact_row_open(bytes, &r);
	if (contact_index_reserve(&l->index, *n))
		return no_memory(desk);
	for (; err == ERR_NONE && contact_row_next(&r, &c); id++) {
		if (c.gone || !is_last(l, &c, id))
			continue;
		if (c.expires > desk->ask->now) {
			err = take_along(l, desk, &c, *n);
		} else {
			c.gone = true;
			set(l, &c, id);
		}
	}
	return err;
}

/* Rows with so many changes and a few more. */
static enum err move_rows(struct contact_log *l, struct store_desk *desk, uint64_t most)
{
	struct db *db = desk->db;
	int statement = l->at.now ? SCHEMA_CONTACT_READ_0 : SCHEMA_CONTACT_READ_1;
	struct db_value columns[2];
	enum err err = db->driver->start(db, statement, DB_VALUES(db_number(l->at.cleaned)));
	int64_t row = l->at.cleaned;
	uint64_t seen = 0;

	contact_batch_reset(&l->moved);
	while (err == ERR_NONE && seen < most && (err = db->driver->row(db, statement, columns, 2)) == ERR_NONE) {
		uint32_t n = 0;

		err = gather(l, desk, columns[0].number, columns[1].bytes, &n);
		row = columns[0].number;
		seen += n;
		if (err == ERR_NONE && (l->moved.bytes.n > MOVED_BYTES || l->moved.n >= CONTACT_BATCH_MAX / 2))
			err = put_behind(l, desk, row);
	}
	bool through = err == ERR_ABSENT;
	if (err == ERR_NONE || through)
		err = put_behind(l, desk, row);
	db->driver->done(db, statement);
	return err == ERR_NONE && through ? clear_old(l, desk) : err;
}

/*
 * With each STRIDE changes that were written: nothing while the other table may still empty by itself, phones
 * refreshing; then as much as has it empty by the time this one is full.
 */
static enum err clean(struct contact_log *l, struct store_desk *desk, uint32_t n)
{
	struct place *at = &l->at;
	uint64_t since = at->since += n;

	if (since < STRIDE || !l->turns || !at->said[!at->now])
		return ERR_NONE;
	at->since = 0;
	if (!at->old_n)
		return clear_old(l, desk);
	if (at->said[at->now] < at->limit / 2)
		return ERR_NONE;
	return move_rows(l, desk, since * (3 * at->said[!at->now] / at->limit + 1));
}

static enum err turn_over(struct contact_log *l, struct store_desk *desk)
{
	uint64_t alive = 0;

	if (!l->turns || l->at.said[l->at.now] < l->at.limit || l->at.said[!l->at.now])
		return ERR_NONE;
	/* What others wrote went to the table that was written to last; from now on their number is not taken there. */
	enum err err = read_on(l, desk);
	if (err != ERR_NONE)
		return err;
	for (size_t i = 0; i < l->index.cap; i++)
		alive += l->index.slots[i].value && !has_expired(l->index.slots[i].value, desk->ask->now);
	set_limit(l, alive);
	l->at.now = !l->at.now;
	l->at.first = l->at.next;
	l->at.old_n = l->index.n;
	l->at.cleaned = 0;
	return ERR_NONE;
}

/* A row of changes. Memory is there before anything is written. */
static enum err say(struct contact_log *l, struct store_desk *desk, str row)
{
	enum err err = load(l, desk);
	struct contact_row r;
	uint32_t n = contact_row_open(row, &r);
	int64_t id;

	if (err == ERR_NONE)
		err = l->turns ? turn_over(l, desk) : read_on(l, desk);
	if (err == ERR_NONE && contact_index_reserve(&l->index, n))
		err = no_memory(desk);
	if (err == ERR_NONE)
		err = append(l, desk, row, n, &id);
	if (err != ERR_NONE)
		return err;
	set_all(l, row, id);
	/* Where cleaning fails, this row stands all the same; a full disk shows at the commit. */
	if (clean(l, desk, n) != ERR_NONE)
		desk->answer->err = ERR_NONE;
	return ERR_NONE;
}

static enum err say_one(struct contact_log *l, struct store_desk *desk, const struct contact_record *c, bool gone)
{
	contact_batch_reset(&l->one);
	enum err err = gone ? contact_batch_gone(&l->one, c->aor, c->key) : contact_batch_put(&l->one, c);
	if (err == ERR_LIMIT)
		return keeper_answer_fail(desk->answer, err, "the contact is too long");
	return err ? no_memory(desk) : say(l, desk, contact_batch_row(&l->one));
}

enum err contact_log_add(struct contact_log *l, struct store_desk *desk, str row)
{
	l->turns = true;
	if (!contact_row_is_sound(row))
		return keeper_answer_fail(desk->answer, ERR_SYNTAX, "the changes of contacts cannot be read");
	return say(l, desk, row);
}

enum err contact_log_put(struct contact_log *l, struct store_desk *desk, const struct contact_record *c)
{
	l->turns = true;
	return say_one(l, desk, c, false);
}

enum err contact_log_remove(struct contact_log *l, struct store_desk *desk, str aor, str key)
{
	enum err err = load(l, desk);

	if (err != ERR_NONE || !contact_index_value(&l->index, contact_index_name(&l->index, aor, key)))
		return err;
	return say_one(l, desk, &(struct contact_record){ .aor = aor, .key = key }, true);
}

/* The row that change `id` is in, or would be: the last that begins at or before it. ERR_ABSENT: there is none. */
static enum err find_row(struct store_desk *desk, int64_t id, struct db_value columns[2])
{
	struct db *db = desk->db;
	enum err err = db->driver->start(db, SCHEMA_CONTACT_FIND, DB_VALUES(db_number(id)));

	if (err == ERR_NONE)
		err = db->driver->row(db, SCHEMA_CONTACT_FIND, columns, 2);
	if (err != ERR_NONE && err != ERR_ABSENT)
		store_desk_fail(desk, err);
	return err;
}

/* Whom change `id` is about, copied to `texts`. ERR_ABSENT: there is none. */
static enum err fetch(struct store_desk *desk, int64_t id, struct arena *texts, struct contact_record *who)
{
	struct db_value columns[2];
	struct contact_change c = { 0 };
	struct contact_row r;
	enum err err = find_row(desk, id, columns);
	bool there = false;

	if (err == ERR_NONE) {
		contact_row_open(columns[1].bytes, &r);
		for (int64_t at = columns[0].number; (there = contact_row_next(&r, &c)) && at < id; at++)
			;
		if (!there)
			err = ERR_ABSENT;
		else if (!arena_copy(texts, c.aor, &who->aor) || !arena_copy(texts, c.key, &who->key))
			err = no_memory(desk);
	}
	desk->db->driver->done(desk->db, SCHEMA_CONTACT_FIND);
	return err;
}

/* The first of those behind `*skip` that start so is removed. ERR_ABSENT: there is none. */
static enum err remove_next(struct contact_log *l, struct store_desk *desk, str start, uint64_t *skip)
{
	uint64_t name = contact_index_name(&l->index, start, STR_NONE), seen = 0;
	size_t at = contact_index_home(&l->index, name);
	const struct contact_slot *slot;
	struct arena texts;

	while ((slot = contact_index_walk(&l->index, &at, name))) {
		struct contact_record c = { 0 };

		if (seen++ < *skip)
			continue;
		arena_init(&texts, NULL, 0, TEXTS_MAX);
		enum err err = fetch(desk, id_of(slot->value), &texts, &c);
		bool meant = err == ERR_NONE &&
			     (str_ends(start, STR("@")) ? str_starts(c.aor, start) : str_eq(c.aor, start));
		if (meant)
			err = say_one(l, desk, &c, true);
		else
			(*skip)++;
		arena_free(&texts);
		if (meant || (err != ERR_NONE && err != ERR_ABSENT))
			return err;
	}
	return ERR_ABSENT;
}

enum err contact_log_remove_all(struct contact_log *l, struct store_desk *desk, str start)
{
	enum err err = load(l, desk);
	uint64_t skip = 0;

	while (err == ERR_NONE)
		err = remove_next(l, desk, start, &skip);
	return err == ERR_ABSENT ? ERR_NONE : err;
}

/* ---- listing ---- */

static bool add(struct keeper_answer *answer, int64_t id, const struct contact_record *c)
{
	struct contact_record *row = keeper_answer_add(answer);

	if (!row)
		return false;
	*row = *c;
	row->id = id;
	return keeper_answer_copy(answer, c->aor, &row->aor) && keeper_answer_copy(answer, c->key, &row->key) &&
	       keeper_answer_copy(answer, c->uri, &row->uri) && keeper_answer_copy(answer, c->params, &row->params) &&
	       keeper_answer_copy(answer, c->call_id, &row->call_id) &&
	       keeper_answer_copy(answer, c->instance, &row->instance) &&
	       keeper_answer_copy(answer, c->path, &row->path) &&
	       keeper_answer_copy(answer, c->user_agent, &row->user_agent) &&
	       keeper_answer_copy(answer, c->machine, &row->machine);
}

/* Of a row those that hold and come after `after`. ERR_ABSENT: the answer is full. */
static enum err list_row(struct contact_log *l, struct store_desk *desk, int64_t id, str bytes, size_t limit)
{
	struct contact_record record;
	struct contact_change c;
	struct contact_row r;

	contact_row_open(bytes, &r);
	for (; contact_row_next(&r, &c); id++) {
		if (id <= desk->ask->after || c.gone || c.expires <= desk->ask->now || !is_last(l, &c, id) ||
		    contact_read(c.body, &record))
			continue;
		if (desk->answer->n == limit) {
			desk->answer->more = true;
			return ERR_ABSENT;
		}
		if (!add(desk->answer, id, &record))
			return no_memory(desk);
	}
	return ERR_NONE;
}

/* The number of the row where a page begins, less one. */
static enum err page_start(struct store_desk *desk, int64_t *start)
{
	struct db_value columns[2];
	enum err err = find_row(desk, desk->ask->after + 1, columns);

	*start = err == ERR_NONE ? columns[0].number - 1 : desk->ask->after;
	desk->db->driver->done(desk->db, SCHEMA_CONTACT_FIND);
	return err == ERR_ABSENT ? ERR_NONE : err;
}

enum err contact_log_list(struct contact_log *l, struct store_desk *desk)
{
	size_t limit = store_desk_limit(desk->ask);
	struct db *db = desk->db;
	struct db_value columns[3];
	enum err err = load(l, desk);
	int64_t start;

	if (err == ERR_NONE)
		err = read_on(l, desk);
	if (err == ERR_NONE)
		err = page_start(desk, &start);
	if (err != ERR_NONE)
		return err;
	err = db->driver->start(db, SCHEMA_CONTACT_READ, DB_VALUES(db_number(start)));
	while (err == ERR_NONE && (err = db->driver->row(db, SCHEMA_CONTACT_READ, columns, 3)) == ERR_NONE)
		err = list_row(l, desk, columns[0].number, columns[1].bytes, limit);
	if (err != ERR_NONE && err != ERR_ABSENT && err != ERR_MEMORY)
		store_desk_fail(desk, err);
	db->driver->done(db, SCHEMA_CONTACT_READ);
	return err == ERR_ABSENT ? ERR_NONE : err;
}

/* ---- from a file of the first two versions ---- */

/* Its contacts stand in a table of their own, a column for each field; they become rows of the log, once. */
static enum err adopt(struct contact_log *l, struct store_desk *desk)
{
	struct db *db = desk->db;
	struct db_value columns[RECORD_FIELD_MAX];
	size_t n = 0;
	enum err err = db->driver->start(db, SCHEMA_CONTACT_OLD, NULL, 0);

	while (err == ERR_NONE &&
	       (err = db->driver->row(db, SCHEMA_CONTACT_OLD, columns, RECORD_FIELD_MAX)) == ERR_NONE) {
		struct contact_record c = { 0 };

		store_desk_read(&contact_record_kind, columns, &c);
		n++;
		err = say_one(l, desk, &c, false);
	}
	if (err != ERR_NONE && err != ERR_ABSENT && !desk->answer->err)
		store_desk_fail(desk, err);
	db->driver->done(db, SCHEMA_CONTACT_OLD);
	l->adopted = n > 0;
	if (err == ERR_ABSENT)
		err = n ? store_desk_run(desk, SCHEMA_CONTACT_OLD_CLEAR, NULL, 0, NULL) : ERR_NONE;
	return err;
}
