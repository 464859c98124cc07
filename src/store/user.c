#include "store/user.h"

static const struct record_field user_record_fields[] = {
	{ "id", offsetof(struct user_record, id), RECORD_I64 },
	{ "name", offsetof(struct user_record, name), RECORD_TEXT },
	{ "domain", offsetof(struct user_record, domain), RECORD_TEXT },
	{ "password", offsetof(struct user_record, password), RECORD_SECRET },
	{ "realm", offsetof(struct user_record, realm), RECORD_TEXT },
	{ "ha1_md5", offsetof(struct user_record, ha1_md5), RECORD_HIDDEN },
	{ "ha1_sha256", offsetof(struct user_record, ha1_sha256), RECORD_HIDDEN },
	{ "ha1_sha512_256", offsetof(struct user_record, ha1_sha512_256), RECORD_HIDDEN },
	{ "created", offsetof(struct user_record, created), RECORD_USEC },
	{ "disabled", offsetof(struct user_record, disabled), RECORD_BOOL },
};

const struct record_kind user_record_kind = { .name = "account",
					      .size = sizeof(struct user_record),
					      .fields = user_record_fields,
					      .field_n = sizeof(user_record_fields) / sizeof(*user_record_fields) };

bool user_name_is_good(str name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i], small = str_lower(c);
		if (!(small >= 'a' && small <= 'z') && !(c >= '0' && c <= '9') &&
		    (c == 0 || !strchr("-_.!~*'()&=+$,/", c)))
			return false;
	}
	return name.n >= 1 && name.n <= USER_NAME_MAX;
}

bool user_domain_fold(str domain, char *out)
{
	if (domain.n > USER_NAME_MAX)
		return false;
	for (size_t i = 0; i < domain.n; i++) {
		char c = str_lower(domain.p[i]);
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && (c == 0 || !strchr("-._[]:", c)))
			return false;
		out[i] = c;
	}
	return true;
}
