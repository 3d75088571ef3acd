/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each table is found from the one before and must agree with it:
 *
 *   token table   ten one-digit strings in a row; token 0 begins 48 strings before "0"
 *   token index   u16[256] that follows it and equals where its strings begin
 *   markers       a growing run from 0 that lies before it, directly or with the 3-byte sequence
 *                 numbers of all symbols in between
 *   names         a chain of length-prefixed strings that ends at the markers, has every 256th
 *                 string where its marker says, and has its own count before it
 *   offsets       before the count or after the token index; decoded, they must never decrease
 *
 * So a wrong guess fails at the next step instead of yielding wrong symbols. What a hostile image
 * can make plausible many times over is paid for from a budget of chains to walk.
 */
#include "introspect/kallsyms.h"

#include "base/memory_hint.h"
#include "introspect/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS 256
#define SHORT 16 /* bytes of a token */
#define SYMBOLS_MAX (1u << 20)
#define NAME_SIZE 512 /* KSYM_NAME_LEN, with the NUL */
#define POOL_MAX (128u << 20)
#define KERNEL_MAX (1ull << 30)
#define PADDING_MAX 16
#define PERCPU_MAX (1u << 28) /* offsets in the area of a processor */
#define MARKED 256            /* symbols per marker */
#define MARKED_BYTES_MIN (MARKED * 2)
#define MARKED_BYTES_MAX (MARKED * (NAME_SIZE + 2))
#define CHAINS_MAX 64
#define SYMBOL_SIZE_MAX (1u << 20) /* of a function; beyond it an address is of none */

/* Where the tables lie in the image: the bytes that all the rest is made from. */
struct raw {
	uint64_t offsets, offsets_size; /* without relative_base, which differs from boot to boot */
	uint64_t rest, rest_size;       /* from num_syms to the end of the token index */
	uint64_t relative_base;         /* from the image's first byte; UINT64_MAX: there is none */
	uint64_t relative_base_at;
};

struct tocsin_kallsyms {
	struct tocsin_kallsyms_info info;
	uint32_t count;
	char *pool;     /* names with their NUL, one after the other */
	uint32_t *name; /* [i]: where the name begins in pool */
	char *type;     /* [i] */
	int32_t
	    *offset; /* [i]: < 0: -1 - v is v bytes from the image's first; else an absolute one */
	uint64_t base; /* address of the image's first byte */
	struct raw raw;
	bool borrowed;             /* the arrays lie in a cache */
	struct tocsin_names names; /* to the first symbol of each name */
};

struct image {
	const uint8_t *bytes;
	size_t size;
	uint64_t base;
	size_t tokens, tokens_end, index_end;
	uint16_t token[TOKENS]; /* where each string begins, from tokens */
	uint16_t length[TOKENS];
	char *text; /* a copy of the token table: the guest goes on */
	size_t names;
	size_t count_at; /* num_syms */
	uint32_t count;
	bool long_names; /* a length >= 0x80 is a 2-byte ULEB128 */
	unsigned int chains;
};

static uint32_t le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t le64(const uint8_t *p)
{
	return le32(p) | (uint64_t)le32(p + 4) << 32;
}

/* 256 tokens that begin at `at`, and behind them an index that says so. */
static bool tokens_from(struct image *im, size_t at)
{
	size_t end;

	im->tokens = at;
	for (int i = 0; i < TOKENS; i++) {
		const uint8_t *nul = memchr(im->bytes + at, 0, im->size - at);

		if (!nul || at - im->tokens > UINT16_MAX)
			return false;
		im->token[i] = at - im->tokens;
		at = nul - im->bytes + 1;
	}
	im->tokens_end = at;
	for (end = at; end < at + PADDING_MAX; end++) {
		int i = 0;

		if (end > im->size || im->size - end < 2 * TOKENS)
			return false;
		while (i < TOKENS &&
		       (im->bytes[end + 2 * i] | im->bytes[end + 2 * i + 1] << 8) == im->token[i])
			i++;
		if (i == TOKENS) {
			im->index_end = end + 2 * TOKENS;
			return true;
		}
	}
	return false;
}

/*
 * The token table around the digit run at `digits`. Nothing separates its first token from what
 * lies before it (the sequence numbers, of any bytes): the index decides where it begins.
 */
static bool tokens_at(struct image *im, size_t digits)
{
	size_t at = digits;

	for (int i = 0; i < '0'; i++) {
		size_t low = at > NAME_SIZE ? at - NAME_SIZE : 0;

		if (!at || im->bytes[at - 1])
			return false;
		for (at--; at > low && im->bytes[at - 1]; at--)
			if (i == '0' - 1 && tokens_from(im, at))
				return true;
		if (at == low)
			return false;
	}
	return tokens_from(im, at);
}

/* Length of the compressed name at *at, which is moved behind the length; 0: not a name. */
static uint32_t name_length(const struct image *im, size_t *at, size_t end)
{
	uint32_t length;

	if (*at >= end)
		return 0;
	length = im->bytes[(*at)++];
	if (im->long_names && length & 0x80) {
		if (*at >= end)
			return 0;
		length = (length & 0x7f) | (uint32_t)im->bytes[(*at)++] << 7;
	}
	return length < NAME_SIZE && length <= end - *at ? length : 0;
}

static uint64_t marker(const struct image *im, size_t markers, unsigned int width, uint32_t i)
{
	const uint8_t *p = im->bytes + markers + (size_t)i * width;

	return width == 8 ? le64(p) : le32(p);
}

/* Does a chain of n names lead from `names` to `markers`, as the markers say? */
static bool chain_holds(const struct image *im, size_t names, uint32_t n, size_t markers,
			unsigned int width)
{
	size_t at = names;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t length;

		if (i % MARKED == 0 && at - names != marker(im, markers, width, i / MARKED))
			return false;
		length = name_length(im, &at, markers);
		if (!length)
			return false;
		at += length;
	}
	return markers - at < PADDING_MAX;
}

/* The names before k markers at `markers`: their count stands before them. */
static bool names_before(struct image *im, size_t markers, unsigned int width, uint32_t k)
{
	uint64_t last = marker(im, markers, width, k - 1);
	size_t high, low;

	if (markers < last + 2)
		return false;
	high = (markers - last - 2) & ~3ul;
	low = high > MARKED_BYTES_MAX ? high - MARKED_BYTES_MAX : 8;
	for (size_t names = high; names >= low && names >= 8; names -= 4) {
		for (size_t gap = 4; gap <= 8; gap += 4) {
			uint32_t n = le32(im->bytes + names - gap);

			if (n <= (k - 1) * MARKED || n > k * MARKED ||
			    (gap == 8 && le32(im->bytes + names - 4)))
				continue;
			for (int i = 0; i < 2; i++) {
				im->long_names = !i;
				if (im->chains++ >= CHAINS_MAX)
					return false;
				if (!chain_holds(im, names, n, markers, width))
					continue;
				im->names = names;
				im->count = n;
				im->count_at = names - gap;
				return true;
			}
		}
	}
	return false;
}

/* Can k markers that end `distance` bytes before the token table be the right ones? */
static bool distance_fits(size_t distance, uint32_t k)
{
	size_t sequences = (size_t)k * MARKED * 3;

	return distance < PADDING_MAX ||
	       (distance + MARKED * 3 >= sequences && distance < sequences + 2 * PADDING_MAX);
}

/* Markers of `width` bytes before the token table, and the names that they mark. */
static bool names_by_markers(struct image *im, unsigned int width)
{
	size_t reach = (size_t)SYMBOLS_MAX * 3 + SYMBOLS_MAX / MARKED * width + 64;
	size_t low = im->tokens > reach ? im->tokens - reach : 0;
	size_t at = im->tokens & ~(size_t)3;

	for (; at >= low + 4; at -= 4) {
		size_t markers = at - 4;
		uint32_t k = 1, most = (im->tokens - markers) / width;

		if (most < 2 || marker(im, markers, width, 0))
			continue;
		while (k < most) {
			uint64_t before = marker(im, markers, width, k - 1);
			uint64_t now = marker(im, markers, width, k);

			if (now < before + MARKED_BYTES_MIN || now > before + MARKED_BYTES_MAX)
				break;
			k++;
		}
		/* The run may by chance go on for a word behind the markers. */
		for (uint32_t less = 0; less < 2 && k >= 2 + less; less++)
			if (distance_fits(im->tokens - markers - (size_t)(k - less) * width,
					  k - less) &&
			    names_before(im, markers, width, k - less))
				return true;
		if (im->chains >= CHAINS_MAX)
			return false;
	}
	return false;
}

/* Expand all names. -EINVAL: one is too long or empty. */
static int decode_names(const struct image *im, struct tocsin_kallsyms *ks)
{
	struct tocsin_names_adding adding = {.n = &ks->names};
	size_t at = im->names, used = 0, room = 0;

	for (uint32_t i = 0; i < im->count; i++) {
		uint32_t length = name_length(im, &at, im->size);
		size_t first = used;

		if (room - used < NAME_SIZE + 1 + SHORT) {
			char *more;

			room = room ? room * 2 : im->count * 24ul + 4096;
			more = room <= POOL_MAX ? realloc(ks->pool, room) : NULL;
			if (!more)
				return room <= POOL_MAX ? -ENOMEM : -E2BIG;
			tocsin_prefault(more + used, room - used);
			ks->pool = more;
		}
		if (length > im->size - at)
			return -EINVAL;
		for (; length; length--, at++) {
			uint8_t token = im->bytes[at];
			size_t n = im->length[token];

			if (used - first + n > NAME_SIZE)
				return -EINVAL;
			/* Nearly all are short, and a copy of fixed size is no call. */
			if (n <= SHORT)
				memcpy(ks->pool + used, im->text + im->token[token], SHORT);
			else
				memcpy(ks->pool + used, im->text + im->token[token], n);
			used += n;
		}
		if (used - first < 2)
			return -EINVAL;
		ks->type[i] = ks->pool[first];
		ks->name[i] = first + 1;
		ks->pool[used++] = '\0';
		tocsin_names_add(&adding, ks->pool, first + 1, used - first - 2, i);
	}
	tocsin_names_added(&adding, ks->pool);
	ks->count = im->count;
	return 0;
}

enum encoding { PLAIN, PERCPU, PLACE };

static uint64_t address_of(const struct tocsin_kallsyms *ks, size_t i)
{
	int32_t v = ks->offset[i];

	return v < 0 ? ks->base + (uint64_t)(-1 - (int64_t)v) : (uint64_t)v;
}

/* The address that the i-th offset at `at` stands for; false: none of this kernel's. */
static inline bool decode_offset(const struct image *im, size_t at, uint64_t relative_base,
				 enum encoding encoding, uint32_t i, uint64_t *ret)
{
	int32_t v = (int32_t)le32(im->bytes + at + (size_t)i * 4);

	if (encoding == PERCPU && v >= 0) {
		*ret = (uint64_t)v;
		return true;
	}
	if (encoding == PERCPU)
		*ret = relative_base - 1 - (int64_t)v;
	else if (encoding == PLAIN)
		*ret = relative_base + (uint32_t)v;
	else
		*ret = im->base + at + (uint64_t)i * 4 + (int64_t)v;
	return *ret >= im->base && *ret - im->base <= KERNEL_MAX;
}

/* Decode the offsets at `at`; false: these are no addresses of this kernel in growing order. */
static bool decode_offsets(const struct image *im, size_t at, uint64_t relative_base,
			   enum encoding encoding, struct tocsin_kallsyms *ks)
{
	uint64_t before = 0, first, last;
	uint32_t equal = 0;

	/* Real symbols differ: an area of zeros must not pass for a small kernel's table. */
	if (!decode_offset(im, at, relative_base, encoding, 0, &first) ||
	    !decode_offset(im, at, relative_base, encoding, im->count - 1, &last) || last <= first)
		return false;
	for (uint32_t i = 0; i < im->count; i++) {
		uint64_t a;

		if (!decode_offset(im, at, relative_base, encoding, i, &a) || a < before)
			return false;
		equal = i && a == before ? equal + 1 : 0;
		/* Debian's 5.10 has one in eleven at one address; most are only in memory of zeros.
		 */
		if (equal > im->count / 4)
			return false;
		ks->offset[i] = a < im->base ? (int32_t)a : -1 - (int32_t)(a - im->base);
		before = a;
	}
	return true;
}

static bool offsets_at(const struct image *im, size_t at, size_t base_at,
		       enum tocsin_kallsyms_order order, struct tocsin_kallsyms *ks)
{
	uint64_t relative_base;

	if (base_at > im->size || im->size - base_at < 8)
		return false;
	relative_base = le64(im->bytes + base_at);
	if (relative_base < im->base || relative_base - im->base >= im->size)
		return false;
	for (enum encoding e = PLAIN; e <= PERCPU; e++) {
		if (!decode_offsets(im, at, relative_base, e, ks))
			continue;
		ks->raw.relative_base = relative_base - im->base;
		ks->raw.relative_base_at = base_at;
		ks->info = (struct tocsin_kallsyms_info){.order = order,
							 .percpu = e == PERCPU,
							 .relative_base = relative_base,
							 .names = im->names,
							 .offsets = at};
		return true;
	}
	return false;
}

/*
 * Place-relative offsets have no base to check, and add what makes any table grow: the symbol of
 * the first byte must come out where the image is.
 */
static bool anchored(const struct image *im, const struct tocsin_kallsyms *ks)
{
	uint64_t text;

	return !tocsin_kallsyms_lookup(ks, "_text", &text) && text == im->base;
}

/* Whole addresses at `at`; small ones are per-CPU. */
static bool decode_addresses(const struct image *im, size_t at, struct tocsin_kallsyms *ks)
{
	uint64_t before = 0;
	uint32_t equal = 0;

	for (uint32_t i = 0; i < im->count; i++) {
		uint64_t a = le64(im->bytes + at + (size_t)i * 8);
		bool small = a <= PERCPU_MAX;

		equal = i && a == before ? equal + 1 : 0;
		if (a < before || equal > im->count / 4 ||
		    (!small && (a < im->base || a - im->base > KERNEL_MAX)))
			return false;
		ks->info.percpu |= small;
		ks->offset[i] = small ? (int32_t)a : -1 - (int32_t)(a - im->base);
		before = a;
	}
	return before > PERCPU_MAX;
}

static bool find_addresses(const struct image *im, struct tocsin_kallsyms *ks)
{
	size_t bytes = (size_t)im->count * 8;

	if (im->count_at < bytes || !decode_addresses(im, im->count_at - bytes, ks))
		return false;
	ks->raw.relative_base = UINT64_MAX;
	ks->info.order = TOCSIN_KALLSYMS_ADDRESSES;
	ks->info.names = im->names;
	ks->info.offsets = im->count_at - bytes;
	return true;
}

static bool find_offsets(const struct image *im, struct tocsin_kallsyms *ks)
{
	size_t bytes = (size_t)im->count * 4, at;

	for (size_t gap = 0; gap <= 4; gap += 4) {
		if (im->count_at >= bytes + gap + 8 &&
		    offsets_at(im, im->count_at - 8 - gap - bytes, im->count_at - 8,
			       TOCSIN_KALLSYMS_OFFSETS_FIRST, ks))
			return true;
	}
	at = (im->index_end + 3) & ~(size_t)3;
	for (int i = 0; i < 4; i++) {
		size_t offsets = at + (i & 1 ? 4 : 0);

		if (offsets <= im->size && bytes <= im->size - offsets &&
		    offsets_at(im, offsets, offsets + bytes + (i & 2 ? 4 : 0),
			       TOCSIN_KALLSYMS_OFFSETS_LAST, ks))
			return true;
	}
	for (size_t gap = 0; gap <= 4; gap += 4) {
		if (im->size < at + gap || bytes > im->size - at - gap ||
		    !decode_offsets(im, at + gap, 0, PLACE, ks) || !anchored(im, ks))
			continue;
		ks->raw.relative_base = UINT64_MAX;
		ks->info = (struct tocsin_kallsyms_info){.order = TOCSIN_KALLSYMS_PLACE_RELATIVE,
							 .names = im->names,
							 .offsets = at + gap};
		return true;
	}
	return false;
}

/* Everything behind the names; -EINVAL with the reason in err. */
static int decode(const struct image *im, struct tocsin_kallsyms *ks, struct tocsin_error *err)
{
	int rc;

	ks->name = calloc(im->count, sizeof(*ks->name));
	ks->type = calloc(im->count, sizeof(*ks->type));
	ks->offset = calloc(im->count, sizeof(*ks->offset));
	ks->base = im->base;
	if (!ks->name || !ks->type || !ks->offset || tocsin_names_open(&ks->names, im->count))
		return tocsin_error_set(err, -ENOMEM, "no memory for %u symbols", im->count);
	rc = decode_names(im, ks);
	if (rc)
		return tocsin_error_at(err, rc, im->base + im->names,
				       "the kallsyms names do not expand");
	if (!find_offsets(im, ks) && !find_addresses(im, ks))
		return tocsin_error_at(err, -EINVAL, im->base + im->names,
				       "no layout of kallsyms offsets fits %u names", im->count);
	ks->raw.offsets = ks->info.offsets;
	ks->raw.offsets_size =
	    im->count * (ks->info.order == TOCSIN_KALLSYMS_ADDRESSES ? 8ull : 4ull);
	ks->raw.rest = im->count_at;
	ks->raw.rest_size = im->index_end - im->count_at;
	return 0;
}

/* -EINVAL: they changed since they were found. */
static int copy_tokens(struct image *im)
{
	size_t size = im->tokens_end - im->tokens;

	im->text = calloc(1, size + SHORT);
	if (!im->text)
		return -ENOMEM;
	memcpy(im->text, im->bytes + im->tokens, size);
	for (int i = 0; i < TOKENS; i++) {
		const char *nul = memchr(im->text + im->token[i], 0, size - im->token[i]);

		if (!nul)
			return -EINVAL;
		im->length[i] = nul - (im->text + im->token[i]);
	}
	return 0;
}

static int open_at(struct image *im, struct tocsin_kallsyms **ret, struct tocsin_error *err)
{
	struct tocsin_kallsyms *ks;
	int rc;

	if (!names_by_markers(im, 4) && !names_by_markers(im, 8))
		return tocsin_error_at(err, -EINVAL, im->base + im->tokens,
				       "kallsyms tokens, but no markers and names before them");
	ks = calloc(1, sizeof(*ks));
	if (!ks)
		return tocsin_error_set(err, -ENOMEM, "no memory for kallsyms");
	rc = copy_tokens(im);
	if (rc)
		tocsin_error_set(err, rc, "the kallsyms tokens cannot be copied");
	else
		rc = decode(im, ks, err);
	free(im->text);
	if (rc) {
		tocsin_kallsyms_close(ks);
		return rc;
	}
	*ret = ks;
	return 0;
}

int tocsin_kallsyms_open(const void *image, size_t size, size_t from, uint64_t base,
			 struct tocsin_kallsyms **ret, struct tocsin_error *err)
{
	static const char digits[] = "0\0"
				     "1\0"
				     "2\0"
				     "3\0"
				     "4\0"
				     "5\0"
				     "6\0"
				     "7\0"
				     "8\0"
				     "9";
	struct image im = {.bytes = image, .size = size, .base = base};
	struct tocsin_error last = {0};
	const uint8_t *at = im.bytes + (from < size ? from : size), *end = im.bytes + size;

	while ((at = memmem(at, end - at, digits, sizeof(digits)))) {
		if (tokens_at(&im, at - im.bytes)) {
			int rc;

			tocsin_error_clear(&last);
			rc = open_at(&im, ret, &last);

			if (!rc || rc == -ENOMEM || im.chains >= CHAINS_MAX)
				return rc ? tocsin_error_at(err, rc, last.address, "%s",
							    last.message)
					  : 0;
		}
		at++;
	}
	if (last.code)
		return tocsin_error_at(err, last.code, last.address, "%s", last.message);
	return tocsin_error_set(err, -ENOENT, "no kallsyms token table in %zu bytes", size);
}

void tocsin_kallsyms_close(struct tocsin_kallsyms *ks)
{
	if (!ks || ks->borrowed) {
		free(ks);
		return;
	}
	tocsin_names_close(&ks->names);
	free(ks->offset);
	free(ks->type);
	free(ks->name);
	free(ks->pool);
	free(ks);
}

/* What a cache keeps of the members that are no arrays. */
struct fixed {
	struct tocsin_kallsyms_info info;
	struct raw raw;
	struct tocsin_names names; /* without slots */
	uint32_t count, pool_size;
};

bool tocsin_kallsyms_matches(const struct tocsin_part parts[TOCSIN_KALLSYMS_PARTS],
			     const struct tocsin_part raw[2], uint64_t base,
			     bool (*same)(uint64_t at, const void *bytes, size_t size,
					  void *context),
			     void *context)
{
	const struct fixed *f = parts[0].bytes;
	const struct raw *r = &f->raw;
	uint64_t relative_base = base + r->relative_base;

	return raw[0].size == r->offsets_size && raw[1].size == r->rest_size &&
	       (r->relative_base == UINT64_MAX ||
		same(r->relative_base_at, &relative_base, sizeof(relative_base), context)) &&
	       same(r->offsets, raw[0].bytes, raw[0].size, context) &&
	       same(r->rest, raw[1].bytes, raw[1].size, context);
}

int tocsin_kallsyms_parts(const struct tocsin_kallsyms *ks,
			  struct tocsin_part parts[TOCSIN_KALLSYMS_PARTS], uint64_t raw[4])
{
	struct fixed *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->info = ks->info;
	f->raw = ks->raw;
	f->names = ks->names;
	f->names.slots = NULL;
	f->count = ks->count;
	f->pool_size = ks->name[ks->count - 1] + strlen(ks->pool + ks->name[ks->count - 1]) + 1;
	parts[0] = (struct tocsin_part){f, sizeof(*f)};
	parts[1] = (struct tocsin_part){ks->pool, f->pool_size};
	parts[2] = (struct tocsin_part){ks->name, f->count * sizeof(*ks->name)};
	parts[3] = (struct tocsin_part){ks->type, f->count * sizeof(*ks->type)};
	parts[4] = (struct tocsin_part){ks->offset, f->count * sizeof(*ks->offset)};
	parts[5] = (struct tocsin_part){ks->names.slots,
					(f->names.mask + 1ull) * sizeof(*ks->names.slots)};
	memcpy(raw, &ks->raw, 4 * sizeof(*raw));
	return 0;
}

int tocsin_kallsyms_from_parts(const struct tocsin_part parts[TOCSIN_KALLSYMS_PARTS], uint64_t base,
			       struct tocsin_kallsyms **ret)
{
	const struct fixed *f = parts[0].bytes;
	struct tocsin_kallsyms *ks;

	if (parts[0].size != sizeof(*f) || !f->count || parts[1].size != f->pool_size ||
	    parts[2].size != f->count * sizeof(*ks->name) || parts[3].size != f->count ||
	    parts[4].size != f->count * sizeof(*ks->offset) ||
	    parts[5].size != (f->names.mask + 1ull) * sizeof(*ks->names.slots))
		return -EINVAL;
	ks = calloc(1, sizeof(*ks));
	if (!ks)
		return -ENOMEM;
	ks->info = f->info;
	if (f->raw.relative_base != UINT64_MAX)
		ks->info.relative_base = base + f->raw.relative_base;
	ks->raw = f->raw;
	ks->names = f->names;
	ks->count = f->count;
	ks->base = base;
	ks->borrowed = true;
	ks->pool = (char *)parts[1].bytes;
	ks->name = (uint32_t *)parts[2].bytes;
	ks->type = (char *)parts[3].bytes;
	ks->offset = (int32_t *)parts[4].bytes;
	ks->names.slots = (struct tocsin_names_slot *)parts[5].bytes;
	*ret = ks;
	return 0;
}

size_t tocsin_kallsyms_count(const struct tocsin_kallsyms *ks)
{
	return ks->count;
}

const struct tocsin_kallsyms_info *tocsin_kallsyms_info(const struct tocsin_kallsyms *ks)
{
	return &ks->info;
}

int tocsin_kallsyms_lookup(const struct tocsin_kallsyms *ks, const char *name, uint64_t *ret)
{
	uint32_t i;
	int rc = tocsin_names_find(&ks->names, ks->pool, name, &i);

	if (!rc)
		*ret = address_of(ks, i);
	return rc;
}

int tocsin_kallsyms_get(const struct tocsin_kallsyms *ks, size_t i, struct tocsin_symbol *ret)
{
	if (i >= ks->count)
		return -ENOENT;
	*ret = (struct tocsin_symbol){ks->pool + ks->name[i], address_of(ks, i), ks->type[i]};
	return 0;
}

int tocsin_kallsyms_at(const struct tocsin_kallsyms *ks, uint64_t address,
		       struct tocsin_symbol *ret)
{
	size_t low = 0, high = ks->count; /* the table is in the order of addresses */
	struct tocsin_symbol s;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (address_of(ks, middle) <= address)
			low = middle + 1;
		else
			high = middle;
	}
	while (low--) {
		if (tocsin_kallsyms_get(ks, low, &s) || address - s.address > SYMBOL_SIZE_MAX)
			return -ENOENT;
		if (strchr("TtWw", s.type)) {
			*ret = s;
			return 0;
		}
	}
	return -ENOENT;
}

int tocsin_kallsyms_iterate(const struct tocsin_kallsyms *ks,
			    int (*visit)(const struct tocsin_symbol *s, void *context),
			    void *context)
{
	struct tocsin_symbol s;

	for (size_t i = 0; !tocsin_kallsyms_get(ks, i, &s); i++) {
		int rc = visit(&s, context);

		if (rc)
			return rc;
	}
	return 0;
}
