/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside trace/: events that are held back until it is known that their objects were what they
 * seemed, in the order of time. */
#ifndef TOCSIN_TRACE_PENDING_H
#define TOCSIN_TRACE_PENDING_H

#include "provenance/event.h"

#define TRACE_PENDING_MAX 32768u
#define TRACE_DETAIL 128
#define TRACE_THREADS 1024u /* whose latest events are found at once */

/* What may be told by calls of its own. */
#define TRACE_USE_FILES 1u
#define TRACE_USE_OUT 2u
#define TRACE_USE_IN 4u
#define TRACE_USE_SOCKETS (TRACE_USE_OUT | TRACE_USE_IN)
#define TRACE_USES 3

struct trace_pending {
	enum tocsin_trace_kind kind;
	uint64_t time, read; /* when it happened, and when its object was read */
	uint64_t key;        /* VA of the object; 0: none that could be another's */
	uint64_t inode;  /* VA of the file's, which all that is told of it was read from; 0: none */
	uint64_t stack;  /* whose call it was; of what waits for its object */
	bool incomplete; /* another call of the thread has its object */
	bool resolved;
	bool inherited;  /* it was open when a program began */
	uint32_t number; /* of the call: names what is not resolved */
	uint64_t value, lost, since;
	unsigned int told;  /* TRACE_USE_...: what calls say of themselves, and is not inferred */
	bool opened;        /* without its object it is named after the opening, by its number */
	bool twice;         /* another call says it too: without its object it is nothing */
	bool reversed;      /* other did it to who */
	bool silent;        /* not told: it only closes the socket */
	bool both_ways;     /* SENT, and RECEIVED: nobody sees which */
	uint32_t open_mode; /* TOCSIN_OPEN_..., of OPENED */
	bool has_who, has_other, has_file, has_socket;
	struct tocsin_event_process who, other;
	char who_comm[TOCSIN_COMM_SIZE + 1], other_comm[TOCSIN_COMM_SIZE + 1];
	struct tocsin_trace_file file;
	char *path, *to; /* owned */
	/* VAs of what these were read through: names, mounts, who's root; owned */
	uint64_t *places;
	uint32_t place_count;
	uint64_t name; /* of these, the file's own; 0: none */
	bool who_resolved;
	/* Of a file, what calls carried of it: it holds also if its memory is another's. */
	char *carried_path; /* owned; NULL: nothing */
	struct tocsin_file_id carried_id;
	uint32_t carried_mode, carried_open; /* as mode of file, and as open_mode */
	uint32_t carried_ns;
	bool carried_sure;
	struct tocsin_socket socket;
	struct tocsin_socket carried; /* of it, what is known anyway; family 0: nothing */
	char detail[TRACE_DETAIL];
};

#define TRACE_KEYS 4096u

static inline uint64_t trace_slot(uint64_t va, uint64_t slots)
{
	return (va * 0x9e3779b97f4a7c15ull >> 32) % slots;
}

/* Of the rows with a key, inode or place of one slot: none happened before, none was read after. */
struct trace_keys {
	uint64_t first, read; /* read 0: there is none */
};

struct trace_queue {
	struct trace_pending **rows;
	size_t count, room;
	uint64_t committed; /* the time of the last that was handed on */
	struct trace_keys keys[TRACE_KEYS];
	/* By slots of stacks, the latest row that opened a file, and that lacks its object. A
	 * thread may take another's place: then what it waits for is not found. */
	struct trace_pending *opened[TRACE_THREADS], *incomplete[TRACE_THREADS];
};

/* Owned by the queue from then on. -ENOMEM: freed. */
int trace_queue_add(struct trace_queue *q, struct trace_pending *p);
/* What is in the queue has another key, inode, place or time of reading. */
void trace_queue_changed(struct trace_queue *q, const struct trace_pending *p);
void trace_queue_clear(struct trace_queue *q);
void trace_pending_free(struct trace_pending *p);
/* Free what it points at. */
void trace_pending_clear(struct trace_pending *p);

/* The object at VA key began at this time: what was read of it later, for something that happened
 * before, was this one. */
void trace_queue_reused(struct trace_queue *q, uint64_t key, uint64_t time);

/* The name at this VA goes elsewhere at this time: a path that was read through it later, for
 * something that happened before, is not the one of then. If it is the file's own, the path is left
 * out: the event that moves it tells what it is called since. */
void trace_queue_moved(struct trace_queue *q, uint64_t place, uint64_t time);

/* The open file at VA key ended then: what was read of it later, where it was opened or used, was
 * another's. */
void trace_queue_closed(struct trace_queue *q, uint64_t key, uint64_t time);

/* From then on these uses are not told by calls. */
void trace_queue_untold(struct trace_queue *q, unsigned int uses, uint64_t since);

/* The same as trace_queue_reused, of events of this kind. */
void trace_queue_redone(struct trace_queue *q, enum tocsin_trace_kind kind, uint64_t key,
			uint64_t time);

enum trace_doubt { TRACE_DOUBT_SOCKETS, TRACE_DOUBT_INODES, TRACE_DOUBT_PATHS };

/* From then on it is not seen when memory becomes a socket, or an inode, or what paths are read
 * through; what was read of one since is not sure. */
void trace_queue_doubt(struct trace_queue *q, enum trace_doubt what, uint64_t since);

/* The latest event of this thread that opened a file; NULL: none. */
struct trace_pending *trace_queue_opened(struct trace_queue *q, uint64_t stack);

/* The latest event of this kind and thread that lacks its object; NULL: none. */
struct trace_pending *trace_queue_incomplete(struct trace_queue *q, enum tocsin_trace_kind kind,
					     uint64_t stack);

/* Its object is not known: it becomes one of its own. */
void trace_pending_unresolve(struct trace_pending *p);

/* What its paths were read through is another's: they may be anything. Which file it is stays. */
void trace_pending_lose_paths(struct trace_pending *p);

struct trace_ports;

struct trace_sink {
	struct trace_ports *ports; /* that hear of what is told; NULL: none */
	const char *guest;
	uint64_t boot;
	tocsin_trace_take *take;
	void *context;
	uint64_t events[TOCSIN_TRACE_KINDS], unresolved[TOCSIN_TRACE_KINDS];
};

/* Hand on those of before this time, and forget them. As take. */
int trace_queue_commit(struct trace_queue *q, uint64_t before, struct trace_sink *to);

#endif
