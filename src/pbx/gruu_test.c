#include "pbx/gruu.h"

#include "base/test.h"

#define NOW (1700000000 * USEC_PER_SEC)

static struct rng rng;
static struct pbx_gruus *gruus;

static struct contact_record row(const char *instance, const char *call_id, uint32_t reg_id, int age_s)
{
	return (struct contact_record){ .aor = STR("sip:101@example.com"),
					.uri = STR("sip:101@192.0.2.1"),
					.instance = str_from(instance),
					.call_id = str_from(call_id),
					.reg_id = reg_id,
					.registered = NOW - 1000 * USEC_PER_SEC,
					.updated = NOW - age_s * USEC_PER_SEC };
}

#define PHONE "\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\""
#define OTHER "\"<urn:uuid:00000000-7dec-11d0-a765-00a0c91e6bf6>\""

static str written(const struct contact_record *r, bool temporary, char *text)
{
	struct buf b;

	buf_init(&b, text, PBX_GRUU_MAX);
	if (temporary)
		pbx_gruu_write_temporary(gruus, r, NOW, &b);
	else
		pbx_gruu_write_public(r, &b);
	assert_true(buf_ok(&b));
	return buf_str(&b);
}

static enum err read(str text, struct pbx_gruu *out, char *name)
{
	struct sip_uri uri;
	struct buf b;
	enum err err;

	assert_int_equal(sip_uri_parse(text, &uri), ERR_NONE);
	assert_true(pbx_gruu_is(&uri));
	buf_init(&b, name, USER_NAME_MAX);
	err = pbx_gruu_read(gruus, &uri, out, &b);
	name[b.n] = '\0';
	return err;
}

static void a_public_gruu_is_the_address_with_the_instance(void **state)
{
	struct contact_record r = row(PHONE, "c", 0, 0), rows[2];
	char text[PBX_GRUU_MAX], name[USER_NAME_MAX + 1];
	struct pbx_gruu g;

	(void)state;
	assert_str(written(&r, false, text), "sip:101@example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
	assert_int_equal(read(buf_str(&(struct buf){ .p = text, .n = strlen("sip:101@example.com;gr=urn:uuid:") + 36 }),
			      &g, name),
			 ERR_NONE);
	assert_string_equal(name, "101");
	assert_false(g.temporary);
	rows[0] = row(OTHER, "c", 0, 0);
	rows[1] = r;
	assert_int_equal(pbx_gruu_pick(&g, rows, 2), 1);
	assert_str(rows[0].instance, PHONE);
	/* the case of a URN does not count, an odd instance is escaped */
	assert_int_equal(read(STR("sip:101@example.com;gr=URN:UUID:F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"), &g, name),
			 ERR_NONE);
	assert_int_equal(pbx_gruu_pick(&g, rows, 1), 1);
	r.instance = STR("\"a;b=c d?@\"");
	r.aor = STR("sip:a b@example.com");
	assert_false(pbx_gruu_may(&r));
	r.instance = STR("\"a;b=c%d?@\"");
	assert_true(pbx_gruu_may(&r));
	assert_str(written(&r, false, text), "sip:a%20b@example.com;gr=a%3Bb%3Dc%25d%3F%40");
	assert_int_equal(read(STR("sip:a%20b@example.com;gr=a%3Bb%3Dc%25d%3F%40"), &g, name), ERR_NONE);
	rows[0] = r;
	assert_int_equal(pbx_gruu_pick(&g, rows, 1), 1);
	assert_string_equal(name, "a b");
}

static void a_temporary_one_tells_a_stranger_nothing(void **state)
{
	struct contact_record r = row(PHONE, "c", 0, 0), longer = r;
	char one[PBX_GRUU_MAX], two[PBX_GRUU_MAX], three[PBX_GRUU_MAX];
	str a = written(&r, true, one), b = written(&r, true, two), c;

	(void)state;
	assert_false(str_eq(a, b));
	assert_true(str_find(a, STR("101")) == a.n || str_find(b, STR("101")) == b.n); /* by chance in one of them */
	longer.aor = STR("sip:10123@example.com");
	c = written(&longer, true, three);
	assert_int_equal(a.n, c.n);
}

static void a_temporary_one_is_good_while_its_registration_lasts(void **state)
{
	struct contact_record r = row(PHONE, "c1", 0, 0), rows[1];
	char text[PBX_GRUU_MAX], name[USER_NAME_MAX + 1];
	str gruu = written(&r, true, text);
	struct pbx_gruu g;

	(void)state;
	assert_int_equal(read(gruu, &g, name), ERR_NONE);
	assert_string_equal(name, "101");
	rows[0] = r;
	assert_int_equal(pbx_gruu_pick(&g, rows, 1), 1);
	rows[0].call_id = STR("c2"); /* section 5.4 */
	assert_int_equal(pbx_gruu_pick(&g, rows, 1), 0);
	rows[0] = r;
	rows[0].registered = NOW + USEC_PER_SEC; /* was gone, and came back */
	assert_int_equal(pbx_gruu_pick(&g, rows, 1), 0);
	rows[0] = row(OTHER, "c1", 0, 0);
	assert_int_equal(pbx_gruu_pick(&g, rows, 1), 0);
}

static void any_change_to_a_temporary_one_is_forgery(void **state)
{
	struct contact_record r = row(PHONE, "c1", 0, 0);
	char text[PBX_GRUU_MAX], name[USER_NAME_MAX + 1];
	str gruu = written(&r, true, text);
	size_t end = str_find_char(gruu, '@');
	struct pbx_gruu g;

	(void)state;
	for (size_t i = 10; i < end; i++) {
		char was = text[i];

		text[i] = was == 'A' ? 'B' : 'A';
		/* the last letter may hold bits that mean nothing */
		assert_true(read(gruu, &g, name) == ERR_FORGED || i == end - 1);
		text[i] = was;
	}
	text[end + 1] = 'x'; /* another domain's */
	assert_int_equal(read(gruu, &g, name), ERR_FORGED);
	assert_int_equal(read(STR("sip:tgruu.@example.com;gr"), &g, name), ERR_FORGED);
	assert_int_equal(read(STR("sip:tgruu.AAAA@example.com;gr"), &g, name), ERR_FORGED);
	assert_int_equal(read(STR("sip:101@example.com;gr"), &g, name), ERR_FORGED);
}

/* RFC 5627 6.1 */
static void ways_to_an_instance_come_newest_first(void **state)
{
	struct contact_record r = row(PHONE, "c", 1, 0), rows[4];
	char text[PBX_GRUU_MAX], name[USER_NAME_MAX + 1];
	str temporary;
	struct pbx_gruu g;

	(void)state;
	assert_int_equal(read(written(&r, false, text), &g, name), ERR_NONE);
	rows[0] = row(PHONE, "c", 1, 30);
	rows[1] = row(OTHER, "c", 1, 1);
	rows[2] = row(PHONE, "c", 2, 10);
	assert_int_equal(pbx_gruu_pick(&g, rows, 3), 2);
	assert_int_equal(rows[0].reg_id, 2);
	assert_int_equal(rows[1].reg_id, 1);
	rows[0] = row(PHONE, "old", 0, 30);
	rows[1] = row(PHONE, "new", 0, 10);
	assert_int_equal(pbx_gruu_pick(&g, rows, 2), 2);
	assert_str(rows[0].call_id, "new");
	/* 5.1: what the phone was under its former Call-ID does not count, though that is bound yet */
	rows[0] = r = row(PHONE, "old", 0, 30);
	rows[1] = row(PHONE, "new", 0, 10);
	temporary = written(&r, true, text);
	assert_int_equal(read(temporary, &g, name), ERR_NONE);
	assert_int_equal(pbx_gruu_pick(&g, rows, 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_public_gruu_is_the_address_with_the_instance),
		cmocka_unit_test(a_temporary_one_tells_a_stranger_nothing),
		cmocka_unit_test(a_temporary_one_is_good_while_its_registration_lasts),
		cmocka_unit_test(any_change_to_a_temporary_one_is_forgery),
		cmocka_unit_test(ways_to_an_instance_come_newest_first),
	};
	rng_seeded(&rng, 3);
	gruus = pbx_gruus_new((const uint8_t *)"0123456789abcdef0123456789abcdef", 32, &rng);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	pbx_gruus_free(gruus);
	return failed;
}
