#include "pbx/identity.h"

static const struct {
	str token;
	unsigned bit;
} tokens[] = {
	{ STR_INIT("none"), PBX_PRIVACY_NONE },       { STR_INIT("id"), PBX_PRIVACY_ID },
	{ STR_INIT("user"), PBX_PRIVACY_USER },       { STR_INIT("header"), PBX_PRIVACY_HEADER },
	{ STR_INIT("session"), PBX_PRIVACY_SESSION }, { STR_INIT("critical"), PBX_PRIVACY_CRITICAL },
	{ STR_INIT("history"), PBX_PRIVACY_HISTORY },
};

static unsigned bit_of(str token)
{
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
		if (str_eq_nocase(token, tokens[i].token))
			return tokens[i].bit;
	return token.n ? PBX_PRIVACY_UNKNOWN : 0;
}

/* priv-value *(";" priv-value): semicolons stand between equals (RFC 3323 4.2); commas are met, too. */
static bool next_token(str *rest, str *token)
{
	size_t n = 0;

	if (!rest->n)
		return false;
	while (n < rest->n && rest->p[n] != ';' && rest->p[n] != ',')
		n++;
	*token = str_trim(str_head(*rest, n));
	*rest = str_skip(*rest, n < rest->n ? n + 1 : n);
	return true;
}

unsigned pbx_identity_privacy(const struct sip_msg *m)
{
	unsigned bits = 0;
	str token;

	for (const struct sip_header *h = sip_msg_header(m, SIP_PRIVACY); h; h = sip_msg_header_next(m, h))
		for (str rest = sip_header_value(m, h); next_token(&rest, &token);)
			bits |= bit_of(token);
	return bits;
}

bool pbx_identity_refuses(unsigned privacy)
{
	return (privacy & PBX_PRIVACY_CRITICAL) &&
	       (privacy & (PBX_PRIVACY_HEADER | PBX_PRIVACY_SESSION | PBX_PRIVACY_UNKNOWN));
}

bool pbx_identity_is_anonymous(const struct sip_uri *from)
{
	return str_eq_nocase(from->host, STR("anonymous.invalid"));
}

/* ---- what we vouch for ---- */

bool pbx_identity_may_leave(const struct pbx_identity *id, unsigned privacy)
{
	if (id->to_trusted || (privacy & PBX_PRIVACY_NONE))
		return true;
	return id->mode == PBX_IDENTITY_ALL && !(privacy & (PBX_PRIVACY_ID | PBX_PRIVACY_USER));
}

static void vouch(const struct pbx_identity *id, struct pbx_identity_letter *l, struct sip_edits *edits)
{
	struct buf out;

	buf_init(&out, l->asserted, sizeof(l->asserted));
	buf_printf(&out, "P-Asserted-Identity: <sip:" STR_FMT "@" STR_FMT ">", STR_ARG(id->user), STR_ARG(id->domain));
	if (buf_ok(&out))
		sip_edits_note(edits, SIP_EDIT_ADD, SIP_OTHER, buf_str(&out));
}

static void note_asserted(const struct pbx_identity *id, unsigned privacy, struct sip_msg *m,
			  struct pbx_identity_letter *l, struct sip_edits *edits)
{
	bool may = pbx_identity_may_leave(id, privacy), asserted = sip_msg_has(m, SIP_P_ASSERTED_IDENTITY);

	if (asserted && (!id->believed || !may))
		sip_edits_note(edits, SIP_EDIT_REMOVE, SIP_P_ASSERTED_IDENTITY, STR_NONE);
	if (!may || (asserted && id->believed))
		return;
	/* An account has one address; a wish for another is not granted, and for that one changes nothing. */
	if (id->user.n && id->mode != PBX_IDENTITY_OFF)
		vouch(id, l, edits);
}

/* ---- what the user wants kept back ---- */

/* The tokens that are still to be seen to, by whoever comes next; `critical` is none by itself (RFC 3323 5.). */
static void write_rest(const struct sip_msg *m, unsigned done, struct buf *out)
{
	bool any = false;
	str token;

	for (const struct sip_header *h = sip_msg_header(m, SIP_PRIVACY); h; h = sip_msg_header_next(m, h))
		for (str rest = sip_header_value(m, h); next_token(&rest, &token);) {
			if (!token.n || (bit_of(token) & done))
				continue;
			any = any || bit_of(token) != PBX_PRIVACY_CRITICAL;
			if (out->n)
				buf_put_char(out, ';');
			buf_put(out, token);
		}
	if (!any)
		out->n = 0;
}

/* "When the privacy service removes the entire Privacy header" `privacy` goes from Proxy-Require, too (RFC 3323 5.). */
static void note_demands(const struct sip_msg *m, struct buf *out, struct sip_edits *edits)
{
	struct sip_values v;
	bool found = false;
	str value;

	if (!sip_msg_has(m, SIP_PROXY_REQUIRE))
		return;
	v = sip_msg_values(m, SIP_PROXY_REQUIRE);
	while (sip_values_next(&v, &value)) {
		if (str_eq_nocase(value, STR("privacy"))) {
			found = true;
			continue;
		}
		if (out->n)
			buf_put(out, STR(", "));
		buf_put(out, value);
	}
	if (found && out->n && buf_ok(out))
		sip_edits_note(edits, SIP_EDIT_SET, SIP_PROXY_REQUIRE, buf_str(out));
	else if (found)
		sip_edits_note(edits, SIP_EDIT_REMOVE, SIP_PROXY_REQUIRE, STR_NONE);
}

static void note_rest(const struct sip_msg *m, unsigned done, struct pbx_identity_letter *l, struct sip_edits *edits)
{
	struct buf rest, demands;

	buf_init(&rest, l->privacy, sizeof(l->privacy));
	buf_init(&demands, l->demands, sizeof(l->demands));
	write_rest(m, done, &rest);
	if (rest.n && buf_ok(&rest)) {
		sip_edits_note(edits, SIP_EDIT_SET, SIP_PRIVACY, buf_str(&rest));
		return;
	}
	sip_edits_note(edits, SIP_EDIT_REMOVE, SIP_PRIVACY, STR_NONE);
	note_demands(m, &demands, edits);
}

void pbx_identity_note_hidden(const struct sip_msg *m, struct pbx_identity_letter *l, struct sip_edits *edits)
{
	if (sip_msg_has(m, SIP_PRIVACY))
		note_rest(m, PBX_PRIVACY_HISTORY, l, edits);
}

static bool note_anonymous(const struct pbx_identity *id, struct sip_msg *m, struct pbx_identity_letter *l,
			   struct sip_edits *edits)
{
	static const enum sip_kind kinds[] = { SIP_SUBJECT,    SIP_CALL_INFO,   SIP_ORGANIZATION,
					       SIP_USER_AGENT, SIP_IN_REPLY_TO, SIP_REPLY_TO };
	const struct sip_address *from = sip_msg_from(m);
	struct buf out;

	if (!from)
		return false;
	buf_init(&out, l->from, sizeof(l->from));
	buf_put(&out, STR("\"Anonymous\" <sip:anonymous@anonymous.invalid>"));
	if (from->tag.n) {
		buf_put(&out, STR(";tag="));
		buf_put(&out, from->tag);
	}
	if (!buf_ok(&out))
		return false;
	sip_edits_note(edits, SIP_EDIT_SET, SIP_FROM, buf_str(&out));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (sip_msg_has(m, kinds[i]))
			sip_edits_note(edits, SIP_EDIT_REMOVE, kinds[i], STR_NONE);
	note_rest(m, PBX_PRIVACY_USER | (id->hidden ? PBX_PRIVACY_HISTORY : 0), l, edits);
	return true;
}

bool pbx_identity_note(const struct pbx_identity *id, struct sip_msg *m, struct pbx_identity_letter *l,
		       struct sip_edits *edits)
{
	unsigned privacy = sip_msg_has(m, SIP_PRIVACY) ? pbx_identity_privacy(m) : 0;

	note_asserted(id, privacy, m, l, edits);
	/* RFC 3325 6.: a preference is for the first proxy alone. */
	if (sip_msg_has(m, SIP_P_PREFERRED_IDENTITY))
		sip_edits_note(edits, SIP_EDIT_REMOVE, SIP_P_PREFERRED_IDENTITY, STR_NONE);
	if (privacy & PBX_PRIVACY_NONE) /* RFC 3323 5.: then nothing is touched */
		return false;
	if (id->served && (privacy & PBX_PRIVACY_USER) && note_anonymous(id, m, l, edits))
		return true;
	if (id->hidden)
		pbx_identity_note_hidden(m, l, edits);
	return false;
}
