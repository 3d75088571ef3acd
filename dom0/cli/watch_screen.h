/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside cli/: the terminal of the live view; what is on it, and what its keys do. */
#ifndef TOCSIN_CLI_WATCH_SCREEN_H
#define TOCSIN_CLI_WATCH_SCREEN_H

#include "cli/watch.h"
#include "cli/watch_recent.h"
#include "cli/watch_table.h"

struct watch_screen {
	/* what there is to show; the caller's */
	size_t count; /* guests */
	const char *names[WATCH_GUESTS_MAX];
	struct watch_snapshot *snapshots[WATCH_GUESTS_MAX]; /* NULL: none yet, or gone */
	bool gone[WATCH_GUESTS_MAX];
	struct watch_recent recent;
	bool stale; /* the snapshots are others than when the rows were made */
	bool dirty; /* something is to be drawn */
	/* what the user wants */
	bool quit, paused;
	/* the screen's own */
	bool help, editing;
	bool colours;
	struct screen *terminal; /* of ncurses */
	struct watch_table table;
};

/* Can the terminal show it? -ENOTTY with what to do instead. */
int watch_screen_check(struct tocsin_error *err);

/* Take the terminal over; closed by the caller, and at the latest when the process exits. */
int watch_screen_open(struct watch_screen *s, struct tocsin_error *err);
void watch_screen_close(struct watch_screen *s);

/* Draw what has changed; do what the keys say that were hit. */
void watch_screen_draw(struct watch_screen *s);
void watch_screen_obey(struct watch_screen *s);

#endif
