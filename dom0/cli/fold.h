/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables and text for people. On a terminal that is narrower than a line, the line goes on below
 * itself, broken where a blank is. Nothing is cut, and what is no terminal gets each line whole.
 */
#ifndef TOCSIN_CLI_FOLD_H
#define TOCSIN_CLI_FOLD_H

/*
 * From now on: what goes on begins at this column, if there is room for it, or with 0 four columns
 * right of where its line does. To be called before anything is printed, and not for what machines
 * read.
 */
void fold_lines(unsigned int column);

/* The same at the last column of a table, whose head it prints: of format, and the last one's name.
 */
void fold_table(const char *last, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
