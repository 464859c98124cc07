#include "pbx/server_parts.h"

#include <stdlib.h>

/* ---- wants ---- */

struct pbx_want *pbx_server_want(struct pbx_server *s)
{
	if (s->want_n == s->want_cap) {
		size_t cap = s->want_cap ? s->want_cap * 2 : 32;
		struct pbx_want *wants = cap <= PBX_WANTS_MAX ? realloc(s->wants, cap * sizeof(*wants)) : NULL;

		if (!wants) {
			log_error(s->config.log, "pbx.server full", "wants=%zu", s->want_n);
			return NULL;
		}
		s->wants = wants;
		s->want_cap = cap;
	}
	struct pbx_want *w = &s->wants[s->want_n++];
	w->want = (struct host_want){ 0 };
	return w;
}

bool pbx_server_ask(struct pbx_server *s, struct keeper_ask *question)
{
	struct pbx_want *w = question ? pbx_server_want(s) : NULL;

	if (!w) {
		keeper_ask_free(question);
		return false;
	}
	w->want.kind = HOST_ASK;
	w->want.message = question;
	return true;
}

bool pbx_server_tell(struct pbx_server *s, uint16_t worker, struct pbx_note *note, usec now)
{
	struct pbx_want *w;

	if (worker == s->config.worker) {
		pbx_server_told(s, note, now);
		return true;
	}
	w = pbx_server_want(s);
	if (!w) {
		pbx_server_drop_note(s, note);
		return false;
	}
	w->want.kind = HOST_TELL;
	w->want.to = s->config.service_first + worker;
	w->want.message = note;
	return true;
}

void pbx_server_drop_wants(struct pbx_server *s)
{
	for (size_t i = s->want_at; i < s->want_n; i++) {
		if (s->wants[i].want.kind == HOST_ASK)
			keeper_ask_free(s->wants[i].want.message);
		else if (s->wants[i].want.kind == HOST_TELL)
			pbx_note_free(s->wants[i].want.message);
	}
	free(s->wants);
}

/* ---- notes that have been read ---- */

struct pbx_note *pbx_server_note(struct pbx_server *s, enum pbx_note_kind kind)
{
	if (!s->spare_n)
		return pbx_note_new(kind);
	struct pbx_note *note = s->spare[--s->spare_n];
	pbx_note_renew(note, kind);
	return note;
}

void pbx_server_drop_note(struct pbx_server *s, struct pbx_note *note)
{
	if (!note || s->spare_n == PBX_SPARE_MAX) {
		pbx_note_free(note);
		return;
	}
	arena_reset(&note->arena);
	s->spare[s->spare_n++] = note;
}
