/*
 * cmd/watch.h - `--metrics`, `--hep`, `--log-format`: what the commands that run an exchange share to be watched.
 *
 *     a line each of WATCH_METRICS and, with an exchange, WATCH_HEP in the command's table; watch_check() after the
 * settings were read; watch_add() once the driver has all other services; watch_free() at the end
 */
#ifndef CMD_WATCH_H
#define CMD_WATCH_H

#include "cmd/command.h"
#include "io/driver.h"
#include "io/keeper.h"
#include "panel/metrics.h"
#include "pbx/hep.h"

#include <stdatomic.h>

struct watch_settings {
	struct addr metrics; /* unset: none */
	str allow;
	struct addr hep; /* unset: none */
	int64_t hep_id;
	str hep_password; /* file */
};

#define WATCH_METRICS_PORT 9464

/* `at` is the offset of a struct watch_settings. WATCH_METRICS alone is for who has no exchange. */
#define WATCH_METRICS(at)                                                                                              \
	{ .name = "metrics",                                                                                           \
	  .type = CONF_ADDR,                                                                                           \
	  .offset = (at) + offsetof(struct watch_settings, metrics),                                                   \
	  .min = WATCH_METRICS_PORT,                                                                                   \
	  .value = "ADDR[:PORT]",                                                                                      \
	  .meaning = "Show figures for Prometheus at http://ADDR:PORT/metrics (docs/metrics.md), to this machine."     \
		     " Port 0 takes a free one." },                                                                    \
	{                                                                                                              \
		.name = "metrics-allow", .type = CONF_TEXT, .offset = (at) + offsetof(struct watch_settings, allow),   \
		.value = "ADDR/LEN,..",                                                                                \
		.meaning = "Who else may read them; needed where --metrics is no address of "                          \
			   "this machine alone."                                                                       \
	}

#define WATCH_HEP(at)                                                                                                  \
	{ .name = "hep",                                                                                               \
	  .type = CONF_ADDR,                                                                                           \
	  .offset = (at) + offsetof(struct watch_settings, hep),                                                       \
	  .min = PBX_HEP_PORT,                                                                                         \
	  .value = "ADDR[:PORT]",                                                                                      \
	  .meaning = "Send a copy of every SIP message, without credentials and keys, to this capture server (Homer; " \
		     "HEP version 3 over UDP)." },                                                                     \
		{ .name = "hep-id",                                                                                    \
		  .type = CONF_NUMBER,                                                                                 \
		  .offset = (at) + offsetof(struct watch_settings, hep_id),                                            \
		  .fallback = "2001",                                                                                  \
		  .max = UINT32_MAX,                                                                                   \
		  .meaning = "The number of this capture agent there." },                                              \
	{                                                                                                              \
		.name = "hep-password-file", .type = CONF_PATH,                                                        \
		.offset = (at) + offsetof(struct watch_settings, hep_password), .value = "FILE",                       \
		.meaning = "What the capture server wants to hear; the first line of the file."                        \
	}

/* `at` is the offset of an int64_t: 1 is JSON. */
#define WATCH_LOG_FORMAT(at)                                                                                           \
	{                                                                                                              \
		.name = "log-format", .type = CONF_CHOICE, .offset = (at), .fallback = "text", .choices = "text|json", \
		.meaning = "A line of fields an event, or a JSON object a line; what concerns a call has its Call-ID " \
			   "as `call`."                                                                                \
	}

struct watch {
	const struct command *command;
	const struct watch_settings *settings;
	struct driver *driver;
	struct keeper *keeper;
	usec started;
	bool json;                 /* how the address is printed */
	struct pbx_hep_config hep; /* for the workers' */
	char hep_password[100];
	struct metrics_config config;
	struct metrics *metrics; /* NULL: not wished for */
	/* More figures, of the command's own services; set before watch_add, called on the thread given there. NULL:
	 * none. */
	void (*more)(void *self, struct buf *out);
	void *more_self;
	atomic_bool failed; /* its address cannot be had: the driver was stopped */
};

/* Are the settings good? EXIT_OK, or has said what is wrong: how to exit. */
MUST_CHECK int watch_check(struct watch *, const struct command *, const struct watch_settings *);
/* How many threads of the driver it wants: 0 or 1. */
unsigned watch_threads(const struct watch *);
/* Adds the service on `thread` (one of its own, or that of the services whose figures `more` reads); the workers of the
 * exchange are services worker_first .. + worker_n - 1. Prints the
 * address once it is up. false: no memory. */
MUST_CHECK bool watch_add(struct watch *, struct driver *, struct keeper *, const struct log *, unsigned thread,
			  uint32_t worker_first, uint32_t worker_n, usec now);
void watch_free(struct watch *);

/* docs/metrics.md. */
void watch_write_manual(struct buf *);

#endif
