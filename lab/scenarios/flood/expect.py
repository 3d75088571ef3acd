# SPDX-License-Identifier: GPL-2.0-or-later
from expect import equal, expect


def check(s):
    total = 0
    for name in ("a", "b"):
        guest = {k: int(v) for k, v in s.one(f"^{name}: flood ").items()}
        reports = [r for r in s.reports() if r.get("domain", {}).get("name") == name]
        tickets = [r["trigger"]["ticket"] for r in reports]
        equal(guest["accepted"] + guest["refused"], guest["attempts"], f"{name}: outcomes")
        equal(guest["other"], 0, f"{name}: other outcomes")
        equal(guest["answered"], guest["accepted"], f"{name}: answered")
        equal(guest["clean"], guest["accepted"], f"{name}: clean")
        # seq counts in the hypervisor: from first to last without a gap, in its own view and ours.
        equal(guest["last"] - guest["first"] + 1, guest["accepted"], f"{name}: tickets")
        equal(tickets, list(range(guest["first"], guest["last"] + 1)), f"{name}: reports")
        equal({r["kind"] for r in reports}, {"verdict"}, f"{name}: kinds of reports")
        expect(all(r["answered"] for r in reports), f"{name}: slots")
        total += guest["accepted"]
        if name == "a":
            expect(guest["refused"] > 80, "a's surplus is refused", guest)
        else:
            equal(guest["refused"], 0, "b: refused")
            equal(guest["accepted"], 4, "b: accepted")
    equal(len(s.reports()), total, "all reports")
    names = [r["domain"]["name"] for r in s.reports()]
    expect("a" in names[-names[::-1].index("b"):], "b waits for all that a rang", *names)
    equal(s.reports("loss"), [], "losses")
