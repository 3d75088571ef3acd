#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Do in guests under QEMU what the shipped rules of a watch are about: each must be told of once, under
its rule, and nothing else may be.

usage: rules.py TOCSIN RULES, with the kernels in TOCSIN_LIVE_KERNELS, of which the first two
are booted. Speaks TAP.
"""
import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import guest as guests

TOCSIN, RULES = sys.argv[1:3]
SITE = """lists = (
  { name = "listed-networks"; type = "networks"; values = "203.0.113.0/24"; },
  { name = "expected-ports"; type = "ports"; values = ( 9009, "20000-20024" ); }
);"""
# What is done, and the rules that must tell of it.
DONE = [
    ("suspect few-ports", []),
    ("suspect hold", []),
    ("busybox sh -c 'echo READY; sleep 3'", []),
    ("suspect shell", ["watch.socket-shell"]),
    ("suspect door", ["watch.unexpected-listener"]),
    ("suspect packet", ["watch.raw-socket"]),
    ("suspect memory", ["watch.memory-program"]),
    ("sh -c 'cp /bin/suspect /tmp/gone; exec /tmp/gone gone'", ["watch.deleted-program"]),
    ("suspect ports", ["watch.port-scan", "watch.scanned"]),
    ("suspect filtered", ["watch.port-scan"]),
    ("suspect hosts", ["watch.address-scan"]),
    ("suspect listed", ["watch.listed-network"]),
]
BEACON = ("suspect beacon", ["watch.beacon"])


class Watch:
    def __init__(self, guest, folder):
        os.mkdir(folder + "/site")
        with open(folder + "/site/site.rules", "w", encoding="ascii") as f:
            f.write(SITE)
        self.lines = open(folder + "/events", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [TOCSIN, "watch", "--qemu", guest.qmp, "--json", "--rules", RULES, "--rules",
             folder + "/site", "--period", "50,200", "--share", "50"], stdout=self.lines)
        for _ in range(300):
            if os.path.getsize(self.lines.name):
                break
            time.sleep(0.1)

    def findings(self):
        """[(rule, what)] so far."""
        with open(self.lines.name, encoding="utf-8") as f:
            events = [json.loads(line) for line in f if line.endswith("\n")]
        return [(e["finding"]["rule"], e["finding"]["what"]) for e in events
                if e["event"] == "finding"]

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30)
        finally:
            self.process.kill()
            self.lines.close()


def wait_for(watch, before, expected, seconds=8):
    """What is told of beyond before, once as much as is expected has come, and a while longer."""
    end = time.time() + seconds
    while time.time() < end and len(watch.findings()) < before + len(expected):
        time.sleep(0.2)
    time.sleep(1)
    return watch.findings()[before:]


def one_kernel(kernel, image):
    complaints = []
    with tempfile.TemporaryDirectory() as folder, guests.shared(kernel, image) as guest:
        guest.run("ip addr add 198.51.100.1/32 dev lo; ip route add 203.0.112.0/20 dev lo")
        guest.begin("suspect serve")
        with Watch(guest, folder) as watch:
            time.sleep(2)
            for command, expected in DONE + [BEACON]:
                before = len(watch.findings())
                if (command, expected) == BEACON:
                    guest.run(f"{command} > /tmp/said 2>&1 &")
                    told = wait_for(watch, before, expected, 120)
                else:
                    guest.begin(command)
                    told = wait_for(watch, before, expected)
                if sorted(rule for rule, _ in told) != expected:
                    complaints.append(f"{command}: {told}")
        if watch.process.returncode != 11:
            complaints.append(f"tocsin watch: exit code {watch.process.returncode}")
    return complaints


def judge(kernel, image):
    try:
        return one_kernel(kernel, image)
    except guests.Failed as reason:
        return str(reason).splitlines()


def main():
    kernels = [k for k in os.environ.get("TOCSIN_LIVE_KERNELS", "").split(":") if k][:2]
    if not kernels:
        print("1..0 # SKIP no TOCSIN_LIVE_KERNELS")
        sys.exit(0)
    os.environ["TOCSIN_KERNEL_CACHE"] = ""
    failed = 0
    print(f"1..{len(kernels)}")
    with tempfile.TemporaryDirectory() as folder:
        image = guests.common(folder)
        with concurrent.futures.ThreadPoolExecutor() as pool:  # most of it is waiting
            results = list(pool.map(lambda kernel: judge(kernel, image), kernels))
        for number, (kernel, complaints) in enumerate(zip(kernels, results), 1):
            failed += bool(complaints)
            print(f"{'not ' if complaints else ''}ok {number} {os.path.basename(kernel)}",
                  flush=True)
            for line in complaints:
                print("# " + line[:2000])
    sys.exit(failed != 0)


main()
