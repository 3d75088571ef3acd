/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * YARA over a process's memory, in blocks (blocks.h), so that a process of any size takes bounded
 * memory. Bounds: bytes and pages looked at, seconds, memory for matches; reaching one sets
 * truncated. A match is read a second time and counts only if the bytes are still there.
 *
 * libyara scans with one thread. A large process is gone through twice: first several threads, each
 * with a scanner of its own, note in which blocks any string of any rule is found; then one scanner
 * sees these blocks in order, and decides about the rules. So counts, offsets and combinations of
 * strings are as if one had seen everything. Rules that read memory by themselves, and strings in
 * several parts, of which one may lie far from the other, are left to one thread.
 *
 * libyara looks at one byte after the other. So of a block it is given only the windows in which a
 * string could be (sieve.h), unless that is most of it: then the next blocks are not even sifted.
 * Rules that read memory by themselves do so after that, and see all of it.
 */
#include "base/pulse.h"
#include "base/room.h"
#include "scan/blocks.h"
#include "scan/rules.h"
#include "scan/scanners.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECONDS_MAX 60
#define MEMORY_MAX (256u << 20)
#define MATCH_COST 160u   /* bytes that libyara takes for one, data included */
#define SPLIT (16u << 20) /* bytes of mappings for each thread, at least */
#define THREADS_MAX 64u
#define UNSIFTED 15u /* blocks that follow one of which most had to be scanned */

struct search {
	const struct tocsin_scan_target *t;
	struct tocsin_findings *findings;
	struct tocsin_block_range *ranges;
	size_t range_count;
	struct timespec deadline;
	size_t torn_rules; /* that matched, and of which nothing was left */
};

/* One thread's part: a scanner, and where it stands. */
struct worker {
	struct search *s;
	struct tocsin_blocks *blocks;
	struct tocsin_block block;
	YR_SCANNER *scanner;
	/* of the block: what is given to libyara */
	struct tocsin_window windows[TOCSIN_BLOCK_SIZE / TOCSIN_WINDOW_GAP + 1];
	size_t window, window_count;
	unsigned int unsifted; /* so many blocks still */
	bool begun;            /* libyara has seen something */
	bool again;            /* rules read memory by themselves now */
	YR_MEMORY_BLOCK yara;
	size_t matches, matches_max;
	bool decides;    /* about rules; else it only notes blocks */
	bool truncated;  /* a bound of its own was reached */
	uint64_t *marks; /* where blocks begin in which there was something new */
	size_t mark_count, mark_room;
	int bad; /* libyara's error */
};

static void mark(struct worker *w, uint64_t base)
{
	if (w->mark_count && w->marks[w->mark_count - 1] == base)
		return;
	if (!TOCSIN_ROOM(w->marks, w->mark_room, w->mark_count)) {
		w->bad = ERROR_INSUFFICIENT_MEMORY;
		return;
	}
	w->marks[w->mark_count++] = base;
}

/* The block is done: is there anything in it, and room for more? */
static bool go_on(struct worker *w)
{
	uint32_t strings = w->s->t->rules->yara->num_strings;
	size_t count = 0;

	for (uint32_t i = 0; i < strings; i++)
		count += (size_t)w->scanner->matches[i].count +
			 (size_t)w->scanner->unconfirmed_matches[i].count;
	if (count != w->matches && !w->decides)
		mark(w, w->block.base);
	w->matches = count;
	/* Matches cost memory, and what is scanned may consist of nothing else. */
	w->truncated |= count > w->matches_max;
	return count <= w->matches_max && !w->bad;
}

static bool is_late(const struct search *s)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec >= s->deadline.tv_sec;
}

static void see_all(struct worker *w, size_t size)
{
	w->windows[0] = (struct tocsin_window){0, (uint32_t)size};
	w->window_count = 1;
}

/* What of the block libyara is to see. When it is late, all: it looks at the clock. */
static void sift(struct worker *w)
{
	const struct tocsin_rules *rules = w->s->t->rules;
	size_t size = w->block.size;

	w->window = 0;
	if (!rules->sieve || w->again || w->unsifted || is_late(w->s)) {
		w->unsifted -= w->unsifted > 0;
		see_all(w, size);
		return;
	}
	w->window_count = tocsin_sieve_windows(rules->sieve, w->block.data, size, w->windows);
	if (w->window_count == 1 && w->windows[0].end - w->windows[0].start == size)
		w->unsifted = UNSIFTED;
	if (w->window_count && rules->parts)
		see_all(w, size);
	if (!w->window_count && !w->begun) /* without any block libyara would decide nothing */
		see_all(w, TOCSIN_PAGE_SIZE);
}

static YR_MEMORY_BLOCK *next_block(YR_MEMORY_BLOCK_ITERATOR *it)
{
	struct worker *w = it->context;
	const struct tocsin_window *window;

	it->last_error = ERROR_SUCCESS;
	while (w->window == w->window_count) {
		if (!go_on(w) || !tocsin_blocks_next(w->blocks, &w->block))
			return NULL;
		sift(w);
	}
	window = &w->windows[w->window++];
	w->begun = true;
	w->yara.base = w->block.base + window->start;
	w->yara.size = window->end - window->start;
	return &w->yara;
}

/* Rules that read memory by themselves go through it once more. */
static YR_MEMORY_BLOCK *first_block(YR_MEMORY_BLOCK_ITERATOR *it)
{
	struct worker *w = it->context;

	w->again = w->begun;
	if (w->decides) {
		tocsin_blocks_again(w->blocks);
		w->block.next = w->block.pages = 0;
		w->window = w->window_count = 0;
	}
	return next_block(it);
}

static const uint8_t *fetch(YR_MEMORY_BLOCK *block)
{
	const struct worker *w = block->context;

	return w->block.data + (block->base - w->block.base);
}

static enum tocsin_severity severity_of(const char *name)
{
	enum tocsin_severity s;

	for (s = TOCSIN_SEVERITY_INFO; s <= TOCSIN_SEVERITY_CRITICAL; s++)
		if (!strcmp(name, tocsin_severity_name(s)))
			return s;
	return TOCSIN_SEVERITY_HIGH;
}

/* libyara packs its matches without alignment, and reads them so itself. */
#define UNALIGNED __attribute__((no_sanitize("alignment")))

/* The first match of the rule that is still there; NULL: none. */
UNALIGNED static const YR_MATCH *standing_match(struct worker *w, YR_SCAN_CONTEXT *context,
						YR_RULE *rule, bool *any)
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
			if (!tocsin_process_read(w->s->t->kernel, w->s->t->process,
						 match->base + (uint64_t)match->offset, now, n,
						 NULL) &&
			    !memcmp(now, match->data, n))
				return match;
		}
	}
	return NULL;
}

UNALIGNED static void add_rule(struct worker *w, YR_SCAN_CONTEXT *context, YR_RULE *rule)
{
	const char *severity = "high", *why = "A rule of the provider describes this";
	const YR_MATCH *match;
	struct tocsin_finding *f;
	bool any = false;
	char name[64];
	YR_META *meta;

	match = standing_match(w, context, rule, &any);
	if (any && !match) {
		w->s->findings->pages_torn++;
		w->s->torn_rules++;
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
	f = tocsin_findings_add(w->s->findings, "yara", name, severity_of(severity));
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

/* ---- several threads ---- */

static int on_message(YR_SCAN_CONTEXT *context, int message, void *data, void *user)
{
	struct worker *w = user;

	if (message == CALLBACK_MSG_RULE_MATCHING && w->decides)
		add_rule(w, context, data);
	else if (message == CALLBACK_MSG_TOO_MANY_MATCHES)
		w->truncated = true; /* libyara goes on without that string */
	return CALLBACK_CONTINUE;
}

static int seconds_left(const struct search *s)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec < s->deadline.tv_sec ? (int)(s->deadline.tv_sec - now.tv_sec) : 1;
}

/* A scanner over the blocks that are left. */
static void *work(void *context)
{
	struct worker *w = context;
	YR_MEMORY_BLOCK_ITERATOR it = {.context = w, .first = first_block, .next = next_block};
	int flags = SCAN_FLAGS_REPORT_RULES_MATCHING | SCAN_FLAGS_NO_TRYCATCH;
	int bad;

	w->block.bytes = malloc(TOCSIN_BLOCK_SIZE);
	if (!w->block.bytes || yr_scanner_create(w->s->t->rules->yara, &w->scanner)) {
		free(w->block.bytes);
		w->bad = ERROR_INSUFFICIENT_MEMORY;
		return NULL;
	}
	w->yara.context = w;
	w->yara.fetch_data = fetch;
	yr_scanner_set_callback(w->scanner, on_message, w);
	/* Where it is enough to know that a string is somewhere, its first match will do. */
	yr_scanner_set_flags(w->scanner, w->decides ? flags : flags | SCAN_FLAGS_FAST_MODE);
	yr_scanner_set_timeout(w->scanner, seconds_left(w->s));
	tocsin_pulse_pause();
	bad = yr_scanner_scan_mem_blocks(w->scanner, &it);
	tocsin_pulse_resume();
	if (bad)
		w->bad = bad;
	yr_scanner_destroy(w->scanner);
	free(w->block.bytes);
	return NULL;
}

/* What a pass over blocks could not see. */
static void take_notes(struct search *s, const struct tocsin_blocks *b, bool all)
{
	struct tocsin_findings *f = s->findings;

	f->pages_torn += b->torn;
	f->truncated |= b->truncated;
	if (all) {
		f->pages_present += b->present;
		f->pages_read += b->read;
	}
	if (b->unreadable)
		tocsin_scan_unreadable(f, "yara", "a present page cannot be read");
}

static int explain(const struct tocsin_blocks *b, int bad, struct tocsin_error *err)
{
	if (b->error)
		return tocsin_error_set(err, b->error, "memory cannot be read: %s",
					strerror(-b->error));
	if (bad == ERROR_SCAN_TIMEOUT)
		return tocsin_error_set(err, -ETIMEDOUT, "rules took too long");
	if (bad == ERROR_INSUFFICIENT_MEMORY)
		return tocsin_error_set(err, -ENOMEM, "no memory for scanning with rules");
	return bad ? tocsin_error_set(err, -EIO, "libyara failed with its error %d", bad) : 0;
}

static size_t matches_max(const struct search *s, unsigned int threads)
{
	size_t memory = s->t->limits.memory ? s->t->limits.memory : MEMORY_MAX;

	return memory / MATCH_COST / threads;
}

/* One thread over the ranges, which decides. all: they are all there is. */
static int decide(struct search *s, const struct tocsin_block_range *ranges, size_t count, bool all,
		  struct tocsin_error *err)
{
	struct tocsin_blocks blocks;
	struct worker w = {
	    .s = s, .blocks = &blocks, .decides = true, .matches_max = matches_max(s, 1)};

	tocsin_blocks_begin(&blocks, s->t, ranges, count);
	blocks.in_place = !s->t->rules->whole;
	work(&w);
	take_notes(s, &blocks, all);
	s->findings->truncated |= w.truncated || w.bad == ERROR_SCAN_TIMEOUT;
	return explain(&blocks, w.bad, err);
}

static int by_base(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The blocks that begin at the marks, clipped to the ranges, as ranges that lie apart. */
static size_t ranges_of(const struct search *s, uint64_t *marks, size_t count,
			struct tocsin_block_range *ret)
{
	size_t n = 0, r = 0;

	if (count)
		qsort(marks, count, sizeof(*marks), by_base);
	for (size_t i = 0; i < count; i++) {
		uint64_t end = marks[i] + TOCSIN_BLOCK_SIZE;

		while (r < s->range_count && s->ranges[r].end <= marks[i])
			r++;
		if (r == s->range_count)
			break;
		if (end > s->ranges[r].end)
			end = s->ranges[r].end;
		if (n && ret[n - 1].end >= marks[i] && ret[n - 1].start >= s->ranges[r].start)
			ret[n - 1].end = end;
		else
			ret[n++] = (struct tocsin_block_range){marks[i], end, s->ranges[r].special};
	}
	return n;
}

/* The marks of all workers into one of them. */
static int gather(struct worker *workers, unsigned int n)
{
	for (unsigned int i = 1; i < n; i++) {
		struct worker *w = &workers[i];

		for (size_t m = 0; m < w->mark_count && !workers[0].bad; m++)
			mark(&workers[0], w->marks[m]);
		free(w->marks);
		workers[0].truncated |= w->truncated;
		if (w->bad && !workers[0].bad)
			workers[0].bad = w->bad;
	}
	return workers[0].bad;
}

/* Go through everything with n threads, and decide over the blocks in which there is something. */
static int split(struct search *s, struct worker *workers, unsigned int n, struct tocsin_error *err)
{
	struct tocsin_blocks blocks;
	struct tocsin_block_range *ranges = NULL;
	pthread_t threads[THREADS_MAX];
	unsigned int begun = 0;
	int rc, bad;

	tocsin_blocks_begin(&blocks, s->t, s->ranges, s->range_count);
	blocks.in_place = true;
	for (unsigned int i = 0; i < n; i++) {
		workers[i].s = s;
		workers[i].blocks = &blocks;
		workers[i].matches_max = matches_max(s, n);
	}
	while (begun + 1 < n && !pthread_create(&threads[begun], NULL, work, &workers[begun + 1]))
		begun++;
	work(&workers[0]);
	for (unsigned int i = 0; i < begun; i++)
		pthread_join(threads[i], NULL);
	bad = gather(workers, begun + 1);
	take_notes(s, &blocks, true);
	s->findings->truncated |= workers[0].truncated || bad == ERROR_SCAN_TIMEOUT;
	rc = explain(&blocks, bad, err);
	if (!rc)
		ranges = calloc(workers[0].mark_count + 1, sizeof(*ranges));
	if (!rc && !ranges)
		rc = tocsin_error_set(err, -ENOMEM, "no memory for scanning with rules");
	if (!rc)
		rc =
		    decide(s, ranges, ranges_of(s, workers[0].marks, workers[0].mark_count, ranges),
			   false, err);
	free(workers[0].marks);
	free(ranges);
	return rc;
}

static int scan_split(struct search *s, unsigned int n, struct tocsin_error *err)
{
	size_t before = s->findings->count, dropped = s->findings->dropped;
	struct worker *workers = calloc(n, sizeof(*workers));
	int rc;

	if (!workers)
		return tocsin_error_set(err, -ENOMEM, "no memory for scanning with rules");
	rc = split(s, workers, n, err);
	free(workers);
	if (rc || !s->torn_rules)
		return rc;
	/* Only the first match of some strings was kept, and it is gone: look at all of them. */
	s->findings->count = before;
	s->findings->dropped = dropped;
	return decide(s, s->ranges, s->range_count, false, err);
}

/* How many threads are worth it. */
static unsigned int threads_for(const struct search *s)
{
	unsigned int n = s->t->limits.threads;
	uint64_t size = 0;

	for (size_t i = 0; i < s->range_count; i++)
		size += s->ranges[i].end - s->ranges[i].start;
	if (size / SPLIT < n)
		n = (unsigned int)(size / SPLIT);
	return s->t->rules->whole ? 1 : n < THREADS_MAX ? n : THREADS_MAX;
}

int tocsin_scan_yara(const struct tocsin_scan_target *t, struct tocsin_findings *findings,
		     struct tocsin_error *err)
{
	struct search s = {.t = t, .findings = findings};
	unsigned int n;
	int rc;

	if (!t->rules)
		return 0;
	s.ranges = calloc(t->vmas->count + 1, sizeof(*s.ranges));
	if (!s.ranges)
		return tocsin_error_set(err, -ENOMEM, "no memory for scanning with rules");
	for (size_t i = 0; i < t->vmas->count; i++) {
		const struct tocsin_vma *v = &t->vmas->rows[i];

		if (v->confidence != TOCSIN_TORN)
			s.ranges[s.range_count++] =
			    (struct tocsin_block_range){v->start, v->end, v->special};
	}
	clock_gettime(CLOCK_MONOTONIC, &s.deadline);
	s.deadline.tv_sec += t->limits.seconds ? t->limits.seconds : SECONDS_MAX;
	n = threads_for(&s);
	rc = n > 1 ? scan_split(&s, n, err) : decide(&s, s.ranges, s.range_count, true, err);
	free(s.ranges);
	return rc;
}
