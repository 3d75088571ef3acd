// SPDX-License-Identifier: GPL-2.0-or-later
/* crowd N: N processes that only wait, for images with many tasks. Prints CROWD and stays. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	for (long i = argc == 2 ? strtol(argv[1], NULL, 10) : 0; i > 0; i--) {
		pid_t child = fork();

		if (child < 0) {
			perror("fork");
			return 1;
		}
		if (!child) {
			pause();
			_exit(0);
		}
	}
	puts("CROWD");
	fflush(stdout);
	for (;;)
		pause();
}
