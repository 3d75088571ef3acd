// SPDX-License-Identifier: GPL-2.0-or-later
/* An ordinary program, linked dynamically: says who its parent is, and sleeps. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	printf("PARENT %d\nREADY\n", (int)getppid());
	fflush(stdout);
	for (;;)
		pause();
}
