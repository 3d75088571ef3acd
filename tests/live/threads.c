// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One kernel, many threads: threads IMAGE. Built with a sanitizer that finds races; the image must
 * not change meanwhile, so all threads must see the same as the first look did.
 */
#include "tocsin.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4
#define ROUNDS 3

static struct tocsin_memory *memory;
static struct tocsin_kernel *kernel;
static size_t processes, sockets;

static void *look(void *unused)
{
	struct tocsin_process_list list;
	struct tocsin_socket_list net;
	struct tocsin_file_list files;
	struct tocsin_vma_list vmas;
	struct tocsin_error err = {0};
	uint64_t va;

	for (int round = 0; round < ROUNDS; round++) {
		if (tocsin_process_list(kernel, &list, &err) ||
		    tocsin_socket_list(kernel, &net, &err) || list.count != processes ||
		    net.count != sockets || tocsin_kernel_symbol(kernel, "init_task", &va))
			return err.code ? strdup(err.message) : "another count";
		for (size_t i = 0; i < list.count; i++) {
			if (!list.rows[i].mm)
				continue;
			if (tocsin_file_list(kernel, &list.rows[i], &files, &err) ||
			    tocsin_vma_list(kernel, &list.rows[i], &vmas, &err))
				return strdup(err.message);
			tocsin_file_list_free(&files);
			tocsin_vma_list_free(&vmas);
		}
		tocsin_socket_list_free(&net);
		tocsin_process_list_free(&list);
		tocsin_memory_flush(memory);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	struct tocsin_process_list list;
	struct tocsin_socket_list net;
	struct tocsin_error err = {0};
	int failed = 0;

	if (argc != 2 || tocsin_memory_open_dump(argv[1], &memory, &err) ||
	    tocsin_kernel_open(memory, 0, &kernel, &err) ||
	    tocsin_process_list(kernel, &list, &err) || tocsin_socket_list(kernel, &net, &err)) {
		fprintf(stderr, "%s\n", argc == 2 ? err.message : "usage: threads IMAGE");
		return 1;
	}
	processes = list.count;
	sockets = net.count;
	tocsin_process_list_free(&list);
	tocsin_socket_list_free(&net);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, look, NULL))
			return 1;
	for (int i = 0; i < THREADS; i++) {
		void *why;

		pthread_join(threads[i], &why);
		if (why)
			fprintf(stderr, "%s\n", (char *)why);
		failed |= why != NULL;
	}
	tocsin_kernel_close(kernel);
	tocsin_memory_close(memory);
	printf("%d threads, %zu processes\n", THREADS, processes);
	return failed;
}
