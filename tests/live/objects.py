# SPDX-License-Identifier: GPL-2.0-or-later
"""Files, sockets, modules, log: what a guest says of them against what `tocsin` prints."""
import json
import mmap
import re
import socket
import struct
import subprocess

from guest import places

# Run in the guest between its other reports, when /bin/holder has said HOLDING.
TRUTH = r"""
for p in /proc/[0-9]*; do
 pid=${p#/proc/}
 for f in $p/fd/*; do
  [ -L $f ] || continue
  while read -r key value; do
   case $key in pos:) pos=$value ;; flags:) flags=$value ;; esac
  done < $p/fdinfo/${f##*/}
  echo "F $pid ${f##*/} $flags $pos $(readlink $f)"
 done
done
sed 's/^/K /' /proc/modules
dmesg -r | sed 's/^/L /'
for n in tcp tcp6 udp udp6 raw raw6 icmp icmp6 unix netlink packet; do sed "s/^/N $n /" /proc/net/$n; done
"""
OTHER = ("protocol", "state", "local", "local_port", "remote", "remote_port")
CLOEXEC = 0o2000000  # belongs to the descriptor, not to the file
STATES = {"01": "ESTABLISHED", "06": "TIME_WAIT", "07": "CLOSE", "08": "CLOSE_WAIT",
          "0A": "LISTEN"}


def rows(tocsin, command, *arguments):
    run = subprocess.run([tocsin, command, *arguments, "--json"], capture_output=True, text=True,
                         timeout=60)
    if run.returncode:
        return None, f"tocsin {command}: exit {run.returncode}, {run.stderr}"
    return [json.loads(line) for line in run.stdout.splitlines()], None


def expected_files(truth, pids):
    for line in truth.splitlines():
        if line.startswith("F "):
            _, pid, fd, flags, position, path = line.split(None, 5)
            if pid in pids:
                deleted = path.endswith(" (deleted)")
                yield (int(pid), int(fd), int(flags, 8) & ~CLOEXEC, int(position),
                       path.removesuffix(" (deleted)"), deleted)


def compare_files(truth, tocsin, pids, *guest):
    """None, or what differs for the processes that keep their files."""
    found, why = rows(tocsin, "files", *guest)
    if why:
        return why
    outside = {(r["pid"], r["fd"], r["flags"], r["position"], r["path"], r["deleted"])
               for r in found if str(r["pid"]) in pids}
    inside = set(expected_files(truth, pids))
    if len(inside) < 30 or inside != outside:
        return f"files: {sorted(inside ^ outside)} of {len(inside)}"
    return None


def address(text):
    """As /proc/net writes an address and a port: words in the order of the machine."""
    host, port = text.split(":")
    words = struct.pack(f"<{len(host) // 8}I", *struct.unpack(f">{len(host) // 8}I",
                                                               bytes.fromhex(host)))
    family = socket.AF_INET if len(host) == 8 else socket.AF_INET6
    return socket.inet_ntop(family, words), int(port, 16)


def expected_sockets(truth):
    """{inode: what must be seen of it}, and a set of the same for those that have none"""
    sockets, others = {}, set()
    for line in truth.splitlines():
        match = re.match(r"N (\w+) +(.*)", line)
        if not match or "Inode" in line or "inode" in line:
            continue
        kind, fields = match.group(1), match.group(2).split()
        if kind == "unix":
            name = fields[7].replace("@", "\\x00") if len(fields) > 7 else ""
            sockets[int(fields[6])] = {"protocol": kind, "type": int(fields[4], 16), "name": name}
        elif kind == "netlink":
            sockets[int(fields[9])] = {"protocol": kind, "protocol_number": int(fields[1]),
                                       "port_id": int(fields[2]), "groups": int(fields[3], 16)}
        elif kind == "packet":
            sockets[int(fields[8])] = {"protocol": kind, "type": int(fields[2]), "uid": int(fields[7]),
                                       "protocol_number": int(fields[3], 16),
                                       "interface": int(fields[4]) or None}
        else:
            sent, received = (int(n, 16) for n in fields[4].split(":"))
            local, remote = address(fields[1]), address(fields[2])
            row = {"protocol": kind.replace("icmp", "ping"), "uid": int(fields[7]), "local": local[0], "local_port": local[1],
                   "remote": remote[0], "remote_port": remote[1], "state": STATES[fields[3]],
                   "receive_queue": received}
            if row["state"] != "LISTEN":
                row["send_queue"] = sent
            sockets[int(fields[9])] = row
            if fields[9] == "0":
                others.add(tuple(row[key] for key in OTHER))
    return sockets, others


def is_internet(row):
    return row["family"] in (socket.AF_INET, socket.AF_INET6)


def first_namespace(found):
    """The number of the one in which most is."""
    numbers = [row["netns"] for row in found]
    return max(set(numbers), key=numbers.count)


def compare_others(truth, tocsin, *guest):
    """None, or what differs for the sockets that no process holds."""
    found, why = rows(tocsin, "net", *guest)
    if why:
        return why
    inside, first = expected_sockets(truth)[1], first_namespace(found)
    lone = [row for row in found if not row["holders"] and is_internet(row)]
    outside = {tuple(row[key] for key in OTHER) for row in lone if row["netns"] == first}
    # /bin/confined left one in the tables of its own network namespace.
    apart = [(row["protocol"], row["state"], row["local_port"]) for row in lone
             if row["netns"] != first]
    if apart != [("tcp", "TIME_WAIT", 9090)]:
        return f"sockets in the other network namespace: {apart}"
    unseen = [row for row in found if not row["holders"]
              and (row["owner"] == "file" or row["unheld"] or (row["inode"] and is_internet(row)))]
    if inside != outside or unseen or len(inside) < 4:
        return f"sockets that nobody holds: {inside}, from outside {outside}, {unseen}"
    owners = {(row["state"], row["owner"]) for row in lone}
    if owners != {("TIME_WAIT", "none"), ("ESTABLISHED", "queue")}:
        return f"who keeps what nobody holds: {owners}"
    return None


def compare_tables(truth, tocsin, *guest):
    """None, or what differs between the kernel's tables and /proc/net, which is made of them."""
    found, why = rows(tocsin, "net", *guest)
    if why:
        return why
    first = first_namespace(found)
    inside = {(row["protocol"], inode) for inode, row in expected_sockets(truth)[0].items() if inode}
    outside = {(row["protocol"], row["inode"]) for row in found
               if row["in_table"] and row["netns"] == first and row["inode"]
               and (row["protocol"], row["state"]) != ("tcp", "CLOSE")}
    kinds = {kind for kind, _ in inside}
    if inside != outside or len(kinds) != 11:
        return f"tables: {sorted(inside ^ outside)}, kinds {kinds}"
    apart = {row["protocol"] for row in found if row["netns"] != first}
    if not {"netlink", "tcp"} <= apart:
        return f"the other network namespace has {apart}"
    return None


def compare_holders(truth, tocsin, pids, *guest):
    """None, or what differs in who holds which socket; each must be one row."""
    found, why = rows(tocsin, "net", *guest)
    if why:
        return why
    inside, outside = {}, {}
    for pid, fd, inode in re.findall(r"^F (\d+) (\d+) .* socket:\[(\d+)\]$", truth, re.M):
        if pid in pids:
            inside.setdefault(int(inode), set()).add((int(pid), int(fd)))
    for row in found:
        held = {(h["pid"], h["fd"]) for h in row["holders"] if str(h["pid"]) in pids}
        if held and row["inode"] in outside:
            return f"twice: {row}"
        if held:
            outside[row["inode"]] = held
    most = max(len(held) for held in inside.values())
    if inside != outside or len(inside) < 20 or most < 4:
        return f"holders: {inside}, from outside {outside}"
    names = {h["comm"] for row in found for h in row["holders"]}
    filtered, why = rows(tocsin, "net", *guest, "--udp", "--port", "5353", "--address", "127.0.0.0/8")
    if why or [row["local_port"] for row in filtered] != [5353] or "holder" not in names:
        return f"filters: {why} {filtered}, {names}"
    return None


def compare_sockets(truth, tocsin, pid, *guest):
    """None, or what differs for the sockets of one process; all of /proc/net must be among them."""
    found, why = rows(tocsin, "net", *guest, pid)
    if why:
        return why
    outside, inside = {r["inode"]: r for r in found}, expected_sockets(truth)[0]
    mine = {int(i) for i in re.findall(rf"^F {pid} .* socket:\[(\d+)\]$", truth, re.M)}
    if set(outside) != mine or len(mine) < 22:
        return f"sockets of {pid}: {mine ^ set(outside)} of {len(mine)}"
    bound = [i for i in mine if outside[i]["protocol"] == "tcp" and outside[i]["state"] == "CLOSE"]
    if [(outside[i]["local_port"], outside[i]["in_table"]) for i in bound] != [(9999, True)]:
        return f"the socket that is bound and no more: {bound}"
    for inode in mine - set(bound):
        wanted, seen = inside.get(inode), outside[inode]
        if not wanted:
            return f"a socket that /proc/net does not have: {seen}"
        different = {k: (v, seen.get(k)) for k, v in wanted.items() if seen.get(k) != v}
        if different or seen["confidence"] != "consistent":
            return f"socket {inode} {wanted['protocol']}: in /proc/net, and outside: {different}"
    if 17 not in [r["send_queue"] for r in found if r["state"] == "LISTEN"]:
        return "no listening socket with its backlog of 17"
    counted = {(r["bytes_sent"], r["bytes_received"]) for r in found if "bytes_sent" in r}
    if not {(17, 0), (0, 17)} <= counted:
        return f"no connection that carried 17 bytes: {counted}"
    return None


def compare_modules(truth, tocsin, *guest):
    """None, or what differs of /proc/modules."""
    found, why = rows(tocsin, "modules", *guest)
    if why:
        return why
    inside = {tuple(line.split()[1:4]) + (line.split()[5].lower(),)
              for line in truth.splitlines() if line.startswith("K ")}
    outside = {(r["name"], str(r["size"]), str(r["references"]), r["state"]) for r in found
               if r["in_list"] and r["in_sysfs"] and r["confidence"] == "consistent"}
    if inside != outside or len(inside) != 3:
        return f"modules: {inside}, from outside {found}"
    return None


def hide_module(file, memory):
    """Take dummy off the list of modules, as a rootkit does: dummy, stp and llc are all there are."""
    def node(name):  # struct module: state, list, name
        for at in places(file, name + bytes(56 - len(name))):
            if memory[at - 24:at - 16] == bytes(8) and memory[at - 10:at - 8] == b"\xff\xff" \
                    and memory[at - 2:at] == b"\xff\xff":
                return at - 16
        raise ValueError("no module " + name.decode())

    victim, after = node(b"dummy"), node(b"stp")
    following, before = memory[victim:victim + 8], memory[victim + 8:victim + 16]
    own, last = memory[after + 8:after + 16], memory[after:after + 8]
    head = next(places(file, own + last))  # its next is the victim, its prev the last module
    memory[head:head + 8] = following
    memory[after + 8:after + 16] = before


def compare_hidden(tocsin, ram):
    """None, or why a module that is in sysfs only is not found out."""
    with open(ram, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        hide_module(file, memory)
    run = subprocess.run([tocsin, "modules", "--dump", ram, "--json"], capture_output=True,
                         text=True, timeout=60)
    seen = {r["name"]: (r["confidence"], r["in_list"], r["in_sysfs"])
            for r in map(json.loads, run.stdout.splitlines())}
    if run.returncode != 3 or seen != {"stp": ("consistent", True, True),
                                       "llc": ("consistent", True, True),
                                       "dummy": ("contradicted", False, True)}:
        return f"a hidden module: exit {run.returncode} {run.stderr} {seen}"
    return None


def hide_socket(file, memory, row):
    """Take a socket of 127.0.0.1 that is not connected off its table, as rootkits do for netstat."""
    sock, state = int(row["sock"], 16), {"CLOSE": 7, "LISTEN": 10}[row["state"]]
    # struct sock_common: addresses, hash, ports, family, state; at 104 the node: next, and who has it
    for found in places(file, struct.pack("<HHHB", 0, row["local_port"], 2, state)):
        at = found - 12
        direct = sock - at  # where all memory is mapped
        if at < 0 or memory[at:at + 8] != bytes((0, 0, 0, 0, 127, 0, 0, 1)):
            continue
        following, before = struct.unpack("<QQ", memory[at + 104:at + 120])
        if direct % (1 << 21) or not direct <= before < direct + len(memory) - 8 \
                or memory[before - direct:before - direct + 8] != struct.pack("<Q", sock + 104):
            continue
        memory[before - direct:before - direct + 8] = struct.pack("<Q", following)
        if following and not following & 1:
            memory[following - direct + 8:following - direct + 16] = struct.pack("<Q", before)
        return
    raise ValueError("the socket is not where it should be")


def compare_hidden_socket(tocsin, ram):
    """None, or why sockets that processes hold, and no table has, are not found out."""
    victims = []
    for wanted in (("--udp", "--port", "5353"), ("--tcp", "--listening", "--port", "8080")):
        found, why = rows(tocsin, "net", "--dump", ram, *wanted)
        if why or len(found) != 1 or found[0]["confidence"] != "consistent":
            return f"before a socket is hidden: {why} {found}"
        victims += found
    with open(ram, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        for victim in victims:
            hide_socket(file, memory, victim)
    run = subprocess.run([tocsin, "net", "--dump", ram, "--json"], capture_output=True, text=True,
                         timeout=60)
    seen = {r["local_port"]: (r["confidence"], r["in_table"], len(r["holders"]))
            for r in map(json.loads, run.stdout.splitlines()) if r["confidence"] != "consistent"}
    if run.returncode != 3 or seen != {v["local_port"]: ("contradicted", False, len(v["holders"]))
                                       for v in victims}:
        return f"hidden sockets: exit {run.returncode} {run.stderr} {seen}"
    return None


def plain(text):
    """The bytes that were made safe for a terminal: tabs and the ends of lines."""
    return re.sub(r"\\x([0-9a-f]{2})", lambda match: chr(int(match.group(1), 16)), text)


def compare_log(truth, tocsin, *guest):
    """None, or what differs of the kernel's log."""
    found, why = rows(tocsin, "log", *guest)
    if why:
        return why
    outside = [f"<{r['facility'] * 8 + r['level']}>[{r['time'] // 1000000000:5}."
               f"{r['time'] // 1000 % 1000000:06}] {line}"
               for r in found for line in plain(r["text"]).split("\n")]
    inside = [line[2:] for line in truth.splitlines() if line.startswith("L <")]
    # The guest goes on after it has reported, and its console mixes lines of both.
    missing = [line for line in inside if line not in set(outside)]
    if len(inside) < 100 or len(missing) > len(inside) // 50 or outside[0] != inside[0]:
        return f"log of {len(inside)} lines: {missing[:5]} of {len(missing)}, {outside[:2]}"
    return None
