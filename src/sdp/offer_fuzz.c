/* Any bytes as an offer, then as an answer: what is answered must itself be readable. */
#include "sdp/offer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void capabilities(struct sdp_offer_local *local)
{
	static const struct sdp_offer_codec codecs[] = { { "opus", 48000, 2, 96, "useinbandfec=1", 0, 0 },
							 { "PCMA", 8000, 1, 8, "", 0, 0 } };

	memset(local, 0, sizeof(*local));
	memcpy(local->codecs, codecs, sizeof(codecs));
	local->codec_n = 2;
	local->dtmf = true;
	local->security = SDP_PLAIN | SDP_SDES | SDP_DTLS;
	local->best_effort = true;
	local->end.rtp = addr_v4(192, 0, 2, 1, 4000);
	local->end.rtcp_mux = true;
	memcpy(local->end.ufrag, "abcd", 4);
	memcpy(local->end.pwd, "0123456789012345678901", 22);
	memcpy(local->end.print.hash, "sha-256", 7);
	local->end.print.n = 32;
	local->end.suite = SDP_AES_CM_128_HMAC_SHA1_80;
	local->end.sdes_key_n = 30;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct sdp_offer_local local;
	struct sdp_offer_result result;
	struct sdp_offer_sight sight;
	struct sdp_offer offer;
	struct rng rng;
	struct buf out;
	str text = str_of((const char *)data, n);

	capabilities(&local);
	rng_seeded(&rng, 1);
	sdp_offer_init(&offer, &rng);
	buf_init_grow(&out, 1 << 20);
	if (!sdp_offer_answer(&offer, &local, text, &out, &result)) {
		if (sdp_offer_look(text, &sight) || (!result.refused && sdp_offer_look(buf_str(&out), &sight)))
			abort();
	}
	buf_reset(&out);
	if (!sdp_offer_make(&offer, &local, &out)) {
		if (!sdp_offer_take(&offer, text, &result) && !result.refused && !result.codec_n)
			abort();
	}
	buf_free(&out);
	return 0;
}
