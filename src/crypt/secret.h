/*
 * crypt/secret.h - comparing and forgetting what nobody should learn.
 */
#ifndef CRYPT_SECRET_H
#define CRYPT_SECRET_H

#include "base/str.h"

/* Takes as long for equal as for different bytes; only the lengths show. */
bool secret_eq(str a, str b);
/* Overwrites n bytes, also where the compiler sees nobody reading them later. */
void secret_wipe(void *p, size_t n);

#endif
