// SPDX-License-Identifier: GPL-2.0-or-later
/* The example of libtocsin(3): the processes of a dump. */
#include <tocsin.h>

#include <stdio.h>

int main(int argc, char **argv)
{
	struct tocsin_process_list list;
	struct tocsin_error err = {0};
	struct tocsin_memory *memory = NULL;
	struct tocsin_kernel *kernel = NULL;
	int rc = argc == 2 ? tocsin_memory_open_dump(argv[1], &memory, &err) : -1;

	if (!rc)
		rc = tocsin_kernel_open(memory, 0, &kernel, &err);
	if (!rc)
		rc = tocsin_process_list(kernel, &list, &err);
	if (rc) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	for (size_t i = 0; i < list.count; i++)
		printf("%d %s\n", list.rows[i].pid,
		       tocsin_confidence_name(list.rows[i].confidence));
	tocsin_process_list_free(&list);
	tocsin_kernel_close(kernel);
	tocsin_memory_close(memory);
	return 0;
}
