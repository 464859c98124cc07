/*
 * pbx/policy_file.h - rules as an administrator writes them, read into a struct pbx_policy.
 *
 *     zone Europe/Berlin
 *     hours office = Mon-Fri 08:00-18:00, Sat 09:00-13:00
 *     group sales  = 101, 102, 2??
 *
 *     emergency:  to 110, 112                            via trunk
 *     no-premium: to 0900*, 00*                          refuse 403 "This number is barred"
 *     outside:    from local to 0* strip 1 add +49       limit 2 calls each caller   via trunk
 *     night:      to 100 at not office                   redirect sip:mailbox@example.com
 *
 * docs/policy.md is the whole grammar. A file is taken as a whole or not at all.
 */
#ifndef PBX_POLICY_FILE_H
#define PBX_POLICY_FILE_H

#include "pbx/policy.h"

struct pbx_policy_source {
	str file; /* its name, for complaints */
	str text;
	str domain;             /* ours: of a name in `redirect` that says none */
	struct civil_zone zone; /* where the file names none: the machine's */
	str zone_name;
	/* The rule of a named zone ("Europe/Berlin") as base/civil.h reads it, into `rule`. false: nobody knows it. May
	 * be NULL. */
	bool (*find_zone)(void *self, str name, struct buf *rule);
	void *find_self;
};

/*
 * NULL: wrong, and `why` says where, what, and what would be right: "rules.policy:7: rule \"night\": redirect needs a
 * URI or ...". The text need not stay.
 */
struct pbx_policy *pbx_policy_read(const struct pbx_policy_source *, struct buf *why);

#endif
