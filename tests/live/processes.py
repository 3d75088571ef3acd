#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Boot Linux guests under QEMU, and compare their own /proc with what is read from their memory.

usage: processes.py PROGRAM TOCSIN MUTATE THREADS, with the kernels to boot in TOCSIN_LIVE_KERNELS
(bzImages with BTF, between colons), and guest.py's environment. Without kernels, or a static busybox at
/bin/busybox, the test is skipped. The first kernel is booted in more ways: without KASLR,
with 4 levels of page tables, with KPTI. Each is also looked at with its BTF wiped out. Speaks TAP.
"""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile

import details
import guest as guests
import objects

PROGRAM, TOCSIN, MUTATE, THREADS = sys.argv[1:5]

# Run by the guest's shell: what there is to see, and what the guest says of it.
SETUP = r"""
echo u:x:1000:1000::/:/bin/sh > /etc/passwd
mkdir /cgroup /mnt
cp /bin/busybox /tmp/sleep
/tmp/sleep 100000 &
many-vmas &
for m in llc stp dummy; do insmod /modules/$(uname -r)/$m.ko; done
echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range
holder > /tmp/holder &
until [ "$(grep -c HOLDING /tmp/holder)" = 2 ]; do sleep 1; done
echo 512 > /proc/sys/net/ipv4/tcp_child_ehash_entries
echo 512 > /proc/sys/net/ipv4/udp_child_hash_entries 2>/dev/null
mount -t cgroup2 cgroup /cgroup
confined /cgroup > /tmp/confined &
until grep -q CONFINED /tmp/confined; do sleep 1; done
start-stop-daemon -S -b -c 1000:1000 -x /bin/sleep -- 99999
sleep 1
rm /tmp/sleep
"""
TRUTH = r"""
echo SHELL $$
set -- /proc/[0-9]*/status
cat "$@" > /tmp/statuses 2>/dev/null
awk '/^Pid/{pid=$2} /^PPid/{parent=$2} /^Uid/{print pid, parent, $2":"$3":"$4":"$5}' \
 /tmp/statuses > /tmp/all
while read -r pid parent users; do
 p=/proc/$pid
 if [ -e $p/exe ]; then
  echo "P $pid $parent $users exe=$(readlink $p/exe) cmd=$(tr '\0' '|' < $p/cmdline)"
  sed "s/^/M $pid /" $p/maps
 else
  echo "P $pid $parent $users exe= cmd="
 fi
done < /tmp/all
@OBJECTS@
@DETAILS@
echo "V $(uname -r)"
grep ' _text$' /proc/kallsyms
""".replace("@OBJECTS@", objects.TRUTH).replace("@DETAILS@", details.TRUTH)


BTF = bytes.fromhex("9feb010018000000")


class Failed(Exception):
    """What is read from outside is not what the guest says."""


def compare(truth, program, ram, levels, pti):
    expected = {l.rstrip() for l in truth.splitlines() if l.startswith("P ")}
    run = subprocess.run([program, ram], capture_output=True, text=True, timeout=120)
    if run.returncode:
        raise Failed("the memory could not be read whole: " + run.stderr)
    paging = re.search(r"^levels (\d) pti (\d)$", run.stdout, re.M).groups()
    if paging != (str(levels), str(int(pti))):
        raise Failed(f"levels and KPTI are {paging}, not {levels} and {pti}")
    found = {l.rstrip() for l in run.stdout.splitlines() if l.startswith("P ")}
    # Kernel workers come and go between the two looks; everything with a program must agree.
    user = {l for l in expected if "exe=/" in l}
    extra = {l for l in found if "exe=/" in l} - user
    if len(user) < 3 or user - found or extra:
        raise Failed(f"not in memory: {user - found}; not in /proc: {extra}")
    if len(expected - found) > 5:
        raise Failed(f"kernel threads differ: {expected - found}")
    compare_maps(truth, run.stdout)
    # include/net/llc.h: one byte of address after a pointer at 8, then six of hardware address.
    if re.findall(r"^B (.*)$", run.stdout, re.M) != [
            "llc llc_sap laddr.mac 0 136 48", "llc llc_sap laddr.mac[2] 0 152 8",
            "llc list_head prev 0 64 64", "- llc_sap laddr.mac -2 0 0",
            "no_such_module llc_sap laddr.mac -2 0 0"]:
        raise Failed("types of modules: " + str(re.findall(r"^B (.*)$", run.stdout, re.M)))
    text = re.search(r"^(\w+) T _text$", truth, re.M).group(1)
    release = re.search(r"^V (\S+)$", truth, re.M).group(1)
    if f"_text {text}\n" not in run.stdout or f"release {release}\n" not in run.stdout:
        raise Failed(f"the guest says _text {text}, release {release}")


def maps(text):
    """{pid: [(range, permissions, inode, path)]}, with one name for what the kernel maps."""
    rows = {}
    for line in text.splitlines():
        if not line.startswith("M "):
            continue
        fields = line.split()
        pid, extent, perms = fields[1:4]
        # /proc has offset and device before the inode.
        rest = fields[6:] if re.fullmatch(r"[0-9a-f]{8}", fields[4]) else fields[4:]
        name = " ".join(rest[1:])
        if name in ("[vvar]", "[vdso]"):
            name = "[special]"
        elif name in ("[heap]", "[stack]"):
            name = ""
        rows.setdefault(pid, []).append((extent, perms, rest[0], name))
    return rows


def compare_maps(truth, found):
    """Every program that sleeps since before the guest reported has exactly the same VMAs."""
    names = dict(re.findall(r"^P (\d+) .* exe=(\S+)", truth, re.M))
    expected, rows = maps(truth), maps(found)
    for pid, name in names.items():
        rows.setdefault(pid, [])
        # init goes on: its heap may grow, and its last page tables with it.
        if name.endswith(("/sleep", "/many-vmas")) and expected.get(pid) != rows[pid]:
            raise Failed(f"VMAs of {pid} {name}:\n{expected.get(pid)}\nfrom outside:\n{rows[pid]}")
    if max(len(rows[pid]) for pid in names) < 2000:
        raise Failed("many-vmas does not have many VMAs")
    init, outside = ({row for row in one["1"] if row[3]} for one in (expected, rows))
    if not init or init != outside:
        raise Failed(f"files mapped by init: {init ^ outside}")


def list_them(tocsin, ram, program):
    """What `tocsin ps` prints of what both read."""
    run = subprocess.run([tocsin, "ps", "--dump", ram, "--maps", "--json"], capture_output=True,
                         text=True, timeout=120)
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    other = subprocess.run([program, ram], capture_output=True, text=True, timeout=120).stdout
    # Kernel workers come and go.
    expected = set(re.findall(r"^P (\d+) .* exe=/", other, re.M))
    found = {str(row["pid"]) for row in rows if row["exe"]}
    if run.returncode or found != expected or len(found) < 4:
        raise Failed(f"tocsin ps: exit {run.returncode}, {run.stderr}, {found} not {expected}")
    if max(len(row["vmas"]) for row in rows) < 2000:
        raise Failed("tocsin ps --maps does not show the VMAs")


def list_objects(tocsin, ram, truth):
    """Files and sockets of the programs that sleep."""
    pids = dict(re.findall(r"^P (\d+) .* exe=\S*/(sleep|many-vmas|holder|busybox|confined) ", truth, re.M))
    holder = [pid for pid, name in pids.items() if name == "holder"]
    pids.pop(re.search(r"^SHELL (\d+)$", truth, re.M).group(1))  # which closes and opens
    why = objects.compare_files(truth, tocsin, pids, "--dump", ram) or \
        objects.compare_sockets(truth, tocsin, holder[0], "--dump", ram) or \
        objects.compare_others(truth, tocsin, "--dump", ram) or \
        objects.compare_tables(truth, tocsin, "--dump", ram) or \
        objects.compare_holders(truth, tocsin, pids, "--dump", ram) or \
        details.compare_details(truth, tocsin, pids, "--dump", ram) or \
        details.compare_system(truth, tocsin, "--dump", ram) or \
        objects.compare_modules(truth, tocsin, "--dump", ram) or \
        objects.compare_log(truth, tocsin, "--dump", ram) or \
        objects.compare_hidden(tocsin, ram) or \
        objects.compare_hidden_socket(tocsin, ram)
    if why:
        raise Failed(why)


def mutate(program, ram):
    """A guest that lies, in TOCSIN_LIES rounds: nothing may crash, run on, or fail without a reason."""
    run = subprocess.run([program, ram, os.environ.get("TOCSIN_LIES", "20")], capture_output=True, text=True, timeout=800)
    if run.returncode or not run.stdout:
        raise Failed(f"mutate: exit {run.returncode}, {run.stderr[-1500:]}")
    return run.stdout.strip()


def share(program, ram, qemu):
    """One kernel in many threads, under a sanitizer that finds races. The emulator stands still, so
    that all of them must see exactly the same."""
    os.kill(qemu, signal.SIGSTOP)
    try:
        run = subprocess.run([program, ram], capture_output=True, text=True, timeout=800)
    finally:
        os.kill(qemu, signal.SIGCONT)
    if run.returncode or "WARNING" in run.stderr:
        raise Failed(f"threads: exit {run.returncode}, {run.stderr[-3000:]}")


def without_btf(program, ram):
    """What is said of a kernel that has no types: this one, when they are wiped out."""
    with open(ram, "r+b", buffering=0) as file:
        for at in guests.places(file, BTF):
            os.pwrite(file.fileno(), bytes(len(BTF)), at)
    run = subprocess.run([program, ram], capture_output=True, text=True, timeout=120)
    if run.returncode != 1 or "BTF" not in run.stderr or run.stdout:
        raise Failed(f"without BTF: exit {run.returncode}, {run.stderr} {run.stdout[:200]}")


def start(kernel, image, cpu, options):
    """The guest that all tests share, unless it is to be another one."""
    if not cpu:
        return guests.shared(kernel, image)
    return guests.Guest(kernel, image, options=options, arguments=("-cpu", cpu))


def judge(guest, levels, pti, liar):
    """Raises Failed. Returns what is worth a note."""
    note = ""
    guest.run(SETUP)
    truth = guest.run_long(TRUTH, seconds=180)
    compare(truth, PROGRAM, guest.ram, levels, pti)
    list_them(TOCSIN, guest.ram, PROGRAM)
    list_objects(TOCSIN, guest.ram, truth)
    if liar:
        note = mutate(MUTATE, guest.ram)
        share(THREADS, guest.ram, guest.qemu.pid)
    without_btf(PROGRAM, guest.ram)
    return note


def main():
    kernels = [k for k in os.environ.get("TOCSIN_LIVE_KERNELS", "").split(":") if k]
    if not kernels or not os.path.exists("/bin/busybox"):
        print("1..0 # SKIP no TOCSIN_LIVE_KERNELS or no /bin/busybox")
        sys.exit(0)
    cases = [(kernel, "", "", 5) for kernel in kernels]
    cases += [(kernels[0], "max", "nokaslr", 5), (kernels[0], "max,la57=off", "", 4),
              (kernels[0], "max", "pti=on", 5)]
    failed = 0
    os.environ["TOCSIN_KERNEL_CACHE"] = ""
    print(f"1..{len(cases)}")
    with tempfile.TemporaryDirectory() as folder:
        image = guests.common(folder)
        for number, (kernel, cpu, options, levels) in enumerate(cases, 1):
            why, note = None, ""
            try:
                with start(kernel, image, cpu, options) as guest:
                    note = judge(guest, levels, options == "pti=on", number <= 2)
            except (Failed, guests.Failed) as reason:
                why = str(reason)
            failed += why is not None
            name = " ".join(filter(None, [os.path.basename(kernel), cpu, options]))
            print(f"{'not ' if why else ''}ok {number} {name}", flush=True)
            for line in (why or note).splitlines():
                print("# " + line[:2000])
    sys.exit(failed != 0)


main()
