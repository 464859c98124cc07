#include "store/desk.h"

#include <assert.h>

enum err store_desk_fail(struct store_desk *desk, enum err err)
{
	return keeper_answer_fail(desk->answer, err, "%s", desk->db->driver->why(desk->db));
}

enum err store_desk_run(struct store_desk *desk, enum schema_statement statement, const struct db_value *values,
			size_t n, int64_t *touched)
{
	struct db *db = desk->db;
	enum err err = db->driver->start(db, statement, values, n);

	if (err == ERR_NONE)
		err = db->driver->row(db, statement, NULL, 0);
	if (err == ERR_ABSENT || err == ERR_NONE)
		err = ERR_NONE;
	else
		store_desk_fail(desk, err);
	if (err == ERR_NONE && touched)
		*touched = db->driver->changes(db);
	db->driver->done(db, statement);
	return err;
}

/* Columns of a record: all fields but the id (when written) and what is never stored. */
static bool is_column(const struct record_field *field)
{
	return field->type != RECORD_SECRET;
}

static struct db_value bind_field(struct store_binding *b, const struct record_field *field, const void *at)
{
	switch ((enum record_type)field->type) {
	case RECORD_TEXT:
	case RECORD_HIDDEN:
		return db_text(*(const str *)at);
	case RECORD_BYTES:
		return db_bytes(*(const str *)at);
	case RECORD_I64:
	case RECORD_USEC:
		return db_number(*(const int64_t *)at);
	case RECORD_U32:
		return db_number(*(const uint32_t *)at);
	case RECORD_U16:
		return db_number(*(const uint16_t *)at);
	case RECORD_BOOL:
		return db_number(*(const bool *)at);
	case RECORD_ADDR:
		if (!addr_is_set(at))
			return db_text(STR_NONE);
		assert(b->addr_n < 2);
		return db_text(str_from(addr_text(at, b->addrs[b->addr_n++])));
	case RECORD_SECRET:
		break;
	}
	return (struct db_value){ .type = DB_NULL };
}

void store_desk_bind(const struct record_kind *kind, const void *record, struct store_binding *b)
{
	b->n = b->addr_n = 0;
	for (size_t i = 1; i < kind->field_n; i++)
		if (is_column(&kind->fields[i]))
			b->values[b->n++] = bind_field(b, &kind->fields[i], record_at(&kind->fields[i], record));
}

static bool read_field(struct keeper_answer *answer, const struct record_field *field, const struct db_value *value,
		       void *at)
{
	switch ((enum record_type)field->type) {
	case RECORD_TEXT:
	case RECORD_HIDDEN:
	case RECORD_BYTES:
		return keeper_answer_copy(answer, value->bytes, at);
	case RECORD_I64:
	case RECORD_USEC:
		*(int64_t *)at = value->number;
		return true;
	case RECORD_U32:
		*(uint32_t *)at = (uint32_t)value->number;
		return true;
	case RECORD_U16:
		*(uint16_t *)at = (uint16_t)value->number;
		return true;
	case RECORD_BOOL:
		*(bool *)at = value->number != 0;
		return true;
	case RECORD_ADDR:
		if (addr_parse(value->bytes, 0, at) != ERR_NONE)
			*(struct addr *)at = (struct addr){ .family = 0 };
		return true;
	case RECORD_SECRET:
		break;
	}
	return true;
}

static bool read_record(struct keeper_answer *answer, const struct db_value *columns)
{
	const struct record_kind *kind = keeper_answer_rows(answer->kind);
	void *row = keeper_answer_add(answer);
	size_t column = 0;

	for (size_t i = 0; row && i < kind->field_n; i++) {
		const struct record_field *field = &kind->fields[i];
		if (is_column(field) && !read_field(answer, field, &columns[column++], record_at(field, row)))
			return false;
	}
	return row != NULL;
}

void store_desk_read(const struct record_kind *kind, const struct db_value *columns, void *record)
{
	for (size_t i = 0, column = 0; i < kind->field_n; i++) {
		const struct record_field *field = &kind->fields[i];
		void *at = record_at(field, record);

		if (!is_column(field))
			continue;
		if (record_is_str(field->type))
			*(str *)at = columns[column].bytes;
		else
			(void)read_field(NULL, field, &columns[column], at); /* only texts need memory */
		column++;
	}
}

/* All rows of a statement into the answer, at most `limit`; a further one makes `more`. */
enum err store_desk_query(struct store_desk *desk, enum schema_statement statement, const struct db_value *values,
			  size_t n, size_t limit)
{
	struct db *db = desk->db;
	struct db_value columns[RECORD_FIELD_MAX];
	enum err err = db->driver->start(db, statement, values, n);

	while (err == ERR_NONE && (err = db->driver->row(db, statement, columns, RECORD_FIELD_MAX)) == ERR_NONE) {
		if (desk->answer->n == limit) {
			desk->answer->more = true;
			break;
		}
		if (!read_record(desk->answer, columns)) {
			db->driver->done(db, statement);
			return keeper_answer_fail(desk->answer, ERR_MEMORY, "no memory for the answer");
		}
	}
	if (err == ERR_ABSENT)
		err = ERR_NONE;
	if (err != ERR_NONE)
		store_desk_fail(desk, err);
	db->driver->done(db, statement);
	return err;
}

size_t store_desk_limit(const struct keeper_ask *ask)
{
	return ask->limit && ask->limit < KEEPER_ROWS_MAX ? ask->limit : KEEPER_ROWS_MAX;
}

/* Each row of the question by the same statement, all its columns. */
enum err store_desk_put_rows(struct store_desk *desk, enum schema_statement statement)
{
	const struct record_kind *kind = keeper_ask_rows(desk->ask->kind);
	struct store_binding b;
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++) {
		store_desk_bind(kind, (const char *)desk->ask->rows + i * kind->size, &b);
		err = store_desk_run(desk, statement, b.values, b.n, NULL);
	}
	return err;
}

enum err store_desk_need_one(struct store_desk *desk)
{
	if (desk->ask->n == 1)
		return ERR_NONE;
	return keeper_answer_fail(desk->answer, ERR_SYNTAX, "the question needs exactly one row");
}

enum err store_desk_list(struct store_desk *desk, enum schema_statement statement)
{
	size_t limit = store_desk_limit(desk->ask);

	return store_desk_query(desk, statement, DB_VALUES(db_number(desk->ask->after), db_number((int64_t)limit + 1)),
				limit);
}
