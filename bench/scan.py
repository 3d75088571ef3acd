#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a scan of a whole guest takes, and how fast rules run over its processes' memory, beside
libyara's own program over as many bytes. usage: scan.py TOCSIN RULES IMAGE"""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

TOCSIN, RULES, IMAGE = sys.argv[1:4]
PAGE = 4096


def scan(*options, cores):
    """Best of three: seconds, and bytes that rules ran over."""
    command = ["taskset", "-c", "0-%d" % (cores - 1), TOCSIN, "scan", "--dump", IMAGE, "--json", *options]
    best = None
    for _ in range(3):
        begin = time.monotonic()
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        took = time.monotonic() - begin
        rows = [json.loads(line) for line in run.stdout.splitlines()]
        if not rows:
            sys.exit(run.stderr)
        best = min(best or took, took)
    return best, len(rows), sum(row["coverage"]["pages_read"] for row in rows) * PAGE


def yara(size):
    """Seconds that yara takes for the first size bytes of the image; None: it is not installed."""
    if not shutil.which("yara"):
        return None
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as part, open(IMAGE, "rb") as image:
        image.seek(16 << 20)
        part.write(image.read(size))
        part.flush()
        rules = sorted(glob.glob(RULES + "/*.yar"))
        command = ["taskset", "-c", "0", "yara", "-p", "1", "-w", *rules, part.name]
        took = []
        for _ in range(3):
            begin = time.monotonic()
            subprocess.run(command, capture_output=True, check=True)
            took.append(time.monotonic() - begin)
        return min(took)


def main():
    cores = min(os.cpu_count(), 8)
    plain, count, _ = scan(cores=1)
    print(f"  full checklist, {count - 1} processes and the kernel  {plain * 1e3:9.1f} ms  one core")
    single, _, size = scan("--rules", RULES, cores=1)
    single -= plain
    print(f"  rules over their memory ({size / 1e6:.0f} MB)            {size / single / 1e9:9.3f} GB/s one core")
    if cores > 1:
        both, _, size = scan("--rules", RULES, cores=cores)
        shared, _, _ = scan(cores=cores)
        both -= shared
        print(f"  the same on {cores} cores                          {size / both / 1e9:9.3f} GB/s "
              f"{single / both:.2f} times one core")
    beside = yara(size)
    if beside is None:
        print("  (yara is not installed: nothing to compare with)")
    else:
        print(f"  yara over as many bytes of a file            {size / beside / 1e9:9.3f} GB/s one core; "
              f"ours is {beside / single:.2f} times as fast")


main()
