// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who takes Xen's trace buffers. Xen knows only that somebody does, by who has bound VIRQ_TBUF;
 * which process that is, is told from the files that processes hold.
 */
#include "capture/capture.h"
#include "cli/doctor.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRACER "tocsin"

/* Programs that consume the trace buffers; the first is ours, and so is the last: trace on. */
static const char *const consumers[] = {"tocsin-broker", "xentrace", "xenbaked",
					"xenmon",        TRACER,     NULL};

static bool holds(const struct doctor *d, const char *pid, const char *device)
{
	char folder[PATH_MAX], path[PATH_MAX], target[PATH_MAX];
	struct dirent *e;
	bool found = false;
	DIR *dir;

	snprintf(folder, sizeof(folder), "%s/%s/fd", d->places.proc, pid);
	dir = opendir(folder);
	while (dir && !found && (e = readdir(dir))) {
		ssize_t n;

		if (snprintf(path, sizeof(path), "%s/%s", folder, e->d_name) >= (int)sizeof(path))
			continue;
		n = readlink(path, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		found = !strcmp(target, device);
	}
	if (dir)
		closedir(dir);
	return found;
}

static bool is_consumer(const struct doctor *d, const char *pid, char *comm, size_t size)
{
	char path[PATH_MAX];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/comm", d->places.proc, pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (fgets(comm, (int)size, f)) {
		comm[strcspn(comm, "\n")] = '\0';
		for (size_t i = 0; consumers[i] && !found; i++)
			found = !strncmp(comm, consumers[i], strlen(consumers[i]));
	}
	fclose(f);
	return found;
}

/* The one that consumes them: pid and name, or false. */
static bool find_consumer(const struct doctor *d, char *pid, size_t pid_size, char *comm,
			  size_t comm_size)
{
	char device[PATH_MAX];
	struct dirent *e;
	bool found = false;
	DIR *dir = opendir(d->places.proc);

	snprintf(device, sizeof(device), "%s/xen/evtchn", d->places.dev);
	while (dir && !found && (e = readdir(dir))) {
		if (e->d_name[strspn(e->d_name, "0123456789")])
			continue;
		found = is_consumer(d, e->d_name, comm, comm_size) && holds(d, e->d_name, device);
		if (found)
			snprintf(pid, pid_size, "%.15s", e->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void say_consumer(struct doctor *d, const char *pid, const char *comm)
{
	char remedy[128];

	if (!strcmp(comm, consumers[0])) {
		doctor_say(d, DOCTOR_PASS, "trace buffers", NULL,
			   "taken by tocsind (its broker is process %s)", pid);
	} else if (!strcmp(comm, TRACER)) {
		doctor_say(d, DOCTOR_WARN, "trace buffers", "systemctl start tocsind",
			   "taken by tocsin trace on (process %s), which gives them to a tocsind "
			   "that starts; now none listens",
			   pid);
	} else {
		snprintf(remedy, sizeof(remedy), "stop it (kill %s), then start tocsind", pid);
		doctor_say(d, DOCTOR_FAIL, "trace buffers", remedy,
			   "taken by %s (process %s): Xen has one consumer at a time", comm, pid);
	}
}

void doctor_buffers(struct doctor *d)
{
	char pid[16] = "", comm[32] = "";
	struct tocsin_error err = {0};
	int rc;

	if (d->no_xen) {
		doctor_say(d, DOCTOR_SKIP, "trace buffers", NULL,
			   "not checked: no hypervisor answers");
		return;
	}
	/* Asked first, so that nothing is bound while a tocsind starts. */
	if (find_consumer(d, pid, sizeof(pid), comm, sizeof(comm))) {
		say_consumer(d, pid, comm);
		return;
	}
	rc = tocsin_capture_probe(&err);
	if (!rc)
		doctor_say(d, DOCTOR_WARN, "trace buffers", "systemctl start tocsind",
			   "free, so that no tocsind listens");
	else if (rc == -EBUSY)
		doctor_say(d, DOCTOR_FAIL, "trace buffers",
			   "fuser -v /dev/xen/evtchn names who may: stop it, then start tocsind",
			   "taken by a process that is not known as a consumer");
	else
		doctor_say(d, DOCTOR_FAIL, "trace buffers", "run it as root in dom0", "%s",
			   err.message);
}
