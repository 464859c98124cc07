#include "sip/dialog.h"

#include <stdlib.h>

/* ---- texts ---- */

/* A copy of b's text on the heap; NULL where b failed. */
static char *text_of(const struct buf *b)
{
	char *p = buf_ok(b) ? malloc(b->n + 1) : NULL;

	if (p && b->n)
		memcpy(p, b->p, b->n);
	return p;
}

/* Notes where in a buf a part began, to be pointed at once the text has its final place. */
struct part {
	size_t at, n;
};

static struct part part_end(const struct buf *b, size_t at)
{
	return (struct part){ at, b->n - at };
}

static str part_str(const char *text, struct part p)
{
	return str_of(text + p.at, p.n);
}

/* From or To as we send it: display name, URI, tag; other parameters belonged to the message. */
static struct part put_party(struct buf *b, const struct sip_address *a, str tag)
{
	size_t at = b->n;

	if (a->display.n) {
		buf_put(b, a->display);
		buf_put_char(b, ' ');
	}
	buf_put_char(b, '<');
	buf_put(b, a->uri.text);
	buf_put_char(b, '>');
	if (tag.n) {
		buf_put(b, STR(";tag="));
		buf_put(b, tag);
	}
	return part_end(b, at);
}

static struct part put_part(struct buf *b, str s)
{
	size_t at = b->n;

	buf_put(b, s);
	return part_end(b, at);
}

static bool set_names(struct sip_dialog *d, str call_id, const struct sip_address *local, str local_tag,
		      const struct sip_address *remote, str remote_tag)
{
	struct buf b;
	struct part id, lt, rt, from, to;

	buf_init_grow(&b, 4 * SIP_MSG_MAX);
	id = put_part(&b, call_id);
	lt = put_part(&b, local_tag);
	rt = put_part(&b, remote_tag);
	from = put_party(&b, local, local_tag);
	to = put_party(&b, remote, remote_tag);
	d->names = text_of(&b);
	buf_free(&b);
	if (!d->names)
		return false;
	d->call_id = part_str(d->names, id);
	d->local_tag = part_str(d->names, lt);
	d->remote_tag = part_str(d->names, rt);
	d->from = part_str(d->names, from);
	d->to = part_str(d->names, to);
	return true;
}

/* ---- target and routes ---- */

static enum err set_target(struct sip_dialog *d, str uri)
{
	char *p;

	if (str_eq(uri, d->target))
		return ERR_NONE;
	p = malloc(uri.n + 1);
	if (!p)
		return ERR_MEMORY;
	memcpy(p, uri.p, uri.n);
	free(d->target_text);
	d->target_text = p;
	d->target = str_of(p, uri.n);
	return ERR_NONE;
}

/* Nothing to learn is no failure. */
static enum err learn_target(struct sip_dialog *d, struct sip_msg *msg)
{
	const struct sip_address *list;
	size_t n;

	if (sip_msg_addresses(msg, SIP_CONTACT, &list, &n) || n == 0 || list[0].star)
		return ERR_NONE;
	return set_target(d, list[0].uri.text);
}

/* The Record-Route values in order (callee, 12.1.1) or reversed (caller, 12.1.2). */
static enum err set_routes(struct sip_dialog *d, struct sip_msg *msg, bool reversed)
{
	struct part parts[SIP_DIALOG_ROUTE_MAX];
	struct sip_values v = sip_msg_values(msg, SIP_RECORD_ROUTE);
	struct buf b;
	char *text;
	size_t n = 0;
	str value;

	buf_init_grow(&b, SIP_MSG_MAX);
	while (sip_values_next(&v, &value)) {
		if (n == SIP_DIALOG_ROUTE_MAX) {
			buf_free(&b);
			return ERR_LIMIT;
		}
		parts[n++] = put_part(&b, value);
	}
	text = text_of(&b);
	buf_free(&b);
	if (!text)
		return ERR_MEMORY;
	free(d->route_text);
	d->route_text = text;
	d->route_n = n;
	for (size_t i = 0; i < n; i++)
		d->routes[i] = part_str(text, parts[reversed ? n - 1 - i : i]);
	return ERR_NONE;
}

/* ---- beginning and end ---- */

struct sip_dialog *sip_dialog_new_caller(struct sip_msg *request, struct sip_msg *response)
{
	const struct sip_address *from = sip_msg_from(request), *to = sip_msg_to(response);
	const struct sip_cseq *cseq = sip_msg_cseq(request);
	const struct sip_uri *uri = sip_msg_uri(request);
	struct sip_dialog *d;

	if (!from || !to || !cseq || !uri || to->tag.n == 0 || response->status < 101 || response->status > 299)
		return NULL;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->caller = true;
	d->secure = uri->scheme == SIP_SCHEME_SIPS;
	d->state = response->status < 200 ? SIP_DIALOG_EARLY : SIP_DIALOG_CONFIRMED;
	d->local_cseq = cseq->number;
	if (!set_names(d, sip_msg_call_id(request), from, from->tag, to, to->tag) || set_target(d, uri->text) ||
	    learn_target(d, response) || set_routes(d, response, true)) {
		sip_dialog_free(d);
		return NULL;
	}
	return d;
}

struct sip_dialog *sip_dialog_new_callee(struct sip_msg *request, str local_tag, bool secure)
{
	const struct sip_address *from = sip_msg_from(request), *to = sip_msg_to(request);
	const struct sip_cseq *cseq = sip_msg_cseq(request);
	struct sip_dialog *d;

	if (!from || !to || !cseq)
		return NULL;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->secure = secure;
	d->state = SIP_DIALOG_EARLY;
	d->remote_cseq = cseq->number;
	if (!set_names(d, sip_msg_call_id(request), to, local_tag, from, from->tag) || set_target(d, from->uri.text) ||
	    learn_target(d, request) || set_routes(d, request, false)) {
		sip_dialog_free(d);
		return NULL;
	}
	return d;
}

void sip_dialog_free(struct sip_dialog *d)
{
	if (!d)
		return;
	free(d->names);
	free(d->target_text);
	free(d->route_text);
	free(d);
}

enum err sip_dialog_recv_response(struct sip_dialog *d, struct sip_msg *response)
{
	enum err err;

	/* 13.2.2.4: the 2xx settles the route set, whatever the early answers said; later ones do not (12.2). */
	if (d->state == SIP_DIALOG_EARLY && response->status >= 200 && response->status < 300) {
		err = set_routes(d, response, true);
		if (err)
			return err;
		d->state = SIP_DIALOG_CONFIRMED;
	}
	return response->status < 300 ? learn_target(d, response) : ERR_NONE;
}

void sip_dialog_confirm(struct sip_dialog *d)
{
	if (d->state == SIP_DIALOG_EARLY)
		d->state = SIP_DIALOG_CONFIRMED;
}

void sip_dialog_end(struct sip_dialog *d)
{
	d->state = SIP_DIALOG_ENDED;
}

/* ---- matching ---- */

/* The tags as the dialog would name them: ours and theirs. */
static bool tags_of(struct sip_msg *msg, str *local, str *remote)
{
	const struct sip_address *from = sip_msg_from(msg), *to = sip_msg_to(msg);

	if (!from || !to)
		return false;
	*local = msg->is_request ? to->tag : from->tag;
	*remote = msg->is_request ? from->tag : to->tag;
	return true;
}

bool sip_dialog_match(const struct sip_dialog *d, struct sip_msg *msg)
{
	str local, remote;

	return tags_of(msg, &local, &remote) && str_eq(sip_msg_call_id(msg), d->call_id) &&
	       str_eq(local, d->local_tag) && str_eq(remote, d->remote_tag);
}

static uint64_t hash(str call_id, str local, str remote, const uint64_t key[2])
{
	uint64_t h = str_hash(call_id, key);

	h = str_hash(local, (const uint64_t[2]){ key[0] ^ h, key[1] });
	return str_hash(remote, (const uint64_t[2]){ key[0] ^ h, key[1] });
}

uint64_t sip_dialog_hash(const struct sip_dialog *d, const uint64_t key[2])
{
	return hash(d->call_id, d->local_tag, d->remote_tag, key);
}

uint64_t sip_dialog_hash_msg(struct sip_msg *msg, const uint64_t key[2])
{
	str local = STR_NONE, remote = STR_NONE;

	tags_of(msg, &local, &remote);
	return hash(sip_msg_call_id(msg), local, remote, key);
}

/* ---- requests inside ---- */

static bool refreshes(uint8_t method)
{
	return method == SIP_INVITE || method == SIP_UPDATE || method == SIP_SUBSCRIBE || method == SIP_NOTIFY;
}

int sip_dialog_recv_request(struct sip_dialog *d, struct sip_msg *request)
{
	const struct sip_cseq *cseq = sip_msg_cseq(request);

	if (d->state == SIP_DIALOG_ENDED)
		return 481;
	if (request->method == SIP_ACK || request->method == SIP_CANCEL)
		return 0;
	if (!cseq || (d->remote_cseq && cseq->number < d->remote_cseq))
		return 500;
	if (refreshes(request->method) && learn_target(d, request))
		return 500;
	d->remote_cseq = cseq->number;
	return 0;
}

enum err sip_dialog_refresh(struct sip_dialog *d, struct sip_msg *response)
{
	return learn_target(d, response);
}

static bool is_loose(str route)
{
	struct sip_address a;

	return sip_address_parse(route, &a) == ERR_NONE && sip_uri_param(&a.uri, STR("lr"), NULL);
}

/* 12.2.1.1: a strict router takes the Request-URI's place, and the target goes last. */
static enum err route_strictly(struct sip_dialog *d, struct sip_request *out, struct arena *scratch)
{
	struct sip_address first;
	str *routes = arena_alloc(scratch, d->route_n * sizeof(*routes));
	char *target = arena_alloc(scratch, d->target.n + 2);

	if (!routes || !target || sip_address_parse(d->routes[0], &first))
		return ERR_MEMORY;
	target[0] = '<';
	memcpy(target + 1, d->target.p, d->target.n);
	target[d->target.n + 1] = '>';
	for (size_t i = 1; i < d->route_n; i++)
		routes[i - 1] = d->routes[i];
	routes[d->route_n - 1] = str_of(target, d->target.n + 2);
	out->uri = first.uri.text;
	out->routes = routes;
	return ERR_NONE;
}

enum err sip_dialog_request(struct sip_dialog *d, str method, uint32_t cseq, struct sip_request *out,
			    struct arena *scratch)
{
	struct sip_request r = { .method = method,
				 .uri = d->target,
				 .routes = d->routes,
				 .route_n = d->route_n,
				 .from = d->from,
				 .to = d->to,
				 .call_id = d->call_id };

	if (d->state == SIP_DIALOG_ENDED && !str_eq(method, STR("ACK")) && !str_eq(method, STR("BYE")))
		return ERR_STATE;
	if (d->route_n && !is_loose(d->routes[0])) {
		enum err err = route_strictly(d, &r, scratch);

		if (err)
			return err;
	}
	r.cseq = cseq ? cseq : ++d->local_cseq;
	*out = r;
	return ERR_NONE;
}

bool sip_dialog_next_hop(const struct sip_dialog *d, struct sip_uri *out)
{
	struct sip_address a;

	if (d->route_n == 0)
		return sip_uri_parse(d->target, out) == ERR_NONE;
	if (sip_address_parse(d->routes[0], &a))
		return false;
	*out = a.uri;
	return true;
}
