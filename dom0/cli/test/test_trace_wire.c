// SPDX-License-Identifier: GPL-2.0-or-later
/* What a trace's processes say to each other arrives as it was, or not at all. */
#include "cli/trace_wire.h"
#include "dispatch/packet.h"
#include "provenance/test/random_events.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW UINT64_MAX

static uint8_t bytes[TOCSIN_MESSAGE_MAX];

/* ---- events ---- */

static const struct tocsin_trace_event *sent;
static unsigned int taken;
static int answer;

static void same_text(const char *a, const char *b)
{
	assert_int_equal(!a, !b);
	if (a)
		assert_string_equal(a, b);
}

static void same_process(const struct tocsin_event_process *a, const struct tocsin_event_process *b)
{
	struct tocsin_event_process numbers = {0};

	assert_int_equal(!a, !b);
	if (!a)
		return;
	same_text(a->comm, b->comm);
	same_text(a->exe, b->exe);
	same_text(a->container, b->container);
	assert_int_equal(a->cmdline_size, b->cmdline_size);
	assert_memory_equal(a->cmdline, b->cmdline, a->cmdline_size);
	/* whatever else there is */
	memcpy(&numbers, b, sizeof(numbers));
	numbers.comm = a->comm;
	numbers.exe = a->exe;
	numbers.container = a->container;
	numbers.cmdline = a->cmdline;
	assert_memory_equal(a, &numbers, offsetof(struct tocsin_event_process, comm));
	assert_int_equal(a->confidence, b->confidence);
}

static void same_id(const struct tocsin_file_id *a, const struct tocsin_file_id *b)
{
	assert_true(a->inode == b->inode && a->dev_major == b->dev_major &&
		    a->dev_minor == b->dev_minor && a->deleted == b->deleted &&
		    a->memfd == b->memfd);
}

static void same_file(const struct tocsin_trace_file *a, const struct tocsin_trace_file *b)
{
	assert_int_equal(!a, !b);
	if (!a)
		return;
	same_text(a->path, b->path);
	same_id(&a->id, &b->id);
	assert_true(a->mount_ns == b->mount_ns && a->mode == b->mode && a->open == b->open);
}

static void same_socket(const struct tocsin_socket *a, const struct tocsin_socket *b)
{
	assert_true(a->sock == b->sock && a->inode == b->inode && a->family == b->family &&
		    a->type == b->type && a->protocol == b->protocol && a->state == b->state &&
		    a->owner == b->owner && a->uid == b->uid && a->netns == b->netns &&
		    a->interface == b->interface && a->busy == b->busy &&
		    a->local_port == b->local_port && a->remote_port == b->remote_port &&
		    a->receive_queue == b->receive_queue && a->send_queue == b->send_queue &&
		    a->peer == b->peer && a->port_id == b->port_id && a->groups == b->groups &&
		    a->counted == b->counted && a->bytes_sent == b->bytes_sent &&
		    a->bytes_received == b->bytes_received && a->idle == b->idle);
	assert_memory_equal(a->local, b->local, sizeof(a->local));
	assert_memory_equal(a->remote, b->remote, sizeof(a->remote));
	assert_int_equal(a->name_size, b->name_size);
	assert_memory_equal(a->name, b->name, a->name_size);
}

static int take(const struct tocsin_trace_event *e, void *context)
{
	const struct tocsin_trace_event *s = sent;

	taken++;
	if (answer)
		return answer;
	assert_ptr_equal(context, &taken);
	assert_string_equal(e->guest, "the hand's");
	assert_true(e->kind == s->kind && e->source == s->source && e->since == s->since &&
		    e->time == s->time && e->boot == s->boot && e->value == s->value &&
		    e->lost == s->lost && e->resolved == s->resolved && !e->finding);
	same_text(e->detail, s->detail);
	same_text(e->to, s->to);
	same_process(e->who, s->who);
	same_process(e->other, s->other);
	same_file(e->file, s->file);
	assert_int_equal(!e->socket, !s->socket);
	if (e->socket)
		same_socket(e->socket, s->socket);
	return 0;
}

static int get_event(size_t size)
{
	return trace_get_event(bytes, size, "the hand's", NOW, take, &taken);
}

/* Any bits, in what is no number of a known few. */
static void fill(void *to, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)to)[i] = (uint8_t)(rand() % 256);
}

static void enrich_process(struct tocsin_event_process *p)
{
	static const char cmdline[] = "sh\0-c\0\xff\x01 x";

	p->pid = rand();
	p->start_time = (uint64_t)rand() << 32 | (uint32_t)rand();
	p->ppid = -rand();
	p->parent_start_time = (uint64_t)rand() << 20;
	p->uid = (uint32_t)rand();
	p->euid = UINT32_MAX;
	p->kernel_thread = rand() % 2;
	p->exe_deleted = rand() % 2;
	p->exe_memfd = rand() % 2;
	p->stdin_socket = rand() % 2;
	p->exe = rand() % 2 ? "/bin/\x1b[31m\xc3" : "";
	p->cmdline = cmdline;
	p->cmdline_size = (size_t)rand() % sizeof(cmdline);
	p->container =
	    rand() % 2 ? "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" : "";
	p->confidence = (enum tocsin_confidence)(rand() % (TOCSIN_CONTRADICTED + 1));
}

static void enrich_socket(struct tocsin_socket *s)
{
	fill(s, sizeof(*s));
	s->owner = (uint8_t)(rand() % (TOCSIN_OWNER_NONE + 1));
	s->busy = rand() % 2;
	s->counted = rand() % 2;
	s->name_size = (size_t)rand() % (sizeof(s->name) + 1);
}

static void enrich(struct random_world *w)
{
	enrich_process(&w->processes[0]);
	enrich_process(&w->processes[1]);
	enrich_socket(&w->socket);
	w->file.mount_ns = (uint32_t)rand();
	w->file.id.memfd = rand() % 2;
	w->file.id.dev_minor = (uint32_t)rand();
	w->file.mode = (uint32_t)rand();
	w->e.source = (enum tocsin_trace_source)(rand() % (TOCSIN_TRACE_BY_WIRE + 1));
	w->e.since -= w->e.since ? (uint64_t)rand() % w->e.since : 0;
	w->e.boot = (uint64_t)rand();
	w->e.value = (uint64_t)rand() << 33;
	w->e.lost = (uint64_t)rand() << 3;
	w->e.resolved = rand() % 2;
	w->e.detail = rand() % 2 ? "" : "a\nb \xff";
}

static void events_arrive_as_they_are(void **state)
{
	static struct random_world w;
	unsigned int findings = 0, count = 0;
	uint8_t choice[3];

	srand(1);
	w = (struct random_world){.time = 1000};
	for (int i = 0; i < 20000; i++) {
		size_t size;

		fill(choice, sizeof(choice));
		sent = random_event(&w, choice);
		enrich(&w);
		size = trace_put_event(bytes, sent);
		if (sent->kind == TOCSIN_TRACE_FINDING) {
			assert_int_equal(get_event(size), -EBADMSG);
			findings++;
			continue;
		}
		taken = 0;
		assert_int_equal(get_event(size), 0);
		assert_int_equal(taken, 1);
		count++;
	}
	assert_true(findings > 10 && count > 10000);
}

static void what_is_too_long_is_cut(void **state)
{
	static char longer[3 * TOCSIN_PATH_SIZE];
	struct tocsin_event_process p = {.comm = longer,
					 .exe = longer,
					 .cmdline = longer,
					 .cmdline_size = sizeof(longer),
					 .container = longer};
	struct tocsin_trace_file f = {.path = longer};
	const struct tocsin_trace_event e = {.kind = TOCSIN_TRACE_RENAMED,
					     .who = &p,
					     .other = &p,
					     .file = &f,
					     .to = longer,
					     .detail = longer};

	memset(longer, 'x', sizeof(longer) - 1);
	answer = -ENOSPC;
	assert_int_equal(get_event(trace_put_event(bytes, &e)), -ENOSPC);
	answer = -EINVAL; /* of what the graph does not take */
	assert_int_equal(get_event(trace_put_event(bytes, &e)), -EBADMSG);
	answer = 0;
}

static int take_time(const struct tocsin_trace_event *e, void *ret)
{
	memcpy(ret, (uint64_t[]){e->since, e->time}, 2 * sizeof(uint64_t));
	return 0;
}

/* What is said to be later than now would make all that follows late, or old. */
static void nothing_comes_from_the_future(void **state)
{
	const struct tocsin_trace_event e = {
	    .kind = TOCSIN_TRACE_GAP, .since = 60, .time = UINT64_MAX, .detail = ""};
	size_t size = trace_put_event(bytes, &e);
	uint64_t times[2];

	assert_int_equal(trace_get_event(bytes, size, "g", 50, take_time, times), 0);
	assert_true(times[0] == 50 && times[1] == 50);
	assert_int_equal(trace_get_event(bytes, size, "g", 70, take_time, times), 0);
	assert_true(times[0] == 60 && times[1] == 70);
}

/* Each length and number has its place in what was put: any beginning of it is refused, and more of
 * it, too. */
static void refuses(size_t size, int (*get)(size_t))
{
	for (size_t n = 0; n < size; n++)
		assert_int_equal(get(n), -EBADMSG);
	bytes[size] = 0;
	assert_int_equal(get(size + 1), -EBADMSG);
}

static void parts_of_events_are_refused(void **state)
{
	struct tocsin_event_process p = {
	    .comm = "c", .exe = "e", .cmdline = "l", .cmdline_size = 1, .container = "x"};
	struct tocsin_trace_file f = {.path = "p"};
	struct tocsin_socket s = {.name_size = 3, .name = "abc"};
	struct tocsin_trace_event e = {.kind = TOCSIN_TRACE_SHARED,
				       .who = &p,
				       .other = &p,
				       .file = &f,
				       .to = "t",
				       .socket = &s,
				       .detail = "d"};

	sent = &e;
	taken = 0;
	refuses(trace_put_event(bytes, &e), get_event);
	assert_int_equal(taken, 0);
	e.since = 1; /* it ends before it begins */
	assert_int_equal(get_event(trace_put_event(bytes, &e)), -EBADMSG);
	e.since = 0;
	e.kind = TOCSIN_TRACE_KINDS;
	assert_int_equal(get_event(trace_put_event(bytes, &e)), -EBADMSG);
	e.kind = TOCSIN_TRACE_SHARED;
	e.source = TOCSIN_TRACE_BY_WIRE + 1;
	assert_int_equal(get_event(trace_put_event(bytes, &e)), -EBADMSG);
	e.source = 0;
	s.owner = TOCSIN_OWNER_NONE + 1;
	assert_int_equal(get_event(trace_put_event(bytes, &e)), -EBADMSG);
	s.owner = 0;
	s.name_size = sizeof(s.name) + 1;
	assert_int_equal(get_event(trace_put_event(bytes, &e)), -EBADMSG);
	s.name_size = 3;
	p.confidence = TOCSIN_CONTRADICTED + 1;
	assert_int_equal(get_event(trace_put_event(bytes, &e)), -EBADMSG);
}

/* ---- functions ---- */

static struct tocsin_traced got;
static char name[TRACE_WHY];

static int get_found(size_t size)
{
	return trace_get_found(bytes, size, name, &got);
}

static const struct tocsin_traced there = {
    .name = "vfs_open",
    .function = {
	.va = 0xffffffff81234560,
	.site = 0xffffffff81234564,
	.gpa = 0x1234564,
	.entry = TOCSIN_ENTRY_FREE,
	.typed = true,
	.count = 2,
	.parameters = {{"path", "path", 8, true, false}, {"file", "file", 8, true, true}}}};

static void functions_arrive_as_they_are(void **state)
{
	const struct tocsin_traced missing = {
	    .name = "gone", .found = -ENOENT, .why = "no function gone"};

	refuses(trace_put_found(bytes, &there), get_found);
	assert_int_equal(get_found(trace_put_found(bytes, &there)), 0);
	assert_string_equal(got.name, "vfs_open");
	assert_int_equal(got.found, 0);
	assert_true(got.function.va == there.function.va &&
		    got.function.site == there.function.site &&
		    got.function.gpa == there.function.gpa && got.function.typed &&
		    got.function.entry == there.function.entry && got.function.count == 2);
	for (int i = 0; i < 2; i++) {
		const struct tocsin_parameter *a = &there.function.parameters[i];
		const struct tocsin_parameter *b = &got.function.parameters[i];

		assert_string_equal(a->name, b->name);
		assert_string_equal(a->target, b->target);
		assert_true(a->size == b->size && a->pointer == b->pointer &&
			    a->is_signed == b->is_signed);
	}
	refuses(trace_put_found(bytes, &missing), get_found);
	assert_int_equal(get_found(trace_put_found(bytes, &missing)), 0);
	assert_int_equal(got.found, -ENOENT);
	assert_string_equal(got.why, missing.why);
}

static int with(size_t member, uint64_t value)
{
	struct tocsin_traced f = there;

	memcpy((uint8_t *)&f.function + member, &value, sizeof(value));
	return get_found(trace_put_found(bytes, &f));
}

/* Hooks are put where these say. */
static void places_that_cannot_be_are_refused(void **state)
{
	const size_t va = offsetof(struct tocsin_function, va);
	const size_t site = offsetof(struct tocsin_function, site);
	const size_t gpa = offsetof(struct tocsin_function, gpa);
	struct tocsin_traced f = there;

	assert_int_equal(with(gpa, 0x5564), 0);
	assert_int_equal(with(gpa, 0x1234565), -EBADMSG); /* elsewhere on the page */
	assert_int_equal(with(gpa, 1ull << 60 | 0x564), -EBADMSG);
	assert_int_equal(with(site, 0xffffffff81234560), -EBADMSG); /* and there */
	assert_int_equal(with(va, 0xffffffff81234564), 0);
	assert_int_equal(with(va, 0xffffffff81234562), -EBADMSG);
	f.function.va = f.function.site = 0x401564; /* of a process */
	assert_int_equal(get_found(trace_put_found(bytes, &f)), -EBADMSG);
	f.function.va = f.function.site = 0xffffffff01234564; /* below the kernel's text */
	assert_int_equal(get_found(trace_put_found(bytes, &f)), -EBADMSG);
	f.function.va = f.function.site = 0xffffffff81234ffd; /* over the end of the page */
	f.function.gpa = 0x1234ffd;
	assert_int_equal(get_found(trace_put_found(bytes, &f)), -EBADMSG);
	f = there;
	f.function.entry = TOCSIN_ENTRY_NOTHING;
	assert_int_equal(get_found(trace_put_found(bytes, &f)), -EBADMSG);
	f = there;
	f.function.parameters[1].size = 9;
	assert_int_equal(get_found(trace_put_found(bytes, &f)), -EBADMSG);
}

/* ---- the rest ---- */

static int get_seen(size_t size)
{
	static struct trace_seen s;

	return trace_get_seen(bytes, size, &s);
}

static void what_is_seen_arrives(void **state)
{
	static struct trace_seen a, b;

	a = (struct trace_seen){.who = {.found = TOCSIN_WHO_BEFORE,
					.pid = 7,
					.tid = 8,
					.uid = 9,
					.euid = 10,
					.start_time = 11,
					.comm = "sh"},
				.after = 12,
				.has = {true, false, true}};
	a.objects[0] = (struct tocsin_object){.kind = TOCSIN_OBJECT_FILE,
					      .text = "/tmp/x",
					      .file = {1, 2, 3, true, true},
					      .mode = 0644};
	a.objects[2] = (struct tocsin_object){.kind = TOCSIN_OBJECT_SOCKET,
					      .pid = -1,
					      .tid = 2,
					      .start_time = 3,
					      .uid = 4,
					      .euid = 5,
					      .id = 6,
					      .comm = "c"};
	enrich_socket(&a.objects[2].socket);
	refuses(trace_put_seen(bytes, &a), get_seen);
	assert_int_equal(trace_get_seen(bytes, trace_put_seen(bytes, &a), &b), 0);
	assert_true(b.who.found == TOCSIN_WHO_BEFORE && b.who.pid == 7 && b.who.tid == 8 &&
		    b.who.uid == 9 && b.who.euid == 10 && b.who.start_time == 11 && b.after == 12);
	assert_string_equal(b.who.comm, "sh");
	assert_true(b.has[0] && !b.has[1] && b.has[2]);
	assert_int_equal(b.objects[0].kind, TOCSIN_OBJECT_FILE);
	assert_string_equal(b.objects[0].text, "/tmp/x");
	same_id(&a.objects[0].file, &b.objects[0].file);
	assert_int_equal(b.objects[0].mode, 0644);
	assert_true(b.objects[2].pid == -1 && b.objects[2].tid == 2 &&
		    b.objects[2].start_time == 3 && b.objects[2].uid == 4 &&
		    b.objects[2].euid == 5 && b.objects[2].id == 6);
	assert_string_equal(b.objects[2].comm, "c");
	same_socket(&a.objects[2].socket, &b.objects[2].socket);
	a.objects[0].kind = TOCSIN_OBJECT_CODE + 1;
	assert_int_equal(get_seen(trace_put_seen(bytes, &a)), -EBADMSG);
}

static int get_counts(size_t size)
{
	struct trace_counts c;

	return trace_get_counts(bytes, size, &c);
}

static int get_done(size_t size)
{
	struct trace_done d;

	return trace_get_done(bytes, size, &d);
}

static void counts_and_ends_arrive(void **state)
{
	struct trace_counts a = {.packets = 1, .flows = 2, .early = 3, .untold = 4, .names = 5}, b;
	struct trace_done done = {.error = ENOMEM, .kept = "k", .text = "why"}, back;

	a.stats.delay = 7;
	a.stats.delay_most = 8;
	a.stats.calls = 9;
	a.stats.events[TOCSIN_TRACE_OPENED] = 10;
	a.stats.unresolved[TOCSIN_TRACE_GAP] = 11;
	refuses(trace_put_counts(bytes, &a), get_counts);
	assert_int_equal(trace_get_counts(bytes, trace_put_counts(bytes, &a), &b), 0);
	assert_true(b.packets == 1 && b.flows == 2 && b.early == 3 && b.untold == 4 &&
		    b.names == 5 && b.stats.delay == 7 && b.stats.delay_most == 8 &&
		    b.stats.calls == 9 && b.stats.events[TOCSIN_TRACE_OPENED] == 10 &&
		    b.stats.unresolved[TOCSIN_TRACE_GAP] == 11);
	assert_int_equal(b.stats.count, TOCSIN_TRACE_KINDS);
	assert_string_equal(b.stats.kinds[TOCSIN_TRACE_OPENED], "opened");
	refuses(trace_put_done(bytes, &done), get_done);
	assert_int_equal(trace_get_done(bytes, trace_put_done(bytes, &done), &back), 0);
	assert_int_equal(back.error, ENOMEM);
	assert_string_equal(back.kept, "k");
	assert_string_equal(back.text, "why");
	done.error = 1u << 31;
	assert_int_equal(get_done(trace_put_done(bytes, &done)), -EBADMSG);
}

static int get_ask(size_t size)
{
	struct trace_ask a;

	return trace_get_ask(bytes, size, &a);
}

static void asks_arrive(void **state)
{
	static const uint8_t packet[TRACE_PACKET + 1] = {1, 2, 3, 4, 5, 6};
	struct trace_ask a = {.function = 3,
			      .time = 4,
			      .until = 5,
			      .lost = 6,
			      .captures = true,
			      .only_hardware = true,
			      .link = 113,
			      .bytes = packet,
			      .size = 6,
			      .why = "why"},
			 b;

	a.call = (struct tocsin_traced_call){7, 8, 9, 10, 11, 12, true, true, 13, 14, 15};
	for (a.kind = TRACE_ASK_BEGIN; a.kind < TRACE_ASK_KINDS; a.kind++) {
		refuses(trace_put_ask(bytes, &a), get_ask);
		assert_int_equal(trace_get_ask(bytes, trace_put_ask(bytes, &a), &b), 0);
		assert_int_equal(b.kind, a.kind);
	}
	a.kind = TRACE_ASK_CALL;
	assert_int_equal(trace_get_ask(bytes, trace_put_ask(bytes, &a), &b), 0);
	assert_true(b.function == 3 && b.time == 4 && b.call.domid == 7 && b.call.vcpu == 8 &&
		    b.call.site == 9 && b.call.seq == 10 && b.call.rsp == 11 && b.call.rdi == 12 &&
		    b.call.wide && b.call.cut && b.call.rsi == 13 && b.call.rdx == 14 &&
		    b.call.cr3 == 15);
	a.kind = TRACE_ASK_LOST;
	assert_int_equal(trace_get_ask(bytes, trace_put_ask(bytes, &a), &b), 0);
	assert_true(b.time == 4 && b.until == 5 && b.lost == 6);
	assert_string_equal(b.why, "why");
	a.kind = TRACE_ASK_BEGIN;
	assert_int_equal(trace_get_ask(bytes, trace_put_ask(bytes, &a), &b), 0);
	assert_true(b.time == 4 && b.captures && b.only_hardware);
	a.kind = TRACE_ASK_PACKET;
	a.size = sizeof(packet); /* what is captured of a packet is less */
	assert_int_equal(trace_get_ask(bytes, trace_put_ask(bytes, &a), &b), 0);
	assert_true(b.time == 4 && b.link == 113 && b.size == TRACE_PACKET);
	assert_memory_equal(b.bytes, packet, b.size);
	a.kind = TRACE_ASK_HARDWARE;
	assert_int_equal(get_ask(trace_put_ask(bytes, &a)), -EBADMSG);
	a.kind = TRACE_ASK_CALL;
	a.function = TRACE_FUNCTIONS;
	assert_int_equal(get_ask(trace_put_ask(bytes, &a)), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest all[] = {
	    cmocka_unit_test(events_arrive_as_they_are),
	    cmocka_unit_test(what_is_too_long_is_cut),
	    cmocka_unit_test(nothing_comes_from_the_future),
	    cmocka_unit_test(parts_of_events_are_refused),
	    cmocka_unit_test(functions_arrive_as_they_are),
	    cmocka_unit_test(places_that_cannot_be_are_refused),
	    cmocka_unit_test(what_is_seen_arrives),
	    cmocka_unit_test(counts_and_ends_arrive),
	    cmocka_unit_test(asks_arrive),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
