#include "sdp/offer.h"

#include <stdio.h>

static const str event_name = STR_INIT("telephone-event");
static const uint64_t written_key[2] = { 1, 2 }; /* not a table of strangers: only compared with itself */

static void wipe(void *p, size_t n)
{
	volatile unsigned char *at = p;

	while (n--)
		*at++ = 0;
}

static const struct sdp_print *find_print(const struct sdp_media *m)
{
	for (size_t i = 0; i < m->print_n; i++)
		if (str_eq_nocase(m->prints[i].hash, STR("sha-256")) && m->prints[i].n == 32)
			return &m->prints[i];
	return NULL;
}

static bool is_rtp(const struct sdp_media *m)
{
	return m->proto != SDP_PROTO_OTHER && str_eq(m->kind, STR("audio"));
}

/* What kinds of keying a media line could lead to. RTP/AVP with keys in it is the best effort of phones;
 * RTP/SAVP with a fingerprint the older way to say DTLS. */
static unsigned media_security(const struct sdp_media *m, enum sdp_suite suite)
{
	uint8_t key[SDP_SDES_KEY_MAX];
	unsigned bits = find_print(m) ? SDP_DTLS : 0;
	bool dtls_only = m->proto == SDP_PROTO_DTLS_SAVP || m->proto == SDP_PROTO_DTLS_SAVPF;

	if (!dtls_only && sdp_sdes_find(m, suite, key))
		bits |= SDP_SDES;
	if (m->proto == SDP_PROTO_AVP || m->proto == SDP_PROTO_AVPF)
		bits |= SDP_PLAIN;
	wipe(key, sizeof(key));
	return bits;
}

static enum sdp_security safest(unsigned bits)
{
	return bits & SDP_DTLS ? SDP_DTLS : bits & SDP_SDES ? SDP_SDES : SDP_PLAIN;
}

static uint8_t channels_of(uint8_t channels)
{
	return channels ? channels : 1;
}

static bool same_codec(const struct sdp_offer_codec *ours, const struct sdp_format *theirs)
{
	return theirs->name.n && str_eq_nocase(str_from(ours->name), theirs->name) &&
	       ours->rate_hz == theirs->rate_hz && channels_of(ours->channels) == channels_of(theirs->channels);
}

static void copy_fmtp(str fmtp, char *out, size_t cap)
{
	if (fmtp.n >= cap) {
		fmtp = str_head(fmtp, cap - 1);
		while (fmtp.n && fmtp.p[fmtp.n - 1] != ';')
			fmtp.n--;
	}
	(void)str_copy_z(fmtp, out, cap);
}

static void take_format(const struct sdp_format *f, struct sdp_offer_codec *out)
{
	*out = (struct sdp_offer_codec){ .rate_hz = f->rate_hz, .channels = f->channels };
	(void)str_copy_z(f->name, out->name, sizeof(out->name));
	copy_fmtp(f->fmtp, out->fmtp, sizeof(out->fmtp));
	out->payload_type = out->pt_send = out->pt_recv = f->payload_type;
}

/* The codecs both have, in the order of their list (RFC 3264 6.1 and 7: their first is what they like best). */
static void meet_codecs(const struct sdp_offer_local *local, const struct sdp_media *m, bool we_answer,
			struct sdp_offer_result *r)
{
	for (size_t i = 0; i < m->format_n && r->codec_n < SDP_OFFER_CODEC_MAX; i++)
		for (size_t k = 0; k < local->codec_n; k++) {
			if (!same_codec(&local->codecs[k], &m->formats[i]))
				continue;
			struct sdp_offer_codec *codec = &r->codecs[r->codec_n++];

			take_format(&m->formats[i], codec);
			if (!we_answer)
				codec->pt_recv = local->codecs[k].payload_type;
			break;
		}
}

/* Payload type of our telephone-event for a clock: the first number from 101 on that no codec has. */
static uint8_t event_type(const struct sdp_offer_local *local, uint32_t rate_hz)
{
	unsigned nth = 0;

	for (size_t i = 0; i < local->codec_n; i++) { /* one event type per clock, in order of the codecs */
		bool before = false;

		for (size_t k = 0; k < i; k++)
			before |= local->codecs[k].rate_hz == local->codecs[i].rate_hz;
		if (local->codecs[i].rate_hz == rate_hz)
			break;
		nth += !before;
	}
	for (uint8_t type = 101; type < 128; type++) {
		bool taken = false;

		for (size_t i = 0; i < local->codec_n; i++)
			taken |= local->codecs[i].payload_type == type;
		if (!taken && nth-- == 0)
			return type;
	}
	return 0;
}

/* telephone-event at the codec's clock; else whatever clock they name (RFC 4733 2.4.1 wants the former, some phones
 * know 8000 only). */
static void meet_events(const struct sdp_offer_local *local, const struct sdp_media *m, bool we_answer,
			struct sdp_offer_result *r)
{
	const struct sdp_format *best = NULL;

	if (!local->dtmf)
		return;
	for (size_t i = 0; i < m->format_n; i++) {
		const struct sdp_format *f = &m->formats[i];

		if (str_eq_nocase(f->name, event_name) && (!best || f->rate_hz == r->codecs[0].rate_hz))
			best = f;
	}
	uint8_t ours = best ? event_type(local, best->rate_hz) : 0;
	if (!best || (!we_answer && !ours))
		return;
	take_format(best, &r->dtmf_codec);
	if (!we_answer)
		r->dtmf_codec.pt_recv = ours;
	r->dtmf = true;
}

static uint16_t meet_ptime(const struct sdp_offer_local *local, const struct sdp_media *m)
{
	uint16_t ms = m->ptime_ms ? m->ptime_ms : local->ptime_ms ? local->ptime_ms : 20;

	ms = ms < 40 ? 20 : ms < 60 ? 40 : 60;
	while (m->maxptime_ms && ms > m->maxptime_ms && ms > 20)
		ms -= 20;
	return ms;
}

static bool same_end(const struct sdp_offer_end *a, const struct sdp_offer_end *b)
{
	return strcmp(a->ufrag, b->ufrag) == 0 && strcmp(a->pwd, b->pwd) == 0;
}

static enum err take_ice(const struct sdp_media *m, struct sdp_offer_end *end)
{
	if (!str_copy_z(m->ice_ufrag, end->ufrag, sizeof(end->ufrag)) ||
	    !str_copy_z(m->ice_pwd, end->pwd, sizeof(end->pwd)))
		return ERR_LIMIT;
	end->ice_lite = m->ice_lite;
	end->end_of_candidates = m->end_of_candidates || !m->ice_trickle;
	for (size_t i = 0; i < m->candidate_n && end->candidate_n < SDP_OFFER_CANDIDATE_MAX; i++) {
		const struct sdp_candidate *c = &m->candidates[i];
		struct sdp_offer_candidate *to = &end->candidates[end->candidate_n++];

		*to = (struct sdp_offer_candidate){ .component = c->component,
						    .priority = c->priority,
						    .addr = c->addr,
						    .kind = c->kind,
						    .related = c->related };
		(void)str_copy_z(c->foundation, to->foundation, sizeof(to->foundation));
	}
	return ERR_NONE;
}

/* Where the other side receives. */
static enum err take_end(const struct sdp_media *m, struct sdp_offer_end *end)
{
	const struct sdp_print *print = find_print(m);
	enum err err = take_ice(m, end);

	if (err)
		return err;
	end->rtp = m->host.addr;
	end->rtp.port = addr_is_set(&end->rtp) ? m->port : 0;
	end->rtcp_mux = m->rtcp_mux;
	end->rtcp = end->rtp;
	if (!m->rtcp_mux && addr_is_set(&end->rtp)) { /* RFC 3605, else RFC 3550 11: the next port */
		if (addr_is_set(&m->rtcp))
			end->rtcp = m->rtcp;
		end->rtcp.port = m->rtcp_port ? m->rtcp_port : (uint16_t)(m->port + 1);
	}
	if (print) {
		(void)str_copy_z(STR("sha-256"), end->print.hash, sizeof(end->print.hash));
		memcpy(end->print.digest, print->digest, print->n);
		end->print.n = print->n;
	}
	return ERR_NONE;
}

/* RFC 3264 8.4, and the older way of RFC 2543: an address of zeros. Before ICE has said where (RFC 8839 4.2.1.3) a zero
 * address is no hold. */
static enum sdp_direction their_direction(const struct sdp_media *m)
{
	bool zero = addr_is_set(&m->host.addr) && addr_is_any(&m->host.addr) && !m->ice_ufrag.n;

	return zero ? sdp_direction_meet(m->direction, SDP_SENDONLY) : m->direction;
}

/* Our DTLS role (RFC 5763 5, RFC 8842 5.3): a standing association keeps its roles. */
static enum err meet_setup(struct sdp_offer *o, const struct sdp_media *m, bool we_answer, struct sdp_offer_result *r)
{
	bool stands = o->agreed_before && o->result.security == SDP_DTLS && o->setup &&
		      memcmp(&o->result.remote.print, &r->remote.print, sizeof(r->remote.print)) == 0;
	enum sdp_setup theirs = m->setup;

	if (theirs == SDP_SETUP_HOLDCONN || (!we_answer && theirs == SDP_SETUP_ACTPASS))
		return ERR_UNSUPPORTED;
	if (theirs == SDP_SETUP_ACTPASS || theirs == SDP_SETUP_NONE) {
		/* RFC 4145 4.1: unsaid is active in an offer; an answer must say it, who does not will wait */
		bool we_connect = stands ? o->setup == SDP_SETUP_ACTIVE : theirs == SDP_SETUP_ACTPASS || !we_answer;
		r->dtls_client = we_connect;
	} else {
		r->dtls_client = theirs == SDP_SETUP_PASSIVE;
	}
	return ERR_NONE;
}

/* What both agree on, given their media line; the part that offering and answering share. */
static enum err meet(struct sdp_offer *o, const struct sdp_offer_local *local, const struct sdp_media *m,
		     unsigned security, bool we_answer, struct sdp_offer_result *r)
{
	enum err err = take_end(m, &r->remote);

	if (err)
		return err;
	meet_codecs(local, m, we_answer, r);
	if (!r->codec_n || !security)
		return ERR_UNSUPPORTED;
	meet_events(local, m, we_answer, r);
	r->security = safest(security);
	if (r->security == SDP_SDES) {
		r->remote.suite = local->end.suite;
		r->remote.sdes_key_n = (uint8_t)sdp_suite_key_n(local->end.suite);
		(void)sdp_sdes_find(m, local->end.suite, r->remote.sdes_key);
		r->local_sdes_key_n = local->end.sdes_key_n;
		memcpy(r->local_sdes_key, local->end.sdes_key, sizeof(r->local_sdes_key));
	}
	if (r->security == SDP_DTLS)
		err = meet_setup(o, m, we_answer, r);
	enum sdp_direction theirs = sdp_direction_flip(their_direction(m));
	r->remote_hold = !sdp_direction_sends(theirs);
	r->direction = sdp_direction_meet(local->direction, theirs);
	r->ptime_ms = meet_ptime(local, m);
	r->ice = local->end.ufrag[0] && r->remote.ufrag[0] && r->remote.pwd[0];
	r->ice_restart = r->ice && o->agreed_before && o->result.ice && !same_end(&r->remote, &o->result.remote);
	r->we_are_controlling = !we_answer || r->remote.ice_lite;
	/* without ICE there must be an address to send to, if we are to send at all */
	if (!r->ice && sdp_direction_sends(r->direction) && !addr_is_set(&r->remote.rtp))
		return ERR_UNSUPPORTED;
	return err;
}

/* ---- writing ---- */

/* One description of ours in the making: what struct sdp points to. */
struct page {
	struct sdp sdp;
	struct sdp_media media[SDP_OFFER_LINE_MAX];
	struct sdp_format formats[2 * SDP_OFFER_CODEC_MAX];
	struct sdp_candidate candidates[SDP_OFFER_CANDIDATE_MAX];
	struct sdp_print print;
	struct sdp_crypto crypto;
	char key[2 * SDP_SDES_KEY_MAX];
	char group[40];
};

static void page_codec(struct sdp_media *m, const struct sdp_offer_codec *codec, const char *fmtp, uint8_t type)
{
	m->formats[m->format_n++] = (struct sdp_format){ .payload_type = type,
							 .name = str_from(codec->name),
							 .rate_hz = codec->rate_hz,
							 .channels = codec->channels,
							 .fmtp = str_from(fmtp) };
}

static void page_event(struct sdp_media *m, uint32_t rate_hz, uint8_t type)
{
	m->formats[m->format_n++] = (struct sdp_format){
		.payload_type = type, .name = event_name, .rate_hz = rate_hz, .channels = 1, .fmtp = STR("0-16")
	};
}

static void page_ice(struct page *page, struct sdp_media *m, const struct sdp_offer_end *end)
{
	m->ice_ufrag = str_from(end->ufrag);
	m->ice_pwd = str_from(end->pwd);
	m->ice_lite = end->ice_lite;
	m->end_of_candidates = end->end_of_candidates;
	m->ice_trickle = !end->end_of_candidates;
	m->candidates = page->candidates;
	for (size_t i = 0; i < end->candidate_n; i++) {
		const struct sdp_offer_candidate *c = &end->candidates[i];

		m->candidates[m->candidate_n++] = (struct sdp_candidate){
			str_from(c->foundation), c->component, c->priority, c->addr, c->kind, c->related
		};
	}
}

static void page_keys(struct page *page, struct sdp_media *m, const struct sdp_offer_end *end, unsigned security,
		      uint32_t tag, enum sdp_setup setup)
{
	if (security & SDP_DTLS) {
		page->print.hash = str_from(end->print.hash);
		page->print.n = end->print.n;
		memcpy(page->print.digest, end->print.digest, end->print.n);
		m->prints = &page->print;
		m->print_n = 1;
		m->setup = setup;
	}
	if (security & SDP_SDES) {
		page->crypto = (struct sdp_crypto){ .tag = tag,
						    .suite = sdp_suite_text(end->suite),
						    .key = { page->key, sdp_sdes_write(end->sdes_key, end->sdes_key_n,
										       page->key) } };
		m->crypto = &page->crypto;
		m->crypto_n = 1;
	}
}

/* Our audio line without its formats. */
static struct sdp_media *page_audio(struct page *page, const struct sdp_offer *o, const struct sdp_offer_local *local,
				    str proto)
{
	const struct sdp_offer_end *end = &local->end;
	struct sdp_media *m = &page->media[o->audio_at];

	*m = (struct sdp_media){ .kind = STR("audio"),
				 .port = end->rtp.port,
				 .port_n = 1,
				 .proto_text = proto,
				 .formats = page->formats,
				 .direction_set = true,
				 .direction = local->direction,
				 .rtcp_mux = end->rtcp_mux };
	m->host.addr = end->rtp;
	m->host.host = STR("0.0.0.0"); /* written where there is no address yet */
	m->mid = str_from(o->lines[o->audio_at].mid);
	m->ptime_ms = local->ptime_ms ? local->ptime_ms : 20;
	if (!m->port)
		m->port = 9; /* RFC 8839 4.2.1.1: not known yet, not refused */
	if (addr_is_set(&end->rtcp) && end->rtcp.port != end->rtp.port && end->rtcp.port != end->rtp.port + 1)
		m->rtcp_port = end->rtcp.port;
	return m;
}

static void page_head(struct page *page, struct sdp_offer *o, const struct sdp_offer_local *local)
{
	page->sdp = (struct sdp){ .user = STR("-"),
				  .session_id = o->session_id,
				  .session_version = o->version,
				  .media = page->media,
				  .media_n = o->line_n };
	page->sdp.origin.addr = local->end.rtp;
	for (size_t i = 0; i < o->line_n; i++)
		page->media[i] = (struct sdp_media){ .kind = str_from(o->lines[i].kind),
						     .proto_text = str_from(o->lines[i].proto),
						     .formats_text = str_from(o->lines[i].format),
						     .mid = str_from(o->lines[i].mid),
						     .port_n = 1 };
	if (o->bundle && o->lines[o->audio_at].mid[0]) {
		int n = snprintf(page->group, sizeof(page->group), "BUNDLE %s", o->lines[o->audio_at].mid);
		page->sdp.group = str_of(page->group, (size_t)n);
	}
}

static enum err page_write(struct page *page, struct sdp_offer *o, struct buf *out)
{
	size_t start = out->n;

	page->sdp.session_version = 0;
	sdp_write(&page->sdp, out);
	if (buf_ok(out)) {
		uint64_t hash = str_hash(str_skip(buf_str(out), start), written_key);
		o->version += hash != o->written;
		o->written = hash;
		out->n = start;
		page->sdp.session_version = o->version;
		sdp_write(&page->sdp, out);
	}
	wipe(page->key, sizeof(page->key));
	return out->err;
}

static bool local_ok(const struct sdp_offer_local *local)
{
	const struct sdp_offer_end *end = &local->end;
	bool sdes_ok = !(local->security & SDP_SDES) || (end->suite && end->sdes_key_n == sdp_suite_key_n(end->suite));
	bool dtls_ok = !(local->security & SDP_DTLS) || (end->print.hash[0] && end->print.n);

	return local->codec_n && local->codec_n <= SDP_OFFER_CODEC_MAX && local->security && sdes_ok && dtls_ok &&
	       end->candidate_n <= SDP_OFFER_CANDIDATE_MAX;
}

/* ---- the engine ---- */

void sdp_offer_init(struct sdp_offer *o, struct rng *rng)
{
	*o = (struct sdp_offer){ .session_id = rng_u64(rng) >> 2 }; /* fits a signed number, as RFC 3264 5 asks */
	o->version = rng_u32(rng) >> 2;
}

static enum err begin_lines(struct sdp_offer *o)
{
	if (!o->line_n) {
		o->line_n = 1;
		o->audio_at = 0;
		(void)str_copy_z(STR("audio"), o->lines[0].kind, sizeof(o->lines[0].kind));
	}
	return ERR_NONE;
}

/* The kinds of keying that our offer puts forth, and the protocol that it names. */
static unsigned offered_security(const struct sdp_offer *o, const struct sdp_offer_local *local, str *proto)
{
	unsigned bits = local->security;
	bool clear_profile = bits == SDP_PLAIN || (local->best_effort && bits & SDP_PLAIN);

	if (o->agreed_before && bits & o->result.security) { /* once agreed, it does not change within the session */
		bits = o->result.security;
		clear_profile |= bits == SDP_PLAIN;
	}
	if (!clear_profile)
		bits = safest(bits);
	*proto = sdp_proto_text(clear_profile      ? SDP_PROTO_AVP
				: bits == SDP_DTLS ? SDP_PROTO_DTLS_SAVPF
						   : SDP_PROTO_SAVP);
	return bits;
}

enum err sdp_offer_make(struct sdp_offer *o, const struct sdp_offer_local *local, struct buf *out)
{
	struct page page;
	str proto;

	if (o->state == SDP_OFFER_SENT || !local_ok(local))
		return ERR_STATE;
	memset(&page, 0, sizeof(page));
	(void)begin_lines(o);
	unsigned security = offered_security(o, local, &proto);
	page_head(&page, o, local);
	struct sdp_media *m = page_audio(&page, o, local, proto);
	for (size_t i = 0; i < local->codec_n; i++)
		page_codec(m, &local->codecs[i], local->codecs[i].fmtp, local->codecs[i].payload_type);
	for (size_t i = 0; i < local->codec_n && local->dtmf; i++) {
		uint8_t type = event_type(local, local->codecs[i].rate_hz);
		bool there = !type;

		for (size_t k = 0; k < m->format_n; k++)
			there |= m->formats[k].payload_type == type;
		if (!there)
			page_event(m, local->codecs[i].rate_hz, type);
	}
	page_ice(&page, m, &local->end);
	page_keys(&page, m, &local->end, security, 1, SDP_SETUP_ACTPASS);
	enum err err = page_write(&page, o, out);
	if (!err) {
		o->local = *local;
		o->local.security = security;
		o->local.best_effort = str_eq(proto, sdp_proto_text(SDP_PROTO_AVP));
		o->state = SDP_OFFER_SENT;
	}
	return err;
}

static void agree(struct sdp_offer *o, const struct sdp_offer_result *r, struct sdp_offer_result *out)
{
	o->state = SDP_OFFER_AGREED;
	o->agreed_before = true;
	o->result = *r;
	o->setup = r->security != SDP_DTLS ? SDP_SETUP_NONE : r->dtls_client ? SDP_SETUP_ACTIVE : SDP_SETUP_PASSIVE;
	*out = *r;
}

/* Which of what we offered did this answer take? 0: none of it. */
static unsigned answered_security(const struct sdp_offer *o, const struct sdp_media *m)
{
	unsigned bits = media_security(m, o->local.end.suite) & o->local.security;

	/* best effort: an answer in RTP/AVP with a key took that key; one without took none */
	if (o->local.best_effort && bits & ~(unsigned)SDP_PLAIN)
		bits &= ~(unsigned)SDP_PLAIN;
	return bits;
}

static enum err take_parsed(struct sdp_offer *o, const struct sdp *sdp, struct sdp_offer_result *out)
{
	struct sdp_offer_result r = { 0 };

	if (o->audio_at >= sdp->media_n)
		return ERR_UNSUPPORTED;
	const struct sdp_media *m = &sdp->media[o->audio_at];
	if (!m->port) {
		r.refused = true;
	} else {
		enum err err = is_rtp(m) ? meet(o, &o->local, m, answered_security(o, m), false, &r) : ERR_UNSUPPORTED;
		if (err)
			return err;
	}
	agree(o, &r, out);
	return ERR_NONE;
}

#define ARENA_FIRST 8192
#define ARENA_LIMIT (256 * 1024)

enum err sdp_offer_take(struct sdp_offer *o, str answer, struct sdp_offer_result *out)
{
	_Alignas(16) char first[ARENA_FIRST];
	struct arena arena;
	struct sdp sdp;

	if (o->state != SDP_OFFER_SENT)
		return ERR_STATE;
	arena_init(&arena, first, sizeof(first), ARENA_LIMIT);
	enum err err = sdp_parse(answer, &arena, &sdp);
	if (!err)
		err = take_parsed(o, &sdp, out);
	arena_free(&arena);
	return err;
}

static bool has_word(str list, str word)
{
	while (list.n) {
		str one;

		(void)str_split(list, ' ', &one, &list);
		if (str_eq(one, word))
			return true;
	}
	return false;
}

/* Every m-line of their offer, to be refused in place but for ours. */
static void note_lines(struct sdp_offer *o, const struct sdp *sdp, size_t audio_at)
{
	o->line_n = sdp->media_n;
	o->audio_at = audio_at;
	for (size_t i = 0; i < sdp->media_n; i++) {
		const struct sdp_media *m = &sdp->media[i];
		str format;

		(void)str_split(m->formats_text, ' ', &format, &(str){ 0 });
		(void)str_copy_z(m->kind, o->lines[i].kind, sizeof(o->lines[i].kind));
		(void)str_copy_z(m->proto_text, o->lines[i].proto, sizeof(o->lines[i].proto));
		(void)str_copy_z(format.n ? format : STR("0"), o->lines[i].format, sizeof(o->lines[i].format));
		if (!str_copy_z(m->mid, o->lines[i].mid, sizeof(o->lines[i].mid)))
			o->lines[i].mid[0] = 0;
	}
	str group = sdp->group, kind;
	o->bundle = str_split(group, ' ', &kind, &group) && str_eq(kind, STR("BUNDLE")) &&
		    has_word(group, sdp->media[audio_at].mid);
}

/* The stream of before, else the first audio that is RTP and not closed. */
static const struct sdp_media *find_audio(const struct sdp_offer *o, const struct sdp *sdp)
{
	if (o->agreed_before && o->audio_at < sdp->media_n && is_rtp(&sdp->media[o->audio_at]))
		return &sdp->media[o->audio_at];
	for (size_t i = 0; i < sdp->media_n; i++)
		if (is_rtp(&sdp->media[i]) && sdp->media[i].port)
			return &sdp->media[i];
	return NULL;
}

/* The tag of the crypto line that we take (RFC 4568 5.1.2). */
static uint32_t answer_tag(const struct sdp_media *m, enum sdp_suite suite)
{
	uint8_t key[SDP_SDES_KEY_MAX];
	const struct sdp_crypto *c = sdp_sdes_find(m, suite, key);

	wipe(key, sizeof(key));
	return c ? c->tag : 0;
}

static const char *our_fmtp(const struct sdp_offer_local *local, const struct sdp_offer_codec *codec)
{
	for (size_t i = 0; i < local->codec_n; i++)
		if (str_eq_nocase(str_from(local->codecs[i].name), str_from(codec->name)) &&
		    local->codecs[i].rate_hz == codec->rate_hz)
			return local->codecs[i].fmtp;
	return "";
}

static enum err write_answer(struct sdp_offer *o, const struct sdp_offer_local *local, const struct sdp_media *theirs,
			     const struct sdp_offer_result *r, struct buf *out)
{
	struct page page;

	memset(&page, 0, sizeof(page));
	page_head(&page, o, local);
	if (!r->refused) {
		struct sdp_media *m = page_audio(&page, o, local, theirs->proto_text);

		page_codec(m, &r->codecs[0], our_fmtp(local, &r->codecs[0]), r->codecs[0].pt_recv);
		if (r->dtmf)
			page_event(m, r->dtmf_codec.rate_hz, r->dtmf_codec.pt_recv);
		m->direction = r->direction;
		m->rtcp_mux &= theirs->rtcp_mux;
		m->ptime_ms = r->ptime_ms;
		if (r->ice)
			page_ice(&page, m, &local->end);
		page_keys(&page, m, &local->end, r->security, answer_tag(theirs, local->end.suite),
			  r->dtls_client ? SDP_SETUP_ACTIVE : SDP_SETUP_PASSIVE);
	}
	return page_write(&page, o, out);
}

static enum err answer_parsed(struct sdp_offer *o, const struct sdp_offer_local *local, const struct sdp *sdp,
			      struct buf *out, struct sdp_offer_result *result)
{
	struct sdp_offer_result r = { 0 };
	const struct sdp_media *m = find_audio(o, sdp);
	enum err err = ERR_NONE;

	if (!m)
		return ERR_UNSUPPORTED;
	if (!m->port)
		r.refused = true;
	else
		err = meet(o, local, m, media_security(m, local->end.suite) & local->security, true, &r);
	if (err)
		return err;
	r.codec_n = r.refused ? 0 : 1; /* one codec is answered, so that nobody changes it midway */
	struct sdp_offer before = *o;
	note_lines(o, sdp, (size_t)(m - sdp->media));
	err = write_answer(o, local, m, &r, out);
	if (err)
		*o = before;
	else
		agree(o, &r, result);
	return err;
}

enum err sdp_offer_answer(struct sdp_offer *o, const struct sdp_offer_local *local, str offer, struct buf *out,
			  struct sdp_offer_result *result)
{
	_Alignas(16) char first[ARENA_FIRST];
	struct arena arena;
	struct sdp sdp;

	if (o->state == SDP_OFFER_SENT || !local_ok(local))
		return ERR_STATE;
	arena_init(&arena, first, sizeof(first), ARENA_LIMIT);
	enum err err = sdp_parse(offer, &arena, &sdp);
	if (!err)
		err = answer_parsed(o, local, &sdp, out, result);
	arena_free(&arena);
	return err;
}

static enum err look_parsed(const struct sdp *sdp, struct sdp_offer_sight *out)
{
	static const struct sdp_offer fresh = { 0 };
	const struct sdp_media *m = find_audio(&fresh, sdp);
	struct sdp_offer_sight sight = { 0 };

	if (!m)
		return ERR_UNSUPPORTED;
	sight.security = media_security(m, SDP_AES_CM_128_HMAC_SHA1_80) |
			 media_security(m, SDP_AES_CM_128_HMAC_SHA1_32) | media_security(m, SDP_AEAD_AES_128_GCM);
	sight.ice = m->ice_ufrag.n && m->ice_pwd.n;
	for (size_t i = 0; i < m->format_n && sight.codec_n < SDP_OFFER_CODEC_MAX; i++)
		if (m->formats[i].name.n && !str_eq_nocase(m->formats[i].name, event_name))
			take_format(&m->formats[i], &sight.codecs[sight.codec_n++]);
	*out = sight;
	return ERR_NONE;
}

enum err sdp_offer_look(str offer, struct sdp_offer_sight *out)
{
	_Alignas(16) char first[ARENA_FIRST];
	struct arena arena;
	struct sdp sdp;

	arena_init(&arena, first, sizeof(first), ARENA_LIMIT);
	enum err err = sdp_parse(offer, &arena, &sdp);
	if (!err)
		err = look_parsed(&sdp, out);
	arena_free(&arena);
	return err;
}

void sdp_offer_cancel(struct sdp_offer *o)
{
	if (o->state == SDP_OFFER_SENT)
		o->state = o->agreed_before ? SDP_OFFER_AGREED : SDP_OFFER_NONE;
	wipe(&o->local, sizeof(o->local));
}

void sdp_offer_wipe(struct sdp_offer *o)
{
	wipe(o, sizeof(*o));
}
