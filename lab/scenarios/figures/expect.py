# SPDX-License-Identifier: GPL-2.0-or-later
import figures
from expect import equal, expect

ACCEPTED, REFUSED = 1200, 700  # instructions, at most
TASK = 8000                    # for a task at a glance, its memory mapped
CPUID = 1.2                    # an accepted trigger is at least so much cheaper than the exit


def check(s):
    cost = figures.bench(s)
    triggers, reasons = figures.exits(s)
    print("# Instructions of the emulated machine, as the guest sees them:")
    for line in figures.table(s):
        print("#   " + line)
    seen = figures.introspection(s)
    for what, (ticks, pages) in seen.items():
        print(f"#   {what:40} {ticks:>12,} with {pages:,} pages mapped")
    # A kernel that was seen before is compared, not decoded again, and not mapped whole.
    first, again = (seen[f"kernel found, {how}"] for how in
                    ("never seen before", "seen before"))
    expect(again[0] * 5 <= first[0] and again[1] * 2 <= first[1], f"the cache: {first} {again}")
    expect(seen["a task at a glance"][0] <= TASK, f"a task at a glance costs {seen}")
    equal(triggers, 100, "triggers in the trace")
    equal(reasons[figures.VMFUNC_REASON], 100, "VMFUNC exits")
    expect(cost["accepted ping"] <= ACCEPTED, f"an accepted trigger costs {cost}")
    expect(cost["refused ping"] <= REFUSED, f"a refused trigger costs {cost}")
    expect(CPUID * cost["accepted ping"] <= cost["cpuid"], f"beside CPUID: {cost}")
