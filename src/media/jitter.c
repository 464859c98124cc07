#include "media/jitter.h"

#include <stdlib.h>

#define STRANGE_SECONDS 2 /* timestamps farther off than this are another time base */
#define SHRINK_SECONDS  10
#define NONE            ((size_t)-1)

struct slot {
	bool used;
	uint8_t payload_type;
	uint16_t sequence;
	uint32_t timestamp, span;
	size_t n;
	char bytes[JITTER_PAYLOAD_N];
};

struct jitter {
	uint32_t clock_hz, delay_ms, step_ms;
	bool started;
	uint32_t ssrc;
	uint32_t cursor;   /* RTP time of what is played next */
	uint32_t grown;    /* units by which the cursor was set back since the start, less what was won back */
	int32_t slack;     /* how far the last packet was ahead of the cursor */
	int32_t slack_min; /* the least of this window */
	uint32_t window;   /* units since the window began */
	bool strange;      /* the last packet was far off: */
	uint32_t strange_timestamp;
	uint16_t highest; /* sequence number */
	uint64_t seen;    /* bit i: highest - i has come */
	struct slot slots[JITTER_SLOT_N];
	struct jitter_counts counts;
};

struct jitter *jitter_new(uint32_t clock_hz, uint32_t delay_ms, uint32_t step_ms)
{
	struct jitter *j = calloc(1, sizeof(*j));

	if (j) {
		j->clock_hz = clock_hz;
		j->delay_ms = delay_ms > JITTER_DELAY_MAX ? JITTER_DELAY_MAX : delay_ms;
		j->step_ms = step_ms;
	}
	return j;
}

void jitter_free(struct jitter *j)
{
	free(j);
}

static uint32_t units(const struct jitter *j, uint32_t ms)
{
	return j->clock_hz / 1000 * ms;
}

static void begin_window(struct jitter *j)
{
	j->slack_min = INT32_MAX;
	j->window = 0;
}

void jitter_reset(struct jitter *j, uint32_t clock_hz)
{
	for (size_t i = 0; i < JITTER_SLOT_N; i++)
		j->slots[i].used = false;
	j->clock_hz = clock_hz;
	j->started = j->strange = false;
}

static void begin(struct jitter *j, uint32_t ssrc, uint16_t sequence, uint32_t timestamp)
{
	jitter_reset(j, j->clock_hz);
	j->started = true;
	j->ssrc = ssrc;
	j->cursor = timestamp - units(j, j->delay_ms);
	j->grown = 0;
	j->highest = (uint16_t)(sequence - 1);
	j->seen = 0;
	begin_window(j);
}

/* true where the number has come before; else it is noted. */
static bool note_sequence(struct jitter *j, uint16_t sequence, bool *reordered)
{
	int16_t ahead = (int16_t)(uint16_t)(sequence - j->highest);

	*reordered = ahead < 0;
	if (ahead > 0) {
		j->seen = ahead >= 64 ? 0 : j->seen << ahead;
		j->highest = sequence;
		j->seen |= 1;
		return false;
	}
	if (ahead <= -64)
		return false; /* too old to know; the cursor decides */
	bool before = j->seen >> -ahead & 1;
	j->seen |= 1ull << -ahead;
	return before;
}

/* Another time base? One such packet may be an accident, two near each other are not. */
static bool is_restart(struct jitter *j, uint32_t timestamp)
{
	int32_t far = (int32_t)(j->clock_hz * STRANGE_SECONDS), ahead = (int32_t)(timestamp - j->cursor);
	int32_t apart = (int32_t)(timestamp - j->strange_timestamp);
	bool strange = ahead > far || ahead < -far;
	bool again = strange && j->strange && apart < far && apart > -far;

	j->strange = strange;
	j->strange_timestamp = timestamp;
	return again;
}

static size_t earliest(const struct jitter *j)
{
	size_t best = NONE;

	for (size_t i = 0; i < JITTER_SLOT_N; i++)
		if (j->slots[i].used &&
		    (best == NONE || (int32_t)(j->slots[i].timestamp - j->slots[best].timestamp) < 0))
			best = i;
	return best;
}

static struct slot *free_slot(struct jitter *j)
{
	for (size_t i = 0; i < JITTER_SLOT_N; i++)
		if (!j->slots[i].used)
			return &j->slots[i];
	j->counts.overflow++;
	return &j->slots[earliest(j)];
}

/* Late: everything from now on waits a step longer, which may be just enough for this one. */
static void grow(struct jitter *j)
{
	uint32_t step = units(j, j->step_ms);

	if (units(j, j->delay_ms) + j->grown + step > units(j, JITTER_DELAY_MAX))
		return;
	j->cursor -= step;
	j->grown += step;
	begin_window(j);
}

enum jitter_put jitter_put(struct jitter *j, uint32_t ssrc, uint16_t sequence, uint32_t timestamp, uint32_t span,
			   uint8_t payload_type, str payload)
{
	bool restarted = j->started && (ssrc != j->ssrc || is_restart(j, timestamp)), reordered;

	if (payload.n > JITTER_PAYLOAD_N)
		return JITTER_LATE;
	if (!j->started || restarted)
		begin(j, ssrc, sequence, timestamp);
	j->counts.restarts += restarted;
	if (!j->strange && note_sequence(j, sequence, &reordered)) {
		j->counts.duplicate++;
		return JITTER_DUPLICATE;
	}
	if (!j->strange && (int32_t)(timestamp + span - j->cursor) <= 0)
		grow(j);
	if (j->strange || (int32_t)(timestamp + span - j->cursor) <= 0) {
		j->counts.late++;
		return JITTER_LATE;
	}
	j->slack = (int32_t)(timestamp - j->cursor);
	if (j->slack < j->slack_min)
		j->slack_min = j->slack;
	struct slot *slot = free_slot(j);
	slot->used = true;
	slot->payload_type = payload_type;
	slot->sequence = sequence;
	slot->timestamp = timestamp;
	slot->span = span;
	slot->n = payload.n;
	if (payload.n)
		memcpy(slot->bytes, payload.p, payload.n);
	j->counts.kept++;
	j->counts.reordered += reordered;
	return restarted ? JITTER_RESTARTED : JITTER_KEPT;
}

/* Time went on; at the end of a calm window a step is won back. */
static void move(struct jitter *j, uint32_t span)
{
	int32_t calm = (int32_t)units(j, j->delay_ms + j->step_ms);

	j->cursor += span;
	j->window += span;
	if (j->window < j->clock_hz * SHRINK_SECONDS)
		return;
	if (j->slack_min != INT32_MAX && j->slack_min >= calm) {
		uint32_t step = units(j, j->step_ms);

		j->cursor += step;
		j->grown = j->grown > step ? j->grown - step : 0;
	}
	begin_window(j);
}

enum jitter_take jitter_take(struct jitter *j, struct jitter_packet *out)
{
	size_t at;

	while ((at = earliest(j)) != NONE) {
		struct slot *slot = &j->slots[at];
		int32_t ahead = (int32_t)(slot->timestamp - j->cursor);

		if (ahead > 0) {
			out->span = (uint32_t)ahead;
			return JITTER_GAP;
		}
		slot->used = false;
		if ((int32_t)(slot->timestamp + slot->span - j->cursor) <= 0) { /* the cursor has jumped over it */
			j->counts.late++;
			continue;
		}
		*out = (struct jitter_packet){
			slot->timestamp, slot->span, slot->payload_type, { slot->bytes, slot->n }
		};
		move(j, slot->timestamp + slot->span - j->cursor);
		return JITTER_PACKET;
	}
	return JITTER_EMPTY;
}

bool jitter_peek(const struct jitter *j, str *payload)
{
	size_t at = earliest(j);

	if (at == NONE)
		return false;
	*payload = str_of(j->slots[at].bytes, j->slots[at].n);
	return true;
}

void jitter_skip(struct jitter *j, uint32_t span)
{
	if (j->started)
		move(j, span);
}

uint32_t jitter_delay_ms(const struct jitter *j)
{
	return j->started && j->slack > 0 ? (uint32_t)j->slack / (j->clock_hz / 1000) : 0;
}

const struct jitter_counts *jitter_counts(const struct jitter *j)
{
	return &j->counts;
}
