/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside cli/: what is known of one guest at one moment, copied for the live view, so that the
 * guest is sampled on while it is looked at. Bounded; what is beyond the bound is counted.
 */
#ifndef TOCSIN_CLI_WATCH_SNAPSHOT_H
#define TOCSIN_CLI_WATCH_SNAPSHOT_H

#include "monitor/monitor.h"

#define WATCH_SOCKETS_MAX 16384
#define WATCH_PROCESSES_MAX 16384
#define WATCH_COMMAND_SIZE 160
#define WATCH_CONTAINER_SIZE 12 /* digits, as container engines show them */

/* Text is the guest's: any bytes. */
struct watch_socket {
	struct tocsin_event_socket e;
	int32_t pid; /* of a process that holds it; 0: nobody, or not known */
	char comm[TOCSIN_COMM_SIZE + 1];
	char container[WATCH_CONTAINER_SIZE + 1];
	size_t holders;
	bool listens;
	bool rated; /* the next two are known */
	/* bytes a second, payload, since the snapshot before */
	uint64_t received_rate, sent_rate;
};

struct watch_process {
	int32_t pid, ppid;
	uint64_t start_time; /* as in events */
	uint32_t uid, euid;
	bool kernel_thread, exe_deleted, exe_memfd;
	enum tocsin_confidence confidence;
	uint32_t connections, listeners; /* sockets that it holds */
	char comm[TOCSIN_COMM_SIZE + 1];
	char container[WATCH_CONTAINER_SIZE + 1];
	char command[WATCH_COMMAND_SIZE]; /* arguments with spaces between, else the program */
	size_t command_size;
};

struct watch_snapshot {
	struct tocsin_monitor_standing standing;
	struct watch_socket *sockets; /* by VA of struct sock */
	size_t socket_count, sockets_cut;
	struct watch_process *processes; /* by pid */
	size_t process_count, processes_cut;
};

/* Freed with watch_snapshot_free. NULL: no memory. */
struct watch_snapshot *watch_snapshot_take(const struct tocsin_monitor *m);
void watch_snapshot_free(struct watch_snapshot *s);

/*
 * Rates of the connections that were in the snapshot before, which may be NULL. An account that has
 * just begun anew and holds nothing yet is taken over from it.
 */
void watch_snapshot_compare(struct watch_snapshot *s, const struct watch_snapshot *before);

#endif
