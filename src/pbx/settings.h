/*
 * pbx/settings.h - settings of the exchange that change while it runs.
 *
 * A copy of a struct pbx_config, with all that it points to, and the rules; made by who reads the files (cmd/serve.c)
 * and moved to each worker by a note, PBX_NOTE_SETTINGS. The worker takes what can change from it and goes on with the
 * rest as it was: calls, registrations and connections are untouched. What can change is in the list of settings.c; a
 * setting that is not in it wants a restart, and who reads the files says so.
 *
 * Memory: opaque, owns its texts; strs taken from it live until the next settings come. Thread: moved, never shared.
 */
#ifndef PBX_SETTINGS_H
#define PBX_SETTINGS_H

#include "pbx/server.h"

struct pbx_settings;

/* Takes the policy (may be NULL: no rules), also where it fails. NULL: no memory. */
struct pbx_settings *pbx_settings_new(const struct pbx_config *, struct pbx_policy *);
void pbx_settings_free(struct pbx_settings *);
/* Puts what can change into a config; texts stay the settings'. */
void pbx_settings_apply(const struct pbx_settings *, struct pbx_config *);
/* Moves the rules out. */
struct pbx_policy *pbx_settings_policy(struct pbx_settings *);

#endif
