/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * YARA over a process's memory. Runs of present pages are handed to libyara as blocks, read
 * through one buffer, so that a process of any size takes bounded memory. Three bounds: bytes
 * read, pages looked up, seconds; reaching one sets truncated. A match is read a second time and
 * counts only if the bytes are still there.
 *
 * libyara sees no match across the seam of two blocks. So a block that follows a full one begins
 * with that one's last page: matches of up to a page and a byte are found wherever they lie.
 */
#include "scan/rules.h"
#include "scan/scanners.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE (1u << 20)
#define WALKS_MAX (4u << 20) /* page lookups: 16 GiB of 4 KiB pages */
#define SECONDS_MAX 60

struct walker {
	const struct tocsin_scan_target *t;
	struct tocsin_memory *memory;
	struct tocsin_findings *findings;
	size_t vma;      /* the mapping that is walked */
	uint64_t va;     /* next address in it */
	uint64_t seen;   /* pages below have been counted: the last of a full block comes twice */
	uint64_t walks;  /* page lookups so far */
	size_t bytes;    /* read so far */
	uint8_t *buffer; /* BLOCK_SIZE */
	int error;       /* the guest is gone, or the like */
	YR_MEMORY_BLOCK block;
};

/* Is the page at va present, and where? Errors other than absence end the scan. */
static bool present(struct walker *w, uint64_t va, uint64_t *gpa)
{
	struct tocsin_mapping map;
	int rc = tocsin_process_walk(w->t->kernel, w->t->process, va, &map);

	w->walks++;
	if (rc && rc != -EFAULT)
		w->error = rc;
	if (!rc)
		*gpa = map.gpa;
	return !rc;
}

/* Read the page at va to the end of the block. False: it is not there (any more). */
static bool take_page(struct walker *w, uint64_t va, const struct tocsin_vma *v)
{
	bool again = va < w->seen;
	uint64_t gpa;
	int rc;

	if (!present(w, va, &gpa))
		return false;
	w->seen = va + TOCSIN_PAGE_SIZE;
	w->findings->pages_present += !again;
	rc = tocsin_memory_read(w->memory, gpa, w->buffer + w->block.size, TOCSIN_PAGE_SIZE);
	if (!rc) {
		w->findings->pages_read += !again;
		w->block.size += TOCSIN_PAGE_SIZE;
		w->bytes += TOCSIN_PAGE_SIZE;
		return true;
	}
	if (rc != -EFAULT)
		w->error = rc;
	else if (!present(w, va, &gpa))
		w->findings->pages_torn++; /* it went away between the two */
	else if (!v->special)
		tocsin_scan_unreadable(w->findings, "yara", "a present page cannot be read");
	return false;
}

static bool out_of_bounds(struct walker *w)
{
	if (w->walks < WALKS_MAX && (!w->t->max_bytes || w->bytes < w->t->max_bytes))
		return false;
	w->findings->truncated = true;
	return true;
}

/* The next run of present pages in the mapping v, from w->va on. */
static bool next_run(struct walker *w, const struct tocsin_vma *v)
{
	if (w->block.size == BLOCK_SIZE && w->va > v->start && w->va < v->end)
		w->va -= TOCSIN_PAGE_SIZE;
	w->block.size = 0;
	while (w->va < v->end && w->block.size < BLOCK_SIZE && !w->error && !out_of_bounds(w)) {
		uint64_t va = w->va;

		w->va += TOCSIN_PAGE_SIZE;
		if (take_page(w, va, v)) {
			if (w->block.size == TOCSIN_PAGE_SIZE)
				w->block.base = va;
		} else if (w->block.size) {
			break;
		}
	}
	return w->block.size;
}

static YR_MEMORY_BLOCK *next_block(YR_MEMORY_BLOCK_ITERATOR *it)
{
	struct walker *w = it->context;
	const struct tocsin_vma_list *list = w->t->vmas;

	it->last_error = ERROR_SUCCESS;
	for (; w->vma < list->count; w->vma++, w->va = 0) {
		const struct tocsin_vma *v = &list->rows[w->vma];

		if (v->confidence == TOCSIN_TORN)
			continue;
		if (w->va < v->start)
			w->va = v->start;
		if (next_run(w, v))
			return &w->block;
		if (w->error || w->va < v->end)
			return NULL; /* a bound, which next_run has noted */
	}
	return NULL;
}

static YR_MEMORY_BLOCK *first_block(YR_MEMORY_BLOCK_ITERATOR *it)
{
	struct walker *w = it->context;

	w->vma = 0;
	w->va = 0;
	return next_block(it);
}

static const uint8_t *fetch(YR_MEMORY_BLOCK *block)
{
	return ((struct walker *)block->context)->buffer;
}

static enum tocsin_severity severity_of(const char *name)
{
	enum tocsin_severity s;

	for (s = TOCSIN_SEVERITY_INFO; s <= TOCSIN_SEVERITY_CRITICAL; s++)
		if (!strcmp(name, tocsin_severity_name(s)))
			return s;
	return TOCSIN_SEVERITY_HIGH;
}

/* The first match of the rule that is still there; NULL: none. */
static const YR_MATCH *standing_match(struct walker *w, YR_SCAN_CONTEXT *context, YR_RULE *rule,
				      bool *any)
{
	uint8_t now[TOCSIN_EVIDENCE_SIZE];
	YR_STRING *string;
	YR_MATCH *match;

	yr_rule_strings_foreach(rule, string)
	{
		yr_string_matches_foreach(context, string, match)
		{
			size_t n = (size_t)match->data_length;

			*any = true;
			if (n > sizeof(now))
				n = sizeof(now);
			if (!tocsin_process_read(w->t->kernel, w->t->process,
						 match->base + (uint64_t)match->offset, now, n,
						 NULL) &&
			    !memcmp(now, match->data, n))
				return match;
		}
	}
	return NULL;
}

static void add_rule(struct walker *w, YR_SCAN_CONTEXT *context, YR_RULE *rule)
{
	const char *severity = "high", *why = "A rule of the provider describes this";
	const YR_MATCH *match;
	struct tocsin_finding *f;
	bool any = false;
	char name[64];
	YR_META *meta;

	match = standing_match(w, context, rule, &any);
	if (any && !match) {
		w->findings->pages_torn++;
		return;
	}
	yr_rule_metas_foreach(rule, meta)
	{
		if (meta->type == META_TYPE_STRING && !strcmp(meta->identifier, "severity"))
			severity = meta->string;
		else if (meta->type == META_TYPE_STRING && !strcmp(meta->identifier, "why"))
			why = meta->string;
	}
	snprintf(name, sizeof(name), "yara.%.58s", rule->identifier);
	f = tocsin_findings_add(w->findings, "yara", name, severity_of(severity));
	if (!f)
		return;
	snprintf(f->what, sizeof(f->what), "the rule %.128s matches", rule->identifier);
	snprintf(f->why, sizeof(f->why), "%s", why);
	if (!match)
		return;
	f->start = match->base + (uint64_t)match->offset;
	f->end = f->start + (uint64_t)match->match_length;
	f->evidence_size = (size_t)match->data_length;
	if (f->evidence_size > sizeof(f->evidence))
		f->evidence_size = sizeof(f->evidence);
	memcpy(f->evidence, match->data, f->evidence_size);
}

static int on_message(YR_SCAN_CONTEXT *context, int message, void *data, void *user)
{
	struct walker *w = user;

	if (message == CALLBACK_MSG_RULE_MATCHING)
		add_rule(w, context, data);
	else if (message == CALLBACK_MSG_TOO_MANY_MATCHES)
		w->findings->truncated = true; /* libyara goes on without that string */
	return CALLBACK_CONTINUE;
}

int tocsin_scan_yara(const struct tocsin_scan_target *t, struct tocsin_findings *findings,
		     struct tocsin_error *err)
{
	struct walker w = {.t = t, .findings = findings};
	YR_MEMORY_BLOCK_ITERATOR it = {.context = &w, .first = first_block, .next = next_block};
	int bad;

	if (!t->rules)
		return 0;
	w.buffer = malloc(BLOCK_SIZE);
	if (!w.buffer)
		return tocsin_error_set(err, -ENOMEM, "no memory for a block");
	w.memory = tocsin_kernel_memory(t->kernel);
	w.block.context = &w;
	w.block.fetch_data = fetch;
	bad = yr_rules_scan_mem_blocks(t->rules->yara, &it, SCAN_FLAGS_REPORT_RULES_MATCHING,
				       on_message, &w, SECONDS_MAX);
	free(w.buffer);
	if (w.error)
		return tocsin_error_set(err, w.error, "memory cannot be read: %s",
					strerror(-w.error));
	if (bad == ERROR_SCAN_TIMEOUT) {
		findings->truncated = true;
		return tocsin_error_set(err, -ETIMEDOUT, "rules took more than %d seconds",
					SECONDS_MAX);
	}
	if (bad)
		return tocsin_error_set(err, -EIO, "libyara failed with its error %d", bad);
	return 0;
}
