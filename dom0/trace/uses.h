/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside trace/: what is really read, written, sent and received. Calls say so, the first of each
 * thread with each open file or socket (filter.h); while they are recorded, nothing is taken to be
 * used because it is open.
 */
#ifndef TOCSIN_TRACE_USES_H
#define TOCSIN_TRACE_USES_H

#include "trace/pending.h"

struct trace_moment;
struct tocsin_traced_events;

#define TRACE_OPEN_FILES 4096u
#define TRACE_JOINED 1024u
#define TRACE_UNIX 16384u /* a power of two */

/* Which file an open file is, for as long as it is open. */
struct trace_open_file {
	uint64_t va;   /* of struct file; 0: none */
	uint64_t read; /* when it was */
	uint64_t key, inode;
	uint32_t number; /* as of what is pending */
	bool opened, sure;
	char *path, *carried_path; /* owned */
	uint64_t *places;          /* that they were read through; owned */
	uint32_t place_count;
	uint64_t name; /* VA of its dentry */
	struct tocsin_file_id id, carried_id;
	uint32_t mode, carried_mode;
	uint32_t mount_ns, carried_ns; /* of the paths */
	bool carried_sure;
};

struct trace_uses {
	/* In [began, ended) each of these calls was recorded. */
	uint64_t began[TRACE_USES], ended[TRACE_USES];
	bool at_once;    /* memory of a file that is closed is another's at once */
	bool files_told; /* it is seen when a file is closed */
	struct trace_open_file files[TRACE_OPEN_FILES];
	struct {
		uint64_t socket, sk;
	} joined[TRACE_JOINED];
	/* Of UNIX sockets, which have no addresses: how many calls there had been when its memory
	 * became one. */
	struct {
		uint64_t sk;
		uint32_t number;
	} unixes[TRACE_UNIX];
	uint32_t unix_count;
};

void trace_uses_open(struct tocsin_traced_events *ev);
void trace_uses_close(struct tocsin_traced_events *ev);

/* Bits of TRACE_USE_...: what calls tell at this time. */
unsigned int trace_uses_told(const struct tocsin_traced_events *ev, uint64_t time);
/* The function is recorded from then on, or no more. */
void trace_uses_began(struct tocsin_traced_events *ev, const char *name, uint64_t time);
void trace_uses_stopped(struct tocsin_traced_events *ev, const char *name, uint64_t time);
/* Calls are missing: what was known of open files and sockets may not be so any more. */
void trace_uses_doubt(struct tocsin_traced_events *ev);

/* An open file is what the event says. */
int trace_file_opened(struct tocsin_traced_events *ev, const struct trace_pending *p);
/* An end of a pipe is made, of which a call carries the inode. */
int trace_take_stream(struct trace_moment *m);
/* It is closed: what was read of it since is another's. */
void trace_file_closed(struct trace_moment *m);

/* A socket gets its struct sock; that memory becomes one. */
void trace_socket_joined(struct trace_moment *m, uint64_t socket, uint64_t sk);
void trace_sock_made(struct trace_moment *m);

/* Calls: security_file_permission; get_pipe_info; security_socket_sendmsg and recvmsg. */
int trace_take_file_use(struct trace_moment *m);
int trace_take_splice(struct trace_moment *m);
int trace_take_socket_use(struct trace_moment *m);
/* It is mapped: read, and written if others see it. */
int trace_map_file(struct trace_moment *m);

#endif
