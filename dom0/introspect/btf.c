/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening goes in three passes over a private copy: find where each record begins (so that every
 * length is checked before anything follows it), check every name and type id (so that later code
 * can follow them without looking), and sort the named types.
 *
 * What the passes cannot exclude is a blob whose types refer to each other in circles or fan out
 * without end. Every walk therefore spends from a budget of steps, and ends in -ELOOP.
 */
#include "introspect/btf.h"

#include "base/memory_hint.h"
#include "introspect/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BTF_MAGIC 0xeb9f
#define HEADER_SIZE 24u
#define RECORD_SIZE 12u
#define BLOB_MAX (64u << 20)
#define TYPES_MAX (1u << 19)
#define POOL_MAX (64u << 20)
#define NAME_MAX_LEN 511u /* KSYM_NAME_LEN - 1; longer names cannot be asked for */
#define STEPS_MAX (1u << 20)
#define NESTING_MAX 32

enum kind {
	KIND_INT = 1,
	KIND_PTR,
	KIND_ARRAY,
	KIND_STRUCT,
	KIND_UNION,
	KIND_ENUM,
	KIND_FWD,
	KIND_TYPEDEF,
	KIND_VOLATILE,
	KIND_CONST,
	KIND_RESTRICT,
	KIND_FUNC,
	KIND_FUNC_PROTO,
	KIND_VAR,
	KIND_DATASEC,
	KIND_FLOAT,
	KIND_DECL_TAG,
	KIND_TYPE_TAG,
	KIND_ENUM64,
	KINDS
};

/*
 * Shape of the records of each kind, from include/uapi/linux/btf.h: `fixed` bytes follow the
 * common part, then vlen elements of `each` bytes. Whether the third word of the common part is a
 * type id, and at which byte of the fixed part or element type ids and names lie (-1: none).
 */
static const struct shape {
	bool known, refers;
	uint8_t fixed, each;
	int8_t fixed_type, each_type, each_name;
} shapes[KINDS] = {
    [KIND_INT] = {true, false, 4, 0, -1, -1, -1},
    [KIND_PTR] = {true, true, 0, 0, -1, -1, -1},
    [KIND_ARRAY] = {true, false, 12, 0, 0, -1, -1},
    [KIND_STRUCT] = {true, false, 0, 12, -1, 4, 0},
    [KIND_UNION] = {true, false, 0, 12, -1, 4, 0},
    [KIND_ENUM] = {true, false, 0, 8, -1, -1, 0},
    [KIND_FWD] = {true, false, 0, 0, -1, -1, -1},
    [KIND_TYPEDEF] = {true, true, 0, 0, -1, -1, -1},
    [KIND_VOLATILE] = {true, true, 0, 0, -1, -1, -1},
    [KIND_CONST] = {true, true, 0, 0, -1, -1, -1},
    [KIND_RESTRICT] = {true, true, 0, 0, -1, -1, -1},
    [KIND_FUNC] = {true, true, 0, 0, -1, -1, -1}, /* its vlen is its linkage */
    [KIND_FUNC_PROTO] = {true, true, 0, 8, -1, 4, 0},
    [KIND_VAR] = {true, true, 4, 0, -1, -1, -1},
    [KIND_DATASEC] = {true, false, 0, 12, -1, 0, -1},
    [KIND_FLOAT] = {true, false, 0, 0, -1, -1, -1},
    [KIND_DECL_TAG] = {true, true, 4, 0, -1, -1, -1},
    [KIND_TYPE_TAG] = {true, true, 0, 0, -1, -1, -1},
    [KIND_ENUM64] = {true, false, 0, 12, -1, -1, 0},
};

struct tocsin_btf {
	const struct tocsin_btf *base; /* of a module's types: the kernel's, whose they continue */
	uint32_t first;                /* types of base: ids up to it are its */
	uint32_t strings_first;        /* the same for offsets of names */
	char *pool;                    /* with a base: what is indexed; its names may be base's */
	uint8_t *data;
	size_t types_at, types_size;
	const char *strings;
	uint32_t strings_size;
	uint32_t *record;          /* [id - first]: where it is in data; [0] is unused */
	uint32_t count;            /* types, void not counted */
	struct tocsin_names names; /* structs and unions, then typedefs */
	size_t size;               /* of data */
	bool borrowed;             /* data, record and slots lie in a cache */
};

struct header {
	uint32_t length, type_off, type_len, str_off, str_len;
	uint64_t extent;
};

static uint32_t le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t word(const struct tocsin_btf *btf, uint32_t id, uint32_t byte)
{
	if (id <= btf->first && btf->base)
		btf = btf->base;
	return le32(btf->data + btf->record[id - btf->first] + byte);
}

/* All ids that there are, base's included. */
static uint32_t last_id(const struct tocsin_btf *btf)
{
	return btf->first + btf->count;
}

/* A name, whose offset was checked. */
static const char *text_at(const struct tocsin_btf *btf, uint32_t at)
{
	if (at < btf->strings_first)
		btf = btf->base;
	return btf->strings + (at - btf->strings_first);
}

static enum kind kind_of(const struct tocsin_btf *btf, uint32_t id)
{
	return id ? (word(btf, id, 4) >> 24) & 0x1f : 0;
}

static uint32_t vlen_of(const struct tocsin_btf *btf, uint32_t id)
{
	return word(btf, id, 4) & 0xffff;
}

static int read_header(const uint8_t *data, size_t size, struct header *ret,
		       struct tocsin_error *err)
{
	uint64_t types_end, strings_end;
	struct header h;

	if (size < HEADER_SIZE || (data[0] | data[1] << 8) != BTF_MAGIC || data[2] != 1)
		return tocsin_error_set(err, -EINVAL, "no BTF header of version 1");
	h.length = le32(data + 4);
	h.type_off = le32(data + 8);
	h.type_len = le32(data + 12);
	h.str_off = le32(data + 16);
	h.str_len = le32(data + 20);
	types_end = (uint64_t)h.length + h.type_off + h.type_len;
	strings_end = (uint64_t)h.length + h.str_off + h.str_len;
	h.extent = types_end > strings_end ? types_end : strings_end;
	if (h.length < HEADER_SIZE || h.extent > size)
		return tocsin_error_set(err, -EINVAL, "BTF claims %llu bytes of %zu",
					(unsigned long long)h.extent, size);
	if (h.extent > BLOB_MAX)
		return tocsin_error_set(err, -E2BIG, "BTF of %llu bytes is beyond the bound",
					(unsigned long long)h.extent);
	if (h.type_off % 4 || (uint64_t)h.type_off + h.type_len > h.str_off)
		return tocsin_error_set(err, -EINVAL, "BTF sections overlap or are misaligned");
	*ret = h;
	return 0;
}

int tocsin_btf_extent(const void *data, size_t size, size_t *ret)
{
	struct header h;
	int rc = read_header(data, size, &h, NULL);

	if (rc)
		return rc;
	*ret = h.extent;
	return 0;
}

/* Bytes of the record at p, its common part being there; 0: no such kind. */
static uint64_t record_size(const uint8_t *p)
{
	uint32_t info = le32(p + 4);
	uint32_t kind = (info >> 24) & 0x1f;

	if (kind >= KINDS || !shapes[kind].known)
		return 0;
	return RECORD_SIZE + shapes[kind].fixed + (uint64_t)shapes[kind].each * (info & 0xffff);
}

/* First pass: where the records begin. */
static int find_records(struct tocsin_btf *btf, struct tocsin_error *err)
{
	size_t at = btf->types_at, end = at + btf->types_size;
	size_t room = btf->types_size / RECORD_SIZE + 1;

	if (room > TYPES_MAX)
		room = TYPES_MAX;
	btf->record = calloc(room, sizeof(*btf->record));
	if (!btf->record)
		return -ENOMEM;
	while (at < end) {
		uint64_t size = end - at < RECORD_SIZE ? 0 : record_size(btf->data + at);

		if (!size || size > end - at)
			return tocsin_error_set(err, -EINVAL,
						"BTF type %u at byte %zu is malformed",
						btf->count + 1, at);
		if (btf->count + 1 >= room)
			return tocsin_error_set(err, -E2BIG, "more than %zu BTF types", room - 1);
		btf->record[++btf->count] = at;
		at += size;
	}
	return 0;
}

static bool good_name(const struct tocsin_btf *btf, uint32_t name)
{
	return name < (uint64_t)btf->strings_first + btf->strings_size;
}

/* Are the names and type ids of the elements of a type in range, and members inside it? */
static bool check_elements(const struct tocsin_btf *btf, const uint8_t *record, enum kind kind)
{
	const struct shape *s = &shapes[kind];
	uint32_t info = le32(record + 4), mask = info >> 31 ? 0xffffff : 0xffffffff;
	const uint8_t *at = record + RECORD_SIZE + s->fixed;
	const uint8_t *end = at + (info & 0xffff) * (size_t)s->each;
	bool has_members = kind == KIND_STRUCT || kind == KIND_UNION;
	uint64_t bits = le32(record + 8) * 8ull;

	for (; at < end; at += s->each) {
		if (s->each_name >= 0 && !good_name(btf, le32(at + s->each_name)))
			return false;
		if (s->each_type >= 0 && le32(at + s->each_type) > last_id(btf))
			return false;
		if (has_members && (le32(at + 8) & mask) > bits)
			return false;
	}
	return true;
}

/* Second pass, one type: are its names and type ids in range? */
static bool check_type(const struct tocsin_btf *btf, uint32_t id)
{
	const uint8_t *record = btf->data + btf->record[id - btf->first];
	enum kind kind = le32(record + 4) >> 24 & 0x1f;
	const struct shape *s = &shapes[kind];

	if (!good_name(btf, le32(record)) || (s->refers && le32(record + 8) > last_id(btf)))
		return false;
	if (s->fixed_type >= 0 && le32(record + RECORD_SIZE + s->fixed_type) > last_id(btf))
		return false;
	return !s->each || check_elements(btf, record, kind);
}

static bool is_named(const struct tocsin_btf *btf, uint32_t id, bool typedefs)
{
	enum kind kind = kind_of(btf, id);

	return typedefs ? kind == KIND_TYPEDEF : kind == KIND_STRUCT || kind == KIND_UNION;
}

/* The name of a type, if it can be asked for; its length, or 0. */
static size_t name_of(const struct tocsin_btf *btf, uint32_t id, const char **ret)
{
	size_t length;

	*ret = text_at(btf, word(btf, id, 0));
	length = strnlen(*ret, NAME_MAX_LEN + 1);
	return length <= NAME_MAX_LEN ? length : 0;
}

static void index_type(struct tocsin_btf *btf, struct tocsin_names_adding *adding, uint32_t id,
		       size_t *used)
{
	const char *name;
	size_t length = name_of(btf, id, &name);

	if (!length)
		return;
	if (!btf->base) {
		tocsin_names_add(adding, btf->strings, word(btf, id, 0), length, id);
		return;
	}
	memcpy(btf->pool + *used, name, length + 1);
	tocsin_names_add(adding, btf->pool, (uint32_t)*used, length, id);
	*used += length + 1;
}

/* Third pass: index what can be asked for by name. Structs and unions go before typedefs. */
static int index_names(struct tocsin_btf *btf)
{
	struct tocsin_names_adding adding = {.n = &btf->names};
	size_t bytes = 0, used = 0;
	uint32_t count = 0;
	const char *name;

	for (uint32_t id = btf->first + 1; id <= last_id(btf); id++) {
		if (!is_named(btf, id, false) && !is_named(btf, id, true))
			continue;
		count++;
		if (btf->base)
			bytes += name_of(btf, id, &name) + 1;
	}
	if (bytes > POOL_MAX)
		return -E2BIG;
	if (btf->base)
		btf->pool = malloc(bytes + 1);
	if ((btf->base && !btf->pool) || tocsin_names_open(&btf->names, count))
		return -ENOMEM;
	for (int typedefs = 0; typedefs < 2; typedefs++)
		for (uint32_t id = btf->first + 1; id <= last_id(btf); id++)
			if (is_named(btf, id, typedefs))
				index_type(btf, &adding, id, &used);
	tocsin_names_added(&adding, btf->base ? btf->pool : btf->strings);
	return 0;
}

static int load(struct tocsin_btf *btf, const uint8_t *data, const struct header *h,
		struct tocsin_error *err)
{
	int rc;

	btf->data = malloc(h->extent);
	if (!btf->data)
		return -ENOMEM;
	tocsin_prefault(btf->data, h->extent);
	memcpy(btf->data, data, h->extent);
	btf->size = h->extent;
	btf->types_at = h->length + h->type_off;
	btf->types_size = h->type_len;
	btf->strings = (const char *)btf->data + h->length + h->str_off;
	btf->strings_size = h->str_len;
	/* A module's strings go on where the kernel's end, and so begin with any. */
	if ((!h->str_len || btf->strings[0]) && !btf->base)
		return tocsin_error_set(err, -EINVAL, "BTF strings do not begin with NUL");
	if (h->str_len && btf->strings[h->str_len - 1])
		return tocsin_error_set(err, -EINVAL, "BTF strings do not end with NUL");
	rc = find_records(btf, err);
	if (rc)
		return rc;
	for (uint32_t id = btf->first + 1; id <= last_id(btf); id++)
		if (!check_type(btf, id))
			return tocsin_error_set(
			    err, -EINVAL, "BTF type %u has a name, type or offset out of range",
			    id);
	return index_names(btf);
}

int tocsin_btf_open_split(const struct tocsin_btf *base, const void *data, size_t size,
			  struct tocsin_btf **ret, struct tocsin_error *err)
{
	struct tocsin_btf *btf;
	struct header h;
	int rc;

	rc = read_header(data, size, &h, err);
	if (rc)
		return rc;
	btf = calloc(1, sizeof(*btf));
	if (btf && base) {
		btf->base = base;
		btf->first = base->count;
		btf->strings_first = base->strings_size;
	}
	rc = btf ? load(btf, data, &h, err) : -ENOMEM;
	if (rc) {
		tocsin_btf_close(btf);
		return tocsin_error_set(err, rc, "no memory for BTF of %llu bytes",
					(unsigned long long)h.extent);
	}
	*ret = btf;
	return 0;
}

int tocsin_btf_open(const void *data, size_t size, struct tocsin_btf **ret,
		    struct tocsin_error *err)
{
	return tocsin_btf_open_split(NULL, data, size, ret, err);
}

void tocsin_btf_close(struct tocsin_btf *btf)
{
	if (!btf || btf->borrowed) {
		free(btf);
		return;
	}
	tocsin_names_close(&btf->names);
	free(btf->record);
	free(btf->pool);
	free(btf->data);
	free(btf);
}

/* What a cache keeps of the members that are no arrays. */
struct fixed {
	uint64_t size, strings_at;
	struct tocsin_names names; /* without slots */
	uint32_t strings_size, count;
};

int tocsin_btf_parts(const struct tocsin_btf *btf, struct tocsin_part parts[TOCSIN_BTF_PARTS])
{
	struct fixed *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->size = btf->size;
	f->strings_at = btf->strings - (const char *)btf->data;
	f->names = btf->names;
	f->names.slots = NULL;
	f->strings_size = btf->strings_size;
	f->count = btf->count;
	parts[0] = (struct tocsin_part){f, sizeof(*f)};
	parts[1] = (struct tocsin_part){btf->data, btf->size};
	parts[2] = (struct tocsin_part){btf->record, (btf->count + 1ull) * sizeof(*btf->record)};
	parts[3] = (struct tocsin_part){btf->names.slots,
					(f->names.mask + 1ull) * sizeof(*btf->names.slots)};
	return 0;
}

int tocsin_btf_from_parts(const struct tocsin_part parts[TOCSIN_BTF_PARTS], struct tocsin_btf **ret)
{
	const struct fixed *f = parts[0].bytes;
	struct tocsin_btf *btf;

	if (parts[0].size != sizeof(*f) || parts[1].size != f->size || f->strings_at > f->size ||
	    f->strings_size > f->size - f->strings_at ||
	    parts[2].size != (f->count + 1ull) * sizeof(*btf->record) ||
	    parts[3].size != (f->names.mask + 1ull) * sizeof(*btf->names.slots))
		return -EINVAL;
	btf = calloc(1, sizeof(*btf));
	if (!btf)
		return -ENOMEM;
	btf->borrowed = true;
	btf->data = (uint8_t *)parts[1].bytes;
	btf->size = f->size;
	btf->strings = (const char *)btf->data + f->strings_at;
	btf->strings_size = f->strings_size;
	btf->record = (uint32_t *)parts[2].bytes;
	btf->count = f->count;
	btf->names = f->names;
	btf->names.slots = (struct tocsin_names_slot *)parts[3].bytes;
	*ret = btf;
	return 0;
}

size_t tocsin_btf_types(const struct tocsin_btf *btf)
{
	return btf->count;
}

int tocsin_btf_find(const struct tocsin_btf *btf, const char *name, uint32_t *ret)
{
	int rc = tocsin_names_find(&btf->names, btf->base ? btf->pool : btf->strings, name, ret);

	return rc && btf->base ? tocsin_btf_find(btf->base, name, ret) : rc;
}

/* Look through typedefs and qualifiers. */
static int strip(const struct tocsin_btf *btf, uint32_t id, uint32_t *ret)
{
	for (int depth = 0; depth < NESTING_MAX; depth++) {
		switch (kind_of(btf, id)) {
		case KIND_TYPEDEF:
		case KIND_VOLATILE:
		case KIND_CONST:
		case KIND_RESTRICT:
		case KIND_TYPE_TAG:
			id = word(btf, id, 8);
			break;
		default:
			*ret = id;
			return 0;
		}
	}
	return -ELOOP;
}

/* Bytes of a stripped type; 0 for what has none. */
static int size_of(const struct tocsin_btf *btf, uint32_t id, uint64_t *ret)
{
	uint64_t count = 1, size = 0;

	for (int depth = 0; depth < NESTING_MAX; depth++) {
		int rc = strip(btf, id, &id);

		if (rc)
			return rc;
		if (kind_of(btf, id) == KIND_ARRAY) {
			if (__builtin_mul_overflow(count, word(btf, id, RECORD_SIZE + 8), &count))
				return -EINVAL;
			id = word(btf, id, RECORD_SIZE);
			continue;
		}
		switch (kind_of(btf, id)) {
		case KIND_INT:
		case KIND_STRUCT:
		case KIND_UNION:
		case KIND_ENUM:
		case KIND_FLOAT:
		case KIND_DATASEC:
		case KIND_ENUM64:
			size = word(btf, id, 8);
			break;
		case KIND_PTR:
			size = 8;
			break;
		default:
			break;
		}
		if (__builtin_mul_overflow(count, size, &size))
			return -EINVAL;
		*ret = size;
		return 0;
	}
	return -ELOOP;
}

int tocsin_btf_sizeof(const struct tocsin_btf *btf, const char *name, uint64_t *ret)
{
	uint32_t id;
	int rc = tocsin_btf_find(btf, name, &id);

	return rc ? rc : size_of(btf, id, ret);
}

struct walk {
	const struct tocsin_btf *btf;
	uint32_t steps;
	uint64_t bits;      /* from the outermost structure */
	uint32_t type;      /* as the member names it, not stripped */
	uint32_t bit_width; /* of the last member, 0: not a bitfield */
	bool flexible;      /* stepped into an array without a fixed length */
};

static bool is_aggregate(const struct tocsin_btf *btf, uint32_t id)
{
	return kind_of(btf, id) == KIND_STRUCT || kind_of(btf, id) == KIND_UNION;
}

/* Find the member called name[0..length) in aggregate id, whose first bit is at `base`. */
static int find_member(struct walk *w, uint32_t id, uint64_t base, const char *name, size_t length,
		       int depth)
{
	bool packed = word(w->btf, id, 4) >> 31;
	uint32_t n = vlen_of(w->btf, id);

	if (depth > NESTING_MAX)
		return -ELOOP;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = RECORD_SIZE + i * 12;
		const char *own = text_at(w->btf, word(w->btf, id, at));
		uint32_t type = word(w->btf, id, at + 4), where = word(w->btf, id, at + 8);
		uint64_t bits = base + (packed ? where & 0xffffff : where);
		int rc;

		if (++w->steps > STEPS_MAX)
			return -ELOOP;
		if (*own) {
			if (strncmp(own, name, length) || own[length])
				continue;
			w->bits = bits;
			w->type = type;
			w->bit_width = packed ? where >> 24 : 0;
			return 0;
		}
		rc = strip(w->btf, type, &type);
		if (rc)
			return rc;
		if (!is_aggregate(w->btf, type))
			continue;
		rc = find_member(w, type, bits, name, length, depth + 1);
		if (rc != -ENOENT)
			return rc;
	}
	return -ENOENT;
}

/* One "[n]" at *path: step into the array w->type. */
static int step_index(struct walk *w, const char **path)
{
	uint64_t index = 0, element, bits;
	const char *p = *path + 1;
	uint32_t id, count;
	int rc;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		index = index * 10 + (*p - '0');
		if (index > UINT32_MAX)
			return -EINVAL;
	}
	rc = strip(w->btf, w->type, &id);
	if (rc)
		return rc;
	if (*p != ']' || kind_of(w->btf, id) != KIND_ARRAY)
		return -EINVAL;
	count = word(w->btf, id, RECORD_SIZE + 8);
	/* [0] and [1] at the end of a structure are how C89 wrote a flexible array. */
	if (index >= count && count > 1)
		return -EINVAL;
	w->flexible |= index >= count;
	w->type = word(w->btf, id, RECORD_SIZE);
	rc = size_of(w->btf, w->type, &element);
	if (rc)
		return rc;
	if (__builtin_mul_overflow(index, element, &bits) ||
	    __builtin_mul_overflow(bits, 8, &bits) ||
	    __builtin_add_overflow(w->bits, bits, &w->bits))
		return -EINVAL;
	*path = p + 1;
	return 0;
}

/* Old BTF writes a bitfield as an INT of fewer bits than its bytes, at an offset in bits. */
static void old_bitfield(struct walk *w, uint32_t id)
{
	uint32_t data;

	if (w->bit_width || kind_of(w->btf, id) != KIND_INT)
		return;
	data = word(w->btf, id, RECORD_SIZE);
	if ((data & 0xff) == (uint64_t)word(w->btf, id, 8) * 8)
		return;
	w->bits += (data >> 16) & 0xff;
	w->bit_width = data & 0xff;
}

static int finish(struct walk *w, uint64_t outer, struct tocsin_btf_member *ret)
{
	struct tocsin_btf_member m;
	uint64_t end;
	int rc = strip(w->btf, w->type, &m.type);

	if (!rc)
		rc = size_of(w->btf, m.type, &m.size);
	if (rc)
		return rc;
	old_bitfield(w, m.type);
	m.offset = w->bits / 8;
	m.bit_offset = w->bits % 8;
	m.bit_size = w->bit_width;
	if (m.bit_offset && !m.bit_size)
		return -EINVAL;
	end = m.bit_size ? (w->bits + m.bit_size + 7) / 8 : m.offset + m.size;
	if (end < m.offset || (!w->flexible && end > outer))
		return -EINVAL;
	*ret = m;
	return 0;
}

int tocsin_btf_member_of(const struct tocsin_btf *btf, uint32_t type, const char *path,
			 struct tocsin_btf_member *ret)
{
	struct walk w = {.btf = btf, .type = type};
	uint64_t outer;
	uint32_t id;
	int rc;

	if (type > last_id(btf))
		return -EINVAL;
	rc = size_of(btf, type, &outer);
	if (rc)
		return rc;
	for (;;) {
		size_t length = strcspn(path, ".[");

		rc = strip(btf, w.type, &id);
		if (rc)
			return rc;
		if (!length || length > NAME_MAX_LEN || !is_aggregate(btf, id))
			return -EINVAL;
		rc = find_member(&w, id, w.bits, path, length, 0);
		if (rc)
			return rc;
		path += length;
		while (*path == '[') {
			rc = step_index(&w, &path);
			if (rc)
				return rc;
		}
		if (!*path)
			return finish(&w, outer, ret);
		if (*path++ != '.')
			return -EINVAL;
	}
}

int tocsin_btf_member(const struct tocsin_btf *btf, const char *type, const char *path,
		      struct tocsin_btf_member *ret)
{
	uint32_t id;
	int rc = tocsin_btf_find(btf, type, &id);

	return rc ? rc : tocsin_btf_member_of(btf, id, path, ret);
}

int tocsin_btf_enumerator(const struct tocsin_btf *btf, const char *name, int64_t *ret)
{
	for (uint32_t id = btf->first + 1; id <= last_id(btf); id++) {
		enum kind kind = kind_of(btf, id);
		uint32_t each = kind == KIND_ENUM ? 8 : kind == KIND_ENUM64 ? 12 : 0;
		uint32_t n = each ? vlen_of(btf, id) : 0;

		for (uint32_t i = 0; i < n; i++) {
			uint32_t at = RECORD_SIZE + i * each;
			bool is_signed = word(btf, id, 4) >> 31;
			uint32_t low = word(btf, id, at + 4);

			if (strcmp(text_at(btf, word(btf, id, at)), name))
				continue;
			if (each == 12)
				*ret = (int64_t)((uint64_t)word(btf, id, at + 8) << 32 | low);
			else
				*ret = is_signed ? (int64_t)(int32_t)low : (int64_t)low;
			return 0;
		}
	}
	return btf->base ? tocsin_btf_enumerator(btf->base, name, ret) : -ENOENT;
}

int tocsin_btf_function(const struct tocsin_btf *btf, const char *name, uint32_t *ret)
{
	for (uint32_t id = btf->first + 1; id <= last_id(btf); id++) {
		if (kind_of(btf, id) != KIND_FUNC || strcmp(text_at(btf, word(btf, id, 0)), name))
			continue;
		*ret = word(btf, id, 8);
		return 0;
	}
	return btf->base ? tocsin_btf_function(btf->base, name, ret) : -ENOENT;
}

int tocsin_btf_parameter(const struct tocsin_btf *btf, uint32_t proto, unsigned int i,
			 struct tocsin_btf_parameter *ret)
{
	struct tocsin_btf_parameter p = {.target = ""};
	uint32_t at = RECORD_SIZE + i * 8, type, target;
	int rc;

	if (proto > last_id(btf) || kind_of(btf, proto) != KIND_FUNC_PROTO)
		return -EINVAL;
	if (i >= vlen_of(btf, proto) || !word(btf, proto, at + 4))
		return -ENOENT;
	rc = strip(btf, word(btf, proto, at + 4), &type);
	if (rc)
		return rc;
	p.name = text_at(btf, word(btf, proto, at));
	switch (kind_of(btf, type)) {
	case KIND_PTR:
		p.pointer = true;
		p.size = 8;
		if (!strip(btf, word(btf, type, 8), &target) && is_aggregate(btf, target))
			p.target = text_at(btf, word(btf, target, 0));
		break;
	case KIND_INT: /* its encoding, whose lowest bit says signed, is in the word that follows */
		p.is_signed = word(btf, type, RECORD_SIZE) >> 24 & 1;
		p.size = word(btf, type, 8);
		break;
	case KIND_ENUM:
	case KIND_ENUM64:
		p.is_signed = word(btf, type, 4) >> 31;
		p.size = word(btf, type, 8);
		break;
	default:
		break;
	}
	*ret = p;
	return 0;
}
