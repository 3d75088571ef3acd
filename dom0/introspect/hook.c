// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where somebody has the kernel call code of their own. What was fixed when the kernel was built is
 * held against that: the tables of system calls and of interrupts, the functions of well-known
 * files, sockets and line disciplines, the first bytes of every function. What is for registering
 * at run time is listed: ftrace, kprobes, netfilter, notifiers of keys.
 *
 * Every pointer is read again after all were taken; one that changed meanwhile makes no row.
 */
#include "base/room.h"
#include "introspect/process.h"
#include "introspect/transfer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 4096
#define SYSCALLS_MAX 1024
#define GATES 256
#define EXCEPTIONS 32
#define EARLY_STUB 16  /* bytes of code for each, at most: 9, or 13 with ENDBR */
#define TABLE_MAX 1024 /* bytes of a table of functions */
#define OPS_MAX 1024
#define CHAIN_MAX 256
#define NAMESPACES_MAX 4096
#define KERNEL_IMAGE 0xffffffff80000000ull /* and modules; __START_KERNEL_map */
#define RECORDS_MAX (1u << 18)
#define FTRACE_ENABLED (1u << 31)
#define CALL 0xe8
#define BREAKPOINT 0xcc
#define NOP_SIZE 5

struct reading {
	struct tocsin_kernel *k;
	const struct tocsin_code *code;
	struct tocsin_hook_list list;
	uint64_t text, text_end, image, image_end;
	size_t room;
};

const char *tocsin_hook_kind_name(enum tocsin_hook_kind kind)
{
	static const char *const names[] = {"syscall", "interrupt", "table",
					    "tty",     "keyboard",  "inline",
					    "ftrace",  "kprobe",    "netfilter"};

	return (size_t)kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}

static int add(struct reading *r, enum tocsin_hook_kind kind, const char *name, uint64_t at,
	       uint64_t target)
{
	struct tocsin_hook *h;

	if (r->list.count == ROWS_MAX) {
		r->list.truncated = true;
		return 0;
	}
	if (!TOCSIN_ROOM(r->list.rows, r->room, r->list.count))
		return -ENOMEM;
	h = &r->list.rows[r->list.count++];
	memset(h, 0, sizeof(*h));
	h->kind = kind;
	snprintf(h->name, sizeof(h->name), "%s", name);
	h->at = at;
	h->target = target;
	tocsin_code_at(r->code, target, &h->place);
	return 0;
}

static bool in_text(const struct reading *r, uint64_t va)
{
	return va >= r->text && va < r->text_end;
}

/* The name of the function at va, with the distance from its beginning if there is one. */
static const char *function_at(const struct reading *r, uint64_t va, char ret[128])
{
	struct tocsin_code_place place;

	tocsin_code_at(r->code, va, &place);
	if (!place.name[0])
		snprintf(ret, 128, "%#" PRIx64, va);
	else if (place.offset)
		snprintf(ret, 128, "%.100s+%#" PRIx64, place.name, place.offset);
	else
		snprintf(ret, 128, "%.120s", place.name);
	return ret;
}

/* ---- tables that were fixed when the kernel was built ---- */

static bool is_syscall(const struct reading *r, uint64_t va)
{
	struct tocsin_code_place place;

	if (!in_text(r, va))
		return false;
	tocsin_code_at(r->code, va, &place);
	/* Several functions may be the same code; what is never right is the middle of one. */
	return !place.offset;
}

static int read_syscalls(struct reading *r, const char *symbol)
{
	uint64_t table, end = 0, entries[SYSCALLS_MAX], stops[2];
	static const char *const next[] = {"sys_call_table", "ia32_sys_call_table"};
	char name[128];
	int rc = 0;

	if (tocsin_kernel_symbol(r->k, symbol, &table)) {
		r->list.unknown++;
		return 0;
	}
	for (size_t i = 0; i < 2; i++)
		if (!tocsin_kernel_symbol(r->k, next[i], &stops[i]) && stops[i] > table &&
		    (!end || stops[i] < end))
			end = stops[i];
	if (tocsin_kernel_read(r->k, table, entries, sizeof(entries)))
		return -EFAULT;
	for (size_t i = 0; i < SYSCALLS_MAX && !rc; i++) {
		uint64_t at = table + i * 8;

		/* It ends with the first entry that is no address of the kernel. */
		if ((end && at >= end) || entries[i] < KERNEL_IMAGE)
			break;
		if (is_syscall(r, entries[i]))
			continue;
		/* What follows the table may look like more of it, but for being data. */
		if (entries[i] >= r->text_end && entries[i] < r->image_end)
			break;
		snprintf(name, sizeof(name), "%s[%zu]", symbol, i);
		rc = add(r, TOCSIN_HOOK_SYSCALL, name, at, entries[i]);
	}
	return rc;
}

static int read_interrupts(struct reading *r)
{
	uint64_t table, early = 0, gates[GATES * 2];
	char name[64];
	int rc = 0;

	if (tocsin_kernel_symbol(r->k, "idt_table", &table) ||
	    tocsin_kernel_read(r->k, table, gates, sizeof(gates))) {
		r->list.unknown++;
		return 0;
	}
	/* Exceptions that no processor has still lead to where all did at first, now gone. */
	if (tocsin_kernel_symbol(r->k, "early_idt_handler_array", &early))
		early = 0;
	for (size_t i = 0; i < GATES && !rc; i++) {
		uint64_t low = gates[2 * i], high = gates[2 * i + 1];
		uint64_t target = (low & 0xffff) | (low >> 48 << 16) | high << 32;

		if (!(low >> 47 & 1) || in_text(r, target) || /* not present, or as it should be */
		    (i < EXCEPTIONS && early && target - early < EXCEPTIONS * EARLY_STUB))
			continue;
		snprintf(name, sizeof(name), "idt_table[%zu]", i);
		rc = add(r, TOCSIN_HOOK_INTERRUPT, name, table + i * 16, target);
	}
	return rc;
}

/* Tables of functions, by the type that BTF has for them, and what is diverted through them. */
static const struct {
	const char *symbol, *type;
	enum tocsin_hook_kind kind;
} tables[] = {
    {"tcp4_seq_ops", "seq_operations", TOCSIN_HOOK_TABLE},
    {"tcp6_seq_ops", "seq_operations", TOCSIN_HOOK_TABLE},
    {"udp_seq_ops", "seq_operations", TOCSIN_HOOK_TABLE},
    {"udp6_seq_ops", "seq_operations", TOCSIN_HOOK_TABLE},
    {"raw_seq_ops", "seq_operations", TOCSIN_HOOK_TABLE},
    {"modules_op", "seq_operations", TOCSIN_HOOK_TABLE},
    {"kallsyms_op", "seq_operations", TOCSIN_HOOK_TABLE},
    {"proc_pid_maps_op", "seq_operations", TOCSIN_HOOK_TABLE},
    {"proc_root_operations", "file_operations", TOCSIN_HOOK_TABLE},
    {"proc_root_inode_operations", "inode_operations", TOCSIN_HOOK_TABLE},
    {"proc_dir_operations", "file_operations", TOCSIN_HOOK_TABLE},
    {"proc_tgid_base_operations", "file_operations", TOCSIN_HOOK_TABLE},
    {"proc_tgid_base_inode_operations", "inode_operations", TOCSIN_HOOK_TABLE},
    {"proc_task_operations", "file_operations", TOCSIN_HOOK_TABLE},
    {"proc_fd_operations", "file_operations", TOCSIN_HOOK_TABLE},
    {"proc_pid_maps_operations", "file_operations", TOCSIN_HOOK_TABLE},
    {"kernfs_dir_fops", "file_operations", TOCSIN_HOOK_TABLE},
    {"kernfs_file_fops", "file_operations", TOCSIN_HOOK_TABLE},
    {"simple_dir_operations", "file_operations", TOCSIN_HOOK_TABLE},
    {"ext4_dir_operations", "file_operations", TOCSIN_HOOK_TABLE},
    {"kmsg_fops", "file_operations", TOCSIN_HOOK_TABLE},
    {"random_fops", "file_operations", TOCSIN_HOOK_TABLE},
    {"urandom_fops", "file_operations", TOCSIN_HOOK_TABLE},
    {"mem_fops", "file_operations", TOCSIN_HOOK_TABLE},
    {"null_fops", "file_operations", TOCSIN_HOOK_TABLE},
    {"inet_stream_ops", "proto_ops", TOCSIN_HOOK_TABLE},
    {"inet_dgram_ops", "proto_ops", TOCSIN_HOOK_TABLE},
    {"tcp_prot", "proto", TOCSIN_HOOK_TABLE},
    {"udp_prot", "proto", TOCSIN_HOOK_TABLE},
    {"n_tty_ops", "tty_ldisc_ops", TOCSIN_HOOK_TTY},
    {"tty_fops", "file_operations", TOCSIN_HOOK_TTY},
    {"con_ops", "tty_operations", TOCSIN_HOOK_TTY},
};

/* Words that are addresses of the kernel's image or of modules, but lie outside of the image. */
static int read_table(struct reading *r, const char *symbol, const char *type,
		      enum tocsin_hook_kind kind)
{
	uint64_t table, size, words[TABLE_MAX / 8];
	char name[128];
	int rc = 0;

	/* Of ext4 and the like there may be none: it is a module. */
	if (tocsin_kernel_symbol(r->k, symbol, &table))
		return 0;
	if (tocsin_btf_sizeof(r->k->btf, type, &size)) {
		r->list.unknown++;
		return 0;
	}
	if (size > TABLE_MAX)
		size = TABLE_MAX;
	if (tocsin_kernel_read(r->k, table, words, size)) {
		r->list.unknown++;
		return 0;
	}
	for (size_t i = 0; i < size / 8 && !rc; i++) {
		if (words[i] < KERNEL_IMAGE || words[i] >= -(uint64_t)4096 ||
		    (words[i] >= r->image && words[i] < r->image_end))
			continue;
		snprintf(name, sizeof(name), "%s+%#zx", symbol, i * 8);
		rc = add(r, kind, name, table + i * 8, words[i]);
	}
	return rc;
}

static int read_tables(struct reading *r)
{
	int rc = 0;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !rc; i++)
		rc = read_table(r, tables[i].symbol, tables[i].type, tables[i].kind);
	return rc;
}

/* Who is told of every key: struct notifier_block, one after the other. */
static int read_keyboard(struct reading *r)
{
	uint32_t head = tocsin_member_or_none(r->k, "atomic_notifier_head", "head");
	uint32_t call = tocsin_member_or_none(r->k, "notifier_block", "notifier_call");
	uint32_t next = tocsin_member_or_none(r->k, "notifier_block", "next");
	uint64_t list, block, target;
	int rc = 0;

	if (head == TOCSIN_NO_MEMBER || call == TOCSIN_NO_MEMBER || next == TOCSIN_NO_MEMBER ||
	    tocsin_kernel_symbol(r->k, "keyboard_notifier_list", &list) ||
	    tocsin_kernel_read_u64(r->k, list + head, &block)) {
		r->list.unknown++;
		return 0;
	}
	for (int i = 0; i < CHAIN_MAX && block && !rc; i++) {
		if (tocsin_kernel_read_u64(r->k, block + call, &target)) {
			r->list.torn++;
			break;
		}
		if (!in_text(r, target))
			rc = add(r, TOCSIN_HOOK_KEYBOARD, "keyboard_notifier_list", block + call,
				 target);
		if (tocsin_kernel_read_u64(r->k, block + next, &block))
			break;
	}
	return rc;
}

/* ---- the first bytes of functions ---- */

/* Where the instruction at va leads, if it leaves for good or calls; 0: it does neither. */
static uint64_t branch_target(struct reading *r, const uint8_t b[TOCSIN_BRANCH_BYTES], uint64_t va)
{
	struct tocsin_branch branch = tocsin_branch_decode(b, va);

	if (branch.kind == TOCSIN_BRANCH_NONE)
		return 0;
	if (branch.kind == TOCSIN_BRANCH_POINTER &&
	    tocsin_kernel_read_u64(r->k, branch.target, &branch.target))
		return 0;
	return branch.target;
}

static int check_function(const struct tocsin_symbol *s, void *context)
{
	struct reading *r = context;
	struct tocsin_code_place place;
	const uint8_t *bytes;
	uint8_t copy[24];
	uint64_t at = s->address, target;

	if (r->list.truncated)
		return 1;
	if (!strchr("TtWw", s->type) || !in_text(r, at))
		return 0;
	bytes = tocsin_kernel_peek(r->k, at, sizeof(copy));
	if (!bytes) {
		if (tocsin_kernel_read(r->k, at, copy, sizeof(copy)))
			return 0;
		bytes = copy;
	}
	if (tocsin_branch_is_endbr(bytes)) {
		bytes += TOCSIN_ENDBR;
		at += TOCSIN_ENDBR;
	}
	target = branch_target(r, bytes, at);
	if (!target || (target >= r->image && target < r->image_end))
		return 0;
	tocsin_code_at(r->code, target, &place);
	/* ftrace and kprobes patch functions by rule: their users are listed themselves. */
	if (place.kind == TOCSIN_CODE_FTRACE || place.kind == TOCSIN_CODE_KPROBE ||
	    place.kind == TOCSIN_CODE_BPF)
		return 0;
	/* So do static calls, whose targets may be functions of modules:
	 * include/linux/static_call.h */
	if (!strncmp(s->name, "__SCT__", 7) && place.kind == TOCSIN_CODE_MODULE)
		return 0;
	return add(r, TOCSIN_HOOK_INLINE, s->name, at, target);
}

/* ---- what is for registering ---- */

struct ftrace_layout {
	uint32_t page_next, page_records, page_index, ip, flags;
	uint64_t record_size;
};

/* Five bytes that do nothing; before 5.13 the kernel chose them by the processor (asm/nops.h). */
static bool does_nothing(const uint8_t *bytes)
{
	static const uint8_t nops[][NOP_SIZE] = {{0x0f, 0x1f, 0x44, 0, 0},
						 {0x66, 0x66, 0x66, 0x66, 0x90},
						 {0x66, 0x66, 0x90, 0x66, 0x90}};

	for (size_t i = 0; i < sizeof(nops) / sizeof(nops[0]); i++)
		if (!memcmp(bytes, nops[i], NOP_SIZE))
			return true;
	return false;
}

/*
 * The place of a function for ftrace must be as its record says: five bytes that do nothing, or,
 * while it is enabled, a call out of the function (arch/x86/kernel/ftrace.c).
 */
static int check_record(struct reading *r, uint64_t ip, uint32_t flags)
{
	uint8_t bytes[TOCSIN_BRANCH_BYTES], again[TOCSIN_BRANCH_BYTES];
	struct tocsin_code_place place;
	uint64_t target;
	char name[128];

	if (r->list.truncated || !in_text(r, ip) ||
	    tocsin_kernel_read(r->k, ip, bytes, sizeof(bytes)) || does_nothing(bytes))
		return 0;
	target = branch_target(r, bytes, ip);
	tocsin_code_at(r->code, target, &place);
	if ((flags & FTRACE_ENABLED) && bytes[0] == CALL &&
	    (place.kind == TOCSIN_CODE_FTRACE || place.kind == TOCSIN_CODE_BPF ||
	     place.kind == TOCSIN_CODE_KERNEL))
		return 0;
	/* It may be in the middle of being switched; such changes take milliseconds. */
	if (tocsin_kernel_read(r->k, ip, again, sizeof(again)) || memcmp(bytes, again, NOP_SIZE) ||
	    bytes[0] == BREAKPOINT) {
		r->list.torn++;
		return 0;
	}
	return add(r, TOCSIN_HOOK_INLINE, function_at(r, ip, name), ip, target);
}

/* How many functions ftrace diverts now, and the names of some of them. */
static size_t traced_functions(struct reading *r, char *names, size_t size, int *rc)
{
	struct ftrace_layout l = {
	    .page_next = tocsin_member_or_none(r->k, "ftrace_page", "next"),
	    .page_records = tocsin_member_or_none(r->k, "ftrace_page", "records"),
	    .page_index = tocsin_member_or_none(r->k, "ftrace_page", "index"),
	    .ip = tocsin_member_or_none(r->k, "dyn_ftrace", "ip"),
	    .flags = tocsin_member_or_none(r->k, "dyn_ftrace", "flags"),
	};
	uint64_t page, records, ip;
	size_t found = 0, seen = 0, length = 0;
	int32_t count;
	uint8_t record[64];
	uint32_t flags;
	char name[128];

	names[0] = '\0';
	if (l.page_next == TOCSIN_NO_MEMBER || l.page_records == TOCSIN_NO_MEMBER ||
	    l.page_index == TOCSIN_NO_MEMBER || l.ip == TOCSIN_NO_MEMBER ||
	    l.flags == TOCSIN_NO_MEMBER ||
	    tocsin_btf_sizeof(r->k->btf, "dyn_ftrace", &l.record_size) ||
	    l.record_size > sizeof(record) || l.ip + 8 > l.record_size ||
	    l.flags + 8 > l.record_size ||
	    tocsin_kernel_symbol(r->k, "ftrace_pages_start", &page) ||
	    tocsin_kernel_read_u64(r->k, page, &page))
		return 0;
	while (page && seen < RECORDS_MAX) {
		if (tocsin_kernel_read_u64(r->k, page + l.page_records, &records) ||
		    tocsin_kernel_read(r->k, page + l.page_index, &count, 4) ||
		    tocsin_kernel_read_u64(r->k, page + l.page_next, &page) || count < 0)
			break;
		seen++;
		for (int32_t i = 0; i < count && seen < RECORDS_MAX; i++, seen++) {
			if (tocsin_kernel_read(r->k, records + (uint64_t)i * l.record_size, record,
					       l.record_size))
				break;
			memcpy(&flags, record + l.flags, sizeof(flags));
			memcpy(&ip, record + l.ip, sizeof(ip));
			if (*rc || (*rc = check_record(r, ip, flags)))
				return found;
			if (!(flags & FTRACE_ENABLED))
				continue;
			found++;
			function_at(r, ip, name);
			name[strcspn(name, "+")] = '\0';
			if (length + strlen(name) + 2 >= size)
				continue;
			if (length)
				names[length++] = ' ';
			memcpy(names + length, name, strlen(name) + 1);
			length += strlen(name);
		}
	}
	return found;
}

static int read_ftrace(struct reading *r)
{
	uint32_t next = tocsin_member_or_none(r->k, "ftrace_ops", "next");
	uint32_t func = tocsin_member_or_none(r->k, "ftrace_ops", "func");
	uint64_t ops, end, target;
	char functions[96], name[128];
	size_t count = 0;
	int rc = 0;

	if (next == TOCSIN_NO_MEMBER || func == TOCSIN_NO_MEMBER ||
	    tocsin_kernel_symbol(r->k, "ftrace_ops_list", &ops) ||
	    tocsin_kernel_symbol(r->k, "ftrace_list_end", &end) ||
	    tocsin_kernel_read_u64(r->k, ops, &ops)) {
		r->list.unknown++;
		return 0;
	}
	count = traced_functions(r, functions, sizeof(functions), &rc);
	for (int i = 0; i < OPS_MAX && ops && ops != end && !rc; i++) {
		if (tocsin_kernel_read_u64(r->k, ops + func, &target)) {
			r->list.torn++;
			break;
		}
		snprintf(name, sizeof(name), "%zu functions: %s", count, functions);
		rc = add(r, TOCSIN_HOOK_FTRACE, name, ops + func, target);
		if (tocsin_kernel_read_u64(r->k, ops + next, &ops))
			break;
	}
	return rc;
}

struct kprobe_layout {
	uint32_t list, address, handler;
};

/* One kprobe; several at one place hang on the list of one that only hands over to them. */
static int add_kprobe(struct reading *r, const struct kprobe_layout *l, uint64_t probe, bool nested)
{
	struct tocsin_code_place place;
	struct tocsin_addresses others = {0};
	uint64_t address, target;
	char name[128];
	int rc;

	if (tocsin_kernel_read_u64(r->k, probe + l->address, &address) ||
	    tocsin_kernel_read_u64(r->k, probe + l->handler, &target)) {
		r->list.torn++;
		return 0;
	}
	tocsin_code_at(r->code, target, &place);
	if (nested || strcmp(place.name, "aggr_pre_handler"))
		return add(r, TOCSIN_HOOK_KPROBE, function_at(r, address, name), probe + l->handler,
			   target);
	rc = tocsin_list_collect(r->k, probe + l->list, l->list, CHAIN_MAX, &others);
	if (rc && rc != -ENOMEM) {
		r->list.torn++;
		rc = 0;
	}
	for (size_t i = 0; i < others.count && !rc; i++)
		rc = add_kprobe(r, l, others.at[i], true);
	tocsin_addresses_free(&others);
	return rc;
}

static int read_kprobes(struct reading *r)
{
	struct kprobe_layout l = {
	    .list = tocsin_member_or_none(r->k, "kprobe", "list"),
	    .address = tocsin_member_or_none(r->k, "kprobe", "addr"),
	    .handler = tocsin_member_or_none(r->k, "kprobe", "pre_handler"),
	};
	struct tocsin_addresses probes = {0};
	int rc = -ENOTSUP;

	if (l.list != TOCSIN_NO_MEMBER && l.address != TOCSIN_NO_MEMBER &&
	    l.handler != TOCSIN_NO_MEMBER)
		rc = tocsin_probe_collect(r->k, &probes);
	r->list.unknown += rc == -ENOTSUP;
	r->list.truncated |= rc == -EAGAIN;
	if (rc == -ENOTSUP || rc == -EAGAIN)
		rc = 0;
	for (size_t i = 0; i < probes.count && !rc; i++)
		rc = add_kprobe(r, &l, probes.at[i], false);
	tocsin_addresses_free(&probes);
	return rc;
}

/* struct nf_hook_entries: how many, then pairs of a function and its argument. */
static int read_entries(struct reading *r, uint64_t entries, const char *family, size_t hook)
{
	uint32_t number = tocsin_member_or_none(r->k, "nf_hook_entries", "num_hook_entries");
	uint32_t first = tocsin_member_or_none(r->k, "nf_hook_entries", "hooks");
	uint64_t target;
	uint16_t count;
	char name[64];
	int rc = 0;

	if (number == TOCSIN_NO_MEMBER || first == TOCSIN_NO_MEMBER)
		return 0;
	if (tocsin_kernel_read(r->k, entries + number, &count, sizeof(count)) || count > 1024) {
		r->list.torn++;
		return 0;
	}
	for (size_t i = 0; i < count && !rc; i++) {
		uint64_t at = entries + first + i * 16;

		if (tocsin_kernel_read_u64(r->k, at, &target)) {
			r->list.torn++;
			return 0;
		}
		snprintf(name, sizeof(name), "%s[%zu]", family, hook);
		rc = add(r, TOCSIN_HOOK_NETFILTER, name, at, target);
	}
	return rc;
}

static int read_netfilter(struct reading *r)
{
	static const char *const families[] = {"nf.hooks_ipv4", "nf.hooks_ipv6", "nf.hooks_arp",
					       "nf.hooks_bridge"};
	uint32_t list = tocsin_member_or_none(r->k, "net", "list");
	struct tocsin_addresses nets = {0};
	uint64_t head;
	int rc;

	if (list == TOCSIN_NO_MEMBER || tocsin_kernel_symbol(r->k, "net_namespace_list", &head)) {
		r->list.unknown++;
		return 0;
	}
	rc = tocsin_list_collect(r->k, head, list, NAMESPACES_MAX, &nets);
	if (rc && rc != -ENOMEM) {
		r->list.torn++;
		rc = 0;
	}
	for (size_t n = 0; n < nets.count && !rc; n++) {
		for (size_t f = 0; f < sizeof(families) / sizeof(families[0]) && !rc; f++) {
			struct tocsin_btf_member m;
			uint64_t hooks[8];

			if (tocsin_btf_member(r->k->btf, "net", families[f], &m) ||
			    m.size > sizeof(hooks) ||
			    tocsin_kernel_read(r->k, nets.at[n] + m.offset, hooks, m.size))
				continue;
			for (size_t i = 0; i < m.size / 8 && !rc; i++)
				if (hooks[i])
					rc = read_entries(r, hooks[i], families[f] + 9, i);
		}
	}
	tocsin_addresses_free(&nets);
	return rc;
}

/* Drop the rows whose pointer is another by now. */
static void look_again(struct reading *r)
{
	size_t left = 0;

	for (size_t i = 0; i < r->list.count; i++) {
		const struct tocsin_hook *h = &r->list.rows[i];
		uint64_t now = h->target;

		if (h->kind != TOCSIN_HOOK_INTERRUPT && h->kind != TOCSIN_HOOK_INLINE &&
		    (tocsin_kernel_read_u64(r->k, h->at, &now) || now != h->target))
			r->list.torn++;
		else
			r->list.rows[left++] = *h;
	}
	r->list.count = left;
}

int tocsin_hook_list(struct tocsin_kernel *k, const struct tocsin_code *code,
		     struct tocsin_hook_list *ret, struct tocsin_error *err)
{
	struct reading r = {.k = k, .code = code};
	int rc;

	if (tocsin_kernel_symbol(k, "_stext", &r.text) ||
	    tocsin_kernel_symbol(k, "_etext", &r.text_end))
		return tocsin_error_set(err, -ENOTSUP, "the kernel does not say where its text is");
	r.image = k->info.text_va;
	if (tocsin_kernel_symbol(k, "_end", &r.image_end))
		r.image_end = r.text_end;
	rc = read_syscalls(&r, "sys_call_table");
	if (!rc)
		rc = read_interrupts(&r);
	if (!rc)
		rc = read_tables(&r);
	if (!rc)
		rc = read_keyboard(&r);
	if (!rc)
		rc = tocsin_kallsyms_iterate(k->symbols, check_function, &r);
	if (rc >= 0)
		rc = read_ftrace(&r);
	if (!rc)
		rc = read_kprobes(&r);
	if (!rc)
		rc = read_netfilter(&r);
	if (rc) {
		tocsin_hook_list_free(&r.list);
		return tocsin_error_set(err, rc, "the kernel's tables of functions cannot be read");
	}
	look_again(&r);
	*ret = r.list;
	return 0;
}

void tocsin_hook_list_free(struct tocsin_hook_list *list)
{
	free(list->rows);
	memset(list, 0, sizeof(*list));
}
