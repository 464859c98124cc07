/*
 * overlay/record.h - where a device of a user can be reached, in its own words.
 *
 * About 420 bytes, signed by the device, carrying the certificate: a reader needs the
 * authority's key and nobody's word (docs/wire/overlay.md, Location record). It names
 * super nodes and flow tokens, never the user's own address.
 *
 * Memory: values. Thread: any.
 */
#ifndef OVERLAY_RECORD_H
#define OVERLAY_RECORD_H

#include "overlay/frame.h"
#include "overlay/identity.h"

#define OVERLAY_RECORD_MAX  1024
#define OVERLAY_RECORD_LIFE (1800 * USEC_PER_SEC)
#define OVERLAY_POINTS_MAX  3

enum overlay_capability { OVERLAY_AUDIO = 1, OVERLAY_MESSAGES = 2, OVERLAY_EDGE = 4 };

/* A way to a device: one of its super nodes, and its flow there. */
struct overlay_point {
	struct addr addr;
	uint8_t pin[OVERLAY_KEY_N];
	uint8_t token[OVERLAY_TOKEN_N];
};

struct overlay_record {
	struct overlay_certificate certificate;
	uint64_t seq;
	usec expiry; /* whole milliseconds */
	struct overlay_point point[OVERLAY_POINTS_MAX];
	size_t point_n;                  /* 0: the device has left */
	uint8_t seal_key[OVERLAY_KEY_N]; /* X25519 public */
	uint32_t capabilities;
	uint16_t bytes_n;
	uint8_t bytes[OVERLAY_RECORD_MAX]; /* as signed */
};

static inline str overlay_record_str(const struct overlay_record *r)
{
	return (str){ (const char *)r->bytes, r->bytes_n };
}

/* Well formed only. ERR_SYNTAX, ERR_LIMIT, ERR_UNSUPPORTED. */
MUST_CHECK enum err overlay_record_parse(str, struct overlay_record *out);
/* Signs what is in *r and fills ->bytes. ERR_LIMIT: expiry behind the certificate's end, or too long. */
MUST_CHECK enum err overlay_record_sign(struct overlay_record *r, const struct sign_pair *device);
/* Everything a reader checks: certificate, signature, times. Errors as overlay_certificate_verify; ERR_EXPIRED also
 * when the record itself is over, ERR_FORGED also for an expiry more than 30 minutes ahead. */
MUST_CHECK enum err overlay_record_verify(const struct overlay_record *, str network,
					  const uint8_t authority[OVERLAY_KEY_N], usec now);
/* The key it is kept under. */
void overlay_record_key(const struct overlay_record *, uint8_t out[OVERLAY_KEY_N]);

/* "sip:NAME@ADDR:PORT;transport=tls;flow=TOKEN;pin=PIN", for Request-URI and Contact. */
void overlay_point_write_uri(const struct overlay_point *, str name, struct buf *);

#endif
