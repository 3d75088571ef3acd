/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A host made up for tests, with the whole daemon on it: all its processes, and no Xen. Triggers
 * are made, guests are fixtures in memory that the test and the daemon's processes share, and what
 * goes wrong goes wrong inside a worker, at the next look into its guest.
 */
#ifndef TOCSIN_DISPATCH_TEST_SIM_H
#define TOCSIN_DISPATCH_TEST_SIM_H

#include "dispatch/supervisor.h"
#include "objects.h"

#include <tocsin/request.h>
#include <tocsin/trigger.h>

#define SIM_GUESTS 64u
#define SIM_EVENTS 16384u /* a trace buffer holds */
#define SIM_SLOTS 32u     /* request blocks of a guest */

enum sim_fault {
	SIM_NO_FAULT,
	SIM_CRASH,
	SIM_HANG,  /* spin */
	SIM_SLEEP, /* for ever */
	SIM_LOOP,  /* look into the guest for ever */
	SIM_BUSY,  /* a quarter of a second of its own time for a look */
	SIM_EAT,   /* all memory it gets */
	SIM_LIE,   /* to the broker, with bytes of no meaning */
	SIM_KEEP,  /* hang, but say again and again that a kernel's file is whole */
	SIM_EARLY, /* the same once, before it is ready */
	SIM_PROBE, /* try what a worker must not be able to; then go on */
	SIM_STALL  /* look, but slowly: 0.2 ms each time */
};

struct sim_guest {
	_Atomic bool exists, dying;
	_Atomic int64_t rate;
	uint32_t domid;
	uint8_t uuid[16];
	char name[64];
	uint32_t ticket;
	_Atomic enum sim_fault fault;
	_Atomic int times;          /* the fault still happens; -1: always */
	_Atomic int after;          /* so many more looks */
	_Atomic int worker;         /* pid of the last one */
	_Atomic uint64_t ballooned; /* its memory from here on is not there; 0: all is */
	_Atomic int probed;         /* calls of SIM_PROBE that were refused */
	_Atomic int shared;         /* mappings that its worker can write, and others see */
	_Alignas(4096) uint8_t bytes[FIXTURE_SIZE];
};

struct sim {
	struct tocsin_shared *shared;
	_Atomic int broker; /* pid */
	_Atomic int opened; /* brokers that listened */
	_Atomic uint32_t in, out, overflow;
	_Atomic uint32_t mask;        /* of events, as somebody who taps wants it */
	_Atomic int amplify;          /* so many more records in the buffers for each trigger */
	_Atomic int64_t clock_offset; /* nanoseconds, of the real-time clock */
	_Atomic bool no_xenstored;    /* nobody tells of domains, nor their names */
	_Atomic bool slow_drain;      /* the capture thread stands still */
	_Atomic bool taken;           /* somebody else has the buffers */
	struct tocsin_event events[SIM_EVENTS];
	struct sim_guest guests[SIM_GUESTS];
	/* the test's own */
	struct tocsin_daemon_settings settings;
	char folder[64], log[96], key[96], state[96], tap[96], errors[96];
	int supervisor;
};

extern struct sim *sim;

/* guests of them, numbered from 1; not started. A folder in /tmp, gone with sim_end. */
void sim_make(unsigned int guests);
void sim_start(void);
/* SIGTERM, and the exit code; -1: it was killed. */
int sim_stop(void);
void sim_end(void);

/* Ring: a ticket. va: of a request block, or anything. 0: the trace buffer was full. */
uint32_t sim_ring(uint32_t domid, uint32_t op, uint64_t va);
/* A traced function is called: two records, with this argument; false: the buffer was full. */
bool sim_call(uint32_t domid, uint32_t seq, uint64_t rdi);
/* Fill a slot's block with tokens; its va. target: PID or 0. */
uint64_t sim_ask(uint32_t domid, unsigned int slot, uint32_t target);
const struct tocsin_request *sim_slot(uint32_t domid, unsigned int slot);
struct sim_guest *sim_guest(uint32_t domid);
void sim_fault(uint32_t domid, enum sim_fault fault, int times);
void sim_domains_changed(void);

/* True as soon as it is; false: it is not, for 30 seconds. */
bool sim_wait(bool (*so)(void));
/* All that was accepted has come to an end, and so much has been accepted at least. */
bool sim_settled(uint64_t accepted);
uint64_t sim_ended(void);

/* Kilobytes of a process, by a field of smaps_rollup ("Pss", "Private_Dirty"); 0: not there. */
uint64_t sim_memory(int pid, const char *field);

/* Lines of the log, or of what the daemon said to stderr, that hold a text. */
unsigned int sim_lines(const char *file, const char *text);

#endif
