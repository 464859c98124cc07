#include "cmd/phone_say.h"

#include "media/codec.h"
#include "sip/header.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- JSON ---- */

static json_t *text_of(str s)
{
	json_t *text = json_stringn(s.p ? s.p : "", s.n);

	return text ? text : json_string("?"); /* not UTF-8 */
}

static json_t *time_of(usec t)
{
	return t ? json_real((double)t / 1e6) : json_null();
}

static json_t *begin(const char *event, usec now)
{
	json_t *o = json_object();

	json_object_set_new(o, "event", json_string(event));
	json_object_set_new(o, "time", time_of(now));
	return o;
}

static void end(json_t *o)
{
	char *line = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(16));

	if (line)
		puts(line);
	fflush(stdout);
	free(line);
	json_decref(o);
}

static json_t *addr_json(const struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	return addr_is_set(a) ? json_string(addr_text(a, text)) : json_null();
}

static void add_media(json_t *o, const struct call_facts *f)
{
	char text[48];
	struct buf codec;

	buf_init(&codec, text, sizeof(text));
	codec_write(f->codec, &codec);
	json_object_set_new(o, "codec", codec.n ? text_of(buf_str(&codec)) : json_null());
	json_object_set_new(o, "security", f->codec ? text_of(media_security_name(f->path.security)) : json_null());
	json_object_set_new(o, "local", addr_json(&f->path.local));
	json_object_set_new(o, "remote", addr_json(&f->path.remote));
}

static void add_outcome(json_t *o, enum call_cause cause, int status)
{
	json_object_set_new(o, "cause", json_string(call_cause_word(cause)));
	json_object_set_new(o, "status", status ? json_integer(status) : json_null());
	json_object_set_new(o, "text", json_string(call_cause_text(cause)));
}

static double seconds(const struct call_facts *f)
{
	return f->answer && f->end > f->answer ? (double)(f->end - f->answer) / 1e6 : 0;
}

static void call_json(const struct call_event *e, usec now)
{
	static const char *const names[] = {
		[CALL_EVENT_INCOMING] = "incoming", [CALL_EVENT_RINGING] = "ringing",
		[CALL_EVENT_ANSWERED] = "answered", [CALL_EVENT_MEDIA] = "media",
		[CALL_EVENT_HELD] = "held",         [CALL_EVENT_RESUMED] = "resumed",
		[CALL_EVENT_DIGIT] = "digit",       [CALL_EVENT_ENDED] = "ended",
		[CALL_EVENT_TEXT] = "text",         [CALL_EVENT_REFER] = "refer",
		[CALL_EVENT_TRANSFER] = "transfer", [CALL_EVENT_REPLACES] = "replaces",
	};
	json_t *o = begin(names[e->kind], now);

	json_object_set_new(o, "call", text_of(str_from(e->facts->call_id)));
	switch (e->kind) {
	case CALL_EVENT_TEXT:
	case CALL_EVENT_REFER:
		json_object_set_new(o, "text", text_of(str_from(e->text)));
		break;
	case CALL_EVENT_TRANSFER:
		json_object_set_new(o, "status", json_integer(e->status));
		break;
	case CALL_EVENT_REPLACES:
	case CALL_EVENT_INCOMING:
		json_object_set_new(o, "from", text_of(str_from(e->facts->caller)));
		json_object_set_new(o, "to", text_of(str_from(e->facts->callee)));
		json_object_set_new(o, "proven",
				    e->facts->proven[0] ? text_of(str_from(e->facts->proven)) : json_null());
		break;
	case CALL_EVENT_RINGING:
		json_object_set_new(o, "status", json_integer(e->status));
		json_object_set_new(o, "early", json_boolean(e->early));
		break;
	case CALL_EVENT_MEDIA:
		add_media(o, e->facts);
		break;
	case CALL_EVENT_HELD:
	case CALL_EVENT_RESUMED:
		json_object_set_new(o, "by_us", json_boolean(e->by_us));
		break;
	case CALL_EVENT_DIGIT:
		json_object_set_new(o, "digit", text_of(str_of(&e->digit, 1)));
		break;
	case CALL_EVENT_ENDED:
		add_outcome(o, e->cause, e->status);
		json_object_set_new(o, "by_us", json_boolean(e->by_us));
		json_object_set_new(o, "reason", text_of(str_from(e->facts->reason)));
		json_object_set_new(o, "seconds", json_real(seconds(e->facts)));
		break;
	case CALL_EVENT_ANSWERED:
		break;
	}
	end(o);
}

/* ---- words ---- */

static void call_words(const struct call_event *e)
{
	char text[48];
	struct buf codec;

	buf_init(&codec, text, sizeof(text));
	switch (e->kind) {
	case CALL_EVENT_INCOMING:
		printf("%s calls%s%s\n", e->facts->caller, e->facts->proven[0] ? ", proven to be " : "",
		       e->facts->proven);
		break;
	case CALL_EVENT_RINGING:
		printf("it rings\n");
		break;
	case CALL_EVENT_ANSWERED:
		printf("answered\n");
		break;
	case CALL_EVENT_MEDIA:
		codec_write(e->facts->codec, &codec);
		printf("sound flows: " STR_FMT ", " STR_FMT "\n", STR_ARG(buf_str(&codec)),
		       STR_ARG(media_security_name(e->facts->path.security)));
		break;
	case CALL_EVENT_HELD:
		printf("on hold\n");
		break;
	case CALL_EVENT_RESUMED:
		printf("no longer on hold\n");
		break;
	case CALL_EVENT_DIGIT:
		printf("key %c\n", e->digit);
		break;
	case CALL_EVENT_TEXT:
		printf("%s writes: %s\n", e->facts->outgoing ? e->facts->callee : e->facts->caller, e->text);
		break;
	case CALL_EVENT_REFER:
		printf("passed on to %s\n", e->text);
		break;
	case CALL_EVENT_TRANSFER:
		printf("transfer: %d " STR_FMT "\n", e->status, STR_ARG(sip_status_text(e->status)));
		break;
	case CALL_EVENT_REPLACES:
		printf("%s takes the place of who was on the line\n", e->facts->caller);
		break;
	case CALL_EVENT_ENDED:
		printf("%s%s%s%s", call_cause_text(e->cause), e->facts->reason[0] ? " (" : "", e->facts->reason,
		       e->facts->reason[0] ? ")" : "");
		if (e->facts->answer)
			printf(" %.1f s", seconds(e->facts));
		printf("\n");
		break;
	}
	fflush(stdout);
}

void phone_say_call(const struct phone_say *say, const struct call_event *e, usec now)
{
	if (say->json)
		call_json(e, now);
	else
		call_words(e);
}

void phone_say_agent(const struct phone_say *say, const struct agent_event *e, usec now)
{
	if (say->json) {
		json_t *o = begin(e->kind == AGENT_READY ? "ready" : "down", now);

		if (e->kind == AGENT_READY) {
			json_object_set_new(o, "as", text_of(e->text));
		} else {
			add_outcome(o, e->cause, e->status);
			json_object_set_new(o, "text", text_of(e->text));
			json_object_set_new(o, "final", json_boolean(e->final));
		}
		end(o);
		return;
	}
	if (e->kind == AGENT_READY)
		printf("ready as " STR_FMT "\n", STR_ARG(e->text));
	else
		printf("not reachable: " STR_FMT "\n", STR_ARG(e->text));
	fflush(stdout);
}

void phone_say_calling(const struct phone_say *say, str target, usec now)
{
	if (say->json) {
		json_t *o = begin("calling", now);

		json_object_set_new(o, "target", text_of(target));
		end(o);
		return;
	}
	printf("calling " STR_FMT "\n", STR_ARG(target));
	fflush(stdout);
}

void phone_say_failed(const struct phone_say *say, enum call_cause cause, str text, usec now)
{
	if (say->json) {
		json_t *o = begin("ended", now);

		add_outcome(o, cause, 0);
		json_object_set_new(o, "reason", text_of(text));
		end(o);
	}
	fprintf(stderr, "tandem phone: " STR_FMT "\n", STR_ARG(text));
}

void phone_say_letter(const struct phone_say *say, const struct agent_event *e, usec now)
{
	bool came = e->kind == AGENT_MESSAGE;

	if (say->json) {
		json_t *o = begin(came ? "message" : "sent", now);

		if (came) {
			json_object_set_new(o, "from", text_of(e->from));
			json_object_set_new(o, "text", text_of(e->text));
		} else {
			json_object_set_new(o, "status", json_integer(e->status));
		}
		end(o);
		return;
	}
	if (came)
		printf(STR_FMT " writes: " STR_FMT "\n", STR_ARG(e->from), STR_ARG(e->text));
	else
		printf("sent: %d " STR_FMT "\n", e->status, STR_ARG(sip_status_text(e->status)));
	fflush(stdout);
}

/* ---- figures ---- */

static json_t *stats_json(const struct media_stats *s)
{
	json_t *o = json_object();

	json_object_set_new(o, "packets_sent", json_integer((json_int_t)s->packets_sent));
	json_object_set_new(o, "octets_sent", json_integer((json_int_t)s->octets_sent));
	json_object_set_new(o, "packets_received", json_integer((json_int_t)s->packets_received));
	json_object_set_new(o, "octets_received", json_integer((json_int_t)s->octets_received));
	json_object_set_new(o, "lost", json_integer(s->lost));
	json_object_set_new(o, "late", json_integer(s->late));
	json_object_set_new(o, "duplicate", json_integer(s->duplicate));
	json_object_set_new(o, "reordered", json_integer(s->reordered));
	json_object_set_new(o, "unknown", json_integer(s->unknown));
	json_object_set_new(o, "periods", json_integer((json_int_t)s->periods));
	json_object_set_new(o, "concealed", json_integer(s->concealed));
	json_object_set_new(o, "jitter_ms", json_real(s->jitter_ms));
	json_object_set_new(o, "delay_ms", json_integer(s->delay_ms));
	json_object_set_new(o, "rtt_ms", s->rtt_ms < 0 ? json_null() : json_real(s->rtt_ms));
	json_object_set_new(o, "remote_loss", s->remote_loss < 0 ? json_null() : json_real(s->remote_loss));
	json_object_set_new(o, "first_packet", time_of(s->first_packet));
	json_object_set_new(o, "last_packet", time_of(s->last_packet));
	return o;
}

void phone_say_stats(const struct call_facts *f, struct buf *out)
{
	json_t *o = json_object();
	char *text;

	json_object_set_new(o, "direction", json_string(f->outgoing ? "out" : "in"));
	json_object_set_new(o, "call", text_of(str_from(f->call_id)));
	json_object_set_new(o, "caller", text_of(str_from(f->caller)));
	json_object_set_new(o, "callee", text_of(str_from(f->callee)));
	json_object_set_new(o, "start", time_of(f->start));
	json_object_set_new(o, "ringing", time_of(f->ringing));
	json_object_set_new(o, "answer", time_of(f->answer));
	json_object_set_new(o, "media_up", time_of(f->media_up));
	json_object_set_new(o, "end", time_of(f->end));
	add_outcome(o, f->cause, f->status);
	json_object_set_new(o, "by_us", json_boolean(f->by_us));
	add_media(o, f);
	json_object_set_new(o, "media", stats_json(&f->stats));
	text = json_dumps(o, JSON_INDENT(1) | JSON_REAL_PRECISION(16));
	buf_put_z(out, text ? text : "{}");
	buf_put_char(out, '\n');
	free(text);
	json_decref(o);
}
