#include "pbx/vocabulary.h"

#include "base/test.h"

#include <stdio.h>

static void a_word_is_kept_once_and_strangers_cannot_fill_the_memory(void **state)
{
	struct pbx_vocabulary *v;
	struct rng rng;
	char text[300];

	(void)state;
	rng_seeded(&rng, 1);
	v = pbx_vocabulary_new(&rng);
	const struct pbx_word *first = pbx_vocabulary_put(v, STR("a")), *none = pbx_vocabulary_put(v, STR_NONE);
	assert_non_null(first);
	assert_ptr_not_equal(first, none);
	for (int i = 3; i <= PBX_WORDS_MAX; i++) {
		snprintf(text, sizeof(text), "phone %d", i);
		assert_non_null(pbx_vocabulary_put(v, str_from(text)));
	}
	assert_null(pbx_vocabulary_put(v, STR("one more")));
	assert_ptr_equal(pbx_vocabulary_put(v, STR("a")), first);
	assert_str(pbx_word_str(first), "a");
	assert_str(pbx_word_str(none), "");
	assert_str(pbx_word_str(pbx_vocabulary_put(v, STR("phone 77"))), "phone 77");
	pbx_vocabulary_free(v);

	v = pbx_vocabulary_new(&rng);
	memset(text, 'x', sizeof(text));
	assert_null(pbx_vocabulary_put(v, str_of(text, PBX_WORD_MAX + 1)));
	assert_int_equal(pbx_vocabulary_put(v, str_of(text, PBX_WORD_MAX))->n, PBX_WORD_MAX);
	pbx_vocabulary_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_is_kept_once_and_strangers_cannot_fill_the_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
