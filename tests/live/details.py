# SPDX-License-Identifier: GPL-2.0-or-later
"""Details of processes, threads, mounts, pages, clocks: /proc of a guest against `tocsin`."""
import re

from objects import rows

# Run in the guest, when /bin/confined has said CONFINED.
TRUTH = r"""
for p in /proc/[0-9]*; do
 pid=${p#/proc/}
 [ -n "$(readlink $p/exe)" ] || continue
 awk -v pid=$pid '{print "S", pid, $1, $2}' $p/status
 echo "G $pid $(sed -n 's/^0:://p' $p/cgroup)"
 echo "W $pid $(readlink $p/cwd) $(readlink $p/root)"
 echo "E $pid $(tr '\0' '|' < $p/environ)"
 ls -l $p/ns | sed -n "s/.* -> /NS $pid /p"
 for t in $p/task/*; do IFS= read -r name < $t/comm; echo "T $pid ${t##*/} $name"; done
 sed "s/^/I $pid /" $p/mountinfo
 awk -v pid=$pid '/^[0-9a-f]+-/{range=$1} /^Rss/{print "R", pid, range, $2}' $p/smaps
done
echo "U $(uname -n) $(uname -r) $(uname -m)"
echo "C $(date +%s) $(cut -d. -f1 /proc/uptime)"
"""
NUMBERS = {"NoNewPrivs:": "no_new_privs", "Seccomp:": "seccomp", "TracerPid:": "tracer",
           "Seccomp_filters:": "seccomp_filters", "NSpgid:": "pgid", "NSsid:": "sid"}
CAPABILITIES = {"CapInh:": "cap_inheritable", "CapPrm:": "cap_permitted",
                "CapBnd:": "cap_bounding", "CapAmb:": "cap_ambient"}


def lines(truth, kind, pid):
    start = f"{kind} {pid} "
    return [line[len(start):] for line in truth.splitlines() if line.startswith(start)]


def expected(truth, pid):
    status = dict(line.split() for line in lines(truth, "S", pid) if len(line.split()) == 2)
    row = {name: int(status[key]) for key, name in NUMBERS.items() if key in status}
    row["no_new_privs"] = bool(row["no_new_privs"])
    row |= {name: hex(int(status[key], 16)) for key, name in CAPABILITIES.items()}
    spaces = dict(re.match(r"(\w+):\[(\d+)\]", text).groups() for text in lines(truth, "NS", pid))
    row["namespaces"] = {name: int(spaces[name]) for name in
                         ("mnt", "uts", "ipc", "pid", "net", "user", "cgroup", "time")}
    row["cgroup"] = lines(truth, "G", pid)[0].strip()
    row["cwd"], row["root"] = lines(truth, "W", pid)[0].split()
    row["environment"] = [text for text in lines(truth, "E", pid)[0].split("|") if text]
    return row


def compare_details(truth, tocsin, pids, *guest):
    """None, or what differs for the processes that do nothing meanwhile."""
    found, why = rows(tocsin, "ps", *guest, "--details")
    if why:
        return why
    for row in found:
        if str(row["pid"]) not in pids:
            continue
        inside, outside = expected(truth, row["pid"]), row["details"]
        wrong = {key: (inside[key], outside[key]) for key in inside if inside[key] != outside[key]}
        if wrong:
            return f"details of {row['pid']}: {wrong}"
        threads = {(str(t["tid"]), t["comm"]) for t in row["threads"]}
        named = {tuple(text.split(None, 1)) for text in lines(truth, "T", row["pid"])}
        if threads != named or {t["state"] for t in row["threads"]} != {"S"}:
            return f"threads of {row['pid']}: {row['threads']}, not {named}"
    confined = [r for r in found if r["details"]["seccomp"] == 2]
    if len(confined) != 1 or confined[0]["details"]["container"] != "0123456789abcdef" * 4 or \
            len(confined[0]["threads"]) != 3 or not confined[0]["details"]["tracer"]:
        return f"the confined process: {confined}"
    return compare_mounts(truth, tocsin, confined[0]["pid"], *guest) or \
        compare_mounts(truth, tocsin, 1, *guest) or \
        compare_pages(truth, tocsin, confined[0]["pid"], *guest)


def compare_mounts(truth, tocsin, pid, *guest):
    found, why = rows(tocsin, "mounts", *guest, str(pid))
    if why:
        return why
    inside = set()
    for line in lines(truth, "I", pid):
        fields, rest = line.split(" - ")
        number, parent, device, _, path, options = fields.split()[:6]
        kind, source = rest.replace(r"\040", " ").rsplit(" ", 1)[0].split(None, 1)
        inside.add((int(number), device, kind, source, path, "ro" in options.split(","),
                    "noexec" in options.split(",")))
    outside = {(row["id"], f"{row['dev_major']}:{row['dev_minor']}", row["type"], row["source"],
                row["path"], row["read_only"], row["no_exec"]) for row in found}
    # /proc hides what lies below the root of a process, as the first root file system does.
    hidden = {row for row in outside - inside if row[2] == "rootfs"}
    if len(inside) < 4 or inside != outside - hidden:
        return f"mounts of {pid}: {inside ^ outside}"
    return None


def compare_pages(truth, tocsin, pid, *guest):
    found, why = rows(tocsin, "maps", *guest, str(pid))
    if why:
        return why
    inside = {range_: int(kib) // 4 for range_, kib in
              (line.split() for line in lines(truth, "R", pid))}
    guarded = sum(row["pages"]["guarded"] for row in found)
    for row in found:
        range_ = f"{int(row['start'], 16):08x}-{int(row['end'], 16):08x}"
        there = row["pages"]["present"] + row["pages"]["guarded"]
        if not row["special"] and inside.get(range_) != there:
            return f"pages of {pid} in {range_}: {there}, not {inside.get(range_)}"
    if guarded != 2 or sum(inside.values()) < 10:
        return f"{guarded} guarded pages of {sum(inside.values())}"
    return None


def compare_system(truth, tocsin, *guest):
    found, why = rows(tocsin, "info", *guest)
    if why:
        return why
    system = found[0]["system"]
    names = re.search(r"^U (.*)$", truth, re.M).group(1).split()
    now, up = (int(text) for text in re.search(r"^C (\d+) (\d+)$", truth, re.M).groups())
    if [system["nodename"], system["release"], system["machine"]] != names:
        return f"uname {system}, not {names}"
    # The guest goes on until it is read; its own two clocks must have gone on alike.
    later = system["now"] / 1e9 - now
    if not -1 <= later < 120 or abs(system["up"] / 1e9 - up - later) > 2:
        return f"clocks {system}, the guest said {now} and {up}"
    return None
