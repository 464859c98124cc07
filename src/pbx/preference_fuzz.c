#include "pbx/preference.h"

#include <stdlib.h>

/* First line: a contact's parameters; the rest: header lines of a request. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char head[] = "INVITE sip:a@b SIP/2.0\r\n";
	str all = str_of((const char *)data, n), params, lines;
	struct sip_msg *m;
	char *text;
	int score;

	(void)str_split(all, '\n', &params, &lines);
	text = malloc(sizeof(head) + lines.n + 4);
	if (!text)
		return 0;
	memcpy(text, head, sizeof(head) - 1);
	if (lines.n)
		memcpy(text + sizeof(head) - 1, lines.p, lines.n);
	memcpy(text + sizeof(head) - 1 + lines.n, "\r\n\r\n", 4);
	m = sip_msg_new(str_of(text, sizeof(head) + 3 + lines.n));
	free(text);
	if (!m)
		return 0;
	(void)pbx_preference_wishes(m);
	(void)pbx_preference_given(m);
	(void)pbx_preference_speaks(m, params);
	score = pbx_preference_score(m, params);
	if (score < PBX_PREFERENCE_REJECTED || score > PBX_PREFERENCE_BEST)
		abort();
	sip_msg_free(m);
	return 0;
}
