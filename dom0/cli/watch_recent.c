// SPDX-License-Identifier: GPL-2.0-or-later
/* A ring of lines. */
#include "cli/watch_recent.h"
#include "base/clock.h"

#include "output/output.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct watch_message *next(struct watch_recent *r)
{
	struct watch_message *m = &r->at[r->count++ % WATCH_RECENT_MAX];

	*m = (struct watch_message){.time = 0};
	return m;
}

/* Append, cleaned; what does not fit is left out. */
__attribute__((format(printf, 2, 3))) static void append(struct watch_message *m,
							 const char *format, ...)
{
	size_t length = strlen(m->text);
	char raw[WATCH_RECENT_TEXT];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(raw, sizeof(raw), format, arguments);
	va_end(arguments);
	tocsin_output_clean(raw, strlen(raw), m->text + length, sizeof(m->text) - length);
}

void watch_recent_finding(struct watch_recent *r, const struct tocsin_event *e)
{
	struct watch_message *m = next(r);

	r->findings++;
	m->time = e->time;
	m->finding = true;
	m->severity = e->finding->severity;
	append(m, "%s %s %s", e->guest, tocsin_severity_name(m->severity), e->finding->rule);
	if (e->process)
		append(m, " %" PRId32 " (%s)", e->process->pid, e->process->comm);
	append(m, ": %s", e->finding->what);
	if (e->detail[0])
		append(m, " [%s]", e->detail);
}

void watch_recent_say(struct watch_recent *r, const char *text)
{
	struct watch_message *m = next(r);

	m->time = tocsin_realtime();
	append(m, "%s", text);
}

const struct watch_message *watch_recent_at(const struct watch_recent *r, uint64_t n)
{
	if (n >= r->count || n >= WATCH_RECENT_MAX)
		return NULL;
	return &r->at[(r->count - 1 - n) % WATCH_RECENT_MAX];
}
