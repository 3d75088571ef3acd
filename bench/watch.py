#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What watching a guest costs: its network throughput with and without, as a ratio; a sample against
the number of sockets; memory; the history's size at a stated load.

usage: watch.py TOCSIN NETLOAD RULES KERNEL
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/live"))
import guest as guests  # noqa: E402

TOCSIN, NETLOAD, RULES, KERNEL = sys.argv[1:5]
PAIRS, SPAN = 8, 5  # of throughput; seconds
RATE, CHURNED = 100, 20  # connections a second, seconds


class Watch:
    def __init__(self, guest, folder, *options):
        self.out = open(folder + "/events", "w+")
        self.process = subprocess.Popen(
            [TOCSIN, "watch", "--qemu", guest.qmp, "--json", "--rules", RULES, *options],
            stdout=self.out)
        while not os.path.getsize(self.out.name):
            if self.process.poll() is not None:
                sys.exit("tocsin watch has ended")
            time.sleep(0.05)

    def memory(self):
        """The most it had, MiB."""
        with open(f"/proc/{self.process.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("RssAnon")) / 1024

    def end(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        self.out.seek(0)
        return [json.loads(line) for line in self.out]


def pumped(guest):
    """Bytes a second through the guest's loopback."""
    text = guest.run(f"netload pump {SPAN}", 60).split()
    rates = [int(word) for word in text[text.index("READY") + 1:]]
    return sum(rates) / len(rates)


def throughput(guest, folder):
    plain, watched = [], []
    for _ in range(PAIRS):
        plain.append(pumped(guest))
        watch = Watch(guest, folder)
        watched.append(pumped(guest))
        watch.end()
    ratios = sorted(b / a for a, b in zip(plain, watched))
    print(f"throughput of the guest's loopback, {PAIRS} times {SPAN} s each, in turns:")
    print(f"  {'without':28} {sum(plain) / len(plain) / 1e6:8.1f} MB/s")
    print(f"  {'watched':28} {sum(watched) / len(watched) / 1e6:8.1f} MB/s")
    print(f"  {'ratio':28} {sum(watched) / sum(plain):8.3f} (of pairs: "
          f"{ratios[0]:.3f} to {ratios[-1]:.3f})", flush=True)


def samples(guest, folder):
    print(f"{'sockets':>10} {'a sample':>10} {'of a socket':>12} {'period':>10} {'torn':>6} "
          f"{'memory':>10}")
    server = guest.begin("netload serve 7000 /tmp/served")
    total = 0
    for more in (10, 240, 1250, 3500):
        total += more
        guest.begin(f"netload hold 127.0.0.1 7000 {more}")
        watch = Watch(guest, folder, "--account", "2s")
        time.sleep(15)
        memory = watch.memory()
        accounts = [e["account"] for e in watch.end() if e["event"] == "account"][2:-1]
        cost = sum(a["cost"] for a in accounts) / len(accounts)
        period = sum(a["period"] for a in accounts) / len(accounts)
        sockets = accounts[-1]["sockets"]
        print(f"{sockets:10} {cost / 1e6:7.2f} ms {cost / sockets / 1e3:9.2f} us "
              f"{period / 1e6:7.1f} ms {sum(a['torn'] for a in accounts):6} {memory:6.1f} MiB",
              flush=True)
    guest.run(f"kill {server} $(pidof netload); sleep 3")


def history(guest, folder):
    path = folder + "/history"
    server = guest.begin("netload serve 7000 /tmp/served")
    watch = Watch(guest, folder, "--history", path, "--account", "10s")
    before = os.path.getsize(folder + "/events")
    guest.run(f"netload churn 127.0.0.1 7000 {RATE} {CHURNED} /tmp/log", 120)
    watch.end()
    lines = os.path.getsize(folder + "/events") - before
    size = sum(os.path.getsize(path + end) for end in ("", "-wal") if os.path.exists(path + end))
    print(f"history of {RATE} connections a second ({CHURNED} s): {size / CHURNED * 3600 / 1e6:.0f} "
          f"MB an hour, {size / lines:.2f} of its JSON lines")
    guest.run(f"kill {server}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        image = guests.initrd(folder, {"/bin/netload": NETLOAD})
        with guests.Guest(KERNEL, image, megabytes=2048) as guest:
            guest.run("ulimit -n 65536; echo 1024 65000 > /proc/sys/net/ipv4/ip_local_port_range")
            throughput(guest, folder)
            samples(guest, folder)
            history(guest, folder)


main()
