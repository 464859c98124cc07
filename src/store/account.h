/*
 * store/account.h - what the clerk does for accounts of phones (KEEPER_REALM, KEEPER_USER_*, KEEPER_NUMBER_*).
 */
#ifndef STORE_ACCOUNT_H
#define STORE_ACCOUNT_H

#include "store/desk.h"

MUST_CHECK enum err store_account_realm(struct store_desk *);
MUST_CHECK enum err store_account_add(struct store_desk *);
MUST_CHECK enum err store_account_import(struct store_desk *);
MUST_CHECK enum err store_account_remove(struct store_desk *);
MUST_CHECK enum err store_account_disable(struct store_desk *);
MUST_CHECK enum err store_account_find(struct store_desk *);
MUST_CHECK enum err store_account_list(struct store_desk *);
MUST_CHECK enum err store_account_add_numbers(struct store_desk *);
MUST_CHECK enum err store_account_remove_numbers(struct store_desk *);
MUST_CHECK enum err store_account_list_numbers(struct store_desk *);

#endif
