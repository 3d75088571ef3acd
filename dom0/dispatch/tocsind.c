/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tocsind in the foreground: trace buffers in, one report per event out.
 *
 * Two threads. One empties the trace buffers into a bounded queue, whatever goes on, since a full
 * buffer loses triggers: VIRQ_TBUF wakes it, and a hypervisor that does not raise it at once is
 * covered by polling, whose period doubles from POLL_MIN_MS to POLL_MAX_MS while nothing comes.
 * The other, the main one, takes the queue's events, domain by domain, and does their jobs.
 */
#include "dispatch/guests.h"
#include "dispatch/queue.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xenstore.h>

#define POLL_MIN_MS 5
#define POLL_MAX_MS 200
#define QUEUE_CAPACITY 65536u
#define QUEUE_SHARE 8192u
#define RING_PAGES 64u
#define RULES_MAX 8

struct daemon {
	struct tocsin_host *host;
	struct tocsin_presence presence;
	struct tocsin_guests *guests;
	struct tocsin_capture *capture;
	struct tocsin_rules *rules;
	const char *const *rule_folders;
	struct tocsin_signer *signer;
	struct xs_handle *xs;
	struct tocsin_job_settings settings;
	int signals;
	uint64_t reported;
	bool stop;

	/* The capture thread's side; lock guards what both use. */
	pthread_t thread;
	int queued; /* eventfd: the queue has something, or the thread has failed */
	int quit;   /* eventfd: the thread is to end */
	pthread_mutex_t lock;
	struct tocsin_queue queue;
	uint64_t triggers;
	int failed; /* why the thread ended by itself: a negative errno */
};

struct options {
	const char *rules[RULES_MAX + 2]; /* the shipped ones first */
	const char *key;
	const char *output;
	const char *log;
};

static void usage(FILE *to)
{
	fputs("usage: tocsind [--rules DIR]... [--key FILE] [--output json|text] [--log FILE]\n"
	      "\n"
	      "Takes the triggers of all guests that `tocsin enable` switched on, scans who rang "
	      "and\n"
	      "reports one line each. Runs in the foreground in dom0, as root, until SIGTERM or\n"
	      "SIGINT. One consumer of Xen's trace buffers can run at a time.\n"
	      "\n"
	      "  --rules DIR    YARA rules (*.yar, *.yara) beside those in\n"
	      "                 " TOCSIN_RULES_DIR "; may be given several times\n"
	      "  --key FILE     Ed25519 key that signs answers, made if it is not there\n"
	      "                 (default /var/lib/tocsin/ed25519.key)\n"
	      "  --output NAME  json (default) or text\n"
	      "  --log FILE     append reports to FILE instead of standard output\n"
	      "  --help, --version\n"
	      "\n"
	      "Exit codes: 0 stopped by a signal, 1 failed, 2 usage.\n",
	      to);
}

static uint64_t realtime_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int report(struct daemon *d, const struct tocsin_report *r)
{
	return d->settings.output->write(d->settings.to, r) ? -EIO : 0;
}

static int report_loss(struct daemon *d, uint16_t cpu, uint64_t lost, const char *reason)
{
	struct tocsin_report r = {.kind = TOCSIN_REPORT_LOSS,
				  .time = realtime_ns(),
				  .cpu = cpu,
				  .lost = lost,
				  .reason = reason};

	return report(d, &r);
}

/* In the capture thread. */
static int on_event(void *context, const struct tocsin_event *event)
{
	struct daemon *d = context;

	pthread_mutex_lock(&d->lock);
	if (event->kind == TOCSIN_EVENT_TRIGGER)
		d->triggers++;
	tocsin_queue_push(&d->queue, event);
	pthread_mutex_unlock(&d->lock);
	return 0;
}

static int run_trigger(struct daemon *d, const struct tocsin_event *event)
{
	struct tocsin_job_guest *guest;
	struct tocsin_error err = {0};
	struct tocsin_report r;
	int rc = tocsin_guests_get(d->guests, event->record.domid, &guest, &err);

	d->reported++;
	if (!rc)
		return tocsin_job_run(&d->settings, guest, event);
	r = (struct tocsin_report){.kind = TOCSIN_REPORT_ERROR,
				   .time = realtime_ns(),
				   .tsc = event->tsc,
				   .cpu = event->cpu,
				   .record = event->record,
				   .reason = err.code ? err.message : strerror(-rc)};
	return report(d, &r);
}

static int run_event(struct daemon *d, const struct tocsin_event *event)
{
	switch (event->kind) {
	case TOCSIN_EVENT_TRIGGER:
		return run_trigger(d, event);
	case TOCSIN_EVENT_LOST:
		return report_loss(d, event->cpu, event->count, "the trace buffer was full");
	default:
		return report_loss(d, event->cpu, event->count, event->what);
	}
}

static void *capture(void *context)
{
	struct daemon *d = context;
	struct pollfd fds[] = {{.fd = tocsin_capture_fd(d->capture), .events = POLLIN},
			       {.fd = d->quit, .events = POLLIN}};
	struct tocsin_error err = {0};
	int timeout = POLL_MIN_MS, count = 0;

	while (!fds[1].revents && count >= 0) {
		if (poll(fds, 2, timeout) < 0 && errno != EINTR)
			count = -errno;
		else
			count = tocsin_capture_drain(d->capture, &err);
		if (count)
			timeout = POLL_MIN_MS;
		else if (timeout < POLL_MAX_MS)
			timeout = timeout * 2 < POLL_MAX_MS ? timeout * 2 : POLL_MAX_MS;
		if (count < 0) {
			fprintf(stderr, "tocsind: trace buffers: %s\n",
				err.code ? err.message : strerror(-count));
			pthread_mutex_lock(&d->lock);
			d->failed = count;
			pthread_mutex_unlock(&d->lock);
		}
		if (count)
			eventfd_write(d->queued, 1);
	}
	return NULL;
}

/* The next event, if any; else whether the thread that brings them has failed. */
static int take_event(struct daemon *d, struct tocsin_event *event, bool *found)
{
	uint64_t dropped;
	int failed;

	pthread_mutex_lock(&d->lock);
	*found = !tocsin_queue_pop(&d->queue, event);
	dropped = tocsin_queue_take_dropped(&d->queue);
	failed = *found ? 0 : d->failed;
	pthread_mutex_unlock(&d->lock);
	if (dropped && report_loss(d, 0, dropped, "the daemon's queue was full"))
		return -EIO;
	return failed;
}

static void complain(const char *message, void *context)
{
	fprintf(stderr, "tocsind: rules are left out: %s\n", message);
}

/* Jobs are run by this thread too, so none uses the old rules now. Without new ones they stay. */
static void reload_rules(struct daemon *d)
{
	struct tocsin_rules *rules;
	struct tocsin_error err = {0};

	if (!d->rule_folders[0])
		return;
	if (tocsin_rules_load(d->rule_folders, complain, NULL, &rules, &err)) {
		fprintf(stderr, "tocsind: the rules stay as they were: %s\n", err.message);
		return;
	}
	tocsin_rules_free(d->rules);
	d->rules = rules;
	d->settings.scan.rules = rules;
	fprintf(stderr, "tocsind: %zu rules, %zu files left out\n", tocsin_rules_count(rules),
		tocsin_rules_broken(rules));
}

static void take_signals_and_watches(struct daemon *d, const struct pollfd *fds)
{
	struct signalfd_siginfo info;
	unsigned int count;
	char **watch;

	if (fds[1].revents && read(d->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			reload_rules(d);
		else
			d->stop = true;
	}
	if (!fds[2].revents)
		return;
	watch = xs_read_watch(d->xs, &count);
	free(watch);
	tocsin_guests_release(d->guests);
}

/* It listens all the same: the hypervisor can get Tocsin, and lose it, while the daemon runs. */
static void tell_if_deaf(struct daemon *d)
{
	const char *news = tocsin_host_presence(d->host, &d->presence);

	if (news)
		fprintf(stderr, "tocsind: %s\n", news);
}

static int loop(struct daemon *d)
{
	struct pollfd fds[] = {{.fd = d->queued, .events = POLLIN},
			       {.fd = d->signals, .events = POLLIN},
			       {.fd = xs_fileno(d->xs), .events = POLLIN}};
	struct tocsin_event event;
	bool found = false;
	eventfd_t ignored;
	int rc = 0;

	while (!d->stop && !rc) {
		if (poll(fds, 3, found ? 0 : TOCSIN_PRESENCE_MS) < 0 && errno != EINTR)
			return -errno;
		tell_if_deaf(d);
		if (fds[0].revents)
			eventfd_read(d->queued, &ignored);
		take_signals_and_watches(d, fds);
		rc = take_event(d, &event, &found);
		if (rc || !found)
			continue;
		rc = run_event(d, &event);
		if (!rc && fflush(d->settings.to))
			rc = -EIO;
		if (rc)
			fprintf(stderr, "tocsind: cannot write a report: %s\n", strerror(-rc));
	}
	return rc;
}

/* What an earlier consumer left in the buffers names processes that may be long gone. */
static int drop_stale(struct daemon *d)
{
	int count = tocsin_capture_drain(d->capture, NULL);
	uint64_t stale = d->queue.count;

	if (count < 0 || !stale)
		return count < 0 ? count : 0;
	tocsin_queue_free(&d->queue);
	d->triggers = 0;
	if (report_loss(d, 0, stale, "rung before tocsind was there"))
		return -EIO;
	return tocsin_queue_init(&d->queue, QUEUE_CAPACITY, QUEUE_SHARE);
}

static int start_capture(struct daemon *d, struct tocsin_error *err)
{
	int rc;

	d->queued = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	d->quit = eventfd(0, EFD_CLOEXEC);
	if (d->queued < 0 || d->quit < 0)
		return tocsin_error_set(err, -errno, "cannot create an eventfd: %s",
					strerror(errno));
	rc = tocsin_capture_open(RING_PAGES, on_event, d, &d->capture, err);
	if (!rc)
		rc = drop_stale(d);
	if (!rc)
		rc = -pthread_create(&d->thread, NULL, capture, d);
	if (rc)
		return tocsin_error_set(err, rc, "cannot start to capture: %s", strerror(-rc));
	return 0;
}

/* What was taken and will not be treated is a loss that is said. */
static void stop_capture(struct daemon *d)
{
	eventfd_write(d->quit, 1);
	pthread_join(d->thread, NULL);
	tocsin_capture_drain(d->capture, NULL);
	if (d->queue.count)
		report_loss(d, 0, d->queue.count, "tocsind was stopped before it treated them");
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int open_all(struct daemon *d, const struct options *o, struct tocsin_error *err)
{
	int rc = 0;

	d->settings.to = o->log ? fopen(o->log, "ae") : stdout;
	if (!d->settings.to)
		return tocsin_error_set(err, -errno, "cannot open %s: %s", o->log, strerror(errno));
	d->rule_folders = o->rules;
	if (o->rules[0])
		rc = tocsin_rules_load(o->rules, complain, NULL, &d->rules, err);
	else
		fputs("tocsind: no YARA rules: only the scanners that need none\n", stderr);
	if (!rc && !strcmp(o->key, TOCSIN_KEY_FILE))
		mkdir(TOCSIN_KEY_FOLDER, 0700); /* it may be there; else opening the key says why */
	if (!rc)
		rc = tocsin_signer_open(o->key, &d->signer, err);
	if (!rc)
		rc = tocsin_host_open(&d->host, err);
	if (!rc)
		rc = tocsin_guests_new(d->host, &d->guests);
	if (!rc)
		rc = tocsin_queue_init(&d->queue, QUEUE_CAPACITY, QUEUE_SHARE);
	if (rc)
		return rc;
	d->xs = xs_open(0);
	if (!d->xs || !xs_watch(d->xs, "@releaseDomain", "release"))
		return tocsin_error_set(err, -EIO, "cannot watch xenstore for domains that go: %s",
					strerror(errno));
	d->settings.scan.rules = d->rules;
	d->settings.signer = d->signer;
	return start_capture(d, err);
}

static void close_all(struct daemon *d)
{
	tocsin_capture_close(d->capture);
	tocsin_guests_free(d->guests);
	tocsin_host_close(d->host);
	if (d->xs)
		xs_close(d->xs);
	tocsin_queue_free(&d->queue);
	tocsin_signer_close(d->signer);
	tocsin_rules_free(d->rules);
	if (d->settings.to && d->settings.to != stdout)
		fclose(d->settings.to);
	for (size_t i = 0; i < 3; i++) {
		int fd = (int[]){d->signals, d->queued, d->quit}[i];

		if (fd >= 0)
			close(fd);
	}
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {{"rules", required_argument, NULL, 'r'},
					      {"key", required_argument, NULL, 'k'},
					      {"output", required_argument, NULL, 'o'},
					      {"log", required_argument, NULL, 'l'},
					      {"help", no_argument, NULL, 'h'},
					      {"version", no_argument, NULL, 'V'},
					      {0}};
	size_t rules = 0;
	int c;

	if (!access(TOCSIN_RULES_DIR, F_OK))
		o->rules[rules++] = TOCSIN_RULES_DIR;

	while ((c = getopt_long(argc, argv, "r:k:o:l:h", known, NULL)) >= 0) {
		switch (c) {
		case 'r':
			if (rules == RULES_MAX + 1) {
				fprintf(stderr, "tocsind: at most %d --rules\n", RULES_MAX);
				return 2;
			}
			o->rules[rules++] = optarg;
			break;
		case 'k':
			o->key = optarg;
			break;
		case 'o':
			o->output = optarg;
			break;
		case 'l':
			o->log = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'V':
			puts("tocsind " TOCSIN_VERSION);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "tocsind: '%s' is not an option\n", argv[optind]);
	return 2;
}

int main(int argc, char **argv)
{
	struct options o = {.key = TOCSIN_KEY_FILE, .output = "json"};
	struct daemon d = {
	    .settings.scan.limits = {.max_bytes = 256u << 20, .threads = tocsin_scan_processors()},
	    .signals = -1,
	    .queued = -1,
	    .quit = -1,
	    .lock = PTHREAD_MUTEX_INITIALIZER};
	struct tocsin_error err = {0};
	int rc = parse(argc, argv, &o);

	if (rc >= 0)
		return rc;
	d.settings.output = tocsin_output_find(o.output);
	if (!d.settings.output) {
		fprintf(stderr, "tocsind: no output '%s' (json, text)\n", o.output);
		return 2;
	}
	d.signals = open_signals();
	rc = open_all(&d, &o, &err);
	if (rc) {
		fprintf(stderr, "tocsind: %s\n", err.code ? err.message : strerror(-rc));
	} else {
		tell_if_deaf(&d);
		fputs("tocsind: listening\n", stderr);
		rc = loop(&d);
		stop_capture(&d);
		fprintf(stderr, "tocsind: %lu triggers taken, %lu reported, %lu records lost\n",
			(unsigned long)d.triggers, (unsigned long)d.reported,
			(unsigned long)tocsin_capture_stats(d.capture)->lost);
	}
	close_all(&d);
	return rc ? 1 : 0;
}
