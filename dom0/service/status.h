/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How tocsind is, at one moment: what metrics, the API and `tocsin status` are made of. Who runs
 * the daemon fills it; nothing here asks anything.
 */
#ifndef TOCSIN_SERVICE_STATUS_H
#define TOCSIN_SERVICE_STATUS_H

#include "dispatch/counters.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct tocsin_status_guest {
	uint32_t domid;
	char name[64];
	uint8_t uuid[16];
	bool on;           /* it may ring */
	uint32_t rate;     /* triggers per second */
	uint32_t worker;   /* its worker's pid; 0: none now */
	uint64_t waiting;  /* triggers in the queue */
	uint64_t in_work;  /* triggers that its worker has */
	uint32_t schedule; /* minutes between scans of the whole guest; 0: none */
	uint64_t scanned;  /* when the last of them ended, seconds since the epoch; 0: none */
	struct tocsin_tally counters;
};

struct tocsin_status {
	const char *version;
	uint64_t started; /* seconds since the epoch */
	uint64_t now;
	bool perceives; /* the hypervisor has Tocsin */
	uint64_t waiting, in_work, capacity;
	uint64_t unlogged;  /* reports that wait for the log */
	uint32_t log_error; /* errno value: why they wait; 0: they do not */
	uint64_t rules;
	const char *config; /* the file; NULL: none */
	struct tocsin_tally counters;
	struct tocsin_status_guest *guests;
	size_t guest_count;
};

/* Prometheus' text format. 0 or -EIO. */
int tocsin_metrics_print(FILE *to, const struct tocsin_status *s);

/* To a file that is whole at each moment. 0 or a negative errno. */
int tocsin_metrics_write(const char *path, const struct tocsin_status *s);

struct json_object;
/* As docs/api.md has it; NULL: no memory. json_object_put(ret). */
struct json_object *tocsin_status_json(const struct tocsin_status *s);

#endif
