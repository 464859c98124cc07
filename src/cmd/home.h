/*
 * cmd/home.h - the one folder that everything lives in (`--data DIR`).
 *
 *     DIR/tandem.db       the store: accounts, people, keys, certificates, contacts, records
 *     DIR/network.json    the descriptor of the network served here; not secret
 *     DIR/passwords/NAME  passwords made for a person at the first start, mode 0600, to be read and removed
 *     DIR/lock            taken while a daemon runs
 *     DIR/NAME.lock       taken while somebody is NAME on the peer network from here
 *
 * Made with mode 0700. What a service needs at start (keys, certificates) is asked of the
 * keeper here, before the loops run; what is not there yet is made and kept first, so that a second start finds
 * the same. All these calls block; they are for cmd alone.
 */
#ifndef CMD_HOME_H
#define CMD_HOME_H

#include "base/buf.h"
#include "base/log.h"
#include "base/rng.h"
#include "crypt/certificate.h"
#include "crypt/sign.h"
#include "io/clock.h"
#include "io/keeper.h"

#define HOME_PATH_MAX     900
#define HOME_PASSWORD_MAX 64
#define HOME_INSTANCE_N   46

struct home {
	char dir[HOME_PATH_MAX];
	struct keeper *keeper;
	const struct clock *clock;
	struct rng rng; /* the system's */
	int lock;       /* -1: not taken */
	int claim;      /* likewise */
};

enum home_use {
	HOME_ALONE = 1, /* a daemon's: takes the folder's lock */
	HOME_AHEAD = 2, /* its keeper answers registrations before the database has them (io/keeper.h) */
};

/* Makes the folder where it is not there, takes its lock when HOME_ALONE, starts the keeper. On failure
 * nothing is left open, and `why` holds a sentence: ERR_BUSY another daemon runs there, ERR_REFUSED, ERR_IO,
 * ERR_UNSUPPORTED a newer version's store. `clock` and `log` outlive it. */
MUST_CHECK enum err home_open(struct home *, str dir, unsigned use, const struct clock *, const struct log *,
			      struct buf *why);
void home_close(struct home *);
/* From here on this process alone is `name` on the peer network from this folder, until home_close: two that shared a
 * device would take each other's flow and record away. Once only. ERR_BUSY another process is; `why` holds a sentence.
 */
MUST_CHECK enum err home_claim(struct home *, str name, struct buf *why);
/* DIR/name, ended with NUL. ERR_LIMIT. */
MUST_CHECK enum err home_path(const struct home *, const char *name, char out[HOME_PATH_MAX + 128]);

/* Bytes that were chosen at random once and are the same ever after (token keys, seeds): n <= 64. */
MUST_CHECK enum err home_secret(struct home *, const char *owner, const char *name, void *out, size_t n,
				struct buf *why);
/* The name of the device that lives here as `owner`, "urn:uuid:..." (RFC 5626 4.1): chosen once by chance (RFC 9562
 * 5.4), the same ever after. */
MUST_CHECK enum err home_instance(struct home *, const char *owner, char out[HOME_INSTANCE_N], struct buf *why);
/* A self-signed certificate kept in the store under `owner`; made for `name` and these hosts when it is not there, and
 * again when it ends within 30 days. Free it with certificate_free. */
MUST_CHECK enum err home_certificate(struct home *, const char *owner, str name, const str *hosts, size_t host_n,
				     struct certificate **out, struct buf *why);
/* A blob of state; *out empty where there is none. The caller's buf grows. */
MUST_CHECK enum err home_state(struct home *, const char *owner, const char *name, struct buf *out, struct buf *why);

/* A password anybody can read out over a telephone: 4 groups of 5 of [a-z2-7], 100 bits. */
void home_password(struct home *, char out[HOME_PASSWORD_MAX]);
/* The account `name` at `domain`, or the person `name`: made with a new password when it is not there. *made says so.
 * When `reset`, one that is there gets the new password, too; else `password` is empty then. */
MUST_CHECK enum err home_account(struct home *, str name, str domain, bool reset, char password[HOME_PASSWORD_MAX],
				 bool *made, struct buf *why);
MUST_CHECK enum err home_person(struct home *, str name, bool reset, char password[HOME_PASSWORD_MAX], bool *made,
				struct buf *why);
/* DIR/passwords/NAME, mode 0600. */
MUST_CHECK enum err home_note_password(struct home *, str name, const char *password, struct buf *why);

#endif
