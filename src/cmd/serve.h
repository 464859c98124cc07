/*
 * cmd/serve.h - the settings of `tandem serve`, read as it reads them, for who only asks what it would do
 * (cmd/route.c).
 *
 * Memory: opaque; texts given out live as long as it. Thread: its owner's.
 */
#ifndef CMD_SERVE_H
#define CMD_SERVE_H

#include "cmd/command.h"
#include "cmd/listen.h"
#include "pbx/server.h"

struct serve;
struct keeper;

/* Arguments, the file of --config, the rules. NULL: has said in `command`'s name what is wrong; *code is how to exit.
 */
struct serve *serve_read(const struct command *, int argc, char **argv, int *code);
/* Are the accounts there that settings name (--trunk)? EXIT_OK, or has said which is not, and where it is named: how to
 * exit. */
MUST_CHECK int serve_check_accounts(struct serve *, struct keeper *, usec now);
void serve_free(struct serve *);

/* All of the exchange's configuration that settings say; the rest stays as it was. */
void serve_config(const struct serve *, struct pbx_config *);
/* The rules, anew each time; NULL: there are none. */
struct pbx_policy *serve_policy(const struct serve *, struct buf *why);
str serve_data(const struct serve *);
bool serve_has_extensions(const struct serve *); /* --demo-extensions */
struct addr serve_dns(const struct serve *);
const struct listen_list *serve_listen(const struct serve *);

#endif
