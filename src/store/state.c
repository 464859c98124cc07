#include "store/state.h"

static const struct record_field state_record_fields[] = {
	{ "id", offsetof(struct state_record, id), RECORD_I64 },
	{ "owner", offsetof(struct state_record, owner), RECORD_TEXT },
	{ "name", offsetof(struct state_record, name), RECORD_TEXT },
	{ "value", offsetof(struct state_record, value), RECORD_BYTES },
	{ "updated", offsetof(struct state_record, updated), RECORD_USEC },
};

const struct record_kind state_record_kind = { .name = "state",
					       .size = sizeof(struct state_record),
					       .fields = state_record_fields,
					       .field_n = sizeof(state_record_fields) / sizeof(*state_record_fields) };

static const struct record_field setting_record_fields[] = {
	{ "id", offsetof(struct setting_record, id), RECORD_I64 },
	{ "name", offsetof(struct setting_record, name), RECORD_TEXT },
	{ "value", offsetof(struct setting_record, value), RECORD_TEXT },
	{ "updated", offsetof(struct setting_record, updated), RECORD_USEC },
};

const struct record_kind setting_record_kind = { .name = "setting",
						 .size = sizeof(struct setting_record),
						 .fields = setting_record_fields,
						 .field_n = sizeof(setting_record_fields) /
							    sizeof(*setting_record_fields) };
