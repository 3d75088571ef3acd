# SPDX-License-Identifier: GPL-2.0-or-later
"""The answers, judged as those of scripts of events are (tests/provenance): a process is a step that
said which it is, in the guest."""
import base64
import gzip
import os
import re
import sys

from expect import by_chance, equal, expect

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../../tests/provenance"))
import answer  # noqa: E402

# name, what it is, root causes, steps, how many other nodes there may be. @ is a step's process.
CASES = (
    ("download", "dropped and executed download, with persistence",
     ["host 198.51.100.1", "host 203.0.113.9"],
     ["@login", "@download", "@mode", "file /tmp/busybox.x", "@program", "file /tmp/busybox.home",
      "file /etc/cron.d/sys", "@job", "@home"], 25),
    ("webshell", "web shell to data theft over the network",
     ["host 198.51.100.2"],
     ["@shop", "@upload", "@write", "file /www/cgi-bin/s", "@shell", "@pack", "file /var/lib/app/db",
      "file /tmp/d.gz", "@send"], 28),
    ("setuid", "setuid escalation with log wiping",
     ["host 198.51.100.3"],
     ["@login", "file /tmp/x.c", "@make", "file /tmp/x", "@exploit", "@root"], 30),
    ("ptrace", "ptrace injection into a server and lateral connection",
     ["host 198.51.100.4", "host 203.0.113.9"],
     ["@login", "@download", "file /tmp/inj", "@injector", "@server"], 46),
    ("memfd", "fileless (memfd) chain",
     ["host 198.51.100.5"],
     ["@app", "file /memfd:app", "@read", "@send"], 18),
)


def unpack(lines):
    return gzip.decompress(base64.b64decode("".join(lines))).decode()


def named(names, steps):
    return [f"process {steps.get(name[1:], name)} " if name[0] == "@" else name for name in names]


def on_the_wire(s, title, socket):
    """What the graph tells of connections that were captured: (sent, received), the rest of the line."""
    found = re.findall(rf"socket {socket}[ ,].*?\(on the wire (\d+) bytes sent, (\d+) received(.*)\)",
                       "\n".join(s.after(title)))
    expect(found, f"{title}: what was captured of {socket}", *s.after(title))
    return [(int(sent), int(received), rest) for sent, received, rest in found]


def captured(s, off):
    """What the graph knows from the wire alone."""
    stolen, program = (int(s.one(f"^{what}=")[what]) for what in ("stolen", "program"))
    theft = on_the_wire(s, "told webshell", r"tcp 10.0.0.5:\d+ > 203.0.113.21:8443")
    equal(theft, [(stolen, 0, "")], "bytes of the theft")
    expect(stolen > 90000, "what was stolen", stolen)
    load = on_the_wire(s, "told download", r"tcp 10.0.0.5:\d+ > 203.0.113.9:80")
    expect(len(load) == 1 and 0 < load[0][1] - program < 1000, "bytes of the download", load, program)
    expect(any("host 203.0.113.9 mirror.example" in l for l in s.after("told download")),
           "the name of the host that it came from", *s.after("told download"))
    equal(on_the_wire(s, "nobody", "udp 10.0.0.5:4444 > 203.0.113.66:4444"),
          [(1000, 0, "; no process was seen to hold it")], "what no process held")
    pid = s.one("^raw pid=")["pid"]
    equal(sum(f"sent by process {pid} raw" in l for l in s.after("each")), 3,
          "who sent a datagram to each of three hosts")
    lines = [o for o in s.objects("TRACE ") if o["kind"] == "capture"]
    equal([o["captured"] for o in lines], [True, False], "the interface comes and goes")
    expect(off["packets"] > 500 and off["names"] == 1 and not off["dropped"] and not off["early"]
           and not off["untold"],
           "what was captured", off)
    print(f"# {off['packets']} packets of {off['flows']} flows captured; theft {stolen} bytes")


def check(s):
    equal(s.one("^trace exit=")["exit"], "0", "how the tracer ended")
    ended = [o for o in s.objects("TRACE ") if o["kind"] in ("graph", "trace")]
    told, off = ended[-2:]
    print(f"# {sum(told['events'].values())} events of {off['calls']} calls, read after "
          f"{told['delay'] / 1e6:.1f} ms (at most {told['delay_most'] / 1e6:.1f}); unresolved: " +
          ", ".join(f"{n} of {told['events'][kind]} {kind}"
                    for kind, n in told["unresolved"].items() if n))
    visits, built = (int(s.one(f"^{what}=")[what]) for what in ("visits", "built"))
    print(f"# beside them {visits} visits of the web server, and a build of {built} files")
    expect(visits >= 10 and built >= 5, "what goes on beside the attacks", visits, built)
    equal(off["missing"], 0, "calls that were lost")
    captured(s, told["capture"])
    wrong, rows = [], []
    for name, title, roots, true, bound in CASES:
        steps = dict(re.match(r"STEP (\S+) (\d+)", l).groups()
                     for l in s.after("steps " + name) if re.match(r"STEP \S+ \d+", l))
        why, row = answer.judge(title, unpack(s.after("answer " + name)), named(roots, steps),
                                named(true, steps), bound, sum(told["events"].values()))
        wrong += [f"{name}: {one}" for one in why]
        rows.append(row)
    answer.table(rows)
    by_chance(expect, not wrong, "answers", *wrong)
