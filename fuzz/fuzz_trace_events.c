/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls as a hostile guest makes them, over an image that lies, to events and on into a graph.
 * Input: u8 how many calls, of 8 bytes each, then mutate.h. A call is u8 function, u8 who, u8 three
 * arguments, u8 milliseconds since the one before, u8 bits (1: not wide, 2: commit, 4: a gap, 8:
 * addresses of IPv6, 16: the function is not recorded any more, 32: it is again, 64: the second
 * and third arguments are numbers), u8 events lost; who and arguments name objects.
 */
#include "mutate.h"

#include "provenance/graph.h"
#include "trace/events.h"
#include "trace/functions.h"

#define NOW 50000000000ull
#define STACK MADE_STACK
#define CALLS 64u

/* Of each argument, as some function of the table has it. */
static const char *const targets[] = {"task_struct", "file",          "cred",     "dentry",
				      "module",      "socket",        "bpf_prog", "sock",
				      "inode",       "address_space", "mount",    "fs_struct"};
#define OBJECTS (sizeof(targets) / sizeof(targets[0]))

struct world {
	struct tocsin_provenance *graph;
	uint64_t last;
};

/* Of calls that carry addresses. */
static const char *const names_of_ends[] = {"saddr", "daddr", "dport"};

static uint64_t objects[OBJECTS];

static int take(const struct tocsin_trace_event *e, void *context)
{
	struct world *w = context;

	check(e->since <= e->time && e->guest && e->detail);
	check(!e->file || memchr(e->file->path, 0, TOCSIN_PATH_SIZE));
	check(!e->who || memchr(e->who->comm, 0, TOCSIN_COMM_SIZE + 1));
	check(!e->other || memchr(e->other->comm, 0, TOCSIN_COMM_SIZE + 1));
	check(e->time >= w->last);
	w->last = e->time;
	check(!tocsin_provenance_take(e, w->graph));
	return 0;
}

static void make_calls(struct fixture *f, struct tocsin_traced_events *ev, const uint8_t *data,
		       size_t count)
{
	const char *names[TOCSIN_TRACE_FUNCTIONS_MAX];
	size_t functions = tocsin_trace_functions(&f->k, true, names);
	uint64_t time = NOW - 1000000000ull, before;

	for (size_t i = 0; i < count; i++, data += 8) {
		struct tocsin_function fn = {.typed = true, .count = 3};
		struct tocsin_traced_call call = {.seq = (uint32_t)i,
						  .rsp = data[1] & 8 ? objects[data[1] % 8]
								     : STACK + (data[1] % 8 << 14),
						  .rdi = objects[data[2] % OBJECTS],
						  .rsi = objects[data[3] % OBJECTS],
						  .rdx = objects[data[4] % OBJECTS],
						  .wide = !(data[6] & 1)};
		bool ends = strstr(names[data[0] % functions], "port_ephemeral") != NULL;

		before = time;
		time += data[5] * 1000000ull;
		if (data[6] & 64) {
			call.rsi = data[3];
			call.rdx = data[4];
		}
		if (!strcmp(names[data[0] % functions], "file_ra_state_init"))
			call.rdi += fixture_offset(f, "file", "f_ra");
		if (!strcmp(names[data[0] % functions], "mm_access"))
			call.rsi = data[3];
		for (int a = 0; a < 3; a++) {
			fn.parameters[a].pointer = !ends || (a < 2 && data[6] & 8);
			fn.parameters[a].size = a == 2 ? 2 : fn.parameters[a].pointer ? 8 : 4;
			if (ends)
				snprintf(fn.parameters[a].name, sizeof(fn.parameters[a].name), "%s",
					 names_of_ends[a]);
			snprintf(fn.parameters[a].target, sizeof(fn.parameters[a].target), "%s",
				 targets[data[2 + a] % OBJECTS]);
		}
		check(!tocsin_traced_events_call(ev, names[data[0] % functions], &fn, &call, time,
						 time + 5000000));
		if (data[6] & 4)
			check(!tocsin_traced_events_gap(ev, before, time, data[7], "lost"));
		if (data[6] & 16)
			tocsin_traced_events_stopped(ev, names[data[0] % functions], time);
		if (data[6] & 32)
			tocsin_traced_events_started(ev, names[data[0] % functions], time);
		if (data[6] & 2)
			check(!tocsin_traced_events_commit(ev, before));
	}
	check(!tocsin_traced_events_commit(ev, UINT64_MAX));
}

static struct fixture *make(void)
{
	struct fixture *f = fixture_open(made_traced);
	struct tocsin_process p = make_caller(f);
	struct tocsin_file_list list;

	objects[0] = p.task;
	objects[4] = fixture_new(f, "module");
	objects[6] = fixture_new(f, "bpf_prog");
	fixture_set(f, "bpf_prog", objects[6], "aux", fixture_new(f, "bpf_prog_aux"));
	fixture_symbol(f, "tcp_prot", FIXTURE_TEXT);
	fixture_symbol(f, "get_file_rcu", FIXTURE_TEXT);
	fixture_symbol(f, "__x64_sys_process_vm_readv", FIXTURE_TEXT);
	fixture_symbol(f, "__x64_sys_process_vm_writev", FIXTURE_TEXT);
	fixture_ready(f);
	check(!tocsin_file_list(&f->k, &p, &list, NULL));
	for (size_t i = 0; i < list.count; i++)
		objects[list.rows[i].is_socket ? 7 : 1] =
		    list.rows[i].is_socket ? list.rows[i].socket.sock : list.rows[i].file;
	tocsin_file_list_free(&list);
	memcpy(&objects[2],
	       f->bytes + (p.task - FIXTURE_BASE) + fixture_offset(f, "task_struct", "real_cred"),
	       8);
	memcpy(&objects[3],
	       f->bytes + (objects[1] - FIXTURE_BASE) + fixture_offset(f, "file", "f_path.dentry"),
	       8);
	memcpy(&objects[5],
	       f->bytes + (objects[7] - FIXTURE_BASE) + fixture_offset(f, "sock", "sk_socket"), 8);
	fixture_set(f, "sock", objects[7], "__sk_common.skc_prot", FIXTURE_TEXT);
	memcpy(&objects[8],
	       f->bytes + (objects[1] - FIXTURE_BASE) + fixture_offset(f, "file", "f_inode"), 8);
	fixture_set(f, "inode", objects[8], "i_dentry.first",
		    objects[3] + fixture_offset(f, "dentry", "d_u.d_alias"));
	memcpy(&objects[10],
	       f->bytes + (objects[1] - FIXTURE_BASE) + fixture_offset(f, "file", "f_path.mnt"), 8);
	objects[10] -= fixture_offset(f, "mount", "mnt");
	memcpy(&objects[11],
	       f->bytes + (p.task - FIXTURE_BASE) + fixture_offset(f, "task_struct", "fs"), 8);
	objects[9] = objects[8] + fixture_offset(f, "inode", "i_data");
	fixture_set(f, "address_space", objects[9], "host", objects[8]);
	memcpy(f->original, f->bytes, sizeof(f->bytes));
	return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tocsin_traced_settings settings = {.guest = "guest"};
	static struct fixture *f;
	struct world w = {0};
	struct tocsin_who_cache *who;
	struct tocsin_traced_events *ev;
	size_t count;

	if (!f)
		f = make();
	if (!size)
		return 0;
	count = data[0] % CALLS;
	if (count > (size - 1) / 8)
		count = (size - 1) / 8;
	mutate(f, data + 1 + count * 8, size - 1 - count * 8);
	if (tocsin_who_open(&f->k, &who, NULL))
		return 0;
	w.graph = tocsin_provenance_new(NULL);
	check(w.graph && !tocsin_traced_events_open(&f->k, who, &settings, take, &w, &ev));
	make_calls(f, ev, data + 1, count);
	check(tocsin_traced_events_stats(ev).calls == count);
	tocsin_traced_events_close(ev);
	tocsin_provenance_free(w.graph);
	tocsin_who_close(who);
	check_accesses(f);
	return 0;
}
