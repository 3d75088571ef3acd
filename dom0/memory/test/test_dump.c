/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dumps: a raw image, a good ELF core, and cores that lie. The good core has a QEMU note and two
 * segments, out of order, for 0x10000 and 0x8000.
 */
#include "memory/memory.h"

#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define CR3 0x1aad000ull
#define STATE_SIZE 440 /* of QEMUCPUState version 1 */
#define STATE_CR3 416

struct core {
	Elf64_Ehdr e;
	Elf64_Phdr p[3];
	Elf64_Shdr s;
	Elf64_Nhdr n;
	char name[8];
	uint8_t state[STATE_SIZE];
	uint8_t pad[4];
	uint8_t high[0x2000];
	uint8_t low[0x1000];
};

_Static_assert(offsetof(struct core, low) + 0x1000 == sizeof(struct core), "ends with low");

static struct core core;

static int fresh(void **state)
{
	const uint32_t version = 1;
	const uint64_t cr3 = CR3;

	memset(&core, 0, sizeof(core));
	memcpy(core.e.e_ident, ELFMAG, SELFMAG);
	core.e.e_ident[EI_CLASS] = ELFCLASS64;
	core.e.e_ident[EI_DATA] = ELFDATA2LSB;
	core.e.e_type = ET_CORE;
	core.e.e_machine = EM_X86_64;
	core.e.e_phoff = offsetof(struct core, p);
	core.e.e_phentsize = sizeof(Elf64_Phdr);
	core.e.e_phnum = 3;
	core.p[0] =
	    (Elf64_Phdr){.p_type = PT_NOTE,
			 .p_offset = offsetof(struct core, n),
			 .p_filesz = offsetof(struct core, high) - offsetof(struct core, n)};
	core.p[1] = (Elf64_Phdr){.p_type = PT_LOAD,
				 .p_offset = offsetof(struct core, high),
				 .p_paddr = 0x10000,
				 .p_filesz = sizeof(core.high),
				 .p_memsz = sizeof(core.high)};
	core.p[2] = (Elf64_Phdr){.p_type = PT_LOAD,
				 .p_offset = offsetof(struct core, low),
				 .p_paddr = 0x8000,
				 .p_filesz = sizeof(core.low),
				 .p_memsz = sizeof(core.low)};
	core.n = (Elf64_Nhdr){.n_namesz = 5, .n_descsz = STATE_SIZE};
	memcpy(core.name, "QEMU", 5);
	memcpy(core.state, &version, sizeof(version));
	memcpy(core.state + STATE_CR3, &cr3, sizeof(cr3));
	memset(core.high, 0x48, sizeof(core.high));
	memset(core.low, 0x4c, sizeof(core.low));
	return 0;
}

static int open_bytes(const void *bytes, size_t size, struct tocsin_memory **ret)
{
	struct tocsin_error err = {0};
	char path[64];
	int fd = memfd_create("dump", MFD_CLOEXEC);
	int rc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	rc = tocsin_memory_open_dump(path, ret, &err);
	close(fd);
	assert_int_equal(err.code, rc);
	assert_true(rc == 0 || err.message[0]);
	return rc;
}

static void refused(void)
{
	struct tocsin_memory *m = (void *)&core;

	assert_int_equal(open_bytes(&core, sizeof(core), &m), -EINVAL);
	assert_ptr_equal(m, &core); /* untouched */
}

static void test_raw(void **state)
{
	struct tocsin_memory *m = NULL;
	uint8_t bytes[5000], got[5000], cell[16] = {0};

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 13);
	assert_int_equal(open_bytes(bytes, sizeof(bytes), &m), 0);
	assert_int_equal(tocsin_memory_read(m, 0, got, sizeof(got)), 0);
	assert_memory_equal(got, bytes, sizeof(bytes));
	assert_int_equal(tocsin_memory_read(m, 1, got, sizeof(got)), -EFAULT);
	assert_int_equal(tocsin_memory_cas16(m, 0, cell, cell), -EROFS);
	tocsin_memory_close(m);
	assert_int_equal(open_bytes(bytes, 0, &m), -EINVAL);
	assert_int_equal(tocsin_memory_open_dump("/nonexistent/dump", &m, NULL), -ENOENT);
	assert_int_equal(tocsin_memory_open_dump("/", &m, NULL), -EINVAL);
}

static void test_core(void **state)
{
	struct tocsin_memory *m = NULL;
	uint8_t got[0x2000];

	assert_int_equal(open_bytes(&core, sizeof(core), &m), 0);
	assert_int_equal(m->range_count, 2);
	assert_int_equal(m->ranges[0].start, 0x8000);
	assert_int_equal(m->ranges[1].start, 0x10000);
	assert_int_equal(m->cr3_hint, CR3);
	assert_int_equal(tocsin_memory_read(m, 0x10000, got, 0x2000), 0);
	assert_memory_equal(got, core.high, 0x2000);
	assert_int_equal(tocsin_memory_read(m, 0x8000, got, 0x1000), 0);
	assert_memory_equal(got, core.low, 0x1000);
	assert_int_equal(tocsin_memory_read(m, 0x8000, got, 0x1001), -EFAULT);
	assert_int_equal(tocsin_memory_read(m, 0, got, 1), -EFAULT);
	assert_int_equal(tocsin_memory_read(m, 0x12000, got, 1), -EFAULT);
	tocsin_memory_close(m);
}

/* Segments that touch in guest memory but not in the file read as one. */
static void test_adjacent(void **state)
{
	struct tocsin_memory *m = NULL;
	uint8_t got[2];

	core.p[2].p_paddr = 0x12000;
	assert_int_equal(open_bytes(&core, sizeof(core), &m), 0);
	assert_int_equal(tocsin_memory_read(m, 0x11fff, got, 2), 0);
	assert_int_equal(got[0], 0x48);
	assert_int_equal(got[1], 0x4c);
	tocsin_memory_close(m);
}

static void test_many_headers(void **state)
{
	struct tocsin_memory *m = NULL;

	core.e.e_phnum = PN_XNUM;
	core.e.e_shoff = offsetof(struct core, s);
	core.e.e_shentsize = sizeof(core.s);
	core.s.sh_info = 3;
	assert_int_equal(open_bytes(&core, sizeof(core), &m), 0);
	assert_int_equal(m->range_count, 2);
	tocsin_memory_close(m);
	core.s.sh_info = UINT32_MAX;
	refused();
	core.s.sh_info = 3;
	core.e.e_shoff = UINT64_MAX - 8;
	refused();
}

/* Cut anywhere after the magic, a core is refused: its last segment needs the last byte. */
static void test_truncated(void **state)
{
	struct tocsin_memory *m = NULL;

	for (size_t n = SELFMAG; n < sizeof(core); n += n < 1024 ? 1 : 509)
		assert_int_equal(open_bytes(&core, n, &m), -EINVAL);
	assert_int_equal(open_bytes(&core, sizeof(core) - 1, &m), -EINVAL);
}

static void test_lies(void **state)
{
	static const uint64_t far[] = {sizeof(core), UINT64_MAX, UINT64_MAX - 0xfff, 1ull << 63};

	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		fresh(NULL);
		core.e.e_phoff = far[i];
		refused();
		for (int p = 0; p < 3; p++) {
			fresh(NULL);
			core.p[p].p_offset = far[i];
			refused();
			fresh(NULL);
			core.p[p].p_filesz = core.p[p].p_memsz = far[i];
			refused();
		}
	}
	fresh(NULL);
	core.e.e_phnum = 0;
	refused();
	fresh(NULL);
	core.e.e_phentsize = 32;
	refused();
	fresh(NULL);
	core.p[1].p_memsz = 1;
	refused();
	fresh(NULL);
	core.p[1].p_paddr = UINT64_MAX - 0xfff;
	refused();
	fresh(NULL);
	core.p[2].p_paddr = 0x11fff;
	refused();
	fresh(NULL);
	core.e.e_machine = EM_ARM;
	refused();
	fresh(NULL);
	core.p[1].p_type = core.p[2].p_type = PT_NULL;
	refused();
}

/* A note that lies gives no hint, and does no harm. */
static void test_notes(void **state)
{
	static const uint32_t sizes[] = {0, 1, STATE_CR3, STATE_SIZE + 8, UINT32_MAX};
	struct tocsin_memory *m = NULL;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		core.n.n_descsz = sizes[i];
		assert_int_equal(open_bytes(&core, sizeof(core), &m), 0);
		assert_int_equal(m->cr3_hint, 0);
		tocsin_memory_close(m);
	}
	core.n = (Elf64_Nhdr){.n_namesz = UINT32_MAX, .n_descsz = STATE_SIZE};
	assert_int_equal(open_bytes(&core, sizeof(core), &m), 0);
	assert_int_equal(m->cr3_hint, 0);
	tocsin_memory_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_raw),
	    cmocka_unit_test_setup(test_core, fresh),
	    cmocka_unit_test_setup(test_adjacent, fresh),
	    cmocka_unit_test_setup(test_many_headers, fresh),
	    cmocka_unit_test_setup(test_truncated, fresh),
	    cmocka_unit_test(test_lies),
	    cmocka_unit_test_setup(test_notes, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
