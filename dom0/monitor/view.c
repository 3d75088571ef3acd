// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel's tables and the processes' descriptors are both in order of address, so one pass
 * brings them together. What is then in one of them only (or, of TCP, in the table of ports and not
 * in those of connections) is a suspect, and is looked at again
 * after a short while, a few times: most have just begun, or just ended, and the other view has
 * them by then, or nobody has them any more.
 *
 * A suspect is called by its name only if some look found the other view whole, with nothing that
 * did not hold still; else its row is torn, and says nothing. Where the bounds cut a view short no
 * look is worth another.
 *
 * A socket may be held by nobody for as long as it likes, waiting in a message. Who reads again and
 * again remembers those, so that they cost their looks once.
 */
#include "monitor/view.h"

#include "base/error.h"
#include "base/room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOKS 4
#define PAUSE 500000l /* nanoseconds before the second look, four times that before each next */

struct suspect {
	size_t row;
	bool missing; /* in the table where it belongs; else it is there, and held by nobody */
	bool proven;  /* by a look at the other view that found it whole */
	bool quiet;   /* when it was read last, nobody was changing it */
};

struct looking {
	struct tocsin_kernel *k;
	const struct tocsin_view_memory *memory; /* NULL: none */
	struct tocsin_view v;
	struct suspect *suspects;
	size_t count, room;
	uint32_t gaps;      /* of the last look at the tables, as in struct tocsin_socket_list */
	bool holders_whole; /* in the last look at them */
};

static uint32_t gaps_of(const struct tocsin_socket_list *list)
{
	return list->truncated ? UINT32_MAX : list->gaps;
}

static int suspect(struct looking *l, size_t row, bool missing)
{
	if (!TOCSIN_ROOM(l->suspects, l->room, l->count))
		return -ENOMEM;
	l->suspects[l->count++] = (struct suspect){.row = row,
						   .missing = missing,
						   .proven = !missing && l->holders_whole,
						   .quiet = !l->v.rows[row].socket.busy};
	return 0;
}

/* Does its table exist for us, so that being missing there means something? */
static bool is_expected(const struct looking *l, const struct tocsin_socket *s)
{
	return tocsin_socket_in_table(s) && !(l->v.missing >> tocsin_socket_table_of(s) & 1);
}

static int compare_unheld(const void *a, const void *b)
{
	const struct tocsin_view_unheld *x = a, *y = b;

	return (x->sock > y->sock) - (x->sock < y->sock);
}

/* Was it held by nobody in the view before, and is it as far as this look can tell? */
static bool is_remembered(const struct looking *l, const struct tocsin_socket *s)
{
	const struct tocsin_view_memory *m = l->memory;
	const struct tocsin_view_unheld key = {.sock = s->sock}, *found = NULL;

	if (m && m->count && l->holders_whole)
		found = bsearch(&key, m->unheld, m->count, sizeof(key), compare_unheld);
	return found && found->inode == s->inode;
}

/* The holders were not all looked at in one moment: do they speak of one socket? */
static bool agree(const struct tocsin_holder *holder, size_t count, uint64_t inode)
{
	for (size_t i = 0; i < count; i++)
		if (holder[i].inode != inode)
			return false;
	return true;
}

/* Is it in no other table than that of ports, although it is more than bound? */
static bool is_port_only(const struct looking *l, const struct tocsin_socket_row *listed)
{
	return listed->port_only && is_expected(l, &listed->socket);
}

/* A socket that some process holds, and no table has. */
static int add_held(struct looking *l, const struct tocsin_holder *holder, size_t first,
		    size_t count)
{
	struct tocsin_view_row *row = &l->v.rows[l->v.count];
	int rc;

	*row = (struct tocsin_view_row){
	    .confidence = TOCSIN_CONSISTENT, .first = first, .holders = count};
	rc = tocsin_socket_at(l->k, holder->sock, &row->socket, NULL);

	if (rc == -ENOMEM)
		return rc;
	if (rc || !agree(holder, count, row->socket.inode)) { /* it is closed meanwhile */
		l->v.torn += rc && rc != -ESRCH;
		l->v.closed += !rc || rc == -ESRCH;
		return 0;
	}
	l->v.count++;
	return is_expected(l, &row->socket) ? suspect(l, l->v.count - 1, true) : 0;
}

/*
 * A socket of a table, and who holds it now. Between the two looks it may have been accepted, or
 * have made room for another at its place: then it is read as it is now.
 */
static int add_listed(struct looking *l, const struct tocsin_socket_row *listed,
		      const struct tocsin_holder *holder, size_t first, size_t count)
{
	struct tocsin_view_row *row = &l->v.rows[l->v.count];
	int rc = 0;

	*row = (struct tocsin_view_row){.socket = listed->socket,
					.confidence = listed->confidence,
					.first = first,
					.holders = count,
					.in_table = !is_port_only(l, listed)};
	if (count && !agree(holder, count, listed->socket.inode)) {
		rc = tocsin_socket_at(l->k, holder->sock, &row->socket, NULL);
		if (rc == -ENOMEM)
			return rc;
		if (rc || !agree(holder, count, row->socket.inode)) {
			row->confidence = TOCSIN_TORN;
			l->v.torn += listed->confidence != TOCSIN_TORN;
		}
	}
	l->v.count++;
	if (row->confidence != TOCSIN_CONSISTENT)
		return 0;
	if (!row->in_table)
		return suspect(l, l->v.count - 1, true);
	if (count || row->socket.owner != TOCSIN_OWNER_FILE)
		return 0;
	row->unheld = is_remembered(l, &row->socket);
	return row->unheld ? 0 : suspect(l, l->v.count - 1, false);
}

static size_t holders_of(const struct tocsin_holder_list *h, size_t first)
{
	size_t n = first;

	while (n < h->count && h->rows[n].sock == h->rows[first].sock)
		n++;
	return n - first;
}

static int merge(struct looking *l, const struct tocsin_socket_list *list)
{
	const struct tocsin_holder_list *h = &l->v.holders;
	size_t i = 0, j = 0;
	int rc = 0;

	l->v.rows = reallocarray(NULL, list->count + h->count + 1, sizeof(*l->v.rows));
	if (!l->v.rows)
		return -ENOMEM;
	while (!rc && (i < list->count || j < h->count)) {
		uint64_t a = i < list->count ? list->rows[i].socket.sock : UINT64_MAX;
		uint64_t b = j < h->count ? h->rows[j].sock : UINT64_MAX;
		size_t n = j < h->count && b <= a ? holders_of(h, j) : 0;

		if (i < list->count && a <= b)
			rc = add_listed(l, &list->rows[i++], &h->rows[j], j, n);
		else
			rc = add_held(l, &h->rows[j], j, n);
		j += n;
	}
	return rc;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *sock = a;
	const struct tocsin_socket_row *row = b;

	return (*sock > row->socket.sock) - (*sock < row->socket.sock);
}

static int compare_holder(const void *a, const void *b)
{
	const uint64_t *sock = a;
	const struct tocsin_holder *h = b;

	return (*sock > h->sock) - (*sock < h->sock);
}

/* The descriptors that hold a row after all: after all others. */
static int adopt(struct tocsin_view *v, struct tocsin_view_row *row,
		 const struct tocsin_holder_list *now)
{
	const struct tocsin_holder *found = now->count
						? bsearch(&row->socket.sock, now->rows, now->count,
							  sizeof(*now->rows), compare_holder)
						: NULL;
	size_t first, n;
	void *rows;

	if (!found)
		return 0;
	for (first = (size_t)(found - now->rows);
	     first && now->rows[first - 1].sock == row->socket.sock;)
		first--;
	n = holders_of(now, first);
	if (!agree(now->rows + first, n, row->socket.inode))
		return 0; /* there is another socket by now */
	rows = reallocarray(v->holders.rows, v->holders.count + n, sizeof(*now->rows));
	if (!rows)
		return -ENOMEM;
	v->holders.rows = rows;
	memcpy(v->holders.rows + v->holders.count, now->rows + first, n * sizeof(*now->rows));
	row->first = v->holders.count;
	row->holders = n;
	v->holders.count += n;
	return 0;
}

/* An inode's number is given to one socket only, but those that nobody has opened have none. */
static bool is_same(const struct tocsin_socket *x, const struct tocsin_socket *y)
{
	return x->inode == y->inode && x->family == y->family &&
	       (x->inode || (x->local_port == y->local_port && x->remote_port == y->remote_port));
}

/*
 * A suspect by its address: does it still stand where it stood? 1: it does, and is a suspect yet;
 * 0: it is accounted for, or gone (its row is cleared then).
 */
static int ask(struct looking *l, const struct suspect *s, struct tocsin_view_row *row)
{
	struct tocsin_socket now;
	int rc = tocsin_socket_at(l->k, row->socket.sock, &now, NULL);

	if (rc == -ENOMEM)
		return rc;
	if (rc == -EAGAIN || rc == -EFAULT) {
		row->socket.busy = true;
		return 1;
	}
	if (rc || !is_same(&now, &row->socket) ||
	    (s->missing &&
	     (row->holders ? now.owner != TOCSIN_OWNER_FILE : !is_expected(l, &now)))) {
		row->socket.sock = 0; /* closed, and maybe another socket by now */
		l->v.closed++;
		return 0;
	}
	row->socket = now;
	return s->missing ? is_expected(l, &now) : now.owner == TOCSIN_OWNER_FILE;
}

/*
 * The table was read again, and does not have it. That proves something if nobody was changing the
 * socket before that look nor after it, and it is what it was: a socket is taken off its table, or
 * put there, under its lock, and says so a while later or before.
 */
static int ask_missing(struct looking *l, struct suspect *s, struct tocsin_view_row *row)
{
	struct tocsin_socket before = row->socket;
	int rc = ask(l, s, row);
	bool quiet = rc > 0 && !row->socket.busy;

	if (rc > 0 && s->quiet && quiet && before.state == row->socket.state &&
	    !(l->gaps >> tocsin_socket_table_of(&row->socket) & 1))
		s->proven = true;
	s->quiet = quiet;
	return rc;
}

/* The same as ask, after the other view was read again. */
static int look_at(struct looking *l, struct suspect *s, const struct tocsin_socket_list *tables,
		   const struct tocsin_holder_list *holders)
{
	struct tocsin_view_row *row = &l->v.rows[s->row];
	const struct tocsin_socket_row *listed = NULL;
	int rc;

	if (s->missing && tables->count)
		listed = bsearch(&row->socket.sock, tables->rows, tables->count,
				 sizeof(*tables->rows), compare);
	if (listed && listed->socket.inode == row->socket.inode && !is_port_only(l, listed)) {
		row->in_table = true;
		row->socket = listed->socket;
		row->confidence = listed->confidence;
		return 0;
	}
	rc = s->missing ? 0 : adopt(&l->v, row, holders);
	if (rc || (!s->missing && row->holders))
		return rc;
	s->proven |= !s->missing && l->holders_whole;
	return s->missing ? ask_missing(l, s, row) : ask(l, s, row);
}

static bool any(const struct looking *l, bool missing)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->suspects[i].missing == missing)
			return true;
	return false;
}

/* All suspects once more. What cannot be read again proves nothing. */
static int look_again(struct looking *l)
{
	struct tocsin_socket_list tables = {0};
	struct tocsin_holder_list holders = {0};
	size_t kept = 0;
	int rc = 0;

	l->gaps = any(l, true) && !tocsin_socket_list(l->k, &tables, NULL) ? gaps_of(&tables)
									   : UINT32_MAX;
	l->holders_whole = any(l, false) && !tocsin_holder_list(l->k, &holders, NULL) &&
			   !holders.torn && !holders.truncated;
	for (size_t i = 0; i < l->count && rc >= 0; i++) {
		rc = look_at(l, &l->suspects[i], &tables, &holders);
		if (rc > 0)
			l->suspects[kept++] = l->suspects[i];
	}
	l->count = rc < 0 ? l->count : kept;
	tocsin_socket_list_free(&tables);
	tocsin_holder_list_free(&holders);
	return rc < 0 ? rc : 0;
}

/* What is left hides, or cannot be told. */
static void conclude(struct looking *l)
{
	struct tocsin_view *v = &l->v;
	size_t kept = 0;

	for (size_t i = 0; i < l->count; i++) {
		const struct suspect *s = &l->suspects[i];
		struct tocsin_view_row *row = &v->rows[s->row];

		row->confidence = !s->proven   ? TOCSIN_TORN
				  : s->missing ? TOCSIN_CONTRADICTED
					       : row->confidence;
		row->unheld = s->proven && !s->missing;
		v->torn += !s->proven;
		v->contradicted += row->confidence == TOCSIN_CONTRADICTED;
	}
	for (size_t i = 0; i < v->count; i++)
		if (v->rows[i].socket.sock)
			v->rows[kept++] = v->rows[i];
	v->count = kept;
}

static int read_both(struct looking *l, struct tocsin_error *err)
{
	struct tocsin_socket_list list;
	int rc = tocsin_socket_list(l->k, &list, err);

	if (rc)
		return rc;
	l->v.torn = list.torn;
	l->v.missing = list.missing;
	l->v.gaps = list.gaps;
	l->v.truncated = list.truncated;
	rc = tocsin_holder_list(l->k, &l->v.holders, err);
	if (!rc) {
		l->v.torn += l->v.holders.torn;
		l->v.truncated |= l->v.holders.truncated;
		l->holders_whole = !l->v.holders.torn && !l->v.holders.truncated;
		rc = merge(l, &list);
	}
	tocsin_socket_list_free(&list);
	return rc;
}

/* Rows are by sock, and so is what is remembered of them. */
static int remember(struct tocsin_view_memory *m, const struct tocsin_view *v)
{
	struct tocsin_view_unheld *unheld;
	size_t count = 0;

	for (size_t i = 0; i < v->count; i++)
		count += v->rows[i].unheld;
	unheld = calloc(count + 1, sizeof(*unheld));
	if (!unheld)
		return -ENOMEM;
	tocsin_view_forget(m);
	for (size_t i = 0; i < v->count; i++)
		if (v->rows[i].unheld)
			unheld[m->count++] = (struct tocsin_view_unheld){v->rows[i].socket.sock,
									 v->rows[i].socket.inode};
	m->unheld = unheld;
	return 0;
}

void tocsin_view_forget(struct tocsin_view_memory *memory)
{
	free(memory->unheld);
	memset(memory, 0, sizeof(*memory));
}

int tocsin_view_read(struct tocsin_kernel *k, struct tocsin_view_memory *memory,
		     struct tocsin_view *ret, struct tocsin_error *err)
{
	struct looking l = {.k = k, .memory = memory};
	struct timespec pause = {.tv_nsec = PAUSE};
	int rc = read_both(&l, err);

	for (int i = 0; i < LOOKS && !rc && l.count && !l.v.truncated; i++) {
		nanosleep(&pause, NULL);
		pause.tv_nsec *= 4;
		rc = look_again(&l);
	}
	if (!rc) {
		conclude(&l);
		rc = memory ? remember(memory, &l.v) : 0;
	}
	free(l.suspects);
	if (rc) {
		tocsin_view_free(&l.v);
		return rc == -ENOMEM ? tocsin_error_set(err, rc, "no memory for sockets") : rc;
	}
	*ret = l.v;
	return 0;
}

void tocsin_view_free(struct tocsin_view *view)
{
	free(view->rows);
	tocsin_holder_list_free(&view->holders);
	memset(view, 0, sizeof(*view));
}
