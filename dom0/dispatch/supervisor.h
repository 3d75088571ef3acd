/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The supervisor: the process that starts all others of tocsind and sees them end. It compiles the
 * rules, which workers inherit; it holds no key, and reads no byte of a guest.
 */
#ifndef TOCSIN_SUPERVISOR_H
#define TOCSIN_SUPERVISOR_H

#include "config/config.h"
#include "dispatch/counters.h"
#include "dispatch/worker.h"
#include "dispatch/writer.h"

/* Shared by the supervisor and the brokers that follow each other, and mapped in no other process.
 */
struct tocsin_shared {
	struct tocsin_tally now;
	struct tocsin_tally before; /* when this tocsind started: of earlier ones */
	bool loaded;                /* from the state */
	uint64_t rules;             /* that are applied */
};

struct tocsin_daemon_settings {
	struct tocsin_backend *backend;
	struct tocsin_worker_settings worker;
	struct tocsin_writer_settings writer;
	const char *const *rule_folders; /* NULL-terminated */
	/* Of the configuration; NULL: nothing is configured. setup reads it again, and sets what of
	 * the rest it decides; on failure all stays. */
	struct tocsin_config *config;
	int (*setup)(struct tocsin_daemon_settings *s, struct tocsin_error *err);
	const char *config_file; /* NULL: none */
	uint64_t watchdog;       /* microseconds between two signs of life; 0: nobody waits */
	const char *key;
	const char *state; /* an SQLite file; NULL: nothing survives */
	const char *tap;   /* a socket that gives the trace buffers' records (tap.h); NULL: none */
	unsigned int job_seconds;     /* after which a worker is taken for hung */
	unsigned int idle_seconds;    /* after which a worker without work ends; 0: never */
	size_t capacity, share;       /* triggers that may wait: of all guests, of one */
	size_t backlog;               /* bytes of reports that may wait for the log */
	struct tocsin_shared *shared; /* in pages of its own; NULL: the supervisor makes it */
};

/* What is left is who it works for, and where: backend, output, log, rules, key, state, cache. */
#define TOCSIN_DAEMON_DEFAULTS                                                                     \
	{                                                                                          \
		.worker = {.job = {.scan.limits = {.max_bytes = 256u << 20},                       \
				   .coalesce = 100000000u},                                        \
			   .memory = 1ull << 30},                                                  \
		.job_seconds = 120, .idle_seconds = 60, .capacity = 65536, .share = 8192,          \
		.backlog = 32u << 20                                                               \
	}

/* In the foreground until SIGTERM or SIGINT; SIGHUP: rules and log are opened again. Returns the
 * exit code. */
int tocsin_supervise(struct tocsin_daemon_settings *s);

#endif
