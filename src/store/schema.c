#include "store/schema.h"

/*
 * Times are microseconds since 1970. Columns stand in the order of the records' fields, which the
 * statements below rely on.
 *
 * Calls and messages come by the thousand, so whatever is kept in order of them is kept in order of time: an index
 * over Call-IDs or sessions, which are random, costs a page written for every row (34 us a call instead of 8). To
 * look for one is to read them all; the messages' texts stand aside, so that this stays quick.
 */
static const char version_1[] =
	"CREATE TABLE account (id INTEGER PRIMARY KEY, name TEXT NOT NULL, domain TEXT NOT NULL, realm TEXT NOT "
	"NULL, ha1_md5 TEXT NOT NULL, ha1_sha256 TEXT NOT NULL, created INTEGER NOT NULL, disabled INTEGER NOT "
	"NULL, UNIQUE (name, domain));\n"
	"CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL, created INTEGER NOT "
	"NULL, disabled INTEGER NOT NULL, UNIQUE (name));\n"
	"CREATE TABLE device (id INTEGER PRIMARY KEY, person TEXT NOT NULL, key BLOB NOT NULL, label TEXT NOT "
	"NULL, serial BLOB NOT NULL, issued INTEGER NOT NULL, not_after INTEGER NOT NULL, revoked INTEGER NOT "
	"NULL, UNIQUE (person, key));\n"
	"CREATE TABLE contact (id INTEGER PRIMARY KEY, aor TEXT NOT NULL, key TEXT NOT NULL, uri TEXT NOT NULL, "
	"params TEXT NOT NULL, call_id TEXT NOT NULL, cseq INTEGER NOT NULL, instance TEXT NOT NULL, reg_id "
	"INTEGER NOT NULL, q INTEGER NOT NULL, path TEXT NOT NULL, user_agent TEXT NOT NULL, machine TEXT NOT "
	"NULL, transport INTEGER NOT NULL, flow_worker INTEGER NOT NULL, flow_id INTEGER NOT NULL, local TEXT NOT "
	"NULL, remote TEXT NOT NULL, registered INTEGER NOT NULL, updated INTEGER NOT NULL, expires INTEGER NOT "
	"NULL, UNIQUE (aor, key));\n"
	"CREATE TABLE state (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT "
	"NULL, updated INTEGER NOT NULL, UNIQUE (owner, name));\n"
	"CREATE TABLE setting (id INTEGER PRIMARY KEY, name TEXT NOT NULL, value TEXT NOT NULL, updated INTEGER "
	"NOT NULL, UNIQUE (name));\n"
	"CREATE TABLE call_record (id INTEGER PRIMARY KEY, session TEXT NOT NULL, service TEXT NOT NULL, key TEXT "
	"NOT NULL, caller TEXT NOT NULL, callee TEXT NOT NULL, target TEXT NOT NULL, started INTEGER NOT NULL, "
	"rang INTEGER NOT NULL, answered INTEGER NOT NULL, ended INTEGER NOT NULL, status INTEGER NOT NULL, cause "
	"TEXT NOT NULL, legs INTEGER NOT NULL, a_call_id TEXT NOT NULL, a_party TEXT NOT NULL, a_remote TEXT NOT "
	"NULL, a_signalling TEXT NOT NULL, a_codec TEXT NOT NULL, a_media TEXT NOT NULL, a_path TEXT NOT NULL, "
	"a_started INTEGER NOT NULL, a_rang INTEGER NOT NULL, a_answered INTEGER NOT NULL, a_ended INTEGER NOT "
	"NULL, b_call_id TEXT NOT NULL, b_party TEXT NOT NULL, b_remote TEXT NOT NULL, b_signalling TEXT NOT "
	"NULL, b_codec TEXT NOT NULL, b_media TEXT NOT NULL, b_path TEXT NOT NULL, b_started INTEGER NOT NULL, "
	"b_rang INTEGER NOT NULL, b_answered INTEGER NOT NULL, b_ended INTEGER NOT NULL, UNIQUE (started, "
	"session, service, key));\n"
	"CREATE TABLE trace_record (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, session TEXT NOT NULL, call_id "
	"TEXT NOT NULL, service TEXT NOT NULL, way INTEGER NOT NULL, transport INTEGER NOT NULL, local TEXT NOT "
	"NULL, remote TEXT NOT NULL, peer TEXT NOT NULL, secure TEXT NOT NULL, line TEXT NOT NULL, cseq TEXT NOT "
	"NULL);\n"
	"CREATE TABLE trace_text (id INTEGER PRIMARY KEY, message BLOB NOT NULL);\n"
	"CREATE INDEX contact_expires ON contact (expires);\n";

/*
 * RFC 8760's other digest; accounts that are there get it with their next password. An index over when contacts expire
 * is written at every registration and read once, at the start, when all contacts are read anyway.
 */
static const char version_2[] = "ALTER TABLE account ADD COLUMN ha1_sha512_256 TEXT NOT NULL DEFAULT '';\n"
				"DROP INDEX contact_expires;\n";

/*
 * Contacts as a log (store/contact_log). What stands in `contact` is taken over by whoever reads the log first; the
 * table stays, empty.
 */
static const char version_3[] = "CREATE TABLE contact_log_0 (id INTEGER PRIMARY KEY, row BLOB NOT NULL);\n"
				"CREATE TABLE contact_log_1 (id INTEGER PRIMARY KEY, row BLOB NOT NULL);\n";

/* Telephone numbers of accounts (RFC 6140). */
static const char version_4[] =
	"CREATE TABLE number (id INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, account TEXT NOT "
	"NULL, UNIQUE (first));\n";

/*
 * A row of the log holds many changes (store/contact_batch); rows of one are still read. Programs of version 4 would
 * pass the others over, so they must find a newer version; the tables stay as they are.
 */
static const char version_5[] = "SELECT 5;\n";

/* Bindings that were taken away (store/removal). */
static const char version_6[] = "CREATE TABLE removal (id INTEGER PRIMARY KEY, aor TEXT NOT NULL, key TEXT NOT NULL, "
				"barred INTEGER NOT NULL);\n";

static const char *const migrations[] = { version_1, version_2, version_3, version_4, version_5, version_6 };

const struct schema schema_current = { migrations, sizeof(migrations) / sizeof(*migrations) };

static const char *const statements[SCHEMA_STATEMENT_N] = {
	[SCHEMA_USER_ADD] =
		"INSERT INTO account (name, domain, realm, ha1_md5, ha1_sha256, ha1_sha512_256, created, disabled) "
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
	[SCHEMA_USER_PUT] =
		"INSERT INTO account (name, domain, realm, ha1_md5, ha1_sha256, ha1_sha512_256, created, disabled) "
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name, domain) DO UPDATE SET realm = "
		"excluded.realm, ha1_md5 = "
		"excluded.ha1_md5, ha1_sha256 = excluded.ha1_sha256, ha1_sha512_256 = excluded.ha1_sha512_256",
	[SCHEMA_USER_REMOVE] = "DELETE FROM account WHERE name = $1 AND domain = $2",
	[SCHEMA_USER_DISABLE] = "UPDATE account SET disabled = $1 WHERE name = $2 AND domain = $3",
	[SCHEMA_USER_FIND] =
		"SELECT id, name, domain, realm, ha1_md5, ha1_sha256, ha1_sha512_256, created, disabled FROM account "
		"WHERE name = $1 AND "
		"(domain = $2 OR domain = '') ORDER BY domain DESC LIMIT 1",
	[SCHEMA_USER_LIST] = "SELECT id, name, domain, realm, '', '', '', created, disabled FROM account WHERE id > $1 "
			     "ORDER BY id LIMIT "
			     "$2",
	[SCHEMA_USER_ANY] = "SELECT id FROM account WHERE name = $1 LIMIT 1",
	[SCHEMA_NUMBER_ADD] = "INSERT INTO number (first, last, account) VALUES ($1, $2, $3)",
	[SCHEMA_NUMBER_OVERLAP] =
		"SELECT id, first, last, account FROM number WHERE first <= $1 AND last >= $2 ORDER BY first LIMIT 1",
	[SCHEMA_NUMBER_REMOVE] = "DELETE FROM number WHERE account = $1 AND first = $2 AND last = $3",
	[SCHEMA_NUMBER_REMOVE_ALL] = "DELETE FROM number WHERE account = $1",
	[SCHEMA_NUMBER_LIST] = "SELECT id, first, last, account FROM number WHERE id > $1 ORDER BY id LIMIT $2",
	[SCHEMA_PERSON_ADD] = "INSERT INTO person (name, hash, created, disabled) VALUES ($1, $2, $3, $4)",
	[SCHEMA_PERSON_FIND] = "SELECT id, name, hash, created, disabled FROM person WHERE name = $1",
	[SCHEMA_PERSON_PASSWORD] = "UPDATE person SET hash = $1 WHERE name = $2",
	[SCHEMA_PERSON_REMOVE] = "DELETE FROM person WHERE name = $1",
	[SCHEMA_PERSON_DISABLE] = "UPDATE person SET disabled = $1 WHERE name = $2",
	[SCHEMA_PERSON_LIST] = "SELECT id, name, '', created, disabled FROM person WHERE id > $1 ORDER BY id LIMIT $2",
	[SCHEMA_DEVICE_PUT] = "INSERT INTO device (person, key, label, serial, issued, not_after, revoked) VALUES ($1, "
			      "$2, $3, $4, $5, "
			      "$6, $7) ON CONFLICT (person, key) DO UPDATE SET label = excluded.label, serial = "
			      "excluded.serial, issued "
			      "= excluded.issued, not_after = excluded.not_after, revoked = excluded.revoked",
	[SCHEMA_DEVICE_LIST] = "SELECT id, person, key, label, serial, issued, not_after, revoked FROM device WHERE id "
			       "> $1 AND ($2 = '' "
			       "OR person = $2) ORDER BY id LIMIT $3",
	[SCHEMA_DEVICE_REMOVE] = "DELETE FROM device WHERE person = $1 AND key = $2",
	[SCHEMA_DEVICE_REMOVE_ALL] = "DELETE FROM device WHERE person = $1",
	[SCHEMA_CONTACT_ADD_0] = "INSERT INTO contact_log_0 (id, row) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
	[SCHEMA_CONTACT_ADD_1] = "INSERT INTO contact_log_1 (id, row) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
	[SCHEMA_CONTACT_READ] =
		"SELECT id, row, 0 AS place FROM contact_log_0 WHERE id > $1 UNION ALL SELECT id, row, 1 FROM "
		"contact_log_1 WHERE id > $1 ORDER BY id",
	[SCHEMA_CONTACT_FIND] =
		"SELECT id, row FROM contact_log_0 WHERE id <= $1 UNION ALL SELECT id, row FROM contact_log_1 WHERE id "
		"<= $1 ORDER BY id DESC LIMIT 1",
	[SCHEMA_CONTACT_READ_0] = "SELECT id, row FROM contact_log_0 WHERE id > $1 ORDER BY id",
	[SCHEMA_CONTACT_READ_1] = "SELECT id, row FROM contact_log_1 WHERE id > $1 ORDER BY id",
	[SCHEMA_CONTACT_CLEAR_0] = "DELETE FROM contact_log_0",
	[SCHEMA_CONTACT_CLEAR_1] = "DELETE FROM contact_log_1",
	[SCHEMA_CONTACT_OLD] =
		"SELECT id, aor, key, uri, params, call_id, cseq, instance, reg_id, q, path, user_agent, machine, "
		"transport, flow_worker, flow_id, local, remote, registered, updated, expires FROM contact ORDER BY "
		"id",
	[SCHEMA_CONTACT_OLD_CLEAR] = "DELETE FROM contact",
	[SCHEMA_REMOVAL_ADD] = "INSERT INTO removal (aor, key, barred) VALUES ($1, $2, $3)",
	[SCHEMA_REMOVAL_TRIM] = "DELETE FROM removal WHERE id <= (SELECT max(id) FROM removal) - $1",
	[SCHEMA_REMOVAL_LIST] = "SELECT id, aor, key, barred FROM removal WHERE id > $1 ORDER BY id LIMIT $2",
	[SCHEMA_STATE_PUT] =
		"INSERT INTO state (owner, name, value, updated) VALUES ($1, $2, $3, $4) ON CONFLICT (owner, name) DO "
		"UPDATE SET value = excluded.value, updated = excluded.updated",
	[SCHEMA_STATE_GET] = "SELECT id, owner, name, value, updated FROM state WHERE owner = $1 AND name = $2",
	[SCHEMA_STATE_LIST] =
		"SELECT id, owner, name, value, updated FROM state WHERE id > $1 AND owner = $2 ORDER BY id LIMIT $3",
	[SCHEMA_STATE_REMOVE] = "DELETE FROM state WHERE owner = $1 AND name = $2",
	[SCHEMA_SETTING_ADD] =
		"INSERT INTO setting (name, value, updated) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
	[SCHEMA_SETTING_GET] = "SELECT id, name, value, updated FROM setting WHERE name = $1",
	[SCHEMA_SETTING_PUT] = "INSERT INTO setting (name, value, updated) VALUES ($1, $2, $3) ON CONFLICT (name) DO "
			       "UPDATE SET value = "
			       "excluded.value, updated = excluded.updated",
	[SCHEMA_SETTING_REMOVE] = "DELETE FROM setting WHERE name = $1",
	[SCHEMA_SETTING_LIST] = "SELECT id, name, value, updated FROM setting WHERE id > $1 AND substr(name, 1, "
				"length($2)) = $2 ORDER BY "
				"id LIMIT $3",
	[SCHEMA_CALL_PUT] =
		"INSERT INTO call_record (session, service, key, caller, callee, target, started, rang, answered, "
		"ended, "
		"status, cause, legs, a_call_id, a_party, a_remote, a_signalling, a_codec, a_media, a_path, a_started, "
		"a_rang, a_answered, a_ended, b_call_id, b_party, b_remote, b_signalling, b_codec, b_media, b_path, "
		"b_started, b_rang, b_answered, b_ended) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, "
		"$13, "
		"$14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, "
		"$34, "
		"$35) ON CONFLICT (started, session, service, key) DO UPDATE SET caller = excluded.caller, callee = "
		"excluded.callee, target = excluded.target, rang = excluded.rang, answered = excluded.answered, ended "
		"= "
		"excluded.ended, status = excluded.status, cause = excluded.cause, legs = excluded.legs, a_call_id = "
		"excluded.a_call_id, a_party = excluded.a_party, a_remote = excluded.a_remote, a_signalling = "
		"excluded.a_signalling, a_codec = excluded.a_codec, a_media = excluded.a_media, a_path = "
		"excluded.a_path, "
		"a_started = excluded.a_started, a_rang = excluded.a_rang, a_answered = excluded.a_answered, a_ended = "
		"excluded.a_ended, b_call_id = excluded.b_call_id, b_party = excluded.b_party, b_remote = "
		"excluded.b_remote, b_signalling = excluded.b_signalling, b_codec = excluded.b_codec, b_media = "
		"excluded.b_media, b_path = excluded.b_path, b_started = excluded.b_started, b_rang = excluded.b_rang, "
		"b_answered = excluded.b_answered, b_ended = excluded.b_ended",
	[SCHEMA_CALL_CLOSE] =
		"UPDATE call_record SET ended = max(started, rang, answered), cause = 'end unseen: the service was "
		"down' WHERE service = $1 AND ended = 0 AND started < $2 AND started > $3",
	[SCHEMA_CALL_LIST] =
		"WITH recent AS (SELECT session AS of_session, started AS at FROM call_record WHERE ($1 = '' OR "
		"session = "
		"$1) AND ($2 = '' OR caller = $2 OR callee = $2) ORDER BY started DESC LIMIT $3), wanted AS (SELECT "
		"of_session, max(at) AS newest FROM recent GROUP BY of_session ORDER BY newest DESC LIMIT $4) SELECT "
		"id, "
		"session, service, key, caller, callee, target, started, rang, answered, ended, status, cause, legs, "
		"a_call_id, a_party, a_remote, a_signalling, a_codec, a_media, a_path, a_started, a_rang, a_answered, "
		"a_ended, b_call_id, b_party, b_remote, b_signalling, b_codec, b_media, b_path, b_started, b_rang, "
		"b_answered, b_ended FROM call_record JOIN wanted ON session = of_session WHERE started >= (SELECT "
		"min(at) FROM recent) ORDER BY newest DESC, session DESC, started DESC, id DESC LIMIT $5",
	[SCHEMA_TRACE_ADD] =
		"INSERT INTO trace_record (at, session, call_id, service, way, transport, local, remote, peer, secure, "
		"line, cseq) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
	[SCHEMA_TRACE_ADD_TEXT] =
		"INSERT INTO trace_text (id, message) VALUES ((SELECT max(id) FROM trace_record), $1)",
	[SCHEMA_TRACE_TRIM_TEXT] = "DELETE FROM trace_text WHERE id <= (SELECT max(id) FROM trace_record) - $1",
	[SCHEMA_TRACE_TRIM] = "DELETE FROM trace_record WHERE id <= (SELECT max(id) FROM trace_record) - $1",
	[SCHEMA_TRACE_LIST] =
		"SELECT trace_record.id AS id, at, session, call_id, service, way, transport, local, remote, peer, "
		"secure, line, cseq, message FROM trace_record JOIN trace_text ON trace_text.id = trace_record.id "
		"WHERE "
		"trace_record.id > $1 ORDER BY trace_record.id LIMIT $2",
	[SCHEMA_TRACE_SESSION] =
		"WITH calls AS (SELECT DISTINCT call_id AS of_call FROM trace_record WHERE session = $1), halves AS "
		"(SELECT DISTINCT session AS half FROM trace_record WHERE session <> '' AND call_id IN (SELECT of_call "
		"FROM calls)), legs AS (SELECT DISTINCT call_id AS leg FROM trace_record WHERE session IN (SELECT half "
		"FROM halves)) SELECT trace_record.id AS id, at, session, call_id, service, way, transport, local, "
		"remote, peer, secure, line, cseq, message FROM trace_record JOIN trace_text ON trace_text.id = "
		"trace_record.id WHERE trace_record.id > $2 AND call_id IN (SELECT leg FROM legs) ORDER BY "
		"trace_record.id LIMIT $3",
	[SCHEMA_TRACE_CALL] =
		"SELECT trace_record.id AS id, at, session, call_id, service, way, transport, local, remote, peer, "
		"secure, line, cseq, message FROM trace_record JOIN trace_text ON trace_text.id = trace_record.id "
		"WHERE "
		"trace_record.id > $1 AND call_id = $2 ORDER BY trace_record.id LIMIT $3",
	[SCHEMA_TRACE_SESSION_OF] = "SELECT session FROM trace_record WHERE call_id = $1 AND session <> '' LIMIT 1",
	[SCHEMA_TRACE_SESSIONS] =
		"WITH opened AS (SELECT min(id) AS first FROM trace_record WHERE substr(line, 1, 7) = 'INVITE ' GROUP "
		"BY "
		"call_id), sessions AS (SELECT min(id) AS first FROM trace_record WHERE id IN (SELECT first FROM "
		"opened) "
		"GROUP BY CASE WHEN session = '' THEN call_id ELSE session END ORDER BY 1 DESC LIMIT $1) SELECT "
		"trace_record.id AS id, at, session, call_id, service, way, transport, local, remote, peer, secure, "
		"line, "
		"cseq, message FROM trace_record JOIN trace_text ON trace_text.id = trace_record.id WHERE "
		"trace_record.id "
		"IN (SELECT first FROM sessions) ORDER BY trace_record.id",
};

const char *schema_statement(enum schema_statement number)
{
	return statements[number];
}
