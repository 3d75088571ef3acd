// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tocsin net GUEST [PID] [FILTERS] [--wide | --json]: every socket once, with all who hold it, or,
 * where nobody does, with what keeps it: the kernel, a listener's queue, TIME_WAIT, bytes that are
 * still to be sent. One that the kernel's tables and the processes' descriptors disagree on is
 * marked.
 */
#include "cli/net.h"

#include "cli/command.h"
#include "cli/fold.h"
#include "cli/guest.h"
#include "output/event.h"
#include "output/output.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct person {
	const struct tocsin_process *p;
	bool known; /* its container was looked for */
	char container[65];
};

struct listing {
	struct tocsin_kernel *k;
	const struct guest_options *o;
	struct net_filter *filter;
	struct tocsin_view view;
	const struct tocsin_view_row **order; /* those that are asked for */
	size_t count;
	bool several;          /* network namespaces are in it */
	struct person *people; /* by pid */
	size_t person_count;
	struct tocsin_output_holder *holders; /* of the row that is printed */
	size_t room;
};

static int compare_rows(const void *a, const void *b)
{
	const struct tocsin_socket *x = &(*(const struct tocsin_view_row *const *)a)->socket;
	const struct tocsin_socket *y = &(*(const struct tocsin_view_row *const *)b)->socket;
	int kind = strcmp(tocsin_socket_kind(x), tocsin_socket_kind(y));
	const uint64_t keys[][2] = {{x->netns, y->netns},
				    {x->local_port, y->local_port},
				    {y->state == TCP_LISTEN, x->state == TCP_LISTEN},
				    {x->remote_port, y->remote_port},
				    {x->inode, y->inode},
				    {x->sock, y->sock}};

	for (size_t i = 0; !kind && i < sizeof(keys) / sizeof(keys[0]); i++)
		kind = (keys[i][0] > keys[i][1]) - (keys[i][0] < keys[i][1]);
	return kind;
}

static int compare_people(const void *a, const void *b)
{
	const struct person *x = a, *y = b;

	return (x->p->pid > y->p->pid) - (x->p->pid < y->p->pid);
}

/* Who holds it, by name; a process that began after the list was made has none. */
static struct person *find_person(struct listing *l, int32_t pid)
{
	struct tocsin_process p = {.pid = pid};
	struct person key = {.p = &p}, *found;

	found = l->person_count
		    ? bsearch(&key, l->people, l->person_count, sizeof(key), compare_people)
		    : NULL;
	if (found && !found->known && found->p->mm) {
		struct tocsin_process_details details;

		found->known = true;
		if (!tocsin_process_details(l->k, found->p, &details, NULL)) {
			memcpy(found->container, details.container, sizeof(found->container));
			tocsin_process_details_free(&details);
		}
	}
	return found;
}

static int collect_holders(struct listing *l, const struct tocsin_view_row *row)
{
	if (row->holders > l->room) {
		void *more = reallocarray(l->holders, row->holders, sizeof(*l->holders));

		if (!more)
			return -ENOMEM;
		l->holders = more;
		l->room = row->holders;
	}
	for (size_t i = 0; i < row->holders; i++) {
		const struct tocsin_holder *h = &l->view.holders.rows[row->first + i];
		const struct person *who = find_person(l, h->pid);

		l->holders[i] = (struct tocsin_output_holder){
		    .pid = h->pid,
		    .tid = h->tid,
		    .fd = h->fd,
		    .comm = who ? who->p->comm : "",
		    .container = who ? who->container : "",
		    .hides = who && who->p->confidence == TOCSIN_CONTRADICTED};
	}
	return 0;
}

static int compare_sock(const void *a, const void *b)
{
	const uint64_t *sock = a;
	const struct tocsin_view_row *row = b;

	return (*sock > row->socket.sock) - (*sock < row->socket.sock);
}

/* The inode of a UNIX socket's peer; 0: none, or it has none. */
static uint64_t peer_of(const struct listing *l, const struct tocsin_socket *s)
{
	const struct tocsin_view_row *peer = NULL;

	if (s->family == AF_UNIX && s->peer)
		peer = bsearch(&s->peer, l->view.rows, l->view.count, sizeof(*peer), compare_sock);
	return peer ? peer->socket.inode : 0;
}

/* Of a UNIX socket: its peer, by inode. */
static const char *remote_text(const struct listing *l, const struct tocsin_socket *s,
			       char ret[TOCSIN_LOCAL_SIZE])
{
	if (s->family != AF_UNIX || !s->peer)
		return tocsin_output_endpoint(s, true, ret);
	snprintf(ret, TOCSIN_LOCAL_SIZE, "socket:[%" PRIu64 "]", peer_of(l, s));
	return ret;
}

/* Bytes, or seconds, where they are known. */
static const char *number(bool known, uint64_t value, char ret[24])
{
	if (known)
		snprintf(ret, 24, "%" PRIu64, value);
	else
		strcpy(ret, "-");
	return ret;
}

static const char *nobody(const struct tocsin_view_row *row)
{
	if (row->unheld)
		return "nobody: its holder hides or is ending, or it is on its way in a message";
	switch (row->socket.owner) {
	case TOCSIN_OWNER_KERNEL:
		return "the kernel";
	case TOCSIN_OWNER_QUEUE:
		return "a listener's queue";
	case TOCSIN_OWNER_NONE:
		return row->socket.state == TCP_TIME_WAIT ? "nobody: TIME_WAIT" : "nobody: closed";
	default:
		return "not known";
	}
}

static void print_holders(const struct listing *l, const struct tocsin_view_row *row)
{
	for (size_t i = 0; i < row->holders; i++) {
		const struct tocsin_output_holder *h = &l->holders[i];

		printf("%s%s/%" PRId32, i ? ", " : "",
		       guest_text(h->comm, strnlen(h->comm, TOCSIN_COMM_SIZE)), h->pid);
		if (h->tid != h->pid)
			printf("/%" PRId32, h->tid);
		printf(":%" PRId32, h->fd);
		if (h->container[0])
			printf("@%.12s", h->container);
		if (h->hides)
			fputs(" (hides)", stdout);
	}
	if (!row->holders)
		printf("(%s)", nobody(row));
}

/*
 * The table as most people read it: who talks to whom. All that there is of a socket takes 170
 * columns (--wide), and is folded nowhere. Namespaces are told apart where there are several.
 */
static void print_head(const struct listing *l)
{
	if (l->filter->wide)
		printf("%-9s %-11s %7s %7s %-25s %-25s %10s %10s %6s %6s %10s %s\n", "KIND",
		       "STATE", "RECV-Q", "SEND-Q", "LOCAL", "REMOTE", "IN", "OUT", "IDLE", "UID",
		       "NETNS", "HOLDERS");
	else
		fold_table("HOLDERS", "%-8s %-11s %-22s %-22s %s", "KIND", "STATE", "LOCAL",
			   "REMOTE", l->several ? "     NETNS " : "");
}

static void print_wide(const struct listing *l, const struct tocsin_socket *s)
{
	char local[TOCSIN_LOCAL_SIZE], remote[TOCSIN_LOCAL_SIZE];
	char in[24], out[24], idle[24], uid[24];

	printf("%-9s %-11s %7" PRIu32 " %7" PRIu32 " %-25s %-25s %10s %10s %6s %6s %10" PRIu32 " ",
	       tocsin_socket_kind(s), tocsin_socket_state(s), s->receive_queue, s->send_queue,
	       tocsin_output_local(s, local), remote_text(l, s, remote),
	       number(s->counted, s->bytes_received, in), number(s->counted, s->bytes_sent, out),
	       number(s->idle != UINT64_MAX, s->idle / 1000000000, idle),
	       number(s->uid != UINT32_MAX, s->uid, uid), s->netns);
}

static void print_narrow(const struct listing *l, const struct tocsin_socket *s)
{
	char local[TOCSIN_LOCAL_SIZE], remote[TOCSIN_LOCAL_SIZE];

	printf("%-8s %-11s %-22s %-22s ", tocsin_socket_kind(s), tocsin_socket_state(s),
	       tocsin_output_local(s, local), remote_text(l, s, remote));
	if (l->several)
		printf("%10" PRIu32 " ", s->netns);
}

static void print_row(const struct listing *l, const struct tocsin_view_row *row)
{
	if (l->filter->wide)
		print_wide(l, &row->socket);
	else
		print_narrow(l, &row->socket);
	print_holders(l, row);
	puts(row->confidence == TOCSIN_CONTRADICTED ? " (hides: not in the kernel's table)"
						    : guest_remark(row->confidence));
}

static int show_row(struct listing *l, const struct tocsin_view_row *row)
{
	struct tocsin_output_socket out = {.socket = &row->socket,
					   .confidence = row->confidence,
					   .in_table = row->in_table,
					   .unheld = row->unheld,
					   .peer_inode = peer_of(l, &row->socket),
					   .count = row->holders};
	int rc = collect_holders(l, row);

	if (rc)
		return rc;
	out.holders = l->holders;
	if (l->o->json)
		return tocsin_output_socket_json(stdout, &out);
	print_row(l, row);
	return 0;
}

/* Says on stderr what may lack. */
static void warn(const struct tocsin_view *v)
{
	fflush(stdout);
	if (v->truncated)
		fputs("tocsin: there may be more sockets, or more who hold them\n", stderr);
	if (v->torn)
		fprintf(stderr, "tocsin: %zu rows, tables or parts of tables did not hold still\n",
			v->torn);
	if (v->closed)
		fprintf(
		    stderr,
		    "tocsin: %zu sockets were closed while this was read; they are not shown, nor "
		    "what they left behind since\n",
		    v->closed);
	for (unsigned int t = 0; t < TOCSIN_TABLES; t++)
		if (v->missing >> t & 1)
			fprintf(stderr,
				"tocsin: this kernel's table of %s sockets could not be read; one "
				"that hides there would not be noticed\n",
				tocsin_socket_table_name(t));
}

static int select_rows(struct listing *l)
{
	l->order = calloc(l->view.count + 1, sizeof(*l->order));
	if (!l->order)
		return -ENOMEM;
	for (size_t i = 0; i < l->view.count; i++)
		if (net_filter_takes(l->filter, &l->view, &l->view.rows[i]))
			l->order[l->count++] = &l->view.rows[i];
	for (size_t i = 1; i < l->count; i++)
		l->several |= l->order[i]->socket.netns != l->order[0]->socket.netns;
	qsort(l->order, l->count, sizeof(const struct tocsin_view_row *), compare_rows);
	return 0;
}

static int show_rows(struct listing *l, const struct tocsin_process_list *list)
{
	int rc, partial = l->view.torn || l->view.truncated || list->truncated;

	l->people = calloc(list->count + 1, sizeof(*l->people));
	if (!l->people)
		return -ENOMEM;
	for (size_t i = 0; i < list->count; i++)
		l->people[l->person_count++].p = &list->rows[i];
	qsort(l->people, l->person_count, sizeof(*l->people), compare_people);
	rc = select_rows(l);
	if (!rc && !l->o->json)
		print_head(l);
	for (size_t i = 0; i < l->count && !rc; i++) {
		partial |= l->order[i]->unheld || l->order[i]->confidence != TOCSIN_CONSISTENT;
		rc = show_row(l, l->order[i]);
	}
	warn(&l->view);
	return rc ? rc : partial;
}

static int show(struct tocsin_kernel *k, const struct guest_options *o, struct tocsin_error *err)
{
	struct listing l = {.k = k, .o = o, .filter = o->own};
	struct tocsin_process_list list;
	int rc;

	if (o->pid)
		l.filter->pid = o->pid;
	rc = tocsin_process_list(k, &list, err);
	if (rc)
		return rc;
	rc = tocsin_view_read(k, NULL, &l.view, err);
	if (!rc) {
		rc = show_rows(&l, &list);
		if (rc < 0)
			tocsin_error_set(err, rc, "cannot print: %s", strerror(-rc));
		if (rc >= 0 && l.filter->pid && !find_person(&l, l.filter->pid))
			rc = tocsin_error_set(err, -ESRCH, "no process %" PRId32, l.filter->pid);
		tocsin_view_free(&l.view);
	}
	tocsin_process_list_free(&list);
	free(l.order);
	free(l.people);
	free(l.holders);
	return rc;
}

int command_net(int argc, char **argv)
{
	struct net_filter filter = {0};

	return guest_run_own(argc, argv, GUEST_PID, net_filter_option, &filter, show);
}
