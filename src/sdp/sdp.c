#include "sdp/sdp.h"

/* RFC 3551 6: payload types that need no rtpmap. */
static const struct {
	uint8_t payload_type, channels;
	uint32_t rate_hz;
	str name;
} static_types[] = {
	{ 0, 1, 8000, STR_INIT("PCMU") },   { 3, 1, 8000, STR_INIT("GSM") },    { 4, 1, 8000, STR_INIT("G723") },
	{ 5, 1, 8000, STR_INIT("DVI4") },   { 6, 1, 16000, STR_INIT("DVI4") },  { 7, 1, 8000, STR_INIT("LPC") },
	{ 8, 1, 8000, STR_INIT("PCMA") },   { 9, 1, 8000, STR_INIT("G722") },   { 10, 2, 44100, STR_INIT("L16") },
	{ 11, 1, 44100, STR_INIT("L16") },  { 12, 1, 8000, STR_INIT("QCELP") }, { 13, 1, 8000, STR_INIT("CN") },
	{ 14, 1, 90000, STR_INIT("MPA") },  { 15, 1, 8000, STR_INIT("G728") },  { 16, 1, 11025, STR_INIT("DVI4") },
	{ 17, 1, 22050, STR_INIT("DVI4") }, { 18, 1, 8000, STR_INIT("G729") },
};

static const str proto_texts[] = {
	[SDP_PROTO_OTHER] = STR_INIT(""),
	[SDP_PROTO_AVP] = STR_INIT("RTP/AVP"),
	[SDP_PROTO_AVPF] = STR_INIT("RTP/AVPF"),
	[SDP_PROTO_SAVP] = STR_INIT("RTP/SAVP"),
	[SDP_PROTO_SAVPF] = STR_INIT("RTP/SAVPF"),
	[SDP_PROTO_DTLS_SAVP] = STR_INIT("UDP/TLS/RTP/SAVP"),
	[SDP_PROTO_DTLS_SAVPF] = STR_INIT("UDP/TLS/RTP/SAVPF"),
};

static const str direction_texts[] = { STR_INIT("sendrecv"), STR_INIT("sendonly"), STR_INIT("recvonly"),
				       STR_INIT("inactive") };
static const str setup_texts[] = { STR_INIT(""), STR_INIT("actpass"), STR_INIT("active"), STR_INIT("passive"),
				   STR_INIT("holdconn") };
static const str candidate_texts[] = { STR_INIT("host"), STR_INIT("srflx"), STR_INIT("prflx"), STR_INIT("relay") };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int text_index(const str *texts, size_t n, str s)
{
	for (size_t i = 0; i < n; i++)
		if (texts[i].n && str_eq_nocase(texts[i], s))
			return (int)i;
	return -1;
}

str sdp_proto_text(enum sdp_proto proto)
{
	return proto_texts[proto];
}

enum sdp_direction sdp_direction_flip(enum sdp_direction d)
{
	return d == SDP_SENDONLY ? SDP_RECVONLY : d == SDP_RECVONLY ? SDP_SENDONLY : d;
}

enum sdp_direction sdp_direction_meet(enum sdp_direction ours, enum sdp_direction theirs)
{
	bool sends = sdp_direction_sends(ours) && sdp_direction_sends(theirs);
	bool receives = sdp_direction_receives(ours) && sdp_direction_receives(theirs);

	return sends ? (receives ? SDP_SENDRECV : SDP_SENDONLY) : (receives ? SDP_RECVONLY : SDP_INACTIVE);
}

bool sdp_fmtp_find(str fmtp, str key, str *out)
{
	while (fmtp.n) {
		str item, name, value;

		(void)str_split(fmtp, ';', &item, &fmtp);
		(void)str_split(str_trim(item), '=', &name, &value);
		if (str_eq_nocase(str_trim(name), key)) {
			*out = str_trim(value);
			return true;
		}
	}
	return false;
}

/* The next word of a line, words parted by any number of spaces; false: no more. */
static bool take_word(str *rest, str *out)
{
	str s = str_trim(*rest);
	size_t n = 0;

	while (n < s.n && s.p[n] != ' ' && s.p[n] != '\t')
		n++;
	if (!n)
		return false;
	*out = str_head(s, n);
	*rest = str_skip(s, n);
	return true;
}

static bool take_number(str *rest, uint32_t max, uint32_t *out)
{
	str after = *rest, word;

	if (!take_word(&after, &word) || !str_u32(word, max, out))
		return false;
	*rest = after;
	return true;
}

/* Session ids are numbers; some phones write larger ones than 64 bits hold: those wrap. */
static bool take_id(str *rest, uint64_t *out)
{
	str after = *rest, word;
	uint64_t value = 0;

	if (!take_word(&after, &word))
		return false;
	for (size_t i = 0; i < word.n; i++) {
		if (word.p[i] < '0' || word.p[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(word.p[i] - '0');
	}
	*out = value;
	*rest = after;
	return true;
}

/* "IN IP4 host[/ttl[/n]]" (RFC 8866 5.7). */
static bool take_host(str *rest, struct sdp_host *out)
{
	str after = *rest, net, type, host, ttl;
	struct sdp_host got = { 0 };

	if (!take_word(&after, &net) || !take_word(&after, &type) || !take_word(&after, &host) ||
	    !str_eq_nocase(net, STR("IN")) || (!str_eq_nocase(type, STR("IP4")) && !str_eq_nocase(type, STR("IP6"))))
		return false;
	(void)str_split(host, '/', &got.host, &ttl);
	if (addr_parse_ip(got.host, &got.addr))
		got.addr = (struct addr){ 0 };
	*rest = after;
	*out = got;
	return got.host.n > 0;
}

/* One line "x=value" off the front of the text, empty ones stepped over. */
static bool take_line(str *rest, char *kind, str *value, enum err *err)
{
	while (rest->n) {
		str line;

		(void)str_split(*rest, '\n', &line, rest);
		while (line.n &&
		       (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
			line.n--;
		if (!line.n)
			continue;
		if (line.n < 2 || line.p[1] != '=' || str_find_char(line, '\r') < line.n) {
			*err = ERR_SYNTAX;
			return false;
		}
		*kind = line.p[0];
		*value = str_skip(line, 2);
		return true;
	}
	return false;
}

/* What RFC 3551 says of it. */
static void set_type(struct sdp_format *f, uint32_t type)
{
	f->payload_type = (uint8_t)type;
	f->channels = 1;
	for (size_t i = 0; i < COUNT(static_types); i++)
		if (static_types[i].payload_type == type) {
			f->name = static_types[i].name;
			f->rate_hz = static_types[i].rate_hz;
			f->channels = static_types[i].channels;
		}
}

static enum err parse_formats(struct sdp_media *m, struct arena *arena)
{
	str rest = m->formats_text, word;
	size_t n = 0;

	while (take_word(&rest, &word))
		n++;
	if (n > SDP_FORMAT_MAX)
		return ERR_LIMIT;
	m->formats = n ? arena_zalloc(arena, n * sizeof(*m->formats)) : NULL;
	if (n && !m->formats)
		return ERR_MEMORY;
	for (rest = m->formats_text; take_word(&rest, &word);) {
		uint32_t type;

		if (!str_u32(word, 127, &type))
			continue; /* not a payload type: nothing that we could be sent */
		set_type(&m->formats[m->format_n++], type);
	}
	return ERR_NONE;
}

/* "audio 49170[/2] RTP/AVP 0 8 101" (RFC 8866 5.14). */
static enum err parse_media_line(str value, struct sdp_media *m)
{
	str port, head, count;
	uint32_t number, n = 1;

	if (!take_word(&value, &m->kind) || !take_word(&value, &port) || !take_word(&value, &m->proto_text))
		return ERR_SYNTAX;
	if (str_split(port, '/', &head, &count) && !str_u32(count, 65535, &n))
		return ERR_SYNTAX;
	if (!str_u32(head, 65535, &number))
		return ERR_SYNTAX;
	m->port = (uint16_t)number;
	m->port_n = (uint16_t)n;
	m->formats_text = str_trim(value);
	int proto = text_index(proto_texts, COUNT(proto_texts), m->proto_text);
	m->proto = proto < 0 ? SDP_PROTO_OTHER : (enum sdp_proto)proto;
	return ERR_NONE;
}

static enum err parse_media(str value, struct arena *arena, struct sdp_media *m)
{
	enum err err = parse_media_line(value, m);

	return err || m->proto == SDP_PROTO_OTHER ? err : parse_formats(m, arena);
}

static struct sdp_format *find_format(struct sdp_media *m, uint32_t payload_type)
{
	for (size_t i = 0; i < m->format_n; i++)
		if (m->formats[i].payload_type == payload_type)
			return &m->formats[i];
	return NULL;
}

/* "96 opus/48000/2". A type that is not on the m-line says nothing. */
static enum err parse_rtpmap(str value, struct sdp_media *m)
{
	uint32_t type, rate, channels = 1;
	str encoding, name, tail, rate_text, channel_text;

	if (!take_number(&value, 127, &type) || !take_word(&value, &encoding))
		return ERR_SYNTAX;
	struct sdp_format *f = find_format(m, type);
	if (!f)
		return ERR_NONE;
	if (!str_split(encoding, '/', &name, &tail) || !name.n)
		return ERR_SYNTAX;
	if (str_split(tail, '/', &rate_text, &channel_text) && !str_u32(channel_text, 255, &channels))
		return ERR_SYNTAX;
	if (!str_u32(rate_text, INT32_MAX, &rate) || !rate)
		return ERR_SYNTAX;
	f->name = name;
	f->rate_hz = rate;
	f->channels = channels ? (uint8_t)channels : 1;
	return ERR_NONE;
}

static enum err parse_fmtp(str value, struct sdp_media *m)
{
	uint32_t type;

	if (!take_number(&value, 127, &type))
		return ERR_NONE; /* formats of other protocols have names */
	struct sdp_format *f = find_format(m, type);
	if (f)
		f->fmtp = str_trim(value);
	return ERR_NONE;
}

/* RFC 8839 5.1. What we cannot use is no error: the peer may speak newer dialects. */
static bool parse_candidate(str value, struct sdp_candidate *out)
{
	struct sdp_candidate c = { 0 };
	str transport, host, typ, kind, key, word;
	uint32_t component, port;

	if (!take_word(&value, &c.foundation) || !take_number(&value, 256, &component) ||
	    !take_word(&value, &transport) || !take_number(&value, UINT32_MAX, &c.priority) ||
	    !take_word(&value, &host) || !take_number(&value, 65535, &port) || !take_word(&value, &typ) ||
	    !take_word(&value, &kind))
		return false;
	int index = text_index(candidate_texts, COUNT(candidate_texts), kind);
	if (!str_eq_nocase(transport, STR("UDP")) || !str_eq(typ, STR("typ")) || index < 0 || c.foundation.n > 32 ||
	    !component || !port || addr_parse_ip(host, &c.addr))
		return false;
	c.component = (uint16_t)component;
	c.addr.port = (uint16_t)port;
	c.kind = (enum sdp_candidate_kind)index;
	while (take_word(&value, &key) && take_word(&value, &word)) {
		uint32_t related_port;

		if (str_eq(key, STR("raddr")) && addr_parse_ip(word, &c.related))
			c.related = (struct addr){ 0 };
		else if (str_eq(key, STR("rport")) && addr_is_set(&c.related) && str_u32(word, 65535, &related_port))
			c.related.port = (uint16_t)related_port;
	}
	*out = c;
	return true;
}

static int hex_digit(char c)
{
	c = str_lower(c);
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "sha-256 AB:CD:.." (RFC 8122 5). */
static enum err parse_print(str value, struct sdp_print *out)
{
	struct sdp_print print = { 0 };
	str digits;

	if (!take_word(&value, &print.hash) || !take_word(&value, &digits))
		return ERR_SYNTAX;
	while (digits.n) {
		if (digits.n < 2 || hex_digit(digits.p[0]) < 0 || hex_digit(digits.p[1]) < 0 ||
		    print.n == SDP_DIGEST_MAX)
			return ERR_SYNTAX;
		print.digest[print.n++] = (uint8_t)(hex_digit(digits.p[0]) << 4 | hex_digit(digits.p[1]));
		digits = str_skip(digits, 2);
		if (digits.n && !str_take_char(&digits, ':'))
			return ERR_SYNTAX;
	}
	if (!print.n)
		return ERR_SYNTAX;
	*out = print;
	return ERR_NONE;
}

/* "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20|1:4 ..." (RFC 4568 9.1). false: a form we do not use. */
static bool parse_crypto(str value, struct sdp_crypto *out)
{
	struct sdp_crypto c = { 0 };
	str params;

	if (!take_number(&value, 999999999, &c.tag) || !take_word(&value, &c.suite) || !take_word(&value, &params))
		return false;
	c.session = str_trim(value);
	if (!str_starts_nocase(params, STR("inline:")) || str_find_char(params, ';') < params.n)
		return false;
	(void)str_split(str_skip(params, 7), '|', &c.key, &c.key_rest);
	*out = c;
	return c.key.n > 0;
}

static enum err parse_rtcp(str value, struct sdp_media *m)
{
	uint32_t port;
	struct sdp_host host = { 0 };

	if (!take_number(&value, 65535, &port))
		return ERR_SYNTAX;
	m->rtcp_port = (uint16_t)port;
	if (take_host(&value, &host) && addr_is_set(&host.addr)) {
		m->rtcp = host.addr;
		m->rtcp.port = m->rtcp_port;
	}
	return ERR_NONE;
}

/* Some phones write "20.0", or nothing at all. */
static uint16_t parse_ms(str value)
{
	uint32_t ms;

	return str_take_u32(&value, 65535, &ms) ? (uint16_t)ms : 0;
}

static bool has_word(str list, str word)
{
	for (str one; take_word(&list, &one);)
		if (str_eq_nocase(one, word))
			return true;
	return false;
}

/* Attributes of one word of meaning. false: not one of them. */
static bool parse_plain_attr(str name, str value, struct sdp_media *m)
{
	int direction = text_index(direction_texts, COUNT(direction_texts), name);

	if (direction >= 0) {
		m->direction = (enum sdp_direction)direction;
		m->direction_set = true;
	} else if (str_eq(name, STR("ptime"))) {
		m->ptime_ms = parse_ms(value);
	} else if (str_eq(name, STR("maxptime"))) {
		m->maxptime_ms = parse_ms(value);
	} else if (str_eq(name, STR("rtcp-mux"))) {
		m->rtcp_mux = true;
	} else if (str_eq(name, STR("mid"))) {
		m->mid = value;
	} else if (str_eq(name, STR("ice-ufrag"))) {
		m->ice_ufrag = value;
	} else if (str_eq(name, STR("ice-pwd"))) {
		m->ice_pwd = value;
	} else if (str_eq(name, STR("ice-lite"))) {
		m->ice_lite = true;
	} else if (str_eq(name, STR("ice-options"))) {
		m->ice_trickle = has_word(value, STR("trickle"));
	} else if (str_eq(name, STR("end-of-candidates"))) {
		m->end_of_candidates = true;
	} else if (str_eq(name, STR("setup"))) {
		int setup = text_index(setup_texts, COUNT(setup_texts), value);
		m->setup = setup < 0 ? SDP_SETUP_NONE : (enum sdp_setup)setup;
	} else {
		return false;
	}
	return true;
}

/* "name" or "name:value"; the room for arrays is counted with the same eyes. */
static void split_attr(str line, str *name, str *value)
{
	(void)str_split(line, ':', name, value);
	*name = str_trim(*name);
	*value = str_trim(*value);
}

/* One a= line of a media, or of the session read into a media of no kind. */
static enum err parse_attr(str line, struct sdp_media *m)
{
	str name, value;

	split_attr(line, &name, &value);
	if (str_eq(name, STR("rtpmap")))
		return parse_rtpmap(value, m);
	if (str_eq(name, STR("fmtp")))
		return parse_fmtp(value, m);
	if (str_eq(name, STR("rtcp")))
		return parse_rtcp(value, m);
	if (str_eq(name, STR("candidate"))) {
		m->candidate_n += parse_candidate(value, &m->candidates[m->candidate_n]);
		return ERR_NONE;
	}
	if (str_eq(name, STR("crypto"))) {
		m->crypto_n += parse_crypto(value, &m->crypto[m->crypto_n]);
		return ERR_NONE;
	}
	if (str_eq(name, STR("fingerprint"))) {
		enum err err = parse_print(value, &m->prints[m->print_n]);
		m->print_n += !err;
		return err;
	}
	if (!parse_plain_attr(name, value, m))
		m->attrs[m->attr_n++] = (struct sdp_attr){ name, value };
	return ERR_NONE;
}

/* Makes room for the attributes of one section (up to the next m=): each line counts where it may end up. */
static enum err make_room(str section, struct arena *arena, struct sdp_media *m)
{
	size_t candidates = 0, crypto = 0, prints = 0, attrs = 0;
	enum err err = ERR_NONE;
	char kind;

	for (str value; take_line(&section, &kind, &value, &err) && kind != 'm';) {
		str name, rest;

		if (kind != 'a')
			continue;
		split_attr(value, &name, &rest);
		if (str_eq(name, STR("candidate")))
			candidates++;
		else if (str_eq(name, STR("crypto")))
			crypto++;
		else if (str_eq(name, STR("fingerprint")))
			prints++;
		else
			attrs++;
	}
	if (err)
		return err;
	if (candidates > SDP_CANDIDATE_MAX || crypto > SDP_CRYPTO_MAX || prints > SDP_PRINT_MAX || attrs > SDP_ATTR_MAX)
		return ERR_LIMIT;
	m->candidates = arena_alloc(arena, (candidates + 1) * sizeof(*m->candidates));
	m->crypto = arena_alloc(arena, (crypto + 1) * sizeof(*m->crypto));
	m->prints = arena_alloc(arena, (prints + 1) * sizeof(*m->prints));
	m->attrs = arena_alloc(arena, (attrs + 1) * sizeof(*m->attrs));
	return m->candidates && m->crypto && m->prints && m->attrs ? ERR_NONE : ERR_MEMORY;
}

/* Lines of one section; `rest` ends in front of the next m=. */
static enum err parse_section(str *rest, struct arena *arena, struct sdp_media *m)
{
	enum err err = make_room(*rest, arena, m);
	str after = *rest, value;
	char kind;

	while (!err && take_line(&after, &kind, &value, &err) && kind != 'm') {
		if (kind == 'a')
			err = parse_attr(value, m);
		else if (kind == 'c' && !take_host(&value, &m->host))
			err = ERR_SYNTAX;
		*rest = after;
	}
	return err;
}

static void inherit(struct sdp_media *m, const struct sdp_media *from)
{
	if (!m->host.host.n)
		m->host = from->host;
	if (!m->direction_set) {
		m->direction = from->direction;
		m->direction_set = from->direction_set;
	}
	if (!m->ice_ufrag.n)
		m->ice_ufrag = from->ice_ufrag;
	if (!m->ice_pwd.n)
		m->ice_pwd = from->ice_pwd;
	if (!m->print_n) {
		m->prints = from->prints;
		m->print_n = from->print_n;
	}
	if (!m->setup)
		m->setup = from->setup;
	if (!m->ptime_ms)
		m->ptime_ms = from->ptime_ms;
	m->ice_lite |= from->ice_lite;
	m->ice_trickle |= from->ice_trickle;
	m->end_of_candidates |= from->end_of_candidates;
}

/* v=, o= and s=, wherever they stand in front of the media; the rest of that section is parse_section's. */
static enum err parse_head(str text, struct sdp *sdp)
{
	enum err err = ERR_NONE;
	bool version = false;
	char kind;

	sdp->name = STR("-");
	sdp->user = STR("-");
	for (str value; take_line(&text, &kind, &value, &err) && kind != 'm';) {
		if (kind == 'v') {
			version = str_eq(str_trim(value), STR("0"));
		} else if (kind == 's') {
			sdp->name = value;
		} else if (kind == 'o') {
			if (!take_word(&value, &sdp->user) || !take_id(&value, &sdp->session_id) ||
			    !take_id(&value, &sdp->session_version) || !take_host(&value, &sdp->origin))
				return ERR_SYNTAX;
		} else if (kind == 'a' && str_starts(value, STR("group:")) && !sdp->group.n) {
			sdp->group = str_trim(str_skip(value, 6));
		}
	}
	return err ? err : version ? ERR_NONE : ERR_SYNTAX;
}

static enum err count_media(str text, size_t *n)
{
	enum err err = ERR_NONE;
	char kind;

	*n = 0;
	for (str value; take_line(&text, &kind, &value, &err);)
		*n += kind == 'm';
	return err ? err : *n > SDP_MEDIA_MAX ? ERR_LIMIT : ERR_NONE;
}

enum err sdp_parse(str text, struct arena *arena, struct sdp *out)
{
	struct sdp sdp = { 0 };
	struct sdp_media session = { 0 };
	enum err err;
	char kind;
	str value;

	if (text.n > SDP_TEXT_MAX)
		return ERR_LIMIT;
	if (str_find_char(text, 0) < text.n) /* RFC 8866 9: no byte-string holds one, and it would hide what follows */
		return ERR_SYNTAX;
	err = parse_head(text, &sdp);
	if (!err)
		err = count_media(text, &sdp.media_n);
	if (!err)
		err = parse_section(&text, arena, &session);
	if (err)
		return err;
	sdp.attrs = session.attrs;
	sdp.attr_n = session.attr_n;
	sdp.media = arena_zalloc(arena, (sdp.media_n + 1) * sizeof(*sdp.media));
	if (!sdp.media)
		return ERR_MEMORY;
	for (size_t i = 0; i < sdp.media_n && !err; i++) {
		if (!take_line(&text, &kind, &value, &err) || kind != 'm')
			return ERR_SYNTAX;
		err = parse_media(value, arena, &sdp.media[i]);
		if (!err)
			err = parse_section(&text, arena, &sdp.media[i]);
		inherit(&sdp.media[i], &session);
	}
	if (!err)
		*out = sdp;
	return err;
}

/* An m-line that may be the one: its first payload type into *f. */
static bool is_audio(str value, struct sdp_media *m, struct sdp_format *f)
{
	str word;
	uint32_t type;

	*m = (struct sdp_media){ 0 };
	if (parse_media_line(value, m) || m->proto == SDP_PROTO_OTHER || !m->port ||
	    !str_eq_nocase(m->kind, STR("audio")))
		return false;
	while (take_word(&m->formats_text, &word)) {
		if (!str_u32(word, 127, &type))
			continue;
		*f = (struct sdp_format){ 0 };
		set_type(f, type);
		m->formats = f;
		m->format_n = 1;
		return true;
	}
	return false;
}

bool sdp_first_audio(str text, struct sdp_format *out)
{
	enum err err = ERR_NONE;
	struct sdp_format f;
	struct sdp_media m;
	bool found = false;
	char kind;

	for (str value; !err && take_line(&text, &kind, &value, &err);) {
		if (kind == 'm' && found)
			break;
		if (kind == 'm')
			found = is_audio(value, &m, &f);
		else if (kind == 'a' && found && str_take(&value, STR("rtpmap:")))
			err = parse_rtpmap(value, &m);
	}
	if (err || !found)
		return false;
	*out = f;
	return true;
}

static void write_line(struct buf *out, const char *head, str value)
{
	buf_put_z(out, head);
	buf_put(out, value);
	buf_put(out, STR("\r\n"));
}

static void write_host(const struct sdp_host *host, struct buf *out)
{
	bool six = host->addr.family == 6 || (!host->addr.family && str_find_char(host->host, ':') < host->host.n);

	buf_put_z(out, six ? "IN IP6 " : "IN IP4 ");
	if (addr_is_set(&host->addr))
		addr_write_ip(&host->addr, false, out);
	else
		buf_put(out, host->host.n ? host->host : STR("0.0.0.0"));
}

static void write_attrs(const struct sdp_attr *attrs, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		buf_printf(out, "a=" STR_FMT, STR_ARG(attrs[i].name));
		write_line(out, attrs[i].value.n ? ":" : "", attrs[i].value);
	}
}

static void write_formats(const struct sdp_media *m, struct buf *out)
{
	for (size_t i = 0; i < m->format_n; i++) {
		const struct sdp_format *f = &m->formats[i];

		if (!f->name.n)
			continue;
		buf_printf(out, "a=rtpmap:%u " STR_FMT "/%u", f->payload_type, STR_ARG(f->name), f->rate_hz);
		if (f->channels > 1)
			buf_printf(out, "/%u", f->channels);
		buf_put(out, STR("\r\n"));
		if (f->fmtp.n)
			buf_printf(out, "a=fmtp:%u " STR_FMT "\r\n", f->payload_type, STR_ARG(f->fmtp));
	}
}

static void write_candidates(const struct sdp_media *m, struct buf *out)
{
	for (size_t i = 0; i < m->candidate_n; i++) {
		const struct sdp_candidate *c = &m->candidates[i];

		buf_printf(out, "a=candidate:" STR_FMT " %u udp %u ", STR_ARG(c->foundation), c->component,
			   c->priority);
		addr_write_ip(&c->addr, false, out);
		buf_printf(out, " %u typ " STR_FMT, c->addr.port, STR_ARG(candidate_texts[c->kind]));
		if (addr_is_set(&c->related)) {
			buf_put(out, STR(" raddr "));
			addr_write_ip(&c->related, false, out);
			buf_printf(out, " rport %u", c->related.port);
		}
		buf_put(out, STR("\r\n"));
	}
	if (m->end_of_candidates)
		write_line(out, "a=end-of-candidates", STR_NONE);
}

static void write_keys(const struct sdp_media *m, struct buf *out)
{
	for (size_t i = 0; i < m->print_n; i++) {
		const struct sdp_print *print = &m->prints[i];

		buf_printf(out, "a=fingerprint:" STR_FMT " ", STR_ARG(print->hash));
		for (size_t k = 0; k < print->n; k++)
			buf_printf(out, "%s%02X", k ? ":" : "", print->digest[k]);
		buf_put(out, STR("\r\n"));
	}
	if (m->setup)
		write_line(out, "a=setup:", setup_texts[m->setup]);
	for (size_t i = 0; i < m->crypto_n; i++) {
		const struct sdp_crypto *c = &m->crypto[i];

		buf_printf(out, "a=crypto:%u " STR_FMT " inline:" STR_FMT, c->tag, STR_ARG(c->suite), STR_ARG(c->key));
		if (c->key_rest.n)
			buf_printf(out, "|" STR_FMT, STR_ARG(c->key_rest));
		write_line(out, c->session.n ? " " : "", c->session);
	}
}

static void write_ice(const struct sdp_media *m, struct buf *out)
{
	if (m->ice_ufrag.n)
		write_line(out, "a=ice-ufrag:", m->ice_ufrag);
	if (m->ice_pwd.n)
		write_line(out, "a=ice-pwd:", m->ice_pwd);
	if (m->ice_trickle)
		write_line(out, "a=ice-options:trickle", STR_NONE);
	write_candidates(m, out);
}

static void write_media(const struct sdp_media *m, struct buf *out)
{
	buf_printf(out, "m=" STR_FMT " %u", STR_ARG(m->kind), m->port);
	if (m->port_n > 1)
		buf_printf(out, "/%u", m->port_n);
	buf_printf(out, " " STR_FMT, STR_ARG(m->proto_text));
	for (size_t i = 0; i < m->format_n; i++)
		buf_printf(out, " %u", m->formats[i].payload_type);
	if (!m->format_n)
		buf_printf(out, " " STR_FMT, STR_ARG(m->formats_text));
	buf_put(out, STR("\r\n"));
	if (m->host.host.n || addr_is_set(&m->host.addr)) {
		buf_put(out, STR("c="));
		write_host(&m->host, out);
		buf_put(out, STR("\r\n"));
	}
	if (m->mid.n)
		write_line(out, "a=mid:", m->mid);
	write_formats(m, out);
	if (m->ptime_ms)
		buf_printf(out, "a=ptime:%u\r\n", m->ptime_ms);
	if (m->maxptime_ms)
		buf_printf(out, "a=maxptime:%u\r\n", m->maxptime_ms);
	if (m->rtcp_port) {
		buf_printf(out, "a=rtcp:%u", m->rtcp_port);
		if (addr_is_set(&m->rtcp)) {
			buf_put_char(out, ' ');
			write_host(&(struct sdp_host){ STR_NONE, m->rtcp }, out);
		}
		buf_put(out, STR("\r\n"));
	}
	if (m->rtcp_mux)
		write_line(out, "a=rtcp-mux", STR_NONE);
	write_ice(m, out);
	write_keys(m, out);
	if (m->direction_set)
		write_line(out, "a=", direction_texts[m->direction]);
	write_attrs(m->attrs, m->attr_n, out);
}

void sdp_write(const struct sdp *sdp, struct buf *out)
{
	bool lite = false, grouped = false;

	buf_printf(out, "v=0\r\no=" STR_FMT " %llu %llu ", STR_ARG(sdp->user), (unsigned long long)sdp->session_id,
		   (unsigned long long)sdp->session_version);
	write_host(&sdp->origin, out);
	buf_printf(out, "\r\ns=" STR_FMT "\r\nt=0 0\r\n", STR_ARG(sdp->name.n ? sdp->name : STR("-")));
	for (size_t i = 0; i < sdp->media_n; i++)
		lite |= sdp->media[i].ice_lite;
	if (lite) /* RFC 8839 5.3: a session attribute */
		write_line(out, "a=ice-lite", STR_NONE);
	for (size_t i = 0; i < sdp->attr_n; i++)
		grouped |= str_eq(sdp->attrs[i].name, STR("group"));
	if (sdp->group.n && !grouped)
		write_line(out, "a=group:", sdp->group);
	write_attrs(sdp->attrs, sdp->attr_n, out);
	for (size_t i = 0; i < sdp->media_n; i++)
		write_media(&sdp->media[i], out);
}
