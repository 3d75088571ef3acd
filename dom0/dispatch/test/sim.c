/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim.h"

#include "dispatch/message.h"
#include "dispatch/valgrind.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "memory/cas16.h"

#define SLOTS_AT (FIXTURE_USER_AT + 0x1000u) /* the first page has the arguments */
#define SLOT_SIZE 320u

struct sim *sim;

/* AddressSanitizer keeps what was freed, which would look as if the daemon grew. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=0:thread_local_quarantine_size_kb=0";
}

static struct fixture *fixture;
static int triggers, domains; /* eventfds */

static void demand(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "sim: %s: %s\n", what, strerror(errno));
	abort();
}

/* The daemon's clock is the test's to step: this one is taken before libc's. */
int clock_gettime(clockid_t clock, struct timespec *ts)
{
	int rc = (int)syscall(SYS_clock_gettime, clock, ts);

	if (!rc && sim && clock == CLOCK_REALTIME)
		ts->tv_sec += sim->clock_offset / 1000000000;
	return rc;
}

/* ---- a guest's memory, in a worker ---- */

struct sim_memory {
	struct tocsin_memory memory;
	struct tocsin_memory_range range;
	struct sim_guest *guest;
};

static void eat(void)
{
	char *bytes;

	/* Twice what a worker may have: under a sanitizer nothing else ends it. */
	for (int i = 0; i < 512 && (bytes = malloc(1u << 20)); i++)
		memset(bytes, 1, 1u << 20);
}

static void lie(void)
{
	static struct tocsin_packet p;
	uint8_t junk[300];

	memset(junk, TOCSIN_MSG_RESULT, sizeof(junk));
	for (int fd = 3; fd < 20; fd++) {
		tocsin_packet_add(&p, junk, sizeof(junk));
		if (tocsin_packet_send(&p, fd, MSG_DONTWAIT))
			p.size = 0;
	}
}

static void keep(void)
{
	static struct tocsin_packet p;
	const struct tocsin_msg_note note = {.text = "1-23"};
	uint8_t message[TOCSIN_MESSAGE_MAX];
	size_t size = tocsin_msg_put_note(message, TOCSIN_MSG_KEPT, &note);

	for (int fd = 3; fd < 20; fd++) {
		tocsin_packet_add(&p, message, size);
		if (tocsin_packet_send(&p, fd, MSG_DONTWAIT))
			p.size = 0;
	}
}

/* What fails without killing the process; test_sandbox.c has the others. */
static void probe(struct sim_guest *g)
{
	int refused = 0;

	refused += syscall(SYS_openat, -100, "/etc/passwd", 0) < 0 && errno == EACCES;
	refused += syscall(SYS_openat, -100, "/proc/1/mem", 2) < 0 && errno == EACCES;
	refused += socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EACCES;
	refused += access("/etc/passwd", F_OK) < 0 && errno == EACCES;
	g->probed = refused;
}

/* For so much of this process's time. */
static void spin(long milliseconds)
{
	struct timespec now, begin;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 <
	       milliseconds);
}

static void go_wrong(struct tocsin_memory *m, struct sim_guest *g)
{
	enum sim_fault fault = g->fault;

	if (fault == SIM_NO_FAULT || fault == SIM_EARLY ||
	    (g->after > 0 && atomic_fetch_sub(&g->after, 1) > 0))
		return;
	if (g->times > 0 && atomic_fetch_sub(&g->times, 1) == 1)
		g->fault = SIM_NO_FAULT;
	if (fault == SIM_CRASH)
		abort();
	while (fault == SIM_HANG)
		__builtin_ia32_pause();
	while (fault == SIM_SLEEP)
		nanosleep(&(struct timespec){.tv_sec = 3600}, NULL);
	while (fault == SIM_LOOP) {
		m->stats.reads++;
		sched_yield();
	}
	if (fault == SIM_BUSY)
		spin(250);
	if (fault == SIM_EAT)
		eat();
	if (fault == SIM_LIE)
		lie();
	while (fault == SIM_KEEP) {
		keep();
		nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
	}
	if (fault == SIM_PROBE)
		probe(g);
	if (fault == SIM_STALL)
		nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

static bool is_ballooned(const struct sim_guest *g, uint64_t end)
{
	return g->ballooned && end > g->ballooned;
}

static int sim_read(struct tocsin_memory *m, uint64_t gpa, void *buf, size_t size)
{
	struct sim_guest *g = ((struct sim_memory *)m)->guest;

	go_wrong(m, g);
	if (is_ballooned(g, gpa + size))
		return -EFAULT;
	memcpy(buf, g->bytes + gpa, size);
	return 0;
}

static const uint8_t *sim_map(struct tocsin_memory *m, uint64_t gpa, uint64_t *size)
{
	struct sim_guest *g = ((struct sim_memory *)m)->guest;

	if (gpa >= FIXTURE_SIZE || is_ballooned(g, FIXTURE_SIZE))
		return NULL;
	*size = FIXTURE_SIZE - gpa;
	return g->bytes + gpa;
}

static int sim_cas16(struct tocsin_memory *m, uint64_t gpa, const uint8_t expected[16],
		     const uint8_t desired[16])
{
	struct sim_guest *g = ((struct sim_memory *)m)->guest;

	return tocsin_cas16(g->bytes + gpa, expected, desired) ? 0 : -EAGAIN;
}

static void sim_close(struct tocsin_memory *m)
{
	free(m);
}

static const struct tocsin_memory_ops ops = {
    .read = sim_read, .map = sim_map, .cas16 = sim_cas16, .close = sim_close};

static int find_kernel(struct tocsin_job_guest *g, uint64_t cr3, struct tocsin_error *err)
{
	uint8_t byte;

	g->kernel = &fixture->k;
	return tocsin_memory_read(g->memory, cr3, &byte, 1);
}

/* Of this process: those that it can write, and others see. One is of all tests: the host itself.
 */
static int count_shared(void)
{
	char line[512], mode[5];
	FILE *f = fopen("/proc/self/maps", "re");
	int count = 0;

	demand(f != NULL, "/proc/self/maps");
	while (fgets(line, sizeof(line), f))
		count += sscanf(line, "%*s %4s", mode) == 1 && mode[1] == 'w' && mode[3] == 's';
	fclose(f);
	return count - 1;
}

static int open_guest(struct tocsin_backend *b, uint32_t domid, const uint8_t uuid[16],
		      struct tocsin_job_guest *ret, struct tocsin_error *err)
{
	struct sim_memory *m = calloc(1, sizeof(*m));

	m->memory.ops = &ops;
	m->memory.ranges = &m->range;
	m->memory.range_count = 1;
	m->range.size = FIXTURE_SIZE;
	m->guest = sim_guest(domid);
	m->guest->worker = getpid();
	m->guest->shared = count_shared();
	if (m->guest->fault == SIM_EARLY && atomic_fetch_sub(&m->guest->times, 1) > 0)
		keep();
	fixture->k.m = &m->memory;
	ret->memory = &m->memory;
	ret->find_kernel = find_kernel;
	return 0;
}

/* ---- the host, in the broker ---- */

static tocsin_event_fn deliver;
static tocsin_raw_fn *deliver_raw;
static void *deliver_to;

static int backend_open(struct tocsin_backend *b, tocsin_event_fn fn, tocsin_raw_fn *raw,
			void *context, struct tocsin_error *err)
{
	if (sim->taken)
		return tocsin_error_set(err, -EBUSY, "the buffers are taken");
	deliver_raw = raw;
	deliver = fn;
	deliver_to = context;
	sim->broker = getpid();
	return 0;
}

static void backend_close(struct tocsin_backend *b)
{
}

static int capture_fd(struct tocsin_backend *b)
{
	return triggers;
}

static void give(const struct tocsin_event *e, const void *record, size_t size)
{
	for (int i = 0; i <= sim->amplify; i++)
		deliver_raw(deliver_to, e->cpu, record, size);
}

/* As Xen has it in a buffer. */
static void give_raw(const struct tocsin_event *e)
{
	const struct {
		uint32_t header;
		uint64_t tsc;
		struct tocsin_record record;
	} __attribute__((packed))
	rung = {TOCSIN_TRC_TRIGGER | TOCSIN_RECORD_WORDS << 28 | 1u << 31, e->tsc, e->record};
	const struct {
		uint32_t header;
		uint64_t tsc;
		struct tocsin_call_record record;
		uint32_t more_header;
		struct tocsin_call_more_record more;
	} __attribute__((packed)) called = {TOCSIN_TRC_CALL | 7u << 28 | 1u << 31,
					    e->tsc,
					    {.domid = e->call.domid,
					     .vcpu = TOCSIN_CALL_WIDE,
					     .site = 0x81000000,
					     .rdi = e->call.rdi,
					     .seq = e->call.seq},
					    TOCSIN_TRC_CALL_MORE | 7u << 28,
					    {.seq = e->call.seq}};

	if (e->kind == TOCSIN_EVENT_CALL)
		give(e, &called, sizeof(called));
	else
		give(e, &rung, sizeof(rung));
}

static int set_mask(struct tocsin_backend *b, uint32_t mask, struct tocsin_error *err)
{
	sim->mask = mask;
	return 0;
}

static int drain(struct tocsin_backend *b, struct tocsin_error *err)
{
	uint32_t overflow = atomic_exchange(&sim->overflow, 0);
	struct tocsin_event lost = {.kind = TOCSIN_EVENT_LOST, .count = overflow};
	eventfd_t ignored;
	int count = 0;

	eventfd_read(triggers, &ignored);
	for (; sim->out != sim->in && !sim->slow_drain; count++) {
		give_raw(&sim->events[sim->out % SIM_EVENTS]);
		deliver(deliver_to, &sim->events[sim->out++ % SIM_EVENTS]);
	}
	if (overflow)
		deliver(deliver_to, &lost);
	return count + !!overflow;
}

/* Each xenstored is another descriptor. */
static int watch_fd(struct tocsin_backend *b)
{
	static int watched = -1;

	/* The last thing that a broker asks for before it listens. */
	if (sim->opened < (int)sim->shared->now.brokers_started)
		sim->opened++;
	if (sim->no_xenstored && watched >= 0) {
		close(watched);
		watched = -1;
	} else if (!sim->no_xenstored && watched < 0) {
		watched = dup(domains);
	}
	return watched;
}

static void take_watch(struct tocsin_backend *b)
{
	eventfd_t ignored;

	eventfd_read(domains, &ignored);
}

static void mend(struct tocsin_backend *b)
{
}

static int domain(struct tocsin_backend *b, uint32_t domid, struct tocsin_domain *ret,
		  struct tocsin_error *err)
{
	struct sim_guest *g = sim_guest(domid);

	if (!g || !g->exists)
		return tocsin_error_set(err, -ESRCH, "there is no domain %u", domid);
	*ret = (struct tocsin_domain){
	    .domid = domid, .hvm = true, .dying = g->dying, .vcpus = 1, .rate = g->rate};
	memcpy(ret->uuid, g->uuid, sizeof(ret->uuid));
	if (!sim->no_xenstored) /* which has the names */
		memcpy(ret->name, g->name, sizeof(ret->name));
	return 0;
}

static int list(struct tocsin_backend *b, struct tocsin_domain **ret, size_t *count,
		struct tocsin_error *err)
{
	*ret = calloc(SIM_GUESTS, sizeof(**ret));
	*count = 0;
	for (uint32_t i = 1; i <= SIM_GUESTS; i++)
		*count += !domain(b, i, &(*ret)[*count], NULL);
	return 0;
}

static int set_rate(struct tocsin_backend *b, uint32_t domid, uint32_t rate,
		    struct tocsin_error *err)
{
	sim_guest(domid)->rate = rate;
	return 0;
}

static struct tocsin_backend backend = {
    .open = backend_open,
    .close = backend_close,
    .capture_fd = capture_fd,
    .drain = drain,
    .set_mask = set_mask,
    .watch_fd = watch_fd,
    .take_watch = take_watch,
    .mend = mend,
    .domain = domain,
    .list = list,
    .set_rate = set_rate,
    .open_guest = open_guest,
};

/* ---- the test's side ---- */

struct sim_guest *sim_guest(uint32_t domid)
{
	return domid && domid <= SIM_GUESTS ? &sim->guests[domid - 1] : NULL;
}

static void make_kernel(void)
{
	struct tocsin_process p;

	fixture = fixture_open(NULL);
	p = make_process(fixture);
	make_details(fixture, &p);
	make_vmas(fixture, &p);
	make_files(fixture, &p, make_net(fixture));
	fixture_ready(fixture);
}

static void *share(size_t size)
{
	void *ret = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	demand(ret != MAP_FAILED, "mmap");
	return ret;
}

void sim_make(unsigned int guests)
{
	static const char *no_rules[] = {NULL};

	sim = share(sizeof(*sim));
	sim->shared = share(sizeof(*sim->shared));
	if (!fixture)
		make_kernel();
	triggers = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	domains = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	demand(triggers >= 0 && domains >= 0, "eventfd");
	for (uint32_t i = 1; i <= guests; i++) {
		struct sim_guest *g = sim_guest(i);

		g->domid = i;
		g->exists = true;
		g->rate = 1000;
		memset(g->uuid, (int)i, sizeof(g->uuid));
		snprintf(g->name, sizeof(g->name), "guest-%u", i);
		memcpy(g->bytes, fixture->bytes, FIXTURE_SIZE);
	}
	snprintf(sim->folder, sizeof(sim->folder), "/tmp/tocsin-sim-XXXXXX");
	demand(mkdtemp(sim->folder) != NULL, "mkdtemp");
	snprintf(sim->log, sizeof(sim->log), "%s/log", sim->folder);
	snprintf(sim->key, sizeof(sim->key), "%s/key", sim->folder);
	snprintf(sim->state, sizeof(sim->state), "%s/state.db", sim->folder);
	snprintf(sim->tap, sizeof(sim->tap), "%s/tap", sim->folder);
	snprintf(sim->errors, sizeof(sim->errors), "%s/errors", sim->folder);
	sim->settings = (struct tocsin_daemon_settings)TOCSIN_DAEMON_DEFAULTS;
	sim->settings.backend = &backend;
	sim->settings.writer.output = tocsin_output_find("json");
	sim->settings.writer.log = sim->log;
	sim->settings.worker.memory = 256u << 20;
	sim->settings.rule_folders = no_rules;
	sim->settings.key = sim->key;
	sim->settings.state = sim->state;
	sim->settings.tap = sim->tap;
	sim->settings.worker.keep_stderr = true;
	sim->settings.job_seconds = UNDER_VALGRIND ? 10 : 1;
	sim->settings.shared = sim->shared;
}

static bool is_open(void)
{
	return sim->opened > 0 || waitpid(sim->supervisor, NULL, WNOHANG) != 0;
}

void sim_start(void)
{
	struct tocsin_daemon_settings s = sim->settings;
	pid_t pid;

	sim->opened = 0;
	sim->shared->now.brokers_started = 0;
	pid = fork();
	demand(pid >= 0, "fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing behind */
		demand(freopen(sim->errors, "a", stderr) != NULL, "stderr");
		setvbuf(stderr, NULL, _IOLBF, 0);
		_exit(tocsin_supervise(&s));
	}
	sim->supervisor = pid;
	demand(sim_wait(is_open) && sim->opened, "the daemon does not start");
}

int sim_stop(void)
{
	int status;

	kill(sim->supervisor, SIGTERM);
	demand(waitpid(sim->supervisor, &status, 0) == sim->supervisor, "waitpid");
	sim->supervisor = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What a test that failed has not stopped may write there yet. */
static void remove_folder(void)
{
	char command[128];
	int rc = 1;

	snprintf(command, sizeof(command), "rm -rf %s", sim->folder);
	for (int i = 0; i < 100 && rc; i++) {
		rc = system(command);
		if (rc)
			poll(NULL, 0, 20);
	}
	demand(!rc, command);
}

void sim_end(void)
{
	if (sim->supervisor > 0) {
		kill(sim->supervisor, SIGKILL);
		waitpid(sim->supervisor, NULL, 0);
	}
	if (!getenv("KEEP"))
		remove_folder();
	munmap(sim->shared, sizeof(*sim->shared));
	munmap(sim, sizeof(*sim));
	sim = NULL;
	close(triggers);
	close(domains);
}

static bool put_event(const struct tocsin_event *e)
{
	if (sim->in - sim->out >= SIM_EVENTS) {
		sim->overflow++;
		return false;
	}
	sim->events[sim->in % SIM_EVENTS] = *e;
	sim->in++;
	eventfd_write(triggers, 1);
	return true;
}

uint32_t sim_ring(uint32_t domid, uint32_t op, uint64_t va)
{
	struct tocsin_event e = {.kind = TOCSIN_EVENT_TRIGGER,
				 .cpu = domid % 2,
				 .tsc = sim->in,
				 .record = {.domid = (uint16_t)domid,
					    .ecx = TOCSIN_ECX(op),
					    .cr3 = FIXTURE_ROOT - FIXTURE_BASE,
					    .rdx = va}};

	e.record.seq = ++sim_guest(domid)->ticket;
	return put_event(&e) ? e.record.seq : 0;
}

bool sim_call(uint32_t domid, uint32_t seq, uint64_t rdi)
{
	struct tocsin_event e = {.kind = TOCSIN_EVENT_CALL,
				 .cpu = seq % 2,
				 .tsc = sim->in + 1,
				 .call = {.domid = (uint16_t)domid, .seq = seq, .rdi = rdi}};

	return put_event(&e);
}

static struct tocsin_request *slot_of(uint32_t domid, unsigned int slot)
{
	demand(slot < SIM_SLOTS, "no such slot");
	return (struct tocsin_request *)(sim_guest(domid)->bytes + SLOTS_AT + slot * SLOT_SIZE);
}

const struct tocsin_request *sim_slot(uint32_t domid, unsigned int slot)
{
	return slot_of(domid, slot);
}

uint64_t sim_ask(uint32_t domid, unsigned int slot, uint32_t target)
{
	struct tocsin_request *r = slot_of(domid, slot);
	static uint32_t nonce;

	memset(r, 0, sizeof(*r));
	r->magic = TOCSIN_REQUEST_MAGIC;
	r->version = TOCSIN_REQUEST_VERSION;
	r->size = sizeof(*r);
	r->target_pid = target;
	nonce++;
	memcpy(r->nonce, &nonce, sizeof(nonce));
	for (uint32_t i = 0; i < TOCSIN_CELLS; i++)
		tocsin_request_token(r->nonce, i, r->cell[i]);
	return FIXTURE_USER + (SLOTS_AT - FIXTURE_USER_AT) + slot * SLOT_SIZE;
}

void sim_fault(uint32_t domid, enum sim_fault fault, int times)
{
	sim_guest(domid)->times = times;
	sim_guest(domid)->fault = fault;
}

void sim_domains_changed(void)
{
	eventfd_write(domains, 1);
}

bool sim_wait(bool (*so)(void))
{
	for (int i = 0; i < 30000; i++) {
		if (so())
			return true;
		poll(NULL, 0, 1);
	}
	return false;
}

uint64_t sim_ended(void)
{
	const struct tocsin_tally *c = &sim->shared->now;

	return c->rings + c->verdicts + c->errors + c->inconclusive + c->refused +
	       c->lost[TOCSIN_LOST_QUEUE] + c->lost[TOCSIN_LOST_STOPPED];
}

bool sim_settled(uint64_t accepted)
{
	for (int i = 0; i < 60000; i++) {
		if (sim->shared->now.accepted >= accepted &&
		    sim_ended() == sim->shared->now.accepted)
			return true;
		poll(NULL, 0, 1);
	}
	return false;
}

uint64_t sim_memory(int pid, const char *field)
{
	char path[64], line[256];
	unsigned long value = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, strlen(field)) && line[strlen(field)] == ':')
			value = strtoul(line + strlen(field) + 1, NULL, 10);
	if (f)
		fclose(f);
	return value;
}

unsigned int sim_lines(const char *file, const char *text)
{
	unsigned int count = 0;
	char *line = NULL;
	size_t room = 0;
	FILE *f = fopen(file, "re");

	while (f && getline(&line, &room, f) >= 0)
		count += strstr(line, text) != NULL;
	free(line);
	if (f)
		fclose(f);
	return count;
}
