# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers of tocsin graph, judged: root causes, true steps, and how much that is neither."""
import xml.etree.ElementTree as xml

SPACE = "{http://graphml.graphdrawing.org/xmlns}"
TITLES = ("case", "root causes", "steps", "others (at most)", "events")


def names(graphml):
    """The nodes of an answer: "process 4001 bash", "file /tmp/x", ..., and another name."""
    for node in xml.fromstring(graphml).iter(SPACE + "node"):
        data = {d.get("key"): d.text for d in node}
        kind = {"endpoint": "host"}.get(data["kind"], data["kind"])
        label = data.get("label") or ""
        if kind == "process":
            label = f"{data.get('pid', '?')} {label}"
        yield f"{kind} {label}", f"{kind} {data.get('exe', '')}"


def is_named(node, name):
    """By its whole name; of a process the PID is enough."""
    return any(text == name or (name[-1] == " " and text.startswith(name)) for text in node)


def judge(title, graphml, roots, steps, bound, events):
    """What is wrong, and a row of the table. Roots and steps are names of nodes, or "process PID "."""
    told = list(names(graphml))
    missing = [name for name in roots + steps if not any(is_named(node, name) for node in told)]
    stranger = [node[0] for node in told if not any(is_named(node, name) for name in roots + steps)]
    wrong = [f"not told: {name}" for name in missing]
    if len(stranger) > bound:
        wrong.append(f"{len(stranger)} nodes more than the case, {bound} allowed: "
                     + ", ".join(stranger[:60]))
    found = [f"{sum(name not in missing for name in some)}/{len(some)}" for some in (roots, steps)]
    return wrong, (title, *found, f"{len(stranger)} ({bound})", str(events))


def table(rows):
    """Lines for people, of what judge told."""
    rows = [TITLES, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(TITLES))]
    for row in rows:
        print("# |", " | ".join(cell.ljust(width) for cell, width in zip(row, widths)), "|")
