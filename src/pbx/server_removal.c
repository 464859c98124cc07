/* Bindings that were taken away in the store (store/removal): an account's that is gone, or by an administrator. */
#include "pbx/server_parts.h"

void pbx_removal_ask(struct pbx_server *s, usec now)
{
	if (s->reading_removals) {
		s->removals_stale = true;
		return;
	}
	s->removals_stale = false;
	s->reading_removals = pbx_server_ask(
		s,
		keeper_ask_new(&(struct keeper_ask){ .kind = KEEPER_REMOVAL_LIST, .now = now, .after = s->removals }));
}

/* "sip:101@" is 101 in every domain; here it has this one. */
static bool write_aor(const struct pbx_server *s, str aor, struct buf *out)
{
	buf_put(out, aor);
	if (str_ends(aor, STR("@")))
		buf_put(out, s->config.domain);
	return buf_ok(out);
}

static void remove_here(struct pbx_server *s, const struct removal_record *r, usec now)
{
	char text[PBX_AOR_MAX];
	struct pbx_note *note;
	struct buf aor;

	buf_init(&aor, text, sizeof(text));
	if (!write_aor(s, r->aor, &aor) || pbx_location_shard(buf_str(&aor), s->config.worker_n) != s->config.worker)
		return;
	note = pbx_server_note(s, PBX_NOTE_REMOVE);
	if (!note || !arena_copy(&note->arena, buf_str(&aor), &note->change.aor) ||
	    !arena_copy(&note->arena, r->key, &note->bytes)) {
		log_error(s->config.log, "pbx.registrar unremoved", "aor=" STR_FMT " why=\"no memory\"",
			  STR_ARG(buf_str(&aor)));
		pbx_server_drop_note(s, note);
		return;
	}
	note->status = r->barred;
	note->from = s->config.worker;
	pbx_register_change(s, note, now); /* behind what the keeper is writing of this address */
}

void pbx_removal_answered(struct pbx_server *s, const struct keeper_answer *a, usec now)
{
	bool more = s->removals_stale || a->more;

	s->reading_removals = false;
	if (a->err) {
		log_error(s->config.log, "pbx.registrar unremoved", "why=\"%s\"", a->why);
		return; /* the next change asks again, and before there is an answer, the tick */
	}
	if (s->have_removals && a->n && a->removals[0].id > s->removals + 1)
		log_warn(s->config.log, "pbx.registrar unremoved", "removals=%lld why=\"too many at once\"",
			 (long long)(a->removals[0].id - s->removals - 1));
	for (size_t i = 0; i < a->n; i++) {
		if (s->have_removals)
			remove_here(s, &a->removals[i], now);
		s->removals = a->removals[i].id;
	}
	s->have_removals = s->have_removals || !a->more;
	if (more)
		pbx_removal_ask(s, now);
	if (s->have_removals)
		pbx_restore_contacts(s, now);
}

void pbx_removal_carry_out(struct pbx_server *s, const struct pbx_note *note, usec now)
{
	const struct pbx_contact *list[PBX_CONTACTS_MAX];
	size_t n = pbx_location_find(s->location, note->change.aor, now, list);
	struct pbx_verdict v = { 0 };

	for (size_t i = 0; i < n; i++) {
		pbx_contact_record(list[i], &v.remove[v.remove_n]);
		if (!note->bytes.n || str_eq(v.remove[v.remove_n].key, note->bytes))
			v.remove_n++;
	}
	if (!v.remove_n)
		return;
	log_info(s->config.log, "pbx.registrar removed", "aor=" STR_FMT " bindings=%zu account=%s",
		 STR_ARG(note->change.aor), v.remove_n, note->status ? "gone" : "there");
	/* The store has let them go already; but what it has been writing since may be one of them. */
	if (pbx_batch_add(s, &v, NULL, now))
		log_error(s->config.log, "pbx.registrar unsaved", "why=\"no room\"");
	for (size_t i = 0; i < v.remove_n; i++)
		pbx_location_remove(s->location, note->change.aor, v.remove[i].key);
}
