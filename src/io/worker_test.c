#include "io/worker.h"

#include "base/test.h"
#include "io/thread.h"

#include <stdlib.h>

#define NOTES   20000
#define SENDERS 3

struct note {
	struct worker_note note; /* first */
	int from, number;
};

static void count_wakes(void *self)
{
	(*(int *)self)++;
}

static void the_first_note_wakes_and_the_bound_refuses(void **state)
{
	struct worker_box b;
	struct note notes[4] = { 0 };
	int wakes = 0;
	(void)state;
	worker_start(&b, 3, count_wakes, &wakes);
	for (int i = 0; i < 3; i++)
		assert_int_equal(worker_put(&b, &notes[i].note), ERR_NONE);
	assert_int_equal(worker_put(&b, &notes[3].note), ERR_FULL);
	assert_int_equal(wakes, 1);
	struct worker_note *n = worker_take(&b);
	for (int i = 0; i < 3; i++, n = n->next)
		assert_ptr_equal(n, &notes[i].note);
	assert_null(n);
	assert_null(worker_take(&b));
	assert_int_equal(worker_put(&b, &notes[3].note), ERR_NONE);
	assert_int_equal(wakes, 2);
	worker_shut(&b);
	assert_int_equal(worker_put(&b, &notes[0].note), ERR_CLOSED);
	assert_ptr_equal(worker_take(&b), &notes[3].note);
	worker_stop(&b);
}

struct sender {
	struct worker_box *box;
	int number;
};

static void send(void *arg)
{
	struct sender *s = arg;
	for (int i = 0; i < NOTES;) {
		struct note *n = calloc(1, sizeof(*n));
		if (!n)
			abort();
		n->from = s->number;
		n->number = i;
		if (worker_put(s->box, &n->note) == ERR_NONE)
			i++;
		else
			free(n); /* full: it is still ours */
	}
}

static void nothing(void *self)
{
	(void)self;
}

static void notes_of_each_sender_keep_their_order(void **state)
{
	struct worker_box b;
	struct thread threads[SENDERS];
	struct sender senders[SENDERS];
	int next[SENDERS] = { 0 }, got = 0, wrong = 0;
	(void)state;
	worker_start(&b, 1000, nothing, NULL);
	for (int i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){ &b, i };
		assert_int_equal(thread_start(&threads[i], "send", send, &senders[i]), ERR_NONE);
	}
	while (got < SENDERS * NOTES) {
		for (struct worker_note *after, *n = worker_take(&b); n; n = after, got++) {
			struct note *note = (struct note *)n;
			after = n->next;
			wrong += note->number != next[note->from]++;
			free(note);
		}
	}
	for (int i = 0; i < SENDERS; i++)
		thread_join(&threads[i]);
	assert_int_equal(wrong, 0);
	worker_stop(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_note_wakes_and_the_bound_refuses),
		cmocka_unit_test(notes_of_each_sender_keep_their_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
