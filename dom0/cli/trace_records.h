/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the records of traced calls come from. Xen's trace buffers have one consumer: while tocsind
 * runs they come through it, else from the buffers themselves. It may end and begin meanwhile: who
 * has taken the buffers for want of a tocsind gives them to one that begins.
 */
#ifndef TOCSIN_CLI_TRACE_RECORDS_H
#define TOCSIN_CLI_TRACE_RECORDS_H

#include "capture/capture.h"

struct trace_records;

struct trace_records_settings {
	const char *socket; /* where tocsind gives them */
	uint16_t domid;
	uint16_t period; /* milliseconds, after which at the latest they are wanted */
	tocsin_event_fn fn;
	/* Records may be missing from the last ones that were taken until now. A text that stays;
	 * 0, or what trace_records_take is to return. */
	int (*gap)(void *context, const char *why);
	void *context;
};

/*
 * -EBUSY: somebody else than tocsind has the buffers; -EACCES: tocsind gives nothing to this user;
 * as tocsin_capture_open.
 */
int trace_records_open(const struct trace_records_settings *settings, struct trace_records **ret,
		       struct tocsin_error *err);
void trace_records_close(struct trace_records *r);

/* Readable when there are some; -1: nobody says so. Another one after each trace_records_take. */
int trace_records_fd(const struct trace_records *r);

/* "tocsind", "buffers"; "nobody": just now. */
const char *trace_records_from(const struct trace_records *r);

/*
 * Take what there is. now_ms: of any clock that does not go back; now_tsc: the counter, of before
 * this call. complete: all records of before that TSC have been taken; untouched if that is not
 * known. The number of events, or an error.
 */
int trace_records_take(struct trace_records *r, int64_t now_ms, uint64_t now_tsc,
		       uint64_t *complete, struct tocsin_error *err);

#endif
