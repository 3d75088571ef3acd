/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random rules over random memory, which is salted with what they match and with what they nearly
 * do: libyara finds the same in the windows of the sieve as in all of it, and decides the same.
 * By hand: test_windows SECONDS SEED.
 */
#include "scan/test/same.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#define STRINGS_MAX 4
#define RULES 3
#define SAMPLE_MAX 3000u
#define TEXT_MAX (256u << 10)
#define MEMORY_MAX 8000

/* A string of a rule as it grows, and bytes that it matches, but for its modifiers. */
struct made {
	bool lazy;
	uint8_t sample[SAMPLE_MAX];
	size_t size;
};

struct batch {
	char text[TEXT_MAX];
	size_t length;
	struct made strings[RULES * STRINGS_MAX];
	unsigned int count;
};

static unsigned int below(unsigned int n)
{
	return (unsigned int)rand() % n;
}

static uint8_t letter(void)
{
	return (uint8_t) "abcABZ01_ .-"[below(12)];
}

__attribute__((format(printf, 2, 3))) static void say(struct batch *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	b->length += (size_t)vsnprintf(b->text + b->length, TEXT_MAX - b->length, format, args);
	va_end(args);
	if (b->length >= TEXT_MAX)
		abort();
}

static void put(struct made *m, uint8_t byte)
{
	if (m->size < SAMPLE_MAX)
		m->sample[m->size++] = byte;
}

static void put_any(struct made *m, unsigned int n)
{
	while (n--)
		put(m, letter());
}

/* ---- strings ---- */

static void plain(struct batch *b, struct made *m)
{
	static const char *const modifiers[] = {"",
						"nocase",
						"wide",
						"wide ascii",
						"fullword",
						"nocase wide",
						"xor",
						"xor(0x01-0xff)",
						"xor wide",
						"base64",
						"base64wide",
						"base64 base64wide",
						"private",
						"nocase wide ascii fullword",
						"xor wide ascii fullword",
						"xor(3-9) ascii wide private"};
	unsigned int n = 2 + below(below(8) ? 9 : 200);

	say(b, "\"");
	while (n--) {
		uint8_t c = letter();

		say(b, "%c", c);
		put(m, c);
	}
	say(b, "\" %s", modifiers[below(sizeof(modifiers) / sizeof(modifiers[0]))]);
}

static void hex_byte(struct batch *b, struct made *m)
{
	uint8_t c = letter();
	unsigned int how = below(8);

	put(m, c);
	if (how == 0)
		say(b, " ??");
	else if (how == 1)
		say(b, " %X?", c >> 4);
	else if (how == 2)
		say(b, " ?%X", c & 15);
	else
		say(b, " %02X", c);
}

static void hex(struct batch *b, struct made *m)
{
	unsigned int n = 3 + below(8), least;

	say(b, "{ %02X %02X", 'a', 'b');
	put(m, 'a');
	put(m, 'b');
	while (n--) {
		switch (below(6)) {
		case 0:
			least = below(100);
			say(b, " [%u-%u]", least, least + below(100));
			put_any(m, least);
			break;
		case 1:
			say(b, " ( %02X | ?%X %02X", letter(), below(16), letter());
			say(b, " | ");
			hex_byte(b, m);
			say(b, " )");
			break;
		case 2:
			if (below(8) == 0) {
				say(b, " [4-]");
				put_any(m, 4 + below(20));
			}
			break;
		}
		hex_byte(b, m);
	}
	say(b, " %02X }", 'c');
	put(m, 'c');
}

static void expression(struct batch *b, struct made *m, unsigned int depth)
{
	static const struct {
		const char *text;
		char sample;
	} classes[] = {{"[a-cA-C]", 'b'}, {"[^x]", 'q'}, {"\\w", 'w'}, {"\\W", '-'}, {"\\d", '7'},
		       {"\\s", ' '},      {"\\D", 'd'},  {".", 'z'},   {"\\x00", 0}, {"\\.", '.'}};
	/* Of one kind in each expression. */
	static const char *const greedy[] = {"",    "",      "?",    "*",     "+",
					     "{2}", "{1,3}", "{2,}", "{0,20}"};
	static const char *const lazy[] = {"",    "",       "??",    "*?",     "+?",
					   "{2}", "{1,3}?", "{2,}?", "{0,20}?"};
	const char *const *times = m->lazy ? lazy : greedy;
	unsigned int n = 1 + below(5);

	while (n--) {
		unsigned int kind = below(8);
		uint8_t c = (uint8_t) "abcABZ01_"[below(9)];
		const char *often = times[below(sizeof(lazy) / sizeof(lazy[0]))];
		size_t from = m->size, size;

		if (kind < 4) {
			say(b, "%c", c);
			put(m, c);
			if (below(3))
				often = "";
		} else if (kind < 6) {
			unsigned int which = below(sizeof(classes) / sizeof(classes[0]));

			say(b, "%s", classes[which].text);
			put(m, (uint8_t)classes[which].sample);
		} else if (kind == 6 && depth) {
			say(b, "(%c%c|", letter() == 'a' ? 'x' : 'y', c);
			expression(b, m, depth - 1);
			say(b, ")");
			/* libyara takes ages over repetitions of repetitions */
			often = below(2) ? "" : below(2) ? times[2] : "{2}";
		} else {
			say(b, "%s", below(8) ? "\\b" : "\\B");
			continue;
		}
		say(b, "%s", often);
		size = m->size - from;
		for (int again = *often == '{' ? 1 : 0; again > 0; again--)
			for (size_t i = 0; i < size; i++)
				put(m, m->sample[from + i]);
	}
}

static void regular(struct batch *b, struct made *m)
{
	static const char *const modifiers[] = {
	    "",       "", "nocase", "wide", "wide ascii", "fullword", "wide ascii nocase fullword",
	    "private"};
	static const char word[] = "abZ0";
	size_t end = below(4);

	m->lazy = below(2);
	say(b, "/%s", below(8) ? "" : "^");
	if (below(2))
		expression(b, m, 2);
	say(b, "%s", word + end / 2);
	for (const char *c = word + end / 2; *c; c++)
		put(m, (uint8_t)*c);
	if (below(4))
		expression(b, m, 2);
	say(b, "%s/%s %s", below(8) ? "" : "$",
	    below(3)   ? ""
	    : below(2) ? "i"
		       : "s",
	    modifiers[below(sizeof(modifiers) / sizeof(modifiers[0]))]);
}

/* ---- rules ---- */

static void condition(struct batch *b, unsigned int rule, unsigned int strings)
{
	unsigned int s = below(strings), n = below(4);

	switch (below(11)) {
	case 0:
		say(b, "#s%u == %u", s, n);
		break;
	case 1:
		say(b, "not $s%u", s);
		break;
	case 2:
		say(b, "none of them");
		break;
	case 3:
		say(b, "for all i in (1..#s%u) : (@s%u[i] %% 2 == 0)", s, s);
		break;
	case 4:
		say(b, "$s%u at %u", s, below(MEMORY_MAX));
		break;
	case 5:
		say(b, "$s%u in (%u..%u)", s, below(5000), 5000 + below(MEMORY_MAX));
		break;
	case 6:
		say(b, "!s%u[%u] > 4 and @s%u > 100", s, n, s);
		break;
	case 7:
		say(b, "filesize < 100 or #s%u > %u", s, n);
		break;
	case 8:
		if (rule) {
			say(b, "r%u and not $s%u", below(rule), s);
			break;
		}
		/* fall through */
	default:
		say(b, "any of them");
	}
	say(b, " or (false and all of them)");
}

static void make(struct batch *b)
{
	b->length = b->count = 0;
	for (unsigned int rule = 0; rule < RULES; rule++) {
		unsigned int strings = 1 + below(STRINGS_MAX);

		say(b, "%srule r%u {\nstrings:\n",
		    below(6)   ? ""
		    : below(2) ? "private "
			       : "global ",
		    rule);
		for (unsigned int s = 0; s < strings; s++) {
			struct made *m = &b->strings[b->count++];
			unsigned int kind = below(10);

			m->size = 0;
			say(b, "$s%u = ", s);
			if (kind < 4)
				plain(b, m);
			else if (kind < 6)
				hex(b, m);
			else
				regular(b, m);
			say(b, "\n");
		}
		say(b, "condition: ");
		condition(b, rule, strings);
		say(b, "\n}\n");
	}
}

/* ---- memory ---- */

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void encode(struct made *m)
{
	uint8_t from[SAMPLE_MAX + 2] = {0};
	size_t size = m->size, shift = below(3);

	if (size > 500)
		return;
	memcpy(from + shift, m->sample, size);
	size += shift;
	m->size = 0;
	for (size_t i = 0; i + 2 < size; i += 3) {
		uint32_t v = (uint32_t)from[i] << 16 | (uint32_t)from[i + 1] << 8 | from[i + 2];

		for (int bits = 18; bits >= 0; bits -= 6)
			put(m, (uint8_t)base64[v >> bits & 63]);
	}
}

static void widen(struct made *m)
{
	size_t size = m->size < SAMPLE_MAX / 2 ? m->size : SAMPLE_MAX / 2;

	for (size_t i = size; i--;) {
		m->sample[2 * i + 1] = 0;
		m->sample[2 * i] = m->sample[i];
	}
	m->size = 2 * size;
}

/* What a modifier may make of the string, and what makes it none. */
static void disguise(struct made *m)
{
	if (!m->size)
		return;
	if (below(6) == 0)
		encode(m);
	if (below(3) == 0)
		widen(m);
	if (below(4) == 0) {
		uint8_t key = (uint8_t)below(256);

		for (size_t i = 0; i < m->size; i++)
			m->sample[i] ^= key;
	}
	if (below(3) == 0)
		for (size_t i = 0; i < m->size; i++)
			if (m->sample[i] >= 'A' && below(2))
				m->sample[i] ^= 0x20;
	if (m->size && below(3) == 0)
		m->sample[below((unsigned int)m->size)] = letter();
	if (below(6) == 0)
		m->size -= below((unsigned int)m->size + 1);
}

static void salt(const struct batch *b, uint8_t *data, size_t size)
{
	unsigned int kind = below(4), planted = below(60);

	for (size_t i = 0; i < size; i++)
		data[i] = kind == 0 ? (uint8_t)rand() : kind == 1 ? 0 : kind == 2 ? '.' : letter();
	while (planted--) {
		struct made m = b->strings[below(b->count)];
		size_t at = below((unsigned int)size);

		disguise(&m);
		if (below(8) == 0)
			at = below(2) || m.size > size ? 0 : size - m.size;
		memcpy(data + at, m.sample, m.size < size - at ? m.size : size - at);
	}
}

/* ---- the comparison ---- */

struct counts {
	size_t sifted, rules, found, skipped;
};

static void one_batch(struct batch *b, unsigned int seed, struct counts *counts)
{
	struct tocsin_sieve *sieve;
	YR_RULES *rules;

	srand(seed);
	make(b);
	rules = same_compile(b->text);
	if (!rules)
		return;
	counts->rules++;
	assert_int_equal(tocsin_sieve_make(rules, &sieve), 0);
	for (int round = 0; sieve && round < 8; round++) {
		size_t size = 1 + below(round % 4 ? MEMORY_MAX : 60), found = 0, skipped = 0;
		uint8_t *data = malloc(size);

		assert_non_null(data);
		salt(b, data, size);
		if (!is_same(rules, sieve, data, size, &found, &skipped))
			fail_msg("seed %u, round %d, %zu bytes, %zu matches:\n%s", seed, round,
				 size, found, b->text);
		counts->found += found;
		counts->skipped += skipped;
		free(data);
	}
	counts->sifted += sieve != NULL;
	tocsin_sieve_free(sieve);
	yr_rules_destroy(rules);
	yr_finalize();
}

static struct batch batch;
static unsigned int seconds, first_seed = 1;

static void windows_are_as_good_as_everything(void **state)
{
	struct counts c = {0};
	time_t begun = time(NULL);
	unsigned int n = 0;

	for (; seconds ? time(NULL) - begun < (time_t)seconds : n < 300; n++)
		one_batch(&batch, first_seed + n, &c);
	print_message("# %u texts, %zu compile, %zu sifted, %zu matches, %zu bytes skipped\n", n,
		      c.rules, c.sifted, c.found, c.skipped);
	assert_true(c.sifted > n / 10);
	assert_true(c.found > n);
	assert_true(c.skipped > (size_t)n * 1000);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest list[] = {
	    cmocka_unit_test(windows_are_as_good_as_everything),
	};

	if (argc == 3) {
		seconds = (unsigned int)strtoul(argv[1], NULL, 10);
		first_seed = (unsigned int)strtoul(argv[2], NULL, 10);
	}
	return cmocka_run_group_tests(list, NULL, NULL);
}
