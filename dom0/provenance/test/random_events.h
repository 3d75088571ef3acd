/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events about a few processes, files and connections, any of which may follow any other, from
 * bytes or from a generator of random numbers: for tests and for fuzzing.
 */
#ifndef TOCSIN_TEST_RANDOM_EVENTS_H
#define TOCSIN_TEST_RANDOM_EVENTS_H

#include "provenance/graph.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define RANDOM_PROCESSES 4u
#define RANDOM_FILES 5u
#define RANDOM_SOCKETS 3u
#define RANDOM_FRESH 6u /* more processes, which start and are hardly heard of again */
#define RANDOM_HANDLES (2 * (RANDOM_PROCESSES + RANDOM_FRESH))
#define RANDOM_BURSTS 190u /* from this byte on: a temporary file */
#define RANDOM_STARTS 230u /* a program that starts */

struct random_plan {
	enum tocsin_trace_kind kind;
	unsigned int who, file;
	uint64_t flags;
};

struct random_world {
	uint64_t time;
	struct tocsin_event_process processes[2];
	struct tocsin_trace_file file;
	struct tocsin_socket socket;
	struct tocsin_finding finding;
	char path[32];
	bool open[RANDOM_FILES][RANDOM_HANDLES];
	bool gone[RANDOM_FILES]; /* no link is left */
	struct random_plan plan[1 + 3 * RANDOM_FILES];
	unsigned int planned, plans, fresh;
	bool lasting; /* no file and no connection ends, so that none begins again */
	struct tocsin_trace_event e;
};

static inline struct tocsin_event_process random_process(unsigned int which)
{
	static const char *const names[RANDOM_PROCESSES] = {"init", "sh", "cc", "httpd"};

	return (struct tocsin_event_process){.pid = 1 + (int32_t)which,
					     .start_time = 10 + which,
					     .uid = which,
					     .comm = names[which % RANDOM_PROCESSES],
					     .exe = "",
					     .cmdline = "",
					     .container = ""};
}

static inline bool random_is_open(const struct random_world *w, unsigned int file,
				  unsigned int *which)
{
	for (unsigned int i = 0; i < RANDOM_HANDLES; i++)
		if (w->open[file][i]) {
			*which = i;
			return true;
		}
	return false;
}

/*
 * As a kernel has it: a file is opened before it is read, one without a link is opened by nobody,
 * and its number is used again when nobody has it open.
 */
static inline enum tocsin_trace_kind random_possible(struct random_world *w,
						     enum tocsin_trace_kind kind, unsigned int file,
						     unsigned int *handle, uint64_t *flags)
{
	bool by_handle = kind == TOCSIN_TRACE_READ || kind == TOCSIN_TRACE_WRITTEN ||
			 kind == TOCSIN_TRACE_MAPPED || kind == TOCSIN_TRACE_SHARED;

	if (by_handle && w->open[file][*handle])
		return kind;
	if (kind == TOCSIN_TRACE_RELEASED || w->gone[file]) {
		if (random_is_open(w, file, handle)) {
			w->open[file][*handle] = false;
			return TOCSIN_TRACE_RELEASED;
		}
		if (!w->gone[file])
			return TOCSIN_TRACE_RELEASED; /* of what nobody saw */
		*flags |= O_CREAT;
		kind = TOCSIN_TRACE_OPENED;
	}
	if (by_handle || kind == TOCSIN_TRACE_OPENED) {
		unsigned int any;

		if ((*flags & O_CREAT) && !w->gone[file] && random_is_open(w, file, &any))
			*flags = 0;
		w->open[file][*handle] = true;
		w->gone[file] = false;
		return TOCSIN_TRACE_OPENED;
	}
	return kind;
}

struct random_choice {
	enum tocsin_trace_kind kind;
	unsigned int who, other, file, handle;
	uint64_t flags;
};

/* Some choices set others in motion: a program that starts, a temporary file. */
static inline void random_burst(struct random_world *w, const uint8_t bytes[3])
{
	static const uint8_t reads[] = {TOCSIN_TRACE_OPENED, TOCSIN_TRACE_READ,
					TOCSIN_TRACE_RELEASED};
	static const uint8_t writes[] = {TOCSIN_TRACE_OPENED, TOCSIN_TRACE_WRITTEN,
					 TOCSIN_TRACE_RELEASED};
	bool start = bytes[0] >= RANDOM_STARTS, early = bytes[1] & 0x40;
	unsigned int file = bytes[2] % RANDOM_FILES, n = 0;
	unsigned int who = bytes[1] % RANDOM_PROCESSES;

	w->planned = 0;
	if (start) {
		if (!early)
			who = RANDOM_PROCESSES + w->fresh++ % RANDOM_FRESH;
		w->plan[n++] = (struct random_plan){TOCSIN_TRACE_EXECUTED, who, 0, 0};
		for (unsigned int i = 0; i < RANDOM_FILES; i++)
			for (unsigned int k = 0; k < 3 && (bytes[1] & 1 << i); k++)
				w->plan[n++] = (struct random_plan){reads[k], who, i, 0};
	} else {
		w->plan[n++] = (struct random_plan){writes[0], who, file, O_CREAT | O_WRONLY};
		if (!early) /* else it is read before */
			w->plan[n++] = (struct random_plan){writes[1], who, file, 0};
		for (unsigned int k = 0; k < 3 && (bytes[1] & 0x80); k++)
			w->plan[n++] = (struct random_plan){
			    reads[k], bytes[1] / 16 % RANDOM_PROCESSES, file, 0};
		if (early)
			w->plan[n++] = (struct random_plan){writes[1], who, file, 0};
		w->plan[n++] = (struct random_plan){writes[2], who, file, 0};
		w->plan[n++] = (struct random_plan){TOCSIN_TRACE_UNLINKED, who, file, 0};
	}
	w->plans = n;
}

static inline struct random_choice random_choose(struct random_world *w, const uint8_t bytes[3])
{
	/* what there is to be merged comes more often */
	static const uint8_t kinds[] = {
	    TOCSIN_TRACE_CREATED,  TOCSIN_TRACE_EXECUTED, TOCSIN_TRACE_EXITED,
	    TOCSIN_TRACE_SIGNAL,   TOCSIN_TRACE_PTRACE,   TOCSIN_TRACE_OPENED,
	    TOCSIN_TRACE_OPENED,   TOCSIN_TRACE_READ,     TOCSIN_TRACE_READ,
	    TOCSIN_TRACE_READ,     TOCSIN_TRACE_MAPPED,   TOCSIN_TRACE_WRITTEN,
	    TOCSIN_TRACE_WRITTEN,  TOCSIN_TRACE_RELEASED, TOCSIN_TRACE_RELEASED,
	    TOCSIN_TRACE_RELEASED, TOCSIN_TRACE_RENAMED,  TOCSIN_TRACE_UNLINKED,
	    TOCSIN_TRACE_MODE,     TOCSIN_TRACE_SHARED,   TOCSIN_TRACE_ACCEPTED,
	    TOCSIN_TRACE_SENT,     TOCSIN_TRACE_RECEIVED, TOCSIN_TRACE_CLOSED,
	    TOCSIN_TRACE_FINDING,  TOCSIN_TRACE_GAP,      TOCSIN_TRACE_CREDENTIALS,
	    TOCSIN_TRACE_MODULE,   TOCSIN_TRACE_FLOW,     TOCSIN_TRACE_CONNECTED};
	struct random_choice c = {.kind = (enum tocsin_trace_kind)kinds[bytes[0] % sizeof(kinds)],
				  .who = bytes[1] % RANDOM_PROCESSES,
				  .other = bytes[1] / 16 % RANDOM_PROCESSES,
				  .file = bytes[2] % RANDOM_FILES,
				  .flags = bytes[1] & 0x80 ? O_CREAT | O_WRONLY : 0};
	bool lasts = bytes[2] & 0x80;

	if (w->lasting && (c.kind == TOCSIN_TRACE_UNLINKED || c.kind == TOCSIN_TRACE_CLOSED))
		c.kind = TOCSIN_TRACE_RELEASED;
	if (w->lasting)
		c.flags = 0;
	if (w->planned == w->plans && bytes[0] >= (w->lasting ? RANDOM_STARTS : RANDOM_BURSTS))
		random_burst(w, bytes);
	if (w->planned < w->plans) {
		const struct random_plan *plan = &w->plan[w->planned++];

		c.kind = plan->kind;
		c.who = plan->who;
		c.file = plan->file;
		c.flags = plan->flags;
		lasts = true;
	}
	c.handle = c.who * 2 + (bytes[2] / 8 % 2 && w->planned == w->plans);
	if ((c.kind >= TOCSIN_TRACE_OPENED && c.kind <= TOCSIN_TRACE_MAPPED) ||
	    c.kind == TOCSIN_TRACE_EXECUTED || c.kind == TOCSIN_TRACE_MODULE ||
	    c.kind == TOCSIN_TRACE_SHARED)
		c.kind = random_possible(w, c.kind, c.file, &c.handle, &c.flags);
	if (c.kind == TOCSIN_TRACE_UNLINKED)
		w->gone[c.file] = lasts;
	return c;
}

static inline void random_objects(struct random_world *w, const struct random_choice *c,
				  uint8_t byte)
{
	w->processes[0] = random_process(c->who);
	w->processes[1] = random_process(c->other);
	snprintf(w->path, sizeof(w->path), "/tmp/%u", c->file);
	w->file = (struct tocsin_trace_file){
	    .path = w->path,
	    .id = {.inode = 100 + c->file, .dev_major = 8, .deleted = w->gone[c->file]},
	    .mode = S_IFREG | 0644,
	    .open = 1 + c->file * 64 + c->handle};
	w->socket = (struct tocsin_socket){.family = AF_INET,
					   .type = SOCK_STREAM,
					   .protocol = IPPROTO_TCP,
					   .local = {10, 0, 0, 1},
					   .remote = {10, 0, 0, 2},
					   .local_port = 80,
					   .remote_port = (uint16_t)(1000 + byte % RANDOM_SOCKETS),
					   .bytes_sent = 10,
					   .bytes_received = 20,
					   .counted = true};
	snprintf(w->finding.rule, sizeof(w->finding.rule), "rule");
}

/* The next event, of three bytes: what, who, with what. It is w's. */
static inline const struct tocsin_trace_event *random_event(struct random_world *w,
							    const uint8_t bytes[3])
{
	struct random_choice c = random_choose(w, bytes);
	struct tocsin_trace_event *e = &w->e;

	w->time += 2 * (bytes[2] / 16 % 4);
	random_objects(w, &c, bytes[2]);
	*e = (struct tocsin_trace_event){.kind = c.kind,
					 .since = w->time,
					 .time = w->time,
					 .guest = "guest",
					 .boot = 1,
					 .who = &w->processes[0],
					 .value = c.flags,
					 .detail = "name",
					 .resolved = true};
	if (c.kind == TOCSIN_TRACE_CREATED || c.kind == TOCSIN_TRACE_SIGNAL ||
	    c.kind == TOCSIN_TRACE_PTRACE)
		e->other = &w->processes[1];
	if (c.kind == TOCSIN_TRACE_SHARED && (bytes[1] & 0x80))
		e->other = &w->processes[1];
	if ((c.kind >= TOCSIN_TRACE_OPENED && c.kind <= TOCSIN_TRACE_MAPPED) ||
	    c.kind == TOCSIN_TRACE_EXECUTED || c.kind == TOCSIN_TRACE_MODULE ||
	    c.kind == TOCSIN_TRACE_SHARED)
		e->file = &w->file;
	if (c.kind == TOCSIN_TRACE_SHARED)
		e->value = 1 + bytes[0] / 64 % 3;
	if (c.kind == TOCSIN_TRACE_PTRACE)
		e->value = bytes[2] & 1 ? PTRACE_POKEDATA : PTRACE_PEEKDATA;
	if (c.kind == TOCSIN_TRACE_RENAMED)
		e->to = "/tmp/new";
	if (c.kind == TOCSIN_TRACE_FINDING)
		e->finding = &w->finding;
	if (c.kind >= TOCSIN_TRACE_BOUND && c.kind <= TOCSIN_TRACE_NAME)
		e->socket = &w->socket;
	return e;
}

/* Is it a question for a moment within a start-up that node is part of? */
static inline bool random_within_startup(const struct tocsin_provenance *g, uint32_t node,
					 uint64_t time)
{
	for (uint32_t i = 0; i < tocsin_provenance_edges(g); i++) {
		const struct tocsin_trace_edge *e = tocsin_provenance_edge(g, i);

		if (!e || tocsin_provenance_node(g, e->from)->kind != TOCSIN_TRACE_STARTUP ||
		    time < e->leaves || time > e->left)
			continue;
		if (e->to == node)
			return true;
		for (uint32_t k = tocsin_provenance_next(g, e->from, true, TOCSIN_TRACE_NONE);
		     k != TOCSIN_TRACE_NONE; k = tocsin_provenance_next(g, e->from, true, k))
			if (tocsin_provenance_edge(g, k)->from == node)
				return true;
	}
	return false;
}

#endif
