#include "store/keeper.h"

#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ANSWER_BYTES_MAX (64 * 1024 * 1024)
#define WHY_MAX          240

static const struct {
	const char *name;
	const struct record_kind *ask, *answer;
} kinds[KEEPER_KIND_N] = {
	[KEEPER_REALM] = { "realm", &user_record_kind, &user_record_kind },
	[KEEPER_USER_ADD] = { "user.add", &user_record_kind, &user_record_kind },
	[KEEPER_USER_IMPORT] = { "user.import", &user_record_kind, NULL },
	[KEEPER_USER_REMOVE] = { "user.remove", &user_record_kind, NULL },
	[KEEPER_USER_DISABLE] = { "user.disable", &user_record_kind, NULL },
	[KEEPER_USER_FIND] = { "user.find", &user_record_kind, &user_record_kind },
	[KEEPER_USER_LIST] = { "user.list", NULL, &user_record_kind },
	[KEEPER_NUMBER_ADD] = { "number.add", &number_record_kind, NULL },
	[KEEPER_NUMBER_REMOVE] = { "number.remove", &number_record_kind, NULL },
	[KEEPER_NUMBER_LIST] = { "number.list", NULL, &number_record_kind },
	[KEEPER_PERSON_ADD] = { "person.add", &person_record_kind, &person_record_kind },
	[KEEPER_PERSON_CHECK] = { "person.check", &person_record_kind, &person_record_kind },
	[KEEPER_PERSON_REMOVE] = { "person.remove", &person_record_kind, NULL },
	[KEEPER_PERSON_DISABLE] = { "person.disable", &person_record_kind, NULL },
	[KEEPER_PERSON_LIST] = { "person.list", NULL, &person_record_kind },
	[KEEPER_PERSON_PASSWORD] = { "person.password", &person_record_kind, NULL },
	[KEEPER_DEVICE_PUT] = { "device.put", &device_record_kind, NULL },
	[KEEPER_DEVICE_LIST] = { "device.list", &device_record_kind, &device_record_kind },
	[KEEPER_DEVICE_REMOVE] = { "device.remove", &device_record_kind, NULL },
	[KEEPER_CONTACT_PUT] = { "contact.put", &contact_record_kind, NULL },
	[KEEPER_CONTACT_BATCH] = { "contact.batch", &contact_batch_record_kind, NULL },
	[KEEPER_CONTACT_REMOVE] = { "contact.remove", &contact_record_kind, NULL },
	[KEEPER_CONTACT_LIST] = { "contact.list", NULL, &contact_record_kind },
	[KEEPER_REMOVAL_LIST] = { "removal.list", NULL, &removal_record_kind },
	[KEEPER_STATE_PUT] = { "state.put", &state_record_kind, NULL },
	[KEEPER_STATE_GET] = { "state.get", &state_record_kind, &state_record_kind },
	[KEEPER_STATE_LIST] = { "state.list", &state_record_kind, &state_record_kind },
	[KEEPER_STATE_REMOVE] = { "state.remove", &state_record_kind, NULL },
	[KEEPER_SETTING_PUT] = { "setting.put", &setting_record_kind, NULL },
	[KEEPER_SETTING_LIST] = { "setting.list", &setting_record_kind, &setting_record_kind },
	[KEEPER_CALL_PUT] = { "call.put", &call_record_kind, NULL },
	[KEEPER_CALL_CLOSE] = { "call.close", &call_record_kind, NULL },
	[KEEPER_CALL_LIST] = { "call.list", &call_record_kind, &call_record_kind },
	[KEEPER_TRACE_APPEND] = { "trace.append", &trace_record_kind, NULL },
	[KEEPER_TRACE_LIST] = { "trace.list", &trace_record_kind, &trace_record_kind },
	[KEEPER_TRACE_SESSIONS] = { "trace.sessions", NULL, &trace_record_kind },
	[KEEPER_WATCH] = { "watch", NULL, NULL },
	[KEEPER_CHANGED] = { "changed", NULL, NULL },
};

static bool is_kind(enum keeper_kind kind)
{
	return (unsigned)kind < KEEPER_KIND_N && kinds[kind].name;
}

const char *keeper_kind_name(enum keeper_kind kind)
{
	return is_kind(kind) ? kinds[kind].name : "none";
}

const struct record_kind *keeper_ask_rows(enum keeper_kind kind)
{
	return is_kind(kind) ? kinds[kind].ask : NULL;
}

const struct record_kind *keeper_answer_rows(enum keeper_kind kind)
{
	return is_kind(kind) ? kinds[kind].answer : NULL;
}

/* The rows follow the struct, aligned for any type. */
#define ROWS_AT ((sizeof(struct keeper_ask) + 15) / 16 * 16)

struct keeper_ask *keeper_ask_new(const struct keeper_ask *model)
{
	const struct record_kind *rows = keeper_ask_rows(model->kind);
	size_t n = rows ? model->n : 0;

	if (!is_kind(model->kind) || n > KEEPER_ROWS_MAX)
		return NULL;
	size_t packed = n ? record_packed_size(rows, model->rows, n) : 0;
	if (packed > KEEPER_BYTES_MAX)
		return NULL;
	char *block = malloc(ROWS_AT + packed);
	if (!block)
		return NULL;
	struct keeper_ask *ask = (struct keeper_ask *)(void *)block;
	*ask = *model;
	ask->n = n;
	ask->rows = n ? block + ROWS_AT : NULL;
	if (n)
		record_pack(rows, model->rows, n, block + ROWS_AT);
	return ask;
}

void keeper_ask_free(struct keeper_ask *ask)
{
	if (ask && ask->n)
		record_wipe(keeper_ask_rows(ask->kind), (void *)(uintptr_t)ask->rows, ask->n);
	free(ask);
}

size_t keeper_ask_weight(const struct keeper_ask *ask)
{
	struct contact_row r;

	return ask->kind == KEEPER_CONTACT_BATCH && ask->n ? contact_row_open(ask->contact_batches[0].row, &r) : 1;
}

struct box {
	struct keeper_answer answer; /* first: what the others see */
	struct arena arena;          /* what its rows point to */
	char *rows;
	size_t cap;
	char why[WHY_MAX];
};

struct keeper_answer *keeper_answer_new(const struct keeper_ask *ask)
{
	struct box *box = calloc(1, sizeof(*box));

	if (!box)
		return NULL;
	arena_init(&box->arena, NULL, 0, ANSWER_BYTES_MAX);
	box->answer.kind = ask->kind;
	box->answer.token = ask->token;
	box->answer.from = ask->from;
	box->answer.why = box->why;
	return &box->answer;
}

static struct box *box_of(struct keeper_answer *answer)
{
	return (struct box *)(void *)answer;
}

static void drop_rows(struct box *box)
{
	if (box->answer.n)
		record_wipe(keeper_answer_rows(box->answer.kind), box->rows, box->answer.n);
	arena_reset(&box->arena);
	free(box->rows);
	box->rows = NULL;
	box->cap = 0;
	box->answer.rows = NULL;
	box->answer.n = 0;
	box->answer.more = false;
}

void keeper_answer_free(struct keeper_answer *answer)
{
	if (!answer)
		return;
	drop_rows(box_of(answer));
	free(answer);
}

void *keeper_answer_add(struct keeper_answer *answer)
{
	struct box *box = box_of(answer);
	size_t size = keeper_answer_rows(answer->kind)->size;

	if (answer->n == KEEPER_ROWS_MAX)
		return NULL;
	if (answer->n == box->cap) {
		size_t cap = box->cap ? 2 * box->cap : 1;
		char *rows = realloc(box->rows, cap * size);
		if (!rows)
			return NULL;
		box->rows = rows;
		box->cap = cap;
		answer->rows = rows;
	}
	return memset(box->rows + answer->n++ * size, 0, size);
}

bool keeper_answer_copy(struct keeper_answer *answer, str s, str *out)
{
	if (s.n == 0) {
		*out = STR_NONE;
		return true;
	}
	return arena_copy(&box_of(answer)->arena, s, out);
}

enum err keeper_answer_fail(struct keeper_answer *answer, enum err err, const char *format, ...)
{
	struct box *box = box_of(answer);
	va_list args;

	drop_rows(box);
	answer->err = err;
	va_start(args, format);
	vsnprintf(box->why, sizeof(box->why), format, args);
	va_end(args);
	return err;
}
