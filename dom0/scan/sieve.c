/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The atoms are the paths from the root of libyara's automaton to states with matches. An atom
 * consists of pairs of bytes, and of the pairs at even offsets of the data at least one lies inside
 * it: bytes 0 and 1 if it begins at an even offset, 1 and 2 if not; the pair that follows has at
 * least its first byte in it, if the atom is long enough. So one table lookup for every two bytes
 * finds all places worth a look; there the automaton itself is asked.
 *
 * A table entry has eight bits for a pair and eight for the pair that follows one: four groups of
 * atoms that begin at even offsets, and the same four at odd ones. Rules with few atoms have a
 * table that fits into the processor's nearest cache; there several pairs share an entry.
 *
 * A window is as large as what libyara may look at around the atom: the length of a literal string,
 * the longest that a regular expression can match (read from its code), or libyara's own limit.
 */
#include "scan/sieve.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yara/ahocorasick.h>
#include <yara/re.h>

#define MARGIN 2u /* bytes beyond a match that decide whether it is a full word */
#define FEW_ATOMS 512u
#define FEW_BITS 13
#define MANY_BITS 16
#define CHUNK (16u << 10)
#define GROUPS_EVEN 0x0fu
#define GROUPS_ODD 0xf0u
#define STEPS 64u /* instructions that are worth a look before libyara has one */

/* In other versions the instructions of regular expressions may look otherwise. */
#define CODE_IS_KNOWN (YR_MAJOR_VERSION == 4 && YR_MINOR_VERSION == 2)

_Static_assert(YR_MAX_ATOM_LENGTH == 4, "two pairs are an atom");

/* How far a match may extend from the end of its atom; ahead 0: no atom ends in that state. */
struct reach {
	uint32_t back, ahead;
};

struct tocsin_sieve {
	YR_RULES *rules;
	struct reach *reach; /* by state */
	unsigned int bits;
	uint8_t any_follows; /* groups that have atoms without a following pair */
	uint16_t pairs[];    /* low half: groups with this pair; high half: that it follows in */
};

/* Of the low half of pair, the first byte lowest, in a table of 1 << bits entries. */
static inline size_t slot(uint32_t pair, unsigned int bits)
{
	return pair * 0x9e3b0000u >> (32 - bits);
}

/* ---- how far ---- */

/* Bytes of an instruction of a regular expression's code, and of the data that it takes at most.
 * False: nothing is known of it. */
static bool measure(const uint8_t *code, uint32_t *length, uint32_t *width)
{
	uint16_t most;

	*length = *width = 1;
	switch (*code) {
	case RE_OPCODE_ANY:
	case RE_OPCODE_WORD_CHAR:
	case RE_OPCODE_NON_WORD_CHAR:
	case RE_OPCODE_SPACE:
	case RE_OPCODE_NON_SPACE:
	case RE_OPCODE_DIGIT:
	case RE_OPCODE_NON_DIGIT:
		return true;
	case RE_OPCODE_LITERAL:
		*length = 2;
		return true;
	case RE_OPCODE_MASKED_LITERAL:
		*length = 3;
		return true;
	case RE_OPCODE_CLASS:
		*length = 1 + sizeof(RE_CLASS);
		return true;
	case RE_OPCODE_REPEAT_ANY_GREEDY:
	case RE_OPCODE_REPEAT_ANY_UNGREEDY: /* least and most, 16 bits each */
		memcpy(&most, code + 3, sizeof(most));
		*length = 5;
		*width = most;
		return true;
	default:
		return false;
	}
}

/* Where a branch leads, from its own first byte on; 0: it is none. */
static int16_t branch(const uint8_t *code, uint32_t *length)
{
	int16_t to;

	if (*code == RE_OPCODE_JUMP)
		*length = 1 + sizeof(to);
	else if (*code == RE_OPCODE_SPLIT_A || *code == RE_OPCODE_SPLIT_B)
		*length = 2 + sizeof(to);
	else
		return 0;
	memcpy(&to, code + *length - sizeof(to), sizeof(to));
	return to;
}

/*
 * The most that code can take: of code that only leads forward no instruction is done twice, so it
 * is the sum over all, in whichever way they are gone through. Else libyara's limit.
 */
static uint32_t longest(const uint8_t *code)
{
	const uint8_t *furthest = code;
	uint32_t sum = 0, length, width;

	if (!code || !CODE_IS_KNOWN)
		return YR_RE_SCAN_LIMIT;
	for (; *code != RE_OPCODE_MATCH && sum < YR_RE_SCAN_LIMIT; code += length) {
		int16_t to = branch(code, &length);

		if (to > 0)
			furthest = code + to > furthest ? code + to : furthest;
		else if (!to && measure(code, &length, &width))
			sum += width;
		else
			return YR_RE_SCAN_LIMIT;
	}
	return furthest > code || sum > YR_RE_SCAN_LIMIT ? YR_RE_SCAN_LIMIT : sum;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static void extend(struct reach *r, const YR_AC_MATCH *m)
{
	uint32_t unit = STRING_IS_WIDE(m->string) ? 2 : 1, back = 0, ahead;

	if (STRING_IS_LITERAL(m->string)) {
		ahead = (uint32_t)m->string->length * unit;
	} else {
		back = longest(m->backward_code) * unit;
		ahead = longest(m->forward_code) * unit;
	}
	ahead -= ahead < m->backtrack ? ahead : m->backtrack;
	r->back = larger(r->back, larger(back + m->backtrack, YR_MAX_ATOM_LENGTH) + MARGIN);
	r->ahead = larger(r->ahead, ahead + MARGIN);
}

/* ---- what the table says ---- */

/* These n bytes of an atom are its part from an even offset on; what is beyond may be anything. */
static void note(struct tocsin_sieve *s, const uint8_t *bytes, unsigned int n, uint8_t group)
{
	for (unsigned int x = 0; x < 256; x++) {
		uint16_t first = (uint16_t)(bytes[0] | (n > 1 ? bytes[1] : x) << 8);

		s->pairs[slot(first, s->bits)] |= group;
		if (n > 2) {
			uint16_t next = (uint16_t)(bytes[2] | (n > 3 ? bytes[3] : x) << 8);

			s->pairs[slot(next, s->bits)] |= (uint16_t)(group << 8);
		}
	}
	if (n < 3)
		s->any_follows |= group;
}

/* The state that atom[0..n) leads to, and all that can be reached from it. False: a short atom. */
static bool learn(struct tocsin_sieve *s, uint32_t state, uint8_t *atom, unsigned int n)
{
	const YR_RULES *r = s->rules;

	if (r->ac_match_table[state]) {
		uint8_t group = (uint8_t)(1u << ((atom[0] ^ atom[1]) & 3));

		if (n < 2)
			return false;
		for (const YR_AC_MATCH *m = &r->ac_match_pool[r->ac_match_table[state] - 1]; m;
		     m = m->next)
			extend(&s->reach[state], m);
		note(s, atom, n, group);
		note(s, atom + 1, n - 1, (uint8_t)(group << 4));
	}
	for (uint32_t c = 0; n < YR_MAX_ATOM_LENGTH && c < 256; c++) {
		YR_AC_TRANSITION t = r->ac_transition_table[state + c + 1];

		atom[n] = (uint8_t)c;
		if (!YR_AC_INVALID_TRANSITION(t, c + 1) &&
		    !learn(s, YR_AC_NEXT_STATE(t), atom, n + 1))
			return false;
	}
	return true;
}

int tocsin_sieve_make(YR_RULES *rules, struct tocsin_sieve **ret)
{
	uint8_t atom[YR_MAX_ATOM_LENGTH] = {0};
	struct tocsin_sieve *s;
	YR_RULES_STATS stats;
	unsigned int bits;

	if (yr_rules_get_stats(rules, &stats) != ERROR_SUCCESS)
		return -ENOMEM;
	bits = stats.ac_matches > FEW_ATOMS ? MANY_BITS : FEW_BITS;
	s = calloc(1, sizeof(*s) + (sizeof(s->pairs[0]) << bits));
	if (!s)
		return -ENOMEM;
	s->rules = rules;
	s->bits = bits;
	s->reach = calloc(stats.ac_tables_size, sizeof(*s->reach));
	if (!s->reach) {
		free(s);
		return -ENOMEM;
	}
	if (!learn(s, YR_AC_ROOT_STATE, atom, 0)) {
		tocsin_sieve_free(s);
		s = NULL;
	}
	for (size_t i = 0; s && i < (size_t)1 << bits; i++)
		s->pairs[i] |= (uint16_t)(s->any_follows << 8);
	*ret = s;
	return 0;
}

void tocsin_sieve_free(struct tocsin_sieve *s)
{
	if (s)
		free(s->reach);
	free(s);
}

/* ---- the search ---- */

struct search {
	const struct tocsin_sieve *s;
	const uint8_t *data;
	size_t size;
	struct tocsin_window *windows;
	size_t count;
};

static void add_window(struct search *f, size_t start, size_t end)
{
	while (f->count && f->windows[f->count - 1].end + TOCSIN_WINDOW_GAP > start) {
		const struct tocsin_window *last = &f->windows[--f->count];

		start = last->start < start ? last->start : start;
		end = last->end > end ? last->end : end;
	}
	f->windows[f->count++] = (struct tocsin_window){(uint32_t)start, (uint32_t)end};
}

/*
 * Could the code match from at on, or backwards from there? It compares bytes, and takes what it
 * does not understand, or would have to look far for, for a match.
 */
static bool could_match(const struct search *f, const uint8_t *code, size_t at, bool back,
			unsigned int *steps)
{
	while (*steps && (*steps)--) {
		uint32_t length, width;
		int16_t to = branch(code, &length);
		size_t where = back ? at - 1 : at;

		if (to) {
			if (*code != RE_OPCODE_JUMP &&
			    could_match(f, code + length, at, back, steps))
				return true;
			code += to;
			continue;
		}
		if (*code >= RE_OPCODE_MATCH || !measure(code, &length, &width) || where >= f->size)
			return true;
		if (*code == RE_OPCODE_LITERAL && f->data[where] != code[1])
			return false;
		if (*code == RE_OPCODE_MASKED_LITERAL && (f->data[where] & code[2]) != code[1])
			return false;
		at = back ? at - 1 : at + 1;
		code += length;
	}
	return true;
}

/* Could the string be where its atom ends at end? */
static bool could_be(const struct search *f, const YR_AC_MATCH *m, size_t end)
{
	const YR_STRING *string = m->string;
	size_t at = end - m->backtrack, length = (size_t)string->length;
	unsigned int forward = STEPS, back = STEPS;

	if (m->backtrack > end)
		return false;
	if (string->flags & (STRING_FLAGS_WIDE | STRING_FLAGS_NO_CASE | STRING_FLAGS_XOR |
			     STRING_FLAGS_BASE64 | STRING_FLAGS_BASE64_WIDE))
		return true;
	if (STRING_IS_LITERAL(string))
		return length <= f->size - at && !memcmp(f->data + at, string->string, length);
	return !CODE_IS_KNOWN || !m->forward_code || !m->backward_code ||
	       (could_match(f, m->forward_code, at, false, &forward) &&
		could_match(f, m->backward_code, at, true, &back));
}

/* Windows around the atoms that begin at start. */
static void look(struct search *f, size_t start)
{
	const YR_RULES *r = f->s->rules;
	uint32_t state = YR_AC_ROOT_STATE;

	for (size_t i = start; i < f->size && i < start + YR_MAX_ATOM_LENGTH; i++) {
		uint32_t c = f->data[i] + 1u;
		YR_AC_TRANSITION t = r->ac_transition_table[state + c];
		const YR_AC_MATCH *m = NULL;
		const struct reach *reach;
		size_t end = i + 1;

		if (YR_AC_INVALID_TRANSITION(t, c))
			return;
		state = YR_AC_NEXT_STATE(t);
		reach = &f->s->reach[state];
		if (reach->ahead)
			m = &r->ac_match_pool[r->ac_match_table[state] - 1];
		while (m && !could_be(f, m, end))
			m = m->next;
		if (m)
			add_window(f, end > reach->back ? end - reach->back : 0,
				   f->size - end > reach->ahead ? end + reach->ahead : f->size);
	}
}

static size_t covered(const struct search *f)
{
	size_t sum = 0;

	for (size_t i = 0; i < f->count; i++)
		sum += f->windows[i].end - f->windows[i].start;
	return sum;
}

/* groups: those whose atoms may have their first whole pair at the even offset at. */
static void look_around(struct search *f, size_t at, uint32_t groups)
{
	if (groups & GROUPS_ODD && at)
		look(f, at - 1);
	if (groups & GROUPS_EVEN)
		look(f, at);
}

/* All atoms that begin from at - 1 on, up to the offset that is returned, less 1; at is even. Reads
 * up to 10 bytes beyond end. */
static inline size_t search_pairs(struct search *f, size_t at, size_t end, unsigned int bits)
{
	const uint16_t *pairs = f->s->pairs;
	uint32_t a = pairs[slot(f->data[at] | (uint32_t)f->data[at + 1] << 8, bits)];

	for (; at < end; at += 8) {
		uint32_t b, c, d, e, low, high;

		memcpy(&low, f->data + at + 2, sizeof(low));
		memcpy(&high, f->data + at + 6, sizeof(high));
		b = pairs[slot(low, bits)];
		c = pairs[slot(low >> 16, bits)];
		d = pairs[slot(high, bits)];
		e = pairs[slot(high >> 16, bits)];
		if (((a & b >> 8) | (b & c >> 8) | (c & d >> 8) | (d & e >> 8)) & 0xff) {
			look_around(f, at, a & b >> 8);
			look_around(f, at + 2, b & c >> 8);
			look_around(f, at + 4, c & d >> 8);
			look_around(f, at + 6, d & e >> 8);
		}
		a = e;
	}
	return at;
}

size_t tocsin_sieve_windows(const struct tocsin_sieve *s, const uint8_t *data, size_t size,
			    struct tocsin_window *ret)
{
	struct search f = {.s = s, .data = data, .size = size, .windows = ret};
	bool most = false;
	size_t at = 0;

	while (at + 16 < size && !most) {
		size_t left = size - 16 - at;
		size_t end = at + (left < CHUNK ? left : CHUNK);

		at = s->bits == FEW_BITS ? search_pairs(&f, at, end, FEW_BITS)
					 : search_pairs(&f, at, end, MANY_BITS);
		most = at >= 4 * CHUNK && covered(&f) > at / 4 * 3;
	}
	for (size_t i = at ? at - 1 : 0; i < size && !most; i++)
		look(&f, i);
	if (!most && covered(&f) <= size / 4 * 3)
		return f.count;
	ret[0] = (struct tocsin_window){0, (uint32_t)size};
	return 1;
}
