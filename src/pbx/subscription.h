/*
 * pbx/subscription.h - who wants to be told: the exchange as notifier of events.
 *
 * RFC 6665, for every event package (reg here; presence, dialog, message-summary later). A package is a table entry:
 * its name and limits. The room keeps subscriptions, their dialogs, times and NOTIFYs; what there is to tell, and
 * to whom, is its owner's:
 *
 *     status = pbx_subscriptions_take(t, event, package, "sip:101@example.com", "101", now);    after asking who it is
 *     pbx_subscriptions_changed(t, watched, now);                                        there is news of it
 *     while (pbx_subscriptions_next(t, &step, now))
 *             PBX_STEP_WATCH     the first subscription of step.watched: fetch its state, then _changed
 *             PBX_STEP_NOTIFY    write the document for step.subscription and give it to pbx_subscription_notify
 *             PBX_STEP_LOST      its way is gone: find a new one, pbx_subscription_found
 *             PBX_STEP_UNWATCH   the last one has gone: step.watched->state is freed after this step
 *
 * A SUBSCRIBE is answered 200 at once, and its NOTIFY follows as soon as the state is there. Changes are told at
 * the package's pace: what happens meanwhile is told together. One NOTIFY of a subscription is under way at a time.
 * It ends when its time is over, when it is unsubscribed (Expires: 0, which is also how state is fetched once), or when
 * a NOTIFY is answered 481 or the like (4.2.2), otherwise refused several times; silence makes it lost until there is a
 * way again.
 *
 * Bounds: PBX_SUBSCRIPTIONS_MAX, and PBX_SUBSCRIPTIONS_OF_MAX of one watcher (answers: 503, 403 with a Warning).
 * Memory: opaque; what a step points to is valid until the next call. Thread: its owner's.
 */
#ifndef PBX_SUBSCRIPTION_H
#define PBX_SUBSCRIPTION_H

#include "base/log.h"
#include "base/map.h"
#include "sip/dialog.h"
#include "sip/stack.h"

#define PBX_SUBSCRIPTIONS_MAX    20000
#define PBX_SUBSCRIPTIONS_OF_MAX 50

/* What the stack says of our NOTIFYs bears this, which is no handle of anything that lives: those have bit 32
 * (base/slab). Never 0. Doing it twice undoes it. */
static inline uint64_t pbx_subscription_cookie(handle subscription)
{
	return subscription ^ (1ull << 32 | 1ull << 31);
}
static inline bool pbx_subscription_is_cookie(uint64_t cookie)
{
	return cookie && !(cookie >> 32 & 1);
}

struct pbx_package {
	str name;                                           /* "reg" */
	str content_type;                                   /* of its documents */
	uint32_t expires_min, expires_default, expires_max; /* seconds */
	usec pace;                                          /* between two NOTIFYs of a subscription, at least */
	void (*free_state)(void *state);                    /* of what was watched; of NULL too */
};

/* What is watched, by one or by many. */
struct pbx_watched {
	struct map_node node;           /* private, and so is the rest but for package, name, state */
	struct pbx_subscription *first; /* of those who watch it */
	struct pbx_watched *news;       /* the next that has a step to say */
	bool said, ready, listed;
	const struct pbx_package *package;
	str name;    /* "sip:101@example.com" */
	void *state; /* the package's */
	char text[];
};

struct pbx_subscription; /* private */

enum pbx_step_kind { PBX_STEP_WATCH = 1, PBX_STEP_NOTIFY, PBX_STEP_LOST, PBX_STEP_UNWATCH };

struct pbx_step {
	enum pbx_step_kind kind;
	struct pbx_watched *watched;
	handle subscription; /* NOTIFY, LOST */
	uint64_t seen;       /* NOTIFY: what pbx_subscription_notify was told last; 0: nothing yet: full state */
	uint32_t version;    /* NOTIFY: how many went before */
	bool full;           /* NOTIFY: the subscriber wants all, it has just (re)subscribed */
	str target;          /* LOST: the URI of the far side's Contact */
};

struct pbx_subscriptions;

/* `worker`: whose stack it is. NULL: no memory. */
struct pbx_subscriptions *pbx_subscriptions_new(struct sip_stack *, uint16_t worker, struct rng *, const struct log *);
void pbx_subscriptions_free(struct pbx_subscriptions *);

/* Is this SUBSCRIBE within a dialog of ours? */
bool pbx_subscriptions_has(const struct pbx_subscriptions *, struct sip_msg *);
/* What it is about, where it is. NULL: no such dialog. */
const struct pbx_watched *pbx_subscriptions_of(const struct pbx_subscriptions *, struct sip_msg *);
/*
 * Takes a SUBSCRIBE, new or of a dialog (then package, resource and watcher are not looked at), and answers it: 200, or
 * 423 too brief, 406 it does not take our documents, 481 no such dialog, 489 another event than the dialog's, 400, 403,
 * 500, 503. Returns that status.
 * `watcher`: who it is, for the bound. `contact`: our URI there, "sip:192.0.2.1:5060".
 */
int pbx_subscriptions_take(struct pbx_subscriptions *, const struct sip_event *, const struct pbx_package *,
			   str resource, str watcher, str contact, usec now);
/* RESPONSE, TIMEOUT, UNREACHABLE with a cookie of ours. */
void pbx_subscriptions_recv(struct pbx_subscriptions *, const struct sip_event *, usec now);

/* NULL: nobody watches it. */
struct pbx_watched *pbx_subscriptions_find(const struct pbx_subscriptions *, const struct pbx_package *, str resource);
/* There is news of it, or its state is there now. */
void pbx_subscriptions_changed(struct pbx_subscriptions *, struct pbx_watched *, usec now);
bool pbx_subscriptions_next(struct pbx_subscriptions *, struct pbx_step *, usec now);
/* The document (may be empty: no body); `seen` comes back with the next step. Harmless where it has gone. */
void pbx_subscription_notify(struct pbx_subscriptions *, handle subscription, uint64_t seen, str body, usec now);
/* LOST: its way now; transport 0: none is known, it stays lost until there is news, a SUBSCRIBE, or its end. */
void pbx_subscription_found(struct pbx_subscriptions *, handle subscription, const struct flow *, usec now);
/* Ends all of one watched thing: the last NOTIFY says terminated with this reason ("noresource", "rejected", ..). */
void pbx_subscriptions_end(struct pbx_subscriptions *, struct pbx_watched *, str reason, usec now);

/* When pbx_subscriptions_next has something to say without being told anything. */
usec pbx_subscriptions_due(const struct pbx_subscriptions *);

struct pbx_subscriptions_stats {
	uint64_t taken, refused, notified, failed;
	uint32_t now, watched;
};
void pbx_subscriptions_stats(const struct pbx_subscriptions *, struct pbx_subscriptions_stats *out);

#endif
