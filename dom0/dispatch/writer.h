/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The writer: the process that makes lines of reports, and owns the log. What it cannot write it
 * keeps and tries again, a line never half; what it has not told to be logged the broker keeps.
 */
#ifndef TOCSIN_WRITER_H
#define TOCSIN_WRITER_H

#include "output/output.h"

struct tocsin_writer_settings {
	const struct tocsin_output *output;
	const char *log; /* a file, appended to; NULL: standard output */
	bool journal;    /* what is to be notified goes to systemd's journal, if there is one */
};

struct tocsin_msg_report;
struct tocsin_outcome;

/* What a message means; o is looked at only if it has an outcome. Points into both. */
struct tocsin_report tocsin_writer_report(const struct tocsin_msg_report *m,
					  const struct tocsin_outcome *outcome);

/* Does not return: ends when the broker has closed its end and all is written. */
_Noreturn void tocsin_writer_run(const struct tocsin_writer_settings *s, int socket);

#endif
