#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Storms of processes, sockets, mappings and modules in guests, read from outside without pause.

usage: churn.py CHURN READER, with the kernels in TOCSIN_LIVE_KERNELS as for processes.py. Each guest
is read for TOCSIN_CHURN_SECONDS (default 12). Speaks TAP.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox ifconfig lo up
/bin/churn /modules/$(/bin/busybox uname -r) > /dev/ttyS0 2>&1
"""


def initramfs(folder, churn, kernels):
    root = folder + "/root"
    for name in ("bin", "proc", "sys", "dev"):
        os.makedirs(f"{root}/{name}")
    shutil.copy("/bin/busybox", root + "/bin/")
    shutil.copy(churn, root + "/bin/churn")
    for kernel in kernels:
        release = os.path.basename(kernel).split("-", 1)[1]
        shutil.copytree(f"{os.path.dirname(kernel)}/modules-{release}", f"{root}/modules/{release}")
    with open(root + "/init", "w") as f:
        f.write(INIT)
    os.chmod(root + "/init", 0o755)
    subprocess.run("find . | cpio -o -H newc --quiet > ../initrd", shell=True, cwd=root,
                   check=True)
    return folder + "/initrd"


def judge(kernel, initrd, reader, seconds):
    """(why it failed or None, what the reader counted)"""
    with tempfile.TemporaryDirectory() as folder:
        serial, qmp = folder + "/serial", folder + "/qmp"
        qemu = subprocess.Popen(
            ["qemu-system-x86_64", "-machine", "pc,memory-backend=ram", "-m", "512", "-smp", "2",
             "-object", "memory-backend-memfd,id=ram,size=512M,share=on", "-accel", "tcg", "-cpu",
             "max", "-kernel", kernel, "-initrd", initrd, "-append",
             "console=ttyS0 panic=-1 quiet", "-display", "none", "-serial", "file:" + serial,
             "-no-reboot", "-monitor", "none", "-qmp", f"unix:{qmp},server=on,wait=off"])
        try:
            for _ in range(240):
                text = open(serial, errors="replace").read() if os.path.exists(serial) else ""
                if "CHURNING" in text or qemu.poll() is not None:
                    break
                time.sleep(0.5)
            time.sleep(1)
            run = subprocess.run([reader, qmp, seconds], capture_output=True, text=True,
                                 timeout=float(seconds) + 120)
            text = open(serial, errors="replace").read().split("CHURNING", 1)
            if run.returncode:
                return run.stderr + "\n".join(text)[-1000:], run.stdout
            if len(text) != 2 or re.search("BUG|Oops|WARNING|panic|: No such|: Op", text[1]):
                return "the guest complains:\n" + "\n".join(text)[-2000:], run.stdout
            return None, run.stdout
        finally:
            qemu.kill()
            qemu.wait()


def main():
    kernels = [k for k in os.environ.get("TOCSIN_LIVE_KERNELS", "").split(":") if k]
    if not kernels or not os.path.exists("/bin/busybox"):
        print("1..0 # SKIP no TOCSIN_LIVE_KERNELS or no /bin/busybox")
        sys.exit(77)
    failed = 0
    print(f"1..{len(kernels)}")
    with tempfile.TemporaryDirectory() as folder:
        initrd = initramfs(folder, sys.argv[1], kernels)
        for number, kernel in enumerate(kernels, 1):
            why, counted = judge(kernel, initrd, sys.argv[2],
                                 os.environ.get("TOCSIN_CHURN_SECONDS", "12"))
            failed += why is not None
            print(f"{'not ' if why else ''}ok {number} {os.path.basename(kernel)}", flush=True)
            for line in (counted + (why or "")).splitlines():
                print("# " + line[:2000])
    sys.exit(failed != 0)


main()
