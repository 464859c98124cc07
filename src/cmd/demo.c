#include "cmd/demo.h"

#include "io/file.h"
#include "io/process.h"
#include "media/file/wav.h"
#include "media/tone.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RATE_HZ      48000
#define TONE_SECONDS 12
#define TALK_SECONDS "3"
#define PATH_N       1100
#define WORDS_MAX    24
#define HEARD_MS     1500 /* less of the far tone than this, and the call has failed */
#define WINDOW_MS    100
#define TRACE_LAG_MS 700 /* the trace is written in batches */

/* One scripted phone. */
struct actor {
	struct demo *demo;
	const char *name;
	unsigned hz; /* of its mouth */
	char play[PATH_N], record[PATH_N];
	struct process process;
	struct buf said;
};

static void path_of(const struct demo *demo, const char *file, char out[PATH_N])
{
	snprintf(out, PATH_N, "%s/demo/%s", demo->dir, file);
}

static bool make_mouth(struct actor *actor)
{
	char file[64];
	int16_t pcm[RATE_HZ / 50];
	struct tone tone;
	struct buf wav;

	snprintf(file, sizeof(file), "%u-hz.wav", actor->hz);
	path_of(actor->demo, file, actor->play);
	buf_init_grow(&wav, WAV_HEADER_N + (size_t)TONE_SECONDS * RATE_HZ * 2);
	wav_write_header(&wav, RATE_HZ, (size_t)TONE_SECONDS * RATE_HZ);
	tone_start(&tone, actor->hz, -12, RATE_HZ);
	for (int period = 0; period < TONE_SECONDS * 50; period++) {
		tone_make(&tone, pcm, RATE_HZ / 50, 0);
		wav_write_samples(&wav, pcm, RATE_HZ / 50);
	}
	bool good = buf_ok(&wav) && file_write(actor->play, buf_str(&wav), true) == ERR_NONE;
	buf_free(&wav);
	return good;
}

static bool actor_start(struct actor *actor, struct demo *demo, const char *name, unsigned hz, const char *const *who,
			const char *call)
{
	const char *words[WORDS_MAX] = { demo->program, "phone" };
	char file[64];
	size_t n = 2;

	*actor = (struct actor){ .demo = demo, .name = name, .hz = hz };
	snprintf(file, sizeof(file), "%s-heard.wav", name);
	path_of(demo, file, actor->record);
	buf_init_grow(&actor->said, 1 << 20);
	if (!make_mouth(actor))
		return false;
	for (; *who; who++)
		words[n++] = *who;
	words[n++] = call ? "--call" : "--answer";
	if (call)
		words[n++] = call;
	const char *const rest[] = { "--play",     actor->play,  "--record", actor->record,
				     "--duration", TALK_SECONDS, "--json" };
	for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++)
		words[n++] = rest[i];
	words[n] = NULL;
	return process_start(&actor->process, words, PROCESS_PIPE) == ERR_NONE;
}

/* Has it said this on its event lines? Waits up to `span`; false also where it ended first. */
static bool actor_says(struct actor *actor, const char *event, usec span)
{
	char line[64];

	snprintf(line, sizeof(line), "\"event\":\"%s\"", event);
	for (usec waited = 0; waited <= span && !actor->demo->stop; waited += 100 * USEC_PER_MS) {
		if (str_find(buf_str(&actor->said), str_from(line)) < actor->said.n)
			return true;
		enum err err = process_read(&actor->process, &actor->said, 100 * USEC_PER_MS);
		if (err && err != ERR_TIMEOUT)
			break;
	}
	return str_find(buf_str(&actor->said), str_from(line)) < actor->said.n;
}

/* Gives it time to put its recording down. */
static void actor_end(struct actor *actor)
{
	if (!actor->demo->stop)
		(void)!process_wait(&actor->process, 3 * USEC_PER_SEC);
	process_stop(&actor->process, 3 * USEC_PER_SEC);
	buf_free(&actor->said);
}

/* How long its recording holds the tone, in ms. */
static unsigned heard_ms(const struct actor *actor, unsigned hz)
{
	const size_t frames = RATE_HZ * WINDOW_MS / 1000;
	int16_t pcm[RATE_HZ * WINDOW_MS / 1000];
	unsigned ms = 0;
	struct wav wav;
	struct buf file;

	buf_init_grow(&file, 64 << 20);
	if (file_read(actor->record, &file) == ERR_NONE && wav_parse(buf_str(&file), &wav) == ERR_NONE &&
	    wav.rate_hz == RATE_HZ) {
		for (size_t at = 0; at + frames <= wav.frames; at += frames) {
			wav_read(&wav, at, pcm, frames);
			if (tone_level(pcm, frames, hz, RATE_HZ) > tone_rest(pcm, frames, hz, RATE_HZ) + 6)
				ms += WINDOW_MS;
		}
	}
	buf_free(&file);
	return ms;
}

static bool judge(const struct actor *listener, const struct actor *speaker)
{
	unsigned ms = heard_ms(listener, speaker->hz);

	printf("   %s heard %s's tone of %u Hz for %u.%u s\n", listener->name, speaker->name, speaker->hz, ms / 1000,
	       ms % 1000 / 100);
	return ms >= HEARD_MS;
}

static void show(struct demo *demo, const char *const *words)
{
	const char *all[WORDS_MAX] = { demo->program };
	struct process process;
	size_t n = 1;

	while (*words)
		all[n++] = *words++;
	all[n] = NULL;
	fflush(stdout);
	if (process_start(&process, all, PROCESS_INHERIT) != ERR_NONE)
		return;
	(void)!process_wait(&process, 10 * USEC_PER_SEC);
	process_stop(&process, USEC_PER_SEC);
}

/* Callee ready, caller calls, both talk, both end; then what was heard, and the ladder. */
static bool one_call(struct demo *demo, const char *title, struct actor *caller, struct actor *callee)
{
	bool answered = actor_says(caller, "answered", 15 * USEC_PER_SEC);
	bool ended = answered && actor_says(caller, "ended", 15 * USEC_PER_SEC);
	bool good = ended && actor_says(callee, "ended", 5 * USEC_PER_SEC);

	actor_end(caller);
	actor_end(callee);
	if (demo->stop)
		return false;
	printf("\n%s\n", title);
	if (!answered)
		printf("   the call was not answered\n");
	good = judge(caller, callee) && judge(callee, caller) && good;
	nanosleep(&(struct timespec){ .tv_nsec = TRACE_LAG_MS * 1000 * 1000 }, NULL);
	show(demo, (const char *const[]){ "trace", "--data", demo->dir, "--last", NULL });
	return good;
}

static void actor_drop(struct actor *actor)
{
	if (actor->said.limit)
		actor_end(actor);
}

static bool play_call(struct demo *demo, const char *title, const char *caller_name, const char *const *caller_who,
		      const char *callee_name, const char *const *callee_who, const char *target)
{
	struct actor caller = { 0 }, callee = { 0 };
	bool good = actor_start(&callee, demo, callee_name, 620, callee_who, NULL) &&
		    actor_says(&callee, "ready", 10 * USEC_PER_SEC) &&
		    actor_start(&caller, demo, caller_name, 1100, caller_who, target);

	if (good)
		return one_call(demo, title, &caller, &callee);
	actor_drop(&caller);
	actor_drop(&callee);
	if (!demo->stop)
		printf("\n%s\n   the phones did not get ready\n", title);
	return false;
}

/* alice gets her certificate: once, into a folder of her own, as on a machine of her own. */
static bool log_in(struct demo *demo, const char *folder, const char *network, const char *password)
{
	const char *const words[] = { demo->program, "node",   "login", "--network",       network,  "--data",
				      folder,        "--name", "alice", "--password-file", password, NULL };
	struct process process;

	if (process_start(&process, words, PROCESS_DISCARD) != ERR_NONE)
		return false;
	(void)!process_wait(&process, 15 * USEC_PER_SEC);
	process_stop(&process, USEC_PER_SEC);
	return process.ended && process.status == 0;
}

static bool three_calls(struct demo *demo)
{
	char account1[128], account2[128], address[ADDR_TEXT_MAX], password1[PATH_N], password2[PATH_N];
	char alice[PATH_N], network[PATH_N], password[PATH_N], peer[256], back[256];

	addr_text(&demo->pbx, address);
	snprintf(account1, sizeof(account1), "sip:101@%s", address);
	snprintf(account2, sizeof(account2), "sip:102@%s;transport=tcp", address);
	snprintf(password1, PATH_N, "%s/passwords/101", demo->dir);
	snprintf(password2, PATH_N, "%s/passwords/102", demo->dir);
	snprintf(password, PATH_N, "%s/passwords/alice", demo->dir);
	snprintf(network, PATH_N, "%s/network.json", demo->dir);
	path_of(demo, "alice", alice);
	snprintf(peer, sizeof(peer), "sip:%s@%s", demo->business, demo->network);
	snprintf(back, sizeof(back), "sip:alice@%s", demo->network);

	const char *const who_101[] = { "--account", account1, "--password-file", password1, NULL };
	const char *const who_102[] = { "--account", account2, "--password-file", password2, NULL };
	const char *const who_alice[] = { "--peer", "alice", "--data", alice, NULL };

	bool good = play_call(demo, "1. Desk phone 102 (TCP) calls desk phone 101 (UDP) through the PBX", "102",
			      who_102, "101", who_101, "101");
	if (!log_in(demo, alice, network, password)) {
		printf("\nalice could not log in\n");
		return false;
	}
	good &= play_call(demo, "2. alice, a peer, calls the business; its desk phone 101 answers", "alice", who_alice,
			  "101", who_101, peer);
	good &= play_call(demo, "3. Desk phone 101 calls alice back by name", "101", who_101, "alice", who_alice, back);
	return good;
}

bool demo_run(struct demo *demo)
{
	char folder[PATH_N];

	path_of(demo, ".", folder);
	if (file_mkdir(folder) != ERR_NONE) {
		printf("%s cannot be made\n", folder);
		return false;
	}
	bool good = three_calls(demo);
	if (demo->stop)
		return false;
	printf("\nThe records of these calls (tandem calls --data %s):\n\n", demo->dir);
	show(demo, (const char *const[]){ "calls", "--data", demo->dir, "--last", "3", NULL });
	printf("\n%s\n", good ? "Three calls, tone heard both ways in each." : "Not all of it worked: see above.");
	fflush(stdout);
	return good;
}
