#include "cmd/network_file.h"

#include "base/base64.h"
#include "io/file.h"

#include <jansson.h>
#include <stdlib.h>

#define FILE_MAX 65536

static bool text_of(const json_t *object, const char *name, str *out)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_string(value))
		return false;
	*out = str_of(json_string_value(value), json_string_length(value));
	return true;
}

static bool key_of(const json_t *object, const char *name, uint8_t out[OVERLAY_KEY_N])
{
	str text;

	return text_of(object, name, &text) && base64url_parse_n(text, out, OVERLAY_KEY_N) == ERR_NONE;
}

static bool servers_of(const json_t *object, const char *name, struct overlay_server *out, size_t *n)
{
	const json_t *list = json_object_get(object, name), *one;
	size_t i;
	str address;

	if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > OVERLAY_SERVERS_MAX)
		return false;
	json_array_foreach(list, i, one) if (!text_of(one, "address", &address) ||
					     overlay_server_parse(address, &out[i]) ||
					     !key_of(one, "pin", out[i].pin)) return false;
	*n = i;
	return true;
}

static enum err read_object(const json_t *object, struct overlay_network *out, struct buf *why)
{
	str name;

	if (!text_of(object, "network", &name) || overlay_domain_parse(name, &out->name))
		buf_put_z(why, "\"network\" must be a domain name in lower case");
	else if (!key_of(object, "authority", out->authority))
		buf_put_z(why, "\"authority\" must be a public key of 32 bytes in base64url");
	else if (!servers_of(object, "login", out->login, &out->login_n))
		buf_put_z(why, "\"login\" must list 1 to 8 {\"address\": \"HOST:PORT\", \"pin\": \"...\"}");
	else if (!servers_of(object, "supernodes", out->supernode, &out->supernode_n))
		buf_put_z(why, "\"supernodes\" must list 1 to 8 {\"address\": \"HOST:PORT\", \"pin\": \"...\"}");
	else
		return ERR_NONE;
	return ERR_SYNTAX;
}

enum err network_parse(str text, struct overlay_network *out, struct buf *why)
{
	struct overlay_network network = { 0 };
	json_error_t error;
	json_t *object = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &error);

	if (!object) {
		buf_printf(why, "line %d: %s", error.line, error.text);
		return ERR_SYNTAX;
	}
	enum err err = read_object(object, &network, why);
	json_decref(object);
	if (err == ERR_NONE)
		*out = network;
	return err;
}

static void write_key(const uint8_t key[OVERLAY_KEY_N], struct buf *out)
{
	buf_put_char(out, '"');
	base64url_write(str_of((const char *)key, OVERLAY_KEY_N), out);
	buf_put_char(out, '"');
}

static void write_servers(const char *name, const struct overlay_server *servers, size_t n, struct buf *out)
{
	buf_printf(out, "  \"%s\": [", name);
	for (size_t i = 0; i < n; i++) {
		bool v6 = strchr(servers[i].host, ':') != NULL;

		buf_printf(out, "%s\n    { \"address\": \"%s%s%s:%u\", \"pin\": ", i ? "," : "", v6 ? "[" : "",
			   servers[i].host, v6 ? "]" : "", servers[i].port);
		write_key(servers[i].pin, out);
		buf_put_z(out, " }");
	}
	buf_put_z(out, "\n  ]");
}

void network_write(const struct overlay_network *network, struct buf *out)
{
	buf_printf(out, "{\n  \"network\": \"" STR_FMT "\",\n  \"authority\": ",
		   STR_ARG(overlay_domain_str(&network->name)));
	write_key(network->authority, out);
	buf_put_z(out, ",\n");
	write_servers("login", network->login, network->login_n, out);
	buf_put_z(out, ",\n");
	write_servers("supernodes", network->supernode, network->supernode_n, out);
	buf_put_z(out, "\n}\n");
}

enum err network_read_file(const char *path, struct overlay_network *out, struct buf *why)
{
	struct buf text;

	buf_printf(why, "%s: ", path);
	buf_init_grow(&text, FILE_MAX);
	enum err err = file_read(path, &text);
	if (err)
		buf_put_z(why, err == ERR_ABSENT ? "there is no such file" : err_text(err));
	else
		err = network_parse(buf_str(&text), out, why);
	buf_free(&text);
	return err;
}

enum err network_write_file(const char *path, const struct overlay_network *network, struct buf *why)
{
	struct buf text;

	buf_init_grow(&text, FILE_MAX);
	network_write(network, &text);
	enum err err = buf_ok(&text) ? file_write(path, buf_str(&text), false) : text.err;
	if (err)
		buf_printf(why, "%s: cannot be written: %s", path, err_text(err));
	buf_free(&text);
	return err;
}
