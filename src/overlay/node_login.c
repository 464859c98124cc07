#include "crypt/secret.h"
#include "overlay/node_inside.h"

#define HASH_WAIT (20 * USEC_PER_SEC) /* more than for other answers: hashing may have to queue */

void overlay_node_login(struct overlay_node *n, usec when)
{
	n->renew_at = USEC_NEVER;
	overlay_link_start(&n->login, when);
}

void overlay_node_prove(struct overlay_node *n, struct overlay_message *m, const struct overlay_link *l)
{
	uint8_t text[OVERLAY_PROOF_MAX];
	size_t text_n = overlay_proof_text(m, l->binding, text);

	sign_make(&n->state.device, str_of((const char *)text, text_n), m->proof);
}

void overlay_node_say_login(struct overlay_node *n, usec now)
{
	struct overlay_message m = { .id = NODE_ID_LOGIN };

	if (n->password_n) {
		m.type = OVERLAY_LOGIN;
		m.network = overlay_domain_str(&n->network.name);
		m.name = overlay_name_str(&n->name);
		m.password = str_of(n->password, n->password_n);
		memcpy(m.key, n->state.device.key, OVERLAY_KEY_N);
	} else {
		m.type = OVERLAY_RENEW;
		m.certificate = overlay_certificate_str(&n->state.certificate);
	}
	overlay_node_prove(n, &m, &n->login);
	overlay_link_send(&n->login, &m, now);
	n->login_due = now + NODE_ANSWER_WAIT + HASH_WAIT;
}

/* Is our clock far from the server's? */
bool overlay_node_clock_is_wrong(const struct overlay_message *m, usec now)
{
	return m->time && (m->time > now + OVERLAY_CLOCK_SLACK || m->time < now - OVERLAY_CLOCK_SLACK);
}

static void forget_password(struct overlay_node *n)
{
	secret_wipe(n->password, sizeof(n->password));
	n->password_n = 0;
}

/* A new certificate: new seal keys with it, and everybody must hear of both. */
static void adopt(struct overlay_node *n, const struct overlay_certificate *c, usec now)
{
	bool renewal = n->state.certificate.bytes_n > 0;
	struct node_event *e;

	n->state.certificate = *c;
	if (renewal) {
		n->state.keys_before = n->state.keys;
		box_new(&n->state.keys, n->rng);
	}
	forget_password(n);
	usec half = (c->not_after - c->not_before) / 2;
	n->renew_at = c->not_before + half + (usec)rng_below(n->rng, 600) * USEC_PER_SEC;
	n->told = OVERLAY_REFUSAL_NONE;
	overlay_node_save(n);
	e = overlay_node_push(n, OVERLAY_NODE_LOGGED_IN, NULL, 0);
	if (e)
		e->ev.until = c->not_after;
	if (n->login_only)
		return;
	if (n->welcome)
		overlay_node_say_hello(n, now); /* answered by WELCOME, which publishes */
	else
		overlay_link_start(&n->flow, now);
}

static void on_login_ok(struct overlay_node *n, const struct overlay_message *m, usec now)
{
	const struct overlay_network *w = &n->network;
	struct overlay_certificate c;
	enum err err = overlay_certificate_parse(m->certificate, &c);

	if (!err)
		err = overlay_certificate_verify(&c, overlay_domain_str(&w->name), w->authority, now);
	if (!err && (memcmp(c.device, n->state.device.key, OVERLAY_KEY_N) != 0 ||
		     !str_eq(overlay_name_str(&c.name), overlay_name_str(&n->name))))
		err = ERR_FORGED;
	if (err) {
		bool clock = err == ERR_STATE || err == ERR_EXPIRED || overlay_node_clock_is_wrong(m, now);

		overlay_node_problem(n, clock ? OVERLAY_REFUSAL_CLOCK : overlay_refusal_of(err), false);
		overlay_link_again(&n->login, 60 * USEC_PER_SEC, now);
		return;
	}
	overlay_link_worked(&n->login);
	overlay_link_stop(&n->login);
	adopt(n, &c, now);
}

static void on_login_refused(struct overlay_node *n, const struct overlay_message *m, usec now)
{
	bool clock = overlay_node_clock_is_wrong(m, now) &&
		     (m->refusal == OVERLAY_REFUSAL_EXPIRED || m->refusal == OVERLAY_REFUSAL_EARLY);
	bool passes = overlay_refusal_passes(m->refusal) || clock;

	overlay_node_problem(n, clock ? OVERLAY_REFUSAL_CLOCK : m->refusal, !passes);
	if (passes) {
		overlay_link_again(&n->login, (usec)m->retry_after_s * USEC_PER_SEC, now);
	} else {
		forget_password(n);
		overlay_link_stop(&n->login);
	}
}

void overlay_node_login_frame(struct overlay_node *n, const struct overlay_frame *frame, usec now)
{
	struct overlay_message m;

	if (overlay_message_parse(frame, &m) != ERR_NONE || n->login_due == USEC_NEVER)
		return;
	n->login_due = USEC_NEVER;
	if (m.type == OVERLAY_LOGIN_OK)
		on_login_ok(n, &m, now);
	else if (m.type == OVERLAY_REFUSED || m.type == OVERLAY_BYE)
		on_login_refused(n, &m, now);
}
