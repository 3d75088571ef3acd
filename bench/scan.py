#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a scan of a whole guest takes, and how fast rules run over its processes' memory and over
that of one large process, beside libyara's own program over the same bytes.

usage: scan.py TOCSIN RULES IMAGE CROWD
"""
import glob
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

TOCSIN, RULES, IMAGE, CROWD = sys.argv[1:5]
PAGE = 4096
LARGE = "1"  # PID of the process with much memory, where there is one
LARGE_FROM = 64 << 20


def best(command, cores):
    """Seconds, best of three, and what it printed last. On one core, of processor time: whatever else
    the machine does counts for nothing."""
    took = []
    for _ in range(3):
        begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        run = subprocess.run(["taskset", "-c", f"0-{cores - 1}", *command], capture_output=True, text=True,
                             check=False)
        wall, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(wall if cores > 1 else after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(took), run


def scan(*options, cores):
    """Seconds, rows, and bytes that rules ran over."""
    took, run = best([TOCSIN, "scan", "--dump", IMAGE, "--json", *options], cores)
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    if not rows:
        sys.exit(run.stderr)
    return took, len(rows), sum(row["coverage"]["pages_read"] for row in rows) * PAGE


def rules_over(*options, cores):
    """Seconds that rules take, and bytes that they run over."""
    plain, _, _ = scan(*options, cores=cores)
    took, _, size = scan(*options, "--rules", RULES, cores=cores)
    return took - plain, size


def yara(path):
    """Seconds that yara takes for the file."""
    took, run = best(["yara", "-p", "1", "-w", *sorted(glob.glob(RULES + "/*.yar")), path], 1)
    if run.returncode:
        sys.exit(run.stderr)
    return took


def part_of_image(path, size):
    with open(path, "wb") as part, open(IMAGE, "rb") as image:
        image.seek(16 << 20)
        part.write(image.read(size))


def compare(name, cores, write, *options):
    """Rules over what the options choose, beside yara over the file that write makes."""
    one, size = rules_over(*options, cores=1)
    print(f"  {name + f' ({size / 1e6:.0f} MB)':44} {size / one / 1e9:9.3f} GB/s one core")
    if cores > 1:
        all_cores, _ = rules_over(*options, cores=cores)
        print(f"  {f'the same on {cores} cores':44} {size / all_cores / 1e9:9.3f} GB/s "
              f"{one / all_cores:.2f} times one core")
    if not shutil.which("yara"):
        print("  (yara is not installed: nothing to compare with)")
        return
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
        write(file.name, size)
        beside = yara(file.name)
        size = os.path.getsize(file.name)
    print(f"  {f'yara over a file of {size / 1e6:.0f} MB':44} {size / beside / 1e9:9.3f} GB/s one core; "
          f"ours is {beside / one:.2f} times as fast")


def main():
    cores = min(os.cpu_count(), 8)
    plain, count, _ = scan(cores=1)
    print(f"  full checklist, {count - 1} processes and the kernel {plain * 1e3:9.1f} ms   one core")
    kernel, _, _ = scan("--kernel", cores=1)
    print(f"  of which the kernel, its whole text too      {kernel * 1e3:9.1f} ms")
    compare("rules over all processes' memory", cores, part_of_image)
    if rules_over(LARGE, cores=1)[1] > LARGE_FROM:
        compare("rules over one process", cores,
                lambda path, size: subprocess.run([CROWD, str(size >> 20), path], check=True), LARGE)


main()
