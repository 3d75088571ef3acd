/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every rule that a scanner here can state: how severe it is, how sure, which technique of MITRE
 * ATT&CK it points at, and why it matters, for a non-specialist. `tocsin scan --list` prints it.
 * What the weights come to is verdict/verdict.c's matter.
 */
#include "scan/scanners.h"

#include <string.h>

#define INFO TOCSIN_SEVERITY_INFO
#define LOW TOCSIN_SEVERITY_LOW
#define MEDIUM TOCSIN_SEVERITY_MEDIUM
#define HIGH TOCSIN_SEVERITY_HIGH
#define CRITICAL TOCSIN_SEVERITY_CRITICAL

#define MAYBE TOCSIN_CERTAINTY_LOW
#define LIKELY TOCSIN_CERTAINTY_MEDIUM
#define SURE TOCSIN_CERTAINTY_HIGH

/* Sorted by name within a scanner; the part before the dot is the scanner. */
const struct tocsin_scan_rule tocsin_scan_rules[] = {
    {"capabilities.dangerous", MEDIUM, MAYBE, "T1548",
     "Rights that let a program take over the machine are held without being root"},
    {"credentials.forged", CRITICAL, SURE, "T1068",
     "Its rights were written into the kernel's memory, not granted by the kernel"},
    {"credentials.raised", MEDIUM, MAYBE, "T1548",
     "It is root, was started by a user, and its file grants no such right; sudo and pkexec "
     "also end up so"},
    {"credentials.shared", CRITICAL, SURE, "T1068",
     "The kernel gives each process rights of its own; somebody made this one use another's"},
    {"environment.library-path", INFO, SURE, "T1574.006",
     "Libraries are looked for in other folders first"},
    {"environment.preload", HIGH, LIKELY, "T1574.006",
     "A library that anybody may have put there is loaded first, and can replace any function"},
    {"environment.preload-installed", LOW, SURE, "T1574.006",
     "An installed library is loaded first, as some servers do on purpose"},
    {"executable.breakpoint", MEDIUM, LIKELY, "T1055.008",
     "Code in memory has breakpoints, as debuggers set them"},
    {"executable.deleted", MEDIUM, SURE, "T1070.004",
     "Malware deletes its file to hide; an upgrade of the package does it too"},
    {"executable.deleted-code", LOW, SURE, "T1070.004",
     "What was loaded can no longer be looked at; an upgrade does this too"},
    {"executable.memfd", HIGH, SURE, "T1620",
     "A program that never was a file cannot be found by looking at files"},
    {"executable.memfd-code", HIGH, SURE, "T1620",
     "Code that never was a file cannot be found by looking at files"},
    {"executable.modified", HIGH, SURE, "T1055.009",
     "Code in memory is not what its file holds: somebody changed the running program"},
    {"executable.not-mapped", CRITICAL, LIKELY, "T1055.012",
     "The program runs as a file of which nothing is left in its memory: something else runs "
     "under that name"},
    {"executable.temporary-place", MEDIUM, LIKELY, "T1036.005",
     "Installed programs do not lie where anybody may write"},
    {"kernel.bpf-overrides", HIGH, LIKELY, "T1014",
     "A program in the kernel decides what system calls return"},
    {"kernel.bpf-signals", MEDIUM, LIKELY, "T1562.001",
     "A program in the kernel sends signals: it can end whoever looks for it"},
    {"kernel.bpf-writes-user", CRITICAL, SURE, "T1014",
     "A program in the kernel changes what other programs read, as rootkits do to hide"},
    {"kernel.breakpoint", HIGH, LIKELY, "T1014",
     "Code of the kernel stops at a breakpoint that no probe accounts for: somebody is called "
     "there"},
    {"kernel.ftrace-hook", HIGH, SURE, "T1014",
     "A module is called before functions of the kernel; live patches also do so"},
    {"kernel.ftrace-hook-hidden", CRITICAL, SURE, "T1014",
     "Code of nobody is called before functions of the kernel"},
    {"kernel.ftrace-in-use", INFO, SURE, "T1014", "Functions of the kernel are being traced"},
    {"kernel.hidden-module", CRITICAL, SURE, "T1547.006",
     "Only a rootkit takes its module off the kernel's own lists"},
    {"kernel.hidden-thread", CRITICAL, SURE, "T1014",
     "Only a rootkit takes a running thread off the kernel's own lists"},
    {"kernel.inline-hook", CRITICAL, SURE, "T1014",
     "A function of the kernel was overwritten with a jump to other code"},
    {"kernel.interrupt-hook", CRITICAL, SURE, "T1014",
     "An interrupt or exception is taken by code that is not the kernel's"},
    {"kernel.keyboard-hook", HIGH, SURE, "T1056.001", "A module is told of every key pressed"},
    {"kernel.kprobe-hidden", CRITICAL, SURE, "T1014",
     "Code of nobody is called in the middle of the kernel"},
    {"kernel.kprobe-hook", HIGH, LIKELY, "T1014",
     "A module is called in the middle of the kernel; tools for tracing also do so"},
    {"kernel.kprobe-in-use", INFO, SURE, "T1014", "The kernel is being traced"},
    {"kernel.listener", MEDIUM, MAYBE, "T1205",
     "The kernel itself listens on the network; file servers in the kernel do so too"},
    {"kernel.netfilter-hook", MEDIUM, MAYBE, "T1205",
     "A module that is no firewall sees every packet, and can act on one that it waits for"},
    {"kernel.netfilter-hook-hidden", CRITICAL, SURE, "T1205", "Code of nobody sees every packet"},
    {"kernel.patched-code", CRITICAL, SURE, "T1014",
     "Instructions within a function of the kernel were overwritten to lead to other code"},
    {"kernel.syscall-hook", CRITICAL, SURE, "T1014",
     "A system call is taken by code that is not its own: what programs see is what it lets them"},
    {"kernel.table-hook", CRITICAL, SURE, "T1014",
     "What lists files, processes or connections was replaced: it can leave out what it likes"},
    {"kernel.tty-hook", CRITICAL, SURE, "T1056.001",
     "What reads terminals was replaced: it sees what is typed"},
    {"kernel.unaccounted-code", HIGH, SURE, "T1014",
     "There is code in the kernel that no module, and nothing else, accounts for"},
    {"kernel.writable-code", HIGH, LIKELY, "T1014",
     "Code of the kernel can be written to, which kernels have not allowed for years"},
    {"memory.anonymous-executable", MEDIUM, SURE, "T1620",
     "Programs are loaded from files; this code was made or brought in at run time"},
    {"memory.headless-elf", CRITICAL, SURE, "T1620",
     "A whole program or library was put into memory and its header wiped out, to hide it"},
    {"memory.injected-elf", CRITICAL, SURE, "T1620",
     "A whole program or library was put into memory without a file"},
    {"memory.writable-executable", HIGH, SURE, "T1055",
     "Memory that can be written and run lets an attacker place code of their own"},
    {"network.fileless-program", HIGH, SURE, "T1071",
     "A program that left no file talks to the network"},
    {"network.packet-socket", MEDIUM, MAYBE, "T1205.002",
     "It sees every packet of the machine, as sniffers and sleeping back doors do"},
    {"network.raw-socket", MEDIUM, MAYBE, "T1095",
     "It can make packets of its own, past the usual protocols"},
    {"network.shell-on-socket", CRITICAL, SURE, "T1059.004",
     "Whoever is at the other end of the connection types the commands"},
    {"network.stdio-on-socket", LOW, LIKELY, "T1059",
     "A program is run by whoever is at the other end of the connection, as inetd does"},
    {"process.hidden", CRITICAL, SURE, "T1014",
     "Only a rootkit takes a running process off the kernel's own lists"},
    {"process.kernel-thread-name", HIGH, SURE, "T1036.004",
     "It calls itself a part of the kernel, and is an ordinary program"},
    {"process.spoofed-name", HIGH, LIKELY, "T1036.005",
     "It calls itself an installed program, and is another file"},
    {"process.traced", LOW, SURE, "T1055.008",
     "Another process controls it, as debuggers and injectors do"},
    {NULL, INFO, MAYBE, NULL, NULL},
};

const struct tocsin_scan_rule *tocsin_scan_rule_find(const char *name)
{
	const struct tocsin_scan_rule *r;

	for (r = tocsin_scan_rules; r->name; r++)
		if (!strcmp(r->name, name))
			return r;
	return NULL;
}
