#include "pbx/note.h"

#include "pbx/settings.h"

#include <stdlib.h>

#define NOTE_MAX (256u * 1024u)

static void begin(struct pbx_note *n, enum pbx_note_kind kind)
{
	memset(n, 0, offsetof(struct pbx_note, first));
	n->kind = kind;
	arena_init(&n->arena, n->first, sizeof(n->first), NOTE_MAX);
}

struct pbx_note *pbx_note_new(enum pbx_note_kind kind)
{
	struct pbx_note *n = malloc(sizeof(*n));

	if (n)
		begin(n, kind);
	return n;
}

void pbx_note_renew(struct pbx_note *n, enum pbx_note_kind kind)
{
	pbx_settings_free(n->settings);
	arena_free(&n->arena);
	begin(n, kind);
}

void pbx_note_free(void *note)
{
	struct pbx_note *n = note;

	if (!n)
		return;
	pbx_settings_free(n->settings);
	arena_free(&n->arena);
	free(n);
}

enum err pbx_note_set_rows(struct pbx_note *note, const struct pbx_contact *const *list, size_t n)
{
	struct contact_record views[PBX_CONTACTS_MAX], *rows = NULL;

	for (size_t i = 0; i < n; i++)
		pbx_contact_record(list[i], &views[i]);
	if (n) {
		rows = arena_alloc(&note->arena, record_packed_size(&contact_record_kind, views, n));
		if (!rows)
			return ERR_MEMORY;
		record_pack(&contact_record_kind, views, n, rows);
	}
	note->rows = rows;
	note->n = n;
	return ERR_NONE;
}
