/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the specimens share. Each prints one line when it is what it claims to be, and stays so
 * until it is killed. */
#ifndef SPECIMEN_H
#define SPECIMEN_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((noreturn)) static inline void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

__attribute__((noreturn)) static inline void stay(void)
{
	fflush(stdout);
	for (;;)
		pause();
}

#endif
