/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/). Of all
 * guests a number stands without labels; a guest's own has a name of its own, so that a sum over
 * it is right.
 */
#include "service/status.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOST "lost_"

static const struct {
	const char *name, *help;
} helps[] = {
    {"accepted", "Triggers that were taken from Xen's trace buffers"},
    {"rings", "Triggers that ask for no scan, and were reported"},
    {"verdicts", "Scans that came to a verdict"},
    {"errors", "Triggers that could not become a verdict"},
    {"inconclusive", "Triggers given up, as the worker died or hung over them twice"},
    {"refused", "Triggers of guests that were gone, or may not ring"},
    {"answered", "Request blocks in guests that were filled"},
    {"coalesced", "Verdicts told from a scan of the same program just before"},
    {"retried", "Triggers given to a second worker"},
    {"workers_started", "Worker processes that were started"},
    {"workers_died", "Worker processes that died"},
    {"workers_hung", "Worker processes that were killed, as they hung"},
    {"writers_started", "Writer processes that were started"},
    {"brokers_started", "Broker processes that were started"},
};

/* Counters that make no sense for a guest alone come last, after this many. */
static bool of_guests(const char *name)
{
	return strncmp(name, "workers_", 8) != 0 && strncmp(name, "writers_", 8) != 0 &&
	       strncmp(name, "brokers_", 8) != 0;
}

static const char *help(const char *name)
{
	for (size_t i = 0; i < sizeof(helps) / sizeof(helps[0]); i++)
		if (!strcmp(helps[i].name, name))
			return helps[i].help;
	return name;
}

/* A label's value: what is no printable ASCII is a '?'. */
static void put_label(FILE *to, const char *value)
{
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			fputc('\\', to);
		fputc(*value >= ' ' && *value <= '~' ? *value : '?', to);
	}
}

static void put_guest(FILE *to, const struct tocsin_status_guest *g)
{
	fputs("{guest=\"", to);
	put_label(to, g->name);
	fputs("\",uuid=\"", to);
	for (int i = 0; i < 16; i++)
		fprintf(to, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", g->uuid[i]);
	fputs("\"", to);
}

static void head(FILE *to, const char *name, const char *type, const char *text)
{
	fprintf(to, "# HELP tocsin_%s %s.\n# TYPE tocsin_%s %s\n", name, text, name, type);
}

static void put_counter(FILE *to, const struct tocsin_status *s, unsigned int i, const char *name)
{
	struct tocsin_tally c = s->counters;
	char full[64];

	snprintf(full, sizeof(full), "%s_total", name);
	head(to, full, "counter", help(name));
	fprintf(to, "tocsin_%s %" PRIu64 "\n", full, *tocsin_counter(&c, i, &name));
	if (!of_guests(name))
		return;
	snprintf(full, sizeof(full), "guest_%s_total", name);
	head(to, full, "counter", help(name));
	for (size_t g = 0; g < s->guest_count; g++) {
		c = s->guests[g].counters;
		fprintf(to, "tocsin_%s", full);
		put_guest(to, &s->guests[g]);
		fprintf(to, "} %" PRIu64 "\n", *tocsin_counter(&c, i, &name));
	}
}

static void put_lost(FILE *to, const struct tocsin_status *s)
{
	head(to, "lost_total", "counter", "What was lost, by where");
	for (unsigned int i = 0; i < TOCSIN_LOST_PLACES; i++)
		fprintf(to, "tocsin_lost_total{where=\"%s\"} %" PRIu64 "\n",
			tocsin_lost_name((enum tocsin_lost)i), s->counters.lost[i]);
	head(to, "guest_lost_total", "counter", "What was lost of a guest, by where");
	for (size_t g = 0; g < s->guest_count; g++)
		for (unsigned int i = 0; i < TOCSIN_LOST_PLACES; i++) {
			fputs("tocsin_guest_lost_total", to);
			put_guest(to, &s->guests[g]);
			fprintf(to, ",where=\"%s\"} %" PRIu64 "\n",
				tocsin_lost_name((enum tocsin_lost)i),
				s->guests[g].counters.lost[i]);
		}
}

static void put_gauge(FILE *to, const char *name, const char *text, uint64_t value)
{
	head(to, name, "gauge", text);
	fprintf(to, "tocsin_%s %" PRIu64 "\n", name, value);
}

static void put_guest_gauge(FILE *to, const struct tocsin_status *s, const char *name,
			    const char *text, size_t offset)
{
	head(to, name, "gauge", text);
	for (size_t g = 0; g < s->guest_count; g++) {
		fprintf(to, "tocsin_%s", name);
		put_guest(to, &s->guests[g]);
		fprintf(to, "} %" PRIu64 "\n",
			*(const uint64_t *)(const void *)((const char *)&s->guests[g] + offset));
	}
}

int tocsin_metrics_print(FILE *to, const struct tocsin_status *s)
{
	struct tocsin_tally none = {0};
	const char *name;

	head(to, "build_info", "gauge", "The version that runs");
	fprintf(to, "tocsin_build_info{version=\"%s\"} 1\n", s->version);
	put_gauge(to, "start_time_seconds", "When tocsind started, since the epoch", s->started);
	put_gauge(to, "perceives", "Whether the hypervisor has Tocsin", s->perceives);
	put_gauge(to, "waiting", "Triggers in the queue", s->waiting);
	put_gauge(to, "in_work", "Triggers that workers have", s->in_work);
	put_gauge(to, "queue_capacity", "Triggers that the queue has room for", s->capacity);
	put_gauge(to, "unlogged", "Reports that wait for the log", s->unlogged);
	put_gauge(to, "rules", "YARA rules that are applied", s->rules);
	put_gauge(to, "guests", "Guests that are there", s->guest_count);
	for (unsigned int i = 0; tocsin_counter(&none, i, &name); i++)
		if (strncmp(name, LOST, strlen(LOST)) != 0)
			put_counter(to, s, i, name);
	put_lost(to, s);
	put_guest_gauge(to, s, "guest_waiting", "Triggers of a guest in the queue",
			offsetof(struct tocsin_status_guest, waiting));
	put_guest_gauge(to, s, "guest_in_work", "Triggers of a guest that its worker has",
			offsetof(struct tocsin_status_guest, in_work));
	put_guest_gauge(to, s, "guest_scanned_time_seconds",
			"When the last scan of the whole guest ended, since the epoch",
			offsetof(struct tocsin_status_guest, scanned));
	return ferror(to) ? -EIO : 0;
}

int tocsin_metrics_write(const char *path, const struct tocsin_status *s)
{
	char tmp[PATH_MAX];
	FILE *f;
	int fd, rc;

	/* Not *.prom, which the collector reads. */
	if (snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	f = fdopen(fd, "w");
	rc = f ? tocsin_metrics_print(f, s) : -errno;
	if (!rc && fchmod(fd, 0644))
		rc = -errno;
	errno = EIO;
	if (f ? fclose(f) : close(fd))
		rc = rc ? rc : -errno;
	if (!rc && rename(tmp, path))
		rc = -errno;
	if (rc)
		unlink(tmp);
	return rc;
}
