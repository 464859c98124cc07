#include "net/ice_list.h"

#include <stdio.h>

#define COMPONENT 1

/* RFC 8445 5.1.2.2 */
static uint32_t type_preference(enum ice_type type)
{
	switch (type) {
	case ICE_HOST:
		return 126;
	case ICE_PEER_REFLEXIVE:
		return 110;
	case ICE_REFLEXIVE:
		return 100;
	case ICE_RELAY:
		break;
	}
	return 0;
}

uint32_t ice_list_priority(enum ice_type type, uint16_t preference)
{
	return type_preference(type) << 24 | (uint32_t)preference << 8 | (256 - COMPONENT);
}

static uint64_t pair_priority(const struct ice_list *l, const struct ice_check *c)
{
	uint64_t ours = l->locals[c->local].c.priority, theirs = l->remotes[c->remote].priority;
	uint64_t g = l->controlling ? ours : theirs, d = l->controlling ? theirs : ours;

	return ((g < d ? g : d) << 32) + 2 * (g > d ? g : d) + (g > d);
}

/* 5.1.1.3: the same where type, address of the base and server are. */
static void set_foundation(struct ice_list *l, struct ice_local *local, size_t server)
{
	size_t i = 0;

	while (!addr_eq_ip(&l->locals[i].c.addr, &l->locals[local->base].c.addr))
		i++;
	if (local->c.type == ICE_HOST)
		snprintf(local->c.foundation, sizeof(local->c.foundation), "h%zu", i);
	else
		snprintf(local->c.foundation, sizeof(local->c.foundation), "s%zu%zu", server, i);
}

bool ice_list_usable(const struct addr *a)
{
	return addr_is_set(a) && a->port && !addr_is_any(a) && !addr_is_multicast(a);
}

enum err ice_list_add_host(struct ice_list *l, uint32_t socket, const struct addr *addr)
{
	struct ice_local *local = &l->locals[l->local_n];

	if (l->local_n == ICE_LOCAL_MAX)
		return ERR_FULL;
	for (size_t i = 0; i < l->local_n; i++)
		if (addr_eq(&l->locals[i].c.addr, addr) || l->locals[i].c.socket == socket)
			return ERR_EXISTS;
	*local = (struct ice_local){ .base = (uint8_t)l->local_n, .preference = (uint16_t)(65535 - l->local_n) };
	local->c = (struct ice_candidate){ .type = ICE_HOST, .addr = *addr, .socket = socket };
	local->c.priority = ice_list_priority(ICE_HOST, local->preference);
	l->local_n++;
	set_foundation(l, local, 0);
	return ERR_NONE;
}

bool ice_list_add_reflexive(struct ice_list *l, size_t base, const struct addr *mapped, size_t server)
{
	const struct ice_local *host = &l->locals[base];
	struct ice_local *local = &l->locals[l->local_n];

	if (l->local_n == ICE_LOCAL_MAX || !ice_list_usable(mapped))
		return false;
	for (size_t i = 0; i < l->local_n; i++)
		if (addr_eq(&l->locals[i].c.addr, mapped))
			return false;
	*local = (struct ice_local){ .base = (uint8_t)base, .preference = host->preference };
	local->c = (struct ice_candidate){
		.type = ICE_REFLEXIVE, .addr = *mapped, .related = host->c.addr, .socket = host->c.socket
	};
	local->c.priority = ice_list_priority(ICE_REFLEXIVE, local->preference);
	l->local_n++;
	set_foundation(l, local, server);
	return true;
}

enum err ice_list_add_remote(struct ice_list *l, const struct ice_candidate *c, size_t *index)
{
	size_t i = 0;

	while (i < l->remote_n && !addr_eq(&l->remotes[i].addr, &c->addr))
		i++;
	if (i == ICE_REMOTE_MAX)
		return ERR_FULL;
	*index = i;
	if (i < l->remote_n && (l->remotes[i].type != ICE_PEER_REFLEXIVE || c->type == ICE_PEER_REFLEXIVE))
		return ERR_NONE; /* said before: the first word holds */
	l->remotes[i] = *c;
	l->remote_n += i == l->remote_n;
	for (size_t k = 0; k < l->check_n; k++)
		if (l->checks[k].remote == i)
			l->checks[k].priority = pair_priority(l, &l->checks[k]);
	return ERR_NONE;
}

static bool can_speak(const struct addr *local, const struct addr *remote)
{
	return local->family == remote->family && addr_is_link_local(local) == addr_is_link_local(remote) &&
	       addr_is_loopback(local) == addr_is_loopback(remote);
}

/* A place for a pair of this priority: a new one, or that of the worst pair nobody has begun with. */
static struct ice_check *make_room(struct ice_list *l, uint64_t priority)
{
	struct ice_check *worst = NULL;

	if (l->check_n < ICE_PAIR_MAX)
		return &l->checks[l->check_n++];
	for (size_t i = 0; i < l->check_n; i++) {
		struct ice_check *c = &l->checks[i];

		if (c->state == ICE_CHECK_FRESH && c->priority < priority && (!worst || c->priority < worst->priority))
			worst = c;
	}
	return worst;
}

struct ice_check *ice_list_pair(struct ice_list *l, size_t local, size_t remote)
{
	struct ice_check c = { .local = (uint8_t)local, .remote = (uint8_t)remote, .repeat_at = USEC_NEVER };
	struct ice_check *place = ice_list_find(l, local, &l->remotes[remote].addr);

	if (place)
		return place;
	if (l->locals[local].c.type != ICE_HOST || !can_speak(&l->locals[local].c.addr, &l->remotes[remote].addr))
		return NULL;
	c.priority = pair_priority(l, &c);
	place = make_room(l, c.priority);
	if (place)
		*place = c;
	return place;
}

struct ice_check *ice_list_find(struct ice_list *l, size_t local, const struct addr *remote)
{
	for (size_t i = 0; i < l->check_n; i++)
		if (l->checks[i].local == local && addr_eq(&l->remotes[l->checks[i].remote].addr, remote))
			return &l->checks[i];
	return NULL;
}

size_t ice_list_base(const struct ice_list *l, uint32_t socket)
{
	size_t i = 0;

	while (i < l->local_n && (l->locals[i].c.type != ICE_HOST || l->locals[i].c.socket != socket))
		i++;
	return i;
}

enum ice_type ice_list_type_of(const struct ice_list *l, const struct addr *addr)
{
	for (size_t i = 0; i < l->local_n; i++)
		if (addr_eq(&l->locals[i].c.addr, addr))
			return l->locals[i].c.type;
	return ICE_PEER_REFLEXIVE;
}

void ice_list_set_role(struct ice_list *l, bool controlling)
{
	l->controlling = controlling;
	for (size_t i = 0; i < l->check_n; i++)
		l->checks[i].priority = pair_priority(l, &l->checks[i]);
}

void ice_list_trigger(struct ice_list *l, struct ice_check *c)
{
	if (!c->turn)
		c->turn = ++l->turn;
}

static bool same_foundation(const struct ice_list *l, const struct ice_check *a, const struct ice_check *b)
{
	return strcmp(l->locals[a->local].c.foundation, l->locals[b->local].c.foundation) == 0 &&
	       strcmp(l->remotes[a->remote].foundation, l->remotes[b->remote].foundation) == 0;
}

/* 6.1.2.6, 7.2.5.3.3: a pair is frozen while another of its foundation is being tried and none has worked. */
static bool is_frozen(const struct ice_list *l, const struct ice_check *c)
{
	bool running = false;

	for (size_t i = 0; i < l->check_n; i++) {
		const struct ice_check *other = &l->checks[i];

		if (other == c || !same_foundation(l, other, c))
			continue;
		if (other->valid)
			return false;
		running |= other->state == ICE_CHECK_RUNNING;
	}
	return running;
}

static const struct ice_check *look(const struct ice_list *l, bool only_triggered)
{
	const struct ice_check *triggered = NULL, *best = NULL;

	for (size_t i = 0; i < l->check_n; i++) {
		const struct ice_check *c = &l->checks[i];

		if (c->turn && (!triggered || c->turn < triggered->turn))
			triggered = c;
		if (c->state == ICE_CHECK_FRESH && (!best || c->priority > best->priority) && !is_frozen(l, c))
			best = c;
	}
	return triggered || only_triggered ? triggered : best;
}

struct ice_check *ice_list_take(struct ice_list *l, bool only_triggered)
{
	const struct ice_check *found = look(l, only_triggered);
	struct ice_check *c = found ? &l->checks[found - l->checks] : NULL;

	if (c)
		c->turn = 0;
	return c;
}

bool ice_list_has(const struct ice_list *l, bool only_triggered)
{
	return look(l, only_triggered) != NULL;
}

struct ice_check *ice_list_best(struct ice_list *l)
{
	struct ice_check *best = NULL;

	for (size_t i = 0; i < l->check_n; i++) {
		struct ice_check *c = &l->checks[i];

		if (c->valid && (!best || c->nominated > best->nominated ||
				 (c->nominated == best->nominated && c->priority > best->priority)))
			best = c;
	}
	return best;
}

bool ice_list_hopes_above(const struct ice_list *l, const struct ice_check *than)
{
	for (size_t i = 0; i < l->check_n; i++) {
		const struct ice_check *c = &l->checks[i];

		if (c->priority > than->priority && (c->state == ICE_CHECK_FRESH || c->state == ICE_CHECK_RUNNING))
			return true;
	}
	return false;
}

bool ice_list_all_failed(const struct ice_list *l)
{
	for (size_t i = 0; i < l->check_n; i++)
		if (l->checks[i].state != ICE_CHECK_FAILED || l->checks[i].turn)
			return false;
	return true;
}

void ice_list_clear(struct ice_list *l)
{
	l->remote_n = l->check_n = 0;
	l->turn = 0;
}
