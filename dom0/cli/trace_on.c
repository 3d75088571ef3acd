// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin trace on: trace a domain as long as this process lives, and print what is called.
 *
 * One thread: take the records, print them, look after the guest's pages, wait. What is printed is
 * in the order of the time-stamp counter within each portion that was there.
 */
#include "capture/tap.h"
#include "cli/command.h"
#include "cli/domain.h"
#include "cli/trace.h"
#include "cli/trace_capture.h"
#include "cli/trace_graph.h"
#include "cli/trace_records.h"
#include "introspect/object.h"
#include "output/trace.h"
#include "trace/functions.h"
#include "trace/tracer.h"
#include "trace/who.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define NAMES_MAX 128
#define WAIT_LEAST_MS 5
#define WAIT_MOST_MS 10 /* a thread that has ended when its calls are read is nobody */
#define WAIT_GRAPH_MS 2 /* what a short call leads to matters there */
#define REST_MS 2000
#define FLUSH_NS SECOND
#define SECOND 1000000000ll

struct options {
	const char *domain;
	const char *names[NAMES_MAX];
	size_t count;
	char *named;     /* what --functions gave, cut into names */
	int64_t seconds; /* 0: until it is ended */
	bool no_events;
	bool no_capture;
	const char *interface;  /* that is captured; NULL: the guest's */
	bool graph;             /* events go into a graph, calls are not printed */
	const char *graph_file; /* NULL: the guest's own */
	bool uses;              /* who reads, writes, sends and receives is told by calls */
	bool uses_given;
};

struct session {
	const struct options *options;
	struct tocsin_domain d;
	struct tocsin_memory *memory;
	struct tocsin_kernel *kernel;
	struct tocsin_state state;
	struct tocsin_tracer *tracer;
	struct tocsin_who_cache *who;
	struct trace_records *records; /* NULL: nobody wants them */
	uint64_t begun_tsc;
	int64_t begun_ns; /* realtime; the same of now, when records were last taken */
	uint64_t now_tsc;
	int64_t now_ns;
	uint32_t first, last; /* seq of calls, once calls is not 0 */
	uint64_t calls;
	uint64_t unanswered;       /* triggers that were in the buffers, of any domain */
	int failed;                /* the output is gone */
	struct trace_graph *graph; /* NULL: none */
	struct trace_capture *capture;
	int64_t flushed_ns;   /* when mappings of memory were forgotten */
	uint64_t complete;    /* all records of before this TSC have been taken; */
	uint64_t complete_ns; /* that is of before this time */
	uint64_t taken_ns;    /* the same, of some time before: */
	uint64_t read_tsc;    /* and what these led to had been read then */
	bool holds;
	struct tocsin_event held; /* the latest call */
	struct tocsin_object objects[TOCSIN_TRACE_ARGUMENTS];
};

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec;
}

static int64_t now_ms(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

static void read_clocks(struct session *s)
{
	s->now_ns = clock_ns(CLOCK_REALTIME);
	s->now_tsc = __rdtsc();
}

/* The wall clock when the counter was tsc: both are known when we began and now. */
static uint64_t time_of(const struct session *s, uint64_t tsc)
{
	double spent = (double)(s->now_ns - s->begun_ns),
	       ticks = (double)(s->now_tsc - s->begun_tsc);

	if (!tsc || tsc > s->now_tsc || spent <= 0 || ticks <= 0)
		return (uint64_t)s->now_ns;
	return (uint64_t)(s->now_ns - (int64_t)((double)(s->now_tsc - tsc) * spent / ticks));
}

static struct tocsin_trace_line line_at(const struct session *s, uint64_t tsc)
{
	return (struct tocsin_trace_line){
	    .domain = s->d.name, .domid = s->d.domid, .time = time_of(s, tsc), .tsc = tsc};
}

/* ---- what is printed ---- */

static void name_arguments(struct tocsin_trace_call_line *c, const struct tocsin_traced *f,
			   const struct tocsin_traced_call *call)
{
	const uint64_t values[TOCSIN_TRACE_ARGUMENTS] = {call->rdi, call->rsi, call->rdx};
	unsigned int known = call->wide ? TOCSIN_TRACE_ARGUMENTS : 1;
	unsigned int has = f->function.typed ? f->function.count : known;

	c->argument_count = has < known ? has : known;
	for (unsigned int i = 0; i < c->argument_count; i++) {
		const struct tocsin_parameter *p = &f->function.parameters[i];

		c->arguments[i].value = values[i];
		if (!f->function.typed)
			continue;
		c->arguments[i].name = p->name;
		c->arguments[i].size = p->size;
		c->arguments[i].pointer = p->pointer;
		c->arguments[i].is_signed = p->is_signed;
	}
}

/* What the arguments lead to now, a little after the call. */
static void read_objects(struct session *s, struct tocsin_trace_call_line *c,
			 const struct tocsin_traced *f, uint64_t task)
{
	for (unsigned int i = 0; i < c->argument_count && f->function.typed; i++) {
		const char *type = f->function.parameters[i].target;

		if (type[0] && !tocsin_object_read(s->kernel, type, c->arguments[i].value, task,
						   &s->objects[i]))
			c->arguments[i].object = &s->objects[i];
	}
}

static int print_call(struct session *s, const struct tocsin_event *e)
{
	const struct tocsin_traced *f = tocsin_tracer_find(s->tracer, e->call.site);
	struct tocsin_trace_line line = line_at(s, e->tsc);
	struct tocsin_trace_call_line c = {
	    .vcpu = e->call.vcpu, .seq = e->call.seq, .cut = e->call.cut};
	struct tocsin_who who;
	uint64_t age;

	if (!f) /* of an earlier tracing of this domain */
		return 0;
	if (!s->calls || (int32_t)(e->call.seq - s->first) < 0)
		s->first = e->call.seq;
	if (!s->calls || (int32_t)(e->call.seq - s->last) > 0)
		s->last = e->call.seq;
	s->calls++;
	if (s->graph)
		return tocsin_traced_events_call(trace_graph_events(s->graph), f->name,
						 &f->function, &e->call, line.time,
						 (uint64_t)clock_ns(CLOCK_REALTIME));
	age = line.time < (uint64_t)s->now_ns ? (uint64_t)s->now_ns - line.time : 0;
	tocsin_who_find(s->who, e->call.rsp, s->now_ns, age, &who);
	c.function = f->name;
	c.event = tocsin_trace_function_event(f->name);
	c.found = tocsin_who_name(who.found);
	c.pid = who.pid;
	c.tid = who.tid;
	c.uid = who.uid;
	c.start_time = who.start_time;
	c.comm = who.comm;
	c.after = age;
	name_arguments(&c, f, &e->call);
	read_objects(s, &c, f, who.found == TOCSIN_WHO_NOW ? who.task : 0);
	return tocsin_trace_call_json(stdout, &line, &c);
}

static int release(struct session *s)
{
	if (!s->holds)
		return 0;
	s->holds = false;
	return print_call(s, &s->held);
}

/*
 * Who called last may not have gone on since: the processor was taken from it there, perhaps for
 * us. Then what its function makes of its arguments is not there yet. So the last call waits until
 * the next look.
 */
static int take_call(struct session *s, const struct tocsin_event *e)
{
	int rc = release(s);

	if (rc || !s->graph)
		return rc ? rc : print_call(s, e);
	s->held = *e;
	s->holds = true;
	return 0;
}

static int print_gap(struct session *s, const struct tocsin_event *e)
{
	struct tocsin_trace_line line = line_at(s, e->tsc);
	int rc = tocsin_trace_gap_json(stdout, &line, e->gap.vcpu,
				       e->gap.access & TOCSIN_GAP_WRITE ? "write" : "read",
				       e->gap.gfn, e->gap.rip);

	tocsin_tracer_gap(s->tracer, &e->gap, e->tsc, now_ms());
	return rc;
}

static int tell_loss(struct session *s, const struct tocsin_trace_line *line, uint64_t lost,
		     const char *what)
{
	int rc = tocsin_trace_loss_json(stdout, line, lost, what);

	tocsin_tracer_forget(s->tracer);
	if (!rc && s->graph)
		rc = tocsin_traced_events_gap(trace_graph_events(s->graph), s->complete_ns,
					      (uint64_t)s->now_ns, lost, what);
	return rc;
}

static int print_loss(struct session *s, const struct tocsin_event *e)
{
	struct tocsin_trace_line line = line_at(s, e->tsc);
	uint64_t lost = e->kind == TOCSIN_EVENT_LOST ? e->count : 1;
	const char *what = e->what ? e->what : "the trace buffer was full";

	return tell_loss(s, &line, lost, what);
}

/* Records of since the last ones may be missing; how many tells the count of calls. */
static int on_gap(void *context, const char *why)
{
	struct session *s = context;
	struct tocsin_trace_line line = line_at(s, 0);

	return tell_loss(s, &line, 0, why);
}

static int on_event(void *context, const struct tocsin_event *e)
{
	struct session *s = context;
	int rc;

	if (e->tsc > s->now_tsc)
		read_clocks(s);
	if (e->kind == TOCSIN_EVENT_CALL)
		return e->call.domid == s->d.domid ? take_call(s, e) : 0;
	rc = release(s);
	if (rc)
		return rc;
	switch (e->kind) {
	case TOCSIN_EVENT_GAP:
		return e->gap.domid == s->d.domid ? print_gap(s, e) : 0;
	case TOCSIN_EVENT_TRIGGER: /* tocsind would have answered it */
		s->unanswered++;
		return 0;
	case TOCSIN_EVENT_LOST:
	case TOCSIN_EVENT_MALFORMED:
		return print_loss(s, e);
	default:
		return 0;
	}
}

/* Which function is, or is not, recorded from then on. */
static int tell_graph(struct session *s, const struct tocsin_traced *f, uint64_t time)
{
	size_t count, number = (size_t)(f - tocsin_tracer_list(s->tracer, &count));

	return trace_graph_collected(s->graph, number, f->name, f->collected ? NULL : f->why, time);
}

static void on_change(void *context, const struct tocsin_traced *f, uint64_t tsc)
{
	struct session *s = context;
	struct tocsin_trace_line line;

	read_clocks(s);
	line = line_at(s, tsc);
	if (tocsin_trace_function_json(stdout, &line, f->name, f->collected, f->why))
		s->failed = -EIO;
	if (s->graph && tell_graph(s, f, line.time))
		s->failed = -EIO;
}

/* ---- the guest's network ---- */

static int hardware_of(void *context, uint32_t number, uint8_t ret[6])
{
	const struct session *s = context;
	struct tocsin_host *h;
	int rc = tocsin_host_open(&h, NULL);

	if (rc)
		return rc;
	rc = tocsin_host_hardware(h, s->d.domid, number, ret);
	tocsin_host_close(h);
	return rc;
}

static void on_interface(void *context, const char *interface, bool captured, const char *why)
{
	struct session *s = context;
	struct tocsin_trace_line line = line_at(s, 0);

	if (tocsin_trace_capture_json(stdout, &line, interface, captured, why))
		s->failed = -EIO;
}

static void on_dropped(void *context, uint64_t lost, const char *why)
{
	struct session *s = context;
	struct tocsin_trace_line line = line_at(s, 0);

	if (tocsin_trace_loss_json(stdout, &line, lost, why))
		s->failed = -EIO;
}

/* As soon as its calls are recorded; the packets wait until there is a graph. */
static int begin_capture(struct session *s, struct tocsin_error *err)
{
	const struct trace_capture_settings settings = {.domid = s->d.domid,
							.named = s->options->interface,
							.sysfs = "/sys",
							.hardware = hardware_of,
							.tell = on_interface,
							.lose = on_dropped,
							.context = s};
	int rc;

	if (!s->options->graph || s->options->no_capture)
		return 0;
	read_clocks(s);
	rc = trace_capture_open(&settings, (uint64_t)s->now_ns, &s->capture, err);
	if (!rc && !trace_capture_count(s->capture))
		on_interface(s, "", false,
			     "the guest has no network interface here; --capture names one");
	return rc;
}

/* All that is in the graph comes before what was captured meanwhile. */
static int end_capture(struct session *s, struct tocsin_trace_graph_line *ret)
{
	struct trace_capture_counts counts;
	int rc;

	if (!s->capture || !s->graph)
		return 0;
	read_clocks(s);
	rc = trace_graph_commit(s->graph, UINT64_MAX, (uint64_t)s->now_ns);
	if (!rc)
		rc = trace_capture_end(s->capture, (uint64_t)s->now_ns);
	counts = trace_capture_counts(s->capture);
	ret->captured = true;
	ret->packets = counts.packets;
	ret->dropped = counts.dropped;
	ret->flows = counts.flows;
	ret->early = counts.early;
	ret->untold = counts.untold;
	ret->names = counts.names;
	trace_capture_close(s->capture);
	s->capture = NULL;
	return rc;
}

static uint64_t missing(const struct session *s)
{
	uint64_t counted = s->calls ? (uint64_t)(s->last - s->first) + 1 : 0;

	return counted > s->calls ? counted - s->calls : 0;
}

static int print_state(struct session *s, bool on)
{
	struct tocsin_trace_line line;
	struct tocsin_trace_state_line state = {
	    .on = on,
	    .calls = s->calls,
	    .missing = missing(s),
	    .unanswered = s->unanswered,
	    .records = s->records ? trace_records_from(s->records) : NULL,
	    .warning = ""};
	size_t count;
	const struct tocsin_traced *f = tocsin_tracer_list(s->tracer, &count);
	int rc = 0;

	read_clocks(s);
	line = line_at(s, 0);
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

static int open_guest(struct session *s, struct tocsin_error *err)
{
	char folder[256];
	int rc = tocsin_memory_open_xen(s->d.domid, &s->memory, err);

	if (!rc)
		rc = tocsin_kernel_open_cached(s->memory, 0,
					       tocsin_kernel_cache_folder(folder, sizeof(folder)),
					       &s->kernel, err);
	if (!rc)
		rc = tocsin_who_open(s->kernel, &s->who, err);
	return rc;
}

static int trace_functions(struct session *s, struct tocsin_error *err)
{
	struct tocsin_traced functions[NAMES_MAX];
	const char *defaults[TOCSIN_TRACE_FUNCTIONS_MAX], *const *names = s->options->names;
	size_t count = s->options->count;

	if (!count) {
		count = tocsin_trace_functions(s->kernel, s->options->uses, defaults);
		names = defaults;
	}
	for (size_t i = 0; i < count; i++)
		tocsin_traced_find(s->kernel, names[i], &functions[i]);
	return tocsin_tracer_open(&s->state, functions, count, s->options->uses, on_change, s,
				  &s->tracer, err);
}

static int begin_graph(struct session *s, struct tocsin_error *err)
{
	const struct tocsin_traced *f;
	size_t count;
	int rc = trace_graph_open(s->options->graph_file, s->d.name, s->kernel, s->who,
				  (uint64_t)s->begun_ns, &s->graph, err);

	if (rc)
		return rc;
	f = tocsin_tracer_list(s->tracer, &count);
	for (size_t i = 0; i < count && !rc; i++)
		rc = tell_graph(s, &f[i], (uint64_t)s->begun_ns);
	if (!rc && s->capture)
		rc = trace_capture_start(s->capture, s->d.name, trace_graph_boot(s->graph),
					 trace_graph_wire, s->graph);
	s->taken_ns = s->complete_ns = (uint64_t)s->begun_ns;
	return rc;
}

static int begin(struct session *s, struct tocsin_error *err)
{
	const struct options *o = s->options;
	const struct trace_records_settings records = {.socket = TOCSIN_TAP_SOCKET,
						       .domid = (uint16_t)s->d.domid,
						       .period =
							   o->graph ? WAIT_GRAPH_MS : WAIT_LEAST_MS,
						       .fn = on_event,
						       .gap = on_gap,
						       .context = s};
	int rc;

	s->begun_tsc = __rdtsc();
	s->begun_ns = clock_ns(CLOCK_REALTIME);
	rc = tocsin_state_open(TOCSIN_STATE_FOLDER, s->d.domid, s->d.uuid, &s->state, NULL, err);
	if (!rc)
		rc = open_guest(s, err);
	if (!rc && !o->no_events)
		rc = trace_records_open(&records, &s->records, err);
	if (!rc)
		rc = begin_capture(s, err);
	if (!rc)
		rc = trace_functions(s, err);
	if (!rc && o->graph)
		rc = begin_graph(s, err);
	return rc;
}

/*
 * All records of before complete have been taken. So have those of before the reading of what the
 * earlier ones lead to, if that was done by then: what is held back for it is proven.
 */
static int prove(struct session *s, uint64_t complete)
{
	uint64_t until;
	int rc = 0;

	if (complete > s->now_tsc)
		read_clocks(s);
	until = time_of(s, complete);
	if (until > s->complete_ns)
		s->complete_ns = until;
	if (complete < s->read_tsc)
		return 0;
	rc = trace_graph_commit(s->graph, s->taken_ns, until);
	if (!rc && s->capture)
		rc = trace_capture_tell(s->capture, s->taken_ns);
	s->taken_ns = until;
	s->read_tsc = __rdtsc();
	return rc;
}

/* How many events, or an error. */
static int take(struct session *s, struct tocsin_error *err)
{
	bool held = s->holds;
	uint32_t call = s->held.call.seq;
	uint64_t complete = 0;
	int rc = 0;

	read_clocks(s);
	if (s->records) {
		/* What lies in its direct map does not move: mappings are kept for a while. */
		if (!s->graph || s->now_ns - s->flushed_ns > FLUSH_NS) {
			tocsin_memory_flush(s->memory);
			s->flushed_ns = s->now_ns;
		}
		rc = trace_records_take(s->records, now_ms(), s->now_tsc, &complete, err);
	}
	if (rc >= 0 && held && call == s->held.call.seq) {
		int released = release(s);

		rc = released ? released : rc;
	}
	if (s->holds && complete > s->held.tsc)
		complete = s->held.tsc;
	s->complete = complete ? complete : s->complete;
	if (rc >= 0 && s->graph && complete) {
		int proven = prove(s, complete);

		rc = proven ? proven : rc;
	}
	if (rc >= 0 && s->capture) {
		int captured = trace_capture_take(s->capture, (uint64_t)s->now_ns);

		rc = captured ? captured : rc;
	}
	if (fflush(stdout) || s->failed)
		rc = -EIO;
	return rc;
}

/* Nothing is recorded any more: what is on the way comes yet. */
static int take_rest(struct session *s, struct tocsin_error *err)
{
	struct pollfd fd = {.events = POLLIN};
	uint64_t stopped = __rdtsc();
	int64_t until = now_ms() + REST_MS;
	int rc = take(s, err);

	if (!s->records)
		return rc;
	while (rc >= 0 && s->complete < stopped && now_ms() < until) {
		fd.fd = trace_records_fd(s->records);
		poll(&fd, 1, WAIT_LEAST_MS);
		rc = take(s, err);
	}
	if (rc >= 0 && s->complete < stopped)
		rc = on_gap(s, "nobody took the records until tracing ended");
	return rc;
}

static int end_graph(struct session *s, struct tocsin_error *err)
{
	struct tocsin_trace_line line;
	struct tocsin_traced_stats stats = {0};
	struct tocsin_trace_graph_line told = {
	    .kinds = stats.kinds, .events = stats.events, .unresolved = stats.unresolved};
	struct trace_graph *g = s->graph;
	int captured = end_capture(s, &told), rc;

	s->graph = NULL;
	rc = trace_graph_close(g, (uint64_t)clock_ns(CLOCK_REALTIME), &stats, err);
	rc = rc ? rc : captured;
	read_clocks(s);
	line = line_at(s, 0);
	told.count = stats.count;
	told.delay = stats.delay;
	told.delay_most = stats.delay_most;
	return rc ? rc : tocsin_trace_graph_json(stdout, &line, &told);
}

static int run(struct session *s, int signals, struct tocsin_error *err)
{
	int64_t end = s->options->seconds ? now_ms() + s->options->seconds * 1000 : INT64_MAX;
	struct pollfd fds[] = {{.fd = signals, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
	int rc = print_state(s, true), wait = WAIT_LEAST_MS;

	while (rc >= 0 && now_ms() < end && !(fds[0].revents & POLLIN)) {
		if (s->records)
			fds[1].fd = trace_records_fd(s->records);
		poll(fds, 2, wait);
		rc = take(s, err);
		/* Soon again while there are calls: the sooner, the more of their objects are
		 * there. */
		wait = s->graph ? WAIT_GRAPH_MS : rc ? WAIT_LEAST_MS : WAIT_MOST_MS;
		if (rc >= 0)
			rc = tocsin_tracer_tick(s->tracer, now_ms());
	}
	tocsin_tracer_stop(s->tracer);
	if (rc >= 0)
		rc = take_rest(s, err);
	if (rc >= 0 && s->graph)
		rc = end_graph(s, err);
	return rc < 0 ? rc : print_state(s, false);
}

static void end(struct session *s)
{
	struct tocsin_trace_graph_line none;
	struct tocsin_traced_stats unused;

	end_capture(s, &none);
	trace_capture_close(s->capture);
	s->capture = NULL;
	trace_graph_close(s->graph, (uint64_t)clock_ns(CLOCK_REALTIME), &unused, NULL);
	s->graph = NULL;
	tocsin_tracer_close(s->tracer);
	trace_records_close(s->records);
	tocsin_who_close(s->who);
	if (s->kernel)
		tocsin_kernel_close(s->kernel);
	tocsin_memory_close(s->memory);
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

/* Cut in place. */
static int parse_names(const char *text, struct options *o)
{
	char *save = NULL;

	o->named = strdup(text);
	if (!o->named)
		return -ENOMEM;
	for (char *name = strtok_r(o->named, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		if (o->count == NAMES_MAX) {
			fprintf(stderr, "tocsin trace on: at most %d functions\n", NAMES_MAX);
			return -E2BIG;
		}
		o->names[o->count++] = name;
	}
	if (!o->count)
		fputs("tocsin trace on: which functions?\n", stderr);
	return o->count ? 0 : -EINVAL;
}

static int parse_uses(const char *text, struct options *o)
{
	o->uses = !strcmp(text, "first");
	o->uses_given = true;
	if (o->uses || !strcmp(text, "open"))
		return 0;
	fputs("tocsin trace on: --uses is first or open\n", stderr);
	return -EINVAL;
}

/* An option that has a value, and stands last. */
static bool lacks_value(const char *option)
{
	static const char *const valued[] = {"--graph-file", "--capture", "--uses", "--functions",
					     "--for"};

	for (size_t i = 0; i < sizeof(valued) / sizeof(valued[0]); i++)
		if (!strcmp(option, valued[i]))
			return true;
	return false;
}

static int parse(int argc, char **argv, struct options *o)
{
	for (int i = 1; i < argc; i++) {
		char *rest = "";

		if (i + 1 == argc && lacks_value(argv[i])) {
			fprintf(stderr, "tocsin trace on: %s needs a value\n", argv[i]);
			return -EINVAL;
		}
		if (!strcmp(argv[i], "--no-events")) {
			o->no_events = true;
		} else if (!strcmp(argv[i], "--graph")) {
			o->graph = true;
		} else if (!strcmp(argv[i], "--graph-file")) {
			o->graph = true;
			o->graph_file = argv[++i];
		} else if (!strcmp(argv[i], "--no-capture")) {
			o->no_capture = true;
		} else if (!strcmp(argv[i], "--capture")) {
			o->interface = argv[++i];
		} else if (!strcmp(argv[i], "--uses")) {
			if (parse_uses(argv[++i], o))
				return -EINVAL;
		} else if (!strcmp(argv[i], "--functions") && !o->named) {
			if (parse_names(argv[++i], o))
				return -EINVAL;
		} else if (!strcmp(argv[i], "--for")) {
			o->seconds = strtol(argv[++i], &rest, 10);
			if (*rest || o->seconds < 1 || o->seconds > INT32_MAX) {
				fputs("tocsin trace on: --for needs a number of seconds\n", stderr);
				return -EINVAL;
			}
		} else if (argv[i][0] == '-' || o->domain) {
			fprintf(stderr, "tocsin trace on: unexpected argument '%s'\n", argv[i]);
			return -EINVAL;
		} else {
			o->domain = argv[i];
		}
	}
	if (!o->uses_given)
		o->uses = o->graph && !o->named;
	if (!o->domain)
		fputs("tocsin trace on: which domain?\n", stderr);
	if (o->graph && o->no_events) {
		fputs("tocsin trace on: a graph is made of events\n", stderr);
		return -EINVAL;
	}
	if (o->interface && (!o->graph || o->no_capture)) {
		fputs("tocsin trace on: what is captured goes into a graph\n", stderr);
		return -EINVAL;
	}
	return o->domain ? 0 : -EINVAL;
}

static int trace(struct session *s)
{
	struct tocsin_error err = {0};
	int signals = catch_signals();
	int rc = signals < 0 ? -errno : begin(s, &err);

	if (!rc)
		rc = run(s, signals, &err);
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
	return missing(s) ? EXIT_PARTIAL : EXIT_DONE;
}

int trace_on(int argc, char **argv)
{
	struct options o = {0};
	struct session s = {.options = &o, .state.fd = -1};
	struct tocsin_host *h;
	int rc = EXIT_USAGE;

	if (!parse(argc, argv, &o)) {
		rc = EXIT_FAILED;
		if (!domain_open("trace on", o.domain, &h, &s.d)) {
			tocsin_host_close(h);
			rc = trace(&s);
		}
	}
	free(o.named);
	return rc;
}
