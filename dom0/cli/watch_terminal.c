// SPDX-License-Identifier: GPL-2.0-or-later
/* Is there a terminal to draw on? Apart, for term.h takes common words for macros. */
#include "cli/watch_screen.h"

#include "base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <curses.h>
#include <term.h>

int watch_screen_check(struct tocsin_error *err)
{
	const char *name = getenv("TERM");
	bool able;
	int rc;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return tocsin_error_set(err, -ENOTTY,
					"--view needs a terminal for input and output; without "
					"one, use --json, or neither");
	able = name && setupterm(name, STDOUT_FILENO, &rc) == OK;
	if (able) {
		able = cursor_address != NULL;
		del_curterm(cur_term);
	}
	if (!able)
		return tocsin_error_set(err, -ENOTTY,
					"--view cannot draw on this terminal (TERM is '%s'); use "
					"--json, or neither",
					name ? name : "");
	return 0;
}
