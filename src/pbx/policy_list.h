/*
 * pbx/policy_list.h - the lists in a rule: people, networks, times.
 *
 *     101, 2??, 300..349, *@partner.example, group sales, strangers      not 101, 102
 *     192.0.2.0/24, 2001:db8::/32
 *     Mon-Fri 08:00-18:00, Sat, 12-24..12-26, office
 *
 * Each reads from the word in hand to the first that does not belong to the list. false: `why` says it all.
 * Memory: texts and lists are copied into the arena. Thread: any.
 */
#ifndef PBX_POLICY_LIST_H
#define PBX_POLICY_LIST_H

#include "pbx/policy.h"
#include "pbx/policy_words.h"

#define PBX_LIST_MAX 500 /* of one list */

/* `callers`: local, strangers, trusted, trunk, anyone; else, of callees: local, foreign, anyone. */
bool pbx_list_people(struct pbx_words *, struct arena *, bool callers, const struct pbx_people *groups, size_t group_n,
		     struct pbx_people *out);
bool pbx_list_nets(struct pbx_words *, struct arena *, struct pbx_nets *out);
bool pbx_list_hours(struct pbx_words *, struct arena *, const struct pbx_hours *named, size_t named_n,
		    struct pbx_hours *out);
/* Names of groups and hours, and the like: letters, digits, '-', '_', '.'; and no word of the grammar. */
bool pbx_list_name_is_good(str);
/* A word of the grammar. */
bool pbx_list_is_word(str);
/* A copy; false and a complaint where there is no memory. */
bool pbx_list_keep(struct pbx_words *, struct arena *, str, str *out);

#endif
