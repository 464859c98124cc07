/*
 * store/person.h - people and businesses of the peer network, and their devices.
 *
 * A name belongs to the first who takes it. The password is kept as an argon2id
 * hash. A device is a public key for which the login service signed a certificate.
 */
#ifndef STORE_PERSON_H
#define STORE_PERSON_H

#include "store/record.h"

#define PERSON_NAME_MAX 64

struct person_record {
	int64_t id;
	str name;     /* lower case */
	str password; /* in questions only */
	str hash;     /* the keeper's own; empty in answers */
	usec created;
	bool disabled;
};

struct device_record {
	int64_t id;
	str person;
	str key;    /* Ed25519 public key, 32 bytes */
	str label;  /* what the device calls itself */
	str serial; /* of the last certificate, bytes */
	usec issued, not_after;
	bool revoked;
};

extern const struct record_kind person_record_kind, device_record_kind;

/* The one form of a name: ASCII letters (made lower case), digits, '.', '_', '-', the first a letter or digit, 1 ..
 * PERSON_NAME_MAX. false where it is none; out[PERSON_NAME_MAX], length name.n. */
bool person_name_fold(str name, char *out);

#endif
