#include "cmd/home.h"

#include "crypt/random.h"
#include "crypt/secret.h"
#include "io/file.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS            200 /* what `tandem admin` has done is known within; a look costs some microseconds */
#define CERTIFICATE_LIFE   (3650 * 86400 * USEC_PER_SEC) /* pinned by its key: age adds nothing */
#define CERTIFICATE_MARGIN (30 * 86400 * USEC_PER_SEC)

static enum err start_keeper(struct home *home, bool ahead, const struct log *log, struct buf *why)
{
	char path[HOME_PATH_MAX + 128], sentence[300] = "";
	enum err err = home_path(home, "tandem.db", path);

	if (err == ERR_NONE)
		err = keeper_start(
			&(struct keeper_setup){
				.path = path, .log = log, .look_ms = home->lock < 0 ? 0 : LOOK_MS, .ahead = ahead },
			&home->keeper, sentence, sizeof(sentence));
	if (err)
		buf_printf(why, "%s", *sentence ? sentence : err_text(err));
	return err;
}

static enum err lock_file(const struct home *home, const char *name, int *fd)
{
	char path[HOME_PATH_MAX + 128];
	enum err err = home_path(home, name, path);

	return err ? err : file_lock(path, fd);
}

enum err home_open(struct home *home, str dir, unsigned use, const struct clock *clock, const struct log *log,
		   struct buf *why)
{
	enum err err;

	*home = (struct home){ .clock = clock, .lock = -1, .claim = -1 };
	random_os(&home->rng);
	if (!str_copy_z(dir, home->dir, sizeof(home->dir))) {
		buf_put_z(why, "the path of the folder is too long");
		return ERR_LIMIT;
	}
	err = file_mkdir(home->dir);
	if (err) {
		buf_printf(why, "%s: %s", home->dir,
			   err == ERR_EXISTS    ? "is there, but is no folder"
			   : err == ERR_REFUSED ? "this user may not make it"
			   : err == ERR_ABSENT  ? "the folder above it is not there"
						: err_text(err));
		return err;
	}
	err = use & HOME_ALONE ? lock_file(home, "lock", &home->lock) : ERR_NONE;
	if (err) {
		buf_printf(why, "%s: %s", home->dir,
			   err == ERR_BUSY      ? "another tandem runs on this folder"
			   : err == ERR_REFUSED ? "this user may not use it"
						: err_text(err));
		return err;
	}
	err = start_keeper(home, use & HOME_AHEAD, log, why);
	if (err)
		home_close(home);
	return err;
}

void home_close(struct home *home)
{
	keeper_stop(home->keeper);
	home->keeper = NULL;
	if (home->lock >= 0)
		close(home->lock);
	if (home->claim >= 0)
		close(home->claim);
	home->lock = home->claim = -1;
}

enum err home_claim(struct home *home, str name, struct buf *why)
{
	char file[128];
	int n = snprintf(file, sizeof(file), STR_FMT ".lock", STR_ARG(name));
	enum err err;

	assert(home->claim < 0);
	err = n >= (int)sizeof(file) || strchr(file, '/') ? ERR_SYNTAX : lock_file(home, file, &home->claim);
	if (err == ERR_BUSY)
		buf_printf(why, STR_FMT " is on the peer network from %s already, by another tandem", STR_ARG(name),
			   home->dir);
	else if (err)
		buf_printf(why, "%s/" STR_FMT ".lock: %s", home->dir, STR_ARG(name), err_text(err));
	return err;
}

enum err home_path(const struct home *home, const char *name, char out[HOME_PATH_MAX + 128])
{
	int n = snprintf(out, HOME_PATH_MAX + 128, "%s/%s", home->dir, name);

	return n < 0 || n >= HOME_PATH_MAX + 128 ? ERR_LIMIT : ERR_NONE;
}

/* Asks, says why not, and hands the answer over: NULL on failure, the error then in *err. ERR_ABSENT is silent. */
static struct keeper_answer *ask(struct home *home, struct keeper_ask question, enum err *err, struct buf *why)
{
	question.now = clock_now(home->clock);
	struct keeper_answer *answer = keeper_wait(home->keeper, &question);

	*err = answer ? answer->err : ERR_MEMORY;
	if (*err == ERR_NONE)
		return answer;
	if (*err != ERR_ABSENT && *err != ERR_EXISTS)
		buf_printf(why, "the store: %s", answer && *answer->why ? answer->why : err_text(*err));
	keeper_answer_free(answer);
	return NULL;
}

enum err home_state(struct home *home, const char *owner, const char *name, struct buf *out, struct buf *why)
{
	struct state_record key = { .owner = str_from(owner), .name = str_from(name) };
	enum err err;
	struct keeper_answer *answer =
		ask(home, (struct keeper_ask){ .kind = KEEPER_STATE_GET, .states = &key, .n = 1 }, &err, why);

	if (answer && answer->n)
		buf_put(out, answer->states[0].value);
	keeper_answer_free(answer);
	if (err == ERR_ABSENT)
		return ERR_NONE;
	return err ? err : out->err;
}

static enum err keep_state(struct home *home, const char *owner, const char *name, str value, struct buf *why)
{
	struct state_record row = {
		.owner = str_from(owner), .name = str_from(name), .value = value, .updated = clock_now(home->clock)
	};
	enum err err;

	keeper_answer_free(
		ask(home, (struct keeper_ask){ .kind = KEEPER_STATE_PUT, .states = &row, .n = 1 }, &err, why));
	return err;
}

enum err home_secret(struct home *home, const char *owner, const char *name, void *out, size_t n, struct buf *why)
{
	char kept[64];
	struct buf b;
	enum err err;

	assert(n <= sizeof(kept));
	buf_init(&b, kept, sizeof(kept));
	err = home_state(home, owner, name, &b, why);
	if (err)
		return err;
	if (b.n == n) {
		memcpy(out, kept, n);
	} else {
		rng_fill(&home->rng, out, n);
		err = keep_state(home, owner, name, str_of(out, n), why);
	}
	secret_wipe(kept, sizeof(kept));
	return err;
}

enum err home_instance(struct home *home, const char *owner, char out[HOME_INSTANCE_N], struct buf *why)
{
	static const uint8_t groups[] = { 4, 6, 8, 10 };
	enum err err;
	uint8_t id[16];
	struct buf b;

	err = home_secret(home, owner, "instance", id, sizeof(id), why);
	if (err)
		return err;
	id[6] = (id[6] & 0x0f) | 0x40;
	id[8] = (id[8] & 0x3f) | 0x80;
	buf_init(&b, out, HOME_INSTANCE_N - 1);
	buf_put_z(&b, "urn:uuid:");
	for (size_t i = 0, g = 0; i < sizeof(id); i++) {
		if (g < sizeof(groups) && i == groups[g]) {
			buf_put_char(&b, '-');
			g++;
		}
		buf_put_hex(&b, &id[i], 1);
	}
	out[b.n] = '\0';
	return b.err;
}

static enum err make_certificate(struct home *home, const char *owner, str name, const str *hosts, size_t host_n,
				 struct certificate **out, struct buf *why)
{
	usec now = clock_now(home->clock);
	struct certificate_setup setup = { .name = name,
					   .hosts = hosts,
					   .host_n = host_n,
					   .not_before = now - 86400 * USEC_PER_SEC,
					   .not_after = now + CERTIFICATE_LIFE };
	struct buf pem;
	enum err err = certificate_make(&setup, out);

	if (err) {
		buf_printf(why, "a certificate for " STR_FMT ": %s", STR_ARG(name), err_text(err));
		return err;
	}
	buf_init_grow(&pem, CERTIFICATE_PEM_MAX);
	certificate_write_pem(*out, &pem);
	certificate_write_key_pem(*out, &pem);
	err = buf_ok(&pem) ? keep_state(home, owner, "tls", buf_str(&pem), why) : pem.err;
	secret_wipe(pem.p, pem.n);
	buf_free(&pem);
	if (err) {
		certificate_free(*out);
		*out = NULL;
	}
	return err;
}

enum err home_certificate(struct home *home, const char *owner, str name, const str *hosts, size_t host_n,
			  struct certificate **out, struct buf *why)
{
	struct certificate *kept = NULL;
	struct buf pem;

	buf_init_grow(&pem, CERTIFICATE_PEM_MAX);
	enum err err = home_state(home, owner, "tls", &pem, why);
	if (err == ERR_NONE && pem.n && certificate_parse(buf_str(&pem), buf_str(&pem), &kept) != ERR_NONE)
		kept = NULL; /* unreadable: as good as none */
	if (pem.n)
		secret_wipe(pem.p, pem.n);
	buf_free(&pem);
	if (err)
		return err;
	if (kept && certificate_not_after(kept) > clock_now(home->clock) + CERTIFICATE_MARGIN) {
		*out = kept;
		return ERR_NONE;
	}
	certificate_free(kept);
	return make_certificate(home, owner, name, hosts, host_n, out, why);
}

void home_password(struct home *home, char out[HOME_PASSWORD_MAX])
{
	for (int group = 0; group < 4; group++) {
		rng_text(&home->rng, out + group * 6, 5);
		out[group * 6 + 5] = group < 3 ? '-' : '\0';
	}
}

enum err home_account(struct home *home, str name, str domain, bool reset, char password[HOME_PASSWORD_MAX], bool *made,
		      struct buf *why)
{
	struct user_record user = { .name = name, .domain = domain };
	enum err err;

	password[0] = '\0';
	*made = false;
	keeper_answer_free(
		ask(home, (struct keeper_ask){ .kind = KEEPER_USER_FIND, .users = &user, .n = 1 }, &err, why));
	if (err && err != ERR_ABSENT)
		return err;
	bool found = err == ERR_NONE;
	if (found && !reset)
		return ERR_NONE;
	home_password(home, password);
	user.password = str_from(password);
	keeper_answer_free(
		ask(home, (struct keeper_ask){ .kind = KEEPER_USER_IMPORT, .users = &user, .n = 1 }, &err, why));
	*made = err == ERR_NONE && !found;
	return err;
}

enum err home_person(struct home *home, str name, bool reset, char password[HOME_PASSWORD_MAX], bool *made,
		     struct buf *why)
{
	struct person_record person = { .name = name };
	enum err err;

	home_password(home, password);
	person.password = str_from(password);
	keeper_answer_free(
		ask(home, (struct keeper_ask){ .kind = KEEPER_PERSON_ADD, .persons = &person, .n = 1 }, &err, why));
	*made = err == ERR_NONE;
	if (err == ERR_EXISTS && reset)
		keeper_answer_free(
			ask(home, (struct keeper_ask){ .kind = KEEPER_PERSON_PASSWORD, .persons = &person, .n = 1 },
			    &err, why));
	else if (err == ERR_EXISTS) {
		password[0] = '\0';
		err = ERR_NONE;
	}
	return err;
}

enum err home_note_password(struct home *home, str name, const char *password, struct buf *why)
{
	char folder[HOME_PATH_MAX + 128], path[HOME_PATH_MAX + 256], line[HOME_PASSWORD_MAX + 1];
	enum err err = home_path(home, "passwords", folder);

	if (err == ERR_NONE)
		err = file_mkdir(folder);
	snprintf(path, sizeof(path), "%s/" STR_FMT, folder, STR_ARG(name));
	int n = snprintf(line, sizeof(line), "%s\n", password);
	if (err == ERR_NONE)
		err = file_write(path, str_of(line, (size_t)n), true);
	if (err)
		buf_printf(why, "%s: %s", path, err_text(err));
	return err;
}
