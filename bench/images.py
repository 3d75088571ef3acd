#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Make the memory images that the engine is measured on, in the cache, and print their paths.

usage: images.py KERNEL CROWD, a bzImage and the program of crowd.c. One ELF core of 1 GiB with about
100 tasks, of which one has 384 MiB, and one of 4 GiB with 10,000 more. With the program of plugs.c: images of 512
MiB with 10, 1,000 and 10,000 sockets. An image is made once for each kernel and for each version of
this script.
"""
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

# MiB; processes besides the kernel's own threads and MiB of the first of them, or sockets
SIZES = {"crowd": ((1024, 54, 384), (4096, 10000, 1)), "plugs": ((512, 10), (512, 1000), (512, 10000))}
INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
exec /bin/crowd @COUNTS@ > /dev/console
"""


def initramfs(folder, crowd, counts):
    root = f"{folder}/root"
    os.makedirs(root + "/bin")
    os.makedirs(root + "/proc")
    os.makedirs(root + "/dev")
    shutil.copy("/bin/busybox", root + "/bin/")
    shutil.copy(crowd, root + "/bin/crowd")
    with open(root + "/init", "w") as f:
        f.write(INIT.replace("@COUNTS@", " ".join(map(str, counts))))
    os.chmod(root + "/init", 0o755)
    subprocess.run("find . | cpio -o -H newc --quiet > ../initrd", shell=True, cwd=root,
                   check=True)
    return f"{folder}/initrd"


def dump(monitor, path):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(monitor)
        lines = s.makefile("rw")
        lines.readline()
        for command, arguments in (("qmp_capabilities", {}), ("stop", {}),
                                   ("dump-guest-memory",
                                    {"paging": False, "protocol": "file:" + path})):
            lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
            lines.flush()
            while True:
                answer = json.loads(lines.readline())
                if "error" in answer:
                    sys.exit(f"QEMU refuses {command}: {answer['error']}")
                if "return" in answer:
                    break


def make(kernel, crowd, size, counts, path):
    print(f"booting a guest of {size} MiB with {counts[0]} of {os.path.basename(crowd)}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        serial, monitor = folder + "/serial", folder + "/monitor"
        qemu = subprocess.Popen(
            ["qemu-system-x86_64", "-m", str(size), "-accel", "tcg", "-cpu", "max", "-kernel",
             kernel, "-initrd", initramfs(folder, crowd, counts), "-append",
             "console=ttyS0 panic=-1 quiet no_timer_check", "-display", "none", "-serial", "file:" + serial,
             "-no-reboot", "-qmp", f"unix:{monitor},server=on,wait=off"])
        try:
            for _ in range(1200):
                if os.path.exists(serial) and "CROWD" in open(serial, errors="replace").read():
                    break
                if qemu.poll() is not None:
                    sys.exit("the guest ended before it was ready; its console:\n" +
                             open(serial, errors="replace").read()[-2000:])
                time.sleep(0.5)
            else:
                sys.exit("the guest was not ready in time")
            dump(monitor, path + ".part")
        finally:
            qemu.kill()
            qemu.wait()
    os.rename(path + ".part", path)


def main():
    kernel, crowd = sys.argv[1:]
    with open(__file__, "rb") as script, open(kernel, "rb") as image:
        key = hashlib.sha256(script.read() + image.read()).hexdigest()[:16]
    home = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")) + "/tocsin"
    cache = os.environ.get("TOCSIN_CACHE", home) + "/bench"
    os.makedirs(cache, exist_ok=True)
    for size, *counts in SIZES[os.path.basename(crowd)]:
        path = f"{cache}/{key}-{size}" + (f"-{counts[0]}" if crowd.endswith("plugs") else "")
        if not os.path.exists(path):
            make(kernel, crowd, size, counts, path)
        print(path)


main()
