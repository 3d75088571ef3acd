// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vulnerable: a set-user-ID program that runs what it is told as who owns it.
 *
 * usage: vulnerable PROGRAM [ARGUMENT]...
 */
#include "specimen.h"

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	if (setgid(0) || setuid(0))
		fail("setuid");
	execvp(argv[1], argv + 1);
	fail(argv[1]);
}
