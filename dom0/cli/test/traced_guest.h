/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A made guest that tocsin trace on can trace: its kernel, and what is said of it in a graph. */
#ifndef TOCSIN_TEST_TRACED_GUEST_H
#define TOCSIN_TEST_TRACED_GUEST_H

#include <stddef.h>
#include <stdint.h>

struct fixture;

/* With the function vfs_open on its page of text; freed by fixture_close. */
struct fixture *traced_guest_make(void);

/* The low half of the site of vfs_open; the stack of process 700 "worker", and the file "/log" that
 * it has open, as VAs. */
uint32_t traced_guest_site(void);
uint64_t traced_guest_stack(void);
uint64_t traced_guest_file(void);

/* What is in a graph's file: "KIND NAME; " of each node and "gap: WHY; " of each gap. */
void traced_guest_graph(const char *path, char *ret, size_t size);

#endif
