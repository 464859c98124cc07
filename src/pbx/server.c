#include "pbx/server_parts.h"

#include "crypt/secret.h"

#include <stdlib.h>

#define FOLLOWS (1ull << 63) /* token of the question who follows */
#define OPS_MAX 50000
#define RETRY   USEC_PER_SEC

struct pbx_config pbx_config_default(void)
{
	struct pbx_config c = {
		.worker_n = 1,
		.auth = true,
		.md5 = true,
		.sha256 = true,
		.strangers = true,
		.flood_rate = PBX_FLOOD_RATE,
		.contact_max = 1000000,
		.expires_min = 60,
		.expires_default = 3600,
		.expires_max = 86400,
		.flow_timer = 120,
		.ring_for = 185 * USEC_PER_SEC,
		.hunt_after = 20 * USEC_PER_SEC,
		.recurse = true,
		.timing = SIP_TIMING_DEFAULT,
		.id_first = 1,
		.id_n = 1u << 20,
	};
	return c;
}

/* ---- the stack's events ---- */

static void on_request(struct pbx_server *s, const struct sip_event *e, usec now)
{
	struct sip_msg *m = e->msg;
	/* 10.2: a user in the Request-URI of a REGISTER means nothing; some phones put theirs there. */
	bool here = m->method == SIP_REGISTER && pbx_way_is_self(s, sip_msg_uri(m), &e->flow);
	bool datagram = here && !transport_is_reliable(e->flow.transport);
	uint64_t repeat = datagram ? pbx_repeats_name(&s->repeats, m, &e->flow) : 0;
	str proved = STR_NONE;
	struct pbx_job *job;

	if (datagram && pbx_brief_register(s, e, repeat, &proved, now))
		return;
	job = pbx_job_begin(s, here ? PBX_JOB_REGISTER : PBX_JOB_RELAY, e, now);
	if (!job)
		return;
	job->repeat = repeat;
	if (proved.n && !arena_copy(&job->arena, proved, &job->proved))
		job->proved = STR_NONE;
	if (!here || !pbx_gate_line(s, job, now))
		pbx_job_decide(s, job, m, now);
}

/* Its request can be answered no more (RFC 4320 4.2: too late), or has been answered while others still rang: whoever
 * is heard of later is heard in vain. */
static void on_ended(struct pbx_server *s, const struct sip_event *e, usec now)
{
	struct pbx_job *job = slab_find(&s->jobs, e->cookie);

	if (!job) {
		pbx_answer_forget(s, e->cookie);
		return;
	}
	job->server = 0;
	pbx_fork_cancel(s, job, STR_NONE, now);
	pbx_job_free(s, job);
}

static void pass_bytes(struct pbx_server *s, enum pbx_note_kind kind, uint16_t worker, const struct sip_event *e,
		       usec now)
{
	struct pbx_note *note = pbx_server_note(s, kind);

	if (!note || !arena_copy(&note->arena, e->bytes, &note->bytes)) {
		pbx_server_drop_note(s, note);
		return;
	}
	note->from = s->config.worker;
	note->flow = e->flow;
	if (worker == s->config.worker || worker >= s->config.worker_n) /* of a life with more workers */
		pbx_server_drop_note(s, note);
	else
		pbx_server_tell(s, worker, note, now);
}

static void on_listening(struct pbx_server *s, const struct sip_event *e)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < s->config.listener_n; i++) {
		if (s->listener_ids[i] != e->flow.id)
			continue;
		if (e->err)
			log_error(s->config.log, "pbx.server deaf", "address=%s why=\"%s\"",
				  addr_text(&s->config.listeners[i].local, text), err_text(e->err));
		else
			log_info(s->config.log, "pbx.server listening", "address=%s transport=" STR_FMT,
				 addr_text(&e->flow.local, text),
				 STR_ARG(transport_name(s->config.listeners[i].transport)));
		if (s->config.listening)
			s->config.listening(s->config.listening_self, i, e->err, &e->flow.local);
	}
}

void pbx_server_pump(struct pbx_server *s, usec now)
{
	struct sip_event e;

	while (sip_stack_next(s->stack, &e, now)) {
		if (pbx_subscription_is_cookie(e.cookie)) {
			pbx_subscriptions_recv(s->subscriptions, &e, now);
			continue;
		}
		switch (e.kind) {
		case SIP_EVENT_REQUEST:
			on_request(s, &e, now);
			break;
		case SIP_EVENT_ACK:
			pbx_send_ack(s, &e, now);
			break;
		case SIP_EVENT_CANCEL:
			pbx_answer_cancel(s, &e, now);
			break;
		case SIP_EVENT_RESPONSE:
			pbx_answer_response(s, &e, now);
			break;
		case SIP_EVENT_TIMEOUT:
		case SIP_EVENT_UNREACHABLE:
			pbx_answer_silence(s, &e, now);
			break;
		case SIP_EVENT_LISTENING:
			on_listening(s, &e);
			break;
		case SIP_EVENT_FOREIGN:
			pass_bytes(s, PBX_NOTE_FOREIGN, e.worker, &e, now);
			break;
		case SIP_EVENT_CARRY:
			pass_bytes(s, PBX_NOTE_CARRY, e.flow.worker, &e, now);
			break;
		case SIP_EVENT_ENDED:
			on_ended(s, &e, now);
			break;
		case SIP_EVENT_UNACKED: /* a proxy's 2xx is the callee's business */
		case SIP_EVENT_STRAY:
			break;
		case SIP_EVENT_FLOW_UP:
			pbx_way_meet(s, &e);
			break;
		case SIP_EVENT_FLOW_GONE:
			pbx_binding_closed(s, &e.flow, now);
			break;
		case SIP_EVENT_PONG:
			break;
		}
	}
}

/* ---- notes ---- */

static void find_here(struct pbx_server *s, struct pbx_note *note, usec now)
{
	const struct pbx_contact *list[PBX_CONTACTS_MAX];
	size_t n = pbx_location_find(s->location, note->aor, now, list);

	note->kind = PBX_NOTE_FOUND;
	if (pbx_note_set_rows(note, list, n))
		note->n = 0;
	pbx_server_tell(s, note->from, note, now);
}

static void found(struct pbx_server *s, struct pbx_note *note, usec now)
{
	struct pbx_job *job = slab_find(&s->jobs, note->token);
	int which = note->status;

	if (pbx_subscription_is_cookie(note->token))
		pbx_subscribe_found(s, note, now);
	if (!job || job->places[which]) {
		pbx_server_drop_note(s, note);
		return;
	}
	job->places[which] = note;
	pbx_job_resume(s, job, now);
}

static void carry(struct pbx_server *s, const struct pbx_note *note, usec now)
{
	struct sip_target target = { .flow = note->flow };
	struct sip_draft draft = { .text = note->bytes };

	if (sip_stack_write(s->stack, &target, &draft, now))
		log_debug(s->config.log, "pbx.server uncarried", "call=" STR_FMT " stream=%u",
			  STR_ARG(str_head(sip_transport_call_id(note->bytes), 200)), note->flow.id);
}

static void hear_rule(void *self, str name, const struct pbx_rule_stats *stats)
{
	pbx_figures_add_rule(self, name, stats->decided, stats->refused, stats->over);
}

void pbx_server_figures(const struct pbx_server *s, struct pbx_figures *out)
{
	pbx_server_rules(s, hear_rule, out);
	sip_stack_figures(s->stack, &out->sip);
	out->calls = *pbx_recorder_figures(s->recorder);
	pbx_server_stats(s, &out->server);
	pbx_subscriptions_stats(s->subscriptions, &out->subscriptions);
	out->trace = *pbx_tracer_figures(s->tracer);
	if (s->hep)
		out->hep = *pbx_hep_figures(s->hep);
}

/* To whoever watches. */
static void give_figures(struct pbx_server *s, struct pbx_note *note, uint32_t to)
{
	struct pbx_want *w = pbx_server_want(s);

	if (!w) {
		pbx_server_drop_note(s, note);
		return;
	}
	note->figures = arena_zalloc(&note->arena, sizeof(*note->figures));
	if (note->figures)
		pbx_server_figures(s, note->figures);
	w->want.kind = HOST_TELL;
	w->want.to = to;
	w->want.message = note;
}

static void take_settings(struct pbx_server *s, struct pbx_note *note)
{
	struct pbx_settings *old = s->settings;

	s->settings = note->settings;
	note->settings = NULL;
	if (!s->settings)
		return;
	pbx_settings_apply(s->settings, &s->config);
	pbx_flood_set_rate(s->flood, s->config.flood_rate);
	pbx_rules_set(s, pbx_settings_policy(s->settings));
	pbx_settings_free(old);
	if (s->config.settled)
		s->config.settled(s->config.settled_self);
}

void pbx_server_told(struct pbx_server *s, struct pbx_note *note, usec now)
{
	switch (note->kind) {
	case PBX_NOTE_FOREIGN:
		sip_stack_take(s->stack, &note->flow, note->bytes, now);
		pbx_server_pump(s, now);
		break;
	case PBX_NOTE_CARRY:
		carry(s, note, now);
		break;
	case PBX_NOTE_BOUND:
		pbx_binding_over(s, note->aor, &note->flow, now);
		break;
	case PBX_NOTE_PROMISED:
		pbx_binding_promised(s, &note->flow, now);
		break;
	case PBX_NOTE_REGISTER:
	case PBX_NOTE_UNBIND:
	case PBX_NOTE_REMOVE:
		pbx_register_change(s, note, now);
		return;
	case PBX_NOTE_REGISTERED:
		pbx_register_done(s, note, now);
		break;
	case PBX_NOTE_WATCH:
		pbx_subscribe_watch(s, note, now);
		break;
	case PBX_NOTE_WATCHED:
		pbx_subscribe_watched(s, note, now);
		break;
	case PBX_NOTE_FIND:
		find_here(s, note, now);
		return;
	case PBX_NOTE_FOUND:
		found(s, note, now);
		return;
	case PBX_NOTE_COUNT:
		pbx_rules_count(s, note, now);
		return;
	case PBX_NOTE_COUNTED:
		pbx_rules_counted(s, note, now);
		break;
	case PBX_NOTE_GUESSES:
		pbx_gate_hear(s, note->bytes, now);
		break;
	case PBX_NOTE_SETTINGS:
		take_settings(s, note);
		break;
	case PBX_NOTE_FIGURES: /* no worker asks another */
		break;
	}
	pbx_server_drop_note(s, note);
}

/* ---- who watches ---- */

static void tapped(void *self, bool out, const struct flow *flow, str bytes, usec now)
{
	struct pbx_server *s = self;

	if (pbx_tracer_wants(s->tracer))
		pbx_tracer_message(s->tracer, out, flow, bytes, now);
	if (s->hep)
		pbx_hep_message(s->hep, out, flow, bytes, now);
}

static void ask_follows(struct pbx_server *s, usec now)
{
	struct setting_record wanted = { .name = STR(TRACE_FOLLOW) };

	pbx_server_ask(s, keeper_ask_new(&(struct keeper_ask){ .kind = KEEPER_SETTING_LIST,
							       .token = FOLLOWS,
							       .now = now,
							       .settings = &wanted,
							       .n = 1,
							       .limit = PBX_TRACER_FOLLOWS }));
}

static void on_follows(struct pbx_server *s, const struct keeper_answer *a, usec now)
{
	str filters[PBX_TRACER_FOLLOWS];
	size_t n = 0;

	for (; !a->err && n < a->n && n < PBX_TRACER_FOLLOWS; n++)
		filters[n] = a->settings[n].value;
	pbx_tracer_follow(s->tracer, filters, n, now);
}

/* ---- the keeper ---- */

static void on_user(struct pbx_server *s, const struct keeper_answer *a, usec now)
{
	struct pbx_job *job = slab_find(&s->jobs, a->token);
	str name = job ? job->asked : STR_NONE;

	if (!a->err && a->n)
		name = a->users[0].name;
	if (a->err && a->err != ERR_ABSENT) {
		log_error(s->config.log, "pbx.server userless", "call=" STR_FMT " why=\"%s\"",
			  STR_ARG(job ? pbx_job_call(s, job, NULL) : STR_NONE), a->why);
		if (job)
			pbx_job_reply(s, job, NULL, 503, STR_NONE, STR("Retry-After: 5"), now);
		return;
	}
	if (name.n && pbx_guard_put(s->guard, name, a->err || !a->n ? NULL : &a->users[0]))
		log_error(s->config.log, "pbx.guard full", "call=" STR_FMT " user=" STR_FMT,
			  STR_ARG(job ? pbx_job_call(s, job, NULL) : STR_NONE), STR_ARG(name));
	if (job)
		pbx_job_resume(s, job, now);
}

/* Returns how many registrations have come to their end by it. */
static size_t on_answer(struct pbx_server *s, const struct keeper_answer *a, usec now)
{
	switch (a->kind) {
	case KEEPER_CONTACT_BATCH:
		return pbx_batch_answered(s, a, now);
	case KEEPER_REALM:
	case KEEPER_CONTACT_LIST:
	case KEEPER_NUMBER_LIST:
		pbx_restore_answered(s, a, now);
		break;
	case KEEPER_USER_FIND:
		on_user(s, a, now);
		break;
	case KEEPER_REMOVAL_LIST:
		pbx_removal_answered(s, a, now);
		break;
	case KEEPER_SETTING_LIST:
		if (a->token == FOLLOWS)
			on_follows(s, a, now);
		break;
	case KEEPER_CHANGED:
		ask_follows(s, now);
		pbx_guard_forget(s->guard);
		pbx_removal_ask(s, now);
		pbx_restore_numbers(s, now);
		break;
	default:
		if (a->err)
			log_error(s->config.log, "pbx.server unkept", "what=%s why=\"%s\"", keeper_kind_name(a->kind),
				  a->why);
	}
	return 0;
}

/* ---- the service ---- */

static void flush(struct pbx_server *s, usec now, bool hurry)
{
	struct keeper_ask *question;

	while ((question = pbx_recorder_next(s->recorder, now, hurry)))
		pbx_server_ask(s, question);
	while ((question = pbx_tracer_next(s->tracer, now, hurry)))
		pbx_server_ask(s, question);
}

static void begin(struct pbx_server *s, usec now)
{
	ask_follows(s, now);
	pbx_server_ask(s, keeper_ask_new(&(struct keeper_ask){ .kind = KEEPER_WATCH, .now = now }));
	pbx_restore_ask(s, now);
	if (s->config.worker == 0) {
		struct call_record of = { .service = STR("pbx") };

		pbx_server_ask(s, keeper_ask_new(&(struct keeper_ask){
					  .kind = KEEPER_CALL_CLOSE, .now = now, .calls = &of, .n = 1 }));
	}
	s->retry_at = now + RETRY;
	s->begun = true;
}

static void settle(struct pbx_server *s, usec now)
{
	pbx_server_pump(s, now);
	if (pbx_hunt_pump(s, now))
		pbx_server_pump(s, now); /* answers that leave by another worker */
	pbx_rules_pump(s, now);
	if (pbx_backoff_due(s->backoff) <= now)
		pbx_gate_tell(s, now);
}

static void server_recv(void *self, const struct host_event *e, usec now)
{
	struct pbx_server *s = self;

	switch (e->kind) {
	case HOST_TOLD:
		if (((struct pbx_note *)e->message)->kind == PBX_NOTE_FIGURES)
			give_figures(s, e->message, e->from);
		else
			pbx_server_told(s, e->message, now);
		break;
	case HOST_ANSWER:
		on_answer(s, e->message, now);
		break;
	case HOST_RESOLVED:
		sip_locate_recv(s->locate, e, now);
		break;
	case HOST_STOPPING:
		s->stopping = true;
		pbx_batch_ask(s, now);
		flush(s, now, true);
		break;
	case HOST_DATAGRAM:
		s->heard++;
		if (pbx_gate_datagram(s, e, now))
			return;
		sip_stack_recv(s->stack, e, now);
		break;
	case HOST_BYTES:
		s->heard++;
		sip_stack_recv(s->stack, e, now);
		break;
	default:
		sip_stack_recv(s->stack, e, now);
	}
	settle(s, now);
}

static void server_tick(void *self, usec now)
{
	struct pbx_server *s = self;
	struct heap_item *item;

	if (!s->begun)
		begin(s, now);
	if (!s->up && now >= s->retry_at) {
		s->retry_at = now + RETRY;
		pbx_restore_ask(s, now);
	}
	sip_stack_tick(s->stack, now);
	pbx_server_pump(s, now);
	if (pbx_gate_is_waited_at(s))
		pbx_gate_serve(s, now);
	pbx_location_tick(s->location, now);
	pbx_subscribe_tick(s, now);
	pbx_rules_tick(s, now);
	while ((item = heap_take(&s->timers, now)))
		pbx_job_give_up(s, map_of(item, struct pbx_job, timer), now);
	sip_locate_tick(s->locate, now);
	pbx_fork_tick(s, now);
	settle(s, now);
	pbx_batch_tick(s, now);
	pbx_server_pump(s, now); /* answers that leave by another worker */
	flush(s, now, false);
}

static usec server_due(const void *self)
{
	const struct pbx_server *s = self;
	usec due = s->begun ? s->up ? USEC_NEVER : s->retry_at : 0;

	due = usec_min(usec_min(due, pbx_gate_due(s)), sip_stack_due(s->stack));
	due = usec_min(due, pbx_location_due(s->location));
	due = usec_min(due, pbx_subscriptions_due(s->subscriptions));
	due = usec_min(due, usec_min(pbx_reg_watch_due(s->watches), pbx_batch_due(s)));
	due = usec_min(due, usec_min(pbx_rules_due(s), pbx_backoff_due(s->backoff)));
	due = usec_min(due, usec_min(heap_due(&s->timers), heap_due(&s->hedges)));
	due = usec_min(due, sip_locate_due(s->locate));
	due = usec_min(due, pbx_recorder_due(s->recorder));
	return usec_min(due, pbx_tracer_due(s->tracer));
}

static bool server_next(void *self, struct host_want *out)
{
	struct pbx_server *s = self;

	if (s->want_at < s->want_n) {
		*out = s->wants[s->want_at++].want;
		return true;
	}
	s->want_at = s->want_n = 0;
	if (s->hep && pbx_hep_want(s->hep, out))
		return true;
	if (sip_stack_want(s->stack, out) || sip_locate_want(s->locate, out))
		return true;
	if (!s->stopping || s->stop_said)
		return false;
	s->stop_said = true;
	*out = (struct host_want){ .kind = HOST_STOP };
	return true;
}

struct host_service pbx_server_service(struct pbx_server *s)
{
	return (struct host_service){ s, server_recv, server_tick, server_due, server_next, pbx_note_free };
}

/* What we can send by: a transport that we listen on, for the answers' and the dialogs' sake. */
static struct sip_locate *make_locate(const struct pbx_config *c)
{
	static const enum transport ours[] = { TRANSPORT_UDP, TRANSPORT_TCP, TRANSPORT_TLS };
	struct sip_locate_config l = { .rng = c->rng, .id_first = 1 };
	size_t n = 0;

	for (size_t k = 0; k < 3; k++) {
		bool listens = false;

		for (size_t i = 0; i < c->listener_n; i++)
			listens = listens || c->listeners[i].transport == ours[k];
		if (listens && (ours[k] != TRANSPORT_TLS || c->tls_out))
			l.transports[n++] = ours[k];
	}
	return sip_locate_new(&l);
}

static bool make_parts(struct pbx_server *s)
{
	const struct pbx_config *c = &s->config;
	struct sip_stack_config stack = sip_stack_config_default();

	s->location = pbx_location_new(c->contact_max, c->rng);
	s->guard = pbx_guard_new(c->key, c->worker, c->md5, c->sha256, c->rng);
	s->backoff = s->guard ? pbx_guard_backoff(s->guard) : NULL;
	if (s->backoff && c->worker_n > 1)
		pbx_backoff_share(s->backoff);
	s->recorder = pbx_recorder_new(c->rng);
	s->tracer = s->recorder ? pbx_tracer_new(s->recorder, c->trace) : NULL;
	s->hep = addr_is_set(&c->hep.collector) ? pbx_hep_new(&c->hep, c->id_first + c->id_n) : NULL;
	s->flood = pbx_flood_new(c->flood_rate, c->worker_n, c->rng);
	pbx_overload_init(&s->overload, c->rng);
	s->line = calloc(PBX_OVERLOAD_LINE, sizeof(*s->line));
	s->gate = (struct sip_gate){ pbx_gate_request, s };
	s->gruus = pbx_gruus_new(c->key, sizeof(c->key), c->rng);
	s->watches = pbx_reg_watch_new(c->rng);
	s->book = pbx_stream_book_new(c->rng);
	s->numbers = pbx_numbers_new();
	s->tap = (struct sip_tap){ tapped, s };
	stack.timing = c->timing;
	stack.rng = c->rng;
	stack.log = c->log;
	stack.tap = &s->tap;
	stack.gate = &s->gate;
	stack.lazy = true;
	stack.id_first = c->id_first;
	stack.id_n = c->id_n;
	stack.worker = c->worker;
	stack.worker_n = c->worker_n;
	s->stack = sip_stack_new(&stack);
	s->locate = make_locate(c);
	s->subscriptions = s->stack ? pbx_subscriptions_new(s->stack, c->worker, c->rng, c->log) : NULL;
	return pbx_rules_start(s) && !pbx_token_keys_init(&s->tokens, str_of((const char *)c->key, sizeof(c->key))) &&
	       s->subscriptions && s->watches && s->book && s->numbers && s->flood && s->line && s->locate &&
	       s->location && s->guard && s->recorder && s->tracer && (s->hep || !addr_is_set(&c->hep.collector)) &&
	       s->gruus && s->stack;
}

struct pbx_server *pbx_server_new(const struct pbx_config *config)
{
	struct pbx_server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->config = *config;
	slab_init(&s->jobs, sizeof(struct pbx_job), PBX_JOBS_MAX);
	slab_init(&s->afters, sizeof(struct pbx_after), PBX_JOBS_MAX);
	slab_init(&s->ops, sizeof(struct pbx_op), OPS_MAX);
	slab_init(&s->batches, sizeof(struct pbx_batch), OPS_MAX);
	map_init(&s->busy, OPS_MAX);
	heap_init(&s->timers);
	heap_init(&s->hedges);
	heap_init(&s->batch_timers);
	rng_fill(config->rng, s->key, sizeof(s->key));
	pbx_offers_init(&s->offers, config->rng);
	pbx_repeats_init(&s->repeats, config->rng);
	pbx_crossed_init(&s->crossed, config->rng);
	pbx_backlog_init(&s->backlog, config->rng);
	if (config->listener_n > PBX_LISTENERS_MAX || !make_parts(s)) {
		pbx_server_free(s);
		return NULL;
	}
	return s;
}

void pbx_server_free(struct pbx_server *s)
{
	struct pbx_job *job;
	struct pbx_op *op;

	if (!s)
		return;
	for (uint32_t at = 0; s->stack && (job = slab_walk(&s->jobs, &at, &(handle){ 0 }));)
		pbx_job_free(s, job);
	for (uint32_t at = 0; (op = slab_walk(&s->ops, &at, &(handle){ 0 }));)
		pbx_note_free(op->note);
	pbx_server_drop_wants(s);
	while (s->spare_n)
		pbx_note_free(s->spare[--s->spare_n]);
	pbx_answer_stop(s);
	slab_free(&s->jobs);
	slab_free(&s->ops);
	map_free(&s->busy);
	heap_free(&s->timers);
	heap_free(&s->hedges);
	pbx_batch_free(s);
	sip_locate_free(s->locate);
	sip_stack_free(s->stack);
	pbx_location_free(s->location);
	pbx_guard_free(s->guard);
	pbx_repeats_free(&s->repeats);
	pbx_crossed_free(&s->crossed);
	pbx_backlog_free(&s->backlog);
	pbx_flood_free(s->flood);
	free(s->line);
	pbx_tracer_free(s->tracer);
	pbx_hep_free(s->hep);
	pbx_recorder_free(s->recorder);
	pbx_moved_free(&s->moved);
	pbx_rules_stop(s);
	secret_wipe(&s->tokens, sizeof(s->tokens));
	pbx_gruus_free(s->gruus);
	pbx_subscriptions_free(s->subscriptions);
	pbx_reg_watch_free(s->watches);
	pbx_stream_book_free(s->book);
	pbx_numbers_free(s->numbers);
	free(s);
}

void pbx_server_stats(const struct pbx_server *s, struct pbx_server_stats *out)
{
	struct pbx_flood_stats flood;
	struct pbx_backoff_stats guess;

	pbx_flood_stats(s->flood, &flood);
	*out = s->stats;
	pbx_guard_stats(s->guard, &guess);
	out->wrong_passwords = guess.wrong;
	out->guesses_unjudged = guess.unjudged;
	out->flood_dropped = flood.shut;
	out->flood_emptied = flood.emptied;
	out->contacts = (uint32_t)pbx_location_n(s->location);
	out->flows_bound = (uint32_t)pbx_stream_book_n(s->book);
	out->numbers = (uint32_t)pbx_numbers_n(s->numbers);
	out->jobs = s->jobs.n;
	out->policy_calls = (uint32_t)pbx_seats_n(s->seats);
}
