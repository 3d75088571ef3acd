// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a sample of all sockets costs, and of what it is made: bench_sockets IMAGE... Each figure is
 * beside that of reading as much of every struct sock, its addresses known, from the mapped file in
 * the same run. Time is that of the processor, so waiting for a second look does not count: on an
 * image there is none.
 */
#include "measure.h"

#include "introspect/socket.h"
#include "monitor/view.h"

#include <stdio.h>
#include <stdlib.h>

#define LINE 64

static struct tocsin_kernel *kernel;
static volatile uint64_t sink;
static size_t socket_count, holder_count;
static const uint8_t **places;
static size_t place_count;
static uint32_t size; /* of the part of a struct sock that is taken */

static void view(void)
{
	struct tocsin_error err = {0};
	struct tocsin_view v;

	tocsin_memory_flush(tocsin_kernel_memory(kernel));
	if (tocsin_view_read(kernel, NULL, &v, &err))
		fail("view", &err);
	socket_count = v.count;
	holder_count = v.holders.count;
	if (v.torn || v.contradicted)
		fprintf(stderr, "%zu rows torn, %zu contradicted\n", v.torn, v.contradicted);
	tocsin_view_free(&v);
}

static void tables(void)
{
	struct tocsin_error err = {0};
	struct tocsin_socket_list l;

	if (tocsin_socket_list(kernel, &l, &err))
		fail("tables", &err);
	tocsin_socket_list_free(&l);
}

static void holders(void)
{
	struct tocsin_error err = {0};
	struct tocsin_holder_list l;

	if (tocsin_holder_list(kernel, &l, &err))
		fail("descriptors", &err);
	tocsin_holder_list_free(&l);
}

static void raw(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < place_count; i++)
		for (uint32_t at = 0; at + 8 <= size; at += LINE)
			sum += *(const uint64_t *)(const void *)(places[i] + at);
	sink = sum;
}

static void find_places(void)
{
	struct tocsin_socket_reader r;
	struct tocsin_error err = {0};
	struct tocsin_view v;

	if (tocsin_socket_reader_open(kernel, &r, &err) || tocsin_view_read(kernel, NULL, &v, &err))
		fail("view", &err);
	size = r.whole;
	places = calloc(v.count, sizeof(*places));
	place_count = 0;
	for (size_t i = 0; i < v.count; i++) {
		const uint8_t *p = tocsin_kernel_peek(kernel, v.rows[i].socket.sock, 8);

		if (p && v.rows[i].socket.sock % TOCSIN_PAGE_SIZE + size <= TOCSIN_PAGE_SIZE)
			places[place_count++] = p;
	}
	tocsin_view_free(&v);
}

static void measure(const char *image)
{
	struct tocsin_error err = {0};
	struct tocsin_memory *memory;
	double least, sample;

	if (tocsin_memory_open_dump(image, &memory, &err) ||
	    tocsin_kernel_open(memory, 0, &kernel, &err))
		fail(image, &err);
	find_places();
	least = best(raw) * 1e-3;
	sample = best(view) * 1e-3;
	printf("%zu sockets, %zu descriptors\n", socket_count, holder_count);
	row("a sample: tables, descriptors, both together", sample, "ms", least);
	row("  the tables alone", best(tables) * 1e-3, "ms", least);
	row("  the descriptors alone", best(holders) * 1e-3, "ms", 0);
	row("  a socket", sample / (double)socket_count * 1e3, "us", 0);
	free(places);
	tocsin_kernel_close(kernel);
	tocsin_memory_close(memory);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: bench_sockets IMAGE...\n");
		return 2;
	}
	measure_by = CLOCK_PROCESS_CPUTIME_ID;
	printf("%-44s %10s %-6s %10s  %6s\n", "", "engine", "", "raw", "ratio");
	for (int i = 1; i < argc; i++)
		measure(argv[i]);
	return 0;
}
