// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * eBPF programs, from the table by which the kernel numbers them (prog_idr), with what their
 * instructions call: the verifier leaves the distance from __bpf_call_base to a helper in each call
 * (kernel/bpf/verifier.c), and the instructions are kept although they were compiled.
 */
#include "introspect/process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAMS_MAX 65536
#define INSTRUCTIONS_MAX 1000000
#define BLOCK 512 /* instructions read at once */
#define CALL 0x85 /* BPF_JMP | BPF_CALL */

struct bpf_layout {
	uint32_t type, len, tag, aux, func, insns;
	uint32_t id, name, load_time, user, user_uid;
};

struct instruction {
	uint8_t code, registers;
	int16_t offset;
	int32_t immediate;
};

struct reading {
	struct tocsin_kernel *k;
	struct bpf_layout l;
	uint64_t base;       /* __bpf_call_base */
	uint64_t helpers[4]; /* writes user, overrides, sends signals (two) */
};

/* As bpftool names them; the order is enum bpf_prog_type's. */
static const char *const types[] = {
    "unspec",
    "socket_filter",
    "kprobe",
    "sched_cls",
    "sched_act",
    "tracepoint",
    "xdp",
    "perf_event",
    "cgroup_skb",
    "cgroup_sock",
    "lwt_in",
    "lwt_out",
    "lwt_xmit",
    "sock_ops",
    "sk_skb",
    "cgroup_device",
    "sk_msg",
    "raw_tracepoint",
    "cgroup_sock_addr",
    "lwt_seg6local",
    "lirc_mode2",
    "sk_reuseport",
    "flow_dissector",
    "cgroup_sysctl",
    "raw_tracepoint_writable",
    "cgroup_sockopt",
    "tracing",
    "struct_ops",
    "ext",
    "lsm",
    "sk_lookup",
    "syscall",
    "netfilter",
};

const char *tocsin_bpf_type_name(uint32_t type)
{
	return type < sizeof(types) / sizeof(types[0]) ? types[type] : "unknown";
}

static int find_layout(struct reading *r)
{
	static const char *const helpers[] = {"bpf_probe_write_user", "bpf_override_return",
					      "bpf_send_signal", "bpf_send_signal_thread"};
	const struct {
		const char *type, *path;
		uint32_t *to;
	} members[] = {
	    {"bpf_prog", "type", &r->l.type},
	    {"bpf_prog", "len", &r->l.len},
	    {"bpf_prog", "tag", &r->l.tag},
	    {"bpf_prog", "aux", &r->l.aux},
	    {"bpf_prog", "bpf_func", &r->l.func},
	    {"bpf_prog", "insnsi", &r->l.insns},
	    {"bpf_prog_aux", "id", &r->l.id},
	    {"bpf_prog_aux", "name", &r->l.name},
	    {"bpf_prog_aux", "load_time", &r->l.load_time},
	    {"bpf_prog_aux", "user", &r->l.user},
	    {"user_struct", "uid", &r->l.user_uid},
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		*members[i].to = tocsin_member_or_none(r->k, members[i].type, members[i].path);
		if (*members[i].to == TOCSIN_NO_MEMBER)
			return -ENOTSUP;
	}
	if (tocsin_kernel_symbol(r->k, "__bpf_call_base", &r->base))
		return -ENOTSUP;
	for (size_t i = 0; i < 4; i++)
		if (tocsin_kernel_symbol(r->k, helpers[i], &r->helpers[i]))
			r->helpers[i] = 0;
	return 0;
}

static void note_call(const struct reading *r, int32_t immediate, struct tocsin_bpf_program *p)
{
	uint64_t target = r->base + (uint64_t)(int64_t)immediate;

	p->writes_user |= target == r->helpers[0];
	p->overrides |= target == r->helpers[1];
	p->sends_signals |= target == r->helpers[2] || target == r->helpers[3];
}

static int read_calls(const struct reading *r, uint64_t at, uint32_t count,
		      struct tocsin_bpf_program *p)
{
	struct instruction block[BLOCK];

	for (uint32_t i = 0; i < count; i += BLOCK) {
		uint32_t n = count - i < BLOCK ? count - i : BLOCK;

		if (tocsin_kernel_read(r->k, at + i * sizeof(*block), block, n * sizeof(*block)))
			return -EFAULT;
		for (uint32_t j = 0; j < n; j++)
			if (block[j].code == CALL && !(block[j].registers >> 4))
				note_call(r, block[j].immediate, p);
	}
	return 0;
}

static int read_program(const struct reading *r, uint64_t at, struct tocsin_bpf_program *p)
{
	uint64_t aux, user;
	uint32_t count;

	memset(p, 0, sizeof(*p));
	p->program = at;
	if (tocsin_kernel_read(r->k, at + r->l.type, &p->type, 4) ||
	    tocsin_kernel_read(r->k, at + r->l.len, &count, 4) ||
	    tocsin_kernel_read(r->k, at + r->l.tag, p->tag, sizeof(p->tag)) ||
	    tocsin_kernel_read_u64(r->k, at + r->l.func, &p->code) ||
	    tocsin_kernel_read_u64(r->k, at + r->l.aux, &aux) ||
	    tocsin_kernel_read(r->k, aux + r->l.id, &p->id, 4) ||
	    tocsin_kernel_read(r->k, aux + r->l.name, p->name, sizeof(p->name) - 1) ||
	    tocsin_kernel_read_u64(r->k, aux + r->l.load_time, &p->load_time) ||
	    tocsin_kernel_read_u64(r->k, aux + r->l.user, &user))
		return -EFAULT;
	if (count > INSTRUCTIONS_MAX)
		return -EINVAL;
	if (user && tocsin_kernel_read(r->k, user + r->l.user_uid, &p->uid, 4))
		return -EFAULT;
	return read_calls(r, at + r->l.insns, count, p);
}

static void read_twice(const struct reading *r, uint64_t at, struct tocsin_bpf_program *ret)
{
	struct tocsin_bpf_program again;

	if (read_program(r, at, ret) || read_program(r, at, &again) ||
	    memcmp(ret, &again, sizeof(again)))
		ret->confidence = TOCSIN_TORN;
}

int tocsin_bpf_list(struct tocsin_kernel *k, struct tocsin_bpf_list *ret, struct tocsin_error *err)
{
	struct tocsin_addresses found = {0};
	struct tocsin_bpf_list list = {0};
	struct reading r = {.k = k};
	uint32_t tree = tocsin_member_or_none(k, "idr", "idr_rt");
	uint64_t table;
	int rc = find_layout(&r);

	if (rc || tree == TOCSIN_NO_MEMBER || tocsin_kernel_symbol(k, "prog_idr", &table))
		return tocsin_error_set(err, -ENOTSUP, "this kernel's BPF has no known layout");
	rc = tocsin_xarray_collect(k, table + tree, PROGRAMS_MAX, &found);
	list.truncated = rc == -E2BIG;
	if (list.truncated)
		rc = 0;
	if (!rc && found.count) {
		list.rows = calloc(found.count, sizeof(*list.rows));
		rc = list.rows ? 0 : -ENOMEM;
	}
	for (size_t i = 0; i < found.count && !rc; i++) {
		read_twice(&r, found.at[i], &list.rows[list.count]);
		list.torn += list.rows[list.count++].confidence == TOCSIN_TORN;
	}
	tocsin_addresses_free(&found);
	if (rc) {
		tocsin_bpf_list_free(&list);
		return tocsin_error_set(err, rc, "the table of BPF programs cannot be read");
	}
	*ret = list;
	return 0;
}

void tocsin_bpf_list_free(struct tocsin_bpf_list *list)
{
	free(list->rows);
	memset(list, 0, sizeof(*list));
}
