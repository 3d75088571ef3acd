#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Plant what malware does in guests under QEMU, one technique at a time: each must be found in the
process or kernel where it is, under its rule, and be gone once it is undone.

usage: scan.py TOCSIN RULES BUILD_ROOTKIT, with the kernels in TOCSIN_LIVE_KERNELS, the headers for them
in TOCSIN_LIVE_HEADERS, and guest.py's environment. Ends with a table of techniques by kernel. Speaks TAP.
"""
import json
import os
import subprocess
import sys
import tempfile

import guest as guests

TOCSIN, RULES, BUILD = sys.argv[1:4]

# What is done in the guest, and the rules that must tell of it in that process. {victim}: another.
PROCESSES = [
    ("/proc/PID/mem", "bad inject-mem {victim}", "victim", ["executable.modified"]),
    ("ptrace", "bad inject-ptrace {victim}", "victim", ["executable.modified", "process.traced"]),
    ("hollowed process", "bad hollow /bin/victim", "itself",
     ["executable.not-mapped", "memory.anonymous-executable"]),
    ("ELF in memory", "bad elf /lib/preloaded.so", "itself", ["memory.injected-elf"]),
    ("ELF without header", "bad stripped /lib/preloaded.so", "itself", ["memory.headless-elf"]),
    ("32-bit ELF, no header", "bad small", "itself", ["memory.headless-elf"]),
    ("memfd program", "bad memfd", "itself", ["executable.memfd", "network.fileless-program"]),
    ("deleted program", "/tmp/gone sleep", "itself", ["executable.deleted"]),
    ("program in /tmp", "/tmp/here sleep", "itself",
     ["executable.temporary-place"]),
    ("writable code", "bad rwx", "itself", ["memory.writable-executable"]),
    ("reverse shell", "bad shell /bin/busybox", "itself", ["network.shell-on-socket"]),
    ("LD_PRELOAD", "LD_PRELOAD=/tmp/p.so victim", "itself",
     ["environment.preload", "executable.temporary-place"]),
    ("kernel thread's name", "bad name kworker/u8:3", "itself", ["process.kernel-thread-name"]),
    ("daemon's name", "bad as /tmp/x /usr/sbin/sshd", "itself",
     ["process.spoofed-name"]),
    ("packet socket", "bad packet", "itself", ["network.packet-socket"]),
    ("raw socket", "bad raw", "itself", ["network.raw-socket"]),
    ("rights without root", "bad rights", "itself", ["capabilities.dangerous"]),
]

# Commands of the module, and the rule; of which process, or of the kernel; what the victim is, if it
# is not a sleeping program. Two with the same rule do not follow each other: the next scan shows that
# what was undone is gone.
KERNEL = [
    ("hidden thread", "hide-thread {victim}", "unhide-thread", "kernel", "kernel.hidden-thread", "threads"),
    ("hidden process", "hide-process {victim}", "unhide-process", "victim", "process.hidden"),
    ("thread off all lists", "hide-running-thread {victim}", "unhide-thread", "kernel",
     "kernel.hidden-thread", "spin"),
    ("shared credentials", "share {victim}", "unshare", "victim", "credentials.shared"),
    ("forged credentials", "forge {victim}", "unforge", "victim", "credentials.forged"),
    ("hidden module", "hide-module", "unhide-module", "kernel", "kernel.hidden-module"),
    ("hooked system call", "syscall", "unsyscall", "kernel", "kernel.syscall-hook"),
    ("hooked table", "table", "untable", "kernel", "kernel.table-hook"),
    ("hooked terminal", "tty", "untty", "kernel", "kernel.tty-hook"),
    ("hooked interrupt", "interrupt", "uninterrupt", "kernel", "kernel.interrupt-hook"),
    ("patched function", "inline", "uninline", "kernel", "kernel.inline-hook"),
    ("patched call", "call", "uncall", "kernel", "kernel.patched-code"),
    ("planted breakpoint", "breakpoint", "unbreakpoint", "kernel", "kernel.breakpoint"),
    ("ftrace hook", "ftrace", "unftrace", "kernel", "kernel.ftrace-hook"),
    ("kprobe", "kprobe", "unkprobe", "kernel", "kernel.kprobe-hook"),
    ("netfilter hook", "netfilter", "unnetfilter", "kernel", "kernel.netfilter-hook"),
    ("keyboard hook", "keyboard", "unkeyboard", "kernel", "kernel.keyboard-hook"),
]


class Wrong(Exception):
    """A technique was not found, or was found where it is not."""


def scan(ram):
    """{pid or "kernel": (verdict, {rule: finding})}"""
    run = subprocess.run([TOCSIN, "scan", "--dump", ram, "--rules", RULES, "--json"],
                         capture_output=True, text=True, timeout=300)
    if run.returncode not in (0, 10, 11):
        raise Wrong(f"tocsin scan: exit code {run.returncode}: {run.stderr} {run.stdout[:2000]}")
    found = {}
    for line in run.stdout.splitlines():
        row = json.loads(line)
        key = row["process"]["pid"] if row["subject"] == "process" else "kernel"
        found[key] = (row["verdict"]["name"], {f["rule"]: f for f in row["findings"]})
    return found


def loud(found, but=()):
    """What is said of others than those."""
    return {key: sorted(rules) for key, (verdict, rules) in found.items()
            if key not in but and (verdict != "clean" or rules)}


def check(found, key, rules, others=()):
    if key not in found:
        raise Wrong(f"{key} was not scanned")
    missing = set(rules) - set(found[key][1])
    if missing:
        raise Wrong(f"{missing} not found, but {sorted(found[key][1])}")
    if loud(found, {key, *others}):
        raise Wrong(f"others: {loud(found, {key, *others})}")
    return found[key][0]


class Planted:
    """All techniques of PROCESSES at once in one guest, and what a scan said of them."""

    def __init__(self, guest):
        self.rows, everybody = {}, set()
        guest.run("for f in gone here x; do cp /bin/bad /tmp/$f; done; cp /lib/preloaded.so /tmp/p.so")
        for name, command, where, rules in PROCESSES:
            # Dynamic: whose code is written to must be its own.
            victim = guest.begin("victim") if "{victim}" in command else 0
            pid = guest.begin(command.format(victim=victim))
            self.rows[name] = (victim if where == "victim" else pid, rules)
            everybody |= {pid, victim}
        guest.run("rm /tmp/gone")
        self.found = scan(guest.ram)
        everybody |= {int(pid) for pid in guest.run(
            "for p in /proc/[0-9]*; do grep -qaE '^(bad|cache|/bin/victim|victim|/tmp/)' $p/cmdline "
            "2>/dev/null && echo ${p#/proc/}; done; true").split()}
        self.others = loud(self.found, everybody)
        guest.run(f"kill -9 {' '.join(str(p) for p in everybody if p)} 2>/dev/null; sleep 1; "
                  "rm -f /tmp/gone /tmp/here /tmp/x /tmp/p.so")
        self.left = loud(scan(guest.ram))

    def judge(self, name):
        pid, rules = self.rows[name]
        if self.others or self.left:
            raise Wrong(f"of others: {self.others}; after all was ended: {self.left}")
        return check(self.found, pid, rules, self.found)


def rules_but(rule):
    """Of the module's other techniques."""
    return {row[4] for row in KERNEL} - {rule}


def plant_module(guest, hook, undo, where, rule, program="user"):
    """Finds it. That it is gone once it is undone, the next scan shows."""
    victim = guest.begin("bad " + program) if "victim" in hook else 0
    guest.run(f"echo {hook.format(victim=victim)} > /proc/tocsin_rootkit")
    key = victim if where == "victim" else where
    try:
        found = scan(guest.ram)
        verdict = check(found, key, [rule])
        left = rules_but(rule) & set(found[key][1])
        if left:
            raise Wrong(f"still there though it was undone: {left}")
    finally:
        guest.run(f"echo {undo} > /proc/tocsin_rootkit; kill -9 {victim or ''} 2>/dev/null; true")
    return verdict


def nothing_left(guest):
    if loud(scan(guest.ram)):
        raise Wrong(f"still there once it was undone: {loud(scan(guest.ram))}")
    return "clean"


def plant_bpf(guest):
    pid = guest.begin("bad bpf")
    verdict = check(scan(guest.ram), "kernel", ["kernel.bpf-writes-user"])
    guest.run(f"kill -9 {pid}; sleep 1")
    if loud(scan(guest.ram)):
        raise Wrong("still there once its program was ended")
    return verdict


def plant_for_good(guest, command, rule):
    """What nothing brings back; comes last."""
    guest.run(f"echo {command} > /proc/tocsin_rootkit")
    return check(scan(guest.ram), "kernel", [rule])


def techniques(guest, module):
    """(name, what plants it)"""
    planted = Planted(guest)
    for name, *_ in PROCESSES:
        yield name, lambda n=name: planted.judge(n)
    yield "eBPF program", lambda: plant_bpf(guest)
    guest.put(module, "/tmp/rootkit.ko")
    guest.run("insmod /tmp/rootkit.ko; rm /tmp/rootkit.ko")
    for name, *row in KERNEL:
        yield name, lambda r=row: plant_module(guest, *r)
    yield "all of it undone", lambda: nothing_left(guest)
    yield "module off all lists", lambda: plant_for_good(
        guest, "hide-everywhere", "kernel.hidden-module")
    yield "module nowhere", lambda: plant_for_good(
        guest, "hide-from-tree", "kernel.unaccounted-code")


def one_kernel(kernel, image, module, release, table):
    number = 0
    with guests.shared(kernel, image) as guest:
        quiet = loud(scan(guest.ram))
        yield "nothing planted", f"found: {quiet}" if quiet else None
        for name, act in techniques(guest, module):
            why = None
            try:
                table.setdefault(name, {})[release] = act()
            except (Wrong, guests.Failed) as reason:
                why = str(reason)
                table.setdefault(name, {})[release] = "NOT FOUND"
            number += 1
            yield name, why


def main():
    kernels = [k for k in os.environ.get("TOCSIN_LIVE_KERNELS", "").split(":") if k]
    headers = os.environ.get("TOCSIN_LIVE_HEADERS")
    if not kernels or not headers or not os.path.exists("/bin/busybox"):
        print("1..0 # SKIP no TOCSIN_LIVE_KERNELS, no TOCSIN_LIVE_HEADERS or no /bin/busybox")
        sys.exit(0)
    releases = [os.path.basename(k).split("-", 1)[1] for k in kernels]
    failed, number, table = 0, 0, {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TOCSIN_KERNEL_CACHE"] = folder + "/kernels"
        subprocess.run([BUILD, headers, folder, *releases], check=True)
        image = guests.common(folder)
        for kernel, release in zip(kernels, releases):
            module = f"{folder}/tocsin_rootkit-{release}.ko"
            for name, why in one_kernel(kernel, image, module, release, table):
                number += 1
                failed += why is not None
                print(f"{'not ' if why else ''}ok {number} {release}: {name}", flush=True)
                for line in (why or "").splitlines():
                    print("# " + line[:2000])
    print(f"1..{number}")
    print("# | " + "technique".ljust(24) + " ".join(r.replace("deb12-", "")[:18].ljust(18)
                                                   for r in releases))
    for name, row in table.items():
        print("# | " + name.ljust(24) + " ".join(row.get(r, "-").ljust(18) for r in releases))
    sys.exit(failed != 0)


main()
