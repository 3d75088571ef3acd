# SPDX-License-Identifier: GPL-2.0-or-later
import re

from expect import by_chance, equal, expect

EVENT = 1500  # instructions that a call may cost the guest, Xen's part included
RATIO = 30    # so many times dearer a breakpoint must be, which stops the guest and wakes dom0


def calls(s, title, pid=None, found_as=""):
    """{function: calls} of a process. Connecting a datagram socket is one function or the other."""
    found = {}
    for row in s.values(f"^{title} count=.*found={found_as}"):
        if pid is None or row.get("pid") == pid:
            function = row["function"].replace("__ip4_", "inet_").replace("datagram", "dgram")
            found[function] = found.get(function, 0) + int(row["count"])
    return found


def done_by(s, title, pid, n):
    """A process made n calls of each; whose a call was may have been too late to tell."""
    mine, all_of_them = calls(s, title, pid), calls(s, title)
    nobodys = calls(s, title, found_as="unknown")
    for function in {"wake_up_new_task", "inet_dgram_connect", "do_filp_open"} & set(all_of_them):
        more = function == "do_filp_open"  # one by exec
        known = mine.get(function, 0)
        expect(n // 2 <= known <= n + more and known + nobodys.get(function, 0) >= n,
               f"{title}: {function} by {pid}", mine, nobodys)


def nobody_else(s, title, pids, n):
    """Only `calls` connects, so the sum is exact; and what is attributed is rightly so."""
    equal(calls(s, title).get("inet_dgram_connect"), n, f"{title}: connects in all")
    whose = {r.get("pid") for r in s.values(f"^{title} count=.*_d(ata)?gram_connect")} - {None}
    expect(whose <= set(pids), f"{title}: who connects", whose)


def lines(s, title, kind):
    return [o for o in s.objects(f"TRACE-{title} ") if o["kind"] == kind]


def nothing_missing(s, title):
    state = lines(s, title, "trace")
    equal([o["state"] for o in state], ["on", "off"], f"{title}: states")
    equal(state[-1]["missing"], 0, f"{title}: calls that were lost")
    equal(lines(s, title, "loss"), [], f"{title}: losses")
    equal(s.one(f"^{title} exit=")["exit"], "0", f"{title}: how the tracer ended")
    return state


def check(s):
    off, on, recorded, stopped = ({k: int(v) for k, v in row.items()} for row in s.values("^bench "))
    print("# Instructions of the emulated machine that a traced call costs:")
    for what in ("getppid", "open"):
        least, mean = (on[f"{what}-{k}"] - off[f"{what}-{k}"] for k in ("least", "all"))
        print(f"#   {what:8} {least:>6,}; dom0's printing included {mean:,}, recording "
              f"{recorded[what + '-all'] - off[what + '-all']:,}")
        expect(0 < least <= EVENT, f"{what}: a traced call costs {least}")
    breakpoint_costs(s, off, on, recorded, stopped)

    nothing_missing(s, "on")
    pid = s.one("^calls pid=.*opens=30")["pid"]
    done_by(s, "on", pid, 30)
    nobody_else(s, "on", [pid], 30)
    benched = [r for r in s.values("^on count=") if r["function"] == "__x64_sys_getppid"]
    equal(sum(int(r["count"]) for r in benched), 300, "calls of getppid")
    call = s.objects("CALL-on ")[0]
    equal((call["process"]["comm"], call["arguments"]["dfd"]), ("calls", -100), "an open")
    equal({o["function"] for o in lines(s, "on", "function") if not o["collected"]},
          {"no_such_function", "memcpy"}, "what cannot be traced")
    escaped = s.one("^escape ")
    equal(set(escaped.values()), {"sigill"}, "ways out of the view, and forged calls")

    nothing_missing(s, "patched")
    gaps = lines(s, "patched", "gap")
    expect(gaps and all(g["tsc"] for g in gaps), "gaps while the guest patches its text")
    pids = [s.one(f"^{when} calls")["pid"] for when in ("flipped", "taken", "returned")]
    nobody_else(s, "patched", pids, 30)
    done_by(s, "patched", pids[0], 10)
    equal(calls(s, "patched", pids[1]).get("do_filp_open", 0), 0,
          "opens while the guest's own ftrace has the function")
    expect("its own: 10" in s.lines or "its own: 11" in s.lines, "what the guest's ftrace saw",
           *s.lines[-20:])
    expect(any("ftrace" in o.get("reason", "") for o in lines(s, "patched", "function")),
           "the function that is taken is reported")
    done_by(s, "patched", pids[2], 10)

    killed = list(s.after("killed"))
    expect(any("traced by a process that died" in l for l in killed), "after a kill", *killed)
    expect(any(l.startswith("calls pid=") for l in killed), "the guest goes on", *killed)
    equal(sum("not traced" in l for l in killed), 2, "what the killed one left is taken away")

    replayed = [o for o in s.objects() if o.get("kind") == "account" and "calls" in o]
    expect(replayed and replayed[-1]["calls"] >= 600, "calls in the recording", replayed)

    state = nothing_missing(s, "default")
    expect("warning" not in state[0], "a guest without altp2m cannot step out")
    expect(state[0]["functions"] >= 18, "functions of the default that there are", state[0])
    pids = [r["pid"] for r in s.values("^calls pid=.*opens=10")]
    expect(len(pids) >= 2, "two at once", *s.lines[-10:])
    for pid in pids[-2:]:
        done_by(s, "default", pid, 10)
    nobody_else(s, "default", pids[-2:], 20)
    equal(calls(s, "default").get("do_exit"), 22, "exits on two processors")

    both(s)
    hands(s)
    churn_is_right(s)
    by_chance(graph, s)
    by_chance(uses, s)


def breakpoint_costs(s, off, on, recorded, stopped):
    """A call that is traced beside a breakpoint that a listener in dom0 answers, in one run."""
    call, least = on["getppid-least"] - off["getppid-least"], stopped["breakpoint-least"]
    print(f"# a traced call {call:,}, a breakpoint {least:,}, ratio {least / call:.0f}")
    expect(least >= RATIO * call, "a breakpoint is not so much dearer than a traced call")
    call, mean = recorded["getppid-all"] - off["getppid-all"], stopped["breakpoint-all"]
    print(f"#   with dom0's part, on average: {call:,}, {mean:,}, ratio {mean / call:.0f}")
    equal(int(s.one("^breakpoints events")["events"]), 300, "breakpoints that were answered")


def both(s):
    """A verdict in a guest that is traced into a graph, and nothing lost on either side."""
    state = nothing_missing(s, "both")
    equal([o["records"] for o in state], ["tocsind"] * 2, "both: who gives the records")
    told = lines(s, "both", "graph")[0]["events"]
    equal(told.get("connected"), 41, "both: connections in the graph")
    asked = s.objects("asked ")[0]
    equal(asked["verdict"], "malicious", "both: the answer to a SCAN")
    sums = [l for l in s.lines if "triggers taken" in l]
    equal(sums[:1], ["tocsind: 1 triggers taken, 1 reported, 0 records lost"], "both: tocsind's account")
    expect(lines(s, "both", "gap"), "both: gaps while the guest patches its text")
    missing = [l for l in s.lines if l.startswith("MISSING !")]
    for why in ("the guest (wrote to|read) its page", ".*ftrace"):
        expect(any(re.search("vfs_open: " + why, l) for l in missing),
               "both: the graph tells of gaps", *missing)
    verdicts = s.reports("verdict")
    expect(len(verdicts) == 1 and verdicts[0]["answered"], "both: the verdict", verdicts)


def hands(s):
    """tocsind ends and begins while a guest is traced."""
    state = lines(s, "hands", "trace")
    equal([o["records"] for o in state], ["tocsind"] * 2, "hands: who gives the records")
    equal(state[-1].get("unanswered"), 1, "hands: triggers while nobody answered")
    losses = lines(s, "hands", "loss")
    equal([o["lost"] for o in losses], [0] * 4, "hands: gaps, of nobody knows how many records")
    for text, loss in zip(("has ended", "from Xen", "given to", "has begun"), losses):
        expect(text in loss["reason"], "hands: a gap", loss)
    found = [r["pid"] for r in s.values("^calls pid=.*opens=12")]
    for pid in found:
        done_by(s, "hands", pid, 12)
    nobody_else(s, "hands", found, 36)


def memory_of_others(s):
    """Who was written to has it from who wrote, who was read has not, but who read has it from there."""
    def told(mark, text):
        return [l for l in s.lines if l.startswith(mark) and re.search(text, l)]
    expect(told("WRITTEN ", "traced by process [0-9]+ inject"), "who wrote into another's memory")
    equal(told("READ ", "inject"), [], "who read another's memory")
    expect(told("ONWARD ", "was looked at by process [0-9]+ inject"), "who read another's memory")
    traced = s.one("^inject traced=")
    expect(told("TRACED ", f"written by process {traced['traced']} inject") and
           told("TRACED ", f"traced by process {traced['by']} inject"), "who asked to be traced")


def namespaces(s):
    """Of one path that is two files, the graph tells which was read; of other paths nothing more."""
    number = re.fullmatch(r"mnt:\[(\d+)\]", s.one("^namespace=")["namespace"])[1]
    inside, outside = ([l for l in s.lines if l.startswith(f"{side} ")] for side in ("INSIDE", "OUTSIDE"))
    expect(any(re.search(rf"read /tmp/ns/same \(mount namespace {number}\)$", l) for l in inside),
           f"what was read in the namespace {number}", *inside)
    expect(any(re.search("read /tmp/ns/same$", l) for l in outside), "what was read outside", *outside)
    equal([l for l in s.lines if "mount namespace" in l and number not in l], [],
          "mount namespaces but that one")
    # Seen outside as well, by the same path.
    expect("INSIDE /tmp/ns-inside" in inside, "a file that both see", *inside)


def churn(s):
    """{pid: file} of children that end at once and made a file of their own each."""
    pid, files = None, {}
    for line in s.lines:
        match = re.match(r"CHURN +.* started process (\d+) calls", line)
        pid = match[1] if match else pid
        match = re.match(r"CHURN +.* (?:made|wrote) (.*)", line)
        if match and not match[1].startswith(("(unresolved: ", "file without a path")):
            files[pid] = match[1]
    return files


def churn_is_right(s):
    """Whatever became of the memory of its name, no file has another's."""
    files = churn(s)
    wrong = {p: f for p, f in files.items()
             if not re.match(rf"/tmp/churn/{p}(\.new|( \(was /tmp/churn/{p}\.new\))?)$", f)}
    equal(wrong, {}, "files of the children that are another's")


def churn_is_whole(s):
    files = churn(s)
    expect(len(files) >= 55, "files of the children", *[l for l in s.lines if l.startswith("CHURN ")])


# What the guest's tracepoints count, as kinds of events. A program is opened by the kernel, not by a system
# call; of memory, /proc/PID/mem was opened twice, too.
COUNTED = {
    "created": ["sched_process_fork"], "executed": ["sched_process_exec"],
    "exited": ["sched_process_exit"], "signal": ["signal_generate"],
    "opened": ["sys_open", "sys_openat", "sched_process_exec"],
    "unlinked": ["sys_unlink", "sys_unlinkat"],
    "renamed": ["sys_rename", "sys_renameat", "sys_renameat2"],
    "linked": ["sys_link", "sys_linkat", "sys_symlink", "sys_symlinkat"],
    "mode": ["sys_chmod", "sys_fchmodat"], "connected": ["sys_connect"],
    "ptrace": ["sys_process_vm_readv", "sys_process_vm_writev", "sys_ptrace"],
}
MORE = {"ptrace": 2}
# Who switches the counting on and off opens files for it.
EDGES = {"opened": 2}


def all_that_the_guest_counted(s, events):
    found = {}
    for line in s.lines:
        match = re.match(r"COUNTED ([a-z_0-9]+)\S* (\d+)$", line)
        if match:
            found[match[1]] = found.get(match[1], 0) + int(match[2])
    print("# Of what the guest counted itself, in the graph:")
    for kind, names in COUNTED.items():
        there = sum(found.get(name, 0) for name in names) + MORE.get(kind, 0)
        print(f"#   {kind:12} {there:>4} {events.get(kind, 0):>4}")
        expect(there and there <= events.get(kind, 0) <= there + EDGES.get(kind, 0),
               f"{kind}: events, of those that the guest counted", events.get(kind), there, found)


def graph(s):
    """What an attack left in the graph, and how much of what the guest did is there."""
    nothing_missing(s, "graph")
    told = lines(s, "graph", "graph")[0]
    events, unresolved = told["events"], told["unresolved"]
    print("# Events in the graph, of these unresolved; read after "
          f"{told['delay'] / 1e6:.1f} ms (at most {told['delay_most'] / 1e6:.1f}):")
    for kind, n in sorted(events.items()):
        print(f"#   {kind:12} {n:>4} {unresolved.get(kind, 0):>4}")
    all_that_the_guest_counted(s, events)
    equal(events.get("accepted"), 2, "accepted: events")
    # dom0 goes first there, so what was called is read while most of it is still there.
    expect(sum(unresolved.values()) <= sum(events.values()) // 50, "unresolved events", unresolved)
    equal(unresolved.get("linked", 0), 0, "links that are unresolved")
    expect(unresolved.get("connected", 0) <= 5, "connections that ended at once", unresolved)
    refused = int(s.one("^refused=")["refused"])
    expect(62 <= refused <= 70, "refused connections, with both ports", refused)
    answer = [l for l in s.lines if l.startswith("ANSWER ")]
    for step in ("sent by process [0-9]+ busybox-x .*/tmp/busybox-x", "read /tmp/busybox-x",
                 "mode changed by process [0-9]+ chmod", "written by process [0-9]+ cp ",
                 "read /bin/busybox", "/tmp/loot", "read /etc/passwd"):
        expect(any(re.search(step, l) for l in answer), f"the answer has no '{step}'", *answer)
    memory_of_others(s)
    namespaces(s)
    churn_is_whole(s)
    nodes = int(s.one("^nodes-in-answer=")["nodes-in-answer"])
    expect(nodes <= 16, "nodes of the answer, of which 9 are true", nodes)


def uses(s):
    """Edges are what was done, by whom: not what files are open for, or what programs began with."""
    who = {r["what"]: r for r in s.values("^uses what=")}

    def told(file, direction="BACK"):
        return [l.split(" ", 1)[1] for l in s.lines if l.startswith(f"{direction}-{file} ")]

    def has(file, *steps, direction="BACK"):
        for step in steps:
            expect(any(re.search(step, l) for l in told(file, direction)), f"{file}: no '{step}'",
                   *told(file, direction))

    def writers(file):
        return {m.group(1) for l in told(file)
                for m in [re.match("  [0-9: .-]*written by process ([0-9]+) ", l)] if m}

    equal(writers("log"), {who["parent"]["c"]}, "who wrote what its parent opened")
    for what, file, link, secret in (("pipe", "out", r"pipe:\[", "secret"),
                                     ("pair", "out2", "socket unix", "secret2"),
                                     ("splice", "out3", r"pipe:\[", "secret3")):
        equal(writers(file), {who[what]["b"]}, f"who wrote what came through a {what}")
        has(file, f"got data from {link}", f"got data from process {who[what]['a']} ",
            f"read /tmp/uses/{secret}$")
    maker = who["parent"]["p"]
    equal(writers("both"), {maker}, "who wrote a file that was only read later")
    # Who made these is told by whose child this is.
    equal(writers("late"), {who["late"]["c"]}, "a first write after many reads")
    equal(writers("turns"), set(who["turns"]["c"].split(",")), "writers of one open file")
    equal(writers("mapped"), {who["mapped"]["c"]}, "who wrote through memory")
    has("mapped", "read /tmp/uses/seen")
    equal(writers("cut"), {who["cut"]["c"]}, "who truncated a file")
    has("given", f"was read by process {who['sent']['c']} ", "sent over socket tcp .*:7777",
        f"(brought data to|was accepted by) process {maker} ", direction="FORWARD")
