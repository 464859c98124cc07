#include "cmd/watch.h"
#include "cmd/listen.h"
#include "connect/edge_figures.h"
#include "io/figures.h"
#include "io/file.h"
#include "overlay/member.h"

#include <stdio.h>

static bool parse_allowed(struct watch *w, str list)
{
	str one;

	for (bool more = list.n > 0; more;) {
		more = str_split(list, ',', &one, &list);
		struct metrics_net *net = &w->config.allowed[w->config.allowed_n];

		if (w->config.allowed_n == METRICS_NETS) {
			command_say(w->command, "--metrics-allow: more than %d networks", METRICS_NETS);
			return false;
		}
		if (addr_parse_net(str_trim(one), &net->net, &net->bits)) {
			command_say(w->command,
				    "--metrics-allow: \"" STR_FMT
				    "\" is no network, such as 192.0.2.0/24 or 2001:db8::/32",
				    STR_ARG(one));
			return false;
		}
		w->config.allowed_n++;
	}
	return true;
}

static int read_hep(struct watch *w)
{
	const struct watch_settings *s = w->settings;
	char path[1000];
	struct buf text;
	enum err err;

	w->hep = (struct pbx_hep_config){ .collector = s->hep, .id = (uint32_t)s->hep_id };
	if (!s->hep_password.n)
		return EXIT_OK;
	if (!addr_is_set(&s->hep)) {
		command_say(w->command, "--hep-password-file: there is nobody to say it to; add --hep ADDR:PORT");
		return EXIT_USAGE;
	}
	buf_init(&text, w->hep_password, sizeof(w->hep_password));
	err = str_copy_z(s->hep_password, path, sizeof(path)) ? file_read(path, &text) : ERR_LIMIT;
	if (err) {
		command_say(w->command, "--hep-password-file: " STR_FMT ": %s", STR_ARG(s->hep_password),
			    err == ERR_ABSENT    ? "there is no such file"
			    : err == ERR_REFUSED ? "this user may not read it"
						 : err_text(err));
		return err == ERR_ABSENT ? EXIT_NO_INPUT : err == ERR_REFUSED ? EXIT_NO_PERMISSION : EXIT_DATA;
	}
	w->hep.password = str_head(buf_str(&text), str_find_char(buf_str(&text), '\n'));
	return EXIT_OK;
}

int watch_check(struct watch *w, const struct command *command, const struct watch_settings *settings)
{
	*w = (struct watch){ .command = command, .settings = settings };
	int code = parse_allowed(w, settings->allow) ? read_hep(w) : EXIT_USAGE;

	if (code)
		return code;
	if (settings->allow.n && !addr_is_set(&settings->metrics)) {
		command_say(command, "--metrics-allow: there is nothing to read; add --metrics ADDR:PORT");
		return EXIT_USAGE;
	}
	if (addr_is_set(&settings->metrics) && !addr_is_loopback(&settings->metrics) && !settings->allow.n) {
		command_say(command,
			    "--metrics: others could read the figures there; take 127.0.0.1 or [::1], or say with "
			    "--metrics-allow whom you mean");
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

unsigned watch_threads(const struct watch *w)
{
	return addr_is_set(&w->settings->metrics) ? 1 : 0;
}

/* On the service's thread. */
static void write_machine(void *self, usec now, struct buf *out)
{
	const struct watch *w = self;
	struct io_figures figures = { 0 };

	(void)now;
	if (w->more)
		w->more(w->more_self, out);
	driver_figures(w->driver, &figures);
	keeper_figures(w->keeper, &figures);
	io_figures_write(&figures, w->started, out);
	metric_write_one("tandem_build_info", METRIC_GAUGE, "Which version this is.", "version=\"" TANDEM_VERSION "\"",
			 1, out);
}

static void listening(void *self, enum err err, const struct addr *local)
{
	struct watch *w = self;
	char text[ADDR_TEXT_MAX];

	if (err) {
		command_say(w->command, "--metrics: cannot listen on %s: %s", addr_text(&w->config.listen, text),
			    listen_trouble(err));
		atomic_store(&w->failed, true);
		driver_stop(w->driver);
		return;
	}
	if (w->json)
		printf("{\"metrics\":\"http://%s/metrics\"}\n", addr_text(local, text));
	else
		printf("metrics at http://%s/metrics\n", addr_text(local, text));
	fflush(stdout);
}

bool watch_add(struct watch *w, struct driver *driver, struct keeper *keeper, const struct log *log, unsigned thread,
	       uint32_t worker_first, uint32_t worker_n, usec now)
{
	if (!watch_threads(w))
		return true;
	w->driver = driver;
	w->keeper = keeper;
	w->started = now;
	w->config.log = log;
	w->config.listen = w->settings->metrics;
	w->config.worker_first = worker_first;
	w->config.worker_n = worker_n;
	w->config.machine = write_machine;
	w->config.machine_self = w;
	w->config.listening = listening;
	w->config.listening_self = w;
	w->metrics = metrics_new(&w->config);
	if (!w->metrics)
		return false;
	struct host_service service = metrics_service(w->metrics);
	return driver_add(driver, thread, &service, 0) != UINT32_MAX;
}

void watch_free(struct watch *w)
{
	metrics_free(w->metrics);
	w->metrics = NULL;
}

static void write_others(struct buf *out)
{
	static const char head[] = "\n| name | kind | labels | meaning |\n| --- | --- | --- | --- |\n";

	buf_put_z(out, "\n## Of `tandem edge`, instead of `tandem_pbx_`; of `tandem up`, besides\n");
	buf_put_z(out, head);
	metric_write_manual(edge_metrics, edge_metric_n, out);
	buf_put_z(out, "\n## Of `tandem node run`, instead of `tandem_pbx_` and `tandem_sip_`\n");
	buf_put_z(out, head);
	metric_write_manual(overlay_member_metrics, overlay_member_metric_n, out);
}

void watch_write_manual(struct buf *out)
{
	static const struct io_figures none;
	struct buf text;

	buf_put_z(out,
		  "# What tandem counts\n\n"
		  "`--metrics ADDR:PORT` shows these at `http://ADDR:PORT/metrics` in the text format of Prometheus. "
		  "Names, kinds and units are kept;\nnew ones may come. Seconds are seconds, counters count since the "
		  "start of the process, ratios are of 0..1. This page is\nmade by `tandem help --metrics`; a test "
		  "compares it with what a running server says.\n\n"
		  "| name | kind | labels | meaning |\n| --- | --- | --- | --- |\n");
	metrics_write_manual(out);
	buf_init_grow(&text, METRICS_TEXT_MAX);
	metric_write_manual(io_metrics, io_metric_n, out);
	io_figures_write_process(&none, 0, &text);
	metric_write_one("tandem_build_info", METRIC_GAUGE, "Which version this is: label `version`.", "", 1, &text);
	metrics_write_manual_of(buf_str(&text), out);
	buf_free(&text);
	write_others(out);
}
