/* SPDX-License-Identifier: GPL-2.0-or-later */
/* BTF from a hostile guest: open it, and ask for members of what it names. */
#include "fuzz.h"

#include "introspect/btf.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = {"pid", "se.vruntime", "table[2][3]",
					    "old", "in_execve",   "tail[5]"};
	struct tocsin_btf_parameter p;
	struct tocsin_btf_member m;
	uint32_t function;
	struct tocsin_btf *btf, *module;
	uint64_t bytes;
	int64_t value;

	if (tocsin_btf_open(data, size, &btf, NULL))
		return 0;
	tocsin_btf_sizeof(btf, "task_struct", &bytes);
	tocsin_btf_enumerator(btf, "DEAD", &value);
	tocsin_btf_function(btf, "probe", &function);
	for (uint32_t id = 0; id <= tocsin_btf_types(btf) && id < 256; id++)
		for (unsigned int i = 0; i < 8 && !tocsin_btf_parameter(btf, id, i, &p); i++)
			if (strlen(p.name) > size) /* it must be text of ours */
				abort();
	for (uint32_t id = 0; id <= tocsin_btf_types(btf) && id < 256; id++)
		for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
			tocsin_btf_member_of(btf, id, paths[i], &m);
	/* The same bytes once more, as the types of a module. */
	if (!tocsin_btf_open_split(btf, data, size, &module, NULL)) {
		for (uint32_t id = 0; id <= 2 * tocsin_btf_types(btf) && id < 512; id++)
			for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
				tocsin_btf_member_of(module, id, paths[i], &m);
		tocsin_btf_sizeof(module, "task_struct", &bytes);
		tocsin_btf_enumerator(module, "DEAD", &value);
		tocsin_btf_close(module);
	}
	tocsin_btf_close(btf);
	return 0;
}
