#include "overlay/supernode_inside.h"
#include "store/keeper.h"

#define ROLL_AGAIN (5 * USEC_PER_SEC) /* after the keeper, or memory, has failed */
#define ROLL_BACK  100                /* the newest accounts, whose numbers pass to others when they are removed */

static void ask_names(struct overlay_supernode *s, usec now)
{
	s->roll_stale = false;
	s->roll_asked = overlay_outbox_ask(
		&s->out, &(struct keeper_ask){ .kind = KEEPER_PERSON_LIST, .now = now, .after = s->roll_after });
	if (!s->roll_asked)
		s->roll_at = usec_add(now, ROLL_AGAIN);
}

void overlay_supernode_roll_start(struct overlay_supernode *s, usec now)
{
	if (!s->setup.keeps)
		return;
	if (!overlay_outbox_ask(&s->out, &(struct keeper_ask){ .kind = KEEPER_WATCH, .now = now }))
		log_warn(s->setup.log, "supernode.roll blind", "why=\"no memory\"");
	ask_names(s, now);
}

static void on_names(struct overlay_supernode *s, const struct keeper_answer *a)
{
	uint8_t key[OVERLAY_KEY_N];

	for (size_t i = 0; i < a->n; i++) {
		overlay_user_key(overlay_domain_str(&s->setup.network.name), a->persons[i].name, key);
		if (overlay_directory_know(s->directory, key) != ERR_NONE)
			log_warn(s->setup.log, "supernode.roll full", "name=" STR_FMT, STR_ARG(a->persons[i].name));
		s->roll_after = a->persons[i].id;
	}
}

/* The newest accounts are listed again: a number that was the highest, and is free, is given out once more. */
static void step_back(struct overlay_supernode *s)
{
	s->roll_after = s->roll_after > ROLL_BACK ? s->roll_after - ROLL_BACK : 0;
}

/* Names are only ever added, so each list goes on where the one before has ended, or a little before that. */
void overlay_supernode_roll_answer(struct overlay_supernode *s, const struct keeper_answer *a, usec now)
{
	if (a->kind == KEEPER_CHANGED) {
		s->roll_stale = true;
	} else if (a->kind == KEEPER_PERSON_LIST && a->err) {
		s->roll_asked = false;
		s->roll_at = usec_add(now, ROLL_AGAIN);
		return;
	} else if (a->kind == KEEPER_PERSON_LIST) {
		on_names(s, a);
		s->roll_asked = false;
	}
	if (s->roll_asked)
		return;
	if (s->roll_stale)
		step_back(s);
	if (s->roll_stale || a->more)
		ask_names(s, now);
}

void overlay_supernode_roll_tick(struct overlay_supernode *s, usec now)
{
	if (now < s->roll_at)
		return;
	s->roll_at = USEC_NEVER;
	ask_names(s, now);
}
