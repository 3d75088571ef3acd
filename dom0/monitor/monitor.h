/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The watch over one guest: sample after sample is read, each compared with the one before, and
 * what differs becomes events. Nothing in the guest is stopped or asked.
 *
 * A row that could not be read in one sample is not taken for gone: it is looked for once more by
 * its address, and only what answers no longer, or as something else, has ended.
 *
 * One monitor is for one thread; any number of them may run in a process, each with bounds of its
 * own.
 */
#ifndef TOCSIN_MONITOR_H
#define TOCSIN_MONITOR_H

#include "monitor/event.h"
#include "monitor/view.h"

/*
 * Where samples come from: a guest's kernel, or a test. Lists are handed over as their namesakes in
 * tocsin.h do it. Returns are 0 or a negative errno.
 */
struct tocsin_monitor_source {
	/* A new epoch begins; -ESTALE, -ENODEV: the guest rebooted, is gone. */
	int (*refresh)(void *context, struct tocsin_error *err);
	int (*tasks)(void *context, struct tocsin_task_list *ret, struct tocsin_error *err);
	int (*view)(void *context, struct tocsin_view_memory *memory, struct tocsin_view *ret,
		    struct tocsin_error *err);
	int (*counters)(void *context, struct tocsin_counters *ret);
	/* container: "" if it is in none. -ESRCH: no such process any more. */
	int (*process)(void *context, int32_t pid, struct tocsin_process *ret, char container[65]);
	int (*socket)(void *context, uint64_t sock, struct tocsin_socket *ret);
	uint64_t (*now)(void *context); /* nanoseconds since the epoch */
	uint64_t boot;   /* as in events: to tell this boot of the guest from others */
	uint64_t booted; /* when that was by this machine's clock; 0: not known */
};

/* The source that reads kernel k, which must outlive it. */
void tocsin_monitor_source_kernel(struct tocsin_kernel *k, struct tocsin_monitor_source *ret);

struct tocsin_monitor;

/*
 * guest: its name, copied. take is called for every event, with context. Closed by the caller.
 */
int tocsin_monitor_open(const char *guest, const struct tocsin_monitor_source *source,
			void *source_context, tocsin_event_take *take, void *context,
			struct tocsin_monitor **ret, struct tocsin_error *err);
void tocsin_monitor_close(struct tocsin_monitor *m);

/*
 * Take one sample. events: how many events it made. A sample that fails (its reason in err) leaves
 * the watch as it was, and counts in the account; -ESTALE and -ENODEV are for good. What take
 * returns is passed on.
 */
int tocsin_monitor_sample(struct tocsin_monitor *m, size_t *events, struct tocsin_error *err);

/* State the account of all samples since the last one, and begin a new one. */
int tocsin_monitor_account(struct tocsin_monitor *m);

/* State that the watch ends, and why. */
int tocsin_monitor_end(struct tocsin_monitor *m, const char *why);

/* A process of the guest rang: state it, with what is known of the process (by pid, 0: nothing). */
int tocsin_monitor_ring(struct tocsin_monitor *m, int32_t pid, const char *operation);

/* All that is known now, for a live view: each socket, then each process. Stops when it returns
 * nonzero, and returns that. */
typedef int tocsin_monitor_visit(const struct tocsin_event_process *p,
				 const struct tocsin_event_socket *s, int32_t fd, size_t holders,
				 void *context);
int tocsin_monitor_each_socket(const struct tocsin_monitor *m, tocsin_monitor_visit *visit,
			       void *context);
int tocsin_monitor_each_process(const struct tocsin_monitor *m, tocsin_monitor_visit *visit,
				void *context);

/* The same, for each process that holds a socket, and its lowest descriptor. */
int tocsin_monitor_each_holder(const struct tocsin_monitor *m, tocsin_monitor_visit *visit,
			       void *context);

/* Does it wait for others to connect, or to send: the kinds that LISTENING events are of. */
bool tocsin_monitor_listens(const struct tocsin_event_socket *s);

struct tocsin_monitor_standing {
	uint64_t time;   /* end of the last sample that did not fail, as in events; 0: none yet */
	uint64_t booted; /* of the source */
	struct tocsin_event_account account; /* as it would be stated now */
};

void tocsin_monitor_standing(const struct tocsin_monitor *m, struct tocsin_monitor_standing *ret);

/* How soon to sample again. */
struct tocsin_pace {
	uint64_t least, most; /* nanoseconds between beginnings of samples */
	double share;         /* of one processor's time that sampling may take: 0.05 */
	uint64_t period;      /* now; 0: begin with the least */
	uint64_t affordable;  /* no sample sooner than this, whatever it is for */
};

/* Quicker while something happens, slower while nothing does, never beyond its share. */
void tocsin_pace_step(struct tocsin_pace *p, size_t events, uint64_t cost);

#endif
