// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * memfd: run a program that no file system ever held, from memfd_create.
 *
 * usage: memfd                              a copy of this one, which prints "memfd pid=PID" and
 * stays memfd receive NAME [ARGUMENT]...   what comes on standard input, under this name
 */
#include "specimen.h"

#include <fcntl.h>
#include <sys/mman.h>

static void run(int from, const char *name, char **arguments)
{
	char *environment[] = {"PATH=/bin", NULL}, buffer[65536];
	int to = memfd_create(name, MFD_CLOEXEC);
	ssize_t size;

	if (from < 0 || to < 0)
		fail("memfd");
	while ((size = read(from, buffer, sizeof(buffer))) > 0)
		if (write(to, buffer, (size_t)size) != size)
			fail("write");
	fexecve(to, arguments, environment);
	fail("fexecve");
}

int main(int argc, char **argv)
{
	char *again[] = {argv[0], "inside", NULL};

	if (argc > 2 && !strcmp(argv[1], "receive"))
		run(STDIN_FILENO, argv[2], argv + 3);
	if (argc == 1)
		run(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), "specimen", again);
	printf("memfd pid=%d\n", getpid());
	stay();
}
