#include "store/history.h"

enum err store_history_put_call(struct store_desk *desk)
{
	return store_desk_put_rows(desk, SCHEMA_CALL_PUT);
}

#define CLOSE_BACK (30 * 86400 * USEC_PER_SEC) /* a bound for the search; nobody talks that long */

enum err store_history_close_calls(struct store_desk *desk)
{
	enum err err = store_desk_need_one(desk);

	if (err != ERR_NONE)
		return err;
	return store_desk_run(desk, SCHEMA_CALL_CLOSE,
			      DB_VALUES(db_text(desk->ask->calls->service), db_number(desk->ask->now),
					db_number(desk->ask->now - CLOSE_BACK)),
			      NULL);
}

/* The statement gives the newest first, so that a full answer lacks the oldest. */
static void turn_round(struct keeper_answer *answer)
{
	struct call_record *rows = (struct call_record *)(uintptr_t)answer->rows;

	for (size_t i = 0, k = answer->n; i + 1 < k; i++) {
		struct call_record row = rows[--k];
		rows[k] = rows[i];
		rows[i] = row;
	}
}

#define RECORDS_PER_SESSION 16 /* looked at, at most, to find the newest sessions */

enum err store_history_list_calls(struct store_desk *desk)
{
	static const struct call_record any;
	const struct call_record *wanted = desk->ask->n ? desk->ask->calls : &any;
	int64_t sessions = (int64_t)store_desk_limit(desk->ask);
	str party = wanted->caller.n ? wanted->caller : wanted->callee;
	enum err err = store_desk_query(desk, SCHEMA_CALL_LIST,
					DB_VALUES(db_text(wanted->session), db_text(party),
						  db_number(sessions * RECORDS_PER_SESSION), db_number(sessions),
						  db_number(KEEPER_ROWS_MAX + 1)),
					KEEPER_ROWS_MAX);

	if (err == ERR_NONE)
		turn_round(desk->answer);
	return err;
}

/* The text, the last field, stands in a table of its own. */
static enum err append_one(struct store_desk *desk, const struct trace_record *record)
{
	struct store_binding b;

	store_desk_bind(&trace_record_kind, record, &b);
	enum err err = store_desk_run(desk, SCHEMA_TRACE_ADD, b.values, b.n - 1, NULL);
	return err == ERR_NONE ? store_desk_run(desk, SCHEMA_TRACE_ADD_TEXT, &b.values[b.n - 1], 1, NULL) : err;
}

enum err store_history_append_trace(struct store_desk *desk)
{
	enum err err = ERR_NONE;

	for (size_t i = 0; err == ERR_NONE && i < desk->ask->n; i++)
		err = append_one(desk, &desk->ask->traces[i]);
	if (err == ERR_NONE)
		err = store_desk_run(desk, SCHEMA_TRACE_TRIM_TEXT, DB_VALUES(db_number(TRACE_KEEP)), NULL);
	if (err == ERR_NONE)
		err = store_desk_run(desk, SCHEMA_TRACE_TRIM, DB_VALUES(db_number(TRACE_KEEP)), NULL);
	return err;
}

enum err store_history_list_trace(struct store_desk *desk)
{
	static const struct trace_record any;
	const struct trace_record *wanted = desk->ask->n ? desk->ask->traces : &any;
	struct db *db = desk->db;
	size_t limit = store_desk_limit(desk->ask);
	struct db_value after = db_number(desk->ask->after), most = db_number((int64_t)limit + 1), session;

	if (wanted->session.n)
		return store_desk_query(desk, SCHEMA_TRACE_SESSION, DB_VALUES(db_text(wanted->session), after, most),
					limit);
	if (!wanted->call_id.n)
		return store_desk_query(desk, SCHEMA_TRACE_LIST, DB_VALUES(after, most), limit);

	/* Of a Call-ID, all of its session, where it has one. */
	enum err err = db->driver->start(db, SCHEMA_TRACE_SESSION_OF, DB_VALUES(db_text(wanted->call_id)));
	if (err == ERR_NONE)
		err = db->driver->row(db, SCHEMA_TRACE_SESSION_OF, &session, 1);
	if (err == ERR_NONE)
		err = store_desk_query(desk, SCHEMA_TRACE_SESSION, DB_VALUES(session, after, most), limit);
	else if (err == ERR_ABSENT)
		err = store_desk_query(desk, SCHEMA_TRACE_CALL, DB_VALUES(after, db_text(wanted->call_id), most),
				       limit);
	else
		store_desk_fail(desk, err);
	db->driver->done(db, SCHEMA_TRACE_SESSION_OF);
	return err;
}

enum err store_history_list_traced(struct store_desk *desk)
{
	size_t limit = store_desk_limit(desk->ask);

	return store_desk_query(desk, SCHEMA_TRACE_SESSIONS, DB_VALUES(db_number((int64_t)limit)), limit);
}
