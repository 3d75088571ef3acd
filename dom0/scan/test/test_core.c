// SPDX-License-Identifier: GPL-2.0-or-later
/* A process's memory as a core file: read back as a tool reads it. */
#include "made_up.h"

#include "scan/core.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <unistd.h>

#include <cmocka.h>

#define PAGE TOCSIN_PAGE_SIZE
#define END (BASE + sizeof(ram))

/* A mapping of code from a file, then data; page 3 is not there. */
static void make(void)
{
	struct tocsin_process *p = &process;

	p->pid = 77;
	p->ppid = 1;
	p->uid = 5;
	strcpy(p->comm, "victim");
	memcpy(p->cmdline, "victim\0-x", 10);
	p->cmdline_size = 10;
	for (size_t i = 0; i < sizeof(ram); i++)
		ram[i] = (uint8_t)(i / PAGE * 7 + i);
	absent[3] = true;
	rows[0].end = BASE + 8 * PAGE;
	rows[0].exec = rows[0].has_file = true;
	rows[0].pgoff = 2;
	rows[0].path = "/bin/victim";
	rows[1] = (struct tocsin_vma){
	    .start = BASE + 8 * PAGE, .end = END, .read = true, .write = true, .path = ""};
	vmas.count = 2;
}

static uint8_t *write_core(struct tocsin_core_stats *stats, size_t *size)
{
	FILE *f = tmpfile();
	uint8_t *bytes;

	assert_non_null(f);
	assert_int_equal(tocsin_core_write(&target, fileno(f), stats, NULL), 0);
	*size = (size_t)lseek(fileno(f), 0, SEEK_END);
	bytes = malloc(*size);
	assert_int_equal(pread(fileno(f), bytes, *size, 0), *size);
	fclose(f);
	return bytes;
}

static const Elf64_Phdr *headers(const uint8_t *bytes, size_t size, size_t *count)
{
	const Elf64_Ehdr *h = (const void *)bytes;

	assert_memory_equal(h->e_ident,
			    "\x7f"
			    "ELF\2\1\1",
			    7);
	assert_int_equal(h->e_type, ET_CORE);
	assert_int_equal(h->e_phoff + h->e_phnum * sizeof(Elf64_Phdr), size);
	*count = h->e_phnum;
	return (const void *)(bytes + h->e_phoff);
}

static void check_notes(const uint8_t *at, size_t size)
{
	const Elf64_Nhdr *n = (const void *)at;
	struct elf_prpsinfo info;
	const uint64_t *mapped_files;

	assert_int_equal(n->n_type, NT_PRPSINFO);
	assert_int_equal(n->n_descsz, sizeof(info));
	assert_string_equal((const char *)(n + 1), "CORE");
	memcpy(&info, at + 20, sizeof(info)); /* notes are aligned to 4 bytes alone */
	assert_int_equal(info.pr_pid, 77);
	assert_int_equal(info.pr_uid, 5);
	assert_string_equal(info.pr_fname, "victim");
	assert_string_equal(info.pr_psargs, "victim -x ");
	n = (const void *)(at + 20 + ((sizeof(info) + 3) & ~3u));
	assert_int_equal(n->n_type, NT_FILE);
	mapped_files = (const void *)((const uint8_t *)(n + 1) + 8);
	assert_int_equal(mapped_files[0], 1);
	assert_int_equal(mapped_files[1], PAGE);
	assert_int_equal(mapped_files[2], BASE);
	assert_int_equal(mapped_files[3], BASE + 8 * PAGE);
	assert_int_equal(mapped_files[4], 2);
	assert_string_equal((const char *)&mapped_files[5], "/bin/victim");
	assert_int_equal(n->n_descsz, 5 * 8 + strlen("/bin/victim") + 1);
	assert_true((const uint8_t *)&mapped_files[5] + 12 <= at + size);
}

static void core_of_a_process(void **state)
{
	static const uint64_t segments[][3] = {{BASE, BASE + 3 * PAGE, PF_R | PF_X},
					       {BASE + 4 * PAGE, BASE + 8 * PAGE, PF_R | PF_X},
					       {BASE + 8 * PAGE, END, PF_R | PF_W}};
	struct tocsin_core_stats stats;
	const Elf64_Phdr *ph;
	size_t size, count;
	uint8_t *bytes;

	make();
	bytes = write_core(&stats, &size);
	ph = headers(bytes, size, &count);
	assert_int_equal(count, 4);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(ph[i].p_type, PT_LOAD);
		assert_int_equal(ph[i].p_vaddr, segments[i][0]);
		assert_int_equal(ph[i].p_filesz, segments[i][1] - segments[i][0]);
		assert_int_equal(ph[i].p_memsz, ph[i].p_filesz);
		assert_int_equal(ph[i].p_flags, segments[i][2]);
		assert_int_equal(ph[i].p_offset % PAGE, 0);
		assert_memory_equal(bytes + ph[i].p_offset, ram + (ph[i].p_vaddr - BASE),
				    ph[i].p_filesz);
	}
	assert_int_equal(ph[3].p_type, PT_NOTE);
	check_notes(bytes + ph[3].p_offset, ph[3].p_filesz);
	assert_int_equal(stats.segments, 3);
	assert_int_equal(stats.bytes, (PAGES - 1) * PAGE);
	assert_false(stats.truncated);
	free(bytes);
}

static void core_has_bounds(void **state)
{
	struct tocsin_core_stats stats;
	size_t size, count;
	uint8_t *bytes;

	make();
	target.limits.max_bytes = 5 * PAGE;
	bytes = write_core(&stats, &size);
	headers(bytes, size, &count);
	assert_true(stats.truncated);
	assert_true(stats.bytes <= 6 * PAGE);
	assert_true(size < 16 * PAGE);
	free(bytes);
}

static void core_on_a_full_disk(void **state)
{
	struct tocsin_core_stats stats = {.bytes = 4};
	struct tocsin_error err = {0};
	int fd = open("/dev/full", O_WRONLY);

	make();
	assert_int_equal(tocsin_core_write(&target, fd, &stats, &err), -ENOSPC);
	assert_non_null(strstr(err.message, "memory of process 77"));
	assert_int_equal(stats.bytes, 4);
	close(fd);
}

#define T(f) cmocka_unit_test_setup(f, made_up)

int main(void)
{
	const struct CMUnitTest list[] = {
	    T(core_of_a_process),
	    T(core_has_bounds),
	    T(core_on_a_full_disk),
	};

	return cmocka_run_group_tests_name("core", list, NULL, NULL);
}
