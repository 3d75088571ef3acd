// SPDX-License-Identifier: GPL-2.0-or-later
/* Events become relations: nodes at once, connections when all of them are known. */
#include "output/event.h"
#include "output/graph_model.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SLACK                                                                                      \
	10000000000u /* nanoseconds by which two sights of one connection may miss each other */
#define TWINS_MAX 16 /* holders of the other end that are told */

/* What names one direction of a connection; the other has it the other way round. No padding. */
struct tuple {
	uint8_t near[16],
	    far[16]; /* IPv4 as IPv6 has it; of UNIX sockets addresses in the kernel */
	uint16_t near_port, far_port;
	uint16_t family, protocol; /* family: AF_INET for both, or AF_UNIX */
	uint32_t netns;            /* where the addresses mean something; 0: everywhere */
	uint32_t guest;            /* the same: its index and 1 */
};

struct connection {
	size_t guest;
	uint64_t id, seen;
	struct graph_node *who;
	/* how it was when it was last seen */
	struct tuple tuple;
	struct tocsin_socket socket;
	enum tocsin_direction direction;
	uint64_t last; /* UINT64_MAX: it is still there */
};

struct tocsin_graph {
	size_t max_nodes;
	void *node_tree, *connection_tree, *edge_tree;
	struct graph_relations all;
	struct connection **connections;
	size_t node_room, connection_count, connection_room, edge_room;
	bool related;
};

const char *tocsin_graph_node_name(enum graph_node_kind kind)
{
	static const char *const names[] = {"process", "listener", "endpoint", "file",
					    "socket",  "module",   "finding",  "group"};

	return names[kind];
}

const char *tocsin_graph_edge_name(enum graph_edge_kind kind)
{
	static const char *const names[] = {"parent", "connection", "listens", "handed", "flow"};

	return names[kind];
}

static int write_dot(FILE *to, struct tocsin_graph *g)
{
	struct graph_relations all;
	int rc = tocsin_graph_relate(g, &all);

	return rc ? rc : tocsin_graph_dot(to, &all);
}

static int write_graphml(FILE *to, struct tocsin_graph *g)
{
	struct graph_relations all;
	int rc = tocsin_graph_relate(g, &all);

	return rc ? rc : tocsin_graph_graphml(to, &all);
}

const struct tocsin_graph_output tocsin_graph_outputs[] = {
    {"dot", write_dot},
    {"graphml", write_graphml},
    {NULL, NULL},
};

const struct tocsin_graph_output *tocsin_graph_output_find(const char *name)
{
	const struct tocsin_graph_output *o = tocsin_graph_outputs;

	while (o->name && strcmp(o->name, name) != 0)
		o++;
	return o->name ? o : NULL;
}

struct tocsin_graph *tocsin_graph_new(size_t max_nodes)
{
	struct tocsin_graph *g = calloc(1, sizeof(*g));

	if (g)
		g->max_nodes = max_nodes ? max_nodes : TOCSIN_GRAPH_NODES;
	return g;
}

static void keep(void *row)
{
}

static void free_node(struct graph_node *n)
{
	free(n->name);
	free(n->exe);
	free(n->container);
	free(n->finding);
	free(n);
}

void tocsin_graph_free(struct tocsin_graph *g)
{
	if (!g)
		return;
	tdestroy(g->node_tree, keep);
	tdestroy(g->connection_tree, keep);
	tdestroy(g->edge_tree, free);
	for (size_t i = 0; i < g->all.node_count; i++)
		free_node(g->all.nodes[i]);
	for (size_t i = 0; i < g->connection_count; i++)
		free(g->connections[i]);
	for (size_t i = 0; i < g->all.guest_count; i++)
		free(g->all.guests[i].name);
	free(g->all.nodes);
	free(g->all.guests);
	free(g->all.edges);
	free(g->connections);
	free(g);
}

/* Room for one more in an array of pointers or rows. */
static int grow(void *array, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? *room * 2 : 64;
	void *new, **at = array;

	if (count < *room)
		return 0;
	new = reallocarray(*at, more, size);
	if (!new)
		return -ENOMEM;
	*at = new;
	*room = more;
	return 0;
}

static int order(uint64_t x, uint64_t y)
{
	return (x > y) - (x < y);
}

static int compare_nodes(const void *a, const void *b)
{
	const struct graph_node *x = a, *y = b;
	int by = order(x->guest, y->guest);

	if (!by)
		by = order(x->kind, y->kind);
	if (!by)
		by = order((uint32_t)x->pid, (uint32_t)y->pid);
	if (!by)
		by = order(x->start_time, y->start_time);
	if (!by && x->kind != NODE_PROCESS)
		by = strcmp(x->name, y->name);
	return by;
}

static int compare_connections(const void *a, const void *b)
{
	const struct connection *x = a, *y = b;
	int by = order(x->guest, y->guest);

	if (!by)
		by = order(x->id, y->id);
	if (!by)
		by = order(x->seen, y->seen);
	return by ? by : compare_nodes(x->who, y->who);
}

static int compare_edges(const void *a, const void *b)
{
	const struct graph_edge *x = a, *y = b;
	int by = compare_nodes(x->from, y->from);

	if (!by)
		by = compare_nodes(x->to, y->to);
	if (!by)
		by = order(x->kind, y->kind);
	if (!by)
		by = strcmp(x->protocol, y->protocol);
	return by ? by : order(x->port, y->port);
}

static int find_guest(struct tocsin_graph *g, const struct tocsin_event *e, size_t *ret)
{
	struct graph_guest *more;
	size_t i;

	for (i = 0; i < g->all.guest_count; i++)
		if (g->all.guests[i].boot == e->boot && !strcmp(g->all.guests[i].name, e->guest))
			break;
	*ret = i;
	if (i < g->all.guest_count)
		return 0;
	if (i >= g->max_nodes)
		return -E2BIG;
	more = reallocarray(g->all.guests, i + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	g->all.guests = more;
	more[i] = (struct graph_guest){strdup(e->guest), e->boot};
	if (!more[i].name)
		return -ENOMEM;
	g->all.guest_count++;
	return 0;
}

/* The node that key names, made if need be. name: of a process "". */
static int find_node(struct tocsin_graph *g, struct graph_node key, const char *name,
		     struct graph_node **ret)
{
	struct graph_node *n, **at;

	key.name = (char *)name;
	at = tfind(&key, &g->node_tree, compare_nodes);
	if (at) {
		*ret = *at;
		return 0;
	}
	if (g->all.node_count >= g->max_nodes)
		return -E2BIG;
	if (grow(&g->all.nodes, g->all.node_count, &g->node_room, sizeof(*g->all.nodes)))
		return -ENOMEM;
	n = malloc(sizeof(*n));
	if (!n)
		return -ENOMEM;
	*n = key;
	n->severity = -1;
	n->name = strdup(name);
	n->exe = strdup("");
	n->container = strdup("");
	n->finding = strdup("");
	if (!n->name || !n->exe || !n->container || !n->finding ||
	    !tsearch(n, &g->node_tree, compare_nodes)) {
		free_node(n);
		return -ENOMEM;
	}
	g->all.nodes[g->all.node_count++] = n;
	*ret = n;
	return 0;
}

static int replace(char **text, const char *with)
{
	char *copy;

	if (!strcmp(*text, with))
		return 0;
	copy = strdup(with);
	if (!copy)
		return -ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}

static int join(struct tocsin_graph *g, struct graph_edge key)
{
	struct graph_edge *edge, **at;

	at = tfind(&key, &g->edge_tree, compare_edges);
	if (at) {
		(*at)->count += key.kind == EDGE_CONNECTION;
		(*at)->bytes += key.bytes;
		return 0;
	}
	edge = malloc(sizeof(*edge));
	if (!edge)
		return -ENOMEM;
	*edge = key;
	edge->count = 1;
	if (!tsearch(edge, &g->edge_tree, compare_edges)) {
		free(edge);
		return -ENOMEM;
	}
	g->all.edge_count++;
	return 0;
}

/* p NULL: nobody known. */
static int find_process(struct tocsin_graph *g, size_t guest, const struct tocsin_event_process *p,
			struct graph_node **ret)
{
	struct graph_node key = {.kind = NODE_PROCESS, .guest = guest}, *parent;
	int rc;

	if (!p)
		return find_node(g, key, "nobody known", ret);
	key.pid = p->pid;
	key.start_time = p->start_time;
	rc = find_node(g, key, "", ret);
	if (rc)
		return rc;
	(*ret)->known = true;
	(*ret)->uid = p->euid;
	if (replace(&(*ret)->name, p->comm) || replace(&(*ret)->exe, p->exe) ||
	    replace(&(*ret)->container, p->container))
		return -ENOMEM;
	if (!p->ppid || !p->parent_start_time)
		return 0;
	key.pid = p->ppid;
	key.start_time = p->parent_start_time;
	rc = find_node(g, key, "", &parent);
	if (rc)
		return rc;
	return join(g, (struct graph_edge){
			   .kind = EDGE_PARENT, .from = parent, .to = *ret, .protocol = ""});
}

static void map_address(const struct tocsin_socket *s, const uint8_t *address, uint8_t ret[16])
{
	if (s->family == AF_INET6) {
		memcpy(ret, address, 16);
		return;
	}
	ret[10] = ret[11] = 0xff;
	memcpy(ret + 12, address, 4);
}

static bool is_mapped(const uint8_t a[16])
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	return !memcmp(a, prefix, sizeof(prefix));
}

static bool is_loopback(const uint8_t a[16])
{
	static const uint8_t one[16] = {[15] = 1};

	return (is_mapped(a) && a[12] == 127) || !memcmp(a, one, sizeof(one));
}

/* false: it leads nowhere. */
static bool make_tuple(const struct tocsin_socket *s, size_t guest, struct tuple *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->protocol = s->protocol;
	if (s->family == AF_UNIX && s->peer) {
		ret->family = AF_UNIX;
		memcpy(ret->near, &s->sock, sizeof(s->sock));
		memcpy(ret->far, &s->peer, sizeof(s->peer));
		ret->guest = (uint32_t)guest + 1;
		return true;
	}
	if ((s->family != AF_INET && s->family != AF_INET6) || !s->remote_port)
		return false;
	ret->family = AF_INET;
	map_address(s, s->local, ret->near);
	map_address(s, s->remote, ret->far);
	ret->near_port = s->local_port;
	ret->far_port = s->remote_port;
	if (is_loopback(ret->near)) {
		ret->guest = (uint32_t)guest + 1;
		ret->netns = s->netns;
	}
	return true;
}

static struct tuple other_way(const struct tuple *t)
{
	struct tuple ret = *t;

	memcpy(ret.near, t->far, sizeof(ret.near));
	memcpy(ret.far, t->near, sizeof(ret.far));
	ret.near_port = t->far_port;
	ret.far_port = t->near_port;
	return ret;
}

static int add_connection(struct tocsin_graph *g, size_t guest, const struct tocsin_event *e,
			  struct graph_node *who)
{
	struct connection key = {.guest = guest,
				 .id = e->socket->id,
				 .seen = e->socket->seen,
				 .who = who},
			  *c, **at;
	bool ended = e->kind == TOCSIN_EVENT_CLOSED || e->kind == TOCSIN_EVENT_RELEASED;

	if (!make_tuple(&e->socket->socket, guest, &key.tuple))
		return 0;
	at = tfind(&key, &g->connection_tree, compare_connections);
	c = at ? *at : NULL;
	if (!c) {
		if (g->connection_count / TOCSIN_GRAPH_CONNECTIONS >= g->max_nodes)
			return -E2BIG;
		c = malloc(sizeof(*c));
		if (!c || grow(&g->connections, g->connection_count, &g->connection_room,
			       sizeof(*g->connections))) {
			free(c);
			return -ENOMEM;
		}
		*c = key;
		if (!tsearch(c, &g->connection_tree, compare_connections)) {
			free(c);
			return -ENOMEM;
		}
		g->connections[g->connection_count++] = c;
	}
	c->tuple = key.tuple;
	c->socket = e->socket->socket;
	c->direction = e->socket->direction;
	c->last = ended ? e->time : UINT64_MAX;
	return 0;
}

static int add_listener(struct tocsin_graph *g, size_t guest, const struct tocsin_socket *s,
			struct graph_node *who)
{
	struct graph_node key = {.kind = NODE_LISTENER, .guest = guest}, *n;
	char end[TOCSIN_ENDPOINT_SIZE], name[TOCSIN_SOCKET_NAME_SIZE + 32];
	size_t size = s->name_size < sizeof(s->name) ? s->name_size : sizeof(s->name);
	int rc;

	if (s->family == AF_UNIX)
		snprintf(name, sizeof(name), "unix %s%.*s", size && !s->name[0] ? "@" : "",
			 (int)(size - (size && !s->name[0])), s->name + (size && !s->name[0]));
	else
		snprintf(name, sizeof(name), "%s %s", tocsin_socket_kind(s),
			 tocsin_output_endpoint(s, false, end));
	rc = find_node(g, key, name, &n);
	if (rc)
		return rc;
	return join(g, (struct graph_edge){.kind = EDGE_LISTENS,
					   .from = who,
					   .to = n,
					   .protocol = tocsin_socket_kind(s),
					   .port = s->local_port});
}

static int add_finding(const struct tocsin_finding *f, struct graph_node *who)
{
	if ((int)f->severity <= who->severity)
		return 0;
	who->severity = (int)f->severity;
	return replace(&who->finding, f->rule);
}

static bool concerns(const struct tocsin_event *e)
{
	return (e->socket || e->finding || (e->process && !e->process->kernel_thread)) &&
	       e->kind != TOCSIN_EVENT_ACCOUNT;
}

int tocsin_graph_add(struct tocsin_graph *g, const struct tocsin_event *e)
{
	bool listens = e->kind == TOCSIN_EVENT_LISTENING || e->kind == TOCSIN_EVENT_UNLISTENED;
	struct graph_node *who, *other;
	size_t guest;
	int rc;

	if (!concerns(e))
		return 0;
	rc = find_guest(g, e, &guest);
	if (!rc)
		rc = find_process(g, guest, e->process, &who);
	if (!rc && e->finding)
		rc = add_finding(e->finding, who);
	if (!rc && e->socket && listens)
		rc = add_listener(g, guest, &e->socket->socket, who);
	else if (!rc && e->socket)
		rc = add_connection(g, guest, e, who);
	if (rc || !e->process || !e->other || e->kind != TOCSIN_EVENT_HELD)
		return rc;
	rc = find_process(g, guest, e->other, &other);
	if (rc || other == who)
		return rc;
	return join(g, (struct graph_edge){
			   .kind = EDGE_HANDED,
			   .from = other,
			   .to = who,
			   .protocol = e->socket ? tocsin_socket_kind(&e->socket->socket) : ""});
}

/* ---- when all are known ---- */

static int compare_tuples(const void *a, const void *b)
{
	const struct connection *x = *(struct connection *const *)a;
	const struct connection *y = *(struct connection *const *)b;
	int by = memcmp(&x->tuple, &y->tuple, sizeof(x->tuple));

	return by ? by : compare_connections(x, y);
}

/* The first of the connections, sorted, that is not before t. */
static size_t first_of(const struct tocsin_graph *g, const struct tuple *t)
{
	size_t low = 0, high = g->connection_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(&g->connections[middle]->tuple, t, sizeof(*t)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool at_one_time(const struct connection *x, const struct connection *y)
{
	return x->seen <= (y->last > UINT64_MAX - SLACK ? y->last : y->last + SLACK) &&
	       y->seen <= (x->last > UINT64_MAX - SLACK ? x->last : x->last + SLACK);
}

static struct graph_edge edge_of(const struct connection *c, struct graph_node *from,
				 struct graph_node *to)
{
	const struct tocsin_socket *s = &c->socket;

	return (struct graph_edge){.kind = EDGE_CONNECTION,
				   .from = from,
				   .to = to,
				   .protocol = tocsin_socket_kind(s),
				   .port = c->direction == TOCSIN_DIRECTION_IN ? s->local_port
									       : s->remote_port,
				   .bytes = s->counted ? s->bytes_sent + s->bytes_received : 0};
}

/* Out of what is watched, or into it. */
static int join_far_end(struct tocsin_graph *g, const struct connection *c)
{
	struct graph_node key = {.kind = NODE_ENDPOINT, .guest = SIZE_MAX}, *n;
	bool in = c->direction == TOCSIN_DIRECTION_IN;
	char address[INET6_ADDRSTRLEN], end[TOCSIN_ENDPOINT_SIZE], name[128];
	struct tocsin_socket s = c->socket;
	int rc;

	if (s.family == AF_INET6 && is_mapped(s.remote)) { /* one far end, one node */
		s.family = AF_INET;
		memmove(s.remote, s.remote + 12, 4);
	}
	if (!tocsin_output_address(&s, true, address))
		return 0; /* of a UNIX socket whose other end was never seen */
	/* who connects has a port that means nothing */
	snprintf(name, sizeof(name), "%s", in ? address : tocsin_output_endpoint(&s, true, end));
	rc = find_node(g, key, name, &n);
	return rc ? rc : join(g, in ? edge_of(c, n, c->who) : edge_of(c, c->who, n));
}

/* Did c connect to d, its other end? If both say so, or none does, it has the larger port. */
static bool connected(const struct connection *c, const struct connection *d, bool before)
{
	bool out = c->direction == TOCSIN_DIRECTION_OUT;

	if (out != (d->direction == TOCSIN_DIRECTION_OUT))
		return out;
	if (c->tuple.near_port != c->tuple.far_port)
		return c->tuple.near_port > c->tuple.far_port;
	return before;
}

static int join_connection(struct tocsin_graph *g, size_t index)
{
	const struct connection *c = g->connections[index], *d;
	struct tuple other = other_way(&c->tuple);
	unsigned int twins = 0;
	int rc = 0;

	for (size_t i = first_of(g, &other); i < g->connection_count && twins < TWINS_MAX && !rc;
	     i++) {
		d = g->connections[i];
		if (memcmp(&d->tuple, &other, sizeof(other)) != 0)
			break;
		if (i == index || !at_one_time(c, d))
			continue;
		twins++;
		if (connected(c, d, index < i)) /* told once */
			rc = join(g, edge_of(c, c->who, d->who));
	}
	return twins || rc ? rc : join_far_end(g, c);
}

/* A connection that somebody holds has been told of without him, too. */
static void drop_unheld(struct tocsin_graph *g)
{
	size_t kept = 0;

	for (size_t i = 0; i < g->connection_count; i++) {
		struct connection *c = g->connections[i], *next = i + 1 < g->connection_count
								      ? g->connections[i + 1]
								      : NULL;

		if (!c->who->pid && next && next->guest == c->guest && next->id == c->id &&
		    next->seen == c->seen) {
			tdelete(c, &g->connection_tree, compare_connections);
			free(c);
		} else {
			g->connections[kept++] = c;
		}
	}
	g->connection_count = kept;
}

static int by_connection(const void *a, const void *b)
{
	return compare_connections(*(struct connection *const *)a, *(struct connection *const *)b);
}

static int by_node(const void *a, const void *b)
{
	return compare_nodes(*(struct graph_node *const *)a, *(struct graph_node *const *)b);
}

static void collect(const void *at, VISIT visit, void *context)
{
	struct tocsin_graph *g = context;

	if (visit == postorder || visit == leaf)
		g->all.edges[g->edge_room++] = **(struct graph_edge *const *)at;
}

/* Who of the nobodies is left without any edge or finding is not told. */
static void number_nodes(struct tocsin_graph *g)
{
	size_t kept = 0;

	for (size_t i = 0; i < g->all.edge_count; i++)
		g->all.edges[i].from->number = g->all.edges[i].to->number = 1;
	for (size_t i = 0; i < g->all.node_count; i++) {
		struct graph_node *n = g->all.nodes[i];

		if (n->kind == NODE_PROCESS && !n->pid && !n->number && n->severity < 0) {
			tdelete(n, &g->node_tree, compare_nodes);
			free_node(n);
		} else {
			n->number = kept;
			g->all.nodes[kept++] = n;
		}
	}
	g->all.node_count = kept;
}

int tocsin_graph_relate(struct tocsin_graph *g, struct graph_relations *ret)
{
	int rc = 0;

	if (!g->related) {
		if (g->connection_count)
			qsort(g->connections, g->connection_count, sizeof(*g->connections),
			      by_connection);
		drop_unheld(g);
		if (g->connection_count)
			qsort(g->connections, g->connection_count, sizeof(*g->connections),
			      compare_tuples);
		for (size_t i = 0; i < g->connection_count && !rc; i++)
			rc = join_connection(g, i);
		if (rc)
			return rc;
		g->all.edges = calloc(g->all.edge_count + 1, sizeof(*g->all.edges));
		if (!g->all.edges)
			return -ENOMEM;
		twalk_r(g->edge_tree, collect, g);
		if (g->all.node_count)
			qsort(g->all.nodes, g->all.node_count, sizeof(*g->all.nodes), by_node);
		number_nodes(g);
		g->related = true;
	}
	*ret = g->all;
	return 0;
}
