// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages of text, and when each is traced.
 *
 * A page is traced in this order: it is protected from writing, copied, the copy's sites become
 * hooks, and the copy is shown instead of it. The hypervisor refuses the last step if the guest has
 * written meanwhile, so a copy that is shown is what the guest's page holds, but for the hooks.
 * When the guest reads or writes the page afterwards it gets its own page back, and some time later
 * this begins anew. The wait doubles while the guest goes on, so that one that patches without end
 * costs little.
 *
 * Each page is one instruction at a time: a hook is a single instruction in place of a single one,
 * so it does not matter where a vCPU is when pages change.
 */
#include "trace/filter.h"
#include "trace/view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_FIRST_MS 20
#define WAIT_LAST_MS 1000
#define CALM_MS 2000  /* traced so long: the next wait is the first one again */
#define CHECK_MS 1000 /* whether all is as it should be */

struct page {
	uint64_t gfn;
	const uint8_t *original;
	uint8_t *copy; /* of the original, as it was shown */
	uint32_t frame;
	bool shown;
	int64_t since_ms; /* shown */
	int64_t next_ms;  /* when to try next */
	int64_t wait_ms;
};

struct tocsin_tracer {
	struct tocsin_view *view;
	struct tocsin_traced *functions;
	size_t count;
	struct page *pages;
	uint32_t page_count;
	tocsin_tracer_fn fn;
	void *context;
	int64_t checked_ms;
	bool first;  /* of some functions only first calls are recorded */
	bool forget; /* what is remembered of calls may be of what has ended meanwhile */
};

static bool on_page(const struct tocsin_traced *f, const struct page *p)
{
	return !f->found && f->function.gpa / TOCSIN_PAGE_SIZE == p->gfn;
}

/* why NULL: it is collected. */
static void set_collected(struct tocsin_tracer *t, struct tocsin_traced *f, const char *why,
			  uint64_t tsc)
{
	if (f->collected ? !why : why && !strcmp(f->why, why))
		return;
	f->collected = !why;
	snprintf(f->why, sizeof(f->why), "%s", why ? why : "");
	if (t->fn)
		t->fn(t->context, f, tsc);
}

static void lost_page(struct tocsin_tracer *t, struct page *p, const char *why, uint64_t tsc,
		      int64_t now_ms)
{
	if (p->shown && now_ms - p->since_ms >= CALM_MS)
		p->wait_ms = WAIT_FIRST_MS;
	p->shown = false;
	p->next_ms = now_ms + p->wait_ms;
	p->wait_ms = p->wait_ms * 2 < WAIT_LAST_MS ? p->wait_ms * 2 : WAIT_LAST_MS;
	for (size_t i = 0; i < t->count; i++) {
		if (!on_page(&t->functions[i], p))
			continue;
		set_collected(t, &t->functions[i], why, tsc);
		t->forget |= tocsin_trace_filter_ends(&t->functions[i]);
	}
}

/* What the guest has at a function's site in these bytes of its page. */
static enum tocsin_entry entry_in(const struct tocsin_traced *f, const uint8_t *page)
{
	return tocsin_entry_of(page + f->function.gpa % TOCSIN_PAGE_SIZE);
}

static bool any_free(const struct tocsin_tracer *t, const struct page *p)
{
	for (size_t i = 0; i < t->count; i++)
		if (on_page(&t->functions[i], p) &&
		    entry_in(&t->functions[i], p->original) == TOCSIN_ENTRY_FREE)
			return true;
	return false;
}

/* The copy becomes what is to be shown. */
static void put_hooks(struct tocsin_tracer *t, const struct page *p)
{
	static const uint8_t hook[] = TOCSIN_SITE_HOOK;
	uint8_t *frame = tocsin_view_frame(t->view, p->frame);

	memcpy(frame, p->copy, TOCSIN_PAGE_SIZE);
	for (size_t i = 0; i < t->count; i++) {
		const struct tocsin_traced *f = &t->functions[i];

		if (on_page(f, p) && entry_in(f, p->copy) == TOCSIN_ENTRY_FREE)
			memcpy(frame + f->function.gpa % TOCSIN_PAGE_SIZE, hook, sizeof(hook));
	}
}

static void report_page(struct tocsin_tracer *t, const struct page *p)
{
	for (size_t i = 0; i < t->count; i++) {
		struct tocsin_traced *f = &t->functions[i];
		enum tocsin_entry entry;

		if (!on_page(f, p))
			continue;
		entry = entry_in(f, p->shown ? p->copy : p->original);
		if (entry != TOCSIN_ENTRY_FREE)
			set_collected(t, f, tocsin_entry_text(entry), 0);
		else if (p->shown)
			set_collected(t, f, NULL, 0);
	}
}

/* Trace a page. What the guest prevents is no error: it is tried again. */
static int show_page(struct tocsin_tracer *t, struct page *p, int64_t now_ms)
{
	int rc;

	if (!any_free(t, p)) {
		p->next_ms = now_ms + WAIT_LAST_MS;
		report_page(t, p);
		return 0;
	}
	/* Whatever is there: the guest's own, which nobody writes to from then on. */
	rc = tocsin_view_release(t->view, p->gfn);
	if (!rc)
		rc = tocsin_view_protect(t->view, p->gfn);
	if (!rc) {
		memcpy(p->copy, p->original, TOCSIN_PAGE_SIZE);
		put_hooks(t, p);
		rc = tocsin_view_show(t->view, p->gfn, p->frame);
	}
	if (rc == -EAGAIN) {
		lost_page(t, p, "the guest writes to its page", 0, now_ms);
		return 0;
	}
	if (rc)
		return rc;
	p->shown = true;
	p->since_ms = now_ms;
	report_page(t, p);
	return 0;
}

/* Pages that are not shown any more though nobody said so, or show what is old. */
static int check_page(struct tocsin_tracer *t, struct page *p, int64_t now_ms)
{
	const char *why = NULL;
	bool shown = false;
	int rc = tocsin_view_shown(t->view, p->gfn, &shown);

	if (rc)
		return rc;
	if (!shown) {
		why = "its page was taken out of the view";
	} else if (memcmp(p->copy, p->original, TOCSIN_PAGE_SIZE)) {
		/* Only what does not go through the guest's own memory can do this: a device. */
		rc = tocsin_view_release(t->view, p->gfn);
		why = "its page was written from outside";
	}
	if (why)
		lost_page(t, p, why, 0, now_ms);
	return rc;
}

void tocsin_tracer_forget(struct tocsin_tracer *t)
{
	t->forget = true;
}

/* While it is not seen that something ends, calls are remembered from one look to the next only. */
static int forget(struct tocsin_tracer *t)
{
	if (!t->first || !t->forget)
		return 0;
	t->forget = false;
	for (size_t i = 0; i < t->count; i++)
		t->forget |=
		    tocsin_trace_filter_ends(&t->functions[i]) && !t->functions[i].collected;
	return tocsin_view_forget_calls(t->view);
}

int tocsin_tracer_tick(struct tocsin_tracer *t, int64_t now_ms)
{
	bool check = now_ms - t->checked_ms >= CHECK_MS;
	int rc = 0;

	if (check)
		t->checked_ms = now_ms;
	for (uint32_t i = 0; i < t->page_count && !rc; i++) {
		struct page *p = &t->pages[i];

		if (p->shown && check)
			rc = check_page(t, p, now_ms);
		else if (!p->shown && now_ms >= p->next_ms)
			rc = show_page(t, p, now_ms);
	}
	return rc ? rc : forget(t);
}

/* The guest found a frame of ours where it lies and touched it: whose copy is it? */
static struct page *page_of_gap(struct tocsin_tracer *t, uint64_t gfn)
{
	for (uint32_t i = 0; i < t->page_count; i++) {
		struct page *p = &t->pages[i];

		if (p->gfn == gfn)
			return p;
	}
	return NULL;
}

void tocsin_tracer_gap(struct tocsin_tracer *t, const struct tocsin_gap_record *gap, uint64_t tsc,
		       int64_t now_ms)
{
	struct page *p = page_of_gap(t, gap->gfn);

	if (p) {
		if (p->shown)
			lost_page(t, p,
				  gap->access & TOCSIN_GAP_WRITE ? "the guest wrote to its page"
								 : "the guest read its page",
				  tsc, now_ms);
		return;
	}
	if (!t->view || !tocsin_view_is_frame(t->view, gap->gfn))
		return;
	/* It could have changed any of them: all anew. */
	for (uint32_t i = 0; i < t->page_count; i++) {
		p = &t->pages[i];
		if (!p->shown)
			continue;
		tocsin_view_release(t->view, p->gfn);
		lost_page(t, p, "the guest touched what traces it", tsc, now_ms);
	}
}

/* ---- beginning and end ---- */

static int any_found(const struct tocsin_tracer *t, struct tocsin_error *err)
{
	for (size_t i = 0; i < t->count; i++)
		if (!t->functions[i].found)
			return 0;
	return tocsin_error_set(err, -ENOENT, "none of the functions can be traced: %s",
				t->count ? t->functions[0].why : "none is named");
}

static int make_pages(struct tocsin_tracer *t)
{
	t->pages = calloc(t->count, sizeof(*t->pages));
	if (!t->pages)
		return -ENOMEM;
	for (size_t i = 0; i < t->count; i++) {
		const struct tocsin_traced *f = &t->functions[i];
		uint64_t gfn = f->function.gpa / TOCSIN_PAGE_SIZE;
		struct page *p = &t->pages[t->page_count];

		if (f->found || page_of_gap(t, gfn))
			continue;
		*p = (struct page){.gfn = gfn, .frame = t->page_count, .wait_ms = WAIT_FIRST_MS};
		p->copy = malloc(TOCSIN_PAGE_SIZE);
		if (!p->copy)
			return -ENOMEM;
		t->page_count++;
	}
	return 0;
}

static int map_pages(struct tocsin_tracer *t, struct tocsin_error *err)
{
	for (uint32_t i = 0; i < t->page_count; i++) {
		struct page *p = &t->pages[i];

		if (tocsin_view_is_frame(t->view, p->gfn))
			return tocsin_error_set(err, -ERANGE,
						"frame 0x%" PRIx64 " is not the guest's", p->gfn);
		p->original = tocsin_view_map(t->view, p->gfn);
		if (!p->original)
			return tocsin_error_set(err, errno ? -errno : -EFAULT,
						"cannot map frame 0x%" PRIx64 " of the guest",
						p->gfn);
	}
	return 0;
}

static int name_site(struct tocsin_tracer *t, const struct tocsin_traced *traced,
		     struct tocsin_error *err)
{
	const struct tocsin_function *f = &traced->function;
	bool wide = !f->typed || f->count > 1;

	if (f->site != TOCSIN_SITE_VA((uint32_t)f->site))
		return tocsin_error_set(err, -ERANGE, "%s lies outside the kernel's text",
					traced->name);
	return tocsin_view_site(t->view, (uint32_t)f->site,
				(wide ? TOCSIN_TRACE_WIDE : TOCSIN_TRACE_SITE) | traced->flags,
				err);
}

static int name_sites(struct tocsin_tracer *t, struct tocsin_error *err)
{
	int rc = 0;

	for (size_t i = 0; i < t->count && !rc; i++) {
		if (t->functions[i].found)
			continue;
		rc = name_site(t, &t->functions[i], err);
		if (rc != -EINVAL || !t->functions[i].flags)
			continue;
		/* Sites that are named already mean the same without flags. */
		tocsin_trace_filter_none(t->functions, t->count);
		t->first = false;
		rc = t->functions[i].found ? 0 : name_site(t, &t->functions[i], err);
	}
	return rc;
}

static int begin(struct tocsin_tracer *t, struct tocsin_state *state, struct tocsin_error *err)
{
	int rc = make_pages(t);

	if (rc)
		return tocsin_error_set(err, rc, "out of memory");
	rc = tocsin_view_open(state, t->page_count, &t->view, err);
	if (!rc)
		rc = map_pages(t, err);
	if (!rc)
		rc = name_sites(t, err);
	if (!rc)
		rc = tocsin_view_enter(t->view, err);
	if (rc)
		return rc;
	rc = tocsin_tracer_tick(t, 0);
	if (rc)
		return tocsin_error_set(err, rc, "cannot trace the first page: %s", strerror(-rc));
	return 0;
}

int tocsin_tracer_open(struct tocsin_state *state, const struct tocsin_traced *functions,
		       size_t count, bool first, tocsin_tracer_fn fn, void *context,
		       struct tocsin_tracer **ret, struct tocsin_error *err)
{
	struct tocsin_tracer *t = calloc(1, sizeof(*t));
	int rc;

	if (t)
		t->functions = calloc(count ? count : 1, sizeof(*t->functions));
	if (!t || !t->functions) {
		free(t);
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	}
	if (count)
		memcpy(t->functions, functions, count * sizeof(*functions));
	t->count = count;
	t->fn = fn;
	t->context = context;
	rc = any_found(t, err);
	if (!rc && first)
		t->first = t->forget = tocsin_trace_filter(t->functions, count);
	if (!rc)
		rc = begin(t, state, err);
	if (rc) {
		tocsin_tracer_close(t);
		return rc;
	}
	*ret = t;
	return 0;
}

void tocsin_tracer_stop(struct tocsin_tracer *t)
{
	for (uint32_t i = 0; i < t->page_count; i++) {
		if (t->pages[i].original)
			tocsin_view_unmap(t->view, t->pages[i].original);
		free(t->pages[i].copy);
	}
	t->page_count = 0;
	tocsin_view_close(t->view);
	t->view = NULL;
}

void tocsin_tracer_close(struct tocsin_tracer *t)
{
	if (!t)
		return;
	tocsin_tracer_stop(t);
	free(t->pages);
	free(t->functions);
	free(t);
}

const struct tocsin_traced *tocsin_tracer_list(const struct tocsin_tracer *t, size_t *count)
{
	*count = t->count;
	return t->functions;
}

const struct tocsin_traced *tocsin_tracer_find(const struct tocsin_tracer *t, uint32_t site)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct tocsin_traced *f = &t->functions[i];

		if (!f->found && (uint32_t)f->function.site == site)
			return f;
	}
	return NULL;
}

bool tocsin_tracer_escapable(const struct tocsin_tracer *t)
{
	return tocsin_view_escapable(t->view);
}
