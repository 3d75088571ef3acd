#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""tocsin hypervisor on a stand-in for Xen: test_hypervisor.py HYPERVISOR_ON_FAKE_XEN TOCSIN.

The stand-in lives in a file, so one command sees what the one before it did. The generator is a
script that hands out a prepared payload, or refuses.
"""
import gzip
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

from tap import check, finish

program, tocsin = sys.argv[1:3]
RUNNING = bytes.fromhex("151b373fd64b321593bf987fd923cd10dabadac4")
OTHER = bytes(range(20))
work = tempfile.TemporaryDirectory()
root = pathlib.Path(work.name)
boot, store, xen = root / "boot", root / "lib" / "livepatch", root / "xen"
boot.mkdir()


def note(build):
    return struct.pack("<III4s", 4, len(build), 3, b"GNU") + build


def image(build):
    """As Xen boots: 32 bits, one segment of notes."""
    head = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\1\1\1", 2, 3, 1, 0, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    return head + struct.pack("<8I", 4, 84, 0, 0, 36, 36, 4, 4) + note(build)


def payload(build):
    """As a live patch: 64 bits, a section that says what it is for."""
    names = b"\0.names\0.livepatch.xen_depends\0".ljust(32, b"\0")
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 1, 62, 1, 0, 0, 64, 0, 64, 0, 0, 64, 3, 1)
    sections = bytes(64) + struct.pack("<IIQQQQIIQQ", 1, 3, 0, 0, 256, 32, 0, 0, 1, 0)
    sections += struct.pack("<IIQQQQIIQQ", 8, 1, 0, 0, 288, 36, 0, 0, 4, 0)
    return head + sections + names + note(build)


generator = root / "generate"
generator.write_text("""#!/bin/sh
echo "$*" >>"$FAKE/calls"
if [ -e "$FAKE/refuse" ]; then cat "$FAKE/refuse" >&2; exit 1; fi
if [ "$1" = --check ]; then [ ! -e "$FAKE/bad" ] || { echo "generate: it is bad" >&2; exit 1; }; exit; fi
while [ "$1" != --out ]; do shift; done
cp "$FAKE/payload" "$2"
""", encoding="ascii")
generator.chmod(0o755)
environment = {**os.environ, "FAKE": str(root), "FAKE_XEN": str(xen), "TOCSIN_BOOT": str(boot),
               "TOCSIN_LIVEPATCH_STORE": str(store), "TOCSIN_LIVEPATCH_GENERATE": str(generator)}


def run(*args, executable=program):
    done = subprocess.run([executable, *map(str, args)], capture_output=True, text=True, timeout=60,
                          env=environment, check=False)
    return done.returncode, done.stdout, done.stderr


def world(**changes):
    """A fresh stock Xen with live patching, its file under /boot, nothing kept."""
    for path in [*root.glob("lib/livepatch/*"), *boot.iterdir()]:
        path.unlink()
    for name in ("refuse", "bad", "calls"):
        (root / name).unlink(missing_ok=True)
    (boot / "xen-4.17-amd64.gz").write_bytes(gzip.compress(image(RUNNING)))
    (boot / "xen-4.17-amd64.config").write_text("nothing", encoding="ascii")
    (root / "payload").write_bytes(payload(RUNNING))
    set_xen(**changes)


def set_xen(**changes):
    state = now() if xen.exists() and not changes.pop("fresh", True) else {}
    xen.write_text("".join(f"{k} {v}\n" for k, v in {**state, **changes}.items()), encoding="ascii")


def now():
    return {k: int(v) for k, v in (line.split() for line in xen.read_text().splitlines())}


def kept():
    return sorted(p.name for p in store.iterdir()) if store.exists() else []


mine = RUNNING.hex() + ".livepatch"

# status
world()
code, out, err = run("status", "--json")
got = json.loads(out)
check("stock: status", (code, err, got["tocsin"], got["live_patching"], got["live_patches"],
      got["file"], got["build_id"], got["version"], got["views"], got["kept"]),
      (3, "", "none", True, [], str(boot / "xen-4.17-amd64.gz"), RUNNING.hex(), "4.17.7", False, False))
code, out, err = run("status")
check("stock: status says what to do", (code, "tocsin hypervisor install" in out), (3, True))
world(patched=1, altp2m=1, rate=9)
code, out, err = run("status", "--json")
got = json.loads(out)
check("patched: status", (code, got["tocsin"], got["views"], got["domains"], got["domains_on"]),
      (0, "patched", True, 2, 1))
world(no_livepatching=1)
code, out, err = run("status", "--json")
got = json.loads(out)
check("no live patching: status", (code, got["tocsin"], got["live_patching"]), (3, "none", False))
world(state=2, dead=1)
code, out, err = run("status")
check("applied, and silent", (code, "does not answer" in out), (3, True))
world(list_errno=1)
check("a list that fails is no empty list", run("status")[0], 1)
(boot / "xen-4.17-amd64.gz").unlink()
set_xen()
check("no file under /boot", json.loads(run("status", "--json")[1])["file"], None)

# install
world(polls=2)
code, out, err = run("install", "--json")
got = json.loads(out)
check("install", (code, err, got["tocsin"], got["steps"], got["kept"]),
      (0, "", "live patch", ["generate", "check", "upload", "apply", "prove", "keep"], True))
check("install: Xen has it", now()["state"], 2)
check("install: kept, nothing else left", kept(), [mine])
check("install: the folder is root's", oct((root / "lib" / "livepatch").stat().st_mode & 0o777), "0o700")
check("install: the payload is root's", oct((store / mine).stat().st_mode & 0o777), "0o600")
check("install: what the generator was asked", (root / "calls").read_text().split()[:2],
      ["--xen", str(boot / "xen-4.17-amd64.gz")])
code, out, err = run("install")
check("install again", (code, "nothing is needed" in out, err), (0, True, ""))
code, out, err = run("install", "--keep-payload", root / "unwritten")
check("a payload is wanted, and none is made", (code, "unwritten" in err, (root / "unwritten").exists()),
      (1, True, False))
code, out, err = run("install", "--dry-run", "--keep-payload", root / "again", "--json")
check("installed: a dry run makes one", (code, json.loads(out)["steps"], (root / "again").exists()),
      (0, ["generate", "check", "dry run"], True))
code, out, err = run("status")
check("installed: status", (code, "as a live patch" in out, "tocsin (applied)" in out), (0, True, True))

world()
code, out, err = run("install", "--dry-run", "--keep-payload", root / "copy", "--json")
check("dry run", (code, err, json.loads(out)["steps"], now()["state"], kept()),
      (0, "", ["generate", "check", "dry run"], 0, []))
check("dry run: the payload is kept where asked", (root / "copy").read_bytes(), payload(RUNNING))
code, out, err = run("install", "--payload", root / "copy")
check("a payload made elsewhere", (code, err, now()["state"], kept()), (0, "", 2, [mine]))
world(patched=1)
code, out, err = run("install")
check("patched: nothing is needed", (code, "nothing is needed" in out, kept()), (0, True, []))
world(busy=2, polls=1, state=1)
check("busy for a while, and a left-over payload", (run("install")[0], now()["state"]), (0, 2))


def refuses(what, text, *args, state=0, **changes):
    """An install that fails says why in one line and changes nothing."""
    world(**changes)
    prepare = refuses.prepare
    refuses.prepare = None
    if prepare:
        prepare()
    got = run("install", *args)
    check(what, (got[0], text in got[2], got[2].count("\n"), now()["state"], kept()),
          (1, True, 1, state, []))


def before(action):
    refuses.prepare = action


refuses.prepare = None
refuses("no live patching", "CONFIG_LIVEPATCH", no_livepatching=1)
refuses("Xen refuses the upload", "xl dmesg", upload_errno=22)
refuses("no VM functions", "VMFUNC", apply_errno=19)
refuses("applied, but silent: undone", "does not answer", dead=1)
before((lambda: (root / "payload").write_bytes(payload(OTHER))))
refuses("the generator's payload is for another build", OTHER.hex())
before(lambda: (root / "payload").write_bytes(b"no payload"))
refuses("no payload at all", "no live patch")
before(lambda: (root / "refuse").write_text("a warning\ngenerate: hvm_inject_event is not as expected\n"))
refuses("the generator refuses", "hypervisor: hvm_inject_event is not")
before(lambda: (root / "bad").touch())
refuses("the lint refuses", "hypervisor: it is bad")
before(lambda: (boot / "xen-4.17-amd64.gz").write_bytes(gzip.compress(image(OTHER))))
refuses("another Xen is under /boot", "--xen FILE")
before(lambda: (root / "other.gz").write_bytes(image(OTHER)))
refuses("another Xen is named", OTHER.hex(), "--xen", root / "other.gz")
refuses("symbols of another Xen", OTHER.hex(), "--dbg", root / "other.gz")
refuses("a payload that is not there", "No such file", "--payload", root / "absent")
before(lambda: ((root / "loose").write_bytes(payload(RUNNING)), (root / "loose").chmod(0o666)))
refuses("a payload that all can write", "others than root", "--payload", root / "loose")
before(lambda: (root / "link").is_symlink() or (root / "link").symlink_to(root / "copy"))
refuses("a payload that is a link", "link", "--payload", root / "link")
world(dead=1, state=2)
code, out, err = run("install")
check("one that is silent is not covered up", (code, "tocsin hypervisor remove" in err), (1, True))

# without a generator
world()
environment["TOCSIN_LIVEPATCH_GENERATE"] = str(root / "absent")
code, out, err = run("install")
check("no generator", (code, "--payload" in err, now()["state"]), (1, True, 0))
code, out, err = run("install", "--payload", root / "copy", "--json")
check("a payload, and no generator", (code, err, json.loads(out)["steps"]),
      (0, "", ["upload", "apply", "prove", "keep"]))
environment["TOCSIN_LIVEPATCH_GENERATE"] = str(generator)

# boot
world()
code, out, err = run("install", "--boot")
check("boot: nobody asked for it", (code, "no install" in out, now()), (0, True, {}))
run("install")
calls = (root / "calls").read_text()
set_xen()  # a reboot
code, out, err = run("install", "--boot")
check("boot: the kept payload", (code, err, now()["state"]), (0, "", 2))
check("boot: nothing was generated", "--out" in (root / "calls").read_text()[len(calls):], False)
set_xen()
(store / mine).rename(store / (OTHER.hex() + ".livepatch"))
code, out, err = run("install", "--boot")
check("boot: another Xen, generated anew", (code, now()["state"], mine in kept()), (0, 2, True))
set_xen()
(store / mine).write_bytes(payload(OTHER))
code, out, err = run("install", "--boot")
check("boot: a kept payload of another build is not loaded", (code, now()["state"], OTHER.hex() in err),
      (1, 0, True))
(store / mine).write_bytes(payload(RUNNING))
(store / "applying").write_text(RUNNING.hex(), encoding="ascii")
code, out, err = run("install", "--boot")
check("boot: the last try took the machine down", (code, now()["state"], "went down" in err), (1, 0, True))
code, out, err = run("install")
check("by hand it is tried", (code, now()["state"], "applying" in kept()), (0, 2, False))

# remove
world()
run("install")
set_xen(fresh=False, rate=7)
code, out, err = run("remove", "--dry-run", "--json")
check("remove, dry run", (code, json.loads(out)["steps"], now()["rate"], now()["state"], kept()),
      (0, ["disable", "dry run"], 7, 2, [mine]))
set_xen(fresh=False, revert_errno=16)
code, out, err = run("remove")
check("remove, and Xen is busy", (code, "busy" in err, now()["rate"], now()["state"], kept()),
      (1, True, 7, 2, [mine]))
set_xen(fresh=False, revert_errno=0, other=1)
code, out, err = run("remove")
check("remove below another live patch", (code, "on top" in err, now()["rate"], now()["state"]),
      (1, True, 7, 2))
set_xen(fresh=False, other=0, rate_errno=1)
code, out, err = run("remove")
check("a domain that cannot be switched off", (code, "domain 1" in err, now()["state"]), (1, True, 2))
set_xen(fresh=False, rate_errno=0, polls=3)
code, out, err = run("remove", "--json")
check("remove", (code, err, json.loads(out)["steps"], now()["state"], now()["rate"], kept()),
      (0, "", ["disable", "revert", "unload", "forget"], 0, 0, []))
world()
run("install")
set_xen(fresh=False, rate=7, view=2)
code, out, err = run("remove")
check("remove, and a vCPU is in a view", (code, "vCPU 0 of domain 1 is in view 2" in err,
      "tocsin views 1 --switch 0" in err, now()["state"]), (0, True, True, 0))
set_xen(fresh=False, view=0)
code, out, err = run("remove")
check("remove again", (code, "no live patch" in out), (0, True))
check("install after remove", (run("install")[0], now()["state"]), (0, 2))
set_xen(patched=1)
code, out, err = run("remove")
check("remove from a patched Xen", (code, "hypervisor/install --uninstall" in err), (1, True))
world(dead=1, state=2)
code, out, err = run("remove")
check("remove one that is silent", (code, now()["state"]), (0, 0))

# prepare
world()
code, out, err = run("prepare")
check("prepare: nobody asked for it", (code, "no install" in out, (root / "calls").exists()), (0, True, False))
run("install")
(boot / "xen-4.17-amd64.gz").write_bytes(gzip.compress(image(OTHER)))
(boot / "xen-4.17-tocsin-amd64.gz").write_bytes(gzip.compress(image(bytes(20))))
(boot / "xen-syms-4.17-amd64").write_bytes(image(OTHER))
(root / "payload").write_bytes(payload(OTHER))
(root / "calls").unlink()
code, out, err = run("prepare")
check("prepare: Xen was updated", (code, kept()), (0, [OTHER.hex() + ".livepatch"]))
check("prepare: made once, with the symbols", (root / "calls").read_text().split("\n")[0].split(),
      ["--xen", str(boot / "xen-4.17-amd64.gz"), "--out", f"{store}/{OTHER.hex()}.livepatch.new",
       "--dbg", str(boot / "xen-syms-4.17-amd64")])
check("prepare: and checked", (root / "calls").read_text().count("\n"), 2)
(root / "refuse").write_text("generate: no symbols\n", encoding="ascii")
code, out, err = run("prepare")
check("prepare: not possible yet", (code, "no symbols" in err, "runs" in err, kept()),
      (3, True, True, [OTHER.hex() + ".livepatch"]))

# no Xen, and usage
world(no_xen=1)
for verb in ("status", "install", "remove"):
    code, out, err = run(verb)
    check(f"no Xen: {verb}", (code, out, "dom0" in err, err.count("\n")), (1, "", True, 1))
for args in ([], ["sing"], ["status", "--dry-run"], ["remove", "--xen", "a"], ["install", "--xen"],
             ["prepare", "--json"], ["install", "--keep"], ["install", "a"], ["status", "-"]):
    code, out, err = run("hypervisor", *args, executable=tocsin)
    check("usage: " + " ".join(args), (code, out, "usage: tocsin hypervisor" in err), (2, "", True))
if not pathlib.Path("/dev/xen/privcmd").exists():
    code, out, err = run("hypervisor", "install", executable=tocsin)
    check("the program itself, no Xen", (code, out, "dom0" in err), (1, "", True))
finish()
