#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of lab/run with a stand-in for the emulator: what passes, what fails, and why.

The stand-in is a script called bochs, first in PATH, that plays a given text into the serial
file that the configuration names.  Only the following of the output is tested here; the real
emulator is the 'lab' suite.  Speaks TAP.
"""

import os
import subprocess
import sys
import tempfile
import time

RUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "run")
FAKE = """#!/bin/sh
while [ $# -gt 0 ]; do [ "$1" = -f ] && rc=$2; shift; done
serial=$(sed -n 's/^com1:.*dev=//p' "$rc")
%s
"""
UP = 'printf "TOCSIN-LAB dom0 up\\n" >"$serial"; sleep 1;'
CASES = [
    ("all texts in order pass", UP + 'echo "[guest] TOCSIN-LAB guest up" >>"$serial"; sleep 60',
     [], 0, "PASS"),
    ("a text in the wrong order does not count",
     'printf "TOCSIN-LAB guest up\\nTOCSIN-LAB dom0 up\\n" >"$serial"; sleep 60',
     ["--limit", "3"], 1, "no 'TOCSIN-LAB guest up' within 3 s"),
    ("silence is a hang", UP + "sleep 60", ["--stall", "2"], 1, "nothing printed for 2 s"),
    ("the limit holds while output goes on",
     'while sleep 0.2; do echo x >>"$serial"; done', ["--limit", "3"], 1, "within 3 s"),
    ("an emulator that ends early fails", UP + "exit 3", [], 1, "ended (status 3)"),
    ("a Xen panic fails at once",
     'printf "(XEN) Panic on CPU 0:\\n" >"$serial"; sleep 60', [], 1, "Panic on CPU 0"),
    ("a failing step of dom0 fails at once",
     UP + 'echo "TOCSIN-LAB FAIL xl create" >>"$serial"; sleep 60', [], 1, "FAIL xl create"),
    ("half a line is not judged", 'printf "TOCSIN-LAB dom0 up" >"$serial"; sleep 60',
     ["--limit", "2"], 1, "no 'TOCSIN-LAB dom0 up'"),
]


def run_case(folder, body, extra):
    fake = os.path.join(folder, "bochs")
    with open(fake, "w", encoding="ascii") as out:
        out.write(FAKE % body)
    os.chmod(fake, 0o755)
    image = os.path.join(folder, "image.iso")
    with open(image, "w", encoding="ascii"):
        pass
    env = dict(os.environ, TOCSIN_BOCHS="bochs", PATH=folder + ":" + os.environ["PATH"],
               BXSHARE=folder, TMPDIR=folder, TOCSIN_CACHE=folder)
    return subprocess.run(
        [sys.executable, RUN, "--keep", os.path.join(folder, "logs"), "--want",
         "TOCSIN-LAB dom0 up", "--want", "TOCSIN-LAB guest up", *extra, image],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=40,
        check=False)


def main():
    failed = 0
    print(f"1..{len(CASES)}")
    for number, (name, body, extra, status, text) in enumerate(CASES, 1):
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            done = run_case(folder, body, extra)
        good = done.returncode == status and text in done.stdout
        good = good and time.monotonic() - begun < 20
        print(f"{'ok' if good else 'not ok'} {number} - {name}", flush=True)
        if not good:
            failed += 1
            print("\n".join("# " + line for line in done.stdout.splitlines()))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
