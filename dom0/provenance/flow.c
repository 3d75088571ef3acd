// SPDX-License-Identifier: GPL-2.0-or-later
/* Packets to flows to events. */
#include "provenance/flow.h"

#include "base/error.h"
#include "base/room.h"
#include "provenance/packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define SECOND 1000000000u
#define TCP_QUIET (3600ull * SECOND)
#define UDP_QUIET (60ull * SECOND)
#define BUCKETS (1u << 16)
#define NONE UINT32_MAX
#define HARDWARE 16u
#define NAMES 4096u      /* of hosts that are remembered, by what their address is mixed to */
#define JUMP (16u << 20) /* bytes of TCP that may be missing between two packets */

/* The end with the smaller address and port is [0]. No padding. */
struct tuple {
	uint8_t address[2][16];
	uint16_t port[2];
	uint32_t protocol;
};

struct flow {
	struct tuple tuple;
	uint64_t first, last; /* first 0: of the part that was not told nothing came yet */
	uint64_t bytes[2];    /* from each end */
	uint32_t expected[2]; /* the sequence number that each end sends next */
	uint32_t next;        /* in its bucket, or among those that are free */
	uint8_t near;         /* whose end is the guest's, as its frames say: as began */
	uint8_t began;        /* who sent a SYN: its end and 1; 0: nobody known */
	uint8_t finished;     /* which ends sent a FIN: bits; 3: it is over */
	uint8_t counted;      /* of which ends expected is known: bits */
	uint8_t seen;         /* which ends sent anything: bits */
	bool live;
};

/* Flows of a kind that may be told: as many as there are now, and more each second. */
static const struct allowance {
	uint32_t most, rate;
} allowances[] = {
    {50000, 5000}, /* that the guest takes part in */
    {1000, 100}    /* that it does not answer: anybody can make as many as there are packets */
};
#define KINDS (sizeof(allowances) / sizeof(allowances[0]))

struct name {
	uint8_t address[16];
	char *text; /* NULL: none */
};

struct tocsin_trace_flows {
	char *guest;
	uint64_t boot, now;
	uint64_t seed; /* of hashes: who sends packets chooses what is in them */
	uint8_t (*addresses)[16];
	size_t address_count;
	uint8_t hardware[HARDWARE][6];
	size_t hardware_count;
	bool only;
	bool hold; /* flows that ended are told of later: */
	struct flow *ended;
	size_t ended_count, ended_room;
	uint64_t looked;                         /* when parts were told */
	uint64_t allowed[KINDS], counted[KINDS]; /* how many flows, and since when */
	uint64_t untold, untold_since;           /* those that were too many, and the first */
	tocsin_trace_take *take;
	void *context;
	struct tocsin_trace_flow_counts counts;
	struct flow *flows;
	uint32_t used, hand; /* how many rows were ever used; where to look for a quiet one */
	uint32_t buckets[BUCKETS];
	struct name names[NAMES];
	uint32_t free;
};

struct tocsin_trace_flows *tocsin_trace_flows_new(const struct tocsin_trace_flow_settings *settings,
						  tocsin_trace_take *take, void *context)
{
	struct tocsin_trace_flows *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->guest = strdup(settings->guest);
	f->flows = calloc(TOCSIN_TRACE_FLOWS, sizeof(*f->flows));
	f->addresses = calloc(settings->count + 1, sizeof(*f->addresses));
	if (!f->guest || !f->flows || !f->addresses ||
	    getrandom(&f->seed, sizeof(f->seed), 0) != sizeof(f->seed)) {
		tocsin_trace_flows_free(f);
		return NULL;
	}
	if (settings->count)
		memcpy(f->addresses, settings->addresses, settings->count * sizeof(*f->addresses));
	f->address_count = settings->count;
	f->boot = settings->boot;
	f->hold = settings->live;
	for (size_t i = 0; i < KINDS; i++)
		f->allowed[i] = allowances[i].most;
	f->only = settings->only_hardware;
	f->take = take;
	f->context = context;
	f->free = NONE;
	memset(f->buckets, 0xff, sizeof(f->buckets));
	return f;
}

void tocsin_trace_flows_free(struct tocsin_trace_flows *f)
{
	if (!f)
		return;
	free(f->guest);
	free(f->flows);
	free(f->addresses);
	free(f->ended);
	for (size_t i = 0; i < NAMES; i++)
		free(f->names[i].text);
	free(f);
}

void tocsin_trace_flows_hardware(struct tocsin_trace_flows *f, const uint8_t address[6])
{
	for (size_t i = 0; i < f->hardware_count; i++)
		if (!memcmp(f->hardware[i], address, 6))
			return;
	if (f->hardware_count < HARDWARE)
		memcpy(f->hardware[f->hardware_count++], address, 6);
}

void tocsin_trace_flows_counts(const struct tocsin_trace_flows *f,
			       struct tocsin_trace_flow_counts *ret)
{
	*ret = f->counts;
}

/* ---- telling ---- */

static bool is_mapped(const uint8_t a[16])
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	return !memcmp(a, prefix, sizeof(prefix));
}

static void set_address(struct tocsin_socket *s, bool remote, const uint8_t a[16])
{
	uint8_t *to = remote ? s->remote : s->local;

	if (s->family == AF_INET)
		memcpy(to, a + 12, 4);
	else
		memcpy(to, a, 16);
}

static bool is_guests(const struct tocsin_trace_flows *f, const uint8_t a[16])
{
	for (size_t i = 0; i < f->address_count; i++)
		if (!memcmp(f->addresses[i], a, 16))
			return true;
	return false;
}

static bool is_guests_card(const struct tocsin_trace_flows *f, const uint8_t address[6])
{
	for (size_t i = 0; i < f->hardware_count; i++)
		if (!memcmp(f->hardware[i], address, 6))
			return true;
	return false;
}

/* Which end, and 1, is the guest's, by who sent the frame to whom; 0: it does not say. */
static uint8_t sender_end(const struct tocsin_trace_flows *f, const struct trace_packet *p,
			  int from)
{
	bool to_guest, from_guest;

	if (!p->hardware)
		return 0;
	to_guest = is_guests_card(f, p->hardware);
	from_guest = is_guests_card(f, p->hardware + 6);
	return to_guest == from_guest ? 0 : (uint8_t)((from_guest ? from : !from) + 1);
}

/* Which end is the guest's: the one whose frames or address are; else who connects, who has the
 * higher port. */
static int near_end(const struct tocsin_trace_flows *f, const struct flow *flow)
{
	bool first = is_guests(f, flow->tuple.address[0]),
	     second = is_guests(f, flow->tuple.address[1]);

	if (flow->near)
		return flow->near - 1;
	if (first != second)
		return second;
	if (flow->began)
		return flow->began - 1;
	return flow->tuple.port[0] < flow->tuple.port[1] ? 1 : 0;
}

static struct tocsin_trace_event event_of(const struct tocsin_trace_flows *f,
					  enum tocsin_trace_kind kind)
{
	return (struct tocsin_trace_event){.kind = kind,
					   .source = TOCSIN_TRACE_BY_WIRE,
					   .guest = f->guest,
					   .boot = f->boot,
					   .detail = "",
					   .resolved = true};
}

/* A graph has no room for what a flood makes. */
static bool is_allowed(struct tocsin_trace_flows *f, const struct flow *flow, int near)
{
	size_t kind = flow->seen & 1 << near ? 0 : 1;
	const struct allowance *a = &allowances[kind];
	uint64_t seconds = (f->now - f->counted[kind]) / SECOND;

	if (!f->hold) /* a file has an end */
		return true;
	if (f->now > f->counted[kind] && seconds) {
		f->allowed[kind] += seconds < a->most ? seconds * a->rate : a->most;
		f->counted[kind] = f->now;
	}
	if (f->allowed[kind] > a->most)
		f->allowed[kind] = a->most;
	if (f->allowed[kind]) {
		f->allowed[kind]--;
		return true;
	}
	if (!f->untold++ || flow->last < f->untold_since)
		f->untold_since = flow->last;
	f->counts.untold++;
	return false;
}

/* How many were too many. */
static int tell_untold(struct tocsin_trace_flows *f)
{
	struct tocsin_trace_event e = event_of(f, TOCSIN_TRACE_GAP);

	if (!f->untold)
		return 0;
	e.lost = f->untold;
	e.since = f->untold_since < f->now ? f->untold_since : f->now;
	e.time = f->now;
	e.detail = "more flows than are told";
	f->untold = 0;
	return f->take(&e, f->context);
}

static struct name *name_slot(struct tocsin_trace_flows *f, const uint8_t address[16])
{
	return &f->names[XXH3_64bits_withSeed(address, 16, f->seed) % NAMES];
}

static int tell(struct tocsin_trace_flows *f, const struct flow *flow)
{
	struct tocsin_trace_event e = event_of(f, TOCSIN_TRACE_FLOW);
	int near = near_end(f, flow), rc;
	const struct name *n = name_slot(f, flow->tuple.address[!near]);
	bool v4 = is_mapped(flow->tuple.address[0]) && is_mapped(flow->tuple.address[1]);
	struct tocsin_socket s = {.family = v4 ? AF_INET : AF_INET6,
				  .type = flow->tuple.protocol == IPPROTO_TCP ? SOCK_STREAM
									      : SOCK_DGRAM,
				  .protocol = (uint16_t)flow->tuple.protocol,
				  .local_port = flow->tuple.port[near],
				  .remote_port = flow->tuple.port[!near],
				  .counted = true,
				  .bytes_sent = flow->bytes[near],
				  .bytes_received = flow->bytes[!near]};

	if (!flow->bytes[0] && !flow->bytes[1])
		return 0; /* nobody said anything */
	if (!is_allowed(f, flow, near))
		return 0;
	set_address(&s, false, flow->tuple.address[near]);
	set_address(&s, true, flow->tuple.address[!near]);
	e.since = flow->first;
	e.time = flow->last;
	e.socket = &s;
	f->counts.flows++;
	rc = f->take(&e, f->context);
	if (rc || !n->text || memcmp(n->address, flow->tuple.address[!near], 16) != 0)
		return rc;
	/* again, in case that what has its first telling is not where this goes */
	e.kind = TOCSIN_TRACE_NAME;
	e.since = e.time;
	e.detail = n->text;
	return f->take(&e, f->context);
}

static int tell_name(const char *name, const uint8_t address[16], void *context)
{
	struct tocsin_trace_flows *f = context;
	struct tocsin_trace_event e = event_of(f, TOCSIN_TRACE_NAME);
	struct tocsin_socket s = {.family = is_mapped(address) ? AF_INET : AF_INET6};
	struct name *n = name_slot(f, address);
	char *text = strdup(name);

	if (!text)
		return -ENOMEM;
	free(n->text);
	n->text = text;
	memcpy(n->address, address, 16);
	set_address(&s, true, address);
	e.since = e.time = f->now;
	e.socket = &s;
	e.detail = name;
	f->counts.names++;
	return f->take(&e, f->context);
}

/* ---- following ---- */

static uint32_t *bucket_of(struct tocsin_trace_flows *f, const struct tuple *t)
{
	return &f->buckets[XXH3_64bits_withSeed(t, sizeof(*t), f->seed) % BUCKETS];
}

/* Those that ended before that time, and the first ones, however late. */
static int tell_ended(struct tocsin_trace_flows *f, uint64_t before, size_t first)
{
	size_t kept = 0;
	int rc = 0;

	for (size_t i = 0; i < f->ended_count; i++) {
		if (!rc && (i < first || f->ended[i].last < before))
			rc = tell(f, &f->ended[i]);
		else
			f->ended[kept++] = f->ended[i];
	}
	f->ended_count = kept;
	return rc;
}

/* For later. If there is no room, what waits longest is told of at once. */
static int keep(struct tocsin_trace_flows *f, const struct flow *flow)
{
	int rc;

	if (!flow->bytes[0] && !flow->bytes[1])
		return 0;
	if (f->ended_count == TOCSIN_TRACE_FLOWS) {
		rc = tell_ended(f, 0, TOCSIN_TRACE_FLOWS / 2);
		if (rc)
			return rc;
	}
	if (!TOCSIN_ROOM(f->ended, f->ended_room, f->ended_count))
		return -ENOMEM;
	f->ended[f->ended_count++] = *flow;
	return 0;
}

static int finish(struct tocsin_trace_flows *f, uint32_t i)
{
	uint32_t *at = bucket_of(f, &f->flows[i].tuple);

	while (*at != i)
		at = &f->flows[*at].next;
	*at = f->flows[i].next;
	f->flows[i].live = false;
	f->flows[i].next = f->free;
	f->free = i;
	return f->hold ? keep(f, &f->flows[i]) : tell(f, &f->flows[i]);
}

static bool is_quiet(const struct flow *flow, uint64_t time)
{
	uint64_t quiet = flow->tuple.protocol == IPPROTO_TCP ? TCP_QUIET : UDP_QUIET;

	return time > flow->last && time - flow->last > quiet;
}

/* A row that is free; of a few, the one that was quiet longest is made so. */
static int make_room(struct tocsin_trace_flows *f, uint64_t time)
{
	uint32_t oldest = f->hand;

	if (f->free != NONE)
		return 0;
	if (f->used < TOCSIN_TRACE_FLOWS) {
		f->flows[f->used].next = NONE;
		f->free = f->used++;
		return 0;
	}
	for (unsigned int i = 0; i < 64; i++) {
		f->hand = (f->hand + 1) % TOCSIN_TRACE_FLOWS;
		if (f->flows[f->hand].last < f->flows[oldest].last)
			oldest = f->hand;
	}
	f->counts.early += !is_quiet(&f->flows[oldest], time);
	return finish(f, oldest);
}

/* NONE: there is none, and the packet begins none: what follows an end, or a scan's answer. */
static int find_flow(struct tocsin_trace_flows *f, const struct tuple *t, uint64_t time,
		     const struct trace_packet *p, uint32_t *ret)
{
	uint32_t *head = bucket_of(f, t), i = *head;
	bool begins = p->begins;
	int rc = 0;

	while (i != NONE && memcmp(&f->flows[i].tuple, t, sizeof(*t)) != 0)
		i = f->flows[i].next;
	/* the same ports again: another */
	if (i != NONE &&
	    (is_quiet(&f->flows[i], time) ||
	     (begins && (f->flows[i].bytes[0] || f->flows[i].bytes[1] || !f->flows[i].first)))) {
		rc = finish(f, i);
		i = NONE;
	}
	if (!rc && i == NONE && (begins || p->payload || p->protocol != IPPROTO_TCP)) {
		rc = make_room(f, time);
		if (rc)
			return rc;
		i = f->free;
		f->free = f->flows[i].next;
		f->flows[i] = (struct flow){
		    .tuple = *t, .first = time, .last = time, .next = *head, .live = true};
		*head = i;
	}
	*ret = i;
	return rc;
}

/* With each packet a few rows are looked at, so that who is quiet is told of while others talk. */
static int sweep(struct tocsin_trace_flows *f, uint64_t time)
{
	int rc = 0;

	for (unsigned int i = 0; i < 2 && f->used && !rc; i++) {
		f->hand = (f->hand + 1) % f->used;
		if (f->flows[f->hand].live && is_quiet(&f->flows[f->hand], time))
			rc = finish(f, f->hand);
	}
	return rc;
}

/* Payload that was not sent before. What the capture lost is counted, within reason. */
static uint64_t new_bytes(struct flow *flow, int from, const struct trace_packet *p)
{
	uint32_t begin = p->sequence + p->begins, end = begin + (uint32_t)p->payload, ahead;
	bool known = flow->counted & 1 << from;

	if (p->protocol != IPPROTO_TCP)
		return p->payload;
	if (!known && !p->begins && !p->payload) /* an answer to nothing, as RST */
		return 0;
	ahead = end - flow->expected[from];
	if (known && !ahead)
		return 0;
	if (known && ahead > UINT32_MAX - JUMP) /* it was sent before */
		return 0;
	flow->expected[from] = end;
	flow->counted |= (uint8_t)(1 << from);
	return known && ahead <= p->payload + JUMP ? ahead : p->payload;
}

int tocsin_trace_flows_packet(struct tocsin_trace_flows *f, uint64_t time, int link,
			      const uint8_t *bytes, size_t size)
{
	struct trace_packet p;
	struct tuple t = {0};
	struct flow *flow;
	uint32_t i = NONE;
	uint8_t near;
	int from, rc;

	f->counts.packets++;
	if (!trace_packet_read(link, bytes, size, &p)) {
		f->counts.other++;
		return 0;
	}
	from = memcmp(p.from, p.to, 16);
	from = from ? from > 0 : p.from_port > p.to_port;
	memcpy(t.address[from], p.from, 16);
	memcpy(t.address[!from], p.to, 16);
	near = sender_end(f, &p, from);
	if (f->only && f->hardware_count && !near)
		return 0;
	t.port[from] = p.from_port;
	t.port[!from] = p.to_port;
	t.protocol = p.protocol;
	rc = sweep(f, time);
	if (!rc)
		rc = find_flow(f, &t, time, &p, &i);
	if (rc || i == NONE)
		return rc;
	flow = &f->flows[i];
	if (!flow->near)
		flow->near = near;
	flow->seen |= (uint8_t)(1 << from);
	flow->bytes[from] += new_bytes(flow, from, &p);
	if (!flow->first)
		flow->first = time;
	if (time > flow->last)
		flow->last = time;
	if (p.begins)
		flow->began = (uint8_t)(from + 1);
	f->now = time;
	if (p.protocol == IPPROTO_UDP && p.from_port == 53 && p.data)
		rc = trace_packet_names(p.data, p.size, tell_name, f);
	flow->finished |= (uint8_t)(p.reset ? 3 : p.ends << from);
	return !rc && flow->finished == 3 ? finish(f, i) : rc;
}

static int tell_part(struct tocsin_trace_flows *f, struct flow *flow, uint64_t now)
{
	int rc;

	if (!flow->first || now < flow->first + TOCSIN_TRACE_FLOW_PART)
		return 0;
	rc = tell(f, flow);
	flow->first = flow->bytes[0] = flow->bytes[1] = 0;
	return rc;
}

int tocsin_trace_flows_tell(struct tocsin_trace_flows *f, uint64_t before)
{
	int rc = tell_ended(f, before, 0);

	if (rc || before < f->looked + SECOND)
		return rc;
	f->looked = before;
	rc = tell_untold(f);
	for (uint32_t i = 0; i < f->used && !rc; i++)
		if (f->flows[i].live)
			rc = is_quiet(&f->flows[i], before) ? finish(f, i)
							    : tell_part(f, &f->flows[i], before);
	return rc;
}

struct ended {
	uint64_t last;
	uint32_t flow;
};

static int by_end(const void *a, const void *b)
{
	const struct ended *x = a, *y = b;

	return x->last != y->last ? (x->last > y->last) - (x->last < y->last)
				  : (x->flow > y->flow) - (x->flow < y->flow);
}

int tocsin_trace_flows_end(struct tocsin_trace_flows *f)
{
	struct ended *rows = calloc(f->used + 1u, sizeof(*rows));
	uint32_t count = 0;
	int rc = 0;

	if (!rows)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->used; i++)
		if (f->flows[i].live)
			rows[count++] = (struct ended){f->flows[i].last, i};
	qsort(rows, count, sizeof(*rows), by_end);
	for (uint32_t i = 0; i < count && !rc; i++)
		rc = finish(f, rows[i].flow);
	free(rows);
	if (!rc)
		rc = tell_ended(f, UINT64_MAX, 0);
	return rc ? rc : tell_untold(f);
}

/* ---- where packets come from ---- */

static int read_packet(struct tocsin_trace_flows *f, pcap_t *p, int *more)
{
	struct pcap_pkthdr *header;
	const u_char *bytes;
	uint64_t time;

	*more = pcap_next_ex(p, &header, &bytes);
	if (*more != 1)
		return 0;
	time = (uint64_t)header->ts.tv_sec * SECOND + (uint64_t)header->ts.tv_usec;
	return tocsin_trace_flows_packet(f, time, pcap_datalink(p), bytes, header->caplen);
}

#define VOTES 16u

/* Addresses that are often seen: of all that make up more than a 17th of the whole, each is there.
 */
struct votes {
	uint8_t address[VOTES][16];
	uint64_t count[VOTES];
};

static void vote(struct votes *v, const uint8_t address[16])
{
	for (unsigned int i = 0; i < VOTES; i++)
		if (v->count[i] && !memcmp(v->address[i], address, 16)) {
			v->count[i]++;
			return;
		}
	for (unsigned int i = 0; i < VOTES; i++)
		if (!v->count[i]) {
			memcpy(v->address[i], address, 16);
			v->count[i] = 1;
			return;
		}
	for (unsigned int i = 0; i < VOTES; i++)
		v->count[i]--;
}

/* Each packet of a guest's interface has the guest's address at one end. */
static void guess_address(struct tocsin_trace_flows *f, pcap_t *p)
{
	struct pcap_pkthdr *header;
	struct trace_packet packet;
	struct votes v = {0};
	const u_char *bytes;
	unsigned int best = 0;

	while (pcap_next_ex(p, &header, &bytes) == 1)
		if (trace_packet_read(pcap_datalink(p), bytes, header->caplen, &packet)) {
			vote(&v, packet.from);
			vote(&v, packet.to);
		}
	for (unsigned int i = 1; i < VOTES; i++)
		if (v.count[i] > v.count[best])
			best = i;
	if (!v.count[best])
		return;
	memcpy(f->addresses[0], v.address[best], 16);
	f->address_count = 1;
}

static pcap_t *open_file(const char *path, struct tocsin_error *err)
{
	char why[PCAP_ERRBUF_SIZE] = "";
	pcap_t *p = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, why);

	if (!p)
		tocsin_error_set(err, -EPROTO, "%s: %s", path, why);
	return p;
}

int tocsin_trace_flows_file(struct tocsin_trace_flows *f, const char *path,
			    struct tocsin_error *err)
{
	pcap_t *p = open_file(path, err);
	int more = 1, rc = 0;

	if (p && !f->address_count) {
		guess_address(f, p);
		pcap_close(p);
		p = open_file(path, err);
	}
	if (!p)
		return -EPROTO;
	while (!rc && more == 1)
		rc = read_packet(f, p, &more);
	if (!rc && more == PCAP_ERROR)
		rc = tocsin_error_set(err, -EPROTO, "%s: %s", path, pcap_geterr(p));
	pcap_close(p);
	return rc ? rc : tocsin_trace_flows_end(f);
}
