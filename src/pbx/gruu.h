/*
 * pbx/gruu.h - addresses that lead to one phone of a user, from anywhere: GRUUs.
 *
 * RFC 5627. A public one is the address of record with the instance in `gr`; a temporary one hides both: its user part
 * is sealed (ChaCha20-Poly1305 under a key made of the exchange's), and says name, instance, Call-ID and time of the
 * registration that it was handed out for. Nothing is stored: a temporary GRUU is good as long as its
 * instance has a binding that the same Call-ID has made and kept since (a REGISTER with another Call-ID ends them, 5.1,
 * and so does an end of the registration, 5.3).
 *
 * Memory: opaque. Thread: its owner's.
 */
#ifndef PBX_GRUU_H
#define PBX_GRUU_H

#include "base/buf.h"
#include "base/rng.h"
#include "sip/uri.h"
#include "store/contact.h"
#include "store/user.h"

#define PBX_GRUU_INSTANCE_MAX 200 /* bytes of an instance that gets GRUUs */
#define PBX_GRUU_MAX          900 /* bytes of a GRUU, escapes and all */

struct pbx_gruus;

/* What one says, where it is one. */
struct pbx_gruu {
	bool temporary;
	uint64_t instance, call_id; /* hashes; call_id of a temporary one */
	uint32_t minted_s;          /* temporary: seconds since 1970 */
};

/* `key`: n secret bytes, of all workers. NULL: no memory. */
struct pbx_gruus *pbx_gruus_new(const uint8_t *key, size_t n, struct rng *);
void pbx_gruus_free(struct pbx_gruus *);

/* Does the URI claim to be one (a `gr` parameter)? */
bool pbx_gruu_is(const struct sip_uri *);
/* Its meaning; a temporary one's user name is appended to `name` (a public one's is the user part). ERR_FORGED: a
 * temporary one that we did not make; ERR_FULL. */
MUST_CHECK enum err pbx_gruu_read(struct pbx_gruus *, const struct sip_uri *, struct pbx_gruu *out, struct buf *name);

/* May this binding have GRUUs: it has an instance of a sane length. */
bool pbx_gruu_may(const struct contact_record *);
/* The public GRUU of a binding that may. */
void pbx_gruu_write_public(const struct contact_record *, struct buf *out);
/* The same without a user part, for who puts numbers there (RFC 6140 7.1): "sip:example.com;bnc;gr=urn:uuid:..". */
void pbx_gruu_write_bulk(const struct contact_record *, struct buf *out);
/* A new temporary one; each is another, and all stay good. */
void pbx_gruu_write_temporary(struct pbx_gruus *, const struct contact_record *, usec now, struct buf *out);

/*
 * Leaves of the bindings of an address those that the GRUU stands for, the newest first: that is where the instance is,
 * the others are tried one after the other where it cannot be reached (6.1). Returns how many.
 */
size_t pbx_gruu_pick(const struct pbx_gruu *, struct contact_record *rows, size_t n);

/* "urn:uuid:..." out of the value of +sip.instance as it stands in the header: quotes and brackets taken off. */
str pbx_gruu_instance(str value);
/* Are two values of +sip.instance one instance? (Case of a URN does not count.) */
bool pbx_gruu_instance_eq(str a, str b);

#endif
