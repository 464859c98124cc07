#include "base/str.h"

#include "base/test.h"

static void numbers_stop_at_their_bound(void **state)
{
	uint32_t value = 7;

	(void)state;
	assert_true(str_u32(STR("4294967295"), UINT32_MAX, &value));
	assert_int_equal(value, 4294967295u);
	assert_false(str_u32(STR("4294967296"), UINT32_MAX, &value));
	assert_false(str_u32(STR("11"), 10, &value));
	assert_false(str_u32(STR("9"), 8, &value));
	assert_false(str_u32(STR(""), 10, &value));
	assert_false(str_u32(STR("1x"), 10, &value));
	assert_int_equal(value, 4294967295u);
}

static void takers_leave_everything_as_it_was_when_they_fail(void **state)
{
	str rest = STR("  12ab"), before = rest, out = STR("kept");
	uint32_t value = 7;

	(void)state;
	assert_false(str_take_token(&rest, &out));
	assert_false(str_take_u32(&rest, 100, &value));
	assert_false(str_take(&rest, STR("x")));
	assert_ptr_equal(rest.p, before.p);
	assert_str(out, "kept");
	assert_true(str_take_space(&rest));
	assert_false(str_take_u32(&rest, 11, &value));
	assert_str(rest, "12ab");
	assert_true(str_take_u32(&rest, 12, &value));
	assert_int_equal(value, 12);
	assert_true(str_take_token(&rest, &out));
	assert_str(out, "ab");
	assert_int_equal(rest.n, 0);
}

static void token_characters_are_those_of_rfc3261_25_1(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		bool alphanum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		bool mark = c && strchr("-.!%*_+`'~", c);

		assert_int_equal(str_is_token_char((unsigned char)c), alphanum || mark);
	}
}

static void finding_and_splitting(void **state)
{
	str head, tail;

	(void)state;
	assert_int_equal(str_find(STR("aabaabaaa"), STR("aabaaa")), 3);
	assert_int_equal(str_find(STR("aab"), STR("ab")), 1);
	assert_int_equal(str_find(STR("aab"), STR("c")), 3);
	assert_int_equal(str_find(STR("a"), STR("aa")), 1);
	assert_int_equal(str_find(STR("abc"), STR("")), 0);
	assert_int_equal(str_find(STR_NONE, STR("a")), 0);
	assert_true(str_split(STR("a;b;c"), ';', &head, &tail));
	assert_str(head, "a");
	assert_str(tail, "b;c");
	assert_false(str_split(STR("abc"), ';', &head, &tail));
	assert_str(head, "abc");
	assert_int_equal(tail.n, 0);
	assert_str(str_trim(STR(" \r\n\ta b\t ")), "a b");
	assert_int_equal(str_trim(STR(" \t ")).n, 0);
	assert_true(str_ends(STR("abc"), STR("bc")));
	assert_false(str_ends(STR("c"), STR("bc")));
}

static void case_is_folded_for_ascii_only(void **state)
{
	(void)state;
	assert_true(str_eq_nocase(STR("Call-ID"), STR("cALL-id")));
	assert_false(str_eq_nocase(STR("["), STR("{")));
	assert_false(str_eq_nocase(STR("\xc3\x84"), STR("\xc3\xa4")));
	assert_true(str_compare(STR("ab"), STR("abc")) < 0);
	assert_true(str_compare(STR("b"), STR("abc")) > 0);
	assert_int_equal(str_compare(STR("b"), STR("b")), 0);
}

/* The empty input under key 00..0f, as published for SipHash-1-3 (Rust's std uses the same). */
static void hash_is_siphash_1_3(void **state)
{
	static const uint64_t key[2] = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };

	(void)state;
	assert_true(str_hash(STR(""), key) == 0xabac0158050fc4dcu);
}

static void hash_is_of_all_its_bytes_and_of_no_others(void **state)
{
	static const uint64_t key[2] = { 1, 2 };
	char here[40], there[40];

	(void)state;
	for (size_t n = 0; n <= 24; n++) {
		memset(here, 'x', sizeof(here));
		memset(there, 'y', sizeof(there));
		for (size_t i = 0; i < n; i++)
			here[8 + i] = there[9 + i] = (char)('a' + i);
		uint64_t hash = str_hash(str_of(here + 8, n), key);

		assert_true(hash == str_hash(str_of(there + 9, n), key));
		for (size_t i = 0; i < n; i++) {
			there[9 + i]++;
			assert_true(hash != str_hash(str_of(there + 9, n), key));
			there[9 + i]--;
		}
	}
}

static void hash_folds_case_like_the_comparison(void **state)
{
	static const uint64_t key[2] = { 1, 2 };
	char upper[64], lower[64];

	(void)state;
	for (int c = 0; c < 256; c++) {
		for (size_t n = 1; n < 20; n += 9) {
			memset(upper, c, n);
			memset(lower, str_lower((char)c), n);
			assert_true(str_hash_nocase(str_of(upper, n), key) == str_hash(str_of(lower, n), key));
		}
	}
	assert_true(str_hash(STR("ab"), key) != str_hash(STR("aB"), key));
}

static void copies_end_in_nul_and_say_when_they_cut(void **state)
{
	char out[4];

	(void)state;
	assert_true(str_copy_z(STR("abc"), out, sizeof(out)));
	assert_string_equal(out, "abc");
	assert_false(str_copy_z(STR("abcd"), out, sizeof(out)));
	assert_string_equal(out, "abc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_stop_at_their_bound),
		cmocka_unit_test(takers_leave_everything_as_it_was_when_they_fail),
		cmocka_unit_test(token_characters_are_those_of_rfc3261_25_1),
		cmocka_unit_test(finding_and_splitting),
		cmocka_unit_test(case_is_folded_for_ascii_only),
		cmocka_unit_test(hash_is_siphash_1_3),
		cmocka_unit_test(hash_is_of_all_its_bytes_and_of_no_others),
		cmocka_unit_test(hash_folds_case_like_the_comparison),
		cmocka_unit_test(copies_end_in_nul_and_say_when_they_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
