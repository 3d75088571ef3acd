// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest whose functions are traced while it changes its text at the worst moments. What must
 * hold: it reads what it wrote, executes what it wrote but for hooks, and is left as it was.
 */
#include "fake_view.h"
#include "trace/filter.h"
#include "trace/tracer.h"
#include "trace/view.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT_GFN ((FIXTURE_TEXT - FIXTURE_BASE) / TOCSIN_PAGE_SIZE)
#define ALPHA 0x100u  /* offsets of functions on the first page of text */
#define BETA 0x200u   /* begins with ENDBR64 */
#define GAMMA 0x300u  /* has no room for ftrace */
#define DELTA 0x1040u /* on the second page */

static const uint8_t nop[] = TOCSIN_SITE_NOP, hook[] = TOCSIN_SITE_HOOK;
static const uint8_t endbr[] = {0xf3, 0x0f, 0x1e, 0xfa}, ret[] = {0xc3};
static const uint8_t call[] = {0xe8, 1, 2, 3, 4}, other[] = {0x90, 0x91};

static const char *const names[] = {"alpha", "beta", "gamma", "delta", "missing"};
#define NAMES 5

#define USE 0x400u
#define END 0x1140u /* on the second page, which the guest writes to */
#define BEGIN 0x700u

static const char *const uses[] = {"security_file_permission", "security_file_free",
				   "schedule_tail", "vfs_open", "security_socket_sendmsg"};
#define ALL_USES 5

struct scene {
	struct fixture *f;
	struct tocsin_state state;
	struct tocsin_tracer *t;
	unsigned int changes;
	char folder[32];
	uint8_t text[2 * TOCSIN_PAGE_SIZE]; /* as the guest has it */
};

static void on_change(void *context, const struct tocsin_traced *f, uint64_t tsc)
{
	((struct scene *)context)->changes++;
}

static void put_function(struct scene *s, const char *name, uint32_t at, const void *bytes,
			 size_t size)
{
	fixture_symbol(s->f, name, FIXTURE_TEXT + at);
	fixture_put(s->f, FIXTURE_TEXT + at, bytes, size);
}

static int set_up(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	static const uint8_t uuid[16] = {1, 2, 3};

	s->f = fixture_open(NULL);
	put_function(s, "alpha", ALPHA, nop, sizeof(nop));
	put_function(s, "beta", BETA, endbr, sizeof(endbr));
	fixture_put(s->f, FIXTURE_TEXT + BETA + sizeof(endbr), nop, sizeof(nop));
	put_function(s, "gamma", GAMMA, ret, sizeof(ret));
	put_function(s, "delta", DELTA, nop, sizeof(nop));
	put_function(s, uses[0], USE, nop, sizeof(nop));
	put_function(s, uses[1], END, nop, sizeof(nop));
	put_function(s, uses[2], BEGIN, nop, sizeof(nop));
	put_function(s, uses[3], 0x500, nop, sizeof(nop));
	put_function(s, uses[4], 0x600, nop, sizeof(nop));
	fixture_ready(s->f);
	memcpy(s->text, s->f->bytes + TEXT_GFN * TOCSIN_PAGE_SIZE, sizeof(s->text));
	fake_begin(s->f);
	strcpy(s->folder, "/tmp/tocsin-trace-XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	assert_int_equal(tocsin_state_open(s->folder, FAKE_DOMID, uuid, &s->state, NULL, NULL), 0);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;
	char path[64];

	tocsin_tracer_close(s->t);
	assert_int_equal(xen.mapped, 0);
	tocsin_state_close(&s->state);
	snprintf(path, sizeof(path), "%s/trace.%d", s->folder, FAKE_DOMID);
	unlink(path);
	rmdir(s->folder);
	fixture_close(s->f);
	free(s);
	return 0;
}

static int trace(struct scene *s, const char *const *these, size_t count, bool first,
		 struct tocsin_error *err)
{
	struct tocsin_traced functions[8];

	for (size_t i = 0; i < count; i++)
		tocsin_traced_find(&s->f->k, these[i], &functions[i]);
	return tocsin_tracer_open(&s->state, functions, count, first, on_change, s, &s->t, err);
}

static int start(struct scene *s)
{
	return trace(s, names, NAMES, false, NULL);
}

static bool hooked(uint32_t at)
{
	const uint8_t *p = fake_execute(TEXT_GFN + at / TOCSIN_PAGE_SIZE) + at % TOCSIN_PAGE_SIZE;

	return !memcmp(p, hook, sizeof(hook));
}

/* The guest executes its own text, but for these hooks. */
static void check_text(const struct scene *s, bool alpha, bool beta, bool delta)
{
	uint8_t wanted[sizeof(s->text)];

	memcpy(wanted, s->text, sizeof(wanted));
	if (alpha)
		memcpy(wanted + ALPHA, hook, sizeof(hook));
	if (beta)
		memcpy(wanted + BETA + sizeof(endbr), hook, sizeof(hook));
	if (delta)
		memcpy(wanted + DELTA, hook, sizeof(hook));
	assert_memory_equal(fake_execute(TEXT_GFN), wanted, TOCSIN_PAGE_SIZE);
	assert_memory_equal(fake_execute(TEXT_GFN + 1), wanted + TOCSIN_PAGE_SIZE,
			    TOCSIN_PAGE_SIZE);
	assert_memory_equal(s->f->bytes + TEXT_GFN * TOCSIN_PAGE_SIZE, s->text, sizeof(s->text));
}

static void guest_writes(struct scene *s, uint32_t at, const void *bytes, size_t size)
{
	memcpy(s->text + at, bytes, size);
	fake_write(TEXT_GFN + at / TOCSIN_PAGE_SIZE, at % TOCSIN_PAGE_SIZE, bytes, size);
}

static const struct tocsin_traced *traced(const struct scene *s, int i)
{
	size_t count;

	return tocsin_tracer_list(s->t, &count) + i;
}

static void functions_are_hooked(void **state)
{
	struct scene *s = *state;
	uint32_t view, sites;

	assert_int_equal(start(s), 0);
	check_text(s, true, true, true);
	assert_int_equal(s->changes, 3);
	assert_true(traced(s, 0)->collected && traced(s, 1)->collected && traced(s, 3)->collected);
	assert_int_equal(traced(s, 2)->found, -ENOTSUP);
	assert_int_equal(traced(s, 4)->found, -ENOENT);
	assert_non_null(strstr(traced(s, 4)->why, "no function missing"));
	assert_int_equal(tocsin_view_account(FAKE_DOMID, &view, &sites, NULL), 0);
	assert_int_equal(sites, 3);
	assert_int_equal(xen.current, view);
	for (int i = 0; i < FAKE_VIEWS; i++)
		assert_true(!xen.exists[i] || xen.hidden[i]);
	assert_ptr_equal(tocsin_tracer_find(s->t, (uint32_t)FIXTURE_TEXT + BETA + 4), traced(s, 1));
	assert_null(tocsin_tracer_find(s->t, (uint32_t)FIXTURE_TEXT + BETA));

	tocsin_tracer_stop(s->t);
	check_text(s, false, false, false);
	assert_int_equal(xen.current, 0);
	assert_false(xen.exists[view] || xen.hidden[0] || xen.altp2m);
	assert_int_equal(xen.populated, 0);
	assert_int_equal(xen.max_pages, FAKE_FRAMES);
	assert_true(tocsin_trace_get(&xen.trace) == 0);
	/* What was recorded before may still be asked for. */
	assert_non_null(tocsin_tracer_find(s->t, (uint32_t)FIXTURE_TEXT + ALPHA));
}

static void a_page_comes_back_after_a_write(void **state)
{
	struct scene *s = *state;

	assert_int_equal(start(s), 0);
	guest_writes(s, ALPHA + 0x20, other, sizeof(other));
	assert_int_equal(xen.gaps, 1);
	check_text(s, false, false, true);
	tocsin_tracer_gap(s->t, &xen.gap, 99, 1000);
	assert_false(traced(s, 0)->collected || traced(s, 1)->collected);
	assert_true(traced(s, 3)->collected);
	assert_int_equal(tocsin_tracer_tick(s->t, 1001), 0);
	check_text(s, false, false, true);
	assert_int_equal(tocsin_tracer_tick(s->t, 1030), 0);
	check_text(s, true, true, true);
	assert_true(traced(s, 0)->collected && traced(s, 1)->collected);
	/* Reading shows the guest its own, and is a gap as well. */
	assert_memory_equal(fake_read(TEXT_GFN), s->text, TOCSIN_PAGE_SIZE);
	assert_int_equal(xen.gaps, 2);
	tocsin_tracer_gap(s->t, &xen.gap, 100, 1031);
	assert_false(traced(s, 0)->collected);
}

/* Nobody says so: the record was lost. */
static void a_silent_gap_is_found(void **state)
{
	struct scene *s = *state;

	assert_int_equal(start(s), 0);
	assert_int_equal(tocsin_tracer_tick(s->t, 5000), 0);
	guest_writes(s, DELTA + 0x20, other, sizeof(other));
	assert_true(traced(s, 3)->collected);
	assert_int_equal(tocsin_tracer_tick(s->t, 6001), 0);
	assert_false(traced(s, 3)->collected);
	assert_int_equal(tocsin_tracer_tick(s->t, 6100), 0);
	assert_true(traced(s, 3)->collected);
	check_text(s, true, true, true);
	/* Something that is no guest CPU changes the page under what is shown. */
	memcpy(s->text + DELTA + 0x30, other, sizeof(other));
	memcpy(s->f->bytes + TEXT_GFN * TOCSIN_PAGE_SIZE + DELTA + 0x30, other, sizeof(other));
	assert_int_equal(tocsin_tracer_tick(s->t, 7200), 0);
	check_text(s, true, true, false);
	assert_int_equal(tocsin_tracer_tick(s->t, 7300), 0);
	check_text(s, true, true, true);
}

static void write_before_show(struct fake_xen *x, uint64_t gfn)
{
	static const uint8_t late[] = {0x66, 0x67};

	fake_write(gfn, 0x700, late, sizeof(late));
}

static void a_write_between_copy_and_show_wins(void **state)
{
	struct scene *s = *state;

	xen.before_show = write_before_show;
	assert_int_equal(start(s), 0);
	memcpy(s->text + 0x700, "\x66\x67", 2);
	memcpy(s->text + 0x1700, "\x66\x67", 2);
	check_text(s, false, false, false);
	assert_false(traced(s, 0)->collected);
	for (int64_t ms = 30; ms < 5000; ms += 50) {
		assert_int_equal(tocsin_tracer_tick(s->t, ms), 0);
		check_text(s, false, false, false);
	}
	/* It waited longer and longer. */
	assert_true(xen.gaps < 30);
	xen.before_show = NULL;
	assert_int_equal(tocsin_tracer_tick(s->t, 7000), 0);
	check_text(s, true, true, true);
}

static void the_guests_own_ftrace_comes_first(void **state)
{
	struct scene *s = *state;
	static const uint8_t int3[] = {0xcc};

	assert_int_equal(start(s), 0);
	/* As text_poke_bp() does: a breakpoint, the rest, the first byte. */
	guest_writes(s, ALPHA, int3, 1);
	check_text(s, false, false, true);
	tocsin_tracer_gap(s->t, &xen.gap, 1, 10);
	assert_int_equal(tocsin_tracer_tick(s->t, 100), 0);
	check_text(s, false, true, true); /* beta is traced beside it */
	assert_non_null(strstr(traced(s, 0)->why, "breakpoint"));
	guest_writes(s, ALPHA + 1, call + 1, 4);
	guest_writes(s, ALPHA, call, 1);
	tocsin_tracer_gap(s->t, &xen.gap, 2, 110);
	assert_int_equal(tocsin_tracer_tick(s->t, 1200), 0);
	check_text(s, false, true, true);
	assert_non_null(strstr(traced(s, 0)->why, "ftrace"));
	assert_true(traced(s, 1)->collected);
	/* It gives the entry back. */
	guest_writes(s, ALPHA, nop, sizeof(nop));
	tocsin_tracer_gap(s->t, &xen.gap, 3, 5000);
	assert_int_equal(tocsin_tracer_tick(s->t, 6500), 0);
	check_text(s, true, true, true);
	/* Where nothing else is on the page, it is left alone until then. */
	guest_writes(s, DELTA, call, sizeof(call));
	tocsin_tracer_gap(s->t, &xen.gap, 4, 7000);
	for (int64_t ms = 7100; ms < 12000; ms += 100)
		assert_int_equal(tocsin_tracer_tick(s->t, ms), 0);
	assert_int_equal(xen.entry[xen.current][TEXT_GFN + 1].access, FAKE_OWN);
	guest_writes(s, DELTA, nop, sizeof(nop));
	assert_int_equal(tocsin_tracer_tick(s->t, 14000), 0);
	check_text(s, true, true, true);
}

static void the_guest_finds_our_frames(void **state)
{
	struct scene *s = *state;
	uint64_t ours;

	assert_int_equal(start(s), 0);
	ours = xen.entry[xen.current][TEXT_GFN].mapped;
	fake_write(ours, ALPHA, nop, sizeof(nop));
	assert_int_equal(xen.gap.gfn, ours);
	assert_false(hooked(ALPHA));
	tocsin_tracer_gap(s->t, &xen.gap, 1, 10);
	check_text(s, false, false, false);
	assert_false(traced(s, 3)->collected);
	assert_int_equal(tocsin_tracer_tick(s->t, 100), 0);
	check_text(s, true, true, true);
}

static void what_a_killed_tracer_left_is_taken_away(void **state)
{
	struct scene *s = *state;
	static const uint8_t uuid[16] = {1, 2, 3};
	struct tocsin_state again;
	struct tocsin_tracer *left;
	uint32_t view, sites;

	assert_int_equal(start(s), 0);
	/* It is gone: what it had mapped is unmapped, its lock is free, nothing else happened. */
	left = s->t;
	tocsin_state_close(&s->state);
	assert_int_equal(tocsin_state_open(s->folder, FAKE_DOMID, uuid, &again, NULL, NULL), 0);
	assert_true(again.frames == 2 && again.altp2m_ours);
	check_text(s, true, true, true);
	assert_int_equal(tocsin_view_clean(&again, NULL), 0);
	assert_int_equal(tocsin_view_account(FAKE_DOMID, &view, &sites, NULL), 0);
	assert_int_equal(view + sites + xen.populated + xen.current + xen.altp2m, 0);
	assert_int_equal(xen.max_pages, FAKE_FRAMES);
	s->state = again;
	s->t = NULL;
	/* Its frames' place is used again. */
	assert_int_equal(start(s), 0);
	assert_true(s->state.first == again.first);
	check_text(s, true, true, true);
	tocsin_tracer_stop(s->t);
	check_text(s, false, false, false);
	tocsin_tracer_close(left);
	xen.mapped = 0;
}

/* Its state speaks of frames that are this domain's own memory. */
static void a_domain_that_had_this_number_before(void **state)
{
	struct scene *s = *state;

	s->state.first = FAKE_FRAMES - 4;
	s->state.frames = 3;
	s->state.altp2m_ours = true;
	assert_int_equal(tocsin_state_write(&s->state), 0);
	assert_int_equal(start(s), 0);
	assert_true(s->state.first >= FAKE_FRAMES);
	check_text(s, true, true, true);
	tocsin_tracer_stop(s->t);
	check_text(s, false, false, false);
	assert_int_equal(xen.populated, 0);
	s->state.first = FAKE_FRAMES - 4;
	s->state.frames = 3;
	assert_int_equal(tocsin_view_clean(&s->state, NULL), 0);
	assert_int_equal(s->state.frames, 0);
	assert_int_equal(xen.max_pages, FAKE_FRAMES);
}

/* Whichever call fails, the guest is whole and nothing is left. */
static void every_failure_is_undone(void **state)
{
	struct scene *s = *state;
	int at;

	for (at = 1; at < 200; at++) {
		int rc;

		xen.calls = 0;
		xen.fail_at = at;
		rc = start(s);
		if (!rc && xen.calls < at)
			break;
		if (!rc)
			tocsin_tracer_close(s->t);
		s->t = NULL;
		xen.fail_at = 0;
		/* Undoing failed itself: somebody does it again. */
		if (xen.trace.view || xen.trace.sites || xen.populated || xen.altp2m)
			assert_int_equal(tocsin_view_clean(&s->state, NULL), 0);
		check_text(s, false, false, false);
		assert_int_equal(xen.populated + xen.current + xen.mapped, 0);
		assert_true(tocsin_trace_get(&xen.trace) == 0);
		/* Of a limit that could not be set back nothing is known any more. */
		xen.max_pages = FAKE_FRAMES;
		for (int i = 1; i < FAKE_VIEWS; i++) /* a view that Xen could not say was made */
			xen.exists[i] = false;
	}
	assert_in_range(at, 15, 100);
}

/* Who says where functions lie may lie. */
static void frames_of_ours_are_nobodys_text(void **state)
{
	struct scene *s = *state;
	struct tocsin_error err = {0};
	struct tocsin_traced f;

	assert_int_equal(start(s), 0);
	tocsin_tracer_close(s->t);
	s->t = NULL;
	tocsin_traced_find(&s->f->k, "alpha", &f);
	f.function.gpa = (s->state.first << TOCSIN_PAGE_SHIFT) + ALPHA;
	assert_int_equal(tocsin_tracer_open(&s->state, &f, 1, false, on_change, s, &s->t, &err),
			 -ERANGE);
	assert_non_null(strstr(err.message, "is not the guest's"));
	check_text(s, false, false, false);
}

static void what_cannot_be_is_said(void **state)
{
	struct scene *s = *state;
	struct tocsin_error err = {0};
	static const char *const none[] = {"missing", "gamma"};

	assert_int_equal(trace(s, none, 2, false, &err), -ENOENT);
	err = (struct tocsin_error){0};
	xen.old = true;
	assert_int_equal(trace(s, names, NAMES, false, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.message, "hypervisor/install"));
	xen.old = false;
	xen.mode = 1;
	assert_int_equal(start(s), 0);
	assert_true(tocsin_tracer_escapable(s->t));
	xen.gone = true;
	assert_int_equal(tocsin_tracer_tick(s->t, 2000), -ESRCH);
	tocsin_tracer_close(s->t);
	s->t = NULL;
	xen.gone = false;
	xen.current = 0;
}

/* ---- what is recorded once ---- */

static int start_uses(struct scene *s)
{
	return trace(s, uses, ALL_USES, true, NULL);
}

/* A call of the first of them; is it recorded? */
static bool used(uint64_t rdi)
{
	struct tocsin_trace_call c = {.rip = FIXTURE_TEXT + USE, .rdi = rdi, .rsi = 4};
	struct tocsin_trace_records records;

	assert_true(tocsin_trace_decide(&xen.trace, &c, &records));
	return records.count;
}

/* While it is not seen that files end, calls are remembered from one look to the next. */
static void what_is_remembered_is_forgotten_in_time(void **state)
{
	struct scene *s = *state;

	assert_int_equal(start_uses(s), 0);
	assert_true(traced(s, 0)->collected && traced(s, 1)->collected && traced(s, 2)->collected);
	assert_int_equal(traced(s, 4)->found, -EOPNOTSUPP); /* nothing says when sockets begin */
	assert_true(used(1));
	assert_int_equal(tocsin_tracer_tick(s->t, 10), 0);
	assert_false(used(1));
	fake_write(TEXT_GFN + END / TOCSIN_PAGE_SIZE, 0x900, other, sizeof(other));
	tocsin_tracer_gap(s->t, &xen.gap, 99, 20);
	assert_false(used(1));
	for (int64_t ms = 21; ms < 24; ms++) {
		assert_int_equal(tocsin_tracer_tick(s->t, ms), 0);
		assert_false(traced(s, 1)->collected);
		assert_true(used(1));
		assert_false(used(1));
	}
	assert_int_equal(tocsin_tracer_tick(s->t, 100), 0);
	assert_true(traced(s, 1)->collected && used(1));
	assert_int_equal(tocsin_tracer_tick(s->t, 101), 0);
	assert_false(used(1));
	/* And when records were lost. */
	tocsin_tracer_forget(s->t);
	assert_int_equal(tocsin_tracer_tick(s->t, 102), 0);
	assert_true(used(1));
	assert_int_equal(tocsin_tracer_tick(s->t, 103), 0);
	assert_false(used(1));
}

static void an_older_hypervisor_records_the_rest(void **state)
{
	struct scene *s = *state;

	xen.plain = true;
	assert_int_equal(start_uses(s), 0);
	for (int i = 0; i < ALL_USES; i++) {
		bool plain = i == 1 || i == 3;

		assert_int_equal(traced(s, i)->found, plain ? 0 : -EOPNOTSUPP);
		assert_int_equal(traced(s, i)->collected, plain);
	}
	assert_non_null(strstr(traced(s, 0)->why, "older"));
	tocsin_tracer_forget(s->t);
	assert_int_equal(tocsin_tracer_tick(s->t, 100), 0);
}

static struct tocsin_traced made_up(const char *name, unsigned int at, const char *target)
{
	struct tocsin_traced f = {.name = name, .function = {.typed = true, .count = 3}};

	f.function.parameters[at].pointer = true;
	snprintf(f.function.parameters[at].target, sizeof(f.function.parameters[at].target), "%s",
		 target);
	return f;
}

/* What is recorded once, if all is there that makes it right. */
static void first_calls_need_others(void **state)
{
	struct tocsin_traced all[] = {made_up("security_file_permission", 0, "file"),
				      made_up("security_file_free", 0, "file"),
				      made_up("schedule_tail", 0, "task_struct"),
				      made_up("vfs_open", 1, "file"),
				      made_up("security_socket_sendmsg", 0, "socket"),
				      made_up("sock_init_data", 0, "socket"),
				      made_up("security_sock_graft", 1, "socket"),
				      made_up("do_exit", 0, "")};
	struct tocsin_traced some[8];

	memcpy(some, all, sizeof(all));
	assert_true(tocsin_trace_filter(some, 8));
	assert_int_equal(some[0].flags, TOCSIN_TRACE_ONCE | TOCSIN_TRACE_ONCE_RSI);
	assert_int_equal(some[1].flags, TOCSIN_TRACE_ENDS_RDI);
	assert_int_equal(some[2].flags, TOCSIN_TRACE_THREAD | TOCSIN_TRACE_SILENT);
	assert_int_equal(some[3].flags, TOCSIN_TRACE_ENDS_RSI);
	assert_int_equal(some[4].flags, TOCSIN_TRACE_ONCE);
	assert_int_equal(some[5].flags, TOCSIN_TRACE_ENDS_RDI);
	assert_int_equal(some[6].flags, TOCSIN_TRACE_ENDS_RSI);
	assert_int_equal(some[7].flags, 0);
	for (int i = 0; i < 8; i++)
		assert_int_equal(tocsin_trace_filter_ends(&some[i]),
				 i == 1 || i == 2 || i == 3 || i == 5 || i == 6);
	tocsin_trace_filter_none(some, 8);
	for (int i = 0; i < 8; i++)
		assert_true(!some[i].flags && !some[i].found == (i && i != 2 && i != 4));

	/* Without each of those that must be there, and with a type that is not as it should be. */
	for (int i = 1; i < 8; i++) {
		memcpy(some, all, sizeof(all));
		some[i].found = -ENOENT;
		assert_int_equal(tocsin_trace_filter(some, 8), i != 2);
		assert_int_equal(some[0].found, i == 1 || i == 2 ? -EOPNOTSUPP : 0);
		assert_int_equal(some[4].found, i == 4                       ? -ENOENT
						: i == 2 || i == 5 || i == 6 ? -EOPNOTSUPP
									     : 0);
	}
	memcpy(some, all, sizeof(all));
	some[0].function.parameters[0].pointer = false;
	some[1] = made_up("security_file_free", 2, "file");
	some[6].function.typed = false;
	assert_false(tocsin_trace_filter(some, 8));
	assert_non_null(strstr(some[0].why, "file"));
	/* In older kernels another function ends files. */
	memcpy(some, all, sizeof(all));
	some[1].name = "__fput";
	assert_true(tocsin_trace_filter(some, 8));
	assert_int_equal(some[0].found, 0);
}

static void state_is_of_one_domain(void **state)
{
	struct scene *s = *state;
	static const uint8_t other_uuid[16] = {9};
	struct tocsin_state read;
	int rc;

	s->state.first = 0x1234;
	s->state.frames = 5;
	s->state.altp2m_ours = true;
	assert_int_equal(tocsin_state_write(&s->state), 0);
	if (!fork()) { /* locks are of processes */
		pid_t holder = 0;

		rc = tocsin_state_open(s->folder, FAKE_DOMID, other_uuid, &read, &holder, NULL);
		_exit(rc == -EBUSY && holder == getppid() &&
			      tocsin_state_holder(s->folder, FAKE_DOMID) == getppid()
			  ? 0
			  : 1);
	}
	assert_true(wait(&rc) > 0);
	assert_int_equal(rc, 0);
	tocsin_state_close(&s->state);
	assert_int_equal(tocsin_state_holder(s->folder, FAKE_DOMID), 0);
	assert_int_equal(tocsin_state_open(s->folder, FAKE_DOMID, other_uuid, &read, NULL, NULL),
			 0);
	assert_true(!read.first && !read.frames && !read.altp2m_ours);
	tocsin_state_close(&read);
	assert_int_equal(
	    tocsin_state_open(s->folder, FAKE_DOMID, s->state.uuid, &s->state, NULL, NULL), 0);
	assert_true(s->state.first == 0x1234 && s->state.frames == 5 && s->state.altp2m_ours);
	/* Cut short: as none. */
	assert_int_equal(ftruncate(s->state.fd, 60), 0);
	tocsin_state_close(&s->state);
	assert_int_equal(
	    tocsin_state_open(s->folder, FAKE_DOMID, s->state.uuid, &s->state, NULL, NULL), 0);
	assert_true(!s->state.first && !s->state.frames);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(functions_are_hooked),
	    TEST(a_page_comes_back_after_a_write),
	    TEST(a_silent_gap_is_found),
	    TEST(a_write_between_copy_and_show_wins),
	    TEST(the_guests_own_ftrace_comes_first),
	    TEST(the_guest_finds_our_frames),
	    TEST(what_a_killed_tracer_left_is_taken_away),
	    TEST(a_domain_that_had_this_number_before),
	    TEST(every_failure_is_undone),
	    TEST(frames_of_ours_are_nobodys_text),
	    TEST(what_cannot_be_is_said),
	    TEST(first_calls_need_others),
	    TEST(what_is_remembered_is_forgotten_in_time),
	    TEST(an_older_hypervisor_records_the_rest),
	    TEST(state_is_of_one_domain),
	};

	return cmocka_run_group_tests_name("tracer", tests, NULL, NULL);
}
