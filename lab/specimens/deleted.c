// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * deleted: run from a file that is gone: a copy of this program that removes itself.
 *
 * usage: deleted; prints "deleted pid=PID", and stays.
 */
#include "specimen.h"

#include <fcntl.h>

int main(int argc, char **argv)
{
	char path[64], buffer[65536];
	char *again[] = {argv[0], path, NULL};
	ssize_t size;
	int from, to;

	if (argc > 1) {
		if (unlink(argv[1]))
			fail(argv[1]);
		printf("deleted pid=%d\n", getpid());
		stay();
	}
	snprintf(path, sizeof(path), "/tmp/deleted-%d", getpid());
	from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	if (from < 0 || to < 0)
		fail(path);
	while ((size = read(from, buffer, sizeof(buffer))) > 0)
		if (write(to, buffer, (size_t)size) != size)
			fail("write");
	close(to);
	execv(path, again);
	fail("execv");
}
