/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log that a churning guest writes into its own memory, and that is read from outside together
 * with what the engine reads. Each thing that comes and goes has four events: ABOUT before it is
 * made, BORN after, DYING before it is ended, DEAD after. An event's place in the log is its time:
 * what was BORN before a reading began, and not DYING when it ended, lived through all of it; what
 * was not ABOUT when it ended, or DEAD when it began, was never to be seen in it.
 */
#ifndef TOCSIN_CHURN_H
#define TOCSIN_CHURN_H

#include <stdint.h>

#define CHURN_ADDRESS 0x200000000ull
#define CHURN_MAGIC 0x6e72756863ull
#define CHURN_EVENTS (2u << 20)

enum churn_phase { CHURN_ABOUT = 1, CHURN_BORN, CHURN_DYING, CHURN_DEAD };
enum churn_kind { CHURN_PROCESS, CHURN_SOCKET, CHURN_VMA, CHURN_MODULE, CHURN_KINDS };

struct churn_event {
	uint32_t phase; /* written last; 0: not yet */
	uint32_t kind;
	uint64_t id;    /* serial of a process, inode of a socket, slot of a VMA or module */
	uint64_t extra; /* pid, port, length in pages, - */
	uint64_t about; /* the place of its ABOUT */
};

struct churn_log {
	uint64_t magic;
	uint64_t next; /* the place of the next event */
	uint8_t fill[4096 - 16];
	struct churn_event events[CHURN_EVENTS];
};

#define CHURN_AREA 0x300000000ull /* of the VMAs: slots that never touch */
#define CHURN_SLOT (1ull << 20)
#define CHURN_SLOTS 64
#define CHURN_PORT 10000 /* plus slot: UDP if it is even, listening TCP if it is odd */

#endif
