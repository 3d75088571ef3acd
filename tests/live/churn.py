#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Storms of processes, sockets, mappings and modules in guests, read from outside without pause.

usage: churn.py READER, with the kernels in TOCSIN_LIVE_KERNELS as for processes.py. Each guest
is read for TOCSIN_CHURN_SECONDS (default 4), on a slow machine for longer. Speaks TAP.
"""
import os
import re
import subprocess
import sys
import tempfile
import time

import guest as guests

READER = sys.argv[1]


def judge(kernel, image, seconds):
    """(why it failed or None, what the reader counted)"""
    with guests.shared(kernel, image, backend=guests.MEMFD) as guest:
        guest.run("churn /modules/$(uname -r) >/dev/ttyS0 2>&1 &")
        for _ in range(240):
            text = open(guest.console, errors="replace").read()
            if "CHURNING" in text:
                break
            time.sleep(0.25)
        time.sleep(1)
        run = subprocess.run([READER, guest.qmp, seconds], capture_output=True, text=True,
                             timeout=6 * float(seconds) + 120)
        text = open(guest.console, errors="replace").read().split("CHURNING", 1)
    if run.returncode:
        return run.stderr + "\n".join(text)[-1000:], run.stdout
    if len(text) != 2 or re.search("BUG|Oops|WARNING|panic|: No such|: Op", text[1]):
        return "the guest complains:\n" + "\n".join(text)[-2000:], run.stdout
    return None, run.stdout


def main():
    kernels = [k for k in os.environ.get("TOCSIN_LIVE_KERNELS", "").split(":") if k]
    if not kernels or not os.path.exists("/bin/busybox"):
        print("1..0 # SKIP no TOCSIN_LIVE_KERNELS or no /bin/busybox")
        sys.exit(0)
    failed = 0
    print(f"1..{len(kernels)}")
    with tempfile.TemporaryDirectory() as folder:
        image = guests.common(folder)
        for number, kernel in enumerate(kernels, 1):
            try:
                why, counted = judge(kernel, image, os.environ.get("TOCSIN_CHURN_SECONDS", "4"))
            except guests.Failed as reason:
                why, counted = str(reason), ""
            failed += why is not None
            print(f"{'not ' if why else ''}ok {number} {os.path.basename(kernel)}", flush=True)
            for line in (counted + (why or "")).splitlines():
                print("# " + line[:2000])
    sys.exit(failed != 0)


main()
