/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one error rule: a function that can fail returns 0 or a negative errno, leaves its outputs
 * untouched on failure, and, where a person will read the reason, fills a struct tocsin_error
 * with a sentence that names what was wrong and, for guest memory, where.
 */
#ifndef TOCSIN_ERROR_H
#define TOCSIN_ERROR_H

#include "tocsin.h"

#include <stdarg.h>

/*
 * Fill err (which may be NULL) and return code, so that callers can write
 * `return tocsin_error_set(err, -EINVAL, "...")`. The first reason wins: an err that already
 * holds one is left alone.
 */
int tocsin_error_set(struct tocsin_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, with the guest address that could not be read or made no sense. */
int tocsin_error_at(struct tocsin_error *err, int code, uint64_t address, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Forget an earlier reason. */
void tocsin_error_clear(struct tocsin_error *err);

#endif
