// SPDX-License-Identifier: GPL-2.0-or-later
/* The table, from text to BTF. A nested structure begins where the outermost does. */
#include "types.h"

#include "blob.h"
#include "introspect/file.h"

#include <stdio.h>
#include <stdlib.h>

#define ENTRIES_MAX 1024
#define TYPES_MAX 256
#define MEMBERS_MAX 128 /* of one structure */
#define INT 1
#define STRUCT 4
#define ENUM 6

static const struct {
	const char *type, *members;
} table[] = {
    {"task_struct",
     "tasks:16 thread_node:16 comm:16 pid_links:16*4 __state:4 exit_state:4 flags:4 pid:4 tgid:4 "
     "start_boottime atomic_flags seccomp.mode:4 seccomp.filter_count:4 ptrace:4 parent nsproxy "
     "cgroups group_leader se.group_node:16"},
    {"rq", "curr cfs_tasks:16"},
    {"signal_struct", "nr_threads:4 pids:8*4 thread_head:16"},
    {"pid", "level:4 tasks:8*4 numbers:upid*1"},
    {"upid", "nr:4 ns"},
    {"pid_namespace", "idr.idr_rt:xarray ns.inum:4"},
    {"xarray", "xa_lock xa_head"},
    {"xa_node", "shift:1 slots:8*64"},
    {"cred", "cap_inheritable cap_permitted cap_bset cap_ambient user"},
    {"user_struct", "uid:4"},
    {"nsproxy", "mnt_ns uts_ns ipc_ns net_ns cgroup_ns time_ns"},
    {"mnt_namespace", "ns.inum:4 root"},
    {"uts_namespace", "ns.inum:4 name.sysname:65 name.nodename:65 name.release:65 "
		      "name.version:65 name.machine:65 name.domainname:65"},
    {"timekeeper", "tkr_mono.clock tkr_mono.shift:4 tkr_mono.xtime_nsec tkr_raw.clock xtime_sec "
		   "wall_to_monotonic:16 offs_boot"},
    {"ipc_namespace", "ns.inum:4"},
    {"user_namespace", "ns.inum:4"},
    {"cgroup_namespace", "ns.inum:4"},
    {"time_namespace", "ns.inum:4"},
    {"css_set", "dfl_cgrp subsys:8*4"},
    {"cgroup_subsys_state", "cgroup"},
    {"cgroup", "kn"},
    {"kernfs_node", "name parent"},
    {"fs_struct", "pwd.dentry pwd.mnt"},
    {"mm_struct", "env_start env_end mm_mt.ma_root"},
    {"mount", "mnt:vfsmount mnt_id:4 mnt_devname mnt_mounts:16 mnt_child:16"},
    {"vfsmount", "mnt_flags:4"},
    {"super_block", "s_type s_flags s_subtype"},
    {"file_system_type", "name"},
    {"vm_area_struct", "vm_start vm_end vm_mm vm_page_prot vm_flags vm_pgoff vm_file vm_ops"},
    {"maple_range_64", "parent pivot:8*15 slot:8*16"},
    {"maple_arange_64", "parent pivot:8*9 slot:8*10"},
    {"module", "list:16 name:56 state:4 refcnt:4 taints mem:module_memory*7"},
    {"module_memory", "base size:4"},
    {"btf_module", "list:16 module btf"},
    {"btf", "data data_size:4"},
    {"kset", "list:16"},
    {"kobject", "entry:16"},
    {"module_kobject", "kobj:kobject mod"},
    {"printk_ringbuffer", "desc_ring.count_bits:4 desc_ring.descs desc_ring.infos "
			  "desc_ring.tail_id text_data_ring.size_bits:4 text_data_ring.data"},
    {"prb_desc", "state_var text_blk_lpos.begin text_blk_lpos.next"},
    {"printk_info", "seq ts_nsec text_len:2 facility:1 level:1/3.5"},
    {"socket_alloc", "socket:socket vfs_inode:inode"},
    {"sock", "__sk_common.skc_nulls_node:16 __sk_common.skc_v6_daddr:16 "
	     "__sk_common.skc_v6_rcv_saddr:16"},
    {"inet_connection_sock", "sk:sock icsk_ack.lrcvtime:4"},
    {"tcp_sock", "sk:inet_connection_sock"},
    {"udp_sock", "sk:sock"},
    {"unix_sock", "sk:sock"},
    {"netlink_sock", "sk:sock"},
    {"packet_sock", "sk:sock"},
    {"inet_timewait_sock", "sk:sock"},
    {"inet_ehash_bucket", "chain"},
    {"inet_listen_hashbucket", "lock nulls_head"},
    {"udp_hslot", "head count:4"},
    {"net", "list:16 nf.hooks_ipv4:8*5"},
    {"clocksource", "mult:4 shift:4 name"},
    {"idr", "idr_rt:xarray"},
    {"bpf_prog", "type:4 len:4 tag aux bpf_func insnsi:8*0"},
    {"bpf_prog_aux", "id:4 name:16 load_time user"},
    {"bpf_ksym", "start end name:64 lnode:16"},
    {"bpf_prog_pack", "list:16 ptr"},
    {"ftrace_ops", "func next list:16 trampoline trampoline_size"},
    {"ftrace_page", "next records index:4"},
    {"dyn_ftrace", "ip flags"},
    {"kprobe", "hlist:16 list:16 addr pre_handler"},
    {"kprobe_insn_cache", "pages:16"},
    {"kprobe_insn_page", "list:16 insns"},
    {"its_array", "pages num:4"},
    {"atomic_notifier_head", "head"},
    {"notifier_block", "notifier_call next"},
    {"nf_hook_entries", "num_hook_entries:2 hooks:16*4"},
    {"seq_operations", "functions:8*4"},
    {"file_operations", "functions:8*8"},
    {"page", "flags mapping index compound_head"},
    {"file", "f_mapping"},
    {"address_space", "i_pages:xarray"},
};

static const struct {
	const char *name;
	uint32_t value;
} enumerators[] = {
    {"maple_leaf_64", 1}, {"maple_range_64", 2},      {"maple_arange_64", 3},
    {"MOD_TEXT", 2}, /* 0 in truth: another number shows that it is asked for */
    {"SOCK_DEAD", 0},     {"TCP_MIB_ACTIVEOPENS", 5}, {"TCP_MIB_PASSIVEOPENS", 6},
};

/* Functions with what their parameters point at. */
static const struct {
	const char *name, *targets[2];
} functions[] = {
    {"security_file_permission", {"file"}},
    {"security_file_free", {"file"}},
    {"vfs_open", {"path", "file"}},
    {"security_socket_sendmsg", {"socket"}},
};

struct entry {
	const char *type;
	char path[64], of[32]; /* of: name of a type, or "" */
	bool array;
	uint32_t size, count, bits, bit, offset;
};

static struct entry entries[ENTRIES_MAX];
static size_t entry_count;
static struct {
	const char *name;
	uint32_t id;
} done[TYPES_MAX]; /* in the blob */
static size_t done_count;

static void demand(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "types of a test: %s\n", what);
	abort();
}

static struct entry *find(const char *type, const char *path)
{
	for (size_t i = 0; i < entry_count; i++)
		if (!strcmp(entries[i].type, type) && !strcmp(entries[i].path, path))
			return &entries[i];
	return NULL;
}

/* One member, of `length` characters. */
static void parse(const char *type, const char *text, size_t length, struct entry *e)
{
	char copy[128], *what, *count, *bits;

	demand(length < sizeof(copy), text);
	memcpy(copy, text, length);
	copy[length] = 0;
	*e = (struct entry){.type = type, .size = 8, .count = 1};
	bits = strchr(copy, '/');
	if (bits) {
		*bits = 0;
		demand(sscanf(bits + 1, "%u.%u", &e->bits, &e->bit) == 2, text);
	}
	count = strchr(copy, '*');
	if (count) {
		*count = 0;
		e->array = true;
		e->count = (uint32_t)strtoul(count + 1, NULL, 10);
	}
	what = strchr(copy, ':');
	if (what) {
		*what++ = 0;
		e->size = (uint32_t)strtoul(what, NULL, 10);
		demand(e->size || strlen(what) < sizeof(e->of), text);
		strcpy(e->of, e->size ? "" : what);
	}
	demand(strlen(copy) < sizeof(e->path), text);
	strcpy(e->path, copy);
}

static void append(const char *type, const char *text, size_t length)
{
	demand(entry_count < ENTRIES_MAX, "too many members");
	parse(type, text, length, &entries[entry_count++]);
}

static void load_table(void)
{
	entry_count = 0;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (const char *m = table[i].members; *m;) {
			size_t length = strcspn(m, " ");

			append(table[i].type, m, length);
			m += length + strspn(m + length, " ");
		}
#define X(type, path, name)                                                                        \
	if (!find(type, path))                                                                     \
		append(type, path, strlen(path));
	TOCSIN_LAYOUT(X)
	TOCSIN_FILE_LAYOUT(X)
	TOCSIN_FILE_LAYOUT_OPTIONAL(X)
	TOCSIN_TCP_LAYOUT(X)
	TOCSIN_UDP_LAYOUT(X)
	TOCSIN_NETLINK_LAYOUT(X)
#undef X
}

static void apply(const struct change *c)
{
	struct entry *e = find(c->type, c->path);

	if (!e && c->instead) {
		append(c->type, c->instead, strlen(c->instead));
		return;
	}
	demand(e, c->path);
	if (c->instead)
		parse(c->type, c->instead, strlen(c->instead), e);
	else
		*e = entries[--entry_count];
}

static uint32_t size_of_type(const char *type);

static uint32_t size_of(const struct entry *e)
{
	return (e->of[0] ? size_of_type(e->of) : e->size) * e->count;
}

/* Its members get their offsets. */
static uint32_t size_of_type(const char *type)
{
	uint32_t at = 0;

	for (size_t i = 0; i < entry_count; i++) {
		struct entry *e = &entries[i];
		uint32_t align = e->of[0] ? 8 : e->size & -e->size;

		align = align > 8 ? 8 : align;
		if (strcmp(e->type, type))
			continue;
		at = (at + align - 1) / align * align;
		e->offset = at;
		at += size_of(e);
	}
	demand(at, type);
	return (at + 7) & ~7u;
}

static uint32_t emit_type(const char *name);

static uint32_t emit_member(const struct entry *e, uint32_t byte)
{
	uint32_t id;

	if (e->bits)
		return byte;
	id = e->of[0] ? emit_type(e->of) : array(byte, byte, e->size);
	return e->array ? array(id, byte, e->count) : id;
}

/* The structure of all members whose paths begin with prefix, which is "" or ends with a dot. */
static uint32_t emit(const char *name, const char *prefix, uint32_t size, uint32_t byte)
{
	struct {
		char name[64];
		uint32_t id, bits;
	} members[MEMBERS_MAX];
	size_t n = 0, skip = strlen(prefix);
	uint32_t id;

	for (size_t i = 0; i < entry_count; i++) {
		const struct entry *e = &entries[i];
		size_t length = strcspn(e->path + (strlen(e->path) < skip ? 0 : skip), "."), m = 0;
		char inner[64];

		if (strcmp(e->type, name) || strncmp(e->path, prefix, skip))
			continue;
		while (m < n && (strncmp(members[m].name, e->path + skip, length) ||
				 members[m].name[length]))
			m++;
		if (m < n)
			continue;
		demand(n < MEMBERS_MAX, name);
		snprintf(members[n].name, sizeof(members[n].name), "%.*s", (int)length,
			 e->path + skip);
		snprintf(inner, sizeof(inner), "%.*s.", (int)(skip + length), e->path);
		if (e->path[skip + length]) {
			members[n].id = emit(name, inner, size, byte);
			members[n++].bits = 0;
		} else {
			members[n].id = emit_member(e, byte);
			members[n++].bits = e->bits << 24 | (e->offset * 8 + e->bit);
		}
	}
	id = type(skip ? "" : name, STRUCT, (uint32_t)n, 1, size);
	for (size_t m = 0; m < n; m++)
		member(members[m].name, members[m].id, members[m].bits);
	return id;
}

static uint32_t emit_type(const char *name)
{
	uint32_t id;

	for (size_t i = 0; i < done_count; i++)
		if (!strcmp(done[i].name, name))
			return done[i].id;
	id = emit(name, "", size_of_type(name), 1);
	demand(done_count < TYPES_MAX, "too many types");
	done[done_count].name = name;
	done[done_count++].id = id;
	return id;
}

/* A structure that nothing else is known of is one without members. */
static uint32_t pointer_to(const char *target)
{
	uint32_t id = 0;

	for (size_t i = 0; i < done_count && !id; i++)
		id = !strcmp(done[i].name, target) ? done[i].id : 0;
	return type("", 2, 0, 0, id ? id : type(target, STRUCT, 0, 0, 0));
}

static void emit_function(const char *name, const char *const targets[2])
{
	uint32_t ids[2] = {0}, count = targets[1] ? 2 : 1, proto;

	for (uint32_t i = 0; i < count; i++)
		ids[i] = pointer_to(targets[i]);
	proto = type("", 13, count, 0, 0);
	for (uint32_t i = 0; i < count; i++) {
		add(text(targets[i]));
		add(ids[i]);
	}
	type(name, 12, 1, 0, proto);
}

struct tocsin_btf *make_types(const struct change *changes)
{
	struct tocsin_error err = {0};
	struct tocsin_btf *btf = NULL;

	load_table();
	for (; changes && changes->type; changes++)
		apply(changes);
	start();
	done_count = 0;
	type("unsigned char", INT, 0, 0, 1);
	add(8);
	for (size_t i = 0; i < entry_count; i++)
		emit_type(entries[i].type);
	type("numbers", ENUM, sizeof(enumerators) / sizeof(enumerators[0]), 0, 4);
	for (size_t i = 0; i < sizeof(enumerators) / sizeof(enumerators[0]); i++) {
		add(text(enumerators[i].name));
		add(enumerators[i].value);
	}
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		emit_function(functions[i].name, functions[i].targets);
	seal();
	demand(!tocsin_btf_open(b.bytes, b.size, &btf, &err), err.message);
	return btf;
}
