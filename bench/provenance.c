// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench_provenance: how many bytes a guest's graph takes in 8 hours, for loads that are stated, and
 * what it costs to add to it and to ask it. The guests are made up; the times within a second are
 * random, as they are in a guest, for they do not compress.
 *
 * Idle: a server that nobody uses. Each hour cron runs its scripts (3 processes); twice apt looks
 * for updates (40 processes that read 15 files each, 60 temporary files); once logrotate (10
 * processes, 6 files each) and man-db (5 processes, 40 files each); every 34 minutes the clock is
 * set over the network, every 30 minutes a lease renewed; each process reads 9 files when it
 * starts, tells the journal a line, and ends.
 *
 * Busy: in each second 10 requests to a web server, each of which reads a file, and one program
 * compiled: 3 processes that start, 15 headers, one temporary file.
 */
#include "provenance/query.h"
#include "provenance/store.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000u
#define BEGIN 1700000000000000000u
#define HOURS 8u

struct run {
	struct tocsin_trace_store *store;
	uint64_t time, events, random, open, inode;
	int32_t pid;
	uint16_t port;
	double longest;
};

static void must(int rc, const char *what)
{
	if (!rc)
		return;
	fprintf(stderr, "bench_provenance: %s: %s\n", what, strerror(-rc));
	exit(1);
}

static double processor(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void pass_time(struct run *r, uint64_t about)
{
	r->random = r->random * 6364136223846793005u + 1442695040888963407u;
	r->time += about / 2 + (r->random >> 20) % about;
}

static struct tocsin_event_process process(int32_t pid, const char *comm, const char *exe)
{
	return (struct tocsin_event_process){.pid = pid,
					     .start_time = (uint64_t)pid * 1234567891u,
					     .comm = comm,
					     .exe = exe,
					     .cmdline = "",
					     .container = ""};
}

static void tell(struct run *r, struct tocsin_trace_event e)
{
	double began = processor(), took;

	pass_time(r, 40000);
	e.since = e.time = r->time;
	e.guest = "server";
	e.boot = BEGIN;
	e.detail = "";
	e.resolved = true;
	must(tocsin_trace_store_take(&e, r->store), "taking an event");
	took = processor() - began;
	if (took > r->longest)
		r->longest = took;
	r->events++;
}

static struct tocsin_trace_file file(const char *path, uint64_t inode, uint64_t open)
{
	return (struct tocsin_trace_file){.path = path,
					  .id = {.inode = inode, .dev_major = 254, .dev_minor = 1},
					  .mode = S_IFREG | 0644,
					  .open = open};
}

/* Opened, read or written, and let go. */
static void use(struct run *r, const struct tocsin_event_process *who, enum tocsin_trace_kind kind,
		const char *path, uint64_t inode)
{
	struct tocsin_trace_file f = file(path, inode, ++r->open);
	bool made = kind == TOCSIN_TRACE_WRITTEN;

	tell(r, (struct tocsin_trace_event){.kind = TOCSIN_TRACE_OPENED,
					    .who = who,
					    .file = &f,
					    .value = made ? O_CREAT | O_WRONLY : 0});
	tell(r, (struct tocsin_trace_event){.kind = kind, .who = who, .file = &f});
	tell(r, (struct tocsin_trace_event){.kind = TOCSIN_TRACE_RELEASED, .who = who, .file = &f});
}

static void use_many(struct run *r, const struct tocsin_event_process *who, const char *path,
		     uint64_t inode, unsigned int count)
{
	char name[64];

	for (unsigned int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s%u", path, i);
		use(r, who, TOCSIN_TRACE_READ, name, inode + i);
	}
}

static void remove_file(struct run *r, const struct tocsin_event_process *who, const char *path,
			uint64_t inode)
{
	struct tocsin_trace_file f = file(path, inode, 0);

	f.id.deleted = true;
	tell(r, (struct tocsin_trace_event){.kind = TOCSIN_TRACE_UNLINKED, .who = who, .file = &f});
}

static const char *const libraries[] = {"/etc/ld.so.cache",
					"/lib/x86_64-linux-gnu/libc.so.6",
					"/lib/x86_64-linux-gnu/libselinux.so.1",
					"/lib/x86_64-linux-gnu/libpcre2-8.so.0",
					"/usr/lib/locale/locale-archive",
					"/etc/nsswitch.conf",
					"/etc/passwd",
					"/etc/group",
					"/etc/localtime"};

static struct tocsin_event_process start(struct run *r, const struct tocsin_event_process *parent,
					 const char *comm, const char *exe, uint64_t inode)
{
	struct tocsin_event_process p = process(++r->pid, comm, exe);
	struct tocsin_trace_file program = file(exe, inode, 0);

	tell(r,
	     (struct tocsin_trace_event){.kind = TOCSIN_TRACE_CREATED, .who = parent, .other = &p});
	tell(r, (struct tocsin_trace_event){
		    .kind = TOCSIN_TRACE_EXECUTED, .who = &p, .file = &program});
	for (unsigned int i = 0; i < 9; i++)
		use(r, &p, TOCSIN_TRACE_READ, libraries[i], 1000 + i);
	return p;
}

/* It tells the journal, and is over. */
static void end(struct run *r, const struct tocsin_event_process *p)
{
	struct tocsin_event_process journal = process(300, "systemd-journal", "");

	tell(r,
	     (struct tocsin_trace_event){.kind = TOCSIN_TRACE_SHARED, .who = p, .other = &journal});
	tell(r, (struct tocsin_trace_event){.kind = TOCSIN_TRACE_EXITED, .who = p});
}

static void talk(struct run *r, const struct tocsin_event_process *who, bool accepted,
		 uint16_t protocol, uint16_t local, uint16_t remote)
{
	struct tocsin_socket s = {.family = AF_INET,
				  .protocol = protocol,
				  .local = {10, 0, 0, 5},
				  .remote = {192, 0, 2, (uint8_t)(r->random >> 40)},
				  .local_port = local,
				  .remote_port = remote,
				  .counted = true,
				  .bytes_sent = 400 + (r->random >> 50),
				  .bytes_received = 400 + (r->random >> 52)};
	enum tocsin_trace_kind kinds[] = {accepted ? TOCSIN_TRACE_ACCEPTED : TOCSIN_TRACE_CONNECTED,
					  TOCSIN_TRACE_RECEIVED, TOCSIN_TRACE_SENT,
					  TOCSIN_TRACE_CLOSED};

	for (unsigned int i = 0; i < 4; i++) {
		if (i == 2 && accepted)
			use(r, who, TOCSIN_TRACE_READ, "/var/www/index.html", 700);
		tell(r, (struct tocsin_trace_event){.kind = kinds[i], .who = who, .socket = &s});
	}
}

static void scripts(struct run *r, unsigned int processes, unsigned int files,
		    unsigned int temporary, const char *exe, uint64_t inode)
{
	struct tocsin_event_process init = process(1, "systemd", "/lib/systemd/systemd"), p;
	struct tocsin_event_process first = start(r, &init, "sh", "/bin/dash", 900);
	char name[64];

	for (unsigned int i = 1; i < processes; i++) {
		p = start(r, &first, "worker", exe, inode);
		use_many(r, &p, "/var/lib/things/file", 2000 + inode * 1000 + i * files, files);
		for (unsigned int k = 0; k < temporary / (processes - 1); k++) {
			snprintf(name, sizeof(name), "/tmp/fileutl.message.%u",
				 (unsigned)++r->inode);
			use(r, &p, TOCSIN_TRACE_WRITTEN, name, r->inode);
			use(r, &first, TOCSIN_TRACE_READ, name, r->inode);
			remove_file(r, &p, name, r->inode);
		}
		end(r, &p);
	}
	end(r, &first);
}

static void idle(struct run *r, unsigned int minute)
{
	struct tocsin_event_process clock = process(400, "systemd-timesyn", ""),
				    lease = process(401, "dhclient", "");

	if (minute % 60 == 17)
		scripts(r, 3, 2, 0, "/usr/bin/run-parts", 910);
	if (minute == 100 || minute == 400)
		scripts(r, 40, 15, 60, "/usr/bin/apt-get", 911);
	if (minute == 120)
		scripts(r, 10, 6, 4, "/usr/sbin/logrotate", 912);
	if (minute == 130)
		scripts(r, 5, 40, 4, "/usr/bin/mandb", 913);
	if (minute % 34 == 5)
		talk(r, &clock, false, IPPROTO_UDP, (uint16_t)(40000 + minute), 123);
	if (minute % 30 == 9)
		talk(r, &lease, false, IPPROTO_UDP, 68, 67);
}

static void busy(struct run *r, unsigned int second)
{
	struct tocsin_event_process nginx = process(800, "nginx", "/usr/sbin/nginx"),
				    make = process(801, "make", "/usr/bin/make"), cc, one, two;
	char name[64], source[64];

	for (unsigned int i = 0; i < 10; i++) {
		talk(r, &nginx, true, IPPROTO_TCP, 80, (uint16_t)(1024 + r->port++ % 60000));
		pass_time(r, 20000000);
	}
	cc = start(r, &make, "cc", "/usr/bin/cc", 920);
	one = start(r, &cc, "cc1", "/usr/lib/cc1", 921);
	use_many(r, &one, "/usr/include/header", 3000, 15);
	snprintf(source, sizeof(source), "/src/file%u.c", second % 1000);
	use(r, &one, TOCSIN_TRACE_READ, source, 5000 + second % 1000);
	snprintf(name, sizeof(name), "/tmp/cc%u.s", (unsigned)++r->inode);
	use(r, &one, TOCSIN_TRACE_WRITTEN, name, r->inode);
	end(r, &one);
	two = start(r, &cc, "as", "/usr/bin/as", 922);
	use(r, &two, TOCSIN_TRACE_READ, name, r->inode);
	snprintf(source, sizeof(source), "/src/file%u.o", second % 1000);
	use(r, &two, TOCSIN_TRACE_WRITTEN, source, 7000 + second % 1000);
	end(r, &two);
	remove_file(r, &cc, name, r->inode);
	end(r, &cc);
}

static void ask(struct run *r, const char *what)
{
	struct tocsin_trace_question q = {0};
	struct tocsin_provenance_counts counts;
	struct tocsin_trace_answer a;
	struct tocsin_provenance *g;
	double began = processor(), loaded;
	uint32_t *from;
	size_t count;

	must(tocsin_trace_store_load(r->store, 0, 0, NULL, &g, NULL), "loading");
	loaded = processor() - began;
	tocsin_provenance_counts(g, &counts);
	must(tocsin_trace_find(g, what, &from, &count, NULL), what);
	began = processor();
	must(tocsin_trace_ask(g, &q, from, count, &a), "asking");
	printf("  %llu nodes and %llu edges loaded in %.1f ms; back from %s: %u nodes in %.1f ms\n",
	       (unsigned long long)counts.nodes, (unsigned long long)counts.edges, loaded * 1e3,
	       what, a.count, (processor() - began) * 1e3);
	tocsin_trace_answer_free(&a);
	free(from);
	tocsin_provenance_free(g);
}

static void bench(const char *name, const char *folder, unsigned int steps, uint64_t step,
		  void (*load)(struct run *r, unsigned int step), const char *question)
{
	const struct tocsin_trace_store_settings settings = {0};
	struct run r = {.time = BEGIN, .random = 1, .pid = 1000, .inode = 1000000};
	struct tocsin_trace_store_extent extent;
	double began, took, share = (double)HOURS * 3600 / ((double)steps * (double)step / SECOND);
	char path[128];

	snprintf(path, sizeof(path), "%s/graph", folder);
	must(tocsin_trace_store_open(path, &settings, &r.store, NULL), path);
	began = processor();
	for (unsigned int i = 0; i < steps; i++) {
		r.time = BEGIN + i * step + r.random % 1000000;
		load(&r, i);
	}
	must(tocsin_trace_store_flush(r.store, NULL), "writing");
	took = processor() - began;
	must(tocsin_trace_store_extent(r.store, &extent, NULL), "measuring");
	printf(
	    "%s: %llu events, %llu bytes in %llu segments, %.1f bytes an event; in %u hours %.3f "
	    "MB\n",
	    name, (unsigned long long)r.events, (unsigned long long)extent.bytes,
	    (unsigned long long)extent.segments, (double)extent.bytes / (double)r.events, HOURS,
	    (double)extent.bytes * share / 1e6);
	printf("  %.2f us of the processor an event, %.1f ms the longest\n",
	       took * 1e6 / (double)r.events, r.longest * 1e3);
	ask(&r, question);
	tocsin_trace_store_close(r.store);
	unlink(path);
}

int main(void)
{
	char folder[] = "/tmp/tocsin-bench-XXXXXX";

	if (!mkdtemp(folder)) {
		perror(folder);
		return 1;
	}
	bench("idle", folder, HOURS * 60, 60ull * SECOND, idle, "comm:systemd-journal");
	bench("busy", folder, 1800, SECOND, busy, "file:/src/file7.o");
	rmdir(folder);
	return 0;
}
