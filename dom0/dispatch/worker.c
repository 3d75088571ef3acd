/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/worker.h"
#include "base/pulse.h"
#include "dispatch/kernels.h"
#include "dispatch/message.h"
#include "dispatch/pulse.h"
#include "dispatch/sandbox.h"
#include "introspect/store.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAVY (4u << 20) /* bytes read: after such a job memory is given back */

/* A slot whose answer the broker is yet to sign. */
struct unanswered {
	uint64_t id;
	struct tocsin_slot slot;
};

/* Both rings of TOCSIN_WORKER_DEPTH: what waits to be treated, and then to be answered. */
struct worker {
	int socket;
	struct tocsin_job_guest guest;
	struct tocsin_kernel_store store;
	struct tocsin_jobs *jobs;
	struct tocsin_msg_job waiting[TOCSIN_WORKER_DEPTH];
	size_t first, count;
	struct unanswered unanswered[TOCSIN_WORKER_DEPTH];
	size_t first_unanswered, unanswered_count;
	bool heavy;
};

static struct tocsin_packet in, out;
static uint8_t message[TOCSIN_MESSAGE_MAX];

int tocsin_worker_find_kernel(struct tocsin_job_guest *g, uint64_t cr3, struct tocsin_error *err)
{
	int rc;

	/* Not by the event's CR3: its process may be gone, and the frame in other hands. */
	if (g->kernel && tocsin_kernel_verify(g->kernel, 0)) {
		tocsin_kernel_close(g->kernel);
		g->kernel = NULL;
	}
	if (g->kernel)
		return 0;
	tocsin_pulse_pause();
	rc = tocsin_kernel_open_stored(g->memory, cr3, g->store, &g->kernel, err);
	tocsin_pulse_resume();
	return rc;
}

/* The broker is gone, or does not want it any more. */
static _Noreturn void end(void)
{
	_exit(0);
}

static void flush(struct worker *w)
{
	if (tocsin_packet_send(&out, w->socket, 0))
		end();
}

/* Tell what is in `message`, with the next packet. */
static void say(struct worker *w, size_t size)
{
	if (tocsin_packet_say(&out, w->socket, message, size))
		end();
}

static void say_note(struct worker *w, enum tocsin_message kind, uint64_t id, const char *text)
{
	struct tocsin_msg_note note = {.id = id};

	snprintf(note.text, sizeof(note.text), "%s", text);
	say(w, tocsin_msg_put_note(message, kind, &note));
}

static void take_job(struct worker *w, const uint8_t *bytes, size_t size)
{
	struct tocsin_msg_job job;

	if (w->count + w->unanswered_count == TOCSIN_WORKER_DEPTH ||
	    tocsin_msg_get_job(bytes, size, &job))
		end();
	w->waiting[(w->first + w->count++) % TOCSIN_WORKER_DEPTH] = job;
}

/* What the answer is comes from the broker, which signs it. */
static void take_answer(struct worker *w, const uint8_t *bytes, size_t size)
{
	struct unanswered *u = &w->unanswered[w->first_unanswered];
	struct tocsin_error err = {0};
	struct tocsin_msg_answer m;

	if (!w->unanswered_count || tocsin_msg_get_answer(bytes, size, &m) || m.id != u->id)
		end();
	w->first_unanswered = (w->first_unanswered + 1) % TOCSIN_WORKER_DEPTH;
	w->unanswered_count--;
	if (tocsin_jobs_answer(w->jobs, &u->slot, &m.answer, &err))
		say_note(w, TOCSIN_MSG_WRITTEN, m.id,
			 err.message[0] ? err.message : "the slot cannot be written");
	else
		say_note(w, TOCSIN_MSG_WRITTEN, m.id, "");
}

/* Say what there is to say, wait for a packet, and take all that is in it. That a slot was written
 * is told at once: if this process died, it would be done again. */
static void exchange(struct worker *w)
{
	const uint8_t *bytes;
	size_t size;
	int rc;

	flush(w);
	if (tocsin_packet_receive(&in, w->socket, 0) <= 0)
		end();
	while ((rc = tocsin_packet_next(&in, &bytes, &size)) > 0) {
		if (tocsin_msg_kind(bytes, size) == TOCSIN_MSG_ANSWER)
			take_answer(w, bytes, size);
		else
			take_job(w, bytes, size);
	}
	if (rc < 0)
		end();
	flush(w);
}

/* A scan may take long, and may be the end of this process: nobody who came before it waits for
 * that, and the broker knows which it was. */
static void settle(void *context)
{
	struct worker *w = context;

	flush(w);
	while (w->unanswered_count)
		exchange(w);
}

static void treat(struct worker *w, const struct tocsin_msg_job *job)
{
	const struct tocsin_outcome *o;

	tocsin_pulse_begin();
	tocsin_jobs_leave_out(w->jobs, job->without);
	o = tocsin_jobs_run(w->jobs, &job->record, job->give_up);
	if (w->store.kept[0]) {
		say_note(w, TOCSIN_MSG_KEPT, 0, w->store.kept);
		w->store.kept[0] = '\0';
	}
	w->heavy |= o->bytes_read > HEAVY;
	say(w, tocsin_msg_put_result(message, job->id, o));
	if (o->has_request)
		w->unanswered[(w->first_unanswered + w->unanswered_count++) % TOCSIN_WORKER_DEPTH] =
		    (struct unanswered){job->id, *tocsin_jobs_slot(w->jobs)};
}

/* Nothing to do, as far as is known: what a large job took is given back, to be a small process. */
static void rest(struct worker *w)
{
	tocsin_memory_flush(w->guest.memory);
	if (w->heavy)
		malloc_trim(0);
	w->heavy = false;
}

static _Noreturn void loop(struct worker *w)
{
	struct tocsin_msg_job job;

	for (;;) {
		while (!w->count) {
			if (!w->unanswered_count)
				rest(w);
			exchange(w);
		}
		job = w->waiting[w->first];
		w->first = (w->first + 1) % TOCSIN_WORKER_DEPTH;
		w->count--;
		treat(w, &job);
	}
}

static int prepare(struct worker *w, struct tocsin_backend *b,
		   const struct tocsin_worker_settings *s, uint32_t domid, const uint8_t uuid[16],
		   struct tocsin_error *err)
{
	const struct tocsin_sandbox_limits limits = {.memory = s->memory,
						     .file_size = TOCSIN_STORE_BYTES};
	char folder[256];
	int rc;

	tocsin_sandbox_offer();
	rc = b->open_guest(b, domid, uuid, &w->guest, err);
	if (rc)
		return rc;
	if (s->cache && tocsin_kernels_folder(s->cache, uuid, folder, sizeof(folder))) {
		tocsin_kernel_store_open(&w->store, folder);
		w->guest.store = &w->store;
	}
	rc = tocsin_jobs_new(&s->job, &w->guest, &w->jobs);
	if (rc)
		return tocsin_error_set(err, rc, "no memory for a worker");
	tocsin_jobs_before_scan(w->jobs, settle, w);
	rc = tocsin_pulse_watch(w->guest.memory, w->socket);
	if (rc)
		return tocsin_error_set(err, rc, "cannot watch the worker's progress: %s",
					strerror(-rc));
	return tocsin_sandbox_enter(TOCSIN_SANDBOX_WORKER, TOCSIN_UID_WORKERS + domid, &limits,
				    err);
}

void tocsin_worker_run(struct tocsin_backend *b, const struct tocsin_worker_settings *s,
		       uint32_t domid, const uint8_t uuid[16], int socket)
{
	struct worker w = {.socket = socket, .store.to = -1};
	struct tocsin_error err = {0};
	char name[16];
	int rc;

	snprintf(name, sizeof(name), "tocsin-w-%u", domid);
	prctl(PR_SET_NAME, name);
	tocsin_sandbox_mute(s->keep_stderr);
	rc = tocsin_sandbox_keep(&socket, 1, &err);
	if (!rc)
		rc = prepare(&w, b, s, domid, uuid, &err);
	say_note(&w, TOCSIN_MSG_READY, 0, !rc ? "" : err.message[0] ? err.message : strerror(-rc));
	flush(&w);
	if (rc)
		end();
	loop(&w);
}
