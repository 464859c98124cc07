/* cmd/serve_settings.c - the settings of `tandem serve`: arguments, the file of --config, the rules; and what is wrong
 * with them. */
#include "cmd/serve_parts.h"
#include "io/file.h"
#include "io/keeper.h"
#include "io/zone.h"
#include "sip/uri.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Says what is wrong with a setting, and where it stands; false. */
static bool PRINTF_LIKE(3, 4) wrong(struct serve *s, const char *setting, const char *format, ...)
{
	char where_text[400], text[600];
	struct buf where;
	va_list args;

	buf_init(&where, where_text, sizeof(where_text));
	conf_where(serve_table, serve_table_n, &s->source, setting, &where);
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	command_say(s->command, STR_FMT "%s", STR_ARG(buf_str(&where)), text);
	s->code = str_starts(buf_str(&where), STR("--")) ? EXIT_USAGE : EXIT_DATA;
	return false;
}

/* A host name, or an address written as a host of a URI is (RFC 3261 25.1). */
static bool is_host(str name)
{
	char text[300];
	struct sip_uri uri;
	struct buf b;

	buf_init(&b, text, sizeof(text));
	buf_printf(&b, "sip:" STR_FMT, STR_ARG(name));
	if (str_starts(name, STR(".")) || str_find(name, STR("..")) < name.n)
		return false;
	return buf_ok(&b) && !sip_uri_parse(buf_str(&b), &uri) && !uri.user.n && str_eq(uri.host, name);
}

/* A list of names with commas between, at most RELAY_MAX. false: said why. */
static bool split_names(struct serve *s, const char *setting, str rest, str *out, size_t *n)
{
	str one;

	while (rest.n) {
		(void)str_split(rest, ',', &one, &rest);
		one = str_trim(one);
		if (!one.n || *n == RELAY_MAX) {
			return wrong(s, setting, "up to %d names with commas between", RELAY_MAX);
		}
		if (!is_host(one))
			return wrong(s, setting, "\"" STR_FMT "\" is no domain, such as example.com", STR_ARG(one));
		out[(*n)++] = one;
	}
	return true;
}

static bool check_names(struct serve *s)
{
	bool any = str_eq(s->settings.relay, STR("any"));

	return split_names(s, "relay-domains", any ? STR_NONE : s->settings.relay, s->relay, &s->relay_n) &&
	       split_names(s, "tls-peers", s->settings.tls_peers, s->tls_peers, &s->tls_peer_n) &&
	       split_names(s, "redirect", str_eq(s->settings.redirect, STR("any")) ? STR_NONE : s->settings.redirect,
			   s->redirect, &s->redirect_n);
}

static bool parse_trusts(struct serve *s, const char *name, str rest, struct pbx_trust *out, size_t *n)
{
	str one;

	while (rest.n) {
		struct pbx_trust *trust = &out[*n];

		str_split(rest, ',', &one, &rest);
		if (*n == TRUST_MAX)
			return wrong(s, name, "more than %d networks", TRUST_MAX);
		if (addr_parse_net(str_trim(one), &trust->net, &trust->bits))
			return wrong(s, name, "\"" STR_FMT "\" is no network, such as 192.0.2.0/24 or 2001:db8::/32",
				     STR_ARG(one));
		++*n;
	}
	return true;
}

static bool check(struct serve *s)
{
	char text[300];
	struct buf why;

	buf_init(&why, text, sizeof(text));
	if (listen_parse(s->settings.listen, &s->listen, &why)) {
		return wrong(s, "listen", STR_FMT, STR_ARG(buf_str(&why)));
	}
	if (!parse_trusts(s, "trust", s->settings.trust, s->trusts, &s->trust_n) ||
	    !parse_trusts(s, "path-trust", s->settings.path_trust, s->path_trusts, &s->path_trust_n))
		return false;
	s->code = watch_check(&s->watch, s->command, &s->settings.watch);
	if (s->code)
		return false;
	s->code = EXIT_USAGE;
	s->watch.json = s->settings.json;
	for (size_t i = 0; i < s->listen.n; i++) {
		if (s->settings.workers > 1 && s->listen.at[i].addr.port == 0) {
			return wrong(s, "listen", "port 0 works with one worker only, for workers share a port");
		}
	}
	if (!check_names(s))
		return false;
	if (!is_host(s->settings.domain))
		return wrong(s, "domain", "\"" STR_FMT "\" is no domain, such as example.com",
			     STR_ARG(s->settings.domain));
	if (s->settings.session_expires && s->settings.session_expires < SESSION_MIN)
		return wrong(s, "session-expires", "0, or at least 90s (RFC 4028 4)");
	if (s->settings.host.n > 253) {
		return wrong(s, "hostname", "longer than a name can be");
	}
	if (s->settings.key.n && !s->settings.certificate.n) {
		return wrong(s, "tls-key", "a key without a certificate; add --tls-cert");
	}
	if (s->settings.certificate.n && !listen_has_secure(&s->listen)) {
		return wrong(s, "tls-cert", "nothing listens for TLS; add tls:ADDR:PORT or wss:ADDR:PORT to --listen");
	}
	return true;
}

/* ---- files of settings and of rules ---- */

static bool load(struct serve *s, const char *setting, str path, size_t max, struct buf *out)
{
	char z[HOME_PATH_MAX];
	enum err err = str_copy_z(path, z, sizeof(z)) ? ERR_NONE : ERR_LIMIT;

	buf_init_grow(out, max);
	if (!err)
		err = file_read(z, out);
	if (!err)
		return true;
	(void)wrong(s, setting, STR_FMT ": %s", STR_ARG(path),
		    err == ERR_ABSENT    ? "there is no such file"
		    : err == ERR_REFUSED ? "this user may not read it"
		    : err == ERR_IO      ? "cannot be read; is it a file?"
					 : err_text(err));
	s->code = err == ERR_REFUSED ? EXIT_NO_PERMISSION : err == ERR_ABSENT ? EXIT_NO_INPUT : EXIT_DATA;
	return false;
}

/* --config stands among the arguments, and what it names comes before them. */
static str find_config(int argc, char **argv)
{
	str found = STR_NONE;

	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strncmp(argv[i], "--config=", 9) == 0)
			found = str_from(argv[i] + 9);
		else if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
			found = str_from(argv[++i]);
	}
	return found;
}

static bool known_zone(void *self, str name, struct buf *rule)
{
	(void)self;
	return zone_find(name, rule) == ERR_NONE;
}

struct pbx_policy *serve_policy(const struct serve *s, struct buf *why)
{
	char name_text[200], rule_text[200];
	struct pbx_policy_source source = { .file = s->settings.policy,
					    .text = buf_str(&s->policy_text),
					    .domain = s->settings.domain,
					    .find_zone = known_zone };
	struct buf name, rule;

	buf_init(&name, name_text, sizeof(name_text));
	buf_init(&rule, rule_text, sizeof(rule_text));
	zone_here(&name, &rule);
	source.zone_name = buf_str(&name);
	if (!s->settings.policy.n || civil_zone_parse(buf_str(&rule), &source.zone))
		source.zone = CIVIL_UTC;
	return s->settings.policy.n ? pbx_policy_read(&source, why) : NULL;
}

/* The rules are read once for their own sake, and again for each worker. */
static bool check_policy(struct serve *s)
{
	struct pbx_policy *policy;
	char text[900];
	struct buf why;

	if (!s->settings.policy.n)
		return true;
	if (!load(s, "policy", s->settings.policy, POLICY_MAX, &s->policy_text))
		return false;
	buf_init(&why, text, sizeof(text));
	policy = serve_policy(s, &why);
	if (!policy) {
		command_say(s->command, STR_FMT, STR_ARG(buf_str(&why)));
		s->code = EXIT_DATA;
		return false;
	}
	s->rule_n = policy->rule_n;
	for (size_t i = 0; i < policy->rule_n && !s->settings.trunk.n; i++) {
		const struct pbx_rule *rule = &policy->rules[i];

		if (rule->action != PBX_POLICY_VIA || !str_eq(rule->via, STR("trunk")))
			continue;
		command_say(s->command,
			    STR_FMT ":%u: rule " STR_FMT
				    " sends calls by the trunk, but there is none yet; --trunk names it",
			    STR_ARG(s->settings.policy), rule->line, STR_ARG(rule->name));
		break;
	}
	pbx_policy_free(policy);
	return true;
}

static bool read_settings(struct serve *s)
{
	struct conf_words words;
	char text[600];
	struct buf why;

	buf_init(&why, text, sizeof(text));
	s->source = (struct conf_source){ .argc = s->argc, .argv = s->argv };
	s->source.file = find_config(s->argc, s->argv);
	if (s->source.file.n && !load(s, "config", s->source.file, CONFIG_MAX, &s->config_text))
		return false;
	s->source.text = buf_str(&s->config_text);
	s->code = EXIT_USAGE;
	if (conf_read(serve_table, serve_table_n, &s->source, &s->settings, &words, &why)) {
		command_say(s->command, STR_FMT, STR_ARG(buf_str(&why)));
		if (s->source.file.n && str_starts(buf_str(&why), s->source.file))
			s->code = EXIT_DATA;
		return false;
	}
	if (words.n) {
		command_say(s->command, "what is \"" STR_FMT "\" for? (tandem help serve)", STR_ARG(words.word[0]));
		return false;
	}
	return check(s) && check_policy(s);
}

int serve_check_accounts(struct serve *s, struct keeper *keeper, usec now)
{
	struct user_record user = { .name = s->settings.trunk, .domain = s->settings.domain };
	struct keeper_ask question = { .kind = KEEPER_USER_FIND, .now = now, .users = &user, .n = 1 };
	struct keeper_answer *answer;
	enum err err;
	bool disabled;

	/* Who may be anybody needs no account. */
	if (!s->settings.trunk.n || s->settings.auth)
		return EXIT_OK;
	answer = keeper_wait(keeper, &question);
	err = answer ? answer->err : ERR_MEMORY;
	disabled = !err && answer->n && answer->users[0].disabled;
	if (err && err != ERR_ABSENT)
		command_say(s->command, "the accounts cannot be read: %s", answer ? answer->why : err_text(err));
	else if (err || disabled)
		(void)wrong(s, "trunk", "%s " STR_FMT "%s", err ? "there is no account" : "the account",
			    STR_ARG(s->settings.trunk), err ? "; `tandem admin user add` makes it" : " is disabled");
	keeper_answer_free(answer);
	return err == ERR_ABSENT || disabled ? s->code : err ? EXIT_UNAVAILABLE : EXIT_OK;
}

struct serve *serve_read(const struct command *command, int argc, char **argv, int *code)
{
	struct serve *s = calloc(1, sizeof(*s));

	*code = EXIT_OS;
	if (!s)
		return NULL;
	s->command = command;
	s->argc = argc;
	s->argv = argv;
	if (read_settings(s))
		return s;
	*code = s->code;
	serve_free(s);
	return NULL;
}

void serve_free(struct serve *s)
{
	if (!s)
		return;
	buf_free(&s->config_text);
	buf_free(&s->policy_text);
	free(s);
}

bool serve_has_extensions(const struct serve *s)
{
	return s->settings.extensions;
}

str serve_data(const struct serve *s)
{
	return s->settings.data;
}

struct addr serve_dns(const struct serve *s)
{
	return s->settings.dns;
}

const struct listen_list *serve_listen(const struct serve *s)
{
	return &s->listen;
}

void serve_config(const struct serve *s, struct pbx_config *c)
{
	c->domain = s->settings.domain;
	c->trunk = s->settings.trunk;
	c->auth = s->settings.auth == 0;
	c->strangers = s->settings.strangers || s->settings.auth;
	c->identity = (enum pbx_identity_mode)s->settings.identity;
	c->hunt_after = s->settings.hunt_after;
	c->history = s->settings.history;
	c->recurse = s->settings.redirects == 0;
	c->session_expires = (uint32_t)(s->settings.session_expires / USEC_PER_SEC);
	c->expires_spread = (uint32_t)s->settings.expires_spread;
	c->flow_timer = (uint32_t)(s->settings.flow_timer / USEC_PER_SEC);
	c->service_route = (enum pbx_service_route)s->settings.service_route;
	c->relay_any = str_eq(s->settings.relay, STR("any"));
	c->relay_domains = s->relay;
	c->relay_domain_n = s->relay_n;
	c->redirect_any = str_eq(s->settings.redirect, STR("any"));
	c->redirect_domains = s->redirect;
	c->redirect_domain_n = s->redirect_n;
	c->tls_peers = s->tls_peers;
	c->tls_peer_n = s->tls_peer_n;
	c->trusts = s->trusts;
	c->trust_n = s->trust_n;
	c->path_trusts = s->path_trusts;
	c->path_trust_n = s->path_trust_n;
	c->flood_rate = (uint32_t)s->settings.flood_rate;
	c->trace = s->settings.trace;
}
