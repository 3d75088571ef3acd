// SPDX-License-Identifier: GPL-2.0-or-later
/* tocsin trace on|off|status: calls of a running guest's kernel functions. */
#include "cli/trace.h"
#include "cli/command.h"
#include "cli/domain.h"
#include "trace/view.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define END_MS 30000 /* how long the process that traces may take to end */
#define LOOK_MS 20

static const struct action {
	const char *name, *title;
	int (*run)(int argc, char **argv);
} actions[] = {
    {"on", "trace on", trace_on},
    {"off", "trace off", trace_off},
    {"status", "trace status", trace_status},
};

int command_trace(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(argv[1], actions[i].name) != 0)
			continue;
		argv[1] = (char *)actions[i].title; /* for what is said of the arguments */
		return actions[i].run(argc - 1, argv + 1);
	}
	fputs("tocsin trace: on, off or status?\n", stderr);
	return EXIT_USAGE;
}

/* Ask who traces to end, and wait until it has. -ETIMEDOUT: it does not. */
static int end_holder(uint32_t domid, pid_t holder)
{
	const struct timespec look = {.tv_nsec = LOOK_MS * 1000000};

	if (kill(holder, SIGTERM) && errno != ESRCH)
		return -errno;
	for (int waited = 0; waited < END_MS; waited += LOOK_MS) {
		if (!tocsin_state_holder(TOCSIN_STATE_FOLDER, domid))
			return 0;
		nanosleep(&look, NULL);
	}
	return -ETIMEDOUT;
}

static int clean(const struct tocsin_domain *d, struct tocsin_error *err)
{
	struct tocsin_state state;
	int rc = tocsin_state_open(TOCSIN_STATE_FOLDER, d->domid, d->uuid, &state, NULL, err);

	if (rc)
		return rc;
	rc = tocsin_view_clean(&state, err);
	tocsin_state_close(&state);
	return rc;
}

int trace_off(int argc, char **argv)
{
	struct tocsin_error err = {0};
	uint32_t view = 0, sites = 0;
	struct tocsin_host *h;
	struct tocsin_domain d;
	const char *name;
	pid_t holder;
	int rc = 0;

	if (domain_arguments(argc, argv, NULL, &name, &sites))
		return EXIT_USAGE;
	if (domain_open("trace off", name, &h, &d))
		return EXIT_FAILED;
	tocsin_host_close(h);
	holder = tocsin_state_holder(TOCSIN_STATE_FOLDER, d.domid);
	if (holder) {
		rc = end_holder(d.domid, holder);
		if (rc)
			tocsin_error_set(&err, rc, "process %d, which traces it, does not end: %s",
					 holder, strerror(-rc));
	}
	if (!rc)
		rc = tocsin_view_account(d.domid, &view, &sites, &err);
	/* It ended without taking everything away: it was killed. */
	if (!rc && (view || sites))
		rc = clean(&d, &err);
	if (rc) {
		fprintf(stderr, "tocsin trace off: %s\n", err.message);
		return EXIT_FAILED;
	}
	printf("domain %" PRIu32 ": not traced\n", d.domid);
	return EXIT_DONE;
}

static int print_status(const struct tocsin_domain *d, struct tocsin_error *err)
{
	pid_t holder = tocsin_state_holder(TOCSIN_STATE_FOLDER, d->domid);
	uint32_t view = 0, sites = 0;
	int rc = tocsin_view_account(d->domid, &view, &sites, err);

	if (rc)
		return rc;
	if (!view && !sites)
		printf("domain %" PRIu32 ": not traced\n", d->domid);
	else if (holder)
		printf("domain %" PRIu32 ": traced by process %d, %" PRIu32
		       " functions, in view %" PRIu32 "\n",
		       d->domid, holder, sites, view);
	else
		printf("domain %" PRIu32 ": traced by a process that died, %" PRIu32
		       " functions, in view %" PRIu32 "; tocsin trace off ends it\n",
		       d->domid, sites, view);
	return 0;
}

int trace_status(int argc, char **argv)
{
	struct tocsin_error err = {0};
	struct tocsin_domain *list = NULL, one;
	struct tocsin_host *h;
	uint32_t unused = 0;
	const char *name;
	size_t count = 1;
	int rc = 0;

	if (argc > 1) {
		if (domain_arguments(argc, argv, NULL, &name, &unused))
			return EXIT_USAGE;
		if (domain_open("trace status", name, &h, &one))
			return EXIT_FAILED;
	} else {
		rc = tocsin_host_open(&h, &err);
		if (!rc) {
			rc = tocsin_host_list(h, &list, &count, &err);
			if (rc)
				tocsin_host_close(h);
		}
	}
	if (!rc)
		tocsin_host_close(h);
	for (size_t i = 0; i < count && !rc; i++)
		if (!list || list[i].hvm)
			rc = print_status(list ? &list[i] : &one, &err);
	free(list);
	if (rc)
		fprintf(stderr, "tocsin trace status: %s\n", err.message);
	return rc ? EXIT_FAILED : EXIT_DONE;
}
