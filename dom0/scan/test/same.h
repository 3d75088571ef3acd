/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does libyara find the same in the windows of the sieve as in everything? For a unit test and a
 * fuzzer. The rules have a string of each kind that there is.
 */
#ifndef TOCSIN_SCAN_TEST_SAME_H
#define TOCSIN_SCAN_TEST_SAME_H

#include "scan/sieve.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MATCHES_MAX 4096u
#define SAME_SECONDS 20
#define SAME_SIZE (1u << 20) /* of data, at most */

static const char same_rules[] =
    "rule plain { strings: $a = \"needle!\" condition: $a }"
    "rule two { strings: $a = \"#~\" condition: $a }"
    "rule three { strings: $a = \"<%>\" wide ascii condition: $a }"
    "rule word { strings: $a = \"haystack\" fullword condition: $a }"
    "rule words { strings: $a = \"Ricks\" nocase wide ascii fullword condition: $a }"
    "rule key { strings: $a = \"straw berry\" xor condition: $a }"
    "rule coded { strings: $a = \"barn door\" base64 base64wide condition: $a }"
    "rule long { strings: $a = \"0123456789abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQ"
    "RSTUVWXYZ0123456789abcdefghijklmnopqrstuvwxyz\" condition: $a }"
    "rule hexed { strings: $a = { 48 (B8 | B9 | ?A) 2F 62 69 [0-48] 6A (3B | 3C 3D) ?8 [2-6] 0F 05 "
    "} condition: $a }"
    "rule masked { strings: $a = { 6? 61 62 63 ?? 64 } condition: $a }"
    "rule class { strings: $a = /fork[e-g]{2,4}(knife){1,2}\\d+s/ condition: $a }"
    "rule choice { strings: $a = /plough(ed|man)s?y*/ nocase condition: $a }"
    "rule dots { strings: $a = /cart.{0,150}wheel/s condition: $a }"
    "rule greedy { strings: $a = /oats[^\\n]*rye/ wide ascii condition: $a }"
    "rule edges { strings: $a = /\\bmill\\B.o/ condition: $a }"
    "rule ends { strings: $a = /(^roof|tile$)/ condition: $a }";

struct same_match {
	uint32_t string;
	int32_t length;
	int64_t at;
};

struct same_scan {
	YR_MEMORY_BLOCK block;
	const uint8_t *data;
	const struct tocsin_window *windows;
	size_t window, count;
	struct same_match matches[MATCHES_MAX];
	size_t match_count; /* more than MATCHES_MAX: not kept */
	uint64_t rules;     /* a bit for each that matches, of the first 64 */
	int bad;            /* libyara's error */
};

static YR_MEMORY_BLOCK *same_next(YR_MEMORY_BLOCK_ITERATOR *it)
{
	struct same_scan *s = it->context;

	it->last_error = ERROR_SUCCESS;
	if (s->window == s->count)
		return NULL;
	s->block.base = s->windows[s->window].start;
	s->block.size = s->windows[s->window].end - s->windows[s->window].start;
	s->window++;
	return &s->block;
}

static const uint8_t *same_fetch(YR_MEMORY_BLOCK *block)
{
	return ((struct same_scan *)block->context)->data + block->base;
}

/* libyara packs its matches without alignment. */
__attribute__((no_sanitize("alignment"))) static int same_message(YR_SCAN_CONTEXT *c, int message,
								  void *data, void *user)
{
	struct same_scan *s = user;

	if (message == CALLBACK_MSG_RULE_MATCHING)
		s->rules |= 1ull << ((size_t)((YR_RULE *)data - c->rules->rules_table) & 63);
	for (uint32_t i = 0; message == CALLBACK_MSG_SCAN_FINISHED && i < c->rules->num_strings;
	     i++)
		for (const YR_MATCH *m = c->matches[i].head; m; m = m->next)
			if (s->match_count++ < MATCHES_MAX)
				s->matches[s->match_count - 1] = (struct same_match){
				    i, m->match_length, (int64_t)m->base + m->offset};
	return CALLBACK_CONTINUE;
}

/* What is found in the windows of data, which are apart. */
static void same_find(YR_RULES *rules, const uint8_t *data, const struct tocsin_window *windows,
		      size_t count, struct same_scan *s)
{
	YR_MEMORY_BLOCK_ITERATOR it = {.context = s, .first = same_next, .next = same_next};

	s->block = (YR_MEMORY_BLOCK){.context = s, .fetch_data = same_fetch};
	s->data = data;
	s->windows = windows;
	s->count = count;
	s->window = s->match_count = 0;
	s->rules = 0;
	memset(s->matches, 0, sizeof(s->matches));
	s->bad = yr_rules_scan_mem_blocks(rules, &it, 0, same_message, s, SAME_SECONDS);
}

static bool same_has_parts(const YR_RULES *rules)
{
	for (uint32_t i = 0; i < rules->num_strings; i++)
		if (STRING_IS_CHAIN_PART(&rules->strings_table[i]))
			return true;
	return false;
}

/* Are they? At most SAME_SIZE bytes. *skipped: how many were in no window. */
static bool is_same(YR_RULES *rules, const struct tocsin_sieve *sieve, const uint8_t *data,
		    size_t size, size_t *found, size_t *skipped)
{
	static struct tocsin_window windows[SAME_SIZE / TOCSIN_WINDOW_GAP + 1];
	static struct same_scan all, some;
	struct tocsin_window whole = {0, (uint32_t)size};
	const struct tocsin_window *some_of_it = windows;
	size_t n = tocsin_sieve_windows(sieve, data, size, windows);

	*skipped = size;
	for (size_t i = 0; i < n; i++) {
		if (windows[i].start >= windows[i].end || windows[i].end > size ||
		    (i && windows[i].start <= windows[i - 1].end))
			return false;
		*skipped -= windows[i].end - windows[i].start;
	}
	same_find(rules, data, &whole, 1, &all);
	/* As yara.c does: of strings with parts all, and without any block nothing is decided. */
	if ((n && same_has_parts(rules)) || !n)
		some_of_it = &whole;
	if (!n)
		whole.end = size < 4096 ? whole.end : 4096;
	same_find(rules, data, some_of_it, some_of_it == &whole ? 1 : n, &some);
	*found = all.match_count;
	if (all.bad) /* too many threads of a regular expression, or the like: a failed scan */
		return true;
	return !some.bad && all.rules == some.rules && all.match_count == some.match_count &&
	       !memcmp(all.matches, some.matches, sizeof(all.matches));
}

static void same_ignore(int level, const char *file, int line, const YR_RULE *rule,
			const char *message, void *user)
{
}

/* NULL: the text is wrong. Else to be freed, and then yr_finalize. */
static YR_RULES *same_compile(const char *text)
{
	YR_COMPILER *c;
	YR_RULES *ret = NULL;

	if (yr_initialize() || yr_compiler_create(&c))
		abort();
	yr_compiler_set_callback(c, same_ignore, NULL);
	if (yr_compiler_add_string(c, text, NULL))
		yr_finalize();
	else if (yr_compiler_get_rules(c, &ret))
		abort();
	yr_compiler_destroy(c);
	return ret;
}

#endif
