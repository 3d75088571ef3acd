# SPDX-License-Identifier: GPL-2.0-or-later
"""The answers, judged as those of scripts of events are (tests/provenance): a process is a step that
said which it is, in the guest."""
import base64
import gzip
import os
import re
import sys

from expect import equal, expect

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../../tests/provenance"))
import answer  # noqa: E402

# name, what it is, root causes, steps, how many other nodes there may be. @ is a step's process.
CASES = (
    ("download", "dropped and executed download, with persistence",
     ["host 198.51.100.1", "host 203.0.113.9", "@attacker"],
     ["@login", "@download", "@mode", "file /tmp/busybox.x", "@program", "file /tmp/busybox.home",
      "file /etc/cron.d/sys", "@job", "@home"], 30),
    ("webshell", "web shell to data theft over the network",
     ["host 198.51.100.2", "@uploads", "@asks", "file /outside/shell"],
     ["@shop", "@upload", "@write", "file /www/cgi-bin/s", "@shell", "@pack", "file /var/lib/app/db",
      "file /tmp/d.gz", "@send"], 40),
    ("setuid", "setuid escalation with log wiping",
     ["host 198.51.100.3", "@attacker"],
     ["@login", "file /tmp/x.c", "@make", "file /tmp/x", "@exploit", "@root"], 35),
    ("ptrace", "ptrace injection into a server and lateral connection",
     ["host 198.51.100.4", "host 203.0.113.9", "@attacker"],
     ["@login", "@download", "file /tmp/inj", "@injector", "@server"], 50),
    ("memfd", "fileless (memfd) chain",
     ["host 198.51.100.5", "@attacker"],
     ["@app", "file /memfd:app", "@read", "@send"], 30),
)


def unpack(lines):
    return gzip.decompress(base64.b64decode("".join(lines))).decode()


def named(names, steps):
    return [f"process {steps.get(name[1:], name)} " if name[0] == "@" else name for name in names]


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
    wrong, rows = [], []
    for name, title, roots, true, bound in CASES:
        steps = dict(re.match(r"STEP (\S+) (\d+)", l).groups()
                     for l in s.after("steps " + name) if re.match(r"STEP \S+ \d+", l))
        why, row = answer.judge(title, unpack(s.after("answer " + name)), named(roots, steps),
                                named(true, steps), bound, sum(told["events"].values()))
        wrong += [f"{name}: {one}" for one in why]
        rows.append(row)
    answer.table(rows)
    expect(not wrong, "answers", *wrong)
