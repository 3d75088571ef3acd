// SPDX-License-Identifier: GPL-2.0-or-later
/* The names of events, the same in every output and in the history. */
#include "monitor/event.h"

#include <string.h>

static const char *const kinds[TOCSIN_EVENT_KINDS] = {
    [TOCSIN_EVENT_BEGIN] = "begin",
    [TOCSIN_EVENT_STARTED] = "started",
    [TOCSIN_EVENT_EXECUTED] = "executed",
    [TOCSIN_EVENT_EXITED] = "exited",
    [TOCSIN_EVENT_OPENED] = "opened",
    [TOCSIN_EVENT_ACCEPTED] = "accepted",
    [TOCSIN_EVENT_CLOSED] = "closed",
    [TOCSIN_EVENT_LISTENING] = "listening",
    [TOCSIN_EVENT_UNLISTENED] = "unlistened",
    [TOCSIN_EVENT_HELD] = "held",
    [TOCSIN_EVENT_RELEASED] = "released",
    [TOCSIN_EVENT_RING] = "ring",
    [TOCSIN_EVENT_FINDING] = "finding",
    [TOCSIN_EVENT_ACCOUNT] = "account",
    [TOCSIN_EVENT_END] = "end",
};

const char *tocsin_event_kind_name(enum tocsin_event_kind kind)
{
	return (unsigned int)kind < TOCSIN_EVENT_KINDS ? kinds[kind] : "?";
}

enum tocsin_event_kind tocsin_event_kind_find(const char *name)
{
	unsigned int i = 0;

	while (i < TOCSIN_EVENT_KINDS && strcmp(kinds[i], name) != 0)
		i++;
	return (enum tocsin_event_kind)i;
}

const char *tocsin_direction_name(enum tocsin_direction d)
{
	static const char *const names[] = {"", "in", "out"};

	return names[d];
}
