# SPDX-License-Identifier: GPL-2.0-or-later
from expect import equal, expect


def events(reports):
    return [(r["domain"]["id"], r["trigger"]["vcpu"], r["trigger"]["ecx"], r["trigger"]["rdx"])
            for r in reports]


def check(s):
    second = list(s.after("second consumer"))
    expect("status=1" in second, "tocsind beside xentrace", *second)
    expect(any("xentrace" in line for line in second), "it says who is in the way", *second)
    live, recorded = s.reports("ring"), s.objects("TOCSIN-REPLAY ")
    account, recorded = recorded[-1], [r for r in recorded if r["kind"] != "account"]
    equal((account["triggers"], account["lost"]), (30, 0), "the recording's account")
    equal(len(live), 30, "live events")
    equal(events(recorded), events(live), "recorded events")
    for what, reports in (("live", live), ("recorded", recorded)):
        guest = s.one(f"^{what}: marks")
        equal([r["trigger"]["ticket"] for r in reports],
              list(range(int(guest["first"]), int(guest["last"]) + 1)), f"{what}: tickets")
