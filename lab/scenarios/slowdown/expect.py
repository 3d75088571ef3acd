# SPDX-License-Identifier: GPL-2.0-or-later
import figures
from expect import equal, expect

CALLS = 1.5  # times as many instructions as without tracing, at most: what is recorded in the guest's time
TITLES = ("none", "open", "first", "graph-open", "graph-first")


def check(s):
    cost = figures.cost(s)
    print("# Instructions of the emulated machine for one of each job, and how many times as many while it is traced")
    print("# (graph: dom0's work is in it, which is done on the same processor):")
    for line in figures.cost_table(cost, TITLES):
        print("#   " + line)
    equal({r["exit"] for r in s.values("^END ")}, {"0"}, "how tracing ended")
    for job, none in cost["none"].items():
        for title in ("open", "first"):
            expect(cost[title][job] <= CALLS * none, f"{job}, {title}: {cost[title][job] / none:.2f}")
    told = [g["events"] for g in s.objects("GRAPH-graph-first ")]
    expect(told and told[0].get("read", 0) > 100 and told[0].get("sent", 0) > 100, "uses in the graph", told)
