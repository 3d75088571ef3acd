/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside memory/: a dump file that is being taken apart; one parser for each format. */
#ifndef TOCSIN_MEMORY_DUMP_H
#define TOCSIN_MEMORY_DUMP_H

#include "memory/mapped.h"

#include <stdbool.h>

struct tocsin_dump {
	struct tocsin_mapped mapped;
	const uint8_t *file;
	size_t file_size;
};

/* Is [offset, offset + size) inside the file? */
static inline bool tocsin_dump_holds(const struct tocsin_dump *s, uint64_t offset, uint64_t size)
{
	return offset <= s->file_size && size <= s->file_size - offset;
}

/* Add the pieces of memory that the file holds. 0, or a negative errno and a message. */
int tocsin_dump_parse_elf(struct tocsin_dump *s, struct tocsin_error *err);

#endif
