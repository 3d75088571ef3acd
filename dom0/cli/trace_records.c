// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Three states: tocsind hands records on (handed), we take them ourselves (own), or neither. From
 * own it goes to handed as soon as a tocsind opens its door, which waits for the buffers then; from
 * handed to own when tocsind has been gone for longer than it takes to begin anew.
 */
#include "cli/trace_records.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS 100   /* between two looks for a tocsind */
#define GRACE_MS 1000 /* in which one that ended may begin anew */
#define FIRST_MS 3000 /* in which one that is there says so */

struct trace_records {
	struct trace_records_settings s;
	struct tocsin_handed *handed;
	struct tocsin_capture *own;
	bool joined;     /* handed has said that it gives them */
	int64_t look_ms; /* when to look next */
	int64_t gone_ms; /* since when neither is */
};

static int join(struct trace_records *r)
{
	r->joined = false;
	return tocsin_handed_open(r->s.socket, r->s.domid, r->s.period, r->s.fn, r->s.context,
				  &r->handed);
}

static void leave(struct trace_records *r)
{
	tocsin_handed_close(r->handed);
	r->handed = NULL;
	r->joined = false;
}

/* Wait until tocsind has said something. -EPIPE: it hung up instead; -ETIMEDOUT. */
static int await(struct trace_records *r)
{
	struct pollfd said = {.fd = tocsin_handed_fd(r->handed), .events = POLLIN};
	uint64_t complete = 0;
	int rc = 0;

	while (rc >= 0 && !complete && poll(&said, 1, FIRST_MS) == 1)
		rc = tocsin_handed_drain(r->handed, &complete);
	r->joined = complete;
	if (r->joined)
		return 0;
	leave(r);
	return rc < 0 ? rc : -ETIMEDOUT;
}

static int open_own(struct trace_records *r, struct tocsin_error *err)
{
	return tocsin_capture_open(r->s.fn, r->s.context, &r->own, err);
}

/* As join and await. One that hangs up may just end; or it refuses, and then does so again. */
static int open_handed(struct trace_records *r)
{
	int rc;

	for (int waited = 0;; waited += LOOK_MS) {
		rc = join(r);
		if (!rc)
			rc = await(r);
		if (rc != -EPIPE || waited >= GRACE_MS)
			return rc;
		poll(NULL, 0, LOOK_MS);
	}
}

static int open_any(struct trace_records *r, struct tocsin_error *err)
{
	struct tocsin_error own = {0};
	int rc = open_handed(r);

	if (!rc)
		return 0;
	if (rc == -EPIPE)
		return tocsin_error_set(err, -EACCES,
					"tocsind, which has Xen's trace buffers, does not give "
					"their records: run this as its user; and it has 64 "
					"readers at most");
	if (rc != -ENOENT && rc != -ECONNREFUSED)
		return tocsin_error_set(err, rc,
					"tocsind, which has Xen's trace buffers, gives no records "
					"at %s: %s",
					r->s.socket, strerror(-rc));
	rc = open_own(r, &own);
	if (!rc)
		return 0;
	if (rc != -EBUSY)
		return tocsin_error_set(err, rc, "%s", own.message);
	return tocsin_error_set(err, rc,
				"somebody has Xen's trace buffers, who can be only one: stop it "
				"(tocsin doctor names it); or if it is the tracing of another "
				"domain, start tocsind, from which both have their records");
}

int trace_records_open(const struct trace_records_settings *settings, struct trace_records **ret,
		       struct tocsin_error *err)
{
	struct trace_records *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	r->s = *settings;
	rc = open_any(r, err);
	if (rc) {
		trace_records_close(r);
		return rc;
	}
	*ret = r;
	return 0;
}

void trace_records_close(struct trace_records *r)
{
	if (!r)
		return;
	leave(r);
	if (r->own)
		tocsin_capture_close(r->own);
	free(r);
}

int trace_records_fd(const struct trace_records *r)
{
	return r->handed ? tocsin_handed_fd(r->handed) : r->own ? tocsin_capture_fd(r->own) : -1;
}

const char *trace_records_from(const struct trace_records *r)
{
	return r->joined ? "tocsind" : r->own ? "buffers" : "nobody";
}

static int gap(struct trace_records *r, const char *why)
{
	return r->s.gap(r->s.context, why);
}

/* ---- handed ---- */

static int take_handed(struct trace_records *r, int64_t now_ms, uint64_t *complete,
		       struct tocsin_error *err)
{
	uint64_t until = 0;
	int count = tocsin_handed_drain(r->handed, &until), rc = 0;

	if (count == -EPIPE) {
		if (r->joined) {
			rc = gap(r, "tocsind, which handed the records on, has ended");
			r->gone_ms = now_ms;
		}
		leave(r);
		return rc;
	}
	if (count < 0)
		return tocsin_error_set(err, count, "records of tocsind: %s", strerror(-count));
	if (until && !r->joined) {
		r->joined = true;
		rc = gap(r, "tocsind has begun to hand the records on");
	}
	if (until)
		*complete = until;
	return rc ? rc : count;
}

/* ---- own ---- */

/* A tocsind that has opened its door waits until we have given the buffers up. */
static int give(struct trace_records *r, int64_t now_ms, struct tocsin_error *err)
{
	int rc;

	if (join(r))
		return 0;
	rc = tocsin_capture_drain(r->own, err);
	tocsin_capture_close(r->own);
	r->own = NULL;
	r->gone_ms = now_ms;
	return rc < 0 ? rc : gap(r, "the trace buffers are given to tocsind");
}

static int take_own(struct trace_records *r, int64_t now_ms, uint64_t now_tsc, uint64_t *complete,
		    struct tocsin_error *err)
{
	int count = tocsin_capture_drain(r->own, err), rc;

	if (count < 0)
		return count;
	*complete = now_tsc;
	if (now_ms < r->look_ms)
		return count;
	r->look_ms = now_ms + LOOK_MS;
	rc = give(r, now_ms, err);
	return rc < 0 ? rc : count;
}

/* ---- neither ---- */

static int look(struct trace_records *r, int64_t now_ms)
{
	if (now_ms < r->look_ms)
		return 0;
	r->look_ms = now_ms + LOOK_MS;
	/* Whoever has the buffers now, if it is not tocsind, may end. */
	if (!join(r) || now_ms - r->gone_ms < GRACE_MS || open_own(r, NULL))
		return 0;
	return gap(r, "the records are taken from Xen's trace buffers");
}

int trace_records_take(struct trace_records *r, int64_t now_ms, uint64_t now_tsc,
		       uint64_t *complete, struct tocsin_error *err)
{
	if (r->handed)
		return take_handed(r, now_ms, complete, err);
	if (r->own)
		return take_own(r, now_ms, now_tsc, complete, err);
	return look(r, now_ms);
}
