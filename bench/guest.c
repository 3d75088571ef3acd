// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What introspection of a live Xen domain costs, in ticks of the time stamp counter:
 * bench_guest DOMID CACHE-FOLDER. In the emulated machine a tick is an instruction, of this
 * program, its kernel and Xen together.
 */
#include "introspect/kernel.h"
#include "memory/memory.h"
#include "monitor/view.h"
#include "tocsin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <x86intrin.h>

#define PAGES 256

static struct tocsin_memory *memory;
static struct tocsin_kernel *kernel;

static void fail(const struct tocsin_error *err)
{
	fprintf(stderr, "%s\n", err->message);
	exit(1);
}

static void print(const char *what, uint64_t ticks, uint64_t count)
{
	printf("{\"at\": \"introspect\", \"what\": \"%s\", \"ticks\": %" PRIu64
	       ", \"count\": %" PRIu64 ", \"pages\": %" PRIu64 "}\n",
	       what, ticks, count, memory->stats.pages_mapped);
	fflush(stdout);
	memory->stats.pages_mapped = 0;
}

static void open_kernel(const char *what, const char *folder)
{
	struct tocsin_error err = {0};
	uint64_t begin;

	tocsin_kernel_close(kernel);
	tocsin_memory_flush(memory);
	begin = __rdtsc();
	if (tocsin_kernel_open_cached(memory, 0, folder, &kernel, &err))
		fail(&err);
	print(what, __rdtsc() - begin, 1);
}

static void walk(const char *what)
{
	struct tocsin_task_list list;
	struct tocsin_error err = {0};
	uint64_t begin = __rdtsc();

	if (tocsin_task_list(kernel, &list, &err))
		fail(&err);
	print(what, __rdtsc() - begin, list.count);
	tocsin_task_list_free(&list);
}

static void list_processes(void)
{
	struct tocsin_process_list list;
	struct tocsin_error err = {0};
	uint64_t begin;

	tocsin_memory_flush(memory);
	begin = __rdtsc();
	if (tocsin_process_list(kernel, &list, &err))
		fail(&err);
	print("full rows of processes, nothing mapped", __rdtsc() - begin, list.count);
	tocsin_process_list_free(&list);
}

static void map_pages(void)
{
	uint64_t begin, v, mapped = 0;

	tocsin_memory_flush(memory);
	begin = __rdtsc();
	for (uint64_t i = 0; i < PAGES; i++)
		mapped +=
		    !tocsin_memory_read(memory, 0x1000000 + i * TOCSIN_PAGE_SIZE, &v, sizeof(v));
	print("a page mapped and read", __rdtsc() - begin, mapped);
}

static void view_sockets(const char *what)
{
	struct tocsin_view view;
	struct tocsin_error err = {0};
	uint64_t begin = __rdtsc();

	if (tocsin_view_read(kernel, NULL, &view, &err))
		fail(&err);
	print(what, __rdtsc() - begin, view.count);
	tocsin_view_free(&view);
}

int main(int argc, char **argv)
{
	struct tocsin_error err = {0};

	if (argc != 3) {
		fputs("usage: bench_guest DOMID CACHE-FOLDER\n", stderr);
		return 2;
	}
	if (tocsin_memory_open_xen((uint32_t)strtoul(argv[1], NULL, 10), &memory, &err))
		fail(&err);
	open_kernel("kernel found, never seen before", argv[2]);
	open_kernel("kernel found, seen before", argv[2]);
	tocsin_memory_flush(memory);
	walk("a task at a glance, nothing mapped");
	walk("a task at a glance");
	list_processes();
	tocsin_memory_flush(memory);
	view_sockets("a socket in both views, nothing mapped");
	view_sockets("a socket in both views");
	map_pages();
	tocsin_kernel_close(kernel);
	tocsin_memory_close(memory);
	return 0;
}
