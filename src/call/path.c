#include "call/path.h"

#include "call/candidate.h"
#include "crypt/secret.h"
#include "media/rtp.h"
#include "media/srtp.h"
#include "net/demux.h"
#include "net/ice.h"

#include <assert.h>
#include <stdlib.h>

#define BIND_TRIES 20
#define RTP        0 /* sockets of a path opened without ICE */
#define RTCP       1
#define SUITE      SDP_AES_CM_128_HMAC_SHA1_80

struct sock {
	bool wanted; /* a BIND is to be asked for */
	bool asked;  /* .. and was: it wants an UNBIND */
	bool bound, failed;
	unsigned tries;
	struct addr local;
};

/* Where packets go and come from without ICE. */
struct end {
	struct addr signalled, now;
	bool locked; /* somebody has proved himself there */
};

struct path {
	struct path_settings s;
	struct sock socks[PATH_SOCKET_MAX];
	size_t sock_n;
	bool gathered, closed, failed, connected;
	bool tell_gathered, tell_connected, tell_failed;
	usec now, gather_at;

	struct ice *ice;
	struct ice_candidate candidates[ICE_LOCAL_MAX];
	size_t candidate_n;
	bool gathered_all;
	struct ice_pair pair;
	bool has_pair;

	bool agreed, uses_ice, mux;
	uint32_t socket; /* of RTP, without ICE */
	enum sdp_security security;
	struct end rtp, rtcp;
	struct dtls *dtls;
	bool dtls_active;
	uint8_t print[DTLS_FINGERPRINT_N];
	uint8_t sdes_own[SDP_SDES_KEY_MAX]; /* what we offer */
	uint8_t sdes_out[SDP_SDES_KEY_MAX], sdes_in[SDP_SDES_KEY_MAX];
	struct srtp *out, *in;

	struct path_drops drops;
	struct path_do packet; /* kind 0: none */
	enum err why;
	const char *why_text;
	uint8_t bytes[RTP_PACKET_MAX];
};

/* --- sockets --- */

static void choose_port(struct path *p, size_t i)
{
	struct sock *sock = &p->socks[i];
	uint32_t low = p->s.port_low, high = p->s.port_high;

	if (low == 0)
		return;
	if (p->s.ice) {
		sock->local.port = (uint16_t)(low + rng_below(p->s.rng, high - low + 1));
	} else { /* RFC 3550 11.: RTP even */
		low += low & 1;
		sock->local.port = (uint16_t)(low + 2 * rng_below(p->s.rng, high > low ? (high - low + 1) / 2 : 1));
	}
}

static void want_sock(struct path *p, const struct addr *local)
{
	struct sock *sock = &p->socks[p->sock_n++];

	*sock = (struct sock){ .wanted = true, .local = *local };
	choose_port(p, p->sock_n - 1);
}

static void fail(struct path *p, enum err why, const char *text)
{
	if (p->failed)
		return;
	p->failed = p->tell_failed = true;
	p->connected = p->tell_connected = false;
	p->why = why;
	p->why_text = text;
}

static void now_gathered(struct path *p)
{
	if (!p->gathered)
		p->tell_gathered = true;
	p->gathered = true;
	p->gather_at = USEC_NEVER;
}

/* After each answer of the host: are all sockets settled? */
static void sockets_settled(struct path *p)
{
	size_t bound = 0;

	for (size_t i = 0; i < p->sock_n; i++) {
		if (!p->socks[i].bound && !p->socks[i].failed)
			return;
		bound += p->socks[i].bound;
	}
	if (bound == 0)
		fail(p, ERR_IO, "no socket for media could be opened");
	else if (p->ice)
		ice_end_local(p->ice, p->now);
	else
		now_gathered(p);
}

static void sock_bound(struct path *p, size_t i, const struct addr *local)
{
	struct sock *sock = &p->socks[i];

	sock->bound = true;
	sock->local = *local;
	if (p->ice && ice_add_local(p->ice, p->s.socket + (uint32_t)i, local, p->now))
		sock->failed = true; /* an address that no peer can use: bound, but not offered */
	if (!p->ice && i == RTP && !p->s.rtcp_mux && p->sock_n == 1) {
		struct addr rtcp = *local;

		rtcp.port++;
		p->socks[p->sock_n++] = (struct sock){ .wanted = true, .local = rtcp };
	}
	sockets_settled(p);
}

static void sock_failed(struct path *p, size_t i)
{
	struct sock *sock = &p->socks[i];

	sock->asked = false;
	if (!p->ice && i == RTCP && sock->tries++ == 0) {
		sock->local.port = 0; /* any: a=rtcp says which (RFC 3605) */
		sock->wanted = true;
		return;
	}
	if (i != RTCP && p->s.port_low && ++sock->tries < BIND_TRIES) {
		choose_port(p, i);
		sock->wanted = true;
		return;
	}
	sock->failed = true;
	sockets_settled(p);
}

/* --- making and ending --- */

struct path *path_new(const struct path_settings *s, usec now)
{
	struct path *p;

	assert(s->local_n <= PATH_SOCKET_MAX && s->stun_n <= PATH_STUN_MAX);
	assert(!(s->security & SDP_DTLS) || s->identity);
	if (s->local_n == 0 || (p = calloc(1, sizeof(*p))) == NULL)
		return NULL;
	p->s = *s;
	if (p->s.identity)
		dtls_identity_ref(p->s.identity);
	p->now = now;
	p->gather_at = usec_add(now, s->gather_max ? s->gather_max : 300 * USEC_PER_MS);
	if (s->security & SDP_SDES)
		rng_fill(s->rng, p->sdes_own, sdp_suite_key_n(SUITE));
	if (s->ice) {
		struct ice_settings i = {
			.controlling = s->offerer, .rng = s->rng, .log = s->log, .server_n = s->stun_n
		};

		memcpy(i.servers, s->stun, sizeof(s->stun));
		p->ice = ice_new(&i, now);
		if (!p->ice) {
			path_free(p);
			return NULL;
		}
	}
	for (size_t i = 0; i < (s->ice ? s->local_n : 1); i++)
		want_sock(p, &s->locals[i]);
	return p;
}

static void drop_keys(struct path *p)
{
	srtp_free(p->in);
	srtp_free(p->out);
	p->in = p->out = NULL;
}

void path_free(struct path *p)
{
	if (!p)
		return;
	ice_free(p->ice);
	dtls_free(p->dtls);
	drop_keys(p);
	dtls_identity_unref(p->s.identity);
	secret_wipe(p, sizeof(*p));
	free(p);
}

void path_close(struct path *p, usec now)
{
	p->now = now;
	if (p->dtls)
		dtls_close(p->dtls);
	p->closed = true;
	p->connected = p->tell_connected = p->tell_failed = p->tell_gathered = false;
	p->packet.kind = 0;
}

/* --- what is connected --- */

static bool has_way(const struct path *p)
{
	return p->uses_ice ? p->has_pair : addr_is_set(&p->rtp.now) && p->rtp.now.port && !addr_is_any(&p->rtp.now);
}

/* Something that CONNECTED depends on has changed. */
static void see_connected(struct path *p)
{
	bool keyed = p->security == SDP_PLAIN || (p->in && p->out);

	p->connected = p->agreed && !p->failed && !p->closed && has_way(p) && keyed;
	p->tell_connected = p->connected;
}

static void dtls_begin(struct path *p)
{
	struct dtls_settings s = { .identity = p->s.identity,
				   .role = p->dtls_active ? DTLS_ACTIVE : DTLS_PASSIVE,
				   .rtt = p->has_pair ? p->pair.rtt : 0,
				   .log = p->s.log };

	if (p->dtls || p->security != SDP_DTLS || p->closed || (p->dtls_active && !has_way(p)))
		return;
	p->dtls = dtls_new(&s, p->now);
	if (!p->dtls || dtls_set_fingerprint(p->dtls, p->print, p->now))
		fail(p, ERR_MEMORY, "no memory for media keys");
}

static bool set_keys(struct path *p, enum srtp_profile profile, const uint8_t *out_key, const uint8_t *out_salt,
		     const uint8_t *in_key, const uint8_t *in_salt)
{
	struct srtp *out = srtp_new(profile, out_key, out_salt), *in = srtp_new(profile, in_key, in_salt);

	if (!out || !in) {
		srtp_free(out);
		srtp_free(in);
		return false;
	}
	drop_keys(p);
	p->out = out;
	p->in = in;
	return true;
}

static void dtls_through(struct path *p, const struct dtls_keys *k)
{
	if (!set_keys(p, (enum srtp_profile)k->profile, k->local_key, k->local_salt, k->remote_key, k->remote_salt))
		fail(p, ERR_MEMORY, "no memory for media keys");
	see_connected(p);
}

static const char *ice_text(enum err err)
{
	return err == ERR_TIMEOUT ? "the other side no longer answers" : "no way to the other side was found";
}

/* --- offer and answer --- */

static void local_ice(const struct path *p, struct sdp_offer_end *out)
{
	str_copy_z(ice_ufrag(p->ice), out->ufrag, sizeof(out->ufrag));
	str_copy_z(ice_pwd(p->ice), out->pwd, sizeof(out->pwd));
	out->rtcp_mux = true;
	if (p->candidate_n)
		out->rtp = out->rtcp = candidate_default(p->candidates, p->candidate_n)->addr;
	for (size_t i = 0; i < p->candidate_n && i < SDP_OFFER_CANDIDATE_MAX; i++)
		out->candidates[out->candidate_n++] = candidate_to_sdp(&p->candidates[i]);
	out->end_of_candidates = p->gathered_all;
}

void path_local(const struct path *p, struct sdp_offer_end *out)
{
	*out = (struct sdp_offer_end){ .rtcp_mux = p->s.rtcp_mux };
	if (p->ice) {
		local_ice(p, out);
	} else {
		out->rtp = p->socks[RTP].local;
		out->rtcp = p->s.rtcp_mux ? out->rtp : p->socks[RTCP].bound ? p->socks[RTCP].local : (struct addr){ 0 };
	}
	if (p->s.security & SDP_DTLS) {
		memcpy(out->print.hash, "sha-256", 8);
		out->print.n = DTLS_FINGERPRINT_N;
		memcpy(out->print.digest, dtls_identity_fingerprint(p->s.identity), DTLS_FINGERPRINT_N);
	}
	if (p->s.security & SDP_SDES) {
		out->suite = SUITE;
		out->sdes_key_n = (uint8_t)sdp_suite_key_n(SUITE);
		memcpy(out->sdes_key, p->sdes_own, out->sdes_key_n);
	}
}

static bool can_agree(const struct path *p, const struct sdp_offer_result *r)
{
	size_t key_n = sdp_suite_key_n(r->remote.suite);

	if (r->refused || !(p->s.security & r->security) || (r->ice && !p->ice))
		return false;
	if (r->security == SDP_DTLS)
		return str_eq_nocase(str_from(r->remote.print.hash), STR("sha-256")) &&
		       r->remote.print.n == DTLS_FINGERPRINT_N;
	if (r->security == SDP_SDES)
		return key_n && srtp_key_n((enum srtp_profile)r->remote.suite) && r->remote.sdes_key_n == key_n &&
		       r->local_sdes_key_n == key_n;
	return true;
}

static enum err agree_ice(struct path *p, const struct sdp_offer_result *r)
{
	enum err err =
		ice_set_remote(p->ice, str_from(r->remote.ufrag), str_from(r->remote.pwd), r->remote.ice_lite, p->now);

	if (err)
		return ERR_UNSUPPORTED;
	for (size_t i = 0; i < r->remote.candidate_n; i++)
		path_add_remote(p, &r->remote.candidates[i], p->now);
	ice_end_remote(p->ice, p->now); /* whoever trickles may still add: a late pair ends FAILED */
	return ERR_NONE;
}

static void set_end(struct end *end, const struct addr *signalled)
{
	if (!addr_eq(&end->signalled, signalled))
		*end = (struct end){ .signalled = *signalled, .now = *signalled };
}

static void agree_addresses(struct path *p, const struct sdp_offer_result *r)
{
	struct addr rtcp = r->remote.rtcp;

	/* ICE offered and not taken: the other side knows our default candidate. */
	p->socket = p->candidate_n ? candidate_default(p->candidates, p->candidate_n)->socket : p->s.socket;
	if (!addr_is_set(&rtcp)) {
		rtcp = r->remote.rtp;
		rtcp.port++;
	}
	set_end(&p->rtp, &r->remote.rtp);
	set_end(&p->rtcp, &rtcp);
}

static bool agree_sdes(struct path *p, const struct sdp_offer_result *r)
{
	enum srtp_profile profile = (enum srtp_profile)r->remote.suite;
	const uint8_t *own = r->local_sdes_key, *theirs = r->remote.sdes_key;
	size_t n = srtp_key_n(profile);

	if (p->in && p->security == SDP_SDES && memcmp(p->sdes_out, own, r->local_sdes_key_n) == 0 &&
	    memcmp(p->sdes_in, theirs, r->remote.sdes_key_n) == 0)
		return true; /* the same again: counters and replay windows go on */
	if (!set_keys(p, profile, own, own + n, theirs, theirs + n))
		return false;
	memcpy(p->sdes_out, own, r->local_sdes_key_n);
	memcpy(p->sdes_in, theirs, r->remote.sdes_key_n);
	return true;
}

static void agree_dtls(struct path *p, const struct sdp_offer_result *r)
{
	if (p->dtls && p->security == SDP_DTLS && memcmp(p->print, r->remote.print.digest, sizeof(p->print)) == 0)
		return;
	dtls_free(p->dtls); /* RFC 8842 4.: another fingerprint is another association */
	p->dtls = NULL;
	drop_keys(p);
	p->dtls_active = r->dtls_client;
	memcpy(p->print, r->remote.print.digest, sizeof(p->print));
}

enum err path_agree(struct path *p, const struct sdp_offer_result *r, usec now)
{
	enum err err;

	p->now = now;
	if (!p->gathered || p->closed)
		return ERR_STATE;
	if (!can_agree(p, r))
		return ERR_UNSUPPORTED;
	if (r->ice && (err = agree_ice(p, r)))
		return err;
	if (r->security == SDP_SDES && !agree_sdes(p, r))
		return ERR_MEMORY;
	if (r->security == SDP_DTLS)
		agree_dtls(p, r);
	if (r->security == SDP_PLAIN)
		drop_keys(p);
	p->security = r->security;
	p->uses_ice = r->ice;
	p->mux = r->ice || (r->remote.rtcp_mux && p->s.rtcp_mux);
	agree_addresses(p, r);
	p->agreed = true;
	dtls_begin(p);
	see_connected(p);
	return ERR_NONE;
}

void path_add_remote(struct path *p, const struct sdp_offer_candidate *c, usec now)
{
	struct ice_candidate candidate = candidate_from_sdp(c);

	p->now = now;
	if (!p->ice || c->component != 1)
		return;
	if (ice_add_remote(p->ice, &candidate, now))
		log_debug(p->s.log, "call.path candidate ignored", "component=1");
}

void path_restart(struct path *p, bool controlling, usec now)
{
	p->now = now;
	if (!p->ice)
		return;
	p->candidate_n = 0;
	p->gathered_all = false;
	ice_restart(p->ice, controlling, now);
	for (struct ice_do out; ice_next(p->ice, &out);) /* the candidates are known already */
		if (out.kind == ICE_GATHERED && p->candidate_n < ICE_LOCAL_MAX)
			p->candidates[p->candidate_n++] = out.candidate;
		else if (out.kind == ICE_GATHERED_ALL)
			p->gathered_all = true;
}

/* --- packets in --- */

/* Has RTCP a socket of its own, and is this it? */
static bool is_rtcp_sock(const struct path *p, size_t i)
{
	return !p->ice && i == RTCP && p->socks[i].bound;
}

static bool from_end(const struct path *p, size_t i, const struct addr *from)
{
	return addr_eq(from, &p->rtcp.now) || (!is_rtcp_sock(p, i) && addr_eq(from, &p->rtp.now));
}

/* May packets come from there? With `latch` also from elsewhere, if the packet then proves good. */
static bool may_speak(const struct path *p, size_t i, const struct addr *from, bool *latching)
{
	const struct end *end = is_rtcp_sock(p, i) ? &p->rtcp : &p->rtp;

	*latching = false;
	if (p->uses_ice)
		return ice_accepts(p->ice, p->s.socket + (uint32_t)i, from);
	if (from_end(p, i, from))
		return true;
	*latching = p->s.latch && !end->locked;
	return *latching;
}

/* A good packet came from there. */
static void spoken(struct path *p, size_t i, const struct addr *from)
{
	bool rtcp = is_rtcp_sock(p, i);
	struct end *end = rtcp ? &p->rtcp : &p->rtp;

	if (p->uses_ice || end->locked || (!rtcp && !addr_eq(from, &end->now) && addr_eq(from, &p->rtcp.now)))
		return;
	end->locked = true;
	if (addr_eq(&end->now, from))
		return;
	log_info(p->s.log, "call.path latched", "rtcp=%d", rtcp);
	end->now = *from;
	if (!rtcp)
		see_connected(p);
}

static enum err open_packet(struct path *p, bool rtcp, size_t *n)
{
	struct rtp_packet parsed;

	if (p->security != SDP_PLAIN)
		return rtcp ? srtp_unprotect_rtcp(p->in, p->bytes, n) : srtp_unprotect(p->in, p->bytes, n);
	return rtcp ? ERR_NONE : rtp_parse(str_of((char *)p->bytes, *n), &parsed);
}

static void recv_media(struct path *p, size_t i, const struct host_event *e, bool rtcp)
{
	size_t n = e->bytes.n;
	bool latching;
	enum err err;

	if (!p->agreed || (p->security != SDP_PLAIN && !p->in) || n > sizeof(p->bytes))
		return;
	if (!may_speak(p, i, &e->remote, &latching) || (latching && rtcp && !is_rtcp_sock(p, i))) {
		p->drops.strangers++;
		return;
	}
	memcpy(p->bytes, e->bytes.p, n);
	err = open_packet(p, rtcp, &n);
	if (err) {
		p->drops.replayed += err == ERR_EXISTS;
		p->drops.forged += err != ERR_EXISTS;
		return;
	}
	spoken(p, i, &e->remote);
	p->packet = (struct path_do){ .kind = rtcp ? PATH_RTCP : PATH_RTP, .bytes = p->bytes, .n = n };
}

static void recv_dtls(struct path *p, size_t i, const struct host_event *e)
{
	bool latching;

	if (!p->dtls || !may_speak(p, i, &e->remote, &latching) || latching)
		p->drops.strangers++;
	else
		dtls_recv(p->dtls, e->bytes, p->now);
}

static void recv_datagram(struct path *p, size_t i, const struct host_event *e)
{
	enum demux kind = demux_kind(e->bytes);

	p->packet.kind = 0;
	if (kind == DEMUX_STUN && p->ice)
		ice_recv(p->ice, e->id, &e->remote, e->bytes, p->now);
	else if (kind == DEMUX_DTLS)
		recv_dtls(p, i, e);
	else if (kind == DEMUX_RTP || kind == DEMUX_RTCP)
		recv_media(p, i, e, kind == DEMUX_RTCP);
}

void path_recv(struct path *p, const struct host_event *e, usec now)
{
	size_t i = e->id - p->s.socket;

	if (e->id < p->s.socket || i >= p->sock_n || p->closed)
		return;
	p->now = now;
	if (e->kind == HOST_DATAGRAM)
		recv_datagram(p, i, e);
	else if (e->kind == HOST_BOUND)
		sock_bound(p, i, &e->local);
	else if (e->kind == HOST_FAILED)
		sock_failed(p, i);
	else if (e->kind == HOST_UNREACHABLE && p->ice)
		ice_unreachable(p->ice, e->id, &e->remote, now);
}

void path_tick(struct path *p, usec now)
{
	p->now = now;
	if (p->closed)
		return;
	if (p->gather_at <= now && p->candidate_n)
		now_gathered(p);
	else if (p->gather_at <= now)
		p->gather_at = USEC_NEVER; /* no socket yet: with the first one */
	if (p->ice)
		ice_tick(p->ice, now);
	if (p->dtls)
		dtls_tick(p->dtls, now);
}

usec path_due(const struct path *p)
{
	usec due = p->ice ? usec_min(ice_due(p->ice), p->gather_at) : USEC_NEVER;

	if (p->closed)
		return USEC_NEVER;
	return p->dtls ? usec_min(due, dtls_due(p->dtls)) : due;
}

/* --- what is wanted of the host --- */

static bool want_bind(struct path *p, struct host_want *out)
{
	for (size_t i = 0; i < p->sock_n && !p->closed; i++)
		if (p->socks[i].wanted) {
			p->socks[i].wanted = false;
			p->socks[i].asked = true;
			*out = (struct host_want){ .kind = HOST_BIND,
						   .transport = TRANSPORT_UDP,
						   .id = p->s.socket + (uint32_t)i,
						   .dscp = p->s.dscp ? p->s.dscp : PATH_DSCP,
						   .local = p->socks[i].local };
			return true;
		}
	return false;
}

static bool want_unbind(struct path *p, struct host_want *out)
{
	for (size_t i = 0; i < p->sock_n && p->closed; i++)
		if (p->socks[i].asked) {
			p->socks[i].asked = false;
			*out = (struct host_want){ .kind = HOST_UNBIND, .id = p->s.socket + (uint32_t)i };
			return true;
		}
	return false;
}

static struct host_want datagram(uint32_t socket, const struct addr *to, str bytes)
{
	return (struct host_want){
		.kind = HOST_SEND, .transport = TRANSPORT_UDP, .id = socket, .remote = *to, .bytes = bytes
	};
}

static void ice_connected(struct path *p, const struct ice_pair *pair)
{
	bool moved = !p->has_pair || pair->socket != p->pair.socket || !addr_eq(&pair->remote, &p->pair.remote);

	p->pair = *pair;
	p->has_pair = true;
	dtls_begin(p);
	if (moved)
		see_connected(p);
}

static bool want_ice(struct path *p, struct host_want *out)
{
	struct ice_do todo;

	while (p->ice && !p->closed && ice_next(p->ice, &todo)) {
		switch (todo.kind) {
		case ICE_SEND:
			*out = datagram(todo.socket, &todo.to, todo.bytes);
			return true;
		case ICE_GATHERED:
			if (p->candidate_n < ICE_LOCAL_MAX)
				p->candidates[p->candidate_n++] = todo.candidate;
			break;
		case ICE_GATHERED_ALL:
			p->gathered_all = true;
			now_gathered(p);
			break;
		case ICE_CONNECTED:
			ice_connected(p, &todo.pair);
			break;
		case ICE_FAILED:
			p->has_pair = false;
			if (p->uses_ice)
				fail(p, todo.err, ice_text(todo.err));
			break;
		}
	}
	return false;
}

static bool where_to(const struct path *p, uint32_t *socket, struct addr *to)
{
	*socket = p->uses_ice ? p->pair.socket : p->socket;
	*to = p->uses_ice ? p->pair.remote : p->rtp.now;
	return has_way(p);
}

static bool want_dtls(struct path *p, struct host_want *out)
{
	struct dtls_do todo;
	uint32_t socket;
	struct addr to;

	/* A ClientHello may come before our own check is answered: our flight waits for the way. */
	while (p->dtls && where_to(p, &socket, &to) && dtls_next(p->dtls, &todo)) {
		switch (todo.kind) {
		case DTLS_SEND:
			*out = datagram(socket, &to, todo.bytes);
			return true;
		case DTLS_CONNECTED:
			dtls_through(p, todo.keys);
			break;
		case DTLS_FAILED:
			fail(p, todo.err,
			     todo.err == ERR_REFUSED       ? "the other side's media key is not the one it signalled"
			     : todo.err == ERR_UNSUPPORTED ? "no media encryption in common"
							   : "the other side did not agree on media keys");
			break;
		case DTLS_CLOSED:
			if (!p->closed)
				fail(p, ERR_CLOSED, "the other side closed the media path");
			break;
		}
	}
	return false;
}

bool path_want(struct path *p, struct host_want *out)
{
	return want_bind(p, out) || want_ice(p, out) || want_dtls(p, out) || want_unbind(p, out);
}

/* --- events and packets out --- */

static void say_way(const struct path *p, struct media_path *way)
{
	*way = (struct media_path){ .security = p->security, .ice = p->uses_ice };
	if (p->uses_ice) {
		way->local = p->pair.local;
		way->remote = p->pair.remote;
		way->local_kind = candidate_kind(p->pair.local_type);
		way->remote_kind = candidate_kind(p->pair.remote_type);
	} else {
		way->local = p->socks[p->socket - p->s.socket].local;
		way->remote = p->rtp.now;
	}
}

static bool take(bool *flag)
{
	bool was = *flag;

	*flag = false;
	return was;
}

bool path_next(struct path *p, struct path_do *out)
{
	*out = (struct path_do){ 0 };
	if (take(&p->tell_gathered)) {
		out->kind = PATH_GATHERED;
	} else if (take(&p->tell_connected)) {
		out->kind = PATH_CONNECTED;
		say_way(p, &out->way);
	} else if (p->packet.kind) {
		*out = p->packet;
		p->packet.kind = 0;
	} else if (take(&p->tell_failed)) {
		out->kind = PATH_FAILED;
		out->err = p->why;
		out->text = p->why_text;
	}
	return out->kind != 0;
}

enum err path_send(struct path *p, uint8_t *packet, size_t n, size_t cap, struct host_want *out)
{
	uint32_t socket;
	struct addr to;
	enum err err;

	if (!p->connected || !where_to(p, &socket, &to))
		return ERR_STATE;
	if (p->security != SDP_PLAIN && (err = srtp_protect(p->out, packet, &n, cap)))
		return err;
	*out = datagram(socket, &to, str_of((char *)packet, n));
	return ERR_NONE;
}

enum err path_send_rtcp(struct path *p, uint8_t *packet, size_t n, size_t cap, struct host_want *out)
{
	uint32_t socket;
	struct addr to;
	enum err err;

	if (!p->connected || !where_to(p, &socket, &to))
		return ERR_STATE;
	if (!p->mux) {
		socket += is_rtcp_sock(p, RTCP) ? RTCP : 0;
		to = p->rtcp.now;
	}
	if (p->security != SDP_PLAIN && (err = srtp_protect_rtcp(p->out, packet, &n, cap)))
		return err;
	*out = datagram(socket, &to, str_of((char *)packet, n));
	return ERR_NONE;
}

struct path_drops path_drops(const struct path *p)
{
	return p->drops;
}
