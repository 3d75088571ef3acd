/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sieve leaves nothing out that libyara would find. */
#include "scan/rules.h"
#include "scan/test/same.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

/* What strings of the rules look like, and what nearly is one. */
#define PIECE(s)                                                                                   \
	{                                                                                          \
		s, sizeof(s) - 1                                                                   \
	}

static const struct {
	const char *bytes;
	size_t size;
} pieces[] = {
    PIECE("needle!"),
    PIECE("needle?"),
    PIECE("#~"),
    PIECE("<%>"),
    PIECE("<\0%\0>\0"),
    PIECE("haystack"),
    PIECE("haystacks"),
    PIECE("rIcKs"),
    PIECE("R\0i\0c\0k\0s\0"),
    PIECE("R\0i\0c\0k\0s\0t\0"),
    PIECE("straw berry"),
    PIECE("rus`v!cdssx"), /* by 1 */
    PIECE("YmFybiBkb29y"),
    PIECE("Jhcm4gZG9vc"),
    PIECE("iYXJuIGRvb3"),
    PIECE("Y\0m\0F\0y\0b\0i\0B\0k\0b\0"),
    PIECE("0123456789abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdef"
	  "ghijk"
	  "lmnopqrstuvwxyz"),
    PIECE("0123456789abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    PIECE("H\xb8/bi123456j;8..\x0f\x05"),
    PIECE("H\x3a/bij<=x....\x0f\x05"),
    PIECE("H\xb7/bij;8..\x0f\x05"),
    PIECE("/bi"),
    PIECE("fabc.d"),
    PIECE("pabc.d"),
    PIECE("forkefggknifeknife12s"),
    PIECE("forkeknifes"),
    PIECE("PloughmanSyyyy"),
    PIECE("ploughedyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"),
    PIECE("cart"),
    PIECE("wheel"),
    PIECE("oats"),
    PIECE("rye"),
    PIECE("o\0a\0t\0s\0"),
    PIECE("r\0y\0e\0"),
    PIECE("mill.o"),
    PIECE("millxo"),
    PIECE(" millyyo"),
    PIECE("roof"),
    PIECE("tile"),
    PIECE("\n"),
    PIECE(" "),
};

static void fill(uint8_t *data, size_t size, unsigned int alphabet, unsigned int planted)
{
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(rand() % (int)alphabet);
	while (planted--) {
		size_t which = (size_t)rand() % (sizeof(pieces) / sizeof(pieces[0]));
		size_t n = pieces[which].size, at = (size_t)rand() % size;

		if (rand() % 8 == 0)
			at = rand() % 2 ? 0 : size - (n < size ? n : size);
		memcpy(data + at, pieces[which].bytes, n < size - at ? n : size - at);
	}
}

static void windows_hold_all_matches(void **state)
{
	YR_RULES *rules = same_compile(same_rules);
	struct tocsin_sieve *sieve;
	size_t skipped = 0, found = 0;

	assert_int_equal(tocsin_sieve_make(rules, &sieve), 0);
	assert_non_null(sieve);
	srand(1);
	for (int round = 0; round < 600; round++) {
		static const unsigned int alphabets[] = {256, 1, 128, 4};
		size_t size = (size_t)rand() % (round % 3 ? 6000 : 40) + 1, s = 0, f = 0;
		uint8_t *data = malloc(size); /* of this size, so that tools see what is beyond */

		assert_non_null(data);
		fill(data, size, alphabets[round % 4], (unsigned int)rand() % 40);
		if (!is_same(rules, sieve, data, size, &f, &s))
			fail_msg("round %d, %zu bytes, %zu matches", round, size, f);
		skipped += s;
		found += f;
		free(data);
	}
	assert_true(found > 2000);
	assert_true(skipped > 100000);
	tocsin_sieve_free(sieve);
	yr_rules_destroy(rules);
	yr_finalize();
}

/* Where there is a match in every place, all is one window, early. */
static void dense_memory_is_one_window(void **state)
{
	enum { SIZE = 256 << 10 };
	static struct tocsin_window windows[SIZE / TOCSIN_WINDOW_GAP + 1];
	YR_RULES *rules = same_compile(same_rules);
	uint8_t *data = malloc(SIZE);
	struct tocsin_sieve *sieve;

	assert_non_null(data);
	assert_int_equal(tocsin_sieve_make(rules, &sieve), 0);
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (uint8_t) "#~"[i % 2];
	assert_int_equal(tocsin_sieve_windows(sieve, data, SIZE, windows), 1);
	assert_int_equal(windows[0].start, 0);
	assert_int_equal(windows[0].end, SIZE);
	tocsin_sieve_free(sieve);
	yr_rules_destroy(rules);
	yr_finalize();
	free(data);
}

/* A string without an atom of two bytes may be anywhere. */
static void short_atoms_have_no_sieve(void **state)
{
	static const char *const texts[] = {
	    "rule r { strings: $a = \"x\" condition: $a }",
	    "rule r { strings: $a = /[a-z]/ condition: $a }",
	    "rule r { strings: $a = \"abcdef\" $b = /.+/ condition: any of them }",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct tocsin_sieve *sieve = NULL;
		YR_COMPILER *c;
		YR_RULES *rules;

		assert_int_equal(yr_initialize(), 0);
		assert_int_equal(yr_compiler_create(&c), 0);
		assert_int_equal(yr_compiler_add_string(c, texts[i], NULL), 0);
		assert_int_equal(yr_compiler_get_rules(c, &rules), 0);
		assert_int_equal(tocsin_sieve_make(rules, &sieve), 0);
		assert_null(sieve);
		yr_rules_destroy(rules);
		yr_compiler_destroy(c);
		yr_finalize();
	}
}

/* Rules that read memory by themselves are known, whatever libyara takes for a comment before. */
static void no_zero_hides_an_import(void **state)
{
	static const char text[] = "/*\0*/ import \"math\"\n"
				   "rule r { condition: /*\0*/ entrypoint == 1 }\n";
	char dir[] = "/tmp/tocsin-rules-XXXXXX", path[64];
	const char *const directories[] = {dir, NULL};
	struct tocsin_rules *rules;
	struct tocsin_error err;
	FILE *f;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a.yar", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, sizeof(text) - 1, f), sizeof(text) - 1);
	fclose(f);
	assert_int_equal(tocsin_rules_load(directories, NULL, NULL, &rules, &err), 0);
	unlink(path);
	rmdir(dir);
	assert_int_equal(tocsin_rules_count(rules), 1);
	assert_true(rules->whole && rules->entry);
	tocsin_rules_free(rules);
}

int main(void)
{
	const struct CMUnitTest list[] = {
	    cmocka_unit_test(windows_hold_all_matches),
	    cmocka_unit_test(dense_memory_is_one_window),
	    cmocka_unit_test(short_atoms_have_no_sieve),
	    cmocka_unit_test(no_zero_hides_an_import),
	};

	return cmocka_run_group_tests(list, NULL, NULL);
}
