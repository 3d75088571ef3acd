#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The reader of a trace, confined as it is there, at real kernels: all that it needs it may do.

usage: reader.py LIVE_READER, with kernels in TOCSIN_LIVE_KERNELS, and a static busybox at
/bin/busybox; else skipped. Speaks TAP.
"""
import os
import re
import subprocess
import sys
import tempfile

import guest as guests


def read(guest):
    """What the program says, and how many processes the guest itself counts before and after."""
    counts = []
    for turn in range(2):
        counts.append(int(guest.run("ls -d /proc/[0-9]* | wc -l")))
        if not turn:
            r = subprocess.run([sys.argv[1], guest.qmp], capture_output=True, text=True, timeout=300,
                               check=False)
    return r.stdout + r.stderr, counts


def wrong(said, counts):
    """Why it is not as it should be; None."""
    if not said.endswith("done\n"):
        return "it did not come to its end"
    there, asked = map(int, re.search(r"functions=(\d+)/(\d+)", said).groups())
    if asked < 40 or there < asked - 8:
        return "functions that it does not find"
    created = int(re.search(r"created=(\d+)", said).group(1))
    if not min(counts) - 4 <= created <= max(counts) + 4:
        return f"{created} processes, where the guest counts {counts}"
    if "exited=1000" not in said or "calls=1000 packets=1000" not in said:
        return "calls or packets that it did not take"
    return None


def main():
    kernels = [k for k in os.environ.get("TOCSIN_LIVE_KERNELS", "").split(":") if k]
    if not kernels or not os.path.exists("/bin/busybox"):
        print("1..0 # SKIP no kernels in TOCSIN_LIVE_KERNELS, or no busybox")
        return
    print(f"1..{len(kernels)}")
    with tempfile.TemporaryDirectory() as folder:
        image = guests.common(folder)
        for i, kernel in enumerate(kernels):
            with guests.shared(kernel, image) as guest:
                said, counts = read(guest)
            why = wrong(said, counts)
            print(f"{'not ok' if why else 'ok'} {i + 1} - {os.path.basename(kernel)}", flush=True)
            if why:
                print("".join(f"# {line}\n" for line in (why, *said.splitlines())), flush=True)


main()
