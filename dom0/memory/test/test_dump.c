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

struct lime_range {
	uint32_t magic, version;
	uint64_t first, last, reserved;
	uint8_t bytes[0x1000];
};

static void test_lime(void **state)
{
	struct lime_range r[2] = {{0x4c694d45, 1, 0x100000000, 0x100000fff, 0, {1}},
				  {0x4c694d45, 1, 0x1000, 0x1fff, 0, {2}}};
	struct tocsin_memory *m = NULL;
	uint8_t got[0x1000];

	assert_int_equal(open_bytes(r, sizeof(r), &m), 0);
	assert_int_equal(m->range_count, 2);
	assert_int_equal(tocsin_memory_read(m, 0x100000000, got, sizeof(got)), 0);
	assert_memory_equal(got, r[0].bytes, sizeof(got));
	assert_int_equal(tocsin_memory_read(m, 0x1000, got, sizeof(got)), 0);
	assert_memory_equal(got, r[1].bytes, sizeof(got));
	assert_int_equal(tocsin_memory_read(m, 0x2000, got, 1), -EFAULT);
	tocsin_memory_close(m);
	/* Cut at the seam it is one range; anywhere else it is refused. */
	for (size_t n = sizeof(r[0]) + 1; n < sizeof(r); n += 61)
		assert_int_equal(open_bytes(r, n, &m), -EINVAL);
	r[1].last = UINT64_MAX;
	assert_int_equal(open_bytes(r, sizeof(r), &m), -EINVAL);
	r[1].first = 0;
	assert_int_equal(open_bytes(r, sizeof(r), &m), -EINVAL);
	r[1].last = r[1].first - 1;
	assert_int_equal(open_bytes(r, sizeof(r), &m), -EINVAL);
	r[1] = r[0]; /* twice the same memory */
	assert_int_equal(open_bytes(r, sizeof(r), &m), -EINVAL);
	r[1].magic = 0;
	assert_int_equal(open_bytes(r, sizeof(r), &m), -EINVAL);
	r[0].version = 2;
	assert_int_equal(open_bytes(r, sizeof(r[0]), &m), -EINVAL);
}

/* xl dump-core: three pages, of which frame 7, no frame, and frame 2. */
static struct xen_core {
	Elf64_Ehdr e;
	Elf64_Shdr s[4];
	char names[32];
	uint64_t frames[3];
	uint8_t pages[3][0x1000];
} xen_core;

static int fresh_xen(void **state)
{
	static const char names[32] = "\0.shstrtab\0.xen_pages\0.xen_pfn";

	memset(&xen_core, 0, sizeof(xen_core));
	memcpy(xen_core.e.e_ident, ELFMAG, SELFMAG);
	xen_core.e.e_ident[EI_CLASS] = ELFCLASS64;
	xen_core.e.e_ident[EI_DATA] = ELFDATA2LSB;
	xen_core.e.e_type = ET_CORE;
	xen_core.e.e_machine = EM_X86_64;
	xen_core.e.e_shoff = offsetof(struct xen_core, s);
	xen_core.e.e_shentsize = sizeof(Elf64_Shdr);
	xen_core.e.e_shnum = 4;
	xen_core.e.e_shstrndx = 1;
	memcpy(xen_core.names, names, sizeof(names));
	xen_core.s[1] = (Elf64_Shdr){.sh_name = 1,
				     .sh_type = SHT_STRTAB,
				     .sh_offset = offsetof(struct xen_core, names),
				     .sh_size = sizeof(names)};
	xen_core.s[2] = (Elf64_Shdr){.sh_name = 11,
				     .sh_type = SHT_PROGBITS,
				     .sh_offset = offsetof(struct xen_core, pages),
				     .sh_size = sizeof(xen_core.pages)};
	xen_core.s[3] = (Elf64_Shdr){.sh_name = 22,
				     .sh_type = SHT_PROGBITS,
				     .sh_offset = offsetof(struct xen_core, frames),
				     .sh_size = sizeof(xen_core.frames)};
	xen_core.frames[0] = 7;
	xen_core.frames[1] = UINT64_MAX;
	xen_core.frames[2] = 2;
	for (int i = 0; i < 3; i++)
		memset(xen_core.pages[i], 'a' + i, 0x1000);
	return 0;
}

static void test_xen_core(void **state)
{
	struct tocsin_memory *m = NULL;
	uint8_t got[0x1000];

	assert_int_equal(open_bytes(&xen_core, sizeof(xen_core), &m), 0);
	assert_int_equal(m->range_count, 2);
	assert_int_equal(tocsin_memory_read(m, 0x7000, got, 0x1000), 0);
	assert_memory_equal(got, xen_core.pages[0], 0x1000);
	assert_int_equal(tocsin_memory_read(m, 0x2000, got, 0x1000), 0);
	assert_memory_equal(got, xen_core.pages[2], 0x1000);
	assert_int_equal(tocsin_memory_read(m, 0x3000, got, 1), -EFAULT);
	tocsin_memory_close(m);
}

static void test_xen_core_lies(void **state)
{
	struct tocsin_memory *m = NULL;

	for (size_t n = SELFMAG; n < sizeof(xen_core); n += n < 1024 ? 1 : 509)
		assert_int_equal(open_bytes(&xen_core, n, &m), -EINVAL);
	xen_core.frames[1] = 7;
	assert_int_equal(open_bytes(&xen_core, sizeof(xen_core), &m), -EINVAL);
	xen_core.frames[1] = 1ull << 60;
	assert_int_equal(open_bytes(&xen_core, sizeof(xen_core), &m), -EINVAL);
	fresh_xen(NULL);
	xen_core.s[3].sh_size -= 8;
	assert_int_equal(open_bytes(&xen_core, sizeof(xen_core), &m), -EINVAL);
	fresh_xen(NULL);
	xen_core.s[2].sh_name = UINT32_MAX;
	assert_int_equal(open_bytes(&xen_core, sizeof(xen_core), &m), -EINVAL);
	fresh_xen(NULL);
	xen_core.e.e_shstrndx = 4;
	assert_int_equal(open_bytes(&xen_core, sizeof(xen_core), &m), -EINVAL);
	fresh_xen(NULL);
	xen_core.s[1].sh_size = UINT64_MAX;
	assert_int_equal(open_bytes(&xen_core, sizeof(xen_core), &m), -EINVAL);
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
	    cmocka_unit_test(test_lime),
	    cmocka_unit_test_setup(test_xen_core, fresh_xen),
	    cmocka_unit_test_setup(test_xen_core_lies, fresh_xen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
