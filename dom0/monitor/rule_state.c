// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What rules remember of one guest. A note is kept under a key: which rule, and what it counts
 * together or states once. Notes hold times, distinct values or intervals, or only that they are
 * there. A guest can make as many as it likes, so all of them together have a bound: what was not
 * used for longest is forgotten, and counted.
 *
 * Two stores, so that what is only noted as stated does not push out what is being counted.
 */
#include "monitor/rule_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define STORE_BYTES (2u << 20) /* of notes, in each store */
#define BUCKETS 4096

struct key {
	uint32_t rule;
	int32_t pid;
	uint64_t start_time, socket;
	XXH128_hash_t program;
	uint8_t address[16];
	uint32_t port;
	uint32_t unused; /* padding, zero: keys are compared as bytes */
};

struct note {
	struct key key;
	struct note *next;          /* in its bucket */
	struct note *older, *newer; /* by last use */
	size_t size;                /* of all of it */
	bool stated;
	uint32_t used, oldest; /* values: how many, and which comes next to be replaced */
	uint64_t last, first;  /* beacon: latest connection, and beginning of its burst */
	uint64_t blur;         /* beacon: how wrong a time can be */
	struct value {
		uint64_t time; /* or interval */
		uint64_t hash; /* of what fanout counts */
	} values[];
};

struct store {
	struct note *buckets[BUCKETS];
	struct note *oldest, *newest;
	size_t bytes;
};

struct tocsin_watch_state {
	uint64_t seed;
	struct store stated, measured;
	struct tocsin_watch_counts counts;
};

struct tocsin_watch_state *tocsin_watch_state_new(const struct tocsin_watch_rules *r)
{
	struct tocsin_watch_state *s = calloc(1, sizeof(*s));

	/* A guest that knew it could choose what falls into one bucket. */
	if (s && getrandom(&s->seed, sizeof(s->seed), 0) != sizeof(s->seed)) {
		free(s);
		return NULL;
	}
	return s;
}

static void store_clear(struct store *store)
{
	while (store->oldest) {
		struct note *next = store->oldest->newer;

		free(store->oldest);
		store->oldest = next;
	}
}

void tocsin_watch_state_free(struct tocsin_watch_state *s)
{
	if (!s)
		return;
	store_clear(&s->stated);
	store_clear(&s->measured);
	free(s);
}

void tocsin_watch_state_counts(const struct tocsin_watch_state *s, struct tocsin_watch_counts *ret)
{
	*ret = s->counts;
}

struct tocsin_watch_counts *tocsin_rule_counts(struct tocsin_watch_state *s)
{
	return &s->counts;
}

size_t tocsin_rule_state_bytes(const struct tocsin_watch_state *s)
{
	return s->stated.bytes + s->measured.bytes;
}

static struct note **bucket(const struct tocsin_watch_state *s, struct store *store,
			    const struct key *key)
{
	return &store->buckets[XXH3_64bits_withSeed(key, sizeof(*key), s->seed) % BUCKETS];
}

static void unlink_used(struct store *store, struct note *n)
{
	*(n->older ? &n->older->newer : &store->oldest) = n->newer;
	*(n->newer ? &n->newer->older : &store->newest) = n->older;
}

static void link_newest(struct store *store, struct note *n)
{
	n->older = store->newest;
	n->newer = NULL;
	*(store->newest ? &store->newest->newer : &store->oldest) = n;
	store->newest = n;
}

static void forget_oldest(struct tocsin_watch_state *s, struct store *store)
{
	struct note *n = store->oldest, **at = bucket(s, store, &n->key);

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	unlink_used(store, n);
	store->bytes -= n->size;
	s->counts.forgotten++;
	free(n);
}

/* The note under key, made if need be with room for so many values; NULL: no memory. */
static struct note *recall(struct tocsin_watch_state *s, struct store *store, const struct key *key,
			   uint32_t values)
{
	struct note **at = bucket(s, store, key), *n = *at;
	size_t size = sizeof(*n) + values * sizeof(n->values[0]);

	while (n && memcmp(&n->key, key, sizeof(*key)) != 0)
		n = n->next;
	if (n) {
		unlink_used(store, n);
		link_newest(store, n);
		return n;
	}
	while (store->oldest && store->bytes + size > STORE_BYTES)
		forget_oldest(s, store);
	n = calloc(1, size);
	if (!n)
		return NULL;
	n->key = *key;
	n->size = size;
	n->next = *at;
	*at = n;
	store->bytes += size;
	link_newest(store, n);
	return n;
}

/* The program, and the container that it is in; by its name if its file is not known. */
static XXH128_hash_t program(const struct tocsin_watch_state *s,
			     const struct tocsin_event_process *p)
{
	const char *name = p->exe[0] ? p->exe : p->comm;
	XXH128_hash_t hash = XXH3_128bits_withSeed(name, strlen(name), s->seed), inside;

	inside = XXH3_128bits_withSeed(p->container, strlen(p->container), s->seed + 1);
	hash.low64 ^= inside.low64;
	hash.high64 ^= inside.high64;
	return hash;
}

static void key_address(struct key *key, const struct rule_address *a, uint16_t port)
{
	memcpy(key->address, a->v6, sizeof(key->address));
	key->port = port;
}

/*
 * What is counted together, or stated once. Processes that are not known, as of connections that
 * were over before they were seen, are counted as one; but each of their sockets is stated.
 */
static void make_key(const struct tocsin_watch_state *s, const struct rule *r, size_t index,
		     const struct rule_look *look, struct key *key)
{
	bool over_time = r->over_time != RULE_OVER_NOTHING, remote = r->by == RULE_BY_REMOTE;
	const struct tocsin_event_socket *socket = look->e->socket;
	const struct tocsin_event_process *p = look->e->process;

	memset(key, 0, sizeof(*key));
	key->rule = (uint32_t)index;
	if (p && (r->by == RULE_BY_EXE || r->by == RULE_BY_LOCAL)) {
		key->program = program(s, p);
	} else if (p && r->by != RULE_BY_GUEST && !(remote && over_time)) {
		key->pid = p->pid;
		key->start_time = p->start_time;
	}
	if (socket && !over_time &&
	    (r->by == RULE_BY_SOCKET || (!p && (r->by == RULE_BY_PROCESS || r->by == RULE_BY_EXE))))
		key->socket = socket->id;
	if (look->inet && r->by == RULE_BY_LOCAL)
		key_address(key, &look->local, socket->socket.local_port);
	else if (look->inet && (remote || r->over_time == RULE_BEACON))
		key_address(key, &look->remote, remote ? 0 : socket->socket.remote_port);
}

/* Addresses are what all but a rate are about, and a rate by address. */
static bool is_countable(const struct rule *r, const struct rule_look *look)
{
	return !look->e->initial && /* when it began is not known */
	       (look->inet ||
		(r->over_time == RULE_RATE && r->by != RULE_BY_REMOTE && r->by != RULE_BY_LOCAL));
}

/* What fanout counts the distinct ones of. */
static uint64_t distinct(const struct tocsin_watch_state *s, const struct rule *r,
			 const struct rule_look *look)
{
	const struct tocsin_socket *socket = &look->e->socket->socket;

	switch (r->of) {
	case RULE_OF_REMOTE_PORT:
		return socket->remote_port;
	case RULE_OF_LOCAL_PORT:
		return socket->local_port;
	case RULE_OF_REMOTE:
		return XXH3_64bits_withSeed(look->remote.v6, 16, s->seed);
	default:
		return XXH3_64bits_withSeed(look->remote.v6, 16, s->seed + socket->remote_port);
	}
}

static bool fanout(const struct tocsin_watch_state *s, const struct rule *r,
		   const struct rule_look *look, struct note *n, struct rule_measure *m)
{
	uint64_t now = look->e->time, hash = distinct(s, r, look);
	uint32_t place = n->used, oldest = 0;

	m->count = 0;
	for (uint32_t i = 0; i < n->used; i++) {
		if (n->values[i].hash == hash)
			place = i;
		if (n->values[i].time < n->values[oldest].time)
			oldest = i;
	}
	if (place == r->at_least)
		place = oldest;
	n->used += place == n->used;
	n->values[place] = (struct value){now, hash};
	for (uint32_t i = 0; i < n->used; i++)
		m->count += n->values[i].time + r->within >= now;
	return m->count >= r->at_least;
}

/* The times of the last so many, in a ring. */
static bool rate(const struct rule *r, const struct rule_look *look, struct note *n,
		 struct rule_measure *m)
{
	uint64_t now = look->e->time;

	n->values[n->oldest].time = now;
	n->oldest = (n->oldest + 1) % r->at_least;
	n->used += n->used < r->at_least;
	m->count = n->used;
	return n->used == r->at_least && n->values[n->oldest].time + r->within >= now;
}

/*
 * Are the intervals regular? The measure is their mean distance from their mean, in percent of
 * that. It says nothing where the samples themselves are what is regular: the mean must be three
 * times what a time can be wrong by.
 */
static bool regular(const struct rule *r, const struct note *n, struct rule_measure *m)
{
	uint64_t sum = 0, mean, distance = 0;

	for (uint32_t i = 0; i < n->used; i++)
		sum += n->values[i].time;
	mean = sum / n->used;
	for (uint32_t i = 0; i < n->used; i++)
		distance +=
		    n->values[i].time > mean ? n->values[i].time - mean : mean - n->values[i].time;
	m->interval = mean;
	m->count = n->used + 1;
	return mean >= 3 * n->blur && distance / n->used <= mean / 100 * r->jitter;
}

/*
 * Connections that follow each other faster than the shortest interval are one burst, as long as it
 * goes on: a busy client is a long burst, not a regular one. What counts is when bursts begin.
 */
static bool beacon(const struct rule *r, const struct rule_look *look, struct note *n,
		   struct rule_measure *m)
{
	uint64_t now = look->e->time, since = look->e->since, gap = now - n->last, interval;
	uint32_t room = r->at_least - 1;

	if (since && since < now && now - since > n->blur)
		n->blur = now - since;
	if (n->last && gap < r->shortest) {
		n->last = now;
		return false;
	}
	interval = now - n->first;
	if (n->first && interval <= r->longest) {
		n->values[n->oldest].time = interval;
		n->oldest = (n->oldest + 1) % room;
		n->used += n->used < room;
	} else {
		n->used = n->oldest = 0;
		n->blur = since && since < now ? now - since : 0;
	}
	n->first = n->last = now;
	return n->used == room && regular(r, n, m);
}

static int measure_it(struct tocsin_watch_state *s, const struct rule *r, const struct key *key,
		      const struct rule_look *look, struct rule_measure *m)
{
	struct note *n = recall(s, &s->measured, key, r->at_least);
	bool is;

	if (!n)
		return -ENOMEM;
	if (r->over_time != RULE_BEACON && look->e->time < n->last)
		n->used = n->oldest = 0; /* the clock was set back */
	if (r->over_time == RULE_BEACON) {
		if (look->e->time < n->last)
			n->used = n->oldest = 0, n->first = n->last = 0;
		is = beacon(r, look, n, m);
	} else {
		n->last = look->e->time;
		is = r->over_time == RULE_FANOUT ? fanout(s, r, look, n, m) : rate(r, look, n, m);
	}
	if (!is)
		return RULE_NOTHING_YET;
	if (n->stated)
		return RULE_KNOWN;
	n->stated = true;
	return RULE_NEWS;
}

int tocsin_rule_remember(struct tocsin_watch_state *s, const struct rule *r, size_t index,
			 const struct rule_look *look, struct rule_measure *measure)
{
	struct note *n;
	struct key key;

	*measure = (struct rule_measure){.count = 1};
	if (r->over_time != RULE_OVER_NOTHING && !is_countable(r, look))
		return RULE_NOTHING_YET;
	make_key(s, r, index, look, &key);
	if (r->over_time != RULE_OVER_NOTHING)
		return measure_it(s, r, &key, look, measure);
	n = recall(s, &s->stated, &key, 0);
	if (!n)
		return -ENOMEM;
	if (n->stated)
		return RULE_KNOWN;
	n->stated = true;
	return RULE_NEWS;
}
