#include "pbx/history.h"

#include <stdlib.h>

/* Header lines of a request; then, behind an empty line, of an answer. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct sip_msg *make(str head, str lines)
{
	char *text = malloc(head.n + lines.n + 4);
	struct sip_msg *m;

	if (!text)
		return NULL;
	memcpy(text, head.p, head.n);
	if (lines.n)
		memcpy(text + head.n, lines.p, lines.n);
	memcpy(text + head.n + lines.n, "\r\n\r\n", 4);
	m = sip_msg_new(str_of(text, head.n + lines.n + 4));
	free(text);
	return m;
}

static void go_on(struct pbx_history *h, struct sip_msg *answer, struct arena *arena)
{
	struct pbx_history_entry *one = pbx_history_add(h, h->own, STR("sip:a@192.0.2.1"), "rc", h->own, arena), *two;
	char text[PBX_HISTORY_TEXT];
	struct buf out;

	if (!one)
		return;
	pbx_history_hear(one, 302, answer, arena);
	two = pbx_history_add(h, h->own, STR("sip:b@example.com"), "mp", one, arena);
	for (int leaves = 0; two && leaves < 2; leaves++) {
		buf_init(&out, text, sizeof(text));
		pbx_history_write(h, two, leaves, &out);
	}
	for (int leaves = 0; answer && leaves < 2; leaves++) {
		buf_init(&out, text, sizeof(text));
		pbx_history_write_answer(h, answer, leaves, &out);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	str all = str_of((const char *)data, n);
	size_t at = str_find(all, STR("\n\n"));
	struct sip_msg *m = make(STR("INVITE sip:a@b SIP/2.0\r\n"), str_head(all, at));
	struct sip_msg *answer = make(STR("SIP/2.0 200 OK\r\n"), str_skip(all, at + 2));
	struct pbx_history *h;
	struct arena arena;

	arena_init(&arena, NULL, 0, 1 << 20);
	if (m && sip_msg_uri(m) && (h = pbx_history_new(m, m->uri_text, STR("b"), &arena)))
		go_on(h, answer, &arena);
	arena_free(&arena);
	sip_msg_free(m);
	sip_msg_free(answer);
	return 0;
}
