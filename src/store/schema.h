/*
 * store/schema.h - tables, migrations and statements, as data.
 *
 * Version v is reached from v - 1 by running migrations[v - 1]; a driver does so
 * when it opens the database, in one transaction, and refuses a database that is
 * newer than the program. Migrations that were released are never edited.
 *
 * One text for all databases: INTEGER is 64 bits and BLOB any bytes; INTEGER
 * PRIMARY KEY numbers rows by itself. A driver whose database calls these otherwise
 * replaces the words. Parameters are $1 .. $n, first used in that order.
 */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

struct schema {
	const char *const *migrations; /* several statements each */
	int version;                   /* how many */
};

extern const struct schema schema_current;

enum schema_statement {
	SCHEMA_USER_ADD,
	SCHEMA_USER_PUT,
	SCHEMA_USER_REMOVE,
	SCHEMA_USER_DISABLE,
	SCHEMA_USER_FIND,
	SCHEMA_USER_LIST,
	SCHEMA_USER_ANY,
	SCHEMA_NUMBER_ADD,
	SCHEMA_NUMBER_OVERLAP,
	SCHEMA_NUMBER_REMOVE,
	SCHEMA_NUMBER_REMOVE_ALL,
	SCHEMA_NUMBER_LIST,
	SCHEMA_PERSON_ADD,
	SCHEMA_PERSON_FIND,
	SCHEMA_PERSON_PASSWORD,
	SCHEMA_PERSON_REMOVE,
	SCHEMA_PERSON_DISABLE,
	SCHEMA_PERSON_LIST,
	SCHEMA_DEVICE_PUT,
	SCHEMA_DEVICE_LIST,
	SCHEMA_DEVICE_REMOVE,
	SCHEMA_DEVICE_REMOVE_ALL,
	SCHEMA_CONTACT_ADD_0,
	SCHEMA_CONTACT_ADD_1,
	SCHEMA_CONTACT_READ,
	SCHEMA_CONTACT_FIND,
	SCHEMA_CONTACT_READ_0,
	SCHEMA_CONTACT_READ_1,
	SCHEMA_CONTACT_CLEAR_0,
	SCHEMA_CONTACT_CLEAR_1,
	SCHEMA_CONTACT_OLD,
	SCHEMA_CONTACT_OLD_CLEAR,
	SCHEMA_REMOVAL_ADD,
	SCHEMA_REMOVAL_TRIM,
	SCHEMA_REMOVAL_LIST,
	SCHEMA_STATE_PUT,
	SCHEMA_STATE_GET,
	SCHEMA_STATE_LIST,
	SCHEMA_STATE_REMOVE,
	SCHEMA_SETTING_ADD,
	SCHEMA_SETTING_GET,
	SCHEMA_SETTING_PUT,
	SCHEMA_SETTING_REMOVE,
	SCHEMA_SETTING_LIST,
	SCHEMA_CALL_PUT,
	SCHEMA_CALL_CLOSE,
	SCHEMA_CALL_LIST,
	SCHEMA_TRACE_ADD,
	SCHEMA_TRACE_ADD_TEXT,
	SCHEMA_TRACE_TRIM,
	SCHEMA_TRACE_TRIM_TEXT,
	SCHEMA_TRACE_LIST,
	SCHEMA_TRACE_SESSION,
	SCHEMA_TRACE_CALL,
	SCHEMA_TRACE_SESSION_OF,
	SCHEMA_TRACE_SESSIONS,
	SCHEMA_STATEMENT_N,
};

const char *schema_statement(enum schema_statement);

#endif
