#include "sip/blob.h"

#include <stdlib.h>

struct sip_blob *sip_blob_new(size_t cap)
{
	struct sip_blob *b;

	if (cap > UINT32_MAX)
		return NULL;
	b = malloc(sizeof(*b) + cap);
	if (b) {
		b->refs = 1;
		b->n = (uint32_t)cap;
	}
	return b;
}

struct sip_blob *sip_blob_copy(str s)
{
	struct sip_blob *b = sip_blob_new(s.n);

	if (b && s.n)
		memcpy(b->bytes, s.p, s.n);
	return b;
}

struct buf sip_blob_buf(struct sip_blob *b)
{
	struct buf out;

	buf_init(&out, b->bytes, b->n);
	return out;
}

bool sip_blob_wrote(struct sip_blob *b, const struct buf *out)
{
	if (!buf_ok(out))
		return false;
	b->n = (uint32_t)out->n;
	return true;
}

struct sip_blob *sip_blob_ref(struct sip_blob *b)
{
	if (b)
		b->refs++;
	return b;
}

void sip_blob_unref(struct sip_blob *b)
{
	if (b && --b->refs == 0)
		free(b);
}

void sip_blob_set(struct sip_blob **slot, struct sip_blob *to)
{
	sip_blob_unref(*slot);
	*slot = to;
}
