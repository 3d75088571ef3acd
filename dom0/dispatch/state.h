/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What survives the broker, and the machine's reboot: the counters, the switch of each guest, which
 * ticket of a guest came last, and the triggers that were taken and not yet reported. One SQLite
 * file.
 *
 * Changes gather in a transaction, which tocsin_daemon_state_commit ends. A process that is killed
 * loses nothing that was committed. After a power cut the file is whole, and may be some seconds
 * old: the guests are gone then, too.
 */
#ifndef TOCSIN_STATE_H
#define TOCSIN_STATE_H

#include "capture/capture.h"
#include "dispatch/counters.h"

struct tocsin_daemon_state;

struct tocsin_daemon_state_guest {
	uint8_t uuid[16];
	uint32_t domid;
	uint32_t rate;
	uint32_t last_ticket;
	bool has_ticket;
};

struct tocsin_daemon_state_pending {
	uint64_t id;
	uint8_t uuid[16];
	uint8_t attempts;
	struct tocsin_event event;
};

/*
 * Opened, or made; a file that is damaged is set aside as PATH.damaged, and said on stderr. What
 * was pending under another boot of the machine is dropped. Closed with tocsin_daemon_state_close.
 */
int tocsin_daemon_state_open(const char *path, struct tocsin_daemon_state **ret,
			     struct tocsin_error *err);
void tocsin_daemon_state_close(struct tocsin_daemon_state *s);

/* All functions below do nothing on NULL, return 0 or a negative errno, and once one failed the
 * transaction is lost: what was in it is as if it had not been said. */
int tocsin_daemon_state_counters(struct tocsin_daemon_state *s, struct tocsin_tally *ret);
int tocsin_daemon_state_guests(struct tocsin_daemon_state *s,
			       void (*each)(void *context,
					    const struct tocsin_daemon_state_guest *g),
			       void *context);
int tocsin_daemon_state_pendings(struct tocsin_daemon_state *s,
				 void (*each)(void *context,
					      const struct tocsin_daemon_state_pending *p),
				 void *context);

int tocsin_daemon_state_add(struct tocsin_daemon_state *s,
			    const struct tocsin_daemon_state_pending *p);
int tocsin_daemon_state_attempt(struct tocsin_daemon_state *s, uint64_t id, uint8_t attempts);
int tocsin_daemon_state_remove(struct tocsin_daemon_state *s, uint64_t id);
/* Its switch; a ticket is forgotten with another domid. */
int tocsin_daemon_state_switch(struct tocsin_daemon_state *s, const uint8_t uuid[16],
			       uint32_t domid, uint32_t rate);
int tocsin_daemon_state_ticket(struct tocsin_daemon_state *s, const uint8_t uuid[16],
			       uint32_t domid, uint32_t ticket);

/* counters: written along, if there is a transaction or force is set. */
int tocsin_daemon_state_commit(struct tocsin_daemon_state *s, const struct tocsin_tally *counters,
			       bool force);

/* Is there something to commit? */
bool tocsin_daemon_state_is_open(const struct tocsin_daemon_state *s);

/* What went wrong last, for people. */
const char *tocsin_daemon_state_error(const struct tocsin_daemon_state *s);

#endif
