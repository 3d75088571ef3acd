/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel itself: modules that hide, code that nobody accounts for, and whoever has the kernel
 * call code of their own. What is found is in no process, so it is a subject of its own.
 */
#include "scan/scanners.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRAYS_MAX 64

/* Modules whose trade is to look at packets. */
static const char *const packet_modules[] = {
    "nf",  "nft",    "ip_",      "ip6",         "ipt",    "iptable", "xt_",      "ebt",      "arp",
    "br_", "bridge", "x_tables", "openvswitch", "ipvlan", "selinux", "synproxy", "wireguard"};

void tocsin_scan_take_code(struct tocsin_kernel *k, struct tocsin_finding *f, uint64_t va)
{
	if (!tocsin_kernel_read(k, va, f->evidence, sizeof(f->evidence)))
		f->evidence_size = sizeof(f->evidence);
	tocsin_scan_disassemble(f, va);
}

static int scan_modules(struct tocsin_kernel *k, struct tocsin_findings *findings,
			struct tocsin_error *err)
{
	struct tocsin_module_list list;
	struct tocsin_finding *f;
	int rc = tocsin_module_list(k, &list, err);

	if (rc)
		return rc == -ENOTSUP ? 0 : rc;
	findings->truncated |= list.truncated;
	for (size_t i = 0; i < list.count; i++) {
		const struct tocsin_module *m = &list.rows[i];

		if (m->confidence != TOCSIN_CONTRADICTED)
			continue;
		f = tocsin_scan_add(findings, "kernel.hidden-module");
		if (!f)
			break;
		f->start = m->base;
		f->end = m->base + m->text_size;
		snprintf(f->what, sizeof(f->what), "the module %s is in %s, and not in %s", m->name,
			 m->in_list    ? "the list of modules"
			 : m->in_sysfs ? "sysfs"
				       : "the tree of addresses",
			 m->in_list    ? "sysfs"
			 : m->in_sysfs ? "the list of modules"
				       : "the list of modules, nor in sysfs");
	}
	tocsin_module_list_free(&list);
	return 0;
}

static int scan_strays(struct tocsin_kernel *k, const struct tocsin_code *code,
		       struct tocsin_findings *findings, struct tocsin_error *err)
{
	struct tocsin_code_range rows[STRAYS_MAX];
	struct tocsin_finding *f;
	uint64_t unused;
	bool no_packs = tocsin_kernel_symbol(k, "pack_list", &unused) != 0;
	size_t count = 0;
	int rc = tocsin_code_strays(code, rows, STRAYS_MAX, &count, err);

	if (rc && rc != -E2BIG)
		return rc;
	findings->truncated |= rc == -E2BIG;
	for (size_t i = 0; i < count; i++) {
		const struct tocsin_code_range *r = &rows[i];

		f = tocsin_scan_add(findings, r->writable ? "kernel.writable-code"
							  : "kernel.unaccounted-code");
		if (!f)
			break;
		/* Before 5.18 the kernel keeps no books of its own filters of packets. */
		if (!r->writable && no_packs)
			f->certainty = TOCSIN_CERTAINTY_LOW;
		f->start = r->start;
		f->end = r->end;
		tocsin_scan_take_code(k, f, r->start);
		snprintf(f->what, sizeof(f->what),
			 "%" PRIu64 " KiB of the kernel are executable%s (%s %.80s)",
			 (r->end - r->start) / 1024, r->writable ? " and writable" : "",
			 tocsin_code_kind_name(r->place.kind), r->place.name);
	}
	return 0;
}

/* ---- hooks ---- */

static bool looks_at_packets(const char *module)
{
	return tocsin_scan_begins_with(module, packet_modules,
				       sizeof(packet_modules) / sizeof(packet_modules[0]));
}

/* Code that is where it may be: of the kernel, or of a module that everybody sees. */
static bool is_open(enum tocsin_code_kind kind)
{
	return kind != TOCSIN_CODE_UNKNOWN && kind != TOCSIN_CODE_HIDDEN_MODULE;
}

/* The rule that a hook falls under; NULL: none, it is ordinary. */
static const char *rule_of(const struct tocsin_hook *h)
{
	bool module = h->place.kind == TOCSIN_CODE_MODULE;

	switch (h->kind) {
	case TOCSIN_HOOK_SYSCALL:
		return "kernel.syscall-hook";
	case TOCSIN_HOOK_INTERRUPT:
		return "kernel.interrupt-hook";
	case TOCSIN_HOOK_TABLE:
		return "kernel.table-hook";
	case TOCSIN_HOOK_TTY:
		return "kernel.tty-hook";
	case TOCSIN_HOOK_KEYBOARD:
		return "kernel.keyboard-hook";
	case TOCSIN_HOOK_INLINE:
		return "kernel.inline-hook";
	case TOCSIN_HOOK_FTRACE:
		return !is_open(h->place.kind) ? "kernel.ftrace-hook-hidden"
		       : module                ? "kernel.ftrace-hook"
					       : "kernel.ftrace-in-use";
	case TOCSIN_HOOK_KPROBE:
		return !is_open(h->place.kind) ? "kernel.kprobe-hidden"
		       : module                ? "kernel.kprobe-hook"
					       : "kernel.kprobe-in-use";
	case TOCSIN_HOOK_NETFILTER:
		return !is_open(h->place.kind)                      ? "kernel.netfilter-hook-hidden"
		       : module && !looks_at_packets(h->place.name) ? "kernel.netfilter-hook"
								    : NULL;
	}
	return NULL;
}

static int scan_hooks(struct tocsin_kernel *k, const struct tocsin_code *code,
		      struct tocsin_findings *findings, struct tocsin_error *err)
{
	struct tocsin_hook_list list;
	char text[64];
	int rc = tocsin_hook_list(k, code, &list, err);

	if (rc)
		return rc;
	if (list.torn) {
		snprintf(text, sizeof(text), "%zu hooks changed while they were read", list.torn);
		tocsin_scan_unreadable(findings, "kernel", text);
	}
	findings->truncated |= list.truncated;
	findings->unknown += list.unknown;
	for (size_t i = 0; i < list.count; i++) {
		const struct tocsin_hook *h = &list.rows[i];
		const char *rule = rule_of(h);
		struct tocsin_finding *f = rule ? tocsin_scan_add(findings, rule) : NULL;

		if (!f)
			continue;
		f->start = h->target;
		f->end = h->target + 1;
		tocsin_scan_take_code(k, f, h->target);
		snprintf(f->what, sizeof(f->what), "%.110s leads to %#" PRIx64 " (%s %.80s)",
			 h->name, h->target, tocsin_code_kind_name(h->place.kind), h->place.name);
	}
	tocsin_hook_list_free(&list);
	return 0;
}

static int scan_bpf(struct tocsin_kernel *k, struct tocsin_findings *findings,
		    struct tocsin_error *err)
{
	struct tocsin_bpf_list list;
	int rc = tocsin_bpf_list(k, &list, err);

	findings->unknown += rc == -ENOTSUP;
	if (rc)
		return rc == -ENOTSUP ? 0 : rc;
	findings->truncated |= list.truncated;
	for (size_t i = 0; i < list.count; i++) {
		const struct tocsin_bpf_program *p = &list.rows[i];
		const char *rule = p->writes_user     ? "kernel.bpf-writes-user"
				   : p->overrides     ? "kernel.bpf-overrides"
				   : p->sends_signals ? "kernel.bpf-signals"
						      : NULL;
		struct tocsin_finding *f = rule && p->confidence == TOCSIN_CONSISTENT
					       ? tocsin_scan_add(findings, rule)
					       : NULL;

		if (!f)
			continue;
		f->start = p->code;
		f->end = p->code + 1;
		snprintf(f->what, sizeof(f->what),
			 "eBPF program %" PRIu32 " (%s, %s) was loaded by user %" PRIu32, p->id,
			 p->name[0] ? p->name : "no name", tocsin_bpf_type_name(p->type), p->uid);
	}
	tocsin_bpf_list_free(&list);
	return 0;
}

static int scan_threads(struct tocsin_kernel *k, struct tocsin_findings *findings,
			struct tocsin_error *err)
{
	struct tocsin_hidden_list list;
	int rc = tocsin_hidden_list(k, &list, err);

	findings->unknown += rc == -ENOTSUP;
	if (rc)
		return rc == -ENOTSUP ? 0 : rc;
	findings->truncated |= list.truncated;
	findings->unknown += list.no_queues;
	for (size_t i = 0; i < list.count; i++) {
		const struct tocsin_hidden_thread *t = &list.rows[i];
		struct tocsin_finding *f = tocsin_scan_add(findings, "kernel.hidden-thread");

		if (!f)
			break;
		snprintf(f->what, sizeof(f->what),
			 "the thread %" PRId32 " (%s) of process %" PRId32 " is %s", t->tid,
			 t->comm, t->pid,
			 t->has_pid    ? "in the table of PIDs, and its process has no such thread"
			 : t->in_group ? "one of its process, and not in the table of PIDs"
				       : "run by a processor, and on no list");
	}
	tocsin_hidden_list_free(&list);
	return 0;
}

/* TCP sockets that listen and that no file is for: the kernel's own, or somebody's in it. */
static int scan_listeners(struct tocsin_kernel *k, struct tocsin_findings *findings,
			  struct tocsin_error *err)
{
	struct tocsin_socket_list list;
	int rc = tocsin_socket_list(k, &list, err);

	if (rc)
		return rc == -ENOTSUP ? 0 : rc;
	findings->truncated |= list.truncated;
	for (size_t i = 0; i < list.count; i++) {
		const struct tocsin_socket *s = &list.rows[i].socket;
		struct tocsin_finding *f;

		if (list.rows[i].confidence != TOCSIN_CONSISTENT || s->inode ||
		    tocsin_socket_table_of(s) != TOCSIN_TABLE_TCP ||
		    strcmp(tocsin_socket_state(s), "LISTEN"))
			continue;
		f = tocsin_scan_add(findings, "kernel.listener");
		if (!f)
			break;
		snprintf(f->what, sizeof(f->what),
			 "a socket (%s) listens on port %" PRIu16 " and belongs to no process",
			 tocsin_socket_kind(s), s->local_port);
	}
	tocsin_socket_list_free(&list);
	return 0;
}

static void note(struct tocsin_findings *findings, int rc, const struct tocsin_error *err)
{
	if (rc)
		tocsin_scan_unreadable(findings, "kernel",
				       err->message[0] ? err->message : strerror(-rc));
}

void tocsin_scan_kernel(struct tocsin_kernel *k, struct tocsin_findings *findings)
{
	struct tocsin_error err = {0};
	struct tocsin_code *code;
	int rc;

	note(findings, scan_modules(k, findings, &err), &err);
	rc = tocsin_code_open(k, &code, &err);
	note(findings, rc, &err);
	if (!rc) {
		note(findings, scan_strays(k, code, findings, &err), &err);
		note(findings, scan_hooks(k, code, findings, &err), &err);
		note(findings, tocsin_scan_text(k, code, findings, &err), &err);
		tocsin_code_close(code);
	}
	note(findings, scan_threads(k, findings, &err), &err);
	note(findings, scan_bpf(k, findings, &err), &err);
	note(findings, scan_listeners(k, findings, &err), &err);
}
