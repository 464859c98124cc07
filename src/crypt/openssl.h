/*
 * crypt/openssl.h - lets OpenSSL's headers and base/err.h be included together.
 *
 * Both have the name ERR_STATE (there a type, here a value). Include this one before any header of
 * OpenSSL's; the order with base/err.h does not matter.
 */
#ifndef CRYPT_OPENSSL_H
#define CRYPT_OPENSSL_H

#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/err.h>
#undef ERR_STATE

#endif
