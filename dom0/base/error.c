/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/error.h"

#include <stdio.h>

static int set(struct tocsin_error *err, int code, uint64_t address, const char *format, va_list ap)
{
	if (err && !err->code) {
		err->code = code;
		err->address = address;
		vsnprintf(err->message, sizeof(err->message), format, ap);
	}
	return code;
}

int tocsin_error_set(struct tocsin_error *err, int code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	set(err, code, 0, format, ap);
	va_end(ap);
	return code;
}

int tocsin_error_at(struct tocsin_error *err, int code, uint64_t address, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	set(err, code, address, format, ap);
	va_end(ap);
	return code;
}

void tocsin_error_clear(struct tocsin_error *err)
{
	if (err)
		*err = (struct tocsin_error){0};
}
