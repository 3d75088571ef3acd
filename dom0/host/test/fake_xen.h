/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stand-in for libxenctrl and libxenstore: a hypervisor with dom0, one HVM guest (1) and one PV
 * guest (2), whose live patching works as Xen 4.17's does: operations take some polls, fail once
 * or always, and a payload named "tocsin" brings HVM parameter 39 while it is applied.
 *
 * With FAKE_XEN=FILE in the environment it is read from FILE ("NAME NUMBER" a line) when the
 * hypervisor is opened and written back when it is closed, so that a row of processes sees one
 * hypervisor.
 */
#ifndef TOCSIN_TEST_FAKE_XEN_H
#define TOCSIN_TEST_FAKE_XEN_H

extern struct fake_xen {
	int no_xen, no_xenstored, no_livepatching, altp2m, no_ept;
	int patched; /* parameter 39 without a live patch */
	int dead;    /* the payload applies, but does not answer */
	int state;   /* of "tocsin": 0 absent, 1 checked, 2 applied */
	int code;    /* of its last operation, as it will be after `polls` more questions */
	int polls;   /* how many questions the next operation takes */
	int busy;    /* how many operations Xen gives up, with EBUSY in their status */
	int other;   /* another payload is applied, on top */
	int upload_errno, apply_errno, revert_errno, list_errno;
	int list_lies; /* a name longer than all names */
	int rate;      /* of domain 1 */
	int rate_errno;
	int view; /* of domain 1's vCPU; 0: no altp2m */
	/* not kept in FILE */
	int waiting, next_state;
} fake_xen;

extern const unsigned char fake_build_id[20];

#endif
