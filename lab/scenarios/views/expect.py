# SPDX-License-Identifier: GPL-2.0-or-later
from expect import equal, expect


def check(s):
    equal(s.one("^views status=")["status"], "0", "tocsin views")
    equal(s.one("^remap status=")["status"], "0", "the page shows another one in view 1")
    seen = s.one("^views byte0=")
    equal((seen["byte0"], seen["byte1"], seen["again"]), ("A", "B", "A"),
          "the page in view 0, view 1, view 0")
    equal((seen["ping1"], seen["ping0"]), ("0", "0"), "pings in view 1 and view 0")
    tickets = [r["trigger"]["ticket"] for r in s.reports("ring")]
    equal(tickets, [int(seen["ticket1"]), int(seen["ticket0"])], "tickets")
    # Two switches without an exit: an exit alone takes many hundred instructions.
    expect(int(seen["switch"]) < 200, "a switch does not exit", seen)
