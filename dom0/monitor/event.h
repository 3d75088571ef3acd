/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a watch over guests states: who did what with which connection, and when. The monitor makes
 * events; rules, history, exports and views take them. An event and all it points at are the
 * caller's for the time of one call.
 *
 * Times are nanoseconds since the epoch on dom0's clock. The guest is sampled, not stopped: what an
 * event tells of happened after `since`, the beginning of the sample before, and before `time`, the
 * end of the sample that saw it.
 *
 * Text is the guest's: any bytes, not clean for a terminal.
 */
#ifndef TOCSIN_MONITOR_EVENT_H
#define TOCSIN_MONITOR_EVENT_H

#include "tocsin.h"
#include "verdict/verdict.h"

enum tocsin_event_kind {
	TOCSIN_EVENT_BEGIN, /* the watch over a guest begins: what follows with `initial` was there
			     */
	TOCSIN_EVENT_STARTED,  /* a process; other: its parent */
	TOCSIN_EVENT_EXECUTED, /* a process runs another program; other: as it was before */
	TOCSIN_EVENT_EXITED,
	TOCSIN_EVENT_OPENED,   /* a connection was made from here, or a socket without one: raw, ...
				*/
	TOCSIN_EVENT_ACCEPTED, /* a connection was made to here */
	TOCSIN_EVENT_CLOSED,   /* a connection or a socket that was opened or accepted */
	TOCSIN_EVENT_LISTENING, /* new listener: TCP and UNIX that listen, UDP bound and unconnected
				 */
	TOCSIN_EVENT_UNLISTENED,
	TOCSIN_EVENT_HELD, /* one more process holds the socket; other: one that held it before */
	TOCSIN_EVENT_RELEASED, /* a process holds it no more, others do */
	TOCSIN_EVENT_RING,     /* a process of the guest rang by itself; detail: operation */
	TOCSIN_EVENT_FINDING,  /* a rule matched, or the guest contradicts itself: finding */
	TOCSIN_EVENT_ACCOUNT,  /* how closely the guest was watched since the last one: account */
	TOCSIN_EVENT_END,      /* the guest is gone, or rebooted; detail: why */
	TOCSIN_EVENT_KINDS
};

/* "begin", "started", ..., and back: TOCSIN_EVENT_KINDS if there is no such kind. */
const char *tocsin_event_kind_name(enum tocsin_event_kind kind);
enum tocsin_event_kind tocsin_event_kind_find(const char *name);

/* A process is told apart by pid and start_time together; a PID alone is used again. */
struct tocsin_event_process {
	int32_t pid;
	uint64_t start_time; /* nanoseconds since the guest's boot */
	int32_t ppid;
	uint64_t parent_start_time; /* 0: not known */
	uint32_t uid, euid;
	bool kernel_thread, exe_deleted, exe_memfd;
	bool stdin_socket;   /* descriptor 0 is a connected socket */
	const char *comm;    /* never NULL */
	const char *exe;     /* "" unknown */
	const char *cmdline; /* NUL-separated, cmdline_size bytes; may be "" */
	size_t cmdline_size;
	const char *container; /* 64 digits, or "" */
	enum tocsin_confidence confidence;
};

enum tocsin_direction { TOCSIN_DIRECTION_NONE, TOCSIN_DIRECTION_IN, TOCSIN_DIRECTION_OUT };

/* "", "in", "out" */
const char *tocsin_direction_name(enum tocsin_direction d);

struct tocsin_event_socket {
	uint64_t id;   /* unique in one watch over one guest; VAs of struct sock are used again */
	uint64_t seen; /* when it was first seen */
	enum tocsin_direction direction;
	struct tocsin_socket socket; /* as last seen */
	enum tocsin_confidence confidence;
};

/* Since the account before; a watch can miss what is shorter than a period: here is the evidence.
 */
struct tocsin_event_account {
	uint64_t samples;
	uint64_t failed;             /* samples that could not be taken */
	uint64_t period;             /* nanoseconds between beginnings of samples, mean */
	uint64_t longest;            /* the longest: what lived longer than this was seen */
	uint64_t cost;               /* nanoseconds a sample takes, mean */
	uint64_t processes, sockets; /* there are now */
	uint64_t started;            /* processes and threads seen to begin */
	uint64_t forks;              /* the kernel's own count of them; forks_known */
	uint64_t connected;          /* TCP connections seen to begin */
	uint64_t opens;     /* the kernel's own count: active and passive opens; opens_known */
	uint64_t strangers; /* connections first seen when their process was gone: TIME_WAIT, ... */
	uint64_t torn; /* rows that did not hold still; each was read again in the next sample */
	bool forks_known, opens_known;
};

struct tocsin_event {
	enum tocsin_event_kind kind;
	uint64_t since, time;
	bool initial;      /* it was there when the watch began; since is 0 */
	const char *guest; /* name, or the socket or file that it was opened by */
	uint64_t
	    boot; /* when the guest booted by its own clock, nanoseconds since the epoch, or 0 */
	const struct tocsin_event_process *process; /* who; NULL: nobody, or not known */
	const struct tocsin_event_process *other;   /* see the kinds; NULL: none */
	const struct tocsin_event_socket *socket;   /* NULL: not about one */
	int32_t fd;                                 /* by which process holds socket; -1: none */
	const struct tocsin_finding *finding;       /* of FINDING */
	const struct tocsin_event_account *account; /* of ACCOUNT */
	const char *detail;                         /* never NULL; see the kinds */
};

/* Takes an event; 0, or a negative errno, which ends the watch. */
typedef int tocsin_event_take(const struct tocsin_event *e, void *context);

#endif
