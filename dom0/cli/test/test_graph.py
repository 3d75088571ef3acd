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

import ocsf as open_schema
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
told = (pathlib.Path(__file__).parents[3] / "docs/graph.md").read_text(encoding="utf-8")
check("as docs/graph.md shows it", "".join(f"    {line}\n" for line in lines) in told, True)
check("what was asked for comes first", lines[0],
      "socket tcp 10.0.0.5:40003 > 203.0.113.21:443")
check("with times, in words", lines[1],
      "  1970-01-01 00:03:51.500 - 00:03:52.000 sent by process 4103 curl (uid 33) /usr/bin/curl, "
      "800000 bytes")
check("the root cause", any("from host 203.0.113.20" in line for line in lines), True)
check("as one", sum("nobody is known to have written: /var/lib/app/db" in line for line in lines), 1)
check("where it stands already: who wrote the shell", [line.strip() for line in lines if "made, written" in line],
      ["also 00:03:20.300 - 00:03:20.400 made, written by process 810 php-fpm, told above"])
check("and in another order", "also 00:03:50.500 started by process 4101 sh, told below" in out, True)
check("what a process runs is told with it", "nobody is known to have written: /bin" in out, False)
out = run(case, "--back", THEFT, "--all")[1]
check("or singly", ("nobody is known" in out, "executed /bin/dash" in out), (False, True))
check("forward", "sent over socket tcp 10.0.0.5:40003" in
      run(case, "--forward", "file:s.php")[1], True)
check("from an address, and from a name", (run(case, "--forward", "203.0.113.20")[1],
                                           run(case, "--back", "php-fpm")[1]),
      (run(case, "--forward", "host:203.0.113.20")[1], run(case, "--back", "comm:php-fpm")[1]))
out = run(case, "--forward", "203.0.113.20")[1]
check("what says most of two comes first", ("00:03:51.500 - 00:03:52.000 sent over socket tcp 10.0.0.5:40003 > "
                                            "203.0.113.21:443, 800000 bytes\n" in out,
                                            "00:03:50.620 - 00:03:51.000 wrote /tmp/d.tgz\n" in out,
                                            "connected" in out, "made" in out), (True, True, False, False))
injected = events("injected", "1 created who=1:init other=2:sh\n2 written who=2:sh file=/x ino=5 open=1\n"
                  "3 released file=/x ino=5 open=1\n4 mode who=2:sh file=/x ino=5 value=0100755\n"
                  "5 created who=1:init other=3:c\n6 executed who=3:x file=/x ino=5 exe=/x\n"
                  "7 read who=3:x file=/x ino=5 open=2\n")
check("and the rest is told below", [line.strip() for line in run(injected, "--back", "3")[1].splitlines()[:5]],
      ["process 3 x /x", "1970-01-01 00:00:06.000 executed /x", "also 00:00:07.000 - read",
       "00:00:02.000 - 00:00:03.000 written by process 2 sh", "also 00:00:04.000 mode changed to 0755"])
out = run(case, "--back", THEFT, "--all")[1]
check("all of it", ("also 00:03:51.400 connected\n" in out, "also 00:03:50.610 made\n" in out), (True, True))
many = events("many", "".join(f"1 created who=1:init other={i}:p{i}\n2 signal who=1:init other={i} value=1\n"
                              f"3 signal who={i}:p{i} other=9:x value=1\n" for i in range(20, 30)) +
              "".join(f"4 signal who={i}:p{i} other=8:y value=1\n" for i in range(20, 30)) +
              "5 signal who=8:y other=9:x value=1\n")
out = run(many, "--back", "9")[1]
check("only some of many ways", (out.count("told above") + out.count("told below"),
                                 "also 6 more ways to what is told elsewhere" in out), (4 + 9, True))
check("or all", "more way" in run(many, "--back", "9", "--all")[1], False)
check("no further than that", run(case, "--back", THEFT, "--depth", "1")[1].count("\n"), 2)
check("not there", "php-fpm" in run(case, "--back", THEFT, "--not", "php*")[1], False)
check("nothing earlier", "51001" in run(case, "--back", THEFT, "--since", "225")[1], False)
check("nothing later", run(case, "--back", "4103", "--until", "231")[1].count("\n"), 1)
code, out, err = run(case, "--back", THEFT, "--nodes", "3")
check("no more than that", (code, out.count("there is more")), (3, 1))
check("how many", run(case, "--back", THEFT, "--count"), (0, "12\n", ""))
code, out, err = run(case)
check("how much there is", (code, out.splitlines()[2:]),
      (0, ["events     30", "nodes      16", "edges      27", "gaps       0"]))

out = run(case, "--back", THEFT, "--format", "dot")[1]
check("DOT", (out.startswith("digraph"), "php-fpm" in out), (True, True))
check("what was asked for, and where it began", (out.count("penwidth=3"), out.count("lightblue")), (1, 1))
check("what happened between two is one edge", (out.count("made, wrote\\n00:03:50.610"), out.count(" -> ")),
      (1, len({line.split("[")[0] for line in out.splitlines() if " -> " in line})))
if shutil.which("dot"):
    drawn = subprocess.run(["dot", "-Tsvg"], input=out, stdout=subprocess.PIPE, check=False,
                           encoding="utf-8")
    check("Graphviz reads it", (drawn.returncode, "nginx" in drawn.stdout), (0, True))
    code, out, err = run(case, "--back", THEFT, "--format", "svg")
    check("and draws it", (code, xml.fromstring(out).tag), (0, "{http://www.w3.org/2000/svg}svg"))
    crowd = events("crowd", "".join(f"{i} created who=1:init other={i}:p\n" for i in range(2, 2003)))
    code, out, err = run(crowd, "--forward", "1", "--format", "svg")
    check("but not so many", (code, out, "2002 nodes are too many" in err), (1, "", True))
else:
    code, out, err = run(case, "--back", THEFT, "--format", "svg")
    check("there is no Graphviz", (code, out, "graphviz" in err), (1, "", True))
graph = xml.fromstring(run(case, "--back", THEFT, "--format", "graphml")[1])
space = "{http://graphml.graphdrawing.org/xmlns}"
nodes = {node.get("id") for node in graph.iter(space + "node")}
check("GraphML", (len(nodes), all(edge.get("source") in nodes and edge.get("target") in nodes
                                  for edge in graph.iter(space + "edge"))), (12, True))
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

contained = events("contained", "1 written who=1:init file=/srv/x ino=5 open=1\n2 read who=2:a file=/x ino=5 "
                   "open=2 ns=4026532201\n3 written who=2:a file=/srv/x ino=6 open=3 ns=4026532201\n"
                   "4 renamed who=2:a file=/srv/x ino=6 to=/y ns=4026532201\n5 sent who=2:a "
                   "local=10.0.0.5:1 remote=192.0.2.1:80\n6 written who=1:init file=/srv/x ino=5 open=4\n")
out = run(contained, "--forward", "1", "--all")[1]
check("a path in another mount namespace", "wrote /srv/x (also /x, mount namespace 4026532201)\n" in out, True)
check("is another file's", "wrote /y (mount namespace 4026532201) (was /srv/x)\n" in out, True)
check("as in a picture", "label=\"/y\\nmount namespace 4026532201\"" in
      run(contained, "--forward", "1", "--format", "dot")[1], True)
graph = xml.fromstring(run(contained, "--forward", "1", "--all", "--format", "graphml")[1])
check("GraphML has it", [{data.get("key"): data.text for data in node}["label"] for node in graph.iter(space + "node")
                         if any((data.get("key"), data.text) == ("mount_namespace", "4026532201") for data in node)],
      ["/y"])
check("of both paths", [(data["label"], data["exe"]) for node in graph.iter(space + "node")
                        for data in [{data.get("key"): data.text for data in node}]
                        if data.get("exe_mount_namespace") == "4026532201"], [("/srv/x", "/x"), ("/y", "/srv/x")])
prov = json.loads(run(contained, "--forward", "1", "--all", "--format", "prov")[1])
check("PROV-JSON has it", {row["tocsin:path"]: row.get("tocsin:mount_namespace") for row in prov["entity"].values()
                           if row["prov:type"] == "file"}, {"/srv/x": None, "/y": 4026532201})
ocsf = [json.loads(line) for line in run(contained, "--forward", "1", "--all", "--format", "ocsf")[1].splitlines()]
check("OCSF has it", [(row["activity_name"], row["file"]["path"], row["unmapped"].get("mount_namespace"))
                      for row in ocsf if "file" in row],
      [("Update", "/srv/x", None), ("Read", "/srv/x", None), ("Update", "/y", 4026532201),
       ("Rename", "/srv/x", 4026532201), ("Update", "/srv/x", None)])
check("and none where there is no other", any("namespace" in run(case, "--back", THEFT, "--all", "--format", form)[1]
                                              for form in ("tree", "dot", "prov", "ocsf")), False)

unclean = events("unclean", "1 written who=1:a%1b[31m%22 file=/x%0a%ff%3c%26\n"
                 "2 read who=2:%5c file=/x%0a%ff%3c%26 unsure\n3 gap since=1.5 detail=ring\n")
code, out, err = run(unclean, "--back", "2")
check("unsure, and with a gap", (code, out.count("!"), "(unsure)" in out or ", unsure" in out),
      (3, 2, True))
check("losses are told with what has no place for them", [run(unclean, "--back", "2", "--format", form)[2].count("!")
                                                          for form in ("graphml", "prov", "ocsf")], [2, 2, 2])
check("and are in a picture", ("\\lost" not in run(unclean, "--back", "2", "--format", "dot")[1],
                               run(unclean, "--back", "2", "--format", "dot")[1].count("events were lost"),
                               run(unclean, "--back", "2", "--format", "dot")[2]), (True, 1, ""))
gaps = events("gaps", "".join(f"{i} gap since={i}.0 lost=1 detail={i}\n" for i in range(1, 50)) +
              "60 created who=1:a other=2:b\n61 signal who=2:b other=3:c value=1\n")
check("not each of many losses", (run(gaps, "--back", "3")[1].count("!"),
                                  "! and 37 more times" in run(gaps, "--back", "3")[1]), (13, True))
check("only losses that matter", (run(gaps, "--back", "3", "--since", "48")[1].count("!"),
                                  run(gaps, "--back", "3", "--since", "55")[0]), (2, 0))
check("nothing unclean", all(line.isprintable() for line in out.splitlines()), True)
for form in ("dot", "graphml", "prov", "ocsf"):
    out = run(unclean, "--back", "2", "--format", form)[1]
    check(f"nothing unclean as {form}", all(line.isprintable() for line in out.splitlines()), True)
check("still XML", len(list(xml.fromstring(
    run(unclean, "--back", "2", "--format", "graphml")[1]).iter(space + "node"))), 3)

kinds = events("kinds", """guest shop
1 created who=1:init other=2:a
2 executed who=2:a file=/bin/a exe=/bin/a uid=0
3 credentials who=2:a uid=0 euid=33 value=0
4 signal who=2:a other=3:b value=9
5 ptrace who=2:a other=3:b value=4
6 ptrace who=3:b other=4:c value=2
7 opened who=3:b file=/x value=0100 ino=5 mode=100644 open=1
8 read who=3:b file=/y open=2
9 written who=3:b file=/x ino=5 open=1
10 renamed who=3:b file=/x ino=5 to=/y
10.5 renamed who=3:b file=/y ino=5 to=/z
11 linked who=3:b file=/z ino=5 to=/l
12 mode who=3:b file=/z ino=5 value=0104755
13 mapped who=3:b file=/lib/l
14 module who=3:b detail=rootkit file=/m.ko
14 bpf who=3:b detail=prog value=5
15 shared who=3:b file=/dev/shm/s mode=100600 value=3
16 shared who=3:b unix=a/b value=1
17 bound who=3:b local=0.0.0.0:22
17 listening who=3:b local=0.0.0.0:22
18 accepted who=3:b local=10.0.0.5:22 remote=192.0.2.1:1000
19 received who=3:b local=10.0.0.5:22 remote=192.0.2.1:1000
20 connected who=3:b local=[2001:db8::1]:1001 remote=[2001:db8::2]:80
21 sent who=3:b local=[2001:db8::1]:1001 remote=[2001:db8::2]:80
22 received who=3:b local=[2001:db8::1]:1001 remote=[2001:db8::2]:80
23 sent who=3:b local=10.0.0.5:1002 remote=192.0.2.1:53 proto=udp
24 unlinked who=3:b file=/z ino=5 deleted
25 written who=3:b file=
26 finding who=3:b rule=bad severity=high what=it%20is
27 finding who=3:b file=/l ino=5 rule=worse severity=critical
28 exited who=3:b
29 flow since=28 local=10.0.0.5:1003 remote=192.0.2.9:99 sent=5 source=wire
""")
rows = []
for arguments in (["--forward", "1"], ["--back", "192.0.2.9:99"], ["--forward", "192.0.2.9:99"],
                  ["--forward", "4"], ["--forward", "/y"], ["--forward", "/bin/a"], ["--forward", "/lib/l"],
                  ["--forward", "host:192.0.2.1"], ["--forward", "host:2001:db8::2"], ["--forward", "/m.ko"]):
    for line in run(kinds, *arguments, "--format", "ocsf")[1].splitlines():
        if json.loads(line) not in rows:
            rows.append(json.loads(line))
check("OCSF has what it requires", [w for row in rows for w in open_schema.wrong_with(row)], [])
check("of every class", {row["class_uid"] for row in rows}, set(open_schema.CLASSES))
named = {row["unmapped"]["event"]: row for row in rows}
check("OCSF of what a process becomes", (named["credentials"]["process"]["user"], named["executed"]["process"]
                                         ["file"]["path"], named["executed"]["actor"]["process"]["pid"]),
      ({"uid": "33"}, "/bin/a", 2))
check("OCSF of memory that is read: who reads is who acts", [
    (row["activity_name"], row["actor"]["process"]["pid"], row["process"]["pid"]) for row in rows
    if row["unmapped"]["event"] == "ptrace"], [("Inject", 2, 3), ("Open", 3, 4)])
check("OCSF of a file that is renamed", [(row["file"]["path"], row["file_result"]) for row in rows
                                         if row["unmapped"]["event"] == "renamed"],
      [("/x", {"name": "y", "path": "/y", "type_id": 1}), ("/y", {"name": "z", "path": "/z", "type_id": 1})])
check("OCSF of a module", (named["module"]["driver"]["file"]["path"], named["mapped"]["module"]["load_type_id"]),
      ("/m.ko", 4))
ends = {(row["connection_info"]["direction"], row["src_endpoint"]["ip"], row["dst_endpoint"]["ip"])
        for row in rows if row["unmapped"]["event"] == "received"}
check("OCSF of a connection: its source is who made it, whoever sends", ends,
      {("Inbound", "192.0.2.1", "10.0.0.5"), ("Outbound", "2001:db8::1", "2001:db8::2")})
check("OCSF of a listener", named["listening"]["dst_endpoint"], {"port": 22, "ip": "0.0.0.0"})
check("OCSF of findings", sorted((row["severity_id"], row["finding_info"]["title"], list(row["evidences"][0]))
                                 for row in rows if row["class_uid"] == 2004),
      [(4, "it is", ["process"]), (5, "worse", ["file"]), (5, "worse", ["process"])])
prov = json.loads(run(kinds, "--forward", "1", "--format", "prov")[1])
# https://www.w3.org/submissions/prov-json/schema: what each relation has to have, and of what kind that is
RELATIONS = {"used": {"activity": "activity", "entity": "entity"},
             "wasGeneratedBy": {"entity": "entity", "activity": "activity"},
             "wasInformedBy": {"informed": "activity", "informant": "activity"},
             "wasDerivedFrom": {"generatedEntity": "entity", "usedEntity": "entity"},
             "wasAssociatedWith": {"activity": "activity", "agent": "agent"}}
check("PROV-JSON has what it requires", [
    (part, row) for document in (prov, json.loads(run(kinds, "--back", "module:rootkit", "--format", "prov")[1]))
    for part, ends in RELATIONS.items() for row in document.get(part, {}).values()
    for end, kind in ends.items() if row.get("prov:" + end) not in document[kind]], [])
check("and no more than it knows", (set(prov) - set(RELATIONS), "wasDerivedFrom" in prov),
      ({"prefix", "entity", "activity", "agent"}, True))
check("PROV-JSON has no user that is not known", set(prov["agent"]), {"tocsin:uid33"})
check("no user that is not known", "4294967295" in
      "".join(run(kinds, "--forward", "1", "--format", form)[1] for form in ("dot", "graphml", "prov", "ocsf")),
      False)

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
check("what was captured of a host is one edge", "label=\"on the wire, 9000 bytes\\n" in
      run(wired, "--back", "5", "--format", "dot")[1], True)
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

gone = events("gone", "1 created who=1:a other=2:b\n1 created who=1:a other=3:c\n"
              "2 opened who=2:b file=/tmp/gone ino=7 value=0101 open=1\n2 written who=2:b file=/tmp/gone ino=7 open=1\n"
              "3 released who=2:b file=/tmp/gone ino=7 open=1\n4 read who=3:c file=/tmp/gone ino=7 open=2\n"
              "5 released who=3:c file=/tmp/gone ino=7 open=2\n6 unlinked who=1:a file=/tmp/gone ino=7 deleted\n")
check("a temporary file is told with who wrote and read it", "got data from process 2 b through /tmp/gone, which is gone"
      in run(gone, "--back", "3")[1], True)
code, out, err = run(gone, "--back", "/tmp/gone")
check("from which nothing can be asked, but from these", (code, "pid:2 wrote pid:3 read" in err), (1, True))

history = folder / "history"
subprocess.run([make_history, str(history), "1700000000"], check=True)
code, out, err = run(history)
check("of a history", (code, int(out.splitlines()[3].split()[1]) > 3), (0, True))

code, out, err = run(history, "--back", "finding:")
check("that all is sampled is said once", (code, out.count("sampled"), out.count("made of samples")), (0, 0, 1))
check("of whom no name is known", "started by process 1\n" in out, True)
check("in OCSF, too", [w for line in run(history, "--back", "finding:", "--format", "ocsf")[1].splitlines()
                       for w in open_schema.wrong_with(json.loads(line))], [])
mixed = events("mixed", "1 created who=1:a other=2:b source=sample\n2 signal who=2:b other=3:c value=1\n")
check("or with what is", (run(mixed, "--back", "3")[1].count(", sampled"),
                          "what is marked as sampled" in run(mixed, "--back", "3")[1]), (1, True))

check("of what", run()[0], 2)
for args in (["--back", "1", "--forward", "2"], ["--depth", "0"], ["--depth"], ["--since", "soon"],
             ["--format", "png"], ["--nodes", "-1"], ["--tree"], ["another"], ["-d", "dom"], ["-d"],
             ["--back", "1", "--since", "9", "--until", "8"], ["--format", "svg"], ["--count"], ["--all"],
             ["--not", "x"], ["--depth", "2"]):
    code, out, err = run(case, *args)
    check("usage: " + " ".join(args), (code, out, "usage:" in err), (2, "", True))
for args, why in ((["--back", "pid:x"], "no PID"), (["--back", "99"], "nothing in the graph"),
                  (["--back", "99", "--since", "2026-01-01"], "in the time that is asked of"),
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
