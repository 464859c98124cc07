#include "net/ice.h"

#include "base/buf.h"
#include "net/ice_gather.h"
#include "net/ice_list.h"

#include <assert.h>
#include <stdlib.h>

#define RTO_MIN       (500 * USEC_PER_MS) /* RFC 8445 14.3 */
#define SENDS_MAX     5                   /* of a check: 0, 0.5, 1.5, 3.5, 7.5 s */
#define LAST_WAIT     8                   /* and so many RTO for the answer to the last (Rm of RFC 8489 6.2.1) */
#define CONSENT_EVERY (5 * USEC_PER_SEC)  /* RFC 7675 5.1 */
#define CONSENT_LIFE  (30 * USEC_PER_SEC)
#define CONSENT_N     8 /* requests that may still be answered */
#define MESSAGE_MAX   1024
#define OUT_MAX       ((size_t)32768)

struct credentials {
	char ufrag[ICE_CREDENTIAL_MAX + 1], pwd[ICE_CREDENTIAL_MAX + 1];
};

struct ice {
	struct ice_list list;
	struct rng *rng;
	const struct log *log;
	struct addr servers[ICE_SERVER_MAX];
	size_t server_n;
	struct ice_gather gather;
	struct credentials ours, before, theirs; /* before: until the last restart */
	char early[ICE_CREDENTIAL_MAX + 1];      /* who checked us before we had `theirs` */
	bool has_theirs, lite;
	uint64_t tie;
	bool local_ended, remote_ended, concluded, failed;
	usec ta, patience;
	usec check_at; /* no new check before */
	usec valid_at; /* of the first valid pair; 0: none */
	struct ice_check *selected;
	struct ice_pair pair; /* of `selected`, or the one in use since before the restart */
	bool has_pair;
	usec consent_at, consent_until;
	uint8_t consents[CONSENT_N][STUN_ID_N];
	unsigned consent_n; /* ever sent */
	bool tell_pair, tell_failed, told_all;
	enum err why;
	struct buf out; /* struct parcel and its bytes, one after the other */
	size_t out_at;
};

struct parcel {
	uint32_t socket;
	struct addr to;
	size_t n;
};

/* --- sending --- */

static void push(struct ice *ice, uint32_t socket, const struct addr *to, const struct buf *message)
{
	struct parcel p = { .socket = socket, .to = *to, .n = message->n };

	/* Full: lost like any datagram. */
	if (!buf_ok(message) || ice->out.n + sizeof(p) + p.n > OUT_MAX)
		return;
	buf_put_bytes(&ice->out, &p, sizeof(p));
	buf_put_bytes(&ice->out, message->p, p.n);
}

/* RFC 8445 7.2.2, 7.1 */
static void push_check(struct ice *ice, const struct ice_check *c, const uint8_t id[STUN_ID_N], bool use_candidate)
{
	const struct ice_local *base = &ice->list.locals[c->local];
	char bytes[MESSAGE_MAX], name[2 * ICE_CREDENTIAL_MAX + 1];
	struct buf b, username;

	buf_init(&username, name, sizeof(name));
	buf_put_z(&username, ice->theirs.ufrag);
	buf_put_char(&username, ':');
	buf_put_z(&username, ice->ours.ufrag);
	buf_init(&b, bytes, sizeof(bytes));
	stun_begin(&b, STUN_REQUEST, STUN_BINDING, id);
	stun_put(&b, STUN_USERNAME, buf_str(&username));
	stun_put_u32(&b, STUN_PRIORITY, ice_list_priority(ICE_PEER_REFLEXIVE, base->preference));
	stun_put_u64(&b, ice->list.controlling ? STUN_ICE_CONTROLLING : STUN_ICE_CONTROLLED, ice->tie);
	if (use_candidate)
		stun_put(&b, STUN_USE_CANDIDATE, STR_NONE);
	stun_end_integrity(&b, str_from(ice->theirs.pwd));
	stun_end_fingerprint(&b);
	push(ice, base->c.socket, &ice->list.remotes[c->remote].addr, &b);
}

/* RFC 8445 14.3 */
static usec check_rto(const struct ice *ice)
{
	usec open = 0, rto;

	for (size_t i = 0; i < ice->list.check_n; i++)
		open += ice->list.checks[i].state == ICE_CHECK_FRESH || ice->list.checks[i].state == ICE_CHECK_RUNNING;
	rto = ice->ta * (usec)ice->list.check_n * open;
	return rto > RTO_MIN ? rto : RTO_MIN;
}

static void check_start(struct ice *ice, struct ice_check *c, usec now)
{
	rng_fill(ice->rng, c->id, STUN_ID_N);
	c->state = ICE_CHECK_RUNNING;
	c->controlling = ice->list.controlling;
	c->use_sent = c->nominating && c->controlling;
	c->sends = 1;
	c->sent_at = now;
	c->rto = check_rto(ice);
	c->repeat_at = usec_add(now, c->rto);
	push_check(ice, c, c->id, c->use_sent);
}

static void ask_server(struct ice *ice, struct ice_ask *ask, usec now)
{
	char bytes[64];
	struct buf b;

	buf_init(&b, bytes, sizeof(bytes));
	ice_gather_write(ask, ice->rng, &b, now);
	push(ice, ice->list.locals[ask->base].c.socket, &ice->servers[ask->server], &b);
}

/* --- which pair carries the data --- */

static void consent_given(struct ice *ice, usec now)
{
	ice->consent_until = usec_add(now, CONSENT_LIFE);
}

static void select_pair(struct ice *ice, struct ice_check *c, usec now)
{
	const struct ice_candidate *local = &ice->list.locals[c->local].c, *remote = &ice->list.remotes[c->remote];

	if (ice->selected != c) {
		ice->consent_at = usec_add(now, CONSENT_EVERY);
		consent_given(ice, now);
	}
	ice->selected = c;
	ice->pair = (struct ice_pair){ .socket = local->socket,
				       .local = local->addr,
				       .remote = remote->addr,
				       .mapped = c->mapped,
				       .local_type = c->mapped_type,
				       .remote_type = remote->type,
				       .rtt = c->rtt,
				       .nominated = c->nominated };
	ice->has_pair = ice->tell_pair = true;
	ice->failed = false;
	if (c->nominated && !ice->concluded) {
		ice->concluded = true;
		for (size_t i = 0; i < ice->list.check_n; i++) /* 8.1.2 */
			ice->list.checks[i].repeat_at = USEC_NEVER;
	}
}

static void choose(struct ice *ice, usec now)
{
	struct ice_check *best = ice_list_best(&ice->list);

	if (best && (best != ice->selected || best->nominated != ice->pair.nominated))
		select_pair(ice, best, now);
	else if (!best && ice->selected) {
		ice->selected = NULL;
		ice->has_pair = false;
	}
}

static void check_failed(struct ice *ice, struct ice_check *c, usec now)
{
	c->state = ICE_CHECK_FAILED;
	c->valid = c->nominated = c->nominating = false;
	c->repeat_at = USEC_NEVER;
	choose(ice, now);
}

static void lose(struct ice *ice, enum err why)
{
	ice->has_pair = false;
	ice->selected = NULL;
	ice->failed = ice->tell_failed = true;
	ice->tell_pair = false;
	ice->why = why;
}

/* --- what time brings --- */

static void repeat_checks(struct ice *ice, usec now)
{
	for (size_t i = 0; i < ice->list.check_n; i++) {
		struct ice_check *c = &ice->list.checks[i];

		if (c->state != ICE_CHECK_RUNNING || c->repeat_at > now)
			continue;
		if (c->sends == SENDS_MAX) {
			check_failed(ice, c, now);
			continue;
		}
		push_check(ice, c, c->id, c->use_sent);
		c->repeat_at = usec_add(now, ++c->sends == SENDS_MAX ? c->rto * LAST_WAIT : c->rto << (c->sends - 1));
	}
}

/* 8.1.1: nominate what works once nothing better can be hoped for. */
static void nominate(struct ice *ice, usec now)
{
	struct ice_check *best = ice_list_best(&ice->list);

	if (!ice->list.controlling || ice->concluded || !best)
		return;
	for (size_t i = 0; i < ice->list.check_n; i++)
		if (ice->list.checks[i].nominating)
			return;
	if (ice_list_hopes_above(&ice->list, best) && now < ice->valid_at + ice->patience)
		return;
	best->nominating = true;
	ice_list_trigger(&ice->list, best);
}

/* One new transaction, if there is one to begin (6.1.4.2). */
static bool start_one(struct ice *ice, usec now)
{
	struct ice_check *c = ice->has_theirs ? ice_list_take(&ice->list, true) : NULL;
	struct ice_ask *ask = c ? NULL : ice_gather_fresh(&ice->gather);

	if (ask) {
		ask_server(ice, ask, now);
		return true;
	}
	if (!c && ice->has_theirs && !ice->concluded)
		c = ice_list_take(&ice->list, false);
	if (c)
		check_start(ice, c, now);
	return c != NULL;
}

/* RFC 7675 5.1: a request about every 5 s, each with an id of its own, no repeats. */
static void ask_consent(struct ice *ice, usec now)
{
	if (ice->has_pair && now >= ice->consent_until) {
		log_info(ice->log, "net.ice consent lost", "after=30s");
		lose(ice, ERR_TIMEOUT);
		return;
	}
	if (!ice->selected || now < ice->consent_at)
		return;
	uint8_t *id = ice->consents[ice->consent_n++ % CONSENT_N];
	rng_fill(ice->rng, id, STUN_ID_N);
	push_check(ice, ice->selected, id, false);
	ice->consent_at = now + CONSENT_EVERY * 4 / 5 + (usec)rng_below(ice->rng, CONSENT_EVERY * 2 / 5);
}

static bool gathered_all(const struct ice *ice)
{
	return ice->local_ended && ice_gather_over(&ice->gather);
}

static void work(struct ice *ice, usec now)
{
	struct ice_ask *ask;

	while ((ask = ice_gather_repeat(&ice->gather, !ice->concluded, now)))
		ask_server(ice, ask, now);
	repeat_checks(ice, now);
	nominate(ice, now);
	while (now >= ice->check_at && start_one(ice, now))
		ice->check_at = usec_add(now, ice->ta);
	ask_consent(ice, now);
	if (!ice->failed && !ice->has_pair && ice->has_theirs && ice->remote_ended && gathered_all(ice) &&
	    ice_list_all_failed(&ice->list))
		lose(ice, ERR_UNREACHABLE);
}

void ice_tick(struct ice *ice, usec now)
{
	work(ice, now);
}

/* When the patience of nominate() ends; USEC_NEVER: it waits for nothing. */
static usec nominate_due(const struct ice *ice)
{
	bool valid = false;

	for (size_t i = 0; i < ice->list.check_n; i++) {
		if (ice->list.checks[i].nominating)
			return USEC_NEVER;
		valid |= ice->list.checks[i].valid;
	}
	return valid && ice->list.controlling && !ice->concluded ? ice->valid_at + ice->patience : USEC_NEVER;
}

usec ice_due(const struct ice *ice)
{
	usec due = usec_min(nominate_due(ice), ice_gather_due(&ice->gather, ice->check_at));

	for (size_t i = 0; i < ice->list.check_n; i++)
		if (ice->list.checks[i].state == ICE_CHECK_RUNNING)
			due = usec_min(due, ice->list.checks[i].repeat_at);
	if (ice->has_theirs && ice_list_has(&ice->list, ice->concluded))
		due = usec_min(due, ice->check_at);
	if (ice->has_pair)
		due = usec_min(due, ice->consent_until);
	if (ice->selected)
		due = usec_min(due, ice->consent_at);
	return due;
}

/* --- answers --- */

static void set_role(struct ice *ice, bool controlling)
{
	ice_list_set_role(&ice->list, controlling);
	for (size_t i = 0; i < ice->list.check_n; i++)
		ice->list.checks[i].nominating = ice->list.checks[i].peer_nominated = false;
}

static void check_succeeded(struct ice *ice, struct ice_check *c, const struct addr *mapped, bool current, usec now)
{
	if (current)
		c->rtt = now - c->sent_at;
	c->mapped = *mapped;
	c->mapped_type = ice_list_type_of(&ice->list, mapped);
	if (!c->nominating || c->use_sent)
		c->turn = 0;
	c->state = ICE_CHECK_SUCCEEDED;
	c->repeat_at = USEC_NEVER;
	c->has_old = false;
	if (!c->valid && !ice->valid_at)
		ice->valid_at = now;
	c->valid = true;
	c->nominated |= ice->list.controlling ? current && c->use_sent : c->peer_nominated;
	choose(ice, now);
}

/* 7.2.5.1 */
static void role_conflict(struct ice *ice, struct ice_check *c)
{
	if (c->controlling == ice->list.controlling) {
		set_role(ice, !ice->list.controlling);
		ice->tie = rng_u64(ice->rng);
	}
	c->state = c->valid ? ICE_CHECK_SUCCEEDED : ICE_CHECK_FRESH;
	c->repeat_at = USEC_NEVER;
	ice_list_trigger(&ice->list, c);
}

static void check_answered(struct ice *ice, struct ice_check *c, uint32_t socket, const struct addr *from,
			   const struct stun_msg *m, usec now)
{
	bool current = memcmp(m->id, c->id, STUN_ID_N) == 0;
	struct addr mapped;
	int code;

	if (stun_check(m, str_from(ice->theirs.pwd)) || !m->fingerprint)
		return; /* not the peer's: it may still come */
	/* 7.2.5.2.1 */
	if (ice->list.locals[c->local].c.socket != socket || !addr_eq(&ice->list.remotes[c->remote].addr, from))
		check_failed(ice, c, now);
	else if (m->class == STUN_SUCCESS && m->unknown_n == 0 && stun_find_addr(m, STUN_XOR_MAPPED_ADDRESS, &mapped))
		check_succeeded(ice, c, &mapped, current, now);
	else if (!current)
		return; /* a newer request, perhaps in the other role, is on its way */
	else if (m->class == STUN_ERROR && stun_find_error(m, &code, NULL) && code == 487)
		role_conflict(ice, c);
	else
		check_failed(ice, c, now);
}

static void consent_answered(struct ice *ice, uint32_t socket, const struct addr *from, const struct stun_msg *m,
			     usec now)
{
	if (ice->selected && m->class == STUN_SUCCESS && socket == ice->pair.socket &&
	    addr_eq(from, &ice->pair.remote) && m->fingerprint && stun_check(m, str_from(ice->theirs.pwd)) == ERR_NONE)
		consent_given(ice, now);
}

static void server_answered(struct ice *ice, struct ice_ask *ask, uint32_t socket, const struct addr *from,
			    const struct stun_msg *m, usec now)
{
	struct addr mapped;

	if (ice->list.locals[ask->base].c.socket == socket && addr_eq(from, &ice->servers[ask->server]) &&
	    ice_gather_answer(ask, m, now, &mapped) && mapped.family == from->family)
		ice_list_add_reflexive(&ice->list, ask->base, &mapped, ask->server);
}

static void recv_answer(struct ice *ice, uint32_t socket, const struct addr *from, const struct stun_msg *m, usec now)
{
	for (size_t i = 0; i < ice->list.check_n; i++) {
		struct ice_check *c = &ice->list.checks[i];

		if ((c->state == ICE_CHECK_RUNNING && memcmp(c->id, m->id, STUN_ID_N) == 0) ||
		    (c->has_old && memcmp(c->old_id, m->id, STUN_ID_N) == 0)) {
			check_answered(ice, c, socket, from, m, now);
			return;
		}
	}
	struct ice_ask *ask = ice_gather_find(&ice->gather, m->id);
	if (ask) {
		server_answered(ice, ask, socket, from, m, now);
		return;
	}
	for (unsigned i = 0; i < CONSENT_N && i < ice->consent_n; i++)
		if (memcmp(ice->consents[i], m->id, STUN_ID_N) == 0) {
			consent_answered(ice, socket, from, m, now);
			return;
		}
}

/* --- requests --- */

static void reply(struct ice *ice, uint32_t socket, const struct addr *to, const struct stun_msg *m, int code,
		  const char *pwd)
{
	char bytes[256];
	struct buf b;

	buf_init(&b, bytes, sizeof(bytes));
	stun_begin(&b, code ? STUN_ERROR : STUN_SUCCESS, STUN_BINDING, m->id);
	if (code == 0)
		stun_put_addr(&b, STUN_XOR_MAPPED_ADDRESS, to);
	else
		stun_put_error(&b, code,
			       code == 487   ? STR("Role Conflict")
			       : code == 420 ? STR("Unknown Attribute")
			       : code == 401 ? STR("Unauthenticated")
					     : STR("Bad Request"));
	if (code == 420)
		stun_put_unknown(&b, m);
	if (pwd)
		stun_end_integrity(&b, str_from(pwd));
	stun_end_fingerprint(&b);
	push(ice, socket, to, &b);
}

/* 7.3.1.1; false: answer 487. */
static bool roles_agree(struct ice *ice, const struct stun_msg *m)
{
	uint64_t tie;

	if (ice->list.controlling && stun_find_u64(m, STUN_ICE_CONTROLLING, &tie)) {
		if (ice->tie >= tie)
			return false;
		set_role(ice, false);
	} else if (!ice->list.controlling && stun_find_u64(m, STUN_ICE_CONTROLLED, &tie)) {
		if (ice->tie < tie)
			return false;
		set_role(ice, true);
	}
	return true;
}

/* Whose request is it: our password it must be proved with, NULL where it names nobody we know. */
static const char *addressee(const struct ice *ice, str username, str *peer)
{
	str ufrag;

	if (!str_split(username, ':', &ufrag, peer))
		return NULL;
	if (str_eq(ufrag, str_from(ice->ours.ufrag)))
		return ice->ours.pwd;
	return ice->before.ufrag[0] && str_eq(ufrag, str_from(ice->before.ufrag)) ? ice->before.pwd : NULL;
}

/* Does the request come from the peer that signalling spoke of, or from the first one before it did? */
static bool is_peer(struct ice *ice, str peer)
{
	if (ice->has_theirs)
		return str_eq(peer, str_from(ice->theirs.ufrag));
	if (ice->early[0])
		return str_eq(peer, str_from(ice->early));
	return peer.n > 0 && str_copy_z(peer, ice->early, sizeof(ice->early));
}

/* 7.3.1.3 */
static bool learn_remote(struct ice *ice, const struct addr *from, const struct stun_msg *m, size_t *remote)
{
	struct ice_candidate c = { .type = ICE_PEER_REFLEXIVE, .addr = *from };
	struct buf name;

	stun_find_u32(m, STUN_PRIORITY, &c.priority);
	buf_init(&name, c.foundation, ICE_FOUNDATION_MAX);
	buf_put_z(&name, "prflx"); /* no peer's own has 5 letters and a number behind: see set_foundation */
	buf_put_u64(&name, ice->list.remote_n);
	return ice_list_add_remote(&ice->list, &c, remote) == ERR_NONE;
}

/* 7.3.1.4, 7.3.1.5 */
static void trigger(struct ice *ice, struct ice_check *c, bool use_candidate, usec now)
{
	c->heard = true;
	if (use_candidate && !ice->list.controlling) {
		c->peer_nominated = true;
		if (c->valid) {
			c->nominated = true;
			choose(ice, now);
		}
	}
	if (c->valid || (ice->concluded && !c->peer_nominated))
		return;
	if (c->state == ICE_CHECK_RUNNING) {
		memcpy(c->old_id, c->id, STUN_ID_N);
		c->has_old = true;
	}
	c->state = ICE_CHECK_FRESH;
	c->repeat_at = USEC_NEVER;
	ice_list_trigger(&ice->list, c);
}

static void recv_request(struct ice *ice, uint32_t socket, const struct addr *from, const struct stun_msg *m, usec now)
{
	size_t base = ice_list_base(&ice->list, socket), remote;
	const char *pwd;
	str username, peer, use;

	if (base == ice->list.local_n || !m->fingerprint)
		return;
	if (!stun_find(m, STUN_USERNAME, &username) || !(m->integrity_at || m->integrity256_at)) {
		reply(ice, socket, from, m, 400, NULL);
		return;
	}
	pwd = addressee(ice, username, &peer);
	if (!pwd || stun_check(m, str_from(pwd))) {
		reply(ice, socket, from, m, 401, NULL);
		return;
	}
	if (m->unknown_n) {
		reply(ice, socket, from, m, 420, pwd);
		return;
	}
	if (pwd == ice->before.pwd) { /* consent to the pair in use, while we restart */
		reply(ice, socket, from, m, 0, pwd);
		return;
	}
	if (!is_peer(ice, peer)) {
		reply(ice, socket, from, m, 401, NULL);
		return;
	}
	if (!roles_agree(ice, m)) {
		reply(ice, socket, from, m, 487, pwd);
		return;
	}
	reply(ice, socket, from, m, 0, pwd);
	if (!learn_remote(ice, from, m, &remote))
		return;
	struct ice_check *c = ice_list_pair(&ice->list, base, remote);
	if (c)
		trigger(ice, c, stun_find(m, STUN_USE_CANDIDATE, &use), now);
}

void ice_recv(struct ice *ice, uint32_t socket, const struct addr *from, str datagram, usec now)
{
	struct stun_msg m;

	if (stun_parse(datagram, &m) || m.method != STUN_BINDING)
		return;
	if (m.class == STUN_REQUEST)
		recv_request(ice, socket, from, &m, now);
	else if (m.class != STUN_INDICATION)
		recv_answer(ice, socket, from, &m, now);
	work(ice, now);
}

void ice_unreachable(struct ice *ice, uint32_t socket, const struct addr *remote, usec now)
{
	size_t base = ice_list_base(&ice->list, socket);
	struct ice_check *c = ice_list_find(&ice->list, base, remote);

	/* Anybody can forge an ICMP message, and the peer's socket may be a moment late: one is no proof. */
	if (c && c->state == ICE_CHECK_RUNNING && !c->valid && c->sends >= 2)
		check_failed(ice, c, now);
	work(ice, now);
}

/* --- what the owner says --- */

static void new_credentials(struct ice *ice)
{
	memset(&ice->ours, 0, sizeof(ice->ours));
	rng_text(ice->rng, ice->ours.ufrag, ICE_UFRAG_N);
	rng_text(ice->rng, ice->ours.pwd, ICE_PWD_N);
	ice->tie = rng_u64(ice->rng);
}

struct ice *ice_new(const struct ice_settings *s, usec now)
{
	struct ice *ice = calloc(1, sizeof(*ice));

	if (!ice)
		return NULL;
	assert(s->server_n <= ICE_SERVER_MAX);
	ice->rng = s->rng;
	ice->log = s->log;
	ice->list.controlling = s->controlling;
	memcpy(ice->servers, s->servers, sizeof(ice->servers));
	ice->server_n = s->server_n;
	ice->ta = s->ta ? s->ta : 5 * USEC_PER_MS;
	ice->patience = s->patience ? s->patience : 250 * USEC_PER_MS;
	ice->check_at = now;
	buf_init_grow(&ice->out, OUT_MAX);
	new_credentials(ice);
	return ice;
}

void ice_free(struct ice *ice)
{
	if (ice)
		buf_free(&ice->out);
	free(ice);
}

str ice_ufrag(const struct ice *ice)
{
	return str_from(ice->ours.ufrag);
}

str ice_pwd(const struct ice *ice)
{
	return str_from(ice->ours.pwd);
}

bool ice_is_controlling(const struct ice *ice)
{
	return ice->list.controlling;
}

enum err ice_add_local(struct ice *ice, uint32_t socket, const struct addr *local, usec now)
{
	size_t base = ice->list.local_n;
	enum err err;

	if (!ice_list_usable(local))
		return ERR_SYNTAX;
	if ((err = ice_list_add_host(&ice->list, socket, local)))
		return err;
	for (size_t i = 0; i < ice->server_n; i++)
		if (ice->servers[i].family == local->family)
			ice_gather_add(&ice->gather, base, i);
	for (size_t i = 0; i < ice->list.remote_n; i++)
		ice_list_pair(&ice->list, base, i);
	work(ice, now);
	return ERR_NONE;
}

void ice_end_local(struct ice *ice, usec now)
{
	ice->local_ended = true;
	work(ice, now);
}

static bool is_credential(str s, size_t least)
{
	for (size_t i = 0; i < s.n; i++) { /* ice-char of RFC 8839 5.1 */
		char c = str_lower(s.p[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/'))
			return false;
	}
	return s.n >= least && s.n <= ICE_CREDENTIAL_MAX;
}

enum err ice_set_remote(struct ice *ice, str ufrag, str pwd, bool lite, usec now)
{
	if (!is_credential(ufrag, 4) || !is_credential(pwd, 22))
		return ERR_SYNTAX;
	if (ice->has_theirs)
		return str_eq(ufrag, str_from(ice->theirs.ufrag)) && str_eq(pwd, str_from(ice->theirs.pwd)) ? ERR_NONE
													    : ERR_STATE;
	str_copy_z(ufrag, ice->theirs.ufrag, sizeof(ice->theirs.ufrag));
	str_copy_z(pwd, ice->theirs.pwd, sizeof(ice->theirs.pwd));
	ice->has_theirs = true;
	ice->lite = lite;
	if (lite && !ice->list.controlling)
		set_role(ice, true);
	if (ice->early[0] && !str_eq(ufrag, str_from(ice->early)))
		for (size_t i = 0; i < ice->list.check_n; i++) /* another fork of the call was quicker */
			if (ice->list.remotes[ice->list.checks[i].remote].type == ICE_PEER_REFLEXIVE) {
				ice->list.checks[i].state = ICE_CHECK_FAILED;
				ice->list.checks[i].turn = 0;
				ice->list.checks[i].heard = false;
			}
	work(ice, now);
	return ERR_NONE;
}

enum err ice_add_remote(struct ice *ice, const struct ice_candidate *c, usec now)
{
	size_t remote;
	enum err err;

	if (!ice_list_usable(&c->addr))
		return ERR_UNSUPPORTED;
	if ((err = ice_list_add_remote(&ice->list, c, &remote)))
		return err;
	for (size_t i = 0; i < ice->list.local_n; i++)
		ice_list_pair(&ice->list, i, remote);
	work(ice, now);
	return ERR_NONE;
}

void ice_end_remote(struct ice *ice, usec now)
{
	ice->remote_ended = true;
	work(ice, now);
}

void ice_restart(struct ice *ice, bool controlling, usec now)
{
	ice->before = ice->ours;
	new_credentials(ice);
	ice_list_clear(&ice->list);
	ice->list.controlling = controlling;
	ice->selected = NULL;
	ice->has_theirs = ice->remote_ended = ice->concluded = ice->failed = ice->told_all = false;
	ice->early[0] = '\0';
	ice->valid_at = 0;
	ice->consent_n = 0;
	for (size_t i = 0; i < ice->list.local_n; i++)
		ice->list.locals[i].told = false;
	work(ice, now);
}

/* --- what to do --- */

static bool give_parcel(struct ice *ice, struct ice_do *out)
{
	struct parcel p;

	if (ice->out_at == ice->out.n) {
		buf_free(&ice->out);
		ice->out_at = 0;
		return false;
	}
	memcpy(&p, ice->out.p + ice->out_at, sizeof(p));
	ice->out_at += sizeof(p);
	*out = (struct ice_do){
		.kind = ICE_SEND, .socket = p.socket, .to = p.to, .bytes = { ice->out.p + ice->out_at, p.n }
	};
	ice->out_at += p.n;
	return true;
}

static bool give_candidate(struct ice *ice, struct ice_do *out)
{
	for (size_t i = 0; i < ice->list.local_n; i++)
		if (!ice->list.locals[i].told) {
			ice->list.locals[i].told = true;
			*out = (struct ice_do){ .kind = ICE_GATHERED, .candidate = ice->list.locals[i].c };
			return true;
		}
	if (ice->told_all || !gathered_all(ice))
		return false;
	ice->told_all = true;
	*out = (struct ice_do){ .kind = ICE_GATHERED_ALL };
	return true;
}

bool ice_next(struct ice *ice, struct ice_do *out)
{
	if (give_parcel(ice, out) || give_candidate(ice, out))
		return true;
	if (ice->tell_pair) {
		ice->tell_pair = false;
		*out = (struct ice_do){ .kind = ICE_CONNECTED, .pair = ice->pair };
		return true;
	}
	if (ice->tell_failed) {
		ice->tell_failed = false;
		*out = (struct ice_do){ .kind = ICE_FAILED, .err = ice->why };
		return true;
	}
	return false;
}

bool ice_pair(const struct ice *ice, struct ice_pair *out)
{
	if (ice->has_pair)
		*out = ice->pair;
	return ice->has_pair;
}

bool ice_accepts(const struct ice *ice, uint32_t socket, const struct addr *from)
{
	if (ice->has_pair && ice->pair.socket == socket && addr_eq(&ice->pair.remote, from))
		return true;
	for (size_t i = 0; i < ice->list.check_n; i++) {
		const struct ice_check *c = &ice->list.checks[i];

		if ((c->valid || c->heard) && ice->list.locals[c->local].c.socket == socket &&
		    addr_eq(&ice->list.remotes[c->remote].addr, from))
			return true;
	}
	return false;
}
