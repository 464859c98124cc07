#include "cmd/serve_tls.h"

#include "crypt/secret.h"
#include "io/file.h"

#define SYSTEM_TRUST "/etc/ssl/certs/ca-certificates.crt"
#define TRUST_MAX    (4u << 20)

enum set { SET_TLS, SET_WSS, SET_OUT, SETS };

/* What the files say. */
struct texts {
	struct buf certificate, key, trust;
};

static void free_texts(struct texts *t)
{
	if (t->key.n)
		secret_wipe(t->key.p, t->key.n);
	buf_free(&t->key);
	buf_free(&t->certificate);
	buf_free(&t->trust);
}

static enum err read_file(const char *option, str path, struct buf *out, struct buf *why)
{
	char z[HOME_PATH_MAX];
	enum err err = str_copy_z(path, z, sizeof(z)) ? file_read(z, out) : ERR_LIMIT;

	if (err)
		buf_printf(why, "%s: " STR_FMT ": %s", option, STR_ARG(path), err_text(err));
	return err;
}

static enum err read_given(const struct serve_tls *s, struct texts *t, struct buf *why)
{
	enum err err = read_file("--tls-cert", s->certificate, &t->certificate, why);

	return err ? err : read_file("--tls-key", s->key.n ? s->key : s->certificate, &t->key, why);
}

static enum err make_own(const struct serve_tls *s, struct texts *t, struct buf *why)
{
	struct certificate *made = NULL;
	enum err err = home_certificate(s->home, "pbx", s->domain, &s->domain, 1, &made, why);

	if (err)
		return err;
	certificate_write_pem(made, &t->certificate);
	certificate_write_key_pem(made, &t->key);
	certificate_free(made);
	return ERR_NONE;
}

/* Without a system's list nobody is believed; a list that was named must be there. */
static enum err read_trust(const struct serve_tls *s, struct texts *t, struct buf *why)
{
	if (s->ca.n)
		return read_file("--tls-ca", s->ca, &t->trust, why);
	if (file_read(SYSTEM_TRUST, &t->trust))
		buf_reset(&t->trust);
	return ERR_NONE;
}

static enum err read_texts(const struct serve_tls *s, struct texts *t, struct buf *why)
{
	enum err err = ERR_NONE;

	buf_init_grow(&t->certificate, CERTIFICATE_PEM_MAX);
	buf_init_grow(&t->key, CERTIFICATE_PEM_MAX);
	buf_init_grow(&t->trust, TRUST_MAX);
	if (s->certificate.n)
		err = read_given(s, t, why);
	else if (s->listens)
		err = make_own(s, t, why);
	return err ? err : read_trust(s, t, why);
}

static bool is_needed(const struct serve_tls *s, enum set set)
{
	return set == SET_OUT ? s->listens || s->calls : s->listens;
}

/* Which of the files it was. */
static void complain(const struct tls_settings *settings, enum err err, struct buf *why)
{
	struct tls_settings own = *settings;
	struct tls_credentials *c;
	enum err without;

	own.trust_pem = STR_NONE;
	c = tls_credentials_new(&own, NULL, &without);
	if (c)
		buf_put(why, STR("--tls-ca: no certificate in PEM"));
	else
		buf_printf(why, "--tls-cert, --tls-key: %s",
			   err == ERR_SYNTAX    ? "no certificate and key in PEM"
			   : err == ERR_REFUSED ? "certificate and key do not belong together, or are too weak"
						: err_text(err));
	tls_credentials_unref(c);
}

static enum err make_set(const struct serve_tls *s, enum set set, const struct texts *t, struct tls_credentials **out,
			 struct buf *why)
{
	struct tls_settings settings = { .certificate_pem = buf_str(&t->certificate), .key_pem = buf_str(&t->key) };
	enum err err = ERR_NONE;

	if (set != SET_WSS) {
		settings.trust_pem = buf_str(&t->trust);
		settings.ask = TLS_ASK_CERTIFICATE;
		settings.any_client = settings.hide_trust = true;
	}
	*out = tls_credentials_new(&settings, s->sets[set], &err);
	if (*out)
		return ERR_NONE;
	complain(&settings, err, why);
	return err == ERR_REFUSED ? ERR_SYNTAX : err;
}

static enum err make_sets(const struct serve_tls *s, struct tls_credentials *made[SETS], struct buf *why)
{
	struct texts texts;
	enum err err = read_texts(s, &texts, why);

	for (enum set i = 0; i < SETS && !err; i++)
		if (is_needed(s, i))
			err = make_set(s, i, &texts, &made[i], why);
	for (enum set i = 0; i < SETS && err; i++) {
		tls_credentials_unref(made[i]);
		made[i] = NULL;
	}
	free_texts(&texts);
	return err;
}

/* The new sets are the ones in use. */
static void keep(struct serve_tls *s, struct tls_credentials *made[SETS])
{
	for (enum set i = 0; i < SETS; i++) {
		tls_credentials_unref(s->sets[i]);
		s->sets[i] = made[i];
	}
	s->pin[0] = 0;
	if (s->sets[SET_TLS])
		(void)tls_credentials_pin(s->sets[SET_TLS], s->pin);
}

static int exit_code(enum err err)
{
	switch (err) {
	case ERR_ABSENT:
		return EXIT_NO_INPUT;
	case ERR_REFUSED:
		return EXIT_NO_PERMISSION;
	case ERR_SYNTAX:
	case ERR_LIMIT:
		return EXIT_DATA;
	default:
		return EXIT_UNAVAILABLE;
	}
}

int serve_tls_start(struct serve_tls *s)
{
	uint16_t *numbers[SETS] = { &s->tls, &s->wss, &s->out };
	struct tls_credentials *made[SETS] = { NULL };
	char text[300];
	struct buf why;
	enum err err;

	buf_init(&why, text, sizeof(text));
	err = make_sets(s, made, &why);
	if (err) {
		command_say(s->command, STR_FMT, STR_ARG(buf_str(&why)));
		return exit_code(err);
	}
	for (enum set i = 0; i < SETS; i++)
		if (made[i])
			*numbers[i] = driver_tls_add(s->driver, made[i]);
	keep(s, made);
	return EXIT_OK;
}

enum err serve_tls_reload(struct serve_tls *s, struct buf *why)
{
	uint16_t numbers[SETS] = { s->tls, s->wss, s->out };
	struct tls_credentials *made[SETS] = { NULL };
	enum err err = make_sets(s, made, why);

	if (err)
		return err;
	for (enum set i = 0; i < SETS; i++)
		if (made[i])
			driver_tls_replace(s->driver, numbers[i], made[i]);
	keep(s, made);
	return ERR_NONE;
}

void serve_tls_free(struct serve_tls *s)
{
	for (enum set i = 0; i < SETS; i++)
		tls_credentials_unref(s->sets[i]);
}
