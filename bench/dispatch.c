/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the daemon's processes cost, on a host that is made up (dom0/dispatch/test/sim.h): the whole
 * daemon on one processor, who rings on another.
 */
#include "measure.h"
#include "sim.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define GUESTS 50u
#define BATCH 500u /* rung at once */
#define SECONDS 5

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* The daemon inherits its processor. */
static void start(uint64_t coalesce)
{
	sim_make(GUESTS);
	sim->settings.worker.job.coalesce = coalesce;
	sim->settings.job_seconds = 30;
	pin(0);
	sim_start();
	pin(1);
}

static void settle(uint64_t accepted)
{
	if (!sim_settled(accepted)) {
		fputs("not all triggers came to an end\n", stderr);
		exit(1);
	}
}

/* Microseconds of processor time of all daemons that have ended, with their processes. */
static double processor_time(void)
{
	struct rusage r;

	getrusage(RUSAGE_CHILDREN, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e6 +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

static void stop(void)
{
	uint64_t lost = 0;

	for (size_t i = 0; i < TOCSIN_LOST_PLACES; i++)
		lost += sim->shared->now.lost[i];
	if (sim_stop() || lost) {
		fprintf(stderr, "%lu were lost\n", (unsigned long)lost);
		exit(1);
	}
	sim_end();
}

/* A slot whose last answer is there; who rings waits for it as a program would. */
static uint64_t ask(uint32_t domid, uint64_t turn)
{
	unsigned int slot = (unsigned int)(turn % SIM_SLOTS);

	while (sim_slot(domid, slot)->magic &&
	       sim_slot(domid, slot)->answer.state != TOCSIN_STATE_DONE)
		sched_yield();
	return sim_ask(domid, slot, 0);
}

/* Ring as fast as what waits allows, and see how many come to an end in a second. */
static void sustained(const char *what, uint32_t op, uint64_t coalesce)
{
	double begin, took, used = processor_time();
	uint64_t rung = 0;

	start(coalesce);
	for (uint32_t domid = 1; domid <= GUESTS; domid++, rung++)
		sim_ring(domid, TOCSIN_OP_SCAN_SELF, 0);
	settle(rung);
	begin = now();
	while (now() - begin < SECONDS * 1e6) {
		for (unsigned int i = 0; i < BATCH; i++, rung++) {
			uint32_t domid = 1 + (uint32_t)(rung % GUESTS);

			sim_ring(domid, op, op == TOCSIN_OP_SCAN ? ask(domid, rung / GUESTS) : 0);
		}
		while (rung - sim_ended() > BATCH / 2)
			sched_yield();
	}
	settle(rung);
	took = now() - begin;
	if (op == TOCSIN_OP_SCAN && sim->shared->now.answered != rung - GUESTS) {
		fprintf(stderr, "%lu of %lu were answered\n",
			(unsigned long)sim->shared->now.answered, (unsigned long)(rung - GUESTS));
		exit(1);
	}
	row(what, (double)(rung - GUESTS) / took * 1e6, "/s", 0);
	stop();
	row("... processor time for each", (processor_time() - used) / (double)rung, "us", 0);
}

static bool is_answered(void)
{
	return sim_slot(1, 0)->answer.state == TOCSIN_STATE_DONE;
}

/* From the record in the buffer to the answer in the slot, nothing else to do. */
static void latency(void)
{
	double least = 1e18, sum = 0, duration;

	start(0);
	for (int i = 0; i < 200; i++) {
		double begin, took;
		uint64_t va = sim_ask(1, 0, 0);

		begin = now();
		sim_ring(1, TOCSIN_OP_SCAN, va);
		while (!is_answered())
			;
		took = now() - begin;
		settle((uint64_t)i + 1);
		poll(NULL, 0, 1);
		if (i >= 20)
			sum += took;
		least = took < least ? took : least;
	}
	duration = sum / 180;
	row("from a trigger to the answer in the slot", duration, "us", 0);
	row("... the least", least, "us", 0);
	stop();
}

/* The same scan by a function call in one process. */
static void direct(void)
{
	static struct tocsin_job_guest guest;
	static const uint8_t uuid[16];
	struct tocsin_job_settings settings = {.scan.limits.max_bytes = 256u << 20};
	struct tocsin_record record = {.ecx = TOCSIN_ECX(TOCSIN_OP_SCAN),
				       .cr3 = FIXTURE_ROOT - FIXTURE_BASE};
	struct tocsin_jobs *jobs;
	double sum = 0;

	sim_make(1);
	pin(1);
	if (sim->settings.backend->open_guest(sim->settings.backend, 1, uuid, &guest, NULL) ||
	    tocsin_jobs_new(&settings, &guest, &jobs))
		exit(1);
	for (int i = 0; i < 220; i++) {
		const struct tocsin_outcome *o;
		double begin;

		record.rdx = sim_ask(1, 0, 0);
		begin = now();
		o = tocsin_jobs_run(jobs, &record, false);
		if (tocsin_jobs_answer(jobs, tocsin_jobs_slot(jobs), &o->answer, NULL))
			exit(1);
		if (i >= 20)
			sum += now() - begin;
	}
	row("the same scan and answer by a call", sum / 200, "us", 0);
	tocsin_jobs_free(jobs);
	sim_end();
}

static void memory(void)
{
	uint64_t pss = 0, private = 0, broker[2];

	start(0);
	settle(0);
	broker[0] = sim_memory(sim->broker, "Pss");
	for (uint32_t domid = 1; domid <= GUESTS; domid++)
		sim_ring(domid, TOCSIN_OP_SCAN_SELF, 0);
	settle(GUESTS);
	poll(NULL, 0, 200);
	broker[1] = sim_memory(sim->broker, "Pss");
	for (uint32_t domid = 1; domid <= GUESTS; domid++) {
		pss += sim_memory(sim_guest(domid)->worker, "Pss");
		private += sim_memory(sim_guest(domid)->worker, "Private_Dirty");
	}
	row("memory of a worker that waits (PSS)", (double)pss / GUESTS / 1024, "MB", 0);
	row("... of it, its own alone", (double)private / GUESTS / 1024, "MB", 0);
	row("memory of the broker for a guest",
	    ((double)broker[1] - (double)broker[0]) / GUESTS / 1024, "MB", 0);
	stop();
}

/* An argument: only what is answered and scanned each time, for a profiler. */
int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0); /* children must not have any of it */
	printf("The daemon on one processor, %u guests that are made up:\n", GUESTS);
	if (argc > 1) {
		sustained(argv[1], TOCSIN_OP_SCAN, !strcmp(argv[1], "coalesced") * 100000000ull);
		return 0;
	}
	sustained("PING, reported", TOCSIN_OP_PING, 0);
	sustained("SCAN, all answered, coalesced in 100 ms", TOCSIN_OP_SCAN, 100000000);
	sustained("SCAN, all answered, each scanned", TOCSIN_OP_SCAN, 0);
	latency();
	direct();
	memory();
	return 0;
}
