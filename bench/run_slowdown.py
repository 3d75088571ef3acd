#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What tocsin-guest run costs a program, as a ratio. usage: run_slowdown.py REHEARSE MOMENTS"""
import subprocess
import sys
import time

REHEARSE, MOMENTS = sys.argv[1:3]


def best(*command):
    took = []
    for _ in range(5):
        begin = time.monotonic()
        subprocess.run(command, capture_output=True, check=True)
        took.append(time.monotonic() - begin)
    return min(took)


print("tocsin-guest run (without a hypervisor; what a verdict takes is not in it):")
for name, what in (("a program that only makes system calls", "calls"),
                   ("a program that only computes", "work")):
    print(f"  {name:40} {best(REHEARSE, MOMENTS, what) / best(MOMENTS, what):6.2f} times as long")
