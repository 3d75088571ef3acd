#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a scan of a whole guest takes, and how fast rules run over its processes' memory and over
that of one large process, beside libyara's own program over the same bytes in the same run. Figures
are medians of alternating runs, with their range; on one core of processor time, on several by the
clock, so nothing else should run then. A scan without rules is taken off. On several cores yara runs
over a folder with as many equal parts of the bytes, a thread for each. The image and the bytes for
yara are copied the same way to the same file system, since how large the pieces of a file are in the
page cache decides what mapping and reading it costs.

usage: scan.py TOCSIN RULES IMAGE BYTES [RUNS], of which BYTES is the program of bytes.c
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
RUNS = int(sys.argv[5]) if len(sys.argv) > 5 else 7
CORES = min(os.cpu_count(), 8)
SAMPLES = 200  # strings of which yara and the scan are to find the same
MANY = 100
LARGE = "1"  # PID of the process with much memory, where there is one
LARGE_FROM = 64 << 20


def run(command, cores):
    """Seconds of processor time and by the clock, and what it printed."""
    begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(["taskset", "-c", f"0-{cores - 1}", *command], capture_output=True, text=True,
                          check=False)
    wall, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall), done


def scan(image, *options, cores=1):
    """Both times, and rows."""
    took, done = run([TOCSIN, "scan", "--dump", image, "--json", *options], cores)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    if not rows:
        sys.exit(done.stderr)
    return took, rows


def yara(rules, path, cores=1):
    """Both times, and names of rules that match."""
    took, done = run(["yara", "-p", str(cores), "-w", *sorted(glob.glob(rules + "/*.yar")), path], cores)
    if done.returncode:
        sys.exit(done.stderr)
    return took, {line.split()[0] for line in done.stdout.splitlines()}


def strings(path, count, size):
    """Strings from random places of the file; each lies in one page."""
    choice = random.Random(size)
    with open(path, "rb") as file:
        pages = os.path.getsize(path) // PAGE
        for _ in range(count):
            text = bytes(size)
            while not any(text):
                file.seek(choice.randrange(pages) * PAGE + choice.randrange(PAGE - size))
                text = file.read(size)
            yield text


def write_rules(folder, texts):
    with open(folder + "/rules.yar", "w", encoding="ascii") as rules:
        for i, text in enumerate(texts):
            rules.write(f"rule r{i} {{ strings: $a = {text} condition: $a }}\n")
    return folder


def many(path):
    """Strings of which all but the last byte are there."""
    for text in strings(path, MANY, 16):
        yield f"{{ {text[:-1].hex()} ( {text[-1] ^ 1:02x} | {text[-1] ^ 2:02x} ) }}"


def same_matches(image, path, *options):
    with tempfile.TemporaryDirectory() as folder:
        write_rules(folder, (f"{{ {text.hex()} }}" for text in strings(path, SAMPLES, 32)))
        _, beside = yara(folder, path)
        _, rows = scan(image, "--rules", folder, *options)
    ours = {f["rule"][len("yara."):] for row in rows for f in row["findings"] if f["rule"].startswith("yara.")}
    if len(beside) != SAMPLES or ours != beside:
        sys.exit(f"yara finds {len(beside)} of {SAMPLES} strings, the scan {len(ours)}; "
                 f"missed: {sorted(beside - ours)}")
    print(f"    each of {SAMPLES} strings from these bytes is found by both")


def spread(values):
    return f"{statistics.median(values):6.2f} ({min(values):.2f} to {max(values):.2f})"


def ratios(a, b):
    return spread([x / y for x, y in zip(a, b)])


def parts(path, folder):
    """The bytes in as many parts as there are cores."""
    size = os.path.getsize(path)
    with open(path, "rb") as whole:
        for i in range(CORES):
            with open(f"{folder}/{i}", "wb") as part:
                whole.seek(size * i // CORES)
                left = size * (i + 1) // CORES - whole.tell()
                while left:
                    left -= part.write(whole.read(min(left, 1 << 20)))


def compare_rules(name, rules, image, path, halves, *options):
    """Speeds of these rules over what the options choose; beside yara, where there is it."""
    one, one_clock, all_clock, yara_one, yara_all = [], [], [], [], []
    for _ in range(RUNS):
        (plain, plain_clock), _ = scan(image, *options)
        (took, clock), rows = scan(image, "--rules", rules, *options)
        one.append(took - plain)
        one_clock.append(clock - plain_clock)
        if shutil.which("yara"):
            yara_one.append(yara(rules, path)[0][0])
        if CORES > 1:
            plain_clock = scan(image, *options, cores=CORES)[0][1]
            all_clock.append(scan(image, "--rules", rules, *options, cores=CORES)[0][1] - plain_clock)
            if shutil.which("yara"):
                yara_all.append(yara(rules, halves, CORES)[0][1])
    size = os.path.getsize(path)
    read = sum(row["coverage"]["pages_read"] for row in rows) * PAGE
    if read != size:
        sys.exit(f"rules ran over {read} bytes, and yara over {size}")

    def speed(seconds):
        return spread([size / s / 1e9 for s in seconds])

    print(f"    {name}")
    print(f"      one core    {speed(one)} GB/s")
    if yara_one:
        print(f"        yara      {speed(yara_one)} GB/s; ours is {ratios(yara_one, one)} times as fast")
    if all_clock:
        print(f"      {CORES} cores     {speed(all_clock)} GB/s; {ratios(one_clock, all_clock)} times one core")
    if yara_all:
        print(f"        yara      {speed(yara_all)} GB/s; ours is {ratios(yara_all, all_clock)} times as fast",
              flush=True)


def compare(name, image, *options):
    with tempfile.TemporaryDirectory(dir=os.path.dirname(image)) as folder:
        path, halves, made, short = (folder + "/" + what for what in ("bytes", "halves", "many", "short"))
        subprocess.run([BYTES, image, path + ".written", *options], check=True)
        shutil.copyfile(path + ".written", path)  # as the image was
        os.unlink(path + ".written")
        for new in (halves, made, short):
            os.mkdir(new)
        parts(path, halves)
        print(f"  {name} ({os.path.getsize(path) / 1e6:.0f} MB), {RUNS} runs:")
        compare_rules("the shipped rules", RULES, image, path, halves, *options)
        compare_rules(f"{MANY} strings of 16 bytes, of which 15 are in this memory",
                      write_rules(made, many(path)), image, path, halves, *options)
        compare_rules("a string of which libyara must look at every byte",
                      write_rules(short, [r"/[a-z]{2}\xfe[0-9]{3}/"]), image, path, halves, *options)
        if shutil.which("yara"):
            same_matches(image, path, *options)
        else:
            print("    (yara is not installed: nothing to compare with)")


def main():
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(IMAGE))) as folder:
        image = shutil.copyfile(IMAGE, folder + "/image")
        plain, rows = min((scan(image) for _ in range(3)), key=lambda took: took[0])
        print(f"  full checklist, {len(rows) - 1} processes and the kernel {plain[0] * 1e3:9.1f} ms   one core")
        kernel = min(scan(image, "--kernel")[0] for _ in range(3))
        print(f"  of which the kernel, its whole text too      {kernel[0] * 1e3:9.1f} ms")
        compare("rules over all processes' memory", image)
        _, rows = scan(image, "--rules", RULES, LARGE)
        if rows[0]["coverage"]["pages_read"] * PAGE > LARGE_FROM:
            compare("rules over one process", image, LARGE)


main()
