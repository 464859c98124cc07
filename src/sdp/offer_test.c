#include "sdp/offer.h"

#include "base/test.h"

static const struct sdp_offer_codec opus = { "opus", 48000, 2, 96, "useinbandfec=1", 0, 0 };
static const struct sdp_offer_codec pcma = { "PCMA", 8000, 1, 8, "", 0, 0 };
static const struct sdp_offer_codec pcmu = { "PCMU", 8000, 1, 0, "", 0, 0 };

/* One of two sides under test, with its text of last. */
struct side {
	struct sdp_offer offer;
	struct sdp_offer_local local;
	struct sdp_offer_result result;
	char text[SDP_OFFER_BODY_MAX];
	struct buf out;
};

static void side_init(struct side *s, uint8_t number, unsigned security)
{
	struct rng rng;

	memset(s, 0, sizeof(*s));
	rng_seeded(&rng, number);
	sdp_offer_init(&s->offer, &rng);
	buf_init(&s->out, s->text, sizeof(s->text));
	s->local.codecs[0] = opus;
	s->local.codecs[1] = pcma;
	s->local.codec_n = 2;
	s->local.dtmf = true;
	s->local.security = security;
	struct sdp_offer_end *end = &s->local.end;
	end->rtp = addr_v4(192, 0, 2, number, 4000);
	end->rtcp_mux = true;
	if (security & SDP_SDES) {
		end->suite = SDP_AES_CM_128_HMAC_SHA1_80;
		end->sdes_key_n = 30;
		memset(end->sdes_key, number, 30);
	}
	if (security & SDP_DTLS) {
		memcpy(end->print.hash, "sha-256", 7);
		end->print.n = 32;
		memset(end->print.digest, number, 32);
	}
}

static void side_ice(struct side *s, char letter)
{
	struct sdp_offer_end *end = &s->local.end;

	memset(end->ufrag, letter, 8);
	memset(end->pwd, letter, 24);
	end->end_of_candidates = true;
	end->candidates[0] = (struct sdp_offer_candidate){ "1", 1, 2130706431, end->rtp, SDP_HOST, { 0 } };
	end->candidate_n = 1;
}

static str said(struct side *s)
{
	return buf_str(&s->out);
}

static enum err make(struct side *s)
{
	buf_reset(&s->out);
	return sdp_offer_make(&s->offer, &s->local, &s->out);
}

static enum err answer(struct side *s, str offer)
{
	buf_reset(&s->out);
	return sdp_offer_answer(&s->offer, &s->local, offer, &s->out, &s->result);
}

static enum err take(struct side *s, str text)
{
	return sdp_offer_take(&s->offer, text, &s->result);
}

static void exchange(struct side *a, struct side *b)
{
	assert_int_equal(make(a), ERR_NONE);
	assert_int_equal(answer(b, said(a)), ERR_NONE);
	assert_int_equal(take(a, said(b)), ERR_NONE);
}

static bool has(struct side *s, const char *text)
{
	return str_find(said(s), str_from(text)) < said(s).n;
}

static void both_sides_agree_on_the_first_codec_of_the_offer(void **state)
{
	struct side a, b;
	(void)state;

	side_init(&a, 1, SDP_PLAIN);
	side_init(&b, 2, SDP_PLAIN);
	b.local.codecs[0] = pcma;
	b.local.codecs[1] = opus;
	b.local.codecs[1].payload_type = 111; /* their number counts, RFC 3264 6.1 */
	exchange(&a, &b);
	assert_string_equal(a.result.codecs[0].name, "opus");
	assert_int_equal(a.result.codecs[0].pt_send, 96);
	assert_int_equal(b.result.codecs[0].pt_send, 96);
	assert_int_equal(b.result.codec_n, 1);
	assert_int_equal(a.result.security, SDP_PLAIN);
	assert_int_equal(a.result.direction, SDP_SENDRECV);
	assert_true(a.result.dtmf && b.result.dtmf);
	assert_int_equal(a.result.dtmf_codec.rate_hz, 48000);
	assert_int_equal(a.result.dtmf_codec.pt_send, b.result.dtmf_codec.pt_recv);
	assert_true(addr_eq(&a.result.remote.rtp, &b.local.end.rtp));
	assert_true(a.result.remote.rtcp_mux);
	assert_true(a.result.we_are_controlling && !b.result.we_are_controlling);
}

static void no_codec_in_common_is_unsupported_and_changes_nothing(void **state)
{
	struct side a, b;
	(void)state;

	side_init(&a, 1, SDP_PLAIN);
	side_init(&b, 2, SDP_PLAIN);
	a.local.codec_n = 1;
	b.local.codecs[0] = pcmu;
	b.local.codec_n = 1;
	assert_int_equal(make(&a), ERR_NONE);
	assert_int_equal(answer(&b, said(&a)), ERR_UNSUPPORTED);
	assert_int_equal(b.offer.state, SDP_OFFER_NONE);
	assert_int_equal(b.out.n, 0);
}

static void an_answer_may_only_name_what_was_offered(void **state)
{
	struct side a;
	(void)state;

	side_init(&a, 1, SDP_PLAIN);
	assert_int_equal(make(&a), ERR_NONE);
	assert_int_equal(take(&a, STR("v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n"
				      "m=audio 5000 RTP/AVP 0\r\n")),
			 ERR_UNSUPPORTED);
	assert_int_equal(a.offer.state, SDP_OFFER_SENT);
	sdp_offer_cancel(&a.offer);
	assert_int_equal(a.offer.state, SDP_OFFER_NONE);
}

static void an_answer_may_use_other_numbers_for_the_same_codec(void **state)
{
	struct side a;
	(void)state;

	side_init(&a, 1, SDP_PLAIN);
	assert_int_equal(make(&a), ERR_NONE);
	assert_int_equal(take(&a, STR("v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n"
				      "m=audio 5000 RTP/AVP 8 120\r\na=rtpmap:120 OPUS/48000/2\r\n"
				      "a=fmtp:120 stereo=1\r\na=ptime:40\r\n")),
			 ERR_NONE);
	assert_string_equal(a.result.codecs[0].name, "PCMA"); /* their first is what they like to get */
	assert_int_equal(a.result.codec_n, 2);
	assert_int_equal(a.result.codecs[1].pt_send, 120);
	assert_int_equal(a.result.codecs[1].pt_recv, 96);
	assert_string_equal(a.result.codecs[1].fmtp, "stereo=1");
	assert_int_equal(a.result.ptime_ms, 40);
	assert_false(a.result.dtmf);
	assert_int_equal(a.result.remote.rtcp.port, 5001); /* no rtcp-mux */
}

static void keys_in_the_description_cross(void **state)
{
	struct side a, b;
	(void)state;

	side_init(&a, 1, SDP_SDES);
	side_init(&b, 2, SDP_SDES | SDP_PLAIN);
	exchange(&a, &b);
	assert_true(has(&a, "m=audio 4000 RTP/SAVP 96 8 101 102\r\n"));
	assert_true(has(&a, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\r\n"));
	assert_int_equal(a.result.security, SDP_SDES);
	assert_memory_equal(a.result.remote.sdes_key, b.local.end.sdes_key, 30);
	assert_memory_equal(b.result.remote.sdes_key, a.local.end.sdes_key, 30);
	assert_memory_equal(b.result.local_sdes_key, b.local.end.sdes_key, 30);
}

static void the_tag_of_the_line_taken_is_answered(void **state)
{
	struct side b;
	(void)state;

	side_init(&b, 2, SDP_SDES);
	assert_int_equal(answer(&b, STR("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
					"m=audio 5000 RTP/SAVP 8\r\n"
					"a=crypto:1 AES_CM_128_HMAC_SHA1_32 "
					"inline:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\r\n"
					"a=crypto:2 AES_CM_128_HMAC_SHA1_80 "
					"inline:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB|2^20|1:4\r\n"
					"a=crypto:3 AES_CM_128_HMAC_SHA1_80 "
					"inline:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB|2^31\r\n")),
			 ERR_NONE);
	assert_true(has(&b, "a=crypto:3 AES_CM_128_HMAC_SHA1_80 "));
}

static void security_is_never_lowered_below_what_was_allowed(void **state)
{
	struct side a, b;
	(void)state;

	side_init(&a, 1, SDP_PLAIN);
	side_init(&b, 2, SDP_SDES | SDP_DTLS);
	assert_int_equal(make(&a), ERR_NONE);
	assert_int_equal(answer(&b, said(&a)), ERR_UNSUPPORTED);
	/* and an answer cannot do it either */
	assert_int_equal(make(&b), ERR_NONE);
	assert_true(has(&b, "UDP/TLS/RTP/SAVPF"));
	assert_int_equal(take(&b, STR("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
				      "m=audio 5000 UDP/TLS/RTP/SAVPF 8\r\n")),
			 ERR_UNSUPPORTED);
}

static void best_effort_takes_the_key_or_goes_without(void **state)
{
	struct side a, b, c;
	(void)state;

	side_init(&a, 1, SDP_PLAIN | SDP_SDES);
	a.local.best_effort = true;
	side_init(&b, 2, SDP_PLAIN | SDP_SDES);
	side_init(&c, 3, SDP_PLAIN);
	assert_int_equal(make(&a), ERR_NONE);
	assert_true(has(&a, "RTP/AVP ") && has(&a, "a=crypto:1"));
	assert_int_equal(answer(&b, said(&a)), ERR_NONE);
	assert_true(has(&b, "RTP/AVP ") && has(&b, "a=crypto:1"));
	assert_int_equal(take(&a, said(&b)), ERR_NONE);
	assert_int_equal(a.result.security, SDP_SDES);
	/* and what was agreed is offered again, without a way down */
	exchange(&a, &b);
	assert_true(has(&a, "RTP/AVP ") && has(&a, "a=crypto:1"));
	assert_int_equal(make(&a), ERR_NONE);
	assert_int_equal(take(&a, STR("v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n"
				      "m=audio 5000 RTP/AVP 8\r\n")),
			 ERR_UNSUPPORTED);

	side_init(&a, 1, SDP_PLAIN | SDP_SDES);
	a.local.best_effort = true;
	exchange(&a, &c);
	assert_int_equal(a.result.security, SDP_PLAIN);
	assert_int_equal(c.result.security, SDP_PLAIN);
}

static void dtls_and_ice_cross(void **state)
{
	struct side a, b;
	(void)state;

	side_init(&a, 1, SDP_DTLS);
	side_init(&b, 2, SDP_DTLS | SDP_SDES);
	side_ice(&a, 'a');
	side_ice(&b, 'b');
	exchange(&a, &b);
	assert_true(has(&a, "a=setup:actpass\r\n"));
	assert_true(has(&b, "a=setup:active\r\n")); /* RFC 5763 5: the answerer had better be active */
	assert_true(b.result.dtls_client && !a.result.dtls_client);
	assert_memory_equal(a.result.remote.print.digest, b.local.end.print.digest, 32);
	assert_true(a.result.ice && b.result.ice);
	assert_string_equal(b.result.remote.ufrag, "aaaaaaaa");
	assert_int_equal(b.result.remote.candidate_n, 1);
	assert_true(b.result.remote.end_of_candidates);
	assert_false(has(&b, "a=crypto"));

	/* the roles stay, whoever offers next; nothing is restarted */
	exchange(&b, &a);
	assert_true(b.result.dtls_client && !a.result.dtls_client);
	assert_false(a.result.ice_restart);
	assert_true(b.result.we_are_controlling);

	/* new credentials are a restart */
	side_ice(&a, 'c');
	exchange(&a, &b);
	assert_true(b.result.ice_restart);
}

static void without_ice_on_one_side_addresses_are_used(void **state)
{
	struct side a, b;
	(void)state;

	side_init(&a, 1, SDP_PLAIN);
	side_init(&b, 2, SDP_PLAIN);
	side_ice(&a, 'a');
	exchange(&a, &b);
	assert_false(a.result.ice || b.result.ice);
	assert_false(has(&b, "ice-ufrag"));
	assert_true(addr_is_set(&a.result.remote.rtp));
}

static void hold_and_resume_change_directions_and_the_version(void **state)
{
	struct side a, b;
	(void)state;

	side_init(&a, 1, SDP_PLAIN);
	side_init(&b, 2, SDP_PLAIN);
	exchange(&a, &b);
	uint64_t version = a.offer.version;
	exchange(&a, &b);
	assert_int_equal(a.offer.version, version); /* the same words: the same version, RFC 3264 8 */

	a.local.direction = SDP_SENDONLY;
	exchange(&a, &b);
	assert_int_equal(a.offer.version, version + 1);
	assert_true(has(&b, "a=recvonly\r\n"));
	assert_true(b.result.remote_hold && !a.result.remote_hold);
	assert_int_equal(b.result.direction, SDP_RECVONLY);
	assert_int_equal(a.result.direction, SDP_SENDONLY);

	b.local.direction = SDP_SENDONLY; /* both hold */
	exchange(&b, &a);
	assert_int_equal(a.result.direction, SDP_INACTIVE);

	a.local.direction = b.local.direction = SDP_SENDRECV;
	exchange(&a, &b);
	assert_int_equal(a.result.direction, SDP_SENDRECV);
	assert_false(b.result.remote_hold);
}

static void an_address_of_zeros_is_the_old_hold(void **state)
{
	struct side b;
	(void)state;

	side_init(&b, 2, SDP_PLAIN);
	assert_int_equal(answer(&b, STR("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
					"m=audio 5000 RTP/AVP 8\r\n")),
			 ERR_NONE);
	assert_true(b.result.remote_hold);
	assert_false(sdp_direction_sends(b.result.direction));
}

static void other_streams_are_refused_in_place(void **state)
{
	struct side b;
	(void)state;

	side_init(&b, 2, SDP_PLAIN);
	assert_int_equal(answer(&b, STR("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
					"a=group:BUNDLE 0 1\r\n"
					"m=video 5002 RTP/AVP 31 34\r\na=mid:0\r\n"
					"m=audio 5000 RTP/AVP 8\r\na=mid:1\r\n"
					"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n"
					"m=audio 5004 RTP/AVP 0\r\na=mid:3\r\n")),
			 ERR_NONE);
	assert_true(has(&b, "m=video 0 RTP/AVP 31\r\n"));
	assert_true(has(&b, "m=audio 4000 RTP/AVP 8\r\n"));
	assert_true(has(&b, "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
	assert_true(has(&b, "m=audio 0 RTP/AVP 0\r\n"));
	assert_true(has(&b, "a=group:BUNDLE 1\r\n"));
	assert_true(has(&b, "a=mid:1\r\n"));

	/* our own next offer keeps the lines, RFC 3264 8 */
	assert_int_equal(make(&b), ERR_NONE);
	assert_true(has(&b, "m=video 0 RTP/AVP 31\r\n"));
	assert_true(str_find(said(&b), STR("m=video")) < str_find(said(&b), STR("m=audio 4000")));
}

static void a_stream_closed_by_the_answer_is_refused(void **state)
{
	struct side a;
	(void)state;

	side_init(&a, 1, SDP_PLAIN);
	assert_int_equal(make(&a), ERR_NONE);
	assert_int_equal(take(&a, STR("v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nt=0 0\r\nm=audio 0 RTP/AVP 8\r\n")),
			 ERR_NONE);
	assert_true(a.result.refused);
}

static void an_offer_of_video_alone_is_unsupported(void **state)
{
	struct side b;
	struct sdp_offer_sight sight;
	str video = STR(
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=video 5002 RTP/AVP 31\r\n");
	(void)state;

	side_init(&b, 2, SDP_PLAIN);
	assert_int_equal(answer(&b, video), ERR_UNSUPPORTED);
	assert_int_equal(sdp_offer_look(video, &sight), ERR_UNSUPPORTED);
}

static void glare_is_seen_and_cancel_restores(void **state)
{
	struct side a, b;
	(void)state;

	side_init(&a, 1, SDP_PLAIN);
	side_init(&b, 2, SDP_PLAIN);
	exchange(&a, &b);
	assert_int_equal(make(&a), ERR_NONE);
	assert_int_equal(make(&b), ERR_NONE);
	assert_int_equal(answer(&b, said(&a)), ERR_STATE); /* 491 */
	assert_int_equal(make(&b), ERR_STATE);
	sdp_offer_cancel(&b.offer);
	assert_int_equal(b.offer.state, SDP_OFFER_AGREED);
	assert_int_equal(answer(&b, said(&a)), ERR_NONE);
}

static void events_of_another_clock_are_better_than_none(void **state)
{
	struct side b;
	(void)state;

	side_init(&b, 2, SDP_PLAIN);
	assert_int_equal(answer(&b, STR("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
					"m=audio 5000 RTP/AVP 97 101\r\na=rtpmap:97 opus/48000/2\r\n"
					"a=rtpmap:101 telephone-event/8000\r\n")),
			 ERR_NONE);
	assert_true(b.result.dtmf);
	assert_int_equal(b.result.dtmf_codec.rate_hz, 8000);
	assert_int_equal(b.result.dtmf_codec.pt_send, 101);
	assert_true(has(&b, "a=rtpmap:101 telephone-event/8000\r\n"));
}

static void a_look_says_what_could_be_answered(void **state)
{
	struct side a;
	struct sdp_offer_sight sight;
	(void)state;

	side_init(&a, 1, SDP_DTLS);
	side_ice(&a, 'a');
	assert_int_equal(make(&a), ERR_NONE);
	assert_int_equal(sdp_offer_look(said(&a), &sight), ERR_NONE);
	assert_int_equal(sight.security, SDP_DTLS);
	assert_true(sight.ice);
	assert_int_equal(sight.codec_n, 2);
	assert_string_equal(sight.codecs[1].name, "PCMA");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_agree_on_the_first_codec_of_the_offer),
		cmocka_unit_test(no_codec_in_common_is_unsupported_and_changes_nothing),
		cmocka_unit_test(an_answer_may_only_name_what_was_offered),
		cmocka_unit_test(an_answer_may_use_other_numbers_for_the_same_codec),
		cmocka_unit_test(keys_in_the_description_cross),
		cmocka_unit_test(the_tag_of_the_line_taken_is_answered),
		cmocka_unit_test(security_is_never_lowered_below_what_was_allowed),
		cmocka_unit_test(best_effort_takes_the_key_or_goes_without),
		cmocka_unit_test(dtls_and_ice_cross),
		cmocka_unit_test(without_ice_on_one_side_addresses_are_used),
		cmocka_unit_test(hold_and_resume_change_directions_and_the_version),
		cmocka_unit_test(an_address_of_zeros_is_the_old_hold),
		cmocka_unit_test(other_streams_are_refused_in_place),
		cmocka_unit_test(a_stream_closed_by_the_answer_is_refused),
		cmocka_unit_test(an_offer_of_video_alone_is_unsupported),
		cmocka_unit_test(glare_is_seen_and_cancel_restores),
		cmocka_unit_test(events_of_another_clock_are_better_than_none),
		cmocka_unit_test(a_look_says_what_could_be_answered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
