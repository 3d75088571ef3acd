// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Read a churning guest without pause, and judge every reading by the guest's own log (churn.h):
 * churn_reader QMP-SOCKET SECONDS. Prints one line of counts for each kind; exits 1 if something
 * that lived through a reading was not in it, or something is called consistent that never was.
 */
#include "churn.h"
#include "monitor/view.h"
#include "tocsin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define PATIENCE 5 /* so many times longer where the machine is slow */
#define NEVER UINT64_MAX
#define FAULTS_SHOWN 20

struct thing {
	uint64_t id, extra; /* as in churn_event */
	uint64_t about, born, dying, dead;
	uint64_t seen; /* number of the last reading that showed it */
};

/* What there is of one kind: all that ever was, and where those lie that are not dead yet. */
struct history {
	struct thing *things;
	size_t count, room;
	size_t *live;
	size_t live_count, live_room;
};

/*
 * What the log may not tell yet, looked at again at the end: a consistent row was, or a socket said
 * to have no holder was being closed. Its descriptor goes first, and the thread that closes it may
 * then wait for a processor while the socket is in its table still.
 */
struct doubt {
	enum churn_kind kind;
	uint64_t id, extra, begin, end;
	bool unheld;
};

static const char *const names[] = {"processes", "sockets", "VMAs", "modules"};
static const char *const modules[] = {"llc", "stp", "dummy"};

static struct tocsin_memory *memory;
static struct tocsin_kernel *kernel;
static struct tocsin_process root;
static struct history history[CHURN_KINDS];
static uint64_t consumed; /* events taken from the log */
static struct doubt *doubts;
static size_t doubt_count;
static uint64_t reading;
static struct counts {
	uint64_t readings, rows, torn, checked, errors;
} counts[CHURN_KINDS];
static int faults;

static void *grow(void *array, size_t *room, size_t size)
{
	*room = *room ? *room * 2 : 1024;
	array = reallocarray(array, *room, size);
	if (!array)
		exit(1);
	return array;
}

static void fault(enum churn_kind kind, const char *what, uint64_t id, uint64_t extra)
{
	if (faults++ < FAULTS_SHOWN)
		fprintf(stderr, "%s: %s: %" PRIu64 " %" PRIu64 "\n", names[kind], what, id, extra);
}

static void must(int rc, const struct tocsin_error *err, const char *what)
{
	if (!rc)
		return;
	fprintf(stderr, "%s: %s\n", what, err->message);
	exit(1);
}

/* The place of the next event: the guest's time. */
static uint64_t clock_of_guest(void)
{
	uint64_t head[2];

	if (tocsin_process_read(kernel, &root, CHURN_ADDRESS, head, sizeof(head), NULL) ||
	    head[0] != CHURN_MAGIC) {
		fputs("the guest's log cannot be read\n", stderr);
		exit(1);
	}
	if (head[1] >= CHURN_EVENTS) {
		fputs("the guest's log is full\n", stderr);
		exit(1);
	}
	return head[1];
}

/* The last one of this identity that is not dead, or NULL. */
static struct thing *find_live(enum churn_kind kind, uint64_t id)
{
	struct history *h = &history[kind];

	for (size_t i = h->live_count; i-- > 0;)
		if (h->things[h->live[i]].id == id)
			return &h->things[h->live[i]];
	return NULL;
}

static struct thing *begin(enum churn_kind kind, uint64_t id, uint64_t extra, uint64_t about)
{
	struct history *h = &history[kind];

	if (h->count == h->room)
		h->things = grow(h->things, &h->room, sizeof(*h->things));
	if (h->live_count == h->live_room)
		h->live = grow(h->live, &h->live_room, sizeof(*h->live));
	h->live[h->live_count++] = h->count;
	h->things[h->count] = (struct thing){id, extra, about, NEVER, NEVER, NEVER, 0};
	return &h->things[h->count++];
}

static void bury(enum churn_kind kind, const struct thing *t)
{
	struct history *h = &history[kind];

	for (size_t i = 0; i < h->live_count; i++)
		if (&h->things[h->live[i]] == t)
			h->live[i--] = h->live[--h->live_count];
}

/* Processes are known by their serial from the start; sockets only once they are born. */
static void take(const struct churn_event *e, uint64_t place)
{
	enum churn_kind kind = e->kind;
	struct thing *t;

	if (kind >= CHURN_KINDS)
		exit(1);
	if (e->phase == CHURN_ABOUT && kind != CHURN_SOCKET) {
		begin(kind, e->id, e->extra, place);
		return;
	}
	if (e->phase == CHURN_ABOUT)
		return;
	t = e->phase == CHURN_BORN && kind == CHURN_SOCKET ? begin(kind, e->id, e->extra, e->about)
							   : find_live(kind, e->id);
	if (!t) {
		fputs("the guest's log makes no sense\n", stderr);
		exit(1);
	}
	if (e->phase == CHURN_BORN) {
		t->born = place;
		t->extra = e->extra;
	} else if (e->phase == CHURN_DYING) {
		t->dying = place;
	} else {
		t->dead = place;
	}
}

/* A thing that died leaves the living only after the readings that could still show it. */
static void consume(uint64_t end)
{
	struct churn_event events[128];

	while (consumed < end) {
		uint64_t n = end - consumed < 128 ? end - consumed : 128;
		uint64_t at = CHURN_ADDRESS + offsetof(struct churn_log, events) +
			      consumed * sizeof(events[0]);

		if (tocsin_process_read(kernel, &root, at, events, n * sizeof(events[0]), NULL)) {
			fputs("the guest's log cannot be read\n", stderr);
			exit(1);
		}
		for (uint64_t i = 0; i < n && events[i].phase; i++)
			take(&events[i], consumed++);
	}
}

static void bury_dead(uint64_t before)
{
	for (int kind = 0; kind < CHURN_KINDS; kind++) {
		struct history *h = &history[kind];

		for (size_t i = 0; i < h->live_count; i++)
			if (h->things[h->live[i]].dead < before)
				bury((enum churn_kind)kind, &h->things[h->live[i--]]);
	}
}

static void doubt(const struct doubt *d)
{
	static size_t room;

	if (doubt_count == room)
		doubts = grow(doubts, &room, sizeof(*doubts));
	doubts[doubt_count++] = *d;
}

/* One row: it counts as seen, and if it is consistent, it must have been. */
static void row(enum churn_kind kind, enum tocsin_confidence confidence, uint64_t id,
		uint64_t extra, uint64_t begin_time, uint64_t end_time)
{
	struct history *h = &history[kind];
	bool existed = false;

	counts[kind].rows++;
	counts[kind].torn += confidence != TOCSIN_CONSISTENT;
	for (size_t i = 0; i < h->live_count; i++) {
		struct thing *t = &h->things[h->live[i]];

		if (t->id != id || (t->extra != extra && extra != NEVER && t->born != NEVER))
			continue;
		t->seen = reading;
		existed |= t->about < end_time && t->dead >= begin_time;
	}
	if (!existed && confidence == TOCSIN_CONSISTENT)
		doubt(&(struct doubt){kind, id, extra, begin_time, end_time, false});
}

/* What was born before and is not dying after must have been seen. */
static void judge(enum churn_kind kind, uint64_t begin_time, uint64_t end_time)
{
	struct history *h = &history[kind];

	counts[kind].readings++;
	for (size_t i = 0; i < h->live_count; i++) {
		const struct thing *t = &h->things[h->live[i]];

		if (t->born >= begin_time || t->dying < end_time)
			continue;
		counts[kind].checked++;
		if (t->seen != reading)
			fault(kind, "lived through the reading and is not in it", t->id, t->extra);
	}
}

static void settle_doubts(void)
{
	for (size_t i = 0; i < doubt_count; i++) {
		const struct doubt *d = &doubts[i];
		const struct history *h = &history[d->kind];
		bool settled = false;

		for (size_t j = 0; j < h->count && !settled; j++) {
			const struct thing *t = &h->things[j];

			settled = t->id == d->id && (t->extra == d->extra || d->extra == NEVER) &&
				  t->about < d->end && t->dead >= d->begin &&
				  (!d->unheld || t->dying < d->end);
		}
		if (!settled)
			fault(d->kind,
			      d->unheld ? "is said to have no holder"
					: "is called consistent and never was",
			      d->id, d->extra);
	}
}

/* "churn child SERIAL ..."; anything else that runs in this guest is known by name. */
static bool serial_of(const struct tocsin_process *p, uint64_t *ret)
{
	char text[64] = "";

	memcpy(text, p->cmdline, p->cmdline_size < 63 ? p->cmdline_size : 63);
	if (p->cmdline_size < 14 || memcmp(text, "churn\0child\0", 12))
		return false;
	*ret = strtoull(text + 12, NULL, 10);
	return true;
}

static void check_stranger(const struct tocsin_process *p)
{
	bool known = !strcmp(p->exe, "/bin/churn") || !strcmp(p->exe, "/bin/busybox");

	if (p->confidence != TOCSIN_CONSISTENT)
		return;
	if ((p->mm && !known) || (!p->mm && (p->exe[0] || !p->comm[0])))
		fault(CHURN_PROCESS, p->mm ? p->exe : "no program and no name", (uint64_t)p->pid,
		      0);
}

static void read_processes(void)
{
	struct tocsin_process_list list;
	struct tocsin_error err = {0};
	uint64_t begin_time = clock_of_guest(), end_time, serial;
	int rc = tocsin_process_list(kernel, &list, &err);

	end_time = clock_of_guest();
	consume(end_time);
	if (rc) {
		counts[CHURN_PROCESS].errors++;
		fault(CHURN_PROCESS, err.message, 0, 0);
		return;
	}
	for (size_t i = 0; i < list.count; i++) {
		const struct tocsin_process *p = &list.rows[i];

		if (serial_of(p, &serial))
			row(CHURN_PROCESS, p->confidence, serial, (uint64_t)p->pid, begin_time,
			    end_time);
		else
			check_stranger(p);
		if (p->confidence == TOCSIN_CONTRADICTED)
			fault(CHURN_PROCESS, "is said to hide", (uint64_t)p->pid, 0);
	}
	tocsin_process_list_free(&list);
	judge(CHURN_PROCESS, begin_time, end_time);
}

static void by_name(const char *name, struct tocsin_process *ret)
{
	struct tocsin_process_list list;
	struct tocsin_error err = {0};

	must(tocsin_process_list(kernel, &list, &err), &err, "processes");
	ret->pid = 0;
	for (size_t i = 0; i < list.count; i++)
		if (!strcmp(list.rows[i].comm, name))
			*ret = list.rows[i];
	tocsin_process_list_free(&list);
	if (!ret->pid) {
		fprintf(stderr, "no %s in the guest\n", name);
		exit(1);
	}
}

/* By the file descriptors of the process that has them. */
static void read_files(const struct tocsin_process *p)
{
	struct tocsin_file_list list;
	struct tocsin_error err = {0};
	uint64_t begin_time = clock_of_guest(), end_time;
	int rc = tocsin_file_list(kernel, p, &list, &err);

	end_time = clock_of_guest();
	consume(end_time);
	if (rc) {
		counts[CHURN_SOCKET].errors++;
		fault(CHURN_SOCKET, err.message, 0, 0);
		return;
	}
	for (size_t i = 0; i < list.count; i++) {
		const struct tocsin_file *f = &list.rows[i];

		/* Before it is bound its port is nobody's business. */
		if (f->is_socket)
			row(CHURN_SOCKET, f->confidence, f->socket.inode,
			    f->socket.local_port ? f->socket.local_port : NEVER, begin_time,
			    end_time);
	}
	tocsin_file_list_free(&list);
	judge(CHURN_SOCKET, begin_time, end_time);
}

/* One that is being closed has no file any more, and no inode. */
static void socket_row(enum tocsin_confidence confidence, const struct tocsin_socket *s,
		       uint64_t begin_time, uint64_t end_time)
{
	if (s->inode && tocsin_socket_table_of(s) <= TOCSIN_TABLE_UDP)
		row(CHURN_SOCKET, confidence, s->inode, s->local_port, begin_time, end_time);
}

/* After a reading of all sockets: the time, or 0 where it failed. */
static uint64_t sockets_read(int rc, const struct tocsin_error *err)
{
	uint64_t end_time = clock_of_guest();

	consume(end_time);
	if (!rc)
		return end_time;
	counts[CHURN_SOCKET].errors++;
	fault(CHURN_SOCKET, err->message, 0, 0);
	return 0;
}

/* By the tables of the protocols. */
static void read_sockets(void)
{
	struct tocsin_socket_list list;
	struct tocsin_error err = {0};
	uint64_t begin_time = clock_of_guest(), end_time;

	end_time = sockets_read(tocsin_socket_list(kernel, &list, &err), &err);
	if (!end_time)
		return;
	for (size_t i = 0; i < list.count; i++)
		socket_row(list.rows[i].confidence, &list.rows[i].socket, begin_time, end_time);
	tocsin_socket_list_free(&list);
	judge(CHURN_SOCKET, begin_time, end_time);
}

/* By both, brought together. Nobody hides here, and nobody sends descriptors to anybody. */
static void read_view(void)
{
	struct tocsin_view view;
	struct tocsin_error err = {0};
	uint64_t begin_time = clock_of_guest(), end_time;

	end_time = sockets_read(tocsin_view_read(kernel, NULL, &view, &err), &err);
	if (!end_time)
		return;
	for (size_t i = 0; i < view.count; i++) {
		const struct tocsin_view_row *r = &view.rows[i];

		if (r->confidence == TOCSIN_CONTRADICTED)
			fault(CHURN_SOCKET, "is said to hide", r->socket.inode,
			      r->socket.local_port);
		if (r->unheld)
			doubt(&(struct doubt){CHURN_SOCKET, r->socket.inode, NEVER, begin_time,
					      end_time, true});
		socket_row(r->confidence, &r->socket, begin_time, end_time);
	}
	tocsin_view_free(&view);
	judge(CHURN_SOCKET, begin_time, end_time);
}

static void read_vmas(const struct tocsin_process *p)
{
	struct tocsin_vma_list list;
	struct tocsin_error err = {0};
	uint64_t begin_time = clock_of_guest(), end_time;
	int rc = tocsin_vma_list(kernel, p, &list, &err);

	end_time = clock_of_guest();
	consume(end_time);
	if (rc) {
		counts[CHURN_VMA].errors++;
		if (rc != -EAGAIN)
			fault(CHURN_VMA, err.message, 0, 0);
		return;
	}
	for (size_t i = 0; i < list.count; i++) {
		const struct tocsin_vma *v = &list.rows[i];

		if (v->start >= CHURN_AREA && v->start < CHURN_AREA + CHURN_SLOTS * CHURN_SLOT)
			row(CHURN_VMA, v->confidence, (v->start - CHURN_AREA) / CHURN_SLOT,
			    (v->end - v->start) / TOCSIN_PAGE_SIZE, begin_time, end_time);
	}
	tocsin_vma_list_free(&list);
	judge(CHURN_VMA, begin_time, end_time);
}

static void read_modules(void)
{
	struct tocsin_module_list list;
	struct tocsin_error err = {0};
	uint64_t begin_time = clock_of_guest(), end_time;
	int rc = tocsin_module_list(kernel, &list, &err);

	end_time = clock_of_guest();
	consume(end_time);
	if (rc) {
		counts[CHURN_MODULE].errors++;
		fault(CHURN_MODULE, err.message, 0, 0);
		return;
	}
	for (size_t i = 0; i < list.count; i++) {
		const struct tocsin_module *m = &list.rows[i];
		uint64_t id = 0;

		while (id < 3 && strcmp(m->name, modules[id]))
			id++;
		if (m->confidence == TOCSIN_CONTRADICTED)
			fault(CHURN_MODULE, "is said to hide", id, 0);
		row(CHURN_MODULE, m->confidence, id, 0, begin_time, end_time);
	}
	tocsin_module_list_free(&list);
	judge(CHURN_MODULE, begin_time, end_time);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Has enough come and been read to judge by? */
static bool is_enough(void)
{
	for (int i = 0; i < CHURN_KINDS; i++)
		if (history[i].count < 6 || counts[i].readings < 20 || counts[i].checked < 20)
			return false;
	return true;
}

static bool print_counts(void)
{
	bool few = !is_enough();

	for (int i = 0; i < CHURN_KINDS; i++) {
		const struct counts *c = &counts[i];

		printf("%s: %zu came, %" PRIu64 " readings, %" PRIu64 " rows, %" PRIu64
		       " torn, %" PRIu64 " lived through one, %" PRIu64 " errors\n",
		       names[i], history[i].count, c->readings, c->rows, c->torn, c->checked,
		       c->errors);
		/*
		 * A reading that is refused is honest, but must be rare. Where a virtual processor
		 * stands still in the middle of a change, all readings of that while are.
		 */
		few |= c->errors * 50 > c->readings;
	}
	if (few)
		fputs("too little happened to judge by, or too much was refused\n", stderr);
	return few;
}

int main(int argc, char **argv)
{
	static struct tocsin_process sockets, mappings;
	struct tocsin_error err = {0};
	uint64_t before;
	double end, limit;

	if (argc != 3) {
		fputs("usage: churn_reader QMP-SOCKET SECONDS\n", stderr);
		return 2;
	}
	must(tocsin_memory_open_qemu(argv[1], &memory, &err), &err, "memory");
	must(tocsin_kernel_open(memory, 0, &kernel, &err), &err, "kernel");
	by_name("storm-log", &root);
	by_name("storm-socket", &sockets);
	by_name("storm-mmap", &mappings);
	before = clock_of_guest();
	end = now() + atof(argv[2]);
	limit = end + PATIENCE * atof(argv[2]);
	while (now() < end || (!is_enough() && now() < limit)) {
		tocsin_memory_flush(memory);
		bury_dead(clock_of_guest());
		reading++;
		read_processes();
		read_vmas(&mappings);
		read_modules();
		read_files(&sockets);
		reading++; /* of the same kind, from another source */
		read_sockets();
		reading++;
		read_view();
	}
	for (before = clock_of_guest(), end = now() + 1; now() < end;)
		;
	if (clock_of_guest() <= before) {
		fputs("the guest stands still\n", stderr);
		return 1;
	}
	consume(clock_of_guest());
	settle_doubts();
	if (print_counts() || faults) {
		fprintf(stderr, "%d faults\n", faults);
		return 1;
	}
	tocsin_kernel_close(kernel);
	tocsin_memory_close(memory);
	return 0;
}
