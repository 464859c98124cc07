#include "store/removal.h"

#include "store/desk.h"

static const struct record_field fields[] = {
	{ "id", offsetof(struct removal_record, id), RECORD_I64 },
	{ "aor", offsetof(struct removal_record, aor), RECORD_TEXT },
	{ "key", offsetof(struct removal_record, key), RECORD_TEXT },
	{ "barred", offsetof(struct removal_record, barred), RECORD_BOOL },
};

const struct record_kind removal_record_kind = { .name = "removal",
						 .size = sizeof(struct removal_record),
						 .fields = fields,
						 .field_n = sizeof(fields) / sizeof(*fields) };

enum err store_removal_note(struct store_desk *desk, str aor, str key, bool barred)
{
	enum err err = store_desk_run(desk, SCHEMA_REMOVAL_ADD,
				      DB_VALUES(db_text(aor), db_text(key), db_number(barred)), NULL);

	if (err == ERR_NONE) /* the newest stays, so numbers grow */
		err = store_desk_run(desk, SCHEMA_REMOVAL_TRIM, DB_VALUES(db_number(REMOVALS_KEPT)), NULL);
	return err;
}

enum err store_removal_list(struct store_desk *desk)
{
	return store_desk_list(desk, SCHEMA_REMOVAL_LIST);
}
