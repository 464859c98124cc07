/*
 * store/contact_list.h - registrations as people read them: `tandem admin registrations`.
 *
 * One line a binding. What phones say of themselves (User-Agent, URIs, Path) is a stranger's text and goes to the
 * terminal only as far as it cannot steer it.
 */
#ifndef STORE_CONTACT_LIST_H
#define STORE_CONTACT_LIST_H

#include "base/buf.h"
#include "store/contact.h"

/* "sip:101@example.com  sip:101@192.0.2.1:5060  q 0.5  3540 s  udp 192.0.2.1:5060  ...", no line's end. What a binding
 * does not have is left out. */
void store_contact_list_text(const struct contact_record *, usec now, struct buf *);
/* The same as a JSON object: aor, uri, q (0..1), expires_s from now on, transport, remote, user_agent, instance,
 * reg_id, path, machine, and the times registered and updated (microseconds since 1970). */
void store_contact_list_json(const struct contact_record *, usec now, struct buf *);
/* Is it of this account: "101", "101@example.com", or either with sip: before it? Empty: of any. `domain` (may be
 * empty) is meant where the account names none. */
bool store_contact_list_is_of(const struct contact_record *, str account, str domain);

#endif
