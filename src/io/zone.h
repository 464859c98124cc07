/*
 * io/zone.h - what time zone a place has, from the system's files (RFC 8536).
 *
 * Gives the rule for now and later, the last line of a TZif file, as base/civil.h reads it. Blocking: for cmd alone.
 */
#ifndef IO_ZONE_H
#define IO_ZONE_H

#include "base/buf.h"
#include "base/err.h"

/* "Europe/Berlin" -> "CET-1CEST,M3.5.0,M10.5.0/3". ERR_ABSENT: there is no such zone; ERR_SYNTAX: its file is none;
 * ERR_REFUSED, ERR_IO. */
MUST_CHECK enum err zone_find(str name, struct buf *rule);
/* The same for the zone that this machine is in (TZ, else /etc/localtime), with its name; "UTC0", "UTC" where that
 * cannot be known. */
void zone_here(struct buf *name, struct buf *rule);

#endif
