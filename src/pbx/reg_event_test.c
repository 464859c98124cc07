#include "pbx/reg_event.h"

#include "base/test.h"

#include <stdio.h>

#define NOW (1700000000 * USEC_PER_SEC)

static char text[20000];

static struct contact_record row(const char *key, usec updated)
{
	return (struct contact_record){ .aor = STR("sip:101@example.com"),
					.key = str_from(key),
					.uri = str_from(key),
					.call_id = STR("c"),
					.cseq = 7,
					.q = 500,
					.registered = NOW,
					.updated = NOW + updated,
					.expires = NOW + 100 * USEC_PER_SEC };
}

static const char *written(const struct pbx_reg_state *s, uint64_t seen)
{
	struct buf b;

	buf_init(&b, text, sizeof(text));
	pbx_reg_event_write(s, STR("sip:101@example.com"), seen, 3, NULL, NOW + 10 * USEC_PER_SEC, &b);
	buf_put_char(&b, '\0');
	assert_true(buf_ok(&b));
	return text;
}

static bool has(const char *part)
{
	return strstr(text, part) != NULL;
}

static void full_state_is_what_is_there_and_partial_state_what_has_changed(void **state)
{
	struct contact_record rows[3] = { row("sip:a", 0), row("sip:b", 1) };
	uint8_t what[3] = { PBX_REG_REGISTERED, PBX_REG_SAME };
	struct pbx_reg_state *s = pbx_reg_state_new(NULL, rows, what, 2);
	uint64_t first, second;

	(void)state;
	first = pbx_reg_state_seen(s);
	written(s, 0);
	assert_true(has("version=\"3\" state=\"full\"") && has("<uri>sip:a</uri>") && has("<uri>sip:b</uri>"));
	assert_true(has("event=\"refreshed\"") && has("event=\"registered\"")); /* b was, before anybody watched */
	assert_true(has("duration-registered=\"10\" expires=\"90\" q=\"0.500\" callid=\"c\" cseq=\"7\""));
	/* b goes, c comes */
	rows[1] = row("sip:c", 0);
	rows[2] = row("sip:b", 1);
	what[0] = PBX_REG_SAME;
	what[1] = PBX_REG_REGISTERED;
	what[2] = PBX_REG_UNREGISTERED;
	s = pbx_reg_state_new(s, rows, what, 3);
	second = pbx_reg_state_seen(s);
	written(s, first);
	assert_true(has("state=\"partial\"") && !has("sip:a<") && has("sip:c<"));
	assert_true(has("state=\"terminated\" event=\"unregistered\"") && has("sip:b<"));
	written(s, 0);
	assert_true(has("sip:a<") && has("sip:c<") && !has("sip:b<")); /* a full one has what is there */
	/* 4.7.1, 5.1: what is gone expires no more */
	written(s, first);
	assert_null(strstr(strstr(text, "event=\"unregistered\""), "expires="));
	/* all go; who has seen the first only learns of all at once */
	rows[0] = row("sip:a", 0);
	rows[1] = row("sip:c", 0);
	what[0] = PBX_REG_EXPIRED;
	what[1] = PBX_REG_DEACTIVATED;
	s = pbx_reg_state_new(s, rows, what, 2);
	written(s, first);
	assert_true(has("event=\"expired\"") && has("event=\"deactivated\"") && has("event=\"unregistered\""));
	written(s, second);
	assert_true(!has("event=\"unregistered\"") && has("\" state=\"terminated\">\n"));
	written(s, 0); /* for who comes now it never was */
	assert_true(has("\" state=\"init\">\n") && !has("<contact"));
	/* and one comes back: it is not gone any more */
	what[0] = PBX_REG_REGISTERED;
	s = pbx_reg_state_new(s, rows, what, 1);
	written(s, first);
	assert_true(has("event=\"registered\"") && !has("event=\"expired\"") && has("event=\"deactivated\""));
	pbx_reg_state_free(s);
}

static void nothing_a_phone_says_breaks_out_of_the_document(void **state)
{
	struct contact_record r = row("sip:a", 0);
	uint8_t what = PBX_REG_REGISTERED;
	struct pbx_reg_state *s;

	(void)state;
	r.uri = STR("sip:\"<x>&'\x01\x80@h");
	r.params = STR("+a=\"<!--\";b");
	r.call_id = STR("\"/><contact");
	s = pbx_reg_state_new(NULL, &r, &what, 1);
	written(s, 0);
	assert_true(has("<uri>sip:&quot;&lt;x&gt;&amp;&apos;?\?@h</uri>"));
	assert_true(has("<unknown-param name=\"+a\">&quot;&lt;!--&quot;</unknown-param>"));
	assert_true(has("<unknown-param name=\"b\"></unknown-param>"));
	assert_true(has("callid=\"&quot;/&gt;&lt;contact\""));
	pbx_reg_state_free(s);
}

/* 5.1: "if the URI for two contacts differ, the id attributes for those contacts MUST differ" */
static void another_uri_of_the_same_flow_is_another_contact(void **state)
{
	struct contact_record rows[2] = { row("<urn:uuid:1>;reg-id=1", 0) };
	uint8_t what[2] = { PBX_REG_REGISTERED };
	struct pbx_reg_state *s;
	char id[60];
	uint64_t first;

	(void)state;
	rows[0].uri = STR("sip:a@192.0.2.1:1000");
	s = pbx_reg_state_new(NULL, rows, what, 1);
	first = pbx_reg_state_seen(s);
	written(s, 0);
	snprintf(id, sizeof(id), "%.30s", strstr(text, "<contact id="));
	rows[1] = rows[0];
	rows[0].uri = STR("sip:a@192.0.2.1:2000");
	what[1] = PBX_REG_UNREGISTERED;
	s = pbx_reg_state_new(s, rows, what, 2);
	written(s, first);
	assert_true(has("<uri>sip:a@192.0.2.1:1000</uri>") && has("<uri>sip:a@192.0.2.1:2000</uri>"));
	assert_true(has(id) && has("event=\"registered\"") && has("event=\"unregistered\""));
	written(s, 0);
	assert_true(!has(id) && has("2000"));
	pbx_reg_state_free(s);
}

/* RFC 6140 7.2.1 */
static void the_contact_of_all_numbers_does_not_say_bnc(void **state)
{
	struct contact_record r = row("k", 0);
	uint8_t what = PBX_REG_REGISTERED;
	struct pbx_reg_state *s;

	(void)state;
	r.uri = STR("sip:192.0.2.9:5080;bnc;transport=tcp");
	s = pbx_reg_state_new(NULL, &r, &what, 1);
	written(s, 0);
	assert_true(has("<uri>sip:192.0.2.9:5080;transport=tcp</uri>"));
	pbx_reg_state_free(s);
}

static void nobody_registered_ever_is_init(void **state)
{
	struct pbx_reg_state *s = pbx_reg_state_new(NULL, NULL, NULL, 0);

	(void)state;
	written(s, 0);
	assert_true(has("state=\"init\"") && !has("<contact"));
	pbx_reg_state_free(s);
}

static void what_went_is_remembered_within_bounds(void **state)
{
	struct pbx_reg_state *s = NULL;
	struct contact_record rows[PBX_CONTACTS_MAX];
	uint8_t what[PBX_CONTACTS_MAX];
	char keys[PBX_CONTACTS_MAX][20];

	(void)state;
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < PBX_CONTACTS_MAX; i++) {
			snprintf(keys[i], sizeof(keys[i]), "sip:%d-%d", round, i);
			rows[i] = row(keys[i], 0);
			what[i] = PBX_REG_EXPIRED;
		}
		s = pbx_reg_state_new(s, rows, what, PBX_CONTACTS_MAX);
		assert_non_null(s);
	}
	written(s, 1);
	assert_true(has("sip:9-0<") && has("sip:8-0<") && !has("sip:6-0<"));
	pbx_reg_state_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_state_is_what_is_there_and_partial_state_what_has_changed),
		cmocka_unit_test(nothing_a_phone_says_breaks_out_of_the_document),
		cmocka_unit_test(another_uri_of_the_same_flow_is_another_contact),
		cmocka_unit_test(the_contact_of_all_numbers_does_not_say_bnc),
		cmocka_unit_test(nobody_registered_ever_is_init),
		cmocka_unit_test(what_went_is_remembered_within_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
