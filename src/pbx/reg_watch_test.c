#include "base/test.h"
#include "pbx/reg_watch.h"

#define AOR STR("sip:102@example.com")
#define NOW (1700000000 * USEC_PER_SEC)

static struct pbx_reg_watch *w;
static struct pbx_reg_report r;

static int setup(void **state)
{
	struct rng rng;

	(void)state;
	rng_seeded(&rng, 1);
	w = pbx_reg_watch_new(&rng);
	assert_non_null(w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pbx_reg_watch_free(w);
	return 0;
}

static struct contact_record row(const char *key, const char *uri, usec updated)
{
	return (struct contact_record){ .aor = AOR,
					.key = str_from(key),
					.uri = str_from(uri),
					.updated = NOW + updated,
					.expires = NOW + 100 * USEC_PER_SEC };
}

static bool compared(const struct contact_record *rows, size_t n, usec now)
{
	return pbx_reg_watch_compare(w, AOR, rows, n, PBX_REG_UNREGISTERED, now, &r);
}

static void what_is_new_refreshed_and_gone_is_seen_by_comparing(void **state)
{
	struct contact_record rows[] = { row("a", "sip:a", 0), row("b", "sip:b", 0) };

	(void)state;
	assert_false(compared(rows, 2, NOW)); /* nobody watches */
	assert_int_equal(pbx_reg_watch_add(w, AOR, 3), ERR_NONE);
	assert_true(compared(rows, 2, NOW));
	assert_true(r.news && r.n == 2 && r.workers == 8 && r.what[0] == PBX_REG_REGISTERED);
	assert_int_equal(pbx_reg_watch_note(w, AOR, rows, 2), ERR_NONE);
	assert_true(compared(rows, 2, NOW));
	assert_true(!r.news && r.what[0] == PBX_REG_SAME);
	rows[0].updated++;
	assert_true(compared(rows, 1, NOW));
	assert_true(r.news && r.n == 2 && r.what[0] == PBX_REG_REFRESHED && r.what[1] == PBX_REG_UNREGISTERED);
	assert_str(r.rows[1].uri, "sip:b");
	assert_true(compared(rows, 1, NOW + 100 * USEC_PER_SEC));
	assert_int_equal(r.what[1], PBX_REG_EXPIRED);
}

/* RFC 3680 5.1: over the same flow another URI is another contact; the former is gone. */
static void a_phone_that_moves_is_another_contact(void **state)
{
	struct contact_record before = row("<urn:uuid:1>;reg-id=1", "sip:a@192.0.2.1:1000", 0),
			      after = row("<urn:uuid:1>;reg-id=1", "sip:a@192.0.2.1:2000", 1);

	(void)state;
	assert_int_equal(pbx_reg_watch_add(w, AOR, 0), ERR_NONE);
	assert_int_equal(pbx_reg_watch_note(w, AOR, &before, 1), ERR_NONE);
	assert_true(compared(&after, 1, NOW));
	assert_int_equal(r.n, 2);
	assert_true(r.what[0] == PBX_REG_REGISTERED && r.what[1] == PBX_REG_UNREGISTERED);
	assert_str(r.rows[1].uri, "sip:a@192.0.2.1:1000");
}

static void contacts_are_due_when_they_expire(void **state)
{
	struct contact_record rows[] = { row("a", "sip:a", 0) };
	char text[PBX_AOR_MAX];

	(void)state;
	assert_int_equal(pbx_reg_watch_add(w, AOR, 0), ERR_NONE);
	assert_int_equal(pbx_reg_watch_note(w, AOR, rows, 1), ERR_NONE);
	assert_int_equal(pbx_reg_watch_due(w), rows[0].expires);
	assert_int_equal(pbx_reg_watch_take(w, NOW, text).n, 0);
	assert_str(pbx_reg_watch_take(w, rows[0].expires, text), "sip:102@example.com");
	pbx_reg_watch_drop(w, AOR, 0);
	assert_int_equal(pbx_reg_watch_n(w), 0);
	assert_int_equal(pbx_reg_watch_add(w, AOR, PBX_REG_WATCH_WORKERS), ERR_LIMIT);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_new_refreshed_and_gone_is_seen_by_comparing),
		T(a_phone_that_moves_is_another_contact),
		T(contacts_are_due_when_they_expire),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
