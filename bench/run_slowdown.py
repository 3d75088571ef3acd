#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What tocsin-guest run costs a program, as a ratio. usage: run_slowdown.py REHEARSE MOMENTS"""
import statistics
import subprocess
import sys
import time

REHEARSE, MOMENTS = sys.argv[1:3]
RUNS = 9


def took(*command):
    begin = time.monotonic()
    subprocess.run(command, capture_output=True, check=True)
    return time.monotonic() - begin


print("tocsin-guest run (without a hypervisor; what a verdict takes is not in it), by the clock:")
for name, what in (("a program that only makes system calls", "calls"),
                   ("a program that only computes", "work")):
    ratios = [took(REHEARSE, MOMENTS, what) / took(MOMENTS, what) for _ in range(RUNS)]
    print(f"  {name:40} {statistics.median(ratios):6.2f} ({min(ratios):.2f} to {max(ratios):.2f}) times as long")
