/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types of a kernel made for a test, as BTF. A table names each type with its members, in words:
 *
 *   path[:WHAT][*COUNT][/BITS.BIT]
 *
 * WHAT is a size in bytes (8 if it is left out) or the name of a type that lies there; *COUNT makes
 * it an array, /BITS.BIT a bitfield. A path with dots makes nested structures. Members follow each
 * other in the order given. All that tables in process.h and file.h ask for and the table does not
 * have is added, with 8 bytes each.
 */
#ifndef TOCSIN_INTROSPECT_TEST_TYPES_H
#define TOCSIN_INTROSPECT_TEST_TYPES_H

#include "introspect/btf.h"

/*
 * What another kernel has otherwise: `path` of `type` gives way to `instead`, written as above, or
 * to nothing (NULL). A path that does not exist: instead is added. A list of them ends with {0}.
 */
struct change {
	const char *type, *path, *instead;
};

/* The types of a current kernel but for the changes (or NULL). Aborts if the table is wrong. */
struct tocsin_btf *make_types(const struct change *changes);

#endif
