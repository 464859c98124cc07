#include "store/contact_log.h"

#include "base/arena.h"
#include "crypt/random.h"

#include <stdlib.h>

#define ROWS_MIN  8192 /* a table is not worth leaving before */
#define ROW_MAX   (1u << 20)
#define STRIDE    64 /* rows written between two turns of cleaning */
#define ID_BITS   40 /* of a slot's value; above: when it expires */
#define ID_MAX    (((uint64_t)1 << ID_BITS) - 1)
#define TIME_BASE ((usec)1600000000 * USEC_PER_SEC)
#define TIME_UNIT (64 * USEC_PER_SEC) /* 24 bits of it last until 2054 */
#define ALL       INT64_MAX

enum { PUT = 1, GONE }; /* the first byte of a row */

/* `name`: 32 bits of the hash of an address up to its '@', which say where it lies, and 32 bits of the rest and the
 * key. `value` 0: free. */
struct slot {
	uint64_t name, value;
};

/* Where the log stands; a copy of it is enough to go back. */
struct place {
	int64_t next;     /* number of the next row */
	int64_t first;    /* the first that was written to `now` */
	int64_t cleaned;  /* rows of the other table up to here hold no more */
	uint64_t rows[2]; /* of both tables */
	uint64_t limit;   /* rows after which the other table is next */
	uint64_t old_n;   /* contacts whose row is in the other table */
	unsigned now;     /* the table that is written to */
	unsigned since;   /* rows since the last turn of cleaning */
};

struct contact_log {
	uint64_t key[2];
	struct slot *slots;
	size_t n, cap;
	struct slot *changes; /* what slots were before, in order; value 0: it was not there */
	size_t change_n, change_cap;
	struct place at, kept, marked;
	bool loaded;
	bool adopted; /* from an older file, in this transaction */
	bool turns;   /* the location service asks it: it may turn the tables over */
	struct buf row;
};

struct contact_log *contact_log_new(void)
{
	struct contact_log *l = calloc(1, sizeof(*l));
	struct rng rng;

	if (!l)
		return NULL;
	random_os(&rng);
	rng_fill(&rng, l->key, sizeof(l->key));
	buf_init_grow(&l->row, ROW_MAX);
	return l;
}

static void forget(struct contact_log *l)
{
	free(l->slots);
	l->slots = NULL;
	l->n = l->cap = l->change_n = 0;
	l->at = (struct place){ 0 };
	l->loaded = false;
}

void contact_log_free(struct contact_log *l)
{
	if (!l)
		return;
	forget(l);
	free(l->changes);
	buf_free(&l->row);
	free(l);
}

/* ---- the index: open addressing, in the order of the names ---- */

static uint64_t name_of(const struct contact_log *l, str aor, str key)
{
	size_t at = str_find_char(aor, '@') + 1;
	uint64_t head = str_hash(str_head(aor, at), l->key);
	uint64_t tail = str_hash(str_skip(aor, at), (const uint64_t[2]){ l->key[0] ^ head, l->key[1] });

	tail = str_hash(key, (const uint64_t[2]){ l->key[0] ^ tail, l->key[1] });
	return head >> 32 << 32 | tail >> 32;
}

static size_t home_of(uint64_t name, size_t cap)
{
	return (size_t)((name >> 32) * cap >> 32);
}

static size_t next_of(const struct contact_log *l, size_t i)
{
	return i + 1 == l->cap ? 0 : i + 1;
}

/* Its slot, or the free one that it would get. */
static struct slot *find(const struct contact_log *l, uint64_t name)
{
	size_t i = home_of(name, l->cap);

	while (l->slots[i].value && l->slots[i].name != name)
		i = next_of(l, i);
	return &l->slots[i];
}

static uint64_t value_of(const struct contact_log *l, uint64_t name)
{
	return l->cap ? find(l, name)->value : 0;
}

/* Room for one more. */
static bool make_room(struct contact_log *l)
{
	struct contact_log old = *l;

	if (l->cap && l->n + 1 < l->cap - l->cap / 5)
		return true;
	l->cap = old.cap ? old.cap + old.cap / 2 : 64;
	l->slots = calloc(l->cap, sizeof(*l->slots));
	if (!l->slots) {
		*l = old;
		return false;
	}
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].value)
			*find(l, old.slots[i].name) = old.slots[i];
	free(old.slots);
	return true;
}

static void take_out(struct contact_log *l, struct slot *slot)
{
	size_t hole = (size_t)(slot - l->slots), i = hole;

	for (;;) {
		i = next_of(l, i);
		if (!l->slots[i].value)
			break;
		size_t home = home_of(l->slots[i].name, l->cap);
		/* what lies between the hole (excluded) and i stays */
		if (hole < i ? home > hole && home <= i : home > hole || home <= i)
			continue;
		l->slots[hole] = l->slots[i];
		hole = i;
	}
	l->slots[hole] = (struct slot){ 0 };
	l->n--;
}

/* value 0: takes it out. There must be room. */
static void set(struct contact_log *l, uint64_t name, uint64_t value)
{
	struct slot *slot = find(l, name);

	if (!value) {
		if (slot->value)
			take_out(l, slot);
		return;
	}
	l->n += !slot->value;
	*slot = (struct slot){ name, value };
}

static int64_t id_of(uint64_t value)
{
	return (int64_t)(value & ID_MAX);
}

static uint64_t value_for(int64_t id, usec expires)
{
	usec units = expires > TIME_BASE ? (expires - TIME_BASE + TIME_UNIT - 1) / TIME_UNIT : 0;

	return (uint64_t)usec_min(units, 0xffffff) << ID_BITS | (uint64_t)id;
}

static bool has_expired(uint64_t value, usec now)
{
	return (usec)(value >> ID_BITS) * TIME_UNIT + TIME_BASE <= now;
}

/* ---- changes that may have to be undone ---- */

static bool note(struct contact_log *l, uint64_t name)
{
	if (l->change_n == l->change_cap) {
		size_t cap = l->change_cap ? 2 * l->change_cap : 64;
		struct slot *changes = realloc(l->changes, cap * sizeof(*changes));

		if (!changes)
			return false;
		l->changes = changes;
		l->change_cap = cap;
	}
	l->changes[l->change_n++] = (struct slot){ name, value_of(l, name) };
	return true;
}

/* The last word about a contact is now in row `value`; 0: it is gone. */
static enum err change(struct contact_log *l, uint64_t name, uint64_t value)
{
	if (!make_room(l) || !note(l, name))
		return ERR_MEMORY;
	uint64_t old = l->changes[l->change_n - 1].value;
	if (old && id_of(old) < l->at.first && l->at.old_n)
		l->at.old_n--;
	set(l, name, value);
	return ERR_NONE;
}

static void undo(struct contact_log *l, size_t to)
{
	while (l->change_n > to) {
		l->change_n--;
		set(l, l->changes[l->change_n].name, l->changes[l->change_n].value);
	}
}

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
	return l->change_n;
}

void contact_log_back(struct contact_log *l, size_t mark)
{
	if (!unadopt(l) || mark > l->change_n)
		return;
	undo(l, mark);
	l->at = l->marked.next ? l->marked : l->kept; /* it was read within this question */
}

void contact_log_settle(struct contact_log *l, bool kept)
{
	if (!kept && unadopt(l)) {
		undo(l, 0);
		l->at = l->kept;
	}
	l->adopted = false;
	l->change_n = 0;
	l->kept = l->at;
}

/* ---- reading ---- */

static enum err no_memory(struct store_desk *desk)
{
	return keeper_answer_fail(desk->answer, ERR_MEMORY, "no memory for the contacts");
}

/* A row as it was found; `c` only with PUT. false: not one of ours. */
static bool read_row(str bytes, int *kind, struct contact_record *c)
{
	if (!bytes.n || (bytes.p[0] != PUT && bytes.p[0] != GONE))
		return false;
	*kind = bytes.p[0];
	return contact_read(str_skip(bytes, 1), c) == ERR_NONE;
}

static enum err take_row(struct contact_log *l, struct store_desk *desk, const struct db_value *columns)
{
	unsigned table = columns[2].number != 0;
	struct contact_record c;
	enum err err = ERR_NONE;
	int kind;

	if (table != l->at.now || !l->at.rows[table]) {
		l->at.now = table;
		l->at.first = columns[0].number;
	}
	l->at.rows[table]++;
	l->at.next = columns[0].number + 1;
	if (read_row(columns[1].bytes, &kind, &c))
		err = change(l, name_of(l, c.aor, c.key), kind == PUT ? value_for(columns[0].number, c.expires) : 0);
	return err ? no_memory(desk) : ERR_NONE;
}

/* All rows that are not known yet. */
static enum err read_on(struct contact_log *l, struct store_desk *desk)
{
	struct db *db = desk->db;
	struct db_value columns[3];
	enum err err = db->driver->start(db, SCHEMA_CONTACT_READ, DB_VALUES(db_number(l->at.next - 1), db_number(ALL)));

	while (err == ERR_NONE && (err = db->driver->row(db, SCHEMA_CONTACT_READ, columns, 3)) == ERR_NONE) {
		err = take_row(l, desk, columns);
		if (!l->loaded)
			l->change_n = 0; /* there is nothing to go back to */
	}
	if (err != ERR_NONE && err != ERR_ABSENT && err != ERR_MEMORY)
		store_desk_fail(desk, err);
	db->driver->done(db, SCHEMA_CONTACT_READ);
	return err == ERR_ABSENT ? ERR_NONE : err;
}

static void set_limit(struct contact_log *l, uint64_t alive)
{
	l->at.limit = alive + alive / 2 > ROWS_MIN ? alive + alive / 2 : ROWS_MIN;
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
	for (size_t i = 0; i < l->cap; i++)
		l->at.old_n += l->slots[i].value && id_of(l->slots[i].value) < l->at.first;
	set_limit(l, l->n);
	l->loaded = true;
	l->kept = l->at;
	return adopt(l, desk);
}

/* ---- writing ---- */

/* Behind all others; *id says where. */
static enum err append(struct contact_log *l, struct store_desk *desk, str row, int64_t *id)
{
	for (int turn = 0; turn < 2; turn++) {
		int64_t touched = 0;
		enum err err = store_desk_run(desk, l->at.now ? SCHEMA_CONTACT_ADD_1 : SCHEMA_CONTACT_ADD_0,
					      DB_VALUES(db_number(l->at.next), db_bytes(row)), &touched);
		if (err != ERR_NONE)
			return err;
		if (touched) {
			if (!l->at.rows[l->at.now]++)
				l->at.first = l->at.next;
			*id = l->at.next++;
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
		l->at.rows[old] = l->at.old_n = 0;
	return err;
}

/* A row of the other table goes behind, where it still holds. */
static enum err move_row(struct contact_log *l, struct store_desk *desk, const struct db_value *columns)
{
	struct contact_record c;
	enum err err = ERR_NONE;
	uint64_t value = 0;
	int64_t id;
	int kind;

	l->at.cleaned = columns[0].number;
	if (!read_row(columns[1].bytes, &kind, &c) || kind != PUT)
		return ERR_NONE;
	uint64_t name = name_of(l, c.aor, c.key);
	if (id_of(value_of(l, name)) != columns[0].number)
		return ERR_NONE;
	if (c.expires > desk->ask->now) {
		err = append(l, desk, columns[1].bytes, &id);
		value = value_for(id, c.expires);
	}
	return err == ERR_NONE && change(l, name, value) ? no_memory(desk) : err;
}

static enum err move_rows(struct contact_log *l, struct store_desk *desk, uint64_t n)
{
	struct db *db = desk->db;
	int statement = l->at.now ? SCHEMA_CONTACT_READ_0 : SCHEMA_CONTACT_READ_1;
	struct db_value columns[2];
	enum err err = db->driver->start(db, statement, DB_VALUES(db_number(l->at.cleaned), db_number((int64_t)n)));

	while (err == ERR_NONE && (err = db->driver->row(db, statement, columns, 2)) == ERR_NONE) {
		err = move_row(l, desk, columns);
		n--;
	}
	db->driver->done(db, statement);
	return err == ERR_ABSENT && n ? clear_old(l, desk) : err == ERR_ABSENT ? ERR_NONE : err;
}

/*
 * With each STRIDE rows that were written: nothing while the other table may still empty by itself, phones
 * refreshing; then as much as has it empty by the time this one is full.
 */
static enum err clean(struct contact_log *l, struct store_desk *desk)
{
	struct place *at = &l->at;

	if (++at->since < STRIDE || !l->turns || !at->rows[!at->now])
		return ERR_NONE;
	at->since = 0;
	if (!at->old_n)
		return clear_old(l, desk);
	if (at->rows[at->now] < at->limit / 2)
		return ERR_NONE;
	return move_rows(l, desk, STRIDE * (3 * at->rows[!at->now] / at->limit + 1));
}

static enum err turn_over(struct contact_log *l, struct store_desk *desk)
{
	uint64_t alive = 0;

	if (!l->turns || l->at.rows[l->at.now] < l->at.limit || l->at.rows[!l->at.now])
		return ERR_NONE;
	/* What others wrote went to the table that was written to last; from now on their number is not taken there. */
	enum err err = read_on(l, desk);
	if (err != ERR_NONE)
		return err;
	for (size_t i = 0; i < l->cap; i++)
		alive += l->slots[i].value && !has_expired(l->slots[i].value, desk->ask->now);
	set_limit(l, alive);
	l->at.now = !l->at.now;
	l->at.first = l->at.next;
	l->at.old_n = l->n;
	l->at.cleaned = 0;
	return ERR_NONE;
}

static enum err say(struct contact_log *l, struct store_desk *desk, int kind, const struct contact_record *c)
{
	enum err err = load(l, desk);
	int64_t id;

	if (err == ERR_NONE)
		err = l->turns ? turn_over(l, desk) : read_on(l, desk);
	if (err != ERR_NONE)
		return err;
	buf_reset(&l->row);
	buf_put_u8(&l->row, (uint8_t)kind);
	contact_write(c, &l->row);
	if (!buf_ok(&l->row))
		return keeper_answer_fail(desk->answer, ERR_LIMIT, "the contact is too long");
	if (!make_room(l))
		return no_memory(desk);
	err = append(l, desk, buf_str(&l->row), &id);
	if (err == ERR_NONE && change(l, name_of(l, c->aor, c->key), kind == PUT ? value_for(id, c->expires) : 0))
		err = no_memory(desk);
	/* Where cleaning fails, this row stands all the same; a full disk shows at the commit. */
	if (err == ERR_NONE && clean(l, desk) != ERR_NONE)
		desk->answer->err = ERR_NONE;
	return err;
}

enum err contact_log_put(struct contact_log *l, struct store_desk *desk, const struct contact_record *c)
{
	l->turns = true;
	return say(l, desk, PUT, c);
}

enum err contact_log_remove(struct contact_log *l, struct store_desk *desk, str aor, str key)
{
	enum err err = load(l, desk);

	if (err != ERR_NONE || !value_of(l, name_of(l, aor, key)))
		return err;
	return say(l, desk, GONE, &(struct contact_record){ .aor = aor, .key = key, .uri = key });
}

/* The row with this number into c; its texts are copied to `texts`. */
static enum err fetch(struct store_desk *desk, int64_t id, struct arena *texts, struct contact_record *c)
{
	struct db *db = desk->db;
	struct db_value columns[3];
	enum err err = db->driver->start(db, SCHEMA_CONTACT_READ, DB_VALUES(db_number(id - 1), db_number(1)));
	str row;
	int kind;

	if (err == ERR_NONE)
		err = db->driver->row(db, SCHEMA_CONTACT_READ, columns, 3);
	if (err != ERR_NONE && err != ERR_ABSENT)
		store_desk_fail(desk, err);
	else if (err == ERR_NONE && !arena_copy(texts, columns[1].bytes, &row))
		err = no_memory(desk);
	else if (err == ERR_NONE && (columns[0].number != id || !read_row(row, &kind, c)))
		err = ERR_ABSENT;
	db->driver->done(db, SCHEMA_CONTACT_READ);
	return err;
}

/* The first of those behind `*at` that start so is removed. ERR_ABSENT: there is none. */
static enum err remove_next(struct contact_log *l, struct store_desk *desk, str start, uint64_t *skip)
{
	uint64_t head = name_of(l, start, STR_NONE) >> 32, seen = 0;
	size_t i = l->cap ? home_of(head << 32, l->cap) : 0;
	struct arena texts;

	for (; l->cap && l->slots[i].value; i = next_of(l, i)) {
		struct contact_record c;

		if (l->slots[i].name >> 32 != head || seen++ < *skip)
			continue;
		arena_init(&texts, NULL, 0, ROW_MAX);
		enum err err = fetch(desk, id_of(l->slots[i].value), &texts, &c);
		bool meant = err == ERR_NONE &&
			     (str_ends(start, STR("@")) ? str_starts(c.aor, start) : str_eq(c.aor, start));
		if (meant)
			err = say(l, desk, GONE, &c);
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

static bool holds(const struct contact_log *l, const struct db_value *columns, usec now, struct contact_record *c)
{
	int kind;

	return read_row(columns[1].bytes, &kind, c) && kind == PUT && c->expires > now &&
	       id_of(value_of(l, name_of(l, c->aor, c->key))) == columns[0].number;
}

enum err contact_log_list(struct contact_log *l, struct store_desk *desk)
{
	size_t limit = store_desk_limit(desk->ask);
	struct db *db = desk->db;
	struct db_value columns[3];
	struct contact_record c;
	enum err err = load(l, desk);

	if (err == ERR_NONE)
		err = read_on(l, desk);
	if (err != ERR_NONE)
		return err;
	l->turns = true;
	err = db->driver->start(db, SCHEMA_CONTACT_READ, DB_VALUES(db_number(desk->ask->after), db_number(ALL)));
	while (err == ERR_NONE && (err = db->driver->row(db, SCHEMA_CONTACT_READ, columns, 3)) == ERR_NONE) {
		if (!holds(l, columns, desk->ask->now, &c))
			continue;
		if (desk->answer->n == limit) {
			desk->answer->more = true;
			err = ERR_ABSENT;
		} else if (!add(desk->answer, columns[0].number, &c)) {
			err = no_memory(desk);
		}
	}
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
		err = say(l, desk, PUT, &c);
	}
	if (err != ERR_NONE && err != ERR_ABSENT && !desk->answer->err)
		store_desk_fail(desk, err);
	db->driver->done(db, SCHEMA_CONTACT_OLD);
	l->adopted = n > 0;
	if (err == ERR_ABSENT)
		err = n ? store_desk_run(desk, SCHEMA_CONTACT_OLD_CLEAR, NULL, 0, NULL) : ERR_NONE;
	return err;
}
