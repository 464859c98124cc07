#include "store/contact_batch.h"

#define HEAD   5 /* bytes of a row before its changes */
#define BEFORE 4 /* bytes of a change before its body */

enum { PUT = 1, GONE, MANY }; /* the first byte of a row; the first two: of a change too */

static const struct record_field contact_batch_record_fields[] = {
	{ "id", offsetof(struct contact_batch_record, id), RECORD_I64 },
	{ "row", offsetof(struct contact_batch_record, row), RECORD_BYTES },
};

const struct record_kind contact_batch_record_kind = { .name = "contact_batch",
						       .size = sizeof(struct contact_batch_record),
						       .fields = contact_batch_record_fields,
						       .field_n = sizeof(contact_batch_record_fields) /
								  sizeof(*contact_batch_record_fields) };

/* ---- writing ---- */

void contact_batch_init(struct contact_batch *b)
{
	*b = (struct contact_batch){ .n = 0 };
	buf_init_grow(&b->bytes, CONTACT_BATCH_BYTES);
}

void contact_batch_free(struct contact_batch *b)
{
	buf_free(&b->bytes);
	b->n = 0;
}

void contact_batch_reset(struct contact_batch *b)
{
	buf_reset(&b->bytes);
	b->n = 0;
}

static void write_number(char *to, uint32_t n)
{
	for (int i = 3; i >= 0; i--, n >>= 8)
		to[i] = (char)(n & 255);
}

static uint32_t read_number(const char *p)
{
	uint32_t n = 0;

	for (int i = 0; i < 4; i++)
		n = n << 8 | (uint8_t)p[i];
	return n;
}

/* Room for a change; *at is where it begins. */
static enum err begin(struct contact_batch *b, size_t *at)
{
	if (b->n == CONTACT_BATCH_MAX)
		return ERR_FULL;
	*at = b->bytes.n;
	buf_put_bytes(&b->bytes, "\3\0\0\0\0\0\0\0", b->n ? BEFORE : HEAD + BEFORE);
	return ERR_NONE;
}

/* What was written since *at is a change of this kind, or too much. */
static enum err end(struct contact_batch *b, size_t at, int kind)
{
	size_t body = at + (b->n ? BEFORE : HEAD + BEFORE);
	enum err err = b->bytes.err;

	if (err) {
		b->bytes.err = ERR_NONE;
		b->bytes.n = at;
		return err == ERR_MEMORY ? ERR_MEMORY : b->n ? ERR_FULL : ERR_LIMIT;
	}
	write_number(b->bytes.p + body - BEFORE, (uint32_t)kind << 24 | (uint32_t)(b->bytes.n - body));
	b->n++;
	return ERR_NONE;
}

enum err contact_batch_put(struct contact_batch *b, const struct contact_record *c)
{
	size_t at;
	enum err err = begin(b, &at);

	if (err)
		return err;
	contact_write(c, &b->bytes);
	return end(b, at, PUT);
}

enum err contact_batch_gone(struct contact_batch *b, str aor, str key)
{
	size_t at;
	enum err err = begin(b, &at);

	if (err)
		return err;
	contact_write_name(aor, key, &b->bytes);
	return end(b, at, GONE);
}

enum err contact_batch_copy(struct contact_batch *b, const struct contact_change *c)
{
	size_t at;
	enum err err = begin(b, &at);

	if (err)
		return err;
	buf_put(&b->bytes, c->body);
	return end(b, at, c->gone ? GONE : PUT);
}

struct contact_batch_place contact_batch_place(const struct contact_batch *b)
{
	return (struct contact_batch_place){ b->bytes.n, b->n };
}

void contact_batch_cut(struct contact_batch *b, struct contact_batch_place to)
{
	b->bytes.n = to.bytes;
	b->n = to.n;
}

str contact_batch_row(struct contact_batch *b)
{
	if (b->n)
		write_number(b->bytes.p + 1, b->n);
	return buf_str(&b->bytes);
}

/* ---- reading ---- */

uint32_t contact_row_open(str row, struct contact_row *out)
{
	uint8_t form = row.n ? (uint8_t)row.p[0] : 0;
	uint32_t n = row.n >= HEAD ? read_number(row.p + 1) : 0;

	if (form == MANY && n >= 1 && n <= CONTACT_BATCH_MAX) {
		*out = (struct contact_row){ str_skip(row, HEAD), n };
		return n;
	}
	/* one of a former version, or none of ours */
	*out = (struct contact_row){ form == PUT || form == GONE ? row : STR_NONE, 0 };
	return 1;
}

/* Kind and body of the next. */
static bool take_next(struct contact_row *r, int *kind, str *body)
{
	if (!r->left) {
		if (!r->rest.n)
			return false;
		*kind = r->rest.p[0];
		*body = str_skip(r->rest, 1);
		r->rest = STR_NONE;
		return true;
	}
	if (r->rest.n < BEFORE)
		return false;
	uint32_t before = read_number(r->rest.p);
	r->rest = str_skip(r->rest, BEFORE);
	if ((before & 0xffffff) > r->rest.n)
		return false;
	*kind = (int)(before >> 24);
	*body = str_head(r->rest, before & 0xffffff);
	r->rest = str_skip(r->rest, body->n);
	if (!--r->left)
		r->rest = STR_NONE;
	return *kind == PUT || *kind == GONE;
}

bool contact_row_next(struct contact_row *r, struct contact_change *out)
{
	int kind;

	if (!take_next(r, &kind, &out->body))
		return false;
	out->gone = kind == GONE;
	return contact_read_name(out->body, &out->aor, &out->key, out->gone ? NULL : &out->expires) == ERR_NONE;
}

bool contact_row_is_sound(str row)
{
	struct contact_row r;
	int kind;
	str body = row;

	if (!row.n || row.p[0] != MANY)
		return false;
	for (uint32_t n = contact_row_open(row, &r); n > 0; n--)
		if (!r.left || !take_next(&r, &kind, &body))
			return false;
	return body.p + body.n == row.p + row.n;
}
