/* What a shard asks the keeper to write: all changes of one turn at once. While the keeper writes them they stay here
 * as the bytes that it got, and what it has kept is read from them into the table. */
#include "pbx/server_parts.h"

#define TURN_MAX   (CONTACT_BATCH_MAX - 2 * PBX_CONTACTS_MAX)
#define TURN_BYTES (256 * 1024)

/* The one that is being filled; NULL: no room. */
static struct pbx_batch *turn_of(struct pbx_server *s, usec now)
{
	struct pbx_batch *b = s->turn;
	handle self;

	if (b && b->changes.n < TURN_MAX && b->changes.bytes.n < TURN_BYTES)
		return b;
	pbx_batch_ask(s, now);
	if (s->turn) /* it could not be asked, and those who waited behind have begun the next */
		return s->turn;
	b = slab_add(&s->batches, &self);
	if (!b)
		return NULL;
	b->self = self;
	b->last = &b->first;
	if (s->spare_changes.bytes.limit)
		b->changes = s->spare_changes;
	else
		contact_batch_init(&b->changes);
	s->spare_changes = (struct contact_batch){ .n = 0 };
	s->turn = b;
	return b;
}

static void end(struct pbx_server *s, struct pbx_batch *b)
{
	heap_remove(&s->batch_timers, &b->timer);
	contact_batch_reset(&b->changes);
	if (s->spare_changes.bytes.limit)
		contact_batch_free(&b->changes);
	else
		s->spare_changes = b->changes;
	slab_remove(&s->batches, b->self);
}

/* The last n changes are this one's. */
static void own(struct pbx_batch *b, struct pbx_op *op, uint32_t n)
{
	op->n = n;
	op->before = b->unowned;
	op->after = NULL;
	b->unowned = 0;
	*b->last = op;
	b->last = &op->after;
}

enum err pbx_batch_add(struct pbx_server *s, const struct pbx_verdict *v, struct pbx_op *op, usec now)
{
	struct pbx_batch *b = turn_of(s, now);
	struct contact_batch_place before;
	enum err err = ERR_NONE;

	if (!b)
		return ERR_FULL;
	before = contact_batch_place(&b->changes);
	for (size_t i = 0; i < v->remove_n && !err; i++)
		err = contact_batch_gone(&b->changes, v->remove[i].aor, v->remove[i].key);
	for (size_t i = 0; i < v->put_n && !err; i++)
		err = contact_batch_put(&b->changes, &v->put[i]);
	if (err) {
		contact_batch_cut(&b->changes, before);
		return err;
	}
	if (op)
		own(b, op, (uint32_t)(v->remove_n + v->put_n));
	else
		b->unowned += (uint32_t)(v->remove_n + v->put_n);
	return ERR_NONE;
}

enum err pbx_batch_add_one(struct pbx_server *s, const struct contact_record *row, struct pbx_op *op, usec now)
{
	struct pbx_batch *b = turn_of(s, now);
	enum err err = b ? contact_batch_put(&b->changes, row) : ERR_FULL;

	if (!err)
		own(b, op, 1);
	return err;
}

/* What stands in large tables is fetched while others before it are told: of this one all, of the next one where. */
static void expect(const struct pbx_server *s, const struct pbx_op *op)
{
	if (!op)
		return;
	pbx_location_expect_more(s->location, op->note->change.hash);
	pbx_repeats_expect(&s->repeats, op->note->repeat);
	if (op->after)
		pbx_location_expect(s->location, op->after->note->change.hash);
}

/* Each of them hears what became of its changes; 200: they are kept. */
static size_t tell(struct pbx_server *s, struct pbx_batch *b, int status, usec now)
{
	struct contact_change c;
	struct contact_row r;
	size_t n = 0;

	contact_row_open(contact_batch_row(&b->changes), &r);
	for (struct pbx_op *next, *op = b->first; op; op = next, n++) {
		next = op->after;
		expect(s, next);
		for (uint32_t i = 0; i < op->before; i++)
			(void)contact_row_next(&r, &c);
		for (uint32_t i = 0; i < op->n && status != 200; i++)
			(void)contact_row_next(&r, &c);
		pbx_binding_kept(s, op, &r, status, now);
	}
	end(s, b);
	return n;
}

void pbx_batch_ask(struct pbx_server *s, usec now)
{
	struct pbx_batch *b = s->turn;

	if (!b)
		return;
	s->turn = NULL;
	struct contact_batch_record row = { .row = contact_batch_row(&b->changes) };
	struct keeper_ask question = {
		.kind = KEEPER_CONTACT_BATCH, .token = b->self, .now = now, .contact_batches = &row, .n = 1
	};
	if (b->changes.n && !heap_set(&s->batch_timers, &b->timer, now + sip_timing_settled(&s->config.timing)) &&
	    pbx_server_ask(s, keeper_ask_new(&question)))
		return;
	if (b->changes.n)
		log_error(s->config.log, "pbx.registrar unsaved", "why=\"no room\" changes=%u", b->changes.n);
	tell(s, b, 500, now);
}

size_t pbx_batch_answered(struct pbx_server *s, const struct keeper_answer *a, usec now)
{
	struct pbx_batch *b = slab_find(&s->batches, a->token);

	if (a->err)
		log_error(s->config.log, "pbx.registrar unsaved", "changes=%u why=\"%s\"", b ? b->changes.n : 0,
			  a->why);
	return b ? tell(s, b, !a->err ? 200 : a->err == ERR_MEMORY ? 500 : 503, now) : 0;
}

/* The keeper is slow: who must hear of it does, and waits on. false: nobody waits any longer. */
static bool wait_on(struct pbx_server *s, struct pbx_batch *b, usec now)
{
	usec waited = sip_timing_settled(&s->config.timing);

	if (b->tried)
		return false;
	b->tried = true;
	for (const struct pbx_op *op = b->first; op; op = op->after)
		if (op->note->head.n)
			pbx_brief_trying(s, op->note, now);
	return waited < PBX_KEEPER_PATIENCE &&
	       !heap_set(&s->batch_timers, &b->timer, now + PBX_KEEPER_PATIENCE - waited);
}

void pbx_batch_tick(struct pbx_server *s, usec now)
{
	struct heap_item *item;

	while ((item = heap_take(&s->batch_timers, now))) {
		struct pbx_batch *b = map_of(item, struct pbx_batch, timer);

		if (wait_on(s, b, now))
			continue;
		log_error(s->config.log, "pbx.registrar unsaved", "changes=%u why=\"the keeper does not answer\"",
			  b->changes.n);
		tell(s, b, 0, now);
	}
	pbx_batch_ask(s, now);
}

usec pbx_batch_due(const struct pbx_server *s)
{
	return s->turn ? 0 : heap_due(&s->batch_timers);
}

void pbx_batch_free(struct pbx_server *s)
{
	struct pbx_batch *b;

	for (uint32_t at = 0; (b = slab_walk(&s->batches, &at, &(handle){ 0 }));)
		contact_batch_free(&b->changes);
	contact_batch_free(&s->spare_changes);
	slab_free(&s->batches);
	heap_free(&s->batch_timers);
}
