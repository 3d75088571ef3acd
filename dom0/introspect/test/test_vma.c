// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * VMAs as kernels before 6.1 keep them, in a list, and as later ones do, in a tree: both from the
 * corpus of fuzz_vma, which make_object_corpus.py describes, with the layout of that harness.
 */
#define LLVMFuzzerTestOneInput fuzz_vma
#include "../../../fuzz/fuzz_vma.c"
#undef LLVMFuzzerTestOneInput

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char *corpus;

/* The rows of one corpus file, freed by the caller. */
static int read_corpus(const char *name, struct tocsin_vma_list *ret)
{
	static uint8_t bytes[PAGES * TOCSIN_PAGE_SIZE];
	struct tocsin_kernel k = FUZZ_KERNEL;
	struct vma_layout v = tree_or_list;
	struct reading r[2] = {{.k = &k, .l = &fuzz_layout, .v = &v, .mm = MM, .fs = FS}};
	char path[4096];
	size_t size;
	FILE *file;
	int rc;

	snprintf(path, sizeof(path), "%s/%s", corpus, name);
	file = fopen(path, "rb");
	assert_non_null(file);
	size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	assert_true(size > HEAD && fuzz_memory(&k, bytes + HEAD, size - HEAD));
	v.tree = bytes[0] & 1;
	r[1] = r[0];
	rc = read_until_same(r, ret);
	for (int i = 0; i < 2; i++) {
		free(r[i].rows);
		free(r[i].path);
		free(r[i].pool);
	}
	tocsin_memory_close(k.m);
	return rc;
}

static void expect_rows(const char *name, const uint64_t (*rows)[2], size_t count)
{
	struct tocsin_vma_list list;

	assert_int_equal(read_corpus(name, &list), 0);
	assert_int_equal(list.count, count);
	assert_int_equal(list.torn, 0);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(list.rows[i].start, rows[i][0]);
		assert_int_equal(list.rows[i].end, rows[i][1]);
		assert_int_equal(list.rows[i].confidence, TOCSIN_CONSISTENT);
	}
	tocsin_vma_list_free(&list);
}

static void test_list(void **state)
{
	static const uint64_t rows[][2] = {{0x1000, 0x2000}, {0x3000, 0x5000}, {0x5000, 0x6000}};

	expect_rows("list", rows, 3);
}

static void test_leaf(void **state)
{
	static const uint64_t rows[][2] = {{0x1000, 0x2000}, {0x2000, 0x3000}, {0x5000, 0x6000}};

	expect_rows("leaf", rows, 3);
}

static void test_two_levels(void **state)
{
	static const uint64_t rows[][2] = {{0x1000, 0x2000}, {0x9000, 0xa000}};

	expect_rows("two-levels", rows, 2);
}

static void test_loop(void **state)
{
	struct tocsin_vma_list list;

	assert_true(read_corpus("loop", &list) < 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_list),
	    cmocka_unit_test(test_leaf),
	    cmocka_unit_test(test_two_levels),
	    cmocka_unit_test(test_loop),
	};

	if (argc != 2)
		return 2;
	corpus = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
