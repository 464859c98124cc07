/* What a worker reads in the store before it listens: the realm, who is bound, whose numbers are whose. */
#include "pbx/server_parts.h"

#define PAGE_SIZE 500

static void ask_realm(struct pbx_server *s, usec now)
{
	struct user_record user = { .domain = s->config.domain };

	pbx_server_ask(
		s, keeper_ask_new(&(struct keeper_ask){ .kind = KEEPER_REALM, .now = now, .users = &user, .n = 1 }));
}

static void ask_contacts(struct pbx_server *s, int64_t after, usec now)
{
	s->reading_contacts = pbx_server_ask(
		s, keeper_ask_new(&(struct keeper_ask){
			   .kind = KEEPER_CONTACT_LIST, .now = now, .after = after, .limit = PAGE_SIZE }));
}

/* All pages, one after the other; what changes meanwhile is read after. */
static void ask_numbers(struct pbx_server *s, int64_t after, usec now)
{
	if (after == 0 && s->reading_numbers) {
		s->numbers_stale = true;
		return;
	}
	if (after == 0)
		pbx_numbers_renew(s->numbers);
	s->reading_numbers = pbx_server_ask(
		s, keeper_ask_new(&(struct keeper_ask){ .kind = KEEPER_NUMBER_LIST, .now = now, .after = after }));
}

static void listen_all(struct pbx_server *s)
{
	if (s->up || !s->have_realm || !s->have_contacts || !s->have_numbers)
		return;
	s->up = true;
	for (size_t i = 0; i < s->config.listener_n && i < PBX_LISTENERS_MAX; i++) {
		const struct pbx_listener *l = &s->config.listeners[i];

		s->listener_ids[i] = sip_stack_listen(s->stack, l->transport, &l->local, l->tls, l->sent_by);
	}
}

static void on_realm(struct pbx_server *s, const struct keeper_answer *a)
{
	if (a->err || !a->n || pbx_guard_set_realm(s->guard, a->users[0].realm)) {
		log_error(s->config.log, "pbx.server realmless", "why=\"%s\"", a->why);
		return; /* the tick asks again */
	}
	s->have_realm = true;
	listen_all(s);
}

static void restore(struct pbx_server *s, const struct contact_record *row, usec now)
{
	struct contact_record c = *row;

	if (pbx_location_shard(c.aor, s->config.worker_n) != s->config.worker)
		return;
	/* Streams have not outlived the process; a datagram's address has, its socket has another number. Who could be
	 * reached by his stream alone is not there until he comes again (pbx_binding_is_lost); but a neighbour's word
	 * is taken, and who only asks what would be knows nothing of streams. */
	c.flow_id = 0;
	if (c.transport != TRANSPORT_UDP && (s->config.explain || pbx_binding_is_open(&c) ||
					     pbx_way_is_trusted(s, &(struct flow){ .remote = c.remote })))
		c.transport = 0;
	enum err err = pbx_location_put(s->location, &c, now);
	if (err && err != ERR_EXPIRED)
		log_warn(s->config.log, "pbx.server unrestored", "aor=" STR_FMT " why=\"%s\"", STR_ARG(c.aor),
			 err_text(err));
}

static void on_contacts(struct pbx_server *s, const struct keeper_answer *a, usec now)
{
	s->reading_contacts = false;
	if (a->err) {
		log_error(s->config.log, "pbx.server contactless", "why=\"%s\"", a->why);
		return;
	}
	for (size_t i = 0; i < a->n; i++)
		restore(s, &a->contacts[i], now);
	if (a->more && a->n) {
		ask_contacts(s, a->contacts[a->n - 1].id, now);
		return;
	}
	s->have_contacts = true;
	listen_all(s);
}

static void on_numbers(struct pbx_server *s, const struct keeper_answer *a, usec now)
{
	enum err err = a->err;

	s->reading_numbers = false;
	for (size_t i = 0; i < a->n && !err; i++)
		err = pbx_numbers_add(s->numbers, &a->numbers[i]);
	if (err) {
		log_error(s->config.log, "pbx.server numberless", "why=\"%s\"", a->err ? a->why : err_text(err));
		return; /* the tick asks again, where there are none yet */
	}
	if (a->more && a->n) {
		ask_numbers(s, a->numbers[a->n - 1].id, now);
		return;
	}
	pbx_numbers_take(s->numbers);
	s->have_numbers = true;
	if (s->numbers_stale) {
		s->numbers_stale = false;
		ask_numbers(s, 0, now);
	}
	listen_all(s);
}

void pbx_restore_ask(struct pbx_server *s, usec now)
{
	if (!s->have_realm)
		ask_realm(s, now);
	/* What was taken away before the contacts are read is not among them; whatever is later must be carried out. So
	 * how far the removals go is known first. */
	if (!s->have_removals && !s->reading_removals)
		pbx_removal_ask(s, now);
	else if (s->have_removals)
		pbx_restore_contacts(s, now);
	if (!s->have_numbers && !s->reading_numbers)
		ask_numbers(s, 0, now);
}

void pbx_restore_contacts(struct pbx_server *s, usec now)
{
	if (!s->have_contacts && !s->reading_contacts)
		ask_contacts(s, 0, now);
}

void pbx_restore_numbers(struct pbx_server *s, usec now)
{
	ask_numbers(s, 0, now);
}

void pbx_restore_answered(struct pbx_server *s, const struct keeper_answer *a, usec now)
{
	if (a->kind == KEEPER_REALM)
		on_realm(s, a);
	else if (a->kind == KEEPER_CONTACT_LIST)
		on_contacts(s, a, now);
	else
		on_numbers(s, a, now);
}
