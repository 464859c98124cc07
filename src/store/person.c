#include "store/person.h"

static const struct record_field person_record_fields[] = {
	{ "id", offsetof(struct person_record, id), RECORD_I64 },
	{ "name", offsetof(struct person_record, name), RECORD_TEXT },
	{ "password", offsetof(struct person_record, password), RECORD_SECRET },
	{ "hash", offsetof(struct person_record, hash), RECORD_HIDDEN },
	{ "created", offsetof(struct person_record, created), RECORD_USEC },
	{ "disabled", offsetof(struct person_record, disabled), RECORD_BOOL },
};

const struct record_kind person_record_kind = { .name = "person",
						.size = sizeof(struct person_record),
						.fields = person_record_fields,
						.field_n =
							sizeof(person_record_fields) / sizeof(*person_record_fields) };

static const struct record_field device_record_fields[] = {
	{ "id", offsetof(struct device_record, id), RECORD_I64 },
	{ "person", offsetof(struct device_record, person), RECORD_TEXT },
	{ "key", offsetof(struct device_record, key), RECORD_BYTES },
	{ "label", offsetof(struct device_record, label), RECORD_TEXT },
	{ "serial", offsetof(struct device_record, serial), RECORD_BYTES },
	{ "issued", offsetof(struct device_record, issued), RECORD_USEC },
	{ "not_after", offsetof(struct device_record, not_after), RECORD_USEC },
	{ "revoked", offsetof(struct device_record, revoked), RECORD_BOOL },
};

const struct record_kind device_record_kind = { .name = "device",
						.size = sizeof(struct device_record),
						.fields = device_record_fields,
						.field_n =
							sizeof(device_record_fields) / sizeof(*device_record_fields) };

bool person_name_fold(str name, char *out)
{
	if (name.n < 1 || name.n > PERSON_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = str_lower(name.p[i]);
		bool inside = i > 0 && (c == '.' || c == '_' || c == '-');
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !inside)
			return false;
		out[i] = c;
	}
	return true;
}
