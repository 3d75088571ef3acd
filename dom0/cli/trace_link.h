/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside cli/: the hand's end of what it and the reader say to each other (trace_wire.h). One asks,
 * the other answers: what is asked is gathered, sent as a packet, and then nothing is done until it
 * is answered. So all is read in the order in which it was asked for, and neither ever waits to say
 * something while the other does.
 *
 * The reader may have been taken over by its guest. What it says is taken only when it is what must
 * come next; else, or if it says nothing for too long, it is ended, and all that is asked from then
 * on fails.
 */
#ifndef TOCSIN_CLI_TRACE_LINK_H
#define TOCSIN_CLI_TRACE_LINK_H

#include "cli/trace_wire.h"

struct trace_link;

/* Who takes answers; each returns 0, or an error, which is returned once all are there. */
struct trace_link_settings {
	void (*run)(void *start, int socket); /* the reader, in its own process; does not return */
	void *start;
	const char *guest;        /* its name in events */
	bool graph;               /* calls are answered by events */
	unsigned int patience_ms; /* without a word, before it counts as hung; 0: 10 seconds */
	int (*found)(void *context, const struct tocsin_traced *f);
	int (*seen)(void *context, const struct trace_seen *s); /* one for each call */
	tocsin_trace_take *event;
	void *context;
};

/* Start the reader. What it finds at first comes with the first trace_link_sync. */
int trace_link_open(const struct trace_link_settings *settings, struct trace_link **ret,
		    struct tocsin_error *err);
void trace_link_close(struct trace_link *l); /* ends the reader; NULL is fine */

/* To be asked with the next packet, which may be this one. 0, or as trace_link_sync. */
int trace_link_ask(struct trace_link *l, const struct trace_ask *a);

/*
 * Ask, if there is something to be asked, and take the answers. 0; what one of those who take them
 * returned; else the link has failed: -ECHILD the reader has died, -ETIMEDOUT it hangs, -EPROTO it
 * says what it must not, -EREMOTEIO it could not do it.
 */
int trace_link_sync(struct trace_link *l);

/* Why it failed, clean for a terminal; NULL: it did not. */
const char *trace_link_failed(const struct trace_link *l);

int trace_link_pid(const struct trace_link *l);
const struct trace_done *trace_link_done(const struct trace_link *l); /* the last one */
const struct trace_counts *trace_link_counts(const struct trace_link *l);

#endif
