/* Whatever a stranger sends: parse, check, type everything, frame it, forward and answer it; what we write must parse.
 */
#include "sip/edit.h"
#include "sip/frame.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void type_all(struct sip_msg *m)
{
	const struct sip_address *list;
	const struct sip_via *vias;
	str value;
	size_t i;

	for (int kind = SIP_OTHER; kind < SIP_KIND_N; kind++) {
		struct sip_values v = sip_msg_values(m, (enum sip_kind)kind);

		while (sip_values_next(&v, &value)) {
			struct sip_session_id id;
			struct sip_replaces replaces;
			struct sip_reason reason;
			struct sip_token token;
			struct sip_rack rack;
			uint32_t seconds;

			(void)!sip_session_id_parse(value, &id);
			(void)!sip_replaces_parse(value, &replaces);
			(void)!sip_reason_parse(value, &reason);
			(void)!sip_token_parse(value, &token);
			(void)!sip_rack_parse(value, &rack);
			(void)!sip_seconds_parse(value, &seconds, NULL);
		}
	}
	(void)!sip_msg_addresses(m, SIP_CONTACT, &list, &i);
	(void)!sip_msg_addresses(m, SIP_PATH, &list, &i);
	(void)!sip_msg_vias(m, &vias, &i);
}

static void write_all(struct sip_msg *m)
{
	static char out[140000];
	static char first[SIP_MSG_ARENA];
	const struct addr source = { .family = 4, .port = 5060, .ip = { 192, 0, 2, 1 } };
	struct sip_reply reply = { .status = 400, .to_tag = STR("tag") };
	struct sip_edits edits;
	struct arena arena;
	struct sip_msg back;
	struct buf b;

	sip_msg_stamp(m, &source);
	buf_init(&b, out, sizeof(out));
	(void)!sip_reply_write(m, &reply, &b);
	if (m->fault.status || sip_msg_check(m) || m->text.n > 60000)
		return;
	sip_edits_init(&edits);
	sip_edits_note(&edits, SIP_EDIT_REMOVE_TOP, SIP_ROUTE, STR_NONE);
	sip_edits_note(&edits, SIP_EDIT_REMOVE_LAST, SIP_PATH, STR_NONE);
	sip_edits_note(&edits, SIP_EDIT_SET, SIP_MAX_FORWARDS, STR("1"));
	sip_edits_note(&edits, SIP_EDIT_PREPEND, SIP_VIA, STR("Via: SIP/2.0/UDP a;branch=z9hG4bK1"));
	buf_init(&b, out, sizeof(out));
	if (sip_edits_write(m, &edits, &b))
		abort();
	arena_init(&arena, first, sizeof(first), SIP_MSG_HEAP_MAX);
	enum err err = sip_msg_parse(&back, &arena, buf_str(&b));
	if (err != ERR_NONE && err != ERR_LIMIT && err != ERR_MEMORY)
		abort();
	if (err == ERR_NONE && (sip_msg_check(&back) || !str_eq(back.body, m->body)))
		abort();
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static char first[SIP_MSG_ARENA];
	struct sip_frame frame = { 0 };
	struct arena arena;
	struct sip_msg m;
	str bytes = str_of((const char *)data, n);

	arena_init(&arena, first, sizeof(first), SIP_MSG_HEAP_MAX);
	enum err err = sip_msg_parse(&m, &arena, bytes);
	if (err == ERR_NONE || err == ERR_SYNTAX) {
		(void)sip_msg_check(&m);
		type_all(&m);
		write_all(&m);
	}
	arena_free(&arena);
	while (sip_frame_next(&frame, bytes, n & 1) == ERR_NONE)
		bytes = str_skip(bytes, frame.n);
	return 0;
}
