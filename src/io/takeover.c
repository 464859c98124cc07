#include "io/takeover.h"

#include <time.h>

static struct state_record state_of(const uint64_t *number)
{
	return (struct state_record){ .owner = STR("keeper"),
				      .name = STR("journal"),
				      .value = str_of((const char *)number, sizeof(*number)) };
}

enum err takeover_note(struct store_clerk *clerk, uint64_t number)
{
	struct state_record row = state_of(&number);
	struct keeper_answer *answer =
		store_clerk_do(clerk, &(struct keeper_ask){ .kind = KEEPER_STATE_PUT, .states = &row, .n = 1 });
	enum err err = answer ? answer->err : ERR_MEMORY;

	keeper_answer_free(answer);
	return err;
}

static enum err read_number(struct store_clerk *clerk, uint64_t *number)
{
	struct state_record key = state_of(number);
	struct keeper_answer *answer =
		store_clerk_do(clerk, &(struct keeper_ask){ .kind = KEEPER_STATE_GET, .states = &key, .n = 1 });
	enum err err = answer ? answer->err : ERR_MEMORY;

	if (err == ERR_NONE && answer->states[0].value.n == sizeof(*number))
		memcpy(number, answer->states[0].value.p, sizeof(*number));
	keeper_answer_free(answer);
	return err == ERR_ABSENT ? ERR_NONE : err;
}

struct takeover {
	struct store_clerk *clerk;
	usec now;
	uint64_t number;
	size_t n;
};

static enum err take(void *self, uint64_t number, str row)
{
	struct takeover *t = self;
	struct contact_batch_record batch = { .row = row };
	struct keeper_answer *answer = store_clerk_do(
		t->clerk,
		&(struct keeper_ask){ .kind = KEEPER_CONTACT_BATCH, .now = t->now, .contact_batches = &batch, .n = 1 });
	enum err err = answer ? answer->err : ERR_MEMORY;

	keeper_answer_free(answer);
	t->number = number;
	t->n++;
	return err;
}

enum err takeover_all(struct db *db, struct store_clerk *clerk, struct journal *journal, size_t *n)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	struct takeover t = { .clerk = clerk, .now = (usec)now.tv_sec * USEC_PER_SEC };
	enum err err = db->driver->step(db, DB_BEGIN);
	if (err != ERR_NONE)
		return err;
	err = read_number(clerk, &t.number);
	if (err == ERR_NONE)
		err = journal_read(journal, t.number, take, &t);
	if (err == ERR_NONE && t.n)
		err = takeover_note(clerk, t.number);
	enum err ended = db->driver->step(db, err == ERR_NONE ? DB_COMMIT : DB_ROLLBACK);
	err = err == ERR_NONE ? ended : err;
	store_clerk_settle(clerk, err == ERR_NONE);
	if (err != ERR_NONE)
		return err;
	journal_settle(journal, t.number);
	*n = t.n;
	return ERR_NONE;
}
