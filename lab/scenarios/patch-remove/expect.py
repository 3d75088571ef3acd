# SPDX-License-Identifier: GPL-2.0-or-later
import re

from expect import equal, expect


def check(s):
    codes = {title: [o["exit"] for o in s.objects(lines=s.after(title))]
             for title in ("load", "while switched on", "removed", "again", "after all")}
    # 0: accepted; 3: VMFUNC is not available.
    equal(codes, {"load": [0], "while switched on": [0], "removed": [3, 3], "again": [0],
                  "after all": [3]}, "what pings got")
    results = re.findall(r"^patch (\w+) exit=(\d+)$", "\n".join(s.lines), re.MULTILINE)
    equal([(what, code != "0") for what, code in results],
          [("revert", True), ("revert", False), ("apply", False), ("revert", False),
           ("unload", False)], "what Xen did")
    expect(any("busy" in l.lower() for l in s.after("while switched on")), "the reason",
           *s.after("while switched on"))
    expect(any("no Tocsin in Xen" in l for l in s.after("removed")), "the list when removed")
    rounds = [int(v["rounds"]) for v in s.values(r"^loop-\d rounds=")]
    expect(len(rounds) == 2 and min(rounds) > 0, "both loops went on to the end", rounds)
    expect(not any(re.match(r"\s*tocsin\s*\|", l) for l in s.after("after all")), "no patch is left")
