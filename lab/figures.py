# SPDX-License-Identifier: GPL-2.0-or-later
"""The figures of a ring, out of what the scenario "figures" or "demo" printed.

Instructions, not cycles: the emulated machine's TSC counts one per instruction. They are the
least of some hundred rings, RDTSC and its fences included, as the guest sees them.
"""
import base64
import collections
import gzip
import struct

TRIGGER = 0x00082030   # tocsin/event.h
VMEXIT, VMEXIT64 = 0x00081002, 0x00081102   # xen/include/public/trace.h
VMFUNC_REASON = 59     # Intel SDM volume 3, appendix C


def bench(section):
    """{what: instructions}, the least of each series of tocsin-guest bench."""
    return {o["what"]: o["min"] for o in section.objects() if o.get("at") == "bench"}


def scans(section):
    """The figures of dom0's reports of verdicts."""
    return [r["figures"] for r in section.reports("verdict")]


def records(trace):
    """(event, words) of every record of a trace file that xentrace -D wrote."""
    at = 0
    while at + 4 <= len(trace):
        header, = struct.unpack_from("<I", trace, at)
        words, at = header >> 28 & 7, at + 4 + (8 if header >> 31 else 0)
        yield header & 0x0fffffff, struct.unpack_from(f"<{words}I", trace, at)
        at += 4 * words


def exits(section):
    """(triggers, exits by reason while they were rung)."""
    text = "".join(line[len("TOCSIN-TRACE "):].strip() for line in section.lines
                   if line.startswith("TOCSIN-TRACE "))
    all_records = list(records(gzip.decompress(base64.b64decode(text))))
    places = [i for i, (event, _) in enumerate(all_records) if event == TRIGGER]
    reasons = collections.Counter()
    # An exit is recorded before what it led to: the first trigger's own lies before it.
    begin = next(i for i in range(places[0], -1, -1)
                 if all_records[i][0] in (VMEXIT, VMEXIT64) and
                 all_records[i][1][0] & 0xffff == VMFUNC_REASON)
    for event, words in all_records[begin:places[-1] + 1]:
        if event in (VMEXIT, VMEXIT64):
            reasons[words[0] & 0xffff] += 1
    return len(places), reasons


def introspection(section):
    """{what: (instructions for each, pages mapped)}"""
    return {o["what"]: (o["ticks"] // max(o["count"], 1), o["pages"])
            for o in section.objects() if o.get("at") == "introspect"}


def table(section):
    """Lines for a person."""
    cost = bench(section)
    rows = [("accepted trigger", "accepted ping"), ("refused trigger", "refused ping"),
            ("CPUID exit", "cpuid")]
    triggers, reasons = exits(section)
    done = scans(section)
    read = [f["bytes_read"] for f in done]
    return [f"{title:28}{cost[what]:>14,} instructions" for title, what in rows] + [
        f"{'CPUID : accepted':28}{cost['cpuid'] / cost['accepted ping']:>14.2f}",
        f"{'VM exits of a trigger':28}{reasons[VMFUNC_REASON] / triggers:>14.2f}",
        f"{'VMFUNC to verdict':28}{cost['scan']:>14,} instructions",
        f"{'guest memory read, a scan':28}{min(read):>14,} bytes, the first of a guest {max(read):,}",
    ]


def cost(section):
    """{title: {job: instructions for one}} of the scenario "slowdown"."""
    found = {}
    for row in section.values("^COST "):
        title = row.pop("title")
        found[title] = {job: int(ticks) for job, ticks in row.items()}
    return found


def cost_table(found, titles):
    """Lines: the job, what one takes without tracing, and the ratios to that."""
    none = found[titles[0]]
    lines = [f"{'':8} {titles[0]:>9} " + " ".join(f"{title:>11}" for title in titles[1:])]
    for job, ticks in none.items():
        lines.append(f"{job:8} {ticks:>9,} " +
                     " ".join(f"{found[title][job] / ticks:>11.2f}" for title in titles[1:]))
    return lines
