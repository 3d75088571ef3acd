# SPDX-License-Identifier: GPL-2.0-or-later
from expect import equal, expect

# Rung correctly, and then the process changed its mind: the request is good, its slot is not.
CHANGED = {"overwritten", "remapped"}


def check(s):
    rung = {v["case"]: v for v in s.values("^hostile case=.* ring=")}
    changed = {v["case"]: v["changed"] for v in s.values("^hostile case=.* changed=")}
    equal(len(changed), 14, "cases")
    equal({case for case, n in changed.items() if n != "0"}, set(), "cases with bytes changed")
    reports = {r["trigger"]["ticket"]: r for r in s.reports()}
    for case in changed:
        equal(rung[case]["ring"], "ok", f"{case}: the ring")
        report = reports[int(rung[case]["ticket"])]
        equal(report["answered"], False, f"{case}: answered")
        if case in CHANGED:
            expect(report.get("slot_error") or report.get("reason"), case, report)
        else:
            equal(report["kind"], "error", case)
            expect(report["reason"], case, report)
    equal(rung["no-such-pid"].get("error"), "1", "a PID that does not exist")
    equal(rung["none"].get("verdict"), "clean", "the ordinary scan after them")
