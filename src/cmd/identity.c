#include "cmd/identity.h"

#include "cmd/network_file.h"
#include "crypt/password.h"
#include "crypt/secret.h"
#include "io/file.h"
#include "io/interface.h"
#include "net/tls.h"
#include "overlay/frame.h"
#include "sip/uri.h"

#include <stdio.h>

#define SYSTEM_TRUST "/etc/ssl/certs/ca-certificates.crt"
#define TRUST_MAX    (4u << 20)

int identity_password(const struct command *command, str file, char *out, size_t cap)
{
	char path[HOME_PATH_MAX];
	struct buf text;
	enum err err;

	out[0] = 0;
	if (!file.n)
		return EXIT_OK;
	if (!str_copy_z(file, path, sizeof(path))) {
		command_say(command, "the path of the password file is too long");
		return EXIT_USAGE;
	}
	buf_init_grow(&text, PASSWORD_MAX);
	err = file_read(path, &text);
	if (err == ERR_NONE && !str_copy_z(str_trim(buf_str(&text)), out, cap))
		err = ERR_LIMIT;
	if (text.p)
		secret_wipe(text.p, text.n);
	buf_free(&text);
	if (err == ERR_NONE)
		return EXIT_OK;
	command_say(command, "%s: %s", path, err_text(err));
	return EXIT_NO_INPUT;
}

struct addr identity_own_address(const struct addr *remote)
{
	const struct addr anywhere = addr_v4(198, 51, 100, 1, 9);
	struct addr out = { 0 };

	if (!remote || !addr_is_set(remote))
		remote = &anywhere;
	if (interface_towards(remote, &out) != ERR_NONE && interface_list(&out, 1) == 0)
		out = addr_v4(127, 0, 0, 1, 0);
	out.port = 0;
	return out;
}

static uint16_t add_tls(const struct command *command, struct driver *driver, const struct tls_settings *settings)
{
	enum err err = ERR_FULL;
	struct tls_credentials *credentials = tls_credentials_new(settings, NULL, &err);
	uint16_t number = credentials ? driver_tls_add(driver, credentials) : 0;

	tls_credentials_unref(credentials);
	if (!number)
		command_say(command, "TLS: %s", err_text(err));
	return number;
}

int identity_trust(const struct command *command, struct driver *driver, str ca_file, uint16_t *number)
{
	struct tls_settings tls = { 0 };
	char path[HOME_PATH_MAX] = SYSTEM_TRUST;
	struct buf trust;
	enum err err = ERR_NONE;

	*number = 0;
	buf_init_grow(&trust, TRUST_MAX);
	if (ca_file.n && !str_copy_z(ca_file, path, sizeof(path)))
		err = ERR_LIMIT;
	if (!err)
		err = file_read(path, &trust);
	if (err && ca_file.n) {
		command_say(command, STR_FMT ": %s", STR_ARG(ca_file),
			    err == ERR_ABSENT    ? "there is no such file"
			    : err == ERR_REFUSED ? "this user may not read it"
						 : err_text(err));
	} else {
		tls.trust_pem = buf_str(&trust);
		*number = add_tls(command, driver, &tls);
	}
	buf_free(&trust);
	if (*number)
		return EXIT_OK;
	return err == ERR_ABSENT && ca_file.n ? EXIT_NO_INPUT
	       : err == ERR_REFUSED           ? EXIT_NO_PERMISSION
					      : EXIT_UNAVAILABLE;
}

int identity_account(const struct command *command, const char *setting, str text, struct identity_account *out)
{
	struct identity_account account = { 0 };
	struct sip_uri uri;

	if (sip_uri_parse(text, &uri) != ERR_NONE || !uri.user.n || !uri.host.n || uri.host.n > 255 ||
	    (uri.scheme != SIP_SCHEME_SIP && uri.scheme != SIP_SCHEME_SIPS) ||
	    !sip_uri_transport(&uri, &account.transport)) {
		command_say(command, "%s: should be sip:USER@HOST, with ;transport=udp, tcp, tls, ws or wss", setting);
		return EXIT_USAGE;
	}
	account.user = uri.user;
	account.domain = uri.host;
	if (uri.port) /* without it, DNS says (RFC 3263) */
		snprintf(account.proxy, sizeof(account.proxy), STR_FMT ":%u", STR_ARG(uri.host), (unsigned)uri.port);
	else
		(void)str_copy_z(uri.host, account.proxy, sizeof(account.proxy));
	if (str_eq_nocase(uri.host, STR("localhost")))
		account.server = addr_v4(127, 0, 0, 1, sip_uri_port(&uri));
	else
		(void)sip_uri_addr(&uri, &account.server);
	*out = account;
	return EXIT_OK;
}

static int complain(const struct command *command, const struct buf *why, int code)
{
	command_say(command, STR_FMT, STR_ARG(buf_str(why)));
	return code;
}

int identity_instance(const struct command *command, const struct clock *clock, const struct log *log, str data,
		      const char *owner, char out[HOME_INSTANCE_N])
{
	struct home home;
	char text[400];
	struct buf why;
	enum err err;

	buf_init(&why, text, sizeof(text));
	err = home_open(&home, data, 0, clock, log, &why);
	if (err != ERR_NONE)
		return complain(command, &why, err == ERR_BUSY ? EXIT_TEMPORARY : EXIT_CONFIG);
	err = home_instance(&home, owner, out, &why);
	home_close(&home);
	return err ? complain(command, &why, EXIT_IO) : EXIT_OK;
}

static int read_network(struct identity_node *n, const struct identity_node_setup *s, struct buf *why)
{
	char path[HOME_PATH_MAX + 128];
	enum err err;

	if (s->network.n)
		err = str_copy_z(s->network, path, sizeof(path)) ? ERR_NONE : ERR_LIMIT;
	else
		err = home_path(&n->home, "network.json", path);
	if (err == ERR_NONE)
		err = network_read_file(path, &n->network, why);
	if (err == ERR_NONE)
		return EXIT_OK;
	return complain(s->command, why, err == ERR_ABSENT ? EXIT_NO_INPUT : EXIT_DATA);
}

uint16_t identity_peer_tls(const struct command *command, struct driver *driver)
{
	static const str alpn = STR_INIT(OVERLAY_ALPN);

	return add_tls(command, driver, &(struct tls_settings){ .alpn = &alpn, .alpn_n = 1, .minimum = TLS_1_3 });
}

static int make_road(struct identity_node *n, const struct identity_node_setup *s)
{
	struct overlay_node_setup node = { .network = &n->network,
					   .name = s->name,
					   .password = s->password,
					   .state = buf_str(&n->state),
					   .capabilities = s->capabilities,
					   .rng = s->rng,
					   .log = s->log };
	enum err err;

	node.tls = identity_peer_tls(s->command, s->driver);
	if (!node.tls)
		return EXIT_UNAVAILABLE;
	err = peer_road_new(&node, clock_now(s->clock), &n->road);
	if (err == ERR_NONE)
		return EXIT_OK;
	command_say(s->command, STR_FMT ": %s", STR_ARG(s->name),
		    err == ERR_REFUSED  ? "this folder belongs to another person or network"
		    : err == ERR_SYNTAX ? "this can be no name on the network"
					: err_text(err));
	return err == ERR_SYNTAX ? EXIT_USAGE : EXIT_CONFIG;
}

int identity_node(struct identity_node *n, const struct identity_node_setup *s)
{
	char text[400];
	struct buf why;
	enum err err;
	int code;

	*n = (struct identity_node){ 0 };
	buf_init(&why, text, sizeof(text));
	buf_init_grow(&n->state, 65536);
	snprintf(n->owner, sizeof(n->owner), "node:" STR_FMT, STR_ARG(s->name));
	err = home_open(&n->home, s->data, 0, s->clock, s->log, &why);
	if (err != ERR_NONE)
		return complain(s->command, &why, err == ERR_BUSY ? EXIT_TEMPORARY : EXIT_CONFIG);
	n->is_open = true;
	s->line->keeper = n->home.keeper;
	code = read_network(n, s, &why);
	if (code != EXIT_OK)
		return code;
	err = home_state(&n->home, n->owner, PEER_ROAD_STATE, &n->state, &why);
	if (err != ERR_NONE && err != ERR_ABSENT)
		return complain(s->command, &why, EXIT_IO);
	if (!n->state.n && !s->password.n) {
		command_say(s->command,
			    STR_FMT " is not logged in on this device: `tandem node login`, or a password file",
			    STR_ARG(s->name));
		return EXIT_NO_USER;
	}
	code = make_road(n, s);
	if (code != EXIT_OK)
		return code;
	err = home_claim(&n->home, s->name, &why);
	return err ? complain(s->command, &why, err == ERR_BUSY ? EXIT_TEMPORARY : EXIT_CANT_CREATE) : EXIT_OK;
}

static size_t add_once(struct addr *list, size_t n, size_t cap, const struct addr *a)
{
	for (size_t i = 0; i < n; i++)
		if (addr_eq(&list[i], a))
			return n;
	if (n < cap)
		list[n++] = *a;
	return n;
}

size_t identity_media_addrs(const struct identity_node *node, struct addr *out, size_t cap)
{
	struct addr all[16], server;
	size_t n = 0, all_n = interface_list(all, sizeof(all) / sizeof(*all));

	for (size_t i = 0; i < node->network.supernode_n; i++)
		if (addr_parse_ip(str_from(node->network.supernode[i].host), &server) == ERR_NONE) {
			server = identity_own_address(&server);
			n = add_once(out, n, cap, &server);
		}
	for (size_t i = 0; i < all_n; i++)
		n = add_once(out, n, cap, &all[i]);
	return n;
}

void identity_node_stop(struct identity_node *n)
{
	if (n->is_open)
		home_close(&n->home);
	n->is_open = false;
}

void identity_node_free(struct identity_node *n)
{
	identity_node_stop(n);
	peer_road_free(n->road);
	if (n->state.p)
		secret_wipe(n->state.p, n->state.n);
	buf_free(&n->state);
}
