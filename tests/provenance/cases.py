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

import answer
import noise

BASE = 1700000000
SECONDS = 560
HERE = pathlib.Path(__file__).parent


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
    return answer.judge(said["case"], out, said["root"], said["step"], int(said["bound"]),
                        len(everything))


def main():
    tocsin = sys.argv[1]
    paths = sorted((HERE / "cases").glob("*.events"))
    if len(sys.argv) > 2:
        paths = [path for path in paths if path.stem == sys.argv[2]]
    background = noise.Noise(SECONDS).all()
    rows = []
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
    answer.table(rows)
    return failed


sys.exit(main())
