#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""One QEMU guest, half of its memory above 4 GiB, seen through every kind of source.

usage: sources.py TOCSIN GONE, with kernels in TOCSIN_LIVE_KERNELS, of which the first is booted,
and a static busybox at /bin/busybox; else skipped. Speaks TAP.

The live guest (memfd, and a file), QEMU's own ELF dump, a LiME file and a raw image must all name
the same kernel and the same processes; a guest that is private, busy or gone must be said to be.
"""
import json
import mmap
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

import guest as guests

LOW, HIGH = 256 << 20, 4 << 30
PIECES = [(0, 0x9F000), (0x100000, LOW - 0x100000), (HIGH, 256 << 20)]


def start(kernel, image, backend):
    """A guest with half of its memory above 4 GiB."""
    return guests.Guest(kernel, image, arguments=("-machine", f"max-ram-below-4g={LOW >> 20}M"),
                        saved=guests.STATES, backend=backend)


def tocsin(*arguments):
    return subprocess.run([sys.argv[1], *arguments], capture_output=True, text=True, timeout=60)


def look(*guest):
    """(release, address of _text, {(pid, arguments)} of the programs) as a source shows them."""
    info, ps = tocsin("info", *guest, "--json"), tocsin("ps", *guest, "--json")
    if info.returncode or ps.returncode:
        raise RuntimeError(f"{guest}: {info.stderr}{ps.stderr}")
    kernel = json.loads(info.stdout)
    rows = [json.loads(line) for line in ps.stdout.splitlines()]
    return (kernel["release"], kernel["text_va"],
            {(row["pid"], tuple(row["cmdline"])) for row in rows if row["exe"]})


def wrote(*guest):
    """Does the graph of one look at a guest say who has /tmp/kept open, and that it was a look?"""
    graph = tocsin("graph", *guest, "--back", "/tmp/kept")
    return ("written by process" in graph.stdout and " tail (uid 0) /bin/busybox" in graph.stdout
            and "made of samples" in graph.stdout), graph


def dated(image):
    """What a graph and the guest's own clock say of when a dump was made; to the second, in UTC."""
    stamp = r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)"
    return (re.findall("first +" + stamp, tocsin("graph", "--dump", image).stdout)
            + re.findall("clock +" + stamp, tocsin("info", "--dump", image).stdout))


def save(monitor, folder):
    """The guest's memory piece by piece, through QEMU itself."""
    for number, (start, size) in enumerate(PIECES):
        monitor.run("pmemsave", val=start, size=size, filename=f"{folder}/piece{number}")
    with open(folder + "/lime", "wb") as lime, open(folder + "/raw", "wb") as raw:
        for number, (start, size) in enumerate(PIECES):
            lime.write(struct.pack("<IIQQ8x", 0x4C694D45, 1, start, start + size - 1))
            raw.seek(start)
            with open(f"{folder}/piece{number}", "rb") as piece:
                shutil.copyfileobj(piece, lime)
                piece.seek(0)
                shutil.copyfileobj(piece, raw)
            os.unlink(f"{folder}/piece{number}")


def shared(folder, kernel, image):
    with start(kernel, image, guests.MEMFD) as guest:
        guest.run("for n in 0 1 2; do sleep 10000$n & done; tail -f /dev/null >/tmp/kept &")
        truth = look("--qemu", guest.qmp)
        sleeps = sorted(args[1] for _, args in truth[2] if args[:1] == ("sleep",))
        yield "a live guest with a memfd", (guest.run("uname -r").strip(), [
            "100000", "100001", "100002"]) == (truth[0], sleeps), truth
        seen = wrote("--qemu", guest.qmp)
        yield "what wrote a file, by one look", seen[0], seen
        monitor = guests.Monitor(guest.other)
        monitor.run("stop")  # so that all dumps are of one moment
        monitor.run("dump-guest-memory", paging=False, protocol=f"file:{folder}/elf")
        save(monitor, folder)
        for name in ("elf", "lime", "raw"):
            seen = look("--dump", f"{folder}/{name}")
            yield f"its dump: {name}", seen == truth, (seen, truth)
        seen = wrote("--dump", f"{folder}/elf")
        yield "and in its dump", seen[0], seen
        dates = dated(f"{folder}/elf")
        yield "which is dated by the guest's clock", len(dates) == 2 and len(set(dates)) == 1, dates
        monitor.run("cont")
        busy = tocsin("info", "--qemu", guest.other)
        yield "a monitor that is taken", (busy.returncode == 1 and "waiting for" in busy.stderr and
                                          "one client at a time" in busy.stderr), busy
        monitor.close()
        gone = subprocess.Popen([sys.argv[2], guest.qmp], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)
        first = gone.stdout.readline()
        guest.qemu.kill()
        guest.qemu.wait()
        rest = gone.communicate("\n", timeout=20)[0]
        yield "a guest that ended", (first, rest) == ("0\n", "-19\n"), (first, rest)
        late = tocsin("info", "--qemu", guest.qmp)
        yield "no QEMU behind the socket", (late.returncode == 1 and
                                            "cannot connect" in late.stderr), late


def known(image):
    """(from the cache?, all else) of `tocsin info`."""
    kernel = json.loads(tocsin("info", "--dump", image, "--json").stdout)
    return kernel.pop("cached"), kernel


def cached(folder, kernel, image):
    """A kernel seen before: the same answer, from the cache; but only if it is that kernel."""
    cache, image = os.environ["TOCSIN_KERNEL_CACHE"], folder + "/raw"
    shutil.rmtree(cache, ignore_errors=True)
    first, again = known(image), known(image)
    yield "a kernel seen before", (first[0], again[0]) == (False, True) and \
        first[1] == again[1], (first, again)
    names = os.listdir(cache)
    with open(f"{cache}/{names[0]}", "r+b") as file:
        whole = file.read()
        file.seek(len(whole) // 2)
        file.write(bytes([whole[len(whole) // 2] ^ 1]))
    broken = known(image)
    yield "a cache that is damaged is made anew", len(names) == 1 and broken == first and \
        known(image) == again, broken
    name = b"\0stack_canary\0"  # in its types
    with open(image, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        at = next((start + data.find(name) for start, data in guests.written(file) if name in data), 0)
        memory[at + 1] ^= 1
        other = tocsin("info", "--dump", image, "--json")
        memory[at + 1] ^= 1
    yield "types that differ are not taken from it", '"cached": true' not in other.stdout and \
        '"cached":true' not in other.stdout and at > 0, other
    os.chmod(cache, 0o777)
    yield "a folder that others can write is not used", known(image)[0] is False, None
    os.chmod(cache, 0o700)


def others(folder, kernel, image):
    with start(kernel, image, guests.FILE) as guest:
        seen = look("--qemu", guest.qmp)
        release, *pids = guest.run("uname -r; for p in /proc/[0-9]*; do [ ! -e $p/exe ] || "
                                   "echo ${p#/proc/}; done").split()
        yield "a live guest with a file", (release, set(pids)) == (
            seen[0], {str(pid) for pid, _ in seen[2]}), (seen, pids)
    with start(kernel, image, "memory-backend-memfd,share=off") as guest:
        run = tocsin("info", "--qemu", guest.qmp)
        yield "memory that is private", run.returncode == 1 and "share=on" in run.stderr, run
    with start(kernel, image, "") as guest:
        run = tocsin("info", "--qemu", guest.qmp)
        yield "memory without a backend", (run.returncode == 1 and
                                           "-object memory-backend-memfd" in run.stderr), run


def main():
    kernels = [k for k in os.environ.get("TOCSIN_LIVE_KERNELS", "").split(":") if k]
    if not kernels or not os.path.exists("/bin/busybox"):
        print("1..0 # SKIP no TOCSIN_LIVE_KERNELS or no /bin/busybox")
        sys.exit(0)
    number = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TOCSIN_KERNEL_CACHE"] = folder + "/cache"
        image = guests.initrd(folder, {})
        for part in (shared, cached, others):
            for name, good, seen in part(folder, kernels[0], image):
                number += 1
                failed += not good
                print(f"{'' if good else 'not '}ok {number} {name}", flush=True)
                if not good:
                    print("# " + repr(seen)[:3000])
    print(f"1..{number}")
    sys.exit(failed != 0)


main()
