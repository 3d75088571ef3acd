// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the engine costs on one memory image, beside what plain reading of the same file costs in
 * the same run: bench_engine IMAGE. Times drift from machine to machine; compare the ratios.
 */
#include "measure.h"

#include "introspect/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define RANDOM_READS 200000
#define BULK (1u << 20)

static const char *image;
static struct tocsin_memory *memory;
static struct tocsin_kernel *kernel;
static volatile uint64_t sink;

static bool without_hint;
static const char *folder; /* of caches */

static void cold(void)
{
	struct tocsin_process_list list;
	struct tocsin_error err = {0};
	struct tocsin_memory *m;
	struct tocsin_kernel *k;
	FILE *out = fopen("/dev/null", "w");

	if (tocsin_memory_open_dump(image, &m, &err))
		fail("open", &err);
	if (without_hint)
		m->cr3_hint = 0;
	if (tocsin_kernel_open_cached(m, 0, folder, &k, &err) ||
	    tocsin_process_list(k, &list, &err))
		fail("cold", &err);
	for (size_t i = 0; i < list.count; i++)
		fprintf(out, "%d %d %s %s\n", list.rows[i].pid, list.rows[i].ppid,
			list.rows[i].comm, list.rows[i].exe);
	fclose(out);
	tocsin_process_list_free(&list);
	tocsin_kernel_close(k);
	tocsin_memory_close(m);
}

/* The ceiling of a cold search: map the file and look at one word of each of its pages. */
static void touch(void)
{
	struct stat st;
	int fd = open(image, O_RDONLY);
	const uint8_t *bytes;
	uint64_t sum = 0;

	if (fd < 0 || fstat(fd, &st))
		exit(1);
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	for (off_t at = 0; at + 4096 <= st.st_size; at += 4096)
		sum += *(const uint64_t *)(const void *)(bytes + at);
	sink = sum;
	munmap((void *)bytes, (size_t)st.st_size);
	close(fd);
}

static size_t tasks;

static void walk(void)
{
	struct tocsin_task_list list;
	struct tocsin_error err = {0};

	if (tocsin_task_list(kernel, &list, &err))
		fail("walk", &err);
	tasks = list.count;
	tocsin_task_list_free(&list);
}

static void walk_flushed(void)
{
	tocsin_memory_flush(memory);
	walk();
}

/* The ceiling of a walk: follow the same pointers in the mapping, with the addresses known. */
static const uint8_t **places;
static size_t place_count;

static void walk_raw(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < place_count; i++)
		sum += *(const uint64_t *)(const void *)places[i];
	sink = sum;
}

static void find_places(void)
{
	struct tocsin_task_list list;
	struct tocsin_error err = {0};

	if (tocsin_task_list(kernel, &list, &err))
		fail("walk", &err);
	places = calloc(list.count, sizeof(*places));
	for (size_t i = 0; i < list.count; i++) {
		const uint8_t *p = tocsin_kernel_peek(kernel, list.rows[i].task, 8);

		if (p)
			places[place_count++] = p;
	}
	tocsin_task_list_free(&list);
}

static uint64_t *addresses;

static void make_addresses(void)
{
	uint64_t total = 0, seed = 88172645463325252ull;

	addresses = calloc(RANDOM_READS, sizeof(*addresses));
	for (size_t i = 0; i < memory->range_count; i++)
		total += memory->ranges[i].size;
	for (size_t i = 0; i < RANDOM_READS; i++) {
		uint64_t at;

		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		at = seed % total;
		for (size_t r = 0; r < memory->range_count; r++) {
			if (at < memory->ranges[r].size) {
				addresses[i] = (memory->ranges[r].start + at) & ~7ull;
				break;
			}
			at -= memory->ranges[r].size;
		}
	}
}

static void random_reads(void)
{
	uint64_t sum = 0, v;

	for (size_t i = 0; i < RANDOM_READS; i++)
		if (!tocsin_memory_read(memory, addresses[i], &v, sizeof(v)))
			sum += v;
	sink = sum;
}

static const uint8_t **random_places;

static void random_raw(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < RANDOM_READS; i++)
		sum += *(const uint64_t *)(const void *)random_places[i];
	sink = sum;
}

static uint8_t buffer[BULK];
static uint64_t bulk_bytes;

static uint64_t sum_of(const uint8_t *bytes, size_t size)
{
	uint64_t sum = 0, v;

	for (size_t i = 0; i + 8 <= size; i += 8) {
		memcpy(&v, bytes + i, 8);
		sum += v;
	}
	return sum;
}

/* All of the largest range, in pieces that are looked at: with a copy, without, and raw. */
static const struct tocsin_memory_range *largest(void)
{
	const struct tocsin_memory_range *r = memory->ranges;

	for (size_t i = 1; i < memory->range_count; i++)
		if (memory->ranges[i].size > r->size)
			r = &memory->ranges[i];
	return r;
}

static void bulk_copied(void)
{
	const struct tocsin_memory_range *r = largest();
	uint64_t sum = 0;

	for (uint64_t at = 0; at + BULK <= bulk_bytes; at += BULK)
		if (!tocsin_memory_read(memory, r->start + at, buffer, BULK))
			sum += sum_of(buffer, BULK);
	sink = sum;
}

static void bulk_mapped(void)
{
	const struct tocsin_memory_range *r = largest();
	uint64_t sum = 0, follow;

	for (uint64_t at = 0; at + BULK <= bulk_bytes; at += BULK) {
		const uint8_t *bytes = tocsin_memory_map(memory, r->start + at, &follow);

		if (bytes && follow >= BULK)
			sum += sum_of(bytes, BULK);
	}
	sink = sum;
}

static const uint8_t *raw;

static void bulk_raw(void)
{
	uint64_t sum = 0;

	for (uint64_t at = 0; at + BULK <= bulk_bytes; at += BULK)
		sum += sum_of(raw + at, BULK);
	sink = sum;
}

static void symbols(void)
{
	static const char *const names[] = {"init_task", "_text", "linux_banner", "jiffies",
					    "no_such_symbol"};
	uint64_t va;

	for (int i = 0; i < 100000; i++)
		sink += tocsin_kernel_symbol(kernel, names[i % 5], &va) ? 1 : va;
}

/* Anonymous memory of a new process that does everything once, in KiB. */
static long resident(void)
{
	int fds[2];
	long kib = -1;
	pid_t child;

	if (pipe(fds) || (child = fork()) < 0)
		return -1;
	if (!child) {
		char line[128], *found = NULL;
		struct tocsin_process_list list;
		struct tocsin_error err = {0};
		struct tocsin_memory *m;
		struct tocsin_kernel *k;
		FILE *status;

		if (tocsin_memory_open_dump(image, &m, &err) ||
		    tocsin_kernel_open(m, 0, &k, &err) || tocsin_process_list(k, &list, &err))
			fail("resident", &err);
		status = fopen("/proc/self/status", "r");
		while (status && !found && fgets(line, sizeof(line), status))
			found = strncmp(line, "RssAnon:", 8) ? NULL : line + 8;
		kib = found ? strtol(found, NULL, 10) : -1;
		_exit(write(fds[1], &kib, sizeof(kib)) != sizeof(kib));
	}
	if (read(fds[0], &kib, sizeof(kib)) != sizeof(kib))
		kib = -1;
	waitpid(child, NULL, 0);
	return kib;
}

int main(int argc, char **argv)
{
	char name[] = "/tmp/tocsin-bench-XXXXXX";
	struct tocsin_error err = {0};
	double cached, cached_searched, searched, hinted, touched, raw_walk, warm, dropped, r, rr,
	    b[3];

	if (argc != 2) {
		fprintf(stderr, "usage: bench_engine IMAGE\n");
		return 2;
	}
	image = argv[1];
	row("resident memory beyond the mapped image", resident() / 1024.0, "MiB", 0);
	touched = best(touch);
	without_hint = true;
	searched = best(cold);
	without_hint = false;
	hinted = best(cold);
	folder = mkdtemp(name);
	cached = best(cold);
	without_hint = true;
	cached_searched = best(cold);
	if (tocsin_memory_open_dump(image, &memory, &err) ||
	    tocsin_kernel_open(memory, 0, &kernel, &err))
		fail("open", &err);
	find_places();
	warm = best(walk);
	dropped = best(walk_flushed);
	raw_walk = best(walk_raw);
	make_addresses();
	random_places = calloc(RANDOM_READS, sizeof(*random_places));
	for (size_t i = 0; i < RANDOM_READS; i++) {
		uint64_t follow;

		random_places[i] = tocsin_memory_map(memory, addresses[i], &follow);
	}
	r = best(random_reads);
	rr = best(random_raw);
	bulk_bytes = largest()->size < (256u << 20) ? largest()->size : 256u << 20;
	raw = tocsin_memory_map(memory, largest()->start, &(uint64_t){0});
	b[0] = best(bulk_copied);
	b[1] = best(bulk_mapped);
	b[2] = best(bulk_raw);
	printf("%-44s %10s %-6s %10s  %6s\n", "", "engine", "", "raw", "ratio");
	row("cold start, no CR3 : one word of each page", searched / 1e3, "ms", touched / 1e3);
	row("the same, kernel seen before", cached_searched / 1e3, "ms", touched / 1e3);
	row("cold start, CR3 known", hinted / 1e3, "ms", 0);
	row("the same, kernel seen before", cached / 1e3, "ms", 0);
	printf("%zu processes\n", tasks);
	row("walk, warm : one word of each task", warm, "us", raw_walk);
	row("walk, translations dropped", dropped, "us", raw_walk);
	row("random u64 by gpa", r / RANDOM_READS * 1e3, "ns", rr / RANDOM_READS * 1e3);
	row("bulk, with a copy, GB/s", bulk_bytes / b[0] / 1e3, "GB/s", bulk_bytes / b[2] / 1e3);
	row("bulk, in place, GB/s", bulk_bytes / b[1] / 1e3, "GB/s", bulk_bytes / b[2] / 1e3);
	row("symbol by name", best(symbols) / 100000 * 1e3, "ns", 0);
	tocsin_kernel_close(kernel);
	tocsin_memory_close(memory);
	return 0;
}
