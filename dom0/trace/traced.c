// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/traced.h"

#include <errno.h>
#include <stdio.h>

void tocsin_traced_find(struct tocsin_kernel *k, const char *name, struct tocsin_traced *ret)
{
	struct tocsin_traced f = {.name = name};
	struct tocsin_error why = {0};

	f.found = tocsin_function_find(k, name, &f.function, &why);
	if (!f.found && f.function.entry == TOCSIN_ENTRY_NOTHING) {
		f.found = -ENOTSUP;
		snprintf(why.message, sizeof(why.message), "%s",
			 tocsin_entry_text(f.function.entry));
	}
	if (f.found)
		snprintf(f.why, sizeof(f.why), "%.*s", (int)sizeof(f.why) - 1, why.message);
	*ret = f;
}
