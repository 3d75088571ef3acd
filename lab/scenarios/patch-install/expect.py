# SPDX-License-Identifier: GPL-2.0-or-later
import base64
import filecmp
import gzip
import os
import re
import subprocess
import tempfile

from expect import equal, expect

LAB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
GENERATE = os.path.join(LAB, "..", "hypervisor", "livepatch", "generate")


def output(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    equal((done.returncode, done.stderr), (0, ""), f"status and complaints of {command[0]}")
    return done.stdout.split()


def same_payload(symbols):
    """What the running Xen says of its symbols serves as well as the -dbg package."""
    xen = output(LAB + "/fetch")[0] + "/boot/xen-4.17-amd64.gz"
    build = next(b for b in output(LAB + "/fetch", "--xen")
                 if filecmp.cmp(b + "/xen.gz", xen, shallow=False))
    with tempfile.TemporaryDirectory() as folder:
        with open(folder + "/xensyms", "wb") as file:
            file.write(symbols)
        for option, path in (("--dbg", build + "/xen-syms"), ("--symbols", folder + "/xensyms")):
            output(GENERATE, "--xen", xen, option, path, "--out", folder + "/" + option)
        expect(filecmp.cmp(folder + "/--dbg", folder + "/--symbols", shallow=False),
               "the payload made with /proc/xen/xensyms is another")


def check(s):
    symbols = "".join(l.split()[1] for l in s.after("symbols") if l.startswith("TOCSIN-SYMBOLS "))
    same_payload(gzip.decompress(base64.b64decode(symbols)))
    codes = {title: [o["exit"] for o in s.objects(lines=s.after(title))]
             for title in ("stock", "other bytes", "installed", "two vCPUs")}
    # 3: VMFUNC is not available; 4: no listener, but Tocsin answered.
    equal(codes, {"stock": [3], "other bytes": [3], "installed": [3], "two vCPUs": [4, 4, 3]},
          "what pings got")
    expect(any("no Tocsin in Xen" in l for l in s.after("stock")), "the list before")
    expect(not any("no Tocsin in Xen" in l for l in s.after("installed")), "the list after")
    expect(any(re.search(r"\bb\b.*\b1000\b", l) for l in s.after("two vCPUs")), "the rate of b")
    results = re.findall(r"^patch (\w+) exit=(\d+)$", "\n".join(s.lines), re.MULTILINE)
    equal([(what, code != "0") for what, code in results],
          [("upload", True), ("upload", False), ("apply", True), ("unload", False),
           ("upload", False), ("apply", False)], "what Xen took and refused")
    expect(any(re.match(r"\s*tocsin\s*\| APPLIED", l) for l in s.after("installed")),
           "Xen's list of patches", *s.after("installed"))
