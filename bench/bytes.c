// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench_bytes IMAGE FILE [PID]: the bytes that rules run over when the processes of an image, or
 * one of them, are scanned, as a file: what their mappings have in memory, page after page. So
 * whoever is compared with that scan gets the same bytes.
 */
#include "measure.h"

static void write_mapping(struct tocsin_kernel *k, const struct tocsin_process *p,
			  const struct tocsin_vma *v, FILE *out)
{
	uint8_t page[TOCSIN_PAGE_SIZE];

	for (uint64_t va = v->start; va < v->end; va += sizeof(page))
		if (!tocsin_process_read(k, p, va, page, sizeof(page), NULL) &&
		    fwrite(page, sizeof(page), 1, out) != 1) {
			perror("bench_bytes");
			exit(1);
		}
}

static void write_process(struct tocsin_kernel *k, const struct tocsin_process *p, FILE *out)
{
	struct tocsin_error err = {0};
	struct tocsin_vma_list vmas;

	if (tocsin_vma_list(k, p, &vmas, &err))
		fail("mappings", &err);
	for (size_t i = 0; i < vmas.count; i++)
		if (vmas.rows[i].confidence != TOCSIN_TORN)
			write_mapping(k, p, &vmas.rows[i], out);
	tocsin_vma_list_free(&vmas);
}

int main(int argc, char **argv)
{
	struct tocsin_process_list list;
	struct tocsin_error err = {0};
	struct tocsin_memory *m;
	struct tocsin_kernel *k;
	FILE *out;

	if (argc < 3) {
		fprintf(stderr, "usage: bench_bytes IMAGE FILE [PID]\n");
		return 2;
	}
	out = fopen(argv[2], "w");
	if (!out) {
		perror(argv[2]);
		return 1;
	}
	if (tocsin_memory_open_dump(argv[1], &m, &err) || tocsin_kernel_open(m, 0, &k, &err) ||
	    tocsin_process_list(k, &list, &err))
		fail("open", &err);
	for (size_t i = 0; i < list.count; i++)
		if (list.rows[i].mm && (argc == 3 || list.rows[i].pid == atoi(argv[3])))
			write_process(k, &list.rows[i], out);
	tocsin_process_list_free(&list);
	tocsin_kernel_close(k);
	tocsin_memory_close(m);
	if (fclose(out)) {
		perror(argv[2]);
		return 1;
	}
	return 0;
}
