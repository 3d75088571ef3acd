// SPDX-License-Identifier: GPL-2.0-or-later
/* A library that replaces a function of whoever is made to load it: LD_PRELOAD, for a test. */
#include <sys/types.h>
#include <unistd.h>

unsigned int calls;

pid_t getppid(void)
{
	return (pid_t)++calls;
}
