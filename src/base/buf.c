#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

void buf_init(struct buf *b, void *storage, size_t cap)
{
	*b = (struct buf){ .p = storage, .cap = cap };
}

void buf_init_grow(struct buf *b, size_t limit)
{
	assert(limit > 0);
	*b = (struct buf){ .limit = limit };
}

void buf_free(struct buf *b)
{
	if (b->limit) {
		free(b->p);
		buf_init_grow(b, b->limit);
	}
}

void buf_reset(struct buf *b)
{
	b->n = 0;
	b->err = ERR_NONE;
}

void *buf_room(struct buf *b, size_t n)
{
	if (b->err)
		return NULL;
	if (n <= b->cap - b->n)
		return b->p ? b->p + b->n : NULL;
	if (n > b->limit || b->n > b->limit - n) {
		b->err = ERR_FULL;
		return NULL;
	}
	size_t cap = b->cap ? b->cap * 2 : 256;
	while (cap < b->n + n)
		cap *= 2;
	if (cap > b->limit)
		cap = b->limit;
	char *p = realloc(b->p, cap);
	if (!p) {
		b->err = ERR_MEMORY;
		return NULL;
	}
	b->p = p;
	b->cap = cap;
	return b->p + b->n;
}

void buf_put_slowly(struct buf *b, const void *p, size_t n)
{
	void *room = buf_room(b, n);

	if (!room)
		return;
	memcpy(room, p, n);
	b->n += n;
}

void buf_put_z(struct buf *b, const char *z)
{
	buf_put_bytes(b, z, strlen(z));
}

void buf_put_u64(struct buf *b, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);
	uint32_t rest;

	for (; value > UINT32_MAX; value /= 10)
		digits[--at] = (char)('0' + value % 10);
	rest = (uint32_t)value; /* a short division for nearly all of it */
	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	buf_put_bytes(b, digits + at, sizeof(digits) - at);
}

void buf_put_i64(struct buf *b, int64_t value)
{
	if (value < 0) {
		buf_put_char(b, '-');
		buf_put_u64(b, 0 - (uint64_t)value);
	} else {
		buf_put_u64(b, (uint64_t)value);
	}
}

void buf_hex(const void *p, size_t n, char *out)
{
	const unsigned char *bytes = p;
	size_t i = 0;

#if defined(__SSE2__)
	const __m128i low = _mm_set1_epi8(15);

	for (; i + 8 <= n; i += 8) { /* sixteen digits at once: tags, nonces and digests are written by the thousand */
		__m128i eight = _mm_loadl_epi64((const __m128i *)(const void *)(bytes + i));
		__m128i half =
			_mm_unpacklo_epi8(_mm_and_si128(_mm_srli_epi16(eight, 4), low), _mm_and_si128(eight, low));
		__m128i letter = _mm_and_si128(_mm_cmpgt_epi8(half, _mm_set1_epi8(9)), _mm_set1_epi8('a' - '0' - 10));

		_mm_storeu_si128((__m128i *)(void *)(out + 2 * i),
				 _mm_add_epi8(_mm_add_epi8(half, letter), _mm_set1_epi8('0')));
	}
#endif
	for (out += 2 * i; i < n; i++) {
		*out++ = "0123456789abcdef"[bytes[i] >> 4];
		*out++ = "0123456789abcdef"[bytes[i] & 15];
	}
}

void buf_put_hex(struct buf *b, const void *p, size_t n)
{
	char *out = buf_room(b, 2 * n);

	if (!out)
		return;
	buf_hex(p, n, out);
	b->n += 2 * n;
}

static void put_be(struct buf *b, uint64_t value, size_t n)
{
	unsigned char bytes[8];

	for (size_t i = 0; i < n; i++)
		bytes[i] = (unsigned char)(value >> 8 * (n - 1 - i));
	buf_put_bytes(b, bytes, n);
}

void buf_put_u8(struct buf *b, uint8_t value)
{
	put_be(b, value, 1);
}

void buf_put_u16(struct buf *b, uint16_t value)
{
	put_be(b, value, 2);
}

void buf_put_u32be(struct buf *b, uint32_t value)
{
	put_be(b, value, 4);
}

void buf_put_u64be(struct buf *b, uint64_t value)
{
	put_be(b, value, 8);
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0) {
		b->err = b->err ? b->err : ERR_SYNTAX;
		return;
	}
	/* vsnprintf wants room for its NUL; it is not counted as written. */
	char *out = buf_room(b, (size_t)n + 1);
	if (!out)
		return;
	va_start(args, format);
	vsnprintf(out, (size_t)n + 1, format, args);
	va_end(args);
	b->n += (size_t)n;
}

void buf_eat(struct buf *b, size_t n)
{
	assert(n <= b->n);
	if (n)
		memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}
