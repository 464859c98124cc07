#include "call/media_ask.h"

#include <stdlib.h>

/* The keys inside must not stay in freed memory, and the compiler must not know better. */
static void wipe(void *p, size_t n)
{
	volatile unsigned char *at = p;

	while (n--)
		*at++ = 0;
}

struct media_ask *media_ask_new(enum media_ask_kind kind, uint32_t stream)
{
	struct media_ask *ask = calloc(1, sizeof(*ask));

	if (ask) {
		ask->kind = kind;
		ask->stream = stream;
	}
	return ask;
}

struct media_answer *media_answer_new(enum media_answer_kind kind, uint32_t stream)
{
	struct media_answer *answer = calloc(1, sizeof(*answer));

	if (answer) {
		answer->kind = kind;
		answer->stream = stream;
	}
	return answer;
}

void media_ask_free(struct media_ask *ask)
{
	if (ask)
		wipe(ask, sizeof(*ask));
	free(ask);
}

void media_answer_free(struct media_answer *answer)
{
	if (answer)
		wipe(answer, sizeof(*answer));
	free(answer);
}

str media_security_name(enum sdp_security security)
{
	switch (security) {
	case SDP_SDES:
		return STR("SDES-SRTP");
	case SDP_DTLS:
		return STR("DTLS-SRTP");
	case SDP_PLAIN:
		break;
	}
	return STR("plaintext");
}
