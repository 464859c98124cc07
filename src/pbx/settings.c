#include "pbx/settings.h"

#include "pbx/policy.h"

#include <stdlib.h>

#define TEXTS_MAX (1u << 20)

struct pbx_settings {
	struct pbx_config config;
	struct pbx_policy *policy;
	struct arena texts;
};

void pbx_settings_free(struct pbx_settings *s)
{
	if (!s)
		return;
	pbx_policy_free(s->policy);
	arena_free(&s->texts);
	free(s);
}

static bool copy_list(struct arena *a, const str **list, size_t n)
{
	str *copy = arena_alloc(a, (n + 1) * sizeof(*copy));

	if (!copy)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!arena_copy(a, (*list)[i], &copy[i]))
			return false;
	*list = copy;
	return true;
}

static bool copy_trusts(struct arena *a, const struct pbx_trust **list, size_t n)
{
	struct pbx_trust *copy = arena_alloc(a, (n + 1) * sizeof(*copy));

	if (!copy)
		return false;
	if (n)
		memcpy(copy, *list, n * sizeof(*copy));
	*list = copy;
	return true;
}

struct pbx_settings *pbx_settings_new(const struct pbx_config *config, struct pbx_policy *policy)
{
	struct pbx_settings *s = calloc(1, sizeof(*s));

	if (!s) {
		pbx_policy_free(policy);
		return NULL;
	}
	arena_init(&s->texts, NULL, 0, TEXTS_MAX);
	s->policy = policy;
	s->config = *config;
	memset(s->config.key, 0, sizeof(s->config.key)); /* nothing that lies about in a note's way */
	if (arena_copy(&s->texts, config->trunk, &s->config.trunk) &&
	    copy_list(&s->texts, &s->config.networks, s->config.network_n) &&
	    copy_list(&s->texts, &s->config.relay_domains, s->config.relay_domain_n) &&
	    copy_list(&s->texts, &s->config.tls_peers, s->config.tls_peer_n) &&
	    copy_list(&s->texts, &s->config.redirect_domains, s->config.redirect_domain_n) &&
	    copy_trusts(&s->texts, &s->config.trusts, s->config.trust_n) &&
	    copy_trusts(&s->texts, &s->config.path_trusts, s->config.path_trust_n))
		return s;
	pbx_settings_free(s);
	return NULL;
}

void pbx_settings_apply(const struct pbx_settings *s, struct pbx_config *out)
{
	const struct pbx_config *c = &s->config;

	/* Read anew for each request, or (flood_rate) told to its room; what one has been made from is not here. */
	out->networks = c->networks;
	out->network_n = c->network_n;
	out->trunk = c->trunk;
	out->relay_any = c->relay_any;
	out->relay_domains = c->relay_domains;
	out->relay_domain_n = c->relay_domain_n;
	out->redirect_any = c->redirect_any;
	out->redirect_domains = c->redirect_domains;
	out->redirect_domain_n = c->redirect_domain_n;
	out->auth = c->auth;
	out->flood_rate = c->flood_rate;
	out->trusts = c->trusts;
	out->trust_n = c->trust_n;
	out->path_trusts = c->path_trusts;
	out->path_trust_n = c->path_trust_n;
	out->tls_peers = c->tls_peers;
	out->tls_peer_n = c->tls_peer_n;
	out->strangers = c->strangers;
	out->history = c->history;
	out->identity = c->identity;
	out->session_expires = c->session_expires;
	out->expires_min = c->expires_min;
	out->expires_default = c->expires_default;
	out->expires_max = c->expires_max;
	out->expires_spread = c->expires_spread;
	out->ring_for = c->ring_for;
	out->hunt_after = c->hunt_after;
	out->recurse = c->recurse;
	out->flow_timer = c->flow_timer;
	out->service_route = c->service_route;
}

struct pbx_policy *pbx_settings_policy(struct pbx_settings *s)
{
	struct pbx_policy *policy = s->policy;

	s->policy = NULL;
	return policy;
}
