/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel's objects in a fixture, whole and consistent, in whichever layout its types have. Each
 * function makes one kind and what belongs to it; what it needs of others it says.
 */
#ifndef TOCSIN_INTROSPECT_TEST_OBJECTS_H
#define TOCSIN_INTROSPECT_TEST_OBJECTS_H

#include "fixture.h"

/* Changes for fixture_open: modules from 4.5 to 6.3; the log before 5.10; what traced calls need.
 */
extern const struct change made_core_layout[], made_records[], made_traced[];

#define MADE_PID 700
#define MADE_START 5000000000ull /* nanoseconds since boot; of the thread: one second later */

/* The idle task, and process MADE_PID "worker" with thread MADE_PID + 1 "helper". */
struct tocsin_process make_process(struct fixture *f);

/* uname of "host", and clocks: 2 s past 1000 s since 1970, up for 102 s. */
void make_system(struct fixture *f);

/* Namespaces, cgroup /system.slice/worker.service, /proc/PID/environ. After make_process. */
void make_details(struct fixture *f, const struct tocsin_process *p);

/* /, /proc, /srv/data (read-only, of a FUSE file system). After make_process. */
void make_mounts(struct fixture *f, const struct tocsin_process *p);

/* VMAs at 0x400000 (two pages), 0x600000 (one). In a tree or a list. After make_process. */
void make_vmas(struct fixture *f, const struct tocsin_process *p);

/* Module "alpha", which has types, and "beta" that has taken itself off the list. */
#define MADE_MODULE 0xffffffffc0100000ull /* text of alpha; of beta: 1 MiB later */
void make_modules(struct fixture *f);

/* The lines "first", "second line" and "", in a ring that has gone round once. */
void make_log(struct fixture *f);

/* One network namespace with its counters, of two processors. */
uint64_t make_net(struct fixture *f);

/* Descriptors 0 (a file) and 3 (a socket). After make_process. */
void make_files(struct fixture *f, const struct tocsin_process *p, uint64_t net);

/* make_process, make_system and make_files, of a process whose kernel stack is at MADE_STACK: it
 * makes traced calls. Its root is mounted in the mount namespace that the kernel began with; of its
 * own it has none. */
#define MADE_STACK 0xffffc90000100000ull
#define MADE_FIRST_NS 0xf0000000u
struct tocsin_process make_caller(struct fixture *f);

/* What a process has open after make_files, as traced calls lead to it: VAs. The file's mount is
 * known to its file system, and its name is the only one. After fixture_ready, with made_traced. */
struct made_opened {
	uint64_t file, dentry, inode, sb, sock, socket;
};
struct made_opened make_opened(struct fixture *f, const struct tocsin_process *p);

/* Text with functions, tables of them, users of ftrace, kprobes, netfilter, BPF. */
void make_code(struct fixture *f, uint64_t net);

/* A mapping of a file, of which one page is the process's own. After make_process. */
struct tocsin_vma make_copies(struct fixture *f);

#endif
