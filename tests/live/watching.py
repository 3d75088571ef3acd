# SPDX-License-Identifier: GPL-2.0-or-later
"""The sockets and events that `tocsin net` and `tocsin watch` tell of a guest under a load of
connections, against what the guest says itself: `ss -anp`, and the load's own log (netload.c).
"""
import base64
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time

import guest as guests

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import ss  # noqa: E402
import watched  # noqa: E402

HELD, RATE, SECONDS, COMPARISONS = 1000, 500, 12, 3
SERVED, STEPPED = "7000", "7002"
CONTAINER = "c0ffee" + "5" * 58
SS = "ss -anpeOH; ip netns exec box ss -anpeOH"


def prepare(guest):
    """nginx is made to take HELD connections; what would take the processor is stopped."""
    guest.run("systemctl kill -s STOP load-perl load-python load-postgres load-node tomcat10", 120)
    guest.run(r"sed -i -e 's/worker_connections .*/worker_connections 4096;/' "
              r"-e '1i worker_rlimit_nofile 8192;' "
              r"-e 's/^http {/http { client_header_timeout 1h; client_body_timeout 1h;/' "
              r"/etc/nginx/nginx.conf; nginx -s reload", 120)
    guest.run("mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null; ip netns add box; "
              "ip netns exec box ip link set lo up; "
              f"mkdir -p /sys/fs/cgroup/docker/{CONTAINER}")
    pids = {"server": guest.begin(f"netload serve {SERVED} /tmp/served"),
            "stepped": guest.begin(f"netload serve {STEPPED} /tmp/stepped"),
            "holder": guest.begin(f"netload hold 127.0.0.1 80 {HELD}")}
    inside = f"echo 0 > /sys/fs/cgroup/docker/{CONTAINER}/cgroup.procs; exec ip netns exec box"
    pids["box server"] = guest.begin(f"sh -c '{inside} netload serve 81 /tmp/boxed'")
    pids["box holder"] = guest.begin(f"sh -c '{inside} netload hold 127.0.0.1 81 20'")
    return pids


# ---- tocsin net and ss ----

def ask(guest):
    """What ss prints; packed, because the line is slow."""
    return gzip.decompress(base64.b64decode(guest.run(f"({SS}) | gzip | base64 -w 0", 120))).decode()


def is_churned(row):
    ports = {row.local.split(":")[-1], row.remote.split(":")[-1]}
    # Requests to nginx, and the raw socket of the steps, come and go as well.
    return bool(ports & {SERVED, STEPPED, "80"}) or row.kind[0] == "raw"


def compare(guest, tocsin, complaints):
    """One read between two of ss; how many sockets lasted from one to the other."""
    before = ask(guest)
    run = subprocess.run([tocsin, "net", "--qemu", guest.other, "--json"], capture_output=True,
                         text=True, timeout=60)
    after = ask(guest)
    if run.returncode not in (0, 3):
        complaints.append(f"tocsin net: exit code {run.returncode}: {run.stderr}")
        return 0
    more, lasting = ss.compare(before, run.stdout, after, is_churned)
    complaints += more
    return lasting


# ---- tocsin watch ----

class Watch:
    """tocsin watch, while the guest is at it."""

    def __init__(self, tocsin, guest, rules, history):
        self.lines = open(history + ".events", "w+")
        self.said = open(history + ".said", "w+")
        self.process = subprocess.Popen(
            [tocsin, "watch", "--qemu", guest.qmp, "--json", "--history", history, "--rules", rules,
             "--period", "50,300", "--share", "40", "--account", "1s"], stdout=self.lines,
            stderr=self.said)
        for _ in range(100):
            if os.path.getsize(self.lines.name):
                break
            time.sleep(0.1)

    def accounts(self):
        """[account], as far as they are stated."""
        with open(self.lines.name) as lines:
            return [json.loads(line)["account"] for line in lines
                    if line.endswith("\n") and '"event":"account"' in line]

    def see(self):
        """Until a sample has ended that began after this: the first of two accounts that come may be
        of one that had begun."""
        wanted = len(self.accounts()) + 2
        for _ in range(2400):
            if len(self.accounts()) >= wanted:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise guests.Failed("tocsin watch does not go on: " + open(self.said.name).read())

    def end(self):
        """([event], exit code, what it said)"""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(60)
        for file in (self.lines, self.said):
            file.seek(0)
        events = [json.loads(line) for line in self.lines]
        return events, code, self.said.read()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.lines.close()
        self.said.close()


def check_held(events, pids, complaints):
    for who, what, count in (("holder", "opened", HELD), ("box holder", "opened", 20),
                             ("box server", "accepted", 20)):
        found = {e["socket"]["id"] for e in watched.about(events, what, pids[who], protocol="tcp")}
        if len(found) != count:
            complaints.append(f"{who}: {len(found)} {what}, not {count}")
    web = [e for e in watched.about(events, "accepted") if e.get("process", {}).get("comm") == "nginx"
           and e["initial"] and e["socket"]["local_port"] == 80]
    if len(web) < HELD:
        complaints.append(f"nginx: {len(web)} accepted, not {HELD}")
    boxed = watched.about(events, "accepted", pids["box server"])
    if boxed and boxed[0]["process"]["container"] != CONTAINER:
        complaints.append(f"container: {boxed[0]['process']}")


def check_history(tocsin, history, events, complaints):
    """What was kept is what was said, event for event."""
    run = subprocess.run([tocsin, "history", history, "--json"], capture_output=True, text=True,
                         timeout=120)
    kept = [json.loads(line) for line in run.stdout.splitlines()]
    if run.returncode or kept != events:
        first = next((pair for pair in zip(kept, events) if pair[0] != pair[1]), "its length")
        complaints.append(f"history: exit code {run.returncode}, {len(kept)} of {len(events)} events,"
                          f" the first that differs: {first} {run.stderr}")


# The load goes on when what it did was seen, so that how fast the watch is does not matter.

def take_steps(guest, watch):
    """All of netload's steps, of which each is seen."""
    go, done = "", 0
    while True:
        text = guest.run(f"{go}until grep -q DONE /tmp/steps || "
                         f"[ $(grep -c WAITS /tmp/steps) -gt {done} ]; do sleep 0.05; done; "
                         "cat /tmp/steps")
        if "DONE" in text:
            return text
        watch.see()
        go, done = "printf x > /tmp/step; ", done + 1


def end_churn(guest, watch):
    """What waits in netload's churn has been open for longer than a sample takes, and ends."""
    guest.run("until grep -q WAITS /tmp/churn; do sleep 0.1; done", 120)
    begun = time.monotonic()
    watch.see()
    while time.monotonic() - begun < max(a["longest"] for a in watch.accounts()) / 1e9:
        time.sleep(0.1)
    text = guest.run("printf x > /tmp/release; until grep -q DONE /tmp/churn; do sleep 0.1; done; "
                     "cat /tmp/churn")
    watch.see()
    return text


def check(guest, tocsin, rules, folder):
    """(complaints, note): all of it, in a guest of servers (servers/image) that has netload."""
    complaints = []
    history = os.path.join(folder, "history")
    pids = prepare(guest)
    with Watch(tocsin, guest, rules, history) as watch:
        guest.run("mkfifo /tmp/step /tmp/release; "
                  f"netload steps {STEPPED} /tmp/step > /tmp/steps 2>&1 & "
                  f"netload churn 127.0.0.1 {SERVED} {RATE} {SECONDS} /tmp/log /tmp/release "
                  "> /tmp/churn 2>&1 &")
        lasting = [compare(guest, tocsin, complaints) for _ in range(COMPARISONS)]
        stepped, churned = take_steps(guest, watch), end_churn(guest, watch)
        log, served = guest.run("cat /tmp/log"), guest.run("cat /tmp/served")
        events, code, said = watch.end()
    if code != 11 or said:
        complaints.append(f"tocsin watch: exit code {code}: {said}")
    pids["churn"] = int(re.search(r"PID (\d+)", churned).group(1))
    note = watched.check_churn(events, pids["churn"], log, pids["server"], served,
                               int(SERVED), complaints)
    watched.check_steps(events, stepped, int(STEPPED), complaints)
    check_held(events, pids, complaints)
    check_history(tocsin, history, events, complaints)
    if min(lasting, default=0) < HELD:
        complaints.append(f"net: only {lasting} rows lasted from one ss to the next")
    rate = re.search(r"DONE (\d+) in (\d+)", churned)
    return complaints, (f"ss and net agree on {lasting} lasting sockets; {note}; "
                        f"{int(rate.group(1)) * 1000 // int(rate.group(2))} a second; "
                        f"{len(events)} events")
