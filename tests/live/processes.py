#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Boot a Linux guest under QEMU, and compare its own /proc with what is read from its memory.

usage: processes.py PROGRAM, with the kernel to boot in TOCSIN_LIVE_KERNEL (a bzImage with BTF)
and a static busybox at /bin/busybox. Without them the test is skipped (exit code 77).
"""
import os
import re
import subprocess
import sys
import tempfile
import time

INIT = r"""#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
cp /bin/busybox /tmp/sleep
/tmp/sleep 100000 &
start-stop-daemon -S -b -c 1000:1000 -x /bin/sleep -- 99999
sleep 1
rm /tmp/sleep
echo TRUTH-BEGIN
for p in /proc/[0-9]*; do
 pid=${p#/proc/}
 [ -r $p/comm ] || continue
 echo "P $pid $(awk '/^PPid/{print $2}' $p/status) $(awk '/^Uid/{print $2":"$3":"$4":"$5}' \
  $p/status) exe=$(readlink $p/exe) cmd=$(tr '\0' '|' < $p/cmdline)"
done
echo "V $(uname -r)"
grep ' _text$' /proc/kallsyms
echo TRUTH-END
while :; do sleep 100000; done
"""


def initramfs(folder):
    root = os.path.join(folder, "root")
    for name in ("bin", "proc", "sys", "dev", "tmp", "etc"):
        os.makedirs(os.path.join(root, name))
    subprocess.run(["cp", "/bin/busybox", root + "/bin/"], check=True)
    with open(root + "/etc/passwd", "w") as f:
        f.write("u:x:1000:1000::/:/bin/sh\n")
    with open(root + "/init", "w") as f:
        f.write(INIT)
    os.chmod(root + "/init", 0o755)
    subprocess.run("find . | cpio -o -H newc --quiet > ../initrd", shell=True, cwd=root,
                   check=True)
    return os.path.join(folder, "initrd")


def wait_for_truth(serial, qemu):
    for _ in range(240):
        text = open(serial, errors="replace").read() if os.path.exists(serial) else ""
        if "TRUTH-END" in text:
            return text.replace("\r", "")
        if qemu.poll() is not None:
            break
        time.sleep(0.5)
    sys.exit("the guest did not report; its console ends:\n" + text[-2000:])


def compare(truth, program, ram):
    body = truth.split("TRUTH-BEGIN")[1].split("TRUTH-END")[0]
    expected = {l.rstrip() for l in body.splitlines() if l.startswith("P ")}
    run = subprocess.run([program, ram], capture_output=True, text=True, timeout=120)
    print(run.stdout, run.stderr)
    if run.returncode:
        sys.exit("the memory could not be read whole")
    found = {l.rstrip() for l in run.stdout.splitlines() if l.startswith("P ")}
    # Kernel workers come and go between the two looks; everything with a program must agree, but
    # for the last `sleep` of init, which the guest starts after it reported.
    user = {l for l in expected if "exe=/" in l}
    extra = {l for l in found if "exe=/" in l} - user
    extra = {l for l in extra if not re.search(r" exe=/bin/busybox cmd=sleep\|100000\|$", l)}
    if len(user) < 3 or user - found or extra:
        sys.exit(f"not in memory: {user - found}; not in /proc: {extra}")
    if len(expected - found) > 5:
        sys.exit(f"kernel threads differ: {expected - found}")
    text = re.search(r"^(\w+) T _text$", body, re.M).group(1)
    release = re.search(r"^V (\S+)$", body, re.M).group(1)
    if f"_text {text}\n" not in run.stdout or f"release {release}\n" not in run.stdout:
        sys.exit(f"the guest says _text {text}, release {release}")


def main():
    kernel = os.environ.get("TOCSIN_LIVE_KERNEL", "")
    if not os.path.exists(kernel) or not os.path.exists("/bin/busybox"):
        print("no TOCSIN_LIVE_KERNEL or no /bin/busybox: skipped")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        ram, serial = folder + "/ram", folder + "/serial"
        qemu = subprocess.Popen(
            ["qemu-system-x86_64", "-machine", "pc,memory-backend=ram", "-m", "512", "-object",
             f"memory-backend-file,id=ram,size=512M,mem-path={ram},share=on", "-accel", "tcg",
             "-cpu", "max", "-kernel", kernel, "-initrd", initramfs(folder), "-append",
             "console=ttyS0 panic=-1 quiet", "-display", "none", "-serial", "file:" + serial,
             "-no-reboot", "-monitor", "none"])
        try:
            compare(wait_for_truth(serial, qemu), sys.argv[1], ram)
        finally:
            qemu.kill()
            qemu.wait()


main()
