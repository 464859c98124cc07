/*
 * store/state.h - what a service remembers for itself: blobs by name, and settings.
 *
 * State is a service's own (keys, host caches, certificates) in a form only it
 * reads. A setting is text that a person may read and change.
 */
#ifndef STORE_STATE_H
#define STORE_STATE_H

#include "store/record.h"

#define STATE_NAME_MAX  200
#define STATE_VALUE_MAX (1024 * 1024)

struct state_record {
	int64_t id;
	str owner; /* "node:alice", "login", "edge:acme" */
	str name;  /* unique within the owner */
	str value; /* any bytes */
	usec updated;
};

struct setting_record {
	int64_t id;
	str name; /* "serve.domain" */
	str value;
	usec updated;
};

extern const struct record_kind state_record_kind, setting_record_kind;

#endif
