/*
 * cmd/phone_say.h - what the scriptable phone says: lines for people, or one JSON object a line.
 *
 * Events: ready, down, incoming, calling, ringing, answered, media, held, resumed, digit, text, refer, transfer,
 * replaces, ended; message, sent. Every JSON line has "event" first and "time", seconds since 1970. Each line is
 * flushed at once.
 */
#ifndef CMD_PHONE_SAY_H
#define CMD_PHONE_SAY_H

#include "call/agent.h"

struct phone_say {
	bool json;
};

void phone_say_agent(const struct phone_say *, const struct agent_event *, usec now);
void phone_say_calling(const struct phone_say *, str target, usec now);
void phone_say_call(const struct phone_say *, const struct call_event *, usec now);
/* MESSAGE and SENT. */
void phone_say_letter(const struct phone_say *, const struct agent_event *, usec now);
/* One JSON object about a finished call, for --stats. */
void phone_say_stats(const struct call_facts *, struct buf *out);
/* "tandem phone: ..." on standard error, and an event "ended" without a call where JSON is wanted. */
void phone_say_failed(const struct phone_say *, enum call_cause, str text, usec now);

#endif
