#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks a history that was made for it: test_history.py TOCSIN MAKE_HISTORY."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

import ocsf
from tap import check, finish

tocsin, make_history = sys.argv[1:]


def run(*args):
    done = subprocess.run([tocsin, "history", *map(str, args)], capture_output=True, timeout=60,
                          check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def kinds(*args):
    code, out, err = run(path, "--json", *args)
    return [json.loads(line)["event"] for line in out.splitlines()] if not code else err


folder = pathlib.Path(tempfile.mkdtemp())
path = folder / "history"
end = int(time.time())
subprocess.run([make_history, str(path), str(end)], check=True)
everything = ["begin", "started", "started", "opened", "finding", "opened", "accepted", "exited",
              "end"]

check("all, in the order of time", kinds(), everything)
check("since, relative", kinds("--since", "350s"), everything[5:])
check("since, relative, minutes", kinds("--since", "8.25m"), everything[3:])
check("since, seconds", kinds("--since", end - 400), everything[3:])
stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(end - 400))
check("since, RFC 3339", kinds("--since", stamp + "Z"), everything[3:])
check("since, a fraction later", kinds("--since", stamp + ".5Z"), everything[5:])
check("since, offset", kinds("--since", time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(
    end - 400 + 5400)) + "+01:30"), everything[3:])
check("since, a date", kinds("--since", "2020-02-29"), everything)
check("until", kinds("--until", end - 400), everything[:3])
check("guest", kinds("--guest", "db"), ["accepted"])
check("kind", kinds("--kind", "opened"), ["opened", "opened"])
check("pid, also of another process", kinds("--pid", 10), ["started", "started"])
check("comm", kinds("--comm", "nginx"), ["accepted"])
check("port", kinds("--port", 80), ["opened", "accepted"])
check("address", kinds("--address", "203.0.113.9"), ["opened", "finding"])
check("the latest", kinds("--limit", 2), everything[-2:])
check("nothing", kinds("--guest", "nobody"), [])
check("nothing, for a person", run(path, "--guest", "nobody"),
      (0, "", f"tocsin history: none of the 9 events in {path} fits\n"))

code, out, err = run(path)
check("text", (code, err, len(out.splitlines())), (0, "", 9))
check("text is clean", ("\x1b" in out, "cu\"<rl>\\x5c\\x1b\\xff" in out), (False, True))
code, out, err = run(path, "--format", "ocsf")
check("ocsf", [json.loads(line)["class_uid"] for line in out.splitlines()],
      [1007, 1007, 4001, 2004, 4001, 4001, 1007])
check("ocsf has what it requires", [wrong for line in out.splitlines()
                                    for wrong in ocsf.wrong_with(json.loads(line))], [])

code, out, err = run(path, "--format", "graphml")
graph = xml.etree.ElementTree.fromstring(out)
space = "{http://graphml.graphdrawing.org/xmlns}"
nodes = {n.get("id"): {d.get("key"): d.text for d in n} for n in graph.iter(space + "node")}
edges = [(nodes[e.get("source")].get("label"), nodes[e.get("target")].get("label"),
          {d.get("key"): d.text for d in e}["relation"]) for e in graph.iter(space + "edge")]
check("graphml: who connected to whom, over guests",
      sorted(e for e in edges if e[2] == "connection"),
      [("cu\"<rl>\\x5c\\x1b\\xff", "203.0.113.9:443", "connection"),
       ("cu\"<rl>\\x5c\\x1b\\xff", "nginx", "connection")])
check("graphml: parents", len([e for e in edges if e[2] == "parent"]), 3)
check("graphml: findings", [n["finding"] for n in nodes.values() if "finding" in n], ["far-address"])
code, dot, err = run(path, "--format", "dot")
check("dot", (code, dot.count("->"), dot.count("subgraph"), run(path, "--format", "dot")[1] == dot),
      (0, 5, 2, True))
if shutil.which("dot"):
    check("graphviz reads it", subprocess.run(["dot", "-Tsvg", "-o", os.devnull], check=False,
                                              input=dot.encode()).returncode, 0)
code, out, err = run(path, "--format", "dot", "--nodes", 3)
check("a graph too large", (code, out, "--nodes" in err), (1, "", True))

code, out, err = run(path, "--stat", "--json")
stat = json.loads(out)
check("stat", (code, stat["events"], stat["processes"], stat["sockets"], stat["last"]),
      (0, 9, 3, 3, end * 10**9))
check("stat as text", run(path, "--stat")[1].splitlines()[2].split(), ["events", "9"])
check("nothing is left beside it", [p.name for p in folder.iterdir()], ["history"])

check("no file", run()[0], 2)
for args in (["--since", "soon"], ["--since", "10y"], ["--since", "2026-02-30"], ["--since", "-5m"],
             ["--since", "2026-01-01T25:00:00Z"], ["--kind", "sung"], ["--pid", "0"],
             ["--port", "65536"], ["--format", "xml"], ["--limit", "-1"], ["--until"], ["--xml"],
             ["another"]):
    code, out, err = run(path, *args)
    check("usage: " + " ".join(args), (code, out, "usage:" in err), (2, "", True))
check("what a kind can be", all(kind in run(path, "--kind", "sung")[2] for kind in everything), True)
check("no value", "--until needs a value" in run(path, "--until")[2], True)
code, out, err = run(folder / "absent")
check("no such file", (code, out, "No such file" in err, err.count("\n")), (1, "", True, 1))
check("and none is made", (folder / "absent").exists(), False)
code, out, err = run(path, "--address", "ten")
check("no address", (code, out, "no address" in err), (1, "", True))
(folder / "garbage").write_bytes(b"x" * 9000)
code, out, err = run(folder / "garbage")
check("no history", (code, out, "not a history" in err), (1, "", True))
with open("/dev/full", "w", encoding="ascii") as full:
    code = subprocess.run([tocsin, "history", str(path)], stdout=full, stderr=subprocess.DEVNULL,
                          check=False).returncode
check("a full disk is a failure", code, 1)
shutil.rmtree(folder)
finish()
