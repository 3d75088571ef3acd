/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process that may be ended by who did not start it, whatever its number is used for later. */
#ifndef TOCSIN_CHILD_H
#define TOCSIN_CHILD_H

#include <sys/types.h>

/* In its parent: a descriptor that stands for the process, to be passed on; -1: there is none. */
int tocsin_child_open(pid_t pid);

/* End it, if it has not ended, and close the descriptor. Nothing is done with -1. */
void tocsin_child_end(int fd);

#endif
