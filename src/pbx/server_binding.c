/* What is bound, at the shard that has the address: changes one after the other, kept before they are answered. */
#include "pbx/server_parts.h"

#define CONTACT_REST 80   /* bytes of a Contact line besides its URI and parameters */
#define GRUU_REST    1000 /* and besides address and instance where it has GRUUs */

/* What is bound, as its answer says it. Returns the status. */
static int write_contacts(struct pbx_server *s, struct pbx_note *note, const struct pbx_contact *const *list, size_t n,
			  usec now)
{
	struct contact_record rows[PBX_CONTACTS_MAX];
	const struct pbx_change *c = &note->change;
	size_t size = 0;
	struct buf b;

	for (size_t i = 0; i < n; i++) {
		pbx_contact_record(list[i], &rows[i]);
		size += rows[i].uri.n + rows[i].params.n + CONTACT_REST +
			(note->gruu ? GRUU_REST + rows[i].aor.n + rows[i].instance.n : 0);
		note->bound = note->bound ||
			      (rows[i].reg_id && rows[i].cseq == c->cseq && str_eq(rows[i].call_id, c->call_id));
	}
	size = size < PBX_NOTE_LINES ? size : PBX_NOTE_LINES;
	buf_init(&b, size ? arena_alloc(&note->arena, size) : NULL, size);
	if (size && !b.p)
		return 500;
	pbx_registrar_write(rows, n, note->gruu ? s->gruus : NULL, c->call_id, now, &b);
	note->bytes = buf_str(&b);
	return buf_ok(&b) ? 200 : 500;
}

/* `alone`: what the request brought is what was put, and all that is bound. */
static void answer(struct pbx_server *s, struct pbx_note *note, bool alone, int status, usec now)
{
	const struct pbx_contact *list[PBX_CONTACTS_MAX];
	const struct pbx_change *c = &note->change;
	size_t n;

	if (note->kind != PBX_NOTE_REGISTER) { /* nobody asked */
		pbx_server_drop_note(s, note);
		return;
	}
	if (alone && status == 200 && note->head.n && note->from == s->config.worker) { /* nearly always */
		pbx_brief_done_alone(s, note, now);
		pbx_server_drop_note(s, note);
		return;
	}
	n = status == 200 ? pbx_location_find_hashed(s->location, c->aor, c->hash, now, list) : 0;
	note->kind = PBX_NOTE_REGISTERED;
	if (note->head.n)
		note->status = status == 200 ? write_contacts(s, note, list, n, now) : status;
	else
		note->status = pbx_note_set_rows(note, list, n) ? 500 : status;
	pbx_server_tell(s, note->from, note, now);
}

/* ---- the keeper ---- */

/* What the keeper has may be something else than what is here: it is told what is. Behind whatever is on its way. */
static void repair(struct pbx_server *s, str aor, usec now)
{
	const struct pbx_contact *list[PBX_CONTACTS_MAX];
	struct contact_record rows[1 + PBX_CONTACTS_MAX] = { { .aor = aor } };
	size_t n = pbx_location_find(s->location, aor, now, list);
	struct keeper_ask question = { .kind = KEEPER_CONTACT_PUT, .now = now, .contacts = rows, .n = 1 + n };

	for (size_t i = 0; i < n; i++)
		pbx_contact_record(list[i], &rows[1 + i]);
	log_warn(s->config.log, "pbx.registrar repaired", "aor=" STR_FMT, STR_ARG(aor));
	if (!pbx_server_ask(s, keeper_ask_new(&question)))
		log_error(s->config.log, "pbx.registrar unsaved", "aor=" STR_FMT " why=\"no room\"", STR_ARG(aor));
}

/* ---- changes ---- */

static bool is_of(const struct contact_record *row, const struct pbx_note *note)
{
	struct flow flow = contact_flow(row);

	if (note->flow.transport)
		return flow_eq(&flow, &note->flow);
	return row->path.n && str_eq(row->uri, note->bytes) && str_eq(row->path, note->path);
}

bool pbx_binding_is_open(const struct contact_record *row)
{
	struct flow flow = contact_flow(row);
	struct sip_uri uri;
	struct addr addr;

	/* Anybody may say any Contact: what is called is where it came from. */
	return !row->reg_id && !row->path.n && !transport_is_ws(flow.transport) && !sip_uri_parse(row->uri, &uri) &&
	       sip_uri_addr(&uri, &addr) && addr_eq_ip(&addr, &flow.remote);
}

bool pbx_binding_is_lost(const struct contact_record *row)
{
	return !row->flow_id && !row->path.n && row->transport && transport_is_reliable(row->transport);
}

/* A flow is gone, and with it its bindings (RFC 5626 6., 7.): here at once, at the keeper in its own time. */
static void unbind(struct pbx_server *s, const struct pbx_note *note, usec now)
{
	const struct pbx_contact *list[PBX_CONTACTS_MAX];
	size_t n = pbx_location_find(s->location, note->change.aor, now, list);
	struct pbx_verdict v = { 0 };

	for (size_t i = 0; i < n; i++) {
		struct contact_record row;

		pbx_contact_record(list[i], &row);
		if (is_of(&row, note))
			v.remove[v.remove_n++] = row;
	}
	if (!v.remove_n)
		return;
	v.put_n = 0;
	for (size_t i = 0; i < v.remove_n;) { /* where it can be reached without, only the flow goes */
		if (!pbx_binding_is_open(&v.remove[i]) || note->path.n) {
			i++;
			continue;
		}
		v.put[v.put_n] = v.remove[i];
		v.put[v.put_n].transport = 0;
		v.put_n++;
		v.remove[i] = v.remove[--v.remove_n];
	}
	log_info(s->config.log, "pbx.registrar flow gone", "aor=" STR_FMT " bindings=%zu", STR_ARG(note->change.aor),
		 v.remove_n);
	if (v.remove_n + v.put_n && pbx_batch_add(s, &v, NULL, now))
		log_error(s->config.log, "pbx.registrar unsaved", "why=\"no room\"");
	for (size_t i = 0; i < v.put_n; i++)
		if (pbx_location_put(s->location, &v.put[i], now))
			log_error(s->config.log, "pbx.registrar no memory", "for=contact");
	for (size_t i = 0; i < v.remove_n; i++)
		pbx_location_remove(s->location, note->change.aor, v.remove[i].key);
}

/* Holds the change against the table; what follows of it goes to the keeper. 0: it does; else the status. */
static int begin(struct pbx_server *s, struct pbx_op *op, usec now)
{
	struct pbx_change *c = &op->note->change;
	struct pbx_verdict v;
	int status;

	if (op->note->kind == PBX_NOTE_UNBIND) {
		unbind(s, op->note, now);
		return 200;
	}
	if (op->note->kind == PBX_NOTE_REMOVE) {
		pbx_removal_carry_out(s, op->note, now);
		return 200;
	}
	if (pbx_registrar_judge_one(s->location, c, now, &status)) {
		op->brought = true;
		return status != 200 ? status : pbx_batch_add_one(s, &c->rows[0], op, now) ? 500 : 0;
	}
	status = pbx_registrar_judge(s->location, c, now, &v);
	if (status != 200)
		return status;
	if (!v.put_n && !v.remove_n)
		return 200;
	/* One row as the request brought it need not be read out of the batch again. */
	op->brought = v.put_n == 1 && !v.remove_n && c->n == 1 && v.put[0].key.p == c->rows[0].key.p;
	if (op->brought)
		c->rows[0].registered = v.put[0].registered;
	return pbx_batch_add(s, &v, op, now) ? 500 : 0;
}

static struct pbx_op *busy_with(struct pbx_server *s, str aor, uint64_t hash)
{
	for (struct map_node *n = map_first(&s->busy, hash); n; n = map_next(n)) {
		struct pbx_op *op = map_of(n, struct pbx_op, node);

		if (str_eq(op->note->change.aor, aor))
			return op;
	}
	return NULL;
}

static void fail_all(struct pbx_server *s, struct pbx_op *op, usec now)
{
	for (struct pbx_op *next; op; op = next) {
		next = op->next;
		answer(s, op->note, false, 500, now);
		slab_remove(&s->ops, op->self);
	}
}

/* Answers, tells who watches, and goes on with what waited behind until one has to wait for the keeper. */
static void finish(struct pbx_server *s, struct pbx_op *op, int status, usec now)
{
	while (op) {
		struct pbx_op *next = op->next;
		uint64_t hash = op->node.hash;
		bool watched = pbx_reg_watch_n(s->watches) > 0;
		enum pbx_reg_what gone = watched ? pbx_binding_gone(op->note) : PBX_REG_UNREGISTERED;
		char text[PBX_AOR_MAX];
		struct buf aor;

		buf_init(&aor, text, sizeof(text));
		if (watched)
			buf_put(&aor, op->note->change.aor);
		map_remove(&s->busy, &op->node);
		answer(s, op->note, op->alone, status, now);
		slab_remove(&s->ops, op->self);
		if (watched && status == 200)
			pbx_subscribe_touch(s, buf_str(&aor), gone, now);
		if (next && map_add(&s->busy, &next->node, hash)) { /* cannot be: one has just gone */
			fail_all(s, next, now);
			return;
		}
		op = next;
		status = op ? begin(s, op, now) : 0;
		if (!status)
			return;
	}
}

void pbx_register_change(struct pbx_server *s, struct pbx_note *note, usec now)
{
	uint64_t hash = note->change.hash ? note->change.hash : pbx_location_hash(s->location, note->change.aor);
	struct pbx_op *first = busy_with(s, note->change.aor, hash);
	handle self;
	struct pbx_op *op = slab_add(&s->ops, &self);

	note->change.hash = hash;
	if (!op) {
		answer(s, note, false, 503, now);
		return;
	}
	op->self = self;
	op->note = note;
	if (first) { /* 10.3: the changes of one address come one after the other */
		while (first->next)
			first = first->next;
		first->next = op;
		return;
	}
	if (map_add(&s->busy, &op->node, hash)) {
		slab_remove(&s->ops, self);
		answer(s, note, false, 500, now);
		return;
	}
	int status = begin(s, op, now);
	if (status)
		finish(s, op, status, now);
}

static enum err put(struct pbx_server *s, const struct contact_record *row, uint64_t hash, bool *alone, usec now)
{
	size_t others;
	enum err err = pbx_location_put_hashed(s->location, row, hash, now, &others);

	*alone = !err && !others;
	if (err)
		return err == ERR_EXPIRED ? ERR_NONE : err;
	if (row->transport && transport_is_reliable(row->transport)) {
		struct flow flow = contact_flow(row);

		pbx_binding_over(s, row->aor, &flow, now);
	}
	return ERR_NONE;
}

static enum err apply_change(struct pbx_server *s, struct pbx_op *op, const struct contact_change *c, usec now)
{
	const struct pbx_change *wish = &op->note->change;
	struct contact_record row;
	enum err err;

	if (c->gone) {
		pbx_location_remove(s->location, c->aor, c->key);
		return ERR_NONE;
	}
	if (op->brought)
		return put(s, &wish->rows[0], wish->hash, &op->alone, now);
	err = contact_read(c->body, &row);
	return err ? err : put(s, &row, wish->hash, &(bool){ false }, now);
}

/* Puts into the table what the keeper has. Returns the status. */
static int apply(struct pbx_server *s, struct pbx_op *op, struct contact_row *changes, usec now)
{
	struct contact_change c;
	int status = 200;

	for (uint32_t i = 0; i < op->n; i++) {
		enum err err = contact_row_next(changes, &c) ? ERR_NONE : ERR_SYNTAX;

		if (!err)
			err = apply_change(s, op, &c, now);
		if (err)
			status = err == ERR_FULL ? 503 : 500;
	}
	if (status != 200)
		repair(s, op->note->change.aor, now);
	return status;
}

void pbx_binding_kept(struct pbx_server *s, struct pbx_op *op, struct contact_row *changes, int status, usec now)
{
	if (status == 200)
		status = apply(s, op, changes, now);
	else
		log_error(s->config.log, "pbx.registrar unsaved", "call=" STR_FMT " aor=" STR_FMT,
			  STR_ARG(str_head(op->note->change.call_id, 200)), STR_ARG(op->note->change.aor));
	if (!status)
		repair(s, op->note->change.aor, now);
	finish(s, op, status ? status : 503, now);
}

enum pbx_reg_what pbx_binding_gone(const struct pbx_note *note)
{
	bool wish = note->change.star;

	if (note->kind == PBX_NOTE_REMOVE && note->status)
		return PBX_REG_REJECTED;
	for (size_t i = 0; i < note->change.n; i++)
		wish = wish || !note->change.rows[i].expires;
	return wish ? PBX_REG_UNREGISTERED : PBX_REG_DEACTIVATED;
}

/* ---- flows ---- */

/* Tells the shard that this flow (or this Path to this URI) leads nowhere any more. */
static void unbind_at_shard(struct pbx_server *s, str aor, const struct flow *flow, str uri, str path, usec now)
{
	struct pbx_note *note = pbx_server_note(s, PBX_NOTE_UNBIND);

	if (!note || !arena_copy(&note->arena, aor, &note->change.aor) ||
	    !arena_copy(&note->arena, uri, &note->bytes) || !arena_copy(&note->arena, path, &note->path)) {
		pbx_server_drop_note(s, note);
		return;
	}
	note->from = s->config.worker;
	note->flow = *flow;
	pbx_server_tell(s, pbx_location_shard(aor, s->config.worker_n), note, now);
}

void pbx_binding_failed(struct pbx_server *s, str aor, str uri, str path, usec now)
{
	unbind_at_shard(s, aor, &(struct flow){ 0 }, uri, path, now);
}

void pbx_binding_over(struct pbx_server *s, str aor, const struct flow *flow, usec now)
{
	struct pbx_note *note;

	if (flow->worker != s->config.worker) {
		note = flow->worker < s->config.worker_n ? pbx_server_note(s, PBX_NOTE_BOUND) : NULL;
		if (!note || !arena_copy(&note->arena, aor, &note->aor)) {
			pbx_server_drop_note(s, note);
			return;
		}
		note->flow = *flow;
		pbx_server_tell(s, flow->worker, note, now);
		return;
	}
	if (!sip_stack_alive(s->stack, flow)) /* it closed meanwhile */
		unbind_at_shard(s, aor, flow, STR_NONE, STR_NONE, now);
	else if (pbx_stream_book_add(s->book, flow->id, aor))
		log_warn(s->config.log, "pbx.registrar unbooked", "aor=" STR_FMT, STR_ARG(aor));
}

void pbx_binding_promised(struct pbx_server *s, const struct flow *flow, usec now)
{
	struct pbx_note *note;

	if (flow->worker == s->config.worker) {
		if (s->config.flow_timer)
			sip_stack_expect(s->stack, flow, s->config.flow_timer * USEC_PER_SEC + PBX_FLOW_GRACE, now);
		return;
	}
	note = flow->worker < s->config.worker_n ? pbx_server_note(s, PBX_NOTE_PROMISED) : NULL;
	if (!note)
		return;
	note->flow = *flow;
	pbx_server_tell(s, flow->worker, note, now);
}

void pbx_binding_closed(struct pbx_server *s, const struct flow *flow, usec now)
{
	char text[PBX_AOR_MAX];
	str aor;

	while ((aor = pbx_stream_book_take(s->book, flow->id, text, sizeof(text))).n)
		unbind_at_shard(s, aor, flow, STR_NONE, STR_NONE, now);
}
