#include "media/dtmf.h"

#include <string.h>

#define PAUSE_MS   40
#define END_TIMES  3 /* RFC 4733 2.5.1.4 */
#define VOLUME     10
#define KEY_MS_MIN 40
#define KEY_MS_MAX 6000
#define END_BIT    0x80

static const char keys_in_order[] = "0123456789*#ABCD";

int dtmf_event(char key)
{
	const char *at = key ? strchr(keys_in_order, key >= 'a' && key <= 'd' ? key - 32 : key) : NULL;

	return at ? (int)(at - keys_in_order) : -1;
}

char dtmf_key(int event)
{
	return event >= 0 && event < 16 ? keys_in_order[event] : 0;
}

void dtmf_sender_init(struct dtmf_sender *s, uint32_t clock_hz)
{
	*s = (struct dtmf_sender){ .clock_hz = clock_hz };
}

enum err dtmf_sender_press(struct dtmf_sender *s, str keys, uint16_t key_ms)
{
	if (keys.n > DTMF_QUEUE_N - s->queue_n)
		return ERR_FULL;
	for (size_t i = 0; i < keys.n; i++)
		if (dtmf_event(keys.p[i]) < 0)
			return ERR_SYNTAX;
	if (key_ms < KEY_MS_MIN)
		key_ms = KEY_MS_MIN;
	if (key_ms > KEY_MS_MAX)
		key_ms = KEY_MS_MAX;
	for (size_t i = 0; i < keys.n; i++) {
		s->queue[s->queue_n] = keys.p[i];
		s->key_ms[s->queue_n++] = key_ms;
	}
	return ERR_NONE;
}

static void start_key(struct dtmf_sender *s, uint32_t timestamp)
{
	uint32_t length = s->clock_hz / 1000 * s->key_ms[0];

	s->running = true;
	s->start = timestamp;
	s->sent = 0;
	s->ends = 0;
	s->length =
		length > 0xffff ? 0xffff : length; /* the field's size; longer ones are segments, RFC 4733 2.5.1.3 */
}

static void end_key(struct dtmf_sender *s)
{
	s->running = false;
	s->queue_n--;
	memmove(s->queue, s->queue + 1, s->queue_n);
	memmove(s->key_ms, s->key_ms + 1, s->queue_n * sizeof(s->key_ms[0]));
	s->pause = s->clock_hz / 1000 * PAUSE_MS;
}

bool dtmf_sender_tick(struct dtmf_sender *s, uint32_t timestamp, uint32_t span, struct dtmf_packet *out)
{
	if (!s->running) {
		s->pause = s->pause > span ? s->pause - span : 0;
		if (!s->queue_n || s->pause)
			return false;
		start_key(s, timestamp);
	}
	bool first = s->sent == 0;
	if (s->sent < s->length)
		s->sent = s->length - s->sent > span ? s->sent + span : s->length;
	bool end = s->sent == s->length;
	out->marker = first;
	out->timestamp = s->start;
	out->payload[0] = (uint8_t)dtmf_event(s->queue[0]);
	out->payload[1] = (uint8_t)((end ? END_BIT : 0) | VOLUME);
	out->payload[2] = (uint8_t)(s->sent >> 8);
	out->payload[3] = (uint8_t)s->sent;
	if (end && ++s->ends == END_TIMES)
		end_key(s);
	return true;
}

bool dtmf_sender_is_busy(const struct dtmf_sender *s)
{
	return s->running || s->queue_n;
}

bool dtmf_receive(struct dtmf_receiver *r, uint32_t timestamp, str payload, struct dtmf_press *out)
{
	if (payload.n < DTMF_PAYLOAD_N)
		return false;
	char key = dtmf_key((uint8_t)payload.p[0]);
	bool older = r->heard && (int32_t)(timestamp - r->timestamp) <= 0;
	/* the same event, or one that came late: but a far jump back is a sender that began anew */
	if (!key || (older && (int32_t)(r->timestamp - timestamp) < 48000 * 10))
		return false;
	r->heard = true;
	r->timestamp = timestamp;
	r->event = (uint8_t)payload.p[0];
	out->key = key;
	out->duration = (uint32_t)((uint8_t)payload.p[2] << 8 | (uint8_t)payload.p[3]);
	return true;
}
