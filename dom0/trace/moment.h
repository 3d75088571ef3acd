/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside trace/: a call, while events are made of it, and what is remembered from call to call. */
#ifndef TOCSIN_TRACE_MOMENT_H
#define TOCSIN_TRACE_MOMENT_H

#include "introspect/object.h"
#include "trace/events.h"
#include "trace/pending.h"
#include "trace/ports.h"
#include "trace/table.h"
#include "trace/uses.h"

#define TRACE_FILES 4096u /* dentries whose files are remembered */
#define TRACE_SOCKETS 1024u
#define TRACE_ENDS 256u
#define TRACE_PROTOCOLS 4

/* An inode's number is gone from its dentry as soon as that was unlinked. */
struct known_name {
	uint64_t dentry, inode, hash;
	struct tocsin_file_id id;
	uint32_t mode;
};

/* Of a socket that was connected, accepted or bound, for when it is closed. */
struct known_socket {
	uint64_t va;   /* of struct sock; 0: none */
	uint64_t read; /* when */
	struct tocsin_socket socket, carried;
	uint32_t number; /* of the call */
	int32_t pid;     /* whose call it was */
	uint64_t start_time;
	bool lasts; /* data goes through it until it is closed */
	bool certain;
};

/* Which way the memory of another is about to be used. */
struct trace_way {
	uint64_t stack;     /* the thread's; 0: none */
	uint32_t open_mode; /* TOCSIN_OPEN_READ or TOCSIN_OPEN_WRITE */
};

/* What a thread is about to open a file for, as a call carried it by value. */
struct trace_use {
	uint64_t stack; /* the thread's; 0: none */
	uint32_t flags; /* of open */
};

/* Where it is about to connect to. */
struct trace_ends {
	uint64_t stack; /* the thread's; 0: none */
	uint64_t time;  /* of the call */
	uint64_t six;   /* VA of the remote address, if it is of IPv6 */
	uint32_t local, remote;
	uint16_t port; /* remote; all in network order */
};

struct tocsin_traced_events {
	struct tocsin_kernel *k;
	struct tocsin_who_cache *who;
	struct trace_queue queue;
	struct trace_sink sink;
	uint64_t (*clock)(void);
	uint64_t calls, delay, delay_most; /* in nanoseconds: of all together, the most */
	uint64_t looked;   /* the time that who is asked with: the guest's clock is read for each */
	uint64_t doubt;    /* when it last was not known who was made */
	bool sockets_told; /* it is seen when memory becomes a socket, so what is left of one is its
			      own */
	bool inodes_told;  /* the same of inodes */
	uint32_t first_ns; /* the mount namespace that is not told of; 0: not known */
	/* Rows of the table that tell of what paths are read through and are not recorded now, as
	 * bits; and until when any was not. */
	uint64_t paths_untold, paths_since;
	struct trace_pending spare;          /* in place of an event that there is no memory for */
	uint64_t protocols[TRACE_PROTOCOLS]; /* VAs of struct proto; 0: not known */
	struct tocsin_object object;         /* the one that was read last */
	struct known_name names[TRACE_FILES];
	struct known_socket sockets[TRACE_SOCKETS];
	struct trace_ends ends[TRACE_ENDS];
	struct trace_use opens[TRACE_ENDS];
	struct trace_way ways[TRACE_ENDS];
	struct trace_uses uses;
	struct trace_ports ports;
};

struct trace_moment {
	struct tocsin_traced_events *ev;
	const struct tocsin_trace_row *row;
	const struct tocsin_function *function;
	const struct tocsin_traced_call *call;
	uint64_t args[TOCSIN_TRACE_RECORDED];
	uint64_t va; /* of the row's object; 0: it was not recorded */
	uint64_t time, now;
	struct tocsin_who who;
};

/* An event of this kind, by who called; to be given to trace_add, which also tells if there is no
 * memory. */
struct trace_pending *trace_begin(struct trace_moment *m);
/* Unless p->read says when it was read, that is now. */
int trace_add(struct trace_moment *m, struct trace_pending *p);

/* Not before what was read until now was. */
uint64_t trace_clock(const struct trace_moment *m);

/* 0 if it was not recorded. */
uint64_t trace_argument(const struct trace_moment *m, unsigned int i);
/* Of the row's value. */
uint64_t trace_value(const struct trace_moment *m);

/* Not to be added after all. */
void trace_drop(struct trace_moment *m, struct trace_pending *p);

/* A mount namespace as events tell it. */
uint32_t trace_namespace(const struct trace_moment *m, uint32_t ns);
/* What the object that was read last says of a file. */
void trace_set_file(struct trace_moment *m, struct trace_pending *p);
/* Its paths hold as long as what they were read through is what it was. */
void trace_add_places(struct trace_moment *m, struct trace_pending *p,
		      const struct tocsin_places *through);

/* Into the object that was read last. */
bool trace_read_object(struct trace_moment *m, const char *type, uint64_t va);

/* process.c */
int trace_take_created(struct trace_moment *m);
int trace_take_executed(struct trace_moment *m);
int trace_take_exited(struct trace_moment *m);
int trace_take_credentials(struct trace_moment *m);
int trace_take_other(struct trace_moment *m);
int trace_take_code(struct trace_moment *m);
/* A call that says which way the next one of its thread uses another's memory. */
void trace_take_way(struct trace_moment *m);

/* file.c */
int trace_take_opened(struct trace_moment *m);
int trace_take_released(struct trace_moment *m);
int trace_take_mapped(struct trace_moment *m);
int trace_take_truncated(struct trace_moment *m);
int trace_take_renamed(struct trace_moment *m);
int trace_take_linked(struct trace_moment *m);
int trace_take_unlinked(struct trace_moment *m);
int trace_take_mode(struct trace_moment *m);
/* An event without anything but who and a file. */
int trace_add_file(struct trace_moment *m);
/* Memory becomes an inode: that of a symbolic link, if its thread makes one. */
void trace_take_inode(struct trace_moment *m);
/* Memory becomes a name, or paths through its object end there. */
void trace_take_place(struct trace_moment *m);
/* Calls that carry flags and the inode of what their thread opens. */
void trace_take_use(struct trace_moment *m);
int trace_take_identity(struct trace_moment *m);
/* TOCSIN_OPEN_READ and _WRITE of what the thread opens now; 0: not known. */
uint32_t trace_open_mode(const struct trace_moment *m);

/* connection.c */
void trace_protocols_find(struct tocsin_traced_events *ev);
/* A call that carries addresses of the next one of its thread. */
int trace_take_ends(struct trace_moment *m);
/* The thread does something else: it does not connect there. */
void trace_ends_forget(const struct trace_moment *m);
int trace_take_socket(struct trace_moment *m);
int trace_take_closed(struct trace_moment *m);
/* Memory becomes a socket. */
int trace_take_made(struct trace_moment *m);
/* A process ends, and with it what is not surely known of its sockets. */
int trace_sockets_end(struct trace_moment *m);
/* What is known of the struct sock at sk, or is read of it now, becomes the event's socket. */
int trace_set_socket(struct trace_moment *m, uint64_t sk, struct trace_pending *p);
/* From then on that is not seen. */
void trace_sockets_doubt(struct tocsin_traced_events *ev, uint64_t since);

#endif
