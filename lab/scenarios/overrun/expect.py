# SPDX-License-Identifier: GPL-2.0-or-later
from expect import equal, expect


def ended(s, title):
    """How the tracing ended, and how many calls the guest made by its own count."""
    lines = s.objects("TRACE ", list(s.after(title)))
    made = sum(int(l.split("calls=")[1].split()[0]) for l in s.after(title) if l.startswith("storm "))
    state = [o for o in lines if o["kind"] == "trace"][-1]
    equal(state["state"], "off", f"{title}: the last state")
    expect(made > 100, f"{title}: calls that the guest says it made", made)
    print(f"# {title}: {made:,} calls, {state['calls']:,} taken, {state['missing']:,} counted as lost")
    equal(state["calls"] + state["missing"], made, f"{title}: calls taken and lost")
    return state, [o for o in lines if o["kind"] == "loss"]


def check(s):
    state, losses = ended(s, "held")
    equal((state["missing"], losses), (0, []), "what the buffers hold is not lost")
    equal(s.one("^held exit=")["exit"], "0", "nothing lost: exit status")

    state, losses = ended(s, "lost")
    expect(state["missing"] > 0, "more than the buffers hold is lost", state)
    equal(s.one("^lost exit=")["exit"], "3", "something lost: exit status")
    expect(losses, "the loss is told", state)
    marks = [l for l in s.lines if l.startswith("MISSING !") and "lost" in l]
    expect(marks, "the graph tells of the loss")

    state, losses = ended(s, "carried")
    took = int(s.values("^storm calls=50000")[-1]["instructions"])
    equal((state["missing"], losses), (0, []), "carried: lost calls")
    print(f"# carried: one call each {took / 50000:,.0f} instructions, the tracer's included")
