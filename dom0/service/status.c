/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/status.h"
#include "output/build.h"

static void put_counters(struct builder b, const struct tocsin_tally *counters)
{
	struct builder o = open_object(b, "counters");
	struct tocsin_tally c = *counters;
	const char *name;
	uint64_t *value;

	for (unsigned int i = 0; (value = tocsin_counter(&c, i, &name)); i++)
		put_u64(o, name, *value);
}

static struct json_object *guest(const struct tocsin_status_guest *g, bool *bad)
{
	struct builder b = {json_object_new_object(), bad};
	char uuid[37];
	size_t n = 0;

	for (int i = 0; i < 16; i++)
		n += (size_t)snprintf(uuid + n, sizeof(uuid) - n,
				      i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x",
				      g->uuid[i]);
	put_u64(b, "id", g->domid);
	put_text(b, "name", g->name);
	put_text(b, "uuid", uuid);
	put_bool(b, "on", g->on);
	put_u64(b, "rate", g->rate);
	put_u64(b, "worker", g->worker);
	put_u64(b, "waiting", g->waiting);
	put_u64(b, "in_work", g->in_work);
	put_u64(b, "schedule", g->schedule);
	put_u64(b, "scanned", g->scanned);
	put_counters(b, &g->counters);
	return b.o;
}

struct json_object *tocsin_status_json(const struct tocsin_status *s)
{
	bool bad = false;
	struct builder b = {json_object_new_object(), &bad};
	struct json_object *guests = json_object_new_array();

	put_u64(b, "schema", TOCSIN_SCHEMA_VERSION);
	put_text(b, "version", s->version);
	put_u64(b, "started", s->started);
	put_u64(b, "now", s->now);
	put_bool(b, "perceives", s->perceives);
	put_u64(b, "waiting", s->waiting);
	put_u64(b, "in_work", s->in_work);
	put_u64(b, "capacity", s->capacity);
	put_u64(b, "unlogged", s->unlogged);
	if (s->log_error)
		put_text(b, "log_error", strerror((int)s->log_error));
	put_u64(b, "rules", s->rules);
	if (s->config)
		put_text(b, "config", s->config);
	put_counters(b, &s->counters);
	for (size_t i = 0; i < s->guest_count; i++)
		append(guests, guest(&s->guests[i], &bad), &bad);
	put(b, "guests", guests);
	if (!bad)
		return b.o;
	json_object_put(b.o);
	return NULL;
}
