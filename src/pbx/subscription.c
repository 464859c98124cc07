#include "pbx/subscription.h"

#include "base/heap.h"

#include <stdlib.h>

#define EVENT_MAX   120 /* bytes of "reg;id=.." */
#define FAILURES    4   /* NOTIFYs in a row that could not be delivered */
#define FETCH_MAX   (10 * USEC_PER_SEC)
#define NOTIFY_MAX  60000
#define WATCHED_MAX PBX_SUBSCRIPTIONS_MAX

struct pbx_subscription {
	handle self, client; /* client: its NOTIFY under way */
	struct map_node node;
	struct heap_item timer;
	struct pbx_watched *of;
	struct pbx_subscription *next; /* of the same watched */
	struct pbx_watcher *watcher;
	struct sip_dialog *dialog;
	struct flow flow;
	uint64_t seen;
	uint32_t version;
	usec expires, not_before;
	bool dirty, full, ending;
	bool lost, ask_way; /* there is no way to it; the owner is to look for one */
	uint8_t failures;
	char reason[16], event[EVENT_MAX], contact[200];
};

/* Who has how many. */
struct pbx_watcher {
	struct map_node node;
	uint32_t n;
};

struct pbx_subscriptions {
	struct sip_stack *stack;
	const struct log *log;
	uint16_t worker;
	uint64_t key[2];
	struct slab slab;
	struct map dialogs, watched, watchers;
	struct heap timers;
	struct pbx_watched *news, *dying;
	struct pbx_subscriptions_stats stats;
};

struct pbx_subscriptions *pbx_subscriptions_new(struct sip_stack *stack, uint16_t worker, struct rng *rng,
						const struct log *log)
{
	struct pbx_subscriptions *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->stack = stack;
	t->worker = worker;
	t->log = log;
	rng_fill(rng, t->key, sizeof(t->key));
	slab_init(&t->slab, sizeof(struct pbx_subscription), PBX_SUBSCRIPTIONS_MAX);
	map_init(&t->dialogs, PBX_SUBSCRIPTIONS_MAX);
	map_init(&t->watched, WATCHED_MAX);
	map_init(&t->watchers, PBX_SUBSCRIPTIONS_MAX);
	heap_init(&t->timers);
	return t;
}

static void free_watched(struct pbx_watched *w)
{
	if (w && w->package->free_state)
		w->package->free_state(w->state);
	free(w);
}

void pbx_subscriptions_free(struct pbx_subscriptions *t)
{
	struct pbx_subscription *s;
	struct map_node *n;

	if (!t)
		return;
	for (uint32_t at = 0; (s = slab_walk(&t->slab, &at, &(handle){ 0 }));)
		sip_dialog_free(s->dialog);
	while ((n = map_pop(&t->watched)))
		free_watched(map_of(n, struct pbx_watched, node));
	while ((n = map_pop(&t->watchers)))
		free(map_of(n, struct pbx_watcher, node));
	free_watched(t->dying);
	map_free(&t->dialogs);
	map_free(&t->watched);
	map_free(&t->watchers);
	heap_free(&t->timers);
	slab_free(&t->slab);
	free(t);
}

/* ---- finding ---- */

static struct pbx_subscription *find(const struct pbx_subscriptions *t, struct sip_msg *m)
{
	struct map_node *n = map_first(&t->dialogs, sip_dialog_hash_msg(m, t->key));

	for (; n; n = map_next(n)) {
		struct pbx_subscription *s = map_of(n, struct pbx_subscription, node);

		if (sip_dialog_match(s->dialog, m))
			return s;
	}
	return NULL;
}

bool pbx_subscriptions_has(const struct pbx_subscriptions *t, struct sip_msg *m)
{
	return t->slab.n && find(t, m);
}

const struct pbx_watched *pbx_subscriptions_of(const struct pbx_subscriptions *t, struct sip_msg *m)
{
	const struct pbx_subscription *s = t->slab.n ? find(t, m) : NULL;

	return s ? s->of : NULL;
}

static uint64_t watched_hash(const struct pbx_subscriptions *t, const struct pbx_package *package, str name)
{
	return str_hash(name, t->key) ^ str_hash(package->name, t->key);
}

struct pbx_watched *pbx_subscriptions_find(const struct pbx_subscriptions *t, const struct pbx_package *package,
					   str name)
{
	struct map_node *n = map_first(&t->watched, watched_hash(t, package, name));

	for (; n; n = map_next(n)) {
		struct pbx_watched *w = map_of(n, struct pbx_watched, node);

		if (w->package == package && str_eq(w->name, name))
			return w;
	}
	return NULL;
}

/* ---- times ---- */

static void arm(struct pbx_subscriptions *t, struct pbx_subscription *s)
{
	usec due = s->expires;

	if (s->client) /* its outcome comes by itself */
		due = USEC_NEVER;
	else if (s->ask_way)
		due = 0;
	else if ((s->dirty || s->ending) && s->of->ready && !s->lost)
		due = usec_min(due, s->not_before);
	if (heap_set(&t->timers, &s->timer, due))
		log_error(t->log, "pbx.subscription no memory", "for=timer");
}

static void list(struct pbx_subscriptions *t, struct pbx_watched *w)
{
	if (w->listed)
		return;
	w->listed = true;
	w->news = t->news;
	t->news = w;
}

/* ---- beginning and end ---- */

static struct pbx_watched *watch(struct pbx_subscriptions *t, const struct pbx_package *package, str name)
{
	struct pbx_watched *w = pbx_subscriptions_find(t, package, name);

	if (w)
		return w;
	w = calloc(1, sizeof(*w) + name.n);
	if (!w)
		return NULL;
	w->package = package;
	memcpy(w->text, name.p, name.n);
	w->name = str_of(w->text, name.n);
	if (map_add(&t->watched, &w->node, watched_hash(t, package, name))) {
		free(w);
		return NULL;
	}
	list(t, w);
	return w;
}

static struct pbx_watcher *watcher_of(struct pbx_subscriptions *t, str name)
{
	uint64_t hash = str_hash(name, t->key);
	struct map_node *n = map_first(&t->watchers, hash);
	struct pbx_watcher *w;

	if (n)
		return map_of(n, struct pbx_watcher, node);
	w = calloc(1, sizeof(*w));
	if (w && map_add(&t->watchers, &w->node, hash)) {
		free(w);
		w = NULL;
	}
	return w;
}

static void leave(struct pbx_subscriptions *t, struct pbx_watcher *w)
{
	if (w && --w->n == 0) {
		map_remove(&t->watchers, &w->node);
		free(w);
	}
}

static void end(struct pbx_subscriptions *t, struct pbx_subscription *s)
{
	struct pbx_subscription **at = &s->of->first;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	if (!s->of->first)
		list(t, s->of);
	map_remove(&t->dialogs, &s->node);
	heap_remove(&t->timers, &s->timer);
	sip_dialog_free(s->dialog);
	leave(t, s->watcher);
	slab_remove(&t->slab, s->self);
}

/* ---- SUBSCRIBE ---- */

struct asked {
	str event; /* "reg;id=1", as it stands */
	struct sip_token token;
	uint32_t expires;
};

static int refuse(struct pbx_subscriptions *t, const struct sip_event *e, int status, str lines, usec now)
{
	struct sip_reply reply = { .status = status, .lines = lines };

	t->stats.refused++;
	if (sip_stack_reply(t->stack, e->server, e->msg, &reply, false, now))
		log_debug(t->log, "pbx.subscription unanswered", "status=%d", status);
	return status;
}

static int accept(struct pbx_subscriptions *t, struct pbx_subscription *s, const struct sip_event *e, uint32_t expires,
		  usec now)
{
	char text[300];
	struct buf lines;

	buf_init(&lines, text, sizeof(text));
	buf_printf(&lines, "Contact: <%s>\r\nExpires: %u\r\nAllow-Events: " STR_FMT, s->contact, expires,
		   STR_ARG(s->of->package->name));
	struct sip_reply reply = { .status = 200, .lines = buf_str(&lines) };
	s->flow = e->flow;
	if (s->flow.transport == TRANSPORT_UDP) /* any worker's socket will do */
		s->flow.worker = t->worker;
	s->lost = s->ask_way = false;
	s->failures = 0;
	s->dirty = s->full = true;
	s->not_before = 0; /* 4.2.1.2: at once */
	s->ending = expires == 0;
	s->expires = usec_add(now, expires ? (usec)expires * USEC_PER_SEC : FETCH_MAX);
	if (s->ending)
		(void)str_copy_z(STR("timeout"), s->reason, sizeof(s->reason));
	t->stats.taken++;
	if (sip_stack_reply(t->stack, e->server, e->msg, &reply, false, now))
		log_debug(t->log, "pbx.subscription unanswered", "status=200");
	arm(t, s);
	return 200;
}

/* Does it take what we would tell it (4.1.2.1)? */
static bool takes(struct sip_msg *m, const struct pbx_package *package)
{
	struct sip_values v = sip_msg_values(m, SIP_ACCEPT);
	struct sip_token token;
	str type, subtype, range;

	if (!sip_msg_has(m, SIP_ACCEPT))
		return true;
	str_split(package->content_type, '/', &type, &subtype);
	while (sip_values_next(&v, &range))
		if (!sip_token_parse(range, &token) &&
		    (str_eq(token.type, STR("*")) ||
		     (str_eq_nocase(token.type, type) &&
		      (str_eq(token.subtype, STR("*")) || str_eq_nocase(token.subtype, subtype)))))
			return true;
	return false;
}

/* 4.2.1.1. 0, or the status. */
static int read_asked(struct sip_msg *m, const struct pbx_package *package, struct asked *out)
{
	uint32_t seconds;

	out->event = sip_msg_value(m, SIP_EVENT);
	if (sip_token_parse(out->event, &out->token) || out->token.subtype.n ||
	    !str_eq(out->token.type, package->name) || out->event.n >= EVENT_MAX)
		return 489;
	if (!takes(m, package))
		return 406;
	out->expires = sip_msg_expires(m, &seconds) ? seconds : package->expires_default;
	if (out->expires > package->expires_max)
		out->expires = package->expires_max;
	return out->expires && out->expires < package->expires_min ? 423 : 0;
}

static int refuse_asked(struct pbx_subscriptions *t, const struct sip_event *e, const struct pbx_package *package,
			int status, usec now)
{
	char text[100];
	struct buf line;

	buf_init(&line, text, sizeof(text));
	if (status == 423)
		buf_printf(&line, "Min-Expires: %u", package->expires_min);
	else if (status == 489)
		buf_printf(&line, "Allow-Events: " STR_FMT, STR_ARG(package->name));
	return refuse(t, e, status, buf_str(&line), now);
}

static struct pbx_subscription *make(struct pbx_subscriptions *t, const struct sip_event *e, struct pbx_watched *w)
{
	struct sip_dialog *dialog = sip_dialog_new_callee(e->msg, sip_stack_tag(t->stack, e->server), false);
	struct pbx_subscription *s;
	handle self;

	if (!dialog)
		return NULL;
	sip_dialog_confirm(dialog);
	s = slab_add(&t->slab, &self);
	if (s)
		s->self = self;
	if (!s || map_add(&t->dialogs, &s->node, sip_dialog_hash(dialog, t->key))) {
		if (s)
			slab_remove(&t->slab, self);
		sip_dialog_free(dialog);
		return NULL;
	}
	s->dialog = dialog;
	s->of = w;
	s->next = w->first;
	w->first = s;
	return s;
}

static int begin(struct pbx_subscriptions *t, const struct sip_event *e, const struct pbx_package *package,
		 str resource, str name, str contact, usec now)
{
	struct pbx_watcher *watcher;
	struct pbx_subscription *s;
	struct pbx_watched *w;
	struct asked asked;
	int status = read_asked(e->msg, package, &asked);

	if (status)
		return refuse_asked(t, e, package, status, now);
	if (!sip_msg_has(e->msg, SIP_CONTACT))
		return refuse(t, e, 400, STR("Warning: 399 tandem \"A SUBSCRIBE needs a Contact\""), now);
	watcher = watcher_of(t, name);
	if (watcher && watcher->n >= PBX_SUBSCRIPTIONS_OF_MAX)
		return refuse(t, e, 403, STR("Warning: 399 tandem \"Too many subscriptions of one user\""), now);
	w = watcher ? watch(t, package, resource) : NULL;
	if (watcher)
		watcher->n++;
	s = w ? make(t, e, w) : NULL;
	if (!s) {
		leave(t, watcher);
		if (w && !w->first)
			list(t, w);
		return refuse(t, e, 503, STR("Retry-After: 30"), now);
	}
	s->watcher = watcher;
	(void)str_copy_z(asked.event, s->event, sizeof(s->event));
	(void)str_copy_z(contact, s->contact, sizeof(s->contact));
	return accept(t, s, e, asked.expires, now);
}

static int refresh(struct pbx_subscriptions *t, const struct sip_event *e, struct pbx_subscription *s, usec now)
{
	struct asked asked;
	int status = read_asked(e->msg, s->of->package, &asked);
	str id, was;
	struct sip_token token;

	if (!status && !sip_token_parse(str_from(s->event), &token)) {
		if (!sip_param_find(asked.token.params, STR("id"), &id))
			id = STR_NONE;
		if (!sip_param_find(token.params, STR("id"), &was))
			was = STR_NONE;
		status = str_eq(id, was) ? 0 : 489;
	}
	if (!status)
		status = sip_dialog_recv_request(s->dialog, e->msg);
	if (status)
		return refuse_asked(t, e, s->of->package, status, now);
	return accept(t, s, e, asked.expires, now);
}

int pbx_subscriptions_take(struct pbx_subscriptions *t, const struct sip_event *e, const struct pbx_package *package,
			   str resource, str watcher, str contact, usec now)
{
	struct pbx_subscription *s;

	if (sip_msg_to(e->msg)->tag.n == 0)
		return begin(t, e, package, resource, watcher, contact, now);
	s = find(t, e->msg);
	return s ? refresh(t, e, s, now) : refuse(t, e, 481, STR_NONE, now);
}

/* ---- NOTIFY ---- */

/* Where a request of ours in the dialog goes: where its SUBSCRIBE came from; by the Contact where that is the same
 * machine, so that a long one may go by TCP. */
static struct sip_target target_of(const struct pbx_subscription *s)
{
	struct sip_target by_flow = { .flow = s->flow }, t = { 0 };
	struct sip_uri uri;

	if (s->flow.transport != TRANSPORT_UDP || s->dialog->route_n || sip_uri_parse(s->dialog->target, &uri) ||
	    !sip_uri_transport(&uri, &t.transport) || !sip_uri_addr(&uri, &t.addr) ||
	    !addr_eq_ip(&t.addr, &s->flow.remote))
		return by_flow;
	/* 18.1.1: long ones go by TCP, unless that has just failed: many a phone does not listen there. */
	t.may_tcp = t.transport == TRANSPORT_UDP && !s->failures && !sip_uri_param(&uri, STR("transport"), NULL);
	return t;
}

static bool write_notify(struct pbx_subscription *s, str body, usec now, struct buf *out)
{
	char scratch_bytes[4096], line_text[400], contact_text[210];
	struct buf lines, contact;
	struct sip_request request;
	struct arena scratch;
	bool good;

	arena_init(&scratch, scratch_bytes, sizeof(scratch_bytes), 8192);
	buf_init(&lines, line_text, sizeof(line_text));
	buf_init(&contact, contact_text, sizeof(contact_text));
	buf_printf(&lines, "Event: %s\r\nSubscription-State: ", s->event);
	if (s->ending)
		buf_printf(&lines, "terminated;reason=%s", s->reason);
	else
		buf_printf(&lines, "active;expires=%u",
			   (unsigned)((s->expires > now ? s->expires - now : 0) / USEC_PER_SEC));
	buf_printf(&contact, "<%s>", s->contact);
	good = sip_dialog_request(s->dialog, STR("NOTIFY"), 0, &request, &scratch) == ERR_NONE;
	if (good) {
		request.contact = buf_str(&contact);
		request.lines = buf_str(&lines);
		request.content_type = body.n ? s->of->package->content_type : STR_NONE;
		request.body = body;
		good = buf_ok(&lines) && buf_ok(&contact) && sip_request_write(&request, out) == ERR_NONE;
	}
	arena_free(&scratch);
	return good;
}

/* The way is gone, or leads nowhere. */
static void lose(struct pbx_subscriptions *t, struct pbx_subscription *s)
{
	t->stats.failed++;
	s->client = 0;
	if (s->ending || ++s->failures >= FAILURES) {
		end(t, s);
		return;
	}
	s->lost = s->ask_way = true;
	s->dirty = s->full = true;
	arm(t, s);
}

void pbx_subscription_notify(struct pbx_subscriptions *t, handle self, uint64_t seen, str body, usec now)
{
	struct pbx_subscription *s = slab_find(&t->slab, self);
	struct sip_outgoing o = { .cookie = pbx_subscription_cookie(self) };
	struct buf out;

	if (!s || s->client)
		return;
	buf_init_grow(&out, NOTIFY_MAX);
	if (write_notify(s, body, now, &out) && buf_ok(&out)) {
		o.draft.text = buf_str(&out);
		o.target = target_of(s);
		s->client = sip_stack_request(t->stack, &o, now);
	} else {
		log_error(t->log, "pbx.subscription unwritten", "of=" STR_FMT, STR_ARG(s->of->name));
	}
	buf_free(&out);
	if (!s->client) {
		lose(t, s);
		return;
	}
	t->stats.notified++;
	s->dirty = s->full = false;
	s->seen = seen;
	s->version++;
	s->not_before = usec_add(now, s->of->package->pace);
	if (s->ending)
		end(t, s); /* whatever becomes of this one */
	else
		arm(t, s);
}

void pbx_subscription_found(struct pbx_subscriptions *t, handle self, const struct flow *flow, usec now)
{
	struct pbx_subscription *s = slab_find(&t->slab, self);

	(void)now;
	if (!s || !s->lost || !flow->transport)
		return;
	if (transport_is_reliable(flow->transport) && flow_eq(flow, &s->flow))
		return; /* the very one that is gone */
	s->flow = *flow;
	if (s->flow.transport == TRANSPORT_UDP)
		s->flow.worker = t->worker;
	s->lost = s->ask_way = false;
	arm(t, s);
}

/* 4.2.2: those that say that there is no such subscription, or nobody for it. */
static bool is_unwanted(unsigned status)
{
	return (status >= 480 && status <= 485) || status == 404 || status == 405 || status == 410 || status == 416 ||
	       status == 489 || status == 501 || status == 604;
}

static void answered(struct pbx_subscriptions *t, struct pbx_subscription *s, struct sip_msg *m, usec now)
{
	uint32_t after = 0;
	str params;

	if (m->status < 200)
		return;
	s->client = 0;
	if (m->status < 300) {
		s->failures = 0;
		arm(t, s);
		return;
	}
	if (m->status == 408 || m->status == 430) {
		lose(t, s);
		return;
	}
	if (!is_unwanted(m->status) && ++s->failures < FAILURES) {
		if (sip_seconds_parse(sip_msg_value(m, SIP_RETRY_AFTER), &after, &params) != ERR_NONE)
			after = 10u << s->failures;
		s->dirty = s->full = true;
		s->not_before = usec_add(now, (usec)(after < 3600 ? after : 3600) * USEC_PER_SEC);
		arm(t, s);
		return;
	}
	log_info(t->log, "pbx.subscription ended", "of=" STR_FMT " status=%u", STR_ARG(s->of->name), m->status);
	end(t, s);
}

void pbx_subscriptions_recv(struct pbx_subscriptions *t, const struct sip_event *e, usec now)
{
	struct pbx_subscription *s = slab_find(&t->slab, pbx_subscription_cookie(e->cookie));

	if (!s || s->client != e->client)
		return;
	if (e->kind == SIP_EVENT_RESPONSE)
		answered(t, s, e->msg, now);
	else if (e->kind == SIP_EVENT_TIMEOUT || e->kind == SIP_EVENT_UNREACHABLE)
		lose(t, s);
}

/* ---- what the owner must do ---- */

void pbx_subscriptions_changed(struct pbx_subscriptions *t, struct pbx_watched *w, usec now)
{
	(void)now;
	w->ready = true;
	for (struct pbx_subscription *s = w->first; s; s = s->next) {
		s->dirty = true;
		s->ask_way = s->lost;
		arm(t, s);
	}
}

void pbx_subscriptions_end(struct pbx_subscriptions *t, struct pbx_watched *w, str reason, usec now)
{
	(void)now;
	w->ready = true;
	for (struct pbx_subscription *s = w->first; s; s = s->next) {
		s->ending = true;
		s->not_before = 0;
		(void)str_copy_z(reason, s->reason, sizeof(s->reason));
		arm(t, s);
	}
}

static bool next_watched(struct pbx_subscriptions *t, struct pbx_step *out)
{
	struct pbx_watched *w;

	while ((w = t->news)) {
		t->news = w->news;
		w->listed = false;
		*out = (struct pbx_step){ .watched = w };
		if (w->first && !w->said) {
			w->said = true;
			out->kind = PBX_STEP_WATCH;
			return true;
		}
		if (w->first)
			continue;
		map_remove(&t->watched, &w->node);
		t->dying = w;
		out->kind = PBX_STEP_UNWATCH;
		if (w->said)
			return true;
		free_watched(w);
		t->dying = NULL;
	}
	return false;
}

static bool next_due(struct pbx_subscriptions *t, struct pbx_step *out, usec now)
{
	struct heap_item *item;

	while ((item = heap_take(&t->timers, now))) {
		struct pbx_subscription *s = map_of(item, struct pbx_subscription, timer);

		*out = (struct pbx_step){ .watched = s->of, .subscription = s->self, .target = s->dialog->target };
		if (s->ask_way) {
			s->ask_way = false;
			arm(t, s);
			out->kind = PBX_STEP_LOST;
			return true;
		}
		if (now >= s->expires && !s->ending) {
			s->ending = true;
			(void)str_copy_z(STR("timeout"), s->reason, sizeof(s->reason));
		}
		if (now >= s->expires && (s->lost || !s->of->ready)) {
			end(t, s);
			continue;
		}
		/* Until the document comes; it may never. */
		s->not_before =
			usec_add(now, s->of->package->pace > USEC_PER_SEC ? s->of->package->pace : USEC_PER_SEC);
		if (now >= s->expires)
			s->expires = s->not_before;
		arm(t, s);
		out->kind = PBX_STEP_NOTIFY;
		out->seen = s->full ? 0 : s->seen;
		out->version = s->version;
		out->full = s->full;
		return true;
	}
	return false;
}

bool pbx_subscriptions_next(struct pbx_subscriptions *t, struct pbx_step *out, usec now)
{
	free_watched(t->dying);
	t->dying = NULL;
	return next_watched(t, out) || next_due(t, out, now);
}

usec pbx_subscriptions_due(const struct pbx_subscriptions *t)
{
	return t->news ? 0 : heap_due(&t->timers);
}

void pbx_subscriptions_stats(const struct pbx_subscriptions *t, struct pbx_subscriptions_stats *out)
{
	*out = t->stats;
	out->now = t->slab.n;
	out->watched = (uint32_t)t->watched.n;
}
