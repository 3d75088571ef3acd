/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "traced_guest.h"
#include "cli/graph.h"
#include "introspect/object.h"
#include "memory/memory.h"
#include "objects.h"
#include "provenance/graph.h"
#include "provenance/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STACK 0xffffc90000100000ull
#define SITE (FIXTURE_TEXT + 0x40)

static struct fixture *f;
static struct made_opened opened;

struct fixture *traced_guest_make(void)
{
	static const uint8_t nop[] = {0x0f, 0x1f, 0x44, 0x00, 0x00};
	struct tocsin_process p;

	f = fixture_open(made_traced);
	p = make_process(f);
	make_system(f);
	make_files(f, &p, make_net(f));
	fixture_symbol(f, "vfs_open", SITE);
	fixture_put(f, SITE, nop, sizeof(nop));
	fixture_set(f, "task_struct", p.task, "stack", STACK);
	fixture_ready(f);
	opened = make_opened(f, &p);
	fixture_set(f, "file", opened.file, "f_mode", TOCSIN_OPEN_READ | TOCSIN_OPEN_WRITE);
	return f;
}

uint32_t traced_guest_site(void)
{
	return (uint32_t)SITE;
}

uint64_t traced_guest_stack(void)
{
	return STACK + 0x3000;
}

uint64_t traced_guest_file(void)
{
	return opened.file;
}

/* ---- what reads it ---- */

int tocsin_memory_open_xen(uint32_t domid, struct tocsin_memory **ret, struct tocsin_error *err)
{
	*ret = &f->memory;
	return 0;
}

int __wrap_tocsin_kernel_open_stored(struct tocsin_memory *m, uint64_t cr3,
				     struct tocsin_kernel_store *store, struct tocsin_kernel **ret,
				     struct tocsin_error *err);

int __wrap_tocsin_kernel_open_stored(struct tocsin_memory *m, uint64_t cr3,
				     struct tocsin_kernel_store *store, struct tocsin_kernel **ret,
				     struct tocsin_error *err)
{
	*ret = &f->k;
	return 0;
}

/* Nothing is in it when tracing begins. */
int graph_look(struct tocsin_kernel *k, const struct guest_options *o, const char *guest,
	       tocsin_trace_take *take, void *context, uint64_t *boot, struct tocsin_error *err)
{
	*boot = 7;
	return 0;
}

/* ---- what is said of it ---- */

static void say(char *to, size_t size, const char *what, const char *name)
{
	size_t n = strlen(to);

	snprintf(to + n, size - n, "%s%s; ", what, name);
}

void traced_guest_graph(const char *path, char *ret, size_t size)
{
	const struct tocsin_trace_node *node;
	const struct tocsin_trace_gap *gap;
	struct tocsin_trace_store *store;
	struct tocsin_provenance *g;

	ret[0] = 0;
	if (tocsin_trace_store_open(path, NULL, &store, NULL))
		return;
	if (tocsin_trace_store_load(store, 0, 0, NULL, &g, NULL))
		abort();
	for (uint32_t i = 0; (node = tocsin_provenance_node(g, i)); i++)
		if (node->kind == TOCSIN_TRACE_PROCESS)
			say(ret, size, "process ", tocsin_provenance_text(g, node->name, NULL));
		else if (node->kind == TOCSIN_TRACE_FILE)
			say(ret, size, "file ", tocsin_provenance_text(g, node->name, NULL));
	for (uint32_t i = 0; (gap = tocsin_provenance_gap(g, i)); i++)
		say(ret, size, "gap ", tocsin_provenance_text(g, gap->why, NULL));
	tocsin_provenance_free(g);
	tocsin_trace_store_close(store);
}
