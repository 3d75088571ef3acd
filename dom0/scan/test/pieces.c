/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Does scanning in blocks lose anything that libyara finds in one piece? */
#include "made_up.h"

#include "scan/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

void write_rules(const char *dir, const char *text, struct tocsin_rules **ret)
{
	const char *const directories[] = {dir, NULL};
	struct tocsin_error err = {0};
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/a.yar", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(tocsin_rules_load(directories, NULL, NULL, ret, &err), 0);
	unlink(path);
}

static int count_rule(YR_SCAN_CONTEXT *context, int message, void *data, void *user)
{
	*(size_t *)user += message == CALLBACK_MSG_RULE_MATCHING;
	return CALLBACK_CONTINUE;
}

/*
 * A string across the end of each page of random memory, and as many that are one bit off:
 * libyara's own scan of the same bytes in one piece finds as many, and all of those are found here.
 */
void as_many_as_in_one_piece(void **state)
{
	enum { RULES = 2 * PAGES, SIZE = 24, RULE_SIZE = 160 };
	char dir[] = "/tmp/tocsin-rules-XXXXXX", *text = calloc(RULES, RULE_SIZE), *at = text;
	uint8_t *piece = malloc(sizeof(ram));
	struct tocsin_rules *some;
	size_t beside = 0;

	assert_non_null(mkdtemp(dir));
	assert_non_null(text);
	assert_non_null(piece);
	srand(1);
	for (size_t i = 0; i < sizeof(ram); i++)
		piece[i] = ram[(i + sizeof(ram) / 2) % sizeof(ram)] = (uint8_t)rand();
	for (size_t i = 0; i < RULES; i++) {
		size_t end = (i / 2 + 1) * TOCSIN_PAGE_SIZE + SIZE / 2;
		const uint8_t *from = piece + (end < sizeof(ram) ? end : sizeof(ram)) - SIZE;

		at += sprintf(at, "rule r%zu { strings: $a = {", i);
		for (size_t j = 0; j < SIZE; j++)
			at += sprintf(at, " %02X", from[j] ^ (i % 2 && j == SIZE - 1));
		at += sprintf(at, " } condition: $a }\n");
	}
	write_rules(dir, text, &some);
	assert_int_equal(
	    yr_rules_scan_mem(some->yara, piece, sizeof(ram), 0, count_rule, &beside, 0),
	    ERROR_SUCCESS);
	assert_int_equal(beside, RULES / 2);
	target.rules = some;
	rows[0].end = BASE + (64u << 20);
	halves = true;
	for (unsigned int way = 0; way < 4; way++) {
		mapped = way & 1;
		target.limits.threads = way & 2 ? 4 : 1;
		scan();
		assert_int_equal(findings.count + findings.dropped, beside);
		memset(&findings, 0, sizeof(findings));
	}
	tocsin_rules_free(some);
	free(piece);
	free(text);
	rmdir(dir);
}
