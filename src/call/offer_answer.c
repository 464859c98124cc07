#include "call/offer_answer.h"

#include "crypt/secret.h"

void offer_answer_init(struct offer_answer *oa, const struct call_media_wish *wish, struct rng *rng)
{
	memset(oa, 0, sizeof(*oa));
	oa->wish = *wish;
	sdp_offer_init(&oa->now, rng);
}

void offer_answer_wipe(struct offer_answer *oa)
{
	sdp_offer_wipe(&oa->now);
	sdp_offer_wipe(&oa->sent);
	secret_wipe(oa, sizeof(*oa));
}

static const struct codec_info *known(const struct sdp_offer_codec *codec)
{
	return codec_find(str_from(codec->name), codec->rate_hz, codec->channels);
}

static bool has_codec(const struct offer_answer *oa, const struct sdp_offer_sight *sight)
{
	for (size_t i = 0; i < sight->codec_n; i++) {
		const struct codec_info *info = known(&sight->codecs[i]);

		for (size_t k = 0; info && k < oa->wish.codec_n; k++)
			if (info->id == oa->wish.codecs[k])
				return true;
	}
	return false;
}

enum err offer_answer_look(struct offer_answer *oa, str offer, struct media_ask *ask)
{
	struct sdp_offer_sight sight;
	enum err err = sdp_offer_look(offer, &sight);

	if (err != ERR_NONE)
		return err;
	if (!(sight.security & oa->wish.security) || !has_codec(oa, &sight))
		return ERR_UNSUPPORTED;
	ask->security = oa->wish.security &= sight.security;
	ask->ice = oa->wish.ice = sight.ice && oa->wish.ice;
	return ERR_NONE;
}

void offer_answer_opened(struct offer_answer *oa, const struct sdp_offer_end *local)
{
	oa->local = *local;
}

static void fill(const struct offer_answer *oa, bool hold, struct sdp_offer_local *local)
{
	memset(local, 0, sizeof(*local));
	for (size_t i = 0; i < oa->wish.codec_n; i++) {
		const struct codec_info *info = codec_info(oa->wish.codecs[i]);
		struct sdp_offer_codec *codec = &local->codecs[local->codec_n];

		if (!info)
			continue;
		(void)str_copy_z(info->name, codec->name, sizeof(codec->name));
		(void)str_copy_z(info->fmtp, codec->fmtp, sizeof(codec->fmtp));
		codec->rate_hz = info->clock_hz;
		codec->channels = info->channels;
		codec->payload_type = info->payload_type;
		local->codec_n++;
	}
	local->dtmf = true;
	local->security = oa->wish.security;
	local->best_effort = (oa->wish.security & SDP_PLAIN) && oa->wish.security != SDP_PLAIN;
	local->direction = hold ? SDP_SENDONLY : SDP_SENDRECV;
	local->end = oa->local;
}

enum err offer_answer_make(struct offer_answer *oa, bool hold, struct buf *out)
{
	struct sdp_offer_local local;
	enum err err;

	fill(oa, hold, &local);
	err = sdp_offer_make(&oa->now, &local, out);
	if (err == ERR_NONE)
		oa->sent = oa->now;
	secret_wipe(&local, sizeof(local));
	return err == ERR_NONE ? out->err : err;
}

enum err offer_answer_take(struct offer_answer *oa, str answer, bool again)
{
	struct sdp_offer_result result;
	enum err err;

	if (again)
		oa->now = oa->sent;
	err = sdp_offer_take(&oa->now, answer, &result);
	if (err == ERR_NONE && (result.refused || !result.codec_n))
		err = ERR_UNSUPPORTED;
	if (err == ERR_NONE)
		oa->result = result;
	secret_wipe(&result, sizeof(result));
	return err;
}

enum err offer_answer_answer(struct offer_answer *oa, bool hold, str offer, struct buf *out)
{
	struct sdp_offer_result result;
	struct sdp_offer_local local;
	enum err err;

	fill(oa, hold, &local);
	err = sdp_offer_answer(&oa->now, &local, offer, out, &result);
	if (err == ERR_NONE)
		err = out->err;
	if (err == ERR_NONE)
		oa->result = result;
	secret_wipe(&local, sizeof(local));
	secret_wipe(&result, sizeof(result));
	return err;
}

void offer_answer_cancel(struct offer_answer *oa)
{
	sdp_offer_cancel(&oa->now);
}

bool offer_answer_waits(const struct offer_answer *oa)
{
	return oa->now.state == SDP_OFFER_SENT;
}

int offer_answer_status(enum err err)
{
	switch (err) {
	case ERR_SYNTAX:
	case ERR_LIMIT:
		return 400;
	case ERR_UNSUPPORTED:
		return 488;
	case ERR_STATE:
		return 491;
	default:
		return 500;
	}
}

enum codec_id offer_answer_codec(const struct offer_answer *oa)
{
	const struct codec_info *info = oa->result.codec_n ? known(&oa->result.codecs[0]) : NULL;

	return info ? info->id : CODEC_NONE;
}
