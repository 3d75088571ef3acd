# SPDX-License-Identifier: GPL-2.0-or-later
import re

from expect import equal, expect


def check(s):
    symbols = list(s.after("symbols"))
    expect(len(symbols) == 3 and all(re.match(r"[0-9a-f]{16} [Tt] \w+$", l) for l in symbols),
           "Xen's own symbols", *symbols)
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
