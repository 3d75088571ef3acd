# SPDX-License-Identifier: GPL-2.0-or-later
"""The events of `tocsin watch --json` against the truth of tests/live/netload.c."""
import re


def about(events, what, pid=None, **socket):
    return [e for e in events if e["event"] == what
            and (pid is None or e.get("process", {}).get("pid") == pid)
            and all(e.get("socket", {}).get(k) == v for k, v in socket.items())]


def lifetimes(log):
    """{port: nanoseconds} of netload's log"""
    return {int(port): int(time) for port, time in re.findall(r"^(\d+) (\d+)$", log, re.M)}


def check_ends(events, pid, kind, port, lived, longest, complaints):
    """Each connection of pid that outlived the longest period must have been seen to begin and to
    close, and none that is not in its log. How many outlived it, and how many of the others were
    seen."""
    outlived = {one for one, time in lived.items() if time > longest}
    for what in (kind, "closed"):
        seen = {e["socket"][port] for e in about(events, what, pid, protocol="tcp")
                if not e["initial"]}
        if outlived - seen:
            complaints.append(f"{what}: {len(outlived - seen)} of {len(outlived)} that lived longer "
                              f"than {longest / 1e6:.0f} ms were missed: {sorted(outlived - seen)[:5]}")
        if seen - lived.keys():
            complaints.append(f"{what}: {len(seen - lived.keys())} never were: "
                              f"{sorted(seen - lived.keys())[:5]}")
    if len(outlived) < len(lived) / 10:
        complaints.append(f"of {len(lived)} only {len(outlived)} lived longer than {longest} ns")
    return len(outlived), len(seen - outlived)


def check_churn(events, churn, log, server, served, complaints):
    """Both ends of netload's churn, by what each has in its log."""
    begin = min(e["since"] for e in about(events, "opened", churn))
    longest = max(e["account"]["longest"] for e in events
                  if e["event"] == "account" and e["time"] > begin)
    opened, accepted = lifetimes(log), lifetimes(served)
    long, short = check_ends(events, churn, "opened", "local_port", opened, longest, complaints)
    check_ends(events, server, "accepted", "remote_port", accepted, longest, complaints)
    return (f"{len(opened)} connections, {long} outlived the longest period "
            f"({longest / 1e6:.0f} ms); of the shorter {short} of {len(opened) - long} were seen")


def check_steps(events, text, port, complaints):
    """netload's steps, one after another; text: what it printed."""
    parent, child = (int(re.search(word + r" (\d+)", text).group(1)) for word in ("PID", "CHILD"))

    def need(what, found):
        if not found:
            complaints.append(f"steps: {what} was not stated")
        return found[0] if found else {"socket": {"id": None}, "other": {}, "detail": ""}
    need("the parent", about(events, "started", parent))
    need("the child", [e for e in about(events, "started", child)
                       if e["process"]["ppid"] == parent])
    need("the listener", about(events, "listening", parent, local_port=7001))
    opened = need("the connection", about(events, "opened", parent, remote_port=port))
    identity = opened["socket"]["id"]
    held = need("the handing over", about(events, "held", child, id=identity))
    if held["other"].get("pid") != parent or held.get("detail") != "handed over":
        complaints.append(f"steps: held: {held}")
    need("the giving up", about(events, "released", parent, id=identity))
    executed = need("the execution", about(events, "executed", child))
    if executed.get("process", {}).get("comm") != "sh" or executed["other"].get("comm") != "netload":
        complaints.append(f"steps: executed: {executed}")
    need("the closing", about(events, "closed", child, id=identity))
    need("the child's end", about(events, "exited", child))
    need("the raw socket", about(events, "opened", parent, protocol="raw"))
    need("the listener's end", about(events, "unlistened", parent, local_port=7001))
    rules = {(e["finding"]["rule"], e.get("process", {}).get("pid")) for e in events
             if e["event"] == "finding"}
    for rule, pid in (("socket-shell", child), ("raw-socket", parent),
                      ("unexpected-listener", parent)):
        if not any(r.endswith(rule) and p == pid for r, p in rules):
            complaints.append(f"steps: no finding {rule} of {pid}: {sorted(rules, key=str)}")
