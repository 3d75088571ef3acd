# SPDX-License-Identifier: GPL-2.0-or-later
import figures
from expect import equal, expect

ACCEPTED, REFUSED = 1200, 700  # instructions, at most
CPUID = 1.2                    # an accepted trigger is at least so much cheaper than the exit


def check(s):
    cost = figures.bench(s)
    triggers, reasons = figures.exits(s)
    print("# Instructions of the emulated machine, as the guest sees them:")
    for line in figures.table(s):
        print("#   " + line)
    equal(triggers, 100, "triggers in the trace")
    equal(reasons[figures.VMFUNC_REASON], 100, "VMFUNC exits")
    expect(cost["accepted ping"] <= ACCEPTED, f"an accepted trigger costs {cost}")
    expect(cost["refused ping"] <= REFUSED, f"a refused trigger costs {cost}")
    expect(CPUID * cost["accepted ping"] <= cost["cpuid"], f"beside CPUID: {cost}")
