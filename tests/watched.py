# SPDX-License-Identifier: GPL-2.0-or-later
"""The events of `tocsin watch --json` against the truth of tests/live/netload.c."""
import collections
import re


def about(events, what, pid=None, **socket):
    return [e for e in events if e["event"] == what
            and (pid is None or e.get("process", {}).get("pid") == pid)
            and all(e.get("socket", {}).get(k) == v for k, v in socket.items())]


def lifetimes(log):
    """{port: [nanoseconds]} of netload's log; a port is used again and again."""
    lived = collections.defaultdict(list)
    for port, time in re.findall(r"^(\d+) (\d+)$", log, re.M):
        lived[int(port)].append(int(time))
    return lived


def history_of(events, one, other=None):
    """What was stated of a port, in a few words."""
    return "; ".join(f"{e['time']} {e['event']} {e['socket']['id']} {e['socket']['state']} "
                     f"of {e.get('process', {}).get('pid')} {e.get('detail', '')}"
                     for e in events if "socket" in e and one in (e["socket"].get("local_port"),
                                                                  e["socket"].get("remote_port"))
                     and (other is None or e["socket"].get("remote_port") == other))


def check_ends(events, pid, kind, port, lived, longest, complaints):
    """Each connection of pid that outlived the longest period must have been seen to begin and to
    close, and none that is not in its log, nor one more often than it was. How many outlived it, and
    how many of the others were seen."""
    outlived = {one: sum(time > longest for time in times) for one, times in lived.items()}
    many = sum(outlived.values())
    for what in (kind, "closed"):
        seen = collections.Counter(e["socket"][port]
                                   for e in about(events, what, pid, protocol="tcp")
                                   if not e["initial"])
        missed = sorted(one for one, count in outlived.items() if count > seen[one])
        never = sorted(one for one, count in seen.items() if count > len(lived.get(one, ())))
        if missed:
            complaints.append(f"{what}: of {len(missed)} ports one of {many} connections that lived "
                              f"longer than {longest / 1e6:.0f} ms was missed: {missed[:5]}")
        if never:
            complaints.append(f"{what}: {len(never)} never were: {never[:5]}; of the first: "
                              + history_of(events, never[0]))
    if many < sum(map(len, lived.values())) / 10:
        complaints.append(f"of {sum(map(len, lived.values()))} only {many} lived longer than "
                          f"{longest} ns")
    return many, sum(seen.values()) - many


def check_strangers(events, lived, port, complaints):
    """A connection of which only TIME_WAIT was seen is stated as well, and none of them twice."""
    stated = collections.Counter(e["socket"]["local_port"]
                                 for e in about(events, "opened", protocol="tcp", remote_port=port)
                                 if not e["initial"])
    twice = sorted(one for one, times in lived.items() if stated[one] > len(times))
    if twice:
        complaints.append(f"opened: {len(twice)} ports were stated more often than used: {twice[:5]}; "
                          f"of the first: {history_of(events, twice[0], port)}")
    return sum(stated[one] for one in lived)


def check_churn(events, churn, log, server, served, port, complaints):
    """Both ends of netload's churn, by what each has in its log."""
    begin = min(e["since"] for e in about(events, "opened", churn))
    longest = max(e["account"]["longest"] for e in events
                  if e["event"] == "account" and e["time"] > begin)
    opened, accepted = lifetimes(log), lifetimes(served)
    long, short = check_ends(events, churn, "opened", "local_port", opened, longest, complaints)
    check_ends(events, server, "accepted", "remote_port", accepted, longest, complaints)
    stated = check_strangers(events, opened, port, complaints)
    count = sum(map(len, opened.values()))
    return (f"{count} connections, {long} outlived the longest period ({longest / 1e6:.0f} ms); of the "
            f"shorter {short} of {count - long} were seen, and of {stated - long - short} their "
            f"TIME_WAIT")


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
