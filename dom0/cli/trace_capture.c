// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which interfaces a domain has, Linux' own backend says: the devices vif-DOMID-NUMBER of Xen's bus
 * have their names, whatever they were renamed to. QEMU's are named after these, or
 * "tapDOMID.NUMBER".
 */
#include "cli/trace_capture.h"

#include "provenance/interface.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND 1000000000ull
#define GAP_PART (10 * SECOND) /* after which a gap that lasts is told */
#define PACKETS 4096u          /* of an interface, between two readings of the records */
#define WHY sizeof(((struct tocsin_error *)0)->message)

struct card {
	char name[TRACE_CAPTURE_NAME];
	uint32_t number, index;            /* index: the kernel's, which is never used again */
	struct tocsin_trace_interface *on; /* NULL: it is not captured */
	bool there;
	bool down;      /* nothing passes, nothing is missed */
	uint64_t since; /* of the gap that lasts, if it is not captured */
	char why[WHY];
};

struct trace_capture {
	struct trace_capture_settings settings;
	char named[TRACE_CAPTURE_NAME];
	bool started;
	struct trace_capture_sink sink;
	struct card cards[TRACE_CAPTURE_MOST];
	size_t count;
	uint64_t looked; /* for interfaces and losses */
	uint64_t dropped;
};

/* ---- which there are ---- */

static bool is_name(const char *text)
{
	return text[0] && text[0] != '.' && strlen(text) < TRACE_CAPTURE_NAME && !strchr(text, '/');
}

static void add_found(struct trace_capture_found *rows, size_t *count, const char *name,
		      uint32_t number)
{
	for (size_t i = 0; i < *count; i++)
		if (!strcmp(rows[i].name, name))
			return;
	if (*count == TRACE_CAPTURE_MOST || !is_name(name))
		return;
	snprintf(rows[*count].name, sizeof(rows[*count].name), "%s", name);
	rows[(*count)++].number = number;
}

/* The number behind "PREFIX", if there is nothing else. */
static bool number_of(const char *text, const char *prefix, uint32_t *ret)
{
	size_t length = strlen(prefix);
	unsigned long value;
	char *end;

	if (strncmp(text, prefix, length) != 0 || text[length] < '0' || text[length] > '9')
		return false;
	value = strtoul(text + length, &end, 10);
	*ret = (uint32_t)value;
	return (!*end || !strcmp(end, "-emu")) && value < 65536;
}

/* Those of one backend device: one, unless it is being made. */
static void add_backend(const char *sysfs, const char *device, uint32_t number,
			struct trace_capture_found *rows, size_t *count)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/bus/xen-backend/devices/%s/net", sysfs, device);
	d = opendir(path);
	while (d && (e = readdir(d)))
		if (is_name(e->d_name))
			add_found(rows, count, e->d_name, number);
	if (d)
		closedir(d);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct trace_capture_found *)a)->name,
		      ((const struct trace_capture_found *)b)->name);
}

size_t trace_capture_find(const char *sysfs, uint32_t domid,
			  struct trace_capture_found ret[TRACE_CAPTURE_MOST])
{
	char path[PATH_MAX], device[32], vif[32], tap[32];
	size_t count = 0, backends;
	struct dirent *e;
	uint32_t number;
	DIR *d;

	snprintf(device, sizeof(device), "vif-%" PRIu32 "-", domid);
	snprintf(vif, sizeof(vif), "vif%" PRIu32 ".", domid);
	snprintf(tap, sizeof(tap), "tap%" PRIu32 ".", domid);
	snprintf(path, sizeof(path), "%s/bus/xen-backend/devices", sysfs);
	d = opendir(path);
	while (d && (e = readdir(d)))
		if (number_of(e->d_name, device, &number))
			add_backend(sysfs, e->d_name, number, ret, &count);
	if (d)
		closedir(d);
	backends = count;
	snprintf(path, sizeof(path), "%s/class/net", sysfs);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		size_t length = strlen(e->d_name);

		if (number_of(e->d_name, vif, &number) || number_of(e->d_name, tap, &number))
			add_found(ret, &count, e->d_name, number);
		for (size_t i = 0; i < backends; i++) /* of one that was renamed */
			if (length == strlen(ret[i].name) + 4 &&
			    !strncmp(e->d_name, ret[i].name, length - 4) &&
			    !strcmp(e->d_name + length - 4, "-emu"))
				add_found(ret, &count, e->d_name, ret[i].number);
	}
	if (d)
		closedir(d);
	qsort(ret, count, sizeof(*ret), by_name);
	return count;
}

/* 0: it is not there. */
static uint32_t index_of(const char *sysfs, const char *name)
{
	char path[PATH_MAX], line[16];
	unsigned long index = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/class/net/%s/ifindex", sysfs, name);
	f = fopen(path, "re");
	if (f && fgets(line, sizeof(line), f))
		index = strtoul(line, NULL, 10);
	if (f)
		fclose(f);
	return (uint32_t)index;
}

/* ---- gaps ---- */

static int tell_gap(struct trace_capture *c, uint64_t since, uint64_t until, uint64_t lost,
		    const char *name, const char *why)
{
	char detail[WHY + TRACE_CAPTURE_NAME];

	if (!c->started)
		return 0;
	snprintf(detail, sizeof(detail), "%s: %s", name, why);
	return c->sink.gap(c->sink.context, since < until ? since : until, until, lost, detail);
}

/* Of one that is not captured, what was not told yet. */
static int tell_missing(struct trace_capture *c, struct card *card, uint64_t now, uint64_t least)
{
	int rc;

	if (card->on || card->down || now < card->since + least)
		return 0;
	rc = tell_gap(c, card->since, now, 0, card->name, card->why);
	card->since = now;
	return rc;
}

static int tell_dropped(struct trace_capture *c, const struct card *card, uint64_t now)
{
	uint64_t dropped = card->on ? tocsin_trace_interface_dropped(card->on) : 0;

	c->dropped += dropped;
	return dropped ? tell_gap(c, c->looked, now, dropped, card->name, "packets were dropped")
		       : 0;
}

/* ---- interfaces ---- */

static void add_hardware(struct trace_capture *c, const struct card *card)
{
	const struct trace_capture_settings *s = &c->settings;
	uint8_t address[6];

	for (uint32_t n = 0; s->named && n < TRACE_CAPTURE_MOST; n++)
		if (!s->hardware(s->context, n, address))
			c->sink.hardware(c->sink.context, address);
	if (!s->named && !s->hardware(s->context, card->number, address))
		c->sink.hardware(c->sink.context, address);
}

/* Why it is not captured is told once. */
static int begin_card(struct trace_capture *c, struct card *card, uint64_t now,
		      struct tocsin_error *err)
{
	const struct trace_capture_settings *s = &c->settings;
	struct tocsin_error own = {0};
	int rc = tocsin_trace_interface_open(card->name, &card->on, &own);

	if (rc) {
		card->on = NULL;
		if (strcmp(card->why, own.message) != 0)
			s->tell(s->context, card->name, false, own.message);
		card->down = rc == -ENODEV;
		if (card->down || !card->why[0])
			card->since = now;
		snprintf(card->why, sizeof(card->why), "%s", own.message);
		return tocsin_error_set(err, rc, "%s", own.message);
	}
	card->down = false;
	card->why[0] = 0;
	s->tell(s->context, card->name, true, "");
	if (c->started)
		add_hardware(c, card);
	return 0;
}

/* It went; one that comes again is another. */
static int end_card(struct trace_capture *c, struct card *card, uint64_t now)
{
	int rc = tell_dropped(c, card, now);

	if (!rc)
		rc = tell_missing(c, card, now, 0);
	tocsin_trace_interface_close(card->on);
	if (card->on)
		c->settings.tell(c->settings.context, card->name, false, "");
	*card = c->cards[--c->count];
	return rc;
}

static struct card *card_of(struct trace_capture *c, const char *name)
{
	for (size_t i = 0; i < c->count; i++)
		if (!strcmp(c->cards[i].name, name))
			return &c->cards[i];
	return NULL;
}

static size_t find(const struct trace_capture *c,
		   struct trace_capture_found rows[TRACE_CAPTURE_MOST])
{
	if (!c->named[0])
		return trace_capture_find(c->settings.sysfs, c->settings.domid, rows);
	memcpy(rows[0].name, c->named, sizeof(c->named));
	rows[0].number = 0;
	return 1;
}

/* One that is new was not captured since it was looked for the last time. */
static int add_card(struct trace_capture *c, const struct trace_capture_found *row, uint32_t index,
		    uint64_t now)
{
	struct card *card = &c->cards[c->count++];

	*card = (struct card){.number = row->number, .index = index, .there = true};
	memcpy(card->name, row->name, sizeof(card->name));
	if (!begin_card(c, card, now, NULL))
		return tell_gap(c, c->looked, now, 0, card->name, "it is new");
	if (!card->down)
		card->since = c->looked;
	return 0;
}

static int look(struct trace_capture *c, uint64_t now)
{
	struct trace_capture_found rows[TRACE_CAPTURE_MOST];
	size_t count = find(c, rows);
	int rc = 0;

	for (size_t i = 0; i < c->count; i++)
		c->cards[i].there = false;
	for (size_t i = 0; i < count && !rc; i++) {
		uint32_t index = index_of(c->settings.sysfs, rows[i].name);
		struct card *card = card_of(c, rows[i].name);

		if (card && card->index != index) {
			rc = end_card(c, card, now);
			card = NULL;
		}
		if (card)
			card->there = true;
		if (card && !card->on && !begin_card(c, card, now, NULL))
			rc = tell_gap(c, card->since, now, 0, card->name, "it was not captured");
		if (!card && index && c->count < TRACE_CAPTURE_MOST && !rc)
			rc = add_card(c, &rows[i], index, now);
	}
	for (size_t i = c->count; i-- > 0 && !rc;)
		if (!c->cards[i].there)
			rc = end_card(c, &c->cards[i], now);
	return rc;
}

int trace_capture_open(const struct trace_capture_settings *settings, uint64_t now,
		       struct trace_capture **ret, struct tocsin_error *err)
{
	struct trace_capture *c;
	int rc;

	if (settings->named && !is_name(settings->named))
		return tocsin_error_set(err, -ENODEV, "cannot capture %s: no such interface",
					settings->named);
	c = calloc(1, sizeof(*c));
	if (!c)
		return tocsin_error_set(err, -ENOMEM, "out of memory");
	c->settings = *settings;
	c->looked = now;
	snprintf(c->named, sizeof(c->named), "%s", settings->named ? settings->named : "");
	rc = look(c, now);
	if (!rc && settings->named && !trace_capture_count(c))
		rc = tocsin_error_set(err, -ENODEV, "cannot capture %s: %s", settings->named,
				      c->count ? c->cards[0].why : "no such interface");
	if (rc) {
		trace_capture_close(c);
		return rc;
	}
	*ret = c;
	return 0;
}

void trace_capture_close(struct trace_capture *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++)
		tocsin_trace_interface_close(c->cards[i].on);
	free(c);
}

size_t trace_capture_count(const struct trace_capture *c)
{
	size_t count = 0;

	for (size_t i = 0; i < c->count; i++)
		count += c->cards[i].on != NULL;
	return count;
}

void trace_capture_start(struct trace_capture *c, const struct trace_capture_sink *sink)
{
	c->sink = *sink;
	c->started = true;
	for (size_t i = 0; i < c->count; i++)
		if (c->cards[i].on)
			add_hardware(c, &c->cards[i]);
}

/* Once a second: what came and went, and what was lost. */
static int look_after(struct trace_capture *c, uint64_t now)
{
	int rc = look(c, now);

	for (size_t i = 0; i < c->count && !rc; i++) {
		rc = tell_dropped(c, &c->cards[i], now);
		if (!rc)
			rc = tell_missing(c, &c->cards[i], now, GAP_PART);
	}
	c->looked = now;
	return rc;
}

int trace_capture_take(struct trace_capture *c, uint64_t now)
{
	int rc = 0;

	for (size_t i = c->count; i-- > 0 && rc >= 0;) {
		struct card *card = &c->cards[i];

		if (!card->on)
			continue;
		rc =
		    tocsin_trace_interface_take(card->on, PACKETS, c->sink.packet, c->sink.context);
		if (rc == -ENODEV)
			rc = end_card(c, card, now);
	}
	if (rc >= 0)
		rc = now > c->looked + SECOND ? look_after(c, now) : 0;
	return rc;
}

int trace_capture_end(struct trace_capture *c, uint64_t now)
{
	int rc;

	if (!c->started)
		return 0;
	rc = trace_capture_take(c, now);
	for (size_t i = 0; i < c->count && !rc; i++) {
		rc = tell_dropped(c, &c->cards[i], now);
		if (!rc)
			rc = tell_missing(c, &c->cards[i], now, 0);
	}
	return rc;
}

uint64_t trace_capture_dropped(const struct trace_capture *c)
{
	return c->dropped;
}
