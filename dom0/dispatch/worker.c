/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/worker.h"
#include "dispatch/message.h"
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

struct worker {
	int socket;
	struct tocsin_job_guest guest;
	struct tocsin_kernel_store store;
	struct tocsin_jobs *jobs;
	struct tocsin_msg_job waiting[TOCSIN_WORKER_DEPTH]; /* came while an answer was awaited */
	size_t first, count;
	bool heavy;
};

static uint8_t in[TOCSIN_MESSAGE_MAX], out[TOCSIN_MESSAGE_MAX];

bool tocsin_worker_folder(const char *cache, const uint8_t uuid[16], char *ret, size_t size)
{
	char hex[33];

	for (size_t i = 0; i < 16; i++)
		snprintf(hex + 2 * i, 3, "%02x", uuid[i]);
	return snprintf(ret, size, "%s/%s", cache, hex) < (int)size;
}

int tocsin_worker_find_kernel(struct tocsin_job_guest *g, uint64_t cr3, struct tocsin_error *err)
{
	/* Not by the event's CR3: its process may be gone, and the frame in other hands. */
	if (g->kernel && tocsin_kernel_verify(g->kernel, 0)) {
		tocsin_kernel_close(g->kernel);
		g->kernel = NULL;
	}
	if (g->kernel)
		return 0;
	return tocsin_kernel_open_stored(g->memory, cr3, g->store, &g->kernel, err);
}

/* The broker is gone, or does not want it any more. */
static _Noreturn void end(void)
{
	_exit(0);
}

static void send_out(struct worker *w, size_t size)
{
	if (tocsin_msg_send(w->socket, out, size, -1, 0))
		end();
}

static void send_note(struct worker *w, enum tocsin_message kind, uint64_t id, const char *text)
{
	struct tocsin_msg_note note = {.id = id};

	snprintf(note.text, sizeof(note.text), "%s", text);
	send_out(w, tocsin_msg_put_note(out, kind, &note));
}

/* The kind of the next message, which is in `in`. */
static int receive(struct worker *w, size_t *size)
{
	ssize_t n = tocsin_msg_receive(w->socket, in, NULL, 0);

	if (n <= 0)
		end();
	*size = (size_t)n;
	return tocsin_msg_kind(in, *size);
}

static void push(struct worker *w, size_t size)
{
	struct tocsin_msg_job job;

	if (w->count == TOCSIN_WORKER_DEPTH || tocsin_msg_get_job(in, size, &job))
		end();
	w->waiting[(w->first + w->count++) % TOCSIN_WORKER_DEPTH] = job;
}

/* What the answer is comes from the broker, which signs it. Jobs may come before it does. */
static void write_answer(struct worker *w, uint64_t id)
{
	struct tocsin_error err = {0};
	struct tocsin_msg_answer m;
	size_t size;
	int kind;

	while ((kind = receive(w, &size)) == TOCSIN_MSG_JOB)
		push(w, size);
	if (kind != TOCSIN_MSG_ANSWER || tocsin_msg_get_answer(in, size, &m) || m.id != id)
		end();
	if (tocsin_jobs_answer(w->jobs, &m.answer, &err))
		send_note(w, TOCSIN_MSG_WRITTEN, id,
			  err.message[0] ? err.message : "the slot cannot be written");
	else
		send_note(w, TOCSIN_MSG_WRITTEN, id, "");
}

static void treat(struct worker *w, const struct tocsin_msg_job *job)
{
	const struct tocsin_outcome *o;

	tocsin_jobs_leave_out(w->jobs, job->without);
	o = tocsin_jobs_run(w->jobs, &job->record, job->give_up);
	if (w->store.kept[0]) {
		send_note(w, TOCSIN_MSG_KEPT, 0, w->store.kept);
		w->store.kept[0] = '\0';
	}
	w->heavy |= o->bytes_read > HEAVY;
	send_out(w, tocsin_msg_put_result(out, job->id, o));
	if (o->has_request)
		write_answer(w, job->id);
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
	size_t size;

	for (;;) {
		if (!w->count) {
			rest(w);
			if (receive(w, &size) != TOCSIN_MSG_JOB)
				end();
			push(w, size);
		}
		job = w->waiting[w->first];
		w->first = (w->first + 1) % TOCSIN_WORKER_DEPTH;
		w->count--;
		treat(w, &job);
	}
}

void tocsin_worker_mute(bool keep_stderr)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd < (keep_stderr ? 2 : 3); fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
}

/* If memory gets short, better this than the broker. */
static void offer_to_oom_killer(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "500", 3) != 3)
		errno = 0; /* it is not the kernel's to refuse: then it stays as it was */
	close(fd);
}

static int prepare(struct worker *w, struct tocsin_backend *b,
		   const struct tocsin_worker_settings *s, uint32_t domid, const uint8_t uuid[16],
		   struct tocsin_error *err)
{
	const struct tocsin_sandbox_limits limits = {.memory = s->memory,
						     .file_size = TOCSIN_STORE_BYTES};
	char folder[256];
	int rc;

	offer_to_oom_killer();
	rc = b->open_guest(b, domid, uuid, &w->guest, err);
	if (rc)
		return rc;
	if (s->cache && tocsin_worker_folder(s->cache, uuid, folder, sizeof(folder))) {
		tocsin_kernel_store_open(&w->store, folder);
		w->guest.store = &w->store;
	}
	rc = tocsin_jobs_new(&s->job, &w->guest, &w->jobs);
	if (rc)
		return tocsin_error_set(err, rc, "no memory for a worker");
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
	tocsin_worker_mute(s->keep_stderr);
	rc = tocsin_sandbox_keep(&socket, 1, &err);
	if (!rc)
		rc = prepare(&w, b, s, domid, uuid, &err);
	send_note(&w, TOCSIN_MSG_READY, 0, !rc ? "" : err.message[0] ? err.message : strerror(-rc));
	if (rc)
		end();
	loop(&w);
}
