// SPDX-License-Identifier: GPL-2.0-or-later
/* build_id.c on files made here: whole, packed, cut at every byte, and with offsets that lie. */
#include "host/build_id.h"

#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#define ID "00112233445566778899aabbccddeeff01234567"

struct note {
	Elf64_Nhdr head;
	char owner[4];
	uint8_t id[20];
};

static const struct note note = {
    {4, 20, NT_GNU_BUILD_ID}, "GNU", {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99,
				      0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x01, 0x23, 0x45, 0x67}};

/* As xen.gz: the note in a segment. */
static struct image32 {
	Elf32_Ehdr e;
	Elf32_Phdr p[2];
	struct note other, note;
} image;

/* As a payload: the note in a section. */
static struct image64 {
	Elf64_Ehdr e;
	Elf64_Shdr s[3];
	char names[40];
	struct note note;
} object;

static int setup(void **state)
{
	image = (struct image32){.other = note, .note = note};
	memcpy(image.e.e_ident, ELFMAG, SELFMAG);
	image.e.e_ident[EI_CLASS] = ELFCLASS32;
	image.e.e_phoff = offsetof(struct image32, p);
	image.e.e_phentsize = sizeof(image.p[0]);
	image.e.e_phnum = 2;
	image.p[0] = (Elf32_Phdr){.p_type = PT_LOAD};
	image.p[1] = (Elf32_Phdr){.p_type = PT_NOTE,
				  .p_offset = offsetof(struct image32, other),
				  .p_filesz = 2 * sizeof(note)};
	image.other.head.n_type = NT_GNU_ABI_TAG;

	object = (struct image64){.names = "\0.names\0.livepatch.xen_depends", .note = note};
	memcpy(object.e.e_ident, ELFMAG, SELFMAG);
	object.e.e_ident[EI_CLASS] = ELFCLASS64;
	object.e.e_shoff = offsetof(struct image64, s);
	object.e.e_shentsize = sizeof(object.s[0]);
	object.e.e_shnum = 3;
	object.e.e_shstrndx = 1;
	object.s[1] = (Elf64_Shdr){.sh_name = 1,
				   .sh_type = SHT_STRTAB,
				   .sh_offset = offsetof(struct image64, names),
				   .sh_size = sizeof(object.names)};
	object.s[2] = (Elf64_Shdr){.sh_name = 8,
				   .sh_type = SHT_PROGBITS,
				   .sh_offset = offsetof(struct image64, note),
				   .sh_size = sizeof(note)};
	return 0;
}

/* Each test has the folder to itself. */
static void write_file(const char *path, const void *bytes, size_t size, const char *mode)
{
	gzFile f = gzopen(path, mode);

	assert_non_null(f);
	assert_int_equal(gzwrite(f, bytes, (unsigned int)size), size);
	assert_int_equal(gzclose(f), Z_OK);
}

static void finds(void **state)
{
	char folder[] = "/tmp/test_build_id.XXXXXX", path[64], id[TOCSIN_BUILD_ID_TEXT], *found;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/xen-a.gz", folder);
	write_file(path, &image, sizeof(image), "wb9");
	assert_int_equal(tocsin_build_id_hypervisor(path, id, NULL), 0);
	assert_string_equal(id, ID);
	assert_int_equal(tocsin_build_id_find(folder, "xen", ID, &found, NULL), 0);
	assert_string_equal(found, path);
	free(found);
	assert_int_equal(tocsin_build_id_find(folder, "xen-syms", ID, &found, NULL), -ENOENT);
	assert_int_equal(tocsin_build_id_find(folder, "xen", "00", &found, NULL), -ENOENT);
	/* not packed, and the larger kind */
	object.s[2].sh_type = SHT_NOTE;
	write_file(path, &object, sizeof(object), "wbT");
	assert_int_equal(tocsin_build_id_hypervisor(path, id, NULL), 0);
	assert_string_equal(id, ID);
	unlink(path);
	assert_int_equal(tocsin_build_id_find(folder, "xen", ID, &found, NULL), -ENOENT);
	rmdir(folder);
	assert_int_equal(tocsin_build_id_find(folder, "xen", ID, &found, NULL), -ENOENT);
}

static void no_hypervisor(void **state)
{
	char path[] = "/tmp/test_build_id.XXXXXX", id[TOCSIN_BUILD_ID_TEXT] = "old";
	struct tocsin_error err = {0};
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(tocsin_build_id_hypervisor(path, id, &err), -ENODATA);
	assert_non_null(strstr(err.message, path));
	write_file(path,
		   "\x7f"
		   "ELF",
		   4, "wb");
	assert_int_equal(tocsin_build_id_hypervisor(path, id, NULL), -ENODATA);
	unlink(path);
	assert_int_equal(tocsin_build_id_hypervisor(path, id, NULL), -ENOENT);
	assert_string_equal(id, "old");
}

static void payloads(void **state)
{
	char id[TOCSIN_BUILD_ID_TEXT] = "";
	uint8_t *cut;

	assert_int_equal(
	    tocsin_build_id_payload((const uint8_t *)&object, sizeof(object), id, NULL), 0);
	assert_string_equal(id, ID);
	/* whatever is missing, nothing beyond is read (the sanitizer and valgrind see to that) */
	for (size_t size = 0; size < offsetof(struct image64, note) + sizeof(note); size++) {
		cut = malloc(size ? size : 1);
		memcpy(cut, &object, size);
		assert_int_equal(tocsin_build_id_payload(cut, size, id, NULL), -EINVAL);
		free(cut);
	}
	object.names[10]++;
	assert_int_equal(
	    tocsin_build_id_payload((const uint8_t *)&object, sizeof(object), id, NULL), -EINVAL);
}

/* Every 32-bit word of the headers, at its extremes. */
static void lies(void **state)
{
	static const uint32_t values[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff};
	char id[TOCSIN_BUILD_ID_TEXT];
	size_t words = sizeof(object) / 4;
	uint8_t *copy = malloc(sizeof(object));
	unsigned int found = 0;

	for (size_t i = 0; i < words; i++) {
		for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
			memcpy(copy, &object, sizeof(object));
			memcpy(copy + 4 * i, &values[v], 4);
			found += !tocsin_build_id_payload(copy, sizeof(object), id, NULL);
		}
	}
	assert_in_range(found, 1, words * 5 - 1);
	free(copy);
}

int main(void)
{
	const struct CMUnitTest list[] = {
	    cmocka_unit_test_setup(finds, setup),
	    cmocka_unit_test_setup(no_hypervisor, setup),
	    cmocka_unit_test_setup(payloads, setup),
	    cmocka_unit_test_setup(lies, setup),
	};

	return cmocka_run_group_tests_name("build_id", list, NULL, NULL);
}
