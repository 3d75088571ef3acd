#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What watching a guest costs: its network throughput with and without, as a ratio; a sample against
the number of sockets; memory; the history's size at a stated load.

usage: watch.py TOCSIN NETLOAD RULES KERNEL [throughput | samples | history]

The guest has one virtual processor, so that on a machine of two cores the watch has the other, as dom0
has one of its own on a host. Nothing else should run meanwhile: emulation takes all of the one core.
"""
import glob
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/live"))
import guest as guests  # noqa: E402

TOCSIN, NETLOAD, RULES, KERNEL = sys.argv[1:5]
ONLY = sys.argv[5:]
PAIRS, SPAN = 16, 1  # of throughput; seconds
LOADS = ((0, ()), (1000, ()), (1000, ("--period", "20,20")))  # connections held; options of the watch
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

    def pause(self, so):
        self.process.send_signal(signal.SIGSTOP if so else signal.SIGCONT)

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


def processor(pid):
    """Seconds of it that all threads of a process have taken."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path) as f:
            total += int(f.read().split()[0])
    return total / 1e9


def pairs(guest, watch):
    """([(plain, watched)] by the clock, and for each second of processor that the guest took, the watch's
    share of a processor): one after another, the order turned each time, by a watch that goes on and is
    stopped in between."""
    rates, efforts, taken, spent = [], [], 0.0, 0.0
    for turn in range(PAIRS):
        rate, effort = [0.0, 0.0], [0.0, 0.0]
        for watched in (turn & 1, 1 - turn & 1):
            watch.pause(not watched)
            before, own, begin = processor(watch.process.pid), processor(guest.qemu.pid), time.monotonic()
            rate[watched] = pumped(guest)
            effort[watched] = rate[watched] / (processor(guest.qemu.pid) - own)
            if watched:
                taken += processor(watch.process.pid) - before
                spent += time.monotonic() - begin
        rates.append(rate)
        efforts.append(effort)
    watch.pause(False)
    return rates, efforts, taken / spent


def told(pairs_of):
    ratios = sorted(watched / plain for plain, watched in pairs_of)
    return (f"{statistics.median(ratios):.3f} (half of the pairs: {ratios[PAIRS // 4]:.3f} to "
            f"{ratios[-PAIRS // 4 - 1]:.3f}, all: {ratios[0]:.3f} to {ratios[-1]:.3f})")


def throughput(guest, folder):
    print(f"throughput of the guest's loopback, {PAIRS} pairs of {SPAN} s without and with a watch, in turns;\n"
          "the guest has one virtual processor, the machine "
          f"{os.cpu_count()} with a load of {os.getloadavg()[0]:.1f} at the beginning:")
    server = guest.begin("netload serve 7000 /tmp/served")
    held = 0
    for connections, options in LOADS:
        if connections > held:
            guest.begin(f"netload hold 127.0.0.1 7000 {connections - held}")
            held = connections
        watch = Watch(guest, folder, *options)
        time.sleep(3)
        rates, efforts, share = pairs(guest, watch)
        watch.end()
        plain = statistics.median(rate[0] for rate in rates)
        print(f"  {connections} connections" + (f", {' '.join(options)}" if options else "") +
              f": {plain / 1e6:.1f} MB/s without; the watch took {share * 100:.2f} % of a processor\n"
              f"    ratio by the clock {told(rates)}\n"
              f"    for each second of processor that the guest took {told(efforts)}", flush=True)
    guest.run(f"kill {server} $(pidof netload); sleep 3")


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
            for part in (throughput, samples, history):
                if not ONLY or part.__name__ in ONLY:
                    part(guest, folder)


main()
