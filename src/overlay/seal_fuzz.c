/* A sealed body: as bytes of a stranger's, and as what an insider put into a letter that opens. */
#include "overlay/seal.h"

#include "crypt/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct overlay_essentials essentials = { .method = STR_INIT("INVITE"), .cseq = 1 };
	static const uint8_t authority[OVERLAY_KEY_N] = { 1 };
	/* SHA-256 of the essentials above: direction, method, three empty texts, CSeq. */
	static const char list[] = "\1\0\1\1\2\0\6INVITE\3\0\0\4\0\0\5\0\0\6\0\4\0\0\0\1";
	str s = str_of((const char *)data, n);
	struct overlay_letter letter;
	struct buf clear, sealed;
	struct box_pair mine;
	uint8_t digest[32], hint[32];
	struct rng rng;

	rng_seeded(&rng, 1);
	box_new(&mine, &rng);
	buf_init_grow(&clear, 200000);
	buf_init_grow(&sealed, 200000);
	(void)!overlay_open(s, &essentials, &mine, STR("net.example"), authority, 0, &clear, &letter);
	if (digest_once(DIGEST_SHA256, str_of(list, sizeof(list) - 1), digest) == ERR_NONE &&
	    digest_once(DIGEST_SHA256, str_of((const char *)mine.key, 32), hint) == ERR_NONE) {
		buf_put_u8(&sealed, 1);
		buf_put_bytes(&sealed, hint, 8);
		if (box_seal(mine.key, STR("overlay sip body"), str_of((const char *)digest, 32), s, &rng, &sealed) ==
		    ERR_NONE)
			(void)!overlay_open(buf_str(&sealed), &essentials, &mine, STR("net.example"), authority, 0,
					    &clear, &letter);
	}
	buf_free(&clear);
	buf_free(&sealed);
	return 0;
}
