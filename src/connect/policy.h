/*
 * connect/policy.h - who may cross the edge, and to whom.
 *
 * Peers reach what the business has listed and nothing else, so that nobody dials out through its
 * trunks; people inside may call any name on the peer network. A rule is a list of patterns,
 * separated by commas: '?' is one digit, '*' at the end is the rest, everything else
 * stands for itself ("101,2??,sales").
 *
 * Memory: values; texts are the owner's. Thread: any.
 */
#ifndef CONNECT_POLICY_H
#define CONNECT_POLICY_H

#include "base/str.h"

struct policy {
	str network;  /* "net.example" */
	str business; /* "acme": itself, and any extension at acme.net.example */
	str target;   /* where a call to the business itself goes: "101" */
	str inward;   /* patterns of extensions that peers may call; the target may always be */
	str outward;  /* patterns of names that people inside may call */
};

#define POLICY_INWARD  "??,???,????" /* short numbers; nothing that could be a number outside */
#define POLICY_OUTWARD "*"

/* Does any of the patterns fit? */
bool policy_match(str patterns, str name);
/*
 * A peer calls user@host: *extension is whom to ring in the PBX. 0: fine; else the status for the peer:
 * 404 not ours or no name, 403 not listed.
 */
int policy_inward(const struct policy *, str user, str host, str *extension);
/*
 * Somebody inside calls user@host (host may be the PBX's own): *name is what to look up, a part of the
 * network's own names. 0: fine; 403 not allowed; 404 no name; 482: the business itself (a loop).
 */
int policy_outward(const struct policy *, str user, str host, str *name, str *name_host);

#endif
