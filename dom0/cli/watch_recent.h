/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside cli/: the last findings and messages of a watch, as lines for the live view. */
#ifndef TOCSIN_CLI_WATCH_RECENT_H
#define TOCSIN_CLI_WATCH_RECENT_H

#include "monitor/event.h"

#define WATCH_RECENT_MAX 64
#define WATCH_RECENT_TEXT 640

struct watch_message {
	uint64_t time; /* nanoseconds since the epoch */
	bool finding;  /* of this severity; else something said */
	enum tocsin_severity severity;
	char text[WATCH_RECENT_TEXT]; /* clean for a terminal */
};

/* All zero is empty. */
struct watch_recent {
	struct watch_message at[WATCH_RECENT_MAX];
	uint64_t count; /* of all that there were; the oldest are overwritten */
	uint64_t findings;
};

/* e is of kind FINDING; its detail says the verdict. */
void watch_recent_finding(struct watch_recent *r, const struct tocsin_event *e);
void watch_recent_say(struct watch_recent *r, const char *text);

/* 0 is the newest; NULL: there are no more. */
const struct watch_message *watch_recent_at(const struct watch_recent *r, uint64_t n);

#endif
