#include "media/session.h"

#include "media/dtmf.h"
#include "media/jitter.h"
#include "media/level.h"
#include "media/resample.h"
#include "media/rtcp.h"

#include <stdlib.h>

#define FIFO_N       (2 * CODEC_FRAMES_MAX) /* decoded sound waiting for its period: a packet of 120 ms and a rest */
#define CONCEAL_MS   20
#define JITTER_MS    60
#define PTIME_MAX_MS 60
#define CNAME_N      16

struct out_slot {
	enum media_out_kind kind;
	char key;
	size_t n;
	uint8_t bytes[RTP_PACKET_MAX];
};

/* One codec that may come in, ready to be heard. */
struct voice {
	struct media_session_codec terms;
	const struct codec_info *info;
	struct codec *codec;
	struct resample *up; /* to 48 kHz; NULL where that is its rate */
};

/* What we send. */
struct mouth {
	uint32_t ssrc;
	uint16_t sequence;
	uint32_t timestamp; /* of the period that is being gathered */
	uint32_t clock_hz;
	struct resample *down;
	int16_t pcm[PTIME_MAX_MS * MEDIA_RATE_HZ / 1000]; /* gathered, at the codec's rate */
	size_t gathered;
	bool silent; /* nothing went out lately: the next packet bears the marker */
	uint64_t packets, octets;
	uint64_t reported; /* packets when the last report was made */
	usec last_packet;  /* when `timestamp` was now */
	double level_dbfs;
};

/* What we hear. */
struct ear {
	bool known; /* somebody has been heard */
	struct rtp_source source;
	uint32_t lost_before; /* of sources that were replaced */
	struct voice *voice;  /* the last one heard */
	struct jitter *jitter;
	int16_t fifo[FIFO_N];
	size_t fifo_n;
	bool playing; /* the first packet has been played */
	bool concealing;
	uint64_t packets, octets, periods;
	uint32_t concealed, unknown;
	usec first_packet, last_packet;
	double level_dbfs;
	uint32_t last_sr; /* RFC 3550 6.4.1 */
	usec last_sr_at;
};

/* Payloads of another session on their way out here. */
struct forwarding {
	const struct media_session *from;
	uint32_t from_ssrc;
	uint16_t sequence_offset;
	uint32_t timestamp_offset;
};

struct media_session {
	struct media_session_setup setup;
	char cname[RTCP_CNAME_MAX];
	struct voice voices[MEDIA_CODEC_MAX];
	size_t voice_n;
	struct mouth mouth;
	struct ear ear;
	struct forwarding forwarding;
	bool relay;
	struct dtmf_sender keys_out;
	struct dtmf_receiver keys_in;
	usec report_due;
	double rtt_ms, remote_loss;
	uint32_t remote_lost;
	struct out_slot out[MEDIA_OUT_N];
	size_t out_at, out_n;
	uint32_t dropped_out;
	int16_t work[CODEC_FRAMES_MAX]; /* a packet decoded, before it is brought to 48 kHz */
};

/* ---- making and changing ---- */

static void voices_free(struct voice *voices, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		codec_free(voices[i].codec);
		resample_free(voices[i].up);
	}
}

static enum err voice_start(struct voice *v, const struct media_session_codec *terms, const struct codec_setup *setup,
			    bool first)
{
	struct codec_setup own = *setup;

	v->terms = *terms;
	v->info = codec_info(terms->id);
	if (!v->info)
		return ERR_UNSUPPORTED;
	own.decode_only = !first;
	v->codec = codec_new(terms->id, &own);
	if (v->info->sample_hz != MEDIA_RATE_HZ)
		v->up = resample_new(v->info->sample_hz, MEDIA_RATE_HZ);
	return v->codec && (v->up || v->info->sample_hz == MEDIA_RATE_HZ) ? ERR_NONE : ERR_MEMORY;
}

static enum err voices_start(struct voice *voices, const struct media_session_setup *setup, struct resample **down)
{
	enum err err = setup->codec_n && setup->codec_n <= MEDIA_CODEC_MAX ? ERR_NONE : ERR_UNSUPPORTED;

	*down = NULL;
	for (size_t i = 0; i < setup->codec_n && !err; i++)
		err = voice_start(&voices[i], &setup->codecs[i], &setup->codec, i == 0);
	if (!err && voices[0].info->sample_hz != MEDIA_RATE_HZ) {
		*down = resample_new(MEDIA_RATE_HZ, voices[0].info->sample_hz);
		err = *down ? ERR_NONE : ERR_MEMORY;
	}
	return err;
}

static bool same_codecs(const struct media_session_setup *a, const struct media_session_setup *b)
{
	if (a->codec_n != b->codec_n)
		return false;
	for (size_t i = 0; i < a->codec_n; i++)
		if (a->codecs[i].id != b->codecs[i].id || a->codecs[i].pt_send != b->codecs[i].pt_send ||
		    a->codecs[i].pt_recv != b->codecs[i].pt_recv)
			return false;
	return a->codec.bitrate_bps == b->codec.bitrate_bps && a->codec.loss_percent == b->codec.loss_percent &&
	       a->codec.max_sample_hz == b->codec.max_sample_hz && a->codec.dtx == b->codec.dtx;
}

static void take_setup(struct media_session *s, const struct media_session_setup *setup)
{
	struct rng *rng = setup->rng;

	s->setup = *setup;
	s->setup.rng = rng;
	s->setup.cname = STR_NONE; /* kept in s->cname */
	if (s->setup.ptime_ms != 40 && s->setup.ptime_ms != 60)
		s->setup.ptime_ms = 20;
	if (!s->setup.dtmf_clock_hz)
		s->setup.dtmf_clock_hz = s->voices[0].info->clock_hz;
	s->mouth.clock_hz = s->voices[0].info->clock_hz;
}

static enum err use_codecs(struct media_session *s, const struct media_session_setup *setup)
{
	struct voice voices[MEDIA_CODEC_MAX] = { 0 };
	struct resample *down;
	enum err err = voices_start(voices, setup, &down);

	if (err) {
		voices_free(voices, MEDIA_CODEC_MAX);
		resample_free(down);
		return err;
	}
	voices_free(s->voices, s->voice_n);
	resample_free(s->mouth.down);
	memcpy(s->voices, voices, sizeof(voices));
	s->voice_n = setup->codec_n;
	s->mouth.down = down;
	s->mouth.gathered = 0;
	s->mouth.silent = true;
	s->ear.voice = NULL;
	s->ear.fifo_n = 0;
	dtmf_sender_init(&s->keys_out, setup->dtmf_clock_hz ? setup->dtmf_clock_hz : s->voices[0].info->clock_hz);
	if (s->ear.jitter)
		jitter_reset(s->ear.jitter, s->voices[0].info->clock_hz);
	return ERR_NONE;
}

struct media_session *media_session_new(const struct media_session_setup *setup, usec now)
{
	struct media_session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	if (use_codecs(s, setup)) {
		media_session_free(s);
		return NULL;
	}
	take_setup(s, setup);
	s->ear.jitter = jitter_new(s->mouth.clock_hz, setup->jitter_ms ? setup->jitter_ms : JITTER_MS, 20);
	if (!s->ear.jitter) {
		media_session_free(s);
		return NULL;
	}
	s->mouth.ssrc = rng_u32(setup->rng);
	s->mouth.sequence = (uint16_t)(rng_u32(setup->rng) & 0x7fff); /* far from the wrap: kind to SRTP receivers */
	s->mouth.timestamp = rng_u32(setup->rng);
	s->mouth.level_dbfs = s->ear.level_dbfs = -120;
	s->rtt_ms = s->remote_loss = -1;
	if (setup->cname.n)
		(void)str_copy_z(setup->cname, s->cname, sizeof(s->cname));
	else
		rng_text(setup->rng, s->cname, CNAME_N);
	s->report_due = rtcp_next_report(now, true, setup->rng);
	return s;
}

void media_session_free(struct media_session *s)
{
	if (!s)
		return;
	voices_free(s->voices, s->voice_n);
	resample_free(s->mouth.down);
	jitter_free(s->ear.jitter);
	free(s);
}

enum err media_session_change(struct media_session *s, const struct media_session_setup *setup, usec now)
{
	bool sent = s->setup.send;

	(void)now;
	if (!same_codecs(&s->setup, setup)) {
		enum err err = use_codecs(s, setup);

		if (err)
			return err;
	}
	take_setup(s, setup);
	if (!sent && setup->send)
		s->mouth.silent = true;
	return ERR_NONE;
}

/* ---- going out ---- */

static struct out_slot *push(struct media_session *s, enum media_out_kind kind)
{
	if (s->out_n == MEDIA_OUT_N) {
		s->out_at = (s->out_at + 1) % MEDIA_OUT_N;
		s->out_n--;
		s->dropped_out++;
	}
	struct out_slot *slot = &s->out[(s->out_at + s->out_n++) % MEDIA_OUT_N];
	slot->kind = kind;
	slot->n = 0;
	return slot;
}

bool media_session_next(struct media_session *s, struct media_out *out)
{
	if (!s->out_n)
		return false;
	struct out_slot *slot = &s->out[s->out_at];
	s->out_at = (s->out_at + 1) % MEDIA_OUT_N;
	s->out_n--;
	*out = (struct media_out){ slot->kind, slot->bytes, slot->n, sizeof(slot->bytes) - slot->n, slot->key };
	return true;
}

static void send_rtp(struct media_session *s, const struct rtp_packet *packet, usec now)
{
	struct out_slot *slot = push(s, MEDIA_RTP);
	struct buf out;

	buf_init(&out, slot->bytes, sizeof(slot->bytes));
	rtp_write(packet, &out);
	if (!buf_ok(&out)) { /* larger than any packet of ours: not sent */
		s->out_n--;
		return;
	}
	slot->n = out.n;
	s->mouth.packets++;
	s->mouth.octets += packet->payload.n;
	s->mouth.last_packet = now;
	s->mouth.silent = false;
}

static void send_key(struct media_session *s, const struct dtmf_packet *key, usec now)
{
	send_rtp(s,
		 &(struct rtp_packet){ .marker = key->marker,
				       .payload_type = s->setup.dtmf_pt_send,
				       .sequence = s->mouth.sequence++,
				       .timestamp = key->timestamp,
				       .ssrc = s->mouth.ssrc,
				       .payload = { (const char *)key->payload, DTMF_PAYLOAD_N } },
		 now);
}

static void send_sound(struct media_session *s, usec now)
{
	uint8_t payload[CODEC_PAYLOAD_MAX];
	size_t n = 0;

	if (codec_encode(s->voices[0].codec, s->mouth.pcm, s->mouth.gathered, payload, sizeof(payload), &n))
		return;
	if (!n) { /* nothing to say (DTX) */
		s->mouth.silent = true;
		return;
	}
	send_rtp(s,
		 &(struct rtp_packet){ .marker = s->mouth.silent,
				       .payload_type = s->voices[0].terms.pt_send,
				       .sequence = s->mouth.sequence++,
				       .timestamp = s->mouth.timestamp,
				       .ssrc = s->mouth.ssrc,
				       .payload = { (const char *)payload, n } },
		 now);
}

/* Adds one period to what is gathered, at the codec's rate. */
static void gather(struct mouth *m, const int16_t *pcm, size_t period)
{
	size_t in_n = MEDIA_PERIOD, out_n = period;

	if (m->down) {
		resample_run(m->down, pcm, &in_n, m->pcm + m->gathered, &out_n);
		memset(m->pcm + m->gathered + out_n, 0, (period - out_n) * sizeof(*pcm));
	} else {
		memcpy(m->pcm + m->gathered, pcm, period * sizeof(*pcm));
	}
	m->gathered += period;
}

void media_session_speak(struct media_session *s, const int16_t pcm[MEDIA_PERIOD], usec now)
{
	struct mouth *m = &s->mouth;
	size_t period = s->voices[0].info->sample_hz / 50;
	uint32_t units = m->clock_hz / 50;
	bool busy = dtmf_sender_is_busy(&s->keys_out);
	struct dtmf_packet key;

	m->level_dbfs = level_dbfs(pcm, MEDIA_PERIOD);
	if (busy && m->gathered) { /* a part of a packet: sound and keys do not overlap */
		m->timestamp += (uint32_t)(m->gathered / period) * units;
		m->gathered = 0;
	}
	/* the event's units are its own clock's, the timestamp is the stream's */
	if (s->setup.send && dtmf_sender_tick(&s->keys_out, m->timestamp, s->setup.dtmf_clock_hz / 50, &key))
		send_key(s, &key, now);
	if (busy || !s->setup.send) {
		m->timestamp += units;
		m->silent = true;
		m->gathered = 0;
		return;
	}
	gather(m, pcm, period);
	size_t periods = m->gathered / period;
	if (periods * 20 < s->setup.ptime_ms)
		return;
	send_sound(s, now);
	m->timestamp += (uint32_t)periods * units;
	m->gathered = 0;
}

enum err media_session_press(struct media_session *s, str keys, uint16_t key_ms)
{
	if (!s->setup.dtmf)
		return ERR_UNSUPPORTED;
	return dtmf_sender_press(&s->keys_out, keys, key_ms);
}

/* ---- coming in ---- */

static struct voice *find_voice(struct media_session *s, uint8_t payload_type)
{
	for (size_t i = 0; i < s->voice_n; i++)
		if (s->voices[i].terms.pt_recv == payload_type)
			return &s->voices[i];
	/* some phones answer with one number and send another that we named for the same stream */
	for (size_t i = 0; i < s->voice_n; i++)
		if (s->voices[i].terms.pt_send == payload_type)
			return &s->voices[i];
	return NULL;
}

static void use_source(struct media_session *s, uint32_t ssrc, const struct voice *voice)
{
	struct ear *e = &s->ear;
	struct rtp_loss loss;

	if (e->known && e->source.ssrc == ssrc && e->source.clock_hz == voice->info->clock_hz)
		return;
	if (e->known) {
		rtp_source_loss(&e->source, false, &loss);
		e->lost_before += loss.lost > 0 ? (uint32_t)loss.lost : 0;
		e->last_sr = 0;
	}
	rtp_source_init(&e->source, ssrc, voice->info->clock_hz);
	e->known = true;
}

static void use_voice(struct media_session *s, struct voice *voice)
{
	if (s->ear.voice && s->ear.voice != voice)
		jitter_reset(s->ear.jitter, voice->info->clock_hz);
	else if (!s->ear.voice && voice->info->clock_hz != s->voices[0].info->clock_hz)
		jitter_reset(s->ear.jitter, voice->info->clock_hz);
	s->ear.voice = voice;
}

static void recv_key(struct media_session *s, const struct rtp_packet *p)
{
	struct dtmf_press press;

	if (dtmf_receive(&s->keys_in, p->timestamp, p->payload, &press))
		push(s, MEDIA_KEY)->key = press.key;
}

static void recv_rtp(struct media_session *s, str datagram, usec now)
{
	struct ear *e = &s->ear;
	struct rtp_packet p;

	if (rtp_parse(datagram, &p)) {
		e->unknown++;
		return;
	}
	bool key = s->setup.dtmf && p.payload_type == s->setup.dtmf_pt_recv;
	struct voice *voice = key ? (e->voice ? e->voice : &s->voices[0]) : find_voice(s, p.payload_type);
	size_t frames = voice && !key ? codec_frames(voice->terms.id, p.payload) : 0;
	if (!voice || (!key && !frames)) {
		e->unknown++;
		return;
	}
	use_source(s, p.ssrc, voice);
	if (!rtp_source_seen(&e->source, p.sequence, p.timestamp, now))
		return;
	if (!e->packets++)
		e->first_packet = now;
	e->last_packet = now;
	e->octets += p.payload.n;
	if (key) {
		recv_key(s, &p);
		return;
	}
	use_voice(s, voice);
	uint32_t span = (uint32_t)(frames * voice->info->clock_hz / voice->info->sample_hz);
	if (!s->relay && s->setup.receive)
		(void)jitter_put(e->jitter, p.ssrc, p.sequence, p.timestamp, span, p.payload_type, p.payload);
}

static void recv_rtcp(struct media_session *s, str datagram, usec now)
{
	struct rtcp_packet p;

	if (!rtcp_is_valid(datagram)) {
		s->ear.unknown++;
		return;
	}
	while (!rtcp_take(&datagram, &p)) {
		if (p.kind == RTCP_SR) {
			s->ear.last_sr = rtcp_ntp_middle(p.ntp);
			s->ear.last_sr_at = now;
		}
		for (size_t i = 0; i < p.block_n; i++) {
			if (p.blocks[i].ssrc != s->mouth.ssrc)
				continue;
			int64_t trip = rtcp_round_trip_us(&p.blocks[i], now);
			if (trip >= 0)
				s->rtt_ms = (double)trip / 1000;
			s->remote_loss = p.blocks[i].fraction / 256.0;
			s->remote_lost = p.blocks[i].lost > 0 ? (uint32_t)p.blocks[i].lost : 0;
		}
	}
}

void media_session_recv(struct media_session *s, str datagram, usec now)
{
	if (rtp_is_rtcp(datagram))
		recv_rtcp(s, datagram, now);
	else
		recv_rtp(s, datagram, now);
}

/* Decoded sound at the codec's rate goes to the fifo at 48 kHz. */
static void append(struct media_session *s, const struct voice *v, size_t frames)
{
	struct ear *e = &s->ear;
	size_t room = FIFO_N - e->fifo_n;

	if (v->up) {
		size_t in_n = frames, out_n = room;

		resample_run(v->up, s->work, &in_n, e->fifo + e->fifo_n, &out_n);
		e->fifo_n += out_n;
	} else {
		size_t n = frames < room ? frames : room;

		memcpy(e->fifo + e->fifo_n, s->work, n * sizeof(*s->work));
		e->fifo_n += n;
	}
}

/* A gap of `units` of RTP time: made up, 20 ms at a time. */
static void conceal(struct media_session *s, uint32_t units, bool next_is_here)
{
	struct ear *e = &s->ear;
	struct voice *v = e->voice;
	uint32_t most = v->info->clock_hz / 1000 * CONCEAL_MS;
	bool whole = units == most; /* the one packet before the next: in-band FEC may have it */
	str next = STR_NONE;

	if (units > most)
		units = most;
	size_t frames = (size_t)((uint64_t)units * v->info->sample_hz / v->info->clock_hz);
	if (whole && next_is_here)
		(void)jitter_peek(e->jitter, &next);
	if (e->playing)
		codec_conceal(v->codec, next, s->work, frames);
	else
		memset(s->work, 0, frames * sizeof(*s->work));
	append(s, v, frames);
	jitter_skip(e->jitter, units);
	e->concealing |= e->playing;
}

static void play_packet(struct media_session *s, const struct jitter_packet *p)
{
	struct voice *v = find_voice(s, p->payload_type);
	size_t frames;

	if (!v || codec_decode(v->codec, p->payload, s->work, CODEC_FRAMES_MAX, &frames)) {
		s->ear.unknown++;
		v = s->ear.voice;
		frames = (size_t)((uint64_t)p->span * v->info->sample_hz / v->info->clock_hz);
		if (frames > CODEC_FRAMES_MAX)
			frames = CODEC_FRAMES_MAX;
		codec_conceal(v->codec, STR_NONE, s->work, frames);
		s->ear.concealing = true;
	}
	s->ear.playing = true;
	append(s, v, frames);
}

/* Some more sound into the fifo. A resampler that begins gives a sample less: then it is called again. */
static void fill(struct media_session *s)
{
	struct jitter_packet p;

	switch (jitter_take(s->ear.jitter, &p)) {
	case JITTER_PACKET:
		play_packet(s, &p);
		break;
	case JITTER_GAP:
		conceal(s, p.span, true);
		break;
	case JITTER_EMPTY:
		conceal(s, UINT32_MAX, false);
		break;
	}
}

void media_session_play(struct media_session *s, int16_t pcm[MEDIA_PERIOD], usec now)
{
	struct ear *e = &s->ear;

	(void)now;
	e->periods++;
	e->concealing = false;
	if (!e->voice || s->relay || !s->setup.receive) {
		memset(pcm, 0, MEDIA_PERIOD * sizeof(*pcm));
		e->level_dbfs = -120;
		return;
	}
	while (e->fifo_n < MEDIA_PERIOD)
		fill(s);
	memcpy(pcm, e->fifo, MEDIA_PERIOD * sizeof(*pcm));
	e->fifo_n -= MEDIA_PERIOD;
	memmove(e->fifo, e->fifo + MEDIA_PERIOD, e->fifo_n * sizeof(*pcm));
	e->concealed += e->concealing;
	e->level_dbfs = level_dbfs(pcm, MEDIA_PERIOD);
}

/* ---- handing over ---- */

void media_session_relay(struct media_session *s, bool on)
{
	if (s->relay == on)
		return;
	s->relay = on;
	s->ear.fifo_n = 0;
	s->ear.playing = false;
	jitter_reset(s->ear.jitter, s->ear.voice ? s->ear.voice->info->clock_hz : s->mouth.clock_hz);
}

static const struct voice *voice_for(const struct media_session *to, enum codec_id id)
{
	for (size_t i = 0; i < to->voice_n; i++)
		if (to->voices[i].terms.id == id)
			return &to->voices[i];
	return NULL;
}

bool media_session_can_forward(const struct media_session *to, const struct media_session *from)
{
	for (size_t i = 0; i < from->voice_n; i++)
		if (!voice_for(to, from->voices[i].terms.id))
			return false;
	return to->voices[0].info->clock_hz == from->voices[0].info->clock_hz;
}

/* Where a stream that begins to be handed over joins ours. */
static void join(struct media_session *s, const struct media_session *from, const struct rtp_packet *p)
{
	s->forwarding = (struct forwarding){ .from = from,
					     .from_ssrc = p->ssrc,
					     .sequence_offset = (uint16_t)(s->mouth.sequence - p->sequence),
					     .timestamp_offset = s->mouth.timestamp - p->timestamp };
	s->mouth.silent = true;
}

static bool forward_type(const struct media_session *s, const struct media_session *from, const struct rtp_packet *p,
			 uint8_t *out)
{
	if (from->setup.dtmf && p->payload_type == from->setup.dtmf_pt_recv) {
		*out = s->setup.dtmf_pt_send;
		return s->setup.dtmf && s->setup.dtmf_clock_hz == from->setup.dtmf_clock_hz;
	}
	for (size_t i = 0; i < from->voice_n; i++)
		if (from->voices[i].terms.pt_recv == p->payload_type) {
			const struct voice *ours = voice_for(s, from->voices[i].terms.id);

			*out = ours ? ours->terms.pt_send : 0;
			return ours && ours->info->clock_hz == s->mouth.clock_hz;
		}
	return false;
}

bool media_session_forward(struct media_session *s, const struct media_session *from, const struct rtp_packet *p,
			   usec now)
{
	struct forwarding *f = &s->forwarding;
	struct rtp_packet out = { .marker = p->marker, .ssrc = s->mouth.ssrc, .payload = p->payload };

	if (!s->setup.send || !forward_type(s, from, p, &out.payload_type))
		return false;
	if (dtmf_sender_is_busy(&s->keys_out)) /* a key of ours is under way: the sound gives way */
		return true;
	if (f->from != from || f->from_ssrc != p->ssrc)
		join(s, from, p);
	out.marker |= s->mouth.silent;
	out.sequence = (uint16_t)(p->sequence + f->sequence_offset);
	out.timestamp = p->timestamp + f->timestamp_offset;
	send_rtp(s, &out, now);
	/* gaps and disorder are handed on as they are; what we would say next comes behind all of it */
	if (rtp_sequence_ahead(out.sequence, s->mouth.sequence) >= 0)
		s->mouth.sequence = (uint16_t)(out.sequence + 1);
	if (rtp_timestamp_ahead(out.timestamp, s->mouth.timestamp) >= 0)
		s->mouth.timestamp = out.timestamp + s->mouth.clock_hz / 50;
	return true;
}

/* ---- reports ---- */

static size_t report_block(struct media_session *s, struct rtcp_block *block, usec now)
{
	struct ear *e = &s->ear;
	struct rtp_loss loss;

	if (!e->known)
		return 0;
	rtp_source_loss(&e->source, true, &loss);
	*block = (struct rtcp_block){ .ssrc = e->source.ssrc,
				      .fraction = loss.fraction,
				      .lost = loss.lost,
				      .highest = loss.highest,
				      .jitter = loss.jitter,
				      .last_sr = e->last_sr };
	if (e->last_sr)
		block->since_last_sr = (uint32_t)((now - e->last_sr_at) * 65536 / USEC_PER_SEC);
	return 1;
}

static void write_report(struct media_session *s, bool bye, usec now)
{
	struct mouth *m = &s->mouth;
	struct out_slot *slot = push(s, MEDIA_RTCP);
	struct rtcp_block block;
	size_t n = report_block(s, &block, now);
	struct buf out;

	buf_init(&out, slot->bytes, sizeof(slot->bytes));
	if (m->packets != m->reported) { /* RFC 3550 6.4: SR for who has sent since the last report but one */
		usec since = now - m->last_packet;
		uint32_t timestamp = m->timestamp + (uint32_t)(since * (usec)m->clock_hz / USEC_PER_SEC);

		rtcp_write_sr(&out, m->ssrc, rtcp_ntp(now), timestamp, (uint32_t)m->packets, (uint32_t)m->octets,
			      &block, n);
	} else {
		rtcp_write_rr(&out, m->ssrc, &block, n);
	}
	m->reported = m->packets;
	rtcp_write_sdes(&out, m->ssrc, str_from(s->cname));
	if (bye)
		rtcp_write_bye(&out, m->ssrc);
	slot->n = out.n;
}

void media_session_tick(struct media_session *s, usec now)
{
	if (now < s->report_due)
		return;
	write_report(s, false, now);
	s->report_due = rtcp_next_report(now, false, s->setup.rng);
}

usec media_session_due(const struct media_session *s)
{
	return s->out_n ? 0 : s->report_due;
}

void media_session_bye(struct media_session *s, usec now)
{
	write_report(s, true, now);
	s->report_due = USEC_NEVER;
}

void media_session_stats(const struct media_session *s, struct media_stats *out)
{
	const struct ear *e = &s->ear;
	const struct jitter_counts *counts = jitter_counts(e->jitter);
	const struct codec_info *info = e->voice ? e->voice->info : s->voices[0].info;
	struct rtp_source source = e->source; /* looking does not begin a new interval */
	struct rtp_loss loss;

	rtp_source_loss(&source, false, &loss);
	*out = (struct media_stats){ .codec = info->id,
				     .codec_name = info->name,
				     .band = info->band,
				     .ssrc_local = s->mouth.ssrc,
				     .ssrc_remote = e->known ? e->source.ssrc : 0,
				     .packets_sent = s->mouth.packets,
				     .octets_sent = s->mouth.octets,
				     .packets_received = e->packets,
				     .octets_received = e->octets,
				     .lost = e->lost_before + (e->known && loss.lost > 0 ? (uint32_t)loss.lost : 0),
				     .late = counts->late,
				     .duplicate = counts->duplicate,
				     .reordered = counts->reordered,
				     .unknown = e->unknown,
				     .dropped_out = s->dropped_out,
				     .periods = e->periods,
				     .concealed = e->concealed,
				     .jitter_ms = rtp_source_jitter_us(&e->source) / 1000.0,
				     .delay_ms = jitter_delay_ms(e->jitter),
				     .rtt_ms = s->rtt_ms,
				     .remote_loss = s->remote_loss,
				     .remote_lost = s->remote_lost,
				     .level_in_dbfs = e->level_dbfs,
				     .level_out_dbfs = s->mouth.level_dbfs,
				     .first_packet = e->first_packet,
				     .last_packet = e->last_packet };
}
