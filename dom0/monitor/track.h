/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside monitor/: what is known of a guest's processes and sockets from sample to sample.
 *
 * A record of a process is shared: the table, its sockets and its children's records hold it, so
 * that it can still be named when it is gone.
 */
#ifndef TOCSIN_MONITOR_TRACK_H
#define TOCSIN_MONITOR_TRACK_H

#include "monitor/monitor.h"

struct person {
	struct tocsin_event_process p; /* its texts are in the record, but for container */
	struct person *parent;         /* NULL: not known */
	unsigned int references;
	uint64_t task, mm;
	uint64_t looked; /* at its row, last: the beginning of that sample */
	uint32_t exec_id;
	bool exec_known; /* exec_id is of the program that the record is of */
	bool fresh;      /* it began in this sample */
	char container[65];
	char texts[]; /* comm, exe, cmdline */
};

struct people {
	struct person **at; /* by pid */
	size_t count, room;
};

enum role {
	ROLE_NONE, /* nothing to tell of yet */
	ROLE_LISTENER,
	ROLE_CONNECTION, /* and sockets that have none: raw, packet, netlink, ... */
	ROLE_LEFTOVER    /* TIME_WAIT, half open: the protocol's, nobody's */
};

struct holding {
	struct person *who;
	int32_t fd; /* the lowest */
};

struct tracked {
	struct tocsin_event_socket e;
	enum role role;
	bool announced; /* its beginning was stated */
	bool hides;     /* it was stated that it is in one view only */
	uint8_t torn;   /* samples in a row in which its row did not hold still */
	uint8_t absent; /* samples in a row in which it was held, and missing in its table */
	uint8_t waited; /* samples in which it waited for somebody to hold it */
	struct holding *holders;
	size_t count;
	struct person *last; /* who held it last, or does; NULL: never seen */
};

struct sockets {
	struct tracked *at; /* by VA of struct sock */
	size_t count, room;
};

/* A connection that was stated as closed, until its TIME_WAIT has had time to be seen; a TIME_WAIT.
 */
struct ended {
	uint64_t key;
	unsigned int samples; /* since */
};

struct tocsin_monitor {
	char *guest;
	struct tocsin_monitor_source source;
	void *source_context;
	tocsin_event_take *take;
	void *context;
	bool begun, initial;
	uint64_t began, since, now; /* beginning of this sample, of the one before; end of this */
	uint64_t next_id;
	size_t events;
	struct people people;
	struct sockets sockets;
	struct tocsin_view_memory memory;
	unsigned int broken[TOCSIN_TABLES]; /* samples in a row in which a part was missing */
	struct ended *ended;
	size_t ended_count, ended_room;
	int32_t *stdin_pids; /* in this sample: whose descriptor 0 is a connection; sorted */
	size_t stdin_count;
	/* the account */
	struct tocsin_event_account account;
	struct tocsin_counters counters, counters_then; /* now, and at the account before */
	uint64_t cost, spans;                           /* sums over its samples, nanoseconds */
};

/* A new record, of which the caller holds the one reference. NULL: no memory. */
struct person *tocsin_person_new(const struct tocsin_process *row, const char *container);
struct person *tocsin_person_hold(struct person *who);
void tocsin_person_drop(struct person *who);

/* The record of pid in the table; NULL. */
struct person *tocsin_people_find(const struct people *people, int32_t pid);
/* The same; one that is not in the table yet is read, and stated as started. -ESRCH. */
int tocsin_people_meet(struct tocsin_monitor *m, int32_t pid, struct person **ret);

/*
 * What can have changed since its row was read, and matters when it has a new connection: its file
 * may be deleted, its user another. Once in a sample.
 */
void tocsin_people_look_again(struct tocsin_monitor *m, struct person *who);

/*
 * Compare with the sample's list: new ones and executions are stated at once; of those gone, gone
 * gets the records, with their references, to be stated after their sockets are.
 */
int tocsin_people_update(struct tocsin_monitor *m, const struct tocsin_task_list *tasks,
			 struct people *gone);
void tocsin_people_clear(struct people *people);

int tocsin_sockets_update(struct tocsin_monitor *m, const struct tocsin_view *view);
void tocsin_sockets_clear(struct sockets *sockets);

/* Sorted out of the sample's view: whose descriptor 0 is a connection. -ENOMEM. */
int tocsin_people_stdin(struct tocsin_monitor *m, const struct tocsin_view *view);

/* Fill in what all events of this sample share, and hand it over. */
int tocsin_monitor_state(struct tocsin_monitor *m, struct tocsin_event *e);

#endif
