// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stdout becomes a stream that folds and writes to the one that it was. What comes is written at
 * once, so a line may come in pieces: `at` is where it stands.
 */
#include "cli/fold.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ROOM 30u /* columns that what goes on has at least; else it begins further left */
#define LEFT 4u

static struct {
	FILE *terminal;
	unsigned int column; /* where a table's last one begins; 0: it is none */
	unsigned int width, indent, at;
	bool word; /* what was written last may go on */
} fold;

/* For each line: it may have been made wider. 0: it does not say. */
static unsigned int terminal_width(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) ? 0 : size.ws_col;
}

/* A line begins, with so many blanks. */
static void begin_line(unsigned int blanks)
{
	fold.width = terminal_width();
	fold.indent = fold.column ? fold.column : blanks + LEFT;
	if (fold.indent + ROOM > fold.width)
		fold.indent = LEFT;
}

/* In columns: the bytes of UTF-8 that begin a character. */
static unsigned int width_of(const char *text, size_t size)
{
	unsigned int width = 0;

	for (size_t i = 0; i < size; i++)
		width += ((unsigned char)text[i] & 0xc0) != 0x80;
	return width;
}

/* Blanks, and a word that is broken nowhere: what is wider than a line is the terminal's to break.
 */
static void put_word(size_t blanks, const char *word, size_t size)
{
	unsigned int width = width_of(word, size);

	if (!fold.at)
		begin_line((unsigned int)blanks);
	if (size && (blanks || !fold.word) && fold.at + blanks + width > fold.width &&
	    fold.indent + width <= fold.width) {
		fprintf(fold.terminal, "\n%*s", (int)fold.indent, "");
		fold.at = fold.indent;
		blanks = 0;
	}
	fprintf(fold.terminal, "%*s", (int)blanks, "");
	fwrite(word, 1, size, fold.terminal);
	fold.at += (unsigned int)blanks + width;
	if (fold.width && fold.at > fold.width)
		fold.at = (fold.at - 1) % fold.width + 1;
	fold.word = size > 0;
}

static ssize_t fold_write(void *cookie, const char *text, size_t size)
{
	const char *const end = text + size;

	for (const char *at = text; at < end;) {
		const char *word = at, *after;

		while (word < end && *word == ' ')
			word++;
		after = word;
		while (after < end && *after != ' ' && *after != '\n')
			after++;
		put_word((size_t)(word - at), word, (size_t)(after - word));
		at = after;
		if (at < end && *at == '\n') {
			fputc(*at++, fold.terminal);
			fold.at = 0;
			fold.word = false;
		}
	}
	return fflush(fold.terminal) ? 0 : (ssize_t)size;
}

void fold_lines(unsigned int column)
{
	FILE *folding;

	fold.column = column;
	if (fold.terminal || !isatty(STDOUT_FILENO) || !terminal_width())
		return;
	folding = fopencookie(NULL, "w", (cookie_io_functions_t){.write = fold_write});
	if (!folding)
		return; /* then the terminal breaks lines where they happen to end */
	setvbuf(folding, NULL, _IOLBF, 0);
	fold.terminal = stdout;
	stdout = folding;
}

void fold_table(const char *last, const char *format, ...)
{
	va_list arguments;
	int before;

	fold_lines(0);
	va_start(arguments, format);
	before = vprintf(format, arguments);
	va_end(arguments);
	puts(last);
	fold.column = before > 0 ? (unsigned int)before : 0;
}
