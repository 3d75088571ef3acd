// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest that lies anywhere: mutate IMAGE ROUNDS. In each round words of the image, chosen by the
 * round's number, read as something else, each always as the same: another pointer, itself,
 * nothing, a huge number, one bit off. Every walk must end soon and give a result or an error. It
 * is built with sanitizers, which find what must not happen meanwhile.
 */
#include "memory/memory.h"
#include "monitor/view.h"
#include "tocsin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define READS_MAX (100ull << 20) /* in one call */
#define RESIDENT_MAX (3l << 20)  /* KiB, with what the sanitizers add */
#define TEXT_ROUNDS 16           /* the whole text is looked through in one of so many */
#define SOME 12                  /* processes that are looked into in each round */

struct liar {
	struct tocsin_memory head;
	struct tocsin_memory *truth;
	uint64_t seed;
	uint64_t one_in; /* words; 0: none */
	uint64_t seen;   /* a word that was read: a pointer, often */
};

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 31) * 0x7fb5d329728ea185ull;
	x = (x ^ x >> 27) * 0x81dadef4bc2dd44dull;
	return x ^ x >> 33;
}

static uint64_t lie(struct liar *l, uint64_t gpa, uint64_t word)
{
	uint64_t h = mix(gpa ^ mix(l->seed));

	if (h % l->one_in)
		return word;
	switch (h >> 32 & 7) {
	case 0:
		return 0;
	case 1:
		return 1ull << 63;
	case 2:
		return word ^ 1ull << (h >> 40 & 63);
	case 3:
		return word + (h >> 40 & 0xfff) - 0x800;
	case 4:
		return UINT64_MAX;
	case 5: /* a page table that maps itself, a list that points at itself */
		return (gpa & ~0xfffull) | 3;
	case 6:
		return h;
	default:
		return l->seen;
	}
}

static int liar_read(struct tocsin_memory *m, uint64_t gpa, void *buf, size_t size)
{
	struct liar *l = (struct liar *)m;
	uint8_t *to = buf;
	int rc = tocsin_memory_read(l->truth, gpa, buf, size);

	for (size_t at = 0; !rc && l->one_in && at < size;) {
		size_t skip = (gpa + at) % 8, n = 8 - skip < size - at ? 8 - skip : size - at;
		uint64_t word = 0;

		memcpy((uint8_t *)&word + skip, to + at, n);
		word = lie(l, gpa + at - skip, word);
		if (word >> 47 == UINT64_MAX >> 47)
			l->seen = word;
		memcpy(to + at, (uint8_t *)&word + skip, n);
		at += n;
	}
	return rc;
}

static void liar_close(struct tocsin_memory *m)
{
	free(m);
}

static const struct tocsin_memory_ops ops = {.read = liar_read, .close = liar_close};

static struct {
	uint64_t calls, errors, torn, rows, most_reads;
} counts;

static uint64_t reads_before;

static void begin(const struct liar *l)
{
	reads_before = l->head.stats.reads;
}

static void end(const struct liar *l, const char *what, int rc, size_t rows, size_t torn)
{
	uint64_t reads = l->head.stats.reads - reads_before;

	counts.calls++;
	counts.errors += rc != 0;
	counts.rows += rows;
	counts.torn += torn;
	if (reads > counts.most_reads)
		counts.most_reads = reads;
	if (reads > READS_MAX) {
		fprintf(stderr, "%s: %" PRIu64 " reads\n", what, reads);
		exit(1);
	}
}

#define TRY(what, list, call)                                                                      \
	do {                                                                                       \
		struct tocsin_error err = {0};                                                     \
		int rc_;                                                                           \
		begin(l);                                                                          \
		memset(&list, 0, sizeof(list));                                                    \
		rc_ = call;                                                                        \
		if (rc_ && !err.message[0]) {                                                      \
			fprintf(stderr, "%s: %d without a reason\n", what, rc_);                   \
			exit(1);                                                                   \
		}                                                                                  \
		end(l, what, rc_, rc_ ? 0 : list.count, rc_ ? 0 : list.torn);                      \
	} while (0)

static void look_into(struct liar *l, struct tocsin_kernel *k, const struct tocsin_process *p)
{
	struct {
		size_t count, torn;
	} none;
	static struct tocsin_process_details details;
	static struct tocsin_process found;
	struct tocsin_vma_list vmas;
	struct tocsin_file_list files;
	struct tocsin_thread_list threads;
	struct tocsin_mount_list mounts;
	struct tocsin_copy_list copies;
	struct tocsin_page_counts pages;

	TRY("VMAs", vmas, tocsin_vma_list(k, p, &vmas, &err));
	for (size_t i = 0; i < vmas.count; i++)
		tocsin_process_pages(k, p, vmas.rows[i].start, vmas.rows[i].end, &pages);
	for (size_t i = 0; i < vmas.count; i++)
		if (vmas.rows[i].exec) {
			TRY("copies", copies, tocsin_copy_list(k, p, &vmas.rows[i], &copies, &err));
			tocsin_copy_list_free(&copies);
		}
	tocsin_vma_list_free(&vmas);
	TRY("files", files, tocsin_file_list(k, p, &files, &err));
	tocsin_file_list_free(&files);
	TRY("threads", threads, tocsin_thread_list(k, p, &threads, &err));
	tocsin_thread_list_free(&threads);
	TRY("mounts", mounts, tocsin_mount_list(k, p, &mounts, &err));
	tocsin_mount_list_free(&mounts);
	TRY("details", none, tocsin_process_details(k, p, &details, &err));
	tocsin_process_details_free(&details);
	TRY("by CR3", none, tocsin_process_by_cr3(k, p->pgd, &found, &err));
	TRY("by PID", none, tocsin_process_by_pid(k, p, p->pid, &found, &err));
}

static void look_at_code(struct liar *l, struct tocsin_kernel *k)
{
	struct {
		size_t count, torn;
	} none = {0};
	static struct tocsin_code_range strays[64];
	struct tocsin_hook_list hooks;
	struct tocsin_transfer_list transfers;
	struct tocsin_bpf_list programs;
	struct tocsin_code *code = NULL;

	TRY("BPF", programs, tocsin_bpf_list(k, &programs, &err));
	tocsin_bpf_list_free(&programs);
	TRY("code", none, tocsin_code_open(k, &code, &err));
	if (!code)
		return;
	TRY("strays", none, tocsin_code_strays(code, strays, 64, &none.count, &err));
	TRY("hooks", hooks, tocsin_hook_list(k, code, &hooks, &err));
	tocsin_hook_list_free(&hooks);
	if (l->seed % TEXT_ROUNDS == 0) {
		TRY("text", transfers, tocsin_transfer_list(k, code, &transfers, &err));
		tocsin_transfer_list_free(&transfers);
	}
	tocsin_code_close(code);
}

static void look(struct liar *l, struct tocsin_kernel *k)
{
	struct {
		size_t count, torn;
	} none;
	struct tocsin_process_list list;
	struct tocsin_hidden_list hidden = {0};
	struct tocsin_task_list tasks;
	struct tocsin_view sockets;
	struct tocsin_module_list modules;
	struct tocsin_log log;
	struct tocsin_system system;

	tocsin_memory_flush(&l->head);
	TRY("tasks", tasks, tocsin_task_list(k, &tasks, &err));
	tocsin_task_list_free(&tasks);
	TRY("sockets", sockets, tocsin_view_read(k, NULL, &sockets, &err));
	tocsin_view_free(&sockets);
	TRY("modules", modules, tocsin_module_list(k, &modules, &err));
	tocsin_module_list_free(&modules);
	look_at_code(l, k);
	TRY("hidden threads", none, tocsin_hidden_list(k, &hidden, &err));
	tocsin_hidden_list_free(&hidden);
	TRY("log", log, tocsin_log_read(k, &log, &err));
	tocsin_log_free(&log);
	TRY("system", none, tocsin_system_read(k, &system, &err));
	TRY("processes", list, tocsin_process_list(k, &list, &err));
	for (size_t i = 0, some = 0; i < list.count && some < SOME; i++) {
		if (list.rows[i].mm) {
			look_into(l, k, &list.rows[i]);
			some++;
		}
	}
	tocsin_process_list_free(&list);
}

static void open_anew(struct liar *l)
{
	struct {
		size_t count, torn;
	} none;
	struct tocsin_kernel *k = NULL;

	TRY("kernel", none, tocsin_kernel_open(&l->head, 0, &k, &err));
	tocsin_kernel_close(k);
}

int main(int argc, char **argv)
{
	static const uint64_t rates[] = {16, 64, 256, 1024, 4096, 16384, 65536};
	struct liar *l = calloc(1, sizeof(*l));
	struct tocsin_error err = {0};
	struct tocsin_kernel *k;
	struct rusage usage;

	if (argc != 3 || !l || tocsin_memory_open_dump(argv[1], &l->truth, &err)) {
		fprintf(stderr, "%s\n", argc == 3 ? err.message : "usage: mutate IMAGE ROUNDS");
		return 1;
	}
	l->head.ops = &ops;
	l->head.ranges = l->truth->ranges;
	l->head.range_count = l->truth->range_count;
	if (tocsin_kernel_open(&l->head, 0, &k, &err)) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	for (l->seed = 0; l->seed < strtoull(argv[2], NULL, 10); l->seed++) {
		l->one_in = l->seed ? rates[l->seed % 7] : 0;
		look(l, k);
		l->one_in = 1ull << (14 + l->seed % 8);
		if (l->seed % 16 == 15)
			open_anew(l);
	}
	printf("%" PRIu64 " calls: %" PRIu64 " errors, %" PRIu64 " rows of which %" PRIu64
	       " torn; at most %" PRIu64 " reads in one\n",
	       counts.calls, counts.errors, counts.rows, counts.torn, counts.most_reads);
	tocsin_kernel_close(k);
	tocsin_memory_close(l->truth);
	tocsin_memory_close(&l->head);
	getrusage(RUSAGE_SELF, &usage);
	if (usage.ru_maxrss > RESIDENT_MAX) {
		fprintf(stderr, "%ld KiB resident\n", usage.ru_maxrss);
		return 1;
	}
	return 0;
}
