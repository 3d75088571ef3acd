// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin trace on: trace a domain as long as this process lives, and print what is called, or keep
 * it as a graph. What is printed is in the order of the time-stamp counter within each portion that
 * was there.
 */
#include "base/clock.h"
#include "capture/tap.h"
#include "cli/command.h"
#include "cli/trace.h"
#include "cli/trace_hand.h"
#include "dispatch/kernels.h"
#include "memory/memory.h"
#include "output/output.h"
#include "trace/functions.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <x86intrin.h>

#define WAIT_LEAST_MS 5
#define WAIT_MOST_MS 10 /* a thread that has ended when its calls are read is nobody */
#define WAIT_GRAPH_MS 2 /* what a short call leads to matters there */
#define REST_MS 2000
#define FLUSH_NS TRACE_SECOND
#define IDLE_NS (TRACE_SECOND / 4)

static int print_state(struct trace_hand *s, bool on)
{
	struct tocsin_trace_line line;
	struct tocsin_trace_state_line state = {
	    .on = on,
	    .calls = s->calls,
	    .missing = trace_hand_missing(s),
	    .unanswered = s->unanswered,
	    .records = s->records ? trace_records_from(s->records) : NULL,
	    .warning = ""};
	size_t count;
	const struct tocsin_traced *f = tocsin_tracer_list(s->tracer, &count);
	int rc = 0;

	trace_hand_clocks(s);
	line = trace_hand_line(s, 0);
	if (on && tocsin_tracer_escapable(s->tracer))
		state.warning = "the guest's kernel can step out of tracing: altp2m = \"external\" "
				"in its configuration prevents it";
	for (size_t i = 0; i < count; i++) {
		state.functions += !f[i].found;
		if (on && f[i].found && !rc)
			rc = tocsin_trace_function_json(stdout, &line, f[i].name, false, f[i].why);
	}
	return rc ? rc : tocsin_trace_state_json(stdout, &line, &state);
}

/* ---- from beginning to end ---- */

/* Of those by default the name is one of the table's, or it is none. */
static int on_found(void *context, const struct tocsin_traced *f)
{
	struct trace_hand *s = context;
	const struct trace_options *o = s->options;
	struct tocsin_traced *to = &s->found[s->found_count];

	if (s->found_count == (o->count ? o->count : TRACE_FUNCTIONS))
		return -EPROTO;
	*to = *f;
	tocsin_output_clean(f->why, strlen(f->why), to->why, sizeof(to->why));
	to->name = o->count ? o->names[s->found_count] : tocsin_trace_function_name(f->name);
	s->found_count++;
	return to->name ? 0 : -EPROTO;
}

/* Kernels that were found are kept for each guest apart, as tocsind does. */
static const char *make_cache(char *ret, size_t size)
{
	char kernels[200];
	const char *folder = tocsin_kernel_cache_folder(kernels, sizeof(kernels));

	if (!folder || !*folder || snprintf(ret, size, "%s/guests", folder) >= (int)size)
		return NULL;
	mkdir(folder, 0700); /* it may be there; else what lies in it is not */
	mkdir(ret, 0700);
	return ret;
}

struct domains {
	struct tocsin_domain *rows;
	size_t count;
};

static bool is_here(const void *domains, const uint8_t uuid[16])
{
	const struct domains *d = domains;

	for (size_t i = 0; i < d->count; i++)
		if (!memcmp(d->rows[i].uuid, uuid, sizeof(d->rows[i].uuid)))
			return true;
	return false;
}

static void prune_kernels(const char *cache)
{
	struct domains d = {0};
	struct tocsin_host *h;

	if (tocsin_host_open(&h, NULL))
		return;
	if (!tocsin_host_list(h, &d.rows, &d.count, NULL))
		tocsin_kernels_prune(cache, time(NULL), is_here, &d);
	free(d.rows);
	tocsin_host_close(h);
}

/* What the reader made of the kernel gets its name, or goes; as do those of guests of long ago. */
static void keep_kernel(const struct trace_hand *s, int pid, const char *name)
{
	char folder[sizeof(s->cache) + 40];

	if (!s->reader.cache || !tocsin_kernels_folder(s->cache, s->d.uuid, folder, sizeof(folder)))
		return;
	if (tocsin_kernel_store_commit(folder, pid, name) == -EINVAL)
		tocsin_kernel_store_commit(folder, pid, "");
	if (*name)
		prune_kernels(s->cache);
}

static void run_reader(void *start, int socket)
{
	trace_reader_run(start, socket);
}

static int begin_reader(struct trace_hand *s, struct tocsin_error *err)
{
	const struct trace_options *o = s->options;
	const struct trace_link_settings link = {.run = run_reader,
						 .start = &s->reader,
						 .guest = s->d.name,
						 .graph = o->graph,
						 .found = on_found,
						 .seen = trace_hand_seen,
						 .event = trace_hand_stated,
						 .context = s};
	int rc, pid;

	s->reader = (struct trace_reader_settings){.guest = s->d.name,
						   .domid = s->d.domid,
						   .names = o->names,
						   .count = o->count,
						   .uses = o->uses,
						   .graph = o->graph,
						   .cache = make_cache(s->cache, sizeof(s->cache)),
						   .open = tocsin_memory_open_xen,
						   .find = tocsin_kernel_open_stored};
	memcpy(s->reader.uuid, s->d.uuid, sizeof(s->reader.uuid));
	rc = trace_link_open(&link, &s->link, err);
	if (rc)
		return rc;
	pid = trace_link_pid(s->link);
	rc = trace_hand_sync(s);
	keep_kernel(s, pid, rc ? "" : trace_link_done(s->link)->kept);
	if (!rc && o->count && s->found_count != o->count)
		rc = -EPROTO;
	if (rc == -EPROTO)
		tocsin_error_set(err, rc, "the process that reads the guest says what it must not");
	return rc;
}

static int begin_graph(struct trace_hand *s, struct tocsin_error *err)
{
	const struct trace_ask ask = {.kind = TRACE_ASK_BEGIN,
				      .time = (uint64_t)s->begun_ns,
				      .captures = s->capture,
				      .only_hardware = s->options->interface};
	const struct tocsin_traced *f;
	size_t count;
	int rc = trace_store_open(s->options->graph_file, s->d.name, &s->store, err);

	if (!rc)
		rc = trace_link_ask(s->link, &ask);
	if (!rc)
		rc = trace_hand_sync(s);
	if (!rc)
		rc = trace_store_absence(s->store, (uint64_t)s->begun_ns);
	f = tocsin_tracer_list(s->tracer, &count);
	for (size_t i = 0; i < count && !rc; i++)
		rc = trace_hand_collected(s, &f[i], (uint64_t)s->begun_ns);
	if (!rc)
		trace_hand_packets(s);
	s->taken_ns = s->complete_ns = (uint64_t)s->begun_ns;
	return rc;
}

static int begin(struct trace_hand *s, struct tocsin_error *err)
{
	const struct trace_options *o = s->options;
	const struct trace_records_settings records = {.socket = TOCSIN_TAP_SOCKET,
						       .domid = (uint16_t)s->d.domid,
						       .period =
							   o->graph ? WAIT_GRAPH_MS : WAIT_LEAST_MS,
						       .fn = trace_hand_event,
						       .gap = trace_hand_gap,
						       .context = s};
	int rc;

	s->begun_tsc = __rdtsc();
	s->begun_ns = (int64_t)tocsin_realtime();
	rc = tocsin_state_open(TOCSIN_STATE_FOLDER, s->d.domid, s->d.uuid, &s->state, NULL, err);
	if (!rc)
		rc = begin_reader(s, err);
	if (!rc && !o->no_events)
		rc = trace_records_open(&records, &s->records, err);
	if (!rc)
		rc = trace_hand_capture(s, err);
	if (!rc)
		rc = tocsin_tracer_open(&s->state, s->found, s->found_count, o->uses,
					trace_hand_change, s, &s->tracer, err);
	if (!rc && o->graph)
		rc = begin_graph(s, err);
	return rc;
}

/* What is of before then is proven. If there is nothing of since, the reader is asked now and then
 * only, for what ends or lasts by itself. */
static int ask_to_prove(struct trace_hand *s, uint64_t until)
{
	struct trace_ask commit = {.kind = TRACE_ASK_COMMIT, .time = s->taken_ns, .until = until};
	const struct trace_ask flows = {.kind = TRACE_ASK_FLOWS, .time = s->taken_ns};
	int rc;

	if (s->proven_ns > s->latest_ns && s->now_ns - s->asked_ns < IDLE_NS)
		return 0;
	s->asked_ns = s->now_ns;
	s->proven_ns = s->taken_ns;
	rc = trace_link_ask(s->link, &commit);
	if (!rc && s->capture)
		rc = trace_link_ask(s->link, &flows);
	return rc ? rc : trace_hand_sync(s);
}

/*
 * All records of before complete have been taken. So have those of before the reading of what the
 * earlier ones lead to, if that was done by then: what is held back for it is proven.
 */
static int prove(struct trace_hand *s, uint64_t complete)
{
	uint64_t until;
	int rc;

	if (complete > s->now_tsc)
		trace_hand_clocks(s);
	until = trace_hand_time(s, complete);
	if (until > s->complete_ns)
		s->complete_ns = until;
	if (complete < s->read_tsc)
		return 0;
	rc = ask_to_prove(s, until);
	s->taken_ns = until;
	s->read_tsc = __rdtsc();
	return rc;
}

/* What lies in the guest's direct map does not move: for a graph, mappings are kept for a while,
 * else until the next calls. A reader that is asked for nothing else may have died meanwhile. */
static int flush_mappings(struct trace_hand *s)
{
	const struct trace_ask ask = {.kind = TRACE_ASK_FLUSH};

	s->flush = !s->store;
	if (s->now_ns - s->flushed_ns <= FLUSH_NS)
		return 0;
	s->flushed_ns = s->now_ns;
	s->flush = false;
	return trace_link_ask(s->link, &ask);
}

/* The records that there are, and what they prove. How many events, or an error. */
static int take_records(struct trace_hand *s, struct tocsin_error *err)
{
	bool held = s->holds;
	uint32_t call = s->held.call.seq;
	uint64_t complete = 0;
	int count = trace_records_take(s->records, tocsin_clock_ms(), s->now_tsc, &complete, err),
	    rc = 0;

	if (count < 0)
		return count;
	if (held && call == s->held.call.seq)
		rc = trace_hand_release(s);
	if (s->holds && complete > s->held.tsc)
		complete = s->held.tsc;
	s->complete = complete ? complete : s->complete;
	if (!rc && s->store && complete)
		rc = prove(s, complete);
	return rc ? rc : count;
}

/* The same, and the packets; all has been read then. */
static int take(struct trace_hand *s, struct tocsin_error *err)
{
	int count = 0, rc;

	trace_hand_clocks(s);
	rc = flush_mappings(s);
	if (!rc && s->records)
		count = take_records(s, err);
	rc = rc ? rc : count;
	if (rc >= 0 && s->capture)
		rc = trace_capture_take(s->capture, (uint64_t)s->now_ns);
	if (rc >= 0)
		rc = trace_hand_sync(s);
	if (fflush(stdout) || s->failed)
		rc = -EIO;
	return rc < 0 ? rc : count;
}

/* Nothing is recorded any more: what is on the way comes yet. */
static int take_rest(struct trace_hand *s, struct tocsin_error *err)
{
	struct pollfd fd = {.events = POLLIN};
	uint64_t stopped = __rdtsc();
	int64_t until = tocsin_clock_ms() + REST_MS;
	int rc = take(s, err);

	if (!s->records)
		return rc;
	while (rc >= 0 && s->complete < stopped && tocsin_clock_ms() < until) {
		fd.fd = trace_records_fd(s->records);
		poll(&fd, 1, WAIT_LEAST_MS);
		rc = take(s, err);
	}
	if (rc >= 0 && s->complete < stopped)
		rc = trace_hand_gap(s, "nobody took the records until tracing ended");
	return rc;
}

/* What is held back, and then what was captured meanwhile. */
static int state_rest(struct trace_hand *s)
{
	struct trace_ask ask = {.kind = TRACE_ASK_COMMIT, .time = UINT64_MAX};
	int rc;

	trace_hand_clocks(s);
	ask.until = (uint64_t)s->now_ns;
	rc = trace_link_ask(s->link, &ask);
	if (!rc && s->capture)
		rc = trace_capture_end(s->capture, (uint64_t)s->now_ns);
	ask = (struct trace_ask){.kind = TRACE_ASK_END, .time = tocsin_realtime()};
	if (!rc)
		rc = trace_link_ask(s->link, &ask);
	return rc ? rc : trace_hand_sync(s);
}

static int end_graph(struct trace_hand *s, struct tocsin_error *err)
{
	const struct trace_counts *c = trace_link_counts(s->link);
	struct tocsin_trace_graph_line told = {.kinds = c->stats.kinds,
					       .events = c->stats.events,
					       .unresolved = c->stats.unresolved,
					       .captured = s->capture};
	struct tocsin_trace_line line;
	int rc = state_rest(s);

	if (rc)
		return rc;
	rc = trace_store_close(s->store, err);
	s->store = NULL;
	if (rc)
		return rc;
	trace_hand_clocks(s);
	line = trace_hand_line(s, 0);
	told.count = c->stats.count;
	told.delay = c->stats.delay;
	told.delay_most = c->stats.delay_most;
	told.packets = c->packets;
	told.dropped = s->capture ? trace_capture_dropped(s->capture) : 0;
	told.flows = c->flows;
	told.early = c->early;
	told.untold = c->untold;
	told.names = c->names;
	return tocsin_trace_graph_json(stdout, &line, &told);
}

static int run(struct trace_hand *s, int signals, struct tocsin_error *err)
{
	int64_t end =
	    s->options->seconds ? tocsin_clock_ms() + s->options->seconds * 1000 : INT64_MAX;
	struct pollfd fds[] = {{.fd = signals, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
	int rc = print_state(s, true), wait = WAIT_LEAST_MS;

	while (rc >= 0 && tocsin_clock_ms() < end && !(fds[0].revents & POLLIN)) {
		if (s->records)
			fds[1].fd = trace_records_fd(s->records);
		poll(fds, 2, wait);
		rc = take(s, err);
		/* Soon again while there are calls: the sooner, the more of their objects are
		 * there. */
		wait = s->store ? WAIT_GRAPH_MS : rc ? WAIT_LEAST_MS : WAIT_MOST_MS;
		if (rc >= 0)
			rc = tocsin_tracer_tick(s->tracer, tocsin_clock_ms());
	}
	tocsin_tracer_stop(s->tracer);
	if (rc >= 0)
		rc = take_rest(s, err);
	if (rc >= 0 && s->store)
		rc = end_graph(s, err);
	return rc < 0 ? rc : print_state(s, false);
}

/* Nothing is known of the guest since all was read for the last time. */
static void tell_end_of_reader(struct trace_hand *s, const char *why)
{
	struct trace_store_gap gap = {
	    .why = why, .since = s->complete_ns, .until = tocsin_realtime()};

	trace_store_gap(s->store, &gap);
}

/* However it came to it. The guest first: then it is as if it had never been traced. */
static void end(struct trace_hand *s)
{
	const char *failed = s->link ? trace_link_failed(s->link) : NULL;

	if (s->tracer)
		tocsin_tracer_stop(s->tracer);
	if (s->store && failed)
		tell_end_of_reader(s, failed);
	else if (s->store && s->complete_ns)
		state_rest(s);
	trace_store_close(s->store, NULL);
	trace_capture_close(s->capture);
	tocsin_tracer_close(s->tracer);
	trace_records_close(s->records);
	trace_link_close(s->link);
	tocsin_state_close(&s->state);
}

static int catch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int trace(struct trace_hand *s)
{
	struct tocsin_error err = {0};
	int signals = catch_signals();
	int rc = signals < 0 ? -errno : begin(s, &err);

	if (!rc)
		rc = run(s, signals, &err);
	if (rc < 0 && s->link && trace_link_failed(s->link)) {
		tocsin_error_clear(&err);
		tocsin_error_set(&err, rc, "%s", trace_link_failed(s->link));
	}
	end(s);
	if (signals >= 0)
		close(signals);
	if (rc == -ESRCH) {
		fputs("tocsin trace on: the domain is gone\n", stderr);
		return EXIT_DONE;
	}
	if (rc) {
		fprintf(stderr, "tocsin trace on: %s\n",
			err.message[0] ? err.message : strerror(-rc));
		return EXIT_FAILED;
	}
	return trace_hand_missing(s) ? EXIT_PARTIAL : EXIT_DONE;
}

int trace_on(int argc, char **argv)
{
	struct trace_options o = {0};
	static struct trace_hand s; /* large */
	struct tocsin_host *h;
	int rc = EXIT_USAGE;

	s = (struct trace_hand){.options = &o, .state.fd = -1};
	if (!trace_options_parse(argc, argv, &o)) {
		rc = EXIT_FAILED;
		if (!domain_open("trace on", o.domain, &h, &s.d)) {
			tocsin_host_close(h);
			rc = trace(&s);
		}
	}
	trace_options_free(&o);
	return rc;
}
