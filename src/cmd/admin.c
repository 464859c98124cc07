/* cmd/admin.c - `tandem admin ...`: accounts of phones and people, their numbers, who is registered. */
#include "base/arena.h"
#include "cmd/inquiry.h"
#include "crypt/secret.h"
#include "io/file.h"
#include "store/contact_list.h"
#include "store/csv.h"
#include "store/date.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct admin_settings {
	str data, domain, password_file;
	bool peer, json;
};

static const struct conf_setting admin_table[] = {
	INQUIRY_DATA(offsetof(struct admin_settings, data)),
	{ "domain", CONF_TEXT, offsetof(struct admin_settings, domain),
	  .meaning = "The domain that a phone's account belongs to; without it, every domain that is served. Of lists: "
		     "only it." },
	{ "peer", CONF_FLAG, offsetof(struct admin_settings, peer),
	  .meaning = "Not a phone's account: a person or business of the peer network." },
	{ "password-file", CONF_PATH, offsetof(struct admin_settings, password_file), .value = "FILE",
	  .meaning =
		  "Its first line is the password (\"-\": of standard input). Without it one is made and shown once." },
	{ "json", CONF_FLAG, offsetof(struct admin_settings, json), .meaning = "One JSON object a line." },
};

#define IMPORT_MAX (256 * 1024 * 1024)
#define AHEAD      32 /* people's passwords hashed at a time */

struct admin {
	struct inquiry q;
	const struct admin_settings *settings;
	struct buf out;
};

/* "101" or "101@example.com"; the latter wins over --domain. */
static struct user_record phone_named(const struct admin *a, str word)
{
	struct user_record user = { .name = word, .domain = a->settings->domain };
	str name, domain;

	if (str_split(word, '@', &name, &domain)) {
		user.name = name;
		user.domain = domain;
	}
	return user;
}

/*
 * Files and passwords.
 */

static bool read_stream(FILE *f, struct buf *out)
{
	char piece[4096];
	size_t n;

	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_put_bytes(out, piece, n);
	secret_wipe(piece, sizeof(piece));
	return buf_ok(out) && !ferror(f);
}

/* The whole file, or standard input for "-". */
static bool read_file(struct admin *a, str path, struct buf *out)
{
	char name[HOME_PATH_MAX];

	if (!str_copy_z(path, name, sizeof(name)))
		return inquiry_fail(&a->q, EXIT_USAGE, "the path is too long");
	if (strcmp(name, "-") == 0)
		return read_stream(stdin, out) ? true : inquiry_fail(&a->q, EXIT_IO, "standard input cannot be read");
	enum err err = file_read(name, out);
	if (err == ERR_NONE)
		return true;
	return inquiry_fail(&a->q,
			    err == ERR_ABSENT    ? EXIT_NO_INPUT
			    : err == ERR_REFUSED ? EXIT_NO_PERMISSION
						 : EXIT_DATA,
			    "%s: %s", name, err == ERR_ABSENT ? "there is no such file" : err_text(err));
}

/* The password for one account into `out`; *made: nobody knows it yet. */
static bool get_password(struct admin *a, struct buf *out, bool *made)
{
	str line, rest;

	*made = a->settings->password_file.n == 0;
	if (*made) {
		char *room = buf_room(out, HOME_PASSWORD_MAX);
		if (!room)
			return inquiry_fail(&a->q, EXIT_OS, "no memory");
		home_password(&a->q.home, room);
		out->n += strlen(room);
		return true;
	}
	if (!read_file(a, a->settings->password_file, out))
		return false;
	str_split(buf_str(out), '\n', &line, &rest);
	out->n = str_ends(line, STR("\r")) ? line.n - 1 : line.n;
	return out->n > 0 ? true : inquiry_fail(&a->q, EXIT_DATA, "the first line of the password file is empty");
}

static void forget(struct buf *b)
{
	if (b->cap)
		secret_wipe(b->p, b->cap);
	buf_free(b);
}

static void show_account(struct admin *a, const char *what, str name, str domain, str realm, str made)
{
	struct buf *out = &a->out;

	if (a->settings->json) {
		buf_put_z(out, "{\"name\":");
		record_write_json_text(name, out);
		buf_put_z(out, ",\"domain\":");
		record_write_json_text(domain, out);
		buf_put_z(out, ",\"realm\":");
		record_write_json_text(realm, out);
		if (made.n) {
			buf_put_z(out, ",\"password\":");
			record_write_json_text(made, out);
		}
		buf_put_z(out, "}\n");
		return;
	}
	buf_printf(out, "%s " STR_FMT "%s" STR_FMT "\n", what, STR_ARG(name), domain.n ? "@" : "", STR_ARG(domain));
	if (made.n)
		buf_printf(out, "password " STR_FMT " (not shown again)\n", STR_ARG(made));
}

static void put_one(struct admin *a, str word, str password, str made, bool is_new)
{
	struct user_record user = phone_named(a, word);
	struct person_record person = { .name = word, .password = password };
	const char *what = is_new ? "added" : "changed";
	struct keeper_answer *answer;

	user.password = password;
	if (a->settings->peer) {
		answer = inquiry_ask(&a->q,
				     (struct keeper_ask){ .kind = is_new ? KEEPER_PERSON_ADD : KEEPER_PERSON_PASSWORD,
							  .persons = &person,
							  .n = 1 });
		if (answer)
			show_account(a, what, answer->n ? answer->persons[0].name : word, STR_NONE, STR_NONE, made);
	} else if (is_new) {
		answer = inquiry_ask(&a->q, (struct keeper_ask){ .kind = KEEPER_USER_ADD, .users = &user, .n = 1 });
		if (answer)
			show_account(a, what, user.name, answer->users[0].domain, answer->users[0].realm, made);
	} else {
		/* An import overwrites; but who changes a password means an account that is there. */
		answer = inquiry_ask(&a->q, (struct keeper_ask){ .kind = KEEPER_USER_FIND, .users = &user, .n = 1 });
		if (answer) {
			user.domain = answer->users[0].domain;
			if (inquiry_tell(&a->q,
					 (struct keeper_ask){ .kind = KEEPER_USER_IMPORT, .users = &user, .n = 1 }))
				show_account(a, what, user.name, user.domain, answer->users[0].realm, made);
		}
	}
	keeper_answer_free(answer);
}

/* `user add NAME`, `user password NAME` */
static void set_account(struct admin *a, const struct conf_words *words, bool is_new)
{
	struct buf password;
	bool made;

	if (words->n != 3) {
		inquiry_fail(&a->q, EXIT_USAGE, "%s",
			     is_new ? "user add NAME: one name" : "user password NAME: one name");
		return;
	}
	buf_init_grow(&password, PASSWORD_MAX * 4);
	if (get_password(a, &password, &made))
		put_one(a, words->word[2], buf_str(&password), made ? buf_str(&password) : STR_NONE, is_new);
	forget(&password);
}

/*
 * Lists and removal.
 */

static void list_phone(struct admin *a, const struct user_record *user)
{
	if (a->settings->json) {
		record_write_json(&user_record_kind, user, &a->out);
		buf_put_char(&a->out, '\n');
		return;
	}
	buf_printf(&a->out, STR_FMT "%s" STR_FMT "  phone  ", STR_ARG(user->name), user->domain.n ? "@" : "",
		   STR_ARG(user->domain));
	store_date_write(user->created, &a->out);
	buf_put_z(&a->out, user->disabled ? "  disabled\n" : "\n");
}

static void list_person(struct admin *a, const struct person_record *person)
{
	if (a->settings->json) {
		record_write_json(&person_record_kind, person, &a->out);
		buf_put_char(&a->out, '\n');
		return;
	}
	buf_printf(&a->out, STR_FMT "  peer  ", STR_ARG(person->name));
	store_date_write(person->created, &a->out);
	buf_put_z(&a->out, person->disabled ? "  disabled\n" : "\n");
}

static bool list_kind(struct admin *a, enum keeper_kind kind)
{
	int64_t after = 0;
	bool more = true;

	while (more) {
		struct keeper_answer *page = inquiry_ask(&a->q, (struct keeper_ask){ .kind = kind, .after = after });
		if (!page)
			return false;
		for (size_t i = 0; i < page->n; i++) {
			if (kind == KEEPER_PERSON_LIST)
				list_person(a, &page->persons[i]);
			else if (!a->settings->domain.n || str_eq_nocase(page->users[i].domain, a->settings->domain))
				list_phone(a, &page->users[i]);
			after = kind == KEEPER_PERSON_LIST ? page->persons[i].id : page->users[i].id;
		}
		more = page->more;
		keeper_answer_free(page);
		if (!inquiry_print(&a->q, &a->out))
			return false;
	}
	return true;
}

static void list_accounts(struct admin *a)
{
	if (!a->settings->peer && !list_kind(a, KEEPER_USER_LIST))
		return;
	if (!a->settings->domain.n)
		list_kind(a, KEEPER_PERSON_LIST);
}

enum change { REMOVE, DISABLE, ENABLE };

/* `user remove NAME ...`, `user disable NAME ...`, `user enable NAME ...`: all or, where one is not there, none. */
static void change_accounts(struct admin *a, const struct conf_words *words, enum change what)
{
	static const char *const said[] = { "removed", "disabled", "enabled" };
	struct user_record users[CONF_WORDS_MAX];
	struct person_record persons[CONF_WORDS_MAX] = { { .id = 0 } };
	size_t n = words->n - 2;
	bool ok;

	if (n == 0) {
		inquiry_fail(&a->q, EXIT_USAGE, "user " STR_FMT " NAME ...: which?", STR_ARG(words->word[1]));
		return;
	}
	for (size_t i = 0; i < n; i++) {
		users[i] = phone_named(a, words->word[i + 2]);
		persons[i].name = words->word[i + 2];
		users[i].disabled = persons[i].disabled = what == DISABLE;
	}
	if (a->settings->peer)
		ok = inquiry_tell(&a->q, (struct keeper_ask){ .kind = what == REMOVE ? KEEPER_PERSON_REMOVE
										     : KEEPER_PERSON_DISABLE,
							      .persons = persons,
							      .n = n });
	else
		ok = inquiry_tell(
			&a->q, (struct keeper_ask){ .kind = what == REMOVE ? KEEPER_USER_REMOVE : KEEPER_USER_DISABLE,
						    .users = users,
						    .n = n });
	if (ok && !a->settings->json)
		buf_printf(&a->out, "%s %zu\n", said[what], n);
}

/*
 * Import.
 */

static bool bad_line(struct admin *a, size_t line, const char *what)
{
	return inquiry_fail(&a->q, EXIT_DATA, "line %zu: %s; nothing was imported", line, what);
}

static const char *what_is_wrong(const struct admin *a, const struct store_csv_row *line)
{
	char folded[PERSON_NAME_MAX];
	struct user_record user = phone_named(a, line->name);

	if (a->settings->peer ? !person_name_fold(line->name, folded) : !user_name_is_good(user.name))
		return "this cannot be a name";
	if (line->password.n == 0)
		return "the password is empty";
	if (line->disabled.n && !str_eq_nocase(line->disabled, STR("yes")) && !str_eq_nocase(line->disabled, STR("no")))
		return "the third field is \"yes\" or \"no\": is the account disabled?";
	return line->password.n > PASSWORD_MAX ? "the password is too long" : NULL;
}

/* What a file says: all accounts, and once more those of whom it says whether they are disabled. */
struct rows {
	struct user_record *all, *said;
	size_t n, said_n, cap;
};

static void free_rows(struct rows *r)
{
	free(r->all);
	free(r->said);
	*r = (struct rows){ .n = 0 };
}

static bool grow_rows(struct rows *r)
{
	size_t cap = r->cap ? 2 * r->cap : 1024;
	struct user_record *all = realloc(r->all, cap * sizeof(*all));

	r->all = all ? all : r->all;
	struct user_record *said = all ? realloc(r->said, cap * sizeof(*said)) : NULL;
	r->said = said ? said : r->said;
	r->cap = said ? cap : r->cap;
	return said != NULL;
}

/* The whole file is read and judged before anything of it is kept. */
static bool parse_rows(struct admin *a, str text, struct rows *r)
{
	struct store_csv_row line;
	struct store_csv csv;
	enum err err;

	store_csv_start(&csv, text);
	while ((err = store_csv_next(&csv, &line)) == ERR_NONE) {
		const char *wrong = what_is_wrong(a, &line);
		if (wrong)
			return bad_line(a, csv.line, wrong);
		if (r->n == r->cap && !grow_rows(r))
			return inquiry_fail(&a->q, EXIT_OS, "no memory");
		struct user_record *row = &r->all[r->n++];
		*row = phone_named(a, line.name);
		row->password = line.password;
		row->disabled = str_eq_nocase(line.disabled, STR("yes"));
		if (line.disabled.n)
			r->said[r->said_n++] = *row;
	}
	return err == ERR_ABSENT ? true : bad_line(a, csv.line, "not `name,password` nor `name,password,disabled`");
}

static size_t tell_phones(struct admin *a, enum keeper_kind kind, const struct user_record *rows, size_t n)
{
	size_t at = 0, piece;

	for (; at < n; at += piece) {
		piece = n - at < KEEPER_ROWS_MAX ? n - at : KEEPER_ROWS_MAX;
		if (!inquiry_tell(&a->q, (struct keeper_ask){ .kind = kind, .users = rows + at, .n = piece }))
			break;
	}
	return at;
}

/* An account that was there is as disabled as it was until that is said. */
static size_t import_phones(struct admin *a, const struct rows *r)
{
	size_t done = tell_phones(a, KEEPER_USER_IMPORT, r->all, r->n);

	if (done == r->n)
		tell_phones(a, KEEPER_USER_DISABLE, r->said, r->said_n);
	return done;
}

/* People's passwords are slow to hash, on purpose: several are under way at a time. */
struct crowd {
	pthread_mutex_t lock;
	pthread_cond_t come;
	size_t asked, answered, good;
	const struct command *command;
	const struct user_record *rows;
	int code;
};

static void hear(void *self, struct keeper_answer *answer)
{
	struct crowd *c = self;

	pthread_mutex_lock(&c->lock);
	c->answered++;
	if (answer && answer->err == ERR_NONE) {
		c->good++;
	} else {
		command_say(c->command, STR_FMT ": %s", STR_ARG(c->rows[answer ? answer->token : 0].name),
			    answer ? answer->why : "no memory");
		c->code = inquiry_code(answer ? answer->err : ERR_MEMORY);
	}
	pthread_cond_signal(&c->come);
	pthread_mutex_unlock(&c->lock);
	keeper_answer_free(answer);
}

static size_t import_people(struct admin *a, const struct user_record *rows, size_t n)
{
	struct crowd c = { .lock = PTHREAD_MUTEX_INITIALIZER,
			   .come = PTHREAD_COND_INITIALIZER,
			   .command = a->q.command,
			   .rows = rows };

	pthread_mutex_lock(&c.lock);
	while (c.answered < n) {
		if (c.asked == n || c.asked - c.answered == AHEAD) {
			pthread_cond_wait(&c.come, &c.lock);
			continue;
		}
		struct person_record person = { .name = rows[c.asked].name,
						.password = rows[c.asked].password,
						.disabled = rows[c.asked].disabled };
		struct keeper_ask *question = keeper_ask_new(&(struct keeper_ask){ .kind = KEEPER_PERSON_ADD,
										   .token = c.asked,
										   .now = clock_now(&a->q.clock),
										   .persons = &person,
										   .n = 1 });
		c.asked++;
		pthread_mutex_unlock(&c.lock);
		if (question)
			keeper_post(a->q.home.keeper, (struct keeper_port){ &c, hear }, question);
		else
			hear(&c, NULL);
		pthread_mutex_lock(&c.lock);
		if (isatty(STDERR_FILENO) && c.answered % 100 == 0)
			fprintf(stderr, "\r%zu of %zu ", c.answered, n);
	}
	pthread_mutex_unlock(&c.lock);
	if (c.code)
		a->q.code = c.code;
	return c.good;
}

static void import_accounts(struct admin *a, const struct conf_words *words)
{
	struct rows rows = { .n = 0 };
	struct buf text;
	size_t done;

	if (words->n != 3) {
		inquiry_fail(&a->q, EXIT_USAGE, "user import FILE: one file (\"-\": standard input)");
		return;
	}
	buf_init_grow(&text, IMPORT_MAX);
	if (read_file(a, words->word[2], &text) && parse_rows(a, buf_str(&text), &rows)) {
		usec began = clock_now(&a->q.clock);
		done = a->settings->peer ? import_people(a, rows.all, rows.n) : import_phones(a, &rows);
		if (a->settings->json)
			buf_printf(&a->out, "{\"imported\":%zu,\"of\":%zu}\n", done, rows.n);
		else
			buf_printf(&a->out, "imported %zu of %zu in %.2f s\n", done, rows.n,
				   (double)(clock_now(&a->q.clock) - began) / (double)USEC_PER_SEC);
	}
	free_rows(&rows);
	forget(&text);
}

/*
 * Telephone numbers.
 */

/* `number add NAME RANGE ...`, `number remove NAME [RANGE ...]` */
static void change_numbers(struct admin *a, const struct conf_words *words, bool add)
{
	struct number_record rows[CONF_WORDS_MAX] = { { .id = 0 } };
	size_t n = words->n > 3 ? words->n - 3 : 0;

	if (words->n < 3 || (add && n == 0)) {
		inquiry_fail(&a->q, EXIT_USAGE, "number %s: whose, and which?", add ? "add" : "remove");
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (number_range_parse(words->word[i + 3], &rows[i].first, &rows[i].last)) {
			inquiry_fail(&a->q, EXIT_USAGE,
				     "\"" STR_FMT "\" is no number such as +4930123400, nor a range such as "
				     "+4930123400-499",
				     STR_ARG(words->word[i + 3]));
			return;
		}
	n = n ? n : 1; /* all that it has */
	for (size_t i = 0; i < n; i++)
		rows[i].account = words->word[2];
	if (inquiry_tell(&a->q, (struct keeper_ask){ .kind = add ? KEEPER_NUMBER_ADD : KEEPER_NUMBER_REMOVE,
						     .numbers = rows,
						     .n = n }) &&
	    !a->settings->json)
		buf_put_z(&a->out, add ? "added\n" : "removed\n");
}

static void list_numbers(struct admin *a)
{
	struct keeper_answer *page;
	int64_t after = 0;
	bool more = true;

	while (more && (page = inquiry_ask(&a->q, (struct keeper_ask){ .kind = KEEPER_NUMBER_LIST, .after = after }))) {
		for (size_t i = 0; i < page->n; i++) {
			const struct number_record *r = &page->numbers[i];

			after = r->id;
			if (a->settings->json) {
				record_write_json(&number_record_kind, r, &a->out);
			} else {
				number_range_write(r->first, r->last, &a->out);
				buf_printf(&a->out, "  " STR_FMT, STR_ARG(r->account));
			}
			buf_put_char(&a->out, '\n');
		}
		more = page->more;
		keeper_answer_free(page);
		if (!inquiry_print(&a->q, &a->out))
			return;
	}
}

static void carry_out_number(struct admin *a, const struct conf_words *words, str verb)
{
	if (str_eq(verb, STR("add")) || str_eq(verb, STR("remove")))
		change_numbers(a, words, str_eq(verb, STR("add")));
	else if (str_eq(verb, STR("list")) && words->n == 2)
		list_numbers(a);
	else
		inquiry_fail(&a->q, EXIT_USAGE, "number add|list|remove");
}

/*
 * Registrations.
 */

/* `registrations [ACCOUNT]`, in the order in which they were made or refreshed. */
static void list_registrations(struct admin *a, const struct conf_words *words)
{
	str account = words->n > 1 ? words->word[1] : STR_NONE;
	struct keeper_answer *page;
	int64_t after = 0;
	bool more = true;

	if (words->n > 2) {
		inquiry_fail(&a->q, EXIT_USAGE, "registrations [ACCOUNT]: at most one account");
		return;
	}
	while (more &&
	       (page = inquiry_ask(&a->q, (struct keeper_ask){ .kind = KEEPER_CONTACT_LIST, .after = after }))) {
		usec now = clock_now(&a->q.clock);

		for (size_t i = 0; i < page->n; i++) {
			const struct contact_record *c = &page->contacts[i];

			after = c->id;
			if (!store_contact_list_is_of(c, account, a->settings->domain))
				continue;
			if (a->settings->json)
				store_contact_list_json(c, now, &a->out);
			else
				store_contact_list_text(c, now, &a->out);
			buf_put_char(&a->out, '\n');
		}
		more = page->more;
		keeper_answer_free(page);
		if (!inquiry_print(&a->q, &a->out))
			return;
	}
}

/* What is to be taken away of one page, as far as KEEPER_CONTACT_REMOVE asks for it. */
struct doomed {
	struct contact_record rows[KEEPER_ROWS_MAX];
	size_t n;
	struct arena texts;
};

/* Of a page; false: no memory. */
static bool choose(const struct admin *a, const struct keeper_answer *page, str account, str contact,
		   struct doomed *out)
{
	for (size_t i = 0; i < page->n; i++) {
		const struct contact_record *c = &page->contacts[i];
		struct contact_record *row = &out->rows[out->n];

		if (!store_contact_list_is_of(c, account, a->settings->domain) ||
		    (contact.n && !str_eq(contact, c->uri)))
			continue;
		*row = (struct contact_record){ .id = c->id };
		if (!arena_copy(&out->texts, c->aor, &row->aor) || !arena_copy(&out->texts, c->key, &row->key))
			return false;
		out->n++;
	}
	return true;
}

/* Of a page. What is gone or was bound since it was read is not missed. */
static bool remove_chosen(struct admin *a, const struct keeper_answer *page, str account, str contact, size_t *removed)
{
	struct doomed *d = calloc(1, sizeof(*d));
	bool good = d != NULL;

	if (d)
		arena_init(&d->texts, NULL, 0, IMPORT_MAX);
	if (!d || !choose(a, page, account, contact, d))
		good = inquiry_fail(&a->q, EXIT_OS, "no memory");
	else if (d->n)
		good = inquiry_tell(
			&a->q, (struct keeper_ask){ .kind = KEEPER_CONTACT_REMOVE, .contacts = d->rows, .n = d->n });
	if (good)
		*removed += d->n;
	if (d)
		arena_free(&d->texts);
	free(d);
	return good;
}

/* All pages. */
static bool remove_all(struct admin *a, str account, str contact, size_t *removed)
{
	struct keeper_answer *page;
	int64_t after = 0;
	bool more = true;

	while (more) {
		page = inquiry_ask(&a->q, (struct keeper_ask){ .kind = KEEPER_CONTACT_LIST, .after = after });
		if (!page)
			return false;
		bool good = remove_chosen(a, page, account, contact, removed);
		after = page->n ? page->contacts[page->n - 1].id : after;
		more = page->more;
		keeper_answer_free(page);
		if (!good)
			return false;
	}
	return *removed > 0 ? true
			    : inquiry_fail(&a->q, inquiry_code(ERR_ABSENT), "\"" STR_FMT "\" has no such registration",
					   STR_ARG(account));
}

static bool names_somebody(str account)
{
	str user = str_starts_nocase(account, STR("sip:"))    ? str_skip(account, 4)
		   : str_starts_nocase(account, STR("sips:")) ? str_skip(account, 5)
							      : account;

	return user.n > 0 && user.p[0] != '@';
}

/* `registration remove ACCOUNT [CONTACT]` */
static void remove_registrations(struct admin *a, const struct conf_words *words)
{
	size_t removed = 0;

	if (words->n < 3 || words->n > 4 || !names_somebody(words->word[2])) {
		inquiry_fail(&a->q, EXIT_USAGE, "registration remove ACCOUNT [CONTACT]: whose, and perhaps which?");
		return;
	}
	if (remove_all(a, words->word[2], words->n > 3 ? words->word[3] : STR_NONE, &removed))
		buf_printf(&a->out, a->settings->json ? "{\"removed\":%zu}\n" : "removed %zu\n", removed);
}

static void carry_out(struct admin *a, const struct conf_words *words)
{
	str verb = words->n > 1 ? words->word[1] : STR_NONE;

	if (words->n >= 2 && str_eq(words->word[0], STR("number")))
		carry_out_number(a, words, verb);
	else if (words->n >= 1 && str_eq(words->word[0], STR("registrations")))
		list_registrations(a, words);
	else if (words->n >= 2 && str_eq(words->word[0], STR("registration")) && str_eq(verb, STR("remove")))
		remove_registrations(a, words);
	else if (words->n < 2 || !str_eq(words->word[0], STR("user")))
		inquiry_fail(&a->q, EXIT_USAGE,
			     "what is to be done? user add|list|remove|disable|enable|import|password, number "
			     "add|list|remove, "
			     "registrations, registration remove");
	else if (str_eq(verb, STR("add")) || str_eq(verb, STR("password")))
		set_account(a, words, str_eq(verb, STR("add")));
	else if (str_eq(verb, STR("list")) && words->n == 2)
		list_accounts(a);
	else if (str_eq(verb, STR("remove")))
		change_accounts(a, words, REMOVE);
	else if (str_eq(verb, STR("disable")) || str_eq(verb, STR("enable")))
		change_accounts(a, words, str_eq(verb, STR("disable")) ? DISABLE : ENABLE);
	else if (str_eq(verb, STR("import")))
		import_accounts(a, words);
	else
		inquiry_fail(&a->q, EXIT_USAGE, "user add|list|remove|disable|enable|import|password");
}

static int admin_run(const struct command *self, int argc, char **argv)
{
	struct admin_settings s = { .json = false };
	struct admin a = { .settings = &s };
	struct conf_words words;

	if (!command_settings(self, argc, argv, &s, &words))
		return EXIT_USAGE;
	if (!inquiry_open(&a.q, self, s.data, true))
		return a.q.code;
	buf_init_grow(&a.out, IMPORT_MAX);
	carry_out(&a, &words);
	inquiry_print(&a.q, &a.out);
	forget(&a.out); /* a password that was made is in it */
	inquiry_close(&a.q);
	return a.q.code;
}

extern const struct command cmd_admin;
const struct command cmd_admin = {
	.name = "admin",
	.words = "user add NAME | list | remove NAME ... | disable NAME ... | enable NAME ... | import FILE | password "
		 "NAME, number add NAME RANGE ... | "
		 "list | "
		 "remove NAME [RANGE ...], registrations [ACCOUNT], registration remove ACCOUNT [CONTACT]",
	.summary = "accounts: add, list, remove, disable, import; their telephone numbers; who is registered",
	.text = "A NAME is a phone's (101, or 101@DOMAIN) or, with --peer, that of a person or business of the peer "
		"network.\n"
		"`disable` leaves an account what it has (its password, its numbers), but it can neither register nor "
		"call, and what it had registered goes at once; who is disabled with --peer cannot log in, and no "
		"certificate of his is renewed. `enable` undoes it. A new password does not.\n"
		"`import` reads lines `name,password` and gives accounts that are there the new password; people it "
		"only adds. A third field says `yes` to disable an account, `no` to enable it.\n"
		"Passwords are not kept: of a phone's only the digest hashes, of a person's an argon2id hash.\n"
		"A RANGE of telephone numbers, such as +4930123400 or +4930123400-499, belongs to the account of a "
		"PBX, which "
		"registers once for all of them (RFC 6140).\n"
		"`registrations` lists what the store knows of phones that are registered: address, contact, q, "
		"seconds until it expires, transport and source address, User-Agent, instance and Path where they "
		"were given.\n"
		"`registration remove` takes all that an ACCOUNT has registered away, or what it has at the one "
		"CONTACT (its "
		"URI as listed): a server that runs forgets it within a second. Its phone may register again; where "
		"the "
		"account is removed, that ends its registrations as well, and it may not. A new password ends none.\n"
		"May be done while the system runs.",
	.settings = admin_table,
	.setting_n = sizeof(admin_table) / sizeof(*admin_table),
	.run = admin_run,
};
