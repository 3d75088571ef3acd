# SPDX-License-Identifier: GPL-2.0-or-later
from expect import equal, expect


def check(s):
    maps = {v["map"]: int(v["errno"]) for v in s.values("^confined map=")}
    equal(maps["own"], 0, "its own guest's memory")
    for what in ("other", "dom0", "xen"):
        equal(maps[what], 1, f"memory of {what}: EPERM")
    equal(s.one("^confined hypercall")["signal"], "31", "a hypercall: SIGSYS")
    processes = {v["name"].split("-w-")[0]: v for v in s.values("^process name=")}
    for name in ("tocsin", "tocsin-writer"):
        expect(int(processes[name]["uid"]) >= 0x70000000, f"the user of {name}", processes)
        equal(processes[name]["seccomp"], "2", f"{name} has its system calls filtered")
        equal(int(processes[name]["caps"], 16), 0, f"capabilities of {name}")
    equal(processes["tocsin-broker"]["uid"], "0", "the broker")
    worker = processes["tocsin"]
    expect(int(worker["own"]) < 8192, "kilobytes of a worker that waits", worker)
    answers = [o for o in s.objects() if "ticket" in o]
    equal([a.get("verdict") for a in answers], ["clean"] * 4,
          "verdicts: before, after the broker was killed, after the worker was")
    expect(any("listening again" in line for line in s.lines), "the broker came back")
    equal(s.one("^tocsind exit=")["exit"], "0", "tocsind")
    equal(s.reports("loss"), [], "losses")
    reader, hand = s.one("^reader name="), s.one("^hand name=")
    expect(int(reader["uid"]) >= 0x70020000, "the user of the reader", reader)
    equal(reader["seccomp"], "2", "the reader has its system calls filtered")
    equal(int(reader["caps"], 16), 0, "capabilities of the reader")
    expect(int(reader["files"]) <= 8, "what the reader has open: streams, its socket, its guest, kernels", reader)
    equal((hand["uid"], hand["seccomp"]), ("0", "0"), "the hand")
    equal(s.one("^reader-died exit=")["exit"], "1", "a trace whose reader was killed")
    expect(any("SAID" in l and "was ended by signal 9" in l for l in s.lines), "it says why", *s.lines[-12:])
    expect(any("not traced" in l for l in s.lines), "the tracing is taken away", *s.lines[-12:])
    expect("the guest goes on" in s.lines, "the guest", *s.lines[-12:])
    expect(any(l.startswith("MISSING !") and "ended by signal 9" in l for l in s.lines),
           "a gap in its graph", *s.lines[-12:])
    equal(s.one("^again exit=")["exit"], "0", "traced again")
    expect(int(s.one("^again calls=")["calls"]) > 0, "calls then")
