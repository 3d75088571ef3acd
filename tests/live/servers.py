#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Ordinary servers under load, in a guest under QEMU: systemd, sshd, nginx, PostgreSQL with its JIT,
Redis, Python, Perl, Node.js, Java and a container. Nothing in them, nor in their kernel, may be called
malicious or suspicious.

Then their connections are watched under a load: watching.py.

usage: servers.py TOCSIN RULES WATCH-RULES NETLOAD KERNEL..., with the kernels in TOCSIN_LIVE_KERNELS, of
whose -cloud- ones the KERNELs, oldest or newest, are booted, and the initramfs (servers/image) in
TOCSIN_LIVE_SERVERS. Beside that the guest is saved once all servers have answered, which takes a minute or
two of both processors, and later runs go on from there. Ends with a table of verdicts by kernel. Speaks TAP.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

import guest as guests
import watching

TOCSIN, RULES, WATCH_RULES, NETLOAD = sys.argv[1:5]
WHICH = [{"oldest": 0, "newest": -1}[name] for name in sys.argv[5:]]
IMAGE = os.environ.get("TOCSIN_LIVE_SERVERS")
SCANS = 3
TESTS = ("scans", "watch")

# What must have been looked at, by the end of its file's name.
SERVERS = {"systemd": "/systemd", "sshd": "/sshd", "nginx": "/nginx", "PostgreSQL": "/postgres",
           "Redis": "/redis-check-rdb", "Python": "/python3.11", "Perl": "/perl", "Node.js": "/node",
           "Java": "/java", "container": "/busybox", "D-Bus": "/dbus-daemon", "cron": "/cron"}
WORST = ["clean", "inconclusive", "suspicious", "malicious"]


def wait_for_load(guest):
    """Until every server has answered a few times, and PostgreSQL has compiled a query."""
    for _ in range(150):
        text = guest.run("cat /run/asked 2>/dev/null; ls /tmp/queried 2>/dev/null; true").split()
        if len(text) == 2 and int(text[0]) > 3:
            return
        time.sleep(2)
    raise guests.Failed("the servers do not answer: " + guest.run("systemctl --failed --no-pager"))


def scan(ram):
    run = subprocess.run([TOCSIN, "scan", "--dump", ram, "--rules", RULES, "--json"],
                         capture_output=True, text=True, timeout=300)
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    if run.returncode not in (0, 3, 10, 11) or len(rows) < 30:
        raise guests.Failed(f"tocsin scan: exit code {run.returncode}, {len(rows)} rows: {run.stderr}")
    return rows


def judge(rows):
    """[complaint] about the rows of one scan."""
    return [f"{row['verdict']['name']}: {row.get('process', {}).get('exe', 'the kernel')}: "
            + "; ".join(f"{f['rule']}: {f['what']}" for f in row["findings"])
            + row["coverage"]["unreadable"]
            for row in rows if row["verdict"]["name"] in ("suspicious", "malicious")]


def scans(guest, table, release):
    """(complaints, note): the verdicts"""
    wait_for_load(guest)
    complaints, rows = [], []
    for _ in range(SCANS):
        now = scan(guest.ram)
        complaints += judge(now)
        rows += now
        time.sleep(1)
    for name, end in dict(SERVERS, kernel="").items():
        verdicts = [row["verdict"]["name"] for row in rows
                    if (row["process"]["exe"].endswith(end) if "process" in row else not end)
                    and (end or "process" not in row)]
        if not verdicts:
            complaints.append(f"{name} was not scanned")
        elif set(verdicts) == {"inconclusive"}:
            complaints.append(f"{name} was never seen whole")
        table.setdefault(name, {})[release] = max(verdicts, key=WORST.index, default="-")
    unclear = sum(row["verdict"]["name"] == "inconclusive" for row in rows)
    if unclear * 10 > len(rows):
        complaints.append(f"{unclear} of {len(rows)} are inconclusive")
    return complaints, f"{len(rows)} verdicts, {unclear} inconclusive"


def one_kernel(kernel, image, table, release):
    """(complaints, note) of each test"""
    with tempfile.TemporaryDirectory() as folder:
        with guests.Guest(kernel, image, megabytes=3072, arguments=("-smp", "2"),
                          saved=os.path.dirname(IMAGE) + "/states", ready=wait_for_load) as guest:
            yield scans(guest, table, release)
            yield watching.check(guest, TOCSIN, WATCH_RULES, folder)


def main():
    kernels = [k for k in os.environ.get("TOCSIN_LIVE_KERNELS", "").split(":") if "-cloud-" in k]
    kernels = [kernels[i] for i in WHICH if kernels]
    if not kernels or not IMAGE:
        print("1..0 # SKIP no TOCSIN_LIVE_KERNELS or no TOCSIN_LIVE_SERVERS")
        sys.exit(0)
    os.environ["TOCSIN_KERNEL_CACHE"] = ""
    failed, number, table = 0, 0, {}
    releases = [os.path.basename(k).split("-", 1)[1] for k in kernels]
    print(f"1..{len(kernels) * len(TESTS)}")
    with tempfile.TemporaryDirectory(dir=os.path.dirname(IMAGE)) as folder:
        netload = folder + "/netload"  # the same, wherever it was built
        subprocess.run(["strip", "-R", ".note.gnu.build-id", "-o", netload, NETLOAD], check=True)
        image = guests.extended(folder, IMAGE, {"/usr/bin/netload": netload})
        for kernel, release in zip(kernels, releases):
            tests = one_kernel(kernel, image, table, release)
            for name in TESTS:
                try:
                    complaints, note = next(tests, (["its guest is gone"], ""))
                except (guests.Failed, subprocess.TimeoutExpired) as reason:
                    complaints, note = str(reason).splitlines(), ""
                number, failed = number + 1, failed + bool(complaints)
                print(f"{'not ' if complaints else ''}ok {number} {release} {name}", flush=True)
                for line in complaints[:20] or [note]:
                    print("# " + line[:2000])
    print("# | " + "ordinary program".ljust(24) + " ".join(r.replace("deb12-", "")[:18].ljust(18)
                                                          for r in releases))
    for name, row in table.items():
        print("# | " + name.ljust(24) + " ".join(row.get(r, "-").ljust(18) for r in releases))
    sys.exit(failed != 0)


main()
