// SPDX-License-Identifier: GPL-2.0-or-later
/* What belongs to no process: modules, the log, sockets in their tables, code. */
#include "objects.h"

#include <string.h>

#define SET(type, object, path, value) fixture_set(f, type, object, path, value)
#define AT(type, object, path) ((object) + fixture_offset(f, type, path))

const struct change made_core_layout[] = {
    {"module", "mem", "core_layout.base"},
    {"module", "", "core_layout.size:4"},
    {"module", "", "core_layout.text_size:4"},
    {0},
};

const struct change made_records[] = {
    {"printk_ringbuffer", "desc_ring.descs", NULL},
    {"printk_log", "", "ts_nsec"},
    {"printk_log", "", "len:2"},
    {"printk_log", "", "text_len:2"},
    {"printk_log", "", "dict_len:2"},
    {"printk_log", "", "facility:1"},
    {"printk_log", "", "level:1/3.5"},
    {0},
};

/* ---- modules ---- */

static uint64_t make_module(struct fixture *f, const char *name, uint64_t text)
{
	uint64_t module = fixture_new(f, "module");

	fixture_set_text(f, "module", module, "name", name);
	SET("module", module, "refcnt", 1);
	if (fixture_has(f, "module", "core_layout.base")) {
		SET("module", module, "core_layout.base", text);
		SET("module", module, "core_layout.size", 0x3000);
		SET("module", module, "core_layout.text_size", 0x2000);
	} else if (fixture_has(f, "module", "module_core")) {
		SET("module", module, "module_core", text);
		SET("module", module, "core_size", 0x3000);
		SET("module", module, "core_text_size", 0x2000);
	} else {
		SET("module", module, "mem[2].base", text); /* MOD_TEXT of types.c */
		SET("module", module, "mem[2].size", 0x2000);
		SET("module", module, "mem[4].base", text + 0x8000);
		SET("module", module, "mem[4].size", 0x1000);
	}
	return module;
}

static void make_kobject(struct fixture *f, uint64_t kset, uint64_t module)
{
	uint64_t wrapper = fixture_new(f, "module_kobject");

	SET("module_kobject", wrapper, "mod", module);
	fixture_link(f, AT("kset", kset, "list"),
		     AT("kobject", AT("module_kobject", wrapper, "kobj"), "entry"));
}

/* The types of alpha: the kernel's, and none of its own. */
static void make_module_types(struct fixture *f, uint64_t module)
{
	static const uint8_t blob[24] = {0x9f, 0xeb, 1, 0, 24};
	uint64_t list = fixture_room(f, 16), entry = fixture_new(f, "btf_module");
	uint64_t btf = fixture_new(f, "btf"), data = fixture_room(f, sizeof(blob));

	fixture_put(f, data, blob, sizeof(blob));
	SET("btf", btf, "data", data);
	SET("btf", btf, "data_size", sizeof(blob));
	SET("btf_module", entry, "btf", btf);
	SET("btf_module", entry, "module", module);
	fixture_link(f, list, AT("btf_module", entry, "list"));
	fixture_symbol(f, "btf_modules", list);
}

void make_modules(struct fixture *f)
{
	uint64_t list = fixture_room(f, 16), kset = fixture_new(f, "kset"), pointer;
	uint64_t alpha = make_module(f, "alpha", MADE_MODULE);

	fixture_link(f, list, AT("module", alpha, "list"));
	make_kobject(f, kset, 0); /* built in */
	make_kobject(f, kset, alpha);
	make_kobject(f, kset, make_module(f, "beta", MADE_MODULE + 0x100000));
	make_module_types(f, alpha);
	pointer = fixture_room(f, 8);
	fixture_word(f, pointer, kset);
	fixture_symbol(f, "modules", list);
	fixture_symbol(f, "module_kset", pointer);
}

/* ---- the log ---- */

#define LINES 3
static const struct {
	const char *text;
	uint8_t level, facility;
} lines[LINES] = {{"first", 6, 0}, {"second line", 3, 1}, {"", 4, 0}};

/* The lockless ring: 8 descriptors of which number 14 is the oldest, 128 bytes of text. */
static void make_ring(struct fixture *f)
{
	uint64_t prb = fixture_new(f, "printk_ringbuffer"), descriptors, infos, data, size[2];
	uint64_t pointer = fixture_room(f, 8), lpos = 128 * 3 + 100;

	tocsin_btf_sizeof(f->k.btf, "prb_desc", &size[0]);
	tocsin_btf_sizeof(f->k.btf, "printk_info", &size[1]);
	descriptors = fixture_room(f, 8 * size[0]);
	infos = fixture_room(f, 8 * size[1]);
	data = fixture_room(f, 128);
	SET("printk_ringbuffer", prb, "desc_ring.count_bits", 3);
	SET("printk_ringbuffer", prb, "desc_ring.descs", descriptors);
	SET("printk_ringbuffer", prb, "desc_ring.infos", infos);
	SET("printk_ringbuffer", prb, "desc_ring.tail_id", 14);
	SET("printk_ringbuffer", prb, "text_data_ring.size_bits", 7);
	SET("printk_ringbuffer", prb, "text_data_ring.data", data);
	for (uint64_t i = 0, id = 14; i < LINES; i++, id++) {
		uint64_t d = descriptors + id % 8 * size[0], info = infos + id % 8 * size[1];
		uint64_t length = strlen(lines[i].text), next = lpos + ((8 + length + 7) & ~7ull);
		uint64_t at = lpos / 128 == next / 128 ? lpos % 128 : 0;

		if (!at) /* it does not fit before the end */
			next = (lpos / 128 + 1) * 128 + (next - lpos);
		SET("prb_desc", d, "state_var", 2ull << 62 | id);
		SET("prb_desc", d, "text_blk_lpos.begin", length ? lpos : 1);
		SET("prb_desc", d, "text_blk_lpos.next", length ? next : 1);
		SET("printk_info", info, "seq", 40 + i);
		SET("printk_info", info, "ts_nsec", 1000 * (i + 1));
		SET("printk_info", info, "text_len", length);
		SET("printk_info", info, "level", lines[i].level);
		SET("printk_info", info, "facility", lines[i].facility);
		if (!length)
			continue;
		fixture_word(f, data + at, id);
		fixture_put(f, data + at + 8, lines[i].text, length);
		lpos = next;
	}
	fixture_word(f, pointer, prb);
	fixture_symbol(f, "prb", pointer);
}

/* The records one after the other of kernels before 5.10; the second is at the beginning. */
static void make_records(struct fixture *f)
{
	uint64_t buffer = fixture_room(f, 128), head, at = 64, words = fixture_room(f, 40);

	tocsin_btf_sizeof(f->k.btf, "printk_log", &head);
	for (uint64_t i = 0; i < LINES; i++) {
		uint64_t length = strlen(lines[i].text), whole = (head + length + 7) & ~7ull;
		uint64_t record;

		if (at + whole + head > 128) /* what marks the end needs room as well */
			at = 0;
		record = buffer + at;
		SET("printk_log", record, "ts_nsec", 1000 * (i + 1));
		SET("printk_log", record, "len", whole);
		SET("printk_log", record, "text_len", length);
		SET("printk_log", record, "level", lines[i].level);
		SET("printk_log", record, "facility", lines[i].facility);
		fixture_put(f, record + head, lines[i].text, length);
		at += whole;
	}
	fixture_word(f, words, buffer);
	fixture_word(f, words + 8, 40);
	fixture_word(f, words + 16, 40 + LINES);
	fixture_word(f, words + 24, 128 | 64ull << 32);
	fixture_word(f, words + 32, at);
	fixture_symbol(f, "log_buf", words);
	fixture_symbol(f, "log_first_seq", words + 8);
	fixture_symbol(f, "log_next_seq", words + 16);
	fixture_symbol(f, "log_buf_len", words + 24);
	fixture_symbol(f, "log_first_idx", words + 28);
	fixture_symbol(f, "log_next_idx", words + 32);
}

void make_log(struct fixture *f)
{
	if (fixture_has(f, "printk_log", "len"))
		make_records(f);
	else
		make_ring(f);
}

/* ---- names and clocks ---- */

void make_system(struct fixture *f)
{
	uint64_t names = fixture_new(f, "uts_namespace"), core = fixture_room(f, 8);
	uint64_t keeper = fixture_new(f, "timekeeper"), clock = fixture_new(f, "clocksource");

	fixture_set_text(f, "uts_namespace", names, "name.sysname", "Linux");
	fixture_set_text(f, "uts_namespace", names, "name.nodename", "host");
	SET("clocksource", clock, "name", fixture_text(f, "tsc"));
	SET("timekeeper", keeper, "tkr_mono.clock", clock);
	SET("timekeeper", keeper, "tkr_raw.clock", clock);
	SET("timekeeper", keeper, "tkr_mono.shift", 8);
	SET("timekeeper", keeper, "xtime_sec", 1002);
	SET("timekeeper", keeper, "wall_to_monotonic", (uint64_t)-1000);
	SET("timekeeper", keeper, "offs_boot", 100000000000);
	fixture_symbol(f, "init_uts_ns", names);
	fixture_symbol(f, "tk_core", core); /* a sequence counter, and the timekeeper */
}

/* ---- sockets ---- */

uint64_t make_net(struct fixture *f)
{
	uint64_t net = fixture_new(f, "net"), head = fixture_room(f, 16);
	uint64_t numbers = fixture_room(f, 256), cpus = fixture_room(f, 24);
	uint64_t offsets = fixture_room(f, 16), clock = fixture_new(f, "clocksource");

	SET("net", net, "ns.inum", 0xf0000000);
	SET("net", net, "mib.tcp_statistics", numbers); /* of processor 1: 128 bytes later */
	fixture_link(f, head, AT("net", net, "list"));
	fixture_word(f, numbers + 5 * 8, 30);
	fixture_word(f, numbers + 6 * 8, 400);
	fixture_word(f, numbers + 128 + 5 * 8, 1);
	fixture_word(f, numbers + 128 + 6 * 8, 2);
	fixture_word(f, offsets, 1ull << 63); /* no processor */
	fixture_word(f, offsets + 8, 128);
	fixture_word(f, cpus, 2);      /* nr_cpu_ids */
	fixture_word(f, cpus + 8, 2);  /* of which only number 1 is there */
	fixture_word(f, cpus + 16, 9); /* forks */
	SET("clocksource", clock, "mult", 4000000);
	fixture_symbol(f, "clocksource_jiffies", clock);
	fixture_symbol(f, "net_namespace_list", head);
	fixture_symbol(f, "nr_cpu_ids", cpus);
	fixture_symbol(f, "__cpu_possible_mask", cpus + 8);
	fixture_symbol(f, "total_forks", cpus + 16);
	fixture_symbol(f, "__per_cpu_offset", offsets);
	fixture_symbol(f, "jiffies", numbers + 120);
	return net;
}

/* ---- code ---- */

static void make_bpf(struct fixture *f)
{
	static const uint64_t instructions[] = {0x0000001000000085, 0x95};
	uint64_t idr = fixture_new(f, "idr"), node = fixture_new(f, "xa_node"), size;
	uint64_t program, aux = fixture_new(f, "bpf_prog_aux"), symbols = fixture_room(f, 16);
	uint64_t symbol = fixture_new(f, "bpf_ksym"), packs = fixture_room(f, 16);
	uint64_t pack = fixture_new(f, "bpf_prog_pack");

	tocsin_btf_sizeof(f->k.btf, "bpf_prog", &size);
	program = fixture_room(f, size + sizeof(instructions));
	SET("bpf_prog", program, "type", 2);
	SET("bpf_prog", program, "len", 2);
	SET("bpf_prog", program, "aux", aux);
	SET("bpf_prog", program, "bpf_func", MADE_MODULE + 0x400000);
	fixture_put(f, AT("bpf_prog", program, "insnsi"), instructions, sizeof(instructions));
	SET("bpf_prog_aux", aux, "id", 5);
	fixture_set_text(f, "bpf_prog_aux", aux, "name", "watch");
	SET("xarray", AT("idr", idr, "idr_rt"), "xa_head", node | 2);
	fixture_word(f, AT("xa_node", node, "slots") + 5 * 8, program);
	SET("bpf_ksym", symbol, "start", MADE_MODULE + 0x400000);
	SET("bpf_ksym", symbol, "end", MADE_MODULE + 0x400100);
	fixture_set_text(f, "bpf_ksym", symbol, "name", "bpf_prog_watch");
	fixture_link(f, symbols, AT("bpf_ksym", symbol, "lnode"));
	SET("bpf_prog_pack", pack, "ptr", MADE_MODULE + 0x400000);
	fixture_link(f, packs, AT("bpf_prog_pack", pack, "list"));
	fixture_symbol(f, "prog_idr", idr);
	fixture_symbol(f, "bpf_kallsyms", symbols);
	fixture_symbol(f, "pack_list", packs);
	fixture_symbol(f, "__bpf_call_base", FIXTURE_TEXT + 0x100);
	fixture_symbol(f, "bpf_probe_write_user", FIXTURE_TEXT + 0x110);
}

/* Users of ftrace: one that diverts a function now, and a trampoline that was kept. */
static void make_ftrace(struct fixture *f)
{
	uint64_t ops = fixture_new(f, "ftrace_ops"), end = fixture_new(f, "ftrace_ops");
	uint64_t list = fixture_room(f, 8), kept = fixture_room(f, 16), pages = fixture_room(f, 8);
	uint64_t page = fixture_new(f, "ftrace_page"), size, records;
	static const uint8_t nop[] = {0x0f, 0x1f, 0x44, 0, 0};
	uint8_t call[] = {0xe8, 0, 0, 0, 0};
	int32_t distance = (int32_t)(MADE_MODULE + 0x600000 - (FIXTURE_TEXT + 0x205));

	tocsin_btf_sizeof(f->k.btf, "dyn_ftrace", &size);
	records = fixture_room(f, 2 * size);
	memcpy(call + 1, &distance, sizeof(distance));
	fixture_put(f, FIXTURE_TEXT + 0x200, call, sizeof(call));
	fixture_put(f, FIXTURE_TEXT + 0x300, nop, sizeof(nop));
	SET("dyn_ftrace", records, "ip", FIXTURE_TEXT + 0x200);
	SET("dyn_ftrace", records, "flags", 1u << 31);
	SET("dyn_ftrace", records + size, "ip", FIXTURE_TEXT + 0x300);
	SET("ftrace_page", page, "records", records);
	SET("ftrace_page", page, "index", 2);
	SET("ftrace_ops", ops, "func", MADE_MODULE + 0x10);
	SET("ftrace_ops", ops, "next", end);
	SET("ftrace_ops", ops, "trampoline", MADE_MODULE + 0x600000);
	SET("ftrace_ops", ops, "trampoline_size", 0x100);
	fixture_link(f, kept, AT("ftrace_ops", ops, "list"));
	fixture_word(f, list, ops);
	fixture_word(f, pages, page);
	fixture_symbol(f, "ftrace_ops_list", list);
	fixture_symbol(f, "ftrace_list_end", end);
	fixture_symbol(f, "ftrace_ops_trampoline_list", kept);
	fixture_symbol(f, "ftrace_pages_start", pages);
}

static void make_kprobes(struct fixture *f)
{
	uint64_t table = fixture_room(f, 64 * 8), slots = fixture_new(f, "kprobe_insn_cache");
	uint64_t first = fixture_new(f, "kprobe"), second = fixture_new(f, "kprobe");
	uint64_t page = fixture_new(f, "kprobe_insn_page");

	fixture_word(f, table + 9 * 8, AT("kprobe", first, "hlist"));
	SET("kprobe", first, "addr", FIXTURE_TEXT + 0x400);
	SET("kprobe", first, "pre_handler", FIXTURE_TEXT + 0x500); /* aggr_pre_handler */
	SET("kprobe", second, "addr", FIXTURE_TEXT + 0x400);
	SET("kprobe", second, "pre_handler", MADE_MODULE + 0x20);
	fixture_link(f, AT("kprobe", first, "list"), AT("kprobe", second, "list"));
	SET("kprobe_insn_page", page, "insns", MADE_MODULE + 0x700000);
	fixture_link(f, AT("kprobe_insn_cache", slots, "pages"),
		     AT("kprobe_insn_page", page, "list"));
	fixture_symbol(f, "kprobe_table", table);
	fixture_symbol(f, "kprobe_insn_slots", slots);
	fixture_symbol(f, "aggr_pre_handler", FIXTURE_TEXT + 0x500);
}

/* System calls, gates and tables of functions, of which some lead away. */
static void make_tables(struct fixture *f)
{
	uint64_t calls = fixture_room(f, 1024 * 8), gates = fixture_room(f, 256 * 16);
	uint64_t operations = fixture_new(f, "seq_operations"),
		 block = fixture_new(f, "notifier_block");
	uint64_t head = fixture_new(f, "atomic_notifier_head"), target = FIXTURE_TEXT + 0x600;

	for (uint64_t i = 0; i < 8; i++)
		fixture_word(f, calls + i * 8, i == 5 ? MADE_MODULE + 0x30 : target);
	for (uint64_t i = 0; i < 256; i++) {
		uint64_t to = i == 0x80 ? MADE_MODULE + 0x40 : target;

		fixture_word(f, gates + i * 16,
			     (to & 0xffff) | 0x8e00ull << 32 | (to >> 16 & 0xffff) << 48);
		fixture_word(f, gates + i * 16 + 8, to >> 32);
	}
	SET("seq_operations", operations, "functions[0]", target);
	SET("seq_operations", operations, "functions[3]", MADE_MODULE + 0x50);
	SET("notifier_block", block, "notifier_call", MADE_MODULE + 0x60);
	SET("atomic_notifier_head", head, "head", block);
	fixture_symbol(f, "sys_call_table", calls);
	fixture_symbol(f, "idt_table", gates);
	fixture_symbol(f, "tcp4_seq_ops", operations);
	fixture_symbol(f, "keyboard_notifier_list", head);
	fixture_symbol(f, "sys_nothing", target);
}

static void make_netfilter(struct fixture *f, uint64_t net)
{
	uint64_t entries = fixture_new(f, "nf_hook_entries");

	SET("nf_hook_entries", entries, "num_hook_entries", 1);
	fixture_word(f, AT("nf_hook_entries", entries, "hooks"), MADE_MODULE + 0x70);
	SET("net", net, "nf.hooks_ipv4[2]", entries);
}

void make_code(struct fixture *f, uint64_t net)
{
	static const uint8_t jump[] = {0x48, 0xb8, 0,    0,    0x90, 0xc0,
				       0xff, 0xff, 0xff, 0xff, 0xff, 0xe0};
	uint64_t thunks = fixture_new(f, "its_array"), array = fixture_room(f, 8);

	make_modules(f);
	make_bpf(f);
	make_ftrace(f);
	make_kprobes(f);
	make_tables(f);
	make_netfilter(f, net);
	fixture_put(f, FIXTURE_TEXT + 0x700, jump, sizeof(jump)); /* a function that was patched */
	fixture_word(f, array, FIXTURE_BASE + 0x8000);
	SET("its_array", thunks, "pages", array);
	SET("its_array", thunks, "num", 1);
	fixture_symbol(f, "its_pages", thunks);
	fixture_symbol(f, "patched", FIXTURE_TEXT + 0x700);
	fixture_symbol(f, "traced", FIXTURE_TEXT + 0x200);
	fixture_symbol(f, "untraced", FIXTURE_TEXT + 0x300);
	fixture_symbol(f, "_stext", FIXTURE_TEXT);
	fixture_symbol(f, "_etext", FIXTURE_TEXT + TOCSIN_PAGE_SIZE);
	fixture_symbol(f, "_end", FIXTURE_BASE + FIXTURE_SIZE);
}
