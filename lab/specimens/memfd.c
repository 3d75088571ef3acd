// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * memfd: run a program that no file system ever held: a copy of this one, from memfd_create.
 *
 * usage: memfd; prints "memfd pid=PID" from there, and stays.
 */
#include "specimen.h"

#include <fcntl.h>
#include <sys/mman.h>

int main(int argc, char **argv)
{
	char *again[] = {argv[0], "inside", NULL}, *environment[] = {NULL};
	char buffer[65536];
	ssize_t size;
	int from, to;

	if (argc > 1) {
		printf("memfd pid=%d\n", getpid());
		stay();
	}
	from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	to = memfd_create("specimen", MFD_CLOEXEC);
	if (from < 0 || to < 0)
		fail("memfd");
	while ((size = read(from, buffer, sizeof(buffer))) > 0)
		if (write(to, buffer, (size_t)size) != size)
			fail("write");
	fexecve(to, again, environment);
	fail("fexecve");
}
