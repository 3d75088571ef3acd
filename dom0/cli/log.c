// SPDX-License-Identifier: GPL-2.0-or-later
/* tocsin log GUEST [--json]: the log of a guest's kernel, as dmesg would print it there. */
#include "cli/command.h"
#include "cli/fold.h"
#include "cli/guest.h"
#include "output/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_row(const struct tocsin_log *log, const struct tocsin_log_record *r)
{
	uint64_t microseconds = r->time / 1000;
	const char *line = log->text + r->text, *end = line + r->size;

	while (line <= end) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));

		if (!stop)
			stop = end;
		printf("[%5" PRIu64 ".%06" PRIu64 "] %s\n", microseconds / 1000000,
		       microseconds % 1000000, guest_text(line, (size_t)(stop - line)));
		line = stop + 1;
	}
}

static int show(struct tocsin_kernel *k, const struct guest_options *o, struct tocsin_error *err)
{
	struct tocsin_log log;
	int rc = tocsin_log_read(k, &log, err), partial;

	if (rc)
		return rc;
	if (!o->json)
		fold_lines(15);
	partial = log.torn != 0;
	for (size_t i = 0; i < log.count && !rc; i++) {
		if (o->json)
			rc = tocsin_output_log_json(stdout, &log, &log.rows[i]);
		else
			print_row(&log, &log.rows[i]);
	}
	if (partial)
		fprintf(stderr, "tocsin log: %zu records were being written\n", log.torn);
	tocsin_log_free(&log);
	return rc ? tocsin_error_set(err, rc, "cannot print: %s", strerror(-rc)) : partial;
}

int command_log(int argc, char **argv)
{
	return guest_run(argc, argv, 0, show);
}
