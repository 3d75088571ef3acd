// SPDX-License-Identifier: GPL-2.0-or-later
/* tocsin: one program, one table of subcommands. Each subcommand reads its own arguments. */
#include "cli/command.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct command {
	const char *name;
	const char *arguments; /* one line, or more */
	const char *summary;
	int (*run)(int argc, char **argv);
} commands[] = {
    {"replay", "FILE [--json]", "print the triggers that xentrace recorded", command_replay},
    {"info", "GUEST [--json]", "which kernel a guest runs, and where it lies", command_info},
    {"ps", "GUEST [PID] [--details] [--maps] [--json]", "a guest's processes", command_ps},
    {"tree", "GUEST", "the processes below their parents", command_tree},
    {"maps", "GUEST [PID] [--json]", "their VMAs, and which pages are there", command_maps},
    {"mounts", "GUEST [PID] [--json]", "the mounts that a process sees", command_mounts},
    {"files", "GUEST [PID] [--json]", "the files that a guest's processes have open",
     command_files},
    {"net",
     "GUEST [PID] [--tcp] [--udp] [--raw] [--ping] [--unix]\n"
     "           [--netlink] [--packet] [--listening] [--state NAME] [--port N]\n"
     "           [--address ADDRESS[/BITS]] [--pid N] [--wide | --json]",
     "a guest's sockets, and who holds them", command_net},
    {"modules", "GUEST [--json]", "the modules that a guest's kernel has loaded", command_modules},
    {"log", "GUEST [--json]", "the log of a guest's kernel", command_log},
    {"scan", "GUEST [PID] [--kernel] [--rules DIR] [--json] | --list",
     "is anything in a guest malicious, and why", command_scan},
    {"rules", "[--check] [--json] [DIRECTORY...]", "the rules that a watch applies", command_rules},
    {"watch",
     "GUEST... [--view | --json | --format FORMAT] [--initial]\n"
     "           [--stay] [--for TIME] [--period LEAST[,MOST]] [--share PERCENT]\n"
     "           [--account TIME] [--history FILE [--keep TIME] [--max-size SIZE]]\n"
     "           [--rules DIR]... [--no-rules] [--rings LOG]",
     "processes and connections of guests, as they come and go", command_watch},
    {"history",
     "FILE [--since TIME] [--until TIME] [--guest NAME]\n"
     "           [--kind KIND] [--pid N] [--comm NAME] [--port N] [--address ADDRESS]\n"
     "           [--limit N] [--nodes N] [--stat]\n"
     "           [--json | --format text|json|ocsf|dot|graphml]",
     "what a watch kept", command_history},
    {"graph",
     "FILE | GUEST [--back FROM | --forward FROM] [--depth N]\n"
     "           [--since TIME] [--until TIME] [--not PATTERN]... [--pcap FILE] [--all]\n"
     "           [--nodes N] [--count | --format tree|dot|svg|graphml|prov|ocsf]",
     "what caused what in a guest", command_graph},
    {"xentrace", "--out FILE [--events MASK] [--for SECONDS] [--socket PATH]",
     "what Xen traces, in xentrace's format, while tocsind runs", command_xentrace},
    {"doctor", "[--json]", "is all there that Tocsin needs, and if not, what to do",
     command_doctor},
    {"status", "[--json | --metrics | --follow] [--socket PATH]",
     "what the running tocsind says of itself", command_daemon_status},
    {"daemon", "reload | scan DOMAIN [--socket PATH]", "have the running tocsind do something",
     command_daemon},
    {"key", "show [--key FILE]", "the key that verdicts are signed with", command_key},
#ifdef HAVE_XEN
    {"list", "[--json]", "list the domains and their trigger rates", command_list},
    {"enable", "DOMAIN [--rate N]", "let a domain ring N times a second", command_enable},
    {"disable", "DOMAIN", "stock behaviour for a domain", command_disable},
    {"views", "DOMAIN [--create N | --switch VIEW]",
     "create, switch, or tell a domain's altp2m views", command_views},
    {"trace",
     "on | off | status\n"
     "           on     DOMAIN [--graph | --graph-file FILE] [--capture INTERFACE | --no-capture]\n"
     "                  [--uses first|open] [--functions NAME,...] [--for SECONDS] [--no-events]\n"
     "           off    DOMAIN\n"
     "           status [DOMAIN]",
     "calls of a guest's kernel functions, as they happen", command_trace},
    {"hypervisor",
     "status | install | remove | prepare\n"
     "           status  [--json] [--xen FILE] [--dbg FILE]\n"
     "           install [--dry-run] [--json] [--xen FILE] [--dbg FILE] [--payload FILE]\n"
     "                   [--keep-payload FILE] [--boot]\n"
     "           remove  [--dry-run] [--json]",
     "Tocsin in the running hypervisor, as a live patch", command_hypervisor},
#endif
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void help(FILE *out)
{
	fputs("usage: tocsin COMMAND [ARGUMENTS]\n\n", out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-10s  %s\n", commands[i].name, commands[i].summary);
	fputs("\n  COMMAND --help  its arguments\n  --help          this text\n"
	      "  --version       the version\n",
	      out);
}

static int run(const struct command *c, int argc, char **argv)
{
	int rc;

	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[argc - 1], "--help"))) {
		printf("usage: tocsin %s %s\n\n%s\n", c->name, c->arguments, c->summary);
		if (strstr(c->arguments, "GUEST"))
			printf("\nGUEST is one of  -d DOMAIN  --qemu QMP-SOCKET%s\n",
			       strstr(c->arguments, "GUEST...") ? "" : "  --dump FILE");
		puts("\ntocsin(1) explains each of them.");
		return EXIT_DONE;
	}
	rc = c->run(argc, argv);
	if (rc == EXIT_USAGE)
		fprintf(stderr, "usage: tocsin %s %s\n", c->name, c->arguments);
	return rc;
}

/*
 * A full disk or a closed pipe is a failure, not a short answer. Who failed has said why, and who
 * closed the pipe knows.
 */
static int finish(int rc)
{
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return rc;
	if (rc != EXIT_FAILED && errno != EPIPE)
		fprintf(stderr, "tocsin: cannot write: %s\n",
			errno ? strerror(errno) : "what was printed is not all of it");
	return EXIT_FAILED;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "help") && argc > 2) { /* help COMMAND is COMMAND --help */
		argv[1] = argv[2];
		argv[2] = "--help";
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help")) {
		help(stdout);
		return finish(EXIT_DONE);
	}
	if (!strcmp(argv[1], "--version")) {
		puts("tocsin " TOCSIN_VERSION);
		return finish(EXIT_DONE);
	}
	for (size_t i = 0; i < COMMANDS; i++) {
		if (!strcmp(argv[1], commands[i].name))
			return finish(run(&commands[i], argc - 1, argv + 1));
	}
	fprintf(stderr, "tocsin: no command '%s'; tocsin --help lists them\n", argv[1]);
	return EXIT_USAGE;
}
