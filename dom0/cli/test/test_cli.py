#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the tocsin program on the fixtures: test_cli.py TOCSIN A_FIXTURE."""
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

from tap import check, finish

tocsin, folder = sys.argv[1], pathlib.Path(sys.argv[2]).parent


def run(*args):
    done = subprocess.run([tocsin, *map(str, args)], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def events(text):
    return [json.loads(line) for line in text.splitlines()]


code, out, err = run("replay", folder / "good.trace", "--json")
rows = events(out)
check("whole file: exit code", (code, err), (0, ""))
check("time order, all domains", [(r["domain"]["id"], r["trigger"]["vcpu"],
      r["trigger"]["ticket"], r["trigger"]["operation"]) for r in rows if r["kind"] == "ring"],
      [(2, 1, 7, "MARK"), (1, 0, 1, "PING"), (1, 1, 2, "SCAN"), (1, 0, 3, "SCAN_SELF")])
check("64-bit registers", (rows[0]["trigger"]["rdx"], rows[0]["trigger"]["cr3"]), ("0xfeedfacecafebeef", "0x80002000"))
check("nothing missing", [(r["domid"], r["missing"]) for r in rows if "domid" in r],
      [(1, 0), (2, 0)])
check("total", {k: v for k, v in rows[-1].items() if k != "bytes"},
      {"schema": 1, "kind": "account", "triggers": 4, "calls": 0, "gaps": 0,
       "lost": 0, "malformed": 0, "foreign": 2})

code, out, err = run("replay", folder / "good.trace")
check("text: first line", out.splitlines()[0].split(),
      "tsc 50 ring domain 2 ticket 7 vcpu 1 MARK rdx 0xfeedfacecafebeef cr3 0x80002000".split())

code, out, err = run("replay", "--json", folder / "lossy.trace")
rows = events(out)
check("lossy: exit code", code, 3)
check("lossy: gaps, and none over the counter's wrap",
      [(r["domid"], r["first"], r["last"], r["missing"]) for r in rows if "domid" in r],
      [(1, 1, 5, 3), (2, 0xFFFFFFFF, 0, 0)])
check("lossy: lost and malformed", (rows[-1]["lost"], rows[-1]["malformed"]), (9, 1))

code, out, err = run("replay", folder / "truncated.trace")
check("truncated: fails", (code, "truncated trace file" in err), (1, True))
check("truncated: what came before is shown", out.count("vcpu 0"), 2)
code, out, err = run("replay", folder / "garbage.trace")
check("not a trace file", (code, out, "not a xentrace file" in err), (1, "", True))
code, out, err = run("replay", folder / "absent.trace")
check("no such file", (code, out, "No such file" in err, err.count("absent.trace")), (1, "", True, 1))
with tempfile.NamedTemporaryFile() as empty:
    code, out, err = run("replay", empty.name)
    check("an empty file says so", (code, "nothing was traced" in err), (0, True))

check("no arguments", run()[0], 2)
check("unknown command", run("sing")[0], 2)
check("replay without a file", run("replay")[0], 2)
check("unknown option", run("replay", "--xml", "a")[0], 2)
check("ps without a source", run("ps")[0], 2)
check("ps with two sources", run("ps", "-d", "a", "--dump", "b")[0], 2)
check("ps, unknown option", run("ps", "-d", "a", "--xml")[0], 2)
for args in (["--port", "65536"], ["--port", "x"], ["--state", "OPEN"], ["--pid", "0"], ["--address"],
             ["--address", "1.2.3"], ["--address", "10.0.0.0/33"], ["--address", "::/129"], ["--tls"]):
    code, out, err = run("net", "--dump", "b", *args)
    check("net, wrong filter: " + " ".join(args), (code, out, len(args) == 1 or
          f"{args[0]} does not take '{args[1]}', but a" in err), (2, "", True))
code, out, err = run("net", "--dump", folder / "absent", "--listening", "--tcp", "--unix", "--port",
                     "0", "--state", "listen", "--address", "fe80::/10", "--pid", "1")
check("net, filters", (code, out, "No such file" in err), (1, "", True))
code, out, err = run("ps", "--dump", folder / "absent")
check("ps, no such file", (code, out, "No such file" in err), (1, "", True))
code, out, err = run("ps", "--dump", folder / "good.trace")
check("ps, no kernel in it", (code, out, err.count("\n"), "good.trace: no kernel" in err,
      "a whole dump" in err), (1, "", 1, True, True))
for args in (["--for", "0"], ["--for", "x"], ["--view", "--json"], ["--format", "text", "--view"],
             ["--period", "0"], ["--share", "101"], ["--account", "0"], ["--dump", "x"], ["--qemu"],
             ["--keep", "x"], ["--max-size", "1T"], ["--format", "xml"], ["--qemu", folder / "absent"]):
    code, out, err = run("watch", "--qemu", folder / "absent", *args)
    check("watch, wrong usage: " + " ".join(map(str, args)), (code, out, "usage:" in err, "else" in err),
          (2, "", True, False))
code, out, err = run("watch", "--no-rules", "--qemu", folder / "absent")
check("watch, no guest", (code, out, err.count("absent"), "No such file" in err), (1, "", 1, True))
for command in ("net", "watch", "history", "rules"):
    code, out, err = run(command, "--help")
    check(command + ": its help fits 80 columns", (code, max(map(len, out.splitlines())) <= 80), (0, True))
    check(command + ": its help, asked for otherwise", (run("help", command),
          run(command, "--dump", "a", "--help")), ((code, out, err),) * 2)
check("help for what is not there", run("help", "sing")[0], 2)
code, out, err = run("scan", "--list", "--json")
check("scan --list with more", (code, out, "--list goes with" in err), (2, "", True))
check("key, nothing said", "what is to be done" in run("key")[2], True)
code, out, err = run("--help")
check("help names replay", (code, "replay" in out), (0, True))
check("version", run("--version")[1].split()[0], "tocsin")
if " enable " in run("--help")[1]:  # built with Xen
    for args in (["enable"], ["enable", "a", "--rate"], ["enable", "a", "--rate", "-1"],
                 ["enable", "a", "--rate", "4294967296"], ["enable", "a", "--rate", "0"],
                 ["disable"], ["disable", "a", "b"], ["disable", "a", "--rate", "1"],
                 ["list", "a"], ["views"], ["views", "a", "--create", "513"], ["views", "a", "--create", "0"],
                 ["views", "a", "--create", "4294967295"], ["views", "a", "--switch", "512"],
                 ["views", "a", "--switch"], ["views", "a", "--create", "1", "--switch", "1"], ["trace"],
                 ["trace", "sideways"], ["trace", "on"], ["trace", "on", "a", "b"],
                 ["trace", "on", "a", "--functions"], ["trace", "on", "a", "--functions", ","],
                 ["trace", "on", "a", "--functions", ",".join(["f"] * 129)],
                 ["trace", "on", "a", "--for", "0"], ["trace", "on", "a", "--for", "x"],
                 ["trace", "off"], ["trace", "status", "a", "b"]):
        code, out, err = run(*args)
        check("usage: " + " ".join(args), (code, out, "usage:" in err), (2, "", True))
    if not pathlib.Path("/proc/xen").exists() and not pathlib.Path("/dev/xen/privcmd").exists():
        for args in (["enable", "1", "--rate", "5"], ["disable", "1"], ["list"],
                     ["views", "1", "--create", "1"], ["views", "1"], ["views", "1", "--switch", "0"],
                     ["trace", "on", "1"], ["trace", "off", "1"], ["trace", "status"]):
            code, out, err = run(*args)
            check("not in dom0: " + args[0], (code, out, "dom0" in err, err.count("\n")),
                  (1, "", True, 1))
with tempfile.TemporaryDirectory() as name:
    rules = pathlib.Path(name)
    good = """rules = (
      { name = "a.b"; sentence = "{comm}"; why = "w"; severity = "high"; technique = "T1046";
        when = { kinds = "opened"; }; } );"""
    (rules / "good.rules").write_text(good, encoding="ascii")
    code, out, err = run("rules", "--check", rules)
    check("rules", (code, out.splitlines()[1].split(), err), (0, ["a.b", "high", "high", "T1046",
          "yes", f"{rules}/good.rules:2"], ""))
    code, out, err = run("rules", "--json", rules)
    row = json.loads(out)
    check("rules in JSON", (code, row["kind"], row["name"], row["enabled"], row["line"]),
          (0, "rule", "a.b", True, 2))
    (rules / "bad.rules").write_text("rules = (\n{ name = 5; } );", encoding="ascii")
    for args, expected in ((["--check"], 1), ([], 3), (["--json"], 3)):
        code, out, err = run("rules", rules, *args)
        check(f"rules, one broken {args}", (code, out.count("a.b"), f"{rules}/bad.rules:2: name: " in
              err), (expected, 1, True))
    (rules / "good.rules").unlink()
    code, out, err = run("rules", rules)
    check("rules, all broken", (code, out, "no rule could be loaded" in err), (1, "", True))
    check("rules, no folder", run("rules", rules / "absent")[0], 1)
    check("rules, unknown option", run("rules", "--try", "x")[0], 2)
shipped = pathlib.Path(__file__).resolve().parents[2] / "monitor" / "rules"
code, out, err = run("rules", "--check", shipped)
check("shipped rules", (code, err, len(out.splitlines()) > 10), (0, "", True))
code, out, err = run("doctor", "--json")
lines = [json.loads(line) for line in out.splitlines()]
tally = {result: sum(l.get("result") == result for l in lines) for result in ("pass", "warn", "fail", "skip")}
check("doctor counts its lines", {k: lines[-1].get(k) for k in tally}, tally)
check("doctor's exit code", code, 1 if tally["fail"] or tally["skip"] else 3 if tally["warn"] else 0)
check("doctor, all that fails has a remedy", [l for l in lines if l.get("result") == "fail" and
                                              not l.get("remedy")], [])
check("doctor, unknown option", run("doctor", "--heal")[0], 2)
with tempfile.NamedTemporaryFile() as log:  # a guest that rings, and cannot be read
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen([tocsin, "watch", "--no-rules", "--stay", "-d", "nobody", "--rings",
                           log.name, "--for", "2.5"], stderr=subprocess.PIPE) as watch:
        err = watch.stderr.readline()
        log.write(b'{"domain":{"name":"nobody"},"trigger":{"operation":"MARK"}}\n')
        log.flush()
        code = watch.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    check("a ring while waiting for the guest", (code, b"waiting for it" in err), (1, True))
    check("costs next to nothing", "TOCSIN_VALGRIND" in os.environ or after.ru_utime + after.ru_stime <
          before.ru_utime + before.ru_stime + 0.3, True)
with open("/dev/full", "w", encoding="ascii") as full:
    done = subprocess.run([tocsin, "replay", str(folder / "good.trace")], stdout=full,
                          stderr=subprocess.PIPE, text=True, check=False)
check("a full disk is a failure", (done.returncode, done.stderr),
      (1, "tocsin: cannot write: No space left on device\n"))
finish()
