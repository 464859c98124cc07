/*
 * store/people.h - what the clerk does for people and their devices (KEEPER_PERSON_*, KEEPER_DEVICE_*).
 */
#ifndef STORE_PEOPLE_H
#define STORE_PEOPLE_H

#include "store/desk.h"

MUST_CHECK enum err store_people_add(struct store_desk *);
MUST_CHECK enum err store_people_find(struct store_desk *);
MUST_CHECK enum err store_people_set_password(struct store_desk *);
MUST_CHECK enum err store_people_remove(struct store_desk *);
MUST_CHECK enum err store_people_disable(struct store_desk *);
MUST_CHECK enum err store_people_list(struct store_desk *);
MUST_CHECK enum err store_people_put_device(struct store_desk *);
MUST_CHECK enum err store_people_list_devices(struct store_desk *);
MUST_CHECK enum err store_people_remove_device(struct store_desk *);

#endif
