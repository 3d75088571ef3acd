// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * marked: hold the string that a rule of dom0/scan/rules/test.yar looks for, in the heap alone:
 * the program's file has it in two halves.
 *
 * usage: marked malicious|suspicious; prints "marked pid=PID", and stays.
 */
#include "specimen.h"

int main(int argc, char **argv)
{
	char *heap = malloc(128);

	if (argc != 2 || !heap)
		return 2;
	snprintf(heap, 128, "TOCSIN-TRIAL-%s-STANDS-FOR-%s", "STRING!THIS",
		 strcmp(argv[1], "malicious") ? "DOUBT!52ab09" : "MALWARE!8d1f6c");
	printf("marked pid=%d at=%p\n", getpid(), (void *)heap);
	stay();
}
