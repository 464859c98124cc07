/*
 * cmd/phone.c - `tandem phone`: a scriptable softphone.
 *
 * Identity, sound and outcome come from the settings; the call itself is phone_line's. Two
 * threads: signalling, and media with its play clock.
 */
#include "call/media_service.h"
#include "call/session_timer.h"
#include "cmd/command.h"
#include "cmd/identity.h"
#include "cmd/phone_line.h"
#include "crypt/password.h"
#include "crypt/random.h"
#include "crypt/secret.h"
#include "io/audio/audio.h"
#include "io/driver.h"
#include "io/file.h"
#include "io/keeper_line.h"
#include "io/log_sink.h"
#include "media/file/player.h"

#include <stdlib.h>

#define FILE_MAX      (256u << 20)
#define RECORD_SPARE  (60 * USEC_PER_SEC)   /* room of a recording beyond --duration */
#define RECORD_MAX    (3600 * USEC_PER_SEC) /* and without one */
#define MEDIA_SERVICE 1u                    /* its number: the line is 0 */

struct phone_settings {
	str account, password_file, tls_ca, tls_name;
	str peer, data, network;
	struct addr listen, dns;
	str call, message, transfer;
	bool answer;
	str codec, play, record, device, clock, stats;
	usec duration;
	bool json;
	int64_t log;
};

#define AT(field) offsetof(struct phone_settings, field)
static const struct conf_setting phone_table[] = {
	{ "account", CONF_TEXT, AT(account), .value = "sip:USER@HOST[:PORT][;transport=udp|tcp|tls|ws|wss]",
	  .meaning = "Register this account and call through its server." },
	{ "password-file", CONF_PATH, AT(password_file),
	  .meaning = "File with the password of the account or the peer." },
	{ "tls-ca", CONF_PATH, AT(tls_ca), .meaning = "Certificates (PEM) to trust, instead of the system's." },
	{ "tls-name", CONF_TEXT, AT(tls_name), .value = "NAME|sha256:HEX",
	  .meaning = "Name that the server's certificate must bear, or the pin of its key, instead of the host." },
	{ "peer", CONF_TEXT, AT(peer), .value = "NAME", .meaning = "Be this person on the peer network." },
	{ "data", CONF_PATH, AT(data), .value = "DIR",
	  .meaning =
		  "Folder of the device: a peer's keys, certificate, network.json; an account's name for the device, "
		  "by which the server knows it again (RFC 5626)." },
	{ "network", CONF_PATH, AT(network), .meaning = "Descriptor of the peer network (default DIR/network.json)." },
	{ "listen", CONF_ADDR, AT(listen), .min = 5060,
	  .meaning = "Signalling address; without an identity, calls by address come here." },
	{ "dns", CONF_ADDR, AT(dns), .value = "ADDR[:PORT]", .min = 53,
	  .meaning = "The name server to ask instead of the system's." },
	{ "call", CONF_TEXT, AT(call), .value = "TARGET", .meaning = "Call this person, number or address." },
	{ "message", CONF_TEXT, AT(message), .value = "TEXT",
	  .meaning = "Write this to the target of --call instead of calling." },
	{ "transfer", CONF_TEXT, AT(transfer), .value = "TARGET",
	  .meaning = "Pass the far side on to this address, a SIP URI, a second after the answer." },
	{ "answer", CONF_FLAG, AT(answer), .meaning = "Answer the first call that comes." },
	{ "codec", CONF_TEXT, AT(codec), .value = "opus|pcma|pcmu", .meaning = "Speak only this codec." },
	{ "play", CONF_PATH, AT(play), .value = "IN.wav",
	  .meaning = "Microphone: 16 bit mono of any rate, silence behind its end." },
	{ "record", CONF_PATH, AT(record), .value = "OUT.wav", .meaning = "Loudspeaker: 48 kHz, gaps included." },
	{ "device", CONF_TEXT, AT(device), .value = "NAME",
	  .meaning = "Sound device by part of its name, where neither --play nor --record is given (default the "
		     "system's)." },
	{ "clock", CONF_PATH, AT(clock),
	  .meaning = "Write the wall clock of sample 0 of microphone and loudspeaker there, as JSON." },
	{ "stats", CONF_PATH, AT(stats), .meaning = "Write the figures of the call there, as JSON." },
	{ "duration", CONF_SPAN, AT(duration), .max = 12 * 3600 * USEC_PER_SEC,
	  .meaning = "Hang up this long after the answer." },
	{ "json", CONF_FLAG, AT(json), .meaning = "Say what happens as one JSON object a line." },
	{ "log", CONF_CHOICE, AT(log), .fallback = "warn", .choices = "error|warn|info|debug",
	  .meaning = "How much to log on standard error." },
};
#undef AT

/* The sound of the phone. */
struct sound {
	struct buf file;
	struct player *player;
	struct recorder *recorder;
	struct audio *audio; /* the sound device, where there are no WAVs */
};

struct phone {
	const struct command *command;
	struct phone_settings settings;
	struct identity_account account;
	struct clock clock;
	struct log_sink sink;
	struct rng rng, media_rng;
	struct driver *driver;
	struct identity_node node;
	struct keeper_line line_to_keeper;
	struct media_service *media;
	struct sound sound;
	struct phone_line line;
	char password[PASSWORD_MAX], instance[HOME_INSTANCE_N];
};

/* ---- sound ---- */

static void mouth(void *self, int16_t pcm[MEDIA_PERIOD], usec now)
{
	player_take(((struct sound *)self)->player, pcm, now);
}

static void ear(void *self, const int16_t pcm[MEDIA_PERIOD], usec now)
{
	recorder_put(((struct sound *)self)->recorder, pcm, now);
}

static int open_device(struct phone *p)
{
	char name[128], why[200] = "";
	enum err err;

	(void)str_copy_z(p->settings.device, name, sizeof(name));
	err = audio_portaudio_open(name, &p->sound.audio, why, sizeof(why));
	if (err == ERR_NONE)
		return EXIT_OK;
	command_say(p->command, "%s; give --play and --record", why[0] ? why : err_text(err));
	return EXIT_UNAVAILABLE;
}

static int open_sound(struct phone *p)
{
	const struct phone_settings *s = &p->settings;
	char path[1024];
	enum err err;

	buf_init_grow(&p->sound.file, FILE_MAX);
	if (s->message.n) /* nothing is said aloud */
		return EXIT_OK;
	if (!s->play.n && !s->record.n)
		return open_device(p);
	if (s->play.n) {
		if (!str_copy_z(s->play, path, sizeof(path)))
			return EXIT_USAGE;
		err = file_read(path, &p->sound.file);
		if (err == ERR_NONE)
			err = player_new(buf_str(&p->sound.file), &p->sound.player);
		if (err != ERR_NONE) {
			command_say(p->command, "%s: %s", path,
				    err == ERR_SYNTAX || err == ERR_UNSUPPORTED ? "is no WAV file of 16 bit, mono"
										: err_text(err));
			return err == ERR_ABSENT ? EXIT_NO_INPUT : EXIT_DATA;
		}
	}
	if (s->record.n) {
		p->sound.recorder = recorder_new(s->duration ? s->duration + RECORD_SPARE : RECORD_MAX);
		if (!p->sound.recorder) {
			command_say(p->command, "no memory for the recording");
			return EXIT_OS;
		}
	}
	return EXIT_OK;
}

static int write_file(struct phone *p, str name, const struct buf *bytes)
{
	char path[1024];
	enum err err = buf_ok(bytes) && str_copy_z(name, path, sizeof(path)) ? file_write(path, buf_str(bytes), true)
									     : ERR_MEMORY;

	if (err == ERR_NONE)
		return EXIT_OK;
	command_say(p->command, STR_FMT ": %s", STR_ARG(name), err_text(err));
	return EXIT_CANT_CREATE;
}

static void write_moment(struct buf *out, const char *name, usec t)
{
	buf_printf(out, "\"%s\":", name);
	if (t)
		buf_printf(out, "%lld.%06lld", (long long)(t / USEC_PER_SEC), (long long)(t % USEC_PER_SEC));
	else
		buf_put(out, STR("null"));
}

/* What was heard, when, and the figures. The worst exit code. */
static int write_results(struct phone *p)
{
	const struct phone_settings *s = &p->settings;
	int worst = EXIT_OK, code;
	struct buf out;

	buf_init_grow(&out, RECORD_MAX / USEC_PER_SEC * 12 * MEDIA_RATE_HZ * 2);
	if (p->sound.recorder) {
		recorder_write(p->sound.recorder, &out);
		code = write_file(p, s->record, &out);
		worst = code ? code : worst;
		buf_reset(&out);
	}
	if (s->clock.n) {
		buf_put_char(&out, '{');
		write_moment(&out, "mouth_t0", p->sound.player ? player_start(p->sound.player) : 0);
		buf_put_char(&out, ',');
		write_moment(&out, "ear_t0", p->sound.recorder ? recorder_start(p->sound.recorder) : 0);
		buf_put(&out, STR("}\n"));
		code = write_file(p, s->clock, &out);
		worst = code ? code : worst;
		buf_reset(&out);
	}
	if (s->stats.n) {
		phone_say_stats(&p->line.facts, &out);
		code = write_file(p, s->stats, &out);
		worst = code ? code : worst;
	}
	buf_free(&out);
	return worst;
}

/* ---- who we are ---- */

static int be_account(struct phone *p, struct agent_settings *a)
{
	struct addr own;
	int code = identity_account(p->command, "--account", p->settings.account, &p->account);

	if (code != EXIT_OK)
		return code;
	own = addr_is_set(&p->settings.listen) ? p->settings.listen : identity_own_address(&p->account.server);
	a->user = p->account.user;
	a->domain = p->account.domain;
	a->proxy = str_from(p->account.proxy);
	a->transport = p->account.transport;
	a->password = str_from(p->password);
	a->registers = true;
	a->listen = own;
	a->tls_name = p->settings.tls_name;
	a->wish.security = SDP_SDES | SDP_PLAIN;
	a->wish.local = own;
	a->wish.local.port = 0;
	if (p->settings.data.n) {
		code = identity_instance(p->command, &p->clock, &p->sink.log, p->settings.data, "phone", p->instance);
		a->instance = str_from(p->instance);
	}
	if (code != EXIT_OK || !transport_is_secure(a->transport))
		return code;
	return identity_trust(p->command, p->driver, p->settings.tls_ca, &a->tls);
}

static int be_direct(struct phone *p, struct agent_settings *a)
{
	a->listen = addr_is_set(&p->settings.listen) ? p->settings.listen : identity_own_address(NULL);
	a->transport = TRANSPORT_UDP;
	a->wish.security = SDP_SDES | SDP_PLAIN;
	a->wish.local = addr_is_any(&a->listen) ? identity_own_address(NULL) : a->listen;
	a->wish.local.port = 0;
	a->user = STR("phone");
	return EXIT_OK;
}

static int be_peer(struct phone *p, struct agent_settings *a)
{
	int code = identity_node(&p->node, &(struct identity_node_setup){ .command = p->command,
									  .clock = &p->clock,
									  .log = &p->sink.log,
									  .rng = &p->rng,
									  .driver = p->driver,
									  .line = &p->line_to_keeper,
									  .data = p->settings.data,
									  .network = p->settings.network,
									  .name = p->settings.peer,
									  .password = str_from(p->password),
									  .capabilities = OVERLAY_AUDIO });

	if (code != EXIT_OK)
		return code;
	a->road = peer_road_face(p->node.road);
	a->user = p->settings.peer;
	a->domain = overlay_domain_str(&p->node.network.name);
	a->transport = TRANSPORT_TLS;
	a->wish.security = SDP_DTLS;
	a->wish.ice = true;
	p->line.keeps = true;
	p->line.state_owner = str_from(p->node.owner);
	return EXIT_OK;
}

static int choose_codecs(struct phone *p, struct call_media_wish *wish)
{
	static const enum codec_id all[] = { CODEC_OPUS, CODEC_PCMA, CODEC_PCMU };

	wish->codec_n = 3;
	memcpy(wish->codecs, all, sizeof(all));
	if (!p->settings.codec.n)
		return EXIT_OK;
	wish->codec_n = 1;
	wish->codecs[0] = codec_parse(p->settings.codec);
	if (wish->codecs[0])
		return EXIT_OK;
	command_say(p->command, "--codec: there is no " STR_FMT "; opus, pcma and pcmu are",
		    STR_ARG(p->settings.codec));
	return EXIT_USAGE;
}

/* ---- put together, run, take apart ---- */

static int make_media(struct phone *p)
{
	struct media_service_setup setup = {
		.rng = &p->media_rng, .log = &p->sink.log, .stream_max = 8, .device_n = 1
	};

	setup.addr_n = identity_media_addrs(&p->node, setup.addrs, MEDIA_SERVICE_ADDR_MAX);
	setup.devices[0].self = &p->sound;
	setup.devices[0].mouth = p->sound.player ? mouth : NULL;
	setup.devices[0].ear = p->sound.recorder ? ear : NULL;
	if (p->sound.audio)
		setup.devices[0] = (struct media_device){ p->sound.audio, audio_mouth, audio_ear };
	p->media = media_service_new(&setup, clock_now(&p->clock));
	return p->media ? EXIT_OK : EXIT_OS;
}

/* RFC 5630: all the way by TLS, so from here on. */
static int judge_sips(const struct phone *p, const struct agent_settings *a)
{
	if (transport_is_secure(a->transport) || p->settings.peer.n ||
	    !str_starts_nocase(p->settings.call, STR("sips:")))
		return EXIT_OK;
	command_say(p->command,
		    STR_FMT
		    " is called over TLS only: give an --account with ;transport=tls or wss, or call it by sip:",
		    STR_ARG(p->settings.call));
	return EXIT_USAGE;
}

static int make_line(struct phone *p)
{
	struct agent_settings a = { .media = MEDIA_SERVICE,
				    .first_stream = 1,
				    .call_max = 4,
				    .software = STR("tandem phone"),
				    .rng = &p->rng,
				    .log = &p->sink.log };
	int code = choose_codecs(p, &a.wish);

	a.wish.has_device = true;
	a.redirects = a.transfers = a.messages = true;
	a.session_expires = SESSION_TIMER_DEFAULT;
	a.features = true;
	if (code == EXIT_OK)
		code = p->settings.account.n ? be_account(p, &a)
		       : p->settings.peer.n  ? be_peer(p, &a)
					     : be_direct(p, &a);
	if (code == EXIT_OK)
		code = judge_sips(p, &a);
	if (code != EXIT_OK)
		return code;
	p->line.agent = agent_new(&a);
	p->line.say.json = p->settings.json;
	p->line.call = p->settings.call;
	p->line.message = p->settings.message;
	p->line.transfer = p->settings.transfer;
	p->line.duration = p->settings.duration;
	p->line.log = &p->sink.log;
	return p->line.agent ? EXIT_OK : EXIT_USAGE;
}

static int run_driver(struct phone *p)
{
	struct host_service line = phone_line_service(&p->line), media = media_service_host(p->media);
	enum err err;

	(void)driver_add(p->driver, 0, &line, DRIVER_LEADS);
	(void)driver_add(p->driver, 1, &media, 0);
	err = driver_run(p->driver);
	if (err == ERR_NONE)
		return EXIT_OK;
	command_say(p->command, "%s", err_text(err));
	return EXIT_OS;
}

static int exit_of(enum call_cause cause, bool answered)
{
	switch (cause) {
	case CALL_HUNG_UP:
		return answered ? EXIT_OK : EXIT_NO;
	case CALL_UNKNOWN:
	case CALL_WRONG_PASSWORD:
		return EXIT_NO_USER;
	case CALL_NO_ROUTE:
	case CALL_SILENCE:
	case CALL_GONE:
		return EXIT_NO_HOST;
	case CALL_NO_CODEC:
	case CALL_NO_MEDIA:
	case CALL_SERVER_ERROR:
	case CALL_FAILED:
		return EXIT_UNAVAILABLE;
	case CALL_OVERLOADED:
		return EXIT_TEMPORARY;
	case CALL_FORGED:
	case CALL_UNTRUSTED:
		return EXIT_NO_PERMISSION;
	case CALL_CAUSE_NONE:
	case CALL_CANCELLED:
	case CALL_BUSY:
	case CALL_DECLINED:
	case CALL_NO_ANSWER:
	case CALL_AWAY:
		break;
	}
	return EXIT_NO;
}

static int run_phone(struct phone *p)
{
	int code = identity_password(p->command, p->settings.password_file, p->password, sizeof(p->password)), files;

	if (code == EXIT_OK)
		code = open_sound(p);
	if (code == EXIT_OK)
		code = make_line(p);
	if (code == EXIT_OK)
		code = make_media(p);
	if (code == EXIT_OK)
		code = run_driver(p);
	if (code != EXIT_OK)
		return code;
	files = write_results(p);
	code = exit_of(p->line.cause, p->line.answered);
	return code ? code : files;
}

static void close_phone(struct phone *p)
{
	identity_node_stop(&p->node); /* first: the keeper may still answer */
	driver_free(p->driver);
	agent_free(p->line.agent);
	identity_node_free(&p->node);
	media_service_free(p->media);
	audio_close(p->sound.audio);
	player_free(p->sound.player);
	recorder_free(p->sound.recorder);
	buf_free(&p->sound.file);
	log_sink_stop(&p->sink);
	secret_wipe(p, sizeof(*p));
	free(p);
}

static bool is_sane(const struct command *self, const struct phone_settings *s)
{
	if (s->account.n && s->peer.n)
		command_say(self, "--account and --peer are two identities; choose one");
	else if (s->peer.n && !s->data.n)
		command_say(self, "--peer needs --data DIR, where its device lives");
	else if (!s->account.n && !s->peer.n && !addr_is_set(&s->listen) && !s->call.n)
		command_say(self, "give --account, --peer or --listen");
	else if (s->answer == (s->call.n > 0))
		command_say(self, "give either --call TARGET or --answer");
	else
		return true;
	return false;
}

static struct driver *make_driver(struct phone *p)
{
	struct driver_setup setup = {
		.clock = &p->clock, .log = &p->sink.log, .thread_n = 2, .signals = true, .dns = p->settings.dns
	};

	if (p->settings.peer.n)
		setup.keeper = keeper_line(&p->line_to_keeper);
	return driver_new(&setup);
}

static int run(const struct command *self, int argc, char **argv)
{
	struct phone *p = calloc(1, sizeof(*p));
	int code = EXIT_OS;

	if (!p)
		return EXIT_OS;
	p->command = self;
	if (!command_settings(self, argc, argv, &p->settings, NULL) || !is_sane(self, &p->settings)) {
		free(p);
		return EXIT_USAGE;
	}
	clock_start(&p->clock);
	random_os(&p->rng);
	random_stream(&p->media_rng);
	if (log_sink_start(&p->sink, &p->clock, NULL, (enum log_level)p->settings.log, false, 0) != ERR_NONE) {
		free(p);
		return EXIT_OS;
	}
	p->driver = make_driver(p);
	p->line_to_keeper.driver = p->driver;
	if (p->driver)
		code = run_phone(p);
	close_phone(p);
	return code;
}

const struct command cmd_phone = {
	.name = "phone",
	.summary = "a softphone for scripts: register or log in, call or answer, play and record",
	.text = "One call, then the end. The exit code says how it went: 0 the call was answered and hung up; "
		"1 busy, declined, nobody answered; 67 nobody of that name, or a wrong password; 68 no way to the "
		"other "
		"side, or it vanished; 69 no codec or no way for the sound; 75 overloaded; 77 the other side cannot "
		"prove who it is (the sentence says what is wrong with its certificate).",
	.settings = phone_table,
	.setting_n = sizeof(phone_table) / sizeof(phone_table[0]),
	.run = run,
};
