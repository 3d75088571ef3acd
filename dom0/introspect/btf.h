/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The types of a kernel, from the BTF it carries in its own image. The bytes come from guest
 * memory, so all of them are hostile: the whole blob is validated when it is opened, and every
 * later question is answered from validated data with bounded recursion.
 *
 * Format: Documentation/bpf/btf.rst of the Linux kernel, little endian only.
 */
#ifndef TOCSIN_INTROSPECT_BTF_H
#define TOCSIN_INTROSPECT_BTF_H

#include "base/error.h"
#include "introspect/cache.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tocsin_btf;

/* Where a member lies in the structure the question began with. */
struct tocsin_btf_member {
	uint64_t offset;     /* bytes from the start of the outermost structure */
	uint32_t bit_offset; /* bitfields: bits from offset, 0..7; else 0 */
	uint32_t bit_size;   /* bitfields: width in bits; else 0 */
	uint64_t size;       /* bytes of the member's type; 0: a flexible array, or no size */
	uint32_t type;       /* type id, modifiers and typedefs stripped */
};

/*
 * Validate and index the BTF blob at the beginning of [data, data + size); what follows the blob is
 * ignored. The bytes are copied, data need not outlive the call and need not be aligned.
 * -EINVAL: not valid BTF, err says where; -E2BIG: beyond the bounds on size or types; -ENOMEM.
 */
int tocsin_btf_open(const void *data, size_t size, struct tocsin_btf **ret,
		    struct tocsin_error *err);

/*
 * The same for the types of a module, which go on where those of base, the kernel, end. base must
 * stay open; what is asked of the module's types includes it. NULL: as tocsin_btf_open.
 */
int tocsin_btf_open_split(const struct tocsin_btf *base, const void *data, size_t size,
			  struct tocsin_btf **ret, struct tocsin_error *err);
void tocsin_btf_close(struct tocsin_btf *btf);

/*
 * How many bytes the blob that begins at data says it has, header included; not validated beyond
 * the header. -EINVAL: no BTF header there or it claims more than size.
 */
int tocsin_btf_extent(const void *data, size_t size, size_t *ret);

/*
 * For a cache: types as bytes, and back, where they then stay. parts[0] is to be freed; parts[1] is
 * the blob itself. -ENOMEM; -EINVAL: sizes do not fit.
 */
int tocsin_btf_parts(const struct tocsin_btf *btf, struct tocsin_part parts[TOCSIN_BTF_PARTS]);
int tocsin_btf_from_parts(const struct tocsin_part parts[TOCSIN_BTF_PARTS],
			  struct tocsin_btf **ret);

/* Number of types, void (id 0) not counted. */
size_t tocsin_btf_types(const struct tocsin_btf *btf);

/* The first struct or union with this name (a typedef of one also counts); -ENOENT. */
int tocsin_btf_find(const struct tocsin_btf *btf, const char *name, uint32_t *ret);

/* Size in bytes of struct, union or typedef `name`; -ENOENT. */
int tocsin_btf_sizeof(const struct tocsin_btf *btf, const char *name, uint64_t *ret);

/*
 * Resolve a path such as ("task_struct", "se.vruntime") or ("upid", "numbers[2].nr"). Members of
 * anonymous structs and unions are found as C finds them; typedefs and modifiers are looked
 * through; an index steps into an array. A pointer is never followed: the path ends there.
 * -ENOENT: no such type or member, a plain answer for probing layouts; -EINVAL: path is malformed
 * or steps into what has no members; -ELOOP: nested beyond the bound.
 */
int tocsin_btf_member(const struct tocsin_btf *btf, const char *type, const char *path,
		      struct tocsin_btf_member *ret);

/* The same, starting at a type id. */
int tocsin_btf_member_of(const struct tocsin_btf *btf, uint32_t type, const char *path,
			 struct tocsin_btf_member *ret);

/* The type id of the prototype of function `name`; -ENOENT. */
int tocsin_btf_function(const struct tocsin_btf *btf, const char *name, uint32_t *ret);

struct tocsin_btf_parameter {
	const char *name;   /* owned by btf; "" if it has none */
	const char *target; /* the structure that it points to; "": none with a name */
	uint64_t size;      /* bytes; 0: of no known size, or a structure */
	bool pointer, is_signed;
};

/* Number i of a prototype's parameters; -ENOENT: it has fewer, the dots of a variadic one not
 * counted; -EINVAL: proto is no prototype. */
int tocsin_btf_parameter(const struct tocsin_btf *btf, uint32_t proto, unsigned int i,
			 struct tocsin_btf_parameter *ret);

/* Value of an enumerator, searched in every enum (also 64-bit ones) by its name; -ENOENT. */
int tocsin_btf_enumerator(const struct tocsin_btf *btf, const char *name, int64_t *ret);

#endif
