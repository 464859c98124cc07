#include "sip/names.h"

#include <stdlib.h>

void sip_names_init(struct sip_names *names, struct rng *rng)
{
	*names = (struct sip_names){ 0 };
	map_init(&names->table, SIP_LOCATE_ANSWERS);
	names->last_want = &names->wants;
	names->key[0] = rng_u64(rng);
	names->key[1] = rng_u64(rng);
}

void sip_names_free(struct sip_names *names)
{
	for (uint32_t i = 0; i < names->n; i++) {
		free(names->all[i]->records);
		free(names->all[i]);
	}
	map_free(&names->table);
}

/* The place of the answer that ends first; those that are being asked for stay, for their number is in use. */
static struct sip_name *oldest(struct sip_names *names)
{
	struct sip_name *found = NULL;

	for (uint32_t i = 0; i < names->n; i++)
		if (!names->all[i]->asked && (!found || names->all[i]->until < found->until))
			found = names->all[i];
	if (found) {
		if (found->placed)
			map_remove(&names->table, &found->node);
		free(found->records);
		found->records = NULL;
	}
	return found;
}

static struct sip_name *add(struct sip_names *names, enum host_question question, str text, uint64_t hash)
{
	struct sip_name *name = names->n < SIP_LOCATE_ANSWERS ? calloc(1, sizeof(*name)) : oldest(names);

	if (!name)
		return NULL;
	if (names->n < SIP_LOCATE_ANSWERS) {
		name->number = names->n;
		names->all[names->n++] = name;
	}
	name->question = question;
	name->n = text.n;
	name->until = 0;
	memcpy(name->text, text.p, text.n);
	name->placed = map_add(&names->table, &name->node, hash) == ERR_NONE;
	if (!name->placed)
		return NULL; /* it stays in `all`, as the first to be used again */
	return name;
}

static void ask(struct sip_names *names, struct sip_name *name)
{
	free(name->records);
	name->records = NULL;
	name->record_n = name->addr_n = 0;
	name->asked = true;
	name->next_want = NULL;
	*names->last_want = name;
	names->last_want = &name->next_want;
}

const struct sip_name *sip_names_get(struct sip_names *names, enum host_question question, str text, usec now)
{
	uint64_t hash = str_hash_nocase(text, names->key) + question;
	struct sip_name *name = NULL;

	if (text.n == 0 || text.n > SIP_LOCATE_NAME_MAX)
		return NULL;
	for (struct map_node *n = map_first(&names->table, hash); n && !name; n = map_next(n)) {
		struct sip_name *one = map_of(n, struct sip_name, node);

		if (one->question == question && str_eq_nocase(str_of(one->text, one->n), text))
			name = one;
	}
	if (!name)
		name = add(names, question, text, hash);
	if (name && !name->asked && name->until <= now)
		ask(names, name);
	return name;
}

bool sip_names_answer(struct sip_names *names, uint32_t number, const struct host_event *e, usec now)
{
	struct sip_name *name = number < names->n ? names->all[number] : NULL;
	usec span = (usec)e->ttl_s * USEC_PER_SEC;

	if (!name || !name->asked)
		return false;
	name->asked = false;
	name->err = e->err;
	if (!e->err && name->question == HOST_ADDRESSES) {
		name->addr_n = e->addr_n < SIP_NAMES_ADDRS ? e->addr_n : SIP_NAMES_ADDRS;
		if (name->addr_n)
			memcpy(name->addrs, e->addrs, name->addr_n * sizeof(*e->addrs));
	} else if (!e->err) {
		name->record_n = e->record_n < SIP_NAMES_RECORDS ? e->record_n : SIP_NAMES_RECORDS;
		name->records = host_records_copy(e->records, name->record_n);
		name->record_n = name->records ? name->record_n : 0;
	}
	if (!e->err && !name->addr_n && !name->record_n)
		name->err = ERR_ABSENT;
	if (name->err || span < SIP_LOCATE_KEEP_MIN)
		span = SIP_LOCATE_KEEP_MIN;
	name->until = usec_add(now, span < SIP_LOCATE_KEEP_MAX ? span : SIP_LOCATE_KEEP_MAX);
	return true;
}

const struct sip_name *sip_names_want(struct sip_names *names)
{
	struct sip_name *name = names->wants;

	if (!name)
		return NULL;
	names->wants = name->next_want;
	if (!names->wants)
		names->last_want = &names->wants;
	return name;
}
