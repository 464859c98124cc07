#include "pbx/guard.h"

#include "base/map.h"
#include "crypt/secret.h"
#include "sip/transport.h"

#include <stdlib.h>

#define REALM_MAX   256
#define FORM_MAX    1300 /* what is longer is written each time */
#define FORM_NONCES 3

struct user {
	struct map_node node;
	bool known;  /* the keeper has such an account, and it is not disabled */
	bool newest; /* and its SHA-512-256 */
	uint8_t md5[16], sha256[32], sha512_256[32];
	uint16_t name_n;
	char name[USER_NAME_MAX];
};

/* So young is nobody's displaced: to fill the table takes longer. Else phones that all come at once would be asked
 * twice. */
#define YOUNG (2 * USEC_PER_SEC)
#define WAYS  4 /* with fewer, who is slow finds himself displaced by some who are quick */

struct count {
	usec made;     /* 0: there is none here */
	uint32_t hash; /* upper half */
	uint32_t top;  /* struct sip_auth_window */
	uint64_t seen;
};

/* Nonces that share a place. */
struct counts {
	struct count of[WAYS];
	usec displaced; /* of those that had to go the newest was made then */
};

/* The challenge lines of one kind as they stand in each answer, but for the nonce. */
struct form {
	uint16_t n, nonce_n;      /* n 0: not written yet */
	uint16_t at[FORM_NONCES]; /* where it goes */
	char text[FORM_MAX];
};

struct pbx_guard {
	struct sip_auth *auth;
	struct pbx_backoff *backoff;
	struct rng *rng;
	bool md5, sha256;
	uint32_t tag; /* in our nonces */
	usec since;   /* nonces of a former life are not taken: what was counted of them is forgotten. USEC_NEVER: none
		       * given yet
		       */
	char realm[REALM_MAX], quoted[2 * REALM_MAX + 2];
	size_t realm_n, quoted_n;
	struct form forms[8]; /* proxy, stale, simple */
	uint64_t key[2];
	struct map users;
	struct user *ring[PBX_GUARD_USERS]; /* in the order they came; the oldest makes room */
	uint32_t at;
	struct counts counts[PBX_GUARD_COUNTS / WAYS];
};

struct pbx_guard *pbx_guard_new(const uint8_t *key, uint32_t tag, bool md5, bool sha256, struct rng *rng)
{
	struct pbx_guard *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->auth = sip_auth_new(key);
	g->backoff = pbx_backoff_new(key);
	if (!g->auth || !g->backoff) {
		pbx_guard_free(g);
		return NULL;
	}
	g->rng = rng;
	g->tag = tag;
	g->since = USEC_NEVER;
	g->md5 = md5;
	g->sha256 = sha256;
	rng_fill(rng, g->key, sizeof(g->key));
	map_init(&g->users, PBX_GUARD_USERS);
	return g;
}

static void drop(struct pbx_guard *g, uint32_t at)
{
	struct user *u = g->ring[at];

	if (!u)
		return;
	map_remove(&g->users, &u->node);
	secret_wipe(u, sizeof(*u));
	free(u);
	g->ring[at] = NULL;
}

void pbx_guard_forget(struct pbx_guard *g)
{
	for (uint32_t i = 0; i < PBX_GUARD_USERS; i++)
		drop(g, i);
}

void pbx_guard_free(struct pbx_guard *g)
{
	if (!g)
		return;
	pbx_guard_forget(g);
	map_free(&g->users);
	sip_auth_free(g->auth);
	pbx_backoff_free(g->backoff);
	free(g);
}

enum err pbx_guard_set_realm(struct pbx_guard *g, str realm)
{
	struct buf quoted;

	if (realm.n >= sizeof(g->realm))
		return ERR_LIMIT;
	if (realm.n)
		memcpy(g->realm, realm.p, realm.n);
	g->realm_n = realm.n;
	buf_init(&quoted, g->quoted, sizeof(g->quoted));
	sip_quote(realm, &quoted);
	g->quoted_n = quoted.n;
	for (size_t i = 0; i < sizeof(g->forms) / sizeof(g->forms[0]); i++)
		g->forms[i].n = 0;
	return ERR_NONE;
}

static struct user *find(const struct pbx_guard *g, str name)
{
	for (struct map_node *n = map_first(&g->users, str_hash(name, g->key)); n; n = map_next(n)) {
		struct user *u = map_of(n, struct user, node);

		if (str_eq(str_of(u->name, u->name_n), name))
			return u;
	}
	return NULL;
}

static bool take_hex(str hex, uint8_t *out, size_t n)
{
	if (hex.n != 2 * n)
		return false;
	for (size_t i = 0; i < hex.n; i++) {
		char c = str_lower(hex.p[i]);
		int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

		if (digit < 0)
			return false;
		out[i / 2] = (uint8_t)(out[i / 2] << 4 | digit);
	}
	return true;
}

enum err pbx_guard_put(struct pbx_guard *g, str name, const struct user_record *user)
{
	struct user *u = find(g, name), *made = NULL;

	if (name.n == 0 || name.n > USER_NAME_MAX)
		return ERR_NONE; /* no account can be called so: pbx_guard_find knows */
	if (!u) {
		made = u = calloc(1, sizeof(*u));
		if (!u)
			return ERR_MEMORY;
		memcpy(u->name, name.p, name.n);
		u->name_n = (uint16_t)name.n;
	}
	u->known = user && !user->disabled && take_hex(user->ha1_md5, u->md5, 16) &&
		   take_hex(user->ha1_sha256, u->sha256, 32);
	/* Older accounts lack it (store/schema), and then nobody has the right answer by it. */
	u->newest = u->known && take_hex(user->ha1_sha512_256, u->sha512_256, 32);
	if (!made)
		return ERR_NONE;
	drop(g, g->at);
	enum err err = map_add(&g->users, &u->node, str_hash(name, g->key));
	if (err) {
		free(u);
		return err;
	}
	g->ring[g->at] = u;
	g->at = (g->at + 1) % PBX_GUARD_USERS;
	return ERR_NONE;
}

enum err pbx_guard_find(struct pbx_guard *g, str name)
{
	struct user *u;

	if (!user_name_is_good(name))
		return ERR_ABSENT;
	u = find(g, name);
	return !u ? ERR_MORE : u->known ? ERR_NONE : ERR_ABSENT;
}

bool pbx_guard_is_ours(const struct pbx_guard *g, str value)
{
	struct sip_credentials c;

	return !sip_credentials_parse(value, &c) && c.is_digest && str_eq(c.realm, str_of(g->realm, g->realm_n));
}

static bool takes(const struct pbx_guard *g, unsigned algorithm)
{
	return algorithm == SIP_AUTH_MD5 ? g->md5 : algorithm != SIP_AUTH_UNKNOWN && g->sha256;
}

/* The first of our realm that we can judge (RFC 8760 2.4: a client answers one challenge, others may be for others). */
static bool find_credentials(struct pbx_guard *g, struct sip_msg *m, bool proxy, struct sip_credentials *c)
{
	const struct sip_header *h = sip_msg_header(m, proxy ? SIP_PROXY_AUTHORIZATION : SIP_AUTHORIZATION);

	for (; h; h = sip_msg_header_next(m, h))
		if (!sip_credentials_parse(sip_header_value(m, h), c) && c->is_digest &&
		    str_eq(c->realm, str_of(g->realm, g->realm_n)) && takes(g, c->algorithm))
			return true;
	return false;
}

static struct counts *place_of(struct pbx_guard *g, uint64_t hash)
{
	return &g->counts[hash % (PBX_GUARD_COUNTS / WAYS)];
}

/* Where this nonce is counted, of which `n` has come; the oldest makes room. NULL: it may have been counted here
 * before.
 */
static struct count *find_count(struct pbx_guard *g, str nonce, uint32_t n, uint64_t hash, usec now)
{
	struct counts *c = place_of(g, hash);
	struct count *oldest = &c->of[0];
	usec made = sip_auth_nonce_made(nonce);
	bool again = made <= c->displaced;

	for (size_t i = 0; i < WAYS; i++) {
		if (c->of[i].made == made && c->of[i].hash == hash >> 32)
			return &c->of[i];
		if (c->of[i].made < oldest->made)
			oldest = &c->of[i];
	}
	if (again && now - made > YOUNG)
		return NULL;
	if (oldest->made > c->displaced)
		c->displaced = oldest->made;
	*oldest = (struct count){ .made = made, .hash = (uint32_t)(hash >> 32) };
	if (again) { /* whatever is below n may have come */
		oldest->top = n - 1;
		oldest->seen = UINT64_MAX;
	}
	return oldest;
}

/* RFC 7616 5.12: a count may come once. */
static bool take_count(struct pbx_guard *g, const struct sip_credentials *c, uint64_t hash, usec now)
{
	/* Without qop there are no counts (RFC 2617 3.2.2), and the answer says nothing of Contact or Call-ID: such a
	 * nonce is good for one request. */
	uint32_t n = c->count ? c->count : UINT32_MAX;
	struct count *count = find_count(g, c->nonce, n, hash, now);

	if (!count)
		return false;
	struct sip_auth_window window = { .top = count->top, .seen = count->seen };
	bool fresh = sip_auth_window_take(&window, n);
	count->top = window.top;
	count->seen = window.seen;
	return fresh;
}

/* The secret that `c` must be made with. ERR_ABSENT: there is none, and `*ha1` is nobody's; ERR_MORE: not known here.
 */
static enum err find_secret(const struct pbx_guard *g, const struct sip_credentials *c, const uint8_t **ha1)
{
	static const uint8_t nobody[SIP_AUTH_HA1_MAX] = { 0 };
	struct user *u;

	*ha1 = nobody;
	if (!user_name_is_good(c->username))
		return ERR_ABSENT;
	u = find(g, c->username);
	if (!u)
		return ERR_MORE;
	if (!(c->algorithm == SIP_AUTH_SHA512_256 ? u->newest : u->known))
		return ERR_ABSENT;
	*ha1 = c->algorithm == SIP_AUTH_MD5 ? u->md5 : c->algorithm == SIP_AUTH_SHA256 ? u->sha256 : u->sha512_256;
	return ERR_NONE;
}

enum pbx_guard_answer pbx_guard_judge(struct pbx_guard *g, struct sip_msg *m, bool proxy, const struct addr *source,
				      usec now, str *name)
{
	usec lifetime = g->since == USEC_NEVER ? -1 : usec_min(PBX_NONCE_LIFETIME, now - g->since);
	struct sip_credentials c;
	const uint8_t *ha1;
	uint64_t hash;

	if (!g->realm_n || !find_credentials(g, m, proxy, &c))
		return PBX_GUARD_CHALLENGE;
	if (sip_auth_nonce_check(g->auth, g->tag, c.nonce, now, lifetime))
		return PBX_GUARD_STALE;
	hash = str_hash(c.nonce, g->key);
	for (size_t i = 0; i < sizeof(struct counts); i += 64 - 1) /* is there when the digest has been made */
		__builtin_prefetch((const char *)place_of(g, hash) + i, 1);
	*name = c.username;
	if (!pbx_backoff_may(g->backoff, source, c.username, now))
		return PBX_GUARD_WRONG;
	enum err known = find_secret(g, &c, &ha1);
	if (known == ERR_MORE)
		return PBX_GUARD_UNKNOWN;
	if (sip_auth_verify(g->auth, &c, ha1, m->method_text, m->body) || known) {
		pbx_backoff_wrong(g->backoff, source, c.username, now);
		return PBX_GUARD_WRONG;
	}
	if (!take_count(g, &c, hash, now)) /* it may have been overheard: nothing is known of who sends it */
		return PBX_GUARD_STALE;
	pbx_backoff_right(g->backoff, source, c.username, now);
	return PBX_GUARD_GOOD;
}

/* The value of nonce=".." in a line of credentials; "" where there is none. */
static str find_nonce(str line)
{
	static const str name = STR_INIT("nonce=\"");
	size_t at;

	for (; (at = str_find(line, name)) < line.n; line = str_skip(line, at + name.n))
		if (at > 0 && (line.p[at - 1] == ' ' || line.p[at - 1] == ',')) {
			str value = str_skip(line, at + name.n);
			return str_head(value, str_find_char(value, '"'));
		}
	return STR_NONE;
}

bool pbx_guard_heard(struct pbx_guard *g, str request, uint16_t worker_n, usec now)
{
	str head = str_head(request, str_find(request, STR("\r\n\r\n")));
	str line = str_skip(head, str_find(head, STR("\r\nAuthorization:")) + 2);
	str nonce = find_nonce(str_head(line, str_find_char(line, '\r')));
	uint32_t worker =
		nonce.n && worker_n > 1 ? sip_transport_worker(sip_transport_call_id(head), worker_n) : g->tag;

	return nonce.n && !sip_auth_nonce_check(g->auth, worker, nonce, now, PBX_NONCE_LIFETIME);
}

struct pbx_backoff *pbx_guard_backoff(struct pbx_guard *g)
{
	return g->backoff;
}

void pbx_guard_stats(const struct pbx_guard *g, struct pbx_backoff_stats *out)
{
	pbx_backoff_stats(g->backoff, out);
}

static void write_lines(const struct pbx_guard *g, bool proxy, bool stale, bool simple, str nonce, struct buf *out)
{
	/* RFC 8760 2.3: the one we like best on top. Not the longest: every account has SHA-256, none is weaker for it.
	 */
	static const enum sip_auth_algorithm order[] = { SIP_AUTH_SHA256, SIP_AUTH_SHA512_256, SIP_AUTH_MD5 };

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (!takes(g, order[i]) || (simple && g->md5 && order[i] != SIP_AUTH_MD5))
			continue;
		if (out->n)
			buf_put(out, STR("\r\n"));
		buf_put(out, proxy ? STR("Proxy-Authenticate: ") : STR("WWW-Authenticate: "));
		sip_challenge_write_quoted(order[i], str_of(g->quoted, g->quoted_n), nonce, stale, out);
	}
}

/* false: it is too long, or the nonce is not where one is looked for. */
static bool make_form(const struct pbx_guard *g, bool proxy, bool stale, bool simple, str nonce, struct form *form)
{
	size_t n = 0, found;
	struct buf b;

	buf_init(&b, form->text, sizeof(form->text));
	write_lines(g, proxy, stale, simple, nonce, &b);
	if (!buf_ok(&b))
		return false;
	for (size_t from = 0; (found = str_find(str_skip(buf_str(&b), from), nonce)) < b.n - from;) {
		if (n == FORM_NONCES)
			return false;
		form->at[n++] = (uint16_t)(from + found);
		from += found + nonce.n;
	}
	while (n < FORM_NONCES && n) { /* fewer lines: the same place again */
		form->at[n] = form->at[n - 1];
		n++;
	}
	form->nonce_n = (uint16_t)nonce.n;
	form->n = (uint16_t)(n ? b.n : 0);
	return n > 0;
}

void pbx_guard_write_challenge(struct pbx_guard *g, bool proxy, bool stale, bool simple, usec now, struct buf *out)
{
	struct form *form = &g->forms[4 * proxy + 2 * stale + simple];
	char text[SIP_AUTH_NONCE_MAX];
	str nonce = sip_auth_nonce(g->auth, g->tag, now, g->rng, text);
	size_t at = out->n;

	if (g->since == USEC_NEVER)
		g->since = now;
	if (at || (!form->n && !make_form(g, proxy, stale, simple, nonce, form))) {
		write_lines(g, proxy, stale, simple, nonce, out);
		return;
	}
	buf_put(out, str_of(form->text, form->n));
	for (size_t i = 0; buf_ok(out) && i < FORM_NONCES; i++)
		memcpy(out->p + form->at[i], nonce.p, form->nonce_n);
}
