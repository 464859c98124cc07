/*
 * crypt/random.h - true random numbers, as a source for base/rng.
 *
 * random_os asks the operating system each time: for keys and passwords.
 * random_stream takes 32 bytes from it once and stretches them with ChaCha20,
 * forgetting each key as soon as it was used, so what is handed out cannot be
 * computed backwards from a stolen state; no system call after the first: for
 * branches, tags, nonces and transaction ids. It makes some ahead; what was handed out is wiped.
 *
 * Memory: the owner embeds struct rng; nothing to free (wipe it). Thread: its owner's.
 */
#ifndef CRYPT_RANDOM_H
#define CRYPT_RANDOM_H

#include "base/rng.h"

void random_os(struct rng *);
/* Not across fork(): parent and child would hand out the same numbers. */
void random_stream(struct rng *);

#endif
