/* cmd/serve_reload.c - SIGHUP: settings, rules and certificates are read again, all of them or none. */
#include "cmd/serve_parts.h"
#include "pbx/note.h"
#include "pbx/settings.h"

#include <stdio.h>
#include <unistd.h>

#define PATIENCE_MS 10000 /* for workers to take new settings */

/* What a worker takes from new settings (pbx/settings.h), the certificates and the rules. */
static bool is_live(const char *name)
{
	static const char *const names[] = { "trunk",           "relay-domains",  "redirect",   "trust",
					     "path-trust",      "tls-peers",      "strangers",  "auth",
					     "identity",        "hunt-after",     "redirects",  "history",
					     "session-expires", "policy",         "tls-cert",   "tls-key",
					     "tls-ca",          "expires-spread", "flow-timer", "service-route",
					     "flood-rate" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static bool is_same(const struct conf_setting *one, const void *a, const void *b)
{
	const char *x = (const char *)a + one->offset, *y = (const char *)b + one->offset;

	switch (one->type) {
	case CONF_FLAG:
		return *(const bool *)x == *(const bool *)y;
	case CONF_NUMBER:
	case CONF_CHOICE:
	case CONF_SPAN:
		return memcmp(x, y, sizeof(int64_t)) == 0;
	case CONF_ADDR:
		return addr_eq((const struct addr *)(const void *)x, (const struct addr *)(const void *)y);
	case CONF_TEXT:
	case CONF_PATH:
		break;
	}
	return str_eq(*(const str *)(const void *)x, *(const str *)(const void *)y);
}

static void name_the_rest(const struct serve *s, const struct serve *fresh)
{
	for (size_t i = 0; i < serve_table_n; i++) {
		char text[400];
		struct buf where;

		if (is_live(serve_table[i].name) || is_same(&serve_table[i], &s->settings, &fresh->settings))
			continue;
		buf_init(&where, text, sizeof(text));
		conf_where(serve_table, serve_table_n, &fresh->source, serve_table[i].name, &where);
		command_say(s->command, STR_FMT "changes with a restart only; it stays as it was",
			    STR_ARG(buf_str(&where)));
	}
}

static bool reload_certificates(struct serve *s, const struct serve *fresh)
{
	struct serve_tls old = s->tls;
	char text[500];
	struct buf why;

	buf_init(&why, text, sizeof(text));
	s->tls.certificate = fresh->settings.certificate;
	s->tls.key = fresh->settings.key;
	s->tls.ca = fresh->settings.ca;
	if (!serve_tls_reload(&s->tls, &why))
		return true;
	command_say(s->command, STR_FMT, STR_ARG(buf_str(&why)));
	s->tls.certificate = old.certificate;
	s->tls.key = old.key;
	s->tls.ca = old.ca;
	return false;
}

static struct pbx_note *note_for(const struct serve *s, const struct serve *fresh)
{
	struct pbx_note *note = pbx_note_new(PBX_NOTE_SETTINGS);
	struct pbx_config c = pbx_config_default();
	char text[900];
	struct buf why;

	if (!note)
		return NULL;
	buf_init(&why, text, sizeof(text));
	serve_config(fresh, &c);
	c.domain = s->settings.domain;
	note->settings = pbx_settings_new(&c, serve_policy(fresh, &why));
	if (note->settings)
		return note;
	pbx_note_free(note);
	return NULL;
}

/* Every worker or none. */
static bool hand_out(struct serve *s, const struct serve *fresh)
{
	struct pbx_note *notes[WORKER_MAX] = { NULL };
	bool good = true;

	for (int i = 0; i < s->settings.workers; i++)
		good = (notes[i] = note_for(s, fresh)) && good;
	for (int i = 0; i < s->settings.workers; i++) {
		enum err err = good ? ERR_FULL : ERR_MEMORY;

		for (int tries = 0; good && err == ERR_FULL && tries < 500; tries++) {
			if (tries)
				usleep(10000); /* a box that is full is being emptied */
			err = driver_tell(s->line.driver, (uint32_t)i, notes[i]);
		}
		if (err)
			pbx_note_free(notes[i]);
		else
			s->handed++;
		good = good && err != ERR_FULL;
	}
	return good;
}

void serve_settled(void *self)
{
	struct serve *s = self;

	atomic_fetch_add(&s->settled, 1);
}

/* Who reads that they are in force may rely on it. The certificates are since reload_certificates(). */
static bool wait_for_workers(struct serve *s)
{
	for (int tries = 0; tries < PATIENCE_MS && !atomic_load(&s->over); tries++) {
		if (atomic_load(&s->settled) == s->handed)
			return true;
		usleep(1000);
	}
	return false;
}

static void say_reloaded(struct serve *s, const struct serve *fresh)
{
	pthread_mutex_lock(&s->printing);
	if (s->settings.json)
		printf("{\"reloaded\":true,\"rules\":%zu}\n", fresh->rule_n);
	else
		printf("settings read again: %zu rules\n", fresh->rule_n);
	fflush(stdout);
	pthread_mutex_unlock(&s->printing);
}

static void reload_once(struct serve *s)
{
	int code;
	struct serve *fresh = serve_read(s->command, s->argc, s->argv, &code);

	if (fresh) {
		name_the_rest(s, fresh);
		fresh->settings.domain = s->settings.domain; /* users, realm and rules belong to it */
	}
	if (!fresh || serve_check_accounts(fresh, s->home.keeper, clock_now(&s->clock)) ||
	    !reload_certificates(s, fresh) || !hand_out(s, fresh)) {
		command_say(s->command, "the settings in force stay as they are");
		serve_free(fresh);
		return;
	}
	if (wait_for_workers(s))
		say_reloaded(s, fresh);
	else
		command_say(s->command, "the new settings were handed out, but not every worker has taken them yet");
	serve_free(s->latest);
	s->latest = fresh;
}

/* On a thread of its own: files take their time. */
static void reload(void *self)
{
	struct serve *s = self;
	unsigned asked;

	do {
		asked = atomic_load(&s->reloads);
		reload_once(s);
	} while (!atomic_compare_exchange_strong(&s->reloads, &asked, 0));
}

void serve_hangup(void *self)
{
	struct serve *s = self;

	if (atomic_fetch_add(&s->reloads, 1))
		return; /* it begins again when it is done */
	thread_join(&s->reloader);
	if (thread_start(&s->reloader, "reload", reload, s)) {
		command_say(s->command, "no thread to read the settings with; those in force stay");
		atomic_store(&s->reloads, 0);
	}
}
