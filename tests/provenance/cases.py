#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Attacks, each a script of events in cases/, in the middle of what else goes on in a guest: the
question back from the last step has to reach the root cause, tell every true step, and stay within a
stated number of nodes that have nothing to do with it.

    cases.py TOCSIN [NAME]      prints the table of cases (TAP)
"""
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

import noise

BASE = 1700000000
SECONDS = 560
HERE = pathlib.Path(__file__).parent
SPACE = "{http://graphml.graphdrawing.org/xmlns}"


def read_case(path):
    """What a script says of itself, and its lines."""
    said = {"root": [], "step": []}
    lines = []
    for line in path.read_text(encoding="ascii").splitlines():
        if line.startswith("#! "):
            word, value = line[3:].split(" ", 1)
            if word in said and isinstance(said[word], list):
                said[word].append(value)
            else:
                said[word] = value
        elif line and not line.startswith("#"):
            time, text = line.split(" ", 1)
            lines.append((float(time), text))
    return said, lines


def names(graphml):
    """The nodes of an answer: "process 4001 bash", "file /tmp/x", ..., and another name."""
    for node in xml.fromstring(graphml).iter(SPACE + "node"):
        data = {d.get("key"): d.text for d in node}
        kind = {"endpoint": "host"}.get(data["kind"], data["kind"])
        label = data.get("label", "")
        if kind == "process":
            label = f"{data['pid']} {label}"
        yield f"{kind} {label}", f"{kind} {data.get('exe', '')}"


def run(tocsin, *arguments):
    done = subprocess.run([tocsin, "graph", *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, encoding="utf-8")
    return done.returncode, done.stdout, done.stderr


def try_case(tocsin, path, background, folder):
    """What is wrong, and a row of the table."""
    said, lines = read_case(path)
    everything = sorted(background + lines, key=lambda row: row[0])
    events = folder / path.name
    events.write_text("guest shop\n" + "".join(
        f"{BASE + time:.6f} {text}\n" for time, text in everything), encoding="ascii")
    arguments = [str(events), "--back", said["from"], "--format", "graphml"]
    if "until" in said:
        arguments += ["--until", str(BASE + int(said["until"]))]
    code, out, err = run(tocsin, *arguments)
    if code:
        return [f"exit {code}: {err}"], None
    told = list(names(out))
    wanted = said["root"] + said["step"]
    missing = [name for name in wanted if not any(name in node for node in told)]
    stranger = [node[0] for node in told if not any(name in wanted for name in node)]
    wrong = [f"not told: {name}" for name in missing]
    if len(stranger) > int(said["bound"]):
        wrong.append(f"{len(stranger)} nodes more than the case, {said['bound']} allowed: "
                     + ", ".join(stranger[:60]))
    row = (said["case"], f"{len(said['root']) - sum(r in missing for r in said['root'])}"
           f"/{len(said['root'])}",
           f"{len(said['step']) - sum(s in missing for s in said['step'])}/{len(said['step'])}",
           f"{len(stranger)} ({said['bound']})", str(len(everything)))
    return wrong, row


def main():
    tocsin = sys.argv[1]
    paths = sorted((HERE / "cases").glob("*.events"))
    if len(sys.argv) > 2:
        paths = [path for path in paths if path.stem == sys.argv[2]]
    background = noise.Noise(SECONDS).all()
    rows = [("case", "root causes", "steps", "others (at most)", "events")]
    failed = not paths
    print(f"1..{len(paths)}")
    with tempfile.TemporaryDirectory() as name:
        for number, path in enumerate(paths, 1):
            wrong, row = try_case(tocsin, path, background, pathlib.Path(name))
            print(("not ok" if wrong else "ok"), number, "-", path.stem)
            for reason in wrong:
                print("#", reason)
            failed |= bool(wrong)
            if row:
                rows.append(row)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("# |", " | ".join(cell.ljust(width) for cell, width in zip(row, widths)))
    return failed


sys.exit(main())
