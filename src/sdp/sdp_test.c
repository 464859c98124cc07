#include "sdp/sdp.h"

#include "base/test.h"

struct reader {
	struct arena arena;
	struct sdp sdp;
};

static enum err read_text(struct reader *r, str text)
{
	arena_init(&r->arena, NULL, 0, 1 << 20);
	return sdp_parse(text, &r->arena, &r->sdp);
}

/* RFC 3264 10.1, with IPv6 and two streams. */
static const str alice = STR_INIT("v=0\r\n"
				  "o=alice 2890844526 2890844527 IN IP4 host.anywhere.com\r\n"
				  "s= \r\n"
				  "c=IN IP4 192.0.2.7\r\n"
				  "t=0 0\r\n"
				  "m=audio 49170 RTP/AVP 0 8 97 101\r\n"
				  "a=rtpmap:97 iLBC/8000\r\n"
				  "a=fmtp:97 mode=20\r\n"
				  "a=rtpmap:101 telephone-event/8000\r\n"
				  "a=ptime:30\r\n"
				  "a=maxptime:60\r\n"
				  "a=rtcp:53020 IN IP6 2001:2345:6789:ABCD:EF01:2345:6789:ABCD\r\n"
				  "a=sendonly\r\n"
				  "m=video 51372/2 RTP/AVP 31\r\n"
				  "c=IN IP6 2001:db8::1\r\n"
				  "a=rtpmap:31 H261/90000\r\n");

static void a_description_is_read_into_its_parts(void **state)
{
	struct reader r;
	(void)state;

	assert_int_equal(read_text(&r, alice), ERR_NONE);
	assert_str(r.sdp.user, "alice");
	assert_int_equal(r.sdp.session_id, 2890844526u);
	assert_int_equal(r.sdp.session_version, 2890844527u);
	assert_str(r.sdp.origin.host, "host.anywhere.com");
	assert_int_equal(r.sdp.origin.addr.family, 0);
	assert_int_equal(r.sdp.media_n, 2);
	struct sdp_media *m = &r.sdp.media[0];
	assert_str(m->kind, "audio");
	assert_int_equal(m->port, 49170);
	assert_int_equal(m->proto, SDP_PROTO_AVP);
	assert_int_equal(m->format_n, 4);
	assert_str(m->formats[0].name, "PCMU"); /* static: no rtpmap needed */
	assert_int_equal(m->formats[1].rate_hz, 8000);
	assert_str(m->formats[2].name, "iLBC");
	assert_str(m->formats[2].fmtp, "mode=20");
	assert_int_equal(m->ptime_ms, 30);
	assert_int_equal(m->maxptime_ms, 60);
	assert_int_equal(m->direction, SDP_SENDONLY);
	assert_int_equal(m->rtcp_port, 53020);
	assert_int_equal(m->rtcp.family, 6);
	assert_int_equal(m->host.addr.family, 4); /* the session's */
	assert_int_equal(r.sdp.media[1].host.addr.family, 6);
	assert_int_equal(r.sdp.media[1].port_n, 2);
	arena_free(&r.arena);
}

static void the_first_audio_is_found_without_reading_the_rest(void **state)
{
	struct sdp_format f = { .rate_hz = 1 };
	(void)state;

	assert_true(sdp_first_audio(alice, &f));
	assert_str(f.name, "PCMU");
	assert_int_equal(f.rate_hz, 8000);
	assert_int_equal(f.channels, 1);
	assert_true(sdp_first_audio(STR("v=0\nm=video 4 RTP/AVP 31\nm=audio 0 RTP/AVP 8\nm=audio 6 RTP/SAVPF 111 0\n"
					"a=rtpmap:0 PCMU/8000\na=rtpmap:111 opus/48000/2\nm=audio 8 RTP/AVP 111\n"
					"a=rtpmap:111 iLBC/8000\n"),
				    &f));
	assert_str(f.name, "opus");
	assert_int_equal(f.rate_hz, 48000);
	assert_int_equal(f.channels, 2);
	assert_false(sdp_first_audio(STR_NONE, &f));
	assert_false(sdp_first_audio(STR("v=0\nm=audio 6 udptl t38\n"), &f));
	assert_false(sdp_first_audio(STR("v=0\nm=audio 6 RTP/AVP\n"), &f));
	assert_false(sdp_first_audio(STR("v=0\nm=audio 6 RTP/AVP 0\na=rtpmap:0 PCMU/x\n"), &f));
	assert_false(sdp_first_audio(STR("v=0\nm=audio 6 RTP/AVP 0\nnonsense\n"), &f));
	assert_str(f.name, "opus");
}

static void what_the_session_says_holds_for_each_media(void **state)
{
	struct reader r;
	(void)state;

	assert_int_equal(read_text(&r, STR("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\na=inactive\na=ice-ufrag:8hhY\n"
					   "a=ice-pwd:asd88fgpdd777uzjYhagZg\na=ice-lite\na=setup:passive\n"
					   "a=fingerprint:sha-256 aB:01\na=group:BUNDLE a\n"
					   "m=audio 9 UDP/TLS/RTP/SAVPF 111\nc=IN IP4 0.0.0.0\na=mid:a\n"
					   "m=audio 9 RTP/AVP 0\nc=IN IP4 0.0.0.0\na=sendrecv\na=setup:active\n")),
			 ERR_NONE);
	struct sdp_media *m = r.sdp.media;
	assert_int_equal(m[0].direction, SDP_INACTIVE);
	assert_int_equal(m[1].direction, SDP_SENDRECV);
	assert_str(m[1].ice_ufrag, "8hhY");
	assert_true(m[0].ice_lite);
	assert_int_equal(m[0].setup, SDP_SETUP_PASSIVE);
	assert_int_equal(m[1].setup, SDP_SETUP_ACTIVE);
	assert_int_equal(m[1].print_n, 1);
	assert_int_equal(m[1].prints[0].n, 2);
	assert_int_equal(m[1].prints[0].digest[0], 0xab);
	assert_int_equal(m[0].proto, SDP_PROTO_DTLS_SAVPF);
	assert_str(r.sdp.group, "BUNDLE a");
	arena_free(&r.arena);
}

/* RFC 8839 5.1 and 4.6 examples; a TCP candidate and an mDNS name are stepped over. */
static void candidates_are_read_and_foreign_ones_left_out(void **state)
{
	struct reader r;
	(void)state;

	assert_int_equal(
		read_text(&r,
			  STR("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nm=audio 45664 RTP/AVP 0\r\n"
			      "c=IN IP4 192.0.2.3\r\n"
			      "a=candidate:1 1 UDP 2130706431 203.0.113.141 8998 typ host\r\n"
			      "a=candidate:2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 203.0.113.141 rport 8998 "
			      "generation 0\r\n"
			      "a=candidate:3 1 TCP 2128609279 10.0.1.1 9 typ host tcptype active\r\n"
			      "a=candidate:4 1 udp 2113937151 0f2c3d8e.local 54400 typ host\r\n"
			      "a=candidate:5 1 udp 41885695 2001:db8::7 3478 typ relay\r\n"
			      "a=end-of-candidates\r\n")),
		ERR_NONE);
	struct sdp_media *m = r.sdp.media;
	assert_int_equal(m->candidate_n, 3);
	assert_int_equal(m->candidates[0].priority, 2130706431u);
	assert_int_equal(m->candidates[0].addr.port, 8998);
	assert_int_equal(m->candidates[1].kind, SDP_SRFLX);
	assert_int_equal(m->candidates[1].related.port, 8998);
	assert_int_equal(m->candidates[2].kind, SDP_RELAY);
	assert_int_equal(m->candidates[2].addr.family, 6);
	assert_true(m->end_of_candidates);
	arena_free(&r.arena);
}

/* RFC 4568 9.3, first example. */
static void a_key_in_the_description_is_taken_apart(void **state)
{
	struct reader r;
	(void)state;

	assert_int_equal(
		read_text(&r, STR("v=0\r\no=jdoe 2890844526 2890842807 IN IP4 10.47.16.5\r\ns=SDP Seminar\r\n"
				  "c=IN IP4 161.44.17.12/127\r\nt=2873397496 2873404696\r\n"
				  "m=audio 49170 RTP/SAVP 0\r\n"
				  "a=crypto:1 AES_CM_128_HMAC_SHA1_32 "
				  "inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj|2^20|1:32 UNENCRYPTED_SRTCP\r\n"
				  "a=crypto:2 F8_128 inline:\r\n")),
		ERR_NONE);
	struct sdp_media *m = r.sdp.media;
	assert_int_equal(m->crypto_n, 1);
	assert_int_equal(m->crypto[0].tag, 1);
	assert_str(m->crypto[0].key, "NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj");
	assert_str(m->crypto[0].key_rest, "2^20|1:32");
	assert_str(m->crypto[0].session, "UNENCRYPTED_SRTCP");
	assert_str(m->host.host, "161.44.17.12"); /* the TTL is not the address */
	arena_free(&r.arena);
}

static void what_is_written_reads_the_same(void **state)
{
	struct reader r, again;
	char text[4096];
	struct buf out;
	(void)state;

	buf_init(&out, text, sizeof(text));
	assert_int_equal(read_text(&r, alice), ERR_NONE);
	sdp_write(&r.sdp, &out);
	assert_true(buf_ok(&out));
	assert_int_equal(read_text(&again, buf_str(&out)), ERR_NONE);
	for (size_t i = 0; i < 2; i++) {
		struct sdp_media *a = &r.sdp.media[i], *b = &again.sdp.media[i];

		assert_int_equal(a->port, b->port);
		assert_int_equal(a->port_n, b->port_n);
		assert_int_equal(a->format_n, b->format_n);
		assert_int_equal(a->direction, b->direction);
		assert_int_equal(a->ptime_ms, b->ptime_ms);
		assert_true(addr_eq(&a->host.addr, &b->host.addr));
		assert_true(addr_eq(&a->rtcp, &b->rtcp));
	}
	arena_free(&r.arena);
	arena_free(&again.arena);
}

static void sloppy_phones_are_understood(void **state)
{
	struct reader r;
	(void)state;

	/* no s=, no t=, bare LF, two spaces, an unknown letter, rtpmap of a type not listed, blank lines */
	assert_int_equal(
		read_text(&r, STR("v=0 \no=- 99999999999999999999999 1 IN IP4 192.0.2.1\nx=what\n\n"
				  "m=audio  4000 RTP/AVP  0  101 \nc=IN IP4 192.0.2.1\na=rtpmap:99 opus/48000/2\n"
				  "a=ptime:20.0\n")),
		ERR_NONE);
	assert_int_equal(r.sdp.media[0].format_n, 2);
	assert_int_equal(r.sdp.media[0].ptime_ms, 20);
	arena_free(&r.arena);
}

static void nonsense_is_refused(void **state)
{
	static const str bad[] = {
		STR_INIT(""),
		STR_INIT("v=1\r\n"),
		STR_INIT("hello\r\n"),
		STR_INIT("v=0\r\nm=audio x RTP/AVP 0\r\n"),
		STR_INIT("v=0\r\nm=audio 65536 RTP/AVP 0\r\n"),
		STR_INIT("v=0\r\nm=audio\r\n"),
		STR_INIT("v=0\r\nc=IN IP4\r\n"),
		STR_INIT("v=0\r\no=-\r\n"),
		STR_INIT("v=0\r\nm=audio 1 RTP/AVP 0\r\na=rtpmap:0 PCMU/x\r\n"),
		STR_INIT("v=0\r\nm=audio 1 RTP/AVP 0\r\na=fingerprint:sha-256 XY\r\n"),
		STR_INIT("v=0\r\nm=audio 1 RTP/AVP 0\r\na=rtpmap :\r\n"),
		STR_INIT("v=0\r\nm=au\0dio 1 RTP/AVP 0\r\n"),
		STR_INIT("v=0\r\nm=audio 1 RTP/AVP 0\r\na=tool:x\ra=inactive\r\n"),
	};
	struct reader r;
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(read_text(&r, bad[i]), ERR_SYNTAX);
		arena_free(&r.arena);
	}
}

static void more_than_the_limits_is_refused(void **state)
{
	struct reader r;
	struct buf text;
	(void)state;

	buf_init_grow(&text, 1 << 17);
	buf_put(&text, STR("v=0\r\n"));
	for (int i = 0; i <= SDP_MEDIA_MAX; i++)
		buf_put(&text, STR("m=audio 0 RTP/AVP 0\r\n"));
	assert_int_equal(read_text(&r, buf_str(&text)), ERR_LIMIT);
	arena_free(&r.arena);
	buf_reset(&text);
	buf_put(&text, STR("v=0\r\nm=audio 1 RTP/AVP 0\r\n"));
	for (int i = 0; i <= SDP_CANDIDATE_MAX; i++)
		buf_put(&text, STR("a=candidate:1 1 UDP 1 192.0.2.1 1 typ host\r\n"));
	assert_int_equal(read_text(&r, buf_str(&text)), ERR_LIMIT);
	arena_free(&r.arena);
	buf_reset(&text);
	buf_put(&text, STR("v=0\r\n"));
	while (text.n <= SDP_TEXT_MAX)
		buf_put(&text, STR("i=more and more\r\n"));
	assert_int_equal(read_text(&r, buf_str(&text)), ERR_LIMIT);
	buf_free(&text);
	arena_free(&r.arena);
}

static void an_fmtp_parameter_is_found_by_name(void **state)
{
	str value;
	(void)state;

	assert_true(sdp_fmtp_find(STR("minptime=10; useinbandfec=1"), STR("UseInbandFec"), &value));
	assert_str(value, "1");
	assert_false(sdp_fmtp_find(STR("minptime=10"), STR("ptime"), &value));
}

static void two_directions_meet(void **state)
{
	(void)state;
	assert_int_equal(sdp_direction_meet(SDP_SENDRECV, sdp_direction_flip(SDP_SENDONLY)), SDP_RECVONLY);
	assert_int_equal(sdp_direction_meet(SDP_SENDONLY, sdp_direction_flip(SDP_SENDONLY)), SDP_INACTIVE);
	assert_int_equal(sdp_direction_meet(SDP_SENDONLY, sdp_direction_flip(SDP_SENDRECV)), SDP_SENDONLY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_description_is_read_into_its_parts),
		cmocka_unit_test(the_first_audio_is_found_without_reading_the_rest),
		cmocka_unit_test(what_the_session_says_holds_for_each_media),
		cmocka_unit_test(candidates_are_read_and_foreign_ones_left_out),
		cmocka_unit_test(a_key_in_the_description_is_taken_apart),
		cmocka_unit_test(what_is_written_reads_the_same),
		cmocka_unit_test(sloppy_phones_are_understood),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(more_than_the_limits_is_refused),
		cmocka_unit_test(an_fmtp_parameter_is_found_by_name),
		cmocka_unit_test(two_directions_meet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
