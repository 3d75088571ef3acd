# SPDX-License-Identifier: GPL-2.0-or-later
import base64
import gzip
import json
import os
import re
import sys

from expect import equal, expect

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../../../tests")
import ss  # noqa: E402
import watched  # noqa: E402

HELD = 30


def check(s):
    def text(title):
        return "\n".join(s.after(title))

    def unpacked(title):
        return gzip.decompress(base64.b64decode(text(title))).decode()

    complaints = []
    for guest in ("a", "c"):
        more, lasting = ss.compare(text(f"before {guest}"), unpacked(f"net {guest}"),
                                   text(f"after {guest}"))
        complaints += [f"{guest}: {line}" for line in more]
        expect(lasting > 2 * HELD, f"{guest}: sockets that lasted: {lasting}")
    events = [json.loads(line) for line in unpacked("events").splitlines()]
    of = {name: [e for e in events if e["guest"] == name] for name in ("a", "c")}
    for guest in of:
        held = [e for e in watched.about(of[guest], "opened", remote_port=7000) if e["initial"]]
        equal(len(held), HELD, f"{guest}: connections from before")
    watched.check_steps(of["a"], text("steps"), 7000, complaints)
    churn = text("churn")
    pid = int(re.search(r"PID (\d+)", churn).group(1))
    server = next(e["process"]["pid"] for e in watched.about(of["c"], "accepted")
                  if e["initial"] and e["socket"]["local_port"] == 7000)
    print("#", watched.check_churn(of["c"], pid, churn, server, text("served"), 7000,
                                   complaints),
          file=sys.stderr)
    expect(not complaints, "watch and ss", *complaints)
    equal([e.get("detail") for e in watched.about(of["a"], "ring")], ["PING"], "rings")
    equal([e["event"] for e in of["c"]][-1], "end", "the last of a guest that is gone")
    equal(next(s.after("status")), "watch=11", "exit code")
    kept = [json.loads(line) for line in unpacked("history").splitlines()]
    for guest in of:  # two threads take turns: their events have an order, but not by time
        expect([e for e in kept if e["guest"] == guest] == of[guest],
               f"{guest}: the history has {len(kept)} of {len(events)} events")
