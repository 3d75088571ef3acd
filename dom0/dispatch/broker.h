/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The broker: takes triggers, has workers treat them, signs what they found, and hands reports to
 * the writer. It reads no byte of a guest. One thread takes the trace buffers' events into an
 * inbox, whatever goes on, since a full buffer loses triggers; all else is one loop.
 *
 * Every trigger that is accepted is one struct tocsin_todo until its report is on its way: it waits
 * in its guest's lane, or is with its guest's worker.
 *
 * broker.c has the loop, intake.c the way in, guests.c the guests and their workers, reports.c the
 * way out.
 */
#ifndef TOCSIN_BROKER_H
#define TOCSIN_BROKER_H

#include "config/config.h"
#include "dispatch/message.h"
#include "dispatch/state.h"
#include "dispatch/supervisor.h"

#include <pthread.h>

struct tocsin_broker;
struct tocsin_guest;

/* Runs until SIGTERM. again: it replaces one that died. Returns the exit code. */
int tocsin_broker_run(struct tocsin_daemon_settings *s, int supervisor, bool again);

/* What epoll tells of; a member of what it belongs to. */
struct tocsin_watch {
	void (*ready)(struct tocsin_broker *b, struct tocsin_watch *w, uint32_t events);
	int fd; /* -1: none */
};

struct tocsin_todo {
	struct tocsin_todo *next;
	uint64_t id;
	struct tocsin_event event;
	uint8_t attempts; /* workers that died or hung over it */
	bool stored;      /* in the state */
	bool alone;       /* a worker died that had it: another gets it alone */
	bool told;        /* its outcome has come */
	bool unwritten;   /* then its slot is being written */
	uint8_t *outcome; /* as it came, owned */
	size_t outcome_size;
	bool written_before; /* perhaps: a worker died that had this outcome's slot to write */
	uint32_t verdict;
	bool coalesced;
	enum tocsin_report_kind kind; /* of the outcome */
};

struct tocsin_todos {
	struct tocsin_todo *first, *last;
	size_t count;
};

enum tocsin_worker_state { TOCSIN_WORKER_NONE, TOCSIN_WORKER_STARTING, TOCSIN_WORKER_READY };

struct tocsin_guest {
	struct tocsin_watch watch; /* its worker's socket; first */
	struct tocsin_guest *next;
	struct tocsin_domain domain;
	struct tocsin_tally counters;
	struct tocsin_todos lane, sent;
	struct tocsin_todo *fresh; /* in the lane: the first that is not in the state; NULL: none */
	/* its worker */
	enum tocsin_worker_state worker;
	uint64_t start; /* the number of its START */
	int pidfd;
	uint32_t pid;
	bool outdated;       /* has old rules: it gets no more, and ends when it has done */
	bool kept;           /* it has said that it has kept a kernel */
	bool hung;           /* it has said so */
	uint64_t deadline;   /* by which it must have said something; 0: none */
	uint64_t look_at;    /* when to look whether it sleeps over what it was sent */
	uint64_t asleep;     /* since when it surely has; 0: not that is known */
	uint64_t switches;   /* of its threads, then */
	uint64_t used;       /* when it last had something to do */
	uint64_t restart_at; /* not before */
	/* tickets */
	uint32_t last_ticket;
	bool has_ticket;
	uint64_t missing, missing_before; /* tickets not seen; as of the last tick */
	bool dirty;                       /* last_ticket is not in the state */
	bool gone;                        /* to be freed at the end of the turn */
};

/* A report that the writer has not told to be in the log. */
struct tocsin_pending_report {
	struct tocsin_pending_report *next;
	uint64_t number, task; /* task: its id in the state; 0: none */
	size_t size;
	uint8_t bytes[];
};

struct tocsin_reports {
	struct tocsin_watch watch; /* the writer's socket; first */
	struct tocsin_pending_report *first, *last, *unsent;
	size_t bytes;
	uint64_t number;    /* of the last one made */
	uint64_t suspect;   /* up to this one they are sent alone: a writer died over one of them */
	unsigned int tries; /* writers that died over the first one, alone */
	uint32_t error;     /* of the log, as the writer told; 0: none */
	bool reopening;     /* the log, as soon as the writer has written what it has */
	uint64_t restart_at;
};

struct tocsin_broker {
	struct tocsin_daemon_settings *s; /* its own: as the configuration says now */
	struct tocsin_backend *backend;
	struct tocsin_tally *counters;
	struct tocsin_signer *signer;
	struct tocsin_daemon_state *state;
	bool state_failed; /* and it was said */
	int epoll;
	struct tocsin_watch supervisor, signals, queued, domains;
	struct tocsin_guest *guests, *turn;
	size_t waiting; /* tasks in lanes and with workers */
	bool more;      /* could be begun than a turn is for */
	uint64_t next_id;
	uint64_t starts; /* of workers */
	struct tocsin_reports reports;
	uint64_t lost_untold[TOCSIN_LOST_PLACES];
	struct tocsin_switch *switches;
	struct tocsin_known *known;
	struct tocsin_errand *errands;
	struct tocsin_service *service;
	uint64_t next_tick, next_look, next_prune, now;
	uint64_t commit_at; /* when what is in the state's transaction is to be committed */
	uint64_t stop_at;   /* 0: not stopping */
	bool failed;
	bool again; /* takes the place of one that died */
	/* shared with the capture thread */
	pthread_t thread;
	bool capturing;
	int quit;
	pthread_mutex_t lock;
	struct tocsin_event *inbox, *taken;
	size_t inbox_count, inbox_room, taken_room;
	bool news; /* something is in the inbox, or lost; the capture thread's alone */
	uint64_t inbox_lost[TOCSIN_LOST_PLACES];
	int capture_failed; /* negative errno: the thread has ended */
	struct tocsin_tap *taps;
	struct tocsin_watch tap_door; /* where they come in; the broker's alone */
};

#define TOCSIN_SECOND 1000000000ull
#define TOCSIN_COMMIT_PERIOD (TOCSIN_SECOND / 200)

int tocsin_broker_watch(struct tocsin_broker *b, struct tocsin_watch *w, uint32_t events);
void tocsin_broker_unwatch(struct tocsin_broker *b, struct tocsin_watch *w);
/* Say once that the state cannot be written. */
void tocsin_broker_state(struct tocsin_broker *b, int rc);

void tocsin_todos_append(struct tocsin_todos *t, struct tocsin_todo *task);
struct tocsin_todo *tocsin_todos_take(struct tocsin_todos *t);

/* ---- intake.c ---- */

int tocsin_intake_start(struct tocsin_broker *b, bool keep, struct tocsin_error *err);
/* No event comes any more; what has come is in the inbox. */
void tocsin_intake_stop(struct tocsin_broker *b);
/* Take the inbox's events: tasks into lanes, losses to the log. */
void tocsin_intake_take(struct tocsin_broker *b);
/* What an earlier broker left. */
void tocsin_intake_restore(struct tocsin_broker *b);
/* Count a loss, which is told with the next tick. */
void tocsin_intake_lost(struct tocsin_broker *b, struct tocsin_guest *g, enum tocsin_lost place,
			uint64_t count);
/* Once a second. */
void tocsin_intake_tick(struct tocsin_broker *b);
/* Put what is new into the state, and commit. */
void tocsin_intake_store(struct tocsin_broker *b, bool force);

/* ---- guests.c ---- */

/* The guest, or NULL: there is none, with the reason. */
struct tocsin_guest *tocsin_guest_find(struct tocsin_broker *b, uint32_t domid,
				       struct tocsin_error *err);
/* Give the workers what is waiting, guest by guest in turn. */
void tocsin_guests_pump(struct tocsin_broker *b);
/* Who is gone is let go, at once. */
void tocsin_guests_refresh(struct tocsin_broker *b);
/* Workers that took too long, or have had nothing to do for long. */
void tocsin_guests_tick(struct tocsin_broker *b);
void tocsin_guests_started(struct tocsin_broker *b, const struct tocsin_msg_start *m, int pidfd);
/* All workers have old rules. */
void tocsin_guests_outdate(struct tocsin_broker *b);
void tocsin_guests_bury(struct tocsin_broker *b);
/* The time by which something is to be done; UINT64_MAX: never. */
uint64_t tocsin_guests_deadline(const struct tocsin_broker *b);
void tocsin_guests_free(struct tocsin_broker *b);

/* ---- switches.c ---- */

/* What the state knows of a guest. */
void tocsin_switches_know(struct tocsin_broker *b, const struct tocsin_daemon_state_guest *row);
/* Look at all domains: note how they are switched, and switch on again who was rebooted. */
void tocsin_switches_look(struct tocsin_broker *b);
void tocsin_switches_free(struct tocsin_broker *b);

/* ---- tap.c ---- */

/* Let in who wants the trace buffers' records. Without a place to listen at, nobody comes. */
void tocsin_taps_start(struct tocsin_broker *b);
void tocsin_taps_free(struct tocsin_broker *b);
tocsin_raw_fn tocsin_taps_raw;
/* All records of before this TSC have gone through tocsin_taps_raw. How many milliseconds there may
 * be until the next time; 0: nobody says. */
int tocsin_taps_drained(struct tocsin_broker *b, uint64_t tsc);

/* ---- reports.c ---- */

/* A task has come to its end: count it, report it, free it. guest may be NULL. kind RING, VERDICT,
 * ERROR; its outcome, or the reason. */
void tocsin_report_task(struct tocsin_broker *b, struct tocsin_guest *g, struct tocsin_todo *task,
			bool answered, const char *slot_error, const char *reason);
/* The same of one that is not treated. */
void tocsin_report_refused(struct tocsin_broker *b, struct tocsin_guest *g,
			   struct tocsin_todo *task, const char *reason);
/* And of one that nothing came of, twice. */
void tocsin_report_given_up(struct tocsin_broker *b, struct tocsin_guest *g,
			    struct tocsin_todo *task);
void tocsin_report_loss(struct tocsin_broker *b, uint64_t count, const char *reason);
/* Of a scan of the whole guest: the outcome, and its bytes as they came. */
void tocsin_report_swept(struct tocsin_broker *b, const struct tocsin_domain *d,
			 const struct tocsin_outcome *o, const uint8_t *outcome, size_t size);
/* To the writer, all that it can take now. */
void tocsin_reports_send(struct tocsin_broker *b);
/* Is so much unwritten that nothing more should be begun? */
bool tocsin_reports_full(const struct tocsin_broker *b);
void tocsin_reports_start(struct tocsin_broker *b);
/* The next one opens the log anew. */
void tocsin_reports_reopen(struct tocsin_broker *b);
void tocsin_reports_free(struct tocsin_broker *b);

/* ---- policy.c: what the configuration says of each guest ---- */

/* A domain that is there, whether it ever rang or not. */
struct tocsin_known {
	struct tocsin_known *next;
	struct tocsin_domain domain;
	struct tocsin_policy policy;
	uint64_t next_sweep; /* 0: none is due */
	uint64_t scanned;    /* when the last one ended, seconds since the epoch */
	bool seen;
};

/* All domains that are there now; rates that a policy sets are set, in the list too. */
void tocsin_policy_look(struct tocsin_broker *b, struct tocsin_domain *list, size_t count);
/* The configuration is another one. */
void tocsin_policy_reload(struct tocsin_broker *b);
/* Once a second: sweeps that are due. */
void tocsin_policy_tick(struct tocsin_broker *b);
struct tocsin_known *tocsin_policy_find(struct tocsin_broker *b, uint32_t domid,
					const uint8_t uuid[16]);
uint32_t tocsin_policy_without(struct tocsin_broker *b, const struct tocsin_domain *d);
uint32_t tocsin_policy_actions(struct tocsin_broker *b, const struct tocsin_msg_report *m,
			       uint32_t verdict);
void tocsin_policy_free(struct tocsin_broker *b);

/* ---- errands.c: processes that are started for one task ---- */

/* -EBUSY: one of the guest runs already, or too many do. */
int tocsin_errands_sweep(struct tocsin_broker *b, const struct tocsin_domain *d, uint32_t without);
/* The memory of the process that a report is about, if it has one. */
void tocsin_errands_dump(struct tocsin_broker *b, const struct tocsin_msg_report *m,
			 const struct tocsin_outcome *o);
void tocsin_errands_started(struct tocsin_broker *b, const struct tocsin_msg_start *m, int pidfd);
/* Once a second. */
void tocsin_errands_tick(struct tocsin_broker *b);
void tocsin_errands_free(struct tocsin_broker *b);

/* ---- service.c: what the outside sees ---- */

void tocsin_service_open(struct tocsin_broker *b);
/* It listens: whoever waits for that is told. */
void tocsin_service_ready(struct tocsin_broker *b);
void tocsin_service_reload(struct tocsin_broker *b);
void tocsin_service_tick(struct tocsin_broker *b);
/* A report, as it goes to the writer. */
void tocsin_service_report(struct tocsin_broker *b, const uint8_t *message, size_t size,
			   uint32_t actions);
/* Something else that subscribers are told: a JSON object. */
void tocsin_service_event(struct tocsin_broker *b, const char *json);
void tocsin_service_free(struct tocsin_broker *b);

#endif
