/*
 * base/conf.h - settings as tables: one truth for parser, checker, help and manual.
 *
 * A module or a subcommand declares each setting once: name, type, range, default
 * and one sentence. From the table come reading of `--name value` on a command line and of
 * `name = value` lines in a file, the refusal of a wrong value with where it stood
 * and what would be right, the lines of `tandem help NAME`, and the manual page.
 * Values are written straight into the module's own struct, at `offset`.
 *
 * Memory: str values point into the argument or the file text, which must stay.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include "base/addr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/time.h"

enum conf_type {
	CONF_FLAG,   /* bool: present or not; in a file yes/no */
	CONF_TEXT,   /* str, not empty */
	CONF_NUMBER, /* int64_t within min..max */
	CONF_SPAN,   /* usec: "250ms", "30s", "5m", "2h", "3d"; a bare number counts seconds; min..max in usec */
	CONF_ADDR,   /* struct addr: "192.0.2.1:5060", port as in `min` where none is given */
	CONF_CHOICE, /* int64_t: place in `choices`, "digest|none" */
	CONF_PATH,   /* str: a file or folder, not empty */
};

struct conf_setting {
	const char *name; /* without the dashes: "data" */
	enum conf_type type;
	size_t offset;        /* of the field in the struct that is filled; bool/str/int64_t/usec/struct addr */
	const char *fallback; /* default as a text; NULL: none, the field stays as it was */
	int64_t min, max;     /* NUMBER, SPAN; both 0: any */
	const char *choices;  /* CHOICE */
	const char *value;    /* what help calls the value: "DIR", "ADDR:PORT"; NULL: by type */
	bool required;
	const char *meaning; /* one sentence with a full stop */
};

#define CONF_WORDS_MAX    32
#define CONF_SETTINGS_MAX 64 /* of a table */

/* What is left of a command line once the settings are taken: in order, not starting with "--". */
struct conf_words {
	str word[CONF_WORDS_MAX];
	size_t n;
};

/* Only the defaults, before anything else. They must be right: a wrong one is our own mistake (assert). */
void conf_defaults(const struct conf_setting *, size_t n, void *out);

/* Reads argv[0 .. argc-1] (without program and subcommand). "--" ends the settings. ERR_SYNTAX,
 * ERR_LIMIT or ERR_ABSENT (a required one is missing here) with a sentence for the person in *why
 * ("--port: 70000 is above 65535"); `out` may then be half filled. */
MUST_CHECK enum err conf_args(const struct conf_setting *, size_t n, int argc, char **argv, void *out,
			      struct conf_words *words, struct buf *why);

/* The same from a file's text: `name = value`, `#` starts a comment, blank lines are skipped. `file`
 * is its name for the complaint: "tandem.conf:7: unknown setting `prot`; did you mean `port`?".
 * Between conf_defaults and conf_args arguments win. */
MUST_CHECK enum err conf_file(const struct conf_setting *, size_t n, str file, str text, void *out, struct buf *why);

/* Both at once: the defaults, over them the file where there is one, over that the arguments; what is required may
 * stand in either. */
struct conf_source {
	int argc;
	char **argv;
	str file, text;                    /* file's name and what is in it; no name: there is none */
	uint32_t lines[CONF_SETTINGS_MAX]; /* out: where each setting that counts stood in the file; 0: it did not */
};
MUST_CHECK enum err conf_read(const struct conf_setting *, size_t n, struct conf_source *, void *out,
			      struct conf_words *words, struct buf *why);
/* Where a setting came from, for complaints about its value: "tandem.conf:7: trust: " or "--trust: ". */
void conf_where(const struct conf_setting *, size_t n, const struct conf_source *, const char *name, struct buf *);

/* One entry a setting: "  --listen ADDR:PORT   Where to ... (default 127.0.0.1:5060)". */
void conf_help(const struct conf_setting *, size_t n, struct buf *);
/* The same as items of an mdoc list, for the manual. */
void conf_manual(const struct conf_setting *, size_t n, struct buf *);
/* Running text for the same: a sentence a line, an empty line as a paragraph, nothing of it read as an order. */
void conf_manual_text(const char *text, struct buf *);

/* "30s" and the like, as for CONF_SPAN. ERR_SYNTAX, ERR_LIMIT. */
MUST_CHECK enum err conf_span(str, usec *out);

#endif
