# SPDX-License-Identifier: GPL-2.0-or-later
import json

import figures
from expect import equal, expect


ACCEPTED, REFUSED = 2000, 1400  # instructions, at most


def check(s):
    reports = {r["trigger"]["ticket"]: r for r in s.reports("verdict")}
    scans = dict(line.split(None, 2)[1:] for line in s.lines if line.startswith("scan "))
    for what, verdict in (("clean", "clean"), ("inject", "malicious")):
        answer = json.loads(scans[what])
        equal(answer.get("verdict"), verdict, f"{what}: the guest's verdict ({answer})")
        report = reports[answer["ticket"]]
        equal(report["verdict"]["name"], verdict, f"{what}: dom0's verdict")
        equal(report["target"]["pid"], answer["pid"], f"{what}: who was scanned")
    found = [f["rule"] for f in report["findings"]]
    expect("yara.shellcode_execve_shell" in found, f"findings {found}", report)
    equal(s.one("^tocsind exit=")["exit"], "0", "tocsind")
    cost = figures.bench(s)
    print("# Instructions through the live patch, as the guest sees them:")
    for title, what in (("accepted trigger", "accepted ping"), ("refused trigger", "refused ping"),
                        ("CPUID exit", "cpuid")):
        print(f"#   {title:28}{cost[what]:>14,}")
    expect(cost["accepted ping"] <= ACCEPTED, f"an accepted trigger costs {cost}")
    expect(cost["refused ping"] <= REFUSED, f"a refused trigger costs {cost}")
