#include "base/log.h"

#include "base/test.h"

static char said[2048];
static size_t said_n;

static void sink(void *self, enum log_level level, str event, str fields)
{
	(void)self;
	(void)level;
	(void)event;
	assert_true(fields.n < sizeof(said));
	memcpy(said, fields.p, fields.n);
	said_n = fields.n;
}

static const struct log it = { .level = LOG_DEBUG, .sink = sink };
#define SAYS(want, ...)                                                                                                \
	do {                                                                                                           \
		log_info(&it, "e", __VA_ARGS__);                                                                       \
		assert_str(str_of(said, said_n), want);                                                                \
	} while (0)

static void plain_values_are_bare(void **state)
{
	(void)state;
	SAYS("a=b n=-5 u=7 z=9 l=123456789012 x=00ff", "a=%s n=%d u=%u z=%zu l=%lld x=%04x", "b", -5, 7u, (size_t)9,
	     123456789012LL, 255u);
	SAYS("uri=sip:101@acme;x=y", "uri=" STR_FMT, STR_ARG(STR("sip:101@acme;x=y")));
	SAYS("at=1/2", "at=%d/%d", 1, 2);
	SAYS("word a=1", "word a=%d", 1);
}

static void others_are_quoted_whether_or_not_the_format_does(void **state)
{
	(void)state;
	SAYS("why=\"two words\"", "why=%s", "two words");
	SAYS("why=\"two words\" n=1", "why=\"%s\" n=%d", "two words", 1);
	SAYS("why=one", "why=\"%s\"", "one");
	SAYS("why=\"\" n=1", "why=%s n=1", "");
	SAYS("why=\"a\\\"b\\\\c\\x0a\\xff\"", "why=%s", "a\"b\\c\n\xff");
}

static void a_stranger_cannot_forge_a_field(void **state)
{
	static const char evil[] = "x\" status=200 call=other \x1b[2J\r\n2026 error fire";
	char room[300];
	struct buf value;
	str rest, key;
	(void)state;
	log_info(&it, "e", "user=%s status=%d", evil, 403);
	rest = str_of(said, said_n);
	buf_init(&value, room, sizeof(room));
	assert_true(log_field_next(&rest, &key, &value));
	assert_str(key, "user");
	assert_str(buf_str(&value), evil);
	assert_true(log_field_next(&rest, &key, &value));
	assert_str(key, "status");
	assert_str(buf_str(&value), "403");
	assert_false(log_field_next(&rest, &key, &value));
	for (size_t i = 0; i < said_n; i++)
		assert_true(said[i] >= ' ' && said[i] < 0x7f);
}

static void a_long_value_is_cut_and_the_others_stay(void **state)
{
	char text[5000], room[400];
	struct buf value;
	str rest, key;
	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		memset(text, kind ? '\x01' : 'a', sizeof(text) - 1);
		text[sizeof(text) - 1] = 0;
		log_info(&it, "e", "call=%s user=%s n=%d", "c1", text, 5);
		assert_true(said_n <= 1000);
		rest = str_of(said, said_n);
		buf_init(&value, room, sizeof(room));
		assert_true(log_field_next(&rest, &key, &value));
		assert_str(buf_str(&value), "c1");
		assert_true(log_field_next(&rest, &key, &value));
		assert_true(value.n >= 200 && value.n <= 300);
	}
	log_info(&it, "e", "a=%s b=%s c=%s d=%s e=%s", text, text, text, text, text);
	rest = str_of(said, said_n);
	while (log_field_next(&rest, &key, &value))
		assert_int_equal(key.n, 1);
}

static void a_text_that_is_not_ended_is_read_as_far_as_it_goes(void **state)
{
	char room[8];
	struct buf value;
	str rest = STR("a=\"x\\"), key;
	(void)state;
	buf_init(&value, room, sizeof(room));
	assert_true(log_field_next(&rest, &key, &value));
	assert_str(buf_str(&value), "x\\");
	assert_false(log_field_next(&rest, &key, &value));
	rest = STR("word a= b=123456789");
	assert_true(log_field_next(&rest, &key, &value));
	assert_str(key, "word");
	assert_true(log_field_next(&rest, &key, &value));
	assert_true(log_field_next(&rest, &key, &value));
	assert_str(buf_str(&value), "12345678");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_values_are_bare),
		cmocka_unit_test(others_are_quoted_whether_or_not_the_format_does),
		cmocka_unit_test(a_stranger_cannot_forge_a_field),
		cmocka_unit_test(a_long_value_is_cut_and_the_others_stay),
		cmocka_unit_test(a_text_that_is_not_ended_is_read_as_far_as_it_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
