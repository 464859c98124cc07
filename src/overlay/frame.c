#include "overlay/frame.h"

#include "overlay/record.h"

enum tag_hello { HELLO_CERTIFICATE = 1, HELLO_PROOF, HELLO_ROLE, HELLO_AGENT };
enum tag_welcome {
	WELCOME_TOKEN = 1,
	WELCOME_OBSERVED,
	WELCOME_TIME,
	WELCOME_KEEPALIVE,
	WELCOME_STUN_PORT,
	WELCOME_SIP_PER_S,
	WELCOME_ADVERTISED,
};
enum tag_login { LOGIN_NETWORK = 1, LOGIN_NAME, LOGIN_PASSWORD, LOGIN_KEY, LOGIN_PROOF };
enum tag_login_ok { LOGIN_OK_CERTIFICATE = 1, LOGIN_OK_TIME };
enum tag_refused { REFUSED_CODE = 1, REFUSED_TEXT, REFUSED_RETRY, REFUSED_TIME };
enum tag_found { FOUND_RECORD = 1, FOUND_KNOWN };
enum tag_renew { RENEW_CERTIFICATE = 1, RENEW_PROOF };

#define AGENT_MAX 64
#define TEXT_MAX  200

/* What each type is: its bound, and which tags must be there (bit n: tag n). */
static const struct kind {
	str name;
	uint16_t bound;
	uint16_t must;
	uint8_t last_tag;
	uint16_t many; /* tags that may repeat */
} kinds[] = {
	[OVERLAY_HELLO] = { STR_INIT("hello"), 1024, 1 << HELLO_CERTIFICATE | 1 << HELLO_PROOF | 1 << HELLO_ROLE, 4,
			    0 },
	[OVERLAY_WELCOME] = { STR_INIT("welcome"), 512, 1 << WELCOME_TOKEN | 1 << WELCOME_TIME, 7, 0 },
	[OVERLAY_LOGIN] = { STR_INIT("login"), 1024, 0x3e, 5, 0 },
	[OVERLAY_LOGIN_OK] = { STR_INIT("login_ok"), 1024, 1 << LOGIN_OK_CERTIFICATE | 1 << LOGIN_OK_TIME, 2, 0 },
	[OVERLAY_REFUSED] = { STR_INIT("refused"), 512, 1 << REFUSED_CODE, 4, 0 },
	[OVERLAY_RENEW] = { STR_INIT("renew"), 1024, 1 << RENEW_CERTIFICATE | 1 << RENEW_PROOF, 2, 0 },
	[OVERLAY_STORE] = { STR_INIT("store"), 1536, 2, 1, 0 },
	[OVERLAY_STORED] = { STR_INIT("stored"), 64, 2, 1, 0 },
	[OVERLAY_FIND] = { STR_INIT("find"), 64, 2, 1, 0 },
	[OVERLAY_FOUND] = { STR_INIT("found"), 8300, 0, 2, 1 << FOUND_RECORD },
	[OVERLAY_SIP] = { STR_INIT("sip"), OVERLAY_BODY_MAX, 0, 0, 0 },
	[OVERLAY_PING] = { STR_INIT("ping"), 64, 0, 0, 0 },
	[OVERLAY_PONG] = { STR_INIT("pong"), 64, 0, 0, 0 },
	[OVERLAY_BYE] = { STR_INIT("bye"), 512, 1 << REFUSED_CODE, 4, 0 },
};

static const struct kind *kind_of(uint8_t type)
{
	return type >= OVERLAY_HELLO && type <= OVERLAY_BYE ? &kinds[type] : NULL;
}

str overlay_frame_name(uint8_t type)
{
	const struct kind *k = kind_of(type);

	return k ? k->name : STR("unknown");
}

enum err overlay_frame_take(str *rest, struct overlay_frame *out)
{
	const uint8_t *p = (const uint8_t *)rest->p;

	if (rest->n < OVERLAY_HEAD_N)
		return ERR_MORE;
	size_t n = (size_t)p[0] << 8 | p[1];
	const struct kind *k = kind_of(p[2]);
	/* A type of a later version may be as long as anything; it is skipped, not kept. */
	if (k && n > k->bound)
		return ERR_LIMIT;
	if (rest->n - OVERLAY_HEAD_N < n)
		return ERR_MORE;
	out->type = p[2];
	out->id = (uint32_t)p[4] << 24 | (uint32_t)p[5] << 16 | (uint32_t)p[6] << 8 | p[7];
	out->body = str_of(rest->p + OVERLAY_HEAD_N, n);
	*rest = str_skip(*rest, OVERLAY_HEAD_N + n);
	return ERR_NONE;
}

/* Where a frame's head goes, to be filled when its body is written. */
static void frame_start(struct buf *b, uint8_t type, uint32_t id)
{
	buf_put_u16(b, 0);
	buf_put_u8(b, type);
	buf_put_u8(b, 0);
	buf_put_u32be(b, id);
}

static void frame_end(struct buf *b, size_t from)
{
	if (!buf_ok(b)) {
		b->n = from;
		return;
	}
	size_t n = b->n - from - OVERLAY_HEAD_N;
	const struct kind *k = kind_of((uint8_t)b->p[from + 2]);
	if (n > (k ? k->bound : OVERLAY_BODY_MAX)) {
		b->n = from;
		b->err = ERR_FULL;
		return;
	}
	b->p[from] = (char)(n >> 8);
	b->p[from + 1] = (char)n;
}

void overlay_frame_write(struct buf *b, uint8_t type, uint32_t id, str body)
{
	size_t from = b->n;

	frame_start(b, type, id);
	buf_put(b, body);
	frame_end(b, from);
}

static bool text_within(str v, size_t max, str *out)
{
	if (v.n > max)
		return false;
	*out = v;
	return true;
}

static bool read_hello(struct overlay_message *m, uint8_t tag, str v)
{
	switch (tag) {
	case HELLO_CERTIFICATE:
		return text_within(v, OVERLAY_CERTIFICATE_MAX, &m->certificate);
	case HELLO_PROOF:
		return overlay_value_bytes(v, m->proof, sizeof(m->proof));
	case HELLO_ROLE:
		return overlay_value_u8(v, &m->role) &&
		       (m->role == OVERLAY_ROLE_NODE || m->role == OVERLAY_ROLE_SUPERNODE);
	default:
		return text_within(v, AGENT_MAX, &m->agent);
	}
}

static bool read_welcome(struct overlay_message *m, uint8_t tag, str v)
{
	switch (tag) {
	case WELCOME_TOKEN:
		return overlay_value_bytes(v, m->token, sizeof(m->token));
	case WELCOME_OBSERVED:
		return overlay_take_addr(&v, &m->observed) && v.n == 0;
	case WELCOME_TIME:
		return overlay_value_time(v, &m->time);
	case WELCOME_KEEPALIVE:
		return overlay_value_u16(v, &m->keepalive_s);
	case WELCOME_STUN_PORT:
		return overlay_value_u16(v, &m->stun_port);
	case WELCOME_SIP_PER_S:
		return overlay_value_u16(v, &m->sip_per_s);
	default:
		return overlay_take_addr(&v, &m->advertised) && v.n == 0;
	}
}

static bool read_login(struct overlay_message *m, uint8_t tag, str v)
{
	switch (tag) {
	case LOGIN_NETWORK:
		return text_within(v, OVERLAY_BODY_MAX, &m->network);
	case LOGIN_NAME:
		return text_within(v, OVERLAY_LOGIN_NAME_N, &m->name);
	case LOGIN_PASSWORD:
		return text_within(v, OVERLAY_PASSWORD_N, &m->password);
	case LOGIN_KEY:
		return overlay_value_bytes(v, m->key, sizeof(m->key));
	default:
		return overlay_value_bytes(v, m->proof, sizeof(m->proof));
	}
}

static bool read_refused(struct overlay_message *m, uint8_t tag, str v)
{
	uint16_t code;

	switch (tag) {
	case REFUSED_CODE:
		if (!overlay_value_u16(v, &code))
			return false;
		m->refusal = code >= 1 && code <= OVERLAY_REFUSAL_WIRE_LAST ? code : OVERLAY_REFUSAL_INTERNAL;
		return true;
	case REFUSED_TEXT:
		return text_within(v, TEXT_MAX, &m->text);
	case REFUSED_RETRY:
		return overlay_value_u32(v, &m->retry_after_s);
	default:
		return overlay_value_time(v, &m->time);
	}
}

static bool read_record(struct overlay_message *m, str v)
{
	if (m->record_n == OVERLAY_FOUND_MAX)
		return false;
	return text_within(v, OVERLAY_RECORD_MAX, &m->record[m->record_n++]);
}

static bool read_field(struct overlay_message *m, uint8_t tag, str v)
{
	switch (m->type) {
	case OVERLAY_HELLO:
		return read_hello(m, tag, v);
	case OVERLAY_WELCOME:
		return read_welcome(m, tag, v);
	case OVERLAY_LOGIN:
		return read_login(m, tag, v);
	case OVERLAY_LOGIN_OK:
		return tag == LOGIN_OK_CERTIFICATE ? text_within(v, OVERLAY_CERTIFICATE_MAX, &m->certificate)
						   : overlay_value_time(v, &m->time);
	case OVERLAY_RENEW:
		return tag == RENEW_CERTIFICATE ? text_within(v, OVERLAY_CERTIFICATE_MAX, &m->certificate)
						: overlay_value_bytes(v, m->proof, sizeof(m->proof));
	case OVERLAY_REFUSED:
	case OVERLAY_BYE:
		return read_refused(m, tag, v);
	case OVERLAY_FOUND:
		if (tag == FOUND_KNOWN)
			return overlay_value_u8(v, &m->known);
		return read_record(m, v);
	case OVERLAY_STORE:
		return read_record(m, v);
	case OVERLAY_STORED:
		return overlay_value_u8(v, &m->replicas);
	case OVERLAY_FIND:
		return overlay_value_bytes(v, m->key, sizeof(m->key));
	default:
		return true;
	}
}

enum err overlay_message_parse(const struct overlay_frame *frame, struct overlay_message *out)
{
	const struct kind *k = kind_of(frame->type);
	struct overlay_message m = { .type = frame->type, .id = frame->id };
	struct overlay_fields f;
	uint8_t tag;
	str v;

	if (!k)
		return ERR_UNSUPPORTED;
	if (m.type == OVERLAY_SIP) {
		m.sip = frame->body;
		*out = m;
		return m.sip.n ? ERR_NONE : ERR_SYNTAX;
	}
	overlay_fields_start(&f, frame->body);
	while (overlay_fields_next(&f, &tag, &v)) {
		if (tag == 0 || tag > k->last_tag)
			overlay_fields_unknown(&f, tag);
		else if ((k->many >> tag & 1 || overlay_fields_once(&f, tag)) && !read_field(&m, tag, v))
			return ERR_SYNTAX;
	}
	if (f.err)
		return f.err;
	if ((f.seen[0] & k->must) != k->must)
		return ERR_SYNTAX;
	*out = m;
	return ERR_NONE;
}

static void put_text(struct buf *b, uint8_t tag, str text)
{
	if (text.n)
		overlay_put_field(b, tag, text);
}

static void put_addr(struct buf *b, uint8_t tag, const struct addr *a)
{
	char bytes[19];
	struct buf value;

	if (!addr_is_set(a))
		return;
	buf_init(&value, bytes, sizeof(bytes));
	overlay_put_addr_value(&value, a);
	overlay_put_field(b, tag, buf_str(&value));
}

static void put_welcome(struct buf *b, const struct overlay_message *m)
{
	overlay_put_bytes(b, WELCOME_TOKEN, m->token, sizeof(m->token));
	put_addr(b, WELCOME_OBSERVED, &m->observed);
	overlay_put_time(b, WELCOME_TIME, m->time);
	overlay_put_u16(b, WELCOME_KEEPALIVE, m->keepalive_s);
	overlay_put_u16(b, WELCOME_STUN_PORT, m->stun_port);
	overlay_put_u16(b, WELCOME_SIP_PER_S, m->sip_per_s);
	put_addr(b, WELCOME_ADVERTISED, &m->advertised);
}

static void put_refused(struct buf *b, const struct overlay_message *m)
{
	overlay_put_u16(b, REFUSED_CODE, (uint16_t)m->refusal);
	put_text(b, REFUSED_TEXT, str_head(m->text, TEXT_MAX));
	if (m->retry_after_s)
		overlay_put_u32(b, REFUSED_RETRY, m->retry_after_s);
	if (m->time)
		overlay_put_time(b, REFUSED_TIME, m->time);
}

static void put_body(struct buf *b, const struct overlay_message *m)
{
	switch (m->type) {
	case OVERLAY_HELLO:
		overlay_put_field(b, HELLO_CERTIFICATE, m->certificate);
		overlay_put_bytes(b, HELLO_PROOF, m->proof, sizeof(m->proof));
		overlay_put_u8(b, HELLO_ROLE, m->role);
		put_text(b, HELLO_AGENT, m->agent);
		break;
	case OVERLAY_WELCOME:
		put_welcome(b, m);
		break;
	case OVERLAY_LOGIN:
		overlay_put_field(b, LOGIN_NETWORK, m->network);
		overlay_put_field(b, LOGIN_NAME, m->name);
		overlay_put_field(b, LOGIN_PASSWORD, m->password);
		overlay_put_bytes(b, LOGIN_KEY, m->key, sizeof(m->key));
		overlay_put_bytes(b, LOGIN_PROOF, m->proof, sizeof(m->proof));
		break;
	case OVERLAY_LOGIN_OK:
		overlay_put_field(b, LOGIN_OK_CERTIFICATE, m->certificate);
		overlay_put_time(b, LOGIN_OK_TIME, m->time);
		break;
	case OVERLAY_RENEW:
		overlay_put_field(b, RENEW_CERTIFICATE, m->certificate);
		overlay_put_bytes(b, RENEW_PROOF, m->proof, sizeof(m->proof));
		break;
	case OVERLAY_REFUSED:
	case OVERLAY_BYE:
		put_refused(b, m);
		break;
	case OVERLAY_STORE:
	case OVERLAY_FOUND:
		for (size_t i = 0; i < m->record_n; i++)
			overlay_put_field(b, FOUND_RECORD, m->record[i]);
		if (m->type == OVERLAY_FOUND && m->known)
			overlay_put_u8(b, FOUND_KNOWN, m->known);
		break;
	case OVERLAY_STORED:
		overlay_put_u8(b, 1, m->replicas);
		break;
	case OVERLAY_FIND:
		overlay_put_bytes(b, 1, m->key, sizeof(m->key));
		break;
	case OVERLAY_SIP:
		buf_put(b, m->sip);
		break;
	}
}

void overlay_message_write(struct buf *b, const struct overlay_message *m)
{
	size_t from = b->n;

	frame_start(b, m->type, m->id);
	put_body(b, m);
	frame_end(b, from);
}

size_t overlay_proof_text(const struct overlay_message *m, const uint8_t *binding, uint8_t out[OVERLAY_PROOF_MAX])
{
	struct buf b;

	buf_init(&b, out, OVERLAY_PROOF_MAX);
	buf_put(&b, STR("tandem/1 "));
	buf_put(&b, overlay_frame_name(m->type));
	buf_put_u8(&b, 0);
	buf_put_bytes(&b, binding, OVERLAY_BINDING_N);
	if (m->type == OVERLAY_HELLO)
		buf_put_u8(&b, m->role);
	if (m->type == OVERLAY_LOGIN)
		buf_put(&b, str_head(m->name, OVERLAY_LOGIN_NAME_N));
	return b.n;
}
