/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the checks of `tocsin doctor` share. A group of checks is a file and its line in the table
 * of doctor.c; each check says one line, and what to do about it if it does not pass.
 */
#ifndef TOCSIN_CLI_DOCTOR_H
#define TOCSIN_CLI_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

enum doctor_result {
	DOCTOR_PASS,
	DOCTOR_WARN, /* it runs, but not as well, or not for long */
	DOCTOR_FAIL, /* the main job is not possible like this */
	DOCTOR_SKIP  /* not checked, because of another check that failed */
};

/* Where the checks look; tests have places of their own. */
struct doctor_places {
	const char *proc, *sys, *dev, *state, *log, *run, *key, *config;
	const char *rules[4], *watch_rules[3]; /* folders, NULL-terminated; absent ones are none */
};

struct doctor_line {
	enum doctor_result result;
	char check[80], text[320], remedy[320]; /* remedy "": nothing to do */
};

struct doctor {
	struct doctor_places places;
	struct doctor_line *lines;
	size_t count;
	bool failed; /* to keep a line: no memory */
	bool no_xen; /* doctor_xen found none, so that who needs it need not try */
};

/* remedy NULL: nothing to do. */
void doctor_say(struct doctor *d, enum doctor_result result, const char *check, const char *remedy,
		const char *format, ...) __attribute__((format(printf, 5, 6)));

/* All groups. Free with doctor_free. */
void doctor_run(struct doctor *d);
void doctor_free(struct doctor *d);

/* The groups. */
void doctor_dom0(struct doctor *d);  /* privileges, and what the kernel of dom0 has */
void doctor_files(struct doctor *d); /* rules, key, room on disks */
#ifdef HAVE_XEN
void doctor_xen(struct doctor *d);     /* the hypervisor, and each guest */
void doctor_buffers(struct doctor *d); /* who takes Xen's trace buffers */
#endif

#endif
