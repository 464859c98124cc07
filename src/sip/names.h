/*
 * sip/names.h - what the name server said, for as long as it is good; and what it is being asked.
 *
 * Serves sip/locate alone. Each question is asked once however many wait for it. Answers are
 * strangers' bytes: they are copied and bounded here (SIP_NAMES_RECORDS, SIP_NAMES_ADDRS), judged by
 * who reads them. Bounds and times: sip/locate.h.
 */
#ifndef SIP_NAMES_H
#define SIP_NAMES_H

#include "base/map.h"
#include "sip/locate.h"

#define SIP_NAMES_RECORDS 64
#define SIP_NAMES_ADDRS   8

/* A question and its answer. */
struct sip_name {
	struct map_node node;
	struct sip_name *next_want;
	uint32_t number;
	enum host_question question;
	bool placed; /* in the table */
	bool asked;  /* no answer yet */
	enum err err;
	usec until;
	struct addr addrs[SIP_NAMES_ADDRS];
	struct host_record *records;
	size_t addr_n, record_n, n;
	char text[SIP_LOCATE_NAME_MAX + 1];
};

struct sip_names {
	struct map table;
	struct sip_name *all[SIP_LOCATE_ANSWERS];
	struct sip_name *wants, **last_want;
	uint32_t n;
	uint64_t key[2];
};

void sip_names_init(struct sip_names *, struct rng *);
void sip_names_free(struct sip_names *);
/* The answer, or one with `asked` set; NULL: too many questions are open, no memory, or too long a name. */
const struct sip_name *sip_names_get(struct sip_names *, enum host_question, str name, usec now);
/* Answer to question `number`. false: nobody asked. */
bool sip_names_answer(struct sip_names *, uint32_t number, const struct host_event *, usec now);
/* The next question to send; NULL: none. */
const struct sip_name *sip_names_want(struct sip_names *);

#endif
