/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The broker's side of errands. They are as hostile as workers: what one says is taken only if it
 * is a result of a sweep, or the end; else it is killed, as is one that takes too long. Nothing of
 * what was asked of it is tried again: a sweep comes again when it is due, and of a dump it is said
 * that there is none.
 */
#include "base/clock.h"
#include "dispatch/broker.h"
#include "dispatch/child.h"
#include "dispatch/errand.h"
#include "output/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <json-c/json.h>

#define RUNNING_MAX 2u /* at once, of all guests */
#define WAITING_MAX 16u
#define SWEEP_SECONDS 3600u
#define DUMP_SECONDS 600u
#define DUMPED_MAX 64u /* processes that are remembered to have been dumped */

struct tocsin_errand {
	struct tocsin_watch watch; /* first; fd -1: it waits for its turn */
	struct tocsin_errand *next;
	struct tocsin_domain domain;
	struct tocsin_msg_start start;
	int pidfd;
	uint64_t deadline, results;
	bool over;
};

/* Processes of which there is a dump already: a program that rings in a loop makes one. */
static struct {
	uint8_t uuid[16];
	uint64_t start_time;
	uint32_t process;
} dumped[DUMPED_MAX];
static size_t dumped_next;

static uint8_t buffer[TOCSIN_MESSAGE_MAX], incoming[TOCSIN_MESSAGE_MAX];
static struct tocsin_outcome outcome; /* large */

static void bury(struct tocsin_broker *b)
{
	for (struct tocsin_errand **at = &b->errands; *at;) {
		struct tocsin_errand *e = *at;

		if (!e->over) {
			at = &e->next;
			continue;
		}
		*at = e->next;
		free(e);
	}
}

/* It is freed with the next tick: the loop may still hold it. */
static void end(struct tocsin_broker *b, struct tocsin_errand *e)
{
	tocsin_broker_unwatch(b, &e->watch);
	tocsin_child_end(e->pidfd);
	e->pidfd = -1;
	e->over = true;
}

/* ---- what came of it ---- */

static void tell_subscribers(struct tocsin_broker *b, const struct tocsin_errand *e,
			     const char *kind, const char *key, const char *value,
			     const char *reason)
{
	struct json_object *o = json_object_new_object();
	char name[sizeof(e->domain.name) * 4 + 1];

	tocsin_output_clean(e->domain.name, strlen(e->domain.name), name, sizeof(name));
	json_object_object_add(o, "schema", json_object_new_int(TOCSIN_SCHEMA_VERSION));
	json_object_object_add(o, "kind", json_object_new_string(kind));
	json_object_object_add(o, "domain", json_object_new_string(name));
	json_object_object_add(o, "id", json_object_new_int64(e->domain.domid));
	if (e->start.errand == TOCSIN_ERRAND_DUMP)
		json_object_object_add(o, "pid", json_object_new_int64(e->start.process));
	if (value)
		json_object_object_add(o, key, json_object_new_string(value));
	if (reason)
		json_object_object_add(o, "reason", json_object_new_string(reason));
	tocsin_service_event(b, json_object_to_json_string_ext(
				    o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

/* What a worker wrote may be anything: for a terminal it is made harmless. */
static const char *clean(const char *text, char ret[TOCSIN_REASON_SIZE])
{
	tocsin_output_clean(text, strlen(text), ret, TOCSIN_REASON_SIZE);
	return ret;
}

static void dump_done(struct tocsin_broker *b, struct tocsin_errand *e, bool good, const char *text)
{
	char path[TOCSIN_CONFIG_PATH + 128] = "", why[TOCSIN_REASON_SIZE];

	if (b->s->config)
		tocsin_errand_file(b->s->config, &e->start, path, sizeof(path));
	fprintf(stderr, "tocsind: the memory of process %u of domain %u (%s) is %s%s: %s\n",
		e->start.process, e->domain.domid, e->domain.name, good ? "in " : "not dumped",
		good ? path : "", clean(text, why));
	if (!good && *path)
		unlink(path); /* half of it */
	tell_subscribers(b, e, "dump", "file", good ? path : NULL, good ? NULL : why);
}

static void sweep_done(struct tocsin_broker *b, struct tocsin_errand *e, bool good,
		       uint64_t scanned, const char *text)
{
	struct tocsin_known *k = tocsin_policy_find(b, e->domain.domid, e->domain.uuid);
	char count[64], why[TOCSIN_REASON_SIZE];

	snprintf(count, sizeof(count), "%" PRIu64 " processes, %" PRIu64 " not clean", scanned,
		 e->results);
	clean(text, why);
	fprintf(stderr, "tocsind: the scan of the whole domain %u (%s) %s: %s%s%s\n",
		e->domain.domid, e->domain.name, good ? "has ended" : "failed", good ? count : why,
		good && *why ? "; " : "", good ? why : "");
	if (k && good)
		k->scanned = tocsin_realtime() / TOCSIN_SECOND;
	tell_subscribers(b, e, "sweep", "scanned", good ? count : NULL, *why ? why : NULL);
}

static void over(struct tocsin_broker *b, struct tocsin_errand *e, int error, uint64_t scanned,
		 const char *text)
{
	end(b, e);
	if (e->start.errand == TOCSIN_ERRAND_DUMP)
		dump_done(b, e, !error, text);
	else
		sweep_done(b, e, !error, scanned, text);
}

/* ---- what it says ---- */

static bool take_result(struct tocsin_broker *b, struct tocsin_errand *e, size_t size)
{
	size_t at;
	uint64_t id;

	if (e->start.errand != TOCSIN_ERRAND_SWEEP ||
	    tocsin_msg_get_result(incoming, size, &id, &outcome, &at) || id != e->results + 1 ||
	    outcome.has_asker || outcome.has_request)
		return false;
	e->results++;
	tocsin_report_swept(b, &e->domain, &outcome, incoming + at, size - at);
	return true;
}

static void on_errand(struct tocsin_broker *b, struct tocsin_watch *w, uint32_t events)
{
	struct tocsin_errand *e = (struct tocsin_errand *)w;
	struct tocsin_msg_note m;
	ssize_t n = 0;
	int left = 64; /* others have their turn too */

	while (w->fd >= 0 && left-- > 0 && !tocsin_reports_full(b)) {
		n = tocsin_msg_receive(w->fd, incoming, NULL, MSG_DONTWAIT);
		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			over(b, e, EIO, 0, "its process died");
			return;
		}
		switch (tocsin_msg_kind(incoming, (size_t)n)) {
		case TOCSIN_MSG_RESULT:
			if (take_result(b, e, (size_t)n))
				continue;
			break;
		case TOCSIN_MSG_DONE:
			if (tocsin_msg_get_note(incoming, (size_t)n, &m))
				break;
			over(b, e, (int)m.error, m.id, m.text);
			return;
		default:
			break;
		}
		over(b, e, EBADMSG, 0, "its process said what it must not, and was killed");
		return;
	}
}

/* ---- beginning ---- */

static int start(struct tocsin_broker *b, struct tocsin_errand *e)
{
	int ends[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	rc = tocsin_msg_send(b->supervisor.fd, buffer,
			     tocsin_msg_put_start(buffer, TOCSIN_MSG_START, &e->start), ends[1], 0);
	close(ends[1]);
	e->watch = (struct tocsin_watch){on_errand, ends[0]};
	if (!rc)
		rc = tocsin_broker_watch(b, &e->watch, EPOLLIN);
	if (rc) {
		close(ends[0]);
		e->watch.fd = -1;
		return rc;
	}
	e->deadline =
	    b->now +
	    (e->start.errand == TOCSIN_ERRAND_DUMP ? DUMP_SECONDS : SWEEP_SECONDS) * TOCSIN_SECOND;
	return 0;
}

/* Those whose turn it is: two at once, and of a guest one of each kind. */
static void start_waiting(struct tocsin_broker *b)
{
	size_t running = 0;

	for (struct tocsin_errand *e = b->errands; e; e = e->next)
		running += e->watch.fd >= 0;
	for (struct tocsin_errand *e = b->errands; e && running < RUNNING_MAX; e = e->next) {
		int rc = e->watch.fd < 0 && !e->over ? start(b, e) : 1;

		if (rc < 0)
			over(b, e, -rc, 0, strerror(-rc));
		running += !rc;
	}
}

static int add(struct tocsin_broker *b, const struct tocsin_domain *d,
	       const struct tocsin_msg_start *m)
{
	static uint64_t last;
	struct tocsin_errand **at = &b->errands, *e;
	size_t count = 0;

	for (; *at; at = &(*at)->next) {
		count += !(*at)->over;
		if (!(*at)->over && m->errand == TOCSIN_ERRAND_SWEEP &&
		    (*at)->start.errand == m->errand && (*at)->domain.domid == d->domid)
			return -EBUSY;
	}
	e = count < WAITING_MAX && !b->stop_at ? calloc(1, sizeof(*e)) : NULL;
	if (!e)
		return -EBUSY;
	e->watch.fd = e->pidfd = -1;
	e->domain = *d;
	e->start = *m;
	e->start.domid = d->domid;
	memcpy(e->start.uuid, d->uuid, sizeof(e->start.uuid));
	/* Names files too, which another broker may have made. */
	e->start.id = tocsin_realtime() / 1000000u;
	if (e->start.id <= last)
		e->start.id = last + 1;
	last = e->start.id;
	*at = e;
	start_waiting(b);
	return 0;
}

int tocsin_errands_sweep(struct tocsin_broker *b, const struct tocsin_domain *d, uint32_t without)
{
	struct tocsin_msg_start m = {.errand = TOCSIN_ERRAND_SWEEP, .without = without};

	return add(b, d, &m);
}

void tocsin_errands_dump(struct tocsin_broker *b, const struct tocsin_msg_report *r,
			 const struct tocsin_outcome *o)
{
	struct tocsin_msg_start m = {.errand = TOCSIN_ERRAND_DUMP};
	struct tocsin_domain d = {.domid = r->record.domid};

	if (!r->has_outcome || !o->has_target || !o->target.mm)
		return;
	m.process = (uint32_t)o->target.pid;
	m.start_time = o->target.start_time;
	for (size_t i = 0; i < DUMPED_MAX; i++)
		if (dumped[i].process == m.process && dumped[i].start_time == m.start_time &&
		    !memcmp(dumped[i].uuid, r->uuid, sizeof(r->uuid)))
			return;
	memcpy(d.name, r->domain, sizeof(d.name));
	memcpy(d.uuid, r->uuid, sizeof(d.uuid));
	if (add(b, &d, &m)) {
		fprintf(stderr,
			"tocsind: the memory of process %u of domain %u (%s) is not dumped: too "
			"many dumps wait\n",
			m.process, d.domid, d.name);
		return;
	}
	memcpy(dumped[dumped_next].uuid, d.uuid, sizeof(d.uuid));
	dumped[dumped_next].process = m.process;
	dumped[dumped_next].start_time = m.start_time;
	dumped_next = (dumped_next + 1) % DUMPED_MAX;
}

void tocsin_errands_started(struct tocsin_broker *b, const struct tocsin_msg_start *m, int pidfd)
{
	struct tocsin_errand *e = b->errands;

	while (e && (e->over || e->start.id != m->id || e->pidfd >= 0))
		e = e->next;
	if (e)
		e->pidfd = pidfd;
	else if (pidfd >= 0)
		close(pidfd); /* its socket is closed: it ends by itself */
}

void tocsin_errands_tick(struct tocsin_broker *b)
{
	for (struct tocsin_errand *e = b->errands; e; e = e->next) {
		if (e->over)
			continue;
		if (e->watch.fd >= 0 && b->now >= e->deadline)
			over(b, e, ETIMEDOUT, 0, "it took too long, and was killed");
		else if (!tocsin_policy_find(b, e->domain.domid, e->domain.uuid))
			over(b, e, ESRCH, 0, "the guest is gone");
	}
	bury(b);
	start_waiting(b);
}

void tocsin_errands_free(struct tocsin_broker *b)
{
	for (struct tocsin_errand *e = b->errands; e; e = e->next)
		if (!e->over)
			end(b, e);
	bury(b);
}
