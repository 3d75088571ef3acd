// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bytes in the text of the kernel and of its modules that, if an instruction begins with them, hand
 * over to code that has no business there. There is no pristine copy to hold text against: it is
 * changed at boot (alternatives, paravirt, return thunks) and later (jump labels, static calls,
 * ftrace, kprobes). But whatever the kernel patches into itself stays within its own text, or goes
 * where its own books say: to a slot of a kprobe at that place, or to what the key of a static call
 * says for that call site. What leads elsewhere, into memory that can be executed, is listed.
 *
 * Where instructions begin is not known here; whoever disassembles from the beginning of the
 * function knows. Beginnings of functions are left to the list of hooks: there ftrace and BPF
 * divert by rule.
 */
#include "introspect/transfer.h"
#include "base/room.h"
#include "introspect/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX (1u << 17)
#define CHUNK (64u << 10)
#define TEXT_MAX (512u << 20)  /* of all text together */
#define SYMBOLS_MAX (1u << 17) /* of a module */
#define EXECUTABLE_MAX 16384
#define SITES_MAX (1u << 18)
#define WAITS 9 /* some milliseconds together */
#define BREAKPOINT 0xcc
#define RET 0xc3
#define ALIGNED 16 /* functions, and code that is jumped to */
#define LANES 16   /* bytes that are looked at together */
#define BEFORE 8   /* bytes that are seen before an instruction */

struct scan {
	struct tocsin_kernel *k;
	const struct tocsin_code *code;
	struct tocsin_transfer_list list;
	size_t room;
	uint64_t text, text_end, image, image_end;
	struct tocsin_addresses executable; /* starts and ends, ascending */
	struct tocsin_addresses probed;     /* sorted; where kprobes are */
	bool any_probed;                    /* and maybe elsewhere too */
	struct tocsin_addresses sites;      /* pairs of a call site and its static_call_key */
	struct tocsin_addresses starts;     /* of functions in the region, sorted */
	size_t function;                    /* the next in starts */
	bool in_module;                     /* the region is one's text */
	uint64_t start, end;                /* of the region */
	uint64_t restart; /* the function that stops so on purpose: arch/x86/kernel/reboot.c */
};

/* ---- what may be where ---- */

static int take_executable(uint64_t start, uint64_t end, bool writable, void *context)
{
	struct scan *s = context;
	int rc;

	if (s->executable.count >= 2 * EXECUTABLE_MAX)
		return -E2BIG;
	rc = tocsin_addresses_add(&s->executable, start);
	return rc ? rc : tocsin_addresses_add(&s->executable, end);
}

/* The first of the sorted addresses that is above va. */
static size_t above(const struct tocsin_addresses *a, uint64_t va)
{
	size_t low = 0, high = a->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (a->at[middle] <= va)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_executable(const struct scan *s, uint64_t va)
{
	return above(&s->executable, va) & 1;
}

static bool is_probed(const struct scan *s, uint64_t va)
{
	return s->any_probed || tocsin_addresses_has(&s->probed, va);
}

static int take_probes(struct scan *s)
{
	uint32_t address = tocsin_member_or_none(s->k, "kprobe", "addr");
	struct tocsin_addresses probes = {0};
	int rc = tocsin_probe_collect(s->k, &probes);
	uint64_t at;

	if (rc == -EAGAIN)
		s->list.truncated = s->any_probed = true;
	if (rc == -ENOTSUP || rc == -EAGAIN || address == TOCSIN_NO_MEMBER)
		rc = 0; /* a kernel without kprobes, or with some that are not known */
	for (size_t i = 0; i < probes.count && !rc; i++)
		if (!tocsin_kernel_read_u64(s->k, probes.at[i] + address, &at))
			rc = tocsin_addresses_add(&s->probed, at);
	tocsin_addresses_free(&probes);
	tocsin_addresses_sort(&s->probed);
	return rc;
}

/* struct static_call_site: two distances, to the site and to its key, whose low bits are flags. */
static int take_sites(struct scan *s, uint64_t from, uint64_t count)
{
	int32_t pairs[512][2];
	int rc = 0;

	for (uint64_t i = 0; i < count && !rc; i += 512) {
		uint64_t n = count - i < 512 ? count - i : 512;

		if (tocsin_kernel_read(s->k, from + i * 8, pairs, n * 8))
			return 0;
		for (uint64_t j = 0; j < n && !rc; j++) {
			uint64_t at = from + (i + j) * 8;

			if (s->sites.count >= 2 * SITES_MAX)
				return 0;
			rc = tocsin_addresses_add(&s->sites, at + (uint64_t)(int64_t)pairs[j][0]);
			if (!rc)
				rc = tocsin_addresses_add(
				    &s->sites,
				    (at + 4 + (uint64_t)(int64_t)pairs[j][1]) & ~(uint64_t)3);
		}
	}
	return rc;
}

static int take_kernel_sites(struct scan *s)
{
	uint64_t from, to;

	if (tocsin_kernel_symbol(s->k, "__start_static_call_sites", &from) ||
	    tocsin_kernel_symbol(s->k, "__stop_static_call_sites", &to) || to < from)
		return 0;
	return take_sites(s, from, (to - from) / 8);
}

static int take_module_sites(struct scan *s, const struct tocsin_module *m)
{
	uint32_t sites = tocsin_member_or_none(s->k, "module", "static_call_sites");
	uint32_t number = tocsin_member_or_none(s->k, "module", "num_static_call_sites");
	uint64_t from;
	int32_t count;

	if (sites == TOCSIN_NO_MEMBER || number == TOCSIN_NO_MEMBER ||
	    tocsin_kernel_read_u64(s->k, m->module + sites, &from) ||
	    tocsin_kernel_read(s->k, m->module + number, &count, 4) || count <= 0)
		return 0;
	return take_sites(s, from, (uint64_t)count);
}

/* Does the key of the static call at `at` say that it leads there? */
static bool is_static_call(const struct scan *s, uint64_t at, uint64_t target)
{
	uint32_t func = tocsin_member_or_none(s->k, "static_call_key", "func");
	uint64_t now;

	if (func == TOCSIN_NO_MEMBER)
		return false;
	for (size_t i = 0; i < s->sites.count; i += 2)
		if (s->sites.at[i] == at &&
		    !tocsin_kernel_read_u64(s->k, s->sites.at[i + 1] + func, &now) && now == target)
			return true;
	return false;
}

static bool is_expected(const struct scan *s, const struct tocsin_transfer *t)
{
	struct tocsin_code_place place;

	tocsin_code_at(s->code, t->target, &place);
	switch (place.kind) {
	case TOCSIN_CODE_KERNEL:
		return true;
	case TOCSIN_CODE_MODULE:
		return s->in_module || is_static_call(s, t->at, t->target);
	case TOCSIN_CODE_KPROBE:
		return is_probed(s, t->at);
	case TOCSIN_CODE_BPF:
		return is_static_call(s, t->at, t->target);
	default:
		return false;
	}
}

/* ---- candidates ---- */

static int add(struct scan *s, const struct tocsin_transfer *t)
{
	if (s->list.count == ROWS_MAX) {
		s->list.truncated = true;
		return 0;
	}
	if (!TOCSIN_ROOM(s->list.rows, s->room, s->list.count))
		return -ENOMEM;
	s->list.rows[s->list.count++] = *t;
	return 0;
}

/* The function that va is in, as far as symbols tell; va never decreases in a region. */
static void find_function(struct scan *s, uint64_t va, uint64_t end, struct tocsin_transfer *t)
{
	while (s->function < s->starts.count && s->starts.at[s->function] <= va)
		s->function++;
	t->function = s->function ? s->starts.at[s->function - 1] : va;
	t->end = s->function < s->starts.count ? s->starts.at[s->function] : end;
}

/* Right at the beginning, where the list of hooks looks. b is at t->at, after BEFORE other bytes.
 */
static bool is_beginning(const struct tocsin_transfer *t, const uint8_t *b)
{
	size_t from = t->at - t->function;

	return !from || (from == TOCSIN_ENDBR && tocsin_branch_is_endbr(b - TOCSIN_ENDBR));
}

/*
 * Breakpoints fill the room between functions, and stand where nothing is ever executed, not even
 * in speculation: behind returns, jumps, hypercalls, and calls that do not come back, or do so
 * behind it. b is at the first of a run, after BEFORE other bytes.
 */
static bool is_filling(const uint8_t *b, uint64_t va, uint64_t run)
{
	int32_t distance = 0;

	if (b[-5] == 0xe8)
		memcpy(&distance, b - 4, sizeof(distance));
	if (b[-5] == 0xe8 && ((distance > 0 && distance <= 16) || (va + run) % ALIGNED == 0))
		return true;
	return b[-1] == RET || b[-5] == 0xe9 || b[-2] == 0xeb || (b[-2] == 0x0f && b[-1] == 0x05) ||
	       (b[-2] == 0xff && (b[-1] & 0xf8) == 0xe0);
}

/*
 * Is it within the distance of a call, a jump or an operand that leads into the kernel's image? By
 * chance no more than one byte in hundreds looks like that.
 */
static bool is_in_distance(const struct scan *s, const uint8_t *b, uint64_t va)
{
	for (int i = 1; i <= 4; i++) {                 /* where the distance begins: behind b[-i] */
		bool operand = (b[-i] & 0xc7) == 0x05; /* ModRM: relative to the next instruction */
		bool condition = b[-i - 1] == 0x0f && (b[-i] & 0xf0) == 0x80;
		int32_t distance;
		uint64_t to;

		if (!operand && !condition && b[-i] != 0xe8 && b[-i] != 0xe9)
			continue;
		memcpy(&distance, b - i + 1, sizeof(distance));
		to = va - (uint64_t)i + 5 + (uint64_t)(int64_t)distance;
		if (to >= s->image && to < s->image_end)
			return true;
	}
	return false;
}

static int look_at_breakpoint(struct scan *s, const uint8_t *b, const uint8_t *limit, uint64_t va,
			      uint64_t end)
{
	struct tocsin_transfer t = {.kind = TOCSIN_TRANSFER_BREAKPOINT, .at = va, .size = 1};
	uint64_t run = 1;

	if (b[-1] == BREAKPOINT) /* of a run only the first */
		return 0;
	while (b + run < limit && b[run] == BREAKPOINT)
		run++;
	if (is_filling(b, va, run) || is_in_distance(s, b, va) || is_probed(s, va))
		return 0;
	find_function(s, va, end, &t);
	if (va + run >= t.end || t.function == s->restart)
		return 0;
	return add(s, &t);
}

static int look_at_branch(struct scan *s, const uint8_t *b, uint64_t va, uint64_t end)
{
	struct tocsin_branch branch = tocsin_branch_decode(b, va);
	struct tocsin_transfer t = {.at = va, .target = branch.target, .size = branch.size};
	struct tocsin_code_place slot;

	if (branch.kind == TOCSIN_BRANCH_NONE)
		return 0;
	if (branch.kind == TOCSIN_BRANCH_POINTER) {
		/* The kernel keeps its pointers to functions in data; hooks keep theirs beside. */
		tocsin_code_at(s->code, branch.target, &slot);
		if (slot.kind == TOCSIN_CODE_UNKNOWN ||
		    tocsin_kernel_read_u64(s->k, branch.target, &t.target))
			return 0;
	}
	if ((t.target >= s->image && t.target < s->image_end) ||
	    (t.target >= s->start && t.target < s->end) || !is_executable(s, t.target))
		return 0;
	t.kind = branch.kind == TOCSIN_BRANCH_CALL ? TOCSIN_TRANSFER_CALL : TOCSIN_TRANSFER_JUMP;
	find_function(s, va, end, &t);
	if (is_beginning(&t, b) || is_expected(s, &t))
		return 0;
	return add(s, &t);
}

typedef uint8_t lanes __attribute__((vector_size(LANES), may_alias, aligned(1)));

/* Which of LANES bytes may begin what is looked for, by themselves and the byte behind. */
static uint64_t candidates(const uint8_t *b)
{
	lanes x = *(const lanes *)b, y = *(const lanes *)(b + 1);
	lanes near = (x & 0xfe) == 0xe8;                                           /* call, jmp */
	lanes condition = (x == 0x0f) & ((y & 0xf0) == 0x80);                      /* jcc */
	lanes pointer = (x == 0xff) & ((y == 0x15) | (y == 0x25));                 /* call, jmp */
	lanes loads = ((x & 0xfe) == 0x48) & (((y & 0xf8) == 0xb8) | (y == 0xc7)); /* movabs, mov */
	lanes address = ((x & 0xfb) == 0x48) & (y == 0x8d);                        /* lea */
	lanes other = (x == 0x68) | (x == BREAKPOINT);                             /* push, int3 */
	union {
		lanes bytes;
		uint64_t words[LANES / 8];
	} all = {.bytes = near | condition | pointer | loads | address | other};
	uint64_t ret = 0;

	/* A byte of all ones is a bit. */
	for (size_t i = 0; i < LANES / 8; i++)
		ret |= ((all.words[i] & 0x0101010101010101ull) * 0x0102040810204080ull >> 56)
		       << (8 * i);
	return ret;
}

/*
 * size bytes at b, which is at va; BEFORE bytes before it, and TOCSIN_BRANCH_BYTES behind it
 * rounded up to LANES, are there.
 */
static int scan_bytes(struct scan *s, const uint8_t *b, size_t size, uint64_t va, uint64_t end)
{
	const uint8_t *limit = b + size + TOCSIN_BRANCH_BYTES;
	int rc = 0;

	for (size_t i = 0; i < size && !rc; i += LANES) {
		uint64_t bits = candidates(b + i);

		for (; bits && !rc; bits &= bits - 1) {
			size_t at = i + (size_t)__builtin_ctzll(bits);

			if (at >= size)
				break;
			if (b[at] == BREAKPOINT)
				rc = look_at_breakpoint(s, b + at, limit, va + at, end);
			else
				rc = look_at_branch(s, b + at, va + at, end);
		}
	}
	return rc;
}

static int scan_region(struct scan *s, uint64_t start, uint64_t end)
{
	static const size_t room = BEFORE + CHUNK + TOCSIN_BRANCH_BYTES + LANES;
	uint8_t *buffer = malloc(room);
	int rc = buffer ? 0 : -ENOMEM;

	s->function = 0;
	s->start = start;
	s->end = end;
	for (uint64_t at = start; at < end && !rc; at += CHUNK) {
		size_t size = end - at < CHUNK ? end - at : CHUNK;

		if (s->list.bytes >= TEXT_MAX) {
			s->list.truncated = true;
			break;
		}
		memset(buffer, 0, room);
		if (at > start)
			tocsin_kernel_read(s->k, at - BEFORE, buffer, BEFORE);
		tocsin_kernel_read(s->k, at + size, buffer + BEFORE + size, TOCSIN_BRANCH_BYTES);
		if (tocsin_kernel_read(s->k, at, buffer + BEFORE, size))
			s->list.unreadable += size;
		else
			rc = scan_bytes(s, buffer + BEFORE, size, at, end);
		s->list.bytes += size;
	}
	free(buffer);
	return rc;
}

/* ---- regions ---- */

static int take_start(const struct tocsin_symbol *symbol, void *context)
{
	struct scan *s = context;

	if (!strchr("TtWw", symbol->type) || symbol->address < s->text ||
	    symbol->address >= s->text_end)
		return 0;
	return tocsin_addresses_add(&s->starts, symbol->address);
}

static int scan_kernel(struct scan *s)
{
	int rc = take_kernel_sites(s);

	if (!rc)
		rc = tocsin_kallsyms_iterate(s->k->symbols, take_start, s);
	tocsin_addresses_sort(&s->starts);
	return rc ? rc : scan_region(s, s->text, s->text_end);
}

/* Where the functions of a module begin: struct mod_kallsyms, of which symtab is as in ELF. */
static int take_module_starts(struct scan *s, const struct tocsin_module *m)
{
	uint32_t table = tocsin_member_or_none(s->k, "module", "kallsyms");
	uint32_t symbols = tocsin_member_or_none(s->k, "mod_kallsyms", "symtab");
	uint32_t number = tocsin_member_or_none(s->k, "mod_kallsyms", "num_symtab");
	struct {
		uint32_t name;
		uint8_t info, other;
		uint16_t section;
		uint64_t value, size;
	} row[64];
	uint64_t at;
	uint32_t count;
	int rc = tocsin_addresses_add(&s->starts, m->base);

	if (rc || table == TOCSIN_NO_MEMBER || symbols == TOCSIN_NO_MEMBER ||
	    number == TOCSIN_NO_MEMBER || tocsin_kernel_read_u64(s->k, m->module + table, &at) ||
	    tocsin_kernel_read(s->k, at + number, &count, sizeof(count)) ||
	    tocsin_kernel_read_u64(s->k, at + symbols, &at))
		return rc;
	if (count > SYMBOLS_MAX)
		count = SYMBOLS_MAX;
	for (uint32_t i = 0; i < count && !rc; i += 64) {
		uint32_t n = count - i < 64 ? count - i : 64;

		if (tocsin_kernel_read(s->k, at + (uint64_t)i * sizeof(row[0]), row,
				       n * sizeof(row[0])))
			break;
		for (uint32_t j = 0; j < n && !rc; j++)
			if (row[j].value >= m->base && row[j].value - m->base < m->text_size)
				rc = tocsin_addresses_add(&s->starts, row[j].value);
	}
	return rc;
}

static int scan_modules(struct scan *s)
{
	const struct tocsin_module_list *modules = tocsin_code_modules(s->code);
	int rc = 0;

	s->in_module = true;
	for (size_t i = 0; i < modules->count && !rc; i++) {
		const struct tocsin_module *m = &modules->rows[i];

		if (m->confidence == TOCSIN_TORN || m->state != TOCSIN_MODULE_LIVE)
			continue;
		s->starts.count = s->sites.count = 0;
		rc = take_module_starts(s, m);
		if (!rc)
			rc = take_module_sites(s, m);
		tocsin_addresses_sort(&s->starts);
		if (!rc)
			rc = scan_region(s, m->base, m->base + m->text_size);
	}
	return rc;
}

/* Patching takes milliseconds, and a breakpoint stands there meanwhile: what changes is torn. */
static void look_again(struct scan *s)
{
	struct tocsin_transfer_list *list = &s->list;
	size_t left = 0;

	for (int i = 0; i < WAITS && list->count; i++)
		tocsin_kernel_wait(s->k, i);
	for (size_t i = 0; i < list->count; i++) {
		const struct tocsin_transfer *t = &list->rows[i];
		uint8_t b[TOCSIN_BRANCH_BYTES];
		struct tocsin_branch now = {0};
		bool same = !tocsin_kernel_read(s->k, t->at, b, sizeof(b));

		if (same && t->kind == TOCSIN_TRANSFER_BREAKPOINT) {
			same = b[0] == BREAKPOINT;
		} else if (same) {
			now = tocsin_branch_decode(b, t->at);
			if (now.kind == TOCSIN_BRANCH_POINTER)
				same = !tocsin_kernel_read_u64(s->k, now.target, &now.target);
			same = same && now.kind != TOCSIN_BRANCH_NONE && now.target == t->target;
		}
		if (same)
			list->rows[left++] = *t;
		else
			list->torn++;
	}
	list->count = left;
}

static int scan_all(struct scan *s)
{
	int rc = tocsin_walk_executable(s->k->m, s->k->paging, take_executable, s);

	if (rc == -E2BIG) {
		s->list.truncated = true;
		rc = 0;
	}
	if (!rc)
		rc = take_probes(s);
	if (!rc)
		rc = scan_kernel(s);
	if (!rc)
		rc = scan_modules(s);
	if (!rc)
		look_again(s);
	return rc;
}

int tocsin_transfer_list(struct tocsin_kernel *k, const struct tocsin_code *code,
			 struct tocsin_transfer_list *ret, struct tocsin_error *err)
{
	struct scan s = {.k = k, .code = code, .image = k->info.text_va};
	int rc;

	if (tocsin_kernel_symbol(k, "_stext", &s.text) ||
	    tocsin_kernel_symbol(k, "_etext", &s.text_end) || s.text_end < s.text)
		return tocsin_error_set(err, -ENOTSUP, "the kernel does not say where its text is");
	if (tocsin_kernel_symbol(k, "_end", &s.image_end))
		s.image_end = s.text_end;
	if (tocsin_kernel_symbol(k, "native_machine_emergency_restart", &s.restart))
		s.restart = 0;
	rc = scan_all(&s);
	tocsin_addresses_free(&s.executable);
	tocsin_addresses_free(&s.probed);
	tocsin_addresses_free(&s.sites);
	tocsin_addresses_free(&s.starts);
	if (rc) {
		tocsin_transfer_list_free(&s.list);
		return tocsin_error_set(err, rc, "the kernel's text cannot be read");
	}
	*ret = s.list;
	return 0;
}

void tocsin_transfer_list_free(struct tocsin_transfer_list *list)
{
	free(list->rows);
	memset(list, 0, sizeof(*list));
}
