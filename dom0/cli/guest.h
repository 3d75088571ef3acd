/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the subcommands that look into one guest share: which guest, how to print, which process. */
#ifndef TOCSIN_CLI_GUEST_H
#define TOCSIN_CLI_GUEST_H

#include "base/error.h"
#include "tocsin.h"

struct guest_options {
	const char *domain, *qemu, *dump; /* exactly one */
	bool json;
	bool maps;         /* --maps, where GUEST_MAPS */
	bool details;      /* --details, where GUEST_DETAILS */
	int32_t pid;       /* where GUEST_PID; 0: all */
	bool kernel;       /* --kernel, where GUEST_SCAN */
	const char *rules; /* --rules FOLDER, where GUEST_SCAN; NULL: none */
	void *own;         /* what a subcommand's own options were put in */
};

/* What a subcommand accepts beyond the guest and --json. */
enum { GUEST_MAPS = 1, GUEST_PID = 2, GUEST_DETAILS = 4, GUEST_SCAN = 8 };

/*
 * Print it. 0: all of it; 1: some of it is not to be trusted, or missing, as stderr said; more:
 * this exit code; else a negative errno with a message.
 */
typedef int (*guest_show)(struct tocsin_kernel *k, const struct guest_options *o,
			  struct tocsin_error *err);

/* Where the value of an option that names a guest belongs; NULL: it is another option. */
const char **guest_option(const char *option, struct guest_options *o);

/* Says something to the user; from any thread. */
typedef void guest_say(void *context, const char *text);

/* On stderr, after the name of the command, which is context. */
void guest_say_plainly(void *command, const char *text);

/*
 * Open the guest that is named and find its kernel; the caller closes the kernel, then the memory.
 * If that takes long, say is told what is waited for.
 */
int guest_open(const struct guest_options *o, guest_say *say, void *context,
	       struct tocsin_memory **ret_memory, struct tocsin_kernel **ret_kernel,
	       struct tocsin_error *err);

/* Parse the arguments, open the guest, find its kernel, show. Returns the exit code. */
int guest_run(int argc, char **argv, unsigned int accepts, guest_show show);

/*
 * An option of a subcommand's own, with what follows it (NULL-terminated): how many arguments it
 * takes, 0 if it is not one of them, -EINVAL after saying what is wrong.
 */
typedef int (*guest_own)(char **argv, void *own);

/* The same with such options; own is found in guest_options again. */
int guest_run_own(int argc, char **argv, unsigned int accepts, guest_own parse_own, void *own,
		  guest_show show);

/*
 * The process o->pid, or all of them, of which rows stay valid until each has returned for the
 * last. each returns as guest_show; so does this.
 */
typedef int (*guest_process)(struct tocsin_kernel *k, const struct guest_options *o,
			     const struct tocsin_process *p);
int guest_processes(struct tocsin_kernel *k, const struct guest_options *o, guest_process each,
		    struct tocsin_error *err);

/* Say on stderr what a list of processes may lack. */
void guest_warn(const struct tocsin_process_list *list);

/* " (torn)", " (hides)", or "". */
const char *guest_remark(enum tocsin_confidence c);

/* One open file; 0, or a negative errno, which ends it. */
typedef int (*guest_file)(const struct tocsin_process *p, const struct tocsin_file *f, bool json,
			  void *context);

/* Every open file of the process o->pid, or of all. Returns as guest_show. */
int guest_files(struct tocsin_kernel *k, const struct guest_options *o, guest_file each,
		void *context, struct tocsin_error *err);

/* Guest bytes made safe for a terminal, in one of four buffers used in turn. */
const char *guest_text(const char *bytes, size_t size);

#endif
