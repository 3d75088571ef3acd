# SPDX-License-Identifier: GPL-2.0-or-later
from expect import equal, expect


def check(s):
    expect("destroyed" in s.lines, "the guest was destroyed")
    table = s.lines[s.lines.index("destroyed") + 1:]
    left = [line for line in table if line.startswith(("c ", "(null) "))]
    equal(left, [], "what is left of the guest")
    expect(any(line.startswith("Domain-0 ") for line in table), "the list of domains", *table)
    equal(s.one("^tocsind exit=")["exit"], "0", "tocsind")
    reports = s.reports()
    equal(len(reports), 1, "reports of the one trigger")
    equal(reports[0]["kind"], "error", "the report")
