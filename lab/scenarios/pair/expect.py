# SPDX-License-Identifier: GPL-2.0-or-later
from expect import equal


def check(s):
    threads = s.values("^pair cpu=")
    equal([t["accepted"] for t in threads], ["200", "200"], "accepted on each vCPU")
    equal(s.one("^pair distinct=")["distinct"], "400", "different tickets")
    rings = s.reports("ring")
    by_vcpu = [sum(r["trigger"]["vcpu"] == cpu for r in rings) for cpu in (0, 1)]
    # One more ping asks whether anyone listens, on either vCPU.
    equal(sorted(by_vcpu), [200, 201], "reports of each vCPU")
    tickets = sorted(r["trigger"]["ticket"] for r in rings)
    equal(tickets, list(range(tickets[0], tickets[0] + 401)), "tickets in reports")
    equal(s.reports("loss"), [], "losses")
    equal(s.one("^exit=")["exit"], "0", "pair")
