#include "pbx/note.h"

#include <stdlib.h>

#define NOTE_MAX (256u * 1024u)

struct pbx_note *pbx_note_new(enum pbx_note_kind kind)
{
	struct pbx_note *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->kind = kind;
	arena_init(&n->arena, NULL, 0, NOTE_MAX);
	return n;
}

void pbx_note_free(void *note)
{
	struct pbx_note *n = note;

	if (!n)
		return;
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
