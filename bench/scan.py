#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a scan of a whole guest takes, and how fast rules run over its processes' memory and over
that of one large process, beside libyara's own program over the same bytes. Runs of both alternate;
figures are medians of processor time, but on several cores the fastest by the clock. The image and the bytes for yara are copied the same way to the same file system,
since how large the pieces of a file are in the page cache decides what mapping and reading it costs.

usage: scan.py TOCSIN RULES IMAGE BYTES, of which BYTES is the program of bytes.c
"""
import glob
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

TOCSIN, RULES, IMAGE, BYTES = sys.argv[1:5]
PAGE = 4096
RUNS = 7
SAMPLES = 200  # strings of which yara and the scan are to find the same
LARGE = "1"  # PID of the process with much memory, where there is one
LARGE_FROM = 64 << 20


def run(command, cores):
    """Seconds and what it printed. On one core, of processor time: whatever else the machine does
    counts for nothing."""
    begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(["taskset", "-c", f"0-{cores - 1}", *command], capture_output=True, text=True,
                          check=False)
    wall, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return (wall if cores > 1 else after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime), done


def scan(image, *options, cores=1):
    """Seconds, and rows."""
    took, done = run([TOCSIN, "scan", "--dump", image, "--json", *options], cores)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    if not rows:
        sys.exit(done.stderr)
    return took, rows


def yara(rules, path):
    """Seconds, and names of rules that match."""
    took, done = run(["yara", "-p", "1", "-w", *sorted(glob.glob(rules + "/*.yar")), path], 1)
    if done.returncode:
        sys.exit(done.stderr)
    return took, {line.split()[0] for line in done.stdout.splitlines()}


def samples(path, folder):
    """Rules with a string each, from random places of the file; each lies in one page."""
    choice = random.Random(1)
    with open(path, "rb") as file, open(folder + "/samples.yar", "w", encoding="ascii") as rules:
        pages = os.path.getsize(path) // PAGE
        for i in range(SAMPLES):
            text = bytes(32)
            while not any(text):
                file.seek(choice.randrange(pages) * PAGE + choice.randrange(PAGE - 32))
                text = file.read(32)
            rules.write(f"rule r{i} {{ strings: $a = {{ {text.hex()} }} condition: $a }}\n")


def same_matches(image, path, *options):
    with tempfile.TemporaryDirectory() as folder:
        samples(path, folder)
        _, beside = yara(folder, path)
        _, rows = scan(image, "--rules", folder, *options)
    ours = {f["rule"][len("yara."):] for row in rows for f in row["findings"] if f["rule"].startswith("yara.")}
    if len(beside) != SAMPLES or ours != beside:
        sys.exit(f"yara finds {len(beside)} of {SAMPLES} strings, the scan {len(ours)}; "
                 f"missed: {sorted(beside - ours)}")
    print(f"    each of {SAMPLES} strings from these bytes is found by both")


def speed(name, size, seconds, rest=""):
    print(f"  {name:44} {size / seconds / 1e9:9.3f} GB/s {rest}", flush=True)


def compare(name, cores, image, *options):
    """Rules over what the options choose, beside yara over the same bytes in a file."""
    path = image + ".bytes"
    subprocess.run([BYTES, image, path + ".written", *options], check=True)
    shutil.copyfile(path + ".written", path)  # as the image was
    os.unlink(path + ".written")
    size = os.path.getsize(path)
    ones, plains, alls, besides = [], [], [], []
    for _ in range(RUNS):
        plain, _ = scan(image, *options)
        took, rows = scan(image, "--rules", RULES, *options)
        ones.append(took - plain)
        if cores > 1:
            plains.append(scan(image, *options, cores=cores)[0])
            alls.append(scan(image, "--rules", RULES, *options, cores=cores)[0])
        if shutil.which("yara"):
            besides.append(yara(RULES, path)[0])
    read = sum(row["coverage"]["pages_read"] for row in rows) * PAGE
    if read != size:
        sys.exit(f"rules ran over {read} bytes, and yara over {size}")
    one = statistics.median(ones)
    speed(f"{name} ({size / 1e6:.0f} MB)", size, one, "one core")
    if besides:
        ratio = statistics.median(b / o for b, o in zip(besides, ones))
        speed("yara over the same bytes", size, statistics.median(besides),
              f"one core; ours is {ratio:.2f} times as fast")
        same_matches(image, path, *options)
    else:
        print("  (yara is not installed: nothing to compare with)")
    if cores > 1:
        fastest = min(alls) - min(plains)  # by the clock, so nothing else must run
        speed(f"the same on {cores} cores", size, fastest, f"{one / fastest:.2f} times one core")
    os.unlink(path)


def main():
    cores = min(os.cpu_count(), 8)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(IMAGE))) as folder:
        image = shutil.copyfile(IMAGE, folder + "/image")
        plain, rows = min((scan(image) for _ in range(3)), key=lambda took: took[0])
        print(f"  full checklist, {len(rows) - 1} processes and the kernel {plain * 1e3:9.1f} ms   one core")
        kernel = min(scan(image, "--kernel")[0] for _ in range(3))
        print(f"  of which the kernel, its whole text too      {kernel * 1e3:9.1f} ms")
        compare("rules over all processes' memory", cores, image)
        _, rows = scan(image, "--rules", RULES, LARGE)
        if rows[0]["coverage"]["pages_read"] * PAGE > LARGE_FROM:
            compare("rules over one process", cores, image, LARGE)


main()
