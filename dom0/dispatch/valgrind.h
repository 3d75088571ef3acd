/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is this process run by valgrind? Then it does without what valgrind cannot follow. Only what is
 * linked into tests asks: of tocsind the compiler leaves out all that is for it.
 */
#ifndef TOCSIN_DISPATCH_VALGRIND_H
#define TOCSIN_DISPATCH_VALGRIND_H

#include <stdbool.h>

#ifdef TOCSIN_TESTS_UNDER_VALGRIND
#include <valgrind/valgrind.h>
#define UNDER_VALGRIND (RUNNING_ON_VALGRIND != 0)
#else
#define UNDER_VALGRIND false
#endif

#endif
