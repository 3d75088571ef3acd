/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a traced call leads to, in an image that lies: who made it, and the objects of its
 * arguments. Input: mutate.h.
 */
#include "mutate.h"

#include "introspect/object.h"
#include "trace/who.h"

#define STACK 0xffffc90000100000ull

static const struct change with_all[] = {{"task_struct", "stack", "stack"},
					 {"thread_union", "stack", "stack:16384"},
					 {"filename", "name", "name"},
					 {"socket", "sk", "sk"},
					 {0}};

static void look_at_objects(struct fixture *f, const uint64_t *objects)
{
	static const char *const types[] = {"task_struct", "filename", "file", "socket", "sock"};
	static struct tocsin_object o;

	for (size_t i = 0; i < 5; i++) {
		if (tocsin_object_read(&f->k, types[i], objects[i], objects[0], &o))
			continue;
		check(o.kind != TOCSIN_OBJECT_NONE);
		check(memchr(o.text, 0, sizeof(o.text)) || o.kind == TOCSIN_OBJECT_PROCESS ||
		      o.kind == TOCSIN_OBJECT_SOCKET);
		check(o.kind != TOCSIN_OBJECT_PROCESS || memchr(o.comm, 0, sizeof(o.comm)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fixture *f;
	static struct tocsin_process p;
	static uint64_t objects[5];
	struct tocsin_who_cache *c;
	struct tocsin_who who;

	if (!f) {
		f = fixture_open(with_all);
		p = make_process(f);
		make_system(f);
		fixture_set(f, "task_struct", p.task, "stack", STACK);
		objects[0] = objects[2] = objects[4] = p.task;
		objects[1] = fixture_new(f, "filename");
		fixture_set(f, "filename", objects[1], "name", fixture_text(f, "/etc/passwd"));
		objects[3] = fixture_new(f, "socket");
		fixture_set(f, "socket", objects[3], "sk", p.task);
		fixture_ready(f);
	}
	mutate(f, data, size);
	if (tocsin_who_open(&f->k, &c, NULL))
		return 0;
	for (int i = 0; i < 3; i++) {
		tocsin_who_find(c, STACK + 0x1000, 50000000000, 0, &who);
		check(size || (who.found == TOCSIN_WHO_NOW && who.pid == MADE_PID));
		check(memchr(who.comm, 0, sizeof(who.comm)));
		look_at_objects(f, objects);
	}
	tocsin_who_close(c);
	check_accesses(f);
	return 0;
}
