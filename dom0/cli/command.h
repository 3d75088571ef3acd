/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a subcommand is. A new one is a file with its run function, its prototype here and its line
 * in main.c's table.
 */
#ifndef TOCSIN_COMMAND_H
#define TOCSIN_COMMAND_H

/* Exit codes, the same for all subcommands. */
enum {
	EXIT_DONE = 0,   /* done, nothing missing */
	EXIT_FAILED = 1, /* could not be done; stderr says why */
	EXIT_USAGE = 2,
	EXIT_PARTIAL = 3, /* done, but events were lost or malformed, or rows torn */
	/* of tocsin scan: the worst verdict */
	EXIT_SUSPICIOUS = 10,
	EXIT_MALICIOUS = 11
};

/* argv[0] is the subcommand's name. Returns the exit code; EXIT_USAGE makes main print the
 * usage line after the reason that the subcommand gave. */
int command_replay(int argc, char **argv);
int command_info(int argc, char **argv);
int command_ps(int argc, char **argv);
int command_tree(int argc, char **argv);
int command_maps(int argc, char **argv);
int command_mounts(int argc, char **argv);
int command_files(int argc, char **argv);
int command_net(int argc, char **argv);
int command_history(int argc, char **argv);
int command_watch(int argc, char **argv);
int command_graph(int argc, char **argv);
int command_modules(int argc, char **argv);
int command_log(int argc, char **argv);
int command_scan(int argc, char **argv);
int command_rules(int argc, char **argv);
int command_key(int argc, char **argv);
int command_xentrace(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_daemon(int argc, char **argv);
int command_daemon_status(int argc, char **argv);

#ifdef HAVE_XEN
int command_enable(int argc, char **argv);
int command_disable(int argc, char **argv);
int command_list(int argc, char **argv);
int command_views(int argc, char **argv);
int command_hypervisor(int argc, char **argv);
int command_trace(int argc, char **argv);
#endif

#endif
