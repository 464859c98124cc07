#include "store/record.h"

#include "crypt/secret.h"

#define EACH_FIELD(field, kind)                                                                                        \
	for (const struct record_field *field = (kind)->fields; field < (kind)->fields + (kind)->field_n; field++)

static const str *text_at(const struct record_field *field, const void *record)
{
	return record_at(field, record);
}

size_t record_packed_size(const struct record_kind *kind, const void *records, size_t n)
{
	size_t size = n * kind->size;

	for (size_t i = 0; i < n; i++) {
		const char *record = (const char *)records + i * kind->size;
		EACH_FIELD(field, kind)
		if (record_is_str(field->type))
			size += text_at(field, record)->n;
	}
	return size;
}

void record_pack(const struct record_kind *kind, const void *records, size_t n, void *storage)
{
	char *to = storage;
	char *bytes = to + n * kind->size;

	if (n > 0)
		memcpy(to, records, n * kind->size);
	for (size_t i = 0; i < n; i++, to += kind->size) {
		EACH_FIELD(field, kind)
		{
			if (!record_is_str(field->type))
				continue;
			str *text = record_at(field, to);
			if (text->n > 0)
				memcpy(bytes, text->p, text->n);
			text->p = text->n ? bytes : NULL;
			bytes += text->n;
		}
	}
}

void record_wipe(const struct record_kind *kind, void *records, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *record = (char *)records + i * kind->size;
		EACH_FIELD(field, kind)
		{
			if (field->type == RECORD_SECRET || field->type == RECORD_HIDDEN) {
				const str *text = text_at(field, record);
				secret_wipe((char *)(uintptr_t)text->p, text->n);
			}
		}
	}
}

/* Length of the UTF-8 sequence at p (RFC 3629 4.), 0 where there is none. */
static size_t utf8_length(const unsigned char *p, size_t n)
{
	static const struct {
		unsigned char first, last, low, high; /* range of the first byte, and of the second */
		size_t n;
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	if (p[0] < 0x80)
		return 1;
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		if (p[0] < forms[i].first || p[0] > forms[i].last)
			continue;
		if (n < forms[i].n || p[1] < forms[i].low || p[1] > forms[i].high)
			return 0;
		for (size_t k = 2; k < forms[i].n; k++)
			if (p[k] < 0x80 || p[k] > 0xbf)
				return 0;
		return forms[i].n;
	}
	return 0;
}

void record_write_json_text(str s, struct buf *out)
{
	buf_put_char(out, '"');
	for (size_t i = 0; i < s.n;) {
		unsigned char c = (unsigned char)s.p[i];
		size_t n = utf8_length((const unsigned char *)s.p + i, s.n - i);
		if (n == 0)
			buf_put(out, STR("\\ufffd"));
		else if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c == '\n' || c == '\r' || c == '\t')
			buf_put_z(out, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
		else if (c < 0x20 || c == 0x7f)
			buf_printf(out, "\\u%04x", c);
		else
			buf_put_bytes(out, s.p + i, n);
		i += n ? n : 1;
	}
	buf_put_char(out, '"');
}

void record_write_plain(str s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c < ' ' || c >= 0x7f)
			buf_printf(out, "\\x%02x", c);
		else
			buf_put_char(out, (char)c);
	}
}

static bool is_shown(const struct record_field *field, const void *at)
{
	switch ((enum record_type)field->type) {
	case RECORD_SECRET:
	case RECORD_HIDDEN:
		return false;
	case RECORD_TEXT:
	case RECORD_BYTES:
		return ((const str *)at)->n > 0;
	case RECORD_USEC:
		return *(const usec *)at != 0;
	case RECORD_ADDR:
		return addr_is_set(at);
	default:
		return true;
	}
}

static void write_value(const struct record_field *field, const void *at, struct buf *out)
{
	char text[ADDR_TEXT_MAX];

	switch ((enum record_type)field->type) {
	case RECORD_TEXT:
		record_write_json_text(*(const str *)at, out);
		break;
	case RECORD_BYTES:
		buf_put_char(out, '"');
		buf_put_hex(out, ((const str *)at)->p, ((const str *)at)->n);
		buf_put_char(out, '"');
		break;
	case RECORD_ADDR:
		buf_printf(out, "\"%s\"", addr_text(at, text));
		break;
	case RECORD_I64:
	case RECORD_USEC:
		buf_put_i64(out, *(const int64_t *)at);
		break;
	case RECORD_U32:
		buf_put_u64(out, *(const uint32_t *)at);
		break;
	case RECORD_U16:
		buf_put_u64(out, *(const uint16_t *)at);
		break;
	case RECORD_BOOL:
		buf_put_z(out, *(const bool *)at ? "true" : "false");
		break;
	case RECORD_SECRET:
	case RECORD_HIDDEN:
		break;
	}
}

void record_write_json_fields(const struct record_kind *kind, const void *record, struct buf *out)
{
	bool first = true;

	EACH_FIELD(field, kind)
	{
		const void *at = record_at(field, record);
		if (!is_shown(field, at))
			continue;
		buf_printf(out, "%s\"%s\":", first ? "" : ",", field->name);
		write_value(field, at, out);
		first = false;
	}
}

void record_write_json(const struct record_kind *kind, const void *record, struct buf *out)
{
	buf_put_char(out, '{');
	record_write_json_fields(kind, record, out);
	buf_put_char(out, '}');
}
