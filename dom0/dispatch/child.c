/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dispatch/child.h"
#include "dispatch/valgrind.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* valgrind does not know pidfds. In tests, whose processes are few, no number is used twice. */
static int open_by_number(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void kill_by_number(int fd)
{
	char link[32], path[32] = {0};
	int pid;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, path, sizeof(path) - 1) > 0 && sscanf(path, "/proc/%d", &pid) == 1)
		kill(pid, SIGKILL);
}

int tocsin_child_open(pid_t pid)
{
	return UNDER_VALGRIND ? open_by_number(pid) : (int)syscall(SYS_pidfd_open, pid, 0);
}

void tocsin_child_end(int fd)
{
	if (fd < 0)
		return;
	if (UNDER_VALGRIND)
		kill_by_number(fd);
	else
		syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
	close(fd);
}
