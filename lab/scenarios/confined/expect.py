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
