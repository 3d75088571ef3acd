#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks graphs on the command line: test_graph.py TOCSIN MAKE_HISTORY CASE."""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

from tap import check, finish

tocsin, make_history, case = sys.argv[1:]
folder = pathlib.Path(tempfile.mkdtemp())
THEFT = "socket:203.0.113.21:443"


def run(*arguments):
    done = subprocess.run([tocsin, "graph", *map(str, arguments)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, encoding="utf-8")
    return done.returncode, done.stdout, done.stderr


def events(name, text):
    path = folder / name
    path.write_text(text, encoding="ascii")
    return path


for what, path, expected in (
        ("a folder", folder, "folder"), ("no file", "/dev/null", "not a file"),
        ("nothing", events("nothing", ""), "an empty file"),
        ("another file", events("other", "some\033[1mtext\n"), r"some\x1b[1mtext' is no time")):
    code, out, err = run(path)
    check(what + " is no graph", (code, out, expected in err, "\033" in err), (1, "", True, False))

code, out, err = run(case, "--back", THEFT)
check("back", (code, err), (0, ""))
lines = out.splitlines()
check("what was asked for comes first", lines[0],
      "socket tcp 10.0.0.5:40003 > 203.0.113.21:443")
check("with times, in words", lines[1],
      "  1970-01-01 00:03:51.500 - 00:03:52.000 sent by process 4103 curl (uid 33) /usr/bin/curl, "
      "800000 bytes")
check("the root cause", any("from host 203.0.113.20" in line for line in lines), True)
check("as one", sum("nobody is known to have written" in line for line in lines), 3)
out = run(case, "--back", THEFT, "--all")[1]
check("or singly", ("nobody is known" in out, "executed /bin/dash" in out), (False, True))
check("forward", "connected socket tcp 10.0.0.5:40003" in
      run(case, "--forward", "file:s.php")[1], True)
check("no further than that", run(case, "--back", THEFT, "--depth", "1")[1].count("\n"), 2)
check("not there", "php-fpm" in run(case, "--back", THEFT, "--not", "php*")[1], False)
check("nothing earlier", "51001" in run(case, "--back", THEFT, "--since", "225")[1], False)
check("nothing later", run(case, "--back", "4103", "--until", "231")[1].count("\n"), 1)
code, out, err = run(case, "--back", THEFT, "--nodes", "3")
check("no more than that", (code, out.count("there is more")), (3, 1))
check("how many", run(case, "--back", THEFT, "--count"), (0, "14\n", ""))
code, out, err = run(case)
check("how much there is", (code, out.splitlines()[2:]),
      (0, ["events     30", "nodes      16", "edges      27", "gaps       0"]))

out = run(case, "--back", THEFT, "--format", "dot")[1]
check("DOT", (out.startswith("digraph"), "php-fpm" in out), (True, True))
if shutil.which("dot"):
    drawn = subprocess.run(["dot", "-Tsvg"], input=out, stdout=subprocess.PIPE, check=False,
                           encoding="utf-8")
    check("Graphviz reads it", (drawn.returncode, "nginx" in drawn.stdout), (0, True))
    code, out, err = run(case, "--back", THEFT, "--format", "svg")
    check("and draws it", (code, xml.fromstring(out).tag), (0, "{http://www.w3.org/2000/svg}svg"))
else:
    code, out, err = run(case, "--back", THEFT, "--format", "svg")
    check("there is no Graphviz", (code, out, "graphviz" in err), (1, "", True))
graph = xml.fromstring(run(case, "--back", THEFT, "--format", "graphml")[1])
space = "{http://graphml.graphdrawing.org/xmlns}"
nodes = {node.get("id") for node in graph.iter(space + "node")}
check("GraphML", (len(nodes), all(edge.get("source") in nodes and edge.get("target") in nodes
                                  for edge in graph.iter(space + "edge"))), (14, True))
prov = json.loads(run(case, "--back", THEFT, "--format", "prov")[1])
known = set(prov["entity"]) | set(prov["activity"]) | set(prov["agent"])
named = {value for part in ("used", "wasGeneratedBy", "wasInformedBy", "wasAssociatedWith")
         for row in prov[part].values() for key, value in row.items()
         if key in ("prov:entity", "prov:activity", "prov:informed", "prov:informant", "prov:agent")}
check("PROV-JSON names what it has", named <= known, True)
check("PROV-JSON has processes", sorted(row["tocsin:pid"] for row in prov["activity"].values()),
      [800, 810, 4101, 4102, 4103])
check("PROV-JSON has times", all(row["prov:time"].endswith("Z") for row in prov["used"].values()),
      True)
ocsf = [json.loads(line) for line in
        run(case, "--back", THEFT, "--format", "ocsf")[1].splitlines()]
check("OCSF", {(row["class_uid"], row["activity_name"]) for row in ocsf},
      {(1007, "Launch"), (1001, "Create"), (1001, "Read"), (1001, "Update"), (4001, "Open"),
       (4001, "Traffic"), (1007, "Launch")})
check("OCSF in the order of time", [row["time"] for row in ocsf],
      sorted(row["time"] for row in ocsf))
check("OCSF has both ends", [(row["src_endpoint"], row["dst_endpoint"]["ip"]) for row in ocsf
                             if row["activity_name"] == "Open"][0],
      ({"port": 51001, "ip": "203.0.113.20"}, "10.0.0.5"))

unclean = events("unclean", "1 written who=1:a%1b[31m%22 file=/x%0a%ff%3c%26\n"
                 "2 read who=2:%5c file=/x%0a%ff%3c%26 unsure\n3 gap since=1.5 detail=ring\n")
code, out, err = run(unclean, "--back", "2")
check("unsure, and with a gap", (code, out.count("!"), "(unsure)" in out or ", unsure" in out),
      (3, 2, True))
check("nothing unclean", all(line.isprintable() for line in out.splitlines()), True)
for form in ("dot", "graphml", "prov", "ocsf"):
    out = run(unclean, "--back", "2", "--format", form)[1]
    check(f"nothing unclean as {form}", all(line.isprintable() for line in out.splitlines()), True)
check("still XML", len(list(xml.fromstring(
    run(unclean, "--back", "2", "--format", "graphml")[1]).iter(space + "node"))), 3)

visits = "".join(
    f"{i} connected who=5:visit {near}\n{i}.1 sent who=5:visit {near}\n{i}.2 accepted who=6:httpd {far}\n"
    f"{i}.3 received who=6:httpd {far}\n{i}.4 closed {near}\n"
    for i in range(10, 14) for near, far in [(f"local=10.0.0.9:{i} remote=10.0.0.5:80",
                                              f"local=10.0.0.5:80 remote=10.0.0.9:{i}")])
visited = events("visited", "guest shop\n" + visits +
                 "20 created who=6:httpd other=7:sh\n21 written who=7:sh file=/x\n")
graph = xml.fromstring(run(visited, "--back", "file:/x", "--format", "graphml")[1])
group = [node.get("id") for node in graph.iter(space + "node")
         if any("3 connections" in (data.text or "") for data in node)]
ends = [(edge.get("source"), edge.get("target")) for edge in graph.iter(space + "edge")]
ends = [pair for pair in ends if group and group[0] in pair]
check("connections that are told as one have one edge to each", (len(group), len(ends)),
      (1, 3))

wired = events("wired", "guest shop\n"
               "1 name remote=203.0.113.9:0 detail=mirror.example source=wire\n"
               "2 connected who=5:wget local=10.0.0.5:40000 remote=203.0.113.9:80\n"
               "2 sent who=5:wget local=10.0.0.5:40000 remote=203.0.113.9:80\n"
               "2 received who=5:wget local=10.0.0.5:40000 remote=203.0.113.9:80\n"
               "4 closed local=10.0.0.5:40000 remote=203.0.113.9:80\n"
               "5 flow since=2 local=10.0.0.5:40000 remote=203.0.113.9:80 sent=80 received=9000 source=wire\n"
               "5 flow since=5 proto=udp local=10.0.0.5:4444 remote=203.0.113.66:4444 sent=1000 source=wire\n")
code, out, err = run(wired, "--back", "5")
check("bytes on the wire", "received over socket tcp 10.0.0.5:40000 > 203.0.113.9:80 "
      "(on the wire 80 bytes sent, 9000 received)" in out, True)
check("the name of a host", "host 203.0.113.9 mirror.example" in out, True)
check("what no process held", run(wired, "--back", "203.0.113.66:4444")[1],
      "socket udp 10.0.0.5:4444 > 203.0.113.66:4444 (on the wire 1000 bytes sent, 0 received; "
      "no process was seen to hold it)\n")

# A socket that is not connected: who has its port sent each of the flows, for as long as that was.
unconnected = events("unconnected", "guest shop\n"
                     "1 read who=5:resolver file=/secret\n"
                     "2 sent who=5:resolver proto=udp local=0.0.0.0:5353\n"
                     "3 flow since=3 proto=udp local=10.0.0.5:5353 remote=203.0.113.9:53 sent=30 source=wire\n"
                     "3 sent since=3 who=5:resolver proto=udp local=10.0.0.5:5353 remote=203.0.113.9:53 source=wire\n"
                     "4 read who=5:resolver file=/late\n"
                     "9 flow since=5 proto=udp local=10.0.0.5:5353 remote=203.0.113.7:53 received=40 source=wire\n"
                     "9 received since=5 who=5:resolver proto=udp local=10.0.0.5:5353 remote=203.0.113.7:53 source=wire\n")
code, out, err = run(unconnected, "--back", "host:203.0.113.9", "--all")
check("who sent datagrams to a host", (code, "> 203.0.113.9:53, 30 bytes (on the wire 30 bytes sent, " in out and
                                       "sent by process 5 resolver" in out and "read /secret" in out,
                                       "/late" in out), (0, True, False))
code, out, err = run(unconnected, "--forward", "host:203.0.113.7", "--all")
check("who received datagrams from a host", "brought data to process 5 resolver" in out, True)

history = folder / "history"
subprocess.run([make_history, str(history), "1700000000"], check=True)
code, out, err = run(history)
check("of a history", (code, int(out.splitlines()[3].split()[1]) > 3), (0, True))

check("of what", run()[0], 2)
for args in (["--back", "1", "--forward", "2"], ["--depth", "0"], ["--depth"], ["--since", "soon"],
             ["--format", "png"], ["--nodes", "-1"], ["--tree"], ["another"], ["-d", "dom"]):
    code, out, err = run(case, *args)
    check("usage: " + " ".join(args), (code, out, "usage:" in err), (2, "", True))
for args, why in ((["--back", "pid:x"], "no PID"), (["--back", "99"], "nothing in the graph"),
                  (["--back", "1", "--pcap", case], "unknown file format"),
                  (["--back", "1", "--pcap", folder / "absent"], "No such file")):
    code, out, err = run(case, *args)
    check(why, (code, out, why in err, err.count("\n")), (1, "", True, 1))
check("no such file", (run(folder / "absent")[0], (folder / "absent").exists()), (1, False))
check("no events", "line 1" in run(events("garbage", "x" * 100))[2], True)
(folder / "other").write_bytes(b"SQLite format 3\0" + bytes(9000))
check("another database", "another program" in run(folder / "other")[2], True)
(folder / "damaged").write_bytes(b"SQLite format 3\0" + bytes(52) + b"TCPG" + bytes(9000))
check("a damaged one", run(folder / "damaged")[0], 1)
shutil.rmtree(folder)
finish()
