# SPDX-License-Identifier: GPL-2.0-or-later
import re

from expect import equal, expect


def check(s):
    expect("meltdown: Mitigation: PTI" in s.lines, "its kernel has page tables of its own (KPTI)",
           *[l for l in s.lines if l.startswith("meltdown")])
    expect("loaded 1" in s.lines, "the module is loaded", *s.lines[:9])
    row = s.one("^extend sent=")
    equal((row["sent"], row["passed"]), ("40", "20"), "what the BPF program decides")
    hits = {k: int(v) for row in s.values("^probe ") for k, v in row.items()}
    # Of each child and of the program itself; there are others.
    expect(21 <= hits["begin"] <= 30 and 20 <= hits["inside"] <= 40, "kprobes", hits)
    equal(hits["back"], 1, "the probe of a function's return")
    equal(len(s.values("^calls pid=")), 3, "the guest goes on")

    equal(s.one("^beside exit=")["exit"], "0", "how the tracer ended")
    lines = s.objects("TRACE ")
    events = [o for o in lines if o["kind"] == "graph"][0]["events"]
    for kind, n in (("connected", 35), ("module", 1), ("bpf", 1)):
        equal(events.get(kind), n, f"{kind}: events")
    # One while the guest had the function, one after.
    equal(events.get("mode"), 1, "changes of a mode")
    said = [o for o in lines if o["kind"] == "function" and o["function"] == "chmod_common"]
    expect(any("ftrace" in o.get("reason", "") for o in said), "the function is taken", *said)
    expect(said[-1]["collected"], "and traced again", *said)
    for prefix, name in (("MODULE", "module xen_netfront"), ("BPF", "module .*extend")):
        expect(any(l.startswith(prefix + " ") and re.search(name, l) for l in s.lines),
               f"{name} in the graph", *[l for l in s.lines if l.startswith(prefix)])
