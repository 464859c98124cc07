#include "overlay/forward.h"

#include "base/base64.h"
#include "sip/edit.h"

#include <stdio.h>
#include <stdlib.h>

#define BRANCH_MARK  "z9hG4bKt."
#define HASH_N       16 /* hex digits of a 64-bit hash */
#define VIA_MAX      16
#define MAX_FORWARDS 70
#define TEXT_MAX     256

struct overlay_forward {
	struct overlay_forward_setup setup;
	char sent_by[ADDR_TEXT_MAX];
	struct arena arena;
	struct sip_msg msg; /* the one being forwarded */
	bool has_msg;
	bool drop_route; /* the topmost Route is ours */
	bool drop_via;   /* a response */
	uint32_t max_forwards;
	char via[TEXT_MAX];
	size_t via_n;
	char first[SIP_MSG_ARENA];
};

struct overlay_forward *overlay_forward_new(const struct overlay_forward_setup *setup)
{
	struct overlay_forward *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->setup = *setup;
	addr_text(&setup->self, f->sent_by);
	arena_init(&f->arena, f->first, sizeof(f->first), SIP_MSG_HEAP_MAX);
	return f;
}

void overlay_forward_free(struct overlay_forward *f)
{
	if (!f)
		return;
	arena_free(&f->arena);
	free(f);
}

static struct overlay_hop drop(const char *why)
{
	return (struct overlay_hop){ .kind = OVERLAY_FORWARD_DROP, .why = why };
}

static struct overlay_hop answer(int status)
{
	return (struct overlay_hop){ .kind = OVERLAY_FORWARD_REPLY, .is_request = true, .status = status };
}

static bool is_self(const struct overlay_forward *f, const struct sip_uri *uri)
{
	struct addr a;

	return sip_uri_addr(uri, &a) && addr_eq(&a, &f->setup.self);
}

/* A token of ours, whatever host it is written behind: an address may be reached by several names, a MAC cannot be
 * had elsewhere. */
static bool own_token(const struct overlay_forward *f, str text, uint8_t token[OVERLAY_TOKEN_N])
{
	return base64url_parse_n(text, token, OVERLAY_TOKEN_N) == ERR_NONE &&
	       overlay_token_check(f->setup.tokens, token);
}

static bool has_mark(const struct sip_via *via)
{
	return str_starts(via->branch, STR(BRANCH_MARK)) && via->branch.n == sizeof(BRANCH_MARK) - 1 + 2 * HASH_N + 1;
}

/* 16.11: the same for a repetition, its CANCEL and the ACK of a refusal, which all bear its branch. */
static uint64_t transaction_hash(const struct overlay_forward *f, const struct sip_via *top)
{
	return str_hash(top->branch, f->setup.tokens->via[0]) ^ str_hash_nocase(top->host, f->setup.tokens->via[1]);
}

/* 16.3 step 4: what decides the way of a request; the same again means that it goes in circles. */
static uint64_t loop_hash(const struct overlay_forward *f, struct sip_msg *m, const struct sip_uri *target)
{
	uint64_t parts[4] = {
		str_hash(m->uri_text, f->setup.tokens->via[0]),
		str_hash(target->text, f->setup.tokens->via[0]),
		str_hash(sip_msg_call_id(m), f->setup.tokens->via[0]),
		sip_msg_cseq(m)->number,
	};

	return str_hash(str_of((const char *)parts, sizeof(parts)), f->setup.tokens->via[1]);
}

static bool is_loop(uint64_t loop, const struct sip_via *vias, size_t n)
{
	char text[HASH_N + 1];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)loop);
	for (size_t i = 0; i < n; i++)
		if (has_mark(&vias[i]) && str_ends(vias[i].branch, str_from(text)))
			return true;
	return false;
}

static void write_via(struct overlay_forward *f, uint64_t transaction, uint64_t loop,
		      const uint8_t token[OVERLAY_TOKEN_N])
{
	struct buf b;

	buf_init(&b, f->via, sizeof(f->via));
	buf_put(&b, STR("Via: SIP/2.0/TLS "));
	buf_put_z(&b, f->sent_by);
	buf_printf(&b, ";branch=" BRANCH_MARK "%016llx.%016llx;flow=", (unsigned long long)transaction,
		   (unsigned long long)loop);
	base64url_write(str_of((const char *)token, OVERLAY_TOKEN_N), &b);
	f->via_n = b.n;
}

static struct overlay_hop hop_to(struct overlay_forward *f, const struct sip_uri *target)
{
	struct overlay_hop hop = { .is_request = true };
	str text;

	bool has_token = sip_uri_param(target, STR("flow"), &text);
	if (has_token && own_token(f, text, hop.token)) {
		hop.kind = OVERLAY_FORWARD_FLOW;
		return hop;
	}
	if (is_self(f, target))
		return answer(has_token ? 403 : 404);
	if (!sip_uri_addr(target, &hop.server) || !sip_uri_param(target, STR("pin"), &text) ||
	    base64url_parse_n(text, hop.pin, OVERLAY_KEY_N) != ERR_NONE)
		return answer(404);
	hop.kind = OVERLAY_FORWARD_SUPERNODE;
	return hop;
}

static bool is_from(const struct overlay_forward *f, struct sip_msg *m, const struct overlay_name *user)
{
	const struct sip_uri *from = &sip_msg_from(m)->uri;
	struct overlay_name name;

	return overlay_name_of(from->user, from->host, overlay_domain_str(&f->setup.network), &name) == ERR_NONE &&
	       str_eq(overlay_name_str(&name), overlay_name_str(user));
}

static bool has_own_token(const struct overlay_forward *f, const struct sip_uri *uri)
{
	uint8_t token[OVERLAY_TOKEN_N];
	str text;

	return sip_uri_param(uri, STR("flow"), &text) && own_token(f, text, token);
}

/* The next Route that is not ours, else the Request-URI (16.4, 16.6 step 6). NULL: malformed. */
static const struct sip_uri *target_of(struct overlay_forward *f, struct sip_msg *m)
{
	const struct sip_address *routes;
	size_t n;
	enum err err = sip_msg_addresses(m, SIP_ROUTE, &routes, &n);

	f->drop_route = false;
	if (err && err != ERR_ABSENT)
		return NULL;
	if (!err && (is_self(f, &routes[0].uri) || has_own_token(f, &routes[0].uri))) {
		f->drop_route = true;
		if (sip_uri_param(&routes[0].uri, STR("flow"), NULL))
			return &routes[0].uri;
		return n > 1 ? &routes[1].uri : sip_msg_uri(m);
	}
	return err ? sip_msg_uri(m) : &routes[0].uri;
}

static struct overlay_hop read_request(struct overlay_forward *f, const struct overlay_forward_source *from)
{
	struct sip_msg *m = &f->msg;
	const struct sip_via *vias;
	size_t via_n;

	f->drop_via = false;
	int status = sip_msg_check(m);
	if (status)
		return m->method == SIP_ACK ? drop("malformed") : answer(status);
	if (!from->answerable)
		return drop("request over a flow of ours");
	if (sip_msg_vias(m, &vias, &via_n) != ERR_NONE)
		return answer(400);
	if (via_n > VIA_MAX)
		return answer(513);
	if (!sip_msg_max_forwards(m, &f->max_forwards))
		f->max_forwards = MAX_FORWARDS;
	if (f->max_forwards == 0)
		return answer(483);
	f->max_forwards--;
	if (from->user && !is_from(f, m, from->user))
		return answer(403);
	const struct sip_uri *target = target_of(f, m);
	if (!target)
		return answer(400);
	uint64_t loop = loop_hash(f, m, target);
	if (is_loop(loop, vias, via_n))
		return answer(482);
	write_via(f, transaction_hash(f, &vias[0]), loop, from->token);
	return hop_to(f, target);
}

/* Only who got the request knows the hash of the branch below, so nobody else can make up answers to it. */
static bool is_answer(struct overlay_forward *f, const struct sip_via *own)
{
	char text[HASH_N + 1];
	const struct sip_via *vias;
	size_t n;

	if (sip_msg_vias(&f->msg, &vias, &n) != ERR_NONE || n < 2)
		return false;
	snprintf(text, sizeof(text), "%016llx", (unsigned long long)transaction_hash(f, &vias[1]));
	return str_starts(str_skip(own->branch, sizeof(BRANCH_MARK) - 1), str_from(text));
}

static struct overlay_hop read_response(struct overlay_forward *f)
{
	struct overlay_hop hop = { .kind = OVERLAY_FORWARD_FLOW };
	const struct sip_via *via = sip_msg_via(&f->msg);
	str text;

	if (!via || !has_mark(via))
		return drop("not our Via");
	if (!is_answer(f, via))
		return drop("an answer to nothing that went this way");
	if (!sip_param_find(via->params, STR("flow"), &text) || !own_token(f, text, hop.token))
		return drop("no token of ours in Via");
	f->drop_via = true;
	return hop;
}

void overlay_forward_read(struct overlay_forward *f, str sip, const struct overlay_forward_source *from,
			  struct overlay_hop *out)
{
	arena_reset(&f->arena);
	enum err err = sip_msg_parse(&f->msg, &f->arena, sip);
	f->has_msg = !err || err == ERR_SYNTAX || err == ERR_LIMIT;
	if (!f->has_msg)
		*out = drop(err_text(err));
	else if (err && !f->msg.is_request)
		*out = drop("malformed response");
	else if (err)
		*out = from->answerable && f->msg.method != SIP_ACK ? answer(f->msg.fault.status) : drop("malformed");
	else
		*out = f->msg.is_request ? read_request(f, from) : read_response(f);
	/* Nobody answers an ACK (17). */
	if (out->kind == OVERLAY_FORWARD_REPLY && f->msg.method == SIP_ACK)
		*out = drop("ACK that goes nowhere");
}

enum err overlay_forward_write(struct overlay_forward *f, struct buf *b)
{
	size_t from = b->n;
	struct sip_edits edits;
	char number[4];
	struct buf text;

	sip_edits_init(&edits);
	if (f->drop_via) {
		sip_edits_note(&edits, SIP_EDIT_REMOVE_TOP, SIP_VIA, STR_NONE);
	} else {
		buf_init(&text, number, sizeof(number));
		buf_put_u64(&text, f->max_forwards);
		sip_edits_note(&edits, SIP_EDIT_PREPEND, SIP_VIA, str_of(f->via, f->via_n));
		sip_edits_note(&edits, SIP_EDIT_SET, SIP_MAX_FORWARDS, buf_str(&text));
		if (f->drop_route)
			sip_edits_note(&edits, SIP_EDIT_REMOVE_TOP, SIP_ROUTE, STR_NONE);
	}
	enum err err = sip_edits_write(&f->msg, &edits, b);
	if (!err && b->n - from > OVERLAY_BODY_MAX)
		err = ERR_LIMIT;
	if (err)
		b->n = from;
	return err;
}

enum err overlay_forward_reply(struct overlay_forward *f, int status, uint32_t retry_after_s, struct buf *b)
{
	char text[64], tag[HASH_N + 1] = "0";
	struct sip_reply reply = { .status = status };
	struct buf lines;

	if (!f->has_msg || !f->msg.is_request || f->msg.method == SIP_ACK)
		return ERR_ABSENT;
	const struct sip_via *via = sip_msg_via(&f->msg);
	if (via) /* 8.2.7: the same tag for a repetition */
		snprintf(tag, sizeof(tag), "%016llx", (unsigned long long)transaction_hash(f, via));
	reply.to_tag = str_from(tag);
	buf_init(&lines, text, sizeof(text));
	buf_put(&lines, STR("Server: tandem"));
	if (retry_after_s)
		buf_printf(&lines, "\r\nRetry-After: %u", retry_after_s);
	reply.lines = buf_str(&lines);
	return sip_reply_write(&f->msg, &reply, b);
}
