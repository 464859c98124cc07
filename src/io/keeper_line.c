#include "io/keeper_line.h"

static void hand_back(void *self, struct keeper_answer *answer)
{
	struct keeper_line *line = self;

	if (answer)
		driver_answer(line->driver, answer->from, answer);
}

static void ask(void *self, uint32_t service, void *message)
{
	struct keeper_line *line = self;
	struct keeper_ask *question = message;

	if (!question)
		return;
	question->from = service;
	keeper_post(line->keeper, (struct keeper_port){ line, hand_back }, question);
}

static void answer_free(void *self, void *answer)
{
	(void)self;
	keeper_answer_free(answer);
}

struct driver_keeper keeper_line(struct keeper_line *line)
{
	return (struct driver_keeper){ .self = line, .ask = ask, .answer_free = answer_free };
}
