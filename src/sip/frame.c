#include "sip/frame.h"

#include "sip/header.h"
#include "sip/scan.h"

/* The value of one Content-Length line, folds included. */
static bool take_length(const char *at, const char *end, uint32_t *out)
{
	str rest = sip_scan_span(sip_scan_blank(at, end), end);

	if (!str_take_u32(&rest, UINT32_MAX, out))
		return false;
	/* Behind it only blanks, and the CRLF that ends the line. */
	while (str_take_space(&rest))
		;
	return rest.n >= 2 && rest.p[0] == '\r' && rest.p[1] == '\n';
}

/* Content-Length of a complete head; false: none, two, or a malformed one. */
static bool find_length(const char *at, const char *end, uint32_t *length)
{
	bool found = false;

	for (const char *next; (next = memchr(at, '\n', (size_t)(end - at))); at = next + 1) {
		const char *name = next + 1, *name_end = sip_scan_run(name, end, SIP_SCAN_TOKEN), *colon = name_end;

		while (colon < end && (*colon == ' ' || *colon == '\t'))
			colon++;
		if (name_end == name || colon == end || *colon != ':' ||
		    sip_kind_find(sip_scan_span(name, name_end)) != SIP_CONTENT_LENGTH)
			continue;
		if (found || !take_length(colon + 1, end, length))
			return false;
		found = true;
	}
	return found;
}

static enum err next_crlf(struct sip_frame *f, str bytes, bool accepted)
{
	static const char crlf[] = "\r\n\r\n";

	if (memcmp(bytes.p, crlf, bytes.n < 4 ? bytes.n : 4) == 0) {
		if (bytes.n >= 4) {
			f->kind = SIP_FRAME_PING;
			f->n = 4;
			return ERR_NONE;
		}
		if (accepted || bytes.n < 2)
			return ERR_MORE;
	}
	f->kind = SIP_FRAME_PONG;
	f->n = bytes.n >= 2 && bytes.p[1] == '\n' ? 2 : 1;
	return ERR_NONE;
}

enum err sip_frame_next(struct sip_frame *f, str bytes, bool accepted)
{
	size_t head, from;
	uint32_t length;

	if (bytes.n == 0)
		return ERR_MORE;
	if (bytes.p[0] == '\r' || bytes.p[0] == '\n') {
		f->seen = f->body = 0;
		return next_crlf(f, bytes, accepted);
	}
	f->n = 0;
	if (!sip_scan_is(bytes.p[0], SIP_SCAN_TOKEN))
		return ERR_SYNTAX;
	if (f->body == 0) {
		from = f->seen > 3 ? f->seen - 3 : 0;
		head = from + str_find(str_skip(bytes, from), STR("\r\n\r\n")) + 4;
		if (head > bytes.n) {
			f->seen = bytes.n;
			return bytes.n > SIP_MSG_MAX ? ERR_LIMIT : ERR_MORE;
		}
		if (!find_length(bytes.p, bytes.p + head, &length)) {
			f->seen = 0;
			f->n = head;
			return ERR_SYNTAX;
		}
		if (head > SIP_MSG_MAX || length > SIP_MSG_MAX - head)
			return ERR_LIMIT;
		f->seen = head;
		f->body = 1 + (size_t)length;
	}
	if (bytes.n < f->seen + f->body - 1)
		return ERR_MORE;
	f->kind = SIP_FRAME_MESSAGE;
	f->n = f->seen + f->body - 1;
	f->seen = f->body = 0;
	return ERR_NONE;
}
