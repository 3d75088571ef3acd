# SPDX-License-Identifier: GPL-2.0-or-later
"""The sockets of a guest as its own `ss -anpeOH` prints them, and as `tocsin net --json` does."""
import collections
import json
import re

# As ss names them: (protocol of tocsin, type of UNIX sockets).
KINDS = {"tcp": ("tcp", None), "udp": ("udp", None), "raw": ("raw", None),
         "u_str": ("unix", 1), "u_dgr": ("unix", 2), "u_seq": ("unix", 5),
         "p_raw": ("packet", None), "p_dgr": ("packet", None), "icmp6": ("raw", None)}
STATES = {"ESTAB": "ESTABLISHED", "UNCONN": "CLOSE", "FIN-WAIT-1": "FIN_WAIT1",
          "FIN-WAIT-2": "FIN_WAIT2", "SYN-RECV": "NEW_SYN_RECV"}

# cookie: the number that the kernel gives a socket for its life, which its TIME_WAIT inherits.
Row = collections.namedtuple("Row", "kind state local remote holders inode cookie",
                             defaults=[None])


def of_ss(text):
    """[Row] of what ss prints."""
    rows = []
    for line in text.splitlines():
        words = line.split()
        if not words or words[0] not in KINDS:
            continue
        holders = frozenset((int(p), int(f)) for p, f in re.findall(r'pid=(\d+),fd=(\d+)', line))
        inode = re.search(r"\bino:(\d+)", line)
        cookie = re.search(r"\bsk:([0-9a-f]+)", line)
        if words[0].startswith("u_"):  # name, inode, name of the other end, its inode
            fields = re.split(r" users:| *<->", line)[0].split()
            rows.append(Row(KINDS[words[0]], "", "", "", holders, int(fields[5])))
        else:
            rows.append(Row(KINDS[words[0]], STATES.get(words[1], words[1].replace("-", "_")),
                            words[4].split("%")[0], words[5], holders,
                            int(inode.group(1)) if inode else 0,
                            cookie.group(1) if cookie else None))
    return rows


def endpoint(address, port):
    if address in ("0.0.0.0", "::") and not port:
        return "0.0.0.0:*"
    return f"[{address}]:{port or '*'}" if ":" in address else f"{address}:{port or '*'}"


def of_tocsin(text):
    rows = []
    for line in text.splitlines():
        if not line.startswith("{"):
            continue
        row = json.loads(line)
        if row["kind"] != "socket":
            continue
        protocol = row["protocol"].removesuffix("6")
        if protocol == "tcp" and row["state"] == "CLOSE":
            continue  # neither bound nor connected: ss does not have it
        kind = (protocol, row["type"] if protocol == "unix" else None)
        inet = protocol in ("tcp", "udp", "raw")
        holders = frozenset((h["pid"], h["fd"]) for h in row["holders"] if "tid" not in h)
        rows.append((Row(kind, row["state"] if inet else "",
                         endpoint(row["local"], row["local_port"]) if inet else "",
                         endpoint(row["remote"], row["remote_port"]) if inet else "",
                         holders, row["inode"]), row["confidence"]))
    return rows


def names(row):
    """What a row of either is found by in the other."""
    if row.inode:
        return row.kind, row.inode
    return row.kind, row.local.replace("*:", "0.0.0.0:"), row.remote


def same(a, b):
    return a.holders == b.holders and (a.kind[0] != "tcp" or a.state == b.state)


def compare(before, net, after, churned=lambda row: False):
    """(complaints, rows that lasted): what ss printed before and after one `tocsin net --json`.

    What both of ss have must be in it, held by the same: the same socket, that is, by its cookie,
    because a port in TIME_WAIT may be used again, for another connection that ends in TIME_WAIT.
    What neither of ss has must not be, unless it may have come and gone between them: churned(row)."""
    before, after = ({names(r): r for r in of_ss(text)} for text in (before, after))
    ends = {(r.kind, r.local, r.remote) for r in (*before.values(), *after.values())}
    rows = of_tocsin(net)
    seen = {names(r): r for r, _ in rows}
    lasting = {n: r for n, r in before.items()
               if n in after and same(r, after[n]) and r.cookie == after[n].cookie}
    complaints = []
    for name, row in lasting.items():
        if name not in seen:
            complaints.append(f"net: missing: {row}")
        elif not same(row, seen[name]):
            complaints.append(f"net: ss says {row}, tocsin {seen[name]}")
    for row, confidence in rows:
        known = names(row) in before or names(row) in after or (
            not row.inode and (row.kind, row.local, row.remote) in ends)
        if (row.kind in KINDS.values() and not known and confidence == "consistent"
                and not churned(row)):
            complaints.append(f"net: never was: {row}")
    return complaints, len(lasting)
