/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The symbols of a kernel, from the kallsyms tables in its own image, with nothing told about
 * where they are. The tables are found by their shape and decoded as kernel/kallsyms.c does; the
 * order in memory is probed, never derived from a version. All bytes are hostile.
 */
#ifndef TOCSIN_INTROSPECT_KALLSYMS_H
#define TOCSIN_INTROSPECT_KALLSYMS_H

#include "base/error.h"
#include "introspect/cache.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tocsin_kallsyms;

enum tocsin_kallsyms_order {
	TOCSIN_KALLSYMS_OFFSETS_FIRST,  /* offsets, relative_base, num_syms, names, ... (4.6 to 6.3)
					 */
	TOCSIN_KALLSYMS_OFFSETS_LAST,   /* num_syms, names, ..., offsets, relative_base (6.4 on) */
	TOCSIN_KALLSYMS_PLACE_RELATIVE, /* as last, without relative_base (7.0 on) */
	TOCSIN_KALLSYMS_ADDRESSES,      /* as first, with whole addresses for offsets (up to 4.5) */
};

struct tocsin_kallsyms_info {
	enum tocsin_kallsyms_order order;
	bool percpu;            /* non-negative offsets are absolute (x86 SMP before 6.15) */
	uint64_t relative_base; /* as stored, relocated in a running kernel; 0: there is none */
	size_t names;           /* offset of kallsyms_names in the image */
	size_t offsets;         /* offset of kallsyms_offsets in the image */
};

/*
 * Find and decode the tables in a copy of a kernel image, size bytes at image, whose first byte
 * has virtual address base (_text). They are looked for from byte `from` on. Unreadable pages may
 * be zero-filled, if the tables do not lie there. Everything needed is copied; the image need not
 * outlive the call.
 * -ENOENT: no tables; -EINVAL: tables were found, but no layout makes sense of them (err says
 * which step failed); -E2BIG, -ENOMEM.
 */
int tocsin_kallsyms_open(const void *image, size_t size, size_t from, uint64_t base,
			 struct tocsin_kallsyms **ret, struct tocsin_error *err);
void tocsin_kallsyms_close(struct tocsin_kallsyms *ks);

/*
 * For a cache. parts: the tables as bytes, of which parts[0] is to be freed; raw: offset and size
 * of the two stretches of the image that they were made from. -ENOMEM.
 */
int tocsin_kallsyms_parts(const struct tocsin_kallsyms *ks,
			  struct tocsin_part parts[TOCSIN_KALLSYMS_PARTS], uint64_t raw[4]);

/* Do the parts belong to an image that has these raw stretches? same: are the bytes there? */
bool tocsin_kallsyms_matches(const struct tocsin_part parts[TOCSIN_KALLSYMS_PARTS],
			     const struct tocsin_part raw[2], uint64_t base,
			     bool (*same)(uint64_t at, const void *bytes, size_t size,
					  void *context),
			     void *context);

/* Tables whose parts stay where they are, for an image at base. -EINVAL: sizes do not fit. */
int tocsin_kallsyms_from_parts(const struct tocsin_part parts[TOCSIN_KALLSYMS_PARTS], uint64_t base,
			       struct tocsin_kallsyms **ret);

size_t tocsin_kallsyms_count(const struct tocsin_kallsyms *ks);
const struct tocsin_kallsyms_info *tocsin_kallsyms_info(const struct tocsin_kallsyms *ks);

/* Address of the first symbol with this name; -ENOENT. Per-CPU symbols: offset in the area. */
int tocsin_kallsyms_lookup(const struct tocsin_kallsyms *ks, const char *name, uint64_t *ret);

struct tocsin_symbol {
	const char *name; /* owned by the tables */
	uint64_t address;
	char type; /* as nm prints it: T t D d B b R r A W ... */
};

/* Symbol number i, in the order of the tables (by address); -ENOENT past the end. */
int tocsin_kallsyms_get(const struct tocsin_kallsyms *ks, size_t i, struct tocsin_symbol *ret);

/* The last symbol of the text (T, t, W, w) at or below address; -ENOENT: none. */
int tocsin_kallsyms_at(const struct tocsin_kallsyms *ks, uint64_t address,
		       struct tocsin_symbol *ret);

/* Call visit for each symbol until it returns nonzero, which is then returned; else 0. */
int tocsin_kallsyms_iterate(const struct tocsin_kallsyms *ks,
			    int (*visit)(const struct tocsin_symbol *s, void *context),
			    void *context);

#endif
