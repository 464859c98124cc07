#include "pbx/backoff.h"

#include <stdlib.h>

#define WAYS       4
#define WRONG_WAIT (10 * USEC_PER_MS) /* between two times that others are told */
#define RIGHT_WAIT USEC_PER_SEC

/* A pair, or a name from anywhere. */
struct tally {
	uint64_t who; /* 0: free */
	usec last;    /* wrong */
	usec next;    /* judged from then on */
	uint32_t n;
};

/* Where a password was right. */
struct known {
	uint32_t mark, at_s; /* of a hash; 0: free */
};

struct pbx_backoff {
	uint64_t key[2];
	usec quiet_from; /* nobody has to wait from then on */
	struct pbx_backoff_stats stats;
	struct tally pairs[PBX_BACKOFF_PAIRS], names[PBX_BACKOFF_PAIRS];
	struct known known[PBX_BACKOFF_KNOWN_N];
	bool shared;
	usec told, tell_at; /* others: last; next */
	size_t word_n;
	struct pbx_backoff_word words[PBX_BACKOFF_WORDS];
};

struct pbx_backoff *pbx_backoff_new(const uint8_t *key)
{
	struct pbx_backoff *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	memcpy(b->key, key, sizeof(b->key));
	b->tell_at = USEC_NEVER;
	return b;
}

void pbx_backoff_free(struct pbx_backoff *b)
{
	free(b);
}

/* One subscriber's addresses are one; `port`: exactly this one of his. */
static uint64_t pair_of(const struct pbx_backoff *b, const struct addr *source, str name, bool port)
{
	struct addr a = *source;

	if (!port)
		a.port = 0;
	if (a.family == 6 && !port)
		memset(a.ip + 8, 0, 8);
	uint64_t key[2] = { b->key[0] ^ addr_hash(&a, b->key), b->key[1] };
	return str_hash(name, key) | 1;
}

static uint64_t name_of(const struct pbx_backoff *b, str name)
{
	return str_hash(name, b->key) | 1;
}

static struct tally *row_of(const struct tally *table, uint64_t who)
{
	return (struct tally *)(uintptr_t)&table[(who >> 8) % (PBX_BACKOFF_PAIRS / WAYS) * WAYS];
}

/* NULL: nothing wrong came of it lately. */
static struct tally *find(const struct tally *table, uint64_t who, usec now)
{
	struct tally *row = row_of(table, who);

	for (int i = 0; i < WAYS; i++)
		if (row[i].who == who && now - row[i].last < PBX_BACKOFF_FORGOTTEN)
			return &row[i];
	return NULL;
}

static struct tally *make(const struct tally *table, uint64_t who, usec now)
{
	struct tally *t = find(table, who, now), *row = row_of(table, who);

	if (t)
		return t;
	t = &row[0];
	for (int i = 0; i < WAYS; i++) {
		if (row[i].who == who || !row[i].who) {
			t = &row[i];
			break;
		}
		if (row[i].next < t->next || (row[i].next == t->next && row[i].last < t->last))
			t = &row[i];
	}
	*t = (struct tally){ .who = who, .last = now };
	return t;
}

static struct known *place_of(const struct pbx_backoff *b, uint64_t who)
{
	return (struct known *)(uintptr_t)&b->known[who % PBX_BACKOFF_KNOWN_N];
}

static bool is_known(const struct pbx_backoff *b, uint64_t who, usec now)
{
	const struct known *k = place_of(b, who);

	return k->at_s && k->mark == (uint32_t)(who >> 32) &&
	       now / USEC_PER_SEC - k->at_s < PBX_BACKOFF_KNOWN / USEC_PER_SEC;
}

static void note_known(struct pbx_backoff *b, uint64_t who, usec now)
{
	*place_of(b, who) = (struct known){ (uint32_t)(who >> 32), (uint32_t)(now / USEC_PER_SEC) };
}

bool pbx_backoff_may(struct pbx_backoff *b, const struct addr *source, str name, usec now)
{
	uint64_t who;
	struct tally *t;

	if (now >= b->quiet_from || is_known(b, pair_of(b, source, name, true), now))
		return true;
	who = pair_of(b, source, name, false);
	t = find(b->pairs, who, now);
	bool may = !t || now >= t->next;
	if (may && !is_known(b, who, now)) {
		t = find(b->names, name_of(b, name), now);
		may = !t || now >= t->next;
	}
	b->stats.unjudged += !may;
	return may;
}

/* After the n-th wrong one. */
static usec pause_after(uint32_t n, uint32_t free_n, usec most)
{
	if (n < free_n)
		return 0;
	return n - free_n > 20 ? most : usec_min(USEC_PER_SEC << (n - free_n), most);
}

/* Tells others by then. */
static void tell(struct pbx_backoff *b, struct pbx_backoff_word word, usec at, usec now)
{
	if (!b->shared)
		return;
	if (b->word_n == PBX_BACKOFF_WORDS) /* nobody takes them: the newest matter most */
		memmove(b->words, b->words + 1, --b->word_n * sizeof(word));
	b->words[b->word_n++] = word;
	b->tell_at = usec_min(b->tell_at, b->word_n >= PBX_BACKOFF_WORDS / 2 ? now : at);
}

/* From the later of the two on: guesses that others have judged in the same moment are waited for one after the other.
 */
static usec longer(usec next, usec now, usec pause)
{
	return !pause ? next : (next > now ? next : now) + pause;
}

static void count_wrong(struct pbx_backoff *b, uint64_t who, uint64_t name, usec now)
{
	bool known = is_known(b, who, now);
	struct tally *pair = make(b->pairs, who, now), *all;

	pair->n++;
	pair->last = now;
	if (!known) { /* what is tried where he is at home is no sign that others try elsewhere */
		all = make(b->names, name, now);
		all->n++;
		all->last = now;
		if (all->n > PBX_BACKOFF_SPREAD)
			all->next = longer(all->next, now, USEC_PER_SEC);
		if (all->n > PBX_BACKOFF_SPREAD && pair->n < PBX_BACKOFF_FREE)
			pair->n = PBX_BACKOFF_FREE;
		if (all->next > b->quiet_from)
			b->quiet_from = all->next;
	}
	pair->next = longer(pair->next, now,
			    pause_after(pair->n, PBX_BACKOFF_FREE, known ? PBX_BACKOFF_KNOWN_MAX : PBX_BACKOFF_MAX));
	if (pair->next > b->quiet_from)
		b->quiet_from = pair->next;
}

void pbx_backoff_wrong(struct pbx_backoff *b, const struct addr *source, str name, usec now)
{
	struct pbx_backoff_word word = { .pair = pair_of(b, source, name, false), .other = name_of(b, name) };

	b->stats.wrong++;
	count_wrong(b, word.pair, word.other, now);
	tell(b, word, b->told + WRONG_WAIT, now);
}

static void count_right(struct pbx_backoff *b, uint64_t who, uint64_t exact, usec now)
{
	note_known(b, exact, now);
	note_known(b, who, now);
	/* A neighbour behind the same address may be the one who guessed, so the count stays. */
	struct tally *t = find(b->pairs, who, now);
	if (t)
		t->next = usec_min(t->next, now + PBX_BACKOFF_KNOWN_MAX);
}

void pbx_backoff_right(struct pbx_backoff *b, const struct addr *source, str name, usec now)
{
	struct pbx_backoff_word word = { .other = pair_of(b, source, name, true), .right = true };
	const struct known *k = place_of(b, word.other);
	bool same = k->at_s && k->mark == (uint32_t)(word.other >> 32);
	usec age = now - k->at_s * USEC_PER_SEC;

	/* Said within the minute, nobody waits: nothing to forget. */
	if (same && age < 60 * USEC_PER_SEC && now >= b->quiet_from)
		return;
	word.pair = pair_of(b, source, name, false);
	count_right(b, word.pair, word.other, now);
	if (!same || age > PBX_BACKOFF_KNOWN / 2)
		tell(b, word, now + RIGHT_WAIT, now);
}

void pbx_backoff_share(struct pbx_backoff *b)
{
	b->shared = true;
}

usec pbx_backoff_due(const struct pbx_backoff *b)
{
	return b->tell_at;
}

size_t pbx_backoff_take(struct pbx_backoff *b, struct pbx_backoff_word *out, usec now)
{
	size_t n = b->word_n;

	memcpy(out, b->words, n * sizeof(*out));
	b->word_n = 0;
	b->told = now;
	b->tell_at = USEC_NEVER;
	return n;
}

void pbx_backoff_hear(struct pbx_backoff *b, const struct pbx_backoff_word *word, usec now)
{
	if (word->right)
		count_right(b, word->pair, word->other, now);
	else
		count_wrong(b, word->pair, word->other, now);
}

void pbx_backoff_stats(const struct pbx_backoff *b, struct pbx_backoff_stats *out)
{
	*out = b->stats;
}
