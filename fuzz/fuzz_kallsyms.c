/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel image from a hostile guest: find its symbols and look each of them up. */
#include "fuzz.h"

#include "introspect/kallsyms.h"

#include <stdlib.h>

static int look_up(const struct tocsin_symbol *s, void *context)
{
	uint64_t address;

	/* A symbol that is listed can be found. */
	if (tocsin_kallsyms_lookup(context, s->name, &address))
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tocsin_kallsyms *ks;

	if (tocsin_kallsyms_open(data, size, 0, 0xffffffff9a000000ull, &ks, NULL))
		return 0;
	tocsin_kallsyms_iterate(ks, look_up, ks);
	tocsin_kallsyms_close(ks);
	return 0;
}
