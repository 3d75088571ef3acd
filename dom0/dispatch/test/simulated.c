/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tocsind as it is installed, but on a host that is made up, one of whose guests rings five times a
 * second: for the test of the unit, which runs where there is no Xen. Configuration, key, state and
 * sockets are where tocsind has them.
 */
#include "capture/tap.h"
#include "dispatch/setup.h"
#include "service/notify.h"
#include "sim.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#define STATE_FILE TOCSIN_KEY_FOLDER "/state.db"

static _Noreturn void ring(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned int slot = 0;; slot = (slot + 1) % SIM_SLOTS) {
		poll(NULL, 0, 200);
		sim_ring(1, TOCSIN_OP_SCAN, sim_ask(1, slot, 0));
	}
}

int main(void)
{
	static struct tocsin_setup u;
	struct tocsin_daemon_settings *s = &u.settings;
	struct tocsin_error err = {0};
	int rc;

	sim_make(2);
	*s = sim->settings;
	s->setup = tocsin_setup_load;
	s->key = NULL;
	s->state = STATE_FILE;
	s->tap = TOCSIN_TAP_SOCKET;
	s->watchdog = tocsin_notify_watchdog();
	s->worker.keep_stderr = false;
	if (s->setup(s, &err)) {
		fprintf(stderr, "simulated: %s\n", err.message);
		return 1;
	}
	if (!fork())
		ring();
	rc = tocsin_supervise(s);
	tocsin_setup_free(&u);
	return rc;
}
