/*
 * store/contact.h - one binding of an address of record, as it survives a restart.
 *
 * RFC 3261 10.3, 5626 6. The location table itself is pbx/location; this is what
 * it gives the keeper before a registration is acknowledged.
 */
#ifndef STORE_CONTACT_H
#define STORE_CONTACT_H

#include "base/host.h"
#include "store/record.h"

struct contact_record {
	int64_t id;
	str aor;         /* "sip:101@example.com", canonical */
	str key;         /* unique within the aor: instance and reg-id, or the contact's URI; the registrar's choice */
	str uri;         /* the Contact's URI */
	str params;      /* its other parameters, as text: +sip.instance, methods, ... */
	str call_id;     /* of the last REGISTER, and */
	uint32_t cseq;   /* its number */
	str instance;    /* +sip.instance, or "" */
	uint32_t reg_id; /* 0: none */
	uint16_t q;      /* thousandths */
	str path;        /* Path values (RFC 3327), in order, comma separated */
	str user_agent;  /* what it says it is */
	str machine;     /* which machine holds the flow; "": the only one */
	uint16_t transport;   /* enum transport of the flow */
	uint16_t flow_worker; /* struct flow */
	uint32_t flow_id;
	struct addr local, remote;
	usec registered; /* the first time */
	usec updated, expires;
};

extern const struct record_kind contact_record_kind;

/* The flow of a contact and back. A stream's flow means nothing after a restart, a datagram's address does. */
struct flow contact_flow(const struct contact_record *);
void contact_set_flow(struct contact_record *, const struct flow *);

/* A contact as bytes, for the log (store/contact_log), and back; what is read points into the bytes. ERR_SYNTAX. */
void contact_write(const struct contact_record *, struct buf *out);
MUST_CHECK enum err contact_read(str, struct contact_record *out);
/* Only who it is; and only that, with when it expires where that is asked for (not NULL). ERR_SYNTAX. */
void contact_write_name(str aor, str key, struct buf *out);
MUST_CHECK enum err contact_read_name(str, str *aor, str *key, usec *expires);

#endif
